//! Commits that the policy forbids, and commits from outside.

use lacre_proto::{AccountId, ConversationId};
use openmls::group::MlsGroup;
use openmls::prelude::{
    BasicCredential, CredentialWithKey, Extension, Extensions, LeafNodeIndex, LeafNodeParameters,
    MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, OpenMlsProvider, PreSharedKeyProposal, Proposal,
};
use openmls::schedule::PreSharedKeyId;
use rand_core::CryptoRng;
use tls_codec::{Deserialize, Serialize};

use crate::EngineError;
use crate::api::{Changes, Reader};
use crate::engine::Engine;
use crate::mls::extension::{Kind, LacreConversation};
use crate::mls::group::{self, Made, Myself, sealing};
use crate::mls::provider::{Provider, Rand};
use crate::mls::storage::Storage;
use crate::mls::welcome::Welcomes;
use crate::records::{Overlay, Rules};

/// A change that a direct conversation does not allow.
#[derive(Debug, Clone)]
pub enum Forbidden {
    /// Mixes a pre-shared key in.
    PreSharedKey,
    /// Changes what the conversation is: another creator and a timer.
    GroupContext,
    /// Makes these the admins of the group.
    Admins(Vec<AccountId>),
    /// Changes the rules of the group.
    Rules(Rules),
    /// Says that somebody else has made the group.
    Creator(AccountId),
    /// Says that it is the conversation of two people.
    Kind(AccountId, AccountId),
    /// Takes the required capabilities out of the context.
    Capabilities,
    /// Removes the member at this leaf.
    Remove(u32),
    /// Adds the device of this key package (an `MLSMessage`), together with an allowed update.
    Add(Vec<u8>),
    /// Removes the member at this leaf and adds this key package, which nobody asked for.
    Again(u32, Vec<u8>),
    /// Puts another credential on the committer's own leaf.
    Credential(Vec<u8>),
}

pub(super) fn forbidden(
    provider: &Provider<'_>,
    group: &mut MlsGroup,
    me: &Myself<'_>,
    what: Forbidden,
) -> Result<Made, EngineError> {
    let packages = |bytes: &[u8]| {
        group::key_package_in(provider, bytes).ok_or(EngineError::Corrupt("that is no key package"))
    };
    let mut conversation = LacreConversation::of(group.extensions());
    let id = ConversationId::try_from(group.group_id().as_slice()).map_err(sealing)?;
    let old = group.extensions().clone();
    let mut builder = group.commit_builder().force_self_update(true);
    match what {
        Forbidden::PreSharedKey => {
            let psk = PreSharedKeyId::external(b"evil".to_vec(), vec![7; 32]);
            psk.store(provider, &[7; 32]).map_err(sealing)?;
            let proposal = Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(psk)));
            builder = builder.add_proposal(proposal);
        }
        Forbidden::Capabilities => {
            let mut extensions: Vec<Extension> = old.iter().cloned().collect();
            extensions.retain(|extension| matches!(extension, Extension::Unknown(..)));
            builder = builder
                .propose_group_context_extensions(Extensions::from_vec(extensions).map_err(sealing)?)
                .map_err(sealing)?;
        }
        Forbidden::GroupContext
        | Forbidden::Admins(_)
        | Forbidden::Rules(_)
        | Forbidden::Creator(_)
        | Forbidden::Kind(..) => {
            let Some(mut changed) = conversation.take() else {
                return Err(EngineError::Corrupt("it is no conversation"));
            };
            match what {
                Forbidden::Admins(mut admins) => {
                    admins.sort_unstable();
                    changed.admins = admins;
                }
                Forbidden::Rules(rules) => changed.rules = rules,
                Forbidden::Creator(creator) => changed.created_by = creator,
                Forbidden::Kind(one, other) => changed.kind = Kind::Direct(one.min(other), one.max(other)),
                _ => changed.timer = 1,
            }
            let mut extensions: Vec<Extension> = old.iter().cloned().collect();
            extensions.retain(|extension| !matches!(extension, Extension::Unknown(..)));
            extensions.push(changed.to_extension());
            builder = builder
                .propose_group_context_extensions(Extensions::from_vec(extensions).map_err(sealing)?)
                .map_err(sealing)?;
        }
        Forbidden::Remove(leaf) => builder = builder.propose_removals([LeafNodeIndex::new(leaf)]),
        Forbidden::Add(package) => builder = builder.propose_adds([packages(&package)?]),
        Forbidden::Again(leaf, package) => {
            builder =
                builder.propose_removals([LeafNodeIndex::new(leaf)]).propose_adds([packages(&package)?]);
        }
        Forbidden::Credential(identity) => {
            let credential = CredentialWithKey {
                credential: BasicCredential::new(identity).into(),
                signature_key: me.credential().signature_key,
            };
            let parameters = LeafNodeParameters::builder().with_credential_with_key(credential).build();
            builder = builder.leaf_node_parameters(parameters);
        }
    }
    let bundle = builder
        .load_psks(provider.storage())
        .map_err(sealing)?
        .build(provider.rand(), provider.crypto(), me.secret, |_| true)
        .map_err(sealing)?
        .stage_commit(provider)
        .map_err(sealing)?;
    let commit = bundle.commit().to_bytes().map_err(sealing)?;
    let staged = group.pending_commit().ok_or(EngineError::Corrupt("no pending commit"))?;
    let capability_hash = group::next_capability_hash(provider, staged, id)?;
    // Nobody is welcomed: what Mallory adds is not the point, only that she may not.
    Ok(Made { commit, welcomes: Welcomes::default(), capability_hash })
}

impl Engine {
    /// What a member must give away for somebody outside to try to join by itself: the group's info with its
    /// tree, an `MLSMessage`.
    pub fn leak_group_info(
        &self,
        reader: &dyn Reader,
        id: ConversationId,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, EngineError> {
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &self.crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let group = group::load(&provider, id).map_err(sealing)?.ok_or(EngineError::Corrupt("no member"))?;
        let info = group.export_group_info(provider.crypto(), self.myself().secret, true).map_err(sealing)?;
        info.to_bytes().map_err(sealing)
    }

    /// The epoch that this device's group of a conversation is at.
    pub fn epoch(&self, reader: &dyn Reader, id: ConversationId, rng: &mut dyn CryptoRng) -> Option<u64> {
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &self.crypto, storage: Storage(&store), rand: Rand::new(rng) };
        group::load(&provider, id).ok()?.map(|group| group.epoch().as_u64())
    }

    /// An external commit of this device, which nobody has added; an `MLSMessage`, and the changes that make it
    /// a member as far as it is concerned.
    pub fn join_from_outside(
        &self,
        reader: &dyn Reader,
        group_info: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(Vec<u8>, Changes), EngineError> {
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &self.crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let info = MlsMessageIn::tls_deserialize_exact(group_info).map_err(sealing)?;
        let MlsMessageBodyIn::GroupInfo(info) = info.extract() else {
            return Err(EngineError::Corrupt("that is no group info"));
        };
        let parameters = LeafNodeParameters::builder()
            .with_capabilities(group::capabilities())
            .with_credential_with_key(self.myself().credential())
            .build();
        let (_, bundle) = MlsGroup::external_commit_builder()
            .with_config(group::join_config())
            .skip_lifetime_validation()
            .build_group(&provider, info, self.myself().credential())
            .map_err(sealing)?
            .leaf_node_parameters(parameters)
            .load_psks(provider.storage())
            .map_err(sealing)?
            .build(provider.rand(), provider.crypto(), self.myself().secret, |_| true)
            .map_err(sealing)?
            .finalize(&provider)
            .map_err(sealing)?;
        let commit: &MlsMessageOut = bundle.commit();
        let commit = commit.tls_serialize_detached().map_err(sealing)?;
        Ok((commit, store.into_changes()))
    }
}
