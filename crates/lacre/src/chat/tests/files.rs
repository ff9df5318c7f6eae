//! Files: sent and saved beside everything else, and waited for at the end.

use super::panels::ordered;
use super::*;
use crate::chat::questions::Order;

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
    assert_eq!(ana.hear(Msg::HungUp), [], "a window that is closed is no second word");
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
