//! The generator: sockets that send and receive, and one tally of what became of each message.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lacre_proto::frame::decode_item;
use lacre_proto::wire::{Response, item, response};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::member::{Stock, refused};
use crate::report::{Latencies, now};
use crate::socket::{In, Socket};

/// What became of the messages. Numbers are given in the order of sending; the upper half of `dedupe` marks what
/// is this run's own.
pub struct Tally {
    tag: u32,
    receivers: usize,
    start: Instant,
    sent_at: RefCell<Vec<u64>>,
    got: RefCell<Vec<Bits>>,
    /// Messages acknowledged by the relay.
    pub accepted: Cell<u64>,
    /// Arrivals at those they were for, each once.
    pub delivered: Cell<u64>,
    /// Arrivals of what had arrived.
    pub twice: Cell<u64>,
    /// From the intended time of sending to the arrival.
    pub latencies: RefCell<Latencies>,
    /// From then on senders send nothing more.
    pub stopped: Cell<bool>,
    failed: RefCell<Option<String>>,
}

#[derive(Default, Clone)]
struct Bits(Vec<u64>);

impl Bits {
    /// Sets a bit; says whether it was not set before.
    fn set(&mut self, number: usize) -> bool {
        let (word, bit) = (number / 64, 1u64 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 64, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }
}

impl Tally {
    /// An empty one, for so many people that receive.
    pub fn new(tag: u32, receivers: usize) -> Rc<Self> {
        Rc::new(Self {
            tag,
            receivers,
            start: now(),
            sent_at: RefCell::default(),
            got: RefCell::new(vec![Bits::default(); receivers]),
            accepted: Cell::default(),
            delivered: Cell::default(),
            twice: Cell::default(),
            latencies: RefCell::new(Latencies::new()),
            stopped: Cell::default(),
            failed: RefCell::default(),
        })
    }

    /// Numbers a message that was to be sent at a time: its number, and its value for `dedupe`.
    pub fn sent(&self, intended: Instant) -> (usize, u64) {
        let mut sent_at = self.sent_at.borrow_mut();
        sent_at.push(intended.saturating_duration_since(self.start).as_micros() as u64);
        let number = sent_at.len() - 1;
        (number, u64::from(self.tag) << 32 | number as u64)
    }

    /// Messages sent so far.
    pub fn messages(&self) -> u64 {
        self.sent_at.borrow().len() as u64
    }

    /// An item came to a receiver: whether it is one of this run's messages, for the first time.
    pub fn arrived(&self, receiver: usize, bytes: &Bytes) -> io::Result<bool> {
        let item = decode_item(bytes).map_err(io::Error::other)?;
        let Some(item::Kind::Sealed(sealed)) = item.kind else { return Ok(false) };
        if (sealed.dedupe >> 32) as u32 != self.tag {
            return Ok(false);
        }
        let number = sealed.dedupe as u32 as usize;
        if !self.got.borrow_mut()[receiver].set(number) {
            self.twice.set(self.twice.get() + 1);
            return Ok(false);
        }
        let sent = self.sent_at.borrow().get(number).copied();
        let sent = sent.ok_or_else(|| io::Error::other("a message came that was not sent"))?;
        let micros = self.start.elapsed().as_micros() as u64;
        self.latencies.borrow_mut().record(micros.saturating_sub(sent));
        self.delivered.set(self.delivered.get() + 1);
        Ok(true)
    }

    /// An answer to a send: counts it, or tells that it was refused.
    pub fn answered(&self, response: &Response) -> io::Result<()> {
        match &response.result {
            Some(response::Result::Accepted(_)) => {
                self.accepted.set(self.accepted.get() + 1);
                Ok(())
            }
            Some(other) => Err(io::Error::other(refused("a message", other))),
            None => Err(io::Error::other("a message got an answer that is not known here")),
        }
    }

    /// Arrivals that are due for what was accepted and have not come, each message to `each` people.
    pub fn missing(&self, each: u64) -> u64 {
        (self.accepted.get() * each).saturating_sub(self.delivered.get())
    }

    /// Fails with what made a task end, if one did.
    pub fn check(&self) -> Result<(), String> {
        self.failed.borrow().clone().map_or(Ok(()), Err)
    }

    /// Waits until everything that was sent is accepted and has arrived, or for so long.
    pub async fn settle(&self, each: u64, at_most: Duration) -> Result<(), String> {
        let deadline = now() + at_most;
        while (self.accepted.get() < self.messages() || self.missing(each) > 0) && now() < deadline {
            self.check()?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.check()
    }

    /// People that receive.
    pub fn receivers(&self) -> usize {
        self.receivers
    }
}

/// Runs a task of the generator; its failure stops the run.
pub fn spawn(tally: &Rc<Tally>, task: impl Future<Output = io::Result<()>> + 'static) -> JoinHandle<()> {
    let tally = tally.clone();
    tokio::task::spawn_local(async move {
        if let Err(error) = task.await {
            tally.failed.borrow_mut().get_or_insert(error.to_string());
        }
    })
}

/// What a sender may send: times at which a message was due, or that it may send at once.
#[derive(Default)]
pub struct Credit {
    due: RefCell<VecDeque<Option<Instant>>>,
    wake: Notify,
}

impl Credit {
    /// So many, at once.
    pub fn grant(&self, messages: usize) {
        self.due.borrow_mut().extend(std::iter::repeat_n(None, messages));
        self.wake.notify_one();
    }

    /// One, that was due at a time.
    pub fn schedule(&self, due: Instant) {
        self.due.borrow_mut().push_back(Some(due));
        self.wake.notify_one();
    }
}

/// Sends into one conversation as its credit allows.
pub async fn send(
    mut socket: Socket,
    stock: Rc<Stock>,
    credit: Rc<Credit>,
    tally: Rc<Tally>,
) -> io::Result<()> {
    loop {
        while !tally.stopped.get() {
            let Some(due) = credit.due.borrow_mut().pop_front() else { break };
            let (number, dedupe) = tally.sent(due.unwrap_or_else(now));
            socket.queue(stock.send(number, dedupe));
        }
        socket.flush().await?;
        tokio::select! {
            read = socket.fill() => read?,
            () = credit.wake.notified() => continue,
        }
        while let Some(came) = socket.next()? {
            if let In::Response(response) = came {
                tally.answered(&response)?;
            }
        }
    }
}

/// Receives as one of the receivers, acknowledges, and tells how many of this run's messages came.
pub async fn receive(
    mut socket: Socket,
    receiver: usize,
    tally: Rc<Tally>,
    came: impl Fn(usize),
) -> io::Result<()> {
    loop {
        let mut count = 0;
        let mut last = None;
        while let Some(next) = socket.next()? {
            let In::Push(push) = next else { continue };
            for entry in &push.entries {
                last = Some(entry.position);
                count += usize::from(tally.arrived(receiver, &entry.item)?);
            }
        }
        if let Some(position) = last {
            socket.queue_ack(position);
        }
        socket.flush().await?;
        if count > 0 {
            came(count);
        }
        socket.fill().await?;
    }
}

/// Takes and acknowledges the echoes of what a sender sent, as its device would.
pub async fn echo(mut socket: Socket) -> io::Result<()> {
    loop {
        let mut last = None;
        while let Some(next) = socket.next()? {
            if let In::Push(push) = next {
                last = push.entries.last().map(|entry| entry.position).or(last);
            }
        }
        if let Some(position) = last {
            socket.queue_ack(position);
        }
        socket.flush().await?;
        socket.fill().await?;
    }
}

#[cfg(test)]
mod tests {
    use lacre_proto::frame::encode_item;
    use lacre_proto::wire::{Item, Sealed};

    use super::*;

    fn item(dedupe: u64) -> Bytes {
        let sealed = Sealed { dedupe, ..Sealed::default() };
        encode_item(&Item { time_ms: 1, kind: Some(item::Kind::Sealed(sealed)) })
    }

    #[test]
    fn a_message_counts_once_for_each_receiver_and_then_as_a_duplicate() {
        let tally = Tally::new(7, 2);
        let (_, dedupe) = tally.sent(now());
        assert!(tally.arrived(0, &item(dedupe)).unwrap());
        assert!(tally.arrived(1, &item(dedupe)).unwrap());
        assert!(!tally.arrived(1, &item(dedupe)).unwrap());
        assert_eq!((tally.delivered.get(), tally.twice.get()), (2, 1));
    }

    #[test]
    fn what_was_accepted_and_did_not_arrive_is_missing() {
        let tally = Tally::new(7, 1);
        let sent: Vec<_> = (0..3).map(|_| tally.sent(now()).1).collect();
        let accepted = response::Result::Accepted(Default::default());
        for id in 0..3 {
            tally.answered(&Response { id, result: Some(accepted.clone()) }).unwrap();
        }
        tally.arrived(0, &item(sent[0])).unwrap();
        assert_eq!(tally.missing(1), 2);
    }

    #[test]
    fn messages_of_another_run_are_not_counted() {
        let tally = Tally::new(7, 1);
        assert!(!tally.arrived(0, &item(8 << 32)).unwrap());
        assert!(tally.arrived(0, &item(7 << 32)).is_err(), "ours, and never sent");
    }
}
