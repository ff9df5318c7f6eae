//! Rows as they lie in the store: a version byte, then a protobuf message; `docs/protocol/relay-storage.md`.

use bytes::{BufMut, Bytes, BytesMut};
use lacre_proto::ErrorCode;
use lacre_proto::error::WireError;
use lacre_proto::wire;
use prost::Message;

/// The version of every row that this relay writes.
pub(super) const VERSION: u8 = 1;

/// The relay itself.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MetaRow {
    /// Of everything in the store; a store with a higher one is left alone.
    #[prost(uint32, tag = "1")]
    pub(super) format: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) relay: Bytes,
}

/// The newest time that was stored.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TimeRow {
    #[prost(uint64, tag = "1")]
    pub(super) newest_ms: u64,
}

/// An account, as the directory shows it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AccountRow {
    #[prost(string, tag = "1")]
    pub(super) handle: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) identity_key: Bytes,
    #[prost(message, optional, tag = "3")]
    pub(super) device_list: Option<wire::Signed>,
}

/// Whose a handle is.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HandleRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) account: Bytes,
}

/// That an account has blocked another, and since when.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlockRow {
    #[prost(uint64, tag = "1")]
    pub(super) since_ms: u64,
}

/// How many accounts an account has blocked, and when last: tickets for its devices from before are void.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlocksRow {
    #[prost(uint64, tag = "1")]
    pub(super) count: u64,
    #[prost(uint64, tag = "2")]
    pub(super) last_ms: u64,
}

/// A device: what a login is checked against.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeviceRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) account: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) signature_key: Bytes,
}

/// A key package and when it was published.
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyPackageRow {
    #[prost(uint64, tag = "1")]
    pub(super) published_ms: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) key_package: Bytes,
}

/// The number of the next key package that a device publishes.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NextKeyPackageRow {
    #[prost(uint64, tag = "1")]
    pub(super) next: u64,
}

/// Whose mailbox a ticket lets into a roster, and until when.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TicketRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) device: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) expires_ms: u64,
    /// Between whom it was claimed, when one of them is a business.
    #[prost(message, optional, tag = "3")]
    pub(super) dealing: Option<DealingRow>,
}

/// A business.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BusinessRow {
    #[prost(string, tag = "1")]
    pub(super) legal_name: String,
    #[prost(string, tag = "2")]
    pub(super) display_name: String,
    #[prost(string, tag = "3")]
    pub(super) domain: String,
    #[prost(string, tag = "4")]
    pub(super) trade: String,
    #[prost(uint64, tag = "5")]
    pub(super) added_ms: u64,
    /// What it shows at its domain; 32 hex digits.
    #[prost(string, tag = "6")]
    pub(super) token: String,
    /// 0 until the operator has verified it.
    #[prost(uint64, tag = "7")]
    pub(super) verified_ms: u64,
    /// 0 unless it is suspended.
    #[prost(uint64, tag = "8")]
    pub(super) suspended_ms: u64,
    /// When its token was last seen at its domain; 0 for never.
    #[prost(uint64, tag = "9")]
    pub(super) seen_ms: u64,
    /// Why it was verified though the token was not seen; empty when it was.
    #[prost(string, tag = "10")]
    pub(super) by_hand: String,
}

/// What a customer has consented to last, just as they have signed it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ConsentRow {
    #[prost(message, optional, tag = "1")]
    pub(super) grant: Option<wire::Signed>,
}

/// What a business tells its customers, just as its device has signed it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TermsRow {
    #[prost(message, optional, tag = "1")]
    pub(super) terms: Option<wire::Signed>,
}

/// What a business says of itself, just as its device has signed it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ProfileRow {
    #[prost(message, optional, tag = "1")]
    pub(super) profile: Option<wire::Signed>,
}

/// Which device of an account leads the others.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LeadRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) device: Bytes,
    /// Until when, unless it asks again.
    #[prost(uint64, tag = "2")]
    pub(super) until_ms: u64,
}

/// Until when something stands.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UntilRow {
    #[prost(uint64, tag = "1")]
    pub(super) until_ms: u64,
}

/// When the offers of the last day were sent.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OffersRow {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) sent_ms: Vec<u64>,
}

/// A business and a customer of it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DealingRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) business: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) customer: Bytes,
}

/// How far a business may go (ADR 0045): the counts of the last 24 hours and 7 days.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StandingRow {
    /// How many steps above the lowest of a verified business.
    #[prost(uint32, tag = "1")]
    pub(super) step: u32,
    /// When the step changed last.
    #[prost(uint64, tag = "2")]
    pub(super) changed_ms: u64,
    /// When it went down last; 0 for never.
    #[prost(uint64, tag = "3")]
    pub(super) fell_ms: u64,
    #[prost(message, repeated, tag = "4")]
    pub(super) hours: Vec<CountRow>,
    #[prost(message, repeated, tag = "5")]
    pub(super) days: Vec<CountRow>,
}

/// Customers of one hour or day since 1970.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct CountRow {
    #[prost(uint64, tag = "1")]
    pub(super) at: u64,
    #[prost(uint64, tag = "2")]
    pub(super) reached: u64,
    #[prost(uint64, tag = "3")]
    pub(super) complaints: u64,
}

/// When a customer was counted; forgotten after seven days.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ReachedRow {
    /// In which hour for the limit of a day.
    #[prost(uint64, optional, tag = "1")]
    pub(super) hour: Option<u64>,
    /// On which day for the quality.
    #[prost(uint64, optional, tag = "2")]
    pub(super) first_day: Option<u64>,
    /// On which day they were reached last.
    #[prost(uint64, optional, tag = "3")]
    pub(super) last_day: Option<u64>,
    /// On which day they complained.
    #[prost(uint64, optional, tag = "4")]
    pub(super) complained_day: Option<u64>,
}

/// The secret key by which business certificates are signed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PlatformRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) secret: Bytes,
}

/// Bytes that lie in a mailbox, as of the last time that they differed much from what stood here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MailboxRow {
    #[prost(uint64, tag = "1")]
    pub(super) bytes: u64,
}

/// An invite code that was not used yet.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InviteRow {
    #[prost(uint64, tag = "1")]
    pub(super) made_ms: u64,
}

/// A device that was removed: who it was, and when it went.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GoneRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) signature_key: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) gone_ms: u64,
}

/// A message of a linking: until when it is good, and whether it was taken.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LinkRow {
    #[prost(uint64, tag = "1")]
    pub(super) expires_ms: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) body: Bytes,
    #[prost(bool, tag = "3")]
    pub(super) taken: bool,
}

/// A blob; whose it is stands nowhere.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlobRow {
    #[prost(uint64, tag = "1")]
    pub(super) size: u64,
    /// When it was whole; 0 while parts of it may come.
    #[prost(uint64, tag = "2")]
    pub(super) whole_ms: u64,
    /// References to it; it goes with the last.
    #[prost(uint32, tag = "3")]
    pub(super) references: u32,
}

/// Leave to upload a blob.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GrantRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) blob: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) size: u64,
    /// The reference that was made with it.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) read_hash: Bytes,
    #[prost(uint64, tag = "4")]
    pub(super) keep_ms: u64,
    #[prost(uint64, tag = "5")]
    pub(super) expires_ms: u64,
    /// Who was granted it, so that what is not uploaded is given back; empty as soon as the blob is whole.
    #[prost(bytes = "bytes", tag = "6")]
    pub(super) account: Bytes,
    /// On which day since 1970 it was counted.
    #[prost(uint64, tag = "7")]
    pub(super) day: u64,
}

/// What a capability reads, and until when.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ReferenceRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) blob: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) expires_ms: u64,
}

/// What an account was granted in the last days.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UsageRow {
    #[prost(message, repeated, tag = "1")]
    pub(super) days: Vec<UsageDay>,
}

/// What an account was granted on one day since 1970.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UsageDay {
    #[prost(uint64, tag = "1")]
    pub(super) day: u64,
    #[prost(uint64, tag = "2")]
    pub(super) bytes: u64,
}

/// A row's bytes.
pub(super) fn encode(row: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + row.encoded_len());
    bytes.put_u8(VERSION);
    row.encode(&mut bytes).expect("the buffer grows");
    bytes.freeze()
}

/// A row that the relay wrote itself; one that does not decode is a fault, not the caller's.
pub(super) fn decode<R: Message + Default>(bytes: &Bytes) -> Result<R, WireError> {
    let row = (bytes.first() == Some(&VERSION)).then(|| R::decode(bytes.slice(1..)).ok()).flatten();
    row.ok_or_else(|| broken(std::any::type_name::<R>()))
}

/// A row that is not what it should be.
pub(super) fn broken(kind: &'static str) -> WireError {
    tracing::error!(kind, "a stored row does not decode");
    ErrorCode::Internal.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_bytes() {
        let row = TicketRow { device: Bytes::from_static(&[7; 16]), expires_ms: 300, dealing: None };
        let bytes = encode(&row);
        assert_eq!(hex::encode(&bytes), "010a100707070707070707070707070707070710ac02");
        assert_eq!(decode::<TicketRow>(&bytes), Ok(row));
    }

    #[test]
    fn a_row_of_another_version_is_a_fault_and_no_guess() {
        let mut bytes = encode(&InviteRow { made_ms: 1 }).to_vec();
        bytes[0] = 2;
        assert_eq!(decode::<InviteRow>(&bytes.into()), Err(ErrorCode::Internal.into()));
        assert_eq!(decode::<InviteRow>(&Bytes::new()), Err(ErrorCode::Internal.into()));
    }
}
