//! The sweep: old entries of mailboxes and old tickets, a bounded part at each call.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lacre_proto::{DeviceId, Millis, frame};
use lacre_store::data::{Batch, Data, Expected, Key, LogEntry, WriteError};

use super::business;
use super::rows::{GoneRow, OffersRow, ReachedRow, UntilRow};
use super::{Services, keys, rows};

/// Where the next call goes on.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    devices: Mutex<Option<DeviceId>>,
    reached: Mutex<Option<Key>>,
    offers: Mutex<Option<Key>>,
    windows: Mutex<Option<Key>>,
}

/// How long a row of offers counts.
const OFFERS_MS: Millis = 24 * 3600 * 1000;

/// Entries of one mailbox looked at in one call.
const ENTRIES: usize = 256;
const ENTRY_BYTES: usize = 1024 * 1024;

impl<D: Data> Services<D> {
    /// Removes what is too old: looks at up to `budget` mailboxes and `budget` tickets, and goes on from there at
    /// the next call. Gives how many entries and tickets are gone.
    pub async fn sweep(&self, now: Millis, budget: usize) -> Result<usize, WriteError> {
        let mut batch = Batch::new();
        let (from, to) = keys::tickets_expired(now);
        let tickets = self.0.data.scan(&from, &to, budget).await?;
        for (expiry, _) in &tickets {
            if let Some(ticket) = keys::ticket_of(expiry) {
                batch = batch.delete(ticket);
            }
            batch = batch.delete(expiry.clone());
        }
        let (from, to) = keys::links_expired(now);
        for (expiry, _) in self.0.data.scan(&from, &to, budget).await? {
            if let Some((from, to)) = keys::messages_of_link(&expiry) {
                batch = batch.delete_range(from, to);
            }
            batch = batch.delete(expiry);
        }
        batch = self.empty_gone(batch, now, budget).await?;
        let is_old =
            |row: &Bytes| rows::decode(row).is_ok_and(|row: ReachedRow| business::is_forgotten(&row, now));
        self.forget(keys::all_reached(), &self.0.sweep.reached, budget, is_old).await?;
        let is_old = |row: &Bytes| {
            let row = rows::decode::<OffersRow>(row);
            row.is_ok_and(|row| row.sent_ms.iter().all(|sent| sent.saturating_add(OFFERS_MS) <= now))
        };
        self.forget(keys::all_offers(), &self.0.sweep.offers, budget, is_old).await?;
        let is_shut = |row: &Bytes| rows::decode(row).is_ok_and(|row: UntilRow| row.until_ms <= now);
        self.forget(keys::all_windows(), &self.0.sweep.windows, budget, is_shut).await?;
        let (from, to) = keys::devices_after(self.cursor());
        let devices = self.0.data.scan(&from, &to, budget).await?;
        let mut gone = tickets.len();
        for device in devices.iter().filter_map(|(key, _)| keys::device_of(key)) {
            gone += self.expire(device, now).await?;
        }
        let last = devices.last().filter(|_| devices.len() == budget);
        *self.0.sweep.devices.lock().unwrap_or_else(PoisonError::into_inner) =
            last.and_then(|(key, _)| keys::device_of(key));
        if !batch.ops.is_empty() {
            self.0.data.write(batch).await?;
        }
        Ok(gone)
    }

    /// Empties the mailboxes of removed devices: rosters may name them until the next commit, and a mailbox that
    /// nobody reads must not fill and stop a conversation. After a while nobody names them any more.
    async fn empty_gone(&self, mut batch: Batch, now: Millis, budget: usize) -> Result<Batch, WriteError> {
        let (from, to) = keys::all_gone();
        for (key, row) in self.0.data.scan(&from, &to, budget).await? {
            let (Some(device), Ok(row)) = (keys::device_of(&key), rows::decode::<GoneRow>(&row)) else {
                continue;
            };
            let head = self.0.data.log_state(keys::log(device)).await?.head;
            if let Ok(mailbox) = self.mailbox(device).await {
                self.acknowledge(&mailbox, head, u64::MAX);
            }
            if row.gone_ms + self.0.settings.quotas.kept.as_millis() as u64 <= now {
                batch = batch.delete(key);
            }
        }
        Ok(batch)
    }

    fn cursor(&self) -> Option<DeviceId> {
        *self.0.sweep.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the rows of a table that are old, from where the last call has ended.
    async fn forget(
        &self,
        (first, to): (Key, Key),
        cursor: &Mutex<Option<Key>>,
        budget: usize,
        is_old: impl Fn(&Bytes) -> bool,
    ) -> Result<(), WriteError> {
        let from = cursor.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or(first);
        let rows = self.0.data.scan(&from, &to, budget).await?;
        let next = rows.last().filter(|_| rows.len() == budget).map(|(key, _)| keys::after(key));
        *cursor.lock().unwrap_or_else(PoisonError::into_inner) = next;
        let old = rows.into_iter().filter(|(_, row)| is_old(row));
        let batch = old.fold(Batch::new(), |batch, (key, row)| {
            batch.assert(key.clone(), Expected::Value(row)).delete(key)
        });
        match batch.ops.is_empty() {
            true => Ok(()),
            // One that was written meanwhile is not old: the next round looks again.
            false => match self.0.data.write(batch).await {
                Ok(_) | Err(WriteError::Conflict(_)) => Ok(()),
                Err(error) => Err(error),
            },
        }
    }

    /// Acknowledges for a device what it did not fetch in time: it will see the gap in the positions.
    async fn expire(&self, device: DeviceId, now: Millis) -> Result<usize, WriteError> {
        let oldest = now.saturating_sub(self.0.settings.quotas.kept.as_millis() as u64);
        let log = keys::log(device);
        let state = self.0.data.log_state(log).await?;
        if state.head == state.truncated {
            return Ok(0);
        }
        let Ok(mailbox) = self.mailbox(device).await else { return Ok(0) };
        let entries = self.0.data.read_log(log, mailbox.acknowledged(), ENTRIES, ENTRY_BYTES).await?;
        let old: Vec<&LogEntry> = entries.iter().take_while(|entry| is_old(entry, oldest)).collect();
        if let Some(last) = old.last() {
            let bytes = old.iter().map(|entry| entry.value.len() as u64).sum();
            self.acknowledge(&mailbox, last.position, bytes);
        }
        Ok(old.len())
    }
}

fn is_old(entry: &LogEntry, oldest: Millis) -> bool {
    frame::decode_item(&entry.value).is_ok_and(|item| item.time_ms < oldest)
}
