//! Files that come in pieces, and what their handles are good for.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::world::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest of it";

async fn begin(world: &World, length: usize, kind: &str) -> Answer {
    let app = world.node.identity.app;
    let query = format!("file_name=rye.png&file_length={length}&file_type={kind}");
    world.call("POST", &format!("/v26.0/{app}/uploads?{query}"), Value::Null).await
}

async fn bring(world: &World, session: &str, offset: usize, bytes: &[u8]) -> Answer {
    let request = Request::post(format!("/v26.0/{session}"))
        .header("authorization", format!("OAuth {}", world.token))
        .header("file_offset", offset.to_string());
    world.request(request.body(Body::from(bytes.to_vec())).expect("a request")).await
}

/// A whole upload; its handle.
pub async fn handle(world: &World, bytes: &[u8], kind: &str) -> String {
    let session = begin(world, bytes.len(), kind).await.ok()["id"].as_str().expect("an id").to_owned();
    let told = bring(world, &session, 0, bytes).await.ok();
    told["h"].as_str().unwrap_or_else(|| panic!("no handle in {told}")).to_owned()
}

#[tokio::test]
async fn an_upload_goes_on_where_it_broke_off() {
    let world = World::new().await;
    let session = begin(&world, PNG.len(), "image/png").await.ok()["id"].as_str().expect("an id").to_owned();
    assert!(session.starts_with("upload:"), "{session}");
    let state = async || world.get(&format!("/v26.0/{session}")).await.ok();
    assert_eq!(state().await, json!({ "id": session, "file_offset": 0 }));
    let half = bring(&world, &session, 0, &PNG[..10]).await.ok();
    assert_eq!(half, json!({ "id": session, "file_offset": 10 }));
    let lies = |needle: &[u8]| {
        let media = world.folder.path().join("media");
        let files =
            [media.join("sealed"), media].map(|it| std::fs::read_dir(it).expect("a folder").flatten());
        let files = files.into_iter().flatten().filter(|it| it.path().is_file()).map(|it| it.path());
        files
            .filter(|it| std::fs::read(it).expect("read").windows(needle.len()).any(|it| it == needle))
            .count()
    };
    assert_eq!((lies(&PNG[..10]), world.files()), (0, 1), "while it rests it is sealed");
    assert_eq!(
        bring(&world, &session, 0, PNG).await.details(),
        "file_offset must be 10: so many bytes have come"
    );
    assert_eq!(bring(&world, &session, 10, &[0; 100]).await.code(), 100, "more than was said");
    assert_eq!(state().await["file_offset"], 10);
    let written = session.replace(':', "%3A");
    let whole = bring(&world, &written, 10, &PNG[10..]).await.ok();
    assert!(whole["h"].is_string(), "{whole}");
    assert_eq!(bring(&world, &session, 0, b"").await.ok(), whole, "asked again");
    world.clock.advance(DAY);
    assert_eq!(world.get(&format!("/v26.0/{session}")).await.code(), 100, "its time is over");
}

#[tokio::test]
async fn what_cannot_be_a_file_of_its_kind_is_no_upload() {
    let world = World::new().await;
    assert_eq!(begin(&world, 6 << 20, "image/png").await.code(), 100, "too large");
    assert_eq!(begin(&world, 0, "image/png").await.code(), 100);
    assert_eq!(begin(&world, 7, "picture").await.code(), 100);
    let session = begin(&world, 8, "image/png").await.ok()["id"].as_str().expect("an id").to_owned();
    assert_eq!(bring(&world, &session, 0, b"nonsense").await.code(), 100, "not a PNG");
    assert_eq!(bring(&world, &session, 0, b"nonsense").await.code(), 100, "and gone");
    for session in ["upload:", "upload:nothing", "upload:AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(bring(&world, session, 0, PNG).await.code(), 100, "{session}");
    }
}

#[tokio::test]
async fn the_profile_has_a_picture_as_long_as_it_is_the_picture() {
    let world = World::new().await;
    let path = world.number("/whatsapp_business_profile");
    let set = async |handle: &str| {
        let said = json!({ "messaging_product": "whatsapp", "profile_picture_handle": handle });
        world.call("POST", &path, said).await
    };
    let url = async || world.get(&path).await.ok()["data"][0]["profile_picture_url"].clone();
    let shown = async |url: &Value| {
        let url =
            url.as_str().expect("a URL").strip_prefix("https://node.bakery.example").expect("it begins so");
        world.request(Request::get(url).body(Body::empty()).expect("a request")).await
    };
    let png = handle(&world, PNG, "image/png").await;
    set(&png).await.ok();
    world.clock.advance(40 * DAY);
    world.node.media.sweep(world.node.now()).await.expect("swept");
    let first = url().await;
    let answer = shown(&first).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, PNG));
    assert_eq!(answer.headers["content-type"], "image/png");

    // One client says JPEG of every picture.
    set(&handle(&world, PNG, "image/jpeg").await).await.ok();
    assert_eq!(shown(&url().await).await.headers["content-type"], "image/png");
    let jpeg = b"\xff\xd8\xff\xe0 another".as_slice();
    set(&handle(&world, jpeg, "image/jpeg").await).await.ok();
    assert_eq!(shown(&url().await).await.body, jpeg);
    assert_eq!(set(&png).await.code(), 131009, "the one before is gone");
    assert_eq!(set(&handle(&world, b"%PDF-1.4 menu", "application/pdf").await).await.code(), 131009);
    let forged = handle(&world, PNG, "image/png").await.replace("4::", "4::x");
    assert_eq!(set(&forged).await.code(), 131009);
    set("").await.ok();
    assert!(url().await.is_null());
    world.clock.advance(8 * DAY);
    assert_eq!(shown(&first).await.code(), 190, "its address is old");
}

#[tokio::test]
async fn so_many_uploads_are_open_and_no_more_until_one_is_whole_or_over() {
    let world = World::new().await;
    let mut first = None;
    for _ in 0..100 {
        let told = begin(&world, PNG.len(), "image/png").await.ok();
        first.get_or_insert(told["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(begin(&world, PNG.len(), "image/png").await.code(), 80_007);
    bring(&world, &first.expect("one"), 0, PNG).await.ok();
    begin(&world, PNG.len(), "image/png").await.ok();
    assert_eq!(begin(&world, PNG.len(), "image/png").await.code(), 80_007);
    world.clock.advance(DAY);
    for _ in 0..20 {
        begin(&world, 100 << 20, "text/plain").await.ok();
    }
    assert_eq!(begin(&world, 100 << 20, "text/plain").await.code(), 80_007, "their bytes count too");
    begin(&world, PNG.len(), "image/png").await.ok();
}
