//! The envelope: padding, counter, and what a hostile member may put into it.

use lacre_engine::content::envelope::{Envelope, EnvelopeError, decode, encode, padme};
use proptest::prelude::*;

#[test]
fn sizes_are_those_of_the_paper() {
    // exponent, mantissa digits kept: 9 = 0b1001 keeps 2 of 3, 100 = 0b1100100 keeps 3 of 6, ...
    for (length, padded) in
        [(0, 0), (1, 1), (7, 7), (8, 8), (9, 10), (100, 104), (250, 256), (1000, 1024), (65_537, 67_584)]
    {
        assert_eq!(padme(length), padded, "{length}");
    }
}

#[test]
fn a_short_and_a_shorter_word_seal_to_one_size() {
    let size = |content: &[u8]| encode(Envelope { counter: 0, signature: None, content }).unwrap().len();
    assert_eq!(size(&[1; 250]), size(&[1; 260]));
}

#[test]
fn another_version_other_padding_another_bucket_and_trailing_bytes_are_refused() {
    let good = encode(Envelope { counter: 3, signature: None, content: &[9; 241] }).unwrap();
    assert_eq!((good.len(), good[255]), (256, 0), "six bytes of padding");
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(decode(&with(0, 2)), Err(EnvelopeError::Version(2)));
    assert_eq!(decode(&with(255, 1)), Err(EnvelopeError::Malformed), "something hidden in the padding");
    assert_eq!(decode(&with(8, 0)), Err(EnvelopeError::Malformed), "a shorter content in this bucket");
    assert_eq!(decode(&with(5, 0xff)), Err(EnvelopeError::Malformed), "a length of 4 GB");
    assert_eq!(decode(&good[..255]), Err(EnvelopeError::Malformed));
    assert_eq!(decode(&[good.clone(), vec![0]].concat()), Err(EnvelopeError::Malformed));
    assert_eq!(decode(&[good, vec![0; 16]].concat()), Err(EnvelopeError::Malformed), "the next bucket");
    assert_eq!(decode(&[]), Err(EnvelopeError::Malformed));
}

#[test]
fn a_signature_stands_before_the_content_and_is_whole() {
    let signed = encode(Envelope { counter: 3, signature: Some(&[7; 64]), content: &[9; 241] }).unwrap();
    assert_eq!((signed[0], signed.len()), (3, 320), "314 and the next size");
    assert_eq!((&signed[9..73], &signed[73..314]), (&[7; 64][..], &[9; 241][..]));
    let mut unsigned = signed.clone();
    unsigned[0] = 1;
    assert_eq!(decode(&unsigned), Err(EnvelopeError::Malformed), "a signature does not pass for content");
    let cut = [&[3, 0, 0, 0, 0, 0, 0, 0, 0][..], &[7; 63]].concat();
    assert_eq!(decode(&cut), Err(EnvelopeError::Malformed));
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    assert_eq!(
        encode(Envelope { counter: 0, signature: None, content: &vec![0; 128 * 1024] }),
        Err(EnvelopeError::TooLarge)
    );
    assert_eq!(decode(&vec![1; 128 * 1024 + 1]), Err(EnvelopeError::TooLarge));
}

proptest! {
    #[test]
    fn an_envelope_comes_back(
        counter in any::<u32>(),
        signed in any::<bool>(),
        content in proptest::collection::vec(any::<u8>(), 0..5000),
    ) {
        let envelope = Envelope { counter, signature: signed.then_some(&[7; 64]), content: &content };
        let bytes = encode(envelope).unwrap();
        prop_assert_eq!(decode(&bytes), Ok(envelope));
        let bare = content.len() + if signed { 73 } else { 9 };
        prop_assert!(bytes.len() * 100 <= bare * 112, "at most 12 % more");
        prop_assert_eq!(padme(bytes.len()), bytes.len());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(envelope) = decode(&bytes) {
            prop_assert_eq!(encode(envelope), Ok(bytes.clone()));
        }
    }
}
