//! GIF: CompuServe's GIF 89a.

use crate::picture::PictureError;

/// The application blocks that say how often a movement repeats.
const LOOPS: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

pub fn strip(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut reader = Reader { bytes, at: 0 };
    let header = reader.take(13)?;
    let mut out = header.to_vec();
    out.extend_from_slice(reader.take(table(header[10]))?);
    // A file without its last byte is shown all the same.
    while let Ok([kind]) = reader.take(1) {
        match kind {
            b';' => break,
            b'!' => extension(&mut reader, &mut out)?,
            b',' => {
                let descriptor = reader.take(9)?;
                out.push(b',');
                out.extend_from_slice(descriptor);
                out.extend_from_slice(reader.take(table(descriptor[8]))?);
                out.extend_from_slice(reader.take(1)?);
                out.extend_from_slice(reader.blocks()?);
            }
            _ => return Err(PictureError::Damaged),
        }
    }
    out.push(b';');
    Ok(out)
}

/// Timing and transparency stay, and how often it repeats; comments, texts and other applications' blocks go.
fn extension(reader: &mut Reader, out: &mut Vec<u8>) -> Result<(), PictureError> {
    let [label] = reader.take(1)? else { return Err(PictureError::Damaged) };
    let blocks = reader.blocks()?;
    match (label, blocks) {
        (0xf9, [4, a, b, c, d, ..]) => out.extend([b'!', 0xf9, 4, *a, *b, *c, *d, 0]),
        (0xff, [11, rest @ ..]) => {
            let times = rest.get(11..15).filter(|_| LOOPS.iter().any(|name| rest.starts_with(name)));
            if let Some([3, 1, low, high]) = times {
                out.extend(b"!\xff\x0bNETSCAPE2.0\x03\x01");
                out.extend([*low, *high, 0]);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The length of the colour table that a byte of flags announces.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], PictureError> {
        let taken = self.bytes.get(self.at..self.at + count).ok_or(PictureError::Damaged)?;
        self.at += count;
        Ok(taken)
    }

    /// Blocks of data with their lengths, and the empty one that ends them.
    fn blocks(&mut self) -> Result<&'a [u8], PictureError> {
        let begins = self.at;
        loop {
            let length = usize::from(self.take(1)?[0]);
            self.take(length)?;
            if length == 0 {
                return Ok(&self.bytes[begins..self.at]);
            }
        }
    }
}
