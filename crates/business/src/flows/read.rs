//! A flow's JSON becomes a form.

use std::collections::{BTreeMap, BTreeSet};

use lacre_client::content::filling::REPLY;
use serde_json::{Map, Value};

use super::answers::{RESERVED, Source};
use super::expression::Expression;
use super::line;
use super::problem::{Kind, Problem, Problems};
use super::screen::{self, Button, Screen};
use super::spot::Spot;
use crate::chat::{Form, Page, Part};

/// A flow that can be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The id of its first screen.
    pub first: String,
    pages: Vec<Page>,
    reply: String,
}

impl Compiled {
    /// The form, known to the program by a token, under a title.
    pub fn form(self, token: &str, title: &str) -> Form {
        Form { id: token.to_owned(), title: title.to_owned(), reply: self.reply, pages: self.pages }
    }
}

/// The version that a flow's JSON says, and what is wrong with it.
pub fn check(text: &str) -> (Option<String>, Vec<Problem>) {
    let json: Value = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => return (None, vec![Problem::no_json(text, &error)]),
    };
    let version = json.get("version").and_then(Value::as_str).filter(|it| is_version(it));
    (version.map(str::to_owned), read(text, &json, None).err().unwrap_or_default())
}

/// A flow with what its first screen is given.
pub fn compile(text: &str, given: &Map<String, Value>) -> Result<Compiled, Vec<Problem>> {
    let json: Value = serde_json::from_str(text).map_err(|error| vec![Problem::no_json(text, &error)])?;
    read(text, &json, Some(given))
}

fn read(text: &str, json: &Value, given: Option<&Map<String, Value>>) -> Result<Compiled, Vec<Problem>> {
    let root = Spot::root(json);
    let mut problems = Problems::default();
    head(&root, &mut problems);
    let screens = screen::screens(&root, &mut problems);
    let line = line::order(&root, &screens, &mut problems);
    let names = Names::of(&screens);
    let mut reader = Reader { problems, names, given: BTreeMap::new(), here: "" };
    let mut compiled = Compiled { first: String::new(), pages: Vec::new(), reply: String::new() };
    let mut passed: Option<(&Button<'_>, Given<'_>)> = None;
    // What is on screens that are no line is looked at all the same, each for itself.
    let is_line = line.is_some();
    for (place, index) in line.unwrap_or_else(|| (0..screens.len()).collect()).into_iter().enumerate() {
        let screen = &screens[index];
        let all = match passed.take().filter(|_| is_line && place > 0) {
            Some((button, passed)) => reader.passes(screen, button, passed),
            None => reader.given_to(screen, given),
        };
        reader.given.insert(screen.id, all);
        reader.here = screen.id;
        if place == 0 {
            screen.id.clone_into(&mut compiled.first);
        }
        compiled.pages.push(reader.page(screen));
        let Some(button) = &screen.button else { continue };
        let payload = reader.payload(button);
        match button.next {
            Some(_) => passed = Some((button, payload)),
            None => compiled.reply = reader.reply(button, payload),
        }
    }
    let form = Form {
        id: "unused".to_owned(),
        title: "Open".to_owned(),
        reply: compiled.reply.clone(),
        pages: compiled.pages.clone(),
    };
    if reader.problems.is_empty() {
        let at = root.member("screens").unwrap_or_else(|| root.clone());
        if form.fields().next().is_none() {
            reader.problems.add(
                Kind::FewItems,
                &at,
                "A flow should ask something: it has no component to fill in.",
            );
        } else if form.check().is_err() {
            let message =
                "The flow is larger than a form can be: at most 10 screens and 100 components in all.";
            reader.problems.add(Kind::ManyItems, &at, message);
        }
    }
    if reader.problems.is_empty() { Ok(compiled) } else { Err(reader.problems.located(text)) }
}

/// The members of the whole.
fn head(root: &Spot<'_>, problems: &mut Problems) {
    if !root.value.is_object() {
        return problems.not_of_type(root, "object");
    }
    match root.member("version") {
        None => problems.add(Kind::NoVersion, root, "Flow JSON version is not specified."),
        Some(at) if !at.value.as_str().is_some_and(is_version) => {
            problems.add(Kind::Version, &at, "Invalid Flow JSON version.");
        }
        Some(_) => {}
    }
    for name in ["data_api_version", "data_channel_uri"] {
        if let Some(at) = root.member(name) {
            let message = format!(
                "Property '{name}' is not supported: no endpoint is called, for it would read what is sealed."
            );
            problems.add(Kind::Key, &at, message);
        }
    }
    let known = ["version", "screens", "routing_model", "data_api_version", "data_channel_uri"];
    problems.only(root, "a flow", &known);
}

/// `7.1`.
fn is_version(text: &str) -> bool {
    let digits = |it: &str| (1..=3).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| digits(major) && digits(minor))
}

/// What the fields are called in the form: by their names, and where two screens have one of the same, by both.
struct Names {
    fields: BTreeSet<(String, String)>,
    twice: BTreeSet<String>,
}

impl Names {
    fn of(screens: &[Screen<'_>]) -> Self {
        let (mut fields, mut twice, mut once) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for screen in screens {
            for component in &screen.components {
                let Some(name) = component.value.get("name").and_then(Value::as_str) else { continue };
                if fields.insert((screen.id.to_owned(), name.to_owned())) && !once.insert(name.to_owned()) {
                    twice.insert(name.to_owned());
                }
            }
        }
        Self { fields, twice }
    }

    fn name(&self, screen: &str, field: &str) -> Option<String> {
        let is_there = self.fields.contains(&(screen.to_owned(), field.to_owned()));
        let name = || if self.twice.contains(field) { format!("{screen}.{field}") } else { field.to_owned() };
        is_there.then(name)
    }
}

/// What something in a flow stands for.
#[derive(Clone)]
pub(super) enum Meant<'a> {
    /// This, before anything is filled in.
    Known(&'a Value),
    /// What is filled in there.
    Answered(String),
}

type Given<'a> = BTreeMap<&'a str, Meant<'a>>;

/// What is known while a flow is read, screen by screen.
pub(super) struct Reader<'a> {
    pub problems: Problems,
    names: Names,
    /// What the screens so far were given.
    given: BTreeMap<&'a str, Given<'a>>,
    /// The screen that is read.
    pub here: &'a str,
}

impl<'a> Reader<'a> {
    /// What the first screen is given by a send; without one, the examples.
    fn given_to(&mut self, screen: &Screen<'a>, given: Option<&'a Map<String, Value>>) -> Given<'a> {
        let mut all = Given::new();
        for (name, at) in &screen.data {
            let value = match given {
                Some(given) => given.get(*name).filter(|it| !it.is_null()),
                None => at.value.get("__example__"),
            };
            let Some(value) = value else {
                if given.is_none() {
                    self.problems.missing(at, "__example__");
                }
                continue;
            };
            let kind = at.value.get("type").and_then(Value::as_str).unwrap_or_default();
            if !is_of(value, kind) {
                let message = format!("Expected '{name}' to be of type '{kind}'.");
                self.problems.add(Kind::ScreenData, at, message);
            }
            all.insert(name, Meant::Known(value));
        }
        all
    }

    /// What a screen is given by the button before it, which has to be what it says that it takes.
    fn passes(&mut self, screen: &Screen<'a>, button: &Button<'a>, passed: Given<'a>) -> Given<'a> {
        for (name, _) in screen.data.iter().filter(|(name, _)| !passed.contains_key(name)) {
            let message =
                format!("Screen '{}' expects '{name}', which is missing in the payload.", screen.id);
            self.problems.add(Kind::Navigate, &button.spot, message);
        }
        let takes = |name: &str| screen.data.iter().any(|(it, _)| *it == name);
        for (name, at) in button.payload.iter().filter(|(name, _)| !takes(name)) {
            let message = format!("'{name}' is missing in the data model of screen '{}'.", screen.id);
            self.problems.add(Kind::Navigate, at, message);
        }
        passed
    }

    fn page(&mut self, screen: &Screen<'a>) -> Page {
        let title = screen.spot.member("title").and_then(|it| self.text(&it, 1_024)).unwrap_or_default();
        let mut seen = BTreeSet::new();
        let mut parts: Vec<Part> = Vec::new();
        for component in &screen.components {
            let name = component.value.get("name").and_then(Value::as_str);
            if name.is_some_and(|it| !seen.insert(it)) {
                let message = format!("Duplicate component name '{}' on a screen.", name.unwrap_or_default());
                self.problems.add(Kind::DuplicateNames, component, message);
                continue;
            }
            parts.extend(self.part(component, &screen.starts));
        }
        for start in &screen.starts {
            for (name, at) in start.members().into_iter().filter(|(name, _)| !seen.contains(name)) {
                let message = format!("There is no component '{name}' that could begin with this.");
                self.problems.add(Kind::Key, &at, message);
            }
        }
        Page { title, parts }
    }

    /// What a button passes on.
    fn payload(&mut self, button: &Button<'a>) -> Given<'a> {
        let mut all = Given::new();
        for (name, at) in &button.payload {
            if has_inner(at.value) {
                let message = format!("'{name}': what stands for something else has to be the whole value.");
                self.problems.add(Kind::Payload, at, message);
            } else if let Some(meant) = self.meant(at) {
                all.insert(name, meant);
            }
        }
        all
    }

    /// What the program is told in the end, as the form keeps it.
    fn reply(&mut self, button: &Button<'a>, payload: Given<'a>) -> String {
        for (_, at) in button.payload.iter().filter(|(name, _)| *name == RESERVED) {
            self.problems.add(Kind::Payload, at, format!("'{RESERVED}' is added by itself."));
        }
        let sources = payload.into_iter().map(|(name, meant)| {
            let source = match meant {
                Meant::Known(value) => Source::Value(value.clone()),
                Meant::Answered(field) => Source::Field(field),
            };
            (name, source)
        });
        let sources: BTreeMap<&str, Source> = sources.collect();
        let reply = serde_json::to_string(&sources).unwrap_or_default();
        if reply.len() > REPLY {
            let message = format!("The payload is too large: {} bytes of at most {REPLY}.", reply.len());
            self.problems.add(Kind::Payload, &button.spot, message);
        }
        reply
    }

    /// The name of a field in the form; `None` when this screen has no such field.
    pub fn name(&self, field: &str) -> Option<String> {
        self.names.name(self.here, field)
    }

    /// What a value stands for.
    fn meant(&mut self, at: &Spot<'a>) -> Option<Meant<'a>> {
        let Value::String(text) = at.value else { return Some(Meant::Known(at.value)) };
        let (screen, name, is_form) = match Expression::of(text) {
            Expression::Plain => return Some(Meant::Known(at.value)),
            Expression::Data(name) => (self.here, name, false),
            Expression::Form(name) => (self.here, name, true),
            Expression::DataOf(screen, name) => (screen, name, false),
            Expression::FormOf(screen, name) => (screen, name, true),
            Expression::Other => {
                let message = "Supported are texts, and as the whole value ${data.NAME}, ${form.NAME}, \
                               ${screen.ID.data.NAME} and ${screen.ID.form.NAME}.";
                self.problems.add(Kind::Value, at, message);
                return None;
            }
        };
        let found = match (self.given.get(screen), is_form) {
            (None, _) => None,
            (Some(_), true) => self.names.name(screen, name).map(Meant::Answered),
            (Some(given), false) => given.get(name).cloned(),
        };
        if found.is_none() {
            let message = match is_form {
                true => format!("Missing Form component {text} for screen '{screen}'."),
                false => format!("Missing dynamic data '{text}' in the data of screen '{screen}'."),
            };
            self.problems.add(if is_form { Kind::Payload } else { Kind::DynamicData }, at, message);
        }
        found
    }

    /// A value that is known before anything is filled in.
    pub fn known(&mut self, at: &Spot<'a>) -> Option<&'a Value> {
        match self.meant(at)? {
            Meant::Known(value) => Some(value),
            Meant::Answered(_) => {
                let message = format!(
                    "Property '{}' cannot show what was filled in before: that is known on the customer's device only.",
                    at.name()
                );
                self.problems.add(Kind::DynamicData, at, message);
                None
            }
        }
    }

    /// A text that is known before anything is filled in, of so many bytes at most.
    pub fn text(&mut self, at: &Spot<'a>, most: usize) -> Option<String> {
        let Some(text) = self.known(at)?.as_str() else {
            self.problems.not_of_type(at, "string");
            return None;
        };
        if text.len() > most {
            let message = format!("Property '{}' should have at most '{most}' bytes.", at.name());
            self.problems.add(Kind::ManyItems, at, message);
            return None;
        }
        Some(text.to_owned())
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// Whether something inside stands for something else.
fn has_inner(value: &Value) -> bool {
    let stands = |it: &Value| match it {
        Value::String(text) => Expression::of(text) != Expression::Plain,
        other => has_inner(other),
    };
    match value {
        Value::Array(items) => items.iter().any(stands),
        Value::Object(members) => members.values().any(stands),
        _ => false,
    }
}
