//! The evil relay: the real relay, with a hand between its sessions and the devices.
//!
//! It numbers every mailbox anew, so that entries can be left out, held back, doubled, exchanged and made up
//! without a gap in the positions that would give it away.

use std::collections::{BTreeMap, VecDeque};

use lacre_proto::frame::{decode_item, encode_item};
use lacre_proto::wire::{
    Ack, ClientFrame, Entry, Item, Push, Request, Response, ServerFrame, client_frame, item, request,
    response, server_frame,
};

/// What becomes of an item on its way to a device: given the device's name, none, one or more in its place.
pub type OnItem = Box<dyn FnMut(&str, Item) -> Vec<Item>>;
/// What becomes of an answer on its way to a device: given the device's name and what it asked.
pub type OnAnswer = Box<dyn FnMut(&str, &request::Op, response::Result) -> response::Result>;

/// The hand between sessions and devices.
#[derive(Default)]
pub struct Evil {
    mailboxes: BTreeMap<String, Mailbox>,
    asked: BTreeMap<(String, u64), request::Op>,
    on_item: Option<OnItem>,
    on_answer: Option<OnAnswer>,
    items: BTreeMap<String, Vec<Item>>,
    asked_for: Vec<(String, request::Op)>,
    /// Keeps only what tells of members coming and going, without what is sealed: a long life would fill the memory.
    pub(crate) forgets: bool,
}

/// A mailbox as its device sees it.
#[derive(Default)]
struct Mailbox {
    /// Highest position that the device acknowledged, in the numbers that it knows.
    acknowledged: u64,
    /// Highest position given to it on this connection.
    given: u64,
    /// For positions given: the highest of the relay's own positions that they stand for.
    stands_for: VecDeque<(u64, u64)>,
    known: bool,
}

impl Evil {
    /// From now on this happens to every item.
    pub fn on_item(&mut self, hook: impl FnMut(&str, Item) -> Vec<Item> + 'static) {
        self.on_item = Some(Box::new(hook));
    }

    /// From now on this happens to every answer.
    pub fn on_answer(
        &mut self,
        hook: impl FnMut(&str, &request::Op, response::Result) -> response::Result + 'static,
    ) {
        self.on_answer = Some(Box::new(hook));
    }

    /// From now on the relay is honest again.
    pub fn honest(&mut self) {
        (self.on_item, self.on_answer) = (None, None);
    }

    /// Every item that went to a device, as the honest relay would have delivered it.
    pub fn items(&self, name: &str) -> &[Item] {
        self.items.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every request that the relay saw, with the device that sent it.
    pub fn requests(&self) -> &[(String, request::Op)] {
        &self.asked_for
    }

    /// An entry made up for a device: the frame to be delivered to it.
    pub fn make_up(&mut self, name: &str, item: &Item) -> ServerFrame {
        let mailbox = self.mailboxes.entry(name.to_owned()).or_default();
        let real = mailbox.stands_for.back().map_or(0, |(_, real)| *real);
        frame(server_frame::Body::Push(Push { entries: vec![mailbox.give(item, real)] }))
    }

    /// A frame on its way to the relay.
    pub(crate) fn up(&mut self, name: &str, frame: ClientFrame) -> ClientFrame {
        let body = match frame.body {
            Some(client_frame::Body::Ack(Ack { position })) => {
                let mailbox = self.mailboxes.entry(name.to_owned()).or_default();
                client_frame::Body::Ack(Ack { position: mailbox.acknowledge(position) })
            }
            Some(client_frame::Body::Request(Request { id, op: Some(op) })) => {
                self.asked.insert((name.to_owned(), id), op.clone());
                if !self.forgets {
                    self.asked_for.push((name.to_owned(), op.clone()));
                }
                client_frame::Body::Request(Request { id, op: Some(op) })
            }
            other => return ClientFrame { body: other },
        };
        ClientFrame { body: Some(body) }
    }

    /// A frame on its way to a device; what reaches it instead.
    pub(crate) fn down(&mut self, name: &str, frame: ServerFrame) -> Option<ServerFrame> {
        match frame.body? {
            server_frame::Body::Push(push) => self.push(name, push),
            server_frame::Body::CaughtUp(mut caught_up) => {
                caught_up.position = self.mailboxes.entry(name.to_owned()).or_default().given;
                Some(self::frame(server_frame::Body::CaughtUp(caught_up)))
            }
            server_frame::Body::Response(response) => Some(self.answer(name, response)),
            passing @ server_frame::Body::Passing(_) => Some(self::frame(passing)),
        }
    }

    fn remember(&mut self, name: &str, item: &Item) {
        let mut item = item.clone();
        match &mut item.kind {
            _ if !self.forgets => {}
            Some(item::Kind::Welcomed(welcomed)) => welcomed.welcome = Default::default(),
            Some(item::Kind::Committed(committed)) => committed.commit.truncate(1),
            _ => return,
        }
        self.items.entry(name.to_owned()).or_default().push(item);
    }

    fn push(&mut self, name: &str, push: Push) -> Option<ServerFrame> {
        let mut entries = Vec::new();
        for Entry { position, item } in push.entries {
            let item = decode_item(&item).expect("the relay's own items decode");
            self.remember(name, &item);
            let instead = match &mut self.on_item {
                Some(hook) => hook(name, item),
                None => vec![item],
            };
            let mailbox = self.mailboxes.entry(name.to_owned()).or_default();
            entries.extend(instead.iter().map(|item| mailbox.give(item, position)));
        }
        (!entries.is_empty()).then(|| frame(server_frame::Body::Push(Push { entries })))
    }

    fn answer(&mut self, name: &str, response: Response) -> ServerFrame {
        let Response { id, result } = response;
        let op = self.asked.remove(&(name.to_owned(), id));
        let result = result.map(|result| match (&mut self.on_answer, &op) {
            (Some(hook), Some(op)) => hook(name, op, result),
            _ => result,
        });
        let result = result.map(|result| match result {
            response::Result::LoggedIn(mut logged_in) => {
                let mailbox = self.mailboxes.entry(name.to_owned()).or_default();
                let waiting = logged_in.head - logged_in.acknowledged;
                if !std::mem::replace(&mut mailbox.known, true) {
                    mailbox.acknowledged = logged_in.acknowledged;
                }
                mailbox.given = mailbox.acknowledged;
                mailbox.stands_for.clear();
                (logged_in.acknowledged, logged_in.head) =
                    (mailbox.acknowledged, mailbox.acknowledged + waiting);
                response::Result::LoggedIn(logged_in)
            }
            other => other,
        });
        frame(server_frame::Body::Response(Response { id, result }))
    }
}

impl Mailbox {
    fn give(&mut self, item: &Item, real: u64) -> Entry {
        self.given += 1;
        self.stands_for.push_back((self.given, real));
        Entry { position: self.given, item: encode_item(item) }
    }

    /// Takes an acknowledgement in the device's numbers; gives it in the relay's.
    fn acknowledge(&mut self, position: u64) -> u64 {
        self.acknowledged = self.acknowledged.max(position);
        let mut real = 0;
        while let Some((given, stands_for)) =
            self.stands_for.front().copied().filter(|(given, _)| *given <= position)
        {
            debug_assert!(given <= position);
            real = stands_for;
            self.stands_for.pop_front();
        }
        real
    }
}

fn frame(body: server_frame::Body) -> ServerFrame {
    ServerFrame { body: Some(body) }
}

/// The sealed message of an item, if it is one.
pub fn sealed(item: &Item) -> Option<&lacre_proto::wire::Sealed> {
    match item.kind.as_ref()? {
        item::Kind::Sealed(sealed) => Some(sealed),
        _ => None,
    }
}
