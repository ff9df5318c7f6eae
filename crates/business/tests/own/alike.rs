//! Two nodes of one bakery: nothing is done with Ana's data, or she is erased, wherever that was asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lacre_business::node::Identity;
use lacre_business::nodes::{Linking, Member, Nodes, NodesError, Pass};
use lacre_business::restriction;
use lacre_business::store::Store;
use lacre_proto::DeviceId;
use lacre_store::memory::MemoryData;
use serde_json::{Value, json};

use crate::consents::{ANA, BRUNO, number};
use crate::world::*;

/// What the devices of the account hold alike; clones are the same.
#[derive(Clone, Default)]
struct Alike(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    all: BTreeMap<String, Vec<u8>>,
    /// How often something was told.
    told: usize,
}

impl Alike {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().expect("no panic")
    }
}

impl Nodes for Alike {
    fn members(&self) -> Result<Vec<Member>, NodesError> {
        Ok(Vec::new())
    }

    fn linking(&self) -> Option<Linking> {
        None
    }

    fn link(&self, _: &str) -> BoxFuture<'_, Result<Linking, NodesError>> {
        async { Err(NodesError::Code) }.boxed()
    }

    fn remove(&self, _: DeviceId) -> BoxFuture<'_, Result<(), NodesError>> {
        async { Ok(()) }.boxed()
    }

    fn take_over(&self) -> BoxFuture<'_, Result<(), NodesError>> {
        async { Ok(()) }.boxed()
    }

    fn shared(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, NodesError> {
        let held = self.held();
        let of = held.all.iter().filter(|(name, _)| name.starts_with(prefix));
        Ok(of.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn share(&self, name: String, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), NodesError>> {
        assert!(name.len() <= 32, "what the devices take: {name}");
        let mut held = self.held();
        held.told += 1;
        held.all.insert(name, bytes);
        async { Ok(()) }.boxed()
    }
}

/// A node, and the store of another one that programs know by the same.
async fn first(alike: &Alike) -> (World, MemoryData) {
    let first = World::over(MemoryData::default(), Some(Arc::new(alike.clone()))).await;
    let data = MemoryData::default();
    let store = Store(first.data.clone());
    let identity = Identity::known(&store).await.expect("read").expect("somebody");
    let pass = Pass::of(&store, &identity).await.expect("read");
    pass.enter(&Store(data.clone())).await.expect("entered");
    (first, data)
}

/// Two such nodes. Ana and Bruno have written to both.
async fn two() -> (World, World, Alike) {
    let alike = Alike::default();
    let (first, data) = first(&alike).await;
    let second = World::over(data, Some(Arc::new(alike.clone()))).await;
    for world in [&first, &second] {
        world.hears(ANA, 1, "rye, please").await;
        world.hears(BRUNO, 2, "wheat, please").await;
    }
    (first, second, alike)
}

async fn since(world: &World) -> Option<u64> {
    restriction::since(&Store(world.data.clone()), ANA).await.expect("read")
}

async fn restrict(world: &World, lift: bool) {
    let line = format!("POST customers/{}/restrict", number(world, ANA).await);
    world.done(&line, json!({ "lift": lift })).await;
}

#[tokio::test]
async fn nothing_is_done_with_anas_data_at_any_node_until_that_is_lifted_at_any() {
    let (first, second, alike) = two().await;
    restrict(&first, false).await;
    assert_eq!((since(&first).await, since(&second).await), (Some(NOW), None));
    second.agrees().await;
    assert_eq!(since(&second).await, Some(NOW), "since the same time");
    let noted = ("node".to_owned(), "customer.restrict".to_owned());
    assert!(second.log().await.into_iter().any(|(who, what, _)| (who, what) == noted));
    // Lifted at the other one, it is lifted at both, and stays so.
    restrict(&second, true).await;
    for _ in 0..2 {
        first.agrees().await;
        second.agrees().await;
        assert_eq!((since(&first).await, since(&second).await), (None, None));
    }
    assert_eq!(alike.held().told, 2, "each change was told once");
}

#[tokio::test]
async fn of_two_who_ask_for_different_things_at_once_nothing_is_done_with_her_data() {
    let (first, second, alike) = two().await;
    restrict(&first, false).await;
    second.agrees().await;
    first.clock.advance(MINUTE);
    second.clock.advance(MINUTE);
    // The second one is cut off: it does not hear that it was lifted before it was asked for there again.
    let store = Store(second.data.clone());
    restriction::set(&store, BRUNO, NOW + MINUTE).await.expect("set");
    let outbox = lacre_business::ground::Ground::alone(second.data.clone(), second.clock.clone()).await;
    restriction::lift(&store, &outbox.expect("a ground").outbox, ANA, NOW + MINUTE).await.expect("lifted");
    restriction::set(&store, ANA, NOW + MINUTE).await.expect("set");
    restrict(&first, true).await;
    second.agrees().await;
    first.agrees().await;
    assert_eq!((since(&first).await, since(&second).await), (Some(NOW + MINUTE), Some(NOW + MINUTE)));
    assert_eq!(restriction::since(&Store(first.data.clone()), BRUNO).await, Ok(Some(NOW + MINUTE)));
    // What a later version writes is left as it is.
    let names: Vec<String> = alike.held().all.keys().cloned().collect();
    assert_eq!(names.len(), 2);
    for name in &names {
        alike.held().all.insert(name.clone(), vec![2, 0]);
    }
    alike.held().all.insert("restrict/nobody".to_owned(), vec![1, 0]);
    let told = alike.held().told;
    first.agrees().await;
    assert_eq!((since(&first).await, alike.held().told), (Some(NOW + MINUTE), told));
}

/// The second node hears of Ana only after that.
#[tokio::test]
async fn who_is_restricted_before_a_node_knows_them_is_restricted_there_too() {
    let alike = Alike::default();
    let (first, data) = first(&alike).await;
    let second = World::over(data, Some(Arc::new(alike.clone()))).await;
    first.hears(ANA, 1, "rye, please").await;
    restrict(&first, false).await;
    for _ in 0..2 {
        second.agrees().await;
        first.agrees().await;
    }
    assert_eq!((since(&first).await, since(&second).await), (Some(NOW), None), "nobody undoes it");
    second.hears(ANA, 1, "rye, please").await;
    second.agrees().await;
    assert_eq!(since(&second).await, Some(NOW));
    assert_eq!(alike.held().told, 1);
}

#[tokio::test]
async fn who_is_erased_at_one_node_is_erased_at_the_others_once() {
    let (first, second, alike) = two().await;
    for (world, n) in [(&first, 3), (&second, 3)] {
        let held = json!({ "content": { "text": "rye" }, "files": [], "at_ms": NOW });
        world.chat.holds(ANA, lacre_business::chat::MessageId([n; 16]), held);
    }
    let digits = number(&second, ANA).await;
    let noted = json!({ "body": "allergic to nuts" });
    second.done(&format!("POST conversations/{digits}/notes"), noted).await;
    let told = first.done(&format!("POST customers/{digits}/erase"), Value::Null).await;
    assert!(told["erased"]["messages"].as_u64() > Some(0), "{told}");
    second.agrees().await;
    let (status, _) = second.console(&format!("GET customers/{digits}/export"), Value::Null).await;
    assert_eq!(status, 404, "she is nobody there");
    let erased = ("node".to_owned(), "customer.erase".to_owned());
    let times = |log: Vec<(String, String, String)>| {
        log.into_iter().filter(|(who, what, _)| (who, what) == (&erased.0, &erased.1)).count()
    };
    assert_eq!(times(second.log().await), 1);
    // She writes again: what she says now stays, at both.
    first.clock.advance(MINUTE);
    second.clock.advance(MINUTE);
    second.hears(ANA, 9, "it is me again").await;
    for _ in 0..2 {
        first.agrees().await;
        second.agrees().await;
    }
    assert_eq!(second.console(&format!("GET customers/{digits}/export"), Value::Null).await.0, 200);
    assert_eq!(second.starts_again().await, 0, "and the next start does it no second time");
    assert_eq!((times(second.log().await), alike.held().told), (1, 1));
    assert_eq!(
        second
            .console(&format!("GET customers/{}/export", number(&second, BRUNO).await), Value::Null)
            .await
            .0,
        200
    );
}
