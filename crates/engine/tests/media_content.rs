//! Files in content: every field must be what it can only be, whatever a member puts there.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use lacre_engine::content::codec;
use lacre_engine::content::mimi::{Body, Disposition, External, Message, MimiId, Part, Semantics, Single};
use lacre_engine::content::{
    self, Address, Content, FileRef, Manner, Media, Menu, MessageId, Offer, OpenError, Preview, Voice, kinds,
};
use lacre_engine::files::FileKey;
use lacre_proto::{AccountId, limits};

type Change = fn(&mut External);
type PartsChange = Box<dyn FnOnce(&mut Vec<Part>)>;

fn address() -> Address {
    Address::direct(AccountId([1; 16]), [AccountId([1; 16]), AccountId([2; 16])])
}

fn file() -> FileRef {
    FileRef {
        capability: [0xab; 32],
        key: FileKey { key: [4; 32], nonce: [5; 7] },
        size: 100_000,
        hash: [6; 32],
        media_type: "image/jpeg".to_owned(),
        name: "beach.jpg".to_owned(),
        kept_s: 1_800_000_000,
    }
}

fn preview() -> Preview {
    Preview { width: 4000, height: 3000, duration_ms: 0, blur: vec![7; 25], thumbnail: vec![8; 5000] }
}

fn media(files: usize, caption: &str) -> Content<MimiId> {
    let caption = caption.to_owned();
    Content::Media(Media { files: vec![(file(), preview()); files], caption, sticker: false })
}

fn voice() -> Voice {
    Voice { file: file(), duration_ms: 61_000, waveform: vec![3; kinds::WAVEFORM] }
}

/// A card of a business, with a picture above it.
fn card() -> Content<MimiId> {
    Content::Menu(Menu {
        header: String::new(),
        body: "pão fresco".to_owned(),
        footer: "a padaria".to_owned(),
        offer: Offer::Nothing,
        template: None,
        above: Some(Box::new((file(), preview()))),
    })
}

fn encode(content: Content<MimiId>) -> Result<Vec<u8>, content::BadContent> {
    content::encode(MessageId([9; 16]), &address(), content, Manner::default()).map(|(bytes, _)| bytes)
}

fn open(bytes: &[u8]) -> Result<Content<MimiId>, OpenError> {
    content::read(bytes)?.prove(&address()).map(|opened| opened.content)
}

/// The message with its parts changed.
fn with(content: Content<MimiId>, change: impl FnOnce(&mut Vec<Part>)) -> Result<Content<MimiId>, OpenError> {
    let mut message: Message = codec::decode(&encode(content).unwrap()).unwrap();
    let Body::Multi { parts, .. } = &mut message.body.body else { panic!("files are parts") };
    change(parts);
    open(&codec::encode(&message).expect("it can be written"))
}

fn with_file(change: impl FnOnce(&mut External)) -> Result<Content<MimiId>, OpenError> {
    with(media(1, ""), |parts| match &mut parts[0].body {
        Body::External(external) => change(external),
        _ => panic!("the first part is the file"),
    })
}

#[test]
fn files_come_back_to_the_last_field() {
    for (content, files) in
        [(media(1, ""), 1), (media(10, "ten **of** us"), 10), (Content::Voice(voice()), 1), (card(), 1)]
    {
        assert_eq!(content.files().len(), files);
        let bytes = encode(content.clone()).unwrap();
        assert_eq!(open(&bytes), Ok(content.clone()));
    }
}

#[test]
fn a_sticker_is_one_file_without_words_and_a_picture_to_who_knows_none() {
    let sticker = |files, caption| {
        let Content::Media(media) = media(files, caption) else { panic!("files") };
        Content::Media(Media { sticker: true, ..media })
    };
    let bytes = encode(sticker(1, "")).unwrap();
    assert_eq!(open(&bytes), Ok(sticker(1, "")));
    assert!(encode(sticker(2, "")).is_err());
    assert!(encode(sticker(1, "look")).is_err());
    // The mark is beside the file: without it the same is a picture.
    let mut message: Message = codec::decode(&bytes).unwrap();
    let mark = message.extensions.pop().expect("a mark");
    assert_eq!(open(&codec::encode(&message).unwrap()), Ok(media(1, "")));
    // On several files it says nothing that could be shown.
    let mut message: Message = codec::decode(&encode(media(2, "")).unwrap()).unwrap();
    message.extensions.push(mark);
    assert_eq!(open(&codec::encode(&message).unwrap()), Err(OpenError::BadContent));
}

#[test]
fn above_a_card_stands_one_file_and_nothing_follows_it() {
    let two = |parts: &mut Vec<Part>| {
        let again = parts[..2].to_vec();
        parts.splice(0..0, again);
    };
    assert!(with(card(), |_| ()).is_ok());
    assert!(with(card(), two).is_err());
    assert!(with(card(), |parts| parts.push(parts[2].clone())).is_err());
    assert!(
        with(card(), |parts| parts.swap(0, 2)).is_ok_and(|it| it == Content::Unknown),
        "no file comes first"
    );
    // Without its card it is a picture as people send it.
    assert!(with(card(), |parts| parts.truncate(2)).is_ok_and(|it| it == media(1, "")));
}

#[test]
fn what_cannot_be_sent_is_refused_before_it_is() {
    let large = |change: &dyn Fn(&mut FileRef, &mut Preview)| {
        let (mut file, mut preview) = (file(), preview());
        change(&mut file, &mut preview);
        let caption = String::new();
        encode(Content::Media(Media { files: vec![(file, preview)], caption, sticker: false }))
    };
    assert!(large(&|_, _| ()).is_ok());
    assert!(large(&|file, _| file.size = limits::FILE + 1).is_err());
    assert!(large(&|file, _| file.name = "x".repeat(256)).is_err());
    assert!(large(&|file, _| file.media_type = "x".repeat(128)).is_err());
    assert!(large(&|_, preview| preview.thumbnail = vec![0; kinds::THUMBNAIL + 1]).is_err());
    assert!(large(&|_, preview| preview.blur = vec![0; kinds::BLUR + 1]).is_err());
    assert!(encode(media(0, "nothing")).is_err());
    assert!(encode(media(11, "")).is_err());
    assert!(encode(Content::Voice(Voice { waveform: vec![0; 63], ..voice() })).is_err());
}

#[test]
fn a_file_that_lies_elsewhere_or_is_sealed_in_another_way_is_not_taken() {
    assert!(with_file(|_| ()).is_ok());
    let hostile: [(&str, Change); 13] = [
        ("on the web", |file| file.url = "https://tracker.example/x.jpg".to_owned()),
        ("on this disk", |file| file.url = "file:///etc/passwd".to_owned()),
        ("in capitals", |file| file.url = file.url.replace('a', "A")),
        ("cut", |file| {
            file.url.pop();
        }),
        ("longer", |file| file.url.push('0')),
        ("a key too short", |file| {
            file.key.pop();
        }),
        ("a nonce too long", |file| file.nonce.push(0)),
        ("other associated data", |file| file.aad[20] ^= 1),
        ("another size", |file| file.size += 1),
        ("a size over all limits", |file| file.size = u64::MAX),
        ("no hash", |file| file.hash = 0),
        ("a hash too short", |file| {
            file.content_hash.pop();
        }),
        ("a name too long", |file| file.filename = "x".repeat(300)),
    ];
    for (what, change) in hostile {
        assert_eq!(with_file(change), Err(OpenError::BadContent), "{what}");
    }
    // Sealed in a way that is not known here, it is a message of a kind that is not known here.
    assert_eq!(with_file(|file| file.encryption = 2), Ok(Content::Unknown));
}

#[test]
fn parts_that_do_not_belong_together_are_not_taken() {
    let text = |text: &str| Part {
        disposition: Disposition::RENDER,
        language: String::new(),
        body: Body::Single(Single {
            content_type: "text/plain;charset=utf-8".to_owned(),
            content: text.into(),
        }),
    };
    let refused: [(&str, PartsChange); 5] = [
        ("a file without its preview", Box::new(|parts| drop(parts.remove(1)))),
        ("two captions", Box::new(|parts| parts.push(parts[2].clone()))),
        ("a caption before", Box::new(|parts| parts.swap(0, 2))),
        ("something else", Box::new(move |parts| parts.push(text("hello")))),
        (
            "a preview that is none",
            Box::new(|parts| match &mut parts[1].body {
                Body::Single(single) => single.content = vec![0xf6],
                _ => panic!("a preview"),
            }),
        ),
    ];
    for (what, change) in refused {
        let opened = with(media(1, "look"), change);
        assert!(matches!(opened, Err(_) | Ok(Content::Unknown)), "{what}: {opened:?}");
    }
    let several = with(media(2, ""), |parts| {
        let all = std::mem::take(parts);
        let body = Body::Multi { semantics: Semantics::SingleUnit, parts: all };
        let inner = Part { disposition: Disposition::RENDER, language: String::new(), body };
        parts.extend([inner.clone(), inner]);
    });
    assert_eq!(several, Ok(Content::Unknown), "parts in parts are another app's");
}
