//! Names that look like another's, though they are not the same (Unicode Technical Standard #39 §4).

use unicode_security::confusable_detection::skeleton;

/// The longest name that is compared, in characters; what is longer is compared by its beginning.
const COMPARED: usize = 256;

/// Whether people may take one name for the other: the same letters to the eye, whatever stands between them.
///
/// `Padaria Sol`, `padaria-sol`, `Padar1a Sol` and the same in look-alike Cyrillic are alike. A name without letters and
/// digits is like none.
pub fn alike(one: &str, other: &str) -> bool {
    let one = form(one);
    !one.is_empty() && one == form(other)
}

/// What the eye keeps of a name: a capital I is an l to it, and so is a 1, and it minds no capitals; so that an i, which
/// was one of them, is the same too.
fn form(name: &str) -> String {
    let name: String = name.chars().take(COMPARED).collect();
    let seen: String = skeleton(&name).collect();
    let seen: String = skeleton(&seen.to_lowercase()).collect();
    let letters = seen.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric());
    letters.map(|c| if matches!(c, 'i' | '\u{131}') { 'l' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_eye_takes_for_the_same_is_alike() {
        for other in [
            "Padaria Sol",
            "padaria-sol",
            "PADARIA  SOL",
            "Padar1a Sol",
            "PadarIa SoI",
            "Раdаriа Ѕоl",
            "Pa\u{200b}daria Sol",
            "P\u{0430}daria\u{a0}S\u{3bf}l.",
            "padaria_so1",
            "PADARlA S0L",
            "ｐａｄａｒｉａ ｓｏｌ",
        ] {
            assert!(alike("Padaria Sol", other), "{other}");
            assert!(alike(other, "Padaria Sol"), "{other}");
        }
    }

    #[test]
    fn other_names_are_other_names() {
        for other in ["Padaria Lua", "Sol", "Padaria Sol Nascente", "Padaria", "", "---", "日"] {
            assert!(!alike("Padaria Sol", other), "{other}");
        }
        assert!(!alike("", ""));
        assert!(!alike("***", "..."));
        assert!(alike("日", "日"));
    }
}
