use axum::body::Body;
use axum::http::Request;
use lacre_business::api::apps::Notice;
use lacre_business::api::messages::reached;
use lacre_business::api::numbers::{Quality, Tier};
use lacre_business::api::wamid;
use lacre_business::chat::{Rated, Reach};
use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn the_profile_is_flat_in_the_first_element_and_changed_by_pieces() {
    let world = World::new().await;
    let path = world.number("/whatsapp_business_profile");
    let get = async |query: &str| world.get(&format!("{path}{query}")).await.ok();
    let bare = json!({ "data": [{ "messaging_product": "whatsapp", "vertical": "UNDEFINED" }] });
    assert_eq!(get("").await, bare);
    let set = async |mut it: Value| {
        it["messaging_product"] = "whatsapp".into();
        world.call("POST", &path, it).await
    };
    set(json!({ "about": "Bread", "vertical": "RESTAURANT", "websites": ["https://bakery.example"] }))
        .await
        .ok();
    assert_eq!(
        set(json!({ "email": "hi@bakery.example", "address": null })).await.ok(),
        json!({ "success": true })
    );
    let profile = json!({
        "messaging_product": "whatsapp", "about": "Bread", "vertical": "RESTAURANT",
        "websites": ["https://bakery.example"], "email": "hi@bakery.example",
    });
    assert_eq!(
        get("?fields=about,address,description,email,profile_picture_url,websites,vertical").await,
        json!({ "data": [profile] })
    );
    set(json!({ "websites": "" })).await.ok();
    assert!(get("").await["data"][0]["websites"].is_null(), "one client empties the list so");
    assert_eq!(get("?fields=about").await["data"][0]["about"], "Bread");
    for bad in [
        json!({ "about": "" }),
        json!({ "about": "x".repeat(140) }),
        json!({ "description": "x".repeat(513) }),
        json!({ "vertical": "PIRACY" }),
        json!({ "websites": ["https://a.example", "https://b.example", "https://c.example"] }),
        json!({ "websites": ["javascript:alert(1)"] }),
        json!({ "email": "nobody" }),
        json!({ "profile_picture_handle": "4::aW" }),
    ] {
        assert_eq!(set(bad.clone()).await.code(), 131009, "{bad}");
    }
    assert_eq!(world.call("POST", &path, json!({ "about": "x" })).await.code(), 131008);
}

#[tokio::test]
async fn the_number_tells_what_it_is() {
    let world = World::new().await;
    let id = world.node.identity.number.to_string();
    let list = world.get(&world.account("/phone_numbers")).await.ok();
    assert_eq!(list["data"][0]["id"], id);
    assert_eq!(list["data"][0]["verified_name"], "The Bakery");
    assert_eq!(list["data"][0]["quality_rating"], "UNKNOWN");
    assert!(list["paging"]["cursors"]["after"].is_string() && list["paging"]["next"].is_null());
    world.node.rate(Quality::Yellow, Tier::T2K).await.expect("rated");
    let fields = "quality_rating,messaging_limit_tier,whatsapp_business_manager_messaging_limit,status,throughput{level},name_status";
    let wanted = json!({
        "id": id, "quality_rating": "YELLOW", "messaging_limit_tier": "TIER_1K",
        "whatsapp_business_manager_messaging_limit": "TIER_2K", "status": "CONNECTED",
        "throughput": { "level": "STANDARD" }, "name_status": "APPROVED",
    });
    assert_eq!(world.get(&world.number(&format!("?fields={fields}"))).await.ok(), wanted);
}

#[tokio::test]
async fn r22_how_the_relay_rates_the_number_is_shown_and_told_when_it_is_news() {
    let world = World::new().await;
    let fields = "quality_rating,messaging_limit_tier,whatsapp_business_manager_messaging_limit,status";
    let shown = async || world.get(&world.number(&format!("?fields={fields}"))).await.ok();
    let learn = async |quality, limit| {
        world.chat.is_rated(quality, limit);
        world.node.learn_rating().await.expect("learned");
    };
    let rated = || {
        let told = world.hooks.told().into_iter();
        told.filter_map(|it| if let Notice::Rated(event, limit) = it { Some((event, limit)) } else { None })
            .collect::<Vec<_>>()
    };
    world.node.learn_rating().await.expect("nothing is known yet");
    learn(Rated::Green, Some(50)).await;
    let number = shown().await;
    assert_eq!(
        (&number["quality_rating"], &number["messaging_limit_tier"]),
        (&json!("GREEN"), &json!("TIER_50"))
    );
    assert_eq!(number["whatsapp_business_manager_messaging_limit"], Value::Null, "it has no such step");
    assert_eq!(rated(), [], "what it begins with is no news");
    learn(Rated::Green, Some(250)).await;
    learn(Rated::Green, Some(250)).await;
    learn(Rated::Yellow, Some(250)).await;
    learn(Rated::Red, Some(250)).await;
    assert_eq!(shown().await["status"], "FLAGGED");
    learn(Rated::Green, None).await;
    let told = [
        ("UPGRADE", "TIER_250"),
        ("FLAGGED", "TIER_250"),
        ("UNFLAGGED", "TIER_UNLIMITED"),
        ("UPGRADE", "TIER_UNLIMITED"),
    ];
    assert_eq!(rated(), told);
    assert_eq!(shown().await["status"], "CONNECTED");
}

#[tokio::test]
async fn the_pin_guards_the_registration() {
    let world = World::new().await;
    let register = async |pin: &str| {
        let body = json!({ "messaging_product": "whatsapp", "pin": pin });
        world.call("POST", &world.number("/register"), body).await
    };
    let set_pin = async |pin: Value| world.call("POST", &world.number(""), json!({ "pin": pin })).await;
    for bad in [json!("12345"), json!("1234567"), json!("12345x"), json!(12.5)] {
        assert_eq!(set_pin(bad.clone()).await.code(), 131009, "{bad}");
    }
    set_pin(json!("123456")).await.ok();
    assert!(matches!(world.hooks.told().as_slice(), [Notice::PinChanged(Some(_))]));
    assert_eq!(world.get(&world.number("?fields=is_pin_enabled")).await.ok()["is_pin_enabled"], true);

    world.call("POST", &world.number("/deregister"), Value::Null).await.ok();
    assert_eq!(world.to_ana(json!({ "text": { "body": "oi" } })).await.code(), 133010);
    assert_eq!(register("000000").await.code(), 133005);
    let fast = register("123456").await;
    assert_eq!((fast.code(), fast.headers["retry-after"].to_str().ok()), (133009, Some("2")));
    world.clock.advance(2_000);
    register("123456").await.ok();
    world.to_ana(json!({ "text": { "body": "oi" } })).await.ok();

    for _ in 0..10 {
        world.clock.advance(2_000);
        assert_eq!(register("000000").await.code(), 133005);
    }
    world.clock.advance(2_000);
    assert_eq!(register("123456").await.code(), 133008, "the right one does not help now");
    world.clock.advance(DAY);
    register("123456").await.ok();
    for _ in 0..8 {
        register("123456").await.ok();
    }
    assert_eq!(register("123456").await.code(), 133016);
}

#[tokio::test]
async fn who_wrote_lately_can_be_blocked_and_anybody_unblocked() {
    let world = World::new().await;
    let (ana, bruno) = (world.ana_wrote().await, world.digits(BRUNO).await);
    let path = world.number("/block_users");
    let call = async |method: &str, users: Value| {
        world.call(method, &path, json!({ "messaging_product": "whatsapp", "block_users": users })).await
    };
    let users =
        json!([{ "user": format!("+{ana}") }, { "user_id": format!("ZZ.{bruno}") }, { "user": "5511" }]);
    let answer = call("POST", users).await.ok();
    let added = json!([{ "input": format!("+{ana}"), "wa_id": ana, "user_id": format!("ZZ.{ana}") }]);
    assert_eq!(answer["block_users"]["added_users"], added);
    let failed = &answer["block_users"]["failed_users"];
    assert_eq!(
        (&failed[0]["input"], &failed[0]["errors"][0]["code"]),
        (&json!(format!("ZZ.{bruno}")), &json!(131047))
    );
    assert_eq!((&failed[1]["input"], &failed[1]["errors"][0]["code"]), (&json!("5511"), &json!(131026)));
    assert_eq!(answer["errors"]["code"], 139100);
    assert_eq!(world.chat.blocked(), [ANA].into());
    assert_eq!(world.to_ana(json!({ "text": { "body": "oi" } })).await.code(), 131026);

    let list = world.get(&path).await.ok();
    let row = json!({ "messaging_product": "whatsapp", "wa_id": ana, "input": ana, "user_id": format!("ZZ.{ana}") });
    assert_eq!(list["data"], json!([row]));
    world.clock.advance(2 * DAY);
    let answer = call("DELETE", json!([{ "user": ana }])).await.ok();
    assert_eq!(answer["block_users"]["removed_users"][0]["wa_id"], ana);
    assert!(answer["errors"].is_null() && world.chat.blocked().is_empty());
    assert_eq!(world.get(&path).await.ok(), json!({ "data": [] }));
    assert_eq!(call("POST", json!([])).await.code(), 131009);
    assert_eq!(call("POST", json!([{}])).await.code(), 131009);
    assert_eq!(call("POST", json!(vec![json!({ "user": "1" }); 1001])).await.code(), 131009);
}

#[tokio::test]
async fn a_qr_code_is_made_read_changed_and_deleted() {
    let world = World::new().await;
    let path = world.number("/message_qrdls");
    let made = world
        .call("POST", &path, json!({ "prefilled_message": "Oi!", "generate_qr_image": "SVG" }))
        .await
        .ok();
    let code = made["code"].as_str().expect("a code").to_owned();
    assert_eq!((code.len(), &made["prefilled_message"]), (14, &json!("Oi!")));
    assert_eq!(made["deep_link_url"], "https://relay.example/b/bakery?text=Oi%21");
    let picture = async |url: &str| {
        let url = url.strip_prefix("https://node.bakery.example").expect("it begins so");
        world.request(Request::get(url).body(Body::empty()).expect("a request")).await
    };
    let url = made["qr_image_url"].as_str().expect("a URL");
    let svg = picture(url).await;
    assert_eq!(
        (svg.status.as_u16(), svg.headers["content-type"].to_str().ok()),
        (200, Some("image/svg+xml"))
    );
    assert!(svg.body.starts_with(b"<svg "));
    assert_eq!(
        picture(&url.replace("as=svg", "as=png")).await.code(),
        190,
        "another address than was signed"
    );

    let update = format!("{path}/{code}?prefilled_message=Ol%C3%A1&generate_qr_image=PNG");
    let changed = world.call("POST", &update, Value::Null).await.ok();
    assert_eq!((&changed["code"], &changed["prefilled_message"]), (&json!(code), &json!("Olá")));
    assert_eq!(changed["deep_link_url"], "https://relay.example/b/bakery?text=Ol%C3%A1");
    let png = picture(changed["qr_image_url"].as_str().expect("a URL")).await;
    assert!(png.body.starts_with(b"\x89PNG"));
    let again = json!({ "code": code, "prefilled_message": "Bom dia" });
    assert_eq!(world.call("POST", &path, again).await.ok()["prefilled_message"], "Bom dia");
    for it in [path.clone(), format!("{path}/{code}")] {
        assert_eq!(world.get(&it).await.ok()["data"][0]["prefilled_message"], "Bom dia");
    }
    assert_eq!(
        world.call("POST", &path, json!({ "prefilled_message": "x".repeat(141) })).await.code(),
        131009
    );
    let unknown = json!({ "code": "A".repeat(14), "prefilled_message": "x" });
    assert_eq!(world.call("POST", &path, unknown).await.code(), 100);
    for (format, kind) in [("SVG", "image/svg+xml"), ("PNG", "image/png")] {
        let fields = format!("fields=code,qr_image_url.format({format})");
        for it in [path.clone(), format!("{path}/{code}")] {
            let told = world.get(&format!("{it}?{fields}")).await.ok()["data"][0].clone();
            assert!(told["prefilled_message"].is_null(), "{told}");
            let picture = picture(told["qr_image_url"].as_str().expect("a URL")).await;
            assert_eq!(picture.headers["content-type"].to_str().ok(), Some(kind));
        }
    }
    world.call("DELETE", &format!("{path}/{code}"), Value::Null).await.ok();
    assert_eq!(world.get(&format!("{path}/{code}")).await.code(), 100);
}

#[tokio::test]
async fn what_is_offered_by_itself_and_the_settings() {
    let world = World::new().await;
    let path = world.number("/conversational_automation");
    let commands = json!([{ "command_name": "menu", "command_description": "What there is" }]);
    let set = json!({ "enable_welcome_message": false, "prompts": ["Menu?"], "commands": commands });
    world.call("POST", &path, set.clone()).await.ok();
    for welcome in [json!(true), json!("true")] {
        let refused = world.call("POST", &path, json!({ "enable_welcome_message": welcome })).await;
        assert_eq!(refused.code(), 131009, "nobody would hear of it");
    }
    let told = world.get(&world.number("?fields=conversational_automation")).await.ok();
    let mut wanted = set.clone();
    wanted["id"] = told["id"].clone();
    assert_eq!(told["conversational_automation"], wanted);
    assert_eq!(world.call("POST", &path, json!({ "prompts": ["a", "b", "c", "d"] })).await.code(), 131009);

    let path = world.number("/whatsapp_commerce_settings");
    let shown = json!({ "id": world.node.identity.number.to_string(), "is_catalog_visible": false, "is_cart_enabled": false });
    assert_eq!(world.get(&path).await.ok(), json!({ "data": [shown] }));
    world.call("POST", &format!("{path}?is_cart_enabled=false"), Value::Null).await.ok();
    assert_eq!(
        world.call("POST", &format!("{path}?is_catalog_visible=true"), Value::Null).await.code(),
        131009
    );

    let path = world.number("/settings");
    assert_eq!(
        world.get(&path).await.ok()["user_identity_change"],
        json!({ "enable_identity_key_check": false })
    );
    world.call("POST", &path, json!({ "calling": { "status": "DISABLED" } })).await.ok();
    for never in [
        json!({ "calling": { "status": "ENABLED" } }),
        json!({ "storage_configuration": { "status": "NO_STORAGE_ENABLED" } }),
    ] {
        assert_eq!(
            world.call("POST", &path, never.clone()).await.code(),
            131009,
            "{never}: never taken and dropped"
        );
    }
}

#[tokio::test]
async fn webhooks_are_set_at_three_places() {
    let world = World::new().await;
    let account = world.account("/subscribed_apps");
    world.call("POST", &account, Value::Null).await.ok();
    let app = json!({ "id": world.node.identity.app.to_string(), "name": "bakery", "link": "https://relay.example/b/bakery" });
    assert_eq!(world.get(&account).await.ok(), json!({ "data": [{ "whatsapp_business_api_data": app }] }));
    let own = json!({ "override_callback_uri": "https://bot.example/a", "verify_token": "v" });
    world.call("POST", &account, own.clone()).await.ok();
    assert_eq!(world.get(&account).await.ok()["data"][0]["override_callback_uri"], "https://bot.example/a");

    let app = format!("/v23.0/{}/subscriptions", world.node.identity.app);
    let query = "object=whatsapp_business_account&callback_url=https%3A%2F%2Fbot.example%2Fx&verify_token=v&fields=messages,security";
    world.call("POST", &format!("{app}?{query}"), Value::Null).await.ok();
    let told = world.get(&app).await.ok();
    assert_eq!(
        (&told["data"][0]["callback_url"], &told["data"][0]["fields"][1]["name"]),
        (&json!("https://bot.example/x"), &json!("security"))
    );
    let as_json = json!({
        "object": "whatsapp_business_account", "callback_url": "https://bot.example/x", "verify_token": "v",
        "fields": "[\"messages\",\"security\"]", "include_values": true,
    });
    world.call("POST", &app, as_json).await.ok();
    assert_eq!(world.get(&app).await.ok(), told, "a list in JSON is a list");
    world.call("POST", &world.number(""), json!({ "webhook_configuration": own })).await.ok();
    let hooks =
        world.get(&world.number("?fields=webhook_configuration")).await.ok()["webhook_configuration"].clone();
    let wanted = json!({
        "application": "https://bot.example/x",
        "whatsapp_business_account": "https://bot.example/a",
        "phone_number": "https://bot.example/a",
    });
    assert_eq!(hooks, wanted);

    let bad = |uri: &str, token: &str| json!({ "override_callback_uri": uri, "verify_token": token });
    assert_eq!(world.call("POST", &account, bad("http://bot.example/", "v")).await.code(), 100);
    assert_eq!(world.call("POST", &account, bad("https://bot.example/", "wrong")).await.code(), 100);
    assert_eq!(world.call("POST", &account, bad("nonsense", "v")).await.code(), 131009);
    assert_eq!(
        world.call("POST", &account, json!({ "override_callback_uri": "https://bot.example/" })).await.code(),
        131008
    );
    assert_eq!(
        world
            .call(
                "POST",
                &format!("{app}?object=page&callback_url=https://x.example&verify_token=v"),
                Value::Null
            )
            .await
            .code(),
        131009
    );

    world
        .call("POST", &world.number(""), json!({ "webhook_configuration": { "override_callback_uri": "" } }))
        .await
        .ok();
    world.call("POST", &account, Value::Null).await.ok();
    world.call("DELETE", &app, Value::Null).await.ok();
    assert_eq!(
        world.get(&world.number("?fields=webhook_configuration")).await.ok()["webhook_configuration"],
        Value::Null
    );
    world.call("DELETE", &account, Value::Null).await.ok();
    assert_eq!(world.get(&account).await.ok(), json!({ "data": [] }));
}

#[tokio::test]
async fn the_account_counts_what_went_out_and_arrived() {
    let world = World::new().await;
    let sent = world.to_ana(json!({ "text": { "body": "oi" } })).await.ok();
    let id = wamid::parse(sent["messages"][0]["id"].as_str().expect("an id")).expect("an id");
    world.to_ana(json!({ "text": { "body": "oi" } })).await.ok();
    for (reach, is_new) in
        [(Reach::Sent, true), (Reach::Read, true), (Reach::Delivered, false), (Reach::Read, false)]
    {
        assert_eq!(reached(&world.node.store, NOW, id, reach).await, Ok(is_new), "{reach:?}");
    }
    let today = NOW / 1000;
    let fields = format!("name,analytics.start({}).end({}).granularity(DAY)", today - 86_400, today + 86_400);
    let told = world.get(&world.account(&format!("?fields={fields}"))).await.ok();
    let number = world.node.identity.number.to_string();
    let point = json!({ "start": today, "end": today + 86_400, "sent": 2, "delivered": 1 });
    let counts = json!({ "phone_numbers": [number], "granularity": "DAY", "data_points": [point] });
    let account = world.node.identity.account.to_string();
    assert_eq!(told, json!({ "id": account, "name": "The Bakery", "analytics": counts }));
    assert_eq!(world.get(&world.account("?fields=analytics.start(2).end(1)")).await.code(), 100);
    assert_eq!(world.get(&world.account("?fields=analytics.start(0).end(9999999999999)")).await.code(), 100);
    assert!(world.get(&world.account("")).await.ok()["analytics"].is_null());
}
