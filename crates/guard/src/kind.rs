//! What a file is, by its content.

use crate::active;

/// What a file is, as its first bytes say (and, where a format is known by them, its last).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are those of the formats")]
pub enum Kind {
    Jpeg,
    Png,
    Gif,
    Webp,
    Bmp,
    Tiff,
    Heif,
    Avif,
    JpegXl,
    Icon,
    Svg,
    Mp4,
    QuickTime,
    Matroska,
    Avi,
    MpegStream,
    Mp3,
    Ogg,
    Flac,
    Wav,
    M4a,
    Aac,
    Amr,
    Midi,
    Pdf,
    PostScript,
    Rtf,
    /// An older Office document, or anything else in an OLE compound file.
    Ole,
    OneNote,
    /// A newer Office document: a ZIP by the rules of OOXML.
    Ooxml,
    /// An OpenDocument text, table or presentation.
    OpenDocument,
    Epub,
    Zip,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    SevenZip,
    Rar,
    Tar,
    Cabinet,
    /// An image of a disk: ISO 9660, or Apple's.
    Disk,
    /// A Windows program or library.
    Pe,
    Elf,
    MachO,
    JavaClass,
    /// A Java archive.
    Jar,
    /// An Android package.
    Apk,
    Dex,
    Wasm,
    /// An installer package: MSI, Debian, RPM, macOS.
    Installer,
    /// A Windows shortcut.
    Shortcut,
    /// A compiled help file of Windows, which runs script.
    Help,
    Flash,
    /// Text that begins with `#!`, or an entry that starts a program.
    Script,
    Html,
    Text,
    /// None of these.
    Unknown,
    Empty,
}

/// What a kind is good for, and what may happen when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// A picture.
    Image,
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
    /// A document to read.
    Document,
    /// Plain text.
    Text,
    /// A container of other files.
    Archive,
    /// A page that runs script in a browser.
    Web,
    /// It runs.
    Program,
    /// Nothing is known about it.
    Other,
}

impl Kind {
    /// The kind of a file that begins and ends with these bytes. ZIP files are told apart further by their
    /// directory; see [`crate::Facts::kind`].
    pub fn of(start: &[u8], end: &[u8]) -> Self {
        if start.is_empty() {
            return Self::Empty;
        }
        let by_magic =
            MAGIC.iter().find(|(at, magic, _)| start.get(*at..).is_some_and(|b| b.starts_with(magic)));
        if let Some((_, _, kind)) = by_magic {
            return *kind;
        }
        if let Some(kind) = container(start).or_else(|| apple_disk(end)).or_else(|| frames(start)) {
            return kind;
        }
        text(start)
    }

    /// What it is good for.
    pub fn family(self) -> Family {
        self.row().0
    }

    /// Its media type; what it is shown by, whatever was declared.
    pub fn mime(self) -> &'static str {
        self.row().1
    }

    /// What people call it, with its article.
    pub fn called(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Family, &'static str, &'static str) {
        use Family::{Archive, Audio, Document, Image, Other, Program, Video, Web};
        match self {
            Self::Jpeg => (Image, "image/jpeg", "a JPEG picture"),
            Self::Png => (Image, "image/png", "a PNG picture"),
            Self::Gif => (Image, "image/gif", "a GIF picture"),
            Self::Webp => (Image, "image/webp", "a WebP picture"),
            Self::Bmp => (Image, "image/bmp", "a BMP picture"),
            Self::Tiff => (Image, "image/tiff", "a TIFF picture"),
            Self::Heif => (Image, "image/heif", "a HEIF picture"),
            Self::Avif => (Image, "image/avif", "an AVIF picture"),
            Self::JpegXl => (Image, "image/jxl", "a JPEG XL picture"),
            Self::Icon => (Image, "image/vnd.microsoft.icon", "an icon"),
            Self::Svg => (Image, "image/svg+xml", "an SVG drawing"),
            Self::Mp4 => (Video, "video/mp4", "an MP4 video"),
            Self::QuickTime => (Video, "video/quicktime", "a QuickTime video"),
            Self::Matroska => (Video, "video/x-matroska", "a Matroska video"),
            Self::Avi => (Video, "video/vnd.avi", "an AVI video"),
            Self::MpegStream => (Video, "video/mpeg", "an MPEG video"),
            Self::Mp3 => (Audio, "audio/mpeg", "an MP3 sound"),
            Self::Ogg => (Audio, "audio/ogg", "an Ogg sound"),
            Self::Flac => (Audio, "audio/flac", "a FLAC sound"),
            Self::Wav => (Audio, "audio/vnd.wave", "a WAV sound"),
            Self::M4a => (Audio, "audio/mp4", "an MPEG-4 sound"),
            Self::Aac => (Audio, "audio/aac", "an AAC sound"),
            Self::Amr => (Audio, "audio/AMR", "an AMR sound"),
            Self::Midi => (Audio, "audio/midi", "a MIDI file"),
            Self::Pdf => (Document, "application/pdf", "a PDF document"),
            Self::PostScript => (Document, "application/postscript", "a PostScript document"),
            Self::Rtf => (Document, "application/rtf", "an RTF document"),
            Self::Ole => (Document, "application/x-ole-storage", "an older Office document"),
            Self::OneNote => (Document, "application/onenote", "a OneNote document"),
            Self::Ooxml => (Document, "application/vnd.openxmlformats-officedocument", "an Office document"),
            Self::OpenDocument => (Document, "application/vnd.oasis.opendocument", "an OpenDocument file"),
            Self::Epub => (Document, "application/epub+zip", "an e-book"),
            Self::Text => (Family::Text, "text/plain", "plain text"),
            Self::Zip => (Archive, "application/zip", "a ZIP archive"),
            Self::Gzip => (Archive, "application/gzip", "a gzip archive"),
            Self::Bzip2 => (Archive, "application/x-bzip2", "a bzip2 archive"),
            Self::Xz => (Archive, "application/x-xz", "an XZ archive"),
            Self::Zstd => (Archive, "application/zstd", "a Zstandard archive"),
            Self::SevenZip => (Archive, "application/x-7z-compressed", "a 7-Zip archive"),
            Self::Rar => (Archive, "application/vnd.rar", "a RAR archive"),
            Self::Tar => (Archive, "application/x-tar", "a tar archive"),
            Self::Cabinet => (Archive, "application/vnd.ms-cab-compressed", "a Cabinet archive"),
            Self::Disk => (Archive, "application/x-iso9660-image", "an image of a disk"),
            Self::Html => (Web, "text/html", "a web page"),
            Self::Pe => (Program, "application/vnd.microsoft.portable-executable", "a Windows program"),
            Self::Elf => (Program, "application/x-executable", "a Linux program"),
            Self::MachO => (Program, "application/x-mach-binary", "a macOS program"),
            Self::JavaClass => (Program, "application/java-vm", "a Java program"),
            Self::Jar => (Program, "application/java-archive", "a Java program"),
            Self::Apk => (Program, "application/vnd.android.package-archive", "an Android app"),
            Self::Dex => (Program, "application/x-dex", "an Android program"),
            Self::Wasm => (Program, "application/wasm", "a WebAssembly program"),
            Self::Installer => (Program, "application/x-installer", "an installer"),
            Self::Shortcut => (Program, "application/x-ms-shortcut", "a shortcut that starts a program"),
            Self::Help => (Program, "application/vnd.ms-htmlhelp", "a Windows help file"),
            Self::Flash => (Program, "application/vnd.adobe.flash.movie", "a Flash program"),
            Self::Script => (Program, "text/x-script", "a script"),
            Self::Unknown => (Other, "application/octet-stream", "of an unknown kind"),
            Self::Empty => (Other, "application/octet-stream", "empty"),
        }
    }
}

/// Where a magic stands, its bytes, and what it says. The first that is found counts.
const MAGIC: &[(usize, &[u8], Kind)] = &[
    (0, b"\xff\xd8\xff", Kind::Jpeg),
    (0, b"\x89PNG\r\n\x1a\n", Kind::Png),
    (0, b"GIF87a", Kind::Gif),
    (0, b"GIF89a", Kind::Gif),
    (0, b"II*\0", Kind::Tiff),
    (0, b"MM\0*", Kind::Tiff),
    (0, b"\xff\x0a", Kind::JpegXl),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", Kind::JpegXl),
    (0, b"\0\0\x01\0", Kind::Icon),
    (0, b"\x1aE\xdf\xa3", Kind::Matroska),
    (0, b"\0\0\x01\xba", Kind::MpegStream),
    (0, b"\0\0\x01\xb3", Kind::MpegStream),
    (0, b"ID3", Kind::Mp3),
    (0, b"OggS", Kind::Ogg),
    (0, b"fLaC", Kind::Flac),
    (0, b"#!AMR", Kind::Amr),
    (0, b"MThd", Kind::Midi),
    (0, b"%PDF-", Kind::Pdf),
    (0, b"%!PS", Kind::PostScript),
    (0, b"{\\rt", Kind::Rtf),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", Kind::OneNote),
    (0, b"PK\x03\x04", Kind::Zip),
    (0, b"PK\x05\x06", Kind::Zip),
    (0, b"PK\x07\x08", Kind::Zip),
    (0, b"\x1f\x8b", Kind::Gzip),
    (0, b"BZh", Kind::Bzip2),
    (0, b"\xfd7zXZ\0", Kind::Xz),
    (0, b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (0, b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    (0, b"Rar!\x1a\x07", Kind::Rar),
    (257, b"ustar", Kind::Tar),
    (0, b"MSCF", Kind::Cabinet),
    (32769, b"CD001", Kind::Disk),
    (0, b"\x7fELF", Kind::Elf),
    (0, b"\xfe\xed\xfa\xce", Kind::MachO),
    (0, b"\xfe\xed\xfa\xcf", Kind::MachO),
    (0, b"\xce\xfa\xed\xfe", Kind::MachO),
    (0, b"\xcf\xfa\xed\xfe", Kind::MachO),
    (0, b"\xca\xfe\xba\xbe\0\0\0", Kind::MachO),
    (0, b"\xca\xfe\xba\xbe", Kind::JavaClass),
    (0, b"dex\n", Kind::Dex),
    (0, b"\0asm", Kind::Wasm),
    (0, b"!<arch>\ndebian-binary", Kind::Installer),
    (0, b"\xed\xab\xee\xdb", Kind::Installer),
    (0, b"xar!", Kind::Installer),
    (0, b"L\0\0\0\x01\x14\x02\0", Kind::Shortcut),
    (0, b"ITSF", Kind::Help),
    (0, b"FWS", Kind::Flash),
    (0, b"CWS", Kind::Flash),
    (0, b"ZWS", Kind::Flash),
];

/// Kinds whose magic has a length in it or a name after it.
fn container(start: &[u8]) -> Option<Kind> {
    match (start.get(..4)?, start.get(8..12)) {
        (b"RIFF", Some(b"WEBP")) => Some(Kind::Webp),
        (b"RIFF", Some(b"WAVE")) => Some(Kind::Wav),
        (b"RIFF", Some(b"AVI ")) => Some(Kind::Avi),
        ([b'B', b'M', ..], _) if start.get(6..10)? == [0; 4] => Some(Kind::Bmp),
        ([b'M', b'Z', ..], _) => Some(Kind::Pe),
        _ => match (start.get(4..8)?, start.get(8..12)?) {
            (b"ftyp", b"qt  ") => Some(Kind::QuickTime),
            (b"ftyp", b"heic" | b"heix" | b"mif1" | b"hevc" | b"heim" | b"msf1") => Some(Kind::Heif),
            (b"ftyp", b"avif" | b"avis") => Some(Kind::Avif),
            (b"ftyp", b"M4A " | b"M4B " | b"M4P ") => Some(Kind::M4a),
            (b"ftyp", _) => Some(Kind::Mp4),
            (b"moov" | b"mdat" | b"wide", _) => Some(Kind::QuickTime),
            _ => None,
        },
    }
}

/// Apple's disk images are known by their last 512 bytes.
fn apple_disk(end: &[u8]) -> Option<Kind> {
    let trailer = end.len().checked_sub(512)?;
    end[trailer..].starts_with(b"koly").then_some(Kind::Disk)
}

/// Sounds that begin with a frame: MPEG audio layer III, and AAC in ADTS.
fn frames(start: &[u8]) -> Option<Kind> {
    match start {
        [0xff, second, third, ..] if second & 0xf6 == 0xf0 && third & 0x3c != 0x3c => Some(Kind::Aac),
        [0xff, second, third, ..]
            if second & 0xe6 == 0xe2 && third & 0xf0 != 0xf0 && third & 0x0c != 0x0c =>
        {
            Some(Kind::Mp3)
        }
        _ => None,
    }
}

/// Text, and what is written in text and does more than be read.
fn text(start: &[u8]) -> Kind {
    let Some(text) = as_text(start) else { return Kind::Unknown };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let head: String = text.chars().take(4096).collect::<String>().to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| head.starts_with(word));
    if text.starts_with("#!") || begins(&STARTS) {
        Kind::Script
    } else if active::root(text).is_some_and(|name| name.eq_ignore_ascii_case("svg")) {
        Kind::Svg
    } else if begins(&HTML)
        || head.starts_with('<') && head.contains("<html")
        || begins(&MARKUP) && active::page(text)
    {
        Kind::Html
    } else {
        Kind::Text
    }
}

/// What begins a text that starts a program, or changes a system, when it is opened.
const STARTS: [&str; 5] =
    ["[desktop entry]", "[internetshortcut]", "<?php", "windows registry editor", "regedit4"];

/// What a browser takes for a page (WHATWG MIME sniffing §7.1, and what phishing pages begin with).
const HTML: [&str; 10] =
    ["<!doctype html", "<html", "<head", "<script", "<iframe", "<body", "<style", "<title", "<meta", "<form"];

/// What pages begin with, and honest texts in Markdown too: something more must be in it.
const MARKUP: [&str; 8] = ["<div", "<table", "<h1", "<a ", "<p>", "<p ", "<img ", "<br"];

/// The bytes as text. Controls are no text.
fn as_text(start: &[u8]) -> Option<String> {
    let control = |c: char| matches!(c, '\0'..='\x08' | '\x0e'..='\x1a' | '\x1c'..='\x1f' | '\x7f');
    Some(decoded(start)).filter(|text| !text.contains(control))
}

/// The bytes as they are read when they are text: UTF-8 that may be cut at its end, UTF-16 with its mark or as XML is
/// known in it (XML 1.0 appendix F), or one byte a character.
pub fn decoded(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [b'<', 0, b'?' | b'!' | b'a'..=b'z' | b'A'..=b'Z', 0, ..] => wide(bytes, u16::from_le_bytes),
        [0, b'<', 0, b'?' | b'!' | b'a'..=b'z' | b'A'..=b'Z', ..] => wide(bytes, u16::from_be_bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) if error.error_len().is_none() => {
                String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
            }
            // Older encodings: text when it is not binary.
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        },
    }
}
