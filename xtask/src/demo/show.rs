//! The demo's pictures, in 80 columns.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::held::Held;
use crate::run::Outcome;

const LEFT: usize = 34;
const RIGHT: usize = 42;
/// Lines of ciphertext that are shown of one message.
const LINES: usize = 3;

/// A heading.
pub fn title(text: &str) {
    println!("\n{text}\n{}\n", "=".repeat(text.chars().count()));
}

/// What is read, and what is held of the same messages.
pub fn side_by_side(texts: &[String], held: &[Held]) -> Outcome {
    if texts.is_empty() || held.len() < texts.len() {
        let (texts, held) = (texts.len(), held.len());
        return Err(format!("Bruno reads {texts} messages of Ana, and the relay held {held}"));
    }
    println!();
    row("what Bruno reads", "what the relay held");
    row(&"-".repeat(LEFT), &"-".repeat(RIGHT));
    for (text, held) in texts.iter().zip(held) {
        let left = wrap(&format!("ana: {text}"), LEFT);
        let right = facts(held);
        for line in 0..left.len().max(right.len()) {
            let at = |lines: &[String]| lines.get(line).cloned().unwrap_or_default();
            row(&at(&left), &at(&right));
        }
        println!();
    }
    println!("The relay knows the conversation by a random number, the size, and when it");
    println!("came. Who wrote it is not in it, and no key that opens it is at the relay.\n");
    Ok(())
}

fn row(left: &str, right: &str) {
    let pad = " ".repeat(LEFT.saturating_sub(left.chars().count()));
    println!("  {left}{pad}  {right}");
}

fn facts(held: &Held) -> Vec<String> {
    let mut lines = vec![
        format!("conversation {}…", &hex(&held.conversation)[..16]),
        format!("place {}, epoch {}, {} bytes:", held.sequence, held.epoch, held.message.len()),
    ];
    let shown = hex(&held.message[..held.message.len().min(LINES * RIGHT / 2)]);
    lines.extend(shown.as_bytes().chunks(RIGHT).map(|chunk| String::from_utf8_lossy(chunk).into_owned()));
    lines
}

/// That the answer came, and where the other messages stand now.
pub fn answer(read: &[Value], wanted: &str) -> Outcome {
    if !read.iter().any(|message| message["from"] == "bruno" && message["text"] == wanted) {
        return Err("Bruno's answer did not reach Ana".to_owned());
    }
    println!("Bruno answers, and goes. What Ana has on her screen:\n");
    for message in read {
        let text = message["text"].as_str().unwrap_or("");
        let state = message["state"].as_str().unwrap_or("");
        let from = message["from"].as_str().unwrap_or("");
        for (number, line) in wrap(&format!("{from}: {text}"), LEFT + 20).iter().enumerate() {
            let pad = " ".repeat((LEFT + 22).saturating_sub(line.chars().count()));
            println!("  {line}{pad}{}", if number == 0 { state } else { "" });
        }
    }
    println!();
    Ok(())
}

/// Looks for every text in every file of the relay, in the forms in which it could have leaked; and for something
/// that must be there, so that a search that finds nothing means something.
pub fn search(data: &Path, texts: &[&str], held: &[Held]) -> Outcome {
    let mut files = Vec::new();
    read_all(data, &mut files).map_err(|error| format!("{}: {error}", data.display()))?;
    let bytes: usize = files.iter().map(Vec::len).sum();
    let found = |needle: &[u8]| files.iter().any(|file| contains(file, needle));
    let leaked = texts.iter().filter(|text| forms(text).iter().any(|form| found(form))).count();
    let control = held.first().ok_or("the relay held nothing")?;
    let seen = found(b"bruno") && found(&control.conversation);
    println!("All {} files of the relay, {} KiB, were searched for what was", files.len(), bytes / 1024);
    println!("written (plain, hexadecimal, base64, UTF-16):");
    println!("  {leaked} of {} texts found", texts.len());
    println!(
        "  the handle `bruno` and the conversation's number {}",
        if seen { "found" } else { "NOT found" }
    );
    println!("    (the relay knows them: so the search can find what is there)\n");
    match (leaked, seen) {
        (0, true) => Ok(()),
        (0, false) => Err("the search does not find what must be there".to_owned()),
        _ => Err("what was written lies in the relay's data".to_owned()),
    }
}

fn read_all(folder: &Path, files: &mut Vec<Vec<u8>>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            read_all(&entry.path(), files)?;
        } else {
            files.push(fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn contains(file: &[u8], needle: &[u8]) -> bool {
    file.windows(needle.len()).any(|window| window == needle)
}

/// A text as bytes, as hexadecimal digits, in base64 at each of its three alignments, and in UTF-16.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut forms = vec![bytes.to_vec(), hex(bytes).into_bytes(), hex(bytes).to_uppercase().into_bytes()];
    forms.extend((0..3).map(|skip| base64(&bytes[skip..bytes.len() - (bytes.len() - skip) % 3])));
    forms.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms
}

/// Base64 (RFC 4648 §4) of whole groups of three bytes.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |group: &[u8], shift: u32| {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        DIGITS[(bits >> shift & 63) as usize]
    };
    bytes.chunks_exact(3).flat_map(|group| [18, 12, 6, 0].map(|shift| digit(group, shift))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text in lines of so many characters, broken at spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_each_form_that_it_can_leak_in() {
        let text = "tell nobody";
        let carriers: [Vec<u8>; 4] = [
            b"..tell nobody..".to_vec(),
            b"..74656c6c206e6f626f6479..".to_vec(),
            base64(b"x tell nobody..."),
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ];
        for carrier in carriers {
            assert!(forms(text).iter().any(|form| contains(&carrier, form)), "{carrier:?}");
        }
        assert!(!forms(text).iter().any(|form| contains(b"tell everybody", form)));
    }

    #[test]
    fn the_picture_fits_80_columns() {
        const { assert!(2 + LEFT + 2 + RIGHT <= 80) };
        let held = Held { conversation: vec![1; 16], sequence: 1_000, epoch: 12, message: vec![2; 400] };
        assert!(facts(&held).iter().all(|line| line.chars().count() <= RIGHT));
        assert_eq!(wrap("ana: a b", 6), ["ana: a", "b"]);
    }
}
