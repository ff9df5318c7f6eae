//! A WebSocket server that says everything back, on the relay's own reader and writer of frames: what
//! `cargo xtask autobahn` tests. It prints the address that it listens on.
//!
//! ```text
//! cargo run -p lacre-relay --example echo
//! ```

use std::io::{self, Write};

use budget::Budget;
use lacre_proto::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;
use websocket::{Broken, Incoming, WebSocket};

#[path = "../src/budget.rs"]
#[allow(dead_code, reason = "the relay uses more of it than an echo does")]
mod budget;
#[path = "../src/edge/websocket.rs"]
#[allow(dead_code, reason = "the relay uses more of it than an echo does")]
mod websocket;

/// A request head is no longer than this.
const HEAD: usize = 8 * 1024;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        // Who breaks off has nobody who waits for the reason.
        tokio::spawn(async move { drop(serve(stream).await) });
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let rest = shake_hands(&mut stream).await?;
    let mut socket = WebSocket::<_, true>::new(stream, rest, Budget::new(0));
    loop {
        match socket.next(limits::FRAME).await {
            Ok(Incoming::Message(message)) => socket.feed_as(Data::Binary, &message).await?,
            Ok(Incoming::Text(message)) => socket.feed_as(Data::Text, &message).await?,
            Ok(Incoming::Sign) => {}
            Ok(Incoming::Close) => break,
            Err(Broken::Refused(code)) => {
                socket.close(code);
                break;
            }
            Err(Broken::Gone) => return Ok(()),
        }
        socket.flush().await?;
    }
    socket.flush().await?;
    socket.stream().shutdown().await
}

/// The WebSocket handshake; gives what came after the request.
async fn shake_hands(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < HEAD {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((length, request)) = Request::try_parse(&head).map_err(io::Error::other)? {
            let response = create_response(&request).map_err(io::Error::other)?;
            let mut answer = Vec::new();
            write_response(&mut answer, &response).map_err(io::Error::other)?;
            stream.write_all(&answer).await?;
            return Ok(head.split_off(length));
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}
