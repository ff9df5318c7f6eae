//! A sealed file's way down: into a file beside its place, several parts at once, in any order. Which parts are there is
//! noted beside it, so that it goes on after a crash. It comes to its place when its hash is the one that was told.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use hyper::{Method, StatusCode};
use lacre_engine::FileToFetch;
use lacre_engine::content::FileRef;
use lacre_engine::files::{FileSeal, Shape};
use lacre_engine::records::DownloadFailure;
use lacre_proto::{ErrorCode, limits};

use super::folder::FilesError;
use super::http::{Ask, Http, Reply, next};
use super::transfers::{Counter, Missing, Work, pause};

type Not = super::transfers::Not<DownloadFailure>;

impl From<FilesError> for Not {
    fn from(error: FilesError) -> Self {
        Self::Ever(match error {
            FilesError::NoRoom => DownloadFailure::NoRoom,
            FilesError::File(_) => DownloadFailure::Altered,
            _ => DownloadFailure::Disk,
        })
    }
}

/// Fetches a file, however long it takes.
pub(super) async fn run(work: &Work, file: FileToFetch) -> Result<(), DownloadFailure> {
    let Ok(shape) = Shape::of(file.size) else { return Err(DownloadFailure::Altered) };
    let _turn = work.turn(&file.hash).await;
    if work.folder.has(&file.hash) {
        return Ok(());
    }
    let counter = Arc::new(work.counter(file.file));
    let mut failed = 0;
    // What was left of an earlier run may have been torn by a crash: then it is fetched anew, once.
    let mut anew = !work.folder.coming(&file.hash).exists();
    loop {
        match attempt(work, &file, shape, &counter, &mut failed).await {
            Ok(()) => return Ok(()),
            Err(Not::Later(asked)) => pause(&mut failed, asked).await,
            Err(Not::Ever(why)) => {
                if matches!(why, DownloadFailure::Altered | DownloadFailure::Gone) {
                    // Of what was not sent nothing stays.
                    let _ = work.folder.forget_coming(&file.hash);
                }
                if why != DownloadFailure::Altered || anew {
                    return Err(why);
                }
                anew = true;
            }
        }
    }
}

async fn attempt(
    work: &Work,
    file: &FileToFetch,
    shape: Shape,
    counter: &Arc<Counter>,
    failed: &mut u32,
) -> Result<(), Not> {
    let coming = work.folder.coming(&file.hash);
    let have = blocking(move || begin(&coming, shape)).await?;
    let all = u32::try_from(shape.sealed().div_ceil(limits::BLOB_PART)).unwrap_or(u32::MAX);
    let missing = Missing::new((0..all).filter(|number| !have.contains(number)));
    let there: u64 =
        have.iter().filter(|number| **number < all).map(|number| len(&place(shape, *number))).sum();
    counter.set(there, shape.sealed());
    let before = missing.len();
    let fetched =
        join_all((0..work.workers).map(|_| fetch_parts(work, file, shape, &missing, counter))).await;
    if missing.len() < before {
        *failed = 0;
    }
    fetched.into_iter().collect::<Result<Vec<()>, Not>>()?;
    let (folder, hash) = (work.folder.clone(), file.hash);
    blocking(move || {
        let whole = folder.check(&hash, shape)?;
        folder.keep(&hash, whole)?;
        folder.forget_coming(&hash)
    })
    .await
}

/// Opens what has come so far, and says which parts are there.
fn begin(coming: &Path, shape: Shape) -> Result<BTreeSet<u32>, FilesError> {
    let notes = coming.with_extension("have");
    if !coming.exists() {
        match fs::remove_file(&notes) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        super::folder::private_file(coming)?.set_len(shape.sealed())?;
        return Ok(BTreeSet::new());
    }
    let mut bytes = Vec::new();
    match File::open(&notes) {
        Ok(file) => {
            file.take(1 << 20).read_to_end(&mut bytes)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let (notes, _) = bytes.as_chunks::<4>();
    Ok(notes.iter().map(|number| u32::from_be_bytes(*number)).collect())
}

async fn fetch_parts(
    work: &Work,
    file: &FileToFetch,
    shape: Shape,
    missing: &Missing,
    counter: &Arc<Counter>,
) -> Result<(), Not> {
    let mut http = work.http();
    loop {
        let Ok(_place) = work.places.clone().acquire_owned().await else { return Ok(()) };
        let Some(number) = missing.next() else { return Ok(()) };
        let mut counted = 0;
        let fetched =
            fetch_part(work, file, place(shape, number), number, &mut http, counter, &mut counted).await;
        if fetched.is_err() {
            counter.add(-counted);
            missing.put_back(number);
            return fetched;
        }
    }
}

async fn fetch_part(
    work: &Work,
    file: &FileToFetch,
    place: Range<u64>,
    number: u32,
    http: &mut Http,
    counter: &Arc<Counter>,
    counted: &mut i64,
) -> Result<(), Not> {
    work.may_go(len(&place)).await;
    let part = get(http, &file.capability, place.clone(), |bytes| {
        *counted += bytes as i64;
        counter.add(bytes as i64);
    })
    .await?;
    let coming = work.folder.coming(&file.hash);
    blocking(move || write(&coming, place.start, number, &part)).await
}

/// Gets a range of a blob, all of it.
async fn get(
    http: &mut Http,
    capability: &[u8; 32],
    range: Range<u64>,
    mut came: impl FnMut(usize),
) -> Result<Vec<u8>, Not> {
    let ask = Ask {
        method: Method::GET,
        path: "/blobs".to_owned(),
        capability: *capability,
        range: Some(range.clone()),
        body: Bytes::new(),
    };
    let mut body = match http.ask(ask, |_| ()).await? {
        Reply::Done(body) => body,
        Reply::Refused(StatusCode::NOT_FOUND, ..) => return Err(Not::Ever(DownloadFailure::Gone)),
        // Shorter than it must be: not what was sent.
        Reply::Refused(StatusCode::RANGE_NOT_SATISFIABLE, ..) => {
            return Err(Not::Ever(DownloadFailure::Altered));
        }
        Reply::Refused(_, _, wait) => return Err(Not::Later(wait)),
    };
    let wanted = len(&range) as usize;
    let mut part = Vec::with_capacity(wanted);
    while let Some(bytes) = next(&mut body).await? {
        if part.len() + bytes.len() > wanted {
            return Err(Not::Ever(DownloadFailure::Altered));
        }
        came(bytes.len());
        part.extend_from_slice(&bytes);
    }
    // Cut at the end of a blob that is shorter than it must be, or broken off; the hash would find out.
    if part.len() == wanted { Ok(part) } else { Err(Not::Ever(DownloadFailure::Altered)) }
}

/// Writes a part, and then notes that it is there.
fn write(coming: &Path, at: u64, number: u32, part: &[u8]) -> Result<(), FilesError> {
    let mut file = OpenOptions::new().write(true).open(coming)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(part)?;
    let notes: PathBuf = coming.with_extension("have");
    let mut notes = OpenOptions::new().append(true).create(true).open(notes)?;
    notes.write_all(&number.to_be_bytes())?;
    Ok(())
}

/// A range of a file that is not here: the chunks that it lies in are fetched and opened, and nothing is kept.
pub(crate) async fn read_remote(
    http: &mut Http,
    file: &FileRef,
    range: Range<u64>,
) -> Result<Vec<u8>, DownloadFailure> {
    let altered = |_| DownloadFailure::Altered;
    let seal = FileSeal::new(&file.key, Shape::of(file.size).map_err(altered)?);
    let chunks = seal.shape().chunks_of(range.clone());
    if chunks.is_empty() {
        return Ok(Vec::new());
    }
    let places = seal.shape().place(chunks.start).start..seal.shape().place(chunks.end - 1).end;
    let sealed = match get(http, &file.capability, places.clone(), |_| ()).await {
        Ok(sealed) => sealed,
        Err(Not::Ever(why)) => return Err(why),
        Err(Not::Later(_)) => {
            return Err(DownloadFailure::Relay(ErrorCode::StorageUnavailable.number()));
        }
    };
    let mut opened = Vec::new();
    for chunk in chunks.clone() {
        let place = seal.shape().place(chunk);
        let within = (place.start - places.start) as usize..(place.end - places.start) as usize;
        let mut buffer = sealed[within].to_vec();
        seal.open(chunk, &mut buffer).map_err(altered)?;
        opened.extend_from_slice(&buffer);
    }
    Ok(super::folder::cut(opened, seal.shape(), chunks.start, range))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, Not> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Not::Ever(DownloadFailure::Disk)),
    }
}

fn place(shape: Shape, number: u32) -> Range<u64> {
    let from = u64::from(number) * limits::BLOB_PART;
    from..(from + limits::BLOB_PART).min(shape.sealed())
}

fn len(range: &Range<u64>) -> u64 {
    range.end - range.start
}
