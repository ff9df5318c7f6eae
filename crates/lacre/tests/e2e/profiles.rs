//! The profile on this disk: its passphrase, its lock, what it says of itself.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::process::{PASSPHRASE, Relay, lacre, run, until};

#[test]
fn a_wrong_passphrase_opens_nothing_and_changes_nothing() {
    let relay = Relay::start(&[]);
    let ana = relay.person("ana");
    let wrong = run(ana.command(&["read", "--json"]).env("LACRE_PASSPHRASE", "wrong"));
    wrong.refused(6, "wrong_passphrase");
    ana.read();
}

#[test]
fn a_profile_is_open_in_one_program_at_a_time() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    bruno.send(&ana, "hello");
    let follow = ana.follow();
    until("the first program to be up", || (!follow.lines().is_empty()).then_some(()));
    ana.run(&["read", "--json"]).refused(5, "profile_in_use");
    drop(follow);
    assert_eq!(ana.texts_from(&bruno), ["hello"], "a killed program leaves no lock behind");
}

#[test]
fn a_passphrase_is_asked_for_and_never_empty_by_accident() {
    let relay = Relay::start(&[]);
    let ana = relay.newcomer("ana");
    let sign_up = ["sign-up", "--relay", &relay.url, "ana", "--json"];
    run(ana.command(&sign_up).env_remove("LACRE_PASSPHRASE")).refused(2, "usage");
    run(ana.command(&sign_up).env("LACRE_PASSPHRASE", "")).refused(2, "usage");
    assert!(!ana.profile.exists(), "nothing was begun");
    let without = [&sign_up[..], &["--no-passphrase"]].concat();
    run(ana.command(&without).env_remove("LACRE_PASSPHRASE")).ok();
    let whoami = run(ana.command(&["whoami", "--json"]).env_remove("LACRE_PASSPHRASE")).ok();
    assert_eq!(whoami.object()["handle"], "ana", "a profile without a passphrase asks for none");
    let doctor = run(ana.command(&["doctor", "--json"]).env_remove("LACRE_PASSPHRASE")).ok().object();
    let at_rest =
        doctor["checks"].as_array().expect("checks").iter().find(|check| check["name"] == "at rest");
    assert_eq!(at_rest.expect("it is looked at")["verdict"], "notice", "and doctor says it");
}

#[test]
fn a_passphrase_comes_through_a_file_descriptor() {
    let relay = Relay::start(&[]);
    let ana = relay.person("ana");
    let script = format!(
        "exec {} --passphrase-fd 3 --profile {} whoami --json 3<<END\n{PASSPHRASE}\nEND",
        env!("CARGO_BIN_EXE_lacre"),
        ana.profile.display(),
    );
    let told = run(Command::new("sh").arg("-c").arg(script).env_remove("LACRE_PASSPHRASE")).ok();
    assert_eq!(told.object()["handle"], "ana");
}

#[test]
fn a_profile_is_its_owners_alone_and_tells_who_it_is() {
    let relay = Relay::start(&[]);
    let ana = relay.person("ana");
    let mode = std::fs::metadata(&ana.profile).expect("the profile").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let me = ana.run(&["whoami", "--json"]).ok().object();
    assert_eq!(me["handle"], "ana");
    assert_eq!(me["relay"], relay.url.as_str());
    let devices = ana.run(&["devices", "--json"]).ok().objects();
    assert_eq!(devices.len(), 1);
    assert_eq!((&devices[0]["device"], &devices[0]["this"]), (&me["device"], &true.into()));
    ana.run(&["doctor"]).ok();
    let checked = ana.run(&["store", "check", "--json"]).ok().object();
    assert_eq!(checked["healthy"], true);
    let dump = ana.run(&["store", "dump", "--json"]).ok().objects();
    assert!(dump.iter().all(|table| table["name"] != "unknown"), "{dump:?}");
}

#[test]
fn without_a_profile_every_command_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for args in [["whoami", "--json"].as_slice(), &["read", "--json"], &["send", "bruno", "x", "--json"]] {
        let mut command = lacre();
        command.env("LACRE_PASSPHRASE", "x").arg("--profile").arg(folder.path().join("none")).args(args);
        let error = run(&mut command).refused(7, "not_signed_up");
        assert!(error["message"].as_str().is_some_and(|words| words.contains("sign-up")), "{error}");
    }
}
