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
