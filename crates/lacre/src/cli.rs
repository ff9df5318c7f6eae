//! The command line.

mod business;
mod device;
mod files;
mod group;
mod messages;
mod people;
mod relay;
mod voice;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use lacre_proto::Handle;

use crate::exit;
use crate::person::Person;
pub use business::{
    AddProvider, AdminArgs, AdminBusiness, AdminCommand, AuditCommand, BusinessCommand, CannedCommand,
    ChangeConversation, ClientArg, ConsentCommand, ConsentsCommand, CreateToken, CustomerCommand,
    InboxCommand, JoinNodeArgs, NodesCommand, OneBusiness, OneConversation, PeopleCommand, ProviderCommand,
    PurposeArg, QueueArgs, ReplyArgs, RetentionCommand, SeenArgs, ServeArgs, TemplateCommand, TermsCommand,
    TokenCommand, WebhookCommand,
};
pub use device::{DeviceCommand, HistoryArgs, JoinArgs, SecureArgs};
pub use files::{PaceArgs, SaveArgs, StorageArgs};
pub use group::{AllowedArg, GroupArgs, GroupCommand, RoleArg};
pub use messages::{LocationArgs, MessageCommand, Switch};
pub use people::{PersonArgs, ReportArgs, RequestArgs, RequestsCommand, SafetyArgs};
pub use relay::{BlobsArgs, LimitsArg, RegistrationArg, RelayArgs, RelayCommand, RelayData, RunArgs, TlsArg};
pub use voice::VoiceCommand;

/// What a newcomer does first.
const BEGIN: &str = "\
To begin:
  lacre sign-up --relay https://relay.example:8443 ana
  lacre send bruno \"are you there?\"
  lacre chat

`lacre help COMMAND` tells more of a command,
`lacre help exit-codes` lists the exit codes.";

/// The heading of what every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Sealed messages: what you write can be read by the person you write to, and by nobody between.
#[derive(Debug, Parser)]
#[command(name = "lacre", version, max_term_width = 100, arg_required_else_help = true, after_help = BEGIN)]
pub struct Cli {
    /// Folder of the profile (one account on this device)
    #[arg(long, global = true, env = "LACRE_PROFILE", hide_env_values = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub profile: Option<PathBuf>,
    /// Read the passphrase of the profile from this file descriptor (else LACRE_PASSPHRASE, else a prompt)
    #[arg(long, global = true, value_name = "N", help_heading = EVERYWHERE)]
    pub passphrase_fd: Option<u32>,
    /// Answer in JSON, and tell errors in JSON on standard error
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// Make no connection: show what is on this device, and leave what is to be sent in the outbox
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub offline: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an account at a relay, and this device its first
    SignUp(SignUpArgs),
    /// Talk in the terminal
    Chat {
        /// With whom to begin: a handle, or a link to a business; the words that it brings wait to be sent
        with: Option<Person>,
    },
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
    /// Search the messages of this device
    Search(SearchArgs),
    /// Make groups, change them, look at them, leave them
    Group(Box<GroupArgs>),
    /// Decide about people who wrote to you and whom you never wrote to
    Requests {
        /// What to do; without it they are listed
        #[command(subcommand)]
        command: Option<RequestsCommand>,
    },
    /// What is done with messages
    #[command(flatten)]
    Messages(MessageCommand),
    /// Save the files of a message
    Save(SaveArgs),
    /// List the files of a conversation
    Media {
        /// The person's handle or the group's name
        with: String,
    },
    /// Show what takes space on this device, or delete it
    Storage(StorageArgs),
    /// Record and play voice notes
    #[command(after_help = voice::EXAMPLES)]
    Voice {
        /// What to do
        #[command(subcommand)]
        command: VoiceCommand,
    },
    /// Block a person: nothing of them reaches you any more, and they are not told
    Block(PersonArgs),
    /// Take a block back
    Unblock(PersonArgs),
    /// List whom you have blocked
    Blocked,
    /// Write a report of chosen messages into a file, each under the signature of its author
    Report(ReportArgs),
    /// What businesses may write to you: see it, say it, stop it
    #[command(after_help = business::CONSENT)]
    Consent {
        /// What to do; without it they are listed
        #[command(subcommand)]
        command: Option<ConsentCommand>,
    },
    /// Show the safety number with a person, or compare it
    Safety(SafetyArgs),
    /// The devices of this account: add one, remove one, list them
    #[command(after_help = device::EXAMPLES)]
    Device {
        /// What to do
        #[command(subcommand)]
        command: DeviceCommand,
    },
    /// List the devices of this account
    Devices,
    /// Give this device new keys in every conversation: somebody may know those that it has
    Secure(SecureArgs),
    /// Show who this profile is
    Whoami,
    /// Talk as a program: JSON lines in, JSON lines out
    Bot(BotArgs),
    /// Check a relay's data folder, or a profile, and say what needs you
    Doctor(DoctorArgs),
    /// Look into the profile's local store
    Store {
        /// What to do with it
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Run a relay, or look after one
    Relay(Box<RelayArgs>),
    /// Run a business node: the WhatsApp Business Cloud API on your own machine, sealed up to it
    #[command(after_help = business::NODE)]
    Business {
        /// What to do
        #[command(subcommand)]
        command: BusinessCommand,
    },
    /// Look after what a relay vouches for
    Admin {
        /// What to do
        #[command(subcommand)]
        command: AdminCommand,
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

const SIGN_UP: &str = "\
Examples:
  lacre sign-up --relay https://relay.example:8443 ana
  LACRE_INVITE=CODE lacre sign-up --relay https://relay.example:8443 ana
  lacre --profile ./shop sign-up --relay https://relay.example:8443 shop";

/// `lacre sign-up`.
#[derive(Debug, Args)]
#[command(after_help = SIGN_UP)]
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

const SEND: &str = "\
Examples:
  lacre send bruno \"are you there?\"
  lacre send Family \"dinner on Sunday?\"
  git log -1 | lacre send bruno -
  lacre send bruno --file holiday.jpg map.pdf --caption \"we were here\"
  lacre send bruno \"happy birthday\" --at 2026-12-24T18:00
  lacre send --self \"buy milk\"";

/// `lacre send`.
#[derive(Debug, Args)]
#[command(after_help = SEND)]
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
    #[arg(long = "file", value_name = "PATH", num_args = 1.., conflicts_with_all = ["text", "once"])]
    pub files: Vec<PathBuf>,
    /// What to say with the files
    #[arg(long, value_name = "TEXT", requires = "files")]
    pub caption: Option<String>,
    /// The file is a sticker
    #[arg(long, requires = "files", conflicts_with = "caption")]
    pub sticker: bool,
    /// Send pictures in their full size; and what cannot be cleaned of what it tells about its maker, as it is
    #[arg(long, requires = "files")]
    pub original: bool,
    /// Send a WAV file, or what `lacre voice record` made, as a voice note
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "files", "once"])]
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

const READ: &str = "\
Examples:
  lacre read                            fetch what waits, show the last 50
  lacre read --with bruno --mark-read   and tell Bruno that you have read them
  lacre read --ids --limit 5            with the ids that other commands take
  lacre read --follow --json            for a script: a line for each message";

/// `lacre read`.
#[derive(Debug, Args)]
#[command(after_help = READ)]
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
    /// Show the id of each message before it; in JSON it is always there
    #[arg(long)]
    pub ids: bool,
    /// Tell the senders that what is shown was read
    #[arg(long, conflicts_with = "offline")]
    pub mark_read: bool,
    /// Save the files of messages that come from now on into this folder; not those of people who were not accepted,
    /// nor what may be looked at once
    #[arg(long, value_name = "DIR", requires = "follow")]
    pub save: Option<PathBuf>,
    /// With --save, only files of at most so many MiB
    #[arg(long, value_name = "MIB", default_value_t = 100, requires = "save")]
    pub save_most: u64,
    /// Seconds to wait for the relay
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

const SEARCH: &str = "\
Examples:
  lacre search station                        finds Stations and STATION too
  lacre search cinema --in bruno --since 2026-11-01
  lacre search '\"at nine\"' --from carla       these words as they stand
  lacre search --kind link                    everything with a link";

/// `lacre search`.
#[derive(Debug, Args)]
#[command(after_help = SEARCH)]
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

const BOT: &str = "\
Example:
  echo '{\"op\":\"send\",\"id\":\"a-17\",\"to\":\"ana\",\"text\":\"hi\"}' | lacre bot";

/// `lacre bot`.
#[derive(Debug, Args)]
#[command(after_help = BOT)]
pub struct BotArgs {
    /// Messages that may wait for the relay before no further line is read
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub in_flight: usize,
    /// Seconds to wait for the relay at the end of standard input
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
}

const DOCTOR: &str = "\
Examples:
  lacre doctor                          looks at your profile, and at its relay
  lacre doctor --data /var/lib/lacre --listen 127.0.0.1:8443";

/// `lacre doctor`.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR)]
pub struct DoctorArgs {
    /// The relay's data folder; without it the profile is looked at
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// File with the key that seals the data folder, to compare the files that people sent with the data
    #[arg(long, env = "LACRE_DATA_KEY_FILE", value_name = "FILE")]
    pub data_key_file: Option<PathBuf>,
    /// What the relay is started with: with CERTIFICATE,KEY those files are looked at
    #[arg(long, value_name = "self-signed|off|CERTIFICATE,KEY", requires = "data")]
    pub tls: Option<TlsArg>,
    /// The address that the relay listens on, to be asked too
    #[arg(long, value_name = "ADDRESS:PORT", requires = "data")]
    pub listen: Option<SocketAddr>,
    /// The relay's admin listener, to be asked too
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
    fn examples_fit_into_a_terminal() {
        fn look(command: &clap::Command) {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in after.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
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
            "lacre business token create --json --data d",
            "lacre business token create --name till --scope messaging,audit --days 9 --proof --data d",
            "lacre business token rotate 3 --overlap 0 --data d",
            "lacre business webhook set https://a.example --verify-token t --level number --data d",
            "lacre business webhook replay 7 --data d",
            "lacre business webhook replay --since 2026-11-22T14:05:00Z --data d",
            "lacre business template reject 7 --reason no --data d",
            "lacre business template pause 7 --data d",
            "lacre business template resume 7 --data d",
            "lacre business people role 2 agent --inbox shop --inbox law --data d",
            "lacre business audit list --who token:3 --json --data d",
            "lacre business retention set --kind messages --days 90 --customer 123 --data d",
            "lacre business retention set --kind messages --forever --data d",
            "lacre business serve --data d --tls c.pem,k.pem --tls-client-ca ca.pem",
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
            "lacre business token create --scope all --data d",
            "lacre business webhook replay --data d",
            "lacre business retention set --kind messages --data d",
            "lacre business retention set --kind messages --days 9 --unset --data d",
            "lacre business retention set --kind talk --days 9 --data d",
            "lacre business webhook replay 7 --dead --data d",
            "lacre business people add ana --role boss --data d",
            "lacre business people role 2 agent --inbox shop --all-inboxes --data d",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
