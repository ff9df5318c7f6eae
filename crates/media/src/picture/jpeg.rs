//! A JPEG encoder: baseline, 4:2:0, with the tables of ITU T.81 Annex K.
//!
//! Our own, because of the two that are written in Rust one carries a licence that is not among ours and the other
//! comes with decoders and colour management that we do not link (`docs/adr/0051-media-in-safe-rust.md`). It encodes
//! pixels that we made ourselves; nothing foreign is parsed.

use std::f32::consts::PI;

use super::Pixels;

/// The order in which coefficients are written (T.81 figure A.6).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];
/// How coarsely brightness is kept (table K.1).
const LUMA: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78,
    87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
/// How coarsely colour is kept (table K.2).
const CHROMA: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];
/// Huffman tables: how many codes of each length, and what they stand for (tables K.3 to K.6).
const LUMA_DC: (&[u8; 16], &[u8]) =
    (&[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
const CHROMA_DC: (&[u8; 16], &[u8]) =
    (&[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
const LUMA_AC: (&[u8; 16], &[u8]) = (
    &[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
    b"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\
      \x15\x52\xd1\xf0\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\
      \x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\
      \x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\
      \xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\
      \xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
);
const CHROMA_AC: (&[u8; 16], &[u8]) = (
    &[0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
    b"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\
      \x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\
      \x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\
      \x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\
      \xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\
      \xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
);

/// Encodes three channels of at most 65,535 pixels a side, at a quality of 1 to 100.
pub fn encode(pixels: &Pixels, quality: u8) -> Vec<u8> {
    let (luma, chroma) = (scaled(&LUMA, quality), scaled(&CHROMA, quality));
    let mut out = head(pixels, &luma, &chroma);
    let cosines = cosines();
    let (luma_codes, chroma_codes) = (Codes::new(LUMA_DC, LUMA_AC), Codes::new(CHROMA_DC, CHROMA_AC));
    let mut bits = Bits::default();
    let mut last = [0; 3];
    for top in (0..pixels.height()).step_by(16) {
        for left in (0..pixels.width()).step_by(16) {
            let (brightness, colours) = blocks(pixels, left, top);
            for block in &brightness {
                last[0] = bits.block(&coefficients(block, &cosines, &luma), last[0], &luma_codes);
            }
            for (block, last) in colours.iter().zip(&mut last[1..]) {
                *last = bits.block(&coefficients(block, &cosines, &chroma), *last, &chroma_codes);
            }
        }
    }
    out.extend(bits.end());
    out.extend([0xff, 0xd9]);
    out
}

/// A table at a quality: as the JPEG group's software scales it.
fn scaled(table: &[u16; 64], quality: u8) -> [u16; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let scale = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|step| ((u32::from(step) * scale + 50) / 100).clamp(1, 255) as u16)
}

/// Everything before the coded data.
fn head(pixels: &Pixels, luma: &[u16; 64], chroma: &[u16; 64]) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    let mut put = |marker: u8, body: &[u8]| {
        out.extend([0xff, marker]);
        out.extend((body.len() as u16 + 2).to_be_bytes());
        out.extend_from_slice(body);
    };
    put(0xe0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
    for (number, table) in [(0, luma), (1, chroma)] {
        let steps = ZIGZAG.map(|at| table[at] as u8);
        put(0xdb, &[&[number][..], &steps].concat());
    }
    let (high, wide) = ((pixels.height() as u16).to_be_bytes(), (pixels.width() as u16).to_be_bytes());
    put(0xc0, &[8, high[0], high[1], wide[0], wide[1], 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    for (class, (lengths, values)) in [(0, LUMA_DC), (0x10, LUMA_AC), (1, CHROMA_DC), (0x11, CHROMA_AC)] {
        put(0xc4, &[&[class][..], lengths, values].concat());
    }
    put(0xda, &[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    out
}

/// Sixteen by sixteen pixels as four blocks of brightness and two of colour, each of the latter half as fine. At the
/// edges the last pixel goes on.
fn blocks(pixels: &Pixels, left: u32, top: u32) -> ([[f32; 64]; 4], [[f32; 64]; 2]) {
    let (mut brightness, mut colours) = ([[0.0; 64]; 4], [[0.0; 64]; 2]);
    for y in 0..16u32 {
        for x in 0..16u32 {
            let (at_x, at_y) = ((left + x).min(pixels.width() - 1), (top + y).min(pixels.height() - 1));
            let [r, g, b] = [0, 1, 2].map(|channel| f32::from(pixels.at(at_x, at_y)[channel]));
            // JFIF 1.02, "Conversion to and from RGB", less the middle.
            let block = (y / 8 * 2 + x / 8) as usize;
            brightness[block][(y % 8 * 8 + x % 8) as usize] = 0.299 * r + 0.587 * g + 0.114 * b - 128.0;
            let colour = (y / 2 * 8 + x / 2) as usize;
            colours[0][colour] += (-0.168_736 * r - 0.331_264 * g + 0.5 * b) / 4.0;
            colours[1][colour] += (0.5 * r - 0.418_688 * g - 0.081_312 * b) / 4.0;
        }
    }
    (brightness, colours)
}

/// The cosines of the transform, scaled (T.81 §A.3.3).
fn cosines() -> [[f32; 8]; 8] {
    let mut table = [[0.0; 8]; 8];
    for (u, row) in table.iter_mut().enumerate() {
        let scale = if u == 0 { (1.0f32 / 8.0).sqrt() } else { 0.5 };
        for (x, cosine) in row.iter_mut().enumerate() {
            *cosine = scale * ((2 * x + 1) as f32 * u as f32 * PI / 16.0).cos();
        }
    }
    table
}

/// The transform of a block, made coarse, in the order of writing.
fn coefficients(block: &[f32; 64], cosines: &[[f32; 8]; 8], steps: &[u16; 64]) -> [i32; 64] {
    let mut rows = [0f32; 64];
    for y in 0..8 {
        for u in 0..8 {
            rows[y * 8 + u] = (0..8).map(|x| block[y * 8 + x] * cosines[u][x]).sum();
        }
    }
    let value = |at: usize| {
        let (v, u) = (at / 8, at % 8);
        let sum: f32 = (0..8).map(|y| rows[y * 8 + u] * cosines[v][y]).sum();
        // The tables have codes for ten bits.
        ((sum / f32::from(steps[at])).round() as i32).clamp(-1023, 1023)
    };
    ZIGZAG.map(value)
}

/// The codes of a Huffman table: for each value its bits and how many.
struct Codes {
    dc: [(u16, u8); 256],
    ac: [(u16, u8); 256],
}

impl Codes {
    fn new(dc: (&[u8; 16], &[u8]), ac: (&[u8; 16], &[u8])) -> Self {
        Self { dc: codes(dc), ac: codes(ac) }
    }
}

/// The codes that lengths and values stand for (T.81 §C.2).
fn codes((lengths, values): (&[u8; 16], &[u8])) -> [(u16, u8); 256] {
    let mut table = [(0, 0); 256];
    let (mut code, mut values) = (0u16, values.iter());
    for (length, count) in (1u8..).zip(lengths) {
        for value in values.by_ref().take(usize::from(*count)) {
            table[usize::from(*value)] = (code, length);
            code = code.wrapping_add(1);
        }
        code <<= 1;
    }
    table
}

/// Coded data, bit by bit.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u8,
}

impl Bits {
    /// Writes a block after one of this mean, and gives its own (T.81 §F.1.2).
    fn block(&mut self, values: &[i32; 64], last: i32, codes: &Codes) -> i32 {
        self.number(values[0] - last, 0, &codes.dc);
        let mut zeros = 0;
        for value in &values[1..] {
            if *value == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 {
                self.put(codes.ac[0xf0]);
                zeros -= 16;
            }
            self.number(*value, zeros, &codes.ac);
            zeros = 0;
        }
        if zeros > 0 {
            self.put(codes.ac[0]);
        }
        values[0]
    }

    /// A number: the code of the zeros before it and its length, then its bits.
    fn number(&mut self, value: i32, zeros: u8, codes: &[(u16, u8); 256]) {
        let length = (32 - value.unsigned_abs().leading_zeros()) as u8;
        self.put(codes[usize::from(zeros << 4 | length)]);
        let bits = if value < 0 { value - 1 } else { value } as u32 & ((1 << length) - 1);
        self.put((bits as u16, length));
    }

    fn put(&mut self, (code, length): (u16, u8)) {
        self.pending = self.pending << length | u32::from(code);
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.pending >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }

    /// What is written, filled up with ones.
    fn end(mut self) -> Vec<u8> {
        self.put((0x7f, 7));
        self.bytes
    }
}
