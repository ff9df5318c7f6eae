//! A WebSocket's server side (RFC 6455): tungstenite's frame headers, buffers of our own. The relay takes binary
//! messages only; text is for the echo that the Autobahn suite tests (`examples/echo.rs`).
//!
//! tungstenite's own socket keeps the buffers of its largest message for as long as it lives, one on each side, and
//! they are most of what an idle connection costs. Here a socket that waits holds no buffer at all: what is read
//! passes through one buffer of the thread, and what is written is gathered until it is flushed.
//!
//! A message over [`limits::FRAME`] is held within a budget that all sockets share, by what of it has come and not by
//! what its head announces: to announce costs the relay nothing, and to send costs the sender as much. When the
//! budget is used up the socket is closed, and the peer told to come again.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use lacre_proto::limits;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use crate::budget::{Budget, Held};

/// What is gathered before it is written without being asked to.
const WRITE_BUFFER: usize = 16 * 1024;
const READ_BUFFER: usize = 16 * 1024;
/// What of a large message is taken from the budget at a time.
const LARGE_STEP: usize = 256 * 1024;
/// The longest head of a frame that a relay sends.
const HEADER: usize = 10;
/// The largest payload of a control frame (RFC 6455 §5.5).
const CONTROL: u64 = 125;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into());
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A whole binary message.
    Message(Bytes),
    /// A whole text message, from a socket that takes text.
    Text(Bytes),
    /// A ping, whose answer is gathered, or a pong.
    Sign,
    /// The peer's close frame, whose answer is gathered: the last thing that comes.
    Close,
}

/// Why nothing more can come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The connection ended.
    Gone,
    /// The peer sent what it must not, and is to be told with this code.
    Refused(CloseCode),
}

/// A message of which more frames are to come.
struct Part {
    text: bool,
    payload: Vec<u8>,
}

/// A server's WebSocket after its handshake; whether it takes text is a part of its type.
pub(super) struct WebSocket<S, const TEXT: bool = false> {
    stream: S,
    /// What was read.
    read: Vec<u8>,
    /// So much of it was taken.
    taken: usize,
    /// The payloads of a message's frames so far, while more are to come.
    message: Option<Part>,
    /// What is to be written.
    out: Vec<u8>,
    budget: Budget,
    /// For a message that is large, while it comes and until it is taken.
    held: Option<Held>,
    /// Ticks since it began to come.
    ticks: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin, const TEXT: bool> WebSocket<S, TEXT> {
    /// A socket whose first bytes were read already.
    pub(super) fn new(stream: S, read: Vec<u8>, budget: Budget) -> Self {
        Self { stream, read, taken: 0, message: None, out: Vec::new(), budget, held: None, ticks: 0 }
    }

    /// Waits for what comes next; messages may be as large as given. Nothing is lost when it is dropped before it
    /// is ready.
    pub(super) async fn next(&mut self, largest: usize) -> Result<Incoming, Broken> {
        poll_fn(|context| self.poll_next(context, largest)).await
    }

    /// The part of the budget that the message holds which came last, if it was large.
    pub(super) fn take_held(&mut self) -> Option<Held> {
        self.ticks = 0;
        self.held.take()
    }

    /// For how many ticks, with this one, a large message has been on its way.
    pub(super) fn tick(&mut self) -> u32 {
        self.ticks = if self.held.is_some() { self.ticks + 1 } else { 0 };
        self.ticks
    }

    /// Gathers the head of a large binary message; its parts are to follow.
    pub(super) fn begin(&mut self, length: usize) {
        self.gather_head(OpCode::Data(Data::Binary), length);
    }

    /// Writes a part of a large message, after all that is gathered.
    pub(super) async fn part(&mut self, part: &[u8]) -> io::Result<()> {
        self.write().await?;
        self.stream.write_all(part).await
    }

    /// Gathers a binary message; writes when there is much.
    pub(super) async fn feed(&mut self, message: &[u8]) -> io::Result<()> {
        self.feed_as(Data::Binary, message).await
    }

    /// The same with a message of either kind.
    pub(super) async fn feed_as(&mut self, kind: Data, message: &[u8]) -> io::Result<()> {
        self.gather(OpCode::Data(kind), message);
        if self.out.len() >= WRITE_BUFFER { self.write().await } else { Ok(()) }
    }

    /// Gathers a ping.
    pub(super) fn ping(&mut self) {
        self.gather(OpCode::Control(Control::Ping), &[]);
    }

    /// Gathers a close frame.
    pub(super) fn close(&mut self, code: CloseCode) {
        self.gather(OpCode::Control(Control::Close), &u16::from(code).to_be_bytes());
    }

    /// Whether something is gathered.
    pub(super) fn is_dirty(&self) -> bool {
        !self.out.is_empty()
    }

    /// Writes what is gathered.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.write().await?;
        self.stream.flush().await
    }

    /// The stream under it.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    async fn write(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out).await?;
        self.out = Vec::new();
        Ok(())
    }

    fn gather(&mut self, opcode: OpCode, payload: &[u8]) {
        self.out.reserve(HEADER + payload.len());
        self.gather_head(opcode, payload.len());
        self.out.extend_from_slice(payload);
    }

    fn gather_head(&mut self, opcode: OpCode, length: usize) {
        let header =
            FrameHeader { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: None };
        header.format(length as u64, &mut self.out).expect("a vector takes everything");
    }

    fn poll_next(&mut self, context: &mut Context<'_>, largest: usize) -> Poll<Result<Incoming, Broken>> {
        loop {
            if let Some(incoming) = self.take_frame(largest).transpose() {
                return Poll::Ready(incoming);
            }
            self.forget_taken();
            self.cover()?;
            match ready!(self.poll_read(context)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Gone)),
                Ok(_) => {}
            }
        }
    }

    /// Has what is there of a large message stand in the budget, before more of it is read.
    fn cover(&mut self) -> Result<(), Broken> {
        let there = self.read.len() + self.so_far();
        let held = self.held.as_ref().map_or(0, Held::bytes);
        // What an ordinary frame takes, with its head and what was read behind it, is every socket's own.
        if there <= limits::FRAME + READ_BUFFER || there + READ_BUFFER <= held {
            return Ok(());
        }
        let more =
            self.budget.try_take(there + LARGE_STEP - held).ok_or(Broken::Refused(CloseCode::Again))?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }

    /// Makes room for what is still to come of a frame, of a large one step by step.
    fn make_room(&mut self, end: usize) {
        let length = self.read.len();
        if self.read.capacity() - length < READ_BUFFER {
            let step = if end <= limits::FRAME { end - length } else { LARGE_STEP + READ_BUFFER };
            self.read.reserve_exact(step.min(end - length).max(READ_BUFFER));
        }
    }

    /// Lets go of what was taken, and of the whole buffer when nothing is left.
    fn forget_taken(&mut self) {
        if self.taken == self.read.len() {
            self.read = Vec::new();
        } else {
            self.read.drain(..self.taken);
        }
        self.taken = 0;
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        READ.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            self.read.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Takes frames off what was read until one of them says something.
    fn take_frame(&mut self, largest: usize) -> Result<Option<Incoming>, Broken> {
        loop {
            let mut cursor = Cursor::new(&self.read[self.taken..]);
            let header = FrameHeader::parse(&mut cursor);
            let Some((header, length)) = header.map_err(|_| Broken::Refused(CloseCode::Protocol))? else {
                return Ok(None);
            };
            self.check(&header, length, largest)?;
            let start = self.taken + cursor.position() as usize;
            let end = start + length as usize;
            if self.read.len() < end {
                self.make_room(end);
                return Ok(None);
            }
            self.taken = end;
            let mask = header.mask.ok_or(Broken::Refused(CloseCode::Protocol))?;
            unmask(&mut self.read[start..end], mask);
            let said = match header.opcode {
                OpCode::Control(control) => Some(self.control(control, start, end)?),
                OpCode::Data(kind) => self.data(kind, header.is_final, start, end)?,
            };
            if said.is_some() {
                return Ok(said);
            }
        }
    }

    /// Whether a frame may come now, by its head alone.
    fn check(&self, header: &FrameHeader, length: u64, largest: usize) -> Result<(), Broken> {
        let FrameHeader { is_final, rsv1, rsv2, rsv3, opcode, mask } = header;
        let refuse = |code| Err(Broken::Refused(code));
        if *rsv1 || *rsv2 || *rsv3 || mask.is_none() {
            return refuse(CloseCode::Protocol);
        }
        match opcode {
            OpCode::Control(_) if !is_final || length > CONTROL => return refuse(CloseCode::Protocol),
            OpCode::Control(_) => return Ok(()),
            OpCode::Data(Data::Continue) if self.message.is_none() => return refuse(CloseCode::Protocol),
            OpCode::Data(Data::Text | Data::Binary) if self.message.is_some() => {
                return refuse(CloseCode::Protocol);
            }
            OpCode::Data(Data::Text) if !TEXT => return refuse(CloseCode::Unsupported),
            OpCode::Data(_) => {}
        }
        let before = self.so_far();
        if length > largest.saturating_sub(before) as u64 {
            return refuse(CloseCode::Size);
        }
        Ok(())
    }

    /// Bytes of the message's frames so far.
    fn so_far(&self) -> usize {
        self.message.as_ref().map_or(0, |part| part.payload.len())
    }

    fn data(
        &mut self,
        kind: Data,
        is_final: bool,
        start: usize,
        end: usize,
    ) -> Result<Option<Incoming>, Broken> {
        let (text, message) = if is_final && self.message.is_none() && end - start > WRITE_BUFFER {
            // Handed on rather than copied.
            let rest = self.read.split_off(end);
            let taken = std::mem::replace(&mut self.read, rest);
            self.taken = 0;
            (kind == Data::Text, Bytes::from(taken).slice(start..))
        } else {
            let payload = &self.read[start..end];
            let mut part = match (self.message.take(), is_final) {
                (None, true) => return whole(kind == Data::Text, Bytes::copy_from_slice(payload)),
                (part, _) => part.unwrap_or(Part { text: kind == Data::Text, payload: Vec::new() }),
            };
            part.payload.extend_from_slice(payload);
            if !is_final {
                self.message = Some(part);
                return Ok(None);
            }
            (part.text, part.payload.into())
        };
        whole(text, message)
    }

    fn control(&mut self, control: Control, start: usize, end: usize) -> Result<Incoming, Broken> {
        let payload = self.read[start..end].to_vec();
        match control {
            // Who floods with pings gets as many answers as fit into one write.
            Control::Ping if self.out.len() < WRITE_BUFFER => {
                self.gather(OpCode::Control(Control::Pong), &payload);
                Ok(Incoming::Sign)
            }
            Control::Ping | Control::Pong => Ok(Incoming::Sign),
            Control::Close => {
                let answer = close_answer(&payload)?;
                self.gather(OpCode::Control(Control::Close), answer);
                Ok(Incoming::Close)
            }
            Control::Reserved(_) => Err(Broken::Refused(CloseCode::Protocol)),
        }
    }
}

/// A message that is whole: text has to be text.
fn whole(text: bool, message: Bytes) -> Result<Option<Incoming>, Broken> {
    match text {
        true if std::str::from_utf8(&message).is_err() => Err(Broken::Refused(CloseCode::Invalid)),
        true => Ok(Some(Incoming::Text(message))),
        false => Ok(Some(Incoming::Message(message))),
    }
}

/// What a close frame is answered with: its own code (RFC 6455 §5.5.1), if it is one.
fn close_answer(payload: &[u8]) -> Result<&[u8], Broken> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(&[]) } else { Err(Broken::Refused(CloseCode::Protocol)) };
    };
    if !CloseCode::from(u16::from_be_bytes(*code)).is_allowed() {
        return Err(Broken::Refused(CloseCode::Protocol));
    }
    match std::str::from_utf8(reason) {
        Ok(_) => Ok(&payload[..2]),
        Err(_) => Err(Broken::Refused(CloseCode::Invalid)),
    }
}

/// Takes the mask off a payload (RFC 6455 §5.3), eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mask_once = u64::from(u32::from_ne_bytes(mask));
    let wide = mask_once << 32 | mask_once;
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = Vec::new();
        let header = FrameHeader {
            is_final: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            rsv2: first & 0x20 != 0,
            rsv3: first & 0x10 != 0,
            opcode: OpCode::from(first & 0x0f),
            mask: Some(mask),
        };
        header.format(payload.len() as u64, &mut bytes).unwrap();
        bytes.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
        bytes
    }

    /// Everything that comes of bytes that are there already.
    async fn all(bytes: Vec<u8>) -> (Vec<Incoming>, Broken) {
        let stream = tokio::io::join(tokio::io::empty(), tokio::io::sink());
        let mut socket = WebSocket::<_>::new(stream, bytes, Budget::new(0));
        let mut came = Vec::new();
        loop {
            match socket.next(limits::FRAME).await {
                Ok(incoming) => came.push(incoming),
                Err(broken) => return (came, broken),
            }
        }
    }

    #[tokio::test]
    async fn a_socket_that_waits_holds_no_buffer() {
        let (mut peer, ours) = tokio::io::duplex(1024 * 1024);
        let mut socket = WebSocket::<_>::new(ours, Vec::new(), Budget::new(0));
        peer.write_all(&masked(0x82, &vec![7; 200_000])).await.unwrap();
        assert_eq!(socket.next(limits::FRAME).await, Ok(Incoming::Message(vec![7; 200_000].into())));
        socket.feed(&vec![8; 200_000]).await.unwrap();
        socket.feed(b"a little more").await.unwrap();
        socket.flush().await.unwrap();
        assert!(tokio::select! { biased; _ = socket.next(limits::FRAME) => false, () = async {} => true });
        assert_eq!((socket.read.capacity(), socket.out.capacity()), (0, 0));
        assert!(socket.message.is_none());
    }

    #[tokio::test]
    async fn a_large_message_is_held_within_the_budget_and_as_it_comes() {
        const LARGE: usize = 3 * 1024 * 1024;
        let budget = Budget::new(4 * 1024 * 1024);
        let (mut peer, ours) = tokio::io::duplex(64 * 1024);
        let mut socket = WebSocket::<_>::new(ours, Vec::new(), budget.clone());
        let frame = masked(0x82, &vec![7; LARGE]);
        let (sent, came) = tokio::join!(peer.write_all(&frame), socket.next(limits::LARGE_FRAME));
        sent.unwrap();
        assert_eq!(came, Ok(Incoming::Message(vec![7; LARGE].into())));
        assert!(budget.try_take(2 * 1024 * 1024).is_none(), "it is held until it is let go");
        drop(socket.take_held());
        assert!(budget.try_take(4 * 1024 * 1024).is_some());
        assert!(socket.read.capacity() == 0 && socket.held.is_none());

        // Only a head: it holds nothing, neither of the budget nor of memory.
        peer.write_all(&frame[..100]).await.unwrap();
        assert!(
            tokio::select! { biased; _ = socket.next(limits::LARGE_FRAME) => false, () = async {} => true }
        );
        assert!(budget.try_take(4 * 1024 * 1024).is_some());
        assert!(socket.read.capacity() < limits::FRAME + 2 * READ_BUFFER + LARGE_STEP);

        // With the budget in other hands it comes to nothing, once it is larger than an ordinary one.
        let other = budget.try_take(4 * 1024 * 1024);
        let (_, came) = tokio::join!(
            async { peer.write_all(&frame[100..limits::FRAME + 3 * READ_BUFFER]).await },
            socket.next(limits::LARGE_FRAME)
        );
        assert_eq!(came, Err(Broken::Refused(CloseCode::Again)));
        drop(other);
    }

    #[test]
    fn the_example_of_the_rfc_is_unmasked() {
        // RFC 6455 §5.7: "Hello", masked.
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        unmask(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(&payload, b"Hello");
    }

    #[tokio::test]
    async fn text_is_for_sockets_that_take_it_and_has_to_be_utf_8() {
        let came = |bytes: Vec<u8>| async {
            let (_, broken) = all(bytes.clone()).await;
            assert_eq!(broken, Broken::Refused(CloseCode::Unsupported));
            let stream = tokio::io::join(tokio::io::empty(), tokio::io::sink());
            WebSocket::<_, true>::new(stream, bytes, Budget::new(0)).next(limits::FRAME).await
        };
        assert_eq!(came(masked(0x81, "olá".as_bytes())).await, Ok(Incoming::Text("olá".into())));
        // In two frames, the cut in the middle of a letter; and with a letter that is none.
        let (first, last) = "olá".as_bytes().split_at(3);
        let whole = [masked(0x01, first), masked(0x80, last)].concat();
        assert_eq!(came(whole).await, Ok(Incoming::Text("olá".into())));
        let cut = [masked(0x01, first), masked(0x80, b"!")].concat();
        assert_eq!(came(cut).await, Err(Broken::Refused(CloseCode::Invalid)));
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_they_are_split(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5),
            piece in 1usize..50,
        ) {
            let mut bytes = Vec::new();
            for message in &messages {
                let pieces: Vec<&[u8]> =
                    if message.is_empty() { vec![&[]] } else { message.chunks(piece).collect() };
                for (index, payload) in pieces.iter().enumerate() {
                    let fin = if index + 1 == pieces.len() { 0x80 } else { 0 };
                    bytes.extend(masked(fin | if index == 0 { 2 } else { 0 }, payload));
                }
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (came, broken) = runtime.block_on(all(bytes));
            prop_assert_eq!(broken, Broken::Gone);
            let expected: Vec<Incoming> =
                messages.into_iter().map(|message| Incoming::Message(message.into())).collect();
            prop_assert_eq!(came, expected);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (came, _) = runtime.block_on(all(bytes.clone()));
            prop_assert!(came.len() <= bytes.len());
        }
    }
}
