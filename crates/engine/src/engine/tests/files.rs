//! Messages with files: they wait for their files and hold nobody up.

use sha2::{Digest, Sha256};

use crate::api::{Effect, FileToSend, Input, Intent, NotUp, Refusal, To};
use crate::content::{Content, FileRef, Media, MessageId, Preview};
use crate::files::{FileKey, Shape};
use crate::harness::world::World;
use crate::records::{DownloadFailure, Failure, FileId, MessageState, Records, Transfer};
use lacre_proto::{ConversationId, ErrorCode};

fn file(name: &str, hash: u8) -> FileRef {
    FileRef {
        capability: [hash; 32],
        key: FileKey { key: [1; 32], nonce: [2; 7] },
        size: 70_000,
        hash: [hash; 32],
        media_type: "image/jpeg".to_owned(),
        name: name.to_owned(),
        kept_s: 0,
    }
}

fn media(files: &[FileRef], caption: &str) -> Content {
    let files = files.iter().map(|file| (file.clone(), Preview::default())).collect();
    Content::Media(Media { files, caption: caption.to_owned(), sticker: false })
}

/// Ana and Bruno, who know each other.
fn pair() -> World {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "hello");
    world.run();
    world.say("bruno", "ana", "hello");
    world.run();
    world
}

fn id(world: &World, name: &str, with: &str) -> ConversationId {
    world.conversation(name, with).id
}

/// What the driver was asked to upload, in order.
fn uploads(world: &mut World, name: &str) -> Vec<FileToSend> {
    let files = std::mem::take(&mut world.person(name).files);
    files
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Upload(file) => Some(file),
            _ => None,
        })
        .collect()
}

fn up(world: &mut World, name: &str, file: FileId) {
    world.step(name, Input::Uploaded(file, Ok(())));
    world.run();
}

fn transfer(world: &World, name: &str, file: FileId) -> Transfer {
    Records(&world.people[name].store).transfer(file).unwrap()
}

#[test]
fn an_album_goes_when_all_its_files_are_up_and_words_go_before_it() {
    let mut world = pair();
    let album = world.say_content("ana", "bruno", media(&[file("a", 1), file("b", 2)], "two of us"));
    world.say("ana", "bruno", "a word meanwhile");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hello", "hello", "a word meanwhile"]);
    assert_eq!(world.state("ana", "bruno", album), MessageState::Queued);
    let asked = uploads(&mut world, "ana");
    assert_eq!(asked.iter().map(|upload| upload.hash[0]).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(asked[0].sealed, Shape::of(70_000).unwrap().sealed());
    assert_eq!(transfer(&world, "ana", asked[0].file), Transfer::Sending);
    up(&mut world, "ana", asked[1].file);
    assert_eq!(world.seen("bruno", "ana").len(), 3, "one is missing");
    up(&mut world, "ana", asked[0].file);
    assert_eq!(world.seen("bruno", "ana"), ["hello", "hello", "a word meanwhile", "[Content(media)]"]);
    assert_eq!(world.seen("ana", "bruno"), world.seen("bruno", "ana"), "in one order");
    assert_eq!(transfer(&world, "ana", asked[0].file), Transfer::None);
    let row = world.rows("bruno", "ana").pop().unwrap();
    assert_eq!(row.content, media(&[file("a", 1), file("b", 2)], "two of us"), "to the last field");
    assert_eq!(row.id, album);
}

#[test]
fn an_upload_goes_on_after_a_crash_and_is_told_once_on_a_connection() {
    let mut world = pair();
    world.say_content("ana", "bruno", media(&[file("a", 1)], ""));
    world.run();
    let first = uploads(&mut world, "ana");
    assert_eq!(first.len(), 1);
    world.wait(5_000);
    assert!(uploads(&mut world, "ana").is_empty());
    world.kill("ana");
    world.connect("ana");
    world.run();
    let again = uploads(&mut world, "ana");
    assert!(again == first, "with the same capability");
    up(&mut world, "ana", first[0].file);
    assert_eq!(world.seen("bruno", "ana").len(), 3);
    // What was done before the crash is not done again.
    world.kill("ana");
    world.connect("ana");
    world.run();
    assert!(uploads(&mut world, "ana").is_empty());
}

#[test]
fn a_grant_that_is_too_old_is_asked_for_anew_and_what_fails_for_good_fails_the_message() {
    let mut world = pair();
    let photo = world.say_content("ana", "bruno", media(&[file("a", 1)], ""));
    world.run();
    let first = uploads(&mut world, "ana").remove(0);
    world.step("ana", Input::Uploaded(first.file, Err(NotUp::NoGrant)));
    world.run();
    let second = uploads(&mut world, "ana").remove(0);
    assert_ne!(first.capability, second.capability);
    world.step("ana", Input::Uploaded(second.file, Err(NotUp::NotHere)));
    world.run();
    assert_eq!(world.state("ana", "bruno", photo), MessageState::Failed(Failure::FileGone));
    world.relay.no_blobs = Some(ErrorCode::BlobQuota);
    let refused = world.say_content("ana", "bruno", media(&[file("b", 2)], ""));
    world.run();
    let quota = Failure::Relay(ErrorCode::BlobQuota.number());
    assert_eq!(world.state("ana", "bruno", refused), MessageState::Failed(quota));
    // What may pass is tried again.
    world.relay.no_blobs = Some(ErrorCode::NoRoom);
    let waits = world.say_content("ana", "bruno", media(&[file("c", 3)], ""));
    world.run();
    assert_eq!(world.state("ana", "bruno", waits), MessageState::Queued);
    world.relay.no_blobs = None;
    world.wait(10_000);
    let file = uploads(&mut world, "ana").remove(0).file;
    up(&mut world, "ana", file);
    assert_eq!(world.state("ana", "bruno", waits), MessageState::Delivered);
    assert_eq!(world.seen("bruno", "ana").len(), 3);
}

#[test]
fn a_message_that_is_given_up_takes_its_upload_with_it() {
    let mut world = pair();
    let photo = world.say_content("ana", "bruno", media(&[file("a", 1)], ""));
    world.run();
    let upload = uploads(&mut world, "ana").remove(0);
    world.intent("ana", Intent::Cancel(photo));
    assert!(matches!(
        world.person("ana").files[..],
        [Effect::StopUploading(file, capability)] if file == upload.file && capability == upload.capability
    ));
    assert_eq!(world.state("ana", "bruno", photo), MessageState::Failed(Failure::Cancelled));
    // Its end comes too late.
    up(&mut world, "ana", upload.file);
    assert_eq!(world.seen("bruno", "ana").len(), 2);
}

#[test]
fn what_is_passed_on_is_referred_to_under_a_capability_of_its_own() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    for (from, to) in [("ana", "bruno"), ("bruno", "ana"), ("bruno", "carla"), ("carla", "bruno")] {
        world.say(from, to, "hello");
        world.run();
    }
    let photo = world.say_content("ana", "bruno", media(&[file("a", 1)], "look"));
    world.run();
    let upload = uploads(&mut world, "ana").remove(0);
    up(&mut world, "ana", upload.file);
    let from = id(&world, "bruno", "ana");
    let to = vec![To::Person("carla".parse().unwrap())];
    world.intent("bruno", Intent::Forward { from, message: photo, to });
    world.run();
    assert!(uploads(&mut world, "bruno").is_empty(), "nothing is uploaded twice");
    let row = world.rows("carla", "bruno").pop().unwrap();
    assert_eq!(row.marks.manner.forwarded, 1);
    let files = row.content.files();
    assert_ne!(files[0].capability, [1; 32]);
    assert_eq!((files[0].hash, &files[0].key), ([1; 32], &file("a", 1).key), "the same sealed file");
    assert!(world.relay.blobs.contains(&Sha256::digest(files[0].capability)[..]));
    // What the relay keeps no longer goes up anew from a device that has it.
    world.relay.blobs.clear();
    let to = vec![To::Person("ana".parse().unwrap())];
    world.intent("bruno", Intent::Forward { from, message: photo, to });
    world.run();
    let anew = uploads(&mut world, "bruno").remove(0);
    up(&mut world, "bruno", anew.file);
    assert_eq!(world.rows("ana", "bruno").pop().unwrap().content.files().len(), 1);
}

#[test]
fn a_download_is_asked_for_goes_on_after_a_crash_and_tells_why_it_failed() {
    let mut world = pair();
    let photo = world.say_content("ana", "bruno", media(&[file("a", 1)], ""));
    world.run();
    let upload = uploads(&mut world, "ana").remove(0);
    up(&mut world, "ana", upload.file);
    let wanted = FileId { conversation: id(&world, "bruno", "ana"), message: photo, index: 0 };
    world.intent("bruno", Intent::Fetch(FileId { index: 1, ..wanted }));
    world.intent("bruno", Intent::Fetch(wanted));
    let fetches = |world: &mut World| {
        let files = std::mem::take(&mut world.person("bruno").files);
        files.into_iter().filter(|effect| matches!(effect, Effect::Fetch(_))).count()
    };
    assert_eq!(fetches(&mut world), 1, "there is no second file");
    assert_eq!(transfer(&world, "bruno", wanted), Transfer::Fetching);
    world.kill("bruno");
    world.connect("bruno");
    assert_eq!(fetches(&mut world), 1);
    world.step("bruno", Input::Fetched(wanted, Err(DownloadFailure::Altered)));
    assert_eq!(transfer(&world, "bruno", wanted), Transfer::NotFetched(DownloadFailure::Altered));
    world.kill("bruno");
    world.connect("bruno");
    assert_eq!(fetches(&mut world), 0, "nobody asked for it again");
    world.intent("bruno", Intent::Fetch(wanted));
    world.step("bruno", Input::Fetched(wanted, Ok(())));
    assert_eq!(transfer(&world, "bruno", wanted), Transfer::None);
    // The sealed file goes with the last message that has it.
    world.person("bruno").files.clear();
    world.intent("bruno", Intent::DeleteHere(wanted.conversation, photo));
    assert!(world.person("bruno").files.iter().any(|effect| matches!(effect, Effect::DropFile([1, ..]))));
    assert!(!Records(&world.people["bruno"].store).needs_file(&[1; 32]).unwrap());
}

#[test]
fn a_strangers_files_are_not_fetched() {
    let mut world = World::of(&["ana", "mallory"]);
    world.person("ana").wary = true;
    world.say("mallory", "ana", "hi");
    world.run();
    let photo = world.say_content("mallory", "ana", media(&[file("a", 1)], ""));
    world.run();
    let upload = uploads(&mut world, "mallory").remove(0);
    up(&mut world, "mallory", upload.file);
    let conversation = id(&world, "ana", "mallory");
    world.intent("ana", Intent::Fetch(FileId { conversation, message: photo, index: 0 }));
    assert!(world.person("ana").files.is_empty());
    let refused = world
        .person("ana")
        .events
        .iter()
        .any(|event| matches!(event, crate::Event::Refused(_, Refusal::NotAccepted)));
    assert!(refused);
    world.intent("ana", Intent::Accept(conversation));
    world.intent("ana", Intent::Fetch(FileId { conversation, message: photo, index: 0 }));
    assert_eq!(world.person("ana").files.len(), 1);
}

#[test]
fn a_message_id_that_is_not_there_fetches_nothing() {
    let mut world = pair();
    let conversation = id(&world, "ana", "bruno");
    world.intent("ana", Intent::Fetch(FileId { conversation, message: MessageId([9; 16]), index: 0 }));
    assert!(world.person("ana").files.is_empty());
}
