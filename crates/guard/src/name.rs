//! Names of files: what is wrong with one, and what it is saved under.

use crate::extension;
use crate::reason::Reason;

/// The longest name that [`clean_name`] makes, in bytes of UTF-8: room is left for ` (2)` and `.part` below the 255
/// that file systems take.
pub const NAME: usize = 200;
/// The longest extension that is kept when a name is cut.
const EXTENSION: usize = 16;
/// Stands for a name of which nothing is left.
const NAMELESS: &str = "file";

/// A name under which a file can be saved in a folder, whatever the sender called it: one component, no device of
/// any system, no control, nothing that turns the direction of writing, not hidden, no option to a command, at most
/// [`NAME`] bytes, the extension kept.
///
/// ```
/// assert_eq!(lacre_guard::clean_name("../../etc/passwd"), "passwd");
/// assert_eq!(lacre_guard::clean_name("photo\u{202e}gpj.exe"), "photogpj.exe");
/// assert_eq!(lacre_guard::clean_name("CON"), "_CON");
/// ```
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).find(|part| !part.trim_matches(['.', ' ', '\0']).is_empty());
    let kept: String = last.unwrap_or_default().chars().filter(|c| !unseen(*c)).map(plain).collect();
    // First, for what is left may be a device's name that the whole was not.
    let kept = shortened(kept.trim().trim_end_matches(['.', ' ']));
    // Hidden, an option, or a home folder: not by what a sender calls it.
    let kept = match kept.strip_prefix(['.', '-', '~']) {
        Some(rest) => format!("_{rest}"),
        None => kept,
    };
    let kept = if reserved(&kept) { shortened(&format!("_{kept}")) } else { kept };
    if kept.is_empty() { NAMELESS.to_owned() } else { kept }
}

/// What is wrong with a name.
pub fn findings(name: &str) -> Vec<Reason> {
    let mut found = Vec::new();
    if name.chars().any(turns) {
        found.push(Reason::TurnedName);
    }
    if name.chars().any(|c| c.is_control()) {
        found.push(Reason::ControlInName);
    }
    if name.chars().any(|c| unseen(c) && !c.is_control() && !turns(c) && !marks_direction(c)) {
        found.push(Reason::UnseenInName);
    }
    if name.contains(['/', '\\']) || matches!(name, "." | "..") {
        found.push(Reason::PathInName);
    }
    if reserved(name.trim()) {
        found.push(Reason::ReservedName);
    }
    if name.len() > 255 {
        found.push(Reason::LongName);
    }
    found.extend(extensions(name));
    found
}

/// What the extensions of a name say by themselves.
fn extensions(name: &str) -> Vec<Reason> {
    let mut found = Vec::new();
    let visible: String = name.chars().filter(|c| !unseen(*c)).collect();
    let Some(last) = extension::of(&visible) else { return found };
    let runs = extension::runs(&last) || extension::obeyed(&visible);
    if runs {
        found.push(Reason::RunsByName);
    }
    // An extension before the last one fools when a file is not what that one says: `invoice.pdf.zip`.
    let fools =
        extension::inner(&visible).and_then(|inner| extension::promised(&inner)).is_some_and(|inner| {
            runs || extension::promised(&last).is_none_or(|last| packs(last) && !packs(inner))
        });
    if fools {
        found.push(Reason::DoubleExtension);
    }
    if visible.contains("      ") && runs {
        found.push(Reason::HiddenExtension);
    }
    found
}

/// Whether these are archives or pages, and so hide what they hold.
fn packs(kinds: &[crate::Kind]) -> bool {
    use crate::Family::{Archive, Web};
    kinds.iter().any(|kind| matches!(kind.family(), Archive | Web) && *kind != crate::Kind::Gzip)
}

/// Whether a character turns the direction of writing: embeddings, overrides, isolates (Unicode UAX #9).
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Marks of direction that stand in honest names of right-to-left scripts.
fn marks_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200c}'..='\u{200f}')
}

/// Whether a character is not seen, or steers what is around it. Joiners stay: scripts and emoji need them.
fn unseen(c: char) -> bool {
    c.is_control()
        || turns(c)
        || matches!(
            c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{2060}'
                ..='\u{2065}'
        )
        || matches!(c, '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{3164}' | '\u{ffa0}')
}

/// What Windows takes for a stream, a wildcard or a pipe becomes a line; spaces of any width become spaces.
fn plain(c: char) -> char {
    match c {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// Whether Windows takes the name for a device, whatever its extension.
fn reserved(name: &str) -> bool {
    let stem = name.split(['.', ':']).next().unwrap_or_default().trim_end().to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    port.is_some_and(|number| matches!(number.chars().collect::<Vec<_>>()[..], ['0'..='9' | '¹' | '²' | '³']))
}

/// At most [`NAME`] bytes, cut between characters, before the extension.
fn shortened(name: &str) -> String {
    if name.len() <= NAME {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= EXTENSION => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let stem = &stem[..stem.floor_char_boundary(NAME - extension.len())];
    format!("{}{extension}", stem.trim_end_matches(['.', ' ']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn w07_a_name_stays_in_the_folder_and_is_no_device() {
        let long = format!("{}.jpeg", "ç".repeat(2000));
        let rows = [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("/etc/passwd", "passwd"),
            ("C:\\Windows\\system32\\evil.dll", "evil.dll"),
            ("\\\\server\\share\\x.txt", "x.txt"),
            ("..", "file"),
            (".", "file"),
            ("", "file"),
            ("   ", "file"),
            ("a/..", "a"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("nul .txt", "_nul .txt"),
            ("COM¹.log", "_COM¹.log"),
            ("lpt9", "_lpt9"),
            ("communication.txt", "communication.txt"),
            ("report.txt:evil.exe", "report.txt_evil.exe"),
            ("a\0b.txt", "ab.txt"),
            ("a\nb.txt", "ab.txt"),
            ("photo\u{202e}gpj.exe", "photogpj.exe"),
            ("photo.jpg. . .", "photo.jpg"),
            (".bashrc", "_bashrc"),
            ("-rf", "_rf"),
            ("~root", "_root"),
            ("what?*<>|\".txt", "what______.txt"),
            ("תמונה.jpg", "תמונה.jpg"),
            ("👩‍👩‍👧.png", "👩‍👩‍👧.png"),
            ("tar.gz", "tar.gz"),
            (&format!("CON{}x.txt", " ".repeat(300)), "_CON.txt"),
            (&format!("nul{}x", ".".repeat(300)), "_nul.x"),
            (&format!(".{}x.txt", " ".repeat(300)), "_txt"),
        ];
        for (name, clean) in rows {
            assert_eq!(clean_name(name), clean, "{name:?}");
        }
        let cut = clean_name(&long);
        assert!(cut.len() <= NAME && cut.ends_with("ç.jpeg"), "{cut}");
        assert!(clean_name(&"x".repeat(4000)).len() <= NAME);
        assert!(clean_name(&format!("a.{}", "e".repeat(4000))).len() <= NAME);
    }

    #[test]
    fn w02_what_is_wrong_with_a_name_is_said() {
        use Reason::*;
        let rows: &[(&str, &[Reason])] = &[
            ("photo.jpg", &[]),
            ("archive.tar.gz", &[]),
            ("v1.2.3.txt", &[]),
            ("report.final.pdf", &[]),
            ("שלום\u{200f}.txt", &[]),
            ("photo\u{202e}gpj.exe", &[TurnedName, RunsByName]),
            ("photo\u{202e}exe.jpg", &[TurnedName]),
            ("a\u{1b}[2J.txt", &[ControlInName]),
            ("pay\u{200b}pal.txt", &[UnseenInName]),
            ("../x.txt", &[PathInName]),
            ("aux.txt", &[ReservedName]),
            ("photo.jpg.exe", &[RunsByName, DoubleExtension]),
            ("photo.jpg\u{200b}.exe", &[UnseenInName, RunsByName, DoubleExtension]),
            ("invoice.pdf              .scr", &[RunsByName, DoubleExtension, HiddenExtension]),
            ("invoice.pdf.zip", &[DoubleExtension]),
            ("invoice.pdf.html", &[DoubleExtension]),
            ("setup.sh", &[RunsByName]),
            ("game.apk", &[RunsByName]),
            ("Install.command", &[RunsByName]),
            ("photo.jpg.desktop", &[RunsByName, DoubleExtension]),
            ("desktop.ini", &[RunsByName]),
        ];
        for (name, reasons) in rows {
            assert_eq!(findings(name), *reasons, "{name:?}");
        }
        assert!(findings(&"x".repeat(4000)).contains(&LongName));
    }

    proptest! {
        #[test]
        fn a_clean_name_is_one_harmless_component_and_stays_so(name in "\\PC{0,80}|[./\\\\:~ CONnul\0-]{0,20}") {
            let clean = clean_name(&name);
            prop_assert!(!clean.is_empty() && clean.len() <= NAME);
            prop_assert!(!clean.contains(['/', '\\', '\0', ':']));
            prop_assert!(!clean.starts_with(['.', '-', '~']) && !clean.ends_with(['.', ' ']));
            prop_assert!(!reserved(&clean));
            prop_assert_eq!(std::path::Path::new(&clean).components().count(), 1);
            prop_assert_eq!(clean_name(&clean), clean);
            let _ = findings(&name);
        }

        #[test]
        fn a_name_that_is_cut_is_as_harmless(
            name in "[.~-]?(CON|nul|Com1|LPT9|aux)?[ .x]{0,4}( {190,210}|\\.{190,210}|[ .]{190,210}|ç{90,110})[x. ]{0,3}(\\.[a-z ]{0,20}){0,2}",
        ) {
            let clean = clean_name(&name);
            prop_assert!(!clean.is_empty() && clean.len() <= NAME, "{clean:?}");
            prop_assert!(!clean.starts_with(['.', '-', '~', ' ']) && !clean.ends_with(['.', ' ']), "{clean:?}");
            prop_assert!(!reserved(&clean), "{clean:?}");
            prop_assert_eq!(clean_name(&clean), clean);
        }
    }
}
