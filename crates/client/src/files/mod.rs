//! Files: sealed ones in the profile's folder, and their way to the relay and back.
//!
//! | file | what |
//! | --- | --- |
//! | `folder` | sealed files on the disk: made, opened, saved, deleted |
//! | `http` | one connection on which parts and ranges go |
//! | `upload`, `download` | the two ways, each with retries, and going on where it was |
//! | `transfers` | what is under way, how far it is, and how much at once |

mod download;
mod folder;
mod http;
#[cfg(test)]
mod tests;
mod transfers;
mod upload;
#[cfg(test)]
mod ways;

pub(crate) use download::read_remote;
pub use folder::{FilesError, Folder, Stored};
pub(crate) use http::Http;
pub use lacre_engine::files::{FileError, Shape};
pub use lacre_engine::records::{DownloadFailure, FileId, Transfer};
pub(crate) use transfers::{Board, Ended, Transfers};
pub use transfers::{Pace, Progress};
