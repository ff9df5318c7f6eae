//! Faster without a higher voice: WSOLA (Verhelst and Roelands, ICASSP 1993).
//!
//! Windows of 30 ms are laid over each other by half. Each is taken from where the speed says, or up to 10 ms beside
//! it, wherever it goes on best from the one before.

use std::f32::consts::PI;

/// Samples in a window, and the half of it.
const WINDOW: usize = 1440;
const HALF: usize = WINDOW / 2;
/// How far beside its place a window may be taken from, to each side.
const BESIDE: usize = 480;
/// Of how many samples one is compared at first.
const COARSE: usize = 8;

/// How fast a note is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speed {
    /// As it was spoken.
    #[default]
    Normal,
    /// Three halves as fast.
    OneAndHalf,
    /// Twice as fast.
    Double,
}

impl Speed {
    /// Samples between windows that are laid [`HALF`] apart.
    fn hop(self) -> usize {
        match self {
            Self::Normal => HALF,
            Self::OneAndHalf => HALF * 3 / 2,
            Self::Double => HALF * 2,
        }
    }
}

/// The samples at this speed, as high as they were.
pub fn faster(samples: &[i16], speed: Speed) -> Vec<i16> {
    let hop = speed.hop();
    if hop == HALF || samples.len() < 2 * WINDOW {
        return samples.to_vec();
    }
    let rising: Vec<f32> = (0..HALF).map(|at| 0.5 - 0.5 * (PI * at as f32 / HALF as f32).cos()).collect();
    let mut made: Vec<i16> = samples[..HALF].to_vec();
    // What follows the last window, had it gone on.
    let mut follows = HALF;
    let mut place = hop;
    while place + BESIDE + WINDOW <= samples.len() && follows + HALF <= samples.len() {
        let from = best(samples, follows, place);
        for (at, up) in rising.iter().enumerate() {
            let (old, new) = (f32::from(samples[follows + at]), f32::from(samples[from + at]));
            made.push((old * (1.0 - up) + new * up).round() as i16);
        }
        follows = from + HALF;
        place += hop;
    }
    made.extend_from_slice(&samples[follows.max(place.saturating_sub(HALF)).min(samples.len())..]);
    made
}

/// Where near `place` the samples are most like those at `follows`.
fn best(samples: &[i16], follows: usize, place: usize) -> usize {
    let like = |from: usize, every: usize| {
        let pairs = samples[follows..follows + HALF].iter().zip(&samples[from..from + HALF]).step_by(every);
        let (product, energy) = pairs.fold((0f32, 1f32), |(product, energy), (a, b)| {
            let (a, b) = (f32::from(*a), f32::from(*b));
            (product + a * b, energy + b * b)
        });
        product / energy.sqrt()
    };
    let most = |places: std::iter::StepBy<std::ops::RangeInclusive<usize>>, every| {
        places.max_by(|a, b| like(*a, every).total_cmp(&like(*b, every))).unwrap_or(place)
    };
    let lowest = place.saturating_sub(BESIDE);
    let near = most((lowest..=place + BESIDE).step_by(COARSE), COARSE);
    most((near.saturating_sub(COARSE).max(lowest)..=(near + COARSE).min(place + BESIDE)).step_by(1), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone with an overtone, for so many seconds at 48 kHz.
    fn tone(hertz: f32, seconds: usize) -> Vec<i16> {
        let turn = |at: usize, times: f32| (2.0 * PI * hertz * times * at as f32 / 48_000.0).sin();
        (0..48_000 * seconds).map(|at| ((turn(at, 1.0) + 0.3 * turn(at, 2.0)) * 9_000.0) as i16).collect()
    }

    /// How often it goes up through zero a second.
    fn pitch(samples: &[i16]) -> usize {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        middle.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count() * 48_000 / middle.len()
    }

    #[test]
    fn it_takes_less_time_and_is_as_high_as_before() {
        let spoken = tone(180.0, 4);
        for (speed, seconds) in [(Speed::Normal, 4.0), (Speed::OneAndHalf, 4.0 / 1.5), (Speed::Double, 2.0)] {
            let played = faster(&spoken, speed);
            let took = played.len() as f64 / 48_000.0;
            assert!((took - seconds).abs() < 0.1, "{speed:?}: {took}");
            assert!(
                pitch(&played).abs_diff(pitch(&spoken)) <= 3,
                "{speed:?}: {} {}",
                pitch(&played),
                pitch(&spoken)
            );
            let loudest = |samples: &[i16]| samples.iter().map(|sample| sample.unsigned_abs()).max();
            assert!(loudest(&played) <= loudest(&spoken), "{speed:?}");
        }
        assert_eq!(faster(&spoken[..100], Speed::Double), spoken[..100], "too short to hurry");
        assert_eq!(faster(&[], Speed::Double), []);
    }
}
