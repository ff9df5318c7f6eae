//! The components that are filled in.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lacre_client::content::Choice;
use lacre_client::content::filling::{OPTIONS, TEXT, is_day};
use serde_json::Value;

use super::problem::Kind;
use super::read::Reader;
use super::screen;
use super::spot::Spot;
use crate::chat::{Answer, Field, Input, LineKind};

/// Longest label, help, title and description, in bytes.
const LINE_MAX: usize = 1_024;
/// Most characters of a line and of lines when nothing is said: the API's.
const LINE_USUAL: u64 = 80;
const LINES_USUAL: u64 = 600;

/// A component that is filled in, and what it says.
pub(super) struct Properties<'r, 'a> {
    reader: &'r mut Reader<'a>,
    at: &'r Spot<'a>,
    kind: &'r str,
}

impl<'r, 'a> Properties<'r, 'a> {
    pub fn new(reader: &'r mut Reader<'a>, at: &'r Spot<'a>, kind: &'r str) -> Self {
        Self { reader, at, kind }
    }

    /// The question.
    pub fn field(&mut self, starts: &[Spot<'a>]) -> Option<Field> {
        let known: &[&str] = match self.kind {
            "TextInput" => &["helper-text", "input-type", "min-chars", "max-chars", "label-variant"],
            "TextArea" => &["helper-text", "max-length", "label-variant", "enabled"],
            "RadioButtonsGroup" => &["description", "data-source", "enabled", "media-size"],
            "Dropdown" => &["data-source", "enabled"],
            "CheckboxGroup" => &[
                "description",
                "data-source",
                "min-selected-items",
                "max-selected-items",
                "enabled",
                "media-size",
            ],
            "OptIn" => &[],
            "DatePicker" => &["helper-text", "min-date", "max-date", "enabled"],
            _ => &["helper-text", "description", "min-date", "max-date", "enabled", "mode"],
        };
        let known = [known, &["type", "name", "label", "required", "visible", "init-value"]].concat();
        self.reader.problems.only(self.at, &format!("'{}'", self.kind), &known);
        for name in ["visible", "enabled"] {
            self.reader.is_shown(self.at, name);
        }
        let name = screen::name(self.at, "name", &mut self.reader.problems);
        let label = self.label();
        let help = [self.maybe_text("description"), self.maybe_text("helper-text")];
        let help: Vec<String> = help.into_iter().flatten().filter(|it| !it.is_empty()).collect();
        let needed = self.flag("required");
        let input = match self.kind {
            "TextInput" => self.line(),
            "TextArea" => self.lines(),
            "RadioButtonsGroup" | "Dropdown" => self.options().map(Input::One),
            "CheckboxGroup" => self.several(),
            "OptIn" => Some(Input::Yes),
            _ => self.day_input(),
        };
        let name = self.reader.name(name?)?;
        let mut field =
            Field { name, label: label?, help: help.join("\n"), needed, input: input?, start: None };
        field.start = self.start(&field, starts);
        Some(field)
    }

    fn label(&mut self) -> Option<String> {
        let label = self.maybe_text("label");
        if self.at.member("label").is_none() {
            self.reader.problems.missing(self.at, "label");
        } else if label.as_ref().is_some_and(|it| it.is_empty()) {
            self.bad("label", "should not be empty");
        }
        label.filter(|it| !it.is_empty())
    }

    fn line(&mut self) -> Option<Input> {
        let kind = match self.maybe_text("input-type").as_deref() {
            None | Some("text") => LineKind::Any,
            Some("number") => LineKind::Number,
            Some("email") => LineKind::Email,
            Some("phone") => LineKind::Phone,
            Some(secret @ ("password" | "passcode")) => {
                let why = format!("'{secret}' is not supported: a chat, sealed or not, is no place for one");
                self.bad("input-type", &why);
                return None;
            }
            Some(_) => {
                self.bad("input-type", "should be one of: [text, number, email, phone]");
                return None;
            }
        };
        let least = self.count("min-chars", 0, u64::from(TEXT))?;
        let most = self.count("max-chars", LINE_USUAL.max(least), u64::from(TEXT))?;
        self.rises("max-chars", least, most)?;
        Some(Input::Line { kind, least: u16::try_from(least).ok()?, most: u16::try_from(most).ok()? })
    }

    fn lines(&mut self) -> Option<Input> {
        let most = self.count("max-length", LINES_USUAL, u64::from(TEXT))?;
        self.rises("max-length", 1, most)?;
        Some(Input::Lines { most: u16::try_from(most).ok()? })
    }

    fn several(&mut self) -> Option<Input> {
        let options = self.options()?;
        let all = options.len() as u64;
        let least = self.count("min-selected-items", 0, all)?;
        // More than there are is as many as there are.
        let most = self.count("max-selected-items", all, u64::from(u8::MAX))?.min(all);
        self.rises("max-selected-items", least, most)?;
        Some(Input::Several { options, least: u8::try_from(least).ok()?, most: u8::try_from(most).ok()? })
    }

    /// What can be chosen. An option that is not enabled cannot, and is not offered.
    fn options(&mut self) -> Option<Vec<Choice>> {
        let Some(at) = self.at.member("data-source") else {
            self.reader.problems.missing(self.at, "data-source");
            return None;
        };
        let value = self.reader.known(&at)?;
        if !value.is_array() {
            self.reader.problems.not_of_type(&at, "array");
            return None;
        }
        // What a send gives has no place in the flow's text: what is wrong with it is said of where it stands.
        let is_given = !at.value.is_array();
        let mut seen = BTreeSet::new();
        let mut options = Vec::new();
        for item in (Spot { value, way: at.way.clone() }).items() {
            let item = if is_given { Spot { value: item.value, way: at.way.clone() } } else { item };
            let option = self.option(&item)?;
            if !seen.insert(option.id.clone()) {
                let message = format!("Duplicate id '{}' in 'data-source'.", option.id);
                self.reader.problems.add(Kind::Value, &item, message);
                return None;
            }
            if item.value.get("enabled") != Some(&Value::Bool(false)) {
                options.push(option);
            }
        }
        if options.is_empty() || options.len() > OPTIONS {
            let kind = if options.is_empty() { Kind::FewItems } else { Kind::ManyItems };
            let message =
                format!("Property 'data-source' should have 1 to {OPTIONS} items that are enabled.");
            self.reader.problems.add(kind, &at, message);
            return None;
        }
        Some(options)
    }

    fn option(&mut self, item: &Spot<'a>) -> Option<Choice> {
        if !item.value.is_object() {
            self.reader.problems.not_of_type(item, "object");
            return None;
        }
        self.reader.problems.only(
            item,
            "an item of 'data-source'",
            &["id", "title", "description", "enabled"],
        );
        let mut text = |name: &str, least: usize| {
            let text = item.value.get(name).map_or(Some(""), Value::as_str);
            let fits = text.filter(|it| (least..=LINE_MAX).contains(&it.len()));
            if fits.is_none() {
                let message =
                    format!("Property '{name}' of an item should be a text of {least} to {LINE_MAX} bytes.");
                self.reader.problems.add(Kind::Value, item, message);
            }
            fits.map(str::to_owned)
        };
        Some(Choice { id: text("id", 1)?, title: text("title", 1)?, description: text("description", 0)? })
    }

    fn day_input(&mut self) -> Option<Input> {
        if self.maybe_text("mode").is_some_and(|it| it != "single") {
            self.bad("mode", "is supported as 'single' only");
            return None;
        }
        let (from, to) = (self.day("min-date")?, self.day("max-date")?);
        if !from.is_empty() && !to.is_empty() && from > to {
            let message = "Property 'max-date' should not be before 'min-date'.";
            self.reader.problems.add(Kind::DateRange, self.at, message);
            return None;
        }
        Some(Input::Day { from, to })
    }

    /// A day that need not be said: `2026-11-30`, or the milliseconds of older versions.
    fn day(&mut self, name: &str) -> Option<String> {
        let Some(at) = self.at.member(name) else { return Some(String::new()) };
        let day = self.reader.text(&at, 40).map(|it| day_of(&it))?;
        if day.is_none() {
            self.bad(name, "should be a day as 2026-11-30, or milliseconds as a string");
        }
        day
    }

    /// What stands there at the start: said by the component, or by its `Form`.
    fn start(&mut self, field: &Field, starts: &[Spot<'a>]) -> Option<Answer> {
        let name = self.at.value.get("name").and_then(Value::as_str)?;
        let mut found = None;
        if let Some(at) = self.at.member("init-value") {
            found = self.reader.known(&at).map(|value| (at, value));
        }
        for start in starts {
            if found.is_some() {
                break;
            }
            let value = match start.member(name) {
                Some(at) => self.reader.known(&at).map(|value| (at, value)),
                // The whole may stand for an object that the screen was given.
                None if start.value.is_string() => {
                    let value = self.reader.known(start).and_then(|it| it.get(name));
                    value.map(|value| (start.clone(), value))
                }
                None => None,
            };
            found = value;
        }
        let (at, value) = found?;
        // Nothing, with which many clients fill what they have no value for.
        if *value == "" || value.as_array().is_some_and(Vec::is_empty) {
            return None;
        }
        let answer = match (&field.input, value) {
            (Input::Line { .. } | Input::Lines { .. }, Value::String(text)) => {
                Some(Answer::Text(text.clone()))
            }
            (Input::Line { .. }, Value::Number(number)) => Some(Answer::Text(number.to_string())),
            (Input::Day { .. }, Value::String(text)) => day_of(text).map(Answer::Text),
            (Input::One(_), Value::String(id)) => Some(Answer::Chosen(vec![id.clone()])),
            (Input::Several { .. }, Value::Array(ids)) => {
                let ids: Option<Vec<String>> = ids.iter().map(|id| id.as_str().map(str::to_owned)).collect();
                ids.map(Answer::Chosen)
            }
            (Input::Yes, Value::Bool(yes)) => Some(Answer::Yes(*yes)),
            _ => None,
        };
        let fits = |it: &Answer| *it == Answer::Yes(false) || field.takes(it).is_ok();
        let answer = answer.filter(fits);
        if answer.is_none() {
            let message =
                format!("The component '{name}' cannot begin with this: it would not be an answer to it.");
            self.reader.problems.add(Kind::Value, &at, message);
        }
        answer
    }

    fn maybe_text(&mut self, name: &str) -> Option<String> {
        self.at.member(name).and_then(|at| self.reader.text(&at, LINE_MAX))
    }

    fn flag(&mut self, name: &str) -> bool {
        let Some(at) = self.at.member(name) else { return false };
        match self.reader.known(&at) {
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.reader.problems.not_of_type(&at, "boolean");
                false
            }
            None => false,
        }
    }

    /// A whole number, also as text.
    fn count(&mut self, name: &str, usual: u64, most: u64) -> Option<u64> {
        let Some(at) = self.at.member(name) else { return Some(usual) };
        let count = match self.reader.known(&at)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) if text.len() <= 10 => text.parse().ok(),
            _ => None,
        };
        let count = count.filter(|it| *it <= most);
        if count.is_none() {
            self.bad(name, &format!("should be a whole number up to {most}"));
        }
        count
    }

    fn rises(&mut self, name: &str, least: u64, most: u64) -> Option<()> {
        if most >= least.max(1) {
            return Some(());
        }
        let message = format!("Property '{name}' should not be less than {}.", least.max(1));
        let at = self.at.member(name).unwrap_or_else(|| self.at.clone());
        self.reader.problems.add(Kind::MinOverMax, &at, message);
        None
    }

    fn bad(&mut self, name: &str, what: &str) {
        let at = self.at.member(name).unwrap_or_else(|| self.at.clone());
        self.reader.problems.add(Kind::Value, &at, format!("Property '{name}' {what}."));
    }
}

fn day_of(text: &str) -> Option<String> {
    if is_day(text) {
        return Some(text.to_owned());
    }
    let at = Timestamp::from_millisecond(text.parse().ok()?).ok()?;
    Some(at.strftime("%Y-%m-%d").to_string()).filter(|it| is_day(it))
}
