//! `lacre whoami`: read from the profile alone.

use lacre_client::store::Store;
use lacre_client::view::Views;
use lacre_client::{OpenError, profile};
use serde_json::json;

use super::Context;
use crate::exit::Failure;
use crate::output;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let me = Views(reader.as_ref()).me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
    let relay = profile::endpoint(reader.as_ref()).map_err(OpenError::from)?;
    let relay = relay.map(|endpoint| endpoint.address.to_string()).unwrap_or_default();
    let identity_key = hex::encode(me.identity_key);
    if context.json {
        return output::object(&json!({
            "handle": me.handle.as_str(),
            "account": me.account.to_string(),
            "device": me.device.to_string(),
            "identity_key": identity_key,
            "relay": relay,
            "created_at": output::rfc3339(me.created_ms),
            "profile": context.profile.path(),
        }));
    }
    output::line(&format!("handle        {}", me.handle))?;
    output::line(&format!("relay         {relay}"))?;
    output::line(&format!("account       {}", me.account))?;
    output::line(&format!("device        {}", me.device))?;
    output::line(&format!("identity key  {identity_key}"))?;
    output::line(&format!("since         {}", output::local(me.created_ms, "%Y-%m-%d %H:%M")))?;
    output::line(&format!("profile       {}", context.profile.path().display()))
}
