//! The console: a socket in the node's folder, by which whoever owns the machine speaks to a node that serves.
//!
//! The store is open in one process alone, so a command cannot read it while the node serves: it asks the node. The
//! socket is its owner's (mode 0600, made where nobody else can reach it and moved to its place), and who connects
//! is looked at once more: the owner of the socket, or root.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};

use super::ROOT;

/// What the socket is called in the node's folder.
pub const NAME: &str = "node.sock";

/// A socket that is listened on; it goes when this is dropped.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Socket {
    /// Makes the socket of the node in a folder, in place of one that was left there. `private` is a folder of the
    /// same disk that is the owner's alone.
    pub fn bind(folder: &Path, private: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        // No longer than the other: a socket's path has room for some hundred bytes.
        let made = private.join("socket");
        match std::fs::remove_file(&made) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&made)?;
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
        let owner = std::fs::metadata(&made)?.uid();
        std::fs::rename(&made, &path)?;
        Ok(Self { listener, path, owner })
    }

    /// The next connection of the owner's; others are closed.
    pub async fn accept(&self) -> Result<UnixStream, Error> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let uid = stream.peer_cred()?.uid();
            if uid == self.owner || uid == 0 {
                return Ok(stream);
            }
            tracing::warn!("somebody else than the owner of the machine was at the socket");
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // One that stays is replaced by the next node, and refuses connections until then.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Asks the node that serves in a folder: the status and the answer; `None` when none serves. It is waited for as long as
/// the node is at work, which for an erasing of years may be long; a node that dies ends it.
pub async fn ask(
    folder: &Path,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Option<(u16, Value)>, Error> {
    let stream = match UnixStream::connect(folder.join(NAME)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    exchange(stream, method, path, body).await.map(Some)
}

async fn exchange(stream: UnixStream, method: &str, path: &str, body: &Value) -> Result<(u16, Value), Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let request = Request::builder().method(method).uri(format!("{ROOT}{path}")).header("host", "node");
    let request = request.header("content-type", "application/json").body(Full::new(body));
    let asked = async {
        let answer = sender.send_request(request.map_err(Error::other)?).await.map_err(Error::other)?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(Error::other)?.to_bytes();
        Ok((status, serde_json::from_slice(&body)?))
    };
    let mut connection = std::pin::pin!(connection);
    let mut asked = std::pin::pin!(asked);
    tokio::select! {
        answer = &mut asked => answer,
        ended = &mut connection => match ended {
            // What was answered before the end is still there.
            Ok(()) => asked.await,
            Err(error) => Err(Error::other(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::Response;
    use hyper::service::service_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_long_at_work_is_waited_for_and_one_that_dies_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = Socket::bind(folder.path(), folder.path()).expect("bound");
        let slow = service_fn(|_| async {
            tokio::time::sleep(Duration::from_secs(1_000)).await;
            Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from_static(b"{\"erased\":1}"))))
        });
        let serving = tokio::spawn(async move {
            let stream = socket.accept().await.expect("somebody comes");
            let server = hyper::server::conn::http1::Builder::new();
            server.serve_connection(TokioIo::new(stream), slow).await.expect("served");
            drop(socket.accept().await);
        });
        let told = ask(folder.path(), "POST", "x", &Value::Null).await.expect("answered");
        assert_eq!(told, Some((200, serde_json::json!({ "erased": 1 }))));
        assert!(ask(folder.path(), "POST", "x", &Value::Null).await.is_err(), "it has gone");
        serving.await.expect("ended");
        assert_eq!(ask(folder.path(), "POST", "x", &Value::Null).await.expect("asked"), None);
    }
}
