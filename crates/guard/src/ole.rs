//! The names of what lies in an OLE compound file (MS-CFB), read with limits.

use std::io::{self, Read, Seek};

use crate::window::{read_at, u16_at, u32_at};

/// Entries that are looked at: 128 bytes each.
const ENTRIES: usize = 4096;
/// Ends a chain of sectors (MS-CFB §2.1).
const LAST_SECTOR: u32 = 0xffff_fffa;

/// What lies in an OLE compound file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Storage {
    /// Names of streams and storages, as they stand.
    pub names: Vec<String>,
    /// Whether the root says that it is an installer for Windows.
    pub installer: bool,
}

/// The class of installer packages: {000C1084-0000-0000-C000-000000000046}.
const INSTALLER: [u8; 16] = [0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

impl Storage {
    /// Whether there are macros: VBA's project, or Excel's own macro sheets' marker stream.
    pub fn macros(&self) -> bool {
        const MACROS: [&str; 4] = ["vba", "_vba_project", "_vba_project_cur", "macros"];
        self.names.iter().any(|name| MACROS.contains(&name.to_lowercase().as_str()))
    }

    /// Whether other objects are embedded.
    pub fn embedded(&self) -> bool {
        const OBJECTS: [&str; 3] = ["objectpool", "\u{1}ole10native", "package"];
        self.names.iter().any(|name| OBJECTS.contains(&name.to_lowercase().as_str()))
    }

    /// Whether it is locked by a password.
    pub fn locked(&self) -> bool {
        self.names.iter().any(|name| name == "EncryptedPackage")
    }

    /// Whether it has a summary, which names the author.
    pub fn summary(&self) -> bool {
        self.names.iter().any(|name| name == "\u{5}SummaryInformation")
    }
}

/// Reads the names; `None` when the structure does not hold.
pub fn storage(file: &mut (impl Read + Seek), size: u64) -> io::Result<Option<Storage>> {
    let header = read_at(file, 0, 512)?;
    let Some(layout) = Layout::of(&header) else { return Ok(None) };
    let mut storage = Storage::default();
    let mut sector = layout.directory;
    // No chain is longer than the file, and none longer than we look.
    let most = (size >> layout.shift).min((ENTRIES * 128) as u64 >> layout.shift);
    for _ in 0..=most {
        if sector >= LAST_SECTOR {
            return Ok(Some(storage));
        }
        let bytes = read_at(file, layout.place(sector), 1 << layout.shift)?;
        if bytes.len() < 128 {
            return Ok(None);
        }
        bytes.chunks_exact(128).for_each(|entry| storage.take(entry));
        let Some(next) = layout.next(file, sector)? else { return Ok(None) };
        sector = next;
    }
    // Too long, or a ring: what was seen counts.
    Ok(Some(storage))
}

impl Storage {
    fn take(&mut self, entry: &[u8]) {
        let length = usize::from(u16_at(entry, 64).unwrap_or(0)).min(64);
        if entry[66] == 0 || length < 2 {
            return;
        }
        let units: Vec<u16> =
            entry[..length - 2].chunks_exact(2).filter_map(|pair| u16_at(pair, 0)).collect();
        self.names.push(String::from_utf16_lossy(&units));
        const ROOT: u8 = 5;
        if entry[66] == ROOT && entry[80..96] == INSTALLER {
            self.installer = true;
        }
    }
}

/// What the header says: how large sectors are, where the directory begins, and where the table of sectors is.
struct Layout {
    shift: u16,
    directory: u32,
    tables: Vec<u32>,
}

impl Layout {
    fn of(header: &[u8]) -> Option<Self> {
        let shift = u16_at(header, 30).filter(|shift| matches!(shift, 9 | 12))?;
        let tables = (0..109).filter_map(|number| u32_at(header, 76 + 4 * number)).collect();
        Some(Self { shift, directory: u32_at(header, 48)?, tables })
    }

    fn place(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) << self.shift
    }

    /// The sector after this one. Tables beyond the 109 of the header (files over 7 MB) are followed no further:
    /// a directory there ends the chain.
    fn next(&self, file: &mut (impl Read + Seek), sector: u32) -> io::Result<Option<u32>> {
        let of_table = 1u32 << (self.shift - 2);
        let Some(table) = self.tables.get((sector / of_table) as usize).filter(|table| **table < LAST_SECTOR)
        else {
            return Ok(Some(u32::MAX));
        };
        let at = self.place(*table) + 4 * u64::from(sector % of_table);
        Ok(u32_at(&read_at(file, at, 4)?, 0))
    }
}
