//! Calls for which the node has nothing, or a short answer.

use serde_json::{Value, json};

use super::super::routes::Op;
use super::schema::{enumerated, flag, list, object, of, text};
use super::{Told, success, told};

pub(super) fn describe(op: Op) -> Told {
    match op {
        Op::Username => {
            let members = [("username", text(1, 64)), ("status", enumerated(&["approved"]))];
            told("The handle", object(&members, &["username", "status"]))
        }
        Op::CallPermissions => told("Whether a customer may be called: nobody may", permissions())
            .with("user_wa_id", text(1, 160))
            .with("recipient", text(1, 160)),
        Op::EncryptionKey => told("Keys for flows: there are none", of("Nothing")),
        Op::Groups => told("Groups: there are none", of("Nothing")),
        Op::RequestCode => told("Refused: no code is sent to a handle", success()),
        Op::VerifyCode => told("Refused: no code is sent to a handle", success()),
        Op::AddNumber => told("Refused: a node has one handle", success()),
        Op::SetUsername | Op::DeleteUsername => told("Refused: the handle stays", success()),
        Op::SetEncryptionKey => told("Refused: flows call no endpoint", success()),
        Op::MakeGroup => told("Refused: there are no groups", success()),
        _ => told("Refused (138000): there are no calls", success()),
    }
}

fn permissions() -> Value {
    let action = object(
        &[("action_name", text(1, 60)), ("can_perform_action", flag()), ("limits", list(json!({}), 0, 10))],
        &["action_name", "can_perform_action"],
    );
    let permission = object(&[("status", enumerated(&["no_permission"]))], &["status"]);
    object(&[("permission", permission), ("actions", list(action, 0, 2))], &["permission", "actions"])
}
