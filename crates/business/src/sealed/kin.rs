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
use crate::nodes::{self, Lead, Led, Linking, Mark, Member, Nodes, NodesError, Pass};
use crate::store::{Store, StoreError};
use crate::webhooks::outbox::Outbox;

/// How often a node asks whether it leads: twice in vain, and it leads still.
const EVERY: Duration = Duration::from_secs(limits::LEAD.as_secs() / 3);
/// How often one asks that has no answer.
const AGAIN: Duration = Duration::from_secs(2);
/// How long an answer of the relay may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a node that stops waits to have told how far it is, and to have given up the lead.
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
        // What it told before it was started last, it may have told just then.
        let began = clock.now();
        loop {
            if let Err(error) = self.agree(store, identity).await {
                tracing::warn!(%error, "what all nodes of the account hold alike is looked at later");
            }
            let is_answered = match self.ask(Wanted::Lead).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::debug!(%error, "whether this node leads is asked again");
                    false
                }
            };
            if !self.lead.leads() {
                if let Err(error) = outbox.drop_told(clock.now()).await {
                    tracing::warn!(%error, "what another node has told stays aside for a while");
                }
            } else if is_answered {
                self.tell_mark(store, outbox, began, false, clock.now()).await;
            }
            connection.mark_unchanged();
            tokio::select! {
                _ = stop.wait_for(|it| *it) => break,
                Ok(()) = connection.changed(), if !is_answered => {}
                () = tokio::time::sleep(if is_answered { EVERY } else { AGAIN }) => {}
            }
        }
        if self.lead.leads() {
            // Whoever leads next knows from where it has to go on.
            let told = async {
                self.tell_mark(store, outbox, began, true, clock.now()).await;
                self.client.flush().await;
            };
            let _ = tokio::time::timeout(FAREWELL, told).await;
            let _ = tokio::time::timeout(FAREWELL, self.ask(Wanted::StepDown)).await;
        }
    }

    /// Tells the other nodes, sealed, up to when this one, which leads, has told everything; where that is worth it.
    async fn tell_mark<D: Data>(
        &self,
        store: &Store<D>,
        outbox: &Outbox<D>,
        began: Millis,
        ends: bool,
        now: Millis,
    ) {
        let is_alone = self.members().is_ok_and(|it| it.len() < 2);
        let Some(mark) = self.mark(store, outbox, now).await.filter(|_| !is_alone) else { return };
        let held = self.lead.mark();
        if held.is_some_and(|it| it.is_ahead(now)) {
            tracing::warn!("the clock of another node was ahead of this one's");
        }
        if !mark.is_due(held, began.max(outbox.latest()), ends, now) {
            return;
        }
        match self.share(Mark::NAME.to_owned(), mark.to_bytes()).await {
            Ok(()) => self.lead.hold(Some(mark)),
            Err(error) => tracing::warn!(%error, "the other nodes hear later what was told"),
        }
    }

    /// Up to when this node has told everything; `None` while it does not know: something that came is still with the
    /// relay, in the journal or in the log, or its store does not answer.
    async fn mark<D: Data>(&self, store: &Store<D>, outbox: &Outbox<D>, now: Millis) -> Option<Mark> {
        let is_here = matches!(*self.client.connection().borrow(), Connection::Online);
        let is_heard = self.client.journal(1).ok()?.is_empty();
        let heard = store.0.log_state(super::told::EVENTS).await.ok()?.head;
        let taken = outbox.position().await.ok()?;
        let mark = outbox.told(now).await.ok()?;
        (is_here && is_heard && heard <= taken).then_some(mark)
    }

    async fn ask(&self, wanted: Wanted) -> Result<(), NodesError> {
        if !matches!(*self.client.connection().borrow(), Connection::Online | Connection::CatchingUp) {
            return Err(NodesError::Late);
        }
        let (mut events, asked) = (self.client.events(), Instant::now());
        self.client.intend(Intent::Lead(wanted)).await.map_err(refused)?;
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
        };
        // Before it leads it knows what was told.
        self.lead.hold(self.held(Mark::NAME)?.and_then(|it| Mark::from_bytes(&it)));
        self.lead.hear(led, asked);
        Ok(())
    }

    async fn agree<D: Data>(&self, store: &Store<D>, identity: &Identity) -> Result<(), StoreError> {
        let shared = self.held(nodes::NAME).map_err(|error| {
            tracing::warn!(%error, "the device's records cannot be read");
            StoreError::Corrupt("a record of the device")
        })?;
        if let Some(pass) = Pass::agree(store, identity, shared.as_deref()).await?
            && let Err(error) = self.share(nodes::NAME.to_owned(), pass).await
        {
            tracing::warn!(%error, "what all nodes of the account hold alike is not told to them");
        }
        Ok(())
    }

    fn held(&self, name: &str) -> Result<Option<Vec<u8>>, NodesError> {
        self.client.read(|views| views.records().shared(name)).map_err(unread)
    }

    /// Does something whenever the devices hold something else alike, and now and then, until the node is stopped.
    pub async fn follow_shared<F: Future<Output = ()>>(
        &self,
        follow: impl Fn() -> F,
        stop: &mut watch::Receiver<bool>,
    ) {
        let mut events = self.client.events();
        loop {
            follow().await;
            let news = async {
                loop {
                    match events.recv().await {
                        Ok(Event::Shared(_)) | Err(RecvError::Lagged(_)) => return,
                        Ok(_) => {}
                        Err(RecvError::Closed) => std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                _ = stop.wait_for(|it| *it) => return,
                () = news => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
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
        async move { self.ask(Wanted::TakeOver).await }.boxed()
    }

    fn shared(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, NodesError> {
        self.client.read(|views| views.records().all_shared(prefix)).map_err(unread)
    }

    fn share(&self, name: String, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), NodesError>> {
        async move { self.client.intend(Intent::Share(name, bytes)).await.map(drop).map_err(refused) }.boxed()
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
