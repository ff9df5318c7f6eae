//! W-06, W-09: the one call of whoever sends, for every kind of file.

mod made;

use std::io::{Cursor, Read};

use lacre_guard::Facts;
use lacre_media::picture::{Sending, decode};
use lacre_media::voice::{Note, RATE, wav};
use lacre_media::{Outgoing, outgoing};
use made::found;

fn sent(name: &str, bytes: &[u8], sending: Sending) -> (Outgoing, Vec<u8>) {
    let mut file = Cursor::new(bytes);
    let facts = Facts::gather(name, None, &mut file).expect("memory can be read");
    let out = outgoing(&facts, &mut file, sending).expect("memory can be read");
    let mut body = Vec::new();
    out.read(file).expect("memory can be read").read_to_end(&mut body).expect("memory can be read");
    assert_eq!(out.size(bytes.len() as u64), body.len() as u64, "{name}");
    (out, body)
}

#[test]
fn a_picture_goes_clean_with_what_is_shown_before_it() {
    for sending in [Sending::Resized, Sending::Original] {
        let (out, body) = sent("a.jpg", &made::jpeg(true, 6), sending);
        assert_eq!((found(&body), found(&out.thumbnail), out.tells), (0, 0, false));
        assert_eq!((out.mime, out.extension, out.width, out.height), ("image/jpeg", None, 40, 80));
        assert!(decode(&out.thumbnail).is_ok() && !out.blur.is_empty());
    }
}

#[test]
fn what_became_something_else_says_its_type_and_extension() {
    let (out, body) = sent("a.png", &made::png(3, 8), Sending::Resized);
    assert_eq!((out.mime, out.extension), ("image/jpeg", Some("jpg")));
    assert_eq!(lacre_guard::Kind::of(&body, &body).mime(), out.mime);
}

#[test]
fn a_picture_too_large_to_be_shown_is_stripped_all_the_same() {
    let mut large = made::jpeg(true, 1);
    let frame = large.windows(2).position(|window| window == [0xff, 0xc0]).expect("a frame");
    large[frame + 5..frame + 9].fill(0xff);
    let (out, body) = sent("a.jpg", &large, Sending::Resized);
    assert_eq!((found(&body), out.tells, out.thumbnail.len()), (0, false, 0));
}

#[test]
fn what_cannot_be_cleaned_goes_as_it_is_and_says_so() {
    let heif = [&b"\0\0\0\x18ftypheic"[..], &[0; 64]].concat();
    let damaged = &made::jpeg(true, 1)[..400];
    for (name, bytes) in [("a.heic", &heif[..]), ("a.jpg", damaged), ("a.mp4", b"\0\0\0\x18ftypisom\0\0\0\0")]
    {
        let (out, body) = sent(name, bytes, Sending::Resized);
        assert_eq!((out.tells, &body[..]), (true, bytes), "{name}");
    }
}

#[test]
fn other_files_go_to_the_byte() {
    for (name, bytes) in
        [("a.txt", &b"hello"[..]), ("a.zip", b"PK\x05\x06"), ("a", b""), ("a.bin", b"\x01\x02")]
    {
        let (out, body) = sent(name, bytes, Sending::Resized);
        assert_eq!((out.tells, &body[..]), (false, bytes), "{name}");
    }
    let note = Note::from_wav(Cursor::new(wav::write(&[500; RATE as usize], RATE))).expect("a note");
    let (out, body) = sent("a.opus", &note.bytes, Sending::Resized);
    assert_eq!((out.duration_ms, out.tells, body), (1000, false, note.bytes.clone()));
    let mut named = note.bytes;
    let at = named.windows(5).position(|window| window == b"lacre").expect("a vendor");
    named[at..at + 5].copy_from_slice(b"Anas\0");
    // Its page does not hold together any more, which is no comment that says nothing either.
    assert!(sent("a.opus", &named, Sending::Resized).0.tells);
}
