//! Files that a bot sends, and files that it saves.

use std::path::PathBuf;

use lacre_client::Client;
use lacre_client::content::{Content, Media, MessageId, kinds};
use lacre_proto::ConversationId;
use serde_json::Value;

use super::usage;
use crate::commands::files::{files, no_folder, save, send};
use crate::exit::{Exit, Failure};

/// Cleans files and seals them; the content that they are sent in, and what is to be said of them.
pub(super) async fn sealed(
    client: &Client,
    paths: Vec<String>,
    caption: String,
    original: bool,
) -> Result<(Content, Vec<String>), Failure> {
    if paths.is_empty() || paths.len() > kinds::ALBUM {
        return Err(usage(&format!("a message has 1 to {} files", kinds::ALBUM)));
    }
    let folder = client.files().cloned().ok_or_else(no_folder)?;
    let work = move || {
        let (mut files, mut warnings) = (Vec::new(), Vec::new());
        for path in &paths {
            let (file, preview, warning) = send::sealed(&folder, path.as_ref(), original, &mut |_, _| ())?;
            files.push((file, preview));
            warnings.extend(warning);
        }
        send::within_limits(&mut files);
        Ok((Content::Media(Media { files, caption, sticker: false }), warnings))
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::new(Exit::Failure, "fault", error))?
}

/// Fetches the files of a message, or the one of this number, and writes them into a folder or under a name; a row for
/// each.
pub(super) async fn saved(
    client: &Client,
    (conversation, message): (ConversationId, MessageId),
    number: Option<u8>,
    to: PathBuf,
) -> Result<Vec<Value>, Failure> {
    let row = client.read(|views| views.message(conversation, message))?;
    let all = row.as_ref().map(|row| files(&row.body)).unwrap_or_default();
    let wanted = save::chosen(all, number)?;
    if wanted.len() > 1 && !to.is_dir() {
        return Err(usage("several files are saved into a folder; or say which one, by `file`"));
    }
    let mut rows = Vec::new();
    for file in wanted {
        client.fetch(file).await?;
        let folder = client.files().cloned().ok_or_else(no_folder)?;
        let (wanted, to) = (file.file.clone(), Some(to.clone()));
        let write = move || save::written(&folder, &wanted, to, false, &mut |_| ());
        let written = tokio::task::spawn_blocking(write).await;
        let (path, verdict) = written.map_err(|error| Failure::new(Exit::Failure, "fault", error))??;
        rows.push(save::as_json(file, &path, &verdict));
    }
    Ok(rows)
}
