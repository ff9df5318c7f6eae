//! `lacre business people`: who works with the node.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::ask::{ask, get, piece, post, rows, text, when};
use crate::cli::PeopleCommand;
use crate::exit::Failure;
use crate::{output, qr};

/// The password of somebody who is taken in or begins anew, when it is not to be made.
const PASSWORD: &str = "LACRE_PERSON_PASSWORD";

pub(super) async fn run(command: PeopleCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        PeopleCommand::Add { login, role, name, inboxes, node } => {
            let inboxes = if inboxes.is_empty() { json!("all") } else { json!(inboxes) };
            let mut body = json!({ "login": login, "role": role, "name": name, "inboxes": inboxes });
            given_password(&mut body);
            let told = post(&node.data, "people", &body).await?;
            begin(&told, &login, as_json)
        }
        PeopleCommand::List(node) => {
            let none = "Nobody yet. `lacre business people add LOGIN --role owner` takes somebody in.";
            rows(&get(&node.data, "people").await?, as_json, none, |row| {
                let inboxes =
                    if row["inboxes"].is_null() { "all inboxes".to_owned() } else { text(&row["inboxes"]) };
                let [login, role] = ["login", "role"].map(|name| text(&row[name]));
                format!("{}  {login}  {role}  {inboxes}  since {}", row["id"], when(&row["since_ms"]))
            })
        }
        PeopleCommand::Role { person, role, inboxes, all_inboxes, node } => {
            let inboxes = match (all_inboxes, inboxes.is_empty()) {
                (true, _) => json!("all"),
                (false, true) => Value::Null,
                (false, false) => json!(inboxes),
            };
            let body = json!({ "role": role, "inboxes": inboxes });
            let told = post(&node.data, &format!("people/{}", piece(&person)), &body).await?;
            done(&told, as_json, &format!("{person} is {role} from the next request on."))
        }
        PeopleCommand::Remove { person, node } => {
            let path = format!("people/{}", piece(&person));
            let told = ask(&node.data, "DELETE", &path, &Value::Null).await?;
            done(&told, as_json, &format!("{person} is removed, and signed out everywhere."))
        }
        PeopleCommand::Reset { person, node } => {
            let mut body = json!({});
            given_password(&mut body);
            let told = post(&node.data, &format!("people/{}/reset", piece(&person)), &body).await?;
            begin(&told, &person, as_json)
        }
    }
}

fn given_password(body: &mut Value) {
    if let Ok(password) = std::env::var(PASSWORD).map(Zeroizing::new) {
        body["password"] = password.as_str().into();
    }
}

/// What somebody begins with.
fn begin(told: &Value, login: &str, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::object(told);
    }
    let address = told["totp"].as_str().unwrap_or_default();
    if let Some(password) = told["password"].as_str() {
        output::line(&format!("password       {password}"))?;
    }
    output::line(&format!("authenticator  {address}"))?;
    if let Some(code) = qr::printed(address) {
        output::line(&code)?;
    }
    eprintln!("{login} signs in with these; they are shown once. Give them to {login} and to nobody else.");
    Ok(())
}

fn done(told: &Value, as_json: bool, sentence: &str) -> Result<(), Failure> {
    if as_json { output::object(told) } else { output::line(sentence) }
}
