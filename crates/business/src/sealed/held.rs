//! What the device holds of a customer, from its records.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use lacre_client::content::{
    Answer, Button, Choice, Content, Field, FileRef, Filled, Form, Menu, Offer, Page, Part,
};
use lacre_client::records::{
    ConversationKind, ConversationState, MessageRecord, MessageState, Position, Records,
};
use lacre_client::search::{self, Query};
use lacre_client::{EngineError, Intent};
use lacre_proto::{AccountId, ConversationId, Millis};
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::heard::{failed, part};
use super::{Sealed, category};
use crate::api::wamid;
use crate::chat::{MessageId, SendError};
use crate::held::{Held, Hit, Hits, Holdings, Person, Place, Tally};

/// Rows that are erased before others are looked for.
const ROWS: usize = 128;

impl<D: Data> Holdings for Sealed<D> {
    fn person(&self, customer: AccountId) -> Result<Option<Person>, SendError> {
        let Some(agreed) = self.agreed_by(customer)? else { return Ok(None) };
        self.read(|records| {
            let handle = records.contact(customer)?.map(|it| it.handle.to_string());
            let name = records.name_of(customer)?.unwrap_or_default();
            Ok(Some(Person { handle, name, blocked: records.is_blocked(customer)?, agreed }))
        })
    }

    fn erase(&self, customer: AccountId, before: Millis) -> BoxFuture<'_, Result<u64, SendError>> {
        Box::pin(self.erase_all(customer, before))
    }

    fn tally(&self, customer: AccountId) -> Result<Tally, SendError> {
        self.read(|records| {
            let mut tally = Tally::default();
            for conversation in conversations(&records, customer)? {
                let mut after = None;
                loop {
                    let some = records.messages_after(conversation, after, ROWS)?;
                    let Some(last) = some.last() else { break };
                    after = Some(last.position);
                    let sent = some.iter().filter(|it| it.state != MessageState::Queued).map(|it| it.sent_ms);
                    tally.count += sent.clone().count() as u64;
                    tally.oldest = tally.oldest.into_iter().chain(sent).min();
                }
            }
            Ok(tally)
        })
    }

    fn oldest(&self, customer: AccountId) -> Result<Option<Millis>, SendError> {
        self.read(|records| {
            let mut oldest = None;
            for conversation in conversations(&records, customer)? {
                let first = records.messages_after(conversation, None, 1)?;
                oldest = oldest.into_iter().chain(first.first().map(|it| it.sent_ms)).min();
            }
            Ok(oldest)
        })
    }

    fn held(&self, customer: AccountId, after: Option<Place>, limit: usize) -> Result<Vec<Held>, SendError> {
        self.read(|records| {
            let all = conversations(&records, customer)?;
            let mut held = Vec::new();
            for (number, id) in (0..).zip(all) {
                let from = match after {
                    Some(after) if after.conversation > number => continue,
                    Some(Place { conversation, anchor, counter }) if conversation == number => {
                        Some(Position { anchor, counter })
                    }
                    _ => None,
                };
                for row in records.messages_after(id, from, limit - held.len())? {
                    held.push(held_of(&records, number, &row)?);
                }
                if held.len() == limit {
                    break;
                }
            }
            Ok(held)
        })
    }

    fn held_before(
        &self,
        customer: AccountId,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Held>, SendError> {
        self.read(|records| {
            let mut all = Vec::new();
            for (number, id) in (0..).zip(conversations(&records, customer)?) {
                let record = records.conversation(id)?;
                let merged = record.is_some_and(|it| matches!(it.state, ConversationState::MergedInto(_)));
                all.push((merged, number, id));
            }
            // What was said before two became one lies behind what is said now.
            all.sort_unstable();
            let from = before.and_then(|it| all.iter().position(|(_, number, _)| *number == it.conversation));
            let mut held = Vec::new();
            for (index, (_, number, id)) in all.into_iter().enumerate().skip(from.unwrap_or(0)) {
                let before = before.filter(|_| from == Some(index));
                let before = before.map(|Place { anchor, counter, .. }| Position { anchor, counter });
                for row in records.messages(id, before, limit - held.len())? {
                    held.push(held_of(&records, number, &row)?);
                }
                if held.len() == limit {
                    break;
                }
            }
            Ok(held)
        })
    }

    fn has(&self, customer: AccountId, message: MessageId) -> Result<bool, SendError> {
        let id = lacre_client::content::MessageId(message.0);
        self.read(|records| {
            for conversation in conversations(&records, customer)? {
                if records.message(conversation, id)?.is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn search(
        &self,
        words: &str,
        with: &dyn Fn(AccountId) -> bool,
        before: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Hits, SendError> {
        let found = self.client.read(|views| {
            let all = views.records().conversations()?.into_iter();
            let direct = all.filter(|it| it.kind == ConversationKind::Direct);
            let peers: BTreeMap<_, _> = direct.filter_map(|it| Some((it.id, it.peer?))).collect();
            let within = |it| peers.get(&it).is_some_and(|peer| with(*peer));
            let before = before.map(search::Place::from_bytes);
            let found = views.search_within(&Query::new(words), &within, before, limit)?;
            let hits = found.hits.into_iter().filter_map(|hit| {
                Some(Hit {
                    customer: *peers.get(&hit.message.conversation)?,
                    id: MessageId(hit.message.id.0),
                    at: hit.message.sent,
                    mine: hit.message.mine,
                    excerpt: hit.excerpt,
                    matches: hit.matches,
                })
            });
            let hits = hits.collect();
            Ok(Hits { hits, next: found.next.map(search::Place::to_bytes), complete: found.complete })
        });
        found.map_err(|error| SendError::Unavailable(error.to_string()))
    }
}

fn held_of(records: &Records<'_>, conversation: u32, row: &MessageRecord) -> Result<Held, EngineError> {
    let Position { anchor, counter } = row.position;
    Ok(Held {
        place: Place { conversation, anchor, counter },
        id: MessageId(row.id.0),
        files: (0..row.content.files().len()).map(|it| part(row.id, it)).collect(),
        told: told(records, row)?,
    })
}

impl<D: Data> Sealed<D> {
    async fn erase_all(&self, customer: AccountId, before: Millis) -> Result<u64, SendError> {
        let mut gone = 0;
        for conversation in self.read(|records| conversations(&records, customer))? {
            let mut after = None;
            loop {
                let some = self.read(|records| records.messages_after(conversation, after, ROWS))?;
                let Some(last) = some.last() else { break };
                after = Some(last.position);
                for row in some.into_iter().filter(|it| it.sent_ms <= before) {
                    if row.state == MessageState::Queued {
                        // What was not sent yet is not to be sent any more; one that has just gone is gone.
                        let _ = self.client.intend(Intent::Cancel(row.id)).await;
                    }
                    match self.intend(Intent::DeleteHere(conversation, row.id)).await {
                        // It vanished meanwhile, or another device took it away.
                        Ok(_) | Err(SendError::NoSuchMessage) => gone += 1,
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(gone)
    }
}

/// The conversations with a customer, in an order that stays, whatever happens in them.
fn conversations(
    records: &Records<'_>,
    customer: AccountId,
) -> Result<BTreeSet<ConversationId>, EngineError> {
    let all = records.conversations()?.into_iter();
    let with = all.filter(|it| it.kind == ConversationKind::Direct && it.peer == Some(customer));
    Ok(with.map(|it| it.id).collect())
}

/// A row in full. What opens a file is not told: it is no data about anybody.
fn told(records: &Records<'_>, row: &MessageRecord) -> Result<Value, EngineError> {
    let id = |id: &lacre_client::content::MessageId| wamid::of(MessageId(id.0));
    let by = |mine: bool| if mine { "business" } else { "customer" };
    let versions = records.versions(row.conversation, row.id)?;
    let versions = versions.iter().map(|it| json!({ "text": it.text, "at_ms": it.time_ms }));
    let reactions = records.reactions(row.conversation, row.id)?;
    let me = records.me()?.map(|it| it.account);
    let reactions = reactions
        .iter()
        .filter(|it| it.emoji.is_some())
        .map(|it| json!({ "by": by(me == Some(it.account)), "emoji": it.emoji }));
    Ok(json!({
        "id": id(&row.id),
        "at_ms": row.sent_ms,
        "from": by(row.mine),
        "state": state(row.state),
        "why": why(row.state),
        "kind": row.content.kind().name,
        "content": content(&row.content),
        "files": row.content.files().into_iter().map(file).collect::<Vec<_>>(),
        "in_reply_to": row.in_reply_to().as_ref().map(id),
        "versions": versions.collect::<Vec<_>>(),
        "reactions": reactions.collect::<Vec<_>>(),
        "edited_ms": row.marks.edited_ms,
        "taken_back": row.marks.deleted_by.is_some(),
        "vanishes_ms": row.marks.vanishes_ms,
        "forwarded": row.marks.manner.forwarded,
    }))
}

fn state(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "queued",
        MessageState::Sent => "sent",
        MessageState::Delivered => "delivered",
        MessageState::Read => "read",
        MessageState::Failed(_) => "failed",
        MessageState::Received => "received",
        _ => "unreadable",
    }
}

/// Why a message was not delivered, in words.
fn why(state: MessageState) -> Option<String> {
    match state {
        MessageState::Failed(why) => Some(failed(why).to_string()),
        _ => None,
    }
}

fn file(file: &FileRef) -> Value {
    json!({ "name": file.name, "mime": file.media_type, "bytes": file.size })
}

/// The words of each kind that people and businesses say to each other.
fn content(content: &Content) -> Value {
    match content {
        Content::Text { text, .. } => json!({ "text": text }),
        Content::Media(media) => json!({ "caption": media.caption, "sticker": media.sticker }),
        Content::Place(place) => json!({
            "latitude": f64::from(place.latitude_e7) / 1e7,
            "longitude": f64::from(place.longitude_e7) / 1e7,
            "label": place.label,
        }),
        Content::Card(card) => json!({ "handle": card.handle.as_str(), "name": card.name }),
        Content::Poll(poll) => json!({ "question": poll.question, "options": poll.options }),
        Content::Timer { seconds } => json!({ "seconds": seconds }),
        Content::Name(name) => json!({ "name": name }),
        Content::Menu(it) => menu(it),
        Content::Chosen { of, choice: it } => {
            json!({ "of": wamid::of(MessageId(of.0)), "chosen": choice(it) })
        }
        Content::Filled { of, filled: it } => {
            json!({ "of": wamid::of(MessageId(of.0)), "filled": filled(it) })
        }
        Content::Consent(receipt) => json!({ "receipt": STANDARD.encode(receipt) }),
        _ => Value::Null,
    }
}

fn choice(it: &Choice) -> Value {
    json!({ "id": it.id, "title": it.title, "description": it.description })
}

fn menu(menu: &Menu) -> Value {
    let button = |button: &Button| match button {
        Button::Reply { id, title } => json!({ "id": id, "title": title }),
        Button::Link { title, url } => json!({ "title": title, "url": url }),
        Button::Phone { title, number } => json!({ "title": title, "number": number }),
        Button::Code { title, code } => json!({ "title": title, "code": code }),
    };
    let (buttons, list) = match &menu.offer {
        Offer::Buttons(all) => (all.iter().map(button).collect::<Vec<_>>(), Value::Null),
        Offer::List { title, sections } => {
            let sections = sections.iter().map(
                |it| json!({ "title": it.title, "rows": it.rows.iter().map(choice).collect::<Vec<_>>() }),
            );
            (Vec::new(), json!({ "title": title, "sections": sections.collect::<Vec<_>>() }))
        }
        Offer::Nothing | Offer::Place | Offer::Form(_) => (Vec::new(), Value::Null),
    };
    let template = menu.template.as_ref().map(
        |it| json!({ "name": it.name, "language": it.language, "category": category(it.category).name() }),
    );
    json!({ "header": menu.header, "body": menu.body, "footer": menu.footer, "buttons": buttons, "list": list,
            "form": menu.form().map(form), "template": template })
}

/// A form as it was asked to be filled in; what it holds for the program alone is the program's own.
fn form(form: &Form) -> Value {
    let field = |it: &Field| {
        let options: Vec<Value> = it.input.options().iter().map(choice).collect();
        json!({ "name": it.name, "label": it.label, "help": it.help, "needed": it.needed, "options": options,
                "start": it.start.as_ref().map(answer) })
    };
    let part = |it: &Part| match it {
        Part::Text(text) => json!({ "text": text }),
        Part::Field(it) => field(it),
    };
    let page =
        |it: &Page| json!({ "title": it.title, "parts": it.parts.iter().map(part).collect::<Vec<_>>() });
    json!({ "id": form.id, "title": form.title, "pages": form.pages.iter().map(page).collect::<Vec<_>>() })
}

fn filled(it: &Filled) -> Value {
    let all = it.answers.iter().map(|(name, it)| json!({ "name": name, "answer": answer(it) }));
    json!({ "id": it.id, "answers": all.collect::<Vec<_>>() })
}

fn answer(it: &Answer) -> Value {
    match it {
        Answer::Text(text) => text.as_str().into(),
        Answer::Chosen(ids) => ids.iter().map(String::as_str).collect(),
        Answer::Yes(yes) => (*yes).into(),
    }
}
