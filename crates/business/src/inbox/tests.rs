use lacre_store::memory::MemoryData;

use super::*;
use crate::chat::{ChatEvent, Customer, Incoming};

const ANA: AccountId = AccountId([0xa; 16]);

fn writes(n: u8, at: Millis, what: Incoming) -> (u64, ChatEvent) {
    let from = Customer { account: ANA, name: "Ana".to_owned() };
    (0, ChatEvent::Message { from, id: MessageId([n; 16]), at, what, in_reply_to: None, forwarded: None })
}

fn text(n: u8, at: Millis) -> (u64, ChatEvent) {
    writes(n, at, Incoming::Text("oi".to_owned()))
}

/// The business said something from another device.
fn answered(at: Millis) -> (u64, ChatEvent) {
    let to = Customer { account: ANA, name: "Ana".to_owned() };
    (0, ChatEvent::Elsewhere { to, at })
}

async fn after(store: &Store<MemoryData>, events: &[(u64, ChatEvent)]) -> Conversation {
    let batch = heard(store, events).await.expect("read");
    store.write(batch).await.expect("written");
    Conversations::new(store.clone()).get(ANA).await.expect("read").expect("there")
}

#[tokio::test]
async fn ana_waits_from_her_first_message_until_she_is_answered() {
    let store = Store(MemoryData::default());
    let it = after(&store, &[text(1, 10), text(2, 20)]).await;
    assert_eq!((it.status(), it.waiting, it.wrote, it.version), (Status::Waiting, Some(10), Some(20), 1));
    let it = after(&store, &[answered(15)]).await;
    assert_eq!((it.status(), it.waiting), (Status::Waiting, Some(20)), "that was said before her last words");
    let it = after(&store, &[answered(30)]).await;
    assert_eq!((it.status(), it.waiting, it.last, it.version), (Status::Open, None, 30, 1));
    let it = after(&store, &[text(5, 40)]).await;
    assert_eq!((it.waiting, it.version), (Some(40), 2), "who saw it before that is told so");
}

#[tokio::test]
async fn a_thumb_up_is_nothing_to_be_answered() {
    let store = Store(MemoryData::default());
    let id = MessageId([1; 16]);
    let thumb = writes(2, 50, Incoming::Reaction(id, Some("👍".to_owned())));
    let edit = writes(3, 60, Incoming::Edit(id, "oi!".to_owned()));
    let it =
        after(&store, &[text(1, 10), answered(20), thumb, edit, writes(4, 70, Incoming::Delete(id))]).await;
    assert_eq!((it.status(), it.last), (Status::Open, 20));
}

#[tokio::test]
async fn an_answer_through_the_node_counts_though_its_clock_is_behind_and_an_offer_is_none() {
    let store = Store(MemoryData::default());
    after(&store, &[text(1, 1_000)]).await;
    said(&store, ANA, 900, false, Batch::new()).await.expect("written");
    let all = Conversations::new(store.clone());
    assert_eq!(all.get(ANA).await.expect("read").expect("there").waiting, Some(1_000));
    said(&store, ANA, 900, true, Batch::new()).await.expect("written");
    assert_eq!(all.get(ANA).await.expect("read").expect("there").status(), Status::Open);
}

#[tokio::test]
async fn what_was_heard_is_written_once_and_never_over_what_somebody_did_meanwhile() {
    let store = Store(MemoryData::default());
    after(&store, &[text(1, 10)]).await;
    let late = heard(&store, &[text(2, 20)]).await.expect("read");
    let all = Conversations::new(store.clone());
    all.change(ANA, 1, &Change::Close, None, |_| Ok(())).await.expect("closed");
    assert!(matches!(store.write(late).await, Err(StoreError::Write(WriteError::Conflict(0)))));
    let it = after(&store, &[text(2, 20)]).await;
    assert_eq!((it.closed, it.waiting, it.version), (false, Some(20), 3), "she comes back");
}

#[tokio::test]
async fn who_is_slower_overwrites_nothing() {
    let store = Store(MemoryData::default());
    after(&store, &[text(1, 10)]).await;
    let all = Conversations::new(store.clone());
    let label = |name: &str| Change::Label { add: [name.to_owned()].into(), remove: Default::default() };
    let (bread, cake) = (label("bread"), label("cake"));
    let both = tokio::join!(
        all.change(ANA, 1, &bread, None, |_| Ok(())),
        all.change(ANA, 1, &cake, None, |_| Ok(()))
    );
    let won = [&both.0, &both.1].into_iter().filter(|it| it.is_ok()).count();
    assert_eq!(won, 1, "{both:?}");
    assert!(both.0 == Err(ChangeError::Stale(2)) || both.1 == Err(ChangeError::Stale(2)));
    assert_eq!(all.get(ANA).await.expect("read").expect("there").labels.len(), 1);
    let unseen = all.change(ANA, 7, &bread, None, |_| Err(ChangeError::Unknown("conversation"))).await;
    assert_eq!(unseen, Err(ChangeError::Unknown("conversation")), "who does not see it hears of no version");
}

#[tokio::test]
async fn a_note_keeps_its_number_and_its_versions() {
    let store = Store(MemoryData::default());
    after(&store, &[text(1, 10)]).await;
    let all = Conversations::new(store.clone());
    let bia = Who::Person(2);
    let first = all.add_note(ANA, bia, 20, "likes rye", |_| true).await.expect("noted");
    let edited = all.edit_note(ANA, 1, 1, Some(("likes rye, no nuts", bia, 30)), |it| it.by == bia).await;
    let edited = edited.expect("edited").expect("there");
    assert_eq!((first.number, edited.version), (1, 2));
    assert_eq!((edited.edited, edited.edited_by), (Some(30), Some(bia)));
    let stale = all.edit_note(ANA, 1, 1, None, |_| true).await;
    assert_eq!(stale, Err(ChangeError::Stale(2)));
    let not_hers = all.edit_note(ANA, 1, 2, None, |it| it.by == Who::Person(3)).await;
    assert_eq!(not_hers, Err(ChangeError::NotAllowed));
    assert_eq!(all.edit_note(ANA, 1, 2, None, |_| true).await, Ok(None), "taken away");
    let second = all.add_note(ANA, bia, 40, "and cake", |_| true).await.expect("noted");
    assert_eq!(second.number, 2, "no number is given twice");
    assert_eq!(all.notes(ANA).await.expect("read"), [second]);
}

#[tokio::test]
async fn who_is_erased_while_she_writes_waits_on_with_nothing_of_before() {
    let store = Store(MemoryData::default());
    after(&store, &[text(1, 10)]).await;
    let all = Conversations::new(store.clone());
    all.add_note(ANA, Who::Operator, 20, "likes rye", |_| true).await.expect("noted");
    let label = Change::Label { add: ["rye".to_owned()].into(), remove: Default::default() };
    all.change(ANA, 1, &label, None, |_| Ok(())).await.expect("labelled");
    after(&store, &[text(2, 90)]).await;
    assert_eq!(forget(&store, ANA, 50, 50).await, Ok(1));
    let it = all.get(ANA).await.expect("read").expect("she wrote since");
    assert_eq!((it.waiting, it.labels.len(), it.version), (Some(90), 0, 3));
    assert_eq!(forget(&store, ANA, 100, 100).await, Ok(0));
    assert_eq!(all.get(ANA).await, Ok(None));
}

#[tokio::test]
async fn with_a_conversation_go_all_its_notes_whatever_this_machines_clock_said() {
    let store = Store(MemoryData::default());
    after(&store, &[text(1, 10)]).await;
    let all = Conversations::new(store.clone());
    all.add_note(ANA, Who::Operator, 900, "likes rye", |_| true).await.expect("noted");
    assert_eq!(forget(&store, ANA, 50, 60).await, Ok(1));
    after(&store, &[text(2, 90)]).await;
    let note = all.add_note(ANA, Who::Operator, 100, "asks for cake", |_| true).await.expect("noted");
    assert_eq!((note.number, all.notes(ANA).await), (1, Ok(vec![note.clone()])), "its number is its own");
}

#[test]
fn a_name_that_is_not_known_leaves_no_hole() {
    let reply = Canned { body: "Oi {{name}}, bom dia! {{name}}?".to_owned(), by: Who::Operator, at: 1 };
    assert_eq!(reply.to("Ana"), "Oi Ana, bom dia! Ana?");
    assert_eq!(reply.to(""), "Oi, bom dia!?");
    assert!(Canned::is_whole("{{name}}") && !Canned::is_whole("{{name}} {{order}}"));
}

#[test]
fn who_writes_an_answer_is_seen_for_half_a_minute() {
    let (replying, bia, carla) = (Replying::default(), Who::Person(2), Who::Person(3));
    replying.begin(ANA, bia, 1_000);
    replying.begin(ANA, carla, 2_000);
    assert_eq!(replying.to(ANA, 3_000), [(bia, 1_000 + LASTS), (carla, 2_000 + LASTS)]);
    replying.end(ANA, carla);
    assert_eq!(replying.to(ANA, 1_000 + LASTS), []);
    assert_eq!(replying.to(AccountId([0xb; 16]), 3_000), []);
}

#[test]
fn a_queue_has_what_is_to_be_done_now() {
    let mut it = Conversation::new();
    it.heard(10);
    let views = |it: &Conversation, now| -> Vec<&str> {
        View::ALL
            .into_iter()
            .filter(|view| view.takes(it, it.assigned, Some(2), now))
            .map(View::name)
            .collect()
    };
    assert_eq!(views(&it, 20), ["unassigned", "team", "waiting"]);
    it.assigned = Some(2);
    assert_eq!(views(&it, 20), ["mine", "team", "waiting"]);
    it.change(&Change::Snooze(100)).expect("put off");
    assert_eq!((views(&it, 20), views(&it, 100)), (vec!["snoozed"], vec!["mine", "team", "waiting"]));
    it.change(&Change::Close).expect("closed");
    assert_eq!(views(&it, 20), ["closed"]);
    it.heard(200);
    assert_eq!(views(&it, 201), ["mine", "team", "waiting"]);
}
