//! Safety numbers: shown, compared, and what becomes of somebody who has another identity key.

use std::path::Path;

use lacre_client::records::{Contact, ConversationKind, GroupMember, KeyChange, Trust};
use lacre_client::view::{Conversation, Views};
use lacre_client::{EngineError, Intent, SafetyNumber};
use lacre_proto::{AccountId, ConversationId, Millis};

use super::panels::{MINUTES, count};
use super::{Link, half};
use crate::chat::panel::{Known, Of, Row, Shown, Text, What};
use crate::chat::state::Msg;
use crate::commands::safety::in_file;
use crate::output;

/// With whom a number is.
struct Subject {
    /// Who is pinned.
    who: AccountId,
    /// The handle; one's own devices have none.
    name: Option<String>,
    /// The number with who is pinned.
    number: SafetyNumber,
    /// The identity that waits to be accepted, with its number.
    change: Option<(KeyChange, SafetyNumber)>,
}

/// What has come of comparing.
#[derive(Debug, PartialEq, Eq)]
enum Compared {
    /// It is the number.
    Same,
    /// It is that of the identity that waits to be accepted.
    New,
    /// It is that of before, and another identity waits to be accepted.
    Old,
    /// It is another one.
    Other,
}

impl Link {
    /// Compares the number of a panel with that in a file; when it is the same, that is remembered.
    pub(super) async fn compare(&self, what: What, file: &str) -> Result<Msg, String> {
        let found = self.0.read(|views| match who_of(views, what)? {
            Some(who) => subject(views, who),
            None => Ok(None),
        });
        let subject = found.map_err(half)?.ok_or("nothing is known of this person's identity yet")?;
        let other = in_file(Path::new(file)).map_err(half)?;
        let name = subject.name.as_deref().unwrap_or("your own devices");
        Ok(match subject.compared(&other) {
            Compared::Same => {
                // With one's own devices there is nobody to be marked.
                if subject.name.is_some() {
                    self.0.intend(Intent::MarkVerified(subject.who, other)).await.map_err(half)?;
                }
                Msg::Done(format!("The numbers are the same: nobody stands between you and {name}."))
            }
            Compared::New => Msg::Done(format!(
                "This is the number of the new key: who gave it to you has that. If it was {name}, accept it with a."
            )),
            Compared::Old => Msg::Alert(
                None,
                format!(
                    "This is the number of before: who gave it to you has not the key that the relay gives for {name} \
                     now. Do not accept it before you know why."
                ),
            ),
            Compared::Other => Msg::Alert(
                None,
                format!(
                    "The safety numbers differ: somebody may stand between you and {name}, or one of you has a new \
                     identity. Do not rely on this conversation until you know which."
                ),
            ),
        })
    }
}

impl Subject {
    fn compared(&self, other: &SafetyNumber) -> Compared {
        match &self.change {
            None if *other == self.number => Compared::Same,
            Some((_, after)) if other == after => Compared::New,
            Some(_) if *other == self.number => Compared::Old,
            _ => Compared::Other,
        }
    }
}

/// With whom the number of a panel is; nobody where it has none.
fn who_of(views: Views<'_>, what: What) -> Result<Option<AccountId>, EngineError> {
    match what {
        What::Number(who, _) => Ok(Some(who)),
        What::Safety(id) => match views.conversation(id)? {
            Some(conversation) => peer(views, &conversation),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The other side of a conversation: somebody, or one's own devices.
fn peer(views: Views<'_>, conversation: &Conversation) -> Result<Option<AccountId>, EngineError> {
    Ok(match conversation.kind {
        ConversationKind::Own => views.me()?.map(|me| me.account),
        ConversationKind::Group => None,
        ConversationKind::Direct => {
            match views.records().conversation(conversation.id)?.and_then(|record| record.peer) {
                Some(peer) => Some(peer),
                // It is not opened, because who has the handle now was not accepted.
                None => views
                    .records()
                    .key_changes()?
                    .into_iter()
                    .find(|change| Some(&change.handle) == conversation.with.as_ref())
                    .map(|change| change.from),
            }
        }
    })
}

fn subject(views: Views<'_>, who: AccountId) -> Result<Option<Subject>, EngineError> {
    let records = views.records();
    if views.me()?.is_some_and(|me| me.account == who) {
        let number = records.safety_number(who)?;
        return Ok(number.map(|number| Subject { who, name: None, number, change: None }));
    }
    // Of an identity that others came after, it is the last that counts.
    let mut who = who;
    while let Some(next) = records.contact(who)?.and_then(|contact| contact.succeeded_by) {
        who = next;
    }
    let change = records.key_changes()?.into_iter().find(|it| it.from == who || it.account == who);
    let who = change.as_ref().map_or(who, |change| change.from);
    let (Some(contact), Some(number)) = (records.contact(who)?, records.safety_number(who)?) else {
        return Ok(None);
    };
    let change = match change {
        Some(change) => records.safety_number_after(&change)?.map(|after| (change, after)),
        None => None,
    };
    Ok(Some(Subject { who, name: Some(contact.handle.to_string()), number, change }))
}

/// Who has come with another identity key, where nothing is sent because of that.
pub(super) fn held_by(views: Views<'_>, id: ConversationId) -> Result<Option<String>, EngineError> {
    let Some(record) = views.records().conversation(id)? else { return Ok(None) };
    for change in views.records().key_changes()? {
        let here = match (record.kind, record.peer) {
            (ConversationKind::Direct, Some(peer)) => change.from == peer || change.account == peer,
            (ConversationKind::Direct, None) => record.handle.as_ref() == Some(&change.handle),
            (ConversationKind::Group, _) => {
                let members = views.group_members(id)?;
                change.account != change.from && members.iter().any(|member| member.account == change.account)
            }
            (ConversationKind::Own, _) => false,
        };
        if here {
            return Ok(Some(change.handle.to_string()));
        }
    }
    Ok(None)
}

/// How a conversation is sealed, and the number with the other person.
pub(super) fn safety(views: Views<'_>, id: ConversationId) -> Result<Shown, EngineError> {
    let Some(conversation) = views.conversation(id)? else { return Ok(Shown::default()) };
    let sealed = sealed(&conversation);
    if conversation.kind == ConversationKind::Group {
        return safety_of_group(views, conversation.id, &sealed);
    }
    match peer(views, &conversation)? {
        Some(peer) => number(views, peer, sealed),
        None => {
            let why = "It is being opened: the number is there once the other person's keys have come.";
            let above = vec![Text::Plain(sealed), Text::Plain(why.to_owned())];
            Ok(Shown { above, ..Shown::default() })
        }
    }
}

fn sealed(conversation: &Conversation) -> String {
    let safety = &conversation.safety;
    match (safety.suite, safety.post_quantum()) {
        (None, _) => "This conversation is being opened; nothing has left this device yet.".to_owned(),
        (Some(_), true) => format!(
            "Sealed end to end, also against a quantum computer of later days ({}).",
            safety.suite_name()
        ),
        (Some(_), false) => format!("Sealed end to end ({}).", safety.suite_name()),
    }
}

fn safety_of_group(views: Views<'_>, id: ConversationId, sealed: &str) -> Result<Shown, EngineError> {
    let members = views.group_members(id)?;
    let changes = views.records().key_changes()?;
    let told = format!(
        "{sealed} Only its {} members can read it. A safety number is between two people: choose one.",
        members.len()
    );
    let row = |member: GroupMember| {
        let change = changes.iter().find(|it| it.from == member.account || it.account == member.account);
        let name = change.map_or(&member.handle, |change| &change.handle).to_string();
        let says = match member.trust {
            Trust::Verified => vec!["Verified: you compared the number.".to_owned()],
            Trust::Changed => vec!["ANOTHER IDENTITY KEY has come in their place: Enter.".to_owned()],
            Trust::New => {
                vec![format!("ANOTHER IDENTITY KEY than that of the {name} you know: Enter.")]
            }
            Trust::Past => vec!["The key of before; you have accepted another one.".to_owned()],
            Trust::Pinned => Vec::new(),
        };
        Row { of: Of::Person(member.account, name.clone()), head: name, when: None, says }
    };
    let rows = members.into_iter().filter(|member| !member.me).map(row).collect();
    Ok(Shown { above: vec![Text::Plain(told)], rows, ..Shown::default() })
}

/// The number with somebody, or of one's own devices; `sealed` says how the conversation is sealed.
pub(super) fn number(views: Views<'_>, who: AccountId, sealed: String) -> Result<Shown, EngineError> {
    let Some(Subject { who, name: of, number, change }) = subject(views, who)? else {
        let why = "Nothing is known of this person's identity yet.".to_owned();
        return Ok(Shown { above: vec![Text::Plain(why)], ..Shown::default() });
    };
    let verified = views.records().verified(who)?;
    let name = of.clone().unwrap_or_else(|| "your own devices".to_owned());
    let mut above = Vec::new();
    if !sealed.is_empty() {
        above.push(Text::Plain(sealed));
    }
    match (&change, views.records().contact(who)?) {
        (Some((change, _)), _) => above.extend(changed(&name, change)),
        (None, Some(contact)) => above.extend(unchanged(&name, &contact, verified)),
        (None, None) => {}
    }
    match &change {
        None => above.extend(digits(&format!("Safety number with {name}"), &number)),
        Some((_, after)) => {
            above.extend(digits(&format!("Safety number with {name} now"), after));
            above.extend(digits("Safety number before", &number));
        }
    }
    above.push(Text::Plain(String::new()));
    above.push(Text::Quiet(match (&of, verified) {
        (None, _) => "Your other devices show the same under `lacre safety`.".to_owned(),
        (Some(_), Some(_)) => format!("You have compared it with {name}: nobody stands between you."),
        (Some(_), None) => format!(
            "Compare it with what {name} sees, by voice or face to face. When it is the same, nobody stands between \
             you."
        ),
    }));
    let code = change.as_ref().map_or(&number, |(_, after)| after).to_qr();
    let known = of.map(|name| Known {
        who,
        name,
        number: code.clone(),
        verified: verified.is_some(),
        other: change.map(|(change, _)| change.identity_key),
    });
    Ok(Shown { above, code: Some(code), known, ..Shown::default() })
}

/// A title and its 60 digits.
fn digits(title: &str, number: &SafetyNumber) -> Vec<Text> {
    let groups = number.groups();
    let lines = groups.chunks(4).map(|line| Text::Strong(format!("  {}", line.join(" "))));
    [Text::Plain(String::new()), Text::Strong(title.to_owned())].into_iter().chain(lines).collect()
}

fn unchanged(name: &str, contact: &Contact, verified: Option<Millis>) -> Vec<Text> {
    let devices = u32::try_from(contact.devices.len()).unwrap_or(u32::MAX);
    let mut says = vec![format!(
        "{name}'s identity key is the same since this device first saw it, on {}. {}.",
        output::local(contact.pinned_ms, MINUTES),
        count(devices, "device speaks for it", "devices speak for it")
    )];
    if !contact.confirmed {
        says.push("The relay's directory has not said that the handle is theirs.".to_owned());
    }
    says.extend(
        verified
            .map(|since| format!("Verified: you compared the number on {}.", output::local(since, MINUTES))),
    );
    says.into_iter().map(Text::Plain).collect()
}

fn changed(name: &str, change: &KeyChange) -> Vec<Text> {
    let compared = if change.verified_ms.is_some() { " YOU HAD COMPARED the number before." } else { "" };
    vec![
        Text::Strong(format!("THE IDENTITY KEY OF {name} HAS CHANGED.{compared}")),
        Text::Plain(format!(
            "Noticed on {}. {name} may have signed up again after losing every device, or somebody stands between \
             you. Nothing is sent before you decide. Ask {name} in another way, by voice or face to face, and compare \
             the number of now.",
            output::local(change.noticed_ms, MINUTES)
        )),
    ]
}

#[cfg(test)]
mod tests {
    use lacre_proto::wire::response;
    use lacre_testkit::World;

    use super::*;

    /// Ana has talked with Bruno; then the relay says that the handle is Carla's, who writes to her.
    fn another_has_the_handle() -> World {
        let mut world = World::new(4711);
        world.people(&["ana", "bruno", "carla"]);
        world.say("ana", "bruno", "before");
        world.settle();
        let carla = world.device("carla").account().to_wire();
        world.evil.on_answer(move |name, _, result| match result {
            response::Result::Account(mut told) if name == "ana" && told.account == carla => {
                told.handle = "bruno".to_owned();
                response::Result::Account(told)
            }
            result => result,
        });
        world.wary("ana");
        world.say("carla", "ana", "it is me");
        world.pass(60_000);
        world
    }

    fn views(world: &World) -> Views<'_> {
        Views(world.device("ana").store().rows())
    }

    #[test]
    fn d10_a_changed_identity_is_shown_with_both_numbers_and_is_never_the_same() {
        let world = another_has_the_handle();
        let (bruno, carla) = (world.device("bruno").account(), world.device("carla").account());
        let id = world.device("ana").direct_with("bruno").unwrap();
        let views = views(&world);
        let change = views.records().key_change(bruno).unwrap().expect("it was seen");
        let before = views.records().safety_number(bruno).unwrap().unwrap();
        let after = views.records().safety_number_after(&change).unwrap().unwrap();
        assert_eq!(held_by(views, id).unwrap(), Some("bruno".to_owned()));
        let request = views.requests().unwrap()[0].conversation;
        assert_eq!(held_by(views, request).unwrap(), Some("bruno".to_owned()), "who comes now waits as well");
        for shown in [safety(views, id), safety(views, request), number(views, carla, String::new())] {
            let shown = shown.unwrap();
            let says = |text: &str| shown.above.iter().any(|it| matches!(it, Text::Strong(it) if it == text));
            assert!(says("THE IDENTITY KEY OF bruno HAS CHANGED."), "{:?}", shown.above);
            assert!(says("Safety number with bruno now") && says("Safety number before"));
            assert!(says(&format!("  {}", before.groups()[..4].join(" "))));
            assert!(says(&format!("  {}", after.groups()[..4].join(" "))));
            let known = shown.known.expect("somebody");
            assert_eq!((known.who, known.other, known.verified), (bruno, Some(change.identity_key), false));
        }
        let bruno = subject(views, bruno).unwrap().unwrap();
        assert_eq!((bruno.compared(&before), bruno.compared(&after)), (Compared::Old, Compared::New));
    }

    #[test]
    fn d10_once_accepted_the_new_number_is_the_number_and_can_be_verified() {
        let mut world = another_has_the_handle();
        let (bruno, carla) = (world.device("bruno").account(), world.device("carla").account());
        let change = views(&world).records().key_change(bruno).unwrap().expect("it was seen");
        let after = views(&world).records().safety_number_after(&change).unwrap().unwrap();
        world.intend("ana", Intent::AcceptIdentity(bruno, change.identity_key));
        world.pass(60_000);
        let id = world.device("ana").direct_with("bruno").unwrap();
        assert_eq!(held_by(views(&world), id).unwrap(), None);
        let known = safety(views(&world), id).unwrap().known.expect("somebody");
        assert_eq!((known.who, known.number, known.other), (carla, after.to_qr(), None));
        // A panel that was opened before follows.
        let old = subject(views(&world), bruno).unwrap().unwrap();
        assert_eq!((old.who, old.compared(&after)), (carla, Compared::Same));
        assert!(!known.verified);
        world.intend("ana", Intent::MarkVerified(carla, after));
        assert!(safety(views(&world), id).unwrap().known.expect("somebody").verified);
    }
}
