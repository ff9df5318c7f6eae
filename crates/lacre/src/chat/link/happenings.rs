//! What happens at the client, as messages to the state.

use futures_util::{Stream, StreamExt, future, stream};
use lacre_client::Event;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::{Link, half};
use crate::chat::model::Connection;
use crate::chat::state::Msg;
use crate::safe_text::safe_line;

impl Link {
    /// What happens at the client from now on, beginning with how it stands with the relay.
    pub fn happenings(&self) -> impl Stream<Item = Msg> + use<> {
        let mut connection = self.0.connection();
        connection.mark_changed();
        let while_open =
            stream::unfold((self.0.events(), connection), |(mut events, mut connection)| async move {
                loop {
                    if let Some(msg) = next(&mut events, &mut connection).await? {
                        return Some((msg, (events, connection)));
                    }
                }
            });
        while_open.chain(stream::once(future::ready(Msg::Connection(Connection::Closed))))
    }
}

/// The next happening; `Some(None)` for one that the chat does not show, `None` when the client is gone.
async fn next(
    events: &mut broadcast::Receiver<Event>,
    connection: &mut watch::Receiver<lacre_client::Connection>,
) -> Option<Option<Msg>> {
    tokio::select! {
        changed = connection.changed() => match changed {
            Ok(()) => Some(Some(Msg::Connection(connection_of(&connection.borrow_and_update())))),
            Err(_) => None,
        },
        event = events.recv() => match event {
            Ok(event) => Some(happened(event)),
            Err(RecvError::Lagged(_)) => Some(Some(Msg::Stale)),
            Err(RecvError::Closed) => None,
        },
    }
}

fn happened(event: Event) -> Option<Msg> {
    match event {
        Event::Queued(_, conversation, _)
        | Event::MessageChanged(conversation, _)
        | Event::ConversationChanged(conversation) => Some(Msg::Changed(vec![conversation])),
        Event::ConversationMerged(gone, stays) => Some(Msg::Merged(gone, stays)),
        Event::Alert(conversation, alert) => Some(Msg::Alert(conversation, safe_line(&alert.to_string()))),
        // Who asked gets the refusal as an answer; the state of the connection tells the other.
        Event::Refused(..)
        | Event::CaughtUp
        | Event::BlocksChanged(_)
        | Event::Typing(..)
        | Event::LinkNumber(..)
        | Event::LinkEnded(_)
        | Event::DevicesChanged(_) => None,
    }
}

fn connection_of(connection: &lacre_client::Connection) -> Connection {
    match connection {
        lacre_client::Connection::Connecting => Connection::Connecting,
        lacre_client::Connection::CatchingUp => Connection::CatchingUp,
        lacre_client::Connection::Online => Connection::Online,
        lacre_client::Connection::Offline { why, again, .. } => {
            Connection::Offline { why: half(why), again: *again }
        }
        lacre_client::Connection::Closed => Connection::Closed,
    }
}
