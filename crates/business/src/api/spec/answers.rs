//! What the API answers.

use serde_json::{Map, Value, json};

use super::schema::{digits, enumerated, flag, list, named, object, text, whole};

fn any() -> Value {
    json!({ "type": "string" })
}

/// Every answer that has a name.
pub fn all() -> Map<String, Value> {
    let all = [
        ("Refusal", refusal()),
        ("Success", object(&[("success", flag())], &["success"])),
        ("Paging", paging()),
        ("Sent", sent()),
        ("Media", media()),
        ("Upload", object(&[("id", any()), ("file_offset", whole(0))], &["id"])),
        ("Profile", profile()),
        ("BlockedUser", blocked_user()),
        ("Blocked", blocked()),
        ("Number", number()),
        (
            "Settings",
            object(&[("id", digits()), ("calling", object(&[("status", any())], &["status"]))], &[]),
        ),
        ("Automation", automation()),
        ("Commerce", commerce()),
        ("Code", code()),
        ("Account", account()),
        ("Template", template()),
        ("Templates", templates()),
        ("TemplateMade", made()),
        ("TemplateEdited", edited()),
        ("SubscribedApp", subscribed()),
        ("Subscription", subscription()),
        ("TemplateCounts", template_counts()),
        ("Nothing", object(&[], &[])),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// What who knows the app's secret is given.
pub fn grant() -> Value {
    object(
        &[("access_token", any()), ("token_type", enumerated(&["bearer"]))],
        &["access_token", "token_type"],
    )
}

fn refusal() -> Value {
    let data = object(&[("messaging_product", any()), ("details", any())], &["details"]);
    let members = [
        ("message", any()),
        ("type", enumerated(&["OAuthException", "GraphMethodException"])),
        ("code", json!({ "type": "integer" })),
        ("error_subcode", json!({ "type": "integer" })),
        ("error_data", data),
        ("is_transient", flag()),
        ("fbtrace_id", any()),
    ];
    object(
        &[("error", object(&members, &["message", "type", "code", "error_data", "fbtrace_id"]))],
        &["error"],
    )
}

fn paging() -> Value {
    let cursors = object(&[("before", any()), ("after", any())], &["before", "after"]);
    object(&[("cursors", cursors), ("next", any()), ("previous", any())], &[])
}

fn sent() -> Value {
    let hash = json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" });
    let contact = object(
        &[("input", any()), ("wa_id", digits()), ("user_id", any()), ("identity_key_hash", hash)],
        &["input"],
    );
    let status = enumerated(&["accepted", "held_for_quality_assessment", "paused"]);
    let message = object(&[("id", any()), ("message_status", status)], &["id"]);
    let members = [
        ("messaging_product", enumerated(&["whatsapp"])),
        ("contacts", list(contact, 1, 1)),
        ("messages", list(message, 1, 1)),
    ];
    object(&members, &["messaging_product", "contacts", "messages"])
}

fn media() -> Value {
    let members = [
        ("messaging_product", enumerated(&["whatsapp"])),
        ("url", any()),
        ("mime_type", any()),
        ("sha256", json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })),
        ("file_size", whole(0)),
        ("id", digits()),
    ];
    object(&members, &["messaging_product", "url", "mime_type", "sha256", "file_size", "id"])
}

fn profile() -> Value {
    let texts = ["about", "address", "description", "email", "profile_picture_url", "vertical"];
    let mut members: Vec<(&str, Value)> = texts.into_iter().map(|name| (name, any())).collect();
    members.push(("websites", list(any(), 0, 2)));
    members.push(("messaging_product", enumerated(&["whatsapp"])));
    object(&members, &["vertical", "messaging_product"])
}

fn blocked_user() -> Value {
    let members = [("messaging_product", any()), ("wa_id", digits()), ("input", any()), ("user_id", any())];
    object(&members, &["messaging_product", "wa_id", "input"])
}

fn blocked() -> Value {
    let user = object(&[("input", any()), ("wa_id", digits()), ("user_id", any())], &["input"]);
    let error = object(&[("code", json!({ "type": "integer" })), ("title", any())], &["code"]);
    let failed = json!({ "type": "array", "items": error });
    let failed = object(&[("input", any()), ("errors", failed)], &["input", "errors"]);
    let users = |of: Value| json!({ "type": "array", "items": of });
    let lists = [
        ("added_users", users(user.clone())),
        ("removed_users", users(user)),
        ("failed_users", users(failed)),
    ];
    object(
        &[
            ("messaging_product", any()),
            ("block_users", object(&lists, &[])),
            ("errors", json!({ "type": "object" })),
        ],
        &["messaging_product", "block_users"],
    )
}

fn number() -> Value {
    let texts = [
        "display_phone_number",
        "verified_name",
        "quality_rating",
        "code_verification_status",
        "name_status",
        "new_name_status",
        "status",
        "platform_type",
        "account_mode",
        "messaging_limit_tier",
        "whatsapp_business_manager_messaging_limit",
    ];
    let mut members: Vec<(&str, Value)> = texts.into_iter().map(|name| (name, any())).collect();
    members.push(("id", digits()));
    members.push(("is_pin_enabled", flag()));
    members.push(("is_official_business_account", flag()));
    members.push(("throughput", json!({ "type": "object" })));
    members.push(("webhook_configuration", json!({ "type": "object" })));
    object(&members, &["id"])
}

fn automation() -> Value {
    let command = object(&[("command_name", any()), ("command_description", any())], &["command_name"]);
    let members = [
        ("id", digits()),
        ("enable_welcome_message", flag()),
        ("prompts", list(any(), 0, 3)),
        ("commands", list(command, 0, 30)),
    ];
    object(&members, &["id"])
}

fn commerce() -> Value {
    let members = [("id", digits()), ("is_catalog_visible", flag()), ("is_cart_enabled", flag())];
    object(&members, &["id", "is_catalog_visible", "is_cart_enabled"])
}

fn code() -> Value {
    let members = [
        ("code", text(14, 14)),
        ("prefilled_message", text(1, 140)),
        ("deep_link_url", any()),
        ("qr_image_url", any()),
    ];
    object(&members, &[])
}

fn account() -> Value {
    let texts = [
        "name",
        "currency",
        "timezone_id",
        "country",
        "message_template_namespace",
        "account_review_status",
        "business_verification_status",
        "ownership_type",
    ];
    let mut members: Vec<(&str, Value)> = texts.into_iter().map(|name| (name, any())).collect();
    members.push(("id", digits()));
    members.push(("health_status", json!({ "type": "object" })));
    object(&members, &["id"])
}

fn template_counts() -> Value {
    let counts = ["start", "end", "sent", "delivered", "read"].map(|name| (name, whole(0)));
    let members = [vec![("template_id", digits())], counts.to_vec()].concat();
    let points = json!({ "type": "array", "items": object(&members, &["template_id", "start", "end"]) });
    object(&[("granularity", any()), ("product_type", any()), ("data_points", points)], &["data_points"])
}

fn template() -> Value {
    let score = object(&[("score", any()), ("date", whole(0))], &["score", "date"]);
    let members = [
        ("id", digits()),
        ("name", any()),
        ("language", any()),
        ("status", enumerated(&["PENDING", "APPROVED", "REJECTED", "PAUSED", "DISABLED"])),
        ("category", enumerated(&["MARKETING", "UTILITY", "AUTHENTICATION"])),
        ("previous_category", any()),
        ("parameter_format", enumerated(&["POSITIONAL", "NAMED"])),
        ("components", json!({ "type": "array" })),
        ("rejected_reason", any()),
        ("quality_score", score),
    ];
    object(&members, &["id"])
}

fn templates() -> Value {
    let count = || whole(0);
    let members = [
        ("total_count", count()),
        ("message_template_count", count()),
        ("message_template_limit", count()),
        ("are_translations_complete", flag()),
    ];
    let rows = json!({ "type": "array", "items": named("Template") });
    object(&[("data", rows), ("paging", named("Paging")), ("summary", object(&members, &[]))], &["data"])
}

fn made() -> Value {
    object(&[("id", digits()), ("status", any()), ("category", any())], &["id", "status", "category"])
}

fn edited() -> Value {
    let members = [("success", flag()), ("id", digits()), ("name", any()), ("category", any())];
    object(&members, &["success", "id", "name", "category"])
}

fn subscribed() -> Value {
    let data = object(&[("id", digits()), ("name", any()), ("link", any())], &["id"]);
    object(
        &[("whatsapp_business_api_data", data), ("override_callback_uri", any())],
        &["whatsapp_business_api_data"],
    )
}

fn subscription() -> Value {
    let field = object(&[("name", any()), ("version", any())], &["name"]);
    let members = [
        ("object", any()),
        ("callback_url", any()),
        ("active", flag()),
        ("fields", json!({ "type": "array", "items": field })),
    ];
    object(&members, &["object", "callback_url"])
}
