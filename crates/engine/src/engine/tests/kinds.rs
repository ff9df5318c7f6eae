//! What people do with messages: over the small relay, by name.

use proptest::prelude::*;

use crate::api::{Event, Intent, Refusal, To, Wish};
use crate::content::{Content, MessageId, Place, Poll};
use crate::harness::world::{World, text};
use crate::records::{MessageState, Records, Tally, key};
use lacre_proto::ConversationId;

const HOUR: u64 = 3600 * 1000;

/// Ana and Bruno, and a message of Bruno's that Ana has.
fn talk() -> (World, ConversationId, MessageId) {
    let mut world = World::of(&["ana", "bruno"]);
    let id = world.say("bruno", "ana", "lunch at noon?");
    world.run();
    let conversation = world.conversation("ana", "bruno").id;
    (world, conversation, id)
}

fn refusals(world: &World, name: &str) -> Vec<Refusal> {
    let refusal = |event: &Event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    };
    world.people[name].events.iter().filter_map(refusal).collect()
}

fn records<'a>(world: &'a World, name: &str) -> Records<'a> {
    Records(&world.people[name].store)
}

fn reactions(world: &World, name: &str, conversation: ConversationId, id: MessageId) -> Vec<String> {
    let all = records(world, name).reactions(conversation, id).unwrap();
    all.into_iter().filter_map(|reaction| reaction.emoji).collect()
}

fn poll(multiple: bool) -> Content {
    let options = ["pizza", "sushi", "soup"].map(str::to_owned).to_vec();
    Content::Poll(Poll { question: "what?".to_owned(), options, multiple })
}

#[test]
fn a_reaction_is_replaced_and_taken_back_and_both_see_it() {
    let (mut world, conversation, id) = talk();
    let react = |world: &mut World, emoji: Option<&str>| {
        world.intent("ana", Intent::React(conversation, id, emoji.map(str::to_owned)));
        world.run();
    };
    react(&mut world, Some("👍"));
    assert_eq!(reactions(&world, "bruno", conversation, id), ["👍"]);
    react(&mut world, Some("❤️"));
    for name in ["ana", "bruno"] {
        assert_eq!(reactions(&world, name, conversation, id), ["❤️"], "{name}");
    }
    react(&mut world, None);
    for name in ["ana", "bruno"] {
        assert_eq!(reactions(&world, name, conversation, id), Vec::<String>::new(), "{name}");
        assert_eq!(world.alerts(name), []);
        assert_eq!(
            world.rows(name, if name == "ana" { "bruno" } else { "ana" }).len(),
            1,
            "no rows of their own"
        );
    }
    react(&mut world, Some("no emoji"));
    assert_eq!(refusals(&world, "ana"), [Refusal::NotAnEmoji]);
}

#[test]
fn bruno_edits_his_message_for_a_day_and_the_history_is_kept() {
    let (mut world, conversation, id) = talk();
    world.intent("bruno", Intent::Edit(conversation, id, "lunch at one?".to_owned()));
    world.run();
    world.intent("bruno", Intent::Edit(conversation, id, "lunch at two?".to_owned()));
    world.run();
    for (name, with) in [("ana", "bruno"), ("bruno", "ana")] {
        assert_eq!(world.seen(name, with), ["lunch at two?"]);
        let versions = records(&world, name).versions(conversation, id).unwrap();
        let texts: Vec<_> = versions.iter().map(|version| version.text.as_str()).collect();
        assert_eq!(texts, ["lunch at noon?", "lunch at one?", "lunch at two?"]);
        assert!(world.rows(name, with)[0].marks.edited_ms.is_some());
    }
    world.intent("ana", Intent::Edit(conversation, id, "not hers".to_owned()));
    assert_eq!(refusals(&world, "ana"), [Refusal::NotYours]);
    world.now += 24 * HOUR + 1;
    world.intent("bruno", Intent::Edit(conversation, id, "too late".to_owned()));
    assert_eq!(refusals(&world, "bruno"), [Refusal::TooLate]);
    assert_eq!(world.alerts("ana"), []);
}

#[test]
fn what_was_not_sent_yet_is_edited_in_place_and_deleted_without_a_trace() {
    let (mut world, conversation, _) = talk();
    world.disconnect("ana");
    let edited = world.say("ana", "bruno", "helo");
    let deleted = world.say("ana", "bruno", "never mind");
    world.intent("ana", Intent::Edit(conversation, edited, "hello".to_owned()));
    world.intent("ana", Intent::DeleteForAll(conversation, deleted));
    world.connect("ana");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["lunch at noon?", "hello"]);
    assert_eq!(world.seen("ana", "bruno"), ["lunch at noon?", "hello"]);
    assert_eq!(records(&world, "bruno").versions(conversation, edited).unwrap(), []);
}

#[test]
fn a_message_is_taken_back_for_everyone_only_by_its_author() {
    let (mut world, conversation, id) = talk();
    world.intent("ana", Intent::React(conversation, id, Some("👍".to_owned())));
    world.intent("ana", Intent::Star(conversation, id, true));
    world.run();
    world.intent("ana", Intent::DeleteForAll(conversation, id));
    assert_eq!(refusals(&world, "ana"), [Refusal::NotYours]);
    assert_eq!(world.conversation("ana", "bruno").unread, 1);
    world.intent("bruno", Intent::DeleteForAll(conversation, id));
    world.run();
    for (name, with) in [("ana", "bruno"), ("bruno", "ana")] {
        let rows = world.rows(name, with);
        assert_eq!(rows.len(), 1, "the row stays");
        assert_eq!(rows[0].marks.deleted_by, Some(rows[0].author));
        assert_eq!(rows[0].content, Content::Unknown);
        assert_eq!(reactions(&world, name, conversation, id), Vec::<String>::new());
        assert!(!store_holds(&world, name, b"lunch at noon"), "nothing of it is stored at {name}");
    }
    assert_eq!(world.conversation("ana", "bruno").unread, 0);
    assert_eq!(records(&world, "ana").stars(None).unwrap(), []);
    world.intent("bruno", Intent::Edit(conversation, id, "back again".to_owned()));
    assert_eq!(refusals(&world, "bruno"), [Refusal::NoSuchMessage]);
}

fn store_holds(world: &World, name: &str, secret: &[u8]) -> bool {
    let holds = |value: &Vec<u8>| value.windows(secret.len()).any(|window| window == secret);
    world.people[name].store.0.values().any(holds)
}

#[test]
fn a_message_deleted_here_is_gone_here_only_and_does_not_come_again() {
    let (mut world, conversation, id) = talk();
    world.intent("ana", Intent::DeleteHere(conversation, id));
    world.intent("bruno", Intent::Edit(conversation, id, "edited after".to_owned()));
    world.run();
    assert_eq!(world.seen("ana", "bruno"), Vec::<String>::new());
    assert_eq!(world.seen("bruno", "ana"), ["edited after"]);
    assert_eq!(world.conversation("ana", "bruno").unread, 0);
    assert!(!store_holds(&world, "ana", b"lunch"), "neither the message nor what came about it later");
    assert_eq!(world.alerts("ana"), []);
}

#[test]
fn a_poll_counts_each_vote_once_and_none_after_it_was_closed() {
    let (mut world, conversation, _) = talk();
    let id = world.say_content("bruno", "ana", poll(false));
    world.run();
    let tally =
        |world: &World, name: &str| -> Tally { records(world, name).tally(conversation, id).unwrap() };
    let votes = |world: &World, name: &str| -> Vec<Vec<u8>> {
        let mut votes: Vec<_> = tally(world, name).votes.into_iter().map(|vote| vote.choices).collect();
        votes.sort();
        votes
    };
    world.intent("ana", Intent::Vote(conversation, id, vec![0]));
    world.intent("bruno", Intent::Vote(conversation, id, vec![2]));
    world.run();
    world.intent("ana", Intent::Vote(conversation, id, vec![1]));
    world.run();
    for name in ["ana", "bruno"] {
        assert_eq!(votes(&world, name), [vec![1], vec![2]], "{name}");
    }
    world.intent("ana", Intent::Vote(conversation, id, vec![]));
    world.run();
    assert_eq!(votes(&world, "bruno"), [vec![2]], "taken back");
    for choices in [vec![0, 1], vec![3]] {
        world.intent("ana", Intent::Vote(conversation, id, choices));
    }
    world.intent("ana", Intent::ClosePoll(conversation, id));
    world.now += 1000;
    world.intent("bruno", Intent::ClosePoll(conversation, id));
    world.run();
    world.now += 1000;
    world.intent("ana", Intent::Vote(conversation, id, vec![0]));
    let refused = [Refusal::NotOfThisKind, Refusal::NotOfThisKind, Refusal::NotYours, Refusal::Closed];
    assert_eq!(refusals(&world, "ana"), refused);
    for name in ["ana", "bruno"] {
        assert_eq!(votes(&world, name), [vec![2]], "{name}");
        assert!(tally(&world, name).closed_ms.is_some());
    }
}

#[test]
fn pins_are_for_both_and_stars_for_oneself() {
    let (mut world, conversation, id) = talk();
    world.disconnect("ana");
    world.intent("ana", Intent::Pin(conversation, id, true));
    world.intent("ana", Intent::Star(conversation, id, true));
    assert_eq!(records(&world, "ana").pins(conversation).unwrap(), [id], "seen at once");
    world.connect("ana");
    world.run();
    assert_eq!(records(&world, "bruno").pins(conversation).unwrap(), [id]);
    let ana = world.people["ana"].engine.me().account;
    assert_eq!(records(&world, "bruno").pinned_by(conversation, id).unwrap(), Some(ana));
    assert!(records(&world, "ana").is_starred(conversation, id).unwrap());
    assert_eq!(records(&world, "bruno").stars(None).unwrap(), []);
    world.now += 1000;
    world.intent("bruno", Intent::Pin(conversation, id, false));
    world.run();
    for name in ["ana", "bruno"] {
        assert_eq!(records(&world, name).pins(conversation).unwrap(), [], "{name}");
    }
}

#[test]
fn what_is_passed_on_says_so_and_how_often() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    let mut id = world.say("ana", "bruno", "a rumour");
    world.run();
    let to = |name: &str| To::Person(name.parse().unwrap());
    for hop in 0..6 {
        let (from, with) = if hop % 2 == 0 { ("bruno", "ana") } else { ("ana", "bruno") };
        let conversation = world.conversation(from, with).id;
        world.intent(from, Intent::Forward { from: conversation, message: id, to: vec![to(with)] });
        world.run();
        let row = world.rows(with, from).pop().unwrap();
        assert_eq!(row.marks.manner.forwarded, hop + 1);
        id = row.id;
    }
    let conversation = world.conversation("bruno", "ana").id;
    let both = vec![to("ana"), to("carla")];
    world.intent("bruno", Intent::Forward { from: conversation, message: id, to: both });
    assert_eq!(refusals(&world, "bruno"), [Refusal::TooManyTargets(1)]);
    world.intent("bruno", Intent::Forward { from: conversation, message: id, to: vec![to("carla")] });
    world.run();
    assert_eq!(world.seen("carla", "bruno"), ["a rumour"]);
    let secret = Wish { once: true, ..Wish::default() };
    world.intent("bruno", Intent::Say(to("carla"), text("once"), secret));
    world.run();
    let once = world.rows("carla", "bruno").pop().unwrap();
    let forward = Intent::Forward { from: once.conversation, message: once.id, to: vec![to("ana")] };
    world.intent("carla", forward);
    assert_eq!(refusals(&world, "carla"), [Refusal::NotOfThisKind]);
}

#[test]
fn messages_vanish_after_they_were_read_also_across_restarts_and_wrong_clocks() {
    let (mut world, conversation, _) = talk();
    world.intent("ana", Intent::SetTimer(conversation, 3600));
    world.run();
    assert_eq!(records(&world, "bruno").timer(conversation).unwrap(), 3600);
    let id = world.say("bruno", "ana", "it vanishes");
    world.run();
    assert_eq!(world.rows("bruno", "ana").len(), 3, "the first, the timer, the last");
    world.wait(2 * HOUR);
    assert!(!store_holds(&world, "bruno", b"it vanishes"), "the author read it when it was sent");
    assert_eq!(world.rows("ana", "bruno").len(), 3, "Ana has not read it");
    world.intent("ana", Intent::MarkRead(conversation, id));
    world.run();
    let at = world.rows("ana", "bruno")[2].marks.vanishes_ms.unwrap();
    assert_eq!(at, world.now + HOUR);
    // The clock is set back by a day, the device restarts, and nothing is there longer than by the relay's clock.
    world.disconnect("ana");
    world.now -= 24 * HOUR;
    world.kill("ana");
    let tick = |world: &mut World| world.step("ana", crate::api::Input::Tick);
    tick(&mut world);
    assert!(store_holds(&world, "ana", b"it vanishes"));
    // Ten years ahead: not believed.
    world.now += 10 * 366 * 24 * HOUR;
    tick(&mut world);
    assert!(store_holds(&world, "ana", b"it vanishes"), "nothing vanishes because a clock is wrong");
    world.now += HOUR / 2;
    tick(&mut world);
    assert!(store_holds(&world, "ana", b"it vanishes"));
    world.now += HOUR / 2 + 60_000;
    tick(&mut world);
    assert!(
        !store_holds(&world, "ana", b"it vanishes"),
        "an hour of running clock later it is gone, offline too"
    );
}

#[test]
fn the_timer_that_the_relay_put_last_holds_for_both() {
    let (mut world, conversation, _) = talk();
    world.disconnect("ana");
    world.disconnect("bruno");
    world.intent("ana", Intent::SetTimer(conversation, 60));
    world.intent("bruno", Intent::SetTimer(conversation, 7200));
    assert_eq!(records(&world, "ana").timer(conversation).unwrap(), 60);
    world.connect("bruno");
    world.run();
    world.now += 1000;
    world.connect("ana");
    world.run();
    for name in ["ana", "bruno"] {
        assert_eq!(records(&world, name).timer(conversation).unwrap(), 60, "{name}");
    }
    world.intent("ana", Intent::SetTimer(conversation, u32::MAX));
    assert_eq!(refusals(&world, "ana"), [Refusal::BadContent]);
}

#[test]
fn what_may_be_looked_at_once_is_gone_then_on_both_sides() {
    let (mut world, conversation, _) = talk();
    let to = To::Person("ana".parse().unwrap());
    world.intent("bruno", Intent::Say(to, text("the code is 4711"), Wish { once: true, ..Wish::default() }));
    world.run();
    assert!(!store_holds(&world, "bruno", b"4711"), "its author does not keep it either");
    let row = world.rows("ana", "bruno").pop().unwrap();
    assert_eq!(row.content, text("the code is 4711"));
    world.intent("ana", Intent::Look(conversation, row.id));
    world.run();
    assert!(!store_holds(&world, "ana", b"4711"));
    assert!(world.rows("ana", "bruno").pop().unwrap().marks.looked);
    assert_eq!(world.state("bruno", "ana", row.id), MessageState::Read);
}

#[test]
fn a_message_is_sent_later_edited_before_and_given_up_before() {
    let (mut world, conversation, _) = talk();
    let to = || To::Person("ana".parse().unwrap());
    let later = Wish { not_before: Some(world.now + HOUR), ..Wish::default() };
    for what in ["happy birthdy", "never"] {
        world.intent("bruno", Intent::Say(to(), text(what), later));
    }
    let scheduled = records(&world, "bruno").scheduled().unwrap();
    let (kept, given_up) = if scheduled[0].content == text("never") { (1, 0) } else { (0, 1) };
    let id = scheduled[kept].id;
    world.intent("bruno", Intent::Edit(conversation, id, "happy birthday".to_owned()));
    world.intent("bruno", Intent::Cancel(scheduled[given_up].id));
    world.wait(HOUR - 1);
    assert_eq!(world.seen("bruno", "ana"), ["lunch at noon?"]);
    world.kill("bruno");
    world.connect("bruno");
    world.wait(1);
    world.run();
    assert_eq!(world.seen("ana", "bruno"), ["lunch at noon?", "happy birthday"]);
    assert_eq!(world.rows("ana", "bruno")[1].id, id);
    assert_eq!(records(&world, "bruno").scheduled().unwrap(), []);
}

#[test]
fn no_receipts_go_out_where_they_are_switched_off() {
    let (mut world, conversation, _) = talk();
    world.intent("ana", Intent::SetReceipts(conversation, false));
    let id = world.say("bruno", "ana", "are you there?");
    world.run();
    world.intent("ana", Intent::MarkRead(conversation, id));
    world.run();
    assert_eq!(world.state("bruno", "ana", id), MessageState::Sent);
    assert_eq!(world.conversation("ana", "bruno").unread, 0);
    world.intent("ana", Intent::SetReceipts(conversation, true));
    let id = world.say("bruno", "ana", "and now?");
    world.run();
    assert_eq!(world.state("bruno", "ana", id), MessageState::Delivered);
}

#[test]
fn the_name_that_ana_goes_by_comes_with_her_next_message() {
    let (mut world, ..) = talk();
    world.intent("ana", Intent::SetName("Ana Maria".to_owned()));
    world.run();
    let ana = world.people["ana"].engine.me().account;
    assert_eq!(records(&world, "bruno").name_of(ana).unwrap(), None);
    world.say("ana", "bruno", "hi");
    world.say("ana", "bruno", "again");
    world.run();
    assert_eq!(records(&world, "bruno").name_of(ana).unwrap().as_deref(), Some("Ana Maria"));
    assert_eq!(world.rows("bruno", "ana").len(), 3, "a name is no row");
}

#[test]
fn a_kind_that_was_not_known_is_read_by_a_version_that_knows_it() {
    let (mut world, conversation, _) = talk();
    let place = Content::Place(Place { latitude_e7: 1, longitude_e7: 2, label: "here".to_owned() });
    world.say_content("bruno", "ana", place.clone());
    world.run();
    let row = world.rows("ana", "bruno").pop().unwrap();
    // What an older version would have stored of it.
    let address =
        crate::content::Address::direct(row.author, [row.author, world.people["ana"].engine.me().account]);
    let said = place.clone().map_ids(|_| None).unwrap();
    let (raw, mimi) = crate::content::encode(row.id, &address, said, Default::default()).unwrap();
    assert_eq!(Some(mimi.0.to_vec()), row.mimi, "the same bytes");
    let unknown = crate::records::MessageRecord { content: Content::Unknown, ..row.clone() };
    let store = &mut world.person("ana").store.0;
    let put = |key: Vec<u8>, value: Vec<u8>| (key, value);
    store.extend([
        put(key::position(key::MESSAGE, conversation, row.position), crate::records::encode(&unknown)),
        put(key::message_in(key::RAW, conversation, row.id), crate::records::encode(&raw)),
        put(vec![key::KNOWS], crate::records::encode(&"0.0.1 4".to_owned())),
    ]);
    world.kill("ana");
    assert_eq!(world.rows("ana", "bruno").pop().unwrap().content, Content::Unknown);
    world.connect("ana");
    assert_eq!(world.rows("ana", "bruno").pop().unwrap().content, place);
    let raw = key::message_in(key::RAW, conversation, row.id);
    assert!(!world.people["ana"].store.0.contains_key(&raw), "kept no longer");
}

/// All that Ana shows of the conversation, but for places and times of arrival.
fn shown(world: &World, conversation: ConversationId) -> Vec<String> {
    let records = records(world, "ana");
    let mut all: Vec<String> = records
        .messages_after(conversation, None, 1000)
        .unwrap()
        .into_iter()
        .filter(|row| !matches!(row.state, MessageState::Gap(_)))
        .map(|row| {
            let said = match &row.content {
                Content::Text { text, .. } => text.clone(),
                other => format!("{other:?}"),
            };
            let reactions = records.reactions(conversation, row.id).unwrap().into_iter();
            let reactions: Vec<_> = reactions.map(|it| (it.account, it.emoji, it.revision)).collect();
            let versions = records.versions(conversation, row.id).unwrap().into_iter();
            let versions: Vec<_> = versions.map(|version| (version.text, version.revision)).collect();
            let Tally { votes, closed_ms } = records.tally(conversation, row.id).unwrap();
            let votes: Vec<_> = votes.into_iter().map(|vote| (vote.choices, vote.revision)).collect();
            let tally = (votes, closed_ms.is_some());
            let pinned = records.pinned_by(conversation, row.id).unwrap();
            let deleted = row.marks.deleted_by;
            format!("{} <{said}> {reactions:?} {versions:?} {tally:?} {pinned:?} {deleted:?}", row.id)
        })
        .collect();
    all.sort();
    all
}

/// Bruno does everything to his messages while Ana is away; the relay delivers it in this order.
fn in_order(order: &[usize]) -> (Vec<String>, usize) {
    let (mut world, conversation, first) = talk();
    world.person("ana").held = true;
    let second = world.say("bruno", "ana", "to be deleted");
    let vote = world.say_content("bruno", "ana", poll(true));
    world.run();
    for act in [
        Intent::Edit(conversation, first, "one".to_owned()),
        Intent::React(conversation, first, Some("👍".to_owned())),
        Intent::Vote(conversation, vote, vec![0]),
        Intent::Edit(conversation, first, "two".to_owned()),
        Intent::React(conversation, first, Some("🎉".to_owned())),
        Intent::Pin(conversation, first, true),
        Intent::Edit(conversation, second, "edited first".to_owned()),
        Intent::DeleteForAll(conversation, second),
        Intent::Vote(conversation, vote, vec![1, 2]),
        Intent::Pin(conversation, first, false),
        Intent::Pin(conversation, vote, true),
        Intent::ClosePoll(conversation, vote),
    ] {
        world.now += 1000;
        world.intent("bruno", act);
        world.run();
    }
    world.person("ana").held = false;
    let mut delivered = 0;
    world.tamper("ana", |items| {
        delivered = items.len();
        let order: Vec<usize> = order.iter().copied().filter(|&at| at < items.len()).collect();
        let mut moved: Vec<_> = order.iter().map(|&at| items[at].clone()).collect();
        moved.extend((0..items.len()).filter(|at| !order.contains(at)).map(|at| items[at].clone()));
        *items = moved;
    });
    world.push("ana");
    world.run();
    (shown(&world, conversation), delivered)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_it_comes_ana_shows_the_same(
        order in Just((0..16).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let (straight, delivered) = in_order(&[]);
        prop_assert!(delivered >= 14, "{} items were mixed", delivered);
        prop_assert!(straight.iter().any(|row| row.contains("<two>") && row.contains("🎉")));
        prop_assert_eq!(in_order(&order).0, straight);
    }
}

#[test]
fn what_waits_for_messages_that_never_come_is_bounded() {
    let (mut world, conversation, first) = talk();
    let awaited = |world: &World| {
        let keys = world.people["ana"].store.0.keys();
        keys.filter(|key| key[0] == key::AWAITING).count()
    };
    world.person("ana").held = true;
    let mut messages = vec![first];
    for number in 0..70 {
        messages.push(world.say("bruno", "ana", &number.to_string()));
        world.run();
        world.intent("bruno", Intent::React(conversation, *messages.last().unwrap(), Some("👍".to_owned())));
        world.run();
    }
    world.person("ana").held = false;
    // Only the reactions come; what they are about is left out by the relay.
    world.tamper("ana", |items| {
        let mut at = 0;
        items.retain(|item| {
            let sealed = matches!(item.kind, Some(lacre_proto::wire::item::Kind::Sealed(_)));
            at += usize::from(sealed);
            !sealed || at % 2 == 0
        });
    });
    world.push("ana");
    assert!(awaited(&world) > 32, "they wait");
    assert!(awaited(&world) <= 64, "and not for ever more: {}", awaited(&world));
}

fn typing(world: &World, name: &str) -> Vec<bool> {
    let typing = |event: &Event| match event {
        Event::Typing(_, _, typing) => Some(*typing),
        _ => None,
    };
    world.people[name].events.iter().filter_map(typing).collect()
}

#[test]
fn who_is_there_sees_that_ana_writes_and_nobody_keeps_it() {
    let (mut world, conversation, _) = talk();
    let stored = world.items("bruno").len();
    let keys = world.people["bruno"].store.0.len();
    world.intent("ana", Intent::Typing(conversation, true));
    world.intent("ana", Intent::Typing(conversation, true));
    world.run();
    assert_eq!(typing(&world, "bruno"), [true], "said once, however many keys are pressed");
    world.intent("ana", Intent::Typing(conversation, false));
    world.run();
    assert_eq!(typing(&world, "bruno"), [true, false]);
    assert_eq!(typing(&world, "ana"), Vec::<bool>::new(), "not to oneself");
    assert_eq!(world.items("bruno").len(), stored, "the relay has stored nothing");
    assert_eq!(world.people["bruno"].store.0.len(), keys, "nor has Bruno");
    world.disconnect("bruno");
    world.now += 5000;
    world.intent("ana", Intent::Typing(conversation, true));
    world.run();
    world.say("ana", "bruno", "done");
    world.run();
    world.connect("bruno");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["lunch at noon?", "done"], "what was missed leaves no gap");
    assert_eq!(typing(&world, "bruno").len(), 2);
    assert_eq!(world.alerts("bruno"), []);
}

#[test]
fn however_long_ana_writes_her_message_opens() {
    let (mut world, conversation, _) = talk();
    let epoch = world.group_epoch(conversation);
    world.person("bruno").online = false;
    for round in 0..3 {
        for _ in 0..200 {
            world.now += 3001;
            world.intent("ana", Intent::Typing(conversation, true));
            world.run();
        }
        world.say("ana", "bruno", &round.to_string());
        world.run();
    }
    assert_eq!(world.group_epoch(conversation), epoch, "within one epoch");
    world.kill("bruno");
    world.connect("bruno");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["lunch at noon?", "0", "1", "2"]);
    assert_eq!(world.alerts("bruno"), [], "few keys were used in passing");
}

#[test]
fn who_keeps_receipts_back_does_not_tell_of_writing_either() {
    let (mut world, conversation, _) = talk();
    world.intent("ana", Intent::SetReceipts(conversation, false));
    world.intent("ana", Intent::Typing(conversation, true));
    world.run();
    assert_eq!(typing(&world, "bruno"), Vec::<bool>::new());
}

#[test]
fn m06_what_was_said_in_passing_is_no_message_even_if_the_relay_keeps_it() {
    let (mut world, conversation, _) = talk();
    world.intent("ana", Intent::Typing(conversation, true));
    while world.relay.passing.is_empty() {
        assert!(world.ask_one("ana"), "it is said");
    }
    let (_, item) = world.relay.passing.pop().unwrap();
    world.relay.passing.clear();
    let mut kept = lacre_proto::frame::decode_item(&item).unwrap();
    let Some(lacre_proto::wire::item::Kind::Sealed(sealed)) = &mut kept.kind else { panic!("sealed") };
    sealed.sequence = 99;
    let before = world.rows("bruno", "ana");
    let bruno = world.device("bruno");
    world.relay.append([bruno], kept.kind.unwrap());
    world.run();
    assert_eq!(world.rows("bruno", "ana"), before);
    assert_eq!(world.alerts("bruno"), [crate::Alert::Misdelivered]);
}
