//! Microphone and loudspeaker, by the feature `audio`: the system's default ones.
//!
//! The streams of the sound library live on a thread of their own and talk with it by channels; nothing is mixed or
//! coded in their callbacks.

use std::collections::VecDeque;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{FromSample, Sample, SampleFormat, SizedSample, StreamConfig};
use lacre_media::voice::{LONGEST, Note, RATE, Recorder, Resampler};
use tokio::sync::oneshot;

use crate::exit::{Exit, Failure};
use crate::{output, stop};

/// Between looks at whether something came to its end.
const TICK: Duration = Duration::from_millis(100);

/// Records from the microphone until the program is told to stop, or a note is as long as it may be.
pub async fn record(json: bool) -> Result<Note, Failure> {
    let stopped = stop::signal()?;
    if !json {
        output::line("Recording. Ctrl+C ends it.")?;
    }
    let (stop, stops) = oneshot::channel();
    let recording = tokio::task::spawn_blocking(move || listen(stops));
    let mut recording = std::pin::pin!(recording);
    tokio::select! {
        ended = &mut recording => return ended.map_err(fault)?,
        stopped = stopped => stopped?,
    }
    // A recording that has ended by itself hears this no more.
    let _ = stop.send(());
    recording.await.map_err(fault)?
}

/// Plays samples of one channel at [`RATE`], to their end or until the program is told to stop.
pub async fn play(samples: Vec<i16>) -> Result<(), Failure> {
    let stopped = stop::signal()?;
    let (stop, stops) = oneshot::channel();
    let playing = tokio::task::spawn_blocking(move || speak(&samples, stops));
    let mut playing = std::pin::pin!(playing);
    tokio::select! {
        ended = &mut playing => return ended.map_err(fault)?,
        stopped = stopped => stopped?,
    }
    let _ = stop.send(());
    playing.await.map_err(fault)?
}

fn fault(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failure, "fault", error)
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failure, "audio", format!("the sound device does not work: {error}"))
}

fn listen(mut stops: oneshot::Receiver<()>) -> Result<Note, Failure> {
    let device = cpal::default_host().default_input_device();
    let device = device.ok_or_else(|| Failure::new(Exit::Failure, "no_audio", "there is no microphone"))?;
    let config = device.default_input_config().map_err(broken)?;
    let (blocks, heard) = mpsc::channel();
    let rate = config.sample_rate();
    let stream = match config.sample_format() {
        SampleFormat::F32 => microphone::<f32>(&device, config.into(), blocks),
        SampleFormat::I16 => microphone::<i16>(&device, config.into(), blocks),
        SampleFormat::U16 => microphone::<u16>(&device, config.into(), blocks),
        SampleFormat::I32 => microphone::<i32>(&device, config.into(), blocks),
        other => return Err(broken(format!("samples of the form {other} are not understood"))),
    }?;
    stream.play().map_err(broken)?;
    let (mut resampler, mut recorder) = (Resampler::new(rate, RATE), Recorder::new()?);
    while recorder.duration_ms() < (LONGEST - 1) * 1000
        && stops.try_recv() == Err(oneshot::error::TryRecvError::Empty)
    {
        match heard.recv_timeout(TICK) {
            Ok(block) => recorder.push(&resampler.push(&block.map_err(broken)?))?,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    drop(stream);
    recorder.push(&resampler.finish())?;
    Ok(recorder.finish()?)
}

/// What the microphone hears, mixed to one channel; or what went wrong.
type Heard = Result<Vec<f32>, String>;

fn microphone<T>(
    device: &cpal::Device,
    config: StreamConfig,
    blocks: mpsc::Sender<Heard>,
) -> Result<cpal::Stream, Failure>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels).max(1);
    let errors = blocks.clone();
    let take = move |samples: &[T], _: &cpal::InputCallbackInfo| {
        let mixed = |frame: &[T]| frame.iter().map(|s| f32::from_sample(*s)).sum::<f32>() / channels as f32;
        // The listener has ended: nobody wants it.
        let _ = blocks.send(Ok(samples.chunks_exact(channels).map(mixed).collect()));
    };
    let failed = move |error: cpal::Error| {
        let _ = errors.send(Err(error.to_string()));
    };
    device.build_input_stream(config, take, failed, None).map_err(broken)
}

fn speak(samples: &[i16], mut stops: oneshot::Receiver<()>) -> Result<(), Failure> {
    let device = cpal::default_host().default_output_device();
    let device = device.ok_or_else(|| Failure::new(Exit::Failure, "no_audio", "there is no loudspeaker"))?;
    let config = device.default_output_config().map_err(broken)?;
    let mut resampler = Resampler::new(RATE, config.sample_rate());
    let spoken: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut left: VecDeque<f32> = resampler.push(&spoken).into();
    left.extend(resampler.finish());
    let left = Arc::new(Mutex::new(left));
    let (errors, failed) = mpsc::channel();
    let stream = match config.sample_format() {
        SampleFormat::F32 => loudspeaker::<f32>(&device, config.into(), left.clone(), errors),
        SampleFormat::I16 => loudspeaker::<i16>(&device, config.into(), left.clone(), errors),
        SampleFormat::U16 => loudspeaker::<u16>(&device, config.into(), left.clone(), errors),
        SampleFormat::I32 => loudspeaker::<i32>(&device, config.into(), left.clone(), errors),
        other => return Err(broken(format!("samples of the form {other} are not understood"))),
    }?;
    stream.play().map_err(broken)?;
    let empty = || left.lock().map_or(true, |left| left.is_empty());
    while !empty() && stops.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        if let Ok(error) = failed.recv_timeout(TICK) {
            return Err(broken(error));
        }
    }
    // What the device still holds is heard.
    std::thread::sleep(2 * TICK);
    Ok(())
}

fn loudspeaker<T>(
    device: &cpal::Device,
    config: StreamConfig,
    left: Arc<Mutex<VecDeque<f32>>>,
    errors: mpsc::Sender<String>,
) -> Result<cpal::Stream, Failure>
where
    T: SizedSample + FromSample<f32>,
{
    let channels = usize::from(config.channels).max(1);
    let give = move |samples: &mut [T], _: &cpal::OutputCallbackInfo| {
        let Ok(mut left) = left.lock() else { return };
        for frame in samples.chunks_mut(channels) {
            frame.fill(T::from_sample(left.pop_front().unwrap_or(0.0)));
        }
    };
    let failed = move |error: cpal::Error| {
        let _ = errors.send(error.to_string());
    };
    device.build_output_stream(config, give, failed, None).map_err(broken)
}
