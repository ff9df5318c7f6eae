//! What a relay holds, read from its export. Only what the framing shows to everybody can be read there.
//!
//! The stream is that of `lacre relay export`; an item in it is a version byte and protobuf. Both are read here by
//! hand, so that this program links nothing of the product.

/// A sealed message as it lies at the relay.
#[derive(Debug, PartialEq)]
pub struct Held {
    /// The conversation's id, which is the MLS group id.
    pub conversation: Vec<u8>,
    /// Its place in the conversation.
    pub sequence: u64,
    /// The epoch that it was sealed in.
    pub epoch: u64,
    /// The MLS message.
    pub message: Vec<u8>,
}

/// The sealed messages in an export, by conversation and place.
pub fn sealed_messages(export: &[u8]) -> Result<Vec<Held>, String> {
    const HEAD: usize = 10;
    let mut rest = export.strip_prefix(b"lacre\x1aex").ok_or("this is no export")?;
    rest = rest.get(HEAD - 8..).ok_or("the export is cut short")?;
    let mut held: Vec<Held> = Vec::new();
    while let Some(value) = next_value(&mut rest)? {
        held.extend(value.and_then(sealed));
    }
    held.sort_by(|a, b| (&a.conversation, a.sequence).cmp(&(&b.conversation, b.sequence)));
    held.dedup();
    Ok(held)
}

/// The next item of the stream: the value of an entry or a shared one, `None` inside for the other kinds, and
/// `None` outside at the end.
fn next_value<'a>(rest: &mut &'a [u8]) -> Result<Option<Option<&'a [u8]>>, String> {
    let kind = take(rest, 1)?[0];
    Ok(Some(match kind {
        1 => {
            sized(rest)?;
            sized(rest)?;
            None
        }
        2 => {
            take(rest, 8)?;
            Some(sized(rest)?)
        }
        3 => {
            take(rest, 32)?;
            None
        }
        4 => Some(sized(rest)?),
        5 => {
            take(rest, 8)?;
            None
        }
        // A file that people sent, which nobody could show: its id, length, bytes and sum.
        6 => {
            take(rest, 16)?;
            let length = take(rest, 8)?.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
            take(rest, usize::try_from(length).map_err(|_| "the export has a file of no sane length")?)?;
            take(rest, 32)?;
            None
        }
        // How many files are left out.
        7 => {
            take(rest, 8)?;
            None
        }
        255 => return Ok(None),
        other => return Err(format!("the export has an item of kind {other}")),
    }))
}

fn sized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = take(rest, 4)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    take(rest, length)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let (head, tail) = rest.split_at_checked(length).ok_or("the export is cut short")?;
    *rest = tail;
    Ok(head)
}

/// Field 4 of an item, `Sealed`: conversation 1, sequence 2, epoch 3, message 4.
fn sealed(value: &[u8]) -> Option<Held> {
    const VERSION: u8 = 1;
    let item = value.strip_prefix(&[VERSION])?;
    let body = fields(item)?.into_iter().find_map(|(number, field)| (number == 4).then_some(field))?;
    let mut held = Held { conversation: Vec::new(), sequence: 0, epoch: 0, message: Vec::new() };
    for (number, field) in fields(body.bytes()?)? {
        match (number, field) {
            (1, Field::Bytes(bytes)) => held.conversation = bytes.to_vec(),
            (2, Field::Number(value)) => held.sequence = value,
            (3, Field::Number(value)) => held.epoch = value,
            (4, Field::Bytes(bytes)) => held.message = bytes.to_vec(),
            _ => {}
        }
    }
    (held.conversation.len() == 16 && !held.message.is_empty()).then_some(held)
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) => None,
        }
    }
}

/// The fields of a protobuf message, with their numbers.
fn fields(mut rest: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut rest)?),
            1 => Field::Number(u64::from_le_bytes(take(&mut rest, 8).ok()?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                Field::Bytes(take(&mut rest, length).ok()?)
            }
            _ => return None,
        };
        fields.push((tag >> 3, field));
    }
    Some(fields)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1).ok()?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export() -> Vec<u8> {
        let body = [&[0x0a, 16][..], &[7; 16], &[0x10, 3, 0x18, 1, 0x22, 2, 0xaa, 0xbb]].concat();
        let item = [&[1, 0x08, 1, 0x22, body.len() as u8][..], &body].concat();
        let mut bytes = b"lacre\x1aex\x00\x02".to_vec();
        bytes.extend([&[6][..], &[3; 16], &[0, 0, 0, 0, 0, 0, 0, 4], b"file", &[8; 32]].concat());
        bytes.extend([7, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([1, 0, 0, 0, 1, 9, 0, 0, 0, 0]);
        bytes.extend([2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, item.len() as u8]);
        bytes.extend(&item);
        bytes.push(255);
        bytes
    }

    #[test]
    fn a_sealed_message_is_found_in_an_export() {
        let held = sealed_messages(&export()).unwrap();
        let message = vec![0xaa, 0xbb];
        assert_eq!(held, [Held { conversation: vec![7; 16], sequence: 3, epoch: 1, message }]);
    }

    #[test]
    fn an_export_that_is_cut_is_refused() {
        let export = export();
        for length in 0..export.len() - 1 {
            assert!(sealed_messages(&export[..length]).is_err(), "cut at {length}");
        }
    }
}
