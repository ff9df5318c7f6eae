//! What is written: sent, kept, answered, and left.

use super::*;
use crate::chat::open::Target;
use crate::chat::state::Focus;

#[test]
fn ana_opens_writes_and_sends() {
    let mut ana = Ana::with_friends(100, 30);
    assert!(ana.asked.contains(&Command::LoadDraft(BRUNO)), "kept drafts are looked for");
    let asked = ana.press(&[Key::Enter]);
    assert_eq!(asked, [Command::LoadMessages(BRUNO, 50)]);
    ana.types("hi");
    ana.press(&[Key::NewLine]);
    ana.types("there");
    let asked = ana.press(&[Key::Enter]);
    assert_eq!(asked, [Command::Send(1, Target::Existing(BRUNO), "hi\nthere".to_owned(), None)]);
    assert_eq!(ana.written(), "");
    let asked = ana.hear(Msg::Queued(1, BRUNO));
    assert!(asked.contains(&Command::LoadMessages(BRUNO, 50)));
}

#[test]
fn blank_text_is_not_sent() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("  ");
    assert_eq!(ana.press(&[Key::NewLine, Key::Enter]), []);
}

#[test]
fn what_the_store_refuses_comes_back() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("first");
    ana.press(&[Key::Enter]);
    ana.types("second");
    ana.hear(Msg::NotQueued(1, "the disk is full".to_owned()));
    assert_eq!(ana.written(), "first\nsecond");
    ana.sees("Not sent: the disk is full");
}

#[test]
fn too_long_a_text_stays_in_the_composer() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.hear(Msg::Paste("a".repeat(65_537)));
    assert_eq!(ana.press(&[Key::Enter]), []);
    assert_eq!(ana.written().len(), 65_537);
    ana.sees("Too long by 1 bytes");
}

#[test]
fn every_conversation_has_its_own_draft() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("for bruno");
    let asked = ana.press(&[Key::Next]);
    assert!(asked.contains(&Command::KeepDraft(BRUNO, "for bruno".to_owned())), "kept when left");
    ana.types("for carla");
    ana.sees("Draft: for bruno");
    ana.press(&[Key::Previous]);
    assert_eq!(ana.written(), "for bruno");
    ana.press(&[Key::Next]);
    assert_eq!(ana.written(), "for carla");
}

#[test]
fn a_kept_draft_is_there_the_next_time_and_goes_when_sent() {
    let mut ana = Ana::with_friends(100, 30);
    ana.hear(Msg::Draft(BRUNO, "from yesterday".to_owned()));
    ana.sees("Draft: from yesterday");
    ana.press(&[Key::Enter, Key::Enter]);
    assert!(matches!(ana.asked.last(), Some(Command::Send(1, _, text, None)) if text == "from yesterday"));
    let asked = ana.hear(Msg::Queued(1, BRUNO));
    assert!(asked.contains(&Command::KeepDraft(BRUNO, String::new())));
}

#[test]
fn what_was_typed_before_the_kept_draft_came_is_not_lost() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::Enter]);
    ana.types("new");
    ana.hear(Msg::Draft(BRUNO, "old".to_owned()));
    assert_eq!(ana.written(), "old\nnew");
}

#[test]
fn quitting_with_unsent_text_asks() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("not yet");
    assert_eq!(ana.press(&[Key::Quit]), []);
    ana.sees("There is text that was not sent, to bruno.");
    assert_eq!(ana.press(&[Key::Escape]), []);
    assert_eq!(ana.written(), "not yet", "Esc stays");
    let asked = ana.press(&[Key::Quit, Key::Enter]);
    assert_eq!(asked, [Command::KeepDraft(BRUNO, "not yet".to_owned()), Command::Quit]);

    let mut ana = Ana::with_bruno(100, 30);
    ana.types("never mind");
    assert_eq!(ana.press(&[Key::Quit, Key::Char('d')]), [Command::Quit]);
    let mut ana = Ana::with_bruno(100, 30);
    assert_eq!(ana.press(&[Key::Quit]), [Command::Quit], "nothing unsent, nothing to ask");
}

#[test]
fn a_terminal_that_goes_away_takes_no_text_with_it() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("half a sen");
    let asked = ana.hear(Msg::HungUp);
    assert_eq!(asked, [Command::KeepDraft(BRUNO, "half a sen".to_owned()), Command::Quit]);
}

#[test]
fn leaving_waits_until_what_was_sent_is_on_the_disk() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("hi");
    ana.press(&[Key::Enter]);
    assert_eq!(ana.press(&[Key::Quit]), []);
    ana.sees("Leaving once what you sent is on the disk");
    let asked = ana.hear(Msg::NotQueued(1, "the disk is full".to_owned()));
    assert_eq!(asked, [Command::KeepDraft(BRUNO, "hi".to_owned()), Command::Quit]);

    let mut ana = Ana::with_bruno(100, 30);
    ana.types("hi");
    ana.press(&[Key::Enter, Key::Quit]);
    assert_eq!(ana.press(&[Key::Quit]), [Command::Quit], "asked twice, it does not wait");
}

#[test]
fn a_new_conversation_begins_with_a_handle() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::New, Key::Enter]);
    ana.sees("Type the handle of the person first.");
    ana.types("da ri");
    ana.press(&[Key::Enter]);
    ana.sees("Not a handle: a handle has only the letters a to z");
    ana.press(&[Key::BackspaceWord, Key::BackspaceWord]);
    ana.types("@Dario");
    ana.press(&[Key::Enter]);
    ana.types("hello");
    let asked = ana.press(&[Key::Enter]);
    let target = Target::New("dario".to_owned());
    assert_eq!(asked, [Command::Send(1, target, "hello".to_owned(), None)]);
    ana.types("and more");
    let dario = ConversationId([4; 16]);
    let asked = ana.hear(Msg::Queued(1, dario));
    assert!(asked.contains(&Command::LoadMessages(dario, 50)));
    assert_eq!(ana.written(), "and more", "what was typed meanwhile moved along");
}

#[test]
fn a_handle_that_is_known_opens_its_conversation() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::New]);
    ana.types("carla");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadMessages(CARLA, 50)]);
}

#[test]
fn text_for_a_conversation_that_is_not_there_yet_is_not_promised_to_be_kept() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::New]);
    ana.types("dario");
    ana.press(&[Key::Enter]);
    ana.types("hello");
    ana.press(&[Key::Quit]);
    ana.sees("What you wrote to dario cannot be kept");
}

#[test]
fn both_wrote_first_and_the_draft_follows_the_conversation_that_stays() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("wait");
    let stays = ConversationId([0; 16]);
    let asked = ana.hear(Msg::Merged(BRUNO, stays));
    assert!(asked.contains(&Command::LoadMessages(stays, 50)));
    assert_eq!(ana.written(), "wait");
}

#[test]
fn ana_answers_a_message() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.press(&[Key::Up, Key::Char('r')]);
    ana.sees("Reply to bruno: Tudo. Are we still");
    ana.types("come to me");
    let asked = ana.press(&[Key::Enter]);
    let answered = Some(MessageId([3; 16]));
    assert_eq!(asked, [Command::Send(1, Target::Existing(BRUNO), "come to me".to_owned(), answered)]);
    ana.sees("── To bruno");
}

#[test]
fn a_reply_can_be_called_off_and_the_text_stays() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("hm");
    ana.press(&[Key::Up, Key::Up, Key::Char('r')]);
    ana.sees("Reply to yourself: Olá Bruno");
    ana.press(&[Key::Escape]);
    assert_eq!(ana.written(), "hm");
    ana.does_not_see("Reply to");
}

#[test]
fn what_cannot_be_read_cannot_be_answered() {
    let mut ana = Ana::with_bruno(100, 30);
    let gap = Message { body: Body::Gap(2), ..message(9, "bruno", "") };
    ana.hear(Msg::Messages(BRUNO, vec![gap], false));
    ana.press(&[Key::Up, Key::Char('r')]);
    ana.sees("Nothing to answer. 2 messages from bruno did not arrive.");
}

#[test]
fn the_text_of_a_failed_message_comes_back() {
    let mut ana = Ana::with_bruno(100, 30);
    let failed =
        ticked(5, "are you there?", Tick::Failed("nobody with this handle can be reached".to_owned()));
    ana.hear(Msg::Messages(BRUNO, vec![failed], false));
    ana.press(&[Key::Up, Key::Enter]);
    assert_eq!(ana.written(), "are you there?");
    assert_eq!(ana.state.focus, Focus::Composer);
}

#[test]
fn a_message_that_waits_can_be_given_up() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.hear(Msg::Messages(BRUNO, vec![ticked(5, "oops", Tick::Sending)], false));
    assert_eq!(ana.press(&[Key::Up, Key::Char('x')]), [Command::GiveUp(MessageId([5; 16]))]);
    ana.hear(Msg::Messages(BRUNO, vec![ticked(5, "oops", Tick::Sent)], false));
    assert_eq!(ana.press(&[Key::Char('x')]), []);
    ana.sees("Only a message that still waits can be given up.");
}

#[test]
fn a_letter_typed_while_choosing_goes_into_the_composer() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.press(&[Key::Up]);
    ana.types("abc");
    assert_eq!(ana.written(), "abc");
}
