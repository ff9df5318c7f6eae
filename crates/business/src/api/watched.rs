//! What programs change, in the audit log: before the answer leaves.

use serde_json::Value;

use super::address::Address;
use super::call::Call;
use super::door::Who;
use super::routes::{Op, Route, audited};
use crate::audit::{Act, Pseudonym};
use crate::node::{Node, Ports};
use crate::store::StoreError;

/// Writes down each call of a provider, whatever it does.
pub(super) async fn note_provider<P: Ports>(
    node: &Node<P>,
    who: &Who,
    route: &Route,
    address: &Address,
) -> Result<(), StoreError> {
    let Some(provider) = who.provider() else { return Ok(()) };
    let detail = format!("provider {provider}: {} {}", route.method, address.segments.join("/"));
    let act = Act { who: who.audited(), what: "provider.call".to_owned(), subject: None, detail };
    node.audit.append(act, node.now()).await.map(drop)
}

/// Writes down what was done, when it is of what is written down.
pub(super) async fn note<P: Ports>(
    node: &Node<P>,
    who: &Who,
    op: Op,
    call: &Call,
    told: &Value,
) -> Result<(), StoreError> {
    let Some(what) = audited(op) else { return Ok(()) };
    // Ids alone: the segments of the address, and what was made.
    let made = told["id"].as_str().map(|id| format!(" -> {id}")).unwrap_or_default();
    let detail = format!("{}{made}", call.address.segments.join("/"));
    let act = |subject: Option<Pseudonym>| Act {
        who: who.audited(),
        what: what.to_owned(),
        subject,
        detail: detail.clone(),
    };
    let members = match op {
        Op::Block => &told["block_users"]["added_users"],
        Op::Unblock => &told["block_users"]["removed_users"],
        _ => return node.audit.append(act(None), node.now()).await.map(drop),
    };
    // A row for each customer that it was done to, under the name that the log has for them.
    for member in members.as_array().into_iter().flatten() {
        let account = node.customers.account_of(member["wa_id"].as_str().unwrap_or_default()).await?;
        node.audit.append(act(account.map(|it| node.audit.pseudonym(it))), node.now()).await?;
    }
    Ok(())
}
