//! Slow, silent and greedy peers (N-01), and devices that do not read.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lacre_proto::wire::{self, client_frame, request::Op};
use lacre_proto::{ConversationId, ErrorCode};
use lacre_relay::{Config, EdgeLimits, Relay, RunningRelay, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sockets::{Client, PATIENCE, config, talk, tcp};
use crate::world::{Person, send};

const TALK: ConversationId = ConversationId([0x7a; 16]);
const DEADLINE: Duration = Duration::from_millis(300);
/// A loaded machine may be this late.
const LATE: Duration = Duration::from_secs(8);

fn quick() -> EdgeLimits {
    EdgeLimits { handshake: DEADLINE, ..EdgeLimits::default() }
}

#[expect(clippy::disallowed_methods, reason = "a deadline is measured")]
fn now() -> Instant {
    Instant::now()
}

/// Waits for the relay to close; gives what it said and how long it took.
async fn closed(mut stream: impl AsyncReadExt + Unpin) -> (Vec<u8>, Duration) {
    let (mut said, start) = (Vec::new(), now());
    // A reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("closed in time");
    (said, start.elapsed())
}

async fn plain(edge: EdgeLimits) -> RunningRelay {
    Relay::start(Config { tls: Tls::Off, edge, ..config() }).await.unwrap()
}

/// Sends a byte now and then, for as long as it is listened to.
async fn trickle(stream: &mut TcpStream, bytes: &[u8]) {
    for byte in bytes.iter().cycle() {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::select! {
            _ = stream.readable() => {
                let mut end = [0; 256];
                if !matches!(stream.try_read(&mut end), Ok(1..)) { return; }
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    }
}

#[tokio::test]
async fn who_is_slow_with_its_head_or_says_nothing_is_closed_in_the_deadline() {
    let relay = plain(quick()).await;
    let start = now();
    let mut slow = tcp(relay.address).await;
    slow.write_all(b"GET /socket HTTP/1.1\r\nhost: relay\r\n").await.unwrap();
    let mut slower = tcp(relay.address).await;
    slower.write_all(b"POST /socket HTTP/1.1\r\nhost: relay\r\ncontent-length: 100\r\n\r\n").await.unwrap();
    let silent = tcp(relay.address).await;
    tokio::time::timeout(PATIENCE, async {
        tokio::join!(trickle(&mut slow, b"x-slow: 1\r\n"), trickle(&mut slower, b"body"), closed(silent))
    })
    .await
    .expect("all are closed");
    assert!(start.elapsed() >= DEADLINE && start.elapsed() < DEADLINE + LATE, "{:?}", start.elapsed());
    relay.stop().await;
}

#[tokio::test]
async fn who_is_slow_with_tls_is_closed_in_the_deadline_and_others_are_served_meanwhile() {
    let relay = Relay::start(Config { edge: quick(), ..config() }).await.unwrap();
    let slow: Vec<_> = futures_util::stream::iter(0..40)
        .then(|_| async {
            let mut stream = tcp(relay.address).await;
            // The start of a ClientHello.
            stream.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
            stream
        })
        .collect()
        .await;
    Client::connect(&relay).await;
    for stream in slow {
        assert!(closed(stream).await.1 < DEADLINE + LATE);
    }
    relay.stop().await;
}

#[tokio::test]
async fn without_the_deadline_who_is_slow_stays_for_as_long_as_it_likes() {
    let relay = plain(EdgeLimits { handshake: 100 * LATE, ..EdgeLimits::default() }).await;
    let mut slow = tcp(relay.address).await;
    slow.write_all(b"GET /socket HTTP/1.1\r\nhost: relay\r\n").await.unwrap();
    let silent = tcp(relay.address).await;
    let first = async {
        tokio::select! {
            () = trickle(&mut slow, b"x") => "the slow head",
            _ = closed(silent) => "the silent one",
        }
    };
    assert_eq!(tokio::time::timeout(5 * DEADLINE, first).await.ok(), None, "was closed without a deadline");
    relay.stop().await;
}

#[tokio::test]
async fn a_head_over_its_limit_is_refused() {
    let relay = plain(EdgeLimits::default()).await;
    let mut greedy = tcp(relay.address).await;
    greedy.write_all(b"GET /socket HTTP/1.1\r\nhost: relay\r\n").await.unwrap();
    let header = format!("x-bomb: {}\r\n", "a".repeat(1000));
    for _ in 0..64 {
        if greedy.write_all(header.as_bytes()).await.is_err() {
            break;
        }
    }
    let (said, took) = closed(greedy).await;
    let said = String::from_utf8_lossy(&said);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    assert!(took < LATE);
    relay.stop().await;
}

#[tokio::test]
async fn what_is_no_socket_request_is_refused() {
    let relay = plain(quick()).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nhost: r\r\n\r\n", "404"),
        ("POST /socket HTTP/1.1\r\nhost: r\r\ncontent-length: 0\r\n\r\n", "405"),
        ("GET /socket HTTP/1.1\r\nhost: r\r\n\r\n", "400"),
        (
            "GET /socket HTTP/1.1\r\nhost: r\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 8\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "400",
        ),
        (
            "GET /socket HTTP/1.1\r\nhost: r\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\r\n",
            "400",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", "400"),
    ] {
        let mut stream = tcp(relay.address).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let (said, _) = closed(stream).await;
        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{request:?} was answered {said:?}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let relay = plain(EdgeLimits { per_address: 3, ..EdgeLimits::default() }).await;
    let held = [tcp(relay.address).await, tcp(relay.address).await, tcp(relay.address).await];
    let (said, took) = closed(tcp(relay.address).await).await;
    assert!(said.is_empty() && took < LATE);
    drop(held);
    // The relay sees the others go, and there is room again.
    loop {
        let mut stream = tcp(relay.address).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: r\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        if stream.read_exact(&mut answer).await.is_ok() {
            assert_eq!(&answer, b"HTTP/1.1 404");
            break;
        }
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_device_that_is_gone_without_a_word_is_pinged_and_then_let_go() {
    let edge = EdgeLimits { ping: DEADLINE / 3, idle: DEADLINE, ..EdgeLimits::default() };
    let relay = Relay::start(Config { edge, ..config() }).await.unwrap();
    let half_open = Client::sign_up(&relay, &Person::new("ana")).await;
    let mut alive = Client::sign_up(&relay, &Person::new("bruno")).await;
    let start = now();
    let (mut tls, mut pings) = (half_open.ws.into_inner(), 0);
    // Ana's socket answers no ping; Bruno's does, and stays.
    let farewell = async {
        let mut said = Vec::new();
        let _ = tls.read_to_end(&mut said).await;
        said
    };
    tokio::pin!(farewell);
    let said = loop {
        tokio::select! {
            said = &mut farewell => break said,
            message = alive.ws.next() => match message {
                Some(Ok(message)) => pings += usize::from(message.is_ping()),
                other => panic!("{other:?}"),
            }
        }
    };
    assert!(start.elapsed() >= DEADLINE - DEADLINE / 6 && start.elapsed() < DEADLINE + LATE);
    assert!(pings > 0);
    assert!(!said.is_empty(), "pings and a farewell");
    assert!(alive.ask(Op::MintTicket(wire::MintTicket {})).await.is_ok());
    relay.stop().await;
}

#[tokio::test]
async fn a_device_that_does_not_read_is_cut_off_and_loses_nothing() {
    let edge = EdgeLimits { write: DEADLINE, ..EdgeLimits::default() };
    let relay = Relay::start(Config { edge, ..config() }).await.unwrap();
    let (mut ana, bruno, mut anonymous) = talk(&relay).await;
    // 60 MB for a device that reads nothing, while Ana reads and acknowledges. TCP holds a few of them.
    let text = "x".repeat(100_000);
    for index in 0..600 {
        anonymous.ask(Op::Send(send(TALK, 1, &text, 100 + index))).await.unwrap();
        ana.entries(index as usize + 2).await;
        ana.send(client_frame::Body::Ack(wire::Ack { position: index + 2 })).await;
    }
    let mut dead = bruno.ws.into_inner();
    // He reads nothing for far longer than a write may take.
    tokio::time::sleep(10 * DEADLINE).await;
    let (said, _) = closed(&mut dead).await;
    assert!(said.len() < 60_000_000, "he was cut off before the end");
    let mut bruno = Client::login(&relay, &Person::new("bruno")).await;
    while bruno.entries.len() < 601 {
        let seen = bruno.entries.len();
        bruno.entries(seen + 1).await;
        let position = bruno.entries.last().unwrap().position;
        bruno.send(client_frame::Body::Ack(wire::Ack { position })).await;
    }
    let positions = bruno.entries.iter().map(|entry| entry.position);
    assert!(positions.eq(1..=601));
    relay.stop().await;
}

#[tokio::test]
async fn many_claimers_on_many_sockets_never_get_the_same_key_package() {
    let relay = Relay::start(config()).await.unwrap();
    let ana = Person::new("ana");
    let mut hers = Client::sign_up(&relay, &ana).await;
    let key_packages = (0..60).map(|index| crate::world::key_package(&format!("number {index}"))).collect();
    let publish = wire::PublishKeyPackages { key_packages, ..Default::default() };
    hers.ask(Op::PublishKeyPackages(publish)).await.unwrap();
    let claimers = (0..8).map(|index| {
        let (relay, account) = (&relay, ana.account.to_wire());
        async move {
            let mut client = Client::sign_up(relay, &Person::new(&format!("claimer{index}"))).await;
            let mut got = Vec::new();
            loop {
                let op = wire::ClaimKeyPackages { account: account.clone(), ..Default::default() };
                match client.ask(Op::ClaimKeyPackages(op)).await {
                    Ok(wire::response::Result::Claimed(claimed)) => {
                        got.push(claimed.claims[0].key_package.clone());
                    }
                    Err(ErrorCode::NoKeyPackages) => return got,
                    other => panic!("{other:?}"),
                }
            }
        }
    });
    let got: Vec<_> = futures_util::future::join_all(claimers).await.concat();
    let distinct: std::collections::BTreeSet<_> = got.iter().collect();
    assert_eq!((got.len(), distinct.len()), (60, 60));
    relay.stop().await;
}
