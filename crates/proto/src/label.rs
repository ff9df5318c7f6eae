//! What is signed: every signature covers a label that says what it is for, so that none can stand for another.

use crate::{AccountId, ConversationId, DeviceId, RelayId};

/// Label of a signed [`DeviceList`](crate::wire::DeviceList).
pub const DEVICE_LIST: &[u8] = b"lacre device list v1";
/// Label of a signed [`DeviceCertificate`](crate::wire::DeviceCertificate).
pub const DEVICE_CERTIFICATE: &[u8] = b"lacre device certificate v1";
/// Label of a signed [`ResyncRequest`](crate::wire::ResyncRequest).
pub const RESYNC: &[u8] = b"lacre resync v1";
/// Label of a signed [`Trail`](crate::wire::Trail).
pub const TRAIL: &[u8] = b"lacre trail v1";
/// What is hashed before an epoch authenticator, to be a mark of a trail.
pub const MARK: &[u8] = b"lacre mark v1";
/// Label of a report's statement.
pub const REPORT: &[u8] = b"lacre report v2";
/// Label of a signed [`BusinessCertificate`](crate::wire::BusinessCertificate).
pub const BUSINESS_CERTIFICATE: &[u8] = b"lacre business certificate v1";
/// Label of a signed [`ConsentGrant`](crate::wire::ConsentGrant).
pub const CONSENT: &[u8] = b"lacre consent v1";
/// Label of what a business tells its customers: what it keeps, and who acts for it.
pub const TERMS: &[u8] = b"lacre business terms v1";
/// Label of what a business says of itself: a signed [`BusinessProfile`](crate::wire::BusinessProfile).
pub const PROFILE: &[u8] = b"lacre business profile v1";
/// Label of what the hash of a group link's secret covers.
const GROUP_LINK: &[u8] = b"lacre group link v1";
/// Label of an author's signature under content.
const AUTHOR: &[u8] = b"lacre author v1";
/// Exporter label of a conversation's send capability (RFC 9420 §8.5): 32 bytes, context the conversation id.
pub const SEND_CAPABILITY: &str = "lacre send capability v1";
const LOGIN: &[u8] = b"lacre login v1";
const SIGN_UP: &[u8] = b"lacre sign-up v1";

/// The bytes that a signature over `body` covers: the label, a zero byte, the body.
pub fn labelled(label: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(label.len() + 1 + body.len());
    bytes.extend_from_slice(label);
    bytes.push(0);
    bytes.extend_from_slice(body);
    bytes
}

/// The bytes that a device signs under content that it says in a conversation; `message` is the content's MIMI id.
pub fn author(conversation: ConversationId, device: DeviceId, message: &[u8; 32]) -> Vec<u8> {
    labelled(AUTHOR, &[conversation.as_ref(), device.as_ref(), message].concat())
}

/// The bytes whose SHA-256 the members of a group keep of the secret in its link.
pub fn group_link(group: ConversationId, secret: &[u8]) -> Vec<u8> {
    labelled(GROUP_LINK, &[group.as_ref(), secret].concat())
}

/// The bytes that a device signs to log in.
pub fn login(relay: RelayId, nonce: &[u8; 32], device: DeviceId) -> Vec<u8> {
    labelled(LOGIN, &[relay.as_ref(), nonce, device.as_ref()].concat())
}

/// The bytes that a device signs to sign up; `handle_hash` is SHA-256 of the handle.
pub fn sign_up(
    relay: RelayId,
    nonce: &[u8; 32],
    account: AccountId,
    device: DeviceId,
    handle_hash: &[u8; 32],
) -> Vec<u8> {
    labelled(SIGN_UP, &[relay.as_ref(), nonce, account.as_ref(), device.as_ref(), handle_hash].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_the_start_of_another() {
        let labels = [
            DEVICE_LIST,
            DEVICE_CERTIFICATE,
            RESYNC,
            TRAIL,
            MARK,
            REPORT,
            BUSINESS_CERTIFICATE,
            CONSENT,
            TERMS,
            PROFILE,
            AUTHOR,
            GROUP_LINK,
            LOGIN,
            SIGN_UP,
        ];
        for a in labels {
            for b in labels.into_iter().filter(|b| *b != a) {
                assert!(!labelled(a, b"").starts_with(&labelled(b, b"")));
            }
        }
    }
}
