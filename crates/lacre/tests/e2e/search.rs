//! Ana looks for what was said.

use serde_json::Value;

use super::process::{Person, Relay, text};

fn search(person: &Person, args: &[&str]) -> Vec<Value> {
    person.run(&[&["search", "--json"], args].concat()).ok().objects()
}

fn found(person: &Person, args: &[&str]) -> Vec<String> {
    search(person, args).iter().map(|object| text(object).to_owned()).collect()
}

#[test]
fn ana_finds_what_was_said_and_by_whom() {
    let relay = Relay::start(&[]);
    let (ana, bruno, carla) = (relay.person("ana"), relay.person("bruno"), relay.person("carla"));
    bruno.send(&ana, "Encontramo-nos na estação às nove");
    carla.send(&ana, "A Estação Central, see https://station.example/map");
    ana.send(&bruno, "até amanhã, na estacao");
    ana.read();
    assert_eq!(found(&ana, &["ESTACAO"]).len(), 3, "case and accents do not matter");
    assert_eq!(found(&ana, &["estação", "--from", "carla"]).len(), 1);
    assert_eq!(found(&ana, &["estação", "--in", "bruno"]).len(), 2);
    assert_eq!(found(&ana, &["\"na estação\""]).len(), 2);
    assert_eq!(found(&ana, &["--kind", "link"]), ["A Estação Central, see https://station.example/map"]);
    assert_eq!(found(&ana, &["esta", "--limit", "1"]), ["até amanhã, na estacao"], "the newest first");
    assert!(found(&ana, &["esta", "--until", "2020-01-01"]).is_empty());
    assert_eq!(found(&ana, &["esta", "--since", "2020-01-01"]).len(), 3);
    let hit = search(&ana, &["nove"]).remove(0);
    let excerpt = hit["excerpt"].as_str().expect("an excerpt is a string");
    let at = |end: usize| hit["matches"][0][end].as_u64().expect("a match has two ends") as usize;
    assert_eq!(&excerpt[at(0)..at(1)], "nove");
    assert_eq!((&hit["with"], &hit["from"]), (&"bruno".into(), &"bruno".into()));
    let told = ana.run(&["search", "cen"]).ok().stdout;
    assert!(told.contains("carla: A Estação Central"), "{told}");
    assert_eq!(ana.run(&["search", "nowhere"]).ok().stdout.trim(), "Nothing found.");
    ana.run(&["search", "--json"]).refused(2, "usage");
    ana.run(&["search", "x", "--kind", "sound", "--json"]).refused(2, "usage");
    ana.run(&["search", "x", "--in", "dario", "--json"]).refused(4, "no_such_conversation");
    let checked = ana.run(&["store", "check", "--json"]).ok().object();
    assert_eq!((&checked["healthy"], &checked["search_made"]), (&true.into(), &true.into()));
}

#[test]
fn what_was_written_is_not_on_the_disk_in_words() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    bruno.send(&ana, "xylophonequartz");
    ana.read();
    assert_eq!(found(&ana, &["xylophone"]).len(), 1);
    assert!(!super::process::holds(&ana.profile, b"xylophone"), "the index is sealed like the messages");
    relay.newcomer("dario").run(&["search", "x", "--json"]).refused(7, "not_signed_up");
}
