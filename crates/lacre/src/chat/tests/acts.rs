//! What is done to a message, and said in other ways.

use super::*;
use crate::chat::acts::Act;

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
    ana.sees("There is nothing to choose in this message.");
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
fn ana_answers_a_business_by_the_number_of_a_button() {
    let mut ana = Ana::with_bruno(100, 30);
    let mut rows = talk();
    rows[2].body = Body::Text("Shall we keep one?\n1 [Yes please]\n2 [No]".to_owned());
    rows[2].marks = Marks { choices: vec!["Yes please".to_owned(), "No".to_owned()], ..Marks::default() };
    ana.hear(Msg::Messages(BRUNO, rows.clone(), false));
    ana.press(&[Key::Up]);
    ana.sees("1…9 choose");
    let no = Act::Choose(rows[2].id, "No".to_owned());
    assert_eq!(done(&mut ana, &[Key::Char('2')]), Some(no));
    for key in ['3', '0'] {
        assert_eq!(done(&mut ana, &[Key::Char(key)]), None);
        ana.sees("Nothing has this number.");
    }
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
