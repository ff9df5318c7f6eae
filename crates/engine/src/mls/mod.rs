//! MLS: OpenMLS over the step's overlay, and the rules that Lacre adds to it.

pub(crate) mod extension;
pub(crate) mod group;
pub(crate) mod key_package;
pub(crate) mod parts;
pub(crate) mod policy;
pub(crate) mod provider;
pub(crate) mod storage;
pub(crate) mod welcome;

use openmls::prelude::Ciphersuite;

/// The ciphersuite of every conversation (X-Wing, AES-128-GCM, Ed25519), set when it is made and never lowered.
pub(crate) const SUITE: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519;
