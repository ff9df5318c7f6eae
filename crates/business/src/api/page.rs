//! Lists, a page at a time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::address::BY;
use super::call::Call;
use super::error::ApiError;
use super::fields;
use crate::node::{Node, Ports};

const USUAL: usize = 25;
const MOST: usize = 1_000;

/// A page of rows. Each row has a place, unique and in order, which its cursor is made of.
pub fn page<P: Ports>(
    node: &Node<P>,
    call: &Call,
    rows: Vec<(String, Value)>,
    usual: &[&str],
) -> Result<Value, ApiError> {
    let limit = match call.params().maybe("limit")? {
        Some(limit) => usize::try_from(limit.whole()?).unwrap_or(MOST).clamp(1, MOST),
        None => USUAL,
    };
    let (from, to) = match (cursor(call, "after")?, cursor(call, "before")?) {
        (Some(after), _) => {
            let from = rows.partition_point(|(place, _)| *place <= after);
            (from, from.saturating_add(limit).min(rows.len()))
        }
        (None, Some(before)) => {
            let to = rows.partition_point(|(place, _)| *place < before);
            (to.saturating_sub(limit), to)
        }
        (None, None) => (0, limit.min(rows.len())),
    };
    let mut paging = json!({});
    if let [first, .., last] | [first @ last] = &rows[from..to] {
        let (before, after) = (URL_SAFE_NO_PAD.encode(&first.0), URL_SAFE_NO_PAD.encode(&last.0));
        let (public, secret) = (&node.settings.public, &node.identity.secret);
        let link = |name, cursor: &str| match call.links_by {
            // Clients follow it bare: it opens what the token opens that asked, as long as that does.
            Some(token) => {
                let set = [(name, cursor), (BY, &*token.to_string())];
                call.address.signed(public, secret, &set, node.now()).to_string()
            }
            None => call.address.with(public, &[(name, cursor)]).to_string(),
        };
        if to < rows.len() {
            paging["next"] = link("after", &after).into();
        }
        if from > 0 {
            paging["previous"] = link("before", &before).into();
        }
        paging["cursors"] = json!({ "before": before, "after": after });
    }
    let wanted = call.fields.as_deref();
    let data = rows.into_iter().skip(from).take(to - from);
    let data: Vec<Value> = data
        .map(|(_, row)| if usual.is_empty() { row } else { fields::select(row, wanted, usual) })
        .collect();
    if data.is_empty() { Ok(json!({ "data": data })) } else { Ok(json!({ "data": data, "paging": paging })) }
}

fn cursor(call: &Call, name: &'static str) -> Result<Option<String>, ApiError> {
    let params = call.params();
    let text = params.maybe_text(name, 2_000)?;
    if text.is_empty() {
        return Ok(None);
    }
    let bad = || ApiError::Invalid(format!("{name}: not a cursor of this list"));
    let place = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
    String::from_utf8(place).map(Some).map_err(|_| bad())
}
