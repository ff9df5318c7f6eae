//! MIMI content to bytes and back: deterministic CBOR (RFC 8949 §4.2.1, with extensions in the order of their
//! sender), one encoding for one message, so that what was decoded is encoded to the same bytes again.
//!
//! Sizes are checked before anything is allocated for them: the input is bounded, CBOR is read no deeper than
//! it can lie, and a length in it is believed only as far as bytes follow.

use ciborium::Value;
use lacre_proto::limits;

use super::MessageId;
use super::mimi::{
    Body, DEPTH, Disposition, EXTENSION_NAME, EXTENSION_VALUE, Expiration, ExtensionName, External, Message,
    MimiId, PARTS, Part, ROOM_URI, SENDER_URI, Semantics, Single, TOPIC,
};

/// Why bytes are not MIMI content. The peer's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Larger than a sealed message can be.
    #[error("the content is over its limit")]
    TooLarge,
    /// Not CBOR, cut off, or followed by further bytes.
    #[error("the content is not CBOR")]
    NotCbor,
    /// CBOR in another than its one deterministic encoding.
    #[error("the content is not in its deterministic encoding")]
    NotDeterministic,
    /// CBOR that is not of the shape that the format prescribes.
    #[error("{0} does not hold what it should")]
    Malformed(&'static str),
    /// More parts, or parts deeper in each other, than allowed.
    #[error("the content has too many parts")]
    TooManyParts,
    /// A topic, a name or an extension over its limit.
    #[error("{0} is over its limit")]
    FieldTooLarge(&'static str),
}

use CodecError::{FieldTooLarge, Malformed};

/// How deep CBOR may lie in content: the message, two for each level of parts, and extensions' values.
const NESTING: usize = 2 + 2 * DEPTH + 16;

/// Encodes a message. Only what [`decode`] would accept is encoded.
pub fn encode(message: &Message) -> Result<Vec<u8>, CodecError> {
    check(message)?;
    let bytes = to_bytes(&message_to_value(message));
    if bytes.len() > limits::SEALED_MESSAGE { Err(CodecError::TooLarge) } else { Ok(bytes) }
}

/// Decodes a message.
pub fn decode(bytes: &[u8]) -> Result<Message, CodecError> {
    let message = message_from_value(value(bytes)?)?;
    check(&message)?;
    Ok(message)
}

/// Reads one CBOR value that fills the bytes, in its deterministic encoding.
pub(super) fn value(bytes: &[u8]) -> Result<Value, CodecError> {
    if bytes.len() > limits::SEALED_MESSAGE {
        return Err(CodecError::TooLarge);
    }
    let mut rest = bytes;
    let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, NESTING)
        .map_err(|_| CodecError::NotCbor)?;
    if !rest.is_empty() {
        return Err(CodecError::NotCbor);
    }
    if to_bytes(&value) != bytes {
        return Err(CodecError::NotDeterministic);
    }
    Ok(value)
}

pub(super) fn to_bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a buffer takes every value");
    bytes
}

fn check(message: &Message) -> Result<(), CodecError> {
    if message.topic.len() > TOPIC {
        return Err(FieldTooLarge("topic"));
    }
    for (at, (name, value)) in message.extensions.iter().enumerate() {
        match name {
            ExtensionName::Text(name) if name.is_empty() => return Err(Malformed("extension name")),
            ExtensionName::Text(name) if name.len() > EXTENSION_NAME => {
                return Err(FieldTooLarge("extension name"));
            }
            ExtensionName::Number(number) if [SENDER_URI, ROOM_URI].map(i128::from).contains(number) => {
                value.as_text().ok_or(Malformed("sender or room"))?;
            }
            ExtensionName::Text(_) | ExtensionName::Number(_) => {}
        }
        if to_bytes(value).len() > EXTENSION_VALUE {
            return Err(FieldTooLarge("extension"));
        }
        if message.extensions[..at].iter().any(|(other, _)| other == name) {
            return Err(Malformed("extensions"));
        }
    }
    let parts = count_parts(&message.body, 1)?;
    if parts > PARTS { Err(CodecError::TooManyParts) } else { Ok(()) }
}

fn count_parts(part: &Part, depth: usize) -> Result<usize, CodecError> {
    if depth > DEPTH {
        return Err(CodecError::TooManyParts);
    }
    let Body::Multi { parts, .. } = &part.body else { return Ok(1) };
    if parts.len() < 2 {
        return Err(Malformed("parts"));
    }
    parts.iter().try_fold(1, |count, part| Ok(count + count_parts(part, depth + 1)?))
}

fn message_to_value(message: &Message) -> Value {
    let Message { salt, replaces, topic, expires, in_reply_to, extensions, body } = message;
    let id = |id: &Option<MimiId>| id.map_or(Value::Null, |id| Value::Bytes(id.0.to_vec()));
    let expires = expires.map_or(Value::Null, |Expiration { relative, time }| {
        Value::Array(vec![Value::Bool(relative), Value::from(time)])
    });
    let extensions = extensions.iter().map(|(name, value)| (name_to_value(name), value.clone())).collect();
    Value::Array(vec![
        Value::Bytes(salt.0.to_vec()),
        id(replaces),
        Value::Bytes(topic.clone()),
        expires,
        id(in_reply_to),
        Value::Map(extensions),
        part_to_value(body),
    ])
}

fn name_to_value(name: &ExtensionName) -> Value {
    match name {
        ExtensionName::Text(name) => Value::Text(name.clone()),
        ExtensionName::Number(number) => {
            Value::Integer((*number).try_into().expect("decoded from, or made as, a CBOR integer"))
        }
    }
}

fn part_to_value(part: &Part) -> Value {
    let Part { disposition, language, body } = part;
    let mut fields = vec![Value::from(disposition.0), Value::Text(language.clone())];
    match body {
        Body::Null => fields.push(Value::from(0)),
        Body::Single(Single { content_type, content }) => {
            fields.extend([Value::from(1), Value::Text(content_type.clone()), Value::Bytes(content.clone())])
        }
        Body::External(external) => fields.extend(external_to_values(external.clone())),
        Body::Multi { semantics, parts } => {
            let semantics = match semantics {
                Semantics::ChooseOne => 0,
                Semantics::SingleUnit => 1,
                Semantics::ProcessAll => 2,
            };
            let parts = parts.iter().map(part_to_value).collect();
            fields.extend([Value::from(3), Value::from(semantics), Value::Array(parts)]);
        }
    }
    Value::Array(fields)
}

fn external_to_values(external: External) -> [Value; 13] {
    #[rustfmt::skip]
    let External {
        content_type, url, expires, size, encryption, key, nonce, aad, hash, content_hash, description, filename,
    } = external;
    [
        Value::from(2),
        Value::Text(content_type),
        Value::Text(url),
        Value::from(expires),
        Value::from(size),
        Value::from(encryption),
        Value::Bytes(key),
        Value::Bytes(nonce),
        Value::Bytes(aad),
        Value::from(hash),
        Value::Bytes(content_hash),
        Value::Text(description),
        Value::Text(filename),
    ]
}

fn message_from_value(value: Value) -> Result<Message, CodecError> {
    let mut fields = Fields::of(value, "message")?;
    let message = Message {
        salt: MessageId(fields.array("salt")?),
        replaces: fields.optional_id("replaces")?,
        topic: fields.bytes("topic")?,
        expires: expiration(fields.next("expires")?)?,
        in_reply_to: fields.optional_id("in-reply-to")?,
        extensions: extensions(fields.next("extensions")?)?,
        body: part_from_value(fields.next("body")?, 1)?,
    };
    fields.end("message")?;
    Ok(message)
}

fn expiration(value: Value) -> Result<Option<Expiration>, CodecError> {
    if value.is_null() {
        return Ok(None);
    }
    let mut fields = Fields::of(value, "expires")?;
    let relative = fields.next("expires")?.into_bool().map_err(|_| Malformed("expires"))?;
    let time = fields.integer("expires")?;
    fields.end("expires")?;
    Ok(Some(Expiration { relative, time }))
}

fn extensions(value: Value) -> Result<Vec<(ExtensionName, Value)>, CodecError> {
    let entries = value.into_map().map_err(|_| Malformed("extensions"))?;
    let name = |name| match name {
        Value::Integer(number) => Ok(ExtensionName::Number(number.into())),
        Value::Text(text) => Ok(ExtensionName::Text(text)),
        _ => Err(Malformed("extension name")),
    };
    entries.into_iter().map(|(key, value)| Ok((name(key)?, value))).collect()
}

fn part_from_value(value: Value, depth: usize) -> Result<Part, CodecError> {
    if depth > DEPTH {
        return Err(CodecError::TooManyParts);
    }
    let mut fields = Fields::of(value, "part")?;
    let disposition = Disposition(fields.integer("disposition")?);
    let language = fields.text("language")?;
    let body = match fields.integer::<u8>("part")? {
        0 => Body::Null,
        1 => Body::Single(Single {
            content_type: fields.text("content type")?,
            content: fields.bytes("content")?,
        }),
        2 => Body::External(external(&mut fields)?),
        3 => {
            let semantics = match fields.integer::<u8>("part semantics")? {
                0 => Semantics::ChooseOne,
                1 => Semantics::SingleUnit,
                2 => Semantics::ProcessAll,
                _ => return Err(Malformed("part semantics")),
            };
            let parts = fields.next("parts")?.into_array().map_err(|_| Malformed("parts"))?;
            let parts = parts.into_iter().map(|part| part_from_value(part, depth + 1));
            Body::Multi { semantics, parts: parts.collect::<Result<_, _>>()? }
        }
        _ => return Err(Malformed("part")),
    };
    fields.end("part")?;
    Ok(Part { disposition, language, body })
}

fn external(fields: &mut Fields) -> Result<External, CodecError> {
    Ok(External {
        content_type: fields.text("content type")?,
        url: fields.text("url")?,
        expires: fields.integer("expires")?,
        size: fields.integer("size")?,
        encryption: fields.integer("encryption algorithm")?,
        key: fields.bytes("key")?,
        nonce: fields.bytes("nonce")?,
        aad: fields.bytes("additional data")?,
        hash: fields.integer("hash algorithm")?,
        content_hash: fields.bytes("content hash")?,
        description: fields.text("description")?,
        filename: fields.text("file name")?,
    })
}

/// The fields of a CBOR array, taken in order.
pub(super) struct Fields(std::vec::IntoIter<Value>);

impl Fields {
    pub(super) fn of(value: Value, what: &'static str) -> Result<Self, CodecError> {
        value.into_array().map(|fields| Self(fields.into_iter())).map_err(|_| Malformed(what))
    }

    pub(super) fn next(&mut self, what: &'static str) -> Result<Value, CodecError> {
        self.0.next().ok_or(Malformed(what))
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<String, CodecError> {
        self.next(what)?.into_text().map_err(|_| Malformed(what))
    }

    pub(super) fn bytes(&mut self, what: &'static str) -> Result<Vec<u8>, CodecError> {
        self.next(what)?.into_bytes().map_err(|_| Malformed(what))
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        self.bytes(what)?.try_into().map_err(|_| Malformed(what))
    }

    pub(super) fn integer<N: TryFrom<i128>>(&mut self, what: &'static str) -> Result<N, CodecError> {
        let integer = self.next(what)?.into_integer().map_err(|_| Malformed(what))?;
        N::try_from(i128::from(integer)).map_err(|_| Malformed(what))
    }

    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool, CodecError> {
        self.next(what)?.into_bool().map_err(|_| Malformed(what))
    }

    pub(super) fn optional_integer<N: TryFrom<i128>>(
        &mut self,
        what: &'static str,
    ) -> Result<Option<N>, CodecError> {
        match self.next(what)? {
            Value::Null => Ok(None),
            Value::Integer(integer) => {
                N::try_from(i128::from(integer)).map(Some).map_err(|_| Malformed(what))
            }
            _ => Err(Malformed(what)),
        }
    }

    fn optional_id(&mut self, what: &'static str) -> Result<Option<MimiId>, CodecError> {
        match self.next(what)? {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => bytes.try_into().map(|id| Some(MimiId(id))).map_err(|_| Malformed(what)),
            _ => Err(Malformed(what)),
        }
    }

    pub(super) fn end(mut self, what: &'static str) -> Result<(), CodecError> {
        if self.0.next().is_none() { Ok(()) } else { Err(Malformed(what)) }
    }
}
