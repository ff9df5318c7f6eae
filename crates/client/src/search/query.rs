//! What is searched for, and how it is found: the index names the candidates, their texts decide.

use std::collections::HashMap;
use std::ops::Range;

use lacre_engine::records::MessageRecord;
use lacre_engine::{EngineError, Reader, Records};
use lacre_proto::{ConversationId, Handle, Millis};

use super::index::{State, author_term, day_term, kind_term, word_term};
use super::postings::{Numbers, Place, TermRange, places};
use super::said::{Kind, said};
use super::words::{Word, words};
use crate::view::{Message, Views};

/// Bytes of an excerpt, about.
const EXCERPT: usize = 160;
/// Bytes of it before what was found.
const BEFORE: usize = 48;

/// What is searched for: every part must be found. An empty query finds everything that the filter lets pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query(Vec<Part>);

/// Words that must stand one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    words: Vec<String>,
    /// Whether the last word may go on.
    prefix: bool,
}

impl Query {
    /// Reads what a person typed: words in quotes are found as they stand there, every other one also as the
    /// beginning of a word. Case and accents do not matter.
    pub fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        for (at, piece) in text.split(['"', '“', '”', '„', '«', '»']).enumerate() {
            if at % 2 == 1 {
                parts.extend(Part::of(piece, false));
            } else {
                parts.extend(piece.split_whitespace().filter_map(|word| Part::of(word, true)));
            }
        }
        Self(parts)
    }

    /// Whether there is nothing in it that could be found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everything that is searched for stands in a text.
    pub fn is_in(&self, text: &str) -> bool {
        self.find(&words(text)).is_some()
    }

    /// Where everything that is searched for stands in a text; `None` when something is not there.
    fn find(&self, text: &[Word]) -> Option<Vec<Range<usize>>> {
        let mut found = Vec::new();
        for part in &self.0 {
            let before = found.len();
            for start in 0..text.len() {
                if let Some(run) = text.get(start..start + part.words.len()).filter(|run| part.is(run)) {
                    found
                        .extend(run.first().zip(run.last()).map(|(first, last)| first.at.start..last.at.end));
                }
            }
            if found.len() == before {
                return None;
            }
        }
        found.sort_by_key(|range| (range.start, range.end));
        found.dedup_by(|next, before| {
            let same = next.start <= before.end;
            if same {
                before.end = before.end.max(next.end);
            }
            same
        });
        Some(found)
    }
}

impl Part {
    fn of(text: &str, prefix: bool) -> Option<Self> {
        let words: Vec<_> = words(text).into_iter().map(|word| word.folded).collect();
        (!words.is_empty()).then_some(Self { words, prefix })
    }

    fn is(&self, run: &[Word]) -> bool {
        let last = self.words.len() - 1;
        self.words.iter().zip(run).enumerate().all(|(at, (wanted, word))| {
            if at == last && self.prefix { word.folded.starts_with(wanted) } else { word.folded == *wanted }
        })
    }

    fn ranges(&self) -> impl Iterator<Item = TermRange> {
        let last = self.words.len() - 1;
        self.words.iter().enumerate().map(move |(at, word)| {
            let term = word_term(word);
            if at == last && self.prefix { TermRange::beginning(&term) } else { TermRange::of(&term) }
        })
    }
}

/// Which messages are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Those of this conversation.
    pub conversation: Option<ConversationId>,
    /// Those of this author.
    pub from: Option<Handle>,
    /// Those of this kind.
    pub kind: Option<Kind>,
    /// Those sent at this time or later.
    pub since: Option<Millis>,
    /// Those sent before this time.
    pub until: Option<Millis>,
}

impl Filter {
    fn lets_pass(&self, row: &MessageRecord, kinds: &[Kind]) -> bool {
        let Self { conversation, from, kind, since, until } = self;
        conversation.is_none_or(|conversation| row.conversation == conversation)
            && from.as_ref().is_none_or(|from| row.author_handle == *from)
            && kind.is_none_or(|kind| kinds.contains(&kind))
            && since.is_none_or(|since| row.sent_ms >= since)
            && until.is_none_or(|until| row.sent_ms < until)
    }

    fn ranges(&self) -> impl Iterator<Item = TermRange> {
        let days = (self.since.is_some() || self.until.is_some()).then(|| {
            let until = self.until.unwrap_or(Millis::MAX);
            TermRange::between(&day_term(self.since.unwrap_or(0)), &day_term(until))
        });
        let from = self.from.as_ref().map(|from| TermRange::of(&author_term(from.as_str())));
        let kind = self.kind.map(|kind| TermRange::of(&kind_term(kind)));
        [days, from, kind].into_iter().flatten()
    }
}

/// What was found, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The messages.
    pub hits: Vec<Hit>,
    /// From where to go on; `None` when there is no more.
    pub next: Option<Place>,
    /// Whether all messages were looked at: not while the index is being made.
    pub complete: bool,
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The message.
    pub message: Message,
    /// The part of its text around what was found first, on one line. Not made safe for a screen.
    pub excerpt: String,
    /// Where in the excerpt stands what was searched for, in bytes.
    pub matches: Vec<Range<usize>>,
}

/// Finds up to `limit` messages before a place, or the newest ones.
pub(crate) fn search(
    reader: &dyn Reader,
    query: &Query,
    filter: &Filter,
    before: Option<Place>,
    limit: usize,
) -> Result<Found, EngineError> {
    search_within(reader, query, filter, &|_| true, before, limit)
}

/// The same, only in conversations that a question lets pass.
pub(crate) fn search_within(
    reader: &dyn Reader,
    query: &Query,
    filter: &Filter,
    within: &dyn Fn(ConversationId) -> bool,
    before: Option<Place>,
    limit: usize,
) -> Result<Found, EngineError> {
    let complete = State::read(reader)? == State::Made;
    let mut found = Found { complete, ..Found::default() };
    let numbers = Numbers::new(reader);
    let wanted = match filter.conversation {
        Some(conversation) => match numbers.of(conversation)? {
            Some(number) => Some(number),
            None => return Ok(found),
        },
        None => None,
    };
    let mut conversations = HashMap::new();
    for place in candidates(reader, query, filter)?.into_iter().rev() {
        if before.is_some_and(|before| place >= before) || wanted.is_some_and(|number| place.number != number)
        {
            continue;
        }
        let conversation = match conversations.get(&place.number) {
            Some(conversation) => *conversation,
            None => *conversations.entry(place.number).or_insert(numbers.conversation(place.number)?),
        };
        if !within(conversation) {
            continue;
        }
        let Some(row) = Records(reader).message_at(conversation, place.position())? else { continue };
        let Some(hit) = hit(reader, query, filter, row)? else { continue };
        if found.hits.len() == limit {
            return Ok(found);
        }
        found.hits.push(hit);
        found.next = Some(place);
    }
    found.next = None;
    Ok(found)
}

/// Places that all of the query and of the filter name, ascending.
fn candidates(reader: &dyn Reader, query: &Query, filter: &Filter) -> Result<Vec<Place>, EngineError> {
    let mut sets = Vec::new();
    let ranges = query.0.iter().flat_map(Part::ranges).chain(filter.ranges());
    for range in ranges {
        sets.push(places(reader, &range)?);
    }
    if sets.is_empty() {
        // Every message has a day.
        sets.push(places(reader, &TermRange::beginning("d"))?);
    }
    sets.sort_by_key(Vec::len);
    let mut sets = sets.into_iter();
    let mut all = sets.next().unwrap_or_default();
    for set in sets {
        intersect(&mut all, &set);
    }
    Ok(all)
}

/// Leaves what is in both; both ascend, the first is the shorter one.
fn intersect(all: &mut Vec<Place>, other: &[Place]) {
    let mut rest = other;
    all.retain(|place| {
        // Galloping: the other one may be very much longer.
        let mut step = 1;
        while step < rest.len() && rest[step] < *place {
            step *= 2;
        }
        let window = &rest[..rest.len().min(step + 1)];
        let skip = window.partition_point(|other| other < place);
        rest = &rest[skip..];
        rest.first() == Some(place)
    });
}

pub(super) fn hit(
    reader: &dyn Reader,
    query: &Query,
    filter: &Filter,
    row: MessageRecord,
) -> Result<Option<Hit>, EngineError> {
    let Some(said) = said(&row).filter(|said| filter.lets_pass(&row, &said.kinds)) else { return Ok(None) };
    let Some(matches) = query.find(&words(&said.text)) else { return Ok(None) };
    let (excerpt, matches) = excerpt(&said.text, &matches);
    let message = Views(reader).message_of(row)?;
    Ok(Some(Hit { message, excerpt, matches }))
}

/// The part of a text around the first match, on one line, and the matches in it.
fn excerpt(text: &str, matches: &[Range<usize>]) -> (String, Vec<Range<usize>>) {
    let first = matches.first().map_or(0, |first| first.start);
    let mut start = text.floor_char_boundary(first.saturating_sub(BEFORE));
    if start > 0 {
        // From the beginning of a word, when one begins soon.
        start += text[start..first].find(char::is_whitespace).map_or(0, |at| at + 1);
        start = text.floor_char_boundary(start);
    }
    let least = matches.first().map_or(0, |first| first.end);
    let end = text.ceil_char_boundary((start + EXCERPT).max(least).min(text.len()));
    let before = if start > 0 { "…" } else { "" };
    let behind = if end < text.len() { "…" } else { "" };
    let line: String =
        text[start..end].chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }).collect();
    let shown = matches.iter().filter(|range| range.start >= start && range.end <= end);
    let moved = shown.map(|range| range.start - start + before.len()..range.end - start + before.len());
    (format!("{before}{line}{behind}"), moved.collect())
}
