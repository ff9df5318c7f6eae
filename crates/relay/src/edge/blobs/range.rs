//! The `Range` of a request (RFC 9110 §14.2): one range of bytes; anything else means the whole.

use std::ops::Range;

use axum::http::HeaderValue;

/// What is wanted of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    Part(Part),
}

/// One range, whatever the blob's size is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// From a byte to another, both included; to the end when that is not said.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl Wanted {
    /// A header that cannot be read is passed over, as the RFC has it.
    pub(super) fn of(header: Option<&HeaderValue>) -> Self {
        header.and_then(|header| part(header.to_str().ok()?)).map_or(Self::Whole, Self::Part)
    }
}

fn part(header: &str) -> Option<Part> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let number = |digits: &str| {
        let digits = digits.trim();
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    match (first.trim().is_empty(), last.trim().is_empty()) {
        (true, _) => number(last).map(Part::Last),
        (false, true) => number(first).map(|first| Part::From(first, None)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Part::From(first, Some(last)))
        }
    }
}

impl Part {
    /// The range within so many bytes, if some of it is there.
    pub(super) fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(header: &str, size: u64) -> Option<Option<Range<u64>>> {
        match Wanted::of(Some(&HeaderValue::from_str(header).unwrap())) {
            Wanted::Whole => None,
            Wanted::Part(part) => Some(part.within(size)),
        }
    }

    #[test]
    fn one_range_of_bytes_is_understood_and_cut_to_what_is_there() {
        assert_eq!(range("bytes=0-9", 100), Some(Some(0..10)));
        assert_eq!(range("bytes=90-", 100), Some(Some(90..100)));
        assert_eq!(range("bytes=90-4000", 100), Some(Some(90..100)));
        assert_eq!(range("bytes=-7", 100), Some(Some(93..100)));
        assert_eq!(range("bytes=-700", 100), Some(Some(0..100)));
        assert_eq!(range("bytes=0-18446744073709551615", 100), Some(Some(0..100)));
        assert_eq!(range("bytes=100-", 100), Some(None));
        assert_eq!(range("bytes=-0", 100), Some(None));
    }

    #[test]
    fn what_is_no_range_of_bytes_means_the_whole() {
        for header in [
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=0-1,5-6",
            "bytes=+1-2",
            "lines=0-1",
            "bytes=18446744073709551616-",
            "bytes=--1",
            "bytes=0x1-2",
        ] {
            assert_eq!(range(header, 100), None, "{header}");
        }
    }
}
