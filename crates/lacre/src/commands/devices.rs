//! `lacre devices`: the devices of this account, as the newest signed list known here tells them.

use lacre_client::OpenError;
use lacre_client::records::Records;
use lacre_client::store::Store;
use lacre_proto::DeviceId;
use serde_json::json;

use super::Context;
use crate::exit::Failure;
use crate::output;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let records = Records(reader.as_ref());
    let me = records.me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
    let listed = records.contact(me.account)?.map(|own| own.devices).unwrap_or_default();
    let mut devices: Vec<DeviceId> = listed;
    if !devices.contains(&me.device) {
        devices.insert(0, me.device);
    }
    for device in devices {
        let this = device == me.device;
        if context.json {
            output::object(&json!({"device": device.to_string(), "this": this}))?;
        } else {
            output::line(&format!("{device}{}", if this { "  (this device)" } else { "" }))?;
        }
    }
    Ok(())
}
