//! What file names promise: which content belongs to an extension or a declared type, and which extensions run.

use crate::kind::{Family, Kind};

/// The extension, in lower case and without its dot; `None` when the name has none. Dots and spaces at the end
/// do not count: Windows drops them when it opens the file.
pub fn of(name: &str) -> Option<String> {
    let name = name.trim_end_matches(['.', ' ']);
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.trim().to_lowercase())
}

/// The extension before the last one.
pub fn inner(name: &str) -> Option<String> {
    let name = name.trim_end_matches(['.', ' ']);
    of(name.rsplit_once('.')?.0)
}

/// Whether a system runs what has this extension, or lets it decide what runs.
pub fn runs(extension: &str) -> bool {
    RUNS.iter().any(|(_, list)| list.contains(&extension))
}

/// Whether this is an Office document that may hold macros by its name.
pub fn macros(extension: &str) -> bool {
    const MACROS: [&str; 15] = [
        "docm", "dotm", "xlsm", "xltm", "xlam", "xlsb", "pptm", "potm", "ppam", "ppsm", "sldm", "xla", "ppa",
        "wll", "xll",
    ];
    MACROS.contains(&extension)
}

/// Extensions that run, by the system that runs them.
const RUNS: &[(&str, &[&str])] = &[
    (
        "windows",
        &[
            "exe",
            "com",
            "scr",
            "pif",
            "bat",
            "cmd",
            "ps1",
            "ps1xml",
            "ps2",
            "psc1",
            "psd1",
            "psm1",
            "vb",
            "vbe",
            "vbs",
            "js",
            "jse",
            "ws",
            "wsf",
            "wsh",
            "wsc",
            "sct",
            "msi",
            "msp",
            "mst",
            "msix",
            "msixbundle",
            "appx",
            "appxbundle",
            "appinstaller",
            "msc",
            "cpl",
            "dll",
            "ocx",
            "sys",
            "drv",
            "lnk",
            "url",
            "scf",
            "reg",
            "inf",
            "hta",
            "chm",
            "hlp",
            "gadget",
            "application",
            "appref-ms",
            "jnlp",
            "xbap",
            "settingcontent-ms",
            "library-ms",
            "search-ms",
            "searchconnector-ms",
            "theme",
            "themepack",
            "diagcab",
            "mshxml",
            "xll",
            "wll",
            "iqy",
            "rdp",
            "ade",
            "adp",
            "mdb",
            "accdb",
            "accde",
            "mde",
            "maf",
            "mam",
            "slk",
            "wsb",
            "vhd",
            "vhdx",
            "iso",
            "img",
            "udl",
            "grp",
            "isp",
            "job",
            "website",
            "desklink",
            "mapimail",
            "cer",
            "a3x",
            "ahk",
            "desktopthemepackfile",
            "pyz",
            "pyzw",
            "py",
            "pyw",
            "pyc",
            "rb",
            "pl",
            "php",
            "phar",
        ],
    ),
    (
        "macos",
        &[
            "app",
            "command",
            "tool",
            "pkg",
            "mpkg",
            "dmg",
            "workflow",
            "action",
            "scpt",
            "scptd",
            "applescript",
            "osx",
            "kext",
            "prefpane",
            "webloc",
            "inetloc",
            "fileloc",
            "terminal",
            "term",
            "dylib",
            "mobileconfig",
            "shortcut",
            "saver",
            "qlgenerator",
            "mdimporter",
            "osax",
        ],
    ),
    (
        "linux",
        &[
            "sh",
            "bash",
            "zsh",
            "fish",
            "csh",
            "ksh",
            "run",
            "bin",
            "elf",
            "desktop",
            "appimage",
            "deb",
            "rpm",
            "flatpak",
            "flatpakref",
            "flatpakrepo",
            "snap",
            "so",
            "ko",
            "out",
            "service",
            "lua",
            "tcl",
            "awk",
        ],
    ),
    ("android", &["apk", "apks", "apkm", "xapk", "aab", "dex", "odex", "oat", "apex"]),
    (
        "everywhere",
        &["jar", "war", "ear", "class", "jnlp", "wasm", "swf", "air", "crx", "xpi", "vsix", "ipa"],
    ),
];

/// Names without regard to their extension that a system obeys when they lie in a folder.
pub fn obeyed(name: &str) -> bool {
    const OBEYED: [&str; 4] = ["desktop.ini", "autorun.inf", "folder.htt", ".directory"];
    OBEYED.contains(&name.to_lowercase().as_str())
}

/// What belongs to an extension: one of these kinds. `None` for one that is not known.
pub fn promised(extension: &str) -> Option<&'static [Kind]> {
    PROMISES.iter().find(|(names, _, _)| names.contains(&extension)).map(|(_, _, kinds)| *kinds)
}

/// What belongs to a declared media type. Without parameters; `None` for one that says nothing, or is not known.
pub fn declared(mime: &str) -> Option<Declared> {
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if let Some((_, _, kinds)) = PROMISES.iter().find(|(_, mimes, _)| mimes.contains(&mime.as_str())) {
        return Some(Declared::Kinds(kinds));
    }
    match mime.split('/').next() {
        Some("image") => Some(Declared::Family(Family::Image)),
        Some("video") => Some(Declared::Family(Family::Video)),
        Some("audio") => Some(Declared::Family(Family::Audio)),
        Some("text") => Some(Declared::Family(Family::Text)),
        _ => None,
    }
}

/// What a media type promises.
#[derive(Debug, Clone, Copy)]
pub enum Declared {
    /// One of these kinds.
    Kinds(&'static [Kind]),
    /// Any kind of the family.
    Family(Family),
}

impl Declared {
    /// Whether this kind keeps the promise.
    pub fn kept_by(self, kind: Kind) -> bool {
        match self {
            Self::Kinds(kinds) => kinds.contains(&kind),
            Self::Family(family) => kind.family() == family,
        }
    }

    /// The family that is promised.
    pub fn family(self) -> Family {
        match self {
            Self::Kinds(kinds) => kinds.first().map_or(Family::Other, |kind| kind.family()),
            Self::Family(family) => family,
        }
    }
}

/// Extensions and media types that go together, and the content that they promise.
type Promise = (&'static [&'static str], &'static [&'static str], &'static [Kind]);

const PROMISES: &[Promise] = &[
    (&["jpg", "jpeg", "jpe", "jfif"], &["image/jpeg", "image/jpg", "image/pjpeg"], &[Kind::Jpeg]),
    (&["png", "apng"], &["image/png", "image/apng"], &[Kind::Png]),
    (&["gif"], &["image/gif"], &[Kind::Gif]),
    (&["webp"], &["image/webp"], &[Kind::Webp]),
    (&["bmp", "dib"], &["image/bmp", "image/x-ms-bmp"], &[Kind::Bmp]),
    (&["tif", "tiff", "dng", "nef", "cr2", "arw"], &["image/tiff"], &[Kind::Tiff]),
    (&["heic", "heif", "hif"], &["image/heic", "image/heif"], &[Kind::Heif]),
    (&["avif"], &["image/avif"], &[Kind::Avif]),
    (&["jxl"], &["image/jxl"], &[Kind::JpegXl]),
    (&["ico", "cur"], &["image/x-icon", "image/vnd.microsoft.icon"], &[Kind::Icon]),
    (&["svg"], &["image/svg+xml"], &[Kind::Svg]),
    (&["svgz"], &[], &[Kind::Gzip]),
    (&["mp4", "m4v", "3gp", "3g2"], &["video/mp4", "video/x-m4v", "video/3gpp"], &[Kind::Mp4, Kind::M4a]),
    (&["mov", "qt"], &["video/quicktime"], &[Kind::QuickTime, Kind::Mp4]),
    (&["mkv", "webm", "mka"], &["video/x-matroska", "video/webm", "audio/webm"], &[Kind::Matroska]),
    (&["avi"], &["video/avi", "video/x-msvideo", "video/vnd.avi"], &[Kind::Avi]),
    (&["mpg", "mpeg", "vob"], &["video/mpeg"], &[Kind::MpegStream]),
    (&["mp3"], &["audio/mpeg", "audio/mp3"], &[Kind::Mp3]),
    (&["ogg", "oga", "ogv", "opus", "spx"], &["audio/ogg", "video/ogg", "audio/opus"], &[Kind::Ogg]),
    (&["flac"], &["audio/flac", "audio/x-flac"], &[Kind::Flac]),
    (&["wav", "wave"], &["audio/wav", "audio/x-wav", "audio/vnd.wave", "audio/wave"], &[Kind::Wav]),
    (&["m4a", "m4b"], &["audio/mp4", "audio/x-m4a"], &[Kind::M4a, Kind::Mp4]),
    (&["aac"], &["audio/aac"], &[Kind::Aac]),
    (&["amr"], &["audio/amr"], &[Kind::Amr]),
    (&["mid", "midi"], &["audio/midi"], &[Kind::Midi]),
    (&["pdf"], &["application/pdf"], &[Kind::Pdf]),
    (&["ps", "eps"], &["application/postscript"], &[Kind::PostScript]),
    (&["rtf"], &["application/rtf", "text/rtf"], &[Kind::Rtf]),
    (&["doc", "dot"], &["application/msword"], &[Kind::Ole, Kind::Rtf]),
    (&["xls", "xlt"], &["application/vnd.ms-excel"], &[Kind::Ole]),
    (&["ppt", "pot", "pps"], &["application/vnd.ms-powerpoint"], &[Kind::Ole]),
    (&["msg"], &["application/vnd.ms-outlook"], &[Kind::Ole]),
    (&["vsd", "pub"], &["application/vnd.visio"], &[Kind::Ole]),
    (&["one"], &["application/onenote"], &[Kind::OneNote]),
    (
        &["docx", "dotx", "docm", "dotm"],
        &["application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
        &[Kind::Ooxml],
    ),
    (
        &["xlsx", "xltx", "xlsm", "xltm", "xlsb", "xlam"],
        &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
        &[Kind::Ooxml],
    ),
    (
        &["pptx", "potx", "ppsx", "pptm", "potm", "ppsm"],
        &["application/vnd.openxmlformats-officedocument.presentationml.presentation"],
        &[Kind::Ooxml],
    ),
    (
        &["odt", "ods", "odp", "odg", "ott", "ots"],
        &[
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.presentation",
        ],
        &[Kind::OpenDocument],
    ),
    (&["epub"], &["application/epub+zip"], &[Kind::Epub]),
    (&["zip", "cbz", "kmz"], &["application/zip", "application/x-zip-compressed"], &[Kind::Zip]),
    (&["gz", "tgz"], &["application/gzip", "application/x-gzip"], &[Kind::Gzip]),
    (&["bz2", "tbz", "tbz2"], &["application/x-bzip2"], &[Kind::Bzip2]),
    (&["xz", "txz"], &["application/x-xz"], &[Kind::Xz]),
    (&["zst"], &["application/zstd"], &[Kind::Zstd]),
    (&["7z"], &["application/x-7z-compressed"], &[Kind::SevenZip]),
    (&["rar", "cbr"], &["application/vnd.rar", "application/x-rar-compressed"], &[Kind::Rar]),
    (&["tar"], &["application/x-tar"], &[Kind::Tar]),
    (&["cab"], &["application/vnd.ms-cab-compressed"], &[Kind::Cabinet]),
    (
        &["txt", "md", "csv", "tsv", "log", "json", "xml", "yaml", "yml", "toml", "srt", "vtt", "ics", "vcf"],
        &["text/plain", "text/markdown", "text/csv", "application/json", "application/xml", "text/xml"],
        &[Kind::Text],
    ),
    (
        &["html", "htm", "xhtml", "xht", "shtml"],
        &["text/html", "application/xhtml+xml"],
        &[Kind::Html, Kind::Text],
    ),
    (&["mht", "mhtml", "eml"], &["multipart/related", "message/rfc822"], &[Kind::Text, Kind::Html]),
    (
        &["exe", "dll", "scr", "com", "sys", "cpl", "ocx"],
        &[
            "application/vnd.microsoft.portable-executable",
            "application/x-msdownload",
            "application/x-dosexec",
        ],
        &[Kind::Pe],
    ),
    (&["apk"], &["application/vnd.android.package-archive"], &[Kind::Apk]),
    (&["jar"], &["application/java-archive"], &[Kind::Jar]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_what_a_system_would_take_for_it() {
        assert_eq!(of("Photo.JPG").as_deref(), Some("jpg"));
        assert_eq!(of("photo.jpg.exe. . ").as_deref(), Some("exe"));
        assert_eq!(of("photo.jpg          .exe").as_deref(), Some("exe"));
        assert_eq!(inner("photo.jpg     .exe").as_deref(), Some("jpg"));
        assert_eq!(of(".bashrc"), None);
        assert_eq!(of("README"), None);
        assert_eq!(inner("photo.jpg"), None);
    }

    #[test]
    fn no_extension_is_promised_twice_or_written_in_another_case() {
        let mut seen = std::collections::BTreeSet::new();
        for name in PROMISES.iter().flat_map(|(names, _, _)| *names) {
            assert!(seen.insert(*name), "{name} stands twice");
            assert_eq!(*name, name.to_lowercase());
        }
    }
}
