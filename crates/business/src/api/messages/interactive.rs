//! Messages with something to do: buttons, a list, a link, asking for a place, a form to be filled in.

use std::collections::BTreeSet;

use url::Url;

use super::super::error::ApiError;
use super::super::reader::At;
use super::content::Draft;
use super::{flow, media};
use crate::chat::{Button, Card, Choice, Header, MediaKind, Offer, Outgoing, Section};
use crate::node::{Node, Ports};

const BODY_MAX: usize = 1_024;
const LIST_BODY_MAX: usize = 4_096;
const ROWS_MAX: usize = 10;

pub(super) async fn read<'a, P: Ports>(node: &Node<P>, at: &At<'a>) -> Result<Draft<'a>, ApiError> {
    let kind = at.need("type")?;
    let name = kind.text(1, 60)?.to_ascii_lowercase();
    let action = || at.need("action");
    let offer = match name.as_str() {
        "button" => Offer::Buttons(buttons(&action()?)?),
        "list" => list(&action()?)?,
        "cta_url" => Offer::Buttons(vec![link(&action()?)?]),
        "location_request_message" => {
            named(&action()?, "send_location")?;
            Offer::Place
        }
        "flow" => {
            let action = action()?;
            named(&action, "flow")?;
            Offer::Form(flow::form(node, &action.need("parameters")?).await?)
        }
        _ => {
            return Err(
                kind.bad("is not supported: use button, list, cta_url, location_request_message or flow")
            );
        }
    };
    let body = at.need("body")?.need("text")?;
    let body = body.text(1, if name == "list" { LIST_BODY_MAX } else { BODY_MAX })?;
    let footer = match at.maybe("footer")? {
        Some(footer) => footer.maybe_text("text", 60)?,
        None => "",
    };
    let mut card =
        Card { header: None, body: body.to_owned(), footer: footer.to_owned(), offer, template: None };
    let Some(header) = at.maybe("header")? else { return Ok(Draft::ready(Outgoing::Card(card))) };
    let kind = header.need("type")?;
    if name == "location_request_message" {
        return Err(header.bad("cannot be in a location request"));
    }
    let (media_kind, object) = match kind.text(1, 20)?.to_ascii_lowercase().as_str() {
        "text" => {
            card.header = Some(Header::Text(header.need_text("text", 60)?.to_owned()));
            return Ok(Draft::ready(Outgoing::Card(card)));
        }
        _ if name == "list" => return Err(kind.bad("must be text in a list")),
        "image" => (MediaKind::Image, header.need("image")?),
        "video" => (MediaKind::Video, header.need("video")?),
        "document" => (MediaKind::Document, header.need("document")?),
        _ => return Err(kind.bad("must be text, image, video or document")),
    };
    media::check(&object)?;
    Ok(Draft::Card(Box::new(card), media_kind, object))
}

fn buttons(action: &At<'_>) -> Result<Vec<Button>, ApiError> {
    let mut seen = Seen::default();
    let button = |button: &At<'_>| {
        let kind = button.need("type")?;
        if kind.value() != "reply" {
            return Err(kind.bad("must be \"reply\""));
        }
        let reply = button.need("reply")?;
        let choice = Choice {
            id: reply.need_text("id", 256)?.to_owned(),
            title: reply.need_text("title", 20)?.to_owned(),
            description: String::new(),
        };
        seen.both(&reply, &choice)?;
        Ok(Button::Reply(choice))
    };
    action.need("buttons")?.items(1, 3)?.iter().map(button).collect()
}

fn list(action: &At<'_>) -> Result<Offer, ApiError> {
    let title = action.need_text("button", 20)?;
    let at = action.need("sections")?;
    let items = at.items(1, 10)?;
    let mut seen = Seen::default();
    let mut sections = Vec::new();
    for section in &items {
        let title = match items.len() {
            1 => section.maybe_text("title", 24)?,
            _ => section.need_text("title", 24)?,
        };
        let mut rows = Vec::new();
        for row in section.need("rows")?.items(1, ROWS_MAX)? {
            let choice = Choice {
                id: row.need_text("id", 200)?.to_owned(),
                title: row.need_text("title", 24)?.to_owned(),
                description: row.maybe_text("description", 72)?.to_owned(),
            };
            seen.id(&row, &choice)?;
            rows.push(choice);
        }
        sections.push(Section { title: title.to_owned(), rows });
    }
    let count: usize = sections.iter().map(|it| it.rows.len()).sum();
    if count > ROWS_MAX {
        return Err(at.bad(format_args!("must have at most {ROWS_MAX} rows in all, and has {count}")));
    }
    Ok(Offer::List(title.to_owned(), sections))
}

fn link(action: &At<'_>) -> Result<Button, ApiError> {
    named(action, "cta_url")?;
    let parameters = action.need("parameters")?;
    let title = parameters.need_text("display_text", 20)?;
    let at = parameters.need("url")?;
    match Url::parse(at.text(1, 2_000)?) {
        Ok(url) if matches!(url.scheme(), "https" | "http") => Ok(Button::Link(title.to_owned(), url)),
        _ => Err(at.bad("must be an HTTP or HTTPS URL")),
    }
}

fn named(action: &At<'_>, name: &str) -> Result<(), ApiError> {
    let at = action.need("name")?;
    if at.value() == name { Ok(()) } else { Err(at.bad(format_args!("must be {name}"))) }
}

/// Ids, and titles of buttons, come once.
#[derive(Default)]
struct Seen {
    ids: BTreeSet<String>,
    titles: BTreeSet<String>,
}

impl Seen {
    fn id(&mut self, at: &At<'_>, choice: &Choice) -> Result<(), ApiError> {
        if self.ids.insert(choice.id.clone()) { Ok(()) } else { Err(at.need("id")?.bad("comes twice")) }
    }

    fn both(&mut self, at: &At<'_>, choice: &Choice) -> Result<(), ApiError> {
        self.id(at, choice)?;
        if self.titles.insert(choice.title.clone()) {
            Ok(())
        } else {
            Err(at.need("title")?.bad("comes twice"))
        }
    }
}
