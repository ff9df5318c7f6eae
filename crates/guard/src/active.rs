//! Whether a drawing or a page runs script in a browser: by an element, an attribute or an address.
//!
//! It is looked for in words, not in a tree: a reader that takes a file apart in another way than a browser does is
//! what such files are made for. What is found in a drawing that only speaks of it is found too often, and not too
//! rarely.

/// How much of a drawing is looked through, in bytes; a larger one counts as one that runs.
pub const WHOLE: usize = 16 * 1024 * 1024;
/// Elements that run, or hold what does, in SVG, in XHTML and in both; with a prefix too.
const ELEMENTS: [&str; 7] = ["script", "foreignobject", "iframe", "embed", "object", "handler", "listener"];
/// Declarations that make text and attributes appear where none are written (XML 1.0 §3.3, §4.2).
const DECLARATIONS: [&str; 2] = ["<!entity", "<!attlist"];
/// Beginnings of addresses that run.
const ADDRESSES: [&str; 6] = [
    "javascript:",
    "vbscript:",
    "data:text/html",
    "data:text/xml",
    "data:application/xml",
    "data:application/xhtml",
];
/// Sheets that transform a document into another one, with script in it.
const TRANSFORMS: [&str; 4] = ["text/xsl", "text/xml", "application/xml", "application/xslt"];
/// The languages whose elements a browser runs wherever they stand in XML; their names are compared by code points, so that
/// no other spelling is theirs.
const LANGUAGES: [&str; 2] = ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"];
/// What a page has and a text that is only marked up has not.
const PAGE: [&str; 8] = ["html", "head", "body", "form", "input", "meta", "style", "title"];
/// The longest name that is followed.
const NAME: usize = 256;

/// Whether a text runs script.
pub fn runs(mut text: String) -> bool {
    text.make_ascii_lowercase();
    if DECLARATIONS.iter().any(|word| text.contains(word))
        || ELEMENTS.iter().any(|name| element(&text, name))
        || handler(&text)
    {
        return true;
    }
    let text = squeezed(&text);
    transformed(&text) || ADDRESSES.iter().any(|address| text.contains(address))
}

/// Whether XML that is neither a page nor a drawing runs script in a browser all the same: elements of theirs stand in
/// it, a sheet makes it one of them, or it declares what nobody sees in it.
pub fn runs_in_xml(text: String) -> bool {
    if root(text.trim_start_matches('\u{feff}')).is_none() {
        return false;
    }
    let squeezed = squeezed(&text);
    let names = LANGUAGES.iter().any(|language| squeezed.contains(language));
    transformed(&squeezed) || squeezed.contains("<!entity") || names && runs(text)
}

/// Whether a sheet transforms it.
fn transformed(squeezed: &str) -> bool {
    squeezed.contains("<?xml-stylesheet") && TRANSFORMS.iter().any(|kind| squeezed.contains(kind))
}

/// Whether a text that begins with a tag which stands in texts as well is a page all the same.
pub fn page(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    PAGE.iter().any(|name| element(&lower, name)) || runs(lower)
}

/// The name of the first element, without its prefix, after what may stand before it (XML 1.0 §2.8).
pub fn root(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_start();
        text = if let Some(rest) = text.strip_prefix("<?") {
            rest.split_once("?>")?.1
        } else if let Some(rest) = text.strip_prefix("<!--") {
            rest.split_once("-->")?.1
        } else if let Some(rest) = text.strip_prefix("<!") {
            let (inside, after) = rest.split_once('>')?;
            // Declarations may stand within.
            if inside.contains('[') { rest.split_once(']')?.1.split_once('>')?.1 } else { after }
        } else {
            let name = text.strip_prefix('<')?;
            let end = name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(name.len());
            return name[..end].rsplit(':').next();
        };
    }
}

/// Whether there is an element of this name, with a prefix or without.
fn element(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let ends = text[at + name.len()..].chars().next().is_none_or(|c| !is_name(c));
        let before = &text.as_bytes()[at.saturating_sub(NAME)..at];
        ends && match before.last() {
            Some(b'<') => true,
            // A prefix that is longer than any hides something.
            Some(b':') => {
                let delimits = |byte: &u8| !is_name(char::from(*byte)) && byte.is_ascii();
                before.iter().rfind(|byte| delimits(byte)).map_or(at > NAME, |byte| *byte == b'<')
            }
            _ => false,
        }
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

/// Whether an attribute is a handler: `on…=`, after whatever may stand between attributes.
fn handler(text: &str) -> bool {
    let parts = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'');
    text.match_indices("on").filter(|(at, _)| text[..*at].ends_with(parts)).any(|(at, name)| {
        let letters = &text[at + name.len()..];
        let rest = letters.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        // Words of a text stand before an equals sign as well, but not so.
        let value = rest.trim_start().strip_prefix('=').filter(|_| rest.len() < letters.len());
        value.is_some_and(|value| rest.starts_with('=') || value.trim_start().starts_with(['"', '\'']))
    })
}

/// Without what browsers leave out of an address, and with the characters that are written as numbers.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut put = |c: char| {
        if !c.is_whitespace() && !c.is_control() {
            out.push(c.to_ascii_lowercase());
        }
    };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        before.chars().for_each(&mut put);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(0);
        let end = if after[end..].starts_with(';') { end + 1 } else { 0 };
        match &after[..end] {
            "colon;" => put(':'),
            "tab;" | "newline;" => {}
            name => match number(name) {
                Some(c) => put(c),
                None => {
                    put('&');
                    rest = after;
                    continue;
                }
            },
        }
        rest = &after[end..];
    }
    rest.chars().for_each(put);
    out
}

/// The character of `#106;` or `#x6a;`.
fn number(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?.strip_suffix(';')?;
    let number = match digits.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    char::from_u32(number.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_found_however_it_is_written() {
        for text in [
            "<svg><script>1</script></svg>",
            "<svg><SCRIPT\n>1</script></svg>",
            "<svg:svg><svg:script/></svg:svg>",
            "<svg><é:script/></svg>",
            "<svg onload='x()'/>",
            "<svg\nonload='x()'/>",
            "<svg\tonload\n=\n'x()'/>",
            "<svg id=\"a\"onload=\"x()\"/>",
            "<svg/onload=x()>",
            "<svg><a href='javascript:x()'/></svg>",
            "<svg><a href='java\nscript:x()'/></svg>",
            "<svg><a href='&#106;&#x41;vascript&#000000000000000058;x()'/></svg>",
            "<svg><a href='javascript&colon;x()'/></svg>",
            "<!DOCTYPE svg [<!ATTLIST svg onload CDATA 'x()'>]><svg/>",
            "<!DOCTYPE svg [<!ENTITY x 'y'>]><svg>&x;</svg>",
            "<?xml-stylesheet type='text/xsl' href='#x'?><svg/>",
            "<?xml-stylesheet type='te&#120;t/xsl' href='#x'?><svg/>",
            "<svg><x:iframe/></svg>",
            "<svg><foreignObject/></svg>",
            "<svg><set to=' data:text/html,x'/></svg>",
        ] {
            assert!(runs(text.to_owned()), "{text}");
        }
        let long = format!("<svg><{}:script/></svg>", "x".repeat(1000));
        assert!(runs(long));
    }

    #[test]
    fn what_only_looks_like_it_runs_nothing() {
        for text in [
            "<svg><path d='M0 0'/><text>descripts and scripture, on time</text></svg>",
            "<svg><g icon='x' font-family=\"a\" direction=\"ltr\"/></svg>",
            "<?xml-stylesheet type='text/css' href='a.css'?><svg/>",
            "<svg><image href='data:image/png;base64,AAAA'/><a href='https://example.org/?a=1&amp;b=2'/></svg>",
            "<svg><text>this one = that once = & &; &#; &#x;</text></svg>",
            "x:script, a:script",
            "",
        ] {
            assert!(!runs(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn xml_runs_what_it_borrows_from_pages_and_drawings() {
        for text in [
            "<a xmlns:h='http://www.w3.org/1999/xhtml'><h:script>x()</h:script></a>",
            "<?xml version='1.0'?><a xmlns:h='&#104;ttp://www.w3.org/1999/xhtml'><h:script/></a>",
            "<a><svg xmlns='http://www.w3.org/2000/svg' onload='x()'/></a>",
            "<?xml-stylesheet type='text/xsl' href='#x'?><a/>",
            "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        ] {
            assert!(runs_in_xml(text.to_owned()), "{text}");
        }
        for text in [
            "<job><script>build.sh</script></job>",
            "<feed xmlns='http://www.w3.org/2005/Atom'><title>on time</title></feed>",
            "<a><b xmlns='http://www.w3.org/1999/xhtml'><p>a page's words, and nothing that runs</p></b></a>",
            "no XML, but it speaks of <script> and http://www.w3.org/1999/xhtml",
        ] {
            assert!(!runs_in_xml(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_first_element_is_found_behind_what_may_stand_before_it() {
        for (text, name) in [
            ("<svg>", Some("svg")),
            ("<x:svg xmlns:x='y'>", Some("svg")),
            ("<?xml version='1.0'?>\n<!-- <html> --><!DOCTYPE svg PUBLIC 'a' 'b'><svg\n>", Some("svg")),
            ("<!DOCTYPE svg [ <!ENTITY a '>'> ] ><svg/>", Some("svg")),
            ("<div><svg/></div>", Some("div")),
            ("<!-- never ends <svg>", None),
            ("text <svg>", None),
        ] {
            assert_eq!(root(text), name, "{text}");
        }
    }
}
