//! Messages of before that a newcomer is given, each as its author has signed it; and how that stands in MIMI.

use ciborium::Value;
use lacre_proto::{AccountId, Millis, limits};
use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError, Fields};
use super::kinds;
use super::said::{BadContent, OpenError};

/// Messages of before, from whoever let somebody in, for them alone: all others pass them over.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Whom they are for.
    pub to: Vec<AccountId>,
    /// How many are given in all.
    pub of: u8,
    /// How many of them went before these.
    pub from: u8,
    /// Certificates of the devices that signed them.
    pub certificates: Vec<Vec<u8>>,
    /// The messages, the oldest first.
    pub messages: Vec<Old>,
}

/// A message of before.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Old {
    /// What it said first.
    pub first: OldForm,
    /// Its newest edit.
    pub edit: Option<OldForm>,
}

/// What somebody said before, as they signed it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldForm {
    /// When, as the relay told whoever gives it.
    pub time: Millis,
    /// The place of its device's certificate.
    pub certificate: u8,
    /// The content in its encoded form.
    pub content: Vec<u8>,
    /// The author's signature.
    pub signature: Vec<u8>,
}

impl Given {
    fn check(&self) -> Result<(), BadContent> {
        let Self { to, of, from, certificates, messages } = self;
        let last = usize::from(*from) + messages.len();
        if to.is_empty() || messages.is_empty() {
            return Err(BadContent::Empty);
        }
        let named = |form: &OldForm| usize::from(form.certificate) < certificates.len();
        let all_named = messages.iter().all(|old| named(&old.first) && old.edit.as_ref().is_none_or(named));
        let fits = *of <= kinds::GIVEN
            && last <= usize::from(*of)
            && to.len() <= limits::MEMBERS
            && certificates.iter().all(|certificate| certificate.len() <= limits::SIGNED);
        if fits && all_named { Ok(()) } else { Err(BadContent::TooLong) }
    }
}

/// The value of the kind's content.
pub(super) fn to_value(given: Given) -> Result<Value, BadContent> {
    given.check()?;
    let Given { to, of, from, certificates, messages } = given;
    let all = |values: Vec<Vec<u8>>| Value::Array(values.into_iter().map(Value::Bytes).collect());
    let to = to.into_iter().map(|account| account.0.to_vec()).collect();
    let old = |Old { first, edit }: Old| {
        Value::Array(vec![form_to_value(first), edit.map_or(Value::Null, form_to_value)])
    };
    let messages = messages.into_iter().map(old).collect();
    Ok(Value::Array(vec![all(to), of.into(), from.into(), all(certificates), Value::Array(messages)]))
}

fn form_to_value(OldForm { time, certificate, content, signature }: OldForm) -> Value {
    Value::Array(vec![time.into(), certificate.into(), Value::Bytes(content), Value::Bytes(signature)])
}

/// What the value of the kind's content says.
pub(super) fn read(bytes: &[u8]) -> Result<Given, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "given")?;
    let to = array(&mut fields, "accounts")?.into_iter();
    let to = to.map(|account| account.into_bytes().ok()?.try_into().ok().map(AccountId));
    let to = to.collect::<Option<_>>().ok_or(CodecError::Malformed("accounts"))?;
    let (of, from) = (fields.integer("of")?, fields.integer("from")?);
    let certificates = array(&mut fields, "certificates")?.into_iter();
    let certificates = certificates.map(|certificate| certificate.into_bytes().ok()).collect::<Option<_>>();
    let certificates = certificates.ok_or(CodecError::Malformed("certificates"))?;
    let mut messages = Vec::new();
    for message in array(&mut fields, "messages")? {
        let mut parts = Fields::of(message, "message")?;
        let first = form(parts.next("first")?)?;
        let edit = match parts.next("edit")? {
            Value::Null => None,
            edit => Some(form(edit)?),
        };
        parts.end("message")?;
        messages.push(Old { first, edit });
    }
    fields.end("given")?;
    let given = Given { to, of, from, certificates, messages };
    given.check()?;
    Ok(given)
}

fn array(fields: &mut Fields, what: &'static str) -> Result<Vec<Value>, CodecError> {
    fields.next(what)?.into_array().map_err(|_| CodecError::Malformed(what))
}

fn form(value: Value) -> Result<OldForm, CodecError> {
    let mut fields = Fields::of(value, "form")?;
    let form = OldForm {
        time: fields.integer("time")?,
        certificate: fields.integer("certificate")?,
        content: fields.bytes("content")?,
        signature: fields.bytes("signature")?,
    };
    fields.end("form")?;
    Ok(form)
}

/// What people write goes into no log.
impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given(..)")
    }
}
