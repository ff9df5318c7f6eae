//! Looking after a node: its tokens, webhooks, templates, people and audit log.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

/// Examples of `lacre business token`.
pub const TOKEN: &str = "\
Examples:
  lacre business token create --data ./bakery --json
  lacre business token create --data ./bakery --name till --scope messaging \\
      --days 90 --network 10.1.0.0/16
  lacre business token rotate 3 --overlap 1h --data ./bakery
  lacre business token revoke 3 --data ./bakery     the next request is refused";

/// Examples of `lacre business webhook`.
pub const WEBHOOK: &str = "\
Examples:
  LACRE_VERIFY_TOKEN=... lacre business webhook set \\
      https://shop.example/hook --data ./bakery
  lacre business webhook deliveries --data ./bakery
  lacre business webhook replay --dead --data ./bakery
  lacre business webhook rotate-secret --overlap 1d --data ./bakery";

/// Examples of `lacre business template`.
pub const TEMPLATE: &str = "\
Examples:
  lacre business template list --pending --data ./bakery
  lacre business template approve 481516234200001 --data ./bakery
  lacre business template reject 481516234200001 --data ./bakery \\
      --reason INCORRECT_CATEGORY";

/// Examples of `lacre business people`.
pub const PEOPLE: &str = "\
Examples:
  lacre business people add ana --role owner --data ./bakery
  lacre business people add bruno --role agent --inbox shop --data ./bakery
  lacre business people role bruno supervisor --data ./bakery
  lacre business people reset bruno --data ./bakery";

/// Examples of `lacre business consent`.
pub const CONSENTS: &str = "\
Examples:
  lacre business consent list --data ./bakery
  lacre business consent export --data ./bakery > receipts.jsonl";

/// Examples of `lacre business customer`.
pub const CUSTOMER: &str = "\
Examples:
  lacre business customer export 123456789012345 --data ./bakery -o ana.json
  lacre business customer erase 123456789012345 --data ./bakery -o erased.json
  lacre business customer restrict 123456789012345 --data ./bakery
  lacre business customer restrict 123456789012345 --lift --data ./bakery";

/// Examples of `lacre business retention`.
pub const RETENTION: &str = "\
Examples:
  lacre business retention set --kind messages --days 90 --data ./bakery
  lacre business retention set --kind messages --days 365 \\
      --customer 123456789012345 --data ./bakery
  lacre business retention list --data ./bakery
  lacre business retention report --data ./bakery -o kept.json
  lacre business retention sweep --data ./bakery
What is set for a customer stands in the place of what is set for all. Nothing
is kept longer than it is without a setting.";

/// Examples of `lacre business audit`.
pub const AUDIT: &str = "\
Examples:
  lacre business audit list --who token:3 --data ./bakery
  lacre business audit head --data ./bakery >> heads.txt     keep it elsewhere
  lacre business audit verify --heads heads.txt --data ./bakery
  lacre business audit proof 17 --data ./bakery --json";

/// Which node.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The node's folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// `lacre business token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is shown once
    Create(CreateToken),
    /// List them: what they may do, when they were last used; nothing that opens anything
    List(NodeArgs),
    /// Give a token a new secret, which is shown once; the one before works on for a while
    Rotate {
        /// Its number, as `list` shows it
        id: u64,
        /// For how long the secret before still works: 0 for not at all, or a time like 10m, 1h, 1d
        #[arg(long, value_name = "TIME", default_value = "1d")]
        overlap: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Revoke a token: the next request with it is refused
    Revoke {
        /// Its number, as `list` shows it
        id: u64,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}

/// `lacre business token create`.
#[derive(Debug, Args)]
pub struct CreateToken {
    /// What people know it by
    #[arg(long, default_value = "a program")]
    pub name: String,
    /// What it may be used for
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(["messaging", "management", "business", "audit"]),
          default_values = ["messaging", "management"])]
    pub scopes: Vec<String>,
    /// For how many days; without, until it is revoked
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub days: Option<u64>,
    /// Only for this phone number id; may be said again
    #[arg(long = "number", value_name = "ID")]
    pub numbers: Vec<String>,
    /// Only from this network, as 10.1.0.0/16; may be said again
    #[arg(long = "network", value_name = "NETWORK")]
    pub networks: Vec<String>,
    /// Only for requests that are signed (RFC 9421) by the holder of this Ed25519 key, in hex or base64
    #[arg(long, value_name = "KEY")]
    pub public_key: Option<String>,
    /// Only with appsecret_proof
    #[arg(long)]
    pub proof: bool,
    /// For this provider, within its delegation; see `lacre business provider`
    #[arg(long, value_name = "ID")]
    pub provider: Option<u64>,
    /// Which node
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `lacre business webhook`.
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Set a receiver, once it has answered the handshake
    Set {
        /// Where events are posted to
        url: String,
        /// What the receiver recognises the handshake by
        #[arg(long, env = "LACRE_VERIFY_TOKEN", value_name = "TOKEN", hide_env_values = true)]
        verify_token: String,
        /// Where it is set: app, account (over it), number (over both), or also-0 to also-255 (told beside them)
        #[arg(long, default_value = "app")]
        level: String,
        /// Which events; without, all
        #[arg(long = "field", value_name = "FIELD", value_delimiter = ',')]
        fields: Vec<String>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take a receiver away
    Remove {
        /// Where it is set, as `show` names it
        level: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Show the receivers, and which are called
    Show(NodeArgs),
    /// List the last attempts to tell them
    Deliveries {
        /// From this time on (else of the last day)
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List what was given up after seven days
    Dead(NodeArgs),
    /// Tell again, with the same bytes: one delivery, all that were given up, or those of a time
    Replay {
        /// The delivery, as `deliveries` and `dead` number it
        #[arg(required_unless_present_any = ["dead", "since"], conflicts_with_all = ["dead", "since"])]
        id: Option<u64>,
        /// All that were given up
        #[arg(long, conflicts_with = "since")]
        dead: bool,
        /// Those of events from this time on
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// And before this time (else up to now)
        #[arg(long, value_name = "TIME", requires = "since")]
        until: Option<String>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Sign with a new app secret, which is shown once; the one before is still taken for a while
    RotateSecret {
        /// For how long the secret before is still taken: 0 for not at all, or a time like 10m, 1h, 1d
        #[arg(long, value_name = "TIME", default_value = "1d")]
        overlap: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}

/// `lacre business template`.
#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// List them, with what they say
    List {
        /// Only those that wait
        #[arg(long)]
        pending: bool,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Approve one: it may be sent from now on
    Approve {
        /// Its id, as `list` shows it
        id: u64,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Reject one that waits; its program is told why
    Reject {
        /// Its id, as `list` shows it
        id: u64,
        /// Why, in the API's words (INCORRECT_CATEGORY) or in others
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Pause one that customers do not like: nothing is made of it until it is resumed, and its program is told
    Pause {
        /// Its id, as `list` shows it
        id: u64,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Have one that was paused sent again
    Resume {
        /// Its id, as `list` shows it
        id: u64,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}

const ROLES: [&str; 6] = ["owner", "admin", "supervisor", "agent", "auditor", "developer"];

/// `lacre business people`.
#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// Take somebody in; what they sign in with is shown once
    Add {
        /// What they sign in with: a to z, digits, '.', '_', '-', '@'
        login: String,
        /// What they may do
        #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
        role: String,
        /// What they are called, when that is not the login
        #[arg(long)]
        name: Option<String>,
        /// An inbox that they see; may be said again (without, they see all)
        #[arg(long = "inbox", value_name = "INBOX")]
        inboxes: Vec<String>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List them
    List(NodeArgs),
    /// Give somebody another role; it counts from their next request on
    Role {
        /// Their number or their login
        person: String,
        /// What they may do
        #[arg(value_parser = PossibleValuesParser::new(ROLES))]
        role: String,
        /// An inbox that they see; may be said again (without, that stays as it is)
        #[arg(long = "inbox", value_name = "INBOX", conflicts_with = "all_inboxes")]
        inboxes: Vec<String>,
        /// They see all inboxes
        #[arg(long)]
        all_inboxes: bool,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Remove somebody; their sessions end
    Remove {
        /// Their number or their login
        person: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Give somebody a new password and a new authenticator, shown once; their sessions end
    Reset {
        /// Their number or their login
        person: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}

/// `lacre business consent`.
#[derive(Debug, Subcommand)]
pub enum ConsentsCommand {
    /// List the customers: what each has agreed to, since and until when, and whether the window is open
    List(NodeArgs),
    /// Print what they signed last, one a line, with what shows that it was they (JSON)
    Export(NodeArgs),
}

/// `lacre business customer`.
#[derive(Debug, Subcommand)]
pub enum CustomerCommand {
    /// Write one JSON document with all that is held of a customer: who they are, consent, messages both ways, files,
    /// webhooks about them that wait
    Export {
        /// The customer, as programs know them: digits, or with the country before them
        customer: String,
        /// File for it, which must not be there yet (else it is printed)
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take all of a customer off the device and out of the node, for good; writes what was erased, what remains, and why
    Erase {
        /// The customer, as programs know them: digits, or with the country before them
        customer: String,
        /// File for that document, which must not be there yet (else it is printed)
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Tell programs nothing of a customer and send them nothing; what comes from them waits until that is lifted
    Restrict {
        /// The customer, as programs know them: digits, or with the country before them
        customer: String,
        /// Lift it: what waited is told
        #[arg(long)]
        lift: bool,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}

/// `lacre business retention`.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Say for how long a kind is kept; it counts from the next sweep on
    Set {
        /// What: messages (on the device, with their files), media (of programs), webhooks (told or given up), notes (of
        /// messages that programs sent) or answers (to idempotency keys); the audit log is never taken away
        #[arg(long, value_name = "KIND",
              value_parser = PossibleValuesParser::new(["messages", "media", "webhooks", "notes", "answers", "audit"]))]
        kind: String,
        /// For so many days
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=36_500),
              required_unless_present_any = ["forever", "unset"], conflicts_with_all = ["forever", "unset"])]
        days: Option<u64>,
        /// Until something else ends it: for one customer, whatever is set for all
        #[arg(long, conflicts_with = "unset")]
        forever: bool,
        /// As if nothing had been set
        #[arg(long)]
        unset: bool,
        /// For this customer alone, as programs know them: messages, webhooks and notes
        #[arg(long, value_name = "ID")]
        customer: Option<String>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List the periods: those for all, then those for one customer
    List(NodeArgs),
    /// Write a document: what is kept for how long, how many are held, what the last sweep took, what stays and why
    Report {
        /// File for it, which must not be there yet (else it is printed)
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take away now what was kept long enough; a node that serves does so by itself
    Sweep(NodeArgs),
}

/// `lacre business audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what was done
    List {
        /// Rows after this number
        #[arg(long, value_name = "N", default_value_t = 0)]
        after: u64,
        /// What these did: operator, node, app, token:NUMBER or person:NUMBER
        #[arg(long)]
        who: Option<String>,
        /// Acts whose names begin so, as `token.`
        #[arg(long)]
        what: Option<String>,
        /// From this time on
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Before this time
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Print where the log stands: keep it where nobody of the node can change it
    Head(NodeArgs),
    /// Look at every row; with heads that were kept elsewhere, also whether the log is still the one of then
    Verify {
        /// File with heads, one a line
        #[arg(long, value_name = "FILE")]
        heads: Option<PathBuf>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Print what shows that a row is in the log (a Merkle proof as in RFC 9162), without the other rows
    Proof {
        /// Its number
        row: u64,
        /// In the log of the head with so many rows (else of now)
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}
