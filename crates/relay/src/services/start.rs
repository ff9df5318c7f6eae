//! Opening a store: its format, the relay's id, and whether the clock can be right.

use std::sync::Mutex;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use lacre_proto::{Millis, RelayId};
use lacre_store::bus::LocalBus;
use lacre_store::data::{Batch, Data, Expected, Unavailable, WriteError};
use rand_core::CryptoRng;

use super::rows::{MetaRow, PlatformRow, TimeRow};
use super::{Inner, Services, Settings, keys, rows};
use crate::budget::Budget;
use crate::limits::Limiter;
use crate::log::Pseudonyms;
use crate::metrics::Metrics;

/// The version of the whole store that this relay reads and writes.
const FORMAT: u32 = 1;
/// How far the clock may stand behind the newest time stored.
const CLOCK_BACK_MS: Millis = 5 * 60 * 1000;

/// Why a store cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was written by a newer relay.
    #[error("the store is of version {0}, and this relay knows up to {FORMAT}")]
    NewerVersion(u32),
    /// The clock stands behind what is stored: times would run backwards.
    #[error("the clock stands {0} s behind the newest time stored")]
    ClockBehind(u64),
    /// A row is not what it should be.
    #[error("the store is damaged")]
    Damaged,
    /// It cannot be read or written.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// There is no room for the first rows.
    #[error("no room left on the disk")]
    Full,
}

impl<D: Data> Services<D> {
    /// Opens the services over a store: makes the relay's id at the first start, and refuses a store that is
    /// too new or lies in the future.
    pub async fn open(
        data: D,
        settings: Settings,
        mut rng: Box<dyn CryptoRng + Send>,
        now: Millis,
    ) -> Result<Self, OpenError> {
        let relay = relay_id(&data, &mut *rng).await?;
        let platform = platform_key(&data, &mut *rng).await?;
        if let Some(row) = data.get(&keys::time()).await? {
            let newest = rows::decode::<TimeRow>(&row).map_err(|_| OpenError::Damaged)?.newest_ms;
            if newest > now.saturating_add(CLOCK_BACK_MS) {
                return Err(OpenError::ClockBehind((newest - now) / 1000));
            }
        }
        let services = Self(std::sync::Arc::new(Inner {
            data,
            bus: LocalBus::new(),
            relay,
            limiter: Limiter::new(settings.rates.clone()),
            large_in: Budget::new(settings.quotas.large_frames),
            large_out: Budget::new(settings.quotas.large_frames),
            blobs_in: Budget::new(settings.quotas.blobs_held),
            blobs_out: Budget::new(settings.quotas.blobs_held),
            settings,
            rng: Mutex::new(rng),
            conversations: Default::default(),
            mailboxes: Default::default(),
            ledgers: Default::default(),
            sweep: Default::default(),
            ending: Default::default(),
            platform,
            metrics: Metrics::new(now),
            pseudonyms: Pseudonyms::default(),
        }));
        services.store_time(now).await.map_err(not_opened)?;
        Ok(services)
    }

    /// Stores that it is now so late.
    pub async fn store_time(&self, now: Millis) -> Result<(), WriteError> {
        let row = rows::encode(&TimeRow { newest_ms: now });
        self.0.data.write(Batch::new().put(keys::time(), row)).await.map(drop)
    }
}

async fn relay_id<D: Data>(data: &D, rng: &mut dyn CryptoRng) -> Result<RelayId, OpenError> {
    if let Some(row) = data.get(&keys::meta()).await? {
        let row: MetaRow = rows::decode(&row).map_err(|_| OpenError::Damaged)?;
        if row.format > FORMAT {
            return Err(OpenError::NewerVersion(row.format));
        }
        return RelayId::try_from(&row.relay).map_err(|_| OpenError::Damaged);
    }
    let mut id = RelayId([0; 16]);
    rng.fill_bytes(&mut id.0);
    let row = rows::encode(&MetaRow { format: FORMAT, relay: id.to_wire() });
    let batch = Batch::new().assert(keys::meta(), Expected::Absent).put(keys::meta(), row);
    data.write(batch).await.map_err(not_opened)?;
    Ok(id)
}

/// The key by which business certificates are signed, made at the first start.
async fn platform_key<D: Data>(data: &D, rng: &mut dyn CryptoRng) -> Result<SigningKey, OpenError> {
    if let Some(row) = data.get(&keys::platform()).await? {
        let row: PlatformRow = rows::decode(&row).map_err(|_| OpenError::Damaged)?;
        let secret = row.secret.as_ref().try_into().map_err(|_| OpenError::Damaged)?;
        return Ok(SigningKey::from_bytes(&secret));
    }
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    let row = rows::encode(&PlatformRow { secret: Bytes::copy_from_slice(&secret) });
    let batch = Batch::new().assert(keys::platform(), Expected::Absent).put(keys::platform(), row);
    data.write(batch).await.map_err(not_opened)?;
    Ok(SigningKey::from_bytes(&secret))
}

fn not_opened(error: WriteError) -> OpenError {
    match error {
        WriteError::Conflict(_) => OpenError::Damaged,
        WriteError::Full => OpenError::Full,
        WriteError::Unavailable(error) => error.into(),
    }
}
