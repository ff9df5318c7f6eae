use lacre_business::api::apps::Notice;
use lacre_business::chat::{Button, Card, Category, Choice, Header, MediaKind, Offer, Outgoing, TemplateRef};
use lacre_business::node::Approve;
use lacre_business::templates::{Decision, Status};
use serde_json::{Value, json};

use crate::world::*;

fn rich() -> Value {
    json!({
        "name": "delivery",
        "language": "en",
        "category": "utility",
        "components": [
            { "type": "HEADER", "format": "IMAGE", "example": { "header_handle": ["4::aW"] } },
            { "type": "BODY", "text": "Hi {{1}}, pay {{2}}.", "example": { "body_text": [["Ana", "$3"]] } },
            { "type": "FOOTER", "text": "The Bakery" },
            { "type": "BUTTONS", "buttons": [
                { "type": "URL", "text": "Track", "url": "https://bakery.example/t/{{1}}", "example": ["a17"] },
                { "type": "QUICK_REPLY", "text": "Stop" },
                { "type": "PHONE_NUMBER", "text": "Call", "phone_number": "+551130000000" },
                { "type": "COPY_CODE", "example": "CAKE10" },
            ] },
        ],
    })
}

fn rich_components() -> Vec<Value> {
    let money = json!({ "fallback_value": "$3", "code": "USD", "amount_1000": 3000 });
    vec![
        json!({ "type": "header", "parameters": [{ "type": "image", "image": { "link": "https://bakery.example/c.png" } }] }),
        json!({ "type": "body", "parameters": [{ "type": "text", "text": "{{2}}" }, { "type": "currency", "currency": money }] }),
        json!({ "type": "button", "sub_type": "url", "index": "0", "parameters": [{ "type": "text", "text": "a 17/../x?y" }] }),
        json!({ "type": "button", "sub_type": "quick_reply", "index": 1, "parameters": [{ "type": "payload", "payload": "STOP" }] }),
        json!({ "type": "button", "sub_type": "copy_code", "index": 3, "parameters": [{ "type": "coupon_code", "coupon_code": "CAKE7" }] }),
    ]
}

fn send_of(name: &str, language: &str, components: &[Value]) -> Value {
    let template = json!({ "name": name, "language": { "code": language }, "components": components });
    json!({ "type": "template", "template": template })
}

#[tokio::test]
async fn a_template_with_everything_is_filled_into_a_card() {
    let world = World::new().await;
    world.fetch.lays("https://bakery.example/c.png", "image/png", b"\x89PNG\r\n\x1a\n...");
    world.template(rich()).await;
    let answer = world.to_ana(send_of("delivery", "en", &rich_components())).await.ok();
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    let Outgoing::Card(card) = world.sent_what() else { panic!("no card") };
    let Card { header: Some(Header::Media(MediaKind::Image, _)), body, footer, offer, template } = card
    else {
        panic!("no image above")
    };
    assert_eq!((body.as_str(), footer.as_str()), ("Hi {{2}}, pay $3.", "The Bakery"), "values are only text");
    let stop = Choice { id: "STOP".to_owned(), title: "Stop".to_owned(), description: String::new() };
    let link = "https://bakery.example/t/a 17/../x?y".parse().expect("a URL");
    let buttons = vec![
        Button::Link("Track".to_owned(), link),
        Button::Reply(stop),
        Button::Phone("Call".to_owned(), "+551130000000".to_owned()),
        Button::Copy("Copy code".to_owned(), "CAKE7".to_owned()),
    ];
    assert_eq!(offer, Offer::Buttons(buttons));
    assert_eq!(template, Some(TemplateRef { name: "delivery".to_owned(), language: "en".to_owned() }));

    // With what stands above it is one message, which needs no window.
    world.clock.advance(DAY);
    world.grants(ANA, Category::Service);
    world.grants(ANA, Category::Marketing);
    let digits = world.digits(ANA).await;
    world.send(&digits, send_of("delivery", "en", &rich_components())).await.ok();
}

#[tokio::test]
async fn parameters_are_counted_and_typed() {
    let world = World::new().await;
    world.template(rich()).await;
    let with = |place: usize, component: Value| {
        let mut all = rich_components();
        all[place] = component;
        send_of("delivery", "en", &all)
    };
    let without = |place: usize| {
        let mut all = rich_components();
        all.remove(place);
        send_of("delivery", "en", &all)
    };
    let body = |texts: &[&str]| {
        let parameters: Vec<_> = texts.iter().map(|it| json!({ "type": "text", "text": it })).collect();
        with(1, json!({ "type": "body", "parameters": parameters }))
    };
    let header = |it: Value| with(0, json!({ "type": "header", "parameters": [it] }));
    let button = |index: usize, sub: &str, it: Value| {
        with(2, json!({ "type": "button", "sub_type": sub, "index": index, "parameters": it }))
    };
    let text = json!([{ "type": "text", "text": "x" }]);
    let cases = [
        (body(&["Ana"]), 132000),
        (body(&["Ana", "b", "c"]), 132000),
        (without(1), 132000),
        (without(0), 132000),
        (without(2), 131008),
        (without(4), 131008),
        (body(&["Ana", ""]), 131009),
        (body(&["Ana", "a\nb"]), 132008),
        (body(&["Ana", "a     b"]), 132008),
        (body(&["Ana", &"x".repeat(1024)]), 132005),
        (
            with(
                1,
                json!({ "type": "body", "parameters": [{ "type": "image" }, { "type": "text", "text": "x" }] }),
            ),
            132012,
        ),
        (header(json!({ "type": "video", "video": { "id": "1" } })), 132012),
        (header(json!({ "type": "image" })), 131008),
        (header(json!({ "type": "image", "image": {} })), 131008),
        (button(9, "url", text.clone()), 131009),
        (button(0, "quick_reply", text.clone()), 132012),
        (button(0, "url", json!([])), 131008),
        (button(0, "url", json!([{ "type": "image" }])), 132012),
        (button(2, "phone_number", text), 132000),
        (send_of("delivery", "pt_BR", &[]), 132001),
        (send_of("nothing", "en", &[]), 132001),
    ];
    for (send, code) in cases {
        let answer = world.to_ana(send.clone()).await;
        assert_eq!(answer.code(), code, "{send}: {}", answer.details());
    }
    assert_eq!(world.to_ana(send_of("nothing", "en", &[])).await.status.as_u16(), 404);
    assert!(world.chat.sent().is_empty());
}

#[tokio::test]
async fn variables_may_have_names() {
    let world = World::new().await;
    let named = |name: &str, text: &str| json!({ "type": "text", "parameter_name": name, "text": text });
    let template = json!({
        "name": "hello", "language": "en", "category": "UTILITY", "parameter_format": "NAMED",
        "components": [
            { "type": "HEADER", "format": "TEXT", "text": "Order {{code}}",
              "example": { "header_text_named_params": [{ "param_name": "code", "example": "A-17" }] } },
            { "type": "BODY", "text": "Hi {{name}}, it is {{what}}!",
              "example": { "body_text_named_params": [
                  { "param_name": "name", "example": "Ana" }, { "param_name": "what", "example": "cake" } ] } },
        ],
    });
    world.template(template).await;
    let send = |body: Value| {
        let components = [
            json!({ "type": "header", "parameters": [named("code", "B-2")] }),
            json!({ "type": "body", "parameters": body }),
        ];
        send_of("hello", "en", &components)
    };
    world.to_ana(send(json!([named("what", "bread"), named("name", "Bruno")]))).await.ok();
    let Outgoing::Card(card) = world.sent_what() else { panic!("no card") };
    assert_eq!(card.header, Some(Header::Text("Order B-2".to_owned())));
    assert_eq!((card.body.as_str(), card.offer), ("Hi Bruno, it is bread!", Offer::None));
    let unnamed = json!({ "type": "text", "text": "x" });
    for (body, code) in [
        (json!([named("what", "a"), named("what", "b")]), 132012),
        (json!([named("what", "a"), named("who", "b")]), 132012),
        (json!([named("what", "a"), unnamed]), 131008),
        (json!([named("what", "a")]), 132000),
    ] {
        assert_eq!(world.to_ana(send(body.clone())).await.code(), code, "{body}");
    }
}

#[tokio::test]
async fn a_code_to_sign_in_with_is_sent_as_clients_send_it() {
    let world = World::new().await;
    let template = json!({
        "name": "code", "language": "en_US", "category": "AUTHENTICATION",
        "components": [
            { "type": "BODY", "add_security_recommendation": true },
            { "type": "FOOTER", "code_expiration_minutes": 10 },
            { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE", "text": "Copy" }] },
        ],
    });
    world.template(template).await;
    world.grants(ANA, Category::Authentication);
    let code = json!([{ "type": "text", "text": "482107" }]);
    let components = [
        json!({ "type": "body", "parameters": code }),
        json!({ "type": "button", "sub_type": "url", "index": "0", "parameters": code }),
    ];
    world.to_ana(send_of("code", "en_US", &components)).await.ok();
    assert_eq!(world.sent().category, Category::Authentication);
    let Outgoing::Card(card) = world.sent_what() else { panic!("no card") };
    assert_eq!(card.body, "482107 is your verification code. For your security, do not share this code.");
    assert_eq!(card.offer, Offer::Buttons(vec![Button::Copy("Copy".to_owned(), "482107".to_owned())]));
}

#[tokio::test]
async fn only_what_is_approved_is_sent() {
    let world = World::with(|it| it.approve = Approve::ByOperator).await;
    let made = world.call("POST", &world.account("/message_templates"), order_ready()).await.ok();
    let id: u64 = made["id"].as_str().expect("an id").parse().expect("digits");
    assert_eq!(made, json!({ "id": id.to_string(), "status": "PENDING", "category": "UTILITY" }));
    let send = async || {
        let answer = world.to_ana(order_ready_for("Ana", "A-17")).await;
        if answer.status.is_success() { 0 } else { answer.code() }
    };
    assert_eq!(send().await, 132001);
    world.node.reject(id, "INVALID_FORMAT".to_owned()).await.expect("decided");
    assert_eq!(send().await, 132001);
    assert_eq!(
        world.get(&format!("/{id}?fields=rejected_reason,status")).await.ok(),
        json!({ "id": id.to_string(), "rejected_reason": "INVALID_FORMAT", "status": "REJECTED" })
    );
    // What was rejected is not approved as it is: it is edited, and waits again.
    world.node.approve(id).await.expect("decided");
    world.node.pause(id).await.expect("decided");
    assert_eq!(world.get(&format!("/{id}?fields=status")).await.ok()["status"], "REJECTED");
    let again = json!({ "components": order_ready()["components"] });
    world.call("POST", &format!("/{id}"), again).await.ok();
    world.node.decide(id, Decision::Disable).await.expect("decided");
    assert_eq!(world.get(&format!("/{id}?fields=status")).await.ok()["status"], "PENDING");
    world.node.approve(id).await.expect("decided");
    assert_eq!(send().await, 0);
    world.node.pause(id).await.expect("decided");
    assert_eq!(send().await, 132015);
    world.node.decide(id, Decision::Disable).await.expect("decided");
    world.node.decide(id, Decision::Disable).await.expect("decided");
    assert_eq!(send().await, 132016);
    assert_eq!(world.node.approve(1).await, Ok(None));
    let told = world.hooks.told().into_iter().map(|it| match it {
        Notice::TemplateStatus(template) => template.status,
        other => panic!("{other:?}"),
    });
    let told: Vec<Status> = told.collect();
    use Status::{Approved, Disabled, Paused, Pending, Rejected};
    assert_eq!(told, [Pending, Rejected, Pending, Approved, Paused, Disabled]);
}

#[tokio::test]
async fn templates_are_listed_filtered_edited_and_deleted() {
    let world = World::new().await;
    let path = world.account("/message_templates");
    let id = world.template(order_ready()).await;
    let mut english = order_ready();
    english["language"] = "en".into();
    let english_id = world.template(english).await;
    world.template(rich()).await;
    let again = world.call("POST", &path, order_ready()).await;
    assert_eq!((again.code(), again.json()["error"]["error_subcode"].as_i64()), (100, Some(2_388_024)));

    let names = async |query: &str| {
        let list = world.get(&format!("{path}?{query}")).await.ok();
        let row = |it: &Value| format!("{} {}", it["name"], it["language"]).replace('"', "");
        list["data"].as_array().expect("a list").iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["delivery en", "order_ready en", "order_ready pt_BR"]);
    assert_eq!(names("name=order_ready&language=pt_BR").await, ["order_ready pt_BR"]);
    assert_eq!(names("status=REJECTED,PAUSED").await, [""; 0]);
    assert_eq!(names("content=TRACK").await, ["delivery en"]);
    assert_eq!(names("category=%5B%22UTILITY%22%5D&name_or_content=deliv").await, ["delivery en"]);
    let list = world.get(&format!("{path}?summary=total_count&limit=1")).await.ok();
    assert_eq!(
        (list["summary"]["total_count"].as_u64(), list["data"].as_array().map(Vec::len)),
        (Some(3), Some(1))
    );
    for member in ["id", "name", "language", "status", "category", "parameter_format", "components"] {
        assert!(!list["data"][0][member].is_null(), "{member}");
    }
    for it in [format!("/{id}"), format!("{path}/{id}")] {
        assert_eq!(world.get(&it).await.ok()["components"], order_ready()["components"]);
    }

    let body = json!([{ "type": "BODY", "text": "Pronto: {{1}}!", "example": { "body_text": [["A"]] } }]);
    let edit = json!({ "components": body, "category": "MARKETING" });
    let told =
        json!({ "success": true, "id": id.to_string(), "name": "order_ready", "category": "MARKETING" });
    assert_eq!(world.call("POST", &format!("/{id}"), edit).await.ok(), told);
    let edited = world.get(&format!("/{id}")).await.ok();
    assert_eq!((&edited["category"], &edited["previous_category"]), (&json!("MARKETING"), &json!("UTILITY")));
    assert_eq!(world.call("POST", &format!("/{id}"), json!({ "components": [] })).await.code(), 100);
    assert_eq!(world.call("POST", &format!("/{id}"), json!({})).await.code(), 100);

    let delete = async |query: &str| world.call("DELETE", &format!("{path}?{query}"), Value::Null).await;
    assert_eq!(delete(&format!("name=delivery&hsm_id={id}")).await.code(), 100, "not of that name");
    assert_eq!(delete("name=nothing").await.code(), 100);
    assert_eq!(delete("").await.code(), 131008);
    delete(&format!("name=order_ready&hsm_id={english_id}")).await.ok();
    assert_eq!(names("").await, ["delivery en", "order_ready pt_BR"]);
    world.call("DELETE", &format!("/{id}"), Value::Null).await.ok();
    assert_eq!(world.get(&format!("/{id}")).await.code(), 100);
    world.template(order_ready()).await;
    delete("name=order_ready").await.ok();
    assert_eq!(names("").await, ["delivery en"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_template_is_said_as_an_invalid_parameter() {
    let world = World::new().await;
    let with = |name: &str, value: Value| {
        let mut it = order_ready();
        it[name] = value;
        it
    };
    let cases = [
        (with("name", json!("Order Ready")), "name may have only a-z, 0-9 and _"),
        (with("language", json!("x")), "language must have 2 to 15 characters, and has 1"),
        (with("language", json!("Pt-br")), "language must be a language as en or pt_BR"),
        (with("category", json!("SPAM")), "category must be MARKETING, UTILITY or AUTHENTICATION"),
        (with("parameter_format", json!("X")), "parameter_format must be POSITIONAL or NAMED"),
        (with("components", json!([])), "components must have 1 to 10 elements, and has 0"),
        (
            with("components", json!([{ "type": "LIMITED_TIME_OFFER" }])),
            "components[0] is of type LIMITED_TIME_OFFER, which the node does not have",
        ),
    ];
    for (template, details) in cases {
        let answer = world.call("POST", &world.account("/message_templates"), template).await;
        assert_eq!(answer.details(), details);
        assert!([100, 131009].contains(&answer.code()));
    }
}

#[tokio::test]
async fn a_hundred_templates_an_hour_are_made_and_no_more() {
    let world = World::new().await;
    for index in 0..100 {
        let mut template = order_ready();
        template["name"] = format!("t{index}").into();
        world.template(template).await;
    }
    let answer = world.call("POST", &world.account("/message_templates"), order_ready()).await;
    assert_eq!((answer.code(), answer.status.as_u16()), (80007, 429));
    assert!(answer.headers.contains_key("retry-after"));
}
