//! A sealed file's way up: the relay says which parts it has, the others go, several at once, until it has all.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use hyper::{Method, StatusCode};
use lacre_engine::{FileToSend, NotUp};
use lacre_proto::{ErrorCode, limits};
use serde::Deserialize;

use super::http::{Ask, Broken, Http, Reply, whole};
use super::transfers::{Counter, Missing, Work, pause};

/// How often a file that arrives altered is sent anew.
const ALTERED: u32 = 3;
/// How often the relay is told that an upload was given up.
const GIVING_UP: u32 = 10;
/// What the relay says of an upload is not longer than this.
const STATE: usize = 64 * 1024;

/// Where an upload stands at the relay.
#[derive(Deserialize)]
struct State {
    whole: bool,
    parts: BTreeSet<u32>,
}

type Not = super::transfers::Not<NotUp>;

/// Uploads a file, however long it takes.
pub(super) async fn run(work: &Work, file: FileToSend) -> Result<(), NotUp> {
    let counter = Arc::new(work.counter(file.file));
    counter.set(0, file.sealed);
    let (mut failed, mut altered) = (0, 0);
    loop {
        match attempt(work, &file, &counter, &mut failed, &mut altered).await {
            Ok(()) => return Ok(()),
            Err(Not::Ever(why)) => return Err(why),
            Err(Not::Later(asked)) => pause(&mut failed, asked).await,
        }
    }
}

async fn attempt(
    work: &Work,
    file: &FileToSend,
    counter: &Arc<Counter>,
    failed: &mut u32,
    altered: &mut u32,
) -> Result<(), Not> {
    let mut http = work.http();
    let state = state(&mut http, &file.capability).await?;
    if state.whole {
        return Ok(());
    }
    let all = u32::try_from(file.sealed.div_ceil(limits::BLOB_PART)).unwrap_or(u32::MAX);
    let missing = Missing::new((0..all).filter(|number| !state.parts.contains(number)));
    counter.set(state.parts.iter().map(|number| length(file, *number)).sum(), file.sealed);
    let before = missing.len();
    let sent = join_all((0..work.workers).map(|_| send_parts(work, file, &missing, counter))).await;
    if missing.len() < before {
        // Something got through: the next wait is a short one again.
        *failed = 0;
    }
    sent.into_iter().collect::<Result<Vec<()>, Not>>()?;
    let hash = Bytes::copy_from_slice(&file.hash);
    match ask(&mut http, Method::POST, "/blobs/upload".to_owned(), &file.capability, hash, |_| ()).await? {
        Reply::Done(_) => Ok(()),
        Reply::Refused(StatusCode::CONFLICT, name, _) if name == ErrorCode::BlobDiffers.name() => {
            *altered += 1;
            let code = ErrorCode::BlobDiffers.number();
            Err(if *altered < ALTERED { Not::Later(Duration::ZERO) } else { Not::Ever(NotUp::Relay(code)) })
        }
        Reply::Refused(StatusCode::CONFLICT, ..) => Err(Not::Later(Duration::ZERO)),
        Reply::Refused(status, _, wait) => Err(refused(status, wait)),
    }
}

/// Sends missing parts, one after the other, until there are none.
async fn send_parts(
    work: &Work,
    file: &FileToSend,
    missing: &Missing,
    counter: &Arc<Counter>,
) -> Result<(), Not> {
    let mut http = work.http();
    loop {
        let Ok(_place) = work.places.clone().acquire_owned().await else { return Ok(()) };
        let Some(number) = missing.next() else { return Ok(()) };
        let sent = send_part(work, file, number, &mut http, counter).await;
        if sent.is_err() {
            missing.put_back(number);
            return sent;
        }
    }
}

async fn send_part(
    work: &Work,
    file: &FileToSend,
    number: u32,
    http: &mut Http,
    counter: &Arc<Counter>,
) -> Result<(), Not> {
    let part = read_part(work, file, number).await?;
    work.may_go(part.len() as u64).await;
    let gone = Arc::new(Mutex::new(0));
    let count = {
        let (gone, counter) = (gone.clone(), counter.clone());
        move |bytes: usize| {
            *gone.lock().unwrap_or_else(PoisonError::into_inner) += bytes as i64;
            counter.add(bytes as i64);
        }
    };
    let path = format!("/blobs/upload/{number}");
    let answer = ask(http, Method::PUT, path, &file.capability, part, count).await;
    let not = match answer {
        Ok(Reply::Done(_)) => return Ok(()),
        Ok(Reply::Refused(status, _, wait)) => refused(status, wait),
        Err(broken) => broken.into(),
    };
    // What was on its way did not arrive.
    counter.add(-*gone.lock().unwrap_or_else(PoisonError::into_inner));
    Err(not)
}

async fn read_part(work: &Work, file: &FileToSend, number: u32) -> Result<Bytes, Not> {
    let (place, wanted) = (work.folder.place(&file.hash), length(file, number) as usize);
    let from = u64::from(number) * limits::BLOB_PART;
    let read = tokio::task::spawn_blocking(move || {
        let mut sealed = File::open(place)?;
        sealed.seek(SeekFrom::Start(from))?;
        let mut part = vec![0; wanted];
        sealed.read_exact(&mut part)?;
        Ok::<_, std::io::Error>(part)
    });
    match read.await {
        Ok(Ok(part)) => Ok(part.into()),
        _ => Err(Not::Ever(NotUp::NotHere)),
    }
}

/// Gives an upload up at the relay, so that it counts no more. A relay that is not told in the end gives it back in a
/// week.
pub(super) async fn give_up(work: &Work, capability: [u8; 32]) {
    let mut http = work.http();
    let mut failed = 0;
    while failed < GIVING_UP {
        let path = "/blobs/upload".to_owned();
        let wait = match ask(&mut http, Method::DELETE, path, &capability, Bytes::new(), |_| ()).await {
            Ok(Reply::Refused(status, _, wait))
                if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS =>
            {
                wait
            }
            // It is gone, or there was none.
            Ok(_) => return,
            Err(_) => Duration::ZERO,
        };
        pause(&mut failed, wait).await;
    }
    tracing::debug!("the relay was not told that an upload was given up");
}

async fn state(http: &mut Http, capability: &[u8; 32]) -> Result<State, Not> {
    match ask(http, Method::GET, "/blobs/upload".to_owned(), capability, Bytes::new(), |_| ()).await? {
        Reply::Done(body) => {
            let body = whole(body, STATE).await?;
            serde_json::from_slice(&body).map_err(|_| Broken("not the state of an upload".to_owned()).into())
        }
        Reply::Refused(status, _, wait) => Err(refused(status, wait)),
    }
}

async fn ask(
    http: &mut Http,
    method: Method,
    path: String,
    capability: &[u8; 32],
    body: Bytes,
    sent: impl Fn(usize) + Send + Sync + 'static,
) -> Result<Reply, Broken> {
    http.ask(Ask { method, path, capability: *capability, range: None, body }, sent).await
}

fn refused(status: StatusCode, wait: Duration) -> Not {
    match status {
        StatusCode::NOT_FOUND => Not::Ever(NotUp::NoGrant),
        StatusCode::PAYLOAD_TOO_LARGE => Not::Ever(NotUp::Relay(ErrorCode::TooLarge.number())),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
            Not::Ever(NotUp::Relay(ErrorCode::BadRequest.number()))
        }
        _ => Not::Later(wait),
    }
}

fn length(file: &FileToSend, number: u32) -> u64 {
    let from = u64::from(number) * limits::BLOB_PART;
    file.sealed.saturating_sub(from).min(limits::BLOB_PART)
}
