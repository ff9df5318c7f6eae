//! TXT records by way of this machine's resolver. It is the operator's, and is believed: what it says is as
//! good as it is.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand_core::RngCore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::message::{self, Answer};

/// Where this machine says which resolvers it has.
const CONFIGURATION: &str = "/etc/resolv.conf";
/// Resolvers that are asked at most.
const SERVERS: usize = 3;
/// How often each is asked.
const ROUNDS: usize = 2;
/// How long each is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of a datagram at most, when nothing else was agreed on (RFC 1035 §4.2.1).
const DATAGRAM: usize = 512;

/// Asks for the TXT records of a name.
pub trait Records: Send + Sync + 'static {
    /// The values of the TXT records of a name; none when there are none.
    fn txt<'a>(&'a self, name: &'a str) -> Asking<'a>;
}

/// What a resolver is about to say.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Vec<Vec<u8>>, RecordsError>> + Send + 'a>>;

/// Why it is not known which records there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The name is none.
    #[error("this is no name that can be asked for")]
    Name,
    /// The resolver has no answer.
    #[error("the resolver answers with the error {0}")]
    Refused(u8),
    /// Nothing came that answers the question.
    #[error("no resolver of this machine answers")]
    Silent,
    /// The network does not let anything out.
    #[error("the resolver cannot be reached: {0}")]
    Unreachable(io::ErrorKind),
    /// This machine does not say which resolvers it has.
    #[error("{CONFIGURATION} cannot be read: {0}")]
    Configuration(io::ErrorKind),
}

impl From<io::Error> for RecordsError {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error.kind())
    }
}

/// Resolvers that are asked one after the other.
pub struct Dns {
    servers: Vec<SocketAddr>,
    patience: Duration,
    /// Numbers for questions, which nobody on the way guesses.
    rng: Mutex<Box<dyn RngCore + Send>>,
}

impl Dns {
    /// Asks these, each waited for so long.
    pub fn new(servers: Vec<SocketAddr>, patience: Duration, rng: Box<dyn RngCore + Send>) -> Self {
        Self { servers, patience, rng: Mutex::new(rng) }
    }

    /// Asks the resolvers of this machine.
    pub fn of_system(rng: Box<dyn RngCore + Send>) -> Result<Self, RecordsError> {
        let text = std::fs::read_to_string(CONFIGURATION)
            .map_err(|error| RecordsError::Configuration(error.kind()))?;
        Ok(Self::new(servers(&text), PATIENCE, rng))
    }

    async fn ask(&self, name: &str) -> Result<Vec<Vec<u8>>, RecordsError> {
        let question = message::question(name).ok_or(RecordsError::Name)?;
        let mut why = RecordsError::Silent;
        for _ in 0..ROUNDS {
            for server in &self.servers {
                match timeout(self.patience, self.ask_one(*server, &question)).await {
                    Ok(Ok(found)) => return Ok(found),
                    Ok(Err(error)) => why = error,
                    Err(_) => {}
                }
            }
        }
        Err(why)
    }

    async fn ask_one(&self, server: SocketAddr, question: &[u8]) -> Result<Vec<Vec<u8>>, RecordsError> {
        let id = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            u16::try_from(rng.next_u32() >> 16).unwrap_or_default()
        };
        let asked = message::ask(id, question);
        let own: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0)).await?;
        socket.connect(server).await?;
        socket.send(&asked).await?;
        let mut datagram = [0; DATAGRAM];
        let answer = loop {
            let length = socket.recv(&mut datagram).await?;
            // What is no answer to this question is anybody's: the answer may come yet.
            if let Some(answer) = message::read(&datagram[..length], id, question) {
                break answer;
            }
        };
        match answer {
            Answer::Found(found) => Ok(found),
            Answer::Failed(code) => Err(RecordsError::Refused(code)),
            Answer::Cut => by_stream(server, &asked, id, question).await,
        }
    }
}

impl Records for Dns {
    fn txt<'a>(&'a self, name: &'a str) -> Asking<'a> {
        Box::pin(self.ask(name))
    }
}

/// The same question over TCP, where each message has its length before it.
#[expect(clippy::disallowed_methods, reason = "it is the machine's own resolver that is asked")]
async fn by_stream(
    server: SocketAddr,
    asked: &[u8],
    id: u16,
    question: &[u8],
) -> Result<Vec<Vec<u8>>, RecordsError> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(asked.len()).map_err(|_| RecordsError::Name)?;
    stream.write_all(&[&length.to_be_bytes()[..], asked].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    match message::read(&answer, id, question) {
        Some(Answer::Found(found)) => Ok(found),
        Some(Answer::Failed(code)) => Err(RecordsError::Refused(code)),
        Some(Answer::Cut) | None => Err(RecordsError::Silent),
    }
}

/// The resolvers that a configuration names; this machine itself when it names none, as its manual page has
/// it.
fn servers(configuration: &str) -> Vec<SocketAddr> {
    let named = configuration.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let address = |text: &str| Some(SocketAddr::new(text.trim().parse().ok()?, 53));
    let mut all: Vec<SocketAddr> = named.filter_map(address).take(SERVERS).collect();
    if all.is_empty() {
        all.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolvers_are_those_that_the_machine_names() {
        let text = "# made by hand\nsearch example\n nameserver 192.0.2.1\nnameserver\t2001:db8::1\n\
                    nameserver not-one\noptions edns0\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
        let all: Vec<String> = servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(all, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:53"]);
        assert_eq!(servers("search example\n")[0].to_string(), "127.0.0.1:53");
    }
}
