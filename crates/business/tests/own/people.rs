//! People come, are changed, and go.

use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn ana_signs_in_takes_bruno_in_and_lets_him_go_and_all_of_it_is_written_down() {
    let world = World::new().await;
    let ana = world.with("ana", "owner", Value::Null).await;
    let (_, me) = world.as_person(&ana.session, "GET me", Value::Null).await;
    assert_eq!((&me["person"]["login"], &me["person"]["role"]), (&json!("ana"), &json!("owner")));
    let new = json!({ "login": "bruno", "name": "Bruno", "role": "agent", "inboxes": ["shop"] });
    let (status, told) = world.as_person(&ana.session, "POST people", new).await;
    assert_eq!(status, 200, "{told}");
    let (id, password) = (told["person"]["id"].as_u64().expect("a number"), text(&told["password"]));
    assert!(password.len() == 23 && text(&told["totp"]).starts_with("otpauth://totp/bakery:bruno?secret="));
    assert_eq!(told["person"]["inboxes"], json!(["shop"]));

    // He begins with what was made for him.
    let code_now = code(&text(&told["totp"]), world.node.now());
    let said = json!({ "login": "bruno", "password": password, "code": code_now });
    let (status, entered) = world.as_person("", "POST sign-in", said.clone()).await;
    assert_eq!(status, 200, "{entered}");
    let bruno = text(&entered["session"]);
    let (status, again) = world.as_person("", "POST sign-in", said).await;
    assert_eq!((status, code_of(&again)), (401, "wrong_credentials"), "a code works once");

    // Another role counts from the next request on.
    assert_eq!(world.as_person(&bruno, "GET templates", Value::Null).await.0, 403);
    let line = format!("POST people/{id}");
    let (status, told) = world.as_person(&ana.session, &line, json!({ "role": "developer" })).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(world.as_person(&bruno, "GET templates", Value::Null).await.0, 200);
    let (_, people) = world.as_person(&ana.session, "GET people", Value::Null).await;
    assert_eq!(people["data"][1]["inboxes"], json!(["shop"]), "what is not said stays: {people}");
    world.as_person(&ana.session, &line, json!({ "inboxes": "all" })).await;

    let (status, _) = world.as_person(&ana.session, &format!("DELETE people/{id}"), Value::Null).await;
    assert_eq!((status, world.as_person(&bruno, "GET me", Value::Null).await.0), (200, 401));
    let (status, told) =
        world.as_person(&ana.session, &format!("DELETE people/{}", ana.id), Value::Null).await;
    assert_eq!((status, code_of(&told)), (409, "last_owner"));
    let (status, told) = world.as_person(&ana.session, &line, json!({ "role": "agent" })).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));

    let who = format!("person:{}", ana.id);
    let log = world.log().await;
    for (by, what, on) in [
        ("operator", "people.add", "person 1 role owner inboxes all".to_owned()),
        (&who, "sign-in", "person 1".to_owned()),
        (&who, "people.add", format!("person {id} role agent inboxes 1")),
        (&format!("person:{id}"), "sign-in", format!("person {id}")),
        (&who, "people.change", format!("person {id} role developer inboxes 1")),
        (&who, "people.list", "2 people".to_owned()),
        (&who, "people.change", format!("person {id} role developer inboxes all")),
        (&who, "people.remove", format!("person {id}")),
    ] {
        let row = (by.to_owned(), what.to_owned(), on);
        assert!(log.contains(&row), "{row:?} in {log:?}");
    }
    let all = format!("{log:?}");
    assert!(!all.contains("bruno") && !all.contains("Bruno") && !all.contains(&password), "{all}");
}

#[tokio::test]
async fn nobody_makes_somebody_above_themselves_or_with_more_inboxes() {
    let world = World::new().await;
    let admin = world.with("bia", "admin", json!(["shop"])).await;
    let new = |login: &str, role: &str, inboxes: Value| json!({ "login": login, "role": role, "inboxes": inboxes, "password": PASSWORD });
    for (login, role, inboxes, fine) in [
        ("o", "owner", json!(["shop"]), false),
        ("p", "admin", json!(["shop"]), false),
        ("q", "agent", json!("all"), false),
        ("r", "agent", json!(["shop", "law"]), false),
        ("s", "agent", json!(["shop"]), true),
    ] {
        let (status, told) = world.as_person(&admin.session, "POST people", new(login, role, inboxes)).await;
        assert_eq!(status, if fine { 200 } else { 403 }, "{login}: {told}");
    }
    let people = world.done("GET people", Value::Null).await;
    let id = people["data"][1]["id"].as_u64().expect("s");
    let line = format!("POST people/{id}");
    assert_eq!(world.as_person(&admin.session, &line, json!({ "inboxes": "all" })).await.0, 403);
    // Of somebody who sees what she does not, she gives nothing away and takes nothing.
    let carla = world.takes_in("carla", "agent", json!(["law"])).await;
    let reset = format!("POST people/{}/reset", carla.id);
    assert_eq!(world.as_person(&admin.session, &reset, Value::Null).await.0, 403);
}

#[tokio::test]
async fn a_reset_ends_sessions_and_guessing_has_to_wait() {
    let world = World::new().await;
    let mut ana = world.with("ana", "owner", Value::Null).await;
    let current =
        json!({ "password": PASSWORD, "current_password": PASSWORD, "current_code": world.code(&ana) });
    let (status, told) =
        world.as_person(&ana.session, &format!("POST people/{}/reset", ana.id), current).await;
    assert_eq!((status, &told["password"]), (200, &Value::Null), "it was given: {told}");
    assert_eq!(world.as_person(&ana.session, "GET me", Value::Null).await.0, 401);
    let totp = text(&told["totp"]);
    ana = world.takes_in("bia", "owner", Value::Null).await;
    world.signs_in(&mut ana).await;
    assert_eq!(world.as_person(&ana.session, "POST sign-out", Value::Null).await.0, 200);
    let guess = |code: String| json!({ "login": "ana", "password": PASSWORD, "code": code });
    for _ in 0..5 {
        let (status, told) = world.as_person("", "POST sign-in", guess("000000".to_owned())).await;
        assert_eq!((status, code_of(&told)), (401, "wrong_credentials"));
    }
    let right = guess(code(&totp, world.node.now()));
    let (status, told) = world.as_person("", "POST sign-in", right).await;
    assert_eq!((status, code_of(&told)), (429, "too_many_attempts"), "{told}");
    world.clock.advance(MINUTE);
    let right = guess(code(&totp, world.node.now()));
    assert_eq!(world.as_person("", "POST sign-in", right).await.0, 200);
}

#[tokio::test]
async fn a_session_alone_changes_no_password_of_its_own() {
    let world = World::new().await;
    let ana = world.with("ana", "owner", Value::Null).await;
    let line = format!("POST people/{}/reset", ana.id);
    for (current, code, status) in [
        (Value::Null, Value::Null, 400),
        (json!(PASSWORD), json!("000000"), 401),
        (json!("another one of these"), json!(world.code(&ana)), 401),
    ] {
        let body =
            json!({ "password": "a new one of these", "current_password": current, "current_code": code });
        let (found, told) = world.as_person(&ana.session, &line, body).await;
        assert_eq!(found, status, "{told}");
    }
    assert_eq!(world.as_person(&ana.session, "GET me", Value::Null).await.0, 200, "nothing has changed");
    let body = json!({ "current_password": PASSWORD, "current_code": world.code(&ana) });
    assert_eq!(world.as_person(&ana.session, &line, body).await.0, 200);
    // Somebody else's is given anew by who may do so, as before.
    let bia = world.with("bia", "owner", Value::Null).await;
    let carla = world.takes_in("carla", "agent", Value::Null).await;
    let line = format!("POST people/{}/reset", carla.id);
    assert_eq!(world.as_person(&bia.session, &line, Value::Null).await.0, 200);
}

#[tokio::test]
async fn strangers_who_guess_keep_nobody_out_and_are_seen_in_the_log_in_few_rows() {
    let world = World::new().await;
    let ana = world.takes_in("ana", "owner", Value::Null).await;
    let guess = |login: &str| json!({ "login": login, "password": "a guess of mine", "code": "000000" });
    for n in 0..12 {
        world.at_address([192, 0, 2, n / 4], "POST sign-in", guess("ana")).await;
        world.at_address([192, 0, 2, n / 4], "POST sign-in", guess("nobody")).await;
    }
    let right = json!({ "login": "ana", "password": PASSWORD, "code": world.code(&ana) });
    let (status, told) = world.at_address([192, 0, 2, 99], "POST sign-in", right).await;
    assert_eq!(status, 200, "{told}");
    let failed = async || {
        let told = world.done("GET audit?what=sign-in.failed", Value::Null).await;
        let rows = told["data"].as_array().expect("rows").clone();
        rows.iter().map(|it| text(&it["on"])).collect::<Vec<_>>()
    };
    assert_eq!(failed().await, ["person 1, the first of a run", "nobody, the first of a run"]);
    world.clock.advance(10 * MINUTE);
    world.sweeps().await;
    let mut rows = failed().await.split_off(2);
    rows.sort();
    assert_eq!(rows, ["nobody, 11 more in 0 seconds", "person 1, 11 more in 0 seconds"]);
}

#[tokio::test]
async fn of_many_who_sign_in_at_once_few_wait_and_those_inside_go_on() {
    let world = std::sync::Arc::new(World::new().await);
    let bia = world.with("bia", "owner", Value::Null).await;
    let mut all = tokio::task::JoinSet::new();
    for n in 0..60 {
        let world = world.clone();
        let guess = json!({ "login": "bia", "password": "a guess of mine", "code": "000000" });
        all.spawn(async move { world.at_address([192, 0, 2, n], "POST sign-in", guess).await.0 });
    }
    tokio::task::yield_now().await;
    let new = json!({ "login": "carla", "role": "agent", "password": PASSWORD });
    let (status, told) = world.as_person(&bia.session, "POST people", new).await;
    assert_eq!(status, 200, "{told}");
    let answers = all.join_all().await;
    let count = |status| answers.iter().filter(|it| **it == status).count();
    assert_eq!((count(401), count(429)), (18, 42), "two at a time, and sixteen wait");
}
