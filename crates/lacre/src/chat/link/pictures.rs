//! What rows show of files: how far they are, and small pictures in the cells of this terminal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lacre_client::files::{FileId, Progress, Transfer};
use lacre_client::view::{self, Body, File};
use lacre_media::picture::{Depth, cells};

use super::{half, rows};
use crate::chat::model::{self, Message, Picture};
use crate::output;
use crate::safe_text::{safe_line, safe_text};

/// Columns and lines of a small picture.
const SMALL: (u16, u16) = (32, 9);
/// Small pictures that are remembered.
const KEPT: usize = 512;
/// Most that are decoded for one read; the others are there with the next.
const AT_ONCE: usize = 50;

/// Small pictures, decoded once.
#[derive(Clone, Default)]
pub(super) struct Pictures {
    /// What this terminal can; none where pictures could not be made out.
    pub(super) depth: Option<Depth>,
    kept: Arc<Mutex<HashMap<FileId, Option<Picture>>>>,
}

impl Pictures {
    /// For the terminal of this process.
    pub(super) fn of_this_terminal() -> Self {
        let variable = |name| std::env::var(name).ok();
        let [color_term, term, no_color] = ["COLORTERM", "TERM", "NO_COLOR"].map(variable);
        let depth = Depth::of(color_term.as_deref(), term.as_deref(), no_color.as_deref());
        Self { depth, ..Self::default() }
    }

    /// What the sender shows of a file, or the picture itself where that was looked at. Not every one is decoded at
    /// once.
    fn of(&self, file: &File, budget: &mut usize) -> Option<Picture> {
        let depth = self.depth.filter(|_| !file.preview.thumbnail.is_empty())?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&file.id) {
            return known.clone();
        }
        *budget = budget.checked_sub(1)?;
        let cells = cells(&file.preview.thumbnail, SMALL.0, SMALL.1, depth);
        let picture = cells.map(|cells| Picture { cells: Arc::new(cells), real: false });
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(file.id, picture.clone());
        picture
    }

    /// From now on a file shows itself, by a thumbnail that was made of it here.
    pub(super) fn show_itself(&self, file: FileId, thumbnail: &[u8]) {
        let Some(cells) = self.depth.and_then(|depth| cells(thumbnail, SMALL.0, SMALL.1, depth)) else {
            return;
        };
        let picture = Picture { cells: Arc::new(cells), real: true };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(file, Some(picture));
    }
}

/// Rows as they are shown, with what is to be seen of their files; pictures only where strangers were accepted.
pub(super) fn shown(
    rows: Vec<view::Message>,
    may_open: bool,
    pictures: &Pictures,
    progress: &dyn Fn(FileId) -> Option<Progress>,
) -> Vec<Message> {
    let mut budget = AT_ONCE;
    let row = |row: view::Message| {
        let files = crate::commands::files::files(&row.body);
        let moves = files.iter().any(|file| matches!(file.transfer, Transfer::Sending | Transfer::Fetching));
        let picture = files.iter().filter(|_| may_open).find_map(|file| pictures.of(file, &mut budget));
        let (text, waveform) = match &row.body {
            Body::Files { files, caption, sticker } => {
                let mut lines: Vec<String> = files
                    .iter()
                    .map(|file| file_line(file, output::what(*sticker), progress(file.id)))
                    .collect();
                lines.extend((!caption.is_empty()).then(|| safe_text(caption)));
                (Some(lines.join("\n")), None)
            }
            Body::Menu { menu, above: Some(file) } => {
                let above = file_line(file, output::what(false), progress(file.id));
                (Some(format!("{above}\n{}", output::menu_lines(menu))), None)
            }
            Body::Voice { file, waveform } => {
                (Some(voice_line(file, progress(file.id))), Some(waveform.clone()))
            }
            _ => (None, None),
        };
        let row = rows::message(row);
        let body = text.map_or_else(|| row.body.clone(), model::Body::Text);
        Message { body, picture, waveform, moves, ..row }
    };
    // The newest first, where not all are decoded.
    let mut shown: Vec<Message> = rows.into_iter().rev().map(row).collect();
    shown.reverse();
    shown
}

fn file_line(file: &File, what: &str, progress: Option<Progress>) -> String {
    let name = safe_line(&lacre_guard::clean_name(&file.file.name));
    let size = output::bytes(file.file.size);
    let picture = match (file.preview.width, file.preview.height) {
        (0, _) | (_, 0) => String::new(),
        (width, height) => format!(", {width} × {height}"),
    };
    format!("{what}: {name} ({size}{picture}){}", how_far(file.transfer, progress))
}

fn voice_line(file: &File, progress: Option<Progress>) -> String {
    let seconds = file.preview.duration_ms.div_ceil(1000);
    let size = output::bytes(file.file.size);
    let how_far = how_far(file.transfer, progress);
    format!("a voice note of {}:{:02} ({size}){how_far}", seconds / 60, seconds % 60)
}

/// How far a file is, in words.
fn how_far(transfer: Transfer, progress: Option<Progress>) -> String {
    let share =
        |progress: Progress| progress.done.saturating_mul(100).checked_div(progress.total).unwrap_or(100);
    let percent = progress.map_or_else(String::new, |progress| format!(" {} %", share(progress).min(100)));
    match transfer {
        Transfer::None => String::new(),
        Transfer::Sending => format!(" · being sent{percent}"),
        Transfer::Fetching => format!(" · being fetched{percent}"),
        Transfer::NotFetched(why) => format!(" · not fetched: {}", half(why)),
    }
}

#[cfg(test)]
mod tests {
    use lacre_client::content::{MessageId, Preview};
    use lacre_client::files::Folder;
    use lacre_client::records::Position;
    use lacre_media::picture::{Pixels, thumbnail};
    use lacre_proto::ConversationId;
    use rand::rand_core::UnwrapErr;
    use rand::rngs::OsRng;

    use super::*;

    const ID: FileId =
        FileId { conversation: ConversationId([1; 16]), message: MessageId([7; 16]), index: 0 };

    fn square(colour: [u8; 3]) -> Vec<u8> {
        thumbnail(&Pixels::new(64, 64, 3, colour.repeat(64 * 64)).expect("as many as needed"))
    }

    /// A row with one file that its sender shows as a red square.
    fn row(transfer: Transfer) -> view::Message {
        let folder = tempfile::tempdir().expect("a folder");
        let sealed = Folder::open(folder.path()).expect("a folder").seal(
            &mut &b"not red at all"[..],
            14,
            &mut UnwrapErr(OsRng),
            &mut |_| (),
        );
        let mut file = sealed.expect("sealed");
        file.name = "../red\u{202e}.jpg".to_owned();
        let preview =
            Preview { width: 640, height: 480, thumbnail: square([250, 5, 5]), ..Preview::default() };
        view::Message {
            id: ID.message,
            conversation: ID.conversation,
            position: Position { anchor: 1, counter: 0 },
            from: "bruno".parse().expect("a handle"),
            mine: false,
            sent: 1,
            body: Body::Files {
                files: vec![File { id: ID, file, preview, transfer }],
                caption: "look".to_owned(),
                sticker: false,
            },
            state: None,
            reply: None,
            late: false,
            seen: false,
            marks: view::Marks::default(),
        }
    }

    fn one(row: view::Message, may_open: bool, pictures: &Pictures, done: u64) -> Message {
        let progress = |_| Some(Progress { done, total: 1_000 });
        shown(vec![row], may_open, pictures, &progress).pop().expect("one")
    }

    fn in_colours() -> Pictures {
        Pictures { depth: Some(Depth::True), ..Pictures::default() }
    }

    #[test]
    fn a_row_tells_how_far_its_file_is() {
        let sending = one(row(Transfer::Sending), true, &Pictures::default(), 425);
        let text = "a file: red.jpg (14 bytes, 640 × 480) · being sent 42 %\nlook";
        assert_eq!((sending.body, sending.moves), (model::Body::Text(text.to_owned()), true));
        let there = one(row(Transfer::None), true, &Pictures::default(), 0);
        assert!(matches!(there.body, model::Body::Text(text) if text.contains("640 × 480)\nlook")));
        assert!(!there.moves && there.picture.is_none(), "this terminal has no colours");
    }

    #[test]
    fn w09_a_preview_is_the_senders_until_the_file_itself_was_looked_at() {
        let pictures = in_colours();
        let before = one(row(Transfer::None), true, &pictures, 0).picture.expect("a preview");
        assert!(!before.real && before.cells.len() <= 9 && before.cells[0].len() <= 32);
        pictures.show_itself(ID, &square([5, 5, 250]));
        let after = one(row(Transfer::None), true, &pictures, 0).picture.expect("a picture");
        assert!(after.real && after.cells != before.cells);
    }

    #[test]
    fn nothing_of_a_stranger_is_decoded_before_they_are_accepted() {
        let pictures = in_colours();
        assert_eq!(one(row(Transfer::None), false, &pictures, 0).picture, None);
        assert!(pictures.kept.lock().expect("whole").is_empty());
    }
}
