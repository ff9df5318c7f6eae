//! What people prove themselves by: a password (Argon2id) and a code of the minute (TOTP, RFC 6238).

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, Mac};
use lacre_proto::Millis;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Characters of a password at least.
pub const PASSWORD_MIN: usize = 12;
/// Bytes of a password at most: more would only cost time.
pub const PASSWORD_MAX: usize = 256;
/// How long a code lasts.
const STEP: Millis = 30_000;

/// A password as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hashed {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Hashed {
    /// Hashes a password; takes tens of milliseconds of a processor.
    pub(super) fn new(password: &str, salt: [u8; 16]) -> Self {
        Self { salt, hash: *stretch(password, &salt) }
    }

    /// Whether a password is the one that was hashed.
    pub(super) fn is(&self, password: &str) -> bool {
        bool::from(stretch(password, &self.salt).ct_eq(&self.hash))
    }
}

/// Argon2id with 19 MiB and two passes, which is what OWASP asks for.
fn stretch(password: &str, salt: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    let params = Params::new(19 * 1_024, 2, 1, Some(32)).expect("the parameters are within Argon2's bounds");
    let mut hash = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, hash.as_mut())
        .expect("a password and a salt of these lengths are within Argon2's bounds");
    hash
}

/// The secret of an authenticator app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totp(pub(super) [u8; 20]);

impl Totp {
    /// The address that authenticator apps read from a QR code.
    pub(super) fn uri(&self, issuer: &str, login: &str) -> Zeroizing<String> {
        let mut label = url::form_urlencoded::Serializer::new(String::new());
        label.append_key_only(issuer).append_key_only(login);
        let label = label.finish().replace('+', "%20").replace('&', ":");
        let issuer = label.split(':').next().unwrap_or_default();
        Zeroizing::new(format!("otpauth://totp/{label}?secret={}&issuer={issuer}", base32(&self.0)))
    }

    /// The step that a code is of, if it is of this one or of one beside it: clocks of phones are off.
    pub(super) fn step_of(&self, code: &str, now: Millis) -> Option<u64> {
        let step = now / STEP;
        let around = step.saturating_sub(1)..=step.saturating_add(1);
        let fits = |step: u64| bool::from(self.code(step, 6).as_bytes().ct_eq(code.as_bytes()));
        // All three are compared, whichever fits.
        around.fold(None, |found, step| if fits(step) { Some(step) } else { found })
    }

    fn code(&self, step: u64, digits: u32) -> String {
        let mac = Hmac::<Sha1>::new_from_slice(&self.0)
            .expect("HMAC takes keys of any length")
            .chain_update(step.to_be_bytes())
            .finalize()
            .into_bytes();
        // RFC 4226, section 5.3.
        let offset = usize::from(mac[19] & 0x0f);
        let word = u32::from_be_bytes([mac[offset], mac[offset + 1], mac[offset + 2], mac[offset + 3]]);
        format!("{:0width$}", (word & 0x7fff_ffff) % 10_u32.pow(digits), width = digits as usize)
    }

    /// The code of now, as an authenticator app shows it.
    #[cfg(test)]
    pub(super) fn now(&self, now: Millis) -> String {
        self.code(now / STEP, 6)
    }
}

/// Base 32 of RFC 4648 without padding: 20 bytes are 32 digits.
fn base32(bytes: &[u8; 20]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = |five: &[u8]| five.iter().fold(0_u64, |all, it| all << 8 | u64::from(*it));
    let digits = |word: u64| (0..8).rev().map(move |it| char::from(DIGITS[(word >> (5 * it) & 31) as usize]));
    bytes.chunks(5).flat_map(|five| digits(bits(five))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, with SHA-1 and eight digits.
        let totp = Totp(*b"12345678901234567890");
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(totp.code(seconds / 30, 8), code, "{seconds}");
            assert_eq!(totp.now(seconds * 1_000), code[2..]);
        }
    }

    #[test]
    fn a_code_is_taken_in_its_step_and_beside_it() {
        let totp = Totp(*b"12345678901234567890");
        let now = 1_111_111_111_000;
        let code = totp.now(now);
        for (at, fine) in [
            (now, true),
            (now - STEP, true),
            (now + STEP, true),
            (now - 2 * STEP, false),
            (now + 2 * STEP, false),
        ] {
            assert_eq!(totp.step_of(&code, at), fine.then_some(now / STEP), "{at}");
        }
        for bad in ["", "050471 ", "50471", "14050471", "05047１"] {
            assert_eq!(totp.step_of(bad, now), None, "{bad}");
        }
    }

    #[test]
    fn the_address_is_one_that_apps_read() {
        let uri = Totp(*b"12345678901234567890").uri("Padaria São João", "ana@shop");
        let known = "otpauth://totp/Padaria%20S%C3%A3o%20Jo%C3%A3o:ana%40shop\
                     ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Padaria%20S%C3%A3o%20Jo%C3%A3o";
        assert_eq!(*uri, known);
    }

    #[test]
    fn a_password_is_itself_alone() {
        let hashed = Hashed::new("correct horse battery", [1; 16]);
        assert!(hashed.is("correct horse battery"));
        assert!(!hashed.is("correct horse batterY") && !hashed.is(""));
        assert!(hashed != Hashed::new("correct horse battery", [2; 16]));
    }
}
