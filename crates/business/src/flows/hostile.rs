//! What comes in a flow's JSON from who means no good.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tests::{given, order, wrong};
use super::{check, compile};

#[test]
fn screens_that_are_no_line_are_told_as_such() {
    let leads = |from: usize, to: &str| {
        let path =
            format!("/screens/{from}/layout/children/{}/on-click-action", if from == 0 { 2 } else { 6 });
        let mut flow = order();
        *flow.pointer_mut(&path).expect("it is there") =
            json!({ "name": "navigate", "next": { "type": "screen", "name": to }, "payload": {} });
        flow
    };
    let kinds = |flow: &Value| wrong(flow).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert!(kinds(&leads(1, "WHO")).contains(&"INVALID_ROUTING_MODEL".to_owned()), "round and round");
    assert!(kinds(&leads(0, "WHO")).contains(&"INVALID_NAVIGATE_ACTION_NEXT_SCREEN_NAME".to_owned()));
    let mut eleven = order();
    let screen = eleven["screens"][0].clone();
    for number in 0..10 {
        let mut more = screen.clone();
        more["id"] = format!("S{number}").into();
        eleven["screens"].as_array_mut().expect("screens").push(more);
    }
    assert!(kinds(&eleven).contains(&"MAX_SCREENS_NUMBER".to_owned()));
    let nothing = json!({ "version": "5.0", "screens": [{
        "id": "HELLO", "title": "Hello", "terminal": true, "layout": { "type": "SingleColumnLayout", "children": [
            { "type": "TextHeading", "text": "Hello" },
            { "type": "Footer", "label": "Bye", "on-click-action": { "name": "complete", "payload": {} } },
        ] },
    }] });
    assert_eq!(wrong(&nothing), [("MIN_ITEMS_REQUIRED".to_owned(), "screens".to_owned())], "it asks nothing");
}

#[test]
fn hostile_json_is_an_error_and_nothing_worse() {
    let deep = "[".repeat(100_000);
    let deep_payload = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let component = json!({ "type": "TextInput", "name": "x", "label": "X", "text": "y" }).to_string();
    let many = format!(
        "{{\"version\":\"1.0\",\"screens\":[{{\"id\":\"A\",\"layout\":{{\"type\":\"SingleColumnLayout\",\"children\":[{}]}}}}]}}",
        vec![component; 10_000].join(",")
    );
    let long = format!("{{\"{}\":1}}", "é".repeat(500_000));
    for text in [deep, deep_payload, many, long, String::new(), "null".to_owned(), "\u{feff}{}".to_owned()] {
        let (_, problems) = check(&text);
        assert!((1..=50).contains(&problems.len()), "{} problems", problems.len());
        assert!(problems.iter().all(|it| it.message.len() < 2_000 && it.path.len() < 2_000));
        assert!(compile(&text, &Map::new()).is_err());
    }
}

/// Words that mean something, and others.
const WORDS: [&str; 22] = [
    "id",
    "type",
    "screens",
    "layout",
    "children",
    "Form",
    "TextInput",
    "Dropdown",
    "data-source",
    "init-values",
    "name",
    "next",
    "payload",
    "data",
    "__example__",
    "${data.x}",
    "${form.name}",
    "WHO",
    "terminal",
    "routing_model",
    "${",
    "é",
];

fn nonsense() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(&WORDS[..]).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = (prop::sample::select(&WORDS[..]), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(member, 0..4).prop_map(|all| {
                Value::Object(all.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
            }),
        ]
    })
}

/// All places of a value.
fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, it)| pointers(it, format!("{at}/{name}"), all))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, it)| pointers(it, format!("{at}/{index}"), all));
        }
        _ => {}
    }
    all.push(at);
}

proptest! {
    #[test]
    fn whatever_stands_in_a_flow_it_is_a_form_or_it_has_errors(
        changes in prop::collection::vec((any::<prop::sample::Index>(), nonsense()), 1..4),
    ) {
        let mut flow = order();
        for (place, value) in changes {
            let mut all = Vec::new();
            pointers(&flow, String::new(), &mut all);
            let way: &String = place.get(&all);
            if let Some(at) = flow.pointer_mut(way) {
                *at = value;
            }
        }
        let text = serde_json::to_string_pretty(&flow).expect("JSON");
        let (_, problems) = check(&text);
        let lines = text.lines().count() as u64;
        for problem in &problems {
            let told = problem.told();
            let line = |name: &str| told[name].as_u64().expect("a number");
            prop_assert!((1..=lines).contains(&line("line_start")) && line("line_start") <= line("line_end"));
        }
        match compile(&text, &given()) {
            Ok(compiled) => prop_assert!(compiled.form("t", "Open").check().is_ok()),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}
