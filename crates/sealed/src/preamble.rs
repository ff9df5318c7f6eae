//! The preamble: which file this is, how to tell the right key, and how the key is protected (§4 of the format).
//!
//! It lies in the file twice. A change writes the copy that is not in force, syncs, then writes the other: at every
//! moment one of them is whole. The valid copy with the higher counter is in force.

use std::io;

use chacha20poly1305::XChaCha20Poly1305;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use crate::backend;
use crate::crypto::{MasterKey, Nonces, file_cipher, seal, unseal};
use crate::error::SealedError;
use crate::format::{DATA_START, NONCE, PREAMBLE, TAG, VERSION};
use crate::passphrase::{Cost, Wrapped};
use crate::raw::RawFile;

const MAGIC: [u8; 8] = *b"lacre\x1asb";
const BODY: usize = PREAMBLE - 32;

/// How the key of a new store is protected.
#[derive(Clone, Copy)]
pub enum Protection<'a> {
    /// Not in the file: whoever opens it brings the key.
    Key,
    /// By a passphrase, at this cost.
    Passphrase(&'a [u8], Cost),
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or a store whose making was cut short: [`create`] makes one.
    Nothing,
    /// A store that is opened by a key kept elsewhere.
    Key,
    /// A store that is opened by a passphrase.
    Passphrase,
}

/// Says what is in a file, without a key.
pub fn look(file: &dyn RawFile) -> Result<Found, SealedError> {
    Ok(match read(file)? {
        None => Found::Nothing,
        Some(Preamble { wrapped: None, .. }) => Found::Key,
        Some(Preamble { wrapped: Some(_), .. }) => Found::Passphrase,
    })
}

/// Makes a store in a file that holds none; nothing else is ever overwritten.
pub fn create(
    file: &dyn RawFile,
    key: &MasterKey,
    protection: Protection<'_>,
    rng: &mut dyn CryptoRng,
) -> Result<(), SealedError> {
    if read(file)?.is_some() {
        return Err(SealedError::Exists);
    }
    let mut file_id = [0; 16];
    rng.fill_bytes(&mut file_id);
    let mut check_nonce = [0; NONCE];
    rng.fill_bytes(&mut check_nonce);
    let cipher = file_cipher(key, &file_id);
    let check_tag = seal(&cipher, &check_nonce, &check_text(&file_id), &mut []);
    let mut preamble = Preamble { file_id, counter: 1, check_nonce, check_tag, wrapped: None };
    if let Protection::Passphrase(passphrase, cost) = protection {
        preamble.wrapped = Some(Wrapped::seal(&preamble, key, passphrase, cost, rng)?);
    }
    file.set_len(DATA_START)?;
    file.sync()?;
    backend::write_empty_slots(file, &cipher, &file_id, &Nonces::new(rng))?;
    file.sync()?;
    preamble.store(file)
}

/// The preamble in force; `None` for a file without a store.
pub(crate) fn read(file: &dyn RawFile) -> Result<Option<Preamble>, SealedError> {
    let len = file.len()?;
    if len == 0 {
        return Ok(None);
    }
    if len < DATA_START {
        return Err(SealedError::NotSealed);
    }
    let copies = [read_copy(file, 0)?, read_copy(file, 1)?];
    let newer = copies.iter().filter(|copy| is_whole(copy)).filter_map(|copy| version(copy));
    if let Some(newer) = newer.max().filter(|version| *version > VERSION) {
        return Err(SealedError::NewerVersion(newer));
    }
    let valid = copies.iter().filter_map(|copy| Preamble::decode(copy));
    if let Some(preamble) = valid.max_by_key(|preamble| preamble.counter) {
        return Ok(Some(preamble));
    }
    // Nothing is stored before the preamble is, so a file of just this length has lost nothing.
    let unfinished = |copy: &[u8]| copy.iter().zip(MAGIC).all(|(byte, magic)| *byte == 0 || *byte == magic);
    if len == DATA_START && copies.iter().all(|copy| unfinished(&copy[..])) {
        return Ok(None);
    }
    if copies.iter().any(|copy| copy.starts_with(&MAGIC)) {
        return Err(SealedError::Damaged("neither copy of the preamble is whole"));
    }
    Err(SealedError::NotSealed)
}

fn read_copy(file: &dyn RawFile, index: u64) -> io::Result<Box<[u8; PREAMBLE]>> {
    let mut copy = Box::new([0; PREAMBLE]);
    file.read(index * PREAMBLE as u64, &mut *copy)?;
    Ok(copy)
}

fn version(copy: &[u8; PREAMBLE]) -> Option<u16> {
    copy.starts_with(&MAGIC).then(|| u16::from_be_bytes([copy[8], copy[9]]))
}

/// Every version of the format has the sum of a copy at its end.
fn is_whole(copy: &[u8; PREAMBLE]) -> bool {
    let (body, sum) = copy.split_at(BODY);
    Sha256::digest(body)[..] == *sum
}

fn check_text(file_id: &[u8; 16]) -> Vec<u8> {
    [&MAGIC[..], &VERSION.to_be_bytes(), file_id].concat()
}

/// One state of the preamble.
#[derive(Clone)]
pub(crate) struct Preamble {
    pub(crate) file_id: [u8; 16],
    pub(crate) counter: u64,
    check_nonce: [u8; NONCE],
    check_tag: [u8; TAG],
    pub(crate) wrapped: Option<Wrapped>,
}

impl Preamble {
    /// The cipher of the file's records, if this is its key.
    pub(crate) fn cipher(&self, key: &MasterKey) -> Result<XChaCha20Poly1305, SealedError> {
        let cipher = file_cipher(key, &self.file_id);
        let check = check_text(&self.file_id);
        if unseal(&cipher, &self.check_nonce, &check, &mut [], &self.check_tag) {
            Ok(cipher)
        } else {
            Err(SealedError::WrongKey)
        }
    }

    /// Writes it to both copies, one after the other: first over the one that is not in force.
    pub(crate) fn store(&self, file: &dyn RawFile) -> Result<(), SealedError> {
        let bytes = self.encode();
        let first = self.counter % 2;
        for index in [first, 1 - first] {
            file.write(index * PREAMBLE as u64, &bytes)?;
            file.sync()?;
        }
        Ok(())
    }

    /// Makes both copies the one in force, if a change was cut short.
    pub(crate) fn mend(&self, file: &dyn RawFile) -> Result<(), SealedError> {
        let bytes = self.encode();
        for index in 0..2 {
            if read_copy(file, index)?[..] != bytes[..] {
                file.write(index * PREAMBLE as u64, &bytes)?;
                file.sync()?;
            }
        }
        Ok(())
    }

    /// The fields that a wrapped key is bound to.
    pub(crate) fn head(&self) -> Vec<u8> {
        let (version, counter) = (VERSION.to_be_bytes(), self.counter.to_be_bytes());
        [&MAGIC[..], &version, &self.file_id, &counter, &self.check_nonce, &self.check_tag].concat()
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.head();
        match &self.wrapped {
            None => bytes.push(0),
            Some(wrapped) => {
                bytes.push(1);
                wrapped.encode(&mut bytes);
            }
        }
        bytes.resize(BODY, 0);
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    fn decode(bytes: &[u8; PREAMBLE]) -> Option<Self> {
        if version(bytes) != Some(VERSION) || !is_whole(bytes) {
            return None;
        }
        let mut rest = &bytes[10..BODY];
        let mut preamble = Self {
            file_id: take(&mut rest),
            counter: u64::from_be_bytes(take(&mut rest)),
            check_nonce: take(&mut rest),
            check_tag: take(&mut rest),
            wrapped: None,
        };
        preamble.wrapped = match take(&mut rest) {
            [0] => None,
            [1] => Some(Wrapped::decode(&mut rest)),
            _ => return None,
        };
        // There is one way to write a preamble.
        (preamble.encode() == bytes).then_some(preamble)
    }
}

/// Takes the next field of a preamble, which is longer than all its fields together.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (field, after) = rest.split_first_chunk().expect("the fields are shorter than the preamble");
    *rest = after;
    *field
}
