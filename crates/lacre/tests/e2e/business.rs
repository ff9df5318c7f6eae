//! A bakery and its customer Ana: verified by the operator, and heard as far as she wants.

use serde_json::{Value, json};

use crate::process::{Relay, Run, lacre, run, texts};

fn started() -> Relay {
    Relay::start(&["--admin", "127.0.0.1:0"])
}

pub fn admin(relay: &Relay, deed: &str, of: &[&str]) -> Run {
    let told = relay.told();
    let address = told["admin"].as_str().expect("an admin address").to_owned();
    let mut command = lacre();
    command.args(["admin", "business", deed]).args(of).args(["--json", "--admin", &address, "--data"]);
    run(command.arg(relay.data()))
}

const BAKERY: [&str; 9] = [
    "bakery",
    "--legal-name",
    "Padaria Sol Ltda.",
    "--display-name",
    "Padaria Sol",
    "--domain",
    "padaria.example",
    "--trade",
    "bakery",
];

/// How the operator knows a bakery whose domain nobody can look at from here.
const BY_HAND: &str = "its owner is known";

#[test]
fn ana_sees_the_badge_says_what_may_come_and_stops_it() {
    let relay = started();
    let (ana, bakery) = (relay.person("ana"), relay.person("bakery"));
    let added = admin(&relay, "add", &BAKERY).ok().object();
    assert!(added["token"].as_str().is_some_and(|token| token.len() == 32), "{added}");
    admin(&relay, "add", &BAKERY).refused(4, "refused");
    // It reaches nobody who has not written to it.
    bakery.run(&["send", "ana", "buy bread", "--json"]).refused(4, "consent_needed");

    ana.send(&bakery, "do you have rye?");
    assert_eq!(texts(bakery.read(), "ana"), ["do you have rye?"]);
    bakery.send(&ana, "at five");
    assert_eq!(texts(ana.read(), "bakery"), ["at five"]);
    let consent = |person: &crate::process::Person| person.run(&["consent", "--json"]).ok().object();
    assert_eq!(consent(&ana)["verified"], Value::Null);
    let told = admin(&relay, "verify", &["bakery"]).refused(4, "refused");
    assert!(told["message"].as_str().is_some_and(|it| it.contains("not seen at its domain")), "{told}");
    let verified = admin(&relay, "verify", &["bakery", "--by-hand", BY_HAND]).ok().object();
    assert!(verified["verified_ms"].is_u64() && verified["by_hand"] == BY_HAND, "{verified}");
    let all = admin(&relay, "list", &[]).ok().objects();
    assert_eq!((all.len(), &all[0]["quality"], &all[0]["daily_limit"]), (1, &json!("GREEN"), &json!(250)));

    // Somebody who writes to it now sees the badge at once.
    let carla = relay.person("carla");
    carla.send(&bakery, "olá");
    let seen = consent(&carla);
    assert_eq!(seen["verified"]["domain"], "padaria.example");
    assert_eq!((&seen["categories"], &seen["stopped"]), (&Value::Null, &json!(false)));

    let granted = ana.run(&["consent", "grant", "bakery", "--for", "offers,service", "--json"]).ok().object();
    assert_eq!(
        (&granted["categories"], &granted["relay_told"]),
        (&json!(["marketing", "service"]), &json!(true))
    );
    let lines = ana.run(&["consent"]).ok().stdout;
    assert!(lines.contains("you agreed to service messages, offers until"), "{lines}");
    let told: Vec<Value> = bakery.read().into_iter().filter(|row| row["kind"] == "consent").collect();
    assert_eq!(
        told[0]["content"]["categories"],
        json!(["service", "marketing"]),
        "the bakery has the receipt"
    );

    ana.run(&["consent", "stop", "bakery"]).ok();
    assert_eq!(consent(&ana)["stopped"], true);
    bakery.read();
    bakery.run(&["send", "ana", "please", "--json"]).refused(4, "stopped");
    ana.send(&bakery, "one more thing");
    bakery.read();
    bakery.send(&ana, "yes?");
    assert_eq!(texts(ana.read(), "bakery").last().map(String::as_str), Some("yes?"));

    admin(&relay, "suspend", &["bakery"]).ok();
    bakery.run(&["send", "ana", "are you there", "--json"]).refused(4, "business_suspended");
    admin(&relay, "resume", &["bakery"]).ok();
    bakery.send(&ana, "we are back");
}

#[test]
fn r27_whose_name_looks_like_a_verified_business_is_told_apart() {
    let relay = started();
    let (ana, _bakery, _other) = (relay.person("ana"), relay.person("bakery"), relay.person("bakers"));
    admin(&relay, "add", &BAKERY).ok();
    admin(&relay, "verify", &["bakery", "--by-hand", BY_HAND]).ok();
    let mut like = BAKERY;
    (like[0], like[4], like[6]) = ("bakers", "PadarIa SoI", "padaria-sol.example");
    admin(&relay, "add", &like).ok();
    let told = admin(&relay, "verify", &["bakers"]).refused(4, "looks_like");
    assert!(told["message"].as_str().is_some_and(|it| it.contains("bakery (Padaria Sol)")), "{told}");
    admin(&relay, "verify", &["bakers", "--though-alike", "--by-hand", BY_HAND]).ok();

    // Ana knows the bakery. Somebody of nearly its name writes to her.
    ana.run(&["send", "bakery", "do you have rye?"]).ok();
    ana.read();
    let padariasol = relay.person("padariasol");
    padariasol.run(&["send", "ana", "your order waits: pay here"]).ok();
    ana.read();
    let request = ana.run(&["requests", "--json"]).ok().object();
    assert_eq!(request["looks_like"], "Padaria Sol", "{request}");
    let told = ana.run(&["requests"]).ok().stdout;
    assert!(told.contains("Careful: the name looks like that of Padaria Sol"), "{told}");
    let bruno = relay.person("bruno");
    bruno.run(&["send", "ana", "oi"]).ok();
    let all = ana.run(&["requests", "--json"]).ok().objects();
    let bruno = all.iter().find(|it| it["name"] == "bruno").expect("he waits");
    assert_eq!(bruno["looks_like"], Value::Null);
}

#[test]
fn what_is_no_business_gets_no_consent() {
    let relay = started();
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.run(&["consent", "stop", "bruno", "--json"]).refused(4, "no_such_conversation");
    ana.send(&bruno, "oi");
    ana.run(&["consent", "grant", "bruno", "--for", "offers", "--json"]).refused(4, "no_business");
    assert!(ana.run(&["consent"]).ok().stdout.contains("You talk with no business."));
    assert!(admin(&relay, "list", &[]).ok().objects().is_empty());
    admin(&relay, "verify", &["ana"]).refused(4, "refused");
}
