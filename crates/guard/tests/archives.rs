//! Archives that are made to do harm when they are unpacked. Nothing here is ever unpacked.

mod made;

use std::io::{Cursor, Read, Result, Seek, SeekFrom};

use lacre_guard::{Facts, Inside, Kind, Reason, Severity, judge};
use made::{Zip, sample, zip};

fn reasons(bytes: &[u8]) -> Vec<Reason> {
    let facts = Facts::gather("a.zip", None, &mut Cursor::new(bytes)).expect("memory can be read");
    judge(&facts).reasons
}

fn codes(bytes: &[u8]) -> Vec<&'static str> {
    reasons(bytes).iter().map(Reason::code).collect()
}

#[test]
fn w05_what_unpacks_to_far_more_than_it_is_is_a_bomb() {
    // 1 KB that says it is 4 GB.
    let mut bomb = Zip { method: 8, ..Zip::default() };
    bomb.add("zeros", &[0; 1000], u32::MAX - 1);
    assert_eq!(reasons(&bomb.close()), [Reason::Bomb { unpacked: u64::from(u32::MAX) - 1 }]);

    // A thousand entries that share one kernel (Fifield 2019): together they take more than the file.
    let mut overlap = Zip { method: 8, ..Zip::default() };
    overlap.add("0", &[0; 20_000], 2_000_000);
    (1..1000).for_each(|number| overlap.point(&number.to_string(), 20_000, 2_000_000, 0));
    assert_eq!(codes(&overlap.close()), ["bomb"]);

    // Numbers in ZIP64's field count too.
    let mut long = Zip { method: 8, ..Zip::default() };
    long.add("zeros", &[0; 100], 5);
    let at = 46;
    long.directory[24..28].fill(0xff);
    long.directory[30..32].copy_from_slice(&12u16.to_le_bytes());
    long.directory.truncate(at + 5);
    long.directory.extend([1, 0, 8, 0]);
    long.directory.extend((1u64 << 50).to_le_bytes());
    assert_eq!(reasons(&long.close()), [Reason::Bomb { unpacked: 1 << 50 }]);

    // A gzip file says at its end what it unpacks to.
    let mut gz = sample("gz");
    gz.extend(3_000_000_000u32.to_le_bytes());
    assert!(codes(&gz).contains(&"bomb"));
}

#[test]
fn an_honest_archive_of_a_large_text_is_none() {
    let mut log = Zip { method: 8, ..Zip::default() };
    log.add("server.log", &[0; 300_000], 90_000_000);
    assert_eq!(codes(&log.close()), [""; 0]);
}

#[test]
fn w05_archives_in_archives_and_too_many_files_are_said() {
    let inner = zip(&[("a.txt", b"x")]);
    assert_eq!(codes(&zip(&[("inner.zip", &inner)])), ["nested-archives"]);
    let names: Vec<String> = (0..16).map(|number| format!("lib {number}.zip")).collect();
    let nested: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &inner[..])).collect();
    assert_eq!(codes(&zip(&nested)), ["nested-bomb"]);

    let mut many = Zip::default();
    (0..10_001).for_each(|number| many.add(&format!("{number}.txt"), b"", 0));
    assert_eq!(codes(&many.close()), ["many-files"]);
}

#[test]
fn w03_what_runs_is_found_in_an_archive_and_named() {
    let bytes = zip(&[("photos/a.jpg", b"x"), ("photos/View photos.exe", b"MZ")]);
    assert_eq!(reasons(&bytes), [Reason::ProgramInside("photos/View photos.exe".to_owned())]);
    assert_eq!(codes(&zip(&[("a.pdf.lnk", b"x")])), ["program-inside"]);
}

#[test]
fn w07_names_that_lead_out_of_the_folder_are_said() {
    for name in ["../../.ssh/authorized_keys", "/etc/cron.d/x", "..\\..\\x", "C:\\x", "a/../../x"] {
        assert_eq!(codes(&zip(&[(name, b"x")])), ["escaping-path"], "{name}");
    }
    assert_eq!(codes(&zip(&[("a..b/c...d", b"x")])), [""; 0]);
}

#[test]
fn a_locked_archive_says_that_nobody_could_look_into_it() {
    let mut locked = Zip { flags: 1, ..Zip::default() };
    locked.add("secret.txt", b"x", 1);
    assert_eq!(codes(&locked.close()), ["locked"]);
}

#[test]
fn an_archive_without_its_directory_is_damaged() {
    let whole = sample("zip");
    for cut in [whole.len() - 1, whole.len() / 2, 10] {
        assert!(codes(&whole[..cut]).contains(&"damaged"), "{cut}");
    }
}

#[test]
fn w05_a_directory_that_hides_files_is_said_and_what_it_shows_is_judged() {
    // It says more than it has, or fewer.
    for count in [0, 2, 500, 10_000, 65_535] {
        let mut lies = Zip::default();
        lies.add("a.txt", b"x", 1);
        lies.count = count;
        assert_eq!(
            codes(&lies.close()),
            [if count > 10_000 { "many-files" } else { "hidden-files" }],
            "{count}"
        );
    }
    // As many as are looked at, and one more behind them.
    let mut full = Zip::default();
    (0..10_000).for_each(|number| full.add(&format!("{number}.txt"), b"", 0));
    assert_eq!(codes(&full.clone().close()), [""; 0]);
    full.add("10000.exe", b"MZ", 2);
    full.count = 10_000;
    assert_eq!(codes(&full.close()), ["hidden-files"]);
    // A few entries with comments that fill what is read of a directory.
    let mut long = Zip::default();
    (0..70).for_each(|number| {
        let begins = long.directory.len();
        long.add(&format!("{number}.txt"), b"x", 1);
        long.directory[begins + 32..begins + 34].fill(0xff);
        long.directory.extend([b' '; 65_535]);
    });
    assert_eq!(codes(&long.close()), ["hidden-files"]);
    // Something after the end, or between the directory and its end: what was read is judged all the same.
    let mut program = Zip::default();
    program.add("a.exe", b"MZ", 2);
    let whole = program.clone().close();
    assert_eq!(codes(&[&whole[..], b"\0"].concat()), ["hidden-files", "program-inside"]);
    let end = whole.len() - 22;
    let parted = [&whole[..end], b"between", &whole[end..]].concat();
    assert_eq!(codes(&parted), ["program-inside"]);
    // The directory ends in the midst of an entry.
    let mut cut = program;
    cut.point("b.txt", 1, 1, 0);
    cut.directory.truncate(cut.directory.len() - 3);
    assert_eq!(codes(&cut.close()), ["hidden-files", "program-inside"]);
}

#[test]
fn w05_two_ends_that_say_different_things_are_said() {
    let with_long = |count: u64, at: u64| {
        let mut zip = Zip::default();
        zip.add("a.txt", b"x", 1);
        let (offset, length) = (zip.bytes.len() as u64, zip.directory.len() as u64);
        let whole = zip.close();
        let end = whole.len() - 22;
        let mut long = [&b"PK\x06\x06\x2c\0\0\0\0\0\0\0"[..], &[0; 12], &count.to_le_bytes()].concat();
        [count, length, offset].iter().for_each(|number| long.extend(number.to_le_bytes()));
        let locator = [&b"PK\x06\x07\0\0\0\0"[..], &(end as u64 + at).to_le_bytes(), &[1, 0, 0, 0]].concat();
        [&whole[..end], &long, &locator, &whole[end..]].concat()
    };
    assert_eq!(codes(&with_long(1, 0)), [""; 0], "the long one says the same");
    assert_eq!(codes(&with_long(2, 0)), ["hidden-files"]);
    assert_eq!(codes(&with_long(1, 9)), ["hidden-files"], "it is not where it should be");
    assert_eq!(codes(&with_long(1, u64::MAX >> 1)), ["hidden-files"]);
}

#[test]
fn a_place_that_no_file_has_is_no_error_of_the_disk() {
    let path = std::env::temp_dir().join(format!("lacre-guard-{}.zip", std::process::id()));
    let mut zip = Zip::default();
    zip.add("mimetype", b"application/vnd.oasis.opendocument.text", 39);
    // Its place is in ZIP64's field.
    zip.directory[30..32].copy_from_slice(&12u16.to_le_bytes());
    zip.directory[42..46].fill(0xff);
    zip.directory.extend([1, 0, 8, 0]);
    zip.directory.extend(u64::MAX.to_le_bytes());
    std::fs::write(&path, zip.close()).expect("a file");
    let facts = Facts::gather("a.odt", None, &mut std::fs::File::open(&path).expect("a file"));
    std::fs::remove_file(&path).expect("a file");
    assert_eq!(facts.expect("it can be read").kind(), Kind::Zip);
}

#[test]
fn macros_are_found_behind_a_directory_of_many_sectors_and_a_ring_ends() {
    let mut names: Vec<String> = (0..100).map(|number| format!("Stream{number}")).collect();
    names.push("_VBA_PROJECT".to_owned());
    let mut bytes = made::ole(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let facts = Facts::gather("a.xls", None, &mut Cursor::new(&bytes)).expect("memory can be read");
    assert!(matches!(&facts.inside, Inside::Ole(storage) if storage.macros()));
    // The second sector of the directory says that the first is the next.
    bytes[512 + 8..512 + 12].copy_from_slice(&1u32.to_le_bytes());
    assert_eq!(judge(&Facts::gather("a.xls", None, &mut Cursor::new(&bytes)).expect("read")).kind, Kind::Ole);
}

/// A file of 2 GB that counts what is read of it.
struct Large {
    at: u64,
    read: u64,
    size: u64,
}

impl Read for Large {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let count = (self.size.saturating_sub(self.at)).min(into.len() as u64) as usize;
        into[..count].fill(0);
        if self.at == 0 && count >= 4 {
            into[..4].copy_from_slice(b"PK\x03\x04");
        }
        self.at += count as u64;
        self.read += count as u64;
        Ok(count)
    }
}

impl Seek for Large {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(back) => self.size.saturating_add_signed(back),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

#[test]
fn r10_of_two_gigabytes_only_the_ends_are_read() {
    let mut large = Large { at: 0, read: 0, size: 2 << 30 };
    let facts = Facts::gather("a.zip", None, &mut large).expect("it can be read");
    assert!(large.read < 300_000, "{}", large.read);
    assert_eq!(judge(&facts).severity(), Severity::Careful, "it has no directory");
}
