//! `lacre relay export`, `import` and `invite`: on the data folder of a relay that is stopped.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::net::SocketAddr;
use std::path::Path;

use lacre_relay::StartError;
use lacre_store::redb::{OpenError, RedbData, RedbOptions};
use lacre_store::transfer::{TransferError, export, import};
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;
use serde_json::json;

use super::{DATABASE, data_key};
use crate::cli::{RelayCommand, RelayData};
use crate::commands::admin::ask;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

pub(super) async fn run(command: RelayCommand, json: bool) -> Result<(), Failure> {
    match command {
        RelayCommand::Export { relay, to } => write_out(&relay, &to, json),
        RelayCommand::Import { relay, from } => read_in(&relay, &from, json),
        RelayCommand::Invite { relay, admin, count } => invite(&relay, admin, count, json).await,
    }
}

fn open(relay: &RelayData) -> Result<RedbData, Failure> {
    let mut options = RedbOptions::new(relay.data.join(DATABASE));
    options.data_key = relay.data_key_file.as_deref().map(data_key).transpose()?;
    Ok(RedbData::open(options, UnwrapErr(OsRng))?)
}

fn existing(relay: &RelayData) -> Result<RedbData, Failure> {
    if !relay.data.join(DATABASE).exists() {
        return Err(Failure::usage(format!("there is no relay's data in {}", relay.data.display())));
    }
    open(relay)
}

fn write_out(relay: &RelayData, to: &Path, json: bool) -> Result<(), Failure> {
    let store = existing(relay)?;
    let failed = |error| Failure::io(format!("{} cannot be written", to.display()), &error);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(to).map_err(failed)?;
    let mut buffered = BufWriter::new(file);
    let items = export(&store, &mut buffered)
        .map_err(Failure::from)
        .and_then(|items| {
            let file = buffered.into_inner().map_err(|error| failed(error.into_error()))?;
            file.sync_all().map_err(failed)?;
            Ok(items)
        })
        // Half a file would pass for a whole one.
        .inspect_err(|_| drop(std::fs::remove_file(to)))?;
    done(json, "exported", items, to, "The file is not sealed: keep it as you keep the data folder.")
}

fn read_in(relay: &RelayData, from: &Path, json: bool) -> Result<(), Failure> {
    let file = File::open(from)
        .map_err(|error| Failure::io(format!("{} cannot be read", from.display()), &error))?;
    std::fs::create_dir_all(&relay.data)
        .map_err(|error| Failure::io(format!("{} cannot be made", relay.data.display()), &error))?;
    let store = open(relay)?;
    let items = import(BufReader::new(file), &store)?;
    drop(store);
    done(json, "imported", items, from, "Start the relay on this folder, and no longer on the old one.")
}

fn done(json: bool, what: &str, items: u64, file: &Path, next: &str) -> Result<(), Failure> {
    if json {
        return output::object(&json!({"done": what, "items": items, "file": file}));
    }
    output::line(&format!("{items} items {what}: {}. {next}", file.display()))
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
