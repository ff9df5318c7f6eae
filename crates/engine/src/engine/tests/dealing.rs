//! A shop and Ana, its customer: what each device holds to, whatever the relay lets through.

use lacre_proto::wire::{self, Category as Wire};
use lacre_proto::{AccountId, ConversationId, Millis};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::api::{Agreement, Alert, Event, Input, Intent, Refusal};
use crate::content::{Button, Category, Choice, Content, FileRef, Menu, MessageId, Offer, Preview, Template};
use crate::files::FileKey;
use crate::harness::world::{World, text};
use crate::identity::SignatureSecret;
use crate::records::{Failure, FileId, MessageState, Quality, Rating, Records};

pub(super) const HOUR: Millis = 3600 * 1000;
pub(super) const DAY: Millis = 24 * HOUR;

fn platform(seed: u64) -> SignatureSecret {
    SignatureSecret::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

/// The shop is a business that the operator has verified; Ana has written to it.
pub(super) fn shop() -> (World, ConversationId) {
    let mut world = World::of(&["ana"]);
    world.relay.platform = Some(platform(1));
    world.disconnect("ana");
    world.connect("ana");
    world.sign_up("shop", 9);
    world.connect("shop");
    world.run();
    world.relay.make_business("shop", Some(&platform(1)));
    world.disconnect("shop");
    world.connect("shop");
    world.run();
    world.say("ana", "shop", "olá");
    world.run();
    let id = world.conversation("ana", "shop").id;
    (world, id)
}

fn records<'a>(world: &'a World, name: &str) -> Records<'a> {
    Records(&world.people[name].store)
}

pub(super) fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

pub(super) fn grant(world: &mut World, id: ConversationId, of: &[Category]) {
    agree(world, id, of, 30 * DAY);
}

/// Ana agrees for a time to what the shop tells now.
pub(super) fn agree(world: &mut World, id: ConversationId, of: &[Category], time: Millis) {
    let shop = account(world, "shop");
    let shown = records(world, "ana").terms(shop).unwrap().map(|it| it.hash());
    let agreement = Agreement { categories: of.to_vec(), expires_ms: world.now + time, shown };
    world.intent("ana", Intent::SetConsent(id, agreement));
    world.run();
}

pub(super) fn template(category: Category) -> Content {
    Content::Menu(Menu {
        header: String::new(),
        body: "pão fresco".to_owned(),
        footer: String::new(),
        offer: Offer::Buttons(vec![Button::Reply { id: "yes".to_owned(), title: "Quero".to_owned() }]),
        template: Some(Template { name: "bread".to_owned(), language: "pt_BR".to_owned(), category }),
        above: None,
    })
}

pub(super) fn refusal(world: &World, name: &str) -> Option<Refusal> {
    world.people[name].events.iter().rev().find_map(|event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    })
}

fn unconsented(world: &World) -> usize {
    world.alerts("ana").iter().filter(|alert| matches!(alert, Alert::Unconsented(_))).count()
}

/// What Ana sees of what the shop said.
pub(super) fn from_shop(world: &World) -> Vec<MessageId> {
    world.rows("ana", "shop").into_iter().filter(|row| !row.mine).map(|row| row.id).collect()
}

#[test]
fn ana_sees_the_operators_badge_and_what_is_said_goes_by_name() {
    let (mut world, _) = shop();
    let shop = account(&world, "shop");
    let badge =
        records(&world, "ana").business(shop).unwrap().expect("a business").verified.expect("a badge");
    assert_eq!((badge.display_name.as_str(), badge.domain.as_str()), ("shop", "shop.example"));
    world.say("shop", "ana", "bom dia");
    world.run();
    assert_eq!(world.seen("ana", "shop"), ["olá", "bom dia"]);
    let named = &world.relay.named;
    assert!(named.contains(&Wire::Service.into()) && named.contains(&Wire::None.into()), "{named:?}");
    assert_eq!(world.alerts("ana"), []);
    assert_eq!(world.alerts("shop"), []);
}

#[test]
fn r06_a_badge_of_another_key_is_none_and_a_suspended_shop_loses_its_own_within_a_day() {
    let (mut world, _) = shop();
    let shop = account(&world, "shop");
    let badge = |world: &World| records(world, "ana").business(shop).unwrap().unwrap().verified;
    assert!(badge(&world).is_some());
    world.relay.make_business("shop", None);
    world.wait(DAY + 2 * HOUR);
    assert_eq!(badge(&world), None);
    world.relay.make_business("shop", Some(&platform(2)));
    world.wait(DAY + 2 * HOUR);
    assert_eq!(badge(&world), None);
    assert!(world.alerts("ana").contains(&Alert::FalseBadge));
}

/// Ana has written before any device knew that the shop is a business.
fn shop_that_learns_late() -> World {
    let mut world = World::of(&["ana"]);
    world.relay.platform = Some(platform(1));
    world.disconnect("ana");
    world.connect("ana");
    world.sign_up("shop", 9);
    world.connect("shop");
    world.run();
    world.say("ana", "shop", "olá");
    world.run();
    world.relay.make_business("shop", Some(&platform(1)));
    world
}

#[test]
fn who_wrote_before_the_shop_knew_what_it_is_is_answered_within_the_day() {
    let mut world = shop_that_learns_late();
    world.disconnect("shop");
    world.connect("shop");
    world.run();
    world.say("shop", "ana", "bom dia");
    world.run();
    assert_eq!(refusal(&world, "shop"), None);
    assert_eq!(world.seen("ana", "shop"), ["olá", "bom dia"]);
    assert_eq!(unconsented(&world), 0, "her device has learned of it by then, and knows its own words too");
}

#[test]
fn who_wrote_two_days_before_the_shop_knew_what_it_is_is_not() {
    let mut world = shop_that_learns_late();
    world.disconnect("shop");
    world.wait(2 * DAY);
    world.connect("shop");
    world.run();
    let to_ana = world.conversation("shop", "ana").id;
    world.intent("shop", Intent::Send(to_ana, text("still there?")));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::WindowClosed));
}

#[test]
fn r22_the_shop_learns_within_an_hour_how_it_stands_and_ana_keeps_nothing_of_it() {
    let (mut world, _) = shop();
    let quality = wire::Quality::Red.into();
    world.relay.rate(
        "shop",
        wire::BusinessStanding { quality, daily_limit: Some(250), reached: 9, suspended: false },
    );
    assert_eq!(records(&world, "shop").rating().unwrap(), None);
    world.wait(2 * HOUR);
    let known = Rating { quality: Quality::Red, daily_limit: Some(250) };
    assert_eq!(records(&world, "shop").rating().unwrap(), Some(known));
    world.wait(DAY + 2 * HOUR);
    assert_eq!(records(&world, "ana").rating().unwrap(), None);
}

#[test]
fn a_suspended_shop_knows_it_within_an_hour_and_that_it_may_again_within_minutes() {
    let (mut world, _) = shop();
    let me = account(&world, "shop");
    let suspended = |world: &World| records(world, "shop").business(me).unwrap().unwrap().suspended;
    let quality = wire::Quality::Green.into();
    let standing =
        |suspended| wire::BusinessStanding { quality, daily_limit: Some(250), reached: 9, suspended };
    world.relay.rate("shop", standing(true));
    assert!(!suspended(&world));
    world.wait(2 * HOUR);
    assert!(suspended(&world));
    world.relay.rate("shop", standing(false));
    world.wait(7 * 60_000);
    assert!(!suspended(&world));
}

#[test]
fn only_what_stood_and_was_left_out_is_stopped() {
    let (mut world, id) = shop();
    let (me, ana) = (account(&world, "shop"), account(&world, "ana"));
    let stopped = |world: &World| records(world, "shop").consent(me, ana).unwrap().unwrap().stopped;
    grant(&mut world, id, &[Category::Service]);
    assert_eq!(stopped(&world), [], "what she never granted she has not stopped");
    grant(&mut world, id, &[Category::Service, Category::Marketing]);
    grant(&mut world, id, &[Category::Service]);
    assert_eq!(stopped(&world), [Category::Marketing]);
    grant(&mut world, id, &[]);
    assert_eq!(stopped(&world), [Category::Service, Category::Marketing]);
    grant(&mut world, id, &[Category::Marketing]);
    assert_eq!(stopped(&world), [Category::Service]);
    world.wait(31 * DAY);
    grant(&mut world, id, &[Category::Authentication]);
    assert_eq!(stopped(&world), [Category::Service], "offers had run out by themselves");
}

#[test]
fn the_shop_writes_freely_for_a_day_and_then_only_what_ana_has_granted() {
    let (mut world, id) = shop();
    world.wait(DAY + 1);
    world.intent("shop", Intent::Send(world.conversation("shop", "ana").id, text("still there?")));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::WindowClosed));
    let to_ana = world.conversation("shop", "ana").id;
    world.intent("shop", Intent::Send(to_ana, template(Category::Marketing)));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::ConsentNeeded));
    grant(&mut world, id, &[Category::Marketing]);
    assert_eq!(world.relay.consents.len(), 1);
    let got = records(&world, "shop").consents().unwrap();
    assert_eq!(got.len(), 1, "the shop has the receipt");
    assert_eq!(
        (got[0].customer, got[0].categories.clone()),
        (account(&world, "ana"), vec![Category::Marketing])
    );
    let before = from_shop(&world).len();
    world.intent("shop", Intent::Send(to_ana, template(Category::Marketing)));
    world.run();
    assert_eq!(from_shop(&world).len(), before + 1);
    assert_eq!(unconsented(&world), 0);
    world.intent("shop", Intent::Send(to_ana, template(Category::Authentication)));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::ConsentNeeded), "for that she has not");
    world.intent("shop", Intent::Send(to_ana, text("free words")));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::WindowClosed), "nor for free words");
    grant(&mut world, id, &[]);
    world.intent("shop", Intent::Send(to_ana, template(Category::Marketing)));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::Stopped));
}

#[test]
fn a_template_with_a_picture_above_it_is_one_message_and_needs_no_window() {
    let (mut world, id) = shop();
    grant(&mut world, id, &[Category::Marketing]);
    world.wait(DAY + 1);
    let Content::Menu(menu) = template(Category::Marketing) else { panic!("a card") };
    let picture = FileRef {
        capability: [7; 32],
        key: FileKey { key: [1; 32], nonce: [2; 7] },
        size: 70_000,
        hash: [7; 32],
        media_type: "image/jpeg".to_owned(),
        name: "pao.jpg".to_owned(),
        kept_s: 0,
    };
    let above = Some(Box::new((picture, Preview::default())));
    let to_ana = world.conversation("shop", "ana").id;
    world.intent("shop", Intent::Send(to_ana, Content::Menu(Menu { above, ..menu })));
    world.run();
    assert_eq!(from_shop(&world), [], "it waits for its file");
    let message = world.rows("shop", "ana").last().unwrap().id;
    let file = FileId { conversation: to_ana, message, index: 0 };
    world.step("shop", Input::Uploaded(file, Ok(())));
    world.run();
    let row = world.rows("ana", "shop").pop().unwrap();
    assert_eq!((row.id, row.content.files().len()), (message, 1));
    assert_eq!((refusal(&world, "shop"), unconsented(&world)), (None, 0));
}

#[test]
fn what_waited_when_ana_said_stop_fails_and_a_message_of_hers_opens_the_window_again() {
    let (mut world, id) = shop();
    let to_ana = world.conversation("shop", "ana").id;
    world.disconnect("shop");
    world.intent("shop", Intent::Send(to_ana, text("late")));
    grant(&mut world, id, &[]);
    // The shop's device hears of the stop before it sends anything.
    world.connect("shop");
    world.run();
    assert_eq!((from_shop(&world).len(), unconsented(&world)), (0, 0));
    let late = world.rows("shop", "ana").into_iter().find(|row| row.content == text("late")).unwrap();
    assert!(matches!(late.state, MessageState::Failed(_)));
    world.intent("shop", Intent::Send(to_ana, text("later")));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::Stopped));
    world.say("ana", "shop", "one more thing");
    world.run();
    world.intent("shop", Intent::Send(to_ana, text("yes?")));
    world.run();
    assert_eq!(world.seen("ana", "shop").last().map(String::as_str), Some("yes?"));
}

#[test]
fn what_ana_said_before_her_stop_opens_no_window_on_the_device_that_hears_of_it_later() {
    let (mut world, id) = shop();
    world.link("ana", "ana/phone", 77);
    world.run();
    world.wait(60_000);
    let (shop, ana) = (account(&world, "shop"), account(&world, "ana"));
    let window = |world: &World| records(world, "ana/phone").leave(shop, ana).unwrap().window_until_ms;
    world.person("ana/phone").held = true;
    world.say("ana", "shop", "wait");
    world.run();
    world.wait(1_000);
    grant(&mut world, id, &[]);
    world.wait(60_000);
    // The stop is in another conversation than her words, and may come first.
    world.tamper("ana/phone", |items| items.reverse());
    world.person("ana/phone").held = false;
    world.run();
    world.wait(60_000);
    assert!(records(&world, "ana/phone").consent(shop, ana).unwrap().expect("a stop").is_stop());
    assert_eq!(window(&world), 0);
}

#[test]
fn a_grant_that_the_relay_refuses_is_told_and_the_shop_hears_of_none() {
    let (mut world, id) = shop();
    world.relay.no_consent = Some(lacre_proto::ErrorCode::BadRequest);
    grant(&mut world, id, &[Category::Marketing]);
    assert!(world.alerts("ana").iter().any(|alert| matches!(alert, Alert::ConsentRefused(Some(_)))));
    assert_eq!(records(&world, "shop").consents().unwrap(), []);
}

#[test]
fn ana_answers_a_menu_by_one_of_its_buttons() {
    let (mut world, id) = shop();
    let to_ana = world.conversation("shop", "ana").id;
    world.intent("shop", Intent::Send(to_ana, template(Category::Service)));
    world.run();
    let menu = world.rows("ana", "shop").pop().unwrap();
    world.intent("ana", Intent::Choose(id, menu.id, "no such".to_owned()));
    assert_eq!(refusal(&world, "ana"), Some(Refusal::NoSuchChoice));
    world.intent("ana", Intent::Choose(id, menu.id, "Quero".to_owned()));
    world.run();
    let chosen = world.rows("shop", "ana").pop().unwrap();
    let choice = Choice { id: "yes".to_owned(), title: "Quero".to_owned(), description: String::new() };
    assert_eq!(chosen.content, Content::Chosen { of: menu.id, choice });
}

#[test]
fn who_is_no_business_sends_no_menus_and_grants_are_for_businesses() {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "oi");
    world.run();
    let id = world.conversation("ana", "bruno").id;
    world.intent("ana", Intent::Send(id, template(Category::Service)));
    assert_eq!(refusal(&world, "ana"), Some(Refusal::NoBusiness));
    let expires_ms = world.now + DAY;
    let agreement = Agreement { categories: vec![Category::Marketing], expires_ms, shown: None };
    world.intent("ana", Intent::SetConsent(id, agreement));
    assert_eq!(refusal(&world, "ana"), Some(Refusal::NoBusiness));
}

#[test]
fn anas_other_device_knows_what_she_has_granted_and_holds_to_it() {
    let (mut world, id) = shop();
    world.link("ana", "ana/phone", 77);
    world.run();
    world.wait(60_000);
    let shop = account(&world, "shop");
    grant(&mut world, id, &[Category::Marketing]);
    world.wait(60_000);
    let consent = |name: &str| {
        let me = account(&world, "ana");
        records(&world, name).consent(shop, me).unwrap().expect("it is there").categories
    };
    assert_eq!(
        (consent("ana"), consent("ana/phone")),
        (vec![Category::Marketing], vec![Category::Marketing])
    );
}

#[cfg(feature = "evil")]
#[test]
fn s01_without_the_check_at_her_device_what_the_relay_lets_through_is_shown() {
    use crate::defence::{Defence, Defences};
    for armed in [true, false] {
        let (mut world, id) = shop();
        if !armed {
            world.person("ana").engine.disarm(Defences::without([Defence::Consent]));
        }
        grant(&mut world, id, &[]);
        // The shop's device is made to believe that it may.
        world.person("shop").engine.disarm(Defences::without([Defence::Consent]));
        let to_ana = world.conversation("shop", "ana").id;
        world.intent("shop", Intent::Send(to_ana, text("psst")));
        world.run();
        let shown = world.seen("ana", "shop").contains(&"psst".to_owned());
        assert_eq!((shown, unconsented(&world) > 0), (!armed, armed));
    }
}

#[test]
fn a_message_that_the_relay_refuses_for_want_of_consent_says_so() {
    let (mut world, _) = shop();
    let to_ana = world.conversation("shop", "ana").id;
    world.disconnect("shop");
    world.intent("shop", Intent::Send(to_ana, text("late")));
    world.wait(DAY + 1);
    world.connect("shop");
    world.run();
    let row = world.rows("shop", "ana").pop().unwrap();
    let consent_needed = lacre_proto::ErrorCode::ConsentNeeded.number();
    assert_eq!(row.state, MessageState::Failed(Failure::Relay(consent_needed)));
}

#[test]
fn s02_an_offer_that_the_relay_was_told_is_service_is_dropped() {
    let (mut world, id) = shop();
    grant(&mut world, id, &Category::ALL);
    let to_ana = world.conversation("shop", "ana").id;
    world.relay.named_as = Some(Wire::Service.into());
    world.intent("shop", Intent::Send(to_ana, template(Category::Marketing)));
    world.run();
    assert_eq!((from_shop(&world).len(), unconsented(&world)), (0, 1));
    world.relay.named_as = None;
    world.intent("shop", Intent::Send(to_ana, template(Category::Marketing)));
    world.run();
    assert_eq!((from_shop(&world).len(), unconsented(&world)), (1, 1));
}

#[test]
fn what_the_shops_device_says_by_itself_goes_within_the_window_alone() {
    let (mut world, id) = shop();
    world.wait(2 * DAY);
    world.relay.named.clear();
    grant(&mut world, id, &[Category::Service]);
    assert!(
        world.relay.named.iter().all(|it| *it == Wire::None as i32),
        "Ana's consent: {:?}",
        world.relay.named
    );
    world.disconnect("shop");
    world.say("ana", "shop", "still there?");
    world.run();
    world.wait(DAY + HOUR);
    world.relay.named.clear();
    world.connect("shop");
    world.run();
    world.wait(HOUR);
    assert!(world.seen("shop", "ana").contains(&"still there?".to_owned()));
    assert!(world.relay.named.is_empty(), "no receipt a day later: {:?}", world.relay.named);
    world.say("ana", "shop", "and now?");
    world.run();
    world.wait(HOUR);
    assert!(world.relay.named.contains(&Wire::Service.into()), "she wrote, and her words came");
}
