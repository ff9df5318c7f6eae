//! Files: sent and saved beside everything else, and waited for at the end.

use std::sync::Arc;

use lacre_media::picture::{Cell, Colour};
use ratatui::style::Color;

use super::panels::ordered;
use super::*;
use crate::chat::model::Picture;
use crate::chat::questions::Order;
use crate::chat::state::Seen;

/// Ana sends a photo with what stands in the composer.
fn sends_a_photo(ana: &mut Ana) {
    ana.types("look at this");
    ana.press(&[Key::More, Key::Char('f')]);
    ana.types("holiday/photo.jpg");
    let send = Order::SendFile(BRUNO, "holiday/photo.jpg".to_owned(), "look at this".to_owned());
    assert_eq!(ordered(ana, &[Key::Enter]), Some(send));
    assert_eq!(ana.written(), "");
}

#[test]
fn who_quits_while_a_file_is_sealed_waits_for_it_and_is_told() {
    let mut ana = Ana::with_bruno(100, 30);
    sends_a_photo(&mut ana);
    assert_eq!(ana.press(&[Key::Quit]), []);
    ana.sees("Leaving once photo.jpg is sealed; Ctrl+Q again: leave now, without that. Esc: stay.");
    ana.press(&[Key::Up]);
    ana.sees("Leaving once photo.jpg is sealed");
    assert_eq!(ana.hear(Msg::Ended(1, Ok("It is sealed.".to_owned()))), [Command::Quit]);
}

#[test]
fn who_quits_twice_leaves_without_the_file_and_keeps_what_was_written() {
    let mut ana = Ana::with_bruno(100, 30);
    sends_a_photo(&mut ana);
    let asked = ana.press(&[Key::Quit, Key::Quit]);
    assert_eq!(asked, [Command::KeepDraft(BRUNO, "look at this".to_owned()), Command::Quit]);
}

#[test]
fn who_quits_and_thinks_again_stays() {
    let mut ana = Ana::with_bruno(100, 30);
    sends_a_photo(&mut ana);
    ana.press(&[Key::Quit, Key::Escape]);
    ana.does_not_see("Leaving");
    assert_eq!(ana.hear(Msg::Ended(1, Ok("It is sealed and on its way.".to_owned()))), []);
    ana.sees("It is sealed and on its way.");
}

#[test]
fn a_file_that_is_not_sent_after_all_keeps_ana_here_and_her_words() {
    let mut ana = Ana::with_bruno(100, 30);
    sends_a_photo(&mut ana);
    ana.press(&[Key::Quit]);
    let kept = Command::KeepDraft(BRUNO, "look at this".to_owned());
    assert_eq!(ana.hear(Msg::Ended(1, Err("photo.jpg cannot be read".to_owned()))), [kept]);
    ana.sees("Not done: photo.jpg cannot be read. The text is back in the composer.");
    assert_eq!(ana.written(), "look at this");
}

#[test]
fn when_the_terminal_is_gone_a_file_is_still_sealed_and_nothing_is_fetched() {
    let mut ana = Ana::with_bruno(100, 30);
    sends_a_photo(&mut ana);
    let mut rows = talk();
    rows[2].marks.files = 1;
    ana.hear(Msg::Messages(BRUNO, rows, false));
    assert!(ordered(&mut ana, &[Key::Up, Key::Char('o'), Key::Enter]).is_some());
    assert_eq!(ana.press(&[Key::Escape, Key::Quit]), []);
    for _ in 0..2 {
        // The signal tells it, and then the terminal that is not there.
        assert_eq!(ana.hear(Msg::HungUp), [], "a window that is closed is no second word");
    }
    let asked = ana.hear(Msg::Ended(1, Err("photo.jpg cannot be read".to_owned())));
    assert_eq!(asked, [Command::KeepDraft(BRUNO, "look at this".to_owned()), Command::Quit]);
}

#[test]
fn words_of_a_file_that_is_being_sealed_are_kept_where_the_machine_stops() {
    let mut ana = Ana::with_bruno(100, 30);
    sends_a_photo(&mut ana);
    let kept = Command::KeepDraft(BRUNO, "look at this".to_owned());
    assert_eq!(ana.hear(Msg::Now(NOW + 6_000)), [kept]);
    let asked = ana.hear(Msg::Ended(1, Ok("It is sealed and on its way.".to_owned())));
    assert_eq!(asked, [Command::KeepDraft(BRUNO, String::new())]);
}

#[test]
fn who_quits_while_files_are_saved_is_told_that_too() {
    let mut ana = Ana::with_bruno(100, 30);
    let mut rows = talk();
    rows[2].marks.files = 1;
    ana.hear(Msg::Messages(BRUNO, rows, false));
    let save = Order::Save(BRUNO, MessageId([3; 16]), ".".to_owned());
    assert_eq!(ordered(&mut ana, &[Key::Up, Key::Char('o'), Key::Enter]), Some(save));
    ana.sees("Being fetched and checked …");
    assert_eq!(ana.press(&[Key::Quit]), []);
    ana.sees("Leaving once the files are saved");
    assert_eq!(ana.press(&[Key::Quit]), [Command::Quit]);
}

const RED_OVER_BLUE: Cell = Cell { top: Colour::Rgb(250, 5, 5), bottom: Colour::Rgb(5, 5, 250) };

/// Bruno has sent a picture.
fn with_a_picture(columns: u16, lines: u16, real: bool) -> Ana {
    let mut ana = Ana::with_bruno(columns, lines);
    ana.hear(Msg::Messages(BRUNO, vec![picture_row(real)], false));
    ana
}

fn picture_row(real: bool) -> Message {
    let cells = Arc::new(vec![vec![RED_OVER_BLUE; 12]; 6]);
    let marks = Marks { files: 1, ..Marks::default() };
    let row = message(3, "bruno", "a file: sea.jpg (31.0 KiB, 640 × 480)");
    Message { picture: Some(Picture { cells, real }), marks, ..row }
}

#[test]
fn w09_a_picture_stands_in_its_row_and_is_marked_as_what_the_sender_shows() {
    for (columns, lines) in [(100, 30), (80, 24)] {
        let ana = with_a_picture(columns, lines, false);
        ana.sees("▀▀▀▀▀▀▀▀▀▀▀▀");
        ana.sees("preview by bruno; ↑ then v: the picture itself");
        ana.sees("a file: sea.jpg");
        let buffer = ana.buffer(Theme::new(true));
        let cell = buffer.content().iter().find(|cell| cell.symbol() == "▀").expect("a cell");
        assert_eq!((cell.fg, cell.bg), (Color::Rgb(250, 5, 5), Color::Rgb(5, 5, 250)));
    }
    with_a_picture(100, 30, true).does_not_see("preview");
}

#[test]
fn there_are_no_pictures_where_there_is_no_room_and_where_they_are_not_wanted() {
    let ana = with_a_picture(60, 16, false);
    ana.does_not_see("▀");
    ana.sees("a file: sea.jpg");
    let mut ana = with_a_picture(100, 30, false);
    ana.press(&[Key::Pictures]);
    ana.does_not_see("▀");
    ana.sees("No pictures; F2: again.");
    ana.press(&[Key::Pictures]);
    ana.sees("▀");
}

#[test]
fn w09_to_look_at_a_picture_is_to_look_at_the_file_itself() {
    let mut ana = with_a_picture(100, 30, false);
    let look = Order::Look(BRUNO, MessageId([3; 16]), (100, 30));
    ana.press(&[Key::Up]);
    ana.sees("v look at a picture · o save");
    assert_eq!(ordered(&mut ana, &[Key::Char('v')]), Some(look));
    ana.sees("Being fetched and checked …");
    let seen =
        Seen { title: "sea.jpg: the picture itself".to_owned(), cells: vec![vec![RED_OVER_BLUE; 20]; 9] };
    let asked = ana.hear(Msg::Seen(seen));
    assert_eq!(asked, [Command::LoadMessages(BRUNO, 50)], "its row shows the picture itself from now on");
    ana.does_not_see("Being fetched");
    ana.sees(" sea.jpg: the picture itself · Esc ");
    ana.sees(&"▀".repeat(20));
    assert_eq!(ana.press(&[Key::Escape]), []);
    ana.does_not_see("the picture itself · Esc");
    assert_eq!(ana.press(&[Key::Quit]), [Command::Quit], "nothing is lost by not waiting for it");
}

#[test]
fn a_voice_note_shows_how_loud_it_is_and_is_played() {
    for (columns, bars) in [(100, 62), (60, 32)] {
        let mut ana = Ana::with_bruno(columns, 24);
        let loud = (0..64).map(|bucket| if bucket % 2 == 0 { 31 } else { 15 }).collect();
        let marks = Marks { files: 1, ..Marks::default() };
        let row = message(3, "bruno", "a voice note of 0:12 (31.0 KiB)");
        ana.hear(Msg::Messages(BRUNO, vec![Message { waveform: Some(loud), marks, ..row }], false));
        ana.sees("a voice note of 0:12");
        let line = ana.screen().into_iter().find(|line| line.contains('█')).expect("a waveform");
        assert!(line.chars().filter(|c| "▁▂▃▄▅▆▇█".contains(*c)).count() <= bars, "{line}");
        ana.press(&[Key::Up]);
        ana.sees("v play");
        let play = Order::Play(BRUNO, MessageId([3; 16]));
        assert_eq!(ordered(&mut ana, &[Key::Char('v')]), Some(play));
    }
}

#[test]
fn how_far_a_file_is_is_read_again_while_it_moves_and_not_else() {
    let mut ana = with_a_picture(100, 30, false);
    assert_eq!(ana.hear(Msg::Moved), []);
    ana.hear(Msg::Messages(BRUNO, vec![Message { moves: true, ..picture_row(false) }], false));
    assert_eq!(ana.hear(Msg::Moved), [Command::LoadMessages(BRUNO, 50)]);
}

#[test]
fn what_is_said_of_a_file_is_no_text_to_be_edited_or_sent_again() {
    let mut ana = Ana::with_bruno(100, 30);
    let marks = Marks { files: 1, ..Marks::default() };
    let file = |tick| Message { marks: marks.clone(), ..ticked(5, "a file: sea.jpg", tick) };
    ana.hear(Msg::Messages(BRUNO, vec![file(Tick::Sent)], false));
    assert_eq!(ana.press(&[Key::Up, Key::Char('e')]), []);
    ana.sees("Only your own text that was sent is edited.");
    ana.hear(Msg::Messages(BRUNO, vec![file(Tick::Failed("the relay refused it".to_owned()))], false));
    ana.press(&[Key::Enter]);
    assert_eq!(ana.written(), "");
    ana.sees("Send the file again: Ctrl+O, then f.");
}
