//! The command line.

mod files;
mod messages;
mod voice;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lacre_proto::Handle;

use crate::exit;
pub use files::{PaceArgs, SaveArgs, StorageArgs};
pub use messages::{LocationArgs, MessageCommand, Switch};
pub use voice::VoiceCommand;

/// What a newcomer does first.
const BEGIN: &str = "Begin with `lacre sign-up --relay https://relay.example:8443 HANDLE`, then `lacre chat`. \
                     `lacre help COMMAND` tells more of one; `lacre help exit-codes` lists the exit codes.";

/// Sealed messages: what you write can be read by the person you write to, and by nobody between.
#[derive(Debug, Parser)]
#[command(name = "lacre", version, max_term_width = 100, arg_required_else_help = true, after_help = BEGIN)]
pub struct Cli {
    /// Folder of the profile (one account on this device)
    #[arg(long, global = true, env = "LACRE_PROFILE", value_name = "DIR")]
    pub profile: Option<PathBuf>,
    /// Read the passphrase of the profile from this file descriptor (else LACRE_PASSPHRASE, else a prompt)
    #[arg(long, global = true, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Answer in JSON, and tell errors in JSON on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Make no connection: show what is on this device, and leave what is to be sent in the outbox
    #[arg(long, global = true)]
    pub offline: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a relay, or look after one
    Relay(Box<RelayArgs>),
    /// Make an account at a relay, and this device its first
    SignUp(SignUpArgs),
    /// Show who this profile is
    Whoami,
    /// Send a message to a person or a group
    Send(SendArgs),
    /// Show messages
    Read(ReadArgs),
    /// List the conversations of this device, the one that was active last first
    Conversations {
        /// Only those with messages that were not read
        #[arg(long)]
        unread: bool,
    },
    /// Save the files of a message
    Save(SaveArgs),
    /// List the files of a conversation
    Media {
        /// The person's handle or the group's name
        with: String,
    },
    /// Show what takes space on this device, or delete it
    Storage(StorageArgs),
    /// What is done with messages
    #[command(flatten)]
    Messages(MessageCommand),
    /// Make groups, change them, look at them, leave them
    Group(Box<GroupArgs>),
    /// Search the messages of this device
    Search(SearchArgs),
    /// Decide on people who wrote to you and to whom you never wrote
    Requests {
        /// What to do; without it they are listed
        #[command(subcommand)]
        command: Option<RequestsCommand>,
    },
    /// Block a person: nothing of them reaches you any more, and they are not told
    Block(PersonArgs),
    /// Take a block back
    Unblock(PersonArgs),
    /// List whom you have blocked
    Blocked,
    /// Write a report of chosen messages into a file, each under the signature of its author
    Report(ReportArgs),
    /// Record and play voice notes
    Voice {
        /// What to do
        #[command(subcommand)]
        command: VoiceCommand,
    },
    /// Talk in the terminal
    Chat,
    /// Talk as a program: JSON lines in, JSON lines out
    Bot(BotArgs),
    /// The devices of this account: add one, remove one, list them
    Device {
        /// What to do
        #[command(subcommand)]
        command: DeviceCommand,
    },
    /// List the devices of this account
    Devices,
    /// Show the safety number with a person, or compare it
    Safety(SafetyArgs),
    /// Give this device new keys in every conversation: somebody may know those that it has
    Secure(SecureArgs),
    /// Check a relay's data folder, or a profile, and say what needs you
    Doctor(DoctorArgs),
    /// Look into the profile's local store
    Store {
        /// What to do with it
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write a page for each command into a folder
    Man {
        /// The folder; it is made when it is not there
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// List the exit codes
    #[command(hide = true, long_about = exit::TABLE)]
    ExitCodes,
}

/// `lacre relay`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct RelayArgs {
    /// Running it
    #[command(flatten)]
    pub run: RunArgs,
    /// Looking after it
    #[command(subcommand)]
    pub command: Option<RelayCommand>,
}

/// Running a relay.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Folder for the relay's data; it is made when it is not there
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Option<PathBuf>,
    /// Address and port for devices
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
    /// Address and port for health and metrics; loopback only
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin: Option<SocketAddr>,
    /// `self-signed` or `off` (both on loopback only), or two PEM files: CERTIFICATE,KEY
    #[arg(long, value_name = "self-signed|CERT,KEY|off", default_value = "self-signed")]
    pub tls: TlsArg,
    /// Who may make an account
    #[arg(long, value_enum, default_value_t = RegistrationArg::Open)]
    pub registration: RegistrationArg,
    /// File with the 32-byte key (raw or 64 hex digits) that seals the data folder
    #[arg(long, env = "LACRE_DATA_KEY_FILE", value_name = "FILE")]
    pub data_key_file: Option<PathBuf>,
    /// Where files lie
    #[command(flatten)]
    pub files: BlobsArgs,
    /// GiB of files that one account may send in thirty days
    #[arg(long, value_name = "GIB", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub blobs_quota: u64,
    /// Milliseconds that a commit waits for company
    #[arg(long, value_name = "MS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub linger: u64,
    /// `lifted`: no rate limits, for measuring on loopback
    #[arg(long, value_enum, default_value_t = LimitsArg::Default, hide = true)]
    pub limits: LimitsArg,
}

/// Where a relay's files lie.
#[derive(Debug, Args)]
pub struct BlobsArgs {
    /// Where files lie, instead of beside the data: s3://BUCKET or s3://BUCKET/PREFIX. Keys are taken from
    /// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from --blobs-credentials
    #[arg(long, value_name = "URL")]
    pub blobs: Option<String>,
    /// The S3 server, when it is not Amazon's
    #[arg(long, value_name = "URL", requires = "blobs")]
    pub blobs_endpoint: Option<String>,
    /// Its region
    #[arg(long, value_name = "REGION", requires = "blobs")]
    pub blobs_region: Option<String>,
    /// File with the access key on its first line and the secret key on its second
    #[arg(long, value_name = "FILE", requires = "blobs")]
    pub blobs_credentials: Option<PathBuf>,
}

/// Which rate limits hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LimitsArg {
    /// The relay's own.
    Default,
    /// None: one address may do what a thousand do otherwise.
    Lifted,
}

/// How sockets are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsArg {
    /// A certificate made at the first start.
    SelfSigned,
    /// Certificate chain and key.
    Files(PathBuf, PathBuf),
    /// None.
    Off,
}

impl std::str::FromStr for TlsArg {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "self-signed" => Ok(Self::SelfSigned),
            "off" => Ok(Self::Off),
            files => match files.split_once(',') {
                Some((certificate, key)) if !certificate.is_empty() && !key.is_empty() => {
                    Ok(Self::Files(certificate.into(), key.into()))
                }
                _ => Err("write self-signed, off, or CERTIFICATE,KEY (two PEM files)"),
            },
        }
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RegistrationArg {
    /// Anybody
    Open,
    /// Who brings an invite code
    Invite,
    /// Nobody
    Closed,
}

/// Looking after a relay.
#[derive(Debug, Subcommand)]
pub enum RelayCommand {
    /// Write the data of a stopped relay, and the files that people sent, into one file
    Export {
        /// The relay and its key
        #[command(flatten)]
        relay: RelayData,
        /// Where its files lie
        #[command(flatten)]
        files: BlobsArgs,
        /// Leave the files out, when they stay where they are
        #[arg(long, conflicts_with = "blobs")]
        without_files: bool,
        /// The file to write; it must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Fill the empty data folder of a new relay from such a file
    Import {
        /// The relay and its key
        #[command(flatten)]
        relay: RelayData,
        /// Where its files are to lie
        #[command(flatten)]
        files: BlobsArgs,
        /// Leave the files out, when they are there already
        #[arg(long, conflicts_with = "blobs")]
        without_files: bool,
        /// The file to read
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Make invite codes; each is good for one account
    Invite {
        /// The relay and its key
        #[command(flatten)]
        relay: RelayData,
        /// The relay's admin listener, when it runs
        #[arg(long, value_name = "ADDRESS:PORT")]
        admin: Option<SocketAddr>,
        /// How many
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
        count: u32,
    },
}

/// A relay's data folder.
#[derive(Debug, Args)]
pub struct RelayData {
    /// Folder of the relay's data
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// File with the key that seals the data folder
    #[arg(long, env = "LACRE_DATA_KEY_FILE", value_name = "FILE")]
    pub data_key_file: Option<PathBuf>,
}

/// `lacre sign-up`.
#[derive(Debug, Args)]
pub struct SignUpArgs {
    /// The relay's address, such as `https://relay.example:8443`
    #[arg(long, value_name = "URL")]
    pub relay: String,
    /// The handle by which people find you: a to z, digits, '.', '_', '-'
    pub handle: Handle,
    /// The invite code, where the relay asks for one
    #[arg(long, env = "LACRE_INVITE", value_name = "CODE", hide_env_values = true)]
    pub invite: Option<String>,
    /// PEM file with the certificate authority of the relay, when this machine does not know it
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Keep the profile under no passphrase: whoever reads the disk reads the messages
    #[arg(long)]
    pub no_passphrase: bool,
}

/// `lacre send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// To whom: a person's handle or a group's name; @name is always the person, #name the group. Your own handle
    /// is a note to yourself
    pub to: String,
    /// The text; `-` reads it from standard input
    #[arg(required_unless_present_any = ["files", "voice", "own"])]
    pub text: Option<String>,
    /// A note to yourself, on all your devices: `lacre send --self TEXT`
    #[arg(long = "self", conflicts_with_all = ["text", "files", "voice"])]
    pub own: bool,
    /// Send files, up to ten in one message. They are sealed first; then it waits for as long as they get on
    #[arg(long = "file", value_name = "PATH", num_args = 1.., conflicts_with_all = ["text", "once", "reply_to"])]
    pub files: Vec<PathBuf>,
    /// What to say with the files
    #[arg(long, value_name = "TEXT", requires = "files")]
    pub caption: Option<String>,
    /// Send pictures in their full size; and what cannot be cleaned of what it tells about its maker, as it is
    #[arg(long, requires = "files")]
    pub original: bool,
    /// Send a WAV file, or what `lacre voice record` made, as a voice note
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "files", "once", "reply_to"])]
    pub voice: Option<PathBuf>,
    /// How the files go
    #[command(flatten)]
    pub pace: PaceArgs,
    /// The id of the message that it answers
    #[arg(long, value_name = "ID")]
    pub reply_to: Option<String>,
    /// Not before this time: 2026-12-24T18:00 here, or in RFC 3339. This device sends it when it runs then or
    /// later
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// It may be looked at once, and is gone then; a picture of the screen stays
    #[arg(long, visible_alias = "view-once", conflicts_with = "reply_to")]
    pub once: bool,
    /// Only put it into the outbox; it goes out the next time this profile connects
    #[arg(long)]
    pub no_wait: bool,
    /// Seconds to wait for the relay before the message is left in the outbox
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

/// `lacre read`.
#[derive(Debug, Args)]
pub struct ReadArgs {
    /// Stay, and show messages as they come
    #[arg(long, conflicts_with = "offline")]
    pub follow: bool,
    /// Only the last N messages (else all in JSON, the last 50 for people)
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Only the conversation with this person, or the group of this name
    #[arg(long, value_name = "NAME")]
    pub with: Option<String>,
    /// Tell the senders that what is shown was read
    #[arg(long, conflicts_with = "offline")]
    pub mark_read: bool,
    /// Seconds to wait for the relay
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

/// `lacre group`.
#[derive(Debug, Args)]
pub struct GroupArgs {
    /// What to do
    #[command(subcommand)]
    pub command: GroupCommand,
    /// Only put it into the outbox; it is done the next time this profile connects
    #[arg(long, global = true)]
    pub no_wait: bool,
    /// Seconds to wait for the relay before it is left in the outbox
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

/// What is done with groups.
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Make a group
    Create {
        /// What it is called
        name: String,
        /// Who is in it from the beginning, by commas
        #[arg(long, value_name = "HANDLES", value_delimiter = ',')]
        with: Vec<Handle>,
    },
    /// Add people
    Add {
        /// The group's name or id
        group: String,
        /// Whom to add
        #[arg(required = true)]
        people: Vec<Handle>,
        /// Give them so many of the last messages, at most 100, of at most 14 days; everybody is told
        #[arg(long, value_name = "MESSAGES", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
        history: u8,
    },
    /// Show the link by which people can ask to be let in, make another, or turn it off (admins only)
    Link {
        /// The group's name or id
        group: String,
        /// Make a link; the one before is good no more
        #[arg(long, conflicts_with = "off")]
        new: bool,
        /// For so many days
        #[arg(long, value_name = "DAYS", requires = "new", value_parser = clap::value_parser!(u32).range(1..=366))]
        days: Option<u32>,
        /// Turn the link off
        #[arg(long)]
        off: bool,
    },
    /// Ask to be let into a group by its link
    Join {
        /// The link, or a PNG image of its QR code
        link: String,
    },
    /// List who asks to be let in (admins only)
    Requests {
        /// The group's name or id
        group: String,
    },
    /// Let somebody in who asked (admins only)
    Approve {
        /// The group's name or id
        group: String,
        /// Who asked
        person: Handle,
        /// Give them so many of the last messages, at most 100, of at most 14 days; everybody is told
        #[arg(long, value_name = "MESSAGES", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
        history: u8,
    },
    /// Do not let somebody in who asked (admins only)
    Decline {
        /// The group's name or id
        group: String,
        /// Who asked
        person: Handle,
    },
    /// Remove people (admins only)
    Remove {
        /// The group's name or id
        group: String,
        /// Whom to remove
        #[arg(required = true)]
        people: Vec<Handle>,
    },
    /// Leave a group with all your devices; what was said stays on this one
    Leave {
        /// The group's name or id
        group: String,
    },
    /// Make somebody an admin or an ordinary member (admins only)
    Role {
        /// The group's name or id
        group: String,
        /// Whom
        person: Handle,
        /// What they are from now on
        role: RoleArg,
    },
    /// Show who may do what, or change it (admins only)
    Rules {
        /// The group's name or id
        group: String,
        /// Who adds people
        #[arg(long, value_enum)]
        add: Option<AllowedArg>,
        /// Who changes name, description and picture
        #[arg(long, value_enum)]
        edit: Option<AllowedArg>,
        /// Who sends messages
        #[arg(long, value_enum)]
        send: Option<AllowedArg>,
    },
    /// Give a group another name
    Rename {
        /// The group's name or id
        group: String,
        /// The new name
        name: String,
    },
    /// Say what a group is for; an empty text takes it away
    Describe {
        /// The group's name or id
        group: String,
        /// The description
        text: String,
    },
    /// Give a group a picture, take it away, or write it into a file
    Picture {
        /// The group's name or id
        group: String,
        /// A PNG image of at most 48 KiB; nothing of it goes but the picture itself
        #[arg(conflicts_with_all = ["off", "to"])]
        image: Option<PathBuf>,
        /// Take it away
        #[arg(long, conflicts_with = "to")]
        off: bool,
        /// Write it into a new file
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Say what you go by in a group; an empty text takes it away
    Label {
        /// The group's name or id
        group: String,
        /// The label
        text: String,
    },
    /// List the groups of this device
    List,
    /// Show a group: its rules and its members
    Show {
        /// The group's name or id
        group: String,
    },
}

/// What somebody is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// May change the group, its members and its rules
    Admin,
    /// May do what the rules let everybody do
    Member,
}

/// Who may do something in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AllowedArg {
    /// Every member
    All,
    /// Admins
    Admins,
}

/// `lacre search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Words and beginnings of words, all of which must be found; "in quotes" they must stand so. Case and
    /// accents do not matter
    pub words: Vec<String>,
    /// Only the conversation of this name: a person's handle or a group's name
    #[arg(long = "in", value_name = "NAME")]
    pub within: Option<String>,
    /// Only what this person wrote
    #[arg(long, value_name = "HANDLE")]
    pub from: Option<Handle>,
    /// Only messages of this kind: text, link, poll, location, contact, media, voice
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only from this day on (2026-11-22), or from this time on (2026-11-22T14:05:00Z)
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only up to this day, that day included, or before this time
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// Only the newest N (else all in JSON, 20 for people)
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// `lacre bot`.
#[derive(Debug, Args)]
pub struct BotArgs {
    /// Messages that may wait for the relay before no further line is read
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub in_flight: usize,
    /// Seconds to wait for the relay at the end of standard input
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

/// `lacre requests`.
#[derive(Debug, Subcommand)]
pub enum RequestsCommand {
    /// List them
    List,
    /// Accept one: from now on they see what arrived and what you have read
    Accept(RequestArgs),
    /// Delete one: you leave without a word, and forget what was said
    Delete(RequestArgs),
    /// Block who asks
    Block(RequestArgs),
    /// Write a report of all that a request says into a file
    Report {
        /// Which
        #[command(flatten)]
        request: RequestArgs,
        /// The file to write; it must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// A request, and how long to wait.
#[derive(Debug, Args)]
pub struct RequestArgs {
    /// Who asks: a handle, or the name of the group that you were added to
    #[arg(value_name = "HANDLE")]
    pub name: String,
    /// Seconds to wait for the relay; what it is to be told is kept until it can be told
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

/// `lacre block` and `lacre unblock`.
#[derive(Debug, Args)]
pub struct PersonArgs {
    /// Who
    pub handle: Handle,
    /// Seconds to wait for the relay; what it is to be told is kept until it can be told
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

/// `lacre report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Who wrote the messages, or the name of the group in which they stand
    #[arg(value_name = "HANDLE")]
    pub name: String,
    /// Ids of the messages, as `lacre read --json` prints them; nothing else goes into the report
    #[arg(required = true, value_name = "MESSAGE-ID")]
    pub messages: Vec<String>,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// `lacre device`.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// On a new device: make it one of an account that you have, with a code for your other device
    Join(JoinArgs),
    /// On a device that you have: let the new one in that shows this code
    Link {
        /// The code that the new device shows
        code: String,
        /// Tell it also what was said before, once it may have it
        #[arg(long)]
        with_history: bool,
        /// Of the last so many days only
        #[arg(long, value_name = "N", requires = "with_history")]
        days: Option<u32>,
    },
    /// List the devices
    List,
    /// Take a device out of the account and of every conversation
    Revoke {
        /// Its id, the beginning of it, or its name
        device: String,
    },
    /// Let a new device do everything before its first day is over
    Approve {
        /// Its id, the beginning of it, or its name
        device: String,
    },
    /// Tell a device that came later what was said before: messages with all that belongs to them
    History(HistoryArgs),
    /// Give a device a name, on all devices of the account
    Rename {
        /// Its id, the beginning of it, or its name
        device: String,
        /// The new name; empty for none
        name: String,
    },
}

/// `lacre device history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The device to tell: its id, the beginning of it, or its name. Without one, the transfers are listed
    #[arg(long, value_name = "DEVICE")]
    pub to: Option<String>,
    /// What was said in the last so many days; without it, everything
    #[arg(long, value_name = "N", requires = "to")]
    pub days: Option<u32>,
    /// Give up what is being told to this device, or by it
    #[arg(long, value_name = "DEVICE", conflicts_with = "to")]
    pub stop: Option<String>,
    /// Only begin; it goes on whenever both devices are online
    #[arg(long, requires = "to")]
    pub no_wait: bool,
    /// Seconds to wait without progress before it is left to go on later
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout: u64,
}

/// `lacre device join`.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// The relay's address, such as `https://relay.example:8443`
    #[arg(long, value_name = "URL")]
    pub relay: String,
    /// What your other devices call this one
    #[arg(long, value_name = "NAME", default_value = "")]
    pub name: String,
    /// PEM file with the certificate authority of the relay, when this machine does not know it
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Keep the profile under no passphrase: whoever reads the disk reads the messages
    #[arg(long)]
    pub no_passphrase: bool,
}

/// `lacre safety`.
#[derive(Debug, Args)]
pub struct SafetyArgs {
    /// With whom; without, the number of your own devices
    pub handle: Option<Handle>,
    /// Compare with the number in a text file, or with the code in a PNG image; when it is the same, the person is
    /// marked as verified
    #[arg(long, value_name = "FILE", group = "deed")]
    pub compare: Option<PathBuf>,
    /// Accept the new identity key of somebody whose key has changed
    #[arg(long, requires = "handle", group = "deed")]
    pub accept: bool,
    /// Mark the person as verified: you have compared the number yourself
    #[arg(long, requires = "handle", group = "deed")]
    pub mark_verified: bool,
    /// Take that mark away
    #[arg(long, requires = "handle", group = "deed")]
    pub unmark: bool,
}

/// `lacre secure`.
#[derive(Debug, Args)]
pub struct SecureArgs {
    /// Only tell how far it is
    #[arg(long)]
    pub status: bool,
    /// Do not wait until all is done
    #[arg(long, conflicts_with = "status")]
    pub no_wait: bool,
    /// Wait at most so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub timeout: u64,
}

/// `lacre doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The relay's data folder; without it the profile is looked at
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What the relay is started with: with CERTIFICATE,KEY those files are looked at
    #[arg(long, value_name = "self-signed|off|CERTIFICATE,KEY", requires = "data")]
    pub tls: Option<TlsArg>,
    /// The address that the relay listens on, to be asked too
    #[arg(long, value_name = "ADDRESS:PORT", requires = "data")]
    pub listen: Option<SocketAddr>,
    /// The relay's own listener, to be asked too
    #[arg(long, value_name = "ADDRESS:PORT", requires = "data")]
    pub admin: Option<SocketAddr>,
}

/// `lacre store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read every page and check it
    Check,
    /// List what is stored, by table: how many records, how many bytes; no content
    Dump,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_lines_that_scripts_hold_on_to_are_understood() {
        for line in [
            "lacre relay --data d --listen 127.0.0.1:8443",
            "lacre relay --data d --listen 127.0.0.1:8443 --admin 127.0.0.1:9443 --tls self-signed",
            "lacre relay --data d --listen 127.0.0.1:8443 --tls cert.pem,key.pem",
            "lacre relay --data d --listen 127.0.0.1:8443 --tls off",
            "lacre --profile p sign-up --relay https://127.0.0.1:8443 ana",
            "lacre --profile p send bruno hello --json",
            "lacre --profile p send bruno hello --no-wait",
            "lacre --profile p read --follow --limit 5 --json",
            "lacre search café da --in bruno --from bruno --kind link --since 2026-11-22 --limit 3 --json",
            "lacre bot --in-flight 10 --timeout 5",
            "lacre send bruno hello --at 2026-12-24T18:00",
            "lacre send bruno hello --once",
            "lacre react 00 👍",
            "lacre poll bruno when? today tomorrow --multiple",
            "lacre location bruno -23.55 -46.63 --label São_Paulo",
            "lacre timer bruno 1d",
            "lacre group create Family --with ana,bruno --json",
            "lacre group add Family carla",
            "lacre group role Family carla admin",
            "lacre group rules Family --add admins --send all",
            "lacre group leave Family --no-wait",
            "lacre doctor --data d --json",
            "lacre requests --json",
            "lacre requests list",
            "lacre requests accept bruno",
            "lacre requests report bruno --to f",
            "lacre block bruno --json",
            "lacre unblock bruno",
            "lacre blocked",
            "lacre report bruno 00ff --to f",
            "lacre --profile p device join --relay https://127.0.0.1:8443 --name phone",
            "lacre --profile p device link 0000-1111-2222-3333-4444-5555-6666-7777",
            "lacre --profile p safety bruno --compare f --json",
            "lacre relay export --data d --to f",
            "lacre relay export --data d --to f --without-files",
            "lacre relay import --data d --from f --blobs s3://files/one --blobs-region eu-west-1",
            "lacre --offline conversations --unread --json",
            "lacre read --offline --with bruno",
            "lacre info 00 --json",
            "lacre man --to d",
            "lacre voice record a.opus --from a.wav --json",
            "lacre voice play a.opus --to a.wav --speed 1.5",
        ] {
            if let Err(error) = Cli::try_parse_from(line.split(' ')) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "lacre relay --listen 127.0.0.1:8443",
            "lacre relay --data d --tls cert.pem",
            "lacre sign-up --relay https://127.0.0.1:8443 not/a/handle",
            "lacre read --follow --offline",
            "lacre send bruno",
            "lacre react 00",
            "lacre react 00 👍 --remove",
            "lacre vote 00",
            "lacre vote 00 13",
            "lacre poll bruno when? today",
            "lacre location bruno 91 0",
            "lacre forward 00 a b c d e f",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
