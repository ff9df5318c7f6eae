//! What is wrong with a flow, in the API's own shape.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::spot::{Span, Spot, Step, written};

/// Most problems that are told of a flow.
const MOST: usize = 50;
/// Most characters of a message, or of a path.
const LONG: usize = 300;

/// Kinds of problems, by the names that the API has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    NoVersion,
    Version,
    Key,
    Value,
    Type,
    Missing,
    FewItems,
    ManyItems,
    Enum,
    Routing,
    Payload,
    Navigate,
    Next,
    Complete,
    DynamicData,
    ScreenData,
    Screens,
    DuplicateScreens,
    Reserved,
    NoTerminal,
    NoFooter,
    DuplicateNames,
    MinOverMax,
    DateRange,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "INVALID_FLOW_JSON",
            Self::NoVersion => "MISSING_FLOW_JSON_VERSION",
            Self::Version => "INVALID_FLOW_JSON_VERSION",
            Self::Key => "INVALID_PROPERTY_KEY",
            Self::Value => "INVALID_PROPERTY_VALUE",
            Self::Type => "INVALID_PROPERTY_TYPE",
            Self::Missing => "MISSING_REQUIRED_PROPERTY",
            Self::FewItems => "MIN_ITEMS_REQUIRED",
            Self::ManyItems => "MAX_ITEMS_REQUIRED",
            Self::Enum => "INVALID_ENUM_VALUE",
            Self::Routing => "INVALID_ROUTING_MODEL",
            Self::Payload => "INVALID_ON_CLICK_ACTION_PAYLOAD",
            Self::Navigate => "INVALID_NAVIGATE_ACTION_PAYLOAD",
            Self::Next => "INVALID_NAVIGATE_ACTION_NEXT_SCREEN_NAME",
            Self::Complete => "INVALID_COMPLETE_ACTION",
            Self::DynamicData => "INVALID_SCREEN_DYNAMIC_DATA",
            Self::ScreenData => "INVALID_SCREEN_DATA",
            Self::Screens => "MAX_SCREENS_NUMBER",
            Self::DuplicateScreens => "DUPLICATE_SCREEN_IDS",
            Self::Reserved => "SCREEN_ID_IS_RESERVED_KEYWORD",
            Self::NoTerminal => "MISSING_TERMINAL_SCREEN",
            Self::NoFooter => "MISSING_FOOTER_ON_TERMINAL_SCREEN",
            Self::DuplicateNames => "DUPLICATE_FORM_COMPONENT_NAMES",
            Self::MinOverMax => "MIN_VALUE_GREATER_THAN_MAX",
            Self::DateRange => "INVALID_DATE_RANGE",
        }
    }
}

/// Something that is wrong with a flow's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    error: String,
    /// What is wrong, for people.
    pub message: String,
    /// Where: `screens[0].layout.children[1].label`.
    pub path: String,
    line_start: u32,
    line_end: u32,
    column_start: u32,
    column_end: u32,
}

impl Problem {
    /// As the API tells it.
    pub fn told(&self) -> Value {
        json!({
            "error": self.error,
            "error_type": "FLOW_JSON_ERROR",
            "message": self.message,
            "line_start": self.line_start,
            "line_end": self.line_end,
            "column_start": self.column_start,
            "column_end": self.column_end,
            "pointers": [{
                "line_start": self.line_start,
                "line_end": self.line_end,
                "column_start": self.column_start,
                "column_end": self.column_end,
                "path": self.path,
            }],
        })
    }

    /// That a text is no JSON: where it breaks off.
    pub(super) fn no_json(text: &str, error: &serde_json::Error) -> Self {
        let (line, column) = (u32::try_from(error.line()), u32::try_from(error.column()));
        let (line, column) = (line.unwrap_or(u32::MAX), column.unwrap_or(u32::MAX));
        let span = match error.line() {
            0 => Span::of(text, 0, 0),
            _ => Span { line_start: line, line_end: line, column_start: column, column_end: column },
        };
        Found { kind: Kind::Json, message: format!("Flow JSON is not valid: {error}."), way: Vec::new() }
            .at(span)
    }
}

struct Found {
    kind: Kind,
    message: String,
    way: Vec<Step>,
}

impl Found {
    fn at(self, span: Span) -> Problem {
        Problem {
            error: self.kind.name().to_owned(),
            message: short(&self.message),
            path: short(&written(&self.way)),
            line_start: span.line_start,
            line_end: span.line_end,
            column_start: span.column_start,
            column_end: span.column_end,
        }
    }
}

/// Problems as they are found.
#[derive(Default)]
pub(super) struct Problems(Vec<Found>);

impl Problems {
    /// Adds one, unless there are enough.
    pub fn add(&mut self, kind: Kind, at: &Spot<'_>, message: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(Found { kind, message: message.into(), way: at.way.clone() });
        }
    }

    /// That a property of a name is needed there.
    pub fn missing(&mut self, at: &Spot<'_>, name: &str) {
        self.add(Kind::Missing, at, format!("Required property '{name}' is missing."));
    }

    /// That a value is of another type than it has to be.
    pub fn not_of_type(&mut self, at: &Spot<'_>, wanted: &str) {
        let message = format!("Expected property '{}' to be of type '{wanted}'.", at.name());
        self.add(Kind::Type, at, message);
    }

    /// That there is something here of which these members alone are known.
    pub fn only(&mut self, at: &Spot<'_>, what: &str, known: &[&str]) {
        for (name, member) in at.members().into_iter().filter(|(name, _)| !known.contains(name)) {
            self.add(Kind::Key, &member, format!("Property '{name}' is not supported in {what}."));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, with where they stand in the text.
    pub fn located(self, text: &str) -> Vec<Problem> {
        self.0
            .into_iter()
            .map(|found| {
                let span = Span::found(text, &found.way);
                found.at(span)
            })
            .collect()
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
