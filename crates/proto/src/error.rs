//! The errors of the wire: a stable number, a name, a plain sentence, and whether trying again helps.

use std::fmt;

/// What the relay answers when it does not do what was asked. Numbers never change and are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The frame is not one.
    BadFrame,
    /// A frame or a field over its limit.
    TooLarge,
    /// A request of a kind that this relay does not know.
    UnknownRequest,
    /// No common version.
    VersionUnsupported,
    /// The request needs a login.
    LoginNeeded,
    /// The request belongs on the anonymous socket.
    AnonymousOnly,
    /// The login or sign-up proof does not hold.
    LoginRefused,
    /// A field does not hold what it should.
    BadRequest,
    /// The device was taken out of its account's device list.
    DeviceRemoved,
    /// The device is new, and may not do this yet.
    InQuarantine,
    /// The device list is not the next one.
    StaleDeviceList,
    /// No such link, or it was used, or its time is over.
    NoSuchLink,
    /// The handle belongs to another account.
    HandleTaken,
    /// The relay takes no new accounts.
    RegistrationClosed,
    /// The relay takes new accounts by invitation, and the code is missing, used or wrong.
    InviteNeeded,
    /// No such account, or none that may be reached.
    NoSuchAccount,
    /// The account's devices have no key packages left.
    NoKeyPackages,
    /// The ticket is unknown, used or old.
    BadTicket,
    /// No such conversation, or the capability is not its own.
    NoSuchConversation,
    /// The conversation is at another epoch, told in the answer.
    StaleEpoch,
    /// A conversation with this id exists.
    ConversationExists,
    /// The payload is not the MLS message that it must be.
    NotMls,
    /// A recipient's mailbox is full.
    MailboxFull,
    /// A roster, key package or device limit is reached.
    LimitReached,
    /// Too many requests of this kind.
    SlowDown,
    /// The relay cannot store now: its disk is full or failing.
    StorageUnavailable,
    /// The relay is stopping.
    Stopping,
    /// The socket was silent for too long.
    IdleTooLong,
    /// The client reads too slowly.
    ReaderTooSlow,
    /// The device was logged in from another socket.
    Replaced,
    /// No such blob, or it is kept no longer, or the capability is not its own.
    NoSuchBlob,
    /// The account has uploaded as much as it may for now.
    BlobQuota,
    /// Parts of the blob are missing.
    BlobIncomplete,
    /// The parts that came are not what was sent.
    BlobDiffers,
    /// The relay's disk has no room for files.
    NoRoom,
    /// The customer has not agreed to be written to for that.
    ConsentNeeded,
    /// What is said in a conversation with a business is sent by name.
    NameNeeded,
    /// A business is in conversations with one customer only.
    BusinessAlone,
    /// A newer grant of this customer is there already.
    StaleConsent,
    /// The operator has suspended the business.
    BusinessSuspended,
    /// As many offers as one customer may get in a day were sent.
    MarketingCap,
    /// The business has reached as many customers in a day as it may.
    MessagingLimit,
    /// Too many customers did not want what the business sent: no offers until that is forgotten.
    MarketingPaused,
    /// A fault of the relay.
    Internal,
    /// A code that a newer relay sends and this version does not know.
    Other(u32),
}

/// Whether trying again helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will be refused again.
    Never,
    /// The same request may pass later.
    Later,
    /// Do something first, then ask again: log in, catch up, update.
    AfterRepair,
}

const TABLE: &[(ErrorCode, u32, &str, Retry, &str)] = {
    use ErrorCode::*;
    use Retry::*;
    &[
        (BadFrame, 100, "bad_frame", Never, "The relay could not understand what this app sent."),
        (TooLarge, 101, "too_large", Never, "This is larger than the relay allows."),
        (
            UnknownRequest,
            102,
            "unknown_request",
            AfterRepair,
            "This relay is too old for what was asked of it.",
        ),
        (
            VersionUnsupported,
            103,
            "version_unsupported",
            AfterRepair,
            "This app and the relay have no version in common; update the older of the two.",
        ),
        (LoginNeeded, 110, "login_needed", AfterRepair, "The relay needs this device to log in first."),
        (
            AnonymousOnly,
            111,
            "anonymous_only",
            AfterRepair,
            "This request must not carry a login; it belongs on the anonymous connection.",
        ),
        (LoginRefused, 112, "login_refused", Never, "The relay does not know this device or its proof."),
        (BadRequest, 113, "bad_request", Never, "The request does not hold together."),
        (
            DeviceRemoved,
            114,
            "device_removed",
            Never,
            "This device was removed from its account by another device of it.",
        ),
        (
            InQuarantine,
            115,
            "in_quarantine",
            Never,
            "This device is new; until a day has passed or another device has approved it, it may not do this.",
        ),
        (
            StaleDeviceList,
            116,
            "stale_device_list",
            AfterRepair,
            "Another device has changed the device list meanwhile; the app takes that in and tries again.",
        ),
        (
            NoSuchLink,
            117,
            "no_such_link",
            Never,
            "This link code was used, or its minute is over; make a new one on the new device.",
        ),
        (HandleTaken, 120, "handle_taken", Never, "This handle is taken; choose another."),
        (RegistrationClosed, 121, "registration_closed", Never, "This relay takes no new accounts."),
        (
            InviteNeeded,
            122,
            "invite_needed",
            AfterRepair,
            "This relay takes new accounts by invitation; ask its operator for a code that was not used yet.",
        ),
        (NoSuchAccount, 130, "no_such_account", Never, "Nobody with this handle can be reached here."),
        (
            NoKeyPackages,
            131,
            "no_key_packages",
            Later,
            "This person's devices cannot be reached just now; the message will go out when they can.",
        ),
        (
            BadTicket,
            132,
            "bad_ticket",
            AfterRepair,
            "The permission to reach a device was used or is too old.",
        ),
        (
            NoSuchConversation,
            140,
            "no_such_conversation",
            Never,
            "The relay does not know this conversation.",
        ),
        (
            StaleEpoch,
            141,
            "stale_epoch",
            AfterRepair,
            "The conversation has moved on; the message is sealed again and sent.",
        ),
        (ConversationExists, 142, "conversation_exists", Never, "A conversation with this id exists."),
        (NotMls, 143, "not_mls", Never, "The relay carries only sealed messages, and this is not one."),
        (
            MailboxFull,
            150,
            "mailbox_full",
            Later,
            "A recipient has too many messages waiting; try again later.",
        ),
        (LimitReached, 151, "limit_reached", Never, "A limit of this relay is reached."),
        (SlowDown, 152, "slow_down", Later, "Too many requests; the app waits and tries again."),
        (
            StorageUnavailable,
            160,
            "storage_unavailable",
            Later,
            "The relay cannot store messages just now; nothing was sent, and the app will try again.",
        ),
        (Stopping, 161, "stopping", Later, "The relay is restarting."),
        (IdleTooLong, 162, "idle_too_long", Later, "The connection was silent for too long."),
        (
            ReaderTooSlow,
            163,
            "reader_too_slow",
            Later,
            "The connection is too slow for what waits to be read.",
        ),
        (Replaced, 164, "replaced", AfterRepair, "This device connected from somewhere else."),
        (NoSuchBlob, 170, "no_such_blob", Never, "The relay does not keep this file, or no longer."),
        (
            BlobQuota,
            171,
            "blob_quota",
            Never,
            "You have sent as many files as this relay allows in thirty days; the file was not sent.",
        ),
        (
            BlobIncomplete,
            172,
            "blob_incomplete",
            AfterRepair,
            "Parts of the file have not arrived; the app sends them.",
        ),
        (BlobDiffers, 173, "blob_differs", AfterRepair, "The file arrived altered; the app sends it again."),
        (NoRoom, 174, "no_room", Later, "The relay has no room for files just now; the app will try again."),
        (
            ConsentNeeded,
            180,
            "consent_needed",
            Never,
            "This person has not agreed to be written to by this business for that; nothing was sent.",
        ),
        (
            NameNeeded,
            181,
            "name_needed",
            AfterRepair,
            "What is said to a business is sent by name; the app does so.",
        ),
        (BusinessAlone, 182, "business_alone", Never, "A business talks with one customer at a time."),
        (
            StaleConsent,
            183,
            "stale_consent",
            AfterRepair,
            "Another device has changed what this business may do meanwhile; look at it again.",
        ),
        (
            BusinessSuspended,
            184,
            "business_suspended",
            Never,
            "The operator of the relay has suspended this business.",
        ),
        (
            MarketingCap,
            185,
            "marketing_cap",
            Never,
            "This customer has got as many offers today as they may; nothing was sent.",
        ),
        (
            MessagingLimit,
            186,
            "messaging_limit",
            Never,
            "This business has reached as many customers today as it may; nothing was sent.",
        ),
        (
            MarketingPaused,
            187,
            "marketing_paused",
            Never,
            "Too many customers did not want what this business sent; it sends no offers for a week.",
        ),
        (Internal, 199, "internal", Later, "The relay has a fault; nothing was lost."),
    ]
};

impl ErrorCode {
    fn row(self) -> Option<&'static (ErrorCode, u32, &'static str, Retry, &'static str)> {
        TABLE.iter().find(|row| row.0 == self)
    }

    /// The stable number.
    pub fn number(self) -> u32 {
        match self {
            Self::Other(number) => number,
            known => known.row().map_or(199, |row| row.1),
        }
    }

    /// The code of a number; one that this version does not know is kept as it is.
    pub fn from_number(number: u32) -> Self {
        TABLE.iter().find(|row| row.1 == number).map_or(Self::Other(number), |row| row.0)
    }

    /// The stable name, as it stands in JSON.
    pub fn name(self) -> &'static str {
        self.row().map_or("other", |row| row.2)
    }

    /// Whether trying again helps. Of a code that this version does not know, nothing better is known than
    /// that it may pass.
    pub fn retry(self) -> Retry {
        self.row().map_or(Retry::Later, |row| row.3)
    }

    /// One plain sentence for people.
    pub fn sentence(self) -> &'static str {
        self.row()
            .map_or("The relay refused, for a reason that this version of the app does not know.", |row| {
                row.4
            })
    }

    /// Every code that this version knows.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.sentence(), self.name())
    }
}

/// An error as the wire carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct WireError {
    /// What happened.
    pub code: ErrorCode,
    /// With [`ErrorCode::StaleEpoch`]: the epoch that the conversation is at.
    pub epoch: u64,
    /// Milliseconds to wait before trying again; 0 when the relay does not say.
    pub retry_after_ms: u64,
}

impl From<ErrorCode> for WireError {
    fn from(code: ErrorCode) -> Self {
        Self { code, epoch: 0, retry_after_ms: 0 }
    }
}

impl From<WireError> for crate::wire::Error {
    fn from(error: WireError) -> Self {
        Self { code: error.code.number(), epoch: error.epoch, retry_after_ms: error.retry_after_ms }
    }
}

impl From<crate::wire::Error> for WireError {
    fn from(error: crate::wire::Error) -> Self {
        Self {
            code: ErrorCode::from_number(error.code),
            epoch: error.epoch,
            retry_after_ms: error.retry_after_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_come_back() {
        let numbers: BTreeSet<u32> = ErrorCode::all().map(ErrorCode::number).collect();
        let names: BTreeSet<&str> = ErrorCode::all().map(ErrorCode::name).collect();
        assert_eq!(numbers.len(), ErrorCode::all().count());
        assert_eq!(names.len(), ErrorCode::all().count());
        for code in ErrorCode::all() {
            assert_eq!(ErrorCode::from_number(code.number()), code);
        }
    }

    #[test]
    fn a_code_from_a_newer_relay_is_kept_and_explained() {
        let code = ErrorCode::from_number(9999);
        assert_eq!(code, ErrorCode::Other(9999));
        assert_eq!(code.number(), 9999);
        assert!(code.to_string().contains("does not know"));
    }
}
