//! Every event in the shape that clients of the Cloud API parse.

use lacre_business::chat::{
    Category, ChatEvent, Choice, ChosenBy, Incoming, MediaKind, MessageId, Place, Reach, SendError, Standing,
};
use lacre_business::webhooks::{Notice, TemplateName};
use serde_json::{Value, json};

use crate::cast::{DAY, NOW, customer, message, renderer};

async fn told(event: ChatEvent) -> Value {
    let rendered = renderer().event(&event).await.expect("names").expect("told");
    assert!(rendered.body.iter().all(|it| (0x20..0x7f).contains(it)), "ASCII alone");
    serde_json::from_slice(&rendered.body).expect("JSON")
}

/// The only message of the only change of the only entry, once what stands around it has been looked at.
async fn heard(what: Incoming) -> Value {
    let body = told(message(0xa1, 0x11, what)).await;
    let value = &body["entry"][0]["changes"][0]["value"];
    let mut message = value["messages"][0].clone();
    for (name, known) in [
        ("from", json!("100000000000161")),
        ("from_user_id", json!("ZZ.100000000000161")),
        ("id", json!("wamid.11")),
        ("timestamp", json!("1760000000")),
    ] {
        assert_eq!(message[name], known);
        message.as_object_mut().expect("an object").remove(name);
    }
    message
}

#[tokio::test]
async fn a_text_stands_in_its_envelope_with_its_contact() {
    let known = json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": "102290000000001",
            "changes": [{
                "field": "messages",
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {
                        "display_phone_number": "551130000000",
                        "phone_number_id": "106540000000001",
                    },
                    "contacts": [{
                        "profile": { "name": "Ana 161" },
                        "wa_id": "100000000000161",
                        "user_id": "ZZ.100000000000161",
                    }],
                    "messages": [{
                        "from": "100000000000161",
                        "from_user_id": "ZZ.100000000000161",
                        "id": "wamid.11",
                        "timestamp": "1760000000",
                        "type": "text",
                        "text": { "body": "olá 🥐" },
                    }],
                },
            }],
        }],
    });
    assert_eq!(told(message(0xa1, 0x11, Incoming::Text("olá 🥐".to_owned()))).await, known);
}

#[tokio::test]
async fn files_are_told_by_their_ids() {
    let file = |kind, caption: &str| Incoming::Media {
        kind,
        mime: "image/jpeg".to_owned(),
        sha256: [0; 32],
        size: 9,
        name: Some("menu.jpg".to_owned()),
        caption: caption.to_owned(),
        index: 0,
    };
    let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let known = json!({ "id": "77017", "mime_type": "image/jpeg", "sha256": hash });
    let with = |more: Value| {
        let mut known = known.clone();
        known.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        known
    };
    let cases = [
        (file(MediaKind::Image, "pão"), "image", with(json!({ "caption": "pão" }))),
        (file(MediaKind::Image, ""), "image", known.clone()),
        (file(MediaKind::Video, "x"), "video", with(json!({ "caption": "x" }))),
        (file(MediaKind::Audio, ""), "audio", with(json!({ "voice": false }))),
        (file(MediaKind::Voice, ""), "audio", with(json!({ "voice": true }))),
        (file(MediaKind::Document, "x"), "document", with(json!({ "filename": "menu.jpg", "caption": "x" }))),
        (file(MediaKind::Sticker, ""), "sticker", with(json!({ "animated": false }))),
    ];
    for (what, kind, object) in cases {
        assert_eq!(heard(what).await, json!({ "type": kind, kind: object }));
    }
}

#[tokio::test]
async fn everything_else_that_customers_say() {
    let place = Place { latitude: -23.5, longitude: -46.6, name: "Padaria".into(), address: String::new() };
    let choice = || Choice { id: "pick-1".into(), title: "Hoje".into(), description: "às 10".into() };
    let card = MessageId([0xb2; 16]);
    let chosen = |by| Incoming::Chosen(card, choice(), by);
    let ours = json!({ "from": "551130000000", "id": "wamid.B2" });
    let cases = [
        (
            Incoming::Place(place),
            json!({ "type": "location", "location": { "latitude": -23.5, "longitude": -46.6, "name": "Padaria" } }),
        ),
        (
            Incoming::Contact("bruno".parse().expect("a handle"), "Bruno".into()),
            json!({ "type": "contacts", "contacts": [{
                "name": { "formatted_name": "Bruno", "first_name": "Bruno" },
                "phones": [],
                "urls": [{ "url": "lacre:bruno", "type": "LACRE" }],
            }] }),
        ),
        (
            Incoming::Reaction(card, Some("🥐".into())),
            json!({ "type": "reaction", "reaction": { "message_id": "wamid.B2", "emoji": "🥐" } }),
        ),
        (
            Incoming::Reaction(card, None),
            json!({ "type": "reaction", "reaction": { "message_id": "wamid.B2" } }),
        ),
        (
            chosen(ChosenBy::Button),
            json!({ "type": "interactive", "context": ours, "interactive": {
                "type": "button_reply", "button_reply": { "id": "pick-1", "title": "Hoje" },
            } }),
        ),
        (
            chosen(ChosenBy::Row),
            json!({ "type": "interactive", "context": ours, "interactive": {
                "type": "list_reply",
                "list_reply": { "id": "pick-1", "title": "Hoje", "description": "às 10" },
            } }),
        ),
        (
            chosen(ChosenBy::TemplateButton),
            json!({ "type": "button", "context": ours, "button": { "text": "Hoje", "payload": "pick-1" } }),
        ),
        (
            Incoming::Filled(card, json!({ "flow_token": "t", "name": "Ana" }).to_string()),
            json!({ "type": "interactive", "context": ours, "interactive": {
                "type": "nfm_reply",
                "nfm_reply": {
                    "name": "flow", "body": "Sent", "response_json": "{\"flow_token\":\"t\",\"name\":\"Ana\"}",
                },
            } }),
        ),
        (
            Incoming::Edit(MessageId([0x10; 16]), "oi!".into()),
            json!({ "type": "edit", "edit": {
                "original_message_id": "wamid.10", "message": { "type": "text", "text": { "body": "oi!" } },
            } }),
        ),
        (
            Incoming::Delete(MessageId([0x10; 16])),
            json!({ "type": "revoke", "revoke": { "original_message_id": "wamid.10" } }),
        ),
        (
            Incoming::Other,
            json!({ "type": "unsupported", "unsupported": { "type": "unknown" }, "errors": [{
                "code": 131051,
                "title": "Message type unknown",
                "message": "Message type unknown",
                "error_data": { "details": "Message type is currently not supported." },
            }] }),
        ),
    ];
    for (what, known) in cases {
        assert_eq!(heard(what).await, known);
    }
}

#[tokio::test]
async fn a_quote_says_whose_it_is_and_a_forward_how_often() {
    let quote = |in_reply_to: Option<u8>, forwarded| ChatEvent::Message {
        from: customer(0xa1),
        id: MessageId([0x11; 16]),
        at: NOW,
        what: Incoming::Text("oi".into()),
        in_reply_to: in_reply_to.map(|it| MessageId([it; 16])),
        forwarded,
    };
    for (event, context) in [
        (quote(Some(0xb2), None), json!({ "from": "551130000000", "id": "wamid.B2" })),
        (quote(Some(0x10), None), json!({ "from": "100000000000161", "id": "wamid.10" })),
        (quote(None, Some(false)), json!({ "forwarded": true })),
        (quote(None, Some(true)), json!({ "frequently_forwarded": true })),
        (quote(None, None), Value::Null),
    ] {
        let body = told(event).await;
        assert_eq!(body["entry"][0]["changes"][0]["value"]["messages"][0]["context"], context);
    }
}

#[tokio::test]
async fn a_status_carries_its_contact_what_was_given_with_the_message_and_why_it_failed() {
    let id = MessageId([0xb1; 16]);
    for (reach, name) in [(Reach::Sent, "sent"), (Reach::Delivered, "delivered"), (Reach::Read, "read")] {
        let body = told(ChatEvent::Reached { to: customer(0xa1), id, at: NOW, reach }).await;
        let value = &body["entry"][0]["changes"][0]["value"];
        assert_eq!(value["contacts"][0]["user_id"], "ZZ.100000000000161");
        assert_eq!(value["messages"], Value::Null);
        let known = json!([{
            "id": "wamid.B1",
            "status": name,
            "timestamp": "1760000000",
            "recipient_id": "100000000000161",
            "recipient_user_id": "ZZ.100000000000161",
            "biz_opaque_callback_data": "order 17",
        }]);
        assert_eq!(value["statuses"], known);
    }
    let secret = "a path that is nobody's business";
    for (why, code) in [
        (SendError::NoSuchAccount, 131_026),
        (SendError::Blocked, 131_026),
        (SendError::NoConsent, 131_050),
        (SendError::Stopped, 131_050),
        (SendError::WindowClosed, 131_047),
        (SendError::NoSuchMessage, 131_009),
        (SendError::BadContent, 131_009),
        (SendError::File(secret.into()), 131_053),
        (SendError::IdentityChanged, 137_000),
        (SendError::Unavailable(secret.into()), 131_016),
        (SendError::MarketingCap, 131_049),
        (SendError::MarketingPaused, 131_048),
        (SendError::MessagingLimit, 131_064),
        (SendError::Suspended, 131_031),
    ] {
        let body =
            told(ChatEvent::Failed { to: customer(0xa1), id: MessageId([0xb2; 16]), at: NOW, why }).await;
        let status = &body["entry"][0]["changes"][0]["value"]["statuses"][0];
        assert_eq!((&status["status"], &status["errors"][0]["code"]), (&json!("failed"), &json!(code)));
        let error = &status["errors"][0];
        assert!(error["title"].is_string() && error["error_data"]["details"].is_string());
        assert_eq!(status["biz_opaque_callback_data"], Value::Null);
        assert!(!body.to_string().contains(secret));
    }
}

#[tokio::test]
async fn marketing_that_was_stopped_or_granted_is_a_preference_and_the_rest_is_none() {
    let consent = |granted: Vec<(Category, u64)>, stopped: Vec<Category>| ChatEvent::Consent {
        from: customer(0xa1),
        at: NOW,
        standing: Standing { window_until: 0, granted, stopped },
    };
    let stop = told(consent(vec![(Category::Service, NOW + DAY)], vec![Category::Marketing])).await;
    let change = &stop["entry"][0]["changes"][0];
    assert_eq!(change["field"], "user_preferences");
    assert_eq!(change["value"]["contacts"][0]["wa_id"], "100000000000161");
    assert_eq!(change["value"]["metadata"]["phone_number_id"], "106540000000001");
    let known = json!([{
        "wa_id": "100000000000161",
        "user_id": "ZZ.100000000000161",
        "detail": "User requested to stop marketing messages",
        "category": "marketing_messages",
        "value": "stop",
        "timestamp": "1760000000",
    }]);
    assert_eq!(change["value"]["user_preferences"], known);
    let resume = told(consent(vec![(Category::Marketing, NOW + 1)], Vec::new())).await;
    assert_eq!(resume["entry"][0]["changes"][0]["value"]["user_preferences"][0]["value"], "resume");
    for silent in [
        consent(vec![(Category::Service, NOW + DAY)], vec![Category::Authentication]),
        consent(vec![(Category::Marketing, NOW)], Vec::new()),
    ] {
        assert_eq!(renderer().event(&silent).await.expect("names"), None);
    }
}

#[tokio::test]
async fn the_node_tells_of_templates_its_number_and_its_account() {
    let template =
        || TemplateName { id: 594_000_000_000_001, name: "order_ready".into(), language: "pt_BR".into() };
    let text = |it: &str| it.to_owned();
    let named = json!({
        "message_template_id": 594_000_000_000_001_u64,
        "message_template_name": "order_ready",
        "message_template_language": "pt_BR",
    });
    let of_template = |more: Value| {
        let mut known = named.clone();
        known.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        known
    };
    let cases = [
        (
            Notice::TemplateStatus {
                template: template(),
                event: text("APPROVED"),
                category: text("UTILITY"),
                reason: None,
            },
            "message_template_status_update",
            of_template(
                json!({ "event": "APPROVED", "message_template_category": "UTILITY", "reason": "NONE" }),
            ),
        ),
        (
            Notice::TemplateCategory {
                template: template(),
                previous: text("UTILITY"),
                new: text("MARKETING"),
            },
            "template_category_update",
            of_template(json!({ "previous_category": "UTILITY", "new_category": "MARKETING" })),
        ),
        (
            Notice::PhoneQuality { event: text("FLAGGED"), current_limit: text("TIER_2K") },
            "phone_number_quality_update",
            json!({ "display_phone_number": "551130000000", "event": "FLAGGED", "current_limit": "TIER_2K" }),
        ),
        (
            Notice::Security { event: text("PIN_CHANGED") },
            "security",
            json!({ "display_phone_number": "551130000000", "event": "PIN_CHANGED" }),
        ),
        (
            Notice::Account { suspended: true },
            "account_update",
            json!({ "phone_number": "551130000000", "event": "DISABLED_UPDATE",
                    "ban_info": { "waba_ban_state": "DISABLE" } }),
        ),
        (
            Notice::AccountReview { decision: text("APPROVED") },
            "account_review_update",
            json!({ "decision": "APPROVED" }),
        ),
        (
            Notice::PhoneName { name: text("Padaria Sol") },
            "phone_number_name_update",
            json!({ "display_phone_number": "551130000000", "decision": "APPROVED",
                    "requested_verified_name": "Padaria Sol", "rejection_reason": "NONE" }),
        ),
        (
            Notice::FlowStatus {
                id: 7,
                name: "breads".to_owned(),
                old: "DRAFT".to_owned(),
                new: "PUBLISHED".to_owned(),
            },
            "flows",
            json!({ "event": "FLOW_STATUS_CHANGE", "message": "Flow breads changed status from DRAFT to PUBLISHED",
                    "flow_id": "7", "old_status": "DRAFT", "new_status": "PUBLISHED" }),
        ),
        (
            Notice::Capability { daily_customers: 2_000, numbers: 1 },
            "business_capability_update",
            json!({ "max_daily_conversation_per_phone": 2_000, "max_phone_numbers_per_business": 1 }),
        ),
    ];
    for (notice, field, value) in cases {
        let rendered = renderer().notice(&notice, NOW);
        assert_eq!((rendered.customer, &*rendered.field), (None, field));
        let body: Value = serde_json::from_slice(&rendered.body).expect("JSON");
        assert_eq!(body["object"], "whatsapp_business_account");
        assert_eq!(body["entry"][0]["id"], "102290000000001");
        assert_eq!(body["entry"][0]["time"], NOW / 1_000);
        assert_eq!(body["entry"][0]["changes"], json!([{ "field": field, "value": value }]));
    }
}
