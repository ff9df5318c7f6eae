//! History for newcomers of a group: what they are given, what everybody is told of it, and what nobody is given.

use lacre_proto::ConversationId;

use crate::api::{Intent, Refusal, To, Wish};
use crate::content::{Content, Fact, MessageId, Place};
use crate::harness::world::{World, text};
use crate::records::{Change, MessageRecord, MessageState, Records};

const GROUP: &str = "Família";
const DAY: u64 = 24 * 3600 * 1000;

fn records<'a>(world: &'a World, name: &str) -> Records<'a> {
    Records(&world.people[name].store)
}

fn rows(world: &World, name: &str, id: ConversationId) -> Vec<MessageRecord> {
    records(world, name).messages_after(id, None, 1_000).unwrap()
}

/// Ana's group with Bruno; Carla and Duarte are not in it.
fn family() -> (World, ConversationId) {
    let mut world = World::of(&["ana", "bruno", "carla", "duarte"]);
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), vec!["bruno".parse().unwrap()]));
    world.run();
    let id = world.conversation("ana", GROUP).id;
    (world, id)
}

fn say(world: &mut World, from: &str, id: ConversationId, content: Content) -> MessageId {
    world.intent(from, Intent::Send(id, content));
    world.run();
    rows(world, from, id).last().unwrap().id
}

fn add(world: &mut World, by: &str, id: ConversationId, people: &[&str], history: u8) {
    let people = people.iter().map(|name| name.parse().unwrap()).collect();
    world.intent(by, Intent::AddToGroupWith(id, people, history));
    world.run();
}

/// Texts that somebody has from before, with author and giver.
fn given(world: &World, name: &str, id: ConversationId) -> Vec<String> {
    let handle = |account| {
        let all = records(world, name).group_members(id).unwrap();
        all.into_iter()
            .find(|it| it.account == account)
            .map_or("nobody".to_owned(), |it| it.handle.to_string())
    };
    let line = |row: MessageRecord| {
        let by = handle(row.marks.given_by?);
        match row.content {
            Content::Text { text, .. } => Some(format!("{}: {text} ({by})", row.author_handle)),
            content => Some(format!("{}: [{content:?}] ({by})", row.author_handle)),
        }
    };
    rows(world, name, id).into_iter().filter_map(line).collect()
}

fn told(world: &World, name: &str, id: ConversationId) -> Vec<(String, Vec<String>, u8)> {
    let of = |row: MessageRecord| match row.change {
        Some(Change::Gave(to, count)) => {
            Some((row.author_handle.to_string(), to.iter().map(|it| it.handle.to_string()).collect(), count))
        }
        _ => None,
    };
    rows(world, name, id).into_iter().filter_map(of).collect()
}

fn quiet(world: &World) {
    for name in ["ana", "bruno", "carla", "duarte"] {
        assert_eq!(world.alerts(name), [], "{name}");
    }
}

#[test]
fn carla_is_given_what_was_said_with_its_authors_and_all_are_told() {
    let (mut world, id) = family();
    say(&mut world, "ana", id, text("too old to be among the last three"));
    let plan = say(&mut world, "bruno", id, text("dinner at eight"));
    say(
        &mut world,
        "ana",
        id,
        Content::Place(Place { latitude_e7: 1, longitude_e7: 2, label: "here".to_owned() }),
    );
    world.intent("bruno", Intent::Edit(id, plan, "dinner at nine".to_owned()));
    world.run();
    let reply = Wish { in_reply_to: Some(plan), ..Wish::default() };
    world.intent("ana", Intent::Say(To::Conversation(id), text("fine"), reply));
    world.run();
    world.wait(3_600_000);
    add(&mut world, "ana", id, &["carla"], 3);
    assert_eq!(
        given(&world, "carla", id),
        ["bruno: dinner at nine (ana)", "ana: [Content(location)] (ana)", "ana: fine (ana)"]
    );
    let carlas = rows(&world, "carla", id);
    let anas = rows(&world, "ana", id);
    for row in carlas.iter().filter(|row| row.marks.given_by.is_some()) {
        let same = anas.iter().find(|it| it.id == row.id).unwrap();
        assert_eq!((row.author, row.sent_ms, &row.mimi), (same.author, same.sent_ms, &same.mimi));
        assert!(row.seen && row.state == MessageState::Received);
    }
    assert_eq!(carlas.iter().find_map(MessageRecord::in_reply_to), Some(plan), "a reply finds its message");
    assert_eq!(records(&world, "carla").versions(id, plan).unwrap().len(), 2);
    assert!(carlas.first().unwrap().marks.given_by.is_some(), "before everything that she saw herself");
    for name in ["ana", "bruno", "carla"] {
        assert_eq!(told(&world, name, id), [("ana".to_owned(), vec!["carla".to_owned()], 3)], "{name}");
    }
    assert_eq!(given(&world, "bruno", id), Vec::<String>::new());
    assert_eq!(records(&world, "carla").conversation(id).unwrap().unwrap().unread, 0);
    // It is a message like any other from now on: edited, taken back, and given on.
    world.intent("bruno", Intent::Edit(id, plan, "dinner at ten".to_owned()));
    world.run();
    add(&mut world, "carla", id, &["duarte"], 2);
    assert_eq!(given(&world, "duarte", id), ["ana: [Content(location)] (carla)", "ana: fine (carla)"]);
    assert_eq!(given(&world, "carla", id)[0], "bruno: dinner at ten (ana)");
    world.intent("bruno", Intent::DeleteForAll(id, plan));
    world.run();
    let gone = records(&world, "carla").message(id, plan).unwrap().unwrap();
    assert!(gone.marks.deleted_by.is_some());
    quiet(&world);
}

#[test]
fn what_was_taken_back_vanishes_or_is_for_one_look_is_given_to_nobody() {
    let (mut world, id) = family();
    let slip = say(&mut world, "ana", id, text("a slip"));
    world.intent("ana", Intent::DeleteForAll(id, slip));
    let once = Wish { once: true, ..Wish::default() };
    world.intent("bruno", Intent::Say(To::Conversation(id), text("for one look"), once));
    world.run();
    world.intent("ana", Intent::SetTimer(id, 3600));
    world.run();
    say(&mut world, "bruno", id, text("for an hour"));
    world.intent("ana", Intent::SetTimer(id, 0));
    world.run();
    say(&mut world, "ana", id, Content::Fact(Fact::Description("lunch".to_owned())));
    say(&mut world, "bruno", id, text("for all"));
    add(&mut world, "ana", id, &["carla"], 100);
    assert_eq!(given(&world, "carla", id), ["bruno: for all (ana)"]);
    let holds = |words: &[u8]| {
        world.people["carla"].store.0.values().any(|value| value.windows(words.len()).any(|it| it == words))
    };
    assert!(holds(b"for all"));
    assert!(!holds(b"a slip") && !holds(b"for one look") && !holds(b"for an hour"));
    quiet(&world);
}

#[test]
fn nothing_older_than_two_weeks_and_nobody_who_has_left() {
    let (mut world, id) = family();
    add(&mut world, "ana", id, &["duarte"], 0);
    assert_eq!(told(&world, "ana", id), [], "nothing is given unless it is wished");
    say(&mut world, "bruno", id, text("of last month"));
    world.wait(15 * DAY);
    say(&mut world, "duarte", id, text("of who has left"));
    say(&mut world, "bruno", id, text("of yesterday"));
    world.intent("duarte", Intent::LeaveGroup(id));
    world.run();
    world.wait(60_000);
    add(&mut world, "ana", id, &["carla"], 100);
    assert_eq!(given(&world, "carla", id), ["bruno: of yesterday (ana)"]);
    assert_eq!(told(&world, "bruno", id), [("ana".to_owned(), vec!["carla".to_owned()], 1)]);
    quiet(&world);
}

#[test]
fn a_hundred_long_messages_come_in_parts_and_more_are_not_given() {
    let (mut world, id) = family();
    for number in 0..104 {
        world.intent("bruno", Intent::Send(id, text(&format!("{number} {}", "x".repeat(2_000)))));
    }
    world.run();
    world.wait(60_000);
    world.intent("ana", Intent::AddToGroupWith(id, vec!["carla".parse().unwrap()], 101));
    assert!(
        world.people["ana"]
            .events
            .iter()
            .any(|event| { matches!(event, crate::Event::Refused(_, Refusal::TooMuchHistory)) })
    );
    add(&mut world, "ana", id, &["carla", "duarte"], 100);
    for name in ["carla", "duarte"] {
        let given = given(&world, name, id);
        assert_eq!(given.len(), 100, "{name}");
        assert!(
            given[0].starts_with("bruno: 4 ") && given[99].starts_with("bruno: 103 "),
            "{name}: in order"
        );
        let people = vec!["carla".to_owned(), "duarte".to_owned()];
        assert_eq!(told(&world, name, id), [("ana".to_owned(), people, 100)], "{name}: one row");
    }
    quiet(&world);
}

#[test]
fn who_comes_back_has_what_was_said_meanwhile_once() {
    let (mut world, id) = family();
    say(&mut world, "ana", id, text("before"));
    world.intent("ana", Intent::RemoveFromGroup(id, vec!["bruno".parse().unwrap()]));
    world.run();
    say(&mut world, "ana", id, text("meanwhile"));
    add(&mut world, "ana", id, &["bruno"], 100);
    let texts: Vec<_> = rows(&world, "bruno", id)
        .into_iter()
        .filter_map(|row| match row.content {
            Content::Text { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["before", "meanwhile"]);
    quiet(&world);
}

#[cfg(feature = "evil")]
mod evil {
    use super::*;
    use crate::Alert;
    use crate::content::given::{Given, Old, OldForm};
    use crate::defence::{Defence, Defences};
    use crate::evil::Crime;

    fn account(world: &World, name: &str) -> lacre_proto::AccountId {
        world.people[name].engine.me().account
    }

    /// What somebody would give of a message that is on their device.
    fn old(world: &World, name: &str, id: ConversationId, message: MessageId) -> (Vec<u8>, OldForm) {
        let row = records(world, name).message(id, message).unwrap().unwrap();
        let evidence = records(world, name).evidence(id, message).unwrap().unwrap();
        let certificate = records(world, name).certificate(&evidence.certificate).unwrap().unwrap();
        let (content, signature) = (evidence.content, evidence.signature);
        (certificate, OldForm { time: row.sent_ms, certificate: 0, content, signature })
    }

    fn one(to: lacre_proto::AccountId, (certificate, first): (Vec<u8>, OldForm)) -> Given {
        let messages = vec![Old { first, edit: None }];
        Given { to: vec![to], of: 1, from: 0, certificates: vec![certificate], messages }
    }

    fn give(world: &mut World, by: &str, given: Given) {
        world.crime(by, GROUP, Crime::Skip(0, Content::Given(given)));
    }

    fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
        let at = bytes.windows(from.len()).position(|it| it == from).expect("it is in there");
        bytes[at..at + to.len()].copy_from_slice(to);
    }

    /// Bruno lets Carla in and gives her nothing; what he makes of a message of Ana's he gives her then.
    fn plot(
        disarmed: Option<Defence>,
        make: impl FnOnce(&mut World, ConversationId, (Vec<u8>, OldForm)) -> Given,
    ) -> (World, ConversationId) {
        let (mut world, id) = family();
        let words = say(&mut world, "ana", id, text("I owe you 100"));
        add(&mut world, "bruno", id, &["carla"], 0);
        if let Some(off) = disarmed {
            for name in ["ana", "carla"] {
                world.person(name).engine.disarm(Defences::without([off]));
            }
        }
        let real = old(&world, "bruno", id, words);
        let given = make(&mut world, id, real);
        give(&mut world, "bruno", given);
        (world, id)
    }

    fn carlas(world: &World) -> lacre_proto::AccountId {
        account(world, "carla")
    }

    #[test]
    fn words_that_bruno_invents_for_ana_are_not_shown() {
        let invent = |world: &mut World, _, (certificate, mut form): (Vec<u8>, OldForm)| {
            replace(&mut form.content, b"I owe you 100", b"I owe you 999");
            one(carlas(world), (certificate, form))
        };
        let (world, id) = plot(None, invent);
        assert_eq!(given(&world, "carla", id), Vec::<String>::new());
        assert_eq!(world.alerts("carla"), [Alert::FalseHistory(1)]);
        let row = rows(&world, "carla", id).pop().unwrap();
        assert_eq!(
            (row.author_handle.to_string(), row.change),
            ("bruno".to_owned(), Some(Change::NotProven(1)))
        );
        let (world, id) = plot(Some(Defence::Proof), invent);
        assert_eq!(
            given(&world, "carla", id),
            ["ana: I owe you 999 (bruno)"],
            "without the defence they are"
        );
    }

    #[test]
    fn true_words_pass_in_the_same_way() {
        let (world, id) = plot(None, |world, _, real| one(carlas(world), real));
        assert_eq!(given(&world, "carla", id), ["ana: I owe you 100 (bruno)"]);
        assert_eq!(world.alerts("carla"), []);
    }

    #[test]
    fn under_another_certificate_or_out_of_time_words_are_not_shown() {
        let (world, id) = plot(None, |world, id, (_, form)| {
            let mine = say(world, "bruno", id, text("mine"));
            let (certificate, _) = old(world, "bruno", id, mine);
            one(carlas(world), (certificate, form))
        });
        assert_eq!(world.alerts("carla"), [Alert::FalseHistory(1)]);
        assert_eq!(given(&world, "carla", id), Vec::<String>::new());
        for shift in [15 * DAY as i64, -(15 * DAY as i64)] {
            let (world, id) = plot(None, |world, _, (certificate, form)| {
                let time = form.time.checked_add_signed(shift).unwrap();
                one(carlas(world), (certificate, OldForm { time, ..form }))
            });
            assert_eq!(world.alerts("carla"), [Alert::FalseHistory(1)]);
            assert_eq!(given(&world, "carla", id), Vec::<String>::new());
        }
    }

    #[test]
    fn what_was_said_in_another_group_is_not_shown_in_this_one() {
        let (world, id) = plot(None, |world, _, _| {
            world.intent("ana", Intent::CreateGroup("Trabalho".to_owned(), vec!["bruno".parse().unwrap()]));
            world.run();
            let other = world.conversation("ana", "Trabalho").id;
            let words = say(world, "ana", other, text("you are fired"));
            let real = old(world, "bruno", other, words);
            one(carlas(world), real)
        });
        assert_eq!(given(&world, "carla", id), Vec::<String>::new());
        assert_eq!(world.alerts("carla"), [Alert::FalseHistory(1)]);
    }

    #[test]
    fn what_ana_said_to_bruno_alone_is_not_shown_in_the_group() {
        let (world, id) = plot(None, |world, _, _| {
            let words = world.say("ana", "bruno", "only for you");
            world.run();
            let direct = world.conversation("bruno", "ana").id;
            let real = old(world, "bruno", direct, words);
            one(carlas(world), real)
        });
        assert_eq!(given(&world, "carla", id), Vec::<String>::new());
        assert_eq!(world.alerts("carla"), [Alert::FalseHistory(1)]);
    }

    #[test]
    fn nobody_gives_to_who_did_not_just_come_in_nor_twice_nor_by_another_hand() {
        for armed in [true, false] {
            let off = (!armed).then_some(Defence::Giving);
            // To somebody who has been there for long: Ana herself.
            let (world, id) = plot(off, |world, _, real| one(account(world, "ana"), real));
            let refused = |world: &World, name: &str| {
                world.alerts(name).iter().any(|alert| matches!(alert, Alert::PolicyRefused(_)))
            };
            assert_eq!(refused(&world, "ana"), armed);
            assert_eq!(told(&world, "ana", id).is_empty(), armed);
            // By somebody who did not let her in.
            let (mut world, id) = plot(off, |world, _, real| one(carlas(world), real));
            let words = say(&mut world, "bruno", id, text("and more"));
            let more = old(&world, "ana", id, words);
            let more = one(carlas(&world), more);
            give(&mut world, "ana", more);
            assert_eq!(refused(&world, "carla"), armed);
            assert_eq!(told(&world, "carla", id).len(), if armed { 1 } else { 2 });
            // Twice, and more than was said.
            let (mut world, id) = plot(off, |world, _, real| one(carlas(world), real));
            let words = say(&mut world, "ana", id, text("and more"));
            let more = old(&world, "bruno", id, words);
            let more = one(carlas(&world), more);
            give(&mut world, "bruno", more);
            assert_eq!(refused(&world, "carla"), armed);
            assert_eq!(told(&world, "carla", id).len(), if armed { 1 } else { 2 });
        }
    }

    #[test]
    fn more_than_a_hundred_is_no_giving_at_all() {
        let (mut world, id) = family();
        let words = say(&mut world, "ana", id, text("hi"));
        add(&mut world, "bruno", id, &["carla"], 0);
        let given = one(carlas(&world), old(&world, "bruno", id, words));
        for given in [Given { of: 101, ..given.clone() }, Given { from: 1, ..given.clone() }] {
            let content = Content::<crate::content::MimiId>::Given(given);
            let address = crate::content::Address::of(carlas(&world));
            let bad = crate::content::encode(MessageId([1; 16]), &address, content, Default::default());
            assert_eq!(bad, Err(crate::content::BadContent::TooLong));
        }
    }
}
