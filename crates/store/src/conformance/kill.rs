//! kill -9 in the middle of writing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Harness, key, mailbox, number, to_number, wait};
use crate::data::{Batch, Data};
use crate::inspect::Inspect;

/// Names the folder to the process that is going to be killed.
const FOLDER: &str = "LACRE_KILLED_STORE";
const MAILBOXES: u8 = 5;

/// Starts this test binary again, as a process that writes, and kills it at some point, a few times in the same
/// store: everything that it was told is stored, is.
pub fn acknowledged_survives_kill<H: Harness>(child: &str) {
    if !H::DURABLE {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for kill_at in [1, 40, 7, 333, 100] {
        acknowledged = run_and_kill(child, folder.path(), acknowledged + kill_at).max(acknowledged);
        let store = H::open(folder.path());
        let stored = wait(store.get(&key("last"))).unwrap().map_or(0, |last| to_number(&last));
        assert!(stored >= acknowledged, "{acknowledged} were acknowledged, {stored} are there");
        // Every row of a batch is there or none is.
        for log in 0..MAILBOXES {
            let state = wait(store.log_state(mailbox(log))).unwrap();
            assert_eq!(state.head, stored);
            let entries = wait(store.read_log(mailbox(log), 0, usize::MAX, usize::MAX)).unwrap();
            assert!(
                entries.iter().map(|entry| to_number(&entry.value[..8])).eq(state.truncated + 1..=stored)
            );
        }
        wait(store.check()).unwrap();
        acknowledged = stored;
    }
}

/// Returns the last number that the process was told is stored.
fn run_and_kill(child: &str, folder: &Path, kill_at: u64) -> u64 {
    // The name of a test has no crate in front of it.
    let test = child.split_once("::").unwrap().1;
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut last = 0;
    for line in lines.map_while(Result::ok) {
        let Some(number) = line.strip_prefix("stored ") else { continue };
        last = number.parse().unwrap();
        if last >= kill_at {
            // What it prints until the signal arrives is read on, and counts.
            process.kill().unwrap();
        }
    }
    process.wait().unwrap();
    assert!(last >= kill_at, "the process ended by itself");
    last
}

/// The process: writes numbers and prints those that are stored, for ever.
pub fn write_until_killed<H: Harness>() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = H::open(Path::new(&folder));
    let mut next = wait(store.get(&key("last"))).unwrap().map_or(0, |last| to_number(&last)) + 1;
    let mailboxes: Vec<_> = (0..MAILBOXES).map(mailbox).collect();
    loop {
        let burst = next..next + next % 9 + 1;
        let written: Vec<_> = burst
            .map(|value| {
                let body = [&number(value)[..], &vec![7; (value % 5 * 300) as usize]].concat();
                let batch = Batch::new().put(key("last"), number(value)).append(mailboxes.clone(), body);
                let slow = mailbox((value % 5) as u8);
                (value, store.write(batch.truncate(slow, value.saturating_sub(20))))
            })
            .collect();
        for (value, written) in written {
            wait(written).unwrap();
            println!("stored {value}");
            next = value + 1;
        }
    }
}
