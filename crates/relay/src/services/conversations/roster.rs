//! A conversation's roster: the mailboxes that it is delivered to, and the capabilities of the epochs just
//! before. It changes with commits and leavings only, so it lies in a row of its own.
//!
//! Who leaves does so quietly: nothing is delivered to the mailbox any more, but the roster goes on to name it until
//! a commit of the members removes it. So nobody learns from the relay that somebody has left, or was blocked.
//!
//! Row: version 1 | number of past hashes u8 | past hashes of 32 bytes, the newest first | number of devices that
//! left u16 | their ids | device ids.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use lacre_proto::DeviceId;
use lacre_store::data::{Data, LogId};

use super::super::mailboxes::Mailbox;
use super::super::{Answered, Services, keys, rows};

/// Past capabilities that are remembered, so that who is a little late is told the epoch.
const PAST: usize = 8;

/// A roster, ready to be delivered to.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) row: Bytes,
    pub(super) past: Vec<[u8; 32]>,
    /// Devices that left, and are still named.
    pub(super) left: Vec<DeviceId>,
    pub(super) mailboxes: Arc<[Arc<Mailbox>]>,
    pub(super) logs: Arc<[LogId]>,
}

impl Roster {
    pub(super) fn new(past: Vec<[u8; 32]>, left: Vec<DeviceId>, mailboxes: Vec<Arc<Mailbox>>) -> Self {
        let logs: Arc<[LogId]> = mailboxes.iter().map(|mailbox| keys::log(mailbox.device)).collect();
        let mut row = BytesMut::with_capacity(4 + past.len() * 32 + (left.len() + logs.len()) * 16);
        row.put_u8(rows::VERSION);
        row.put_u8(past.len() as u8);
        past.iter().for_each(|hash| row.put_slice(hash));
        row.put_u16(left.len() as u16);
        left.iter().for_each(|device| row.put_slice(&device.0));
        logs.iter().for_each(|log| row.put_slice(&log.0));
        Self { row: row.freeze(), past, left, mailboxes: mailboxes.into(), logs }
    }

    /// The past hashes after an epoch with this one ended.
    pub(super) fn past_with(&self, ended: [u8; 32]) -> Vec<[u8; 32]> {
        std::iter::once(ended).chain(self.past.iter().copied()).take(PAST).collect()
    }

    pub(super) fn has(&self, device: DeviceId) -> bool {
        self.logs.contains(&keys::log(device))
    }

    /// Every device that the roster names.
    pub(super) fn named(&self) -> impl Iterator<Item = DeviceId> {
        self.mailboxes.iter().map(|mailbox| mailbox.device).chain(self.left.iter().copied())
    }

    fn read(row: &[u8]) -> Option<Stored> {
        let [version, count, rest @ ..] = row else { return None };
        let (past, rest) = rest.split_at_checked(usize::from(*count) * 32)?;
        let (left, rest) = rest.split_first_chunk()?;
        let (left, devices) = rest.split_at_checked(usize::from(u16::from_be_bytes(*left)) * 16)?;
        let past = past.chunks_exact(32).map(|hash| hash.try_into().ok()).collect::<Option<_>>()?;
        let ids = |ids: &[u8]| ids.chunks(16).map(|id| DeviceId::try_from(id).ok()).collect::<Option<_>>();
        (*version == rows::VERSION).then_some(Stored { past, left: ids(left)?, devices: ids(devices)? })
    }
}

/// What is in a roster's row.
struct Stored {
    past: Vec<[u8; 32]>,
    left: Vec<DeviceId>,
    devices: Vec<DeviceId>,
}

impl<D: Data> Services<D> {
    /// A roster from its row.
    pub(super) async fn roster(&self, row: Bytes) -> Answered<Arc<Roster>> {
        let Stored { past, left, devices } = Roster::read(&row).ok_or_else(|| rows::broken("roster"))?;
        let mut mailboxes = Vec::with_capacity(devices.len());
        for device in devices {
            mailboxes.push(self.mailbox(device).await?);
        }
        Ok(Arc::new(Roster::new(past, left, mailboxes)))
    }
}
