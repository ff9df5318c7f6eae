//! What is spoken.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use lacre_media::voice::Speed;

/// How it is used.
pub const EXAMPLES: &str = "\
Examples:
  lacre voice record hello.opus                     until Ctrl+C
  lacre voice record hello.opus --from spoken.wav
  lacre send bruno --voice hello.opus
  lacre voice play hello.opus --speed 1.5";

/// `lacre voice`.
#[derive(Debug, Subcommand)]
pub enum VoiceCommand {
    /// Record a voice note into a file: from the microphone until Ctrl+C, or from a WAV file
    Record {
        /// The file to make, Ogg Opus; one that is there is not overwritten
        #[arg(value_name = "FILE")]
        to: PathBuf,
        /// A WAV file to take it from, of any rate and any number of channels
        #[arg(long, value_name = "WAV")]
        from: Option<PathBuf>,
    },
    /// Play a voice note, or write it as a WAV file
    Play {
        /// The voice note, Ogg Opus
        #[arg(value_name = "FILE")]
        note: PathBuf,
        /// Write it into this WAV file in place of playing it; one that is there is not overwritten
        #[arg(long, value_name = "WAV")]
        to: Option<PathBuf>,
        /// How fast; the voice stays as high as it is
        #[arg(long, value_enum, default_value_t = SpeedArg::Normal)]
        speed: SpeedArg,
    },
}

/// How fast a voice note is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SpeedArg {
    /// As it was spoken
    #[value(name = "1")]
    Normal,
    /// Half as fast again
    #[value(name = "1.5")]
    OneAndHalf,
    /// Twice as fast
    #[value(name = "2")]
    Double,
}

impl From<SpeedArg> for Speed {
    fn from(speed: SpeedArg) -> Self {
        match speed {
            SpeedArg::Normal => Self::Normal,
            SpeedArg::OneAndHalf => Self::OneAndHalf,
            SpeedArg::Double => Self::Double,
        }
    }
}
