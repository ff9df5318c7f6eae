//! `POST|DELETE|GET /{number}/block_users`.

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Key};
use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::messages::{account, account_of_user, normal};
use super::page::page;
use super::reader::At;
use crate::chat::Chat;
use crate::node::{Node, Ports};
use crate::store::{bytes_of, table};

const AT_ONCE: usize = 1_000;
const MOST: usize = 64_000;

/// `POST` blocks, `DELETE` unblocks. Each user succeeds or fails alone.
pub async fn set<P: Ports>(node: &Node<P>, call: &Call, blocked: bool) -> Result<Value, ApiError> {
    call.is_whatsapp()?;
    let users = call.params().need("block_users")?.items(1, AT_ONCE)?;
    let mut room = if blocked { MOST.saturating_sub(all(node).await?.len()) } else { MOST };
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for user in &users {
        let input = input_of(user)?;
        match set_one(node, &input, blocked, room).await {
            Ok(Changed { number, user_id, is_new }) => {
                room -= usize::from(is_new && blocked);
                done.push(json!({ "input": input, "wa_id": number, "user_id": user_id }));
            }
            Err(error @ (ApiError::Unavailable | ApiError::Internal)) => return Err(error),
            Err(error) => failed.push(json!({ "input": input, "errors": [error.listed()] })),
        }
    }
    let name = if blocked { "added_users" } else { "removed_users" };
    let mut result = json!({ name: done });
    let mut answer = json!({ "messaging_product": "whatsapp" });
    if !failed.is_empty() {
        result["failed_users"] = failed.into();
        let details = "Some users could not be blocked or unblocked";
        answer["errors"] = json!({
            "message": "(#139100) Failed to block/unblock users",
            "type": "OAuthException",
            "code": 139_100,
            "error_data": { "messaging_product": "whatsapp", "details": details },
        });
    }
    answer["block_users"] = result;
    Ok(answer)
}

/// `GET`.
pub async fn list<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let mut rows = Vec::new();
    for account in all(node).await? {
        let number = node.customers.number_of(account).await?;
        let (text, user_id) = (number.to_string(), node.customers.user_id(number));
        let row =
            json!({ "messaging_product": "whatsapp", "wa_id": text, "input": text, "user_id": user_id });
        rows.push((text, row));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    page(node, call, rows, &[])
}

struct Changed {
    number: String,
    user_id: String,
    is_new: bool,
}

async fn set_one<P: Ports>(
    node: &Node<P>,
    input: &str,
    blocked: bool,
    room: usize,
) -> Result<Changed, ApiError> {
    let unknown = ApiError::Undeliverable("There is no such user");
    let id = normal(input).ok_or_else(|| unknown.clone())?;
    let account =
        if id.contains('.') { account_of_user(node, &id).await? } else { account(node, &id).await? };
    let account = account.ok_or(unknown)?;
    let known: Option<Millis> = node.store.read("a blocked customer", &key(account)).await?;
    if blocked && known.is_none() {
        if room == 0 {
            return Err(ApiError::BlockListFull);
        }
        if node.chat.standing(account)?.window_until <= node.relay_now()? {
            return Err(ApiError::WindowClosed);
        }
    }
    node.chat.block(account, blocked).await?;
    let batch = Batch::new();
    node.store
        .write(if blocked {
            batch.put(key(account), bytes_of(&known.unwrap_or(node.now())))
        } else {
            batch.delete(key(account))
        })
        .await?;
    let number = node.customers.number_of(account).await?;
    let user_id = node.customers.user_id(number);
    Ok(Changed { number: number.to_string(), user_id, is_new: known.is_none() })
}

fn input_of(user: &At<'_>) -> Result<String, ApiError> {
    let id = match user.maybe("user")? {
        Some(id) => id,
        None => user.maybe("user_id")?.ok_or_else(|| user.bad("must have user or user_id"))?,
    };
    match id.value() {
        Value::Number(number) => Ok(number.to_string()),
        _ => Ok(id.text(1, 160)?.to_owned()),
    }
}

async fn all<P: Ports>(node: &Node<P>) -> Result<Vec<AccountId>, ApiError> {
    let prefix = Key::new(table::PROFILE, &[b"b"]);
    let rows = node.store.list::<Millis>("blocked customers", &prefix, None, MOST).await?;
    let skip = prefix.as_bytes().len();
    Ok(rows.iter().filter_map(|(key, _)| AccountId::try_from(&key.as_bytes()[skip..]).ok()).collect())
}

pub(crate) fn key(account: AccountId) -> Key {
    Key::new(table::PROFILE, &[b"b", account.as_ref()])
}
