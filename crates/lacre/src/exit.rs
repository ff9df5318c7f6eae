//! How a command ends: an exit code, a stable name, a plain sentence, and whether trying again helps.

use std::fmt;

use lacre_client::files::{DownloadFailure, FileError, FilesError};
use lacre_client::records::Failure as MessageFailure;
use lacre_client::store::StoreError;
use lacre_client::transport::{BadAddress, ConnectError};
use lacre_client::{EngineError, FetchError, IntentError, NotSent, OpenError, Refusal, Trouble};
use lacre_proto::ErrorCode;
use lacre_proto::error::{Retry, WireError};
use serde_json::json;

/// The exit codes; they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something failed that is none of the others.
    Failure = 1,
    /// The command line was not understood, or something needed was not given.
    Usage = 2,
    /// The relay cannot be reached.
    Unreachable = 3,
    /// The relay, or a rule of this app, refused; trying again does not help.
    Refused = 4,
    /// The profile or the data folder is open in another program.
    InUse = 5,
    /// The passphrase or the data key is wrong.
    WrongPassphrase = 6,
    /// Nobody has signed up with this profile.
    NotSignedUp = 7,
    /// The store is damaged, written by a newer version, or the disk is full.
    Store = 8,
    /// The relay is not the one that is known, or its certificate is not trusted.
    NotTrusted = 9,
    /// `doctor` or `store check` found something wrong.
    Unhealthy = 10,
}

/// The table for `lacre help exit-codes`.
pub const TABLE: &str = "\
How every command ends:

  0  Done.
  1  Something failed that is none of the others; the sentence says what.
  2  The command line was not understood, or something needed was not given.
  3  The relay cannot be reached. A message that was to be sent waits in the profile.
  4  The relay, or a rule of this app, refused; trying the same again does not help.
  5  The profile or the data folder is open in another program.
  6  The passphrase or the data key is wrong.
  7  Nobody has signed up with this profile yet.
  8  The store is damaged, was written by a newer version, or the disk is full.
  9  The relay is not the one that is known, or its certificate is not trusted.
 10  doctor or store check found something that needs you.";

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The stable name, as it stands in JSON.
    pub code: &'static str,
    /// What happened, whether anything was sent, the next step.
    pub message: String,
    /// Whether trying again helps.
    pub retry: Retry,
}

impl Failure {
    /// A failure that trying again does not mend.
    pub fn new(exit: Exit, code: &'static str, message: impl fmt::Display) -> Self {
        Self { exit, code, message: message.to_string(), retry: Retry::Never }
    }

    /// Something that was not given, or not as it should be.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// The operating system refused.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(Exit::Failure, "io", format!("{what}: {error}"))
    }

    fn later(mut self) -> Self {
        self.retry = Retry::Later;
        self
    }

    /// As a JSON object on one line.
    pub fn to_json(&self) -> String {
        json!({"error": {"code": self.code, "message": self.message, "retry": self.retry_name()}}).to_string()
    }

    /// Whether trying again helps, as it stands in JSON.
    pub fn retry_name(&self) -> &'static str {
        match self.retry {
            Retry::Never => "never",
            Retry::Later => "later",
            Retry::AfterRepair => "after_repair",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (exit, code) = match &error {
            StoreError::InUse => (Exit::InUse, "profile_in_use"),
            StoreError::WrongPassphrase => (Exit::WrongPassphrase, "wrong_passphrase"),
            StoreError::Newer(_) => (Exit::Store, "newer_store"),
            StoreError::Damaged(_) => (Exit::Store, "damaged_store"),
            StoreError::Full => (Exit::Store, "disk_full"),
            _ => (Exit::Failure, "store"),
        };
        let failure = Self::new(exit, code, &error);
        if matches!(error, StoreError::InUse | StoreError::Full) { failure.later() } else { failure }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        let retry = error.code.retry();
        let exit = match error.code {
            ErrorCode::VersionUnsupported => Exit::Refused,
            _ if retry == Retry::Later => Exit::Unreachable,
            _ => Exit::Refused,
        };
        Self { exit, code: error.code.name(), message: error.code.sentence().to_owned(), retry }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let (exit, code) = match &trouble {
            Trouble::Refused(error) => return (*error).into(),
            Trouble::Store(error) => return error.clone().into(),
            Trouble::Connect(ConnectError::CertificateChanged { .. }) => {
                (Exit::NotTrusted, "certificate_changed")
            }
            Trouble::Connect(ConnectError::NotTrusted { .. } | ConnectError::Roots(_)) => {
                (Exit::NotTrusted, "certificate_not_trusted")
            }
            Trouble::OtherRelay => (Exit::NotTrusted, "other_relay"),
            Trouble::Connect(ConnectError::NotWanted) => (Exit::Unreachable, "offline"),
            Trouble::Connect(ConnectError::PlainOffLoopback(_)) => (Exit::Usage, "plain_off_loopback"),
            Trouble::Connect(ConnectError::NotARelay { .. }) | Trouble::BadGreeting | Trouble::BadFrame => {
                (Exit::Unreachable, "not_a_relay")
            }
            Trouble::Engine(_) => (Exit::Failure, "fault"),
            _ => (Exit::Unreachable, "unreachable"),
        };
        let may_pass = trouble.may_pass();
        let failure = match code {
            "offline" => Self::new(exit, code, "this needs the relay, and --offline makes no connection"),
            _ => Self::new(exit, code, trouble),
        };
        if may_pass { failure.later() } else { failure }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Relay(trouble) => trouble.into(),
            OpenError::Store(error) => error.into(),
            OpenError::NotSignedUp => {
                Self::new(Exit::NotSignedUp, "not_signed_up", format!("{error}; run `lacre sign-up` first"))
            }
            OpenError::SignedUpAlready(_) => Self::new(Exit::Refused, "signed_up_already", error),
            OpenError::Corrupt(_) => Self::new(Exit::Store, "damaged_store", error),
            _ => Self::new(Exit::Failure, "failure", error),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(Exit::Store, "damaged_store", error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::NoSuchAccount => "no_such_account",
            Refusal::Yourself => "yourself",
            Refusal::NoSuchConversation => "no_such_conversation",
            Refusal::NoSuchMessage => "no_such_message",
            Refusal::Blocked => "blocked",
            Refusal::UnknownPerson => "unknown_person",
            Refusal::TooManyBlocked => "too_many_blocked",
            Refusal::NoRequest => "no_such_request",
            Refusal::BadContent => "bad_content",
            Refusal::NotAMember => "not_a_member",
            Refusal::NotAccepted => "not_accepted",
            Refusal::NotAGroup => "not_a_group",
            Refusal::NotAllowed => "not_allowed",
            Refusal::NotInGroup => "not_in_group",
            Refusal::MembersAlready => "members_already",
            Refusal::TooMany => "too_many",
            Refusal::TooMuchHistory => "too_much_history",
            Refusal::MemberAlready => "member_already",
            Refusal::NobodyAsked => "nobody_asked",
            Refusal::LastAdmin => "last_admin",
            Refusal::NotYet => "not_yet",
            Refusal::IdentityChanged => "identity_changed",
            Refusal::NoKeyChange => "no_key_change",
            Refusal::OtherSafetyNumber => "other_safety_number",
            Refusal::NoSuchDevice => "no_such_device",
            Refusal::NoBusiness => "no_business",
            Refusal::TermsChanged => "terms_changed",
            Refusal::ConsentNeeded => "consent_needed",
            Refusal::Stopped => "stopped",
            Refusal::WindowClosed => "window_closed",
            Refusal::NoSuchChoice => "no_such_choice",
            Refusal::Misfilled(_) => "misfilled",
            Refusal::InQuarantine => "in_quarantine",
            Refusal::NotByThisDevice => "not_by_this_device",
            Refusal::TooManyDevices => "too_many_devices",
            Refusal::Offline => "unreachable",
            Refusal::NoTransfer => "no_transfer",
            Refusal::LinkingAlready => "linking_already",
            Refusal::NotYours => "not_yours",
            Refusal::TooLate => "too_late",
            Refusal::NotOfThisKind => "not_of_this_kind",
            Refusal::Closed => "poll_closed",
            Refusal::NotAnEmoji => "not_an_emoji",
            Refusal::TooManyTargets(_) => "too_many_targets",
            Refusal::Relay(error) => error.code.name(),
            _ => "refused",
        };
        Self::new(Exit::Refused, code, format!("{refusal}; nothing was sent"))
    }
}

impl From<IntentError> for Failure {
    fn from(error: IntentError) -> Self {
        match error {
            IntentError::Refused(refusal) => refusal.into(),
            IntentError::Store(error) => error.into(),
            IntentError::IdUsed => Self::new(Exit::Refused, "id_used", error),
            _ => Self::new(Exit::Failure, "fault", error),
        }
    }
}

impl From<MessageFailure> for Failure {
    fn from(failure: MessageFailure) -> Self {
        let code = match failure {
            MessageFailure::NoSuchAccount => "no_such_account",
            MessageFailure::Yourself => "yourself",
            MessageFailure::IdentityChanged => "identity_changed",
            MessageFailure::FalseIdentity => "false_identity",
            MessageFailure::Cancelled => "cancelled",
            MessageFailure::Blocked => "blocked",
            MessageFailure::NotAllowed => "not_allowed",
            MessageFailure::NotAMember => "not_a_member",
            MessageFailure::FileGone => "file_gone",
            MessageFailure::Relay(number) => ErrorCode::from_number(number).name(),
        };
        Self::new(Exit::Refused, code, format!("{failure}; the message was not sent"))
    }
}

impl From<FilesError> for Failure {
    fn from(error: FilesError) -> Self {
        let (exit, code) = match &error {
            FilesError::File(FileError::TooLarge) => (Exit::Refused, "too_large"),
            FilesError::File(_) => (Exit::Refused, "altered_file"),
            FilesError::NotHere => (Exit::Refused, "not_here"),
            FilesError::Changed => (Exit::Refused, "file_changed"),
            FilesError::Exists => (Exit::Refused, "file_exists"),
            FilesError::NoRoom => (Exit::Store, "disk_full"),
            _ => (Exit::Failure, "io"),
        };
        Self::new(exit, code, error)
    }
}

impl From<DownloadFailure> for Failure {
    fn from(why: DownloadFailure) -> Self {
        let (exit, code) = match why {
            DownloadFailure::Gone => (Exit::Refused, "file_gone"),
            DownloadFailure::Altered => (Exit::Refused, "altered_file"),
            DownloadFailure::NoRoom => (Exit::Store, "disk_full"),
            DownloadFailure::Relay(number) => (Exit::Refused, ErrorCode::from_number(number).name()),
            DownloadFailure::Disk => (Exit::Failure, "io"),
        };
        Self::new(exit, code, why)
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Intent(error) => error.into(),
            FetchError::Failed(why) => why.into(),
            FetchError::Corrupt(error) => error.into(),
            _ => Self::new(Exit::Failure, "fault", error),
        }
    }
}

impl From<NotSent> for Failure {
    fn from(error: NotSent) -> Self {
        match error {
            NotSent::Failed(failure) => failure.into(),
            other => Self::new(Exit::Failure, "not_sent", other),
        }
    }
}

impl From<BadAddress> for Failure {
    fn from(error: BadAddress) -> Self {
        Self::usage(error)
    }
}
