//! What a shop tells Ana before she writes: what it keeps, and who acts for it.

use lacre_proto::{AccountId, ConversationId, Millis, label, wire};
use prost::Message;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::api::{Agreement, Alert, Event, Intent, Refusal};
use crate::content::Category;
use crate::harness::world::World;
use crate::identity::SignatureSecret;
use crate::records::{Change, Provider, Records, Terms};

const DAY: Millis = 24 * 3600 * 1000;

fn shop() -> (World, ConversationId) {
    let mut world = World::of(&["ana"]);
    world.sign_up("shop", 9);
    world.connect("shop");
    world.run();
    world.relay.make_business("shop", None);
    world.disconnect("shop");
    world.connect("shop");
    world.run();
    world.say("ana", "shop", "olá");
    world.run();
    let id = world.conversation("ana", "shop").id;
    (world, id)
}

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn acme(world: &World) -> Provider {
    Provider {
        id: 7,
        name: "Acme Support".to_owned(),
        purpose: "answers at night".to_owned(),
        scopes: vec!["messages".to_owned()],
        from_ms: world.now,
        until_ms: world.now + 90 * DAY,
        key: Some([3; 32]),
    }
}

fn tell(world: &mut World, terms: Terms) {
    world.intent("shop", Intent::SetTerms(terms));
    world.run();
    // Her device asks the directory again within a day.
    world.wait(DAY + 2 * 3600 * 1000);
}

fn known(world: &World, by: &str) -> Option<Terms> {
    let shop = account(world, "shop");
    Records(&world.people[by].store).terms(shop).unwrap().map(|it| it.terms)
}

fn told(world: &World) -> Vec<Change> {
    world.rows("ana", "shop").into_iter().filter_map(|row| row.change).collect()
}

fn of_30_days(providers: Vec<Provider>) -> Terms {
    Terms { notice: "To bake what you ordered.".to_owned(), keeps_days: 30, providers }
}

#[test]
fn r19_r24_ana_is_told_what_the_shop_keeps_and_who_acts_for_it_and_when_that_changes() {
    let (mut world, _) = shop();
    assert_eq!(known(&world, "ana"), None);
    let acme = acme(&world);
    let terms = of_30_days(vec![acme.clone()]);
    tell(&mut world, terms.clone());
    assert_eq!(known(&world, "ana"), Some(terms));
    let names = vec![acme.name];
    assert_eq!(told(&world), [Change::ActsFor(names.clone(), true), Change::Keeps(30)]);
    tell(&mut world, of_30_days(Vec::new()));
    assert_eq!(told(&world).last(), Some(&Change::ActsFor(names, false)), "and nothing else has changed");
    assert_eq!(told(&world).len(), 3);
    assert_eq!(world.alerts("ana"), []);
}

fn refusal(world: &World, name: &str) -> Option<Refusal> {
    world.people[name].events.iter().rev().find_map(|event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    })
}

/// The hash of what Ana's device knows that the shop tells.
fn shown(world: &World) -> Option<[u8; 32]> {
    Records(&world.people["ana"].store).terms(account(world, "shop")).unwrap().map(|it| it.hash())
}

/// Ana agrees to something for some days, as she was shown it.
fn agree(world: &mut World, of: &[Category], days: u64, shown: Option<[u8; 32]>) {
    let id = world.conversation("ana", "shop").id;
    let agreement = Agreement { categories: of.to_vec(), expires_ms: world.now + days * DAY, shown };
    world.person("ana").events.clear();
    world.intent("ana", Intent::SetConsent(id, agreement));
    world.run();
}

#[test]
fn what_ana_grants_names_the_terms_that_she_was_shown() {
    let (mut world, _) = shop();
    let hash = |world: &World| {
        let grant = world.relay.consents.last().unwrap().body.clone();
        wire::ConsentGrant::decode(grant).unwrap().notice_hash
    };
    agree(&mut world, &[Category::Marketing], 30, None);
    assert!(hash(&world).is_empty(), "none were told");
    tell(&mut world, of_30_days(Vec::new()));
    let told = shown(&world);
    agree(&mut world, &[Category::Service], 30, told);
    let shop = account(&world, "shop");
    let known = Records(&world.people["shop"].store).terms(shop).unwrap().unwrap();
    assert_eq!(hash(&world), known.hash().as_slice());
    assert!(known.acknowledged);
}

#[test]
fn what_has_changed_since_ana_saw_it_she_agrees_to_when_she_has_seen_it() {
    let (mut world, _) = shop();
    tell(&mut world, of_30_days(Vec::new()));
    let before = shown(&world);
    agree(&mut world, &[Category::Service, Category::Marketing], 30, before);
    let acme = acme(&world);
    tell(&mut world, of_30_days(vec![acme]));
    let (granted, after) = (world.relay.consents.len(), shown(&world));
    for (of, days) in [(&Category::ALL[..], 10), (&[Category::Service], 90)] {
        agree(&mut world, of, days, before);
        assert_eq!(refusal(&world, "ana"), Some(Refusal::TermsChanged), "{of:?} for {days} days");
        agree(&mut world, of, days, None);
        assert_eq!(refusal(&world, "ana"), Some(Refusal::TermsChanged), "nor to nothing at all");
    }
    assert_eq!(world.relay.consents.len(), granted, "nothing of it went");
    // To take something back she has to read nothing.
    agree(&mut world, &[Category::Service], 10, before);
    assert_eq!((refusal(&world, "ana"), world.relay.consents.len()), (None, granted + 1));
    agree(&mut world, &[], 0, before);
    assert_eq!((refusal(&world, "ana"), world.relay.consents.len()), (None, granted + 2));
    agree(&mut world, &[Category::Service], 10, after);
    assert_eq!((refusal(&world, "ana"), world.relay.consents.len()), (None, granted + 3));
}

#[test]
fn terms_of_an_older_day_do_not_come_back() {
    let (mut world, _) = shop();
    tell(&mut world, of_30_days(Vec::new()));
    let old = world.relay.accounts.iter().find(|it| it.handle == "shop").unwrap().terms.clone();
    let newer = Terms { keeps_days: 7, ..of_30_days(Vec::new()) };
    tell(&mut world, newer.clone());
    world.relay.accounts.iter_mut().find(|it| it.handle == "shop").unwrap().terms = old;
    world.wait(3 * DAY);
    assert_eq!(known(&world, "ana"), Some(newer));
}

#[test]
fn who_is_no_business_has_no_terms_and_what_is_too_long_is_refused() {
    let (mut world, _) = shop();
    world.intent("ana", Intent::SetTerms(Terms::default()));
    assert_eq!(refusal(&world, "ana"), Some(Refusal::NoBusiness));
    world.intent("shop", Intent::SetTerms(Terms { notice: "x".repeat(8 * 1024 + 1), ..Terms::default() }));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::BadContent));
    let nameless = Provider { name: String::new(), ..acme(&world) };
    world.intent("shop", Intent::SetTerms(of_30_days(vec![nameless])));
    assert_eq!(refusal(&world, "shop"), Some(Refusal::BadContent));
    assert_eq!(known(&world, "shop"), None);
}

/// The relay makes up terms in the shop's name.
fn forged(world: &World) -> wire::Signed {
    let body = wire::BusinessTerms {
        business: account(world, "shop").to_wire(),
        device: world.people["shop"].engine.me().device.to_wire(),
        notice: "We keep nothing.".to_owned(),
        revision: world.now,
        ..Default::default()
    };
    let body = body.encode_to_vec();
    let secret = SignatureSecret::generate(&mut ChaCha20Rng::seed_from_u64(5));
    let signature = secret.sign(&label::labelled(label::TERMS, &body)).to_vec();
    wire::Signed { body: body.into(), signature: signature.into() }
}

fn with_forged_terms(world: &mut World) {
    let forged = forged(world);
    world.relay.accounts.iter_mut().find(|it| it.handle == "shop").unwrap().terms = Some(Box::new(forged));
    world.wait(DAY + 2 * 3600 * 1000);
}

#[test]
fn terms_that_the_shop_did_not_sign_are_not_shown() {
    let (mut world, _) = shop();
    with_forged_terms(&mut world);
    assert_eq!(known(&world, "ana"), None);
    assert!(world.alerts("ana").contains(&Alert::FalseTerms));
}

#[cfg(feature = "evil")]
#[test]
fn without_that_check_they_are() {
    use crate::defence::{Defence, Defences};
    let (mut world, _) = shop();
    world.person("ana").engine.disarm(Defences::without([Defence::Terms]));
    with_forged_terms(&mut world);
    assert_eq!(known(&world, "ana").map(|it| it.notice).as_deref(), Some("We keep nothing."));
}

#[test]
fn a_provider_that_was_named_for_a_moment_before_is_told_when_it_acts() {
    let (mut world, _) = shop();
    let early = Provider { from_ms: 1, until_ms: 2, ..acme(&world) };
    tell(&mut world, of_30_days(vec![early]));
    assert_eq!(told(&world), [Change::Keeps(30)], "it acts no more");
    let acme = acme(&world);
    tell(&mut world, of_30_days(vec![acme.clone()]));
    assert_eq!(told(&world).last(), Some(&Change::ActsFor(vec![acme.name.clone()], true)));
    let more = Provider { scopes: vec!["messages".to_owned(), "media".to_owned()], ..acme.clone() };
    tell(&mut world, of_30_days(vec![more]));
    assert_eq!(told(&world).len(), 3, "and when it may do more");
    assert_eq!(told(&world).last(), Some(&Change::ActsFor(vec![acme.name], true)));
}

#[test]
fn terms_that_a_device_has_signed_which_is_gone_are_signed_by_one_that_is_there() {
    let (mut world, _) = shop();
    world.link("shop", "shop/spare", 77);
    world.run();
    world.wait(2 * DAY);
    tell(&mut world, of_30_days(Vec::new()));
    let (old, shop) = (world.device("shop"), account(&world, "shop"));
    let signer = |world: &World, by: &str| {
        let record = Records(&world.people[by].store).terms(shop).unwrap().unwrap();
        let signed = wire::Signed::decode(record.document.as_slice()).unwrap();
        wire::BusinessTerms::decode(signed.body).unwrap().device
    };
    assert_eq!(signer(&world, "ana"), old.to_wire());
    world.disconnect("shop");
    world.intent("shop/spare", Intent::RevokeDevice(old));
    world.run();
    world.wait(2 * DAY);
    assert_eq!(signer(&world, "ana"), world.device("shop/spare").to_wire());
    assert_eq!(world.alerts("ana").iter().filter(|it| **it == Alert::FalseTerms).count(), 0);
}
