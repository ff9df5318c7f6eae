//! Crockford's base32, for codes that people read to each other: no letters that are mistaken for digits.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The letters of bytes, of which there are a multiple of five.
pub(super) fn letters(bytes: &[u8]) -> String {
    let bits = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    let letter = |at: usize| (0..5).fold(0, |value, bit| value << 1 | bits(5 * at + bit));
    (0..bytes.len() * 8 / 5).map(|at| char::from(ALPHABET[usize::from(letter(at))])).collect()
}

/// The bytes of letters in upper case, however they are grouped; `None` when there are more, fewer or others.
pub(super) fn bytes<const N: usize>(letters: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut at = 0;
    for letter in letters.bytes().filter(|byte| !matches!(byte, b'-' | b' ')) {
        let letter = match letter {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        };
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        for bit in (0..5).rev() {
            *bytes.get_mut(at / 8)? |= ((value >> bit & 1) as u8) << (7 - at % 8);
            at += 1;
        }
    }
    (at == 8 * N).then_some(bytes)
}
