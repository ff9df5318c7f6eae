//! What people do with messages, by the commands.

use serde_json::{Value, json};

use crate::process::{Person, Relay, text};

/// Ana and Bruno, and a message of Ana's that Bruno has.
fn talk() -> (Relay, Person, Person, String) {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let id = id(&ana.send(&bruno, "lunch at noon?"));
    assert_eq!(bruno.read().len(), 1);
    (relay, ana, bruno, id)
}

fn id(object: &Value) -> String {
    object["id"].as_str().expect("a message has an id").to_owned()
}

fn one(person: &Person, id: &str) -> Value {
    let found = person.read().into_iter().find(|object| object["id"] == id);
    found.unwrap_or_else(|| panic!("there is no message {id}"))
}

#[test]
fn reactions_edits_pins_and_stars() {
    let (_relay, ana, bruno, id) = talk();
    bruno.run(&["react", &id, "👍", "--json"]).ok();
    let seen = one(&ana, &id);
    assert_eq!(seen["reactions"], json!([{"emoji": "👍", "who": ["bruno"], "mine": false}]));
    bruno.run(&["react", &id, "❤️"]).ok();
    ana.run(&["edit", &id, "lunch at one?"]).ok();
    ana.run(&["pin", &id]).ok();
    let star = bruno.run(&["star", &id, "--json"]).ok().object();
    assert_eq!((&star["starred"], &star["mine"]), (&true.into(), &false.into()));
    let seen = one(&bruno, &id);
    assert_eq!(text(&seen), "lunch at one?");
    assert!(seen["edited_at"].is_string());
    assert_eq!(seen["pinned_by"], "ana");
    assert_eq!(seen["reactions"], json!([{"emoji": "❤️", "who": ["bruno"], "mine": true}]));
    let history = bruno.run(&["history", &id, "--json"]).ok().objects();
    let texts: Vec<_> = history.iter().map(text).collect();
    assert_eq!(texts, ["lunch at noon?", "lunch at one?"]);
    assert_eq!(bruno.run(&["pins", "ana", "--json"]).ok().objects().len(), 1);
    assert_eq!(bruno.run(&["stars", "--json"]).ok().objects().len(), 1);
    assert_eq!(ana.run(&["stars", "--json"]).ok().objects(), Vec::<Value>::new(), "stars are one's own");
    bruno.run(&["react", &id, "--remove"]).ok();
    assert_eq!(one(&ana, &id)["reactions"], json!([]));
    bruno.run(&["edit", &id, "mine now", "--json"]).refused(4, "not_yours");
    bruno.run(&["react", &id, "hi", "--json"]).refused(4, "not_an_emoji");
    bruno.run(&["react", &"0".repeat(32), "👍", "--json"]).refused(4, "no_such_message");
    let shown = bruno.run(&["read"]).ok().stdout;
    assert!(
        shown.contains("lunch at one?") && shown.contains("[edited]") && shown.contains("[pinned by ana]")
    );
}

#[test]
fn replies_forwards_and_deletions() {
    let (relay, ana, bruno, id) = talk();
    let carla = relay.person("carla");
    let reply = bruno.run(&["reply", &id, "yes!", "--json"]).ok().object();
    assert_eq!(reply["reply_to"], *id);
    bruno.run(&["forward", &id, "carla", "--json"]).ok();
    let [passed_on] = &carla.read()[..] else { panic!("one message") };
    assert_eq!((text(passed_on), &passed_on["forwarded"]), ("lunch at noon?", &1.into()));
    bruno.run(&["delete", &id, "--for-everyone", "--json"]).refused(4, "not_yours");
    ana.run(&["delete", &id, "--for-everyone"]).ok();
    let deleted = one(&bruno, &id);
    assert_eq!((&deleted["kind"], &deleted["text"]), (&"deleted".into(), &Value::Null));
    assert_eq!(deleted["content"], json!({"by": "ana"}));
    let reply_id = reply["id"].as_str().expect("an id");
    ana.read();
    ana.run(&["delete", reply_id]).ok();
    assert!(ana.read().iter().all(|object| object["id"] != reply["id"]), "gone here");
    assert!(bruno.read().iter().any(|object| object["id"] == reply["id"]), "and only here");
}

#[test]
fn a_poll_is_asked_voted_in_and_closed() {
    let (_relay, ana, bruno, _) = talk();
    let poll = ana.run(&["poll", "bruno", "what?", "pizza", "sushi", "soup", "--json"]).ok().object();
    let id = id(&poll);
    assert_eq!(poll["kind"], "poll");
    bruno.read();
    bruno.run(&["vote", &id, "2"]).ok();
    ana.run(&["vote", &id, "3"]).ok();
    bruno.run(&["vote", &id, "1", "2", "--json"]).refused(4, "not_of_this_kind");
    bruno.run(&["vote", &id, "3"]).ok();
    let counted = &one(&ana, &id)["content"];
    assert_eq!(counted["voters"], 2);
    let votes: Vec<_> =
        counted["options"].as_array().expect("options").iter().map(|it| &it["votes"]).collect();
    assert_eq!(votes, [0, 0, 2]);
    bruno.run(&["close-poll", &id, "--json"]).refused(4, "not_yours");
    ana.run(&["close-poll", &id]).ok();
    assert!(one(&bruno, &id)["content"]["closed_at"].is_string());
    bruno.run(&["vote", &id, "1", "--json"]).refused(4, "poll_closed");
}

#[test]
fn places_cards_timers_and_what_may_be_looked_at_once() {
    let (relay, ana, bruno, _) = talk();
    let _carla = relay.person("carla");
    ana.run(&["location", "bruno", "-23.55052", "-46.633309", "--label", "São Paulo"]).ok();
    ana.run(&["contact", "bruno", "bruno", "--name", "Bruno B."]).ok();
    ana.run(&["contact", "bruno", "carla", "--json"]).refused(4, "no_such_account");
    let shown = bruno.read();
    assert_eq!(
        shown[1]["content"],
        json!({"latitude": -23.55052, "longitude": -46.633309, "label": "São Paulo"})
    );
    assert_eq!(
        (&shown[2]["content"]["handle"], &shown[2]["content"]["name"]),
        (&"bruno".into(), &"Bruno B.".into())
    );
    ana.run(&["timer", "bruno", "1h"]).ok();
    let told = bruno.run(&["timer", "ana", "--json"]).ok().object();
    assert_eq!(told["timer"], 3600);
    ana.run(&["timer", "bruno", "1y", "--json"]).refused(2, "usage");
    let once = ana.run(&["send", "bruno", "the code is 4711", "--once", "--json"]).ok().object();
    assert_eq!(once["vanishes_after"], 3600);
    let id = id(&once);
    let seen = one(&bruno, &id);
    assert_eq!(
        (&seen["kind"], &seen["text"]),
        (&"view-once".into(), &Value::Null),
        "not before it is looked at"
    );
    assert_eq!(bruno.run(&["look", &id, "--json"]).ok().object()["text"], "the code is 4711");
    bruno.run(&["look", &id, "--json"]).refused(4, "not_to_be_looked_at");
    ana.run(&["look", &id, "--json"]).refused(4, "not_to_be_looked_at");
    let receipts = bruno.run(&["receipts", "ana", "off", "--json"]).ok().object();
    assert_eq!(receipts["receipts"], false);
    let sent = ana.send(&bruno, "did you get this?");
    bruno.run(&["read", "--mark-read"]).ok();
    let sent = one(&ana, sent["id"].as_str().expect("an id"));
    assert_eq!(sent["state"], "sent", "nobody was told that it was read");
}

#[test]
fn a_message_is_sent_later_or_given_up() {
    let (_relay, ana, bruno, _) = talk();
    for text in ["happy birthdy", "never"] {
        ana.run(&["send", "bruno", text, "--at", "2999-12-24T18:00"]).ok();
    }
    let waiting = ana.run(&["scheduled", "--json"]).ok().objects();
    assert_eq!(waiting.len(), 2);
    let of = |said: &str| id(waiting.iter().find(|later| text(later) == said).expect("it waits"));
    let left = ana.run(&["scheduled", "--cancel", &of("never"), "--json"]).ok().objects();
    assert_eq!(left.len(), 1);
    assert_eq!(bruno.read().len(), 1, "nothing went out before its time");
    // Its time has come already: it goes like any other.
    ana.run(&["send", "bruno", "at once", "--at", "2020-01-01T00:00:00Z"]).ok();
    assert_eq!(text(bruno.read().last().expect("a message")), "at once");
    ana.run(&["send", "bruno", "x", "--at", "tomorrow", "--json"]).refused(2, "usage");
}

#[test]
fn a_name_is_told_with_the_next_message() {
    let (_relay, ana, bruno, _) = talk();
    assert_eq!(ana.run(&["name", "Ana Maria", "--json"]).ok().object()["name"], "Ana Maria");
    ana.send(&bruno, "hi");
    assert_eq!(bruno.read().len(), 2, "a name is no message");
}

#[test]
fn what_is_done_while_the_relay_is_away_goes_out_later() {
    let (mut relay, ana, bruno, id) = talk();
    relay.kill();
    let failed = bruno.run(&["react", &id, "👍", "--json"]);
    let error = failed.refused(3, "unreachable");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("kept")), "{error}");
    let _relay = relay.again();
    bruno.read();
    assert_eq!(one(&ana, &id)["reactions"][0]["emoji"], "👍");
}
