//! Device lists whose signature was verified: a group with hundreds of strangers looks at each list many times.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use lacre_proto::{AccountId, wire};
use prost::Message;

use crate::identity::{DeviceList, IdentityKey, UnverifiedDeviceList};
use crate::records::Contact;

/// As many as the largest group has, twice.
const KEPT: usize = 2 * lacre_proto::limits::MEMBERS;

/// The lists that were verified, each under the identity key that was pinned then.
#[derive(Default)]
pub(super) struct Lists(RefCell<HashMap<AccountId, Verified>>);

struct Verified {
    identity_key: [u8; 32],
    hash: [u8; 32],
    list: Arc<DeviceList>,
}

impl Lists {
    /// The newest device list known of a contact; `None` when none is.
    pub(super) fn of(&self, contact: &Contact) -> Option<Arc<DeviceList>> {
        if contact.list_version == 0 {
            return None;
        }
        if let Some(known) = self.0.borrow().get(&contact.account)
            && known.identity_key == contact.identity_key
            && known.hash == contact.list_hash
        {
            return Some(known.list.clone());
        }
        let pinned = IdentityKey::from_wire(&contact.identity_key).ok()?;
        let signed = wire::Signed::decode(contact.device_list.as_slice()).ok()?;
        let list = UnverifiedDeviceList::from_wire(signed).ok()?.verify(contact.account, &pinned).ok()?;
        let list = Arc::new(list);
        self.keep(contact, list.clone());
        Some(list)
    }

    /// Keeps a list that was verified under the contact's identity key, and is the contact's.
    pub(super) fn keep(&self, contact: &Contact, list: Arc<DeviceList>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() >= KEPT {
            kept.clear();
        }
        let (identity_key, hash) = (contact.identity_key, list.hash());
        kept.insert(contact.account, Verified { identity_key, hash, list });
    }
}
