//! Ana records and hears voice notes, without a microphone.

use std::path::Path;

use super::process::{lacre, run};

/// A WAV file of a second of a tone that gets louder: 8 kHz, two channels.
pub fn wav(path: &Path) {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
    bytes.extend(8_000u32.to_le_bytes());
    bytes.extend(32_000u32.to_le_bytes());
    bytes.extend(b"\x04\0\x10\0data");
    bytes.extend(32_000u32.to_le_bytes());
    for at in 0..8_000i32 {
        let value = ((at % 40 - 20) * at / 8) as i16;
        bytes.extend([value.to_le_bytes(), value.to_le_bytes()].concat());
    }
    std::fs::write(path, bytes).expect("the folder can be written");
}

#[test]
fn a_voice_note_is_made_of_a_wav_file_and_is_one_again_as_fast_as_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    wav(&folder.path().join("said.wav"));
    let voice = |args: &[&str]| run(lacre().arg("voice").args(args));

    let made = voice(&["record", &at("note.opus"), "--from", &at("said.wav"), "--json"]).ok().object();
    assert_eq!(made["duration_ms"], 1000);
    assert_eq!(made["waveform"].as_array().map(Vec::len), Some(64));
    assert!(made["size"].as_u64().is_some_and(|size| (500..6_000).contains(&size)), "{made}");

    let slow = voice(&["play", &at("note.opus"), "--to", &at("slow.wav"), "--json"]).ok().object();
    let fast =
        voice(&["play", &at("note.opus"), "--to", &at("fast.wav"), "--speed", "2", "--json"]).ok().object();
    assert_eq!(slow["duration_ms"], 1000);
    assert!(fast["duration_ms"].as_u64().is_some_and(|took| (480..600).contains(&took)), "{fast}");
    let size = |name| std::fs::metadata(folder.path().join(name)).expect("it was written").len();
    assert_eq!(size("slow.wav"), 44 + 96_000);
    assert!(size("fast.wav") < 44 + 58_000);

    let shown = voice(&["record", &at("again.opus"), "--from", &at("slow.wav")]).ok().stdout;
    assert!(shown.contains("0:01") && shown.contains('█') && shown.contains('▁'), "{shown}");
}

/// A name that is no text: JSON has it as well as it goes.
#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_name_is_no_text_is_written_and_told_of() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    wav(&at(b"said.wav"));
    let (note, sound) = (at(b"caf\xe9.opus"), at(b"caf\xe9.wav"));
    let recorded =
        run(lacre().args(["voice", "--json", "record"]).arg(&note).arg("--from").arg(at(b"said.wav")));
    let played = run(lacre().args(["voice", "--json", "play"]).arg(&note).arg("--to").arg(&sound));
    for (told, name) in [(recorded.ok().object(), "recorded"), (played.ok().object(), "written")] {
        assert!(told[name].as_str().is_some_and(|path| path.contains("caf")), "{told}");
    }
    assert!(note.exists() && sound.exists());
}

#[test]
fn what_is_no_sound_or_would_overwrite_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    wav(&folder.path().join("said.wav"));
    std::fs::write(folder.path().join("text"), "no sound at all").expect("the folder can be written");
    let voice = |args: &[&str]| run(lacre().arg("voice").args(args).arg("--json"));

    voice(&["record", &at("new.opus"), "--from", &at("text")]).refused(4, "not_a_sound");
    assert!(!folder.path().join("new.opus").exists(), "nothing is left behind");
    voice(&["record", &at("text"), "--from", &at("said.wav")]).refused(4, "file_exists");
    // Where there is no place for it, nobody speaks for nothing.
    let refused = voice(&["record", &at("no/new.opus"), "--from", &at("nothing")]).refused(1, "io");
    assert!(refused["message"].as_str().is_some_and(|why| why.contains("new.opus")), "{refused}");
    voice(&["play", &at("said.wav"), "--to", &at("x.wav")]).refused(4, "not_a_sound");
    voice(&["play", &at("nothing"), "--to", &at("x.wav")]).refused(1, "io");
    voice(&["play", &at("text"), "--to", &at("x.wav"), "--speed", "3"]).refused(2, "usage");
    assert_eq!(std::fs::read(folder.path().join("text")).expect("it is there"), b"no sound at all");
}
