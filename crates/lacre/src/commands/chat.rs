//! `lacre chat`: conversations in the terminal.

use super::Context;
use crate::chat::{self, ChatError};
use crate::exit::{Exit, Failure};
use crate::person::Person;

pub(super) async fn run(context: &Context, with: Option<Person>) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let begin = match &with {
        Some(with) => {
            Some((with.at(client.relay())?.to_string(), with.words().unwrap_or_default().to_owned()))
        }
        None => None,
    };
    let outcome = chat::run(client.clone(), begin).await;
    // What was written last is told to the relay, if it is there.
    client.close().await;
    outcome.map_err(|error| match error {
        ChatError::NoTerminal => Failure::usage(error),
        ChatError::Terminal(_) => Failure::new(Exit::Failure, "terminal", error),
        ChatError::Profile(_) => Failure::new(Exit::Store, "damaged_store", error),
    })
}
