//! The screens of a flow as they stand there: what is on each, and where its button leads.

use serde_json::Value;

use super::problem::{Kind, Problems};
use super::spot::Spot;

/// Longest id of a screen and name of a component. With a dot between them, both are a field's name.
const NAME_MAX: usize = 60;
/// Most screens.
const SCREENS_MAX: usize = 10;

/// A screen.
pub(super) struct Screen<'a> {
    pub spot: Spot<'a>,
    pub id: &'a str,
    /// Whether it says that it is the last.
    pub terminal: bool,
    /// What it can be given, by name, each with its type.
    pub data: Vec<(&'a str, Spot<'a>)>,
    /// Its components, those of a `Form` too; not its button.
    pub components: Vec<Spot<'a>>,
    /// The starting values of its `Form`s, each an object or what stands for one.
    pub starts: Vec<Spot<'a>>,
    pub button: Option<Button<'a>>,
}

/// The button of a screen.
pub(super) struct Button<'a> {
    pub spot: Spot<'a>,
    /// The next screen; the end when there is none.
    pub next: Option<&'a str>,
    /// What is passed to the next screen, or told to the program in the end.
    pub payload: Vec<(&'a str, Spot<'a>)>,
}

/// Reads the screens of a flow.
pub(super) fn screens<'a>(root: &Spot<'a>, problems: &mut Problems) -> Vec<Screen<'a>> {
    let Some(at) = root.member("screens") else {
        problems.missing(root, "screens");
        return Vec::new();
    };
    if !at.value.is_array() {
        problems.not_of_type(&at, "array");
    }
    let all = at.items();
    if all.len() > SCREENS_MAX {
        problems.add(Kind::Screens, &at, format!("A flow can have at most {SCREENS_MAX} screens."));
    }
    let mut screens: Vec<Screen<'a>> = Vec::new();
    for spot in all.into_iter().take(SCREENS_MAX) {
        let Some(screen) = screen(spot, problems) else { continue };
        if screens.iter().any(|it| it.id == screen.id) {
            problems.add(
                Kind::DuplicateScreens,
                &screen.spot,
                format!("Duplicate screen id '{}'.", screen.id),
            );
            continue;
        }
        screens.push(screen);
    }
    if at.value.as_array().is_some_and(Vec::is_empty) {
        problems.add(Kind::FewItems, &at, "Property 'screens' should have at least '1' items.");
    }
    screens
}

fn screen<'a>(spot: Spot<'a>, problems: &mut Problems) -> Option<Screen<'a>> {
    if !spot.value.is_object() {
        problems.not_of_type(&spot, "object");
        return None;
    }
    let known = ["id", "title", "terminal", "success", "data", "layout", "refresh_on_back", "sensitive"];
    problems.only(&spot, "a screen", &known);
    if let Some(at) =
        spot.member("sensitive").filter(|it| it.value.as_array().is_none_or(|it| !it.is_empty()))
    {
        let message =
            "Property 'sensitive' is not supported: what customers fill in stays in their own chat.";
        problems.add(Kind::Key, &at, message);
    }
    if let Some(at) = spot.member("refresh_on_back").filter(|it| *it.value != false) {
        problems.add(Kind::Value, &at, "Property 'refresh_on_back' is not supported: no endpoint is called.");
    }
    flag(&spot, "success", problems);
    let terminal = flag(&spot, "terminal", problems);
    let id = name(&spot, "id", problems);
    if id == Some("SUCCESS") {
        problems.add(Kind::Reserved, &spot, "The screen id 'SUCCESS' is reserved.");
    }
    let mut screen = Screen {
        id: id?,
        terminal,
        data: declared(&spot, problems),
        components: Vec::new(),
        starts: Vec::new(),
        button: None,
        spot,
    };
    layout(&mut screen, problems);
    if screen.button.is_none() {
        let message = format!("Screen '{}' has no Footer with an 'on-click-action'.", screen.id);
        problems.add(Kind::NoFooter, &screen.spot, message);
    }
    Some(screen)
}

/// What a screen can be given.
fn declared<'a>(spot: &Spot<'a>, problems: &mut Problems) -> Vec<(&'a str, Spot<'a>)> {
    let Some(at) = spot.member("data") else { return Vec::new() };
    if !at.value.is_object() {
        problems.not_of_type(&at, "object");
    }
    let all = at.members();
    for (_, it) in &all {
        match it.value.get("type") {
            Some(Value::String(_)) => {}
            Some(_) => {
                problems.add(Kind::ScreenData, it, "Expected the property 'type' to be of type string.")
            }
            None => problems.add(Kind::ScreenData, it, "Missing the definition of property 'type'."),
        }
    }
    all
}

fn layout<'a>(screen: &mut Screen<'a>, problems: &mut Problems) {
    let Some(layout) = screen.spot.member("layout") else {
        return problems.missing(&screen.spot, "layout");
    };
    problems.only(&layout, "a layout", &["type", "children"]);
    match layout.value.get("type").and_then(Value::as_str) {
        Some("SingleColumnLayout") => {}
        _ => {
            let at = layout.member("type").unwrap_or_else(|| layout.clone());
            problems.add(Kind::Enum, &at, "Value should be one of: [SingleColumnLayout].");
        }
    }
    for child in children(&layout, problems) {
        if child.value.get("type").and_then(Value::as_str) != Some("Form") {
            put(screen, child, problems);
            continue;
        }
        problems.only(&child, "'Form'", &["type", "name", "children", "init-values"]);
        screen.starts.extend(child.member("init-values"));
        for inner in children(&child, problems) {
            put(screen, inner, problems);
        }
    }
}

fn children<'a>(at: &Spot<'a>, problems: &mut Problems) -> Vec<Spot<'a>> {
    let Some(children) = at.member("children") else {
        problems.missing(at, "children");
        return Vec::new();
    };
    if !children.value.is_array() {
        problems.not_of_type(&children, "array");
    }
    children.items()
}

fn put<'a>(screen: &mut Screen<'a>, component: Spot<'a>, problems: &mut Problems) {
    if component.value.get("type").and_then(Value::as_str) != Some("Footer") {
        return screen.components.push(component);
    }
    if screen.button.is_some() {
        return problems.add(Kind::ManyItems, &component, "A screen can have one Footer only.");
    }
    screen.button = button(&component, problems);
}

fn button<'a>(footer: &Spot<'a>, problems: &mut Problems) -> Option<Button<'a>> {
    problems.only(footer, "'Footer'", &["type", "label", "on-click-action", "enabled"]);
    if let Some(at) = footer.member("enabled").filter(|it| *it.value != true) {
        problems.add(Kind::Value, &at, "Property 'enabled' is supported as true only.");
    }
    let Some(action) = footer.member("on-click-action") else {
        problems.missing(footer, "on-click-action");
        return None;
    };
    let what = action.value.get("name").and_then(Value::as_str).unwrap_or_default();
    let next = match what {
        "navigate" => {
            problems.only(&action, "the action 'navigate'", &["name", "next", "payload"]);
            Some(next_of(&action, problems)?)
        }
        "complete" => {
            problems.only(&action, "the action 'complete'", &["name", "payload"]);
            None
        }
        _ => {
            let why = match what {
                "data_exchange" => ": no endpoint is called, for it would read what is sealed",
                _ => "",
            };
            let message = format!("The action '{what}' is not supported{why}. Use navigate or complete.");
            problems.add(Kind::Enum, &action, message);
            return None;
        }
    };
    let payload = action.member("payload");
    if let Some(at) = payload.as_ref().filter(|it| !it.value.is_object()) {
        problems.not_of_type(at, "object");
    }
    let payload = payload.map(|it| it.members()).unwrap_or_default();
    Some(Button { spot: action, next, payload })
}

fn next_of<'a>(action: &Spot<'a>, problems: &mut Problems) -> Option<&'a str> {
    let Some(next) = action.member("next") else {
        problems.missing(action, "next");
        return None;
    };
    problems.only(&next, "'next'", &["type", "name"]);
    if next.value.get("type").and_then(Value::as_str) != Some("screen") {
        problems.add(Kind::Enum, &next, "Value of 'type' should be one of: [screen].");
    }
    let name = next.value.get("name").and_then(Value::as_str);
    if name.is_none() {
        problems.missing(&next, "name");
    }
    name
}

fn flag(at: &Spot<'_>, name: &str, problems: &mut Problems) -> bool {
    match at.member(name) {
        Some(it) if !it.value.is_boolean() => {
            problems.not_of_type(&it, "boolean");
            false
        }
        Some(it) => *it.value == true,
        None => false,
    }
}

/// A name that expressions can name.
pub(super) fn name<'a>(at: &Spot<'a>, property: &str, problems: &mut Problems) -> Option<&'a str> {
    let Some(spot) = at.member(property) else {
        problems.missing(at, property);
        return None;
    };
    let fits = |it: &&str| {
        let each = it.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-'));
        each && (1..=NAME_MAX).contains(&it.len())
    };
    let name = spot.value.as_str().filter(fits);
    if name.is_none() {
        let message = format!(
            "Property '{property}' should have 1 to {NAME_MAX} letters of A-Z and a-z, digits, '_' and '-'."
        );
        problems.add(Kind::Value, &spot, message);
    }
    name
}
