//! `cargo xtask sdk --schemathesis`: the node's API under what its own description allows and does not. Why some of the
//! checks are left out is in docs/protocol/business-api.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::install;
use crate::bakery::{Bakery, Caller, text};
use crate::run::{Outcome, output, root, run, target};

/// Examples for each call and each way of making them.
pub const EXAMPLES: u32 = 50;
/// What does not hold by design.
const LEFT_OUT: &str = "positive_data_acceptance,negative_data_rejection,unsupported_method";
/// Calls after which others have nothing to be tried on: they are tried last.
const LAST: [&str; 5] = ["DeleteTemplate", "DeleteTemplates", "DeleteMedia", "DeleteCode", "Deregister"];

/// Its environment, in the version that `suites/sdk/schemathesis.txt` names; the reason when the machine has
/// none.
pub fn tool() -> Result<PathBuf, String> {
    install::python(&root().join(target()).join("sdk"), "schemathesis.txt", "schemathesis")
}

/// Runs it on the binary that is built.
pub fn look(examples: u32) -> Outcome {
    let folder = root().join(target()).join("sdk");
    let python = tool()?;
    let lacre = root().join(target()).join("debug/lacre");
    let world = folder.join("schema");
    let bakery = Bakery::open(&lacre, &world, ["127.0.0.1:0", "127.0.0.1:0"], "lifted")?;
    let document = output(Command::new(&lacre).args(["business", "openapi"]).stdin(Stdio::null()))?;
    let (config, description) = (world.join("schemathesis.toml"), world.join("api.json"));
    let written = fs::write(&description, document).and_then(|()| fs::write(&config, objects(&bakery)?));
    written.map_err(|error| format!("{}: {error}", world.display()))?;
    let command = |only_last: bool| {
        let mut command = Command::new(python.with_file_name("schemathesis"));
        command.arg("--config-file").arg(&config).arg("run").arg(&description);
        command.args(["--url", &format!("{}/v23.0", bakery.base), "--seed", "7", "--continue-on-failure"]);
        command.args(["--phases", "coverage,fuzzing", "--exclude-checks", LEFT_OUT]);
        command.args(["--max-examples", &examples.to_string()]);
        for name in LAST {
            command.args([if only_last { "--include-operation-id" } else { "--exclude-operation-id" }, name]);
        }
        Ok::<_, String>(quiet(command, &bakery.told("access_token")?, &world))
    };
    run(&mut command(false)?)?;
    run(&mut command(true)?)
}

fn quiet(mut command: Command, token: &str, world: &Path) -> Command {
    command.args(["--header", &format!("Authorization: Bearer {token}")]).current_dir(world);
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    command
}

/// One object of each kind, and their ids as the paths want them.
fn objects(bakery: &Bakery) -> std::io::Result<String> {
    let made = || -> Result<String, String> {
        let node = Caller { base: bakery.base.clone(), token: bakery.told("access_token")? };
        let (number, account) = (bakery.told("phone_number_id")?, bakery.told("waba_id")?);
        let app = bakery.told("app_id")?;
        let template = json!({
            "name": "sample", "language": "en", "category": "UTILITY",
            "components": [{ "type": "BODY", "text": "Your order is ready." }],
        });
        let id = |told: Value, name: &str| text(&told, name);
        let template = id(node.post(&format!("{account}/message_templates"), &template)?, "id")?;
        let code = json!({ "prefilled_message": "Have you rye?" });
        let code = id(node.post(&format!("{number}/message_qrdls"), &code)?, "code")?;
        let parts = "--x\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--x\r\n\
                     Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                     Content-Type: text/plain\r\n\r\nrye\r\n--x--\r\n";
        let media = node.call(&format!("{number}/media"), "multipart/form-data; boundary=x", parts)?;
        let upload = format!("{app}/uploads?file_name=a.txt&file_length=3&file_type=text/plain");
        let upload = id(node.post(&upload, &json!({}))?, "id")?;
        let media = id(media, "id")?;
        let all = [
            ("number", number),
            ("account", account),
            ("app", app),
            ("template", template),
            ("media", media),
            ("code", code),
            ("upload", upload),
        ];
        let line = |(name, id): (&str, String)| format!("\"path.{name}\" = \"{id}\"\n");
        Ok(format!("[parameters]\n{}", all.map(line).concat()))
    };
    made().map_err(std::io::Error::other)
}
