//! Welcomes in two parts: what each newcomer gets alone, and what is the same for all.
//!
//! A Welcome (RFC 9420 §12.4.3.1) holds an entry of secrets for each newcomer, and the encrypted group info with
//! the ratchet tree, which in a large group is most of it. The relay stores the group info once and gives each
//! newcomer its own entry. Nothing is sealed anew by that: the group info is encrypted as ever under a key that
//! only the entries hold, each entry is bound to the very bytes of it (they are the HPKE context of the entry), and
//! the tree in it is verified against the group's context as in any Welcome.

use openmls::prelude::{KeyPackageRef, Welcome};
use tls_codec::{Deserialize, Serialize, TlsDeserialize, TlsSerialize, TlsSize, VLBytes};

use super::group::sealing;
use crate::EngineError;

/// Protocol version and wire format of an `MLSMessage` with a Welcome.
const HEADER: [u8; 4] = [0, 1, 0, 3];

/// What those who are added are to be given.
#[derive(Debug, Default)]
pub(crate) struct Welcomes {
    /// For each key package, in the order in which they were given: an `MLSMessage` with a Welcome that has its
    /// entry alone and no group info.
    pub(crate) each: Vec<Vec<u8>>,
    /// The encrypted group info; empty when nobody was added.
    pub(crate) group_info: Vec<u8>,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Parts {
    suite: u16,
    secrets: Vec<Secrets>,
    group_info: VLBytes,
}

/// `EncryptedGroupSecrets`.
#[derive(Debug, Clone, TlsSerialize, TlsDeserialize, TlsSize)]
struct Secrets {
    new_member: VLBytes,
    encapsulated_key: VLBytes,
    ciphertext: VLBytes,
}

/// Splits a Welcome for the newcomers with these key packages.
pub(crate) fn split(welcome: &Welcome, newcomers: &[KeyPackageRef]) -> Result<Welcomes, EngineError> {
    let bytes = welcome.tls_serialize_detached().map_err(sealing)?;
    let Parts { suite, secrets, group_info } = Parts::tls_deserialize_exact(bytes).map_err(sealing)?;
    let mut each = Vec::with_capacity(newcomers.len());
    for newcomer in newcomers {
        let own = secrets.iter().find(|entry| entry.new_member.as_slice() == newcomer.as_slice());
        let own = own.ok_or_else(|| EngineError::Sealing("a newcomer is not in the Welcome".to_owned()))?;
        let one = Parts { suite, secrets: vec![own.clone()], group_info: VLBytes::new(Vec::new()) };
        let mut message = HEADER.to_vec();
        one.tls_serialize(&mut message).map_err(sealing)?;
        each.push(message);
    }
    Ok(Welcomes { each, group_info: group_info.into() })
}

/// Puts a Welcome for one together with the group info that travelled beside it; `None` when the two are not that.
pub(crate) fn put_together(welcome: &[u8], group_info: &[u8]) -> Option<Welcome> {
    let body = welcome.strip_prefix(&HEADER)?;
    let parts = Parts::tls_deserialize_exact(body).ok()?;
    if parts.secrets.len() != 1 || !parts.group_info.as_slice().is_empty() {
        return None;
    }
    let whole = Parts { group_info: VLBytes::new(group_info.to_vec()), ..parts };
    Welcome::tls_deserialize_exact(whole.tls_serialize_detached().ok()?).ok()
}
