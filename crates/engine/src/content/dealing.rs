//! What businesses and their customers say to each other: cards with something to choose, what was chosen, and
//! consent.
//!
//! | media type | CBOR |
//! | --- | --- |
//! | `application/vnd.lacre.menu+cbor` | `[header, body, footer, offer, template or null]`; a file above it stands before it, as in `media` |
//! | an offer | `[0]` nothing; `[1, buttons]`; `[2, title, sections]`; `[3]` "tell where you are"; `[4, …]` a form ([`filling`]) |
//! | a button | `[0, id, title]` answers; `[1, title, url]`; `[2, title, phone number]`; `[3, title, code]` |
//! | a section | `[title, [[id, title, description] …]]` |
//! | a template | `[name, language, category]`: 1 service, 2 marketing, 3 authentication |
//! | `application/vnd.lacre.choice+cbor` | `[id, title, description]`, in reply to the menu |
//! | `application/vnd.lacre.consent+cbor` | bytes: a signed `ConsentGrant` of `lacre.proto` |

use ciborium::Value;
use lacre_proto::{Millis, wire};
use prost::Message;
use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError, Fields};
use super::filling::{self, Form};
use super::media::{FileRef, Preview};
use super::said::{BadContent, OpenError};

/// Longest body of a menu, in bytes.
pub const BODY: usize = 16 * 1024;
/// Longest header, footer, title, id, description and link, in bytes.
pub const LINE: usize = 1024;
/// Most buttons, and most rows of a list.
pub const CHOICES: usize = 10;
/// Largest consent receipt, in bytes.
pub const GRANT: usize = 2048;

/// What a customer may be written to for; each is consented to by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Category {
    /// A customer's own affairs.
    Service,
    /// Offers.
    Marketing,
    /// Codes to sign in with.
    Authentication,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Service, Self::Marketing, Self::Authentication];

    /// Its number on the wire.
    pub fn number(self) -> i32 {
        match self {
            Self::Service => 1,
            Self::Marketing => 2,
            Self::Authentication => 3,
        }
    }

    /// The category of a number.
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.number() == number)
    }

    /// Its stable name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Marketing => "marketing",
            Self::Authentication => "authentication",
        }
    }
}

/// Something to choose.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What the business's program knows it by.
    pub id: String,
    /// What people read.
    pub title: String,
    /// More about it; may be empty.
    pub description: String,
}

/// A button of a menu.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Button {
    /// Answers with a choice, which has no description.
    Reply {
        /// What the business's program knows it by.
        id: String,
        /// What people read.
        title: String,
    },
    /// Leads to a page; nothing opens by itself.
    Link {
        /// What people read.
        title: String,
        /// Where it leads.
        url: String,
    },
    /// Shows a phone number.
    Phone {
        /// What people read.
        title: String,
        /// The number.
        number: String,
    },
    /// Shows a code that is to be copied.
    Code {
        /// What people read.
        title: String,
        /// The code.
        code: String,
    },
}

/// Rows of a list under one heading.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The heading; may be empty.
    pub title: String,
    /// The rows.
    pub rows: Vec<Choice>,
}

/// What can be done about a menu.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Offer {
    /// Nothing: it is to be read.
    Nothing,
    /// Its buttons.
    Buttons(Vec<Button>),
    /// One row of a list can be chosen.
    List {
        /// What the list is called.
        title: String,
        /// Its sections.
        sections: Vec<Section>,
    },
    /// One can tell where one is.
    Place,
    /// A form can be filled in.
    Form(Form),
}

/// The approved template that a menu was made of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language, as `pt_BR`.
    pub language: String,
    /// What it is for.
    pub category: Category,
}

/// A card of a business: text, and something to do about it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// A line above; may be empty.
    pub header: String,
    /// The text.
    pub body: String,
    /// Small print; may be empty.
    pub footer: String,
    /// What can be done.
    pub offer: Offer,
    /// What it was made of.
    pub template: Option<Template>,
    /// A picture, video or document above it.
    pub above: Option<Box<(FileRef, Preview)>>,
}

impl Menu {
    /// Everything in it that answers, in its order.
    pub fn choices(&self) -> Vec<Choice> {
        match &self.offer {
            Offer::Buttons(buttons) => buttons
                .iter()
                .filter_map(|button| match button {
                    Button::Reply { id, title } => {
                        Some(Choice { id: id.clone(), title: title.clone(), description: String::new() })
                    }
                    _ => None,
                })
                .collect(),
            Offer::List { sections, .. } => {
                sections.iter().flat_map(|section| section.rows.clone()).collect()
            }
            Offer::Nothing | Offer::Place | Offer::Form(_) => Vec::new(),
        }
    }

    /// The form that can be filled in.
    pub fn form(&self) -> Option<&Form> {
        match &self.offer {
            Offer::Form(form) => Some(form),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), BadContent> {
        within(&self.header, LINE)?;
        within(&self.footer, LINE)?;
        within(&self.body, BODY)?;
        if self.body.is_empty() {
            return Err(BadContent::Empty);
        }
        if let Some(template) = &self.template {
            within(&template.name, LINE)?;
            within(&template.language, LINE)?;
        }
        match &self.offer {
            Offer::Nothing | Offer::Place => Ok(()),
            Offer::Form(form) => form.check(),
            Offer::Buttons(buttons) => {
                counted(buttons.len())?;
                buttons.iter().try_for_each(|button| match button {
                    Button::Reply { id: one, title: other }
                    | Button::Link { title: other, url: one }
                    | Button::Phone { title: other, number: one }
                    | Button::Code { title: other, code: one } => {
                        within(one, LINE)?;
                        titled(other)
                    }
                })
            }
            Offer::List { title, sections } => {
                titled(title)?;
                counted(sections.len())?;
                counted(sections.iter().map(|section| section.rows.len()).sum())?;
                sections.iter().try_for_each(|section| {
                    within(&section.title, LINE)?;
                    section.rows.iter().try_for_each(Choice::check)
                })
            }
        }
    }
}

impl Choice {
    pub(super) fn check(&self) -> Result<(), BadContent> {
        within(&self.id, LINE)?;
        within(&self.description, LINE)?;
        titled(&self.title)
    }
}

pub(super) fn within(text: &str, most: usize) -> Result<(), BadContent> {
    if text.len() > most { Err(BadContent::TooLong) } else { Ok(()) }
}

pub(super) fn titled(text: &str) -> Result<(), BadContent> {
    if text.is_empty() { Err(BadContent::Empty) } else { within(text, LINE) }
}

fn counted(count: usize) -> Result<(), BadContent> {
    if (1..=CHOICES).contains(&count) { Ok(()) } else { Err(BadContent::Choices) }
}

/// What a receipt of consent says: categories and until when. Whether it holds is not looked at.
pub fn consent_in(receipt: &[u8]) -> Option<(Vec<Category>, Millis)> {
    let signed = wire::Signed::decode(receipt).ok()?;
    let grant = wire::ConsentGrant::decode(signed.body).ok()?;
    let categories = grant.categories.into_iter().map(Category::of).collect::<Option<_>>()?;
    Some((categories, grant.expires_ms))
}

/// The card without what stands above it.
pub(super) fn menu_to_value(menu: Menu) -> Result<Value, BadContent> {
    menu.check()?;
    let Menu { header, body, footer, offer, template, above: _ } = menu;
    let template = template.map_or(Value::Null, |it| {
        Value::Array(vec![it.name.into(), it.language.into(), it.category.number().into()])
    });
    Ok(Value::Array(vec![header.into(), body.into(), footer.into(), offer_to_value(offer), template]))
}

fn offer_to_value(offer: Offer) -> Value {
    let fields = match offer {
        Offer::Nothing => vec![0.into()],
        Offer::Buttons(buttons) => {
            vec![1.into(), Value::Array(buttons.into_iter().map(button_to_value).collect())]
        }
        Offer::List { title, sections } => {
            let section = |it: Section| {
                let rows = it.rows.into_iter().map(choice_value).collect();
                Value::Array(vec![it.title.into(), Value::Array(rows)])
            };
            vec![2.into(), title.into(), Value::Array(sections.into_iter().map(section).collect())]
        }
        Offer::Place => vec![3.into()],
        Offer::Form(form) => filling::form_fields(form),
    };
    Value::Array(fields)
}

fn button_to_value(button: Button) -> Value {
    Value::Array(match button {
        Button::Reply { id, title } => vec![0.into(), id.into(), title.into()],
        Button::Link { title, url } => vec![1.into(), title.into(), url.into()],
        Button::Phone { title, number } => vec![2.into(), title.into(), number.into()],
        Button::Code { title, code } => vec![3.into(), title.into(), code.into()],
    })
}

pub(super) fn choice_value(choice: Choice) -> Value {
    Value::Array(vec![choice.id.into(), choice.title.into(), choice.description.into()])
}

pub(super) fn menu(bytes: &[u8]) -> Result<Menu, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "menu")?;
    let menu = Menu {
        header: fields.text("header")?,
        body: fields.text("body")?,
        footer: fields.text("footer")?,
        offer: offer(fields.next("offer")?)?,
        template: match fields.next("template")? {
            Value::Null => None,
            value => Some(template(value)?),
        },
        above: None,
    };
    fields.end("menu")?;
    menu.check().map_err(|_| OpenError::BadContent)?;
    Ok(menu)
}

fn template(value: Value) -> Result<Template, OpenError> {
    let mut fields = Fields::of(value, "template")?;
    let (name, language) = (fields.text("name")?, fields.text("language")?);
    let category = Category::of(fields.integer("category")?).ok_or(OpenError::BadContent)?;
    fields.end("template")?;
    Ok(Template { name, language, category })
}

fn offer(value: Value) -> Result<Offer, OpenError> {
    let mut fields = Fields::of(value, "offer")?;
    let offer = match fields.integer::<u8>("offer")? {
        0 => Offer::Nothing,
        1 => Offer::Buttons(all(fields.next("buttons")?, button)?),
        2 => Offer::List { title: fields.text("title")?, sections: all(fields.next("sections")?, section)? },
        3 => Offer::Place,
        4 => Offer::Form(filling::form(&mut fields)?),
        _ => return Err(OpenError::BadContent),
    };
    fields.end("offer")?;
    Ok(offer)
}

pub(super) fn all<T>(value: Value, read: fn(Value) -> Result<T, OpenError>) -> Result<Vec<T>, OpenError> {
    value.into_array().map_err(|_| CodecError::Malformed("a list"))?.into_iter().map(read).collect()
}

fn button(value: Value) -> Result<Button, OpenError> {
    let mut fields = Fields::of(value, "button")?;
    let kind = fields.integer::<u8>("button")?;
    let (one, other) = (fields.text("button")?, fields.text("button")?);
    fields.end("button")?;
    Ok(match kind {
        0 => Button::Reply { id: one, title: other },
        1 => Button::Link { title: one, url: other },
        2 => Button::Phone { title: one, number: other },
        3 => Button::Code { title: one, code: other },
        _ => return Err(OpenError::BadContent),
    })
}

fn section(value: Value) -> Result<Section, OpenError> {
    let mut fields = Fields::of(value, "section")?;
    let section = Section { title: fields.text("title")?, rows: all(fields.next("rows")?, choice_of)? };
    fields.end("section")?;
    Ok(section)
}

pub(super) fn choice_of(value: Value) -> Result<Choice, OpenError> {
    let mut fields = Fields::of(value, "choice")?;
    let (id, title) = (fields.text("id")?, fields.text("title")?);
    let choice = Choice { id, title, description: fields.text("description")? };
    fields.end("choice")?;
    Ok(choice)
}

pub(super) fn choice_to_value(choice: Choice) -> Result<Value, BadContent> {
    choice.check()?;
    Ok(choice_value(choice))
}

pub(super) fn choice(bytes: &[u8]) -> Result<Choice, OpenError> {
    let choice = choice_of(codec::value(bytes)?)?;
    choice.check().map_err(|_| OpenError::BadContent)?;
    Ok(choice)
}

pub(super) fn consent_to_value(grant: Vec<u8>) -> Result<Value, BadContent> {
    match grant.len() {
        0 => Err(BadContent::Empty),
        len if len > GRANT => Err(BadContent::TooLong),
        _ => Ok(Value::Bytes(grant)),
    }
}

pub(super) fn consent(bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
    let grant = codec::value(bytes)?.into_bytes().map_err(|_| CodecError::Malformed("consent"))?;
    if grant.is_empty() || grant.len() > GRANT { Err(OpenError::BadContent) } else { Ok(grant) }
}
