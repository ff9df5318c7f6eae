//! The other devices of the account: which node leads, what all nodes hold alike, who is let in and put out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lacre_client::{Client, Connection, Event, Intent, LinkCode, Wanted};
use lacre_proto::{DeviceId, Millis, limits};
use lacre_store::data::Data;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::chat::SendError;
use crate::clock::Clock;
use crate::node::Identity;
use crate::nodes::{self, Lead, Led, Linking, Member, Nodes, NodesError, Pass};
use crate::store::{Store, StoreError};
use crate::webhooks::outbox::Outbox;

/// How often a node asks whether it leads: twice in vain, and it leads still.
const EVERY: Duration = Duration::from_secs(limits::LEAD.as_secs() / 3);
/// How often one asks that has no answer.
const AGAIN: Duration = Duration::from_secs(2);
/// How long an answer of the relay may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a node that stops waits to have given up the lead.
const FAREWELL: Duration = Duration::from_secs(2);

/// The devices of a node's account.
#[derive(Clone)]
pub struct Kin {
    client: Client,
    lead: Lead,
    linking: Arc<Mutex<Option<Linking>>>,
}

impl Kin {
    /// Those of the account of a client; the lead is told what the relay says.
    pub fn new(client: Client, lead: Lead) -> Self {
        Self { client, lead, linking: Arc::default() }
    }

    /// Asks for the lead again and again, and holds alike what all nodes do, until the node is stopped: then it gives
    /// the lead up, so that another has it at once.
    pub async fn keep<D: Data, K: Clock>(
        &self,
        store: &Store<D>,
        identity: &Identity,
        outbox: &Outbox<D>,
        clock: &K,
        stop: &mut watch::Receiver<bool>,
    ) {
        let mut connection = self.client.connection();
        loop {
            if let Err(error) = self.agree(store, identity).await {
                tracing::warn!(%error, "what all nodes of the account hold alike is looked at later");
            }
            let behind = self.behind(store, outbox, clock.now()).await;
            let is_answered = match self.ask(Wanted::Lead, behind).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::debug!(%error, "whether this node leads is asked again");
                    false
                }
            };
            if !self.lead.leads()
                && let Err(error) = outbox.drop_told(clock.now()).await
            {
                tracing::warn!(%error, "what another node has told stays aside for a while");
            }
            connection.mark_unchanged();
            tokio::select! {
                _ = stop.wait_for(|it| *it) => break,
                Ok(()) = connection.changed(), if !is_answered => {}
                () = tokio::time::sleep(if is_answered { EVERY } else { AGAIN }) => {}
            }
        }
        if self.lead.leads() {
            let behind = self.behind(store, outbox, clock.now()).await;
            let _ = tokio::time::timeout(FAREWELL, self.ask(Wanted::StepDown, behind)).await;
        }
    }

    /// How long ago that was up to which this node, which leads, has told everything; `None` while it does not know: there
    /// is something in the journal or in the log that was not taken yet, or its store does not answer.
    async fn behind<D: Data>(&self, store: &Store<D>, outbox: &Outbox<D>, now: Millis) -> Option<Millis> {
        let is_heard = self.client.journal(1).ok()?.is_empty();
        let heard = store.0.log_state(super::told::EVENTS).await.ok()?.head;
        let taken = outbox.position().await.ok()?;
        let behind = outbox.behind(now).await.ok()?;
        (self.lead.leads() && is_heard && heard <= taken).then_some(behind)
    }

    async fn ask(&self, wanted: Wanted, behind: Option<Millis>) -> Result<(), NodesError> {
        if !matches!(*self.client.connection().borrow(), Connection::Online | Connection::CatchingUp) {
            return Err(NodesError::Late);
        }
        let (mut events, asked) = (self.client.events(), Instant::now());
        self.client.intend(Intent::Lead(wanted, behind)).await.map_err(refused)?;
        let answered = async {
            loop {
                match events.recv().await {
                    Ok(Event::Lead(told)) => {
                        return told.map_err(|code| NodesError::Refused(code.to_string()));
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Err(NodesError::Late),
                }
            }
        };
        let told = tokio::time::timeout(PATIENCE, answered).await.map_err(|_| NodesError::Late)??;
        let me = self.client.me().map_err(unread)?.device;
        let led = Led {
            device: told.device,
            is_this: told.device == Some(me),
            lasts: Duration::from_millis(told.for_ms),
            behind: told.behind_ms.map(Duration::from_millis),
        };
        self.lead.hear(led, asked);
        Ok(())
    }

    async fn agree<D: Data>(&self, store: &Store<D>, identity: &Identity) -> Result<(), StoreError> {
        let shared = self.client.read(|views| views.records().shared(nodes::NAME)).map_err(|error| {
            tracing::warn!(%error, "the device's records cannot be read");
            StoreError::Corrupt("a record of the device")
        })?;
        if let Some(pass) = Pass::agree(store, identity, shared.as_deref()).await? {
            let told = self.client.intend(Intent::Share(nodes::NAME.to_owned(), pass)).await;
            if let Err(error) = told {
                tracing::warn!(%error, "what all nodes of the account hold alike is not told to them");
            }
        }
        Ok(())
    }

    /// Follows a linking until its number is known or it has ended, and goes on following it then.
    async fn follow(&self, code: LinkCode) -> Result<Linking, NodesError> {
        let mut events = self.client.events();
        self.client.intend(Intent::Link(code)).await.map_err(refused)?;
        let (first, number) = tokio::sync::oneshot::channel();
        let mut first = Some(first);
        let state = self.linking.clone();
        tokio::spawn(async move {
            loop {
                let now = match events.recv().await {
                    Ok(Event::LinkNumber(number, name)) => {
                        Linking::Number { number: number.to_string(), name }
                    }
                    Ok(Event::LinkEnded(Ok(device))) => Linking::Linked(device),
                    Ok(Event::LinkEnded(Err(error))) => Linking::Failed(error.to_string()),
                    Ok(_) | Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => Linking::Failed("the node was stopped".to_owned()),
                };
                let ends = !matches!(now, Linking::Number { .. });
                *state.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.clone());
                if let Some(first) = first.take() {
                    let _ = first.send(now);
                }
                if ends {
                    return;
                }
            }
        });
        match tokio::time::timeout(limits::LINK_CODE, number).await {
            Ok(Ok(now)) => Ok(now),
            _ => Err(NodesError::Late),
        }
    }
}

impl Nodes for Kin {
    fn members(&self) -> Result<Vec<Member>, NodesError> {
        let all = self.client.read(|views| views.records().own_devices()).map_err(unread)?;
        let member = |it: lacre_client::records::OwnDevice| Member {
            device: it.device,
            name: it.name,
            is_this: it.this,
            added: it.added,
            quarantine_until: it.quarantine_until,
        };
        Ok(all.into_iter().map(member).collect())
    }

    fn linking(&self) -> Option<Linking> {
        self.linking.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn link(&self, code: &str) -> BoxFuture<'_, Result<Linking, NodesError>> {
        let code = code.parse().map_err(|_| NodesError::Code);
        async move { self.follow(code?).await }.boxed()
    }

    fn remove(&self, device: DeviceId) -> BoxFuture<'_, Result<(), NodesError>> {
        async move { self.client.intend(Intent::RevokeDevice(device)).await.map(drop).map_err(refused) }
            .boxed()
    }

    fn take_over(&self) -> BoxFuture<'_, Result<(), NodesError>> {
        async move { self.ask(Wanted::TakeOver, None).await }.boxed()
    }
}

fn unread(error: impl std::fmt::Display) -> NodesError {
    NodesError::Device(SendError::Unavailable(error.to_string()))
}

fn refused(error: lacre_client::IntentError) -> NodesError {
    match error {
        lacre_client::IntentError::Refused(refusal) => NodesError::Refused(refusal.to_string()),
        other => NodesError::Device(SendError::Unavailable(other.to_string())),
    }
}
