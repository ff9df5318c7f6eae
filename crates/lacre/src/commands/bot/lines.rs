//! Lines of standard input, read no faster than they are worked on.

use std::io::{self, BufRead, BufReader, Read};

use tokio::sync::mpsc;

/// The longest line: a text at its limit, every byte of it escaped, and what stands around it.
const LONGEST: usize = 512 * 1024;

/// A line, or that one was too long.
#[derive(Debug, PartialEq)]
pub enum Line {
    Bytes(Vec<u8>),
    TooLong,
}

/// Lines as they come; ends with standard input.
pub fn lines() -> mpsc::Receiver<Line> {
    let (send, receive) = mpsc::channel(1);
    // Reading blocks, so it has a thread of its own; it ends with the process.
    std::thread::spawn(move || {
        let mut input = BufReader::new(io::stdin());
        while let Some(line) = next(&mut input) {
            if send.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receive
}

/// The next line that is not blank; a read that fails is the end.
fn next(input: &mut impl BufRead) -> Option<Line> {
    loop {
        let mut line = Vec::new();
        input.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut line).ok()?;
        if line.is_empty() {
            return None;
        }
        if line.len() > LONGEST && !line.ends_with(b"\n") {
            skip(input);
            return Some(Line::TooLong);
        }
        if !line.trim_ascii().is_empty() {
            return Some(Line::Bytes(line.trim_ascii().to_vec()));
        }
    }
}

fn skip(input: &mut impl BufRead) {
    loop {
        let Ok(bytes) = input.fill_buf() else { return };
        let (end, found) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (bytes.len(), bytes.is_empty()),
        };
        input.consume(end);
        if found {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_costs_itself_only() {
        let text = format!("one\n\n  \n{}\ntwo", "x".repeat(LONGEST + 5));
        let mut input = BufReader::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(line) = next(&mut input) {
            all.push(line);
        }
        let bytes = |text: &str| Line::Bytes(text.as_bytes().to_vec());
        assert_eq!(all, [bytes("one"), Line::TooLong, bytes("two")]);
        let mut endless = BufReader::new(&b"xxxxxx"[..]);
        skip(&mut endless);
        assert!(next(&mut endless).is_none());
    }
}
