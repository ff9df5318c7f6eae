//! Files from one terminal to another: over a relay that is killed on the way, altered there, on full disks, with
//! names that want to be elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

#[test]
fn what_a_picture_tells_about_its_maker_does_not_leave_the_device_and_a_preview_does() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, saved) = (folder.path().join("beach.png"), folder.path().join("saved"));
    let mut image = Vec::new();
    let mut encoder = png::Encoder::new(&mut image, 64, 48);
    encoder.set_color(png::ColorType::Rgb);
    let place = "38.7223 N 9.1393 W, camera of Ana";
    encoder.add_text_chunk("Comment".to_owned(), place.to_owned()).expect("a chunk");
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&bytes(64 * 48 * 3)).expect("pixels");
    writer.finish().expect("an image");
    assert!(image.windows(place.len()).any(|window| window == place.as_bytes()), "it is in there");
    fs::write(&file, &image).expect("written");
    let id = send(&ana, &bruno, &file);
    let row = bruno.read().pop().expect("it came");
    let shown = &row["content"]["files"][0];
    assert_eq!((&shown["width"], &shown["height"]), (&64.into(), &48.into()), "{shown}");
    assert!(shown["thumbnail_bytes"].as_u64() > Some(100), "{shown}");
    save(&bruno, &id, &saved).ok();
    let arrived = fs::read(&saved).expect("saved");
    assert!(!arrived.windows(place.len()).any(|window| window == place.as_bytes()), "it is still in there");
    // What cannot be cleaned is not sent by accident.
    let damaged = folder.path().join("damaged.png");
    fs::write(&damaged, &image[..200]).expect("written");
    ana.run(&["send", "bruno", "--file", path(&damaged), "--json"]).refused(4, "not_cleaned");
    let args = ["send", "bruno", "--file", path(&damaged), "--original", "--json"];
    ana.run(&args).ok();
}

/// A PNG image of more pixels than are decoded, with a text in it.
fn large_picture(text: &str) -> Vec<u8> {
    let chunk =
        |kind: &[u8; 4], data: &[u8]| [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat();
    let header = [&60_000_u32.to_be_bytes()[..], &60_000_u32.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let text = [b"Comment\0", text.as_bytes()].concat();
    let parts = [chunk(b"IHDR", &header), chunk(b"tEXt", &text), chunk(b"IDAT", b"x"), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat()
}

/// An MPEG-4 sound with a name in its user data.
fn sound(name: &str) -> Vec<u8> {
    let part =
        |kind: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat();
    let told = part(b"udta", &part(b"\xa9ART", name.as_bytes()));
    let moov = part(b"moov", &[part(b"mvhd", &[0; 100]), told].concat());
    [part(b"ftyp", b"M4A \0\0\0\0"), moov, part(b"mdat", &[7; 64])].concat()
}

#[test]
fn what_is_too_large_to_be_shown_or_is_heard_is_cleaned_too_and_what_cannot_be_is_said() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let secret = "38.7223 N 9.1393 W";
    for (name, made, original) in [
        ("wall.png", large_picture(secret), true),
        ("wall.png", large_picture(secret), false),
        ("spoken.m4a", sound(secret), false),
    ] {
        let (file, saved) = (folder.path().join(name), folder.path().join("saved"));
        fs::write(&file, &made).expect("written");
        let mut args = vec!["send", "bruno", "--file", path(&file), "--json"];
        args.extend(original.then_some("--original"));
        let sent = ana.run(&args).ok().objects().pop().expect("the message");
        bruno.read();
        save(&bruno, sent["id"].as_str().expect("an id"), &saved).ok();
        let arrived = fs::read(&saved).expect("saved");
        let is_in = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(is_in(&made) && !is_in(&arrived), "{name}, {original}");
        fs::remove_file(&saved).expect("it was saved");
    }
    // Of what is not understood the sender is told, in words.
    let song = folder.path().join("song.mp3");
    fs::write(&song, [&b"ID3\x04\0\0\0\0\0\0"[..], &[0; 64]].concat()).expect("written");
    let told = ana.run(&["send", "bruno", "--file", path(&song)]).ok();
    assert!(told.stderr.contains("may still tell who made it"), "{}", told.stderr);
    let row = ana.run(&["send", "bruno", "--file", path(&song), "--json"]).ok().objects().pop();
    let warnings = row.expect("the message")["warnings"].clone();
    assert!(warnings[0].as_str().is_some_and(|it| it.contains("may still tell who made it")), "{warnings}");
}

#[test]
fn a_voice_note_is_said_with_its_length_and_its_waves() {
    let relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, saved) = (folder.path().join("hello.wav"), folder.path().join("saved.ogg"));
    // Two seconds of a tone that grows louder.
    let samples = (0..96_000_u32).flat_map(|at| {
        let loud = f64::from(at) / 96_000.0 * 20_000.0;
        (((f64::from(at) * 0.06).sin() * loud) as i16).to_le_bytes()
    });
    let samples: Vec<u8> = samples.collect();
    let size = samples.len() as u32;
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + size).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&48_000_u32.to_le_bytes());
    wav.extend_from_slice(&96_000_u32.to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.extend_from_slice(&samples);
    fs::write(&file, wav).expect("written");
    let sent = ana.run(&["send", "bruno", "--voice", path(&file), "--json"]).ok().objects();
    let sent = sent.last().expect("the message");
    assert_eq!(sent["kind"], "voice");
    let row = bruno.read().pop().expect("it came");
    let length = row["content"]["duration_ms"].as_u64().expect("a length");
    assert!((1_900..2_100).contains(&length), "{length} ms");
    assert_eq!(row["content"]["waveform"].as_array().map(Vec::len), Some(64));
    save(&bruno, sent["id"].as_str().expect("an id"), &saved).ok();
    assert!(fs::read(&saved).expect("saved").starts_with(b"OggS"));
    let id = sent["id"].as_str().expect("an id");
    let heard = folder.path().join("heard.wav");
    bruno.run(&["save", id, "--wav", "--to", path(&heard), "--json"]).ok();
    let written = fs::read(&heard).expect("saved");
    assert!(written.starts_with(b"RIFF") && written.len() == 44 + samples.len(), "as long as it was");
    // What was saved is a voice note again.
    let again = ana.run(&["send", "bruno", "--voice", path(&saved), "--json"]).ok().objects();
    assert_eq!(again.last().expect("the message")["kind"], "voice");
    fs::write(&file, b"not a sound").expect("written");
    ana.run(&["send", "bruno", "--voice", path(&file), "--json"]).refused(4, "no_voice");
}

#[test]
fn who_sends_while_the_relay_is_away_keeps_the_file_sealed_until_it_is_back() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = pair(&relay);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.bin");
    fs::write(&file, bytes(100_000)).expect("written");
    relay.stop();
    ana.run(&["send", "bruno", "--file", path(&file), "--json"]).refused(3, "unreachable");
    fs::remove_file(&file).expect("the original may go");
    relay = relay.again();
    let _open = ana.follow();
    let row = until("the file", || bruno.read().into_iter().find(|row| row["kind"] == "media"));
    let saved = folder.path().join("saved");
    save(&bruno, row["id"].as_str().expect("an id"), &saved).ok();
    assert_eq!(fs::read(&saved).expect("saved"), bytes(100_000));
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
