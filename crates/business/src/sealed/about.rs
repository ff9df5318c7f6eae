//! What the business says of itself, by the device.

use lacre_client::Intent;
use lacre_store::data::Data;

use super::Sealed;
use crate::about::{Presented, Presenting};
use crate::chat::SendError;

impl<D: Data> Presenting for Sealed<D> {
    fn presented(&self) -> Result<Option<Presented>, SendError> {
        self.read(|records| {
            let Some(me) = records.me()? else { return Ok(None) };
            let Some(record) = records.profile(me.account)? else { return Ok(None) };
            let picture = records.profile_picture(me.account)?;
            Ok(Some(Presented { profile: record.profile, picture }))
        })
    }

    async fn present(&self, what: Presented) -> Result<(), SendError> {
        self.intend(Intent::SetProfile(Box::new(what.profile), what.picture)).await
    }
}
