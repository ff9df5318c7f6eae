//! Pictures without their metadata, and otherwise to the bit as they were.
//!
//! What stays is listed, what is not listed goes: Exif and its places, devices, times and embedded previews, XMP, IPTC,
//! comments, texts, private blocks, and whatever stands after the picture's end (the second picture of a phone's
//! "live" photo, or the rest of one that was cropped in place). Of Exif the orientation is written anew, of a colour
//! profile its numbers ([`icc`]).

mod gif;
mod jpeg;
mod png;
mod webp;

use super::{Format, PictureError, exif, icc};

pub use jpeg::size as jpeg_size;

/// The same picture without its metadata.
pub fn strip(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    match Format::of(bytes).ok_or(PictureError::Unknown)? {
        Format::Jpeg => jpeg::strip(bytes),
        Format::Png => png::strip(bytes),
        Format::Webp => webp::strip(bytes),
        Format::Gif => gif::strip(bytes),
    }
}

/// What a picture tells that matters for showing it.
#[derive(Debug, Default)]
pub struct Told {
    /// Its Exif: a TIFF structure.
    pub exif: Option<Vec<u8>>,
    /// Its colour profile.
    pub profile: Option<Vec<u8>>,
}

impl Told {
    /// The orientation, when the picture is not upright.
    fn turned(&self) -> Option<u8> {
        self.exif.as_deref().and_then(exif::orientation).filter(|orientation| *orientation != 1)
    }

    /// The numbers of the colour profile.
    fn numbers(&self) -> Option<Vec<u8>> {
        self.profile.as_deref().and_then(icc::numbers)
    }
}

/// Reads what is told; nothing of a picture that is damaged.
pub fn told(bytes: &[u8], format: Format) -> Told {
    match format {
        Format::Jpeg => jpeg::told(bytes),
        Format::Png => png::told(bytes),
        Format::Webp => webp::told(bytes),
        Format::Gif => Told::default(),
    }
}

/// With a profile's numbers put in; only for what was made anew from pixels.
pub fn with_profile(bytes: &[u8], format: Format, profile: &[u8]) -> Result<Vec<u8>, PictureError> {
    match format {
        Format::Jpeg => jpeg::with_profile(bytes, profile),
        Format::Png => png::with_profile(bytes, profile),
        Format::Webp | Format::Gif => Ok(bytes.to_vec()),
    }
}
