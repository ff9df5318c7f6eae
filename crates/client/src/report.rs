//! Reports: chosen messages in a file, as the reporter's own signed statement. `docs/protocol/report.md` is the
//! format, and tells exactly what it proves.

use lacre_engine::identity::{IdentityError, reporter};
use lacre_engine::records::{ConversationKind, Evidence, MessageRecord, MessageState, Records};
use lacre_engine::{Engine, EngineError, Reader};
use lacre_proto::{ConversationId, Millis};
use serde::{Deserialize, Serialize};

use crate::content::{Content, MessageId};

/// The version of the format that is written here.
pub const VERSION: u32 = 1;
/// Messages in one report.
pub const MESSAGES: usize = 100;
/// The largest report that is read, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;
/// What stands in every report, so that nobody takes it for more than it is.
pub const CAVEAT: &str = "This is the statement of the reporter, signed by the reporter's device. It proves who \
                          states it and that nothing in it was changed since. It does not prove to others that the \
                          messages were sent: members of a conversation know that by sealing, and cannot hand that \
                          proof on.";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Nothing was chosen, or too much.
    #[error("a report has between 1 and {MESSAGES} messages")]
    Count,
    /// It is not in the conversation, on this device.
    #[error("there is no message {0} in this conversation on this device")]
    NoSuchMessage(MessageId),
    /// One's own, a gap, a change, or of a kind that a report cannot hold yet.
    #[error("message {0} is not one of somebody else with text in it; only those can be reported")]
    NotReportable(MessageId),
    /// Nobody has signed up with this profile.
    #[error("nobody has signed up with this profile yet")]
    NotSignedUp,
    /// The store cannot be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It is none, or damaged.
    #[error("this is no report that this version can read")]
    Malformed,
    /// Something in it was changed, or it was signed by somebody else.
    #[error("this report is not what was signed: {0}")]
    Forged(IdentityError),
}

/// What the reporter states. Ids, keys and hashes are in hex, times in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`VERSION`].
    pub lacre_report: u32,
    /// What kind of proof it is: always `statement` in this version.
    pub proof: String,
    /// The same in words: [`CAVEAT`].
    pub caveat: String,
    /// The relay at which it happened.
    pub relay: String,
    /// When it was made, by the reporter's clock.
    pub made_ms: Millis,
    /// Who reports.
    pub reporter: Party,
    /// The conversation on the reporter's device.
    pub conversation: String,
    /// `direct` or `group`.
    pub kind: String,
    /// The chosen messages, the oldest first.
    pub messages: Vec<Reported>,
}

/// An account in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The account.
    pub account: String,
    /// Its handle, as the reporter's device knows it.
    pub handle: String,
    /// Its identity key, as the reporter's device has pinned it; empty when it has not.
    pub identity_key: String,
}

/// A chosen message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// Its id, made by its sender.
    pub id: String,
    /// Who wrote it, as MLS proved to the reporter's device.
    pub author: Party,
    /// When the relay took it.
    pub sent_ms: Millis,
    /// What it says, after its last edit.
    pub text: String,
    /// When that was; `None` when it was never edited.
    pub edited_ms: Option<Millis>,
    /// The MIMI id of its first form, a hash over author, room and content with the sender's salt.
    pub mimi_id: String,
    /// How its first form came; what the relay may still know of it.
    pub sealed: Option<Sealed>,
}

/// How a message came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The conversation for which it was sealed.
    pub conversation: String,
    /// The device that sealed it.
    pub device: String,
    /// The epoch in which it was sealed.
    pub epoch: u64,
    /// Its place in the conversation.
    pub sequence: u64,
    /// SHA-256 of its sealed form.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    certificate: String,
    signature: String,
}

/// Makes a report of chosen messages of one conversation. Nothing else of it goes in.
pub fn make(
    reader: &dyn Reader,
    conversation: ConversationId,
    messages: &[MessageId],
    now: Millis,
) -> Result<String, ReportError> {
    if messages.is_empty() || messages.len() > MESSAGES {
        return Err(ReportError::Count);
    }
    let records = Records(reader);
    let engine = Engine::open(reader)?.filter(|engine| engine.me().registered);
    let engine = engine.ok_or(ReportError::NotSignedUp)?;
    let me = engine.me();
    let record = records.conversation(conversation)?.ok_or(ReportError::NoSuchMessage(messages[0]))?;
    let mut rows = Vec::with_capacity(messages.len());
    for id in messages {
        rows.push(records.message(conversation, *id)?.ok_or(ReportError::NoSuchMessage(*id))?);
    }
    rows.sort_by_key(|row| row.position);
    rows.dedup_by_key(|row| row.id);
    let statement = Statement {
        lacre_report: VERSION,
        proof: "statement".to_owned(),
        caveat: CAVEAT.to_owned(),
        relay: me.relay.to_string(),
        made_ms: now,
        reporter: Party {
            account: me.account.to_string(),
            handle: me.handle.to_string(),
            identity_key: hex::encode(me.identity_key),
        },
        conversation: conversation.to_string(),
        kind: if record.kind == ConversationKind::Group { "group" } else { "direct" }.to_owned(),
        messages: rows.into_iter().map(|row| reported(&records, row)).collect::<Result<_, _>>()?,
    };
    let statement = line(&statement)?;
    let (certificate, signature) = engine.sign_report(statement.as_bytes());
    let signed = Signature { certificate: hex::encode(certificate), signature: hex::encode(signature) };
    Ok(format!("{statement}\n{}\n", line(&signed)?))
}

fn line(value: &impl Serialize) -> Result<String, ReportError> {
    serde_json::to_string(value).map_err(|_| ReportError::Malformed)
}

fn reported(records: &Records<'_>, row: MessageRecord) -> Result<Reported, ReportError> {
    let there = row.change.is_none() && row.marks.deleted_by.is_none() && !row.marks.looked && !row.mine;
    let (Content::Text { text, .. }, MessageState::Received, true) = (&row.content, row.state, there) else {
        return Err(ReportError::NotReportable(row.id));
    };
    let pinned = records.contact(row.author)?.map(|contact| hex::encode(contact.identity_key));
    let sealed = records.evidence(row.conversation, row.id)?.map(|evidence| {
        let Evidence { conversation, device, epoch, sequence, sealed } = evidence;
        let (conversation, device) = (conversation.to_string(), device.to_string());
        Sealed { conversation, device, epoch, sequence, sha256: hex::encode(sealed) }
    });
    Ok(Reported {
        id: row.id.to_string(),
        author: Party {
            account: row.author.to_string(),
            handle: row.author_handle.to_string(),
            identity_key: pinned.unwrap_or_default(),
        },
        sent_ms: row.sent_ms,
        text: text.clone(),
        edited_ms: row.marks.edited_ms,
        mimi_id: row.mimi.map(hex::encode).unwrap_or_default(),
        sealed,
    })
}

/// Reads a report, and checks that it is what the named reporter's device has signed. That the identity key in it is
/// the reporter's account's is for the relay's directory to say.
pub fn read(report: &str) -> Result<Statement, ReportError> {
    if report.len() > LARGEST {
        return Err(ReportError::Malformed);
    }
    let mut lines = report.lines();
    let (Some(stated), Some(signed), None) = (lines.next(), lines.next(), lines.next()) else {
        return Err(ReportError::Malformed);
    };
    let Signature { certificate, signature } =
        serde_json::from_str(signed).map_err(|_| ReportError::Malformed)?;
    let bytes = |hex: String| hex::decode(hex).map_err(|_| ReportError::Malformed);
    let certificate =
        reporter(stated.as_bytes(), &bytes(certificate)?, &bytes(signature)?).map_err(ReportError::Forged)?;
    let statement: Statement = serde_json::from_str(stated).map_err(|_| ReportError::Malformed)?;
    let same = statement.reporter.account == certificate.account().to_string()
        && statement.reporter.identity_key == hex::encode(certificate.identity_key().as_bytes());
    if !same {
        return Err(ReportError::Forged(IdentityError::WrongSubject));
    }
    if statement.lacre_report != VERSION || statement.proof != "statement" {
        return Err(ReportError::Malformed);
    }
    Ok(statement)
}
