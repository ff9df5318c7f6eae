//! Inputs into the engine, and what its steps ask for.

use lacre_engine::{Changes, Effect, Engine, EngineError, Event, Input, Intent, IntentId, Step};
use lacre_proto::Millis;
use tokio::sync::oneshot;

use super::link::Line;
use super::{ANSWER, Driver, IntentError, Queued, SETTLE, State, Trouble};
use crate::journal;
use crate::once::{Asked, Once};
use crate::search;
use crate::store::StoreError;

/// Why a step was taken back.
pub(super) enum TakenBack {
    Store(StoreError),
    Engine(EngineError),
}

impl Driver {
    /// Handles one input whole; on a failure nothing of it remains and the link is dropped. Gives whether it
    /// was done.
    pub(super) fn handle(&mut self, input: Input) -> bool {
        match self.step(input) {
            Ok(()) => true,
            Err(taken_back) => {
                self.take_back(taken_back);
                false
            }
        }
    }

    pub(super) fn intend(&mut self, intent: Intent, reply: oneshot::Sender<Result<Queued, IntentError>>) {
        self.intend_noting(intent, reply, None);
    }

    /// An intent under an id of the caller's: it is not done again.
    pub(super) fn intend_once(
        &mut self,
        asked: Asked,
        intent: Intent,
        reply: oneshot::Sender<Result<Once, IntentError>>,
    ) {
        let before = match self.parts.store.snapshot() {
            Ok(reader) => asked.before(reader.as_ref()),
            Err(error) => Err(error.into()),
        };
        let outcome = match before {
            Ok(Ok(Some(once))) => Ok(once),
            Ok(Err(())) => Err(IntentError::IdUsed),
            Err(error) => Err(IntentError::Engine(error.to_string())),
            Ok(Ok(None)) => {
                let (queued, mut answer) = oneshot::channel();
                self.intend_noting(intent, queued, Some(asked));
                // The step has answered it.
                let queued = answer.try_recv().unwrap_or(Err(IntentError::Closed));
                queued.map(|queued| Once { queued, again: false })
            }
        };
        // Whoever asked may have stopped waiting.
        let _ = reply.send(outcome);
    }

    fn intend_noting(
        &mut self,
        intent: Intent,
        reply: oneshot::Sender<Result<Queued, IntentError>>,
        asked: Option<Asked>,
    ) {
        let id = self.next_intent;
        self.next_intent += 1;
        self.intents.insert(id, reply);
        let outcome = self.step_noting(Input::Intent(id, intent), asked.map(|asked| (id, asked)));
        let reply = self.intents.remove(&id);
        match outcome {
            // An intent that makes no message is done when it is stored.
            Ok(()) => reply.into_iter().for_each(|reply| drop(reply.send(Ok(Queued::Done)))),
            Err(taken_back) => {
                let error = match &taken_back {
                    TakenBack::Store(error) => IntentError::Store(error.clone()),
                    TakenBack::Engine(error) => IntentError::Engine(error.to_string()),
                };
                reply.into_iter().for_each(|reply| drop(reply.send(Err(error.clone()))));
                self.take_back(taken_back);
            }
        }
    }

    /// Begins a journal, or lets its entries up to a number go.
    pub(super) fn journal(&mut self, up_to: Option<u64>) -> Result<(), IntentError> {
        let changes = {
            let reader = self.parts.store.snapshot().map_err(EngineError::from);
            let changes = reader.and_then(|reader| match up_to {
                None => journal::begin(reader.as_ref()),
                Some(up_to) => journal::let_go(reader.as_ref(), up_to),
            });
            changes.map_err(|error| IntentError::Engine(error.to_string()))?
        };
        self.commit(&changes).map_err(IntentError::Store)
    }

    /// Writes changes that are not the engine's.
    pub(super) fn commit(&mut self, changes: &Changes) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.parts.store.commit(changes)?;
        self.settle = Some(self.parts.clock.now() + SETTLE.as_millis() as Millis);
        Ok(())
    }

    pub(super) fn step(&mut self, input: Input) -> Result<(), TakenBack> {
        self.step_noting(input, None)
    }

    fn step_noting(&mut self, input: Input, asked: Option<(IntentId, Asked)>) -> Result<(), TakenBack> {
        let now = self.parts.clock.now();
        let step = {
            let reader = self.parts.store.snapshot().map_err(|error| TakenBack::Engine(error.into()))?;
            let mut step = self
                .parts
                .engine
                .handle(reader.as_ref(), input, now, self.parts.rng.as_mut())
                .map_err(TakenBack::Engine)?;
            match search::follow(reader.as_ref(), &mut step.changes) {
                // What can be made anew holds nothing up.
                Err(EngineError::Corrupt(what)) => {
                    tracing::warn!(what, "the search index is damaged and is made anew");
                    step.changes.extend(search::forget());
                    self.indexing = true;
                }
                followed => followed.map_err(TakenBack::Engine)?,
            }
            journal::follow(reader.as_ref(), &step.events, &mut step.changes).map_err(TakenBack::Engine)?;
            step
        };
        let Step { mut changes, effects, events, wake } = step;
        if let Some((intent, asked)) = asked {
            asked.note(intent, &events, &mut changes);
        }
        self.commit(&changes).map_err(TakenBack::Store)?;
        self.wake = wake;
        effects.into_iter().for_each(|effect| self.run_effect(effect, now));
        events.into_iter().for_each(|event| self.publish(event));
        Ok(())
    }

    /// Makes the search index a slice further, when it is not made.
    pub(super) fn index(&mut self) {
        let slice = match self.parts.store.snapshot() {
            Ok(reader) => search::slice(reader.as_ref()),
            Err(error) => Err(error.into()),
        };
        let going = match slice {
            Ok(Some(changes)) => self.commit(&changes).map_err(|error| error.to_string()).map(|()| true),
            Ok(None) => Ok(false),
            Err(error) => Err(error.to_string()),
        };
        // Searching then says that it does not see everything; the next run tries again.
        self.indexing = going.unwrap_or_else(|reason| {
            tracing::error!(reason, "the search index cannot be made");
            false
        });
    }

    fn run_effect(&mut self, effect: Effect, now: Millis) {
        let effect = match self.run_file_effect(effect) {
            Some(effect) => effect,
            None => return,
        };
        // Without a link nothing is sent: the outbox is dispatched again when there is one.
        let State::Up { link, .. } = &self.state else { return };
        let until = now + ANSWER.as_millis() as Millis;
        match effect {
            Effect::Request(id, op) => {
                link.request(Line::Authenticated, id, op);
                self.open.insert(id, until);
            }
            Effect::AnonymousRequest(id, op) => {
                link.request(Line::Anonymous, id, op);
                self.open.insert(id, until);
            }
            Effect::Acknowledge(position) => link.acknowledge(position),
            Effect::Upload(_)
            | Effect::StopUploading(..)
            | Effect::Fetch(_)
            | Effect::StopFetching(_)
            | Effect::DropFile(_) => {}
        }
    }

    /// What is done with files needs no link; gives back what is something else.
    fn run_file_effect(&mut self, effect: Effect) -> Option<Effect> {
        let transfers = &mut self.parts.transfers;
        match effect {
            Effect::Upload(file) => transfers.upload(file),
            Effect::StopUploading(file, capability) => transfers.give_up(file, capability),
            Effect::Fetch(file) => transfers.fetch(file),
            Effect::StopFetching(file) => transfers.stop(file),
            Effect::DropFile(hash) => transfers.delete(hash),
            other => return Some(other),
        }
        None
    }

    fn publish(&mut self, event: Event) {
        match &event {
            Event::Queued(id, conversation, message) => {
                if let Some(reply) = self.intents.remove(id) {
                    let _ = reply.send(Ok(Queued::Message(*conversation, *message)));
                }
            }
            Event::Refused(id, refusal) => {
                if let Some(reply) = self.intents.remove(id) {
                    let _ = reply.send(Err((*refusal).into()));
                }
            }
            _ => {}
        }
        // Nobody listening is no fault.
        let _ = self.parts.events.send(event);
    }

    /// Goes back to what the store holds.
    fn take_back(&mut self, taken_back: TakenBack) {
        let trouble = match taken_back {
            TakenBack::Store(error) => {
                self.parts.engine.rolled_back();
                Trouble::Store(error)
            }
            TakenBack::Engine(error) => {
                self.reopen();
                Trouble::Engine(error.to_string())
            }
        };
        tracing::error!(reason = %trouble, "a step was taken back");
        self.drop_link(trouble);
    }

    fn reopen(&mut self) {
        let opened = match self.parts.store.snapshot() {
            Ok(reader) => Engine::open(reader.as_ref()),
            Err(error) => Err(error.into()),
        };
        match opened {
            Ok(Some(engine)) => self.parts.engine = engine,
            Ok(None) => self.parts.engine.rolled_back(),
            Err(error) => {
                tracing::error!(reason = %error, "the engine does not open again");
                self.parts.engine.rolled_back();
            }
        }
    }
}
