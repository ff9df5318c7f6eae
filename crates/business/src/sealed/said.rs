//! What the node says, as content; and files that come and go.

use std::fs::File;
use std::path::Path;

use lacre_client::content::{self, Content, FileRef, Media, Preview, kinds};
use lacre_client::files::{Folder, Transfer};
use lacre_client::records::FileId;
use lacre_client::{Intent, IntentError, Queued, Refusal, To, Wish};
use lacre_proto::{ConversationId, limits};
use lacre_store::data::Data;
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;

use super::Sealed;
use crate::chat::{
    Button, Card, Category, Choice, Header, MessageId, Offer, Outgoing, Place, Said, Section, Send, SendError,
};

impl<D: Data> Sealed<D> {
    pub(super) async fn say(&self, send: Send) -> Result<Said, SendError> {
        self.permit(send.to).await?;
        let conversation = self.with(send.to)?.id;
        let once = hex::encode(send.dedupe);
        let what = postcard::to_allocvec(&send).map_err(|_| SendError::BadContent)?;
        // What was said before is not made again: its file may be there no more.
        let before = self.client.done_before(&once, &what).map_err(|error| refused(&error))?;
        if let Some(done) = before {
            return Ok(Said { id: id_of(done.queued, &once), hold: None });
        }
        let intent = self.intent(conversation, send).await?;
        let hold = self.saying.clone().read_owned().await;
        let done = self.client.intend_once(&once, &what, intent).await.map_err(|error| refused(&error))?;
        Ok(Said { id: id_of(done.queued, &once), hold: Some(hold) })
    }

    async fn intent(&self, conversation: ConversationId, send: Send) -> Result<Intent, SendError> {
        let in_reply_to = send.in_reply_to.map(|id| content::MessageId(id.0));
        let content = match send.what {
            Outgoing::Text(text) => Content::Text { text, in_reply_to },
            Outgoing::Place(place) => Content::Place(place_of(&place)?),
            Outgoing::Card(card) => Content::Menu(self.menu(card, send.category).await?),
            Outgoing::Media(_, file, caption) => {
                let sealed = self.seal(file.plain().to_owned(), file.name.clone(), file.mime.clone()).await?;
                Content::Media(Media { files: vec![(sealed, Preview::default())], caption })
            }
            Outgoing::Contacts(card) => {
                let path = self.folder.join(format!("{}.vcf", hex::encode(send.dedupe)));
                let written = tokio::fs::write(&path, card).await;
                written.map_err(|error| SendError::File(error.kind().to_string()))?;
                let name = Some("contacts.vcf".to_owned());
                let sealed = self.seal(path.clone(), name, "text/vcard".to_owned()).await;
                let _ = tokio::fs::remove_file(&path).await;
                Content::Media(Media { files: vec![(sealed?, Preview::default())], caption: String::new() })
            }
            Outgoing::Reaction(message, emoji) => {
                let emoji = (!emoji.is_empty()).then_some(emoji);
                return Ok(Intent::React(conversation, content::MessageId(message.0), emoji));
            }
        };
        Ok(Intent::Say(To::Conversation(conversation), content, Wish::default()))
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
            Offer::Buttons(buttons) => content::Offer::Buttons(buttons.into_iter().map(button).collect()),
            Offer::List(title, sections) => {
                content::Offer::List { title, sections: sections.into_iter().map(section).collect() }
            }
        };
        Ok(content::Menu { header, body: card.body, footer: card.footer, offer, template, above })
    }

    async fn seal(
        &self,
        path: std::path::PathBuf,
        name: Option<String>,
        mime: String,
    ) -> Result<FileRef, SendError> {
        let folder = self.folder_of_files()?;
        let unread = |error: std::io::Error| SendError::File(error.kind().to_string());
        let work = move || {
            let mut file = File::open(&path).map_err(unread)?;
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
        done.map_err(|_| SendError::Unavailable("a worker was lost".to_owned()))?
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
            let failed = |error: std::io::Error| SendError::File(error.kind().to_string());
            let mut out = File::create(&to).map_err(failed)?;
            folder
                .open_into(&file, &mut out, &mut |_| ())
                .map_err(|error| SendError::File(error.to_string()))?;
            out.sync_all().map_err(failed)
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| SendError::Unavailable("a worker was lost".to_owned()))?
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
