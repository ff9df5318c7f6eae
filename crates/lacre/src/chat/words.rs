//! Sentences about the state: the same for every screen, longest first, so that the first that fits is shown.

use super::lines;
use super::model::{Body, Business, Connection, Conversation, Stance, Standing, Tick};
use super::open::Target;
use super::state::{Focus, State};
use super::time;

/// The connection in a word.
pub fn connection(connection: &Connection) -> &'static str {
    match connection {
        Connection::Connecting => "◌ connecting",
        Connection::CatchingUp => "◌ catching up",
        Connection::Online => "● online",
        Connection::Offline { .. } => "○ offline",
        Connection::Closed => "○ closed",
    }
}

/// What no connection means; nothing when there is one.
pub fn offline(state: &State) -> Vec<String> {
    match &state.connection {
        Connection::Connecting | Connection::CatchingUp | Connection::Online => Vec::new(),
        Connection::Offline { why, again: Some(again) } => {
            let again = time::clock_exact(*again, &state.zone);
            vec![
                format!(
                    "Offline: {why}. Messages wait here and go out by themselves. Next try {again}, Ctrl+R: now."
                ),
                format!("Offline: {why}. Messages wait and go out by themselves. Ctrl+R: try now."),
                format!("Offline: {why}. Messages wait. Ctrl+R: try now."),
                format!("Offline, messages wait: {why}."),
                "Offline. Messages wait here and go out by themselves. Ctrl+R: try now.".to_owned(),
                "Offline, messages wait. Ctrl+R: retry".to_owned(),
            ]
        }
        Connection::Offline { why, again: None } => vec![
            format!("Offline until this is put right: {why}. Messages wait here."),
            format!("Offline, messages wait: {why}."),
        ],
        Connection::Closed => vec!["The client has stopped; what waits is kept. Ctrl+Q: leave.".to_owned()],
    }
}

/// How the open conversation is sealed.
pub fn safety(state: &State) -> Vec<String> {
    let Some(open) = &state.open else { return Vec::new() };
    let with = state.handle_of(&open.target);
    let Some(row) = state.open_row() else {
        return match &open.target {
            Target::New(handle) if *handle == state.me.handle => of_notes(with),
            Target::New(_) if state.business().is_some() => {
                state.business().map_or_else(Vec::new, |business| of_business(with, business))
            }
            Target::New(_) => vec![
                format!("{with} · new: the first message opens a conversation, sealed end to end"),
                format!("{with} · new, sealed by the first message"),
            ],
            Target::Existing(_) => Vec::new(),
        };
    };
    if let Some(who) = &row.held {
        return held(with, who);
    }
    match row.stance {
        Stance::Asked if row.group => {
            return vec![
                format!(
                    "{with} · a group, and a request: you never wrote to who added you. Nothing is told to them yet"
                ),
                format!("{with} · request: nothing is told to them yet"),
                format!("{with} · request"),
            ];
        }
        Stance::Asked => {
            return vec![
                format!(
                    "{with} · request: you never wrote to them. They do not learn that it came, nor that you read it"
                ),
                format!("{with} · request: nothing is told to them yet"),
                format!("{with} · request"),
            ];
        }
        Stance::Blocked => {
            return vec![
                format!("{with} · blocked: nothing of them reaches you, and they are not told"),
                format!("{with} · blocked"),
            ];
        }
        Stance::Accepted => {}
    }
    let refused = row.last.as_ref().is_some_and(|last| matches!(last.tick, Some(Tick::Failed(_))));
    match row.standing {
        Standing::Opening if refused => vec![
            format!("{with} · not opened: what you wrote was not sent, the reason stands with it"),
            format!("{with} · not opened, nothing was sent"),
        ],
        Standing::Opening if row.own => vec![
            format!("{with} · being opened: what you write waits here until you are online"),
            format!("{with} · being opened"),
        ],
        Standing::Opening => vec![
            format!("{with} · being opened: messages wait here until {with}'s keys have come"),
            format!("{with} · being opened, messages wait"),
        ],
        Standing::OutOfStep => vec![
            format!("{with} · this device lost its place and asks to be let in again; messages wait"),
            format!("{with} · out of step, messages wait"),
        ],
        Standing::Left => vec![
            format!("{with} · you are not in it any more; what was said stays here"),
            format!("{with} · left"),
        ],
        Standing::Open => vanishing(row, sealed(state, row)),
    }
}

/// That nothing is sent, and where one looks.
fn held(with: &str, who: &str) -> Vec<String> {
    let whose = if with == who { String::new() } else { format!(" of {who}") };
    vec![
        format!(
            "{with} · ANOTHER IDENTITY KEY{whose}: nothing is sent before you accept it · Ctrl+S: both numbers"
        ),
        format!("{with} · ANOTHER IDENTITY KEY{whose}: nothing is sent · Ctrl+S"),
        format!("{with} · ANOTHER KEY{whose}: nothing is sent · Ctrl+S"),
        format!("{with} · ANOTHER KEY · Ctrl+S"),
        "ANOTHER KEY · Ctrl+S".to_owned(),
    ]
}

/// Why nothing is sent where somebody has another identity key.
pub fn not_sent(who: &str) -> String {
    format!(
        "Not sent: {who} has another identity key than the one you know. Ctrl+S shows both numbers, and where you \
         accept it."
    )
}

/// The same, with the timer where there is one: it matters more than when an identity was pinned.
fn vanishing(row: &Conversation, sealed: Vec<String>) -> Vec<String> {
    if row.timer == 0 {
        return sealed;
    }
    let time = crate::output::duration(row.timer);
    let mut all: Vec<String> =
        sealed.iter().map(|text| format!("{text} · messages vanish {time} after they were read")).collect();
    all.extend(sealed.iter().map(|text| format!("{text} · messages vanish after {time}")));
    all.push(format!("{} · messages vanish after {time}", row.with));
    all.push(format!("{} · vanish: {time}", row.with));
    all.sort_by_key(|text| std::cmp::Reverse(super::text::width(text)));
    all
}

/// How notes to oneself are sealed.
fn of_notes(with: &str) -> Vec<String> {
    vec![
        format!("{with} · sealed end to end, for your own devices and nobody else"),
        format!("{with} · sealed, for your own devices only"),
        format!("{with} · sealed"),
    ]
}

/// A business: verified how, and what it may write. Sealed up to its own machine.
fn of_business(with: &str, business: &Business) -> Vec<String> {
    let may = &business.may;
    if let (None, Some(other)) = (&business.badge, &business.looks_like) {
        return vec![
            format!("{with} · not {other}, whose name it looks like · business, not verified · {may}"),
            format!("{with} · not {other}, whose name it looks like · not verified"),
            format!("{with} · not {other}"),
        ];
    }
    match &business.badge {
        Some((name, domain)) => vec![
            format!("{name} ✓ {domain} · verified business · sealed up to its own machine · {may}"),
            format!("{name} ✓ {domain} · verified business · sealed · {may}"),
            format!("{name} ✓ · business · {may}"),
            format!("{name} ✓ · business"),
        ],
        None => vec![
            format!("{with} · business, not verified by the operator · sealed up to its own machine · {may}"),
            format!("{with} · business, not verified · {may}"),
            format!("{with} · business, not verified"),
        ],
    }
}

fn sealed(state: &State, row: &Conversation) -> Vec<String> {
    let with = &row.with;
    if row.own {
        return of_notes(with);
    }
    if row.group {
        let quantum = if row.safety.post_quantum == Some(true) { " · post-quantum" } else { "" };
        return vec![
            format!("{with} · group, sealed end to end{quantum} · Ctrl+G: who is in it"),
            format!("{with} · group, sealed{quantum} · Ctrl+G"),
            format!("{with} · group, sealed"),
        ];
    }
    if let Some(business) = &row.business {
        return of_business(with, business);
    }
    let since = row.safety.pinned.map(|pinned| time::day(pinned, state.now, &state.zone));
    let quantum = match row.safety.post_quantum {
        Some(true) => " · post-quantum",
        Some(false) => " · not post-quantum",
        None => "",
    };
    if row.safety.verified {
        return vec![
            format!("{with} · Sealed end to end{quantum} · verified: you compared {with}'s safety number"),
            format!("{with} · Sealed end to end{quantum} · verified"),
            format!("{with} · Sealed{quantum} · verified"),
            format!("{with} · Sealed · verified"),
            "Sealed · verified".to_owned(),
        ];
    }
    match since {
        Some(since) => vec![
            format!("{with} · Sealed end to end{quantum} · {with}'s identity pinned since {since}"),
            format!("{with} · Sealed end to end{quantum} · identity pinned {since}"),
            format!("{with} · Sealed{quantum} · pinned {since}"),
            format!("{with} · Sealed{quantum}"),
            format!("Sealed{quantum}"),
        ],
        None => vec![
            format!("{with} · Sealed end to end{quantum} · {with}'s identity not known yet"),
            format!("{with} · Sealed{quantum} · identity unknown"),
        ],
    }
}

/// The newest message of a conversation, or the draft, for the list.
pub fn preview(state: &State, row: &Conversation) -> String {
    let target = Target::Existing(row.id);
    let is_open = state.open.as_ref().is_some_and(|open| open.target == target);
    match (state.writers(row.id).as_slice(), row.group) {
        ([], _) => {}
        ([_], false) => return "is writing …".to_owned(),
        (who, _) => return writing(who),
    }
    if row.stance == Stance::Blocked {
        return "blocked".to_owned();
    }
    if let Some(draft) = state.drafts.get(&target).filter(|draft| !draft.composer.is_blank() && !is_open) {
        return format!("Draft: {}", crate::safe_text::safe_line(draft.composer.text()));
    }
    match &row.last {
        None => "no messages yet".to_owned(),
        Some(last) => match &last.tick {
            Some(tick @ Tick::Failed(_)) => format!("{} not sent: {}", lines::tick(tick).0, last.text),
            Some(tick) => format!("{} you: {}", lines::tick(tick).0, last.text),
            None if last.mine => format!("you: {}", last.text),
            None => last.text.clone(),
        },
    }
}

/// Who is writing, as a sentence without its full stop.
fn writing(who: &[&str]) -> String {
    match who {
        [] => String::new(),
        [one] => format!("{one} is writing …"),
        [one, other] => format!("{one} and {other} are writing …"),
        many => format!("{} people are writing …", many.len()),
    }
}

/// What a newcomer does next, where there is nothing to show.
pub fn nothing_here(state: &State) -> Vec<String> {
    match &state.open {
        None if !state.loaded => vec!["Reading the conversations …".to_owned()],
        None if state.is_new_here() => vec![
            format!("Welcome, {}.", state.me.handle),
            String::new(),
            "Write to somebody: press Ctrl+N and type a handle.".to_owned(),
            format!("Be written to: your handle is {}; tell it to people.", state.me.handle),
            String::new(),
            "F1 shows all keys.".to_owned(),
        ],
        None if state.listed().is_empty() => vec![
            "Somebody wants to write to you: Ctrl+T shows who, and what you can do.".to_owned(),
            "Or begin a conversation yourself with Ctrl+N.".to_owned(),
        ],
        None => vec!["Choose a conversation with ↑ ↓ and Enter, or start one with Ctrl+N.".to_owned()],
        Some(open) if !open.loaded => vec!["Reading the messages …".to_owned()],
        Some(open) => {
            let with = state.handle_of(&open.target);
            let group = state.open_row().is_some_and(|row| row.group);
            let readers = match (group, state.notes() == open.target) {
                (true, _) => "its members".to_owned(),
                (_, true) => "your own devices".to_owned(),
                _ => format!("{with} and you"),
            };
            let mut texts = vec![
                "Nothing here yet.".to_owned(),
                String::new(),
                format!("Write below and press Enter. Only {readers} can read it."),
            ];
            texts.extend(of_itself(state));
            texts
        }
    }
}

/// What a business offers to begin with, and what it says of itself.
fn of_itself(state: &State) -> Vec<String> {
    let Some(business) = state.business() else { return Vec::new() };
    let mut texts = Vec::new();
    if !state.prompts().is_empty() {
        texts.push("↑ ↓ put one of these there:".to_owned());
        texts.extend(state.prompts().iter().map(|prompt| format!("  · {prompt}")));
    }
    if !business.says.is_empty() {
        texts.push(String::new());
        texts.extend(business.says.iter().cloned());
    }
    texts
}

/// The keys that matter where one is.
pub fn keys(state: &State) -> &'static [&'static str] {
    if state.sheet.is_some() {
        return &["Esc back"];
    }
    if let (Focus::Composer, Some((_, stance))) = (state.focus, state.undecided()) {
        return match stance {
            Stance::Blocked => {
                &["u unblock · ↑ choose a message · Esc list · F1 help", "u unblock · Esc list"]
            }
            _ => &[
                "a accept · d delete · b block · r report · ↑ choose a message · Esc list · F1 help",
                "a accept · d delete · b block · r report · Esc list",
                "a accept · d delete · b block",
            ],
        };
    }
    if state.focus == Focus::Composer && state.held().is_some() {
        return &[
            "Ctrl+S both numbers, and accept · ↑ choose a message · Esc list · F1 help",
            "Ctrl+S both numbers, and accept · Esc list",
            "Ctrl+S both numbers · Esc list",
        ];
    }
    match state.focus {
        Focus::List if state.is_new_here() => {
            &["Ctrl+N new conversation · F1 help · Ctrl+Q quit", "Ctrl+N new · F1 help · Ctrl+Q quit"]
        }
        Focus::List => &[
            "↑↓ choose · Enter open · Ctrl+N new conversation · Ctrl+F search · Ctrl+P all · F1 help · Ctrl+Q quit",
            "↑↓ choose · Enter open · Ctrl+N new · Ctrl+F search · Ctrl+P all · F1 help",
            "Enter open · Ctrl+N new · Ctrl+P all · F1 help",
            "Enter open · Ctrl+N new · F1 help",
        ],
        Focus::Composer => &[
            "Enter send · Alt+Enter new line · ↑ choose a message · PgUp older · Esc list · Ctrl+P all · F1 help",
            "Enter send · Alt+Enter new line · ↑ choose a message · PgUp older · Esc list · F1 help",
            "Enter send · Alt+Enter new line · ↑ choose a message · Esc list · F1 help",
            "Enter send · Alt+Enter new line · Esc list · F1 help",
            "Enter send · Esc list · F1 help",
        ],
        Focus::Messages => keys_of_chosen(state),
    }
}

fn keys_of_chosen(state: &State) -> &'static [&'static str] {
    let row = state.open.as_ref().and_then(|open| open.chosen_row());
    if state.undecided().is_some() {
        return &["s star · i about · d delete · ↑↓ choose · Esc back"];
    }
    if row.is_some_and(|row| row.marks.options > 0) {
        return &[
            "1…9 vote, again: take it back · c close your own · r reply · + react · Esc back · F1 keys",
            "1…9 vote · c close · r reply · + react · Esc back",
        ];
    }
    if row.is_some_and(|row| row.marks.form.is_some()) {
        return &[
            "1 fill in the form · r reply · + react · i about · Esc back · F1 keys",
            "1 form · Esc back",
        ];
    }
    if row.is_some_and(|row| !row.marks.choices.is_empty()) {
        return &["1…9 choose · r reply · + react · i about · Esc back · F1 keys", "1…9 choose · Esc back"];
    }
    if row.is_some_and(|row| row.marks.once) {
        return &["v look at it, once · d delete · Esc back · F1 keys"];
    }
    if row.is_some_and(|row| row.waveform.is_some()) {
        return &[
            "v play, again: stop · o save · r reply · + react · d delete · Esc back · F1 keys",
            "v play · o save · r reply · Esc back",
        ];
    }
    let tick = row.and_then(|row| row.tick.as_ref());
    if row.is_some_and(|row| row.marks.files > 0) && !matches!(tick, Some(Tick::Sending | Tick::Failed(_))) {
        return &[
            "v look at a picture · o save · r reply · + react · d delete · f forward · Esc back · F1 keys",
            "v look at a picture · o save · r reply · Esc back",
        ];
    }
    match tick {
        Some(Tick::Failed(_)) => &[
            "Enter puts the text back into the composer · ↑↓ choose · Esc back",
            "Enter text back · Esc back",
        ],
        Some(Tick::Sending) => &["x gives it up · ↑↓ choose · Esc back"],
        _ => &[
            "r reply · + react · e edit · d delete · f forward · p pin · s star · i about · Esc back · F1 all keys",
            "r reply · + react · e edit · d delete · f forward · i about · Esc back · F1 keys",
            "r reply · + react · e edit · d delete · Esc back · F1 keys",
            "r reply · + react · Esc back",
        ],
    }
}

/// What one writes to, and what one answers; longest first.
pub fn to(state: &State) -> Vec<String> {
    if let Some(who) = state.held() {
        return vec![
            format!("Nothing is sent before you accept the new identity key of {who}: Ctrl+S"),
            format!("Nothing is sent: another key of {who}, Ctrl+S"),
            "Nothing is sent: another key".to_owned(),
            "Nothing is sent".to_owned(),
        ];
    }
    vec![addressee(state)]
}

fn addressee(state: &State) -> String {
    let Some(open) = &state.open else { return String::new() };
    match state.undecided() {
        Some((_, Stance::Blocked)) => return "Blocked".to_owned(),
        Some(_) => return format!("Do you want to hear from {}?", state.handle_of(&open.target)),
        None => {}
    }
    if state.draft().is_some_and(|draft| draft.edit.is_some()) {
        return format!("Editing what you said to {} (Esc: not)", state.handle_of(&open.target));
    }
    match state.draft().and_then(|draft| draft.reply.as_ref()) {
        Some((_, quote)) => format!("Reply to {quote}"),
        None => {
            let writers = open.conversation().map(|id| state.writers(id)).unwrap_or_default();
            match (writers.as_slice(), state.open_row().is_some_and(|row| row.group)) {
                ([], _) => format!("To {}", state.handle_of(&open.target)),
                (who, false) => writing(who),
                (who, true) => format!("To {} · {}", state.handle_of(&open.target), writing(who)),
            }
        }
    }
}

/// The newest message as the list shows it, in one line.
pub fn in_list(from: &str, body: &Body) -> String {
    match body {
        Body::Text(text) => crate::safe_text::safe_line(text),
        body => lines::note(from, body),
    }
}
