//! `lacre report`: chosen messages in a file, each under its author's signature, all under the reporter's.

use std::path::Path;

use lacre_client::OpenError;
use lacre_client::clock::{Clock, SystemClock};
use lacre_client::content::MessageId;
use lacre_client::report::{self, ReportError};
use lacre_client::store::Store;
use lacre_client::view::Views;
use lacre_proto::ConversationId;
use serde_json::json;

use super::Context;
use crate::cli::ReportArgs;
use crate::exit::{Exit, Failure};
use crate::new_file::{NewFile, unwritten};
use crate::output;

pub(super) async fn run(context: &Context, args: ReportArgs) -> Result<(), Failure> {
    let ids =
        args.messages.iter().map(|id| super::messages::message_id(id)).collect::<Result<Vec<_>, _>>()?;
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let conversation = super::names::conversation(&Views(reader.as_ref()), &args.name)?;
    let report = report::make(reader.as_ref(), conversation, &ids, SystemClock.now())?;
    write(context, &args.to, &report, ids.len())
}

/// A report of all that a request says.
pub(super) async fn request(context: &Context, name: &str, to: &Path) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let views = Views(reader.as_ref());
    let request = super::requests::named(&views, name)??;
    let (report, messages) = of_request(views, request.conversation)?;
    write(context, to, &report, messages)
}

/// A report of all that a request says, and how many messages are in it.
pub fn of_request(views: Views<'_>, conversation: ConversationId) -> Result<(String, usize), Failure> {
    let messages = views.messages(conversation, None, report::MESSAGES)?;
    let texts = messages.iter().filter(|it| matches!(it.body, lacre_client::view::Body::Text(_)));
    let ids: Vec<MessageId> = texts.map(|message| message.id).collect();
    Ok((report::make(views.0, conversation, &ids, SystemClock.now())?, ids.len()))
}

/// Writes a report into a new file, which only its owner reads.
pub fn save(to: &Path, report: &str) -> Result<(), Failure> {
    let written = NewFile::create(to).and_then(|file| file.fill(report.as_bytes()));
    written.map_err(|error| unwritten(to, &error))
}

fn write(context: &Context, to: &Path, report: &str, messages: usize) -> Result<(), Failure> {
    save(to, report)?;
    let to = to.display().to_string();
    if context.json {
        return output::object(&json!({"messages": messages, "to": to, "proof": report::PROOF}));
    }
    output::line(&format!(
        "{messages} message(s) are in {to}, readable by whoever has the file. Each is under its author's signature, \
         which proves whose words they are; when they were said is your word, and you have signed the whole."
    ))
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        let code = match &error {
            ReportError::Count => "usage",
            ReportError::NoSuchMessage(_) => "no_such_message",
            ReportError::NotReportable(_) => "not_reportable",
            ReportError::NoProof(_) => "no_proof",
            ReportError::NotSignedUp => return OpenError::NotSignedUp.into(),
            _ => return Self::new(Exit::Store, "damaged_store", error),
        };
        Self::new(Exit::Refused, code, format!("{error}; nothing was written"))
    }
}
