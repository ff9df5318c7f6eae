//! What is due by time whether there is a connection or not: messages that vanish, and those to be said later (`later`).
//!
//! What vanishes goes by the relay's clock, as far as this device knows it: at login it is told; since then it
//! goes on as this device's own clock does. A clock that is set back stops it, one that is set years ahead too:
//! nothing vanishes, or stays, because a device believes that it is another year.

use lacre_proto::{ConversationId, Millis};

use super::state::Clockwork;
use super::{Cx, Engine};
use crate::api::{EngineError, Reader};
use crate::content::{Expiration, MessageId};
use crate::records::key::{self, CLOCKWORK, SCHEDULED, VANISHING};
use crate::records::{MessageRecord, Records};

/// A clock that has gone on for longer than this since it was last looked at is not believed.
const BELIEVED: Millis = 366 * 24 * 3600 * 1000;
/// How often the clock is looked at: so much may be lost when it is set back.
const LOOK: Millis = 60_000;

impl Engine {
    /// Does what is due.
    pub(super) fn due(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let looked = cx.clockwork()?.local_ms;
        if cx.now.abs_diff(looked) >= LOOK {
            cx.look_at_clock(None)?;
        }
        self.vanish(cx)?;
        self.send_scheduled(cx)
    }

    /// Asks to be woken for what is due next.
    pub(super) fn wake_for_due(&self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        if let Some(next) = first(cx, VANISHING)? {
            let from_now = next.saturating_sub(cx.relay_now()?);
            cx.wake_at(cx.now.saturating_add(from_now));
        }
        if let Some(next) = first(cx, SCHEDULED)? {
            cx.wake_at(next);
        }
        Ok(())
    }

    fn vanish(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let now = cx.relay_now()?;
        for (at, ()) in due(cx, VANISHING, now)? {
            cx.store.delete(at.clone());
            let Some(conversation) = at.get(9..25).and_then(|id| ConversationId::try_from(id).ok()) else {
                continue;
            };
            let Some(id) = at.last_chunk().map(|id| MessageId(*id)) else { continue };
            // It may have moved with its conversation. One that cannot be found does not keep the others.
            let record = match cx.shown(conversation) {
                Ok(Some(record)) => record,
                Ok(None) | Err(EngineError::Corrupt(_)) => continue,
                Err(error) => return Err(error),
            };
            if let Some(row) = cx.records().message(record.id, id)? {
                self.forget(cx, row)?;
            }
        }
        Ok(())
    }

    /// Starts the time of a message: what vanishes after it was read was read now.
    pub(super) fn start_vanishing(&self, cx: &mut Cx<'_>, row: &mut MessageRecord, now: Millis, read: bool) {
        let at = match row.marks.manner.expires {
            Some(Expiration { relative: false, time }) => Millis::from(time) * 1000,
            Some(Expiration { relative: true, time }) if read => {
                now.saturating_add(Millis::from(time) * 1000)
            }
            _ => return,
        };
        if row.marks.vanishes_ms.is_none() {
            row.marks.vanishes_ms = Some(at);
            let message: [&[u8]; 2] = [row.conversation.as_ref(), &row.id.0];
            cx.put(key::due(VANISHING, at, &message), &());
        }
    }
}

/// The entries of a table that are due.
pub(super) fn due<T: serde::de::DeserializeOwned>(
    cx: &Cx<'_>,
    table: u8,
    now: Millis,
) -> Result<Vec<(Vec<u8>, T)>, EngineError> {
    let mut keys = Vec::new();
    let end = key::due(table, now.saturating_add(1), &[]);
    cx.store.scan(&[table], &end, false, &mut |key, _| {
        keys.push(key.to_vec());
        true
    })?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        found.extend(cx.records().read("what is due", &key)?.map(|value| (key, value)));
    }
    Ok(found)
}

/// When the first entry of a table is due.
fn first(cx: &Cx<'_>, table: u8) -> Result<Option<Millis>, EngineError> {
    let mut next = None;
    cx.store.scan(&[table], &[table + 1], false, &mut |key, _| {
        next = key::time_in(key);
        false
    })?;
    Ok(next)
}

impl Records<'_> {
    /// What time it is at the relay, as far as this device knows, when its own clock shows `now`.
    pub fn relay_now(&self, now: Millis) -> Result<Millis, EngineError> {
        let clockwork: Clockwork = self.read("clockwork", &[CLOCKWORK])?.unwrap_or_default();
        if clockwork.relay_ms == 0 {
            return Ok(now);
        }
        let gone = now.saturating_sub(clockwork.local_ms);
        Ok(clockwork.relay_ms.saturating_add(if gone > BELIEVED { 0 } else { gone }))
    }
}

impl Cx<'_> {
    /// What time it is at the relay, as far as this device knows.
    pub(crate) fn relay_now(&self) -> Result<Millis, EngineError> {
        self.records().relay_now(self.now)
    }

    /// Looks at the clock: from here on it is believed again.
    pub(crate) fn look_at_clock(&self, relay: Option<Millis>) -> Result<(), EngineError> {
        let relay_ms = match relay {
            Some(time) => time,
            None => self.relay_now()?,
        };
        let clockwork = self.clockwork()?;
        if clockwork.relay_ms != 0 || relay.is_some() {
            self.put_clockwork(&Clockwork { relay_ms, local_ms: self.now, ..clockwork });
        }
        Ok(())
    }
}
