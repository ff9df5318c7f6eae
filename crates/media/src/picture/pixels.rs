//! Pixels in memory: turned, made smaller, laid on white.

/// Pixels of eight bits, in rows from the top, with three channels (red, green, blue) or four (and alpha, not
/// multiplied into them). Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    width: u32,
    height: u32,
    channels: usize,
    bytes: Vec<u8>,
}

impl Pixels {
    /// Takes these bytes; `None` unless they are as many as the pixels need, and at least one.
    pub fn new(width: u32, height: u32, channels: usize, bytes: Vec<u8>) -> Option<Self> {
        let needed = (width as usize).checked_mul(height as usize)?.checked_mul(channels)?;
        let whole = needed == bytes.len() && needed > 0 && matches!(channels, 3 | 4);
        whole.then_some(Self { width, height, channels, bytes })
    }

    /// The width.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The height.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Three, or four with alpha.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The bytes, row by row.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One pixel, which must be inside.
    pub fn at(&self, x: u32, y: u32) -> &[u8] {
        let at = (y as usize * self.width as usize + x as usize) * self.channels;
        &self.bytes[at..at + self.channels]
    }

    /// Whether anything can be seen through.
    pub fn see_through(&self) -> bool {
        self.channels == 4 && self.bytes.chunks_exact(4).any(|pixel| pixel[3] != 255)
    }

    /// Turned and mirrored by Exif's orientation, 1 to 8 (Exif 2.32 §4.6.4, tag 0x0112).
    pub fn oriented(self, orientation: u8) -> Self {
        if !(2..=8).contains(&orientation) {
            return self;
        }
        let (w, h) = (self.width, self.height);
        let (width, height) = if orientation >= 5 { (h, w) } else { (w, h) };
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for y in 0..height {
            for x in 0..width {
                let (from_x, from_y) = match orientation {
                    2 => (w - 1 - x, y),
                    3 => (w - 1 - x, h - 1 - y),
                    4 => (x, h - 1 - y),
                    5 => (y, x),
                    6 => (y, h - 1 - x),
                    7 => (w - 1 - y, h - 1 - x),
                    _ => (w - 1 - y, x),
                };
                bytes.extend_from_slice(self.at(from_x, from_y));
            }
        }
        Self { width, height, channels: self.channels, bytes }
    }

    /// The size that fits into a square, in the same proportions; never larger than it is.
    pub fn fitting(&self, side: u32) -> (u32, u32) {
        let longest = self.width.max(self.height);
        if longest <= side {
            return (self.width, self.height);
        }
        let scaled = |length: u32| {
            let scaled = (u64::from(length) * u64::from(side) + u64::from(longest) / 2) / u64::from(longest);
            u32::try_from(scaled).map_or(side, |scaled| scaled.clamp(1, side))
        };
        (scaled(self.width), scaled(self.height))
    }

    /// Made smaller, each new pixel the average of the area that it covers. It holds one row beside the result.
    pub fn shrunk(&self, width: u32, height: u32) -> Self {
        let (width, height) = (width.clamp(1, self.width), height.clamp(1, self.height));
        let (across, down) = (spans(self.width, width), spans(self.height, height));
        let row_length = width as usize * self.channels;
        let mut bytes = Vec::with_capacity(row_length * height as usize);
        let (mut row, mut sums) = (vec![0f32; row_length], vec![0f32; row_length]);
        for span in &down {
            sums.fill(0.0);
            for (y, weight) in span.pieces() {
                self.row_into(y, &across, &mut row);
                sums.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value * weight);
            }
            bytes.extend(sums.chunks_exact(self.channels).flat_map(unmultiplied).take(row_length));
        }
        Self { width, height, channels: self.channels, bytes }
    }

    /// One row averaged across, with alpha multiplied in.
    fn row_into(&self, y: u32, across: &[Span], row: &mut [f32]) {
        for (span, out) in across.iter().zip(row.chunks_exact_mut(self.channels)) {
            out.fill(0.0);
            for (x, weight) in span.pieces() {
                let pixel = self.at(x, y);
                let alpha = pixel.get(3).map_or(1.0, |alpha| f32::from(*alpha) / 255.0);
                for (channel, value) in pixel.iter().take(3).enumerate() {
                    out[channel] += f32::from(*value) * alpha * weight;
                }
                if let Some(sum) = out.get_mut(3) {
                    *sum += alpha * weight;
                }
            }
        }
    }

    /// Three channels: what can be seen through is laid on white.
    pub fn on_white(&self) -> Self {
        if self.channels == 3 {
            return self.clone();
        }
        let over = |value: u8, alpha: u8| {
            let (value, alpha) = (u16::from(value), u16::from(alpha));
            ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        let bytes = self
            .bytes
            .chunks_exact(4)
            .flat_map(|p| [over(p[0], p[3]), over(p[1], p[3]), over(p[2], p[3])])
            .collect();
        Self { width: self.width, height: self.height, channels: 3, bytes }
    }

    /// Four channels.
    pub fn with_alpha(&self) -> Vec<u8> {
        match self.channels {
            4 => self.bytes.clone(),
            _ => self.bytes.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
        }
    }
}

/// What one pixel of the result covers of the source, along one axis.
struct Span {
    from: f64,
    to: f64,
    last: u32,
}

impl Span {
    /// The pixels that it covers, each with its share; the shares are 1 together.
    fn pieces(&self) -> impl Iterator<Item = (u32, f32)> {
        let (from, to, last) = (self.from, self.to, self.last);
        (from as u32..=last).map(move |at| {
            let covered = (to.min(f64::from(at) + 1.0) - from.max(f64::from(at))).max(0.0);
            (at, (covered / (to - from)) as f32)
        })
    }
}

fn spans(source: u32, result: u32) -> Vec<Span> {
    let edge = |at: u32| f64::from(at) * f64::from(source) / f64::from(result);
    let span = |at| {
        let (from, to) = (edge(at), edge(at + 1));
        Span { from, to, last: (to.ceil() as u32).clamp(1, source) - 1 }
    };
    (0..result).map(span).collect()
}

/// A pixel of sums as bytes, with alpha divided out; a fourth that is not wanted is cut by the caller.
fn unmultiplied(sums: &[f32]) -> impl Iterator<Item = u8> {
    let round = |value: f32| (value + 0.5).clamp(0.0, 255.0) as u8;
    let alpha = sums.get(3).copied();
    let scale = match alpha {
        Some(alpha) if alpha > 0.0 => 1.0 / alpha,
        Some(_) => 0.0,
        None => 1.0,
    };
    let colours = [sums[0], sums[1], sums[2]].map(|value| round(value * scale));
    colours.into_iter().chain(alpha.map(|alpha| round(alpha * 255.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pixel says where it was: its column, its row.
    fn marked(width: u32, height: u32) -> Pixels {
        let bytes = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7])).collect();
        Pixels::new(width, height, 3, bytes).expect("as many as needed")
    }

    #[test]
    fn every_orientation_puts_the_first_pixel_where_exif_says() {
        // Where the stored top left pixel is seen, in a picture of 3 × 2.
        let seen = [(0, 0), (2, 0), (2, 1), (0, 1), (0, 0), (1, 0), (1, 2), (0, 2)];
        for (orientation, (x, y)) in (1..).zip(seen) {
            let turned = marked(3, 2).oriented(orientation);
            let size = if orientation >= 5 { (2, 3) } else { (3, 2) };
            assert_eq!((turned.width(), turned.height()), size, "{orientation}");
            assert_eq!(turned.at(x, y), [0, 0, 7], "{orientation}");
        }
        // 6 turns clockwise: what was at the left is at the top.
        assert_eq!(marked(3, 2).oriented(6).at(0, 2), [2, 1, 7]);
    }

    #[test]
    fn what_is_made_smaller_keeps_its_proportions_and_its_average() {
        assert_eq!(marked(200, 100).fitting(50), (50, 25));
        assert_eq!(marked(20, 10).fitting(50), (20, 10));
        assert_eq!(marked(255, 1).fitting(16), (16, 1));
        let grey = Pixels::new(7, 5, 3, vec![93; 105]).expect("pixels");
        assert!(grey.shrunk(3, 2).bytes().iter().all(|value| *value == 93));
        let halves = Pixels::new(2, 1, 3, vec![0, 0, 0, 200, 100, 50]).expect("pixels");
        assert_eq!(halves.shrunk(1, 1).bytes(), [100, 50, 25]);
    }

    #[test]
    fn what_is_not_seen_lends_no_colour() {
        let edge = Pixels::new(2, 1, 4, vec![255, 0, 0, 0, 10, 20, 30, 255]).expect("pixels");
        assert_eq!(edge.shrunk(1, 1).bytes(), [10, 20, 30, 128]);
        assert!(edge.see_through());
        assert_eq!(edge.on_white().bytes(), [255, 255, 255, 10, 20, 30]);
    }

    #[test]
    fn pixels_are_as_many_as_they_say() {
        assert_eq!(Pixels::new(2, 2, 3, vec![0; 11]), None);
        assert_eq!(Pixels::new(0, 2, 3, Vec::new()), None);
        assert_eq!(Pixels::new(u32::MAX, u32::MAX, 4, Vec::new()), None);
    }
}
