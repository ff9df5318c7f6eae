//! Content against the published vectors, and against what a hostile member may put into a seal.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::fs;
use std::path::PathBuf;

use ciborium::Value;
use lacre_engine::content::codec::{self, CodecError};
use lacre_engine::content::mimi::{
    Body, Disposition, Expiration, ExtensionName, Message, MimiId, Part, Semantics, Single,
};
use lacre_engine::content::status::{self, Status};
use lacre_engine::content::{Address, BadContent, Content, MessageId, OpenError, encode, read};
use lacre_proto::AccountId;
use proptest::prelude::*;

const ANA: AccountId = AccountId([1; 16]);
const BRUNO: AccountId = AccountId([2; 16]);
const MALLORY: AccountId = AccountId([3; 16]);

fn vectors(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(folder)
}

fn vector(name: &str) -> Message {
    codec::decode(&fs::read(vectors("mimi-content").join(format!("{name}.cbor"))).unwrap()).unwrap()
}

/// The message id in the comment at the head of a vector's diagnostic notation.
fn id_in_comment(edn: &str) -> String {
    let after = edn.split_once("message ID = h'").expect("every vector tells its id").1;
    let digits = after.split_once('\'').expect("the id is quoted").0;
    digits.chars().filter(char::is_ascii_hexdigit).collect()
}

#[test]
fn every_vector_comes_back_byte_for_byte_and_has_the_id_that_it_says() {
    let mut seen = 0;
    for entry in fs::read_dir(vectors("mimi-content")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "cbor") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let message = codec::decode(&bytes).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(codec::encode(&message).as_deref(), Ok(&bytes[..]), "{path:?}");
        let sender = message.text_extension(1).unwrap();
        let room = message.text_extension(2).unwrap();
        let id = MimiId::derive(&bytes, message.salt, sender, room).unwrap();
        let edn = fs::read_to_string(path.with_extension("edn")).unwrap();
        assert_eq!(id.to_string(), id_in_comment(&edn), "{path:?}");
        seen += 1;
    }
    assert_eq!(seen, 14);
}

#[test]
fn the_vectors_say_what_their_notation_says() {
    let original = vector("original");
    let Body::Single(single) = &original.body.body else { panic!("a single part") };
    assert_eq!(single.content_type, "text/markdown;variant=GFM-MIMI");
    assert_eq!(single.content, b"Hi everyone, we just shipped release 2.0. __Good  work__!");
    assert_eq!(vector("expiring").expires, Some(Expiration { relative: false, time: 1_644_390_004 }));
    assert_eq!(vector("conferencing").topic, b"Foo 118");
    assert_eq!(vector("delete").body.body, Body::Null);
    assert!(vector("unlike").replaces.is_some());
    let Body::External(file) = vector("attachment").body.body else { panic!("an external part") };
    assert_eq!((file.size, file.encryption, file.hash), (708_234_961, 1, 1));
    assert_eq!(file.filename, "bigfile.mp4");
    let Body::Multi { semantics: Semantics::ProcessAll, parts } = vector("multipart-2").body.body else {
        panic!("parts to be processed each")
    };
    assert!(parts.iter().all(|part| part.disposition == Disposition::REACTION));
}

#[test]
fn the_status_vector_comes_back_byte_for_byte() {
    let bytes = fs::read(vectors("mimi-message-status").join("status.cbor")).unwrap();
    let report = status::decode(&bytes).unwrap();
    let statuses: Vec<Status> = report.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [Status::READ, Status::READ, Status::UNREAD, Status::EXPIRED]);
    assert_eq!(status::encode(&report).unwrap(), bytes);
}

#[test]
fn one_changed_byte_of_a_vector_never_reads_as_the_same_message() {
    let bytes = fs::read(vectors("mimi-content").join("multipart-3.cbor")).unwrap();
    let message = codec::decode(&bytes).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert_ne!(codec::decode(&changed).as_ref(), Ok(&message), "bit {bit} of byte {at}");
        }
        assert!(codec::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert_eq!(codec::decode(&[bytes, vec![0]].concat()), Err(CodecError::NotCbor));
}

fn text_message(body: Part) -> Message {
    let Message { salt, extensions, .. } = vector("original");
    let body_of =
        Message { salt, replaces: None, topic: vec![], expires: None, in_reply_to: None, extensions, body };
    codec::decode(&codec::encode(&body_of).unwrap()).unwrap()
}

fn single(content_type: &str) -> Part {
    Part {
        disposition: Disposition::RENDER,
        language: String::new(),
        body: Body::Single(Single { content_type: content_type.to_owned(), content: b"hello".to_vec() }),
    }
}

fn multi(parts: Vec<Part>) -> Part {
    Part {
        disposition: Disposition(200),
        language: "pt-BR".to_owned(),
        body: Body::Multi { semantics: Semantics::ChooseOne, parts },
    }
}

#[test]
fn parts_are_bounded_in_number_and_depth() {
    let mut deep = multi(vec![single("a/b"), single("a/b")]);
    deep = multi(vec![deep, single("a/b")]);
    let allowed = multi(vec![deep, single("a/b")]);
    text_message(allowed.clone());
    let mut message = vector("original");
    message.body = multi(vec![allowed, single("a/b")]);
    assert_eq!(codec::encode(&message), Err(CodecError::TooManyParts));
    message.body = multi(vec![single("a/b"); 1023]);
    assert!(codec::encode(&message).is_ok());
    message.body = multi(vec![single("a/b"); 1024]);
    assert_eq!(codec::encode(&message), Err(CodecError::TooManyParts));
    message.body = multi(vec![single("a/b")]);
    assert_eq!(codec::encode(&message), Err(CodecError::Malformed("parts")));
}

#[test]
fn cbor_that_is_only_deep_or_only_claims_to_be_long_is_refused_at_once() {
    assert_eq!(codec::decode(&[0x81; 100_000]), Err(CodecError::NotCbor), "an array in an array in ...");
    for head in [0x5b, 0x7b, 0x9b, 0xbb] {
        let mut claims = vec![0x87, head];
        claims.extend_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(codec::decode(&claims), Err(CodecError::NotCbor), "a length of 2^64 - 1 after {head:#x}");
    }
    assert_eq!(codec::decode(&vec![0; 1 << 20]), Err(CodecError::TooLarge));
}

#[test]
fn extensions_of_any_kind_are_kept_and_named_once() {
    let mut message = vector("original");
    let private = Value::Map(vec![(Value::from("a"), Value::Array(vec![Value::from(1.5), Value::Null]))]);
    message.extensions.push((ExtensionName::Number(-7), private));
    message.extensions.push((ExtensionName::Text("vendor".to_owned()), Value::Tag(1001, Box::new(1.into()))));
    let bytes = codec::encode(&message).unwrap();
    assert_eq!(codec::decode(&bytes), Ok(message.clone()));
    let twice = message.extensions[0].clone();
    message.extensions.push(twice);
    assert_eq!(codec::encode(&message), Err(CodecError::Malformed("extensions")));
    message.extensions.pop();
    message.extensions.push((ExtensionName::Number(9), Value::Bytes(vec![0; 4096])));
    assert_eq!(codec::encode(&message), Err(CodecError::FieldTooLarge("extension")));
}

#[test]
fn another_encoding_of_the_same_message_is_refused() {
    let bytes = fs::read(vectors("mimi-content").join("original.cbor")).unwrap();
    // the array of seven fields, with its length in two bytes, and without one
    let long = [&[0x98, 7], &bytes[1..]].concat();
    assert_eq!(codec::decode(&long), Err(CodecError::NotDeterministic));
    let open = [&[0x9f], &bytes[1..], &[0xff]].concat();
    assert_eq!(codec::decode(&open), Err(CodecError::NotDeterministic));
}

#[test]
fn text_a_reply_and_receipts_go_through_and_name_each_other() {
    let address = Address::direct(ANA, [BRUNO, ANA]);
    assert_eq!(address, Address::direct(ANA, [ANA, BRUNO]), "whoever began");
    let text = Content::Text { text: "olá **Bruno**".to_owned(), in_reply_to: None };
    let (bytes, first) = encode(MessageId([7; 16]), &address, text.clone()).unwrap();
    let opened = read(&bytes).unwrap().prove(&address).unwrap();
    assert_eq!((opened.id, opened.mimi_id, opened.content), (MessageId([7; 16]), first, text));

    let back = Address::direct(BRUNO, [ANA, BRUNO]);
    for content in [
        Content::Text { text: "oi".to_owned(), in_reply_to: Some(first) },
        Content::Delivered(vec![first]),
        Content::Read(vec![first, MimiId([9; 32])]),
    ] {
        let (bytes, _) = encode(MessageId([8; 16]), &back, content.clone()).unwrap();
        assert_eq!(read(&bytes).unwrap().prove(&back).unwrap().content, content);
    }
}

#[test]
fn content_that_names_another_sender_or_room_than_the_seal_proves_is_refused() {
    let text = || Content::Text { text: "send me the money".to_owned(), in_reply_to: None };
    let forged = Address::direct(BRUNO, [ANA, BRUNO]);
    let (bytes, _) = encode(MessageId([7; 16]), &forged, text()).unwrap();
    let mallory = Address { sender: Address::direct(MALLORY, [ANA, MALLORY]).sender, ..forged.clone() };
    assert_eq!(read(&bytes).unwrap().prove(&mallory), Err(OpenError::FalseSender));
    let elsewhere = Address::direct(BRUNO, [BRUNO, MALLORY]);
    assert_eq!(read(&bytes).unwrap().prove(&elsewhere), Err(OpenError::FalseRoom));
    let mut nameless = codec::decode(&bytes).unwrap();
    nameless.extensions.remove(0);
    let nameless = codec::encode(&nameless).unwrap();
    assert_eq!(read(&nameless).unwrap().prove(&forged), Err(OpenError::FalseSender));
}

#[test]
fn what_this_version_cannot_do_is_unknown_and_not_shown_as_something_else() {
    let address = |message: &Message| Address {
        sender: message.text_extension(1).unwrap().to_owned(),
        room: message.text_extension(2).unwrap().to_owned(),
    };
    let open = |message: Message| {
        let bytes = codec::encode(&message).unwrap();
        read(&bytes).unwrap().prove(&address(&message)).unwrap().content
    };
    for kind in
        ["attachment", "conferencing", "delete", "edit", "expiring", "reaction", "unlike", "mention-html"]
    {
        assert_eq!(open(vector(kind)), Content::Unknown, "{kind}");
    }
    let offered = open(vector("multipart-1"));
    assert_eq!(offered, Content::Text { text: "# Welcome!".to_owned(), in_reply_to: None });
    let mut other = vector("original");
    other.body.disposition = Disposition(77);
    assert!(matches!(open(other), Content::Text { .. }), "an unknown disposition is rendered");
}

#[test]
fn nothing_empty_and_nothing_over_its_limit_is_sent() {
    let address = Address::direct(ANA, [ANA, BRUNO]);
    let sent = |content| encode(MessageId([1; 16]), &address, content).map(drop);
    let text = |length| Content::Text { text: "x".repeat(length), in_reply_to: None };
    assert_eq!(sent(text(0)), Err(BadContent::Empty));
    assert_eq!(sent(text(64 * 1024)), Ok(()));
    assert_eq!(sent(text(64 * 1024 + 1)), Err(BadContent::TooLong));
    assert_eq!(sent(Content::Read(vec![])), Err(BadContent::Empty));
    assert_eq!(sent(Content::Delivered(vec![MimiId([1; 32]); 1024])), Ok(()));
    assert_eq!(sent(Content::Delivered(vec![MimiId([1; 32]); 1025])), Err(BadContent::TooLong));
    assert_eq!(sent(Content::Unknown), Err(BadContent::Unknown));
}

#[test]
fn a_date_far_away_is_nonsense() {
    let now = 1_644_387_225_019;
    assert!(Expiration { relative: true, time: 3600 }.is_plausible(now));
    assert!(!Expiration { relative: true, time: 400 * 86_400 }.is_plausible(now));
    assert!(Expiration { relative: false, time: 1_644_390_004 }.is_plausible(now));
    assert!(!Expiration { relative: false, time: 0 }.is_plausible(now));
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(message) = codec::decode(&bytes) {
            prop_assert_eq!(codec::encode(&message), Ok(bytes.clone()));
        }
        let _ = status::decode(&bytes);
        let _ = read(&bytes);
    }

    #[test]
    fn any_text_comes_back(text in "\\PC{1,400}", id in any::<[u8; 16]>(), reply in any::<Option<[u8; 32]>>()) {
        let address = Address::direct(ANA, [ANA, BRUNO]);
        let content = Content::Text { text, in_reply_to: reply.map(MimiId) };
        let (bytes, mimi_id) = encode(MessageId(id), &address, content.clone()).unwrap();
        let opened = read(&bytes).unwrap().prove(&address).unwrap();
        prop_assert_eq!(opened.content, content);
        prop_assert_eq!(opened.mimi_id, mimi_id);
    }
}
