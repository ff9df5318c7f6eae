//! Hostile requests for files: N-12, W-04, K-05, and slow or greedy peers.

use std::time::{Duration, Instant};

use lacre_proto::limits;
use lacre_proto::wire::request::Op;
use lacre_relay::config::Quotas;
use lacre_relay::{Config, EdgeLimits, RunningRelay};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::blobs::{Answer, READ, UPLOAD, ana, grant, http, raw, start, upload, video};
use crate::sockets::{PATIENCE, config, tls};

const PART: usize = limits::BLOB_PART as usize;
const DEADLINE: Duration = Duration::from_millis(300);
/// A loaded machine may be this late.
const LATE: Duration = Duration::from_secs(8);

#[expect(clippy::disallowed_methods, reason = "a deadline is measured")]
fn now() -> Instant {
    Instant::now()
}

/// A relay at which Ana may upload so many bytes.
async fn granted(config: Config, size: usize) -> RunningRelay {
    let relay = start(config).await;
    ana(&relay).await.ask(Op::GrantBlob(grant(size))).await.unwrap();
    relay
}

fn put(number: &str, length: &str) -> String {
    format!(
        "PUT /blobs/upload/{number} HTTP/1.1\r\nhost: r\r\nconnection: close\r\ncontent-length: {length}\r\n\
         authorization: Capability {}",
        hex::encode(UPLOAD)
    )
}

#[tokio::test]
async fn who_shows_no_capability_or_a_wrong_one_gets_nothing_and_learns_nothing() {
    let relay = granted(config(), 10).await;
    upload(&relay, &UPLOAD, &[7; 10]).await;
    let right = hex::encode(READ);
    let asked = |shown: String| {
        let head = format!("GET /blobs HTTP/1.1\r\nhost: r\r\nconnection: close{shown}");
        let relay = &relay;
        async move { raw(relay, &head, &[]).await }
    };
    assert_eq!(asked(format!("\r\nauthorization: Capability {right}")).await.status, 200);
    for shown in ["", "\r\nauthorization: Bearer x", "\r\nauthorization: Capability"] {
        assert_eq!(asked(shown.to_owned()).await.status, 401, "{shown}");
    }
    let of_another = [0x77; 32];
    let same = |answer: Answer| (answer.status, answer.body);
    let unknown = same(http(&relay, "GET /blobs", &of_another, &[]).await);
    assert_eq!(unknown, (404, b"no_such_blob".to_vec()));
    // The upload capability reads nothing, the reading one uploads nothing, and cut ones are none.
    assert_eq!(same(http(&relay, "GET /blobs", &UPLOAD, &[]).await), unknown);
    assert_eq!(same(http(&relay, "GET /blobs/upload", &READ, &[]).await), unknown);
    for cut in [&right[..62], &format!("{right}00"), &right.replace('b', "g")] {
        assert_eq!(same(asked(format!("\r\nauthorization: Capability {cut}")).await), unknown, "{cut}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn n12_parts_of_every_wrong_number_and_length_are_refused_before_the_store() {
    let relay = granted(config(), PART + 10).await;
    for (number, length, body) in [
        ("0", 10, 400),
        ("1", 11, 413),
        ("1", 9, 400),
        ("2", 10, 400),
        ("4294967295", 10, 400),
        ("4294967296", 10, 400),
        ("-1", 10, 400),
        ("0", PART + 1, 413),
    ] {
        let answer = raw(&relay, &put(number, &length.to_string()), &vec![1; length]).await;
        assert_eq!(answer.status, body, "part {number} of {length} bytes: {answer:?}");
    }
    for length in ["4294967296", "18446744073709551615", "18446744073709551616", "-1", "0x10"] {
        let answer = raw(&relay, &put("1", length), &[1; 64]).await;
        assert!([400, 413, 431].contains(&answer.status), "{length}: {answer:?}");
    }
    let state = http(&relay, "GET /blobs/upload", &UPLOAD, &[]).await;
    assert_eq!(state.body, br#"{"whole":false,"parts":[]}"#);
    for hash in [&[0; 31][..], &[0; 33], &[]] {
        let refused = http(&relay, "POST /blobs/upload", &UPLOAD, hash).await;
        assert!([400, 413].contains(&refused.status), "{refused:?}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn ranges_of_every_awkward_form_are_answered_or_refused() {
    let relay = granted(config(), 100).await;
    let video = video(100);
    upload(&relay, &UPLOAD, &video).await;
    for (range, status) in [
        ("bytes=99-99", 206),
        ("bytes=0-18446744073709551615", 206),
        ("bytes=100-", 416),
        ("bytes=-0", 416),
        ("bytes=0-1,5-6", 200),
        ("bytes=5-4", 200),
        ("\u{1}", 400),
    ] {
        let head = format!(
            "GET /blobs HTTP/1.1\r\nhost: r\r\nconnection: close\r\nrange: {range}\r\nauthorization: Capability {}",
            hex::encode(READ)
        );
        let answer = raw(&relay, &head, &[]).await;
        assert_eq!(answer.status, status, "{range}: {}", answer.head);
    }
    relay.stop().await;
}

#[tokio::test]
async fn who_is_slow_with_a_part_or_does_not_read_is_closed_and_a_steady_one_is_not() {
    let edge = EdgeLimits { write: DEADLINE, large_frame: 20 * DEADLINE, ..EdgeLimits::default() };
    let relay = granted(Config { edge, ..config() }, PART).await;
    // A byte, and then nothing.
    let start = now();
    let mut slow = tls(&relay).await;
    slow.write_all(format!("{}\r\n\r\nx", put("0", &PART.to_string())).as_bytes()).await.unwrap();
    slow.flush().await.unwrap();
    let mut said = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, slow.read_to_end(&mut said)).await.expect("closed in time");
    assert!(start.elapsed() >= DEADLINE && start.elapsed() < DEADLINE + LATE, "{:?}", start.elapsed());

    // One that needs several deadlines for the whole, and keeps coming.
    let video = video(PART);
    let mut steady = tls(&relay).await;
    steady.write_all(format!("{}\r\n\r\n", put("0", &PART.to_string())).as_bytes()).await.unwrap();
    for piece in video.chunks(PART / 10) {
        steady.write_all(piece).await.unwrap();
        steady.flush().await.unwrap();
        tokio::time::sleep(DEADLINE / 3).await;
    }
    let mut said = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, steady.read_to_end(&mut said)).await.expect("answered in time");
    assert!(said.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&said));
    relay.stop().await;
}

#[tokio::test]
async fn without_the_deadline_who_is_slow_with_a_part_stays() {
    let edge = EdgeLimits { write: 100 * LATE, large_frame: 100 * LATE, ..EdgeLimits::default() };
    let relay = granted(Config { edge, ..config() }, PART).await;
    let mut slow = tls(&relay).await;
    slow.write_all(format!("{}\r\n\r\nx", put("0", &PART.to_string())).as_bytes()).await.unwrap();
    slow.flush().await.unwrap();
    let mut said = Vec::new();
    let ended = tokio::time::timeout(5 * DEADLINE, slow.read_to_end(&mut said)).await;
    assert!(ended.is_err(), "was closed without a deadline");
    relay.stop().await;
}

#[tokio::test]
async fn parts_are_held_within_one_budget_by_what_has_come() {
    let quotas = Quotas { blobs_held: PART + PART / 2, ..Quotas::default() };
    let relay = granted(Config { quotas, ..config() }, 4 * PART).await;
    // Announcing much costs others nothing.
    let mut announced = Vec::new();
    for number in ["0", "1", "2"] {
        let mut stream = tls(&relay).await;
        let head = format!("{}\r\n\r\nx", put(number, &PART.to_string()));
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        announced.push(stream);
    }
    let video = video(PART);
    assert_eq!(raw(&relay, &put("3", &PART.to_string()), &video).await.status, 204);
    // Sending it holds it: of two that do not fit together the later is told to come again.
    let mut refused = None;
    for _ in 0..50 {
        let mut held = tls(&relay).await;
        held.write_all(format!("{}\r\n\r\n", put("0", &PART.to_string())).as_bytes()).await.unwrap();
        held.write_all(&video[..PART - 1]).await.unwrap();
        held.flush().await.unwrap();
        let answer = raw(&relay, &put("1", &PART.to_string()), &video).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        // It was the first that came later.
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    let refused = refused.expect("there is no room for two");
    assert_eq!(refused.body, b"slow_down");
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    drop(announced);
    relay.stop().await;
}

#[tokio::test]
async fn other_methods_and_paths_are_none() {
    let relay = granted(config(), 10).await;
    for (request, status) in [
        ("POST /blobs", 405),
        ("PUT /blobs/upload", 405),
        ("GET /blobs/upload/0", 405),
        ("GET /blobs/", 404),
        ("GET /blobs/../socket", 404),
        ("GET /blobs/upload/0/..", 404),
        ("GET /blobs/%2e%2e", 404),
    ] {
        assert_eq!(http(&relay, request, &READ, &[]).await.status, status, "{request}");
    }
    relay.stop().await;
}
