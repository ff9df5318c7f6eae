//! What a business tells its customers before they write, and who acts for it.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::node::NodeArgs;

/// Examples of `lacre business terms`.
pub const TERMS: &str = "\
Examples:
  lacre business terms set --data ./bakery \\
      --notice \"We read what you write to bake what you ordered.\"
  lacre business retention set --kind messages --days 30 --data ./bakery
  lacre business terms show --data ./bakery";

/// Examples of `lacre business provider`.
pub const PROVIDER: &str = "\
Examples:
  lacre business provider add \"Acme Support\" --days 90 --data ./bakery \\
      --purpose \"answers at night\"
  lacre business token create --provider 123456789012345 --data ./bakery \\
      --scope messaging --name acme
  lacre business provider remove 123456789012345 --data ./bakery";

/// `lacre business terms`.
#[derive(Debug, Subcommand)]
pub enum TermsCommand {
    /// Show what customers are told, and whether they can know of it yet
    Show(NodeArgs),
    /// Tell them what is done with what they write, and why; for how long it is kept is told as retention is set
    Set {
        /// The notice: at most 2,000 characters
        #[arg(
            long,
            value_name = "TEXT",
            conflicts_with = "notice_file",
            required_unless_present = "notice_file"
        )]
        notice: Option<String>,
        /// The same, from a file
        #[arg(long, value_name = "FILE")]
        notice_file: Option<PathBuf>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}

/// `lacre business provider`.
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// Let somebody act for the business: customers are told who, what for and until when
    Add(AddProvider),
    /// List them, those that are over too
    List(NodeArgs),
    /// Put one out: the next request with a token of theirs is refused, and customers are told
    Remove {
        /// Its number, as `list` shows it
        id: u64,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}

/// `lacre business provider add`.
#[derive(Debug, Args)]
pub struct AddProvider {
    /// Its name, as customers are told
    pub name: String,
    /// What for, as customers are told
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub purpose: String,
    /// What its tokens may be used for
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(["messaging", "management"]), default_values = ["messaging"])]
    pub scopes: Vec<String>,
    /// For how many days
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=366))]
    pub days: u64,
    /// The Ed25519 key that its requests have to be signed by (RFC 9421), in hex or base64
    #[arg(long, value_name = "KEY")]
    pub public_key: Option<String>,
    /// Which node
    #[command(flatten)]
    pub node: NodeArgs,
}
