//! What people do all day.

use std::time::Instant;

use serde_json::Value;

use crate::process::{Relay, holds, text, texts, until};

#[test]
fn from_nothing_to_a_first_message() {
    let begun = Instant::now();
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let sent = ana.send(&bruno, "olá bruno");
    assert_eq!(sent["state"], "sent", "it returns when the relay has it durably");
    let read = bruno.read();
    assert_eq!(read.len(), 1, "{read:?}");
    assert_eq!(text(&read[0]), "olá bruno");
    assert_eq!(read[0]["id"], sent["id"], "both sides know the message by one id");
    println!("from nothing to a first message that was read: {:.1} s", begun.elapsed().as_secs_f64());
    assert!(!holds(&relay.data(), "olá bruno".as_bytes()), "the relay stores what it cannot read");
    assert!(!holds(&bruno.profile, "olá bruno".as_bytes()), "and the profile is sealed on this disk too");
}

#[test]
fn the_json_of_a_message_is_what_the_guide_says() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let sent = ana.send(&bruno, "one");
    let reply = |to: &str| bruno.run(&["send", "ana", "two", "--reply-to", to, "--json"]);
    reply(&"0".repeat(32)).refused(4, "no_such_message");
    reply(id(&sent)).ok();
    let shown = ana.read();
    let [one, two] = shown.as_slice() else { panic!("{shown:?}") };
    for object in [one, two] {
        for (name, kind) in [("id", 32), ("conversation", 32)] {
            let hex = object[name].as_str().expect("an id is a string");
            assert!(hex.len() == kind && hex.bytes().all(|digit| digit.is_ascii_hexdigit()), "{object}");
        }
        let at = object["sent_at"].as_str().expect("a time is a string");
        assert!(at.len() == 24 && at.ends_with('Z') && at.contains('T'), "{at} is not RFC 3339 in UTC");
        assert_eq!(object["kind"], "text");
        assert_eq!(object["with"], "bruno");
        assert_eq!(object["late"], false);
    }
    assert_eq!(
        (&one["from"], &one["mine"], &one["state"]),
        (&"ana".into(), &true.into(), &"delivered".into())
    );
    assert_eq!(
        (&two["from"], &two["mine"], &two["state"]),
        (&"bruno".into(), &false.into(), &"received".into())
    );
    assert_eq!(one["reply_to"], Value::Null);
    assert_eq!(two["reply_to"], sent["id"]);
    // People see ids when they ask for them.
    let shown = ana.run(&["read", "--ids"]).ok().stdout;
    assert!(
        shown.lines().any(|line| line.starts_with(id(&sent)) && line.ends_with("one [delivered]")),
        "{shown}"
    );
    let nobody = relay.person("carla").run(&["read"]).ok().stdout;
    assert_eq!(nobody, "There is nothing to show yet.\n");
}

#[test]
fn one_writes_while_the_other_is_away() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let wrote: Vec<String> = (0..5).map(|number| format!("while you were away {number}")).collect();
    wrote.iter().for_each(|text| drop(ana.send(&bruno, text)));
    assert_eq!(bruno.texts_from(&ana), wrote, "all, once, in order");
    assert_eq!(bruno.texts_from(&ana), wrote, "and reading again shows the same");
}

#[test]
fn following_shows_each_message_once_as_it_comes() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.send(&bruno, "before");
    let follow = bruno.follow();
    let seen = |count| {
        until("messages to be shown", || {
            Some(texts(follow.objects(), "ana")).filter(|all| all.len() >= count)
        })
    };
    assert_eq!(seen(1), ["before"]);
    ana.send(&bruno, "one");
    ana.send(&bruno, "two");
    assert_eq!(seen(3), ["before", "one", "two"]);
    let mut follow = follow;
    follow.terminate();
    assert_eq!(follow.ended(), 0, "being told to stop is no failure");
}

#[test]
fn following_in_json_tells_what_becomes_of_a_message() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let sent = ana.send(&bruno, "did you see this?");
    let follow = ana.follow();
    until("the message to be shown", || follow.objects().first().cloned());
    bruno.run(&["read", "--mark-read"]).ok();
    bruno.run(&["requests", "accept", "ana"]).ok();
    let told = until("it to be read", || {
        Some(follow.objects()).filter(|told| told.last().is_some_and(|last| last["state"] == "read"))
    });
    assert_eq!(told[0]["changed"], Value::Null, "it is told as a message first");
    // When the follower begins between the relay's answer and its echo, the relay's time is told as a change too.
    let states = told.iter().filter(|line| line["changed"] != serde_json::json!(["sent_at"]));
    let states: Vec<_> = states.skip(1).collect();
    assert!(states.iter().all(|line| line["changed"] == serde_json::json!(["state"])), "{told:?}");
    assert!((1..=2).contains(&states.len()), "and once for each change: {told:?}");
    assert!(told.iter().all(|line| line["id"] == sent["id"] && line["text"] == "did you see this?"));
}

#[test]
fn ticks_go_from_sent_over_delivered_to_read() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.send(&bruno, "did you see this?");
    let state = || ana.read()[0]["state"].clone();
    assert_eq!(state(), "sent", "bruno was never there");
    bruno.read();
    assert_eq!(state(), "sent", "a stranger is told nothing");
    bruno.run(&["requests", "accept", "ana"]).ok();
    assert_eq!(state(), "delivered", "it is on bruno's device, and he has not said that he saw it");
    bruno.run(&["read", "--mark-read"]).ok();
    assert_eq!(state(), "read");
    assert_eq!(bruno.read()[0]["seen"], true);
}

#[test]
fn a_text_from_standard_input_keeps_its_lines() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.run_with(&["send", "bruno", "-"], "first\n\nthird\n").ok();
    assert_eq!(bruno.texts_from(&ana), ["first\n\nthird"], "without the last line break");
    ana.run_with(&["send", "bruno", "-", "--json"], "\n").refused(2, "usage");
    ana.run_with(&["send", "bruno", "-", "--json"], &"x".repeat(70_000)).refused(2, "usage");
    assert_eq!(bruno.texts_from(&ana).len(), 1, "and nothing of these was sent");
    let of_ana = bruno.read().pop().expect("it came");
    bruno.run_with(&["reply", id(&of_ana), "-", "--json"], "yes,\nboth\n").ok();
    let answer = ana.read().pop().expect("it came");
    assert_eq!((text(&answer), &answer["reply_to"]), ("yes,\nboth", &of_ana["id"]));
    bruno.run_with(&["edit", id(&answer), "-", "--json"], "no\n").ok();
    assert_eq!(text(&ana.read().pop().expect("it came")), "no");
}

#[test]
fn what_others_write_does_not_steer_the_terminal() {
    let relay = Relay::start(&[]);
    let (ana, mallory) = (relay.person("ana"), relay.person("mallory"));
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}drowssap";
    mallory.send(&ana, evil);
    let shown = ana.run(&["read"]).ok().stdout;
    assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
    assert!(shown.contains("drowssap"), "what is harmless is still there");
    assert_eq!(text(&ana.read()[0]), evil, "a script gets what was written");
}

#[test]
fn reading_can_be_narrowed() {
    let relay = Relay::start(&[]);
    let (ana, bruno, carla) = (relay.person("ana"), relay.person("bruno"), relay.person("carla"));
    bruno.send(&ana, "b1");
    carla.send(&ana, "c1");
    bruno.send(&ana, "b2");
    let shown = |args: &[&str]| -> Vec<String> {
        let run = ana.run(&[&["read", "--json"], args].concat()).ok();
        run.objects().iter().map(|object| text(object).to_owned()).collect()
    };
    assert_eq!(shown(&[]), ["b1", "c1", "b2"], "in the order in which they came");
    assert_eq!(shown(&["--limit", "1"]), ["b2"]);
    assert_eq!(shown(&["--with", "bruno"]), ["b1", "b2"]);
    assert_eq!(shown(&["--offline", "--with", "carla"]), ["c1"]);
    assert!(shown(&["--with", "nobody"]).is_empty());
}

fn id(message: &Value) -> &str {
    message["id"].as_str().expect("an id is a string")
}
