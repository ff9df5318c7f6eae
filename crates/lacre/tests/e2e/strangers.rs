//! Strangers, blocks and reports, with real binaries.

use lacre_client::report::{self, ReportError};
use serde_json::Value;

use crate::process::{Person, Relay, text};

fn state(person: &Person) -> Value {
    person.read().pop().expect("a message")["state"].clone()
}

#[test]
fn bruno_looks_at_who_writes_before_he_lets_them_know_anything() {
    let relay = Relay::start(&[]);
    let (mallory, bruno) = (relay.person("mallory"), relay.person("bruno"));
    assert_eq!(bruno.run(&["requests"]).ok().stdout, "Nobody is waiting to be accepted.\n");
    mallory.send(&bruno, "hello, dear friend");

    let read = bruno.run(&["read", "--mark-read"]).ok();
    assert!(read.stdout.contains("hello, dear friend"));
    assert!(read.stderr.contains("lacre requests accept mallory"), "{}", read.stderr);
    assert_eq!(bruno.read()[0]["request"], true);
    assert_eq!(state(&mallory), "sent", "he has read it, and she is told nothing");

    let [request] = &bruno.run(&["requests", "--json"]).ok().objects()[..] else { panic!() };
    assert_eq!((&request["from"], &request["confirmed"]), (&"mallory".into(), &true.into()));
    assert_eq!((&request["kind"], &request["common_groups"]), (&"direct".into(), &Value::Array(vec![])));
    let shown = bruno.run(&["requests", "list"]).ok().stdout;
    assert!(shown.starts_with("mallory, as the relay's directory says\n"), "{shown}");

    bruno.run(&["requests", "accept", "carla", "--json"]).refused(4, "no_such_request");
    let accepted = bruno.run(&["requests", "accept", "mallory", "--json"]).ok().object();
    assert_eq!((&accepted["decision"], &accepted["relay_told"]), (&"accepted".into(), &true.into()));
    assert_eq!(state(&mallory), "read", "what was owed has gone out");
    assert_eq!(bruno.read()[0]["request"], false);
    assert!(bruno.run(&["requests", "--json"]).ok().objects().is_empty());
}

#[test]
fn what_waits_at_the_relay_is_listed_without_being_read_first() {
    let relay = Relay::start(&[]);
    let (mallory, carla, bruno) = (relay.person("mallory"), relay.person("carla"), relay.person("bruno"));
    mallory.send(&bruno, "hello");
    let [request] = &bruno.run(&["requests", "--json"]).ok().objects()[..] else { panic!() };
    assert_eq!((&request["from"], &request["confirmed"]), (&"mallory".into(), &true.into()));
    carla.send(&bruno, "hello");
    bruno.run(&["requests", "accept", "carla", "--json"]).ok();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "x").expect("written");
    carla.run(&["send", "bruno", "--file", file.to_str().expect("a plain path"), "--json"]).ok();
    assert_eq!(bruno.run(&["media", "carla", "--json"]).ok().objects().len(), 1);
}

#[test]
fn a_deleted_request_is_gone_and_its_sender_is_not_told() {
    let relay = Relay::start(&[]);
    let (mallory, bruno) = (relay.person("mallory"), relay.person("bruno"));
    mallory.send(&bruno, "buy coins");
    bruno.read();
    bruno.run(&["requests", "delete", "mallory"]).ok();
    assert!(bruno.read().is_empty());
    mallory.send(&bruno, "really");
    assert!(bruno.read().is_empty());
    assert_eq!(state(&mallory), "sent");
    bruno.run(&["requests", "delete", "mallory", "--json"]).refused(4, "no_such_request");
}

#[test]
fn mallory_is_blocked_and_later_let_back() {
    let relay = Relay::start(&[]);
    let (mallory, bruno, carla) = (relay.person("mallory"), relay.person("bruno"), relay.person("carla"));
    bruno.send(&mallory, "hi");
    mallory.send(&bruno, "hello");
    assert_eq!(bruno.texts_from(&mallory), ["hello"]);
    bruno.run(&["block", "nobody", "--json"]).refused(4, "unknown_person");
    bruno.run(&["block", "bruno", "--json"]).refused(4, "unknown_person");

    let blocked = bruno.run(&["block", "mallory", "--json"]).ok().object();
    assert_eq!((&blocked["blocked"], &blocked["relay_told"]), (&true.into(), &true.into()));
    let [listed] = &bruno.run(&["blocked", "--json"]).ok().objects()[..] else { panic!() };
    assert_eq!(listed["handle"], "mallory");
    assert_eq!(mallory.send(&bruno, "you fool")["state"], "sent", "to her all is as ever");
    assert_eq!(bruno.texts_from(&mallory), ["hello"]);
    bruno.run(&["send", "mallory", "hm", "--json"]).refused(4, "blocked");
    // Others reach him, and hear nothing of it.
    carla.send(&bruno, "lunch?");
    assert_eq!(bruno.texts_from(&carla), ["lunch?"]);

    bruno.run(&["unblock", "mallory"]).ok();
    assert_eq!(bruno.run(&["blocked"]).ok().stdout, "You have blocked nobody.\n");
    mallory.read();
    mallory.send(&bruno, "sorry");
    assert_eq!(bruno.texts_from(&mallory), ["hello", "sorry"], "what she wrote meanwhile is not there");
    bruno.send(&mallory, "fine");
    assert_eq!(mallory.texts_from(&bruno), ["hi", "fine"]);
}

#[test]
fn a_request_can_be_answered_with_a_block_and_another_account_is_another_stranger() {
    let relay = Relay::start(&[]);
    let (mallory, bruno) = (relay.person("mallory"), relay.person("bruno"));
    let second = relay.person("mallory-too");
    mallory.send(&bruno, "hello");
    bruno.read();
    bruno.run(&["requests", "block", "mallory"]).ok();
    second.send(&bruno, "me again");
    bruno.read();
    assert_eq!(bruno.run(&["requests", "--json"]).ok().objects().len(), 1);
    bruno.run(&["requests", "block", "mallory-too"]).ok();
    assert_eq!(bruno.run(&["blocked", "--json"]).ok().objects().len(), 2);
    assert!(bruno.run(&["requests", "--json"]).ok().objects().is_empty());
}

#[test]
fn a_report_proves_what_was_chosen_and_says_what_it_is() {
    let relay = Relay::start(&[]);
    let (mallory, bruno) = (relay.person("mallory"), relay.person("bruno"));
    let chosen = mallory.send(&bruno, "send me your PIN");
    mallory.send(&bruno, "nice weather");
    let edited = mallory.send(&bruno, "lunch?");
    let edited = edited["id"].as_str().expect("an id");
    mallory.run(&["edit", edited, "your PIN, now"]).ok();
    bruno.read();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("report");
    let (path, id) = (file.to_str().expect("a plain path"), chosen["id"].as_str().expect("an id"));
    bruno.run(&["report", "carla", id, "--to", path, "--json"]).refused(4, "no_such_conversation");
    bruno.run(&["report", "mallory", &"0".repeat(32), "--to", path, "--json"]).refused(4, "no_such_message");
    assert!(!file.exists(), "nothing was written");

    let told = bruno.run(&["report", "mallory", id, edited, "--to", path, "--json"]).ok().object();
    assert_eq!((&told["messages"], &told["proof"]), (&2.into(), &"author".into()));
    let report = std::fs::read_to_string(&file).expect("a report");
    assert!(!report.contains("nice weather"), "only what was chosen");
    let statement: Value = serde_json::from_str(report.lines().next().expect("a line")).expect("JSON");
    assert_eq!(text(&statement["messages"][0]), "send me your PIN");
    assert_eq!(statement["messages"][0]["author"]["handle"], "mallory");
    assert_eq!(statement["reporter"]["handle"], "bruno");
    assert!(statement["caveat"].as_str().is_some_and(|words| words.contains("the word of the reporter")));
    bruno.run(&["report", "mallory", id, "--to", path, "--json"]).refused(4, "file_exists");

    // S-05: what was signed is what is there: by Bruno the whole, by Mallory her words and how she edited them.
    let checked = report::read(&report).expect("it holds");
    assert_eq!((checked.reporter.handle.as_str(), checked.messages.len()), ("bruno", 2));
    assert!(checked.messages[0].sealed.is_some() && checked.messages[0].edit.is_none());
    assert_eq!(checked.messages[1].text, "your PIN, now");
    assert!(checked.messages[1].edit.is_some());
    for (from, to) in [
        ("PIN", "CAT"),
        ("\"handle\":\"mallory\"", "\"handle\":\"carla\""),
        ("\"sequence\":2", "\"sequence\":3"),
    ] {
        let forged = report.replacen(from, to, 1);
        assert_ne!(forged, report, "{from} is in it");
        assert!(matches!(report::read(&forged), Err(ReportError::Forged(_))), "{from}");
    }
    // All that came with a request, while it is one: to answer is to accept.
    let all = folder.path().join("all");
    bruno.run(&["requests", "report", "mallory", "--to", all.to_str().expect("a plain path")]).ok();
    assert!(std::fs::read_to_string(all).expect("a report").contains("nice weather"));
    // Under another's signature it is not that other's statement.
    let hers = folder.path().join("hers");
    bruno.send(&mallory, "no");
    let answer = mallory.read().pop().expect("a message");
    let (to, id) = (hers.to_str().expect("a plain path"), answer["id"].as_str().expect("an id"));
    mallory.run(&["report", "bruno", id, "--to", to]).ok();
    let hers = std::fs::read_to_string(hers).expect("a report");
    let mixed =
        format!("{}\n{}\n", report.lines().next().expect("a line"), hers.lines().last().expect("a line"));
    assert!(matches!(report::read(&mixed), Err(ReportError::Forged(_))));
    assert!(matches!(report::read("hello"), Err(ReportError::Malformed)));
}
