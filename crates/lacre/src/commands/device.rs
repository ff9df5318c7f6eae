//! `lacre device`: the devices of this account.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use lacre_client::records::{OwnDevice, Records};
use lacre_client::store::Store;
use lacre_client::{Client, Event, Intent, JoinError, Joining, LinkCode, LinkError, LinkNumber, OpenError};
use lacre_proto::DeviceId;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::{Context, sign_up};
use crate::cli::{DeviceCommand, JoinArgs};
use crate::exit::{Exit, Failure};
use crate::safe_text::safe_line;
use crate::wait::{Reach, Reached};
use crate::{output, passphrase, qr};

/// How long the relay may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the person at the new device may take to type the number, and that device to come online.
const LINKING: Duration = Duration::from_secs(200);
/// How long a new name may take to reach the relay before it is left for later.
const NAMING: Duration = Duration::from_secs(3);
/// How long the conversations may take.
const CONVERSATIONS: Duration = Duration::from_secs(60);

pub(super) async fn run(context: &Context, command: DeviceCommand) -> Result<(), Failure> {
    match command {
        DeviceCommand::List => list(context).await,
        DeviceCommand::Join(args) => join(context, args).await,
        DeviceCommand::Link { code, with_history, days } => {
            let history = with_history.then_some(days);
            with_client(context, async |client| link(context, client, &code, history).await).await
        }
        DeviceCommand::History(args) => super::history::run(context, args).await,
        DeviceCommand::Revoke { device } => {
            with_client(context, async |client| revoke(context, client, &device).await).await
        }
        DeviceCommand::Approve { device } => {
            with_client(context, async |client| approve(context, client, &device).await).await
        }
        DeviceCommand::Rename { device, name } => {
            let store = context.profile.open(context.passphrase_fd).await?;
            let client = context.profile.client(store)?;
            let device = find(&client, &device)?;
            let done = client.intend(Intent::NameDevice(device.device, name.clone())).await;
            // The other devices are told, now or the next time that this one connects.
            Reach::new(&client).caught_up(NAMING).await;
            client.flush().await;
            client.close().await;
            done?;
            told(context, &json!({"device": device.device.to_string(), "name": name}), || {
                format!("{} is called {} now.", device.device, safe_line(&name))
            })
        }
    }
}

/// `lacre device list`, and `lacre devices`.
pub(super) async fn list(context: &Context) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let records = Records(reader.as_ref());
    records.me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
    for device in records.own_devices()? {
        if context.json {
            output::object(&as_json(&device))?;
        } else {
            output::line(&as_line(&device))?;
        }
    }
    Ok(())
}

fn as_json(device: &OwnDevice) -> Value {
    json!({
        "device": device.device.to_string(),
        "name": (!device.name.is_empty()).then_some(&device.name),
        "this": device.this,
        "added_at": output::rfc3339(device.added),
        "added_by": device.added_by.map(|by| by.to_string()),
        "quarantine_until": (device.quarantine_until > 0).then(|| output::rfc3339(device.quarantine_until)),
    })
}

fn as_line(device: &OwnDevice) -> String {
    let name = if device.name.is_empty() { String::new() } else { format!("  {}", safe_line(&device.name)) };
    let this = if device.this { "  (this device)" } else { "" };
    let quarantine = match device.quarantine_until {
        0 => String::new(),
        until => format!("  new until {}", output::local(until, "%Y-%m-%d %H:%M")),
    };
    format!(
        "{}{name}{this}  since {}{quarantine}",
        device.device,
        output::local(device.added, "%Y-%m-%d %H:%M")
    )
}

pub(super) fn told(context: &Context, object: &Value, line: impl FnOnce() -> String) -> Result<(), Failure> {
    if context.json { output::object(object) } else { output::line(&line()) }
}

/// Opens the profile, waits until the relay is reached, and closes it after.
pub(super) async fn with_client(
    context: &Context,
    act: impl AsyncFnOnce(&Client) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let outcome = match Reach::new(&client).caught_up(PATIENCE).await {
        Reached::Yes => act(&client).await,
        Reached::No(trouble) => Err(trouble.into()),
    };
    client.close().await;
    outcome
}

/// The device of an id, of its beginning, or of a name.
pub(super) fn find(client: &Client, wanted: &str) -> Result<OwnDevice, Failure> {
    let all = client.read(|views| views.records().own_devices())?;
    let is = |device: &&OwnDevice| device.name == wanted || device.device.to_string().starts_with(wanted);
    let mut found = all.iter().filter(is);
    match (found.next(), found.next()) {
        (Some(device), None) if !wanted.is_empty() => Ok(device.clone()),
        (Some(_), Some(_)) => Err(Failure::usage("several devices begin so; give more of the id")),
        _ => Err(Failure::new(
            Exit::Refused,
            "no_such_device",
            "this account has no such device; `lacre device list` lists them",
        )),
    }
}

/// Lets a device in; `history` tells it also what was said before, of so many days or everything.
async fn link(
    context: &Context,
    client: &Client,
    code: &str,
    history: Option<Option<u32>>,
) -> Result<(), Failure> {
    let code: LinkCode = code.parse().map_err(|error| Failure::new(Exit::Usage, "bad_link_code", error))?;
    let mut events = client.events();
    client.intend(Intent::Link(code)).await?;
    let linked = tokio::time::timeout(LINKING, async {
        loop {
            match events.recv().await {
                Ok(Event::LinkNumber(number, name)) => show_number(context, number, &name)?,
                Ok(Event::LinkEnded(Ok(device))) => return Ok(device),
                Ok(Event::LinkEnded(Err(error))) => return Err(failed(error)),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(failed(LinkError::Lost)),
            }
        }
    });
    let device: DeviceId = linked.await.unwrap_or_else(|_| Err(failed(LinkError::Over)))?;
    if let Some(days) = history {
        super::history::begin(client, device, days).await?;
    }
    let left = conversations(client).await?;
    let name = find(client, &device.to_string()).map(|device| device.name).unwrap_or_default();
    let object = json!({
        "event": "linked",
        "device": device.to_string(),
        "name": name,
        "conversations_left": left,
        "history": history.is_some(),
    });
    let before = match history {
        Some(_) => {
            " What was said before is told to it once it is approved or a day old, while both are online."
        }
        None => "",
    };
    told(context, &object, || {
        let more = if left == 0 {
            String::new()
        } else {
            format!(" It gets into {left} more conversation(s) the next time this device is online.")
        };
        format!(
            "{} is a device of this account now. For a day it is new: it cannot add or remove devices unless \
             `lacre device approve` says so here.{more}{before}",
            if name.is_empty() { device.to_string() } else { safe_line(&name) }
        )
    })
}

fn show_number(context: &Context, number: LinkNumber, name: &str) -> Result<(), Failure> {
    let digits = number.to_string().replace(' ', "");
    let object = json!({"event": "number", "number": digits, "name": name});
    told(context, &object, || {
        format!(
            "A device that calls itself \"{}\" wants to read and write as you, from now on.\n\
             If it is yours and in front of you, type this number on it:  {number}\n\
             Tell it to nobody who asks you for it.",
            safe_line(name)
        )
    })
}

fn failed(error: LinkError) -> Failure {
    let code = match error {
        LinkError::WrongNumber => "wrong_number",
        LinkError::OtherRelay => "other_relay",
        LinkError::Over => "link_over",
        LinkError::Lost => "unreachable",
        _ => "not_linked",
    };
    Failure::new(Exit::Refused, code, format!("{error}; no device was added"))
}

/// Waits until the conversations have the devices that they should have; gives how many have not.
async fn conversations(client: &Client) -> Result<usize, Failure> {
    let mut left = client.read(|views| views.records().devices_under_way())?;
    let wait = async {
        while left > 0 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            left = client.read(|views| views.records().devices_under_way())?;
        }
        Ok::<(), Failure>(())
    };
    // What is left is done the next time.
    if let Ok(done) = tokio::time::timeout(CONVERSATIONS, wait).await {
        done?;
    }
    client.flush().await;
    Ok(client.read(|views| views.records().devices_under_way())?)
}

/// Waits until the list has changed as it should.
async fn listed(client: &Client, is_so: impl Fn(&[OwnDevice]) -> bool) -> Result<(), Failure> {
    let changed = async {
        loop {
            if is_so(&client.read(|views| views.records().own_devices())?) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, changed).await.unwrap_or_else(|_| {
        Err(Failure::new(
            Exit::Unreachable,
            "not_acknowledged",
            "the relay has not confirmed the change; it is kept, and made the next time this profile connects",
        ))
    })
}

async fn revoke(context: &Context, client: &Client, wanted: &str) -> Result<(), Failure> {
    let device = find(client, wanted)?;
    client.intend(Intent::RevokeDevice(device.device)).await?;
    listed(client, |all| all.iter().all(|other| other.device != device.device)).await?;
    let left = conversations(client).await?;
    let object = json!({"event": "revoked", "device": device.device.to_string(), "conversations_left": left});
    told(context, &object, || match left {
        0 => format!("{} is removed from this account and from every conversation.", device.device),
        left => format!(
            "{} is removed from this account; {left} conversation(s) follow the next time this device is online.",
            device.device
        ),
    })
}

async fn approve(context: &Context, client: &Client, wanted: &str) -> Result<(), Failure> {
    let device = find(client, wanted)?;
    client.intend(Intent::ApproveDevice(device.device)).await?;
    let approved = |all: &[OwnDevice]| {
        all.iter().any(|other| other.device == device.device && other.quarantine_until == 0)
    };
    listed(client, approved).await?;
    let object = json!({"event": "approved", "device": device.device.to_string()});
    told(context, &object, || format!("{} may do from now on what this device may.", device.device))
}

async fn join(context: &Context, args: JoinArgs) -> Result<(), Failure> {
    let JoinArgs { relay, name, ca, no_passphrase } = args;
    let endpoint = sign_up::endpoint(&relay, ca.as_deref())?;
    let dir = &context.profile;
    let passphrase = match dir.exists() {
        true => passphrase::to_open(dir, context.passphrase_fd)?,
        false => passphrase::to_make(context.passphrase_fd, no_passphrase)?,
    };
    dir.make(no_passphrase)?;
    let store = dir.open_with(passphrase).await?;
    let joining = Joining::begin(dir.setting(store), endpoint, &name).await?;
    let then = format!("lacre device link {}", joining.code().to_typed());
    show_code(context, joining.code(), &then)?;
    let number = tokio::task::spawn_blocking(read_number)
        .await
        .map_err(|error| Failure::new(Exit::Failure, "fault", error))??;
    let client = joining.typed(number).await?;
    let reached = Reach::new(&client).caught_up(PATIENCE).await;
    client.flush().await;
    let me = client.me()?;
    client.close().await;
    if let Reached::No(trouble) = reached {
        return Err(trouble.into());
    }
    let object = json!({
        "event": "joined",
        "handle": me.handle.as_str(),
        "account": me.account.to_string(),
        "device": me.device.to_string(),
        "relay": relay,
        "profile": dir.path(),
    });
    told(context, &object, || {
        format!(
            "This is a device of {} now. Conversations come as your other device adds it to them; what was said \
             before comes when you say so there: `lacre device history --to` this device.",
            me.handle
        )
    })
}

/// Shows the code of a new device, and what is to be said on another one.
pub(super) fn show_code(context: &Context, code: &LinkCode, then: &str) -> Result<(), Failure> {
    let object = json!({"event": "code", "code": code.to_typed(), "qr": code.to_qr(), "seconds": 60});
    told(context, &object, || {
        let picture = qr::printed(&code.to_qr()).unwrap_or_default();
        format!(
            "{picture}\nOn a device that you have already, within a minute:\n\n  {then}\n\n\
             It shows a number; type it here. Show this code to nobody else."
        )
    })
}

/// The number, from the terminal or from standard input.
pub(super) fn read_number() -> Result<LinkNumber, Failure> {
    let input = std::io::stdin();
    loop {
        if input.is_terminal() {
            eprint!("Number: ");
        }
        let mut line = String::new();
        let read = input.lock().read_line(&mut line);
        match read.map_err(|error| Failure::io("standard input cannot be read", &error))? {
            0 => return Err(Failure::usage("no number was typed; no device was added")),
            _ => match line.parse() {
                Ok(number) => return Ok(number),
                Err(error) if input.is_terminal() => eprintln!("{error}"),
                Err(error) => return Err(Failure::usage(error)),
            },
        }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Open(error) => error.into(),
            JoinError::Link(error) => failed(error),
            other => Self::new(Exit::Refused, "not_let_in", other),
        }
    }
}
