//! Linking: how a new device comes by an account's identity, from an old device of it.
//!
//! The new device shows a [`LinkCode`], 160 random bits, to the old one's camera or typist and to nobody else.
//! From it both derive, with HKDF-SHA256 (RFC 5869), the name under which they meet at the relay and one MAC key
//! for each direction, so that the relay learns none of these and can change nothing:
//!
//! | step | from | what |
//! | --- | --- | --- |
//! | 1 | new | the offer: device, signature key, HPKE key, relay; HMAC-SHA256 under the newcomer's key |
//! | 2 | new | proof that its person typed the number that the old device shows: HMAC over offer and number |
//! | 3 | old | identity key, certificate and device list, sealed to the HPKE key of the offer (RFC 9180, base mode, X-Wing, the suite of conversations), with offer and number as its info; HMAC under the old device's key |
//!
//! The number is known to nobody who only saw the code: who has a person scan a code of theirs must also have
//! them read the number out. One wrong number ends the linking.

use lacre_proto::{AccountId, DeviceId, Handle, RelayId};
use openmls_rust_crypto::RustCrypto;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{HashType, HpkeCiphertext, HpkeKeyPair};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::base32;
use super::{Certificate, DeviceList, IdentitySecret, SignatureKey, SignatureSecret};
use super::{UnverifiedCertificate, UnverifiedDeviceList};
use crate::mls::SUITE;

const VERSION: u8 = 1;
const TAG: usize = 32;
const PREFIX: &str = "LACRE:LINK/";
const LETTERS: usize = 32;
/// The longest name of a device, in characters.
pub const DEVICE_NAME: usize = 40;

/// What a new device shows and an old one reads. A secret, for a minute.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct LinkCode([u8; 20]);

/// A text that is no link code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLinkCode {
    /// It is a code for something else.
    #[error("this is a Lacre code, but not one for linking a device")]
    OtherPurpose,
    /// It is none at all, or mistyped.
    #[error("this is not a link code; it has 32 letters and digits, as the new device shows them")]
    Malformed,
}

impl LinkCode {
    /// A new code.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = [0; 20];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// As it stands in a QR code.
    pub fn to_qr(&self) -> String {
        format!("{PREFIX}{}", self.letters())
    }

    /// As it is typed: eight groups of four.
    pub fn to_typed(&self) -> String {
        let letters = self.letters();
        let groups: Vec<&str> = (0..LETTERS).step_by(4).map(|at| &letters[at..at + 4]).collect();
        groups.join("-")
    }

    fn letters(&self) -> String {
        base32::letters(&self.0)
    }

    fn keys(&self) -> Keys {
        let crypto = RustCrypto::default();
        let expand = |info: &str| {
            let prk = crypto.hkdf_extract(HashType::Sha2_256, b"lacre link v1", &self.0);
            let prk = prk.expect("HKDF takes any secret");
            let key = crypto.hkdf_expand(HashType::Sha2_256, prk.as_slice(), info.as_bytes(), 32);
            <[u8; 32]>::try_from(key.expect("32 bytes are few").as_slice()).expect("32 bytes were asked for")
        };
        Keys { name: expand("name"), new: expand("newcomer"), old: expand("old device") }
    }
}

impl FromStr for LinkCode {
    type Err = BadLinkCode;
    fn from_str(text: &str) -> Result<Self, BadLinkCode> {
        let text = text.trim().to_ascii_uppercase();
        let letters = match (text.strip_prefix(PREFIX), text.starts_with("LACRE:")) {
            (Some(letters), _) => letters,
            (None, true) => return Err(BadLinkCode::OtherPurpose),
            (None, false) => &text,
        };
        base32::bytes(letters).map(Self).ok_or(BadLinkCode::Malformed)
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode(..)")
    }
}

/// The number that the old device shows: six digits, used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkNumber(u32);

impl LinkNumber {
    /// A new number.
    pub(crate) fn generate(random: u64) -> Self {
        Self((random % 1_000_000) as u32)
    }

    fn bytes(self) -> [u8; 6] {
        let text = format!("{:06}", self.0);
        text.as_bytes().try_into().expect("it has six digits")
    }
}

impl fmt::Display for LinkNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl FromStr for LinkNumber {
    type Err = BadLinkNumber;
    fn from_str(text: &str) -> Result<Self, BadLinkNumber> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '\n' | '\r')).collect();
        match (digits.len(), digits.bytes().all(|digit| digit.is_ascii_digit())) {
            (6, true) => digits.parse().map(Self).map_err(|_| BadLinkNumber),
            _ => Err(BadLinkNumber),
        }
    }
}

/// A text that is not six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number has six digits")]
pub struct BadLinkNumber;

/// Why a linking came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// What the other device said does not fit the code.
    #[error("what came does not belong to this code; nothing was given to anybody")]
    NotTheirs,
    /// The number that was typed is not the one that was shown.
    #[error("the number that was typed on the new device is not this one; the linking has ended")]
    WrongNumber,
    /// The new device is at another relay.
    #[error("the new device speaks to another relay than this one")]
    OtherRelay,
    /// The code was used, or its minute is over.
    #[error("this link code was used, or its minute is over; make a new one on the new device")]
    Over,
    /// The relay was lost in the middle.
    #[error("the connection was lost while linking; begin again with a new code")]
    Lost,
    /// The relay did not take the new device list.
    #[error("the relay did not take the new device list; begin again with a new code")]
    Refused,
}

struct Keys {
    name: [u8; 32],
    new: [u8; 32],
    old: [u8; 32],
}

/// What a new device offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Offer {
    version: u8,
    device: DeviceId,
    signature_key: SignatureKey,
    hpke_key: Vec<u8>,
    relay: RelayId,
    name: String,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Bundle {
    identity: [u8; 32],
    #[zeroize(skip)]
    account: AccountId,
    #[zeroize(skip)]
    handle: Handle,
    certificate: Vec<u8>,
    list: Vec<u8>,
}

/// A new device, before it has an account.
pub struct Newcomer {
    code: LinkCode,
    keys: Keys,
    device: DeviceId,
    relay: RelayId,
    signature: SignatureSecret,
    hpke: HpkeKeyPair,
    offer: Vec<u8>,
    number: Option<LinkNumber>,
}

/// What a new device has got: everything that it needs to be one of its account.
pub struct Admission {
    pub(crate) account: AccountId,
    pub(crate) handle: Handle,
    pub(crate) device: DeviceId,
    pub(crate) relay: RelayId,
    pub(crate) identity: IdentitySecret,
    pub(crate) signature: SignatureSecret,
    pub(crate) certificate: Certificate,
    pub(crate) list: DeviceList,
}

impl Newcomer {
    /// Makes the keys of a new device; `name` is what the account's other devices will show for it.
    pub fn new(relay: RelayId, name: &str, rng: &mut dyn CryptoRng) -> Self {
        let code = LinkCode::generate(rng);
        let mut bytes = Zeroizing::new([0; 48]);
        rng.fill_bytes(bytes.as_mut());
        let device = DeviceId::try_from(&bytes[..16]).expect("16 bytes");
        let signature = SignatureSecret::generate(rng);
        let hpke = RustCrypto::default().derive_hpke_keypair(SUITE.hpke_config(), &bytes[16..]);
        let hpke = hpke.expect("32 bytes are a seed of an X-Wing key");
        let offer = Offer {
            version: VERSION,
            device,
            signature_key: signature.public(),
            hpke_key: hpke.public.clone(),
            relay,
            name: name.chars().take(DEVICE_NAME).collect(),
        };
        let offer = postcard::to_allocvec(&offer).expect("it serializes into memory");
        let keys = code.keys();
        Self { code, keys, device, relay, signature, hpke, offer, number: None }
    }

    /// The code to be shown.
    pub fn code(&self) -> &LinkCode {
        &self.code
    }

    /// The name under which the two devices meet.
    pub fn link(&self) -> [u8; 32] {
        self.keys.name
    }

    /// Step 1.
    pub fn offer(&self) -> Vec<u8> {
        tagged(&self.keys.new, "offer", &self.offer)
    }

    /// Step 2: the number was typed here.
    pub fn proof(&mut self, number: LinkNumber) -> Vec<u8> {
        self.number = Some(number);
        mac(&self.keys.new, "number", &transcript(&self.offer, number)).to_vec()
    }

    /// Takes step 3.
    pub fn admitted(self, answer: &[u8]) -> Result<Admission, LinkError> {
        let not_theirs = LinkError::NotTheirs;
        let number = self.number.ok_or(not_theirs)?;
        let sealed = untag(&self.keys.old, "bundle", answer).ok_or(not_theirs)?;
        let (kem_output, ciphertext): (Vec<u8>, Vec<u8>) =
            postcard::from_bytes(sealed).map_err(|_| not_theirs)?;
        let input = HpkeCiphertext { kem_output: kem_output.into(), ciphertext: ciphertext.into() };
        let info = transcript(&self.offer, number);
        let opened = RustCrypto::default()
            .hpke_open(SUITE.hpke_config(), &input, &self.hpke.private, &info, b"")
            .map_err(|_| not_theirs)?;
        let opened = Zeroizing::new(opened);
        let bundle: Bundle = postcard::from_bytes(&opened).map_err(|_| not_theirs)?;
        self.check(&bundle).ok_or(not_theirs)
    }

    fn check(self, bundle: &Bundle) -> Option<Admission> {
        let identity = IdentitySecret::from_bytes(&bundle.identity);
        let key = identity.public();
        let certificate = UnverifiedCertificate::from_credential(&bundle.certificate).ok()?;
        let certificate = certificate.verify(bundle.account, &key).ok()?;
        let signed = prost::Message::decode(bundle.list.as_slice()).ok()?;
        let list = UnverifiedDeviceList::from_wire(signed).ok()?.verify(bundle.account, &key).ok()?;
        let mine = self.signature.public();
        let admitted = list.admit(certificate.clone(), mine.as_bytes()).ok()?;
        if admitted.certificate().device() != self.device || certificate.handle() != &bundle.handle {
            return None;
        }
        Some(Admission {
            account: bundle.account,
            handle: bundle.handle.clone(),
            device: self.device,
            relay: self.relay,
            identity,
            signature: self.signature,
            certificate,
            list,
        })
    }
}

impl fmt::Debug for Newcomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Newcomer(..)")
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission(..)")
    }
}

/// The old device's side.
#[derive(Clone)]
pub(crate) struct Host {
    code: LinkCode,
    pub(crate) link: [u8; 32],
    pub(crate) number: LinkNumber,
    guest: Option<(Offer, Vec<u8>)>,
}

impl Host {
    pub(crate) fn new(code: LinkCode, number: LinkNumber) -> Self {
        let link = code.keys().name;
        Self { code, link, number, guest: None }
    }

    /// Takes step 1; gives the new device, its signature key and its name.
    pub(crate) fn offered(
        &mut self,
        bytes: &[u8],
        relay: RelayId,
    ) -> Result<(DeviceId, SignatureKey, String), LinkError> {
        let body = untag(&self.code.keys().new, "offer", bytes).ok_or(LinkError::NotTheirs)?;
        let offer: Offer = postcard::from_bytes(body).map_err(|_| LinkError::NotTheirs)?;
        let key =
            SignatureKey::from_wire(offer.signature_key.as_bytes()).map_err(|_| LinkError::NotTheirs)?;
        if offer.version != VERSION || offer.name.chars().count() > DEVICE_NAME {
            return Err(LinkError::NotTheirs);
        }
        if offer.relay != relay {
            return Err(LinkError::OtherRelay);
        }
        let found = (offer.device, key, offer.name.clone());
        self.guest = Some((offer, body.to_vec()));
        Ok(found)
    }

    /// Takes step 2: whether the number was typed there.
    pub(crate) fn proved(&self, proof: &[u8]) -> Result<(), LinkError> {
        let (_, offer) = self.guest.as_ref().ok_or(LinkError::NotTheirs)?;
        let expected = mac(&self.code.keys().new, "number", &transcript(offer, self.number));
        if bool::from(expected.ct_eq(proof)) { Ok(()) } else { Err(LinkError::WrongNumber) }
    }

    /// Step 3.
    pub(crate) fn bundle(
        &self,
        identity: &IdentitySecret,
        certificate: &Certificate,
        list: &DeviceList,
    ) -> Result<Vec<u8>, LinkError> {
        let (guest, offer) = self.guest.as_ref().ok_or(LinkError::NotTheirs)?;
        let bundle = Bundle {
            identity: *identity.to_bytes(),
            account: certificate.account(),
            handle: certificate.handle().clone(),
            certificate: certificate.to_credential(),
            list: prost::Message::encode_to_vec(&list.to_wire()),
        };
        let plain = Zeroizing::new(postcard::to_allocvec(&bundle).expect("it serializes into memory"));
        let info = transcript(offer, self.number);
        let sealed = RustCrypto::default()
            .hpke_seal(SUITE.hpke_config(), &guest.hpke_key, &info, b"", &plain)
            .map_err(|_| LinkError::NotTheirs)?;
        let sealed = (sealed.kem_output.as_slice(), sealed.ciphertext.as_slice());
        let sealed = postcard::to_allocvec(&sealed).expect("it serializes into memory");
        Ok(tagged(&self.code.keys().old, "bundle", &sealed))
    }
}

/// What both have seen when the number is typed.
fn transcript(offer: &[u8], number: LinkNumber) -> Vec<u8> {
    [b"lacre link v1".as_slice(), &Sha256::digest(offer), &number.bytes()].concat()
}

fn mac(key: &[u8; 32], what: &str, body: &[u8]) -> [u8; TAG] {
    let message = [what.as_bytes(), &[0], body].concat();
    let tag = RustCrypto::default().hmac(HashType::Sha2_256, key, &message).expect("HMAC takes any message");
    tag.as_slice().try_into().expect("SHA-256 has 32 bytes")
}

fn tagged(key: &[u8; 32], what: &str, body: &[u8]) -> Vec<u8> {
    [mac(key, what, body).as_slice(), body].concat()
}

fn untag<'a>(key: &[u8; 32], what: &str, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (tag, body) = bytes.split_first_chunk::<TAG>()?;
    bool::from(mac(key, what, body).ct_eq(tag)).then_some(body)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use lacre_proto::Millis;

    use super::super::DeviceEntry;
    use super::*;

    const RELAY: RelayId = RelayId([1; 16]);

    fn rng(seed: u64) -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(seed)
    }

    /// Ana's laptop lets in what was offered, and gives what it seals.
    fn let_in(host: &Host, device: DeviceId, key: SignatureKey, handle: &str, now: Millis) -> Vec<u8> {
        let (identity, account) = (IdentitySecret::generate(&mut rng(9)), AccountId([7; 16]));
        let entry =
            DeviceEntry { device, signature_key: key, added: now, quarantine_until: 0, added_by: None };
        let list = DeviceList::first(&identity, account, entry);
        let certificate = Certificate::issue(&identity, account, device, handle.parse().unwrap(), key, now);
        host.bundle(&identity, &certificate, &list).unwrap()
    }

    #[test]
    fn anas_new_phone_gets_her_identity_from_her_laptop() {
        let mut phone = Newcomer::new(RELAY, "phone", &mut rng(1));
        let typed: LinkCode = phone.code().to_typed().to_lowercase().replace('0', "o").parse().unwrap();
        assert_eq!(&typed, phone.code(), "as people type");
        let mut laptop = Host::new(typed, LinkNumber(42));
        assert_eq!(laptop.link, phone.link());
        let (device, key, name) = laptop.offered(&phone.offer(), RELAY).unwrap();
        assert_eq!(name, "phone");
        let proof = phone.proof("000 042".parse().unwrap());
        assert_eq!(laptop.proved(&proof), Ok(()));
        let admission = phone.admitted(&let_in(&laptop, device, key, "ana", 5)).unwrap();
        assert_eq!((admission.account, admission.handle.as_str()), (AccountId([7; 16]), "ana"));
        assert_eq!(admission.device, device);
    }

    #[test]
    fn a_wrong_number_or_anything_altered_ends_the_linking() {
        let mut phone = Newcomer::new(RELAY, "phone", &mut rng(1));
        let mut laptop = Host::new(phone.code().clone(), LinkNumber(42));
        let offer = phone.offer();
        for at in 0..offer.len() {
            let mut altered = offer.clone();
            altered[at] ^= 1;
            assert_eq!(laptop.offered(&altered, RELAY).err(), Some(LinkError::NotTheirs), "byte {at}");
        }
        assert_eq!(laptop.offered(&offer, RelayId([2; 16])).err(), Some(LinkError::OtherRelay));
        let (device, key, _) = laptop.offered(&offer, RELAY).unwrap();
        assert_eq!(laptop.proved(&phone.proof(LinkNumber(43))), Err(LinkError::WrongNumber));
        assert_eq!(laptop.proved(&phone.proof(LinkNumber(42))), Ok(()));
        let mut answer = let_in(&laptop, device, key, "ana", 5);
        *answer.last_mut().unwrap() ^= 1;
        assert_eq!(phone.admitted(&answer).err(), Some(LinkError::NotTheirs));
    }

    #[test]
    fn an_answer_for_another_number_or_another_phone_does_not_open() {
        let answer = |number| {
            let phone = Newcomer::new(RELAY, "phone", &mut rng(1));
            let mut laptop = Host::new(phone.code().clone(), LinkNumber(number));
            let (device, key, _) = laptop.offered(&phone.offer(), RELAY).unwrap();
            (phone, let_in(&laptop, device, key, "ana", 5))
        };
        let (mut phone, other) = (answer(1).0, answer(2).1);
        phone.proof(LinkNumber(1));
        assert_eq!(phone.admitted(&other).err(), Some(LinkError::NotTheirs));
        let mut stranger = Newcomer::new(RELAY, "phone", &mut rng(3));
        stranger.proof(LinkNumber(1));
        assert_eq!(stranger.admitted(&answer(1).1).err(), Some(LinkError::NotTheirs));
    }

    #[test]
    fn d04_a_code_for_something_else_links_nothing() {
        assert_eq!("LACRE:SAFETY/1/123".parse::<LinkCode>(), Err(BadLinkCode::OtherPurpose));
        assert_eq!("lacre:group/abc".parse::<LinkCode>(), Err(BadLinkCode::OtherPurpose));
        for bad in ["", "ABCD", "U".repeat(32).as_str(), "0".repeat(33).as_str(), "https://example.org"] {
            assert_eq!(bad.parse::<LinkCode>(), Err(BadLinkCode::Malformed), "{bad}");
        }
        assert!("12345".parse::<LinkNumber>().is_err() && "12345a".parse::<LinkNumber>().is_err());
    }
}
