//! Files of messages: sent from here, and saved here.

use std::path::PathBuf;

use lacre_client::content::{Content, Media, MessageId as ClientId};
use lacre_client::files::Transfer;
use lacre_client::view::File;
use lacre_client::{Intent, To, Wish};
use lacre_guard::Severity;
use lacre_proto::ConversationId;

use super::{Link, half};
use crate::chat::model::MessageId;
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
        let content = Content::Media(Media { files, caption });
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
            self.fetch(file).await?;
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

    /// Sees that a sealed file is on this device.
    async fn fetch(&self, file: &File) -> Result<(), String> {
        let here = || self.0.files().is_some_and(|files| files.has(&file.file.hash));
        if here() {
            return Ok(());
        }
        let mut events = self.0.events();
        self.0.intend(Intent::Fetch(file.id)).await.map_err(half)?;
        loop {
            let transfer = self.0.read(|views| views.records().transfer(file.id)).map_err(half)?;
            match transfer {
                Transfer::NotFetched(why) => return Err(half(why)),
                Transfer::None if here() => return Ok(()),
                _ => {}
            }
            if let Err(tokio::sync::broadcast::error::RecvError::Closed) = events.recv().await {
                return Err("the client stopped; what came is kept".to_owned());
            }
        }
    }
}
