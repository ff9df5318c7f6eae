//! `lacre chat`: conversations in the terminal.
//!
//! [`State::update`](state::State::update) is pure: what happened goes in, commands come out. `view` draws a
//! state, also purely; `run` owns the terminal and the clock; `link` is the only part that knows the client.
//! Text of others reaches a state only through `safe_text`.

mod actions;
mod acts;
mod composer;
mod drafts;
mod group;
mod input;
mod keys;
mod lines;
mod link;
mod linking;
mod model;
mod msg;
mod open;
mod palette;
mod panel;
mod panes;
mod questions;
mod run;
mod search;
mod sheets;
mod state;
mod text;
mod theme;
mod time;
mod typing;
mod view;
mod words;

#[cfg(test)]
mod tests;

use lacre_client::Client;

pub use run::ChatError;

/// Shows a client's conversations in this process' terminal until the person leaves. The client stays open.
pub async fn run(client: Client) -> Result<(), ChatError> {
    let link = link::Link::new(client);
    let happenings = Box::pin(link.happenings());
    run::run(link, happenings).await
}
