//! Files that are saved as their messages come.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lacre_client::Client;
use lacre_client::view::{File, Message};
use lacre_guard::{Verdict, clean_name};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{files, no_folder, save};
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

const MIB: u64 = 1024 * 1024;
/// Files fetched and written at one time; the others wait.
const AT_ONCE: usize = 4;

/// What became of a file.
pub(in crate::commands) type Saved = (File, Result<(PathBuf, Verdict), Failure>);

/// Files on their way into a folder; several at a time, while messages go on coming.
pub(in crate::commands) struct Arriving {
    client: Client,
    folder: PathBuf,
    most: u64,
    places: Arc<Semaphore>,
    jobs: JoinSet<Saved>,
}

impl Arriving {
    /// Into this folder, those of so many MiB at most.
    pub(in crate::commands) fn new(client: &Client, folder: &Path, most: u64) -> Result<Self, Failure> {
        if !folder.is_dir() {
            return Err(Failure::usage(format!("{} is no folder", folder.display())));
        }
        let (client, folder, most) = (client.clone(), folder.to_owned(), most.saturating_mul(MIB));
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { client, folder, most, places, jobs: JoinSet::new() })
    }

    /// Begins with the files of a message.
    pub(in crate::commands) fn take(&mut self, context: &Context, message: &Message) -> Result<(), Failure> {
        for file in files(&message.body) {
            if file.file.size > self.most {
                let why = format!("it has {}; `lacre save` saves it", output::bytes(file.file.size));
                told(context, (file.clone(), Err(Failure::new(Exit::Refused, "too_large", why))))?;
                continue;
            }
            let (client, file, folder) = (self.client.clone(), file.clone(), self.folder.clone());
            let places = self.places.clone();
            self.jobs.spawn(async move {
                let _place = places.acquire_owned().await;
                let saved = saved(&client, &file, folder).await;
                (file, saved)
            });
        }
        Ok(())
    }

    /// Waits for the next file that is saved, or cannot be; `None` when none is under way.
    pub(in crate::commands) async fn next(&mut self) -> Option<Saved> {
        loop {
            match self.jobs.join_next().await? {
                Ok(saved) => return Some(saved),
                Err(error) => tracing::error!(panicked = error.is_panic(), "a file was given up"),
            }
        }
    }
}

async fn saved(client: &Client, file: &File, to: PathBuf) -> Result<(PathBuf, Verdict), Failure> {
    client.fetch(file).await?;
    let folder = client.files().cloned().ok_or_else(no_folder)?;
    let wanted = file.file.clone();
    let write = move || save::written(&folder, &wanted, Some(to), false, &mut |_| ());
    let written = tokio::task::spawn_blocking(write).await;
    written.map_err(|error| Failure::new(Exit::Failure, "fault", error))?
}

/// Says what became of a file. The messages go on, whatever it is.
pub(in crate::commands) fn told(context: &Context, (file, saved): Saved) -> Result<(), Failure> {
    match saved {
        Ok((path, verdict)) => save::tell(context, &file, &path, &verdict),
        Err(failure) if context.json => output::object(&json!({
            "saved": null,
            "message": file.id.message.to_string(),
            "index": file.id.index,
            "name": file.file.name,
            "size": file.file.size,
            "error": failure.code,
            "why": failure.message,
        })),
        Err(failure) => {
            let name = safe_line(&clean_name(&file.file.name));
            eprintln!("Not saved: {name}: {}", safe_line(&failure.message));
            Ok(())
        }
    }
}
