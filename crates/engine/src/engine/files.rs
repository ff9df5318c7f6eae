//! Files on their way. The bytes are the driver's: here stands what is to be sent and fetched, and what comes of it.
//!
//! A message with files waits, held, at the end of its lane and holds nobody up. Each of its files is
//!
//! | stage | then |
//! | --- | --- |
//! | wanted | the relay is asked: for leave to upload, or for a further reference to what is passed on |
//! | granted | the driver uploads the sealed file, on every connection anew until it is up |
//! | done | – |
//!
//! When all are done the message goes, as if it were said then. What fails for good fails the message.

use bytes::Bytes;
use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::{self, request, response};
use lacre_proto::{ConversationId, ErrorCode, Millis, limits};
use sha2::{Digest, Sha256};

use super::outbox::{HELD, NewJob, held};
use super::state::{Job, What, waiting_place};
use super::{Asked, Cx, Engine};
use crate::api::{Effect, EngineError, FileToFetch, FileToSend, Intent, NotUp, Refusal};
use crate::content::{Content, FileRef, MessageId};
use crate::files::Shape;
use crate::records::key::{self, DOWNLOAD, FILE, UPLOAD};
use crate::records::{
    ConversationState, Download, DownloadFailure, Failure, FileId, MessageRecord, Standing, Upload,
    UploadStage,
};

/// Grants and references asked for at once.
const AT_ONCE: usize = 8;
/// A blob is kept at least so long, however short the conversation's timer is: its reader may be away.
const KEPT_AT_LEAST: Millis = 7 * 24 * 3600 * 1000;

impl Engine {
    pub(super) fn file_intent(
        &mut self,
        cx: &mut Cx<'_>,
        intent: Intent,
    ) -> Result<Result<(), Refusal>, EngineError> {
        match intent {
            Intent::Fetch(file) => self.fetch(cx, file),
            Intent::StopFetching(file) => {
                cx.store.delete(key::file(DOWNLOAD, file));
                cx.effects.push(Effect::StopFetching(file));
                cx.changed(file.conversation, file.message);
                Ok(Ok(()))
            }
            _ => unreachable!("the other intents are taken before"),
        }
    }

    fn fetch(&mut self, cx: &mut Cx<'_>, file: FileId) -> Result<Result<(), Refusal>, EngineError> {
        let Some(record) = cx.shown(file.conversation)? else {
            return Ok(Err(Refusal::NoSuchConversation));
        };
        if record.standing != Standing::Accepted {
            return Ok(Err(Refusal::NotAccepted));
        }
        let file = FileId { conversation: record.id, ..file };
        let Some((row, found)) = self.file(cx, file)? else { return Ok(Err(Refusal::NoSuchMessage)) };
        cx.put(key::file(DOWNLOAD, file), &Download::default());
        cx.effects.push(Effect::Fetch(to_fetch(file, &found)));
        cx.changed(row.conversation, row.id);
        Ok(Ok(()))
    }

    /// A message that is here, and one of its files.
    fn file(&self, cx: &Cx<'_>, file: FileId) -> Result<Option<(MessageRecord, FileRef)>, EngineError> {
        let Some(row) = cx.records().message(file.conversation, file.message)? else { return Ok(None) };
        let found = row.content.files().get(usize::from(file.index)).map(|found| (*found).clone());
        Ok(found.map(|found| (row, found)))
    }

    /// Makes a message wait for its files, which lie sealed on this device.
    pub(super) fn hold_for_files(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: &Content,
        what: What,
    ) -> Result<u64, EngineError> {
        for index in indices(content) {
            let upload = Upload {
                capability: cx.provider.rand.bytes(),
                from: None,
                stage: UploadStage::Wanted,
                not_before: 0,
                attempts: 0,
            };
            cx.put(key::file(UPLOAD, FileId { conversation, message: id, index }), &upload);
        }
        self.enqueue(cx, conversation, NewJob::new(what).not_before(HELD))
    }

    /// What is passed on has the same bytes under a capability of its own: gives the content so, and what read it
    /// before.
    pub(super) fn pass_on(&self, cx: &Cx<'_>, mut content: Content) -> (Content, Vec<[u8; 32]>) {
        let mut before = Vec::new();
        for file in content.files_mut() {
            before.push(std::mem::replace(&mut file.capability, cx.provider.rand.bytes()));
        }
        (content, before)
    }

    /// The files of a message that is passed on need no upload, only a reference.
    pub(super) fn refer_to(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        before: &[[u8; 32]],
    ) -> Result<(), EngineError> {
        for (index, from) in before.iter().enumerate() {
            let at = key::file(UPLOAD, FileId { conversation, message: id, index: index as u8 });
            if let Some(upload) = cx.records().read::<Upload>("upload", &at)? {
                cx.put(at, &Upload { from: Some(*from), ..upload });
            }
        }
        Ok(())
    }

    /// A message is gone, or what was in it: so are the sealed files that no other message has.
    pub(super) fn release_files(&self, cx: &mut Cx<'_>, row: &MessageRecord) -> Result<(), EngineError> {
        for (index, file) in row.content.files().into_iter().enumerate() {
            let file_id = FileId { conversation: row.conversation, message: row.id, index: index as u8 };
            self.stop(cx, file_id)?;
            cx.store.delete(key::key(FILE, &[&file.hash, &row.id.0]));
            if !cx.records().needs_file(&file.hash)? {
                cx.effects.push(Effect::DropFile(file.hash));
            }
        }
        Ok(())
    }

    /// The files of a message are not sent after all.
    pub(super) fn stop_uploads(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<(), EngineError> {
        let Some(row) = cx.records().message(conversation, message)? else { return Ok(()) };
        for index in indices(&row.content) {
            self.stop(cx, FileId { conversation, message, index })?;
        }
        Ok(())
    }

    fn stop(&self, cx: &mut Cx<'_>, file: FileId) -> Result<(), EngineError> {
        let at = key::file(UPLOAD, file);
        if let Some(upload) = cx.records().read::<Upload>("upload", &at)? {
            cx.store.delete(at);
            if upload.stage == UploadStage::Granted {
                cx.effects.push(Effect::StopUploading(file, upload.capability));
            }
        }
        let at = key::file(DOWNLOAD, file);
        if cx.exists(&at)? {
            cx.store.delete(at);
            cx.effects.push(Effect::StopFetching(file));
        }
        Ok(())
    }

    /// What was under way when the last connection ended goes on.
    pub(super) fn resume_files(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for (at, download) in cx.records().all::<Download>("download", &[DOWNLOAD])? {
            let Some(file) = key::file_in(&at) else { continue };
            match self.file(cx, file)? {
                Some((_, found)) if download.failed.is_none() => {
                    cx.effects.push(Effect::Fetch(to_fetch(file, &found)));
                }
                Some(_) => {}
                None => cx.store.delete(at),
            }
        }
        Ok(())
    }

    /// Asks for what is wanted, and hands over what is granted.
    pub(super) fn dispatch_files(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let mut under_way = self.link.asked.values().filter(|asked| matches!(asked, Asked::File(_))).count();
        for (at, upload) in cx.records().all::<Upload>("upload", &[UPLOAD])? {
            let Some(file) = key::file_in(&at) else { continue };
            let Some(record) = cx.records().conversation(file.conversation)? else {
                cx.store.delete(at);
                continue;
            };
            if record.state != ConversationState::Open || !self.may_speak(cx, &record) {
                continue;
            }
            let Some((_, found)) = self.file(cx, file)? else {
                cx.store.delete(at);
                continue;
            };
            match upload.stage {
                UploadStage::Granted if self.link.uploading.insert(file) => {
                    cx.effects.push(Effect::Upload(FileToSend {
                        file,
                        capability: upload.capability,
                        hash: found.hash,
                        sealed: Shape::of(found.size).map(Shape::sealed).unwrap_or_default(),
                    }));
                }
                UploadStage::Wanted if upload.not_before > cx.now => cx.wake_at(upload.not_before),
                UploadStage::Wanted
                    if under_way < AT_ONCE
                        && self.link.asked.len() + 4 <= limits::REQUESTS_IN_FLIGHT
                        && !self.is_asked_for(file) =>
                {
                    self.ask_for(cx, file, &upload, &found)?;
                    under_way += 1;
                }
                UploadStage::Wanted | UploadStage::Granted | UploadStage::Done => {}
            }
        }
        Ok(())
    }

    fn is_asked_for(&self, file: FileId) -> bool {
        self.link.asked.values().any(|asked| matches!(asked, Asked::File(other) if *other == file))
    }

    fn ask_for(
        &mut self,
        cx: &mut Cx<'_>,
        file: FileId,
        upload: &Upload,
        found: &FileRef,
    ) -> Result<(), EngineError> {
        let keep_ms = self.kept(cx, file)?;
        let hash = |capability: &[u8; 32]| Bytes::copy_from_slice(&Sha256::digest(capability));
        let read_hash = hash(&found.capability);
        match &upload.from {
            Some(from) => {
                let capability = Bytes::copy_from_slice(from);
                let refer = wire::ReferBlob { capability, read_hash, keep_ms };
                self.ask_anonymously(cx, Asked::File(file), request::Op::ReferBlob(refer));
            }
            None => {
                let size = Shape::of(found.size).map(Shape::sealed).unwrap_or_default();
                let upload_hash = hash(&upload.capability);
                let grant = wire::GrantBlob { size, keep_ms, upload_hash, read_hash };
                self.ask(cx, Asked::File(file), request::Op::GrantBlob(grant));
            }
        }
        Ok(())
    }

    /// How long the relay is to keep a file.
    fn kept(&self, cx: &Cx<'_>, file: FileId) -> Result<Millis, EngineError> {
        let longest = limits::BLOB_KEPT.as_millis() as Millis;
        let row = cx.records().message(file.conversation, file.message)?;
        let timer = row.and_then(|row| row.marks.manner.expires).filter(|expires| expires.relative);
        Ok(timer.map_or(longest, |timer| (Millis::from(timer.time) * 1000).clamp(KEPT_AT_LEAST, longest)))
    }

    /// The relay's answer to what was asked for a file.
    pub(super) fn file_answered(
        &mut self,
        cx: &mut Cx<'_>,
        file: FileId,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let at = key::file(UPLOAD, file);
        let Some(mut upload) = cx.records().read::<Upload>("upload", &at)? else { return Ok(()) };
        match result {
            Ok(response::Result::BlobGranted(_)) => {
                upload.stage = UploadStage::Granted;
                cx.put(at, &upload);
                Ok(())
            }
            Ok(response::Result::Done(_)) => self.file_up(cx, file),
            Ok(_) => self.ask_later(cx, at, upload, ErrorCode::Internal.into()),
            Err(error) if error.code == ErrorCode::NoSuchBlob && upload.from.is_some() => {
                // The relay keeps it no longer. Perhaps this device does: then it goes up anew.
                upload.from = None;
                cx.put(at, &upload);
                Ok(())
            }
            Err(error) if error.code.retry() == Retry::Never => {
                self.fail_held(cx, file, Failure::Relay(error.code.number()))
            }
            Err(error) => self.ask_later(cx, at, upload, error),
        }
    }

    fn ask_later(
        &self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        mut upload: Upload,
        error: WireError,
    ) -> Result<(), EngineError> {
        const FIRST: Millis = 1_000;
        const LONGEST: Millis = 300_000;
        let wait = (FIRST << upload.attempts.min(9)).min(LONGEST).max(error.retry_after_ms);
        upload.attempts += 1;
        upload.not_before = cx.now + wait / 2 + cx.jitter(wait);
        cx.wake_at(upload.not_before);
        cx.put(at, &upload);
        Ok(())
    }

    /// What has come of an upload.
    pub(super) fn uploaded(
        &mut self,
        cx: &mut Cx<'_>,
        file: FileId,
        result: Result<(), NotUp>,
    ) -> Result<(), EngineError> {
        self.link.uploading.remove(&file);
        let Some(file) = self.now_in(cx, file)? else { return Ok(()) };
        let at = key::file(UPLOAD, file);
        let Some(upload) = cx.records().read::<Upload>("upload", &at)? else { return Ok(()) };
        match result {
            Ok(()) => self.file_up(cx, file),
            Err(NotUp::NoGrant) => {
                // It took longer than a week, or the relay was set up anew.
                let capability = cx.provider.rand.bytes();
                cx.put(at, &Upload { capability, stage: UploadStage::Wanted, ..upload });
                Ok(())
            }
            Err(NotUp::NotHere) => self.fail_held(cx, file, Failure::FileGone),
            Err(NotUp::Relay(code)) => self.fail_held(cx, file, Failure::Relay(code)),
        }
    }

    /// A file as it is named now: its conversation may have become one with another meanwhile.
    fn now_in(&self, cx: &Cx<'_>, file: FileId) -> Result<Option<FileId>, EngineError> {
        Ok(cx.shown(file.conversation)?.map(|record| FileId { conversation: record.id, ..file }))
    }

    fn file_up(&mut self, cx: &mut Cx<'_>, file: FileId) -> Result<(), EngineError> {
        let at = key::file(UPLOAD, file);
        let Some(upload) = cx.records().read::<Upload>("upload", &at)? else { return Ok(()) };
        cx.put(at, &Upload { stage: UploadStage::Done, ..upload });
        cx.changed(file.conversation, file.message);
        let of_message = key::message_in(UPLOAD, file.conversation, file.message);
        let all = cx.records().all::<Upload>("upload", &of_message)?;
        if all.iter().any(|(_, upload)| upload.stage != UploadStage::Done) {
            return Ok(());
        }
        all.into_iter().for_each(|(at, _)| cx.store.delete(at));
        self.let_go(cx, file.conversation, file.message)
    }

    /// All files of a message are up: it is said now.
    fn let_go(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<(), EngineError> {
        let Some((at, job)) = self.held_job(cx, conversation, message)? else { return Ok(()) };
        cx.store.delete(at);
        let number = self.enqueue(cx, conversation, NewJob::new(job.what))?;
        if let Some(mut row) = cx.records().message(conversation, message)? {
            row.position = waiting_place(number);
            cx.put_message(&row)?;
        }
        Ok(())
    }

    fn held_job(
        &self,
        cx: &Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<(Vec<u8>, Job)>, EngineError> {
        let jobs = cx.records().all::<Job>("job", &held(conversation))?;
        Ok(jobs.into_iter().find(|(_, job)| matches!(job.what, What::Message { id, .. } if id == message)))
    }

    fn fail_held(&mut self, cx: &mut Cx<'_>, file: FileId, why: Failure) -> Result<(), EngineError> {
        if let Some((at, _)) = self.held_job(cx, file.conversation, file.message)? {
            cx.store.delete(at);
        }
        self.fail_message(cx, file.conversation, file.message, why)
    }

    /// What has come of a download.
    pub(super) fn fetched(
        &mut self,
        cx: &mut Cx<'_>,
        file: FileId,
        result: Result<(), DownloadFailure>,
    ) -> Result<(), EngineError> {
        let Some(file) = self.now_in(cx, file)? else { return Ok(()) };
        let at = key::file(DOWNLOAD, file);
        if !cx.exists(&at)? {
            return Ok(());
        }
        match result {
            Ok(()) => cx.store.delete(at),
            Err(why) => cx.put(at, &Download { failed: Some(why) }),
        }
        cx.changed(file.conversation, file.message);
        Ok(())
    }
}

fn indices(content: &Content) -> std::ops::Range<u8> {
    0..u8::try_from(content.files().len()).unwrap_or(u8::MAX)
}

fn to_fetch(file: FileId, found: &FileRef) -> FileToFetch {
    FileToFetch { file, capability: found.capability, hash: found.hash, size: found.size }
}
