//! The edge: connections with their deadlines and caps, up to the socket of a session. It knows no service.
//!
//! TLS, request head and upgrade share one deadline, so that a slow peer holds a place for no longer than that.
//! After the upgrade a connection is one task, [`socket::serve`]. While parts of blobs come and go on a connection,
//! each piece moves its deadline on.

mod blobs;
mod http;
mod page;
mod patience;
mod permit;
mod socket;
mod stream;
mod websocket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lacre_store::data::Data;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::config::EdgeLimits;
use crate::services::Services;
use patience::Patience;
use permit::Connections;
use stream::Stream;

/// What every connection shares.
pub(crate) struct Edge<D: Data> {
    services: Services<D>,
    limits: EdgeLimits,
    clock: Arc<dyn Clock>,
    tls: Option<TlsAcceptor>,
    connections: Arc<Connections>,
    /// Turns true when the relay stops.
    stop: watch::Receiver<bool>,
    /// Never sent on: it is closed when the edge and its last connection are gone.
    _alive: mpsc::Sender<()>,
}

impl<D: Data> Edge<D> {
    pub(crate) fn new(
        services: Services<D>,
        limits: EdgeLimits,
        clock: Arc<dyn Clock>,
        tls: Option<TlsAcceptor>,
        stop: watch::Receiver<bool>,
        alive: mpsc::Sender<()>,
    ) -> Self {
        let connections = Connections::new(limits.per_address, limits.connections);
        Self { services, limits, clock, tls, connections: Arc::new(connections), stop, _alive: alive }
    }

    /// Takes connections until the relay stops.
    pub(crate) async fn run(self, listener: TcpListener) {
        let edge = Arc::new(self);
        let mut stop = edge.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => edge.clone().admit(stream, peer),
                    Err(error) => {
                        // Out of descriptors, most likely: those who wait are served when others go.
                        tracing::warn!(kind = ?error.kind(), "a connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
    }

    fn admit(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let address = peer.ip().to_canonical();
        let Some(permit) = self.connections.admit(address) else {
            tracing::debug!("a connection over the caps was closed");
            return;
        };
        self.services.metrics().accepted.inc();
        tokio::spawn(async move {
            let patience = Patience::new(self.limits.handshake);
            // Nothing is said to who is too slow, or does not speak TLS or HTTP.
            let mut stop = self.stop.clone();
            tokio::select! {
                () = stopped(&mut stop) => {}
                () = patience.over() => {}
                _ = self.shake_hands(stream, address, permit, patience.clone()) => {}
            }
        });
    }

    async fn shake_hands(
        self: Arc<Self>,
        stream: TcpStream,
        address: IpAddr,
        permit: permit::Permit,
        patience: Patience,
    ) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let stream = match &self.tls {
            Some(acceptor) => Stream::Tls(Box::new(acceptor.accept(stream).await.ok()?)),
            None => Stream::Plain(stream),
        };
        http::serve(self, stream, address, permit, patience).await
    }
}

/// Waits until the relay stops, or is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
