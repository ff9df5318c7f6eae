//! Panels and questions: strangers, devices, safety, lists, and what is known of a message; who is writing.

use lacre_client::content::Category;
use lacre_proto::{AccountId, DeviceId};

use super::*;
use crate::chat::acts::Act;
use crate::chat::open::Target;
use crate::chat::panel::{Of, Row, Shown, Text, What};
use crate::chat::questions::Order;
use crate::chat::state::Sheet;

fn row(of: Of, head: &str, says: &[&str]) -> Row {
    let says = says.iter().map(|line| (*line).to_owned()).collect();
    Row { of, head: head.to_owned(), when: Some(NOW - 3 * MINUTE), says }
}

fn rows(rows: Vec<Row>) -> Shown {
    Shown { rows, ..Shown::default() }
}

/// The one order that was given.
#[track_caller]
pub(super) fn ordered(ana: &mut Ana, keys: &[Key]) -> Option<Order> {
    match ana.press(keys).as_slice() {
        [Command::Do(order) | Command::Slowly(_, order)] => Some(order.clone()),
        [] => None,
        other => panic!("{other:?}"),
    }
}

fn requests() -> Shown {
    let of = Of::Request(MALLORY, "mallory".to_owned());
    rows(vec![row(of, "mallory", &["Goes by “Bank”.", "1 message; no group in common."])])
}

#[test]
fn a_stranger_waits_outside_the_list_until_ana_decides() {
    let mut ana = Ana::with_a_request(100, 30);
    ana.sees(" 1 request · Ctrl+T");
    assert_eq!(ana.state.listed().len(), 1, "the list is of those whom one knows");
    assert_eq!(ana.press(&[Key::Requests]), [Command::LoadPanel(What::Requests)]);
    ana.hear(Msg::Panel(What::Requests, requests()));
    ana.sees("▸ mallory");
    ana.sees("Goes by “Bank”.");
    ana.sees("Enter read it · a accept · d delete · b block · r report");
    assert_eq!(ordered(&mut ana, &[Key::Char('a')]), Some(Order::Accept(MALLORY)));
    assert_eq!(ordered(&mut ana, &[Key::Char('d'), Key::Char('n')]), None, "she thinks again");
    assert_eq!(ordered(&mut ana, &[Key::Char('d'), Key::Char('y')]), Some(Order::Decline(MALLORY)));
    assert_eq!(ordered(&mut ana, &[Key::Char('b'), Key::Char('y')]), Some(Order::BlockRequest(MALLORY)));
    assert_eq!(ordered(&mut ana, &[Key::Char('r'), Key::Enter]), None);
    ana.sees("Type the name of a file first.");
    ana.types("report.json");
    let report = Order::Report(MALLORY, "report.json".to_owned());
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(report));
    assert!(matches!(&ana.state.sheet, Some(Sheet::Panel(panel)) if panel.what == What::Requests));
}

#[test]
fn a_request_is_read_and_nothing_is_written_in_it_before_it_is_accepted() {
    let mut ana = Ana::with_a_request(100, 24);
    ana.press(&[Key::Requests]);
    ana.hear(Msg::Panel(What::Requests, requests()));
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadMessages(MALLORY, 50)]);
    ana.hear(Msg::Messages(MALLORY, vec![message(1, "mallory", "buy coins: https://x.example")], false));
    ana.sees("mallory · request: nothing is told to them yet");
    ana.sees("── Do you want to hear from mallory?");
    ana.sees("a  accept · d  delete · b  block · r  report");
    assert!(ana.press(&[Key::Char('h')]).is_empty());
    ana.sees("Accept it first (a), then write.");
    ana.hear(Msg::Paste("hello".to_owned()));
    assert_eq!(ana.written(), "");
    assert!(ana.press(&[Key::Up, Key::Char('+')]).is_empty());
    ana.sees("Nothing is sent here before you have decided.");
    ana.press(&[Key::Escape]);
    assert_eq!(ordered(&mut ana, &[Key::Char('a')]), Some(Order::Accept(MALLORY)));
    ana.hear(Msg::Conversations(vec![conversation(MALLORY, "mallory", 0)]));
    ana.types("hello");
    assert_eq!(ana.written(), "hello");
}

#[test]
fn a_request_that_is_deleted_is_not_looked_at_any_more() {
    let mut ana = Ana::with_a_request(100, 24);
    ana.press(&[Key::Requests]);
    ana.hear(Msg::Panel(What::Requests, requests()));
    ana.press(&[Key::Enter]);
    ana.hear(Msg::Messages(MALLORY, vec![unseen(1, "buy coins")], false));
    assert_eq!(ordered(&mut ana, &[Key::Char('d'), Key::Char('y')]), Some(Order::Decline(MALLORY)));
    assert!(ana.state.open.is_none());
}

#[test]
fn who_is_blocked_is_told_so_and_can_be_let_back() {
    let mut ana = Ana::with_friends(100, 24);
    let blocked = Conversation { stance: Stance::Blocked, ..conversation(BRUNO, "bruno", 0) };
    ana.hear(Msg::Conversations(vec![blocked]));
    ana.sees("  blocked");
    ana.press(&[Key::Enter]);
    ana.sees("bruno · blocked");
    ana.press(&[Key::Char('x')]);
    ana.sees("You have blocked them: u unblocks, then write.");
    let asked = ordered(&mut ana, &[Key::Char('u'), Key::Char('y')]);
    assert_eq!(asked, Some(Order::UnblockIn(BRUNO)));
    ana.press(&[Key::Palette]);
    ana.types("blocked");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadPanel(What::Blocked)]);
    ana.hear(Msg::Panel(What::Blocked, Shown::default()));
    ana.sees("You have blocked nobody.");
    ana.press(&[Key::Char('b')]);
    ana.types("mallory");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(Order::BlockPerson("mallory".to_owned())));
    let who = AccountId([5; 16]);
    let person = row(Of::Person(who, "mallory".to_owned()), "mallory", &[]);
    ana.hear(Msg::Panel(What::Blocked, rows(vec![person])));
    assert_eq!(ordered(&mut ana, &[Key::Char('x'), Key::Char('y')]), Some(Order::Unblock(who)));
}

#[test]
fn devices_are_named_approved_removed_and_let_in() {
    let mut ana = Ana::with_bruno(100, 30);
    let (laptop, phone) = (DeviceId([1; 16]), DeviceId([2; 16]));
    assert_eq!(ana.press(&[Key::Devices]), [Command::LoadPanel(What::Devices)]);
    let shown = rows(vec![
        row(Of::Device(laptop, "laptop".to_owned(), true), "laptop (this one)", &[]),
        row(Of::Device(phone, "phone".to_owned(), false), "phone", &["New."]),
    ]);
    ana.hear(Msg::Panel(What::Devices, shown));
    assert_eq!(ordered(&mut ana, &[Key::Char('x')]), None);
    ana.sees("This is the device you sit at");
    assert_eq!(ordered(&mut ana, &[Key::Down, Key::Char('a')]), Some(Order::Approve(phone)));
    ana.press(&[Key::Char('n')]);
    ana.sees("What you call it, on all your devices");
    ana.types(" of Ana");
    let named = Order::Rename(phone, "phone of Ana".to_owned());
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(named));
    ana.press(&[Key::Char('x')]);
    ana.sees("This cannot be taken back.");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), None, "only y says yes");
    assert_eq!(ordered(&mut ana, &[Key::Char('y')]), Some(Order::Revoke(phone)));

    ana.press(&[Key::Char('l')]);
    ana.types("0000-1111");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(Order::Link("0000-1111".to_owned())));
    ana.sees("Waiting for the new device to answer");
    ana.hear(Msg::LinkNumber("123 456".to_owned(), "tablet".to_owned()));
    ana.sees("A device that calls itself “tablet” wants to read and");
    ana.sees("123 456");
    ana.hear(Msg::Resized(40, 12));
    ana.sees("123 456");
    ana.sees("Tell it to nobody");
    ana.hear(Msg::Resized(100, 30));
    assert_eq!(ordered(&mut ana, &[Key::Escape, Key::Char('y')]), Some(Order::StopLinking));
    let asked = ana.hear(Msg::LinkEnded(Err("it was stopped".to_owned())));
    assert_eq!(asked, [], "who stopped it has gone on");
    ana.sees("! No device was added: it was stopped");
}

#[test]
fn a_linking_that_ends_well_leads_to_the_devices() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.press(&[Key::Devices]);
    ana.hear(Msg::Panel(What::Devices, Shown::default()));
    ana.press(&[Key::Char('l')]);
    ana.types("0000-1111");
    ana.press(&[Key::Enter]);
    ana.hear(Msg::LinkNumber("123 456".to_owned(), "tablet".to_owned()));
    assert_eq!(ana.hear(Msg::LinkEnded(Ok(()))), [Command::LoadPanel(What::Devices)]);
    ana.sees("The new device is yours now; choose it and press a to approve it.");
}

#[test]
fn the_safety_number_is_shown_compared_and_shown_as_a_code() {
    let mut ana = Ana::with_bruno(80, 24);
    let what = What::Safety(BRUNO);
    assert_eq!(ana.press(&[Key::Safety]), [Command::LoadPanel(what)]);
    let shown = Shown {
        above: vec![Text::Strong("Safety number with bruno".to_owned()), Text::Strong("  12345".to_owned())],
        code: Some(format!("LACRE:SAFETY/1/{}", "12345".repeat(12))),
        ..Shown::default()
    };
    ana.hear(Msg::Panel(what, shown));
    ana.sees("Safety number with bruno");
    ana.sees("q QR code · c compare with a file");
    ana.press(&[Key::Char('q')]);
    ana.sees("█▀");
    ana.hear(Msg::Resized(60, 16));
    ana.sees("The QR code needs a window of");
    ana.press(&[Key::Escape]);
    ana.sees("Safety number with bruno");
    ana.press(&[Key::Char('c')]);
    ana.types("bruno.png");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(Order::Compare(what, "bruno.png".to_owned())));
    ana.hear(Msg::Done("The numbers are the same".to_owned()));
    ana.sees("The numbers are the same");
    ana.press(&[Key::Escape]);
    assert_eq!(ana.state.sheet, None);
}

#[test]
fn who_asks_to_be_let_into_a_group_stands_among_the_requests() {
    let mut ana = Ana::with_trip(100, 30);
    let trip = Conversation { group: true, askers: 1, ..conversation(TRIP, "Trip", 0) };
    ana.hear(Msg::Conversations(vec![trip]));
    ana.sees(" 1 request · Ctrl+T");
    ana.press(&[Key::Requests]);
    let eva = AccountId([7; 16]);
    let asks =
        row(Of::Asker(TRIP, eva, "eva".to_owned()), "eva", &["Asks to be let into Trip, by its link."]);
    ana.hear(Msg::Panel(What::Requests, rows(vec![asks])));
    assert_eq!(ordered(&mut ana, &[Key::Char('a')]), Some(Order::Admit(TRIP, eva)));
    assert_eq!(ordered(&mut ana, &[Key::Char('d')]), Some(Order::NotAdmit(TRIP, eva)));
    assert_eq!(ordered(&mut ana, &[Key::Char('b')]), None);
    ana.sees("Who asks to be let in is accepted or declined");
}

#[test]
fn a_group_has_a_link_and_one_asks_by_it() {
    let mut ana = Ana::with_trip(100, 30);
    ana.press(&[Key::Group]);
    ana.hear(Msg::Group(TRIP, trip()));
    assert_eq!(ana.press(&[Key::Char('k')]), [Command::LoadPanel(What::GroupLink(TRIP))]);
    ana.hear(Msg::Panel(What::GroupLink(TRIP), Shown::default()));
    ana.press(&[Key::Char('n')]);
    ana.types("400");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), None);
    ana.sees("Write a number of days from 1 to 366");
    ana.press(&[Key::Backspace; 2]);
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(Order::NewLink(TRIP, 4)));
    assert_eq!(ordered(&mut ana, &[Key::Char('x'), Key::Char('y')]), Some(Order::LinkOff(TRIP)));
    ana.press(&[Key::Escape, Key::Palette]);
    ana.types("join");
    ana.press(&[Key::Enter]);
    ana.hear(Msg::Paste("LACRE:JOIN/1/abc".to_owned()));
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(Order::Join("LACRE:JOIN/1/abc".to_owned())));
}

#[test]
fn files_are_saved_and_sent_and_what_was_written_goes_with_them() {
    let mut ana = Ana::with_bruno(100, 30);
    let mut rows = talk();
    assert!(ana.press(&[Key::Up, Key::Char('o')]).is_empty());
    ana.sees("This message has no files.");
    rows[2].marks.files = 2;
    ana.hear(Msg::Messages(BRUNO, rows, false));
    ana.press(&[Key::Char('o')]);
    ana.sees("The 2 files are fetched, checked and written");
    let save = Order::Save(BRUNO, MessageId([3; 16]), ".".to_owned());
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(save));
    ana.press(&[Key::Escape]);
    ana.types("look at this");
    ana.press(&[Key::More, Key::Char('f')]);
    ana.sees("What you wrote goes with it.");
    ana.types("photo.jpg");
    let send = Order::SendFile(BRUNO, "photo.jpg".to_owned(), "look at this".to_owned());
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(send));
    assert_eq!(ana.written(), "");
    ana.sees("photo.jpg is being cleaned and sealed …");
    ana.hear(Msg::Ended(2, Err("photo.jpg cannot be read".to_owned())));
    assert_eq!(ana.written(), "look at this", "nothing that was written is lost");
}

#[test]
fn of_a_group_one_looks_at_the_number_with_each() {
    let mut ana = Ana::with_trip(100, 30);
    let who = AccountId([7; 16]);
    ana.press(&[Key::Safety]);
    let bruno = row(Of::Person(who, "bruno".to_owned()), "bruno", &[]);
    ana.hear(Msg::Panel(What::Safety(TRIP), rows(vec![bruno])));
    ana.sees("Enter number with this person");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadPanel(What::Number(who, TRIP))]);
    let back = ana.press(&[Key::Escape]);
    assert_eq!(back, [Command::LoadPanel(What::Safety(TRIP))], "back to the group");
}

#[test]
fn the_files_of_a_conversation_are_listed_and_saved_from_the_list() {
    let mut ana = Ana::with_bruno(100, 30);
    let (first, here) = (MessageId([1; 16]), What::Files(BRUNO));
    ana.press(&[Key::Palette]);
    ana.types("files of this");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadPanel(here)]);
    ana.hear(Msg::Panel(here, Shown::default()));
    ana.sees("No file was sent here yet.");
    let album = row(
        Of::Files(BRUNO, first, 2),
        "bruno",
        &["sea.jpg  31.0 KiB  here", "plan.pdf  2.0 MiB  not fetched"],
    );
    ana.hear(Msg::Panel(here, rows(vec![album])));
    ana.sees("plan.pdf  2.0 MiB  not fetched");
    let save = Order::Save(BRUNO, first, ".".to_owned());
    assert_eq!(ordered(&mut ana, &[Key::Char('o'), Key::Enter]), Some(save));
    ana.press(&[Key::Palette]);
    ana.types("files of this");
    ana.press(&[Key::Enter]);
    ana.hear(Msg::Panel(
        here,
        rows(vec![row(Of::Files(BRUNO, first, 1), "bruno", &["sea.jpg  31.0 KiB  here"])]),
    ));
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadAround(BRUNO, first)]);
}

#[test]
fn what_a_business_may_write_is_allowed_narrowed_and_stopped() {
    const SHOWN: Option<[u8; 32]> = Some([7; 32]);
    let mut ana = Ana::with_bruno(100, 30);
    let here = What::Business(BRUNO);
    ana.press(&[Key::Palette]);
    ana.types("this business may");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadPanel(here)]);
    ana.hear(Msg::Panel(here, Shown::default()));
    ana.sees("This is no business.");
    let purposes = |offers: bool| {
        let offers = row(Of::Purpose(BRUNO, Category::Marketing, offers, SHOWN), "offers", &["not allowed"]);
        rows(vec![
            row(Of::Purpose(BRUNO, Category::Service, true, SHOWN), "✓ service messages", &["allowed"]),
            offers,
        ])
    };
    ana.hear(Msg::Panel(here, purposes(false)));
    ana.sees("a allow for a year, or not any more");
    let allow = |category, allowed| Some(Order::Allow(BRUNO, category, allowed, SHOWN));
    assert_eq!(ordered(&mut ana, &[Key::Char('a')]), allow(Category::Service, false));
    assert_eq!(ordered(&mut ana, &[Key::Down, Key::Char('a')]), allow(Category::Marketing, true));
    ana.hear(Msg::Panel(here, purposes(true)));
    assert_eq!(ordered(&mut ana, &[Key::Char('a')]), allow(Category::Marketing, false));
    assert_eq!(ordered(&mut ana, &[Key::Char('x')]), Some(Order::Stop(BRUNO)));
    ana.press(&[Key::Escape, Key::Palette]);
    ana.types("all businesses");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadPanel(What::Businesses)]);
    ana.hear(Msg::Panel(
        What::Businesses,
        rows(vec![row(Of::Business(BRUNO), "Padaria Sol ✓", &["stopped"])]),
    ));
    assert_eq!(ordered(&mut ana, &[Key::Char('x')]), Some(Order::Stop(BRUNO)));
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadPanel(here)]);
}

#[test]
fn lists_lead_to_the_message_and_take_it_off() {
    let mut ana = Ana::with_bruno(100, 30);
    let (first, here) = (MessageId([1; 16]), What::Pinned(BRUNO));
    ana.press(&[Key::Palette]);
    ana.types("pinned");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadPanel(here)]);
    ana.hear(Msg::Panel(here, Shown::default()));
    ana.sees("Nothing is pinned here.");
    let pinned = || rows(vec![row(Of::Message(BRUNO, first), "bruno", &["Olá Ana"])]);
    ana.hear(Msg::Panel(here, pinned()));
    assert_eq!(ana.press(&[Key::Char('x')]), [Command::Act(BRUNO, Act::Pin(first, false))]);
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadAround(BRUNO, first)]);
    ana.hear(Msg::Around(BRUNO, talk(), [false, false]));
    assert_eq!(ana.state.open.as_ref().unwrap().chosen, Some(first));

    ana.press(&[Key::Palette]);
    ana.types("sent later");
    ana.press(&[Key::Enter]);
    let later = Of::Later(BRUNO, first, "happy new year".to_owned());
    ana.hear(Msg::Panel(What::Later, rows(vec![row(later, "to bruno", &["happy new year"])])));
    ana.press(&[Key::Char('e')]);
    ana.types("!");
    let edit = Act::Edit(first, "happy new year!".to_owned());
    assert_eq!(ana.press(&[Key::Enter]), [Command::Act(BRUNO, edit)]);
    assert_eq!(ordered(&mut ana, &[Key::Char('x'), Key::Char('y')]), Some(Order::NotLater(first)));
}

#[test]
fn what_is_shown_is_read_again_when_something_changes() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.press(&[Key::Devices]);
    ana.hear(Msg::Panel(What::Devices, Shown::default()));
    assert!(ana.hear(Msg::Elsewhere).contains(&Command::LoadPanel(What::Devices)));
    ana.press(&[Key::Char('l')]);
    assert!(ana.hear(Msg::Elsewhere).contains(&Command::LoadPanel(What::Devices)), "also under a question");
    ana.press(&[Key::Escape, Key::Escape]);
    assert!(!ana.hear(Msg::Elsewhere).contains(&Command::LoadPanel(What::Devices)));
}

#[test]
fn what_is_known_of_a_message_is_scrolled() {
    let mut ana = Ana::with_bruno(60, 16);
    let what = What::About(BRUNO, MessageId([3; 16]));
    assert_eq!(ana.press(&[Key::Up, Key::Char('i')]), [Command::LoadPanel(what)]);
    let above = (1..40).map(|number| Text::Plain(format!("form {number}."))).collect();
    ana.hear(Msg::Panel(what, Shown { above, ..Shown::default() }));
    ana.sees("form 1.");
    ana.sees("more lines");
    ana.press(&[Key::PageDown; 9]);
    ana.sees("form 39.");
    ana.press(&[Key::Up]);
    ana.does_not_see("form 39.");
}

#[test]
fn a_name_is_asked_for_with_the_one_that_there_is() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.press(&[Key::Palette]);
    ana.types("name that you");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadName]);
    ana.hear(Msg::Name("Ana".to_owned()));
    ana.types(" Maria");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(Order::Name("Ana Maria".to_owned())));
}

#[test]
fn the_palette_finds_by_words_and_tells_the_keys() {
    let mut ana = Ana::with_bruno(100, 40);
    ana.press(&[Key::Palette]);
    ana.sees("▸ new conversation, or group: ana, bruno");
    ana.types("zzz");
    ana.sees("Nothing of that name.");
    ana.press(&[Key::BackspaceWord]);
    ana.types("unread");
    ana.press(&[Key::Enter]);
    assert!(ana.state.only_unread);
    assert_eq!(ana.state.sheet, None);
}

#[test]
fn who_is_writing_is_shown_and_forgotten() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.hear(Msg::Writes(BRUNO, "bruno".to_owned(), true));
    ana.hear(Msg::Writes(CARLA, "carla".to_owned(), true));
    ana.sees("── bruno is writing … ─");
    ana.sees("  is writing …");
    ana.hear(Msg::Now(NOW + 5_000));
    ana.sees("── bruno is writing … ─");
    ana.hear(Msg::Now(NOW + 6_500));
    ana.does_not_see("writing");
    assert!(!ana.state.somebody_is_writing());
    ana.hear(Msg::Writes(BRUNO, "bruno".to_owned(), true));
    ana.hear(Msg::Changed(vec![BRUNO]));
    ana.does_not_see("writing");
    let mut ana = Ana::with_trip(100, 30);
    ana.hear(Msg::Writes(TRIP, "bruno".to_owned(), true));
    ana.hear(Msg::Writes(TRIP, "carla".to_owned(), true));
    ana.sees("── To Trip · bruno and carla are writing … ─");
}

#[test]
fn others_are_told_that_ana_is_writing_now_and_then() {
    let mut ana = Ana::with_bruno(100, 30);
    assert_eq!(ana.press(&[Key::Char('h')]), [Command::Typing(BRUNO, true)]);
    assert_eq!(ana.press(&[Key::Char('e')]), [], "not with every key");
    ana.hear(Msg::Now(NOW + 1_500));
    assert_eq!(ana.press(&[Key::Char('y')]), [Command::Typing(BRUNO, true)]);
    let asked = ana.press(&[Key::Backspace; 3]);
    assert_eq!(asked, [Command::Typing(BRUNO, false)], "she thought better of it");
    ana.press(&[Key::Char('h')]);
    let sent = Command::Send(1, Target::Existing(BRUNO), "h".to_owned(), None);
    assert_eq!(ana.press(&[Key::Enter]), [sent], "the message says it");
    ana.types("x");
    assert!(ana.press(&[Key::Next]).contains(&Command::Typing(BRUNO, false)), "she went elsewhere");
}

#[test]
fn a_draft_is_kept_when_ana_pauses() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.types("half a tho");
    assert_eq!(ana.hear(Msg::Now(NOW + 1_000)), []);
    let kept = Command::KeepDraft(BRUNO, "half a tho".to_owned());
    assert_eq!(ana.hear(Msg::Now(NOW + 6_000)), [kept]);
    assert_eq!(ana.hear(Msg::Now(NOW + 20_000)), [], "once");
}

#[test]
fn a_timer_stands_in_the_header_and_with_each_message() {
    let mut ana = Ana::with_bruno(130, 30);
    ana.hear(Msg::Conversations(vec![Conversation { timer: 86_400, ..conversation(BRUNO, "bruno", 0) }]));
    ana.sees("messages vanish 1 day after they were read");
    let mut rows = talk();
    rows[0].marks.timer = Some(86_400);
    rows[1].marks = Marks { timer: Some(86_400), vanishes: Some(NOW + 2 * 3_600_000), ..Marks::default() };
    ana.hear(Msg::Messages(BRUNO, rows, false));
    ana.sees("bruno  13:55  vanishes 1 day after it was read");
    ana.sees("you  13:55  ✓✓ read  vanishes in 2 hours");
}

#[test]
fn long_ago_is_read_in_parts_both_ways() {
    let mut ana = Ana::with_friends(100, 20);
    ana.press(&[Key::Enter]);
    let long = |numbers: std::ops::Range<u16>| -> Vec<Message> {
        let row = |n: u16| {
            let id = MessageId([[0; 14].as_slice(), &n.to_be_bytes()].concat().try_into().unwrap());
            Message { id, ..message(1, "bruno", &format!("number {n}.")) }
        };
        numbers.map(row).collect()
    };
    let id = |n: u16| long(n..n + 1)[0].id;
    ana.hear(Msg::Messages(BRUNO, long(500..1000), true));
    let asked = ana.press(&[Key::PageUp; 80]);
    assert_eq!(
        asked.last(),
        Some(&Command::LoadAround(BRUNO, id(500))),
        "never more than can be drawn at once"
    );
    ana.hear(Msg::Around(BRUNO, long(300..700), [true, true]));
    ana.sees("number 500.");
    assert_eq!(ana.hear(Msg::Changed(vec![BRUNO]))[1], Command::LoadAround(BRUNO, id(500)));
    let asked = ana.press(&[Key::PageDown; 80]);
    assert_eq!(asked.last(), Some(&Command::LoadAround(BRUNO, id(699))));
    ana.hear(Msg::Around(BRUNO, long(600..1000), [true, false]));
    ana.sees("number 699.");
    ana.press(&[Key::PageDown; 80]);
    ana.sees("number 999.");
}
