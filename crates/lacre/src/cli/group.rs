//! What is done with groups.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use lacre_proto::Handle;

const EXAMPLES: &str = "\
Examples:
  lacre group create Family --with bruno,carla   you are its admin
  lacre send Family \"dinner on Sunday?\"
  lacre group add Family duarte --history 40     with the last 40 messages
  lacre group link Family --new                  a link by which people ask
  lacre group requests Family                    who asks to be let in
  lacre group leave Family";

/// `lacre group`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
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
