//! Voice notes: mono Opus at 48 kHz in Ogg (RFC 6716, RFC 7845), with a waveform to show and a duration.
//!
//! [`Recorder`] takes samples as they come and gives a [`Note`]; [`Note::from_wav`] is the same for a file.
//! [`decode`] gives the samples back, [`faster`] shortens them without raising the voice. See
//! `docs/protocol/voice-notes.md`.

mod ogg;
mod opus;
mod resample;
mod speed;
pub mod wav;
mod waveform;

use std::io::Read;

pub use opus::{Recorder, decode, duration, plain};
pub use resample::Resampler;
pub use speed::{Speed, faster};
pub use waveform::{BUCKETS, LOUDEST, waveform};

/// Samples a second, in everything but foreign WAV files.
pub const RATE: u32 = 48_000;
/// The longest voice note, in seconds.
pub const LONGEST: u32 = 30 * 60;
/// The largest voice note that is read, in bytes: half an hour at twice the rate that people are sent at.
pub const FILE: usize = 16 * 1024 * 1024;

/// Why a sound cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoiceError {
    /// It is neither Ogg Opus nor WAV, or of a kind of them that is not spoken here.
    #[error("it is no sound of a kind that is understood here")]
    Unknown,
    /// It does not hold together.
    #[error("the sound is damaged")]
    Damaged,
    /// More than [`LONGEST`] or [`FILE`].
    #[error("the sound is too long for a voice note")]
    TooLong,
    /// Nothing was said.
    #[error("the sound is empty")]
    Empty,
    /// The file could not be read.
    #[error("the sound cannot be read")]
    Unreadable,
    /// The encoder refused its settings or samples: a fault of ours.
    #[error("the sound cannot be encoded")]
    Encoder,
}

/// A voice note that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file: Ogg Opus.
    pub bytes: Vec<u8>,
    /// How long it is, in milliseconds.
    pub duration_ms: u32,
    /// How loud each 64th of it is, 0 to [`LOUDEST`], against its loudest.
    pub waveform: [u8; BUCKETS],
}

impl Note {
    /// The media type of all notes.
    pub const MIME: &str = "audio/ogg; codecs=opus";

    /// A note from a file: a WAV file, or a note that is there already. One that tells more than is heard, as other
    /// programs make them, is made anew.
    pub fn of(mut file: impl Read) -> Result<Self, VoiceError> {
        let mut start = Vec::new();
        file.by_ref().take(4).read_to_end(&mut start).map_err(|_| VoiceError::Unreadable)?;
        if start != b"OggS" {
            return Self::from_wav(start.as_slice().chain(file));
        }
        let mut bytes = start;
        file.take(FILE as u64).read_to_end(&mut bytes).map_err(|_| VoiceError::Unreadable)?;
        let samples = decode(&bytes)?;
        if plain(&bytes) {
            return Ok(Self { duration_ms: duration(&bytes)?, waveform: waveform(&samples), bytes });
        }
        let mut recorder = Recorder::new()?;
        recorder.push_whole(&samples)?;
        recorder.finish()
    }

    /// A note from a WAV file of any rate and any number of channels, read as it goes.
    pub fn from_wav(file: impl Read) -> Result<Self, VoiceError> {
        let mut reader = wav::Reader::new(file)?;
        let mut resampler = Resampler::new(reader.rate(), RATE);
        let mut recorder = Recorder::new()?;
        loop {
            let block = reader.block()?;
            if block.is_empty() {
                recorder.push(&resampler.finish())?;
                return recorder.finish();
            }
            recorder.push(&resampler.push(&block))?;
        }
    }
}

/// A note's samples as a WAV file.
pub fn to_wav(note: &[u8]) -> Result<Vec<u8>, VoiceError> {
    Ok(wav::write(&decode(note)?, RATE))
}

/// Samples in −1 to 1 as numbers of 16 bits.
fn whole(sample: f32) -> i16 {
    (sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16
}
