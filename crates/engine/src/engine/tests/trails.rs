//! M-10: a member lies about where it was, so that a group goes on by another hand than it should.

use lacre_proto::wire::{self, request::Op};
use lacre_proto::{AccountId, ConversationId, DeviceId};

use crate::api::{Event, Intent};
use crate::defence::{Defence, Defences};
use crate::engine::state::{Been, Mark};
use crate::harness::world::{World, text};
use crate::records::{
    Change, ConversationKind, ConversationRecord, ConversationState, MessageRecord, Records, key,
};

const GROUP: &str = "Família";

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn rows(world: &World, name: &str, id: ConversationId) -> Vec<MessageRecord> {
    Records(&world.people[name].store).messages_after(id, None, 1_000).unwrap()
}

fn open(world: &World, name: &str) -> Vec<ConversationId> {
    let all = Records(&world.people[name].store).conversations().unwrap();
    let open =
        |it: &ConversationRecord| it.kind == ConversationKind::Group && it.state == ConversationState::Open;
    all.into_iter().filter(open).map(|it| it.id).collect()
}

/// Whom somebody's rows name who say that the group was split.
fn told(world: &World, name: &str, id: ConversationId) -> Vec<Option<AccountId>> {
    let told = |row: MessageRecord| match row.change {
        Some(Change::Split(named)) => Some(named.and_then(|named| named.account)),
        _ => None,
    };
    rows(world, name, id).into_iter().filter_map(told).collect()
}

fn marks(world: &World, name: &str, id: ConversationId) -> Vec<Mark> {
    let been: Option<Been> =
        Records(&world.people[name].store).read("trail", &key::conversation(key::BEEN, id)).unwrap();
    been.unwrap().marks
}

/// The group that `maker` has made with the others.
fn made_by(maker: &str, others: &[&str], all: &[&'static str]) -> (World, ConversationId) {
    let mut world = World::of(all);
    let people = others.iter().map(|name| name.parse().unwrap()).collect();
    world.intent(maker, Intent::CreateGroup(GROUP.to_owned(), people));
    world.run();
    let id = world.conversation(maker, GROUP).id;
    world.intent(maker, Intent::Send(id, text("olá")));
    world.run();
    (world, id)
}

/// Says, signed by a member's device, that it was elsewhere since an epoch.
fn lie(world: &mut World, name: &str, id: ConversationId, since: u64) {
    let (device, now) = (world.device(name), world.now);
    let liar = &world.people[name];
    let trail = liar.engine.false_trail(&liar.store, id, since, now).unwrap();
    let op = wire::RequestResync { conversation: id.to_wire(), request: None, trail: Some(trail) };
    world.relay.request(Some(device), Op::RequestResync(op)).unwrap();
    world.run();
}

fn without_heirs(world: &mut World, names: &[&str]) {
    for name in names {
        world.person(name).engine.disarm(Defences::without([Defence::Heir]));
    }
}

/// The first epoch that a device has in common with another, whose heir is somebody.
fn when_heir(world: &World, name: &str, id: ConversationId, heir: AccountId) -> u64 {
    let marks = marks(world, name, id);
    let then = marks.iter().find(|mark| mark.heir.is_some_and(|(account, _)| account == heir));
    then.expect("she was the heir once").epoch
}

#[test]
fn m10_who_is_no_admin_any_more_is_nobodys_heir_however_she_lies() {
    for armed in [true, false] {
        let (mut world, id) =
            made_by("mallory", &["ana", "bruno", "carla"], &["ana", "bruno", "carla", "mallory"]);
        world.intent("mallory", Intent::SetRole(id, "ana".parse().unwrap(), true));
        world.run();
        world.intent("ana", Intent::SetRole(id, "mallory".parse().unwrap(), false));
        world.run();
        let victims = ["ana", "bruno", "carla"];
        if !armed {
            without_heirs(&mut world, &victims);
        }
        let mallory = account(&world, "mallory");
        let since = when_heir(&world, "bruno", id, mallory) + 1;
        lie(&mut world, "mallory", id, since);
        for name in victims {
            if armed {
                assert_eq!(told(&world, name, id), [None], "{name}");
                assert_eq!(open(&world, name), [id], "{name} goes on in the group");
            } else {
                assert_eq!(told(&world, name, id), [Some(mallory)], "{name}");
                assert_eq!(open(&world, name), [], "{name} waits for her");
            }
        }
    }
}

#[test]
fn m10_who_was_removed_is_nobodys_heir_though_a_member_lies_for_her() {
    for armed in [true, false] {
        let (mut world, id) =
            made_by("mallory", &["ana", "bruno", "carla"], &["ana", "bruno", "carla", "mallory"]);
        world.intent("mallory", Intent::SetRole(id, "ana".parse().unwrap(), true));
        world.run();
        world.intent("ana", Intent::RemoveFromGroup(id, vec!["mallory".parse().unwrap()]));
        world.run();
        if !armed {
            without_heirs(&mut world, &["ana", "carla"]);
        }
        let mallory = account(&world, "mallory");
        let since = when_heir(&world, "ana", id, mallory) + 1;
        lie(&mut world, "bruno", id, since);
        for name in ["ana", "carla"] {
            let heir = (!armed).then_some(mallory);
            assert_eq!(told(&world, name, id), [heir], "{name}");
            assert_eq!(open(&world, name).is_empty(), !armed, "{name}");
        }
    }
}

#[test]
fn who_comes_in_notes_the_same_heir_as_everybody_else() {
    // The first admin by id is not the one with the lowest leaf.
    let mut names = ["ana", "bruno"];
    let world = World::of(&["ana", "bruno", "carla"]);
    names.sort_by_key(|name| account(&world, name));
    let [first, maker] = names;
    let (mut world, id) = made_by(maker, &[first], &["ana", "bruno", "carla"]);
    world.intent(maker, Intent::SetRole(id, first.parse().unwrap(), true));
    world.run();
    world.intent(maker, Intent::AddToGroup(id, vec!["carla".parse().unwrap()]));
    world.run();
    let newest = |name: &str| marks(&world, name, id).pop().unwrap();
    let (hers, theirs) = (newest("carla"), newest(maker));
    assert_eq!((hers.epoch, hers.digest), (theirs.epoch, theirs.digest));
    assert_eq!(theirs.heir, Some((account(&world, first), world.device(first))));
    assert_eq!(hers.heir, theirs.heir);
}

#[test]
fn another_device_of_the_heir_begins_anew_when_the_one_that_was_noted_is_gone() {
    let (mut world, id) = made_by("ana", &["bruno", "carla"], &["ana", "bruno", "carla"]);
    world.link("ana", "ana/phone", 77);
    world.wait(60_000);
    let (laptop, phone) = (world.device("ana"), world.device("ana/phone"));
    world.intent("ana", Intent::ApproveDevice(phone));
    world.run();
    world.wait(60_000);
    world.disconnect("ana/phone");
    world.connect("ana/phone");
    world.run();
    world.disconnect("ana");
    world.person("ana/phone").events.clear();
    world.intent("ana/phone", Intent::RevokeDevice(laptop));
    let refused = world.people["ana/phone"].events.iter().any(|it| matches!(it, Event::Refused(..)));
    assert!(!refused, "it is approved");
    world.run();
    world.wait(600_000);
    let of = |mark: &Mark, device: DeviceId| mark.heir.is_some_and(|(_, heir)| heir == device);
    let noted = marks(&world, "bruno", id);
    let since = noted.iter().filter(|mark| of(mark, laptop)).map(|mark| mark.epoch).max();
    assert!(of(noted.last().unwrap(), phone), "{noted:?}");
    lie(&mut world, "carla", id, since.expect("it was the heir") + 1);
    world.wait(120_000);
    let new = open(&world, "ana/phone");
    assert_ne!(new, [id]);
    assert_eq!(open(&world, "bruno"), new, "the group goes on, once");
    assert_eq!(told(&world, "bruno", new[0]), [Some(account(&world, "ana"))]);
}

#[test]
fn of_where_a_device_was_nothing_stays_when_it_has_left() {
    let (mut world, id) = made_by("ana", &["bruno"], &["ana", "bruno"]);
    world.say("ana", "bruno", "olá");
    world.run();
    let direct = world.conversation("ana", "bruno").id;
    let kept =
        |world: &World, id| world.people["bruno"].store.0.contains_key(&key::conversation(key::BEEN, id));
    assert!(kept(&world, id) && kept(&world, direct));
    world.intent("bruno", Intent::LeaveGroup(id));
    world.run();
    let ana = account(&world, "ana");
    world.intent("bruno", Intent::Block(ana));
    world.run();
    assert!(!kept(&world, id) && !kept(&world, direct));
}
