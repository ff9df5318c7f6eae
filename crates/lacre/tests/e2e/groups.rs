//! Groups, with real programs: three people make one, talk, change it and leave it.

use serde_json::Value;

use crate::process::{Person, Relay, text};

fn texts(person: &Person, group: &str) -> Vec<String> {
    let shown = person.run(&["read", "--with", group, "--json"]).ok().objects();
    shown.iter().filter(|row| row["kind"] == "text").map(|row| text(row).to_owned()).collect()
}

fn group(person: &Person, command: &[&str]) -> Value {
    person.run(&[&["group"], command, &["--json"]].concat()).ok().object()
}

fn members(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().expect("a group has members").iter();
    let line = |it: &Value| {
        let admin = if it["admin"] == true { "*" } else { "" };
        format!("{}{admin}", it["handle"].as_str().expect("a handle"))
    };
    members.map(line).collect()
}

#[test]
fn three_people_make_a_group_talk_change_it_and_leave() {
    let relay = Relay::start(&[]);
    let (ana, bruno, carla) = (relay.person("ana"), relay.person("bruno"), relay.person("carla"));
    let made = group(&ana, &["create", "A Família", "--with", "bruno"]);
    assert_eq!((&made["name"], &made["state"]), (&"A Família".into(), &"open".into()));
    assert_eq!(members(&made), ["ana*", "bruno"]);

    ana.run(&["send", "A Família", "olá a todos", "--json"]).ok();
    assert_eq!(texts(&bruno, "A Família"), ["olá a todos"]);
    bruno.run(&["send", "#a família", "oi ana", "--json"]).ok();
    let added = group(&bruno, &["add", "A Família", "carla"]);
    assert_eq!(members(&added), ["ana*", "bruno", "carla"]);
    bruno.run(&["send", "A Família", "bem-vinda"]).ok();
    assert_eq!(texts(&carla, "A Família"), ["bem-vinda"], "nothing from before she came");
    assert_eq!(texts(&ana, "A Família"), ["olá a todos", "oi ana", "bem-vinda"]);

    bruno.run(&["group", "remove", "A Família", "carla", "--json"]).refused(4, "not_allowed");
    group(&ana, &["role", "A Família", "bruno", "admin"]);
    let rules = group(&ana, &["rules", "A Família", "--send", "admins"]);
    assert_eq!(rules["rules"]["send"], "admins");
    carla.read();
    carla.run(&["send", "A Família", "posso?", "--json"]).refused(4, "not_allowed");
    group(&ana, &["rename", "A Família", "Festa"]);
    bruno.read();
    let removed = group(&bruno, &["remove", "Festa", "carla"]);
    assert_eq!(members(&removed), ["ana*", "bruno*"]);
    carla.read();
    assert_eq!(group(&carla, &["show", "Festa"])["state"], "left");
    carla.run(&["send", "Festa", "adeus", "--json"]).refused(4, "not_a_member");

    let left = group(&ana, &["leave", "Festa"]);
    assert_eq!(left["state"], "left");
    let told: Vec<Value> = bruno.read().into_iter().filter(|row| row["kind"] == "change").collect();
    let last = told.last().expect("changes are told of");
    assert_eq!(last["reason"], "ana left");
}

#[test]
fn who_cannot_be_added_is_told_of_and_the_program_says_so() {
    let relay = Relay::start(&[]);
    let (ana, _bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.run(&["group", "create", "Dois", "--with", "bruno,ninguem", "--json"]).refused(4, "not_all_done");
    assert_eq!(members(&group(&ana, &["show", "Dois"])), ["ana*", "bruno"]);
    ana.run(&["group", "show", "Nada", "--json"]).refused(4, "no_such_group");
    // Anybody can name a group like a person: it is not guessed who is meant.
    group(&ana, &["create", "bruno"]);
    ana.run(&["send", "bruno", "segredo", "--json"]).refused(4, "group_or_person");
    ana.run(&["send", "@bruno", "segredo"]).ok();
}

#[test]
fn carla_is_given_the_last_messages_and_each_says_who_wrote_it_and_who_gave_it() {
    let relay = Relay::start(&[]);
    let (ana, bruno, carla) = (relay.person("ana"), relay.person("bruno"), relay.person("carla"));
    group(&ana, &["create", "Trip", "--with", "bruno"]);
    bruno.read();
    for (person, words) in [(&ana, "one"), (&bruno, "two"), (&ana, "three")] {
        person.run(&["send", "Trip", words, "--json"]).ok();
    }
    ana.read();
    assert_eq!(ana.run(&["group", "add", "Trip", "carla", "--history", "101"]).code, 2);
    let added = ana.run(&["group", "add", "Trip", "carla", "--history", "2"]).ok();
    assert!(added.stdout.contains("ana gave carla the last 2 messages"), "{}", added.stdout);
    let read = carla.run(&["read", "--with", "Trip", "--json"]).ok().objects();
    let old: Vec<_> = read.iter().filter(|row| !row["given_by"].is_null()).collect();
    let line = |row: &&Value| format!("{}: {} ({})", row["from"], row["text"], row["given_by"]);
    let lines: Vec<_> = old.iter().map(line).collect();
    assert_eq!(lines, [r#""bruno": "two" ("ana")"#, r#""ana": "three" ("ana")"#]);
    let shown = carla.run(&["read", "--with", "Trip"]).ok().stdout;
    assert!(shown.contains("bruno: two [given by ana]"), "{shown}");
    // Bruno's words can be reported by her too, though she was not there.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("report");
    let id = old[0]["id"].as_str().expect("an id");
    carla.run(&["report", "Trip", id, "--to", file.to_str().expect("a plain path")]).ok();
    let report = std::fs::read_to_string(file).expect("a report");
    let checked = lacre_client::report::read(&report).expect("it holds");
    assert_eq!((checked.messages[0].text.as_str(), checked.messages[0].sealed.is_none()), ("two", true));
    assert!(
        bruno.run(&["read", "--with", "Trip"]).ok().stdout.contains("ana gave carla the last 2 messages")
    );
}

#[test]
fn dora_asks_by_a_link_and_ana_decides() {
    let relay = Relay::start(&[]);
    let (ana, dora, eva) = (relay.person("ana"), relay.person("dora"), relay.person("eva"));
    group(&ana, &["create", "Trip"]);
    assert!(ana.run(&["group", "link", "Trip"]).ok().stdout.contains("This group has no link."));
    let made = ana.run(&["group", "link", "Trip", "--new", "--days", "7", "--json"]).ok().object();
    let link = made["link"].as_str().expect("a link").to_owned();
    assert!(link.starts_with("LACRE:GROUP/ANA/") && made["until"].is_string());
    assert!(ana.run(&["group", "link", "Trip"]).ok().stdout.contains(&link));
    assert!(ana.run(&["group", "requests", "Trip"]).ok().stdout.contains("Nobody asks"));

    dora.run(&["group", "join", &link[..link.len() - 1], "--json"]).refused(2, "bad_group_link");
    let asked = dora.run(&["group", "join", &link, "--json"]).ok().object();
    assert_eq!(asked["asked"], "ana");
    assert_eq!(dora.read().pop().expect("a row")["content"]["state"], "waiting");
    eva.run(&["group", "join", &link]).ok();
    let asking = ana.run(&["group", "requests", "Trip", "--json"]).ok().objects();
    let from: Vec<_> = asking.iter().map(|row| row["from"].as_str().expect("a handle")).collect();
    assert_eq!(from, ["dora", "eva"]);
    assert!(ana.run(&["requests", "--json"]).ok().objects().is_empty(), "they are no strangers' requests");

    ana.run(&["group", "approve", "Trip", "bruno", "--json"]).refused(4, "nobody_asked");
    let grown = group(&ana, &["approve", "Trip", "dora"]);
    assert_eq!(members(&grown), ["ana*", "dora"]);
    ana.run(&["group", "decline", "Trip", "eva"]).ok();
    assert!(ana.run(&["group", "requests", "Trip", "--json"]).ok().objects().is_empty());
    let rows = dora.read();
    let row = rows.iter().find(|row| row["kind"] == "ask-to-join").expect("what she asked");
    assert_eq!((&row["content"]["state"], &row["content"]["name"]), (&"let_in".into(), &"Trip".into()));
    dora.run(&["group", "join", &link, "--json"]).refused(4, "member_already");
    dora.run(&["send", "Trip", "here I am"]).ok();
    assert_eq!(texts(&ana, "Trip"), ["here I am"]);

    group(&ana, &["link", "Trip", "--off"]);
    assert_eq!(ana.run(&["group", "link", "Trip", "--json"]).ok().object()["on"], false);
    dora.run(&["group", "link", "Trip", "--new", "--json"]).refused(4, "not_allowed");
}

#[test]
fn a_name_that_could_be_a_persons_is_a_groups_in_no_command() {
    let relay = Relay::start(&[]);
    let (ana, bruno, carla) = (relay.person("ana"), relay.person("bruno"), relay.person("carla"));
    let made = group(&ana, &["create", "bruno", "--with", "carla"]);
    let id = made["id"].as_str().expect("an id");
    for command in [
        &["location", "bruno", "38.7", "-9.1"][..],
        &["poll", "bruno", "when?", "today", "tomorrow"],
        &["timer", "bruno", "1d"],
        &["pins", "bruno"],
        &["media", "bruno"],
        &["search", "x", "--in", "bruno"],
    ] {
        ana.run(&[command, &["--json"]].concat()).refused(4, "group_or_person");
    }
    assert!(carla.read().iter().all(|row| row["kind"] == "change"), "nothing went to the group");
    // Who says which one it is, is understood everywhere.
    ana.run(&["location", "@bruno", "38.7", "-9.1", "--json"]).ok();
    assert_eq!(bruno.read().last().expect("it came")["kind"], "location");
    for name in ["#bruno", &format!("#{id}")] {
        ana.run(&["timer", name, "1d", "--json"]).ok();
        ana.run(&["pins", name, "--json"]).ok();
    }
    // Who talks with the person means the person.
    ana.run(&["poll", "bruno", "when?", "today", "tomorrow", "--json"]).ok();
    assert_eq!(bruno.read().last().expect("it came")["kind"], "poll");
}

#[test]
fn d04_a_code_for_a_device_and_a_link_to_a_group_refuse_each_other() {
    let relay = Relay::start(&[]);
    let ana = relay.person("ana");
    let code = "LACRE:LINK/0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let refused = ana.run(&["group", "join", code, "--json"]);
    assert!(refused.stderr.contains("linking a device") || refused.stdout.contains("linking a device"));
    refused.refused(2, "bad_group_link");
    group(&ana, &["create", "Trip"]);
    let made = ana.run(&["group", "link", "Trip", "--new", "--json"]).ok().object();
    let link = made["link"].as_str().expect("a link");
    ana.run(&["device", "link", link, "--json"]).refused(2, "bad_link_code");
}

#[test]
fn a_group_has_a_picture_a_description_and_its_members_labels() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    group(&ana, &["create", "Trip", "--with", "bruno"]);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        let length = u32::try_from(body.len()).expect("it is short").to_be_bytes();
        [&length[..], kind, body, &[0; 4]].concat()
    };
    let parts =
        [chunk(b"IHDR", &[1; 13]), chunk(b"tEXt", b"at home"), chunk(b"IDAT", &[2; 9]), chunk(b"IEND", b"")];
    let image = [&b"\x89PNG\r\n\x1a\n"[..], &parts.concat()].concat();
    std::fs::write(path("in.png"), &image).expect("a file can be written");
    std::fs::write(path("in.txt"), "hello").expect("a file can be written");
    ana.run(&["group", "picture", "Trip", &path("in.txt"), "--json"]).refused(4, "bad_picture");
    ana.run(&["group", "picture", "Trip", "--to", &path("none.png"), "--json"]).refused(4, "no_picture");
    let told = ana.run(&["group", "picture", "Trip", &path("in.png"), "--json"]).ok().object();
    assert_eq!(told["picture_bytes"], image.len() - 12 - "at home".len());
    group(&ana, &["describe", "Trip", "to the sea"]);
    bruno.read();
    group(&bruno, &["label", "Trip", "drives"]);
    bruno.run(&["group", "picture", "Trip", "--to", &path("out.png"), "--json"]).ok();
    let out = std::fs::read(path("out.png")).expect("the picture");
    assert_eq!(out.len(), image.len() - 12 - "at home".len(), "without what was beside it");
    ana.read();
    let shown = group(&ana, &["show", "Trip"]);
    assert_eq!(shown["description"], "to the sea");
    assert_eq!(shown["members"][1]["label"], "drives");
    let words = ana.run(&["group", "show", "Trip"]).ok().stdout;
    assert!(words.contains("to the sea") && words.contains("drives"), "{words}");
    assert_eq!(group(&ana, &["picture", "Trip", "--off"])["picture_bytes"], 0);
}
