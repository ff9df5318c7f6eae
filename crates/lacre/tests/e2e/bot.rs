//! Bruno's shop answers by a program.

use serde_json::{Value, json};

use crate::process::{Relay, Running, texts, until};
use crate::voice::wav;

/// Waits for lines of an event.
#[track_caller]
fn wait(bot: &Running, event: &str, least: usize) -> Vec<Value> {
    until(event, || Some(lines(bot, event)).filter(|lines| lines.len() >= least))
}

fn lines(bot: &Running, event: &str) -> Vec<Value> {
    bot.objects().into_iter().filter(|line| line["event"] == event).collect()
}

fn send(id: &str, text: &str) -> Value {
    json!({"op": "send", "id": id, "to": "ana", "text": text})
}

#[test]
fn a_bot_hears_answers_and_ends_when_all_is_said() {
    let relay = Relay::start(&[]);
    let (ana, shop) = (relay.person("ana"), relay.person("shop"));
    let asked = ana.send(&shop, "where is my order?");
    let mut bot = shop.bot(&[]);
    let ready = &wait(&bot, "ready", 1)[0];
    assert_eq!((&ready["schema"], &ready["handle"]), (&1.into(), &"shop".into()));
    let heard = wait(&bot, "message", 1).remove(0);
    assert_eq!((&heard["id"], &heard["text"]), (&asked["id"], &"where is my order?".into()));
    bot.say(&json!({"op": "send", "id": "1", "conversation": heard["conversation"], "text": "on its way",
        "reply_to": heard["id"]}));
    bot.say(&json!({"op": "read", "id": "2", "conversation": heard["conversation"], "message": heard["id"]}));
    let queued = wait(&bot, "queued", 1).remove(0);
    assert_eq!((&queued["id"], &queued["again"]), (&"1".into(), &false.into()));
    assert_eq!(wait(&bot, "done", 1)[0]["id"], "2");
    let answer = ana.read().pop().expect("there is an answer");
    assert_eq!((&answer["id"], &answer["reply_to"]), (&queued["message"], &asked["id"]));
    ana.run(&["read", "--mark-read"]).ok();
    let read = until("the answer to be read", || {
        lines(&bot, "changed")
            .into_iter()
            .find(|line| line["id"] == queued["message"] && line["state"] == "read")
    });
    assert_eq!(read["changed"], json!(["state"]));
    bot.close();
    assert_eq!(bot.ended(), 0);
    assert_eq!(bot.objects().last(), Some(&json!({"event": "end", "waiting": 0, "saving": 0})));
    let mut again = shop.bot(&[]);
    wait(&again, "connection", 3);
    assert!(lines(&again, "message").is_empty(), "what was marked read is not told again");
    again.terminate();
    assert_eq!(again.ended(), 0);
}

#[test]
fn a_bot_asks_reacts_edits_and_takes_back() {
    let relay = Relay::start(&[]);
    let (ana, shop) = (relay.person("ana"), relay.person("shop"));
    let asked = ana.send(&shop, "open tomorrow?");
    let mut bot = shop.bot(&[]);
    let heard = wait(&bot, "message", 1).remove(0);
    let about = |op: &str, message: &Value| json!({"op": op, "id": op, "conversation": heard["conversation"], "message": message});
    let with = |mut line: Value, name: &str, value: Value| {
        line[name] = value;
        line
    };
    bot.say(&with(about("react", &asked["id"]), "emoji", "👍".into()));
    wait(&bot, "done", 1);
    bot.say(&send("a", "from nine on"));
    let answer = wait(&bot, "queued", 1).remove(0)["message"].clone();
    bot.say(&with(about("edit", &answer), "text", "from ten on".into()));
    bot.say(&json!({"op": "poll", "id": "p", "to": "ana", "question": "Pizza?", "options": ["yes", "no"]}));
    let poll = wait(&bot, "queued", 2).remove(1)["message"].clone();
    bot.say(&with(about("vote", &poll), "choices", json!([1])));
    let bad = with(about("vote", &poll), "choices", json!([0]));
    bot.say(&with(bad, "id", "vote-2".into()));
    assert_eq!(wait(&bot, "error", 1)[0]["code"], "bad_line");
    wait(&bot, "done", 3);
    bot.close();
    assert_eq!(bot.ended(), 0);
    let read = ana.read();
    let of = |id: &Value| read.iter().find(|line| line["id"] == *id).expect("it is there");
    assert_eq!(of(&asked["id"])["reactions"][0]["emoji"], "👍");
    assert_eq!(of(&answer)["text"], "from ten on");
    assert_eq!(of(&poll)["content"]["options"][0]["votes"], 1);
}

#[test]
fn a_bot_saves_files_and_sends_some() {
    let relay = Relay::start(&[]);
    let (ana, shop) = (relay.person("ana"), relay.person("shop"));
    shop.send(&ana, "hello");
    ana.read();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    std::fs::create_dir(at("in")).expect("made");
    for (name, content) in [("a.txt", "one"), ("b.txt", "other")] {
        std::fs::write(at(name), content).expect("written");
    }
    ana.run(&["send", "shop", "--file", &at("a.txt"), &at("b.txt"), "--json"]).ok();
    let mut bot = shop.bot(&[]);
    let heard =
        until("the files", || lines(&bot, "message").into_iter().find(|line| line["kind"] == "media"));
    let save = |id: &str, file: Option<u8>, to: &str| {
        json!({"op": "save", "id": id, "conversation": heard["conversation"], "message": heard["id"],
            "file": file, "to": at(to)})
    };
    bot.say(&save("all", None, "in"));
    let saved = wait(&bot, "saved", 1).remove(0);
    assert_eq!((&saved["id"], saved["files"].as_array().map(Vec::len)), (&"all".into(), Some(2)));
    assert_eq!(std::fs::read_to_string(at("in/b.txt")).expect("saved"), "other");
    bot.say(&save("third", Some(3), "in"));
    bot.say(&save("two in one", None, "c.txt"));
    bot.say(&save("one", Some(1), "c.txt"));
    let refused: Vec<_> = wait(&bot, "error", 2).into_iter().map(|line| line["code"].clone()).collect();
    assert!(refused.contains(&"no_such_file".into()) && refused.contains(&"bad_line".into()), "{refused:?}");
    wait(&bot, "saved", 2);
    assert_eq!(std::fs::read_to_string(at("c.txt")).expect("saved"), "one");

    // A song may tell who made it, and the bot is told so.
    std::fs::write(at("song.mp3"), [&b"ID3\x04\0\0\0\0\0\0"[..], &[0; 64]].concat()).expect("written");
    let song =
        json!({"op": "send_files", "id": "f", "to": "ana", "files": [at("song.mp3")], "caption": "listen"});
    bot.say(&song);
    bot.say(&json!({"op": "send_files", "id": "none", "to": "ana", "files": []}));
    bot.say(&json!({"op": "send_voice", "id": "v", "to": "ana", "file": at("a.txt")}));
    let queued = wait(&bot, "queued", 1).remove(0);
    assert!(queued["warnings"][0].as_str().is_some_and(|it| it.contains("song.mp3")), "{queued}");
    let refused: Vec<_> = wait(&bot, "error", 4).into_iter().map(|line| line["code"].clone()).collect();
    assert_eq!(refused[2..], ["bad_line", "no_voice"]);
    // Said again it was done, though the file is gone.
    std::fs::remove_file(at("song.mp3")).expect("it was there");
    bot.say(&song);
    assert_eq!(wait(&bot, "queued", 2).remove(1)["again"], true);
    bot.close();
    assert_eq!(bot.ended(), 0);
    let came = ana.read().pop().expect("it came");
    assert_eq!((&came["kind"], &came["content"]["caption"]), (&"media".into(), &"listen".into()));
}

#[test]
fn a_bot_answers_with_files_voice_places_and_questions() {
    let relay = Relay::start(&[]);
    let (ana, shop) = (relay.person("ana"), relay.person("shop"));
    let asked = ana.send(&shop, "where are you, and what do you have?");
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("list.txt"), "rye").expect("written");
    wav(&folder.path().join("hello.wav"));
    let mut bot = shop.bot(&[]);
    let heard = wait(&bot, "message", 1).remove(0);
    let answers = [
        json!({"op": "send", "to": "ana", "text": "here"}),
        json!({"op": "send_files", "to": "ana", "files": [at("list.txt")]}),
        json!({"op": "send_voice", "conversation": heard["conversation"], "file": at("hello.wav")}),
        json!({"op": "location", "to": "ana", "latitude": 38.7, "longitude": -9.1}),
        json!({"op": "poll", "to": "ana", "question": "rye?", "options": ["yes", "no"]}),
    ];
    for (n, mut line) in answers.into_iter().enumerate() {
        line["id"] = n.to_string().into();
        line["reply_to"] = heard["id"].clone();
        bot.say(&line);
        let queued = wait(&bot, "queued", n + 1).remove(n);
        let came = until("the answer", || ana.read().into_iter().find(|it| it["id"] == queued["message"]));
        assert_eq!(came["reply_to"], asked["id"], "{line}");
    }
    // What answers nothing that is there is not sent.
    for op in [
        json!({"op": "send_files", "to": "ana", "files": [at("list.txt")], "reply_to": "0".repeat(32)}),
        json!({"op": "location", "to": "ana", "latitude": 1, "longitude": 1, "reply_to": "0".repeat(32)}),
    ] {
        bot.say(&op);
    }
    let refused = wait(&bot, "error", 2);
    assert!(refused.iter().all(|it| it["code"] == "no_such_message"), "{refused:?}");
    bot.close();
    assert_eq!(bot.ended(), 0);
}

#[test]
fn a_bot_that_is_killed_and_says_everything_again_has_said_it_once() {
    let relay = Relay::start(&[]);
    let (ana, shop) = (relay.person("ana"), relay.person("shop"));
    let orders: Vec<(String, String)> =
        (0..30).map(|number| (format!("order-{number}"), format!("order {number} has left"))).collect();
    for lived in [1, 7, 12] {
        let mut bot = shop.bot(&[]);
        orders.iter().for_each(|(id, text)| bot.say(&send(id, text)));
        wait(&bot, "queued", lived);
        bot.kill();
    }
    let mut bot = shop.bot(&[]);
    orders.iter().for_each(|(id, text)| bot.say(&send(id, text)));
    let queued = wait(&bot, "queued", orders.len());
    assert!(queued[..12].iter().all(|line| line["again"] == true), "{queued:?}");
    bot.say(&send("order-3", "something else"));
    assert_eq!(wait(&bot, "error", 1)[0]["code"], "id_used");
    bot.close();
    assert_eq!(bot.ended(), 0);
    let wanted: Vec<_> = orders.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts(ana.read(), "shop"), wanted, "each once, in order");
}

#[test]
fn a_bot_is_told_what_is_wrong_and_goes_on() {
    let relay = Relay::start(&[]);
    let (ana, shop) = (relay.person("ana"), relay.person("shop"));
    let hostile = format!("{}\u{1b}[2J", "x".repeat(600_000));
    let input = [
        "hello".to_owned(),
        r#"{"op":"fly","id":"a"}"#.to_owned(),
        r#"{"op":"send","id":"b","to":"no/handle","text":"x"}"#.to_owned(),
        r#"{"op":"send","id":"c","to":"ana","text":""}"#.to_owned(),
        r#"{"op":"read","id":"e","conversation":"00000000000000000000000000000000","message":"x"}"#
            .to_owned(),
        hostile,
        send("f", "still here").to_string(),
    ];
    let run = shop.run_with(&["bot"], &input.join("\n")).ok();
    let errors: Vec<_> = run.objects().into_iter().filter(|line| line["event"] == "error").collect();
    let told: Vec<_> = errors
        .iter()
        .map(|error| {
            (error["line"].as_u64(), error["id"].as_str(), error["code"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some(1), None, "bad_line"),
            (Some(2), Some("a"), "bad_line"),
            (Some(3), Some("b"), "bad_line"),
            (Some(4), Some("c"), "bad_line"),
            (Some(5), Some("e"), "no_such_conversation"),
            (Some(6), None, "bad_line"),
        ]
    );
    assert_eq!(texts(ana.read(), "shop"), ["still here"]);
}

#[test]
fn a_bot_reads_no_faster_than_the_relay_takes() {
    let mut relay = Relay::start(&[]);
    let (ana, shop) = (relay.person("ana"), relay.person("shop"));
    ana.send(&shop, "hello");
    shop.read();
    relay.kill();
    let mut bot = shop.bot(&["--in-flight", "2", "--timeout", "1"]);
    (0..6).for_each(|number| bot.say(&send(&number.to_string(), &format!("number {number}"))));
    wait(&bot, "queued", 2);
    let relay = relay.again();
    wait(&bot, "queued", 6);
    assert_eq!(texts(ana.read(), "shop").len(), 6);
    bot.close();
    assert_eq!(bot.ended(), 0);
    let mut relay = relay;
    relay.kill();
    let run = shop
        .run_with(&["bot", "--in-flight", "2", "--timeout", "1", "--json"], &send("7", "later").to_string());
    run.refused(3, "not_acknowledged");
    let end = run.objects().pop().expect("an end");
    assert_eq!(end, json!({"event": "end", "waiting": 1, "saving": 0}));
    let relay = relay.again();
    shop.read();
    assert_eq!(texts(ana.read(), "shop").pop().as_deref(), Some("later"));
    drop(relay);
}
