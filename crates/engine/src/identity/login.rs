//! The proofs by which a device opens its socket: there is no bearer token.

use lacre_proto::{RelayId, label, wire};
use sha2::{Digest, Sha256};

use super::{Certificate, DeviceList, SignatureSecret};
use lacre_proto::DeviceId;

/// The login of a device at a relay that greeted with this nonce.
pub fn login(device: DeviceId, secret: &SignatureSecret, relay: RelayId, nonce: &[u8; 32]) -> wire::Login {
    let signature = secret.sign(&label::login(relay, nonce, device));
    wire::Login { device: device.to_wire(), signature: signature.to_vec().into() }
}

/// The sign-up of an account with its first device at a relay that greeted with this nonce; `invite` is empty
/// when there is none.
pub fn sign_up(
    certificate: &Certificate,
    list: &DeviceList,
    secret: &SignatureSecret,
    relay: RelayId,
    nonce: &[u8; 32],
    invite: &str,
) -> wire::SignUp {
    let (account, device) = (certificate.account(), certificate.device());
    let handle = certificate.handle().as_str();
    let handle_hash = Sha256::digest(handle).into();
    wire::SignUp {
        handle: handle.to_owned(),
        account: account.to_wire(),
        identity_key: certificate.identity_key().to_wire(),
        device_list: Some(list.to_wire()),
        device: device.to_wire(),
        certificate: Some(certificate.to_wire()),
        signature: secret.sign(&label::sign_up(relay, nonce, account, device, &handle_hash)).to_vec().into(),
        invite: invite.to_owned(),
    }
}
