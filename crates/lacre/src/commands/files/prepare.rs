//! What is done to a file before it is sealed: what it tells about its maker is taken out, a picture is made smaller,
//! and what is shown before the file itself is made.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use lacre_client::content::{Preview, kinds};
use lacre_guard::{Facts, Family, Reason, Severity, clean_name, judge};
use lacre_media::picture::{Format, Sending};
use lacre_media::{Body, Outgoing, outgoing};
use lacre_proto::limits;

use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

/// Read from the disk at once, in bytes.
const AT_ONCE: usize = 1 << 20;

/// A file that is ready to be sealed.
pub(super) struct Prepared {
    out: Outgoing,
    file: BufReader<File>,
    /// How many bytes are sent.
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

impl Prepared {
    /// Its bytes, as they are sent.
    pub(super) fn source(&mut self) -> io::Result<Box<dyn Read + '_>> {
        self.out.read(&mut self.file)
    }
}

/// Prepares a file. With `original` a picture keeps its size, and what cannot be cleaned is sent as it is.
pub(super) fn prepare(path: &Path, original: bool) -> Result<Prepared, Failure> {
    let shown = safe_line(&path.to_string_lossy());
    let unread = |error| Failure::io(format!("{shown} cannot be read"), &error);
    let file = File::open(path).map_err(unread)?;
    let about = file.metadata().map_err(unread)?;
    if !about.is_file() {
        return Err(Failure::usage(format!("{shown} is not a file")));
    }
    if about.len() > limits::FILE {
        let why = format!("{shown} is larger than {}; nothing was sent", output::bytes(limits::FILE));
        return Err(Failure::new(Exit::Refused, "too_large", why));
    }
    let mut file = BufReader::with_capacity(AT_ONCE, file);
    let given = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let facts = Facts::gather(&given, None, &mut file).map_err(unread)?;
    let sending = if original { Sending::Original } else { Sending::Resized };
    let out = outgoing(&facts, &mut file, sending).map_err(unread)?;
    if !original && is_uncleaned(&facts, &out) {
        let why = format!(
            "{shown} may tell who made it, where and when, and that cannot be taken out: it is damaged, too large, or \
             of a kind that is not understood here. Nothing was sent; --original sends it as it is"
        );
        return Err(Failure::new(Exit::Refused, "not_cleaned", why));
    }
    let format = match &out.body {
        Body::Bytes(bytes) => Format::of(bytes),
        Body::Edits(_) => None,
    };
    let preview = Preview {
        width: out.width,
        height: out.height,
        duration_ms: out.duration_ms,
        blur: out.blur.clone(),
        thumbnail: out.thumbnail.clone(),
    };
    let rest = out.tells.then(|| "it may still tell who made it, where or when".to_owned());
    let warnings: Vec<String> = rest.into_iter().chain(danger(&facts)).collect();
    let warning = (!warnings.is_empty()).then(|| format!("{shown}: {}", warnings.join("; ")));
    let (size, name, media_type) = (out.size(about.len()), name(&given, format), out.mime);
    Ok(Prepared { out, file, size, name, media_type, preview, warning })
}

/// Pictures and videos of which nothing could be taken out: people do not think of what is in them.
fn is_uncleaned(facts: &Facts, out: &Outgoing) -> bool {
    let untouched = matches!(&out.body, Body::Edits(edits) if edits.is_empty());
    out.tells && untouched && matches!(facts.kind().family(), Family::Image | Family::Video)
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
