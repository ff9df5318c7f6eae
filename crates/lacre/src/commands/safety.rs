//! `lacre safety`: the number by which two people see that they know each other's keys; that it was compared, and
//! what becomes of somebody who has another key.

use std::path::Path;
use std::time::Duration;

use lacre_client::records::{KeyChange, Records, Trust};
use lacre_client::store::Store;
use lacre_client::{Client, Intent, OpenError, SafetyNumber, profile};
use lacre_proto::AccountId;
use serde_json::{Value, json};

use super::Context;
use crate::cli::SafetyArgs;
use crate::exit::{Exit, Failure};
use crate::wait::Reach;
use crate::{output, qr};

/// How long the relay may take, where what was decided is to leave this device at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// A safety number as it stands now.
struct Seen {
    account: AccountId,
    who: String,
    number: SafetyNumber,
    trust: Option<Trust>,
    /// Since when it is known to be right.
    verified: Option<u64>,
    /// The identity that waits to be accepted, with its number.
    change: Option<(KeyChange, SafetyNumber)>,
}

pub(super) async fn run(context: &Context, args: SafetyArgs) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let seen = {
        let reader = store.snapshot().map_err(OpenError::from)?;
        look(&Records(reader.as_ref()), &args)?
    };
    let SafetyArgs { handle, compare, accept, mark_verified, unmark } = args;
    if let Some(file) = compare {
        compare_with(&seen, &file)?;
        // With one's own devices there is nobody to be marked.
        if handle.is_some() && seen.trust.is_some() {
            let intent = Intent::MarkVerified(seen.account, seen.number.clone());
            decide(&context.profile.client(store)?, intent, false).await?;
        }
        return told(context, &json!({"with": seen.who, "same": true}), || {
            format!("The numbers are the same: nobody stands between you and {}.", seen.who)
        });
    }
    if accept {
        return self::accept(context, &context.profile.client(store)?, &seen).await;
    }
    if mark_verified || unmark {
        let intent = match mark_verified {
            true => Intent::MarkVerified(seen.account, seen.number.clone()),
            false => Intent::UnmarkVerified(seen.account),
        };
        decide(&context.profile.client(store)?, intent, false).await?;
        return told(
            context,
            &json!({"with": seen.who, "verified": mark_verified}),
            || match mark_verified {
                true => format!("{} is marked as verified on this device.", seen.who),
                false => format!("{} is not marked as verified any more.", seen.who),
            },
        );
    }
    show(context, &seen)
}

fn look(records: &Records<'_>, args: &SafetyArgs) -> Result<Seen, Failure> {
    let me = records.me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
    let relay = profile::endpoint(records.0).map_err(OpenError::from)?.ok_or(OpenError::NotSignedUp)?.address;
    let (account, who) = match args.handle.as_ref().map(|it| it.at(&relay)).transpose()? {
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
    let change = match records.key_change(account)? {
        Some(change) => records.safety_number_after(&change)?.map(|number| (change, number)),
        None => None,
    };
    let (trust, verified) = (records.trust(account)?, records.verified(account)?);
    Ok(Seen { account, who, number, trust, verified, change })
}

fn told(context: &Context, object: &Value, line: impl FnOnce() -> String) -> Result<(), Failure> {
    if context.json { output::object(object) } else { output::line(&line()) }
}

/// Hands an intent over and closes the profile; `at_once` when it leads to something that should leave now.
async fn decide(client: &Client, intent: Intent, at_once: bool) -> Result<(), Failure> {
    let done = client.intend(intent).await;
    if done.is_ok() && at_once {
        // What is not reached now is done the next time this profile connects.
        let _ = Reach::new(client).caught_up(PATIENCE).await;
        client.flush().await;
    }
    client.close().await;
    done.map(drop).map_err(Failure::from)
}

async fn accept(context: &Context, client: &Client, seen: &Seen) -> Result<(), Failure> {
    let Some((change, after)) = &seen.change else {
        client.close().await;
        let why = format!("the identity key of {} has not changed; there is nothing to accept", seen.who);
        return Err(Failure::new(Exit::Refused, "no_key_change", why));
    };
    decide(client, Intent::AcceptIdentity(change.from, change.identity_key), true).await?;
    let object = json!({
        "with": seen.who, "accepted": true, "before": seen.number.digits(), "digits": after.digits(),
        "account": change.account.to_string(),
    });
    told(context, &object, || {
        format!(
            "{}\n\nYou accepted the new identity key of {who}. What you write goes to it from now on; what was said \
             stays. Compare the new number with {who} when you can: `lacre safety {who} --compare FILE`.",
            two(seen, after),
            who = seen.who
        )
    })
}

fn lines(number: &SafetyNumber) -> String {
    let groups = number.groups();
    let lines: Vec<String> = groups.chunks(4).map(|line| format!("  {}", line.join(" "))).collect();
    lines.join("\n")
}

fn two(seen: &Seen, after: &SafetyNumber) -> String {
    format!("Safety number before:\n\n{}\n\nSafety number now:\n\n{}", lines(&seen.number), lines(after))
}

fn show(context: &Context, seen: &Seen) -> Result<(), Failure> {
    let Seen { who, number, trust, verified, change, account: _ } = seen;
    if context.json {
        let change = change.as_ref().map(|(change, after)| {
            json!({
                "account": change.account.to_string(),
                "digits": after.digits(),
                "groups": after.groups(),
                "qr": after.to_qr(),
                "noticed_at": output::rfc3339(change.noticed_ms),
                "was_verified": change.verified_ms.is_some(),
            })
        });
        return output::object(&json!({
            "with": who, "digits": number.digits(), "groups": number.groups(), "qr": number.to_qr(),
            "trust": trust.map(Trust::name), "verified_at": verified.map(output::rfc3339), "change": change,
        }));
    }
    if let Some((change, after)) = change {
        let compared = match change.verified_ms {
            Some(_) => {
                format!(" YOU HAD COMPARED the number before; ask {who} in another way what has happened.")
            }
            None => String::new(),
        };
        return output::line(&format!(
            "THE IDENTITY KEY OF {who} HAS CHANGED.{compared}\n\n{}\n\n{who} may have signed up again after losing \
             every device, or somebody stands between you. Nothing is sent to {who} until you decide. Compare the \
             number of now with what they see, by voice or face to face; then `lacre safety {who} --accept`.",
            two(seen, after)
        ));
    }
    let picture = qr::printed(&number.to_qr()).unwrap_or_default();
    let compared = match verified {
        Some(since) => {
            format!("You compared it on {}, and it was the same.", output::local(*since, "%Y-%m-%d %H:%M"))
        }
        None => {
            "Compare it with what they see, by voice or face to face. When it is the same, nobody stands \
                 between you."
                .to_owned()
        }
    };
    output::line(&format!("{picture}\nSafety number with {who}:\n\n{}\n\n{compared}", lines(number)))
}

/// Compares with a text file, or with a PNG image of the code.
fn compare_with(seen: &Seen, file: &Path) -> Result<(), Failure> {
    let other = in_file(file)?;
    if let Some((_, after)) = &seen.change {
        let which = match &other {
            other if other == after => "the number that goes with the new key",
            other if *other == seen.number => "the number that went with the old key",
            _ => "neither the old number nor the new one",
        };
        let who = &seen.who;
        let why = format!(
            "the identity key of {who} has changed, and you have not accepted the new one. In this file is {which}; \
             `lacre safety {who}` shows both"
        );
        return Err(Failure::new(Exit::Unhealthy, "identity_changed", why));
    }
    if other != seen.number {
        let why = format!(
            "the numbers differ: what is in this file is not the safety number with {}. Somebody may stand \
             between you, or one of you has a new identity; do not rely on this conversation until you know which",
            seen.who
        );
        return Err(Failure::new(Exit::Unhealthy, "safety_differs", why));
    }
    Ok(())
}

/// The number in a text file, or in a PNG image of the code.
pub fn in_file(file: &Path) -> Result<SafetyNumber, Failure> {
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::io(format!("{} cannot be read", file.display()), &error))?;
    let text = match qr::is_png(&bytes) {
        true => qr::read_png(&bytes).map_err(|why| Failure::new(Exit::Usage, "no_code", why))?,
        false => String::from_utf8(bytes)
            .map_err(|_| Failure::new(Exit::Usage, "no_code", "the file is neither text nor a PNG image"))?,
    };
    text.parse().map_err(|error| Failure::new(Exit::Usage, "no_safety_number", error))
}
