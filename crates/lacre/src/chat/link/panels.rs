//! What panels show, read from the client at once.

use lacre_client::EngineError;
use lacre_client::content::MessageId as ClientId;
use lacre_client::groups::Asker;
use lacre_client::records::{ConversationKind, Heard, OwnDevice};
use lacre_client::strangers::Request;
use lacre_client::view::{Conversation, Later, Message, Sending, Views};
use lacre_proto::{AccountId, ConversationId, Handle};

use super::{Link, half, rows};
use crate::chat::lines;
use crate::chat::model::MessageId;
use crate::chat::panel::{Of, Row, Shown, Text, What};
use crate::output;
use crate::safe_text::{safe_line, safe_text};

/// Most characters of a message that are shown in a list.
const EXCERPT: usize = 200;
const MINUTES: &str = "%-d %b %Y, %H:%M";

impl Link {
    /// What a panel shows.
    pub(super) fn read_panel(&self, what: What) -> Result<Shown, String> {
        let shown = self.0.read(|views| match what {
            What::Requests => requests(views),
            What::Devices => devices(views),
            What::Safety(id) => safety(views, id),
            What::Number(who, _) => number(views, who, String::new()),
            What::GroupLink(id) => group_link(views, id),
            What::Pinned(id) => messages(views, views.pinned(id)?),
            What::Starred => {
                let mut starred = views.starred()?;
                starred.reverse();
                messages(views, starred)
            }
            What::Later => later(views),
            What::Blocked => blocked(views),
            What::About(id, message) => about(views, id, ClientId(message.0)),
        });
        shown.map_err(half)
    }
}

fn requests(views: Views<'_>) -> Result<Shown, EngineError> {
    let row = |request: Request| {
        let Request { conversation, kind, name, from, goes_by, common_groups, messages, since } = request;
        let name = safe_line(&name);
        let group = kind == ConversationKind::Group;
        let who = from.as_ref().map(|person| person.handle.to_string());
        let mut says = Vec::new();
        if group {
            says.push(format!("A group; added by {}.", who.as_deref().unwrap_or("somebody")));
        }
        says.extend(
            goes_by.map(|name| format!("Goes by “{}”: a name of their own choice.", safe_line(&name))),
        );
        says.push(match from {
            Some(person) if person.confirmed => {
                "The relay's directory says that the handle is theirs.".to_owned()
            }
            Some(_) => "They say this is their handle; the relay's directory has not said so.".to_owned(),
            None => "It is not known who they are.".to_owned(),
        });
        let common: Vec<String> = common_groups.iter().map(|name| safe_line(name)).collect();
        says.push(match common.as_slice() {
            [] => format!("{}; no group in common.", count(messages, "message", "messages")),
            common => {
                format!("{}; both in {}.", count(messages, "message", "messages"), common.join(", "))
            }
        });
        Row { of: Of::Request(conversation, name.clone()), head: name, when: Some(since), says }
    };
    let mut rows: Vec<Row> = views.requests()?.into_iter().map(row).collect();
    for conversation in views.conversations()? {
        let name = safe_line(&conversation.name);
        for asker in views.askers(conversation.id)? {
            rows.push(row_of_asker(asker, conversation.id, &name));
        }
    }
    let told = "You never wrote to them. Until you accept they do not learn that anything came.";
    let above = if rows.is_empty() { Vec::new() } else { vec![Text::Quiet(told.to_owned())] };
    Ok(Shown { above, rows, code: None })
}

fn row_of_asker(asker: Asker, group: ConversationId, name: &str) -> Row {
    let Asker { person, goes_by, common_groups, asked, .. } = asker;
    let handle = person.handle.to_string();
    let mut says = vec![format!("Asks to be let into {name}, by its link.")];
    says.extend(goes_by.map(|name| format!("Goes by “{}”: a name of their own choice.", safe_line(&name))));
    if !person.confirmed {
        says.push("They say this is their handle; the relay's directory has not said so.".to_owned());
    }
    let common: Vec<String> = common_groups.iter().map(|name| safe_line(name)).collect();
    if !common.is_empty() {
        says.push(format!("Both in {}.", common.join(", ")));
    }
    Row { of: Of::Asker(group, person.account, handle.clone()), head: handle, when: Some(asked), says }
}

/// The link of a group, where this device has made the one that stands.
fn group_link(views: Views<'_>, id: ConversationId) -> Result<Shown, EngineError> {
    let stands = views.group(id)?.is_some_and(|group| group.link.is_some());
    let (above, code) = match (views.group_link(id)?, stands) {
        (Some((link, until)), _) => {
            let until = match until {
                0 => "as long as it stands".to_owned(),
                until => format!("until {}", output::local(until, MINUTES)),
            };
            let told = format!("Who has it can ask you to be let in, and nothing more; good {until}.");
            (vec![Text::Strong(link.to_string()), Text::Plain(told)], Some(link.to_string()))
        }
        (None, true) => {
            let told = "This group has a link that another device has made, and only that one can show it.";
            (vec![Text::Plain(told.to_owned())], None)
        }
        (None, false) => {
            let told = "This group has no link. Admins make one, by which people can ask to be let in.";
            (vec![Text::Plain(told.to_owned())], None)
        }
    };
    Ok(Shown { above, rows: Vec::new(), code })
}

fn count(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn devices(views: Views<'_>) -> Result<Shown, EngineError> {
    let all = views.records().own_devices()?;
    let under_way = views.records().devices_under_way()?;
    let called = |device: &OwnDevice| match device.name.is_empty() {
        true => short(&device.device.to_string()),
        false => safe_line(&device.name),
    };
    let row = |device: &OwnDevice| {
        let this = if device.this { " (this one)" } else { "" };
        let mut says = vec![format!("Since {}.", output::local(device.added, MINUTES))];
        if let Some(by) = device.added_by.and_then(|by| all.iter().find(|other| other.device == by)) {
            says[0] = format!("Since {}, let in by {}.", output::local(device.added, MINUTES), called(by));
        }
        if device.quarantine_until > 0 {
            says.push(format!(
                "New: until {} it cannot add or remove devices, unless another one approves it.",
                output::local(device.quarantine_until, MINUTES)
            ));
        }
        Row {
            of: Of::Device(device.device, called(device), device.this),
            head: format!("{}{this}", called(device)),
            when: None,
            says,
        }
    };
    let rows = all.iter().map(row).collect();
    let above = match under_way {
        0 => Vec::new(),
        1 => vec![Text::Plain("1 conversation still follows the last change.".to_owned())],
        many => vec![Text::Plain(format!("{many} conversations still follow the last change."))],
    };
    let me = views.me()?.map(|me| me.account);
    let number = match me {
        Some(me) => views.records().safety_number(me)?,
        None => None,
    };
    Ok(Shown { above, rows, code: number.map(|number| number.to_qr()) })
}

/// The beginning of an id, for what has no name.
fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

fn safety(views: Views<'_>, id: ConversationId) -> Result<Shown, EngineError> {
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
fn number(views: Views<'_>, who: AccountId, sealed: String) -> Result<Shown, EngineError> {
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

fn messages(views: Views<'_>, messages: Vec<Message>) -> Result<Shown, EngineError> {
    let mut rows = Vec::with_capacity(messages.len());
    for message in messages {
        let name = views.conversation(message.conversation)?.map(|it| it.name).unwrap_or_default();
        rows.push(row_of(message, &safe_line(&name)));
    }
    Ok(Shown { rows, ..Shown::default() })
}

fn row_of(message: Message, name: &str) -> Row {
    let of = Of::Message(message.conversation, MessageId(message.id.0));
    let when = Some(message.sent);
    let shown = rows::message(message);
    let who = if shown.mine { "you" } else { &shown.from };
    let head = if who == name { who.to_owned() } else { format!("{who} in {name}") };
    Row { of, head, when, says: vec![excerpt(&lines::note(&shown.from, &shown.body))] }
}

fn excerpt(text: &str) -> String {
    let line = safe_line(text);
    let mut short: String = line.chars().take(EXCERPT).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

fn later(views: Views<'_>) -> Result<Shown, EngineError> {
    let row = |later: Later| {
        let Later { id, conversation, name, at, text } = later;
        let name = safe_line(&name);
        let text = text.map_or_else(String::new, |text| safe_text(&text));
        let says = if text.is_empty() { "(not a text)".to_owned() } else { excerpt(&text) };
        Row {
            of: Of::Later(conversation, MessageId(id.0), text),
            head: format!("to {name}, {}", output::local(at, MINUTES)),
            when: None,
            says: vec![says],
        }
    };
    let rows: Vec<Row> = views.scheduled()?.into_iter().map(row).collect();
    let told = "This device sends it when Lacre runs then, or the next time it runs.";
    let above = if rows.is_empty() { Vec::new() } else { vec![Text::Quiet(told.to_owned())] };
    Ok(Shown { above, rows, code: None })
}

fn blocked(views: Views<'_>) -> Result<Shown, EngineError> {
    let blocked = views.blocked()?.into_iter();
    let rows = blocked.map(|block| Row {
        of: Of::Person(block.account, block.handle.to_string()),
        head: block.handle.to_string(),
        when: None,
        says: vec![format!("Since {}.", output::local(block.since_ms, MINUTES))],
    });
    Ok(Shown { rows: rows.collect(), ..Shown::default() })
}

fn about(views: Views<'_>, id: ConversationId, message: ClientId) -> Result<Shown, EngineError> {
    let gone = || Text::Plain("This message is not here any more.".to_owned());
    let Some(row) = views.message(id, message)? else {
        return Ok(Shown { above: vec![gone()], ..Shown::default() });
    };
    let who = if row.mine { "you".to_owned() } else { row.from.to_string() };
    let mut above =
        vec![Text::Strong(format!("{who}, {}", output::local(row.sent, "%A, %-d %B %Y, %H:%M:%S")))];
    above.push(Text::Plain(excerpt(&lines::note(&who, &rows::message(row.clone()).body))));
    let told: Vec<String> = state(views, &row)?.into_iter().chain(marks(&row)).collect();
    if !told.is_empty() {
        above.push(Text::Plain(String::new()));
        above.extend(told.into_iter().map(Text::Plain));
    }
    let history = views.history(id, message)?;
    if !history.is_empty() {
        above.push(Text::Plain(String::new()));
        above.push(Text::Strong("What stood there, the first form first".to_owned()));
        for version in history {
            let time = output::local(version.time, "%-d %b, %H:%M:%S");
            above.push(Text::Plain(format!("{time}  {}", safe_text(&version.text))));
        }
    }
    above.push(Text::Plain(String::new()));
    above.push(Text::Quiet(format!("Its id, for subcommands: {message}")));
    Ok(Shown { above, ..Shown::default() })
}

/// Where one's own message stands, and with whom.
fn state(views: Views<'_>, row: &Message) -> Result<Vec<String>, EngineError> {
    let Some(state) = row.state else { return Ok(Vec::new()) };
    let conversation = views.conversation(row.conversation)?;
    let group = conversation.filter(|it| it.kind == ConversationKind::Group);
    let who = if group.is_some() { "everybody to whom it went" } else { "the other person" };
    let mut says = vec![match state {
        Sending::Sending => "It waits on this device for the relay.".to_owned(),
        Sending::Sent => "The relay has stored it, sealed.".to_owned(),
        Sending::Delivered => format!("It is on a device of {who}."),
        Sending::Read => format!("It was seen by {who}."),
        Sending::Failed(why) => format!("It will not be sent: {}.", half(why)),
    }];
    let Some(conversation) = group else { return Ok(says) };
    let heard = views.heard_by(conversation.id, row.id)?;
    let with = |wanted: Heard| -> Vec<&str> {
        heard.iter().filter(|(_, heard)| *heard == wanted).map(|(who, _)| who.as_str()).collect()
    };
    let members = views.group_members(conversation.id)?;
    let silent: Vec<&str> = members
        .iter()
        .filter(|member| !member.me && !heard.iter().any(|(who, _)| *who == member.handle))
        .map(|member| member.handle.as_str())
        .collect();
    for (word, who) in
        [("Seen by", with(Heard::Read)), ("Arrived at", with(Heard::Delivered)), ("Nothing heard of", silent)]
    {
        if !who.is_empty() {
            says.push(format!("{word} {}.", who.join(", ")));
        }
    }
    Ok(says)
}

/// Reactions, votes and what else happened to it.
fn marks(row: &Message) -> Vec<String> {
    let marks = &row.marks;
    let names = |who: &[Handle]| who.iter().map(Handle::as_str).collect::<Vec<_>>().join(", ");
    let mut says: Vec<String> = marks
        .reactions
        .iter()
        .map(|reaction| format!("{} {}", safe_line(&reaction.emoji), names(&reaction.who)))
        .collect();
    if let lacre_client::view::Body::Poll(poll) = &row.body {
        says.extend(
            poll.options
                .iter()
                .filter(|option| !option.who.is_empty())
                .map(|option| format!("“{}”: {}", safe_line(&option.text), names(&option.who))),
        );
    }
    says.extend(marks.pinned_by.as_ref().map(|by| format!("Pinned by {by}.")));
    if marks.starred {
        says.push("It has a star, on your devices only.".to_owned());
    }
    match marks.forwarded {
        0 => {}
        1 => says.push("It was passed on once before it came here.".to_owned()),
        times => says.push(format!("It was passed on {times} times before it came here.")),
    }
    says.extend(
        marks
            .given_by
            .as_ref()
            .map(|by| format!("{by} gave it to you: who wrote it is proven, when is the word of {by}.")),
    );
    if let Some(seconds) = marks.timer {
        says.push(format!("It vanishes {} after it was read.", output::duration(seconds)));
    }
    says.extend(marks.vanishes.map(|at| format!("It vanishes at {}.", output::local(at, MINUTES))));
    says
}
