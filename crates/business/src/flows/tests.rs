use serde_json::{Map, Value, json};

use super::*;
use crate::chat::{Answer, Filled, Form, Input, LineKind, Part};

/// Two screens: who orders, and what.
pub(super) fn order() -> Value {
    json!({
        "version": "7.1",
        "screens": [
            {
                "id": "WHO",
                "title": "Your order",
                "data": {
                    "greeting": { "type": "string", "__example__": "Hello" },
                    "shops": {
                        "type": "array",
                        "items": { "type": "object", "properties": {} },
                        "__example__": [{ "id": "old", "title": "Old town" }],
                    },
                    "order": { "type": "string", "__example__": "A-1" },
                },
                "layout": { "type": "SingleColumnLayout", "children": [
                    { "type": "TextHeading", "text": "${data.greeting}" },
                    { "type": "Form", "name": "form", "init-values": { "shop": "old" }, "children": [
                        { "type": "TextInput", "name": "name", "label": "Name", "required": true, "helper-text": "In full" },
                        { "type": "Dropdown", "name": "shop", "label": "Shop", "data-source": "${data.shops}" },
                    ] },
                    { "type": "Footer", "label": "Next", "on-click-action": {
                        "name": "navigate",
                        "next": { "type": "screen", "name": "WHAT" },
                        "payload": { "who": "${form.name}", "order": "${data.order}" },
                    } },
                ] },
            },
            {
                "id": "WHAT",
                "title": "Breads",
                "terminal": true,
                "success": true,
                "data": {
                    "who": { "type": "string", "__example__": "Ana" },
                    "order": { "type": "string", "__example__": "A-1" },
                },
                "layout": { "type": "SingleColumnLayout", "children": [
                    { "type": "TextCaption", "text": "${data.order}" },
                    { "type": "CheckboxGroup", "name": "breads", "label": "Breads", "required": true, "max-selected-items": 2,
                      "data-source": [
                        { "id": "rye", "title": "Rye", "description": "dark" },
                        { "id": "oats", "title": "Oats" },
                        { "id": "gone", "title": "Gone", "enabled": false },
                      ] },
                    { "type": "DatePicker", "name": "day", "label": "Day", "min-date": "1767225600000" },
                    { "type": "TextArea", "name": "name", "label": "Name on the bag", "max-length": 20 },
                    { "type": "OptIn", "name": "news", "label": "Tell me of new breads" },
                    { "type": "TextInput", "name": "count", "label": "How many", "input-type": "number", "max-chars": "2" },
                    { "type": "Footer", "label": "Order", "on-click-action": {
                        "name": "complete",
                        "payload": {
                            "who": "${data.who}",
                            "order": "${data.order}",
                            "shop": "${screen.WHO.form.shop}",
                            "breads": "${form.breads}",
                            "day": "${form.day}",
                            "bag": "${form.name}",
                            "news": "${form.news}",
                            "count": "${form.count}",
                            "kind": "bread",
                        },
                    } },
                ] },
            },
        ],
    })
}

pub(super) fn given() -> Map<String, Value> {
    let shops = json!([{ "id": "old", "title": "Old town" }, { "id": "sea", "title": "By the sea" }]);
    let given = json!({ "greeting": "Hi Ana, ${not.this}", "shops": shops, "order": "A-17" });
    given.as_object().expect("an object").clone()
}

fn form() -> Form {
    compile(&order().to_string(), &given()).expect("a form").form("t-1", "Order")
}

/// What is wrong with a flow: kinds and paths, with the longest words left out.
pub(super) fn wrong(flow: &Value) -> Vec<(String, String)> {
    let told = |it: Problem| {
        let value = it.told();
        let path = it.path.replace(".layout.children", "").replace(".on-click-action", ".click");
        (value["error"].as_str().unwrap_or_default().to_owned(), path)
    };
    check(&flow.to_string()).1.into_iter().map(told).collect()
}

/// The order with something else in one place; without it when that is null.
fn with(pointer: &str, value: Value) -> Value {
    let mut flow = order();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = flow.pointer_mut(parent).expect("it is there");
    match (parent, value) {
        (Value::Object(members), Value::Null) => drop(members.remove(name)),
        (Value::Array(items), value) => items.insert(name.parse().expect("a place"), value),
        (parent, value) => parent[name] = value,
    }
    flow
}

#[test]
fn a_flow_becomes_a_form_with_what_it_was_given() {
    assert_eq!(check(&order().to_string()), (Some("7.1".to_owned()), Vec::new()));
    let form = form();
    assert!(form.check().is_ok());
    let titles: Vec<_> = form.pages.iter().map(|it| it.title.as_str()).collect();
    assert_eq!(titles, ["Your order", "Breads"]);
    assert!(
        matches!(&form.pages[0].parts[0], Part::Text(text) if text == "Hi Ana, ${not.this}"),
        "it is only text"
    );
    let names: Vec<_> = form.fields().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        ["WHO.name", "shop", "breads", "day", "WHAT.name", "news", "count"],
        "by both where one is not enough"
    );
    let field = |name: &str| form.fields().find(|it| it.name == name).expect("a field");
    let name = field("WHO.name");
    assert!(name.needed && name.help == "In full");
    assert!(matches!(name.input, Input::Line { kind: LineKind::Any, least: 0, most: 80 }));
    assert_eq!(field("shop").input.options().len(), 2, "those that were given, not the example");
    assert!(field("shop").start == Some(Answer::Chosen(vec!["old".to_owned()])));
    assert!(
        matches!(&field("breads").input, Input::Several { options, least: 0, most: 2 } if options.len() == 2)
    );
    assert!(matches!(&field("day").input, Input::Day { from, to } if from == "2026-01-01" && to.is_empty()));
    assert!(matches!(field("WHAT.name").input, Input::Lines { most: 20 }));
    assert!(matches!(field("count").input, Input::Line { kind: LineKind::Number, least: 0, most: 2 }));
}

#[test]
fn what_was_filled_in_is_told_by_the_names_of_the_payload() {
    let form = form();
    let chosen = |ids: &[&str]| Answer::Chosen(ids.iter().map(|it| (*it).to_owned()).collect());
    let answers = |all: &[(&str, Answer)]| Filled {
        id: "t-1".to_owned(),
        answers: all.iter().map(|(name, answer)| ((*name).to_owned(), answer.clone())).collect(),
    };
    let name = ("WHO.name", Answer::Text("Ana \"A\"".to_owned()));
    let filled = answers(&[
        name.clone(),
        ("shop", chosen(&["sea"])),
        ("breads", chosen(&["rye"])),
        ("news", Answer::Yes(false)),
        ("day", Answer::Text("2026-12-01".to_owned())),
    ]);
    let told = |form: Option<&Form>, filled: &Filled| {
        response(form, filled).map(|it| serde_json::from_str::<Value>(&it).expect("JSON"))
    };
    let wanted = json!({
        "flow_token": "t-1", "who": "Ana \"A\"", "order": "A-17", "shop": "sea", "breads": ["rye"], "news": false,
        "day": "2026-12-01", "kind": "bread",
    });
    assert_eq!(told(Some(&form), &filled), Some(wanted), "what was left out is not there");
    let plain = json!({
        "flow_token": "t-1", "WHO.name": "Ana \"A\"", "shop": ["sea"], "breads": ["rye"], "news": false,
        "day": "2026-12-01",
    });
    assert_eq!(told(None, &filled), Some(plain), "whose form is not here any more");

    for refused in [
        answers(&[("breads", chosen(&["rye"]))]),
        answers(&[name.clone(), ("breads", chosen(&["wheat"]))]),
        answers(&[name.clone(), ("breads", chosen(&["rye"])), ("flow_token", Answer::Yes(true))]),
        Filled { id: "another".to_owned(), ..filled.clone() },
    ] {
        assert_eq!(told(Some(&form), &refused), None);
    }
    let token = answers(&[("flow_token", Answer::Text("forged".to_owned()))]);
    assert_eq!(told(None, &token), Some(json!({ "flow_token": "t-1" })));
}

#[test]
fn what_a_send_gives_has_to_be_what_the_flow_takes() {
    let refused = |name: &str, value: Value| {
        let mut given = given();
        match value {
            Value::Null => drop(given.remove(name)),
            value => drop(given.insert(name.to_owned(), value)),
        }
        let problems = compile(&order().to_string(), &given).expect_err(name);
        format!("{}: {}", problems[0].path, problems[0].message)
    };
    let text = "screens[0].layout.children[0].text";
    assert!(refused("greeting", Value::Null).starts_with(text));
    assert!(refused("greeting", json!(7)).starts_with("screens[0].data.greeting: Expected"));
    assert!(refused("greeting", json!("")).starts_with(text));
    assert!(refused("shops", json!([])).contains("data-source"));
    assert!(refused("shops", json!([{ "id": "a", "title": "A" }])).contains("cannot begin with this"));
    assert!(
        refused("shops", json!([{ "id": "a", "title": "A" }, { "id": "a", "title": "B" }]))
            .contains("Duplicate id")
    );
    assert!(refused("order", json!("x".repeat(9_000))).contains("bytes"));
    let mut more = given();
    more.insert("unasked".to_owned(), json!(1));
    assert!(compile(&order().to_string(), &more).is_ok());
}

fn all_wrong(cases: Vec<(Value, &str, &str)>) {
    for (flow, kind, path) in cases {
        let found = wrong(&flow);
        assert!(found.contains(&(kind.to_owned(), path.to_owned())), "{kind} at {path}: {found:?}");
    }
}

#[test]
fn what_is_wrong_with_screens_is_said_with_its_place() {
    all_wrong(vec![
        (with("/version", Value::Null), "MISSING_FLOW_JSON_VERSION", ""),
        (with("/version", json!("seven")), "INVALID_FLOW_JSON_VERSION", "version"),
        (with("/data_api_version", json!("3.0")), "INVALID_PROPERTY_KEY", "data_api_version"),
        (with("/screens", json!([])), "MIN_ITEMS_REQUIRED", "screens"),
        (with("/screens", json!(7)), "INVALID_PROPERTY_TYPE", "screens"),
        (with("/screens/0/id", json!("WHAT")), "DUPLICATE_SCREEN_IDS", "screens[1]"),
        (with("/screens/0/id", json!("SUCCESS")), "SCREEN_ID_IS_RESERVED_KEYWORD", "screens[0]"),
        (with("/screens/0/id", json!("A B")), "INVALID_PROPERTY_VALUE", "screens[0].id"),
        (with("/screens/0/sensitive", json!(["name"])), "INVALID_PROPERTY_KEY", "screens[0].sensitive"),
        (
            with("/screens/0/refresh_on_back", json!(true)),
            "INVALID_PROPERTY_VALUE",
            "screens[0].refresh_on_back",
        ),
        (with("/screens/1/terminal", Value::Null), "INVALID_COMPLETE_ACTION", "screens[1][6].click"),
        (with("/screens/0/terminal", json!(true)), "INVALID_ROUTING_MODEL", "screens[0][2].click"),
        (with("/screens/1/layout/children", json!([])), "MISSING_FOOTER_ON_TERMINAL_SCREEN", "screens[1]"),
        (with("/screens/1/layout/type", json!("Grid")), "INVALID_ENUM_VALUE", "screens[1].layout.type"),
        (
            with("/screens/0/data/greeting/type", json!("number")),
            "INVALID_SCREEN_DATA",
            "screens[0].data.greeting",
        ),
        (
            with("/screens/0/data/greeting/__example__", Value::Null),
            "MISSING_REQUIRED_PROPERTY",
            "screens[0].data.greeting",
        ),
        (with("/routing_model", json!({ "WHO": ["WHAT"] })), "INVALID_ROUTING_MODEL", "routing_model"),
        (
            with("/routing_model", json!({ "WHO": [], "WHAT": [] })),
            "INVALID_ROUTING_MODEL",
            "routing_model.WHO",
        ),
    ]);
    assert_eq!(wrong(&with("/routing_model", json!({ "WHO": ["WHAT"], "WHAT": [] }))), []);
}

#[test]
fn what_is_wrong_with_buttons_is_said_with_its_place() {
    let first =
        |member: &str, it: Value| with(&format!("/screens/0/layout/children/2/on-click-action/{member}"), it);
    let last =
        |member: &str, it: Value| with(&format!("/screens/1/layout/children/6/on-click-action/{member}"), it);
    let at = "screens[1][6].click";
    let x = "screens[1][6].click.payload.x";
    all_wrong(vec![
        (last("name", json!("data_exchange")), "INVALID_ENUM_VALUE", at),
        (last("name", json!("open_url")), "INVALID_ENUM_VALUE", at),
        (last("payload/x", json!("${form.none}")), "INVALID_ON_CLICK_ACTION_PAYLOAD", x),
        (last("payload/x", json!("${screen.NONE.form.name}")), "INVALID_ON_CLICK_ACTION_PAYLOAD", x),
        (last("payload/x", json!("${data.none}")), "INVALID_SCREEN_DYNAMIC_DATA", x),
        (last("payload/x", json!("Hi ${form.day}")), "INVALID_PROPERTY_VALUE", x),
        (last("payload/x", json!(["${form.day}"])), "INVALID_ON_CLICK_ACTION_PAYLOAD", x),
        (last("payload/x", json!("x".repeat(9_000))), "INVALID_ON_CLICK_ACTION_PAYLOAD", at),
        (
            last("payload/flow_token", json!("x")),
            "INVALID_ON_CLICK_ACTION_PAYLOAD",
            "screens[1][6].click.payload.flow_token",
        ),
        (
            first("next/name", json!("NONE")),
            "INVALID_NAVIGATE_ACTION_NEXT_SCREEN_NAME",
            "screens[0][2].click",
        ),
        (first("next/type", json!("plugin")), "INVALID_ENUM_VALUE", "screens[0][2].click.next"),
        (first("payload/who", Value::Null), "INVALID_NAVIGATE_ACTION_PAYLOAD", "screens[0][2].click"),
        (
            first("payload/more", json!(1)),
            "INVALID_NAVIGATE_ACTION_PAYLOAD",
            "screens[0][2].click.payload.more",
        ),
        (
            first("payload/who", json!("${screen.WHAT.form.day}")),
            "INVALID_ON_CLICK_ACTION_PAYLOAD",
            "screens[0][2].click.payload.who",
        ),
    ]);
}

#[test]
fn what_is_wrong_with_components_is_said_with_its_place() {
    let component = |it: Value| with("/screens/1/layout/children/0", it);
    let text = |it: &str| component(json!({ "type": "TextBody", "text": it }));
    let input = |more: Value| {
        let mut input = json!({ "type": "TextInput", "name": "x", "label": "X" });
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        component(input)
    };
    let day = |name: &str, it: Value| with(&format!("/screens/1/layout/children/2/{name}"), it);
    all_wrong(vec![
        (component(json!("text")), "INVALID_PROPERTY_TYPE", "screens[1][0]"),
        (component(json!({ "text": "x" })), "MISSING_REQUIRED_PROPERTY", "screens[1][0]"),
        (
            component(json!({ "type": "Image", "src": "aaaa" })),
            "INVALID_PROPERTY_VALUE",
            "screens[1][0].type",
        ),
        (
            component(json!({ "type": "If", "condition": "`true`" })),
            "INVALID_PROPERTY_VALUE",
            "screens[1][0].type",
        ),
        (
            component(json!({ "type": "TextBody", "text": "a", "markdown": true })),
            "INVALID_PROPERTY_VALUE",
            "screens[1][0].markdown",
        ),
        (text("${data.who}"), "INVALID_SCREEN_DYNAMIC_DATA", "screens[1][0].text"),
        (text("${screen.WHO.form.name}"), "INVALID_SCREEN_DYNAMIC_DATA", "screens[1][0].text"),
        (text("Hi ${data.order}"), "INVALID_PROPERTY_VALUE", "screens[1][0].text"),
        (text(""), "INVALID_PROPERTY_VALUE", "screens[1][0].text"),
        (input(json!({ "label": "" })), "INVALID_PROPERTY_VALUE", "screens[1][0].label"),
        (input(json!({ "label": "x".repeat(2_000) })), "MAX_ITEMS_REQUIRED", "screens[1][0].label"),
        (input(json!({ "name": "a b" })), "INVALID_PROPERTY_VALUE", "screens[1][0].name"),
        (input(json!({ "required": "yes" })), "INVALID_PROPERTY_TYPE", "screens[1][0].required"),
        (input(json!({ "input-type": "password" })), "INVALID_PROPERTY_VALUE", "screens[1][0].input-type"),
        (
            input(json!({ "min-chars": 9, "max-chars": 3 })),
            "MIN_VALUE_GREATER_THAN_MAX",
            "screens[1][0].max-chars",
        ),
        (input(json!({ "max-chars": 5_000 })), "INVALID_PROPERTY_VALUE", "screens[1][0].max-chars"),
        (input(json!({ "visible": false })), "INVALID_PROPERTY_VALUE", "screens[1][0].visible"),
        (input(json!({ "pattern": "a+" })), "INVALID_PROPERTY_KEY", "screens[1][0].pattern"),
        (input(json!({ "name": "day" })), "DUPLICATE_FORM_COMPONENT_NAMES", "screens[1][3]"),
        (
            input(json!({ "input-type": "email", "init-value": "no" })),
            "INVALID_PROPERTY_VALUE",
            "screens[1][0].init-value",
        ),
        (day("max-date", json!("2025-01-01")), "INVALID_DATE_RANGE", "screens[1][2]"),
        (day("max-date", json!("tomorrow")), "INVALID_PROPERTY_VALUE", "screens[1][2].max-date"),
        (
            day("unavailable-dates", json!(["2026-01-01"])),
            "INVALID_PROPERTY_KEY",
            "screens[1][2].unavailable-dates",
        ),
        (
            with("/screens/0/layout/children/1/init-values/none", json!("x")),
            "INVALID_PROPERTY_KEY",
            "screens[0][1].init-values.none",
        ),
    ]);
}

#[test]
fn an_error_says_where_in_the_text_it_stands() {
    let text = serde_json::to_string_pretty(&with("/screens/0/title", json!(7))).expect("JSON");
    let [problem] = &check(&text).1[..] else { panic!("one problem") };
    let line = text.lines().position(|it| it.contains("\"title\": 7")).expect("a line") as u64 + 1;
    let told = problem.told();
    assert_eq!(
        (&told["error"], &told["error_type"]),
        (&json!("INVALID_PROPERTY_TYPE"), &json!("FLOW_JSON_ERROR"))
    );
    assert_eq!((&told["line_start"], &told["line_end"]), (&json!(line), &json!(line)));
    assert_eq!(told["column_end"].as_u64(), told["column_start"].as_u64().map(|it| it + 1));
    assert_eq!(told["pointers"][0]["path"], "screens[0].title");
    let [problem] = &check("{\n\"version\": }").1[..] else { panic!("one problem") };
    assert_eq!(
        (&problem.told()["error"], &problem.told()["line_start"]),
        (&json!("INVALID_FLOW_JSON"), &json!(2))
    );
}
