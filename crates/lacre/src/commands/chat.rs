//! `lacre chat`: conversations in the terminal.

use super::Context;
use crate::chat::{self, ChatError};
use crate::exit::{Exit, Failure};

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let outcome = chat::run(client.clone()).await;
    // What was written last is told to the relay, if it is there.
    client.close().await;
    outcome.map_err(|error| match error {
        ChatError::NoTerminal => Failure::usage(error),
        ChatError::Terminal(_) => Failure::new(Exit::Failure, "terminal", error),
        ChatError::Profile(_) => Failure::new(Exit::Store, "damaged_store", error),
    })
}
