//! `lacre voice`: voice notes recorded and played, from and to files, or a microphone and a loudspeaker.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use lacre_media::voice::{FILE, LOUDEST, Note, RATE, Speed, VoiceError, decode, faster, wav};
use serde_json::json;

use crate::cli::VoiceCommand;
use crate::exit::{Exit, Failure};
use crate::new_file::{NewFile, unwritten};
use crate::output;
use crate::safe_text::safe_line;

pub(super) async fn run(command: VoiceCommand, json: bool) -> Result<(), Failure> {
    match command {
        VoiceCommand::Record { to, from } => record(&to, from.as_deref(), json).await,
        VoiceCommand::Play { note, to, speed } => play(&note, to.as_deref(), speed.into(), json).await,
    }
}

async fn record(to: &Path, from: Option<&Path>, json: bool) -> Result<(), Failure> {
    // Before anything is spoken: what was said could not be said again for want of a place.
    let file = NewFile::create(to).map_err(|error| unwritten(to, &error))?;
    let note = match from {
        Some(path) => {
            Note::from_wav(BufReader::new(File::open(path).map_err(|error| unread(path, &error))?))?
        }
        None => device::record(json).await?,
    };
    file.fill(&note.bytes).map_err(|error| unwritten(to, &error))?;
    let (size, shown) = (note.bytes.len(), safe_line(&to.to_string_lossy()));
    if json {
        return output::object(&json!({
            "recorded": to.display().to_string(), "duration_ms": note.duration_ms, "size": size, "waveform": note.waveform.to_vec(),
        }));
    }
    output::line(&format!("{}  {}", drawn(&note.waveform), clock(note.duration_ms)))?;
    output::line(&format!("Recorded {shown} ({size} bytes)."))
}

async fn play(path: &Path, to: Option<&Path>, speed: Speed, json: bool) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(|error| unread(path, &error))?.take(FILE as u64 + 1);
    file.read_to_end(&mut bytes).map_err(|error| unread(path, &error))?;
    let samples = faster(&decode(&bytes)?, speed);
    let duration_ms = samples.len() as u64 * 1000 / u64::from(RATE);
    match to {
        Some(to) => {
            let written = NewFile::create(to).and_then(|file| file.fill(&wav::write(&samples, RATE)));
            written.map_err(|error| unwritten(to, &error))?;
        }
        None => device::play(samples).await?,
    }
    if json {
        let written = to.map(|to| to.display().to_string());
        let played = path.display().to_string();
        return output::object(&json!({ "played": played, "written": written, "duration_ms": duration_ms }));
    }
    match to {
        Some(to) => output::line(&format!("Wrote {}.", safe_line(&to.to_string_lossy()))),
        None => Ok(()),
    }
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::io(format!("{} cannot be read", safe_line(&path.to_string_lossy())), error)
}

impl From<VoiceError> for Failure {
    fn from(error: VoiceError) -> Self {
        let (exit, code) = match error {
            VoiceError::Unknown => (Exit::Refused, "not_a_sound"),
            VoiceError::Damaged => (Exit::Refused, "damaged_sound"),
            VoiceError::TooLong => (Exit::Refused, "sound_too_long"),
            VoiceError::Empty => (Exit::Refused, "empty_sound"),
            VoiceError::Unreadable => (Exit::Failure, "io"),
            VoiceError::Encoder => (Exit::Failure, "fault"),
        };
        Self::new(exit, code, error)
    }
}

/// A waveform in one line.
pub fn drawn(waveform: &[u8]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: &u8| BARS[usize::from((*value).min(LOUDEST)) * BARS.len() / (usize::from(LOUDEST) + 1)];
    waveform.iter().map(bar).collect()
}

/// Minutes and seconds.
pub fn clock(milliseconds: u32) -> String {
    let seconds = milliseconds.div_ceil(1000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(feature = "audio")]
use crate::audio as device;

/// A build without microphone and loudspeaker.
#[cfg(not(feature = "audio"))]
mod device {
    use lacre_media::voice::Note;

    use crate::exit::{Exit, Failure};

    pub(super) async fn record(_json: bool) -> Result<Note, Failure> {
        let why = "this program was built without sound, and cannot use a microphone; --from FILE.wav makes a voice note \
                   of a file";
        Err(Failure::new(Exit::Usage, "no_audio", why))
    }

    pub(super) async fn play(_samples: Vec<i16>) -> Result<(), Failure> {
        let why = "this program was built without sound, and cannot use a loudspeaker; --to FILE.wav writes what is \
                   heard into a file";
        Err(Failure::new(Exit::Usage, "no_audio", why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waveform_is_a_line_and_a_duration_a_clock() {
        assert_eq!(drawn(&[0, 15, 31, 255]), "▁▄██");
        assert_eq!((clock(0).as_str(), clock(1).as_str(), clock(61_000).as_str()), ("0:00", "0:01", "1:01"));
    }
}
