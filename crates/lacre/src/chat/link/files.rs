//! Files of messages: sent from here, and saved here.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lacre_client::content::{Content, Media, MessageId as ClientId};
use lacre_client::view::File;
use lacre_client::{Intent, To, Wish};
use lacre_guard::Severity;
use lacre_media::{picture, voice};
use lacre_proto::ConversationId;
use tokio::sync::oneshot;

use super::{Link, half};
use crate::chat::model::MessageId;
use crate::chat::sheets::WIDEST;
use crate::chat::state::Seen;
use crate::commands::files::{files, save, send};
use crate::safe_text::safe_line;

impl Link {
    /// Cleans a file, seals it and sends it; what is to be said of it.
    pub(super) async fn send_file(
        &self,
        id: ConversationId,
        path: &str,
        caption: String,
    ) -> Result<String, String> {
        let folder = self.0.files().cloned().ok_or("this profile has no place for files")?;
        let path = PathBuf::from(path);
        let sealed = tokio::task::spawn_blocking(move || send::sealed(&folder, &path, false, &mut |_, _| ()));
        let (file, preview, warning) = sealed.await.map_err(half)?.map_err(half)?;
        let mut files = vec![(file, preview)];
        send::within_limits(&mut files);
        let content = Content::Media(Media { files, caption, sticker: false });
        let intent = Intent::Say(To::Conversation(id), content, Wish::default());
        self.0.intend(intent).await.map_err(half)?;
        Ok(match warning {
            Some(warning) => safe_line(&warning),
            None => "It is sealed and on its way.".to_owned(),
        })
    }

    /// Fetches the files of a message and writes them; what is to be said of it.
    pub(super) async fn save(
        &self,
        id: ConversationId,
        message: MessageId,
        to: &str,
    ) -> Result<String, String> {
        let row = self.0.read(|views| views.message(id, ClientId(message.0))).map_err(half)?;
        let row = row.ok_or("this message is not here any more")?;
        let (mut saved, mut careful) = (Vec::new(), Vec::new());
        for file in files(&row.body) {
            self.0.fetch(file).await.map_err(half)?;
            let folder = self.0.files().cloned().ok_or("this profile has no place for files")?;
            let (wanted, to) = (file.file.clone(), Some(PathBuf::from(to)));
            let written =
                tokio::task::spawn_blocking(move || save::written(&folder, &wanted, to, false, &mut |_| ()));
            let (path, verdict) = written.await.map_err(half)?.map_err(half)?;
            saved.push(safe_line(&path.to_string_lossy()));
            let reasons = verdict.reasons.iter().filter(|reason| reason.severity() > Severity::Fine);
            careful.extend(reasons.map(|reason| format!(" Careful: {}.", half(reason))));
        }
        Ok(format!("Saved {}.{}", saved.join(", "), careful.concat()))
    }

    /// A picture of a message, made of the file itself.
    pub(super) async fn look_at(
        &self,
        id: ConversationId,
        message: MessageId,
        (columns, lines): (u16, u16),
    ) -> Result<Seen, String> {
        let depth = self.1.depth.ok_or("this terminal shows no pictures; o saves the file")?;
        let row = self.0.read(|views| views.message(id, ClientId(message.0))).map_err(half)?;
        let row = row.ok_or("this message is not here any more")?;
        let all = files(&row.body);
        // What its sender shows no picture of is asked for its name.
        let is_picture =
            |file: &&File| !file.preview.thumbnail.is_empty() || file.file.media_type.starts_with("image/");
        let file = all.iter().find(is_picture).ok_or("there is no picture in this message")?;
        if file.file.size > picture::FILE as u64 {
            return Err("the picture is too large to be shown; o saves it".to_owned());
        }
        self.0.fetch(file).await.map_err(half)?;
        let folder = self.0.files().cloned().ok_or("this profile has no place for files")?;
        let wanted = file.file.clone();
        let made = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            folder.open_into(&wanted, &mut bytes, &mut |_| ()).map_err(half)?;
            let decoded = picture::decode(&bytes).map_err(half)?;
            Ok::<_, String>(picture::thumbnail(&decoded.pixels))
        });
        let thumbnail = made.await.map_err(half)??;
        self.1.show_itself(file.id, &thumbnail);
        let room = (columns.min(WIDEST).saturating_sub(4), lines.saturating_sub(4));
        let cells = picture::cells(&thumbnail, room.0, room.1, depth).ok_or("there is no room to show it")?;
        let name = safe_line(&lacre_guard::clean_name(&file.file.name));
        let which =
            if all.len() > 1 { format!(", the first picture of {} files", all.len()) } else { String::new() };
        Ok(Seen { title: format!("{name}: the picture itself{which}"), cells })
    }

    /// Plays a voice note; one that is being played is stopped instead. What is to be said of it.
    pub(super) async fn play(&self, id: ConversationId, message: MessageId) -> Result<String, String> {
        if self.2.stop() {
            return Ok("Stopped.".to_owned());
        }
        let mut stopped = self.2.begin()?;
        let row = self.0.read(|views| views.message(id, ClientId(message.0))).map_err(half)?;
        let row = row.ok_or("this message is not here any more")?;
        let file = files(&row.body).first().ok_or("there is nothing to hear in this message")?;
        if file.file.size > voice::FILE as u64 {
            return Err("the voice note is too long to be played".to_owned());
        }
        self.0.fetch(file).await.map_err(half)?;
        let folder = self.0.files().cloned().ok_or("this profile has no place for files")?;
        let wanted = file.file.clone();
        let decoded = tokio::task::spawn_blocking(move || {
            let mut note = Vec::new();
            folder.open_into(&wanted, &mut note, &mut |_| ()).map_err(half)?;
            voice::decode(&note).map_err(half)
        });
        let samples = decoded.await.map_err(half)??;
        tokio::select! {
            played = speak(samples) => played.map(|()| "Played.".to_owned()),
            _ = &mut stopped => Ok("Stopped.".to_owned()),
        }
    }
}

/// What is being played.
#[derive(Clone, Default)]
pub(super) struct Player(Arc<Mutex<Option<oneshot::Sender<()>>>>);

impl Player {
    /// Stops what is being played; whether there was something.
    fn stop(&self) -> bool {
        let playing = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Who has come to its end hears it no more.
        playing.is_some_and(|stop| stop.send(()).is_ok())
    }

    /// Begins something, where there is a loudspeaker; tells when it is to stop.
    fn begin(&self) -> Result<oneshot::Receiver<()>, String> {
        if !cfg!(feature = "audio") {
            return Err("this program was built without a loudspeaker; o saves the voice note".to_owned());
        }
        let (stop, stopped) = oneshot::channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
        Ok(stopped)
    }
}

#[cfg(feature = "audio")]
async fn speak(samples: Vec<i16>) -> Result<(), String> {
    crate::audio::play(samples).await.map_err(|failure| failure.message)
}

/// A build without a loudspeaker.
#[cfg(not(feature = "audio"))]
async fn speak(_: Vec<i16>) -> Result<(), String> {
    Err("this program was built without a loudspeaker".to_owned())
}
