//! Bruno has had enough of Mallory. To her it is as if he were not there, and she cannot tell which.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_proto::wire::{self, lookup, request::Op, response::Result as R};
use lacre_proto::{AccountId, ConversationId, ErrorCode, limits};
use lacre_relay::limits::{Rate, RateLimits};
use lacre_relay::services::{Services, Settings};
use lacre_relay::session::Outgoing;
use lacre_store::memory::MemoryData;
use lacre_store::transfer::{export, import};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::world::{
    NOW, Person, Socket, World, accepted, addition, capability, commit, commit_adding, create, key_package,
    send, welcome,
};

type Sock = Socket<MemoryData>;

const TALK: ConversationId = ConversationId([0x7a; 16]);
const DONE: Result<R, ErrorCode> = Ok(R::Done(wire::Done {}));

fn block(socket: &mut Sock, who: &Person) -> Result<R, ErrorCode> {
    socket.ask(Op::Block(wire::Block { account: who.account.to_wire() }))
}

fn unblock(socket: &mut Sock, who: &Person) -> Result<R, ErrorCode> {
    socket.ask(Op::Unblock(wire::Unblock { account: who.account.to_wire() }))
}

fn by_handle(handle: &str) -> Op {
    Op::Lookup(wire::Lookup { by: Some(lookup::By::Handle(handle.to_owned())) })
}

fn by_account(account: AccountId) -> Op {
    Op::Lookup(wire::Lookup { by: Some(lookup::By::Account(account.to_wire())) })
}

fn claim(account: AccountId) -> Op {
    Op::ClaimKeyPackages(wire::ClaimKeyPackages { account: account.to_wire(), ..Default::default() })
}

fn publish(socket: &mut Sock) {
    let key_packages = vec![key_package("one"), key_package("two"), key_package("three")];
    let op = wire::PublishKeyPackages { key_packages, last_resort: key_package("last"), replace: false };
    assert!(socket.ask(Op::PublishKeyPackages(op)).is_ok());
}

fn ticket(claimed: Result<R, ErrorCode>) -> Bytes {
    match claimed {
        Ok(R::Claimed(claimed)) => claimed.claims[0].ticket.clone(),
        other => panic!("{other:?}"),
    }
}

/// The very bytes of an answer, under a request id that is always the same.
fn bytes(socket: &mut Sock, op: Op) -> Bytes {
    socket.requests = 6;
    match socket.begin(op).now_or_never().unwrap() {
        Outgoing::Frame(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_blocked_gets_the_very_bytes_of_an_account_that_is_not_there() {
    let world = World::new();
    let (bruno, mut his) = world.sign_up("bruno");
    let (mallory, mut hers) = world.sign_up("mallory");
    let (_, mut carla) = world.sign_up("carla");
    publish(&mut his);
    let nobody = Person::new("nobody");
    let asked =
        |person: &Person| [by_handle(&person.handle), by_account(person.account), claim(person.account)];

    for op in asked(&bruno) {
        assert!(hers.ask(op).is_ok(), "before, she reaches him: the attack works without the defence");
    }
    assert_eq!(block(&mut his, &mallory), DONE);
    for (blocked, unknown) in asked(&bruno).into_iter().zip(asked(&nobody)) {
        let answer = bytes(&mut hers, blocked);
        assert_eq!(answer, bytes(&mut hers, unknown));
        assert!(!answer.is_empty());
    }
    assert_eq!(hers.ask(by_handle("bruno")), Err(ErrorCode::NoSuchAccount));
    for op in asked(&bruno) {
        assert!(carla.ask(op).is_ok(), "others reach him as ever");
    }
    for op in asked(&mallory) {
        let reached = his.ask(op);
        assert!(
            !matches!(reached, Err(ErrorCode::NoSuchAccount)),
            "a block shuts one door, not the other: {reached:?}"
        );
    }
    assert_eq!(unblock(&mut his, &mallory), DONE);
    for op in asked(&bruno) {
        assert!(hers.ask(op).is_ok());
    }
}

#[test]
fn nobody_learns_of_accounts_by_blocking_nor_blocks_himself() {
    let world = World::new();
    let (bruno, mut his) = world.sign_up("bruno");
    let (mallory, _) = world.sign_up("mallory");
    let there = bytes(&mut his, Op::Block(wire::Block { account: mallory.account.to_wire() }));
    let not = bytes(&mut his, Op::Block(wire::Block { account: Person::new("nobody").account.to_wire() }));
    assert_eq!(there, not);
    assert_eq!(block(&mut his, &bruno), Err(ErrorCode::BadRequest));
    assert_eq!(his.ask(Op::Block(wire::Block { account: Bytes::new() })), Err(ErrorCode::BadRequest));
    assert_eq!(unblock(&mut his, &Person::new("somebody else")), DONE, "nothing to take back");
}

#[test]
fn tickets_that_were_out_are_void_and_mallory_gets_no_new_ones() {
    let mut world = World::new();
    let (bruno, mut his) = world.sign_up("bruno");
    let (mallory, mut hers) = world.sign_up("mallory");
    let (_, mut carla) = world.sign_up("carla");
    publish(&mut his);
    let mut anonymous = world.connect();
    let (mine, kept) = (hers.ticket(), ticket(hers.ask(claim(bruno.account))));
    let additions = vec![addition(mine, Bytes::new()), addition(kept, welcome("bruno"))];
    accepted(anonymous.ask(Op::CreateConversation(create(TALK, additions, 1))));
    assert_eq!(his.items().len(), 1);
    // She keeps two more: one that she claimed, and one that he sent around when he lost his place.
    let claimed = ticket(hers.ask(claim(bruno.account)));
    let resync = his.ticket();

    assert_eq!(block(&mut his, &mallory), DONE);
    let leave = Op::LeaveConversation(wire::LeaveConversation { conversation: TALK.to_wire() });
    assert_eq!(his.ask(leave), DONE);
    let bring_back = |ticket: Bytes, epoch, dedupe| {
        Op::Commit(wire::Commit {
            removals: vec![bruno.device.to_wire()],
            ..commit_adding(TALK, epoch, vec![addition(ticket, welcome("come back"))], dedupe)
        })
    };
    assert_eq!(anonymous.ask(bring_back(claimed, 1, 2)), Err(ErrorCode::BadTicket));
    assert_eq!(anonymous.ask(bring_back(resync, 1, 3)), Err(ErrorCode::BadTicket));
    accepted(anonymous.ask(Op::Send(send(TALK, 1, "are you there", 4))));
    assert_eq!(his.items(), [], "nothing of her reaches him");
    assert_eq!(hers.ask(claim(bruno.account)), Err(ErrorCode::NoSuchAccount));

    // A moment later all others find him as before, and he himself gets tickets that are good.
    world.now += 1;
    (his.now, carla.now, anonymous.now) = (world.now, world.now, world.now);
    let additions = vec![
        addition(carla.ticket(), Bytes::new()),
        addition(ticket(carla.ask(claim(bruno.account))), welcome("bruno")),
    ];
    let other = ConversationId([0x7b; 16]);
    accepted(anonymous.ask(Op::CreateConversation(create(other, additions, 5))));
    assert_eq!(his.items().len(), 1);
    // The door is the ticket: with a good one the very same commit passes.
    accepted(anonymous.ask(bring_back(his.ticket(), 1, 6)));
    assert_eq!(his.items().len(), 1);
}

#[test]
fn the_roster_does_not_tell_that_somebody_left() {
    let world = World::new();
    let (bruno, mut his) = world.sign_up("bruno");
    let (mallory, mut hers) = world.sign_up("mallory");
    let mut anonymous = world.connect();
    let additions = vec![addition(hers.ticket(), Bytes::new()), addition(his.ticket(), welcome("bruno"))];
    accepted(anonymous.ask(Op::CreateConversation(create(TALK, additions, 1))));
    let mut roster = |epoch| {
        let op = wire::ReadRoster { conversation: TALK.to_wire(), capability: capability(TALK, epoch) };
        match anonymous.ask(Op::ReadRoster(op)) {
            Ok(R::Roster(wire::Roster { mut devices, .. })) => {
                devices.sort();
                devices
            }
            other => panic!("{other:?}"),
        }
    };
    let before = roster(1);
    let leave = Op::LeaveConversation(wire::LeaveConversation { conversation: TALK.to_wire() });
    assert_eq!(his.ask(leave.clone()), DONE);
    assert_eq!(roster(1), before);
    let mut other = world.connect();
    accepted(other.ask(Op::Commit(commit(TALK, 1, 2))));
    assert_eq!(roster(2), before, "nor after a commit that does not remove him");
    his.items();
    assert_eq!(his.items(), []);
    // The relay that comes up again on the same store has kept it.
    let rng = Box::new(ChaCha20Rng::seed_from_u64(8));
    let settings = Settings { rates: RateLimits::lifted(), ..Settings::default() };
    let data = world.services.data().clone();
    let services = Services::open(data, settings, rng, NOW).now_or_never().unwrap().unwrap();
    let world = World { services, now: NOW };
    let mut again = world.connect();
    let op = wire::ReadRoster { conversation: TALK.to_wire(), capability: capability(TALK, 2) };
    let Ok(R::Roster(named)) = again.ask(Op::ReadRoster(op)) else { panic!() };
    assert_eq!(named.devices.len(), 2);
    let removal = wire::Commit { removals: vec![bruno.device.to_wire()], ..commit(TALK, 2, 3) };
    accepted(again.ask(Op::Commit(removal)));
    let op = wire::ReadRoster { conversation: TALK.to_wire(), capability: capability(TALK, 3) };
    let Ok(R::Roster(named)) = again.ask(Op::ReadRoster(op)) else { panic!() };
    assert_eq!(named.devices, [mallory.device.to_wire()], "the members' own commit takes him off");
    assert_eq!(world.login(&mallory).ask(leave), DONE, "the last one ends it");
}

#[test]
fn blocks_survive_a_restart_and_a_move() {
    let world = World::new();
    let (bruno, mut his) = world.sign_up("bruno");
    let (mallory, _) = world.sign_up("mallory");
    assert_eq!(block(&mut his, &mallory), DONE);
    let data = world.services.data().clone();
    let (mut file, moved) = (Vec::new(), MemoryData::new());
    export(&data, &mut file).unwrap();
    import(&file[..], &moved).unwrap();
    for data in [data, moved] {
        let settings = Settings { rates: RateLimits::lifted(), ..Settings::default() };
        let world = World::over(data, settings);
        let mut hers = world.login(&mallory);
        assert_eq!(hers.ask(by_handle("bruno")), Err(ErrorCode::NoSuchAccount));
        assert_eq!(hers.ask(claim(bruno.account)), Err(ErrorCode::NoSuchAccount));
        let mut his = world.login(&bruno);
        assert_eq!(unblock(&mut his, &mallory), DONE);
        assert!(hers.ask(by_handle("bruno")).is_ok());
    }
}

#[test]
fn so_many_can_be_blocked_and_no_more_and_not_too_fast() {
    let world = World::new();
    let (_, mut his) = world.sign_up("bruno");
    let account = |number: usize| {
        let mut id = [0xab; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        AccountId(id).to_wire()
    };
    for number in 0..limits::BLOCKED {
        assert_eq!(his.ask(Op::Block(wire::Block { account: account(number) })), DONE);
    }
    let one_more = Op::Block(wire::Block { account: account(limits::BLOCKED) });
    assert_eq!(his.ask(one_more.clone()), Err(ErrorCode::LimitReached));
    assert_eq!(his.ask(Op::Block(wire::Block { account: account(3) })), DONE, "it is there already");
    assert_eq!(his.ask(Op::Unblock(wire::Unblock { account: account(3) })), DONE);
    assert_eq!(his.ask(one_more), DONE);

    let rates = RateLimits { block: Rate { burst: 2, refill_ms: 1000 }, ..RateLimits::lifted() };
    let world = World::with(Settings { rates, ..Settings::default() });
    let (_, mut his) = world.sign_up("bruno");
    for (number, expected) in [(0, DONE), (1, DONE), (2, Err(ErrorCode::SlowDown))] {
        assert_eq!(his.ask(Op::Block(wire::Block { account: account(number) })), expected);
    }
}

/// Prints how long the answers take; asserts nothing, because a machine's times are no one's promise.
#[test]
#[expect(clippy::disallowed_methods, reason = "the time that an answer takes is printed")]
fn the_times_of_unknown_and_blocked_are_printed_side_by_side() {
    const ROUNDS: usize = 2000;
    let world = World::new();
    let (bruno, mut his) = world.sign_up("bruno");
    let (mallory, mut hers) = world.sign_up("mallory");
    publish(&mut his);
    assert_eq!(block(&mut his, &mallory), DONE);
    let nobody = Person::new("nobody");
    for (what, blocked, unknown) in [
        ("look-up by handle", by_handle("bruno"), by_handle("nobody")),
        ("look-up by account", by_account(bruno.account), by_account(nobody.account)),
        ("claim", claim(bruno.account), claim(nobody.account)),
    ] {
        let mut times: [Vec<Duration>; 2] = Default::default();
        for round in 0..2 * ROUNDS {
            let op = if round % 2 == 0 { blocked.clone() } else { unknown.clone() };
            let begun = Instant::now();
            assert_eq!(hers.ask(op), Err(ErrorCode::NoSuchAccount));
            times[round % 2].push(begun.elapsed());
        }
        let [blocked, unknown] = times.map(|mut times| {
            times.sort();
            (times[ROUNDS / 2], times[ROUNDS * 9 / 10])
        });
        println!(
            "{what}: blocked p50 {:?} p90 {:?}, unknown p50 {:?} p90 {:?}",
            blocked.0, blocked.1, unknown.0, unknown.1
        );
    }
}
