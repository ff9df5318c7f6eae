//! As much HTTP/1.1 as it takes to ask and to answer over a connection that stays open.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::cli::Failed;

/// Most bytes of a body.
const MOST: usize = 1 << 20;

/// A connection.
pub struct Connection(BufReader<TcpStream>);

/// What has come: the first line, and the body.
pub struct Came {
    /// The first line.
    pub line: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Opens one.
    #[expect(clippy::disallowed_methods, reason = "a program that calls a node on this machine")]
    pub async fn open(address: &str) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// One that somebody else opened.
    pub fn of(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// Posts JSON and gives the answer; one that is not of success is an error.
    pub async fn post(&mut self, path: &str, token: &str, body: &Value) -> Result<Value, Failed> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).await?;
        let Came { line, body } = self.next().await?.ok_or("the node closed the connection")?;
        match line.contains(" 200 ") {
            true => Ok(serde_json::from_slice(&body)?),
            false => Err(format!("{}: {}", line.trim(), String::from_utf8_lossy(&body)).into()),
        }
    }

    /// The next message; `None` when there are no more.
    pub async fn next(&mut self) -> Result<Option<Came>, Failed> {
        let (mut line, mut header, mut length) = (String::new(), String::new(), 0);
        if self.0.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        while self.0.read_line(&mut header).await? > 2 {
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            header.clear();
        }
        if length > MOST {
            return Err("the body is too large".into());
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(Some(Came { line, body }))
    }

    /// Answers that all is well.
    pub async fn answer(&mut self, body: &str) -> Result<(), Failed> {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        Ok(self.0.write_all(answer.as_bytes()).await?)
    }
}
