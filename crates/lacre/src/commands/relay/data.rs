//! `lacre relay export`, `import` and `invite`: on the data folder of a relay that is stopped.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::net::SocketAddr;
use std::path::Path;

use lacre_relay::StartError;
use lacre_relay::files::{Whole, whole};
use lacre_store::blobs::BlobStore;
use lacre_store::redb::{OpenError, RedbData, RedbOptions};
use lacre_store::transfer::{Carried, Exporter, Importer, TransferError, is_empty};
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;
use serde_json::json;

use super::{DATABASE, blobs, data_key};
use crate::cli::{BlobsArgs, RelayCommand, RelayData};
use crate::commands::admin::ask;
use crate::commands::files::bars::Bar;
use crate::exit::{Exit, Failure};
use crate::new_file::{NewFile, unwritten};
use crate::output;
use crate::safe_text::safe_line;

/// What of an export is in memory.
const BUFFER: usize = 1024 * 1024;

pub(super) async fn run(command: RelayCommand, json: bool) -> Result<(), Failure> {
    match command {
        RelayCommand::Export { relay, files, without_files, to } => {
            write_out(&relay, (!without_files).then_some(&files), &to, json).await
        }
        RelayCommand::Import { relay, files, without_files, from } => {
            read_in(&relay, (!without_files).then_some(&files), &from, json).await
        }
        RelayCommand::Invite { relay, admin, count } => invite(&relay, admin, count, json).await,
    }
}

fn open(relay: &RelayData) -> Result<RedbData, Failure> {
    let mut options = RedbOptions::new(relay.data.join(DATABASE));
    options.data_key = relay.data_key_file.as_deref().map(data_key).transpose()?;
    Ok(RedbData::open(options, UnwrapErr(OsRng))?)
}

/// The data of a relay that is stopped, where there is some.
pub(in crate::commands) fn existing(relay: &RelayData) -> Result<RedbData, Failure> {
    if !relay.data.join(DATABASE).exists() {
        return Err(Failure::usage(format!("there is no relay's data in {}", relay.data.display())));
    }
    open(relay)
}

/// What came of an export or an import.
struct Moved {
    items: u64,
    files: u64,
    /// Files that the data names and that did not come along.
    left_out: u64,
}

async fn write_out(
    relay: &RelayData,
    files: Option<&BlobsArgs>,
    to: &Path,
    json: bool,
) -> Result<(), Failure> {
    let store = existing(relay)?;
    let named = whole(&store).await.map_err(|error| Failure::from(TransferError::Io(error.0)))?;
    let place = match files {
        // A folder that is not there is not made: it would look as if files belonged into it.
        Some(files) if files.blobs.is_none() && !blobs::folder(&relay.data).is_dir() => {
            Some(BlobStore::default())
        }
        Some(files) => Some(blobs::of(&relay.data, files).await?),
        None => None,
    };
    let failed = |error| unwritten(to, &error);
    // Half a file would pass for a whole one: it goes when it is not kept.
    let mut file = NewFile::create(to).map_err(failed)?;
    let moved = give_out(&store, place.as_ref(), &named, &mut file, json).await?;
    file.keep().map_err(failed)?;
    done(json, "exported", &moved, to, "The file is not sealed: keep it as you keep the data folder.")
}

/// Writes the files, and then the data.
async fn give_out(
    store: &RedbData,
    place: Option<&BlobStore>,
    named: &[Whole],
    to: &mut NewFile,
    json: bool,
) -> Result<Moved, Failure> {
    let mut export = Exporter::begin(BufWriter::with_capacity(BUFFER, to))?;
    let (mut files, mut gone) = (0, 0);
    if let Some(place) = place {
        let mut bar = Bar::new(json, "exporting", named.iter().map(|file| file.size).sum());
        let mut done = 0;
        for file in named {
            let mut went = |bytes| {
                done += bytes;
                // Nobody looks any more; the file is written all the same.
                drop(bar.at(done));
            };
            match export.file(place, file.blob, file.size, &mut went).await? {
                true => files += 1,
                false => gone += 1,
            }
        }
    }
    if gone > 0 && files == 0 {
        let why = format!(
            "none of the {gone} files that people can fetch is there: say where they lie with --blobs, or leave them \
             out with --without-files. Nothing was written"
        );
        return Err(Failure::new(Exit::Refused, "no_files", why));
    }
    let left_out = named.len() as u64 - files;
    let items = export.finish(left_out, store)?;
    Ok(Moved { items, files, left_out })
}

async fn read_in(
    relay: &RelayData,
    files: Option<&BlobsArgs>,
    from: &Path,
    json: bool,
) -> Result<(), Failure> {
    let cannot = |error| Failure::io(format!("{} cannot be read", from.display()), &error);
    let file = File::open(from).map_err(cannot)?;
    let total = file.metadata().map_err(cannot)?.len();
    std::fs::create_dir_all(&relay.data)
        .map_err(|error| Failure::io(format!("{} cannot be made", relay.data.display()), &error))?;
    let store = open(relay)?;
    if !is_empty(&store).await.map_err(|error| Failure::from(TransferError::Io(error.0)))? {
        return Err(TransferError::NotEmpty.into());
    }
    let mut import = Importer::begin(BufReader::with_capacity(BUFFER, file))?;
    let mut bar = Bar::new(json, "importing", total);
    let mut so_far = 0;
    let mut came = |bytes| {
        so_far += bytes;
        drop(bar.at(so_far));
    };
    let read = match files {
        Some(files) => import.files(&blobs::of(&relay.data, files).await?, &mut came).await,
        None => import.pass_over(&mut came).await,
    };
    let Carried { files: all, left_out, .. } = import.carried();
    let put = if files.is_some() { all } else { 0 };
    let finished = match read {
        Ok(_) => import.finish(&store),
        Err(error) => Err(error),
    };
    drop(bar);
    let items = finished.map_err(|error| broken_off(error, put))?;
    drop(store);
    let moved = Moved { items, files: put, left_out: left_out + all - put };
    done(json, "imported", &moved, from, "Start the relay on this folder, and no longer on the old one.")
}

/// What is to be said of an import that did not come to its end, when so many files have.
fn broken_off(error: TransferError, files: u64) -> Failure {
    let mut failure = Failure::from(error);
    if files > 0 {
        let stay = match files {
            1 => "One file has come and stays: the same import goes on with it".to_owned(),
            _ => format!("{files} files have come and stay: the same import goes on with them"),
        };
        failure.message = failure.message.replace("Nothing was changed", &stay);
    }
    failure
}

fn done(json: bool, what: &str, moved: &Moved, file: &Path, next: &str) -> Result<(), Failure> {
    let Moved { items, files, left_out } = moved;
    if json {
        let told = json!({"done": what, "items": items, "files": files, "files_left_out": left_out, "file": file.display().to_string()});
        return output::object(&told);
    }
    output::line(&format!("{items} items {what}, {files} of them files: {}. {next}", file.display()))?;
    match left_out {
        0 => Ok(()),
        _ => output::line(&format!(
            "Of the files that people can fetch, {left_out} did not come along: left where they lie, or lost."
        )),
    }
}

async fn invite(relay: &RelayData, admin: Option<SocketAddr>, count: u32, json: bool) -> Result<(), Failure> {
    let key = relay.data_key_file.as_deref().map(data_key).transpose()?;
    for _ in 0..count {
        let code = match admin {
            Some(admin) => ask_for_invite(&relay.data, admin)?,
            None => {
                lacre_relay::invites::create(&relay.data, key).await.map_err(not_made)?.as_str().to_owned()
            }
        };
        match json {
            true => output::object(&json!({"invite": code}))?,
            false => output::line(&code)?,
        }
    }
    Ok(())
}

fn ask_for_invite(folder: &Path, admin: SocketAddr) -> Result<String, Failure> {
    let path = folder.join("admin.token");
    let token = std::fs::read_to_string(&path)
        .map_err(|error| Failure::io(format!("{} cannot be read", path.display()), &error))?;
    match ask(admin, "POST /invites", Some(token.trim())) {
        Ok((201, code)) => Ok(code),
        Ok((_, why)) => Err(Failure::new(Exit::Refused, "invite_refused", safe_line(&why))),
        Err(error) => {
            Err(Failure::new(Exit::Unreachable, "unreachable", format!("the relay at {admin}: {error}")))
        }
    }
}

fn not_made(error: StartError) -> Failure {
    match error {
        StartError::FolderInUse => Failure::new(
            Exit::InUse,
            "folder_in_use",
            "the relay runs: ask it with --admin ADDRESS:PORT (it must have been started with --admin), or stop \
             it first. No code was made",
        ),
        other => {
            let mut failure = Failure::from(other);
            failure.message = failure.message.replace("The relay was not started", "No code was made");
            failure
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let (exit, code) = match &error {
            OpenError::InUse => {
                let words = "the data folder is in use: stop the relay first. Nothing was changed";
                return Self::new(Exit::InUse, "folder_in_use", words);
            }
            OpenError::KeyNeeded | OpenError::WrongKey | OpenError::NotSealed => {
                (Exit::WrongPassphrase, "wrong_data_key")
            }
            OpenError::NewerVersion(_) => (Exit::Store, "newer_version"),
            OpenError::Full => (Exit::Store, "disk_full"),
            OpenError::Damaged(_) => (Exit::Store, "damaged_store"),
            _ => (Exit::Failure, "io"),
        };
        Self::new(exit, code, format!("{error}. Nothing was changed"))
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        let (exit, code) = match &error {
            TransferError::NotEmpty => (Exit::Refused, "not_empty"),
            TransferError::NotAnExport | TransferError::CutShort | TransferError::Damaged(_) => {
                (Exit::Store, "bad_export")
            }
            TransferError::NewerVersion(_) => (Exit::Store, "newer_version"),
            TransferError::Full => (Exit::Store, "disk_full"),
            _ => (Exit::Failure, "io"),
        };
        Self::new(exit, code, format!("{error}. Nothing was changed"))
    }
}
