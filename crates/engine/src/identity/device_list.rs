//! The device list: all the devices of an account, versioned and chained.

use lacre_proto::{AccountId, DeviceId, Millis, label, limits, wire};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Certificate, IdentityError, IdentityKey, IdentitySecret, SignatureKey, body, encode};

/// One device of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEntry {
    /// The device, and the name of its mailbox.
    pub device: DeviceId,
    /// Its signature key.
    pub signature_key: SignatureKey,
    /// When it was added.
    pub added: Millis,
    /// Until when it may not do everything; 0 when it never was in quarantine.
    pub quarantine_until: Millis,
    /// The device that let it in; `None` for the account's first one.
    pub added_by: Option<DeviceId>,
}

/// A device list whose signature holds under the account's pinned identity key, or that was made here.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceList {
    account: AccountId,
    version: u64,
    previous: Option<[u8; 32]>,
    devices: Vec<DeviceEntry>,
    signed: wire::Signed,
}

/// How a device list stands to the newest one known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    /// It is the one known.
    Same,
    /// It is the next, and names the one known as the one before it.
    Next,
    /// It is newer by more than one version: the steps between were not seen.
    Later,
}

/// Proof that an MLS leaf is a device of an account; given by [`DeviceList::admit`] alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    certificate: Certificate,
    entry: DeviceEntry,
}

impl Admitted {
    /// The verified certificate of the leaf.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The device's entry in the list.
    pub fn entry(&self) -> &DeviceEntry {
        &self.entry
    }
}

impl DeviceList {
    /// The first list of an account.
    pub fn first(identity: &IdentitySecret, account: AccountId, device: DeviceEntry) -> Self {
        Self::sign(identity, account, 1, None, vec![device])
    }

    /// The list that follows this one. At least one device and at most [`limits::DEVICES`], each once.
    pub fn next(&self, identity: &IdentitySecret, devices: Vec<DeviceEntry>) -> Result<Self, IdentityError> {
        check_devices(&devices)?;
        Ok(Self::sign(identity, self.account, self.version + 1, Some(self.hash()), devices))
    }

    fn sign(
        identity: &IdentitySecret,
        account: AccountId,
        version: u64,
        previous: Option<[u8; 32]>,
        devices: Vec<DeviceEntry>,
    ) -> Self {
        let body = encode(&wire::DeviceList {
            account: account.to_wire(),
            version,
            previous: previous.map(|hash| hash.to_vec()).unwrap_or_default().into(),
            devices: devices.iter().map(entry_to_wire).collect(),
        });
        let signature = identity.sign(&label::labelled(label::DEVICE_LIST, &body));
        let signed = wire::Signed { body, signature: signature.to_vec().into() };
        Self { account, version, previous, devices, signed }
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The version: 1, then one more with each change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// SHA-256 of the list's body, by which the next one names it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.signed.body).into()
    }

    /// The devices.
    pub fn devices(&self) -> &[DeviceEntry] {
        &self.devices
    }

    /// The entry of a device.
    pub fn entry(&self, device: DeviceId) -> Option<&DeviceEntry> {
        self.devices.iter().find(|entry| entry.device == device)
    }

    /// As it goes to the relay.
    pub fn to_wire(&self) -> wire::Signed {
        self.signed.clone()
    }

    /// How a newer list of the same account continues this one, the newest known. A list that goes back is
    /// [`RolledBack`](IdentityError::RolledBack), one that continues another is [`Forked`](IdentityError::Forked).
    pub fn succeeded_by(&self, new: &Self) -> Result<Succession, IdentityError> {
        if new.account != self.account {
            return Err(IdentityError::WrongSubject);
        }
        match new.version.checked_sub(self.version) {
            None => Err(IdentityError::RolledBack),
            Some(0) if new.signed.body == self.signed.body => Ok(Succession::Same),
            Some(0) => Err(IdentityError::Forked),
            Some(1) if new.previous == Some(self.hash()) => Ok(Succession::Next),
            Some(1) => Err(IdentityError::Forked),
            Some(_) => Ok(Succession::Later),
        }
    }

    /// Whether a leaf is a device of this account: its certificate is verified, its signature key is the
    /// certificate's, and the device stands in this list with that key.
    pub fn admit(&self, certificate: Certificate, leaf_key: &[u8]) -> Result<Admitted, IdentityError> {
        if certificate.account() != self.account {
            return Err(IdentityError::WrongSubject);
        }
        let entry = *self.entry(certificate.device()).ok_or(IdentityError::NotListed)?;
        let key = certificate.signature_key();
        if entry.signature_key != key || key.as_bytes() != leaf_key {
            return Err(IdentityError::WrongSignatureKey);
        }
        Ok(Admitted { certificate, entry })
    }
}

/// A device list from the wire, of which nothing is known yet.
#[derive(Debug)]
pub struct UnverifiedDeviceList {
    list: DeviceList,
}

impl UnverifiedDeviceList {
    /// Reads a device list.
    pub fn from_wire(signed: wire::Signed) -> Result<Self, IdentityError> {
        const WHAT: &str = "device list";
        let malformed = IdentityError::Malformed(WHAT);
        let wire::DeviceList { account, version, previous, devices } = body(&signed, WHAT)?;
        if devices.len() > limits::DEVICES {
            return Err(IdentityError::TooLarge);
        }
        let previous = match (version, previous.len()) {
            (1, 0) => None,
            (2.., 32) => Some(previous.as_ref().try_into().map_err(|_| malformed)?),
            _ => return Err(malformed),
        };
        let devices = devices.iter().map(entry_from_wire).collect::<Result<Vec<_>, _>>()?;
        check_devices(&devices)?;
        let account = AccountId::try_from(&account).map_err(|_| malformed)?;
        Ok(Self { list: DeviceList { account, version, previous, devices, signed } })
    }

    /// The account that it says it is of: to find the key that it must verify under.
    pub fn claimed_account(&self) -> AccountId {
        self.list.account
    }

    /// Checks it against the account that it was asked for and the identity key that is known or pinned.
    /// Whether it may replace the list known before is told by [`DeviceList::succeeded_by`].
    pub fn verify(self, account: AccountId, pinned: &IdentityKey) -> Result<DeviceList, IdentityError> {
        let list = self.list;
        if list.account != account {
            return Err(IdentityError::WrongSubject);
        }
        let wire::Signed { body, signature } = &list.signed;
        pinned.verify(&label::labelled(label::DEVICE_LIST, body), signature)?;
        Ok(list)
    }
}

fn check_devices(devices: &[DeviceEntry]) -> Result<(), IdentityError> {
    if devices.len() > limits::DEVICES {
        return Err(IdentityError::TooLarge);
    }
    let twice = devices.iter().enumerate().any(|(at, one)| {
        devices[..at]
            .iter()
            .any(|other| other.device == one.device || other.signature_key == one.signature_key)
    });
    if devices.is_empty() || twice { Err(IdentityError::Malformed("devices")) } else { Ok(()) }
}

fn entry_to_wire(entry: &DeviceEntry) -> wire::DeviceEntry {
    let DeviceEntry { device, signature_key, added, quarantine_until, added_by } = *entry;
    wire::DeviceEntry {
        device: device.to_wire(),
        signature_key: signature_key.to_wire(),
        added_ms: added,
        quarantine_until_ms: quarantine_until,
        added_by: added_by.map(DeviceId::to_wire).unwrap_or_default(),
    }
}

fn entry_from_wire(entry: &wire::DeviceEntry) -> Result<DeviceEntry, IdentityError> {
    let wire::DeviceEntry { device, signature_key, added_ms, quarantine_until_ms, added_by } = entry;
    let malformed = |_| IdentityError::Malformed("device");
    Ok(DeviceEntry {
        device: DeviceId::try_from(device).map_err(malformed)?,
        signature_key: SignatureKey::from_wire(signature_key)?,
        added: *added_ms,
        quarantine_until: *quarantine_until_ms,
        added_by: match added_by.is_empty() {
            true => None,
            false => Some(DeviceId::try_from(added_by).map_err(malformed)?),
        },
    })
}
