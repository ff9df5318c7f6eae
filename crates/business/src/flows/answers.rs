//! What was filled in, as the program is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chat::{Answer, Filled, Form, Input};

/// What the program knows the form by, in what it is told.
pub(super) const RESERVED: &str = "flow_token";

/// Where a member of what the program is told comes from. This is what [`Form::reply`] holds, by the members' names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    /// From what is filled in there.
    Field(String),
    /// From the flow itself, or from what it was sent with.
    Value(Value),
}

/// What the program is told of a form that was filled in, as JSON: the payload of the flow's end, and its token. Where
/// the form is not held here any more, it is the fields by their own names, and everything that was chosen is a list.
/// `None` when the answers are none to this form.
pub fn response(form: Option<&Form>, filled: &Filled) -> Option<String> {
    let mut told = Map::new();
    match form {
        Some(form) => {
            if form.id != filled.id || form.takes(&filled.answers).is_err() {
                return None;
            }
            let sources: BTreeMap<String, Source> = serde_json::from_str(&form.reply).unwrap_or_else(|_| {
                form.fields().map(|it| (it.name.clone(), Source::Field(it.name.clone()))).collect()
            });
            for (name, source) in sources {
                let value = match source {
                    Source::Value(value) => Some(value),
                    Source::Field(field) => answered(form, filled, &field),
                };
                told.extend(value.map(|value| (name, value)));
            }
        }
        None => {
            let plain = filled.answers.iter().map(|(name, answer)| (name.clone(), value(answer, false)));
            told.extend(plain);
        }
    }
    told.insert(RESERVED.to_owned(), filled.id.as_str().into());
    Some(Value::Object(told).to_string())
}

fn answered(form: &Form, filled: &Filled, name: &str) -> Option<Value> {
    let field = form.fields().find(|it| it.name == name)?;
    let (_, answer) = filled.answers.iter().find(|(it, _)| it == name)?;
    Some(value(answer, matches!(field.input, Input::One(_))))
}

fn value(answer: &Answer, one: bool) -> Value {
    match answer {
        Answer::Text(text) => text.as_str().into(),
        Answer::Chosen(ids) if one => ids.first().map_or(Value::Null, |id| id.as_str().into()),
        Answer::Chosen(ids) => ids.iter().map(String::as_str).collect(),
        Answer::Yes(yes) => (*yes).into(),
    }
}
