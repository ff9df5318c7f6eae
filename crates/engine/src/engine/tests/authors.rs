//! Whose words they are can be shown to others: what authors sign, and what becomes of what they did not.

use crate::api::{Intent, To, Wish};
use crate::content::{Content, Fact, MessageId, Place};
use crate::harness::world::{World, text};
use crate::records::{Evidence, Records, key};
use lacre_proto::ConversationId;

fn records<'a>(world: &'a World, name: &str) -> Records<'a> {
    Records(&world.people[name].store)
}

/// What the evidence proves: the author's handle, and the content.
fn proven(world: &World, name: &str, evidence: &Evidence) -> (String, Content<crate::content::MimiId>) {
    let certificate = records(world, name).certificate(&evidence.certificate).unwrap().expect("it is kept");
    let (author, opened, _) = evidence.signed(&certificate).prove().expect("it holds");
    assert_eq!(author.device(), evidence.device);
    (author.handle().to_string(), opened.content)
}

fn evidence(world: &World, name: &str, id: ConversationId, message: MessageId) -> Option<Evidence> {
    records(world, name).evidence(id, message).unwrap()
}

fn place() -> Content {
    Content::Place(Place { latitude_e7: 1, longitude_e7: 2, label: "the corner".to_owned() })
}

#[test]
fn both_sides_can_prove_what_was_said_and_how_it_was_edited() {
    let mut world = World::of(&["ana", "bruno"]);
    let words = world.say("ana", "bruno", "at eight");
    let corner = world.say_content("ana", "bruno", place());
    world.run();
    let id = world.conversation("ana", "bruno").id;
    world.intent("ana", Intent::Edit(id, words, "at nine".to_owned()));
    world.run();
    world.intent("ana", Intent::Edit(id, words, "at ten".to_owned()));
    world.run();
    for name in ["ana", "bruno"] {
        let first = evidence(&world, name, id, words).expect("it is kept");
        let said = |text: &str| Content::Text { text: text.to_owned() };
        assert_eq!(proven(&world, name, &first), ("ana".to_owned(), said("at eight")), "{name}");
        assert!(first.sealed.is_some_and(|sealed| sealed.sequence > 0), "{name} knows its place");
        let edit = records(&world, name).evidence_of_edit(id, words).unwrap().expect("it is kept");
        let (by, content) = proven(&world, name, &edit);
        assert!(matches!(content, Content::Edit { text, .. } if text == "at ten"), "{name}");
        assert_eq!(by, "ana");
        let place = evidence(&world, name, id, corner).expect("it is kept");
        assert!(matches!(proven(&world, name, &place).1, Content::Place(_)), "{name}");
    }
}

#[test]
fn an_edit_that_overtakes_its_message_is_proven_too() {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("bruno", "ana", "hi");
    world.run();
    let id = world.conversation("ana", "bruno").id;
    world.person("bruno").held = true;
    let words = world.say("ana", "bruno", "at eight");
    world.run();
    world.intent("ana", Intent::Edit(id, words, "at nine".to_owned()));
    world.run();
    world.tamper("bruno", |items| items.reverse());
    world.person("bruno").held = false;
    world.run();
    assert_eq!(world.seen("bruno", "ana").last().map(String::as_str), Some("at nine"));
    let edit = records(&world, "bruno").evidence_of_edit(id, words).unwrap().expect("it is kept");
    assert!(matches!(proven(&world, "bruno", &edit).1, Content::Edit { text, .. } if text == "at nine"));
}

#[test]
fn of_what_was_taken_back_or_may_be_looked_at_once_no_proof_stays() {
    let mut world = World::of(&["ana", "bruno"]);
    let words = world.say("ana", "bruno", "a slip of the tongue");
    world.run();
    let id = world.conversation("ana", "bruno").id;
    world.intent("ana", Intent::Edit(id, words, "a slip of the tongue, again".to_owned()));
    let once = Wish { once: true, ..Wish::default() };
    world.intent("ana", Intent::Say(To::Conversation(id), text("a slip for one look"), once));
    world.run();
    let holds = |world: &World, name: &str| {
        let slip = |value: &Vec<u8>| value.windows(6).any(|bytes| bytes == b"a slip");
        world.people[name].store.0.values().any(slip)
    };
    assert!(holds(&world, "bruno"), "it is there before");
    world.intent("ana", Intent::DeleteForAll(id, words));
    let looked = world.rows("bruno", "ana").last().unwrap().id;
    world.intent("bruno", Intent::Look(id, looked));
    world.run();
    for name in ["ana", "bruno"] {
        assert!(!holds(&world, name), "{name}");
        assert_eq!(evidence(&world, name, id, words), None);
        assert_eq!(evidence(&world, name, id, looked), None);
        let left = records(&world, name).all::<Evidence>("evidence", &[key::EVIDENCE]).unwrap();
        assert!(left.is_empty(), "{name}");
    }
}

#[test]
fn only_words_are_signed() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    let people = vec!["bruno".parse().unwrap(), "carla".parse().unwrap()];
    world.intent("ana", Intent::CreateGroup("Friends".to_owned(), people));
    world.run();
    let id = world.conversation("ana", "Friends").id;
    world.intent("ana", Intent::Send(id, Content::Fact(Fact::Description("lunch".to_owned()))));
    world.intent("ana", Intent::Send(id, text("hi")));
    world.run();
    let words = world.rows("bruno", "Friends").last().unwrap().id;
    world.intent("bruno", Intent::React(id, words, Some("👍".to_owned())));
    world.intent("bruno", Intent::MarkRead(id, words));
    world.run();
    let kept = records(&world, "carla").all::<Evidence>("evidence", &[key::EVIDENCE]).unwrap();
    let kinds: Vec<_> = kept.iter().map(|(_, it)| proven(&world, "carla", it).1.kind().name).collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&"fact") && kinds.contains(&"text"), "{kinds:?}");
    let signed: Vec<_> = crate::content::KINDS.iter().filter(|kind| kind.signed).map(|it| it.name).collect();
    for kind in ["text", "edit", "poll", "location", "contact", "timer", "fact"] {
        assert!(signed.contains(&kind), "{kind}");
    }
    for kind in ["delivered", "read", "reaction", "vote", "typing", "leave", "name", "briefing", "delete"] {
        assert!(!signed.contains(&kind), "{kind}");
    }
}

#[cfg(feature = "evil")]
mod evil {
    use super::*;
    use crate::Alert;
    use crate::defence::{Defence, Defences};
    use crate::evil::{Crime, Denial};

    #[test]
    fn s05_words_that_their_author_could_deny_are_not_shown() {
        let denials = [
            Denial::Missing,
            Denial::OtherWords,
            Denial::OtherConversation,
            Denial::OtherDevice,
            Denial::OtherKey,
        ];
        for (armed, denial) in [true, false].into_iter().flat_map(|armed| denials.map(|it| (armed, it))) {
            let mut world = World::of(&["ana", "mallory"]);
            world.say("ana", "mallory", "hi");
            world.run();
            world.say("mallory", "ana", "hello");
            world.run();
            if !armed {
                world.person("ana").engine.disarm(Defences::without([Defence::Proof]));
            }
            let said = Content::Text { text: "your money or your cat".to_owned() };
            world.crime("mallory", "ana", Crime::Deny(said, denial));
            let shown = world.seen("ana", "mallory").contains(&"your money or your cat".to_owned());
            assert_eq!(shown, !armed, "{denial:?}");
            let alerts = if armed { vec![Alert::Unsigned] } else { Vec::new() };
            assert_eq!(world.alerts("ana"), alerts, "{denial:?}");
            if !armed {
                let id = world.conversation("ana", "mallory").id;
                let row = world.rows("ana", "mallory").pop().unwrap();
                assert_eq!(evidence(&world, "ana", id, row.id), None, "shown, and nothing proves it");
            }
            world.say("mallory", "ana", "never mind");
            world.run();
            assert_eq!(world.seen("ana", "mallory").last().map(String::as_str), Some("never mind"));
        }
    }
}
