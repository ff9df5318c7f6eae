//! `lacre device history`: a device that came later is told what was said before.

use std::time::Duration;

use lacre_client::clock::{Clock, SystemClock};
use lacre_client::records::{HistoryTransfer, Records, TransferState};
use lacre_client::store::Store;
use lacre_client::{Client, Intent, OpenError};
use lacre_proto::{DeviceId, Millis};
use serde_json::{Value, json};

use super::Context;
use super::device::{find, told, with_client};
use crate::cli::HistoryArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

const DAY: Millis = 24 * 3600 * 1000;
/// How often the records are looked at when nothing happens.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn run(context: &Context, args: HistoryArgs) -> Result<(), Failure> {
    let HistoryArgs { to, days, stop, no_wait, timeout } = args;
    match (to, stop) {
        (Some(to), _) => {
            with_client(context, async |client| {
                let device = find(client, &to)?;
                begin(client, device.device, days).await?;
                match no_wait {
                    true => report(context, client, device.device),
                    false => follow(context, client, device.device, Duration::from_secs(timeout)).await,
                }
            })
            .await
        }
        (None, Some(with)) => {
            with_client(context, async |client| {
                let device = find(client, &with)?;
                client.intend(Intent::StopHistory(device.device)).await?;
                client.flush().await;
                report(context, client, device.device)
            })
            .await
        }
        (None, None) => list(context).await,
    }
}

/// Begins to tell a device what was said in the last so many days, or everything.
pub(super) async fn begin(client: &Client, to: DeviceId, days: Option<u32>) -> Result<(), Failure> {
    let now = SystemClock.now();
    let since_ms = days.map_or(0, |days| now.saturating_sub(Millis::from(days) * DAY));
    client.intend(Intent::GiveHistory { to, since_ms }).await?;
    Ok(())
}

async fn list(context: &Context) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let transfers = Records(reader.as_ref()).transfers()?;
    if transfers.is_empty() && !context.json {
        return output::line("There are no transfers.");
    }
    transfers.iter().try_for_each(|transfer| told(context, &as_json(transfer), || as_line(transfer)))
}

fn transfer(client: &Client, with: DeviceId) -> Result<HistoryTransfer, Failure> {
    let all = client.read(|views| views.records().transfers())?;
    // Who tells is asked for first; a device that is told of has not begun it.
    let found = all.into_iter().filter(|transfer| transfer.device == with).min_by_key(|it| !it.gives);
    found.ok_or_else(|| {
        Failure::new(
            Exit::Refused,
            "no_transfer",
            "the device is not one of this account any more; nothing is told",
        )
    })
}

fn report(context: &Context, client: &Client, with: DeviceId) -> Result<(), Failure> {
    let transfer = transfer(client, with)?;
    told(context, &as_json(&transfer), || as_line(&transfer))
}

/// Shows how far it is until it is done, or nothing has moved for a while.
async fn follow(context: &Context, client: &Client, to: DeviceId, patience: Duration) -> Result<(), Failure> {
    let mut events = client.events();
    let mut shown: Option<HistoryTransfer> = None;
    let mut moved = tokio::time::Instant::now();
    loop {
        let now = transfer(client, to)?;
        if shown != Some(now) {
            told(context, &as_json(&now), || as_line(&now))?;
            shown = Some(now);
            moved = tokio::time::Instant::now();
        }
        match now.state {
            TransferState::Done => return Ok(()),
            TransferState::Ended => {
                return Err(Failure::new(Exit::Refused, "transfer_ended", "the transfer was given up"));
            }
            TransferState::Waits | TransferState::Runs if moved.elapsed() >= patience => {
                return Err(waits(client, &now)?);
            }
            TransferState::Waits | TransferState::Runs => {}
        }
        // Whatever happened, and whether anything did, the records are read again.
        let _ = tokio::time::timeout(LOOK, events.recv()).await;
    }
}

/// Why it does not move: the transfer is kept, and goes on.
fn waits(client: &Client, transfer: &HistoryTransfer) -> Result<Failure, Failure> {
    let device = find(client, &transfer.device.to_string())?;
    let why = if device.quarantine_until > SystemClock.now() {
        let until = output::local(device.quarantine_until, "%Y-%m-%d %H:%M");
        format!("the device is new: nothing is told to it before {until}, or before `lacre device approve`")
    } else {
        "the other device does not answer; it has to be online too".to_owned()
    };
    Ok(Failure::new(
        Exit::Unreachable,
        "transfer_waits",
        format!("{why}. The transfer is kept and goes on later"),
    ))
}

fn as_json(transfer: &HistoryTransfer) -> Value {
    json!({
        "event": "history",
        "device": transfer.device.to_string(),
        "direction": if transfer.gives { "to" } else { "from" },
        "done": transfer.done,
        "total": transfer.total,
        "state": transfer.state.name(),
    })
}

fn as_line(transfer: &HistoryTransfer) -> String {
    let direction = if transfer.gives { "to" } else { "from" };
    let device = safe_line(&transfer.device.to_string());
    let HistoryTransfer { done, total, state, .. } = transfer;
    format!("History {direction} {device}: {done} of {total} messages, {}.", state.name())
}
