//! A shop asks Ana to fill in a form.

use super::dealing::{account, refusal, shop, template};
use crate::api::{Intent, Refusal};
use crate::content::{
    Answer, Category, Choice, Content, Field, Filled, Form, Input, LineKind, Menu, MessageId, Misfilled,
    Offer, Page, Part,
};
use crate::records::Records;

fn field(name: &str, needed: bool, input: Input) -> Part {
    let (name, label) = (name.to_owned(), format!("{name}?"));
    Part::Field(Field { name, label, help: String::new(), needed, input, start: None })
}

fn order() -> Content {
    let size = Choice { id: "s".to_owned(), title: "Pequeno".to_owned(), description: String::new() };
    let parts = vec![
        Part::Text("Feito no dia".to_owned()),
        field("size", true, Input::One(vec![size])),
        field("eggs", false, Input::Line { kind: LineKind::Number, least: 1, most: 2 }),
    ];
    let pages = vec![Page { title: "Bolo".to_owned(), parts }];
    let form = Form { id: "order-7".to_owned(), title: "Pedir".to_owned(), reply: "{}".to_owned(), pages };
    let Content::Menu(menu) = template(Category::Service) else { panic!("a card") };
    Content::Menu(Menu { offer: Offer::Form(form), template: None, ..menu })
}

fn answer(name: &str, answer: Answer) -> (String, Answer) {
    (name.to_owned(), answer)
}

fn size(id: &str) -> (String, Answer) {
    answer("size", Answer::Chosen(vec![id.to_owned()]))
}

#[test]
fn ana_fills_in_a_form_and_the_shop_has_her_answers() {
    let (mut world, id) = shop();
    let to_ana = world.conversation("shop", "ana").id;
    world.intent("shop", Intent::Send(to_ana, order()));
    world.run();
    let menu = world.rows("ana", "shop").pop().unwrap();
    assert_eq!(menu.content, order());
    let two = || answer("eggs", Answer::Text("2".to_owned()));
    let rows = world.rows("ana", "shop").len();
    for (answers, why) in [
        (vec![], Misfilled::Missing),
        (vec![two()], Misfilled::Missing),
        (vec![size("xl")], Misfilled::NoSuchOption),
        (vec![size("s"), size("s")], Misfilled::NoSuchField),
        (vec![size("s"), answer("milk", Answer::Yes(true))], Misfilled::NoSuchField),
        (vec![size("s"), answer("eggs", Answer::Yes(true))], Misfilled::NotOfThisKind),
        (vec![size("s"), answer("eggs", Answer::Text("two".to_owned()))], Misfilled::TooMany),
        (vec![size("s"), answer("eggs", Answer::Text("a".to_owned()))], Misfilled::NotANumber),
    ] {
        world.intent("ana", Intent::Fill(id, menu.id, answers));
        assert_eq!(refusal(&world, "ana"), Some(Refusal::Misfilled(why)));
    }
    assert_eq!(world.rows("ana", "shop").len(), rows, "nothing was sent");
    let answers = vec![size("s"), two()];
    world.intent("ana", Intent::Fill(id, menu.id, answers.clone()));
    world.run();
    let came = world.rows("shop", "ana").pop().unwrap();
    let filled = Filled { id: "order-7".to_owned(), answers };
    assert_eq!(came.content, Content::Filled { of: menu.id, filled });
}

#[test]
fn only_the_form_of_a_business_is_filled_in() {
    let (mut world, id) = shop();
    let to_ana = world.conversation("shop", "ana").id;
    world.intent("shop", Intent::Send(to_ana, order()));
    world.intent("shop", Intent::Send(to_ana, template(Category::Service)));
    world.run();
    let fill = |world: &mut crate::harness::world::World, who: &str, id, of| {
        world.intent(who, Intent::Fill(id, of, vec![size("s")]));
        refusal(world, who)
    };
    let rows = world.rows("ana", "shop");
    let [.., form, buttons] = &rows[..] else { panic!("two cards") };
    assert_eq!(fill(&mut world, "ana", id, buttons.id), Some(Refusal::NotOfThisKind));
    assert_eq!(fill(&mut world, "shop", to_ana, form.id), Some(Refusal::NotOfThisKind), "its own");
    assert_eq!(fill(&mut world, "ana", id, rows[0].id), Some(Refusal::NotOfThisKind), "her words");
    let nothing = MessageId([0xee; 16]);
    assert_eq!(fill(&mut world, "ana", id, nothing), Some(Refusal::NoSuchMessage));
}

#[test]
fn what_ana_fills_in_opens_the_window_as_her_words_do() {
    let (mut world, id) = shop();
    let (shop, ana) = (account(&world, "shop"), account(&world, "ana"));
    let to_ana = world.conversation("shop", "ana").id;
    world.intent("shop", Intent::Send(to_ana, order()));
    world.run();
    let until = |world: &crate::harness::world::World| {
        Records(&world.people["shop"].store).leave(shop, ana).unwrap().window_until_ms
    };
    let before = until(&world);
    world.wait(3_600_000);
    let menu = world.rows("ana", "shop").pop().unwrap();
    world.intent("ana", Intent::Fill(id, menu.id, vec![size("s")]));
    world.run();
    assert!(until(&world) >= before + 3_600_000);
}
