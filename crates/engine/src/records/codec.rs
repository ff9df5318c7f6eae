//! A value in the store: a version byte, then postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::EngineError;

const VERSION: u8 = 1;

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("records serialize into memory")
}

pub(crate) fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, EngineError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => postcard::from_bytes(body).map_err(|_| EngineError::Corrupt(what)),
        _ => Err(EngineError::Corrupt(what)),
    }
}
