//! Of a customer with whose data nothing is done, nothing is told; all of it is told when that is lifted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lacre_business::restriction;
use lacre_business::store::Store;
use lacre_business::webhooks::subscription::Level;
use lacre_proto::AccountId;

use crate::cast::{DAY, NOW};
use crate::outbox::{Teller, posts, texts, until};
use crate::receiver::Reply;
use crate::subscriptions::willing;

const ANA: AccountId = AccountId([0xa1; 16]);

#[tokio::test]
async fn what_ana_says_waits_in_its_order_and_is_not_given_up_for_having_waited() {
    let node = Teller::new();
    let store = Store(node.data.clone());
    let busy = Arc::new(AtomicBool::new(false));
    let refuses = busy.clone();
    let shop = willing(move |_| match refuses.load(Ordering::SeqCst) {
        true => Reply::status("503 Busy", ""),
        false => Reply::status("200 OK", ""),
    })
    .await;
    node.tells(Level::App, &shop).await;
    let running = node.start(1);
    node.story.says(0xa1, 1, "ana 1");
    until("the first", || posts(&shop).len() == 1).await;

    assert_eq!(restriction::set(&store, ANA, NOW).await, Ok(NOW));
    node.story.says(0xa1, 2, "ana 2");
    node.story.says(0xa1, 3, "ana 3");
    node.story.says(0xa2, 4, "bruno 1");
    until("Bruno's", || posts(&shop).len() == 2).await;
    // A node that stops and starts keeps it up, and time gives nothing up.
    running.stop().await;
    node.watch.go_on(9 * DAY);
    let running = node.start(2);
    node.story.says(0xa2, 5, "bruno 2");
    until("Bruno's next", || posts(&shop).len() == 3).await;
    assert_eq!(texts(&posts(&shop)), ["ana 1", "bruno 1", "bruno 2"]);
    assert_eq!(node.outbox.waiting(10).await, Ok(2));

    // The receiver fails at first: each has its seven days from now on.
    busy.store(true, Ordering::SeqCst);
    let now = NOW + 9 * DAY;
    assert_eq!(restriction::lift(&store, &node.outbox, ANA, now).await, Ok(true));
    until("an attempt", || posts(&shop).len() == 4).await;
    busy.store(false, Ordering::SeqCst);
    until("all of hers", || {
        node.watch.go_on(1_000);
        posts(&shop).len() == 6
    })
    .await;
    running.stop().await;
    assert_eq!(texts(&posts(&shop))[3..], ["ana 2", "ana 2", "ana 3"]);
    assert!(node.outbox.dead(0, 10).await.expect("read").is_empty());
    assert_eq!(restriction::lift(&store, &node.outbox, ANA, now).await, Ok(false));
}

#[tokio::test]
async fn what_was_told_of_ana_stays_as_long_as_nothing_is_done_with_her_data() {
    let node = Teller::new();
    let store = Store(node.data.clone());
    let shop = willing(|_| Reply::status("200 OK", "")).await;
    node.tells(Level::App, &shop).await;
    let running = node.start(1);
    node.story.says(0xa1, 1, "ana 1");
    node.story.says(0xa2, 2, "bruno 1");
    until("both", || posts(&shop).len() == 2).await;
    running.stop().await;

    assert_eq!(restriction::set(&store, ANA, NOW).await, Ok(NOW));
    node.outbox.prune(NOW + 8 * DAY).await.expect("pruned");
    assert_eq!(node.outbox.log(0, u64::MAX, 10).await.expect("read").len(), 1, "hers");
    assert_eq!(restriction::lift(&store, &node.outbox, ANA, NOW + 8 * DAY).await, Ok(true));
    node.outbox.prune(NOW + 8 * DAY).await.expect("pruned");
    assert_eq!(node.outbox.log(0, u64::MAX, 10).await, Ok(Vec::new()));
}
