//! What the store does not do at once, or not at all: durability before the answer, full disks, quotas, age.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_proto::wire::{self, item, request::Op};
use lacre_proto::{ConversationId, ErrorCode};
use lacre_relay::Quotas;
use lacre_relay::limits::RateLimits;
use lacre_relay::services::{OpenError, Services, Settings};
use lacre_relay::session::{Answer, Outgoing};
use lacre_store::data::{Batch, Data, Key, LogEntry, LogId, LogState, Unavailable, WriteError, Written};
use lacre_store::memory::MemoryData;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::oneshot;

use crate::world::{NOW, Socket, World, accepted, addition, commit, commit_adding, create, send, welcome};

const TALK: ConversationId = ConversationId([0x7a; 16]);

type Answers = oneshot::Sender<Result<Written, WriteError>>;

/// Memory whose writes wait until they are let go, as a disk's do.
#[derive(Clone, Default)]
pub struct SlowData {
    inner: MemoryData,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    holding: bool,
    writes: VecDeque<(Batch, Answers)>,
}

impl SlowData {
    pub fn hold(&self) {
        self.held.lock().unwrap().holding = true;
    }

    /// Does the next writes, or refuses them all.
    pub fn let_go(&self, count: usize, refused: Option<WriteError>) {
        for _ in 0..count {
            let (batch, answer) = self.held.lock().unwrap().writes.pop_front().unwrap();
            let done = match &refused {
                Some(error) => Err(error.clone()),
                None => self.inner.write(batch).now_or_never().unwrap(),
            };
            let _ = answer.send(done);
        }
    }

    pub fn flow(&self) {
        self.held.lock().unwrap().holding = false;
    }
}

impl Data for SlowData {
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Bytes>, Unavailable>> + Send {
        self.inner.get(key)
    }
    fn scan(
        &self,
        from: &Key,
        to: &Key,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Key, Bytes)>, Unavailable>> + Send {
        self.inner.scan(from, to, limit)
    }
    fn read_log(
        &self,
        log: LogId,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<LogEntry>, Unavailable>> + Send {
        self.inner.read_log(log, after, limit, max_bytes)
    }
    fn log_state(&self, log: LogId) -> impl Future<Output = Result<LogState, Unavailable>> + Send {
        self.inner.log_state(log)
    }
    fn write(&self, batch: Batch) -> impl Future<Output = Result<Written, WriteError>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let mut held = self.held.lock().unwrap();
        if held.holding {
            held.writes.push_back((batch, answer));
        } else {
            let _ = answer.send(self.inner.write(batch).now_or_never().unwrap());
        }
        async move { answered.await.unwrap() }
    }
}

struct Talk {
    data: SlowData,
    world: World<SlowData>,
    ana: Socket<SlowData>,
    bruno: Socket<SlowData>,
    anonymous: Socket<SlowData>,
}

fn talk(quotas: Quotas) -> Talk {
    let data = SlowData::default();
    let settings = Settings { rates: RateLimits::lifted(), quotas, ..Settings::default() };
    let world = World::over(data.clone(), settings);
    let (_, mut ana) = world.sign_up("ana");
    let (_, mut bruno) = world.sign_up("bruno");
    let mut anonymous = world.connect();
    let additions = vec![addition(ana.ticket(), Bytes::new()), addition(bruno.ticket(), welcome("bruno"))];
    accepted(anonymous.ask(Op::CreateConversation(create(TALK, additions, 1))));
    ana.items();
    bruno.items();
    Talk { data, world, ana, bruno, anonymous }
}

fn code(socket: &Socket<SlowData>, answer: Answer) -> Result<u64, ErrorCode> {
    let Some(wire::server_frame::Body::Response(response)) = socket.frame(answer) else { panic!() };
    match response.result.unwrap() {
        wire::response::Result::Accepted(accepted) => Ok(accepted.sequence),
        wire::response::Result::Error(error) => Err(ErrorCode::from_number(error.code)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_answered_or_delivered_before_it_is_durable() {
    let mut talk = talk(Quotas::default());
    talk.data.hold();
    let mut answers: Vec<Answer> =
        (0..3).map(|index| talk.anonymous.begin(Op::Send(send(TALK, 1, "hi", 10 + index)))).collect();
    // The client lost its patience and asks the first again: that waits for the first, too.
    answers.push(talk.anonymous.begin(Op::Send(send(TALK, 1, "hi", 10))));
    assert!(answers.iter_mut().all(|answer| answer.now_or_never().is_none()));
    assert_eq!(talk.bruno.items(), []);
    talk.data.let_go(2, None);
    let mut answers = answers.into_iter();
    assert_eq!(code(&talk.anonymous, answers.next().unwrap()), Ok(2));
    assert_eq!(code(&talk.anonymous, answers.next().unwrap()), Ok(3));
    assert_eq!(talk.bruno.items().len(), 2);
    assert!(answers.as_mut_slice().iter_mut().all(|answer| answer.now_or_never().is_none()));
    talk.data.let_go(2, None);
    assert_eq!(code(&talk.anonymous, answers.next().unwrap()), Ok(4));
    assert_eq!(code(&talk.anonymous, answers.next().unwrap()), Ok(2), "the place of the first time");
    assert_eq!(talk.ana.items().len(), 3, "the repetition came to nobody");
}

#[test]
fn when_the_disk_is_full_nothing_of_it_is_stored_and_what_was_built_on_it_falls_with_it() {
    let mut talk = talk(Quotas::default());
    talk.data.hold();
    let answers: Vec<Answer> =
        (0..3).map(|index| talk.anonymous.begin(Op::Send(send(TALK, 1, "hi", 10 + index)))).collect();
    let ended = talk.anonymous.begin(Op::Commit(commit(TALK, 1, 13)));
    talk.data.let_go(1, Some(WriteError::Full));
    talk.data.let_go(3, None);
    talk.data.flow();
    for answer in answers.into_iter().chain([ended]) {
        assert_eq!(code(&talk.anonymous, answer), Err(ErrorCode::StorageUnavailable));
    }
    assert_eq!(talk.bruno.items(), []);
    // There is room again: everything goes on where it was.
    for index in 0..3 {
        assert_eq!(accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "hi", 10 + index)))), 2 + index);
    }
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(commit(TALK, 1, 13)))), 5);
    assert_eq!(talk.bruno.items().len(), 4);
}

#[test]
fn of_two_that_commit_at_once_one_wins_even_before_either_is_durable() {
    let mut talk = talk(Quotas::default());
    let mut other = talk.world.connect();
    talk.data.hold();
    let first = talk.anonymous.begin(Op::Commit(commit(TALK, 1, 10)));
    let second = other.begin(Op::Commit(commit(TALK, 1, 11)));
    let late = other.begin(Op::Send(send(TALK, 1, "late", 12)));
    let next = talk.anonymous.begin(Op::Send(send(TALK, 2, "in the new epoch", 13)));
    talk.data.let_go(2, None);
    assert_eq!(code(&talk.anonymous, first), Ok(2));
    assert_eq!(code(&other, second), Err(ErrorCode::StaleEpoch));
    assert_eq!(code(&other, late), Err(ErrorCode::StaleEpoch));
    assert_eq!(code(&talk.anonymous, next), Ok(3));
}

#[test]
fn a_full_mailbox_refuses_for_all_and_takes_again_when_it_is_read() {
    let mut talk = talk(Quotas { entries: 4, ..Quotas::default() });
    talk.ana.ack(1);
    for index in 0..3 {
        accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "hi", 10 + index))));
    }
    // Bruno acknowledged nothing: his welcome and three messages lie there.
    let full = talk.anonymous.ask(Op::Send(send(TALK, 1, "hi", 20)));
    assert_eq!(full, Err(ErrorCode::MailboxFull));
    assert_eq!(talk.anonymous.ask(Op::Commit(commit(TALK, 1, 21))), Err(ErrorCode::MailboxFull));
    assert_eq!(talk.ana.items().len(), 3, "nor did Ana get what Bruno could not");
    assert_eq!(talk.bruno.items().len(), 3);
    talk.bruno.ack(4);
    talk.ana.ack(4);
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "hi", 20)))), 5);
}

#[test]
fn a_mailbox_is_full_by_bytes_too() {
    let mut talk = talk(Quotas { bytes: 100_000, ..Quotas::default() });
    let text = "x".repeat(40_000);
    for index in 0..2 {
        accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, &text, 10 + index))));
    }
    assert_eq!(talk.anonymous.ask(Op::Send(send(TALK, 1, &text, 20))), Err(ErrorCode::MailboxFull));
    for who in [&mut talk.ana, &mut talk.bruno] {
        who.items();
        who.ack(3);
    }
    accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, &text, 20))));
}

#[test]
fn what_is_too_large_is_refused_before_anything_else() {
    let mut talk = talk(Quotas::default());
    let over = "x".repeat(lacre_proto::limits::SEALED_MESSAGE);
    assert_eq!(talk.anonymous.ask(Op::Send(send(TALK, 1, &over, 10))), Err(ErrorCode::TooLarge));
    let mut large = commit(TALK, 1, 11);
    large.commit = Bytes::from(vec![0; lacre_proto::limits::COMMIT + 1]);
    assert_eq!(talk.anonymous.ask(Op::Commit(large)), Err(ErrorCode::TooLarge));
}

#[test]
fn a_device_that_does_not_acknowledge_is_pushed_a_window_and_no_more() {
    let mut talk = talk(Quotas::default());
    for index in 0..1500 {
        accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "hi", 10 + index))));
    }
    assert_eq!(talk.bruno.pushes().0.len(), 1023, "1024 with the welcome, which he has");
    assert_eq!(talk.bruno.pushes().0.len(), 0);
    talk.bruno.ack(100);
    assert_eq!(talk.bruno.pushes().0.len(), 100);
    talk.bruno.ack(1124);
    let (rest, _) = talk.bruno.pushes();
    assert_eq!(rest.first().map(|entry| entry.position), Some(1125));
    assert_eq!(rest.last().map(|entry| entry.position), Some(1501));
}

#[test]
fn what_was_never_pushed_cannot_be_acknowledged_away() {
    let mut talk = talk(Quotas::default());
    for index in 0..5 {
        accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "hi", 10 + index))));
    }
    talk.bruno.ack(1_000_000);
    talk.world.services.flush_acknowledgements().now_or_never().unwrap().unwrap();
    assert_eq!(talk.bruno.items().len(), 5);
}

#[test]
fn what_the_bus_lost_is_found_at_the_next_look() {
    let mut talk = talk(Quotas::default());
    talk.data.hold();
    let answer = talk.anonymous.begin(Op::Send(send(TALK, 1, "hi", 10)));
    talk.data.let_go(1, None);
    talk.data.flow();
    drop(answer); // the sender's connection broke at the wrong moment: nobody was woken
    assert_eq!(talk.bruno.items(), []);
    accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "there", 11))));
    assert_eq!(talk.bruno.items().len(), 2, "a gap in the positions sends him to the log");
    talk.ana.session.look();
    assert_eq!(talk.ana.items().len(), 2);
}

#[test]
fn after_30_days_entries_and_tickets_are_gone_and_the_gap_shows() {
    let mut talk = talk(Quotas::default());
    let unused = talk.bruno.ticket();
    drop(talk.bruno);
    accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "old", 10))));
    talk.anonymous.now += 20 * 24 * 3600 * 1000;
    accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "newer", 11))));
    let later = NOW + 31 * 24 * 3600 * 1000;
    let swept = talk.world.services.sweep(later, 100).now_or_never().unwrap().unwrap();
    assert_eq!(swept, 2 + 2 + 1, "welcome and message of Bruno, echo and message of Ana, a ticket");
    assert_eq!(talk.world.services.sweep(later, 100).now_or_never().unwrap(), Ok(0));
    let mut bruno = talk.world.login(&crate::world::Person::new("bruno"));
    let (entries, caught_up) = bruno.pushes();
    assert!(caught_up);
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), [3]);
    let spent = commit_adding(TALK, 1, vec![addition(unused, welcome("b"))], 5);
    assert_eq!(talk.anonymous.ask(Op::Commit(spent)), Err(ErrorCode::BadTicket));
}

#[test]
fn the_sweep_comes_round_with_any_budget() {
    let talk = talk(Quotas::default());
    for name in ["c", "d", "e", "f"] {
        talk.world.sign_up(name);
    }
    let later = NOW + 31 * 24 * 3600 * 1000;
    let swept = (0..8).map(|_| talk.world.services.sweep(later, 1).now_or_never().unwrap().unwrap());
    assert_eq!(swept.sum::<usize>(), 2, "the echo of Ana and the welcome of Bruno");
}

#[test]
fn a_restart_loses_nothing_and_knows_every_epoch_and_repetition() {
    let mut talk = talk(Quotas::default());
    accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "before", 10))));
    accepted(talk.anonymous.ask(Op::Commit(commit(TALK, 1, 11))));
    let settings = Settings { rates: RateLimits::lifted(), ..Settings::default() };
    let world = World::over(talk.data.clone(), settings);
    assert_eq!(world.services.relay(), talk.world.services.relay());
    let mut anonymous = world.connect();
    assert_eq!(accepted(anonymous.ask(Op::Send(send(TALK, 1, "before", 10)))), 2);
    assert_eq!(anonymous.ask(Op::Send(send(TALK, 1, "late", 12))), Err(ErrorCode::StaleEpoch));
    assert_eq!(accepted(anonymous.ask(Op::Send(send(TALK, 2, "after", 13)))), 4);
    let mut bruno = world.login(&crate::world::Person::new("bruno"));
    assert_eq!(bruno.items().len(), 4);
}

#[test]
fn two_relays_on_one_store_cannot_both_have_an_epoch() {
    // What would happen if a second process served the same data: the assertions hold the line.
    let mut talk = talk(Quotas::default());
    let settings = Settings { rates: RateLimits::lifted(), ..Settings::default() };
    let second = World::over(talk.data.clone(), settings);
    let mut there = second.connect();
    accepted(there.ask(Op::Send(send(TALK, 1, "there", 10))));
    accepted(there.ask(Op::Commit(commit(TALK, 1, 11))));
    let first = talk.anonymous.ask(Op::Commit(commit(TALK, 1, 12)));
    assert_eq!(first, Err(ErrorCode::StorageUnavailable), "its own picture was old");
    assert_eq!(talk.anonymous.ask(Op::Commit(commit(TALK, 1, 12))), Err(ErrorCode::StaleEpoch));
    let items = talk.bruno.session.next_push().now_or_never();
    assert!(items.is_none(), "no wake came here");
    talk.bruno.session.look();
    let kinds = talk.bruno.items();
    assert!(matches!(&kinds[..], [item::Kind::Sealed(_), item::Kind::Committed(c)] if c.dedupe == 11));
}

#[test]
fn a_store_of_the_future_is_left_alone() {
    let open = |data: &MemoryData, now| {
        let rng = Box::new(ChaCha20Rng::seed_from_u64(1));
        Services::open(data.clone(), Settings::default(), rng, now).now_or_never().unwrap()
    };
    let data = MemoryData::new();
    let services = open(&data, NOW).unwrap();
    assert!(open(&data, NOW - 5 * 60 * 1000).is_ok(), "five minutes are forgiven");
    services.store_time(NOW).now_or_never().unwrap().unwrap();
    let behind = open(&data, NOW - 5 * 60 * 1000 - 2000);
    assert_eq!(behind.map(drop), Err(OpenError::ClockBehind(302)));
    // Field 1 of the meta row is the format.
    let key = Key::new(0x01, &[b"relay"]);
    let newer = Bytes::from_static(&[1, 0x08, 2]);
    data.write(Batch::new().put(key, newer)).now_or_never().unwrap().unwrap();
    assert_eq!(open(&data, NOW).map(drop), Err(OpenError::NewerVersion(2)));
}

#[test]
fn a_broken_row_is_a_fault_that_is_said_and_nothing_else() {
    let mut talk = talk(Quotas::default());
    let key = Key::new(0x30, &[&TALK.0]);
    let broken = Batch::new().put(key, Bytes::from_static(b"?"));
    talk.data.write(broken).now_or_never().unwrap().unwrap();
    let fresh = World::over(talk.data.clone(), Settings::default());
    let answer = fresh.connect().ask(Op::Send(send(TALK, 1, "hi", 10)));
    assert_eq!(answer, Err(ErrorCode::Internal));
    // The relay that knew the conversation finds its row changed under it.
    assert_eq!(talk.anonymous.ask(Op::Send(send(TALK, 1, "hi", 10))), Err(ErrorCode::StorageUnavailable));
}

#[test]
fn a_session_that_is_over_answers_nothing() {
    let talk = talk(Quotas::default());
    let mut socket = talk.world.connect();
    let answer = socket.session.handle(Bytes::new(), NOW).now_or_never().unwrap();
    assert!(matches!(answer.now_or_never(), Some(Outgoing::Last(_))));
    assert!(socket.session.next_push().now_or_never().is_none());
}

#[test]
fn large_pushes_go_out_within_one_budget() {
    const LARGE: usize = 1024 * 1024;
    let mut talk = talk(Quotas { large_frames: LARGE + LARGE / 2, ..Quotas::default() });
    talk.ana.pushes();
    talk.bruno.pushes();
    let mut large = commit(TALK, 1, 12);
    large.commit = crate::world::private_message(TALK, 1, crate::world::COMMIT, &vec![0xcc; LARGE]);
    accepted(talk.anonymous.ask(Op::Commit(large)));
    let first = talk.ana.session.next_push().now_or_never();
    assert!(matches!(first, Some(Outgoing::Frame(frame)) if frame.len() > LARGE));
    assert!(talk.bruno.session.next_push().now_or_never().is_none(), "hers is not written yet");
    assert!(talk.ana.session.next_push().now_or_never().is_none(), "it is: she has nothing more to come");
    assert_eq!(talk.bruno.items().len(), 1);

    // The same from the store, for a device that was away.
    let mut again = talk.world.login(&crate::world::Person::new("bruno"));
    assert_eq!(again.items().len(), 2, "the welcome, which he did not acknowledge, and the commit");
    assert_eq!(again.session.largest(), lacre_proto::limits::FRAME, "who is logged in sends nothing large");
    assert_eq!(talk.world.connect().session.largest(), lacre_proto::limits::LARGE_FRAME);
}
