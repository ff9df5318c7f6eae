//! From one rate to another: a band-limited filter in its phases (J. O. Smith, "Digital Audio Resampling").

use std::f64::consts::PI;

/// Zero crossings of the filter to each side.
const CROSSINGS: f64 = 16.0;
/// The part of the band that is kept: what is above it would fold.
const BAND: f64 = 0.92;

/// Takes samples at one rate, gives them at another.
#[derive(Debug)]
pub struct Resampler {
    /// A result is made every `step / phases` samples.
    step: usize,
    phases: usize,
    /// The filter for each phase, `taps` long.
    filter: Vec<f32>,
    taps: usize,
    /// Samples that are still needed, and where the next result stands in them.
    held: Vec<f32>,
    at: usize,
    phase: usize,
}

impl Resampler {
    /// From `from` samples a second to `to`. Both are rates of sounds: not zero, at most some hundred thousand.
    pub fn new(from: u32, to: u32) -> Self {
        let common = common(from, to).max(1);
        let (step, phases) = ((from / common) as usize, (to / common).max(1) as usize);
        let cut = BAND * (f64::from(to) / f64::from(from.max(1))).min(1.0);
        let half = (CROSSINGS / cut).ceil() as usize;
        let taps = 2 * half;
        let mut filter = Vec::with_capacity(phases * taps);
        for phase in 0..phases {
            let offset = phase as f64 / phases as f64;
            let row: Vec<f64> =
                (0..taps).map(|tap| kernel((tap as f64 - half as f64 + 1.0) - offset, cut, half)).collect();
            // Each phase passes a constant as it is.
            let sum: f64 = row.iter().sum();
            filter.extend(row.iter().map(|value| (value / sum) as f32));
        }
        Self { step, phases, filter, taps, held: vec![0.0; half - 1], at: 0, phase: 0 }
    }

    /// The samples that can be made by now.
    pub fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        self.held.extend_from_slice(samples);
        let mut made = Vec::with_capacity(samples.len() * self.phases / self.step.max(1) + 1);
        while let Some(window) = self.held.get(self.at..self.at + self.taps) {
            let filter = &self.filter[self.phase * self.taps..][..self.taps];
            made.push(window.iter().zip(filter).map(|(sample, weight)| sample * weight).sum());
            let next = self.phase + self.step;
            self.at += next / self.phases;
            self.phase = next % self.phases;
        }
        let done = self.at.min(self.held.len());
        self.held.drain(..done);
        self.at -= done;
        made
    }

    /// What is left, with silence after it.
    pub fn finish(mut self) -> Vec<f32> {
        self.push(&vec![0.0; self.taps / 2])
    }
}

/// The filter at a distance in samples: a sine cardinal under a Blackman window.
fn kernel(distance: f64, cut: f64, half: usize) -> f64 {
    let place = distance / half as f64;
    if place.abs() >= 1.0 {
        return 0.0;
    }
    let window = 0.42 + 0.5 * (PI * place).cos() + 0.08 * (2.0 * PI * place).cos();
    let x = PI * distance * cut;
    let sine = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
    sine * window
}

fn common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of so many hertz for a second.
    fn tone(hertz: f64, rate: u32) -> Vec<f32> {
        (0..rate).map(|at| (2.0 * PI * hertz * f64::from(at) / f64::from(rate)).sin() as f32 * 0.5).collect()
    }

    fn through(samples: &[f32], from: u32, to: u32, block: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to);
        let mut made: Vec<f32> = samples.chunks(block).flat_map(|block| resampler.push(block)).collect();
        made.extend(resampler.finish());
        made
    }

    #[test]
    fn a_tone_is_the_same_tone_at_every_rate() {
        for from in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 44_101] {
            let made = through(&tone(440.0, from), from, 48_000, 1000);
            assert!(made.len().abs_diff(48_000) <= 8, "{from}: {}", made.len());
            let wanted = tone(440.0, 48_000);
            let worst = (1000..47_000).map(|at| (made[at] - wanted[at]).abs()).fold(0.0, f32::max);
            assert!(worst < 0.01, "{from}: {worst}");
        }
    }

    #[test]
    fn what_is_too_high_is_gone_instead_of_folded_down() {
        let made = through(&tone(30_000.0, 96_000), 96_000, 48_000, 4096);
        let loudest =
            made[100..made.len() - 100].iter().fold(0f32, |loudest, sample| loudest.max(sample.abs()));
        assert!(loudest < 0.005, "{loudest}");
    }

    #[test]
    fn blocks_make_no_difference() {
        let samples = tone(300.0, 16_000);
        assert_eq!(through(&samples, 16_000, 48_000, 1), through(&samples, 16_000, 48_000, 16_000));
    }
}
