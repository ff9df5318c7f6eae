//! The components of a screen as parts of a page.

use serde_json::Value;

use super::input::Properties;
use super::problem::Kind;
use super::read::Reader;
use super::spot::Spot;
use crate::chat::Part;

/// Longest text of a component, in bytes. The API's own is shorter, and differs from version to version.
const TEXT_MAX: usize = 4_096;

impl<'a> Reader<'a> {
    /// A component as a part; `None` when it is none, which is said.
    pub fn part(&mut self, component: &Spot<'a>, starts: &[Spot<'a>]) -> Option<Part> {
        if !component.value.is_object() {
            self.problems.not_of_type(component, "object");
            return None;
        }
        let kind = component.member("type");
        let Some(kind) = kind.as_ref().and_then(|it| it.value.as_str()) else {
            self.problems.missing(component, "type");
            return None;
        };
        match kind {
            "TextHeading" | "TextSubheading" | "TextBody" | "TextCaption" => self.words(component, kind),
            "TextInput" | "TextArea" | "RadioButtonsGroup" | "Dropdown" | "CheckboxGroup" | "OptIn"
            | "DatePicker" | "CalendarPicker" => {
                Properties::new(self, component, kind).field(starts).map(Part::Field)
            }
            _ => {
                let at = component.member("type").unwrap_or_else(|| component.clone());
                self.problems.add(Kind::Value, &at, format!("The component '{kind}' is not supported."));
                None
            }
        }
    }

    /// Text to be read. How heavy it is printed is the matter of the device that shows it.
    fn words(&mut self, component: &Spot<'a>, kind: &str) -> Option<Part> {
        let known = ["type", "text", "font-weight", "visible", "markdown", "strikethrough"];
        self.problems.only(component, &format!("'{kind}'"), &known);
        for name in ["markdown", "strikethrough"] {
            if let Some(at) = component.member(name).filter(|it| *it.value != Value::Bool(false)) {
                self.problems.add(Kind::Value, &at, format!("Property '{name}' is supported as false only."));
            }
        }
        self.is_shown(component, "visible");
        let Some(at) = component.member("text") else {
            self.problems.missing(component, "text");
            return None;
        };
        let text = self.text(&at, TEXT_MAX)?;
        if text.is_empty() {
            self.problems.add(Kind::Value, &at, "Property 'text' should not be empty.");
            return None;
        }
        Some(Part::Text(text))
    }

    /// What is there is shown: a form has nothing that comes and goes.
    pub fn is_shown(&mut self, component: &Spot<'a>, name: &str) {
        let Some(at) = component.member(name) else { return };
        if self.known(&at).is_some_and(|it| *it != Value::Bool(true)) {
            self.problems.add(Kind::Value, &at, format!("Property '{name}' is supported as true only."));
        }
    }
}
