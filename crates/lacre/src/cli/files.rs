//! What is done with files.

use std::path::PathBuf;

use clap::Args;

/// How files go.
#[derive(Debug, Clone, Copy, Args)]
pub struct PaceArgs {
    /// At most so many KiB a second
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_rate: Option<u64>,
    /// Parts of 4 MiB under way at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=16))]
    pub parts: usize,
}

const SAVE: &str = "\
Examples:
  lacre media bruno                     a conversation's files, with their ids
  lacre save ID                         all files of a message, here
  lacre save ID --file 2 --to plan.pdf  one of them, under another name";

/// `lacre save`.
#[derive(Debug, Args)]
#[command(after_help = SAVE)]
pub struct SaveArgs {
    /// The id of the message, as `lacre media` or `lacre read --ids` shows it
    pub id: String,
    /// Which of its files, from 1 (else all)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub file: Option<u8>,
    /// A folder, or the name of the file to write (else here, under the sender's name made safe). Nothing is
    /// overwritten
    #[arg(long, value_name = "PATH")]
    pub to: Option<PathBuf>,
    /// Write a voice note as a WAV file
    #[arg(long)]
    pub wav: bool,
    /// Seconds in which nothing comes before it is given up; it goes on there the next time
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
    /// How the files come
    #[command(flatten)]
    pub pace: PaceArgs,
}

const STORAGE: &str = "\
Examples:
  lacre storage                                   what takes how much
  lacre storage --in bruno --older-than 30d --delete";

/// `lacre storage`.
#[derive(Debug, Args)]
#[command(after_help = STORAGE)]
pub struct StorageArgs {
    /// Only the conversation of this name: a person's handle or a group's name
    #[arg(long = "in", value_name = "NAME")]
    pub within: Option<String>,
    /// Only files of messages older than this: 30d, 12h, 2w
    #[arg(long, value_name = "TIME")]
    pub older_than: Option<String>,
    /// Delete the sealed files from this device; the messages stay, and what the relay still has can be fetched again
    #[arg(long)]
    pub delete: bool,
}
