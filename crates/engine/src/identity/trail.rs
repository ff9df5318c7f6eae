//! The trail: where a device has been in a conversation, so that others see whether they were there too.

use lacre_proto::{ConversationId, DeviceId, Millis, label, limits, wire};
use sha2::{Digest, Sha256};

use super::{IdentityError, SignatureKey, SignatureSecret, body, encode};

/// A trail that was made here, or whose signature holds under the device's signature key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// The conversation.
    pub conversation: ConversationId,
    /// The device.
    pub device: DeviceId,
    /// When it was made, by the device's clock.
    pub made: Millis,
    /// The newest epochs in their order, each with its mark.
    pub marks: Vec<(u64, [u8; 32])>,
}

/// The mark of an epoch: by it two devices see whether they are in the same one.
pub fn mark(epoch_authenticator: &[u8]) -> [u8; 32] {
    Sha256::digest(label::labelled(label::MARK, epoch_authenticator)).into()
}

impl Trail {
    /// Signs the trail with the device's signature key.
    pub fn sign(&self, secret: &SignatureSecret) -> wire::Signed {
        let Self { conversation, device, made, marks } = self;
        let mark =
            |(epoch, digest): &(u64, [u8; 32])| wire::Mark { epoch: *epoch, digest: digest.to_vec().into() };
        let body = encode(&wire::Trail {
            conversation: conversation.to_wire(),
            device: device.to_wire(),
            made_ms: *made,
            marks: marks.iter().map(mark).collect(),
        });
        let signature = secret.sign(&label::labelled(label::TRAIL, &body));
        wire::Signed { body, signature: signature.to_vec().into() }
    }
}

/// A trail from the wire, of which nothing is known yet.
#[derive(Debug)]
pub struct UnverifiedTrail {
    trail: Trail,
    signed: wire::Signed,
}

impl UnverifiedTrail {
    /// Reads a trail.
    pub fn from_wire(signed: wire::Signed) -> Result<Self, IdentityError> {
        const WHAT: &str = "trail";
        let malformed = IdentityError::Malformed(WHAT);
        let wire::Trail { conversation, device, made_ms, marks } = body(&signed, WHAT)?;
        if marks.len() > limits::MARKS {
            return Err(IdentityError::TooLarge);
        }
        let mark = |mark: &wire::Mark| Some((mark.epoch, mark.digest.as_ref().try_into().ok()?));
        let marks: Vec<(u64, [u8; 32])> = marks.iter().map(mark).collect::<Option<_>>().ok_or(malformed)?;
        if !marks.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Err(malformed);
        }
        let trail = Trail {
            conversation: ConversationId::try_from(&conversation).map_err(|_| malformed)?,
            device: DeviceId::try_from(&device).map_err(|_| malformed)?,
            made: made_ms,
            marks,
        };
        Ok(Self { trail, signed })
    }

    /// The device that it says it is of: to find the key that it must verify under.
    pub fn claimed_device(&self) -> DeviceId {
        self.trail.device
    }

    /// Checks it against the conversation that it was delivered for and the key of the device that it names.
    pub fn verify(self, conversation: ConversationId, key: &SignatureKey) -> Result<Trail, IdentityError> {
        if self.trail.conversation != conversation {
            return Err(IdentityError::WrongSubject);
        }
        let wire::Signed { body, signature } = &self.signed;
        key.verify(&label::labelled(label::TRAIL, body), signature)?;
        Ok(self.trail)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_trail_holds_for_its_device_and_conversation_alone() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (mine, other) = (SignatureSecret::generate(&mut rng), SignatureSecret::generate(&mut rng));
        let trail = Trail {
            conversation: ConversationId([1; 16]),
            device: DeviceId([2; 16]),
            made: 3,
            marks: vec![(4, mark(b"four")), (5, mark(b"five"))],
        };
        let signed = trail.sign(&mine);
        let read = || UnverifiedTrail::from_wire(signed.clone()).unwrap();
        assert_eq!(read().verify(trail.conversation, &mine.public()), Ok(trail.clone()));
        let elsewhere = read().verify(ConversationId([9; 16]), &mine.public());
        assert_eq!(elsewhere, Err(IdentityError::WrongSubject));
        assert!(read().verify(trail.conversation, &other.public()).is_err());
        let back = Trail { marks: trail.marks.iter().rev().copied().collect(), ..trail };
        assert!(UnverifiedTrail::from_wire(back.sign(&mine)).is_err(), "epochs do not go back");
    }
}
