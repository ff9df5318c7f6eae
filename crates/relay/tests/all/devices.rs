//! The device list of an account and the linking of devices, as the relay sees them.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use futures_util::FutureExt;
use lacre_proto::wire::{self, request::Op, response::Result as R};
use lacre_proto::{DeviceId, ErrorCode, Millis, label};
use lacre_store::memory::MemoryData;
use prost::Message;

use crate::world::{NOW, Person, Socket, World, farewell, hash, key_package, public};

type Sock = Socket<MemoryData>;

/// Another device of a person.
pub(crate) fn second(person: &Person, number: u8) -> Person {
    Person {
        device: DeviceId([number; 16]),
        signing: SigningKey::from_bytes(&[number; 32]),
        ..person.clone()
    }
}

pub(crate) fn entry(device: &Person, quarantine_until_ms: Millis) -> wire::DeviceEntry {
    wire::DeviceEntry {
        device: device.device.to_wire(),
        signature_key: public(&device.signing),
        added_ms: NOW,
        quarantine_until_ms,
        added_by: Bytes::new(),
    }
}

/// The list after another one.
pub(crate) fn next(before: &wire::DeviceList, devices: Vec<wire::DeviceEntry>) -> wire::DeviceList {
    let previous = hash(&before.encode_to_vec());
    wire::DeviceList { version: before.version + 1, previous, devices, ..before.clone() }
}

pub(crate) fn update(socket: &mut Sock, person: &Person, list: &wire::DeviceList) -> Result<R, ErrorCode> {
    let device_list = Some(person.sign(label::DEVICE_LIST, list));
    socket.ask(Op::UpdateDeviceList(wire::UpdateDeviceList { device_list }))
}

fn login(world: &World, person: &Person) -> Result<R, ErrorCode> {
    let mut socket = world.connect();
    let op = person.login(socket.relay, &socket.nonce);
    socket.ask(Op::Login(op))
}

pub(crate) const DONE: Result<R, ErrorCode> = Ok(R::Done(wire::Done {}));

#[test]
fn a_device_of_the_newest_list_is_let_in_and_one_that_is_taken_out_is_gone() {
    let world = World::new();
    let (ana, mut old) = world.sign_up("ana");
    let (_, mut bruno) = world.sign_up("bruno");
    let tablet = second(&ana, 2);
    assert_eq!(login(&world, &tablet), Err(ErrorCode::LoginRefused), "no list names it");
    let first = ana.device_list();
    let both = next(&first, vec![entry(&ana, 0), entry(&tablet, 0)]);
    assert_eq!(update(&mut old, &ana, &both), DONE);
    assert_eq!(update(&mut old, &ana, &both), DONE, "its first answer was lost");
    let mut new = world.login(&tablet);
    let packages = wire::PublishKeyPackages { key_packages: vec![key_package("t")], ..Default::default() };
    new.ask(Op::PublishKeyPackages(packages)).unwrap();
    let ticket = new.ticket();
    // A session that is open ends, in the words that its person needs.
    assert_eq!(update(&mut old, &ana, &next(&both, vec![entry(&ana, 0)])), DONE);
    let last = std::iter::from_fn(|| new.session.next_push().now_or_never()).last().unwrap();
    assert_eq!(farewell(last), ErrorCode::DeviceRemoved);
    assert_eq!(login(&world, &tablet), Err(ErrorCode::DeviceRemoved));
    let stranger = Person { signing: SigningKey::from_bytes(&[9; 32]), ..tablet.clone() };
    assert_eq!(login(&world, &stranger), Err(ErrorCode::LoginRefused), "only the device itself is told");
    // What was kept for it is gone: its key packages and its tickets.
    let claim = wire::ClaimKeyPackages { account: ana.account.to_wire(), ..Default::default() };
    assert_eq!(bruno.ask(Op::ClaimKeyPackages(claim)), Err(ErrorCode::NoKeyPackages));
    let create = crate::world::create(
        lacre_proto::ConversationId([5; 16]),
        vec![crate::world::addition(ticket, Bytes::new())],
        1,
    );
    assert_eq!(world.connect().ask(Op::CreateConversation(create)), Err(ErrorCode::BadTicket));
}

#[test]
fn d02_a_list_that_goes_back_or_aside_is_refused() {
    let world = World::new();
    let (ana, mut socket) = world.sign_up("ana");
    let (mallory, mut hers) = world.sign_up("mallory");
    let (tablet, thief) = (second(&ana, 2), second(&ana, 3));
    let first = ana.device_list();
    let both = next(&first, vec![entry(&ana, 0), entry(&tablet, 0)]);
    let alone = next(&both, vec![entry(&ana, 0)]);
    let stale = Err(ErrorCode::StaleDeviceList);
    assert_eq!(update(&mut socket, &ana, &alone), stale, "a version was left out");
    assert_eq!(update(&mut socket, &ana, &both), DONE);
    assert_eq!(update(&mut socket, &ana, &alone), DONE);
    assert_eq!(update(&mut socket, &ana, &both), stale, "last week's list, with the device that was removed");
    let forked = wire::DeviceList { version: alone.version + 1, ..next(&both, vec![entry(&thief, 0)]) };
    assert_eq!(update(&mut socket, &ana, &forked), stale, "it continues another list");
    let good = next(&alone, vec![entry(&ana, 0), entry(&thief, 0)]);
    // Signed by somebody else, or for somebody else.
    assert_eq!(update(&mut socket, &mallory, &good), Err(ErrorCode::LoginRefused));
    assert_eq!(update(&mut hers, &mallory, &good), stale, "it is not hers to continue");
    let another = next(&mallory.device_list(), vec![entry(&thief, 0), entry(&mallory, 0)]);
    let moved = wire::DeviceList { account: ana.account.to_wire(), ..another };
    assert_eq!(update(&mut hers, &mallory, &moved), Err(ErrorCode::BadRequest));
    // A device keeps its key, and a removed one does not come back under its name.
    let exchanged = wire::DeviceEntry { device: ana.device.to_wire(), ..entry(&thief, 0) };
    assert_eq!(update(&mut socket, &ana, &next(&alone, vec![exchanged])), Err(ErrorCode::BadRequest));
    let again = next(&alone, vec![entry(&ana, 0), entry(&tablet, 0)]);
    assert_eq!(update(&mut socket, &ana, &again), Err(ErrorCode::BadRequest));
    let many = (0..9).map(|number| entry(&second(&ana, 10 + number), 0)).collect();
    assert_eq!(update(&mut socket, &ana, &next(&alone, many)), Err(ErrorCode::LimitReached));
    assert_eq!(update(&mut socket, &ana, &good), DONE, "nothing of all that has moved anything");
}

#[test]
fn a_device_in_quarantine_changes_no_list() {
    let mut world = World::new();
    let (ana, mut old) = world.sign_up("ana");
    let tablet = second(&ana, 2);
    let both = next(&ana.device_list(), vec![entry(&ana, 0), entry(&tablet, NOW + 1000)]);
    assert_eq!(update(&mut old, &ana, &both), DONE);
    let alone = next(&both, vec![entry(&tablet, 0)]);
    assert_eq!(update(&mut world.login(&tablet), &ana, &alone), Err(ErrorCode::InQuarantine));
    world.now += 1000;
    assert_eq!(update(&mut world.login(&tablet), &ana, &alone), DONE);
}

#[test]
fn ones_own_devices_give_several_key_packages_at_once_and_only_to_oneself() {
    let world = World::new();
    let (ana, mut old) = world.sign_up("ana");
    let (_, mut bruno) = world.sign_up("bruno");
    let tablet = second(&ana, 2);
    let both = next(&ana.device_list(), vec![entry(&ana, 0), entry(&tablet, 0)]);
    assert_eq!(update(&mut old, &ana, &both), DONE);
    let key_packages = ["1", "2", "3"].map(key_package).to_vec();
    let last_resort = key_package("last");
    let packages = wire::PublishKeyPackages { key_packages, last_resort, replace: false };
    world.login(&tablet).ask(Op::PublishKeyPackages(packages)).unwrap();
    let claim = |count| {
        let devices = vec![tablet.device.to_wire()];
        Op::ClaimKeyPackages(wire::ClaimKeyPackages { account: ana.account.to_wire(), devices, count })
    };
    assert_eq!(bruno.ask(claim(2)), Err(ErrorCode::BadRequest));
    let count = |answer| match answer {
        Ok(R::Claimed(claimed)) => claimed.claims.iter().map(|claim| claim.last_resort).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(old.ask(claim(2))), [false, false]);
    assert_eq!(count(old.ask(claim(2))), [false, true], "then the last resort, once");
}

#[test]
fn d04_a_link_is_taken_once_and_lives_a_minute() {
    let mut world = World::new();
    let link = |number: u8| Bytes::from(vec![number; 32]);
    let put = |world: &World, of, step, body: &'static [u8]| {
        world.connect().ask(Op::PutLink(wire::PutLink { link: link(of), step, body: body.into() }))
    };
    let take = |world: &World, of, step| match world
        .connect()
        .ask(Op::TakeLink(wire::TakeLink { link: link(of), step }))
    {
        Ok(R::LinkBody(body)) => Ok(body.body),
        Err(code) => Err(code),
        other => panic!("{other:?}"),
    };
    let none = ErrorCode::NoSuchLink;
    assert_eq!(take(&world, 1, 1), Err(none), "never opened");
    assert_eq!(put(&world, 1, 2, b"early"), Err(none));
    assert_eq!(put(&world, 1, 1, b"offer"), DONE);
    assert_eq!(put(&world, 1, 1, b"another offer"), Err(none));
    assert_eq!(take(&world, 1, 2), Ok(Bytes::new()), "not yet");
    assert_eq!(put(&world, 1, 2, b"early"), Err(none), "nobody has taken the offer");
    assert_eq!(take(&world, 1, 1).as_deref(), Ok(&b"offer"[..]));
    assert_eq!(take(&world, 1, 1), Err(none), "used");
    assert_eq!(put(&world, 1, 2, b"number"), DONE);
    assert_eq!(take(&world, 1, 2).as_deref(), Ok(&b"number"[..]));
    assert_eq!(put(&world, 1, 2, b"number"), Err(none), "nor is a step put twice");
    assert_eq!(put(&world, 2, 1, b"late"), DONE);
    world.now += 60_000;
    assert_eq!(take(&world, 2, 1), Err(none), "its minute is over");
    assert_eq!(put(&world, 1, 3, b"bundle"), DONE, "a linking under way has its time");
    world.now += 600_000;
    assert_eq!(take(&world, 1, 3), Err(none));
    world.services.sweep(world.now, 100).now_or_never().unwrap().unwrap();
    assert_eq!(put(&world, 1, 1, b"anew"), DONE, "the sweep has forgotten it");
    assert_eq!(put(&world, 3, 4, b"x"), Err(ErrorCode::BadRequest));
}
