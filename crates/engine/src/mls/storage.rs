//! OpenMLS' storage: writes go into the step's overlay, reads come from it; nothing reaches the disk but by the
//! step's one commit.
//!
//! A key is a table byte and the postcard of OpenMLS' key; a value is a format byte and the value: postcard,
//! but JSON for the join config, which postcard can write and not read.

use lacre_proto::ConversationId;
use openmls_traits::storage::{CURRENT_VERSION, Key, StorageProvider, traits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{ReadError, Reader};
use crate::records::Overlay;
use crate::records::key::{self, MLS};

const POSTCARD: u8 = 1;
const JSON: u8 = 2;

const JOIN_CONFIG: u8 = MLS;
const OWN_LEAVES: u8 = MLS + 1;
const PROPOSALS: u8 = MLS + 2;
const TREE: u8 = MLS + 3;
const TRANSCRIPT: u8 = MLS + 4;
const CONTEXT: u8 = MLS + 5;
const TAG: u8 = MLS + 6;
const STATE: u8 = MLS + 7;
const MESSAGE_SECRETS: u8 = MLS + 8;
const RESUMPTION: u8 = MLS + 9;
const LEAF_INDEX: u8 = MLS + 10;
const EPOCH_SECRETS: u8 = MLS + 11;
const SIGNATURE_KEYS: u8 = MLS + 12;
const ENCRYPTION_KEYS: u8 = MLS + 13;
const EPOCH_KEYS: u8 = MLS + 14;
const KEY_PACKAGES: u8 = MLS + 15;
const PSKS: u8 = MLS + 16;
const PROPOSAL_REFS: u8 = MLS + 17;

/// Why a value could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("a value of MLS table {0:#04x} does not decode")]
    Corrupt(u8),
}

/// OpenMLS' storage over the step's overlay.
pub(crate) struct Storage<'a>(pub(crate) &'a Overlay<'a>);

impl Storage<'_> {
    fn put<T: Serialize>(&self, key: Vec<u8>, value: &T) {
        let bytes = postcard::to_extend(value, vec![POSTCARD]).expect("MLS values serialize into memory");
        self.0.put(key, bytes);
    }

    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StorageError> {
        self.0.get(key)?.map(|bytes| decode(key[0], &bytes)).transpose()
    }

    fn put_list<T: Serialize>(&self, key: Vec<u8>, items: &[T]) {
        self.put(key, &items);
    }
}

fn decode<T: DeserializeOwned>(table: u8, bytes: &[u8]) -> Result<T, StorageError> {
    match bytes.split_first() {
        Some((&POSTCARD, body)) => postcard::from_bytes(body).ok(),
        Some((&JSON, body)) => serde_json::from_slice(body).ok(),
        _ => None,
    }
    .ok_or(StorageError::Corrupt(table))
}

fn at(table: u8, key: &impl Key<CURRENT_VERSION>) -> Vec<u8> {
    postcard::to_extend(key, vec![table]).expect("MLS keys serialize into memory")
}

fn epoch_keys(group: &impl Key<CURRENT_VERSION>, epoch: &impl Key<CURRENT_VERSION>, leaf: u32) -> Vec<u8> {
    let mut bytes =
        postcard::to_extend(epoch, at(EPOCH_KEYS, group)).expect("MLS keys serialize into memory");
    bytes.extend_from_slice(&leaf.to_be_bytes());
    bytes
}

/// Removes everything that is kept for a group: for one whose state cannot be used any more.
pub(crate) fn forget_group(store: &Overlay<'_>, id: ConversationId) -> Result<(), ReadError> {
    // postcard of a GroupId: the length, then the bytes
    let mut group = vec![ConversationId::LEN as u8];
    group.extend_from_slice(id.as_ref());
    for table in (JOIN_CONFIG..=EPOCH_SECRETS).chain([EPOCH_KEYS, PROPOSAL_REFS]) {
        let from = key::key(table, &[&group]);
        let mut found = Vec::new();
        store.scan(&from, &key::end(&from), false, &mut |key, _| {
            found.push(key.to_vec());
            true
        })?;
        found.into_iter().for_each(|key| store.delete(key));
    }
    Ok(())
}

impl StorageProvider<CURRENT_VERSION> for Storage<'_> {
    type Error = StorageError;

    fn write_mls_join_config<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        MlsGroupJoinConfig: traits::MlsGroupJoinConfig<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        config: &MlsGroupJoinConfig,
    ) -> Result<(), Self::Error> {
        let mut bytes = vec![JSON];
        serde_json::to_writer(&mut bytes, config).expect("the join config serializes into memory");
        self.0.put(at(JOIN_CONFIG, group_id), bytes);
        Ok(())
    }

    fn mls_group_join_config<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        MlsGroupJoinConfig: traits::MlsGroupJoinConfig<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<MlsGroupJoinConfig>, Self::Error> {
        self.get(&at(JOIN_CONFIG, group_id))
    }

    fn delete_group_config<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(JOIN_CONFIG, group_id));
        Ok(())
    }

    fn append_own_leaf_node<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        LeafNode: traits::LeafNode<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        leaf_node: &LeafNode,
    ) -> Result<(), Self::Error> {
        let key = at(OWN_LEAVES, group_id);
        let kept: Vec<LeafNode> = self.get(&key)?.unwrap_or_default();
        let all: Vec<&LeafNode> = kept.iter().chain([leaf_node]).collect();
        self.put_list(key, &all);
        Ok(())
    }

    fn own_leaf_nodes<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        LeafNode: traits::LeafNode<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Vec<LeafNode>, Self::Error> {
        Ok(self.get(&at(OWN_LEAVES, group_id))?.unwrap_or_default())
    }

    fn delete_own_leaf_nodes<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(OWN_LEAVES, group_id));
        Ok(())
    }

    fn queue_proposal<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
        QueuedProposal: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        proposal_ref: &ProposalRef,
        proposal: &QueuedProposal,
    ) -> Result<(), Self::Error> {
        let refs = at(PROPOSAL_REFS, group_id);
        let kept: Vec<ProposalRef> = self.get(&refs)?.unwrap_or_default();
        self.put_list(refs, &kept.iter().chain([proposal_ref]).collect::<Vec<_>>());
        let key = at(PROPOSALS, group_id);
        let kept: Vec<(ProposalRef, QueuedProposal)> = self.get(&key)?.unwrap_or_default();
        let kept = kept.iter().map(|(reference, proposal)| (reference, proposal));
        self.put_list(key, &kept.chain([(proposal_ref, proposal)]).collect::<Vec<_>>());
        Ok(())
    }

    fn queued_proposal_refs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Vec<ProposalRef>, Self::Error> {
        Ok(self.get(&at(PROPOSAL_REFS, group_id))?.unwrap_or_default())
    }

    fn queued_proposals<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
        QueuedProposal: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Vec<(ProposalRef, QueuedProposal)>, Self::Error> {
        Ok(self.get(&at(PROPOSALS, group_id))?.unwrap_or_default())
    }

    fn remove_proposal<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        _proposal_ref: &ProposalRef,
    ) -> Result<(), Self::Error> {
        // A conversation's proposals travel inside the commits that apply them; none is ever kept back while
        // another goes.
        self.0.delete(at(PROPOSALS, group_id));
        self.0.delete(at(PROPOSAL_REFS, group_id));
        Ok(())
    }

    fn clear_proposal_queue<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        ProposalRef: traits::ProposalRef<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(PROPOSALS, group_id));
        self.0.delete(at(PROPOSAL_REFS, group_id));
        Ok(())
    }

    fn write_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
        key_pairs: &[HpkeKeyPair],
    ) -> Result<(), Self::Error> {
        self.put_list(epoch_keys(group_id, epoch, leaf_index), key_pairs);
        Ok(())
    }

    fn encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
    ) -> Result<Vec<HpkeKeyPair>, Self::Error> {
        Ok(self.get(&epoch_keys(group_id, epoch, leaf_index))?.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
    ) -> Result<(), Self::Error> {
        self.0.delete(epoch_keys(group_id, epoch, leaf_index));
        Ok(())
    }

    fn write_tree<GroupId: traits::GroupId<CURRENT_VERSION>, Value: traits::TreeSync<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(TREE, group_id), value);
        Ok(())
    }

    fn tree<GroupId: traits::GroupId<CURRENT_VERSION>, Value: traits::TreeSync<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(TREE, group_id))
    }

    fn delete_tree<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(TREE, group_id));
        Ok(())
    }

    fn write_interim_transcript_hash<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::InterimTranscriptHash<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(TRANSCRIPT, group_id), value);
        Ok(())
    }

    fn interim_transcript_hash<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::InterimTranscriptHash<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(TRANSCRIPT, group_id))
    }

    fn delete_interim_transcript_hash<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(TRANSCRIPT, group_id));
        Ok(())
    }

    fn write_context<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::GroupContext<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(CONTEXT, group_id), value);
        Ok(())
    }

    fn group_context<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::GroupContext<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(CONTEXT, group_id))
    }

    fn delete_context<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(CONTEXT, group_id));
        Ok(())
    }

    fn write_confirmation_tag<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::ConfirmationTag<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(TAG, group_id), value);
        Ok(())
    }

    fn confirmation_tag<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::ConfirmationTag<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(TAG, group_id))
    }

    fn delete_confirmation_tag<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(TAG, group_id));
        Ok(())
    }

    fn write_group_state<
        Value: traits::GroupState<CURRENT_VERSION>,
        GroupId: traits::GroupId<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(STATE, group_id), value);
        Ok(())
    }

    fn group_state<Value: traits::GroupState<CURRENT_VERSION>, GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(STATE, group_id))
    }

    fn delete_group_state<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(STATE, group_id));
        Ok(())
    }

    fn write_message_secrets<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::MessageSecrets<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(MESSAGE_SECRETS, group_id), value);
        Ok(())
    }

    fn message_secrets<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::MessageSecrets<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(MESSAGE_SECRETS, group_id))
    }

    fn delete_message_secrets<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(MESSAGE_SECRETS, group_id));
        Ok(())
    }

    fn write_resumption_psk_store<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::ResumptionPskStore<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(RESUMPTION, group_id), value);
        Ok(())
    }

    fn resumption_psk_store<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::ResumptionPskStore<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(RESUMPTION, group_id))
    }

    fn delete_all_resumption_psk_secrets<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(RESUMPTION, group_id));
        Ok(())
    }

    fn write_own_leaf_index<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::LeafNodeIndex<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(LEAF_INDEX, group_id), value);
        Ok(())
    }

    fn own_leaf_index<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::LeafNodeIndex<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(LEAF_INDEX, group_id))
    }

    fn delete_own_leaf_index<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(LEAF_INDEX, group_id));
        Ok(())
    }

    fn write_group_epoch_secrets<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::GroupEpochSecrets<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(EPOCH_SECRETS, group_id), value);
        Ok(())
    }

    fn group_epoch_secrets<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        Value: traits::GroupEpochSecrets<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(EPOCH_SECRETS, group_id))
    }

    fn delete_group_epoch_secrets<GroupId: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(EPOCH_SECRETS, group_id));
        Ok(())
    }

    fn write_signature_key_pair<
        K: traits::SignaturePublicKey<CURRENT_VERSION>,
        Value: traits::SignatureKeyPair<CURRENT_VERSION>,
    >(
        &self,
        key: &K,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(SIGNATURE_KEYS, key), value);
        Ok(())
    }

    fn signature_key_pair<
        K: traits::SignaturePublicKey<CURRENT_VERSION>,
        Value: traits::SignatureKeyPair<CURRENT_VERSION>,
    >(
        &self,
        key: &K,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(SIGNATURE_KEYS, key))
    }

    fn delete_signature_key_pair<K: traits::SignaturePublicKey<CURRENT_VERSION>>(
        &self,
        key: &K,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(SIGNATURE_KEYS, key));
        Ok(())
    }

    fn write_encryption_key_pair<
        K: traits::EncryptionKey<CURRENT_VERSION>,
        Value: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        key: &K,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(ENCRYPTION_KEYS, key), value);
        Ok(())
    }

    fn encryption_key_pair<
        Value: traits::HpkeKeyPair<CURRENT_VERSION>,
        K: traits::EncryptionKey<CURRENT_VERSION>,
    >(
        &self,
        key: &K,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(ENCRYPTION_KEYS, key))
    }

    fn delete_encryption_key_pair<K: traits::EncryptionKey<CURRENT_VERSION>>(
        &self,
        key: &K,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(ENCRYPTION_KEYS, key));
        Ok(())
    }

    fn write_key_package<
        K: traits::HashReference<CURRENT_VERSION>,
        Value: traits::KeyPackage<CURRENT_VERSION>,
    >(
        &self,
        key: &K,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(KEY_PACKAGES, key), value);
        Ok(())
    }

    fn key_package<K: traits::HashReference<CURRENT_VERSION>, Value: traits::KeyPackage<CURRENT_VERSION>>(
        &self,
        key: &K,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(KEY_PACKAGES, key))
    }

    fn delete_key_package<K: traits::HashReference<CURRENT_VERSION>>(
        &self,
        key: &K,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(KEY_PACKAGES, key));
        Ok(())
    }

    fn write_psk<K: traits::PskId<CURRENT_VERSION>, Value: traits::PskBundle<CURRENT_VERSION>>(
        &self,
        key: &K,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(PSKS, key), value);
        Ok(())
    }

    fn psk<Value: traits::PskBundle<CURRENT_VERSION>, K: traits::PskId<CURRENT_VERSION>>(
        &self,
        key: &K,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(PSKS, key))
    }

    fn delete_psk<K: traits::PskId<CURRENT_VERSION>>(&self, key: &K) -> Result<(), Self::Error> {
        self.0.delete(at(PSKS, key));
        Ok(())
    }
}
