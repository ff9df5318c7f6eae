//! Ana searches what Bruno and Carla wrote, and what is gone is not found.

use std::collections::BTreeMap;

use lacre_engine::records::{
    MessageRecord, MessageState, Position, row_from_bytes, row_key, row_to_bytes, visit_rows,
};
use lacre_engine::{Changes, Reader};
use lacre_proto::{AccountId, ConversationId, Millis};
use proptest::prelude::*;

use super::*;
use crate::content::{Content, MessageId};
use crate::store::{MemoryStore, Store};

const DAY: Millis = 24 * 3600 * 1000;
const BRUNO: ConversationId = ConversationId([1; 16]);
const CARLA: ConversationId = ConversationId([2; 16]);

/// Ana's device: rows go in as the driver puts them in.
#[derive(Default)]
struct Ana(MemoryStore);

impl Ana {
    fn new() -> Self {
        let ana = Self::default();
        ana.make_index();
        ana
    }

    /// Makes the index as the driver does; how many transactions it took.
    fn make_index(&self) -> usize {
        let next = || slice(self.0.snapshot().unwrap().as_ref()).unwrap();
        std::iter::from_fn(next).map(|changes| self.0.commit(&changes).unwrap()).count()
    }

    fn commit(&self, mut changes: Changes) {
        follow(self.0.snapshot().unwrap().as_ref(), &mut changes).unwrap();
        self.0.commit(&changes).unwrap();
    }

    fn has(&self, rows: &[MessageRecord]) {
        self.commit(rows.iter().map(|row| (key(row), Some(row_to_bytes(row)))).collect());
    }

    fn erases(&self, row: &MessageRecord) {
        self.commit([(key(row), None)].into());
    }

    fn search(&self, query: &str, filter: &Filter) -> Found {
        search(self.0.snapshot().unwrap().as_ref(), &Query::new(query), filter, None, 100).unwrap()
    }

    fn finds(&self, query: &str) -> Vec<String> {
        texts(&self.search(query, &Filter::default()))
    }

    fn check(&self) -> Checked {
        check(self.0.snapshot().unwrap().as_ref()).unwrap()
    }

    /// Whether a text stands anywhere in the store, in keys or values.
    fn holds(&self, text: &str) -> bool {
        let mut held = false;
        let within = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        self.0
            .snapshot()
            .unwrap()
            .scan(&[0], &[0xff], false, &mut |key, value| {
                held |= within(key) || within(value);
                true
            })
            .unwrap();
        held
    }
}

fn key(row: &MessageRecord) -> Vec<u8> {
    row_key(row.conversation, row.position)
}

fn texts(found: &Found) -> Vec<String> {
    let text = |hit: &Hit| match &hit.message.body {
        crate::view::Body::Text(text) => text.clone(),
        other => panic!("{other:?} has no text"),
    };
    found.hits.iter().map(text).collect()
}

fn wrote(number: u64, conversation: ConversationId, who: &str, text: &str) -> MessageRecord {
    MessageRecord {
        change: None,
        id: MessageId([number as u8; 16]),
        conversation,
        position: Position { anchor: number, counter: number as u32 % 5 },
        author: AccountId([9; 16]),
        author_handle: who.parse().unwrap(),
        mine: who == "ana",
        sent_ms: number * DAY / 4,
        content: Content::Text { text: text.to_owned() },
        state: MessageState::Received,
        late: false,
        seen: true,
        mimi: None,
        marks: lacre_engine::records::Marks::default(),
    }
}

#[test]
fn ana_finds_words_beginnings_and_phrases() {
    let ana = Ana::new();
    ana.has(&[
        wrote(1, BRUNO, "bruno", "Vamos ao cinema amanhã?"),
        wrote(2, BRUNO, "ana", "Amanhã não, talvez na quinta-feira"),
        wrote(3, CARLA, "carla", "AMANHA é feriado, não há cinema"),
    ]);
    assert_eq!(ana.finds("amanha").len(), 3, "case and accents do not matter");
    assert_eq!(ana.finds("AMANHÃ cin"), ["AMANHA é feriado, não há cinema", "Vamos ao cinema amanhã?"]);
    assert_eq!(ana.finds("\"cinema amanhã\""), ["Vamos ao cinema amanhã?"]);
    assert_eq!(ana.finds("quinta-fei"), ["Amanhã não, talvez na quinta-feira"]);
    assert!(ana.finds("\"cinem\"").is_empty(), "in quotes a word is whole");
    assert!(ana.finds("feira-quinta").is_empty());
    assert!(ana.finds("teatro").is_empty());
    assert_eq!(ana.finds("").len(), 3, "nothing in particular is everything");
}

#[test]
fn filters_narrow_and_results_come_in_pages() {
    let ana = Ana::new();
    let rows: Vec<_> = (0..20)
        .map(|number| {
            let (conversation, who) = if number % 2 == 0 { (BRUNO, "bruno") } else { (CARLA, "ana") };
            let text =
                format!("number {number} see {}", if number == 6 { "https://a.example/x" } else { "it" });
            wrote(number, conversation, who, &text)
        })
        .collect();
    ana.has(&rows);
    let count = |filter: Filter| ana.search("number", &filter).hits.len();
    assert_eq!(count(Filter { conversation: Some(BRUNO), ..Filter::default() }), 10);
    assert_eq!(count(Filter { conversation: Some(ConversationId([7; 16])), ..Filter::default() }), 0);
    assert_eq!(count(Filter { from: Some("ana".parse().unwrap()), ..Filter::default() }), 10);
    assert_eq!(count(Filter { kind: Some(Kind::Link), ..Filter::default() }), 1);
    let (since, until) = (Some(DAY + DAY / 4), Some(3 * DAY));
    assert_eq!(count(Filter { since, until, ..Filter::default() }), 12 - 5, "from the fifth to the eleventh");
    assert_eq!(count(Filter { since, ..Filter::default() }), 15);
    let reader = ana.0.snapshot().unwrap();
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let query = Query::new("number");
        let page = search(reader.as_ref(), &query, &Filter::default(), before, 7).unwrap();
        seen.extend(page.hits.iter().map(|hit| hit.message.position.anchor));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..20).rev().collect::<Vec<_>>(), "all, once, the newest first");
}

#[test]
fn an_erased_or_edited_message_leaves_no_word_behind() {
    let ana = Ana::new();
    let secret = wrote(1, BRUNO, "bruno", "the password is xylophone-quartz");
    let other = wrote(2, BRUNO, "bruno", "thanks, the end");
    ana.has(&[secret.clone(), other.clone()]);
    assert!(ana.holds("xylophone") && ana.holds("quartz"));
    let edited = wrote(1, BRUNO, "bruno", "the password is gone");
    ana.has(std::slice::from_ref(&edited));
    assert!(ana.finds("xylophone").is_empty() && !ana.holds("xylophone") && !ana.holds("quartz"));
    assert_eq!(ana.finds("gone").len(), 1);
    ana.erases(&edited);
    assert!(!ana.holds("gone") && !ana.holds("password"));
    assert_eq!(ana.finds("the"), ["thanks, the end"]);
    ana.erases(&other);
    assert_eq!(ana.check(), Checked { messages: 0, terms: 0, made: true, wrong: 0 });
}

#[test]
fn a_message_that_moves_is_found_once_where_it_is() {
    let ana = Ana::new();
    let queued = wrote(7, BRUNO, "ana", "moving");
    let queued = MessageRecord { position: Position { anchor: 1 << 63 | 3, counter: 0 }, ..queued };
    ana.has(std::slice::from_ref(&queued));
    let sent = wrote(7, CARLA, "ana", "moving");
    ana.commit([(key(&queued), None), (key(&sent), Some(row_to_bytes(&sent)))].into());
    let found = ana.search("moving", &Filter::default());
    assert_eq!(found.hits.len(), 1);
    assert_eq!((found.hits[0].message.conversation, found.hits[0].message.position.anchor), (CARLA, 7));
    assert_eq!(ana.check().wrong, 0);
}

#[test]
fn an_index_of_another_version_is_made_anew_beside_everything_else() {
    let ana = Ana::default();
    let rows: Vec<_> = (0..900).map(|at| wrote(at, BRUNO, "bruno", &format!("word{at} common"))).collect();
    ana.has(&rows);
    assert!(!ana.search("common", &Filter::default()).complete, "it says that it has not looked at all");
    let next = || slice(ana.0.snapshot().unwrap().as_ref()).unwrap().unwrap();
    // Cleared, and one slice; then messages come and go on both sides of the place that it has come to.
    ana.0.commit(&next()).unwrap();
    ana.0.commit(&next()).unwrap();
    ana.has(&[wrote(3, BRUNO, "bruno", "instead"), wrote(2000, BRUNO, "bruno", "newest")]);
    ana.erases(&rows[5]);
    ana.erases(&rows[800]);
    assert!(ana.make_index() > 2);
    assert_eq!(ana.check(), Checked { messages: 899, terms: 899 + 229, made: true, wrong: 0 });
    for (query, many) in [("word3", 99 + 11), ("\"word3\"", 0), ("instead", 1), ("newest", 1)] {
        let found = search(
            ana.0.snapshot().unwrap().as_ref(),
            &Query::new(query),
            &Filter::default(),
            None,
            usize::MAX,
        );
        assert_eq!(found.unwrap().hits.len(), many, "{query}");
    }
    ana.0.commit(&forget()).unwrap();
    assert!(!ana.check().made);
    ana.make_index();
    assert_eq!(ana.check().wrong, 0);
}

#[test]
fn a_check_finds_what_is_wrong() {
    let ana = Ana::new();
    let row = wrote(1, BRUNO, "bruno", "here today");
    ana.has(std::slice::from_ref(&row));
    // Erased behind the index's back.
    ana.0.commit(&[(key(&row), None)].into()).unwrap();
    assert_eq!(ana.check().wrong, 5, "two words, a kind, a person and a day");
    assert!(ana.finds("today").is_empty(), "the text decides, not the index");
}

#[test]
fn an_excerpt_shows_where_it_was_found() {
    let ana = Ana::new();
    let long = format!("{}the café\nin São Paulo{}", "lorem ipsum ".repeat(40), " dolor".repeat(60));
    ana.has(&[wrote(1, BRUNO, "bruno", &long)]);
    let found = ana.search("sao cafe", &Filter::default());
    let Hit { excerpt, matches, .. } = &found.hits[0];
    let shown: Vec<_> = matches.iter().map(|range| &excerpt[range.clone()]).collect();
    assert_eq!(shown, ["café", "São"]);
    assert!(excerpt.contains("the café in São Paulo dolor"), "{excerpt}");
    assert!(excerpt.starts_with("…") && excerpt.ends_with('…') && excerpt.len() < 200, "{excerpt}");
    ana.has(&[wrote(2, BRUNO, "bruno", "short")]);
    let found = ana.search("sho", &Filter::default());
    assert_eq!(found.hits[0].excerpt, "short");
    assert_eq!(found.hits[0].matches, std::slice::from_ref(&(0..5)));
}

/// Every message that the query and the filter let pass, found without an index.
fn naive(reader: &dyn Reader, query: &Query, filter: &Filter) -> Vec<Position> {
    let mut found = Vec::new();
    visit_rows(reader, &[], &mut |_, value| {
        let row = row_from_bytes(value).unwrap();
        if let Some(hit) = query::hit(reader, query, filter, row).unwrap() {
            found.push((hit.message.position, hit.message.conversation));
        }
        true
    })
    .unwrap();
    found.sort_unstable();
    found.into_iter().rev().map(|(position, _)| position).collect()
}

const VOCABULARY: [&str; 10] =
    ["ana", "Aná", "anagram", "bar", "BÁR", "barco", "東京", "https://x.example/ana", "ß", "🎉"];

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(0..VOCABULARY.len(), 0..6)
        .prop_map(|words| words.into_iter().map(|word| VOCABULARY[word]).collect::<Vec<_>>().join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_index_finds_what_a_scan_of_all_messages_finds(
        steps in proptest::collection::vec(
            proptest::collection::vec((0u64..60, proptest::option::weighted(0.8, text())), 1..30), 1..12),
        queries in proptest::collection::vec((text(), any::<bool>(), 0usize..4), 1..12),
        remade in 0usize..12,
    ) {
        let ana = Ana::new();
        let mut rows = BTreeMap::new();
        for (at, step) in steps.into_iter().enumerate() {
            if at == remade {
                ana.0.commit(&forget()).unwrap();
            }
            let mut changes = Changes::new();
            for (number, text) in step {
                let conversation = if number % 3 == 0 { CARLA } else { BRUNO };
                let who = ["ana", "bruno", "carla"][number as usize % 3];
                let row = wrote(number, conversation, who, text.as_deref().unwrap_or_default());
                let value = text.map(|_| row_to_bytes(&row));
                rows.insert(number, value.clone());
                changes.insert(key(&row), value);
            }
            ana.commit(changes);
            if at == remade {
                ana.make_index();
            }
        }
        ana.make_index();
        prop_assert_eq!(ana.check().wrong, 0);
        let reader = ana.0.snapshot().unwrap();
        for (text, quoted, which) in queries {
            let query = Query::new(&if quoted { format!("\"{text}\"") } else { text });
            let filter = match which {
                0 => Filter::default(),
                1 => Filter { conversation: Some(CARLA), since: Some(3 * DAY), ..Filter::default() },
                2 => Filter { from: Some("bruno".parse().unwrap()), kind: Some(Kind::Link), ..Filter::default() },
                _ => Filter { since: Some(DAY), until: Some(9 * DAY + 5), ..Filter::default() },
            };
            let found = search(reader.as_ref(), &query, &filter, None, usize::MAX).unwrap();
            let places: Vec<_> = found.hits.iter().map(|hit| hit.message.position).collect();
            prop_assert_eq!(places, naive(reader.as_ref(), &query, &filter));
        }
    }
}
