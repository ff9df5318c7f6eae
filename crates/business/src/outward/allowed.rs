//! A host that the operator allowed by name.

use std::fmt;
use std::str::FromStr;

use super::{OutwardError, without_dot};

/// A host that may be called at any address and without TLS: `HOST` at any port, `HOST:PORT` at that one. An address of
/// IPv6 with a port stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allowed {
    /// As URLs have it, in lower case; an address of IPv6 without its brackets.
    pub host: String,
    /// At which port; at any when `None`.
    pub port: Option<u16>,
}

impl FromStr for Allowed {
    type Err = OutwardError;

    fn from_str(text: &str) -> Result<Self, OutwardError> {
        let bad = || OutwardError::Settings(format!("{text} is no host, nor a host with a port"));
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
                (host, rest.strip_prefix(':'))
            }
            // More than one colon is an address of IPv6.
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map(|it| it.parse().map_err(|_| bad())).transpose()?;
        let host = without_dot(host).to_ascii_lowercase();
        if host.is_empty() || host.contains(['/', '@', ' ']) { Err(bad()) } else { Ok(Self { host, port }) }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.host.contains(':')) {
            (None, _) => f.write_str(&self.host),
            (Some(port), true) => write!(f, "[{}]:{port}", self.host),
            (Some(port), false) => write!(f, "{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_stands_with_a_port_or_without() {
        let read = |text: &str| text.parse::<Allowed>().map(|it| (it.host, it.port));
        for (text, host, port) in [
            ("Shop.internal.", "shop.internal", None),
            ("shop.internal:8443", "shop.internal", Some(8443)),
            ("10.0.0.7:80", "10.0.0.7", Some(80)),
            ("fd00::7", "fd00::7", None),
            ("[fd00::7]", "fd00::7", None),
            ("[fd00::7]:443", "fd00::7", Some(443)),
        ] {
            assert_eq!(read(text), Ok((host.to_owned(), port)), "{text}");
        }
        for text in ["", ":80", "shop:", "shop:x", "shop:70000", "https://shop", "[fd00::7", "a b"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
