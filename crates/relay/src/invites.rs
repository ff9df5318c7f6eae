//! Invite codes for a relay that does not run.

use std::path::Path;

use lacre_store::redb::RedbData;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::clock::{Clock, SystemClock};
use crate::relay::{StartError, options};
use crate::services::{Services, Settings};

pub use crate::services::InviteCode;

/// Makes an invite code in the data folder of a relay that does not run; a running one makes them on its admin
/// listener.
pub async fn create(folder: &Path, data_key: Option<[u8; 32]>) -> Result<InviteCode, StartError> {
    let mut options = options(folder);
    options.data_key = data_key;
    let data = RedbData::open(options, StdRng::from_os_rng())?;
    let rng = Box::new(StdRng::from_os_rng());
    let now = SystemClock.now();
    let services = Services::open(data, Settings::default(), rng, now).await?;
    services.create_invite(now).await.map_err(|error| StartError::Data(error.to_string()))
}
