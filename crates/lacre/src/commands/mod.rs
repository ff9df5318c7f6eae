//! One file for each command.

mod admin;
mod blocks;
mod bot;
mod business;
mod chat;
mod consent;
mod conversations;
mod device;
mod doctor;
pub mod files;
mod group;
mod history;
mod man;
mod messages;
mod names;
mod picture;
mod read;
mod register;
mod relay;
pub mod report;
pub mod requests;
pub mod safety;
pub mod search;
mod secure;
mod send;
mod sign_up;
mod store;
mod voice;
mod whoami;

use clap::CommandFactory;

use crate::cli::{AdminCommand, Cli, Command};
use crate::exit::{self, Failure};
use crate::output;
use crate::profile::ProfileDir;

/// What every command is told beside its own arguments.
pub struct Context {
    /// The folder of the profile.
    pub profile: ProfileDir,
    /// Where the passphrase is read from, when not from the environment.
    pub passphrase_fd: Option<u32>,
    /// Whether to answer in JSON.
    pub json: bool,
}

/// Runs a command.
pub async fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { profile, passphrase_fd, json, offline, command } = cli;
    let context = || {
        ProfileDir::new(profile.as_deref(), offline).map(|profile| Context { profile, passphrase_fd, json })
    };
    match command {
        Command::Relay(args) => relay::run(*args, json).await,
        Command::Business { command } => business::run(command, passphrase_fd, json).await,
        Command::Admin { command: AdminCommand::Business { command } } => register::run(command, json).await,
        Command::Consent { command } => consent::run(&context()?, command).await,
        Command::SignUp(args) => sign_up::run(&context()?, args).await,
        Command::Whoami => whoami::run(&context()?).await,
        Command::Send(args) => send::run(&context()?, args).await,
        Command::Read(args) => read::run(&context()?, args).await,
        Command::Conversations { unread } => conversations::run(&context()?, unread).await,
        Command::Save(args) => files::save::run(&context()?, args).await,
        Command::Media { with } => files::media(&context()?, &with).await,
        Command::Storage(args) => files::storage::run(&context()?, args).await,
        Command::Messages(command) => messages::run(&context()?, command).await,
        Command::Group(args) => group::run(&context()?, *args).await,
        Command::Search(args) => search::run(&context()?, args).await,
        Command::Bot(args) => bot::run(&context()?, args).await,
        Command::Requests { command } => requests::run(&context()?, command).await,
        Command::Block(args) => blocks::block(&context()?, args, true).await,
        Command::Unblock(args) => blocks::block(&context()?, args, false).await,
        Command::Blocked => blocks::list(&context()?).await,
        Command::Report(args) => report::run(&context()?, args).await,
        Command::Voice { command } => voice::run(command, json).await,
        Command::Chat { with } => chat::run(&context()?, with).await,
        Command::Device { command } => device::run(&context()?, command).await,
        Command::Devices => device::list(&context()?).await,
        Command::Safety(args) => safety::run(&context()?, args).await,
        Command::Secure(args) => secure::run(&context()?, args).await,
        Command::Doctor(args) => match &args.data {
            Some(_) => doctor::relay(args, json).await,
            None => doctor::profile(&context()?).await,
        },
        Command::Store { command } => store::run(&context()?, command).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "lacre", &mut std::io::stdout());
            Ok(())
        }
        Command::Man { to } => man::run(to.as_deref(), json),
        Command::ExitCodes => output::line(exit::TABLE),
    }
}
