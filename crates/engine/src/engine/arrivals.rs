//! What the mailbox brings, in its order: each entry once, whatever the relay does.

use lacre_proto::wire::{self, item::Kind};
use lacre_proto::{AccountId, ConversationId, Millis, frame, mls_framing};
use mls_framing::ContentType;
use openmls::framing::errors::{MessageDecryptionError, SecretTreeError};
use openmls::group::{MlsGroup, ValidationError};
use openmls::prelude::{ProcessMessageError, ProcessedMessage, ProcessedMessageContent, Sender};

use super::reporting::{Arrived, sealed_form};
use super::state::{Seal, What};
use super::{Cx, Engine};
use crate::api::{Alert, Effect, EngineError};
use crate::content::{Content, MessageId};
use crate::defence::Defence;
use crate::identity::author::certificate_in;
use crate::mls::group::{self, Unopened};
use crate::mls::storage::StorageError;
use crate::records::key::{self, UNKNOWN};
use crate::records::{ConversationState, Unreadable};

/// The author of what nobody could read, and of what was said in a name that was not the author's.
pub(super) const NOBODY: AccountId = AccountId([0; 16]);

impl Engine {
    pub(super) fn delivered(
        &mut self,
        cx: &mut Cx<'_>,
        entries: Vec<wire::Entry>,
    ) -> Result<(), EngineError> {
        for wire::Entry { position, item } in entries {
            let mut clockwork = cx.clockwork()?;
            if position <= clockwork.mailbox {
                // Taken in before, and pushed again because the acknowledgement was lost.
                continue;
            }
            if position > clockwork.mailbox + 1 {
                cx.alert(None, Alert::MailboxGap);
            }
            clockwork.mailbox = position;
            cx.put_clockwork(&clockwork);
            self.arrived(cx, position, &item)?;
        }
        cx.effects.push(Effect::Acknowledge(cx.clockwork()?.mailbox));
        Ok(())
    }

    fn arrived(&mut self, cx: &mut Cx<'_>, position: u64, bytes: &bytes::Bytes) -> Result<(), EngineError> {
        let Ok(wire::Item { time_ms, kind: Some(kind) }) = frame::decode_item(bytes) else {
            // Kept for a version that knows it.
            cx.store.put(key::key(UNKNOWN, &[&position.to_be_bytes()]), bytes.to_vec());
            cx.alert(None, Alert::UnknownItem);
            return Ok(());
        };
        if self.passes_over(cx, &kind)? {
            return Ok(());
        }
        match kind {
            Kind::GroupInfo(item) => {
                self.introduced(cx, &item);
                Ok(())
            }
            Kind::Welcomed(item) => self.welcomed(cx, item, time_ms),
            Kind::Committed(item) => self.committed(cx, item, time_ms),
            Kind::Sealed(item) => self.sealed(cx, item, time_ms),
            Kind::ResyncAsked(item) => self.resync_asked(cx, item),
        }
    }

    fn sealed(&mut self, cx: &mut Cx<'_>, item: wire::Sealed, time: Millis) -> Result<(), EngineError> {
        let Some((id, mut seal)) =
            self.addressed(cx, &item.conversation, &item.message, item.epoch, ContentType::Application)?
        else {
            return Ok(());
        };
        let unseen = seal.take_sequence(item.sequence);
        cx.put_seal(id, &seal);
        if let Some((at, job)) = self.echo_of(cx, id, item.dedupe, &item.message)? {
            cx.store.delete(at);
            self.note_place(cx, &job.what, &item)?;
            return match job.what {
                What::Message { shown_in, id: message, .. } => self.echoed(cx, shown_in, message, time),
                What::Aside { shown_in, id: aside, content, .. } => {
                    self.aside_echoed(cx, shown_in, aside, content, time)
                }
                What::Receipts { content: Content::Given(given), .. } => {
                    self.given(cx, id, self.me.account, given, time)
                }
                What::Receipts { content: Content::Leave, .. } => self.leaves(cx, id, self.me.account, time),
                _ => Ok(()),
            };
        }
        if seal.lost {
            return self.unreadable(cx, id, &seal, time, Unreadable::OtherEpoch);
        }
        let Some(group) = self.group(cx, id)? else {
            self.unreadable(cx, id, &seal, time, Unreadable::OtherEpoch)?;
            return self.lose(cx, id);
        };
        let epoch = group.epoch().as_u64();
        if item.epoch > epoch && cx.defends(Defence::Epoch) {
            self.unreadable(cx, id, &seal, time, Unreadable::OtherEpoch)?;
            return self.lose(cx, id);
        }
        #[cfg(feature = "evil")]
        let group = {
            let mut group = group;
            if !cx.defends(Defence::Forward) {
                group::go_far(cx.provider, &mut group)?;
            }
            group
        };
        match self.unseal(cx, id, group, &item.message) {
            Ok(message) => {
                match (message.sender().clone(), message.credential().clone(), message.into_content()) {
                    (
                        Sender::Member(leaf),
                        credential,
                        ProcessedMessageContent::ApplicationMessage(plaintext),
                    ) => {
                        cx.arrived = cx.member(id, leaf.u32())?.map(|member| Arrived {
                            conversation: id,
                            device: member.device,
                            certificate: certificate_in(credential).unwrap_or_default(),
                            sealed: sealed_form(&item),
                            category: item.category,
                        });
                        self.opened(cx, id, seal, leaf.u32(), &plaintext.into_bytes(), time)
                    }
                    // This device's own, of which the echo came before.
                    (_, _, ProcessedMessageContent::OwnPrivateMessage) => {
                        cx.alert(Some(id), Alert::Replayed);
                        Ok(())
                    }
                    _ => self.unreadable(cx, id, &seal, time, Unreadable::Undecryptable),
                }
            }
            Err(unopened) => match blame(&unopened) {
                Blame::Replay => {
                    cx.alert(Some(id), Alert::Replayed);
                    Ok(())
                }
                Blame::Late if !unseen => {
                    cx.alert(Some(id), Alert::Replayed);
                    Ok(())
                }
                Blame::Late => self.unreadable(cx, id, &seal, time, Unreadable::OtherEpoch),
                Blame::Altered => {
                    if item.epoch == epoch {
                        self.tell_trail(cx, id)?;
                    }
                    self.unreadable(cx, id, &seal, time, Unreadable::Undecryptable)
                }
            },
        }
    }

    /// Opens a message, and keeps the group without the key that opened it.
    fn unseal(
        &mut self,
        cx: &Cx<'_>,
        id: ConversationId,
        mut group: MlsGroup,
        message: &[u8],
    ) -> Result<ProcessedMessage, Unopened> {
        #[cfg(feature = "evil")]
        if !cx.defends(Defence::Ratchet) {
            let mark = cx.store.mark();
            let opened = group::open(cx.provider, &mut group, message);
            cx.store.back_to(mark);
            return opened;
        }
        let opened = group::open(cx.provider, &mut group, message);
        self.keep(id, group);
        opened
    }

    /// The conversation that a sealed item is for, when the seal says the same.
    pub(super) fn addressed(
        &self,
        cx: &mut Cx<'_>,
        conversation: &bytes::Bytes,
        message: &[u8],
        epoch: u64,
        content: ContentType,
    ) -> Result<Option<(ConversationId, Seal)>, EngineError> {
        let id = ConversationId::try_from(conversation).ok();
        let seal = match id {
            Some(id) => cx.seal(id)?,
            None => None,
        };
        let (Some(id), Some(seal)) = (id, seal) else {
            // What comes between leaving and being off the roster is for those who stay.
            let left = match id {
                Some(id) => cx.records().conversation(id)?.is_some_and(|it| {
                    matches!(it.state, ConversationState::Left | ConversationState::MergedInto(_))
                }),
                None => false,
            };
            if !left {
                cx.alert(id, Alert::Misdelivered);
            }
            return Ok(None);
        };
        let Ok(outside) = mls_framing::private_message(message) else {
            if !cx.defends(Defence::Framing) {
                return Ok(Some((id, seal)));
            }
            cx.alert(Some(id), Alert::Misdelivered);
            return Ok(None);
        };
        let right = (outside.conversation == id || !cx.defends(Defence::Conversation))
            && (outside.epoch == epoch || !cx.defends(Defence::Epoch))
            && outside.content == content;
        if !right {
            cx.alert(Some(id), Alert::Misdelivered);
            return Ok(None);
        }
        Ok(Some((id, seal)))
    }

    /// A message that cannot be read is a row of its own, never nothing.
    pub(super) fn unreadable(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        seal: &Seal,
        time: Millis,
        why: Unreadable,
    ) -> Result<(), EngineError> {
        if !cx.defends(Defence::Unread) {
            return Ok(());
        }
        cx.alert(Some(id), Alert::Unreadable);
        let Some(record) = cx.shown(id)? else { return Ok(()) };
        let row = MessageId(cx.provider.rand.bytes());
        // Whose it was is not to be known where there are several.
        let author = seal.room.peer(self.me.account).unwrap_or(NOBODY);
        self.put_unreadable(cx, record, row, author, time, why)
    }

    /// Whether messages can be shown in a conversation of their own, or in the one that it became.
    pub(super) fn is_merged(&self, cx: &Cx<'_>, id: ConversationId) -> Result<bool, EngineError> {
        let record = cx.records().conversation(id)?;
        Ok(record.is_some_and(|record| matches!(record.state, ConversationState::MergedInto(_))))
    }
}

/// Whose doing it is that a message was not opened.
enum Blame {
    /// Its key was used: it came before.
    Replay,
    /// Its key is gone: it came before, or much too late.
    Late,
    /// It is not what was sealed, or its key is too far ahead.
    Altered,
}

fn blame(unopened: &Unopened) -> Blame {
    let Unopened::Refused(error) = unopened else { return Blame::Altered };
    let error: &ProcessMessageError<StorageError> = error;
    match error {
        ProcessMessageError::ValidationError(ValidationError::UnableToDecrypt(
            MessageDecryptionError::SecretTreeError(SecretTreeError::SecretReuseError),
        )) => Blame::Replay,
        ProcessMessageError::ValidationError(
            ValidationError::NoPastEpochData
            | ValidationError::WrongEpoch
            | ValidationError::UnableToDecrypt(MessageDecryptionError::SecretTreeError(
                SecretTreeError::TooDistantInThePast,
            )),
        ) => Blame::Late,
        _ => Blame::Altered,
    }
}
