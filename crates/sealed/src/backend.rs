//! Sealed blocks under redb (§6 of the format).
//!
//! redb rewrites only block 0 in place; every other block it writes belongs to a transaction that is not yet
//! committed. So block 0 lies in two slots, of which the one of the last successful sync is never written; and a
//! block that does not open can only be one that redb itself is going to reject, as long as it is opening its
//! database: until then it reads as zeros, and ever after it is an error.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chacha20poly1305::XChaCha20Poly1305;
use rand_core::CryptoRng;
use redb::StorageBackend;

use crate::crypto::{MasterKey, Nonces, seal, unseal};
use crate::error::SealedError;
use crate::format::{BLOCK, DATA_START, NONCE, RECORD, SLOT_RECORD, record, slot};
use crate::preamble::read;
use crate::raw::RawFile;

/// What the tests may leave out, to see the simulator find it missing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Design {
    /// Block 0 alternates between two slots; else it is rewritten in place.
    pub(crate) two_slots: bool,
    /// A block that does not open reads as zeros while redb is opening; else it is an error.
    pub(crate) zeros_while_opening: bool,
}

impl Design {
    pub(crate) const SOUND: Self = Self { two_slots: true, zeros_while_opening: true };
}

/// A sealed file as redb's storage. [`crate::open_database`] is the way to use it.
pub struct SealedBackend {
    file: Arc<dyn RawFile>,
    cipher: XChaCha20Poly1305,
    file_id: [u8; 16],
    nonces: Nonces,
    opening: Arc<AtomicBool>,
    /// Length in blocks.
    blocks: AtomicU64,
    header: Mutex<Header>,
    design: Design,
}

/// Says to a backend that redb has opened its database.
pub(crate) struct Opened(Arc<AtomicBool>);

impl Opened {
    pub(crate) fn finish(self) {
        self.0.store(false, Ordering::Release);
    }
}

struct Header {
    /// Block 0.
    block: Box<[u8; BLOCK]>,
    /// Its counter.
    counter: u64,
    /// The slot that held it at the last successful sync.
    synced: usize,
    /// Whether the other slot was written since.
    written: bool,
}

impl SealedBackend {
    /// Opens a file that holds a store, with its key.
    pub fn open(
        file: Arc<dyn RawFile>,
        key: &MasterKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealedError> {
        Self::open_as(file, key, rng, Design::SOUND)
    }

    pub(crate) fn open_as(
        file: Arc<dyn RawFile>,
        key: &MasterKey,
        rng: &mut dyn CryptoRng,
        design: Design,
    ) -> Result<Self, SealedError> {
        let preamble = read(&*file)?.ok_or(SealedError::NotSealed)?;
        let cipher = preamble.cipher(key)?;
        preamble.mend(&*file)?;
        // What a killed process left with the operating system becomes safe before a slot is written over.
        file.sync()?;
        let mut blocks = (file.len()? - DATA_START) / RECORD as u64;
        let header = Header::read(&*file, &cipher, &preamble.file_id, design)?;
        // redb makes a database in a file without blocks, and only in such a one. Its first byte comes last.
        let made = header.block[0] != 0;
        if made && blocks == 0 {
            return Err(SealedError::Damaged("the file was cut short"));
        }
        if !made && blocks > 0 {
            file.set_len(record(0))?;
            blocks = 0;
        }
        Ok(Self {
            cipher,
            file_id: preamble.file_id,
            nonces: Nonces::new(rng),
            opening: Arc::new(AtomicBool::new(true)),
            blocks: AtomicU64::new(blocks),
            header: Mutex::new(header),
            design,
            file,
        })
    }

    pub(crate) fn opened(&self) -> Opened {
        Opened(self.opening.clone())
    }

    fn header(&self) -> MutexGuard<'_, Header> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_range(&self, offset: u64, len: usize) -> io::Result<()> {
        let end = offset.checked_add(len as u64);
        let within = end.is_some_and(|end| end <= self.blocks.load(Ordering::Acquire) * BLOCK as u64);
        if within { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads whole blocks, of which none is block 0.
    fn read_blocks(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        let mut records = vec![0; out.len() / BLOCK * RECORD];
        self.file.read(record(first), &mut records)?;
        let blocks = records.chunks_exact(RECORD).zip(out.chunks_exact_mut(BLOCK));
        for (block, (record, out)) in (first..).zip(blocks) {
            let (nonce, sealed) = record.split_at(NONCE);
            let (text, tag) = sealed.split_at(BLOCK);
            out.copy_from_slice(text);
            if unseal(&self.cipher, nonce, &associated(&self.file_id, block, 0), out, tag) {
                continue;
            }
            // redb expects zeros in a block that it has made room for and never written.
            let fresh = record.iter().all(|byte| *byte == 0);
            if !self.opening.load(Ordering::Acquire) || !(fresh || self.design.zeros_while_opening) {
                return Err(damaged("a block does not open"));
            }
            out.fill(0);
        }
        Ok(())
    }

    fn write_blocks(&self, first: u64, data: &[u8]) -> io::Result<()> {
        let mut records = Vec::with_capacity(data.len() / BLOCK * RECORD);
        for (block, text) in (first..).zip(data.chunks_exact(BLOCK)) {
            let nonce = self.nonces.next();
            records.extend_from_slice(&nonce);
            let start = records.len();
            records.extend_from_slice(text);
            let associated = associated(&self.file_id, block, 0);
            let tag = seal(&self.cipher, &nonce, &associated, &mut records[start..]);
            records.extend_from_slice(&tag);
        }
        self.file.write(record(first), &records)
    }

    fn write_header(&self, offset: usize, data: &[u8]) -> io::Result<()> {
        let mut header = self.header();
        let mut block = header.block.clone();
        block[offset..offset + data.len()].copy_from_slice(data);
        let counter = header.counter + 1;
        let sealed = seal_slot(&self.cipher, &self.file_id, counter, &block, &self.nonces);
        let index = if self.design.two_slots { 1 - header.synced } else { 0 };
        // A write that fails half-way leaves a slot that must never be taken for the synced one.
        header.written = false;
        self.file.write(slot(index), &sealed)?;
        *header = Header { block, counter, synced: header.synced, written: true };
        Ok(())
    }
}

impl std::fmt::Debug for SealedBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedBackend").field("file", &self.file).finish_non_exhaustive()
    }
}

impl StorageBackend for SealedBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.blocks.load(Ordering::Acquire) * BLOCK as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.check_range(offset, out.len())?;
        if offset < BLOCK as u64 {
            let range = offset as usize..offset as usize + out.len();
            let header = self.header();
            let bytes = header.block.get(range).ok_or_else(|| refused("a read across the end of block 0"))?;
            out.copy_from_slice(bytes);
            return Ok(());
        }
        if !offset.is_multiple_of(BLOCK as u64) || !out.len().is_multiple_of(BLOCK) {
            return Err(refused("a read that is not of whole blocks"));
        }
        self.read_blocks(offset / BLOCK as u64, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if !len.is_multiple_of(BLOCK as u64) {
            return Err(refused("a length that is not of whole blocks"));
        }
        let blocks = len / BLOCK as u64;
        self.file.set_len(record(blocks))?;
        self.blocks.store(blocks, Ordering::Release);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut header = self.header();
        self.file.sync()?;
        if header.written {
            header.synced = 1 - header.synced;
            header.written = false;
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check_range(offset, data.len())?;
        if offset < BLOCK as u64 {
            let offset = offset as usize;
            if offset + data.len() > BLOCK {
                return Err(refused("a write across the end of block 0"));
            }
            return self.write_header(offset, data);
        }
        if !offset.is_multiple_of(BLOCK as u64) || !data.len().is_multiple_of(BLOCK) {
            return Err(refused("a write that is not of whole blocks"));
        }
        self.write_blocks(offset / BLOCK as u64, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

impl Header {
    fn read(
        file: &dyn RawFile,
        cipher: &XChaCha20Poly1305,
        file_id: &[u8; 16],
        design: Design,
    ) -> Result<Self, SealedError> {
        let open = |index| open_slot(file, cipher, file_id, index);
        let slots = [open(0)?, if design.two_slots { open(1)? } else { None }];
        let found = slots.into_iter().enumerate().filter_map(|(index, slot)| Some((index, slot?)));
        match found.max_by_key(|(_, (counter, _))| *counter) {
            Some((synced, (counter, block))) => Ok(Self { block, counter, synced, written: false }),
            None if !design.two_slots && design.zeros_while_opening => {
                Ok(Self { block: Box::new([0; BLOCK]), counter: 0, synced: 0, written: false })
            }
            None => Err(SealedError::Damaged("neither slot of the header opens")),
        }
    }
}

/// Fills both slots with an empty block 0, so that a slot that does not open always tells of damage.
pub(crate) fn write_empty_slots(
    file: &dyn RawFile,
    cipher: &XChaCha20Poly1305,
    file_id: &[u8; 16],
    nonces: &Nonces,
) -> io::Result<()> {
    (0..2).try_for_each(|index| file.write(slot(index), &seal_slot(cipher, file_id, 0, &[0; BLOCK], nonces)))
}

fn seal_slot(
    cipher: &XChaCha20Poly1305,
    file_id: &[u8; 16],
    counter: u64,
    block: &[u8; BLOCK],
    nonces: &Nonces,
) -> Vec<u8> {
    let nonce = nonces.next();
    let mut text = *block;
    let tag = seal(cipher, &nonce, &associated(file_id, 0, counter), &mut text);
    [&counter.to_be_bytes()[..], &nonce, &text, &tag].concat()
}

type Slot = (u64, Box<[u8; BLOCK]>);

fn open_slot(
    file: &dyn RawFile,
    cipher: &XChaCha20Poly1305,
    file_id: &[u8; 16],
    index: usize,
) -> io::Result<Option<Slot>> {
    let mut bytes = [0; SLOT_RECORD];
    file.read(slot(index), &mut bytes)?;
    let (counter, record) = bytes.split_first_chunk().expect("a slot begins with a counter");
    let (nonce, sealed) = record.split_at(NONCE);
    let (text, tag) = sealed.split_at(BLOCK);
    let counter = u64::from_be_bytes(*counter);
    let mut block = Box::new([0; BLOCK]);
    block.copy_from_slice(text);
    Ok(unseal(cipher, nonce, &associated(file_id, 0, counter), &mut *block, tag).then_some((counter, block)))
}

fn associated(file_id: &[u8; 16], block: u64, counter: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(file_id);
    bytes[16..24].copy_from_slice(&block.to_be_bytes());
    bytes[24..].copy_from_slice(&counter.to_be_bytes());
    bytes
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn refused(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}
