//! People answer customers: who waits longest is first, and nobody overwrites what another did.

use lacre_business::chat::{Category, ChatEvent, Customer, Incoming, MessageId, Outgoing, SendError};
use lacre_business::media::{Medium, Source};
use lacre_proto::AccountId;
use serde_json::{Value, json};

use crate::consents::{ANA, BRUNO, number};
use crate::world::*;

/// Ana has written, and a minute later Bruno; the path of each conversation.
pub async fn two_wait(world: &World) -> (String, String) {
    world.chat.has_name(ANA, "Ana");
    world.chat.has_handle("ana.souza", ANA);
    for who in [ANA, BRUNO] {
        let agreed =
            lacre_business::agreed::Agreed { customer: who, window_until: 0, grant: None, devices: None };
        world.chat.agrees(agreed);
    }
    world.hears(ANA, 1, "do you have rye?").await;
    world.clock.advance(MINUTE);
    world.hears(BRUNO, 2, "are you open on Sunday?").await;
    (path(world, ANA).await, path(world, BRUNO).await)
}

pub async fn path(world: &World, of: AccountId) -> String {
    format!("conversations/{}", number(world, of).await)
}

pub fn who(told: &Value) -> Vec<String> {
    told["data"].as_array().expect("rows").iter().map(|it| text(&it["wa_id"])).collect()
}

/// What somebody asks for, which goes well.
pub async fn asks(world: &World, whom: &Colleague, line: &str, body: Value) -> Value {
    let (status, told) = world.as_person(&whom.session, line, body).await;
    assert_eq!(status, 200, "{line}: {told}");
    told
}

#[tokio::test]
async fn r26_who_waits_longest_is_first_and_an_answer_ends_the_wait() {
    let world = World::new().await;
    let bia = world.with("bia", "agent", json!("all")).await;
    let (ana, bruno) = two_wait(&world).await;
    let told = asks(&world, &bia, "GET conversations", Value::Null).await;
    assert_eq!(who(&told), [number(&world, ANA).await, number(&world, BRUNO).await]);
    let counts = json!({ "mine": 0, "unassigned": 2, "team": 2, "waiting": 2, "snoozed": 0, "closed": 0 });
    assert_eq!(told["counts"], counts);
    let row = &told["data"][0];
    assert_eq!(
        (&row["name"], &row["inbox"], &row["status"]),
        (&json!("Ana"), &json!("main"), &json!("waiting"))
    );
    let wrote = row["customer_wrote_ms"].as_u64().expect("a time");
    assert_eq!((&row["waiting_since_ms"], &row["window_until_ms"]), (&json!(wrote), &json!(wrote + DAY)));
    assert_eq!(
        (&row["sends"]["text"]["allowed"], &row["consent"]["marketing"]["state"]),
        (&json!(true), &json!("none"))
    );
    assert_eq!(row["sends"]["templates"]["marketing"]["allowed"], false);
    for secret in ["ana.souza".to_owned(), ANA.to_string()] {
        assert!(!told.to_string().contains(&secret), "{secret} in {told}");
    }

    let said = asks(&world, &bia, &format!("POST {ana}/messages"), json!({ "body": "at five" })).await;
    let sent = world.chat.sent();
    assert_eq!(
        (sent[0].to, sent[0].category, &sent[0].what),
        (ANA, Category::Service, &Outgoing::Text("at five".to_owned()))
    );
    let row = &said["conversation"];
    assert_eq!((&row["status"], &row["waiting_since_ms"]), (&json!("open"), &Value::Null));
    assert_eq!(row["answered_by"], json!({ "who": format!("person:{}", bia.id), "name": "bia" }));
    let told = asks(&world, &bia, "GET conversations", Value::Null).await;
    assert_eq!(who(&told), [number(&world, BRUNO).await, number(&world, ANA).await]);
    let told = asks(&world, &bia, "GET conversations?view=waiting", Value::Null).await;
    assert_eq!(who(&told), [number(&world, BRUNO).await]);

    // A program answers Bruno: it is the same conversation.
    let (_, token) = world.token(json!({ "name": "till" })).await;
    let digits = number(&world, BRUNO).await;
    let send =
        json!({ "messaging_product": "whatsapp", "to": digits, "type": "text", "text": { "body": "yes" } });
    world.program(&token, &format!("POST {}/messages", world.node.identity.number), send).await;
    let told = asks(&world, &bia, &format!("GET {bruno}"), Value::Null).await;
    assert_eq!((&told["status"], &told["answered_by"]), (&json!("open"), &Value::Null));

    let rows = world.log().await;
    let says = |it: &&(String, String, String)| it.1 == "conversation.say";
    let row = rows.iter().find(says).expect("it is in the log");
    assert_eq!((&row.0, &row.2), (&format!("person:{}", bia.id), &format!("message {}", text(&said["id"]))));
    let all = format!("{rows:?}");
    assert!(!all.contains("at five") && !all.contains("rye") && !all.contains("Ana"), "{all}");
}

#[tokio::test]
async fn pages_of_a_queue_follow_each_other_though_somebody_is_answered_between() {
    let world = World::new().await;
    let (ana, bruno) = (two_wait(&world).await, number(&world, BRUNO).await);
    let (ana, first) = (ana.0, world.done("GET conversations?limit=1", Value::Null).await);
    assert_eq!(who(&first), [number(&world, ANA).await]);
    let next = text(&first["next"]);
    world.done(&format!("POST {ana}/messages"), json!({ "body": "yes" })).await;
    let second = world.done(&format!("GET conversations?limit=1&after={next}"), Value::Null).await;
    assert_eq!(who(&second), [bruno]);
    for wrong in ["x", "1.2", "1.2.3.4", "1.2.999"] {
        let (status, told) = world.console(&format!("GET conversations?after={wrong}"), Value::Null).await;
        assert_eq!((status, code_of(&told)), (400, "invalid"), "{wrong}");
    }
    assert_eq!(world.console("GET conversations?view=all", Value::Null).await.0, 400);
}

#[tokio::test]
async fn what_was_said_is_read_from_its_end_with_who_said_it() {
    let world = World::new().await;
    let bia = world.with("bia", "agent", json!("all")).await;
    let (ana, bruno) = two_wait(&world).await;
    for (n, words) in [(3, "or cake?"), (4, "hello?")] {
        world.hears(ANA, n, words).await;
    }
    let texts = |told: &Value| -> Vec<String> {
        told["data"].as_array().expect("rows").iter().map(|it| text(&it["content"]["text"])).collect()
    };
    let told = asks(&world, &bia, &format!("GET {ana}/messages?limit=2"), Value::Null).await;
    assert_eq!(texts(&told), ["hello?", "or cake?"]);
    let before = text(&told["next"]);
    let told = asks(&world, &bia, &format!("GET {ana}/messages?limit=2&before={before}"), Value::Null).await;
    assert_eq!((texts(&told), &told["next"]), (vec!["do you have rye?".to_owned()], &Value::Null));

    let said = asks(&world, &bia, &format!("POST {ana}/messages"), json!({ "body": "yes" })).await;
    let id = lacre_business::api::wamid::parse(&text(&said["id"])).expect("an id");
    world.chat.holds(ANA, id, json!({ "content": { "text": "yes" }, "files": [], "from": "business" }));
    let told = asks(&world, &bia, &format!("GET {ana}/messages?limit=1"), Value::Null).await;
    assert_eq!(told["data"][0]["said_by"]["name"], "bia");
    assert_eq!(told["data"][0]["sent_by_api"]["category"], "service");

    // The last that she wrote is read, or the one that is named; one of Bruno's is not of this conversation.
    asks(&world, &bia, &format!("POST {ana}/read"), json!({})).await;
    assert_eq!(world.chat.read().len(), 1);
    let of_bruno = lacre_business::api::wamid::of(MessageId([2; 16]));
    for (line, body) in [
        (format!("POST {ana}/read"), json!({ "message_id": of_bruno })),
        (format!("POST {ana}/messages"), json!({ "body": "see there", "reply_to": of_bruno })),
    ] {
        let (status, told) = world.as_person(&bia.session, &line, body).await;
        assert_eq!((status, code_of(&told)), (404, "not_found"), "{line}: {told}");
    }
    asks(&world, &bia, &format!("POST {bruno}/messages"), json!({ "body": "yes", "reply_to": of_bruno }))
        .await;
    assert!(world.chat.sent().last().is_some_and(|it| it.in_reply_to.is_some()));
}

#[tokio::test]
async fn what_can_be_said_goes_by_the_relays_time_and_nothing_can_while_the_business_is_suspended() {
    let world = World::new().await;
    let mut bia = world.with("bia", "agent", json!("all")).await;
    let (ana, _) = two_wait(&world).await;
    let text = async |world: &World, who: &Colleague| {
        asks(world, who, &format!("GET {ana}"), Value::Null).await["sends"]["text"].clone()
    };
    assert_eq!(text(&world, &bia).await["allowed"], true);
    world.clock.advance(26 * 60 * MINUTE);
    world.chat.is_behind(26 * 60 * MINUTE);
    world.signs_in(&mut bia).await;
    assert_eq!(text(&world, &bia).await["allowed"], true, "at the relay it is still now");
    world.chat.is_reviewed(None, true);
    let told = text(&world, &bia).await;
    assert_eq!(
        (&told["allowed"], &told["why"]),
        (&json!(false), &json!("The relay's operator has suspended the business"))
    );
    let line = format!("POST {ana}/messages");
    let (status, told) = world.as_person(&bia.session, &line, json!({ "body": "oi" })).await;
    assert_eq!((status, &told["error"]["api_code"]), (409, &json!(131_031)), "{told}");
}

#[tokio::test]
async fn when_the_window_is_closed_only_templates_go() {
    let world = World::new().await;
    let bia = world.with("bia", "agent", json!("all")).await;
    let (_, token) = world.token(json!({ "name": "till" })).await;
    let template = world.template(&token, "order_ready").await;
    world.done(&format!("POST templates/{template}/approve"), Value::Null).await;
    let (ana, _) = two_wait(&world).await;
    world.clock.advance(DAY);
    let mut bia = bia;
    world.signs_in(&mut bia).await;
    let row = asks(&world, &bia, &format!("GET {ana}"), Value::Null).await;
    assert_eq!(row["sends"]["text"]["allowed"], false);
    let (status, told) = world
        .as_person(&bia.session, &format!("POST {ana}/messages"), json!({ "body": "still there?" }))
        .await;
    assert_eq!((status, code_of(&told)), (409, "window_closed"), "{told}");
    assert_eq!(told["error"]["api_code"], 131_047);
    assert!(told["error"]["message"].as_str().is_some_and(|it| it.contains("send a template")));

    let send = json!({ "template": { "name": "order_ready", "language": { "code": "pt_BR" },
        "components": [{ "type": "body", "parameters": [{ "type": "text", "text": "Ana" }] }] } });
    let line = format!("POST {ana}/messages");
    let (status, told) = world.as_person(&bia.session, &line, send.clone()).await;
    assert_eq!((status, code_of(&told)), (409, "no_consent"), "{told}");
    assert_eq!(
        row["sends"]["templates"]["service"]["why"],
        told["error"]["message"].as_str().expect("why")["it was not sent: ".len()..]
    );
    world.chat.grants(ANA, Category::Service, world.node.now() + DAY);
    asks(&world, &bia, &line, send).await;
    let row = asks(&world, &bia, &format!("GET {ana}"), Value::Null).await;
    assert_eq!((&row["consent"]["service"]["state"], &row["status"]), (&json!("granted"), &json!("open")));
    world.chat.refuses_next(SendError::Blocked);
    world.chat.opens_window(ANA, world.node.now() + DAY);
    let (status, told) = world.as_person(&bia.session, &line, json!({ "body": "oi" })).await;
    assert_eq!((status, code_of(&told), &told["error"]["api_code"]), (409, "not_sent", &json!(131_026)));
    for wrong in
        [json!({}), json!({ "body": "" }), json!({ "body": "a", "canned": "b" }), json!({ "body": 7 })]
    {
        let (status, told) = world.as_person(&bia.session, &line, wrong).await;
        assert_eq!((status, code_of(&told)), (400, "invalid"), "{told}");
    }
}

#[tokio::test]
async fn a_reply_that_is_kept_ready_knows_the_name_and_goes_once_for_one_key() {
    let world = World::new().await;
    let carla = world.with("carla", "supervisor", json!("all")).await;
    let bia = world.with("bia", "agent", json!("all")).await;
    let (ana, bruno) = two_wait(&world).await;
    let hello = json!({ "name": "hello", "body": "Oi {{name}}, how can we help?" });
    assert_eq!(world.as_person(&bia.session, "POST canned", hello.clone()).await.0, 403);
    asks(&world, &carla, "POST canned", hello).await;
    let odd = json!({ "name": "odd", "body": "Oi {{name}}, order {{order}}" });
    assert_eq!(world.as_person(&carla.session, "POST canned", odd).await.0, 400);
    assert_eq!(asks(&world, &bia, "GET canned", Value::Null).await["data"][0]["name"], "hello");
    for line in [&ana, &bruno] {
        asks(&world, &bia, &format!("POST {line}/messages"), json!({ "canned": "hello" })).await;
    }
    let sent: Vec<_> = world.chat.sent().into_iter().map(|it| it.what).collect();
    let [Outgoing::Text(first), Outgoing::Text(second)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((first.as_str(), second.as_str()), ("Oi Ana, how can we help?", "Oi, how can we help?"));

    let line = format!("POST {ana}/messages");
    let once = async |body: &str| world.once(&bia.session, "key 1", &line, json!({ "body": body })).await;
    let (first, second) = (once("at five").await, once("at five").await);
    assert_eq!((first.0, &first.1["id"]), (200, &second.1["id"]));
    assert_eq!(once("at six").await.0, 400, "another message under the same key");
    assert_eq!(world.chat.sent().len(), 3);
    asks(&world, &carla, "DELETE canned/hello", Value::Null).await;
    assert_eq!(world.as_person(&bia.session, &line, json!({ "canned": "hello" })).await.0, 404);
}

#[tokio::test]
async fn a_conversation_is_closed_put_off_and_comes_back_when_she_writes() {
    let world = World::new().await;
    let (ana, _) = two_wait(&world).await;
    let does = async |what: &str, body: Value| world.done(&format!("POST {ana}/{what}"), body).await;
    let row = does("close", json!({ "version": 1 })).await;
    assert_eq!((&row["status"], &row["version"]), (&json!("closed"), &json!(2)));
    world.hears(ANA, 3, "hello?").await;
    let row = world.done(&format!("GET {ana}"), Value::Null).await;
    assert_eq!((&row["status"], &row["version"]), (&json!("waiting"), &json!(3)));
    let (status, told) = world.console(&format!("POST {ana}/close"), json!({ "version": 2 })).await;
    assert_eq!(
        (status, code_of(&told), &told["error"]["version"]),
        (409, "stale", &json!(3)),
        "she wrote since"
    );

    let until = world.node.now() + 5 * MINUTE;
    let row = does("snooze", json!({ "version": 3, "until_ms": until })).await;
    assert_eq!(row["snoozed_until_ms"], until);
    assert_eq!(who(&world.done("GET conversations?view=snoozed", Value::Null).await).len(), 1);
    assert_eq!(who(&world.done("GET conversations", Value::Null).await).len(), 1, "Bruno alone");
    world.clock.advance(5 * MINUTE);
    assert_eq!(who(&world.done("GET conversations", Value::Null).await).len(), 2, "its time has come");
    for until in [0, world.node.now(), world.node.now() + 400 * DAY] {
        let body = json!({ "version": 4, "until_ms": until });
        assert_eq!(world.console(&format!("POST {ana}/snooze"), body).await.0, 400, "{until}");
    }
    does("close", json!({ "version": 4 })).await;
    let row = does("reopen", json!({ "version": 5 })).await;
    assert_eq!((&row["status"], &row["version"]), (&json!("open"), &json!(6)));
    assert_eq!(
        world.console(&format!("POST {ana}/close"), json!({})).await.0,
        400,
        "which version was seen is said"
    );
}

#[tokio::test]
async fn of_two_who_change_it_at_once_one_is_told_to_look_again() {
    let world = World::new().await;
    let (bia, carla) =
        (world.with("bia", "agent", json!("all")).await, world.with("carla", "agent", json!("all")).await);
    let (ana, _) = two_wait(&world).await;
    let line = format!("POST {ana}/labels");
    let (first, second) = tokio::join!(
        world.as_person(&bia.session, &line, json!({ "add": ["rye"], "version": 1 })),
        world.as_person(&carla.session, &line, json!({ "add": ["cake", "urgent"], "version": 1 })),
    );
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{first:?} {second:?}");
    let lost = if first.0 == 409 { &first.1 } else { &second.1 };
    assert_eq!((code_of(lost), &lost["error"]["version"]), ("stale", &json!(2)));
    let row = asks(&world, &bia, &line, json!({ "add": ["cake"], "remove": ["urgent"], "version": 2 })).await;
    assert_eq!(row["version"], 3);
    assert_eq!(who(&asks(&world, &bia, "GET conversations?label=cake", Value::Null).await).len(), 1);
    assert_eq!(who(&asks(&world, &bia, "GET conversations?label=urgent", Value::Null).await).len(), 0);
    let many: Vec<_> = (0..21).map(|it| it.to_string()).collect();
    for wrong in [json!({ "add": many }), json!({ "add": ["a\nb"] }), json!({ "add": [" "] }), json!({})] {
        let mut body = wrong;
        body["version"] = 3.into();
        assert_eq!(world.as_person(&bia.session, &line, body).await.0, 400);
    }
}

#[tokio::test]
async fn an_agent_takes_what_is_nobodys_and_who_leads_gives_it_on_with_a_note() {
    let world = World::new().await;
    let bia = world.with("bia", "agent", json!("all")).await;
    let carla = world.with("carla", "agent", json!(["returns"])).await;
    let davi = world.with("davi", "supervisor", json!("all")).await;
    let elena = world.with("elena", "agent", json!("all")).await;
    let (ana, _) = two_wait(&world).await;
    let line = format!("POST {ana}/assign");
    let gives = async |by: &Colleague, body: Value| world.as_person(&by.session, &line, body).await;
    let (status, told) = gives(&bia, json!({ "person": elena.id, "version": 1 })).await;
    assert_eq!((status, code_of(&told)), (403, "not_allowed"), "agents give nothing to others");
    let (status, row) = gives(&bia, json!({ "person": "bia", "version": 1 })).await;
    assert_eq!((status, &row["assigned"]), (200, &json!({ "id": bia.id, "name": "bia" })), "{row}");
    assert_eq!(asks(&world, &bia, "GET conversations?view=mine", Value::Null).await["counts"]["mine"], 1);
    for body in [json!({ "person": elena.id, "version": 2 }), json!({ "version": 2 })] {
        assert_eq!(gives(&elena, body).await.0, 403, "what is somebody's is not taken from them");
    }
    let (status, told) = gives(&davi, json!({ "person": carla.id, "version": 2 })).await;
    assert_eq!((status, code_of(&told)), (400, "invalid"), "she does not see this inbox");
    let (status, row) = gives(&davi, json!({ "person": elena.id, "note": "knows rye", "version": 2 })).await;
    assert_eq!((status, &row["assigned"]["id"]), (200, &json!(elena.id)));
    let notes = asks(&world, &elena, &format!("GET {ana}/notes"), Value::Null).await;
    assert_eq!(
        (&notes["data"][0]["body"], &notes["data"][0]["by"]["name"]),
        (&json!("knows rye"), &json!("davi"))
    );

    // In another inbox it is hers no more, since she does not see that one.
    world.done("POST inboxes", json!({ "name": "returns" })).await;
    world.done(&format!("POST people/{}", elena.id), json!({ "inboxes": ["main"] })).await;
    let row =
        asks(&world, &davi, &format!("POST {ana}/move"), json!({ "inbox": "returns", "version": 3 })).await;
    assert_eq!((&row["inbox"], &row["assigned"]), (&json!("returns"), &Value::Null));
    let (status, row) = gives(&davi, json!({ "person": "carla", "version": 4 })).await;
    assert_eq!((status, &row["assigned"]["id"]), (200, &json!(carla.id)));
    world.done(&format!("DELETE people/{}", carla.id), Value::Null).await;
    let told = asks(&world, &davi, "GET conversations?view=unassigned", Value::Null).await;
    assert_eq!(told["counts"]["unassigned"], 2, "who is gone has nothing");
}

#[tokio::test]
async fn who_writes_an_answer_is_shown_to_the_others_for_a_while() {
    let world = World::new().await;
    let (bia, carla) =
        (world.with("bia", "agent", json!("all")).await, world.with("carla", "agent", json!("all")).await);
    let (ana, _) = two_wait(&world).await;
    asks(&world, &bia, &format!("POST {ana}/replying"), json!({})).await;
    let seen = async || asks(&world, &carla, &format!("GET {ana}"), Value::Null).await["replying"].clone();
    assert_eq!(seen().await[0]["name"], "bia");
    let both = asks(&world, &carla, &format!("POST {ana}/replying"), json!({})).await;
    assert_eq!(both["replying"].as_array().map(Vec::len), Some(2));
    asks(&world, &carla, &format!("POST {ana}/replying"), json!({ "stop": true })).await;
    asks(&world, &bia, &format!("POST {ana}/messages"), json!({ "body": "yes" })).await;
    assert_eq!(seen().await, json!([]), "she has answered");
    asks(&world, &bia, &format!("POST {ana}/replying"), json!({})).await;
    world.clock.advance(30_000);
    assert_eq!(seen().await, json!([]), "and that is long ago");
}

#[tokio::test]
async fn what_one_customer_sent_is_not_sent_to_another() {
    let world = World::new().await;
    let bia = world.with("bia", "agent", json!("all")).await;
    let (ana, bruno) = two_wait(&world).await;
    // Ana's first message has a picture.
    let medium = Medium {
        id: world.node.free_id().await.expect("an id"),
        mime: "image/png".to_owned(),
        sha256: [0; 32],
        size: 10,
        name: None,
        expires: NOW + 30 * DAY,
        source: Source::Customer(MessageId([1; 16]), 0),
    };
    let id = world.node.media.note(medium).await.expect("noted");
    let say = |id: Value| {
        let header = json!({ "type": "header", "parameters": [{ "type": "image", "image": { "id": id } }] });
        json!({ "template": { "name": "x", "language": { "code": "pt_BR" }, "components": [header] } })
    };
    for id in [json!(id.to_string()), json!(id)] {
        let to_bruno = format!("POST {bruno}/messages");
        let (status, told) = world.as_person(&bia.session, &to_bruno, say(id.clone())).await;
        assert_eq!((status, code_of(&told)), (404, "not_found"), "{told}");
        // There is no such template, which is found where the file may go.
        let (status, told) =
            world.as_person(&bia.session, &format!("POST {ana}/messages"), say(id.clone())).await;
        assert!(status != 404 && told["error"]["message"].to_string().contains("emplate"), "{told}");
    }
    assert!(world.chat.sent().is_empty());
}

#[tokio::test]
async fn a_note_is_edited_by_whoever_wrote_it_and_by_who_leads() {
    let world = World::new().await;
    let (bia, carla) =
        (world.with("bia", "agent", json!("all")).await, world.with("carla", "agent", json!("all")).await);
    let davi = world.with("davi", "supervisor", json!("all")).await;
    let (ana, bruno) = two_wait(&world).await;
    let note = asks(&world, &bia, &format!("POST {ana}/notes"), json!({ "body": "likes rye" })).await;
    assert_eq!((&note["id"], &note["version"], &note["by"]["name"]), (&json!(1), &json!(1), &json!("bia")));
    let line = format!("POST {ana}/notes/1");
    let body = |version: u64| json!({ "body": "likes rye, no nuts", "version": version });
    assert_eq!(world.as_person(&carla.session, &line, body(1)).await.0, 403);
    assert_eq!(asks(&world, &bia, &line, body(1)).await["version"], 2);
    let (status, told) = world.as_person(&davi.session, &line, body(1)).await;
    assert_eq!((status, code_of(&told), &told["error"]["version"]), (409, "stale", &json!(2)));
    assert_eq!(world.as_person(&davi.session, &format!("POST {bruno}/notes/1"), body(1)).await.0, 404);
    let edited = asks(&world, &davi, &line, body(2)).await;
    assert_eq!((&edited["by"]["name"], &edited["edited_by"]["name"]), (&json!("bia"), &json!("davi")));
    let digits = number(&world, ANA).await;
    let export = world.done(&format!("GET customers/{digits}/export"), Value::Null).await;
    assert!(export.to_string().contains("edited_by"), "it is told of her notes too: {export}");
    asks(&world, &davi, &format!("DELETE {ana}/notes/1?version=3"), Value::Null).await;
    assert_eq!(asks(&world, &bia, &format!("GET {ana}/notes"), Value::Null).await["data"], json!([]));
    assert!(world.chat.sent().is_empty(), "she hears of none of it");
    let log = format!("{:?}", world.log().await);
    assert!(!log.contains("nuts") && log.contains("note.edit") && log.contains("note.remove"), "{log}");
}

#[tokio::test]
async fn of_a_customer_who_is_restricted_nothing_that_was_said_is_told() {
    let world = World::new().await;
    let bia = world.with("bia", "agent", json!("all")).await;
    let (ana, _) = two_wait(&world).await;
    let digits = number(&world, ANA).await;
    world.done(&format!("POST customers/{digits}/restrict"), json!({})).await;
    let row = asks(&world, &bia, &format!("GET {ana}"), Value::Null).await;
    assert!(row["restricted_since_ms"].is_u64() && row["sends"]["text"]["allowed"] == false, "{row}");
    for (line, body) in [("GET", Value::Null), ("POST", json!({ "body": "oi" }))] {
        let (status, told) = world.as_person(&bia.session, &format!("{line} {ana}/messages"), body).await;
        assert_eq!((status, code_of(&told)), (409, "restricted"), "{told}");
    }
    assert_eq!(asks(&world, &bia, "GET search?q=rye", Value::Null).await["data"], json!([]));
    world.done(&format!("POST customers/{digits}/restrict"), json!({ "lift": true })).await;
    asks(&world, &bia, &format!("POST {ana}/messages"), json!({ "body": "oi" })).await;
}

#[tokio::test]
async fn what_came_while_the_node_was_away_is_there_once_when_it_is_back() {
    let world = World::new().await;
    let says = |n: u8, at: u64| ChatEvent::Message {
        from: Customer { account: ANA, name: "Ana".to_owned() },
        id: MessageId([n; 16]),
        at,
        what: Incoming::Text("rye?".to_owned()),
        in_reply_to: None,
        forwarded: None,
    };
    world.chat.happens(says(1, NOW));
    let position = world.chat.happens(says(2, NOW + 1));
    // Two take it at once, as after a death that was none.
    tokio::join!(world.takes(position), world.takes(position));
    let told = world.alone("GET conversations").await.1;
    let row = &told["data"][0];
    assert_eq!(
        (who(&told).len(), &row["version"], &row["status"]),
        (1, &json!(1), &json!("waiting")),
        "{told}"
    );
    assert_eq!((&row["waiting_since_ms"], &row["customer_wrote_ms"]), (&json!(NOW), &json!(NOW + 1)));
    // A node that does not serve knows no names and says nothing, but its owner can sort.
    assert_eq!((&row["name"], &row["sends"]), (&Value::Null, &Value::Null));
    let ana = path(&world, ANA).await;
    for line in [format!("GET {ana}/messages"), "GET search?q=rye".to_owned()] {
        let (status, told) = world.alone(&line).await;
        assert_eq!((status, code_of(&told)), (409, "node_not_serving"), "{line}");
    }
}
