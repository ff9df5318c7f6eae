//! Blobs at a store that speaks S3. A blob that came in parts stays a row of objects, `parts/ID/N`, and is finished by
//! one more object, `finished/ID`, which says how long it is; one that came whole is `whole/ID`.
//!
//! So there is no multipart upload to be remembered, listed or paid for when nobody finishes it: which parts are here
//! is asked of the store, by whoever goes on. Finishing and deleting begin with `finished/ID`: a reader finds a whole
//! blob or none.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
};

use super::{BlobError, BlobId, Blobs, PART, check_part, check_parts};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Parts of a blob that are deleted at once.
const DELETED_AT_ONCE: usize = 16;
/// Blobs whose shape is remembered: they never change.
const REMEMBERED: usize = 4096;

/// Where a bucket is, and who asks.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct S3Options {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// The server, when it is not Amazon's: `https://…`; `http://…` on this machine only.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Access key and secret key; without them `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and the like are asked.
    pub credentials: Option<(String, String)>,
}

impl fmt::Debug for S3Options {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, prefix, endpoint, region, credentials: _ } = self;
        let mut shown = f.debug_struct("S3Options");
        shown.field("bucket", bucket).field("prefix", prefix).field("endpoint", endpoint);
        shown.field("region", region).finish_non_exhaustive()
    }
}

/// Blobs in a bucket; clones are the same store.
#[derive(Clone)]
pub struct S3Blobs(Arc<Bucket>);

struct Bucket {
    store: AmazonS3,
    prefix: Path,
    shapes: Mutex<HashMap<BlobId, Shape>>,
}

/// How a finished blob lies.
#[derive(Clone, Copy)]
enum Shape {
    Whole(u64),
    Parts(u64),
}

impl Shape {
    fn length(self) -> u64 {
        match self {
            Self::Whole(length) | Self::Parts(length) => length,
        }
    }
}

impl fmt::Debug for S3Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Blobs").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

impl S3Blobs {
    /// Opens a bucket, and sees that it can be read.
    pub async fn open(options: &S3Options) -> Result<Self, BlobError> {
        let refused = |why: &str| Err(BlobError::Unavailable(why.to_owned()));
        let plain = options.endpoint.as_deref().is_some_and(|endpoint| !endpoint.starts_with("https://"));
        if plain && !options.endpoint.as_deref().is_some_and(is_local) {
            return refused("an endpoint off this machine must be https");
        }
        // From the environment only what a person sets for this; nothing of the machine that it runs on.
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&options.bucket)
            .with_allow_http(plain)
            .with_client_options(ClientOptions::new().with_timeout(PATIENCE).with_allow_http(plain))
            .with_retry(RetryConfig { max_retries: 4, retry_timeout: PATIENCE, ..RetryConfig::default() });
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &options.region {
            builder = builder.with_region(region);
        }
        if let Some((access, secret)) = &options.credentials {
            builder = builder.with_access_key_id(access).with_secret_access_key(secret);
        }
        if builder.get_config_value(&AmazonS3ConfigKey::AccessKeyId).is_none() {
            return refused("there are no credentials for the bucket");
        }
        let store = builder.build().map_err(unavailable)?;
        let prefix = Path::from(options.prefix.as_str());
        let blobs = Self(Arc::new(Bucket { store, prefix, shapes: Mutex::default() }));
        // A bucket that is not there, and keys that are not taken, are better known now.
        blobs.shape(BlobId([0; 16])).await?;
        Ok(blobs)
    }

    fn path(&self, kind: &str, id: BlobId) -> Path {
        self.0.prefix.clone().join(kind).join(id.to_string())
    }

    fn part(&self, id: BlobId, number: u32) -> Path {
        // In the order of the numbers, as the store lists them.
        self.path("parts", id).join(format!("{number:010}"))
    }

    /// How a finished blob lies.
    async fn shape(&self, id: BlobId) -> Result<Option<Shape>, BlobError> {
        if let Some(shape) = self.shapes().get(&id) {
            return Ok(Some(*shape));
        }
        let shape = match self.0.store.get(&self.path("finished", id)).await {
            Ok(found) => {
                let text = found.bytes().await.map_err(unavailable)?;
                let length = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                let damaged = || BlobError::Unavailable("a blob's length cannot be read".to_owned());
                Some(Shape::Parts(length.ok_or_else(damaged)?))
            }
            Err(Error::NotFound { .. }) => match self.0.store.head(&self.path("whole", id)).await {
                Ok(found) => Some(Shape::Whole(found.size)),
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(unavailable(error)),
            },
            Err(error) => return Err(unavailable(error)),
        };
        if let Some(shape) = shape {
            let mut shapes = self.shapes();
            if shapes.len() >= REMEMBERED {
                shapes.clear();
            }
            shapes.insert(id, shape);
        }
        Ok(shape)
    }

    fn shapes(&self) -> std::sync::MutexGuard<'_, HashMap<BlobId, Shape>> {
        self.0.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn create(&self, path: &Path, bytes: Bytes) -> Result<(), BlobError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.0.store.put_opts(path, PutPayload::from(bytes), options).await {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. }) => Err(BlobError::Exists),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn delete_object(&self, path: &Path) -> Result<(), BlobError> {
        match self.0.store.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// The parts that lie here, finished or not.
    async fn stored_parts(&self, id: BlobId) -> Result<Vec<(u32, u64)>, BlobError> {
        let folder = self.path("parts", id);
        let listed = self.0.store.list(Some(&folder)).try_collect::<Vec<_>>().await.map_err(unavailable)?;
        let number = |path: &Path| path.filename().and_then(|name| name.parse().ok());
        let mut parts: Vec<(u32, u64)> =
            listed.iter().filter_map(|object| Some((number(&object.location)?, object.size))).collect();
        parts.sort_unstable();
        Ok(parts)
    }

    async fn read_object(&self, path: &Path, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        match self.0.store.get_range(path, range).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}

impl Blobs for S3Blobs {
    async fn put(&self, id: BlobId, bytes: Bytes) -> Result<(), BlobError> {
        if self.shape(id).await?.is_some() {
            return Err(BlobError::Exists);
        }
        self.create(&self.path("whole", id), bytes).await
    }

    async fn put_part(&self, id: BlobId, number: u32, bytes: Bytes) -> Result<(), BlobError> {
        check_part(&bytes)?;
        if self.shape(id).await?.is_some() {
            return Err(BlobError::Exists);
        }
        let put = self.0.store.put(&self.part(id, number), PutPayload::from(bytes)).await;
        put.map(drop).map_err(unavailable)
    }

    async fn parts(&self, id: BlobId) -> Result<Vec<(u32, u64)>, BlobError> {
        if self.shape(id).await?.is_some() {
            return Ok(Vec::new());
        }
        self.stored_parts(id).await
    }

    async fn finish(&self, id: BlobId, length: u64) -> Result<(), BlobError> {
        if let Some(shape) = self.shape(id).await? {
            return if shape.length() == length { Ok(()) } else { Err(BlobError::Exists) };
        }
        if length == 0 {
            return self.put(id, Bytes::new()).await;
        }
        check_parts(&self.stored_parts(id).await?, length)?;
        self.create(&self.path("finished", id), length.to_string().into()).await
    }

    async fn length(&self, id: BlobId) -> Result<Option<u64>, BlobError> {
        Ok(self.shape(id).await?.map(Shape::length))
    }

    async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        let Some(shape) = self.shape(id).await? else { return Ok(None) };
        let end = range.end.min(shape.length());
        let mut at = range.start.min(end);
        if at == end {
            return Ok(Some(Bytes::new()));
        }
        if let Shape::Whole(_) = shape {
            return self.read_object(&self.path("whole", id), at..end).await;
        }
        let mut bytes = BytesMut::with_capacity((end - at) as usize);
        while at < end {
            let number = at / PART;
            let stop = end.min((number + 1) * PART);
            let part = self.part(id, u32::try_from(number).unwrap_or(u32::MAX));
            let within = at - number * PART..stop - number * PART;
            let Some(piece) = self.read_object(&part, within).await? else { return Ok(None) };
            if at == range.start && stop == end {
                return Ok(Some(piece));
            }
            bytes.extend_from_slice(&piece);
            at = stop;
        }
        Ok(Some(bytes.freeze()))
    }

    async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        self.shapes().remove(&id);
        // First what makes it one.
        self.delete_object(&self.path("finished", id)).await?;
        self.delete_object(&self.path("whole", id)).await?;
        let parts = self.stored_parts(id).await?;
        let paths: Vec<Path> = parts.into_iter().map(|(number, _)| self.part(id, number)).collect();
        let deletions = stream::iter(paths).map(|path| async move { self.delete_object(&path).await });
        deletions.buffer_unordered(DELETED_AT_ONCE).try_collect::<()>().await?;
        // Whoever looked at it meanwhile may have remembered it.
        self.shapes().remove(&id);
        Ok(())
    }
}

/// Whether an address is this machine's.
fn is_local(endpoint: &str) -> bool {
    let host = endpoint.strip_prefix("http://").unwrap_or_default();
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_loopback = |address: Ipv4Addr| address.is_loopback();
    name == "localhost" || name == "[::1]" || name.parse().is_ok_and(is_loopback)
}

fn unavailable(error: Error) -> BlobError {
    match &error {
        Error::Generic { source, .. } if says_full(&source.to_string()) => BlobError::Full,
        _ => BlobError::Unavailable(error.to_string()),
    }
}

/// What stores that have an end say when it is reached.
fn says_full(words: &str) -> bool {
    ["507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"]
        .iter()
        .any(|sign| words.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_connections_are_for_this_machine() {
        assert!(
            is_local("http://127.0.0.1:9000") && is_local("http://localhost/x") && is_local("http://[::1]:1")
        );
        for other in [
            "http://127.0.0.1.example:9000",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://127.files.example.com:9000",
            "http://127.0.0.1:80@files.example",
            "ftp://localhost",
        ] {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let credentials = Some(("AKIA".to_owned(), "wax and seal".to_owned()));
        let shown = format!("{:?}", S3Options { credentials, ..S3Options::default() });
        assert!(!shown.contains("AKIA") && !shown.contains("wax"), "{shown}");
    }
}
