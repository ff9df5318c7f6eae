//! The API's ports as the node's own ways out fill them.

use std::sync::Mutex;
use std::time::Duration;

use lacre_business::api::apps::{Hook, HookError, Hooks, Level, Notice};
use lacre_business::api::bridge::{NodeNames, Webhooks};
use lacre_business::api::link::{Fetch, FetchError};
use lacre_business::api::wamid;
use lacre_business::chat::{ChatEvent, Customer, MediaKind, MessageId, Reach};
use lacre_business::fake::FakeClock;
use lacre_business::outward::{Deadlines, Outward, SystemResolver, Trust};
use lacre_business::webhooks::event::{FileOf, Names, Number, Renderer, Sent};
use lacre_business::webhooks::outbox::{self, Outbox};
use lacre_business::webhooks::subscription::Subscriptions;
use lacre_store::memory::MemoryData;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::world::*;

fn names(world: &World) -> NodeNames<MemoryData, FakeClock> {
    NodeNames {
        customers: world.node.customers.clone(),
        media: world.node.media.clone(),
        store: world.node.store.clone(),
        clock: world.clock.clone(),
    }
}

fn outward() -> Outward {
    let deadlines = Deadlines { connect: Duration::from_secs(1), ..Deadlines::default() };
    Outward::new(SystemResolver, [], Trust::default(), deadlines).expect("a way out")
}

#[tokio::test]
async fn webhooks_call_people_messages_and_files_as_the_api_does() {
    let world = World::new().await;
    let names = names(&world);
    let ids = names.ids(ANA).await.expect("named");
    assert_eq!((ids.wa_id.clone(), ids.user_id), (world.digits(ANA).await, format!("ZZ.{}", ids.wa_id)));

    let message = MessageId([0x51; 16]);
    let file = FileOf {
        message,
        index: 0,
        kind: MediaKind::Image,
        mime: "image/png",
        sha256: [7; 32],
        size: 3,
        name: None,
    };
    let id = names.media(file).await.expect("named");
    assert_eq!(names.media(file).await.as_ref(), Ok(&id), "the same file again");
    assert_ne!(names.media(FileOf { index: 1, ..file }).await.as_ref(), Ok(&id));
    assert_eq!(world.get(&format!("/{id}")).await.ok()["sha256"], "07".repeat(32));

    let sent =
        world.to_ana(json!({ "text": { "body": "oi" }, "biz_opaque_callback_data": "order 17" })).await.ok();
    let sent = wamid::parse(sent["messages"][0]["id"].as_str().expect("an id")).expect("an id");
    assert_eq!(names.sent(sent).await, Ok(Some(Sent { callback_data: Some("order 17".to_owned()) })));
    assert_eq!(names.sent(message).await, Ok(None));
}

#[tokio::test]
async fn what_arrived_is_counted_once_however_often_it_is_told() {
    let world = World::new().await;
    let sent = world.to_ana(json!({ "text": { "body": "oi" } })).await.ok();
    let id = wamid::parse(sent["messages"][0]["id"].as_str().expect("an id")).expect("an id");
    let identity = &world.node.identity;
    let number = Number { account: identity.account, id: identity.number, display: "bakery".to_owned() };
    let renderer = Renderer { names: names(&world), number };
    let to = Customer { account: ANA, name: "Ana".to_owned() };
    for reach in [Reach::Sent, Reach::Delivered, Reach::Delivered, Reach::Read] {
        let event = ChatEvent::Reached { to: to.clone(), id, at: NOW, reach };
        renderer.event(&event).await.expect("rendered").expect("told");
    }
    let today = NOW / 1_000;
    let fields = format!("analytics.start({today}).end({}).granularity(DAY)", today + 86_400);
    let told = world.get(&world.account(&format!("?fields={fields}"))).await.ok();
    let point = json!({ "start": today, "end": today + 86_400, "sent": 1, "delivered": 1 });
    assert_eq!(told["analytics"]["data_points"], json!([point]));
}

#[tokio::test]
async fn a_callback_inside_is_refused_and_a_notice_waits_for_nobody() {
    let world = World::new().await;
    let identity = &world.node.identity;
    let subscriptions = Subscriptions::new(world.node.store.clone(), outward(), identity.app_secret.clone());
    let outbox = Outbox::new(world.node.store.clone(), subscriptions.clone(), outbox::Settings::default());
    let number =
        Number { account: identity.account, id: identity.number, display: identity.number.to_string() };
    let webhooks = Webhooks {
        subscriptions,
        outbox,
        renderer: Renderer { names: names(&world), number },
        rng: Mutex::new(Box::new(StdRng::seed_from_u64(9))),
    };
    let hook = |callback: &str, field: &str| Hook {
        callback: callback.parse().expect("a URL"),
        verify_token: "v".to_owned(),
        fields: vec![field.to_owned()],
    };
    for callback in ["https://127.0.0.1/", "https://[::1]/", "http://bot.example/", "https://10.0.0.1/"] {
        let set = webhooks.subscribe(Level::App, hook(callback, "messages")).await;
        assert_eq!(set, Err(HookError::Refused), "{callback}");
    }
    let set = webhooks.subscribe(Level::App, hook("https://bot.example/", "gossip")).await;
    assert_eq!(set, Err(HookError::Field));
    assert_eq!(webhooks.subscribed(Level::App).await, Ok(None));
    assert_eq!(webhooks.listens().await, Ok(true));
    webhooks.tell(Notice::PinChanged(None)).await.expect("taken");
    assert_eq!(webhooks.outbox.waiting(10).await, Ok(0), "nobody is there to be told");
}

#[tokio::test]
async fn a_link_to_an_address_inside_is_not_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    for link in ["https://127.0.0.1/x", "https://169.254.169.254/x", "http://bakery.example/x"] {
        let fetched = Fetch::get(&outward(), &link.parse().expect("a URL"), 10, &path).await;
        assert_eq!(fetched, Err(FetchError::Refused), "{link}");
    }
    assert!(!path.exists());
}
