//! A relay's address, as people type it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use url::{Host, Url};

/// Where a relay listens: `https://host:port`, `host:port`, or `http://127.0.0.1:port` on this machine only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelayAddress {
    host: Host<String>,
    port: u16,
    tls: bool,
}

/// A text that is no relay's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is not of any form that is understood.
    #[error("a relay's address looks like https://relay.example:8443")]
    Form,
    /// It names more than a host and a port.
    #[error("a relay's address is a host and a port, without a path, a user or a question mark")]
    Extra,
    /// Unencrypted, and not this machine.
    #[error("an unencrypted connection is made only to this machine itself; write https:// instead")]
    PlainOffLoopback,
}

impl RelayAddress {
    /// The host, for names and certificates; an IPv6 address without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection is encrypted.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Whether it is this machine itself: a loopback address, or the name `localhost`.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        }
    }

    /// The address to connect to when it needs no resolver: `localhost` is never asked of one.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Domain(name) if name == "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some((*ip).into()),
            Host::Ipv6(ip) => Some((*ip).into()),
        }
    }
}

impl FromStr for RelayAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let text = text.trim();
        let url = match text.split_once("://") {
            None => Url::parse(&format!("https://{text}")),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "https" | "wss" => Url::parse(&format!("https://{rest}")),
                "http" | "ws" => Url::parse(&format!("http://{rest}")),
                _ => return Err(BadAddress::Form),
            },
        }
        .map_err(|_| BadAddress::Form)?;
        let nothing_more = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !nothing_more {
            return Err(BadAddress::Extra);
        }
        let address = Self {
            host: url.host().ok_or(BadAddress::Form)?.to_owned(),
            port: url.port_or_known_default().ok_or(BadAddress::Form)?,
            tls: url.scheme() == "https",
        };
        if !address.tls && !address.is_loopback() {
            return Err(BadAddress::PlainOffLoopback);
        }
        Ok(address)
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelayAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, BadAddress> {
        text.parse::<RelayAddress>().map(|address| address.to_string())
    }

    #[test]
    fn the_forms_that_people_type_are_understood() {
        assert_eq!(shown("https://relay.example:8443").as_deref(), Ok("https://relay.example:8443"));
        assert_eq!(shown("https://Relay.Example/").as_deref(), Ok("https://relay.example:443"));
        assert_eq!(shown("relay.example:8443").as_deref(), Ok("https://relay.example:8443"));
        assert_eq!(shown("127.0.0.1:8443").as_deref(), Ok("https://127.0.0.1:8443"));
        assert_eq!(shown("http://127.0.0.1:8080").as_deref(), Ok("http://127.0.0.1:8080"));
        assert_eq!(shown("ws://localhost:8080").as_deref(), Ok("http://localhost:8080"));
        assert_eq!(shown("[::1]:8443").as_deref(), Ok("https://[::1]:8443"));
    }

    #[test]
    fn plain_connections_stay_on_this_machine() {
        assert_eq!(shown("http://relay.example:8080"), Err(BadAddress::PlainOffLoopback));
        assert_eq!(shown("http://192.0.2.1"), Err(BadAddress::PlainOffLoopback));
        assert_eq!(
            shown("http://localhost.example"),
            Err(BadAddress::PlainOffLoopback),
            "a name that only begins like this machine's"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(shown(""), Err(BadAddress::Form));
        assert_eq!(shown("ftp://relay.example"), Err(BadAddress::Form));
        assert_eq!(shown("https://relay.example/socket"), Err(BadAddress::Extra));
        assert_eq!(shown("https://ana:secret@relay.example"), Err(BadAddress::Extra));
        assert_eq!(shown("relay.example:99999"), Err(BadAddress::Form));
    }

    #[test]
    fn an_address_comes_back_from_its_text() {
        for text in ["https://relay.example:8443", "http://127.0.0.1:1", "https://[::1]:443"] {
            let address: RelayAddress = text.parse().unwrap();
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
