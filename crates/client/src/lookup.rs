//! Looking somebody up before anything is said to them.

use lacre_engine::{Event, Intent};
use lacre_proto::{AccountId, Handle};
use tokio::sync::broadcast::error::RecvError;

use crate::client::Client;
use crate::driver::IntentError;

impl Client {
    /// Asks the directory who has a handle, and what they say of themselves when it is a business; they do not hear of
    /// it. Waits for as long as the answer takes: when the connection goes meanwhile, for ever.
    pub async fn look_up(&self, handle: &Handle) -> Result<AccountId, IntentError> {
        let mut events = self.events();
        self.intend(Intent::LookUp(handle.clone())).await?;
        loop {
            match events.recv().await {
                Ok(Event::LookedUp(of, found)) if of == *handle => {
                    return found.map_err(IntentError::Refused);
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(IntentError::Closed),
            }
        }
    }
}
