//! Calls of the API that have another answer for a handle than for a phone number, or none on this node: each says what is
//! so, instead of that there is no such object.

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::routes::Op;
use crate::node::{Node, Ports};

/// Why a call is refused, whatever it says.
pub(super) fn refusal(op: Op) -> ApiError {
    ApiError::Absent(match op {
        Op::RequestCode | Op::VerifyCode => {
            "A handle has no telephone, and no code is sent to it: the account's device has shown whose it is, and \
             the relay's operator verifies the business (code_verification_status tells)"
        }
        Op::AddNumber => "A node has one handle, that of its account: another one is another node",
        Op::SetUsername | Op::DeleteUsername => "The username is the handle of the account, which stays",
        Op::SetEncryptionKey => {
            "No key is needed: flows are filled in on the customer's device, and no endpoint is called that would read \
             what is sealed"
        }
        Op::MakeGroup => "Groups are not there on this node: the business talks with one customer at a time",
        Op::Call => return ApiError::NoCalling,
        _ => return ApiError::Internal,
    })
}

/// `GET /{number}/username`: the handle, by which people find the business.
pub(super) fn username<P: Ports>(node: &Node<P>) -> Value {
    json!({ "username": node.settings.name, "status": "approved" })
}

/// `GET /{number}/call_permissions`: nobody is called.
pub(super) fn call_permissions(call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    if params.maybe("user_wa_id")?.is_none() && params.maybe("recipient")?.is_none() {
        return Err(ApiError::Missing("user_wa_id is required".to_owned()));
    }
    let action = |name: &str| json!({ "action_name": name, "can_perform_action": false, "limits": [] });
    Ok(json!({
        "messaging_product": "whatsapp",
        "permission": { "status": "no_permission" },
        "actions": [action("start_call"), action("send_call_permission_request")],
    }))
}

/// A list of which this node has nothing: groups, keys for flows.
pub(super) fn none() -> Value {
    json!({ "data": [] })
}
