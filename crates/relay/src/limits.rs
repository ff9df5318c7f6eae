//! Rate limits: token buckets by kind and key, with the figures of the configuration.
//!
//! Buckets live in memory: a restart fills them. Keys are hashed with a key of the process, so that a bucket
//! holds no id.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use lacre_proto::{ErrorCode, Millis, error::WireError, limits};

/// A token bucket's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// What may be done at once; 0 lifts the limit.
    pub burst: u32,
    /// One more may be done after this many milliseconds.
    pub refill_ms: u64,
}

impl Rate {
    /// No limit.
    pub const LIFTED: Self = Self { burst: 0, refill_ms: 0 };

    const fn new(burst: u32, refill_ms: u64) -> Self {
        Self { burst, refill_ms }
    }
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    SignUp,
    FailedLogin,
    Lookup,
    LookupById,
    ClaimOne,
    ClaimTarget,
    Commit,
    Publish,
    Ticket,
    Resync,
    Block,
    DeviceList,
    Link,
    Blob,
    BlobMebibytes,
    Consent,
    Lead,
    Page,
}

/// All rate limits of a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimits {
    /// New accounts from one network (an IPv4 /24, an IPv6 /48).
    pub sign_up: Rate,
    /// Failed proofs of one device from one network.
    pub failed_login: Rate,
    /// Look-ups of handles by one account.
    pub lookup: Rate,
    /// Look-ups of account ids by one account. Who asks for an id has met the account: nobody is found by guessing
    /// 16 random bytes.
    pub lookup_by_id: Rate,
    /// Claims of one target's key packages by one account.
    pub claim: Rate,
    /// Claims of one target's key packages by anybody; over it, only last-resort ones are given.
    pub claim_target: Rate,
    /// Requests on one anonymous socket: messages, commits, new conversations, rosters.
    pub anonymous: Rate,
    /// Commits in one conversation.
    pub commit: Rate,
    /// Publications of key packages by one device.
    pub publish: Rate,
    /// Tickets minted by one device.
    pub ticket: Rate,
    /// Resync requests of one device in one conversation.
    pub resync: Rate,
    /// Blocks and unblocks by one account.
    pub block: Rate,
    /// Changes of one account's device list.
    pub device_list: Rate,
    /// Links that are opened from one network.
    pub link: Rate,
    /// Uploads by one account.
    pub blob: Rate,
    /// Mebibytes uploaded by one account.
    pub blob_mebibytes: Rate,
    /// Grants and stops by one customer.
    pub consent: Rate,
    /// Questions of one device who of its account leads.
    pub lead: Rate,
    /// Pages of businesses that are looked at from one network.
    pub page: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        const MINUTE: u64 = 60_000;
        Self {
            sign_up: Rate::new(6, 10 * MINUTE),
            failed_login: Rate::new(20, MINUTE),
            lookup: Rate::new(50, 15 * MINUTE),
            lookup_by_id: Rate::new(limits::LOOKUPS_BY_ID, 2_000),
            claim: Rate::new(6, 10 * MINUTE),
            claim_target: Rate::new(60, MINUTE),
            anonymous: Rate::new(60, 1000),
            commit: Rate::new(30, 2000),
            publish: Rate::new(20, MINUTE),
            ticket: Rate::new(100, 10_000),
            resync: Rate::new(6, 10 * MINUTE),
            block: Rate::new(100, 10_000),
            device_list: Rate::new(12, 2 * MINUTE),
            link: Rate::new(6, MINUTE),
            blob: Rate::new(50, 1200),
            blob_mebibytes: Rate::new(4096, 1000),
            consent: Rate::new(30, 10_000),
            lead: Rate::new(20, 2_000),
            page: Rate::new(30, 2_000),
        }
    }
}

impl RateLimits {
    /// No limits: for benches, and for tests of other things.
    pub const fn lifted() -> Self {
        Self {
            sign_up: Rate::LIFTED,
            failed_login: Rate::LIFTED,
            lookup: Rate::LIFTED,
            lookup_by_id: Rate::LIFTED,
            claim: Rate::LIFTED,
            claim_target: Rate::LIFTED,
            anonymous: Rate::LIFTED,
            commit: Rate::LIFTED,
            publish: Rate::LIFTED,
            ticket: Rate::LIFTED,
            resync: Rate::LIFTED,
            block: Rate::LIFTED,
            device_list: Rate::LIFTED,
            link: Rate::LIFTED,
            blob: Rate::LIFTED,
            blob_mebibytes: Rate::LIFTED,
            consent: Rate::LIFTED,
            lead: Rate::LIFTED,
            page: Rate::LIFTED,
        }
    }

    fn of(&self, action: Action) -> Rate {
        match action {
            Action::SignUp => self.sign_up,
            Action::FailedLogin => self.failed_login,
            Action::Lookup => self.lookup,
            Action::LookupById => self.lookup_by_id,
            Action::ClaimOne => self.claim,
            Action::ClaimTarget => self.claim_target,
            Action::Commit => self.commit,
            Action::Publish => self.publish,
            Action::Ticket => self.ticket,
            Action::Resync => self.resync,
            Action::Block => self.block,
            Action::DeviceList => self.device_list,
            Action::Link => self.link,
            Action::Blob => self.blob,
            Action::BlobMebibytes => self.blob_mebibytes,
            Action::Consent => self.consent,
            Action::Lead => self.lead,
            Action::Page => self.page,
        }
    }
}

/// A bucket by the time at which it will be full again: one number holds its whole state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket(Millis);

impl Bucket {
    /// Takes one token, or says in how many milliseconds there will be one.
    pub(crate) fn take(&mut self, rate: Rate, now: Millis) -> Result<(), Millis> {
        self.take_many(1, rate, now)
    }

    /// Takes several tokens together; what is more than a bucket holds takes a full one.
    fn take_many(&mut self, tokens: u32, rate: Rate, now: Millis) -> Result<(), Millis> {
        if rate.burst == 0 {
            return Ok(());
        }
        let size = u64::from(rate.burst) * rate.refill_ms;
        // A clock that was set back must not lock anybody out for longer than an empty bucket would.
        let full_at = self.0.clamp(now, now.saturating_add(size));
        let after = full_at + u64::from(tokens.min(rate.burst)) * rate.refill_ms;
        if after > now + size {
            self.0 = full_at;
            return Err(after - now - size);
        }
        self.0 = after;
        Ok(())
    }
}

/// What a refused taker is answered.
pub(crate) fn slow_down(retry_after_ms: Millis) -> WireError {
    WireError { code: ErrorCode::SlowDown, epoch: 0, retry_after_ms }
}

const SHARDS: usize = 16;
/// A shard with more buckets than this throws out the full ones.
const SHARD_BUCKETS: usize = 4096;

/// The buckets of a relay.
#[derive(Debug)]
pub(crate) struct Limiter {
    rates: RateLimits,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    buckets: HashMap<u64, Bucket>,
    /// The next clean-up is due when there are this many.
    clean_at: usize,
}

impl Limiter {
    pub(crate) fn new(rates: RateLimits) -> Self {
        Self { rates, hasher: RandomState::new(), shards: Default::default() }
    }

    /// The rate of anonymous sockets, each of which holds its bucket itself.
    pub(crate) fn anonymous_rate(&self) -> Rate {
        self.rates.anonymous
    }

    /// Takes one token of a key.
    pub(crate) fn take(&self, action: Action, key: &[&[u8]], now: Millis) -> Result<(), WireError> {
        self.with(action, key, now, |bucket, rate| bucket.take(rate, now))
    }

    /// Takes several tokens of a key, or none.
    pub(crate) fn take_many(
        &self,
        action: Action,
        tokens: u32,
        key: &[&[u8]],
        now: Millis,
    ) -> Result<(), WireError> {
        self.with(action, key, now, |bucket, rate| bucket.take_many(tokens, rate, now))
    }

    /// Whether there is a token of a key; takes none.
    pub(crate) fn look(&self, action: Action, key: &[&[u8]], now: Millis) -> Result<(), WireError> {
        self.with(action, key, now, |bucket, rate| { *bucket }.take(rate, now))
    }

    fn with(
        &self,
        action: Action,
        key: &[&[u8]],
        now: Millis,
        what: impl FnOnce(&mut Bucket, Rate) -> Result<(), Millis>,
    ) -> Result<(), WireError> {
        let rate = self.rates.of(action);
        if rate.burst == 0 {
            return Ok(());
        }
        let hash = self.hasher.hash_one((action, key));
        let mut shard = self.shards[hash as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.buckets.len() >= shard.clean_at.max(SHARD_BUCKETS) {
            shard.buckets.retain(|_, bucket| bucket.0 > now);
            shard.clean_at = shard.buckets.len() * 2;
        }
        what(shard.buckets.entry(hash).or_default(), rate).map_err(slow_down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(3, 1000);

    #[test]
    fn a_burst_then_one_for_each_refill() {
        let mut bucket = Bucket::default();
        let now = 1_000_000;
        for _ in 0..3 {
            assert_eq!(bucket.take(RATE, now), Ok(()));
        }
        assert_eq!(bucket.take(RATE, now), Err(1000), "empty: one comes in a second");
        assert_eq!(bucket.take(RATE, now + 400), Err(600));
        assert_eq!(bucket.take(RATE, now + 1000), Ok(()));
        assert_eq!(bucket.take(RATE, now + 1000), Err(1000));
        for _ in 0..3 {
            assert_eq!(bucket.take(RATE, now + 60_000), Ok(()), "full again, and no fuller");
        }
        assert_eq!(bucket.take(RATE, now + 60_000), Err(1000));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            bucket.take(RATE, 1_000_000_000).unwrap();
        }
        assert_eq!(bucket.take(RATE, 1_000_000), Err(1000), "as empty as it was, not emptier");
    }

    #[test]
    fn mallory_empties_her_own_bucket_only() {
        let limiter = Limiter::new(RateLimits { lookup: RATE, ..RateLimits::lifted() });
        for _ in 0..3 {
            limiter.take(Action::Lookup, &[b"mallory"], 5000).unwrap();
        }
        assert_eq!(limiter.take(Action::Lookup, &[b"mallory"], 5000), Err(slow_down(1000)));
        assert_eq!(limiter.take(Action::Lookup, &[b"ana"], 5000), Ok(()));
        assert_eq!(limiter.take(Action::ClaimOne, &[b"mallory"], 5000), Ok(()), "lifted");
    }

    #[test]
    fn full_buckets_are_thrown_out() {
        let limiter = Limiter::new(RateLimits { lookup: RATE, ..RateLimits::lifted() });
        for caller in 0..200_000u32 {
            limiter.take(Action::Lookup, &[&caller.to_be_bytes()], u64::from(caller) * 10).unwrap();
        }
        let kept: usize = limiter.shards.iter().map(|shard| shard.lock().unwrap().buckets.len()).sum();
        assert!(kept <= SHARDS * (SHARD_BUCKETS + 1), "{kept} buckets are kept");
    }
}
