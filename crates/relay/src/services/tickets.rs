//! Tickets: good once, for an hour, to put one mailbox into one roster. Nobody is pulled into a conversation
//! without one. The store holds only their hashes.

use bytes::Bytes;
use lacre_proto::{AccountId, DeviceId, ErrorCode, Millis, Ticket, limits};
use lacre_store::data::{Batch, Data, Expected, Key};

use super::business::Dealing;
use super::rows::TicketRow;
use super::{Answered, Authenticated, Services, keys, not_written, rows, sha256, unavailable};
use crate::limits::Action;

/// A ticket that was found good: spend it in the batch that uses it.
#[derive(Debug, Clone)]
pub(super) struct Good {
    pub(super) device: DeviceId,
    /// Whose device it is.
    pub(super) account: AccountId,
    /// Between whom it was claimed, when one of them is a business.
    pub(super) dealing: Option<Dealing>,
    key: Key,
    row: Bytes,
    expiry: Key,
}

impl Good {
    /// Spends the ticket: of two batches with it, one fails.
    pub(super) fn spend(&self, batch: Batch) -> Batch {
        batch
            .assert(self.key.clone(), Expected::Value(self.row.clone()))
            .delete(self.key.clone())
            .delete(self.expiry.clone())
    }
}

impl<D: Data> Services<D> {
    /// A ticket for the device's own mailbox.
    pub(crate) async fn mint_ticket(&self, caller: Authenticated, now: Millis) -> Answered<Ticket> {
        self.limiter().take(Action::Ticket, &[caller.device.as_ref()], now)?;
        let (ticket, batch) = self.issue(Batch::new(), caller.device, None, now);
        self.0.data.write(batch).await.map_err(not_written)?;
        Ok(ticket)
    }

    /// Adds the making of a ticket to a batch.
    pub(super) fn issue(
        &self,
        batch: Batch,
        device: DeviceId,
        dealing: Option<Dealing>,
        now: Millis,
    ) -> (Ticket, Batch) {
        let ticket = Ticket(self.random());
        let hash = sha256(&ticket.0);
        let expires_ms = now + limits::TICKET_LIFETIME.as_millis() as u64;
        let row = rows::encode(&TicketRow {
            device: device.to_wire(),
            expires_ms,
            dealing: dealing.map(Dealing::row),
        });
        let batch =
            batch.put(keys::ticket(&hash), row).put(keys::ticket_expiry(expires_ms, &hash), Bytes::new());
        (ticket, batch)
    }

    /// Looks whether a ticket is good.
    pub(super) async fn check_ticket(&self, ticket: &Bytes, now: Millis) -> Answered<Good> {
        let bad = ErrorCode::BadTicket;
        let ticket = Ticket::try_from(ticket).map_err(|_| bad)?;
        let hash = sha256(&ticket.0);
        let key = keys::ticket(&hash);
        let bytes = self.0.data.get(&key).await.map_err(unavailable)?.ok_or(bad)?;
        let row: TicketRow = rows::decode(&bytes)?;
        if row.expires_ms < now {
            return Err(bad.into());
        }
        let device = DeviceId::try_from(&row.device).map_err(|_| rows::broken("ticket"))?;
        // The tickets of a device go with it, and those that are out when its account blocks somebody are void:
        // the blocked may hold one.
        let Some((account, _)) = self.device(device).await? else { return Err(bad.into()) };
        let issued_ms = row.expires_ms.saturating_sub(limits::TICKET_LIFETIME.as_millis() as u64);
        if self.last_block(account).await?.is_some_and(|last_ms| issued_ms <= last_ms) {
            return Err(bad.into());
        }
        let dealing = row.dealing.as_ref().map(Dealing::of).transpose()?;
        Ok(Good {
            device,
            account,
            dealing,
            key,
            row: bytes,
            expiry: keys::ticket_expiry(row.expires_ms, &hash),
        })
    }
}
