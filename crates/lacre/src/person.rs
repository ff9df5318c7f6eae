//! Who somebody is, as people type it: a handle, or a link to a business.

use std::fmt;
use std::str::FromStr;

use lacre_client::transport::RelayAddress;
use lacre_proto::Handle;
use url::Url;

use crate::exit::{Exit, Failure};

/// By what name words stand in a link, and characters of them at most.
const WORDS: (&str, usize) = ("text", 140);

/// A handle, or a link `https://RELAY/b/NAME`, which may bring words to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    handle: Handle,
    relay: Option<RelayAddress>,
    words: Option<String>,
}

/// A text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPerson {
    /// It is no handle.
    #[error(transparent)]
    Handle(#[from] lacre_proto::id::BadHandle),
    /// It is a link to something else.
    #[error("a link to a business looks like https://relay.example/b/bakery")]
    Link,
}

impl Person {
    /// Whether a text is meant as a link.
    pub fn is_link(text: &str) -> bool {
        text.contains("://")
    }

    /// The handle, for who is at this relay: at another one the name may be somebody else's.
    pub fn at(&self, relay: &RelayAddress) -> Result<&Handle, Failure> {
        match &self.relay {
            Some(other) if other != relay => {
                let words = format!(
                    "this link is for the relay {other}, and you are at {relay}, where the name may be somebody else's; \
                     nothing was done"
                );
                Err(Failure::new(Exit::Refused, "another_relay", words))
            }
            _ => Ok(&self.handle),
        }
    }

    /// The words that a link brings. Not made safe for a screen.
    pub fn words(&self) -> Option<&str> {
        self.words.as_deref()
    }
}

impl FromStr for Person {
    type Err = BadPerson;

    fn from_str(text: &str) -> Result<Self, BadPerson> {
        if !Self::is_link(text) {
            return Ok(Self { handle: text.parse()?, relay: None, words: None });
        }
        let mut url = Url::parse(text.trim()).map_err(|_| BadPerson::Link)?;
        let path: Vec<&str> = url.path_segments().ok_or(BadPerson::Link)?.collect();
        let ["b", name] = path[..] else { return Err(BadPerson::Link) };
        let handle = name.parse()?;
        let words = url.query_pairs().find(|(name, _)| name == WORDS.0).map(|(_, words)| words.into_owned());
        let fits = |it: &String| {
            !it.trim().is_empty() && it.chars().count() <= WORDS.1 && !it.contains(char::is_control)
        };
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        let relay = url.as_str().parse().map_err(|_| BadPerson::Link)?;
        Ok(Self { handle, relay: Some(relay), words: words.filter(fits) })
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Person {
        text.parse().expect("somebody")
    }

    fn relay(text: &str) -> RelayAddress {
        text.parse().expect("an address")
    }

    #[test]
    fn a_link_is_its_business_at_its_own_relay_and_nobody_at_another() {
        let here = relay("https://relay.example");
        for text in
            ["bakery", "@Bakery", "https://relay.example/b/bakery", "https://RELAY.example:443/b/bakery"]
        {
            assert_eq!(read(text).at(&here).expect("it is here").as_str(), "bakery", "{text}");
        }
        for text in [
            "https://relay.example:8443/b/bakery",
            "https://relay.example.evil.example/b/bakery",
            "http://127.0.0.1/b/bakery",
        ] {
            assert!(read(text).at(&here).is_err(), "{text}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_no_link_to_a_business() {
        for bad in [
            "https://relay.example/",
            "https://relay.example/b/",
            "https://relay.example/b/bakery/more",
            "https://relay.example/c/bakery",
            "https://relay.example/b/%3Cx%3E",
            "https://ana:pw@relay.example/b/bakery",
            "http://relay.example/b/bakery",
            "ftp://relay.example/b/bakery",
            "://",
        ] {
            assert!(bad.parse::<Person>().is_err(), "{bad}");
        }
    }

    #[test]
    fn words_come_along_when_they_are_of_those_that_a_business_may_put_into_a_link() {
        let link = "https://relay.example/b/bakery";
        let words = |query: &str| read(&format!("{link}{query}")).words().map(str::to_owned);
        assert_eq!(words("?text=Have+you%20rye%3F").as_deref(), Some("Have you rye?"));
        assert_eq!(words("?code=x&text=Ol%C3%A1#top").as_deref(), Some("Olá"));
        let long = format!("?text={}", "a".repeat(141));
        for none in ["", "?code=x", "?text=", "?text=+", "?text=a%0Ab", "?text=%1B%5B2J", &long] {
            assert_eq!(words(none), None, "{none}");
        }
    }
}
