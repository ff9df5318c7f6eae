//! Where things lie in the file (specified in `docs/protocol/sealed-store.md` §2).

/// The format's number.
pub(crate) const VERSION: u16 = 1;
/// A block of the database, as redb sees it.
pub(crate) const BLOCK: usize = 4096;
/// A nonce of XChaCha20-Poly1305.
pub(crate) const NONCE: usize = 24;
/// A tag of Poly1305.
pub(crate) const TAG: usize = 16;
/// A block in the file: nonce, ciphertext, tag.
pub(crate) const RECORD: usize = NONCE + BLOCK + TAG;

/// Length of one copy of the preamble; the copies lie at 0 and at this.
pub(crate) const PREAMBLE: usize = 4096;
/// Block 0 in a slot: counter, then a record.
pub(crate) const SLOT_RECORD: usize = 8 + RECORD;
const SLOT_AREA: u64 = 8192;
/// The record of block 0 would lie here; it is never written, block 0 being in the slots.
pub(crate) const DATA_START: u64 = 2 * PREAMBLE as u64 + 2 * SLOT_AREA;

/// Where a slot of block 0 begins.
pub(crate) fn slot(index: usize) -> u64 {
    2 * PREAMBLE as u64 + index as u64 * SLOT_AREA
}

/// Where the record of a block begins.
pub(crate) fn record(block: u64) -> u64 {
    DATA_START + block * RECORD as u64
}
