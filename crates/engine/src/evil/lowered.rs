//! A conversation on a suite that no conversation has (R8): a key package and a Welcome that are valid in
//! everything else.

use lacre_proto::{AccountId, ConversationId, Millis, wire};
use openmls::group::{MlsGroup, MlsGroupCreateConfig};
use openmls::prelude::{
    Capabilities, Ciphersuite, CredentialType, Extension, ExtensionType, Extensions, KeyPackage,
    MlsMessageOut, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProtocolVersion, RequiredCapabilitiesExtension,
};
use rand_core::CryptoRng;

use crate::EngineError;
use crate::api::{Changes, Reader};
use crate::engine::Engine;
use crate::mls::extension::{self, LacreConversation};
use crate::mls::group::{self, Plan, sealing};
use crate::mls::key_package;
use crate::mls::provider::{Provider, Rand};
use crate::mls::storage::Storage;
use crate::records::Overlay;

/// Without post-quantum keys.
const LOWER: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

fn capabilities() -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[LOWER]),
        Some(&[extension::extension_type(), ExtensionType::LastResort]),
        None,
        Some(&[CredentialType::Basic]),
    )
}

impl Engine {
    /// A key package of this device on the lower suite, as a version of the past could have left it: an
    /// `MLSMessage`, and its private part for the store.
    pub fn lower_package(
        &self,
        reader: &dyn Reader,
        now: Millis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Vec<u8>, Changes), EngineError> {
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &self.crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let me = self.myself();
        let bundle = KeyPackage::builder()
            .key_package_lifetime(key_package::lifetime(now))
            .leaf_node_capabilities(capabilities())
            .build(LOWER, &provider, me.secret, me.credential())
            .map_err(sealing)?;
        let package = MlsMessageOut::from(bundle.into_key_package()).to_bytes().map_err(sealing)?;
        Ok((package, store.into_changes()))
    }

    /// Makes a conversation on the lower suite, with the device of that key package in it; gives the item
    /// that a relay makes of it.
    pub fn lower_invitation(
        &self,
        reader: &dyn Reader,
        id: ConversationId,
        (peer, package): (AccountId, &[u8]),
        now: Millis,
        rng: &mut dyn CryptoRng,
    ) -> Result<wire::Welcomed, EngineError> {
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &self.crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let me = self.myself();
        let package = group::key_package_in(&provider, package).ok_or(EngineError::Corrupt("no package"))?;
        let required = RequiredCapabilitiesExtension::new(&[extension::extension_type()], &[], &[]);
        let conversation = LacreConversation::direct(self.me().account, peer);
        let extensions = vec![Extension::RequiredCapabilities(required), conversation.to_extension()];
        let config = MlsGroupCreateConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .ciphersuite(LOWER)
            .capabilities(capabilities())
            .lifetime(key_package::lifetime(now))
            .with_group_context_extensions(Extensions::from_vec(extensions).map_err(sealing)?)
            .build();
        let at = group::group_id(id);
        let mut group = MlsGroup::new_with_group_id(&provider, me.secret, &config, at, me.credential())
            .map_err(sealing)?;
        let plan = Plan { add: vec![package], ..Plan::default() };
        let made = group::commit(&provider, &mut group, &me, plan)?;
        Ok(wire::Welcomed {
            conversation: id.to_wire(),
            sequence: 1,
            welcome: made.welcomes.each.concat().into(),
            capability_hash: made.capability_hash.to_vec().into(),
            group_info: made.welcomes.group_info.into(),
        })
    }
}
