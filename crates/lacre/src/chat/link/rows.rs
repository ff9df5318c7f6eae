//! View models of the client as rows of the chat: safe text, ready to be shown.

use lacre_client::records::{ConversationKind, ConversationState, Standing as WantsIt, Trust};
use lacre_client::told::sentence as sentence_of;
use lacre_client::{search, view};
use lacre_proto::Handle;

use super::half;
use crate::chat::model::{
    Body, Business, Conversation, LastMessage, Marks, Message, MessageId, Quote, Safety, Stance, Standing,
    Tick,
};
use crate::chat::search::Hit;
use crate::chat::words;
use crate::output::{command_line, profile_lines, purpose};
use crate::safe_text::{safe_line, safe_text};

/// A business: the badge is drawn from what the operator has verified, and from nothing else.
pub(super) fn business(it: view::Business) -> Business {
    let may = match &it.consent {
        None => "may answer within a day".to_owned(),
        Some(consent) if consent.is_stop() => "stopped".to_owned(),
        Some(consent) => {
            let all: Vec<&str> = consent.categories.iter().copied().map(purpose).collect();
            format!("may send {}", all.join(", "))
        }
    };
    let badge = it.verified.map(|it| (safe_line(&it.display_name), safe_line(&it.domain)));
    let looks_like = it.looks_like.as_deref().map(safe_line);
    let said = it.profile.as_ref();
    let prompts = said.iter().flat_map(|said| &said.prompts).map(|prompt| safe_line(prompt));
    let commands = said.iter().flat_map(|said| &said.commands).map(command_line);
    Business {
        badge,
        may,
        looks_like,
        says: profile_lines(said),
        prompts: prompts.filter(|prompt| !prompt.is_empty()).collect(),
        commands: commands.collect(),
    }
}

/// A row of the list, as far as the view model tells of it; none for one whose rows are in another.
pub(super) fn conversation(row: view::Conversation) -> Option<Conversation> {
    let standing = match row.state {
        ConversationState::Opening => Standing::Opening,
        ConversationState::Open => Standing::Open,
        ConversationState::OutOfStep => Standing::OutOfStep,
        // Its rows are in the other one.
        ConversationState::Left => Standing::Left,
        ConversationState::MergedInto(_) => return None,
    };
    let safety = Safety {
        post_quantum: row.safety.suite.is_some().then(|| row.safety.post_quantum()),
        pinned: row.safety.pinned,
        verified: row.safety.trust == Some(Trust::Verified),
    };
    let group = row.kind == ConversationKind::Group;
    let last = row.last.map(message).map(|last| LastMessage {
        // A change of the group is not something that one said.
        mine: last.mine && !matches!(last.body, Body::Told(_)),
        text: match (&last.body, group && !last.mine) {
            (Body::Text(_), true) => format!("{}: {}", last.from, words::in_list(&last.from, &last.body)),
            (body, _) => words::in_list(&last.from, body),
        },
        tick: last.tick,
    });
    let with = safe_line(&row.name);
    let stance = match row.standing {
        WantsIt::Accepted => Stance::Accepted,
        WantsIt::Asked => Stance::Asked,
        WantsIt::Blocked => Stance::Blocked,
    };
    Some(Conversation {
        id: row.id,
        with,
        group,
        own: row.kind == ConversationKind::Own,
        last,
        active: row.active,
        unread: row.unread,
        standing,
        stance,
        safety,
        timer: 0,
        receipts: true,
        askers: 0,
        held: None,
        business: row.business.map(business),
    })
}

/// A row of a conversation, without what is to be seen of its files.
pub(super) fn message(row: view::Message) -> Message {
    let view::Message { id, from, mine, sent, body, state, reply, late, seen, marks, .. } = row;
    let marks = marks_of(&marks, &body, mine);
    let body = match body {
        view::Body::Text(text) => Body::Text(safe_text(&text)),
        view::Body::Told(change) => Body::Told(safe_line(&sentence_of(&change, from.as_str())) + "."),
        view::Body::Unknown => Body::Unknown,
        view::Body::Unreadable(why) => Body::Unreadable(half(why)),
        view::Body::Gap(missing) => Body::Gap(missing),
        other @ (view::Body::Poll(_)
        | view::Body::Place(_)
        | view::Body::Card(_)
        | view::Body::Files { .. }
        | view::Body::Menu { .. }
        | view::Body::Filled { .. }
        | view::Body::Voice { .. }) => Body::Text(crate::output::said(&other, from.as_str())),
        view::Body::Once { looked: false } => {
            Body::Text("(may be looked at once: choose it, then v)".to_owned())
        }
        other => Body::Told(crate::output::said(&other, from.as_str())),
    };
    let tick = state.map(|state| match state {
        view::Sending::Sending => Tick::Sending,
        view::Sending::Sent => Tick::Sent,
        view::Sending::Delivered => Tick::Delivered,
        view::Sending::Read => Tick::Read,
        view::Sending::Failed(why) => Tick::Failed(half(why)),
    });
    let quoted = |(from, body): (Handle, view::Body)| {
        let words = crate::output::said(&body, from.as_str());
        (from.to_string(), safe_line(&words))
    };
    let reply = reply.map(|quote| Quote { what: quote.what.map(quoted) });
    let (id, from) = (MessageId(id.0), from.to_string());
    let (picture, waveform, moves) = (None, None, false);
    Message { id, from, mine, sent, body, tick, reply, late, seen, picture, waveform, moves, marks }
}

/// What happened to a message, in words and as what can be done with it.
fn marks_of(marks: &view::Marks, body: &view::Body, mine: bool) -> Marks {
    let mut told = Vec::new();
    told.extend(marks.edited.map(|_| "edited".to_owned()));
    told.extend(marks.given_by.as_ref().map(|by| format!("given by {by}")));
    if marks.forwarded > 0 {
        told.push(if marks.forwarded > 5 { "forwarded many times" } else { "forwarded" }.to_owned());
    }
    told.extend(marks.pinned_by.as_ref().map(|by| format!("pinned by {by}")));
    if marks.starred {
        told.push("★".to_owned());
    }
    if marks.transferred {
        told.push("from another device of yours".to_owned());
    }
    for reaction in &marks.reactions {
        let (emoji, count) = (safe_line(&reaction.emoji), reaction.who.len());
        let mine = if reaction.mine { " (you)" } else { "" };
        told.push(if count > 1 { format!("{emoji} {count}{mine}") } else { format!("{emoji}{mine}") });
    }
    let mut all = Marks {
        told: told.join(" · "),
        timer: marks.timer,
        vanishes: marks.vanishes,
        pinned: marks.pinned_by.is_some(),
        starred: marks.starred,
        once: *body == view::Body::Once { looked: false },
        files: crate::commands::files::files(body).len(),
        choices: match body {
            view::Body::Menu { menu, .. } if !mine => crate::output::choices(menu),
            _ => Vec::new(),
        },
        form: match body {
            view::Body::Menu { menu, .. } if !mine => menu.form().cloned(),
            _ => None,
        },
        ..Marks::default()
    };
    if let view::Body::Poll(poll) = body {
        all.options = poll.options.len();
        all.multiple = poll.multiple;
        let mine = (0u8..).zip(&poll.options).filter(|(_, choice)| choice.mine);
        all.votes = mine.map(|(answer, _)| answer).collect();
    }
    all
}

pub(super) fn hit_of(hit: search::Hit, name: &str) -> Hit {
    let search::Hit { message, excerpt, matches } = hit;
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut piece = |range: std::ops::Range<usize>, found| {
        let text = safe_text(&excerpt[range]).replace('\n', " ");
        if !text.is_empty() {
            pieces.push((text, found));
        }
    };
    for range in matches {
        piece(at..range.start, false);
        at = range.end;
        piece(range, true);
    }
    piece(at..excerpt.len(), false);
    Hit {
        conversation: message.conversation,
        name: safe_line(name),
        id: MessageId(message.id.0),
        from: (!message.mine).then(|| message.from.to_string()),
        sent: message.sent,
        excerpt: pieces,
    }
}

#[cfg(test)]
mod tests {
    use lacre_client::content::MessageId as ClientId;
    use lacre_client::records::{Failure, Position, Unreadable};
    use lacre_proto::ConversationId;

    use super::super::sentence;
    use super::*;

    fn row(body: view::Body) -> view::Message {
        view::Message {
            id: ClientId([7; 16]),
            conversation: ConversationId([1; 16]),
            position: Position { anchor: 1, counter: 0 },
            from: "bruno".parse().unwrap(),
            mine: false,
            sent: 1,
            body,
            state: None,
            reply: None,
            late: false,
            seen: false,
            marks: view::Marks::default(),
        }
    }

    #[test]
    fn what_others_wrote_is_made_safe_on_its_way_in() {
        let hostile = "\u{1b}[2J\nana: yes\u{202e}".to_owned();
        let what = Some(("ana".parse().unwrap(), view::Body::Text(hostile.clone())));
        let quote = view::Quote { id: ClientId([8; 16]), what };
        let shown = message(view::Message { reply: Some(quote), ..row(view::Body::Text(hostile)) });
        assert_eq!(shown.body, Body::Text("␛[2J\nana: yes\u{fffd}".to_owned()));
        let quoted = ("ana".to_owned(), "␛[2J ana: yes\u{fffd}".to_owned());
        assert_eq!(shown.reply, Some(Quote { what: Some(quoted) }), "a quote is one line");
    }

    #[test]
    fn reasons_are_half_sentences() {
        let unreadable = message(row(view::Body::Unreadable(Unreadable::Undecryptable)));
        assert_eq!(unreadable.body, Body::Unreadable("it could not be opened".to_owned()));
        let state = Some(view::Sending::Failed(Failure::Yourself));
        let failed = message(view::Message { state, ..row(view::Body::Unknown) });
        assert_eq!(failed.tick, Some(Tick::Failed("this is your own handle".to_owned())));
        assert_eq!(sentence(&half("the client is closed.")), "The client is closed.");
    }
}
