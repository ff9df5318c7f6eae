//! People, their keys and their sessions at a relay without sockets, whose every future is ready at once.

use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use futures_util::FutureExt;
use lacre_proto::frame::{self, FromRelay};
use lacre_proto::wire::{self, ClientFrame, Entry, Request, client_frame, greeting, item, request, response};
use lacre_proto::wire::{ServerFrame, server_frame};
use lacre_proto::{AccountId, ConversationId, DeviceId, ErrorCode, Millis, RelayId, label};
use lacre_relay::limits::RateLimits;
use lacre_relay::services::{Services, Settings};
use lacre_relay::session::{Answer, Outgoing, Session};
use lacre_store::data::Data;
use lacre_store::memory::MemoryData;
use prost::Message;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// Sunday, 22 November 2026.
pub const NOW: Millis = 1_795_000_000_000;

/// What a request was answered.
pub type Answered = Result<response::Result, ErrorCode>;

/// A person with one device.
#[derive(Clone)]
pub struct Person {
    pub handle: String,
    pub account: AccountId,
    pub device: DeviceId,
    pub identity: SigningKey,
    pub signing: SigningKey,
}

impl Person {
    /// The same name is always the same person.
    pub fn new(handle: &str) -> Self {
        let seed = |what: &str| -> [u8; 32] { Sha256::digest(format!("{what} of {handle}")).into() };
        let id = |what: &str| seed(what)[..16].try_into().unwrap();
        Self {
            handle: handle.to_owned(),
            account: AccountId(id("account")),
            device: DeviceId(id("device")),
            identity: SigningKey::from_bytes(&seed("identity")),
            signing: SigningKey::from_bytes(&seed("signature key")),
        }
    }

    pub fn sign(&self, label: &[u8], body: &impl Message) -> wire::Signed {
        let body = Bytes::from(body.encode_to_vec());
        let signature = self.identity.sign(&label::labelled(label, &body));
        wire::Signed { body, signature: Bytes::copy_from_slice(&signature.to_bytes()) }
    }

    pub fn device_list(&self) -> wire::DeviceList {
        let entry = wire::DeviceEntry {
            device: self.device.to_wire(),
            signature_key: public(&self.signing),
            added_ms: NOW,
            quarantine_until_ms: 0,
            added_by: Bytes::new(),
        };
        wire::DeviceList {
            account: self.account.to_wire(),
            version: 1,
            previous: Bytes::new(),
            devices: vec![entry],
        }
    }

    pub fn certificate(&self) -> wire::DeviceCertificate {
        wire::DeviceCertificate {
            account: self.account.to_wire(),
            device: self.device.to_wire(),
            handle: self.handle.clone(),
            signature_key: public(&self.signing),
            issued_ms: NOW,
            identity_key: public(&self.identity),
        }
    }

    pub fn sign_up(&self, relay: RelayId, nonce: &[u8; 32]) -> wire::SignUp {
        let hash = Sha256::digest(self.handle.as_bytes()).into();
        let proof = self.signing.sign(&label::sign_up(relay, nonce, self.account, self.device, &hash));
        wire::SignUp {
            handle: self.handle.clone(),
            account: self.account.to_wire(),
            identity_key: public(&self.identity),
            device_list: Some(self.sign(label::DEVICE_LIST, &self.device_list())),
            device: self.device.to_wire(),
            certificate: Some(self.sign(label::DEVICE_CERTIFICATE, &self.certificate())),
            signature: Bytes::copy_from_slice(&proof.to_bytes()),
            invite: String::new(),
        }
    }

    pub fn login(&self, relay: RelayId, nonce: &[u8; 32]) -> wire::Login {
        let proof = self.signing.sign(&label::login(relay, nonce, self.device));
        wire::Login { device: self.device.to_wire(), signature: Bytes::copy_from_slice(&proof.to_bytes()) }
    }
}

pub fn public(key: &SigningKey) -> Bytes {
    Bytes::copy_from_slice(key.verifying_key().as_bytes())
}

/// A relay in this thread.
pub struct World<D: Data = MemoryData> {
    pub services: Services<D>,
    pub now: Millis,
}

impl World {
    pub fn new() -> Self {
        Self::with(Settings { rates: RateLimits::lifted(), ..Settings::default() })
    }

    pub fn with(settings: Settings) -> Self {
        Self::over(MemoryData::new(), settings)
    }
}

impl<D: Data> World<D> {
    pub fn over(data: D, settings: Settings) -> Self {
        let rng = Box::new(ChaCha20Rng::seed_from_u64(7));
        let services = Services::open(data, settings, rng, NOW);
        Self { services: services.now_or_never().unwrap().unwrap(), now: NOW }
    }

    /// A new socket, greeted.
    pub fn connect(&self) -> Socket<D> {
        let (session, greeting) = Session::greet(self.services.clone(), None, self.now);
        let Ok(FromRelay::Greeting(wire::Greeting { body: Some(greeting::Body::Hello(hello)) })) =
            frame::decode_relay(&greeting)
        else {
            panic!("the first frame is the greeting");
        };
        Socket {
            session,
            relay: RelayId::try_from(&hello.relay).unwrap(),
            nonce: hello.nonce.as_ref().try_into().unwrap(),
            requests: 0,
            now: self.now,
        }
    }

    /// A person who just signed up, and is logged in.
    pub fn sign_up(&self, handle: &str) -> (Person, Socket<D>) {
        let person = Person::new(handle);
        let mut socket = self.connect();
        let op = person.sign_up(socket.relay, &socket.nonce);
        assert!(matches!(socket.ask(request::Op::SignUp(op)), Ok(response::Result::LoggedIn(_))));
        (person, socket)
    }

    pub fn login(&self, person: &Person) -> Socket<D> {
        let mut socket = self.connect();
        let op = person.login(socket.relay, &socket.nonce);
        assert!(matches!(socket.ask(request::Op::Login(op)), Ok(response::Result::LoggedIn(_))));
        socket
    }
}

/// One socket of a device.
pub struct Socket<D: Data> {
    pub session: Session<D>,
    pub relay: RelayId,
    pub nonce: [u8; 32],
    pub requests: u64,
    pub now: Millis,
}

impl<D: Data> Socket<D> {
    /// Asks, and waits for the answer.
    pub fn ask(&mut self, op: request::Op) -> Answered {
        self.ask_whole(op).map_err(|error| ErrorCode::from_number(error.code))
    }

    pub fn ask_whole(&mut self, op: request::Op) -> Result<response::Result, wire::Error> {
        let answer = self.begin(op);
        match self.frame(answer).unwrap() {
            server_frame::Body::Response(wire::Response { id, result }) => {
                assert_eq!(id, self.requests);
                match result.unwrap() {
                    response::Result::Error(error) => Err(error),
                    result => Ok(result),
                }
            }
            other => panic!("not an answer: {other:?}"),
        }
    }

    /// Hands a request over, and leaves its answer for later.
    pub fn begin(&mut self, op: request::Op) -> Answer {
        self.requests += 1;
        let request = Request { id: self.requests, op: Some(op) };
        self.raw(client_frame::Body::Request(request))
    }

    pub fn raw(&mut self, body: client_frame::Body) -> Answer {
        let bytes = frame::encode_client(1, &ClientFrame { body: Some(body) });
        self.session.handle(bytes, self.now).now_or_never().expect("memory is ready at once")
    }

    pub fn frame(&self, answer: Answer) -> Option<server_frame::Body> {
        match answer.now_or_never().expect("memory is ready at once") {
            Outgoing::Frame(bytes) => Some(body(&bytes)),
            Outgoing::Nothing => None,
            Outgoing::Last(bytes) => panic!("a farewell: {:?}", frame::decode_relay(&bytes)),
        }
    }

    pub fn ack(&mut self, position: u64) {
        let answer = self.raw(client_frame::Body::Ack(wire::Ack { position }));
        assert_eq!(self.frame(answer), None);
    }

    /// Everything that is pushed just now, and whether the end of what lay there was told.
    pub fn pushes(&mut self) -> (Vec<Entry>, bool) {
        let (mut entries, mut caught_up) = (Vec::new(), false);
        while let Some(outgoing) = self.session.next_push().now_or_never() {
            let Outgoing::Frame(bytes) = outgoing else { panic!("a farewell") };
            match body(&bytes) {
                server_frame::Body::Push(push) => entries.extend(push.entries),
                server_frame::Body::CaughtUp(_) => caught_up = true,
                other => panic!("not a push: {other:?}"),
            }
        }
        (entries, caught_up)
    }

    /// What was said in passing and comes just now.
    pub fn passing(&mut self) -> Vec<item::Kind> {
        let mut items = Vec::new();
        while let Some(Outgoing::Frame(bytes)) = self.session.next_push().now_or_never() {
            let server_frame::Body::Passing(passing) = body(&bytes) else { panic!("something that stays") };
            let kind = |item: &Bytes| frame::decode_item(item).unwrap().kind.unwrap();
            items.extend(passing.items.iter().map(kind));
        }
        items
    }

    /// What is pushed just now, as items.
    pub fn items(&mut self) -> Vec<item::Kind> {
        self.pushes().0.iter().map(|entry| frame::decode_item(&entry.item).unwrap().kind.unwrap()).collect()
    }

    pub fn ticket(&mut self) -> Bytes {
        match self.ask(request::Op::MintTicket(wire::MintTicket {})) {
            Ok(response::Result::Ticket(ticket)) => ticket.ticket,
            other => panic!("{other:?}"),
        }
    }
}

fn body(bytes: &Bytes) -> server_frame::Body {
    match frame::decode_relay(bytes) {
        Ok(FromRelay::Frame(ServerFrame { body: Some(body) })) => body,
        other => panic!("not a frame: {other:?}"),
    }
}

/// The farewell in a last frame.
pub fn farewell(outgoing: Outgoing) -> ErrorCode {
    let Outgoing::Last(bytes) = outgoing else { panic!("not the last frame: {outgoing:?}") };
    match frame::decode_relay(&bytes) {
        Ok(FromRelay::Greeting(wire::Greeting { body: Some(greeting::Body::Bye(bye)) })) => {
            ErrorCode::from_number(bye.code)
        }
        other => panic!("not a farewell: {other:?}"),
    }
}

/// The outside of a private message around given bytes (RFC 9420 §6.3); nothing in it can be opened.
pub fn private_message(conversation: ConversationId, epoch: u64, content: u8, inside: &[u8]) -> Bytes {
    let mut bytes = vec![0, 1, 0, 2, 16];
    bytes.extend_from_slice(&conversation.0);
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.extend_from_slice(&[content, 0, 28]);
    bytes.extend_from_slice(&[0xbb; 28]);
    vector(&mut bytes, inside);
    bytes.into()
}

pub const APPLICATION: u8 = 1;
pub const PROPOSAL: u8 = 2;
pub const COMMIT: u8 = 3;

/// The outside of a Welcome for one device.
pub fn welcome(of: &str) -> Bytes {
    let mut secrets = Vec::new();
    vector(&mut secrets, of.as_bytes());
    vector(&mut secrets, &[0xda; 32]);
    vector(&mut secrets, &[0xdb; 48]);
    let mut bytes = vec![0, 1, 0, 3, 0, 0x4f];
    vector(&mut bytes, &secrets);
    vector(&mut bytes, &[]);
    bytes.into()
}

/// What may be the encrypted group info of Welcomes.
pub fn group_info() -> Bytes {
    vec![0xdd; 64].into()
}

/// It, when somebody is welcomed.
fn group_info_for(additions: &[wire::Addition]) -> Bytes {
    let welcomed = additions.iter().any(|addition| !addition.welcome.is_empty());
    if welcomed { group_info() } else { Bytes::new() }
}

/// The outside of a key package.
pub fn key_package(of: &str) -> Bytes {
    let mut bytes = vec![0, 1, 0, 5, 0, 1, 0, 0x4f];
    vector(&mut bytes, &[0xee; 32]);
    vector(&mut bytes, &[0xef; 32]);
    bytes.extend_from_slice(of.as_bytes());
    bytes.into()
}

fn vector(bytes: &mut Vec<u8>, content: &[u8]) {
    match content.len() {
        0..64 => bytes.push(content.len() as u8),
        64..16384 => bytes.extend_from_slice(&(content.len() as u16 | 0x4000).to_be_bytes()),
        _ => bytes.extend_from_slice(&(content.len() as u32 | 0x8000_0000).to_be_bytes()),
    }
    bytes.extend_from_slice(content);
}

/// The send capability of an epoch of a conversation, as its members would have it.
pub fn capability(conversation: ConversationId, epoch: u64) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest([&conversation.0[..], &epoch.to_be_bytes()].concat()))
}

pub fn hash(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(bytes))
}

pub fn create(
    conversation: ConversationId,
    additions: Vec<wire::Addition>,
    dedupe: u64,
) -> wire::CreateConversation {
    wire::CreateConversation {
        conversation: conversation.to_wire(),
        group_info: group_info_for(&additions),
        additions,
        capability_hash: hash(&capability(conversation, 1)),
        dedupe,
    }
}

pub fn send(conversation: ConversationId, epoch: u64, text: &str, dedupe: u64) -> wire::Send {
    let inside = format!("{text:-<16}");
    wire::Send {
        conversation: conversation.to_wire(),
        epoch,
        capability: capability(conversation, epoch),
        message: private_message(conversation, epoch, APPLICATION, inside.as_bytes()),
        dedupe,
        passing: false,
    }
}

pub fn commit(conversation: ConversationId, epoch: u64, dedupe: u64) -> wire::Commit {
    wire::Commit {
        conversation: conversation.to_wire(),
        epoch,
        capability: capability(conversation, epoch),
        commit: private_message(conversation, epoch, COMMIT, &[0xcc; 200]),
        capability_hash: hash(&capability(conversation, epoch + 1)),
        additions: Vec::new(),
        removals: Vec::new(),
        dedupe,
        group_info: Bytes::new(),
    }
}

/// A commit that adds.
pub fn commit_adding(
    conversation: ConversationId,
    epoch: u64,
    additions: Vec<wire::Addition>,
    dedupe: u64,
) -> wire::Commit {
    wire::Commit { group_info: group_info_for(&additions), additions, ..commit(conversation, epoch, dedupe) }
}

pub fn addition(ticket: Bytes, welcome: Bytes) -> wire::Addition {
    wire::Addition { ticket, welcome }
}

/// The sequence number that something got.
pub fn accepted(answered: Answered) -> u64 {
    match answered {
        Ok(response::Result::Accepted(accepted)) => accepted.sequence,
        other => panic!("not accepted: {other:?}"),
    }
}
