//! The whole loop over a client of plain data: keys in, orders out, the screen drawn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::*;
use crate::chat::group::Group;
use crate::chat::open::Target;
use crate::chat::panel::{Shown, What};
use crate::chat::questions::Order;
use crate::chat::run::{Around, Messenger, talk};
use crate::chat::search::Found;

/// A client that keeps everything in its hands.
#[derive(Clone, Default)]
struct Hands {
    orders: Arc<Mutex<Vec<Command>>>,
    /// Files that were sent.
    sent: Arc<Mutex<Vec<String>>>,
}

impl Messenger for Hands {
    fn me(&self) -> Result<Me, String> {
        Ok(Me { handle: "ana".to_owned() })
    }

    fn conversations(&self) -> Result<Vec<Conversation>, String> {
        Ok(vec![conversation(BRUNO, "bruno", 0)])
    }

    fn messages(&self, _: ConversationId, _: usize) -> Result<(Vec<Message>, bool), String> {
        Ok((talk_of_two(), false))
    }

    fn around(&self, _: ConversationId, _: MessageId) -> Result<Option<Around>, String> {
        Ok(Some((talk_of_two(), [false, false])))
    }

    fn panel(&self, _: What) -> Result<Shown, String> {
        Ok(Shown::default())
    }

    fn name(&self) -> Result<String, String> {
        Ok(String::new())
    }

    fn search(&self, text: &str, _: Option<ConversationId>) -> Result<Found, String> {
        let hits = if text == "olá" { vec![found_hit(2)] } else { Vec::new() };
        Ok(Found { hits, more: false, complete: true })
    }

    fn group(&self, _: ConversationId) -> Result<Group, String> {
        Err("there is no group".to_owned())
    }

    fn draft(&self, _: ConversationId) -> Result<Option<String>, String> {
        Ok(Some("dear ".to_owned()))
    }

    async fn work(&self, command: Command) -> Option<Msg> {
        self.orders.lock().unwrap().push(command.clone());
        match command {
            Command::Send(attempt, ..) => Some(Msg::Queued(attempt, BRUNO)),
            Command::Slowly(attempt, Order::SendFile(_, path, _)) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                self.sent.lock().unwrap().push(path);
                Some(Msg::Ended(attempt, Ok("It is sealed.".to_owned())))
            }
            _ => None,
        }
    }
}

fn talk_of_two() -> Vec<Message> {
    let mut rows = super::talk();
    rows.push(unseen(4, "Are you there?"));
    rows
}

async fn after(hands: &Hands, keys: Vec<Msg>) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(100, 24)).unwrap();
    let keys = stream::iter(keys);
    let happenings = stream::iter([Msg::Connection(Connection::Online)]).chain(stream::pending());
    talk(&mut terminal, Theme::new(true), hands.clone(), keys, Box::pin(happenings)).await.unwrap();
    terminal
}

#[tokio::test]
async fn a_text_goes_from_the_keys_to_the_client_before_the_chat_ends() {
    let hands = Hands::default();
    let keys = [Key::Enter, Key::Char('B'), Key::Enter].map(Msg::Key);
    after(&hands, keys.to_vec()).await;
    let mut orders = hands.orders.lock().unwrap().clone();
    orders.retain(|order| !matches!(order, Command::Typing(..)));
    assert_eq!(
        orders[..2],
        [
            Command::MarkRead(BRUNO, MessageId([4; 16])),
            Command::Send(1, Target::Existing(BRUNO), "dear B".to_owned(), None),
        ]
    );
}

#[tokio::test]
async fn a_terminal_that_closes_leaves_the_text_kept() {
    let hands = Hands::default();
    let screen = after(&hands, vec![Msg::Key(Key::Enter), Msg::Key(Key::Char('A'))]).await;
    assert!(hands.orders.lock().unwrap().contains(&Command::KeepDraft(BRUNO, "dear A".to_owned())));
    let drawn = format!("{:?}", screen.backend().buffer());
    assert!(drawn.contains("Are you there?"), "{drawn}");
}

#[tokio::test]
async fn a_client_that_stops_does_not_take_the_chat_with_it() {
    let hands = Hands::default();
    let mut terminal = Terminal::new(TestBackend::new(100, 24)).unwrap();
    // Such a stream panics when it is asked again after its end.
    let happenings =
        stream::unfold(
            true,
            |more| async move { more.then_some((Msg::Connection(Connection::Closed), false)) },
        );
    let keys = stream::iter([Key::Enter, Key::Char('A'), Key::Char('B')].map(Msg::Key));
    talk(&mut terminal, Theme::new(true), hands.clone(), keys, Box::pin(happenings)).await.unwrap();
    assert!(hands.orders.lock().unwrap().contains(&Command::KeepDraft(BRUNO, "dear AB".to_owned())));
}

#[tokio::test]
async fn a_search_leads_to_the_message() {
    let hands = Hands::default();
    let mut keys = vec![Msg::Key(Key::Search)];
    keys.extend("olá".chars().map(|c| Msg::Key(Key::Char(c))));
    keys.extend([Key::Enter, Key::Char('r')].map(Msg::Key));
    let terminal = after(&hands, keys).await;
    let screen: String = terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect();
    assert!(screen.contains("Reply to yourself: Olá Bruno, tudo bem?"), "{screen}");
}

#[tokio::test]
async fn a_file_that_is_being_sealed_is_sent_before_the_chat_ends() {
    let hands = Hands::default();
    let mut keys = vec![Msg::Key(Key::Enter), Msg::Key(Key::More), Msg::Key(Key::Char('f'))];
    keys.push(Msg::Paste("photo.jpg".to_owned()));
    keys.extend([Key::Enter, Key::Quit].map(Msg::Key));
    after(&hands, keys).await;
    assert_eq!(*hands.sent.lock().unwrap(), ["photo.jpg"]);
}
