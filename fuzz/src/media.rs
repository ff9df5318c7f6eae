//! Pictures, videos and sounds.

use std::io::{Cursor, Read};

use lacre_guard::Facts;
use lacre_media::picture::{self, Decoded, Pixels, decode, heif, resized, strip, thumbnail, unblur};
use lacre_media::video::examine;
use lacre_media::voice::{self, Note, RATE, Recorder};
use lacre_media::{Edited, document};

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

/// A HEIC or AVIF picture: what is cleaned is as long as it was, and clean.
pub fn heif_strip(bytes: &[u8]) {
    if let Ok(still) = heif::clean(bytes) {
        assert_eq!(still.bytes.len(), bytes.len());
        let again = heif::clean(&still.bytes).expect("what was cleaned is a picture");
        assert!(again.bytes == still.bytes, "cleaned again it is the same");
    }
}

/// A document of any kind: what is cleaned is as long as it was, and of the same kind.
pub fn document_clean(bytes: &[u8]) {
    let gather = |file: &[u8]| Facts::gather("a", None, &mut Cursor::new(file)).expect("memory can be read");
    let facts = gather(bytes);
    let cleaned = document::clean(&facts, &mut Cursor::new(bytes)).expect("memory can be read");
    let mut clean = Vec::new();
    let mut edited = Edited::new(Cursor::new(bytes), cleaned.edits).expect("memory can be read");
    edited.read_to_end(&mut clean).expect("memory can be read");
    assert_eq!(clean.len(), bytes.len());
    assert_eq!(gather(&clean).kind(), facts.kind());
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
        "heif_strip" => vec![still()],
        "document_clean" => documents(),
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

fn documents() -> Vec<Vec<u8>> {
    let pdf =
        b"%PDF-1.7\n<< /Author (Ana \\(A\\) (x)) /Producer <416e61> /ModDate 5 0 R >>\n<?xpacket begin='x'?>\
        <x/><?xpacket end='w'?>\n/ByteRange\n/Encrypt\n/ObjStm\n%%EOF";
    let open = b"%PDF-1.7\n/Author(/Author(<?xpacket begin/Creator<";
    let (core, names) = ("<x/>".repeat(60), "<w:ins w:author='Ana'/>".repeat(4));
    let (core, names) = (core.as_str(), names.as_str());
    let picture = "\0Exif\0\0";
    let office = [
        ("[Content_Types].xml", "<x/>"),
        ("docProps/core.xml", core),
        ("word/document.xml", names),
        ("word/media/a.jpg", picture),
    ];
    let mime = ("mimetype", "application/vnd.oasis.opendocument.text");
    let open_document = [mime, ("content.xml", "<x/>"), ("meta.xml", core)];
    let signed = [mime, ("META-INF/documentsignatures.xml", "<x/>")];
    vec![pdf.to_vec(), open.to_vec(), zip(&office), zip(&open_document), zip(&signed), b"{\\rtf1}".to_vec()]
}

/// An archive of these files: the first stored, the others packed as deflate packs what it does not make smaller.
fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (number, (name, text)) in files.iter().enumerate() {
        let length = text.len() as u16;
        let (method, data) = match number {
            0 => (0u16, text.as_bytes().to_vec()),
            _ => (8, [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), text.as_bytes()].concat()),
        };
        let sums = [0, data.len() as u32, u32::from(length)].map(u32::to_le_bytes).concat();
        let at = bytes.len() as u32;
        let head =
            [&[20, 0, 0, 0][..], &method.to_le_bytes(), &[0; 4], &sums, &(name.len() as u16).to_le_bytes()]
                .concat();
        bytes.extend([&b"PK\x03\x04"[..], &head[..], &[0; 2], name.as_bytes(), &data].concat());
        directory.extend(
            [&b"PK\x01\x02\x14\0"[..], &head[..], &[0; 12], &at.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let (at, length, count) =
        (bytes.len() as u32, directory.len() as u32, (files.len() as u16).to_le_bytes());
    let numbers = [&count[..], &count, &length.to_le_bytes(), &at.to_le_bytes(), &[0; 2]].concat();
    [&bytes[..], &directory, b"PK\x05\x06\0\0\0\0", &numbers].concat()
}

/// A picture of one coded item, with Exif, in `mdat` and `idat`.
fn still() -> Vec<u8> {
    let part =
        |name: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat();
    let full = |name, version, body: &[u8]| part(name, &[&[version, 0, 0, 0][..], body].concat());
    let entry = |id, kind: &[u8; 4]| full(b"infe", 2, &[&[0, id, 0, 0][..], kind, b"name\0"].concat());
    let ispe = full(b"ispe", 0, &[0, 0, 0, 64, 0, 0, 0, 48]);
    let ipco = part(b"ipco", &[ispe, part(b"irot", &[1]), part(b"colr", b"profxxxx")].concat());
    let iprp = part(b"iprp", &[ipco, full(b"ipma", 0, &[0, 0, 0, 1, 0, 1, 2, 1, 0x82])].concat());
    let meta = |data: u32| {
        let place = data.to_be_bytes();
        let first = [&[0, 1, 0, 0, 0, 0, 0, 1][..], &place, &[0, 0, 0, 4]].concat();
        let second = [0, 2, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20];
        let parts = [
            full(b"hdlr", 0, b"\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0name\0"),
            full(b"pitm", 0, &[0, 1]),
            full(b"iloc", 1, &[&[0x44, 0, 0, 2][..], &first, &second].concat()),
            full(b"iinf", 0, &[&[0, 2][..], &entry(1, b"hvc1"), &entry(2, b"Exif")].concat()),
            full(b"iref", 0, &part(b"cdsc", &[0, 2, 0, 1, 0, 1])),
            iprp.clone(),
            part(b"idat", &[7; 20]),
        ];
        full(b"meta", 0, &parts.concat())
    };
    let ftyp = part(b"ftyp", b"heic\0\0\0\0");
    let begins = ftyp.len() + meta(0).len() + 8;
    [ftyp, meta(begins as u32), part(b"mdat", b"datarest")].concat()
}
