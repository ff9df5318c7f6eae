//! `cargo xtask up --business`: a relay and a bakery's node on it, a program that hears its webhooks, and how to be
//! its customer.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::hook::Hook;
use crate::bakery::{BUSINESS, Bakery, Caller};
use crate::run::Outcome;

const NODE: &str = "127.0.0.1:8480";
const VERIFY: &str = "bread";

/// Opens the bakery in a folder, and hears for it until Ctrl-C.
pub fn open(lacre: &Path, folder: &Path, listen: &str, shown: impl Fn(&Path) -> String) -> Outcome {
    let mut bakery = Bakery::open(lacre, folder, [listen, NODE], "default")?;
    let (phone, account) = (bakery.told("phone_number_id")?, bakery.told("waba_id")?);
    let (token, secret) = (bakery.told("access_token")?, bakery.told("app_secret")?);
    let hook = Hook::bind(secret, VERIFY).map_err(|error| format!("the receiver: {error}"))?;
    let url =
        hook.address().map(|address| format!("http://{address}/hook")).map_err(|error| error.to_string())?;
    let node = Caller { base: bakery.base.clone(), token: token.clone() };
    let words = How {
        lacre: shown(lacre),
        profile: shown(&folder.join("ana")),
        relay: bakery.relay.clone(),
        base: bakery.base.clone(),
        phone,
        token,
    };
    let how = words.clone();
    // It has to hear before it is told of: the node asks it first.
    std::thread::spawn(move || {
        let mut known = BTreeSet::new();
        hook.run(|value| {
            let value = &value["entry"][0]["changes"][0]["value"];
            println!("webhook, signature verified: {}", summary(value));
            let customer = value["contacts"][0]["wa_id"].as_str().unwrap_or_default();
            if !customer.is_empty() && known.insert(customer.to_owned()) {
                print!("{}", how.to_send(customer));
            }
        });
    });
    let callback = json!({ "override_callback_uri": url, "verify_token": VERIFY });
    node.post(&format!("{account}/subscribed_apps"), &callback)?;
    node.post(&format!("{account}/message_templates"), &template())?;
    print!("{}", words.to_join(&url));
    bakery.node.wait();
    Ok(())
}

/// What is typed where.
#[derive(Clone)]
struct How {
    lacre: String,
    profile: String,
    relay: String,
    base: String,
    phone: String,
    token: String,
}

impl How {
    fn to_join(&self, hook: &str) -> String {
        let Self { lacre, profile, relay, base, phone, .. } = self;
        format!(
            "
A bakery has a node: its programs speak the WhatsApp Business Cloud API to
{base}, and what its customers write is sealed up to there.
Its phone number id is {phone}. What it is told arrives here, from
{hook}, and is printed when its signature is right.
Everything is begun anew each time.

Open a second terminal in this folder, and be Ana, a customer. She writes, and
agrees to messages about her orders and to offers:

  {lacre} --profile {profile} sign-up --relay {relay} --no-passphrase ana
  {lacre} --profile {profile} send {BUSINESS} 'Have you rye?'
  {lacre} --profile {profile} consent grant {BUSINESS} --for service,offers

Then a line to answer her with is printed here. Ctrl-C ends it.

"
        )
    }

    fn to_send(&self, customer: &str) -> String {
        let Self { lacre, profile, base, phone, token, .. } = self;
        let body = json!({
            "messaging_product": "whatsapp",
            "to": customer,
            "type": "template",
            "template": {
                "name": "order_ready",
                "language": { "code": "en" },
                "components": [{ "type": "body", "parameters": [{ "type": "text", "text": "Ana" }] }],
            },
        });
        format!(
            "
To send her a template, from a third terminal:

  curl {base}/v23.0/{phone}/messages -H 'Authorization: Bearer {token}' \\
    -H 'Content-Type: application/json' -d '{body}'

She reads it, and chooses one of its buttons by the message's id; her answer
arrives here:

  {lacre} --profile {profile} read --ids
  {lacre} --profile {profile} choose ID 'I am coming'

"
        )
    }
}

fn template() -> Value {
    json!({
        "name": "order_ready",
        "language": "en",
        "category": "UTILITY",
        "components": [
            { "type": "BODY", "text": "Hi {{1}}, your order is ready.", "example": { "body_text": [["Ana"]] } },
            { "type": "BUTTONS", "buttons": [
                { "type": "QUICK_REPLY", "text": "I am coming" },
                { "type": "QUICK_REPLY", "text": "Tomorrow" },
            ] },
        ],
    })
}

/// What happened, in a line.
fn summary(value: &Value) -> String {
    let (message, status) = (&value["messages"][0], &value["statuses"][0]);
    let preference = &value["user_preferences"][0];
    if let Some(kind) = message["type"].as_str() {
        return format!("{} said {kind}: {}", message["from"], message[kind]);
    }
    if let Some(status) = status["status"].as_str() {
        return format!("{status}: {}", value["statuses"][0]["id"]);
    }
    match preference["value"].as_str() {
        Some(value) => format!("{} says {value} to offers", preference["wa_id"]),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_fits_a_terminal_of_80_columns() {
        let text = |it: &str| it.to_owned();
        let words = How {
            lacre: text("target/debug/lacre"),
            profile: text(".data/business/ana"),
            relay: text("https://127.0.0.1:8443"),
            base: text("http://127.0.0.1:8480"),
            phone: text("123456789012345"),
            token: text("token"),
        };
        let told = words.to_join("http://127.0.0.1:54321/hook") + &words.to_send("123456789012345");
        for line in told.lines().filter(|line| !line.starts_with("  ")) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn what_happened_is_a_line() {
        let said = json!({ "messages": [{ "from": "1", "type": "text", "text": { "body": "oi" } }] });
        assert_eq!(summary(&said), r#""1" said text: {"body":"oi"}"#);
        let read = json!({ "statuses": [{ "id": "wamid.A", "status": "read" }] });
        assert_eq!(summary(&read), r#"read: "wamid.A""#);
    }
}
