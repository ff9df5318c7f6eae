//! WAV files: read from anything, in blocks and mixed to one channel; written from samples of 16 bits.
//!
//! Multimedia Programming Interface and Data Specifications 1.0 (1991), chapter 3, with the extensible format of
//! mmreg.h. A file whose length was not known when it was written, as pipes leave it, is read to its end.

use std::io::{self, Read};

use super::VoiceError;
use VoiceError::{Damaged, TooLong, Unknown, Unreadable};

/// Frames in a block.
const BLOCK: usize = 4096;
/// Chunks before the samples; honest files have a handful.
const CHUNKS: usize = 1000;
/// Channels that are mixed.
const CHANNELS: u16 = 32;
/// Rates that are understood.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// How one sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
}

impl Coding {
    fn of(format: u16, bits: u16) -> Option<Self> {
        match (format, bits) {
            (1, 8) => Some(Self::Unsigned8),
            (1, 16) => Some(Self::Signed16),
            (1, 24) => Some(Self::Signed24),
            (1, 32) => Some(Self::Signed32),
            (3, 32) => Some(Self::Float32),
            (3, 64) => Some(Self::Float64),
            _ => None,
        }
    }

    fn width(self) -> usize {
        match self {
            Self::Unsigned8 => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// One sample of its width, in −1 to 1; what is no number is silence.
    fn read(self, b: &[u8]) -> f32 {
        let value = match (self, b) {
            (Self::Unsigned8, [a]) => (f32::from(*a) - 128.0) / 128.0,
            (Self::Signed16, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
            (Self::Signed24, [a, b, c]) => i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0,
            (Self::Signed32, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0,
            (Self::Float32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            (Self::Float64, b) => b.try_into().map_or(0.0, f64::from_le_bytes) as f32,
            _ => 0.0,
        };
        if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
    }
}

/// Reads a WAV file's samples in blocks.
#[derive(Debug)]
pub struct Reader<R> {
    file: R,
    rate: u32,
    channels: usize,
    coding: Coding,
    /// Bytes of samples that are left, as the file says.
    left: u64,
    read: u64,
}

impl<R: Read> Reader<R> {
    /// Reads up to the samples.
    pub fn new(mut file: R) -> Result<Self, VoiceError> {
        let mut head = [0; 12];
        file.read_exact(&mut head).map_err(|_| Unknown)?;
        if !matches!(&head[..4], b"RIFF" | b"RF64") || &head[8..] != b"WAVE" {
            return Err(Unknown);
        }
        let mut format = None;
        for _ in 0..CHUNKS {
            let mut chunk = [0; 8];
            file.read_exact(&mut chunk).map_err(|_| Damaged)?;
            let length = u64::from(u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]));
            match &chunk[..4] {
                b"fmt " => format = Some(read_format(&mut file, length)?),
                b"data" => {
                    let (rate, channels, coding) = format.ok_or(Damaged)?;
                    // Nothing or everything: it was written before its length was known.
                    let left = if matches!(length, 0 | 0xffff_ff00..) { u64::MAX } else { length };
                    return Ok(Self { file, rate, channels, coding, left, read: 0 });
                }
                _ => skip(&mut file, length + length % 2)?,
            }
        }
        Err(Damaged)
    }

    /// Samples a second and channel.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The next samples, all channels mixed to one; none at the end. A file that ends early ends there.
    pub fn block(&mut self) -> Result<Vec<f32>, VoiceError> {
        let frame = self.channels * self.coding.width();
        let wanted = ((BLOCK * frame) as u64).min(self.left);
        let mut bytes = Vec::new();
        self.file.by_ref().take(wanted).read_to_end(&mut bytes).map_err(|_| Unreadable)?;
        self.left = if (bytes.len() as u64) < wanted { 0 } else { self.left - wanted };
        self.read += bytes.len() as u64;
        if self.read > u64::from(super::LONGEST) * u64::from(self.rate) * frame as u64 {
            return Err(TooLong);
        }
        let mixed = |frame: &[u8]| {
            let samples = frame.chunks_exact(self.coding.width()).map(|sample| self.coding.read(sample));
            samples.sum::<f32>() / self.channels as f32
        };
        Ok(bytes.chunks_exact(frame).map(mixed).collect())
    }
}

/// The format: samples a second, channels, how a sample is written.
fn read_format(file: &mut impl Read, length: u64) -> Result<(u32, usize, Coding), VoiceError> {
    if !(16..=4096).contains(&length) {
        return Err(Damaged);
    }
    let mut bytes = vec![0; (length + length % 2) as usize];
    file.read_exact(&mut bytes).map_err(|_| Damaged)?;
    let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let rate = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    const EXTENSIBLE: u16 = 0xfffe;
    let format = match short(0) {
        EXTENSIBLE if bytes.len() >= 26 => short(24),
        format => format,
    };
    let coding = Coding::of(format, short(14)).ok_or(Unknown)?;
    let channels = Some(short(2)).filter(|channels| (1..=CHANNELS).contains(channels)).ok_or(Unknown)?;
    if RATES.contains(&rate) { Ok((rate, channels.into(), coding)) } else { Err(Unknown) }
}

fn skip(file: &mut impl Read, length: u64) -> Result<(), VoiceError> {
    let skipped = io::copy(&mut file.take(length), &mut io::sink()).map_err(|_| Unreadable)?;
    if skipped == length { Ok(()) } else { Err(Damaged) }
}

/// A WAV file of one channel with these samples.
pub fn write(samples: &[i16], rate: u32) -> Vec<u8> {
    let length = (samples.len() * 2) as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}
