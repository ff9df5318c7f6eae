//! A conversation's roster: the mailboxes that it is delivered to, and the capabilities of the epochs just
//! before. It changes with commits and leavings only, so it lies in a row of its own.
//!
//! Row: version 1 | number of past hashes u8 | past hashes of 32 bytes, the newest first | device ids.

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
    pub(super) mailboxes: Arc<[Arc<Mailbox>]>,
    pub(super) logs: Arc<[LogId]>,
}

impl Roster {
    pub(super) fn new(past: Vec<[u8; 32]>, mailboxes: Vec<Arc<Mailbox>>) -> Self {
        let logs: Arc<[LogId]> = mailboxes.iter().map(|mailbox| keys::log(mailbox.device)).collect();
        let mut row = BytesMut::with_capacity(2 + past.len() * 32 + logs.len() * 16);
        row.put_u8(rows::VERSION);
        row.put_u8(past.len() as u8);
        past.iter().for_each(|hash| row.put_slice(hash));
        logs.iter().for_each(|log| row.put_slice(&log.0));
        Self { row: row.freeze(), past, mailboxes: mailboxes.into(), logs }
    }

    /// The past hashes after an epoch with this one ended.
    pub(super) fn past_with(&self, ended: [u8; 32]) -> Vec<[u8; 32]> {
        std::iter::once(ended).chain(self.past.iter().copied()).take(PAST).collect()
    }

    pub(super) fn has(&self, device: DeviceId) -> bool {
        self.logs.contains(&keys::log(device))
    }

    fn read(row: &[u8]) -> Option<(Vec<[u8; 32]>, Vec<DeviceId>)> {
        let [version, count, rest @ ..] = row else { return None };
        if *version != rows::VERSION || rest.len() < usize::from(*count) * 32 {
            return None;
        }
        let (past, devices) = rest.split_at(usize::from(*count) * 32);
        let past = past.chunks_exact(32).map(|hash| hash.try_into().ok()).collect::<Option<_>>()?;
        let devices = devices.chunks(16).map(|id| DeviceId::try_from(id).ok()).collect::<Option<_>>()?;
        Some((past, devices))
    }
}

impl<D: Data> Services<D> {
    /// A roster from its row.
    pub(super) async fn roster(&self, row: Bytes) -> Answered<Arc<Roster>> {
        let (past, devices) = Roster::read(&row).ok_or_else(|| rows::broken("roster"))?;
        let mut mailboxes = Vec::with_capacity(devices.len());
        for device in devices {
            mailboxes.push(self.mailbox(device).await?);
        }
        Ok(Arc::new(Roster::new(past, mailboxes)))
    }
}
