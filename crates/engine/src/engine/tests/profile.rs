//! What a shop says of itself, before Ana has written a word to it.

use lacre_proto::{AccountId, DeviceId, ErrorCode, Millis, label, profile, wire};
use prost::Message;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::api::{Agreement, Alert, Event, Intent, Refusal};
use crate::content::Category;
use crate::harness::world::World;
use crate::identity::SignatureSecret;
use crate::records::{Command, Profile, Records, Terms};

const DAY: Millis = 24 * 3600 * 1000;

/// Ana, and a shop of which she has not heard.
fn shop() -> World {
    let mut world = World::of(&["ana"]);
    opens(&mut world, "shop", 9);
    world
}

fn opens(world: &mut World, name: &'static str, seed: u64) {
    world.sign_up(name, seed);
    world.connect(name);
    world.run();
    world.relay.make_business(name, None);
    world.disconnect(name);
    world.connect(name);
    world.run();
}

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn bakery() -> Profile {
    Profile {
        about: "Bread, and nothing else".to_owned(),
        description: "We bake at night.\nOpen from six.".to_owned(),
        address: "Rua do Forno 3".to_owned(),
        email: "pao@shop.example".to_owned(),
        websites: vec!["https://shop.example".to_owned()],
        vertical: "RESTAURANT".to_owned(),
        prompts: vec!["Have you rye?".to_owned()],
        commands: vec![Command { name: "order".to_owned(), description: "orders bread".to_owned() }],
    }
}

fn picture() -> Vec<u8> {
    vec![0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]
}

fn say(world: &mut World, said: Profile, picture: Vec<u8>) {
    world.intent("shop", Intent::SetProfile(Box::new(said), picture));
    world.run();
}

/// Ana looks the shop up; what comes of it.
fn look(world: &mut World) -> Option<Result<AccountId, Refusal>> {
    world.person("ana").events.clear();
    world.intent("ana", Intent::LookUp("shop".parse().unwrap()));
    world.run();
    world.people["ana"].events.iter().find_map(|event| match event {
        Event::LookedUp(of, found) if of.as_str() == "shop" => Some(*found),
        _ => None,
    })
}

fn known(world: &World, by: &str) -> Option<Profile> {
    Records(&world.people[by].store).profile(account(world, "shop")).unwrap().map(|it| it.profile)
}

fn known_picture(world: &World) -> Vec<u8> {
    Records(&world.people["ana"].store).profile_picture(account(world, "shop")).unwrap()
}

fn refusal(world: &World, name: &str) -> Option<Refusal> {
    world.people[name].events.iter().rev().find_map(|event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    })
}

/// What the relay holds of the shop's.
fn at_the_relay(world: &mut World) -> &mut Option<Box<wire::Signed>> {
    &mut world.relay.accounts.iter_mut().find(|it| it.handle == "shop").unwrap().profile
}

#[test]
fn ana_sees_what_the_shop_says_of_itself_before_she_writes_and_the_shop_hears_nothing() {
    let mut world = shop();
    say(&mut world, bakery(), picture());
    world.person("shop").events.clear();
    assert_eq!(look(&mut world), Some(Ok(account(&world, "shop"))));
    assert_eq!((known(&world, "ana"), known_picture(&world)), (Some(bakery()), picture()));
    assert!(world.people["shop"].events.is_empty(), "nothing came to it");
    let shop = account(&world, "shop");
    let own = Records(&world.people["shop"].store).profile(shop).unwrap().unwrap();
    assert!(own.acknowledged && own.profile == bakery());
    assert_eq!(world.alerts("ana"), []);
}

#[test]
fn a_change_comes_within_a_day_to_who_has_written_and_at_once_to_who_looks() {
    let mut world = shop();
    say(&mut world, bakery(), picture());
    world.say("ana", "shop", "olá");
    world.run();
    assert_eq!(known(&world, "ana"), Some(bakery()));
    let other = Profile { about: "Bread and cake".to_owned(), ..bakery() };
    say(&mut world, other.clone(), Vec::new());
    assert_eq!(known(&world, "ana"), Some(bakery()), "not yet");
    world.person("ana").events.clear();
    world.wait(DAY + 2 * 3600 * 1000);
    assert_eq!((known(&world, "ana"), known_picture(&world)), (Some(other), Vec::new()));
    let (shop, with) = (account(&world, "shop"), world.conversation("ana", "shop").id);
    let heard = &world.people["ana"].events;
    assert!(heard.contains(&Event::Profile(shop)) && heard.contains(&Event::ConversationChanged(with)));
    assert!(world.rows("ana", "shop").iter().all(|row| row.change.is_none()), "it is no row");
    say(&mut world, bakery(), Vec::new());
    look(&mut world);
    assert_eq!(known(&world, "ana"), Some(bakery()));
    // The same again is no news.
    look(&mut world);
    assert!(!world.people["ana"].events.contains(&Event::Profile(shop)));
}

#[test]
fn what_ana_has_agreed_to_stays_agreed_to_when_the_shop_says_something_else_of_itself() {
    let mut world = shop();
    world.intent("shop", Intent::SetTerms(Terms { keeps_days: 30, ..Terms::default() }));
    say(&mut world, bakery(), picture());
    world.say("ana", "shop", "olá");
    world.run();
    let shop = account(&world, "shop");
    let hash = |world: &World| {
        Records(&world.people["ana"].store).terms(shop).unwrap().map(|terms| terms.hash()).unwrap()
    };
    let shown = hash(&world);
    say(&mut world, Profile { description: "Open from seven.".to_owned(), ..bakery() }, picture());
    look(&mut world);
    assert_eq!(hash(&world), shown);
    let with = world.conversation("ana", "shop").id;
    let expires_ms = world.now + 30 * DAY;
    let agreement = Agreement { categories: vec![Category::Service], expires_ms, shown: Some(shown) };
    world.intent("ana", Intent::SetConsent(with, agreement));
    world.run();
    assert_eq!((refusal(&world, "ana"), world.relay.consents.len()), (None, 1));
}

#[test]
fn who_is_nobody_or_oneself_or_cannot_be_asked_for_is_not_found() {
    let mut world = World::of(&["ana"]);
    assert_eq!(look(&mut world), Some(Err(Refusal::NoSuchAccount)));
    world.intent("ana", Intent::LookUp("ana".parse().unwrap()));
    assert_eq!(refusal(&world, "ana"), Some(Refusal::Yourself));
    world.disconnect("ana");
    world.intent("ana", Intent::LookUp("shop".parse().unwrap()));
    assert_eq!(refusal(&world, "ana"), Some(Refusal::Offline));
}

#[test]
fn who_is_no_business_says_nothing_of_itself_and_what_is_too_long_is_refused() {
    let mut world = shop();
    world.intent("ana", Intent::SetProfile(Box::default(), Vec::new()));
    assert_eq!(refusal(&world, "ana"), Some(Refusal::NoBusiness));
    let long = Profile { about: "a".repeat(profile::ABOUT + 1), ..bakery() };
    let large = [picture(), vec![0; profile::PICTURE]].concat();
    for (said, picture) in [(long, picture()), (bakery(), large), (bakery(), b"<svg>".to_vec())] {
        world.person("shop").events.clear();
        world.intent("shop", Intent::SetProfile(Box::new(said), picture));
        assert_eq!(refusal(&world, "shop"), Some(Refusal::BadContent));
    }
    assert_eq!(known(&world, "shop"), None);
}

#[test]
fn what_the_relay_does_not_take_is_told_and_what_it_has_newer_is_looked_at() {
    let mut world = shop();
    let shop = account(&world, "shop");
    say(&mut world, bakery(), picture());
    world.relay.no_consent = Some(ErrorCode::BadRequest);
    say(&mut world, Profile { about: "Bread and cake".to_owned(), ..bakery() }, picture());
    assert!(world.alerts("shop").contains(&Alert::ProfileRefused(ErrorCode::BadRequest.number())));
    let own = |world: &World| Records(&world.people["shop"].store).profile(shop).unwrap().unwrap();
    assert!(!own(&world).acknowledged);
    // Another device of the shop was faster.
    world.relay.no_consent = Some(ErrorCode::StaleConsent);
    let secret = world.people["shop"].engine.myself().secret;
    let newer = signed_by(secret, shop, world.device("shop"), world.now + 60_000);
    *at_the_relay(&mut world) = Some(Box::new(newer));
    say(&mut world, bakery(), picture());
    assert_eq!(own(&world).profile.about, "Send money to Mallory");
    assert!(own(&world).acknowledged);
}

/// What somebody signs in a shop's name.
fn signed_by(secret: &SignatureSecret, of: AccountId, device: DeviceId, revision: u64) -> wire::Signed {
    let body = wire::BusinessProfile {
        business: of.to_wire(),
        device: device.to_wire(),
        about: "Send money to Mallory".to_owned(),
        revision,
        ..Default::default()
    };
    let body = body.encode_to_vec();
    let signature = secret.sign(&label::labelled(label::PROFILE, &body)).to_vec();
    wire::Signed { body: body.into(), signature: signature.into() }
}

/// The relay makes it up.
fn forged(world: &mut World) {
    let secret = SignatureSecret::generate(&mut ChaCha20Rng::seed_from_u64(5));
    let (shop, device) = (account(world, "shop"), world.device("shop"));
    let forged = signed_by(&secret, shop, device, world.now);
    *at_the_relay(world) = Some(Box::new(forged));
    look(world);
}

/// The relay gives what another business has signed, which is good where it belongs.
fn of_another(world: &mut World) {
    opens(world, "mallory", 13);
    let said = Profile { about: "Send money to Mallory".to_owned(), ..Profile::default() };
    world.intent("mallory", Intent::SetProfile(Box::new(said), Vec::new()));
    world.run();
    let theirs = world.relay.accounts.iter().find(|it| it.handle == "mallory").unwrap().profile.clone();
    assert!(theirs.is_some());
    *at_the_relay(world) = theirs;
    look(world);
}

/// The relay gives what the shop has said before it said something else.
fn of_yesterday(world: &mut World) {
    say(world, Profile { about: "Send money to Mallory".to_owned(), ..bakery() }, Vec::new());
    let old = at_the_relay(world).clone();
    say(world, bakery(), Vec::new());
    look(world);
    assert_eq!(known(world, "ana"), Some(bakery()));
    *at_the_relay(world) = old;
    look(world);
}

#[test]
fn r19_what_the_shop_did_not_sign_is_not_shown() {
    for attack in [forged, of_another] {
        let mut world = shop();
        attack(&mut world);
        assert_eq!(known(&world, "ana"), None);
        assert!(world.alerts("ana").contains(&Alert::FalseProfile));
    }
}

#[test]
fn r19_what_the_shop_said_before_does_not_come_back() {
    let mut world = shop();
    of_yesterday(&mut world);
    assert_eq!(known(&world, "ana"), Some(bakery()));
}

#[test]
fn what_is_over_a_limit_is_not_taken_from_the_relay_though_the_shop_has_signed_it() {
    let mut world = shop();
    say(&mut world, bakery(), Vec::new());
    let (shop, device) = (account(&world, "shop"), world.device("shop"));
    let secret = world.people["shop"].engine.myself().secret;
    let most = wire::BusinessProfile {
        business: shop.to_wire(),
        device: device.to_wire(),
        about: "a".repeat(profile::ABOUT + 1),
        revision: world.now + 1,
        ..Default::default()
    };
    let body = most.encode_to_vec();
    let signature = secret.sign(&label::labelled(label::PROFILE, &body)).to_vec();
    let signed = wire::Signed { body: body.into(), signature: signature.into() };
    *at_the_relay(&mut world) = Some(Box::new(signed));
    look(&mut world);
    assert_eq!(known(&world, "ana"), None);
    assert!(world.alerts("ana").contains(&Alert::FalseProfile));
}

/// What a relay does in the small world.
#[cfg(feature = "evil")]
type Attack = fn(&mut World);

#[cfg(feature = "evil")]
#[test]
fn without_those_checks_it_is() {
    use crate::defence::{Defence, Defences};
    let attacks: [(Attack, Defence); 3] =
        [(forged, Defence::Profile), (of_another, Defence::Profile), (of_yesterday, Defence::Revision)];
    for (attack, defence) in attacks {
        let mut world = shop();
        world.person("ana").engine.disarm(Defences::without([defence]));
        attack(&mut world);
        let shown = known(&world, "ana").map(|it| it.about);
        assert_eq!(shown.as_deref(), Some("Send money to Mallory"), "{defence:?}");
    }
}

#[test]
fn what_a_device_has_said_that_is_gone_is_said_by_one_that_is_there() {
    let mut world = shop();
    world.link("shop", "shop/spare", 77);
    world.run();
    world.wait(2 * DAY);
    say(&mut world, bakery(), picture());
    let signer = |world: &mut World| {
        let signed = at_the_relay(world).clone().unwrap();
        wire::BusinessProfile::decode(signed.body).unwrap().device
    };
    let old = world.device("shop");
    assert_eq!(signer(&mut world), old.to_wire());
    world.connect("shop/spare");
    world.wait(DAY);
    world.disconnect("shop");
    world.intent("shop/spare", Intent::RevokeDevice(old));
    world.run();
    world.wait(2 * DAY);
    assert_eq!(signer(&mut world), world.device("shop/spare").to_wire());
    look(&mut world);
    assert_eq!((known(&world, "ana"), known_picture(&world)), (Some(bakery()), picture()));
    assert_eq!(world.alerts("ana"), []);
}
