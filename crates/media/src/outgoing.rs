//! What leaves a device in place of a file: the one call of whoever sends.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use lacre_guard::{Facts, Family, Kind};

use crate::edits::{Edit, Edited};
use crate::picture::{self, Picture, Sending};
use crate::{document, video, voice};

/// A file that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What is sent.
    pub body: Body,
    /// What it is; of a picture that was made anew, what it became.
    pub mime: &'static str,
    /// The extension that belongs to it, when it became something else.
    pub extension: Option<&'static str>,
    /// Width as it is shown, in pixels; 0 when it is not known.
    pub width: u32,
    /// Height as it is shown.
    pub height: u32,
    /// How long it plays, in milliseconds; 0 when it does not or does not say.
    pub duration_ms: u32,
    /// A small JPEG of it; empty when there is none.
    pub thumbnail: Vec<u8>,
    /// ThumbHash of it; empty when there is none.
    pub blur: Vec<u8>,
    /// It may tell about its maker all the same: it is of a kind, or in a state, in which that cannot be taken out. A
    /// person who sends it is told.
    pub tells: bool,
}

/// The bytes that are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The file as it is, with these changes.
    Edits(Vec<Edit>),
    /// Others, in its place.
    Bytes(Vec<u8>),
}

impl Outgoing {
    /// How many bytes are sent of a file of `size`.
    pub fn size(&self, size: u64) -> u64 {
        match &self.body {
            Body::Edits(_) => size,
            Body::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// The bytes that are sent, read from the beginning; `file` is the one that this was made of.
    pub fn read<'a, R: Read + Seek + 'a>(&'a self, file: R) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match &self.body {
            Body::Edits(edits) => Box::new(Edited::new(file, edits.clone())?),
            Body::Bytes(bytes) => Box::new(Cursor::new(bytes)),
        })
    }
}

/// Makes a file ready: a picture is made smaller or stripped, a video and a document are cleaned while they are read,
/// everything else goes as it is. What cannot be read as the kind that it is goes as it is too, and says so.
pub fn outgoing(facts: &Facts, file: &mut (impl Read + Seek), sending: Sending) -> io::Result<Outgoing> {
    let kind = facts.kind();
    let mut out = Outgoing {
        body: Body::Edits(Vec::new()),
        mime: kind.mime(),
        extension: None,
        width: 0,
        height: 0,
        duration_ms: 0,
        thumbnail: Vec::new(),
        blur: Vec::new(),
        tells: matches!(kind.family(), Family::Image | Family::Video | Family::Audio),
    };
    match kind {
        Kind::Jpeg | Kind::Png | Kind::Webp | Kind::Gif => {
            if let Some(bytes) = whole(file, picture::FILE)? {
                of_picture(&mut out, &bytes, sending);
            }
        }
        Kind::Heif | Kind::Avif => {
            let still = whole(file, picture::FILE)?.and_then(|bytes| picture::heif::clean(&bytes).ok());
            if let Some(still) = still {
                (out.width, out.height, out.tells) = (still.width, still.height, still.rest);
                out.body = Body::Bytes(still.bytes);
            }
        }
        Kind::Mp4 | Kind::QuickTime | Kind::M4a => match video::examine(file) {
            Ok(video) => {
                (out.width, out.height) = (video.width, video.height);
                out.duration_ms = u32::try_from(video.duration_ms).unwrap_or(u32::MAX);
                (out.body, out.tells) = (Body::Edits(video.edits), video.rest);
            }
            Err(video::VideoError::Unreadable(error)) => return Err(error),
            Err(_) => {}
        },
        Kind::Ogg => {
            if let Some(bytes) = whole(file, voice::FILE)? {
                out.duration_ms = voice::duration(&bytes).unwrap_or(0);
                out.tells = !voice::plain(&bytes);
            }
        }
        // An archive is looked at as one: it may be a document that does not hold together.
        Kind::Pdf
        | Kind::Ooxml
        | Kind::OpenDocument
        | Kind::Ole
        | Kind::Rtf
        | Kind::OneNote
        | Kind::PostScript
        | Kind::Zip => {
            let cleaned = document::clean(facts, file)?;
            (out.body, out.tells) = (Body::Edits(cleaned.edits), cleaned.rest);
        }
        _ => {}
    }
    Ok(out)
}

fn of_picture(out: &mut Outgoing, bytes: &[u8], sending: Sending) {
    match picture::prepare(bytes, sending) {
        Ok(Picture { bytes, format, width, height, thumbnail, blur }) => {
            if format.mime() != out.mime {
                (out.mime, out.extension) = (format.mime(), Some(format.extension()));
            }
            (out.body, out.width, out.height) = (Body::Bytes(bytes), width, height);
            (out.thumbnail, out.blur, out.tells) = (thumbnail, blur, false);
        }
        // Too large to be shown: what it tells can be taken out all the same.
        Err(_) => {
            if let Ok(stripped) = picture::strip(bytes) {
                (out.body, out.tells) = (Body::Bytes(stripped), false);
            }
        }
    }
}

/// The file, when it is no larger than this.
fn whole(file: &mut (impl Read + Seek), most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= most).then_some(bytes))
}
