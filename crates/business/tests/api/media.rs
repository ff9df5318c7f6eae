use axum::body::Body;
use axum::http::Request;
use lacre_business::chat::{MediaKind, MessageId, Outgoing};
use lacre_business::media::{Medium, Source};
use serde_json::{Value, json};

use crate::world::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// A part of a multipart body: its headers, its bytes.
type Part<'a> = (&'a str, &'a [u8]);

async fn post(world: &World, path: &str, parts: &[Part<'_>]) -> Answer {
    let mut body = Vec::new();
    for (head, bytes) in parts {
        body.extend_from_slice(format!("--XX\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    // In pieces, as a chunked body comes.
    let pieces: Vec<_> = body.chunks(1_000).map(|it| Ok::<_, std::io::Error>(it.to_vec())).collect();
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", world.token))
        .header("content-type", "multipart/form-data; boundary=XX");
    world.request(request.body(body).expect("a request")).await
}

const PRODUCT: Part<'static> = ("content-disposition: form-data; name=\"messaging_product\"", b"whatsapp");

fn file_head(mime: &str) -> String {
    format!("content-disposition: form-data; name=\"file\"; filename=\"a b.png\"\r\ncontent-type: {mime}")
}

pub async fn upload(world: &World, mime: &str, bytes: &[u8]) -> String {
    let answer = post(world, &world.number("/media"), &[PRODUCT, (&file_head(mime), bytes)]).await.ok();
    answer["id"].as_str().expect("an id").to_owned()
}

async fn download(world: &World, url: &Value, token: Option<&str>) -> Answer {
    let url = url.as_str().expect("a URL").strip_prefix("https://node.bakery.example").expect("it begins so");
    let mut request = Request::get(url).header("host", "lookaside.fbsbx.com").header("user-agent", "odd");
    request = request.header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    world.request(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn a_file_may_be_as_large_as_its_type_may() {
    let world = World::new().await;
    let pdf = [b"%PDF-1.4\n".as_slice(), &vec![b' '; 3 * 1024 * 1024]].concat();
    let id = upload(&world, "application/pdf", &pdf).await;
    assert_eq!(world.get(&format!("/{id}")).await.ok()["file_size"], pdf.len());
}

#[tokio::test]
async fn a_file_is_uploaded_looked_up_downloaded_sent_and_deleted() {
    let world = World::new().await;
    let id = upload(&world, "image/png", PNG).await;
    let known = world.get(&format!("/v23.0/{id}?phone_number_id={}", world.node.identity.number)).await.ok();
    let sha256 = {
        use sha2::{Digest, Sha256};
        Sha256::digest(PNG).iter().map(|it| format!("{it:02x}")).collect::<String>()
    };
    let wanted = json!({
        "messaging_product": "whatsapp",
        "url": known["url"],
        "mime_type": "image/png",
        "sha256": sha256,
        "file_size": PNG.len(),
        "id": id,
    });
    assert_eq!(known, wanted);

    let answer = download(&world, &known["url"], Some(&world.token)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, PNG));
    assert_eq!(answer.headers["content-type"], "image/png");
    assert_eq!(answer.headers["content-length"], PNG.len().to_string());
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(answer.headers["content-disposition"].to_str().expect("text").contains("filename=\"a b.png\""));
    assert_eq!(
        download(&world, &known["url"], None).await.status.as_u16(),
        401,
        "the address alone opens nothing"
    );

    world.to_ana(json!({ "type": "image", "image": { "id": id } })).await.ok();
    let Outgoing::Media(MediaKind::Image, file, _) = world.sent_what() else { panic!("no image") };
    assert_eq!(std::fs::read(file.plain()).expect("there"), PNG);
    assert_eq!(world.to_ana(json!({ "type": "video", "video": { "id": id } })).await.code(), 131053);

    assert_eq!(world.get(&format!("/{id}?phone_number_id=1")).await.code(), 100);
    assert_eq!(world.call("DELETE", &format!("/{id}"), Value::Null).await.ok(), json!({ "success": true }));
    for answer in
        [world.get(&format!("/{id}")).await, download(&world, &known["url"], Some(&world.token)).await]
    {
        assert_eq!((answer.code(), answer.json()["error"]["error_subcode"].as_i64()), (100, Some(33)));
    }
}

#[tokio::test]
async fn the_address_lives_five_minutes_and_the_file_thirty_days() {
    let world = World::new().await;
    let id = upload(&world, "image/png", PNG).await;
    let known = world.get(&format!("/{id}")).await.ok();
    let forged = known["url"].as_str().expect("a URL").replace("signature=", "signature=00");
    assert_eq!(download(&world, &forged.into(), Some(&world.token)).await.code(), 100);
    world.clock.advance(5 * 60 * 1000);
    assert_eq!(download(&world, &known["url"], Some(&world.token)).await.code(), 100);
    world.clock.advance(30 * DAY - 5 * 60 * 1000 - 1);
    world.get(&format!("/{id}")).await.ok();
    world.clock.advance(1);
    assert_eq!(world.get(&format!("/{id}")).await.code(), 100);
}

#[tokio::test]
async fn the_type_comes_by_the_parameter_or_with_the_part_and_the_life_may_be_shorter() {
    let world = World::new().await;
    let number = world.number("/media?messaging_product=whatsapp");
    let type_part: Part = ("content-disposition: form-data; name=\"type\"", b"image/png");
    let file = file_head("application/octet-stream");
    for parts in [[type_part, (file.as_str(), PNG)], [(file.as_str(), PNG), type_part]] {
        let id = post(&world, &number, &parts).await.ok()["id"].as_str().expect("an id").to_owned();
        assert_eq!(world.get(&format!("/{id}")).await.ok()["mime_type"], "image/png");
    }
    let life: Part = ("content-disposition: form-data; name=\"ttl_minutes\"", b"2");
    let id =
        post(&world, &number, &[life, (&file, b"x")]).await.ok()["id"].as_str().expect("an id").to_owned();
    world.clock.advance(2 * 60 * 1000);
    assert_eq!(world.get(&format!("/{id}")).await.code(), 100);
}

#[tokio::test]
async fn a_bad_upload_has_its_code_and_leaves_nothing() {
    let world = World::new().await;
    let path = world.number("/media");
    let flood = [PNG, &vec![0; 5 * 1024 * 1024]].concat();
    let (png, exe, none) = (file_head("image/png"), file_head("image/png"), file_head("nonsense"));
    let long: Part = ("content-disposition: form-data; name=\"type\"", &[b'a'; 1001]);
    let cases: [(&[Part], i64); 8] = [
        (&[(&png, PNG)], 131008),
        (&[PRODUCT], 131008),
        (&[PRODUCT, (&png, &flood)], 131053),
        (&[PRODUCT, (&exe, b"MZ a program")], 131053),
        (&[PRODUCT, (&png, b"")], 131053),
        (&[PRODUCT, (&none, PNG)], 131053),
        (&[PRODUCT, (&png, PNG), (&png, PNG)], 100),
        (&[PRODUCT, long, (&png, PNG)], 100),
    ];
    for (index, (parts, code)) in cases.into_iter().enumerate() {
        assert_eq!(post(&world, &path, parts).await.code(), code, "case {index}");
    }
    let cut = Request::post(&path)
        .header("authorization", format!("Bearer {}", world.token))
        .header("content-type", "multipart/form-data; boundary=XX")
        .body(Body::from(format!("--XX\r\n{}\r\n\r\nhalf of it", file_head("text/plain"))));
    assert_eq!(world.request(cut.expect("a request")).await.code(), 131053);
    assert_eq!(world.call("POST", &path, json!({ "messaging_product": "whatsapp" })).await.code(), 100);
    assert_eq!(world.files(), 0);
}

#[tokio::test]
async fn b14_what_is_not_what_it_says_or_is_known_as_a_virus_is_no_upload() {
    let world = World::new().await;
    let path = world.number("/media");
    let virus = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let webp: &[u8] = b"RIFF\0\0\0\0WEBPVP8 ";
    let good: [(&str, &[u8]); 6] = [
        ("image/png", PNG),
        ("image/jpeg", b"\xff\xd8\xff\xe0 and so on"),
        ("image/webp", webp),
        ("audio/ogg", b"OggS and so on"),
        ("application/pdf", b"%PDF-1.7 and so on"),
        ("text/plain", b"words"),
    ];
    for (kind, bytes) in good {
        upload(&world, kind, bytes).await;
        let kept = world.files();
        // Under no other type that has a mark of its own, a program under none of these, a virus under none
        // at all.
        let others = good.iter().filter(|it| it.0 != kind && it.0 != "text/plain");
        let lies = others.map(|it| it.1).chain([b"MZ a program".as_slice()]).filter(|_| kind != "text/plain");
        for lie in lies.chain([virus.as_bytes()]) {
            let answer = post(&world, &path, &[PRODUCT, (&file_head(kind), lie)]).await;
            assert_eq!(answer.code(), 131_053, "{} under {kind}", String::from_utf8_lossy(lie));
        }
        assert_eq!(world.files(), kept, "nothing of it stays");
    }
    for kind in ["application/octet-stream", "application/x-msdownload", "application/zip"] {
        let answer = post(&world, &path, &[PRODUCT, (&file_head(kind), virus.as_bytes())]).await;
        assert_eq!((answer.code(), answer.details().contains("virus")), (131_053, true), "{kind}");
    }
}

#[tokio::test]
async fn b14_the_name_of_an_upload_leads_nowhere_and_its_hash_is_that_of_its_bytes() {
    use sha2::{Digest, Sha256};
    let world = World::new().await;
    let outside = world.folder.path().join("media").parent().expect("a folder").to_owned();
    let listed = |folder: &std::path::Path| std::fs::read_dir(folder).expect("it is there").count();
    let (before, tried) =
        (listed(&outside), ["../../evil.png", "/tmp/evil.png", "a/../../b.png", "..", "C:\\\\x.png"]);
    upload(&world, "image/png", PNG).await;
    let (before, kept) = (before.max(listed(&outside)), world.files());
    for (number, name) in tried.into_iter().enumerate() {
        let head = format!(
            "content-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: image/png"
        );
        let bytes = [PNG, name.as_bytes()].concat();
        let told = post(&world, &world.number("/media"), &[PRODUCT, (&head, &bytes)]).await.ok();
        let known = world.get(&format!("/{}", told["id"].as_str().expect("an id"))).await.ok();
        assert_eq!(known["sha256"], hex::encode(Sha256::digest(&bytes)), "{name}");
        let answer = download(&world, &known["url"], Some(&world.token)).await;
        assert_eq!(answer.body, bytes);
        let shown = answer.headers.get("content-disposition").map(|it| it.to_str().expect("text").to_owned());
        assert!(shown.is_none_or(|it| !it.contains(['/', '\\']) && !it.contains("..")), "{name}");
        assert_eq!((world.files(), listed(&outside)), (kept + number + 1, before), "{name}");
    }
}

#[tokio::test]
async fn a_file_that_ana_sent_is_fetched_when_it_is_first_downloaded() {
    let world = World::new().await;
    let message = MessageId([0x51; 16]);
    let id = world.node.free_id().await.expect("an id");
    let medium = Medium {
        id,
        mime: "image/png".to_owned(),
        sha256: [0; 32],
        size: PNG.len() as u64,
        name: None,
        expires: NOW + 30 * DAY,
        source: Source::Customer(message, 0),
    };
    world.node.media.note(medium).await.expect("noted");
    let url = world.get(&format!("/{id}")).await.ok()["url"].clone();
    assert_eq!(download(&world, &url, Some(&world.token)).await.code(), 131052, "it cannot be got yet");
    world.chat.has_file(message, 0, PNG);
    assert_eq!(download(&world, &url, Some(&world.token)).await.body, PNG);
}
