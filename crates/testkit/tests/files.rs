//! Files between two clients over a real relay, in one process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use lacre_client::clock::SystemClock;
use lacre_client::content::{Content, FileRef, Media, MessageId, Preview};
use lacre_client::files::{DownloadFailure, FileId, Folder, Pace, Transfer};
use lacre_client::store::MemoryStore;
use lacre_client::transport::{Endpoint, TlsConnect, Trust};
use lacre_client::{Client, Intent, Setting, SignUp};
use lacre_proto::ConversationId;
use lacre_relay::{Config, Place, Relay, RunningRelay};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tempfile::TempDir;

struct Scene {
    relay: RunningRelay,
    ana: Client,
    bruno: Client,
    folder: TempDir,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("relay"));
    let relay = Relay::start(Config::new(place, SocketAddr::from(([127, 0, 0, 1], 0)))).await.unwrap();
    let ana = person("ana", 1, &relay, folder.path()).await;
    let bruno = person("bruno", 2, &relay, folder.path()).await;
    Scene { relay, ana, bruno, folder }
}

async fn person(name: &str, seed: u64, relay: &RunningRelay, folder: &Path) -> Client {
    let address = format!("https://{}", relay.address).parse().unwrap();
    let setting = Setting {
        store: Arc::new(MemoryStore::default()),
        connect: Arc::new(TlsConnect::default()),
        clock: Arc::new(SystemClock),
        rng: Box::new(ChaCha20Rng::seed_from_u64(seed)),
        files: Some(Folder::open(folder.join(name)).unwrap()),
        pace: Pace::default(),
    };
    let endpoint = Endpoint { address, trust: Trust::FirstUse };
    let wanted = SignUp { endpoint, handle: name.parse().unwrap(), invite: None };
    let client = Client::sign_up(setting, wanted).await.unwrap();
    client.flush().await;
    client
}

/// A film without a repetition that a chunk or a part would hide.
fn film(length: usize) -> Vec<u8> {
    (0..length as u32).flat_map(|at| (at.wrapping_mul(2_654_435_761)).to_le_bytes()).take(length).collect()
}

fn seal(client: &Client, bytes: &[u8]) -> FileRef {
    let mut rng = ChaCha20Rng::seed_from_u64(bytes.len() as u64);
    let files = client.files().unwrap();
    files.seal(&mut Cursor::new(bytes), bytes.len() as u64, &mut rng, &mut |_| ()).unwrap()
}

impl Scene {
    /// Ana sends a file to Bruno, who accepts her; where it is at his.
    async fn send(&self, file: &FileRef) -> (ConversationId, MessageId) {
        let media =
            Media { files: vec![(file.clone(), Preview::default())], caption: String::new(), sticker: false };
        let bruno = "bruno".parse().unwrap();
        let (conversation, id) = self.ana.send_to(&bruno, Content::Media(media)).await.unwrap();
        self.ana.wait_sent(conversation, id).await.unwrap();
        let mut events = self.bruno.events();
        loop {
            for talk in self.bruno.conversations().unwrap() {
                if talk.is_request() {
                    self.bruno.intend(Intent::Accept(talk.id)).await.unwrap();
                }
                if self.bruno.read(|views| views.message(talk.id, id)).unwrap().is_some() {
                    return (talk.id, id);
                }
            }
            // Missed or not, everything is read again.
            let _ = events.recv().await;
        }
    }

    async fn end(self) {
        self.ana.close().await;
        self.bruno.close().await;
        self.relay.stop().await;
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_film_plays_before_it_is_whole_and_an_altered_piece_of_it_does_not() {
    let scene = scene().await;
    let film = film(5_000_000);
    let file = seal(&scene.ana, &film);
    let (conversation, message) = scene.send(&file).await;
    for (from, to) in [(0, 100), (65_530, 65_550), (4_190_000, 4_200_000), (4_999_990, 6_000_000), (7, 7)] {
        let read = scene.bruno.read_file(&file, from..to).await.unwrap();
        assert_eq!(read, film[from as usize..film.len().min(to as usize)], "{from}..{to}");
    }
    assert!(!scene.bruno.files().unwrap().has(&file.hash), "nothing of it was kept");
    // The relay alters the first part: what lies in it is not played, what does not is.
    let parts = files(&scene.folder.path().join("relay/blobs/whole"));
    let first = parts.iter().find(|path| path.ends_with("0")).unwrap();
    let mut bytes = std::fs::read(first).unwrap();
    bytes[70_000] ^= 1;
    std::fs::write(first, bytes).unwrap();
    assert_eq!(scene.bruno.read_file(&file, 66_000..66_010).await, Err(DownloadFailure::Altered));
    assert!(scene.bruno.read_file(&file, 4_900_000..4_900_010).await.is_ok());
    // And the whole is refused.
    let id = FileId { conversation, message, index: 0 };
    let mut events = scene.bruno.events();
    scene.bruno.intend(Intent::Fetch(id)).await.unwrap();
    let ended = loop {
        match scene.bruno.read(|views| views.records().transfer(id)).unwrap() {
            Transfer::Fetching => drop(events.recv().await),
            ended => break ended,
        }
    };
    assert_eq!(ended, Transfer::NotFetched(DownloadFailure::Altered));
    assert!(files(&scene.folder.path().join("bruno")).is_empty());
    scene.end().await;
}
