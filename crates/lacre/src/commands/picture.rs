//! The picture of a group, from a file. Of a PNG image only what makes the picture goes on: text, times, places and
//! whatever else a program has put beside it stay here.

use std::path::Path;

use lacre_client::content::kinds;
use lacre_media::picture::{Format, strip};

use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

/// The picture in a file, without what does not belong to it.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let bad = |why: String| Failure::new(Exit::Refused, "bad_picture", why);
    let shown = safe_line(&file.to_string_lossy());
    let bytes =
        std::fs::read(file).map_err(|error| Failure::io(format!("{shown} cannot be read"), &error))?;
    if Format::of(&bytes) != Some(Format::Png) {
        return Err(bad(format!("{shown} is not a PNG image; a group's picture is one")));
    }
    let picture = strip(&bytes).map_err(|error| bad(format!("{shown}: {error}")))?;
    if picture.len() > kinds::PICTURE {
        let (size, most) = (output::bytes(picture.len() as u64), output::bytes(kinds::PICTURE as u64));
        return Err(bad(format!("{shown} has {size}; a group's picture has at most {most}")));
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_draws_the_picture_is_sent() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.png");
        let mut image = Vec::new();
        let mut encoder = png::Encoder::new(&mut image, 4, 4);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.add_text_chunk("Comment".to_owned(), "where I live".to_owned()).expect("a chunk");
        encoder.write_header().and_then(|mut it| it.write_image_data(&[7; 16])).expect("an image");
        for (bytes, fine) in [(&image[..], true), (&image[..40], false), (b"GIF89a", false)] {
            std::fs::write(&file, bytes).expect("written");
            match read(&file) {
                Ok(sent) => assert!(fine && !sent.windows(12).any(|it| it == b"where I live")),
                Err(refused) => assert_eq!((fine, refused.code), (false, "bad_picture")),
            }
        }
    }
}
