//! Every call by everybody.

use std::collections::BTreeSet;

use lacre_business::api::routes::ROUTES;
use lacre_business::own::routes::{Need, OWN_ROUTES, Op, Route};
use lacre_business::people::{Role, TABLE};
use serde_json::{Value, json};

use crate::world::*;

/// A path of a shape, with things that there are.
async fn line_of(world: &World, token: &str, route: &Route, person: u64, count: &mut u32) -> String {
    *count += 1;
    let mut pieces = Vec::new();
    for piece in route.shape.split('/') {
        pieces.push(match piece {
            // Whoever is removed is gone for the next.
            "{person}" if route.op == Op::RemovePerson => {
                world.takes_in(&format!("new{count}"), "agent", json!(["shop"])).await.id.to_string()
            }
            "{person}" => person.to_string(),
            "{token}" => world.token(json!({ "name": "one more" })).await.0.to_string(),
            "{template}" => world.template(token, &format!("t{count}")).await,
            "{level}" => "app".to_owned(),
            "{customer}" => "100000000000001".to_owned(),
            "{row}" | "{note}" => "1".to_owned(),
            "{inbox}" | "{canned}" => "shop".to_owned(),
            word => word.to_owned(),
        });
    }
    format!("{} {}", route.method, pieces.join("/"))
}

/// Each call, who may make it, and who of them also when limited to inboxes: owners (o), admins (a),
/// supervisors (s), agents (g), auditors (u) and developers (d). Written down once more than in the node's
/// own table, so that nobody may more than before without somebody saying so here.
const MAY: &[(&str, &str, &str)] = &[
    ("POST sign-in", "oasgud", "oasgud"),
    ("POST sign-out", "oasgud", "oasgud"),
    ("GET me", "oasgud", "oasgud"),
    ("GET people", "oa", "oa"),
    ("POST people", "oa", "oa"),
    ("POST people/{person}", "oa", "oa"),
    ("DELETE people/{person}", "oa", "oa"),
    ("POST people/{person}/reset", "oa", "oa"),
    ("GET tokens", "oad", ""),
    ("POST tokens", "oad", ""),
    ("POST tokens/{token}/rotate", "oad", ""),
    ("POST tokens/{token}/revoke", "oad", ""),
    ("GET webhooks", "oad", ""),
    ("POST webhooks", "oad", ""),
    ("DELETE webhooks/{level}", "oad", ""),
    ("GET webhooks/deliveries", "oad", ""),
    ("GET webhooks/dead", "oad", ""),
    ("POST webhooks/replay", "oad", ""),
    ("POST webhooks/rotate-secret", "oad", ""),
    ("GET templates", "oad", "oad"),
    ("POST templates/{template}/approve", "oad", "oad"),
    ("POST templates/{template}/reject", "oad", "oad"),
    ("POST templates/{template}/pause", "oad", "oad"),
    ("POST templates/{template}/resume", "oad", "oad"),
    ("GET consents", "oasu", ""),
    ("GET consents/export", "oasu", ""),
    ("GET customers/{customer}/export", "oa", ""),
    ("GET customers/{customer}/messages", "oa", ""),
    ("POST customers/{customer}/erase", "oa", ""),
    ("POST customers/{customer}/restrict", "oa", ""),
    ("GET nodes", "o", ""),
    ("POST nodes", "o", ""),
    ("POST nodes/lead", "o", ""),
    ("DELETE nodes/{device}", "o", ""),
    ("GET records", "ou", ""),
    ("GET terms", "oasu", ""),
    ("POST terms", "o", ""),
    ("GET providers", "oasu", ""),
    ("POST providers", "o", ""),
    ("DELETE providers/{provider}", "o", ""),
    ("GET retention", "ou", ""),
    ("POST retention", "o", ""),
    ("GET retention/report", "ou", ""),
    ("POST retention/sweep", "o", ""),
    ("GET audit", "ou", ""),
    ("GET audit/head", "ou", ""),
    ("POST audit/verify", "ou", ""),
    ("GET audit/{row}/proof", "ou", ""),
    ("GET conversations", "oasg", "oasg"),
    ("GET conversations/{customer}", "oasg", "oasg"),
    ("GET conversations/{customer}/messages", "oasg", "oasg"),
    ("POST conversations/{customer}/messages", "oasg", "oasg"),
    ("POST conversations/{customer}/read", "oasg", "oasg"),
    ("POST conversations/{customer}/replying", "oasg", "oasg"),
    ("POST conversations/{customer}/assign", "oasg", "oasg"),
    ("POST conversations/{customer}/labels", "oasg", "oasg"),
    ("POST conversations/{customer}/close", "oasg", "oasg"),
    ("POST conversations/{customer}/reopen", "oasg", "oasg"),
    ("POST conversations/{customer}/snooze", "oasg", "oasg"),
    ("POST conversations/{customer}/move", "oas", "oas"),
    ("GET conversations/{customer}/notes", "oasg", "oasg"),
    ("POST conversations/{customer}/notes", "oasg", "oasg"),
    ("POST conversations/{customer}/notes/{note}", "oasg", "oasg"),
    ("DELETE conversations/{customer}/notes/{note}", "oasg", "oasg"),
    ("GET inboxes", "oasg", "oasg"),
    ("POST inboxes", "oa", "oa"),
    ("DELETE inboxes/{inbox}", "oa", "oa"),
    ("GET canned", "oasg", "oasg"),
    ("POST canned", "oas", "oas"),
    ("DELETE canned/{canned}", "oas", "oas"),
    ("GET search", "oasg", "oasg"),
];

fn may(route: &Route, role: Role, limited: bool) -> bool {
    let line = format!("{} {}", route.method, route.shape);
    let (_, all, few) = MAY.iter().find(|it| it.0 == line).unwrap_or_else(|| panic!("who may {line}?"));
    let letter = match role {
        Role::Owner => 'o',
        Role::Admin => 'a',
        Role::Supervisor => 's',
        Role::Agent => 'g',
        Role::Auditor => 'u',
        Role::Developer => 'd',
    };
    if limited { few.contains(letter) } else { all.contains(letter) }
}

#[tokio::test]
async fn every_call_is_open_to_those_of_the_table_and_to_nobody_else() {
    let world = World::new().await;
    let (_, token) = world.token(json!({ "name": "a program" })).await;
    let agent = world.takes_in("carla", "agent", json!(["shop"])).await.id;
    let (mut cells, mut count) = (0, 0);
    for role in Role::ALL {
        for inboxes in [json!("all"), json!(["shop"])] {
            let limited = inboxes.is_array();
            let login = format!("{}-{limited}", role.name());
            let mut who = world.with(&login, role.name(), inboxes).await;
            // Signing out comes last.
            let (out, others): (Vec<_>, Vec<_>) = OWN_ROUTES.iter().partition(|it| it.op == Op::SignOut);
            for route in others.into_iter().chain(out) {
                let line = line_of(&world, &token, route, agent, &mut count).await;
                let fine = may(route, role, limited);
                // What is said makes no sense: that is found after the door, and not before it.
                let body =
                    if route.method == "POST" { json!({ "password": 1, "scopes": 1 }) } else { Value::Null };
                let (status, told) = world.as_person(&who.session, &line, body).await;
                let refused = (status, code_of(&told)) == (403, "not_allowed");
                assert_eq!(refused, !fine, "{role:?} limited {limited}: {line}: {status} {told}");
                assert!(status != 401, "{role:?}: {line}: {told}");
                cells += 1;
            }
            assert_eq!(world.as_person(&who.session, "GET me", Value::Null).await.0, 401, "signed out");
            world.signs_in(&mut who).await;
            // Everybody may give themselves another password; this one is too short, which is told who may.
            let own = format!("POST people/{}/reset", who.id);
            let (status, told) = world.as_person(&who.session, &own, json!({ "password": "short" })).await;
            assert_eq!((status, code_of(&told)), (400, "invalid"), "{role:?}: {told}");
        }
    }
    assert_eq!(cells, OWN_ROUTES.len() * Role::ALL.len() * 2);
    let calls: BTreeSet<_> = OWN_ROUTES.iter().map(|it| (it.method, it.shape)).collect();
    assert_eq!(calls.len(), OWN_ROUTES.len(), "a call stands in the table once");
    assert_eq!(MAY.len(), OWN_ROUTES.len(), "nothing is expected of a call that there is not");
}

#[test]
fn every_action_of_the_table_of_roles_is_needed_for_a_call() {
    let needed = |action| {
        let needs = |need| match need {
            Need::Nothing | Need::SignedIn => false,
            Need::May(it) | Need::MayOrSelf(it) | Need::In(it) => it == action,
        };
        OWN_ROUTES.iter().any(|it| needs(it.need))
    };
    let idle: Vec<_> = TABLE.iter().map(|it| it.0).filter(|it| !needed(*it)).collect();
    assert_eq!(idle, []);
}

#[test]
fn what_is_done_in_an_inbox_is_asked_for_in_those_that_people_see() {
    let everywhere =
        |it: &&Route| matches!(it.need, Need::May(action) | Need::MayOrSelf(action) if action.in_inbox());
    assert_eq!(OWN_ROUTES.iter().find(everywhere).map(|it| it.shape), None);
    let inside = OWN_ROUTES.iter().filter(|it| matches!(it.need, Need::In(_)));
    assert!(inside.clone().all(|it| matches!(it.need, Need::In(action) if action.in_inbox())));
    assert!(inside.count() >= 19);
}

#[tokio::test]
async fn who_has_not_signed_in_is_told_nothing_and_the_owner_of_the_machine_may_do_all() {
    let world = World::new().await;
    let (_, token) = world
        .token(json!({ "name": "a program", "scopes": ["messaging", "management", "business", "audit"] }))
        .await;
    let agent = world.takes_in("carla", "agent", json!(["shop"])).await.id;
    let gone = world.with("ana", "owner", Value::Null).await;
    world.takes_in("bia", "owner", Value::Null).await;
    world.done(&format!("DELETE people/{}", gone.id), Value::Null).await;
    let mut count = 0;
    for route in OWN_ROUTES.iter().filter(|it| it.need != Need::Nothing) {
        let line = line_of(&world, &token, route, agent, &mut count).await;
        for (what, bearer) in [
            ("nothing", ""),
            ("a token of the Cloud API", token.as_str()),
            ("the session of somebody who is gone", gone.session.as_str()),
            ("nonsense", "lacre_bs_00"),
        ] {
            let (status, told) = world.as_person(bearer, &line, Value::Null).await;
            assert_eq!((status, code_of(&told)), (401, "not_signed_in"), "{line} with {what}: {told}");
        }
        let (status, told) = world.console(&line, Value::Null).await;
        assert!(![401, 403, 500, 503].contains(&status), "{line}: {told}");
    }
    for line in ["GET nothing", "GET people/1/2/3", "PUT people", "GET "] {
        assert_eq!(world.as_person("", line, Value::Null).await.0, 401, "{line}");
        let (status, told) = world.console(line, Value::Null).await;
        assert_eq!((status, code_of(&told)), (404, "not_found"), "{line}");
    }
}

#[tokio::test]
async fn a_session_is_no_token_of_the_cloud_api() {
    let world = World::new().await;
    let ana = world.with("ana", "owner", Value::Null).await;
    let identity = &world.node.identity;
    for route in ROUTES {
        let path = route
            .shape
            .replace("{app}", &identity.app.to_string())
            .replace("{account}", &identity.account.to_string())
            .replace("{number}", &identity.number.to_string())
            .replace("{code}", "ABCDEFGHIJKLMN");
        let path = path.replace("{media}", "100000000000001").replace("{template}", "100000000000002");
        let (status, told) =
            world.program(&ana.session, &format!("{} {path}", route.method), Value::Null).await;
        assert_eq!((status, &told["error"]["code"]), (401, &json!(190)), "{} {path}", route.method);
    }
}
