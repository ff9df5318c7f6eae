//! The verdict: all that speaks against a file.

use crate::extension::{self, Declared};
use crate::facts::{Facts, Inside};
use crate::kind::{Family, Kind};
use crate::reason::{Reason, Severity};
use crate::window::{holds, u32_at};
use crate::{archive, name};

/// What is to be thought of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it is, by its content.
    pub kind: Kind,
    /// What speaks against it, the worst first. Each is there once.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// What to do with the file: the worst of its reasons.
    pub fn severity(&self) -> Severity {
        self.reasons.iter().map(Reason::severity).max().unwrap_or(Severity::Fine)
    }
}

/// Judges a file by its facts.
pub fn judge(facts: &Facts) -> Verdict {
    let kind = facts.kind();
    let mut reasons = name::findings(&facts.name);
    reasons.extend(content(facts, kind));
    reasons.extend(claims(facts, kind));
    reasons.extend(archive::findings(facts));
    reasons.extend(integrity(facts, kind));
    let mut once: Vec<Reason> = Vec::new();
    for reason in reasons {
        if !once.contains(&reason) {
            once.push(reason);
        }
    }
    once.sort_by_key(|reason| std::cmp::Reverse(reason.severity()));
    Verdict { kind, reasons: once }
}

/// What the content does by itself.
fn content(facts: &Facts, kind: Kind) -> Vec<Reason> {
    let mut found = Vec::new();
    match (kind, kind.family()) {
        (_, Family::Program) => found.push(Reason::Program(kind)),
        (Kind::Html, _) => found.push(Reason::ActivePage),
        (Kind::Svg | Kind::Text, _) if facts.active => found.push(Reason::ActivePage),
        // A browser opens by the name, and forgives what stands before a page or drawing, or is wrong in it.
        (Kind::Text | Kind::Unknown, _) if promises(facts, Kind::Html) || promises(facts, Kind::Svg) => {
            found.push(Reason::ActivePage);
        }
        (Kind::Pdf, _) => found.extend(archive::pdf(facts)),
        (Kind::Rtf, _) if holds(&facts.start, b"\\objdata") => found.push(Reason::Embedded),
        // Attached files are what its documents are abused for.
        (Kind::OneNote, _) => found.push(Reason::Embedded),
        (Kind::Jpeg | Kind::Tiff | Kind::Heif, _) if holds(&facts.start, b"Exif\0\0") => {
            found.push(Reason::NamesAuthor);
        }
        _ => {}
    }
    if extension::of(&facts.name).is_some_and(|name| extension::macros(&name)) {
        found.push(Reason::Macros);
    }
    if is_known_virus(&facts.start) {
        found.push(Reason::TestVirus);
    }
    found
}

/// Whether name or declared type say that it is of this kind.
fn promises(facts: &Facts, kind: Kind) -> bool {
    let named = extension::of(&facts.name).and_then(|name| extension::promised(&name));
    let declared = facts.declared.as_deref().and_then(extension::declared);
    let says = |kinds: &[Kind]| kinds.first() == Some(&kind);
    named.is_some_and(says) || matches!(declared, Some(Declared::Kinds(kinds)) if says(kinds))
}

/// Name and declared type against the content.
fn claims(facts: &Facts, kind: Kind) -> Vec<Reason> {
    let mut found = Vec::new();
    let promised =
        extension::of(&facts.name).and_then(|name| extension::promised(&name)).map(Declared::Kinds);
    let declared = facts.declared.as_deref().and_then(extension::declared);
    if let Some(promised) = promised.filter(|promised| !promised.kept_by(kind)) {
        found.push(broken(promised, kind, Reason::Mislabelled(kind)));
    }
    if let Some(declared) = declared.filter(|declared| !declared.kept_by(kind)) {
        found.push(broken(declared, kind, Reason::FalselyDeclared(kind)));
    }
    // Declared as one thing, named as another: shown by the one and opened by the other.
    if let (Some(declared), Some(promised)) = (declared, promised)
        && declared.family() != promised.family()
        && matches!(promised.family(), Family::Program | Family::Web)
    {
        found.push(Reason::Disguised(kind));
    }
    found
}

/// A promise that the content does not keep: a lie when the content is active, a mistake otherwise.
fn broken(promise: Declared, kind: Kind, mistake: Reason) -> Reason {
    let active = |family| matches!(family, Family::Program | Family::Web);
    if active(kind.family()) && !active(promise.family()) { Reason::Disguised(kind) } else { mistake }
}

/// Whether the file is whole, and one file.
fn integrity(facts: &Facts, kind: Kind) -> Vec<Reason> {
    let (start, end, mut found) = (&facts.start[..], &facts.end[..], Vec::new());
    let number = |at| u32_at(start, at).map_or(0, u64::from);
    let whole = match kind {
        Kind::Jpeg => holds(end, b"\xff\xd9"),
        Kind::Png => holds(end, b"IEND\xae\x42\x60\x82"),
        Kind::Gif => holds(end, b"\x3b"),
        Kind::Webp | Kind::Wav | Kind::Avi => number(4) + 8 <= facts.size + 1,
        Kind::Bmp => number(2) <= facts.size,
        Kind::Pdf => holds(end, b"%%EOF"),
        Kind::SevenZip => facts.size >= 32,
        _ => true,
    };
    if !whole {
        found.push(Reason::Damaged);
    }
    let hung_on = match &facts.inside {
        Inside::Zip(listing) => {
            !matches!(Kind::of(start, end), Kind::Zip | Kind::Pe | Kind::Elf | Kind::Script)
                || listing.before > 0 && Kind::of(start, end) == Kind::Zip
        }
        _ => false,
    };
    let media = matches!(kind.family(), Family::Image | Family::Video | Family::Audio) && kind != Kind::Svg;
    // A reader of PDF looks for its magic in the first 1,024 bytes, a browser for a page in the first 512.
    let head = start[..start.len().min(1024)].to_ascii_lowercase();
    let pages: [&[u8]; 5] = [b"<script", b"<html", b"<!doctype", b"<?php", b"%pdf-"];
    if hung_on || media && pages.iter().any(|page| holds(&head, page)) {
        found.push(Reason::TwoKinds);
    }
    found
}

/// Whether a file that begins so is known as a virus: nobody has a reason to send it on.
pub fn is_known_virus(start: &[u8]) -> bool {
    holds(&start[..start.len().min(128)], &eicar())
}

/// The test file of virus scanners (eicar.org), in two pieces, so that this program is not taken for it.
fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
}
