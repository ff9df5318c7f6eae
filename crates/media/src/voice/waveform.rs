//! How loud a sound is over its time, to be drawn.

/// Parts that a sound is cut into.
pub const BUCKETS: usize = 64;
/// The value of the loudest part.
pub const LOUDEST: u8 = 31;

/// The peak of each part, 0 to [`LOUDEST`] against the loudest of them; silence is all zeros.
pub fn waveform(samples: &[i16]) -> [u8; BUCKETS] {
    let peaks: Vec<u16> = samples.iter().map(|sample| sample.unsigned_abs()).collect();
    drawn(&peaks)
}

/// The same of peaks that were taken already.
pub fn drawn(peaks: &[u16]) -> [u8; BUCKETS] {
    let part = |number: usize| number * peaks.len() / BUCKETS;
    let highest: [u32; BUCKETS] = std::array::from_fn(|number| {
        let end = part(number + 1).max((part(number) + 1).min(peaks.len()));
        peaks[part(number)..end].iter().copied().max().unwrap_or(0).into()
    });
    let loudest = highest.iter().copied().max().unwrap_or(0).max(1);
    highest.map(|peak| ((peak * u32::from(LOUDEST) + loudest / 2) / loudest) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loud_stands_where_it_is_loud() {
        let mut samples = vec![100i16; 6400];
        samples[3200..3300].fill(-20_000);
        let drawn = waveform(&samples);
        assert_eq!((drawn[31], drawn[32], drawn[33]), (0, LOUDEST, 0));
        assert_eq!(waveform(&[]), [0; BUCKETS]);
        assert_eq!(waveform(&[0; 100]), [0; BUCKETS]);
        assert_eq!(waveform(&[i16::MIN]), [LOUDEST; BUCKETS], "one sample is all there is to draw");
    }
}
