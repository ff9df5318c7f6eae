//! What is done to a file before it is sealed: what it tells about its maker is taken out, a picture is made smaller,
//! and what is shown before the file itself is made.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

use lacre_client::content::{Preview, kinds};
use lacre_guard::{Facts, Family, Reason, Severity, clean_name, judge};
use lacre_media::picture::{self, Format, Sending};
use lacre_media::{Edited, document, video};
use lacre_proto::limits;

use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

/// A file that is ready to be sealed.
pub(super) struct Prepared {
    /// Its bytes, as they are sent.
    pub(super) source: Box<dyn Read + Send>,
    /// How many.
    pub(super) size: u64,
    /// The name that goes with it.
    pub(super) name: String,
    /// What it is, by its content.
    pub(super) media_type: &'static str,
    /// What is shown before it is fetched.
    pub(super) preview: Preview,
    /// What the sender should know.
    pub(super) warning: Option<String>,
}

/// Prepares a file. With `original` a picture keeps its size, and what cannot be cleaned is sent as it is.
pub(super) fn prepare(path: &Path, original: bool) -> Result<Prepared, Failure> {
    let shown = safe_line(&path.to_string_lossy());
    let unread = |error| Failure::io(format!("{shown} cannot be read"), &error);
    let mut file = File::open(path).map_err(unread)?;
    let about = file.metadata().map_err(unread)?;
    if !about.is_file() {
        return Err(Failure::usage(format!("{shown} is not a file")));
    }
    if about.len() > limits::FILE {
        let why = format!("{shown} is larger than {}; nothing was sent", output::bytes(limits::FILE));
        return Err(Failure::new(Exit::Refused, "too_large", why));
    }
    let given = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let facts = Facts::gather(&given, None, &mut file).map_err(unread)?;
    let kind = facts.kind();
    let cleaned = match kind.family() {
        Family::Image if Format::of(&facts.start).is_some() => photo(&mut file, about.len(), original),
        // Of other pictures and videos it is not known what they tell.
        Family::Image => Err("pictures of its kind cannot be cleaned here".to_owned()),
        Family::Video => film(&mut file),
        Family::Document => paper(&facts, &mut file),
        _ => Ok(Cleaned::default()),
    };
    let Cleaned { bytes, edits, preview, format, warning } = match cleaned {
        Ok(cleaned) => cleaned,
        Err(_) if original => Cleaned::default(),
        Err(why) => {
            let why = format!(
                "{shown}: {why}; what it tells about its maker cannot be taken out. Nothing was sent; --original sends it as it is"
            );
            return Err(Failure::new(Exit::Refused, "not_cleaned", why));
        }
    };
    let name = name(&given, format);
    let media_type = format.map_or(kind.mime(), Format::mime);
    let danger = danger(&facts);
    let warning = warning.or(danger).map(|what| format!("{shown}: {what}"));
    if let Some(bytes) = bytes {
        let size = bytes.len() as u64;
        let source = Box::new(Cursor::new(bytes));
        return Ok(Prepared { source, size, name, media_type, preview, warning });
    }
    file.rewind().map_err(unread)?;
    let source: Box<dyn Read + Send> = match edits.is_empty() {
        true => Box::new(BufReader::with_capacity(1 << 20, file)),
        false => Box::new(Edited::new(BufReader::with_capacity(1 << 20, file), edits).map_err(unread)?),
    };
    Ok(Prepared { source, size: about.len(), name, media_type, preview, warning })
}

/// What has come of cleaning.
#[derive(Default)]
struct Cleaned {
    /// Other bytes in place of the file's.
    bytes: Option<Vec<u8>>,
    edits: Vec<lacre_media::Edit>,
    preview: Preview,
    /// What a picture is now.
    format: Option<Format>,
    warning: Option<String>,
}

fn photo(file: &mut File, size: u64, original: bool) -> Result<Cleaned, String> {
    if size > picture::FILE as u64 {
        return Err("it is larger than pictures that are looked into".to_owned());
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(|error| error.to_string())?;
    let sending = if original { Sending::Original } else { Sending::Resized };
    let made = picture::prepare(&bytes, sending).map_err(|error| error.to_string())?;
    let preview = Preview {
        width: made.width,
        height: made.height,
        duration_ms: 0,
        blur: made.blur,
        thumbnail: made.thumbnail,
    };
    Ok(Cleaned { bytes: Some(made.bytes), format: Some(made.format), preview, ..Cleaned::default() })
}

fn film(file: &mut File) -> Result<Cleaned, String> {
    let film = video::examine(file).map_err(|error| error.to_string())?;
    let duration_ms = u32::try_from(film.duration_ms).unwrap_or(u32::MAX);
    let preview = Preview { width: film.width, height: film.height, duration_ms, ..Preview::default() };
    Ok(Cleaned { edits: film.edits, preview, ..Cleaned::default() })
}

fn paper(facts: &Facts, file: &mut File) -> Result<Cleaned, String> {
    let cleaned = document::clean(facts, file).map_err(|error| error.to_string())?;
    let warning = cleaned.rest.then(|| "it may still name its author".to_owned());
    Ok(Cleaned { edits: cleaned.edits, warning, ..Cleaned::default() })
}

/// What its reader will be warned of, the sender may know as well.
fn danger(facts: &Facts) -> Option<String> {
    let worst = judge(facts).reasons.into_iter().next()?;
    (worst.severity() > Severity::Fine && worst != Reason::NamesAuthor).then(|| worst.to_string())
}

/// The name that goes with a file: safe, of a length that can be sent, and with the ending of what it is now.
fn name(given: &str, format: Option<Format>) -> String {
    let name = clean_name(given);
    let name = match (format, name.rsplit_once('.')) {
        (Some(format), Some((stem, ending))) if !is_ending(format, ending) => {
            format!("{stem}.{}", format.extension())
        }
        _ => name,
    };
    let mut end = name.len().min(kinds::FILE_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

fn is_ending(format: Format, ending: &str) -> bool {
    let ending = ending.to_ascii_lowercase();
    ending == format.extension() || format == Format::Jpeg && ending == "jpeg"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_the_file_is_now() {
        assert_eq!(name("holiday.png", Some(Format::Jpeg)), "holiday.jpg");
        assert_eq!(name("holiday.JPEG", Some(Format::Jpeg)), "holiday.JPEG");
        assert_eq!(name("plan.pdf", None), "plan.pdf");
        assert_eq!(name("../x", None), "x");
    }
}
