//! Groups are made and changed.

use super::*;
use crate::chat::group::Change;

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
