//! The devices of this account, in their panel.

use lacre_client::EngineError;
use lacre_client::records::{HistoryTransfer, OwnDevice, Secured, TransferState};
use lacre_client::view::Views;

use super::panels::{MINUTES, count};
use crate::chat::panel::{Of, Row, Shown, Text};
use crate::output;
use crate::safe_text::safe_line;

/// The devices of this account, and what is under way with them.
pub(super) fn devices(views: Views<'_>) -> Result<Shown, EngineError> {
    let all = views.records().own_devices()?;
    let transfers = views.records().transfers()?;
    let under_way = views.records().devices_under_way()?;
    let called = |device: &OwnDevice| match device.name.is_empty() {
        true => short(&device.device.to_string()),
        false => safe_line(&device.name),
    };
    let row = |device: &OwnDevice| {
        let this = if device.this { " (this one)" } else { "" };
        let mut says = vec![format!("Since {}.", output::local(device.added, MINUTES))];
        if let Some(by) = device.added_by.and_then(|by| all.iter().find(|other| other.device == by)) {
            says[0] = format!("Since {}, let in by {}.", output::local(device.added, MINUTES), called(by));
        }
        if device.quarantine_until > 0 {
            says.push(format!(
                "New: until {} it cannot add or remove devices, unless another one approves it.",
                output::local(device.quarantine_until, MINUTES)
            ));
        }
        says.extend(transfers.iter().filter(|it| it.device == device.device).map(told_before));
        Row {
            of: Of::Device(device.device, called(device), device.this),
            head: format!("{}{this}", called(device)),
            when: None,
            says,
        }
    };
    let rows = all.iter().map(row).collect();
    let mut above = match under_way {
        0 => Vec::new(),
        1 => vec![Text::Plain("1 conversation still follows the last change.".to_owned())],
        many => vec![Text::Plain(format!("{many} conversations still follow the last change."))],
    };
    above.extend(views.records().secured()?.map(|secured| Text::Plain(secured_in_words(secured))));
    let me = views.me()?.map(|me| me.account);
    let number = match me {
        Some(me) => views.records().safety_number(me)?,
        None => None,
    };
    let code = number.map(|number| number.to_qr());
    let telling = transfers.iter().any(|it| it.gives && !it.state.is_over());
    Ok(Shown { above, rows, code, telling, ..Shown::default() })
}

/// The beginning of an id, for what has no name.
fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

/// How far a device is with what was said before it came.
fn told_before(transfer: &HistoryTransfer) -> String {
    let HistoryTransfer { gives, done, total, state, device: _ } = transfer;
    let who = if *gives { "It is told" } else { "It tells this one" };
    let how_far = match state {
        TransferState::Waits if *gives => {
            format!("{total} messages wait until it is online, and approved or a day old")
        }
        TransferState::Waits => "waits for it".to_owned(),
        TransferState::Runs => format!("{done} of {total} messages"),
        TransferState::Done => format!("done, {done} messages"),
        TransferState::Ended => format!("given up after {done} messages"),
    };
    format!("{who} what was said before: {how_far}.")
}

/// How far this device is with new keys.
fn secured_in_words(secured: Secured) -> String {
    let Secured { since_ms, left, packages } = secured;
    let since = output::local(since_ms, MINUTES);
    if secured.is_done() {
        return format!(
            "New keys since {since}: a copy of this device's store opens nothing that was said after. If somebody \
             may use a copy, remove this device from another one and link it anew."
        );
    }
    let mut waits = Vec::new();
    if left > 0 {
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        waits.push(count(left, "conversation is left", "conversations are left"));
    }
    if !packages {
        waits.push("the key packages at the relay are being replaced".to_owned());
    }
    format!("New keys are under way since {since}: {}.", waits.join(", "))
}

#[cfg(test)]
mod tests {
    use lacre_proto::DeviceId;

    use super::*;

    #[test]
    fn how_far_a_device_is_is_said_in_a_sentence() {
        let moved = |gives, done, state| {
            told_before(&HistoryTransfer { device: DeviceId([1; 16]), gives, done, total: 90, state })
        };
        assert_eq!(
            moved(true, 40, TransferState::Runs),
            "It is told what was said before: 40 of 90 messages."
        );
        assert_eq!(
            moved(false, 90, TransferState::Done),
            "It tells this one what was said before: done, 90 messages."
        );
        let secured = |left, packages| secured_in_words(Secured { since_ms: 0, left, packages });
        assert!(secured(1, true).ends_with(": 1 conversation is left."));
        assert!(secured(0, false).contains("the key packages at the relay are being replaced"));
        assert!(secured(0, true).contains("opens nothing that was said after"));
    }
}
