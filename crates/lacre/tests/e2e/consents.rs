//! What customers have agreed to, and an auditor who checks it with nothing of the node's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use lacre_proto::wire;
use prost::Message;
use serde_json::{Value, json};

use crate::console::Bakery;
use crate::process::{Person, run, until};

/// Ana has written, then agrees, then stops: each is listed at once, and exported as her device signed it.
pub fn looked_at(bakery: &Bakery, ana: &Person, customer: &Value) {
    let row = bakery.says(&["consent", "list"]).ok().object();
    assert_eq!((&row["wa_id"], &row["window_open"]), (customer, &json!(true)), "{row}");
    assert_eq!((&row["categories"], &row["stands"]), (&json!([]), &json!(false)), "{row}");
    assert!(bakery.says(&["consent", "export"]).ok().objects().is_empty(), "she has signed nothing");

    ana.run(&["consent", "grant", "bakery", "--for", "offers,service", "--days", "30"]).ok();
    let row = until("it is here", || {
        let row = bakery.says(&["consent", "list"]).ok().object();
        (row["stands"] == true).then_some(row)
    });
    assert_eq!(row["categories"], json!(["service", "marketing"]), "{row}");
    let days = row["until_ms"].as_u64().zip(row["since_ms"].as_u64()).map(|(until, since)| until - since);
    assert!(days.is_some_and(|it| (29..=30).contains(&(it / 86_400_000))), "{row}");
    let signed = bakery.says(&["consent", "export"]).ok().object();
    let grant = checked(&signed).expect("Ana's device has signed it");
    assert_eq!(
        (grant.granted_ms, grant.expires_ms),
        (row["since_ms"].as_u64().expect("a time"), row["until_ms"].as_u64().expect("a time"))
    );
    assert_eq!(grant.categories.len(), 2);
    // Whoever changes a bit of it is found out.
    let mut false_one = signed.clone();
    let mut bytes = STANDARD.decode(signed["receipt"].as_str().expect("text")).expect("base64");
    bytes[20] ^= 1;
    false_one["receipt"] = STANDARD.encode(bytes).into();
    assert!(checked(&false_one).is_none());

    ana.run(&["consent", "stop", "bakery"]).ok();
    let row = until("the stop is here", || {
        let row = bakery.says(&["consent", "list"]).ok().object();
        (row["stopped"] == true).then_some(row)
    });
    assert_eq!((&row["stands"], &row["window_open"]), (&json!(false), &json!(false)), "{row}");
    let stop = checked(&bakery.says(&["consent", "export"]).ok().object()).expect("a stop is signed too");
    assert!(stop.categories.is_empty() && stop.revision > grant.revision);
    let lines = run(&mut bakery.command(&["consent", "list"])).ok().stdout;
    assert!(lines.contains("stopped ") && lines.contains("window closed"), "{lines}");
}

/// What an auditor does with a line: the identity key has signed the device list, and a device of the list the receipt.
fn checked(line: &Value) -> Option<wire::ConsentGrant> {
    let bytes = |name: &str| STANDARD.decode(line[name].as_str()?).ok();
    let list = wire::Signed::decode(bytes("device_list")?.as_slice()).ok()?;
    holds(&bytes("identity_key")?, b"lacre device list v1", &list)?;
    let list = wire::DeviceList::decode(list.body).ok()?;
    let receipt = wire::Signed::decode(bytes("receipt")?.as_slice()).ok()?;
    let grant = wire::ConsentGrant::decode(receipt.body.clone()).ok()?;
    let device = list.devices.iter().find(|it| it.device == grant.device)?;
    holds(&device.signature_key, b"lacre consent v1", &receipt)?;
    (grant.customer == list.account).then_some(grant)
}

fn holds(key: &[u8], label: &[u8], signed: &wire::Signed) -> Option<()> {
    let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    let signature = Signature::from_slice(&signed.signature).ok()?;
    key.verify_strict(&[label, &[0], &signed.body].concat(), &signature).ok()
}
