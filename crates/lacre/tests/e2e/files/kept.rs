//! Files that wait, that take space, that find no room, and that are saved as they come.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{MEGABYTE, bytes, pair, path, save, send};
use crate::process::{Person, Relay, Running, until};

#[test]
fn who_sends_while_the_relay_is_away_keeps_the_file_sealed_until_it_is_back() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.bin");
    fs::write(&file, bytes(100_000)).expect("written");
    relay.stop();
    ana.run(&["send", "bruno", "--file", path(&file), "--json"]).refused(3, "unreachable");
    // What is to be known of a file is said, though its message waits.
    let program = folder.path().join("photo.jpg.exe");
    fs::write(&program, [&b"MZ"[..], &[0; 500]].concat()).expect("written");
    let waits = ana.run(&["send", "bruno", "--file", path(&program), "--json"]);
    waits.refused(3, "unreachable");
    let warned = waits.objects().into_iter().find_map(|row| row["warning"].as_str().map(str::to_owned));
    assert!(warned.is_some_and(|it| it.contains("photo.jpg.exe")), "{}", waits.stdout);
    fs::remove_file(&file).expect("the original may go");
    relay = relay.again();
    let _open = ana.follow();
    // The smaller one may come first.
    let is_it = |row: &Value| row["content"]["files"][0]["name"] == "a.bin";
    let row = until("the file", || bruno.read().into_iter().find(is_it));
    let saved = folder.path().join("saved");
    save(&bruno, row["id"].as_str().expect("an id"), &saved).ok();
    assert!(fs::read(&saved).expect("saved") == bytes(100_000));
    drop(relay);
}

#[test]
fn what_takes_space_is_shown_and_deleted_and_can_be_fetched_again() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.bin");
    fs::write(&file, bytes(500_000)).expect("written");
    let id = send(&ana, &bruno, &file);
    assert!(bruno.run(&["storage", "--json"]).ok().objects().is_empty());
    save(&bruno, &id, &folder.path().join("one")).ok();
    let taken = bruno.run(&["storage", "--json"]).ok().object();
    assert_eq!((&taken["with"], &taken["files"]), (&"ana".into(), &1.into()));
    bruno.run(&["storage", "--delete", "--json"]).refused(2, "usage");
    let gone = bruno.run(&["storage", "--older-than", "1d", "--delete", "--json"]).ok().object();
    assert_eq!(gone["deleted_files"], 0);
    let gone = bruno.run(&["storage", "--in", "ana", "--delete", "--json"]).ok().object();
    assert_eq!(gone["deleted_files"], 1);
    save(&bruno, &id, &folder.path().join("two")).ok();
    // A message that is deleted takes its file along.
    bruno.run(&["delete", &id]).ok();
    assert!(bruno.run(&["storage", "--json"]).ok().objects().is_empty());
    assert_eq!(
        fs::read_dir(bruno.profile.join("files"))
            .expect("a folder")
            .filter(|entry| { entry.as_ref().is_ok_and(|entry| entry.path().is_file()) })
            .count(),
        0
    );
}

#[test]
fn two_groups_of_one_name_each_have_a_row_of_their_own() {
    let relay = Relay::start(&[]);
    let (ana, _bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.bin");
    let mut ids = Vec::new();
    for size in [1000, 3000] {
        let group = ana.run(&["group", "create", "Trip", "--with", "bruno", "--json"]).ok().object();
        let id = group["id"].as_str().expect("an id").to_owned();
        fs::write(&file, bytes(size)).expect("written");
        ana.run(&["send", &format!("#{id}"), "--file", path(&file), "--json"]).ok();
        ids.push(id);
    }
    let rows = ana.run(&["storage", "--json"]).ok().objects();
    let shown: Vec<&str> = rows.iter().filter_map(|row| row["conversation"].as_str()).collect();
    assert_eq!(shown, [&ids[1], &ids[0]], "the largest first: {rows:?}");
    assert!(rows.iter().all(|row| row["files"] == 1), "{rows:?}");
    let told = ana.run(&["storage"]).ok().stdout;
    assert!(ids.iter().all(|id| told.contains(id)), "names alike are told apart: {told}");
}

#[test]
fn what_is_no_file_or_too_large_is_refused_before_anything_is_sent() {
    let relay = Relay::start(&[]);
    let (ana, _bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let large = folder.path().join("large");
    fs::File::create(&large).and_then(|file| file.set_len((2 << 30) + 1)).expect("a hole is a file");
    ana.run(&["send", "bruno", "--file", path(&large), "--json"]).refused(4, "too_large");
    ana.run(&["send", "bruno", "--file", path(folder.path()), "--json"]).refused(2, "usage");
    ana.run(&["send", "bruno", "--file", "/nowhere/at/all", "--json"]).refused(1, "io");
    ana.run(&["save", "00", "--json"]).refused(2, "usage");
    ana.run(&["save", &"0".repeat(32), "--json"]).refused(4, "no_such_message");
}

/// K-05: no file may become larger than 16 MiB here, as on a disk that is full.
#[cfg(unix)]
#[test]
fn k05_a_device_without_room_says_so_keeps_nothing_and_goes_on_when_there_is() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, saved) = (folder.path().join("a.bin"), folder.path().join("saved"));
    fs::write(&file, bytes(32 * MEGABYTE)).expect("written");
    let narrow = |person: &Person, args: &[&str]| {
        let command = person.command(args);
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 32768; exec \"$0\" \"$@\""]).arg(command.get_program());
        shell.args(command.get_args());
        command.get_envs().for_each(|(name, value)| match value {
            Some(value) => drop(shell.env(name, value)),
            None => drop(shell.env_remove(name)),
        });
        crate::process::run(&mut shell)
    };
    narrow(&ana, &["send", "bruno", "--file", path(&file), "--json"]).refused(8, "disk_full");
    assert_eq!(ana.read().len(), 2, "no message was made");
    let id = send(&ana, &bruno, &file);
    narrow(&bruno, &["save", &id, "--to", path(&saved), "--json"]).refused(8, "disk_full");
    assert!(!saved.exists());
    save(&bruno, &id, &saved).ok();
    assert!(fs::read(&saved).expect("saved") == bytes(32 * MEGABYTE));
}

#[test]
fn files_of_who_was_accepted_are_saved_as_they_come_up_to_a_size_and_nobody_elses() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let carla = relay.person("carla");
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("into");
    let old = folder.path().join("old.txt");
    fs::write(&old, "old").expect("written");
    send(&ana, &bruno, &old);
    let save = ["read", "--follow", "--json", "--save", path(&into), "--save-most", "1"];
    bruno.run(&save).refused(2, "usage");
    fs::create_dir(&into).expect("made");
    bruno.run(&["read", "--save", path(&into), "--json"]).refused(2, "usage");
    // What was here before is not what comes from now on.
    assert!(bruno.read().iter().any(|row| row["kind"] == "media"));
    let mut following = Running::start(&mut bruno.command(&save));
    until("what is here is shown", || (following.objects().len() >= 3).then_some(()));
    let (small, large) = (folder.path().join("photo.txt"), folder.path().join("large.bin"));
    fs::write(&small, "small").expect("written");
    fs::write(&large, bytes(2 * MEGABYTE)).expect("written");
    carla.run(&["send", "bruno", "--file", path(&small), "--json"]).ok();
    send(&ana, &bruno, &large);
    for _ in 0..2 {
        send(&ana, &bruno, &small);
    }
    let told = until("the small ones are saved", || {
        let told: Vec<Value> =
            following.objects().into_iter().filter(|row| row.get("saved").is_some()).collect();
        (told.len() >= 3).then_some(told)
    });
    let refused = told.iter().find(|row| row["saved"].is_null()).expect("the large one is told of");
    assert_eq!((&refused["name"], &refused["error"]), (&"large.bin".into(), &"too_large".into()));
    let mut names: Vec<_> =
        fs::read_dir(&into).expect("a folder").flatten().map(|it| it.file_name()).collect();
    names.sort();
    assert_eq!(names, ["photo (1).txt", "photo.txt"], "Carla waits to be accepted");
    assert_eq!(fs::read_to_string(into.join("photo.txt")).expect("saved"), "small");
    following.terminate();
    assert_eq!(following.ended(), 0);
}
