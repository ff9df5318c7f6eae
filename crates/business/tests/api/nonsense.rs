//! Whatever comes, the answer is the envelope, and nothing is sent that was not whole.

use lacre_business::api::routes::ROUTES;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::world::*;

/// Words that calls know, so that nonsense gets past the first check.
const WORDS: [&str; 44] = [
    "messaging_product",
    "to",
    "recipient",
    "type",
    "text",
    "body",
    "image",
    "id",
    "link",
    "caption",
    "interactive",
    "action",
    "buttons",
    "reply",
    "title",
    "sections",
    "rows",
    "header",
    "footer",
    "template",
    "name",
    "language",
    "code",
    "components",
    "parameters",
    "index",
    "sub_type",
    "context",
    "message_id",
    "status",
    "pin",
    "block_users",
    "user",
    "location",
    "contacts",
    "reaction",
    "category",
    "format",
    "example",
    "prefilled_message",
    "categories",
    "flow_json",
    "flow_id",
    "flow_cta",
];
const VALUES: [&str; 18] = [
    "whatsapp",
    "text",
    "image",
    "interactive",
    "template",
    "button",
    "list",
    "BODY",
    "HEADER",
    "body",
    "read",
    "en",
    "UTILITY",
    "{{1}}",
    "order_ready",
    "flow",
    "OTHER",
    "wamid.AAAA",
];

fn nonsense() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(&VALUES[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let member = (prop::sample::select(&WORDS[..]), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            prop::collection::vec(member, 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect::<Map<_, _>>())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn nonsense_is_refused_in_the_envelope(members in prop::collection::vec(
        (prop::sample::select(&WORDS[..]), nonsense()), 0..8,
    ), kind in prop::sample::select(&VALUES[..])) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::new().await;
            let to = world.ana_wrote().await;
            let flow = crate::flows::made(&world, json!({ "name": "f", "categories": ["OTHER"] })).await;
            let mut body: Map<_, _> = members.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
            body.insert("messaging_product".to_owned(), json!("whatsapp"));
            body.insert("to".to_owned(), to.into());
            body.insert("type".to_owned(), kind.into());
            let body = Value::Object(body);
            for route in ROUTES.iter().filter(|it| it.method == "POST" && !it.shape.contains("media")) {
                let identity = &world.node.identity;
                let path = route.shape.replace("{number}", &identity.number.to_string())
                    .replace("{flow}", &flow)
                    .replace("{account}", &identity.account.to_string())
                    .replace("{app}", &identity.app.to_string());
                let answer = world.call("POST", &format!("/{path}"), body.clone()).await;
                let said = answer.json();
                if !answer.status.is_success() {
                    assert!(answer.status.is_client_error(), "{path} {body}: {said}");
                    assert!(said["error"]["code"].is_i64() && said["error"]["fbtrace_id"].is_string());
                }
            }
        });
    }
}
