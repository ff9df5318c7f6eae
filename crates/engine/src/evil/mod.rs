//! The evil core: what no honest device makes, for tests of the defences. Exists only with the feature `evil`.
//!
//! | attack | by |
//! | --- | --- |
//! | M-02, M-12 | [`Crime::Commit`] with a [`Forbidden`] change, [`Engine::join_from_outside`] |
//! | M-03 | [`Crime::Say`] |
//! | M-11 | [`Crime::GarbagePath`] |
//! | S-05 | [`Crime::Deny`] |
//! | a wrong send capability | [`Crime::Usurp`], [`Crime::Restore`] |
//! | M-10 | [`Engine::false_trail`] |
//! | M-17 | [`Crime::Skip`], [`Crime::Say`] with a far counter |
//! | M-18, R7 | [`Engine::try_open`] on a leaked store |
//! | R3 | [`Engine::watch_keys`] |
//! | R8 | [`Engine::lower_package`], [`Engine::lower_invitation`] |
//! | D-01 | [`Forged`] |
//! | D-11 | [`Crime::Skip`] with what own devices say, [`Engine::look_alike`] |

mod commit;
mod forged;
mod garbage;
mod look_alike;
mod lowered;

use lacre_proto::wire::{self, request};
use lacre_proto::{AccountId, ConversationId, DeviceId, Millis};
use openmls::group::MlsGroup;
use openmls::prelude::ProcessedMessageContent;
use rand_core::CryptoRng;

pub use commit::Forbidden;
pub use forged::Forged;

use crate::api::{Changes, EngineError, Reader};
use crate::content::envelope::{self, Envelope};
use crate::content::{self, Address, Content, Manner, MessageId, MimiId};
use crate::defence::{Defence, Defences};
use crate::engine::state::{Been, Built, Job, JobState, Mark, Purpose, What};
use crate::engine::{Cx, Engine};
use crate::identity::{SignatureSecret, Trail, author};
use crate::mls::group;
use crate::mls::provider::{Provider, Rand};
use crate::mls::storage::Storage;
use crate::records::{Overlay, Records, key};
use prost::Message;
use sha2::{Digest, Sha256};

/// A send capability that its maker alone knows.
const HERS: &[u8] = b"known to her alone";

/// What an evil member does.
#[derive(Debug, Clone)]
pub enum Crime {
    /// Seals content that names any sender and room, under any id and counter.
    Say {
        /// Who it says has written it.
        sender: AccountId,
        /// The room that it says it is in.
        room: [AccountId; 2],
        /// Its id.
        id: MessageId,
        /// What it says.
        content: Content<MimiId>,
        /// Its counter.
        counter: u32,
    },
    /// Seals bytes that are no envelope.
    Babble(Vec<u8>),
    /// Seals so many messages that are never sent, then one that says this with the next counter.
    Skip(u32, Content<MimiId>),
    /// Says something in its own name, so that it can deny it later.
    Deny(Content<MimiId>, Denial),
    /// Commits a change that the policy forbids.
    Commit(Forbidden),
    /// Updates its leaf, and gives the relay another send capability than that which the members have.
    Usurp,
    /// Puts it right again: updates its leaf by the capability that it alone knows, and gives the right one.
    Restore,
    /// Updates its leaf with a commit whose path secrets are junk for one device.
    GarbagePath(DeviceId),
}

/// What is wrong with the signature under what somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// There is none.
    Missing,
    /// It is of other words.
    OtherWords,
    /// It is of the same words in another conversation.
    OtherConversation,
    /// It names another device.
    OtherDevice,
    /// It is of a key that is not the device's.
    OtherKey,
}

/// What came of a crime: to be committed to the criminal's store, and sent.
#[derive(Debug)]
pub struct Crafted {
    /// Changes of the criminal's store.
    pub changes: Changes,
    /// The request for the anonymous socket.
    pub op: request::Op,
}

/// The epoch authenticator of a conversation's group (RFC 9420 §8.7): the same on all devices that are in step.
pub fn epoch(reader: &dyn Reader, id: ConversationId) -> Option<Vec<u8>> {
    let store = Overlay::new(reader);
    let group = MlsGroup::load(&Storage(&store), &group::group_id(id)).ok()??;
    Some(group.epoch_authenticator().as_slice().to_vec())
}

impl Engine {
    /// Switches defences off.
    pub fn disarm(&mut self, defences: Defences) {
        self.defences = defences;
    }

    /// Commits a crime in a conversation of which this device is a member. The changes must be committed before
    /// another step is taken.
    pub fn craft(
        &mut self,
        reader: &dyn Reader,
        id: ConversationId,
        crime: Crime,
        now: Millis,
        rng: &mut dyn CryptoRng,
    ) -> Result<Crafted, EngineError> {
        let crypto = self.crypto.clone();
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let cx = Cx {
            store: &store,
            provider: &provider,
            now,
            effects: Vec::new(),
            events: Vec::new(),
            wake: None,
            arrived: None,
            evidence: None,
            defences: self.defences.clone(),
        };
        let mut group = self.group(&cx, id)?.ok_or(EngineError::Corrupt("the criminal is no member"))?;
        let op = match crime {
            Crime::Say { sender, room, id: message, content, counter } => {
                let address = Address::direct(sender, room);
                let plaintext = self.signed_plaintext(id, &address, message, content, counter)?;
                self.send_anything(&cx, id, &mut group, &plaintext)?
            }
            Crime::Babble(bytes) => self.send_anything(&cx, id, &mut group, &bytes)?,
            Crime::Skip(messages, content) => {
                let mut seal = cx.seal(id)?.ok_or(EngineError::Corrupt("the criminal is no member"))?;
                for _ in 0..messages {
                    group::seal(cx.provider, &mut group, &self.myself(), b"never sent")?;
                }
                let address = Address::new(self.me().account, seal.room);
                let message = cx.new_message_id();
                let bytes = self.signed_plaintext(id, &address, message, content, seal.counter)?;
                seal.counter += 1;
                cx.put_seal(id, &seal);
                self.send_anything(&cx, id, &mut group, &bytes)?
            }
            Crime::Deny(content, denial) => {
                let mut seal = cx.seal(id)?.ok_or(EngineError::Corrupt("the criminal is no member"))?;
                let address = Address::new(self.me().account, seal.room);
                let (content, mimi) = encode(cx.new_message_id(), &address, content)?;
                let signature = self.deny(id, mimi, denial);
                let bytes = plaintext(seal.counter, signature.as_ref(), &content)?;
                seal.counter += 1;
                cx.put_seal(id, &seal);
                self.send_anything(&cx, id, &mut group, &bytes)?
            }
            Crime::Commit(forbidden) => {
                let epoch = group.epoch().as_u64();
                let capability = group::capability(cx.provider, &group, id)?;
                let made = commit::forbidden(cx.provider, &mut group, &self.myself(), forbidden)?;
                commit_op(&cx, id, epoch, capability, made)?
            }
            Crime::Usurp => {
                let epoch = group.epoch().as_u64();
                let capability = group::capability(cx.provider, &group, id)?;
                let plan = group::Plan { path: true, ..group::Plan::default() };
                let mut made = group::commit(cx.provider, &mut group, &self.myself(), plan)?;
                made.capability_hash = Sha256::digest(HERS).into();
                commit_op(&cx, id, epoch, capability, made)?
            }
            Crime::Restore => {
                let epoch = group.epoch().as_u64();
                let plan = group::Plan { path: true, ..group::Plan::default() };
                let made = group::commit(cx.provider, &mut group, &self.myself(), plan)?;
                commit_op(&cx, id, epoch, HERS.to_vec(), made)?
            }
            Crime::GarbagePath(victim) => {
                let epoch = group.epoch().as_u64();
                let capability = group::capability(cx.provider, &group, id)?;
                let leaf = cx.members(id)?.into_iter().find(|member| member.device == victim);
                let leaf = leaf.ok_or(EngineError::Corrupt("the victim is no member"))?.leaf;
                let made = garbage::commit(cx.provider, &mut group, &self.myself(), leaf)?;
                commit_op(&cx, id, epoch, capability, made)?
            }
        };
        drop(group);
        self.rolled_back();
        Ok(Crafted { changes: store.into_changes(), op })
    }

    /// An envelope that this device has signed, whatever its content says.
    fn signed_plaintext(
        &self,
        id: ConversationId,
        address: &Address,
        message: MessageId,
        content: Content<MimiId>,
        counter: u32,
    ) -> Result<Vec<u8>, EngineError> {
        let (content, mimi) = encode(message, address, content)?;
        let signature = author::sign(self.myself().secret, id, self.me().device, mimi);
        plaintext(counter, Some(&signature), &content)
    }

    fn deny(&self, id: ConversationId, mimi: MimiId, denial: Denial) -> Option<[u8; 64]> {
        let (secret, device) = (self.myself().secret, self.me().device);
        Some(match denial {
            Denial::Missing => return None,
            Denial::OtherWords => author::sign(secret, id, device, MimiId([1; 32])),
            Denial::OtherConversation => author::sign(secret, ConversationId([9; 16]), device, mimi),
            Denial::OtherDevice => author::sign(secret, id, DeviceId([9; 16]), mimi),
            Denial::OtherKey => author::sign(&SignatureSecret::from_bytes(&[9; 32]), id, device, mimi),
        })
    }

    fn send_anything(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        group: &mut MlsGroup,
        plaintext: &[u8],
    ) -> Result<request::Op, EngineError> {
        let message = group::seal(cx.provider, group, &self.myself(), plaintext)?;
        Ok(request::Op::Send(wire::Send {
            conversation: id.to_wire(),
            epoch: group.epoch().as_u64(),
            capability: group::capability(cx.provider, group, id)?.into(),
            message: message.into(),
            dedupe: cx.provider.rand.number(),
            passing: false,
        }))
    }

    /// A trail of this device that says that it was elsewhere since an epoch.
    pub fn false_trail(
        &self,
        reader: &dyn Reader,
        id: ConversationId,
        since: u64,
        now: Millis,
    ) -> Result<wire::Signed, EngineError> {
        let been: Option<Been> = Records(reader).read("trail", &key::conversation(key::BEEN, id))?;
        let been = been.ok_or(EngineError::Corrupt("the liar has been nowhere"))?;
        let told = |mark: &Mark| (mark.epoch, if mark.epoch < since { mark.digest } else { [7; 32] });
        let marks = been.marks.iter().map(told).collect();
        let trail = Trail { conversation: id, device: self.me().device, made: now, marks };
        Ok(trail.sign(self.myself().secret))
    }

    /// Seals so many messages in a conversation and throws them away; gives how many keys were used, and how often
    /// one of them was used again (R3).
    pub fn watch_keys(
        &mut self,
        reader: &dyn Reader,
        id: ConversationId,
        messages: usize,
        rng: &mut dyn CryptoRng,
    ) -> Result<(usize, usize), EngineError> {
        let crypto = self.crypto.clone();
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let stuck = !self.defences.on(Defence::Ratchet);
        garbage::watch(&provider, id, &self.myself(), messages, stuck)
    }

    /// Tries to open a sealed message with the keys of a store, whatever else is in it: a thief with a copy of
    /// the store. The store is not changed.
    pub fn try_open(
        reader: &dyn Reader,
        id: ConversationId,
        message: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Option<Vec<u8>> {
        let crypto = openmls_rust_crypto::RustCrypto::default();
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let mut group = group::load(&provider, id).ok()??;
        match group::open(&provider, &mut group, message).ok()?.into_content() {
            ProcessedMessageContent::ApplicationMessage(plaintext) => Some(plaintext.into_bytes()),
            _ => None,
        }
    }
}

fn encode(
    id: MessageId,
    address: &Address,
    content: Content<MimiId>,
) -> Result<(Vec<u8>, MimiId), EngineError> {
    content::encode(id, address, content, Manner::default()).map_err(group::sealing)
}

fn plaintext(counter: u32, signature: Option<&[u8; 64]>, content: &[u8]) -> Result<Vec<u8>, EngineError> {
    envelope::encode(Envelope { counter, signature, content }).map_err(group::sealing)
}

/// The request, and a job by which the criminal's own engine knows its echo.
fn commit_op(
    cx: &Cx<'_>,
    id: ConversationId,
    epoch: u64,
    capability: Vec<u8>,
    made: group::Made,
) -> Result<request::Op, EngineError> {
    let dedupe = cx.provider.rand.number();
    let hash = Sha256::digest(&made.commit).into();
    let commit = wire::Commit {
        conversation: id.to_wire(),
        epoch,
        capability: capability.into(),
        commit: made.commit.into(),
        capability_hash: made.capability_hash.to_vec().into(),
        additions: Vec::new(),
        removals: Vec::new(),
        dedupe,
        group_info: made.welcomes.group_info.into(),
    };
    let built = Built { request: commit.encode_to_vec(), hash, epoch };
    let job = Job {
        what: What::Commit(Purpose::Update, Some(built)),
        dedupe,
        state: JobState::InFlight,
        attempts: 0,
        not_before: 0,
        await_epoch: 0,
    };
    cx.put(key::job(id, 0, cx.next_job()?), &job);
    Ok(request::Op::Commit(commit))
}
