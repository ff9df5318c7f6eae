//! What a business shows at its domain, so that an operator sees that the domain is its own.

use crate::outward::{Outward, OutwardError};

/// Where at the domain it stands.
pub const PATH: &str = "/.well-known/lacre-business";
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
