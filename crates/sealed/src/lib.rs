//! A sealed block layer: an encrypted, torn-write-safe storage backend under redb.
//!
//! It knows blocks, keys and files; the format is specified in `docs/protocol/sealed-store.md`. It must not know
//! what is stored, the network, the engine or the protocol.
//!
//! A store is made with [`create`], its key found with [`passphrase::unwrap`] (or kept elsewhere), and its
//! database opened with [`open_database`].

mod backend;
mod crypto;
mod error;
mod format;
pub mod passphrase;
mod preamble;
mod raw;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rand_core::CryptoRng;

pub use backend::SealedBackend;
pub use crypto::MasterKey;
pub use error::SealedError;
pub use preamble::{Found, Protection, create, look};
#[cfg(not(target_family = "wasm"))]
pub use raw::FileRaw;
pub use raw::{MemoryRaw, RawFile};

/// Opens the database in a sealed file, making an empty one in a file that was just [`create`]d.
///
/// `cache_bytes` bounds what redb keeps in memory. The database is ready when this returns: from then on a damaged
/// block is an error wherever it is met.
pub fn open_database(
    file: Arc<dyn RawFile>,
    key: &MasterKey,
    cache_bytes: usize,
    rng: &mut dyn CryptoRng,
) -> Result<redb::Database, SealedError> {
    open_backend(SealedBackend::open(file, key, rng)?, cache_bytes)
}

fn open_backend(backend: SealedBackend, cache_bytes: usize) -> Result<redb::Database, SealedError> {
    let opened = backend.opened();
    let mut builder = redb::Builder::new();
    builder.set_cache_size(cache_bytes);
    // redb trusts what a clean shutdown left and may panic on what cannot be; damage must not end the process.
    let database = catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(backend)))
        .map_err(|_| SealedError::Damaged("the database is not what was written"))??;
    opened.finish();
    Ok(database)
}

#[cfg(test)]
mod tests;
