//! What the API is told.

use serde_json::{Map, Value, json};

use super::schema::{digits, enumerated, flag, list, named, object, text, whole};

/// Every body that has a name, and what they are made of.
pub fn all() -> Map<String, Value> {
    let all = [
        ("Message", message()),
        ("TemplateMessage", envelope("template", named("TemplateSend"))),
        ("MediaObject", media()),
        ("Place", place()),
        ("Person", person()),
        ("Interactive", interactive()),
        ("TemplateSend", template_send()),
        ("ProfileChange", profile()),
        ("BlockUsers", block_users()),
        ("NumberChange", number()),
        ("Registration", registration()),
        ("SettingsChange", settings()),
        ("AutomationChange", automation()),
        ("CommerceChange", commerce()),
        ("CodeWords", code()),
        ("Component", component()),
        ("NewTemplate", new_template()),
        ("TemplateChange", template_change()),
        ("Callback", callback()),
        ("SubscribeApp", subscribe_app()),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// The parts of an upload.
pub fn upload() -> Value {
    let members = [
        ("file", json!({ "type": "string", "format": "binary" })),
        ("type", text(1, 200)),
        ("messaging_product", whatsapp()),
        ("ttl_minutes", whole(0)),
    ];
    object(&members, &["file", "messaging_product"])
}

fn whatsapp() -> Value {
    enumerated(&["whatsapp"])
}

/// A message: one kind of them all, or what marks one as read.
fn message() -> Value {
    let text = object(&[("body", text(1, 4_096)), ("preview_url", flag())], &["body"]);
    let reaction =
        object(&[("message_id", wamid()), ("emoji", json!({ "type": "string" }))], &["message_id"]);
    let kinds = [
        ("text", text),
        ("image", named("MediaObject")),
        ("video", named("MediaObject")),
        ("audio", named("MediaObject")),
        ("document", named("MediaObject")),
        ("sticker", named("MediaObject")),
        ("location", named("Place")),
        ("contacts", list(named("Person"), 1, 257)),
        ("reaction", reaction),
        ("interactive", named("Interactive")),
        ("template", named("TemplateSend")),
    ];
    let mut all: Vec<Value> = kinds.into_iter().map(|(kind, schema)| envelope(kind, schema)).collect();
    let typing = object(&[("type", enumerated(&["text"]))], &["type"]);
    let read = [
        ("messaging_product", whatsapp()),
        ("status", enumerated(&["read"])),
        ("message_id", wamid()),
        ("typing_indicator", typing),
    ];
    all.push(object(&read, &["messaging_product", "status", "message_id"]));
    json!({ "oneOf": all })
}

fn wamid() -> Value {
    json!({ "type": "string", "pattern": "^wamid\\.[A-Za-z0-9+/]{22}==$" })
}

/// What is around each kind of message.
fn envelope(kind: &str, schema: Value) -> Value {
    let recipient = json!({ "type": "string", "pattern": "^[A-Z]{2}\\.[0-9]{1,15}$" });
    let members = [
        ("messaging_product", whatsapp()),
        ("recipient_type", enumerated(&["individual"])),
        ("to", json!({ "type": "string", "pattern": "^[0-9+() -]{1,40}$" })),
        ("recipient", recipient),
        ("type", enumerated(&[kind])),
        ("context", object(&[("message_id", wamid())], &["message_id"])),
        ("biz_opaque_callback_data", text(0, 512)),
        (kind, schema),
    ];
    let mut envelope = object(&members, &["messaging_product", "type", kind]);
    envelope["anyOf"] = json!([{ "required": ["to"] }, { "required": ["recipient"] }]);
    envelope
}

fn media() -> Value {
    let link = json!({ "type": "string", "format": "uri", "pattern": "^https?://", "maxLength": 2_000 });
    let members = [
        ("id", digits()),
        ("link", link),
        ("caption", text(0, 1_024)),
        ("filename", text(0, 240)),
        ("voice", flag()),
    ];
    let mut media = object(&members, &[]);
    media["anyOf"] = json!([{ "required": ["id"] }, { "required": ["link"] }]);
    media
}

fn place() -> Value {
    let degrees = |most: i32| json!({ "type": "number", "minimum": -most, "maximum": most });
    let members = [
        ("latitude", degrees(90)),
        ("longitude", degrees(180)),
        ("name", text(0, 1_000)),
        ("address", text(0, 1_000)),
    ];
    object(&members, &["latitude", "longitude"])
}

fn person() -> Value {
    let parts = ["formatted_name", "first_name", "last_name", "middle_name", "prefix", "suffix"];
    let parts: Vec<(&str, Value)> = parts.into_iter().map(|name| (name, text(1, 1_024))).collect();
    let several =
        |name: &str, most| list(object(&[(name, text(1, most)), ("type", text(0, 40))], &[name]), 0, 50);
    let address = ["street", "city", "state", "zip", "country", "country_code"];
    let mut address: Vec<(&str, Value)> = address.into_iter().map(|name| (name, text(0, 1_024))).collect();
    address.push(("type", text(0, 40)));
    let org = ["company", "department", "title"].map(|name| (name, text(0, 1_024)));
    let members = [
        ("name", object(&parts, &["formatted_name", "first_name"])),
        ("phones", several("phone", 100)),
        ("emails", several("email", 1_024)),
        ("urls", several("url", 2_000)),
        ("addresses", list(object(&address, &[]), 0, 50)),
        ("org", object(&org, &[])),
        ("birthday", json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })),
    ];
    object(&members, &["name"])
}

fn interactive() -> Value {
    let reply = object(&[("id", text(1, 256)), ("title", text(1, 20))], &["id", "title"]);
    let button = object(&[("type", enumerated(&["reply"])), ("reply", reply)], &["type", "reply"]);
    let row = [("id", text(1, 200)), ("title", text(1, 24)), ("description", text(0, 72))];
    let rows = list(object(&row, &["id", "title"]), 1, 10);
    let section = object(&[("title", text(1, 24)), ("rows", rows)], &["rows"]);
    let link = json!({ "type": "string", "format": "uri", "pattern": "^https?://", "maxLength": 2_000 });
    let link = object(&[("display_text", text(1, 20)), ("url", link)], &["display_text", "url"]);
    let actions = [
        ("button", object(&[("buttons", list(button, 1, 3))], &["buttons"])),
        (
            "list",
            object(&[("button", text(1, 20)), ("sections", list(section, 1, 10))], &["button", "sections"]),
        ),
        (
            "cta_url",
            object(&[("name", enumerated(&["cta_url"])), ("parameters", link)], &["name", "parameters"]),
        ),
        ("location_request_message", object(&[("name", enumerated(&["send_location"]))], &["name"])),
        ("flow", object(&[("name", enumerated(&["flow"])), ("parameters", flow())], &["name", "parameters"])),
    ];
    let one = |(kind, action): (&str, Value)| {
        let body = object(&[("text", text(1, if kind == "list" { 4_096 } else { 1_024 }))], &["text"]);
        let mut members = vec![
            ("type", enumerated(&[kind])),
            ("body", body),
            ("footer", object(&[("text", text(0, 60))], &[])),
            ("action", action),
        ];
        if kind != "location_request_message" {
            members.push(("header", header(kind == "list")));
        }
        object(&members, &["type", "body", "action"])
    };
    json!({ "oneOf": actions.map(one) })
}

fn flow() -> Value {
    let payload = [("screen", text(1, 60)), ("data", object(&[], &[]))];
    let members = [
        ("flow_message_version", enumerated(&["3"])),
        ("flow_id", digits()),
        ("flow_name", text(1, 200)),
        ("flow_token", text(1, 1_024)),
        ("flow_cta", text(1, 20)),
        ("flow_action", enumerated(&["navigate"])),
        ("flow_action_payload", object(&payload, &[])),
        ("mode", enumerated(&["draft", "published"])),
    ];
    let mut flow = object(&members, &["flow_cta"]);
    flow["oneOf"] = json!([{ "required": ["flow_id"] }, { "required": ["flow_name"] }]);
    flow
}

fn header(text_only: bool) -> Value {
    let line = object(&[("type", enumerated(&["text"])), ("text", text(1, 60))], &["type", "text"]);
    if text_only {
        return line;
    }
    let file =
        |kind: &str| object(&[("type", enumerated(&[kind])), (kind, named("MediaObject"))], &["type", kind]);
    json!({ "oneOf": [line, file("image"), file("video"), file("document")] })
}

fn template_send() -> Value {
    let language = object(&[("code", text(1, 20)), ("policy", enumerated(&["deterministic"]))], &["code"]);
    let parameter = object(&[("type", text(1, 40))], &["type"]);
    let component = [
        ("type", enumerated(&["header", "body", "button"])),
        ("sub_type", text(1, 40)),
        ("index", json!({ "anyOf": [digits(), whole(0)] })),
        ("parameters", list(parameter, 0, 40)),
    ];
    let components = list(object(&component, &["type"]), 0, 40);
    object(
        &[("name", text(1, 512)), ("language", language), ("components", components)],
        &["name", "language"],
    )
}

fn profile() -> Value {
    let website = json!({ "type": "string", "format": "uri", "pattern": "^https?://", "maxLength": 256 });
    let members = [
        ("messaging_product", whatsapp()),
        ("about", text(1, 139)),
        ("address", text(0, 256)),
        ("description", text(0, 512)),
        ("email", json!({ "type": "string", "format": "email", "maxLength": 128 })),
        ("websites", list(website, 0, 2)),
        ("vertical", enumerated(&super::super::profile::VERTICALS)),
        ("profile_picture_handle", text(0, 4_096)),
    ];
    object(&members, &["messaging_product"])
}

fn block_users() -> Value {
    let user = json!({ "anyOf": [
        object(&[("user", text(1, 160))], &["user"]),
        object(&[("user_id", text(1, 160))], &["user_id"]),
    ] });
    object(
        &[("messaging_product", whatsapp()), ("block_users", list(user, 1, 1_000))],
        &["messaging_product", "block_users"],
    )
}

fn pin() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{6}$" })
}

fn number() -> Value {
    let mut number = object(&[("pin", pin()), ("webhook_configuration", named("Callback"))], &[]);
    number["anyOf"] = json!([{ "required": ["pin"] }, { "required": ["webhook_configuration"] }]);
    number
}

fn registration() -> Value {
    object(&[("messaging_product", whatsapp()), ("pin", pin())], &["messaging_product", "pin"])
}

/// The node has no calls, and seals nothing that it could leave unsealed: neither can be switched on.
fn settings() -> Value {
    let off = || object(&[("status", enumerated(&["DISABLED"]))], &["status"]);
    let check = object(&[("enable_identity_key_check", flag())], &[]);
    object(&[("calling", off()), ("payload_encryption", off()), ("user_identity_change", check)], &[])
}

fn automation() -> Value {
    let command = [("command_name", text(1, 30)), ("command_description", text(1, 256))];
    let command = object(&command, &["command_name", "command_description"]);
    let members = [
        ("enable_welcome_message", json!({ "type": "boolean", "const": false })),
        ("prompts", list(text(1, 80), 0, 3)),
        ("commands", list(command, 0, 30)),
    ];
    object(&members, &[])
}

/// The node has no catalog to be shown.
fn commerce() -> Value {
    let off = || json!({ "type": "boolean", "const": false });
    object(&[("is_catalog_visible", off()), ("is_cart_enabled", off())], &[])
}

fn code() -> Value {
    let members = [
        ("prefilled_message", text(1, 140)),
        ("generate_qr_image", enumerated(&["PNG", "SVG", "png", "svg"])),
        ("code", json!({ "type": "string", "pattern": "^[A-Za-z0-9]{14}$" })),
    ];
    object(&members, &["prefilled_message"])
}

fn component() -> Value {
    let words = ["HEADER", "BODY", "FOOTER", "BUTTONS", "header", "body", "footer", "buttons"];
    object(&[("type", enumerated(&words)), ("text", text(1, 1_024))], &["type"])
}

fn category() -> Value {
    enumerated(&["MARKETING", "UTILITY", "AUTHENTICATION"])
}

fn new_template() -> Value {
    let members = [
        ("name", json!({ "type": "string", "pattern": "^[a-z0-9_]{1,512}$" })),
        ("language", json!({ "type": "string", "pattern": "^[a-z]{2}(_[A-Z]{2})?$" })),
        ("category", category()),
        ("parameter_format", enumerated(&["POSITIONAL", "NAMED"])),
        ("components", list(named("Component"), 1, 10)),
    ];
    object(&members, &["name", "language", "category", "components"])
}

fn template_change() -> Value {
    let mut change =
        object(&[("category", category()), ("components", list(named("Component"), 1, 10))], &[]);
    change["anyOf"] = json!([{ "required": ["category"] }, { "required": ["components"] }]);
    change
}

fn callback() -> Value {
    let uri = json!({ "type": "string", "format": "uri", "pattern": "^https?://", "maxLength": 2_000 });
    object(&[("override_callback_uri", uri), ("verify_token", text(1, 512))], &[])
}

fn subscribe_app() -> Value {
    let uri = json!({ "type": "string", "format": "uri", "pattern": "^https?://", "maxLength": 2_000 });
    let members = [
        ("object", enumerated(&["whatsapp_business_account"])),
        ("callback_url", uri),
        ("verify_token", text(1, 512)),
        ("fields", text(0, 2_000)),
    ];
    object(&members, &["object", "callback_url", "verify_token"])
}
