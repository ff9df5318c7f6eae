//! A question for the TXT records of a name, and what answers it (RFC 1035 §4). Bytes in, facts out.

/// What was asked for.
const TXT: u16 = 16;
const CNAME: u16 = 5;
const INTERNET: u16 = 1;
/// Bytes of a message before its question.
const HEADER: usize = 12;
/// Bytes of a name at most, with the lengths of its labels.
const NAME: usize = 255;
/// Records of an answer that are looked at.
const RECORDS: u16 = 64;

/// What a resolver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The values of the TXT records; none where there are none, or no such name.
    Found(Vec<Vec<u8>>),
    /// It does not fit into a datagram, and is asked for by TCP.
    Cut,
    /// It cannot say: its response code.
    Failed(u8),
}

/// The question for a name's TXT records; `None` for what is no name.
pub fn question(name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(name.len() + 6);
    for label in name.split('.') {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=63).contains(&label.len()) || !label.bytes().all(fits) {
            return None;
        }
        bytes.push(u8::try_from(label.len()).ok()?);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    if bytes.len() > NAME {
        return None;
    }
    bytes.extend_from_slice(&TXT.to_be_bytes());
    bytes.extend_from_slice(&INTERNET.to_be_bytes());
    Some(bytes)
}

/// A message that asks it: one question, and the resolver is to find the answer itself.
pub fn ask(id: u16, question: &[u8]) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    [&[high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], question].concat()
}

/// What a message answers to a question; `None` when it is no answer to this one, or cannot be read.
pub fn read(message: &[u8], id: u16, question: &[u8]) -> Option<Answer> {
    let word = |at: usize| Some(u16::from_be_bytes(*message.get(at..)?.first_chunk()?));
    let flags = word(2)?;
    // A response (the first bit) to an ordinary query (the four after it).
    let answers = word(0)? == id && flags & 0xf800 == 0x8000 && word(4)? == 1;
    let asked = message.get(HEADER..HEADER + question.len())?;
    if !answers || !asked.eq_ignore_ascii_case(question) {
        return None;
    }
    match flags & 0xf {
        0 => {}
        // There is no such name.
        3 => return Some(Answer::Found(Vec::new())),
        code => return Some(Answer::Failed(u8::try_from(code).ok()?)),
    }
    if flags & 0x0200 != 0 {
        return Some(Answer::Cut);
    }
    let mut owner = name(message, HEADER)?.0;
    let (mut at, mut found) = (HEADER + question.len(), Vec::new());
    for _ in 0..word(6)?.min(RECORDS) {
        let (of, fixed) = name(message, at)?;
        let (kind, class) = (word(fixed)?, word(fixed + 2)?);
        let data = fixed + 10;
        at = data + usize::from(word(fixed + 8)?);
        let value = message.get(data..at)?;
        match (kind, class) {
            (TXT, INTERNET) if of == owner => found.push(text(value)?),
            // The name is another's by which it goes.
            (CNAME, INTERNET) if of == owner => owner = name(message, data)?.0,
            _ => {}
        }
    }
    Some(Answer::Found(found))
}

/// A name in small letters, and where it ends. What is said earlier in a message is pointed to.
fn name(message: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut end, mut before) = (Vec::new(), None, at);
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some((name, end.unwrap_or(at + 1))),
            1..=63 => {
                let label = message.get(at + 1..=at + usize::from(length))?;
                name.push(length);
                name.extend(label.iter().map(u8::to_ascii_lowercase));
                if name.len() >= NAME {
                    return None;
                }
                at += 1 + usize::from(length);
            }
            192.. => {
                let to = (usize::from(length & 63) << 8) | usize::from(*message.get(at + 1)?);
                end.get_or_insert(at + 2);
                // Always further back, so that it comes to an end.
                if to >= before {
                    return None;
                }
                (at, before) = (to, to);
            }
            _ => return None,
        }
    }
}

/// The pieces of a value, put together.
fn text(mut value: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(value.len());
    while let Some((length, rest)) = value.split_first() {
        let (piece, others) = rest.split_at_checked(usize::from(*length))?;
        text.extend_from_slice(piece);
        value = others;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "_lacre-business.padaria.example";
    const ID: u16 = 0x1234;

    /// An answer that claims so many records, with these bytes for them.
    fn answer(flags: u16, claims: u16, records: &[u8]) -> Vec<u8> {
        let mut message = ask(ID, &question(NAME).unwrap());
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message[6..8].copy_from_slice(&claims.to_be_bytes());
        [message, records.to_vec()].concat()
    }

    fn record(of: &[u8], kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [of, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 60], &length, value].concat()
    }

    fn of(message: &[u8]) -> Option<Answer> {
        read(message, ID, &question(NAME).unwrap())
    }

    /// The name that was asked for, as answers say it.
    const ASKED: [u8; 2] = [0xc0, 12];

    #[test]
    fn what_stands_in_the_records_is_found_in_pieces_under_another_name_too() {
        let good = |value: &[u8]| Some(Answer::Found(vec![value.to_vec()]));
        assert_eq!(of(&answer(0x8180, 1, &record(&ASKED, TXT, b"\x03abc\x02de"))), good(b"abcde"));
        // Another name, said in full and in other letters, and what is said of it.
        let other = b"\x05Verif\x07example\0";
        let both = [record(&ASKED, CNAME, other), record(b"\x05vERIF\x07example\0", TXT, b"\x02hi")].concat();
        assert_eq!(of(&answer(0x8180, 2, &both)), good(b"hi"));
        let of_others = [record(other, TXT, b"\x02no"), record(&ASKED, 1, &[127, 0, 0, 1])].concat();
        assert_eq!(of(&answer(0x8180, 2, &of_others)), Some(Answer::Found(Vec::new())));
        assert_eq!(of(&answer(0x8183, 0, &[])), Some(Answer::Found(Vec::new())), "no such name");
        assert_eq!(of(&answer(0x8182, 0, &[])), Some(Answer::Failed(2)));
        assert_eq!(of(&answer(0x8380, 0, &[])), Some(Answer::Cut));
    }

    #[test]
    fn what_answers_something_else_or_cannot_be_read_is_no_answer() {
        let good = answer(0x8180, 1, &record(&ASKED, TXT, b"\x03abc"));
        assert!(of(&good).is_some());
        assert_eq!(read(&good, ID + 1, &question(NAME).unwrap()), None, "another number");
        assert_eq!(read(&good, ID, &question("_lacre-business.other.example").unwrap()), None);
        assert_eq!(of(&answer(0x0100, 1, &record(&ASKED, TXT, b"\x03abc"))), None, "a question");
        let bad: [Vec<u8>; 6] = [
            record(&ASKED, TXT, b"\x09abc"),
            [record(&ASKED, TXT, b""), vec![0]].concat()[..10].to_vec(),
            // A name that points to itself, ahead, and one whose labels are of no known kind.
            record(&[0xc0, 49], TXT, b"\x03abc"),
            record(&[0xc1, 0], TXT, b"\x03abc"),
            record(&[0x80, 1], TXT, b"\x03abc"),
            Vec::new(),
        ];
        for (number, records) in bad.iter().enumerate() {
            assert_eq!(of(&answer(0x8180, 1, records)), None, "{number}");
        }
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        assert_eq!(question("a.b").unwrap(), b"\x01a\x01b\0\0\x10\0\x01");
        let long = ["a".repeat(63).as_str(); 4].join(".");
        for bad in ["", ".", "a..b", "a.", "ação.example", "a b", &"a".repeat(64), &long] {
            assert_eq!(question(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200), claims: u16) {
            let _ = of(&bytes);
            let _ = of(&answer(0x8180, claims, &bytes));
        }
    }
}
