//! Files from one terminal to another: over a relay that is killed on the way, altered there, on full disks, with
//! names that want to be elsewhere.

mod cleaned;
mod kept;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::{Person, Relay, Running, holds, until};

const MEGABYTE: usize = 1024 * 1024;

/// Bytes that no compression and no chance makes alike.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Ana and Bruno, who has accepted her.
fn pair(relay: &Relay) -> (Person, Person) {
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.send(&bruno, "hello");
    assert_eq!(bruno.texts_from(&ana), ["hello"]);
    bruno.send(&ana, "hello");
    (ana, bruno)
}

/// Sends a file; the id of its message.
#[track_caller]
fn send(from: &Person, to: &Person, file: &Path) -> String {
    let sent = from.run(&["send", to.name(), "--file", path(file), "--json"]).ok().objects();
    let message = sent.last().expect("the message is told at the end");
    assert_eq!((&message["kind"], &message["state"]), (&"media".into(), &"sent".into()), "{message}");
    message["id"].as_str().expect("a message has an id").to_owned()
}

fn save(person: &Person, id: &str, to: &Path) -> crate::process::Run {
    person.run(&["save", id, "--to", path(to), "--json"])
}

/// The one sealed file that a folder holds whole.
fn blob(folder: &Path) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push(path),
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_photo_and_its_caption_arrive_and_the_relay_sees_neither_name_nor_content() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (folder.path().join("plans.txt"), folder.path().join("notes.txt"));
    let secret = "the well is behind the third oak".repeat(50);
    fs::write(&one, &secret).expect("written");
    fs::write(&other, "b").expect("written");
    let args = ["send", "bruno", "--file", path(&one), path(&other), "--caption", "for you both", "--json"];
    let sent = ana.run(&args).ok().objects().pop().expect("the message");
    let id = sent["id"].as_str().expect("an id");
    assert_eq!(sent["content"]["files"].as_array().map(Vec::len), Some(2));

    let row = bruno.read().pop().expect("it came");
    assert_eq!(row["content"]["caption"], "for you both");
    assert_eq!(row["content"]["files"][0]["name"], "plans.txt");
    let into = folder.path().join("saved");
    fs::create_dir(&into).expect("made");
    save(&bruno, id, &into).ok();
    assert_eq!(fs::read_to_string(into.join("plans.txt")).expect("saved"), secret);
    assert_eq!(fs::read_to_string(into.join("notes.txt")).expect("saved"), "b");
    // Again: under another name, from what is here.
    save(&bruno, id, &into).ok();
    assert_eq!(fs::read_to_string(into.join("plans (1).txt")).expect("saved"), secret);
    save(&bruno, id, &into.join("plans.txt")).refused(2, "usage");
    let third = bruno.run(&["save", id, "--file", "3", "--to", path(&into), "--json"]);
    let third = third.refused(4, "no_such_file");
    assert!(third["message"].as_str().is_some_and(|why| why.contains("2 files")), "{third}");
    let one = bruno.run(&["save", id, "--file", "2", "--to", path(&into.join("notes.txt")), "--json"]);
    one.refused(4, "file_exists");
    for needle in ["third oak", "plans.txt", "for you both"] {
        assert!(!holds(&relay.data(), needle.as_bytes()), "{needle} is at the relay");
        assert!(!holds(&bruno.profile, needle.as_bytes()), "{needle} lies in the profile");
    }
    let listed = bruno.run(&["media", "ana", "--json"]).ok().objects();
    assert_eq!(listed.len(), 2);
    assert_eq!((&listed[0]["here"], &listed[0]["message"]), (&true.into(), &id.into()));
}

#[test]
fn a_file_of_64_megabytes_crosses_a_relay_that_is_killed_on_the_way_up_and_on_the_way_down() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, saved) = (folder.path().join("film.bin"), folder.path().join("saved.bin"));
    let film = bytes(64 * MEGABYTE + 77);
    fs::write(&file, &film).expect("written");
    // Slow enough for the relay to be killed under it.
    let args = ["send", "bruno", "--file", path(&file), "--json", "--max-rate", "16384", "--timeout", "60"];
    let mut sending = Running::start(&mut ana.command(&args));
    let is_past = |objects: &[Value], what: &str, least: u64| {
        objects.iter().any(|row| row["progress"] == what && row["done"].as_u64() > Some(least))
    };
    until("a third of the upload", || is_past(&sending.objects(), "sending", 20_000_000).then_some(()));
    relay.kill();
    relay = relay.again();
    assert_eq!(sending.ended(), 0, "{}", sending.stderr());
    let id = sending.objects().pop().expect("the message")["id"].as_str().expect("an id").to_owned();

    let args = ["save", &id, "--to", path(&saved), "--json", "--max-rate", "16384", "--timeout", "60"];
    let mut fetching = Running::start(&mut bruno.command(&args));
    until("a third of the download", || is_past(&fetching.objects(), "fetching", 20_000_000).then_some(()));
    // Both die: the reader's device and the relay.
    fetching.kill();
    relay.kill();
    assert!(!saved.exists(), "nothing is under the final name");
    relay = relay.again();
    let mut fetching = Running::start(&mut bruno.command(&args));
    assert_eq!(fetching.ended(), 0, "{}", fetching.stderr());
    let first = fetching.objects().into_iter().find(|row| row["progress"] == "fetching").expect("progress");
    assert!(first["done"].as_u64() > Some(10_000_000), "it goes on where it was: {first}");
    assert!(fs::read(&saved).expect("saved") == film, "byte for byte");
    drop(relay);
}

#[test]
fn w08_what_the_relay_alters_swaps_or_cuts_is_refused_and_nothing_of_it_is_kept() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, saved) = (folder.path().join("a.bin"), folder.path().join("saved.bin"));
    fs::write(&file, bytes(3 * MEGABYTE)).expect("written");
    let id = send(&ana, &bruno, &file);
    let blob = blob(&relay.data().join("blobs"));
    let good = fs::read(&blob).expect("it is there");
    let altered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let sealed = 64 * 1024 + 16;
    for (what, bytes) in [
        ("a flipped bit", altered(&|bytes| bytes[1_000_000] ^= 1)),
        ("another file", bytes(good.len())),
        (
            "chunks in each other's place",
            altered(&|bytes| {
                let first = bytes[..sealed].to_vec();
                bytes.copy_within(sealed..2 * sealed, 0);
                bytes[sealed..2 * sealed].copy_from_slice(&first);
            }),
        ),
        ("the end is missing", good[..good.len() - sealed].to_vec()),
        ("something was added", [&good[..], &[0; 100]].concat()),
    ] {
        fs::write(&blob, bytes).expect("altered");
        if what == "the end is missing" {
            // As if it broke off there: it is tried again, for as long as one likes.
            let args = ["save", &id, "--to", path(&saved), "--timeout", "3", "--json"];
            bruno.run(&args).refused(3, "too_slow");
            assert!(!saved.exists());
            continue;
        }
        let refused = save(&bruno, &id, &saved);
        if what == "something was added" {
            // What is beyond the end is not asked for.
            refused.ok();
            fs::remove_file(&saved).expect("it was saved");
            bruno.run(&["storage", "--in", "ana", "--delete"]).ok();
            continue;
        }
        refused.refused(4, "altered_file");
        assert!(!saved.exists(), "{what}: a part is under the final name");
        let left = fs::read_dir(bruno.profile.join("files/coming")).expect("a folder").count();
        assert_eq!(left, 0, "{what}: a part was kept");
    }
    fs::write(&blob, &good).expect("as it was");
    save(&bruno, &id, &saved).ok();
    assert_eq!(fs::read(&saved).expect("saved"), bytes(3 * MEGABYTE));
}

#[test]
fn what_the_relay_keeps_no_longer_is_said_so() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.bin");
    fs::write(&file, bytes(1000)).expect("written");
    let id = send(&ana, &bruno, &file);
    let blob = blob(&relay.data().join("blobs"));
    // Another stays: a place without any is one that lies elsewhere.
    let other = folder.path().join("b.bin");
    fs::write(&other, bytes(2000)).expect("written");
    send(&ana, &bruno, &other);
    fs::remove_file(&blob).or_else(|_| fs::remove_dir_all(&blob)).expect("it goes");
    let _ = fs::remove_dir_all(blob.parent().expect("a folder of parts"));
    save(&bruno, &id, &folder.path().join("saved")).refused(4, "file_gone");
    // Who runs the relay sees it as soon as the data can be asked.
    let doctor = |relay: &Relay| {
        crate::process::run(crate::process::lacre().args(["doctor", "--json", "--data"]).arg(relay.data()))
    };
    let of = |told: &Value, name: &str| {
        let checks = told["checks"].as_array().expect("checks").clone();
        checks.into_iter().find(|check| check["name"] == name).unwrap_or_default()
    };
    let running = doctor(&relay).object();
    assert!(of(&running, "files")["found"].as_str().is_some_and(|it| it.contains("the relay runs")));
    relay.stop();
    let stopped = doctor(&relay);
    stopped.refused(10, "unhealthy");
    assert_eq!(of(&stopped.object(), "lost files")["verdict"], "bad");
    let _relay = relay.again();
    // Who sent it has it.
    save(&ana, &id, &folder.path().join("own")).ok();
}

#[test]
fn w07_a_name_that_wants_to_be_elsewhere_is_saved_here() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("into");
    fs::create_dir(&into).expect("made");
    // The sender's own app makes its names safe as well; what one system takes for a name another does not.
    for (given, safe) in
        [("..\\..\\evil.txt", "evil.txt"), ("CON.txt", "_CON.txt"), ("photo\u{202e}gpj.exe", "photogpj.exe")]
    {
        let file = folder.path().join(given);
        fs::write(&file, "x").expect("written");
        let id = send(&ana, &bruno, &file);
        let saved = save(&bruno, &id, &into).ok().objects().pop().expect("it tells");
        assert_eq!(saved["saved"], path(&into.join(safe)), "{given:?}");
    }
}

/// A folder's name that is no text: JSON has it as well as it goes.
#[cfg(target_os = "linux")]
#[test]
fn what_is_saved_into_a_folder_whose_name_is_no_text_is_told_of() {
    use std::os::unix::ffi::OsStrExt;
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, into) =
        (folder.path().join("a.txt"), folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")));
    fs::write(&file, "x").expect("written");
    fs::create_dir(&into).expect("made");
    let id = send(&ana, &bruno, &file);
    let saved = crate::process::run(bruno.command(&["save", &id, "--json", "--to"]).arg(&into)).ok();
    let saved = saved.objects().pop().expect("it tells");
    assert!(saved["saved"].as_str().is_some_and(|path| path.ends_with("a.txt")), "{saved}");
    assert!(into.join("a.txt").exists());
}

#[test]
fn a_program_that_looks_like_a_picture_is_saved_with_a_warning() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("holiday.jpg");
    fs::write(&file, [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 200]].concat()).expect("written");
    let id = send(&ana, &bruno, &file);
    let told = save(&bruno, &id, &folder.path().join("saved")).ok().objects().pop().expect("it tells");
    assert_eq!(told["verdict"], "dangerous", "{told}");
}
