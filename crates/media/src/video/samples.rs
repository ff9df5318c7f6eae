//! Where the samples of a track lie (ISO/IEC 14496-12 §8.7), so that those of one that goes can go with it.

use std::io::{Read, Seek};

use super::VideoError;
use super::boxes::{BoxAt, boxes, named, u32_at, u64_at};
use crate::edits::{Edit, Fill};

/// Chunks and samples of a track that are looked at: ten a second for a day.
const ENTRIES: u32 = 1_000_000;

/// Edits that make all samples of a track zeros, given the boxes of its `mdia`; `None` when it has some that cannot be
/// found.
pub fn zeros(file: &mut (impl Read + Seek), media: &[BoxAt]) -> Result<Option<Vec<Edit>>, VideoError> {
    let Some(minf) = named(media, b"minf") else { return Ok(None) };
    let inner = boxes(file, minf.body, minf.end)?;
    let Some(stbl) = named(&inner, b"stbl") else { return Ok(None) };
    let tables = boxes(file, stbl.body, stbl.end)?;
    let mut read = |name| match named(&tables, name) {
        Some(table) => table.read(file).map(Some),
        None => Ok(None),
    };
    let (short, long) = (read(b"stco")?, read(b"co64")?);
    let (sizes, halves, runs) = (read(b"stsz")?, read(b"stz2")?, read(b"stsc")?);
    if sizes.is_none() && halves.is_none() {
        return Ok(None);
    }
    let length_of = |number| match (&sizes, &halves) {
        (Some(sizes), _) => size(sizes, number),
        (None, Some(halves)) => compact(halves, number),
        (None, None) => None,
    };
    let Some(runs) = runs else { return Ok(None) };
    let Some(places) = places(short.as_deref(), long.as_deref())? else { return Ok(None) };
    let mut sample = 0;
    let mut edits = Vec::new();
    for (place, chunk) in places.into_iter().zip(1..) {
        let count = in_chunk(&runs, chunk).ok_or(VideoError::Damaged)?;
        let end = sample_end(sample, count)?;
        let length = (sample..end).try_fold(0u64, |sum, number| Some(sum + u64::from(length_of(number)?)));
        edits.push(Edit { at: place, with: Fill::Repeat(0, length.ok_or(VideoError::Damaged)?) });
        sample = end;
    }
    Ok(Some(edits))
}

fn sample_end(sample: u32, count: u32) -> Result<u32, VideoError> {
    sample.checked_add(count).filter(|end| *end <= ENTRIES).ok_or(VideoError::TooManyParts)
}

/// Where the chunks begin.
fn places(short: Option<&[u8]>, long: Option<&[u8]>) -> Result<Option<Vec<u64>>, VideoError> {
    let (table, width) = match (short, long) {
        (Some(table), _) => (table, 4),
        (None, Some(table)) => (table, 8),
        (None, None) => return Ok(None),
    };
    let count = u32_at(table, 4).filter(|count| *count <= ENTRIES).ok_or(VideoError::TooManyParts)? as usize;
    let place = |number: usize| {
        let at = 8 + number * width;
        if width == 4 { u32_at(table, at).map(u64::from) } else { u64_at(table, at) }
    };
    (0..count).map(place).collect::<Option<_>>().map(Some).ok_or(VideoError::Damaged)
}

/// Samples in a chunk: what the last run says that begins at it or before.
fn in_chunk(runs: &[u8], chunk: u32) -> Option<u32> {
    let count = u32_at(runs, 4)?.min(ENTRIES) as usize;
    let begins = |number: usize| u32_at(runs, 8 + number * 12);
    // The runs are in order: the one that counts is found by halves.
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if begins(middle)? <= chunk { low = middle + 1 } else { high = middle }
    }
    u32_at(runs, 8 + low.checked_sub(1)? * 12 + 4)
}

/// The size of a sample: one for all, or its own.
fn size(sizes: &[u8], number: u32) -> Option<u32> {
    match u32_at(sizes, 4)? {
        0 => u32_at(sizes, 12 + number as usize * 4),
        size => Some(size),
    }
}

/// The size of a sample in the table of short sizes: of four, eight or sixteen bits (§8.7.3.3).
fn compact(sizes: &[u8], number: u32) -> Option<u32> {
    let number = number as usize;
    let byte = |at: usize| sizes.get(12 + at).map(|byte| u32::from(*byte));
    match sizes.get(7)? {
        4 if number.is_multiple_of(2) => byte(number / 2).map(|pair| pair >> 4),
        4 => byte(number / 2).map(|pair| pair & 0xf),
        8 => byte(number),
        16 => Some(byte(2 * number)? << 8 | byte(2 * number + 1)?),
        _ => None,
    }
}
