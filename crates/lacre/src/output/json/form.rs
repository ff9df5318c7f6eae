//! Forms and what was filled into them, as JSON.

use lacre_client::content::{Answer, Field, Filled, Form, Input, LineKind, Part};
use serde_json::{Value, json};

use super::choice_json;

/// A form: what it asks, on its pages.
pub(super) fn form_json(form: &Form) -> Value {
    let pages: Vec<_> = form
        .pages
        .iter()
        .map(|page| json!({ "title": page.title, "parts": page.parts.iter().map(part).collect::<Vec<_>>() }))
        .collect();
    json!({ "id": form.id, "title": form.title, "pages": pages })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "text": text }),
        Part::Field(field) => field_json(field),
    }
}

fn field_json(field: &Field) -> Value {
    let mut value = json!({
        "name": field.name,
        "label": field.label,
        "help": field.help,
        "needed": field.needed,
        "start": field.start.as_ref().map(answer),
    });
    let options = || field.input.options().iter().map(choice_json).collect::<Vec<_>>();
    let input = match &field.input {
        Input::Line { kind, least, most } => {
            let kind = match kind {
                LineKind::Any => "line",
                LineKind::Number => "number",
                LineKind::Email => "email",
                LineKind::Phone => "phone",
            };
            json!({ "kind": kind, "least": least, "most": most })
        }
        Input::Lines { most } => json!({ "kind": "lines", "most": most }),
        Input::One(_) => json!({ "kind": "one", "options": options() }),
        Input::Several { least, most, .. } => {
            json!({ "kind": "several", "options": options(), "least": least, "most": most })
        }
        Input::Yes => json!({ "kind": "yes" }),
        Input::Day { from, to } => json!({ "kind": "day", "from": from, "to": to }),
    };
    value["input"] = input;
    value
}

/// What was filled in; with what was asked, while that is known.
pub(super) fn filled_json(filled: &Filled, form: Option<&Form>) -> Value {
    let one = |(name, said): &(String, Answer)| {
        let field = form.and_then(|form| form.fields().find(|field| field.name == *name));
        json!({ "name": name, "label": field.map(|field| &field.label), "answer": answer(said) })
    };
    json!({ "id": filled.id, "answers": filled.answers.iter().map(one).collect::<Vec<_>>() })
}

fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Text(text) => json!(text),
        Answer::Chosen(ids) => json!(ids),
        Answer::Yes(yes) => json!(yes),
    }
}
