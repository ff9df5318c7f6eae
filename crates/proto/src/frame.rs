//! Frames: a version byte, then a protobuf message. docs/protocol/wire.md, "Frames".
//!
//! The relay greets with version byte 0 and the range of versions that it speaks; the client answers in the
//! highest that both know. What a side does not know inside a version it speaks is not an error of the frame:
//! an unknown request is answered [`UnknownRequest`](crate::ErrorCode::UnknownRequest), an unknown push or item
//! is kept for a newer client.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use crate::wire::{ClientFrame, Greeting, Item, ServerFrame, client_frame, request, server_frame};
use crate::{ErrorCode, limits};

/// The version byte of a greeting, the same for ever.
pub const GREETING: u8 = 0;
/// The lowest version that this code speaks.
pub const VERSION_MIN: u8 = 1;
/// The highest version that this code speaks.
pub const VERSION_MAX: u8 = 1;
/// The version byte of an item as it is stored and pushed.
pub const ITEM_VERSION: u8 = 1;

/// Bytes that are not the frame they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Nothing at all.
    #[error("the frame is empty")]
    Empty,
    /// Over [`limits::FRAME`], or over [`limits::LARGE_FRAME`] where that is the limit.
    #[error("the frame is over its limit")]
    TooLarge,
    /// A version byte that this side does not speak.
    #[error("the frame is of version {0}, which is not spoken here")]
    Version(u8),
    /// The version is right, the bytes are not.
    #[error("the frame does not decode")]
    Malformed,
}

impl From<FrameError> for ErrorCode {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Empty | FrameError::Malformed => Self::BadFrame,
            FrameError::TooLarge => Self::TooLarge,
            FrameError::Version(_) => Self::VersionUnsupported,
        }
    }
}

/// The version that a client uses with a relay that greeted with this range: the highest that both speak.
pub fn choose_version(relay_min: u32, relay_max: u32) -> Option<u8> {
    let highest = relay_max.min(u32::from(VERSION_MAX));
    (highest >= relay_min.max(u32::from(VERSION_MIN))).then_some(highest as u8)
}

/// What a relay sends: a greeting, or a frame of the version that the client chose.
#[derive(Debug, Clone, PartialEq)]
pub enum FromRelay {
    /// The first frame on a socket, or the last.
    Greeting(Greeting),
    /// Every other.
    Frame(ServerFrame),
}

/// Encodes a greeting.
pub fn encode_greeting(greeting: &Greeting) -> Bytes {
    encode(GREETING, greeting)
}

/// Encodes what a client sends.
pub fn encode_client(version: u8, frame: &ClientFrame) -> Bytes {
    encode(version, frame)
}

/// Encodes what a relay sends.
pub fn encode_server(version: u8, frame: &ServerFrame) -> Bytes {
    encode(version, frame)
}

/// Encodes an item for the store; a push carries these bytes as they are.
pub fn encode_item(item: &Item) -> Bytes {
    encode(ITEM_VERSION, item)
}

/// Decodes an item from an [`Entry`](crate::wire::Entry).
pub fn decode_item(bytes: &Bytes) -> Result<Item, FrameError> {
    match bytes.first() {
        None => Err(FrameError::Empty),
        Some(&ITEM_VERSION) => Item::decode(bytes.slice(1..)).map_err(|_| FrameError::Malformed),
        Some(&version) => Err(FrameError::Version(version)),
    }
}

/// Decodes what a client sent; gives the version that it speaks too.
pub fn decode_client(bytes: &Bytes) -> Result<(u8, ClientFrame), FrameError> {
    let version = version(bytes)?;
    if !(VERSION_MIN..=VERSION_MAX).contains(&version) {
        return Err(FrameError::Version(version));
    }
    let frame = ClientFrame::decode(bytes.slice(1..)).map_err(|_| FrameError::Malformed)?;
    if bytes.len() > limits::FRAME && !may_be_large(&frame) {
        return Err(FrameError::TooLarge);
    }
    Ok((version, frame))
}

/// What changes who is in a conversation may be larger than anything else: there may be a tree in it.
fn may_be_large(frame: &ClientFrame) -> bool {
    let Some(client_frame::Body::Request(request)) = &frame.body else { return false };
    matches!(request.op, Some(request::Op::CreateConversation(_) | request::Op::Commit(_)))
}

/// Decodes what a relay sent.
pub fn decode_relay(bytes: &Bytes) -> Result<FromRelay, FrameError> {
    let body = bytes.slice(1.min(bytes.len())..);
    match version(bytes)? {
        GREETING => Greeting::decode(body).map(FromRelay::Greeting).map_err(|_| FrameError::Malformed),
        VERSION_MIN..=VERSION_MAX => {
            let frame = ServerFrame::decode(body).map_err(|_| FrameError::Malformed)?;
            let pushes = matches!(frame.body, Some(server_frame::Body::Push(_)));
            if bytes.len() > limits::FRAME && !pushes {
                return Err(FrameError::TooLarge);
            }
            Ok(FromRelay::Frame(frame))
        }
        other => Err(FrameError::Version(other)),
    }
}

fn version(bytes: &Bytes) -> Result<u8, FrameError> {
    if bytes.len() > limits::LARGE_FRAME {
        return Err(FrameError::TooLarge);
    }
    bytes.first().copied().ok_or(FrameError::Empty)
}

fn encode(version: u8, message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + message.encoded_len());
    bytes.put_u8(version);
    message.encode(&mut bytes).expect("the buffer grows");
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{self, Ack, Hello, greeting};

    fn ack(position: u64) -> ClientFrame {
        ClientFrame { body: Some(client_frame::Body::Ack(Ack { position })) }
    }

    #[test]
    fn a_client_takes_the_highest_common_version() {
        assert_eq!(choose_version(1, 1), Some(1));
        assert_eq!(choose_version(1, 7), Some(1), "a newer relay that still speaks ours");
        assert_eq!(choose_version(2, 7), None, "a relay that is too new");
        assert_eq!(choose_version(0, 0), None, "a relay that is too old");
    }

    #[test]
    fn frames_come_back() {
        let bytes = encode_client(1, &ack(7));
        assert_eq!(decode_client(&bytes), Ok((1, ack(7))));
        let hello =
            Greeting { body: Some(greeting::Body::Hello(Hello { version_min: 1, ..Hello::default() })) };
        assert_eq!(decode_relay(&encode_greeting(&hello)), Ok(FromRelay::Greeting(hello)));
    }

    #[test]
    fn what_is_no_frame_is_refused_by_its_reason() {
        assert_eq!(decode_client(&Bytes::new()), Err(FrameError::Empty));
        assert_eq!(decode_client(&Bytes::from_static(&[9, 1])), Err(FrameError::Version(9)));
        assert_eq!(decode_client(&Bytes::from_static(&[1, 0xff])), Err(FrameError::Malformed));
        assert_eq!(decode_client(&Bytes::from(vec![1; limits::LARGE_FRAME + 1])), Err(FrameError::TooLarge));
    }

    #[test]
    fn only_what_may_carry_a_tree_is_larger_than_a_frame() {
        let request = |op| ClientFrame {
            body: Some(client_frame::Body::Request(wire::Request { id: 1, op: Some(op) })),
        };
        let large = Bytes::from(vec![7; limits::FRAME]);
        let commit = wire::Commit { commit: large.clone(), ..Default::default() };
        let commit = request(request::Op::Commit(commit));
        assert_eq!(decode_client(&encode_client(1, &commit)), Ok((1, commit)));
        let send = request(request::Op::Send(wire::Send { message: large.clone(), ..Default::default() }));
        assert_eq!(decode_client(&encode_client(1, &send)), Err(FrameError::TooLarge));

        let server = |body| ServerFrame { body: Some(body) };
        let entry = wire::Entry { position: 1, item: large.clone() };
        let push = server(server_frame::Body::Push(wire::Push { entries: vec![entry] }));
        assert_eq!(decode_relay(&encode_server(1, &push)), Ok(FromRelay::Frame(push)));
        let claim = wire::Claim { key_package: large, ..Default::default() };
        let claimed = wire::Claimed { claims: vec![claim], ..Default::default() };
        let result = Some(wire::response::Result::Claimed(claimed));
        let answer = server(server_frame::Body::Response(wire::Response { id: 1, result }));
        assert_eq!(decode_relay(&encode_server(1, &answer)), Err(FrameError::TooLarge));
    }

    #[test]
    fn a_request_that_this_version_does_not_know_has_no_op() {
        // field 99 of Request, length-delimited, empty: what a newer client would send
        let bytes = Bytes::from_static(&[1, 0x0a, 0x05, 0x08, 0x01, 0x9a, 0x06, 0x00]);
        let Ok((_, ClientFrame { body: Some(client_frame::Body::Request(request)) })) = decode_client(&bytes)
        else {
            panic!("an unknown field must not break the frame");
        };
        assert_eq!((request.id, request.op), (1, None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let bytes = Bytes::from(bytes);
            let _ = decode_client(&bytes);
            let _ = decode_relay(&bytes);
            let _ = decode_item(&bytes);
        }
    }
}
