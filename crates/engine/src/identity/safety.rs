//! Safety numbers: 60 digits by which two people see that they know each other's identity keys.
//!
//! The scheme is Signal's numeric fingerprint, version 0 with 5,200 rounds, unchanged: for each side SHA-512 over
//! version, key, id and key, then over hash and key again and again; of the first 30 bytes each five, as a number
//! modulo 100,000, make five digits; the two halves stand in their order as text. Here the key is the account's
//! identity key (32 bytes), the id its account id (16 bytes). See libsignal, `rust/protocol/src/fingerprint.rs`,
//! whose test vector this passes.

use std::fmt;
use std::str::FromStr;

use lacre_proto::AccountId;
use sha2::{Digest, Sha512};

use super::IdentityKey;

const ROUNDS: u32 = 5200;
const PREFIX: &str = "LACRE:SAFETY/1/";

/// The 60 digits of two accounts and their identity keys; the same for both.
#[derive(Clone, PartialEq, Eq)]
pub struct SafetyNumber(String);

/// A text that is no safety number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSafetyNumber {
    /// It is a code for something else.
    #[error("this is a Lacre code, but not a safety number")]
    OtherPurpose,
    /// It is none at all.
    #[error("this is not a safety number; it has 60 digits")]
    Malformed,
}

impl SafetyNumber {
    /// The number of two accounts.
    pub fn new(one: (AccountId, &IdentityKey), other: (AccountId, &IdentityKey)) -> Self {
        let digits = |(account, key): (AccountId, &IdentityKey)| half(account.as_ref(), key.as_bytes());
        Self::of(digits(one), digits(other))
    }

    fn of(one: String, other: String) -> Self {
        if one < other { Self(one + &other) } else { Self(other + &one) }
    }

    /// The digits, without spaces.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// Twelve groups of five digits.
    pub fn groups(&self) -> Vec<&str> {
        (0..60).step_by(5).map(|at| &self.0[at..at + 5]).collect()
    }

    /// As it stands in a QR code.
    pub fn to_qr(&self) -> String {
        format!("{PREFIX}{}", self.0)
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.groups().join(" "))
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyNumber(..)")
    }
}

impl FromStr for SafetyNumber {
    type Err = BadSafetyNumber;
    fn from_str(text: &str) -> Result<Self, BadSafetyNumber> {
        let text = text.trim();
        let digits = match (text.strip_prefix(PREFIX), text.starts_with("LACRE:")) {
            (Some(digits), _) => digits,
            (None, true) => return Err(BadSafetyNumber::OtherPurpose),
            (None, false) => text,
        };
        let digits: String = digits.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if digits.len() == 60 && digits.bytes().all(|digit| digit.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(BadSafetyNumber::Malformed)
        }
    }
}

/// One side's 30 digits.
fn half(id: &[u8], key: &[u8]) -> String {
    let mut hash = Sha512::new().chain_update([0, 0]).chain_update(key).chain_update(id).chain_update(key);
    for _ in 1..ROUNDS {
        let before = hash.finalize();
        hash = Sha512::new().chain_update(before).chain_update(key);
    }
    let hash = hash.finalize();
    let number = |bytes: &[u8]| bytes.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
    hash[..30].chunks(5).map(|bytes| format!("{:05}", number(bytes) % 100_000)).collect()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::super::IdentitySecret;
    use super::*;

    #[test]
    fn libsignals_vector_comes_out() {
        let key = |hex: &str| hex::decode(hex).unwrap();
        let alice =
            half(b"+14152222222", &key("0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868"));
        let bob =
            half(b"+14153333333", &key("05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b"));
        let number = SafetyNumber::of(alice, bob);
        assert_eq!(number.digits(), "300354477692869396892869876765458257569162576843440918079131");
    }

    #[test]
    fn ana_and_bruno_see_the_same_number_and_another_key_another_one() {
        let key = |seed| IdentitySecret::generate(&mut ChaCha20Rng::seed_from_u64(seed)).public();
        let (ana, bruno, mallory) = (key(1), key(2), key(3));
        let (a, b) = (AccountId([0xaa; 16]), AccountId([0xbb; 16]));
        let number = SafetyNumber::new((a, &ana), (b, &bruno));
        assert_eq!(number, SafetyNumber::new((b, &bruno), (a, &ana)));
        assert_eq!(number.digits(), GOLDEN, "as every version shows it");
        assert_ne!(number, SafetyNumber::new((a, &ana), (b, &mallory)));
        assert_ne!(number, SafetyNumber::new((a, &ana), (AccountId([0xcc; 16]), &bruno)));
        assert_eq!(SafetyNumber::new((a, &ana), (a, &ana)).digits()[..30], half(a.as_ref(), ana.as_bytes()));
        assert_eq!(number.to_string().parse(), Ok(number.clone()));
        assert_eq!(number.to_qr().parse(), Ok(number));
    }

    const GOLDEN: &str = "072554459630349681743376976661614564375480748384507406265679";

    #[test]
    fn what_is_no_safety_number_is_refused() {
        assert_eq!("LACRE:LINK/0000".parse::<SafetyNumber>(), Err(BadSafetyNumber::OtherPurpose));
        assert_eq!("12345".parse::<SafetyNumber>(), Err(BadSafetyNumber::Malformed));
        assert_eq!("1".repeat(61).parse::<SafetyNumber>(), Err(BadSafetyNumber::Malformed));
    }
}
