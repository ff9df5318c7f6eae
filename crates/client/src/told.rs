//! Changes of a conversation, in plain sentences.

use lacre_engine::records::{Allowed, Change, Named, Rules};

/// What a row that tells of a change says; `by` is who made it. Names of groups and people are not made safe for
/// a screen.
pub fn sentence(change: &Change, by: &str) -> String {
    match change {
        Change::Made => format!("{by} made the group"),
        Change::Added(people) => format!("{by} added {}", names(people)),
        Change::Removed(people) => format!("{by} removed {}", names(people)),
        Change::Left => format!("{by} left"),
        Change::Role(who, true) => format!("{by} made {} an admin", who.handle),
        Change::Role(who, false) => format!("{by} made {} an ordinary member", who.handle),
        Change::Rules(rules) => format!("{by} changed the rules: {}", rules_in_words(*rules)),
        Change::NotAdded(who, why) => format!("{} was not added: {why}", who.handle),
        Change::Refused(why) => format!("A change that you wanted did not come to pass: {why}"),
        Change::LetIn(who) => {
            format!("{by} let a device of {} in again, which had lost its place", who.handle)
        }
        Change::Gave(people, 1) => format!("{by} gave {} the last message", names(people)),
        Change::Gave(people, count) => format!("{by} gave {} the last {count} messages", names(people)),
        Change::NotProven(count) => format!(
            "{count} of the messages that {by} gave you are not shown: it is not proven that they were said here"
        ),
        Change::Broken => format!(
            "{by} broke the rules of this group; nothing of that was followed, and the group goes on without {by}"
        ),
        Change::Back => format!(
            "{by} let this device in again, which had lost its place; what was said meanwhile is not here"
        ),
        Change::ShutOut(true) => format!(
            "After a change by {by} the relay took nothing from anybody else any more; the group goes on as a new \
             one, without {by}"
        ),
        Change::ShutOut(false) => format!(
            "After a change by {by} the relay took nothing from you any more; the conversation goes on as a new one"
        ),
        Change::Split(who) => {
            let anew = match who {
                Some(who) => format!("{} begins it anew with everybody", who.handle),
                None => "make a new one, with everybody".to_owned(),
            };
            format!(
                "This conversation was split: the relay has shown it in two versions. {anew}; what was said in the \
                 other part is not here"
            )
        }
        Change::KeyChanged(who, false) => format!(
            "The identity key of {0} has changed: {0} may have signed up again, or somebody stands between you. \
             Nothing is sent to the new one until you accept it",
            who.handle
        ),
        Change::KeyChanged(who, true) => format!(
            "ATTENTION: you had compared the safety number with {0}, and it is another one now. Nothing is sent to \
             the new one until you accept it. Ask {0} in another way first, by voice or face to face",
            who.handle
        ),
        Change::KeyBack(who) => {
            format!(
                "The relay names the identity key of {} again that was known before; nothing is held back",
                who.handle
            )
        }
        Change::ActsFor(who, true) => {
            format!("{by} lets {} act for it; they may read what is said here", listed(who))
        }
        Change::ActsFor(who, false) => format!("{} does not act for {by} any more", listed(who)),
        Change::Keeps(0) => format!("{by} has changed what it says of what it does with what you write"),
        Change::Keeps(1) => format!("{by} says that it keeps what is said here for a day"),
        Change::Keeps(days) => format!("{by} says that it keeps what is said here for {days} days"),
        Change::KeyAccepted(who) => format!(
            "The identity key of {} has changed, and {by} accepted the new one; the safety number was not compared yet",
            who.handle
        ),
    }
}

/// The rules of a group in words.
pub fn rules_in_words(rules: Rules) -> String {
    let who = |allowed| match allowed {
        Allowed::All => "everybody",
        Allowed::Admins => "only admins",
    };
    format!(
        "{} may add people, {} may change name and description, {} may send",
        who(rules.add),
        who(rules.edit),
        who(rules.send)
    )
}

fn names(people: &[Named]) -> String {
    listed(&people.iter().map(|named| named.handle.as_str()).collect::<Vec<_>>())
}

fn listed(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        None => "nobody".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
