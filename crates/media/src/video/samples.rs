//! Where the samples of a track lie (ISO/IEC 14496-12 §8.7), so that those of one that goes can go with it, and what
//! belongs to no track.

use std::io::{Read, Seek};

use super::VideoError;
use super::boxes::{BoxAt, boxes, named, u32_at, u64_at};

/// Samples that stand one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Where they begin.
    pub at: u64,
    /// How many bytes they are.
    pub length: u64,
    /// Whether all samples are said to be alike: QuickTime says so of sound, one byte for each, whatever its width.
    pub open: bool,
}

/// Chunks and samples of a track that are looked at: ten a second for a day.
const ENTRIES: u32 = 1_000_000;

/// All samples of a track, given the boxes of its `mdia`; `None` when it has some that cannot be found.
pub fn chunks(file: &mut (impl Read + Seek), media: &[BoxAt]) -> Result<Option<Vec<Chunk>>, VideoError> {
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
    let open = sizes.as_deref().and_then(|sizes| u32_at(sizes, 4)).is_some_and(|size| size > 0);
    let length_of = |number| match (&sizes, &halves) {
        (Some(sizes), _) => size(sizes, number),
        (None, Some(halves)) => compact(halves, number),
        (None, None) => None,
    };
    let Some(runs) = runs else { return Ok(None) };
    let Some(places) = places(short.as_deref(), long.as_deref())? else { return Ok(None) };
    let mut sample = 0;
    let mut chunks = Vec::new();
    for (place, chunk) in places.into_iter().zip(1..) {
        let count = in_chunk(&runs, chunk).ok_or(VideoError::Damaged)?;
        let end = sample_end(sample, count)?;
        let length = (sample..end).try_fold(0u64, |sum, number| Some(sum + u64::from(length_of(number)?)));
        chunks.push(Chunk { at: place, length: length.ok_or(VideoError::Damaged)?, open });
        sample = end;
    }
    Ok(Some(chunks))
}

/// What of a piece of a file no chunk has.
pub fn gaps(from: u64, to: u64, chunks: &mut [Chunk]) -> Vec<(u64, u64)> {
    chunks.sort_by_key(|chunk| chunk.at);
    let mut gaps = Vec::new();
    let (mut at, mut open) = (from, false);
    for chunk in chunks.iter() {
        if chunk.at >= to {
            break;
        }
        if at < chunk.at && !open {
            gaps.push((at, chunk.at));
        }
        let end = chunk.at.saturating_add(chunk.length);
        if end > from {
            (at, open) = (at.max(end).max(from), chunk.open);
        }
    }
    if at < to && !open {
        gaps.push((at, to));
    }
    gaps
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_chunk_has_is_found_whatever_their_order() {
        let chunk = |at, length, open| Chunk { at, length, open };
        let mut chunks =
            vec![chunk(30, 10, false), chunk(12, 8, false), chunk(15, 2, false), chunk(200, 5, false)];
        assert_eq!(gaps(10, 50, &mut chunks), [(10, 12), (20, 30), (40, 50)]);
        chunks.push(chunk(20, 1, true));
        assert_eq!(gaps(10, 50, &mut chunks), [(10, 12), (40, 50)]);
        chunks.push(chunk(0, 100, false));
        assert_eq!(gaps(10, 50, &mut chunks), []);
        assert_eq!(gaps(10, 50, &mut []), [(10, 50)]);
    }
}
