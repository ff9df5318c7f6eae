//! Changes to a file that is too large to hold: pieces of it replaced by others of the same length, while it is read.

use std::io::{self, Read, Seek, SeekFrom};

/// What stands in place of a piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fill {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many times this byte.
    Repeat(u8, u64),
}

impl Fill {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Repeat(_, count) => *count,
        }
    }
}

/// One change: at this place these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where it begins.
    pub at: u64,
    /// What stands there.
    pub with: Fill,
}

impl Edit {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.with.length())
    }
}

/// A file as it is with its edits: as long as it was, read as any other.
#[derive(Debug)]
pub struct Edited<R> {
    file: R,
    /// In the order of their places.
    edits: Vec<Edit>,
    /// How far each edit and all before it reach.
    reach: Vec<u64>,
    at: u64,
}

impl<R: Read + Seek> Edited<R> {
    /// Reads `file` from its beginning with these edits; where they overlap, the one that begins later counts.
    pub fn new(mut file: R, mut edits: Vec<Edit>) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        edits.sort_by_key(|edit| edit.at);
        let mut furthest = 0;
        let mut reach = |edit: &Edit| {
            furthest = edit.end().max(furthest);
            furthest
        };
        let reach = edits.iter().map(&mut reach).collect();
        Ok(Self { file, edits, reach, at: 0 })
    }
}

impl<R: Read> Read for Edited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        let (begins, ends) = (self.at, self.at + count as u64);
        let first = self.reach.partition_point(|reach| *reach <= begins);
        let last = self.edits.partition_point(|edit| edit.at < ends);
        for edit in self.edits.get(first..last).unwrap_or_default().iter().filter(|edit| edit.end() > begins)
        {
            let (from, to) = (edit.at.max(begins), edit.end().min(ends));
            let piece = &mut into[(from - begins) as usize..(to - begins) as usize];
            match &edit.with {
                Fill::Repeat(byte, _) => piece.fill(*byte),
                Fill::Bytes(bytes) => {
                    let within = (from - edit.at) as usize;
                    piece.copy_from_slice(&bytes[within..within + piece.len()]);
                }
            }
        }
        self.at = ends;
        Ok(count)
    }
}

impl<R: Seek> Seek for Edited<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn an_edited_file_is_the_same_however_it_is_read() {
        let edits = vec![
            Edit { at: 2, with: Fill::Bytes(b"XYZ".to_vec()) },
            Edit { at: 7, with: Fill::Repeat(b'-', 100) },
        ];
        let mut whole = String::new();
        let mut file = Edited::new(Cursor::new(b"0123456789"), edits).expect("it can be read");
        file.read_to_string(&mut whole).expect("text");
        assert_eq!(whole, "01XYZ56---");
        for at in 0..10 {
            file.seek(SeekFrom::Start(at)).expect("a place in it");
            let mut byte = [0];
            file.read_exact(&mut byte).expect("a byte");
            assert_eq!(byte[0], whole.as_bytes()[at as usize]);
        }
    }
}
