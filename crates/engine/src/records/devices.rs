//! The account's devices, for people to see.

use lacre_proto::{AccountId, ConversationId, DeviceId, Millis, wire};
use prost::Message;

use super::{Records, key};
use crate::EngineError;
use crate::content::{Matter, Settled};
use crate::engine::state::{Job, Purpose, SecretRecord, What};
use crate::identity::{IdentityKey, SafetyNumber, UnverifiedDeviceList};

/// A device of this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnDevice {
    /// The device.
    pub device: DeviceId,
    /// What its person calls it; may be empty.
    pub name: String,
    /// Whether it is this one.
    pub this: bool,
    /// When it was added.
    pub added: Millis,
    /// Until when it may not do everything; 0 when it may.
    pub quarantine_until: Millis,
    /// The device that let it in; `None` for the first.
    pub added_by: Option<DeviceId>,
}

impl Records<'_> {
    /// The devices of this account, as the newest signed list known here names them; none before sign-up.
    pub fn own_devices(&self) -> Result<Vec<OwnDevice>, EngineError> {
        let corrupt = || EngineError::Corrupt("secrets");
        let (Some(me), Some(secrets)) = (self.me()?, self.read::<SecretRecord>("secrets", &[key::SECRET])?)
        else {
            return Ok(Vec::new());
        };
        let signed = wire::Signed::decode(secrets.list.as_slice()).map_err(|_| corrupt())?;
        let identity = IdentityKey::from_wire(&me.identity_key).map_err(|_| corrupt())?;
        let list =
            UnverifiedDeviceList::from_wire(signed).and_then(|list| list.verify(me.account, &identity));
        let mut devices = Vec::new();
        for entry in list.map_err(|_| corrupt())?.devices() {
            let name: Option<String> = self.read("device name", &key::device_name(entry.device))?;
            devices.push(OwnDevice {
                device: entry.device,
                name: name.unwrap_or_default(),
                this: entry.device == me.device,
                added: entry.added,
                quarantine_until: entry.quarantine_until,
                added_by: entry.added_by,
            });
        }
        Ok(devices)
    }

    /// What was written for a conversation on a device of this account, and not sent.
    pub fn draft(&self, conversation: ConversationId) -> Result<Option<String>, EngineError> {
        let subject = Matter::Draft { conversation, text: String::new() }.subject();
        let settled: Option<Settled> = self.read("matter", &key::key(key::OWN_MATTER, &[&subject]))?;
        Ok(settled.and_then(|settled| match settled.matter {
            Matter::Draft { text, .. } => Some(text).filter(|text| !text.is_empty()),
            _ => None,
        }))
    }

    /// What the devices of this account hold alike under a name for a program on them.
    pub fn shared(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let subject = Matter::Share { name: name.to_owned(), bytes: Vec::new() }.subject();
        let settled: Option<Settled> = self.read("matter", &key::key(key::OWN_MATTER, &[&subject]))?;
        Ok(settled.and_then(|settled| match settled.matter {
            Matter::Share { bytes, .. } => Some(bytes),
            _ => None,
        }))
    }

    /// All that the devices of this account hold alike for a program on them, by names that begin so.
    pub fn all_shared(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, EngineError> {
        let begins = Matter::Share { name: prefix.to_owned(), bytes: Vec::new() }.subject();
        let all = self.all::<Settled>("matter", &[&[key::OWN_MATTER], &*begins].concat())?;
        let known = all.into_iter().filter_map(|(_, settled)| match settled.matter {
            Matter::Share { name, bytes } => Some((name, bytes)),
            _ => None,
        });
        Ok(known.collect())
    }

    /// In how many conversations devices are still to be added or removed.
    pub fn devices_under_way(&self) -> Result<usize, EngineError> {
        let jobs = self.all::<Job>("job", &[key::OUTBOX])?;
        let waits = |job: &Job| matches!(job.what, What::Commit(Purpose::Devices, _));
        Ok(jobs.iter().filter(|(_, job)| waits(job)).count())
    }

    /// The safety number with a person whose identity key is pinned; with oneself it is that of one's own devices.
    pub fn safety_number(&self, account: AccountId) -> Result<Option<SafetyNumber>, EngineError> {
        let Some(me) = self.me()? else { return Ok(None) };
        let key = |bytes: &[u8; 32]| {
            IdentityKey::from_wire(bytes).map_err(|_| EngineError::Corrupt("an identity key"))
        };
        let mine = key(&me.identity_key)?;
        let theirs = match account == me.account {
            true => mine,
            false => match self.contact(account)? {
                Some(contact) => key(&contact.identity_key)?,
                None => return Ok(None),
            },
        };
        Ok(Some(SafetyNumber::new((me.account, &mine), (account, &theirs))))
    }
}
