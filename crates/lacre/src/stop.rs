//! Being told to stop.

use std::future::Future;

use crate::exit::{Exit, Failure};

/// Is ready at SIGINT or SIGTERM; they are caught from the call on, not from the first poll.
#[cfg(unix)]
pub fn signal() -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| Failure::new(Exit::Failure, "signal", error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    })
}

/// Is ready at Ctrl+C.
#[cfg(not(unix))]
pub fn signal() -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
    Ok(async { tokio::signal::ctrl_c().await.map_err(|error| Failure::new(Exit::Failure, "signal", error)) })
}
