//! What a business shows at its domain, so that an operator sees that the domain is its own: a token at its
//! web server, or in a TXT record of a name below it.

mod message;
mod resolver;

pub use self::resolver::{Asking, Dns, Records, RecordsError};
use crate::outward::{Outward, OutwardError};

/// Where at the domain's web server it stands.
pub const PATH: &str = "/.well-known/lacre-business";
/// The name below the domain whose TXT records are looked at.
pub const LABEL: &str = "_lacre-business";
/// What the value of such a record begins with; the token follows.
pub const VALUE: &str = "lacre-business=";
/// Bytes of it at most: a token of 32 digits, and some air.
const MOST: usize = 256;

/// What stands at a domain, over HTTPS: small, at once, and there itself.
pub async fn look(out: &Outward, domain: &str) -> Result<String, OutwardError> {
    let to = out.destination(&format!("https://{domain}{PATH}"))?;
    let (status, body) = out.ask(&to, MOST).await?;
    if status.as_u16() != 200 {
        return Err(OutwardError::Status(status.as_u16()));
    }
    let text =
        String::from_utf8(body.to_vec()).map_err(|_| OutwardError::Http("it is no text".to_owned()))?;
    Ok(text.trim().to_owned())
}

/// The tokens that stand in a domain's records; who moves from one relay to another has several.
pub async fn look_up(records: &impl Records, domain: &str) -> Result<Vec<String>, RecordsError> {
    let values = records.txt(&format!("{LABEL}.{domain}")).await?;
    let token = |value: &Vec<u8>| {
        let token = value.strip_prefix(VALUE.as_bytes())?;
        let token = str::from_utf8(token).ok()?.trim();
        (!token.is_empty() && token.len() <= MOST).then(|| token.to_owned())
    };
    Ok(values.iter().filter_map(token).collect())
}
