//! `lacre send --file`: cleaned, sealed, and then sent.

use std::path::Path;
use std::time::Duration;

use lacre_client::Client;
use lacre_client::content::{Content, FileRef, Media, MessageId, Preview, Voice, kinds};
use lacre_client::files::{FileId, FilesError, Folder};
use lacre_media::voice::Note;
use lacre_proto::ConversationId;
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;
use serde_json::json;

use super::bars::Bar;
use super::no_folder;
use super::prepare::{Prepared, prepare};
use crate::cli::SendArgs;
use crate::commands::send::{kept, report, scheduled, wish};
use crate::commands::{Context, names};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;
use crate::wait::Reach;

pub(in crate::commands) async fn run(context: &Context, args: SendArgs) -> Result<(), Failure> {
    if args.files.len() > kinds::ALBUM {
        return Err(Failure::usage(format!(
            "one message has at most {} files; nothing was sent",
            kinds::ALBUM
        )));
    }
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client_at(store, args.pace.into())?;
    let outcome = send(context, &client, &args).await;
    client.close().await;
    outcome
}

async fn send(context: &Context, client: &Client, args: &SendArgs) -> Result<(), Failure> {
    let to = client.read(|views| Ok(names::to(&views, &args.to)))??;
    let wish = wish(context, client, args, &to).await?;
    let folder = client.files().cloned().ok_or_else(no_folder)?;
    let mut warnings = Vec::new();
    let content = match &args.voice {
        Some(path) => voice(&folder, path).await?,
        None => {
            let mut files = Vec::new();
            for path in &args.files {
                let (file, preview, warning) = seal(context, &folder, path, args.original).await?;
                files.push((file, preview));
                if let Some(warning) = warning {
                    warn(context, &warning)?;
                    warnings.push(warning);
                }
            }
            within_limits(&mut files);
            let caption = args.caption.clone().unwrap_or_default();
            Content::Media(Media { files, caption, sticker: args.sticker })
        }
    };
    let sizes: Vec<u64> = content.files().iter().map(|file| file.size).collect();
    let (conversation, id) = client.say(to, content, wish).await?;
    let later = client.read(|views| Ok(views.scheduled()?.into_iter().find(|later| later.id == id)))?;
    if let Some(later) = later {
        return scheduled(context, args, &later, &warnings);
    }
    if !args.no_wait {
        wait(context, client, args, conversation, id, &sizes).await?;
    }
    report(context, args, client.read(|views| views.message(conversation, id))?, &warnings)
}

/// Says at once what the sender should know, whatever becomes of the message; in JSON it stands in its row once more.
fn warn(context: &Context, warning: &str) -> Result<(), Failure> {
    if context.json {
        return output::object(&json!({ "warning": warning }));
    }
    eprintln!("lacre: {}", safe_line(warning));
    Ok(())
}

/// Many thumbnails together may be too large for one message: then the last go without.
pub fn within_limits(files: &mut [(FileRef, Preview)]) {
    let mut taken = 0;
    for (_, preview) in files {
        taken += preview.thumbnail.len();
        if preview.thumbnail.len() > kinds::THUMBNAIL || taken > kinds::THUMBNAILS {
            taken -= preview.thumbnail.len();
            preview.thumbnail.clear();
        }
        preview.blur.truncate(kinds::BLUR);
    }
}

/// Cleans a file, and seals it into the profile's folder.
async fn seal(
    context: &Context,
    folder: &Folder,
    path: &Path,
    original: bool,
) -> Result<(FileRef, Preview, Option<String>), Failure> {
    let (folder, path, json) = (folder.clone(), path.to_owned(), context.json);
    let sealed = tokio::task::spawn_blocking(move || {
        let mut bar: Option<Bar> = None;
        let mut told = Ok(());
        let mut progress =
            |done: u64, size: u64| told = bar.get_or_insert_with(|| Bar::new(json, "sealing", size)).at(done);
        let sealed = sealed(&folder, &path, original, &mut progress)?;
        told?;
        Ok::<_, Failure>(sealed)
    });
    sealed.await.map_err(|error| Failure::new(Exit::Failure, "fault", error))?
}

/// Cleans a file and seals it into a folder; what is to be said of it. Progress is told in bytes, and of how many.
pub fn sealed(
    folder: &Folder,
    path: &Path,
    original: bool,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(FileRef, Preview, Option<String>), Failure> {
    let mut prepared = prepare(path, original)?;
    let size = prepared.size;
    let mut progress = |done| progress(done, size);
    let mut source = prepared.source().map_err(FilesError::from)?;
    let sealed = folder.seal(source.as_mut(), size, &mut UnwrapErr(OsRng), &mut progress)?;
    drop(source);
    let Prepared { name, media_type, preview, warning, .. } = prepared;
    Ok((FileRef { name, media_type: media_type.to_owned(), ..sealed }, preview, warning))
}

/// A voice note out of a WAV file, or one that was recorded.
pub async fn voice(folder: &Folder, path: &Path) -> Result<Content, Failure> {
    let (folder, path) = (folder.clone(), path.to_owned());
    let made = tokio::task::spawn_blocking(move || {
        let shown = safe_line(&path.to_string_lossy());
        let unread = |error| Failure::io(format!("{shown} cannot be read"), &error);
        let file = std::io::BufReader::new(std::fs::File::open(&path).map_err(unread)?);
        let note = Note::of(file).map_err(|error| {
            Failure::new(Exit::Refused, "no_voice", format!("{shown}: {error}; nothing was sent"))
        })?;
        let size = note.bytes.len() as u64;
        let mut source = std::io::Cursor::new(note.bytes);
        let sealed = folder.seal(&mut source, size, &mut UnwrapErr(OsRng), &mut |_| ())?;
        let file = FileRef { name: "voice.ogg".to_owned(), media_type: Note::MIME.to_owned(), ..sealed };
        let waveform = note.waveform.to_vec();
        Ok::<_, Failure>(Content::Voice(Voice { file, duration_ms: note.duration_ms, waveform }))
    });
    made.await.map_err(|error| Failure::new(Exit::Failure, "fault", error))?
}

/// Waits until the message is sent; not for long when nothing gets on.
async fn wait(
    context: &Context,
    client: &Client,
    args: &SendArgs,
    conversation: ConversationId,
    message: MessageId,
    sizes: &[u64],
) -> Result<(), Failure> {
    let mut reach = Reach::new(client);
    let mut changes = client.progress_changes();
    let mut bar = Bar::new(context.json, "sending", sizes.iter().sum());
    let patience = Duration::from_secs(args.timeout);
    let sent = client.wait_sent(conversation, message);
    let mut sent = std::pin::pin!(sent);
    let mut done = Vec::new();
    loop {
        let outcome = tokio::select! {
            biased;
            sent = &mut sent => return Ok(sent?),
            given_up = reach.given_up() => Some(given_up),
            _ = changes.changed() => None,
            () = tokio::time::sleep(patience) => Some(reach.now()),
        };
        if let Some(reached) = outcome {
            return Err(kept(args, reached));
        }
        done.resize(sizes.len(), 0);
        for (index, (done, size)) in done.iter_mut().zip(sizes).enumerate() {
            let file = FileId { conversation, message, index: index as u8 };
            if let Some(progress) = client.progress(file) {
                // Of the file, not of the sealed one, which is a little longer.
                *done = u64::min(
                    *size,
                    (*size as f64 * progress.done as f64 / progress.total.max(1) as f64) as u64,
                );
            } else if *done > 0 {
                *done = *size;
            }
        }
        bar.at(done.iter().sum())?;
    }
}
