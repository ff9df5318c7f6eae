//! Where a relay's files lie, when not beside its data.

use std::path::{Path, PathBuf};

use lacre_store::blobs::{BlobStore, FolderBlobs, S3Blobs, S3Options};
use zeroize::Zeroizing;

use crate::cli::BlobsArgs;
use crate::exit::{Exit, Failure};

/// The store that was chosen; `None` when it is the folder beside the data. When it cannot be used, `so` says what that
/// means.
pub(super) async fn chosen(args: &BlobsArgs, so: &str) -> Result<Option<BlobStore>, Failure> {
    let Some(url) = &args.blobs else { return Ok(None) };
    let (bucket, prefix) =
        bucket(url).ok_or_else(|| Failure::usage("write s3://BUCKET or s3://BUCKET/PREFIX"))?;
    let options = S3Options {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: args.blobs_endpoint.clone(),
        region: args.blobs_region.clone(),
        credentials: args.blobs_credentials.as_deref().map(credentials).transpose()?,
    };
    let opened = S3Blobs::open(&options).await;
    let blobs = opened.map_err(|error| {
        let why = format!("the bucket cannot be used: {error}. {so}");
        Failure::new(Exit::Store, "blobs", why)
    })?;
    Ok(Some(BlobStore::S3(blobs)))
}

/// Where files lie beside the data.
pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("blobs")
}

/// The store that was chosen, or the folder in a data folder that somebody has locked.
pub(super) async fn of(data: &Path, args: &BlobsArgs) -> Result<BlobStore, Failure> {
    if let Some(chosen) = chosen(args, "Nothing was changed").await? {
        return Ok(chosen);
    }
    let folder = FolderBlobs::open(folder(data));
    folder.map(BlobStore::Folder).map_err(|error| {
        Failure::new(Exit::Store, "blobs", format!("the folder for files cannot be used: {error}"))
    })
}

fn bucket(url: &str) -> Option<(&str, &str)> {
    let path = url.strip_prefix("s3://")?;
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    (!bucket.is_empty()).then_some((bucket, prefix))
}

/// Access key and secret key, each on a line.
fn credentials(file: &Path) -> Result<(String, String), Failure> {
    let failed = |error| Failure::io(format!("{} cannot be read", file.display()), &error);
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(failed)?);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next(), lines.next()) {
        (Some(access), Some(secret), None) => Ok((access.to_owned(), secret.to_owned())),
        _ => Err(Failure::usage(format!("{} does not hold two lines with the two keys", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_written_as_an_address() {
        assert_eq!(bucket("s3://files"), Some(("files", "")));
        assert_eq!(bucket("s3://files/relay/one"), Some(("files", "relay/one")));
        for other in ["files", "s3://", "s3:///x", "https://files"] {
            assert_eq!(bucket(other), None, "{other}");
        }
    }
}
