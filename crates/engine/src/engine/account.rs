//! The account and device: keys, the greeting of a socket, key packages.

use std::sync::Arc;

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, DeviceId, Handle, Millis, RelayId, limits};
use openmls_rust_crypto::RustCrypto;
use prost::Message;
use rand_core::CryptoRng;

use super::state::{Clockwork, LOCAL, SecretRecord};
use super::{Asked, Cx, Engine, Link};
use crate::api::{Changes, EngineError, Reader};
use crate::defence::Defences;
use crate::identity::{
    self, Admission, Certificate, DeviceEntry, DeviceList, IdentityError, IdentityKey, IdentitySecret,
    SignatureSecret, UnverifiedCertificate, UnverifiedDeviceList,
};
use crate::mls::key_package;
use crate::records::key::{CLOCKWORK, ME, SECRET};
use crate::records::{Me, Records, encode};

/// Why a relay's greeting is not answered. The relay's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GreetError {
    /// It is not the relay that was pinned at sign-up.
    #[error("this is another relay than the one that this account was made at")]
    WrongRelay,
    /// The greeting does not hold what it should.
    #[error("the relay's greeting does not hold together")]
    Malformed,
}

impl Engine {
    /// Makes the keys of a new account and its first device. The changes must be committed before anything is
    /// sent; the relay hears of the account by [`greet`](Self::greet).
    pub fn create(handle: Handle, relay: RelayId, now: Millis, rng: &mut dyn CryptoRng) -> (Self, Changes) {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        let (account, device) = bytes.split_at(16);
        let account = AccountId::try_from(account).expect("16 bytes");
        let device = DeviceId::try_from(device).expect("16 bytes");
        let identity = IdentitySecret::generate(rng);
        let secret = SignatureSecret::generate(rng);
        let certificate =
            Certificate::issue(&identity, account, device, handle.clone(), secret.public(), now);
        let entry = DeviceEntry {
            device,
            signature_key: secret.public(),
            added: now,
            quarantine_until: 0,
            added_by: None,
        };
        let list = DeviceList::first(&identity, account, entry);
        let identity_key = *identity.public().as_bytes();
        let me = Me { account, handle, device, relay, identity_key, registered: false, created_ms: now };
        let secrets = SecretRecord {
            identity: *identity.to_bytes(),
            signature: *secret.to_bytes(),
            certificate: certificate.to_wire().encode_to_vec(),
            list: list.to_wire().encode_to_vec(),
        };
        let changes = first_records(&me, &secrets);
        (Self::with(me, secret, certificate, list), changes)
    }

    /// The engine of a device that an older one has let in. The changes must be committed before it connects.
    pub fn admitted(admission: Admission, now: Millis) -> (Self, Changes) {
        let Admission { account, handle, device, relay, identity, signature, certificate, list } = admission;
        let identity_key = *identity.public().as_bytes();
        let me = Me { account, handle, device, relay, identity_key, registered: true, created_ms: now };
        let secrets = SecretRecord {
            identity: *identity.to_bytes(),
            signature: *signature.to_bytes(),
            certificate: certificate.to_wire().encode_to_vec(),
            list: list.to_wire().encode_to_vec(),
        };
        let changes = first_records(&me, &secrets);
        (Self::with(me, signature, certificate, list), changes)
    }

    /// The engine of a store; `None` when no account was made in it.
    pub fn open(reader: &dyn Reader) -> Result<Option<Self>, EngineError> {
        let Some(me) = Records(reader).me()? else { return Ok(None) };
        let secrets: SecretRecord =
            Records(reader).read("secrets", &[SECRET])?.ok_or(EngineError::Corrupt("secrets"))?;
        let corrupt = |_: IdentityError| EngineError::Corrupt("secrets");
        let key = IdentityKey::from_wire(&me.identity_key).map_err(corrupt)?;
        let signed = |bytes: &[u8]| wire::Signed::decode(bytes).map_err(|_| EngineError::Corrupt("secrets"));
        let certificate = UnverifiedCertificate::from_wire(signed(&secrets.certificate)?)
            .and_then(|certificate| certificate.verify(me.account, &key))
            .map_err(corrupt)?;
        let list = UnverifiedDeviceList::from_wire(signed(&secrets.list)?)
            .and_then(|list| list.verify(me.account, &key))
            .map_err(corrupt)?;
        let secret = SignatureSecret::from_bytes(&secrets.signature);
        Ok(Some(Self::with(me, secret, certificate, list)))
    }

    fn with(me: Me, secret: SignatureSecret, certificate: Certificate, list: DeviceList) -> Self {
        Self {
            me,
            secret,
            certificate,
            list_before: list.clone(),
            list,
            lists: Default::default(),
            crypto: Arc::new(RustCrypto::default()),
            groups: Default::default(),
            link: Link::default(),
            before: Link::default(),
            defences: Defences::default(),
        }
    }

    /// The first request on the authenticated socket, in answer to the relay's greeting: a sign-up until the
    /// relay has accepted one, a login after.
    pub fn greet(&self, hello: &wire::Hello, invite: Option<&str>) -> Result<request::Op, GreetError> {
        let relay = RelayId::try_from(&hello.relay).map_err(|_| GreetError::Malformed)?;
        let nonce: [u8; 32] = hello.nonce.as_ref().try_into().map_err(|_| GreetError::Malformed)?;
        if relay != self.me.relay {
            return Err(GreetError::WrongRelay);
        }
        if self.me.registered {
            return Ok(request::Op::Login(identity::login(self.me.device, &self.secret, relay, &nonce)));
        }
        let (certificate, list) = (&self.certificate, &self.list);
        let invite = invite.unwrap_or_default();
        Ok(request::Op::SignUp(identity::sign_up(certificate, list, &self.secret, relay, &nonce, invite)))
    }

    /// Publishes key packages when few are left at the relay, or those that are there grow old.
    pub(super) fn top_up(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let under_way = self.link.asked.values().any(|asked| matches!(asked, Asked::Publish { .. }));
        if !self.link.online || under_way {
            return Ok(());
        }
        let clockwork = cx.clockwork()?;
        let lifetime = limits::KEY_PACKAGE_LIFETIME.as_millis() as Millis;
        let age = cx.now.saturating_sub(clockwork.packages_ms);
        let old = age > lifetime * 3 / 4;
        let replace = self.replaces_packages(cx)?;
        let left = if old || replace { 0 } else { clockwork.packages_left as usize };
        let last_resort = old || replace || clockwork.last_resort_used;
        if left >= limits::KEY_PACKAGES_LOW && !last_resort {
            return Ok(());
        }
        let count = limits::KEY_PACKAGES_KEPT.saturating_sub(left);
        let make = |last_resort| {
            key_package::make(cx.provider, cx.store, &self.myself(), last_resort, cx.now).map(Into::into)
        };
        let key_packages = (0..count).map(|_| make(false)).collect::<Result<_, _>>()?;
        let last_resort_package = if last_resort { make(true)? } else { Default::default() };
        let publish = wire::PublishKeyPackages { key_packages, last_resort: last_resort_package, replace };
        let asked = Asked::Publish { made_ms: cx.now, with_last_resort: last_resort, replace };
        self.ask(cx, asked, request::Op::PublishKeyPackages(publish));
        Ok(())
    }

    pub(super) fn publish_answered(
        &mut self,
        cx: &mut Cx<'_>,
        made_ms: Millis,
        with_last_resort: bool,
        replace: bool,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        // After an error the next connection or the next chores try again.
        if let Ok(response::Result::KeyPackagesLeft(wire::KeyPackagesLeft { left })) = result {
            let mut clockwork = cx.clockwork()?;
            clockwork.packages_left = left;
            clockwork.packages_ms = made_ms;
            clockwork.last_resort_used &= !with_last_resort;
            cx.put_clockwork(&clockwork);
            if replace {
                self.packages_replaced(cx, made_ms)?;
            }
            if clockwork.last_resort_used || self.replaces_packages(cx)? {
                // It was used while others were on their way.
                return self.top_up(cx);
            }
        }
        Ok(())
    }
}

fn first_records(me: &Me, secrets: &SecretRecord) -> Changes {
    let clockwork = Clockwork { anchor: LOCAL, ..Clockwork::default() };
    Changes::from([
        (vec![ME], Some(encode(me))),
        (vec![SECRET], Some(encode(secrets))),
        (vec![CLOCKWORK], Some(encode(&clockwork))),
    ])
}
