//! Who is told, and who is not.

use lacre_business::outward::{Outward, OutwardError, Trust};
use lacre_business::store::Store;
use lacre_business::webhooks::sign::Secrets;
use lacre_business::webhooks::subscription::{Level, New, Slot, SubscriptionError, Subscriptions};
use lacre_store::memory::MemoryData;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::cast::NOW;
use crate::outward::{Names, quick};
use crate::receiver::{Receiver, Reply, Seen};

pub const SECRET: &str = "the app secret of the bakery, 32";

pub fn way_out() -> Outward {
    let names = Names::of(&[&["127.0.0.1"]]).0;
    Outward::new(names, ["hook.example".to_owned()], Trust::default(), quick()).expect("a way out")
}

pub fn subscriptions() -> Subscriptions<MemoryData> {
    Subscriptions::new(Store(MemoryData::default()), way_out(), SECRET.to_owned())
}

pub fn at(receiver: &Receiver, fields: &[&str]) -> New {
    New {
        url: format!("http://hook.example:{}/in?shop=1", receiver.port),
        verify_token: "sésamo & co".to_owned(),
        fields: fields.iter().map(|it| (*it).to_owned()).collect(),
    }
}

/// The challenge of a handshake, `None` for anything else.
pub fn challenge(seen: &Seen) -> Option<String> {
    let (_, query) = seen.target().split_once('?')?;
    let value = |name: &str| query.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
    value("hub.challenge").map(str::to_owned)
}

/// Passes the handshake, and answers everything else as told.
pub async fn willing(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Receiver {
    Receiver::start(move |seen| match challenge(seen) {
        Some(challenge) => Reply::status("200 OK", &challenge),
        None => reply(seen),
    })
    .await
}

#[tokio::test]
async fn a_receiver_shows_that_it_wants_it_before_it_is_set() {
    let all = subscriptions();
    let mut rng = StdRng::seed_from_u64(1);
    let shop = willing(|_| Reply::Close).await;
    let set = all.set(Level::App, at(&shop, &["messages"]), NOW, &mut rng).await.expect("set");
    assert_eq!(all.get(Level::App).await, Ok(Some(set)));
    let [seen] = &shop.seen()[..] else { panic!("one request") };
    assert!(seen.head.starts_with("GET /in?shop=1&hub.mode=subscribe&hub.challenge="));
    assert!(seen.target().ends_with("&hub.verify_token=s%C3%A9samo+%26+co"));
    let digits = challenge(seen).expect("a challenge");
    assert!(digits.parse::<u64>().expect("digits") < 1 << 53);
}

#[tokio::test]
async fn who_does_not_pass_the_handshake_is_not_set_and_what_was_stays() {
    let all = subscriptions();
    let mut rng = StdRng::seed_from_u64(2);
    let shop = willing(|_| Reply::Close).await;
    let before = all.set(Level::App, at(&shop, &[]), NOW, &mut rng).await.expect("set");
    let says = |status: &'static str, before: &'static str, after: &'static str| {
        Receiver::start(move |seen| {
            Reply::status(status, &format!("{before}{}{after}", challenge(seen).unwrap_or_default()))
        })
    };
    for other in [
        says("403 Forbidden", "", "").await,
        says("201 Created", "", "").await,
        says("302 Found", "", "").await,
        says("200 OK", "\"", "\"").await,
        says("200 OK", "", "\n").await,
        says("200 OK", "1", "").await,
        Receiver::start(|_| Reply::status("200 OK", "")).await,
        Receiver::start(|_| Reply::status("200 OK", "12345")).await,
    ] {
        let refused = all.set(Level::App, at(&other, &[]), NOW, &mut rng).await;
        assert_eq!(refused, Err(SubscriptionError::Handshake));
    }
    for (other, why) in [
        (Receiver::start(|_| Reply::Hang(String::new())).await, OutwardError::Late("head")),
        (
            Receiver::start(|_| Reply::Endless("HTTP/1.1 200 OK\r\n\r\n".to_owned())).await,
            OutwardError::TooLarge,
        ),
    ] {
        let refused = all.set(Level::App, at(&other, &[]), NOW, &mut rng).await;
        assert_eq!(refused, Err(SubscriptionError::Url(why)));
    }
    let inside = New { url: "https://127.0.0.1/".into(), ..at(&shop, &[]) };
    let refused = all.set(Level::App, inside, NOW, &mut rng).await;
    assert_eq!(refused, Err(SubscriptionError::Url(OutwardError::Refused)));
    let refused = all.set(Level::App, at(&shop, &["messages", "everything"]), NOW, &mut rng).await;
    assert_eq!(refused, Err(SubscriptionError::Field));
    let silent = New { verify_token: String::new(), ..at(&shop, &[]) };
    let refused = all.set(Level::App, silent, NOW, &mut rng).await;
    assert_eq!(refused, Err(SubscriptionError::VerifyToken));
    assert_eq!(all.all().await, Ok(vec![before]));
    assert_eq!(shop.connections(), 1);
}

#[tokio::test]
async fn number_goes_over_account_over_app_and_the_fields_are_the_apps() {
    let all = subscriptions();
    let mut rng = StdRng::seed_from_u64(3);
    let shops =
        [willing(|_| Reply::Close).await, willing(|_| Reply::Close).await, willing(|_| Reply::Close).await];
    let url_now = async || all.receiver(Slot::Main).await.expect("read").map(|it| it.url);
    assert_eq!((all.slots("messages").await, url_now().await), (Ok(vec![]), None));
    all.set(Level::Account, at(&shops[1], &[]), NOW, &mut rng).await.expect("set");
    assert_eq!(all.slots("security").await, Ok(vec![Slot::Main]), "without an app every field");
    all.set(Level::App, at(&shops[0], &["messages"]), NOW, &mut rng).await.expect("set");
    assert_eq!(url_now().await, Some(at(&shops[1], &[]).url));
    assert_eq!(all.slots("messages").await, Ok(vec![Slot::Main]));
    assert_eq!(all.slots("security").await, Ok(vec![]));
    all.set(Level::Number, at(&shops[2], &[]), NOW, &mut rng).await.expect("set");
    assert_eq!(url_now().await, Some(at(&shops[2], &[]).url));
    all.set(Level::Also(255), at(&shops[0], &["security"]), NOW, &mut rng).await.expect("set");
    assert_eq!(all.slots("security").await, Ok(vec![Slot::Also(255)]));
    assert_eq!(all.slots("messages").await, Ok(vec![Slot::Main]));

    all.listen(false).await.expect("written");
    assert_eq!((all.slots("messages").await, all.listens().await), (Ok(vec![]), Ok(false)));
    assert_eq!(all.slots("security").await, Ok(vec![Slot::Also(255)]));
    all.listen(true).await.expect("written");
    all.delete(Level::Number).await.expect("deleted");
    assert_eq!(url_now().await, Some(at(&shops[1], &[]).url));
    all.delete(Level::Account).await.expect("deleted");
    assert_eq!(url_now().await, Some(at(&shops[0], &[]).url));
}

#[tokio::test]
async fn a_new_secret_signs_and_the_one_before_is_known_for_a_while() {
    let all = subscriptions();
    let first = Secrets { current: SECRET.to_owned(), previous: None };
    assert_eq!(all.secrets().await.map(|it| it == first), Ok(true));
    for bad in ["short", "thirty-two bytes, but with a blank.", ""] {
        assert_eq!(all.rotate_secret(bad.to_owned(), NOW).await, Err(SubscriptionError::Secret), "{bad}");
    }
    let next = "n".repeat(32);
    all.rotate_secret(next.clone(), NOW).await.expect("rotated");
    let secrets = all.secrets().await.expect("read");
    assert_eq!(secrets.accepted(NOW - 1), [next.as_str(), SECRET]);
    assert_eq!(secrets.accepted(NOW), [next.as_str()]);
}
