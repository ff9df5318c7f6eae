//! Key packages of this device.
//!
//! OpenMLS checks lifetimes by the system's clock, which cannot be given to it. So that a clock that is an
//! argument (and one that is wrong) still serves, a key package is valid from well before it was made; the end,
//! thirty days after, is exact, and is checked here by `now` as well.

use lacre_proto::{Millis, limits};
use openmls::prelude::{KeyPackage, KeyPackageRef, Lifetime, MlsMessageOut, OpenMlsProvider};
use openmls_traits::storage::StorageProvider;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::SUITE;
use super::group::{Myself, capabilities, sealing};
use super::provider::Provider;
use crate::EngineError;
use crate::records::key::{self, KEY_PACKAGE};
use crate::records::{Overlay, Records, encode};

/// How far back a key package is valid: OpenMLS accepts 84 days in all.
const BACKDATED: u64 = 50 * 24 * 3600;

/// What is remembered of a key package of this device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) reference: KeyPackageRef,
    pub(crate) expires_ms: Millis,
    pub(crate) last_resort: bool,
}

impl Kept {
    /// When it was made.
    pub(crate) fn made_ms(&self) -> Millis {
        self.expires_ms.saturating_sub(limits::KEY_PACKAGE_LIFETIME.as_millis() as Millis)
    }
}

pub(crate) fn lifetime(now: Millis) -> Lifetime {
    let now = now / 1000;
    Lifetime::init(now.saturating_sub(BACKDATED), now + limits::KEY_PACKAGE_LIFETIME.as_secs())
}

/// Makes a key package and keeps its private part; gives it as an `MLSMessage`.
pub(crate) fn make(
    provider: &Provider<'_>,
    store: &Overlay<'_>,
    me: &Myself<'_>,
    last_resort: bool,
    now: Millis,
) -> Result<Vec<u8>, EngineError> {
    let mut builder =
        KeyPackage::builder().key_package_lifetime(lifetime(now)).leaf_node_capabilities(capabilities());
    if last_resort {
        builder = builder.mark_as_last_resort();
    }
    let bundle = builder.build(SUITE, provider, me.secret, me.credential()).map_err(sealing)?;
    let package = bundle.into_key_package();
    let reference = package.hash_ref(provider.crypto()).map_err(sealing)?;
    let expires_ms = now + limits::KEY_PACKAGE_LIFETIME.as_millis() as u64;
    store.put(kept_at(&reference), encode(&Kept { reference, expires_ms, last_resort }));
    MlsMessageOut::from(package).to_bytes().map_err(sealing)
}

/// Whether a key package may be used at this time.
pub(crate) fn is_current(package: &KeyPackage, now: Millis) -> bool {
    package.life_time().not_after() > now / 1000
}

/// Forgets the record of one that was used up by a Welcome (OpenMLS has removed its private part).
pub(crate) fn forget_used(store: &Overlay<'_>, reference: &KeyPackageRef) {
    store.delete(kept_at(reference));
}

/// What is remembered of one.
pub(crate) fn kept(store: &Overlay<'_>, reference: &KeyPackageRef) -> Result<Option<Kept>, EngineError> {
    Records(store).read("key package", &kept_at(reference))
}

/// Removes the private parts of those that nobody can use any more; a week's grace for Welcomes under way.
pub(crate) fn remove_expired(
    provider: &Provider<'_>,
    store: &Overlay<'_>,
    now: Millis,
) -> Result<usize, EngineError> {
    const GRACE: Millis = 7 * 24 * 3600 * 1000;
    let mut removed = 0;
    for (key, kept) in Records(store).all::<Kept>("key package", &[KEY_PACKAGE])? {
        if kept.expires_ms + GRACE <= now {
            provider.storage().delete_key_package(&kept.reference).map_err(sealing)?;
            store.delete(key);
            removed += 1;
        }
    }
    Ok(removed)
}

fn kept_at(reference: &KeyPackageRef) -> Vec<u8> {
    let hash = Sha256::digest(reference.as_slice());
    key::key(KEY_PACKAGE, &[&hash])
}
