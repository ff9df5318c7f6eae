//! The facts that a verdict is made of.

use std::io::{self, Read, Seek, SeekFrom};

use crate::active;
use crate::kind::{Kind, decoded};
use crate::ole::{self, Storage};
use crate::window::{holds, read_at};
use crate::zip::{self, Listing};

/// How much of a file's beginning is looked at, in bytes.
pub const START: usize = 64 * 1024;
/// How much of its end.
pub const END: usize = 64 * 1024;

/// What is known about a file. Made by [`gather`](Self::gather), or by hand where the file lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The name that the sender gave it.
    pub name: String,
    /// The media type that the sender declared.
    pub declared: Option<String>,
    /// How large it is.
    pub size: u64,
    /// Its first bytes, at most [`START`].
    pub start: Vec<u8>,
    /// Its last bytes, at most [`END`]; the same as the first of a small file.
    pub end: Vec<u8>,
    /// The directory that it holds.
    pub inside: Inside,
    /// Whether it runs script in a browser that takes it for a drawing or for XML, or is a drawing that is too large to
    /// tell.
    pub active: bool,
}

/// A directory in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// It is of a kind that has none, or none that is read.
    None,
    /// It should have one, and it does not hold together.
    Broken,
    /// Of a ZIP file, or of one that is hung onto another file.
    Zip(Listing),
    /// Of an OLE compound file.
    Ole(Storage),
}

impl Facts {
    /// Reads the facts: beginning, end, and the directory of a ZIP or OLE file. At most some 5 MiB are read and held,
    /// however large the file is; a drawing is read up to 16 MiB.
    pub fn gather(name: &str, declared: Option<&str>, file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        let start = read_at(file, 0, START)?;
        let end = read_at(file, size.saturating_sub(END as u64), END)?;
        let inside = match Kind::of(&start, &end) {
            Kind::Zip => zip::listing(file, size)?.map_or(Inside::Broken, Inside::Zip),
            Kind::Ole => ole::storage(file, size)?.map_or(Inside::Broken, Inside::Ole),
            _ if holds(&end, b"PK\x05\x06") => zip::listing(file, size)?.map_or(Inside::None, Inside::Zip),
            _ => Inside::None,
        };
        let active = match Kind::of(&start, &end) {
            Kind::Svg if size > active::WHOLE as u64 => true,
            Kind::Svg => active::runs(decoded(&read_at(file, 0, active::WHOLE)?)),
            Kind::Text if active::root(&decoded(&start)).is_some() => {
                active::runs_in_xml(decoded(&read_at(file, 0, active::WHOLE)?))
            }
            _ => false,
        };
        let (name, declared) = (name.to_owned(), declared.map(str::to_owned));
        Ok(Self { name, declared, size, start, end, inside, active })
    }

    /// What the file is, by its content: the magic, and for a ZIP or OLE file what lies in it.
    pub fn kind(&self) -> Kind {
        match (Kind::of(&self.start, &self.end), &self.inside) {
            (Kind::Zip, Inside::Zip(listing)) => zip_kind(listing),
            (Kind::Ole, Inside::Ole(storage)) if storage.installer => Kind::Installer,
            (kind, _) => kind,
        }
    }
}

fn zip_kind(listing: &Listing) -> Kind {
    match listing.mimetype.as_deref() {
        Some("application/epub+zip") => return Kind::Epub,
        Some(mime) if mime.starts_with("application/vnd.oasis.opendocument.") => return Kind::OpenDocument,
        _ => {}
    }
    if listing.has("AndroidManifest.xml") || listing.has("classes.dex") {
        Kind::Apk
    } else if listing.has("AppxManifest.xml") {
        Kind::Installer
    } else if listing.has("[Content_Types].xml") {
        Kind::Ooxml
    } else if listing.has("META-INF/MANIFEST.MF") {
        Kind::Jar
    } else {
        Kind::Zip
    }
}
