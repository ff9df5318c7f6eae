//! A conversation's head: what changes with every message, in one small row.
//!
//! Row: version 1 | epoch u64 | next sequence u64 | SHA-256 of the send capability | up to 32 dedupe values u64,
//! those of the sequence numbers just before the next; all big-endian.

use bytes::{BufMut, Bytes, BytesMut};
use lacre_proto::error::WireError;
use subtle::ConstantTimeEq;

use super::super::rows;

/// How many dedupe values are remembered.
pub(super) const RING: usize = 32;
const FIXED: usize = 1 + 8 + 8 + 32;

/// A conversation's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) epoch: u64,
    /// The sequence number of what comes next; numbers begin at 1.
    pub(super) next: u64,
    /// SHA-256 of the send capability of the epoch.
    pub(super) capability: [u8; 32],
    /// Dedupe values of the last sequence numbers, the newest at the end.
    recent: Recent,
}

/// A ring without an allocation, as there is one of it for each message in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Recent {
    values: [u64; RING],
    /// How many of the values, from the end, are there.
    len: usize,
}

impl Head {
    /// The head of a new conversation, before its first sequence number.
    pub(super) fn new(epoch: u64, capability: [u8; 32]) -> Self {
        Self { epoch, next: 1, capability, recent: Recent { values: [0; RING], len: 0 } }
    }

    /// Gives the next sequence number to something with a dedupe value.
    pub(super) fn take_sequence(&mut self, dedupe: u64) -> u64 {
        self.recent.values.rotate_left(1);
        self.recent.values[RING - 1] = dedupe;
        self.recent.len = RING.min(self.recent.len + 1);
        self.next += 1;
        self.next - 1
    }

    /// The sequence number that something with this dedupe value got lately; 0 is no dedupe value.
    pub(super) fn sequence_of(&self, dedupe: u64) -> Option<u64> {
        let known = &self.recent.values[RING - self.recent.len..];
        let back = known.iter().rev().position(|value| *value == dedupe && dedupe != 0)?;
        Some(self.next - 1 - back as u64)
    }

    pub(super) fn encode(&self) -> Bytes {
        let known = &self.recent.values[RING - self.recent.len..];
        let mut row = BytesMut::with_capacity(FIXED + 8 * known.len());
        row.put_u8(rows::VERSION);
        row.put_u64(self.epoch);
        row.put_u64(self.next);
        row.put_slice(&self.capability);
        known.iter().for_each(|value| row.put_u64(*value));
        row.freeze()
    }

    pub(super) fn decode(row: &Bytes) -> Result<Self, WireError> {
        Self::read(row).ok_or_else(|| rows::broken("conversation"))
    }

    fn read(row: &[u8]) -> Option<Self> {
        let (version, rest) = row.split_first()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (next, rest) = rest.split_first_chunk()?;
        let (capability, rest) = rest.split_first_chunk()?;
        let len = rest.len() / 8;
        if *version != rows::VERSION || rest.len() % 8 != 0 || len > RING {
            return None;
        }
        let mut values = [0; RING];
        for (value, bytes) in values[RING - len..].iter_mut().zip(rest.chunks_exact(8)) {
            *value = u64::from_be_bytes(bytes.try_into().ok()?);
        }
        Some(Self {
            epoch: u64::from_be_bytes(*epoch),
            next: u64::from_be_bytes(*next),
            capability: *capability,
            recent: Recent { values, len },
        })
    }
}

/// Compares two hashes without telling by the time where they differ.
pub(super) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_32_are_remembered_with_their_sequence_numbers() {
        let mut head = Head::new(1, [7; 32]);
        for dedupe in 101..=140 {
            assert_eq!(head.take_sequence(dedupe), dedupe - 100);
        }
        assert_eq!(head.sequence_of(140), Some(40));
        assert_eq!(head.sequence_of(109), Some(9), "the 32nd from the end");
        assert_eq!(head.sequence_of(108), None, "the 33rd");
    }

    #[test]
    fn no_dedupe_value_is_never_a_repetition() {
        let mut head = Head::new(1, [7; 32]);
        head.take_sequence(0);
        assert_eq!(head.sequence_of(0), None);
    }

    #[test]
    fn a_head_comes_back_from_its_row() {
        let mut head = Head::new(9, [3; 32]);
        for length in 0..40 {
            let row = head.encode();
            assert_eq!(row.len(), FIXED + 8 * length.min(RING));
            assert_eq!(Head::decode(&row), Ok(head.clone()));
            head.take_sequence(u64::MAX - length as u64);
        }
        let row = head.encode();
        assert!(Head::decode(&row.slice(..row.len() - 1)).is_err());
        assert!(Head::decode(&Bytes::new()).is_err());
    }
}
