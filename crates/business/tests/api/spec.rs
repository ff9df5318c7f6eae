//! The description of the API that is checked in.

use std::path::Path;

use lacre_business::api::routes::ROUTES;
use lacre_business::api::spec;
use serde_json::Value;

#[test]
fn the_description_that_is_checked_in_is_that_of_this_node() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/business-api.json");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let made = format!("{}\n", serde_json::to_string_pretty(&spec::document()).expect("JSON"));
    assert!(
        kept == made,
        "the API has changed: look at it, then `cargo run -p lacre -- business openapi > docs/protocol/business-api.json`"
    );
}

#[test]
fn every_call_is_in_it_and_every_name_in_it_is_somebodys() {
    let document = spec::document();
    for route in ROUTES {
        let method = route.method.to_ascii_lowercase();
        let told = &document["paths"][format!("/{}", route.shape)][&method];
        assert_eq!(told["operationId"], format!("{:?}", route.op));
    }
    fn names(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                    found.push(name.trim_start_matches('#').to_owned());
                }
                members.values().for_each(|it| names(it, found));
            }
            Value::Array(items) => items.iter().for_each(|it| names(it, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    names(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for name in found {
        assert!(document.pointer(&name).is_some(), "{name} is nothing");
    }
}
