//! Two people with two devices each: linked, talking, one taken away.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::process::{Person, Relay, Running, text, until};

/// Lets in a new device: what the person at both does.
#[track_caller]
fn link(relay: &Relay, old: &Person, name: &str) -> Person {
    let new = relay.newcomer(old.name());
    let mut command = new.command(&["device", "join", "--relay", &relay.url, "--name", name, "--json"]);
    let mut join = Running::start(command.stdin(Stdio::piped()));
    let event = |running: &Running, event: &str| -> Value {
        until(event, || running.objects().into_iter().find(|object| object["event"] == event))
    };
    let code = event(&join, "code");
    let mut linking = Running::start(&mut old.command(&[
        "device",
        "link",
        code["code"].as_str().expect("a code"),
        "--json",
    ]));
    let number = event(&linking, "number");
    assert_eq!(number["name"], name);
    let mut stdin = join.stdin();
    writeln!(stdin, "{}", number["number"].as_str().expect("a number")).expect("it reads");
    drop(stdin);
    assert_eq!(event(&join, "joined")["handle"], old.name());
    assert_eq!(join.ended(), 0);
    assert_eq!(event(&linking, "linked")["name"], name);
    assert_eq!(linking.ended(), 0);
    new
}

fn texts(person: &Person) -> Vec<String> {
    person.read().iter().filter(|row| row["kind"] == "text").map(|row| text(row).to_owned()).collect()
}

#[test]
fn two_people_with_two_devices_each_link_talk_and_revoke() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.send(&bruno, "before there were phones");
    bruno.read();
    // In what nobody has accepted nothing is said, no device of Bruno's let in either.
    bruno.run(&["requests", "accept", "ana"]).ok();
    let phone = link(&relay, &ana, "phone");
    let tablet = link(&relay, &bruno, "tablet");
    let everybody = [&ana, &bruno, &phone, &tablet];
    // Devices that are on for a moment only take some moments to bring a new one into a conversation, and it has
    // nothing of before.
    let mut rounds = 0;
    until("the new devices to be in the conversation", || {
        rounds += 1;
        let word = format!("are you there? {rounds}");
        ana.send(&bruno, &word);
        everybody.iter().for_each(|person| drop(person.read()));
        [&phone, &tablet].iter().all(|person| texts(person).contains(&word)).then_some(())
    });
    tablet.send(&ana, "from the tablet");
    phone.send(&bruno, "from the phone");
    for person in everybody {
        assert!(texts(person).ends_with(&["from the tablet".to_owned(), "from the phone".to_owned()]));
    }
    assert!(!texts(&phone).contains(&"before there were phones".to_owned()), "it has nothing of before");
    for person in [&ana, &phone] {
        let last = person.read().pop().expect("a message");
        assert_eq!(last["mine"], true, "what one's own other device said is one's own");
    }

    let listed = ana.run(&["device", "list", "--json"]).ok().objects();
    assert_eq!(listed.len(), 2);
    let other = listed.iter().find(|device| device["this"] == false).unwrap();
    assert_eq!(other["name"], "phone");
    assert!(other["quarantine_until"].is_string(), "new for a day");
    let laptop = listed.iter().find(|device| device["this"] == true).unwrap()["device"].as_str().unwrap();
    phone.run(&["device", "revoke", laptop, "--json"]).refused(4, "in_quarantine");
    ana.run(&["device", "approve", "phone"]).ok();
    assert_eq!(phone.run(&["device", "list", "--json"]).ok().objects().len(), 2);

    restore(&ana, &phone);

    let revoked = ana.run(&["device", "revoke", "phone", "--json"]).ok().object();
    assert_eq!(revoked["conversations_left"], 0);
    bruno.send(&ana, "the phone was stolen");
    assert_eq!(texts(&ana).last().unwrap(), "the phone was stolen");
    phone.run(&["read", "--json"]).refused(4, "device_removed");
    let kept = phone.run(&["read", "--json", "--offline"]).ok().objects();
    assert!(kept.iter().all(|row| row["text"] != "the phone was stolen"));
}

/// The phone is told what was said before it came, also after it was killed in between, and knows the rest of what the
/// account's devices hold alike.
fn restore(ana: &Person, phone: &Person) {
    ana.run(&["send", "--self", "a note to myself", "--json"]).ok();
    let early =
        ana.read().into_iter().find(|row| row["text"] == "before there were phones").expect("it is there");
    let id = early["id"].as_str().expect("an id");
    ana.run(&["star", id]).ok();
    ana.run(&["name", "Ana Souza"]).ok();
    // Nobody is there to take it: it is kept.
    ana.run(&["device", "history", "--to", "phone", "--timeout", "1", "--json"]).refused(3, "transfer_waits");
    let mut reading = phone.follow();
    until("a part of it", || reading.objects().into_iter().next());
    reading.kill();
    let mut reading = phone.follow();
    let told = ana.run(&["device", "history", "--to", "phone", "--json"]).ok().objects();
    let last = told.last().expect("how far it is");
    assert_eq!((last["state"].as_str(), &last["done"]), (Some("done"), &last["total"]));
    until("all of it", || {
        let row = reading.objects().into_iter().find(|row| row["text"] == "a note to myself");
        row.map(|row| assert_eq!(row["with"], "Note to self"))
    });
    reading.terminate();
    reading.ended();
    let all = phone.read();
    let restored: Vec<_> = all.iter().filter(|row| row["text"] == "before there were phones").collect();
    assert_eq!(restored.len(), 1, "once");
    let restored = restored[0];
    assert_eq!(
        (&restored["id"], &restored["sent_at"], &restored["mine"]),
        (&early["id"], &early["sent_at"], &early["mine"])
    );
    assert_eq!((&restored["transferred"], &restored["starred"]), (&true.into(), &true.into()));
    let order = |person: &Person| texts(person);
    let (old, new) = (order(ana), order(phone));
    assert_eq!(old, new, "in the same order");
    let found = phone.run(&["search", "before there", "--json"]).ok().objects();
    assert_eq!(found.len(), 1, "search finds it");
    assert_eq!(phone.run(&["name", "--json"]).ok().object()["name"], "Ana Souza");
    let again = ana.run(&["device", "history", "--json"]).ok().object();
    assert_eq!((again["direction"].as_str(), again["state"].as_str()), (Some("to"), Some("done")));
}

#[test]
fn d04_a_code_is_good_once_and_a_wrong_number_ends_it() {
    let relay = Relay::start(&[]);
    let ana = relay.person("ana");
    let thief = relay.newcomer("thief");
    let mut command = thief.command(&["device", "join", "--relay", &relay.url, "--json"]);
    let mut join = Running::start(command.stdin(Stdio::piped()));
    let code = until("a code", || join.objects().into_iter().next());
    let code = code["code"].as_str().expect("a code");
    let mut linking = Running::start(&mut ana.command(&["device", "link", code, "--json"]));
    let number = until("a number", || linking.objects().into_iter().next());
    let shown: u32 = number["number"].as_str().unwrap().parse().unwrap();
    let mut stdin = join.stdin();
    writeln!(stdin, "{:06}", (shown + 1) % 1_000_000).unwrap();
    drop(stdin);
    assert_eq!(linking.ended(), 4);
    assert!(linking.stderr().contains("wrong_number"));
    ana.run(&["device", "link", code, "--json"]).refused(4, "link_over");
    ana.run(&["device", "link", "LACRE:GROUP/abcdef", "--json"]).refused(2, "bad_link_code");
    assert_eq!(ana.run(&["device", "list", "--json"]).ok().objects().len(), 1, "nobody was let in");
    join.kill();
}

#[test]
fn both_see_one_safety_number() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.run(&["safety", "bruno", "--json"]).refused(4, "no_such_contact");
    ana.send(&bruno, "shall we compare?");
    bruno.read();
    let at_ana = ana.run(&["safety", "bruno", "--json"]).ok().object();
    let at_bruno = bruno.run(&["safety", "ana", "--json"]).ok().object();
    assert_eq!(at_ana["digits"], at_bruno["digits"]);
    assert_eq!(at_ana["digits"].as_str().unwrap().len(), 60);
    let file = bruno.profile.join("number.txt");
    std::fs::write(&file, at_ana["qr"].as_str().unwrap()).unwrap();
    let compare = |what: &str| bruno.run(&["safety", what, "--compare", file.to_str().unwrap(), "--json"]);
    assert_eq!(bruno.run(&["safety", "ana", "--json"]).ok().object()["trust"], "pinned");
    assert_eq!(compare("ana").ok().object()["same"], true);
    let marked = bruno.run(&["safety", "ana", "--json"]).ok().object();
    assert_eq!(marked["trust"], "verified");
    assert!(marked["verified_at"].is_string() && marked["change"].is_null());
    assert_eq!(bruno.run(&["safety", "ana", "--unmark", "--json"]).ok().object()["verified"], false);
    assert_eq!(bruno.run(&["safety", "ana", "--json"]).ok().object()["trust"], "pinned");
    bruno.run(&["safety", "ana", "--mark-verified", "--json"]).ok();
    assert_eq!(bruno.run(&["safety", "ana", "--json"]).ok().object()["trust"], "verified");
    bruno.run(&["safety", "ana", "--accept", "--json"]).refused(4, "no_key_change");
    std::fs::write(&file, "1".repeat(60)).unwrap();
    compare("ana").refused(10, "safety_differs");
    std::fs::write(&file, "LACRE:LINK/0000").unwrap();
    compare("ana").refused(2, "no_safety_number");
    assert!(bruno.run(&["safety", "ana"]).ok().stdout.contains("Safety number with ana"));
}

#[test]
fn ana_makes_her_device_secure_again_and_sees_how_far_it_is() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    assert_eq!(ana.run(&["secure", "--status", "--json"]).ok().object()["asked"], false);
    ana.send(&bruno, "before");
    bruno.read();
    let told = ana.run(&["secure", "--json"]).ok().objects();
    assert_eq!(told.first().unwrap()["conversations_left"], 1);
    assert_eq!(told.last().unwrap()["done"], true);
    assert_eq!(ana.run(&["secure", "--status", "--json"]).ok().object()["done"], true);
    ana.send(&bruno, "after");
    assert_eq!(bruno.read().last().unwrap()["text"], "after");
}
