//! Content against the published vectors, and against what a hostile member may put into a seal.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::fs;
use std::path::PathBuf;

use ciborium::Value;
use lacre_engine::content::codec::{self, CodecError};
use lacre_engine::content::kinds;
use lacre_engine::content::mimi::{
    Body, Disposition, Expiration, ExtensionName, Message, MimiId, Part, Semantics, Single,
};
use lacre_engine::content::status::{self, Status};
use lacre_engine::content::{
    Address, BadContent, Card, Content, Fact, KINDS, Manner, MessageId, OpenError, Place, Poll, encode,
    is_emoji, read,
};
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
    let text = Content::Text { text: "olá **Bruno**".to_owned() };
    let (bytes, first) = encode(MessageId([7; 16]), &address, text.clone(), Manner::default()).unwrap();
    let opened = read(&bytes).unwrap().prove(&address).unwrap();
    assert_eq!((opened.id, opened.mimi_id, opened.content), (MessageId([7; 16]), first, text));

    let back = Address::direct(BRUNO, [ANA, BRUNO]);
    for content in [
        Content::Text { text: "oi".to_owned() },
        Content::Delivered(vec![first]),
        Content::Read(vec![first, MimiId([9; 32])]),
    ] {
        let (bytes, _) = encode(MessageId([8; 16]), &back, content.clone(), Manner::default()).unwrap();
        assert_eq!(read(&bytes).unwrap().prove(&back).unwrap().content, content);
    }
}

#[test]
fn content_that_names_another_sender_or_room_than_the_seal_proves_is_refused() {
    let text = || Content::Text { text: "send me the money".to_owned() };
    let forged = Address::direct(BRUNO, [ANA, BRUNO]);
    let (bytes, _) = encode(MessageId([7; 16]), &forged, text(), Manner::default()).unwrap();
    let mallory = Address { sender: Address::direct(MALLORY, [ANA, MALLORY]).sender, ..forged.clone() };
    assert_eq!(read(&bytes).unwrap().prove(&mallory), Err(OpenError::FalseSender));
    let elsewhere = Address::direct(BRUNO, [BRUNO, MALLORY]);
    assert_eq!(read(&bytes).unwrap().prove(&elsewhere), Err(OpenError::FalseRoom));
    let mut nameless = codec::decode(&bytes).unwrap();
    nameless.extensions.remove(0);
    let nameless = codec::encode(&nameless).unwrap();
    assert_eq!(read(&nameless).unwrap().prove(&forged), Err(OpenError::FalseSender));
}

fn open(message: &Message) -> Result<(Content<MimiId>, Manner<MimiId>), OpenError> {
    let uri = |name| message.text_extension(name).unwrap().to_owned();
    let address = Address { sender: uri(1), room: uri(2) };
    let opened = read(&codec::encode(message).unwrap())?.prove(&address)?;
    Ok((opened.content, opened.manner))
}

#[test]
fn what_this_version_cannot_do_is_unknown_and_not_shown_as_something_else() {
    for kind in ["attachment", "conferencing", "mention-html"] {
        assert_eq!(open(&vector(kind)).unwrap().0, Content::Unknown, "{kind}");
    }
    let offered = open(&vector("multipart-1")).unwrap().0;
    assert_eq!(offered, Content::Text { text: "# Welcome!".to_owned() });
    let mut other = vector("original");
    other.body.disposition = Disposition(77);
    assert!(matches!(open(&other).unwrap().0, Content::Text { .. }), "an unknown disposition is rendered");
    other.topic = b"a topic".to_vec();
    assert_eq!(open(&other).unwrap().0, Content::Unknown, "what belongs to a topic");
}

#[test]
fn reactions_edits_and_deletions_of_other_apps_are_understood() {
    let id = |name: &str| {
        let edn = fs::read_to_string(vectors("mimi-content").join(format!("{name}.edn"))).unwrap();
        MimiId(hex::decode(id_in_comment(&edn)).unwrap().try_into().unwrap())
    };
    let to = id("original");
    let reaction =
        |emoji: Option<&str>| Content::Reaction { to, emoji: emoji.map(str::to_owned), revision: 0 };
    assert_eq!(open(&vector("reaction")).unwrap().0, reaction(Some("❤")));
    assert_eq!(open(&vector("unlike")).unwrap().0, reaction(None));
    let text = "Right on! _Congratulations_ y'all!".to_owned();
    assert_eq!(open(&vector("edit")).unwrap().0, Content::Edit { of: id("reply"), text, revision: 0 });
    assert_eq!(open(&vector("delete")).unwrap().0, Content::Delete { of: id("reply") });
    let (content, manner) = open(&vector("expiring")).unwrap();
    assert!(matches!(content, Content::Text { .. }));
    assert_eq!(manner.expires, Some(Expiration { relative: false, time: 1_644_390_004 }));
}

#[test]
fn every_kind_of_the_registry_comes_back_as_it_was_said() {
    let address = Address::direct(ANA, [ANA, BRUNO]);
    for kind in KINDS {
        let mut filled = Vec::new();
        let sample = (kind.sample)(&mut |field| {
            filled.push(field);
            format!("a canary for {field}")
        });
        assert_eq!(sample.kind().name, kind.name, "the sample is of its kind");
        assert_eq!(filled, kind.fields, "{} fills its fields", kind.name);
        assert!(!format!("{sample:?}").contains("canary"), "{} prints no content", kind.name);
        if sample == Content::Unknown {
            continue;
        }
        // What says something about a message names that one where others name what they answer.
        let names =
            sample.about().is_some() || matches!(sample, Content::Chosen { .. } | Content::Filled { .. });
        let in_reply_to = (!names).then_some(MimiId([2; 32]));
        let expires = Some(Expiration { relative: true, time: 60 });
        for manner in [Manner::default(), Manner { expires, once: true, forwarded: 3, in_reply_to }] {
            let (bytes, mimi_id) = encode(MessageId([5; 16]), &address, sample.clone(), manner).unwrap();
            let opened = read(&bytes).unwrap().prove(&address).unwrap();
            assert_eq!((opened.content, opened.manner), (sample.clone(), manner), "{}", kind.name);
            assert_eq!(opened.mimi_id, mimi_id);
            for field in kind.fields {
                let canary = format!("a canary for {field}");
                assert!(bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "{field}");
            }
        }
    }
    let mut names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KINDS.len(), "each once");
}

/// What each kind refuses, said and heard: the same rule holds on both sides.
#[test]
fn what_may_not_be_said_is_refused_by_its_exact_reason() {
    let address = Address::direct(ANA, [ANA, BRUNO]);
    let said = |content| encode(MessageId([1; 16]), &address, content, Manner::default()).map(drop);
    let to = MimiId([9; 32]);
    let react = |emoji: &str| Content::Reaction { to, emoji: Some(emoji.to_owned()), revision: 0 };
    for emoji in ["", "ok", "👍👍", "\u{1b}[2J", "❤\u{202e}"] {
        assert_eq!(said(react(emoji)), Err(BadContent::NotAnEmoji), "{emoji:?}");
    }
    let poll = |question: &str, options: &[&str]| {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        Content::Poll(Poll { question: question.to_owned(), options, multiple: true })
    };
    assert_eq!(said(poll("?", &["a"])), Err(BadContent::Choices));
    assert_eq!(said(poll("?", &["a", "a"])), Err(BadContent::Choices));
    assert_eq!(said(poll("?", &["a"; 13])), Err(BadContent::Choices));
    assert_eq!(said(poll("", &["a", "b"])), Err(BadContent::Empty));
    assert_eq!(said(poll("?", &["a", ""])), Err(BadContent::Empty));
    assert_eq!(said(poll(&"x".repeat(kinds::QUESTION + 1), &["a", "b"])), Err(BadContent::TooLong));
    let vote = |choices: &[u8]| Content::Vote { poll: to, choices: choices.to_vec(), revision: 0 };
    assert_eq!(said(vote(&[])), Ok(()), "a vote is taken back");
    for choices in [&[1, 1][..], &[2, 1], &[12], &[255]] {
        assert_eq!(said(vote(choices)), Err(BadContent::Choices), "{choices:?}");
    }
    let place =
        |latitude_e7, longitude_e7| Content::Place(Place { latitude_e7, longitude_e7, label: String::new() });
    assert_eq!(said(place(900_000_000, -1_800_000_000)), Ok(()));
    assert_eq!(said(place(900_000_001, 0)), Err(BadContent::NoSuchPlace));
    assert_eq!(said(place(0, i32::MIN)), Err(BadContent::NoSuchPlace));
    assert_eq!(said(Content::Timer { seconds: kinds::TIMER + 1 }), Err(BadContent::TooLong));
    assert_eq!(said(Content::Fact(Fact::Name(String::new()))), Err(BadContent::Empty));
    let picture = Content::Fact(Fact::Picture(vec![0; kinds::PICTURE + 1]));
    assert_eq!(said(picture), Err(BadContent::TooLong));
    let name = "x".repeat(kinds::NAME + 1);
    assert_eq!(said(Content::Name(name.clone())), Err(BadContent::TooLong));
    let card = Card { account: ANA, handle: "ana".parse().unwrap(), name };
    assert_eq!(said(Content::Card(card)), Err(BadContent::TooLong));
}

/// A kind's body put into another message, cut, doubled, of another type: refused or unknown, never believed.
#[test]
fn the_bodies_of_kinds_are_read_strictly() {
    let mut base = vector("original");
    let cbor = |value: &Value| {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).unwrap();
        bytes
    };
    let mut of = |kind: &str, value: Value, about: bool| {
        let content_type = format!("application/vnd.lacre.{kind}+cbor");
        base.body = Part {
            disposition: Disposition::UNSPECIFIED,
            language: String::new(),
            body: Body::Single(Single { content_type, content: cbor(&value) }),
        };
        base.in_reply_to = about.then_some(MimiId([3; 32]));
        open(&base).map(|(content, _)| content)
    };
    let text = |text: &str| Value::Text(text.to_owned());
    assert!(of("pin", Value::Bool(true), true).is_ok());
    assert_eq!(of("pin", Value::Bool(true), false), Err(OpenError::BadContent), "about nothing");
    assert_eq!(of("pin", Value::from(1), true), Err(OpenError::BadContent));
    assert_eq!(of("vote", Value::Array(vec![Value::from(256)]), true), Err(OpenError::BadContent));
    assert_eq!(of("vote", Value::Array(vec![3.into(), 2.into()]), true), Err(OpenError::BadContent));
    assert_eq!(of("timer", Value::from(u64::MAX), false), Err(OpenError::BadContent));
    assert_eq!(of("timer", Value::from(-1), false), Err(OpenError::BadContent));
    assert_eq!(of("fact", Value::Array(vec![9.into(), text("x")]), false), Err(OpenError::BadContent));
    let long = Value::Array(vec![0.into(), text("x"), text("more")]);
    assert!(matches!(of("fact", long, false), Err(OpenError::Codec(CodecError::Malformed(_)))));
    let contact = Value::Array(vec![Value::Bytes(vec![1; 16]), text("not/a/handle"), text("")]);
    assert_eq!(of("contact", contact, false), Err(OpenError::BadContent));
    let place = Value::Array(vec![Value::from(i64::MAX), 0.into(), text("")]);
    assert!(of("location", place, false).is_err());
    assert_eq!(of("something-new", Value::Null, false), Ok(Content::Unknown));

    let mut edit = vector("edit");
    edit.body.disposition = Disposition::REACTION;
    edit.in_reply_to = None;
    assert_eq!(open(&edit), Err(OpenError::BadContent), "a reaction to nothing");
    let mut marked = vector("original");
    marked.extensions.push((ExtensionName::Number(-0x4c03), Value::from(256)));
    assert_eq!(open(&marked), Err(OpenError::BadContent), "forwarded more often than can be");
}

#[test]
fn nothing_empty_and_nothing_over_its_limit_is_sent() {
    let address = Address::direct(ANA, [ANA, BRUNO]);
    let sent = |content| encode(MessageId([1; 16]), &address, content, Manner::default()).map(drop);
    let text = |length| Content::Text { text: "x".repeat(length) };
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
    fn whatever_is_not_one_emoji_is_no_reaction(text in "\\PC{0,8}") {
        let address = Address::direct(ANA, [ANA, BRUNO]);
        let content = Content::Reaction { to: MimiId([1; 32]), emoji: Some(text.clone()), revision: 1 };
        prop_assert_eq!(encode(MessageId([1; 16]), &address, content, Manner::default()).is_ok(), is_emoji(&text));
    }

    #[test]
    fn a_vote_a_place_and_a_poll_come_back(
        choices in proptest::collection::btree_set(0u8..12, 0..12),
        (latitude_e7, longitude_e7) in (-900_000_000i32..=900_000_000, -1_800_000_000i32..=1_800_000_000),
        options in proptest::collection::btree_set("\\PC{1,20}", 2..12),
        revision: u32, multiple: bool, label in "\\PC{0,60}",
    ) {
        let address = Address::direct(ANA, [ANA, BRUNO]);
        let poll = Poll { question: "?".to_owned(), options: options.into_iter().collect(), multiple };
        for content in [
            Content::Vote { poll: MimiId([2; 32]), choices: choices.into_iter().collect(), revision },
            Content::Place(Place { latitude_e7, longitude_e7, label }),
            Content::Poll(poll),
        ] {
            let encoded = encode(MessageId([1; 16]), &address, content.clone(), Manner::default());
            let (bytes, _) = encoded.unwrap();
            prop_assert_eq!(read(&bytes).unwrap().prove(&address).unwrap().content, content);
        }
    }

    #[test]
    fn any_text_comes_back(text in "\\PC{1,400}", id in any::<[u8; 16]>(), reply in any::<Option<[u8; 32]>>()) {
        let address = Address::direct(ANA, [ANA, BRUNO]);
        let content = Content::Text { text };
        let manner = Manner { in_reply_to: reply.map(MimiId), ..Manner::default() };
        let (bytes, mimi_id) = encode(MessageId(id), &address, content.clone(), manner).unwrap();
        let opened = read(&bytes).unwrap().prove(&address).unwrap();
        prop_assert_eq!((opened.content, opened.manner), (content, manner));
        prop_assert_eq!(opened.mimi_id, mimi_id);
    }
}
