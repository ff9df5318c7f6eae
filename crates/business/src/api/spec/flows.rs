//! Flows.

use serde_json::{Map, Value, json};

use super::super::routes::Op;
use super::schema::{digits, enumerated, flag, list, named, object, of, text, whole};
use super::{JSON, Told, success, told};
use crate::flows::{FLOWS_MAX, JSON_MAX, Purpose};

pub(super) fn describe(op: Op) -> Told {
    match op {
        Op::Flows => told("The flows", of("Flow")).paged().chosen(),
        Op::MakeFlow => told("Make a flow", named("FlowMade")).body(named("NewFlow")),
        Op::Flow => told("A flow", named("Flow")).chosen(),
        Op::EditFlow => {
            told("Change the name or the categories of a flow", success()).body(named("FlowChange"))
        }
        Op::DeleteFlow => told("Delete a draft", success()),
        Op::FlowAssets => told("Where the JSON of a flow is downloaded", of("FlowAsset")).chosen(),
        Op::SetFlowAsset => {
            let told = told("Set the JSON of a draft", named("FlowLooked"));
            Told { body: Some(("multipart/form-data", upload())), ..told }
        }
        Op::FlowJson => told("The JSON of a flow", json!({})).bytes(JSON),
        Op::PublishFlow => told("Publish a draft", success()),
        _ => told("Deprecate a flow that is published", success()),
    }
}

/// Every schema that has a name.
pub(super) fn all() -> Map<String, Value> {
    let all = [
        ("Flow", flow()),
        ("FlowMade", looked(&[("id", digits())], &["id", "success", "validation_errors"])),
        ("FlowLooked", looked(&[], &["success", "validation_errors"])),
        ("FlowError", error()),
        ("FlowAsset", asset()),
        ("NewFlow", new()),
        ("FlowChange", change()),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn any() -> Value {
    json!({ "type": "string" })
}

fn categories() -> Value {
    list(enumerated(&Purpose::ALL.map(Purpose::name)), 1, Purpose::ALL.len())
}

fn errors() -> Value {
    json!({ "type": "array", "items": named("FlowError") })
}

fn flow() -> Value {
    let who = || object(&[("id", digits()), ("name", any())], &["id", "name"]);
    let can = || enumerated(&["AVAILABLE", "BLOCKED"]);
    let entity = object(
        &[("entity_type", any()), ("id", digits()), ("can_send_message", can())],
        &["entity_type", "id", "can_send_message"],
    );
    let health = [("can_send_message", can()), ("entities", list(entity, 1, 1))];
    let members = [
        ("id", digits()),
        ("name", text(1, 200)),
        ("status", enumerated(&["DRAFT", "PUBLISHED", "DEPRECATED"])),
        ("categories", categories()),
        ("validation_errors", errors()),
        ("json_version", any()),
        ("updated_at", any()),
        ("whatsapp_business_account", who()),
        ("application", who()),
        ("health_status", object(&health, &["can_send_message", "entities"])),
    ];
    object(&members, &["id"])
}

fn looked(more: &[(&str, Value)], needed: &[&str]) -> Value {
    object(&[&[("success", flag()), ("validation_errors", errors())], more].concat(), needed)
}

fn error() -> Value {
    let names = ["line_start", "line_end", "column_start", "column_end"];
    let mut pointer: Vec<(&str, Value)> = names.map(|name| (name, whole(1))).into();
    let mut members = pointer.clone();
    pointer.push(("path", any()));
    let pointers = list(object(&pointer, &["path"]), 1, 1);
    members.extend([("error", any()), ("error_type", any()), ("message", any()), ("pointers", pointers)]);
    let needed = [&names[..], &["error", "error_type", "message", "pointers"]].concat();
    object(&members, &needed)
}

fn asset() -> Value {
    let members = [
        ("name", enumerated(&["flow.json"])),
        ("asset_type", enumerated(&["FLOW_JSON"])),
        ("download_url", any()),
    ];
    object(&members, &[])
}

fn new() -> Value {
    let members = [
        ("name", text(1, 200)),
        ("categories", categories()),
        ("flow_json", text(0, JSON_MAX)),
        ("publish", flag()),
    ];
    let mut new = object(&members, &["name", "categories"]);
    new["description"] =
        json!(format!("One of at most {FLOWS_MAX}. In place of flow_json, clone_flow_id names another."));
    new
}

fn change() -> Value {
    let mut change = object(&[("name", text(1, 200)), ("categories", categories())], &[]);
    change["anyOf"] = json!([{ "required": ["name"] }, { "required": ["categories"] }]);
    change
}

fn upload() -> Value {
    let file = json!({ "type": "string", "contentMediaType": JSON });
    let members =
        [("file", file), ("name", enumerated(&["flow.json"])), ("asset_type", enumerated(&["FLOW_JSON"]))];
    object(&members, &["file", "name", "asset_type"])
}
