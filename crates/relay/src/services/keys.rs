//! The relay's key space: one byte of subspace for each kind of row, each owned by one service.
//! `docs/protocol/relay-storage.md` tells what lies where.

use bytes::Bytes;
use lacre_proto::{AccountId, ConversationId, DeviceId, Handle};
use lacre_store::blobs::BlobId;
use lacre_store::data::{Key, LogId};

/// Of the relay itself: its format, its id, its newest time.
const META: u8 = 0x01;
const ACCOUNT: u8 = 0x10;
const HANDLE: u8 = 0x11;
const DEVICE: u8 = 0x12;
const BLOCK: u8 = 0x13;
const GONE: u8 = 0x14;
const BLOCKS: u8 = 0x15;
const KEY_PACKAGE: u8 = 0x20;
const LAST_RESORT: u8 = 0x21;
const NEXT_KEY_PACKAGE: u8 = 0x22;
const TICKET: u8 = 0x28;
const TICKET_EXPIRY: u8 = 0x29;
const CONVERSATION: u8 = 0x30;
const ROSTER: u8 = 0x31;
const MAILBOX: u8 = 0x38;
const INVITE: u8 = 0x40;
const LINK: u8 = 0x48;
const LINK_EXPIRY: u8 = 0x49;
const BUSINESS: u8 = 0x4a;
const CONSENT: u8 = 0x4b;
const WINDOW: u8 = 0x4c;
const OFFERS: u8 = 0x4d;
const DEALING: u8 = 0x4e;
const STANDING: u8 = 0x4f;
const BLOB: u8 = 0x50;
const REFERENCE: u8 = 0x51;
const REFERENCE_EXPIRY: u8 = 0x52;
const GRANT: u8 = 0x53;
const GRANT_EXPIRY: u8 = 0x54;
const USAGE: u8 = 0x55;
const CONDEMNED: u8 = 0x56;
const REACHED: u8 = 0x57;
const TERMS: u8 = 0x58;
const LEAD: u8 = 0x59;
const PROFILE: u8 = 0x5a;

pub(super) fn meta() -> Key {
    Key::new(META, &[b"relay"])
}

pub(super) fn time() -> Key {
    Key::new(META, &[b"time"])
}

/// The secret key by which business certificates are signed.
pub(super) fn platform() -> Key {
    Key::new(META, &[b"platform"])
}

/// That an account is a business, and what is known of it.
pub(super) fn business(account: AccountId) -> Key {
    Key::new(BUSINESS, &[account.as_ref()])
}

/// What a business tells its customers.
pub(super) fn terms(business: AccountId) -> Key {
    Key::new(TERMS, &[business.as_ref()])
}

/// What a business says of itself.
pub(super) fn profile(business: AccountId) -> Key {
    Key::new(PROFILE, &[business.as_ref()])
}

/// Which device of an account leads the others.
pub(super) fn lead(account: AccountId) -> Key {
    Key::new(LEAD, &[account.as_ref()])
}

/// All businesses.
pub(super) fn businesses() -> (Key, Key) {
    (Key::new(BUSINESS, &[]), Key::new(BUSINESS + 1, &[]))
}

/// What a customer has consented to.
pub(super) fn consent(business: AccountId, customer: AccountId) -> Key {
    Key::new(CONSENT, &[business.as_ref(), customer.as_ref()])
}

/// Until when the window is open that a customer's message has opened.
pub(super) fn window(business: AccountId, customer: AccountId) -> Key {
    Key::new(WINDOW, &[business.as_ref(), customer.as_ref()])
}

/// When a customer was sent offers.
pub(super) fn offers(business: AccountId, customer: AccountId) -> Key {
    Key::new(OFFERS, &[business.as_ref(), customer.as_ref()])
}

/// All customers who were sent offers.
pub(super) fn all_offers() -> (Key, Key) {
    (Key::new(OFFERS, &[]), Key::new(OFFERS + 1, &[]))
}

/// All windows that customers' messages have opened.
pub(super) fn all_windows() -> (Key, Key) {
    (Key::new(WINDOW, &[]), Key::new(WINDOW + 1, &[]))
}

/// How far a business may go.
pub(super) fn standing(business: AccountId) -> Key {
    Key::new(STANDING, &[business.as_ref()])
}

/// That a business has reached a customer.
pub(super) fn reached(business: AccountId, customer: AccountId) -> Key {
    Key::new(REACHED, &[business.as_ref(), customer.as_ref()])
}

/// All customers who were reached.
pub(super) fn all_reached() -> (Key, Key) {
    (Key::new(REACHED, &[]), Key::new(REACHED + 1, &[]))
}

/// The first key after one.
pub(super) fn after(key: &Key) -> Key {
    Key::from(Bytes::from([key.as_bytes(), &[0]].concat()))
}

/// Between which business and customer a conversation is.
pub(super) fn dealing(conversation: ConversationId) -> Key {
    Key::new(DEALING, &[conversation.as_ref()])
}

pub(super) fn account(account: AccountId) -> Key {
    Key::new(ACCOUNT, &[account.as_ref()])
}

pub(super) fn handle(handle: &Handle) -> Key {
    Key::new(HANDLE, &[handle.as_str().as_bytes()])
}

pub(super) fn device(device: DeviceId) -> Key {
    Key::new(DEVICE, &[device.as_ref()])
}

/// That an account has blocked another; under the one that has, so that it goes with it.
pub(super) fn block(owner: AccountId, blocked: AccountId) -> Key {
    Key::new(BLOCK, &[owner.as_ref(), blocked.as_ref()])
}

/// What is to be known of an account's blocks together.
pub(super) fn blocks(owner: AccountId) -> Key {
    Key::new(BLOCKS, &[owner.as_ref()])
}

/// A device that was removed from its account.
pub(super) fn gone(device: DeviceId) -> Key {
    Key::new(GONE, &[device.as_ref()])
}

/// All devices that were removed.
pub(super) fn all_gone() -> (Key, Key) {
    (Key::new(GONE, &[]), Key::new(GONE + 1, &[]))
}

/// All devices after one, or from the first.
pub(super) fn devices_after(device: Option<DeviceId>) -> (Key, Key) {
    let from =
        device.map_or_else(|| Key::new(DEVICE, &[]), |device| Key::new(DEVICE, &[device.as_ref(), &[0]]));
    (from, Key::new(DEVICE + 1, &[]))
}

/// The device whose row's key this is.
pub(super) fn device_of(key: &Key) -> Option<DeviceId> {
    DeviceId::try_from(key.as_bytes().get(1..)?).ok()
}

pub(super) fn key_package(device: DeviceId, number: u64) -> Key {
    Key::new(KEY_PACKAGE, &[device.as_ref(), &number.to_be_bytes()])
}

/// All key packages of a device; its numbers never reach the highest.
pub(super) fn key_packages(device: DeviceId) -> (Key, Key) {
    (key_package(device, 0), key_package(device, u64::MAX))
}

/// The number of a key package, from its key.
pub(super) fn number_of(key: &Key) -> Option<u64> {
    key.as_bytes().last_chunk().map(|number| u64::from_be_bytes(*number))
}

pub(super) fn last_resort(device: DeviceId) -> Key {
    Key::new(LAST_RESORT, &[device.as_ref()])
}

pub(super) fn next_key_package(device: DeviceId) -> Key {
    Key::new(NEXT_KEY_PACKAGE, &[device.as_ref()])
}

pub(super) fn ticket(hash: &[u8; 32]) -> Key {
    Key::new(TICKET, &[hash])
}

pub(super) fn ticket_expiry(expires: u64, hash: &[u8; 32]) -> Key {
    Key::new(TICKET_EXPIRY, &[&expires.to_be_bytes(), hash])
}

/// All tickets that are no good any more at a time.
pub(super) fn tickets_expired(now: u64) -> (Key, Key) {
    (Key::new(TICKET_EXPIRY, &[]), Key::new(TICKET_EXPIRY, &[&now.saturating_add(1).to_be_bytes()]))
}

/// The ticket of a key in the expiry index.
pub(super) fn ticket_of(expiry: &Key) -> Option<Key> {
    expiry.as_bytes().last_chunk::<32>().map(ticket)
}

pub(super) fn conversation(conversation: ConversationId) -> Key {
    Key::new(CONVERSATION, &[conversation.as_ref()])
}

pub(super) fn roster(conversation: ConversationId) -> Key {
    Key::new(ROSTER, &[conversation.as_ref()])
}

pub(super) fn mailbox(device: DeviceId) -> Key {
    Key::new(MAILBOX, &[device.as_ref()])
}

pub(super) fn invite(hash: &[u8; 32]) -> Key {
    Key::new(INVITE, &[hash])
}

/// One message of a linking; the link by its hash.
pub(super) fn link(hash: &[u8; 32], step: u8) -> Key {
    Key::new(LINK, &[hash, &[step]])
}

pub(super) fn link_expiry(expires: u64, hash: &[u8; 32]) -> Key {
    Key::new(LINK_EXPIRY, &[&expires.to_be_bytes(), hash])
}

/// All links whose time is over.
pub(super) fn links_expired(now: u64) -> (Key, Key) {
    (Key::new(LINK_EXPIRY, &[]), Key::new(LINK_EXPIRY, &[&now.to_be_bytes()]))
}

/// The messages of the link of a key in the expiry index.
pub(super) fn messages_of_link(expiry: &Key) -> Option<(Key, Key)> {
    expiry.as_bytes().last_chunk::<32>().map(|hash| (link(hash, 0), link(hash, u8::MAX)))
}

pub(super) fn blob(blob: BlobId) -> Key {
    Key::new(BLOB, &[&blob.0])
}

/// All blobs.
pub(crate) fn blobs() -> (Key, Key) {
    (Key::new(BLOB, &[]), Key::new(BLOB + 1, &[]))
}

/// What a capability reads, by its hash.
pub(super) fn reference(hash: &[u8; 32]) -> Key {
    Key::new(REFERENCE, &[hash])
}

pub(super) fn reference_expiry(expires: u64, hash: &[u8; 32]) -> Key {
    Key::new(REFERENCE_EXPIRY, &[&expires.to_be_bytes(), hash])
}

/// All references whose time is over.
pub(super) fn references_expired(now: u64) -> (Key, Key) {
    (Key::new(REFERENCE_EXPIRY, &[]), Key::new(REFERENCE_EXPIRY, &[&now.saturating_add(1).to_be_bytes()]))
}

/// Leave to upload, by the hash of the upload capability.
pub(super) fn grant(hash: &[u8; 32]) -> Key {
    Key::new(GRANT, &[hash])
}

pub(super) fn grant_expiry(expires: u64, hash: &[u8; 32]) -> Key {
    Key::new(GRANT_EXPIRY, &[&expires.to_be_bytes(), hash])
}

/// All leaves whose time is over.
pub(super) fn grants_expired(now: u64) -> (Key, Key) {
    (Key::new(GRANT_EXPIRY, &[]), Key::new(GRANT_EXPIRY, &[&now.saturating_add(1).to_be_bytes()]))
}

/// The hash in a key of an expiry index.
pub(super) fn hash_in(expiry: &Key) -> Option<[u8; 32]> {
    expiry.as_bytes().last_chunk().copied()
}

pub(super) fn usage(account: AccountId) -> Key {
    Key::new(USAGE, &[account.as_ref()])
}

/// A blob whose bytes are to go; nobody can reach it any more.
pub(super) fn condemned(since: u64, blob: BlobId) -> Key {
    Key::new(CONDEMNED, &[&since.to_be_bytes(), &blob.0])
}

/// All blobs that were condemned before a time.
pub(super) fn condemned_before(time: u64) -> (Key, Key) {
    (Key::new(CONDEMNED, &[]), Key::new(CONDEMNED, &[&time.to_be_bytes()]))
}

/// The blob of a key whose last part it is.
pub(super) fn blob_in(key: &Key) -> Option<BlobId> {
    key.as_bytes().last_chunk().copied().map(BlobId)
}

/// A mailbox is the log that is named by its device.
pub(super) fn log(device: DeviceId) -> LogId {
    LogId(device.0)
}
