//! QR codes: drawn in the terminal, read from images.

use std::io::IsTerminal;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The largest image that is looked at, in pixels.
const PIXELS: usize = 40_000_000;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A code in half blocks, dark on light, with its quiet zone; `None` when the text is too long for one.
pub fn terminal(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Dark).light_color(Dense1x2::Light).build())
}

/// The same for standard output: at a terminal in black on white, whatever its own colours are, because not every camera
/// reads a code that is turned inside out.
pub fn printed(text: &str) -> Option<String> {
    let code = terminal(text)?;
    let plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    if plain {
        return Some(code);
    }
    let lines = code.lines().map(|line| format!("\u{1b}[30;107m{line}\u{1b}[0m"));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Whether bytes are a PNG image.
pub fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(PNG)
}

/// The text of the code in a PNG image.
pub fn read_png(bytes: &[u8]) -> Result<String, &'static str> {
    const DAMAGED: &str = "the image cannot be read";
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|_| DAMAGED)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if width.saturating_mul(height) > PIXELS {
        return Err("the image is too large");
    }
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(DAMAGED)?];
    let info = reader.next_frame(&mut pixels).map_err(|_| DAMAGED)?;
    let samples = info.color_type.samples();
    let grey = |x: usize, y: usize| {
        let at = y * info.line_size + x * samples;
        match pixels.get(at..at + samples) {
            Some([red, green, blue, ..]) => {
                ((u32::from(*red) * 3 + u32::from(*green) * 6 + u32::from(*blue)) / 10) as u8
            }
            Some([grey, ..]) => *grey,
            _ => 255,
        }
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let found = image.detect_grids().into_iter().find_map(|grid| grid.decode().ok());
    found.map(|(_, text)| text).ok_or("there is no readable code in the image")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code as a PNG image, each module eight pixels wide.
    fn image(text: &str) -> Vec<u8> {
        const WIDE: usize = 8;
        const QUIET: usize = 4;
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let modules = code.width();
        let size = (modules + 2 * QUIET) * WIDE;
        let dark = |x: usize, y: usize| {
            let at = |pixel: usize| (pixel / WIDE).checked_sub(QUIET).filter(|at| *at < modules);
            matches!((at(x), at(y)), (Some(x), Some(y)) if code[(x, y)] == qrcode::Color::Dark)
        };
        let pixels: Vec<u8> =
            (0..size * size).map(|at| if dark(at % size, at / size) { 0 } else { 255 }).collect();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size as u32, size as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        bytes
    }

    #[test]
    fn a_code_that_was_drawn_is_read_from_its_image() {
        let text = format!("LACRE:SAFETY/1/{}", "0123456789".repeat(6));
        let bytes = image(&text);
        assert!(is_png(&bytes));
        assert_eq!(read_png(&bytes), Ok(text.clone()));
        assert!(terminal(&text).unwrap().lines().count() > 10);
    }

    #[test]
    fn what_holds_no_code_says_so() {
        assert_eq!(read_png(&PNG.repeat(2)), Err("the image cannot be read"));
        let mut cut = image("LACRE:LINK/0");
        cut.truncate(cut.len() / 2);
        assert!(read_png(&cut).is_err());
        assert_eq!(terminal(&"x".repeat(10_000)), None);
    }
}
