//! Commits: of all that end one epoch, the first one wins.

use std::sync::Arc;

use bytes::Bytes;
use lacre_proto::mls_framing::{self, ContentType};
use lacre_proto::wire::{Accepted, Commit, Committed, item};
use lacre_proto::{ConversationId, DeviceId, ErrorCode, Millis, limits};
use lacre_store::data::{Batch, Data, Expected, WriteError};

use super::super::{Answered, Durable, Services, bad, keys, not_written, refuse};
use super::create::{Added, dealing_of, welcomes};
use super::roster::Roster;
use super::{Conversation, Delivery, Live, Standing, encode_item, stale};
use crate::limits::Action;

/// A commit whose fields hold together and whose tickets were found good.
struct Checked {
    id: ConversationId,
    epoch: u64,
    capability: Bytes,
    commit: Bytes,
    opens: [u8; 32],
    added: Vec<Added>,
    group_info: Bytes,
    removed: Vec<DeviceId>,
    dedupe: u64,
}

impl<D: Data> Services<D> {
    /// Takes a commit: the roster change, the tickets and the epoch's end are one write.
    pub(crate) async fn commit(&self, op: Commit, now: Millis) -> Answered<Durable<Accepted>> {
        let Commit { conversation, epoch, capability, commit, capability_hash, .. } = op;
        let Commit { additions, removals, dedupe, group_info, .. } = op;
        if commit.len() > limits::COMMIT {
            return refuse(ErrorCode::TooLarge);
        }
        let sealed = mls_framing::private_message(&commit).map_err(ErrorCode::from)?;
        let id = ConversationId::try_from(&conversation).map_err(|_| ErrorCode::NoSuchConversation)?;
        if sealed.conversation != id || sealed.epoch != epoch || sealed.content != ContentType::Commit {
            return refuse(ErrorCode::NotMls);
        }
        let opens: [u8; 32] = capability_hash.as_ref().try_into().map_err(bad)?;
        let removed = removals.iter().map(DeviceId::try_from).collect::<Result<Vec<_>, _>>().map_err(bad)?;
        if additions.len() > limits::ADDITIONS || removed.len() > limits::ROSTER {
            return refuse(ErrorCode::LimitReached);
        }
        if additions.iter().any(|addition| addition.welcome.is_empty()) {
            return refuse(ErrorCode::BadRequest);
        }
        let conversation = self.conversation(id).await?.ok_or(ErrorCode::NoSuchConversation)?;
        // Who may not commit learns nothing about tickets; who repeats a commit has spent its own.
        if let Some(answer) = self.before_commit(&conversation, epoch, &capability, dedupe)? {
            return Ok(answer);
        }
        self.limiter().take(Action::Commit, &[id.as_ref()], now)?;
        let added = self.check_additions(additions, &group_info, now).await?;
        let checked = Checked { id, epoch, capability, commit, opens, added, group_info, removed, dedupe };
        self.commit_checked(conversation, checked, now)
    }

    /// Who may commit here and now? `Some` is the answer to a repetition.
    fn before_commit(
        &self,
        conversation: &Arc<Conversation>,
        epoch: u64,
        capability: &[u8],
        dedupe: u64,
    ) -> Answered<Option<Durable<Accepted>>> {
        let state = conversation.lock();
        let Some(live) = &state.live else { return refuse(ErrorCode::StorageUnavailable) };
        let standing = live.standing(capability).ok_or(ErrorCode::NoSuchConversation)?;
        if let Some(sequence) = live.head.sequence_of(dedupe) {
            return Ok(Some(self.repeated(conversation.clone(), &state, sequence)));
        }
        if standing == Standing::Past || epoch != live.head.epoch {
            return Err(stale(live.head.epoch));
        }
        Ok(None)
    }

    fn commit_checked(
        &self,
        conversation: Arc<Conversation>,
        checked: Checked,
        now: Millis,
    ) -> Answered<Durable<Accepted>> {
        // Tickets were read meanwhile: another commit may have been first.
        let again = self.before_commit(&conversation, checked.epoch, &checked.capability, checked.dedupe)?;
        if let Some(answer) = again {
            return Ok(answer);
        }
        let held = conversation.clone();
        let mut state = held.lock();
        let generation = state.generation;
        let Some(live) = &mut state.live else { return refuse(ErrorCode::StorageUnavailable) };
        if checked.epoch != live.head.epoch {
            return Err(stale(live.head.epoch));
        }
        dealing_of(Some(live.dealing), &checked.added)?;
        let (after, deliveries) = live.after(&checked, now)?;
        self.charge(&deliveries)?;
        let sequence = after.head.next - 1;
        let batch = Batch::new()
            .assert(keys::conversation(checked.id), Expected::Value(live.head_row.clone()))
            .assert(keys::roster(checked.id), Expected::Value(live.roster.row.clone()))
            .put(keys::conversation(checked.id), after.head_row.clone())
            .put(keys::roster(checked.id), after.roster.row.clone());
        let batch = checked.added.iter().fold(batch, |batch, added| added.ticket.spend(batch));
        *live = after;
        Ok(self.deliver(conversation, generation, batch, deliveries, move |done| match done {
            Ok(()) => Ok(Accepted { sequence }),
            Err(WriteError::Conflict(2..)) => refuse(ErrorCode::BadTicket),
            Err(error) => Err(not_written(error)),
        }))
    }
}

impl Live {
    /// What a commit makes of a conversation, and who gets what of it.
    fn after(&self, checked: &Checked, now: Millis) -> Answered<(Self, Vec<Delivery>)> {
        let Checked { id, epoch, commit, opens, added, group_info, removed, dedupe, capability: _ } = checked;
        let is_added = |device| added.iter().any(|added| added.ticket.device == device);
        // Who is on the roster is not added again, unless the same commit removes it.
        if added
            .iter()
            .any(|added| self.roster.has(added.ticket.device) && !removed.contains(&added.ticket.device))
        {
            return refuse(ErrorCode::BadRequest);
        }
        let stay = self.roster.mailboxes.iter().filter(|mailbox| !removed.contains(&mailbox.device)).cloned();
        let mailboxes: Vec<_> = stay.chain(added.iter().map(|added| added.mailbox.clone())).collect();
        let gone = |device: &DeviceId| removed.contains(device) || is_added(*device);
        let left: Vec<_> = self.roster.left.iter().filter(|device| !gone(device)).copied().collect();
        if mailboxes.len() + left.len() > limits::ROSTER {
            return refuse(ErrorCode::LimitReached);
        }
        let mut head = self.head.clone();
        let sequence = head.take_sequence(*dedupe);
        head.epoch = epoch + 1;
        head.capability = *opens;
        let roster = Roster::new(self.roster.past_with(self.head.capability), left, mailboxes);

        let capability_hash = Bytes::copy_from_slice(opens);
        let item = Committed {
            conversation: id.to_wire(),
            sequence,
            epoch: *epoch,
            commit: commit.clone(),
            capability_hash: capability_hash.clone(),
            added: added.iter().map(|added| added.ticket.device.to_wire()).collect(),
            removed: removed.iter().map(|device| device.to_wire()).collect(),
            dedupe: *dedupe,
        };
        // Those who were there get the commit, the removed too; those who are added, or added again, a Welcome.
        let old = self.roster.mailboxes.iter().filter(|mailbox| !is_added(mailbox.device)).cloned();
        let committed = Delivery::new(old.collect(), encode_item(now, item::Kind::Committed(item)));
        let mut deliveries = vec![committed];
        deliveries.extend(welcomes(added, *id, sequence, &capability_hash, group_info, now));
        let dealing = self.dealing;
        Ok((Self { head_row: head.encode(), head, roster: Arc::new(roster), dealing }, deliveries))
    }
}
