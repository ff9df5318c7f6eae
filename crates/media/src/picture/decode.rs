//! Bytes to pixels, by decoders in safe Rust. Dimensions are read and judged before anything is allocated for them.

use std::num::NonZeroU64;

use gif::{ColorOutput, MemoryLimit};
use image_webp::WebPDecoder;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::{Decoded, Format, PictureError, Pixels, cursor, exif, icc, strip};
use PictureError::{Damaged, TooLarge, TooManyPixels, Unknown};

/// The largest file that is decoded, in bytes.
pub const FILE: usize = 64 * 1024 * 1024;
/// The most pixels that are decoded: what the largest ordinary cameras make. With four channels, 200 MB.
pub const PIXELS: u64 = 50_000_000;
/// The most pixels of a thumbnail.
pub const SMALL: u64 = 1 << 20;
/// The longest side.
const LONGEST: u32 = 32_768;
/// Scans of a progressive JPEG; honest ones have about ten, and each costs as much as the whole.
const SCANS: usize = 64;
/// What a decoder may allocate beside its result.
const BESIDE: u64 = 16 * 1024 * 1024;

/// Decodes a picture, of several the first, and turns it as it is to be seen.
pub fn decode(bytes: &[u8]) -> Result<Decoded, PictureError> {
    within(bytes, PIXELS)
}

/// The same for a thumbnail that somebody sent: of a picture with more than [`SMALL`] pixels it is none.
pub fn decode_small(bytes: &[u8]) -> Result<Decoded, PictureError> {
    within(bytes, SMALL)
}

fn within(bytes: &[u8], most: u64) -> Result<Decoded, PictureError> {
    if bytes.len() > FILE {
        return Err(TooLarge);
    }
    let format = Format::of(bytes).ok_or(Unknown)?;
    let (pixels, moves) = match format {
        Format::Jpeg => (jpeg(bytes, most)?, false),
        Format::Png => png(bytes, most)?,
        Format::Webp => webp(bytes, most)?,
        Format::Gif => gif(bytes, most)?,
    };
    let told = strip::told(bytes, format);
    let orientation = told.exif.as_deref().and_then(exif::orientation).unwrap_or(1);
    let profile = told.profile.as_deref().and_then(icc::numbers);
    Ok(Decoded { pixels: pixels.oriented(orientation), profile, moves, upright: orientation == 1 })
}

/// Whether so many pixels are decoded.
fn bounded(width: u32, height: u32, most: u64) -> Result<(u32, u32), PictureError> {
    let pixels = u64::from(width) * u64::from(height);
    if width > LONGEST || height > LONGEST || pixels > most {
        return Err(TooManyPixels);
    }
    if pixels == 0 { Err(Damaged) } else { Ok((width, height)) }
}

fn jpeg(bytes: &[u8], most: u64) -> Result<Pixels, PictureError> {
    let options = DecoderOptions::new_safe()
        .set_max_width(LONGEST as usize)
        .set_max_height(LONGEST as usize)
        .jpeg_set_max_scans(SCANS)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    // The decoder refuses too long a side by itself, with an error in words.
    let (width, height) = strip::jpeg_size(bytes).ok_or(Damaged)?;
    let (width, height) = bounded(width, height, most)?;
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|_| Damaged)?;
    let size = decoder.output_buffer_size().ok_or(Damaged)?;
    if size != width as usize * height as usize * 3 {
        return Err(Damaged);
    }
    let mut pixels = vec![0; size];
    decoder.decode_into(&mut pixels).map_err(|_| Damaged)?;
    Pixels::new(width, height, 3, pixels).ok_or(Damaged)
}

fn png(bytes: &[u8], most: u64) -> Result<(Pixels, bool), PictureError> {
    let mut decoder = png::Decoder::new_with_limits(cursor(bytes), png::Limits { bytes: BESIDE as usize });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(|_| Damaged)?;
    let (width, height) = bounded(header.width, header.height, most)?;
    let mut reader = decoder.read_info().map_err(|_| Damaged)?;
    let moves = reader.info().animation_control().is_some_and(|animation| animation.num_frames > 1);
    let size = reader.output_buffer_size().filter(|size| *size as u64 <= most * 4).ok_or(TooManyPixels)?;
    let mut raw = vec![0; size];
    let info = reader.next_frame(&mut raw).map_err(|_| Damaged)?;
    raw.truncate(info.buffer_size());
    let (channels, pixels) = match info.color_type {
        png::ColorType::Rgb => (3, raw),
        png::ColorType::Rgba => (4, raw),
        png::ColorType::Grayscale => (3, raw.iter().flat_map(|grey| [*grey; 3]).collect()),
        png::ColorType::GrayscaleAlpha => {
            (4, raw.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect())
        }
        png::ColorType::Indexed => return Err(Damaged),
    };
    Pixels::new(width, height, channels, pixels).map(|pixels| (pixels, moves)).ok_or(Damaged)
}

fn webp(bytes: &[u8], most: u64) -> Result<(Pixels, bool), PictureError> {
    let mut decoder = WebPDecoder::new(cursor(bytes)).map_err(|_| Damaged)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = bounded(width, height, most)?;
    decoder.set_memory_limit((most * 4) as usize);
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; decoder.output_buffer_size().ok_or(TooManyPixels)?];
    decoder.read_image(&mut pixels).map_err(|_| Damaged)?;
    let moves = decoder.is_animated() && decoder.num_frames() > 1;
    Pixels::new(width, height, channels, pixels).map(|pixels| (pixels, moves)).ok_or(Damaged)
}

fn gif(bytes: &[u8], most: u64) -> Result<(Pixels, bool), PictureError> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.set_memory_limit(MemoryLimit::Bytes(NonZeroU64::new(most * 4).ok_or(TooManyPixels)?));
    let mut decoder = options.read_info(cursor(bytes)).map_err(|_| Damaged)?;
    let (width, height) = bounded(decoder.width().into(), decoder.height().into(), most)?;
    let frame = decoder.read_next_frame().map_err(|_| Damaged)?.ok_or(Damaged)?;
    bounded(frame.width.into(), frame.height.into(), most)?;
    // The first picture may be smaller than the screen that it stands on, or reach over it.
    let (wide, high) = (width as usize, height as usize);
    let mut pixels = vec![0; wide * high * 4];
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let seen = usize::from(frame.width).min(wide.saturating_sub(left)) * 4;
    let rows = frame.buffer.chunks_exact(usize::from(frame.width).max(1) * 4);
    for (row, y) in rows.zip(top..high).filter(|_| seen > 0) {
        let at = (y * wide + left) * 4;
        pixels[at..at + seen].copy_from_slice(&row[..seen]);
    }
    let moves = decoder.next_frame_info().is_ok_and(|next| next.is_some());
    Pixels::new(width, height, 4, pixels).map(|pixels| (pixels, moves)).ok_or(Damaged)
}
