//! All calls of the API in one table: method, shape of the path, the scope that a token needs.
//!
//! Ids stand at the root whatever they are, so that a shape names the kind of object it wants.

use axum::http::Method;

use super::address::Address;
use super::qr::CODE_LENGTH;
use super::reader::is_digits;
use super::uploads;
use crate::node::{Node, Object, Ports};
use crate::store::StoreError;
use crate::tokens::Scope;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the calls of the table below")]
pub enum Op {
    SendMessage,
    SendMarketing,
    UploadMedia,
    LookupMedia,
    DeleteMedia,
    DownloadMedia,
    Profile,
    SetProfile,
    Number,
    SetNumber,
    Numbers,
    Register,
    Deregister,
    Settings,
    SetSettings,
    Automation,
    SetAutomation,
    Blocked,
    Block,
    Unblock,
    Codes,
    MakeCode,
    Code,
    UpdateCode,
    DeleteCode,
    PictureOfCode,
    Account,
    Templates,
    CreateTemplate,
    DeleteTemplates,
    TemplateOfAccount,
    Template,
    EditTemplate,
    EditTemplateOfAccount,
    DeleteTemplate,
    SubscribedApps,
    SubscribeAccount,
    UnsubscribeAccount,
    App,
    AppSubscriptions,
    SubscribeApp,
    UnsubscribeApp,
    BeginUpload,
    GoOnUpload,
    Upload,
    ProfilePicture,
    Commerce,
    SetCommerce,
    TemplateAnalytics,
    RequestCode,
    VerifyCode,
    AddNumber,
    Username,
    SetUsername,
    DeleteUsername,
    EncryptionKey,
    SetEncryptionKey,
    Call,
    CallPermissions,
    Flows,
    MakeFlow,
    Flow,
    EditFlow,
    DeleteFlow,
    FlowAssets,
    SetFlowAsset,
    FlowJson,
    PublishFlow,
    DeprecateFlow,
    Groups,
    MakeGroup,
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its method: `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Its path without the version: words, and kinds of objects in braces.
    pub shape: &'static str,
    /// What a token needs.
    pub scope: Scope,
    /// What it does.
    pub op: Op,
}

const fn route(method: &'static str, shape: &'static str, scope: Scope, op: Op) -> Route {
    Route { method, shape, scope, op }
}

/// The table.
pub const ROUTES: &[Route] = &[
    route("POST", "{number}/messages", Scope::Messaging, Op::SendMessage),
    route("POST", "{number}/marketing_messages", Scope::Messaging, Op::SendMarketing),
    route("POST", "{number}/media", Scope::Messaging, Op::UploadMedia),
    route("GET", "{media}", Scope::Messaging, Op::LookupMedia),
    route("DELETE", "{media}", Scope::Messaging, Op::DeleteMedia),
    route("GET", "media/{media}", Scope::Messaging, Op::DownloadMedia),
    route("GET", "{number}/whatsapp_business_profile", Scope::Messaging, Op::Profile),
    route("POST", "{number}/whatsapp_business_profile", Scope::Messaging, Op::SetProfile),
    route("GET", "{number}/block_users", Scope::Messaging, Op::Blocked),
    route("POST", "{number}/block_users", Scope::Messaging, Op::Block),
    route("DELETE", "{number}/block_users", Scope::Messaging, Op::Unblock),
    route("GET", "{number}", Scope::Management, Op::Number),
    route("POST", "{number}", Scope::Management, Op::SetNumber),
    route("GET", "{account}/phone_numbers", Scope::Management, Op::Numbers),
    route("POST", "{number}/register", Scope::Management, Op::Register),
    route("POST", "{number}/deregister", Scope::Management, Op::Deregister),
    route("GET", "{number}/settings", Scope::Management, Op::Settings),
    route("POST", "{number}/settings", Scope::Management, Op::SetSettings),
    route("GET", "{number}/conversational_automation", Scope::Management, Op::Automation),
    route("POST", "{number}/conversational_automation", Scope::Management, Op::SetAutomation),
    route("GET", "{number}/message_qrdls", Scope::Management, Op::Codes),
    route("POST", "{number}/message_qrdls", Scope::Management, Op::MakeCode),
    route("GET", "{number}/message_qrdls/{code}", Scope::Management, Op::Code),
    route("POST", "{number}/message_qrdls/{code}", Scope::Management, Op::UpdateCode),
    route("DELETE", "{number}/message_qrdls/{code}", Scope::Management, Op::DeleteCode),
    route("GET", "{number}/message_qrdls/{code}/picture", Scope::Management, Op::PictureOfCode),
    route("GET", "{account}", Scope::Management, Op::Account),
    route("GET", "{account}/message_templates", Scope::Management, Op::Templates),
    route("POST", "{account}/message_templates", Scope::Management, Op::CreateTemplate),
    route("DELETE", "{account}/message_templates", Scope::Management, Op::DeleteTemplates),
    route("GET", "{account}/message_templates/{template}", Scope::Management, Op::TemplateOfAccount),
    route("POST", "{account}/message_templates/{template}", Scope::Management, Op::EditTemplateOfAccount),
    route("GET", "{template}", Scope::Management, Op::Template),
    route("POST", "{template}", Scope::Management, Op::EditTemplate),
    route("DELETE", "{template}", Scope::Management, Op::DeleteTemplate),
    route("GET", "{account}/subscribed_apps", Scope::Management, Op::SubscribedApps),
    route("POST", "{account}/subscribed_apps", Scope::Management, Op::SubscribeAccount),
    route("DELETE", "{account}/subscribed_apps", Scope::Management, Op::UnsubscribeAccount),
    route("GET", "{app}", Scope::Management, Op::App),
    route("GET", "{app}/subscriptions", Scope::Management, Op::AppSubscriptions),
    route("POST", "{app}/subscriptions", Scope::Management, Op::SubscribeApp),
    route("DELETE", "{app}/subscriptions", Scope::Management, Op::UnsubscribeApp),
    route("POST", "{app}/uploads", Scope::Management, Op::BeginUpload),
    route("POST", "{upload}", Scope::Management, Op::GoOnUpload),
    route("GET", "{upload}", Scope::Management, Op::Upload),
    route("GET", "{number}/whatsapp_commerce_settings", Scope::Management, Op::Commerce),
    route("POST", "{number}/whatsapp_commerce_settings", Scope::Management, Op::SetCommerce),
    route("GET", "{number}/whatsapp_business_profile/picture", Scope::Messaging, Op::ProfilePicture),
    route("GET", "{account}/template_analytics", Scope::Management, Op::TemplateAnalytics),
    route("POST", "{number}/request_code", Scope::Management, Op::RequestCode),
    route("POST", "{number}/verify_code", Scope::Management, Op::VerifyCode),
    route("POST", "{account}/phone_numbers", Scope::Management, Op::AddNumber),
    route("GET", "{number}/username", Scope::Management, Op::Username),
    route("POST", "{number}/username", Scope::Management, Op::SetUsername),
    route("DELETE", "{number}/username", Scope::Management, Op::DeleteUsername),
    route("GET", "{number}/whatsapp_business_encryption", Scope::Management, Op::EncryptionKey),
    route("POST", "{number}/whatsapp_business_encryption", Scope::Management, Op::SetEncryptionKey),
    route("POST", "{number}/calls", Scope::Messaging, Op::Call),
    route("GET", "{number}/call_permissions", Scope::Messaging, Op::CallPermissions),
    route("GET", "{account}/flows", Scope::Management, Op::Flows),
    route("POST", "{account}/flows", Scope::Management, Op::MakeFlow),
    route("GET", "{flow}", Scope::Management, Op::Flow),
    route("POST", "{flow}", Scope::Management, Op::EditFlow),
    route("DELETE", "{flow}", Scope::Management, Op::DeleteFlow),
    route("GET", "{flow}/assets", Scope::Management, Op::FlowAssets),
    route("POST", "{flow}/assets", Scope::Management, Op::SetFlowAsset),
    route("GET", "{flow}/flow.json", Scope::Management, Op::FlowJson),
    route("POST", "{flow}/publish", Scope::Management, Op::PublishFlow),
    route("POST", "{flow}/deprecate", Scope::Management, Op::DeprecateFlow),
    route("GET", "{number}/groups", Scope::Messaging, Op::Groups),
    route("POST", "{number}/groups", Scope::Messaging, Op::MakeGroup),
];

/// What the audit log calls a call; `None` for what changes no setting and reads nothing about people.
pub(super) fn audited(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::DeleteMedia => "media.delete",
        Op::SetProfile => "profile.set",
        Op::Blocked => "block.list",
        Op::Block => "block.add",
        Op::Unblock => "block.remove",
        Op::SetNumber => "number.set",
        Op::Register => "number.register",
        Op::Deregister => "number.deregister",
        Op::SetSettings => "settings.set",
        Op::SetAutomation => "automation.set",
        Op::MakeCode | Op::UpdateCode => "code.set",
        Op::DeleteCode => "code.delete",
        Op::CreateTemplate => "template.create",
        Op::EditTemplate | Op::EditTemplateOfAccount => "template.edit",
        Op::DeleteTemplates | Op::DeleteTemplate => "template.delete",
        Op::MakeFlow => "flow.create",
        Op::EditFlow | Op::SetFlowAsset => "flow.edit",
        Op::PublishFlow => "flow.publish",
        Op::DeprecateFlow => "flow.deprecate",
        Op::DeleteFlow => "flow.delete",
        Op::SubscribeAccount | Op::SubscribeApp => "webhook.set",
        Op::UnsubscribeAccount | Op::UnsubscribeApp => "webhook.remove",
        _ => return None,
    })
}

/// Whether a call sets who is told what customers write.
pub(super) fn sets_receivers(op: Op) -> bool {
    matches!(op, Op::SubscribeApp | Op::UnsubscribeApp | Op::SubscribeAccount | Op::UnsubscribeAccount)
}

/// The call that a request is; `None` when there is none, or an object of its path is nothing.
pub async fn find<P: Ports>(
    node: &Node<P>,
    method: &Method,
    address: &Address,
) -> Result<Option<&'static Route>, StoreError> {
    let mut objects = Vec::new();
    for segment in address.segments.iter().take(8) {
        let id = segment.parse().ok().filter(|_| is_digits(segment) && segment.len() <= 15);
        objects.push(match id {
            Some(id) => node.object(id).await?,
            None => None,
        });
    }
    let fits = |route: &&Route| {
        let shape: Vec<&str> = route.shape.split('/').collect();
        method.as_str() == route.method
            && shape.len() == address.segments.len()
            && shape
                .iter()
                .enumerate()
                .all(|(at, wanted)| piece_fits(wanted, &address.segments[at], objects[at]))
    };
    Ok(ROUTES.iter().find(fits))
}

fn piece_fits(wanted: &str, piece: &str, object: Option<Object>) -> bool {
    match wanted {
        // Some clients write the word for the id: there is one app.
        "{app}" => piece == "app" || object == Some(Object::App),
        "{account}" => object == Some(Object::Account),
        "{number}" => object == Some(Object::Number),
        "{media}" => object == Some(Object::Media),
        "{flow}" => object == Some(Object::Flow),
        "{template}" => object == Some(Object::Template),
        "{upload}" => uploads::id_text(piece).is_some(),
        "{code}" => piece.len() == CODE_LENGTH && piece.bytes().all(|it| it.is_ascii_alphanumeric()),
        word => word == piece,
    }
}
