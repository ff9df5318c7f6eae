//! The resync request: a device that lost a conversation's state asks to be let in again.

use lacre_proto::{ConversationId, DeviceId, Millis, Ticket, label, limits, wire};
use prost::bytes::Bytes;

use super::{IdentityError, SignatureKey, SignatureSecret, body, encode};

/// A resync request that was made here, or whose signature holds under the device's signature key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// The conversation to be let into again.
    pub conversation: ConversationId,
    /// The device that asks.
    pub device: DeviceId,
    /// A fresh key package of it: an `MLSMessage`.
    pub key_package: Bytes,
    /// A ticket for its mailbox.
    pub ticket: Ticket,
    /// When it was made, by the device's clock.
    pub made: Millis,
}

impl Resync {
    /// Signs the request with the device's signature key.
    pub fn sign(&self, secret: &SignatureSecret) -> wire::Signed {
        let Self { conversation, device, key_package, ticket, made } = self;
        let body = encode(&wire::ResyncRequest {
            conversation: conversation.to_wire(),
            device: device.to_wire(),
            key_package: key_package.clone(),
            ticket: ticket.to_wire(),
            made_ms: *made,
        });
        let signature = secret.sign(&label::labelled(label::RESYNC, &body));
        wire::Signed { body, signature: signature.to_vec().into() }
    }
}

/// A resync request from the wire, of which nothing is known yet.
#[derive(Debug)]
pub struct UnverifiedResync {
    request: Resync,
    signed: wire::Signed,
}

impl UnverifiedResync {
    /// Reads a resync request.
    pub fn from_wire(signed: wire::Signed) -> Result<Self, IdentityError> {
        let malformed = |_| IdentityError::Malformed("resync request");
        let wire::ResyncRequest { conversation, device, key_package, ticket, made_ms } =
            body(&signed, "resync request")?;
        if key_package.len() > limits::KEY_PACKAGE {
            return Err(IdentityError::TooLarge);
        }
        let request = Resync {
            conversation: ConversationId::try_from(&conversation).map_err(malformed)?,
            device: DeviceId::try_from(&device).map_err(malformed)?,
            key_package,
            ticket: Ticket::try_from(&ticket).map_err(malformed)?,
            made: made_ms,
        };
        Ok(Self { request, signed })
    }

    /// The device that it says it is of: to find the key that it must verify under.
    pub fn claimed_device(&self) -> DeviceId {
        self.request.device
    }

    /// Checks it against the conversation that it was delivered for and the key of the device that it names.
    pub fn verify(self, conversation: ConversationId, key: &SignatureKey) -> Result<Resync, IdentityError> {
        if self.request.conversation != conversation {
            return Err(IdentityError::WrongSubject);
        }
        let wire::Signed { body, signature } = &self.signed;
        key.verify(&label::labelled(label::RESYNC, body), signature)?;
        Ok(self.request)
    }
}
