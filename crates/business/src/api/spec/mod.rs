//! The API as an OpenAPI 3.1 document, made of the table of calls: a call that is not described does not compile.
//!
//! Ids of all kinds stand at the root, so that `/{number}` and `/{template}` are the same place to a strict reader of
//! OpenAPI. That is how the API is; each is described under its own name all the same.

mod absent;
mod answers;
mod bodies;
mod flows;
mod schema;

use serde_json::{Map, Value, json};

use self::schema::{digits, enumerated, named, object, of, text, whole};
use super::error::ApiError;
use super::routes::{Op, ROUTES, Route};

/// What is said of one call.
pub(super) struct Told {
    /// In a few words.
    summary: &'static str,
    /// Parameters of the query, each with its schema and whether it must be there.
    query: Vec<(&'static str, Value, bool)>,
    /// The body, when there is one: its type and schema.
    body: Option<(&'static str, Value)>,
    /// The answer when it went well.
    answer: Value,
    /// The type of the answer.
    kind: &'static str,
}

const JSON: &str = "application/json";

fn told(summary: &'static str, answer: Value) -> Told {
    Told { summary, query: Vec::new(), body: None, answer, kind: JSON }
}

impl Told {
    fn with(self, name: &'static str, schema: Value) -> Self {
        let query = [self.query, vec![(name, schema, false)]].concat();
        Self { query, ..self }
    }

    fn needs(self, name: &'static str, schema: Value) -> Self {
        let query = [self.query, vec![(name, schema, true)]].concat();
        Self { query, ..self }
    }

    /// Fields may be chosen.
    fn chosen(self) -> Self {
        self.with("fields", text(0, 2_000))
    }

    /// It comes page by page.
    fn paged(self) -> Self {
        let limit = json!({ "type": "integer", "minimum": 0 });
        self.with("limit", limit).with("after", text(0, 2_000)).with("before", text(0, 2_000))
    }

    fn body(self, schema: Value) -> Self {
        Self { body: Some((JSON, schema)), ..self }
    }

    fn bytes(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }
}

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = format!("/{}", route.shape);
        let method = route.method.to_ascii_lowercase();
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = operation(route);
    }
    paths.insert("/oauth/access_token".to_owned(), json!({ "get": grant() }));
    let mut schemas = answers::all();
    schemas.extend(bodies::all());
    schemas.extend(flows::all());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Business node",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The WhatsApp Business Cloud API, as a Lacre business node answers it. Any version stands \
                            before a path, or none. Numbers and truth values may be texts; null is absence; members \
                            that are not described are ignored.",
        },
        "servers": [{ "url": "/v23.0" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": refusals(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route) -> Value {
    let Told { summary, query, body, answer, kind } = describe(route.op);
    let mut parameters: Vec<Value> = route.shape.split('/').filter_map(path_parameter).collect();
    let query = query.into_iter().map(
        |(name, schema, needed)| json!({ "name": name, "in": "query", "required": needed, "schema": schema }),
    );
    parameters.extend(query);
    if route.op == Op::GoOnUpload {
        let schema = json!({ "type": "integer", "minimum": 0 });
        parameters.push(json!({ "name": "file_offset", "in": "header", "schema": schema }));
    }
    if route.op == Op::SendMessage || route.op == Op::SendMarketing {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "schema": schema }));
    }
    let mut told = json!({
        "operationId": format!("{:?}", route.op),
        "summary": summary,
        "parameters": parameters,
        "responses": responses(&answer, kind),
        "x-scope": route.scope.name(),
    });
    if let Some((kind, schema)) = body {
        told["requestBody"] = json!({ "required": true, "content": { kind: { "schema": schema } } });
    }
    told
}

fn responses(answer: &Value, kind: &str) -> Value {
    let mut all = json!({ "200": { "description": "Done", "content": { kind: { "schema": answer } } } });
    for status in refusals().keys() {
        all[status] = json!({ "$ref": format!("#/components/responses/{status}") });
    }
    all
}

/// Every status with which something may be refused; the body is the same for all.
fn refusals() -> Map<String, Value> {
    let content = json!({ JSON: { "schema": named("Refusal") } });
    let told = [
        (ApiError::Internal, "Something is wrong with the node"),
        (ApiError::Unavailable, "The device cannot take it now"),
        (ApiError::Unknown, "A parameter is wrong, or what was named is not there"),
        (ApiError::BadToken, "The token is missing or wrong"),
        (ApiError::NoPermission(""), "The token may not do this"),
        (ApiError::NoTemplate(String::new()), "There is no such template"),
        (ApiError::KeyReused, "The idempotency key was used for something else"),
        (ApiError::TooLarge(0), "The body is too large"),
        (ApiError::Throughput(0), "Too much at once"),
    ];
    let response = |(error, description): (ApiError, &str)| {
        (
            error.status().as_str().to_owned(),
            json!({ "description": description, "content": content.clone() }),
        )
    };
    told.into_iter().map(response).collect()
}

fn path_parameter(piece: &str) -> Option<Value> {
    let name = piece.strip_prefix('{')?.strip_suffix('}')?;
    let schema = match name {
        "code" => json!({ "type": "string", "pattern": "^[A-Za-z0-9]{14}$" }),
        "upload" => json!({ "type": "string", "pattern": "^upload:[A-Za-z0-9_-]{22}$" }),
        _ => digits(),
    };
    Some(json!({ "name": name, "in": "path", "required": true, "schema": schema }))
}

fn grant() -> Value {
    let Told { summary, query, answer, kind, .. } = told("A token for the app", answers::grant())
        .needs("grant_type", enumerated(&["client_credentials"]))
        .needs("client_id", text(1, 40))
        .needs("client_secret", text(1, 200));
    let parameter =
        |(name, schema, needed)| json!({ "name": name, "in": "query", "required": needed, "schema": schema });
    json!({
        "operationId": "Grant",
        "summary": summary,
        "security": [],
        "parameters": query.into_iter().map(parameter).collect::<Vec<Value>>(),
        "responses": responses(&answer, kind),
    })
}

/// What each call takes and gives.
fn describe(op: Op) -> Told {
    match op {
        Op::SendMessage
        | Op::SendMarketing
        | Op::UploadMedia
        | Op::LookupMedia
        | Op::DeleteMedia
        | Op::DownloadMedia
        | Op::BeginUpload
        | Op::GoOnUpload
        | Op::Upload => messages(op),
        Op::Account
        | Op::Templates
        | Op::CreateTemplate
        | Op::DeleteTemplates
        | Op::TemplateOfAccount
        | Op::Template
        | Op::EditTemplate
        | Op::EditTemplateOfAccount
        | Op::DeleteTemplate
        | Op::SubscribedApps
        | Op::SubscribeAccount
        | Op::UnsubscribeAccount
        | Op::App
        | Op::AppSubscriptions
        | Op::SubscribeApp
        | Op::UnsubscribeApp
        | Op::TemplateAnalytics => account(op),
        Op::RequestCode
        | Op::VerifyCode
        | Op::AddNumber
        | Op::Username
        | Op::SetUsername
        | Op::DeleteUsername
        | Op::EncryptionKey
        | Op::SetEncryptionKey
        | Op::Call
        | Op::CallPermissions
        | Op::Groups
        | Op::MakeGroup => absent::describe(op),
        Op::Flows
        | Op::MakeFlow
        | Op::Flow
        | Op::EditFlow
        | Op::DeleteFlow
        | Op::FlowAssets
        | Op::SetFlowAsset
        | Op::FlowJson
        | Op::PublishFlow
        | Op::DeprecateFlow => flows::describe(op),
        _ => number(op),
    }
}

fn success() -> Value {
    named("Success")
}

fn messages(op: Op) -> Told {
    let number = || digits();
    match op {
        Op::SendMessage => {
            let answer = json!({ "anyOf": [named("Sent"), success()] });
            told("Send a message, or mark one as read", answer).body(named("Message"))
        }
        Op::SendMarketing => told("Send a template for offers", named("Sent")).body(named("TemplateMessage")),
        Op::UploadMedia => {
            let told = told("Upload a file", object(&[("id", digits())], &["id"]));
            Told { body: Some(("multipart/form-data", bodies::upload())), ..told }
        }
        Op::LookupMedia => told("What is known of a file, and where it is downloaded", named("Media"))
            .with("phone_number_id", number()),
        Op::DeleteMedia => told("Delete a file", success()).with("phone_number_id", number()),
        Op::DownloadMedia => told("Download a file", json!({}))
            .needs("expires", digits())
            .needs("signature", json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }))
            .bytes("*/*"),
        Op::BeginUpload => told("Begin an upload that can go on where it broke off", named("Upload"))
            .with("file_name", text(0, 240))
            .needs("file_length", whole(1))
            .needs(
                "file_type",
                json!({ "type": "string", "pattern": "^[a-z]+/[a-z0-9.+-]+$", "maxLength": 200 }),
            ),
        Op::GoOnUpload => {
            let answer = json!({ "anyOf": [object(&[("h", text(1, 4_096))], &["h"]), named("Upload")] });
            let told = told("Go on with an upload", answer);
            Told {
                body: Some(("application/octet-stream", json!({ "type": "string", "format": "binary" }))),
                ..told
            }
        }
        _ => told("How far an upload has come", named("Upload")),
    }
}

fn number(op: Op) -> Told {
    match op {
        Op::Profile => told("The profile", of("Profile")).chosen(),
        Op::SetProfile => told("Change the profile", success()).body(named("ProfileChange")),
        Op::ProfilePicture => told("The profile's picture", json!({})).bytes("image/*"),
        Op::Blocked => told("Who is blocked", of("BlockedUser")).paged().chosen(),
        Op::Block => told("Block customers", named("Blocked")).body(named("BlockUsers")),
        Op::Unblock => told("Unblock customers", named("Blocked")).body(named("BlockUsers")),
        Op::Number => told("The number", named("Number")).chosen(),
        Op::SetNumber => {
            told("Set the PIN, or where the number's webhooks go", success()).body(named("NumberChange"))
        }
        Op::Numbers => told("The numbers of the account", of("Number")).paged().chosen(),
        Op::Register => told("Register the number", success()).body(named("Registration")),
        Op::Deregister => told("Deregister the number", success()),
        Op::Settings => told("Settings", named("Settings")).chosen(),
        Op::SetSettings => told("Change settings", success()).body(named("SettingsChange")),
        Op::Automation => told("What is offered by itself", of("Automation")).chosen(),
        Op::SetAutomation => told("Set what is offered by itself", success()).body(named("AutomationChange")),
        Op::Commerce => told("Whether a catalog is shown", of("Commerce")).chosen(),
        Op::SetCommerce => told("Set whether a catalog is shown", success()).body(named("CommerceChange")),
        Op::Codes => told("The QR codes", of("Code")).paged().chosen(),
        Op::MakeCode => told("Make a QR code, or change one", named("Code")).body(named("CodeWords")),
        Op::Code => told("A QR code", of("Code")).chosen(),
        Op::UpdateCode => told("Change a QR code", named("Code")).body(named("CodeWords")),
        Op::DeleteCode => told("Delete a QR code", success()),
        _ => told("The picture of a QR code", json!({}))
            .with("as", enumerated(&["png", "svg"]))
            .bytes("image/*"),
    }
}

fn account(op: Op) -> Told {
    match op {
        Op::Account => told("The account", named("Account")).chosen(),
        Op::Templates => {
            let told =
                told("The templates", named("Templates")).paged().chosen().with("summary", text(0, 200));
            ["name", "content", "name_or_content", "status", "category", "language", "quality_score"]
                .into_iter()
                .fold(told, |told, filter| told.with(filter, text(0, 1_024)))
        }
        Op::CreateTemplate => told("Make a template", named("TemplateMade")).body(named("NewTemplate")),
        Op::DeleteTemplates => {
            told("Delete a template by name", success()).needs("name", text(1, 512)).with("hsm_id", digits())
        }
        Op::TemplateOfAccount | Op::Template => told("A template", named("Template")).chosen(),
        Op::EditTemplate | Op::EditTemplateOfAccount => {
            told("Change a template", named("TemplateEdited")).body(named("TemplateChange"))
        }
        Op::DeleteTemplate => told("Delete a template", success()),
        Op::TemplateAnalytics => told("What became of what was sent by templates", of("TemplateCounts"))
            .needs("start", whole(0))
            .needs("end", whole(1))
            .needs("template_ids", text(1, 400))
            .with("granularity", enumerated(&["DAILY"]))
            .with("metric_types", text(0, 400)),
        Op::SubscribedApps => told("Where the account's webhooks go", of("SubscribedApp")),
        Op::SubscribeAccount => {
            told("Set where the account's webhooks go", success()).body(named("Callback"))
        }
        Op::UnsubscribeAccount => told("Take the account's webhooks away", success()),
        Op::App => told("The app", object(&[("id", digits()), ("name", text(0, 200))], &["id", "name"])),
        Op::AppSubscriptions => told("Where the app's webhooks go", of("Subscription")),
        Op::SubscribeApp => told("Set where the app's webhooks go", success()).body(named("SubscribeApp")),
        _ => told("Take the app's webhooks away", success()),
    }
}
