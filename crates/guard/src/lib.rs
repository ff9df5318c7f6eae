//! Detection of bad files and of false names on the device: facts in, a verdict with typed reasons out.
//!
//! It knows what files look like and what people are fooled with. It must not know a socket, a clock, a user
//! interface, or anything about who sent the file; it opens nothing, runs nothing and unpacks nothing.
//!
//! **One rule decides what a file is: its content** ([`Kind::of`]). The name and the type that the sender declared are
//! claims, and are compared with it: what shows a file by one of them and opens it by the other was fooled before
//! (CVE-2025-30401). A name for saving is made by [`clean_name`], whatever the sender's was.
//!
//! - [`Facts::gather`] reads what is needed from a file: its beginning, its end and a directory in it, never all of
//!   it, and never more than the limits say.
//! - [`alike()`] says whether people may take a name for another.
//! - [`judge`] is a pure function of these facts.

mod active;
mod alike;
mod archive;
mod extension;
mod facts;
mod kind;
mod name;
mod ole;
mod reason;
mod verdict;
mod window;
mod zip;

pub use alike::alike;
pub use facts::{END, Facts, Inside, START};
pub use kind::{Family, Kind};
pub use name::{NAME, clean_name};
pub use ole::Storage;
pub use reason::{Reason, Severity};
pub use verdict::{Verdict, is_known_virus, judge};
pub use window::read_at;
pub use zip::{Entry, Listing};
