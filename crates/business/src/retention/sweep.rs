//! The passes.

use std::collections::BTreeMap;

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};

use super::{Kind, Periods, place_of};
use crate::api::messages::{answers_held, drop_answers, drop_kept, notes_held};
use crate::erasing::{EraseError, Eraser};
use crate::restriction;
use crate::store::{Store, StoreError, bytes_of, table};

/// Customers that one step looks at.
const LOOKS: usize = 500;
/// Messages that one step takes away, or little more.
const MESSAGES: u64 = 2_000;
/// Messages of one customer that are taken away at once.
const SLICE: usize = 1_000;
/// Webhooks that one step takes away, or little more.
const WEBHOOKS: usize = 5_000;
/// Pages of files or notes that one step looks at.
const PAGES: usize = 20;

/// How a pass over a kind stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pass {
    /// Where it is; empty at the beginning.
    place: Vec<u8>,
    /// How many went in it so far.
    gone: u64,
    /// When the last one ended, and how many went in that.
    pub last: Option<(Millis, u64)>,
}

/// How much is held of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// How many.
    pub count: u64,
    /// When the oldest came.
    pub oldest: Option<Millis>,
}

/// What a step did.
struct Step {
    gone: u64,
    is_over: bool,
    /// Whether something stays that should have gone.
    failed: Result<(), EraseError>,
}

/// What takes away what was kept long enough.
pub struct Sweeper<D> {
    pub(crate) store: Store<D>,
    pub(crate) eraser: Eraser<D>,
}

impl<D: Data> Sweeper<D> {
    /// One step of each pass; says how many of each kind went, where some did, and what kept any from going: one kind
    /// keeps no other.
    pub async fn round(&self, now: Millis) -> (BTreeMap<Kind, u64>, Result<(), EraseError>) {
        let (mut all, mut outcome) = (BTreeMap::new(), Ok(()));
        for kind in Kind::ALL {
            match self.step(kind, now).await {
                Ok(Step { gone, failed, .. }) => {
                    all.insert(kind, gone);
                    outcome = outcome.and(failed);
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        all.retain(|_, gone| *gone > 0);
        (all, outcome)
    }

    /// Passes over everything, from the beginning to the end; says how many of each kind went, where some did.
    pub async fn whole(&self, now: Millis) -> Result<BTreeMap<Kind, u64>, EraseError> {
        let mut all = BTreeMap::new();
        for kind in Kind::ALL {
            let pass = pass(&self.store, kind).await?;
            self.store.write(put(kind, &Pass { place: Vec::new(), ..pass })).await?;
            loop {
                let Step { gone, is_over, failed } = self.step(kind, now).await?;
                failed?;
                *all.entry(kind).or_default() += gone;
                if is_over {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        all.retain(|_, gone| *gone > 0);
        Ok(all)
    }

    /// The next step of a pass.
    async fn step(&self, kind: Kind, now: Millis) -> Result<Step, EraseError> {
        let periods = Periods::of(&self.store).await?;
        let Some(shortest) = periods.shortest(kind) else {
            return Ok(Step { gone: 0, is_over: true, failed: Ok(()) });
        };
        let mut failed = Ok(());
        let before = pass(&self.store, kind).await?;
        let (place, gone) = match kind {
            Kind::Messages => self.messages(&periods, &before.place, now, &mut failed).await?,
            Kind::Media => self.media(&periods, &before.place, now).await?,
            Kind::Webhooks => self.webhooks(&periods, now.saturating_sub(shortest), now).await?,
            Kind::Notes => self.notes(&periods, &before.place, now).await?,
            Kind::Answers => (None, drop_answers(&self.store, now).await?),
            Kind::Audit => (None, 0),
        };
        let so_far = before.gone + gone;
        let is_over = place.is_none();
        let after = match place {
            Some(place) => Pass { place, gone: so_far, last: before.last },
            None => Pass { place: Vec::new(), gone: 0, last: Some((now, so_far)) },
        };
        self.store.write(put(kind, &after)).await?;
        Ok(Step { gone, is_over, failed })
    }

    /// By the relay's time, so that a clock of this machine that is years ahead takes nothing away. A customer of whom
    /// something stays keeps no other's from going: the next pass comes to them again.
    async fn messages(
        &self,
        periods: &Periods,
        place: &[u8],
        now: Millis,
        failed: &mut Result<(), EraseError>,
    ) -> Result<(Option<Vec<u8>>, u64), EraseError> {
        let restricted = restriction::all(&self.store).await?;
        let now = self.eraser.device.relay_now(now)?;
        let all = self.eraser.all().await?;
        let next = all.into_iter().filter(|it| it.as_ref() > place).filter(|it| !restricted.contains(it));
        let (mut gone, mut looked) = (0, 0);
        let mut done = place.to_vec();
        for customer in next {
            if looked == LOOKS || gone >= MESSAGES {
                return Ok((Some(done), gone));
            }
            looked += 1;
            if let Some(kept) = periods.period(Kind::Messages, Some(customer)) {
                let before = now.saturating_sub(kept);
                while let Some(slice) = self.slice(customer, before)? {
                    let some = match self.eraser.take_off_the_device(customer, slice).await {
                        Ok((_, some)) => some,
                        Err(error) => {
                            *failed = Err(error);
                            0
                        }
                    };
                    gone += some;
                    if some == 0 {
                        break;
                    }
                    if gone >= MESSAGES {
                        return Ok((Some(done), gone));
                    }
                }
            }
            done = customer.as_ref().to_vec();
        }
        Ok((None, gone))
    }

    /// Up to when a customer's messages are to go next, of those up to a time; `None` when there are none.
    fn slice(&self, customer: AccountId, before: Millis) -> Result<Option<Millis>, EraseError> {
        let device = &self.eraser.device;
        if device.oldest(customer)?.is_none_or(|it| it > before) {
            return Ok(None);
        }
        let some = device.held(customer, None, SLICE)?;
        let last = some.last().filter(|_| some.len() == SLICE).and_then(|it| it.told["at_ms"].as_u64());
        Ok(Some(last.map_or(before, |it| it.min(before))))
    }

    async fn media(
        &self,
        periods: &Periods,
        place: &[u8],
        now: Millis,
    ) -> Result<(Option<Vec<u8>>, u64), EraseError> {
        let came = periods.period(Kind::Media, None).map_or(0, |it| now.saturating_sub(it));
        let (mut after, mut gone) = (place_of(place), 0);
        for _ in 0..PAGES {
            let (next, some) = self.eraser.media.drop_uploaded(after.as_ref(), came, now).await?;
            gone += some;
            after = Some(match next {
                Some(next) => next,
                None => return Ok((None, gone)),
            });
        }
        Ok((after.map(|it| it.as_bytes().to_vec()), gone))
    }

    /// What has gone is not in the way of the next step, so that each begins at the beginning.
    async fn webhooks(
        &self,
        periods: &Periods,
        before: Millis,
        now: Millis,
    ) -> Result<(Option<Vec<u8>>, u64), EraseError> {
        let restricted = restriction::all(&self.store).await?;
        let kept = |of: Option<AccountId>| match of {
            Some(of) if restricted.contains(&of) => None,
            of => periods.period(Kind::Webhooks, of),
        };
        let old = |of, at: Millis| kept(of).is_some_and(|it| at.saturating_add(it) <= now);
        let gone = self.eraser.outbox.expire(before, WEBHOOKS, old).await?;
        Ok(((gone >= WEBHOOKS).then(|| vec![0]), gone as u64))
    }

    async fn notes(
        &self,
        periods: &Periods,
        place: &[u8],
        now: Millis,
    ) -> Result<(Option<Vec<u8>>, u64), EraseError> {
        let restricted = restriction::all(&self.store).await?;
        let (mut after, mut gone) = (place_of(place), 0);
        for _ in 0..PAGES {
            let (next, some) = drop_kept(&self.store, after.as_ref(), |it| {
                let kept = periods.period(Kind::Notes, Some(it.customer));
                !restricted.contains(&it.customer)
                    && kept.is_some_and(|kept| it.at.saturating_add(kept) <= now)
            })
            .await?;
            gone += some;
            after = Some(match next {
                Some(next) => next,
                None => return Ok((None, gone)),
            });
        }
        Ok((after.map(|it| it.as_bytes().to_vec()), gone))
    }

    /// How much is held of a kind. Of the audit log, its owner knows.
    pub async fn held(&self, kind: Kind) -> Result<Held, EraseError> {
        let (count, oldest) = match kind {
            Kind::Messages => {
                let (mut count, mut oldest) = (0, None);
                for customer in self.eraser.all().await? {
                    let tally = self.eraser.device.tally(customer)?;
                    count += tally.count;
                    oldest = oldest.into_iter().chain(tally.oldest).min();
                    tokio::task::yield_now().await;
                }
                (count, oldest)
            }
            Kind::Media => self.eraser.media.uploads_held().await?,
            Kind::Webhooks => self.eraser.outbox.kept().await?,
            Kind::Notes => notes_held(&self.store).await?,
            Kind::Answers => answers_held(&self.store).await?,
            Kind::Audit => (0, None),
        };
        Ok(Held { count, oldest })
    }
}

/// How the passes over a kind stand.
pub(crate) async fn pass<D: Data>(store: &Store<D>, kind: Kind) -> Result<Pass, StoreError> {
    Ok(store.read("a sweep", &key(kind)).await?.unwrap_or_default())
}

fn put(kind: Kind, pass: &Pass) -> Batch {
    Batch::new().put(key(kind), bytes_of(pass))
}

fn key(kind: Kind) -> Key {
    Key::new(table::NODE, &[b"sweep", &[kind as u8]])
}
