//! `lacre business nodes` and `join`: several nodes of one business.

use std::time::Duration;

use lacre_business::nodes::{self, Pass};
use lacre_client::records::Records;
use lacre_client::store::Store as _;
use lacre_client::{Client, Joining, OpenError};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ask::{ask, get, piece, post, rows, text, when};
use super::{broken, made, make_key, node_store};
use crate::cli::{JoinArgs, JoinNodeArgs, NodesCommand};
use crate::commands::Context;
use crate::commands::device::{read_number, show_code};
use crate::commands::sign_up::endpoint;
use crate::exit::{Exit, Failure};
use crate::profile::ProfileDir;
use crate::wait::{Reach, Reached};
use crate::{output, passphrase};

/// How long the person at the new device may take to type the number, and that device to come.
const LINKING: Duration = Duration::from_secs(200);
/// How long the relay may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the other node may take to tell the new one what it is.
const TELLING: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_millis(500);

pub(super) async fn run(command: NodesCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        NodesCommand::List(node) => {
            let told = get(&node.data, "nodes").await?;
            rows(&told, as_json, "This account has no devices.", line)?;
            if let Some(ago) = told["told_seconds_ago"].as_u64().filter(|_| !as_json) {
                output::line(&format!("all that came was told, up to {ago} s ago"))?;
            }
            let aside = told["aside"].as_u64().unwrap_or_default();
            if !as_json && aside > 0 {
                output::line(&format!(
                    "{aside} event(s) are aside here, until the node that leads has told them"
                ))?;
            }
            Ok(())
        }
        NodesCommand::Add { code, node } => {
            let begun = post(&node.data, "nodes", &json!({ "code": code })).await?;
            let linking = &begun["linking"];
            match as_json {
                true => output::object(linking)?,
                false => output::line(&format!(
                    "A device that calls itself \"{}\" wants to read and write as the business.\n\
                     If it is yours, type this number on it:  {}\nTell it to nobody who asks you for it.",
                    text(&linking["name"]),
                    text(&linking["number"]),
                ))?,
            }
            let end = Instant::now() + LINKING;
            while Instant::now() < end {
                tokio::time::sleep(BETWEEN).await;
                let linking = get(&node.data, "nodes").await?["linking"].take();
                match linking["state"].as_str() {
                    Some("linked") if as_json => return output::object(&linking),
                    Some("linked") => {
                        return output::line(&format!(
                            "{} is a device of the business now, and comes into its conversations.",
                            text(&linking["device"])
                        ));
                    }
                    Some("failed") => {
                        let why = format!("{}; no device was added", text(&linking["why"]));
                        return Err(Failure::new(Exit::Refused, "not_linked", why));
                    }
                    _ => {}
                }
            }
            Err(Failure::new(Exit::Refused, "link_over", "nobody typed the number; no device was added"))
        }
        NodesCommand::Lead(node) => {
            let told = post(&node.data, "nodes/lead", &json!({})).await?;
            match as_json {
                true => output::object(&told),
                false => output::line("This node tells programs what customers say, from now on."),
            }
        }
        NodesCommand::Remove { device, node } => {
            let all = get(&node.data, "nodes").await?;
            let device = find(&all, &device)?;
            let told = ask(&node.data, "DELETE", &format!("nodes/{}", piece(&device)), &Value::Null).await?;
            match as_json {
                true => output::object(&told),
                false => output::line(&format!(
                    "{device} goes out of the account and of every conversation, as soon as the relay is reached."
                )),
            }
        }
    }
}

/// The one device of an id, of its beginning, or of a name.
fn find(all: &Value, wanted: &str) -> Result<String, Failure> {
    let all = all["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is =
        |it: &&Value| it["name"] == wanted || it["device"].as_str().is_some_and(|id| id.starts_with(wanted));
    let mut found = all.iter().filter(is);
    match (found.next(), found.next()) {
        (Some(one), None) if !wanted.is_empty() => Ok(text(&one["device"])),
        (Some(_), Some(_)) => Err(Failure::usage("several devices begin so; give more of the id")),
        _ => Err(Failure::new(
            Exit::Refused,
            "not_found",
            "the account has no such device; `lacre business nodes list` lists them",
        )),
    }
}

fn line(it: &Value) -> String {
    let name = it["name"].as_str().filter(|it| !it.is_empty()).map(|_| format!("  {}", text(&it["name"])));
    let is = |what: &str, said: &str| if it[what] == true { format!("  {said}") } else { String::new() };
    format!(
        "{}{}{}{}  since {}",
        text(&it["device"]),
        name.unwrap_or_default(),
        is("this", "(this node)"),
        is("leads", "leads"),
        when(&it["added_ms"])
    )
}

/// Makes this machine's node one of a business that has one: a device of its account, known to programs by the same.
pub(super) async fn join(
    args: JoinNodeArgs,
    passphrase_fd: Option<u32>,
    as_json: bool,
) -> Result<(), Failure> {
    let JoinNodeArgs { data, device: JoinArgs { relay, name, ca, no_passphrase }, key_file } = args;
    let endpoint = endpoint(&relay, ca.as_deref())?;
    let context = Context {
        profile: ProfileDir::new(Some(&data.join("device")), false)?,
        passphrase_fd,
        json: as_json,
    };
    let device = &context.profile;
    // One that did not end is taken up again with the passphrase that it began with.
    let passphrase = match device.exists() {
        true => passphrase::to_open(device, passphrase_fd)?,
        false => passphrase::to_make(passphrase_fd, no_passphrase)?,
    };
    device.make(no_passphrase)?;
    let store = device.open_with(passphrase).await?;
    let is_joined = {
        let reader = store.snapshot().map_err(OpenError::from)?;
        Records(reader.as_ref()).me()?.is_some_and(|me| me.registered)
    };
    let client = match is_joined {
        true => device.client(store)?,
        false => {
            let joining = Joining::begin(device.setting(store), endpoint, &name).await?;
            show_code(
                &context,
                joining.code(),
                &format!("lacre business nodes add {} --data …", joining.code().to_typed()),
            )?;
            let number = tokio::task::spawn_blocking(read_number)
                .await
                .map_err(|error| Failure::new(Exit::Failure, "fault", error))??;
            joining.typed(number).await?
        }
    };
    let reached = Reach::new(&client).caught_up(PATIENCE).await;
    let told = match reached {
        Reached::Yes => pass(&client, as_json).await,
        Reached::No(trouble) => Err(trouble.into()),
    };
    client.flush().await;
    let me = client.me()?;
    client.close().await;
    let pass = told?;
    make_key(&data, key_file.as_deref())?;
    let store = node_store(&data, key_file.as_deref())?;
    pass.enter(&store).await.map_err(broken)?;
    drop(store);
    made(&data, key_file.as_deref(), me.handle.as_str(), as_json).await
}

/// What the other node tells this one.
async fn pass(client: &Client, as_json: bool) -> Result<Pass, Failure> {
    if !as_json {
        output::line("Let in. The other node tells this one what it is known by …")?;
    }
    let end = Instant::now() + TELLING;
    loop {
        let shared = client.read(|views| views.records().shared(nodes::NAME))?;
        if let Some(bytes) = shared {
            return Pass::from_bytes(&bytes).ok_or_else(|| {
                Failure::new(
                    Exit::Refused,
                    "later_version",
                    "the other node is of a later version: update this one",
                )
            });
        }
        if Instant::now() >= end {
            let why = "the other node has not told this one what it is known by: let it serve, and say the same again";
            return Err(Failure::new(Exit::Unreachable, "not_told", why));
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
