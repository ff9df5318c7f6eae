//! Strangers who write, and people who are blocked.

use lacre_proto::{AccountId, ConversationId};

use crate::api::{Event, Intent, Refusal};
use crate::content::MessageId;
use crate::harness::world::{World, text};
use crate::records::{
    BlockRecord, ConversationRecord, ConversationState, Failure, MessageState, Records, Standing,
};

const DAY: u64 = 24 * 3600 * 1000;

/// Bruno, who accepts nobody before he has looked, and others who do.
fn world(people: &[&'static str]) -> World {
    let mut world = World::of(people);
    world.person("bruno").wary = true;
    world
}

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn refusal(world: &World, name: &str) -> Option<Refusal> {
    world.people[name].events.iter().rev().find_map(|event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    })
}

fn blocked(world: &World, name: &str) -> Vec<BlockRecord> {
    Records(&world.people[name].store).blocked().unwrap()
}

fn conversations(world: &World, name: &str) -> Vec<ConversationRecord> {
    Records(&world.people[name].store).conversations().unwrap()
}

fn block(world: &mut World, whom: &str) {
    let account = account(world, whom);
    world.intent("bruno", Intent::Block(account));
    world.run();
}

fn unblock(world: &mut World, whom: &str) {
    let account = account(world, whom);
    world.intent("bruno", Intent::Unblock(account));
    world.run();
}

#[test]
fn a_stranger_hears_nothing_before_bruno_accepts_and_then_what_was_owed() {
    let mut world = world(&["bruno", "mallory"]);
    let hello = world.say("mallory", "bruno", "hello, are you there?");
    world.run();
    let request = world.conversation("bruno", "mallory");
    assert_eq!((request.standing, request.unread), (Standing::Asked, 1));
    assert_eq!(world.seen("bruno", "mallory"), ["hello, are you there?"]);
    world.intent("bruno", Intent::Typing(request.id, true));
    world.run();
    let writes =
        |world: &World| world.people["mallory"].events.iter().any(|it| matches!(it, Event::Typing(..)));
    assert!(!writes(&world), "nor that he is writing");

    // He reads it, goes to sleep, comes back; days pass in which leaves are updated elsewhere.
    world.intent("bruno", Intent::MarkRead(request.id, hello));
    world.run();
    world.kill("bruno");
    world.connect("bruno");
    world.disconnect("mallory");
    world.wait(3 * DAY);
    assert_eq!(world.items("mallory").len(), 2, "the echo of her conversation and that of her message");
    world.connect("mallory");
    world.run();
    assert_eq!(world.state("mallory", "bruno", hello), MessageState::Sent);

    world.intent("bruno", Intent::Accept(request.id));
    world.run();
    assert_eq!(world.state("mallory", "bruno", hello), MessageState::Read);
    let more = world.say("mallory", "bruno", "good");
    world.run();
    assert_eq!(world.state("mallory", "bruno", more), MessageState::Delivered, "from now on at once");
}

#[test]
fn who_writes_back_accepts_and_who_wrote_first_is_no_stranger() {
    let mut world = world(&["bruno", "carla"]);
    let hi = world.say("carla", "bruno", "hi");
    world.run();
    world.say("bruno", "carla", "hi Carla");
    world.run();
    assert_eq!(world.conversation("bruno", "carla").standing, Standing::Accepted);
    assert_eq!(world.state("carla", "bruno", hi), MessageState::Delivered);
    world.intent("bruno", Intent::Decline(world.conversation("bruno", "carla").id));
    assert_eq!(refusal(&world, "bruno"), Some(Refusal::NoRequest), "what was accepted is not deleted so");
    assert_eq!(world.conversation("carla", "bruno").standing, Standing::Accepted, "she began it");
}

#[test]
fn both_wrote_first_and_neither_is_a_stranger() {
    let mut world = World::of(&["ana", "bruno"]);
    world.people.values_mut().for_each(|person| person.wary = true);
    let from_ana = world.say("ana", "bruno", "first!");
    let from_bruno = world.say("bruno", "ana", "first!");
    world.run();
    for (name, other, mine) in [("ana", "bruno", from_ana), ("bruno", "ana", from_bruno)] {
        assert_eq!(world.conversation(name, other).standing, Standing::Accepted);
        assert_eq!(world.state(name, other, mine), MessageState::Delivered);
    }
}

#[test]
fn a_deleted_request_is_forgotten_and_its_sender_not_told() {
    let mut world = world(&["bruno", "mallory"]);
    world.say("mallory", "bruno", "buy my coins");
    world.run();
    let request = world.conversation("bruno", "mallory").id;
    world.intent("bruno", Intent::Decline(request));
    world.run();
    assert_eq!(conversations(&world, "bruno"), []);
    assert!(!world.relay.groups[&request].roster.contains(&world.device("bruno")));

    let again = world.say("mallory", "bruno", "really, buy them");
    world.run();
    world.wait(2 * DAY);
    assert_eq!(conversations(&world, "bruno"), []);
    assert_eq!(world.alerts("bruno"), []);
    assert_eq!(world.state("mallory", "bruno", again), MessageState::Sent);
    assert_eq!(world.alerts("mallory"), [], "her device sees nothing amiss, not even in the roster");

    // Should Bruno write one day, both are in the same conversation.
    let hi = world.say("bruno", "mallory", "what coins?");
    world.run();
    assert_eq!(world.state("bruno", "mallory", hi), MessageState::Delivered);
    assert_eq!(world.conversation("bruno", "mallory").id, world.conversation("mallory", "bruno").id);
    assert!(world.conversation("bruno", "mallory").id < request);
    let answer = world.say("mallory", "bruno", "these");
    world.run();
    assert_eq!(world.state("mallory", "bruno", answer), MessageState::Delivered);
    assert_eq!(world.seen("bruno", "mallory"), ["what coins?", "these"]);
}

#[test]
fn what_was_under_way_when_a_request_was_deleted_makes_no_noise() {
    let mut world = world(&["bruno", "mallory"]);
    world.say("mallory", "bruno", "one");
    world.run();
    world.person("bruno").held = true;
    world.say("mallory", "bruno", "two");
    world.intent("mallory", Intent::UpdateLeaf(world.conversation("mallory", "bruno").id));
    world.run();
    world.intent("bruno", Intent::Decline(world.conversation("bruno", "mallory").id));
    world.person("bruno").held = false;
    world.run();
    assert_eq!(conversations(&world, "bruno"), []);
    assert_eq!(world.alerts("bruno"), []);
}

#[test]
fn bruno_blocks_mallory_and_nothing_passes_until_he_takes_it_back() {
    let mut world = world(&["bruno", "mallory"]);
    world.say("bruno", "mallory", "hi");
    world.run();
    world.say("mallory", "bruno", "hello");
    world.run();
    let old = world.conversation("bruno", "mallory").id;
    world.person("bruno").held = true;
    let on_its_way = world.say("mallory", "bruno", "you fool");
    world.run();
    let waits = {
        world.disconnect("bruno");
        world.say("bruno", "mallory", "a word that waits")
    };
    block(&mut world, "mallory");
    assert_eq!(world.state("bruno", "mallory", waits), MessageState::Failed(Failure::Blocked));
    world.person("bruno").held = false;
    world.kill("bruno");
    world.connect("bruno");
    world.run();

    let record = world.conversation("bruno", "mallory");
    assert_eq!((record.standing, record.state), (Standing::Blocked, ConversationState::Left));
    assert_eq!(blocked(&world, "bruno").len(), 1);
    assert_eq!(world.relay.blocks.len(), 1, "the relay knows, though he was offline when he did it");
    let late = world.say("mallory", "bruno", "answer me");
    world.run();
    world.wait(2 * DAY);
    assert_eq!(world.seen("bruno", "mallory"), ["hi", "hello", "a word that waits"]);
    assert_eq!(world.alerts("bruno"), []);
    assert_eq!(world.alerts("mallory"), [], "nothing tells her");
    for id in [on_its_way, late] {
        assert_eq!(world.state("mallory", "bruno", id), MessageState::Sent);
    }
    world.intent("bruno", Intent::SendTo("mallory".parse().unwrap(), text("hm")));
    assert_eq!(refusal(&world, "bruno"), Some(Refusal::Blocked));
    world.intent("bruno", Intent::Accept(old));
    assert_eq!(refusal(&world, "bruno"), Some(Refusal::Blocked));

    unblock(&mut world, "mallory");
    assert_eq!((blocked(&world, "bruno"), world.relay.blocks.len()), (vec![], 0));
    let sorry = world.say("mallory", "bruno", "I am sorry");
    world.run();
    assert_eq!(world.state("mallory", "bruno", sorry), MessageState::Delivered);
    let fine = world.say("bruno", "mallory", "fine");
    world.run();
    assert_eq!(world.state("bruno", "mallory", fine), MessageState::Delivered);
    assert_eq!(world.conversation("bruno", "mallory").id, world.conversation("mallory", "bruno").id);
    let seen = world.seen("bruno", "mallory");
    assert_eq!(seen, ["hi", "hello", "a word that waits", "I am sorry", "fine"], "what was said stays");
}

#[test]
fn blocked_and_let_back_time_and_again_they_always_find_each_other() {
    let mut world = world(&["bruno", "mallory"]);
    world.say("bruno", "mallory", "hi");
    world.run();
    for round in 0..12 {
        block(&mut world, "mallory");
        unblock(&mut world, "mallory");
        let id = world.say("mallory", "bruno", &format!("round {round}"));
        world.run();
        assert_eq!(world.state("mallory", "bruno", id), MessageState::Delivered, "round {round}");
    }
    assert_eq!(world.seen("bruno", "mallory").len(), 13);
}

#[test]
fn a_blocked_stranger_is_a_stranger_again_when_let_back() {
    let mut world = world(&["bruno", "mallory"]);
    world.say("mallory", "bruno", "hello");
    world.run();
    block(&mut world, "mallory");
    unblock(&mut world, "mallory");
    assert_eq!(world.conversation("bruno", "mallory").standing, Standing::Asked);
    assert!(!blocked(&world, "bruno").iter().any(|_| true));
    world.say("bruno", "mallory", "hello after all");
    world.run();
    assert_eq!(world.conversation("bruno", "mallory").standing, Standing::Accepted);
    assert_eq!(world.conversation("bruno", "mallory").id, world.conversation("mallory", "bruno").id);
}

#[test]
fn only_people_are_blocked_of_whom_something_is_known() {
    let mut world = world(&["bruno", "mallory"]);
    for (whom, why) in
        [(account(&world, "bruno"), Refusal::Yourself), (AccountId([9; 16]), Refusal::UnknownPerson)]
    {
        world.intent("bruno", Intent::Block(whom));
        assert_eq!(refusal(&world, "bruno"), Some(why));
    }
    world.intent("bruno", Intent::Decline(ConversationId([9; 16])));
    assert_eq!(refusal(&world, "bruno"), Some(Refusal::NoSuchConversation));
    world.intent("bruno", Intent::Accept(ConversationId([9; 16])));
    assert_eq!(refusal(&world, "bruno"), Some(Refusal::NoSuchConversation));
    assert_eq!(world.relay.blocks.len(), 0);
}

/// A group of Mallory's, and what somebody says in it.
fn group(world: &mut World, by: &str, people: &[&str]) -> ConversationId {
    let people = people.iter().map(|name| name.parse().unwrap()).collect();
    world.intent(by, Intent::CreateGroup("Coins".to_owned(), people));
    world.run();
    world.conversation(by, "Coins").id
}

fn say(world: &mut World, from: &str, id: ConversationId, what: &str) -> MessageId {
    world.intent(from, Intent::Send(id, text(what)));
    world.run();
    let queued = world.people[from].events.iter().rev().find_map(|event| match event {
        Event::Queued(_, _, id) => Some(*id),
        _ => None,
    });
    queued.unwrap()
}

#[test]
fn a_group_into_which_a_stranger_adds_bruno_is_a_request_and_leaving_it_is_quiet() {
    let mut world = world(&["bruno", "carla", "mallory"]);
    let id = group(&mut world, "mallory", &["bruno", "carla"]);
    let news = say(&mut world, "mallory", id, "buy coins");
    world.wait(2 * DAY);
    assert_eq!(world.conversation("bruno", "Coins").standing, Standing::Asked);
    let heard = Records(&world.people["mallory"].store).heard_by(id, news).unwrap();
    assert_eq!(heard.len(), 1, "Carla has it; of Bruno nothing is known");

    let before = world.items("carla").len();
    world.intent("bruno", Intent::LeaveGroup(id));
    world.run();
    assert_eq!(conversations(&world, "bruno"), []);
    assert_eq!(world.items("carla").len(), before, "nobody is told");
    say(&mut world, "mallory", id, "many coins");
    assert_eq!((conversations(&world, "bruno"), world.alerts("bruno")), (vec![], vec![]));
    assert_eq!(world.alerts("mallory"), []);
}

#[test]
fn a_group_of_somebody_known_is_no_request() {
    let mut world = world(&["bruno", "carla"]);
    world.say("bruno", "carla", "hi");
    world.run();
    let id = group(&mut world, "carla", &["bruno"]);
    let news = say(&mut world, "carla", id, "lunch?");
    assert_eq!(world.conversation("bruno", "Coins").standing, Standing::Accepted);
    assert_eq!(Records(&world.people["carla"].store).heard_by(id, news).unwrap().len(), 1);
    let carla = account(&world, "carla");
    let common = Records(&world.people["bruno"].store).common_groups(carla).unwrap();
    assert_eq!(common.len(), 1);
}

#[test]
fn in_a_common_group_a_blocked_member_is_not_heard_and_not_told() {
    let mut world = world(&["bruno", "carla", "mallory"]);
    world.say("bruno", "carla", "hi");
    world.run();
    let id = group(&mut world, "carla", &["bruno", "mallory"]);
    block(&mut world, "mallory");
    let unread = world.conversation("bruno", "Coins").unread;
    let insult = say(&mut world, "mallory", id, "Bruno is a fool");
    let lunch = say(&mut world, "carla", id, "lunch?");
    let heard = |name: &str, message| {
        let heard = Records(&world.people[name].store).heard_by(id, message).unwrap();
        heard.into_iter().map(|(account, _)| account).collect::<Vec<_>>()
    };
    assert!(!heard("mallory", insult).contains(&account(&world, "bruno")), "no receipt of Bruno's");
    assert!(heard("mallory", insult).contains(&account(&world, "carla")));
    assert!(heard("carla", lunch).contains(&account(&world, "bruno")));
    assert_eq!(world.conversation("bruno", "Coins").unread, unread + 1, "it is no news");
    // Her receipts of what he says are not heard either.
    let mine = say(&mut world, "bruno", id, "at one");
    let heard = Records(&world.people["bruno"].store).heard_by(id, mine).unwrap();
    assert_eq!(heard.len(), 1, "Carla's alone");
}
