//! W-03: name × declared type × content. One rule decides, and what was claimed is compared with it.

mod made;

use std::io::Cursor;

use lacre_guard::{Facts, Kind, Severity, Verdict, judge};
use made::sample;
use proptest::prelude::*;

fn verdict(name: &str, declared: Option<&str>, bytes: &[u8]) -> Verdict {
    judge(&Facts::gather(name, declared, &mut Cursor::new(bytes)).expect("memory can be read"))
}

/// Name, declared type, content; then what it is, and why not to trust it.
type Row = (&'static str, Option<&'static str>, &'static str, Kind, Severity, &'static [&'static str]);

use Severity::{Careful, Dangerous, Fine};

#[rustfmt::skip]
const HONEST: &[Row] = &[
    ("a.jpg", Some("image/jpeg"), "jpg", Kind::Jpeg, Fine, &[]),
    ("A.JPEG", Some("image/jpg"), "jpg", Kind::Jpeg, Fine, &[]),
    ("a.png", Some("image/png; charset=x"), "png", Kind::Png, Fine, &[]),
    ("a.gif", Some("image/gif"), "gif", Kind::Gif, Fine, &[]),
    ("a.webp", Some("image/webp"), "webp", Kind::Webp, Fine, &[]),
    ("a.bmp", None, "bmp", Kind::Bmp, Fine, &[]),
    ("a.tiff", None, "tiff", Kind::Tiff, Fine, &[]),
    ("a.heic", Some("image/heic"), "heic", Kind::Heif, Fine, &[]),
    ("a.avif", Some("image/avif"), "avif", Kind::Avif, Fine, &[]),
    ("a.svg", Some("image/svg+xml"), "svg", Kind::Svg, Fine, &[]),
    ("a.mp4", Some("video/mp4"), "mp4", Kind::Mp4, Fine, &[]),
    ("a.mov", Some("video/quicktime"), "mov", Kind::QuickTime, Fine, &[]),
    ("a.webm", Some("video/webm"), "webm", Kind::Matroska, Fine, &[]),
    ("a.avi", Some("video/avi"), "avi", Kind::Avi, Fine, &[]),
    ("a.m4a", Some("audio/mp4"), "m4a", Kind::M4a, Fine, &[]),
    ("a.wav", Some("audio/wav"), "wav", Kind::Wav, Fine, &[]),
    ("a.mp3", Some("audio/mpeg"), "mp3", Kind::Mp3, Fine, &[]),
    ("a.mp3", None, "mp3-frame", Kind::Mp3, Fine, &[]),
    ("a.aac", Some("audio/aac"), "aac", Kind::Aac, Fine, &[]),
    ("a.opus", Some("audio/ogg"), "ogg", Kind::Ogg, Fine, &[]),
    ("a.flac", Some("audio/flac"), "flac", Kind::Flac, Fine, &[]),
    ("a.pdf", Some("application/pdf"), "pdf", Kind::Pdf, Fine, &[]),
    ("a.rtf", Some("application/rtf"), "rtf", Kind::Rtf, Fine, &[]),
    ("a.doc", Some("application/msword"), "doc", Kind::Ole, Fine, &[]),
    ("a.docx", None, "docx", Kind::Ooxml, Fine, &[]),
    ("a.odt", Some("application/vnd.oasis.opendocument.text"), "odt", Kind::OpenDocument, Fine, &[]),
    ("a.epub", Some("application/epub+zip"), "epub", Kind::Epub, Fine, &[]),
    ("a.zip", Some("application/zip"), "zip", Kind::Zip, Fine, &[]),
    ("a.tar.gz", Some("application/gzip"), "gz", Kind::Gzip, Fine, &[]),
    ("a.7z", None, "7z", Kind::SevenZip, Fine, &[]),
    ("a.rar", None, "rar", Kind::Rar, Fine, &[]),
    ("a.tar", None, "tar", Kind::Tar, Fine, &[]),
    ("a.txt", Some("text/plain"), "txt", Kind::Text, Fine, &[]),
    ("a.csv", Some("text/csv"), "utf16", Kind::Text, Fine, &[]),
    ("README", None, "txt", Kind::Text, Fine, &[]),
    ("a.data", Some("application/octet-stream"), "noise", Kind::Unknown, Fine, &[]),
    ("nothing", None, "empty", Kind::Empty, Fine, &[]),
];

#[rustfmt::skip]
const DISHONEST: &[Row] = &[
    // Shown by its declared type, opened by its extension (CVE-2025-30401).
    ("a.exe", Some("image/jpeg"), "jpg", Kind::Jpeg, Dangerous, &["runs-by-name", "disguised", "mislabelled"]),
    ("a.exe", Some("image/jpeg"), "exe", Kind::Pe, Dangerous, &["runs-by-name", "program", "disguised"]),
    ("a.py", Some("image/png"), "txt", Kind::Text, Dangerous, &["runs-by-name", "falsely-declared"]),
    ("a.html", Some("image/png"), "png", Kind::Png, Dangerous, &["disguised", "mislabelled"]),
    ("a.html", Some("image/png"), "html", Kind::Html, Dangerous, &["active-page", "disguised"]),
    // Programs under harmless names.
    ("a.jpg", Some("image/jpeg"), "exe", Kind::Pe, Dangerous, &["program", "disguised"]),
    ("a.pdf", Some("application/pdf"), "exe", Kind::Pe, Dangerous, &["program", "disguised"]),
    ("a.png", None, "elf", Kind::Elf, Dangerous, &["program", "disguised"]),
    ("a.mp4", Some("video/mp4"), "macho", Kind::MachO, Dangerous, &["program", "disguised"]),
    ("a.txt", Some("text/plain"), "sh", Kind::Script, Dangerous, &["program", "disguised"]),
    ("a.txt", None, "desktop", Kind::Script, Dangerous, &["program", "disguised"]),
    ("a.zip", Some("application/zip"), "apk", Kind::Apk, Dangerous, &["program", "disguised"]),
    ("a.zip", None, "jar", Kind::Jar, Dangerous, &["program", "disguised"]),
    ("a.doc", Some("application/msword"), "msi", Kind::Installer, Dangerous, &["program", "disguised"]),
    ("a.jpg", None, "lnk", Kind::Shortcut, Dangerous, &["program", "disguised"]),
    ("a.pdf", None, "html", Kind::Html, Dangerous, &["active-page", "disguised"]),
    ("photo", Some("image/jpeg"), "dex", Kind::Dex, Dangerous, &["program", "disguised"]),
    // Programs under their own names: said, and never opened all the same.
    ("setup.exe", Some("application/x-msdownload"), "exe", Kind::Pe, Dangerous, &["runs-by-name", "program"]),
    ("game.apk", Some("application/vnd.android.package-archive"), "apk", Kind::Apk, Dangerous, &["runs-by-name", "program"]),
    ("tool.deb", None, "deb", Kind::Installer, Dangerous, &["runs-by-name", "program"]),
    ("B.class", None, "class", Kind::JavaClass, Dangerous, &["runs-by-name", "program"]),
    ("page.html", Some("text/html"), "html", Kind::Html, Dangerous, &["active-page"]),
    ("a.svg", Some("image/svg+xml"), "svg-script", Kind::Svg, Dangerous, &["active-page"]),
    // Documents with programs in them.
    ("a.docm", None, "docx-macro", Kind::Ooxml, Dangerous, &["macros"]),
    ("a.docx", None, "docx-macro", Kind::Ooxml, Dangerous, &["macros"]),
    ("a.doc", None, "doc-macro", Kind::Ole, Dangerous, &["macros"]),
    ("a.pdf", None, "pdf-script", Kind::Pdf, Careful, &["active-pdf"]),
    // Names that fool the eye.
    ("a.jpg.exe", Some("image/jpeg"), "jpg", Kind::Jpeg, Dangerous, &["runs-by-name", "disguised", "double-extension", "mislabelled"]),
    ("invoice.pdf.zip", None, "zip", Kind::Zip, Careful, &["double-extension"]),
    ("photo\u{202e}gpj.exe", None, "exe", Kind::Pe, Dangerous, &["turned-name", "runs-by-name", "program"]),
    // Mistakes: said, and no more.
    ("a.jpg", Some("image/jpeg"), "png", Kind::Png, Careful, &["mislabelled", "falsely-declared"]),
    ("a.png", Some("image/jpeg"), "png", Kind::Png, Careful, &["falsely-declared"]),
    ("a.docx", None, "zip", Kind::Zip, Careful, &["mislabelled"]),
    ("a.pdf", None, "txt", Kind::Text, Careful, &["mislabelled"]),
    ("a.mp3", Some("audio/mpeg"), "noise", Kind::Unknown, Careful, &["mislabelled", "falsely-declared"]),
    ("a.jpg", None, "empty", Kind::Empty, Careful, &["mislabelled"]),
];

#[test]
fn w03_one_rule_decides_what_a_file_is_and_what_may_be_done_with_it() {
    assert!(HONEST.len() + DISHONEST.len() >= 60);
    for (name, declared, content, kind, severity, codes) in HONEST.iter().chain(DISHONEST) {
        let verdict = verdict(name, *declared, &sample(content));
        let told: Vec<_> = verdict.reasons.iter().map(|reason| reason.code()).collect();
        let row = format!("{name:?} declared {declared:?}, content {content}");
        assert_eq!((verdict.kind, verdict.severity(), &told[..]), (*kind, *severity, *codes), "{row}");
    }
}

#[test]
fn w03_a_rule_by_the_declared_type_or_by_the_name_alone_would_be_fooled() {
    // What an app does that trusts one claim: every dishonest program passes for harmless by at least one of them.
    let trusted = |name: &str, declared: Option<&str>| {
        declared.is_some_and(|mime| mime.starts_with("image/") || mime.starts_with("video/"))
            || [".jpg", ".png", ".pdf", ".txt", ".doc", ".mp4", ".zip"].iter().any(|end| name.ends_with(end))
    };
    let disguised = DISHONEST.iter().filter(|row| row.5.contains(&"disguised"));
    let mut fooled = 0;
    for (name, declared, content, ..) in disguised {
        fooled += usize::from(trusted(name, *declared));
        assert_eq!(verdict(name, *declared, &sample(content)).severity(), Dangerous);
    }
    assert!(fooled >= 12, "{fooled}");
}

#[test]
fn w04_a_file_that_is_two_kinds_at_once_is_never_opened() {
    let pictures = ["jpg", "png", "gif"];
    for picture in pictures {
        let with_zip = [sample(picture), sample("zip")].concat();
        assert!(codes(&verdict("a", None, &with_zip)).contains(&"two-kinds"), "{picture} + zip");
        let mut with_page = sample(picture);
        let script = b"<script>alert(1)</script>";
        let at = with_page.len() - 14;
        with_page.splice(at..at, script.iter().copied());
        assert!(codes(&verdict("a", None, &with_page)).contains(&"two-kinds"), "{picture} + page");
        assert!(!codes(&verdict("a", None, &sample(picture))).contains(&"two-kinds"), "{picture}");
    }
    let pdf_html = [&b"GIF89a/*"[..], b"%PDF-1.4 ", &[0; 32], b";"].concat();
    assert_eq!(verdict("a.gif", None, &pdf_html).severity(), Dangerous);
}

#[test]
fn w04_a_drawing_that_runs_script_is_found_wherever_it_stands_and_however_it_is_written() {
    let wide = |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let script = "<svg><script>x()</script></svg>";
    let path = "<path d='M0 0'/>";
    let drawings = [
        b"<svg\nonload='x()'/>".to_vec(),
        b"<svg\tonload='x()'/>".to_vec(),
        b"<x:svg><x:script/></x:svg>".to_vec(),
        format!("<svg>{}<script>x()</script></svg>", path.repeat(10_000)).into_bytes(),
        format!("<!--{}-->{script}", " ".repeat(5000)).into_bytes(),
        format!("<!--{}-->{script}", " ".repeat(100_000)).into_bytes(),
        [&b"\xff\xfe"[..], &wide(script, u16::to_le_bytes)].concat(),
        [&b"\xfe\xff"[..], &wide(script, u16::to_be_bytes)].concat(),
        wide(script, u16::to_le_bytes),
        wide(&format!("<svg>{}{script}</svg>", path.repeat(10_000)), u16::to_be_bytes),
        // More than is looked through.
        format!("<svg>{}</svg>", path.repeat(1_100_000)).into_bytes(),
        // What no text holds, and browsers pass over; and what stands before it, longer than the window.
        b"<svg onload='x()'>\x7f</svg>".to_vec(),
        b"\x01<svg onload='x()'/>".to_vec(),
        format!("{}<svg onload='x()'/>", " ".repeat(100_000)).into_bytes(),
        format!("<!--{}-->{script}", " ".repeat(17 * 1024 * 1024)).into_bytes(),
    ];
    for (number, drawing) in drawings.iter().enumerate() {
        for (name, declared) in [("a.svg", None), ("a.svg", Some("image/svg+xml"))] {
            assert!(codes(&verdict(name, declared, drawing)).contains(&"active-page"), "{number}");
        }
    }
    let large = format!("<svg>{}</svg>", path.repeat(100_000)).into_bytes();
    for drawing in [&large, &wide("<svg><path/></svg>", u16::to_le_bytes), &sample("svg")] {
        let verdict = verdict("a.svg", None, drawing);
        assert_eq!((verdict.kind, codes(&verdict)), (Kind::Svg, Vec::new()));
    }
}

#[test]
fn w03_a_text_that_is_marked_up_is_no_page_and_a_page_is_one_by_its_name_too() {
    let readme = "<div align=\"center\">\n<h1>Lacre</h1>\n<a href=\"https://example.org\"><img src=\"a.png\"></a>\n</div>\n\n\
        # Use\nlet one = two;\n";
    for text in [
        readme,
        "<h1 align='center'>Lacre</h1>",
        "<table><tr><td>1</td></tr></table>",
        "<p align=center>x</p>",
    ] {
        for name in ["README.md", "README", "notes.txt"] {
            let verdict = verdict(name, None, text.as_bytes());
            assert_eq!((verdict.kind, codes(&verdict)), (Kind::Text, Vec::new()), "{name}: {text}");
        }
        assert_eq!(codes(&verdict("a.html", None, text.as_bytes())), ["active-page"], "{text}");
    }
    assert_eq!(codes(&verdict("a.html", Some("text/html"), b"hello")), ["active-page"]);
    for page in [
        "<div><script>x()</script></div>",
        "<h1>Sign in</h1><form action='https://example.org'><input name='password'></form>",
        "<a href='javascript:x()'>x</a>",
        "<div><img src=x onerror=x()></div>",
    ] {
        let verdict = verdict("README.md", None, page.as_bytes());
        assert_eq!((verdict.kind, verdict.severity()), (Kind::Html, Dangerous), "{page}");
    }
}

#[test]
fn b14_the_test_virus_is_known_under_any_name() {
    let eicar = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    for name in ["eicar.com", "holiday.txt", "x"] {
        assert!(codes(&verdict(name, None, eicar.as_bytes())).contains(&"test-virus"));
    }
}

#[test]
fn w05_media_that_is_cut_off_is_damaged() {
    for kind in ["jpg", "png", "gif", "bmp", "wav", "pdf"] {
        let whole = sample(kind);
        let cut = &whole[..whole.len() - 12];
        assert!(codes(&verdict("a", None, cut)).contains(&"damaged"), "{kind}");
    }
}

#[test]
fn w06_a_document_that_names_its_author_says_so() {
    let author = made::zip(&[("[Content_Types].xml", b"x"), ("docProps/core.xml", b"Ana")]);
    assert_eq!(codes(&verdict("a.docx", None, &author)), ["names-author"]);
    assert_eq!(verdict("a.docx", None, &author).severity(), Fine, "it is told, and no danger");
    let pdf = b"%PDF-1.7\n<< /Author (Ana) >>\n%%EOF\n";
    assert_eq!(codes(&verdict("a.pdf", None, pdf)), ["names-author"]);
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict.reasons.iter().map(|reason| reason.code()).collect()
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        name in "\\PC{0,40}(\\.[a-z]{1,5}){0,3}",
        declared in proptest::option::of("[a-z]{1,12}/[a-z.+-]{1,20}"),
        magic in proptest::sample::select(vec!["jpg", "zip", "doc", "webp", "mp4", "svg", "gz", "utf16", "docx", "empty"]),
        tail in proptest::collection::vec(any::<u8>(), 0..600),
        flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..20),
    ) {
        let mut bytes = [sample(magic), tail].concat();
        for (at, value) in flips {
            let at = usize::from(at) % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let verdict = verdict(&name, declared.as_deref(), &bytes);
        prop_assert_eq!(verdict.severity(), verdict.reasons.iter().map(|r| r.severity()).max().unwrap_or(Fine));
    }
}
