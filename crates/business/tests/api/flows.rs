//! A bakery has a form filled in: made, looked at, published, sent, deprecated.

use axum::body::Body;
use axum::http::Request;
use lacre_business::api::apps::Notice;
use lacre_business::audit::Filter;
use lacre_business::chat::{self, Card, Header, Input, MediaKind, Offer, Outgoing, Part};
use lacre_business::flows::Status;
use serde_json::{Value, json};

use crate::world::*;

/// One screen that asks for a bread and a day.
pub fn bread() -> Value {
    json!({
        "version": "7.1",
        "screens": [{
            "id": "BREAD",
            "title": "Your bread",
            "terminal": true,
            "data": { "greeting": { "type": "string", "__example__": "Hello" } },
            "layout": { "type": "SingleColumnLayout", "children": [
                { "type": "TextBody", "text": "${data.greeting}" },
                { "type": "RadioButtonsGroup", "name": "bread", "label": "Bread", "required": true,
                  "data-source": [{ "id": "rye", "title": "Rye" }, { "id": "oats", "title": "Oats" }] },
                { "type": "DatePicker", "name": "day", "label": "Day", "init-value": "2026-12-01" },
                { "type": "Footer", "label": "Order", "on-click-action": {
                    "name": "complete", "payload": { "bread": "${form.bread}", "day": "${form.day}" } } },
            ] },
        }],
    })
}

/// A form of several parts; each is a name and a value.
async fn put(world: &World, path: &str, parts: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (name, value) in parts {
        let file =
            if *name == "file" { "; filename=\"flow.json\"\r\ncontent-type: application/json" } else { "" };
        body += &format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n");
    }
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", world.token))
        .header("content-type", "multipart/form-data; boundary=XX");
    world.request(request.body(Body::from(body + "--XX--\r\n")).expect("a request")).await
}

async fn put_json(world: &World, id: &str, json: &str) -> Answer {
    let parts = [
        ("messaging_product", "whatsapp"),
        ("file", json),
        ("name", "flow.json"),
        ("asset_type", "FLOW_JSON"),
    ];
    put(world, &format!("/v23.0/{id}/assets"), &parts).await
}

/// Makes a flow; its id.
pub async fn made(world: &World, flow: Value) -> String {
    let made = world.call("POST", &world.account("/flows"), flow).await.ok();
    made["id"].as_str().expect("an id").to_owned()
}

fn new(name: &str) -> Value {
    json!({ "name": name, "categories": ["OTHER"], "flow_json": bread().to_string() })
}

async fn published(world: &World) -> String {
    let mut flow = new("bread");
    flow["publish"] = true.into();
    made(world, flow).await
}

/// A send of a flow, with these parameters over the usual ones.
fn send_of(id: &str, over: Value) -> Value {
    let mut parameters = json!({
        "flow_message_version": "3", "flow_id": id, "flow_token": "order-17", "flow_cta": "Order",
        "flow_action": "navigate", "flow_action_payload": { "screen": "BREAD", "data": { "greeting": "Hi Ana" } },
    });
    let all = parameters.as_object_mut().expect("an object");
    for (name, value) in over.as_object().expect("an object") {
        match value {
            Value::Null => drop(all.remove(name)),
            value => drop(all.insert(name.clone(), value.clone())),
        }
    }
    let interactive = json!({
        "type": "flow", "body": { "text": "What shall it be?" }, "footer": { "text": "till noon" },
        "action": { "name": "flow", "parameters": parameters },
    });
    json!({ "type": "interactive", "interactive": interactive })
}

#[tokio::test]
async fn a_flow_is_made_changed_published_and_deprecated_and_programs_hear_of_it() {
    let world = World::new().await;
    let id = made(&world, json!({ "name": "bread", "categories": ["OTHER"] })).await;
    let path = format!("/v23.0/{id}");
    let usual = json!({ "id": id, "name": "bread", "status": "DRAFT", "categories": ["OTHER"], "validation_errors": [] });
    assert_eq!(world.get(&path).await.ok(), usual);
    assert_eq!(world.get(&format!("{path}/assets")).await.ok(), json!({ "data": [] }));
    assert_eq!(world.get(&format!("{path}/flow.json")).await.code(), 100);
    let publish = async || world.call("POST", &format!("{path}/publish"), Value::Null).await;
    assert_eq!(publish().await.code(), 139_002, "there is no JSON yet");

    let wrong = put_json(&world, &id, "{\"version\": \"7.1\", \"screens\": [],\n \"x\": 1}").await.ok();
    assert_eq!(wrong["success"], true);
    let error = &wrong["validation_errors"][0];
    assert_eq!(
        (&error["error"], &error["error_type"]),
        (&json!("INVALID_PROPERTY_KEY"), &json!("FLOW_JSON_ERROR"))
    );
    assert_eq!((&error["line_start"], &error["column_start"]), (&json!(2), &json!(7)));
    assert_eq!(error["pointers"][0]["path"], "x");
    assert_eq!(world.get(&path).await.ok()["validation_errors"], wrong["validation_errors"]);
    assert_eq!(publish().await.code(), 139_002, "it has errors");
    assert_eq!(
        put_json(&world, &id, &bread().to_string()).await.ok(),
        json!({ "success": true, "validation_errors": [] })
    );

    let assets = world.get(&format!("{path}/assets?fields=name,asset_type,download_url")).await.ok();
    let asset = &assets["data"][0];
    assert_eq!((&asset["name"], &asset["asset_type"]), (&json!("flow.json"), &json!("FLOW_JSON")));
    let url = asset["download_url"].as_str().and_then(|it| it.strip_prefix("https://node.bakery.example"));
    assert_eq!(world.get(url.expect("it begins so")).await.ok(), bread());
    let bare = Request::get(url.expect("it begins so")).body(Body::empty()).expect("a request");
    assert_eq!(world.request(bare).await.status, 401, "the token opens it");

    let edit = json!({ "name": "breads", "categories": ["SURVEY", "OTHER"] });
    assert_eq!(world.call("POST", &path, edit).await.ok(), json!({ "success": true }));
    world.clock.advance(HOUR);
    assert_eq!(publish().await.ok(), json!({ "success": true }));
    assert_eq!(publish().await.code(), 139_002, "only a draft is published");
    assert_eq!(put_json(&world, &id, &bread().to_string()).await.code(), 139_001);
    let delete = async || world.call("DELETE", &path, Value::Null).await;
    assert_eq!(delete().await.code(), 139_004);
    let fields = "name,status,categories,json_version,updated_at,whatsapp_business_account,application,\
                  preview.invalidate(false),health_status.phone_number(1),data_api_version,endpoint_uri";
    let told = world.get(&format!("{path}?fields={fields}")).await.ok();
    assert_eq!(
        (&told["name"], &told["status"], &told["json_version"]),
        (&json!("breads"), &json!("PUBLISHED"), &json!("7.1"))
    );
    assert_eq!(
        (&told["updated_at"], &told["categories"]),
        (&json!("2024-10-04T01:00:00+0000"), &json!(["SURVEY", "OTHER"]))
    );
    assert_eq!(told["whatsapp_business_account"]["id"], world.node.identity.account.to_string());
    assert_eq!(told["health_status"]["can_send_message"], "AVAILABLE");
    for absent in ["preview", "data_api_version", "endpoint_uri"] {
        assert_eq!(told[absent], Value::Null, "{absent}");
    }

    let deprecate = async || world.call("POST", &format!("{path}/deprecate"), Value::Null).await;
    assert_eq!(deprecate().await.ok(), json!({ "success": true }));
    assert_eq!(deprecate().await.code(), 139_003);
    assert_eq!(world.call("POST", &path, json!({ "name": "again" })).await.code(), 139_001);
    let told: Vec<_> = world
        .hooks
        .told()
        .into_iter()
        .map(|it| match it {
            Notice::FlowStatus(flow, before) => (before, flow.status),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(Status::Draft, Status::Published), (Status::Published, Status::Deprecated)]);

    let rows = world.node.audit.list(&Filter::default(), 100).await.expect("read");
    let what: Vec<_> = rows.into_iter().map(|it| it.act.what).filter(|it| it.starts_with("flow.")).collect();
    assert_eq!(
        what,
        ["flow.create", "flow.edit", "flow.edit", "flow.edit", "flow.publish", "flow.deprecate"]
    );
}

#[tokio::test]
async fn what_a_new_flow_says_is_looked_at() {
    let world = World::new().await;
    let path = world.account("/flows");
    let id = published(&world).await;
    assert_eq!(world.get(&format!("/{id}?fields=status")).await.ok()["status"], "PUBLISHED");
    let mut wrong = new("wrong");
    (wrong["flow_json"], wrong["publish"]) = ("{".into(), true.into());
    let told = world.call("POST", &path, wrong).await.ok();
    assert_eq!(
        (&told["success"], &told["validation_errors"][0]["error"]),
        (&json!(true), &json!("INVALID_FLOW_JSON"))
    );
    let draft = told["id"].as_str().expect("an id");
    assert_eq!(
        world.get(&format!("/{draft}")).await.ok()["status"],
        "DRAFT",
        "what has errors is not published"
    );
    assert_eq!(
        world.call("DELETE", &format!("/{draft}"), Value::Null).await.ok(),
        json!({ "success": true })
    );
    assert_eq!(world.get(&format!("/{draft}")).await.json()["error"]["error_subcode"], 33);

    let clone = made(&world, json!({ "name": "clone", "categories": "SURVEY", "clone_flow_id": id })).await;
    assert_eq!(world.get(&format!("/{clone}/flow.json")).await.ok(), bread());
    let form = "name=third&categories=%5B%22OTHER%22%5D";
    let request = Request::post(&path)
        .header("authorization", format!("Bearer {}", world.token))
        .header("content-type", "application/x-www-form-urlencoded");
    world.request(request.body(Body::from(form)).expect("a request")).await.ok();
    let with = |name: &str, value: Value| {
        let mut flow = new("other");
        match value {
            Value::Null => drop(flow.as_object_mut().expect("an object").remove(name)),
            value => flow[name] = value,
        }
        flow
    };
    for (flow, code, says) in [
        (with("name", json!("bread")), 100, "there is a flow of this name"),
        (with("name", Value::Null), 131_008, "name"),
        (with("name", json!("x".repeat(201))), 100, "name"),
        (with("categories", Value::Null), 131_008, "categories"),
        (with("categories", json!([])), 100, "categories"),
        (with("categories", json!(["SHOPPING"])), 100, "must be one of"),
        (
            with("endpoint_uri", json!("https://bakery.example/flow")),
            100,
            "endpoint_uri: no endpoint is called",
        ),
        (with("clone_flow_id", json!(id)), 100, "not both"),
        (with("flow_json", json!({ "version": "7.1" })), 100, "flow_json must be a string"),
        (json!({ "name": "x", "categories": ["OTHER"], "clone_flow_id": "7" }), 100, "no such flow"),
    ] {
        let answer = world.call("POST", &path, flow.clone()).await;
        assert_eq!(answer.code(), code, "{flow}");
        assert!(answer.details().contains(says), "{}", answer.details());
    }
    let rename = world.call("POST", &format!("/{clone}"), json!({ "name": "bread" })).await;
    assert!(rename.details().contains("there is a flow of this name"));
    world.call("POST", &format!("/{clone}"), json!({ "name": "bread 2" })).await.ok();
    assert_eq!(made(&world, new("clone")).await.len(), 15, "the name is free again");
    assert_eq!(world.call("POST", &format!("/{clone}"), json!({})).await.code(), 100);

    let list = world.get(&format!("{path}?limit=2&fields=name")).await.ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    let next = list["paging"]["next"].as_str().and_then(|it| it.strip_prefix("https://node.bakery.example"));
    assert_eq!(world.get(next.expect("more")).await.ok()["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_asset_is_one_file_of_json() {
    let world = World::new().await;
    let id = made(&world, json!({ "name": "bread", "categories": ["OTHER"] })).await;
    let path = format!("/{id}/assets");
    let (name, kind) = (("name", "flow.json"), ("asset_type", "FLOW_JSON"));
    for (parts, code) in [
        (vec![name, kind], 131_008),
        (vec![("file", "{}"), kind], 131_008),
        (vec![("file", "{}"), ("name", "other.json"), kind], 100),
        (vec![("file", "{}"), name, ("asset_type", "PICTURE")], 100),
        (vec![("file", "{}"), ("file", "{}"), name, kind], 100),
        (vec![("file", ""), name, kind], 100),
    ] {
        assert_eq!(put(&world, &path, &parts).await.code(), code, "{parts:?}");
    }
    assert_eq!(world.call("POST", &path, json!({ "file": "{}" })).await.code(), 100);
    let large = put(&world, &path, &[("file", &"[".repeat(10 * 1024 * 1024)), name, kind]).await;
    assert_eq!((large.status.as_u16(), large.code()), (413, 100));
    let deep = put(&world, &path, &[("file", &"[".repeat(100_000)), name, kind]).await.ok();
    assert_eq!(deep["validation_errors"][0]["error"], "INVALID_FLOW_JSON");
    for call in ["publish", "deprecate", "assets"] {
        assert_eq!(world.call("POST", &format!("/999999999999999/{call}"), Value::Null).await.code(), 100);
    }
}

#[tokio::test]
async fn a_flow_is_sent_as_a_form() {
    let world = World::new().await;
    let id = published(&world).await;
    world.to_ana(send_of(&id, json!({}))).await.ok();
    let Outgoing::Card(Card { header: None, body, footer, offer: Offer::Form(form), template: None }) =
        world.sent_what()
    else {
        panic!("no form")
    };
    assert_eq!((body.as_str(), footer.as_str()), ("What shall it be?", "till noon"));
    assert_eq!((form.id.as_str(), form.title.as_str(), form.pages.len()), ("order-17", "Order", 1));
    assert!(matches!(&form.pages[0].parts[0], Part::Text(text) if text == "Hi Ana"));
    let [bread, day] = &form.fields().collect::<Vec<_>>()[..] else { panic!("two fields") };
    assert!(bread.needed && matches!(&bread.input, Input::One(options) if options.len() == 2));
    assert!(day.start == Some(chat::Answer::Text("2026-12-01".to_owned())));

    // By its name, without a token; a picture above.
    world.fetch.lays("https://bakery.example/c.png", "image/png", b"\x89PNG\r\n\x1a\n...");
    let mut send = send_of(
        &id,
        json!({ "flow_id": null, "flow_name": "bread", "flow_token": null, "mode": "published" }),
    );
    send["interactive"]["header"] =
        json!({ "type": "image", "image": { "link": "https://bakery.example/c.png" } });
    world.to_ana(send).await.ok();
    let Outgoing::Card(card) = world.sent_what() else { panic!("no card") };
    assert!(matches!(card.header, Some(Header::Media(MediaKind::Image, _))));
    assert!(matches!(card.offer, Offer::Form(form) if form.id == "unused"));
}

#[tokio::test]
async fn what_is_not_published_or_not_given_is_not_sent() {
    let world = World::new().await;
    let id = published(&world).await;
    let draft = made(&world, new("draft")).await;
    let empty = made(&world, json!({ "name": "empty", "categories": ["OTHER"] })).await;
    let payload = |it: Value| json!({ "flow_action_payload": it });
    for (send, code, says) in [
        (send_of("999999999999999", json!({})), 131_009, "is no flow of this account"),
        (send_of("bread", json!({})), 131_009, "flow_id must be a string of digits"),
        (send_of(&id, json!({ "flow_name": "bread" })), 131_009, "not both"),
        (send_of(&id, json!({ "flow_id": null })), 131_008, "flow_id is required"),
        (send_of(&draft, json!({})), 131_009, "not published"),
        (send_of(&empty, json!({ "mode": "draft" })), 131_009, "has errors, or no JSON"),
        (send_of(&id, json!({ "mode": "draft" })), 131_009, "mode draft is for drafts"),
        (send_of(&id, json!({ "mode": "other" })), 131_009, "must be draft or published"),
        (send_of(&id, json!({ "flow_action": "data_exchange" })), 131_009, "no endpoint is called"),
        (send_of(&id, json!({ "flow_message_version": "2" })), 131_009, "must be \"3\""),
        (send_of(&id, json!({ "flow_cta": null })), 131_008, "flow_cta is required"),
        (send_of(&id, json!({ "flow_cta": "x".repeat(21) })), 131_009, "flow_cta"),
        (send_of(&id, json!({ "flow_token": "é".repeat(600) })), 131_009, "flow_token"),
        (send_of(&id, payload(json!({ "screen": "OTHER", "data": { "greeting": "Hi" } }))), 131_009, "BREAD"),
        (send_of(&id, payload(json!({ "screen": "BREAD" }))), 131_009, "${data.greeting}"),
        (send_of(&id, payload(json!({ "data": { "greeting": 7 } }))), 131_009, "of type 'string'"),
        (send_of(&id, payload(json!("BREAD"))), 131_009, "must be an object"),
    ] {
        let answer = world.to_ana(send.clone()).await;
        assert_eq!(answer.code(), code, "{send}: {}", answer.details());
        assert!(answer.details().contains(says), "{}", answer.details());
    }
    assert!(world.chat.sent().is_empty());
    world.to_ana(send_of(&draft, json!({ "mode": "draft" }))).await.ok();
    world.call("POST", &format!("/{id}/deprecate"), Value::Null).await.ok();
    assert!(world.to_ana(send_of(&id, json!({}))).await.details().contains("is deprecated"));
}
