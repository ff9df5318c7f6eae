//! The devices of an account, and the keys of this one.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// How a device is added.
pub const EXAMPLES: &str = "\
On the new one, which shows a code:
  lacre device join --relay https://relay.example:8443 --name phone
On one that you have, with that code; it shows a number:
  lacre device link CODE --with-history
Then type that number on the new one. `lacre device revoke phone`
takes it out again.";

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
