//! Attacks, each with its defence on, and off to see that it was the defence.

use lacre_proto::wire::{self, item::Kind};
use lacre_proto::{AccountId, ConversationId};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::Alert;
use crate::content::{Content, MessageId, MimiId};
use crate::defence::{Defence, Defences};
use crate::evil::{Crime, Forbidden, Forged};
use crate::harness::world::World;
use crate::records::{ConversationState, Failure, MessageState};

fn talking() -> World {
    let mut world = World::of(&["ana", "mallory"]);
    world.say("ana", "mallory", "hi");
    world.run();
    world.say("mallory", "ana", "hello");
    world.run();
    world
}

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn disarm(world: &mut World, name: &str, off: impl IntoIterator<Item = Defence>) {
    world.person(name).engine.disarm(Defences::without(off));
}

fn said(text: &str) -> Content<MimiId> {
    Content::Text { text: text.to_owned() }
}

fn epoch_of(world: &World, name: &str, id: ConversationId) -> Option<u64> {
    let person = &world.people[name];
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    person.engine.epoch(&person.store, id, &mut rng)
}

#[test]
fn m03_content_that_names_another_author_is_not_shown() {
    for armed in [true, false] {
        let mut world = talking();
        let (ana, mallory) = (account(&world, "ana"), account(&world, "mallory"));
        if !armed {
            disarm(&mut world, "ana", [Defence::Author]);
        }
        let say = |sender, room, number, counter| Crime::Say {
            sender,
            room,
            id: MessageId([number; 16]),
            content: said("I owe Mallory 100"),
            counter,
        };
        world.crime("mallory", "ana", say(ana, [ana, mallory], 1, 2));
        world.crime("mallory", "ana", say(mallory, [ana, AccountId([3; 16])], 2, 3));
        let shown = world.seen("ana", "mallory").iter().filter(|text| text.contains("owe")).count();
        if armed {
            assert_eq!(world.alerts("ana"), [Alert::FalseAuthor, Alert::FalseAuthor]);
            assert_eq!(shown, 0);
        } else {
            assert_eq!(shown, 2, "without the defence it is shown");
        }
        world.say("ana", "mallory", "nice try");
        world.run();
        assert_eq!(world.seen("mallory", "ana").last().map(String::as_str), Some("nice try"));
    }
}

#[test]
fn m03_receipts_for_other_peoples_messages_count_for_nothing() {
    for armed in [true, false] {
        let mut world = World::of(&["ana", "bruno", "mallory"]);
        if !armed {
            disarm(&mut world, "ana", [Defence::Receipts]);
        }
        world.disconnect("bruno");
        let for_bruno = world.say("ana", "bruno", "for bruno");
        world.say("ana", "mallory", "hi");
        world.run();
        let own = world.say("mallory", "ana", "mine");
        world.run();
        let mimi = |world: &World, name: &str, with: &str, id| {
            let row = world.rows(name, with).into_iter().find(|row| row.id == id).unwrap();
            MimiId(row.mimi.unwrap().try_into().unwrap())
        };
        let ids = vec![mimi(&world, "ana", "bruno", for_bruno), mimi(&world, "ana", "mallory", own)];
        let mallory = account(&world, "mallory");
        let room = [mallory, account(&world, "ana")];
        let id = MessageId([1; 16]);
        let content = Content::Read(ids);
        world.crime("mallory", "ana", Crime::Say { sender: mallory, room, id, content, counter: 2 });
        assert_eq!(world.alerts("ana"), [Alert::FalseAuthor]);
        assert_eq!(world.state("ana", "mallory", own), MessageState::Received);
        let told = if armed { MessageState::Sent } else { MessageState::Read };
        assert_eq!(world.state("ana", "bruno", for_bruno), told, "whether Bruno has read it");
    }
}

#[test]
fn a_message_under_an_id_that_was_used_is_not_shown_in_its_place() {
    for armed in [true, false] {
        let mut world = talking();
        if !armed {
            disarm(&mut world, "ana", [Defence::Dedupe]);
        }
        let victim = world.rows("ana", "mallory")[0].id;
        let mallory = account(&world, "mallory");
        let room = [mallory, account(&world, "ana")];
        let crime = Crime::Say { sender: mallory, room, id: victim, content: said("rewritten"), counter: 2 };
        world.crime("mallory", "ana", crime);
        assert_eq!(world.seen("ana", "mallory").contains(&"rewritten".to_owned()), !armed);
        assert_eq!(world.alerts("ana").contains(&Alert::Replayed), armed);
    }
}

#[test]
fn what_is_no_envelope_is_a_row_that_says_so() {
    let mut world = talking();
    world.crime("mallory", "ana", Crime::Babble(b"\x01gibberish".to_vec()));
    assert_eq!(world.alerts("ana"), [Alert::BadContent]);
    assert_eq!(world.seen("ana", "mallory")[2], "[it came in a form that this app cannot read]");
}

#[test]
fn m11_garbage_path_secrets_cost_one_resync() {
    for armed in [true, false] {
        let mut world = talking();
        if !armed {
            disarm(&mut world, "ana", [Defence::Resync]);
        }
        let ana = world.device("ana");
        world.crime("mallory", "ana", Crime::GarbagePath(ana));
        world.say("mallory", "ana", "after");
        world.run();
        assert!(world.alerts("ana").contains(&Alert::OutOfStep), "by the commit, or by what follows");
        if armed {
            assert_eq!(world.conversation("ana", "mallory").state, ConversationState::Open);
            assert_eq!(world.seen("ana", "mallory"), ["hi", "hello", "after"]);
            world.say("ana", "mallory", "back");
            world.run();
            assert_eq!(world.seen("mallory", "ana").last().map(String::as_str), Some("back"));
        } else {
            assert_ne!(world.seen("ana", "mallory"), ["hi", "hello", "after"], "read too late without it");
        }
    }
}

#[test]
fn m02_m12_every_forbidden_commit_is_refused_whole() {
    let forged = |world: &World| {
        let mut rng = ChaCha20Rng::seed_from_u64(77);
        let (account, device) = (account(world, "ana"), world.device("ana"));
        Forged::of(account, device, "ana".parse().unwrap(), world.now, &mut rng).unwrap()
    };
    type Plot<'a> = &'a dyn Fn(&mut World) -> Forbidden;
    let crimes: [(&str, Plot<'_>); 6] = [
        ("psk", &|_| Forbidden::PreSharedKey),
        ("context", &|_| Forbidden::GroupContext),
        ("remove", &|_| Forbidden::Remove(0)),
        ("add", &|world| Forbidden::Add(world.relay.packages[&world.device("bruno")].0[0].to_vec())),
        ("again", &|world| Forbidden::Again(0, world.relay.packages[&world.device("ana")].0[0].to_vec())),
        ("credential", &|world| {
            use prost::Message;
            Forbidden::Credential(forged(world).certificate.encode_to_vec())
        }),
    ];
    for (name, crime) in crimes {
        for armed in [true, false] {
            let mut world = World::of(&["ana", "bruno", "mallory"]);
            world.say("ana", "mallory", "hi");
            world.run();
            if !armed {
                disarm(&mut world, "ana", [Defence::Policy]);
            }
            let id = world.conversation("ana", "mallory").id;
            let forbidden = crime(&mut world);
            world.person("ana").events.clear();
            world.person("ana").held = true;
            world.crime("mallory", "ana", Crime::Commit(forbidden));
            // Ana has the pre-shared key too (MLS table 16): it is not for want of it that she refuses
            let keys = world.people["mallory"].store.0.clone();
            let psks = keys.into_iter().filter(|(at, _)| at[0] == crate::records::key::MLS + 16);
            world.person("ana").store.0.extend(psks);
            world.person("ana").held = false;
            world.push("ana");
            let refused = world.alerts("ana").iter().any(|alert| matches!(alert, Alert::PolicyRefused(_)));
            assert_eq!(refused, armed, "{name}: {:?}", world.alerts("ana"));
            if !armed && name != "remove" && name != "again" {
                assert_eq!(epoch_of(&world, "ana", id), Some(2), "{name} was merged without the defence");
            }
        }
    }
}

#[test]
fn m12_nobody_joins_from_outside() {
    for (framing, policy) in [(true, true), (false, true), (false, false)] {
        let mut world = World::of(&["ana", "bruno", "mallory"]);
        world.say("ana", "mallory", "hi");
        world.run();
        // Ana knows Bruno, so that nothing but the policy stands in his way
        world.say("ana", "bruno", "hi");
        world.run();
        let id = world.conversation("ana", "mallory").id;
        let off = [(framing, Defence::Framing), (policy, Defence::Policy)];
        disarm(&mut world, "ana", off.into_iter().filter(|(on, _)| !on).map(|(_, defence)| defence));
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mallory = &world.people["mallory"];
        let info = mallory.engine.leak_group_info(&mallory.store, id, &mut rng).unwrap();
        let bruno = &world.people["bruno"];
        let (commit, _) = bruno.engine.join_from_outside(&bruno.store, &info, &mut rng).unwrap();
        let ana = world.device("ana");
        let item = wire::Committed {
            conversation: id.to_wire(),
            sequence: 99,
            epoch: 1,
            commit: commit.into(),
            ..Default::default()
        };
        world.person("ana").events.clear();
        world.relay.append([ana], Kind::Committed(item));
        world.push("ana");
        match (framing, policy) {
            (true, _) => assert_eq!(world.alerts("ana"), [Alert::Misdelivered]),
            (false, true) => assert!(
                matches!(world.alerts("ana")[0], Alert::PolicyRefused(why) if why.contains("not a member"))
            ),
            (false, false) => {
                assert_eq!(epoch_of(&world, "ana", id), Some(2), "he is in without the defences")
            }
        }
    }
}

#[test]
fn m17_a_jump_too_far_is_refused_and_a_bounded_one_costs_no_memory() {
    for armed in [true, false] {
        let mut world = talking();
        if !armed {
            disarm(&mut world, "ana", [Defence::Forward]);
        }
        let size = |world: &World| world.people["ana"].store.0.values().map(Vec::len).sum::<usize>();
        let before = size(&world);
        world.crime("mallory", "ana", Crime::Skip(1900, said("near")));
        assert_eq!(world.seen("ana", "mallory").last().map(String::as_str), Some("near"));
        // the keys of the passed generations are kept for the tolerance only
        assert!(size(&world) < before + 50 * 100 + 4000, "{} more", size(&world) - before);
        world.crime("mallory", "ana", Crime::Skip(2100, said("far")));
        assert_eq!(world.seen("ana", "mallory").contains(&"far".to_owned()), !armed);
        assert_eq!(world.alerts("ana").contains(&Alert::Unreadable), armed);
    }
}

#[test]
fn m17_a_counter_that_jumps_makes_one_row() {
    let mut world = talking();
    let mallory = account(&world, "mallory");
    let room = [mallory, account(&world, "ana")];
    for (number, counter) in [(1, 1_000_000), (2, u32::MAX), (3, u32::MAX), (4, 5)] {
        let id = MessageId([number; 16]);
        world.crime("mallory", "ana", Crime::Say { sender: mallory, room, id, content: said("x"), counter });
    }
    assert!(world.rows("ana", "mallory").len() <= 2 + 4 + 4);
    world.say("ana", "mallory", "unmoved");
    world.run();
    assert_eq!(world.seen("mallory", "ana").last().map(String::as_str), Some("unmoved"));
}

#[test]
fn m17_a_jump_of_a_thousand_is_one_row_and_without_the_defence_a_thousand() {
    for armed in [true, false] {
        let mut world = talking();
        if !armed {
            disarm(&mut world, "ana", [Defence::Gaps]);
        }
        let mallory = account(&world, "mallory");
        let room = [mallory, account(&world, "ana")];
        let before = world.rows("ana", "mallory").len();
        let id = MessageId([1; 16]);
        world.crime(
            "mallory",
            "ana",
            Crime::Say { sender: mallory, room, id, content: said("x"), counter: 1002 },
        );
        assert_eq!(world.alerts("ana"), [Alert::Missing(1000)]);
        let rows = if armed { 1 } else { 1000 };
        assert_eq!(world.rows("ana", "mallory").len(), before + rows + 1);
    }
}

#[test]
fn m06_a_replay_is_stopped_by_the_ratchet_by_its_id_and_by_its_counter() {
    let walls = [Defence::Ratchet, Defence::Dedupe, Defence::Counter];
    for off in [&[][..], &walls[..1], &walls[..2], &walls[..]] {
        let mut world = talking();
        disarm(&mut world, "ana", off.iter().copied());
        world.person("ana").held = true;
        world.say("mallory", "ana", "once");
        world.run();
        let Some(Kind::Sealed(sealed)) = world.items("ana").pop().and_then(|item| item.kind) else {
            panic!("her message comes last")
        };
        world.person("ana").held = false;
        world.run();
        let unread = world.conversation("ana", "mallory").unread;
        let rows = world.rows("ana", "mallory");
        let ana = world.device("ana");
        for _ in 0..3 {
            world.relay.append([ana], Kind::Sealed(sealed.clone()));
        }
        world.push("ana");
        if off.len() < walls.len() {
            assert_eq!(world.alerts("ana"), vec![Alert::Replayed; 3], "without {off:?}");
            assert_eq!(world.rows("ana", "mallory"), rows, "without {off:?}");
            assert_eq!(world.conversation("ana", "mallory").unread, unread);
        } else {
            assert_eq!(world.alerts("ana"), [], "nobody notices");
            assert_eq!(world.conversation("ana", "mallory").unread, unread + 3);
        }
    }
}

#[test]
fn d01_a_key_package_that_names_bruno_and_is_not_his_gets_nothing() {
    for armed in [true, false] {
        let mut world = World::of(&["ana", "bruno"]);
        let (account, device) = (account(&world, "bruno"), world.device("bruno"));
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let forged = Forged::of(account, device, "bruno".parse().unwrap(), world.now, &mut rng).unwrap();
        world.relay.packages.insert(device, (vec![forged.key_package.into()], None));
        if !armed {
            disarm(&mut world, "ana", [Defence::Certificate]);
        }
        let id = world.say("ana", "bruno", "secret");
        world.run();
        if armed {
            assert_eq!(world.alerts("ana"), [Alert::FalseIdentity]);
            assert_eq!(world.state("ana", "bruno", id), MessageState::Failed(Failure::FalseIdentity));
            assert!(world.relay.groups.is_empty(), "nothing was sent");
        } else {
            assert_eq!(world.state("ana", "bruno", id), MessageState::Sent, "the attacker has it");
        }
    }
}

#[test]
fn d01_an_identity_key_that_is_not_the_pinned_one_stops_everything() {
    for armed in [true, false] {
        let mut world = World::of(&["ana", "bruno"]);
        world.say("ana", "bruno", "hi");
        world.run();
        let (bruno, device) = (account(&world, "bruno"), world.device("bruno"));
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let forged = Forged::of(bruno, device, "bruno".parse().unwrap(), world.now, &mut rng).unwrap();
        let told = world.relay.accounts.iter_mut().find(|account| account.handle == "bruno").unwrap();
        told.identity_key = forged.identity_key.clone();
        told.device_list = Some(forged.device_list.clone());
        if !armed {
            disarm(&mut world, "ana", [Defence::PinnedIdentity]);
        }
        // Ana's conversation is gone from her device, her pins are not: she begins anew
        let at = crate::records::key::handle(crate::records::key::DIRECT, &"bruno".parse().unwrap());
        world.person("ana").store.0.remove(&at);
        world
            .intent("ana", crate::Intent::SendTo("bruno".parse().unwrap(), crate::harness::world::text("x")));
        world.run();
        assert_eq!(world.alerts("ana").contains(&Alert::IdentityChanged(bruno)), armed);
    }
}

#[test]
fn r8_a_welcome_on_another_suite_is_refused() {
    // The control: the same Welcome as it was made.
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "hi");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hi"]);
    let mut world = World::of(&["ana", "bruno"]);
    world.person("bruno").held = true;
    world.say("ana", "bruno", "hi");
    world.run();
    world.tamper("bruno", |items| {
        let Some(Kind::Welcomed(welcomed)) = &mut items[0].kind else { panic!("a Welcome comes first") };
        let mut bytes = welcomed.welcome.to_vec();
        assert_eq!(bytes[4..6], [0x00, 0x4f]);
        bytes[5] = 0x01;
        welcomed.welcome = bytes.into();
    });
    world.person("bruno").held = false;
    world.run();
    assert_eq!(world.alerts("bruno")[0], Alert::WelcomeRefused("it is sealed with another ciphersuite"));
    assert!(crate::Records(&world.people["bruno"].store).conversations().unwrap().is_empty());
}

#[test]
fn r8_a_whole_conversation_on_a_lower_suite_is_not_entered() {
    for off in [&[][..], &[Defence::Suite], &[Defence::Policy], &[Defence::Suite, Defence::Policy]] {
        let mut world = World::of(&["bruno", "mallory"]);
        disarm(&mut world, "bruno", off.iter().copied());
        // A key package that a version of the past has left, valid to the last byte.
        let mut rng = ChaCha20Rng::seed_from_u64(12);
        let now = world.now;
        let bruno = world.person("bruno");
        let (package, private) = bruno.engine.lower_package(&bruno.store, now, &mut rng).unwrap();
        bruno.store.commit(private);
        let before = bruno.store.clone();
        let id = ConversationId([0x10; 16]);
        let to = (account(&world, "bruno"), package.as_slice());
        let mallory = &world.people["mallory"];
        let welcomed = mallory.engine.lower_invitation(&mallory.store, id, to, now, &mut rng).unwrap();
        let device = world.device("bruno");
        world.relay.append([device], Kind::Welcomed(welcomed));
        world.push("bruno");
        let conversations = crate::Records(&world.people["bruno"].store).conversations().unwrap();
        if off.len() < 2 {
            let refused = Alert::WelcomeRefused("it is sealed with another ciphersuite");
            assert_eq!(world.alerts("bruno"), [refused], "without {off:?}");
            assert_eq!(conversations, []);
            let mls = |store: &crate::harness::MapStore| {
                let rows = store.0.iter().filter(|(at, _)| at[0] >= crate::records::key::MLS);
                rows.map(|(at, value)| (at.clone(), value.clone())).collect::<Vec<_>>()
            };
            assert_eq!(mls(&world.people["bruno"].store), mls(&before), "nothing of it is kept");
        } else {
            assert_eq!(world.alerts("bruno"), []);
            assert_eq!(conversations[0].id, id, "he is in it, and would talk below the suite");
        }
    }
}
