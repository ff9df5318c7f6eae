//! What happens on the device, as events, each told once.

use lacre_client::content::{self, Content};
use lacre_client::journal::Changed;
use lacre_client::records::{
    ConversationKind, ConversationRecord, Failure, MessageRecord, MessageState, Reaction,
    Standing as ConversationStanding,
};
use lacre_client::{EngineError, Intent};
use lacre_proto::{AccountId, ConversationId, ErrorCode};
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use sha2::{Digest, Sha256};

use super::Sealed;
use crate::api::messages::kept;
use crate::chat::{
    Chat, ChatEvent, Choice, ChosenBy, Customer, Incoming, MediaKind, MessageId, Place, Reach, SendError,
};
use crate::store::{StoreError, table};
use crate::{erasing, flows};

/// Entries of the journal read at once.
const ENTRIES: usize = 128;
/// Rows read at once.
const ROWS: usize = 128;

/// Something to be told, under what it is told once by.
type Telling = (Vec<u8>, ChatEvent);

impl<D: Data> Sealed<D> {
    /// Tells the next that has changed, and lets it go from the journal; whether there may be more.
    pub(super) async fn hear_some(&self) -> Result<bool, StoreError> {
        let read = self.client.journal(ENTRIES);
        let entries = read.map_err(|error| unread(SendError::Unavailable(error.to_string())))?;
        let Some(&(last, _)) = entries.last() else { return Ok(false) };
        for (_, changed) in entries {
            match changed {
                Changed::Everything => self.look_through().await?,
                Changed::Message(conversation, message) => self.tell_row(conversation, message).await?,
                Changed::Conversation(conversation) => self.look_through_one(conversation).await?,
                Changed::Consent(customer) => self.tell_consent(customer).await?,
            }
        }
        if let Err(error) = self.client.let_go(last).await {
            // It is told again, which is nothing, when something else has happened.
            tracing::warn!(%error, "what was told stays in the device's journal for a while");
            return Ok(false);
        }
        Ok(true)
    }

    /// Looks through all that the client has.
    async fn look_through(&self) -> Result<(), StoreError> {
        let all = self.read(|records| records.conversations()).map_err(unread)?;
        for record in all {
            if record.kind == ConversationKind::Direct {
                self.look_through_one(record.id).await?;
                if let Some(customer) = record.peer {
                    self.tell_consent(customer).await?;
                }
            }
        }
        Ok(())
    }

    async fn look_through_one(&self, conversation: ConversationId) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let read = self.read(|records| records.messages_after(conversation, after, ROWS));
            let some = read.map_err(unread)?;
            let Some(last) = some.last() else { return Ok(()) };
            after = Some(last.position);
            for row in some {
                self.tell_row(conversation, row.id).await?;
            }
        }
    }

    fn is_said_here(&self, row: &MessageRecord) -> Result<bool, StoreError> {
        let said = self.client.is_said_here(row.id);
        Ok(row.mine && said.map_err(|error| unread(SendError::Unavailable(error.to_string())))?)
    }

    /// Tells what is new of a row.
    async fn tell_row(&self, conversation: ConversationId, id: content::MessageId) -> Result<(), StoreError> {
        let found = self.read(|records| {
            let Some(record) = records.conversation(conversation)? else { return Ok(None) };
            let Some(row) = records.message(conversation, id)? else { return Ok(None) };
            let Some(customer) = customer_of(&records, &record)? else { return Ok(None) };
            let theirs = records.reaction_of(conversation, id, customer.account)?;
            let menu = match &row.content {
                Content::Chosen { of, .. } | Content::Filled { of, .. } => {
                    records.message(conversation, *of)?
                }
                _ => None,
            };
            Ok(Some((record.standing, row, customer, theirs, menu)))
        });
        let Some((standing, row, customer, reaction, menu)) = found.map_err(unread)? else { return Ok(()) };
        let mut all = Vec::new();
        // What another device of the account has sent, that one tells of.
        let is_said_here = row.mine && self.is_said_here(&row)?;
        if is_said_here && kept(&self.store, MessageId(row.id.0)).await?.is_none() {
            // Whoever is saying it is let end first: what is told of it is told under what was given with it.
            drop(self.saying.write().await);
        }
        match row.mine {
            true if !is_said_here => all.extend(elsewhere(&row, &customer)),
            true => all.extend(reached(&row, &customer)),
            false => all.extend(came(&row, &customer, menu.as_ref())),
        }
        if let Some(Reaction { id, emoji, revision, time_ms, .. }) = reaction {
            let by = [b"re".as_slice(), &revision.to_be_bytes()].concat();
            let what = Incoming::Reaction(MessageId(row.id.0), emoji);
            all.push((by, said(&customer, MessageId(id.0), time_ms, what, None)));
        }
        for (by, event) in all {
            self.tell(mark(row.id, &by), &event, Some(row.id)).await?;
        }
        if !row.mine && standing == ConversationStanding::Asked {
            self.take_in(conversation, customer.account).await;
        }
        Ok(())
    }

    /// To a business nobody who writes is a stranger: they hear that it has come, and the business's other nodes come
    /// into the conversation. What is not done now is done with their next message.
    async fn take_in(&self, conversation: ConversationId, customer: AccountId) {
        let accepted = match self.permit(customer).await {
            Ok(()) => self.intend(Intent::Accept(conversation)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = accepted {
            tracing::debug!(%error, "a customer who has written is taken in later");
        }
    }

    async fn tell_consent(&self, customer: AccountId) -> Result<(), StoreError> {
        let standing = self.standing(customer).map_err(unread)?;
        let found = self.read(|records| {
            let Some(me) = records.me()? else { return Ok(None) };
            let Some(consent) = records.consent(me.account, customer)? else { return Ok(None) };
            let handle = records.contact(customer)?.map(|it| it.handle.to_string());
            let name = records.name_of(customer)?.or(handle).unwrap_or_default();
            Ok(Some((consent, Customer { account: customer, name })))
        });
        let Some((consent, from)) = found.map_err(unread)? else { return Ok(()) };
        if erasing::is_erased(&self.store, customer, consent.granted_ms).await? {
            return Ok(());
        }
        let at = Key::new(table::TAKEN, &[b"consent", customer.as_ref(), &consent.revision.to_be_bytes()]);
        self.tell(at, &ChatEvent::Consent { from, at: consent.granted_ms, standing }, None).await
    }

    /// Appends an event that was not told yet. Under an id of its own it is still of a row.
    async fn tell(
        &self,
        once: Key,
        event: &ChatEvent,
        row: Option<content::MessageId>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new().assert(once.clone(), Expected::Absent).put(once, Vec::new());
        if let (ChatEvent::Message { id, .. }, Some(row)) = (event, row)
            && id.0 != row.0
        {
            batch = batch.put(alias(*id), row.0.to_vec());
        }
        match self.told.append(batch, event).await {
            Err(StoreError::Write(WriteError::Conflict(_))) => Ok(()),
            other => other,
        }
    }
}

/// Of which row something is that has an id of its own.
pub(super) fn alias(of: MessageId) -> Key {
    Key::new(table::TAKEN, &[b"alias", &of.0])
}

fn mark(row: content::MessageId, what: &[u8]) -> Key {
    Key::new(table::TAKEN, &[b"row", &row.0, what])
}

pub(super) fn unread(error: SendError) -> StoreError {
    tracing::warn!(%error, "the device's records cannot be read");
    StoreError::Corrupt("a record of the device")
}

fn customer_of(
    records: &lacre_client::records::Records<'_>,
    record: &ConversationRecord,
) -> Result<Option<Customer>, EngineError> {
    let (ConversationKind::Direct, Some(account)) = (record.kind, record.peer) else { return Ok(None) };
    let handle = record.handle.as_ref().map(ToString::to_string);
    let name = records.name_of(account)?.or(handle).unwrap_or_default();
    Ok(Some(Customer { account, name }))
}

fn said(from: &Customer, id: MessageId, at: u64, what: Incoming, row: Option<&MessageRecord>) -> ChatEvent {
    let in_reply_to = row.and_then(MessageRecord::in_reply_to).map(|id| MessageId(id.0));
    let forwarded =
        row.map(|row| row.marks.manner.forwarded).filter(|count| *count > 0).map(|count| count > 5);
    ChatEvent::Message { from: from.clone(), id, at, what, in_reply_to, forwarded }
}

/// What another device of the account has said, once it is sent.
fn elsewhere(row: &MessageRecord, to: &Customer) -> Option<Telling> {
    let is_sent = matches!(row.state, MessageState::Sent | MessageState::Delivered | MessageState::Read);
    is_sent.then(|| (b"el".to_vec(), ChatEvent::Elsewhere { to: to.clone(), at: row.sent_ms }))
}

/// How far one's own message has come: each step, in their order.
fn reached(row: &MessageRecord, to: &Customer) -> Vec<Telling> {
    let id = MessageId(row.id.0);
    let step = |number: &[u8; 2], reach, at| {
        let event = ChatEvent::Reached { to: to.clone(), id, at, reach };
        (number.to_vec(), event)
    };
    // Who has seen it has it; the receipt for that may be missing.
    let read = row.marks.read_ms.unwrap_or(row.sent_ms);
    let delivered = row.marks.delivered_ms.unwrap_or(read);
    let steps = [
        step(b"r0", Reach::Sent, row.sent_ms),
        step(b"r1", Reach::Delivered, delivered),
        step(b"r2", Reach::Read, read),
    ];
    let far = match row.state {
        MessageState::Sent => 1,
        MessageState::Delivered => 2,
        MessageState::Read => 3,
        MessageState::Failed(why) => {
            let at = row.marks.ended_ms.unwrap_or(row.sent_ms);
            let event = ChatEvent::Failed { to: to.clone(), id, at, why: failed(why) };
            return vec![(b"rf".to_vec(), event)];
        }
        _ => 0,
    };
    steps.into_iter().take(far).collect()
}

pub(super) fn failed(why: Failure) -> SendError {
    match why {
        Failure::NoSuchAccount | Failure::NotAMember | Failure::Yourself => SendError::NoSuchAccount,
        Failure::IdentityChanged | Failure::FalseIdentity => SendError::IdentityChanged,
        Failure::Blocked => SendError::Blocked,
        Failure::FileGone => SendError::File("it is not on this node any more".to_owned()),
        Failure::Relay(number) => match ErrorCode::from_number(number) {
            ErrorCode::ConsentNeeded => SendError::NoConsent,
            ErrorCode::MarketingCap => SendError::MarketingCap,
            ErrorCode::MarketingPaused => SendError::MarketingPaused,
            ErrorCode::MessagingLimit => SendError::MessagingLimit,
            ErrorCode::BusinessSuspended => SendError::Suspended,
            code => SendError::Unavailable(code.sentence().to_owned()),
        },
        other => SendError::Unavailable(other.to_string()),
    }
}

/// What a customer's row says, and what has become of it since.
fn came(row: &MessageRecord, from: &Customer, menu: Option<&MessageRecord>) -> Vec<Telling> {
    if row.change.is_some()
        || row.state != MessageState::Received
        || matches!(row.content, Content::Consent(_))
    {
        return Vec::new();
    }
    let id = MessageId(row.id.0);
    if row.marks.deleted_by.is_some() {
        let at = row.marks.ended_ms.unwrap_or(row.sent_ms);
        let event = said(from, derived(row.id, b"delete"), at, Incoming::Delete(id), None);
        return vec![(b"de".to_vec(), event)];
    }
    let mut all = vec![(b"in".to_vec(), said(from, id, row.sent_ms, what_of(row, menu), Some(row)))];
    if let Content::Media(media) = &row.content {
        // The API has one file a message: each of an album is one.
        for (index, (file, _)) in media.files.iter().enumerate().skip(1) {
            let by = [b"in".as_slice(), &[index as u8]].concat();
            let what = file_of(file, kind_of(&file.media_type), String::new(), index as u32);
            all.push((by, said(from, part(row.id, index), row.sent_ms, what, None)));
        }
    }
    if let (Some(edited), Content::Text { text, .. }) = (row.marks.edited_ms, &row.content) {
        let by = [b"ed".as_slice(), &edited.to_be_bytes()].concat();
        let what = Incoming::Edit(id, text.clone());
        all.push((by.clone(), said(from, derived(row.id, &by), edited, what, None)));
    }
    all
}

/// What a file of a message is known by: the first by the message, each other as a message of its own.
pub(super) fn part(of: content::MessageId, index: usize) -> MessageId {
    match index {
        0 => MessageId(of.0),
        _ => derived(of, &[b"in".as_slice(), &[index as u8]].concat()),
    }
}

/// The id of something that was said about a message, and has no row.
fn derived(of: content::MessageId, what: &[u8]) -> MessageId {
    let hash = Sha256::digest([&of.0, what].concat());
    MessageId(std::array::from_fn(|at| hash[at]))
}

fn what_of(row: &MessageRecord, menu: Option<&MessageRecord>) -> Incoming {
    match &row.content {
        Content::Text { text, .. } => Incoming::Text(text.clone()),
        Content::Place(place) => Incoming::Place(Place {
            latitude: f64::from(place.latitude_e7) / 1e7,
            longitude: f64::from(place.longitude_e7) / 1e7,
            name: place.label.clone(),
            address: String::new(),
        }),
        Content::Card(card) => Incoming::Contact(card.handle.clone(), card.name.clone()),
        Content::Chosen { of, choice } => {
            let by = match menu.map(|menu| &menu.content) {
                Some(Content::Menu(menu)) if menu.template.is_some() => ChosenBy::TemplateButton,
                Some(Content::Menu(content::Menu { offer: content::Offer::List { .. }, .. })) => {
                    ChosenBy::Row
                }
                _ => ChosenBy::Button,
            };
            let (id, title) = (choice.id.clone(), choice.title.clone());
            let choice = Choice { id, title, description: choice.description.clone() };
            Incoming::Chosen(MessageId(of.0), choice, by)
        }
        Content::Filled { of, filled } => {
            let response = match menu {
                None => flows::response(None, filled),
                Some(row) if row.marks.deleted_by.is_some() => flows::response(None, filled),
                Some(row) => form_of(row).and_then(|form| flows::response(Some(form), filled)),
            };
            // What are no answers to what was asked, no program is told as such.
            response.map_or(Incoming::Other, |it| Incoming::Filled(MessageId(of.0), it))
        }
        Content::Media(media) => match media.files.first() {
            Some((file, _)) if media.sticker => file_of(file, MediaKind::Sticker, String::new(), 0),
            Some((file, _)) => file_of(file, kind_of(&file.media_type), media.caption.clone(), 0),
            None => Incoming::Other,
        },
        Content::Voice(voice) => file_of(&voice.file, MediaKind::Voice, String::new(), 0),
        _ => Incoming::Other,
    }
}

/// The form that the business has sent in a row.
fn form_of(row: &MessageRecord) -> Option<&content::Form> {
    match &row.content {
        Content::Menu(menu) if row.mine => menu.form(),
        _ => None,
    }
}

fn file_of(file: &content::FileRef, kind: MediaKind, caption: String, index: u32) -> Incoming {
    Incoming::Media {
        kind,
        mime: file.media_type.clone(),
        sha256: file.hash,
        size: file.size,
        name: (!file.name.is_empty()).then(|| file.name.clone()),
        caption,
        index,
    }
}

fn kind_of(mime: &str) -> MediaKind {
    match mime.split_once('/').map_or(mime, |(family, _)| family) {
        "image" => MediaKind::Image,
        "video" => MediaKind::Video,
        "audio" => MediaKind::Audio,
        _ => MediaKind::Document,
    }
}

#[cfg(test)]
mod tests {
    use lacre_client::records::{Marks, Position};

    use super::*;

    /// One's own message that has come so far.
    fn row(state: MessageState, marks: Marks) -> MessageRecord {
        MessageRecord {
            id: content::MessageId([1; 16]),
            conversation: ConversationId([2; 16]),
            position: Position { anchor: 1, counter: 0 },
            author: AccountId([3; 16]),
            author_handle: "bakery".parse().expect("a handle"),
            mine: true,
            sent_ms: 1_000,
            content: Content::Text { text: "at five".to_owned() },
            change: None,
            state,
            late: false,
            seen: true,
            mimi: None,
            marks,
        }
    }

    #[test]
    fn each_step_is_told_at_its_own_time() {
        let ana = Customer { account: AccountId([4; 16]), name: "Ana".to_owned() };
        let times = |state, marks| {
            let time = |(_, event): &Telling| match event {
                ChatEvent::Reached { at, .. } | ChatEvent::Failed { at, .. } => *at,
                _ => panic!("it is about a message of the business's"),
            };
            reached(&row(state, marks), &ana).iter().map(time).collect::<Vec<_>>()
        };
        let marks = Marks { delivered_ms: Some(2_000), read_ms: Some(3_000), ..Marks::default() };
        assert_eq!(times(MessageState::Read, marks.clone()), [1_000, 2_000, 3_000]);
        assert_eq!(times(MessageState::Delivered, marks), [1_000, 2_000]);
        let unseen = Marks { read_ms: Some(3_000), ..Marks::default() };
        assert_eq!(times(MessageState::Read, unseen), [1_000, 3_000, 3_000], "who has seen it has it");
        let ended = Marks { ended_ms: Some(9_000), ..Marks::default() };
        assert_eq!(times(MessageState::Failed(Failure::Blocked), ended), [9_000]);
    }

    #[test]
    fn what_is_filled_in_is_told_only_when_it_answers_what_the_business_asked() {
        let options =
            vec![content::Choice { id: "rye".into(), title: "Rye".into(), description: String::new() }];
        let field = content::Field {
            name: "bread".to_owned(),
            label: "Bread".to_owned(),
            help: String::new(),
            needed: true,
            input: content::Input::One(options),
            start: None,
        };
        let page = content::Page { title: String::new(), parts: vec![content::Part::Field(field)] };
        let form = content::Form {
            id: "t-1".to_owned(),
            title: "Order".to_owned(),
            reply: r#"{"wanted":{"field":"bread"}}"#.to_owned(),
            pages: vec![page],
        };
        let menu = |offer| content::Menu {
            header: String::new(),
            body: "What shall it be?".to_owned(),
            footer: String::new(),
            offer,
            template: None,
            above: None,
        };
        let said =
            |content, mine| MessageRecord { content, mine, ..row(MessageState::Received, Marks::default()) };
        let asked = said(Content::Menu(menu(content::Offer::Form(form))), true);
        let of = asked.id;
        let filled = |id: &str| {
            let answers = vec![("bread".to_owned(), content::Answer::Chosen(vec![id.to_owned()]))];
            said(Content::Filled { of, filled: content::Filled { id: "t-1".to_owned(), answers } }, false)
        };
        let told = |filled: &MessageRecord, menu: Option<&MessageRecord>| match what_of(filled, menu) {
            Incoming::Filled(card, response) if card.0 == of.0 => Some(response),
            Incoming::Other => None,
            _ => panic!("it is told as something else"),
        };
        let answer = |it: &str| Some(it.to_owned());
        assert_eq!(told(&filled("rye"), Some(&asked)), answer(r#"{"flow_token":"t-1","wanted":"rye"}"#));
        assert_eq!(told(&filled("oats"), Some(&asked)), None);
        let plain = answer(r#"{"bread":["rye"],"flow_token":"t-1"}"#);
        assert_eq!(told(&filled("rye"), None), plain, "by its own names, once the message is gone");
        let gone = Marks { deleted_by: Some(asked.author), ..Marks::default() };
        assert_eq!(told(&filled("rye"), Some(&MessageRecord { marks: gone, ..asked.clone() })), plain);
        let theirs = MessageRecord { mine: false, ..asked.clone() };
        let nothing = said(Content::Menu(menu(content::Offer::Nothing)), true);
        for none in [theirs, nothing] {
            assert_eq!(told(&filled("rye"), Some(&none)), None);
        }
    }

    #[test]
    fn r22_what_the_relay_refuses_a_business_is_told_by_its_own_name() {
        let why = |code: ErrorCode| failed(Failure::Relay(code.number()));
        assert_eq!(why(ErrorCode::ConsentNeeded), SendError::NoConsent);
        assert_eq!(why(ErrorCode::MarketingCap), SendError::MarketingCap);
        assert_eq!(why(ErrorCode::MarketingPaused), SendError::MarketingPaused);
        assert_eq!(why(ErrorCode::MessagingLimit), SendError::MessagingLimit);
        assert_eq!(why(ErrorCode::BusinessSuspended), SendError::Suspended);
        assert!(matches!(why(ErrorCode::Internal), SendError::Unavailable(_)));
    }
}
