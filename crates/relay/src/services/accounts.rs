//! Accounts and devices: sign-up and login.

use std::net::IpAddr;

use bytes::Bytes;
use ed25519_dalek::{Signature, VerifyingKey};
use lacre_proto::error::WireError;
use lacre_proto::wire::{DeviceCertificate, DeviceList, Login, SignUp, Signed};
use lacre_proto::{AccountId, DeviceId, ErrorCode, Handle, Millis, label, limits};
use lacre_store::data::{Batch, Data, Expected, WriteError};
use prost::Message;

use super::rows::{AccountRow, DeviceRow, HandleRow};
use super::{Answered, Authenticated, Services, bad, keys, not_written, refuse, rows, sha256, unavailable};
use crate::config::Registration;
use crate::limits::Action;

/// A sign-up whose certificate, device list and proof were verified.
struct Verified {
    account: AccountId,
    device: DeviceId,
    handle: Handle,
    identity_key: Bytes,
    signature_key: Bytes,
    device_list: Signed,
}

impl<D: Data> Services<D> {
    /// Makes an account with its first device. The same sign-up again is answered as the first time.
    pub(crate) async fn sign_up(
        &self,
        op: SignUp,
        nonce: &[u8; 32],
        peer: Option<IpAddr>,
        now: Millis,
    ) -> Answered<Authenticated> {
        let (invite, tried) = (op.invite.clone(), op.device.clone());
        self.may_try(&tried, peer, now)?;
        let new = self.verify(op, nonce).inspect_err(|_| self.count_failure(&tried, peer, now))?;
        let caller = Authenticated { device: new.device, account: new.account };
        if self.exists(&new).await? {
            return Ok(caller);
        }
        if self.0.settings.registration == Registration::Closed {
            return refuse(ErrorCode::RegistrationClosed);
        }
        if let Some(network) = peer.map(network) {
            self.limiter().take(Action::SignUp, &[&network], now)?;
        }
        let mut batch = new.batch();
        if self.0.settings.registration == Registration::Invite {
            batch = self.spend_invite(batch, &invite).await?;
        }
        match self.0.data.write(batch).await {
            Ok(_) => {
                tracing::info!(account = %self.pseudonyms().of(new.account.as_ref(), now), "account made");
                Ok(caller)
            }
            // In the order of `Verified::batch`; the invite's assertion is the last.
            Err(WriteError::Conflict(0)) => refuse(ErrorCode::HandleTaken),
            Err(WriteError::Conflict(1 | 2)) => refuse(ErrorCode::BadRequest),
            Err(WriteError::Conflict(_)) => refuse(ErrorCode::InviteNeeded),
            Err(error) => Err(not_written(error)),
        }
    }

    /// Authenticates a device that has an account.
    pub(crate) async fn login(
        &self,
        op: Login,
        nonce: &[u8; 32],
        peer: Option<IpAddr>,
        now: Millis,
    ) -> Answered<Authenticated> {
        let device = DeviceId::try_from(&op.device).map_err(bad)?;
        self.may_try(&op.device, peer, now)?;
        let row = self.device(device).await?;
        // An unknown device costs the same work as a wrong proof.
        let key = row.as_ref().map_or([0; 32], |row| row.1);
        let proof = label::login(self.relay(), nonce, device);
        match (verify(&key, &proof, &op.signature), row) {
            (Ok(()), Some((account, _))) => Ok(Authenticated { device, account }),
            _ => {
                self.count_failure(&op.device, peer, now);
                refuse(self.why_refused(device, &proof, &op.signature).await?)
            }
        }
    }

    /// Whether too many proofs of a device failed from a network lately. By both, so that nobody keeps others out.
    fn may_try(&self, device: &[u8], peer: Option<IpAddr>, now: Millis) -> Result<(), WireError> {
        match peer.map(network) {
            Some(network) => self.limiter().look(Action::FailedLogin, &[&network, device], now),
            None => Ok(()),
        }
    }

    fn count_failure(&self, device: &[u8], peer: Option<IpAddr>, now: Millis) {
        if let Some(network) = peer.map(network) {
            // Whether a token was left does not matter here: the next try asks.
            let _ = self.limiter().take(Action::FailedLogin, &[&network, device], now);
        }
    }

    /// Account and signature key of a device.
    pub(super) async fn device(&self, device: DeviceId) -> Answered<Option<(AccountId, [u8; 32])>> {
        let Some(row) = self.0.data.get(&keys::device(device)).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let row: DeviceRow = rows::decode(&row)?;
        let account = AccountId::try_from(&row.account).map_err(|_| rows::broken("device"))?;
        let key = row.signature_key.as_ref().try_into().map_err(|_| rows::broken("device"))?;
        Ok(Some((account, key)))
    }

    /// Checks everything about a sign-up that can be checked without the store.
    fn verify(&self, op: SignUp, nonce: &[u8; 32]) -> Answered<Verified> {
        let SignUp { handle, account, identity_key, device_list, device, certificate, signature, invite: _ } =
            op;
        let handle: Handle = handle.parse().map_err(bad)?;
        let account = AccountId::try_from(&account).map_err(bad)?;
        let device = DeviceId::try_from(&device).map_err(bad)?;
        let identity: [u8; 32] = identity_key.as_ref().try_into().map_err(bad)?;
        let device_list = signed(device_list)?;
        let certificate = signed(certificate)?;

        let list = DeviceList::decode(device_list.body.clone()).map_err(bad)?;
        let issued = DeviceCertificate::decode(certificate.body.clone()).map_err(bad)?;
        let DeviceCertificate { account: of, device: for_device, handle: at_issue, signature_key, .. } =
            issued;
        let signing: [u8; 32] = signature_key.as_ref().try_into().map_err(bad)?;
        let [entry] = &list.devices[..] else { return refuse(ErrorCode::BadRequest) };
        let holds = list.account == account.as_ref()
            && list.version == 1
            && list.previous.is_empty()
            && entry.device == device.as_ref()
            && entry.signature_key == signature_key
            && of == account.as_ref()
            && for_device == device.as_ref()
            && at_issue == handle.as_str()
            && issued.identity_key == identity_key;
        if !holds {
            return refuse(ErrorCode::BadRequest);
        }
        let proof = label::sign_up(self.relay(), nonce, account, device, &sha256(handle.as_str().as_bytes()));
        verify(&identity, &label::labelled(label::DEVICE_LIST, &device_list.body), &device_list.signature)?;
        verify(
            &identity,
            &label::labelled(label::DEVICE_CERTIFICATE, &certificate.body),
            &certificate.signature,
        )?;
        verify(&signing, &proof, &signature)?;
        Ok(Verified { account, device, handle, identity_key, signature_key, device_list })
    }

    /// Whether just this account with just this device and handle is there already.
    async fn exists(&self, new: &Verified) -> Answered<bool> {
        let Some(device) = self.0.data.get(&keys::device(new.device)).await.map_err(unavailable)? else {
            return Ok(false);
        };
        let Some(account) = self.0.data.get(&keys::account(new.account)).await.map_err(unavailable)? else {
            return Ok(false);
        };
        let account: AccountRow = rows::decode(&account)?;
        Ok(device == new.device_row()
            && account.handle == new.handle.as_str()
            && account.identity_key == new.identity_key)
    }
}

impl Verified {
    fn device_row(&self) -> Bytes {
        rows::encode(&DeviceRow {
            account: self.account.to_wire(),
            signature_key: self.signature_key.clone(),
        })
    }

    fn batch(&self) -> Batch {
        let account = AccountRow {
            handle: self.handle.as_str().to_owned(),
            identity_key: self.identity_key.clone(),
            device_list: Some(self.device_list.clone()),
        };
        let handle = HandleRow { account: self.account.to_wire() };
        Batch::new()
            .assert(keys::handle(&self.handle), Expected::Absent)
            .assert(keys::account(self.account), Expected::Absent)
            .assert(keys::device(self.device), Expected::Absent)
            .put(keys::handle(&self.handle), rows::encode(&handle))
            .put(keys::account(self.account), rows::encode(&account))
            .put(keys::device(self.device), self.device_row())
    }
}

/// A signed field that is there and within its limit; its signature is not looked at yet.
pub(super) fn signed(field: Option<Signed>) -> Answered<Signed> {
    let field = field.ok_or(ErrorCode::BadRequest)?;
    if field.body.len() > limits::SIGNED {
        return refuse(ErrorCode::TooLarge);
    }
    Ok(field)
}

/// Checks an Ed25519 signature, strictly (RFC 8032 §8.4: no small-order keys).
pub(super) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Answered<()> {
    let refused = ErrorCode::LoginRefused;
    let signature = Signature::from_slice(signature).map_err(|_| refused)?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| refused)?;
    key.verify_strict(message, &signature).map_err(|_| refused.into())
}

/// The part of an address that one household or company has: an IPv4 /24, an IPv6 /48.
pub(super) fn network(address: IpAddr) -> [u8; 6] {
    let mut network = [0; 6];
    match address.to_canonical() {
        IpAddr::V4(v4) => network[..3].copy_from_slice(&v4.octets()[..3]),
        IpAddr::V6(v6) => network.copy_from_slice(&v6.octets()[..6]),
    }
    network
}
