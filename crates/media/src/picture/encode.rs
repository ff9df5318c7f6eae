//! Pictures made anew from their pixels: the default that is sent, and the thumbnail.

use super::{Decoded, Format, Pixels, jpeg, strip};

/// The longest side of what is sent by default.
pub const SIDE: u32 = 2048;
/// The quality of what is sent by default, of 100.
pub const QUALITY: u8 = 82;
/// The longest side of a thumbnail.
pub const THUMBNAIL_SIDE: u32 = 320;
/// The largest thumbnail, in bytes.
pub const THUMBNAIL: usize = 16 * 1024;

/// The picture anew, at most [`SIDE`] wide or high: a JPEG, or a PNG when something can be seen through. With its
/// format and size.
pub fn resized(decoded: &Decoded) -> (Vec<u8>, Format, (u32, u32)) {
    let (width, height) = decoded.pixels.fitting(SIDE);
    let small = decoded.pixels.shrunk(width, height);
    let (bytes, format) = match png(&small).filter(|_| small.see_through()) {
        Some(bytes) => (bytes, Format::Png),
        None => (jpeg::encode(&small.on_white(), QUALITY), Format::Jpeg),
    };
    let coloured =
        decoded.profile.as_deref().and_then(|profile| strip::with_profile(&bytes, format, profile).ok());
    (coloured.unwrap_or(bytes), format, (width, height))
}

/// A JPEG of at most [`THUMBNAIL`] bytes and [`THUMBNAIL_SIDE`] pixels a side, by less quality first, then less size.
pub fn thumbnail(pixels: &Pixels) -> Vec<u8> {
    let mut smallest = Vec::new();
    for side in [THUMBNAIL_SIDE, 240, 160, 96] {
        let (width, height) = pixels.fitting(side);
        let small = pixels.shrunk(width, height).on_white();
        for quality in [75, 55, 35] {
            smallest = jpeg::encode(&small, quality);
            if smallest.len() <= THUMBNAIL {
                return smallest;
            }
        }
    }
    // 96 × 96 pixels of noise at this quality are 8 KiB.
    smallest
}

fn png(pixels: &Pixels) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(if pixels.channels() == 4 { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels.bytes()).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}
