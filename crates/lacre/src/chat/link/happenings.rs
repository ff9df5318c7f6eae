//! What happens at the client, as messages to the state.

use std::time::Duration;

use futures_util::{Stream, StreamExt, future, stream};
use lacre_client::{Alert, Event};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use super::{Link, half};
use crate::chat::model::Connection;
use crate::chat::state::Msg;
use crate::safe_text::safe_line;

/// Between two looks at how far files are.
const SEEN: Duration = Duration::from_millis(300);

impl Link {
    /// What happens at the client from now on, beginning with how it stands with the relay.
    pub fn happenings(&self) -> impl Stream<Item = Msg> + use<> {
        let mut connection = self.0.connection();
        connection.mark_changed();
        let (events, progress) = (self.0.events(), Moves::new(self.0.progress_changes()));
        let start = (self.clone(), events, connection, progress);
        let while_open = stream::unfold(start, |(link, mut events, mut connection, mut moves)| async move {
            loop {
                if let Some(msg) = next(&link, &mut events, &mut connection, &mut moves).await? {
                    return Some((msg, (link, events, connection, moves)));
                }
            }
        });
        while_open.chain(stream::once(future::ready(Msg::Connection(Connection::Closed))))
    }
}

/// The next happening; `Some(None)` for one that the chat does not show, `None` when the client is gone.
async fn next(
    link: &Link,
    events: &mut broadcast::Receiver<Event>,
    connection: &mut watch::Receiver<lacre_client::Connection>,
    moves: &mut Moves,
) -> Option<Option<Msg>> {
    tokio::select! {
        changed = connection.changed() => match changed {
            Ok(()) => Some(Some(Msg::Connection(connection_of(&connection.borrow_and_update())))),
            Err(_) => None,
        },
        () = moves.next() => Some(Some(Msg::Moved)),
        event = events.recv() => match event {
            Ok(event) => Some(happened(link, event)),
            Err(RecvError::Lagged(_)) => Some(Some(Msg::Stale)),
            Err(RecvError::Closed) => None,
        },
    }
}

/// That files get further: not told more often than one can see it.
struct Moves {
    changes: watch::Receiver<()>,
    not_before: Instant,
}

impl Moves {
    fn new(changes: watch::Receiver<()>) -> Self {
        Self { changes, not_before: Instant::now() }
    }

    /// The next time that something got further; never when nothing can any more.
    async fn next(&mut self) {
        sleep_until(self.not_before).await;
        if self.changes.changed().await.is_err() {
            future::pending().await
        }
        self.not_before = Instant::now() + SEEN;
    }
}

fn happened(link: &Link, event: Event) -> Option<Msg> {
    match event {
        Event::Queued(_, conversation, _)
        | Event::MessageChanged(conversation, _)
        | Event::ConversationChanged(conversation) => Some(Msg::Changed(vec![conversation])),
        Event::ConversationMerged(gone, stays) => Some(Msg::Merged(gone, stays)),
        Event::Alert(conversation, alert) => {
            let more = match alert {
                Alert::DeviceAdded(_) => ". Ctrl+D: devices",
                Alert::IdentityChanged(_) => ". Ctrl+S there: both numbers",
                _ => "",
            };
            Some(Msg::Alert(conversation, format!("{}{more}", safe_line(&alert.to_string()))))
        }
        Event::Typing(conversation, who, writes) => {
            let handle = link.0.read(|views| views.handle_of(who)).ok()?;
            Some(Msg::Writes(conversation, handle.to_string(), writes))
        }
        Event::LinkNumber(number, name) => Some(Msg::LinkNumber(number.to_string(), safe_line(&name))),
        Event::LinkEnded(outcome) => Some(Msg::LinkEnded(outcome.map(drop).map_err(half))),
        Event::BlocksChanged(_)
        | Event::DevicesChanged(_)
        | Event::TrustChanged(_)
        | Event::Securing(..)
        | Event::HistoryMoved(_)
        | Event::Consent(_)
        | Event::Terms(_)
        | Event::Profile(_) => Some(Msg::Elsewhere),
        Event::LookedUp(handle, _) => link.met(&handle),
        // Who asked gets the refusal as an answer; the state of the connection tells the other.
        // Of what programs ask for nothing is shown.
        Event::Refused(..) | Event::CaughtUp | Event::Shared(_) | Event::Lead(_) => None,
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
