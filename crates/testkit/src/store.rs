//! A device's local store in memory, with crash points at every call.

use std::cell::Cell;
use std::collections::BTreeMap;

use lacre_engine::{Changes, ReadError, Reader};

/// Where a device dies, or its disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrashPoint {
    /// At the read with this number, counted from 1.
    Read(u64),
    /// At the commit with this number: nothing of it is stored.
    BeforeCommit(u64),
    /// After the commit with this number: it is stored, and none of its effects is run.
    AfterCommit(u64),
    /// After the first effect of the commit with this number.
    AmidEffects(u64),
    /// The commit with this number fails, and the device lives: its engine is told.
    CommitFails(u64),
}

/// What came of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    Done,
    DoneThenAmidEffects,
    DoneThenCrash,
    CrashedBefore,
    Failed,
}

/// The rows of a store: to be looked at from outside, without a crash point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows(pub BTreeMap<Vec<u8>, Vec<u8>>);

/// The store. It survives the death of its device.
#[derive(Debug, Default)]
pub struct Store {
    rows: Rows,
    reads: Cell<u64>,
    commits: u64,
    crash: Cell<Option<CrashPoint>>,
    /// A commit is many writes, of which a crash leaves the first half: what no store of ours does.
    torn: bool,
}

impl Store {
    /// How many reads there were.
    pub fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// How many commits there were.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Lets the device die at a point; once.
    pub fn crash_at(&self, point: CrashPoint) {
        self.crash.set(Some(point));
    }

    /// From now on a crash before a commit leaves half of it behind: a store without transactions, to see that it
    /// would be noticed.
    pub fn tear(&mut self) {
        self.torn = true;
    }

    /// Whether a crash that was asked for is still to come.
    pub fn is_doomed(&self) -> bool {
        self.crash.get().is_some()
    }

    /// Everything in the store: what a thief of the unlocked device gets.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// A copy of the store, as a thief or a backup would make it.
    pub fn copy(&self) -> Self {
        Self { rows: self.rows.clone(), ..Self::default() }
    }

    /// Everything in it, one after the other, to be searched.
    pub fn dump(&self) -> Vec<u8> {
        self.rows.0.iter().flat_map(|(key, value)| key.iter().chain(value)).copied().collect()
    }

    /// Puts changes into the store, without a crash point: for what happens outside of a step.
    pub fn put(&mut self, changes: Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.rows.0.insert(key, value),
                None => self.rows.0.remove(&key),
            };
        }
    }

    pub(crate) fn commit(&mut self, changes: Changes) -> Committed {
        self.commits += 1;
        let number = self.commits;
        let (stored, outcome) = match self.crash.get() {
            Some(CrashPoint::BeforeCommit(at)) if at == number => (false, Committed::CrashedBefore),
            Some(CrashPoint::CommitFails(at)) if at == number => (false, Committed::Failed),
            Some(CrashPoint::AfterCommit(at)) if at == number => (true, Committed::DoneThenCrash),
            Some(CrashPoint::AmidEffects(at)) if at == number => (true, Committed::DoneThenAmidEffects),
            _ => (true, Committed::Done),
        };
        if outcome != Committed::Done {
            self.crash.set(None);
        }
        if stored {
            self.put(changes);
        } else if self.torn {
            let half = changes.len() / 2;
            self.put(changes.into_iter().take(half).collect());
        }
        outcome
    }

    fn read(&self) -> Result<(), ReadError> {
        self.reads.set(self.reads.get() + 1);
        if self.crash.get() == Some(CrashPoint::Read(self.reads.get())) {
            self.crash.set(None);
            return Err(ReadError("the device died here".to_owned()));
        }
        Ok(())
    }
}

impl Reader for Store {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.read()?;
        self.rows.get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        self.read()?;
        self.rows.scan(from, to, backwards, visit)
    }
}

impl Reader for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        if from >= to {
            return Ok(());
        }
        let mut rows = self.0.range(from.to_vec()..to.to_vec());
        while let Some((key, value)) = if backwards { rows.next_back() } else { rows.next() } {
            if !visit(key, value) {
                break;
            }
        }
        Ok(())
    }
}
