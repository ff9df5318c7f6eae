//! D-10: somebody signs up again, and the relay gives the handle to the new identity. And safety numbers that were
//! compared.

use lacre_proto::error::WireError;
use lacre_proto::wire::request::Op;
use lacre_proto::{AccountId, ConversationId, ErrorCode};

use crate::api::{Alert, Event, Intent, Refusal};
use crate::harness::world::{World, text};
use crate::records::{Change, ConversationKind, KeyChange, MessageState, Records, Trust};

const GROUP: &str = "Família";

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn refused(world: &mut World, name: &str, intent: Intent) -> Option<Refusal> {
    world.person(name).events.clear();
    world.intent(name, intent);
    world.person(name).events.iter().find_map(|event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    })
}

fn say_to(name: &str, what: &str) -> Intent {
    Intent::SendTo(name.parse().unwrap(), text(what))
}

fn trust(world: &World, of: &str, account: AccountId) -> Option<Trust> {
    Records(&world.people[of].store).trust(account).unwrap()
}

fn change(world: &World, of: &str, from: AccountId) -> KeyChange {
    Records(&world.people[of].store).key_change(from).unwrap().expect("it was seen")
}

fn verify(world: &mut World, name: &str, other: AccountId) {
    let number = Records(&world.people[name].store).safety_number(other).unwrap().unwrap();
    assert_eq!(refused(world, name, Intent::MarkVerified(other, number)), None);
}

fn accept(world: &mut World, name: &str, from: AccountId) {
    let key = change(world, name, from).identity_key;
    assert_eq!(refused(world, name, Intent::AcceptIdentity(from, key)), None);
    world.run();
    world.wait(60_000);
}

fn changes(world: &World, name: &str, id: ConversationId) -> Vec<Change> {
    let rows = Records(&world.people[name].store).messages_after(id, None, 1_000).unwrap();
    rows.into_iter().filter_map(|row| row.change).collect()
}

/// Ana and Bruno have talked and compared; then he has lost everything, signs up again and writes to her.
fn signed_up_again(of: &[&'static str]) -> (World, AccountId) {
    let mut world = World::of(of);
    world.say("ana", "bruno", "before");
    world.run();
    let old = account(&world, "bruno");
    verify(&mut world, "ana", old);
    world.disconnect("bruno");
    world.sign_up_as("bruno/anew", "bruno", 99);
    world.connect("bruno/anew");
    world.hand_over("bruno/anew");
    world.person("ana").wary = true;
    (world, old)
}

#[test]
fn d10_who_has_the_handle_now_is_nobody_before_ana_accepts() {
    let (mut world, old) = signed_up_again(&["ana", "bruno"]);
    world.say("bruno/anew", "ana", "it is me");
    world.run();
    let new = account(&world, "bruno/anew");
    assert_eq!(world.alerts("ana"), [Alert::IdentityChanged(old)]);
    assert_eq!(
        (trust(&world, "ana", old), trust(&world, "ana", new)),
        (Some(Trust::Changed), Some(Trust::New))
    );
    // What the new one wrote is a request of nobody's; the conversation with Bruno tells what has happened, loudly.
    assert_eq!(world.seen("ana", "-").last().map(String::as_str), Some("it is me"));
    assert!(world.rows("ana", "-").iter().all(|row| row.author_handle.as_str() != "bruno"));
    let with_bruno = world.conversation("ana", "bruno").id;
    let told = changes(&world, "ana", with_bruno);
    assert!(
        matches!(&told[..], [Change::KeyChanged(who, true)] if who.handle.as_str() == "bruno"),
        "{told:?}"
    );
    // Nothing is said to either, whatever way it is tried.
    let before = world.relay.groups.values().map(|group| group.sequence).sum::<u64>();
    let request = world.conversation("ana", "-").id;
    for intent in [
        say_to("bruno", "hello?"),
        Intent::Send(with_bruno, text("hello?")),
        Intent::Send(request, text("hello?")),
        Intent::Accept(request),
        Intent::React(with_bruno, world.rows("ana", "bruno")[0].id, Some("👍".to_owned())),
    ] {
        assert_eq!(refused(&mut world, "ana", intent.clone()), Some(Refusal::IdentityChanged), "{intent:?}");
    }
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), vec!["bruno".parse().unwrap()]));
    world.run();
    world.wait(3_600_000);
    let group = world.conversation("ana", GROUP).id;
    let told = changes(&world, "ana", group);
    assert!(matches!(&told[..], [Change::Made, Change::NotAdded(..)]), "{told:?}");
    let after = world.relay.groups.iter().filter(|(id, _)| **id != group);
    assert_eq!(after.map(|(_, group)| group.sequence).sum::<u64>(), before, "nothing has left");
}

#[test]
fn d10_ana_accepts_and_the_conversation_goes_on_with_all_that_was_said() {
    for he_wrote in [true, false] {
        let (mut world, old) = signed_up_again(&["ana", "bruno"]);
        if he_wrote {
            world.say("bruno/anew", "ana", "it is me");
        } else {
            // Seen when she looks for him for a group.
            world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), vec![]));
            let handle = crate::records::key::handle(crate::records::key::HANDLE, &"bruno".parse().unwrap());
            let kept = world.person("ana").store.0.remove(&handle).unwrap();
            let group = world.conversation("ana", GROUP).id;
            world.run();
            world.intent("ana", Intent::AddToGroup(group, vec!["bruno".parse().unwrap()]));
            world.person("ana").store.0.insert(handle, kept);
        }
        world.run();
        let new = account(&world, "bruno/anew");
        let seen = change(&world, "ana", old);
        let other = Intent::AcceptIdentity(old, [7; 32]);
        assert_eq!(refused(&mut world, "ana", other), Some(Refusal::OtherSafetyNumber));
        let numbers = |world: &World, name: &str, with| {
            Records(&world.people[name].store).safety_number(with).unwrap().unwrap()
        };
        let shown = Records(&world.people["ana"].store).safety_number_after(&seen).unwrap().unwrap();
        accept(&mut world, "ana", old);
        assert!(numbers(&world, "ana", new) == shown, "what she was shown is what she has now");
        assert_eq!(
            (trust(&world, "ana", old), trust(&world, "ana", new)),
            (Some(Trust::Past), Some(Trust::Pinned))
        );
        let sent = world.say("ana", "bruno", "welcome back");
        world.run();
        let texts = world.seen("ana", "bruno");
        assert_eq!(texts.first().map(String::as_str), Some("before"), "nothing that was said is lost");
        assert_eq!(texts.last().map(String::as_str), Some("welcome back"));
        assert_eq!(world.seen("bruno/anew", "ana").last().map(String::as_str), Some("welcome back"));
        assert_eq!(world.state("ana", "bruno", sent), MessageState::Delivered);
        let told = changes(&world, "ana", world.conversation("ana", "bruno").id);
        assert!(
            matches!(told.last(), Some(Change::KeyAccepted(who)) if who.account == Some(new)),
            "{told:?}"
        );
        // Whoever has the old devices is not heard, nor hears.
        let (before, there) = (world.seen("ana", "bruno"), world.items("bruno").len());
        world.connect("bruno");
        world.say("bruno", "ana", "do not believe him");
        world.run();
        assert_eq!(world.seen("ana", "bruno"), before);
        assert!(world.items("bruno").len() <= there + 1, "his own echo alone");
    }
}

#[test]
fn d10_in_a_group_an_admin_lets_the_new_identity_in_and_everybody_decides_for_themselves() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    let people = vec!["bruno".parse().unwrap(), "carla".parse().unwrap()];
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), people));
    world.run();
    let id = world.conversation("ana", GROUP).id;
    world.intent("bruno", Intent::Send(id, text("olá")));
    world.run();
    let old = account(&world, "bruno");
    world.disconnect("bruno");
    world.sign_up_as("bruno/anew", "bruno", 99);
    world.connect("bruno/anew");
    world.hand_over("bruno/anew");
    world.say("bruno/anew", "ana", "it is me");
    world.run();
    // The old identity's leaves are no reason to say nothing: nobody new is there yet.
    assert_eq!(refused(&mut world, "ana", Intent::Send(id, text("antes"))), None);
    accept(&mut world, "ana", old);
    let new = account(&world, "bruno/anew");
    let members = |world: &World, name: &str| {
        let members = Records(&world.people[name].store).group_members(id).unwrap();
        members.into_iter().map(|it| (it.account, it.handle.to_string())).collect::<Vec<_>>()
    };
    let there = members(&world, "ana");
    assert!(
        there.contains(&(new, "bruno".to_owned())) && !there.iter().any(|(it, _)| *it == old),
        "{there:?}"
    );
    assert!(changes(&world, "ana", id).iter().any(|it| matches!(it, Change::KeyAccepted(_))));
    // Carla has seen somebody come who has Bruno's handle: she says nothing to them before she has accepted it.
    assert!(members(&world, "carla").contains(&(new, "-".to_owned())));
    assert_eq!(
        refused(&mut world, "carla", Intent::Send(id, text("quem é?"))),
        Some(Refusal::IdentityChanged)
    );
    world.intent("bruno/anew", Intent::Send(id, text("sou eu")));
    world.run();
    let row = Records(&world.people["carla"].store).messages(id, None, 1).unwrap().pop().unwrap();
    assert_eq!((row.content, row.author_handle.as_str()), (text("sou eu"), "-"));
    accept(&mut world, "carla", old);
    assert_eq!(refused(&mut world, "carla", Intent::Send(id, text("olá de novo"))), None);
    world.run();
    assert!(members(&world, "carla").contains(&(new, "bruno".to_owned())));
    let row = Records(&world.people["bruno/anew"].store).messages(id, None, 1).unwrap().pop().unwrap();
    assert_eq!(row.content, text("olá de novo"));
    let rows = Records(&world.people["carla"].store).messages_after(id, None, 100).unwrap();
    let his = rows.iter().filter(|row| row.author == new && row.change.is_none());
    assert!(his.clone().count() > 0 && his.clone().all(|row| row.author_handle.as_str() == "bruno"));
}

#[test]
fn d10_however_many_have_changed_none_of_them_is_added_to_a_group() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    for (name, anew, seed) in [("bruno", "bruno/anew", 99), ("carla", "carla/anew", 98)] {
        world.say("ana", name, "olá");
        world.run();
        world.disconnect(name);
        world.sign_up_as(anew, name, seed);
        world.connect(anew);
        world.hand_over(anew);
        world.person("ana").wary = true;
        world.say(anew, "ana", "it is me");
        world.run();
    }
    let people = ["bruno", "carla"].map(|name| name.parse().unwrap()).to_vec();
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), people));
    world.run();
    let id = world.conversation("ana", GROUP).id;
    assert_eq!(Records(&world.people["ana"].store).group_members(id).unwrap().len(), 1);
    let told = changes(&world, "ana", id);
    assert_eq!(told.iter().filter(|change| matches!(change, Change::NotAdded(..))).count(), 2, "{told:?}");
}

#[test]
fn a_directory_that_takes_it_back_leaves_everything_as_it_was() {
    let (mut world, old) = signed_up_again(&["ana", "bruno"]);
    world.say("bruno/anew", "ana", "it is me");
    world.run();
    assert_eq!(trust(&world, "ana", old), Some(Trust::Changed));
    world.connect("bruno");
    world.hand_over("bruno");
    world.disconnect("ana");
    world.connect("ana");
    world.run();
    assert_eq!(trust(&world, "ana", old), Some(Trust::Verified), "the key that she has compared");
    world.say("ana", "bruno", "still there?");
    world.run();
    assert_eq!(world.seen("bruno", "ana").last().map(String::as_str), Some("still there?"));
    let told = changes(&world, "ana", world.conversation("ana", "bruno").id);
    assert!(matches!(&told[..], [Change::KeyChanged(..), Change::KeyBack(_)]), "{told:?}");
}

#[test]
fn a_mark_that_was_taken_away_does_not_come_back_with_the_identity() {
    let (mut world, old) = signed_up_again(&["ana", "bruno"]);
    world.say("bruno/anew", "ana", "it is me");
    world.run();
    assert_eq!(refused(&mut world, "ana", Intent::UnmarkVerified(old)), None);
    world.connect("bruno");
    world.hand_over("bruno");
    world.disconnect("ana");
    world.connect("ana");
    world.run();
    assert_eq!(trust(&world, "ana", old), Some(Trust::Pinned));
}

#[test]
fn the_note_that_a_number_was_compared_is_of_that_number() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    for other in ["bruno", "carla"] {
        world.say("ana", other, "olá");
    }
    world.run();
    let (bruno, carla) = (account(&world, "bruno"), account(&world, "carla"));
    let number = Records(&world.people["ana"].store).safety_number(carla).unwrap().unwrap();
    let wrong = Intent::MarkVerified(bruno, number);
    assert_eq!(refused(&mut world, "ana", wrong), Some(Refusal::OtherSafetyNumber));
    assert_eq!(trust(&world, "ana", bruno), Some(Trust::Pinned));
    verify(&mut world, "ana", bruno);
    world.kill("ana");
    assert_eq!(trust(&world, "ana", bruno), Some(Trust::Verified));
    assert_eq!(trust(&world, "ana", carla), Some(Trust::Pinned));
    world.intent("ana", Intent::UnmarkVerified(bruno));
    assert_eq!(trust(&world, "ana", bruno), Some(Trust::Pinned));
    assert_eq!(
        refused(&mut world, "ana", Intent::AcceptIdentity(bruno, [0; 32])),
        Some(Refusal::NoKeyChange)
    );
    let all = Records(&world.people["ana"].store).conversations().unwrap();
    assert!(all.iter().all(|it| it.kind == ConversationKind::Direct));
}

#[test]
fn a_newcomer_of_a_large_group_asks_for_everybody_a_few_at_a_time() {
    const PEOPLE: [&str; 24] = [
        "ana", "b01", "b02", "b03", "b04", "b05", "b06", "b07", "b08", "b09", "b10", "b11", "b12", "b13",
        "b14", "b15", "b16", "b17", "b18", "b19", "b20", "b21", "b22", "zoe",
    ];
    let mut world = World::of(&PEOPLE);
    let others = PEOPLE[1..23].iter().map(|name| name.parse().unwrap()).collect();
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), others));
    world.run();
    let id = world.conversation("ana", GROUP).id;
    world.person("zoe").held = true;
    world.intent("ana", Intent::AddToGroup(id, vec!["zoe".parse().unwrap()]));
    world.run();
    world.person("zoe").held = false;
    world.push("zoe");
    let asks = |world: &World| {
        let out = world.people["zoe"].out.iter();
        out.filter(|(_, _, op)| matches!(op, Op::Lookup(_))).map(|(id, ..)| *id).collect::<Vec<_>>()
    };
    let asked = asks(&world);
    assert_eq!(asked.len(), 16, "not all at once");
    // The relay holds her up once: she asks again, when it says.
    let slow = WireError { code: ErrorCode::SlowDown, epoch: 0, retry_after_ms: 5_000 };
    world.person("zoe").out.retain(|(id, ..)| *id != asked[0]);
    world.answer("zoe", asked[0], Err(slow));
    world.run();
    let confirmed = |world: &World| {
        let records = Records(&world.people["zoe"].store);
        let members = records.group_members(id).unwrap().into_iter().filter(|member| !member.me);
        members.filter(|it| records.contact(it.account).unwrap().unwrap().confirmed).count()
    };
    assert!(confirmed(&world) < 23, "she waits");
    world.wait(6_000);
    assert_eq!(confirmed(&world), 23);
}

#[cfg(feature = "evil")]
mod evil {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::defence::{Defence, Defences};
    use crate::evil::Forged;

    #[test]
    fn d10_without_the_pin_the_new_identity_takes_brunos_place() {
        let (mut world, _) = signed_up_again(&["ana", "bruno"]);
        world.person("ana").wary = false;
        world.person("ana").engine.disarm(Defences::without([Defence::PinnedIdentity]));
        world.say("bruno/anew", "ana", "it is me");
        world.run();
        let records = Records(&world.people["ana"].store);
        let shown = records.direct_with(&"bruno".parse().unwrap()).unwrap().unwrap();
        let row = records.messages(shown, None, 1).unwrap().pop().unwrap();
        assert_eq!(
            (row.content, row.author_handle.as_str()),
            (text("it is me"), "bruno"),
            "shown as Bruno's"
        );
        world.say("ana", "bruno", "secret");
        world.run();
        assert_eq!(
            world.seen("bruno/anew", "ana").last().map(String::as_str),
            Some("secret"),
            "and sealed to it"
        );
        assert!(!world.alerts("ana").iter().any(|alert| matches!(alert, Alert::IdentityChanged(_))));
    }

    #[test]
    fn another_key_for_the_same_account_is_a_change_too_and_can_be_accepted() {
        let mut world = World::of(&["ana", "bruno"]);
        world.say("ana", "bruno", "before");
        world.run();
        let (bruno, device) = (account(&world, "bruno"), world.device("bruno"));
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let forged = Forged::of(bruno, device, "bruno".parse().unwrap(), world.now, &mut rng).unwrap();
        let told = world.relay.accounts.iter_mut().find(|account| account.handle == "bruno").unwrap();
        told.identity_key = forged.identity_key.clone();
        told.device_list = Some(forged.device_list.clone());
        world.relay.packages.insert(device, (vec![forged.key_package.clone().into()], None));
        world.person("ana").engine.disarm(Defences::default());
        let group = {
            world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), vec![]));
            world.run();
            world.conversation("ana", GROUP).id
        };
        let handle = crate::records::key::handle(crate::records::key::HANDLE, &"bruno".parse().unwrap());
        let kept = world.person("ana").store.0.remove(&handle).unwrap();
        world.intent("ana", Intent::AddToGroup(group, vec!["bruno".parse().unwrap()]));
        world.person("ana").store.0.insert(handle, kept);
        world.run();
        assert_eq!(trust(&world, "ana", bruno), Some(Trust::Changed));
        assert_eq!(refused(&mut world, "ana", say_to("bruno", "x")), Some(Refusal::IdentityChanged));
        let before = world.conversation("ana", "bruno").id;
        accept(&mut world, "ana", bruno);
        assert_eq!(trust(&world, "ana", bruno), Some(Trust::Pinned));
        let after = world.conversation("ana", "bruno").id;
        assert_ne!(before, after);
        let sent = world.say("ana", "bruno", "after");
        world.run();
        assert_eq!(world.seen("ana", "bruno").first().map(String::as_str), Some("before"));
        assert_eq!(world.state("ana", "bruno", sent), MessageState::Sent);
    }
}
