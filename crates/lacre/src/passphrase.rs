//! The passphrase of a profile: from LACRE_PASSPHRASE, a file descriptor, or a prompt; never from the command
//! line, where others could read it.

use std::io::{IsTerminal, Read};

use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::profile::ProfileDir;

const VARIABLE: &str = "LACRE_PASSPHRASE";
/// The longest passphrase, in bytes.
const LONGEST: u64 = 4096;

/// The passphrase to open a profile with.
pub fn to_open(profile: &ProfileDir, fd: Option<u32>) -> Result<Zeroizing<String>, Failure> {
    if profile.without_passphrase() {
        return Ok(Zeroizing::default());
    }
    match given(fd)? {
        Some(passphrase) => Ok(passphrase),
        None => prompt("Passphrase of this profile: "),
    }
}

/// The passphrase to make a profile with: asked for twice, and not empty.
pub fn to_make(fd: Option<u32>, without: bool) -> Result<Zeroizing<String>, Failure> {
    let given = given(fd)?;
    if without {
        return match given {
            Some(passphrase) if !passphrase.is_empty() => {
                Err(Failure::usage("a passphrase was given together with --no-passphrase; choose one"))
            }
            _ => Ok(Zeroizing::default()),
        };
    }
    let passphrase = match given {
        Some(passphrase) => passphrase,
        None => ask_twice()?,
    };
    if passphrase.is_empty() {
        return Err(Failure::usage(
            "the passphrase is empty: whoever reads this disk would read your messages. Choose one, or say \
             --no-passphrase when that is what you want. No account was made",
        ));
    }
    Ok(passphrase)
}

fn given(fd: Option<u32>) -> Result<Option<Zeroizing<String>>, Failure> {
    if let Some(fd) = fd {
        return from_descriptor(fd).map(Some);
    }
    match std::env::var(VARIABLE) {
        Ok(passphrase) => Ok(Some(Zeroizing::new(passphrase))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{VARIABLE} is not UTF-8"))),
    }
}

/// Up to the first line break.
fn from_descriptor(fd: u32) -> Result<Zeroizing<String>, Failure> {
    let what = format!("the passphrase cannot be read from file descriptor {fd}");
    let file = std::fs::File::open(format!("/dev/fd/{fd}")).map_err(|error| Failure::io(&what, &error))?;
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| Failure::io(&what, &error))?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
}

fn ask_twice() -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        eprintln!(
            "Choose a passphrase for this profile. It locks what is stored on this disk: your keys and"
        );
        eprintln!("your messages. It is never sent anywhere, and nobody can recover it for you.");
    }
    let first = prompt("Passphrase: ")?;
    let second = prompt("The same again: ")?;
    if first != second {
        return Err(Failure::usage("the two passphrases differ; no account was made. Run it again"));
    }
    Ok(first)
}

fn prompt(words: &str) -> Result<Zeroizing<String>, Failure> {
    // The prompt is on the terminal itself, so that a text can come through standard input.
    if !std::io::stdin().is_terminal() && !std::io::stderr().is_terminal() {
        return Err(Failure::usage(format!(
            "a passphrase is needed and there is no terminal to ask on: set {VARIABLE} or use --passphrase-fd"
        )));
    }
    rpassword::prompt_password(words)
        .map(Zeroizing::new)
        .map_err(|error| Failure::io("the passphrase cannot be read", &error))
}
