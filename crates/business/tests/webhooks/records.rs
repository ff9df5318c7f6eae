//! A resolver in this process: what it says of a domain, and what others say in its place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lacre_business::domain::{Asking, Dns, LABEL, Records, RecordsError, VALUE, look_up};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

const TOKEN: &str = "8f14e45fceea167a5a36dedd4bea2543";

/// Values that somebody has written into a zone.
struct Zone(Vec<(String, Vec<u8>)>);

impl Records for Zone {
    fn txt<'a>(&'a self, name: &'a str) -> Asking<'a> {
        let of = self.0.iter().filter(move |it| it.0 == name).map(|it| it.1.clone()).collect();
        Box::pin(std::future::ready(Ok(of)))
    }
}

#[tokio::test]
async fn the_tokens_of_a_domain_are_those_that_stand_below_it_and_nothing_beside_them() {
    let at = format!("{LABEL}.padaria.example");
    let value = |text: &str| format!("{VALUE}{text}").into_bytes();
    let zone = Zone(vec![
        (at.clone(), b"v=spf1 -all".to_vec()),
        (at.clone(), value(TOKEN)),
        (at.clone(), value("of-another-relay ")),
        (at.clone(), value("")),
        (at.clone(), value(&"a".repeat(300))),
        (at.clone(), b"lacre-business=\xff".to_vec()),
        ("padaria.example".to_owned(), value("at-the-domain-itself")),
        (format!("{LABEL}.mallory.example"), value("of-somebody-else")),
    ]);
    assert_eq!(look_up(&zone, "padaria.example").await.unwrap(), [TOKEN, "of-another-relay"]);
    assert_eq!(look_up(&zone, "bakery.example").await.unwrap(), Vec::<String>::new());
}

/// What a resolver says to a question: the datagrams, and what it says over TCP.
type Says = dyn Fn(&[u8]) -> (Vec<Vec<u8>>, Vec<u8>) + Send + Sync;

/// An answer to a question with one value.
fn answer(asked: &[u8], flags: u16, value: &str) -> Vec<u8> {
    let mut message = asked.to_vec();
    message[2..4].copy_from_slice(&flags.to_be_bytes());
    message[7] = 1;
    let pieces: Vec<u8> = value
        .as_bytes()
        .chunks(200)
        .flat_map(|it| [&[u8::try_from(it.len()).expect("it is short")], it].concat())
        .collect();
    let length = u16::try_from(pieces.len()).expect("it is short").to_be_bytes();
    let fixed: &[u8] = &[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60];
    [&message[..], fixed, &length, &pieces].concat()
}

async fn resolver(says: impl Fn(&[u8]) -> (Vec<Vec<u8>>, Vec<u8>) + Send + Sync + 'static) -> SocketAddr {
    let says: Arc<Says> = Arc::new(says);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let socket = UdpSocket::bind(address).await.expect("the same port");
    let by_stream = Arc::clone(&says);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for datagram in says(&buffer[..length]).0 {
                let _ = socket.send_to(&datagram, from).await;
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
            stream.read_exact(&mut asked).await.expect("a question");
            let answer = by_stream(&asked).1;
            let length = u16::try_from(answer.len()).expect("it is short").to_be_bytes();
            let _ = stream.write_all(&[&length[..], &answer].concat()).await;
        }
    });
    address
}

async fn asked(servers: Vec<SocketAddr>) -> Result<Vec<String>, RecordsError> {
    let rng = Box::new(StdRng::seed_from_u64(3));
    look_up(&Dns::new(servers, Duration::from_millis(300), rng), "padaria.example").await
}

#[tokio::test]
async fn the_resolver_is_asked_once_and_what_is_too_large_comes_over_tcp() {
    let good = resolver(|asked| (vec![answer(asked, 0x8180, &format!("{VALUE}{TOKEN}"))], Vec::new())).await;
    assert_eq!(asked(vec![good]).await.unwrap(), [TOKEN]);
    let large = resolver(|asked| {
        let whole = format!("{VALUE}{TOKEN}{}", " ".repeat(200));
        (vec![answer(asked, 0x8380, "")], answer(asked, 0x8180, &whole))
    });
    assert_eq!(asked(vec![large.await]).await.unwrap(), [TOKEN]);
}

#[tokio::test]
async fn who_does_not_know_the_question_is_not_heard_and_a_silent_resolver_is_passed_over() {
    // Whoever guesses is too early: another number, another question; then the answer.
    let crowd = resolver(|asked| {
        let said = answer(asked, 0x8180, &format!("{VALUE}{TOKEN}"));
        let mut number = answer(asked, 0x8180, &format!("{VALUE}mallory"));
        number[0] ^= 1;
        let mut question = answer(asked, 0x8180, &format!("{VALUE}mallory"));
        question[14] ^= 3;
        (vec![number, question, b"?".to_vec(), said], Vec::new())
    });
    let silent = resolver(|_| (Vec::new(), Vec::new())).await;
    assert_eq!(asked(vec![silent, crowd.await]).await.unwrap(), [TOKEN]);
    assert_eq!(asked(vec![silent]).await, Err(RecordsError::Silent));
    let refuses = resolver(|asked| (vec![answer(asked, 0x8182, "")], Vec::new())).await;
    assert_eq!(asked(vec![refuses]).await, Err(RecordsError::Refused(2)));
}
