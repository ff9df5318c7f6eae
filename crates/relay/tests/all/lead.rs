//! Which of an account's devices leads the others, as the relay says.

use lacre_proto::wire::{self, Wish, request::Op, response::Result as R};
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_relay::limits::{Rate, RateLimits};
use lacre_relay::services::Settings;
use lacre_store::memory::MemoryData;

use crate::devices::{DONE, entry, next, second, update};
use crate::world::{Person, Socket, World};

type Sock = Socket<MemoryData>;

const LEAD: Millis = limits::LEAD.as_millis() as Millis;

fn ask(world: &World, socket: &mut Sock, wish: Wish) -> wire::Led {
    socket.now = world.now;
    match socket.ask(Op::Lead(wire::Lead { wish: wish.into() })) {
        Ok(R::Led(led)) => led,
        other => panic!("{other:?}"),
    }
}

/// A shop with two nodes.
fn shop(world: &World) -> (Person, Sock, Person) {
    let (first, mut socket) = world.sign_up("shop");
    let other = second(&first, 2);
    let both = next(&first.device_list(), vec![entry(&first, 0), entry(&other, 0)]);
    assert_eq!(update(&mut socket, &first, &both), DONE);
    (first, socket, other)
}

#[test]
fn one_leads_until_it_asks_no_more_and_then_another_may() {
    let mut world = World::new();
    let (first, mut one, other) = shop(&world);
    let mut two = world.login(&other);
    assert_eq!(ask(&world, &mut two, Wish::Look), wire::Led::default(), "who only looks does not lead");
    let led = ask(&world, &mut one, Wish::Lead);
    assert_eq!((led.device, led.for_ms), (first.device.to_wire(), LEAD));
    let led = ask(&world, &mut two, Wish::Lead);
    assert_eq!((led.device, led.for_ms), (first.device.to_wire(), LEAD), "one at a time");
    world.now += LEAD / 3;
    assert_eq!(ask(&world, &mut one, Wish::Lead).for_ms, LEAD, "it goes on");
    world.now += LEAD - 1;
    assert_eq!(ask(&world, &mut two, Wish::Lead).for_ms, 1);
    world.now += 1;
    let led = ask(&world, &mut two, Wish::Lead);
    assert_eq!((led.device, led.for_ms), (other.device.to_wire(), LEAD));
    let led = ask(&world, &mut one, Wish::Lead);
    assert_eq!(led.device, other.device.to_wire(), "the first is back, and waits");
}

#[test]
fn the_lead_is_taken_over_given_up_and_lost_with_the_device() {
    let world = World::new();
    let (first, mut one, other) = shop(&world);
    let mut two = world.login(&other);
    ask(&world, &mut one, Wish::Lead);
    assert_eq!(
        ask(&world, &mut two, Wish::StepDown).device,
        first.device.to_wire(),
        "not its own to give up"
    );
    assert_eq!(ask(&world, &mut two, Wish::TakeOver).device, other.device.to_wire());
    assert_eq!(ask(&world, &mut one, Wish::Lead).device, other.device.to_wire());
    assert_eq!(ask(&world, &mut two, Wish::StepDown), wire::Led::default());
    assert_eq!(ask(&world, &mut one, Wish::Lead).device, first.device.to_wire(), "at once");
    assert_eq!(ask(&world, &mut two, Wish::TakeOver).device, other.device.to_wire());
    // What leads is taken out of the account: nobody waits for it.
    let both = next(&first.device_list(), vec![entry(&first, 0), entry(&other, 0)]);
    assert_eq!(update(&mut one, &first, &next(&both, vec![entry(&first, 0)])), DONE);
    assert_eq!(ask(&world, &mut one, Wish::Lead).device, first.device.to_wire());
    // Nobody else's account is led by it.
    let (_, mut mallory) = world.sign_up("mallory");
    assert_eq!(ask(&world, &mut mallory, Wish::Look), wire::Led::default());
}

#[test]
fn who_asks_too_often_or_for_nothing_is_refused() {
    let world = World::with(Settings {
        rates: RateLimits { lead: Rate { burst: 2, refill_ms: 1_000 }, ..RateLimits::lifted() },
        ..Settings::default()
    });
    let (_, mut socket) = world.sign_up("shop");
    let unknown = wire::Lead { wish: 9 };
    assert_eq!(socket.ask(Op::Lead(unknown)), Err(ErrorCode::BadRequest));
    ask(&world, &mut socket, Wish::Lead);
    ask(&world, &mut socket, Wish::Lead);
    let third = wire::Lead { wish: Wish::Lead.into() };
    assert_eq!(socket.ask(Op::Lead(third)), Err(ErrorCode::SlowDown));
}
