//! Opening a conversation.

use std::sync::Arc;

use bytes::Bytes;
use lacre_proto::wire::{Accepted, Addition, Committed, CreateConversation, GroupInfo, Welcomed, item};
use lacre_proto::{ConversationId, ErrorCode, Millis, limits, mls_framing};
use lacre_store::data::{Batch, Data, Expected, WriteError};

use super::super::business::Dealing;
use super::super::mailboxes::Mailbox;
use super::super::tickets::Good;
use super::super::{Answered, Durable, Services, bad, keys, not_written, refuse, rows};
use super::head::{Head, same};
use super::roster::Roster;
use super::{Delivery, Live, encode_item};

/// A mailbox that is to be added, its ticket found good.
pub(super) struct Added {
    pub(super) ticket: Good,
    pub(super) mailbox: Arc<Mailbox>,
    /// Empty for the maker's own mailbox.
    pub(super) welcome: Bytes,
}

impl<D: Data> Services<D> {
    /// Opens a conversation at epoch 1.
    pub(crate) async fn create_conversation(
        &self,
        op: CreateConversation,
        now: Millis,
    ) -> Answered<Durable<Accepted>> {
        let CreateConversation { conversation: id, additions, capability_hash, dedupe, group_info } = op;
        let id = ConversationId::try_from(&id).map_err(bad)?;
        let capability: [u8; 32] = capability_hash.as_ref().try_into().map_err(bad)?;
        if let Some(conversation) = self.conversation(id).await? {
            let state = conversation.lock();
            let made = state.live.as_ref().filter(|live| {
                // Who repeats its own request knows the capability of the epoch that it opened.
                same(&live.head.capability, &capability)
                    || live.roster.past.iter().any(|past| same(past, &capability))
            });
            return match made.and_then(|live| live.head.sequence_of(dedupe)) {
                Some(sequence) => Ok(self.repeated(conversation.clone(), &state, sequence)),
                None => refuse(ErrorCode::ConversationExists),
            };
        }
        if additions.len() > limits::ADDITIONS {
            return refuse(ErrorCode::LimitReached);
        }
        if additions.iter().filter(|addition| addition.welcome.is_empty()).count() != 1 {
            return refuse(ErrorCode::BadRequest);
        }
        let added = self.check_additions(additions, &group_info, now).await?;

        let dealing = dealing_of(None, &added)?;
        let mut head = Head::new(1, capability);
        let sequence = head.take_sequence(dedupe);
        let mut deliveries = welcomes(&added, id, sequence, &capability_hash, &group_info, now);
        let echo = Committed {
            conversation: id.to_wire(),
            sequence,
            epoch: 0,
            commit: Bytes::new(),
            capability_hash,
            added: added.iter().map(|added| added.ticket.device.to_wire()).collect(),
            removed: Vec::new(),
            dedupe,
        };
        let own = added.iter().filter(|added| added.welcome.is_empty());
        deliveries.push(Delivery::new(
            own.map(|added| added.mailbox.clone()).collect(),
            encode_item(now, item::Kind::Committed(echo)),
        ));
        let roster =
            Roster::new(Vec::new(), Vec::new(), added.iter().map(|added| added.mailbox.clone()).collect());
        let batch = Batch::new()
            .assert(keys::conversation(id), Expected::Absent)
            .put(keys::conversation(id), head.encode())
            .put(keys::roster(id), roster.row.clone());
        let batch = match dealing {
            Some(dealing) => batch.put(keys::dealing(id), rows::encode(&dealing.row())),
            None => batch,
        };
        let batch = added.iter().fold(batch, |batch, added| added.ticket.spend(batch));
        self.open_conversation(
            id,
            Live { head_row: head.encode(), head, roster: Arc::new(roster), dealing },
            batch,
            deliveries,
        )
    }

    fn open_conversation(
        &self,
        id: ConversationId,
        live: Live,
        batch: Batch,
        deliveries: Vec<Delivery>,
    ) -> Answered<Durable<Accepted>> {
        let conversation = self.cell(id);
        let held = conversation.clone();
        let mut state = held.lock();
        if state.live.is_some() {
            return refuse(ErrorCode::ConversationExists);
        }
        self.charge(&deliveries)?;
        let sequence = live.head.next - 1;
        state.generation += 1;
        state.live = Some(live);
        Ok(self.deliver(conversation, state.generation, batch, deliveries, move |done| match done {
            Ok(()) => Ok(Accepted { sequence }),
            Err(WriteError::Conflict(0)) => refuse(ErrorCode::ConversationExists),
            Err(WriteError::Conflict(_)) => refuse(ErrorCode::BadTicket),
            Err(error) => Err(not_written(error)),
        }))
    }

    /// Checks tickets and Welcomes of additions, and finds their mailboxes.
    pub(super) async fn check_additions(
        &self,
        additions: Vec<Addition>,
        group_info: &Bytes,
        now: Millis,
    ) -> Answered<Vec<Added>> {
        if group_info.len() > limits::GROUP_INFO {
            return refuse(ErrorCode::TooLarge);
        }
        let welcomed = additions.iter().any(|addition| !addition.welcome.is_empty());
        if welcomed {
            mls_framing::group_info(group_info).map_err(ErrorCode::from)?;
        } else if !group_info.is_empty() {
            return refuse(ErrorCode::BadRequest);
        }
        let mut added: Vec<Added> = Vec::with_capacity(additions.len());
        for Addition { ticket, welcome } in additions {
            if welcome.len() > limits::WELCOME {
                return refuse(ErrorCode::TooLarge);
            }
            if !welcome.is_empty() {
                mls_framing::welcome(&welcome).map_err(ErrorCode::from)?;
            }
            let ticket = self.check_ticket(&ticket, now).await?;
            if added.iter().any(|other| other.ticket.device == ticket.device) {
                return refuse(ErrorCode::BadRequest);
            }
            let mailbox = self.mailbox(ticket.device).await?;
            added.push(Added { ticket, mailbox, welcome });
        }
        Ok(added)
    }
}

/// Between whom a conversation is that these come into: with a business there is one customer, and nobody else.
pub(super) fn dealing_of(now: Option<Option<Dealing>>, added: &[Added]) -> Answered<Option<Dealing>> {
    let claimed = added.iter().find_map(|added| added.ticket.dealing);
    let dealing = now.unwrap_or(claimed);
    let Some(between) = dealing else {
        return if claimed.is_some() { refuse(ErrorCode::BusinessAlone) } else { Ok(None) };
    };
    let of_them = |added: &Added| {
        between.is_party(added.ticket.account) && added.ticket.dealing.is_none_or(|other| other == between)
    };
    if added.iter().all(of_them) { Ok(dealing) } else { refuse(ErrorCode::BusinessAlone) }
}

/// The items for the devices that are welcomed: to each its own Welcome; what all of them need is one item, stored
/// once, and stands before it. A device that is welcomed alone gets both in one.
pub(super) fn welcomes(
    added: &[Added],
    id: ConversationId,
    sequence: u64,
    capability_hash: &Bytes,
    group_info: &Bytes,
    now: Millis,
) -> Vec<Delivery> {
    let newcomers: Vec<&Added> = added.iter().filter(|added| !added.welcome.is_empty()).collect();
    let alone = newcomers.len() == 1;
    let mut deliveries = Vec::with_capacity(1 + newcomers.len());
    if !alone && !newcomers.is_empty() {
        let item = GroupInfo { conversation: id.to_wire(), sequence, group_info: group_info.clone() };
        let mailboxes = newcomers.iter().map(|added| added.mailbox.clone()).collect();
        deliveries.push(Delivery::new(mailboxes, encode_item(now, item::Kind::GroupInfo(item))));
    }
    deliveries.extend(newcomers.into_iter().map(|added| {
        let item = Welcomed {
            conversation: id.to_wire(),
            sequence,
            welcome: added.welcome.clone(),
            capability_hash: capability_hash.clone(),
            group_info: if alone { group_info.clone() } else { Bytes::new() },
        };
        Delivery::new(vec![added.mailbox.clone()], encode_item(now, item::Kind::Welcomed(item)))
    }));
    deliveries
}
