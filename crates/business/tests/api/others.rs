//! What clients send that were read and not run: each its own way to say the same.

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use lacre_business::tokens::{Bound, Scope};
use serde_json::{Value, json};

use crate::world::*;

/// A form, as clients without JSON send it.
async fn form(world: &World, path: &str, body: &str) -> Answer {
    let request = Request::post(path)
        .header(AUTHORIZATION, format!("Bearer {}", world.token))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()));
    world.request(request.expect("a request")).await
}

#[tokio::test]
async fn a_token_is_asked_what_it_opens() {
    let mut world = World::new().await;
    let all = world.token.clone();
    let messaging = world.token_for(&[Scope::Messaging], None, Bound::default()).await;
    let foreign = world.token_for(&Scope::ALL, Some(&[123]), Bound::default()).await;
    let ask =
        async |world: &World, input: &str| world.get(&format!("/debug_token?input_token={input}")).await;
    let account = world.node.identity.account.to_string();
    let told = ask(&world, &messaging).await.ok()["data"].clone();
    let scope = "whatsapp_business_messaging";
    assert_eq!(told["scopes"], json!([scope]));
    assert_eq!(told["granular_scopes"], json!([{ "scope": scope, "target_ids": [account] }]));
    assert_eq!((&told["is_valid"], &told["type"]), (&json!(true), &json!("SYSTEM_USER")));
    assert_eq!(told["app_id"], world.node.identity.app.to_string());
    for nothing in ["nothing", foreign.as_str(), "", "a%7Cb"] {
        let told = ask(&world, nothing).await.ok()["data"].clone();
        assert_eq!((&told["is_valid"], &told["error"]["code"]), (&json!(false), &json!(190)), "{nothing}");
        assert!(!told.to_string().contains(&account), "{told}");
    }
    world.token.clone_from(&messaging);
    ask(&world, &messaging).await.ok();
    assert_eq!(ask(&world, &all).await.code(), 10, "of others one is not told");
    assert_eq!(ask(&world, "nothing").await.code(), 10);
    let secret = world.node.app_secrets().await.expect("they are there").current;
    world.token = format!("{}|{secret}", world.node.identity.app);
    ask(&world, &all).await.ok();
    assert_eq!(world.get(&world.account("/phone_numbers")).await.code(), 10, "the app opens the app");
    world.token = format!("{}|{}", world.node.identity.app, "x".repeat(secret.len()));
    assert_eq!(ask(&world, &all).await.code(), 190);
    world.token = all;
    assert_eq!(world.get("/debug_token").await.code(), 100);
}

#[tokio::test]
async fn the_app_is_named_by_a_word_and_its_secret_comes_in_a_form() {
    let world = World::new().await;
    let app = world.node.identity.app;
    assert_eq!(world.get("/app").await.ok()["id"], app.to_string());
    let path = "/app/uploads/?file_length=9&file_type=image/png&file_name=a.png";
    assert!(world.call("POST", path, Value::Null).await.ok()["id"].is_string());
    let secret = world.node.app_secrets().await.expect("they are there").current;
    let ask = async |secret: &str| {
        let body = format!("grant_type=client_credentials&client_id={app}&client_secret={secret}");
        form(&world, "/oauth/access_token", &body).await
    };
    assert_eq!(ask(&secret).await.ok()["token_type"], "bearer");
    assert_eq!(ask("wrong").await.code(), 190);
}

#[tokio::test]
async fn a_list_may_come_in_a_form_and_no_trade_is_one_that_is_taken_back() {
    let world = World::new().await;
    let path = world.number("/whatsapp_business_profile");
    let body = "messaging_product=whatsapp&websites%5B%5D=https%3A%2F%2Fpadaria.example&vertical=RETAIL";
    form(&world, &path, body).await.ok();
    let read = async || world.get(&path).await.ok()["data"][0].clone();
    assert_eq!(read().await["websites"], json!(["https://padaria.example"]));
    for none in ["UNDEFINED", "NOT_A_BIZ", ""] {
        let set = json!({ "messaging_product": "whatsapp", "vertical": none });
        world.call("POST", &path, set).await.ok();
        assert_eq!(read().await["vertical"], "UNDEFINED", "{none:?}");
    }
}

#[tokio::test]
async fn a_card_may_have_empty_members_and_a_first_button_no_place() {
    let world = World::new().await;
    world.ana_wrote().await;
    let card = json!({
        "name": { "formatted_name": "Ana", "first_name": "Ana" }, "birthday": "",
        "phones": [{ "phone": "", "wa_id": "5511", "type": "WORK" }],
    });
    world.to_ana(json!({ "type": "contacts", "contacts": [card] })).await.ok();
    let components = json!([
        { "type": "BODY", "text": "Pronto" },
        { "type": "FOOTER", "text": "A padaria" },
        { "type": "BUTTONS", "buttons": [{ "type": "QUICK_REPLY", "text": "Quero" }] },
    ]);
    let template = json!({
        "name": "pronto", "language": "pt_BR", "category": "UTILITY", "components": components,
    });
    let made = world.call("POST", &world.account("/message_templates"), template).await.ok();
    let button = json!([{ "type": "payload", "payload": "yes" }]);
    let filled = json!([
        { "type": "footer" },
        { "type": "button", "sub_type": "quick_reply", "parameters": button },
    ]);
    let template = json!({ "name": "pronto", "language": { "code": "pt_BR" }, "components": filled });
    world.to_ana(json!({ "type": "template", "template": template })).await.ok();
    // It is edited under its account too.
    let path = world.account(&format!("/message_templates/{}", made["id"].as_str().expect("an id")));
    let change = json!({ "components": [{ "type": "BODY", "text": "Pronto!" }] });
    assert_eq!(world.call("POST", &path, change).await.ok()["success"], true);
}

#[tokio::test]
async fn fields_are_set_in_a_query_too() {
    let world = World::new().await;
    let app = world.node.identity.app;
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("object", "whatsapp_business_account")
        .append_pair("callback_url", "https://bot.example/x")
        .append_pair("verify_token", "v")
        .append_pair("fields", r#"["messages","account_settings_update"]"#)
        .finish();
    world.call("POST", &format!("/{app}/subscriptions?{query}"), Value::Null).await.ok();
    let told = world.get(&format!("/{app}/subscriptions")).await.ok();
    let names: Vec<_> =
        told["data"][0]["fields"].as_array().expect("a list").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["messages", "account_settings_update"]);
}
