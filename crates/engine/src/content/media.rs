//! Files in content: what a reader needs to fetch, check and open them, and what is shown before.
//!
//! In MIMI a file is an external part; its [`Preview`] is a part beside it, and so is the caption. What the sender
//! says of a file (name, type, preview) is a claim: the file itself decides.

use ciborium::Value;
use lacre_proto::limits;
use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError, Fields};
use super::dealing::{self, Menu};
use super::forms::MENU;
use super::kinds;
use super::mimi::{Body, Disposition, External, Part, Semantics, Single};
use super::said::{BadContent, OpenError};
use crate::files::{FileKey, Shape};

/// Number of the algorithm in MIMI: STREAM over AES-256-GCM has none in the IANA's registry of AEADs, and this one is
/// from its private range.
pub const STREAM_AES_256_GCM: u16 = 0x8c01;
/// SHA-256 in the registry of named information hash algorithms.
const SHA_256: u8 = 1;
/// What a blob's address begins with; the capability follows in hex. Nothing is ever fetched from elsewhere.
const SCHEME: &str = "lacre:blob/";
const PREVIEW: &str = "application/vnd.lacre.preview+cbor";
const VOICE: &str = "application/vnd.lacre.voice+cbor";
const CAPTION: &str = super::forms::TEXT;

/// A file that a message brings.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Lets the relay give the sealed file out.
    pub capability: [u8; 32],
    /// Opens it.
    pub key: FileKey,
    /// Bytes of the file itself.
    pub size: u64,
    /// SHA-256 of the sealed file.
    pub hash: [u8; 32],
    /// The media type that the sender gives it.
    pub media_type: String,
    /// The name that the sender gives it; may be anything, and must be made safe before it is used.
    pub name: String,
    /// Until when the relay keeps it, as the sender expects: seconds since 1970; 0 when not told.
    pub kept_s: u32,
}

/// What the sender shows of a file before it is fetched.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Width in pixels; 0 when it is no picture.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length in milliseconds; 0 when it does not play.
    pub duration_ms: u32,
    /// A few bytes that paint a blur of it (ThumbHash); may be empty.
    pub blur: Vec<u8>,
    /// A small encoded image of it; may be empty.
    pub thumbnail: Vec<u8>,
}

/// One file or several that belong together.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// The files, in the order in which they are shown.
    pub files: Vec<(FileRef, Preview)>,
    /// CommonMark, as the sender wrote it; may be empty.
    pub caption: String,
    /// Whether it is a sticker: one file, and nothing said with it.
    pub sticker: bool,
}

/// Something spoken: Ogg Opus.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    /// The file.
    pub file: FileRef,
    /// Length in milliseconds.
    pub duration_ms: u32,
    /// How loud it is over time: [`kinds::WAVEFORM`] values.
    pub waveform: Vec<u8>,
}

fn within(length: usize, limit: usize) -> Result<(), BadContent> {
    if length > limit { Err(BadContent::TooLong) } else { Ok(()) }
}

fn check_file(file: &FileRef) -> Result<Shape, BadContent> {
    within(file.name.len(), kinds::FILE_NAME)?;
    within(file.media_type.len(), kinds::MEDIA_TYPE)?;
    Shape::of(file.size).map_err(|_| BadContent::TooLong)
}

fn check_preview(preview: &Preview) -> Result<(), BadContent> {
    within(preview.blur.len(), kinds::BLUR)?;
    within(preview.thumbnail.len(), kinds::THUMBNAIL)
}

fn check_media(media: &Media) -> Result<(), BadContent> {
    if media.files.is_empty() {
        return Err(BadContent::Empty);
    }
    within(media.files.len(), kinds::ALBUM)?;
    if media.sticker && (media.files.len() > 1 || !media.caption.is_empty()) {
        return Err(BadContent::Sticker);
    }
    within(media.caption.len(), limits::TEXT)?;
    let thumbnails = media.files.iter().map(|(_, preview)| preview.thumbnail.len()).sum();
    within(thumbnails, kinds::THUMBNAILS)?;
    media.files.iter().try_for_each(|(_, preview)| check_preview(preview))
}

fn check_voice(voice: &Voice) -> Result<(), BadContent> {
    if voice.waveform.len() == kinds::WAVEFORM { Ok(()) } else { Err(BadContent::Waveform) }
}

fn external(file: FileRef, disposition: Disposition) -> Result<Part, BadContent> {
    let shape = check_file(&file)?;
    let mut url = String::from(SCHEME);
    file.capability.iter().for_each(|byte| url.push_str(&format!("{byte:02x}")));
    let external = External {
        content_type: file.media_type,
        url,
        expires: file.kept_s,
        size: file.size,
        encryption: STREAM_AES_256_GCM,
        key: file.key.key.to_vec(),
        nonce: file.key.nonce.to_vec(),
        aad: shape.associated(),
        hash: SHA_256,
        content_hash: file.hash.to_vec(),
        description: String::new(),
        filename: file.name,
    };
    Ok(Part { disposition, language: String::new(), body: Body::External(external) })
}

fn file(external: External) -> Result<FileRef, OpenError> {
    let External {
        content_type,
        url,
        expires,
        size,
        encryption,
        key,
        nonce,
        aad,
        hash,
        content_hash,
        description: _,
        filename,
    } = external;
    let bad = OpenError::BadContent;
    let shape = Shape::of(size).map_err(|_| bad)?;
    if encryption != STREAM_AES_256_GCM || hash != SHA_256 || aad != shape.associated() {
        return Err(bad);
    }
    let file = FileRef {
        capability: url.strip_prefix(SCHEME).and_then(capability).ok_or(bad)?,
        key: FileKey { key: key.try_into().map_err(|_| bad)?, nonce: nonce.try_into().map_err(|_| bad)? },
        size,
        hash: content_hash.try_into().map_err(|_| bad)?,
        media_type: content_type,
        name: filename,
        kept_s: expires,
    };
    check_file(&file)?;
    Ok(file)
}

/// 32 bytes in small hex digits: one form only.
fn capability(hex: &str) -> Option<[u8; 32]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let digits: &[u8; 64] = hex.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn cbor(disposition: Disposition, content_type: &str, value: Value) -> Part {
    let single = Single { content_type: content_type.to_owned(), content: codec::to_bytes(&value) };
    Part { disposition, language: String::new(), body: Body::Single(single) }
}

/// A file, and what is shown of it before it is fetched.
fn previewed(file: FileRef, preview: Preview) -> Result<[Part; 2], BadContent> {
    check_preview(&preview)?;
    let Preview { width, height, duration_ms, blur, thumbnail } = preview;
    let fields =
        vec![width.into(), height.into(), duration_ms.into(), Value::Bytes(blur), Value::Bytes(thumbnail)];
    let preview = cbor(Disposition::PREVIEW, PREVIEW, Value::Array(fields));
    Ok([external(file, Disposition::INLINE)?, preview])
}

/// What stands above a card, then the card.
pub(super) fn above_to_mimi(
    (file, preview): (FileRef, Preview),
    card: Value,
) -> Result<(Disposition, Body), BadContent> {
    let mut parts = Vec::from(previewed(file, preview)?);
    parts.push(cbor(Disposition::RENDER, MENU, card));
    Ok((Disposition::RENDER, Body::Multi { semantics: Semantics::SingleUnit, parts }))
}

/// The files, each followed by its preview, then the caption.
pub(super) fn media_to_mimi(media: Media) -> Result<(Disposition, Body), BadContent> {
    check_media(&media)?;
    let mut parts = Vec::with_capacity(2 * media.files.len() + 1);
    for (file, preview) in media.files {
        parts.extend(previewed(file, preview)?);
    }
    if !media.caption.is_empty() {
        let caption = Single { content_type: CAPTION.to_owned(), content: media.caption.into_bytes() };
        let body = Body::Single(caption);
        parts.push(Part { disposition: Disposition::RENDER, language: String::new(), body });
    }
    Ok((Disposition::RENDER, Body::Multi { semantics: Semantics::SingleUnit, parts }))
}

/// The file, followed by how long and how loud it is.
pub(super) fn voice_to_mimi(voice: Voice) -> Result<(Disposition, Body), BadContent> {
    check_voice(&voice)?;
    let fields = vec![voice.duration_ms.into(), Value::Bytes(voice.waveform)];
    let parts = vec![
        external(voice.file, Disposition::INLINE)?,
        cbor(Disposition::PREVIEW, VOICE, Value::Array(fields)),
    ];
    Ok((Disposition::RENDER, Body::Multi { semantics: Semantics::SingleUnit, parts }))
}

/// What a message with files says.
pub(super) enum Brought {
    Media(Media),
    Voice(Voice),
    Menu(Menu),
}

/// Parts that are files of this version, with what belongs to them; `None` when they are something else.
pub(super) fn from_mimi(parts: Vec<Part>, sticker: bool) -> Result<Option<Brought>, OpenError> {
    if !parts.first().is_some_and(is_ours) {
        return Ok(None);
    }
    let mut media = Media { files: Vec::new(), caption: String::new(), sticker };
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        match part.body {
            Body::External(of_a_file) => {
                let file = file(of_a_file)?;
                let beside = parts.next().ok_or(OpenError::BadContent)?;
                let Body::Single(Single { content_type, content }) = beside.body else {
                    return Err(OpenError::BadContent);
                };
                match content_type.as_str() {
                    PREVIEW => media.files.push((file, preview(&content)?)),
                    VOICE if media.files.is_empty() && parts.peek().is_none() => {
                        return voice(file, &content).map(|voice| Some(Brought::Voice(voice)));
                    }
                    _ => return Err(OpenError::BadContent),
                }
            }
            Body::Single(Single { content_type, content })
                if content_type == MENU && parts.peek().is_none() =>
            {
                let [_] = media.files.as_slice() else { return Err(OpenError::BadContent) };
                let above = media.files.pop().map(Box::new);
                return Ok(Some(Brought::Menu(Menu { above, ..dealing::menu(&content)? })));
            }
            Body::Single(Single { content_type, content })
                if content_type == CAPTION && parts.peek().is_none() =>
            {
                media.caption = String::from_utf8(content).map_err(|_| OpenError::BadContent)?;
                if media.caption.is_empty() {
                    return Err(OpenError::BadContent);
                }
            }
            _ => return Err(OpenError::BadContent),
        }
    }
    check_media(&media)?;
    Ok(Some(Brought::Media(media)))
}

/// Whether a part is a file as this version seals them; those of other apps are not known here.
fn is_ours(part: &Part) -> bool {
    matches!(&part.body, Body::External(external) if external.encryption == STREAM_AES_256_GCM)
}

fn preview(bytes: &[u8]) -> Result<Preview, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "preview")?;
    let preview = Preview {
        width: fields.integer("width")?,
        height: fields.integer("height")?,
        duration_ms: fields.integer("duration")?,
        blur: fields.bytes("blur")?,
        thumbnail: fields.bytes("thumbnail")?,
    };
    fields.end("preview")?;
    check_preview(&preview)?;
    Ok(preview)
}

fn voice(file: FileRef, bytes: &[u8]) -> Result<Voice, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "voice")?;
    let duration_ms = fields.integer("duration")?;
    let waveform = fields.next("waveform")?.into_bytes().map_err(|_| CodecError::Malformed("waveform"))?;
    fields.end("voice")?;
    let voice = Voice { file, duration_ms, waveform };
    check_voice(&voice)?;
    Ok(voice)
}
