//! What the node says, as content; and files that come and go.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lacre_client::content::{self, Content, FileRef, Media, Preview, Voice, kinds};
use lacre_client::files::{Folder, Transfer};
use lacre_client::records::FileId;
use lacre_client::{Intent, IntentError, Queued, Refusal, To, Wish};
use lacre_media::voice;
use lacre_proto::{ConversationId, limits};
use lacre_store::data::Data;
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;

use super::Sealed;
use crate::chat::{
    Button, Card, Category, Choice, File, Header, MediaKind, MessageId, Offer, Outgoing, Place, Said,
    Section, Send, SendError,
};

/// What is asked for under a value is the same by the value alone: a file that is brought again from a link lies
/// elsewhere than the first time.
const SAME: &[u8] = b"";

impl<D: Data> Sealed<D> {
    pub(super) async fn say(&self, send: Send) -> Result<Said, SendError> {
        self.permit(send.to).await?;
        let conversation = self.with(send.to)?.id;
        // What was said before is not made again: its file may be there no more.
        if let Some(id) = self.before(send.dedupe)? {
            return Ok(Said { id, hold: None });
        }
        let once = hex::encode(send.dedupe);
        let intent = self.intent(conversation, send).await?;
        let hold = self.saying.clone().read_owned().await;
        let done = self.client.intend_once(&once, SAME, intent).await.map_err(|error| refused(&error))?;
        Ok(Said { id: id_of(done.queued, &once), hold: Some(hold) })
    }

    /// What was said under a value.
    pub(super) fn before(&self, dedupe: [u8; 16]) -> Result<Option<MessageId>, SendError> {
        let once = hex::encode(dedupe);
        let before = self.client.done_before(&once, SAME).map_err(|error| refused(&error))?;
        Ok(before.map(|done| id_of(done.queued, &once)))
    }

    async fn intent(&self, conversation: ConversationId, send: Send) -> Result<Intent, SendError> {
        let in_reply_to = match send.in_reply_to {
            Some(message) => Some(self.row_of(message).await?),
            None => None,
        };
        let content = match send.what {
            Outgoing::Text(text) => Content::Text { text },
            Outgoing::Place(place) => Content::Place(place_of(&place)?),
            Outgoing::Card(card) => Content::Menu(self.menu(card, send.category).await?),
            Outgoing::Media(kind, file, caption) => self.media(kind, &file, caption).await?,
            Outgoing::Contacts(card) => {
                let path = self.folder.join(format!("{}.vcf", hex::encode(send.dedupe)));
                let written = tokio::fs::write(&path, card).await;
                written.map_err(|error| SendError::File(error.kind().to_string()))?;
                let name = Some("contacts.vcf".to_owned());
                let sealed = self.seal(path.clone(), name, "text/vcard".to_owned()).await;
                let _ = tokio::fs::remove_file(&path).await;
                Content::Media(alone(sealed?))
            }
            Outgoing::Reaction(message, emoji) => {
                let emoji = (!emoji.is_empty()).then_some(emoji);
                return Ok(Intent::React(conversation, self.row_of(message).await?, emoji));
            }
        };
        let wish = Wish { in_reply_to, ..Wish::default() };
        Ok(Intent::Say(To::Conversation(conversation), content, wish))
    }

    /// A file as the kind of content that it is sent as.
    async fn media(&self, kind: MediaKind, file: &File, caption: String) -> Result<Content, SendError> {
        let heard = match kind {
            MediaKind::Voice => self.listen(file.plain().to_owned()).await?,
            _ => None,
        };
        let sealed = self.seal(file.plain().to_owned(), file.name.clone(), file.mime.clone()).await?;
        Ok(match (kind, heard) {
            (_, Some((duration_ms, waveform))) => {
                Content::Voice(Voice { file: sealed, duration_ms, waveform })
            }
            // What is no Ogg Opus is sound like any other.
            (MediaKind::Voice, None) => Content::Media(alone(sealed)),
            (MediaKind::Sticker, _) => Content::Media(Media { sticker: true, ..alone(sealed) }),
            _ => Content::Media(Media { caption, ..alone(sealed) }),
        })
    }

    /// How long a voice note is, in milliseconds, and how loud over time; `None` when it is none that is understood.
    async fn listen(&self, path: PathBuf) -> Result<Option<(u32, Vec<u8>)>, SendError> {
        // Half an hour is many megabytes while it is listened to: one at a time.
        let _alone = self.listening.lock().await;
        let work = move || {
            let mut note = Vec::new();
            let file = fs::File::open(path)?;
            file.take(voice::FILE as u64 + 1).read_to_end(&mut note)?;
            if note.len() > voice::FILE {
                return Ok(None);
            }
            let Ok(samples) = voice::decode(&note) else { return Ok(None) };
            let duration_ms = voice::duration(&note).unwrap_or_default();
            Ok(Some((duration_ms, voice::waveform(&samples).to_vec())))
        };
        let heard: io::Result<_> = tokio::task::spawn_blocking(work).await.map_err(|_| lost_worker())?;
        heard.map_err(|error| SendError::File(error.kind().to_string()))
    }

    /// A card as content.
    async fn menu(&self, card: Card, category: Category) -> Result<content::Menu, SendError> {
        let mut above = None;
        let header = match card.header {
            None => String::new(),
            Some(Header::Text(text)) => text,
            Some(Header::Place(place)) => format!("{} {}", place.name, place.address).trim().to_owned(),
            Some(Header::Media(_, file)) => {
                let sealed = self.seal(file.plain().to_owned(), file.name, file.mime).await?;
                above = Some(Box::new((sealed, Preview::default())));
                String::new()
            }
        };
        let template = card.template.map(|it| content::Template {
            name: it.name,
            language: it.language,
            category: match category {
                Category::Service => content::Category::Service,
                Category::Marketing => content::Category::Marketing,
                Category::Authentication => content::Category::Authentication,
            },
        });
        let offer = match card.offer {
            Offer::None => content::Offer::Nothing,
            Offer::Place => content::Offer::Place,
            Offer::Form(form) => content::Offer::Form(form),
            Offer::Buttons(buttons) => content::Offer::Buttons(buttons.into_iter().map(button).collect()),
            Offer::List(title, sections) => {
                content::Offer::List { title, sections: sections.into_iter().map(section).collect() }
            }
        };
        Ok(content::Menu { header, body: card.body, footer: card.footer, offer, template, above })
    }

    async fn seal(&self, path: PathBuf, name: Option<String>, mime: String) -> Result<FileRef, SendError> {
        let folder = self.folder_of_files()?;
        let unread = |error: io::Error| SendError::File(error.kind().to_string());
        let work = move || {
            let mut file = fs::File::open(&path).map_err(unread)?;
            let size = file.metadata().map_err(unread)?.len();
            if size > limits::FILE {
                return Err(SendError::File("it is too large".to_owned()));
            }
            let rng = &mut UnwrapErr(OsRng);
            let sealed = folder.seal(&mut file, size, rng, &mut |_| ());
            let sealed = sealed.map_err(|error| SendError::File(error.to_string()))?;
            let name = within(name.unwrap_or_default(), kinds::FILE_NAME);
            Ok(FileRef { name, media_type: within(mime, kinds::MEDIA_TYPE), ..sealed })
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| lost_worker())?
    }

    fn folder_of_files(&self) -> Result<Folder, SendError> {
        let folder = self.client.files().cloned();
        folder.ok_or_else(|| SendError::Unavailable("this node keeps no files".to_owned()))
    }

    /// Fetches a file of a customer's message, and writes it plain.
    pub(super) async fn save(&self, message: MessageId, index: u32, to: &Path) -> Result<(), SendError> {
        let (conversation, id) = self.place(message).await?;
        let row = self.read(|records| records.message(conversation, id))?.ok_or(SendError::NoSuchMessage)?;
        let file = row.content.files().get(index as usize).map(|it| (*it).clone());
        let file = file.ok_or(SendError::NoSuchMessage)?;
        let index = u8::try_from(index).map_err(|_| SendError::NoSuchMessage)?;
        let folder = self.folder_of_files()?;
        self.fetched(FileId { conversation, message: id, index }, &folder, &file.hash).await?;
        let to = to.to_owned();
        let work = move || {
            let failed = |error: io::Error| SendError::File(error.kind().to_string());
            let mut out = fs::File::create(&to).map_err(failed)?;
            folder
                .open_into(&file, &mut out, &mut |_| ())
                .map_err(|error| SendError::File(error.to_string()))?;
            out.sync_all().map_err(failed)
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| lost_worker())?
    }

    async fn fetched(&self, file: FileId, folder: &Folder, hash: &[u8; 32]) -> Result<(), SendError> {
        if folder.has(hash) {
            return Ok(());
        }
        let mut events = self.client.events();
        self.intend(Intent::Fetch(file)).await?;
        loop {
            match self.read(|records| records.transfer(file))? {
                Transfer::NotFetched(why) => return Err(SendError::File(why.to_string())),
                Transfer::None if folder.has(hash) => return Ok(()),
                _ => {}
            }
            if let Err(tokio::sync::broadcast::error::RecvError::Closed) = events.recv().await {
                return Err(SendError::Unavailable("the device was closed".to_owned()));
            }
        }
    }
}

/// One file of which nothing is shown before it is fetched.
fn alone(file: FileRef) -> Media {
    Media { files: vec![(file, Preview::default())], caption: String::new(), sticker: false }
}

fn lost_worker() -> SendError {
    SendError::Unavailable("a worker was lost".to_owned())
}

/// What an intent that was refused is to the port.
pub(super) fn refused(error: &IntentError) -> SendError {
    match error {
        IntentError::Refused(refusal) => match refusal {
            Refusal::NoSuchAccount | Refusal::UnknownPerson | Refusal::NoSuchConversation => {
                SendError::NoSuchAccount
            }
            Refusal::Blocked => SendError::Blocked,
            Refusal::ConsentNeeded => SendError::NoConsent,
            Refusal::Stopped => SendError::Stopped,
            Refusal::WindowClosed => SendError::WindowClosed,
            Refusal::NoSuchMessage => SendError::NoSuchMessage,
            Refusal::BadContent | Refusal::NotAnEmoji => SendError::BadContent,
            Refusal::IdentityChanged => SendError::IdentityChanged,
            other => SendError::Unavailable(other.to_string()),
        },
        IntentError::IdUsed => SendError::BadContent,
        other => SendError::Unavailable(other.to_string()),
    }
}

fn id_of(queued: Queued, once: &str) -> MessageId {
    match queued {
        Queued::Message(_, id) => MessageId(id.0),
        // What is said about a message has no row of its own; it is known by what it was asked under.
        Queued::Done => {
            let hash = <sha2::Sha256 as sha2::Digest>::digest(once);
            MessageId(std::array::from_fn(|at| hash[at]))
        }
    }
}

fn within(mut text: String, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn place_of(place: &Place) -> Result<content::Place, SendError> {
    let inside = |degrees: f64, most: f64| degrees.is_finite() && degrees.abs() <= most;
    if !inside(place.latitude, 90.0) || !inside(place.longitude, 180.0) {
        return Err(SendError::BadContent);
    }
    #[expect(clippy::cast_possible_truncation, reason = "180 degrees are 1.8e9 of its steps, within i32")]
    let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
    let label = [place.name.as_str(), place.address.as_str()].into_iter().filter(|it| !it.is_empty());
    let label = within(label.collect::<Vec<_>>().join(", "), kinds::NAME);
    Ok(content::Place { latitude_e7: e7(place.latitude), longitude_e7: e7(place.longitude), label })
}

fn choice(it: Choice) -> content::Choice {
    content::Choice { id: it.id, title: it.title, description: it.description }
}

fn section(it: Section) -> content::Section {
    content::Section { title: it.title, rows: it.rows.into_iter().map(choice).collect() }
}

fn button(it: Button) -> content::Button {
    match it {
        Button::Reply(choice) => content::Button::Reply { id: choice.id, title: choice.title },
        Button::Link(title, url) => content::Button::Link { title, url: url.to_string() },
        Button::Phone(title, number) => content::Button::Phone { title, number },
        Button::Copy(title, code) => content::Button::Code { title, code },
    }
}
