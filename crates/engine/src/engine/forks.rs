//! A conversation that does not hold together at the relay any more: it was shown in two versions, or somebody has
//! shut everybody else out of sending. Nobody can prove to whom it happened by whose doing; so what follows is the
//! same whoever did it, and happens once.
//!
//! **Two versions.** A relay that gives two halves of a group different commits of one epoch keeps them apart by
//! that: neither can open what the other seals. When it joins them again, something comes that does not fit: a second
//! commit for an epoch that is over, something of this epoch that does not open, or of a later one. Then a device
//! tells the others where it has been, signed: its trail, a mark for each of the newest epochs. Who has another mark
//! for the same epoch knows by that of the split, and tells its own trail. The group goes on as a new one (see
//! [`super::anew`]), begun by the first admin of the last epoch that both have in common: nothing that was committed
//! since has a say in that, so nobody gains by being first or by trying many commits.
//!
//! A member can lie about where it was, and cause one new group by it; nobody is believed twice. Who begins it is an
//! admin still, whatever anybody says of the past.
//!
//! **Shut out.** Who commits tells the relay the hash of the next send capability. It may be a wrong one, and then
//! nobody else can send. The relay may also only say that it is a wrong one; so it is tried first. When it does not
//! take the right one, the conversation goes on as a new one, in a group without whoever has made that commit. When
//! they put it right again, who comes later sees nothing of it and begins nothing anew; so those who were shut out ask
//! to be let in again, too, and an admin lets them in.

use lacre_proto::wire::{self, request};
use lacre_proto::{AccountId, ConversationId, DeviceId, limits};
use openmls::group::MlsGroup;
use openmls::prelude::LeafNodeIndex;

use super::outbox::NewJob;
use super::state::{Been, Mark, Seal, What};
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError};
use crate::content::Room;
use crate::defence::Defence;
use crate::identity::{SignatureKey, Trail, UnverifiedTrail, mark};
use crate::records::key::{self, BEEN, GROUP};
use crate::records::{Change, ConversationState, GroupRecord};

/// Of so many leaves each tells where it was; of more only some do, which is enough for all to know.
const TELLERS: u64 = 16;

/// In place of the commit that opened an epoch: this device came in there.
pub(super) const CAME_IN: [u8; 32] = [0; 32];

/// What two trails say together.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    /// Nothing that is in both differs.
    Together,
    /// They part after this epoch, if it is one that both still know.
    Parted(Option<u64>),
}

impl Engine {
    /// This device has come into an epoch.
    pub(super) fn note_epoch(
        &self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        group: &MlsGroup,
        commit: [u8; 32],
    ) -> Result<(), EngineError> {
        let at = key::conversation(BEEN, id);
        // Who comes in again may do so in the other half: where it was before says nothing any more.
        let mut been = if commit == CAME_IN { Been::default() } else { self.been(cx, id)? };
        let members = cx.members(id)?;
        let heir = self.successor(cx, id, &members, None)?;
        let epoch = group.epoch().as_u64();
        been.marks.retain(|mark| mark.epoch < epoch);
        been.marks.push(Mark {
            epoch,
            digest: mark(group.epoch_authenticator().as_slice()),
            commit,
            heir: heir.map(|member| (member.account, member.device)),
        });
        let old = been.marks.len().saturating_sub(limits::MARKS);
        been.marks.drain(..old);
        cx.put(at, &been);
        Ok(())
    }

    fn been(&self, cx: &Cx<'_>, id: ConversationId) -> Result<Been, EngineError> {
        Ok(cx.records().read("trail", &key::conversation(BEEN, id))?.unwrap_or_default())
    }

    /// Whether a commit for an epoch that is over is another one than that which ended it here.
    pub(super) fn is_another(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        ended: u64,
        commit: [u8; 32],
    ) -> Result<bool, EngineError> {
        let been = self.been(cx, id)?;
        // Of the epoch in which it came in a device does not know the commit.
        let other = |mark: &Mark| mark.commit != CAME_IN && mark.commit != commit;
        Ok(been.marks.iter().any(|mark| mark.epoch == ended + 1 && other(mark)))
    }

    /// Something has come that does not fit to where this device is: it tells the others where that is, once in an
    /// epoch.
    pub(super) fn tell_trail(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        let mut been = self.been(cx, id)?;
        let Some(newest) = been.marks.last().map(|mark| mark.epoch) else { return Ok(()) };
        let speaks = match cx.records().conversation(id)? {
            Some(record) => record.state == ConversationState::Open && self.may_speak(cx, &record),
            None => false,
        };
        let leaves = cx.members(id)?.len() as u64;
        let chosen = cx.jitter(leaves) < TELLERS;
        if !speaks || !chosen || !self.link.online || been.told == Some(newest) || !cx.defends(Defence::Split)
        {
            return Ok(());
        }
        let marks = been.marks.iter().map(|mark| (mark.epoch, mark.digest)).collect();
        let trail = Trail { conversation: id, device: self.me.device, made: cx.now, marks };
        been.told = Some(newest);
        cx.put(key::conversation(BEEN, id), &been);
        let op = wire::RequestResync {
            conversation: id.to_wire(),
            request: None,
            trail: Some(trail.sign(&self.secret)),
        };
        self.ask(cx, Asked::Passing, request::Op::RequestResync(op));
        Ok(())
    }

    /// Another device tells where it has been.
    pub(super) fn trail_told(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        signed: wire::Signed,
    ) -> Result<(), EngineError> {
        // Who has lost its place hears it too: it may be let in where it never was.
        let follows = |seal: &Seal| seal.refused.is_none() && seal.heir.is_none();
        let Some(seal) = cx.seal(id)?.filter(follows) else { return Ok(()) };
        if self.is_merged(cx, id)? || !cx.defends(Defence::Split) {
            return Ok(());
        }
        let Some((by, trail)) = self.verified_trail(cx, id, signed)? else {
            // Of those who have come since, a device that lost its place knows nothing.
            if !seal.lost {
                cx.alert(Some(id), Alert::FalseResync);
            }
            return Ok(());
        };
        let been = self.been(cx, id)?;
        match meet(&been.marks, &trail.marks) {
            Met::Together => Ok(()),
            Met::Parted(after) => {
                self.tell_trail(cx, id)?;
                let heir = after
                    .and_then(|epoch| been.marks.iter().find(|mark| mark.epoch == epoch))
                    .and_then(|mark| mark.heir);
                self.was_split(cx, id, seal, by, heir)
            }
        }
    }

    /// The trail, if it is signed by a member's device.
    fn verified_trail(
        &mut self,
        cx: &Cx<'_>,
        id: ConversationId,
        signed: wire::Signed,
    ) -> Result<Option<(AccountId, Trail)>, EngineError> {
        let Ok(unverified) = UnverifiedTrail::from_wire(signed) else { return Ok(None) };
        let device = unverified.claimed_device();
        let member = cx.members(id)?.into_iter().find(|member| member.device == device);
        let (Some(member), Some(group)) = (member, self.group(cx, id)?) else { return Ok(None) };
        let key = group.member_at(LeafNodeIndex::new(member.leaf)).map(|leaf| leaf.signature_key);
        self.keep(id, group);
        let key = key.and_then(|key| SignatureKey::from_wire(&key).ok());
        let trail = key.and_then(|key| unverified.verify(id, &key).ok());
        Ok(trail.map(|trail| (member.account, trail)))
    }

    /// The relay has shown a conversation in two versions.
    fn was_split(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        seal: Seal,
        by: AccountId,
        heir: Option<(AccountId, DeviceId)>,
    ) -> Result<(), EngineError> {
        cx.alert(Some(id), Alert::Split);
        if let Some(peer) = seal.room.peer(self.me.account) {
            let me = self.named(cx, self.me.account)?;
            self.tell(cx, id, self.me.account, Change::Split(Some(me)), cx.now)?;
            return self.begin_anew(cx, id, peer);
        }
        let Some(mut group) = cx.records().group(id)? else { return Ok(()) };
        if group.doubters.contains(&by) {
            // Who has said so before is not believed again.
            return Ok(());
        }
        group.doubters.push(by);
        cx.put(key::conversation(GROUP, id), &group);
        let heir = self.heir_still(cx, id, &group, heir)?;
        let named = match heir {
            Some((account, _)) => Some(self.named(cx, account)?),
            None => None,
        };
        self.tell(cx, id, self.me.account, Change::Split(named), cx.now)?;
        let Some((account, device)) = heir else { return Ok(()) };
        self.follow_no_further(cx, id, Seal { heir: Some(account), ..seal })?;
        if device == self.me.device {
            let members = cx.members(id)?;
            self.begin_group_anew(cx, id, &members, None)?;
        }
        Ok(())
    }

    /// The heir, if they are an admin and a member still: a trail says where its maker was, and who lies about that
    /// could choose among all who once were. On another device, when the one that was noted is there no more.
    fn heir_still(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        group: &GroupRecord,
        heir: Option<(AccountId, DeviceId)>,
    ) -> Result<Option<(AccountId, DeviceId)>, EngineError> {
        let Some((account, device)) = heir.filter(|_| cx.defends(Defence::Heir)) else { return Ok(heir) };
        if !group.admins.contains(&account) {
            return Ok(None);
        }
        let members = cx.members(id)?;
        let devices = || members.iter().filter(|member| member.account == account).map(|it| it.device);
        let device = devices().find(|it| *it == device).or_else(|| devices().next());
        Ok(device.map(|device| (account, device)))
    }

    /// The relay names another send capability than the members have, after a commit of somebody: it is tried.
    pub(super) fn doubt_capability(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        seal: &mut Seal,
        by: AccountId,
    ) {
        cx.alert(Some(id), Alert::PolicyRefused("the relay keeps another send capability than the members"));
        if by != self.me.account && cx.defends(Defence::Capability) {
            seal.doubt = Some(by);
            self.check_roster(id);
        }
    }

    /// After a reconnect what was in doubt is tried again.
    pub(super) fn try_doubted(&mut self, cx: &Cx<'_>) -> Result<(), EngineError> {
        for (at, seal) in cx.records().all::<Seal>("seal", &[key::SEAL])? {
            if seal.doubt.is_some()
                && let Some(id) = key::conversation_in(&at)
            {
                self.check_roster(id);
            }
        }
        Ok(())
    }

    /// The relay does not take the capability that the members have.
    pub(super) fn shut_out(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        let Some(Seal { doubt: Some(by), room, .. }) = cx.seal(id)? else { return Ok(()) };
        if matches!(room, Room::Group(_)) {
            self.go_on_without(cx, id, by, Change::ShutOut(true), cx.now)?;
            // Whoever comes to this later finds the group in order, when it was put in order meanwhile.
            return match self.is_merged(cx, id)? {
                true => Ok(()),
                false => self.enqueue(cx, id, NewJob::new(What::AskResync)).map(drop),
            };
        }
        self.tell(cx, id, by, Change::ShutOut(false), cx.now)?;
        match room.peer(self.me.account) {
            Some(peer) => self.begin_anew(cx, id, peer),
            None => self.lose(cx, id),
        }
    }
}

fn meet(mine: &[Mark], theirs: &[(u64, [u8; 32])]) -> Met {
    let of = |epoch: u64| theirs.iter().find(|(other, _)| *other == epoch).map(|(_, digest)| *digest);
    let both = || mine.iter().filter_map(|mark| Some((mark.epoch, of(mark.epoch)? == mark.digest)));
    if both().all(|(_, same)| same) {
        return Met::Together;
    }
    Met::Parted(both().filter(|(_, same)| *same).map(|(epoch, _)| epoch).max())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trails_that_differ_part_after_the_last_epoch_in_common() {
        let mine = |epochs: &[(u64, u8)]| {
            let mark = |(epoch, digest): &(u64, u8)| Mark {
                epoch: *epoch,
                digest: [*digest; 32],
                commit: [0; 32],
                heir: None,
            };
            epochs.iter().map(mark).collect::<Vec<_>>()
        };
        let theirs =
            |epochs: &[(u64, u8)]| epochs.iter().map(|(epoch, it)| (*epoch, [*it; 32])).collect::<Vec<_>>();
        let here = mine(&[(3, 3), (4, 4), (5, 5)]);
        assert_eq!(meet(&here, &theirs(&[(4, 4), (5, 5), (6, 6)])), Met::Together, "one is ahead");
        assert_eq!(meet(&here, &theirs(&[(8, 8)])), Met::Together, "nothing to compare");
        assert_eq!(meet(&here, &theirs(&[(3, 3), (4, 4), (5, 9)])), Met::Parted(Some(4)));
        assert_eq!(meet(&here, &theirs(&[(3, 3), (4, 9), (5, 9), (6, 9)])), Met::Parted(Some(3)));
        assert_eq!(meet(&here, &theirs(&[(5, 9)])), Met::Parted(None), "too long ago to know where");
    }
}
