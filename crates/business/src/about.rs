//! What the business says of itself to whoever looks it up: what programs have set of its profile, its picture, and what
//! is offered by itself, signed by the device and kept at the relay. Nothing goes there when nothing has changed.
//!
//! Keys of the table: `h` → the hash of what this node has said last; `s` → the picture's id, and the small picture that
//! was made of it.

use std::future::Future;

use lacre_media::picture;
use lacre_proto::profile::{ABOUT, ADDRESS, DESCRIPTION, EMAIL, is_website};
use lacre_store::data::{Batch, Key};
use sha2::{Digest, Sha256};
use url::Url;

pub use lacre_client::records::{Command, Profile};

use crate::api::automation::Automation;
use crate::api::picture::find;
use crate::api::{numbers, profile};
use crate::chat::{Chat, SendError};
use crate::media::{MediaError, Medium};
use crate::node::{Node, Ports};
use crate::store::{StoreError, bytes_of, table};

/// What the device has said last that the business says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The texts.
    pub profile: Profile,
    /// A small JPEG; empty when there is none.
    pub picture: Vec<u8>,
}

impl Presented {
    fn hash(&self) -> [u8; 32] {
        Sha256::digest(bytes_of(&(&self.profile, &self.picture))).into()
    }
}

/// The sealed side, where it says what the business says of itself.
pub trait Presenting {
    /// What was said last, by this node or another one of the business; `None` when nothing was.
    fn presented(&self) -> Result<Option<Presented>, SendError>;
    /// Says it in place of what was said before; it is durable in the device's outbox when this is done.
    fn present(&self, what: Presented) -> impl Future<Output = Result<(), SendError>> + Send;
}

/// Why nobody is told.
#[derive(Debug, thiserror::Error)]
pub enum PresentError {
    /// The node's store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The device does not take it.
    #[error(transparent)]
    Device(#[from] SendError),
}

impl<P: Ports> Node<P> {
    /// Has the device say what the business says of itself, where this node has something new to say.
    pub async fn present(&self) -> Result<(), PresentError> {
        self.say_of_itself(false).await
    }

    /// The same after something was set here: it stands, whatever another node has said since this one did. What is not
    /// said now is said later, and set all the same.
    pub(crate) async fn present_soon(&self) {
        if let Err(error) = self.say_of_itself(true).await {
            tracing::warn!(%error, "customers see later what the business says of itself");
        }
    }

    async fn say_of_itself(&self, is_set: bool) -> Result<(), PresentError> {
        if self.chat.review()?.is_none() {
            // Nobody would take it before the operator of the relay has made the account a business.
            return Ok(());
        }
        // One after the other, so that nothing older comes over what is newer.
        let _turn = self.presenting.lock().await;
        let number = numbers::read(self).await?;
        let wanted = Presented {
            profile: shown(&number.profile, &number.automation),
            picture: self.small_picture().await?,
        };
        let hash = wanted.hash();
        let told = self.chat.presented()?;
        let before: Option<[u8; 32]> = self.store.read("what was said of itself", &said()).await?;
        let has_nothing = wanted.profile == Profile::default() && wanted.picture.is_empty();
        match &told {
            Some(told) if *told == wanted => {}
            // Another node of the business has said something else since.
            Some(_) if !is_set && before == Some(hash) => return Ok(()),
            // Nothing was ever set at this one.
            _ if before.is_none() && has_nothing => return Ok(()),
            _ => self.chat.present(wanted).await?,
        }
        if before != Some(hash) {
            self.store.write(Batch::new().put(said(), bytes_of(&hash))).await?;
        }
        Ok(())
    }

    /// The picture as customers see it; made once, and empty when there is none, or none can be made of the file.
    async fn small_picture(&self) -> Result<Vec<u8>, StoreError> {
        let Some(medium) = find(self).await? else { return Ok(Vec::new()) };
        let made: Option<(u64, Vec<u8>)> = self.store.read("a small picture", &small()).await?;
        if let Some((_, picture)) = made.filter(|(of, _)| *of == medium.id) {
            return Ok(picture);
        }
        let picture = match self.bytes_of_picture(&medium).await {
            // Decoding takes long enough to be felt by who waits for something else.
            Ok(bytes) => tokio::task::spawn_blocking(move || made_small(&bytes)).await.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the picture of the profile cannot be read now; customers see none");
                return Ok(Vec::new());
            }
        };
        self.store.write(Batch::new().put(small(), bytes_of(&(medium.id, &picture)))).await?;
        Ok(picture)
    }

    async fn bytes_of_picture(&self, medium: &Medium) -> Result<Vec<u8>, MediaError> {
        let sealed = self.media.read(medium, &self.chat).await?;
        sealed.read(0..sealed.size()).await
    }
}

fn made_small(bytes: &[u8]) -> Vec<u8> {
    match picture::decode(bytes) {
        Ok(decoded) => picture::thumbnail(&decoded.pixels),
        Err(_) => Vec::new(),
    }
}

/// What programs have set, as it is said to customers: the API takes characters that are not shown, and the relay none.
fn shown(profile: &profile::Profile, Automation { prompts, commands }: &Automation) -> Profile {
    let command = |(name, description): &(String, String)| Command {
        name: line(name, usize::MAX),
        description: line(description, usize::MAX),
    };
    Profile {
        about: line(&profile.about, ABOUT),
        description: lines(&profile.description, DESCRIPTION),
        address: lines(&profile.address, ADDRESS),
        email: line(&profile.email, EMAIL),
        websites: profile.websites.iter().filter_map(|it| website(it)).collect(),
        vertical: profile.vertical.clone(),
        prompts: prompts.iter().map(|it| line(it, usize::MAX)).collect(),
        commands: commands.iter().map(command).collect(),
    }
}

/// An address as it was given, or as it is written in full; `None` when it is too long so.
fn website(text: &str) -> Option<String> {
    let full = || Url::parse(text).ok().map(String::from);
    let given = Some(text.to_owned());
    given.filter(|it| is_website(it)).or_else(full).filter(|it| is_website(it))
}

fn line(text: &str, most: usize) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(most).collect()
}

fn lines(text: &str, most: usize) -> String {
    let shown = text.chars().filter(|it| *it != '\r');
    shown.map(|it| if it.is_control() && it != '\n' { ' ' } else { it }).take(most).collect()
}

fn said() -> Key {
    Key::new(table::PROFILE, &[b"h"])
}

fn small() -> Key {
    Key::new(table::PROFILE, &[b"s"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_have_set_is_within_what_the_relay_takes() {
        let profile = profile::Profile {
            about: "Bread\r\nand \u{1b}[2Jcake".to_owned(),
            description: "We bake.\r\nAt night.\u{7}".to_owned(),
            websites: vec![
                "HTTPS://Bakery.example".to_owned(),
                "https://a.example/ü".to_owned(),
                format!("HTTP://a.example/{}", "ü".repeat(200)),
            ],
            ..profile::Profile::default()
        };
        let automation = Automation {
            prompts: vec!["Rye?\n".to_owned()],
            commands: vec![("order\t".to_owned(), "orders\nbread".to_owned())],
        };
        let said = shown(&profile, &automation);
        assert_eq!(said.about, "Bread  and  [2Jcake");
        assert_eq!(said.description, "We bake.\nAt night. ");
        assert_eq!(said.websites, ["https://bakery.example/", "https://a.example/ü"]);
        assert_eq!((said.prompts[0].as_str(), said.commands[0].name.as_str()), ("Rye? ", "order "));
        assert!(lacre_proto::profile::is_well_formed(&said.into()));
    }

    #[test]
    fn what_is_no_picture_is_shown_as_none() {
        assert!(made_small(b"\x89PNG\r\n\x1a\n of rye").is_empty());
        let pixels = picture::Pixels::new(2, 2, 3, vec![200; 12]).expect("as many as needed");
        let small = picture::thumbnail(&pixels);
        assert!(lacre_proto::profile::is_picture(&made_small(&small)));
    }
}
