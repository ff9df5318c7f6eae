//! Reports: chosen messages in a file, each under its author's signature, and all of it under the reporter's.
//! `docs/protocol/report.md` is the format, and tells exactly what it proves.

use lacre_engine::content::{Opened, Room};
use lacre_engine::identity::{Certificate, FalseProof, IdentityError, Signed, reporter};
use lacre_engine::records::{ConversationKind, Evidence, MessageRecord, MessageState, Records, SealedForm};
use lacre_engine::{Engine, EngineError, Reader};
use lacre_proto::{AccountId, ConversationId, Millis};
use serde::{Deserialize, Serialize};

use crate::content::{Content, Form, MessageId};

/// The version of the format that is written here.
pub const VERSION: u32 = 2;
/// What kind of proof a report holds.
pub const PROOF: &str = "author";
/// Messages in one report.
pub const MESSAGES: usize = 100;
/// The largest report that is read, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;
/// What stands in every report, so that nobody takes it for more than it is.
pub const CAVEAT: &str = "Each message is under the signature of a device of its author: it proves that these words \
                          were said by whom the identity key belongs to, in the conversation that is named, and that \
                          they are unaltered. That the key is the author's is for the relay's directory to say. When \
                          they were said, what was said around them, and that they were not edited later, is the word \
                          of the reporter, who has signed the whole.";

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
    /// It came without what proves to others whose it is.
    #[error("message {0} came without its author's signature, and cannot be proven to others")]
    NoProof(MessageId),
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
    /// The reporter states words of somebody who did not say them.
    #[error("the message {0} in this report is not proven: {1}")]
    NotSaid(String, NotSaid),
}

/// Why a message in a report is not proven to be its author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSaid {
    /// Certificate, content or signature do not hold together.
    #[error(transparent)]
    Proof(#[from] FalseProof),
    /// It is proven to be somebody else's.
    #[error("it was said by somebody else")]
    OtherAuthor,
    /// It was said somewhere else, or is another message.
    #[error("it was said somewhere else")]
    OtherPlace,
    /// What is shown is not what was said.
    #[error("the words are not those that were said")]
    OtherWords,
}

/// What the reporter states. Ids, keys and hashes are in hex, times in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`VERSION`].
    pub lacre_report: u32,
    /// What kind of proof it is: always `author` in this version.
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
    /// Its identity key.
    pub identity_key: String,
}

/// A chosen message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// Its id, made by its sender.
    pub id: String,
    /// Who wrote it.
    pub author: Party,
    /// When the relay took it, as the reporter's device was told.
    pub sent_ms: Millis,
    /// What it says, after its last edit.
    pub text: String,
    /// When that was; `None` when it was never edited.
    pub edited_ms: Option<Millis>,
    /// The MIMI id of its first form, a hash over author, room and content with the sender's salt.
    pub mimi_id: String,
    /// What proves its first form.
    pub said: Said,
    /// What proves the edit that is shown; `None` when it was never edited.
    pub edit: Option<Said>,
    /// How its first form came; what the relay may still know of it. `None` when the reporter was given it by
    /// somebody else.
    pub sealed: Option<Sealed>,
}

/// What proves who said something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The conversation in which it was said.
    pub conversation: String,
    /// MIMI content in its encoded form.
    pub content: String,
    /// The author's signature.
    pub signature: String,
    /// The certificate of the device that signed.
    pub certificate: String,
}

/// How a message came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
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
        proof: PROOF.to_owned(),
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
    let (Some(text), MessageState::Received, true) = (words(&row.content), row.state, there) else {
        return Err(ReportError::NotReportable(row.id));
    };
    let no_proof = || ReportError::NoProof(row.id);
    let evidence = records.evidence(row.conversation, row.id)?.ok_or_else(no_proof)?;
    let (said, certificate) = said(records, &evidence)?.ok_or_else(no_proof)?;
    let edit = match row.marks.edited_ms {
        Some(_) => {
            let evidence = records.evidence_of_edit(row.conversation, row.id)?.ok_or_else(no_proof)?;
            Some(self::said(records, &evidence)?.ok_or_else(no_proof)?.0)
        }
        None => None,
    };
    let sealed = evidence.sealed.map(|SealedForm { epoch, sequence, sha256 }| {
        let sha256 = hex::encode(sha256);
        Sealed { epoch, sequence, sha256 }
    });
    Ok(Reported {
        id: row.id.to_string(),
        author: Party {
            account: row.author.to_string(),
            handle: row.author_handle.to_string(),
            identity_key: hex::encode(certificate.identity_key().as_bytes()),
        },
        sent_ms: row.sent_ms,
        text,
        edited_ms: row.marks.edited_ms,
        mimi_id: row.mimi.map(hex::encode).unwrap_or_default(),
        said,
        edit,
        sealed,
    })
}

/// The words of what can be reported: of a text, or of a business's card.
fn words<Id>(content: &Content<Id>) -> Option<String> {
    match content {
        Content::Text { text, .. } => Some(text.clone()),
        Content::Menu(menu) => {
            let lines = [&menu.header, &menu.body, &menu.footer].map(String::as_str).into_iter();
            let lines = lines.chain(menu.form().into_iter().flat_map(Form::words));
            Some(lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
        }
        _ => None,
    }
}

/// The evidence as it stands in a report, and whose it is; `None` when it does not prove anything.
fn said(records: &Records<'_>, evidence: &Evidence) -> Result<Option<(Said, Certificate)>, ReportError> {
    let Some(certificate) = records.certificate(&evidence.certificate)? else { return Ok(None) };
    let Ok((author, ..)) = evidence.signed(&certificate).prove() else { return Ok(None) };
    let said = Said {
        conversation: evidence.conversation.to_string(),
        content: hex::encode(&evidence.content),
        signature: hex::encode(&evidence.signature),
        certificate: hex::encode(&certificate),
    };
    Ok(Some((said, author)))
}

/// Reads a report, and checks that each message in it was said by whom it names, and that the whole is what the named
/// reporter's device has signed. That the identity keys in it are those of the accounts is for the relay's directory
/// to say.
pub fn read(report: &str) -> Result<Statement, ReportError> {
    let statement = stated(report)?;
    for message in &statement.messages {
        let not_said = |why| ReportError::NotSaid(message.id.clone(), why);
        message.check(&statement)?.map_err(not_said)?;
    }
    Ok(statement)
}

impl Reported {
    /// Whether its author said it, in these words; an error when it cannot be told.
    fn check(&self, statement: &Statement) -> Result<Result<(), NotSaid>, ReportError> {
        let Opened { id, mimi_id, content, .. } = match self.said.prove(self, statement)? {
            Ok(opened) => opened,
            Err(why) => return Ok(Err(why)),
        };
        if id.to_string() != self.id || hex::encode(mimi_id.0) != self.mimi_id {
            return Ok(Err(NotSaid::OtherPlace));
        }
        let Some(text) = words(&content) else { return Ok(Err(NotSaid::OtherWords)) };
        let shown = match (&self.edit, self.edited_ms) {
            (None, None) => text,
            (Some(edit), Some(_)) => match edit.prove(self, statement)? {
                Ok(Opened { content: Content::Edit { of, text, .. }, .. }) if of == mimi_id => text,
                Ok(_) => return Ok(Err(NotSaid::OtherWords)),
                Err(why) => return Ok(Err(why)),
            },
            _ => return Ok(Err(NotSaid::OtherWords)),
        };
        Ok(if shown == self.text { Ok(()) } else { Err(NotSaid::OtherWords) })
    }
}

impl Said {
    /// The content, once it is seen to be of the message's author and said in the conversation that is named.
    fn prove(
        &self,
        message: &Reported,
        statement: &Statement,
    ) -> Result<Result<Opened, NotSaid>, ReportError> {
        let Self { conversation, content, signature, certificate } = self;
        let conversation = ConversationId(fixed(conversation)?);
        let (content, signature) = (bytes(content)?, bytes(signature)?);
        let certificate = bytes(certificate)?;
        let signed =
            Signed { conversation, content: &content, signature: &signature, certificate: &certificate };
        let (author, opened, address) = match signed.prove() {
            Ok(proven) => proven,
            Err(why) => return Ok(Err(why.into())),
        };
        let same = message.author.account == author.account().to_string()
            && message.author.identity_key == hex::encode(author.identity_key().as_bytes());
        if !same {
            return Ok(Err(NotSaid::OtherAuthor));
        }
        let room = match statement.kind.as_str() {
            "group" => Room::Group(conversation),
            "direct" => Room::direct(author.account(), AccountId(fixed(&statement.reporter.account)?)),
            _ => return Err(ReportError::Malformed),
        };
        Ok(if address.room == room.to_string() { Ok(opened) } else { Err(NotSaid::OtherPlace) })
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, ReportError> {
    hex::decode(hex).map_err(|_| ReportError::Malformed)
}

fn fixed<const N: usize>(hex: &str) -> Result<[u8; N], ReportError> {
    bytes(hex)?.try_into().map_err(|_| ReportError::Malformed)
}

/// What the reporter states: checked to be what the named reporter's device has signed, and no further. Whether it was
/// said by whom it names, [`read`] tells.
pub fn stated(report: &str) -> Result<Statement, ReportError> {
    if report.len() > LARGEST {
        return Err(ReportError::Malformed);
    }
    let mut lines = report.lines();
    let (Some(stated), Some(signed), None) = (lines.next(), lines.next(), lines.next()) else {
        return Err(ReportError::Malformed);
    };
    let Signature { certificate, signature } =
        serde_json::from_str(signed).map_err(|_| ReportError::Malformed)?;
    let certificate = reporter(stated.as_bytes(), &bytes(&certificate)?, &bytes(&signature)?)
        .map_err(ReportError::Forged)?;
    let statement: Statement = serde_json::from_str(stated).map_err(|_| ReportError::Malformed)?;
    let same = statement.reporter.account == certificate.account().to_string()
        && statement.reporter.identity_key == hex::encode(certificate.identity_key().as_bytes());
    if !same {
        return Err(ReportError::Forged(IdentityError::WrongSubject));
    }
    if statement.lacre_report != VERSION || statement.proof != PROOF {
        return Err(ReportError::Malformed);
    }
    Ok(statement)
}
