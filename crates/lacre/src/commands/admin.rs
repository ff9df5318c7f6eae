//! Asking a running relay on its admin listener: plain HTTP on loopback.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The status and the body of an answer; `token` goes with the request.
pub(super) fn ask(address: SocketAddr, line: &str, token: Option<&str>) -> Result<(u16, String)> {
    ask_with(address, line, token, "")
}

/// The same, with a body.
pub(super) fn ask_with(
    address: SocketAddr,
    line: &str,
    token: Option<&str>,
    body: &str,
) -> Result<(u16, String)> {
    if !address.ip().is_loopback() {
        return Err(Error::new(ErrorKind::InvalidInput, "the admin listener is on this machine itself"));
    }
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {address}\r\n{token}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    parse(&answer).ok_or_else(|| Error::new(ErrorKind::InvalidData, "what answers is no relay"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let status = answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.trim().to_owned()))
}
