//! Files at the relay: granted, uploaded in parts, read in ranges, passed on, and gone in the end.

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_proto::wire::{self, request::Op, response};
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_relay::config::Quotas;
use lacre_relay::limits::RateLimits;
use lacre_relay::services::Settings;
use lacre_relay::{Config, Place, Relay, RunningRelay};
use lacre_store::blobs::{BlobStore, FolderBlobs, MemoryBlobs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::sockets::{Client, PATIENCE, config, tls};
use crate::world::{Answered, NOW, Person, Socket, World, hash};

pub const DAY: Millis = 24 * 3600 * 1000;
const PART: usize = limits::BLOB_PART as usize;
pub const UPLOAD: [u8; 32] = [0xa1; 32];
pub const READ: [u8; 32] = [0xb2; 32];

pub fn grant(size: usize) -> wire::GrantBlob {
    grant_as(size, &UPLOAD, &READ)
}

pub fn grant_as(size: usize, upload: &[u8; 32], read: &[u8; 32]) -> wire::GrantBlob {
    wire::GrantBlob { size: size as u64, keep_ms: 30 * DAY, upload_hash: hash(upload), read_hash: hash(read) }
}

pub fn refer(capability: &[u8; 32], read: &[u8; 32]) -> Op {
    let capability = Bytes::copy_from_slice(capability);
    Op::ReferBlob(wire::ReferBlob { capability, read_hash: hash(read), keep_ms: 30 * DAY })
}

pub fn video(length: usize) -> Bytes {
    (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>().into()
}

/// What HTTP answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// One request on a connection of its own.
pub async fn http(relay: &RunningRelay, request: &str, capability: &[u8; 32], body: &[u8]) -> Answer {
    let head = format!(
        "{request} HTTP/1.1\r\nhost: r\r\nauthorization: Capability {}\r\ncontent-length: {}\r\nconnection: close",
        hex::encode(capability),
        body.len()
    );
    raw(relay, &head, body).await
}

/// The same with whatever head.
pub async fn raw(relay: &RunningRelay, head: &str, body: &[u8]) -> Answer {
    let mut stream = tls(relay).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = async {
        // It may answer before it has everything.
        let _ = writer.write_all(body).await;
        let _ = writer.flush().await;
    };
    let mut said = Vec::new();
    let read = async {
        let _ = reader.read_to_end(&mut said).await;
    };
    let both = async { tokio::join!(write, read) };
    tokio::time::timeout(PATIENCE, both).await.expect("answered in time");
    let end = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(said.len());
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body: said.get(end + 4..).unwrap_or_default().to_vec() }
}

pub async fn start(config: Config) -> RunningRelay {
    Relay::start(config).await.unwrap()
}

pub async fn ana(relay: &RunningRelay) -> Client {
    Client::sign_up(relay, &Person::new("ana")).await
}

pub async fn upload(relay: &RunningRelay, capability: &[u8; 32], video: &[u8]) {
    for (number, part) in video.chunks(PART).enumerate() {
        let answer = http(relay, &format!("PUT /blobs/upload/{number}"), capability, part).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    let answer = http(relay, "POST /blobs/upload", capability, &hash(video)).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[tokio::test]
async fn ana_uploads_in_parts_over_a_restart_and_bruno_reads_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let folder_config = || Config::new(Place::Folder(folder.path().into()), config().listen);
    let video = video(2 * PART + 77);
    let relay = start(folder_config()).await;
    let mut hers = ana(&relay).await;
    assert!(matches!(
        hers.ask(Op::GrantBlob(grant(video.len()))).await,
        Ok(response::Result::BlobGranted(_))
    ));
    let last = &video[2 * PART..];
    assert_eq!(http(&relay, "PUT /blobs/upload/2", &UPLOAD, last).await.status, 204);
    assert_eq!(http(&relay, "GET /blobs", &READ, &[]).await.status, 404, "it is not whole");
    relay.stop().await;

    let relay = start(folder_config()).await;
    let state = http(&relay, "GET /blobs/upload", &UPLOAD, &[]).await;
    assert_eq!(String::from_utf8(state.body).unwrap(), r#"{"whole":false,"parts":[2]}"#);
    let early = http(&relay, "POST /blobs/upload", &UPLOAD, &hash(&video)).await;
    assert_eq!((early.status, &early.body[..]), (409, &b"blob_incomplete"[..]));
    upload(&relay, &UPLOAD, &video).await;
    // Whatever is asked again is answered as the first time.
    assert_eq!(http(&relay, "POST /blobs/upload", &UPLOAD, &hash(&video)).await.status, 204);
    assert_eq!(http(&relay, "PUT /blobs/upload/2", &UPLOAD, last).await.status, 204);

    let whole = http(&relay, "GET /blobs", &READ, &[]).await;
    assert_eq!(whole.status, 200);
    assert!(whole.body == video, "byte for byte");
    assert!(whole.head.contains("x-content-type-options: nosniff"), "{}", whole.head);
    assert!(whole.head.contains("content-disposition: attachment"), "{}", whole.head);
    for (range, from, to) in [("bytes=0-9", 0, 10), ("bytes=4194300-4194309", PART - 4, PART + 6)] {
        let head = format!(
            "GET /blobs HTTP/1.1\r\nhost: r\r\nconnection: close\r\nrange: {range}\r\nauthorization: Capability {}",
            hex::encode(READ)
        );
        let part = raw(&relay, &head, &[]).await;
        assert_eq!((part.status, &part.body[..]), (206, &video[from..to]), "{range}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn what_arrives_altered_is_refused_at_the_end_and_can_be_sent_anew() {
    let relay = start(config()).await;
    let video = video(PART + 5);
    ana(&relay).await.ask(Op::GrantBlob(grant(video.len()))).await.unwrap();
    let mut altered = video.to_vec();
    altered[PART + 1] ^= 1;
    assert_eq!(http(&relay, "PUT /blobs/upload/0", &UPLOAD, &altered[..PART]).await.status, 204);
    assert_eq!(http(&relay, "PUT /blobs/upload/1", &UPLOAD, &altered[PART..]).await.status, 204);
    let refused = http(&relay, "POST /blobs/upload", &UPLOAD, &hash(&video)).await;
    assert_eq!((refused.status, &refused.body[..]), (409, &b"blob_differs"[..]));
    assert_eq!(http(&relay, "GET /blobs", &READ, &[]).await.status, 404);
    upload(&relay, &UPLOAD, &video).await;
    assert!(http(&relay, "GET /blobs", &READ, &[]).await.body == video);
    relay.stop().await;
}

#[tokio::test]
async fn a_full_disk_refuses_with_its_own_word_and_reads_go_on() {
    let full = BlobStore::Memory(MemoryBlobs::with_room(PART as u64 + 1000));
    let relay = start(Config { blobs: Some(full), ..config() }).await;
    let mut hers = ana(&relay).await;
    let video = video(PART);
    hers.ask(Op::GrantBlob(grant(video.len()))).await.unwrap();
    upload(&relay, &UPLOAD, &video).await;
    hers.ask(Op::GrantBlob(grant_as(5000, &[1; 32], &[2; 32]))).await.unwrap();
    let refused = http(&relay, "PUT /blobs/upload/0", &[1; 32], &[0; 5000]).await;
    assert_eq!((refused.status, &refused.body[..]), (507, &b"no_room"[..]));
    assert!(http(&relay, "GET /blobs", &READ, &[]).await.body == video, "K-05: reads go on");
    assert!(hers.ask(Op::MintTicket(wire::MintTicket {})).await.is_ok(), "and messages do");
    // There is room again: the same upload goes on where it was.
    assert_eq!(http(&relay, "DELETE /blobs/upload", &UPLOAD, &[]).await.status, 204);
    relay.stop().await;
}

// ---------------------------------------------------------------- without sockets

fn settings(blobs: BlobStore) -> Settings {
    Settings { rates: RateLimits::lifted(), blobs, ..Settings::default() }
}

fn granted(socket: &mut Socket<impl lacre_store::data::Data>, op: wire::GrantBlob) -> Answered {
    socket.ask(Op::GrantBlob(op))
}

#[test]
fn an_account_uploads_only_so_much_in_thirty_days_and_each_file_is_only_so_large() {
    let quotas = Quotas { blobs: 1000, blob: 600, ..Quotas::default() };
    let mut world = World::with(Settings { quotas, ..settings(BlobStore::default()) });
    let (_, mut ana) = world.sign_up("ana");
    assert_eq!(granted(&mut ana, grant(601)), Err(ErrorCode::TooLarge));
    assert_eq!(granted(&mut ana, grant(0)), Err(ErrorCode::BadRequest));
    let first = granted(&mut ana, grant(600));
    assert!(first.is_ok());
    assert_eq!(granted(&mut ana, grant(600)), first, "the same again, counted once");
    assert_eq!(
        granted(&mut ana, grant(599)),
        Err(ErrorCode::BadRequest),
        "another under the same capabilities"
    );
    let second = || grant_as(500, &[1; 32], &[2; 32]);
    assert_eq!(granted(&mut ana, second()), Err(ErrorCode::BlobQuota));
    let (_, mut bruno) = world.sign_up("bruno");
    let his = grant_as(600, &[3; 32], &READ);
    assert_eq!(granted(&mut bruno, his), Err(ErrorCode::BadRequest), "the reference is Ana's");
    assert!(granted(&mut bruno, grant_as(600, &[3; 32], &[4; 32])).is_ok());
    world.now += 30 * DAY;
    let mut ana = world.login(&Person::new("ana"));
    assert!(granted(&mut ana, second()).is_ok());
    let mut anonymous = world.connect();
    assert_eq!(anonymous.ask(Op::GrantBlob(second())), Err(ErrorCode::LoginNeeded));
}

#[test]
fn many_files_at_once_are_slowed_down() {
    let world = World::with(Settings { rates: RateLimits::default(), ..settings(BlobStore::default()) });
    let (_, mut ana) = world.sign_up("ana");
    for index in 0..50u8 {
        assert!(granted(&mut ana, grant_as(10, &[index; 32], &[100 + index; 32])).is_ok());
    }
    assert_eq!(granted(&mut ana, grant_as(10, &[51; 32], &[151; 32])), Err(ErrorCode::SlowDown));
}

/// A blob of three bytes, put there without HTTP.
fn put(world: &World, op: wire::GrantBlob) {
    let (_, mut ana) = world.sign_up("ana");
    assert!(granted(&mut ana, op).is_ok());
    let http = world.services.clone();
    let done = http.store_blob(&UPLOAD, Bytes::from_static(b"wax"), world.now);
    done.now_or_never().unwrap().unwrap();
}

fn read(world: &World, capability: &[u8; 32]) -> Result<Bytes, ErrorCode> {
    let read = world.services.load_blob(capability, world.now).now_or_never().unwrap();
    read.map_err(|error| error.code)
}

fn sweep(world: &World) {
    world.services.sweep_blobs(world.now, 100).now_or_never().unwrap().unwrap();
}

#[test]
fn a_reference_ends_when_it_was_to_end_and_the_blob_goes_with_the_last() {
    let blobs = MemoryBlobs::new();
    let mut world = World::with(settings(BlobStore::Memory(blobs.clone())));
    put(&world, wire::GrantBlob { keep_ms: DAY, ..grant(3) });
    assert_eq!(read(&world, &READ), Ok(Bytes::from_static(b"wax")));
    let mut anonymous = world.connect();
    assert!(anonymous.ask(refer(&READ, &[5; 32])).is_ok());
    assert!(anonymous.ask(refer(&READ, &[5; 32])).is_ok(), "again");
    assert_eq!(anonymous.ask(refer(&[6; 32], &[7; 32])), Err(ErrorCode::NoSuchBlob));
    world.now = NOW + DAY;
    assert_eq!(read(&world, &READ), Err(ErrorCode::NoSuchBlob));
    sweep(&world);
    assert_eq!(read(&world, &[5; 32]), Ok(Bytes::from_static(b"wax")), "who was passed it reads on");
    world.now = NOW + 30 * DAY;
    sweep(&world);
    assert_eq!(read(&world, &[5; 32]), Err(ErrorCode::NoSuchBlob));
    assert_eq!(blobs.count(), 1, "what may be read just now is not pulled away");
    world.now += DAY;
    sweep(&world);
    assert_eq!(blobs.count(), 0);
}

#[test]
fn nothing_keeps_a_blob_for_ever() {
    let mut world = World::with(settings(BlobStore::default()));
    put(&world, grant(3));
    let mut newest = READ;
    for index in 0..20u8 {
        world.now += 25 * DAY;
        let next = [index; 32];
        if world.connect().ask(refer(&newest, &next)).is_err() {
            assert!(index > 12);
            return;
        }
        newest = next;
    }
    panic!("it was passed on for more than a year");
}

#[test]
fn an_upload_that_is_never_finished_goes_after_a_week() {
    let blobs = MemoryBlobs::new();
    let mut world = World::with(settings(BlobStore::Memory(blobs.clone())));
    let (_, mut ana) = world.sign_up("ana");
    granted(&mut ana, grant(PART + 1)).unwrap();
    let part = world.services.store_part(&UPLOAD, 0, video(PART), world.now);
    part.now_or_never().unwrap().unwrap();
    assert_eq!(blobs.count(), 1);
    world.now += 7 * DAY;
    sweep(&world);
    world.now += DAY;
    sweep(&world);
    assert_eq!(blobs.count(), 0);
    assert!(granted(&mut world.login(&Person::new("ana")), grant(PART + 1)).is_ok(), "and can be begun anew");
}

#[test]
fn a_crash_anywhere_in_the_collection_deletes_no_blob_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FolderBlobs::open(folder.path()).unwrap();
    let data = lacre_store::memory::MemoryData::new();
    let world = |now| {
        let mut world = World::over(data.clone(), settings(BlobStore::Folder(open())));
        world.now = now;
        world
    };
    // The folder's work is done by other threads.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let first = world(NOW);
        let (_, mut ana) = first.sign_up("ana");
        assert!(granted(&mut ana, wire::GrantBlob { keep_ms: DAY, ..grant(3) }).is_ok());
        first.services.store_blob(&UPLOAD, Bytes::from_static(b"wax"), NOW).await.unwrap();
        // It dies after the mark and before the bytes went: somebody read it until then, nobody does now.
        let second = world(NOW + 2 * DAY);
        second.services.sweep_blobs(second.now, 100).await.unwrap();
        assert!(second.services.load_blob(&READ, second.now).await.is_err());
        assert_eq!(files(folder.path()), 1);
        // After its restart nobody can bring the blob back to life, and the bytes go.
        let mut third = world(NOW + 3 * DAY);
        assert_eq!(third.connect().ask(refer(&READ, &[5; 32])), Err(ErrorCode::NoSuchBlob));
        // Another blob, made meanwhile, stays.
        let mut ana = third.login(&Person::new("ana"));
        assert!(granted(&mut ana, grant_as(3, &[8; 32], &[9; 32])).is_ok());
        third.services.store_blob(&[8; 32], Bytes::from_static(b"new"), third.now).await.unwrap();
        third.services.sweep_blobs(third.now, 100).await.unwrap();
        assert_eq!(third.services.load_blob(&[9; 32], third.now).await.unwrap(), "new");
        assert_eq!(files(folder.path()), 1);
        third.now += DAY;
        third.services.sweep_blobs(third.now, 100).await.unwrap();
        assert_eq!(files(folder.path()), 1);
    });
}

fn files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_given_up_upload_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::open(folder.path()).unwrap();
    let relay = start(Config { blobs: Some(BlobStore::Folder(blobs)), ..config() }).await;
    ana(&relay).await.ask(Op::GrantBlob(grant(PART + 3))).await.unwrap();
    assert_eq!(http(&relay, "PUT /blobs/upload/0", &UPLOAD, &video(PART)).await.status, 204);
    assert_eq!(http(&relay, "DELETE /blobs/upload", &UPLOAD, &[]).await.status, 204);
    for request in ["GET /blobs/upload", "POST /blobs/upload", "DELETE /blobs/upload"] {
        assert_eq!(http(&relay, request, &UPLOAD, &[]).await.status, 404, "{request}");
    }
    assert_eq!(http(&relay, "GET /blobs", &READ, &[]).await.status, 404);
    assert_eq!(files(folder.path()), 0, "its parts are gone");
    relay.stop().await;
}
