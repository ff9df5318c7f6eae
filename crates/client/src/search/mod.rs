//! Search over all messages of this device: words and beginnings of words, phrases, by conversation, person, kind
//! and date, the newest first. Case and accents do not matter.
//!
//! The index lies in the local store beside the messages, sealed like them, and changes with them in one
//! transaction. See `docs/protocol/search-index.md`.

mod index;
mod postings;
mod query;
mod said;
#[cfg(test)]
mod tests;
mod words;

pub use index::{Checked, check, forget, make_whole};
pub(crate) use index::{follow, slice};
pub use postings::Place;
pub use query::{Filter, Found, Hit, Query};
pub(crate) use query::{search, search_within};
pub use said::Kind;
