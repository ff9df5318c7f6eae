//! Files for the guard.

use std::io::Cursor;

use lacre_guard::{Facts, NAME, clean_name, judge};

/// A name, a line break, and a file: it is judged, and its name can be saved.
pub fn guard_file(bytes: &[u8]) {
    let (name, file) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &bytes[..0]),
    };
    let name = String::from_utf8_lossy(name);
    let facts = Facts::gather(&name, Some("image/jpeg"), &mut Cursor::new(file)).expect("memory can be read");
    let verdict = judge(&facts);
    assert_eq!(
        verdict.severity(),
        verdict.reasons.first().map_or(lacre_guard::Severity::Fine, |r| r.severity())
    );
    let clean = clean_name(&name);
    assert!(!clean.is_empty() && clean.len() <= NAME && !clean.contains(['/', '\\', '\0']));
}

/// Files of the kinds that have a directory in them, and one of each other shape.
pub fn seeds() -> Vec<Vec<u8>> {
    let zip: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0axPK\x01\x02\x14\0\x14\0\0\0\0\0\
        \0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0aPK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0\x20\0\0\0\0\0";
    let mut ole = vec![0xff; 1536];
    ole[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    ole[30..32].copy_from_slice(&[9, 0]);
    ole[48..52].copy_from_slice(&[1, 0, 0, 0]);
    ole[76..80].copy_from_slice(&[0; 4]);
    let files: [(&str, &[u8]); 6] = [
        ("a.zip", zip),
        ("a.jpg.exe", b"MZ\x90\0"),
        ("a.doc", &ole),
        ("a.svg", b"<svg onload=x()/>"),
        ("a.pdf", b"%PDF-1.7 /JavaScript /Author (x) %%EOF"),
        ("a\u{202e}gpj.gif", b"GIF89a<script>;"),
    ];
    files.map(|(name, file)| [name.as_bytes(), b"\n", file].concat()).into()
}
