//! One person, several devices.

use crate::api::{Alert, Event, Intent, Refusal};
use crate::harness::world::World;
use crate::records::MessageState;

const DAY: u64 = 24 * 3600 * 1000;

/// What is under way is done, time passes, and what that brought is done.
fn pass(world: &mut World, time: u64) {
    world.run();
    world.wait(time);
    world.run();
}

/// Ana and Bruno talk; Ana has a phone too.
fn with_phone() -> World {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "from the laptop");
    world.run();
    world.link("ana", "ana/phone", 77);
    pass(&mut world, 60_000);
    world
}

fn refused(world: &mut World, name: &str, intent: Intent) -> Option<Refusal> {
    world.person(name).events.clear();
    world.intent(name, intent);
    world.person(name).events.iter().find_map(|event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    })
}

#[test]
fn a_linked_phone_is_in_every_conversation_and_hears_what_is_said_from_now_on() {
    let mut world = with_phone();
    world.say("bruno", "ana", "hello both of you");
    world.say("ana", "bruno", "still from the laptop");
    world.say("ana/phone", "bruno", "and from the phone");
    pass(&mut world, 5_000);
    let all = ["from the laptop", "hello both of you", "still from the laptop", "and from the phone"];
    let sorted = |name: &str, with: &str| {
        let mut seen = world.seen(name, with);
        seen.sort();
        seen
    };
    let mut expected = all.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(sorted("ana", "bruno"), expected);
    assert_eq!(sorted("bruno", "ana"), expected);
    expected.retain(|text| text != "from the laptop");
    assert_eq!(sorted("ana/phone", "bruno"), expected, "without what was said before it came");
    assert_eq!(world.seen("ana", "bruno")[1..], world.seen("ana/phone", "bruno")[..], "in one order");
    let mine: Vec<bool> = world.rows("ana/phone", "bruno").iter().map(|row| row.mine).collect();
    assert_eq!(mine.iter().filter(|mine| **mine).count(), 2, "what she wrote on the laptop is hers too");
    for name in ["ana", "bruno", "ana/phone"] {
        assert_eq!(world.alerts(name), [], "{name}");
    }
}

#[test]
fn somebody_who_writes_first_reaches_all_devices() {
    let mut world = World::of(&["ana", "bruno"]);
    world.link("ana", "ana/phone", 77);
    world.say("bruno", "ana", "hello");
    pass(&mut world, 5_000);
    assert_eq!(world.seen("ana", "bruno"), ["hello"]);
    assert_eq!(world.seen("ana/phone", "bruno"), ["hello"]);
    world.say("ana/phone", "bruno", "hello from both");
    pass(&mut world, 5_000);
    assert_eq!(world.seen("ana", "bruno"), ["hello", "hello from both"]);
    assert_eq!(world.seen("bruno", "ana"), ["hello", "hello from both"]);
}

#[test]
fn ana_writes_first_with_two_devices_and_both_have_it() {
    let mut world = World::of(&["ana", "bruno"]);
    world.link("ana", "ana/phone", 77);
    world.say("ana/phone", "bruno", "hello");
    pass(&mut world, 5_000);
    assert_eq!(world.seen("bruno", "ana"), ["hello"]);
    assert_eq!(world.seen("ana", "bruno"), ["hello"]);
}

#[test]
fn a_message_is_delivered_when_one_device_has_it_and_read_on_one_is_read_on_both() {
    let mut world = with_phone();
    world.disconnect("ana");
    let id = world.say("bruno", "ana", "are you there?");
    pass(&mut world, 5_000);
    assert_eq!(world.state("bruno", "ana", id), MessageState::Delivered);
    let conversation = world.conversation("ana/phone", "bruno").id;
    assert_eq!(world.conversation("ana/phone", "bruno").unread, 1);
    world.intent("ana/phone", Intent::MarkRead(conversation, id));
    pass(&mut world, 5_000);
    assert_eq!(world.state("bruno", "ana", id), MessageState::Read);
    world.connect("ana");
    pass(&mut world, 5_000);
    assert_eq!(world.conversation("ana", "bruno").unread, 0, "read on the phone");
    assert_eq!(world.alerts("ana"), []);
}

#[test]
fn a_revoked_phone_is_out_of_every_conversation_and_reads_nothing_more() {
    let mut world = with_phone();
    let phone = world.device("ana/phone");
    world.disconnect("ana/phone");
    world.intent("ana", Intent::RevokeDevice(phone));
    pass(&mut world, 5_000);
    world.say("bruno", "ana", "only for the laptop");
    pass(&mut world, 5_000);
    let id = world.conversation("ana", "bruno").id;
    assert!(!world.relay.groups[&id].roster.contains(&phone));
    assert_eq!(world.seen("ana", "bruno").last().map(String::as_str), Some("only for the laptop"));
    assert_eq!(refused(&mut world, "ana", Intent::RevokeDevice(phone)), Some(Refusal::NoSuchDevice));
    for name in ["ana", "bruno"] {
        assert_eq!(world.alerts(name), [], "{name}");
    }
}

#[test]
fn a_new_device_lets_in_and_takes_out_nobody_for_a_day() {
    let mut world = with_phone();
    let laptop = world.device("ana");
    let quarantine = Some(Refusal::InQuarantine);
    assert_eq!(refused(&mut world, "ana/phone", Intent::RevokeDevice(laptop)), quarantine);
    let code = "0".repeat(32).parse().unwrap();
    assert_eq!(refused(&mut world, "ana/phone", Intent::Link(code)), quarantine);
    let phone = world.device("ana/phone");
    assert_eq!(
        refused(&mut world, "ana/phone", Intent::ApproveDevice(phone)),
        Some(Refusal::NotByThisDevice)
    );
    pass(&mut world, DAY);
    world.link("ana/phone", "ana/tablet", 78);
    pass(&mut world, 60_000);
    world.say("bruno", "ana", "to all three");
    pass(&mut world, 5_000);
    assert_eq!(world.seen("ana/tablet", "bruno"), ["to all three"]);
}

#[test]
fn where_there_are_others_who_let_a_device_in_does_not_approve_it() {
    let mut world = with_phone();
    let phone = world.device("ana/phone");
    assert_eq!(refused(&mut world, "ana", Intent::ApproveDevice(phone)), None, "there is nobody else");
    pass(&mut world, 5_000);
    world.link("ana", "ana/tablet", 78);
    pass(&mut world, 60_000);
    let tablet = world.device("ana/tablet");
    let not_here = Some(Refusal::NotByThisDevice);
    assert_eq!(refused(&mut world, "ana", Intent::ApproveDevice(tablet)), not_here);
    assert_eq!(refused(&mut world, "ana/phone", Intent::ApproveDevice(tablet)), None);
    pass(&mut world, 60_000);
    world.disconnect("ana/tablet");
    world.connect("ana/tablet");
    world.run();
    assert_eq!(refused(&mut world, "ana/tablet", Intent::RevokeDevice(phone)), None);
}

#[test]
fn d03_every_other_device_is_told_of_a_new_one() {
    let mut world = with_phone();
    world.person("ana/phone").events.clear();
    world.link("ana", "ana/tablet", 78);
    pass(&mut world, 60_000);
    world.disconnect("ana/phone");
    world.connect("ana/phone");
    world.run();
    let tablet = world.device("ana/tablet");
    assert!(world.alerts("ana/phone").contains(&Alert::DeviceAdded(tablet)));
}

#[test]
fn d02_a_list_that_goes_back_is_not_believed() {
    let armed: &[bool] = if cfg!(feature = "evil") { &[true, false] } else { &[true] };
    for &armed in armed {
        let mut world = with_phone();
        let old = world.relay.accounts.iter().find(|account| account.handle == "ana").unwrap().clone();
        let phone = world.device("ana/phone");
        world.intent("ana", Intent::RevokeDevice(phone));
        pass(&mut world, 60_000);
        let at = world.relay.accounts.iter().position(|account| account.handle == "ana").unwrap();
        world.relay.accounts[at] = old;
        #[cfg(feature = "evil")]
        if !armed {
            use crate::defence::{Defence, Defences};
            world.person("ana").engine.disarm(Defences::without([Defence::DeviceList]));
        }
        world.disconnect("ana");
        world.connect("ana");
        world.run();
        assert_eq!(world.alerts("ana").contains(&Alert::FalseDeviceList), armed);
        let back = world.person("ana").engine.devices().entry(phone).is_some();
        assert_eq!(back, !armed, "the phone that was removed is one of hers again without the defence");
        pass(&mut world, 60_000);
        let id = world.conversation("ana", "bruno").id;
        assert!(!armed || !world.relay.groups[&id].roster.contains(&phone));
    }
}

#[cfg(feature = "evil")]
#[test]
fn d03_a_list_with_another_device_that_the_identity_key_has_not_signed_is_refused() {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    let mut world = with_phone();
    let me = world.people["ana"].engine.me().clone();
    let ghost = lacre_proto::DeviceId([0xee; 16]);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let forged = crate::evil::Forged::of(me.account, ghost, me.handle, world.now, &mut rng).unwrap();
    let at = world.relay.accounts.iter().position(|account| account.handle == "ana").unwrap();
    let honest = world.relay.accounts[at].device_list.replace(forged.device_list);
    world.disconnect("ana");
    world.connect("ana");
    world.run();
    assert_eq!(world.alerts("ana"), [Alert::FalseDeviceList]);
    assert!(world.person("ana").engine.devices().entry(ghost).is_none());
    // The control: a list with one more device that is signed is believed, and told of.
    world.relay.accounts[at].device_list = honest;
    world.disconnect("ana/phone");
    world.link("ana", "ana/tablet", 78);
    pass(&mut world, 60_000);
    world.connect("ana/phone");
    world.run();
    let tablet = world.device("ana/tablet");
    assert!(world.alerts("ana/phone").contains(&Alert::DeviceAdded(tablet)));
}
