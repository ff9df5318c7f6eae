//! What a message says: each `type` of the API as the sealed side's own words.

use super::super::error::ApiError;
use super::super::reader::At;
use super::super::wamid;
use super::template::Filled;
use super::{contacts, interactive, media};
use crate::chat::{Card, Category, Header, MediaKind, Outgoing, Place};
use crate::node::{Node, Ports};
use crate::templates::Purpose;

const BODY_MAX: usize = 4_096;
const CAPTION_MAX: usize = 1_024;
const EMOJI_MAX: usize = 16;

/// A message that was read and checked; files are not fetched yet.
pub(super) enum Draft<'a> {
    /// There is nothing more to fetch.
    Ready(Box<Outgoing>),
    /// A file with its caption.
    Media(MediaKind, At<'a>, &'a str),
    /// A card whose header is a file.
    Card(Box<Card>, MediaKind, At<'a>),
    /// A template.
    Template(Box<Filled<'a>>),
}

impl<'a> Draft<'a> {
    pub async fn read<P: Ports>(node: &Node<P>, params: &At<'a>) -> Result<Self, ApiError> {
        let kind = params.maybe_text("type", 40)?.to_ascii_lowercase();
        let kind = if kind.is_empty() { "text" } else { kind.as_str() };
        Ok(match kind {
            "text" => {
                let body = params.need("text")?.need("body")?.text(1, BODY_MAX)?;
                Self::ready(Outgoing::Text(body.to_owned()))
            }
            "image" => Self::media(params.need("image")?, MediaKind::Image, true)?,
            "video" => Self::media(params.need("video")?, MediaKind::Video, true)?,
            "document" => Self::media(params.need("document")?, MediaKind::Document, true)?,
            "sticker" => Self::media(params.need("sticker")?, MediaKind::Sticker, false)?,
            "audio" => {
                let audio = params.need("audio")?;
                let kind = if audio.flag("voice")? { MediaKind::Voice } else { MediaKind::Audio };
                Self::media(audio, kind, false)?
            }
            "location" => Self::ready(Outgoing::Place(place(&params.need("location")?)?)),
            "contacts" => Self::ready(Outgoing::Contacts(contacts::vcards(&params.need("contacts")?)?)),
            "reaction" => Self::ready(reaction(&params.need("reaction")?)?),
            "interactive" => interactive::read(node, &params.need("interactive")?).await?,
            "template" => Self::Template(Box::new(Filled::read(node, &params.need("template")?).await?)),
            _ => {
                let kinds = "text, image, video, audio, document, sticker, location, contacts, interactive, template \
                             or reaction";
                return Err(ApiError::Unsupported(format!("type must be {kinds}")));
            }
        })
    }

    /// What there is nothing more to fetch for.
    pub fn ready(what: Outgoing) -> Self {
        Self::Ready(Box::new(what))
    }

    fn media(at: At<'a>, kind: MediaKind, has_caption: bool) -> Result<Self, ApiError> {
        media::check(&at)?;
        let caption = at.maybe_text("caption", CAPTION_MAX)?;
        if !caption.is_empty() && !has_caption {
            return Err(at.bad("cannot have a caption"));
        }
        Ok(Self::Media(kind, at, caption))
    }

    /// What the template is for; `None` when it is free-form.
    pub fn purpose(&self) -> Option<Purpose> {
        match self {
            Self::Template(filled) => Some(filled.template.purpose),
            Self::Ready(_) | Self::Media(..) | Self::Card(..) => None,
        }
    }

    /// Whether it says something about a message, and is none itself.
    pub fn is_reaction(&self) -> bool {
        matches!(self, Self::Ready(what) if matches!(**what, Outgoing::Reaction(..)))
    }

    /// The id of the template; `None` when it is free-form.
    pub fn template(&self) -> Option<u64> {
        match self {
            Self::Template(filled) => Some(filled.template.id),
            Self::Ready(_) | Self::Media(..) | Self::Card(..) => None,
        }
    }

    /// What a customer must have consented to.
    pub fn category(&self) -> Category {
        self.purpose().map_or(Category::Service, Purpose::category)
    }

    /// Fetches what is to be fetched.
    pub async fn finish<P: Ports>(self, node: &Node<P>) -> Result<Outgoing, ApiError> {
        Ok(match self {
            Self::Ready(outgoing) => *outgoing,
            Self::Media(kind, at, caption) => {
                Outgoing::Media(kind, media::file(node, &at, kind).await?, caption.to_owned())
            }
            Self::Card(card, kind, at) => {
                let header = Some(Header::Media(kind, media::file(node, &at, kind).await?));
                Outgoing::Card(Card { header, ..*card })
            }
            Self::Template(filled) => Outgoing::Card(filled.card(node).await?),
        })
    }
}

/// A place: `latitude`, `longitude`, `name`, `address`.
pub fn place(at: &At<'_>) -> Result<Place, ApiError> {
    Ok(Place {
        latitude: at.need("latitude")?.number(-90.0, 90.0)?,
        longitude: at.need("longitude")?.number(-180.0, 180.0)?,
        name: at.maybe_text("name", 1_000)?.to_owned(),
        address: at.maybe_text("address", 1_000)?.to_owned(),
    })
}

fn reaction(at: &At<'_>) -> Result<Outgoing, ApiError> {
    let id = at.need("message_id")?;
    let message = wamid::parse(id.text(1, 200)?).ok_or_else(|| id.bad("must be the id of a message"))?;
    let emoji = at.maybe_text("emoji", EMOJI_MAX)?;
    if emoji.chars().any(|it| it.is_alphabetic() || it.is_whitespace() || it.is_control()) {
        return Err(at.need("emoji")?.bad("must be one emoji"));
    }
    Ok(Outgoing::Reaction(message, emoji.to_owned()))
}
