//! The link by which somebody asks to be let into a group. It opens nothing: who has it may ask the admin whom it
//! names, and an admin decides. It carries no key and no name of the group.

use std::fmt;
use std::str::FromStr;

use lacre_proto::{ConversationId, Handle, label};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::base32;

const PREFIX: &str = "LACRE:GROUP/";

/// By it an admin knows who was given the link: 24 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSecret(pub [u8; 24]);

/// A link to a group.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLink {
    /// The admin who is asked.
    pub admin: Handle,
    /// The group.
    pub group: ConversationId,
    /// What shows that one was given the link.
    pub secret: LinkSecret,
}

/// A text that is no link to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadGroupLink {
    /// It lets a device into an account.
    #[error(
        "this is a code for linking a device, not a link to a group; who gave it to you as one wants to get into your \
         account"
    )]
    LinksADevice,
    /// It is a code for something else.
    #[error("this is a Lacre code, but not a link to a group")]
    OtherPurpose,
    /// It is none at all, or a part of it is missing.
    #[error("this is not a link to a group; it begins with LACRE:GROUP/")]
    Malformed,
}

impl LinkSecret {
    /// A new one.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = [0; 24];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// What the members of a group keep of it: SHA-256, by which nobody can ask.
    pub fn hash(&self, group: ConversationId) -> [u8; 32] {
        Sha256::digest(label::group_link(group, &self.0)).into()
    }
}

/// Nobody's eyes but those of whom it is given to.
impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(..)")
    }
}

impl fmt::Debug for GroupLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupLink(..)")
    }
}

/// As it stands in a QR code and in a text.
impl fmt::Display for GroupLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 40];
        bytes[..16].copy_from_slice(&self.group.0);
        bytes[16..].copy_from_slice(&self.secret.0);
        let admin = self.admin.as_str().to_ascii_uppercase();
        write!(f, "{PREFIX}{admin}/{}", base32::letters(&bytes))
    }
}

impl FromStr for GroupLink {
    type Err = BadGroupLink;
    fn from_str(text: &str) -> Result<Self, BadGroupLink> {
        let text = text.trim().to_ascii_uppercase();
        let Some(rest) = text.strip_prefix(PREFIX) else {
            return Err(match text.strip_prefix("LACRE:") {
                Some(other) if other.starts_with("LINK/") => BadGroupLink::LinksADevice,
                Some(_) => BadGroupLink::OtherPurpose,
                None => BadGroupLink::Malformed,
            });
        };
        let (admin, letters) = rest.split_once('/').ok_or(BadGroupLink::Malformed)?;
        let admin = admin.to_ascii_lowercase().parse().map_err(|_| BadGroupLink::Malformed)?;
        let bytes: [u8; 40] = base32::bytes(letters).ok_or(BadGroupLink::Malformed)?;
        let (mut group, mut secret) = ([0; 16], [0; 24]);
        group.copy_from_slice(&bytes[..16]);
        secret.copy_from_slice(&bytes[16..]);
        Ok(Self { admin, group: ConversationId(group), secret: LinkSecret(secret) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{BadLinkCode, LinkCode, SafetyNumber};

    fn link() -> GroupLink {
        let secret = LinkSecret([0xa5; 24]);
        GroupLink { admin: "ana".parse().unwrap(), group: ConversationId([7; 16]), secret }
    }

    #[test]
    fn a_link_comes_back_from_its_text_in_any_case() {
        let text = link().to_string();
        assert!(text.starts_with("LACRE:GROUP/ANA/"), "{text}");
        assert_eq!(text.len(), "LACRE:GROUP/ANA/".len() + 64);
        assert_eq!(text.parse(), Ok(link()));
        assert_eq!(text.to_lowercase().parse(), Ok(link()));
        assert_eq!(text[..text.len() - 1].parse::<GroupLink>(), Err(BadGroupLink::Malformed));
        assert_eq!(format!("{text}0").parse::<GroupLink>(), Err(BadGroupLink::Malformed));
        assert_eq!(text.replace("ANA", "no one").parse::<GroupLink>(), Err(BadGroupLink::Malformed));
        assert_eq!("".parse::<GroupLink>(), Err(BadGroupLink::Malformed));
    }

    #[test]
    fn d04_a_group_link_and_every_other_code_refuse_each_other() {
        let code = LinkCode::generate(&mut rand_chacha::ChaCha20Rng::from_seed([1; 32]));
        let (qr, typed) = (code.to_qr(), code.to_typed());
        assert_eq!(qr.parse::<GroupLink>(), Err(BadGroupLink::LinksADevice));
        assert_eq!(qr.to_lowercase().parse::<GroupLink>(), Err(BadGroupLink::LinksADevice));
        assert_eq!(typed.parse::<GroupLink>(), Err(BadGroupLink::Malformed));
        assert_eq!("LACRE:SAFETY/1/0000".parse::<GroupLink>(), Err(BadGroupLink::OtherPurpose));
        let text = link().to_string();
        assert!(matches!(text.parse::<LinkCode>(), Err(BadLinkCode::OtherPurpose)));
        let letters = text.rsplit('/').next().unwrap();
        assert!(
            matches!(letters.parse::<LinkCode>(), Err(BadLinkCode::Malformed)),
            "nor without its beginning"
        );
        assert!(text.parse::<SafetyNumber>().is_err());
    }

    #[test]
    fn the_hash_of_a_secret_is_of_one_group() {
        let secret = LinkSecret([1; 24]);
        assert_ne!(secret.hash(ConversationId([1; 16])), secret.hash(ConversationId([2; 16])));
        assert_ne!(secret.hash(ConversationId([1; 16])), LinkSecret([2; 24]).hash(ConversationId([1; 16])));
    }

    use rand_core::SeedableRng;
}
