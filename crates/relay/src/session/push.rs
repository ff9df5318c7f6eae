//! Pushing a mailbox to its device: first what lies there, then what comes.
//!
//! What comes over the bus goes out as it is while no position is missing; a gap, a full window or a lost wake
//! sends the session back to the log. At most [`limits::PUSH_WINDOW`] entries are out and not acknowledged.

use std::collections::VecDeque;

use bytes::Bytes;
use lacre_proto::wire::{CaughtUp, Entry, Passing, Push, ServerFrame, server_frame};
use lacre_proto::{ErrorCode, frame, limits};
use lacre_store::bus::{PASSING, Subscription, Woken};
use lacre_store::data::{Data, LogId, Unavailable};

use super::{Outgoing, bye};
use crate::budget::Held;
use crate::services::{Authenticated, Inbox, Services};

/// What is kept of what was said in passing, until it goes out.
const IN_PASSING: usize = 32;

/// The pushing side of an authenticated session.
pub(super) struct Pushing<D: Data> {
    services: Services<D>,
    pub(super) caller: Authenticated,
    inbox: Inbox,
    /// The highest position that went out.
    pushed: u64,
    /// Sizes of the entries that went out and are not acknowledged, the oldest first.
    sizes: VecDeque<u32>,
    /// Entries that came over the bus, in order, and did not fit into a push yet.
    waiting: VecDeque<Bytes>,
    /// What was said in passing and is not out yet.
    passing: Vec<Bytes>,
    /// Something after `pushed` and `waiting` may lie in the log that the bus will not bring.
    behind: bool,
    /// The head at the login, until it is reached and said so.
    catching_up: Option<u64>,
    /// For a large entry that goes out, until it is written.
    held: Option<Held>,
}

impl<D: Data> Pushing<D> {
    pub(super) fn new(services: Services<D>, caller: Authenticated, inbox: Inbox) -> Self {
        Self {
            pushed: inbox.acknowledged,
            behind: inbox.head > inbox.acknowledged,
            catching_up: Some(inbox.head),
            services,
            caller,
            inbox,
            sizes: VecDeque::new(),
            waiting: VecDeque::new(),
            held: None,
            passing: Vec::new(),
        }
    }

    pub(super) fn look(&mut self) {
        self.behind = true;
    }

    pub(super) fn unacknowledged(&self) -> u64 {
        self.sizes.len() as u64
    }

    /// Everything up to a position is stored on the device. What was never pushed cannot be.
    pub(super) fn acknowledge(&mut self, position: u64) {
        let oldest = self.pushed - self.unacknowledged();
        let count = position.min(self.pushed).saturating_sub(oldest);
        if count == 0 {
            return;
        }
        let bytes = self.sizes.drain(..count as usize).map(u64::from).sum();
        if self.sizes.is_empty() {
            self.sizes = VecDeque::new();
        }
        self.services.acknowledge(&self.inbox.mailbox, oldest + count, bytes);
    }

    /// The next frame; ready at once while there is something to push.
    pub(super) async fn next(&mut self, version: u8) -> Outgoing {
        // What went out before is written: nobody asks for the next frame sooner.
        self.held = None;
        loop {
            if let Some(woken) = self.inbox.subscription.take() {
                self.sort(woken);
            }
            if !self.passing.is_empty() {
                let passing = Passing { items: std::mem::take(&mut self.passing) };
                let body = Some(server_frame::Body::Passing(passing));
                return Outgoing::Frame(frame::encode_server(version, &ServerFrame { body }));
            }
            let room = limits::PUSH_WINDOW.saturating_sub(self.unacknowledged()) as usize;
            if room > 0 {
                let Ok(entries) = self.gather(room).await else {
                    return Outgoing::Last(bye(ErrorCode::StorageUnavailable));
                };
                if !entries.is_empty() {
                    self.services.metrics().pushed.inc_by(entries.len() as u64);
                    return push(version, entries);
                }
                if let Some(position) = self.caught_up() {
                    let caught_up = server_frame::Body::CaughtUp(CaughtUp { position });
                    return Outgoing::Frame(frame::encode_server(
                        version,
                        &ServerFrame { body: Some(caught_up) },
                    ));
                }
            }
            // With a full window there is nothing to do before an acknowledgement, which comes as a frame and
            // has this called anew; a replaced session ends all the same.
            let replaced = self.inbox.replaced.clone();
            tokio::select! {
                biased;
                () = replaced.notified() => {
                    let code = self.services.why_ended(self.caller.device).await;
                    return Outgoing::Last(bye(code));
                }
                woken = self.inbox.subscription.next(), if room > 0 => self.sort(woken),
            }
        }
    }

    /// Sorts what the bus brought: what follows without a gap waits for its push, the rest is in the log.
    fn sort(&mut self, woken: Woken) {
        for wake in woken.wakes {
            if wake.position == PASSING {
                // Before all that waited is out nobody can make anything of it.
                if self.catching_up.is_none() && self.passing.len() < IN_PASSING {
                    self.passing.push(wake.value);
                }
                continue;
            }
            let next = self.pushed + self.waiting.len() as u64 + 1;
            match wake.position.cmp(&next) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal if !self.behind => self.waiting.push_back(wake.value),
                _ => self.behind = true,
            }
        }
        self.behind |= woken.dropped;
        // The log has them all; a reader that is slow to acknowledge does not fill the memory.
        if self.waiting.len() > limits::PUSH_ENTRIES {
            self.waiting = VecDeque::new();
            self.behind = true;
        }
    }

    /// Up to `room` entries, from what waits or else from the log.
    async fn gather(&mut self, room: usize) -> Result<Vec<Entry>, Unavailable> {
        let limit = room.min(limits::PUSH_ENTRIES);
        let mut entries = Vec::new();
        let mut bytes = 0;
        while entries.len() < limit && bytes < limits::PUSH_BYTES {
            let Some(size) = self.waiting.front().map(Bytes::len) else { break };
            if size > limits::FRAME {
                if !entries.is_empty() {
                    break;
                }
                self.held = Some(self.services.large_out().take(size).await);
            }
            let Some(item) = self.waiting.pop_front() else { break };
            bytes += size;
            self.out(&mut entries, self.pushed + 1, item);
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        if entries.is_empty() && self.behind {
            self.read(limit, &mut entries).await?;
        }
        Ok(entries)
    }

    async fn read(&mut self, limit: usize, entries: &mut Vec<Entry>) -> Result<(), Unavailable> {
        let log = LogId(self.caller.device.0);
        let read = loop {
            let read = self.services.data().read_log(log, self.pushed, limit, limits::PUSH_BYTES);
            let read = read.await.inspect_err(|error| {
                tracing::warn!(reason = %error, "a mailbox cannot be read");
            })?;
            // How large an entry is shows only when it is read: it is let go, and read again when there is room.
            let size = read.first().map_or(0, |entry| entry.value.len());
            if size <= limits::FRAME || self.held.is_some() {
                break read;
            }
            self.held = self.services.large_out().try_take(size);
            if self.held.is_some() {
                break read;
            }
            drop(read);
            self.held = Some(self.services.large_out().take(size).await);
        };
        // What was woken for while the log was read is found again by the next reading.
        self.behind = !read.is_empty();
        for entry in read {
            self.out(entries, entry.position, entry.value);
        }
        Ok(())
    }

    /// Puts an entry into a push. A position that is missing before it is gone for ever: it expired.
    fn out(&mut self, entries: &mut Vec<Entry>, position: u64, item: Bytes) {
        let expired = position - self.pushed - 1;
        self.sizes.extend(std::iter::repeat_n(0, expired as usize));
        self.sizes.push_back(item.len() as u32);
        self.pushed = position;
        entries.push(Entry { position, item });
    }

    /// Whether all that lay there at the login is out, said once.
    fn caught_up(&mut self) -> Option<u64> {
        let head = self.catching_up?;
        if self.behind {
            return None;
        }
        self.catching_up = None;
        Some(head)
    }
}

fn push(version: u8, entries: Vec<Entry>) -> Outgoing {
    let push = server_frame::Body::Push(Push { entries });
    Outgoing::Frame(frame::encode_server(version, &ServerFrame { body: Some(push) }))
}
