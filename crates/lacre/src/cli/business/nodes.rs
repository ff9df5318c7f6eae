//! Several nodes of one business.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::node::NodeArgs;
use crate::cli::device::JoinArgs;

/// Examples of `lacre business nodes`.
pub const NODES: &str = "\
On the new machine, which shows a code:
  lacre business join --data ./bakery --relay https://relay.example \\
      --name standby
On one where a node serves, with that code; it shows a number:
  lacre business nodes add CODE --data ./bakery
Then type that number on the new one, and let it serve:
  lacre business serve --data ./bakery --listen 127.0.0.1:8480
One node leads and tells programs what customers say; another does when it
ends, or when you say so there:
  lacre business nodes lead --data ./bakery";

/// `lacre business join`.
#[derive(Debug, Args)]
pub struct JoinNodeArgs {
    /// The new node's folder; it is made
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The node's device
    #[command(flatten)]
    pub device: JoinArgs,
    /// File with the key of the node's store, to be kept elsewhere than the store; it is made (else `node.key` in the
    /// folder)
    #[arg(long, env = "LACRE_NODE_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// `lacre business nodes`.
#[derive(Debug, Subcommand)]
pub enum NodesCommand {
    /// List the devices of the business's account, and which of them leads
    List(NodeArgs),
    /// Let the device in that shows this code: a node (`lacre business join`), or one that somebody writes with
    Add {
        /// The code that it shows
        code: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Have this node tell programs what customers say, in place of the one that does
    Lead(NodeArgs),
    /// Take a device out of the account and of every conversation
    Remove {
        /// Its id, as `list` shows it, or the beginning of it, or its name
        device: String,
        /// Which node
        #[command(flatten)]
        node: NodeArgs,
    },
}
