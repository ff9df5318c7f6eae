//! What customers have agreed to, as their devices signed it: the part of the sealed side that the node's own API
//! looks into.

use lacre_proto::{AccountId, Millis};

use crate::chat::{Category, SendError};

/// What a customer's device has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What for; nothing is a stop.
    pub categories: Vec<Category>,
    /// When it was signed, by the relay's time.
    pub granted: Millis,
    /// Until when it stands.
    pub expires: Millis,
    /// Grows with each of this customer's.
    pub revision: u64,
    /// The receipt: an encoded `Signed` over a `ConsentGrant` (docs/protocol).
    pub receipt: Vec<u8>,
}

/// What shows that a device is a customer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Devices {
    /// The customer's identity key (Ed25519), as it was pinned.
    pub identity_key: [u8; 32],
    /// Their device list, which that key has signed: an encoded `Signed` over a `DeviceList`. Empty when none is known.
    pub list: Vec<u8>,
}

/// How a customer stands with the business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Who.
    pub customer: AccountId,
    /// Until when free-form messages may be sent; 0 when the customer has never written.
    pub window_until: Millis,
    /// What they signed last; `None` when they have signed nothing.
    pub grant: Option<Grant>,
    /// Their devices, as they are known now; `None` when nobody is pinned.
    pub devices: Option<Devices>,
}

impl Agreed {
    /// Whether they have said stop to everything.
    pub fn has_stopped(&self) -> bool {
        self.grant.as_ref().is_some_and(|it| it.categories.is_empty())
    }
}

/// The sealed side, where it is asked what customers have agreed to.
pub trait Agreements: Send + Sync + 'static {
    /// Customers after one of them, in the order of their accounts, at most so many: all whom the business talks with,
    /// and all who have signed something.
    fn agreed(&self, after: Option<AccountId>, limit: usize) -> Result<Vec<Agreed>, SendError>;
}
