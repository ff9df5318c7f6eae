//! A business's form at Ana's terminal.

use lacre_client::content::{Answer, Choice, Field, Form, Input, Page, Part};

use super::super::acts::Act;
use super::super::state::Sheet;
use super::*;

fn field(name: &str, label: &str, needed: bool, input: Input) -> Part {
    let (name, label) = (name.to_owned(), label.to_owned());
    Part::Field(Field { name, label, help: String::new(), needed, input, start: None })
}

fn order() -> Form {
    let choice = |(id, title): (&str, &str)| Choice {
        id: id.to_owned(),
        title: title.to_owned(),
        description: String::new(),
    };
    let sizes = [("s", "Small, for four"), ("l", "Large, for ten")].map(choice).to_vec();
    let pages = vec![
        Page {
            title: "The cake".to_owned(),
            parts: vec![
                Part::Text("Each is baked on the day.".to_owned()),
                field("size", "Which size?", true, Input::One(sizes)),
                field("on", "What shall stand on it?", false, Input::Lines { most: 20 }),
            ],
        },
        Page {
            title: "You".to_owned(),
            parts: vec![field(
                "day",
                "For which day?",
                true,
                Input::Day { from: String::new(), to: String::new() },
            )],
        },
    ];
    Form { id: "t".to_owned(), title: "Order a cake".to_owned(), reply: String::new(), pages }
}

fn with_a_form(columns: u16, lines: u16) -> (Ana, MessageId) {
    let mut ana = Ana::with_bruno(columns, lines);
    let mut rows = talk();
    rows[2].body = Body::Text("Your cake\n1 [Order a cake] a form of 3 questions".to_owned());
    let choices = vec!["Order a cake".to_owned()];
    rows[2].marks = Marks { choices, form: Some(order()), ..Marks::default() };
    let id = rows[2].id;
    ana.hear(Msg::Messages(BRUNO, rows, false));
    ana.press(&[Key::Up]);
    ana.sees("1 f");
    (ana, id)
}

fn sent(commands: &[Command]) -> Vec<&Act> {
    let mut acts = Vec::new();
    for command in commands {
        if let Command::Act(_, act) = command {
            acts.push(act);
        }
    }
    acts
}

#[test]
fn ana_fills_in_a_form_question_by_question() {
    let (mut ana, id) = with_a_form(80, 24);
    ana.press(&[Key::Char('1')]);
    for text in ["Order a cake · 1 of 3", "The cake", "Each is baked", "Which size?", "2 Large, for ten"] {
        ana.sees(text);
    }
    ana.press(&[Key::Enter]);
    ana.sees("This has to be answered.");
    ana.types("3");
    ana.press(&[Key::Enter]);
    ana.sees("“3” is none of the options.");
    ana.press(&[Key::Backspace, Key::Char('2'), Key::Enter]);
    ana.sees("What shall stand on it? (may be left out)");
    ana.hear(Msg::Paste("Happy birthday, dear Bruno".to_owned()));
    ana.press(&[Key::Down]);
    ana.sees("This is too long or too many.");
    (0..12).for_each(|_| drop(ana.press(&[Key::Backspace])));
    ana.press(&[Key::Down]);
    ana.types("2026-12-24");
    ana.press(&[Key::Enter]);
    for text in ["Which size? Large, for ten", "What shall stand on it? Happy birthday", "send?"] {
        ana.sees(text);
    }
    let done = ana.press(&[Key::Enter]);
    let answers = vec![
        ("size".to_owned(), Answer::Chosen(vec!["l".to_owned()])),
        ("on".to_owned(), Answer::Text("Happy birthday".to_owned())),
        ("day".to_owned(), Answer::Text("2026-12-24".to_owned())),
    ];
    assert_eq!(sent(&done), [&Act::Fill(id, answers)]);
    assert_eq!(ana.state.sheet, None);
}

#[test]
fn what_is_filled_in_stays_when_the_form_is_left() {
    let (mut ana, id) = with_a_form(80, 24);
    ana.press(&[Key::Char('1'), Key::Char('1'), Key::Enter]);
    ana.types("For Bruno");
    assert_eq!(sent(&ana.press(&[Key::Escape])), [] as [&Act; 0]);
    ana.sees("Nothing was sent.");
    ana.press(&[Key::Char('1')]);
    ana.sees("> For Bruno");
    ana.press(&[Key::Up]);
    ana.sees("> 1");
    ana.press(&[Key::Down, Key::Down]);
    ana.types("2026-12-24");
    ana.press(&[Key::Enter]);
    let done = ana.press(&[Key::Enter]);
    assert!(matches!(sent(&done)[..], [Act::Fill(of, answers)] if *of == id && answers.len() == 3));
}

#[test]
fn a_form_fits_a_small_terminal() {
    let (mut ana, _) = with_a_form(40, 12);
    ana.press(&[Key::Char('1')]);
    for text in ["Which size?", "> ", "1 Small, for four", "2 Large, for ten"] {
        ana.sees(text);
    }
    assert!(matches!(&ana.state.sheet, Some(Sheet::Filling(_))));
}
