//! The picture of a group, from a file and into one. Of a PNG image only what makes the picture goes on: text, times,
//! places and whatever else a program has put beside it stay here.

use std::path::Path;

use lacre_client::content::kinds;

use crate::exit::{Exit, Failure};
use crate::qr;

const SIGNATURE: usize = 8;
/// What a decoder needs, and the colours that it stands in.
const KEPT: [&[u8; 4]; 8] = [b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"IDAT", b"IEND"];

/// The picture in a file, without what does not belong to it.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let bad = |why: String| Failure::new(Exit::Refused, "bad_picture", why);
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::io(format!("{} cannot be read", file.display()), &error))?;
    if !qr::is_png(&bytes) {
        return Err(bad("a group's picture is a PNG image".to_owned()));
    }
    let picture = bare(&bytes).ok_or_else(|| bad("the image is damaged".to_owned()))?;
    if picture.len() > kinds::PICTURE {
        return Err(bad(format!(
            "the picture has {} bytes; at most {} can be sent",
            picture.len(),
            kinds::PICTURE
        )));
    }
    Ok(picture)
}

/// A PNG image with nothing in it but the chunks that draw it; `None` when it does not hold together.
fn bare(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut picture = bytes.get(..SIGNATURE)?.to_vec();
    let mut at = SIGNATURE;
    loop {
        let length = u32::from_be_bytes(*bytes.get(at..at + 4)?.first_chunk()?);
        let kind: &[u8; 4] = bytes.get(at + 4..at + 8)?.first_chunk()?;
        let end = at.checked_add(12)?.checked_add(usize::try_from(length).ok()?)?;
        let chunk = bytes.get(at..end)?;
        if KEPT.contains(&kind) {
            picture.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            return Some(picture);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).expect("it is short").to_be_bytes();
        [&length[..], kind, body, &[0; 4]].concat()
    }

    #[test]
    fn only_what_draws_the_picture_is_kept() {
        let head = b"\x89PNG\r\n\x1a\n".to_vec();
        let parts = [
            chunk(b"IHDR", &[1; 13]),
            chunk(b"tEXt", b"where I live"),
            chunk(b"eXIf", b"GPS"),
            chunk(b"IDAT", &[2; 9]),
        ];
        let end = chunk(b"IEND", b"");
        let whole = [head.clone(), parts.concat(), end.clone(), b"and a letter".to_vec()].concat();
        let kept = [head, parts[0].clone(), parts[3].clone(), end].concat();
        assert_eq!(bare(&whole), Some(kept));
        assert_eq!(bare(&whole[..40]), None, "cut off");
        assert_eq!(bare(&whole[..9]), None);
    }

    #[test]
    fn a_length_of_gigabytes_is_damage() {
        let image = [&b"\x89PNG\r\n\x1a\n"[..], &[0xff; 4], b"IHDR", &[0; 20]].concat();
        assert_eq!(bare(&image), None);
    }
}
