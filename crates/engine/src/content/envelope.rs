//! The plaintext of an MLS application message:
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version: 1, or 3 with a signature |
//! | 4 | counter, big-endian: how many messages this device sealed before this one in the MLS group |
//! | 4 | length of the content, big-endian |
//! | 64 | in version 3: the author's signature under the content (`identity::author`) |
//! | length | MIMI content |
//! | rest | zeros, up to the next PADMÉ size (Nikitin et al., 2019, algorithm 1) |
//!
//! The counter shows what is missing of a sender and puts what came late in its place; the padding leaves only
//! about log log n bits of the size to be seen, for at most 12 % more bytes.

use lacre_proto::limits;

const VERSION: u8 = 1;
/// The version of what is said in passing: it is not counted, so that nothing seems to be missing when it is lost.
const PASSING: u8 = 2;
/// The version of what its author signs.
const SIGNED: u8 = 3;
const HEAD: usize = 9;
const SIGNATURE: usize = 64;

/// What lies in an envelope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// How many messages the sending device sealed before this one in the MLS group.
    pub counter: u32,
    /// The author's signature under the content, not looked at; `None` where there is none.
    pub signature: Option<&'a [u8; SIGNATURE]>,
    /// MIMI content, not decoded.
    pub content: &'a [u8],
}

impl std::fmt::Debug for Envelope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({}, ..)", self.counter)
    }
}

/// Why bytes are not an envelope. The peer's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Over the limit of a sealed message.
    #[error("the envelope is over its limit")]
    TooLarge,
    /// A version that this one does not know.
    #[error("the envelope is of version {0}, which is not known here")]
    Version(u8),
    /// Cut off, of a size that is not the one of its content, or with something in its padding.
    #[error("the envelope does not hold together")]
    Malformed,
}

/// Puts content into an envelope; at most so much that it can still be sealed.
pub fn encode(Envelope { counter, signature, content }: Envelope<'_>) -> Result<Vec<u8>, EnvelopeError> {
    let signature = signature.map_or(&[][..], |signature| signature);
    let size = padme(HEAD + signature.len() + content.len());
    // What MLS adds to a plaintext is well below a KiB.
    if size + 1024 > limits::SEALED_MESSAGE {
        return Err(EnvelopeError::TooLarge);
    }
    let length = u32::try_from(content.len()).map_err(|_| EnvelopeError::TooLarge)?;
    let mut bytes = Vec::with_capacity(size);
    bytes.push(if signature.is_empty() { VERSION } else { SIGNED });
    bytes.extend_from_slice(&counter.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(signature);
    bytes.extend_from_slice(content);
    bytes.resize(size, 0);
    Ok(bytes)
}

/// Takes content out of an envelope.
pub fn decode(bytes: &[u8]) -> Result<Envelope<'_>, EnvelopeError> {
    if bytes.len() > limits::SEALED_MESSAGE {
        return Err(EnvelopeError::TooLarge);
    }
    let (&version, rest) = bytes.split_first().ok_or(EnvelopeError::Malformed)?;
    if !matches!(version, VERSION | SIGNED) {
        return Err(EnvelopeError::Version(version));
    }
    let (counter, rest) = rest.split_first_chunk().ok_or(EnvelopeError::Malformed)?;
    let (length, rest) = rest.split_first_chunk().ok_or(EnvelopeError::Malformed)?;
    let length = u32::from_be_bytes(*length) as usize;
    let (signature, rest) = if version == SIGNED {
        let (signature, rest) = rest.split_first_chunk().ok_or(EnvelopeError::Malformed)?;
        (Some(signature), rest)
    } else {
        (None, rest)
    };
    let (content, padding) = rest.split_at_checked(length).ok_or(EnvelopeError::Malformed)?;
    if padding.iter().any(|&byte| byte != 0) || bytes.len() != padme(bytes.len() - padding.len()) {
        return Err(EnvelopeError::Malformed);
    }
    Ok(Envelope { counter: u32::from_be_bytes(*counter), signature, content })
}

/// Puts content into an envelope of what is said in passing.
pub fn encode_passing(content: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let mut bytes = encode(Envelope { counter: 0, signature: None, content })?;
    bytes[0] = PASSING;
    Ok(bytes)
}

/// Whether these bytes were said in passing.
pub fn is_passing(bytes: &[u8]) -> bool {
    bytes.first() == Some(&PASSING)
}

/// Takes content out of an envelope of what was said in passing.
pub fn decode_passing(bytes: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    match bytes.split_first() {
        Some((&PASSING, rest)) => {
            let counted = [&[VERSION], rest].concat();
            decode(&counted).map(|envelope| envelope.content.to_vec())
        }
        Some((&version, _)) => Err(EnvelopeError::Version(version)),
        None => Err(EnvelopeError::Malformed),
    }
}

/// The PADMÉ size for this many bytes: of its binary digits only as many are kept, from the front, as it takes
/// to count them.
pub fn padme(length: usize) -> usize {
    let Some(exponent) = length.checked_ilog2().filter(|&exponent| exponent > 0) else { return length };
    let kept = exponent.ilog2() + 1;
    let mask = (1 << (exponent - kept)) - 1;
    (length + mask) & !mask
}
