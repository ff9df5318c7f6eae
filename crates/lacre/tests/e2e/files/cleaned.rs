//! What files tell about who made them, and what is shown of them.

use std::fs;

use super::{bytes, pair, path, save, send};
use crate::process::Relay;

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
