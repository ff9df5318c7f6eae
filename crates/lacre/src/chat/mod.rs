//! `lacre chat`: conversations in the terminal.
//!
//! [`State::update`](state::State::update) is pure: what happened goes in, commands come out. `view` draws a
//! state, also purely; `run` owns the terminal and the clock; `link` is the only part that knows the client.
//! Text of others reaches a state only through `safe_text`.

mod actions;
mod acts;
mod business;
mod composer;
mod drafts;
mod filling;
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

use futures_util::{StreamExt, stream};
use lacre_client::Client;

pub use run::ChatError;

/// Shows a client's conversations in this process' terminal until the person leaves. The client stays open.
/// It begins with somebody, when a handle is given, and with words in the composer, which are sent when the
/// person does so.
pub async fn run(client: Client, begin: Option<(String, String)>) -> Result<(), ChatError> {
    let link = link::Link::new(client);
    let begin = begin.map(|(handle, words)| msg::Msg::Begin(handle, words));
    let happenings = Box::pin(stream::iter(begin).chain(link.happenings()));
    run::run(link, happenings).await
}
