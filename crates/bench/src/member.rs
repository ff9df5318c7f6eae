//! Somebody with an account at the relay: keys, sign-up, login, and conversations.
//!
//! A member has no engine. Where a workload wants conversations that are sealed in truth, [`crate::person`] makes
//! them; where it wants many people, the conversation here is framed by hand: the relay sees MLS framing, sizes
//! and capabilities as ever, and nobody could open it.

use std::io;

use bytes::Bytes;
use lacre_engine::identity::{
    Certificate, DeviceEntry, DeviceList, IdentitySecret, SignatureSecret, login, sign_up,
};
use lacre_proto::wire::request::Op;
use lacre_proto::wire::{self, Hello, response};
use lacre_proto::{AccountId, ConversationId, DeviceId, Handle, Millis, RelayId, limits};
use rand::rngs::StdRng;
use rand::{Rng, RngCore};
use sha2::{Digest, Sha256};

use crate::cli::Failed;
use crate::socket::{In, Socket, Target};

/// Content types of a `PrivateMessage` (RFC 9420 §6).
const APPLICATION: u8 = 1;
const COMMIT: u8 = 3;

/// An account with one device.
pub struct Member {
    certificate: Certificate,
    list: DeviceList,
    secret: SignatureSecret,
}

impl Member {
    /// A new one; nobody knows of it yet.
    pub fn new(handle: &str, now: Millis, rng: &mut StdRng) -> Result<Self, Failed> {
        let handle: Handle = handle.parse()?;
        let (account, device) = (AccountId(rng.random()), DeviceId(rng.random()));
        let identity = IdentitySecret::generate(rng);
        let secret = SignatureSecret::generate(rng);
        let signature_key = secret.public();
        let certificate = Certificate::issue(&identity, account, device, handle, signature_key, now);
        let entry = DeviceEntry { device, signature_key, added: now, quarantine_until: 0, added_by: None };
        Ok(Self { certificate, list: DeviceList::first(&identity, account, entry), secret })
    }

    /// Makes the account, on a socket that is then logged in.
    pub async fn sign_up(&self, target: &Target) -> Result<Socket, Failed> {
        let mut socket = Socket::open(target).await?;
        let (relay, nonce) = greeting(&socket.hello)?;
        let op = sign_up(&self.certificate, &self.list, &self.secret, relay, &nonce, "");
        admitted(&mut socket, Op::SignUp(op)).await?;
        Ok(socket)
    }

    /// Logs in on a new socket.
    pub async fn login(&self, target: &Target) -> Result<Socket, Failed> {
        let mut socket = Socket::open(target).await?;
        let (relay, nonce) = greeting(&socket.hello)?;
        admitted(&mut socket, Op::Login(login(self.certificate.device(), &self.secret, relay, &nonce)))
            .await?;
        Ok(socket)
    }
}

/// Asks to be let in, and wants a yes.
pub async fn admitted(socket: &mut Socket, op: Op) -> Result<wire::LoggedIn, Failed> {
    match socket.ask(op).await? {
        response::Result::LoggedIn(logged_in) => Ok(logged_in),
        other => Err(refused("a login", &other).into()),
    }
}

/// Relay and nonce of a greeting, in their types.
pub fn greeting(hello: &Hello) -> Result<(RelayId, [u8; 32]), Failed> {
    let nonce = hello.nonce.as_ref().try_into().map_err(|_| "the relay's nonce is not of 32 bytes")?;
    Ok((RelayId::try_from(&hello.relay)?, nonce))
}

/// A sentence for an answer that was not hoped for.
pub fn refused(what: &str, result: &response::Result) -> String {
    match result {
        response::Result::Error(error) => format!("{what} was refused with code {}", error.code),
        _ => format!("{what} got an answer of another kind"),
    }
}

/// What it takes to send into a conversation, and messages to send.
pub struct Stock {
    /// The conversation.
    pub conversation: Bytes,
    /// Its epoch.
    pub epoch: u64,
    /// What authorises to send in that epoch.
    pub capability: Bytes,
    /// Sealed messages, to be sent in turn.
    pub messages: Vec<Bytes>,
}

impl Stock {
    /// The send of a message, by its number.
    pub fn send(&self, number: usize, dedupe: u64) -> Op {
        Op::Send(wire::Send {
            conversation: self.conversation.clone(),
            epoch: self.epoch,
            capability: self.capability.clone(),
            message: self.messages[number % self.messages.len()].clone(),
            dedupe,
            passing: false,
        })
    }

    /// A commit of a size, framed by hand, that ends the epoch.
    pub fn commit(&self, size: usize, rng: &mut StdRng) -> Result<Op, Failed> {
        let id = ConversationId::try_from(&self.conversation)?;
        Ok(Op::Commit(wire::Commit {
            conversation: self.conversation.clone(),
            epoch: self.epoch,
            capability: self.capability.clone(),
            commit: framed_message(id, self.epoch, COMMIT, size, rng),
            capability_hash: random(32, rng).into(),
            dedupe: rng.random(),
            ..wire::Commit::default()
        }))
    }
}

/// Opens a conversation of the first member with the others, framed by hand: those who do not fit into the opening
/// are added by commits. The sockets are logged in; what the opening puts into their mailboxes is acknowledged.
pub async fn framed(
    target: &Target,
    sockets: &mut [Socket],
    sealed_bytes: usize,
    rng: &mut StdRng,
) -> Result<Stock, Failed> {
    let id = ConversationId(rng.random());
    let mut additions = Vec::new();
    for (number, socket) in sockets.iter_mut().enumerate() {
        let ticket = match socket.ask(Op::MintTicket(wire::MintTicket {})).await? {
            response::Result::Ticket(ticket) => ticket.ticket,
            other => return Err(refused("a ticket", &other).into()),
        };
        let welcome = if number == 0 { Bytes::new() } else { framed_welcome(rng) };
        additions.push(wire::Addition { ticket, welcome });
    }
    let mut anonymous = Socket::open(target).await?;
    let (mut epoch, mut capability) = (0, [0; 32]);
    for additions in additions.chunks(limits::ADDITIONS) {
        let next: [u8; 32] = rng.random();
        let op = match epoch {
            0 => opening(id, additions.to_vec(), &next, rng),
            _ => adding(id, epoch, additions.to_vec(), [&capability, &next], rng),
        };
        match anonymous.ask(op).await? {
            response::Result::Accepted(_) => (epoch, capability) = (epoch + 1, next),
            other => return Err(refused("a conversation", &other).into()),
        }
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        let turn = number / limits::ADDITIONS;
        let welcomed = additions.iter().skip(turn * limits::ADDITIONS).take(limits::ADDITIONS);
        let welcomed = welcomed.filter(|addition| !addition.welcome.is_empty()).count();
        // Who is welcomed with others has the group info in an item of its own.
        let own = if number > 0 && welcomed > 1 { 2 } else { 1 };
        let commits = epoch as usize - 1 - turn;
        take(socket, own + commits).await?;
    }
    Ok(Stock {
        conversation: id.to_wire(),
        epoch,
        capability: Bytes::copy_from_slice(&capability),
        messages: vec![framed_message(id, epoch, APPLICATION, sealed_bytes, rng)],
    })
}

/// The request that opens a conversation.
fn opening(
    id: ConversationId,
    additions: Vec<wire::Addition>,
    capability: &[u8; 32],
    rng: &mut StdRng,
) -> Op {
    let group_info = if additions.len() > 1 { random(400, rng).into() } else { Bytes::new() };
    Op::CreateConversation(wire::CreateConversation {
        conversation: id.to_wire(),
        additions,
        capability_hash: Sha256::digest(capability).to_vec().into(),
        dedupe: rng.random(),
        group_info,
    })
}

/// A commit that adds; the capabilities are of the epoch that it ends and of the one that it opens.
fn adding(
    id: ConversationId,
    epoch: u64,
    additions: Vec<wire::Addition>,
    [ends, opens]: [&[u8; 32]; 2],
    rng: &mut StdRng,
) -> Op {
    Op::Commit(wire::Commit {
        conversation: id.to_wire(),
        epoch,
        capability: Bytes::copy_from_slice(ends),
        commit: framed_message(id, epoch, COMMIT, 3000, rng),
        capability_hash: Sha256::digest(opens).to_vec().into(),
        additions,
        removals: Vec::new(),
        dedupe: rng.random(),
        group_info: random(400, rng).into(),
    })
}

/// Waits for so many entries and acknowledges them.
pub async fn take(socket: &mut Socket, mut entries: usize) -> io::Result<()> {
    while entries > 0 {
        match socket.next()? {
            Some(In::Push(push)) => {
                entries = entries.saturating_sub(push.entries.len());
                socket.queue_ack(push.entries.last().map_or(0, |entry| entry.position));
                socket.flush().await?;
            }
            Some(_) => {}
            None => socket.fill().await?,
        }
    }
    Ok(())
}

/// A `PrivateMessage` of the wanted size (RFC 9420 §6.3) around random bytes.
fn framed_message(
    conversation: ConversationId,
    epoch: u64,
    content: u8,
    size: usize,
    rng: &mut StdRng,
) -> Bytes {
    const MLS_10_PRIVATE_MESSAGE: [u8; 4] = [0, 1, 0, 2];
    let mut bytes = MLS_10_PRIVATE_MESSAGE.to_vec();
    vector(&mut bytes, conversation.as_ref());
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.push(content);
    vector(&mut bytes, &[]);
    vector(&mut bytes, &random(28, rng));
    let rest = size.saturating_sub(bytes.len() + 2).max(64);
    vector(&mut bytes, &random(rest, rng));
    bytes.into()
}

/// A Welcome for one (RFC 9420 §12.4.3.1) of which only the framing is one.
fn framed_welcome(rng: &mut StdRng) -> Bytes {
    const MLS_10_WELCOME_X_WING: [u8; 6] = [0, 1, 0, 3, 0, 0x4f];
    let mut secrets = Vec::new();
    [32, 1120, 52].into_iter().for_each(|length| vector(&mut secrets, &random(length, rng)));
    let mut bytes = MLS_10_WELCOME_X_WING.to_vec();
    vector(&mut bytes, &secrets);
    vector(&mut bytes, &[]);
    bytes.into()
}

fn vector(out: &mut Vec<u8>, body: &[u8]) {
    match body.len() {
        0..64 => out.push(body.len() as u8),
        64..16_384 => out.extend_from_slice(&(0x4000 | body.len() as u16).to_be_bytes()),
        length => out.extend_from_slice(&(0x8000_0000 | length as u32).to_be_bytes()),
    }
    out.extend_from_slice(body);
}

fn random(length: usize, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use lacre_proto::mls_framing;
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn what_is_framed_by_hand_passes_for_mls_outside() {
        let rng = &mut StdRng::seed_from_u64(1);
        let conversation = ConversationId([3; 16]);
        let message = framed_message(conversation, 7, APPLICATION, 420, rng);
        assert_eq!(message.len(), 420);
        let seen = mls_framing::private_message(&message).unwrap();
        assert_eq!((seen.conversation, seen.epoch), (conversation, 7));
        assert!(mls_framing::welcome(&framed_welcome(rng)).is_ok());
    }
}
