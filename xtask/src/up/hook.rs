//! A receiver of webhooks, as small as one can be: it answers the handshake, and takes what is signed with the app's
//! secret.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Most bytes of a delivery: the official receivers take no more.
const MOST: usize = 1 << 20;

/// A receiver.
pub struct Hook {
    listener: TcpListener,
    secret: String,
    verify: &'static str,
}

impl Hook {
    /// Listens on this machine, on a port that is free.
    pub fn bind(secret: String, verify: &'static str) -> Result<Self> {
        Ok(Self { listener: TcpListener::bind("127.0.0.1:0")?, secret, verify })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes what comes, for ever; gives what was signed.
    pub fn run(&self, mut heard: impl FnMut(&Value)) {
        for stream in self.listener.incoming().flatten() {
            // Who breaks off is heard no further, and tries again.
            if let Ok(Some(value)) = self.answer(stream) {
                heard(&value);
            }
        }
    }

    fn answer(&self, mut stream: TcpStream) -> Result<Option<Value>> {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
        let (first, length, signature, mut reader) = head(stream.try_clone()?)?;
        let mut body = vec![0; length.min(MOST)];
        reader.read_exact(&mut body)?;
        let (status, said, value) = match first.split_whitespace().next() {
            Some("GET") => match self.challenge(&first) {
                Some(challenge) => ("200 OK", challenge, None),
                None => ("403 Forbidden", String::new(), None),
            },
            _ if self.is_signed(&body, &signature) => {
                ("200 OK", String::new(), serde_json::from_slice(&body).ok())
            }
            _ => ("403 Forbidden", String::new(), None),
        };
        let length = said.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}")?;
        Ok(value)
    }

    fn challenge(&self, first: &str) -> Option<String> {
        let query = first.split_whitespace().nth(1)?.split_once('?')?.1;
        let value = |name| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        (value("hub.verify_token") == Some(self.verify)).then(|| value("hub.challenge").map(str::to_owned))?
    }

    fn is_signed(&self, body: &[u8], signature: &str) -> bool {
        let given = signature.strip_prefix("sha256=").unwrap_or_default();
        let given: Option<Vec<u8>> = (0..given.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(given.get(at..at + 2)?, 16).ok())
            .collect();
        let mac =
            Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        given.is_some_and(|given| mac.chain_update(body).verify_slice(&given).is_ok())
    }
}

/// The first line, the length of the body, the signature, and what follows.
fn head(stream: TcpStream) -> Result<(String, usize, String, BufReader<TcpStream>)> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length, mut signature, mut line) = (String::new(), 0, String::new(), String::new());
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "x-hub-signature-256" => value.trim().clone_into(&mut signature),
            _ => {}
        }
        line.clear();
    }
    Ok((first, length, signature, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_signed_is_taken_and_only_who_knows_the_word_is_answered() {
        let hook = Hook::bind("secret".to_owned(), "bread").expect("a port is free");
        // As `printf '{}' | openssl dgst -sha256 -hmac secret` says.
        let right = "sha256=77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13";
        assert!(hook.is_signed(b"{}", right));
        assert!(
            !hook.is_signed(b"{ }", right)
                && !hook.is_signed(b"{}", "")
                && !hook.is_signed(b"{}", "sha256=zz")
        );
        let asked = |token: &str| {
            format!("GET /hook?hub.mode=subscribe&hub.challenge=42&hub.verify_token={token} HTTP/1.1")
        };
        assert_eq!(hook.challenge(&asked("bread")), Some("42".to_owned()));
        assert_eq!(hook.challenge(&asked("stone")), None);
    }
}
