//! The shop gets a second device after Ana has agreed to something: the directory tells it what, and can invent nothing.

use lacre_proto::{Millis, label, wire};
use prost::Message;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::dealing::{DAY, HOUR, account, from_shop, grant, refusal, shop, template};
use crate::api::{Alert, Intent, To, Wish};
use crate::content::Category;
use crate::defence::{Defence, Defences};
use crate::harness::world::World;
use crate::identity::SignatureSecret;
use crate::records::{ConsentRecord, Records};

const MINUTE: Millis = 60_000;

/// The directory tells this of a customer.
fn tells(world: &mut World, of: &str, consent: Option<wire::Signed>, window_until_ms: Millis) {
    let of = account(world, of);
    let told = world.relay.accounts.iter_mut().find(|it| it.account == of.as_ref()).unwrap();
    (told.consent, told.window_until_ms) = (consent.map(Box::new), window_until_ms);
}

fn second(world: &mut World) {
    world.link("shop", "shop/two", 77);
    world.run();
    world.wait(MINUTE);
    world.run();
}

fn known(world: &World) -> Option<ConsentRecord> {
    let (shop, ana) = (account(world, "shop"), account(world, "ana"));
    Records(&world.people["shop/two"].store).consent(shop, ana).unwrap()
}

/// What the second device offers Ana; whether it came.
fn offers(world: &mut World) -> bool {
    let id = world.conversation("shop/two", "ana").id;
    let before = from_shop(world).len();
    let offer = template(Category::Marketing);
    world.intent("shop/two", Intent::Say(To::Conversation(id), offer, Wish::default()));
    world.run();
    from_shop(world).len() > before
}

#[test]
fn a_device_that_came_later_knows_what_ana_has_agreed_to_and_that_she_wrote() {
    let (mut world, id) = shop();
    grant(&mut world, id, &[Category::Marketing]);
    let (signed, until) = (world.relay.consents.last().cloned(), world.now + 2 * HOUR);
    tells(&mut world, "ana", signed, until);
    second(&mut world);
    let consent = known(&world).expect("it was told");
    assert_eq!(consent.categories, [Category::Marketing]);
    assert!(offers(&mut world), "{:?}", refusal(&world, "shop/two"));
    let (shop, ana) = (account(&world, "shop"), account(&world, "ana"));
    let leave = |world: &World| Records(&world.people["shop/two"].store).leave(shop, ana).unwrap();
    assert_eq!(leave(&world).window_until_ms, until);
    assert_eq!(world.alerts("shop/two"), []);
}

#[test]
fn no_window_is_believed_that_is_open_for_more_than_a_day() {
    let (mut world, _) = shop();
    let until = world.now + 30 * DAY;
    tells(&mut world, "ana", None, until);
    second(&mut world);
    let (shop, ana) = (account(&world, "shop"), account(&world, "ana"));
    let leave = Records(&world.people["shop/two"].store).leave(shop, ana).unwrap();
    assert!((1..=world.now + DAY).contains(&leave.window_until_ms), "{}", leave.window_until_ms);
}

#[test]
fn a_consent_that_the_directory_invents_is_none() {
    for defended in [true, false] {
        let (mut world, _) = shop();
        world.sign_up("bruno", 5);
        world.connect("bruno");
        world.run();
        let (shop, bruno) = (account(&world, "shop"), account(&world, "bruno"));
        let said = wire::ConsentGrant {
            business: shop.to_wire(),
            customer: bruno.to_wire(),
            device: world.device("bruno").to_wire(),
            categories: vec![wire::Category::Marketing.into()],
            granted_ms: world.now,
            expires_ms: world.now + 30 * DAY,
            nonce: vec![7; 16].into(),
            revision: 1,
            ..Default::default()
        };
        // Bruno has never signed it.
        let body: bytes::Bytes = said.encode_to_vec().into();
        let mallory = SignatureSecret::generate(&mut ChaCha20Rng::seed_from_u64(66));
        let signature = mallory.sign(&label::labelled(label::CONSENT, &body)).to_vec().into();
        tells(&mut world, "bruno", Some(wire::Signed { body, signature }), 0);
        if !defended {
            world.person("shop").engine.disarm(Defences::without([Defence::Consent]));
        }
        world.say("bruno", "shop", "olá");
        world.run();
        let known = Records(&world.people["shop"].store).consent(shop, bruno).unwrap();
        assert_eq!(known.is_some(), !defended);
        assert_eq!(world.alerts("shop").contains(&Alert::FalseConsent), defended);
    }
}
