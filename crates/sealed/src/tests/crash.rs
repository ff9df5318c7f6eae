//! Power loss, again and again, on the same files; every acknowledged commit is looked for afterwards.
//!
//! `LACRE_TORN_FILES` sets the number of files for each kind of tear, `LACRE_TORN_SEED` the first seed.

use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use redb::{Database, ReadableDatabase};

use super::disk::Disk;
use super::{CACHE, ROWS, Rows, key, rows};
use crate::backend::{Design, SealedBackend};
use crate::passphrase::{self, Cost};
use crate::preamble::{Found, Protection, create, look};
use crate::{MemoryRaw, SealedError, open_backend};

#[derive(Debug, Default)]
struct Tally {
    crashes: u32,
    crashes_while_opening: u32,
    lost: u32,
    unopenable: u32,
}

#[test]
fn no_acknowledged_commit_is_lost_whatever_the_disk_does() {
    for sector in [512, 1, 4096] {
        let tally = run(Design::SOUND, sector, files(40));
        assert_eq!((tally.lost, tally.unopenable), (0, 0), "sectors of {sector}: {tally:?}");
        assert!(tally.crashes >= 6 * files(40) && tally.crashes_while_opening > 0, "{tally:?}");
    }
}

#[test]
fn control_a_header_rewritten_in_place_loses_databases() {
    for zeros_while_opening in [true, false] {
        let tally = run(Design { two_slots: false, zeros_while_opening }, 512, 40);
        assert!(tally.lost + tally.unopenable > 0, "{tally:?}");
    }
}

#[test]
fn control_an_error_on_a_bad_tag_makes_files_that_do_not_open() {
    let tally = run(Design { two_slots: true, zeros_while_opening: false }, 512, 40);
    assert!(tally.unopenable > 0, "{tally:?}");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn files(ordinary: u32) -> u32 {
    number("LACRE_TORN_FILES").map_or(ordinary, |files| files as u32)
}

fn run(design: Design, sector: usize, files: u32) -> Tally {
    let first = number("LACRE_TORN_SEED").unwrap_or(1);
    let mut tally = Tally::default();
    for seed in first..first + u64::from(files) {
        let before = (tally.lost, tally.unopenable);
        one_file(design, sector, &mut ChaCha8Rng::seed_from_u64(seed), &mut tally);
        if (tally.lost, tally.unopenable) != before {
            println!("seed {seed}, sectors of {sector}, {design:?}: lost or does not open");
        }
    }
    println!("seeds from {first}, {files} files, sectors of {sector}, {design:?}: {tally:?}");
    tally
}

/// One file through six crashes, some of them while it is being opened.
fn one_file(design: Design, sector: usize, rng: &mut ChaCha8Rng, tally: &mut Tally) {
    let made = MemoryRaw::default();
    create(&made, &key(), Protection::Key, rng).unwrap();
    let mut image = made.bytes();
    let mut acknowledged = Rows::new();
    // What the last commit wanted, if it was under way when the power went.
    let mut under_way: Option<Rows> = None;
    for _ in 0..6 {
        let fuse = if rng.random_bool(0.3) { rng.random_range(1..12) } else { rng.random_range(12..120) };
        let disk = Disk::new(image, fuse);
        match open(&disk, design, rng) {
            Ok(database) => match rows(&database) {
                Ok(found) if found == acknowledged || Some(&found) == under_way.as_ref() => {
                    acknowledged = found;
                    under_way = write_until_the_power_goes(&database, &mut acknowledged, rng);
                }
                // Reads do not need power from the fuse: what is wrong here is wrong on the disk.
                _ => tally.lost += 1,
            },
            Err(_) if !disk.has_power() => tally.crashes_while_opening += 1,
            Err(error) => {
                println!("does not open: {error:?}");
                tally.unopenable += 1;
                return;
            }
        }
        image = disk.crash(sector, rng);
        tally.crashes += 1;
    }
    let disk = Disk::new(image, u64::MAX);
    match open(&disk, design, rng).map(|database| rows(&database)) {
        Ok(Ok(found)) if found == acknowledged || Some(&found) == under_way.as_ref() => {}
        Ok(_) => tally.lost += 1,
        Err(_) => tally.unopenable += 1,
    }
}

fn open(disk: &Disk, design: Design, rng: &mut ChaCha8Rng) -> Result<Database, SealedError> {
    open_backend(SealedBackend::open_as(Arc::new(disk.clone()), &key(), rng, design)?, CACHE)
}

/// Returns what the commit that the power cut wanted.
fn write_until_the_power_goes(
    database: &Database,
    acknowledged: &mut Rows,
    rng: &mut ChaCha8Rng,
) -> Option<Rows> {
    loop {
        let mut wanted = acknowledged.clone();
        match commit(database, &mut wanted, rng) {
            Ok(()) => *acknowledged = wanted,
            Err(_) => return Some(wanted),
        }
    }
}

fn commit(database: &Database, wanted: &mut Rows, rng: &mut ChaCha8Rng) -> Result<(), redb::Error> {
    let changes: Vec<(u32, Option<Vec<u8>>)> = (0..rng.random_range(1..8))
        .map(|_| {
            let value = vec![rng.random(); rng.random_range(0..6000)];
            (rng.random_range(0..40), rng.random_bool(0.8).then_some(value))
        })
        .collect();
    for (key, value) in &changes {
        match value {
            Some(value) => wanted.insert(*key, value.clone()),
            None => wanted.remove(key),
        };
    }
    let mut writing = database.begin_write()?;
    writing.set_quick_repair(rng.random_bool(0.2));
    let mut table = writing.open_table(ROWS)?;
    for (key, value) in &changes {
        match value {
            Some(value) => table.insert(key, value.as_slice())?,
            None => table.remove(key)?,
        };
    }
    drop(table);
    Ok(writing.commit()?)
}

#[test]
fn a_torn_change_of_passphrase_leaves_the_old_one_or_the_new_one() {
    let cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let (mut old, mut new) = (0, 0);
    for seed in 0..200 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let made = MemoryRaw::default();
        create(&made, &key(), Protection::Passphrase(b"first", cost), rng).unwrap();
        let disk = Disk::new(made.bytes(), rng.random_range(1..8));
        let answer = passphrase::wrap(&disk, &key(), b"second", cost, rng);
        let after = MemoryRaw::new(disk.crash([1, 512, 4096][seed as usize % 3], rng));
        let opened =
            [b"first".as_slice(), b"second"].map(|passphrase| passphrase::unwrap(&after, passphrase));
        match opened {
            [Ok(found), Err(SealedError::WrongPassphrase)] => {
                assert_eq!(found.as_bytes(), key().as_bytes());
                assert!(answer.is_err(), "seed {seed}: changed, and the old one still opens");
                old += 1;
            }
            [Err(SealedError::WrongPassphrase), Ok(found)] => {
                assert_eq!(found.as_bytes(), key().as_bytes());
                new += 1;
            }
            other => panic!("seed {seed}: {other:?}"),
        }
        // The next opening makes both copies the one in force.
        drop(SealedBackend::open(Arc::new(after.clone()), &key(), rng).unwrap());
        let bytes = after.bytes();
        assert_eq!(bytes[..4096], bytes[4096..8192]);
    }
    assert!(old > 10 && new > 10, "{old} {new}");
}

#[test]
fn a_store_whose_making_was_cut_short_is_made_again() {
    let (mut whole, mut nothing) = (0, 0);
    for seed in 0..200 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let disk = Disk::new(Vec::new(), rng.random_range(1..12));
        let answer = create(&disk, &key(), Protection::Key, rng);
        let after = MemoryRaw::new(disk.crash([1, 512, 4096][seed as usize % 3], rng));
        match look(&after).unwrap() {
            Found::Nothing => {
                assert!(answer.is_err());
                create(&after, &key(), Protection::Key, rng).unwrap();
                nothing += 1;
            }
            _ => whole += 1,
        }
        let backend = SealedBackend::open(Arc::new(after), &key(), rng).unwrap();
        assert!(open_backend(backend, CACHE).unwrap().begin_read().is_ok());
    }
    assert!(whole > 10 && nothing > 10, "{whole} {nothing}");
}
