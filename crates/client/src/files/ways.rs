//! Files on their way, from and to a relay that does just what a test wants.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use lacre_engine::FileToFetch;
use lacre_engine::content::MessageId;
use lacre_engine::records::FileId;
use lacre_proto::ConversationId;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

use super::*;
use crate::transport::{ByteStream, Connect, ConnectError, Endpoint, Socket, Trust};

const PATIENCE: Duration = Duration::from_secs(20);

/// A relay that has one blob, and answers what else it is asked as it was told to.
#[derive(Clone, Default)]
struct Shelf {
    blob: Arc<Vec<u8>>,
    asked: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Connect for Shelf {
    fn open(&self, endpoint: Endpoint) -> BoxFuture<'static, Result<Socket, ConnectError>> {
        let unreachable =
            ConnectError::Unreachable { address: endpoint.address.to_string(), why: String::new() };
        Box::pin(std::future::ready(Err(unreachable)))
    }

    fn dial(&self, _: Endpoint) -> BoxFuture<'static, Result<ByteStream, ConnectError>> {
        let (ours, theirs) = duplex(64 * 1024);
        tokio::spawn(self.clone().serve(theirs));
        Box::pin(std::future::ready(Ok(Box::new(ours) as ByteStream)))
    }
}

impl Shelf {
    /// Answers until the other side goes.
    async fn serve(self, stream: DuplexStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut first, mut range) = (String::new(), None);
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                if let Some(bytes) = line.strip_prefix("range: bytes=") {
                    let (from, to) = bytes.trim().split_once('-').unwrap();
                    range = Some((from.parse::<usize>().unwrap(), to.parse::<usize>().unwrap()));
                }
                match line.trim() {
                    "" => break,
                    line if first.is_empty() => first = line.to_owned(),
                    _ => {}
                }
            }
            self.asked.lock().unwrap().push(first);
            // Others have a turn in between.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (status, body) = match range {
                Some((from, to)) => ("206 Partial Content", &self.blob[from..=to]),
                None => (self.answers.lock().unwrap().pop_front().unwrap_or("204 No Content"), &[][..]),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            let head = if status.starts_with("204") { format!("HTTP/1.1 {status}\r\n\r\n") } else { head };
            let sent = async {
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body).await
            };
            if sent.await.is_err() {
                return;
            }
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn transfers(folder: &Folder, shelf: &Shelf) -> (Transfers, tokio::sync::mpsc::UnboundedReceiver<Ended>) {
    let endpoint = Endpoint { address: "https://relay.example".parse().unwrap(), trust: Trust::System };
    Transfers::new(Some(folder.clone()), Pace::default(), Arc::new(shelf.clone()), endpoint, Board::new())
}

fn id(message: u8) -> FileId {
    FileId { conversation: ConversationId([1; 16]), message: MessageId([message; 16]), index: 0 }
}

#[tokio::test]
async fn one_file_in_two_messages_is_fetched_once_and_comes_for_both() {
    let (there, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let theirs = Folder::open(there.path()).unwrap();
    let bytes: Vec<u8> = (0..9_000_000_u32).map(|at| (at % 251) as u8).collect();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let file = theirs.seal(&mut &bytes[..], bytes.len() as u64, &mut rng, &mut |_| ()).unwrap();
    let blob = Arc::new(std::fs::read(theirs.place(&file.hash)).unwrap());
    let shelf = Shelf { blob, ..Shelf::default() };
    let folder = Folder::open(here.path()).unwrap();
    let (mut transfers, mut ended) = transfers(&folder, &shelf);
    for message in [1, 2] {
        let fetch =
            FileToFetch { file: id(message), capability: file.capability, hash: file.hash, size: file.size };
        transfers.fetch(fetch);
    }
    for _ in 0..2 {
        let ended = tokio::time::timeout(PATIENCE, ended.recv()).await.unwrap();
        assert!(matches!(ended, Some(Ended::Download(_, Ok(())))), "{ended:?}");
    }
    assert!(folder.has(&file.hash));
    assert_eq!(shelf.asked().len(), 3, "three parts, each once");
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_given_up_as_often_as_it_takes_for_the_relay_to_hear_it() {
    let here = tempfile::tempdir().unwrap();
    let folder = Folder::open(here.path()).unwrap();
    let shelf = Shelf::default();
    shelf.answers.lock().unwrap().extend([
        "503 Service Unavailable",
        "503 Service Unavailable",
        "404 Not Found",
    ]);
    let (mut transfers, _ended) = transfers(&folder, &shelf);
    transfers.give_up(id(1), [7; 32]);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(shelf.asked(), ["DELETE /blobs/upload HTTP/1.1"; 3]);
}
