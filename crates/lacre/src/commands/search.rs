//! `lacre search`: what was said, among all messages of this device. Nothing leaves it.

use std::io::IsTerminal;
use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lacre_client::OpenError;
use lacre_client::search::{self, Filter, Hit, Kind, Query};
use lacre_client::store::Store;
use lacre_client::view::Views;
use lacre_proto::Millis;
use serde_json::{Value, json};

use super::{Context, names};
use crate::cli::SearchArgs;
use crate::exit::Failure;
use crate::output;
use crate::safe_text::{safe_line, safe_text};

/// How many people get who do not say how many.
const FOR_PEOPLE: usize = 20;

pub(super) async fn run(context: &Context, args: SearchArgs) -> Result<(), Failure> {
    let query = Query::new(&args.words.join(" "));
    let store = context.profile.open(context.passphrase_fd).await?;
    signed_up(store.as_ref())?;
    search::make_whole(store.as_ref(), |messages| {
        if !context.json && messages > 0 {
            eprintln!("The search index is being made: {messages} messages …");
        }
    })?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let views = Views(reader.as_ref());
    let filter = filter(&views, &args)?;
    if query.is_empty() && filter == Filter::default() {
        return Err(Failure::usage(
            "say what to search for: words, or one of --in, --from, --kind, --since, --until",
        ));
    }
    let limit = args.limit.unwrap_or(if context.json { usize::MAX } else { FOR_PEOPLE });
    let found = views.search(&query, &filter, None, limit)?;
    for hit in &found.hits {
        let name = views.conversation(hit.message.conversation)?.map(|it| it.name).unwrap_or_default();
        if context.json {
            output::object(&hit_json(hit, &name))?;
        } else {
            output::line(&hit_line(hit, &name))?;
        }
    }
    match (context.json, found.hits.is_empty(), found.next) {
        (false, true, _) => output::line("Nothing found."),
        (false, false, Some(_)) => output::line("There is more: --limit shows it."),
        _ => Ok(()),
    }
}

fn signed_up(store: &dyn Store) -> Result<(), Failure> {
    let reader = store.snapshot().map_err(OpenError::from)?;
    Views(reader.as_ref()).me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
    Ok(())
}

fn filter(views: &Views<'_>, args: &SearchArgs) -> Result<Filter, Failure> {
    Ok(Filter {
        conversation: args.within.as_deref().map(|name| names::conversation(views, name)).transpose()?,
        from: args.from.clone(),
        kind: args.kind.as_deref().map(kind).transpose()?,
        since: args.since.as_deref().map(|date| time(date, false)).transpose()?,
        until: args.until.as_deref().map(|date| time(date, true)).transpose()?,
    })
}

fn kind(name: &str) -> Result<Kind, Failure> {
    Kind::named(name).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        Failure::usage(format!("there is no such kind; kinds are {}", names.join(", ")))
    })
}

/// Takes filters out of what is typed, as `from:bruno kind:link since:2026-11-22 until:2026-11-30`; gives the rest.
/// One that is not whole yet narrows nothing.
pub fn narrowed(typed: &str, filter: &mut Filter) -> String {
    let is_word = |word: &&str| match word.split_once(':') {
        Some(("from", handle)) => {
            filter.from = handle.parse().ok();
            false
        }
        Some(("kind", name)) => {
            filter.kind = Kind::named(name);
            false
        }
        Some(("since", date)) => {
            filter.since = time(date, false).ok();
            false
        }
        Some(("until", date)) => {
            filter.until = time(date, true).ok();
            false
        }
        _ => true,
    };
    typed.split_whitespace().filter(is_word).collect::<Vec<_>>().join(" ")
}

/// A day here, from its beginning or to its end, or a time in RFC 3339.
fn time(text: &str, to_its_end: bool) -> Result<Millis, Failure> {
    let wrong = || Failure::usage("write a date as 2026-11-22, or a time as 2026-11-22T14:05:00Z");
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Millis::try_from(time.as_millisecond()).unwrap_or(0));
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    let day = if to_its_end { day.checked_add(1.day()).map_err(|_| wrong())? } else { day };
    let begins = day.to_zoned(TimeZone::system()).map_err(|_| wrong())?;
    Ok(Millis::try_from(begins.timestamp().as_millisecond()).unwrap_or(0))
}

fn hit_json(hit: &Hit, name: &str) -> Value {
    let mut object = output::message_json(&hit.message, name);
    let matches: Vec<_> = hit.matches.iter().map(|Range { start, end }| json!([start, end])).collect();
    object["excerpt"] = hit.excerpt.as_str().into();
    object["matches"] = matches.into();
    object
}

fn hit_line(hit: &Hit, name: &str) -> String {
    let time = output::local(hit.message.sent, "%Y-%m-%d %H:%M");
    let who = if hit.message.mine { "you" } else { hit.message.from.as_str() };
    let within = if name == who { String::new() } else { format!(" in {}", safe_line(name)) };
    let bold = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    format!("{time}  {who}{within}: {}", marked(&hit.excerpt, &hit.matches, bold))
}

/// The excerpt, safe for a terminal, with what was found in bold.
fn marked(excerpt: &str, matches: &[Range<usize>], bold: bool) -> String {
    let mut line = String::new();
    let mut at = 0;
    for Range { start, end } in matches {
        line.push_str(&safe_text(&excerpt[at..*start]));
        let found = safe_text(&excerpt[*start..*end]);
        line.push_str(&if bold { format!("\u{1b}[1m{found}\u{1b}[0m") } else { found });
        at = *end;
    }
    line.push_str(&safe_text(&excerpt[at..]));
    line.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_day_is_whole_and_a_time_is_exact() {
        let day = |to_its_end| time("2026-11-22", to_its_end).unwrap();
        assert_eq!(day(true) - day(false), 24 * 3600 * 1000);
        assert_eq!(time("1970-01-01T00:00:01Z", true).unwrap(), 1000);
        for wrong in ["yesterday", "2026-13-01", "22.11.2026", ""] {
            assert_eq!(time(wrong, false).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn filters_are_typed_among_the_words() {
        let mut filter = Filter::default();
        let typed = "café from:bruno kind:link since:2026-11-22 until:2026 http://x";
        assert_eq!(narrowed(typed, &mut filter), "café http://x");
        assert_eq!(filter.from, Some("bruno".parse().unwrap()));
        assert_eq!(filter.kind, Kind::named("link"));
        assert_eq!((filter.since, filter.until), (Some(time("2026-11-22", false).unwrap()), None));
    }

    #[test]
    fn what_was_found_stands_out_and_steers_nothing() {
        let text = "a \u{1b}[2Jcafé\u{202e} b";
        let at = text.find("café").unwrap();
        assert_eq!(marked(text, std::slice::from_ref(&(at..at + 5)), false), "a ␛[2Jcafé\u{fffd} b");
        assert_eq!(
            marked(text, std::slice::from_ref(&(at..at + 5)), true),
            "a ␛[2J\u{1b}[1mcafé\u{1b}[0m\u{fffd} b"
        );
    }
}
