//! Mailboxes: each device's log of what it has not acknowledged yet, with its quotas.
//!
//! What stands in a mailbox is known in memory once it was looked at: how far it is acknowledged, entries, bytes.
//! The count of bytes is written down only when it moved by [`BYTES_STEP`], and is exact whenever a mailbox is
//! empty: after a crash it is wrong by that much at most. Acknowledgements are gathered and written together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lacre_proto::{DeviceId, ErrorCode};
use lacre_store::bus::{Bus, LocalBus, LocalSubscription};
use lacre_store::data::{Batch, Data, LogId, WriteError};
use tokio::sync::Notify;

use super::memory::Shards;
use super::rows::MailboxRow;
use super::{Answered, Services, keys, rows, unavailable};
use crate::config::Quotas;

/// The count of bytes in the store may be this far from the true one.
const BYTES_STEP: u64 = 1024 * 1024;

/// All mailboxes that are known in memory, and the acknowledgements that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    known: Shards<DeviceId, Mailbox>,
    acknowledged: Mutex<HashMap<LogId, u64>>,
}

/// One mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) device: DeviceId,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Of the session that the device is logged in with.
    online: Option<Arc<Notify>>,
    /// `None` until the store was asked.
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    acknowledged: u64,
    entries: u64,
    bytes: u64,
    /// The count of bytes as the store has it.
    bytes_stored: u64,
}

/// A device's hold on its mailbox while it is logged in.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) subscription: LocalSubscription,
    /// Rings when the device logged in from somewhere else.
    pub(crate) replaced: Arc<Notify>,
    pub(crate) head: u64,
    pub(crate) acknowledged: u64,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.mailbox.lock();
        if state.online.as_ref().is_some_and(|online| Arc::ptr_eq(online, &self.replaced)) {
            state.online = None;
        }
    }
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a whole one, so what a poisoned lock guards is good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it is acknowledged, written down or not.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.lock().known.map_or(0, |known| known.acknowledged)
    }

    /// Reserves room for one entry, or says that there is none.
    pub(crate) fn charge(&self, bytes: usize, quotas: &Quotas) -> Result<(), ErrorCode> {
        let mut state = self.lock();
        // Forgotten between its look-up and now: only when the memory of mailboxes is cleared, and then the
        // next look-up counts it again.
        let Some(known) = &mut state.known else { return Ok(()) };
        let after = known.bytes + bytes as u64;
        if known.entries >= quotas.entries || after > quotas.bytes {
            return Err(ErrorCode::MailboxFull);
        }
        known.entries += 1;
        known.bytes = after;
        Ok(())
    }

    /// Ends the session that the device is logged in with, if there is one.
    pub(crate) fn hang_up(&self) {
        if let Some(online) = &self.lock().online {
            online.notify_one();
        }
    }

    /// Gives reserved room back: nothing was stored.
    pub(crate) fn refund(&self, bytes: usize) {
        if let Some(known) = &mut self.lock().known {
            known.entries = known.entries.saturating_sub(1);
            known.bytes = known.bytes.saturating_sub(bytes as u64);
        }
    }

    /// Entries up to a position are gone, with so many bytes; gives how many.
    fn release(&self, up_to: u64, bytes: u64) -> u64 {
        let mut state = self.lock();
        let Some(known) = &mut state.known else { return 0 };
        let gone = up_to.saturating_sub(known.acknowledged);
        known.acknowledged += gone;
        known.entries = known.entries.saturating_sub(gone);
        known.bytes = if known.entries == 0 { 0 } else { known.bytes.saturating_sub(bytes) };
        gone
    }

    /// The row that should be written now, if the stored count is too far off.
    pub(crate) fn row_due(&self) -> Option<Bytes> {
        let mut state = self.lock();
        let known = state.known.as_mut()?;
        if known.bytes.abs_diff(known.bytes_stored) < BYTES_STEP {
            return None;
        }
        known.bytes_stored = known.bytes;
        Some(rows::encode(&MailboxRow { bytes: known.bytes }))
    }
}

impl Mailboxes {
    fn of(&self, device: DeviceId) -> Arc<Mailbox> {
        self.known.of(device, device.0[0], || Mailbox { device, state: Mutex::default() })
    }

    fn acknowledged(&self) -> MutexGuard<'_, HashMap<LogId, u64>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Data> Services<D> {
    pub(super) fn bus(&self) -> &LocalBus {
        &self.0.bus
    }

    /// Opens a device's mailbox for its new session; an older session of the device is told to go.
    pub(crate) async fn open_inbox(&self, device: DeviceId) -> Answered<Inbox> {
        let subscription = self.0.bus.subscribe(keys::log(device));
        let mailbox = self.mailbox(device).await?;
        // Asked after subscribing: what is appended from here on is woken for.
        let head = self.0.data.log_state(keys::log(device)).await.map_err(unavailable)?.head;
        let replaced = Arc::new(Notify::new());
        let mut state = mailbox.lock();
        if let Some(older) = state.online.replace(replaced.clone()) {
            older.notify_one();
        }
        let acknowledged = state.known.map_or(0, |known| known.acknowledged);
        drop(state);
        Ok(Inbox { mailbox, subscription, replaced, head, acknowledged })
    }

    /// A mailbox whose state is known.
    pub(crate) async fn mailbox(&self, device: DeviceId) -> Answered<Arc<Mailbox>> {
        let mailbox = self.0.mailboxes.of(device);
        if mailbox.lock().known.is_some() {
            return Ok(mailbox);
        }
        let log = self.0.data.log_state(keys::log(device)).await.map_err(unavailable)?;
        let row = self.0.data.get(&keys::mailbox(device)).await.map_err(unavailable)?;
        let stored = row.map(|row| rows::decode::<MailboxRow>(&row)).transpose()?.map_or(0, |row| row.bytes);
        let entries = log.head - log.truncated;
        let bytes = if entries == 0 { 0 } else { stored };
        mailbox.lock().known.get_or_insert(Known {
            acknowledged: log.truncated,
            entries,
            bytes,
            bytes_stored: stored,
        });
        Ok(mailbox)
    }

    /// Takes an acknowledgement; it is written with the next [`Services::flush_acknowledgements`].
    pub(crate) fn acknowledge(&self, mailbox: &Mailbox, up_to: u64, bytes: u64) {
        let gone = mailbox.release(up_to, bytes);
        if gone > 0 {
            self.metrics().acknowledged(gone);
            let mut waiting = self.0.mailboxes.acknowledged();
            let position = waiting.entry(keys::log(mailbox.device)).or_default();
            *position = up_to.max(*position);
        }
    }

    /// Writes the acknowledgements that came since the last call. One that is lost comes again: the device then
    /// gets the entries a second time and knows them.
    pub async fn flush_acknowledgements(&self) -> Result<(), WriteError> {
        let waiting = std::mem::take(&mut *self.0.mailboxes.acknowledged());
        if waiting.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for (log, up_to) in waiting {
            batch = batch.truncate(log, up_to);
            let mailbox = self.0.mailboxes.of(DeviceId(log.0));
            if let Some(row) = mailbox.row_due() {
                batch = batch.put(keys::mailbox(mailbox.device), row);
            }
        }
        self.0.data.write(batch).await.map(drop)
    }
}
