//! Attacks on groups by a member with valid keys, each with its defence on, and off to see that it was the
//! defence.

use lacre_proto::wire::{self, item::Kind};
use lacre_proto::{AccountId, ConversationId};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::Alert;
use crate::api::Intent;
use crate::content::{Content, Fact, NoEntry};
use crate::defence::{Defence, Defences};
use crate::evil::{Crime, Forbidden, Forged};
use crate::harness::world::{World, text};
use crate::records::{
    Allowed, Change, ConversationKind, ConversationState, MessageRecord, Records, Rules, Standing,
};

const GROUP: &str = "Família";
const CLOSED: Rules = Rules { add: Allowed::Admins, edit: Allowed::Admins, send: Allowed::All };

/// Ana's group with Bruno and Mallory, in which only admins add and edit; Carla is not in it.
fn family() -> (World, ConversationId) {
    let mut world = World::of(&["ana", "bruno", "carla", "mallory"]);
    let people = vec!["bruno".parse().unwrap(), "mallory".parse().unwrap()];
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), people));
    world.run();
    let id = world.conversation("ana", GROUP).id;
    world.intent("ana", Intent::SetRules(id, CLOSED));
    world.run();
    world.intent("bruno", Intent::Send(id, text("olá")));
    world.run();
    for name in ["ana", "bruno", "mallory"] {
        assert_eq!(world.alerts(name), [], "{name}");
    }
    (world, id)
}

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn epoch_of(world: &World, name: &str, id: ConversationId) -> Option<u64> {
    let person = &world.people[name];
    person.engine.epoch(&person.store, id, &mut ChaCha20Rng::seed_from_u64(1))
}

fn rows(world: &World, name: &str, id: ConversationId) -> Vec<MessageRecord> {
    Records(&world.people[name].store).messages_after(id, None, 1_000).unwrap()
}

fn refused(world: &World, name: &str) -> usize {
    world.alerts(name).iter().filter(|alert| matches!(alert, Alert::PolicyRefused(_))).count()
}

/// The group as somebody has it: members, admins, rules, name.
fn facts(world: &World, name: &str, id: ConversationId) -> (Vec<String>, Vec<String>, Rules, String) {
    let records = Records(&world.people[name].store);
    let group = records.group(id).unwrap().unwrap();
    let members = records.group_members(id).unwrap();
    let names = |admins: bool| {
        members.iter().filter(|it| it.admin || !admins).map(|it| it.handle.to_string()).collect::<Vec<_>>()
    };
    (names(false), names(true), group.rules, records.conversation(id).unwrap().unwrap().title)
}

/// The one group that is open on somebody's device.
fn living(world: &World, name: &str) -> ConversationId {
    let all = Records(&world.people[name].store).conversations().unwrap();
    let open: Vec<_> = all
        .iter()
        .filter(|it| it.kind == ConversationKind::Group && it.state == ConversationState::Open)
        .collect();
    assert_eq!(open.len(), 1, "{name}: {all:?}");
    open[0].id
}

fn leaf(world: &World, of: &str, name: &str, id: ConversationId) -> u32 {
    let store = &world.people[of].store;
    let all = Records(store).all::<crate::engine::state::Member>(
        "member",
        &crate::records::key::conversation(crate::records::key::MEMBER, id),
    );
    all.unwrap().into_iter().find(|(_, member)| member.account == account(world, name)).unwrap().1.leaf
}

fn package(world: &World, name: &str) -> Vec<u8> {
    world.relay.packages[&world.device(name)].0[0].to_vec()
}

#[test]
fn a_link_to_a_group_that_goes_on_as_a_new_one_is_void() {
    let (mut world, old) = family();
    world.say("ana", "carla", "hi");
    world.intent("ana", Intent::SetGroupLink(old, Some(0)));
    world.run();
    let link = Records(&world.people["ana"].store).group_link(old).unwrap().unwrap().0;
    let crime = Forbidden::Admins(vec![account(&world, "mallory")]);
    world.crime("mallory", GROUP, Crime::Commit(crime));
    world.run();
    world.wait(60_000);
    let new = living(&world, "ana");
    assert_ne!(new, old);
    let records = Records(&world.people["ana"].store);
    assert_eq!(records.group(new).unwrap().unwrap().link, None);
    assert!(records.group_link(new).unwrap().is_none());
    world.intent("carla", Intent::AskToJoin(link));
    world.run();
    let row = world.rows("carla", "ana").pop().unwrap();
    let records = Records(&world.people["carla"].store);
    assert_eq!(records.no_entry(row.conversation, row.id).unwrap(), Some(NoEntry::Void));
    assert!(Records(&world.people["ana"].store).join_asks(old).unwrap().is_empty());
}

#[test]
fn m02_m04_m14_no_member_changes_what_the_rules_deny_and_the_group_goes_on_without_who_tried() {
    type Plot<'a> = &'a dyn Fn(&World, ConversationId) -> Forbidden;
    let crimes: [(&str, Plot<'_>); 13] = [
        ("makes herself admin", &|world, _| {
            Forbidden::Admins(vec![account(world, "ana"), account(world, "mallory")])
        }),
        ("makes herself the only admin", &|world, _| Forbidden::Admins(vec![account(world, "mallory")])),
        ("takes the admin's rights for Bruno", &|world, _| Forbidden::Admins(vec![account(world, "bruno")])),
        ("makes somebody admin who is no member", &|_, _| Forbidden::Admins(vec![AccountId([9; 16])])),
        ("leaves it without an admin", &|_, _| Forbidden::Admins(Vec::new())),
        ("changes the rules", &|_, _| Forbidden::Rules(Rules::default())),
        ("sets the timer", &|_, _| Forbidden::GroupContext),
        ("says that she has made it", &|world, _| Forbidden::Creator(account(world, "mallory"))),
        ("makes it a conversation of two", &|world, _| {
            Forbidden::Kind(account(world, "ana"), account(world, "mallory"))
        }),
        ("adds Carla", &|world, _| Forbidden::Add(package(world, "carla"))),
        ("removes Bruno", &|world, id| Forbidden::Remove(leaf(world, "ana", "bruno", id))),
        ("mixes a pre-shared key in", &|_, _| Forbidden::PreSharedKey),
        ("puts Bruno's name on her leaf (M-04)", &|world, _| {
            use prost::Message;
            let bruno = &world.people["bruno"].engine;
            let mut rng = ChaCha20Rng::seed_from_u64(77);
            let handle = "bruno".parse().unwrap();
            let forged =
                Forged::of(bruno.me().account, bruno.me().device, handle, world.now, &mut rng).unwrap();
            Forbidden::Credential(forged.certificate.encode_to_vec())
        }),
    ];
    for (name, crime) in crimes {
        for armed in [true, false] {
            let (mut world, id) = family();
            if !armed {
                world.person("ana").engine.disarm(Defences::without([Defence::Policy]));
            }
            let before = facts(&world, "ana", id);
            let (epoch, texts) = (epoch_of(&world, "ana", id).unwrap(), rows(&world, "ana", id));
            // Carla is known, so that nothing but the rules stands in the way.
            world.say("ana", "carla", "olá");
            world.say("bruno", "carla", "olá");
            world.run();
            let forbidden = crime(&world, id);
            world.person("ana").held = true;
            world.person("bruno").held = true;
            let psk = name.contains("pre-shared");
            world.crime("mallory", GROUP, Crime::Commit(forbidden));
            if psk {
                // They have the key too: it is not for want of it that they refuse.
                let keys = world.people["mallory"].store.0.clone();
                let psks = keys.into_iter().filter(|(at, _)| at[0] == crate::records::key::MLS + 16);
                let psks: Vec<_> = psks.collect();
                world.person("ana").store.0.extend(psks.clone());
                world.person("bruno").store.0.extend(psks);
            }
            world.person("ana").held = false;
            world.push("ana");
            if !armed {
                // What openmls itself does not allow to be made is refused by everybody's library.
                assert_eq!(refused(&world, "ana"), 0, "{name}");
                let merged = epoch_of(&world, "ana", id) == Some(epoch + 1);
                assert!(merged || name.contains("removes"), "{name} was merged without the defence");
                continue;
            }
            assert_eq!(refused(&world, "ana"), 1, "{name}: {:?}", world.alerts("ana"));
            assert_eq!(epoch_of(&world, "ana", id).unwrap_or(epoch), epoch, "{name}: she stays at her epoch");
            world.person("bruno").held = false;
            world.run();
            world.wait(60_000);
            // The group goes on: as it was, but without Mallory; nothing that was said is lost.
            let new = living(&world, "ana");
            assert_eq!(living(&world, "bruno"), new, "{name}");
            for who in ["ana", "bruno"] {
                let (members, admins, rules, title) = facts(&world, who, new);
                assert_eq!(members, ["ana", "bruno"], "{name}");
                assert_eq!(
                    (admins, rules, title),
                    (vec!["ana".to_owned()], before.2, before.3.clone()),
                    "{name}"
                );
                let all = rows(&world, who, new);
                assert_eq!(all.iter().filter(|row| row.change == Some(Change::Broken)).count(), 1, "{name}");
            }
            let kept = rows(&world, "ana", new);
            assert!(texts.iter().all(|row| kept.iter().any(|it| it.id == row.id)), "{name}");
            world.intent("bruno", Intent::Send(new, text("seguimos")));
            world.run();
            let last = rows(&world, "ana", new).pop().unwrap();
            assert_eq!(last.content, text("seguimos"), "{name}");
            assert!(!rows(&world, "mallory", id).iter().any(|row| row.content == text("seguimos")), "{name}");
        }
    }
}

#[test]
fn m02_who_may_not_edit_names_nothing_and_who_may_not_send_says_nothing() {
    for armed in [true, false] {
        let (mut world, id) = family();
        world.intent("ana", Intent::SetRules(id, Rules { send: Allowed::Admins, ..CLOSED }));
        world.run();
        if !armed {
            world.person("ana").engine.disarm(Defences::without([Defence::Policy]));
        }
        let before = (facts(&world, "ana", id), rows(&world, "ana", id));
        // Her own device does not hold her back.
        world.person("mallory").engine.disarm(Defences::without([Defence::Policy]));
        world.intent("mallory", Intent::Send(id, Content::Fact(Fact::Name("Mallory's".to_owned()))));
        world.intent("mallory", Intent::Send(id, text("comprem!")));
        world.run();
        assert_eq!(refused(&world, "bruno"), 2);
        if armed {
            assert_eq!(refused(&world, "ana"), 2);
            assert_eq!((facts(&world, "ana", id), rows(&world, "ana", id)), before);
        } else {
            assert_eq!(facts(&world, "ana", id).3, "Mallory's");
            assert!(rows(&world, "ana", id).iter().any(|row| row.content == text("comprem!")));
        }
    }
}

#[test]
fn m12_nobody_joins_a_group_from_outside() {
    for (framing, policy) in [(true, true), (false, true), (false, false)] {
        let (mut world, id) = family();
        world.say("ana", "carla", "olá");
        world.run();
        let off = [(framing, Defence::Framing), (policy, Defence::Policy)];
        let off = off.into_iter().filter(|(on, _)| !on).map(|(_, defence)| defence);
        world.person("ana").engine.disarm(Defences::without(off));
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mallory = &world.people["mallory"];
        let info = mallory.engine.leak_group_info(&mallory.store, id, &mut rng).unwrap();
        let carla = &world.people["carla"];
        let (commit, _) = carla.engine.join_from_outside(&carla.store, &info, &mut rng).unwrap();
        let (ana, epoch) = (world.device("ana"), epoch_of(&world, "ana", id).unwrap());
        let before = (facts(&world, "ana", id), rows(&world, "ana", id));
        let item = wire::Committed {
            conversation: id.to_wire(),
            sequence: 99,
            epoch,
            commit: commit.into(),
            ..Default::default()
        };
        world.relay.append([ana], Kind::Committed(item));
        world.person("ana").events.clear();
        world.push("ana");
        match (framing, policy) {
            (true, _) => {
                assert_eq!(world.alerts("ana"), [Alert::Misdelivered]);
                assert_eq!((facts(&world, "ana", id), rows(&world, "ana", id)), before);
            }
            (false, true) => assert_eq!(refused(&world, "ana"), 1),
            (false, false) => {
                assert_eq!(epoch_of(&world, "ana", id), Some(epoch + 1), "she is in without them")
            }
        }
    }
}

#[test]
fn m13_a_look_alike_takes_no_groups_place() {
    // Mallory makes a group of the same name: it stands beside the other.
    let (mut world, id) = family();
    world.intent("mallory", Intent::CreateGroup(GROUP.to_owned(), vec!["ana".parse().unwrap()]));
    world.run();
    let all = Records(&world.people["ana"].store).groups_named(GROUP).unwrap();
    assert_eq!(all.len(), 2, "two groups, not one in the place of the other");
    assert_eq!(facts(&world, "ana", id).0, ["ana", "bruno", "mallory"]);
    // A Welcome for the group that Ana is in, under its own id: refused, nothing changes.
    let other = all.into_iter().find(|other| *other != id).unwrap();
    let before = (facts(&world, "ana", id), rows(&world, "ana", id), epoch_of(&world, "ana", id));
    let welcomed = world.items("ana").into_iter().rev().find_map(|item| match item.kind {
        Some(Kind::Welcomed(welcomed)) if welcomed.conversation == other.to_wire() => Some(welcomed),
        _ => None,
    });
    let forged = wire::Welcomed { conversation: id.to_wire(), ..welcomed.unwrap() };
    let ana = world.device("ana");
    world.relay.append([ana], Kind::Welcomed(forged));
    world.person("ana").events.clear();
    world.push("ana");
    assert_eq!(world.alerts("ana"), [Alert::WelcomeRefused("this device is a member already")]);
    assert_eq!((facts(&world, "ana", id), rows(&world, "ana", id), epoch_of(&world, "ana", id)), before);
}

#[test]
fn m14_an_expired_key_package_lets_nobody_in() {
    for armed in [true, false] {
        let (mut world, id) = family();
        world.say("ana", "carla", "olá");
        world.say("bruno", "carla", "olá");
        world.say("mallory", "carla", "olá");
        world.run();
        world.intent("ana", Intent::SetRole(id, "mallory".parse().unwrap(), true));
        world.run();
        if !armed {
            world.person("ana").engine.disarm(Defences::without([Defence::Policy]));
        }
        let old = package(&world, "carla");
        // Longer than key packages live; nobody is there to hold the clock against her own device.
        world.now += 31 * 24 * 3600 * 1000;
        world.person("ana").events.clear();
        world.crime("mallory", GROUP, Crime::Commit(Forbidden::Add(old)));
        let why = world.alerts("ana");
        let expired = |alert: &Alert| matches!(alert, Alert::PolicyRefused(why) if why.contains("expired"));
        assert_eq!(why.iter().any(expired), armed, "{why:?}");
        let there = if armed { living(&world, "ana") } else { id };
        assert_eq!(facts(&world, "ana", there).0.contains(&"carla".to_owned()), !armed);
    }
}

#[test]
fn m15_who_was_removed_hears_nothing_and_does_not_come_back_alone() {
    let (mut world, id) = family();
    let epoch = epoch_of(&world, "mallory", id).unwrap();
    let stolen = world.people["mallory"].store.0.clone();
    // While she is in it, her copy opens what is said: it is for the removal that it opens nothing after.
    world.intent("ana", Intent::Send(id, text("com ela")));
    world.run();
    let copy = crate::harness::MapStore(stolen.clone());
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let opened = world.items("bruno").into_iter().any(|item| match item.kind {
        Some(Kind::Sealed(it)) if it.epoch == epoch && it.conversation == id.to_wire() => {
            crate::Engine::try_open(&copy, id, &it.message, &mut rng).is_some()
        }
        _ => false,
    });
    assert!(opened);
    world.intent("ana", Intent::RemoveFromGroup(id, vec!["mallory".parse().unwrap()]));
    world.run();
    assert_eq!(epoch_of(&world, "ana", id), Some(epoch + 1));
    world.intent("ana", Intent::Send(id, text("sem ela")));
    world.run();
    // She kept everything that she had as a member, and gets what is said now by the relay's grace.
    let sealed = world.items("bruno").into_iter().rev().find_map(|item| match item.kind {
        Some(Kind::Sealed(sealed)) if sealed.epoch == epoch + 1 => Some(sealed),
        _ => None,
    });
    let sealed = sealed.unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let store = crate::harness::MapStore(stolen);
    assert_eq!(crate::Engine::try_open(&store, id, &sealed.message, &mut rng), None);
    let bruno = world.device("bruno");
    assert!(world.relay.groups[&id].roster.contains(&bruno));
    assert!(!world.relay.groups[&id].roster.contains(&world.device("mallory")));
    // The commit from outside, with the group's state as she had it.
    let mallory = crate::Engine::open(&store).unwrap().unwrap();
    let info = mallory.leak_group_info(&store, id, &mut rng).unwrap();
    let (commit, _) = mallory.join_from_outside(&store, &info, &mut rng).unwrap();
    for at in [epoch, epoch + 1] {
        let before = (facts(&world, "ana", id), rows(&world, "ana", id), epoch_of(&world, "ana", id));
        let item = wire::Committed {
            conversation: id.to_wire(),
            sequence: 90 + at,
            epoch: at,
            commit: commit.clone().into(),
            ..Default::default()
        };
        let ana = world.device("ana");
        world.relay.append([ana], Kind::Committed(item));
        world.person("ana").events.clear();
        world.push("ana");
        assert_eq!(world.alerts("ana"), [Alert::Misdelivered]);
        assert_eq!((facts(&world, "ana", id), rows(&world, "ana", id), epoch_of(&world, "ana", id)), before);
    }
}

#[test]
fn m11_junk_for_one_member_of_a_group_costs_one_resync_in_the_sight_of_all() {
    for armed in [true, false] {
        let (mut world, id) = family();
        if !armed {
            world.person("mallory").engine.disarm(Defences::without([Defence::Resync]));
        }
        // Bruno is the criminal here: what he seals for the others goes to the key of Mallory's leaf.
        let mallory = world.device("mallory");
        world.crime("bruno", GROUP, Crime::GarbagePath(mallory));
        world.wait(60_000);
        let let_in = |row: &MessageRecord| matches!(row.change, Some(Change::LetIn(_)));
        let seen = |world: &World, name| rows(world, name, id).iter().filter(|row| let_in(row)).count();
        if !armed {
            assert!(epoch_of(&world, "mallory", id) < epoch_of(&world, "ana", id), "she is left behind");
            assert_eq!(seen(&world, "ana"), 0, "and asks for nothing");
            continue;
        }
        assert!(world.alerts("mallory").contains(&Alert::OutOfStep));
        world.intent("mallory", Intent::Send(id, text("de volta")));
        world.run();
        for name in ["ana", "bruno"] {
            assert_eq!(rows(&world, name, id).last().unwrap().content, text("de volta"), "{name}");
            assert_eq!(seen(&world, name), 1, "{name}");
        }
        let back = rows(&world, "mallory", id).into_iter().filter(|row| row.change == Some(Change::Back));
        assert_eq!(back.count(), 1, "and one line on the device itself");
        assert_eq!(refused(&world, "ana") + refused(&world, "bruno"), 0);
    }
}

#[test]
fn who_was_brought_in_by_a_stranger_begins_nothing_anew_before_he_has_accepted() {
    let mut world = World::of(&["bruno", "carla", "mallory"]);
    world.person("bruno").wary = true;
    let people = vec!["bruno".parse().unwrap(), "carla".parse().unwrap()];
    world.intent("mallory", Intent::CreateGroup(GROUP.to_owned(), people));
    world.run();
    let id = world.conversation("mallory", GROUP).id;
    // Bruno's is the lowest leaf when Mallory's does not count.
    let (bruno, carla) = (leaf(&world, "mallory", "bruno", id), leaf(&world, "mallory", "carla", id));
    assert!(bruno < carla);
    let claims = |world: &World| world.relay.packages[&world.device("carla")].0.len();
    let (groups, packages) = (world.relay.groups.len(), claims(&world));
    world.crime("mallory", GROUP, Crime::Commit(Forbidden::Creator(account(&world, "bruno"))));
    world.wait(3_600_000);
    assert_eq!((world.relay.groups.len(), claims(&world)), (groups, packages), "his device does nothing");
    let all = Records(&world.people["bruno"].store).conversations().unwrap();
    let request = all.iter().find(|it| it.kind == ConversationKind::Group).unwrap();
    assert_eq!(request.standing, Standing::Asked);
    world.intent("bruno", Intent::Accept(request.id));
    world.run();
    world.wait(60_000);
    assert_eq!(living(&world, "carla"), request.id, "it begins when he wants it");
}

#[test]
fn of_those_who_go_by_no_handle_only_who_cannot_be_found_is_left_out() {
    let mut world = World::of(&["ana", "bruno", "carla", "dora", "mallory"]);
    let people = ["bruno", "carla", "dora", "mallory"].map(|name| name.parse().unwrap()).to_vec();
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), people));
    world.run();
    let id = world.conversation("ana", GROUP).id;
    // Their handles have gone to others; in the group they are who they were.
    for name in ["bruno", "carla"] {
        let contact = Records(&world.people["ana"].store).contact(account(&world, name)).unwrap().unwrap();
        let nameless = crate::records::Contact { handle: lacre_proto::Handle::nobody(), ..contact };
        let at = crate::records::key::contact(nameless.account);
        world.person("ana").store.0.insert(at, crate::records::encode(&nameless));
    }
    let bruno = world.device("bruno");
    world.relay.packages.remove(&bruno);
    world.crime("mallory", GROUP, Crime::Commit(Forbidden::Admins(vec![account(&world, "mallory")])));
    world.wait(60_000);
    let new = living(&world, "ana");
    assert_ne!(new, id);
    let members = Records(&world.people["ana"].store).group_members(new).unwrap();
    let there = |name: &str| members.iter().any(|member| member.account == account(&world, name));
    assert!(there("carla") && there("dora") && !there("bruno"), "{members:?}");
    let not = rows(&world, "ana", new).into_iter().filter_map(|row| match row.change {
        Some(Change::NotAdded(who, _)) => who.account,
        _ => None,
    });
    assert_eq!(not.collect::<Vec<_>>(), [account(&world, "bruno")]);
}

#[test]
fn two_who_lost_their_place_at_once_are_both_let_in_and_nobody_has_broken_a_rule() {
    let (mut world, id) = family();
    // Bruno and Mallory are thrown out by one commit that neither of them has.
    for name in ["bruno", "mallory"] {
        world.person(name).held = true;
    }
    world.intent("ana", Intent::UpdateLeaf(id));
    world.run();
    for name in ["bruno", "mallory"] {
        world.tamper(name, |items| items.retain(|item| !matches!(item.kind, Some(Kind::Committed(_)))));
    }
    world.intent("ana", Intent::Send(id, text("estão aí?")));
    world.run();
    for name in ["bruno", "mallory"] {
        world.person(name).held = false;
    }
    world.run();
    world.wait(120_000);
    for name in ["ana", "bruno", "mallory"] {
        assert_eq!(living(&world, name), id, "{name}");
        assert!(!rows(&world, name, id).iter().any(|row| row.change == Some(Change::Broken)), "{name}");
    }
}
