use std::path::Path;

use lacre_store::memory::MemoryData;

use super::*;
use crate::fake::FakeChat;

fn media(folder: &Path) -> Media<MemoryData> {
    Media::new(Store(MemoryData::default()), folder.join("media"))
}

async fn take(media: &Media<MemoryData>, mime: &str, bytes: &[u8]) -> Result<Medium, MediaError> {
    let mut taking = media.begin(7, mime).await?;
    for piece in bytes.chunks(5) {
        if let Err(error) = taking.write(piece).await {
            media.give_up(taking).await;
            return Err(error);
        }
    }
    media.finish(taking, Some("../../etc/menu\n.txt".to_owned()), 1_000, 1).await
}

/// Files in the media folder and below it.
fn files(folder: &Path) -> usize {
    let count = |folder: &Path| {
        let all = std::fs::read_dir(folder).into_iter().flatten().flatten();
        all.filter(|it| it.path().is_file()).count()
    };
    count(&folder.join("media")) + count(&folder.join("media/sealed"))
}

#[tokio::test]
async fn a_file_is_taken_found_and_gone_when_its_time_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let media = media(folder.path());
    let medium = take(&media, "text/plain", b"the menu of the day").await.expect("taken");
    assert_eq!((medium.size, medium.name.as_deref()), (19, Some("menu.txt")));
    assert_eq!(medium.sha256, <[u8; 32]>::from(Sha256::digest(b"the menu of the day")));
    let file = media.file(&medium, &FakeChat::default()).await.expect("there");
    assert_eq!(std::fs::read(file.plain()).expect("there"), b"the menu of the day");
    drop(file);

    assert_eq!(media.find(7, 999).await, Ok(Some(medium)));
    assert_eq!(media.find(7, 1_000).await, Ok(None));
    assert_eq!((media.sweep(999).await.expect("swept"), files(folder.path())), (0, 1));
    assert_eq!((media.sweep(1_000).await.expect("swept"), files(folder.path())), (1, 0));
    assert_eq!(media.find(7, 1).await, Ok(None));
}

#[tokio::test]
async fn what_is_too_large_empty_or_something_else_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let media = media(folder.path());
    let flood = [b"RIFF____WEBP".as_slice(), &vec![0; 500 * 1024]].concat();
    assert!(matches!(take(&media, "image/webp", &flood).await, Err(MediaError::TooLarge(512_000))));
    assert!(matches!(take(&media, "text/plain", b"").await, Err(MediaError::Empty)));
    assert!(matches!(take(&media, "image/png", b"MZ program").await, Err(MediaError::OtherType)));
    for kind in ["", "text", "text/", "/x", "a b/c", "text/pl\nain"] {
        assert!(matches!(take(&media, kind, b"x").await, Err(MediaError::NoType)), "{kind}");
    }
    assert_eq!(files(folder.path()), 0);
    assert_eq!(media.find(7, 1).await, Ok(None));
}

#[tokio::test]
async fn what_a_crash_left_half_is_swept_away_after_a_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let media = media(folder.path());
    let mut taking = media.begin(7, "text/plain").await.expect("begun");
    taking.write(b"half").await.expect("written");
    taking.file.flush().await.expect("on disk");
    drop(taking);
    let written = std::fs::metadata(media.part(7).await.expect("a path")).and_then(|it| it.modified());
    let written = written.expect("there").duration_since(UNIX_EPOCH).expect("after it").as_millis() as Millis;
    let day = PART_LIFE.as_millis() as Millis;
    assert_eq!((media.sweep(written + day - 1).await.expect("swept"), files(folder.path())), (0, 1));
    assert_eq!((media.sweep(written + day + 2).await.expect("swept"), files(folder.path())), (1, 0));
}

#[tokio::test]
async fn a_customers_file_has_one_id_and_is_fetched_when_it_is_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (media, chat) = (media(folder.path()), FakeChat::default());
    let source = Source::Customer(MessageId([1; 16]), 0);
    let mime = "image/png".to_owned();
    let medium = Medium { id: 8, mime, sha256: [0; 32], size: 3, name: None, expires: 1_000, source };
    assert_eq!(media.note(medium.clone()).await, Ok(8));
    assert_eq!(media.note(Medium { id: 9, ..medium.clone() }).await, Ok(8), "the same file again");
    assert_eq!(files(folder.path()), 0);

    assert!(matches!(media.file(&medium, &chat).await, Err(MediaError::Chat(_))), "it is not there yet");
    chat.has_file(MessageId([1; 16]), 0, b"png");
    let file = media.file(&medium, &chat).await.expect("fetched");
    assert_eq!(std::fs::read(file.plain()).expect("there"), b"png");
    media.delete(&medium).await.expect("deleted");
    assert_eq!(media.note(Medium { id: 9, ..medium }).await, Ok(9), "deleted is forgotten");
}

#[tokio::test]
async fn two_who_want_a_file_at_the_same_time_have_it_fetched_once_and_get_it_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let (media, chat) = (media(folder.path()), FakeChat::default());
    let source = Source::Customer(MessageId([1; 16]), 0);
    let mime = "image/png".to_owned();
    let medium = Medium { id: 8, mime, sha256: [0; 32], size: 3, name: None, expires: 1_000, source };
    media.note(medium.clone()).await.expect("noted");
    chat.has_file(MessageId([1; 16]), 0, b"a picture");
    let (one, other) = tokio::join!(media.file(&medium, &chat), media.file(&medium, &chat));
    for file in [one, other] {
        assert_eq!(std::fs::read(file.expect("fetched").plain()).expect("there"), b"a picture");
    }
    assert_eq!((chat.fetched(), media.fetching().len()), (1, 0));
}
#[tokio::test]
async fn at_rest_nothing_of_a_file_can_be_read_and_a_range_of_it_can_by_who_has_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let media = media(folder.path());
    let words: Vec<u8> = (0..20_000).flat_map(|n: u32| format!("{n} loaves ").into_bytes()).collect();
    let medium = take(&media, "text/plain", &words).await.expect("taken");
    let chat = FakeChat::default();
    let seen = |needle: &[u8]| {
        let mut folders = vec![folder.path().to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("read").flatten().map(|it| it.path()) {
                match std::fs::read(&entry) {
                    Ok(bytes) if bytes.windows(needle.len()).any(|it| it == needle) => found.push(entry),
                    Ok(_) => {}
                    Err(_) => folders.push(entry),
                }
            }
        }
        found
    };
    assert_eq!(seen(b" loaves "), Vec::<PathBuf>::new());
    let sealed = media.read(&medium, &chat).await.expect("there");
    assert_eq!(sealed.size(), words.len() as u64);
    assert_eq!(sealed.read(131_000..131_200).await.expect("read"), words[131_000..131_200]);
    let opened = media.file(&medium, &chat).await.expect("opened");
    assert_eq!(seen(b" loaves ").len(), 1, "while it is being sent");
    drop(opened);
    assert_eq!(seen(b" loaves "), Vec::<PathBuf>::new());
    media.delete(&medium).await.expect("deleted");
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn what_lies_plain_from_before_is_sealed_at_the_start_and_what_a_crash_left_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let media = media(folder.path());
    let medium = take(&media, "text/plain", b"the menu of the day").await.expect("taken");
    let what = (None, "text/plain".to_owned(), 9);
    media.begin_upload([7; 16], 9, what, 0).await.expect("begun");
    // As an earlier version left it.
    let sealed = media.seal_of(medium.id).await.expect("read").expect("sealed");
    media.unseal(&sealed).await.expect("removed");
    media.store.write(Batch::new().delete(vault::seal_key(medium.id))).await.expect("written");
    let lay = |name: &str| std::fs::write(folder.path().join("media").join(name), b"the menu of the day");
    for name in ["7", "8", "7.part", "9.part", "7.open-3", "notes.txt"] {
        lay(name).expect("written");
    }
    let orphan = media.seal(&folder.path().join("media/8")).await.expect("sealed");
    media.tidy_up(1).await.expect("tidy");
    let mut left: Vec<_> = std::fs::read_dir(folder.path().join("media"))
        .expect("read")
        .flatten()
        .filter_map(|it| it.file_name().into_string().ok())
        .collect();
    left.sort();
    assert_eq!(left, ["notes.txt", "sealed"], "what is not ours stays");
    let (_, upload) = media.open_uploads(1).await.expect("read").pop().expect("it may go on");
    assert_eq!(media.uploaded(&upload).await.expect("told"), 19, "what came of it is sealed");
    assert!(!media.vault.as_ref().as_ref().expect("a folder").has(&orphan.hash));
    let file = media.file(&medium, &FakeChat::default()).await.expect("there");
    assert_eq!(std::fs::read(file.plain()).expect("there"), b"the menu of the day");
}
