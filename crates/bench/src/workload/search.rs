//! Search over the messages of one device: no relay takes part.

use clap::Args;
use lacre_client::content::{Content, MessageId};
use lacre_client::records::{MessageRecord, MessageState, Position, row_key, row_to_bytes};
use lacre_client::search::{self, Filter, Kind, Query};
use lacre_client::store::{RedbStore, Store};
use lacre_client::view::Views;
use lacre_engine::Changes;
use lacre_proto::{AccountId, ConversationId};
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

use crate::cli::Failed;
use crate::relay::own_cpu;
use crate::report::{Reporter, rounded};

/// Words that the messages are made of, the frequent ones first.
const VOCABULARY: usize = 20_000;
/// Conversations that they lie in.
const CONVERSATIONS: u8 = 50;
/// Messages in one transaction.
const AT_ONCE: usize = 2_000;
const DAY: u64 = 24 * 3600 * 1000;

#[derive(Args)]
pub struct Options {
    /// How many messages.
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// How often each query is asked.
    #[arg(long, default_value_t = 100)]
    times: u32,
}

/// What was measured of the index or of one query.
#[derive(Serialize)]
struct Searched {
    workload: &'static str,
    mode: String,
    messages: usize,
    /// Found, at most a page of 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<usize>,
    /// Processor time of one query, user and system.
    #[serde(skip_serializing_if = "Option::is_none")]
    query_cpu_ms: Option<f64>,
    /// Processor time of indexing 1,000 messages, with their commits.
    #[serde(skip_serializing_if = "Option::is_none")]
    index_cpu_ms_per_1k: Option<f64>,
    /// Bytes of the index, keys and values.
    #[serde(skip_serializing_if = "Option::is_none")]
    index_bytes: Option<u64>,
    /// Bytes of the messages' rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_bytes: Option<u64>,
}

impl Searched {
    fn of(options: &Options, mode: &str) -> Self {
        Self {
            workload: "search",
            mode: mode.to_owned(),
            messages: options.messages,
            found: None,
            query_cpu_ms: None,
            index_cpu_ms_per_1k: None,
            index_bytes: None,
            message_bytes: None,
        }
    }
}

/// Makes a sealed store of so many messages, indexes it, and asks.
pub fn run(options: &Options, report: &mut Reporter) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let store = RedbStore::open(folder.path(), b"bench", ChaCha20Rng::from_os_rng())?;
    fill(&store, options)?;
    let before = own_cpu()?;
    search::make_whole(&store, |_| {})?;
    let took = (own_cpu()? - before) * 1000.0;
    let sizes = store.sizes()?;
    let bytes = |table: u8| sizes.get(&table).map(|size| size.bytes);
    report.print(&Searched {
        index_cpu_ms_per_1k: Some(rounded(took / options.messages as f64 * 1000.0, 2)),
        index_bytes: bytes(0x90),
        message_bytes: bytes(0x06),
        ..Searched::of(options, "made of messages that are there")
    });
    let last = options.messages as u64 * DAY / 100;
    for (what, text, filter) in queries(last)? {
        ask(&store, options, report, what, &text, &filter)?;
    }
    Ok(())
}

fn queries(last: u64) -> Result<Vec<(&'static str, String, Filter)>, Failed> {
    let all = Filter::default;
    let frequent = word(0);
    Ok(vec![
        ("a frequent word", frequent.clone(), all()),
        ("a rare word", word(VOCABULARY - 5), all()),
        ("the first letter of many words", frequent[..1].to_owned(), all()),
        ("three frequent words", [word(0), word(1), word(2)].join(" "), all()),
        ("a phrase of frequent words", format!("\"{} {}\"", word(1), word(0)), all()),
        ("a phrase that is nowhere", format!("\"{}\"", vec![word(0); 6].join(" ")), all()),
        (
            "a frequent word in one conversation",
            frequent.clone(),
            Filter { conversation: Some(conversation(7)), ..all() },
        ),
        ("a frequent word of the oldest days", frequent.clone(), Filter { until: Some(last / 50), ..all() }),
        ("a frequent word of one person", frequent, Filter { from: Some("bruno7".parse()?), ..all() }),
        ("every link", String::new(), Filter { kind: Some(Kind::Link), ..all() }),
        ("nothing that is there", "zzzzzz".to_owned(), all()),
    ])
}

fn ask(
    store: &RedbStore,
    options: &Options,
    report: &mut Reporter,
    what: &str,
    text: &str,
    filter: &Filter,
) -> Result<(), Failed> {
    let query = Query::new(text);
    let mut found = 0;
    let before = own_cpu()?;
    for _ in 0..options.times.max(1) {
        let reader = store.snapshot()?;
        found = Views(reader.as_ref()).search(&query, filter, None, 50)?.hits.len();
    }
    let took = (own_cpu()? - before) * 1000.0 / f64::from(options.times.max(1));
    report.print(&Searched {
        found: Some(found),
        query_cpu_ms: Some(rounded(took, 2)),
        ..Searched::of(options, what)
    });
    Ok(())
}

fn fill(store: &RedbStore, options: &Options) -> Result<(), Failed> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut changes = Changes::new();
    for number in 0..options.messages {
        let row = message(number as u64, &mut rng)?;
        changes.insert(row_key(row.conversation, row.position), Some(row_to_bytes(&row)));
        if changes.len() == AT_ONCE {
            store.commit(&std::mem::take(&mut changes))?;
        }
    }
    store.commit(&changes)?;
    Ok(())
}

fn message(number: u64, rng: &mut ChaCha20Rng) -> Result<MessageRecord, Failed> {
    let at = rng.random_range(0..CONVERSATIONS);
    let length = rng.random_range(3..20);
    let mut words: Vec<String> = (0..length).map(|_| word(rank(rng))).collect();
    if number.is_multiple_of(50) {
        words.push(format!("https://{}.example/", word(rank(rng))));
    }
    Ok(MessageRecord {
        id: MessageId(u128::from(number).to_be_bytes()),
        conversation: conversation(at),
        position: Position { anchor: number, counter: number as u32 / u32::from(CONVERSATIONS) },
        author: AccountId([at; 16]),
        author_handle: format!("bruno{at}").parse()?,
        mine: false,
        sent_ms: number * DAY / 100,
        content: Content::Text { text: words.join(" ") },
        change: None,
        state: MessageState::Received,
        late: false,
        seen: true,
        mimi: Some(vec![7; 32]),
        marks: lacre_client::records::Marks::default(),
    })
}

fn conversation(at: u8) -> ConversationId {
    ConversationId([at; 16])
}

/// A word's place among all by frequency: about as in a language (Zipf), the first in every second message.
fn rank(rng: &mut ChaCha20Rng) -> usize {
    let share: f64 = rng.random_range(0.0..1.0);
    ((VOCABULARY as f64 + 1.0).powf(share) - 1.0) as usize
}

/// A word of its own for each place.
fn word(rank: usize) -> String {
    let mut rest = rank * 7919 % VOCABULARY + 30;
    let mut word = String::new();
    while rest > 0 {
        word.push(char::from(b'a' + (rest % 19) as u8));
        word.push(['a', 'e', 'i', 'o', 'ã'][rest % 5]);
        rest /= 19;
    }
    word
}
