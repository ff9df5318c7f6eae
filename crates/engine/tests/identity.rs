//! Identity: what is signed holds for one account, one device and one purpose, and not one byte may change.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use lacre_engine::identity::{
    Certificate, DeviceEntry, DeviceList, IdentityError, IdentitySecret, Resync, SignatureSecret, Succession,
    UnverifiedCertificate, UnverifiedDeviceList, UnverifiedResync, login, sign_up,
};
use lacre_proto::{AccountId, ConversationId, DeviceId, RelayId, Ticket, label, wire};
use proptest::prelude::*;
use prost::Message;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const ROOM: ConversationId = ConversationId([9; 16]);

struct Person {
    account: AccountId,
    identity: IdentitySecret,
    device: DeviceId,
    signature: SignatureSecret,
}

fn person(name: u8) -> Person {
    let rng = &mut ChaCha20Rng::seed_from_u64(name.into());
    let (identity, signature) = (IdentitySecret::generate(rng), SignatureSecret::generate(rng));
    Person { account: AccountId([name; 16]), identity, device: DeviceId([name ^ 0x80; 16]), signature }
}

impl Person {
    fn certificate(&self) -> Certificate {
        let handle = "ana".parse().unwrap();
        Certificate::issue(&self.identity, self.account, self.device, handle, self.signature.public(), 1000)
    }

    fn entry(&self) -> DeviceEntry {
        DeviceEntry {
            device: self.device,
            signature_key: self.signature.public(),
            added: 1000,
            quarantine_until: 0,
            added_by: None,
        }
    }

    fn list(&self) -> DeviceList {
        DeviceList::first(&self.identity, self.account, self.entry())
    }

    fn resync(&self) -> Resync {
        Resync {
            conversation: ROOM,
            device: self.device,
            key_package: vec![5; 300].into(),
            ticket: Ticket([6; 32]),
            made: 7,
        }
    }

    fn open_certificate(&self, credential: &[u8]) -> Result<Certificate, IdentityError> {
        UnverifiedCertificate::from_credential(credential)?.verify(self.account, &self.identity.public())
    }

    fn open_list(&self, list: wire::Signed) -> Result<DeviceList, IdentityError> {
        UnverifiedDeviceList::from_wire(list)?.verify(self.account, &self.identity.public())
    }

    fn open_resync(&self, request: wire::Signed) -> Result<Resync, IdentityError> {
        UnverifiedResync::from_wire(request)?.verify(ROOM, &self.signature.public())
    }
}

fn flipped(signed: wire::Signed, at: usize, bit: u8) -> wire::Signed {
    let wire::Signed { body, signature } = signed;
    let (mut body, mut signature) = (body.to_vec(), signature.to_vec());
    let at = at % (body.len() + signature.len());
    match at.checked_sub(body.len()) {
        None => body[at] ^= 1 << bit,
        Some(at) => signature[at] ^= 1 << bit,
    }
    wire::Signed { body: body.into(), signature: signature.into() }
}

#[test]
fn what_ana_signed_is_read_back_as_it_was() {
    let ana = person(1);
    let certificate = ana.certificate();
    assert_eq!(ana.open_certificate(&certificate.to_credential()).as_ref(), Ok(&certificate));
    assert_eq!(certificate.handle().as_str(), "ana");
    assert_eq!(ana.open_list(ana.list().to_wire()), Ok(ana.list()));
    assert_eq!(ana.open_resync(ana.resync().sign(&ana.signature)), Ok(ana.resync()));
}

#[test]
fn a_certificate_of_mallory_naming_ana_is_refused() {
    let (ana, mallory) = (person(1), person(3));
    let handle = "ana".parse().unwrap();
    let key = mallory.signature.public();
    let forged = Certificate::issue(&mallory.identity, ana.account, ana.device, handle, key, 1000);
    assert_eq!(ana.open_certificate(&forged.to_credential()), Err(IdentityError::WrongIdentity));
    let own = mallory.certificate().to_credential();
    assert_eq!(ana.open_certificate(&own), Err(IdentityError::WrongSubject));

    // Ana's key named, Mallory's used
    let mut body = wire::DeviceCertificate::decode(ana.certificate().to_wire().body).unwrap();
    body.signature_key = key.to_wire();
    let body = body.encode_to_vec();
    let signature = mallory.identity.sign(&label::labelled(label::DEVICE_CERTIFICATE, &body)).to_vec().into();
    let forged = wire::Signed { body: body.into(), signature }.encode_to_vec();
    assert_eq!(ana.open_certificate(&forged), Err(IdentityError::BadSignature));
}

#[test]
fn a_signature_for_one_purpose_does_not_serve_another() {
    let ana = person(1);
    let body = ana.list().to_wire().body;
    let signature = ana.identity.sign(&label::labelled(label::DEVICE_CERTIFICATE, &body)).to_vec().into();
    assert_eq!(ana.open_list(wire::Signed { body, signature }), Err(IdentityError::BadSignature));
}

#[test]
fn a_leaf_is_admitted_only_with_the_key_that_the_newest_list_has() {
    let (ana, mallory) = (person(1), person(3));
    let leaf = ana.signature.public();
    let admitted = ana.list().admit(ana.certificate(), leaf.as_bytes()).unwrap();
    assert_eq!((admitted.certificate().device(), admitted.entry().device), (ana.device, ana.device));
    let other_leaf = mallory.signature.public();
    assert_eq!(
        ana.list().admit(ana.certificate(), other_leaf.as_bytes()),
        Err(IdentityError::WrongSignatureKey)
    );
    let removed = ana.list().next(&ana.identity, vec![mallory.entry()]).unwrap();
    assert_eq!(removed.admit(ana.certificate(), leaf.as_bytes()), Err(IdentityError::NotListed));
    let rekeyed = DeviceEntry { signature_key: other_leaf, ..ana.entry() };
    let rekeyed = ana.list().next(&ana.identity, vec![rekeyed]).unwrap();
    assert_eq!(rekeyed.admit(ana.certificate(), leaf.as_bytes()), Err(IdentityError::WrongSignatureKey));
    assert_eq!(mallory.list().admit(ana.certificate(), leaf.as_bytes()), Err(IdentityError::WrongSubject));
}

#[test]
fn device_lists_go_forward_only_and_from_one_to_the_next() {
    let (ana, tablet) = (person(1), person(2));
    let first = ana.list();
    let second = first.next(&ana.identity, vec![ana.entry(), tablet.entry()]).unwrap();
    let third = second.next(&ana.identity, vec![ana.entry()]).unwrap();
    assert_eq!(first.succeeded_by(&first), Ok(Succession::Same));
    assert_eq!(first.succeeded_by(&second), Ok(Succession::Next));
    assert_eq!(first.succeeded_by(&third), Ok(Succession::Later));
    assert_eq!(third.succeeded_by(&second), Err(IdentityError::RolledBack), "the removed tablet is back");

    let other_first = DeviceList::first(&ana.identity, ana.account, tablet.entry());
    assert_eq!(first.succeeded_by(&other_first), Err(IdentityError::Forked));
    let other_second = other_first.next(&ana.identity, vec![tablet.entry()]).unwrap();
    assert_eq!(first.succeeded_by(&other_second), Err(IdentityError::Forked));
    assert_eq!(first.succeeded_by(&tablet.list()), Err(IdentityError::WrongSubject));
}

#[test]
fn a_list_without_devices_with_one_twice_or_with_too_many_is_refused() {
    let ana = person(1);
    let entries = |count: u8| (0..count).map(|n| person(n + 1).entry()).collect::<Vec<_>>();
    let next = |entries| ana.list().next(&ana.identity, entries).map(drop);
    assert_eq!(next(entries(8)), Ok(()));
    assert_eq!(next(entries(9)), Err(IdentityError::TooLarge));
    assert_eq!(next(vec![]), Err(IdentityError::Malformed("devices")));
    assert_eq!(next(vec![ana.entry(), ana.entry()]), Err(IdentityError::Malformed("devices")));

    // the same from the wire, rightly signed
    let body = wire::DeviceList { account: ana.account.to_wire(), version: 1, ..Default::default() };
    let body = body.encode_to_vec();
    let signature = ana.identity.sign(&label::labelled(label::DEVICE_LIST, &body)).to_vec().into();
    let empty = wire::Signed { body: body.into(), signature };
    assert_eq!(ana.open_list(empty), Err(IdentityError::Malformed("devices")));
}

#[test]
fn a_resync_request_holds_for_one_conversation_and_one_device() {
    let (ana, mallory) = (person(1), person(3));
    let request = ana.resync().sign(&ana.signature);
    let elsewhere = UnverifiedResync::from_wire(request.clone()).unwrap();
    assert_eq!(elsewhere.claimed_device(), ana.device);
    assert_eq!(
        elsewhere.verify(ConversationId([8; 16]), &ana.signature.public()),
        Err(IdentityError::WrongSubject)
    );
    let forged = ana.resync().sign(&mallory.signature);
    assert_eq!(ana.open_resync(forged), Err(IdentityError::BadSignature));
}

#[test]
fn login_and_sign_up_are_good_for_one_relay_and_one_nonce() {
    let ana = person(1);
    let (relay, nonce) = (RelayId([4; 16]), [5; 32]);
    let key = ana.signature.public();
    let proof = login(ana.device, &ana.signature, relay, &nonce);
    assert_eq!(key.verify(&label::login(relay, &nonce, ana.device), &proof.signature), Ok(()));
    for (relay, nonce) in [(RelayId([0; 16]), nonce), (relay, [0; 32])] {
        let message = label::login(relay, &nonce, ana.device);
        assert_eq!(key.verify(&message, &proof.signature), Err(IdentityError::BadSignature));
    }
    let sign_up = sign_up(&ana.certificate(), &ana.list(), &ana.signature, relay, &nonce, "welcome");
    let hash = {
        use sha2::Digest;
        sha2::Sha256::digest("ana").into()
    };
    let message = label::sign_up(relay, &nonce, ana.account, ana.device, &hash);
    assert_eq!(key.verify(&message, &sign_up.signature), Ok(()));
    assert_eq!((sign_up.handle.as_str(), sign_up.invite.as_str()), ("ana", "welcome"));
    assert_eq!(ana.open_list(sign_up.device_list.unwrap()), Ok(ana.list()));
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_is_refused(at in any::<usize>(), bit in 0..8u8) {
        let ana = person(1);
        prop_assert!(ana.open_list(flipped(ana.list().to_wire(), at, bit)).is_err());
        prop_assert!(ana.open_resync(flipped(ana.resync().sign(&ana.signature), at, bit)).is_err());
        let certificate = flipped(ana.certificate().to_wire(), at, bit).encode_to_vec();
        prop_assert!(ana.open_certificate(&certificate).is_err());
        // and in the encoding around body and signature too
        let mut credential = ana.certificate().to_credential();
        let at = at % credential.len();
        credential[at] ^= 1 << bit;
        prop_assert!(ana.open_certificate(&credential).is_err());
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        signature in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let signed = wire::Signed { body: body.clone().into(), signature: signature.into() };
        let _ = UnverifiedCertificate::from_credential(&body);
        let _ = UnverifiedCertificate::from_wire(signed.clone());
        let _ = UnverifiedDeviceList::from_wire(signed.clone());
        let _ = UnverifiedResync::from_wire(signed);
    }
}
