//! A thumbnail as characters of a terminal: half blocks, two pixels each, in the colours that it has.
//!
//! Pure: the caller says what the terminal can, and draws the cells with what it draws with.

use super::{Pixels, decode_small};

/// The character of every cell: its upper half is in the first colour, its lower half in the second.
pub const HALF_BLOCK: char = '▀';

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All of them.
    True,
    /// The 256 of xterm.
    Palette,
}

impl Depth {
    /// By the variables `COLORTERM`, `TERM` and `NO_COLOR`; none where a picture could not be made out: then its name and
    /// size are shown.
    pub fn of(color_term: Option<&str>, term: Option<&str>, no_color: Option<&str>) -> Option<Self> {
        if no_color.is_some_and(|value| !value.is_empty()) {
            return None;
        }
        if matches!(color_term, Some("truecolor" | "24bit")) {
            return Some(Self::True);
        }
        let term = term.unwrap_or_default();
        if term.ends_with("-direct") {
            return Some(Self::True);
        }
        term.contains("256color").then_some(Self::Palette)
    }
}

/// A colour of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Red, green, blue.
    Rgb(u8, u8, u8),
    /// One of xterm's 256.
    Indexed(u8),
}

/// Two pixels, one over the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The upper one: the colour of the character.
    pub top: Colour,
    /// The lower one: the colour behind it.
    pub bottom: Colour,
}

/// A thumbnail in rows of cells, as large as fits into so many columns and rows; `None` when it is no picture, or when there is
/// no room. What can be seen through is laid on white.
pub fn cells(thumbnail: &[u8], columns: u16, rows: u16, depth: Depth) -> Option<Vec<Vec<Cell>>> {
    let pixels = decode_small(thumbnail).ok()?.pixels.on_white();
    let (width, height) = fitting(&pixels, columns.into(), u32::from(rows) * 2)?;
    let small = pixels.shrunk(width, height);
    let colour = |x: u32, y: u32| {
        let pixel = small.at(x, y.min(small.height() - 1));
        match depth {
            Depth::True => Colour::Rgb(pixel[0], pixel[1], pixel[2]),
            Depth::Palette => Colour::Indexed(nearest([pixel[0], pixel[1], pixel[2]])),
        }
    };
    let cell = |x: u32, row: u32| Cell { top: colour(x, 2 * row), bottom: colour(x, 2 * row + 1) };
    let row = |row| (0..small.width()).map(|x| cell(x, row)).collect();
    Some((0..small.height().div_ceil(2)).map(row).collect())
}

/// The size in the same proportions that fits, not larger than the picture.
fn fitting(pixels: &Pixels, wide: u32, high: u32) -> Option<(u32, u32)> {
    if wide == 0 || high == 0 {
        return None;
    }
    let (width, height) = (u64::from(pixels.width()), u64::from(pixels.height()));
    let (wide, high) = (u64::from(wide).min(width), u64::from(high).min(height));
    let by_width = (wide, (height * wide / width).max(1));
    let by_height = ((width * high / height).max(1), high);
    let (width, height) = if by_width.1 <= high { by_width } else { by_height };
    Some((u32::try_from(width).ok()?, u32::try_from(height).ok()?))
}

/// The nearest of xterm's cube of colours and its greys.
fn nearest([r, g, b]: [u8; 3]) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |value: u8| (0..6).min_by_key(|at| STEPS[*at].abs_diff(value)).unwrap_or(0);
    let apart =
        |to: [u8; 3]| [r, g, b].iter().zip(to).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>();
    let (red, green, blue) = (step(r), step(g), step(b));
    let grey = ((u32::from(r) + u32::from(g) + u32::from(b)) / 3).saturating_sub(3) / 10;
    let grey = grey.min(23) as u8;
    let in_cube = apart([STEPS[red], STEPS[green], STEPS[blue]]);
    let in_greys = apart([8 + 10 * grey; 3]);
    if in_greys < in_cube { 232 + grey } else { (16 + 36 * red + 6 * green + blue) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Decoded, resized};

    fn flag() -> Vec<u8> {
        // Red over blue.
        let bytes =
            (0..64 * 32).flat_map(|at| if at < 64 * 16 { [250, 5, 5] } else { [5, 5, 250] }).collect();
        let pixels = Pixels::new(64, 32, 3, bytes).expect("as many as needed");
        resized(&Decoded { pixels, profile: None, moves: false, upright: true }).0
    }

    #[test]
    fn a_picture_is_drawn_as_large_as_fits() {
        let drawn = cells(&flag(), 20, 20, Depth::True).expect("a picture");
        assert_eq!((drawn[0].len(), drawn.len()), (20, 5));
        let Colour::Rgb(red, _, blue) = drawn[0][0].top else { panic!("true colours") };
        assert!(red > 200 && blue < 60);
        let low = cells(&flag(), 200, 2, Depth::Palette).expect("a picture");
        assert_eq!((low[0].len(), low.len()), (8, 2));
        assert_eq!((low[0][0].top, low[1][0].bottom), (Colour::Indexed(196), Colour::Indexed(21)));
        assert_eq!(cells(&flag(), 0, 5, Depth::True), None);
        assert_eq!(cells(b"no picture", 10, 10, Depth::True), None);
    }

    #[test]
    fn what_a_terminal_can_is_told_by_its_variables() {
        assert_eq!(Depth::of(Some("truecolor"), Some("xterm"), None), Some(Depth::True));
        assert_eq!(Depth::of(None, Some("xterm-256color"), None), Some(Depth::Palette));
        assert_eq!(Depth::of(None, Some("xterm-256color"), Some("1")), None);
        assert_eq!(Depth::of(None, Some("vt100"), Some("")), None);
        assert_eq!(Depth::of(None, None, None), None);
    }

    #[test]
    fn greys_and_colours_find_their_nearest() {
        assert_eq!(nearest([0, 0, 0]), 16);
        assert_eq!(nearest([255, 255, 255]), 231);
        assert_eq!(nearest([128, 128, 128]), 244);
        assert_eq!(nearest([255, 0, 0]), 196);
    }
}
