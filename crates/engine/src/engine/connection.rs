//! The sockets come and go; what is due by time.

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{ConversationId, DeviceId, ErrorCode, Millis};

use super::state::{Job, JobState, Seal, What};
use super::{Asked, Cx, Engine, Link};
use crate::api::{Alert, EngineError, Event};
use crate::defence::Defence;
use crate::mls::{group, key_package};
use crate::records::ConversationState;
use crate::records::key::{self, ME};

const DAY: Millis = 24 * 3600 * 1000;
const HOUR: Millis = 3600 * 1000;
/// Conversations whose roster is compared after a reconnect, whenever it was last: the most active ones.
const COMPARED_AT_CONNECT: usize = 32;
/// Rosters asked for at once.
const ROSTERS_AT_ONCE: usize = 8;

impl Engine {
    pub(super) fn connected(
        &mut self,
        cx: &mut Cx<'_>,
        logged_in: &wire::LoggedIn,
    ) -> Result<(), EngineError> {
        self.disconnected();
        self.link.online = true;
        self.link.chores_at = cx.now;
        if !self.me.registered {
            self.me.registered = true;
            cx.put(vec![ME], &self.me);
        }
        let mut clockwork = cx.clockwork()?;
        clockwork.packages_left = logged_in.key_packages_left;
        if clockwork.mailbox > logged_in.head {
            // A relay that was put back to an older state counts on from there.
            cx.alert(None, Alert::MailboxGap);
            clockwork.mailbox = logged_in.head;
        }
        cx.put_clockwork(&clockwork);
        cx.look_at_clock(Some(logged_in.time_ms))?;
        self.pin_platform(cx, &logged_in.platform_key)?;
        self.read_anew(cx)?;
        self.resume_files(cx)?;
        self.confirm_all(cx)?;
        self.ask_holders(cx)?;
        self.top_up(cx)?;
        self.ask_own_account(cx);
        Ok(())
    }

    pub(super) fn disconnected(&mut self) {
        let last_request = self.link.last_request;
        self.link = Link { last_request, ..Link::default() };
    }

    /// All that had come is in. What was in flight before and has no echo did not arrive: it goes again, and by
    /// its dedupe value the relay knows it if it did after all.
    pub(super) fn caught_up(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        self.link.caught_up = true;
        for (at, job) in self.jobs(cx)? {
            let asking = job.what == What::AskResync && job.state == JobState::Accepted;
            if job.state != JobState::Waiting && !asking {
                cx.put(at, &Job { state: JobState::Waiting, not_before: 0, ..job });
            }
        }
        let conversations = cx.records().conversations()?;
        for record in conversations.iter().take(COMPARED_AT_CONNECT) {
            if record.state == ConversationState::Open {
                self.check_roster(record.id);
            }
        }
        self.try_doubted(cx)?;
        cx.event(Event::CaughtUp);
        self.chores(cx)
    }

    /// What is due by time: leaf updates, key packages, rosters not compared for a day.
    pub(super) fn chores(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        if !self.link.online || !self.link.caught_up || self.link.chores_at > cx.now {
            return Ok(());
        }
        let next_update = self.plan_updates(cx)?;
        self.secure_the_rest(cx)?;
        self.look_up_businesses(cx)?;
        key_package::remove_expired(cx.provider, cx.store, cx.now)?;
        self.top_up(cx)?;
        for (at, seal) in cx.records().all::<Seal>("seal", &[key::SEAL])? {
            if let Some(id) = key::conversation_in(&at)
                && seal.roster_ms + DAY <= cx.now
                && !seal.lost
                && !self.is_merged(cx, id)?
            {
                self.check_roster(id);
            }
        }
        // Who is suspended refuses to send: that it may again, it hears soon.
        let suspended = cx.records().business(self.me.account)?.is_some_and(|it| it.suspended);
        let soon = cx.now + if suspended { 5 * 60_000 } else { HOUR };
        // Everybody's day begins at another minute.
        self.link.chores_at = next_update.min(soon).max(cx.now + 60_000) + cx.jitter(60_000);
        Ok(())
    }

    /// Has the relay's roster of a conversation compared with the tree.
    pub(super) fn check_roster(&mut self, id: ConversationId) {
        if !self.link.rosters.contains(&id) {
            self.link.rosters.push_back(id);
        }
    }

    pub(super) fn dispatch_rosters(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let asked = |asked: &&Asked| matches!(asked, Asked::Roster(_));
        let mut under_way = self.link.asked.values().filter(asked).count();
        while under_way < ROSTERS_AT_ONCE {
            let Some(id) = self.link.rosters.pop_front() else { break };
            let Some(seal) = cx.seal(id)? else { continue };
            if seal.lost
                || !cx.records().conversation(id)?.is_some_and(|it| it.state == ConversationState::Open)
            {
                continue;
            }
            let Some(group) = self.group(cx, id)?.filter(|group| group.is_active()) else { continue };
            let capability = group::capability(cx.provider, &group, id)?;
            self.keep(id, group);
            let op = wire::ReadRoster { conversation: id.to_wire(), capability: capability.into() };
            self.ask_anonymously(cx, Asked::Roster(id), request::Op::ReadRoster(op));
            under_way += 1;
        }
        Ok(())
    }

    pub(super) fn roster_answered(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let wire::Roster { epoch, devices } = match result {
            Ok(response::Result::Roster(roster)) => roster,
            Err(error) if error.code == ErrorCode::NoSuchConversation => return self.shut_out(cx, id),
            _ => return Ok(()),
        };
        let (Some(mut seal), Some(group)) = (cx.seal(id)?, self.group(cx, id)?) else { return Ok(()) };
        let current = group.epoch().as_u64();
        self.keep(id, group);
        if epoch != current {
            // A commit is on its way; the check after it will do.
            return Ok(());
        }
        let mut routed: Vec<Option<DeviceId>> =
            devices.iter().map(|device| DeviceId::try_from(device).ok()).collect();
        let mut members: Vec<Option<DeviceId>> =
            cx.members(id)?.iter().map(|member| Some(member.device)).collect();
        routed.sort_unstable();
        members.sort_unstable();
        let differs = routed != members && cx.defends(Defence::Roster);
        if differs && !seal.roster_differs {
            cx.alert(Some(id), Alert::RosterMismatch);
        }
        seal.roster_differs = differs;
        // It takes the capability that the members have, whatever it said.
        seal.doubt = None;
        seal.roster_ms = cx.now;
        cx.put_seal(id, &seal);
        Ok(())
    }
}
