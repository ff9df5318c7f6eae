//! OpenMLS' storage: writes go into the step's overlay, reads come from it; nothing reaches the disk but by the
//! step's one commit.
//!
//! A key is a table byte and the postcard of OpenMLS' key; a value is a format byte and the value: postcard,
//! but JSON for the join config, which postcard can write and not read. A large tree lies in parts.

use lacre_proto::ConversationId;
use openmls_traits::storage::{CURRENT_VERSION as V, Key, StorageProvider, traits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::parts;
use crate::api::{ReadError, Reader};
use crate::records::Overlay;
use crate::records::key::{self, MLS};

const POSTCARD: u8 = 1;
const JSON: u8 = 2;
/// What follows is the list of the parts in which the postcard lies.
const PARTS: u8 = 3;

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
const TREE_PARTS: u8 = MLS + 18;

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

    /// Writes the tree of a group, of a large one only what is new; `None` removes it.
    fn put_tree(&self, group: &impl Key<V>, tree: Option<Vec<u8>>) -> Result<(), StorageError> {
        let (key, parts) = (at(TREE, group), at(TREE_PARTS, group));
        let before = self.0.get(&key)?;
        let before = before.as_deref().and_then(|before| before.strip_prefix(&[PARTS])).unwrap_or_default();
        match tree {
            Some(tree) if tree.len() > parts::WHOLE => {
                let list = parts::write(self.0, &parts, before, &tree);
                self.0.put(key, [&[PARTS], list.as_slice()].concat());
            }
            whole => {
                parts::write(self.0, &parts, before, &[]);
                match whole {
                    Some(tree) => self.0.put(key, [&[POSTCARD], tree.as_slice()].concat()),
                    None => self.0.delete(key),
                }
            }
        }
        Ok(())
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

fn at(table: u8, key: &impl Key<V>) -> Vec<u8> {
    postcard::to_extend(key, vec![table]).expect("MLS keys serialize into memory")
}

fn epoch_keys(group: &impl Key<V>, epoch: &impl Key<V>, leaf: u32) -> Vec<u8> {
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
    for table in (JOIN_CONFIG..=EPOCH_SECRETS).chain([EPOCH_KEYS, PROPOSAL_REFS, TREE_PARTS]) {
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

/// The three methods of a value that each group has one of.
macro_rules! of_group {
    ($write:ident, $read:ident, $delete:ident, $kind:ident, $table:ident) => {
        fn $write<GroupId: traits::GroupId<V>, Value: traits::$kind<V>>(
            &self,
            group_id: &GroupId,
            value: &Value,
        ) -> Result<(), Self::Error> {
            self.put(at($table, group_id), value);
            Ok(())
        }

        fn $read<GroupId: traits::GroupId<V>, Value: traits::$kind<V>>(
            &self,
            group_id: &GroupId,
        ) -> Result<Option<Value>, Self::Error> {
            self.get(&at($table, group_id))
        }

        fn $delete<GroupId: traits::GroupId<V>>(&self, group_id: &GroupId) -> Result<(), Self::Error> {
            self.0.delete(at($table, group_id));
            Ok(())
        }
    };
}

/// The three methods of a value that has a key of its own; the trait's order of types differs between them.
macro_rules! of_key {
    (
        $write:ident($key:ident, $kind:ident),
        $read:ident<$first:ident: $first_kind:ident, $second:ident: $second_kind:ident>,
        $delete:ident,
        $table:ident
    ) => {
        fn $write<K: traits::$key<V>, Value: traits::$kind<V>>(
            &self,
            key: &K,
            value: &Value,
        ) -> Result<(), Self::Error> {
            self.put(at($table, key), value);
            Ok(())
        }

        fn $read<$first: traits::$first_kind<V>, $second: traits::$second_kind<V>>(
            &self,
            key: &K,
        ) -> Result<Option<Value>, Self::Error> {
            self.get(&at($table, key))
        }

        fn $delete<K: traits::$key<V>>(&self, key: &K) -> Result<(), Self::Error> {
            self.0.delete(at($table, key));
            Ok(())
        }
    };
}

impl StorageProvider<V> for Storage<'_> {
    type Error = StorageError;

    fn write_mls_join_config<
        GroupId: traits::GroupId<V>,
        MlsGroupJoinConfig: traits::MlsGroupJoinConfig<V>,
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
        GroupId: traits::GroupId<V>,
        MlsGroupJoinConfig: traits::MlsGroupJoinConfig<V>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<MlsGroupJoinConfig>, Self::Error> {
        self.get(&at(JOIN_CONFIG, group_id))
    }

    fn delete_group_config<GroupId: traits::GroupId<V>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(JOIN_CONFIG, group_id));
        Ok(())
    }

    fn append_own_leaf_node<GroupId: traits::GroupId<V>, LeafNode: traits::LeafNode<V>>(
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

    fn own_leaf_nodes<GroupId: traits::GroupId<V>, LeafNode: traits::LeafNode<V>>(
        &self,
        group_id: &GroupId,
    ) -> Result<Vec<LeafNode>, Self::Error> {
        Ok(self.get(&at(OWN_LEAVES, group_id))?.unwrap_or_default())
    }

    fn delete_own_leaf_nodes<GroupId: traits::GroupId<V>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(OWN_LEAVES, group_id));
        Ok(())
    }

    fn queue_proposal<
        GroupId: traits::GroupId<V>,
        ProposalRef: traits::ProposalRef<V>,
        QueuedProposal: traits::QueuedProposal<V>,
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

    fn queued_proposal_refs<GroupId: traits::GroupId<V>, ProposalRef: traits::ProposalRef<V>>(
        &self,
        group_id: &GroupId,
    ) -> Result<Vec<ProposalRef>, Self::Error> {
        Ok(self.get(&at(PROPOSAL_REFS, group_id))?.unwrap_or_default())
    }

    fn queued_proposals<
        GroupId: traits::GroupId<V>,
        ProposalRef: traits::ProposalRef<V>,
        QueuedProposal: traits::QueuedProposal<V>,
    >(
        &self,
        group_id: &GroupId,
    ) -> Result<Vec<(ProposalRef, QueuedProposal)>, Self::Error> {
        Ok(self.get(&at(PROPOSALS, group_id))?.unwrap_or_default())
    }

    fn remove_proposal<GroupId: traits::GroupId<V>, ProposalRef: traits::ProposalRef<V>>(
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

    fn clear_proposal_queue<GroupId: traits::GroupId<V>, ProposalRef: traits::ProposalRef<V>>(
        &self,
        group_id: &GroupId,
    ) -> Result<(), Self::Error> {
        self.0.delete(at(PROPOSALS, group_id));
        self.0.delete(at(PROPOSAL_REFS, group_id));
        Ok(())
    }

    fn write_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<V>,
        EpochKey: traits::EpochKey<V>,
        HpkeKeyPair: traits::HpkeKeyPair<V>,
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
        GroupId: traits::GroupId<V>,
        EpochKey: traits::EpochKey<V>,
        HpkeKeyPair: traits::HpkeKeyPair<V>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
    ) -> Result<Vec<HpkeKeyPair>, Self::Error> {
        Ok(self.get(&epoch_keys(group_id, epoch, leaf_index))?.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<GroupId: traits::GroupId<V>, EpochKey: traits::EpochKey<V>>(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
    ) -> Result<(), Self::Error> {
        self.0.delete(epoch_keys(group_id, epoch, leaf_index));
        Ok(())
    }

    fn write_tree<GroupId: traits::GroupId<V>, TreeSync: traits::TreeSync<V>>(
        &self,
        group_id: &GroupId,
        tree: &TreeSync,
    ) -> Result<(), Self::Error> {
        self.put_tree(
            group_id,
            Some(postcard::to_extend(tree, Vec::new()).expect("MLS values serialize into memory")),
        )
    }

    fn tree<GroupId: traits::GroupId<V>, TreeSync: traits::TreeSync<V>>(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<TreeSync>, Self::Error> {
        let key = at(TREE, group_id);
        let Some(row) = self.0.get(&key)? else { return Ok(None) };
        let Some(list) = row.strip_prefix(&[PARTS]) else { return decode(TREE, &row).map(Some) };
        let tree = parts::read(self.0, &at(TREE_PARTS, group_id), list)?;
        let tree = tree.and_then(|tree| postcard::from_bytes(&tree).ok());
        tree.map(Some).ok_or(StorageError::Corrupt(TREE))
    }

    fn delete_tree<GroupId: traits::GroupId<V>>(&self, group_id: &GroupId) -> Result<(), Self::Error> {
        self.put_tree(group_id, None)
    }

    of_group!(
        write_interim_transcript_hash,
        interim_transcript_hash,
        delete_interim_transcript_hash,
        InterimTranscriptHash,
        TRANSCRIPT
    );
    of_group!(write_context, group_context, delete_context, GroupContext, CONTEXT);
    of_group!(write_confirmation_tag, confirmation_tag, delete_confirmation_tag, ConfirmationTag, TAG);
    of_group!(
        write_message_secrets,
        message_secrets,
        delete_message_secrets,
        MessageSecrets,
        MESSAGE_SECRETS
    );
    of_group!(
        write_resumption_psk_store,
        resumption_psk_store,
        delete_all_resumption_psk_secrets,
        ResumptionPskStore,
        RESUMPTION
    );
    of_group!(write_own_leaf_index, own_leaf_index, delete_own_leaf_index, LeafNodeIndex, LEAF_INDEX);
    of_group!(
        write_group_epoch_secrets,
        group_epoch_secrets,
        delete_group_epoch_secrets,
        GroupEpochSecrets,
        EPOCH_SECRETS
    );

    // Of this one the trait names the value before the group.
    fn write_group_state<Value: traits::GroupState<V>, GroupId: traits::GroupId<V>>(
        &self,
        group_id: &GroupId,
        value: &Value,
    ) -> Result<(), Self::Error> {
        self.put(at(STATE, group_id), value);
        Ok(())
    }

    fn group_state<Value: traits::GroupState<V>, GroupId: traits::GroupId<V>>(
        &self,
        group_id: &GroupId,
    ) -> Result<Option<Value>, Self::Error> {
        self.get(&at(STATE, group_id))
    }

    fn delete_group_state<GroupId: traits::GroupId<V>>(&self, group_id: &GroupId) -> Result<(), Self::Error> {
        self.0.delete(at(STATE, group_id));
        Ok(())
    }

    of_key!(
        write_signature_key_pair(SignaturePublicKey, SignatureKeyPair),
        signature_key_pair<K: SignaturePublicKey, Value: SignatureKeyPair>,
        delete_signature_key_pair,
        SIGNATURE_KEYS
    );
    of_key!(
        write_encryption_key_pair(EncryptionKey, HpkeKeyPair),
        encryption_key_pair<Value: HpkeKeyPair, K: EncryptionKey>,
        delete_encryption_key_pair,
        ENCRYPTION_KEYS
    );
    of_key!(
        write_key_package(HashReference, KeyPackage),
        key_package<K: HashReference, Value: KeyPackage>,
        delete_key_package,
        KEY_PACKAGES
    );
    of_key!(
        write_psk(PskId, PskBundle),
        psk<Value: PskBundle, K: PskId>,
        delete_psk,
        PSKS
    );
}
