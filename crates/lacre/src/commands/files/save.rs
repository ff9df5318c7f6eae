//! `lacre save`: fetched, checked, and then written under a safe name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lacre_client::content::{FileRef, MessageId};
use lacre_client::files::{FilesError, Folder, Transfer};
use lacre_client::view::{File, Message};
use lacre_client::{Client, Intent};
use lacre_guard::{Facts, Severity, Verdict, clean_name, judge};
use lacre_media::voice::{self, VoiceError};
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;
use serde_json::{Value, json};

use super::bars::Bar;
use super::files;
use crate::cli::SaveArgs;
use crate::commands::Context;
use crate::commands::messages::message_id;
use crate::exit::{Exit, Failure};
use crate::new_file::NewFile;
use crate::output;
use crate::safe_text::safe_line;
use crate::wait::{Reach, Reached};

/// Names tried beside one that is taken.
const NAMES: u32 = 1000;

pub(in crate::commands) async fn run(context: &Context, args: SaveArgs) -> Result<(), Failure> {
    let id = message_id(&args.id)?;
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client_at(store, args.pace.into())?;
    let outcome = save(context, &client, &args, id).await;
    client.close().await;
    outcome
}

async fn save(context: &Context, client: &Client, args: &SaveArgs, id: MessageId) -> Result<(), Failure> {
    let mut reach = Reach::new(client);
    let mut message = find(client, id)?;
    if message.is_none() {
        // It may still lie at the relay.
        reach.caught_up(Duration::from_secs(args.timeout)).await;
        message = find(client, id)?;
    }
    let message = message.ok_or_else(|| {
        let why = format!("there is no message {id} with files on this device");
        Failure::new(Exit::Refused, "no_such_message", why)
    })?;
    let all = files(&message.body);
    let wanted = chosen(all, args.file)?;
    if wanted.len() > 1 && args.to.as_ref().is_some_and(|to| !to.is_dir()) {
        return Err(Failure::usage(
            "several files are saved into a folder: --to FOLDER, or choose one with --file N",
        ));
    }
    for file in wanted {
        fetch(context, client, args, file, &mut reach).await?;
        let (path, verdict) = write(context, client, args, file).await?;
        tell(context, file, &path, &verdict)?;
    }
    Ok(())
}

/// The file of this number, from 1, or all.
pub fn chosen(all: &[File], number: Option<u8>) -> Result<Vec<&File>, Failure> {
    let wanted: Vec<&File> = match number {
        Some(number) => all.iter().filter(|file| file.id.index + 1 == number).collect(),
        None => all.iter().collect(),
    };
    if !wanted.is_empty() {
        return Ok(wanted);
    }
    let why = match all.len() {
        0 => "this message has no files".to_owned(),
        1 => "this message has 1 file; there is none with that number".to_owned(),
        count => format!("this message has {count} files, numbered from 1; there is none with that number"),
    };
    Err(Failure::new(Exit::Refused, "no_such_file", why))
}

fn find(client: &Client, id: MessageId) -> Result<Option<Message>, Failure> {
    for conversation in client.conversations()? {
        if let Some(message) = client.read(|views| views.message(conversation.id, id))?
            && !files(&message.body).is_empty()
        {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

/// Sees that the sealed file is on this device.
async fn fetch(
    context: &Context,
    client: &Client,
    args: &SaveArgs,
    file: &File,
    reach: &mut Reach,
) -> Result<(), Failure> {
    let here = || client.files().is_some_and(|files| files.has(&file.file.hash));
    if here() {
        return Ok(());
    }
    let mut changes = client.progress_changes();
    let mut events = client.events();
    client.intend(Intent::Fetch(file.id)).await?;
    let mut bar = Bar::new(context.json, "fetching", file.file.size);
    let patience = Duration::from_secs(args.timeout);
    loop {
        match client.read(|views| views.records().transfer(file.id))? {
            Transfer::NotFetched(why) => return Err(why.into()),
            Transfer::None if here() => return bar.at(file.file.size),
            _ => {}
        }
        if let Some(progress) = client.progress(file.id) {
            let share = progress.done as f64 / progress.total.max(1) as f64;
            bar.at((file.file.size as f64 * share) as u64)?;
        }
        let reached = tokio::select! {
            _ = changes.changed() => continue,
            _ = events.recv() => continue,
            given_up = reach.given_up() => given_up,
            () = tokio::time::sleep(patience) => reach.now(),
        };
        let rest = "What came is kept, and it goes on there the next time.";
        return Err(match reached {
            Reached::No(trouble) => {
                let mut failure = Failure::from(trouble);
                failure.message = format!("{}. {rest}", failure.message.trim_end_matches('.'));
                failure
            }
            Reached::Yes => {
                let why = format!("nothing came from the relay for {} seconds. {rest}", args.timeout);
                Failure::new(Exit::Unreachable, "too_slow", why)
            }
        });
    }
}

/// Writes the file under its name, and looks at what it is.
async fn write(
    context: &Context,
    client: &Client,
    args: &SaveArgs,
    file: &File,
) -> Result<(PathBuf, Verdict), Failure> {
    let folder = client.files().cloned().ok_or(FilesError::NotHere)?;
    let (wanted, json, to, as_wav) = (file.file.clone(), context.json, args.to.clone(), args.wav);
    let written = tokio::task::spawn_blocking(move || {
        let mut bar = Bar::new(json, "saving", wanted.size);
        let mut told = Ok(());
        let written = written(&folder, &wanted, to, as_wav, &mut |done| told = bar.at(done))?;
        told?;
        Ok::<_, Failure>(written)
    });
    written.await.map_err(|error| Failure::new(Exit::Failure, "fault", error))?
}

/// Writes a file that is here under its name, or under a free one in a folder; and what it is. A voice note is written
/// as a WAV file where that is asked for.
pub fn written(
    folder: &Folder,
    wanted: &FileRef,
    to: Option<PathBuf>,
    as_wav: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<(PathBuf, Verdict), Failure> {
    let mut rng = UnwrapErr(OsRng);
    let sound = if as_wav { Some(wav(folder, wanted)?) } else { None };
    let mut name = clean_name(&wanted.name);
    if sound.is_some() {
        name = Path::new(&name).with_extension("wav").to_string_lossy().into_owned();
    }
    let mut write = |path: &Path| match &sound {
        Some(sound) => Ok(NewFile::create(path).and_then(|file| file.fill(sound))?),
        None => folder.save(wanted, path, &mut rng, progress),
    };
    let path = match to {
        // A name that was asked for is taken, or nothing is written.
        Some(path) if !path.is_dir() => write(&path).map(|()| path),
        into => under_a_free_name(&into.unwrap_or_default(), &name, &mut write),
    }?;
    let unread = |error| Failure::io("the saved file cannot be read", &error);
    let mut saved = std::fs::File::open(&path).map_err(unread)?;
    // What was decoded here is what it is; of what came, the sender's claims are looked at.
    let claims = match sound {
        Some(_) => (name.as_str(), None),
        None => (wanted.name.as_str(), Some(wanted.media_type.as_str())),
    };
    let facts = Facts::gather(claims.0, claims.1, &mut saved).map_err(unread)?;
    Ok((path, judge(&facts)))
}

/// A voice note as a WAV file.
fn wav(folder: &Folder, file: &FileRef) -> Result<Vec<u8>, Failure> {
    if file.size > voice::FILE as u64 {
        return Err(VoiceError::TooLong.into());
    }
    let mut note = Vec::new();
    folder.open_into(file, &mut note, &mut |_| ())?;
    Ok(voice::to_wav(&note)?)
}

/// Writes under a name, or under the same with a number when it is taken.
fn under_a_free_name(
    folder: &Path,
    name: &str,
    write: &mut dyn FnMut(&Path) -> Result<(), FilesError>,
) -> Result<PathBuf, FilesError> {
    for number in 0..NAMES {
        let name = match (number, name.rsplit_once('.')) {
            (0, _) => name.to_owned(),
            (_, Some((stem, ending))) if !stem.is_empty() => format!("{stem} ({number}).{ending}"),
            _ => format!("{name} ({number})"),
        };
        let path = folder.join(name);
        match write(&path) {
            Err(FilesError::Exists) => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(path),
        }
    }
    Err(FilesError::Exists)
}

/// A file that was saved, and what is to be thought of it.
pub fn as_json(file: &File, path: &Path, verdict: &Verdict) -> Value {
    let reason = |reason: &lacre_guard::Reason| json!({ "code": reason.code(), "says": reason.to_string() });
    json!({
        "saved": path.display().to_string(),
        "message": file.id.message.to_string(),
        "index": file.id.index,
        "name": file.file.name,
        "size": file.file.size,
        "type": verdict.kind.mime(),
        "verdict": verdict.severity().name(),
        "reasons": verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
    })
}

/// Says where a file is, and what is to be thought of it.
pub(super) fn tell(context: &Context, file: &File, path: &Path, verdict: &Verdict) -> Result<(), Failure> {
    if context.json {
        return output::object(&as_json(file, path, verdict));
    }
    let size = output::bytes(file.file.size);
    output::line(&format!("Saved {} ({size}).", safe_line(&path.to_string_lossy())))?;
    for reason in &verdict.reasons {
        if reason.severity() > Severity::Fine {
            output::line(&format!("Careful: {}", safe_line(&reason.to_string())))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut write = |path: &Path| match std::fs::File::create_new(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(FilesError::from(error)),
        };
        let mut names = Vec::new();
        for _ in 0..3 {
            let path = under_a_free_name(folder.path(), "photo.jpg", &mut write).expect("a free name");
            names.push(path.file_name().expect("it has a name").to_string_lossy().into_owned());
        }
        assert_eq!(names, ["photo.jpg", "photo (1).jpg", "photo (2).jpg"]);
        let without = under_a_free_name(folder.path(), "README", &mut write);
        assert!(without.expect("a free name").ends_with("README"));
        let again = under_a_free_name(folder.path(), "README", &mut write);
        assert!(again.expect("a free name").ends_with("README (1)"));
    }
}
