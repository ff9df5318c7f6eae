//! Links: the place where a new device and an old one of an account meet for a minute. Whoever knows a link's
//! name (32 bytes that only the two can know) puts a message of each step there once, and takes it once; what
//! the messages say is sealed or proved between the devices. The store holds only hashes of names.

use std::net::IpAddr;

use bytes::Bytes;
use lacre_proto::wire::{PutLink, TakeLink};
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_store::data::{Batch, Data, Expected, WriteError};

use super::accounts::network;
use super::rows::LinkRow;
use super::{Answered, Services, keys, not_written, refuse, rows, sha256, unavailable};
use crate::limits::Action;

/// The step that opens a link.
const OFFER: u8 = 1;
const STEPS: u8 = 3;

impl<D: Data> Services<D> {
    /// Puts a message of a linking; the first one opens the link.
    pub(crate) async fn put_link(&self, op: PutLink, peer: Option<IpAddr>, now: Millis) -> Answered<()> {
        let (hash, step) = name(&op.link, op.step)?;
        if op.body.is_empty() || op.body.len() > limits::LINK_BODY {
            return refuse(ErrorCode::TooLarge);
        }
        let mut batch = Batch::new().assert(keys::link(&hash, step), Expected::Absent);
        let expires_ms = if step == OFFER {
            if let Some(network) = peer.map(network) {
                self.limiter().take(Action::Link, &[&network], now)?;
            }
            let swept = now + (limits::LINK_CODE + limits::LINKING).as_millis() as Millis;
            batch = batch.put(keys::link_expiry(swept, &hash), Bytes::new());
            now + limits::LINK_CODE.as_millis() as Millis
        } else {
            // Only a link whose offer was taken in time goes on, and only for so long.
            let (offer, _) = self.link(&hash, OFFER).await?.ok_or(ErrorCode::NoSuchLink)?;
            let until = offer.expires_ms + limits::LINKING.as_millis() as Millis;
            if !offer.taken || until <= now {
                return refuse(ErrorCode::NoSuchLink);
            }
            until
        };
        let row = rows::encode(&LinkRow { expires_ms, body: op.body, taken: false });
        match self.0.data.write(batch.put(keys::link(&hash, step), row)).await {
            Ok(_) => Ok(()),
            Err(WriteError::Conflict(_)) => refuse(ErrorCode::NoSuchLink),
            Err(error) => Err(not_written(error)),
        }
    }

    /// Takes a message of a linking; empty while it is not there. A second taker is told that there is no such
    /// link, and so is one who comes too late.
    pub(crate) async fn take_link(&self, op: TakeLink, now: Millis) -> Answered<Bytes> {
        let (hash, step) = name(&op.link, op.step)?;
        let Some((row, bytes)) = self.link(&hash, step).await? else {
            // Whoever waits for an answer has put or taken the offer.
            return match self.link(&hash, OFFER).await? {
                Some((offer, _)) if step != OFFER && alive(&offer, now) => Ok(Bytes::new()),
                _ => refuse(ErrorCode::NoSuchLink),
            };
        };
        if row.taken || row.expires_ms <= now {
            return refuse(ErrorCode::NoSuchLink);
        }
        let key = keys::link(&hash, step);
        let taken = LinkRow { taken: true, body: Bytes::new(), ..row };
        let batch = Batch::new().assert(key.clone(), Expected::Value(bytes)).put(key, rows::encode(&taken));
        match self.0.data.write(batch).await {
            Ok(_) => Ok(row.body),
            Err(WriteError::Conflict(_)) => refuse(ErrorCode::NoSuchLink),
            Err(error) => Err(not_written(error)),
        }
    }

    async fn link(&self, hash: &[u8; 32], step: u8) -> Answered<Option<(LinkRow, Bytes)>> {
        let row = self.0.data.get(&keys::link(hash, step)).await.map_err(unavailable)?;
        row.map(|bytes| Ok((rows::decode(&bytes)?, bytes))).transpose()
    }
}

/// Whether a linking may still come to its end.
fn alive(offer: &LinkRow, now: Millis) -> bool {
    let more = if offer.taken { limits::LINKING.as_millis() as Millis } else { 0 };
    now < offer.expires_ms + more
}

fn name(link: &Bytes, step: u32) -> Answered<([u8; 32], u8)> {
    match u8::try_from(step) {
        Ok(step @ OFFER..=STEPS) if link.len() == 32 => Ok((sha256(link), step)),
        _ => refuse(ErrorCode::BadRequest),
    }
}
