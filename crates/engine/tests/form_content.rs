//! Forms in content: what comes back, and what may not be said.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use lacre_engine::content::filling::{self, is_day};
use lacre_engine::content::mimi::MimiId;
use lacre_engine::content::{
    self, Address, Answer, BadContent, Choice, Content, Field, Filled, Form, Input, LineKind, Manner, Menu,
    MessageId, Misfilled, Offer, Page, Part,
};
use lacre_proto::AccountId;
use proptest::prelude::*;

fn address() -> Address {
    Address::direct(AccountId([1; 16]), [AccountId([1; 16]), AccountId([2; 16])])
}

fn said(content: Content<MimiId>) -> Result<Content<MimiId>, BadContent> {
    let encoded = content::encode(MessageId([9; 16]), &address(), content, Manner::default());
    encoded.map(|(bytes, _)| content::read(&bytes).unwrap().prove(&address()).unwrap().content)
}

fn menu(form: Form) -> Content<MimiId> {
    Content::Menu(Menu {
        header: String::new(),
        body: "um bolo?".to_owned(),
        footer: String::new(),
        offer: Offer::Form(form),
        template: None,
        above: None,
    })
}

fn options(ids: &[&str]) -> Vec<Choice> {
    let option = |id: &&str| Choice {
        id: (*id).to_owned(),
        title: format!("title of {id}"),
        description: String::new(),
    };
    ids.iter().map(option).collect()
}

fn field(name: &str, input: Input) -> Field {
    let (name, label) = (name.to_owned(), "Which?".to_owned());
    Field { name, label, help: String::new(), needed: false, input, start: None }
}

fn of(parts: Vec<Part>) -> Form {
    let page = Page { title: "Bolo".to_owned(), parts };
    Form { id: "t".to_owned(), title: "Pedir".to_owned(), reply: "{}".to_owned(), pages: vec![page] }
}

fn every_input() -> Vec<Input> {
    let line = |kind| Input::Line { kind, least: 0, most: 80 };
    vec![
        line(LineKind::Any),
        line(LineKind::Number),
        line(LineKind::Email),
        line(LineKind::Phone),
        Input::Lines { most: filling::TEXT },
        Input::One(options(&["a", "b"])),
        Input::Several { options: options(&["a", "b"]), least: 0, most: 2 },
        Input::Yes,
        Input::Day { from: "2026-11-30".to_owned(), to: String::new() },
    ]
}

#[test]
fn every_question_comes_back_as_it_was_asked() {
    let mut parts = vec![Part::Text("Feito no dia".to_owned())];
    for (at, input) in every_input().into_iter().enumerate() {
        parts.push(Part::Field(Field { needed: at % 2 == 0, ..field(&format!("f{at}"), input) }));
    }
    let start = Some(Answer::Chosen(vec!["b".to_owned()]));
    parts.push(Part::Field(Field { start, ..field("started", Input::One(options(&["a", "b"]))) }));
    let form = of(parts);
    assert_eq!(said(menu(form.clone())), Ok(menu(form)));
}

#[test]
fn a_form_that_nobody_could_fill_in_is_not_said() {
    let asks = |input| of(vec![Part::Field(field("a", input))]);
    let line = |least, most| Input::Line { kind: LineKind::Any, least, most };
    let several = |least, most| Input::Several { options: options(&["a", "b"]), least, most };
    let day = |from: &str, to: &str| Input::Day { from: from.to_owned(), to: to.to_owned() };
    let ask = || Part::Field(field("a", Input::Yes));
    let many: Vec<String> = (0..=filling::OPTIONS).map(|at| at.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (form, why) in [
        (of(vec![]), BadContent::Choices),
        (of(vec![Part::Text("only text".to_owned())]), BadContent::Choices),
        (of(vec![ask(), ask()]), BadContent::Choices),
        (of(vec![ask(), Part::Text(String::new())]), BadContent::Empty),
        (Form { title: String::new(), ..asks(Input::Yes) }, BadContent::Empty),
        (Form { reply: "x".repeat(filling::REPLY + 1), ..asks(Input::Yes) }, BadContent::TooLong),
        (Form { pages: vec![of(vec![ask()]).pages.remove(0); 2], ..asks(Input::Yes) }, BadContent::Choices),
        (of(vec![Part::Field(field("", Input::Yes))]), BadContent::Empty),
        (of(vec![Part::Field(Field { label: String::new(), ..field("a", Input::Yes) })]), BadContent::Empty),
        (asks(line(3, 2)), BadContent::Choices),
        (asks(line(0, 0)), BadContent::Choices),
        (asks(line(0, filling::TEXT + 1)), BadContent::TooLong),
        (asks(Input::Lines { most: 0 }), BadContent::Choices),
        (asks(Input::One(Vec::new())), BadContent::Choices),
        (asks(Input::One(options(&["a", "a"]))), BadContent::Choices),
        (asks(Input::One(options(&many))), BadContent::Choices),
        (asks(several(2, 1)), BadContent::Choices),
        (asks(several(0, 3)), BadContent::Choices),
        (asks(day("2026-12-01", "2026-11-30")), BadContent::Choices),
        (asks(day("tomorrow", "")), BadContent::Choices),
        (
            of(vec![Part::Field(Field {
                start: Some(Answer::Text("c".to_owned())),
                ..field("a", Input::One(options(&["a"])))
            })]),
            BadContent::Choices,
        ),
    ] {
        assert_eq!(said(menu(form)), Err(why));
    }
}

#[test]
fn an_answer_fits_its_question() {
    let text = |text: &str| Answer::Text(text.to_owned());
    let ids = |ids: &[&str]| Answer::Chosen(ids.iter().map(|id| (*id).to_owned()).collect());
    let line = |kind| Input::Line { kind, least: 2, most: 20 };
    let several = || Input::Several { options: options(&["a", "b", "c"]), least: 2, most: 2 };
    let day = || Input::Day { from: "2026-11-30".to_owned(), to: "2026-12-31".to_owned() };
    for (input, answer, takes) in [
        (line(LineKind::Any), text("pão"), Ok(())),
        (line(LineKind::Any), text("é"), Err(Misfilled::TooFew)),
        (line(LineKind::Any), text("two\nlines"), Err(Misfilled::NotOfThisKind)),
        (line(LineKind::Any), ids(&["a"]), Err(Misfilled::NotOfThisKind)),
        (line(LineKind::Number), text("-12.50"), Ok(())),
        (line(LineKind::Number), text("12."), Err(Misfilled::NotANumber)),
        (line(LineKind::Number), text("--"), Err(Misfilled::NotANumber)),
        (line(LineKind::Email), text("ana@example.org"), Ok(())),
        (line(LineKind::Email), text("ana@"), Err(Misfilled::NotAnEmail)),
        (line(LineKind::Email), text("ana example@x"), Err(Misfilled::NotAnEmail)),
        (line(LineKind::Phone), text("+55 (11) 99999"), Ok(())),
        (line(LineKind::Phone), text("call me"), Err(Misfilled::NotAPhone)),
        (Input::Lines { most: 3 }, text("a\nb"), Ok(())),
        (Input::Lines { most: 3 }, text("a\nbc"), Err(Misfilled::TooMany)),
        (Input::One(options(&["a"])), ids(&["a"]), Ok(())),
        (Input::One(options(&["a", "b"])), ids(&["a", "b"]), Err(Misfilled::TooMany)),
        (several(), ids(&["a", "c"]), Ok(())),
        (several(), ids(&["a"]), Err(Misfilled::TooFew)),
        (several(), ids(&["a", "a"]), Err(Misfilled::NoSuchOption)),
        (several(), ids(&["a", "z"]), Err(Misfilled::NoSuchOption)),
        (Input::Yes, Answer::Yes(false), Ok(())),
        (day(), text("2026-12-24"), Ok(())),
        (day(), text("2026-11-29"), Err(Misfilled::DayOutside)),
        (day(), text("24.12.2026"), Err(Misfilled::NotADay)),
    ] {
        let kind = format!("{:?}", takes);
        assert_eq!(field("a", input).takes(&answer), takes, "{kind}");
    }
    let needed = Field { needed: true, ..field("a", Input::Yes) };
    assert_eq!(needed.takes(&Answer::Yes(false)), Err(Misfilled::Missing));
}

#[test]
fn a_day_is_one_of_the_calendar() {
    for day in ["2026-11-30", "2024-02-29", "2000-02-29", "0001-01-01"] {
        assert!(is_day(day), "{day}");
    }
    for day in
        ["2026-11-31", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "٢٠٢٦-11-30"]
    {
        assert!(!is_day(day), "{day}");
    }
}

fn answers() -> impl Strategy<Value = Vec<(String, Answer)>> {
    let answer = prop_oneof![
        ".{0,40}".prop_map(Answer::Text),
        prop::collection::vec(".{0,8}", 0..5).prop_map(Answer::Chosen),
        any::<bool>().prop_map(Answer::Yes),
    ];
    prop::collection::vec((".{0,20}", answer), 0..8)
}

proptest! {
    #[test]
    fn what_was_filled_in_comes_back(id in ".{0,40}", answers in answers()) {
        let filled = Content::Filled { of: MimiId([4; 32]), filled: Filled { id, answers } };
        prop_assert_eq!(said(filled.clone()), Ok(filled));
    }
}
