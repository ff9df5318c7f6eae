//! A store goes whole from any backend into any other, and a stream that is not whole goes nowhere.

use std::path::Path;

use bytes::Bytes;
use lacre_store::blobs::{BlobId, Blobs, FolderBlobs, MemoryBlobs, PART};
use lacre_store::conformance::blobs::pattern;
use lacre_store::data::{Batch, Data, Key, LogId, LogState};
use lacre_store::inspect::{Inspect, Stats};
use lacre_store::memory::MemoryData;
use lacre_store::redb::{RedbData, RedbOptions};
use lacre_store::transfer::{Carried, Exporter, Importer, Portable, TransferError, export, import};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn redb(folder: &Path, data_key: Option<[u8; 32]>) -> RedbData {
    let options = RedbOptions { data_key, ..RedbOptions::new(folder.join("store")) };
    RedbData::open(options, ChaCha20Rng::from_os_rng()).expect("a new store")
}

fn mailbox(number: u8) -> LogId {
    LogId([number; 16])
}

/// Keys, shared values, inline ones, an empty one, logs that are truncated in part and in whole.
fn fill(store: &impl Data) {
    let mut batch = Batch::new();
    for key in 0..50u8 {
        batch = batch.put(Key::new(key % 3, &[&[key]]), vec![key; key as usize * 10]);
    }
    let all: Vec<LogId> = (0..20).map(mailbox).collect();
    batch = batch.append(all.clone(), vec![1; 5000]).append([mailbox(1), mailbox(2)], "short");
    batch = batch.append([mailbox(3)], Bytes::new()).append(all, vec![2; 900]);
    batch = batch.truncate(mailbox(4), 1).truncate(mailbox(5), u64::MAX);
    wait(store.write(batch)).expect("it is stored");
}

fn same(one: &impl Inspect, other: &impl Inspect) {
    let (from, to) = (Key::from(Bytes::new()), Key::new(255, &[]));
    assert_eq!(wait(one.scan(&from, &to, usize::MAX)), wait(other.scan(&from, &to, usize::MAX)));
    for log in (0..21).map(mailbox) {
        assert_eq!(wait(one.log_state(log)), wait(other.log_state(log)));
        let (one, other) = (one.read_log(log, 0, 99, 1 << 20), other.read_log(log, 0, 99, 1 << 20));
        assert_eq!(wait(one), wait(other));
    }
    let (one, other) = (wait(one.check()).expect("it holds"), wait(other.check()).expect("it holds"));
    assert_eq!((one.keys, one.entries), (other.keys, other.entries));
    assert!(one.values < one.entries && other.values < other.entries, "sharing is kept");
}

fn through(source: &(impl Portable + Inspect), target: &(impl Portable + Inspect)) {
    let mut stream = Vec::new();
    let items = export(source, &mut stream).expect("it exports");
    assert_eq!(import(&stream[..], target), Ok(items));
    same(source, target);
    assert_eq!(import(&stream[..], target), Err(TransferError::NotEmpty));
    same(source, target);
    // It goes on as any other store: positions, and shared values under new numbers.
    let batch = Batch::new().append([mailbox(5), mailbox(6)], vec![9; 4000]);
    assert_eq!(wait(target.write(batch)).expect("it is stored").appended, vec![vec![3, 3]]);
    for log in (0..20).map(mailbox) {
        wait(target.write(Batch::new().truncate(log, u64::MAX))).expect("it is stored");
    }
    let left = wait(target.check()).expect("it holds");
    assert_eq!(left, Stats { keys: 50, entries: 0, values: 0 });
    assert_eq!(wait(target.log_state(mailbox(5))), Ok(LogState { head: 3, truncated: 3 }));
}

#[test]
fn every_pair_of_backends() {
    let folder = || tempfile::tempdir().expect("a folder");
    let (one, two) = (folder(), folder());
    let (memory, plain, sealed) =
        (MemoryData::new(), redb(one.path(), None), redb(two.path(), Some([1; 32])));
    fill(&memory);
    fill(&plain);
    fill(&sealed);
    for target in 0..3 {
        let folder = folder();
        let key = (target == 2).then_some([2; 32]);
        for source in 0..3 {
            let path = folder.path().join(source.to_string());
            std::fs::create_dir(&path).expect("a folder");
            match (source, target) {
                (0, 0) => through(&memory, &MemoryData::new()),
                (1, 0) => through(&plain, &MemoryData::new()),
                (2, 0) => through(&sealed, &MemoryData::new()),
                (0, _) => through(&memory, &redb(&path, key)),
                (1, _) => through(&plain, &redb(&path, key)),
                _ => through(&sealed, &redb(&path, key)),
            }
        }
    }
}

#[test]
fn a_stream_that_is_cut_altered_or_newer_is_refused_and_leaves_nothing() {
    let source = MemoryData::new();
    fill(&source);
    let mut stream = Vec::new();
    export(&source, &mut stream).expect("it exports");
    let folder = tempfile::tempdir().expect("a folder");
    let (memory, file) = (MemoryData::new(), redb(folder.path(), None));
    let refused = |stream: &[u8]| {
        let error = import(stream, &memory).expect_err("it is not whole");
        assert_eq!(import(stream, &file).expect_err("it is not whole"), error);
        error
    };
    for cut in (0..stream.len()).step_by(499).chain([stream.len() - 1]) {
        let error = refused(&stream[..cut]);
        assert!(matches!(error, TransferError::CutShort | TransferError::NotAnExport), "{cut}: {error}");
    }
    for at in (0..stream.len()).step_by(397) {
        let mut altered = stream.clone();
        altered[at] ^= 0x10;
        refused(&altered);
    }
    refused(&[&stream[..], b"more"].concat());
    let newer = [&stream[..8], &[0, 3], &stream[10..]].concat();
    assert_eq!(refused(&newer), TransferError::NewerVersion(3));
    assert_eq!(refused(b"my diary"), TransferError::NotAnExport);
    for store in [wait(memory.check()), wait(file.check())] {
        assert_eq!(store, Ok(Stats::default()));
    }
    // And both still take the right one.
    import(&stream[..], &memory).expect("it is whole");
    import(&stream[..], &file).expect("it is whole");
    same(&memory, &file);
}

#[test]
fn an_export_of_the_first_format_is_still_read() {
    let (source, target) = (MemoryData::new(), MemoryData::new());
    fill(&source);
    let mut stream = Vec::new();
    let items = export(&source, &mut stream).expect("it exports");
    // It had no end of the files.
    let mut first = [&stream[..8], &[0, 1], &stream[19..stream.len() - 32]].concat();
    first.extend_from_slice(&Sha256::digest(&first));
    assert_eq!(import(&first[..], &target), Ok(items));
    same(&source, &target);
}

const PHOTO: BlobId = BlobId([1; 16]);
const FILM: BlobId = BlobId([2; 16]);

/// A photo in one piece, and a film in parts.
fn fill_files(blobs: &impl Blobs) {
    wait(async {
        blobs.put(PHOTO, pattern(1000)).await.expect("stored");
        let film = pattern(PART + 77);
        blobs.put_part(FILM, 0, film.slice(..PART as usize)).await.expect("stored");
        blobs.put_part(FILM, 1, film.slice(PART as usize..)).await.expect("stored");
        blobs.finish(FILM, PART + 77).await.expect("whole");
    });
}

fn same_files(blobs: &impl Blobs) {
    assert_eq!(wait(blobs.read(PHOTO, 0..u64::MAX)), Ok(Some(pattern(1000))));
    assert!(wait(blobs.read(FILM, 0..u64::MAX)) == Ok(Some(pattern(PART + 77))));
}

/// A whole store with two files, and one that the data names and that is lost.
fn with_files(data: &impl Portable, blobs: &impl Blobs) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut went = 0;
    let mut export = Exporter::begin(&mut stream).expect("it begins");
    let all =
        [(PHOTO, 1000, true), (BlobId([3; 16]), 5, false), (PHOTO, 1001, false), (FILM, PART + 77, true)];
    for (id, size, there) in all {
        let mut count = |bytes| went += bytes;
        assert_eq!(wait(export.file(blobs, id, size, &mut count)), Ok(there), "{id:?} of {size}");
    }
    export.finish(1, data).expect("it exports");
    assert_eq!(went, 1000 + PART + 77);
    stream
}

fn read_in(stream: &[u8], data: &impl Portable, blobs: &impl Blobs) -> Result<Carried, TransferError> {
    let mut import = Importer::begin(stream)?;
    let carried = wait(import.files(blobs, &mut |_| ()))?;
    import.finish(data).map(|_| carried)
}

#[test]
fn files_go_along_from_any_place_into_any_other_and_are_not_sent_twice() {
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let [one, other] = folders.each_ref().map(|folder| FolderBlobs::open(folder.path()).expect("it opens"));
    let (memory, again) = (MemoryBlobs::new(), MemoryBlobs::new());
    let data = MemoryData::new();
    fill(&data);
    fill_files(&one);
    let stream = with_files(&data, &one);
    let carried = |there| Ok(Carried { files: 2, there, left_out: 1 });
    assert_eq!(read_in(&stream, &MemoryData::new(), &memory), carried(0));
    same_files(&memory);
    let stream = with_files(&data, &memory);
    let target = MemoryData::new();
    assert_eq!(read_in(&stream, &target, &other), carried(0));
    same_files(&other);
    same(&data, &target);
    // It died before the data was stored: what came goes on.
    wait(again.put(PHOTO, pattern(1000))).expect("stored");
    wait(again.put_part(FILM, 0, pattern(PART))).expect("stored");
    assert_eq!(read_in(&stream, &MemoryData::new(), &again), carried(1));
    same_files(&again);
    // Whoever wants none of them passes them over.
    let (target, mut passed) = (MemoryData::new(), Importer::begin(&stream[..]).expect("it begins"));
    assert_eq!(wait(passed.pass_over(&mut |_| ())), carried(0));
    passed.finish(&target).expect("it imports");
    same(&data, &target);
    assert_eq!(
        import(&stream[..], &MemoryData::new()),
        Err(TransferError::Damaged("files where none were expected"))
    );
}

#[test]
fn of_a_file_that_is_cut_or_altered_on_the_way_nothing_is_kept_and_the_data_is_not_read() {
    let (data, blobs) = (MemoryData::new(), MemoryBlobs::new());
    fill(&data);
    fill_files(&blobs);
    let stream = with_files(&data, &blobs);
    let film = 10 + (1 + 16 + 8 + 1000 + 32);
    let refused = |stream: &[u8], files: usize| {
        let (data, blobs) = (MemoryData::new(), MemoryBlobs::new());
        let error = read_in(stream, &data, &blobs).expect_err("it is not whole");
        assert_eq!((wait(data.check()), blobs.count()), (Ok(Stats::default()), files));
        error
    };
    for at in [film + 25, film + 25 + PART as usize + 76] {
        let mut altered = stream.clone();
        altered[at] ^= 1;
        assert_eq!(refused(&altered, 1), TransferError::Damaged("a file's sum differs"));
        assert_eq!(refused(&stream[..at], 1), TransferError::CutShort);
    }
    let mut longer = stream.clone();
    longer[film + 17] = 0xff;
    assert_eq!(refused(&longer, 1), TransferError::CutShort);
    // Nothing that lies there already is written over, or deleted.
    let (data, blobs) = (MemoryData::new(), MemoryBlobs::new());
    wait(blobs.put(FILM, pattern(5))).expect("stored");
    assert!(matches!(read_in(&stream, &data, &blobs), Err(TransferError::Damaged(_))));
    assert_eq!(wait(blobs.read(FILM, 0..9)), Ok(Some(pattern(5))));
    // A disk that is full.
    let narrow = MemoryBlobs::with_room(2000);
    assert_eq!(read_in(&stream, &data, &narrow), Err(TransferError::Full));
    assert_eq!(narrow.count(), 1);
}
