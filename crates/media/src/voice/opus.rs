//! Samples to a note, and a note to samples.

use opus_decoder::OpusDecoder;
use ropus::{Application, Bitrate, Channels, Encoder, Signal};

use super::ogg::{self, Stream};
use super::{LONGEST, Note, RATE, VoiceError, waveform::drawn, whole};
use VoiceError::{Damaged, Empty, TooLong};

/// Samples in a packet: 20 ms.
const FRAME: usize = 960;
/// Samples in the longest packet: 120 ms.
const LONGEST_FRAME: usize = 5760;
/// Bits a second: a voice sounds as it did.
const BITS: u32 = 24_000;

/// Samples that one peak of the waveform is taken from: a millisecond.
const PEAK: usize = 48;

/// Makes a note of samples as they come. It holds what is coded and a peak for each millisecond: some megabytes for the
/// longest note.
pub struct Recorder {
    encoder: Encoder,
    waiting: Vec<i16>,
    count: usize,
    peaks: Vec<u16>,
    packets: Vec<Vec<u8>>,
}

impl Recorder {
    /// Begins a note.
    pub fn new() -> Result<Self, VoiceError> {
        let builder = Encoder::builder(RATE, Channels::Mono, Application::Voip).signal(Signal::Voice);
        let bits = Bitrate::try_bits(BITS).map_err(|_| VoiceError::Encoder)?;
        let encoder = builder.bitrate(bits).build().map_err(|_| VoiceError::Encoder)?;
        Ok(Self { encoder, waiting: Vec::new(), count: 0, peaks: Vec::new(), packets: Vec::new() })
    }

    /// Takes samples of one channel at [`RATE`], in −1 to 1.
    pub fn push(&mut self, samples: &[f32]) -> Result<(), VoiceError> {
        let samples: Vec<i16> = samples.iter().map(|sample| whole(*sample)).collect();
        self.push_whole(&samples)
    }

    /// Takes samples of 16 bits.
    pub fn push_whole(&mut self, samples: &[i16]) -> Result<(), VoiceError> {
        if self.count + samples.len() > (LONGEST * RATE) as usize {
            return Err(TooLong);
        }
        for (at, sample) in (self.count..).zip(samples) {
            self.peaks.resize(at / PEAK + 1, 0);
            let peak = &mut self.peaks[at / PEAK];
            *peak = sample.unsigned_abs().max(*peak);
        }
        self.count += samples.len();
        self.encode(samples)
    }

    /// How long it is by now, in milliseconds.
    pub fn duration_ms(&self) -> u32 {
        milliseconds(self.count)
    }

    /// Ends the note.
    pub fn finish(mut self) -> Result<Note, VoiceError> {
        if self.count == 0 {
            return Err(Empty);
        }
        // The encoder is behind by so much: silence pushes the last words out.
        let skip = u16::try_from(self.encoder.lookahead()).map_err(|_| VoiceError::Encoder)?;
        let end = self.count + usize::from(skip);
        let padding = end.next_multiple_of(FRAME) - self.count;
        self.encode(&vec![0; padding])?;
        let stream = Stream { skip, gain: 0, packets: self.packets, end: end as u64, plain: true };
        Ok(Note {
            bytes: ogg::write(&stream, FRAME as u64)?,
            duration_ms: milliseconds(self.count),
            waveform: drawn(&self.peaks),
        })
    }

    fn encode(&mut self, samples: &[i16]) -> Result<(), VoiceError> {
        self.waiting.extend_from_slice(samples);
        let mut packet = [0; 1500];
        let mut frames = self.waiting.chunks_exact(FRAME);
        for frame in frames.by_ref() {
            let length = self.encoder.encode(frame, &mut packet).map_err(|_| VoiceError::Encoder)?;
            self.packets.push(packet[..length].to_vec());
        }
        self.waiting = frames.remainder().to_vec();
        Ok(())
    }
}

/// The samples of a note, one channel at [`RATE`].
pub fn decode(note: &[u8]) -> Result<Vec<i16>, VoiceError> {
    let stream = ogg::read(note)?;
    let length = length(&stream)?;
    let mut decoder = OpusDecoder::new(RATE, 1).map_err(|_| VoiceError::Unknown)?;
    let mut frame = vec![0; LONGEST_FRAME];
    let mut samples = Vec::with_capacity(length + LONGEST_FRAME);
    let mut skip = usize::from(stream.skip);
    for packet in stream.packets.iter().filter(|packet| !packet.is_empty()) {
        let count = decoder.decode(packet, &mut frame, false).map_err(|_| Damaged)?;
        let played = frame.get(..count).ok_or(Damaged)?;
        samples.extend_from_slice(&played[skip.min(count)..]);
        skip -= skip.min(count);
        if samples.len() > (LONGEST * RATE) as usize {
            return Err(TooLong);
        }
    }
    samples.truncate(length);
    amplify(&mut samples, stream.gain);
    if samples.is_empty() { Err(Empty) } else { Ok(samples) }
}

/// How long a note is, in milliseconds, without decoding it: what its packets say, which its last page may shorten.
pub fn duration(note: &[u8]) -> Result<u32, VoiceError> {
    Ok(milliseconds(length(&ogg::read(note)?)?))
}

/// Whether a note tells nothing beside what is heard: its comments are those of a note that was made here.
pub fn plain(note: &[u8]) -> bool {
    ogg::read(note).is_ok_and(|stream| stream.plain)
}

/// Samples that a stream plays.
fn length(stream: &Stream) -> Result<usize, VoiceError> {
    let mut there = 0usize;
    for packet in &stream.packets {
        there += packet_samples(packet).ok_or(Damaged)?;
        if there > (LONGEST * RATE) as usize + LONGEST_FRAME {
            return Err(TooLong);
        }
    }
    let end =
        if stream.end == 0 { there } else { there.min(usize::try_from(stream.end).unwrap_or(usize::MAX)) };
    Ok(end.saturating_sub(stream.skip.into()))
}

/// Samples in a packet by its first bytes (RFC 6716 §3.1).
fn packet_samples(packet: &[u8]) -> Option<usize> {
    let Some(first) = packet.first() else { return Some(0) };
    let frame = match first >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config % 4)],
        config @ 12..=15 => [480, 960][usize::from(config % 2)],
        config => [120, 240, 480, 960][usize::from(config % 4)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|samples| *samples <= LONGEST_FRAME)
}

/// The gain of the header (RFC 7845 §5.1): 256ths of a decibel.
fn amplify(samples: &mut [i16], gain: i16) {
    if gain == 0 {
        return;
    }
    let factor = 10f32.powf(f32::from(gain) / 256.0 / 20.0);
    for sample in samples {
        *sample = (f32::from(*sample) * factor).round().clamp(-32_768.0, 32_767.0) as i16;
    }
}

fn milliseconds(samples: usize) -> u32 {
    u32::try_from(samples as u64 * 1000 / u64::from(RATE)).unwrap_or(u32::MAX)
}
