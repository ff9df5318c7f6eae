//! What businesses say of themselves. It is their word, and nobody has checked it.

use lacre_proto::{AccountId, Millis, wire};
use serde::{Deserialize, Serialize};

use super::{Records, key};
use crate::EngineError;

/// What a business says of itself, as a device of it has signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRecord {
    /// The business.
    pub business: AccountId,
    /// What is said. The picture stands by itself: [`Records::profile_picture`].
    pub profile: Profile,
    /// When it was signed, by the relay's time.
    pub issued_ms: Millis,
    /// Grows with each.
    pub revision: u64,
    /// SHA-256 of the document: an encoded `Signed` over a `BusinessProfile`.
    pub hash: [u8; 32],
    /// Whether the relay has it.
    pub acknowledged: bool,
}

/// What a business says of itself; texts may be empty. Not made safe for a screen.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// One line.
    pub about: String,
    /// What it does.
    pub description: String,
    /// Where it is.
    pub address: String,
    /// How it is written to.
    pub email: String,
    /// Each begins with `http://` or `https://`.
    pub websites: Vec<String>,
    /// Its trade, by the Cloud API's name.
    pub vertical: String,
    /// Lines for a customer to begin with.
    pub prompts: Vec<String>,
    /// What a customer can write to it after a stroke.
    pub commands: Vec<Command>,
}

/// Texts of people go into no log.
impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

/// Something that a customer can write to a business: a stroke and the name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Without the stroke.
    pub name: String,
    /// What comes of it.
    pub description: String,
}

impl From<wire::BusinessProfile> for Profile {
    fn from(it: wire::BusinessProfile) -> Self {
        let commands = it.commands.into_iter();
        Self {
            about: it.about,
            description: it.description,
            address: it.address,
            email: it.email,
            websites: it.websites,
            vertical: it.vertical,
            prompts: it.prompts,
            commands: commands
                .map(|wire::BusinessCommand { name, description }| Command { name, description })
                .collect(),
        }
    }
}

impl From<Profile> for wire::BusinessProfile {
    fn from(it: Profile) -> Self {
        let Profile { about, description, address, email, websites, vertical, prompts, commands } = it;
        let commands = commands
            .into_iter()
            .map(|Command { name, description }| wire::BusinessCommand { name, description })
            .collect();
        Self { about, description, address, email, websites, vertical, prompts, commands, ..Self::default() }
    }
}

impl Records<'_> {
    /// What a business says of itself.
    pub fn profile(&self, business: AccountId) -> Result<Option<ProfileRecord>, EngineError> {
        self.read("profile", &key::account(key::PROFILE, business))
    }

    /// The picture that a business shows of itself: what calls itself a small JPEG; empty when there is none.
    pub fn profile_picture(&self, business: AccountId) -> Result<Vec<u8>, EngineError> {
        let picture = self.read("profile picture", &key::account(key::PROFILE_PICTURE, business))?;
        Ok(picture.unwrap_or_default())
    }
}
