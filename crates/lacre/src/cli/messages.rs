//! What is done with messages.

use clap::{Args, Subcommand, ValueEnum};

/// What is done with messages. A message is named by its id, as `lacre read --ids` shows it; a conversation by
/// the other person's handle or the group's name.
#[derive(Debug, Subcommand)]
pub enum MessageCommand {
    /// React to a message with an emoji
    React {
        /// The message
        id: String,
        /// One emoji, in place of what you reacted before
        #[arg(required_unless_present = "remove")]
        emoji: Option<String>,
        /// Take your reaction back
        #[arg(long, conflicts_with = "emoji")]
        remove: bool,
    },
    /// Answer a message
    Reply {
        /// The message
        id: String,
        /// The text; `-` reads it from standard input
        text: String,
    },
    /// Answer a business's message by one of its buttons or rows
    Choose {
        /// The message
        id: String,
        /// What you choose: the words on the button or in the row, or its number
        choice: String,
    },
    /// Fill in a business's form and send it back
    ///
    /// Without --answer, each question is asked here, and answered by a line of standard input. An empty line
    /// leaves out what may be left out. `lacre read --json` shows the names of the questions.
    Fill {
        /// The message
        id: String,
        /// The answer to a question, by its name. Options go by their number, their words or their id, several
        /// between commas; yes or no by y or n. Again for each answer
        #[arg(long = "answer", value_name = "NAME=ANSWER")]
        answers: Vec<String>,
    },
    /// Put another text in place of yours; for 24 hours, and the old one stays to be seen
    Edit {
        /// The message
        id: String,
        /// The new text; `-` reads it from standard input
        text: String,
    },
    /// Show every form that the text of a message had
    History {
        /// The message
        id: String,
    },
    /// Show everything that is known of a message: how far it came with whom, reactions, its earlier forms
    Info {
        /// The message
        id: String,
    },
    /// Delete a message on this device, or take yours back for everyone
    ///
    /// For everyone: apps that keep to the protocol remove it, and show that something was deleted. Who has read
    /// or copied it before keeps what they have.
    Delete {
        /// The message
        id: String,
        /// Take it back on all devices of everyone
        #[arg(long)]
        for_everyone: bool,
    },
    /// Pass a message on; it says that it was, and how often
    Forward {
        /// The message
        id: String,
        /// To whom: at most five, and one when it was passed on five times before
        #[arg(required = true, num_args = 1..=5)]
        to: Vec<String>,
    },
    /// Pin a message for everybody in its conversation
    Pin {
        /// The message
        id: String,
        /// Take the pin away
        #[arg(long)]
        remove: bool,
    },
    /// List the pinned messages of a conversation
    Pins {
        /// The conversation
        with: String,
    },
    /// Give a message a star, for yourself, on all your devices
    Star {
        /// The message
        id: String,
        /// Take the star away
        #[arg(long)]
        remove: bool,
    },
    /// List the messages with a star
    Stars,
    /// Ask a question with 2 to 12 answers to choose from
    Poll {
        /// To whom
        to: String,
        /// The question
        question: String,
        /// The answers
        #[arg(required = true, num_args = 2..=12)]
        options: Vec<String>,
        /// Several answers may be chosen
        #[arg(long)]
        multiple: bool,
    },
    /// Vote in a poll, in place of your vote before
    Vote {
        /// The poll
        id: String,
        /// Numbers of the answers, from 1
        #[arg(required_unless_present = "none", value_parser = clap::value_parser!(u8).range(1..=12))]
        choices: Vec<u8>,
        /// Take your vote back
        #[arg(long, conflicts_with = "choices")]
        none: bool,
    },
    /// Close your poll: no further votes count
    ClosePoll {
        /// The poll
        id: String,
    },
    /// Send a place on earth
    Location(LocationArgs),
    /// Send the card of somebody you have a conversation with
    Contact {
        /// To whom
        to: String,
        /// Whose card
        handle: lacre_proto::Handle,
        /// What you call them
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Look at a message that may be looked at once; then it is gone from this device
    ///
    /// Nobody can stop somebody from taking a picture of a screen, or from using an app that keeps it.
    Look {
        /// The message
        id: String,
    },
    /// Show or set after how long messages of a conversation vanish
    ///
    /// The time runs from when a message was read; for your own, from when it was sent. It holds for messages
    /// sent from now on, and for both sides.
    Timer {
        /// The conversation
        with: String,
        /// A number with s, m, h, d or w; or off
        time: Option<String>,
    },
    /// Show or set whether others are told what you received and read
    Receipts {
        /// The conversation
        with: String,
        /// Whether they are told
        tell: Option<Switch>,
    },
    /// List the messages that are to be sent later, or give one up
    Scheduled {
        /// Give up this one
        #[arg(long, value_name = "ID")]
        cancel: Option<String>,
    },
    /// Show or set the name that you go by; told with your next message in each conversation
    Name {
        /// The name; empty for none
        name: Option<String>,
    },
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// They are told
    On,
    /// They are not told
    Off,
}

/// `lacre location`.
#[derive(Debug, Args)]
pub struct LocationArgs {
    /// To whom
    pub to: String,
    /// Degrees, north positive
    #[arg(allow_negative_numbers = true, value_parser = latitude)]
    pub latitude: f64,
    /// Degrees, east positive
    #[arg(allow_negative_numbers = true, value_parser = longitude)]
    pub longitude: f64,
    /// What you call it
    #[arg(long, default_value = "")]
    pub label: String,
}

fn latitude(text: &str) -> Result<f64, String> {
    degrees(text, 90.0)
}

fn longitude(text: &str) -> Result<f64, String> {
    degrees(text, 180.0)
}

fn degrees(text: &str, most: f64) -> Result<f64, String> {
    let degrees = text.parse().ok().filter(|degrees: &f64| degrees.abs() <= most);
    degrees.ok_or_else(|| format!("write degrees from -{most} to {most}"))
}
