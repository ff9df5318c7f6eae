//! Who may be here, and whom one reaches.

use crate::process::{Relay, lacre, run, text};

#[test]
fn nobody_has_this_handle() {
    let relay = Relay::start(&[]);
    let ana = relay.person("ana");
    let error = ana.run(&["send", "nobody", "hello?", "--json"]);
    let error = error.refused(4, "no_such_account");
    assert!(error["message"].as_str().is_some_and(|words| words.contains("not sent")), "{error}");
    assert_eq!(ana.read()[0]["state"], "failed", "the message says so as well");
}

#[test]
fn one_writes_to_oneself_with_one_device_too() {
    let relay = Relay::start(&[]);
    let ana = relay.person("ana");
    let sent = ana.run(&["send", "--self", "buy milk", "--json"]).ok().object();
    assert_eq!((sent["state"].as_str(), sent["mine"].as_bool()), (Some("sent"), Some(true)));
    ana.run(&["send", "ana", "and bread", "--json"]).ok();
    for with in ["Note to self", "ana"] {
        let notes = ana.run(&["read", "--with", with, "--json"]).ok().objects();
        let notes: Vec<_> = notes.iter().map(|note| (text(note), note["with"].as_str())).collect();
        assert_eq!(notes, [("buy milk", Some("Note to self")), ("and bread", Some("Note to self"))]);
    }
    ana.run(&["send", "--self", "", "--json"]).refused(2, "usage");
}

#[test]
fn a_handle_belongs_to_the_first_and_the_second_can_choose_another() {
    let relay = Relay::start(&[]);
    relay.person("ana");
    let other = relay.newcomer("other");
    other.run(&["sign-up", "--relay", &relay.url, "Ana", "--json"]).refused(4, "handle_taken");
    other.run(&["whoami", "--json"]).refused(7, "not_signed_up");
    other.run(&["sign-up", "--relay", &relay.url, "ana2", "--json"]).ok();
    assert_eq!(other.run(&["whoami", "--json"]).ok().object()["handle"], "ana2");
    other.run(&["sign-up", "--relay", &relay.url, "ana3", "--json"]).refused(4, "signed_up_already");
}

#[test]
fn a_closed_relay_takes_nobody_and_serves_who_is_there() {
    let relay = Relay::start(&["--registration", "closed"]);
    let carla = relay.newcomer("carla");
    carla.run(&["sign-up", "--relay", &relay.url, "carla", "--json"]).refused(4, "registration_closed");
}

#[test]
fn an_invite_lets_one_person_in() {
    let mut relay = Relay::start(&["--registration", "invite"]);
    relay.stop();
    let data = relay.data();
    let made = run(lacre().args(["relay", "invite", "--json", "--data"]).arg(&data)).ok().object();
    let code = made["invite"].as_str().expect("a code is a string").to_owned();
    let relay = relay.again();
    let busy = run(lacre().args(["relay", "invite", "--json", "--data"]).arg(&data));
    busy.refused(5, "folder_in_use");

    let (ana, bruno) = (relay.newcomer("ana"), relay.newcomer("bruno"));
    ana.run(&["sign-up", "--relay", &relay.url, "ana", "--json"]).refused(4, "invite_needed");
    // By the environment, so that the code does not stand in the list of processes.
    run(ana.command(&["sign-up", "--relay", &relay.url, "ana"]).env("LACRE_INVITE", &code)).ok();
    let again =
        run(bruno.command(&["sign-up", "--relay", &relay.url, "bruno", "--json"]).env("LACRE_INVITE", &code));
    again.refused(4, "invite_needed");
}

#[test]
fn a_running_relay_makes_invites_on_its_admin_listener() {
    let relay = Relay::start(&["--registration", "invite", "--admin", "127.0.0.1:0"]);
    let told = relay.told();
    let admin = told["admin"].as_str().expect("it tells its admin address");
    let mut command = lacre();
    command.args(["relay", "invite", "--count", "2", "--json", "--admin", admin, "--data"]).arg(relay.data());
    let made = run(&mut command).ok().objects();
    assert_eq!(made.len(), 2);
    for (object, name) in made.iter().zip(["ana", "bruno"]) {
        let person = relay.newcomer(name);
        let code = object["invite"].as_str().expect("a code is a string");
        run(person.command(&["sign-up", "--relay", &relay.url, name]).env("LACRE_INVITE", code)).ok();
    }
}
