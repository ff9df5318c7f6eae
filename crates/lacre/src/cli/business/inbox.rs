//! Customers who wait: looking at what they wrote, answering, and sorting it.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::node::NodeArgs;

/// Examples of `lacre business inbox`.
pub const INBOX: &str = "\
Examples:
  lacre business inbox list --view waiting --data ./bakery
  lacre business inbox messages 123456789012345 --data ./bakery
  lacre business inbox reply 123456789012345 \"At five.\" --data ./bakery
  lacre business inbox assign 123456789012345 bia --note \"knows rye\" \\
      --data ./bakery
  lacre business inbox snooze 123456789012345 2h --data ./bakery
At the machine the owner acts. What is said, and looked at, needs a node that
serves. People do the same over its API: docs/guide/business.md";

const CANNED: &str = "\
Examples:
  lacre business inbox canned set hello \"Oi {{name}}, how can we help?\" \\
      --data ./bakery
  lacre business inbox reply 123456789012345 --canned hello --data ./bakery";

const VIEWS: [&str; 6] = ["mine", "unassigned", "team", "waiting", "snoozed", "closed"];

/// `lacre business inbox`.
#[derive(Debug, Subcommand)]
pub enum InboxCommand {
    /// List conversations: who waits longest is first
    List(QueueArgs),
    /// Show one: who waits, whose it is, what could be sent now
    Show(OneConversation),
    /// Print what was said, the newest last
    Messages {
        /// Messages before this page's, as it was printed at its end
        #[arg(long, value_name = "PLACE")]
        before: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=500))]
        limit: u64,
        /// Which conversation
        #[command(flatten)]
        one: OneConversation,
    },
    /// Answer with a text, a reply kept ready, or an approved template
    Reply(ReplyArgs),
    /// Mark what the customer wrote as read
    Read(OneConversation),
    /// Give a conversation to somebody, or to nobody
    Assign {
        /// The customer, as programs know them: digits
        customer: String,
        /// Their number or their login
        #[arg(required_unless_present = "nobody")]
        person: Option<String>,
        /// It is nobody's
        #[arg(long, conflicts_with = "person")]
        nobody: bool,
        /// A note for whoever has it then
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// How it was seen
        #[command(flatten)]
        seen: SeenArgs,
    },
    /// Note something, or list notes; the customer never hears of them
    Note {
        /// The customer, as programs know them: digits
        customer: String,
        /// What is to be noted (else the notes are listed)
        text: Option<String>,
        /// Put it in place of this note
        #[arg(long, value_name = "N", requires = "text")]
        edit: Option<u64>,
        /// Take this note away
        #[arg(long, value_name = "N", conflicts_with_all = ["text", "edit"])]
        remove: Option<u64>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Put labels on a conversation, and take them off
    Label {
        /// The customer, as programs know them: digits
        customer: String,
        /// A label that comes; may be said again
        #[arg(long = "add", value_name = "LABEL", required_unless_present = "remove")]
        add: Vec<String>,
        /// A label that goes; may be said again
        #[arg(long = "remove", value_name = "LABEL")]
        remove: Vec<String>,
        /// How it was seen
        #[command(flatten)]
        seen: SeenArgs,
    },
    /// Close a conversation; it comes back when the customer writes
    Close(ChangeConversation),
    /// Open a closed or snoozed one again
    Reopen(ChangeConversation),
    /// Put a conversation off, for a time or until the customer writes
    Snooze {
        /// The customer, as programs know them: digits
        customer: String,
        /// For how long: a time like 30m, 2h, 1d
        #[arg(value_name = "TIME")]
        time: String,
        /// How it was seen
        #[command(flatten)]
        seen: SeenArgs,
    },
    /// Move a conversation to another inbox
    Move {
        /// The customer, as programs know them: digits
        customer: String,
        /// The inbox
        inbox: String,
        /// How it was seen
        #[command(flatten)]
        seen: SeenArgs,
    },
    /// Replies that are kept ready
    #[command(after_help = CANNED)]
    Canned {
        /// What to do
        #[command(subcommand)]
        command: CannedCommand,
    },
    /// Search in what was said, in notes and in labels
    Search {
        /// What to search for; words in quotes are found as they stand there
        #[arg(required = true)]
        words: Vec<String>,
        /// In this inbox
        #[arg(long, value_name = "INBOX")]
        inbox: Option<String>,
        /// At most so many messages
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100))]
        limit: u64,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List the inboxes
    Names(NodeArgs),
    /// Make an inbox
    Add {
        /// Its name: a to z, digits, '.', '_', '-'
        name: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take an inbox away that is empty
    Remove {
        /// Its name
        name: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}

/// `lacre business inbox list`.
#[derive(Debug, Args)]
pub struct QueueArgs {
    /// Which queue
    #[arg(long, default_value = "team", value_parser = PossibleValuesParser::new(VIEWS))]
    pub view: String,
    /// Those of this inbox
    #[arg(long, value_name = "INBOX")]
    pub inbox: Option<String>,
    /// Those with this label
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,
    /// Those after the page that ended so
    #[arg(long, value_name = "PLACE")]
    pub after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=200))]
    pub limit: u64,
    /// Which node
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `lacre business inbox reply`.
#[derive(Debug, Args)]
pub struct ReplyArgs {
    /// The customer, as programs know them: digits
    pub customer: String,
    /// What to say
    #[arg(required_unless_present_any = ["canned", "template"], conflicts_with_all = ["canned", "template"])]
    pub text: Option<String>,
    /// A reply that is kept ready
    #[arg(long, value_name = "NAME", conflicts_with = "template")]
    pub canned: Option<String>,
    /// An approved template
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// The template's language
    #[arg(long, value_name = "CODE", default_value = "en_US")]
    pub language: String,
    /// What stands for the template's next variable; may be said again
    #[arg(long = "param", value_name = "TEXT", requires = "template")]
    pub params: Vec<String>,
    /// The message that it answers: its id, as `messages` prints it
    #[arg(long, value_name = "ID")]
    pub reply_to: Option<String>,
    /// Which node
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Which conversation.
#[derive(Debug, Args)]
pub struct OneConversation {
    /// The customer, as programs know them: digits
    pub customer: String,
    /// Which node
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Which conversation is changed, and how it was seen.
#[derive(Debug, Args)]
pub struct ChangeConversation {
    /// The customer, as programs know them: digits
    pub customer: String,
    /// How it was seen
    #[command(flatten)]
    pub seen: SeenArgs,
}

/// How a conversation was seen.
#[derive(Debug, Args)]
pub struct SeenArgs {
    /// Only if it is still of this version (else as it is now)
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// Which node
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `lacre business inbox canned`.
#[derive(Debug, Subcommand)]
pub enum CannedCommand {
    /// List them
    List(NodeArgs),
    /// Keep a reply ready; {{name}} stands for the customer's name
    Set {
        /// Its name: a to z, digits, '.', '_', '-'
        name: String,
        /// What it says
        text: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take one away
    Remove {
        /// Its name
        name: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}
