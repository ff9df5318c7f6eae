//! Who of an account's devices does what only one is to do, such as telling a business's programs what came: one leads,
//! for a while, and goes on as long as it asks. The relay keeps who and until when; it knows no more of it, and nothing
//! that is sealed hangs on it.

use bytes::Bytes;
use lacre_proto::wire::{Lead, Led, Wish};
use lacre_proto::{DeviceId, Millis, limits};
use lacre_store::data::{Batch, Data, Expected};

use super::rows::LeadRow;
use super::{Answered, Authenticated, Services, bad, keys, not_written, rows, unavailable};
use crate::limits::Action;

/// What is written is at most so much older than what is known: not every question is a write.
const WORTH_WRITING: Millis = 10_000;

impl<D: Data> Services<D> {
    /// Answers a device that would lead the others of its account, or would no more, or would only know who does.
    pub(crate) async fn lead(&self, op: Lead, caller: Authenticated, now: Millis) -> Answered<Led> {
        let wish = Wish::try_from(op.wish).map_err(bad)?;
        let device: &[u8] = caller.device.as_ref();
        self.limiter().take(Action::Lead, &[device], now)?;
        let key = keys::lead(caller.account);
        let before = self.0.data.get(&key).await.map_err(unavailable)?;
        let known = before.as_ref().map(rows::decode::<LeadRow>).transpose()?.unwrap_or_default();
        let mut row = known.clone();
        if row.until_ms <= now || !self.is_device_of(&row, caller).await? {
            row = LeadRow::default();
        }
        let leads = row.device == device;
        match wish {
            Wish::Look => {}
            Wish::StepDown if leads => row = LeadRow::default(),
            Wish::StepDown => {}
            Wish::Lead if !leads && !row.device.is_empty() => {}
            Wish::Lead | Wish::TakeOver => {
                row.device = Bytes::copy_from_slice(device);
                row.until_ms = now + limits::LEAD.as_millis() as Millis;
            }
        }
        if row.device != known.device || row.until_ms.saturating_sub(known.until_ms) >= WORTH_WRITING {
            let expected = before.map_or(Expected::Absent, Expected::Value);
            let batch = Batch::new().assert(key.clone(), expected).put(key, rows::encode(&row));
            self.0.data.write(batch).await.map_err(not_written)?;
        } else {
            row = LeadRow { until_ms: known.until_ms, ..row };
        }
        Ok(Led { device: row.device, for_ms: row.until_ms.saturating_sub(now) })
    }

    /// Whether the device that leads is one of the account still.
    async fn is_device_of(&self, row: &LeadRow, caller: Authenticated) -> Answered<bool> {
        let Ok(device) = DeviceId::try_from(&row.device) else { return Ok(false) };
        let known = self.device(device).await?;
        Ok(known.is_some_and(|(account, _)| account == caller.account))
    }
}
