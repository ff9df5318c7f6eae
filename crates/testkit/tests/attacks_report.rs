//! S-05: reports of words that were never said, made by somebody with a device of their own, who signs what they
//! like; each is what its reporter signed, so that nothing but the authors' signatures stands in their way.

mod common;

use common::world;
use lacre_client::report::{self, NotSaid, ReportError, Statement};
use lacre_engine::content::{Content, MessageId};
use lacre_engine::defence::{Defence, Defences};
use lacre_engine::evil::{Crafted, Crime, Denial};
use lacre_engine::{Effect, Intent, Step};
use lacre_proto::ConversationId;
use lacre_testkit::World;

/// What Bruno says, as Ana's device shows it.
fn said(world: &World, text: &str) -> (ConversationId, MessageId) {
    let rows = world.device("ana").rows_with("bruno");
    let row = rows.iter().find(|row| matches!(&row.content, Content::Text { text: it, .. } if it == text));
    let row = row.expect("Ana has it");
    (row.conversation, row.id)
}

fn report(world: &World, texts: &[&str]) -> Result<String, ReportError> {
    let ids: Vec<MessageId> = texts.iter().map(|text| said(world, text).1).collect();
    let conversation = world.device("ana").direct_with("bruno").expect("they have talked");
    report::make(world.device("ana").store().rows(), conversation, &ids, 1)
}

/// The report with something else in it, signed by Ana's device all the same.
fn forged(world: &mut World, report: &str, change: impl FnOnce(&mut Statement)) -> String {
    let mut statement = report::stated(report).expect("it is hers");
    change(&mut statement);
    let statement = serde_json::to_string(&statement).expect("it encodes");
    let (certificate, signature) = world.engine("ana").sign_report(statement.as_bytes());
    let signed = serde_json::json!({
        "certificate": hex::encode(certificate),
        "signature": hex::encode(signature),
    });
    format!("{statement}\n{signed}\n")
}

fn why(report: &str) -> NotSaid {
    report::stated(report).expect("it is what the reporter signed: that alone proves nothing");
    match report::read(report) {
        Err(ReportError::NotSaid(_, why)) => why,
        other => panic!("{other:?}"),
    }
}

/// Bruno has said three things to Ana, and edited one; Carla has said something too.
fn talk() -> World {
    let mut world = world(500);
    for text in ["send me your PIN", "nice weather", "lunch?"] {
        world.say("bruno", "ana", text);
    }
    world.settle();
    let (conversation, id) = said(&world, "lunch?");
    world.intend("bruno", Intent::Edit(conversation, id, "your PIN, now".to_owned()));
    world.say("carla", "ana", "Bruno is nice");
    world.settle();
    world
}

#[test]
fn s05_a_report_proves_what_was_said_and_its_last_edit() {
    let world = talk();
    let read = report::read(&report(&world, &["send me your PIN", "your PIN, now"]).expect("a report"));
    let statement = read.expect("it holds");
    let texts: Vec<_> = statement.messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["send me your PIN", "your PIN, now"]);
    assert_eq!(statement.messages[0].author.handle, "bruno");
    assert!(statement.messages[0].edit.is_none() && statement.messages[1].edit.is_some());
}

#[test]
fn s05_words_that_were_never_said_are_refused() {
    let mut world = talk();
    let good = report(&world, &["send me your PIN", "nice weather", "your PIN, now"]).expect("a report");
    let hers = {
        let rows = world.device("ana").rows_with("carla");
        let row = rows.last().expect("Carla has said something");
        let (conversation, id) = (row.conversation, row.id);
        report::make(world.device("ana").store().rows(), conversation, &[id], 1).expect("a report")
    };
    let carlas = report::stated(&hers).expect("it holds").messages.remove(0);
    type Change = Box<dyn FnOnce(&mut Statement)>;
    let forgeries: Vec<(&str, NotSaid, Change)> = vec![
        (
            "other words are shown",
            NotSaid::OtherWords,
            Box::new(|it| it.messages[0].text = "send me your cat".to_owned()),
        ),
        (
            "an edit is left out, and the first words are passed off as the last",
            NotSaid::OtherWords,
            Box::new(|it| it.messages[2].edit = None),
        ),
        (
            "the edit of one message stands under another",
            NotSaid::OtherWords,
            Box::new(|it| {
                let edited = it.messages[2].clone();
                let first = &mut it.messages[0];
                (first.edit, first.edited_ms, first.text) = (edited.edit, edited.edited_ms, edited.text);
            }),
        ),
        (
            "the words are Carla's, and Bruno is named",
            NotSaid::OtherAuthor,
            Box::new({
                let carlas = carlas.clone();
                move |it| {
                    (it.messages[0].said, it.messages[0].text) = (carlas.said, carlas.text);
                    (it.messages[0].id, it.messages[0].mimi_id) = (carlas.id, carlas.mimi_id);
                }
            }),
        ),
        ("they were said to somebody else", NotSaid::OtherPlace, Box::new(|it| it.kind = "group".to_owned())),
        (
            "one message passes for two",
            NotSaid::OtherPlace,
            Box::new(|it| it.messages[1].said = it.messages[0].said.clone()),
        ),
    ];
    for (what, expected, change) in forgeries {
        let forged = forged(&mut world, &good, change);
        assert_eq!(why(&forged), expected, "{what}");
    }
    let proof = |change: fn(&mut Statement)| -> Change { Box::new(change) };
    let broken: Vec<(&str, Change)> = vec![
        (
            "another signature",
            proof(|it| it.messages[0].said.signature = it.messages[1].said.signature.clone()),
        ),
        ("content of one's own making", {
            let said = report::stated(&good).expect("it holds").messages[0].said.content.clone();
            let other = said.replacen(&hex::encode("PIN"), &hex::encode("CAT"), 1);
            Box::new(move |it| {
                it.messages[0].said.content = other;
                it.messages[0].text = "send me your CAT".to_owned();
            })
        }),
        ("another conversation", proof(|it| it.messages[0].said.conversation = "00".repeat(16))),
        (
            "another device's certificate",
            Box::new(move |it| it.messages[0].said.certificate = carlas.said.certificate),
        ),
    ];
    for (what, change) in broken {
        let forged = forged(&mut world, &good, change);
        assert!(matches!(why(&forged), NotSaid::Proof(_)), "{what}");
    }
}

/// The other half: words that came without a signature are not shown; where the defence is off they are, and
/// nothing can be proven.
#[test]
fn s05_what_is_shown_can_be_reported() {
    for armed in [true, false] {
        let mut world = world(501);
        if !armed {
            world.engine("ana").disarm(Defences::without([Defence::Proof]));
        }
        let conversation = world.device("bruno").direct_with("ana").expect("they have talked");
        let content = Content::Text { text: "your money".to_owned() };
        world.step("bruno", |engine, reader, now, rng| {
            let crime = Crime::Deny(content.clone(), Denial::Missing);
            let Crafted { changes, op } = engine.craft(reader, conversation, crime, now, rng)?;
            Ok(Step { changes, effects: vec![Effect::AnonymousRequest(1 << 62, op)], ..Step::default() })
        });
        world.settle();
        let shown = common::texts(&world, "ana", "bruno").contains(&"your money".to_owned());
        assert_eq!(shown, !armed);
        if !armed {
            assert!(matches!(report(&world, &["your money"]), Err(ReportError::NoProof(_))));
        }
    }
}
