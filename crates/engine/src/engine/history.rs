//! What was said before a device came: told by an old device of the account, when its person wants that, in parts
//! through the conversation of their own. Of these at most [`WINDOW`] are on the way; the new device takes in each in
//! one step and says so. All of it is kept, so that either may die, or be away for days, and it goes on.
//!
//! The old device walks each conversation from its newest row back. A row's place on the new device is its time (that
//! of the row after it, when it came late), then its place among those of one time: below everything that the new
//! device hears itself, and the same whoever tells it.
//!
//! A device in quarantine is told nothing. What may be looked at once stays where it is, and so does what waits to be
//! sent, has failed, or could not be read.

use std::collections::BTreeSet;

use lacre_proto::{ConversationId, DeviceId, Millis};

use super::own_row::{company_of, is_told};
use super::state::LOCAL;
use super::{Cx, Engine};
use crate::api::{EngineError, Event, Refusal};
use crate::content::{Content, History, HistoryStep, TransferId, kinds};
use crate::records::key::{self, GIVING, TAKING};
use crate::records::{
    At, Company, ConversationKind, ConversationRecord, ConversationState, Cursor, Evidence, Giving,
    MessageRecord, Position, Standing, Taking, Told, TransferState, part_of, told_in,
};

/// Parts that are on the way at once.
const WINDOW: u32 = 4;
/// Rows are put into a part up to this size.
const PART: usize = 64 * 1024;
/// Rows of a conversation that are read at once.
const READ: usize = 64;
/// Conversations that the new device is not in yet are looked at again.
const LOOK_AGAIN: Millis = 5_000;

impl Engine {
    /// Tells another device of this account what was said since a time. One that is under way goes on.
    pub(super) fn give_history(
        &mut self,
        cx: &mut Cx<'_>,
        to: DeviceId,
        since_ms: Millis,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if self.list.entry(to).is_none() || to == self.me.device {
            return Ok(Err(Refusal::NoSuchDevice));
        }
        if self.in_quarantine(cx.now) {
            return Ok(Err(Refusal::InQuarantine));
        }
        let at = key::device(GIVING, to);
        let before: Option<Giving> = cx.records().read("transfer", &at)?;
        if before.is_some_and(|before| !before.state.is_over()) {
            return Ok(Ok(()));
        }
        let giving = Giving {
            transfer: TransferId(cx.provider.rand.bytes()),
            since_ms,
            begun: false,
            total: 0,
            next: 1,
            taken: 0,
            cursor: Cursor::default(),
            told: Vec::new(),
            last: None,
            state: TransferState::Waits,
        };
        cx.put(at, &giving);
        cx.event(Event::HistoryMoved(to));
        Ok(Ok(()))
    }

    /// Gives a transfer up, to a device or from it.
    pub(super) fn stop_history(
        &mut self,
        cx: &mut Cx<'_>,
        with: DeviceId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let mut ended = None;
        let at = key::device(GIVING, with);
        if let Some(giving) = cx.records().read::<Giving>("transfer", &at)?
            && !giving.state.is_over()
        {
            ended = Some(giving.transfer);
            cx.put(at, &Giving { state: TransferState::Ended, told: Vec::new(), ..giving });
        }
        let at = key::device(TAKING, with);
        if let Some(taking) = cx.records().read::<Taking>("transfer", &at)?
            && !taking.state.is_over()
        {
            ended = Some(taking.transfer);
            cx.put(at, &Taking { state: TransferState::Ended, ..taking });
        }
        let Some(transfer) = ended else { return Ok(Err(Refusal::NoTransfer)) };
        self.answer(cx, with, transfer, HistoryStep::Ended)?;
        cx.event(Event::HistoryMoved(with));
        Ok(Ok(()))
    }

    fn answer(
        &mut self,
        cx: &mut Cx<'_>,
        to: DeviceId,
        transfer: TransferId,
        step: HistoryStep,
    ) -> Result<(), EngineError> {
        match self.own_conversation(cx)? {
            Some(own) => self.tell_kin(cx, own.id, Content::History(History { transfer, to, step })),
            None => Ok(()),
        }
    }

    /// Makes the next parts, as many as may be on the way.
    pub(super) fn plan_history(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for (at, giving) in cx.records().all::<Giving>("transfer", &[GIVING])? {
            let Some(to) = at.last_chunk().map(|id| DeviceId(*id)) else { continue };
            if giving.state.is_over() {
                continue;
            }
            let Some(entry) = self.list.entry(to) else {
                // It is no device of this account any more.
                cx.store.delete(at);
                cx.event(Event::HistoryMoved(to));
                continue;
            };
            if entry.quarantine_until > cx.now {
                cx.wake_at(entry.quarantine_until);
                continue;
            }
            let own = self.own_conversation(cx)?.filter(|own| own.state == ConversationState::Open);
            if let Some(own) = own
                && cx.members(own.id)?.iter().any(|member| member.device == to)
            {
                self.tell_parts(cx, own.id, to, giving)?;
            }
        }
        Ok(())
    }

    fn tell_parts(
        &mut self,
        cx: &mut Cx<'_>,
        own: ConversationId,
        to: DeviceId,
        mut giving: Giving,
    ) -> Result<(), EngineError> {
        let before = giving.clone();
        if !giving.begun {
            giving.begun = true;
            giving.cursor = self.beginning(cx)?;
            giving.total = self.count(cx, &giving)?;
        }
        while giving.last.is_none() && giving.next - giving.taken <= WINDOW {
            let from = giving.cursor.clone();
            let rows = self.next_rows(cx, to, &mut giving)?;
            let last = giving.cursor.at.is_none() && giving.cursor.left.is_empty();
            if rows.is_empty() && !last {
                // The rest is of conversations that the new device is yet to be added to.
                cx.wake_at(cx.now + LOOK_AGAIN);
                break;
            }
            let (number, done, total) = (giving.next, giving.cursor.done, giving.total);
            let step = HistoryStep::Part { number, done, total, last, rows: part_of(&rows) };
            let part = History { transfer: giving.transfer, to, step };
            self.tell_kin(cx, own, Content::History(part))?;
            giving.told.push((number, from));
            giving.next += 1;
            giving.last = last.then_some(number);
            giving.state = TransferState::Runs;
        }
        if giving != before {
            cx.put(key::device(GIVING, to), &giving);
            cx.event(Event::HistoryMoved(to));
        }
        Ok(())
    }

    /// Before the first row of the conversation that was active last.
    fn beginning(&self, cx: &Cx<'_>) -> Result<Cursor, EngineError> {
        let all = cx.records().conversations()?.into_iter();
        Ok(Cursor { left: all.map(|record| record.id).collect(), at: None, done: 0 })
    }

    fn count(&self, cx: &Cx<'_>, giving: &Giving) -> Result<u64, EngineError> {
        let mut total = 0;
        for id in &giving.cursor.left {
            let mut before = None;
            loop {
                let rows = cx.records().messages(*id, before, READ)?;
                let Some(oldest) = rows.last() else { break };
                before = Some(oldest.position);
                total +=
                    rows.iter().filter(|row| is_told(row) && row.sent_ms >= giving.since_ms).count() as u64;
                if oldest.sent_ms < giving.since_ms {
                    break;
                }
            }
        }
        Ok(total)
    }

    /// Whether the new device can be told of a conversation now; `None` when it will never be.
    fn is_ready(
        &self,
        cx: &Cx<'_>,
        to: DeviceId,
        record: &ConversationRecord,
    ) -> Result<Option<bool>, EngineError> {
        if record.state != ConversationState::Open {
            return Ok(Some(true));
        }
        let there = cx.members(record.id)?.iter().any(|member| member.device == to);
        let comes = record.standing == Standing::Accepted || record.kind == ConversationKind::Own;
        Ok((there || comes).then_some(there))
    }

    /// The rows of the next part.
    fn next_rows(&self, cx: &Cx<'_>, to: DeviceId, giving: &mut Giving) -> Result<Vec<Vec<u8>>, EngineError> {
        let (mut rows, mut size, mut certificates) = (Vec::new(), 0, BTreeSet::new());
        loop {
            if let Some(at) = &giving.cursor.at
                && self.is_merged(cx, at.conversation)?
            {
                giving.cursor.left.insert(0, at.conversation);
                giving.cursor.at = None;
            }
            if giving.cursor.at.is_none() {
                let Some(record) = self.next_conversation(cx, to, &mut giving.cursor)? else {
                    return Ok(rows);
                };
                if record.state != ConversationState::Open {
                    let group = cx.records().group(record.id)?.map(Box::new);
                    let closed = Told::Closed(Box::new(record), group).to_bytes();
                    size += closed.len();
                    rows.push(closed);
                }
            }
            let Some(at) = giving.cursor.at.as_mut() else { return Ok(rows) };
            let next = cx.records().messages(at.conversation, at.before, READ)?;
            let mut over = next.is_empty();
            for row in next {
                if is_told(&row) {
                    let place = place_of(at, &row);
                    if place.time < giving.since_ms {
                        over = true;
                        break;
                    }
                    let mut company = company_of(cx, &row)?;
                    let Some(told) = told(row.clone(), &mut company, &place) else {
                        at.before = Some(row.position);
                        continue;
                    };
                    if size > 0 && size + told.len() > PART {
                        return Ok(rows);
                    }
                    for (_, Evidence { certificate, .. }) in &company.evidence {
                        if certificates.insert(*certificate)
                            && let Some(certificate) = cx.records().certificate(certificate)?
                        {
                            rows.push(Told::Certificate(certificate).to_bytes());
                        }
                    }
                    size += told.len();
                    rows.push(told);
                    giving.cursor.done += 1;
                    (at.time, at.run) = (place.time, place.run);
                }
                at.before = Some(row.position);
            }
            if over {
                giving.cursor.at = None;
            }
        }
    }

    /// The next conversation that can be told of now; those that never can are left out.
    fn next_conversation(
        &self,
        cx: &Cx<'_>,
        to: DeviceId,
        cursor: &mut Cursor,
    ) -> Result<Option<ConversationRecord>, EngineError> {
        let mut at = 0;
        while let Some(id) = cursor.left.get(at).copied() {
            // It may have become one with another, which has its rows now; what is there already is not taken twice.
            let record = cx.shown(id)?;
            if let Some(winner) = record.as_ref().map(|it| it.id).filter(|winner| *winner != id) {
                match cursor.left.contains(&winner) {
                    true => drop(cursor.left.remove(at)),
                    false => cursor.left[at] = winner,
                }
                continue;
            }
            let ready = match &record {
                Some(record) => self.is_ready(cx, to, record)?,
                None => None,
            };
            match ready {
                Some(false) => at += 1,
                None => drop(cursor.left.remove(at)),
                Some(true) => {
                    cursor.left.remove(at);
                    cursor.at = Some(At { conversation: id, before: None, time: Millis::MAX, run: 0 });
                    return Ok(record);
                }
            }
        }
        Ok(None)
    }

    /// Another device of this account says something of a transfer.
    pub(super) fn history_said(&mut self, cx: &mut Cx<'_>, history: History) -> Result<(), EngineError> {
        let from = cx.arrived.as_ref().map(|evidence| evidence.device);
        let Some(from) = from.filter(|_| history.to == self.me.device) else { return Ok(()) };
        // Of a device in quarantine nothing is believed about the past.
        if self.list.entry(from).is_none_or(|entry| entry.quarantine_until > cx.now)
            && matches!(history.step, HistoryStep::Part { .. })
        {
            cx.alert(None, crate::Alert::NotYourDevice);
            return Ok(());
        }
        let History { transfer, to: _, step } = history;
        match step {
            HistoryStep::Part { number, done, total, last, rows } => {
                let part = Part { number, done, total, last, rows };
                self.part_came(cx, from, transfer, part)
            }
            step => self.answered_by(cx, from, transfer, &step),
        }
    }

    /// The new device answers.
    fn answered_by(
        &mut self,
        cx: &mut Cx<'_>,
        from: DeviceId,
        transfer: TransferId,
        step: &HistoryStep,
    ) -> Result<(), EngineError> {
        let at = key::device(GIVING, from);
        let giving: Option<Giving> = cx.records().read("transfer", &at)?;
        let Some(mut giving) = giving.filter(|it| it.transfer == transfer && !it.state.is_over()) else {
            return self.ended_by(cx, from, transfer, step);
        };
        match *step {
            HistoryStep::Taken(number) if number < giving.next => {
                giving.taken = giving.taken.max(number);
                giving.told.retain(|(told, _)| *told > number);
                if giving.last.is_some_and(|last| last <= giving.taken) {
                    giving.state = TransferState::Done;
                }
            }
            HistoryStep::Again(number) if number < giving.next => {
                let known = giving.told.iter().find(|(told, _)| *told == number);
                // What is there already is not taken twice.
                giving.cursor = match known {
                    Some((_, cursor)) => cursor.clone(),
                    None => self.beginning(cx)?,
                };
                giving.told.retain(|(told, _)| *told < number);
                (giving.next, giving.last) = (number, None);
                giving.taken = giving.taken.min(number.saturating_sub(1));
            }
            HistoryStep::Ended => giving.state = TransferState::Ended,
            _ => return Ok(()),
        }
        cx.put(at, &giving);
        cx.event(Event::HistoryMoved(from));
        Ok(())
    }

    fn ended_by(
        &mut self,
        cx: &mut Cx<'_>,
        from: DeviceId,
        transfer: TransferId,
        step: &HistoryStep,
    ) -> Result<(), EngineError> {
        let at = key::device(TAKING, from);
        let taking: Option<Taking> = cx.records().read("transfer", &at)?;
        if let (HistoryStep::Ended, Some(taking)) = (step, taking)
            && taking.transfer == transfer
            && !taking.state.is_over()
        {
            cx.put(at, &Taking { state: TransferState::Ended, ..taking });
            cx.event(Event::HistoryMoved(from));
        }
        Ok(())
    }

    /// A part came: what is new in it is taken in, and the old device hears of it.
    fn part_came(
        &mut self,
        cx: &mut Cx<'_>,
        from: DeviceId,
        transfer: TransferId,
        part: Part,
    ) -> Result<(), EngineError> {
        let at = key::device(TAKING, from);
        let known: Option<Taking> = cx.records().read("transfer", &at)?;
        let mut taking = known.filter(|known| known.transfer == transfer).unwrap_or(Taking {
            transfer,
            next: 1,
            asked: 0,
            done: 0,
            total: part.total,
            state: TransferState::Runs,
        });
        if taking.state == TransferState::Ended {
            return Ok(());
        }
        if part.number > taking.next {
            if taking.asked == taking.next {
                return Ok(());
            }
            taking.asked = taking.next;
            cx.put(at, &taking);
            return self.answer(cx, from, transfer, HistoryStep::Again(taking.next));
        }
        if part.number == taking.next {
            match told_in(&part.rows) {
                Some(all) => self.take_told(cx, from, all)?,
                None => {
                    // Of a version that this one does not know, perhaps.
                    taking.state = TransferState::Ended;
                    cx.put(at, &taking);
                    cx.event(Event::HistoryMoved(from));
                    return self.answer(cx, from, transfer, HistoryStep::Ended);
                }
            }
            (taking.done, taking.total) = (part.done, part.total);
            taking.next += 1;
            taking.state = if part.last { TransferState::Done } else { TransferState::Runs };
            cx.put(at, &taking);
            cx.event(Event::HistoryMoved(from));
        }
        self.answer(cx, from, transfer, HistoryStep::Taken(taking.next - 1))
    }

    /// A device came into the conversation of one's own devices anew, or that was begun anew: what was on the way to
    /// it is lost, and is told again from what it has taken on. `None` for all.
    pub(super) fn tell_parts_again(
        &mut self,
        cx: &mut Cx<'_>,
        to: Option<DeviceId>,
    ) -> Result<(), EngineError> {
        for (at, mut giving) in cx.records().all::<Giving>("transfer", &[GIVING])? {
            let meant = to.is_none_or(|to| at.ends_with(to.as_ref()));
            if !meant || giving.state.is_over() || giving.next == giving.taken + 1 {
                continue;
            }
            let next = giving.taken + 1;
            let known = giving.told.iter().find(|(told, _)| *told == next);
            giving.cursor = match known {
                Some((_, cursor)) => cursor.clone(),
                None => self.beginning(cx)?,
            };
            giving.told.retain(|(told, _)| *told < next);
            (giving.next, giving.last) = (next, None);
            cx.put(at, &giving);
        }
        Ok(())
    }

    /// This device was let in again: what was told meanwhile could not be read, and is asked for again.
    pub(super) fn ask_parts_again(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for (at, mut taking) in cx.records().all::<Taking>("transfer", &[TAKING])? {
            let Some(from) = at.last_chunk().map(|id| DeviceId(*id)) else { continue };
            if !taking.state.is_over() {
                taking.asked = taking.next;
                cx.put(at, &taking);
                self.answer(cx, from, taking.transfer, HistoryStep::Again(taking.next))?;
            }
        }
        Ok(())
    }
}

/// A part of a transfer, as it came.
struct Part {
    number: u32,
    done: u64,
    total: u64,
    last: bool,
    rows: Vec<u8>,
}

/// Where a row stands that comes before the place: no later than what is after it.
fn place_of(at: &At, row: &MessageRecord) -> At {
    let time = at.time.min(row.sent_ms);
    let run = if time == at.time { at.run.saturating_add(1) } else { 0 };
    At { time, run, ..at.clone() }
}

/// A row as it is told, small enough for a part: of one that was edited very often, or is very long, the forms that it
/// had before and what proves them are left out, then everything beside it; `None` when it alone is too large.
fn told(mut row: MessageRecord, company: &mut Company, place: &At) -> Option<Vec<u8>> {
    const MOST: usize = kinds::ROWS - 8 * 1024;
    let counter = (u32::MAX >> 1).saturating_sub(place.run);
    row.position = Position { anchor: place.time.min(LOCAL - 1), counter };
    let told = |company: &Company| Told::Row(Box::new(row.clone()), Box::new(company.clone())).to_bytes();
    let fits = |told: &Vec<u8>| told.len() <= MOST;
    let whole = told(company);
    if fits(&whole) {
        return Some(whole);
    }
    company.evidence.clear();
    company.versions.clear();
    let without = told(company);
    if fits(&without) {
        return Some(without);
    }
    *company = Company::default();
    Some(told(company)).filter(fits)
}
