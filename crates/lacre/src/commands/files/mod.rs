//! Files: sent, saved, listed, and what takes space.

pub(super) mod arriving;
pub(super) mod bars;
mod prepare;
pub mod save;
pub mod send;
pub(super) mod storage;

use std::time::Duration;

use lacre_client::Client;
use lacre_client::files::Pace;
use lacre_client::view::{Body, File, Message};
use lacre_proto::ConversationId;
use serde_json::json;

use super::{Context, names};
use crate::cli::PaceArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;
use crate::wait::Reach;

/// Messages read at once.
const PAGE: usize = 500;
/// How long the relay is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

impl From<PaceArgs> for Pace {
    fn from(args: PaceArgs) -> Self {
        Self { bytes_per_second: args.max_rate.map(|rate| rate.saturating_mul(1024)), parts: args.parts }
    }
}

/// `lacre media`: the files of a conversation, the oldest first.
pub(super) async fn media(context: &Context, with: &str) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    // Some may still lie at the relay; when it cannot be reached, what is here is shown.
    Reach::new(&client).caught_up(PATIENCE).await;
    let shown = list(context, &client, with);
    client.close().await;
    shown
}

fn list(context: &Context, client: &Client, with: &str) -> Result<(), Failure> {
    let conversation = client.read(|views| Ok(names::conversation(&views, with)))??;
    let mut found = false;
    each_file(client, conversation, &mut |message, file| {
        found = true;
        let here = client.files().is_some_and(|files| files.has(&file.file.hash));
        if context.json {
            let mut row = output::file_json(file);
            row["message"] = json!(message.id.to_string());
            row["from"] = json!(message.from.as_str());
            row["sent_at"] = json!(output::rfc3339(message.sent));
            row["here"] = json!(here);
            return output::object(&row);
        }
        let name = safe_line(&lacre_guard::clean_name(&file.file.name));
        let (time, size) = (output::local(message.sent, "%Y-%m-%d %H:%M"), output::bytes(file.file.size));
        let place = if here { "here" } else { "not here" };
        output::line(&format!("{time}  {}  {name}  {size}  {place}  {}", message.from, message.id))
    })?;
    if !found && !context.json {
        output::line("There are no files in this conversation on this device.")?;
    }
    Ok(())
}

/// Every file of a conversation, the oldest message first.
fn each_file(
    client: &Client,
    conversation: ConversationId,
    visit: &mut dyn FnMut(&Message, &File) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = client.read(|views| views.messages_after(conversation, after, PAGE))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.position);
        for message in &page {
            for file in files(&message.body) {
                visit(message, file)?;
            }
        }
    }
}

/// A profile without a folder for files.
pub(super) fn no_folder() -> Failure {
    Failure::new(Exit::Failure, "fault", "this profile has no place for files")
}

/// The files of a message.
pub fn files(body: &Body) -> &[File] {
    match body {
        Body::Files { files, .. } => files,
        Body::Voice { file, .. } | Body::Menu { above: Some(file), .. } => {
            std::slice::from_ref(file.as_ref())
        }
        _ => &[],
    }
}
