//! What commands print: lines for people, one JSON object a line for scripts.

mod about;
mod json;

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lacre_client::content::{self, Answer, Button, Category, Fact, Field, Filled, Form, Menu, Offer};
use lacre_client::files::Transfer;
use lacre_client::groups::Asking;
use lacre_client::records::Terms;
use lacre_client::told::sentence;
use lacre_client::view::{Body, File, Message, Poll, Sending};
use lacre_proto::Millis;
use serde_json::Value;

use crate::exit::Failure;
use crate::safe_text::{safe_line, safe_text};
pub use about::{command_line, offer_lines, profile_json, profile_lines};
pub use json::{file_json, message_json};

/// Prints a line; a reader that went away ends the program quietly.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::io("the output cannot be written", &error)),
        Ok(()) => Ok(()),
    }
}

/// Prints one JSON object.
pub fn object(value: &Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// What time it is on this machine.
pub fn now() -> Millis {
    Millis::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// A time as RFC 3339 in UTC, with milliseconds.
pub fn rfc3339(time: Millis) -> String {
    timestamp(time).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A time as people here read it.
pub fn local(time: Millis, format: &str) -> String {
    timestamp(time).to_zoned(TimeZone::system()).strftime(format).to_string()
}

fn timestamp(time: Millis) -> Timestamp {
    Timestamp::from_millisecond(i64::try_from(time).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
}

/// A number of bytes as people say it.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut number = bytes as f64 / 1024.0;
    let mut unit = 0;
    while number >= 1024.0 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    format!("{number:.1} {}", UNITS[unit])
}

fn degrees(e7: i32) -> f64 {
    f64::from(e7) / 1e7
}

/// Seconds of a time like 30s, 5m, 1h, 1d, 1w; 0 for off.
pub fn seconds(text: &str) -> Option<u32> {
    if text == "off" {
        return Some(0);
    }
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let seconds = number.parse::<u32>().ok()?.checked_mul(unit)?;
    (1..=content::kinds::TIMER).contains(&seconds).then_some(seconds)
}

/// Seconds as people say them.
pub fn duration(seconds: u32) -> String {
    let (number, unit) = [(604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute")]
        .into_iter()
        .find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size))
        .map_or((seconds, "second"), |(size, unit)| (seconds / size, unit));
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// A time that was given: here, or in RFC 3339.
pub fn time(text: &str) -> Result<Millis, Failure> {
    let wrong = || Failure::usage("write a time as 2026-12-24T18:00, or in RFC 3339 as 2026-12-24T18:00:00Z");
    let time = match text.parse::<Timestamp>() {
        Ok(time) => time,
        Err(_) => {
            let here: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
            here.to_zoned(TimeZone::system()).map_err(|_| wrong())?.timestamp()
        }
    };
    Millis::try_from(time.as_millisecond()).map_err(|_| wrong())
}

/// Why a message failed or says nothing.
fn reason(message: &Message) -> Option<String> {
    match (&message.body, message.state) {
        (_, Some(Sending::Failed(failure))) => Some(failure.to_string()),
        (Body::Unreadable(why), _) => Some(why.to_string()),
        (Body::Told(change), _) => Some(sentence(change, message.from.as_str())),
        (Body::Gap(missing), _) => Some(format!("{missing} message(s) did not arrive")),
        _ => None,
    }
}

/// A message for people, on one or more lines.
pub fn message_lines(message: &Message, with: &str) -> String {
    let time = local(message.sent, "%Y-%m-%d %H:%M");
    let who = if message.mine { format!("you to {with}") } else { message.from.to_string() };
    let mark = match message.state {
        None | Some(Sending::Sent) => String::new(),
        Some(Sending::Failed(failure)) => format!(" [not sent: {failure}]"),
        Some(state) => format!(" [{}]", state.name()),
    };
    let late = if message.late { " [late]" } else { "" };
    let marks = marks(message);
    let quote = match &message.reply {
        Some(quote) => format!("{}\n", quoted(quote)),
        None => String::new(),
    };
    let text = indent(&format!("{quote}{}", words(message)));
    format!("{time}  {who}: {text}{mark}{late}{marks}")
}

/// What happened to a message, in brackets after it.
fn marks(message: &Message) -> String {
    let marks = &message.marks;
    let mut all = Vec::new();
    all.extend(marks.given_by.as_ref().map(|by| format!("given by {by}")));
    all.extend(marks.edited.map(|_| "edited".to_owned()));
    if marks.forwarded > 0 {
        all.push(if marks.forwarded > 5 {
            "forwarded many times".to_owned()
        } else {
            "forwarded".to_owned()
        });
    }
    all.extend(marks.pinned_by.as_ref().map(|by| format!("pinned by {by}")));
    if marks.starred {
        all.push("starred".to_owned());
    }
    if marks.transferred {
        all.push("from another device of yours".to_owned());
    }
    all.extend(marks.timer.map(|seconds| format!("vanishes {} after it was read", duration(seconds))));
    let reactions = marks.reactions.iter().map(|reaction| match reaction.who.len() {
        1 => safe_line(&reaction.emoji),
        count => format!("{} {count}", safe_line(&reaction.emoji)),
    });
    all.extend(reactions);
    all.into_iter().map(|mark| format!(" [{mark}]")).collect()
}

/// What a message says, safe for a terminal.
pub fn words(message: &Message) -> String {
    match (&message.body, message.mine) {
        (Body::Consent(categories, until), true) => {
            format!("({})", consent_sentence("you", categories, *until))
        }
        (body, _) => said(body, message.from.as_str()),
    }
}

/// What a body says, safe for a terminal; `from` is its author.
pub fn said(body: &Body, from: &str) -> String {
    match body {
        Body::Text(text) => safe_text(text),
        Body::Told(change) => format!("({})", safe_line(&sentence(change, from))),
        Body::Fact(fact) => format!("({})", safe_line(&fact_sentence(fact, from))),
        Body::Poll(poll) => poll_lines(poll),
        Body::Place(place) => {
            let label = safe_line(&place.label);
            let label = if label.is_empty() { String::new() } else { format!(" ({label})") };
            format!("a place: {}, {}{label}", degrees(place.latitude_e7), degrees(place.longitude_e7))
        }
        Body::Card(card) => {
            let name = safe_line(&card.name);
            let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
            format!("the card of @{}{name}", card.handle)
        }
        Body::Timer(0) => "(from here on messages stay)".to_owned(),
        Body::Timer(seconds) => {
            format!("(from here on messages vanish {} after they were read)", duration(*seconds))
        }
        Body::Menu { menu, above: None } => menu_lines(menu),
        Body::Menu { menu, above: Some(file) } => {
            format!("{}\n{}", file_line(file, what(false)), menu_lines(menu))
        }
        Body::Chosen(choice) => format!("[{}]", safe_line(&choice.title)),
        Body::Filled { filled, form } => filled_lines(filled, form.as_ref()).join("\n"),
        Body::Consent(categories, until) => format!("({})", consent_sentence(from, categories, *until)),
        Body::Asks { name, state, .. } => {
            format!("({})", safe_line(&ask_sentence(from, name.as_deref(), *state)))
        }
        Body::Files { files, caption, sticker } => file_lines(files, caption, *sticker),
        Body::Voice { file, .. } => {
            let seconds = file.preview.duration_ms.div_ceil(1000);
            format!("a voice note of {}:{:02} ({})", seconds / 60, seconds % 60, bytes(file.file.size))
        }
        Body::Once { looked: false } => "(may be looked at once: `lacre look` with its id)".to_owned(),
        Body::Once { looked: true } => "(could be looked at once)".to_owned(),
        Body::Deleted { by } => format!("(deleted by {by})"),
        Body::Unknown => "(this version cannot show this kind of message; update to read it)".to_owned(),
        Body::Unreadable(why) => format!("(a message could not be read: {why})"),
        Body::Gap(missing) => format!("({missing} message(s) of this person did not arrive)"),
        Body::Blocked => "(a message of somebody whom you have blocked)".to_owned(),
    }
}

/// What somebody has agreed to, as one sentence without its stop.
pub fn consent_sentence(from: &str, categories: &[Category], until: Millis) -> String {
    if categories.is_empty() {
        return format!("{from} said stop: nothing more may be sent");
    }
    let names: Vec<&str> = categories.iter().copied().map(purpose).collect();
    format!("{from} agreed to {} until {}", names.join(", "), local(until, "%Y-%m-%d"))
}

/// What a business says that it keeps, and who acts for it now: a line each.
pub fn terms_lines(terms: Option<&Terms>, now: Millis) -> Vec<String> {
    let Some(terms) = terms else {
        return vec!["It has not said how long it keeps what is said.".to_owned()];
    };
    let mut lines = vec![match terms.keeps_days {
        0 => "It has not said how long it keeps what is said.".to_owned(),
        1 => "It says that it keeps what is said for a day.".to_owned(),
        days => format!("It says that it keeps what is said for {days} days."),
    }];
    if !terms.notice.is_empty() {
        lines.push(format!("Its notice: {}", safe_line(&terms.notice)));
    }
    lines.extend(terms.acting(now).map(|it| {
        let purpose = match it.purpose.is_empty() {
            true => String::new(),
            false => format!(", {}", safe_line(&it.purpose)),
        };
        let until = local(it.until_ms, "%Y-%m-%d");
        format!("{} acts for it until {until}{purpose}, and may read what is said.", safe_line(&it.name))
    }));
    lines
}

/// What a category is, in words.
pub fn purpose(category: Category) -> &'static str {
    match category {
        Category::Service => "service messages",
        Category::Marketing => "offers",
        Category::Authentication => "sign-in codes",
    }
}

/// A card's words, and what can be done about it.
pub fn menu_lines(menu: &Menu) -> String {
    let mut lines = Vec::new();
    if !menu.header.is_empty() {
        lines.push(safe_line(&menu.header));
    }
    lines.push(safe_text(&menu.body));
    if !menu.footer.is_empty() {
        lines.push(safe_line(&menu.footer));
    }
    let mut number = 0;
    match &menu.offer {
        Offer::Nothing => {}
        Offer::Place => lines.push("[asks where you are: `lacre location`]".to_owned()),
        Offer::Form(form) => {
            let count = form.fields().count();
            let questions = if count == 1 { "question" } else { "questions" };
            lines.push(format!("1 [{}] a form of {count} {questions}", safe_line(&form.title)));
        }
        Offer::Buttons(buttons) => {
            lines.extend(buttons.iter().map(|button| button_line(button, &mut number)));
        }
        Offer::List { title, sections } => {
            lines.push(format!("{}:", safe_line(title)));
            for section in sections {
                if !section.title.is_empty() {
                    lines.push(format!("  {}", safe_line(&section.title)));
                }
                lines.extend(section.rows.iter().map(|row| row_line(row, &mut number)));
            }
        }
    }
    if let Some(template) = &menu.template {
        lines.push(format!("(sent as {})", purpose(template.category)));
    }
    lines.join("\n")
}

/// What can be chosen in a menu, in the order of its numbers.
pub fn choices(menu: &Menu) -> Vec<String> {
    match &menu.offer {
        Offer::Nothing | Offer::Place => Vec::new(),
        Offer::Form(form) => vec![form.title.clone()],
        Offer::Buttons(buttons) => {
            let titles = buttons.iter().filter_map(|button| match button {
                Button::Reply { title, .. } => Some(title.clone()),
                Button::Link { .. } | Button::Phone { .. } | Button::Code { .. } => None,
            });
            titles.collect()
        }
        Offer::List { sections, .. } => {
            sections.iter().flat_map(|section| &section.rows).map(|row| row.title.clone()).collect()
        }
    }
}

/// What was filled into a form, a line for each question.
pub fn filled_lines(filled: &Filled, form: Option<&Form>) -> Vec<String> {
    let line = |(name, answer): &(String, Answer)| {
        let field = form.and_then(|form| form.fields().find(|field| field.name == *name));
        let label = field.map_or(name.as_str(), |field| field.label.as_str());
        format!("{} {}", before_answer(label), answer_text(answer, field))
    };
    match filled.answers.is_empty() {
        true => vec!["(a form, with nothing filled in)".to_owned()],
        false => filled.answers.iter().map(line).collect(),
    }
}

/// A question, as it stands before its answer on one line.
pub fn before_answer(label: &str) -> String {
    let label = safe_line(label);
    if label.ends_with(['?', ':', '!']) { label } else { label + ":" }
}

/// An answer as people read it.
pub fn answer_text(answer: &Answer, field: Option<&Field>) -> String {
    match answer {
        Answer::Text(text) => safe_text(text),
        Answer::Yes(true) => "yes".to_owned(),
        Answer::Yes(false) => "no".to_owned(),
        Answer::Chosen(ids) => {
            let options = field.map_or(&[][..], |field| field.input.options());
            let title = |id: &String| {
                let option = options.iter().find(|option| option.id == *id);
                safe_line(option.map_or(id, |option| &option.title))
            };
            ids.iter().map(title).collect::<Vec<_>>().join(", ")
        }
    }
}

fn row_line(row: &content::Choice, number: &mut u8) -> String {
    *number += 1;
    let title = safe_line(&row.title);
    match row.description.is_empty() {
        true => format!("  {number} [{title}]"),
        false => format!("  {number} [{title}] {}", safe_line(&row.description)),
    }
}

/// A button; of a link the whole address is shown, and nothing opens by itself.
fn button_line(button: &Button, number: &mut u8) -> String {
    match button {
        Button::Reply { title, .. } => {
            *number += 1;
            format!("{number} [{}]", safe_line(title))
        }
        Button::Link { title, url } => format!("{}: {}", safe_line(title), safe_line(url)),
        Button::Phone { title, number } => format!("{}: {}", safe_line(title), safe_line(number)),
        Button::Code { title, code } => format!("{}: {}", safe_line(title), safe_line(code)),
    }
}

fn ask_sentence(from: &str, group: Option<&str>, state: Asking) -> String {
    let asked = match group {
        Some(group) => format!("{from} asked to be let into {group} by its link"),
        None => format!("{from} asked to be let into a group by its link"),
    };
    match state {
        Asking::Waits => format!("{asked}; an admin decides"),
        Asking::LetIn => format!("{asked}, and is in it"),
        Asking::Void => format!("{asked}, which is not good, or not any more"),
        Asking::Declined => format!("{asked}; an admin declined"),
    }
}

fn file_lines(files: &[File], caption: &str, sticker: bool) -> String {
    let mut lines: Vec<String> = files.iter().map(|file| file_line(file, what(sticker))).collect();
    if !caption.is_empty() {
        lines.push(safe_text(caption));
    }
    lines.join("\n")
}

/// What files of a message are called.
pub fn what(sticker: bool) -> &'static str {
    if sticker { "a sticker" } else { "a file" }
}

fn file_line(file: &File, what: &str) -> String {
    let (name, size) = (safe_line(&lacre_guard::clean_name(&file.file.name)), bytes(file.file.size));
    let picture = match (file.preview.width, file.preview.height) {
        (0, _) | (_, 0) => String::new(),
        (width, height) => format!(", {width} × {height}"),
    };
    let state = match file.transfer {
        Transfer::None => String::new(),
        Transfer::Sending => " [being sent]".to_owned(),
        Transfer::Fetching => " [being fetched]".to_owned(),
        Transfer::NotFetched(why) => format!(" [{why}]"),
    };
    format!("{what}: {name} ({size}{picture}){state}")
}

fn fact_sentence(fact: &Fact, from: &str) -> String {
    match fact {
        Fact::Name(name) => format!("{from} named the group {name}"),
        Fact::Description(text) if text.is_empty() => format!("{from} took the description away"),
        Fact::Description(text) => format!("{from} described the group: {text}"),
        Fact::Picture(_) => format!("{from} changed the picture of the group"),
        Fact::Label(label) if label.is_empty() => format!("{from} goes by the handle only"),
        Fact::Label(label) => format!("{from} goes by {label} here"),
        Fact::Link(Some(_)) => format!("{from} made a link by which people can ask to be let in"),
        Fact::Link(None) => format!("{from} turned the link of the group off"),
    }
}

fn poll_lines(poll: &Poll) -> String {
    let mut lines = vec![safe_line(&poll.question)];
    for (number, choice) in (1..).zip(&poll.options) {
        let mine = if choice.mine { " *" } else { "" };
        lines.push(format!("{number}. {}: {}{mine}", safe_line(&choice.text), choice.who.len()));
    }
    let several = if poll.multiple { ", several may be chosen" } else { "" };
    let closed = if poll.closed.is_some() { ", closed" } else { "" };
    lines.push(format!("({} voted{several}{closed})", poll.voters));
    lines.join("\n")
}

/// The answered message on one line.
pub fn quoted(quote: &lacre_client::view::Quote) -> String {
    match &quote.what {
        Some((author, body)) => {
            let text = safe_line(&said(body, author.as_str()));
            let short: String = text.chars().take(60).collect();
            let more = if short.len() < text.len() { "…" } else { "" };
            format!("> {author}: {short}{more}")
        }
        None => "> (a message that is not on this device)".to_owned(),
    }
}

fn indent(text: &str) -> String {
    text.replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use lacre_client::view::Choice;

    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, number, said) in [
            ("30s", 30, "30 seconds"),
            ("90m", 5400, "90 minutes"),
            ("1h", 3600, "1 hour"),
            ("2d", 172_800, "2 days"),
            ("1w", 604_800, "1 week"),
        ] {
            assert_eq!(seconds(text), Some(number));
            assert_eq!(duration(number), said);
        }
        assert_eq!(seconds("off"), Some(0));
        for text in ["", "5", "h", "0s", "-1s", "1y", "367d", "99999999999w", "1 h"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn w02_no_kind_of_message_steers_a_terminal() {
        let evil = "\u{1b}[2J\u{202e}\nana: I agree\u{7}".to_owned();
        let choice = |text: &String| Choice { text: text.clone(), who: Vec::new(), mine: false };
        let bodies = [
            Body::Text(evil.clone()),
            Body::Poll(Poll {
                question: evil.clone(),
                options: vec![choice(&evil), choice(&evil)],
                multiple: false,
                voters: 0,
                closed: None,
            }),
            Body::Place(content::Place { latitude_e7: 0, longitude_e7: 0, label: evil.clone() }),
            Body::Card(content::Card {
                account: lacre_proto::AccountId([1; 16]),
                handle: "ana".parse().expect("a handle"),
                name: evil.clone(),
            }),
        ];
        for body in bodies {
            let shown = said(&body, "bruno");
            let steers = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!shown.chars().any(steers), "{shown:?}");
            let lines = shown.lines().count();
            let expected = match body {
                Body::Text(_) => 2,
                Body::Poll(_) => 4,
                _ => 1,
            };
            assert_eq!(lines, expected, "nobody adds a line that looks like another's: {shown}");
        }
    }
}
