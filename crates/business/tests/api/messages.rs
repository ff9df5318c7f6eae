use lacre_business::agreed::{Agreed, Devices};
use lacre_business::api::messages::record;
use lacre_business::api::wamid;
use lacre_business::chat::{
    Button, Card, Category, Choice, Header, MediaKind, MessageId, Offer, Outgoing, Place, Section, SendError,
};
use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn a_text_goes_out_and_the_answer_has_the_shape_that_clients_want() {
    let world = World::new().await;
    let digits = world.ana_wrote().await;
    let answer =
        world.send(&format!("+{digits}"), json!({ "type": "text", "text": { "body": "oi" } })).await.ok();
    let id = answer["messages"][0]["id"].as_str().expect("an id").to_owned();
    let wanted = json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": format!("+{digits}"), "wa_id": digits }],
        "messages": [{ "id": id }],
    });
    assert_eq!(answer, wanted);
    let sent = world.sent();
    assert_eq!(
        (sent.to, sent.category, sent.what),
        (ANA, Category::Service, Outgoing::Text("oi".to_owned()))
    );
    assert!(wamid::parse(&id).is_some());
}

#[tokio::test]
async fn ana_is_found_by_digits_by_a_number_and_by_her_user_id() {
    let world = World::new().await;
    let digits = world.ana_wrote().await;
    let user = format!("ZZ.{digits}");
    let number: u64 = digits.parse().expect("a number");
    let text = json!({ "body": "oi" });
    let path = world.number("/messages");
    let by = async |members: Value| {
        let mut body = json!({ "messaging_product": "whatsapp", "text": text });
        body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        world.call("POST", &path, body).await.ok()["contacts"][0].clone()
    };
    assert_eq!(by(json!({ "to": number })).await, json!({ "input": digits, "wa_id": digits }));
    assert_eq!(by(json!({ "recipient": user })).await, json!({ "input": user, "user_id": user }));
    assert_eq!(by(json!({ "to": user, "recipient": null })).await, json!({ "input": user, "user_id": user }));
    let written = format!("+{} ({}) {}-{}", &digits[..2], &digits[2..5], &digits[5..9], &digits[9..]);
    assert_eq!(by(json!({ "to": written })).await["wa_id"], digits);
    assert_eq!(world.chat.sent().len(), 4);
}

#[tokio::test]
async fn who_is_nobody_a_group_or_the_business_itself_gets_nothing() {
    let world = World::new().await;
    let digits = world.ana_wrote().await;
    let text = || json!({ "text": { "body": "oi" } });
    for to in [
        "5511990000001",
        "ana",
        "@ana",
        "ana@bakery.example",
        &format!("BR.{digits}"),
        &format!("ZZ.ENT.{digits}"),
    ] {
        let answer = world.send(to, text()).await;
        assert_eq!((answer.code(), answer.status.as_u16()), (131026, 400), "{to}");
    }
    let group =
        world.send("120363@g.us", json!({ "recipient_type": "group", "text": { "body": "oi" } })).await;
    assert_eq!(group.code(), 131051);
    let itself = world.send(&world.node.identity.number.to_string(), text()).await;
    assert_eq!(itself.code(), 131021);
    assert_eq!(
        world
            .call(
                "POST",
                &world.number("/messages"),
                json!({ "messaging_product": "whatsapp", "text": { "body": "a" } })
            )
            .await
            .code(),
        131008
    );
    assert!(world.chat.sent().is_empty());
}

#[tokio::test]
async fn every_type_becomes_what_the_sealed_side_says() {
    let world = World::new().await;
    let said = world.said_by_ana();
    let place = json!({ "latitude": "-8.05", "longitude": -34.9, "name": "Here", "address": "Rua A" });
    let contacts =
        json!([{ "name": { "formatted_name": "Bruno", "first_name": "Bruno" }, "birthday": null }]);
    world.to_ana(json!({ "type": "location", "location": place })).await.ok();
    let here = Place { latitude: -8.05, longitude: -34.9, name: "Here".into(), address: "Rua A".into() };
    assert_eq!(world.sent_what(), Outgoing::Place(here));
    world.to_ana(json!({ "type": "contacts", "contacts": contacts })).await.ok();
    let Outgoing::Contacts(card) = world.sent_what() else { panic!("no card") };
    assert!(card.contains("FN:Bruno\r\n"));
    for (emoji, wanted) in [(json!("👍"), "👍"), (json!(""), "")] {
        let reaction = json!({ "message_id": wamid::of(said), "emoji": emoji });
        world.to_ana(json!({ "type": "reaction", "reaction": reaction })).await.ok();
        assert_eq!(world.sent_what(), Outgoing::Reaction(said, wanted.to_owned()));
    }
    let reply =
        json!({ "context": { "message_id": wamid::of(said) }, "type": "TEXT", "text": { "body": "sim" } });
    let nothing = json!({ "context": { "message_id": null }, "text": { "body": "sim" } });
    world.to_ana(nothing).await.ok();
    assert_eq!(world.sent().in_reply_to, None);
    world.to_ana(reply).await.ok();
    assert_eq!(world.sent().in_reply_to, Some(said));
    let place = json!({ "latitude": 1, "longitude": 2 });
    let reply =
        json!({ "context": { "message_id": wamid::of(said) }, "type": "location", "location": place });
    world.to_ana(reply).await.ok();
    assert_eq!(world.sent().in_reply_to, Some(said));
}

#[tokio::test]
async fn buttons_lists_links_and_places_become_cards() {
    let world = World::new().await;
    let interactive = |it: Value| json!({ "type": "interactive", "interactive": it });
    let choice = |id: &str, title: &str, more: &str| Choice {
        id: id.to_owned(),
        title: title.to_owned(),
        description: more.to_owned(),
    };
    let reply = |id: &str, title: &str| json!({ "type": "reply", "reply": { "id": id, "title": title } });
    world
        .to_ana(interactive(json!({
            "type": "button",
            "header": { "type": "text", "text": "Order" },
            "body": { "text": "Ready?" },
            "footer": { "text": "The Bakery" },
            "action": { "buttons": [reply("y", "Yes"), reply("n", "No")] },
        })))
        .await
        .ok();
    let buttons = vec![Button::Reply(choice("y", "Yes", "")), Button::Reply(choice("n", "No", ""))];
    let wanted = Card {
        header: Some(Header::Text("Order".to_owned())),
        body: "Ready?".to_owned(),
        footer: "The Bakery".to_owned(),
        offer: Offer::Buttons(buttons),
        template: None,
    };
    assert_eq!(world.sent_what(), Outgoing::Card(wanted));
    let sent_offer = || match world.sent_what() {
        Outgoing::Card(card) => card.offer,
        other => panic!("{other:?} is no card"),
    };
    let rows = json!([{ "id": "1", "title": "Bread", "description": "Rye" }, { "id": "2", "title": "Cake" }]);
    let list = json!({
        "type": "list",
        "body": { "text": "b".repeat(4096) },
        "action": { "button": "See", "sections": [{ "rows": rows }] },
    });
    world.to_ana(interactive(list)).await.ok();
    let rows = vec![choice("1", "Bread", "Rye"), choice("2", "Cake", "")];
    assert_eq!(sent_offer(), Offer::List("See".to_owned(), vec![Section { title: String::new(), rows }]));

    let parameters = json!({ "display_text": "Menu", "url": "https://bakery.example/menu" });
    let cta = json!({
        "type": "cta_url", "body": { "text": "Look" }, "action": { "name": "cta_url", "parameters": parameters },
    });
    world.to_ana(interactive(cta)).await.ok();
    let link = "https://bakery.example/menu".parse().expect("a URL");
    assert_eq!(sent_offer(), Offer::Buttons(vec![Button::Link("Menu".to_owned(), link)]));

    let ask = json!({
        "type": "location_request_message",
        "body": { "text": "Where?" },
        "action": { "name": "send_location", "parameters": {} },
    });
    world.to_ana(interactive(ask)).await.ok();
    assert_eq!(sent_offer(), Offer::Place);
}

/// Each is refused with this code and these words, and nothing is sent.
async fn refused(world: &World, cases: impl IntoIterator<Item = (Value, i64, &'static str)>) {
    for (what, code, details) in cases {
        let answer = world.to_ana(what.clone()).await;
        assert_eq!((answer.code(), answer.details().as_str()), (code, details), "{what}");
    }
    assert!(world.chat.sent().is_empty());
}

#[tokio::test]
async fn what_is_over_a_limit_or_unknown_is_refused_and_nothing_is_sent() {
    let world = World::new().await;
    let cases = [
        (json!({ "type": "text" }), 131008, "text is required"),
        (
            json!({ "type": "text", "text": { "body": "" } }),
            131009,
            "text.body must have 1 to 4096 characters, and has 0",
        ),
        (
            json!({ "text": { "body": "é".repeat(4097) } }),
            131009,
            "text.body must have 1 to 4096 characters, and has 4097",
        ),
        (json!({ "text": "oi" }), 131009, "text must be an object"),
        (json!({ "text": { "body": 7 } }), 131009, "text.body must be a string"),
        (
            json!({ "type": "poll" }),
            131051,
            "type must be text, image, video, audio, document, sticker, location, contacts, interactive, template or reaction",
        ),
        (json!({ "type": "image", "image": {} }), 131008, "a media object requires id or link"),
        (
            json!({ "type": "audio", "audio": { "id": "1", "caption": "x" } }),
            131009,
            "audio cannot have a caption",
        ),
        (
            json!({ "type": "location", "location": { "latitude": 91, "longitude": 0 } }),
            131009,
            "location.latitude must be a number from -90 to 90",
        ),
        (
            json!({ "type": "reaction", "reaction": { "message_id": "wamid.x", "emoji": "👍" } }),
            131009,
            "reaction.message_id must be the id of a message",
        ),
        (
            json!({ "type": "reaction", "reaction": { "message_id": wamid::of(MessageId([1; 16])), "emoji": "text" } }),
            131009,
            "reaction.emoji must be one emoji",
        ),
        (
            json!({ "text": { "body": "x" }, "biz_opaque_callback_data": "d".repeat(513) }),
            131009,
            "biz_opaque_callback_data must have 0 to 512 characters, and has 513",
        ),
        (
            json!({ "text": { "body": "x" }, "context": { "message_id": "no" } }),
            131009,
            "context.message_id must be the id of a message",
        ),
        (
            json!({ "text": { "body": "x" }, "messaging_product": "sms" }),
            131009,
            "messaging_product must be \"whatsapp\"",
        ),
        (
            json!({ "text": { "body": "x" }, "recipient_identity_key_hash": "abc" }),
            137000,
            "The identity key of the user is not the one given, or not known",
        ),
    ];
    refused(&world, cases).await;
}

#[tokio::test]
async fn a_type_that_nobody_knows_is_unsupported() {
    let world = World::new().await;
    for kind in ["carousel", "order", "video_note"] {
        let refused = world.to_ana(json!({ "type": kind })).await;
        assert_eq!(refused.code(), 131051, "{kind}");
        assert!(refused.details().starts_with("type must be text, image"), "{}", refused.details());
    }
    assert_eq!(world.to_ana(json!({ "type": 7 })).await.code(), 131009, "that is no type at all");
}

#[tokio::test]
async fn a_message_goes_to_the_identity_key_that_is_meant_or_not_at_all() {
    let (world, other) = (World::new().await, World::seeded(9, |_| ()).await);
    let pinned = |world: &World, key: [u8; 32]| {
        let devices = Some(Devices { identity_key: key, list: Vec::new() });
        world.chat.agrees(Agreed { customer: ANA, window_until: 0, grant: None, devices });
    };
    let to = async |world: &World, hash: Value| {
        world.to_ana(json!({ "text": { "body": "oi" }, "recipient_identity_key_hash": hash })).await
    };
    let told = async |world: &World| {
        let told = world.to_ana(json!({ "text": { "body": "oi" } })).await.ok();
        told["contacts"][0]["identity_key_hash"].clone()
    };
    let quiet = World::new().await;
    pinned(&quiet, [4; 32]);
    assert_eq!(told(&quiet).await, Value::Null, "nobody has asked to be told");
    for world in [&world, &other] {
        let on = json!({ "user_identity_change": { "enable_identity_key_check": true } });
        world.call("POST", &world.number("/settings"), on).await.ok();
        let set = world.get(&world.number("/settings")).await.ok()["user_identity_change"].clone();
        assert_eq!(set, json!({ "enable_identity_key_check": true }));
    }
    assert_eq!(told(&world).await, Value::Null, "nobody is pinned");
    assert_eq!(to(&world, json!("00")).await.code(), 137000);
    pinned(&world, [5; 32]);
    pinned(&other, [5; 32]);
    let hash = told(&world).await;
    assert_ne!(told(&other).await, hash, "two businesses cannot tell by it that they have one customer");
    to(&world, hash.clone()).await.ok();
    pinned(&world, [6; 32]);
    assert_eq!(to(&world, hash).await.code(), 137000, "it is another key now");
    let hash = told(&world).await;
    to(&world, hash).await.ok();
}

#[tokio::test]
async fn cards_over_a_limit_are_refused_and_nothing_is_sent() {
    let world = World::new().await;
    let reply = |id: &str, title: &str| json!({ "type": "reply", "reply": { "id": id, "title": title } });
    let button = |buttons: Value| {
        let it = json!({ "type": "button", "body": { "text": "x" }, "action": { "buttons": buttons } });
        json!({ "type": "interactive", "interactive": it })
    };
    let list = |sections: Value| {
        let action = json!({ "button": "See", "sections": sections });
        json!({ "type": "interactive", "interactive": { "type": "list", "body": { "text": "x" }, "action": action } })
    };
    let rows = |count: usize, from: usize| {
        (from..from + count).map(|it| json!({ "id": it.to_string(), "title": "r" })).collect::<Value>()
    };
    let of_type = |kind: &str| json!({ "type": "interactive", "interactive": { "type": kind } });
    let cases = [
        (button(json!([])), 131009, "interactive.action.buttons must have 1 to 3 elements, and has 0"),
        (
            button(json!([reply("a", "A"), reply("a", "B")])),
            131009,
            "interactive.action.buttons[1].reply.id comes twice",
        ),
        (
            button(json!([reply("a", "A"), reply("b", "A")])),
            131009,
            "interactive.action.buttons[1].reply.title comes twice",
        ),
        (
            button(json!([reply("a", &"t".repeat(21))])),
            131009,
            "interactive.action.buttons[0].reply.title must have 1 to 20 characters, and has 21",
        ),
        (
            list(json!([{ "rows": rows(11, 0) }])),
            131009,
            "interactive.action.sections[0].rows must have 1 to 10 elements, and has 11",
        ),
        (
            list(json!([{ "title": "a", "rows": rows(6, 0) }, { "title": "b", "rows": rows(6, 6) }])),
            131009,
            "interactive.action.sections must have at most 10 rows in all, and has 12",
        ),
        (
            list(json!([{ "title": "a", "rows": rows(1, 0) }, { "rows": rows(1, 1) }])),
            131008,
            "interactive.action.sections[1].title is required",
        ),
        (of_type("flow"), 131008, "interactive.action is required"),
        (
            of_type("product_list"),
            131009,
            "interactive.type is not supported: use button, list, cta_url, location_request_message or flow",
        ),
    ];
    refused(&world, cases).await;
}

#[tokio::test]
async fn what_the_customer_wants_is_asked_before_anything_is_sent() {
    let world = World::new().await;
    world.template(order_ready()).await;
    let mut offers = order_ready();
    (offers["name"], offers["category"]) = (json!("offers"), json!("MARKETING"));
    world.template(offers).await;
    let digits = world.digits(ANA).await;
    let text = || json!({ "text": { "body": "oi" } });
    let order = || order_ready_for("Ana", "A-17");
    let offer = || {
        let mut it = order_ready_for("Ana", "A-17");
        it["template"]["name"] = "offers".into();
        it
    };
    let sends = async |what: Value| {
        let answer = world.send(&digits, what).await;
        if answer.status.is_success() { 0 } else { answer.code() }
    };
    let all = async || (sends(text()).await, sends(order()).await, sends(offer()).await);
    assert_eq!(all().await, (131047, 131050, 131050), "Ana has nothing to do with the bakery");
    world.chat.opens_window(ANA, NOW + 1);
    assert_eq!(all().await, (0, 0, 131050), "she wrote: service, and nothing more");
    world.clock.advance(1);
    assert_eq!(all().await, (131047, 131050, 131050), "the window has closed");
    world.grants(ANA, Category::Service);
    assert_eq!(all().await, (131047, 0, 131050), "she wants news of her orders");
    world.grants(ANA, Category::Marketing);
    assert_eq!(all().await, (131047, 0, 0), "and offers");
    assert_eq!(world.sent().category, Category::Marketing);
    world.chat.stops(ANA, Category::Marketing);
    assert_eq!(all().await, (131047, 0, 131050), "no more offers");
    world.clock.advance(301 * DAY);
    assert_eq!(all().await, (131047, 131050, 131050), "what she granted has ended");
    world.chat.opens_window(ANA, NOW + 400 * DAY);
    world.chat.stops(ANA, Category::Service);
    assert_eq!(all().await, (131050, 131050, 131050), "a stop is a stop: it closes the window");
    world.chat.opens_window(ANA, NOW + 400 * DAY);
    assert_eq!(all().await, (0, 0, 131050), "she writes again, and is answered");
}

#[tokio::test]
async fn who_never_granted_offers_has_not_stopped_them() {
    let world = World::new().await;
    let mut offers = order_ready();
    offers["category"] = "MARKETING".into();
    world.template(offers).await;
    let digits = world.digits(ANA).await;
    world.chat.signs(ANA, vec![(Category::Service, NOW + DAY)]);
    let offer = async || {
        let refused = world.send(&digits, order_ready_for("Ana", "A-17")).await;
        assert_eq!(refused.code(), 131050);
        refused.details()
    };
    assert!(offer().await.contains("not consented"));
    world.chat.signs(ANA, vec![(Category::Service, NOW + DAY), (Category::Marketing, NOW + DAY)]);
    world.chat.signs(ANA, vec![(Category::Service, NOW + DAY)]);
    assert!(offer().await.contains("stopped"));
}

#[tokio::test]
async fn s04_windows_and_grants_are_the_relays_however_wrong_the_nodes_clock_is() {
    let world = World::new().await;
    world.template(order_ready()).await;
    let digits = world.digits(ANA).await;
    let codes = async || {
        let mut codes = Vec::new();
        for what in [json!({ "text": { "body": "oi" } }), order_ready_for("Ana", "A-17")] {
            let answer = world.send(&digits, what).await;
            codes.push(if answer.status.is_success() { 0 } else { answer.code() });
        }
        codes
    };
    world.clock.advance(26 * HOUR);
    world.chat.is_behind(26 * HOUR);
    world.chat.opens_window(ANA, NOW + HOUR);
    assert_eq!(codes().await, [0, 0], "it is NOW at the relay: Ana's window is open");
    let block = json!({ "messaging_product": "whatsapp", "block_users": [{ "user": digits }] });
    world.call("POST", &world.number("/block_users"), block.clone()).await.ok();
    world.call("DELETE", &world.number("/block_users"), block).await.ok();
    // The relay is where the node will be in a day.
    world.chat.is_ahead(26 * HOUR);
    world.chat.opens_window(ANA, world.node.now() + HOUR);
    assert_eq!(codes().await, [131047, 131050], "it is over at the relay");
    world.chat.signs(ANA, vec![(Category::Service, world.node.now() + HOUR)]);
    assert_eq!(codes().await, [131047, 131050], "and so is what she granted");
    world.chat.signs(ANA, vec![(Category::Service, world.node.now() + 27 * HOUR)]);
    assert_eq!(codes().await, [131047, 0]);
}

#[tokio::test]
async fn what_the_sealed_side_refuses_has_the_code_of_its_cause() {
    let world = World::new().await;
    let causes = [
        (SendError::NoSuchAccount, 131026),
        (SendError::Blocked, 131026),
        (SendError::NoConsent, 131050),
        (SendError::Stopped, 131050),
        (SendError::WindowClosed, 131047),
        (SendError::NoSuchMessage, 131009),
        (SendError::File("/secret/path".to_owned()), 131053),
        (SendError::BadContent, 131009),
        (SendError::IdentityChanged, 137000),
        (SendError::Unavailable("/secret/socket".to_owned()), 131016),
        (SendError::MarketingCap, 131049),
        (SendError::MarketingPaused, 131048),
        (SendError::MessagingLimit, 131064),
        (SendError::Suspended, 131031),
    ];
    for (why, code) in causes {
        world.chat.refuses_next(why.clone());
        let answer = world.to_ana(json!({ "text": { "body": "oi" } })).await;
        assert_eq!(answer.code(), code, "{why}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "paths stay here");
    }
    assert!(world.chat.sent().is_empty());
}

#[tokio::test]
async fn reading_and_typing_are_shown() {
    let world = World::new().await;
    let said = world.said_by_ana();
    let mark = async |more: Value| {
        let mut body = json!({ "messaging_product": "whatsapp", "status": "read" });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        world.call("POST", &world.number("/messages"), body).await
    };
    assert_eq!(mark(json!({ "message_id": wamid::of(said) })).await.ok(), json!({ "success": true }));
    assert_eq!((world.chat.read(), world.chat.typed()), (vec![said], vec![]));
    let typing = json!({ "message_id": wamid::of(said), "typing_indicator": { "type": "text" } });
    assert_eq!(mark(typing).await.ok(), json!({ "success": true }));
    assert_eq!((world.chat.read().len(), world.chat.typed()), (2, vec![said]));
    assert_eq!(mark(json!({ "message_id": wamid::of(MessageId([9; 16])) })).await.code(), 131009);
    assert_eq!(mark(json!({ "message_id": "x" })).await.code(), 131009);
    assert_eq!(mark(json!({})).await.code(), 131008);
    assert_eq!(mark(json!({ "status": "seen", "message_id": wamid::of(said) })).await.code(), 131009);
}

#[tokio::test]
async fn what_comes_back_with_each_status_is_remembered() {
    let world = World::new().await;
    let answer =
        world.to_ana(json!({ "text": { "body": "oi" }, "biz_opaque_callback_data": "order 17" })).await.ok();
    let id = wamid::parse(answer["messages"][0]["id"].as_str().expect("an id")).expect("an id");
    let kept = record(&world.node, id).await.expect("read").expect("kept");
    assert_eq!((kept.customer, kept.opaque.as_deref(), kept.at), (ANA, Some("order 17"), NOW));
    assert_eq!(record(&world.node, MessageId([9; 16])).await, Ok(None));
}

#[tokio::test]
async fn media_are_sent_by_id_and_by_link() {
    let world = World::new().await;
    let png = b"\x89PNG\r\n\x1a\n and so on";
    world.fetch.lays("https://bakery.example/files/cake.png", "image/png; q=1", png);
    world.fetch.lays("https://bakery.example/liar", "image/png", b"<html>");
    world.fetch.lays("https://bakery.example/page", "text/html", b"<html>");
    world.fetch.lays("https://bakery.example/none", "image/png", b"");
    let image = |image: Value| json!({ "type": "image", "image": image });
    world
        .to_ana(image(json!({ "link": "https://bakery.example/files/cake.png", "caption": "Cake" })))
        .await
        .ok();
    let Outgoing::Media(MediaKind::Image, file, caption) = world.sent_what() else { panic!("no image") };
    assert_eq!(
        (file.name.as_deref(), file.mime.as_str(), caption.as_str()),
        (Some("cake.png"), "image/png", "Cake")
    );
    assert_eq!(std::fs::read(file.plain()).expect("there"), png);
    for link in ["liar", "page", "none", "not-there"] {
        let answer = world.to_ana(image(json!({ "link": format!("https://bakery.example/{link}") }))).await;
        assert_eq!(answer.code(), 131053, "{link}");
    }
    assert_eq!(world.to_ana(image(json!({ "link": "http://10.0.0.1/x" }))).await.code(), 131053);
    assert_eq!(world.to_ana(image(json!({ "link": "file:///etc/passwd" }))).await.code(), 131009);
    for id in ["1", "999999999999999", &world.node.identity.number.to_string()] {
        let answer = world.to_ana(image(json!({ "id": id }))).await;
        assert_eq!(
            (answer.code(), answer.details().as_str()),
            (131009, "id: there is no such media, or it has expired")
        );
    }
    assert_eq!(world.chat.sent().len(), 1);
    assert_eq!(world.files(), 1, "nothing is left");
}

#[tokio::test]
async fn marketing_messages_are_templates_of_that_category() {
    let world = World::new().await;
    world.template(order_ready()).await;
    let to = world.ana_wrote().await;
    let mut body = order_ready_for("Ana", "A-17");
    body["messaging_product"] = "whatsapp".into();
    body["to"] = to.into();
    assert_eq!(world.call("POST", &world.number("/marketing_messages"), body).await.code(), 131009);
    assert!(world.chat.sent().is_empty());
}
