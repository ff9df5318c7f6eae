//! Running a relay, and looking after one.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  lacre relay --data ./relay-data            on this machine, to try it
  lacre relay --data DIR --listen 0.0.0.0:8443 --tls CERTIFICATE,KEY
  lacre relay invite --data DIR              a code that lets one person in";

/// `lacre relay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
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
    /// Address and port for health, metrics and invites; on this machine only (127.0.0.1)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin: Option<SocketAddr>,
    /// `self-signed` or `off` (both on 127.0.0.1 only), or two PEM files: CERTIFICATE,KEY
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
    /// Milliseconds for which writes are gathered, to go to the disk together
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
