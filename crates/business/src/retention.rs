//! What is kept for how long, and what takes away what was kept long enough.
//!
//! Some of it ends by itself (see [`Kind::built_in`]). What is set goes further and never back: of the two, the shorter
//! holds. A setting for one customer stands in the place of the general one, longer or shorter, since it was made
//! knowing of the other.
//!
//! | state of a pass, by kind | kept |
//! |---|---|
//! | under way | where it is, and how many went so far |
//! | ended | when, and how many went |
//!
//! A pass goes over all of a kind in steps of a bounded size, each written down; after a crash it goes on where it was.
//! What a step takes away is taken away as an erasing does it, on the device too. Of customers who are restricted
//! nothing goes.

mod sweep;

use std::collections::BTreeMap;

use bytes::Bytes;
use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};

use crate::api::messages::ANSWER_LIFE;
use crate::media;
use crate::store::{Store, StoreError, bytes_of, end_of, table};

pub(crate) use sweep::pass;
pub use sweep::{Held, Pass, Sweeper};

/// A day.
pub const DAY: Millis = 24 * 60 * 60 * 1_000;
/// For how long at most something may be set to be kept.
const LONGEST: u64 = 36_500;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// What was said in both directions, on the device, with its files.
    Messages,
    /// Files that programs brought.
    Media,
    /// Webhooks that were told or given up, and the log of them.
    Webhooks,
    /// What is noted of messages that programs sent.
    Notes,
    /// Answers to requests with an idempotency key.
    Answers,
    /// The audit log.
    Audit,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Messages, Self::Media, Self::Webhooks, Self::Notes, Self::Answers, Self::Audit];

    /// The name that the API and the command line know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Media => "media",
            Self::Webhooks => "webhooks",
            Self::Notes => "notes",
            Self::Answers => "answers",
            Self::Audit => "audit",
        }
    }

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// What it is, for people.
    pub fn what(self) -> &'static str {
        match self {
            Self::Messages => "messages in both directions with their files, on the device",
            Self::Media => "files that programs brought",
            Self::Webhooks => "webhooks that were told or given up, and their log",
            Self::Notes => "notes of messages that programs sent",
            Self::Answers => "answers to idempotency keys",
            Self::Audit => "rows of the audit log, customers by pseudonym",
        }
    }

    /// How long it is kept at most, whatever is set; of webhooks, those that were given up.
    pub fn built_in(self) -> Option<Millis> {
        match self {
            Self::Messages | Self::Notes | Self::Audit => None,
            Self::Media => Some(media::LIFE),
            Self::Webhooks => Some(30 * DAY),
            Self::Answers => Some(ANSWER_LIFE),
        }
    }

    /// For how many days at most it may be set to be kept; `None` for what is never taken away.
    pub fn most_days(self) -> Option<u64> {
        match self {
            Self::Audit => None,
            _ => Some(self.built_in().map_or(LONGEST, |it| it / DAY)),
        }
    }

    /// Whether it can be set for one customer.
    pub fn is_of_customers(self) -> bool {
        matches!(self, Self::Messages | Self::Webhooks | Self::Notes)
    }
}

/// What was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// For how many days; `None` for as long as nothing else ends it.
    pub days: Option<u64>,
    /// When that was set.
    pub since: Millis,
}

/// All that is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Periods {
    /// For everybody.
    pub general: BTreeMap<Kind, Period>,
    /// For one customer.
    pub customers: BTreeMap<(AccountId, Kind), Period>,
}

impl Periods {
    /// What a store has.
    pub async fn of<D: Data>(store: &Store<D>) -> Result<Self, StoreError> {
        let mut periods = Self::default();
        for kind in Kind::ALL {
            let set = store.read("how long something is kept", &key(kind, None)).await?;
            periods.general.extend(set.map(|it| (kind, it)));
        }
        let all = Key::new(table::CUSTOMER, &[b"k"]);
        for (key, period) in store.list("how long something is kept", &all, None, usize::MAX).await? {
            let (account, kind) = of_key(&key).ok_or(StoreError::Corrupt("how long something is kept"))?;
            periods.customers.insert((account, kind), period);
        }
        Ok(periods)
    }

    /// For how long something is kept, of a customer or of nobody; `None` for as long as nothing else ends it.
    pub fn period(&self, kind: Kind, of: Option<AccountId>) -> Option<Millis> {
        let own = of.and_then(|of| self.customers.get(&(of, kind)));
        let set = own.or(self.general.get(&kind)).and_then(|it| it.days).map(|it| it.saturating_mul(DAY));
        set.into_iter().chain(kind.built_in()).min()
    }

    /// The shortest time for which anything of a kind is kept, whose ever it is; `None` when nothing is taken away.
    fn shortest(&self, kind: Kind) -> Option<Millis> {
        let own = self.customers.keys().filter(|(_, it)| *it == kind).map(|(of, _)| Some(*of));
        own.chain([None]).filter_map(|of| self.period(kind, of)).min()
    }
}

/// Sets for how long something is kept, for everybody or for one customer; nothing is set any more when there is no
/// period.
pub async fn set<D: Data>(
    store: &Store<D>,
    kind: Kind,
    of: Option<AccountId>,
    period: Option<Period>,
) -> Result<(), StoreError> {
    let batch = match period {
        Some(period) => Batch::new().put(key(kind, of), bytes_of(&period)),
        None => Batch::new().delete(key(kind, of)),
    };
    store.write(batch).await
}

/// Drops what was set for a customer.
pub(crate) fn forget(batch: Batch, customer: AccountId) -> Batch {
    let all = Key::new(table::CUSTOMER, &[b"k", customer.as_ref()]);
    batch.delete_range(all.clone(), end_of(&all))
}

fn key(kind: Kind, of: Option<AccountId>) -> Key {
    match of {
        None => Key::new(table::NODE, &[b"keep", &[kind as u8]]),
        Some(of) => Key::new(table::CUSTOMER, &[b"k", of.as_ref(), &[kind as u8]]),
    }
}

fn of_key(key: &Key) -> Option<(AccountId, Kind)> {
    let (kind, account) = key.as_bytes().get(2..)?.split_last()?;
    let kind = Kind::ALL.into_iter().find(|it| *it as u8 == *kind)?;
    Some((AccountId::try_from(account).ok()?, kind))
}

fn place_of(bytes: &[u8]) -> Option<Key> {
    (!bytes.is_empty()).then(|| Key::from(Bytes::copy_from_slice(bytes)))
}

#[cfg(test)]
mod tests {
    use lacre_store::memory::MemoryData;

    use super::*;

    const ANA: AccountId = AccountId([0xa; 16]);
    const BRUNO: AccountId = AccountId([0xb; 16]);

    #[tokio::test]
    async fn what_was_set_for_ana_stands_for_her_and_nothing_is_kept_longer_than_it_is_anyway() {
        let store = Store(MemoryData::default());
        let days = |days| Some(Period { days: Some(days), since: 1 });
        set(&store, Kind::Messages, None, days(30)).await.expect("set");
        set(&store, Kind::Messages, Some(ANA), days(90)).await.expect("set");
        set(&store, Kind::Webhooks, Some(BRUNO), days(2)).await.expect("set");
        set(&store, Kind::Media, None, days(100)).await.expect("set");
        let periods = Periods::of(&store).await.expect("read");
        let of = |kind, who| periods.period(kind, who).map(|it| it / DAY);
        assert_eq!((of(Kind::Messages, Some(ANA)), of(Kind::Messages, Some(BRUNO))), (Some(90), Some(30)));
        assert_eq!((of(Kind::Webhooks, Some(ANA)), of(Kind::Webhooks, Some(BRUNO))), (Some(30), Some(2)));
        assert_eq!((of(Kind::Media, None), of(Kind::Notes, None)), (Some(30), None));
        let shortest = [Kind::Notes, Kind::Audit, Kind::Webhooks].map(|it| periods.shortest(it));
        assert_eq!(shortest, [None, None, Some(2 * DAY)]);

        set(&store, Kind::Messages, Some(ANA), Some(Period { days: None, since: 2 })).await.expect("set");
        set(&store, Kind::Messages, None, None).await.expect("set");
        let periods = Periods::of(&store).await.expect("read");
        assert_eq!((periods.general.len(), periods.period(Kind::Messages, Some(ANA))), (1, None));
        store.write(forget(Batch::new(), ANA)).await.expect("written");
        assert_eq!(Periods::of(&store).await.expect("read").customers.len(), 1, "Bruno's stays");
    }
}
