//! Waiting for the relay, for commands that end.

use std::time::Duration;

use lacre_client::{Client, Connection, Trouble};
use tokio::sync::watch;

/// Whether the relay was reached.
pub enum Reached {
    /// It was, at least once.
    Yes,
    /// It was not, for this reason.
    No(Trouble),
}

/// Follows the connection of a client that is to do one thing.
pub struct Reach {
    connection: watch::Receiver<Connection>,
    was_up: bool,
    last: Option<Trouble>,
}

impl Reach {
    /// Follows this client.
    pub fn new(client: &Client) -> Self {
        Self { connection: client.connection(), was_up: false, last: None }
    }

    /// Is ready when there is no point in waiting on: the relay could not be reached at all, or said no for good.
    pub async fn given_up(&mut self) -> Reached {
        loop {
            let state = self.connection.borrow_and_update().clone();
            match state {
                Connection::CatchingUp | Connection::Online => self.was_up = true,
                Connection::Offline { why, again, .. } => {
                    self.last = Some(why.clone());
                    if !self.was_up || again.is_none() {
                        return Reached::No(why);
                    }
                }
                Connection::Connecting | Connection::Closed => {}
            }
            if self.connection.changed().await.is_err() {
                return self.now();
            }
        }
    }

    /// Is ready when everything that waited at the relay is here, or there is no point in waiting on.
    pub async fn caught_up(&mut self, limit: Duration) -> Reached {
        let mut connection = self.connection.clone();
        let online = async move { connection.wait_for(|state| *state == Connection::Online).await.is_ok() };
        tokio::select! {
            biased;
            true = online => Reached::Yes,
            given_up = self.given_up() => given_up,
            () = tokio::time::sleep(limit) => match self.now() {
                Reached::Yes => Reached::No(Trouble::NoAnswer),
                no => no,
            },
        }
    }

    /// What is known now.
    pub fn now(&self) -> Reached {
        match (&self.last, self.was_up) {
            (_, true) => Reached::Yes,
            (Some(why), false) => Reached::No(why.clone()),
            (None, false) => Reached::No(Trouble::NoAnswer),
        }
    }
}
