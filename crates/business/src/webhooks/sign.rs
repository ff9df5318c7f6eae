//! Signatures of deliveries.
//!
//! `X-Hub-Signature-256: sha256=HEX` is HMAC-SHA256 by the app secret over the exact bytes of the body, as the Cloud
//! API has it. It says nothing of when or how often, so a delivery that was overheard could be played again. For
//! receivers who want more there is a second header:
//!
//! ```text
//! Lacre-Delivery: id=42,seq=7,attempt=1,t=1760000000,v1=HEX
//! ```
//!
//! - `id`: the delivery; the same on every attempt and on a replay by the operator;
//! - `seq`: counts a customer's deliveries to this receiver from 1, without gaps;
//! - `attempt`: counts from 1;
//! - `t`: when this attempt was made, in seconds since the Unix epoch;
//! - `v1`: hex HMAC-SHA256 by the app secret over `id.seq.attempt.t.` and the body.
//!
//! A receiver refuses a `t` that is more than five minutes off and a `v1` that it has seen within them ([`Guard`] does
//! both), and takes an `id` that it knows for a repeat of what it has. While the secret is being changed the node
//! signs with the new one; a receiver should know both ([`Secrets`]).

use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use hyper::header::{HeaderName, HeaderValue};
use lacre_proto::Millis;
use sha2::Sha256;

/// The header that the Cloud API has.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
/// The header that is ours.
pub const DELIVERY: HeaderName = HeaderName::from_static("lacre-delivery");
/// How far a delivery's time may be off.
pub const TOLERANCE: Millis = 300_000;

/// What a delivery says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The delivery.
    pub id: u64,
    /// Its place among the customer's.
    pub sequence: u64,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// When the attempt was made, in seconds since the Unix epoch.
    pub seconds: u64,
}

/// The app secrets of a node: the one that signs, and the one before until a time.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Secrets {
    /// Signs.
    pub current: String,
    /// Is still taken for verification until then.
    pub previous: Option<(String, Millis)>,
}

impl Secrets {
    /// What a signature may be made with now.
    pub fn accepted(&self, now: Millis) -> Vec<&str> {
        let previous =
            self.previous.iter().filter(|(_, until)| now < *until).map(|(secret, _)| secret.as_str());
        std::iter::once(self.current.as_str()).chain(previous).collect()
    }
}

/// The value of `X-Hub-Signature-256` for a body.
pub fn hub_signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(mac(secret).chain_update(body).finalize().into_bytes()))
}

/// Whether a value of `X-Hub-Signature-256` is that of a body by one of the secrets. Takes as long whatever differs.
pub fn hub_signature_holds(value: &str, secrets: &[&str], body: &[u8]) -> bool {
    value
        .strip_prefix("sha256=")
        .is_some_and(|given| secrets.iter().any(|secret| holds(given, mac(secret).chain_update(body))))
}

/// Both headers of a delivery.
pub fn headers(secret: &str, stamp: Stamp, body: &[u8]) -> [(HeaderName, HeaderValue); 2] {
    let Stamp { id, sequence, attempt, seconds } = stamp;
    let ours = hex::encode(stamped(secret, stamp, body).finalize().into_bytes());
    let ours = format!("id={id},seq={sequence},attempt={attempt},t={seconds},v1={ours}");
    let value =
        |text: String| HeaderValue::try_from(text).expect("digits, letters and commas are a header's value");
    [(SIGNATURE, value(hub_signature(secret, body))), (DELIVERY, value(ours))]
}

/// Why a delivery is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The header is missing or not what it should be.
    #[error("the header is not of this form")]
    Malformed,
    /// No secret made this signature.
    #[error("the signature is not that of the body")]
    Forged,
    /// It was made too long ago, or is from the future.
    #[error("the time is too far off")]
    Stale,
    /// Just this was seen before.
    #[error("it was played again")]
    Replayed,
}

/// A receiver's guard against forgery and replay: what a program does that takes our header seriously.
#[derive(Debug, Default)]
pub struct Guard {
    seen: BTreeMap<[u8; 32], Millis>,
}

impl Guard {
    /// Looks at the value of `Lacre-Delivery` and the body that came with it.
    pub fn check(
        &mut self,
        value: &str,
        secrets: &[&str],
        body: &[u8],
        now: Millis,
    ) -> Result<Stamp, Refusal> {
        let (stamp, given) = parse(value).ok_or(Refusal::Malformed)?;
        if !secrets.iter().any(|secret| holds(given, stamped(secret, stamp, body))) {
            return Err(Refusal::Forged);
        }
        if stamp.seconds.saturating_mul(1_000).abs_diff(now) > TOLERANCE {
            return Err(Refusal::Stale);
        }
        // What is older than twice the tolerance would be stale by its own time.
        self.seen.retain(|_, at| at.saturating_add(2 * TOLERANCE) >= now);
        let mut signature = [0; 32];
        hex::decode_to_slice(given, &mut signature).map_err(|_| Refusal::Malformed)?;
        match self.seen.insert(signature, now) {
            None => Ok(stamp),
            Some(_) => Err(Refusal::Replayed),
        }
    }
}

fn parse(value: &str) -> Option<(Stamp, &str)> {
    let mut parts = value.split(',');
    let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    let (id, sequence, attempt) = (part("id")?, part("seq")?, part("attempt")?);
    let (seconds, given) = (part("t")?, part("v1")?);
    let stamp = Stamp {
        id: id.parse().ok()?,
        sequence: sequence.parse().ok()?,
        attempt: attempt.parse().ok()?,
        seconds: seconds.parse().ok()?,
    };
    parts.next().is_none().then_some((stamp, given))
}

fn holds(given: &str, mac: Hmac<Sha256>) -> bool {
    let mut bytes = [0; 32];
    hex::decode_to_slice(given, &mut bytes).is_ok() && mac.verify_slice(&bytes).is_ok()
}

fn stamped(secret: &str, stamp: Stamp, body: &[u8]) -> Hmac<Sha256> {
    let Stamp { id, sequence, attempt, seconds } = stamp;
    mac(secret).chain_update(format!("{id}.{sequence}.{attempt}.{seconds}.")).chain_update(body)
}

fn mac(secret: &str) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"a":"\u00e9"}"#;
    const NOW: Millis = 1_760_000_000_000;
    const STAMP: Stamp = Stamp { id: 42, sequence: 7, attempt: 1, seconds: NOW / 1_000 };

    fn ours(secret: &str, stamp: Stamp) -> String {
        let [_, (_, value)] = headers(secret, stamp, BODY);
        value.to_str().expect("text").to_owned()
    }

    #[test]
    fn the_hub_signature_is_the_one_that_is_known() {
        // RFC 4231, test case 2.
        let known = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = b"what do ya want for nothing?";
        assert_eq!(hub_signature("Jefe", body), known);
        assert!(hub_signature_holds(known, &["new", "Jefe"], body));
        for (value, secrets, body) in [
            (known, &["Jeff"][..], &body[..]),
            (known, &[], body),
            (known, &["Jefe"], b"what do ya want for nothing!"),
            (&known[7..], &["Jefe"], body),
            (&known[..20], &["Jefe"], body),
            ("", &["Jefe"], body),
            ("sha1=5bdcc146bf60754e6a042426089575c75a003f08", &["Jefe"], body),
        ] {
            assert!(!hub_signature_holds(value, secrets, body), "{value}");
        }
    }

    #[test]
    fn a_delivery_is_taken_once_and_only_as_it_was_signed() {
        let mut guard = Guard::default();
        let value = ours("old", STAMP);
        assert_eq!(guard.check(&value, &["new", "old"], BODY, NOW), Ok(STAMP));
        assert_eq!(guard.check(&value, &["new", "old"], BODY, NOW + 1), Err(Refusal::Replayed));
        let again = Stamp { attempt: 2, ..STAMP };
        assert_eq!(
            guard.check(&ours("new", again), &["new", "old"], BODY, NOW),
            Ok(again),
            "a repeat is no replay"
        );
        assert_eq!(guard.check(&ours("old", STAMP), &["new"], BODY, NOW), Err(Refusal::Forged));
        assert_eq!(guard.check(&value, &["old"], b"{}", NOW), Err(Refusal::Forged));
        assert_eq!(guard.check(&value.replace("seq=7", "seq=8"), &["old"], BODY, NOW), Err(Refusal::Forged));
        for bad in
            ["", "id=42", &value[..value.len() - 2], &format!("{value},x=1"), &value.replace("id", "ID")]
        {
            let refused = guard.check(bad, &["old"], BODY, NOW).expect_err("refused");
            assert!(matches!(refused, Refusal::Malformed | Refusal::Forged), "{bad}");
        }
    }

    #[test]
    fn a_delivery_is_refused_when_its_time_is_off_and_stays_refused() {
        let mut guard = Guard::default();
        let value = ours("key", STAMP);
        assert_eq!(guard.check(&value, &["key"], BODY, NOW + TOLERANCE + 1), Err(Refusal::Stale));
        assert_eq!(guard.check(&value, &["key"], BODY, NOW - TOLERANCE - 1), Err(Refusal::Stale));
        assert_eq!(guard.check(&value, &["key"], BODY, NOW - TOLERANCE), Ok(STAMP));
        assert_eq!(guard.check(&value, &["key"], BODY, NOW + TOLERANCE), Err(Refusal::Replayed));
        let far = Stamp { seconds: u64::MAX, ..STAMP };
        assert_eq!(guard.check(&ours("key", far), &["key"], BODY, NOW), Err(Refusal::Stale));
    }

    #[test]
    fn the_old_secret_is_taken_until_its_time() {
        let secrets = Secrets { current: "new".into(), previous: Some(("old".into(), NOW)) };
        assert_eq!(secrets.accepted(NOW - 1), ["new", "old"]);
        assert_eq!(secrets.accepted(NOW), ["new"]);
    }
}
