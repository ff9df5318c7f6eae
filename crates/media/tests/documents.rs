//! W-06: properties of documents that name their author do not leave the device where they can be taken out.

use std::io::{Cursor, Read};

use lacre_guard::{Facts, Kind};
use lacre_media::Edited;
use lacre_media::document::{Cleaned, clean};
use proptest::prelude::*;

const SECRETS: [&str; 3] = ["Ana Silva", "Moinho Lda", "Word on Pixel"];

fn cleaned(name: &str, bytes: &[u8]) -> (Facts, Cleaned, Vec<u8>) {
    let mut file = Cursor::new(bytes);
    let facts = Facts::gather(name, None, &mut file).expect("memory can be read");
    let cleaned = clean(&facts, &mut file).expect("memory can be read");
    let mut out = Vec::new();
    let mut edited = Edited::new(file, cleaned.edits.clone()).expect("memory can be read");
    edited.read_to_end(&mut out).expect("memory can be read");
    assert_eq!(out.len(), bytes.len());
    (facts, cleaned, out)
}

fn found(bytes: &[u8]) -> usize {
    SECRETS
        .iter()
        .filter(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
        .count()
}

/// An archive with these files, stored, with sums after the data as some programs write them.
fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    archive(&files, 0)
}

/// The same with data that is packed in this way.
fn archive(files: &[(&str, &[u8])], method: u16) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let at = bytes.len() as u32;
        let (length, name_length) = (data.len() as u32, name.len() as u16);
        let sums = [&[0; 4][..], &length.to_le_bytes(), &length.to_le_bytes()].concat();
        let how = [&b"\x08\0"[..], &method.to_le_bytes(), b"\x11\x22\x33\x44"].concat();
        bytes.extend([&b"PK\x03\x04\x14\0"[..], &how, &sums].concat());
        bytes.extend(name_length.to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend([name.as_bytes(), data].concat());
        directory.extend([&b"PK\x01\x02\x14\0\x14\0"[..], &how, &sums].concat());
        directory.extend(name_length.to_le_bytes());
        directory.extend([0; 12]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, length, count) = (bytes.len() as u32, directory.len() as u32, files.len() as u16);
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    bytes.extend([length.to_le_bytes(), at.to_le_bytes()].concat());
    bytes.extend([0; 2]);
    bytes
}

#[test]
fn w06_an_office_document_loses_its_properties_and_stays_one() {
    let words = SECRETS.join(" ");
    let long = format!("<p>{words}{}</p>", "x".repeat(200));
    let sample = zip(&[
        ("[Content_Types].xml", "<Types/>"),
        ("word/document.xml", "the text"),
        ("docProps/core.xml", &long),
        ("docProps/app.xml", &long),
    ]);
    assert_eq!(found(&sample), SECRETS.len());
    let (facts, told, out) = cleaned("a.docx", &sample);
    assert_eq!((facts.kind(), found(&out), told.rest), (Kind::Ooxml, 0, false));
    let text = String::from_utf8_lossy(&out).into_owned();
    assert!(text.contains("the text") && text.contains("<cp:coreProperties"));
    let (again, _, same) = cleaned("a.docx", &out);
    assert_eq!(again.kind(), Kind::Ooxml, "its directory holds together");
    assert_eq!(same, out);
}

#[test]
fn w06_what_cannot_be_taken_out_is_said() {
    let short = zip(&[("[Content_Types].xml", "<Types/>"), ("docProps/core.xml", "<p>Ana Silva</p>")]);
    assert!(cleaned("a.docx", &short).1.rest, "no room for an empty file");
    let comments = zip(&[("[Content_Types].xml", "<Types/>"), ("word/comments.xml", "Ana Silva")]);
    assert!(cleaned("a.docx", &comments).1.rest);
    assert!(cleaned("a.ps", b"%!PS\n%%For: Ana Silva").1.rest);
    assert!(cleaned("a.rtf", b"{\\rtf1{\\info{\\author Ana Silva}}}").1.rest);
    let locked = b"%PDF-1.7\n<< /Author (Ana Silva) >> /Encrypt 5 0 R\n%%EOF";
    let (_, told, out) = cleaned("a.pdf", locked);
    assert!(told.rest && told.edits.is_empty() && out == locked);
    assert!(cleaned("a.pdf", b"%PDF-1.7\n<< /Type /ObjStm >>\n%%EOF").1.rest);
}

const ODT: (&str, &str) = ("mimetype", "application/vnd.oasis.opendocument.text");

#[test]
fn what_is_signed_or_encrypted_is_not_touched_and_says_so() {
    let properties = format!("<p>Ana Silva{}</p>", "x".repeat(300));
    // What an encrypted entry looks like: bytes of no text, even if the first is that of a tag.
    let sealed = format!("<{}", "\u{1}\u{80}".repeat(200));
    let nonsense = zip(&[ODT, ("meta.xml", &sealed)]);
    let at = nonsense.windows(2).position(|window| window == [b'<', 1]).expect("the entry");
    let nonsense = [&nonsense[..at + 2], &[0xff; 8], &nonsense[at + 10..]].concat();
    let types = ("[Content_Types].xml", "<Types/>");
    let core = ("docProps/core.xml", &properties[..]);
    let signed_pdf = |before: usize| {
        let (author, filler) = ("%PDF-1.7\n<< /Author (Ana Silva) >>\n", "x".repeat(before));
        format!("{author}{filler}<< /Type /Sig /ByteRange [0 10 20 30] >>\n%%EOF").into_bytes()
    };
    let samples = [
        ("signed OOXML", zip(&[types, core, ("_xmlsignatures/sig1.xml", "<Signature/>")])),
        (
            "signed OpenDocument",
            zip(&[ODT, ("meta.xml", &properties), ("META-INF/documentsignatures.xml", "<s/>")]),
        ),
        ("encrypted OpenDocument", nonsense),
        ("encrypted whole", zip(&[ODT, ("meta.xml", &properties), ("encrypted-package", "x")])),
        ("signed PDF", signed_pdf(0)),
        ("signed PDF of some blocks", signed_pdf(700_000)),
    ];
    for (name, sample) in samples {
        let (_, told, out) = cleaned("a", &sample);
        assert!(told.rest && told.edits.is_empty() && out == sample, "{name}");
    }
    let plain = zip(&[ODT, ("meta.xml", &properties)]);
    assert_eq!(found(&cleaned("a.odt", &plain).2), 0, "and what is neither is cleaned");
}

#[test]
fn w06_names_that_stay_in_a_document_are_said() {
    let types = ("[Content_Types].xml", "<Types/>");
    let plain = ("word/document.xml", "<w:p><w:t>the author and the creator</w:t></w:p>");
    let tells = |files: &[(&str, &str)]| cleaned("a", &zip(files)).1.rest;
    assert!(!tells(&[types, plain, ("word/media/a.png", "pixels"), ("word/fonts/a.odttf", "Ana")]));
    assert!(!tells(&[
        ODT,
        ("content.xml", "<text:p>Ana</text:p>"),
        ("layout-cache", "x"),
        ("Pictures/", "")
    ]));
    let with = |name: &'static str, text: &'static str| tells(&[types, plain, (name, text)]);
    for (name, text) in [
        ("word/document2.xml", "<w:ins w:id='1' w:author='Ana Silva' w:date='2026'/>"),
        ("word/footnotes.xml", "<w:del w:author=\"Ana Silva\"/>"),
        ("ppt/commentAuthors.xml", "<p:cmAuthor name='Ana Silva'/>"),
        ("xl/persons/person.xml", "<person displayName='Ana Silva'/>"),
        ("xl/workbook.xml", "<x15ac:absPath url='C:\\Users\\Ana Silva'/>"),
        ("xl/pivotCache/pivotCacheDefinition1.xml", "<x refreshedBy='Ana Silva'/>"),
        ("word/_rels/settings.xml.rels", "<Relationship Target='file:///C:/Users/Ana Silva/Normal.dotm'/>"),
        ("xl/printerSettings/printerSettings1.bin", "Ana Silva"),
        ("word/embeddings/oleObject1.bin", "Ana Silva"),
        ("word/media/image1.jpeg", "\u{0}Exif\u{0}\u{0}Ana Silva"),
        ("word/media/image2.png", "eXIfAna Silva"),
        ("word/media/image3.emf", "Ana Silva"),
    ] {
        assert!(with(name, text), "{name}");
    }
    let odt = |name: &'static str, text: &'static str| tells(&[ODT, (name, text)]);
    assert!(odt("content.xml", "<office:annotation><dc:creator>Ana Silva</dc:creator></office:annotation>"));
    let printer = "<config:config-item config:name=\"PrinterName\" config:type=\"string\"";
    assert!(tells(&[ODT, ("settings.xml", &format!("{printer}>Ana's printer</config:config-item>"))]));
    assert!(!tells(&[ODT, ("settings.xml", &format!("{printer}/>"))]));
}

#[test]
fn w06_names_in_what_is_packed_are_found_and_what_cannot_be_read_is_said() {
    let packed = |text: &str| miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 6);
    let types = packed("<Types/>");
    let files =
        |document: &[u8]| archive(&[("[Content_Types].xml", &types), ("word/document.xml", document)], 8);
    let named = packed(&format!("{}<w:ins w:author='Ana Silva'/>", "<w:p/>".repeat(40_000)));
    assert_eq!(found(&named), 0);
    assert!(cleaned("a.docx", &files(&named)).1.rest);
    let plain = packed(&"<w:p/>".repeat(40_000));
    assert!(!cleaned("a.docx", &files(&plain)).1.rest);
    assert!(cleaned("a.docx", &files(&plain[..plain.len() / 2])).1.rest, "cut off");
    assert!(cleaned("a.docx", &archive(&[("[Content_Types].xml", b"<Types/>")], 14)).1.rest, "LZMA");
    let spaces = packed(&" ".repeat(70 << 20));
    assert!(cleaned("a.docx", &files(&spaces)).1.rest, "more than is unpacked");
    // Without the end of its directory it is no document any more, but begins as one.
    let whole = files(&plain);
    let (facts, told, out) = cleaned("a.docx", &whole[..whole.len() - 1]);
    assert_eq!((facts.kind(), told.rest, out.len()), (Kind::Zip, true, whole.len() - 1));
}

#[test]
fn w06_the_properties_of_a_part_that_is_a_document_itself_go_too() {
    let properties = format!("<p>{}{}</p>", SECRETS.join(" "), "x".repeat(200));
    let sample = zip(&[ODT, ("Object 1/meta.xml", &properties), ("Object 1/content.xml", "<p/>")]);
    let (_, told, out) = cleaned("a.odt", &sample);
    assert_eq!((found(&out), told.rest), (0, false));
}

#[test]
fn w06_a_pdf_loses_author_tool_and_times() {
    let sample = [
        &b"%PDF-1.7\n1 0 obj\n<< /Title (My trip) /Author (Ana \\(A\\) (x) Silva Ana Silva)\n/Creator(Word on Pixel)"[..],
        b"/Producer <416e612053696c7661> /CreationDate (D:20261128102030) >>\nendobj\n",
        b"<?xpacket begin='x'?><x:xmpmeta>Moinho Lda</x:xmpmeta><?xpacket end='w'?>\n%%EOF\n",
    ]
    .concat();
    assert_eq!(found(&sample), SECRETS.len());
    let (_, told, out) = cleaned("a.pdf", &sample);
    let text = String::from_utf8(out.clone()).expect("text");
    assert_eq!((found(&out), told.rest), (0, false), "{text}");
    assert!(text.contains("/Title (My trip)") && !text.contains("20261128") && !text.contains("416e61"));
    assert!(text.contains("<?xpacket begin='x'?>") && text.ends_with("<?xpacket end='w'?>\n%%EOF\n"));
}

#[test]
fn w06_what_is_not_followed_to_its_value_is_said() {
    for body in [
        "/Author 5 0 R\n5 0 obj (Ana Silva) endobj".to_owned(),
        "/Author (Ana Silva".to_owned(),
        "/Author <41".to_owned(),
        format!("/Author ({})", "Ana Silva ".repeat(10_000)),
        "<?xpacket begin='x'?><x>Ana Silva</x>".to_owned(),
    ] {
        let (_, told, _) = cleaned("a.pdf", format!("%PDF-1.7\n{body}\n%%EOF").as_bytes());
        assert!(told.rest, "{}", &body[..20.min(body.len())]);
    }
    for body in ["/AuthorOfNothing (x)", "/CreatorInfo 5 0 R", "/Producer null", "/Author ()"] {
        let (_, told, _) = cleaned("a.pdf", format!("%PDF-1.7\n{body}\n%%EOF").as_bytes());
        assert!(!told.rest, "{body}");
    }
}

#[test]
fn w05_what_never_ends_is_not_followed_again_and_again() {
    // Each of a million would be followed for 64 KiB.
    for word in ["/Author(", "/Author<", "<?xpacket begin"] {
        let sample = [&b"%PDF-1.7\n"[..], &word.as_bytes().repeat(1 << 20), b"\n%%EOF"].concat();
        let (_, told, out) = cleaned("a.pdf", &sample);
        assert!(told.rest && out == sample, "{word}");
    }
}

#[test]
fn a_property_that_lies_over_the_border_of_what_is_read_at_once_is_found() {
    for before in [190_000, 196_500, 262_100, 262_144, 300_000] {
        let sample =
            [b"%PDF-1.7\n".to_vec(), vec![b'x'; before], b"/Author (Ana Silva)\n%%EOF".to_vec()].concat();
        assert_eq!(found(&cleaned("a.pdf", &sample).2), 0, "{before}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        start in proptest::sample::select(vec!["%PDF-1.7 /Author (", "%PDF-1.7 <?xpacket begin", "{\\rtf"]),
        rest in "[\\\\()<>?x /AuthorCe]{0,200}",
    ) {
        let _ = cleaned("a", [start, &rest].concat().as_bytes());
    }
}
