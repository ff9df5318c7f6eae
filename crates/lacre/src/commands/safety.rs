//! `lacre safety`: the number by which two people see that they know each other's keys.

use lacre_client::records::Records;
use lacre_client::store::Store;
use lacre_client::{OpenError, SafetyNumber};
use serde_json::json;

use super::Context;
use crate::cli::SafetyArgs;
use crate::exit::{Exit, Failure};
use crate::{output, qr};

pub(super) async fn run(context: &Context, args: SafetyArgs) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let records = Records(reader.as_ref());
    let me = records.me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
    let (account, who) = match &args.handle {
        None => (me.account, "your own devices".to_owned()),
        Some(handle) if *handle == me.handle => (me.account, "your own devices".to_owned()),
        Some(handle) => match records.contact_by_handle(handle)? {
            Some(contact) => (contact.account, handle.to_string()),
            None => {
                let why = format!("nothing is known of {handle} yet; write to them first");
                return Err(Failure::new(Exit::Refused, "no_such_contact", why));
            }
        },
    };
    let number = records.safety_number(account)?.ok_or(OpenError::NotSignedUp)?;
    match args.compare {
        Some(file) => compare(context, &number, &who, &file),
        None => show(context, &number, &who),
    }
}

fn show(context: &Context, number: &SafetyNumber, who: &str) -> Result<(), Failure> {
    if context.json {
        let groups = number.groups();
        return output::object(&json!({
            "with": who, "digits": number.digits(), "groups": groups, "qr": number.to_qr(),
        }));
    }
    let groups = number.groups();
    let lines: Vec<String> = groups.chunks(4).map(|line| format!("  {}", line.join(" "))).collect();
    let picture = qr::printed(&number.to_qr()).unwrap_or_default();
    output::line(&format!(
        "{picture}\nSafety number with {who}:\n\n{}\n\nCompare it with what they see, by voice or face to face. When \
         it is the same, nobody stands between you.",
        lines.join("\n")
    ))
}

/// Compares with a text file, or with a PNG image of the code.
fn compare(
    context: &Context,
    number: &SafetyNumber,
    who: &str,
    file: &std::path::Path,
) -> Result<(), Failure> {
    let other = in_file(file)?;
    if other != *number {
        let why = format!(
            "the numbers differ: what is in this file is not the safety number with {who}. Somebody may stand \
             between you, or one of you has a new identity; do not rely on this conversation until you know which"
        );
        return Err(Failure::new(Exit::Unhealthy, "safety_differs", why));
    }
    if context.json {
        return output::object(&json!({"with": who, "same": true}));
    }
    output::line(&format!("The numbers are the same: nobody stands between you and {who}."))
}

/// The number in a text file, or in a PNG image of the code.
pub fn in_file(file: &std::path::Path) -> Result<SafetyNumber, Failure> {
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::io(format!("{} cannot be read", file.display()), &error))?;
    let text = match qr::is_png(&bytes) {
        true => qr::read_png(&bytes).map_err(|why| Failure::new(Exit::Usage, "no_code", why))?,
        false => String::from_utf8(bytes)
            .map_err(|_| Failure::new(Exit::Usage, "no_code", "the file is neither text nor a PNG image"))?,
    };
    text.parse().map_err(|error| Failure::new(Exit::Usage, "no_safety_number", error))
}
