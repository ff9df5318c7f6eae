//! Where a request goes: its path without the version, its query, and the links that the node signs itself.

use axum::http::Uri;
use hmac::{Hmac, Mac};
use lacre_proto::Millis;
use sha2::Sha256;
use url::Url;
use url::form_urlencoded::parse;

/// How long a link to the next page works.
const LINK_LIFE: Millis = 10 * 60 * 1000;
/// Whose link it is.
pub(super) const BY: &str = "by";
const EXPIRES: &str = "expires";
const SIGNATURE: &str = "signature";

/// The address of a request.
#[derive(Debug, Clone)]
pub struct Address {
    /// `v23.0`, when the path began with a version.
    pub version: Option<String>,
    /// The rest, cut at the slashes; empty pieces are gone.
    pub segments: Vec<String>,
    /// The query, decoded, in its order.
    pub query: Vec<(String, String)>,
}

impl Address {
    /// Reads the address of a request. Whether there is anything there is another question.
    pub fn of(uri: &Uri) -> Self {
        let mut segments: Vec<String> =
            uri.path().split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let version = segments.first().is_some_and(|it| is_version(it)).then(|| segments.remove(0));
        let query = parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Self { version, segments, query }
    }

    /// A parameter of the query; the last of that name.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// This address with other parameters. It opens with the token alone that it was asked for with.
    pub fn with(&self, public: &Url, set: &[(&str, &str)]) -> Url {
        self.under(public, self.query_with(set))
    }

    /// This address with other parameters, signed: it opens without a token until it expires.
    pub fn signed(&self, public: &Url, secret: &[u8; 32], set: &[(&str, &str)], now: Millis) -> Url {
        self.signed_for(public, secret, set, now + LINK_LIFE)
    }

    /// As [`Self::signed`], with another end.
    pub fn signed_for(&self, public: &Url, secret: &[u8; 32], set: &[(&str, &str)], until: Millis) -> Url {
        let mut query = self.query_with(set);
        query.push((EXPIRES.to_owned(), until.to_string()));
        let signature = hex::encode(self.mac(secret, &query).finalize().into_bytes());
        query.push((SIGNATURE.to_owned(), signature));
        self.under(public, query)
    }

    /// The query with other parameters, and without what is one request's own.
    fn query_with(&self, set: &[(&str, &str)]) -> Vec<(String, String)> {
        const LEFT_OUT: [&str; 7] =
            ["access_token", "appsecret_proof", "after", "before", BY, EXPIRES, SIGNATURE];
        let stays = |key: &str| !LEFT_OUT.contains(&key) && set.iter().all(|(name, _)| *name != key);
        let kept = self.query.iter().filter(|(key, _)| stays(key)).cloned();
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        kept.chain(set).collect()
    }

    fn under(&self, public: &Url, query: Vec<(String, String)>) -> Url {
        let path =
            self.version.iter().chain(&self.segments).map(String::as_str).collect::<Vec<_>>().join("/");
        let mut url = public.clone();
        url.set_path(&format!("{}/{path}", public.path().trim_end_matches('/')));
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    /// Whether the node signed this address, and its time is not over.
    pub fn is_signed(&self, secret: &[u8; 32], now: Millis) -> bool {
        let Some(given) = self.query(SIGNATURE).and_then(|it| hex::decode(it).ok()) else { return false };
        let live =
            self.query(EXPIRES).and_then(|it| it.parse().ok()).is_some_and(|until: Millis| until > now);
        let signed: Vec<_> = self.query.iter().filter(|(key, _)| key != SIGNATURE).cloned().collect();
        live && self.mac(secret, &signed).verify_slice(&given).is_ok()
    }

    /// Over path and query; every piece with its length, so that no two addresses look alike. The order counts.
    fn mac(&self, secret: &[u8; 32], query: &[(String, String)]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        mac.update(b"signed link");
        mac.update(&(self.segments.len() as u64).to_be_bytes());
        let pieces = self.segments.iter().chain(query.iter().flat_map(|(key, value)| [key, value]));
        for piece in pieces {
            mac.update(&(piece.len() as u64).to_be_bytes());
            mac.update(piece.as_bytes());
        }
        mac
    }
}

/// `v23.0`: any version is as good as another.
fn is_version(segment: &str) -> bool {
    let digits = |it: &str| (1..=3).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_digit());
    segment
        .strip_prefix('v')
        .is_some_and(|it| it.split_once('.').map_or_else(|| digits(it), |(a, b)| digits(a) && digits(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(uri: &str) -> Address {
        Address::of(&uri.parse().expect("a URI"))
    }

    #[test]
    fn any_version_or_none_and_a_slash_at_the_end_lead_to_the_same_place() {
        for uri in ["/123/messages", "/v13.0/123/messages", "/v26.0/123/messages/", "//123/messages/"] {
            assert_eq!(address(uri).segments, ["123", "messages"], "{uri}");
        }
        assert_eq!(address("/v13.0/").segments, Vec::<String>::new());
        assert_eq!(address("/vx/1").segments, ["vx", "1"]);
        assert_eq!(address("/1?a=%C3%A7+b&a=2").query("a"), Some("2"));
    }

    #[test]
    fn a_signed_link_opens_what_was_signed_and_that_for_ten_minutes() {
        let public: Url = "https://node.example/api/".parse().expect("a URL");
        let asked = address("/v14.0/77/message_templates?access_token=s3cret&limit=2&after=x");
        let link = asked.signed(&public, &[7; 32], &[("after", "Yg")], 1_000);
        assert!(
            link.as_str().starts_with("https://node.example/api/v14.0/77/message_templates?limit=2&after=Yg")
        );
        assert!(!link.as_str().contains("s3cret"));

        let followed =
            |text: &str| address(text.strip_prefix("https://node.example/api").expect("it begins so"));
        assert!(followed(link.as_str()).is_signed(&[7; 32], 1_001));
        assert!(!followed(link.as_str()).is_signed(&[7; 32], 1_000 + LINK_LIFE), "its time is over");
        assert!(!followed(link.as_str()).is_signed(&[8; 32], 1_001), "another node");
        for (from, to) in
            [("/77/", "/78/"), ("limit=2", "limit=9"), ("after=Yg", "after=Zg"), ("&sig", "&x=1&sig")]
        {
            assert!(!followed(&link.as_str().replace(from, to)).is_signed(&[7; 32], 1_001), "{to}");
        }
        let later = link.as_str().replace(&(1_000 + LINK_LIFE).to_string(), "99999999999");
        assert!(!followed(&later).is_signed(&[7; 32], 1_001), "a longer time");
    }
}
