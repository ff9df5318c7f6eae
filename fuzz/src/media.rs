//! Pictures, videos and sounds.

use std::io::{Cursor, Read};

use lacre_media::Edited;
use lacre_media::picture::{self, Decoded, Pixels, decode, resized, strip, thumbnail, unblur};
use lacre_media::video::examine;
use lacre_media::voice::{self, Note, RATE, Recorder};

/// The largest picture that is made smaller here: what is fuzzed is the reading.
const PIXELS: u32 = 1 << 16;

/// A picture: what is stripped is clean, what is decoded has a thumbnail.
pub fn image_strip(bytes: &[u8]) {
    if let Ok(stripped) = strip(bytes) {
        assert_eq!(strip(&stripped), Ok(stripped.clone()));
    }
    if let Ok(decoded) = decode(bytes)
        && decoded.pixels.width() * decoded.pixels.height() <= PIXELS
    {
        assert!(thumbnail(&decoded.pixels).len() <= picture::THUMBNAIL);
    }
    let _ = unblur(bytes);
}

/// A video: what is cleaned is as long as it was.
pub fn mp4_strip(bytes: &[u8]) {
    if let Ok(video) = examine(&mut Cursor::new(bytes)) {
        let mut clean = Vec::new();
        let mut edited = Edited::new(Cursor::new(bytes), video.edits).expect("memory can be read");
        edited.read_to_end(&mut clean).expect("memory can be read");
        assert_eq!(clean.len(), bytes.len());
    }
}

/// A voice note: it is not longer than its packets say.
pub fn ogg_opus(bytes: &[u8]) {
    if let (Ok(samples), Ok(milliseconds)) = (voice::decode(bytes), voice::duration(bytes)) {
        assert!(samples.len() as u64 * 1000 / u64::from(RATE) <= u64::from(milliseconds));
    }
}

/// A WAV file, as a note.
pub fn wav(bytes: &[u8]) {
    if let Ok(note) = Note::from_wav(Cursor::new(bytes)) {
        assert_eq!(voice::duration(&note.bytes), Ok(note.duration_ms));
    }
}

/// What a target of this name begins with.
pub fn media_seeds(target: &str) -> Vec<Vec<u8>> {
    let samples: Vec<i16> = (0..4800).map(|at| (at % 97 * 300) as i16).collect();
    match target {
        "image_strip" => pictures(),
        "mp4_strip" => vec![video()],
        "ogg_opus" => {
            let mut recorder = Recorder::new().expect("an encoder");
            recorder.push_whole(&samples).expect("it is short");
            vec![recorder.finish().expect("a note").bytes]
        }
        _ => vec![voice::wav::write(&samples, RATE), voice::wav::write(&samples, 8_000)],
    }
}

fn pictures() -> Vec<Vec<u8>> {
    let made = |channels: usize| {
        let bytes = (0..16 * 16 * channels).map(|at| (at * 7) as u8).collect();
        let pixels = Pixels::new(16, 16, channels, bytes).expect("as many as needed");
        resized(&Decoded { pixels, profile: None, moves: false, upright: true }).0
    };
    let gif = b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff!\xfe\x01a\0,\0\0\0\0\x02\0\x02\0\0\x02\x03\x44\x02\x05\0;";
    let webp = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";
    vec![made(3), made(4), gif.to_vec(), webp.to_vec()]
}

fn video() -> Vec<u8> {
    let part =
        |name: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat();
    let hdlr = part(b"hdlr", b"\0\0\0\0\0\0\0\0meta\0\0\0\0\0\0\0\0\0\0\0\0name\0");
    let stbl = [
        part(b"stsc", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]),
        part(b"stsz", &[0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1]),
        part(b"stco", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 20]),
    ];
    let mdia = part(b"mdia", &[hdlr, part(b"minf", &part(b"stbl", &stbl.concat()))].concat());
    let moov = [part(b"mvhd", &[0; 100]), part(b"trak", &mdia), part(b"udta", b"place")].concat();
    [part(b"ftyp", b"isom"), part(b"mdat", b"data"), part(b"moov", &moov), part(b"uuid", b"xmp")].concat()
}
