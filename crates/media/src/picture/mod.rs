//! Pictures: decoded within limits, stripped of metadata, made smaller, with a thumbnail and a blur to show before.
//!
//! JPEG, PNG, WebP and GIF. Two ways to send one: as it is, without what it tells about its maker ([`strip()`], lossless),
//! or made anew from its pixels, at most [`SIDE`] wide or high ([`resized`]). What both make has no place, device,
//! time, text or embedded preview in it; of a colour profile only the numbers stay.
//!
//! HEIC and AVIF are cleaned without being decoded ([`heif`]).

mod blur;
mod cells;
mod decode;
mod encode;
mod exif;
pub mod heif;
mod icc;
mod jpeg;
mod pixels;
mod strip;

use std::io::Cursor;

pub use blur::{blur, unblur};
pub use cells::{Cell, Colour, Depth, HALF_BLOCK, cells};
pub use decode::{FILE, PIXELS, SMALL, decode, decode_small};
pub use encode::{QUALITY, SIDE, THUMBNAIL, THUMBNAIL_SIDE, resized, thumbnail};
pub use pixels::Pixels;
pub use strip::strip;

/// The formats that are decoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// ITU T.81.
    Jpeg,
    /// W3C PNG, third edition.
    Png,
    /// RFC 9649.
    Webp,
    /// GIF 89a; of several pictures the first.
    Gif,
}

impl Format {
    /// The format of these bytes, by their magic.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }

    /// Its media type.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// Its extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
        }
    }
}

/// Why a picture cannot be used. The fault of who made the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// None of the formats.
    #[error("it is no picture of a kind that can be shown here")]
    Unknown,
    /// More bytes than are looked at.
    #[error("the picture's file is too large")]
    TooLarge,
    /// More pixels than are decoded.
    #[error("the picture has too many pixels")]
    TooManyPixels,
    /// The bytes do not hold together.
    #[error("the picture is damaged")]
    Damaged,
}

/// A picture that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: Format,
    /// Its width as it is shown, in pixels.
    pub width: u32,
    /// Its height as it is shown.
    pub height: u32,
    /// A small JPEG of the same, at most [`THUMBNAIL`] bytes.
    pub thumbnail: Vec<u8>,
    /// A few bytes to show before anything else is there; see [`unblur`].
    pub blur: Vec<u8>,
}

/// How a picture is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sending {
    /// Made anew, at most [`SIDE`] wide or high.
    #[default]
    Resized,
    /// As it is, without its metadata.
    Original,
}

/// Makes a picture ready to be sent: nothing in it tells of its maker, and the thumbnail shows the very same.
///
/// A GIF that moves is sent as it is, and so is a small file that making it anew would only make larger.
pub fn prepare(bytes: &[u8], sending: Sending) -> Result<Picture, PictureError> {
    let decoded = decode(bytes)?;
    let (thumbnail, blur) = (thumbnail(&decoded.pixels), blur(&decoded.pixels));
    let finished = |bytes, format, width, height| Picture { bytes, format, width, height, thumbnail, blur };
    let (width, height) = (decoded.pixels.width(), decoded.pixels.height());
    let format = Format::of(bytes).ok_or(PictureError::Unknown)?;
    if sending == Sending::Original || decoded.moves {
        return Ok(finished(strip(bytes)?, format, width, height));
    }
    let (anew, anew_format, (anew_width, anew_height)) = resized(&decoded);
    let same_size = (anew_width, anew_height) == (width, height);
    if same_size
        && decoded.upright
        && let Some(stripped) = strip(bytes).ok().filter(|stripped| stripped.len() <= anew.len())
    {
        return Ok(finished(stripped, format, width, height));
    }
    Ok(finished(anew, anew_format, anew_width, anew_height))
}

/// What was decoded, turned as it is to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The pixels of the first picture.
    pub pixels: Pixels,
    /// The colour profile, without names; none for sRGB.
    pub profile: Option<Vec<u8>>,
    /// Whether there are more pictures after the first.
    pub moves: bool,
    /// Whether the file itself is upright: nothing had to be turned.
    pub upright: bool,
}

fn cursor(bytes: &[u8]) -> Cursor<&[u8]> {
    Cursor::new(bytes)
}
