use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use lacre_business::api::Shown;
use lacre_business::api::routes::ROUTES;
use lacre_business::audit::Filter;
use lacre_business::tokens::{Bound, Scope, appsecret_proof};
use serde_json::{Value, json};

use crate::world::*;

/// A path of a shape, with objects that there are.
pub async fn path_of(world: &World, shape: &str) -> String {
    let identity = &world.node.identity;
    let media = crate::media::upload(world, "text/plain", b"the menu").await;
    let mut template = order_ready();
    template["name"] =
        format!("t{}", world.node.random::<4>().iter().map(|it| format!("{it:02x}")).collect::<String>())
            .into();
    let template = world.template(template).await;
    let code =
        world.call("POST", &world.number("/message_qrdls"), json!({ "prefilled_message": "oi" })).await.ok()
            ["code"]
            .as_str()
            .expect("a code")
            .to_owned();
    let flow = match shape.contains("{flow}") {
        true => {
            let name = format!("f{}", u32::from_be_bytes(world.node.random()));
            crate::flows::made(world, json!({ "name": name, "categories": ["OTHER"] })).await
        }
        false => String::new(),
    };
    let pieces = shape.split('/').map(|piece| match piece {
        "{app}" => identity.app.to_string(),
        "{account}" => identity.account.to_string(),
        "{number}" => identity.number.to_string(),
        "{media}" => media.clone(),
        "{template}" => template.to_string(),
        "{flow}" => flow.clone(),
        "{code}" => code.clone(),
        "{upload}" => format!("upload:{}", "A".repeat(22)),
        word => word.to_owned(),
    });
    format!("/v23.0/{}", pieces.collect::<Vec<_>>().join("/"))
}

fn without_trace(mut answer: Value) -> Value {
    answer["error"]["fbtrace_id"] = Value::Null;
    answer
}

#[tokio::test]
async fn every_call_needs_a_token_its_scope_and_its_number() {
    let mut world = World::new().await;
    let good = world.token.clone();
    let other_number = world.token_for(&Scope::ALL, Some(&[123]), Bound::default()).await;
    let own_number =
        world.token_for(&Scope::ALL, Some(&[world.node.identity.number]), Bound::default()).await;
    let nothing = world.call("GET", "/v23.0/999999999999999", Value::Null).await.json();
    for route in ROUTES {
        world.token.clone_from(&good);
        let path = path_of(&world, route.shape).await;
        let call = format!("{} {}", route.method, route.shape);

        let bare = Request::builder().method(route.method).uri(&path).body(Body::empty()).expect("a request");
        let answer = world.request(bare).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, 190), "{call} without a token");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");

        let others: Vec<_> = Scope::ALL.into_iter().filter(|it| *it != route.scope).collect();
        world.token = world.token_for(&others, None, Bound::default()).await;
        let answer = world.call(route.method, &path, Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, 10), "{call} without its scope");

        world.token.clone_from(&other_number);
        let answer = world.call(route.method, &path, Value::Null).await;
        assert_eq!(answer.status.as_u16(), 400, "{call} with the token of another number");
        assert_eq!(
            without_trace(answer.json()),
            without_trace(nothing.clone()),
            "{call}: foreign is unknown"
        );

        world.token.clone_from(&own_number);
        let answer = world.call(route.method, &path, Value::Null).await;
        assert!(![401, 403].contains(&answer.status.as_u16()), "{call} with its own token");
    }
    let calls: BTreeSet<_> = ROUTES.iter().map(|it| (it.method, it.shape)).collect();
    assert_eq!(calls.len(), ROUTES.len(), "a call stands in the table once");
}

#[tokio::test]
async fn a_bad_token_is_a_bad_token_everywhere_and_a_good_one_finds_nothing_at_the_root() {
    let mut world = World::new().await;
    assert_eq!(world.get("/v13.0/").await.json()["error"]["type"], "GraphMethodException");
    for bad in ["", "x", "lacre_bt_", &"lacre_bt_0".repeat(80)] {
        world.token = bad.to_owned();
        for path in ["/v13.0/", "/v23.0/999999999999999", &world.number("")] {
            let answer = world.get(path).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (401, 190), "{bad} {path}");
            assert_eq!(answer.json()["error"]["type"], "OAuthException");
        }
    }
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_at_once() {
    let world = World::new().await;
    world.get(&world.number("")).await.ok();
    let [token] = &world.node.tokens.list(0, 10).await.expect("read")[..] else { panic!("one token") };
    world.node.tokens.revoke(token.id, world.node.now()).await.expect("revoked");
    let answer = world.get(&world.number("")).await;
    assert_eq!((answer.code(), answer.json()["error"]["error_subcode"].as_i64()), (190, Some(460)));
}

#[tokio::test]
async fn who_is_put_out_while_their_words_are_coming_does_nothing_with_them() {
    let mut world = World::new().await;
    let good = world.token.clone();
    let begin = format!("/{}/uploads?file_length=4&file_type=text/plain", world.node.identity.app);
    let begun = world.call("POST", &begin, Value::Null).await.ok();
    let upload = begun["id"].as_str().expect("an id").to_owned();
    let form = "--XX\r\ncontent-disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--XX\r\n\
                content-disposition: form-data; name=\"file\"; filename=\"menu.txt\"\r\ncontent-type: text/plain\r\n\
                \r\nrye\r\n--XX--\r\n";
    let profile = json!({ "messaging_product": "whatsapp", "about": "changed" }).to_string();
    let files = world.files();
    for (path, kind, body) in [
        (world.number("/whatsapp_business_profile"), "application/json", profile),
        (world.number("/media"), "multipart/form-data; boundary=XX", form.to_owned()),
        (format!("/{upload}"), "text/plain", "rye!".to_owned()),
    ] {
        world.token = world.token_for(&Scope::ALL, None, Bound::default()).await;
        let id = world.node.tokens.list(0, 10).await.expect("read").last().expect("a token").id;
        let node = world.node.clone();
        // It is taken back when the request was let in, and its body is asked for.
        let coming = futures_util::stream::once(async move {
            node.tokens.revoke(id, node.now()).await.expect("revoked");
            Ok::<_, std::io::Error>(body)
        });
        let request = Request::post(&path).header("authorization", format!("Bearer {}", world.token));
        let request = request.header("content-type", kind).body(Body::from_stream(coming));
        let answer = world.request(request.expect("a request")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, 190), "{path}");
    }
    world.token = good;
    let about = world.get(&world.number("/whatsapp_business_profile?fields=about")).await.ok();
    assert!(!about.to_string().contains("changed"), "{about}");
    assert_eq!(world.files(), files + 1, "the part of the upload that came rests, and is no file yet");
    assert_eq!(world.get(&format!("/{upload}")).await.ok()["file_offset"], 4);
}

#[tokio::test]
async fn what_a_token_is_bound_to_must_be_shown() {
    let mut world = World::new().await;
    let key = [7; 32];
    let network = "10.1.0.0/16".parse().expect("a network");
    let bound = |proof, key, networks| Bound { proof, key, networks };
    let scopes = [Scope::Management];

    world.token = world.token_for(&scopes, None, bound(true, None, vec![])).await;
    assert_eq!(world.get(&world.number("")).await.code(), 190);
    let proof = appsecret_proof(&world.token, &world.node.identity.app_secret);
    assert_eq!(world.get(&world.number("?appsecret_proof=00")).await.code(), 190);
    world.get(&world.number(&format!("?appsecret_proof={proof}"))).await.ok();

    let shown = async |world: &World, shown: Shown| {
        let bearer = format!("Bearer {}", world.token);
        let request = Request::get(world.number("")).header("authorization", bearer).extension(shown);
        world.request(request.body(Body::empty()).expect("a request")).await.status.as_u16()
    };
    let peer = |text: &str| Shown { peer: text.parse().ok(), signed_by: None };
    world.token = world.token_for(&scopes, None, bound(false, Some(key), vec![])).await;
    assert_eq!(world.get(&world.number("")).await.code(), 190, "nobody looked at a signature");
    assert_eq!(shown(&world, Shown { peer: None, signed_by: Some([8; 32]) }).await, 401);
    assert_eq!(shown(&world, Shown { peer: None, signed_by: Some(key) }).await, 200);

    world.token = world.token_for(&scopes, None, bound(false, None, vec![network])).await;
    assert_eq!(world.get(&world.number("")).await.code(), 190, "nobody knows where it came from");
    assert_eq!(shown(&world, peer("10.2.0.1")).await, 401);
    assert_eq!(shown(&world, peer("10.1.255.1")).await, 200);
}

#[tokio::test]
async fn who_knows_the_apps_secret_gets_a_token_for_the_app_and_for_nothing_else() {
    let mut world = World::new().await;
    let (app, secret) = (world.node.identity.app, world.node.identity.app_secret.clone());
    let ask = async |world: &World, id: u64, secret: &str| {
        let query = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let request = Request::get(format!("/v23.0/oauth/access_token?{query}")).body(Body::empty());
        world.request(request.expect("a request")).await
    };
    assert_eq!(ask(&world, app, "wrong").await.code(), 190);
    assert_eq!(ask(&world, 1, &secret).await.code(), 190);
    let given = ask(&world, app, &secret).await.ok();
    assert_eq!(given["token_type"], "bearer");
    let token = given["access_token"].as_str().expect("a token").to_owned();

    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("object", "whatsapp_business_account")
        .append_pair("callback_url", "https://bot.example/x")
        .append_pair("verify_token", "v")
        .append_pair("access_token", &token)
        .finish();
    let path = format!("/v23.0/{app}/subscriptions?{query}");
    world.request(Request::post(&path).body(Body::empty()).expect("a request")).await.ok();
    world.token = token.clone();
    assert_eq!(
        world.get(&format!("/{app}/subscriptions")).await.ok()["data"][0]["callback_url"],
        "https://bot.example/x"
    );
    for route in ROUTES.iter().filter(|it| ["{number}", "{account}"].contains(&it.shape)) {
        let id =
            if route.shape == "{number}" { world.node.identity.number } else { world.node.identity.account };
        assert_eq!(
            world.call(route.method, &format!("/{id}"), Value::Null).await.code(),
            10,
            "{}",
            route.shape
        );
    }
    let longer = token.replace(&(NOW + HOUR).to_string(), &(NOW + 2 * HOUR).to_string());
    assert_ne!(longer, token);
    world.token = longer;
    assert_eq!(world.get(&format!("/{app}")).await.code(), 190, "its end is signed");
    world.token = token;
    world.clock.advance(HOUR);
    assert_eq!(world.get(&format!("/{app}")).await.code(), 190, "its time is over");
}

/// A list of three, one on a page.
async fn pages(world: &World) -> String {
    for words in ["um", "dois", "três"] {
        let code = json!({ "prefilled_message": words });
        world.call("POST", &world.number("/message_qrdls"), code).await.ok();
    }
    world.number("/message_qrdls?limit=1")
}

/// Asks with a token or without one, and with what is shown; the status, and the link to the next page.
async fn asks(world: &World, path: &str, token: Option<&str>, shown: Shown) -> (u16, Option<String>) {
    let path = path.strip_prefix("https://node.bakery.example").unwrap_or(path);
    let mut request = Request::get(path).extension(shown);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = world.request(request.body(Body::empty()).expect("a request")).await;
    let next = answer.json()["paging"]["next"].as_str().map(str::to_owned);
    (answer.status.as_u16(), next)
}

#[tokio::test]
async fn b03_a_link_to_the_next_page_opens_what_its_token_opens_and_no_longer() {
    let world = World::new().await;
    let path = pages(&world).await;
    let nothing = Shown::default;
    let token = world.token_for(&[Scope::Management], None, Bound::default()).await;
    let id = world.node.tokens.list(0, 10).await.expect("read").last().expect("a token").id;
    let (_, next) = asks(&world, &path, Some(&token), nothing()).await;
    let next = next.expect("a link");
    let (status, third) = asks(&world, &next, None, nothing()).await;
    assert_eq!(status, 200, "it is followed bare");
    assert_eq!(asks(&world, &third.expect("a link"), None, nothing()).await, (200, None));
    let of_another = next.replace(&format!("by={id}"), "by=1");
    assert_ne!(of_another, next);
    assert_eq!(asks(&world, &of_another, None, nothing()).await.0, 401);
    world.node.tokens.revoke(id, world.node.now()).await.expect("revoked");
    assert_eq!(asks(&world, &next, None, nothing()).await.0, 401, "the token is revoked, and so is its link");

    // What a token is bound to, its links are too.
    let bound = |proof, key, networks| Bound { proof, key, networks };
    let from = |text: &str| Shown { peer: text.parse().ok(), signed_by: None };
    let networks = vec!["10.1.0.0/16".parse().expect("a network")];
    let token = world.token_for(&[Scope::Management], None, bound(false, None, networks)).await;
    let (_, next) = asks(&world, &path, Some(&token), from("10.1.0.1")).await;
    let next = next.expect("a link");
    assert_eq!(asks(&world, &next, None, from("10.1.7.7")).await.0, 200);
    for elsewhere in [from("10.2.0.1"), nothing()] {
        assert_eq!(asks(&world, &next, None, elsewhere).await.0, 401);
    }

    let signed = Shown { peer: None, signed_by: Some([7; 32]) };
    let token = world.token_for(&[Scope::Management], None, bound(false, Some([7; 32]), vec![])).await;
    let (_, next) = asks(&world, &path, Some(&token), signed.clone()).await;
    let next = next.expect("a link");
    assert_eq!(asks(&world, &next, None, nothing()).await.0, 401, "no link shows a signature");
    assert_eq!(asks(&world, &next, Some(&token), signed).await.0, 200);

    let token = world.token_for(&[Scope::Management], None, bound(true, None, vec![])).await;
    let proof = appsecret_proof(&token, &world.node.identity.app_secret);
    let proven = |path: &str| format!("{path}&appsecret_proof={proof}");
    let (_, next) = asks(&world, &proven(&path), Some(&token), nothing()).await;
    let next = next.expect("a link");
    assert_eq!(asks(&world, &next, None, nothing()).await.0, 401, "nor a proof");
    assert_eq!(asks(&world, &proven(&next), Some(&token), nothing()).await.0, 200);
}

#[tokio::test]
async fn b03_who_tries_tokens_is_slowed_down_and_noted_and_the_rest_of_the_house_is_not() {
    let world = World::new().await;
    let path = world.number("");
    let from = |text: &str| Shown { peer: text.parse().ok(), signed_by: None };
    let tries = async |peer: &str| asks(&world, &path, Some("lacre_bt_guess"), from(peer)).await.0;
    for _ in 0..30 {
        assert_eq!(tries("203.0.113.7").await, 401);
    }
    assert_eq!(tries("203.0.113.7").await, 429);
    let bare = Request::get(format!(
        "/oauth/access_token?grant_type=client_credentials&client_id={}&client_secret=x",
        world.node.identity.app
    ));
    let answer = world.request(bare.extension(from("203.0.113.7")).body(Body::empty()).expect("one")).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (429, 80007), "the app's secret is tried no faster");
    assert_eq!(answer.headers["retry-after"], "2");
    assert_eq!(asks(&world, &path, Some(&world.token), from("203.0.113.7")).await.0, 200, "a good one");
    assert_eq!(tries("203.0.113.8").await, 401, "somebody else");
    for _ in 0..40 {
        assert_eq!(tries("127.0.0.1").await, 401, "a proxy on this machine is everybody");
    }
    world.clock.advance(2_000);
    assert_eq!((tries("203.0.113.7").await, tries("203.0.113.7").await), (401, 429));

    let noted = async || {
        let rows = world.node.audit.list(&Filter::default(), 100).await.expect("read");
        let rows = rows.into_iter().map(|it| it.act).filter(|it| it.what == "token.failed");
        rows.map(|it| it.detail).collect::<Vec<_>>()
    };
    assert_eq!(noted().await, ["nobody, the first of a run"]);
    world.clock.advance(HOUR);
    world.node.note_failures().await.expect("written");
    assert_eq!(noted().await[1..], ["nobody, 74 more in 2 seconds"]);
}
