//! Two nodes of one bakery: one leads and tells; the other keeps aside what it may have to tell.

use std::time::Duration;

use lacre_business::chat::{ChatEvent, MessageId, Reach};
use lacre_business::nodes::{Lead, Led, Mark};
use lacre_business::restriction;
use lacre_business::store::Store;
use lacre_business::webhooks::Notice;
use lacre_business::webhooks::subscription::Level;
use lacre_proto::DeviceId;
use tokio::time::Instant;

use crate::cast::{DAY, NOW, customer, renderer};
use crate::outbox::{Teller, posts, texts, until};
use crate::receiver::{Receiver, Reply};
use crate::subscriptions::willing;

/// What the relay says: who leads.
fn led(is_this: bool) -> Led {
    Led { device: Some(DeviceId([u8::from(is_this); 16])), is_this, lasts: Duration::from_secs(90) }
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
    lead.hear(led(false), Instant::now());
    node.outbox.drop_told(NOW + 301_000).await.expect("read");
    assert_eq!(node.outbox.aside(100).await, Ok(3), "nobody has said so");
    lead.hold(Some(Mark(NOW + 301_000)));
    node.outbox.drop_told(NOW + 301_000).await.expect("dropped");
    assert_eq!(node.outbox.aside(100).await, Ok(0));
    // What came within the last minutes it may not have told.
    node.story.says(0xa1, 3, "just now");
    node.story.says(0xa1, 4, "and more");
    aside(&node, 2).await;
    node.outbox.drop_told(NOW + 301_000).await.expect("nothing to drop");
    assert_eq!(texts(&posts(&program)), Vec::<String>::new());

    // It ends without a word, and this node leads: what is aside comes first.
    lead.hear(led(true), Instant::now());
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
    lead.hold(Some(Mark(NOW + 1_800_000)));
    lead.hear(led(true), Instant::now());
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
async fn up_to_when_the_leader_has_told_counts_what_waits_anywhere() {
    let lead = Lead::asked();
    let (node, program) = node(&lead).await;
    assert_eq!(node.outbox.told(NOW).await, Ok(Mark(NOW)), "there is nothing to be told");
    let running = node.start(4);
    node.story.says(0xa1, 1, "one");
    aside(&node, 1).await;
    assert_eq!(node.outbox.told(NOW + 5_000).await, Ok(Mark(NOW)), "aside");
    running.stop().await;
    // Nobody answers any more: it waits in its lane.
    drop(program);
    assert_eq!(node.outbox.latest(), 0);
    lead.hear(led(true), Instant::now());
    let running = node.start(5);
    aside(&node, 0).await;
    assert_eq!(node.outbox.told(NOW + 9_000).await, Ok(Mark(NOW)), "in a lane");
    assert_eq!(node.outbox.latest(), NOW, "that is what the others are to hear of");
    running.stop().await;
    // An erased customer is erased from what is aside too.
    lead.hear(led(false), Instant::now());
    node.story.says(0xa2, 2, "two");
    let running = node.start(6);
    aside(&node, 1).await;
    assert_eq!(node.outbox.forget(customer(0xa2).account, u64::MAX).await, Ok(1));
    aside(&node, 0).await;
    running.stop().await;
}

/// The leader dies with what it has not told. The relay gives the lead to the other one, and holds back for an hour what
/// the leader said last of what it had told: for that it was true, and it says no more when it comes late.
#[tokio::test]
async fn what_a_dead_leader_had_not_told_is_told_though_the_relay_holds_its_word_back() {
    let lead = Lead::asked();
    let (node, program) = node(&lead).await;
    let running = node.start(7);
    lead.hear(led(false), Instant::now());
    node.story.says(0xa1, 1, "told by the leader");
    aside(&node, 1).await;
    let word = Mark(NOW + 301_000).to_bytes();
    node.watch.go_on(1_800_000);
    node.story.says(0xa1, 2, "not told: it died");
    aside(&node, 2).await;
    node.watch.go_on(1_800_000);
    let now = NOW + 3_600_000;
    lead.hold(Mark::from_bytes(&word));
    node.outbox.drop_told(now).await.expect("dropped");
    assert_eq!(node.outbox.aside(100).await, Ok(1));
    // A word of a clock that is ahead is no word: who holds it drops nothing by it.
    lead.hold(Some(Mark(now + DAY)));
    node.outbox.drop_told(now).await.expect("read");
    assert_eq!(node.outbox.aside(100).await, Ok(1));
    lead.hear(led(true), Instant::now());
    until("it is told", || !texts(&posts(&program)).is_empty()).await;
    assert_eq!(texts(&posts(&program)), ["not told: it died"]);
    running.stop().await;
}

#[tokio::test]
async fn what_is_aside_is_bounded_and_of_a_restricted_customer_it_waits() {
    let lead = Lead::asked();
    let (node, program) = node(&lead).await;
    let store = Store(node.data.clone());
    let running = node.start(8);
    lead.hear(led(false), Instant::now());
    assert_eq!(restriction::set(&store, customer(0xa1).account, NOW).await, Ok(NOW));
    node.story.says(0xa1, 1, "of Ana nothing is told");
    node.story.says(0xa2, 2, "Bruno's");
    aside(&node, 2).await;
    node.outbox.drop_told(NOW + 7 * DAY - 1).await.expect("read");
    assert_eq!(node.outbox.aside(100).await, Ok(2), "nobody says that it was told");
    node.outbox.drop_told(NOW + 7 * DAY).await.expect("dropped");
    assert_eq!(
        node.outbox.aside(100).await,
        Ok(1),
        "nobody would tell Bruno's any more; the leader holds Ana's back"
    );

    // It is lifted at the leader, and here: the leader dies before it has told it.
    let now = NOW + 8 * DAY;
    node.watch.go_on(8 * DAY);
    lead.hold(Some(Mark(now)));
    assert_eq!(restriction::lift(&store, &node.outbox, customer(0xa1).account, now).await, Ok(true));
    node.outbox.drop_told(now).await.expect("read");
    lead.hear(led(true), Instant::now());
    until("it is told", || !texts(&posts(&program)).is_empty()).await;
    assert_eq!(texts(&posts(&program)), ["of Ana nothing is told"]);
    running.stop().await;
}
