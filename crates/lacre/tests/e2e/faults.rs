//! What happens when things break in between.

use crate::process::{Relay, texts, until};

#[test]
fn a_relay_that_is_killed_loses_nothing_that_it_acknowledged() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let wrote: Vec<String> = (0..4).map(|number| format!("kept {number}")).collect();
    for text in &wrote {
        ana.send(&bruno, text);
        relay.kill();
        relay = relay.again();
    }
    assert_eq!(bruno.texts_from(&ana), wrote);
}

#[test]
fn a_message_written_without_a_relay_goes_out_when_there_is_one() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    relay.kill();
    let error = ana.run(&["send", "bruno", "later", "--json"]).refused(3, "unreachable");
    let words = error["message"].as_str().expect("words");
    assert!(words.contains("Nothing was sent") && words.contains("kept in the profile"), "{words}");
    assert_eq!(error["retry"], "later");
    ana.run(&["read", "--json"]).refused(3, "unreachable");
    let offline = ana.run(&["read", "--offline", "--json"]).ok().objects();
    assert_eq!(offline[0]["state"], "sending", "it is shown at once, and waits");

    let _relay = relay.again();
    until("the message to go out", || (ana.read()[0]["state"] == "sent").then_some(()));
    assert_eq!(bruno.texts_from(&ana), ["later"], "once");
}

#[test]
fn a_message_can_be_left_in_the_outbox_on_purpose() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let queued = ana.run(&["send", "bruno", "no hurry", "--no-wait", "--json"]).ok().object();
    assert!(queued["state"] == "sending" || queued["state"] == "sent", "{queued}");
    until("the message to go out", || (ana.read()[0]["state"] == "sent").then_some(()));
    assert_eq!(bruno.texts_from(&ana), ["no hurry"]);
}

#[test]
fn who_follows_is_there_again_when_the_relay_is() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.send(&bruno, "before");
    let follow = bruno.follow();
    let shown = |count| {
        until("messages to be shown", || {
            Some(texts(follow.objects(), "ana")).filter(|all| all.len() >= count)
        })
    };
    shown(1);
    relay.kill();
    let _relay = relay.again();
    ana.send(&bruno, "after");
    assert_eq!(shown(2), ["before", "after"]);
}

#[test]
fn a_client_that_is_killed_while_it_follows_shows_everything_the_next_time() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let mut wrote = Vec::new();
    for round in 0..3 {
        let follow = bruno.follow();
        for number in 0..3 {
            wrote.push(format!("round {round} message {number}"));
            ana.send(&bruno, wrote.last().expect("just pushed"));
        }
        until("some of them to be shown", || (follow.lines().len() > round * 3).then_some(()));
        drop(follow);
    }
    assert_eq!(bruno.texts_from(&ana), wrote, "all, once, in order");
}

#[test]
fn another_relay_in_its_place_is_not_trusted() {
    let mut relay = Relay::start(&[]);
    let ana = relay.person("ana");
    relay.kill();
    std::fs::remove_dir_all(relay.data()).expect("the folder can be removed");
    let _other = relay.again();
    let error = ana.run(&["read", "--json"]).refused(9, "certificate_changed");
    assert!(error["message"].as_str().is_some_and(|words| words.contains("nothing was sent")), "{error}");
    assert_eq!(error["retry"], "never");
}

#[test]
fn what_is_no_relay_is_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // It says something, and that is not TLS.
            let _ = std::io::Write::write_all(&mut stream, b"220 mail.example ready\r\n");
        }
    });
    let relay = Relay::start(&[]);
    let ana = relay.newcomer("ana");
    let url = format!("https://{address}");
    ana.run(&["sign-up", "--relay", &url, "ana", "--json"]).refused(3, "not_a_relay");
    ana.run(&["sign-up", "--relay", "http://relay.example:8443", "ana", "--json"]).refused(2, "usage");
    ana.run(&["sign-up", "--relay", &relay.url, "ana", "--json"]).ok();
}

#[test]
fn with_offline_no_command_asks_the_relay_and_nothing_is_lost() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    let first = ana.send(&bruno, "hello");
    let id = first["id"].as_str().expect("an id").to_owned();
    let queued = ana.run(&["--offline", "send", "bruno", "from the train", "--json"]).ok().object();
    assert_eq!(queued["state"], "sending");
    ana.run(&["--offline", "react", &id, "👍"]).ok();
    assert_eq!(bruno.texts_from(&ana), ["hello"], "nothing has left the device");
    assert_eq!(ana.run(&["--offline", "history", &id]).ok().stdout.lines().count(), 1);
    ana.run(&["--offline", "device", "link", "AXZ7-AX6N-K7TY-15KA-W5T5-CMAA-F51T-W2JG", "--json"])
        .refused(3, "offline");
    ana.read();
    assert_eq!(bruno.texts_from(&ana), ["hello", "from the train"]);
}

#[test]
fn conversations_are_listed_and_a_message_tells_all_that_is_known_of_it() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    assert!(ana.run(&["conversations"]).ok().stdout.starts_with("There is no conversation yet."));
    let sent = ana.send(&bruno, "helo");
    let id = sent["id"].as_str().expect("an id");
    ana.run(&["edit", id, "hello"]).ok();
    bruno.read();
    let [row] = &bruno.run(&["conversations", "--unread", "--json"]).ok().objects()[..] else { panic!() };
    assert_eq!((&row["name"], &row["request"]), (&"ana".into(), &true.into()));
    assert_eq!((&row["unread"], &row["last"]["text"]), (&1.into(), &"hello".into()));
    let info = ana.run(&["info", id, "--json"]).ok().object();
    let forms: Vec<_> =
        info["history"].as_array().expect("forms").iter().map(|it| it["text"].clone()).collect();
    assert_eq!(forms, ["helo", "hello"]);
    assert_eq!(info["heard_by"], serde_json::json!([]), "of a pair the state says it");
    let page = ana.run(&["man"]).ok().stdout;
    assert!(page.contains(".TH lacre 1"), "{page}");
}
