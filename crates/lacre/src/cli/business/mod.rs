//! Businesses: what they may write to you, running a node of one, and the operator's register of them.

mod inbox;
mod node;
mod nodes;
mod terms;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use lacre_business::outward::Allowed;
use lacre_proto::Handle;

use super::LimitsArg;
use super::relay::TlsArg;
use crate::person::Person;

pub use inbox::{
    CannedCommand, ChangeConversation, InboxCommand, OneConversation, QueueArgs, ReplyArgs, SeenArgs,
};
pub use node::{
    AuditCommand, ConsentsCommand, CreateToken, CustomerCommand, PeopleCommand, RetentionCommand,
    TemplateCommand, TokenCommand, WebhookCommand,
};
pub use nodes::{JoinNodeArgs, NodesCommand};
pub use terms::{AddProvider, ProviderCommand, TermsCommand};

/// Examples of `lacre consent`.
pub const CONSENT: &str = "\
Examples:
  lacre consent                                     what you have agreed to
  lacre consent show bakery                         before you write to it
  lacre consent grant bakery --for service,offers --days 90
  lacre consent stop bakery                         nothing more comes";

/// `lacre consent`.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// List the businesses that you talk with, and what they may write
    List,
    /// Show what a business says of itself, and what it may write; it does not hear that you looked
    Show {
        /// The business, or a link to it
        business: Person,
        /// Also save its picture, a small JPEG, as this file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        picture: Option<PathBuf>,
        /// Seconds to wait for the relay; after that is shown what is known here
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
    /// Say what a business may write, in place of what you have said before
    Grant {
        /// The business, or a link to it
        business: Person,
        /// What for
        #[arg(long = "for", value_name = "WHAT", value_delimiter = ',', required = true)]
        purposes: Vec<PurposeArg>,
        /// For how many days
        #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=730))]
        days: u32,
        /// Seconds to wait for the relay; what it is to be told is kept until it can be told
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
    /// Say stop: nothing more comes, from the next message on, until you write to it again
    Stop {
        /// The business, or a link to it
        business: Person,
        /// Seconds to wait for the relay; what it is to be told is kept until it can be told
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
}

/// What a business may write for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PurposeArg {
    /// Your own affairs: orders, appointments, answers
    Service,
    /// Offers
    #[value(alias = "marketing")]
    Offers,
    /// Codes to sign in with
    #[value(alias = "authentication")]
    Codes,
}

/// Examples of `lacre business`.
pub const NODE: &str = "\
Examples:
  lacre business init --data ./bakery --relay https://relay.example bakery
  lacre business serve --data ./bakery --listen 127.0.0.1:8480
  lacre business token create --data ./bakery --json
  lacre business people add ana --role owner --data ./bakery
All but `serve` work while the node serves, and while it does not; only
`consent`, `customer export`, `customer erase`, `retention report`,
`retention sweep`, `terms set`, `provider add`, and of `inbox` what looks at
messages and says something, need one that serves. The operator of the relay
makes the account a business before it talks: `lacre admin business add`.
The guide: docs/guide/business.md";

/// `lacre business`.
#[derive(Debug, Subcommand)]
pub enum BusinessCommand {
    /// Make the account, and the node with its first access token, which is shown once
    Init {
        /// The node's folder; it is made
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The relay's address
        #[arg(long, value_name = "URL")]
        relay: String,
        /// The handle by which customers find the business
        handle: Handle,
        /// The invite code, where the relay asks for one
        #[arg(long, env = "LACRE_INVITE", value_name = "CODE", hide_env_values = true)]
        invite: Option<String>,
        /// PEM file with the certificate authority of the relay, when this machine does not know it
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// Keep the device under no passphrase: whoever reads the disk reads the messages
        #[arg(long)]
        no_passphrase: bool,
        /// File with the key of the node's store, to be kept elsewhere than the store; it is made (else `node.key` in
        /// the folder)
        #[arg(long, env = "LACRE_NODE_KEY_FILE", value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
    /// Make a node on this machine for a business that has one: the other stays, and one of them leads
    #[command(after_help = nodes::NODES)]
    Join(JoinNodeArgs),
    /// Several nodes of the business: list them, let one in, have one lead, put one out; while the node serves
    #[command(after_help = nodes::NODES)]
    Nodes {
        /// What to do
        #[command(subcommand)]
        command: NodesCommand,
    },
    /// Answer the API and call webhooks, until it is stopped
    Serve(ServeArgs),
    /// Print the description of the API, as OpenAPI 3.1
    Openapi {
        /// The calls of the node's own API instead, with who may do each: as Markdown
        #[arg(long)]
        own: bool,
    },
    /// Access tokens: what programs open the API with
    #[command(after_help = node::TOKEN)]
    Token {
        /// What to do
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Webhooks: who is told, what became of it, telling again
    #[command(after_help = node::WEBHOOK)]
    Webhook {
        /// What to do
        #[command(subcommand)]
        command: WebhookCommand,
    },
    /// Templates that wait for you: approve them, or reject them
    #[command(after_help = node::TEMPLATE)]
    Template {
        /// What to do
        #[command(subcommand)]
        command: TemplateCommand,
    },
    /// Customers who wait: look at what they wrote, answer, and sort it
    #[command(after_help = inbox::INBOX)]
    Inbox {
        /// What to do
        #[command(subcommand)]
        command: InboxCommand,
    },
    /// The people behind the business: what they may do, how they sign in
    #[command(after_help = node::PEOPLE)]
    People {
        /// What to do
        #[command(subcommand)]
        command: PeopleCommand,
    },
    /// What customers have agreed to, and the receipts that show it; while the node serves
    #[command(after_help = node::CONSENTS)]
    Consent {
        /// What to do
        #[command(subcommand)]
        command: ConsentsCommand,
    },
    /// What is held of one customer, and what is done with it
    #[command(after_help = node::CUSTOMER)]
    Customer {
        /// What to do
        #[command(subcommand)]
        command: CustomerCommand,
    },
    /// Print the register of what is done with people's data: what is kept, why, how long, and who is told
    Records(node::NodeArgs),
    /// What customers are told before they write: why and how long is kept what they say
    #[command(after_help = terms::TERMS)]
    Terms {
        /// What to do
        #[command(subcommand)]
        command: TermsCommand,
    },
    /// Who acts for the business though not of it, each named to customers
    #[command(after_help = terms::PROVIDER)]
    Provider {
        /// What to do
        #[command(subcommand)]
        command: ProviderCommand,
    },
    /// For how long what is kept, what is held of it, and taking away what was kept long enough
    #[command(after_help = node::RETENTION)]
    Retention {
        /// What to do
        #[command(subcommand)]
        command: RetentionCommand,
    },
    /// What was done by whom, and whether the log of it is whole
    #[command(after_help = node::AUDIT)]
    Audit {
        /// What to do
        #[command(subcommand)]
        command: AuditCommand,
    },
}

/// Two PEM files: a certificate chain and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientArg {
    /// The chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl FromStr for ClientArg {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(',') {
            Some((certificate, key)) if !certificate.is_empty() && !key.is_empty() => {
                Ok(Self { certificate: certificate.into(), key: key.into() })
            }
            _ => Err("not two files: write CERTIFICATE,KEY"),
        }
    }
}

/// `lacre business serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The node's folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// File with the key of the node's store (else `node.key` in the folder); other commands read LACRE_NODE_KEY_FILE
    #[arg(long, env = "LACRE_NODE_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Where it listens; without TLS, an address of this machine itself
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8480")]
    pub listen: SocketAddr,
    /// `off` or `self-signed` (both on 127.0.0.1 only), or two PEM files: CERTIFICATE,KEY
    #[arg(long, value_name = "off|self-signed|CERT,KEY", default_value = "off")]
    pub tls: TlsArg,
    /// PEM file with the authority whose certificates programs have to show
    #[arg(long, value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// How programs reach it, when that is not the address that it listens on
    #[arg(long, value_name = "URL")]
    pub public: Option<String>,
    /// Approve templates that are well formed as soon as they are made
    #[arg(long)]
    pub approve: bool,
    /// A host that webhooks may have though it is on a private network; without a port, at any
    #[arg(long = "allow-host", value_name = "HOST[:PORT]")]
    pub allowed: Vec<Allowed>,
    /// The same for links of media: whoever sends messages can have what lies there sent to a customer
    #[arg(long = "allow-link-host", value_name = "HOST[:PORT]")]
    pub allowed_links: Vec<Allowed>,
    /// PEM file with authorities whose certificates receivers of webhooks may show, beside those of this machine
    #[arg(long, value_name = "FILE")]
    pub webhook_ca: Option<PathBuf>,
    /// Two PEM files, CERTIFICATE,KEY: who the node is to receivers of webhooks that ask for a certificate
    #[arg(long, value_name = "CERT,KEY")]
    pub webhook_client: Option<ClientArg>,
    /// Connections that one address may have at a time, but for this machine itself; 0 for as many as there are
    #[arg(long = "connections-per-address", value_name = "N", default_value_t = 64)]
    pub per_address: usize,
    /// Believe the last address in X-Forwarded-For of what asks from this machine: say so only when a proxy here sets it
    #[arg(long)]
    pub behind_proxy: bool,
    /// `lifted`: no limits of pace, for measuring
    #[arg(long, value_enum, default_value_t = LimitsArg::Default, hide = true)]
    pub limits: LimitsArg,
}

const ADMIN: &str = "\
Examples (the relay runs with --admin 127.0.0.1:9443):
  lacre admin business add bakery --trade bakery --domain padaria.example \\
      --legal-name \"Padaria Sol Ltda.\" --display-name \"Padaria Sol\" \\
      --data /var/lib/lacre --admin 127.0.0.1:9443
  lacre admin business check bakery --data DIR --admin 127.0.0.1:9443
  lacre admin business verify bakery --data DIR --admin 127.0.0.1:9443";

/// `lacre admin`.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// The businesses of a relay: who is one, which are verified
    #[command(after_help = ADMIN)]
    Business {
        /// What to do
        #[command(subcommand)]
        command: AdminBusiness,
    },
}

/// `lacre admin business`.
#[derive(Debug, Subcommand)]
pub enum AdminBusiness {
    /// Make an account a business: it writes by consent only, and shows no badge before it is verified
    Add {
        /// The account
        handle: Handle,
        /// Its name as it stands in the register
        #[arg(long, value_name = "NAME")]
        legal_name: String,
        /// Its name as people know it
        #[arg(long, value_name = "NAME")]
        display_name: String,
        /// Its domain
        #[arg(long, value_name = "DOMAIN")]
        domain: String,
        /// What it does
        #[arg(long, value_name = "TRADE")]
        trade: String,
        /// Which relay
        #[command(flatten)]
        relay: AdminArgs,
    },
    /// Verify it: you have seen that it is who it says, and `check` has seen its token at its domain
    Verify {
        /// Which
        #[command(flatten)]
        business: OneBusiness,
        /// Though its name looks like that of another verified business
        #[arg(long)]
        though_alike: bool,
        /// Though its token was not seen at its domain within a day: how you know that it is who it says
        #[arg(long, value_name = "REASON")]
        by_hand: Option<String>,
    },
    /// Look whether it shows its token at https://DOMAIN/.well-known/lacre-business, or in a TXT record of
    /// `_lacre-business.DOMAIN`, and keep that for a day
    Check(OneBusiness),
    /// Count a customer's report of it, which `lacre report` or `lacre requests report` has written
    Report {
        /// Which
        #[command(flatten)]
        business: OneBusiness,
        /// The report
        file: PathBuf,
    },
    /// Suspend it: it sends nothing, and its badge goes
    Suspend(OneBusiness),
    /// Let a suspended one go on
    Resume(OneBusiness),
    /// List them
    List(AdminArgs),
}

/// A business of a relay.
#[derive(Debug, Args)]
pub struct OneBusiness {
    /// The account
    pub handle: Handle,
    /// Which relay
    #[command(flatten)]
    pub relay: AdminArgs,
}

/// Which relay, and where its operator's listener is.
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// The relay's data folder, in which its admin token lies
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The running relay's admin address
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin: SocketAddr,
}
