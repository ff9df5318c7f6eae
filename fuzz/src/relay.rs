//! Frames into two sessions of one relay, one logged in and one anonymous.

use bytes::Bytes;
use lacre_engine::identity::{
    Certificate, DeviceEntry, DeviceList, IdentitySecret, SignatureSecret, sign_up,
};
use lacre_proto::wire::{self, client_frame, request, response};
use lacre_proto::{AccountId, DeviceId, RelayId};
use lacre_relay::services::Services;
use lacre_store::memory::MemoryData;
use prost::Message;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sha2::{Digest, Sha256};

use crate::world::{Socket, now, relay};

/// Pieces of a length of two bytes each: the first byte says which socket, the rest is the frame's body. Ana is
/// logged in, and a ticket of hers is minted; the same bytes always meet the same relay.
pub fn relay_session(bytes: &[u8]) {
    let relay = relay();
    let (mut ana, _) = signed_up(&relay);
    let mut anonymous = Socket::open(&relay);
    let mut rest = bytes;
    while let Some((head, after)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([head[0], head[1]])).min(after.len());
        let (body, after) = after.split_at(length);
        rest = after;
        let frame = Bytes::from([&[1], body].concat());
        let socket = if head[2] % 2 == 0 { &mut ana } else { &mut anonymous };
        socket.send(frame);
        ana.pushed();
    }
}

/// A session in which Ana opens a conversation with herself, writes, reads, and leaves.
pub fn seeds() -> Vec<Vec<u8>> {
    let relay = relay();
    let (_, ticket) = signed_up(&relay);
    let conversation = Bytes::from(vec![3; 16]);
    let capability = Bytes::from(vec![6; 32]);
    let create = wire::CreateConversation {
        conversation: conversation.clone(),
        additions: vec![wire::Addition { ticket, welcome: Bytes::new() }],
        capability_hash: Sha256::digest(&capability).to_vec().into(),
        dedupe: 1,
        ..Default::default()
    };
    let send = wire::Send {
        conversation: conversation.clone(),
        epoch: 1,
        capability: capability.clone(),
        message: private_message(1),
        dedupe: 2,
        ..Default::default()
    };
    let commit = wire::Commit {
        conversation: conversation.clone(),
        epoch: 1,
        capability: capability.clone(),
        commit: private_message(3),
        capability_hash: vec![8; 32].into(),
        dedupe: 3,
        ..Default::default()
    };
    let ops = [
        (1, request::Op::CreateConversation(create)),
        (1, request::Op::Send(send.clone())),
        (1, request::Op::Send(send)),
        (1, request::Op::ReadRoster(wire::ReadRoster { conversation: conversation.clone(), capability })),
        (1, request::Op::Commit(commit)),
        (0, request::Op::MintTicket(wire::MintTicket {})),
        (
            0,
            request::Op::ClaimKeyPackages(wire::ClaimKeyPackages {
                account: vec![1; 16].into(),
                ..Default::default()
            }),
        ),
        (0, request::Op::LeaveConversation(wire::LeaveConversation { conversation })),
    ];
    let pieces: Vec<Vec<u8>> = ops.into_iter().map(|(socket, op)| piece(socket, op)).collect();
    let whole = pieces.concat();
    pieces.into_iter().chain([whole]).collect()
}

fn piece(socket: u8, op: request::Op) -> Vec<u8> {
    let body = client_frame::Body::Request(wire::Request { id: 7, op: Some(op) });
    let body = wire::ClientFrame { body: Some(body) }.encode_to_vec();
    [&(body.len() as u16).to_be_bytes()[..], &[socket], &body].concat()
}

fn signed_up(relay: &Services<MemoryData>) -> (Socket, Bytes) {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let (identity, secret) = (IdentitySecret::generate(rng), SignatureSecret::generate(rng));
    let (account, device) = (AccountId([1; 16]), DeviceId([2; 16]));
    let signature_key = secret.public();
    let handle = "ana".parse().expect("a handle");
    let certificate = Certificate::issue(&identity, account, device, handle, signature_key, now());
    let entry = DeviceEntry { device, signature_key, added: now(), quarantine_until: 0, added_by: None };
    let list = DeviceList::first(&identity, account, entry);
    let mut socket = Socket::open(relay);
    let id = RelayId::try_from(&socket.hello.relay).expect("an id");
    let nonce = socket.hello.nonce.as_ref().try_into().expect("32 bytes");
    let op = request::Op::SignUp(sign_up(&certificate, &list, &secret, id, &nonce, ""));
    assert!(matches!(socket.ask(op), response::Result::LoggedIn(_)));
    match socket.ask(request::Op::MintTicket(wire::MintTicket {})) {
        response::Result::Ticket(ticket) => (socket, ticket.ticket),
        other => panic!("a ticket, not {other:?}"),
    }
}

fn private_message(content_type: u8) -> Bytes {
    let head = [0, 1, 0, 2, 16];
    let mut bytes = head.to_vec();
    bytes.extend([3; 16]);
    bytes.extend(1u64.to_be_bytes());
    bytes.extend([content_type, 0, 28]);
    bytes.extend([4; 28]);
    bytes.push(32);
    bytes.extend([5; 32]);
    bytes.into()
}
