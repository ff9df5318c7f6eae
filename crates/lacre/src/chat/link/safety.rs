//! Safety numbers: shown, and compared.

use std::path::Path;

use lacre_client::EngineError;
use lacre_client::records::ConversationKind;
use lacre_client::view::{Conversation, Views};
use lacre_proto::{AccountId, ConversationId, Handle};

use super::panels::{MINUTES, count};
use super::{Link, half};
use crate::chat::panel::{Of, Row, Shown, Text, What};
use crate::chat::state::Msg;
use crate::commands::safety::in_file;
use crate::output;

impl Link {
    /// Compares the number of a panel with that in a file.
    pub(super) fn compare(&self, what: What, file: &str) -> Result<Msg, String> {
        let number = self.0.read(|views| {
            let who = match what {
                What::Number(who, _) => Some(who),
                What::Safety(id) => views.records().conversation(id)?.and_then(|it| it.peer),
                _ => None,
            };
            let who = match who {
                Some(who) => Some(who),
                None => views.me()?.map(|me| me.account),
            };
            who.map_or(Ok(None), |who| views.records().safety_number(who))
        });
        let number = number.map_err(half)?.ok_or("nothing is known of this person's identity yet")?;
        let other = in_file(Path::new(file)).map_err(half)?;
        if other == number {
            return Ok(Msg::Done("The numbers are the same: nobody stands between you.".to_owned()));
        }
        let differ = "The safety numbers differ: somebody may stand between you, or one of you has a new identity. Do \
                      not rely on this conversation until you know which.";
        Ok(Msg::Alert(None, differ.to_owned()))
    }
}

/// How a conversation is sealed, and the number with the other person.
pub(super) fn safety(views: Views<'_>, id: ConversationId) -> Result<Shown, EngineError> {
    let Some(conversation) = views.conversation(id)? else { return Ok(Shown::default()) };
    let sealed = sealed(&conversation);
    let peer = views.records().conversation(conversation.id)?.and_then(|record| record.peer);
    match (conversation.kind, peer) {
        (ConversationKind::Group, _) => safety_of_group(views, conversation.id, &sealed),
        (ConversationKind::Own, _) => match views.me()? {
            Some(me) => number(views, me.account, sealed),
            None => Ok(Shown::default()),
        },
        (ConversationKind::Direct, Some(peer)) => number(views, peer, sealed),
        (ConversationKind::Direct, None) => {
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
    let told = format!(
        "{sealed} Only its {} members can read it. A safety number is between two people: choose one.",
        members.len()
    );
    let others = members.into_iter().filter(|member| !member.me);
    let row = |handle: Handle, account| Row {
        of: Of::Person(account, handle.to_string()),
        head: handle.to_string(),
        when: None,
        says: Vec::new(),
    };
    let rows = others.map(|member| row(member.handle, member.account)).collect();
    Ok(Shown { above: vec![Text::Plain(told)], rows, code: None })
}

/// The number with somebody, or of one's own devices; `sealed` says how the conversation is sealed.
pub(super) fn number(views: Views<'_>, who: AccountId, sealed: String) -> Result<Shown, EngineError> {
    let me = views.me()?.filter(|me| me.account == who);
    let contact = views.records().contact(who)?;
    let Some(number) = views.records().safety_number(who)? else {
        let why = "Nothing is known of this person's identity yet.".to_owned();
        return Ok(Shown { above: vec![Text::Plain(why)], ..Shown::default() });
    };
    let name = match (&me, &contact) {
        (Some(_), _) | (None, None) => "your own devices".to_owned(),
        (None, Some(contact)) => contact.handle.to_string(),
    };
    let mut above = Vec::new();
    if !sealed.is_empty() {
        above.push(Text::Plain(sealed));
    }
    if let Some(contact) = &contact {
        above.push(Text::Plain(format!(
            "{name}'s identity key is the same since this device first saw it, on {}. {}.",
            output::local(contact.pinned_ms, MINUTES),
            count(
                u32::try_from(contact.devices.len()).unwrap_or(u32::MAX),
                "device speaks for it",
                "devices speak for it"
            )
        )));
        if !contact.confirmed {
            let told = "The relay's directory has not said that the handle is theirs.";
            above.push(Text::Plain(told.to_owned()));
        }
    }
    above.push(Text::Plain(String::new()));
    above.push(Text::Strong(format!("Safety number with {name}")));
    above.extend(number.groups().chunks(4).map(|line| Text::Strong(format!("  {}", line.join(" ")))));
    above.push(Text::Plain(String::new()));
    let compare = match me {
        Some(_) => "Your other devices show the same under `lacre safety`.".to_owned(),
        None => format!(
            "Compare it with what {name} sees, by voice or face to face. When it is the same, nobody stands between \
             you."
        ),
    };
    above.push(Text::Quiet(compare));
    Ok(Shown { above, rows: Vec::new(), code: Some(number.to_qr()) })
}
