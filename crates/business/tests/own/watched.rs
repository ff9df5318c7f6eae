//! The audit log: it names everybody, and shows that it is whole.

use lacre_business::audit::{Head, Proof};
use lacre_business::store::table;
use lacre_proto::AccountId;
use lacre_store::data::{Batch, Data, Key};
use serde_json::{Value, json};

use crate::world::*;

fn hash(value: &Value) -> [u8; 32] {
    hex::decode(text(value)).expect("hex").try_into().expect("32 bytes")
}

#[tokio::test]
async fn what_programs_and_people_change_is_in_one_log_with_who_did_it() {
    let world = World::new().await;
    let (id, token) = world.token(json!({ "name": "a program" })).await;
    let template = world.template(&token, "order_ready").await;
    let ana = world.with("ana", "owner", Value::Null).await;
    let line = format!("POST templates/{template}/approve");
    assert_eq!(world.as_person(&ana.session, &line, Value::Null).await.0, 200);
    let account = world.node.identity.account;
    world.program(&token, &format!("DELETE {template}"), Value::Null).await;
    // What is refused, or only looked at, changes nothing.
    world.program(&token, &format!("GET {account}/message_templates"), Value::Null).await;
    world.program(&token, &format!("POST {account}/message_templates"), json!({})).await;
    let log = world.log().await;
    let row = |who: &str, what: &str, on: String| (who.to_owned(), what.to_owned(), on);
    assert_eq!(
        log,
        [
            row(
                "operator",
                "token.create",
                format!("token {id} whatsapp_business_messaging,whatsapp_business_management")
            ),
            row("token:1", "template.create", format!("{account}/message_templates -> {template}")),
            row("operator", "people.add", "person 1 role owner inboxes all".to_owned()),
            row("person:1", "sign-in", "person 1".to_owned()),
            row("person:1", "template.approve", format!("template {template}")),
            row("token:1", "template.delete", template.clone()),
        ]
    );
    let told = world.done("GET audit?who=token:1&what=template.&limit=1", Value::Null).await;
    assert_eq!(told["data"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told["data"][0]["number"], 2);
    let (status, told) = world.console("GET audit?who=mallory", Value::Null).await;
    assert_eq!((status, code_of(&told)), (400, "invalid"));
    let last = world.log().await.pop().expect("a row");
    assert_eq!(last, row("operator", "audit.list", "row 2 to 2".replace("row ", "rows ")));
}

#[tokio::test]
async fn a_log_that_was_cut_or_changed_is_caught_and_a_row_is_proved() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.token(json!({ "name": name })).await;
    }
    let head = world.done("GET audit/head", Value::Null).await;
    assert_eq!(head["count"], 3);
    let known: Head = text(&head["head"]).parse().expect("a head");
    world.token(json!({ "name": "d" })).await;
    let verify = json!({ "heads": [head["head"]] });
    let whole = world.done("POST audit/verify", verify.clone()).await;
    assert_eq!(
        (&whole["whole"], &whole["heads"], &whole["head"]["count"]),
        (&json!(true), &json!(1), &json!(4))
    );

    let proof = world.done("GET audit/2/proof?count=3", Value::Null).await;
    assert_eq!(proof["row"]["what"], "token.create");
    let path = proof["path"].as_array().expect("a path").iter().map(hash).collect();
    let shown = Proof { index: 1, size: 3, path };
    assert!(
        shown.holds(&hash(&proof["leaf"]), &known.root),
        "it is in the log of the head that was written down"
    );
    assert_eq!(world.console("GET audit/9/proof", Value::Null).await.0, 404);
    assert_eq!(world.console("GET audit/2/proof?count=99", Value::Null).await.0, 404);
    let (status, told) = world.console("POST audit/verify", json!({ "heads": ["lacre-audit 1"] })).await;
    assert_eq!((status, code_of(&told)), (400, "invalid"), "{told}");

    // Somebody with the disk takes a row out.
    let row = Key::new(table::AUDIT, &[b"r", &2_u64.to_be_bytes()]);
    world.data.write(Batch::new().delete(row)).await.expect("written");
    let (status, told) = world.console("POST audit/verify", verify).await;
    assert_eq!((status, code_of(&told)), (409, "audit_broken"));
    assert!(text(&told["error"]["message"]).contains("row 2 was removed"), "{told}");
}

#[tokio::test]
async fn who_was_blocked_stands_there_under_a_name_that_only_the_node_can_make() {
    let world = World::new().await;
    let (_, token) = world.token(json!({ "name": "a program" })).await;
    let (ana, bruno) = (AccountId([0xa; 16]), AccountId([0xb; 16]));
    let mut digits = Vec::new();
    for who in [ana, bruno] {
        world.chat.opens_window(who, NOW + 60 * MINUTE);
        digits.push(world.node.customers.number_of(who).await.expect("a number").to_string());
    }
    let users: Vec<_> = digits.iter().map(|it| json!({ "user": it })).collect();
    let body = json!({ "messaging_product": "whatsapp", "block_users": users });
    let line = format!("POST {}/block_users", world.node.identity.number);
    let (status, told) = world.program(&token, &line, body.clone()).await;
    assert_eq!(status, 200, "{told}");
    let told = world.done("GET audit?what=block.", Value::Null).await;
    let names = [ana, bruno].map(|it| json!(hex::encode(world.node.audit.pseudonym(it).0)));
    let rows = told["data"].as_array().expect("rows");
    assert_eq!(rows.iter().map(|it| it["customer"].clone()).collect::<Vec<_>>(), names);
    assert!(digits.iter().all(|it| !told.to_string().contains(it)), "{told}");
    // Of nobody, nothing is written down.
    let nobody = json!({ "messaging_product": "whatsapp", "block_users": [{ "user": "551100000000" }] });
    world.program(&token, &line, nobody).await;
    assert_eq!(
        world.done("GET audit?what=block.", Value::Null).await["data"].as_array().map(Vec::len),
        Some(2)
    );
}
