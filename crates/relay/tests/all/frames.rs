//! Frames as a hostile or broken peer sends them (RFC 6455): an equal set to Autobahn's, against our socket.

use bytes::Bytes;
use lacre_proto::wire::{self, ClientFrame, Request, client_frame, greeting, request::Op, server_frame};
use lacre_proto::{ErrorCode, frame, limits};
use lacre_relay::{Config, EdgeLimits, Quotas, Relay, RunningRelay, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sockets::{PATIENCE, config, tcp};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;

/// A socket down to its bytes.
struct Raw(TcpStream);

/// What the relay sent.
#[derive(Debug, PartialEq)]
struct Frame {
    opcode: u8,
    payload: Vec<u8>,
}

async fn relay() -> RunningRelay {
    Relay::start(Config { tls: Tls::Off, ..config() }).await.unwrap()
}

impl Raw {
    async fn open(relay: &RunningRelay) -> Self {
        let mut stream = tcp(relay.address).await;
        let request = "GET /socket HTTP/1.1\r\nhost: relay\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                       sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 101"), "{head}");
        assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "the example of RFC 6455 §1.3: {head}");
        assert!(!head.contains("sec-websocket-extensions"), "nothing is compressed");
        let mut raw = Self(stream);
        let hello = raw.frame().await.unwrap();
        assert_eq!((hello.opcode, hello.payload[0]), (BINARY, frame::GREETING));
        raw
    }

    /// The next frame, or `None` at the end.
    async fn frame(&mut self) -> Option<Frame> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("in time")
    }

    async fn read(&mut self) -> Option<Frame> {
        let first = self.0.read_u8().await.ok()?;
        assert_eq!(first & 0x70, 0, "no reserved bits");
        assert_ne!(first & FIN, 0, "the relay does not split its messages");
        let second = self.0.read_u8().await.ok()?;
        assert_eq!(second & 0x80, 0, "a relay does not mask");
        let length = match second {
            126 => u64::from(self.0.read_u16().await.ok()?),
            127 => self.0.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame { opcode: first & 0x0f, payload })
    }

    async fn send(&mut self, first: u8, payload: &[u8]) {
        let bytes = masked(first, payload);
        // A relay that has closed takes nothing more.
        let _ = self.0.write_all(&bytes).await;
    }

    /// The farewell's code, if there is one, and the close frame's; then the end.
    async fn ends(mut self) -> (Option<ErrorCode>, Option<u16>) {
        let mut farewell = None;
        let mut code = None;
        while let Some(frame) = self.frame().await {
            match frame.opcode {
                BINARY => {
                    let bytes = Bytes::from(frame.payload);
                    let Ok(frame::FromRelay::Greeting(wire::Greeting {
                        body: Some(greeting::Body::Bye(bye)),
                    })) = frame::decode_relay(&bytes)
                    else {
                        panic!("{bytes:?}")
                    };
                    farewell = Some(ErrorCode::from_number(bye.code));
                }
                CLOSE => code = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code)),
                _ => {}
            }
        }
        (farewell, code)
    }

    /// Asks something and gets its answer: the socket lives.
    async fn lives(&mut self) {
        self.send(FIN | BINARY, &request()).await;
        self.answer().await;
    }

    async fn answer(&mut self) {
        loop {
            let frame = self.frame().await.expect("the socket lives");
            if frame.opcode == BINARY {
                let decoded = frame::decode_relay(&frame.payload.into());
                let Ok(frame::FromRelay::Frame(wire::ServerFrame {
                    body: Some(server_frame::Body::Response(response)),
                })) = decoded
                else {
                    panic!("{decoded:?}")
                };
                assert_eq!(response.id, 77);
                return;
            }
        }
    }
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        0..126 => bytes.push(0x80 | payload.len() as u8),
        126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
    bytes
}

fn request() -> Bytes {
    let op = Some(Op::MintTicket(wire::MintTicket {}));
    let body = Some(client_frame::Body::Request(Request { id: 77, op }));
    frame::encode_client(1, &ClientFrame { body })
}

#[tokio::test]
async fn whole_split_and_interleaved_messages_are_one_message() {
    let relay = relay().await;
    let mut socket = Raw::open(&relay).await;
    socket.lives().await;
    let request = request();
    // Split into single bytes, with pings and empty pieces between.
    for (index, byte) in request.iter().enumerate() {
        let opcode = if index == 0 { BINARY } else { CONTINUATION };
        let fin = if index + 1 == request.len() { FIN } else { 0 };
        socket.send(fin | opcode, &[*byte]).await;
        if fin == 0 {
            socket.send(FIN | PING, b"are you there").await;
            socket.send(CONTINUATION, b"").await;
        }
    }
    socket.answer().await;
    // Dribbled byte by byte over the wire.
    for byte in masked(FIN | BINARY, &request) {
        socket.0.write_all(&[byte]).await.unwrap();
    }
    socket.answer().await;
    relay.stop().await;
}

#[tokio::test]
async fn pings_are_answered_with_what_they_said() {
    let relay = relay().await;
    for payload in [&b""[..], b"hello", &[0xff; 125]] {
        let mut socket = Raw::open(&relay).await;
        socket.send(FIN | PING, payload).await;
        assert_eq!(socket.frame().await, Some(Frame { opcode: PONG, payload: payload.to_vec() }));
        socket.send(FIN | PONG, b"nobody asked").await;
        socket.lives().await;
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_flood_of_pings_is_answered_or_passed_over_and_the_socket_lives() {
    let relay = relay().await;
    let mut socket = Raw::open(&relay).await;
    let flood = masked(FIN | PING, b"flood").repeat(20_000);
    let (mut read, mut write) = socket.0.split();
    let writing = async {
        write.write_all(&flood).await.unwrap();
        write.write_all(&masked(FIN | BINARY, &request())).await.unwrap();
    };
    let reading = async {
        let mut pongs = 0;
        loop {
            let first = read.read_u8().await.unwrap();
            let length = read.read_u8().await.unwrap();
            let mut payload = vec![0; usize::from(length)];
            read.read_exact(&mut payload).await.unwrap();
            match first & 0x0f {
                PONG => pongs += 1,
                BINARY => return pongs,
                other => panic!("{other}"),
            }
        }
    };
    let ((), pongs) = tokio::time::timeout(PATIENCE, async { tokio::join!(writing, reading) }).await.unwrap();
    assert!(pongs <= 20_000);
    relay.stop().await;
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_socket_with_1002() {
    let relay = relay().await;
    let unmasked = [FIN | BINARY, 1, 1].to_vec();
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("an unmasked frame", unmasked),
        ("reserved bit 1", masked(FIN | 0x40 | BINARY, b"x")),
        ("reserved bit 2", masked(FIN | 0x20 | BINARY, b"x")),
        ("reserved bit 3", masked(FIN | 0x10 | BINARY, b"x")),
        ("a reserved data opcode", masked(FIN | 3, b"x")),
        ("a reserved control opcode", masked(FIN | 0x0b, b"")),
        ("a ping in pieces", masked(PING, b"x")),
        ("a close in pieces", masked(CLOSE, b"")),
        ("a ping of 126 bytes", masked(FIN | PING, &[0; 126])),
        ("a continuation of nothing", masked(FIN | CONTINUATION, b"x")),
        ("two messages at once", [masked(BINARY, b"x"), masked(FIN | BINARY, b"y")].concat()),
        ("a close of one byte", masked(FIN | CLOSE, &[3])),
    ];
    for (what, bytes) in broken {
        let mut socket = Raw::open(&relay).await;
        socket.0.write_all(&bytes).await.unwrap();
        let (_, code) = socket.ends().await;
        assert_eq!(code, Some(1002), "{what}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_close_is_answered_and_a_bad_one_refused() {
    let relay = relay().await;
    for (code, answered) in [(1000u16, 1000), (1001, 1001), (3000, 3000), (4999, 4999)] {
        let mut socket = Raw::open(&relay).await;
        socket.send(FIN | CLOSE, &code.to_be_bytes()).await;
        assert_eq!(socket.ends().await, (None, Some(answered)));
    }
    for bad in [0u16, 999, 1004, 1005, 1006, 1016, 2999] {
        let mut socket = Raw::open(&relay).await;
        socket.send(FIN | CLOSE, &bad.to_be_bytes()).await;
        assert_eq!(socket.ends().await.1, Some(1002), "{bad}");
    }
    let mut socket = Raw::open(&relay).await;
    socket.send(FIN | CLOSE, b"").await;
    assert_eq!(socket.ends().await, (None, None));
    let mut socket = Raw::open(&relay).await;
    socket.send(FIN | CLOSE, &[3, 232, 0xed, 0xa0, 0x80]).await;
    assert_eq!(socket.ends().await.1, Some(1007), "a reason that is no UTF-8");
    relay.stop().await;
}

#[tokio::test]
async fn text_is_not_spoken_here_good_or_bad() {
    let relay = relay().await;
    let mut socket = Raw::open(&relay).await;
    socket.send(FIN | TEXT, b"hello").await;
    assert_eq!(socket.ends().await, (Some(ErrorCode::BadFrame), Some(1003)));
    let mut socket = Raw::open(&relay).await;
    socket.send(FIN | TEXT, &[0xce, 0xba, 0xed, 0xa0, 0x80]).await;
    assert_eq!(socket.ends().await, (Some(ErrorCode::BadFrame), Some(1003)));
    relay.stop().await;
}

#[tokio::test]
async fn what_is_too_large_ends_the_socket_before_it_is_read() {
    let relay = relay().await;
    let mut socket = Raw::open(&relay).await;
    // Only the head of a frame that says 4 EiB.
    let mut head = vec![FIN | BINARY, 0x80 | 127];
    head.extend_from_slice(&(1u64 << 62).to_be_bytes());
    head.extend_from_slice(&[0; 4]);
    socket.0.write_all(&head).await.unwrap();
    assert_eq!(socket.ends().await, (Some(ErrorCode::TooLarge), Some(1009)));
    // Pieces that are each small enough.
    let mut socket = Raw::open(&relay).await;
    socket.send(BINARY, &vec![0; limits::LARGE_FRAME]).await;
    socket.send(FIN | CONTINUATION, b"x").await;
    assert_eq!(socket.ends().await, (Some(ErrorCode::TooLarge), Some(1009)));
    // Just at the limit it is a frame, though no good one.
    let mut socket = Raw::open(&relay).await;
    socket.send(FIN | BINARY, &vec![0xff; limits::LARGE_FRAME]).await;
    assert_eq!(socket.ends().await.0, Some(ErrorCode::VersionUnsupported));
    relay.stop().await;
}

/// A commit of this size for a conversation that nobody knows, as a client's frame.
fn large_commit(size: usize) -> Vec<u8> {
    let commit = wire::Commit { commit: vec![0; size].into(), ..Default::default() };
    let request = Request { id: 1, op: Some(Op::Commit(commit)) };
    frame::encode_client(1, &ClientFrame { body: Some(client_frame::Body::Request(request)) }).to_vec()
}

async fn relay_with(budget: usize, edge: EdgeLimits) -> RunningRelay {
    let quotas = Quotas { large_frames: budget, ..Quotas::default() };
    Relay::start(Config { tls: Tls::Off, quotas, edge, ..config() }).await.unwrap()
}

async fn is_answered(socket: &mut Raw) -> bool {
    let answer = socket.frame().await.unwrap();
    answer.opcode == BINARY && answer.payload[0] == frame::VERSION_MAX
}

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn n02_announcing_large_frames_costs_others_nothing() {
    let relay = relay_with(2 * MIB, EdgeLimits::default()).await;
    let announced = masked(FIN | BINARY, &large_commit(limits::COMMIT));
    let mut many = Vec::new();
    for _ in 0..40 {
        let mut socket = Raw::open(&relay).await;
        // As much as an ordinary frame: of the budget it takes nothing.
        socket.0.write_all(&announced[..limits::FRAME]).await.unwrap();
        many.push(socket);
    }
    let mut ana = Raw::open(&relay).await;
    ana.send(FIN | BINARY, &large_commit(MIB)).await;
    assert!(is_answered(&mut ana).await);
    relay.stop().await;
}

#[tokio::test]
async fn n02_large_frames_are_held_within_one_budget_and_who_comes_too_late_comes_again() {
    let relay = relay_with(2 * MIB, EdgeLimits::default()).await;
    let frame = masked(FIN | BINARY, &large_commit(3 * MIB / 2));
    let mut mallory = Raw::open(&relay).await;
    mallory.0.write_all(&frame[..frame.len() - 1]).await.unwrap();
    // Until what she has sent is in the relay's hands, others may still be served.
    let refused = loop {
        let mut ana = Raw::open(&relay).await;
        ana.send(FIN | BINARY, &large_commit(3 * MIB / 2)).await;
        let answer = ana.frame().await.unwrap();
        if answer.payload[0] == frame::GREETING {
            break ana.frame().await.unwrap();
        }
    };
    assert_eq!((refused.opcode, &refused.payload[..]), (CLOSE, &1013u16.to_be_bytes()[..]));
    let mut small = Raw::open(&relay).await;
    small.send(FIN | BINARY, &large_commit(1000)).await;
    assert!(is_answered(&mut small).await, "who sends little is served all the while");
    mallory.0.write_all(&frame[frame.len() - 1..]).await.unwrap();
    assert!(is_answered(&mut mallory).await);
    let mut ana = Raw::open(&relay).await;
    ana.send(FIN | BINARY, &large_commit(3 * MIB / 2)).await;
    assert!(is_answered(&mut ana).await, "the budget is given back");
    relay.stop().await;
}

#[tokio::test]
async fn n02_a_large_frame_that_comes_too_slowly_ends_the_socket() {
    let tick = std::time::Duration::from_millis(100);
    let edge = EdgeLimits { ping: tick, large_frame: 3 * tick, ..EdgeLimits::default() };
    let relay = relay_with(4 * MIB, edge).await;
    let bytes = masked(FIN | BINARY, &large_commit(2 * MIB));
    let mut slow = Raw::open(&relay).await;
    slow.0.write_all(&bytes[..MIB]).await.unwrap();
    assert_eq!(slow.ends().await, (Some(ErrorCode::SlowDown), Some(1008)));
    relay.stop().await;
}
