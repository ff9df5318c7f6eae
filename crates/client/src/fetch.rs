//! A file that is fetched, however long it takes.

use tokio::sync::broadcast::error::RecvError;

use crate::files::{DownloadFailure, Transfer};
use crate::view::File;
use crate::{Client, EngineError, Intent, IntentError};

/// Why a sealed file is not on this device. What has come of it is kept, and it goes on there the next time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// It may not be fetched, or this client has no folder for files.
    #[error(transparent)]
    Intent(#[from] IntentError),
    /// It could not be.
    #[error(transparent)]
    Failed(#[from] DownloadFailure),
    /// The client was closed.
    #[error("the client stopped; what came is kept")]
    Closed,
    /// The store cannot be read.
    #[error(transparent)]
    Corrupt(#[from] EngineError),
}

impl Client {
    /// Sees that the sealed file of a message is on this device. It waits for as long as the relay is away; who waits
    /// less long drops the future, and the file goes on coming.
    pub async fn fetch(&self, file: &File) -> Result<(), FetchError> {
        let here = || self.files().is_some_and(|files| files.has(&file.file.hash));
        if here() {
            return Ok(());
        }
        let mut events = self.events();
        self.intend(Intent::Fetch(file.id)).await?;
        loop {
            match self.read(|views| views.records().transfer(file.id))? {
                Transfer::NotFetched(why) => return Err(why.into()),
                Transfer::None if here() => return Ok(()),
                _ => {}
            }
            if let Err(RecvError::Closed) = events.recv().await {
                return Err(FetchError::Closed);
            }
        }
    }
}
