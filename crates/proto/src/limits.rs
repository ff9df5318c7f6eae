//! Every limit of the protocol in one place. Relays may be set lower by configuration, never higher.

use std::time::Duration;

/// The largest WebSocket message, in bytes; but see [`LARGE_FRAME`].
pub const FRAME: usize = 256 * 1024;
/// The largest WebSocket message that opens a conversation or commits in one, and the largest push: in a large
/// group these carry a tree.
pub const LARGE_FRAME: usize = 8 * 1024 * 1024;
/// A message over [`FRAME`] must be there, or be taken, in this time.
pub const LARGE_FRAME_TIME: Duration = Duration::from_secs(120);
/// The largest sealed message, in bytes.
pub const SEALED_MESSAGE: usize = 128 * 1024;
/// The largest commit, in bytes.
pub const COMMIT: usize = 3 * 1024 * 1024;
/// The largest Welcome, in bytes: it is for one device, and without its group info.
pub const WELCOME: usize = 16 * 1024;
/// The largest encrypted group info of a Welcome, in bytes: the tree is in it.
pub const GROUP_INFO: usize = 7 * 1024 * 1024;
/// The largest key package, in bytes.
pub const KEY_PACKAGE: usize = 16 * 1024;
/// The largest signed body (device list, certificate, resync request), in bytes.
pub const SIGNED: usize = 32 * 1024;
/// The longest text of one message, in bytes of UTF-8.
pub const TEXT: usize = 64 * 1024;

/// The largest file that is sent, in bytes.
pub const FILE: u64 = 2 * 1024 * 1024 * 1024;
/// The largest blob, in bytes: a file of the largest size, sealed.
pub const BLOB: u64 = FILE + FILE / 1024;
/// Bytes of a blob's part; every part but the last has just this length.
pub const BLOB_PART: u64 = 4 * 1024 * 1024;
/// How long a blob is kept after the last reference to it was made, at most.
pub const BLOB_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a blob is kept after its upload, whatever references are made.
pub const BLOB_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);
/// An upload must be finished in this time.
pub const BLOB_UPLOAD: Duration = Duration::from_secs(7 * 24 * 3600);
/// References to one blob.
pub const BLOB_REFERENCES: u32 = 1024;
/// Bytes that one account may upload in thirty days.
pub const BLOB_QUOTA: u64 = 16 * 1024 * 1024 * 1024;

/// Devices of one account.
pub const DEVICES: usize = 8;
/// How long a new device may not do everything, unless another one approves it.
pub const QUARANTINE: Duration = Duration::from_secs(24 * 3600);
/// How long the code of a link is good.
pub const LINK_CODE: Duration = Duration::from_secs(60);
/// How long the two devices have once the code was taken.
pub const LINKING: Duration = Duration::from_secs(180);
/// How long a device of an account leads the others after it has asked.
pub const LEAD: Duration = Duration::from_secs(90);
/// The largest message of a linking, in bytes.
pub const LINK_BODY: usize = 16 * 1024;
/// Key packages of one's own device in one claim.
pub const CLAIMED_OWN: usize = 32;
/// Accounts in one group.
pub const MEMBERS: usize = 1024;
/// Look-ups of account ids that an account may make at once: who comes into the largest group asks for everybody, and
/// has as many left.
pub const LOOKUPS_BY_ID: u32 = 2 * MEMBERS as u32;
/// Accounts that one account may have blocked.
pub const BLOCKED: usize = 1000;
/// Epochs that a device tells of when it tells where it has been.
pub const MARKS: usize = 8;
/// Devices that one commit adds.
pub const ADDITIONS: usize = 256;
/// Mailboxes in one roster.
pub const ROSTER: usize = 2048;
/// Key packages that a relay keeps for a device, beside the last-resort one.
pub const KEY_PACKAGES: usize = 100;
/// Key packages that a client keeps at the relay.
pub const KEY_PACKAGES_KEPT: usize = 50;
/// A client publishes more when fewer than this are left.
pub const KEY_PACKAGES_LOW: usize = 10;
/// Lifetime of a key package.
pub const KEY_PACKAGE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// Lifetime of a ticket.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(3600);

/// Entries in one mailbox that are not yet acknowledged.
pub const MAILBOX_ENTRIES: u64 = 10_000;
/// Bytes in one mailbox that are not yet acknowledged.
pub const MAILBOX_BYTES: u64 = 256 * 1024 * 1024;
/// How long an entry is kept for a device that does not fetch it.
pub const MAILBOX_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Entries pushed to a device and not yet acknowledged.
pub const PUSH_WINDOW: u64 = 1024;
/// Entries in one push.
pub const PUSH_ENTRIES: usize = 256;
/// Bytes in one push, softly: one entry may be larger.
pub const PUSH_BYTES: usize = 64 * 1024;

/// Requests that a client may have open on one socket.
pub const REQUESTS_IN_FLIGHT: usize = 64;
/// A TLS and WebSocket handshake must be done in this time.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// The largest HTTP request head, in bytes.
pub const HTTP_HEAD: usize = 8 * 1024;
/// The relay pings a silent socket after this time.
pub const PING: Duration = Duration::from_secs(30);
/// A socket that stays silent this long is closed.
pub const IDLE: Duration = Duration::from_secs(90);
/// Bytes of messages over [`FRAME`] that a relay holds at once, over all sockets: so many that come, and so many
/// that go.
pub const LARGE_FRAMES: usize = 64 * 1024 * 1024;

/// MLS: out-of-order tolerance and furthest generation ahead (RFC 9420 §15.3).
pub const OUT_OF_ORDER: u32 = 50;
/// MLS: how many generations a sender may be ahead.
pub const MAX_FORWARD: u32 = 2000;
