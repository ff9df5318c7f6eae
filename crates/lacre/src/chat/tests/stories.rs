//! What happens when keys are pressed and messages come.

use super::*;
use crate::chat::acts::Act;
use crate::chat::group::Change;
use crate::chat::open::Target;
use crate::chat::search::Found;
use crate::chat::state::{Focus, Sheet};

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

#[test]
fn only_what_was_shown_is_marked_read_and_once() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::Enter]);
    let rows = vec![message(1, "bruno", "a"), unseen(2, "b"), unseen(3, "c")];
    let asked = ana.hear(Msg::Messages(BRUNO, rows.clone(), false));
    assert_eq!(asked, [Command::MarkRead(BRUNO, MessageId([3; 16]))]);
    assert_eq!(ana.hear(Msg::Messages(BRUNO, rows.clone(), false)), [], "once");

    ana.hear(Msg::Looked(false));
    let mut rows = rows;
    rows.push(unseen(4, "d"));
    assert_eq!(ana.hear(Msg::Messages(BRUNO, rows, false)), [], "nobody looks");
    assert_eq!(ana.hear(Msg::Looked(true)), [Command::MarkRead(BRUNO, MessageId([4; 16]))]);
}

#[test]
fn nothing_is_read_under_a_sheet_or_in_a_hidden_pane() {
    let mut ana = Ana::with_bruno(50, 20);
    ana.press(&[Key::Escape]);
    assert_eq!(ana.hear(Msg::Messages(BRUNO, vec![unseen(5, "e")], false)), [], "the list is shown");
    ana.press(&[Key::Help]);
    assert_eq!(ana.press(&[Key::Up]), []);
    let asked = ana.press(&[Key::Escape, Key::Enter]);
    assert_eq!(asked, [Command::MarkRead(BRUNO, MessageId([5; 16]))]);
}

#[test]
fn many_new_messages_are_read_from_the_first_one_on() {
    let mut ana = Ana::with_friends(100, 20);
    ana.press(&[Key::Enter]);
    let mut rows = talk();
    rows.extend((10..40).map(|number| unseen(number, &format!("number {number}."))));
    let asked = ana.hear(Msg::Messages(BRUNO, rows, false));
    ana.sees("─ New ─");
    ana.sees("number 10.");
    ana.does_not_see("number 39.");
    let Some(Command::MarkRead(_, MessageId([last, ..]))) = asked.first() else { panic!("{asked:?}") };
    assert!((11..20).contains(last), "read as far as it is shown: {last}");
    ana.sees("more lines, PgDn");
    ana.press(&[Key::PageDown; 8]);
    ana.sees("number 39.");
    assert_eq!(ana.asked.last(), Some(&Command::MarkRead(BRUNO, MessageId([39; 16]))));
}

#[test]
fn paging_up_asks_for_older_messages_and_stays_where_it_was() {
    let mut ana = Ana::with_friends(100, 20);
    ana.press(&[Key::Enter]);
    let rows =
        |from: u8| (from..100).map(|n| message(n, "bruno", &format!("number {n}."))).collect::<Vec<_>>();
    ana.hear(Msg::Messages(BRUNO, rows(50), true));
    ana.sees("number 99.");
    let asked = ana.press(&[Key::PageUp; 20]);
    assert!(asked.contains(&Command::LoadMessages(BRUNO, 100)), "{asked:?}");
    let before = ana.screen();
    ana.hear(Msg::Messages(BRUNO, rows(1), false));
    assert!(ana.screen().iter().any(|line| line.contains("number 50.")), "{before:?}");
    ana.press(&[Key::PageUp]);
    ana.sees("number 49.");
    let here = ana.screen();
    let mut more = rows(1);
    more.push(message(100, "bruno", "new"));
    ana.hear(Msg::Messages(BRUNO, more, false));
    assert_eq!(ana.screen()[3..10], here[3..10], "what comes below does not move what is read");
}

#[test]
fn arrows_choose_back_to_what_is_older() {
    let mut ana = Ana::with_friends(100, 12);
    ana.press(&[Key::Enter]);
    let rows: Vec<_> = (50..100).map(|n| message(n, "bruno", &format!("number {n}."))).collect();
    ana.hear(Msg::Messages(BRUNO, rows, true));
    let asked = ana.press(&[Key::Up; 50]);
    assert_eq!(asked, [Command::LoadMessages(BRUNO, 100)]);
    ana.sees("number 50.");
    ana.press(&[Key::Down; 50]);
    assert_eq!(ana.state.focus, Focus::Composer);
    ana.sees("number 99.");
}

#[test]
fn a_change_reloads_what_is_open_and_nothing_else() {
    let mut ana = Ana::with_bruno(100, 30);
    assert_eq!(ana.hear(Msg::Changed(vec![CARLA])), [Command::LoadConversations]);
    let both = [Command::LoadConversations, Command::LoadMessages(BRUNO, 50)];
    assert_eq!(ana.hear(Msg::Changed(vec![CARLA, BRUNO])), both);
    assert_eq!(ana.hear(Msg::Stale), both);
}

#[test]
fn alerts_stay_until_they_are_dismissed() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.hear(Msg::Alert(Some(BRUNO), "a message could not be opened".to_owned()));
    ana.hear(Msg::Alert(Some(BRUNO), "a message could not be opened".to_owned()));
    ana.hear(Msg::Alert(None, "the relay left out part of the mailbox".to_owned()));
    ana.types("typing on");
    ana.sees("! bruno: a message could not be opened (Esc, 1 more)");
    ana.press(&[Key::Escape]);
    ana.sees("! the relay left out part of the mailbox (Esc)");
    ana.press(&[Key::Escape]);
    ana.does_not_see("!");
    assert_eq!(ana.written(), "typing on");
}

#[test]
fn tab_goes_round_and_escape_goes_back() {
    let mut ana = Ana::with_bruno(100, 30);
    let mut seen = Vec::new();
    for _ in 0..3 {
        ana.press(&[Key::Tab]);
        seen.push(ana.state.focus);
    }
    assert_eq!(seen, [Focus::Messages, Focus::List, Focus::Composer]);
    ana.press(&[Key::BackTab]);
    assert_eq!(ana.state.focus, Focus::List);
    ana.press(&[Key::Help]);
    assert!(matches!(ana.state.sheet, Some(Sheet::Help(0))));
}

#[test]
fn ctrl_r_connects_now() {
    assert_eq!(Ana::with_bruno(100, 30).press(&[Key::Reconnect]), [Command::Reconnect]);
}

#[test]
fn ana_searches_while_she_types_and_goes_to_what_she_found() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.press(&[Key::Search]);
    ana.sees("In bruno:");
    ana.types("ol");
    assert_eq!(ana.asked.last(), Some(&Command::Search("ol".to_owned(), Some(BRUNO))));
    assert_eq!(ana.press(&[Key::Tab]), [Command::Search("ol".to_owned(), None)]);
    ana.hear(Msg::Found("o".to_owned(), None, Found::default()));
    ana.sees("Nothing found.");
    let found = Found { hits: vec![found_hit(2)], more: false, complete: true };
    ana.hear(Msg::Found("ol".to_owned(), None, found));
    ana.sees("▸ you in bruno  13:55");
    ana.sees("Olá Bruno, tudo bem?");
    let goal = MessageId([2; 16]);
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadAround(BRUNO, goal)]);
    ana.hear(Msg::Around(BRUNO, talk(), [false, false]));
    assert_eq!(ana.state.open.as_ref().unwrap().chosen, Some(goal));
    assert_eq!(ana.state.focus, Focus::Messages);
    ana.press(&[Key::Search, Key::Escape]);
    assert_eq!(ana.state.sheet, None);
}

#[test]
fn only_unread_conversations_are_listed_on_wish() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::Down, Key::Unread]);
    ana.does_not_see("carla");
    ana.sees("▸ bruno");
    ana.hear(Msg::Conversations(vec![conversation(CARLA, "carla", 0)]));
    ana.sees("Nothing unread");
    ana.press(&[Key::Unread]);
    ana.sees("carla");
}

#[test]
fn several_handles_make_a_group_with_a_name() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::New]);
    ana.types("bruno, ana");
    ana.press(&[Key::Enter]);
    ana.sees("You are in it anyway");
    ana.press(&[Key::Backspace; 3]);
    ana.types("dario,");
    ana.press(&[Key::Enter]);
    ana.sees("With bruno, dario.");
    assert!(ana.press(&[Key::Enter]).is_empty(), "it needs a name");
    ana.types("Trip");
    let people = ["bruno", "dario"].map(str::to_owned).to_vec();
    assert_eq!(ana.press(&[Key::Enter]), [Command::Group(Change::Make("Trip".to_owned(), people))]);
    assert!(ana.hear(Msg::Made(TRIP)).contains(&Command::LoadMessages(TRIP, 50)));
}

#[test]
fn a_group_is_changed_on_its_sheet() {
    let mut ana = Ana::with_trip(100, 30);
    ana.sees("Trip · group, sealed · post-quantum · Ctrl+G");
    assert_eq!(ana.press(&[Key::Group]), [Command::LoadGroup(TRIP)]);
    ana.hear(Msg::Group(TRIP, trip()));
    ana.sees("▸ ana (you) · admin");
    ana.sees("bruno, “the driver”");
    ana.sees("1 add people: all · 2 edit: admins · 3 send: all");
    let asks = |ana: &mut Ana, keys: &[Key]| match ana.press(keys).as_slice() {
        [Command::Group(change)] => Some(change.clone()),
        [] => None,
        other => panic!("{other:?}"),
    };
    let bruno = || "bruno".to_owned();
    assert_eq!(asks(&mut ana, &[Key::Down, Key::Char('m')]), Some(Change::Role(TRIP, bruno(), true)));
    assert_eq!(asks(&mut ana, &[Key::Char('x'), Key::Char('n')]), None, "she thinks again");
    assert_eq!(asks(&mut ana, &[Key::Char('x'), Key::Char('y')]), Some(Change::Remove(TRIP, bruno())));
    assert_eq!(asks(&mut ana, &[Key::Char('3')]), Some(Change::Rules(TRIP, [false, true, true])));
    ana.press(&[Key::Char('a')]);
    ana.types("no/handle");
    assert_eq!(asks(&mut ana, &[Key::Enter]), None);
    ana.sees("Not a handle");
    ana.press(&[Key::BackspaceWord]);
    ana.types("eva");
    assert_eq!(asks(&mut ana, &[Key::Enter]), Some(Change::Add(TRIP, vec!["eva".to_owned()])));
    ana.press(&[Key::Char('n')]);
    ana.types("Road trip");
    assert_eq!(asks(&mut ana, &[Key::Enter]), Some(Change::Name(TRIP, "Road trip".to_owned())));
    ana.press(&[Key::Char('g')]);
    ana.types("the cook");
    assert_eq!(asks(&mut ana, &[Key::Enter]), Some(Change::Label(TRIP, "the cook".to_owned())));
    assert_eq!(asks(&mut ana, &[Key::Char('l'), Key::Char('y')]), Some(Change::Leave(TRIP)));
    assert_eq!(ana.hear(Msg::Changed(vec![TRIP]))[1], Command::LoadGroup(TRIP), "what changes is shown");
    ana.press(&[Key::Escape]);
    assert_eq!(ana.state.sheet, None);
    ana.hear(Msg::Resized(40, 12));
    ana.press(&[Key::Group]);
    ana.hear(Msg::Group(TRIP, trip()));
    ana.press(&[Key::Down]);
    ana.sees("▸ bruno");
}

#[test]
fn who_is_in_no_group_is_told_how_to_make_one() {
    let mut ana = Ana::with_bruno(100, 30);
    assert!(ana.press(&[Key::Group]).is_empty());
    ana.sees("This is no group.");
}

/// What was asked to be done, alone.
#[track_caller]
fn done(ana: &mut Ana, keys: &[Key]) -> Option<Act> {
    match ana.press(keys).as_slice() {
        [Command::Act(BRUNO, act)] => Some(act.clone()),
        [] => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn letters_do_things_to_the_chosen_message() {
    let mut ana = Ana::with_bruno(110, 40);
    let third = MessageId([3; 16]);
    ana.press(&[Key::Up]);
    assert_eq!(done(&mut ana, &[Key::Char('p')]), Some(Act::Pin(third, true)));
    assert_eq!(done(&mut ana, &[Key::Char('s')]), Some(Act::Star(third, true)));
    let thumb = Some("👍".to_owned());
    assert_eq!(done(&mut ana, &[Key::Char('+'), Key::Char('1'), Key::Enter]), Some(Act::React(third, thumb)));
    assert_eq!(done(&mut ana, &[Key::Char('+'), Key::Enter]), Some(Act::React(third, None)));
    assert_eq!(
        done(&mut ana, &[Key::Char('d'), Key::Char('z'), Key::Char('h')]),
        Some(Act::DeleteHere(third))
    );
    assert_eq!(done(&mut ana, &[Key::Char('f'), Key::Enter]), None);
    ana.sees("Type to whom first.");
    ana.types("carla, Trip");
    let to = ["carla", "Trip"].map(str::to_owned).to_vec();
    assert_eq!(done(&mut ana, &[Key::Enter]), Some(Act::Forward(third, to)));
    assert_eq!(done(&mut ana, &[Key::Char('e')]), None);
    ana.sees("Only your own text that was sent is edited.");
    assert_eq!(done(&mut ana, &[Key::Char('2')]), None);
    ana.sees("This is no poll.");
}

#[test]
fn an_edit_takes_the_place_of_the_text_and_nothing_written_is_lost() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("half a tho");
    ana.press(&[Key::Tab, Key::Up, Key::Char('e')]);
    ana.sees("Send or clear what you are writing first.");
    ana.press(&[Key::Escape]);
    assert_eq!(ana.written(), "half a tho");
    (0..10).for_each(|_| drop(ana.press(&[Key::Backspace])));
    ana.press(&[Key::Tab, Key::Up, Key::Char('e')]);
    ana.sees("Editing what you said to bruno");
    assert_eq!(ana.written(), "Olá Bruno, tudo bem?");
    ana.types("!");
    let edit = Act::Edit(MessageId([2; 16]), "Olá Bruno, tudo bem?!".to_owned());
    assert_eq!(done(&mut ana, &[Key::Enter]), Some(edit));
    assert_eq!(ana.written(), "");
    ana.hear(Msg::NotDone(BRUNO, "Olá!".to_owned(), "it is older than a day".to_owned()));
    ana.sees("Not done: it is older than a day.");
    assert_eq!(ana.written(), "Olá!");
}

#[test]
fn other_ways_to_say_something() {
    let mut ana = Ana::with_bruno(100, 30);
    assert_eq!(done(&mut ana, &[Key::More, Key::Char('1')]), None, "there is nothing to be looked at");
    ana.types("the code is 12");
    let once = Act::Once("the code is 12".to_owned());
    assert_eq!(done(&mut ana, &[Key::More, Key::Char('1')]), Some(once));
    ana.press(&[Key::More, Key::Char('t')]);
    ana.types("2 days");
    assert_eq!(done(&mut ana, &[Key::Enter]), None);
    ana.sees("Write 30s, 5m, 1h, 1d, 1w or off.");
    (0..6).for_each(|_| drop(ana.press(&[Key::Backspace])));
    ana.types("1d");
    assert_eq!(done(&mut ana, &[Key::Enter]), Some(Act::Timer(86_400)));
    ana.press(&[Key::More, Key::Char('p')]);
    ana.types("Pizza? ; yes; no");
    let answers = ["yes", "no"].map(str::to_owned).to_vec();
    assert_eq!(done(&mut ana, &[Key::Enter]), Some(Act::Poll("Pizza?".to_owned(), answers)));
    ana.types("happy new year");
    ana.press(&[Key::More, Key::Char('l')]);
    ana.types("2027-01-01T00:00");
    let later = Act::Later("happy new year".to_owned(), "2027-01-01T00:00".to_owned());
    assert_eq!(done(&mut ana, &[Key::Enter]), Some(later));
    assert_eq!(ana.written(), "");
}

#[test]
fn ana_votes_and_looks_once() {
    let mut ana = Ana::with_bruno(100, 30);
    let mut rows = talk();
    rows[2].marks =
        Marks { options: 3, votes: vec![1], told: "★ · 👍 2".to_owned(), ..Marks::default() };
    ana.hear(Msg::Messages(BRUNO, rows.clone(), false));
    ana.sees("  ★ · 👍 2");
    let poll = rows[2].id;
    ana.press(&[Key::Up]);
    ana.sees("1…9 vote");
    assert_eq!(done(&mut ana, &[Key::Char('3')]), Some(Act::Vote(poll, vec![2])));
    assert_eq!(done(&mut ana, &[Key::Char('2')]), Some(Act::Vote(poll, Vec::new())), "again: taken back");
    assert_eq!(done(&mut ana, &[Key::Char('4')]), None);
    ana.sees("This poll has 3 answers.");
    rows[2].marks = Marks { once: true, ..Marks::default() };
    ana.hear(Msg::Messages(BRUNO, rows, false));
    assert_eq!(done(&mut ana, &[Key::Char('v')]), Some(Act::Look(poll)));
    ana.hear(Msg::SeenOnce("the code is 12".to_owned()));
    ana.sees("the code is 12");
    ana.press(&[Key::Escape]);
    ana.does_not_see("the code is 12");
}
