//! `lacre storage`: what takes space on this device, and what may go.

use std::collections::{BTreeMap, HashMap, HashSet};

use lacre_client::Client;
use lacre_client::clock::{Clock, SystemClock};
use lacre_client::files::FilesError;
use lacre_proto::{ConversationId, Millis};
use serde_json::json;

use super::each_file;
use crate::cli::StorageArgs;
use crate::commands::{Context, names};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

/// What the files of a conversation take here.
#[derive(Default)]
struct Taken {
    name: String,
    files: u64,
    bytes: u64,
}

pub(in crate::commands) async fn run(context: &Context, args: StorageArgs) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let outcome = look(context, &client, &args);
    client.close().await;
    outcome
}

fn look(context: &Context, client: &Client, args: &StorageArgs) -> Result<(), Failure> {
    let named = |name: &str| client.read(|views| Ok(names::conversation(&views, name)))?;
    let only = args.within.as_deref().map(named).transpose()?;
    let before = args.older_than.as_deref().map(age).transpose()?;
    if args.delete && only.is_none() && before.is_none() {
        return Err(Failure::usage("say which files are to go: --in NAME, --older-than TIME, or both"));
    }
    let folder = client.files().ok_or(FilesError::NotHere)?;
    let stored: HashMap<[u8; 32], u64> =
        folder.stored()?.into_iter().map(|stored| (stored.hash, stored.bytes)).collect();
    let mut taken: BTreeMap<ConversationId, Taken> = BTreeMap::new();
    let (mut chosen, mut spared) = (HashSet::new(), HashSet::new());
    for talk in client.conversations()? {
        each_file(client, talk.id, &mut |message, file| {
            let hash = file.file.hash;
            let Some(bytes) = stored.get(&hash) else { return Ok(()) };
            let is_sending = file.transfer == lacre_client::files::Transfer::Sending;
            let is_chosen = !is_sending
                && only.is_none_or(|only| only == talk.id)
                && before.is_none_or(|before| message.sent < before);
            if !is_chosen {
                // What another message has, or is on its way, stays.
                spared.insert(hash);
                return Ok(());
            }
            if chosen.insert(hash) {
                let fresh = || Taken { name: talk.name.clone(), ..Taken::default() };
                let taken = taken.entry(talk.id).or_insert_with(fresh);
                taken.files += 1;
                taken.bytes += bytes;
            }
            Ok(())
        })?;
    }
    if args.delete {
        return delete(context, client, &stored, chosen.difference(&spared));
    }
    tell(context, &taken)
}

fn delete<'a>(
    context: &Context,
    client: &Client,
    stored: &HashMap<[u8; 32], u64>,
    chosen: impl Iterator<Item = &'a [u8; 32]>,
) -> Result<(), Failure> {
    let folder = client.files().ok_or(FilesError::NotHere)?;
    let mut gone = Taken::default();
    for hash in chosen {
        folder.delete(hash)?;
        gone.files += 1;
        gone.bytes += stored.get(hash).copied().unwrap_or_default();
    }
    if context.json {
        return output::object(&json!({ "deleted_files": gone.files, "deleted_bytes": gone.bytes }));
    }
    output::line(&format!("{} file(s) deleted from this device, {}.", gone.files, output::bytes(gone.bytes)))
}

fn tell(context: &Context, taken: &BTreeMap<ConversationId, Taken>) -> Result<(), Failure> {
    let mut rows: Vec<_> = taken.iter().collect();
    rows.sort_by_key(|(_, taken)| std::cmp::Reverse(taken.bytes));
    for (id, Taken { name, files, bytes }) in &rows {
        if context.json {
            let row = json!({ "with": name, "conversation": id.to_string(), "files": files, "bytes": bytes });
            output::object(&row)?;
            continue;
        }
        let alike = rows.iter().filter(|(_, other)| other.name == *name).count() > 1;
        let which = if alike { format!("  #{id}") } else { String::new() };
        let size = output::bytes(*bytes);
        output::line(&format!("{size:>10}  {files:>5} file(s)  {}{which}", safe_line(name)))?;
    }
    if rows.is_empty() && !context.json {
        output::line("No files take space on this device.")?;
    }
    Ok(())
}

/// A time that long ago.
fn age(text: &str) -> Result<Millis, Failure> {
    let seconds = output::seconds(text).filter(|seconds| *seconds > 0);
    let wrong = || Failure::new(Exit::Usage, "usage", "write an age as 30s, 5m, 12h, 7d or 2w");
    let seconds = seconds.ok_or_else(wrong)?;
    Ok(SystemClock.now().saturating_sub(Millis::from(seconds) * 1000))
}
