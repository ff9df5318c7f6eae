//! The network between devices and the relay: two sockets a device, whose frames are delivered one at a time, in
//! an order that the world's seed decides, and that can be lost, doubled and cut.
//!
//! A socket is a stream: a frame that is lost takes all later ones of its direction with it, until the driver
//! notices and connects anew.

use std::collections::VecDeque;
use std::net::IpAddr;

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_proto::Millis;
use lacre_proto::frame::{FromRelay, decode_relay, encode_client};
use lacre_proto::wire::{ClientFrame, Greeting, Hello, ServerFrame, greeting};
use lacre_relay::services::Services;
use lacre_relay::session::{Outgoing, Session};
use lacre_store::memory::MemoryData;
use rand::Rng;
use rand_chacha::ChaCha20Rng;

const WHY: &str = "with the store in memory every future of the relay is ready at once";

/// What may go wrong, each in thousandths of the frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// A request is lost on its way, and all after it.
    pub drop_request: u32,
    /// A request is done, and its answer is lost, and all after it.
    pub drop_answer: u32,
    /// A request arrives twice.
    pub double_request: u32,
    /// A later request overtakes an earlier one of its socket.
    pub overtake: u32,
    /// Both sockets of the device are cut.
    pub cut: u32,
}

impl Faults {
    /// A network that is bad in every way.
    pub const BAD: Self =
        Self { drop_request: 30, drop_answer: 30, double_request: 30, overtake: 30, cut: 20 };
}

/// Which of a device's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// The one that is logged in.
    Authenticated,
    /// The one that authorises by capabilities alone.
    Anonymous,
}

/// A socket: the relay's session at one end, queues of frames on the way.
pub(crate) struct Socket {
    session: Session<MemoryData>,
    pub(crate) up: VecDeque<ClientFrame>,
    pub(crate) down: VecDeque<ServerFrame>,
    /// Frames to the relay are lost from here on.
    up_lost: bool,
    /// Frames to the device are lost from here on.
    down_lost: bool,
    /// The relay has closed it.
    closed: bool,
}

/// Both sockets of a device that is connected.
pub(crate) struct Link {
    pub(crate) sockets: [Socket; 2],
    pub(crate) hello: Hello,
    pub(crate) logged_in: bool,
}

impl Link {
    pub(crate) fn open(services: &Services<MemoryData>, now: Millis) -> Self {
        let (authenticated, hello) = Socket::open(services, now);
        let (anonymous, _) = Socket::open(services, now);
        Self { sockets: [authenticated, anonymous], hello, logged_in: false }
    }

    pub(crate) fn socket(&mut self, line: Line) -> &mut Socket {
        &mut self.sockets[line as usize]
    }

    /// Whether the driver would notice by now that this link is of no more use.
    pub(crate) fn is_broken(&self) -> bool {
        self.sockets.iter().any(|socket| socket.up_lost || socket.down_lost || socket.closed)
    }
}

impl Socket {
    fn open(services: &Services<MemoryData>, now: Millis) -> (Self, Hello) {
        let (session, greeting) = Session::greet(services.clone(), None::<IpAddr>, now);
        let Ok(FromRelay::Greeting(Greeting { body: Some(greeting::Body::Hello(hello)) })) =
            decode_relay(&greeting)
        else {
            panic!("a relay greets with Hello")
        };
        let (up, down) = (VecDeque::new(), VecDeque::new());
        (Self { session, up, down, up_lost: false, down_lost: false, closed: false }, hello)
    }

    /// Takes one frame from the way to the relay, with what may befall it; gives the frames as they crossed.
    pub(crate) fn carry_up(
        &mut self,
        faults: &Faults,
        rng: &mut ChaCha20Rng,
        now: Millis,
        hand: impl FnOnce(ClientFrame) -> ClientFrame,
    ) -> Vec<Bytes> {
        let mut befalls = |per_mille: u32| rng.random_ratio(per_mille.min(1000), 1000);
        let overtaken = usize::from(self.up.len() > 1 && befalls(faults.overtake));
        let Some(frame) = self.up.remove(overtaken) else { return Vec::new() };
        self.up_lost |= befalls(faults.drop_request);
        if self.up_lost || self.closed {
            self.up.clear();
            return Vec::new();
        }
        let answer_lost = befalls(faults.drop_answer);
        let times = if befalls(faults.double_request) { 2 } else { 1 };
        let bytes = encode_client(1, &hand(frame));
        let mut crossed = vec![bytes.clone()];
        for _ in 0..times {
            let answer = self.session.handle(bytes.clone(), now).now_or_never().expect(WHY);
            let outgoing = answer.now_or_never().expect(WHY);
            crossed.extend(self.send_down(outgoing));
        }
        if answer_lost {
            self.down_lost = true;
            self.down.clear();
        }
        crossed
    }

    /// Takes what the relay pushes; gives the frames.
    pub(crate) fn pump(&mut self) -> Vec<Bytes> {
        let mut crossed = Vec::new();
        while !self.closed {
            let Some(outgoing) = self.session.next_push().now_or_never() else { break };
            crossed.extend(self.send_down(outgoing));
        }
        crossed
    }

    fn send_down(&mut self, outgoing: Outgoing) -> Option<Bytes> {
        let bytes = match outgoing {
            Outgoing::Nothing => return None,
            Outgoing::Frame(bytes) => bytes,
            Outgoing::Last(bytes) => {
                self.closed = true;
                bytes
            }
        };
        if let (Ok(FromRelay::Frame(frame)), false) = (decode_relay(&bytes), self.down_lost) {
            self.down.push_back(frame);
        }
        Some(bytes)
    }
}
