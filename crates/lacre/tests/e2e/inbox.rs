//! Ana waits in the bakery's inbox, and is answered at the machine.

use serde_json::{Value, json};

use crate::console::Bakery;
use crate::process::{run, until};

#[test]
fn r26_ana_waits_is_answered_and_found_though_the_node_was_killed() {
    let bakery = Bakery::new();
    let ana = bakery.relay().person("ana");
    let (mut node, _) = bakery.serve();
    let lines = |args: &[&str]| run(&mut bakery.command(&[&["inbox"], args].concat())).ok().stdout;
    let says = |args: &[&str]| bakery.says(&[&["inbox"], args].concat());
    assert!(lines(&["list"]).contains("Nothing stands in the queue `team`."));

    // The node dies while it hears her, and hears her to the end when it is back.
    ana.run(&["send", "bakery", "do you have rye?"]).ok();
    node.kill();
    let (mut node, _) = bakery.serve();
    let row = until("she waits", || says(&["list"]).ok().objects().pop());
    assert_eq!(
        (&row["status"], &row["inbox"], &row["version"]),
        (&json!("waiting"), &json!("main"), &json!(1))
    );
    assert_eq!(row["sends"]["text"]["allowed"], true, "{row}");
    let customer = row["wa_id"].as_str().expect("digits").to_owned();
    let customer = customer.as_str();

    let bia = bakery.says(&["people", "add", "bia", "--role", "agent"]).ok().object();
    says(&["assign", customer, "bia", "--note", "she knows rye"]).ok();
    says(&["close", customer, "--version", "1"]).refused(4, "stale");
    let row = says(&["label", customer, "--add", "rye"]).ok().object();
    assert_eq!((&row["assigned"]["id"], &row["version"]), (&bia["person"]["id"], &json!(3)));
    says(&["canned", "set", "five", "At five, {{name}}."]).ok();
    let said = says(&["reply", customer, "--canned", "five"]).ok().object();
    assert_eq!(said["conversation"]["status"], "open");
    let heard =
        until("she reads it", || ana.read().into_iter().find(|it| it.to_string().contains("At five")));
    assert_eq!(heard["from"], "bakery");
    says(&["read", customer]).ok();

    let messages = says(&["messages", customer]).ok().objects();
    let said_by: Vec<_> = messages.iter().map(|it| (&it["from"], &it["said_by"]["who"])).collect();
    assert_eq!(said_by, [(&json!("customer"), &Value::Null), (&json!("business"), &json!("operator"))]);
    assert!(lines(&["messages", customer]).contains("customer: do you have rye?"));
    let found = until("it is in the index", || {
        let found = says(&["search", "rye"]).ok().object();
        (found["data"].as_array().map(Vec::len) == Some(1)).then_some(found)
    });
    assert_eq!(
        (&found["notes"][0]["note"]["body"], &found["labelled"][0]["wa_id"]),
        (&json!("she knows rye"), &json!(customer))
    );
    assert!(lines(&["search", "rye"]).contains("do you have *rye*?"));
    assert!(lines(&["note", customer]).contains("operator: she knows rye"));

    says(&["snooze", customer, "2h"]).ok();
    assert!(lines(&["list", "--view", "snoozed"]).contains("snoozed until"));
    ana.run(&["send", "bakery", "and cake?"]).ok();
    until("she is back", || lines(&["list", "--view", "waiting"]).contains("waiting since").then_some(()));
    says(&["add", "returns"]).ok();
    says(&["move", customer, "returns"]).ok();
    says(&["remove", "returns"]).refused(4, "inbox_in_use");
    assert!(lines(&["show", customer]).contains("may be sent"));

    // Who sorts needs no node that serves; who looks at what was said does.
    node.terminate();
    assert_eq!(node.ended(), 0);
    says(&["close", customer]).ok();
    assert!(lines(&["list", "--view", "closed"]).contains("[rye]"));
    says(&["messages", customer]).refused(4, "node_not_serving");
    let log = bakery.says(&["audit", "list", "--what", "conversation."]).ok().stdout;
    assert!(log.contains("conversation.say") && !log.contains("rye?") && !log.contains("At five"), "{log}");
}
