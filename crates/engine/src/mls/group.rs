//! A conversation's MLS group: making it, joining it, sealing, opening, committing.
//!
//! Handshakes are `PrivateMessage`s and no past epoch is kept. A commit that only adds has no update path, so that
//! it costs the same in a group of any size; the tree travels once for all who are added (see [`super::welcome`]).

use lacre_proto::{ConversationId, label, limits};
use openmls::group::{MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, StagedCommit, StagedWelcome};
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialWithKey, ExtensionType, Extensions, GroupContext, GroupId,
    KeyPackage, KeyPackageRef, LeafNodeIndex, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, OpenMlsProvider,
    PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProcessMessageError, ProcessedMessage, ProtocolVersion,
    RequiredCapabilitiesExtension, SenderRatchetConfiguration, Welcome,
};
use openmls::prelude::{CredentialType, Extension};
use sha2::{Digest, Sha256};
use tls_codec::{Deserialize, Serialize};

use super::SUITE;
use super::extension::{self, LacreConversation};
use super::key_package::lifetime;
use super::policy::{Admission, Approved};
use super::provider::Provider;
use super::storage::StorageError;
use super::welcome::{self, Welcomes};
use crate::EngineError;
use crate::identity::{Certificate, SignatureSecret};

/// This device as a member: its credential and the key that signs for it.
pub(crate) struct Myself<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) secret: &'a SignatureSecret,
}

impl Myself<'_> {
    pub(crate) fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.certificate.to_credential()).into(),
            signature_key: self.certificate.signature_key().as_bytes().to_vec().into(),
        }
    }
}

/// A commit that was made and is pending until its echo.
pub(crate) struct Made {
    /// An `MLSMessage` with the commit.
    pub(crate) commit: Vec<u8>,
    /// What those who were added are to be given.
    pub(crate) welcomes: Welcomes,
    /// SHA-256 of the send capability of the epoch that the commit opens.
    pub(crate) capability_hash: [u8; 32],
}

/// What a commit is to do.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) add: Vec<KeyPackage>,
    pub(crate) remove: Vec<LeafNodeIndex>,
    /// What the conversation is from now on.
    pub(crate) context: Option<LacreConversation>,
    /// Whether the path of its maker is updated even when nothing else asks for that.
    pub(crate) path: bool,
}

/// Capabilities of every leaf.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE]),
        Some(&[extension::extension_type(), ExtensionType::LastResort]),
        None,
        Some(&[CredentialType::Basic]),
    )
}

pub(crate) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .sender_ratchet_configuration(ratchet())
        .build()
}

fn ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(limits::OUT_OF_ORDER, limits::MAX_FORWARD)
}

/// Opens messages of any generation.
#[cfg(feature = "evil")]
pub(crate) fn go_far(provider: &Provider<'_>, group: &mut MlsGroup) -> Result<(), EngineError> {
    let config = MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(limits::OUT_OF_ORDER, u32::MAX))
        .build();
    group.set_configuration(provider.storage(), &config).map_err(sealing)
}

/// Makes the group of a conversation, with this device alone in it.
pub(crate) fn create(
    provider: &Provider<'_>,
    me: &Myself<'_>,
    id: ConversationId,
    conversation: &LacreConversation,
    now: u64,
) -> Result<MlsGroup, EngineError> {
    let required = RequiredCapabilitiesExtension::new(&[extension::extension_type()], &[], &[]);
    let extensions =
        Extensions::from_vec(vec![Extension::RequiredCapabilities(required), conversation.to_extension()])
            .map_err(sealing)?;
    let config = MlsGroupCreateConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .sender_ratchet_configuration(ratchet())
        .ciphersuite(SUITE)
        .capabilities(capabilities())
        .lifetime(lifetime(now))
        .with_group_context_extensions(extensions)
        .build();
    MlsGroup::new_with_group_id(provider, me.secret, &config, group_id(id), me.credential()).map_err(sealing)
}

/// Loads a group from the store.
pub(crate) fn load(provider: &Provider<'_>, id: ConversationId) -> Result<Option<MlsGroup>, StorageError> {
    MlsGroup::load(provider.storage(), &group_id(id))
}

/// The places for leaves in a group's tree, the empty ones too.
pub(crate) fn leaves(group: &MlsGroup) -> usize {
    group.treesync().leaves().len()
}

/// Makes a commit and leaves it pending.
pub(crate) fn commit(
    provider: &Provider<'_>,
    group: &mut MlsGroup,
    me: &Myself<'_>,
    plan: Plan,
) -> Result<Made, EngineError> {
    let context = plan.context.map(|context| changed(group, &context)).transpose()?;
    let newcomers: Vec<KeyPackageRef> = plan
        .add
        .iter()
        .map(|package| package.hash_ref(provider.crypto()))
        .collect::<Result<_, _>>()
        .map_err(sealing)?;
    let mut builder = group
        .commit_builder()
        .force_self_update(plan.path)
        .propose_removals(plan.remove)
        .propose_adds(plan.add);
    if let Some(context) = context {
        builder = builder.propose_group_context_extensions(context).map_err(sealing)?;
    }
    let bundle = builder
        .load_psks(provider.storage())
        .map_err(sealing)?
        // The tree is put into Welcomes; a group info for anybody else is never made.
        .use_ratchet_tree_extension(!newcomers.is_empty())
        .create_group_info(false)
        .build(provider.rand(), provider.crypto(), me.secret, |_| true)
        .map_err(sealing)?
        .stage_commit(provider)
        .map_err(sealing)?;
    let welcomes = match bundle.welcome() {
        Some(welcome) => welcome::split(welcome, &newcomers)?,
        None => Welcomes::default(),
    };
    let commit = bundle.commit().to_bytes().map_err(sealing)?;
    let staged =
        group.pending_commit().ok_or_else(|| EngineError::Sealing("no pending commit".to_owned()))?;
    let capability_hash = next_capability_hash(provider, staged, conversation_of(group))?;
    Ok(Made { commit, welcomes, capability_hash })
}

/// A group's context with another `LacreConversation` in it.
fn changed(
    group: &MlsGroup,
    conversation: &LacreConversation,
) -> Result<Extensions<GroupContext>, EngineError> {
    let ours = |other: &&Extension| other.extension_type() != extension::extension_type();
    let mut all: Vec<Extension> = group.extensions().iter().filter(ours).cloned().collect();
    all.push(conversation.to_extension());
    Extensions::from_vec(all).map_err(sealing)
}

/// The send capability of a group's epoch (RFC 9420 §8.5).
pub(crate) fn capability(
    provider: &Provider<'_>,
    group: &MlsGroup,
    id: ConversationId,
) -> Result<Vec<u8>, EngineError> {
    group.export_secret(provider.crypto(), label::SEND_CAPABILITY, id.as_ref(), 32).map_err(sealing)
}

/// SHA-256 of the send capability of a group's epoch.
pub(crate) fn capability_hash(
    provider: &Provider<'_>,
    group: &MlsGroup,
    id: ConversationId,
) -> Result<[u8; 32], EngineError> {
    Ok(Sha256::digest(capability(provider, group, id)?).into())
}

/// The same of the epoch that a staged commit opens.
pub(crate) fn next_capability_hash(
    provider: &Provider<'_>,
    staged: &StagedCommit,
    id: ConversationId,
) -> Result<[u8; 32], EngineError> {
    let secret =
        staged.export_secret(provider.crypto(), label::SEND_CAPABILITY, id.as_ref(), 32).map_err(sealing)?;
    Ok(Sha256::digest(secret).into())
}

/// Seals bytes for the group's members.
pub(crate) fn seal(
    provider: &Provider<'_>,
    group: &mut MlsGroup,
    me: &Myself<'_>,
    plaintext: &[u8],
) -> Result<Vec<u8>, EngineError> {
    let sealed = group.create_message(provider, me.secret, plaintext).map_err(sealing)?;
    sealed.to_bytes().map_err(sealing)
}

/// Opens a message or stages a commit. The bytes must have been looked at by `proto::mls_framing`.
pub(crate) fn open(
    provider: &Provider<'_>,
    group: &mut MlsGroup,
    bytes: &[u8],
) -> Result<ProcessedMessage, Unopened> {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| Unopened::NotMls)?;
    let message = message.try_into_protocol_message().map_err(|_| Unopened::NotMls)?;
    group.process_message(provider, message).map_err(|error| Unopened::Refused(Box::new(error)))
}

/// Why something was not opened.
#[derive(Debug)]
pub(crate) enum Unopened {
    NotMls,
    Refused(Box<ProcessMessageError<StorageError>>),
}

/// Opens a Welcome as far as it can be looked at before joining. Lifetimes in the tree are not checked: they
/// say until when a key package may be used to add its device, and this was checked by who added it.
pub(crate) fn stage_welcome(
    provider: &Provider<'_>,
    welcome: Welcome,
    replace: bool,
) -> Result<StagedWelcome, &'static str> {
    let builder = StagedWelcome::build_from_welcome(provider, &join_config(), welcome)
        .map_err(|_| "it was not made for this device")?
        .skip_lifetime_validation();
    let builder = if replace { builder.replace_old_group() } else { builder };
    builder.build().map_err(|_| "it does not hold together")
}

/// Joins by a Welcome that the policy has passed.
pub(crate) fn join(
    provider: &Provider<'_>,
    staged: StagedWelcome,
    _admission: Admission,
) -> Result<MlsGroup, EngineError> {
    staged.into_group(provider).map_err(sealing)
}

/// Merges another member's commit that the policy has passed.
pub(crate) fn merge(
    provider: &Provider<'_>,
    group: &mut MlsGroup,
    staged: StagedCommit,
    _approved: &Approved,
) -> Result<(), EngineError> {
    group.merge_staged_commit(provider, staged).map_err(sealing)
}

/// The key package in an `MLSMessage`, verified as far as MLS goes.
pub(crate) fn key_package_in(provider: &Provider<'_>, bytes: &[u8]) -> Option<KeyPackage> {
    match MlsMessageIn::tls_deserialize_exact(bytes).ok()?.extract() {
        MlsMessageBodyIn::KeyPackage(package) => {
            package.validate(provider.crypto(), ProtocolVersion::Mls10).ok()
        }
        _ => None,
    }
}

/// A key package as an `MLSMessage`.
pub(crate) fn key_package_message(package: KeyPackage) -> Vec<u8> {
    MlsMessageOut::from(package).to_bytes().expect("a key package that was decoded encodes")
}

/// The bytes by which key packages are told apart.
pub(crate) fn key_package_bytes(package: &KeyPackage) -> Vec<u8> {
    package.tls_serialize_detached().expect("a key package that was decoded or made encodes")
}

pub(crate) fn group_id(id: ConversationId) -> GroupId {
    GroupId::from_slice(id.as_ref())
}

fn conversation_of(group: &MlsGroup) -> ConversationId {
    ConversationId::try_from(group.group_id().as_slice()).expect("group ids are conversation ids")
}

pub(crate) fn sealing(error: impl std::fmt::Debug) -> EngineError {
    EngineError::Sealing(format!("{error:?}"))
}
