//! The driver against a relay of a few lines, in time that stands still until everybody waits: what it does when
//! the network, the relay or the disk does not do what it should.

mod world;

use std::time::Duration;

use lacre_client::content::Content;
use lacre_client::journal::Changed;
use lacre_client::once::Once;
use lacre_client::store::StoreError;
use lacre_client::transport::ConnectError;
use lacre_client::view::Sending;
use lacre_client::{
    Client, Connection, Event, Intent, IntentError, NotSent, OpenError, Queued, Refusal, Trouble,
};
use lacre_proto::{ErrorCode, Handle};
use world::{World, minutes};

fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

fn handle(name: &str) -> Handle {
    name.parse().expect("a handle")
}

async fn online(client: &Client) {
    let mut connection = client.connection();
    connection.wait_for(|state| *state == Connection::Online).await.expect("the client runs");
}

async fn offline(client: &Client) -> (Trouble, bool) {
    let mut connection = client.connection();
    let state = connection.wait_for(|state| matches!(state, Connection::Offline { .. })).await;
    match state.expect("the client runs").clone() {
        Connection::Offline { why, again, .. } => (why, again.is_some()),
        _ => unreachable!("it was waited for"),
    }
}

#[tokio::test(start_paused = true)]
async fn ana_signs_up_and_comes_back() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    ana.flush().await;
    assert_eq!(world.published(), 50, "and people can reach her");
    ana.close().await;
    let mut connection = ana.connection();
    connection.wait_for(|state| *state == Connection::Closed).await.expect("it says so");

    let ana = world.open().expect("her profile");
    online(&ana).await;
    assert_eq!(ana.me().expect("she is somebody").handle, handle("ana"));
    assert_eq!(world.asked("sign_up"), 1, "the second time she logs in");
    assert_eq!(world.asked("login"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_taken_handle_leaves_room_for_another() {
    let world = World::new();
    world.refuse("sign_up", ErrorCode::HandleTaken);
    let error = world.sign_up("ana").await.err().expect("it is taken");
    assert_eq!(error.refusal().map(|error| error.code), Some(ErrorCode::HandleTaken));
    assert!(matches!(world.open(), Err(OpenError::NotSignedUp)));
    world.allow("sign_up");
    let ana = world.sign_up("ana2").await.expect("a free one");
    assert_eq!(ana.me().expect("she is somebody").handle, handle("ana2"));
}

#[tokio::test(start_paused = true)]
async fn a_sign_up_whose_answer_was_lost_is_taken_up_again() {
    let world = World::new();
    world.swallow("sign_up");
    let error = world.sign_up("ana").await.err().expect("no answer");
    assert_eq!(error, OpenError::Relay(Trouble::NoAnswer));
    world.allow("sign_up");
    world.sign_up("ana").await.expect("the same again");
    let keys = world.sign_ups();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1], "with the same account, so that the relay knows it again");
    assert!(matches!(world.sign_up("bruno").await, Err(OpenError::SignedUpAlready(_))));
}

#[tokio::test(start_paused = true)]
async fn attempts_grow_apart_and_stop_when_one_gets_through() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    world.cut(true);
    let (why, again) = offline(&ana).await;
    assert!(again && matches!(why, Trouble::Refused(error) if error.code == ErrorCode::Stopping), "{why:?}");
    tokio::time::sleep(minutes(5)).await;
    let attempts = world.attempts() - 2;
    assert!((8..=20).contains(&attempts), "{attempts} attempts in five minutes");
    world.cut(false);
    online(&ana).await;
    let after = world.attempts();
    tokio::time::sleep(minutes(5)).await;
    assert_eq!(world.attempts(), after, "a connection that stands is left alone");
}

#[tokio::test(start_paused = true)]
async fn a_person_need_not_wait_for_the_next_attempt() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    world.cut(true);
    tokio::time::sleep(minutes(10)).await;
    world.cut(false);
    let begun = tokio::time::Instant::now();
    ana.reconnect().await;
    online(&ana).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn another_relay_gets_no_login() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    ana.close().await;
    world.become_another_relay();
    let ana = world.open().expect("her profile");
    assert_eq!(offline(&ana).await, (Trouble::OtherRelay, false));
    tokio::time::sleep(minutes(60)).await;
    assert_eq!(world.asked("login"), 0);
}

#[tokio::test(start_paused = true)]
async fn two_sockets_must_be_of_one_relay() {
    let world = World::new();
    world.greet_differently(true);
    let error = world.sign_up("ana").await.err().expect("refused");
    assert_eq!(error, OpenError::Relay(Trouble::BadGreeting));
    assert_eq!(world.asked("sign_up"), 0, "nothing was told to either");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_was_replaced_does_not_fight_for_its_place() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    let before = world.attempts();
    world.say_bye(ErrorCode::Replaced);
    let (why, again) = offline(&ana).await;
    assert!(matches!(why, Trouble::Refused(error) if error.code == ErrorCode::Replaced), "{why:?}");
    assert!(again, "the other may have gone by then");
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(world.attempts(), before);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_does_not_answer_is_given_up_and_asked_anew() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    world.swallow("lookup");
    let (conversation, message) = ana.send_to(&handle("bruno"), text("hello")).await.expect("queued");
    assert_eq!(offline(&ana).await, (Trouble::NoAnswer, true));
    world.refuse("lookup", ErrorCode::NoSuchAccount);
    let error = ana.wait_sent(conversation, message).await.expect_err("nobody is there");
    assert!(matches!(error, NotSent::Failed(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_not_sent() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    ana.flush().await;
    let asked = world.asked("lookup");
    world.fill_disk(true);
    let error = ana.send_to(&handle("bruno"), text("lost?")).await.expect_err("the disk is full");
    assert_eq!(error, IntentError::Store(StoreError::Full));
    assert!(ana.conversations().expect("it reads").is_empty(), "nothing of it is left");
    assert_eq!(world.asked("lookup"), asked, "and the relay has heard nothing");
    world.fill_disk(false);
    online(&ana).await;
    world.refuse("lookup", ErrorCode::NoSuchAccount);
    let (conversation, message) = ana.send_to(&handle("bruno"), text("again")).await.expect("queued");
    ana.wait_sent(conversation, message).await.expect_err("nobody is there");
    let shown = ana.messages(conversation, None, 10).expect("it reads");
    assert!(matches!(shown[0].state, Some(Sending::Failed(_))), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_written_offline_is_shown_at_once_and_survives() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    world.cut(true);
    let mut events = ana.events();
    let (conversation, message) = ana.send_to(&handle("bruno"), text("hello")).await.expect("queued");
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event);
    }
    assert!(told.contains(&Event::MessageChanged(conversation, message)), "{told:?}");
    ana.keep_draft(conversation, "and then".to_owned()).await.expect("kept");
    let waiting = ana.clone();
    let waiting = tokio::spawn(async move { waiting.wait_sent(conversation, message).await });
    ana.close().await;
    assert_eq!(waiting.await.expect("no panic"), Err(NotSent::Closed));
    assert_eq!(ana.send(conversation, text("late")).await, Err(IntentError::Closed));

    let ana = world.open().expect("her profile");
    let shown = ana.messages(conversation, None, 10).expect("it reads");
    assert_eq!((shown.len(), shown[0].state), (1, Some(Sending::Sending)));
    assert_eq!(ana.draft(conversation).expect("it reads").as_deref(), Some("and then"));
    ana.keep_draft(conversation, String::new()).await.expect("kept");
    assert_eq!(ana.draft(conversation).expect("it reads"), None);
}

/// Each change is noted with itself or not at all, and stays over whatever happens until it is let go.
#[tokio::test(start_paused = true)]
async fn what_has_changed_stays_in_the_journal_until_it_is_let_go() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    world.cut(true);
    let (conversation, before) = ana.send_to(&handle("bruno"), text("before")).await.expect("queued");
    assert_eq!(ana.journal(10).expect("it reads"), [], "nobody asked for one");
    ana.keep_journal().await.expect("begun");
    ana.keep_journal().await.expect("it is kept already");
    let (_, first) = ana.send(conversation, text("one")).await.expect("queued");
    world.fill_disk(true);
    assert!(ana.send(conversation, text("two")).await.is_err(), "what is not stored changes nothing");
    world.fill_disk(false);
    ana.close().await;

    let ana = world.open().expect("her profile");
    let noted = [(1, Changed::Everything), (2, Changed::Message(conversation, first))];
    assert_eq!(ana.journal(10).expect("it reads"), noted);
    assert_eq!(ana.journal(1).expect("it reads"), noted[..1]);
    ana.let_go(1).await.expect("let go");
    ana.intend(Intent::Cancel(before)).await.expect("given up");
    let later = [noted[1], (3, Changed::Message(conversation, before))];
    assert_eq!(ana.journal(10).expect("it reads"), later);
    ana.let_go(3).await.expect("let go");
    assert_eq!(ana.journal(10).expect("it reads"), []);
    ana.keep_journal().await.expect("it is kept already");
    let (_, last) = ana.send(conversation, text("three")).await.expect("queued");
    let last = [(4, Changed::Message(conversation, last))];
    assert_eq!(ana.journal(10).expect("it reads"), last, "no number comes twice");
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_once_is_not_done_again() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    world.cut(true);
    let send = || Intent::SendTo(handle("bruno"), text("your order has left"));
    world.fill_disk(true);
    let full = ana.intend_once("order-17", b"left", send()).await;
    assert_eq!(full, Err(IntentError::Store(StoreError::Full)));
    world.fill_disk(false);
    let first = ana.intend_once("order-17", b"left", send()).await.expect("queued");
    assert!(!first.again, "what was not stored was not done");
    let Queued::Message(conversation, message) = first.queued else { panic!("{first:?} is no message") };
    assert_eq!(ana.intend_once("order-17", b"left", send()).await, Ok(Once { again: true, ..first }));
    ana.close().await;

    let ana = world.open().expect("her profile");
    assert_eq!(ana.intend_once("order-17", b"left", send()).await, Ok(Once { again: true, ..first }));
    assert_eq!(ana.intend_once("order-17", b"came", send()).await, Err(IntentError::IdUsed));
    assert_eq!(ana.messages(conversation, None, 10).expect("it reads").len(), 1);
    let cancel = || Intent::Cancel(message);
    let gone = ana.intend_once("take it back", b"", cancel()).await.expect("given up");
    assert_eq!(gone, Once { queued: Queued::Done, again: false });
    let again = ana.intend_once("take it back", b"", cancel()).await;
    assert_eq!(again, Ok(Once { again: true, ..gone }), "the second time it would have been refused");
    let refused = ana.intend_once("another", b"", cancel()).await;
    assert_eq!(refused, Err(IntentError::Refused(Refusal::NoSuchMessage)));
    let refused = ana.intend_once("another", b"", cancel()).await;
    assert!(refused.is_err(), "what was refused was not done");
}

#[tokio::test(start_paused = true)]
async fn the_store_is_settled_when_nothing_happens() {
    let world = World::new();
    let ana = world.sign_up("ana").await.expect("a sign-up");
    online(&ana).await;
    ana.flush().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.settled(), 1);
    tokio::time::sleep(minutes(1)).await;
    assert_eq!(world.settled(), 1, "once is enough");
}

#[tokio::test(start_paused = true)]
async fn a_relay_too_new_is_told_apart_from_one_that_is_not_there() {
    let world = World::new();
    world.speak_only(7);
    let error = world.sign_up("ana").await.err().expect("no common version");
    assert_eq!(error.refusal().map(|error| error.code), Some(ErrorCode::VersionUnsupported));
    world.speak_only(1);
    world.cut(true);
    let error = world.sign_up("ana").await.err().expect("cut off");
    assert!(
        matches!(error, OpenError::Relay(Trouble::Connect(ConnectError::Unreachable { .. }))),
        "{error:?}"
    );
}
