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

fn ask(world: &World, socket: &mut Sock, wish: Wish, behind_ms: Option<Millis>) -> wire::Led {
    socket.now = world.now;
    match socket.ask(Op::Lead(wire::Lead { wish: wish.into(), behind_ms })) {
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
    assert_eq!(ask(&world, &mut two, Wish::Look, None), wire::Led::default(), "who only looks does not lead");
    let led = ask(&world, &mut one, Wish::Lead, Some(0));
    assert_eq!((led.device, led.for_ms, led.behind_ms), (first.device.to_wire(), LEAD, None));
    let led = ask(&world, &mut two, Wish::Lead, Some(0));
    assert_eq!((led.device, led.for_ms), (first.device.to_wire(), LEAD), "one at a time");
    assert_eq!(led.behind_ms, None, "what it says of itself counts only while it leads");
    world.now += LEAD / 3;
    assert_eq!(ask(&world, &mut one, Wish::Lead, Some(5_000)).behind_ms, Some(5_000));
    world.now += LEAD / 3;
    let led = ask(&world, &mut one, Wish::Lead, None);
    assert_eq!((led.for_ms, led.behind_ms), (LEAD, Some(5_000 + LEAD / 3)), "it goes on, and knows no more");
    world.now += LEAD - 1;
    assert_eq!(ask(&world, &mut two, Wish::Lead, None).for_ms, 1);
    world.now += 1;
    let led = ask(&world, &mut two, Wish::Lead, None);
    assert_eq!((led.device, led.for_ms), (other.device.to_wire(), LEAD));
    assert_eq!(led.behind_ms, Some(5_000 + LEAD / 3 + LEAD), "it knows from where it has to go on");
    let led = ask(&world, &mut one, Wish::Lead, Some(0));
    assert_eq!(led.device, other.device.to_wire(), "the first is back, and waits");
}

#[test]
fn the_lead_is_taken_over_given_up_and_lost_with_the_device() {
    let world = World::new();
    let (first, mut one, other) = shop(&world);
    let mut two = world.login(&other);
    ask(&world, &mut one, Wish::Lead, None);
    assert_eq!(
        ask(&world, &mut two, Wish::StepDown, None).device,
        first.device.to_wire(),
        "not its own to give up"
    );
    assert_eq!(ask(&world, &mut two, Wish::TakeOver, None).device, other.device.to_wire());
    assert_eq!(ask(&world, &mut one, Wish::Lead, None).device, other.device.to_wire());
    assert_eq!(
        ask(&world, &mut two, Wish::StepDown, Some(0)),
        wire::Led { behind_ms: Some(0), ..wire::Led::default() }
    );
    assert_eq!(ask(&world, &mut one, Wish::Lead, None).device, first.device.to_wire(), "at once");
    assert_eq!(ask(&world, &mut two, Wish::TakeOver, None).device, other.device.to_wire());
    // What leads is taken out of the account: nobody waits for it.
    let both = next(&first.device_list(), vec![entry(&first, 0), entry(&other, 0)]);
    assert_eq!(update(&mut one, &first, &next(&both, vec![entry(&first, 0)])), DONE);
    assert_eq!(ask(&world, &mut one, Wish::Lead, None).device, first.device.to_wire());
    // Nobody else's account is led by it.
    let (_, mut mallory) = world.sign_up("mallory");
    assert_eq!(ask(&world, &mut mallory, Wish::Look, None), wire::Led::default());
}

#[test]
fn who_asks_too_often_or_for_nothing_is_refused() {
    let world = World::with(Settings {
        rates: RateLimits { lead: Rate { burst: 2, refill_ms: 1_000 }, ..RateLimits::lifted() },
        ..Settings::default()
    });
    let (_, mut socket) = world.sign_up("shop");
    let unknown = wire::Lead { wish: 9, behind_ms: None };
    assert_eq!(socket.ask(Op::Lead(unknown)), Err(ErrorCode::BadRequest));
    ask(&world, &mut socket, Wish::Lead, None);
    ask(&world, &mut socket, Wish::Lead, None);
    let third = wire::Lead { wish: Wish::Lead.into(), behind_ms: None };
    assert_eq!(socket.ask(Op::Lead(third)), Err(ErrorCode::SlowDown));
}
