//! The engine's tables and the keys in them. The client's own tables begin at 0x80.

use lacre_proto::{AccountId, ConversationId, DeviceId, Handle};

use super::{FileId, Position};
use crate::content::MessageId;

/// This account and device.
pub(crate) const ME: u8 = 0x01;
/// Account → contact.
pub(crate) const CONTACT: u8 = 0x02;
/// Handle → account.
pub(crate) const HANDLE: u8 = 0x03;
/// Conversation → record.
pub(crate) const CONVERSATION: u8 = 0x04;
/// Last activity, conversation → nothing: conversations in order.
pub(crate) const ACTIVITY: u8 = 0x05;
/// Conversation, position → message.
pub(crate) const MESSAGE: u8 = 0x06;
/// Conversation, message id → position.
pub(crate) const MESSAGE_ID: u8 = 0x07;
/// Conversation, MIMI id → message id.
pub(crate) const MIMI: u8 = 0x08;
/// Handle → direct conversation.
pub(crate) const DIRECT: u8 = 0x09;
/// Conversation, position → nothing: messages of others not marked read.
pub(crate) const UNSEEN: u8 = 0x0a;
/// Account, conversation → nothing: all direct conversations with a person, merged ones too.
pub(crate) const WITH: u8 = 0x0b;
/// Account → that it is blocked.
pub(crate) const BLOCK: u8 = 0x0c;
/// Account → the other identity that it has come with.
pub(crate) const KEY_CHANGE: u8 = 0x0d;
/// Account → that its safety number was compared.
pub(crate) const COMPARED: u8 = 0x0e;
/// The account's and the device's secret keys.
pub(crate) const SECRET: u8 = 0x10;
/// The engine's own counters.
pub(crate) const CLOCKWORK: u8 = 0x11;
/// Conversation → what the sealing of it needs beside MLS.
pub(crate) const SEAL: u8 = 0x12;
/// Conversation, rank, job number → job of the outbox.
pub(crate) const OUTBOX: u8 = 0x13;
/// Key package reference → when it expires.
pub(crate) const KEY_PACKAGE: u8 = 0x14;
/// Mailbox position → an item that this version does not know.
pub(crate) const UNKNOWN: u8 = 0x15;
/// Conversation → message ids whose receipts were not sent yet.
pub(crate) const RECEIPTS: u8 = 0x16;
/// Conversation and sequence number, then the group info that the next Welcome needs: one at a time.
pub(crate) const GROUP_INFO: u8 = 0x17;
/// Conversation → that this account has left it without a word.
pub(crate) const QUIT: u8 = 0x19;
/// Conversation, message id, and of an edit its own id → what proves who said it.
pub(crate) const EVIDENCE: u8 = 0x18;
/// SHA-256 → encoded device certificate.
pub(crate) const CERTIFICATE: u8 = 0x1a;
/// Conversation → group.
pub(crate) const GROUP: u8 = 0x40;
/// Conversation, leaf → member.
pub(crate) const MEMBER: u8 = 0x41;
/// Conversation, message id, account → what this member has told of the message.
pub(crate) const HEARD_BY: u8 = 0x42;
/// Conversation, message id → the members to whom one's own message went.
pub(crate) const AUDIENCE: u8 = 0x43;
/// Conversation, account → who let it in, and what it was given since.
pub(crate) const COMING: u8 = 0x44;
/// Group → the secret of the link that this device has made.
pub(crate) const LINK: u8 = 0x45;
/// Group, account → that it asks to be let in.
pub(crate) const ASKED: u8 = 0x46;
/// Conversation → the newest epochs in which this device was.
pub(crate) const BEEN: u8 = 0x47;
/// Conversation, message id, index → file that is to be uploaded.
pub(crate) const UPLOAD: u8 = 0x50;
/// Conversation, message id, index → file that is to be fetched.
pub(crate) const DOWNLOAD: u8 = 0x51;
/// SHA-256 of a sealed file, message id → nothing: who has it.
pub(crate) const FILE: u8 = 0x52;
/// Conversation, message id, account → reaction.
pub(crate) const REACTION: u8 = 0x60;
/// Conversation, message id, 0 for the first or 1, revision, id of the edit → version of the text.
pub(crate) const VERSION: u8 = 0x61;
/// Conversation, message id of a poll, account, revision, id of the vote → vote.
pub(crate) const VOTE: u8 = 0x62;
/// Conversation, message id of a poll → when it was closed.
pub(crate) const CLOSED: u8 = 0x63;
/// Conversation, message id → whether it is pinned.
pub(crate) const PIN: u8 = 0x64;
/// Conversation, message id → when it got its star.
pub(crate) const STAR: u8 = 0x65;
/// Conversation, MIMI id, message id → what was said about a message that is not here yet.
pub(crate) const AWAITING: u8 = 0x66;
/// Time, conversation, message id → nothing: what vanishes when.
pub(crate) const VANISHING: u8 = 0x67;
/// Time, message id → message to be sent later.
pub(crate) const SCHEDULED: u8 = 0x68;
/// Conversation → what is set for it.
pub(crate) const SETTINGS: u8 = 0x69;
/// Account → the name that it goes by.
pub(crate) const NAME: u8 = 0x6a;
/// Conversation, message id → MIMI id of a message that was here and is gone.
pub(crate) const GONE: u8 = 0x6b;
/// Conversation, message id → content of a kind that this version does not know.
pub(crate) const RAW: u8 = 0x6c;
/// The version that last looked at what it did not know.
pub(crate) const KNOWS: u8 = 0x6d;
/// Conversation → the own name that was told there.
pub(crate) const NAMED: u8 = 0x6e;
/// Conversation, message id of an ask to be let into a group → why not.
pub(crate) const NO_ENTRY: u8 = 0x6f;
/// Conversation, message id → the device of this account that has told of the message.
pub(crate) const TOLD: u8 = 0x76;
/// Tables of what belongs to a message, by conversation and message id.
pub(crate) const ABOUT: [u8; 12] =
    [REACTION, VERSION, VOTE, CLOSED, PIN, STAR, RAW, EVIDENCE, NO_ENTRY, TOLD, UPLOAD, DOWNLOAD];
/// Tables by conversation, which move when two become one.
pub(crate) const MOVING: [u8; 16] = [
    REACTION, VERSION, VOTE, CLOSED, PIN, STAR, RAW, AWAITING, GONE, SETTINGS, EVIDENCE, NO_ENTRY, TOLD,
    UPLOAD, DOWNLOAD, READ_AHEAD,
];
/// Changes of the account's device list that the relay has not taken yet.
pub(crate) const OWN_CHANGES: u8 = 0x70;
/// Device → the name that its person gave it.
pub(crate) const DEVICE_NAME: u8 = 0x71;
/// That this device was to be made secure again.
pub(crate) const SECURING: u8 = 0x7f;
/// Subject → what the account's devices hold alike about it.
pub(crate) const OWN_MATTER: u8 = 0x72;
/// Subject → when the other devices are to be told of it.
pub(crate) const OWN_DUE: u8 = 0x73;
/// Device → how far this one has come with telling it what was said before it came.
pub(crate) const GIVING: u8 = 0x74;
/// Device → how far this one has come with what that one tells.
pub(crate) const TAKING: u8 = 0x75;
/// Account → that it is a business.
pub(crate) const BUSINESS: u8 = 0x77;
/// What customers have consented to, by business and customer.
pub(crate) const CONSENT: u8 = 0x78;
/// Until when the window is open that a customer's message has opened.
pub(crate) const WINDOW: u8 = 0x79;
/// When a customer last took service back from a business: what they said before opens no window.
pub(crate) const WITHDRAWN: u8 = 0x5f;
/// The key by which the relay's operator signs certificates.
pub(crate) const PLATFORM: u8 = 0x7a;
/// Conversations with an account that became a business later: in them nothing is sent by name, until the
/// relay says so.
pub(crate) const UNNAMED: u8 = 0x7b;
/// Conversation, MIMI id → when another device of this account told that it has read a message that is not here yet.
pub(crate) const READ_AHEAD: u8 = 0x7c;
/// How this account stands with its relay, when it is a business.
pub(crate) const RATING: u8 = 0x7d;
/// Account → what it tells as a business: what it keeps, and who acts for it.
pub(crate) const TERMS: u8 = 0x7e;
/// Account → what it says of itself as a business.
pub(crate) const PROFILE: u8 = 0x53;
/// Account → the picture that it shows of itself as a business.
pub(crate) const PROFILE_PICTURE: u8 = 0x54;
/// First of the MLS tables; see `mls::storage`.
pub(crate) const MLS: u8 = 0x20;

/// A key from its table and its parts.
pub(crate) fn key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    bytes.push(table);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// The first key after all those that begin with `prefix`.
pub(crate) fn end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            break;
        }
    }
    end
}

pub(crate) fn device(table: u8, device: DeviceId) -> Vec<u8> {
    key(table, &[device.as_ref()])
}

pub(crate) fn device_name(device: DeviceId) -> Vec<u8> {
    self::device(DEVICE_NAME, device)
}

pub(crate) fn contact(account: AccountId) -> Vec<u8> {
    self::account(CONTACT, account)
}

pub(crate) fn account(table: u8, account: AccountId) -> Vec<u8> {
    key(table, &[account.as_ref()])
}

pub(crate) fn handle(table: u8, handle: &Handle) -> Vec<u8> {
    key(table, &[handle.as_str().as_bytes()])
}

pub(crate) fn conversation(table: u8, id: ConversationId) -> Vec<u8> {
    key(table, &[id.as_ref()])
}

pub(crate) fn activity(active_ms: u64, id: ConversationId) -> Vec<u8> {
    key(ACTIVITY, &[&active_ms.to_be_bytes(), id.as_ref()])
}

pub(crate) fn position(table: u8, id: ConversationId, at: Position) -> Vec<u8> {
    key(table, &[id.as_ref(), &at.anchor.to_be_bytes(), &at.counter.to_be_bytes()])
}

pub(crate) fn message_id(conversation: ConversationId, id: MessageId) -> Vec<u8> {
    key(MESSAGE_ID, &[conversation.as_ref(), &id.0])
}

pub(crate) fn mimi(conversation: ConversationId, id: &[u8]) -> Vec<u8> {
    key(MIMI, &[conversation.as_ref(), id])
}

/// A job; within a conversation by rank, then by number.
pub(crate) fn job(conversation: ConversationId, rank: u8, number: u64) -> Vec<u8> {
    key(OUTBOX, &[conversation.as_ref(), &[rank], &number.to_be_bytes()])
}

/// A file of a message.
pub(crate) fn file(table: u8, FileId { conversation, message, index }: FileId) -> Vec<u8> {
    key(table, &[conversation.as_ref(), &message.0, &[index]])
}

/// The file in a key that begins with it.
pub(crate) fn file_in(key: &[u8]) -> Option<FileId> {
    let conversation = conversation_in(key)?;
    let message = MessageId(*key.get(17..33)?.first_chunk()?);
    Some(FileId { conversation, message, index: *key.get(33)? })
}

pub(crate) fn member(id: ConversationId, leaf: u32) -> Vec<u8> {
    key(MEMBER, &[id.as_ref(), &leaf.to_be_bytes()])
}

pub(crate) fn message_in(table: u8, id: ConversationId, message: MessageId) -> Vec<u8> {
    key(table, &[id.as_ref(), &message.0])
}

pub(crate) fn reaction(id: ConversationId, message: MessageId, account: AccountId) -> Vec<u8> {
    key(REACTION, &[id.as_ref(), &message.0, account.as_ref()])
}

pub(crate) fn evidence_of_edit(id: ConversationId, message: MessageId, edit: MessageId) -> Vec<u8> {
    key(EVIDENCE, &[id.as_ref(), &message.0, &edit.0])
}

pub(crate) fn heard_by(id: ConversationId, message: MessageId, account: AccountId) -> Vec<u8> {
    key(HEARD_BY, &[id.as_ref(), &message.0, account.as_ref()])
}

pub(crate) fn asked(group: ConversationId, account: AccountId) -> Vec<u8> {
    key(ASKED, &[group.as_ref(), account.as_ref()])
}

pub(crate) fn coming(id: ConversationId, account: AccountId) -> Vec<u8> {
    key(COMING, &[id.as_ref(), account.as_ref()])
}

pub(crate) fn consent(business: AccountId, customer: AccountId) -> Vec<u8> {
    key(CONSENT, &[business.as_ref(), customer.as_ref()])
}

pub(crate) fn window(business: AccountId, customer: AccountId) -> Vec<u8> {
    key(WINDOW, &[business.as_ref(), customer.as_ref()])
}

pub(crate) fn withdrawn(business: AccountId, customer: AccountId) -> Vec<u8> {
    key(WITHDRAWN, &[business.as_ref(), customer.as_ref()])
}

/// What is due at a time.
pub(crate) fn due(table: u8, at: u64, parts: &[&[u8]]) -> Vec<u8> {
    [key(table, &[&at.to_be_bytes()]), parts.concat()].concat()
}

/// The time in a key whose first part it is.
pub(crate) fn time_in(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.get(1..9)?.first_chunk()?))
}

/// The conversation in a key whose first part it is.
pub(crate) fn conversation_in(key: &[u8]) -> Option<ConversationId> {
    ConversationId::try_from(key.get(1..17)?).ok()
}
