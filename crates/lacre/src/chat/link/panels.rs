//! What panels show, read from the client at once.

use lacre_client::EngineError;
use lacre_client::clock::{Clock, SystemClock};
use lacre_client::content::{Category, MessageId as ClientId};
use lacre_client::files::Folder;
use lacre_client::groups::Asker;
use lacre_client::records::{ConversationKind, Heard};
use lacre_client::strangers::{Person, Request};
use lacre_client::view::{Business, File, Later, Message, Sending, Views};
use lacre_proto::{ConversationId, Handle};

use super::devices::devices;
use super::safety::{number, safety};
use super::{Link, half, rows};
use crate::chat::lines;
use crate::chat::model::MessageId;
use crate::chat::panel::{Of, Row, Shown, Text, What};
use crate::commands::files::files;
use crate::commands::requests::not_the_business;
use crate::output;
use crate::safe_text::{safe_line, safe_text};

/// Most characters of a message that are shown in a list.
const EXCERPT: usize = 200;
/// Most messages with files that are listed, the newest.
const WITH_FILES: usize = 200;
/// Messages looked through at once for them.
const PAGE: usize = 500;
/// A time to the minute.
pub(super) const MINUTES: &str = "%-d %b %Y, %H:%M";

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
            What::Business(id) => business(views, id),
            What::Businesses => businesses(views),
            What::Files(id) => with_files(views, id, self.0.files()),
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
        let Request { conversation, kind, name, from, goes_by, looks_like, common_groups, messages, since } =
            request;
        let name = safe_line(&name);
        let group = kind == ConversationKind::Group;
        // Somebody with another identity goes by no handle before that was accepted.
        let named = from.as_ref().filter(|person| person.place_of.is_none());
        let who = named.map(|person| person.handle.to_string());
        let mut says = Vec::new();
        if group {
            says.push(format!("A group; added by {}.", who.as_deref().unwrap_or("somebody")));
        }
        says.extend(
            goes_by.map(|name| format!("Goes by “{}”: a name of their own choice.", safe_line(&name))),
        );
        says.push(match from {
            Some(Person { place_of: Some(handle), .. }) => format!(
                "They have the handle {handle} now, and another identity key than the {handle} you know. Read it, then \
                 Ctrl+S: both numbers."
            ),
            Some(person) if person.confirmed => {
                "The relay's directory says that the handle is theirs.".to_owned()
            }
            Some(_) => "They say this is their handle; the relay's directory has not said so.".to_owned(),
            None => "It is not known who they are.".to_owned(),
        });
        says.extend(looks_like.map(|name| format!("Careful: {}", not_the_business(&name))));
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
    Ok(Shown { above, rows, ..Shown::default() })
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
    Ok(Shown { above, code, ..Shown::default() })
}

pub(super) fn count(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
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

/// A business: who it is, how that is known, and what it may write.
fn business(views: Views<'_>, id: ConversationId) -> Result<Shown, EngineError> {
    let known = views.conversation(id)?;
    let Some((name, business)) = known.and_then(|it| Some((it.name, it.business?))) else {
        return Ok(Shown::default());
    };
    let mut above = vec![Text::Strong(called(&name, &business))];
    match &business.verified {
        Some(it) => above.push(Text::Plain(format!(
            "{}, {}. The operator of your relay has verified that {} is theirs.",
            safe_line(&it.legal_name),
            safe_line(&it.trade),
            safe_line(&it.domain)
        ))),
        None => above.push(Text::Plain("The operator of your relay has not verified it.".to_owned())),
    }
    above.extend(
        business.looks_like.as_deref().map(|it| Text::Strong(format!("Careful: {}", not_the_business(it)))),
    );
    let now = SystemClock.now();
    above.push(Text::Quiet(match business.window_until > now {
        true => {
            format!("It may answer what you wrote until {}.", output::local(business.window_until, MINUTES))
        }
        false => "When you write to it, it may answer for 24 hours.".to_owned(),
    }));
    above.extend(output::terms_lines(business.terms.as_ref(), now).into_iter().map(Text::Quiet));
    let said = business.profile.as_ref();
    above.extend(output::profile_lines(said).into_iter().map(Text::Plain));
    above.extend(output::offer_lines(said).into_iter().map(Text::Quiet));
    let consent = business.consent.as_ref();
    if consent.is_some_and(|it| it.is_stop()) {
        above.push(Text::Quiet("You said stop: nothing comes until you write to it again.".to_owned()));
    }
    if consent.is_some_and(|it| !it.acknowledged) {
        above.push(Text::Quiet("The relay is not told yet; it counts here already.".to_owned()));
    }
    let row = |category: Category| {
        let until = consent.filter(|it| it.categories.contains(&category)).map(|it| it.expires_ms);
        let until = until.filter(|until| *until > now);
        let (mark, says) = match until {
            Some(until) => ("✓", format!("allowed until {}", output::local(until, "%-d %b %Y"))),
            None => ("·", "not allowed".to_owned()),
        };
        let of = Of::Purpose(id, category, until.is_some(), business.terms_hash);
        Row { of, head: format!("{mark} {}", output::purpose(category)), when: None, says: vec![says] }
    };
    Ok(Shown { above, rows: Category::ALL.map(row).to_vec(), ..Shown::default() })
}

fn called(name: &str, business: &Business) -> String {
    match &business.verified {
        Some(it) => format!("{} ✓ ({})", safe_line(&it.display_name), safe_line(name)),
        None => safe_line(name),
    }
}

fn businesses(views: Views<'_>) -> Result<Shown, EngineError> {
    let known = views.conversations()?.into_iter();
    let rows = known.filter_map(|it| Some((it.id, it.name, it.business?))).map(|(id, name, business)| {
        let says = match &business.consent {
            None => "may answer within a day of what you write".to_owned(),
            Some(consent) => output::consent_sentence("you", &consent.categories, consent.expires_ms),
        };
        Row { of: Of::Business(id), head: called(&name, &business), when: None, says: vec![says] }
    });
    Ok(Shown { rows: rows.collect(), ..Shown::default() })
}

/// The newest messages with files.
fn with_files(views: Views<'_>, id: ConversationId, folder: Option<&Folder>) -> Result<Shown, EngineError> {
    let (mut rows, mut before) = (Vec::new(), None);
    while rows.len() < WITH_FILES {
        let page = views.messages(id, before, PAGE)?;
        let Some(first) = page.first() else { break };
        before = Some(first.position);
        let found = page.iter().rev().filter(|message| !files(&message.body).is_empty());
        rows.extend(found.take(WITH_FILES - rows.len()).map(|message| row_of_files(message, folder)));
    }
    Ok(Shown { rows, ..Shown::default() })
}

fn row_of_files(message: &Message, folder: Option<&Folder>) -> Row {
    let all = files(&message.body);
    let says = |file: &File| {
        let here = folder.is_some_and(|folder| folder.has(&file.file.hash));
        let name = safe_line(&lacre_guard::clean_name(&file.file.name));
        let place = if here { "here" } else { "not fetched" };
        format!("{name}  {}  {place}", output::bytes(file.file.size))
    };
    Row {
        of: Of::Files(message.conversation, MessageId(message.id.0), all.len()),
        head: if message.mine { "you".to_owned() } else { message.from.to_string() },
        when: Some(message.sent),
        says: all.iter().map(says).collect(),
    }
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
    Ok(Shown { above, rows, ..Shown::default() })
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
