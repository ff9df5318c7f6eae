//! A few bytes that show what a picture is like before anything of it is there: ThumbHash.

use super::Pixels;

/// The side of what is hashed: there is nothing to see in more.
const SIDE: u32 = 64;

/// Some 25 bytes for a picture.
pub fn blur(pixels: &Pixels) -> Vec<u8> {
    let (width, height) = pixels.fitting(SIDE);
    let small = pixels.shrunk(width, height);
    thumbhash::rgba_to_thumb_hash(width as usize, height as usize, &small.with_alpha())
}

/// The blurred picture, at most 32 pixels wide and high; `None` when the bytes are none.
pub fn unblur(hash: &[u8]) -> Option<Pixels> {
    let (width, height, pixels) = thumbhash::thumb_hash_to_rgba(hash).ok()?;
    Pixels::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?, 4, pixels)
}
