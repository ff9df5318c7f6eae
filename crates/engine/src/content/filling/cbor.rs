//! How forms, and what was filled in, stand in CBOR.
//!
//! | what | CBOR |
//! | --- | --- |
//! | an offer of a menu | `[4, id, title, reply, pages]` |
//! | a page | `[title, parts]` |
//! | a part | text, or a field |
//! | a field | `[name, label, help, needed, input, start or null]` |
//! | an input | `[0, kind, least, most]` one line: 0 any, 1 a number, 2 an e-mail address, 3 a phone number; `[1, most]` several lines; `[2, options]` one of them; `[3, options, least, most]` several of them; `[4]` yes or no; `[5, from, to]` a day |
//! | an option | `[id, title, description]`, as a row of a list |
//! | an answer | text; `[ids …]`; bool |
//! | `application/vnd.lacre.filled+cbor` | `[id, [[name, answer] …]]`, in reply to the menu |

use ciborium::Value;

use super::{Answer, Field, Filled, Form, Input, LineKind, Page, Part};
use crate::content::codec::{self, CodecError, Fields};
use crate::content::dealing::{self, Choice};
use crate::content::said::{BadContent, OpenError};

/// The fields of the offer, its number first.
pub(in crate::content) fn form_fields(form: Form) -> Vec<Value> {
    let page = |page: Page| {
        let parts = page.parts.into_iter().map(part_to_value).collect();
        Value::Array(vec![page.title.into(), Value::Array(parts)])
    };
    let pages = form.pages.into_iter().map(page).collect();
    vec![4.into(), form.id.into(), form.title.into(), form.reply.into(), Value::Array(pages)]
}

fn part_to_value(part: Part) -> Value {
    let field = match part {
        Part::Text(text) => return text.into(),
        Part::Field(field) => field,
    };
    let start = field.start.map_or(Value::Null, answer_to_value);
    let input = input_to_value(field.input);
    Value::Array(vec![
        field.name.into(),
        field.label.into(),
        field.help.into(),
        field.needed.into(),
        input,
        start,
    ])
}

fn input_to_value(input: Input) -> Value {
    let all = |options: Vec<Choice>| Value::Array(options.into_iter().map(dealing::choice_value).collect());
    Value::Array(match input {
        Input::Line { kind, least, most } => vec![0.into(), (kind as u8).into(), least.into(), most.into()],
        Input::Lines { most } => vec![1.into(), most.into()],
        Input::One(options) => vec![2.into(), all(options)],
        Input::Several { options, least, most } => vec![3.into(), all(options), least.into(), most.into()],
        Input::Yes => vec![4.into()],
        Input::Day { from, to } => vec![5.into(), from.into(), to.into()],
    })
}

fn answer_to_value(answer: Answer) -> Value {
    match answer {
        Answer::Text(text) => text.into(),
        Answer::Chosen(ids) => Value::Array(ids.into_iter().map(Value::from).collect()),
        Answer::Yes(yes) => yes.into(),
    }
}

/// The rest of the offer's fields, after its number.
pub(in crate::content) fn form(fields: &mut Fields) -> Result<Form, OpenError> {
    let (id, title) = (fields.text("form")?, fields.text("form")?);
    let reply = fields.text("form")?;
    Ok(Form { id, title, reply, pages: dealing::all(fields.next("pages")?, page)? })
}

fn page(value: Value) -> Result<Page, OpenError> {
    let mut fields = Fields::of(value, "page")?;
    let page = Page { title: fields.text("title")?, parts: dealing::all(fields.next("parts")?, part)? };
    fields.end("page")?;
    Ok(page)
}

fn part(value: Value) -> Result<Part, OpenError> {
    if let Value::Text(text) = value {
        return Ok(Part::Text(text));
    }
    let mut fields = Fields::of(value, "field")?;
    let (name, label) = (fields.text("field")?, fields.text("field")?);
    let help = fields.text("field")?;
    let needed = fields.flag("field")?;
    let input = input(fields.next("field")?)?;
    let start = match fields.next("field")? {
        Value::Null => None,
        value => Some(answer(value)?),
    };
    fields.end("field")?;
    Ok(Part::Field(Field { name, label, help, needed, input, start }))
}

fn input(value: Value) -> Result<Input, OpenError> {
    let mut fields = Fields::of(value, "input")?;
    let input = match fields.integer::<u8>("input")? {
        0 => {
            let kind = match fields.integer::<u8>("input")? {
                0 => LineKind::Any,
                1 => LineKind::Number,
                2 => LineKind::Email,
                3 => LineKind::Phone,
                _ => return Err(OpenError::BadContent),
            };
            Input::Line { kind, least: fields.integer("input")?, most: fields.integer("input")? }
        }
        1 => Input::Lines { most: fields.integer("input")? },
        2 => Input::One(dealing::all(fields.next("options")?, dealing::choice_of)?),
        3 => Input::Several {
            options: dealing::all(fields.next("options")?, dealing::choice_of)?,
            least: fields.integer("input")?,
            most: fields.integer("input")?,
        },
        4 => Input::Yes,
        5 => Input::Day { from: fields.text("input")?, to: fields.text("input")? },
        _ => return Err(OpenError::BadContent),
    };
    fields.end("input")?;
    Ok(input)
}

fn answer(value: Value) -> Result<Answer, OpenError> {
    Ok(match value {
        Value::Text(text) => Answer::Text(text),
        Value::Bool(yes) => Answer::Yes(yes),
        value => {
            let text = |it: Value| it.into_text().map_err(|_| CodecError::Malformed("answer").into());
            Answer::Chosen(dealing::all(value, text)?)
        }
    })
}

pub(in crate::content) fn filled_to_value(filled: Filled) -> Result<Value, BadContent> {
    filled.check()?;
    let pair = |(name, answer): (String, Answer)| Value::Array(vec![name.into(), answer_to_value(answer)]);
    let answers = filled.answers.into_iter().map(pair).collect();
    Ok(Value::Array(vec![filled.id.into(), Value::Array(answers)]))
}

pub(in crate::content) fn filled(bytes: &[u8]) -> Result<Filled, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "filled")?;
    let pair = |value: Value| {
        let mut fields = Fields::of(value, "answer")?;
        let pair = (fields.text("name")?, answer(fields.next("answer")?)?);
        fields.end("answer")?;
        Ok(pair)
    };
    let filled = Filled { id: fields.text("id")?, answers: dealing::all(fields.next("answers")?, pair)? };
    fields.end("filled")?;
    filled.check().map_err(|_| OpenError::BadContent)?;
    Ok(filled)
}
