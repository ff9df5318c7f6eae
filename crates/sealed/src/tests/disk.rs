//! A disk that loses power: what was not synced is kept, dropped or torn, write by write.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::raw::{RawFile, within};

#[derive(Debug, Clone)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    kept: Vec<u8>,
    seen: Vec<u8>,
    pending: Vec<Pending>,
    /// Writes and syncs until the power goes.
    fuse: u64,
}

#[derive(Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Disk {
    pub(super) fn new(image: Vec<u8>, fuse: u64) -> Self {
        Self(Arc::new(Mutex::new(State { seen: image.clone(), kept: image, pending: Vec::new(), fuse })))
    }

    pub(super) fn has_power(&self) -> bool {
        self.state().fuse > 0
    }

    /// What lies on the disk after the power went. Sectors of `sector` bytes are written whole or not at all.
    pub(super) fn crash(self, sector: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut state = self.state();
        let pending = std::mem::take(&mut state.pending);
        let mut image = std::mem::take(&mut state.kept);
        for step in pending {
            match step {
                Pending::Length(len) if rng.random() => image.resize(len, 0),
                Pending::Length(_) => {}
                Pending::Write(offset, bytes) => match rng.random_range(0..3) {
                    0 => {}
                    1 => put(&mut image, offset, &bytes),
                    _ => tear(&mut image, offset, &bytes, sector, rng),
                },
            }
        }
        image
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn burn(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.fuse = state.fuse.saturating_sub(1);
        if state.fuse == 0 { Err(io::Error::other("the power is gone")) } else { Ok(state) }
    }
}

fn put(image: &mut [u8], offset: usize, bytes: &[u8]) {
    let end = image.len().min(offset + bytes.len());
    if offset < end {
        image[offset..end].copy_from_slice(&bytes[..end - offset]);
    }
}

fn tear(image: &mut [u8], offset: usize, bytes: &[u8], sector: usize, rng: &mut ChaCha8Rng) {
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + sector - (offset + at) % sector);
        if rng.random() {
            put(image, offset + at, &bytes[at..end]);
        }
        at = end;
    }
}

impl RawFile for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        out.copy_from_slice(&state.seen[within(offset, out.len(), state.seen.len())?]);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // The write on which the power goes may reach the disk in part, like any other that is pending.
        let offset_in = offset as usize;
        let mut state = self.state();
        let range = within(offset, bytes.len(), state.seen.len())?;
        if state.fuse > 0 {
            state.seen[range].copy_from_slice(bytes);
            state.pending.push(Pending::Write(offset_in, bytes.to_vec()));
        }
        drop(state);
        self.burn().map(drop)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.burn()?;
        state.seen.resize(len as usize, 0);
        state.pending.push(Pending::Length(len as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.burn()?;
        state.pending.clear();
        state.kept = state.seen.clone();
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }
}
