//! The `moov` box: headers without times, tracks without names, and no other data.

use std::io::{Read, Seek};

use super::boxes::{BoxAt, boxes, named, u32_at, u64_at};
use super::samples::Chunk;
use super::{Kept, Video, VideoError, after, blank, samples, zeros};
use crate::edits::{Edit, Fill};

/// Tracks of a video.
const TRACKS: usize = 128;
/// What stays, by the box that it stands in.
const MOOV: [&[u8; 4]; 4] = [b"mvhd", b"trak", b"mvex", b"iods"];
const TRAK: [&[u8; 4]; 5] = [b"tkhd", b"edts", b"mdia", b"tapt", b"tref"];
const MDIA: [&[u8; 4]; 4] = [b"mdhd", b"hdlr", b"minf", b"elng"];
const MINF: [&[u8; 4]; 8] = [b"vmhd", b"smhd", b"sthd", b"nmhd", b"gmhd", b"hdlr", b"dinf", b"stbl"];
const STBL: [&[u8; 4]; 16] = [
    b"stsd", b"stts", b"ctts", b"cslg", b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss", b"stps",
    b"sdtp", b"sbgp", b"sgpd", b"saiz", b"saio",
];
/// The tracks that stay, by their handler: pictures, sound, text, and the time code of an editor.
const HANDLERS: [&[u8; 4]; 9] =
    [b"vide", b"soun", b"subt", b"sbtl", b"text", b"clcp", b"auxv", b"pict", b"tmcd"];
/// Those of them whose text is a film's, or the places that a drone flew over: nobody sees which.
const TEXTS: [&[u8; 4]; 4] = [b"subt", b"sbtl", b"text", b"clcp"];
/// The time code of a camera is the time of day.
const TIME_CODE: &[u8; 4] = b"tmcd";

/// Examines the box; of a video in fragments samples are elsewhere too.
pub fn examine(
    file: &mut (impl Read + Seek),
    moov: &BoxAt,
    fragments: bool,
    video: &mut Video,
    kept: &mut Kept,
) -> Result<(), VideoError> {
    let parts = stay(file, moov, &MOOV, video)?;
    if parts.iter().filter(|part| &part.name == b"trak").count() > TRACKS {
        return Err(VideoError::TooManyParts);
    }
    for part in parts {
        match &part.name {
            b"mvhd" => {
                let header = part.read(file)?;
                video.edits.extend(times(&part, &header));
                video.duration_ms = duration(&header).unwrap_or(0);
            }
            b"trak" => track(file, &part, fragments, video, kept)?,
            _ => {}
        }
    }
    Ok(())
}

/// The boxes in a box that stay; the others are made nothing.
fn stay(
    file: &mut (impl Read + Seek),
    of: &BoxAt,
    names: &[&[u8; 4]],
    video: &mut Video,
) -> Result<Vec<BoxAt>, VideoError> {
    let all = boxes(file, of.body, of.end)?;
    video.edits.extend(after(&all, of.body, of.end));
    let (kept, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(|part| names.contains(&&part.name));
    video.edits.extend(gone.iter().flat_map(blank));
    Ok(kept)
}

fn track(
    file: &mut (impl Read + Seek),
    trak: &BoxAt,
    fragments: bool,
    video: &mut Video,
    kept: &mut Kept,
) -> Result<(), VideoError> {
    let inner = boxes(file, trak.body, trak.end)?;
    let mdia = named(&inner, b"mdia").ok_or(VideoError::Damaged)?;
    let media = boxes(file, mdia.body, mdia.end)?;
    let handler = named(&media, b"hdlr").ok_or(VideoError::Damaged)?.read(file)?;
    let kind: [u8; 4] =
        handler.get(8..12).and_then(|kind| kind.try_into().ok()).ok_or(VideoError::Damaged)?;
    let stays = HANDLERS.contains(&&kind);
    video.rest |= TEXTS.contains(&&kind);
    if !stays || &kind == TIME_CODE {
        let chunks = samples::chunks(file, &media)?;
        video.rest |= chunks.is_none() || fragments;
        let zeros = |chunk: Chunk| Edit { at: chunk.at, with: Fill::Repeat(0, chunk.length) };
        video.edits.extend(chunks.into_iter().flatten().map(zeros));
    }
    if !stays {
        video.edits.extend(blank(trak));
        return Ok(());
    }
    match samples::chunks(file, &media) {
        Ok(Some(chunks)) => {
            let sound = &kind == b"soun";
            kept.chunks.extend(chunks.into_iter().map(|chunk| Chunk { open: chunk.open && sound, ..chunk }));
        }
        Err(VideoError::Unreadable(error)) => return Err(error.into()),
        Ok(None) | Err(_) => kept.lost = true,
    }
    for part in stay(file, trak, &TRAK, video)? {
        if &part.name == b"tkhd" {
            let header = part.read(file)?;
            video.edits.extend(times(&part, &header));
            if &kind == b"vide" && video.width == 0 {
                (video.width, video.height) = size(&header).unwrap_or_default();
            }
        }
    }
    for part in stay(file, mdia, &MDIA, video)? {
        match &part.name {
            b"mdhd" => video.edits.extend(times(&part, &part.read(file)?)),
            b"hdlr" => video.edits.extend(nameless(&part)),
            b"minf" => media_information(file, &part, &kind, video, kept)?,
            _ => {}
        }
    }
    Ok(())
}

fn media_information(
    file: &mut (impl Read + Seek),
    minf: &BoxAt,
    kind: &[u8; 4],
    video: &mut Video,
    kept: &mut Kept,
) -> Result<(), VideoError> {
    for part in stay(file, minf, &MINF, video)? {
        match &part.name {
            b"hdlr" => video.edits.extend(nameless(&part)),
            b"dinf" => references(file, &part, video)?,
            b"stbl" => {
                for table in stay(file, &part, &STBL, video)? {
                    match &table.name {
                        b"stsd" => descriptions(file, &table, kind, video)?,
                        // What else is said of each sample lies somewhere too.
                        b"saio" => kept.lost = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// When it was made and changed: the times of a header of version 0 or 1 (§8.2.2).
fn times(part: &BoxAt, header: &[u8]) -> Option<Edit> {
    let length = if *header.first()? == 1 { 16 } else { 8 };
    (header.len() > 4 + length).then(|| Edit { at: part.body + 4, with: Fill::Repeat(0, length as u64) })
}

/// The duration of a `mvhd` box in milliseconds.
fn duration(header: &[u8]) -> Option<u64> {
    let (scale, length) = match header.first()? {
        1 => (u32_at(header, 20)?, u64_at(header, 24)?),
        _ => (u32_at(header, 12)?, u64::from(u32_at(header, 16)?)),
    };
    let unknown = length == u64::MAX || length == u64::from(u32::MAX);
    (!unknown).then(|| length.saturating_mul(1000).checked_div(scale.into())).flatten()
}

/// Width and height of a `tkhd` box as they are shown: its matrix may turn them (§8.3.2).
fn size(header: &[u8]) -> Option<(u32, u32)> {
    let tail = header.len().checked_sub(8)?;
    let (width, height) = (u32_at(header, tail)? >> 16, u32_at(header, tail + 4)? >> 16);
    let turned = u32_at(header, tail.checked_sub(36)?)? == 0 && u32_at(header, tail - 32)? != 0;
    Some(if turned { (height, width) } else { (width, height) })
}

/// A handler without its maker and its name, which is of a tool or a device (§8.4.3).
fn nameless(part: &BoxAt) -> Option<Edit> {
    let from = part.body + 12;
    (part.end > from).then(|| Edit { at: from, with: Fill::Repeat(0, part.end - from) })
}

/// Where the samples are: always in this file, and no path of another (§8.7.2).
fn references(file: &mut (impl Read + Seek), dinf: &BoxAt, video: &mut Video) -> Result<(), VideoError> {
    for dref in boxes(file, dinf.body, dinf.end)?.iter().filter(|part| &part.name == b"dref") {
        let entries = boxes(file, (dref.body + 8).min(dref.end), dref.end)?;
        for entry in entries.iter().filter(|entry| entry.end >= entry.body + 4) {
            video.edits.push(Edit { at: entry.body, with: Fill::Bytes(vec![0, 0, 0, 1]) });
            let rest = BoxAt { body: entry.body + 4, ..*entry };
            video.edits.push(zeros(&rest));
        }
    }
    Ok(())
}

/// Sample descriptions without the names of encoders (§8.5.2, §12.1.3; of QuickTime the vendor too).
fn descriptions(
    file: &mut (impl Read + Seek),
    stsd: &BoxAt,
    kind: &[u8; 4],
    video: &mut Video,
) -> Result<(), VideoError> {
    const VENDOR: u64 = 12;
    const ENCODER: u64 = 42;
    // The name of a reel, after the numbers of a time code.
    const REEL: u64 = 26;
    for entry in boxes(file, (stsd.body + 8).min(stsd.end), stsd.end)? {
        if matches!(kind, b"vide" | b"soun") && entry.end >= entry.body + VENDOR + 4 {
            video.edits.push(Edit { at: entry.body + VENDOR, with: Fill::Repeat(0, 4) });
        }
        if kind == TIME_CODE && entry.end >= entry.body + REEL {
            video.edits.push(zeros(&BoxAt { body: entry.body + REEL, ..entry }));
        }
        if kind == b"vide" && entry.end >= entry.body + ENCODER + 32 {
            video.edits.push(Edit { at: entry.body + ENCODER, with: Fill::Repeat(0, 32) });
        }
    }
    Ok(())
}
