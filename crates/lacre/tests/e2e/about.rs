//! What a bakery says of itself, set by its program through the API, is on Ana's terminal before she has written to it.

use lacre_media::picture::{Format, Pixels, decode_small, thumbnail};
use serde_json::{Value, json};

use crate::console::Bakery;
use crate::node::{ask, ask_with};
use crate::process::{Person, run, until};

/// The bakery's program.
struct Program<'a> {
    bakery: &'a Bakery,
    address: &'a str,
}

impl Program<'_> {
    fn call(&self, line: &str, body: &Value) -> Value {
        let (status, told) = ask(self.address, &self.bakery.id("access_token"), line, body);
        assert_eq!(status, 200, "{line}: {told}");
        told
    }

    fn set(&self, what: &str, mut it: Value) {
        it["messaging_product"] = "whatsapp".into();
        let line = format!("POST /v23.0/{}/{what}", self.bakery.id("phone_number_id"));
        assert_eq!(self.call(&line, &it)["success"], true);
    }

    /// Uploads a picture; its handle.
    fn upload(&self, bytes: &[u8]) -> Value {
        let query = format!("file_name=rye.jpg&file_length={}&file_type=image/jpeg", bytes.len());
        let app = self.bakery.id("app_id");
        let session = self.call(&format!("POST /v23.0/{app}/uploads?{query}"), &Value::Null);
        let line = format!("POST /v23.0/{}", session["id"].as_str().expect("an id"));
        let token = self.bakery.id("access_token");
        let (status, told) = ask_with(self.address, &token, &line, "application/octet-stream", bytes);
        assert_eq!(status, 200, "{told}");
        told["h"].clone()
    }
}

/// What Ana is shown of the bakery.
fn shown(ana: &Person) -> Value {
    ana.run(&["consent", "show", "bakery", "--json"]).ok().object()["profile"].clone()
}

#[test]
fn r19_what_a_bakery_says_of_itself_is_there_before_ana_writes_and_a_change_arrives() {
    let bakery = Bakery::new();
    let (_node, address) = bakery.serve();
    let program = Program { bakery: &bakery, address: &address };
    let account = format!("GET /v23.0/{}?fields=account_review_status", bakery.id("waba_id"));
    let knows = || (program.call(&account, &Value::Null)["account_review_status"] == "PENDING").then_some(());
    until("the node knows what it is", knows);
    let ana = bakery.relay().person("ana");
    ana.run(&["consent", "show", "nobody", "--json"]).refused(4, "no_such_account");
    let nothing = ana.run(&["consent", "show", "bakery", "--json"]).ok().object();
    assert_eq!((&nothing["conversation"], &nothing["profile"]), (&Value::Null, &Value::Null));

    let picture = thumbnail(&Pixels::new(64, 64, 3, [180, 120, 60].repeat(64 * 64)).expect("enough"));
    program.set(
        "whatsapp_business_profile",
        json!({
            "about": "Bread, and nothing else", "description": "We bake at night.\nOpen from six.",
            "address": "Rua do Forno 3", "email": "pao@padaria.example", "vertical": "RESTAURANT",
            "websites": ["https://padaria.example"], "profile_picture_handle": program.upload(&picture),
        }),
    );
    let commands = json!([{ "command_name": "order", "command_description": "orders bread" }]);
    program.set("conversational_automation", json!({ "prompts": ["Have you rye?"], "commands": commands }));
    let said = until("it is at the relay", || Some(shown(&ana)).filter(|it| it["prompts"][0].is_string()));
    assert_eq!(
        said,
        json!({
            "about": "Bread, and nothing else", "description": "We bake at night.\nOpen from six.",
            "address": "Rua do Forno 3", "email": "pao@padaria.example", "vertical": "RESTAURANT",
            "websites": ["https://padaria.example"], "prompts": ["Have you rye?"],
            "commands": [{ "name": "order", "description": "orders bread" }],
        })
    );
    let file = bakery.data().with_file_name("bakery.jpg");
    let path = file.to_str().expect("UTF-8");
    let lines = run(&mut ana.command(&["consent", "show", "bakery", "--picture", path])).ok().stdout;
    for line in [
        "It says of itself, and nobody has checked it:",
        "Bread, and nothing else",
        "Open from six.",
        "website: https://padaria.example",
        "To begin with: Have you rye?",
        "/order  orders bread",
    ] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
    let saved = std::fs::read(&file).expect("saved");
    assert!(Format::of(&saved) == Some(Format::Jpeg) && decode_small(&saved).is_ok());
    ana.run(&["consent", "show", "bakery", "--picture", path, "--json"]).refused(4, "file_exists");
    assert!(bakery.says(&["consent", "list"]).ok().objects().is_empty(), "it does not know that she looked");

    // She writes, and a change arrives; she can look at it without a connection too.
    ana.run(&["send", "bakery", "Have you rye?"]).ok();
    program.set("whatsapp_business_profile", json!({ "about": "Closed until Monday" }));
    until("the change is there", || (shown(&ana)["about"] == "Closed until Monday").then_some(()));
    let listed = ana.run(&["consent", "--json"]).ok().object();
    assert_eq!(listed["profile"]["about"], "Closed until Monday", "{listed}");
    bruno_is_no_business(&bakery, &ana);
}

fn bruno_is_no_business(bakery: &Bakery, ana: &Person) {
    let _bruno = bakery.relay().person("bruno");
    ana.run(&["consent", "show", "bruno", "--json"]).refused(4, "no_business");
}
