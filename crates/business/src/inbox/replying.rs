//! Who is writing an answer just now, so that two do not write the same: in memory, and over by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lacre_proto::{AccountId, Millis};

use crate::audit::Who;

/// How long it counts when nothing more is heard.
pub const LASTS: Millis = 30_000;

/// Who is writing an answer to whom, until when.
#[derive(Debug, Default)]
pub struct Replying(Mutex<HashMap<(AccountId, Who), Millis>>);

impl Replying {
    /// Somebody is writing an answer.
    pub fn begin(&self, customer: AccountId, who: Who, now: Millis) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, until| *until > now);
        all.insert((customer, who), now + LASTS);
    }

    /// They are not any more.
    pub fn end(&self, customer: AccountId, who: Who) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(customer, who));
    }

    /// Who is, and until when that counts.
    pub fn to(&self, customer: AccountId, now: Millis) -> Vec<(Who, Millis)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let them = all.iter().filter(|((of, _), until)| *of == customer && **until > now);
        let mut them: Vec<_> = them.map(|((_, who), until)| (*who, *until)).collect();
        them.sort_unstable();
        them
    }
}
