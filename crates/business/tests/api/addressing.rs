use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn any_version_none_and_a_slash_at_the_end_are_the_same_call() {
    let world = World::new().await;
    let number = world.node.identity.number;
    for path in [format!("/{number}"), format!("/v13.0/{number}/"), format!("/v26.0/{number}")] {
        assert_eq!(world.get(&path).await.ok()["id"], number.to_string(), "{path}");
    }
}

#[tokio::test]
async fn ids_are_digits_that_javascript_holds() {
    let world = World::new().await;
    let identity = &world.node.identity;
    let template = world.template(order_ready()).await;
    let ids = [identity.app, identity.account, identity.number, template];
    assert!(ids.iter().all(|it| (100_000_000_000_000..1 << 53).contains(it)));
    let different: std::collections::BTreeSet<_> = ids.into_iter().collect();
    assert_eq!(different.len(), ids.len());
}

#[tokio::test]
async fn a_message_may_come_as_json_as_a_form_and_in_the_query() {
    let world = World::new().await;
    let to = world.ana_wrote().await;
    let bearer = format!("Bearer {}", world.token);
    let said =
        format!("messaging_product=whatsapp&to={to}&type=text&text=%7B%22body%22%3A%22oi%22%7D&context=");
    let said = said.trim_end_matches("&context=");
    let form = Request::post(world.number("/messages"))
        .header("authorization", &bearer)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(said.to_owned()));
    world.request(form.expect("a request")).await.ok();
    let query = Request::post(world.number(&format!("/messages/?{said}&access_token={}", world.token)));
    world.request(query.body(Body::empty()).expect("a request")).await.ok();
    assert_eq!(world.chat.sent().len(), 2);
}

#[tokio::test]
async fn nonsense_is_answered_in_the_envelope() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", world.token);
    for body in ["{", "[1]", "\"x\"", "{\"a\":}", "\u{0}"] {
        let request = Request::post(world.number("/messages")).header("authorization", &bearer);
        let answer = world.request(request.body(Body::from(body)).expect("a request")).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status.as_u16(), error["code"].as_i64()), (400, Some(100)), "{body}");
        let members = ["message", "type", "fbtrace_id"];
        assert!(members.iter().all(|it| error[it].as_str().is_some_and(|it| !it.is_empty())));
        assert_eq!(error["error_data"]["messaging_product"], "whatsapp");
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    let flood = Request::post(world.number("/messages")).header("authorization", &bearer);
    let answer = world.request(flood.body(Body::from(vec![b' '; 1024 * 1024 + 1])).expect("a request")).await;
    assert_eq!(answer.status.as_u16(), 413);
}

#[tokio::test]
async fn what_there_is_not_is_told_in_the_same_words_wherever_it_is_asked_for() {
    let world = World::new().await;
    let number = world.node.identity.number;
    let unknown = [
        ("GET", "/v13.0/".to_owned()),
        ("GET", "/".to_owned()),
        ("GET", "/v23.0/1".to_owned()),
        ("GET", "/v23.0/999999999999999".to_owned()),
        ("GET", "/v23.0/99999999999999999999999999".to_owned()),
        ("GET", format!("/v23.0/0{number}")),
        ("GET", "/v23.0/me".to_owned()),
        ("GET", "/v23.0/%2e%2e/1".to_owned()),
        ("POST", "/v23.0/999999999999999/messages".to_owned()),
        ("GET", format!("/{number}/messages")),
        ("PUT", format!("/{number}/messages")),
        ("POST", format!("/{number}/phone_numbers")),
        ("POST", format!("/{number}/{number}")),
        ("GET", format!("/{number}/message_qrdls/ABCDEFGHJKLMNP")),
        ("GET", "/1/2/3/4/5/6/7/8/9/10/11/12".to_owned()),
    ];
    for (method, path) in unknown {
        let answer = world.call(method, &path, Value::Null).await;
        let mut error = answer.json()["error"].take();
        error["fbtrace_id"] = Value::Null;
        let wanted = json!({
            "message": "(#100) Unsupported request",
            "type": "GraphMethodException",
            "code": 100,
            "error_subcode": 33,
            "error_data": {
                "messaging_product": "whatsapp",
                "details": "Unsupported request: the object does not exist, is not yours, or does not support this call",
            },
            "fbtrace_id": null,
        });
        assert_eq!((answer.status.as_u16(), error), (400, wanted), "{method} {path}");
    }
}

#[tokio::test]
async fn a_list_is_walked_by_links_that_need_no_token() {
    let world = World::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        let mut template = order_ready();
        template["name"] = name.into();
        world.template(template).await;
    }
    let path = world.account(&format!("/message_templates?limit=2&fields=name&access_token={}", world.token));
    let mut page = world.request(Request::get(&path).body(Body::empty()).expect("a request")).await.ok();
    let mut names = Vec::new();
    let follow = |link: &Value| {
        let link = link.as_str()?.strip_prefix("https://node.bakery.example")?.to_owned();
        Some(Request::get(link).body(Body::empty()).expect("a request"))
    };
    loop {
        assert!(
            page["paging"]["cursors"]["before"].is_string() && page["paging"]["cursors"]["after"].is_string()
        );
        for row in page["data"].as_array().expect("a list") {
            assert_eq!(row.as_object().expect("an object").keys().collect::<Vec<_>>(), ["id", "name"]);
            names.push(row["name"].as_str().expect("a name").to_owned());
        }
        assert!(!page.to_string().contains(&world.token), "the token stays out of links");
        let Some(next) = follow(&page["paging"]["next"]) else { break };
        page = world.request(next).await.ok();
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let back = world.request(follow(&page["paging"]["previous"]).expect("a link")).await.ok();
    assert_eq!(back["data"][0]["name"], "c");
    let link = follow(&back["paging"]["previous"]).expect("a link");
    world.clock.advance(10 * 60 * 1000);
    assert_eq!(world.request(link).await.code(), 190, "its time is over");
    assert_eq!(world.get(&world.account("/message_templates?after=%00")).await.code(), 100);
    assert_eq!(world.get(&world.account("/message_templates?fields=a%7B")).await.code(), 100);
}

#[tokio::test]
async fn a_signed_link_opens_nothing_else() {
    let world = World::new().await;
    for name in ["a", "b"] {
        let mut template = order_ready();
        template["name"] = name.into();
        world.template(template).await;
    }
    let page = world.get(&world.account("/message_templates?limit=1")).await.ok();
    let next = page["paging"]["next"].as_str().expect("a link").to_owned();
    let (_, query) = next.split_once('?').expect("a query");
    for path in [world.account("/phone_numbers"), world.number(""), world.number("/messages")] {
        let request = Request::get(format!("{path}?{query}")).body(Body::empty()).expect("a request");
        assert_eq!(world.request(request).await.code(), 190, "{path}");
    }
    let post = Request::post(next.strip_prefix("https://node.bakery.example").expect("it begins so"));
    assert_eq!(world.request(post.body(Body::empty()).expect("a request")).await.code(), 190);
}

#[tokio::test]
async fn b08_a_link_that_is_guessed_altered_over_or_of_another_node_opens_nothing() {
    let (world, other) = (World::new().await, World::seeded(9, |_| ()).await);
    let code = json!({ "prefilled_message": "Oi!", "generate_qr_image": "SVG" });
    let link = async |world: &World| {
        let made = world.call("POST", &world.number("/message_qrdls"), code.clone()).await.ok();
        made["qr_image_url"].as_str().expect("a link").to_owned()
    };
    let opens = async |world: &World, link: &str| {
        let path = link.strip_prefix("https://node.bakery.example").expect("it begins so");
        let answer = world.request(Request::get(path).body(Body::empty()).expect("a request")).await;
        if answer.status.is_success() { 0 } else { answer.code() }
    };
    let (good, second, foreign) = (link(&world).await, link(&world).await, link(&other).await);
    assert_eq!(opens(&world, &good).await, 0);
    let signature = |link: &str| link.split_once("signature=").expect("it is signed").1.to_owned();
    let until = good.split("expires=").nth(1).and_then(|it| it.split('&').next()).expect("a time").to_owned();
    let later = (until.parse::<u64>().expect("a number") + 1).to_string();
    let altered = [
        good.replace(&signature(&good), &signature(&second)),
        good.replace(&signature(&good), &"0".repeat(signature(&good).len())),
        good.replace(&format!("&signature={}", signature(&good)), ""),
        good.replace(&until, &later),
        foreign,
    ];
    for link in altered {
        assert_eq!(opens(&world, &link).await, 190, "{link}");
    }
    world.clock.advance(until.parse::<u64>().expect("a number") - NOW);
    assert_eq!(opens(&world, &good).await, 190, "its time is over");
}
