//! Files on their way: what of a message is still to be uploaded, and what is to be fetched.

use lacre_proto::{ConversationId, ErrorCode, Millis};
use serde::{Deserialize, Serialize};

use super::{Records, key};
use crate::EngineError;
use crate::content::MessageId;

/// Names a file of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The conversation in which the message is shown.
    pub conversation: ConversationId,
    /// The message.
    pub message: MessageId,
    /// Which of its files, from 0.
    pub index: u8,
}

/// A file of one's own message that the relay does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upload {
    /// The upload capability.
    pub(crate) capability: [u8; 32],
    /// A capability that reads the same blob, when it is passed on: then nothing is uploaded.
    pub(crate) from: Option<[u8; 32]>,
    pub(crate) stage: UploadStage,
    /// Not asked again before.
    pub(crate) not_before: Millis,
    pub(crate) attempts: u32,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UploadStage {
    /// The relay is to be asked.
    Wanted,
    /// The relay takes it.
    Granted,
    /// The relay has it.
    Done,
}

/// A file of a message that is to be fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Download {
    /// Why it was given up.
    pub(crate) failed: Option<DownloadFailure>,
}

/// Why a file was not fetched. It can be asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum DownloadFailure {
    /// The relay keeps it no longer.
    #[error("the relay does not keep this file any more; ask the sender to send it again")]
    Gone,
    /// What came is not what was sent.
    #[error("what the relay gave is not the file that was sent; nothing of it was kept")]
    Altered,
    /// This device has no room for it.
    #[error("there is no room for this file on this device")]
    NoRoom,
    /// The relay refused for good; the stable number of [`ErrorCode`].
    #[error("{}", ErrorCode::from_number(*.0).sentence())]
    Relay(u32),
    /// The disk of this device refused.
    #[error("the file could not be written on this device")]
    Disk,
}

/// Where a file stands, as far as the records know. Whether it lies on this device the disk knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Nothing is under way.
    None,
    /// One's own: it is being sent.
    Sending,
    /// It is being fetched.
    Fetching,
    /// It was to be fetched, and was not.
    NotFetched(DownloadFailure),
}

impl Records<'_> {
    /// Where a file stands.
    pub fn transfer(&self, file: FileId) -> Result<Transfer, EngineError> {
        if let Some(upload) = self.read::<Upload>("upload", &key::file(key::UPLOAD, file))? {
            return Ok(if upload.stage == UploadStage::Done { Transfer::None } else { Transfer::Sending });
        }
        let download = self.read::<Download>("download", &key::file(key::DOWNLOAD, file))?;
        Ok(match download {
            None => Transfer::None,
            Some(Download { failed: None }) => Transfer::Fetching,
            Some(Download { failed: Some(why) }) => Transfer::NotFetched(why),
        })
    }

    /// Whether some message on this device has the sealed file with this hash.
    pub fn needs_file(&self, hash: &[u8; 32]) -> Result<bool, EngineError> {
        Ok(!self.first::<()>("file", &key::key(key::FILE, &[hash]), 1)?.is_empty())
    }
}
