//! Documents: who wrote them, taken out where that can be done without making them anew.
//!
//! Changes have the length of what they replace and are made while the file is read ([`Edited`](crate::Edited)). What is
//! cleaned are the properties: author, company, times, tool. Names within the text (of comments and tracked changes)
//! stay, and so do the metadata of pictures in a document and what is compressed in a PDF: [`Cleaned::rest`] says when
//! something may be left, so that a person can be told. What is signed or encrypted is not touched: a signature over it
//! would break, and who decrypts it would find nonsense.

mod entry;
mod office;
mod pdf;
mod search;

use std::io::{self, Read, Seek};

use lacre_guard::{Facts, Inside, Kind};

use crate::edits::Edit;

/// What is changed in a document before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// The changes.
    pub edits: Vec<Edit>,
    /// Whether it may name its author all the same.
    pub rest: bool,
}

impl Cleaned {
    /// Nothing is changed, and it may name its author.
    fn untouched() -> Self {
        Self { edits: Vec::new(), rest: true }
    }
}

/// What is to be changed in a document, by its facts; nothing in a file of another kind.
pub fn clean(facts: &Facts, file: &mut (impl Read + Seek)) -> io::Result<Cleaned> {
    match (facts.kind(), &facts.inside) {
        (Kind::Pdf, _) => pdf::clean(file),
        (Kind::Ooxml | Kind::OpenDocument, Inside::Zip(listing)) => office::clean(listing, file),
        // Its directory cannot be read, but it begins as a document.
        (Kind::Zip, Inside::Broken) if office::begins(&facts.start) => Ok(Cleaned::untouched()),
        (Kind::Ole | Kind::Rtf | Kind::OneNote | Kind::PostScript, _) => Ok(Cleaned::untouched()),
        _ => Ok(Cleaned::default()),
    }
}
