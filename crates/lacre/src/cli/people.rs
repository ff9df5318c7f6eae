//! Other people: who they are, and who may reach you.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::person::Person;

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
    /// Who, or a link to a business
    pub handle: Person,
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
    /// Ids of the messages, as `lacre read --ids` shows them; nothing else goes into the report
    #[arg(required = true, value_name = "MESSAGE-ID")]
    pub messages: Vec<String>,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

const SAFETY: &str = "\
Examples:
  lacre safety bruno                        read the number to each other
  lacre safety bruno --mark-verified        when it was the same
  lacre safety bruno --compare number.txt   or a picture of the code";

/// `lacre safety`.
#[derive(Debug, Args)]
#[command(after_help = SAFETY)]
pub struct SafetyArgs {
    /// With whom; without, the number of your own devices. A link to a business will do
    pub handle: Option<Person>,
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
