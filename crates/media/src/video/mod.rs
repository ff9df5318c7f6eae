//! Videos: MP4 and QuickTime (ISO/IEC 14496-12), without what they tell about their maker.
//!
//! A video is not made anew and not held: [`examine`] walks its boxes and says what is to be changed where, and
//! [`Edited`](crate::Edited) makes the changes while the file is read. Every change has the length of what it
//! replaces, so that no table of places has to be corrected.
//!
//! What stays is listed, what is not becomes a `free` box of zeros: user data, places, metadata, XMP, previews. Times of
//! the headers go, and names of tools and devices in handlers and sample descriptions; tracks that hold neither
//! pictures nor sound nor text (positions and motion of a camera) go with their samples, and so do those of a time code.
//! What no track names among the samples goes too. [`Video::rest`] says when something may be left. What lies within the
//! coded pictures and sound themselves (an encoder's settings in H.264, say) stays.
//!
//! No picture is decoded: there is no decoder of these formats in safe Rust. A video has an honest generic preview.

pub(crate) mod boxes;
mod moov;
mod samples;

use std::io::{self, Read, Seek, SeekFrom};

use boxes::{BoxAt, boxes};

use crate::edits::{Edit, Fill};

/// Why a video cannot be cleaned. It can be sent as a file, as it is.
#[derive(Debug, thiserror::Error)]
pub enum VideoError {
    /// Neither MP4 nor QuickTime.
    #[error("it is no video of a kind that is understood here")]
    Unknown,
    /// Its boxes do not hold together.
    #[error("the video is damaged")]
    Damaged,
    /// More boxes, tables or samples than are looked at.
    #[error("the video is made of too many parts")]
    TooManyParts,
    /// The file could not be read.
    #[error("the video cannot be read")]
    Unreadable(#[from] io::Error),
}

/// What a video says about itself, and what is changed before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Video {
    /// How long it is, in milliseconds; 0 when it does not say.
    pub duration_ms: u64,
    /// Its width as it is shown, in pixels; 0 when there are no pictures.
    pub width: u32,
    /// Its height as it is shown.
    pub height: u32,
    /// What is changed.
    pub edits: Vec<Edit>,
    /// Whether it may tell about its maker all the same: there is a track of text, which may be of places, or samples
    /// of a track were not found, as those in fragments are not, so that nobody knows what lies between them.
    pub rest: bool,
}

/// The boxes of a file that stay. Of the rest `prft` would tell the clock, and `meta`, `udta`, `uuid` anything.
const STAY: [&[u8; 4]; 12] = [
    b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"ssix",
    b"pdin",
];
/// The boxes of a fragment that stay.
const FRAGMENT: [&[u8; 4]; 10] =
    [b"mfhd", b"traf", b"tfhd", b"trun", b"tfdt", b"sdtp", b"sbgp", b"sgpd", b"subs", b"free"];

/// Walks a video. Only its headers are read, and at most some 64 MiB of them.
pub fn examine(file: &mut (impl Read + Seek)) -> Result<Video, VideoError> {
    let size = file.seek(SeekFrom::End(0))?;
    let top = boxes(file, 0, size)?;
    let first = top.first().ok_or(VideoError::Unknown)?;
    if !matches!(&first.name, b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip") {
        return Err(VideoError::Unknown);
    }
    let mut video = Video::default();
    video.edits.extend(after(&top, 0, size));
    let mut moov = false;
    let mut kept = Kept::default();
    let fragments = top.iter().any(|part| &part.name == b"moof");
    for part in &top {
        match &part.name {
            b"moov" => {
                moov = true;
                moov::examine(file, part, fragments, &mut video, &mut kept)?;
            }
            b"moof" => fragment(file, part, 0, &mut video)?,
            b"free" | b"skip" | b"wide" => video.edits.push(zeros(part)),
            name if STAY.contains(&name) => {}
            _ => video.edits.extend(blank(part)),
        }
    }
    if !moov {
        return Err(VideoError::Unknown);
    }
    match kept.lost || fragments {
        true => video.rest = true,
        false => {
            for part in top.iter().filter(|part| &part.name == b"mdat") {
                let gaps = samples::gaps(part.body, part.end, &mut kept.chunks);
                let edits = gaps.into_iter().map(|(at, to)| Edit { at, with: Fill::Repeat(0, to - at) });
                video.edits.extend(edits);
            }
        }
    }
    Ok(video)
}

/// The samples of the tracks that stay.
#[derive(Default)]
struct Kept {
    chunks: Vec<samples::Chunk>,
    /// Whether there are some that were not found.
    lost: bool,
}

/// A fragment: its own boxes, and those of its tracks.
fn fragment(
    file: &mut (impl Read + Seek),
    of: &BoxAt,
    depth: usize,
    video: &mut Video,
) -> Result<(), VideoError> {
    let parts = boxes(file, of.body, of.end)?;
    video.edits.extend(after(&parts, of.body, of.end));
    for part in parts {
        if &part.name == b"traf" && depth == 0 {
            fragment(file, &part, 1, video)?;
        } else if matches!(&part.name, b"free") {
            video.edits.push(zeros(&part));
        } else if !FRAGMENT.contains(&&part.name) {
            video.edits.extend(blank(&part));
        }
    }
    Ok(())
}

/// Makes what stands after these boxes zeros; they begin at `from`, should there be none.
fn after(parts: &[BoxAt], from: u64, end: u64) -> Option<Edit> {
    let at = parts.last().map_or(from, |last| last.end);
    (at < end).then(|| Edit { at, with: Fill::Repeat(0, end - at) })
}

/// Makes a box one that is skipped, with nothing in it.
fn blank(part: &BoxAt) -> [Edit; 2] {
    [Edit { at: part.at + 4, with: Fill::Bytes(b"free".to_vec()) }, zeros(part)]
}

/// Makes the body of a box zeros.
fn zeros(part: &BoxAt) -> Edit {
    Edit { at: part.body, with: Fill::Repeat(0, part.end - part.body) }
}
