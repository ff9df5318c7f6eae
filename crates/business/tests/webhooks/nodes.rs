//! Two nodes of one bakery: one leads and tells; the other keeps aside what it may have to tell.

use std::time::Duration;

use lacre_business::chat::{ChatEvent, MessageId, Reach};
use lacre_business::nodes::{Lead, Led};
use lacre_business::webhooks::Notice;
use lacre_business::webhooks::subscription::Level;
use lacre_proto::DeviceId;
use tokio::time::Instant;

use crate::cast::{NOW, customer, renderer};
use crate::outbox::{Teller, posts, texts, until};
use crate::receiver::{Receiver, Reply};
use crate::subscriptions::willing;

/// What the relay says: who leads, and that everything was told so many seconds ago.
fn led(is_this: bool, behind: u64) -> Led {
    let (lasts, behind) = (Duration::from_secs(90), Some(Duration::from_secs(behind)));
    Led { device: Some(DeviceId([u8::from(is_this); 16])), is_this, lasts, behind }
}

async fn node(lead: &Lead) -> (Teller, Receiver) {
    let mut node = Teller::new();
    node.outbox = node.outbox.led_by(lead.clone());
    let program = willing(|_| Reply::status("200 OK", "")).await;
    node.tells(Level::App, &program).await;
    (node, program)
}

async fn aside(node: &Teller, count: usize) {
    for _ in 0..2_000 {
        if node.outbox.aside(100).await == Ok(count) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{:?} are aside, not {count}", node.outbox.aside(100).await);
}

#[tokio::test]
async fn what_customers_say_waits_aside_until_it_is_told_or_the_node_leads() {
    let lead = Lead::asked();
    let (node, program) = node(&lead).await;
    let running = node.start(1);
    node.story.says(0xa1, 1, "told by the other");
    node.story.says(0xa2, 2, "this too");
    aside(&node, 2).await;
    // What this node has sent, and what is its own, it tells itself.
    let id = MessageId([0xb1; 16]);
    node.story.happens(ChatEvent::Reached { to: customer(0xa1), id, at: NOW, reach: Reach::Delivered });
    let own = renderer().notice(&Notice::Security { event: "PIN_CHANGED".into() }, NOW);
    node.outbox.tell(own, NOW).await.expect("told");
    let account = Notice::PhoneQuality { event: "DOWNGRADE".into(), current_limit: "TIER_250".into() };
    node.outbox.tell(renderer().notice(&account, NOW), NOW).await.expect("kept");
    until("its own", || posts(&program).len() == 2).await;
    aside(&node, 3).await;

    // The other has told all of it, some time ago: nothing of it is told again.
    node.watch.go_on(301_000);
    lead.hear(led(false, 0), Instant::now());
    node.outbox.drop_told(NOW + 301_000).await.expect("dropped");
    assert_eq!(node.outbox.aside(100).await, Ok(0));
    // What came within the last minutes it may not have told.
    node.story.says(0xa1, 3, "just now");
    node.story.says(0xa1, 4, "and more");
    aside(&node, 2).await;
    node.outbox.drop_told(NOW + 301_000).await.expect("nothing to drop");
    assert_eq!(texts(&posts(&program)), Vec::<String>::new());

    // It ends without a word, and this node leads: what is aside comes first.
    lead.hear(led(true, 100), Instant::now());
    node.story.says(0xa1, 5, "after that");
    until("what was aside", || texts(&posts(&program)).len() == 3).await;
    assert_eq!(texts(&posts(&program)), ["just now", "and more", "after that"]);
    assert_eq!(node.outbox.aside(100).await, Ok(0));
    running.stop().await;
}

#[tokio::test]
async fn a_node_that_comes_back_later_tells_nothing_that_another_has_told() {
    let lead = Lead::asked();
    let (node, program) = node(&lead).await;
    let running = node.start(2);
    node.story.says(0xa1, 1, "long told");
    aside(&node, 1).await;
    node.watch.go_on(3_600_000);
    node.story.says(0xa1, 2, "not told");
    aside(&node, 2).await;
    // The other died half an hour ago, and had told all up to then.
    lead.hear(led(true, 1_800), Instant::now());
    until("what is left", || !texts(&posts(&program)).is_empty()).await;
    assert_eq!(texts(&posts(&program)), ["not told"]);
    // Restarted, it goes on from there.
    running.stop().await;
    node.story.says(0xa1, 3, "the next day");
    let running = node.start(3);
    until("the next", || texts(&posts(&program)).len() == 2).await;
    running.stop().await;
}

#[tokio::test]
async fn how_far_behind_the_leader_is_counts_what_waits_anywhere() {
    let lead = Lead::asked();
    let (node, program) = node(&lead).await;
    assert_eq!(node.outbox.behind(NOW).await, Ok(0), "there is nothing to be told");
    let running = node.start(4);
    node.story.says(0xa1, 1, "one");
    aside(&node, 1).await;
    assert_eq!(node.outbox.behind(NOW + 5_000).await, Ok(5_000), "aside");
    running.stop().await;
    // Nobody answers any more: it waits in its lane.
    drop(program);
    lead.hear(led(true, 3_600), Instant::now());
    let running = node.start(5);
    aside(&node, 0).await;
    assert_eq!(node.outbox.behind(NOW + 9_000).await, Ok(9_000), "in a lane");
    running.stop().await;
    // An erased customer is erased from what is aside too.
    lead.hear(led(false, 0), Instant::now());
    node.story.says(0xa2, 2, "two");
    let running = node.start(6);
    aside(&node, 1).await;
    assert_eq!(node.outbox.forget(customer(0xa2).account, u64::MAX).await, Ok(1));
    aside(&node, 0).await;
    running.stop().await;
}
