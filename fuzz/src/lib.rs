//! What the fuzz targets do with their bytes: decode them, and hold the decoder to what it promises. A target of
//! `fuzz_targets/` calls the function of its name; `examples/seeds.rs` makes what they begin with.

mod dns;
mod engine;
mod guard;
mod media;
mod relay;
mod sealed;
mod store;
mod world;

use bytes::Bytes;
use lacre_engine::content::{self, codec, envelope, status};
use lacre_engine::identity::{
    GroupLink, LinkCode, Signed as Said, UnverifiedCertificate, UnverifiedDeviceList, UnverifiedResync,
    UnverifiedTrail,
};
use lacre_proto::wire::Signed;
use lacre_proto::{ConversationId, frame, limits, mls_framing};
use prost::Message;

pub use dns::{seeds as txt_seeds, txt_answer};
pub use engine::engine_delivered;
pub use guard::{guard_file, seeds as guard_seeds};
pub use media::{document_clean, heif_strip, image_strip, media_seeds, mp4_strip, ogg_opus, wav};
pub use relay::{relay_session, seeds as session_seeds};
pub use sealed::{sealed_open, store as sealed_store};
pub use store::{exported, store_import};

/// What a client sends: it decodes or is refused, and what decodes comes back the same.
pub fn client_frame(bytes: &[u8]) {
    if let Ok((version, decoded)) = frame::decode_client(&Bytes::copy_from_slice(bytes)) {
        let again = frame::encode_client(version, &decoded);
        if again.len() <= limits::FRAME {
            assert_eq!(frame::decode_client(&again), Ok((version, decoded)));
        }
    }
}

/// What a relay sends.
pub fn relay_frame(bytes: &[u8]) {
    if let Ok(decoded) = frame::decode_relay(&Bytes::copy_from_slice(bytes)) {
        let again = match &decoded {
            frame::FromRelay::Greeting(greeting) => frame::encode_greeting(greeting),
            frame::FromRelay::Frame(frame) => frame::encode_server(frame::VERSION_MAX, frame),
        };
        assert_eq!(frame::decode_relay(&again), Ok(decoded));
    }
}

/// An item of a mailbox.
pub fn item(bytes: &[u8]) {
    if let Ok(decoded) = frame::decode_item(&Bytes::copy_from_slice(bytes)) {
        assert_eq!(frame::decode_item(&frame::encode_item(&decoded)), Ok(decoded));
    }
}

/// The outside of MLS messages: no message can be read as two kinds.
pub fn mls_framing(bytes: &[u8]) {
    let read = [
        mls_framing::private_message(bytes).is_ok(),
        mls_framing::welcome(bytes).is_ok(),
        mls_framing::key_package(bytes).is_ok(),
    ];
    assert!(read.iter().filter(|read| **read).count() <= 1);
}

/// MIMI content: what is accepted is encoded to what is accepted as the same.
pub fn mimi_content(bytes: &[u8]) {
    if let Ok(message) = codec::decode(bytes)
        && let Ok(again) = codec::encode(&message)
    {
        assert_eq!(codec::decode(&again), Ok(message));
    }
}

/// MIMI message status, which receipts are made of.
pub fn mimi_status(bytes: &[u8]) {
    if let Ok(report) = status::decode(bytes)
        && let Ok(again) = status::encode(&report)
    {
        assert_eq!(status::decode(&again), Ok(report));
    }
}

/// The plaintext of a sealed message: there is one encoding of each envelope.
pub fn envelope(bytes: &[u8]) {
    if let Ok(decoded) = envelope::decode(bytes)
        && let Ok(again) = envelope::encode(decoded)
    {
        assert_eq!(again, bytes);
    }
}

/// Content with its sender and room, against an address that it does not name.
pub fn said(bytes: &[u8]) {
    if let Ok(unproven) = content::read(bytes) {
        let nobody = content::Address { sender: String::from("?"), room: String::from("?") };
        let _ = unproven.prove(&nobody);
    }
}

/// A sealed chunk, after the size of its file (8 bytes) and its number (4): nobody makes one by chance.
pub fn sealed_file(bytes: &[u8]) {
    use lacre_engine::files::{FileKey, FileSeal, Shape};
    let Some((size, rest)) = bytes.split_first_chunk() else { return };
    let Some((chunk, sealed)) = rest.split_first_chunk() else { return };
    let Ok(shape) = Shape::of(u64::from_be_bytes(*size) % (1 << 32)) else { return };
    let seal = FileSeal::new(&FileKey { key: [7; 32], nonce: [9; 7] }, shape);
    let mut buffer = sealed.to_vec();
    assert!(seal.open(u32::from_be_bytes(*chunk), &mut buffer).is_err() && buffer.is_empty());
}

/// The rows in a part of history that a device of one's own account tells.
pub fn history_rows(bytes: &[u8]) {
    let _ = lacre_engine::records::rows_in_part(bytes);
}

/// A credential: nobody's signature is made by chance.
pub fn certificate(bytes: &[u8]) {
    if let Ok(unverified) = UnverifiedCertificate::from_credential(bytes) {
        let (account, key) = (unverified.claimed_account(), unverified.claimed_identity_key());
        if let Ok(certificate) = unverified.verify(account, &key) {
            assert_eq!(certificate.to_credential(), bytes);
        }
    }
}

/// Where the words of [`signed`] were said.
pub const SAID_IN: ConversationId = ConversationId([3; 16]);

/// What somebody has said with the proof of it: length of the certificate, certificate, signature, content.
pub fn signed(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let Some((certificate, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
        return;
    };
    let Some((signature, content)) = rest.split_at_checked(64) else { return };
    let signed = Said { conversation: SAID_IN, content, signature, certificate };
    if let Ok((author, _, address)) = signed.prove() {
        assert!(address.sender.ends_with(&author.account().to_string()));
        let elsewhere = Said { conversation: ConversationId([4; 16]), ..signed };
        assert!(elsewhere.prove().is_err(), "it was said in one conversation");
    }
}

/// A link to a group: what is read is written as what is read the same, and links no device.
pub fn group_link(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(link) = text.parse::<GroupLink>() {
        assert_eq!(link.to_string().parse(), Ok(link));
        assert!(text.parse::<LinkCode>().is_err());
    }
}

/// A signed device list.
pub fn device_list(bytes: &[u8]) {
    if let Ok(signed) = Signed::decode(bytes) {
        let _ = UnverifiedDeviceList::from_wire(signed);
    }
}

/// A signed trail of epochs.
pub fn trail(bytes: &[u8]) {
    if let Ok(signed) = Signed::decode(bytes)
        && let Ok(unverified) = UnverifiedTrail::from_wire(signed)
    {
        let _ = unverified.claimed_device();
    }
}

/// A signed request to be let in again.
pub fn resync(bytes: &[u8]) {
    if let Ok(signed) = Signed::decode(bytes)
        && let Ok(unverified) = UnverifiedResync::from_wire(signed)
    {
        let _ = unverified.claimed_device();
    }
}
