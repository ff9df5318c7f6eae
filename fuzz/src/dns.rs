//! What a resolver says of a domain. The reader stands alone, so that the targets need nothing else of the
//! node.

#[path = "../../crates/business/src/domain/message.rs"]
mod message;

const ID: u16 = 0x1234;

fn question() -> Vec<u8> {
    message::question("_lacre-business.padaria.example").expect("a name")
}

/// An answer from whoever the resolver is: no bytes make the reader fall, and what it finds was there.
pub fn txt_answer(bytes: &[u8]) {
    if let Some(message::Answer::Found(found)) = message::read(bytes, ID, &question()) {
        assert!(found.iter().all(|it| it.len() < bytes.len()));
    }
}

/// A record in pieces, and one under another name.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut head = message::ask(ID, &question());
    (head[2], head[3], head[7]) = (0x81, 0x80, 2);
    let txt: &[u8] = b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x07\x03abc\x02de";
    let other: &[u8] = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x05\x01v\xc0\x1c\0";
    vec![[&head[..], txt, txt].concat(), [&head[..], other, txt].concat()]
}
