//! Messages and files as JSON, for scripts.

use lacre_client::content::{self, Button, Fact, Menu, Offer, Section};
use lacre_client::files::Transfer;
use lacre_client::view::{Body, Choice, File, Message, Reaction};
use lacre_proto::Handle;
use serde_json::{Value, json};

mod form;

use super::{degrees, reason, rfc3339};

/// A message as `read --json` and `send --json` print it.
pub fn message_json(message: &Message, with: &str) -> Value {
    let text = match &message.body {
        Body::Text(text) => Some(text.as_str()),
        _ => None,
    };
    let marks = &message.marks;
    let reaction = |reaction: &Reaction| {
        json!({
            "emoji": reaction.emoji,
            "who": handles(&reaction.who),
            "mine": reaction.mine,
        })
    };
    json!({
        "id": message.id.to_string(),
        "conversation": message.conversation.to_string(),
        "with": with,
        "from": message.from.as_str(),
        "mine": message.mine,
        "sent_at": rfc3339(message.sent),
        "kind": kind(&message.body),
        "text": text,
        "content": content_json(&message.body),
        "state": message.state.map_or("received", |state| state.name()),
        "reason": reason(message),
        "reply_to": message.reply.as_ref().map(|quote| quote.id.to_string()),
        "late": message.late,
        "seen": message.mine || message.seen,
        "reactions": marks.reactions.iter().map(reaction).collect::<Vec<_>>(),
        "edited_at": marks.edited.map(rfc3339),
        "forwarded": marks.forwarded,
        "pinned_by": marks.pinned_by.as_ref().map(Handle::as_str),
        "starred": marks.starred,
        "transferred": marks.transferred,
        "vanishes_after": marks.timer,
        "vanishes_at": marks.vanishes.map(rfc3339),
        "given_by": marks.given_by.as_ref().map(Handle::as_str),
        "mentions_me": marks.mentions_me,
    })
}

fn kind(body: &Body) -> &'static str {
    match body {
        Body::Text(_) => "text",
        Body::Poll(_) => "poll",
        Body::Place(_) => "location",
        Body::Card(_) => "contact",
        Body::Timer(_) => "timer",
        Body::Fact(_) => "fact",
        Body::Menu { .. } => "menu",
        Body::Chosen(_) => "choice",
        Body::Filled { .. } => "filled",
        Body::Consent(..) => "consent",
        Body::Asks { .. } => "ask-to-join",
        Body::Files { .. } => "media",
        Body::Voice { .. } => "voice",
        Body::Told(_) => "change",
        Body::Once { .. } => "view-once",
        Body::Deleted { .. } => "deleted",
        Body::Unknown => "unknown",
        Body::Unreadable(_) => "unreadable",
        Body::Gap(_) => "gap",
        Body::Blocked => "blocked",
    }
}

/// What the kinds beside text hold.
fn content_json(body: &Body) -> Value {
    match body {
        Body::Poll(poll) => {
            let option = |choice: &Choice| {
                json!({
                    "text": choice.text,
                    "votes": choice.who.len(),
                    "who": handles(&choice.who),
                    "mine": choice.mine,
                })
            };
            json!({
                "question": poll.question,
                "options": poll.options.iter().map(option).collect::<Vec<_>>(),
                "multiple": poll.multiple,
                "voters": poll.voters,
                "closed_at": poll.closed.map(rfc3339),
            })
        }
        Body::Place(place) => json!({
            "latitude": degrees(place.latitude_e7),
            "longitude": degrees(place.longitude_e7),
            "label": place.label,
        }),
        Body::Card(card) => json!({
            "handle": card.handle.as_str(),
            "account": card.account.to_string(),
            "name": card.name,
        }),
        Body::Timer(seconds) => json!({ "seconds": seconds }),
        Body::Fact(fact) => match fact {
            Fact::Name(name) => json!({ "name": name }),
            Fact::Description(text) => json!({ "description": text }),
            Fact::Picture(image) => json!({ "picture_bytes": image.len() }),
            Fact::Label(label) => json!({ "label": label }),
            Fact::Link(link) => json!({ "link": link.is_some() }),
        },
        Body::Menu { menu, above } => menu_json(menu, above.as_deref()),
        Body::Chosen(choice) => choice_json(choice),
        Body::Filled { filled, form } => form::filled_json(filled, form.as_ref()),
        Body::Consent(categories, until) => json!({
            "categories": categories.iter().map(|it| it.name()).collect::<Vec<_>>(),
            "until": (!categories.is_empty()).then(|| rfc3339(*until)),
        }),
        Body::Asks { group, name, state } => json!({
            "group": group.to_string(),
            "name": name,
            "state": state.name(),
        }),
        Body::Files { files, caption, sticker } => json!({
            "caption": caption,
            "sticker": sticker,
            "files": files.iter().map(file_json).collect::<Vec<_>>(),
        }),
        Body::Voice { file, waveform } => json!({
            "files": [file_json(file)],
            "duration_ms": file.preview.duration_ms,
            "waveform": waveform,
        }),
        Body::Once { looked } => json!({ "looked": looked }),
        Body::Deleted { by } => json!({ "by": by.as_str() }),
        Body::Text(_)
        | Body::Told(_)
        | Body::Unknown
        | Body::Unreadable(_)
        | Body::Gap(_)
        | Body::Blocked => Value::Null,
    }
}

fn choice_json(choice: &content::Choice) -> Value {
    json!({ "id": choice.id, "title": choice.title, "description": choice.description })
}

fn menu_json(menu: &Menu, above: Option<&File>) -> Value {
    let button = |button: &Button| match button {
        Button::Reply { id, title } => json!({ "kind": "reply", "id": id, "title": title }),
        Button::Link { title, url } => json!({ "kind": "link", "title": title, "url": url }),
        Button::Phone { title, number } => json!({ "kind": "phone", "title": title, "number": number }),
        Button::Code { title, code } => json!({ "kind": "code", "title": title, "code": code }),
    };
    let section = |section: &Section| {
        let rows: Vec<_> = section.rows.iter().map(choice_json).collect();
        json!({ "title": section.title, "rows": rows })
    };
    let (offer, buttons, list) = match &menu.offer {
        Offer::Nothing => ("none", Value::Null, Value::Null),
        Offer::Buttons(all) => ("buttons", all.iter().map(button).collect(), Value::Null),
        Offer::List { title, sections } => {
            let sections: Vec<_> = sections.iter().map(section).collect();
            ("list", Value::Null, json!({ "title": title, "sections": sections }))
        }
        Offer::Place => ("place", Value::Null, Value::Null),
        Offer::Form(_) => ("form", Value::Null, Value::Null),
    };
    let template = menu
        .template
        .as_ref()
        .map(|it| json!({ "name": it.name, "language": it.language, "category": it.category.name() }));
    json!({
        "files": above.iter().map(|file| file_json(file)).collect::<Vec<_>>(),
        "header": menu.header,
        "body": menu.body,
        "footer": menu.footer,
        "offer": offer,
        "buttons": buttons,
        "list": list,
        "form": menu.form().map(form::form_json),
        "template": template,
    })
}

/// A file as its sender describes it; its name is as it came, and must be made safe before it is used.
pub fn file_json(file: &File) -> Value {
    let preview = &file.preview;
    json!({
        "index": file.id.index,
        "name": file.file.name,
        "type": file.file.media_type,
        "size": file.file.size,
        "width": preview.width,
        "height": preview.height,
        "duration_ms": preview.duration_ms,
        "thumbnail_bytes": preview.thumbnail.len(),
        "transfer": transfer(file.transfer),
    })
}

/// Where a file stands, as it stands in JSON.
fn transfer(transfer: Transfer) -> Value {
    match transfer {
        Transfer::None => json!("none"),
        Transfer::Sending => json!("sending"),
        Transfer::Fetching => json!("fetching"),
        Transfer::NotFetched(why) => json!({ "failed": why.to_string() }),
    }
}

fn handles(handles: &[Handle]) -> Vec<&str> {
    handles.iter().map(Handle::as_str).collect()
}
