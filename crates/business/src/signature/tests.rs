use hyper::header::HeaderName;
use lacre_store::memory::MemoryData;

use super::*;

const NOW: Millis = 1_760_000_000_000;
const SECONDS: u64 = NOW / 1_000;
const BODY: &[u8] = br#"{"hello": "world"}"#;

fn key() -> SigningKey {
    // The private key of RFC 9421, appendix B.1.4.
    let der =
        STANDARD.decode("MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF").expect("base64");
    let (_, secret) = der.split_last_chunk::<32>().expect("it ends with the key");
    SigningKey::from_bytes(secret)
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    pairs.iter().map(pair).collect()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A request that Padaria's program signed, whose parts can then be changed.
struct Signed {
    method: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    headers: HeaderMap,
    body: &'static [u8],
}

impl Signed {
    fn request(&self) -> Request<'_> {
        Request {
            method: self.method,
            authority: "node.example",
            path: self.path,
            query: self.query,
            headers: &self.headers,
            body: sha256(self.body),
        }
    }

    fn with(terms: &Terms<'_>) -> Self {
        let digest = content_digest(&sha256(BODY));
        let mut signed = Self {
            method: "POST",
            path: "/v23.0/106540/messages",
            query: Some("a=1"),
            headers: headers(&[("authorization", "Bearer lacre_bt_1"), ("content-digest", &digest)]),
            body: BODY,
        };
        let [input, signature] = sign(&signed.request(), terms, &key()).expect("signed");
        signed.put("signature-input", &input);
        signed.put("signature", &signature);
        signed
    }

    fn put(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }

    fn get(&self, name: &str) -> String {
        self.headers[name].to_str().expect("text").to_owned()
    }
}

fn terms(nonce: &str) -> Terms<'_> {
    Terms { created: SECONDS, expires: SECONDS + 60, nonce }
}

async fn check(signed: &Signed) -> Result<(), SignatureError> {
    let all = Signatures::new(Store(MemoryData::default()));
    all.check(1, key().verifying_key().as_bytes(), &signed.request(), NOW).await
}

#[test]
fn the_example_of_the_rfc_is_signed_and_verified() {
    // RFC 9421, appendix B.2.6.
    let fields = headers(&[
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-length", "18"),
        (
            "signature-input",
            "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
             ;created=1618884473;keyid=\"test-key-ed25519\"",
        ),
        (
            "signature",
            "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
        ),
    ]);
    let request = Request {
        method: "POST",
        authority: "example.com",
        path: "/foo",
        query: Some("param=Value&Pet=dog"),
        headers: &fields,
        body: sha256(BODY),
    };
    let public = STANDARD.decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").expect("base64");
    assert_eq!(key().verifying_key().as_bytes()[..], public);
    let (input, signature) = read(&fields).expect("read");
    let base = base(&request, &input).expect("a base");
    assert!(
        base.starts_with("\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n")
    );
    assert!(key().verifying_key().verify_strict(base.as_bytes(), &signature).is_ok());
    assert_eq!(key().sign(base.as_bytes()), signature, "Ed25519 has one signature for one text");
}

#[test]
fn a_content_digest_is_that_of_the_rfc() {
    // RFC 9530, appendix B.1, and RFC 9421, section 7.2.5.
    assert_eq!(content_digest(&sha256(BODY)), "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
}

#[tokio::test]
async fn a_signed_request_is_taken_once_and_by_each_token_for_itself() {
    let all = Signatures::new(Store(MemoryData::default()));
    let public = key().verifying_key();
    let signed = Signed::with(&terms("nonce-0001"));
    let request = signed.request();
    assert_eq!(all.check(1, public.as_bytes(), &request, NOW).await, Ok(()));
    let replayed = Err(SignatureError::Replayed);
    assert_eq!(all.check(1, public.as_bytes(), &request, NOW + 1).await, replayed);
    assert_eq!(all.check(1, public.as_bytes(), &request, NOW + 60_000).await, replayed);
    assert_eq!(all.check(2, public.as_bytes(), &request, NOW).await, Ok(()));
    let next = Signed::with(&terms("nonce-0002"));
    assert_eq!(all.check(1, public.as_bytes(), &next.request(), NOW).await, Ok(()));

    all.prune(NOW + 60_000).await.expect("pruned");
    assert_eq!(
        all.check(1, public.as_bytes(), &request, NOW + 60_000).await,
        replayed,
        "still good, still known"
    );
    all.prune(NOW + 61_000).await.expect("pruned");
    let everything = all.store.0.scan(&Key::new(0, &[]), &Key::new(255, &[]), 10).await.expect("rows");
    assert_eq!(everything, []);
    assert_eq!(all.check(1, public.as_bytes(), &request, NOW + 61_000).await, Err(SignatureError::Time));
}

#[tokio::test]
async fn what_was_changed_on_the_way_is_refused() {
    let signed = || Signed::with(&terms("nonce-0001"));
    assert_eq!(check(&signed()).await, Ok(()));
    for change in [
        (|it| it.method = "GET") as fn(&mut Signed),
        |it| it.path = "/v23.0/106541/messages",
        |it| it.path = "/v23.0/106540/messages/",
        |it| it.query = None,
        |it| it.query = Some("a=2"),
        |it| it.query = Some(""),
        |it| it.put("authorization", "Bearer lacre_bt_2"),
        |it| it.put("signature-input", &it.get("signature-input").replace("nonce-0001", "nonce-0002")),
        |it| it.put("signature-input", &it.get("signature-input").replace(";alg=\"ed25519\"", "")),
        |it| {
            let expires = (SECONDS + 60).to_string();
            it.put(
                "signature-input",
                &it.get("signature-input").replace(&expires, &(SECONDS + 90).to_string()),
            );
        },
    ] {
        let mut changed = signed();
        change(&mut changed);
        assert_eq!(check(&changed).await, Err(SignatureError::Forged));
    }
    let mut other = signed();
    other.body = b"{}";
    assert_eq!(check(&other).await, Err(SignatureError::Body));
    // With a digest of its own, the other body is no better.
    other.put("content-digest", &content_digest(&sha256(b"{}")));
    assert_eq!(check(&other).await, Err(SignatureError::Forged));
    let mut twice = signed();
    twice.headers.append("authorization", HeaderValue::from_static("Bearer lacre_bt_2"));
    assert_eq!(check(&twice).await, Err(SignatureError::Malformed("a header twice")));
    let all = Signatures::new(Store(MemoryData::default()));
    let stranger = SigningKey::from_bytes(&[7; 32]);
    let refused = all.check(1, stranger.verifying_key().as_bytes(), &signed().request(), NOW).await;
    assert_eq!(refused, Err(SignatureError::Forged));
    // A key of small order would take anything.
    let refused = all.check(1, &[0; 32], &signed().request(), NOW).await;
    assert_eq!(refused, Err(SignatureError::Forged));
}

#[tokio::test]
async fn only_signatures_of_now_that_soon_end_are_taken() {
    for (created, expires, fine) in [
        (SECONDS, SECONDS, true),
        (SECONDS - LIFE_MAX, SECONDS, true),
        (SECONDS + SKEW, SECONDS + SKEW + LIFE_MAX, true),
        (SECONDS, SECONDS + LIFE_MAX + 1, false),
        (SECONDS - LIFE_MAX, SECONDS - 1, false),
        (SECONDS + SKEW + 1, SECONDS + SKEW + 2, false),
        (SECONDS, SECONDS - 1, false),
        (0, SECONDS + 1, false),
    ] {
        let signed = Signed::with(&Terms { created, expires, nonce: "nonce-0001" });
        let known = if fine { Ok(()) } else { Err(SignatureError::Time) };
        assert_eq!(check(&signed).await, known, "{created} to {expires}");
    }
}

#[tokio::test]
async fn a_body_needs_a_digest_and_no_body_needs_none() {
    let mut bare = Signed {
        method: "GET",
        path: "/v23.0/106540",
        query: None,
        headers: headers(&[("authorization", "Bearer lacre_bt_1")]),
        body: b"",
    };
    let [input, signature] = sign(&bare.request(), &terms("nonce-0001"), &key()).expect("signed");
    bare.put("signature-input", &input);
    bare.put("signature", &signature);
    assert_eq!(check(&bare).await, Ok(()));
    bare.body = BODY;
    assert_eq!(check(&bare).await, Err(SignatureError::Uncovered("content-digest")));
    bare.headers.remove("signature");
    assert_eq!(check(&bare).await, Err(SignatureError::Missing));
}

#[tokio::test]
async fn headers_of_another_form_are_refused() {
    let good = Signed::with(&terms("nonce-0001"));
    let (input, signature) = (good.get("signature-input"), good.get("signature"));
    for bad in [
        "",
        "sig",
        "sig=",
        "sig=()",
        "sig=(\"@method\"",
        "other=(\"@method\");created=1",
        &input.replace("sig=", ""),
        &input.replace("\" \"", "\"  \""),
        &input.replace("\"@path\"", "@path"),
        &input.replace("\"@path\"", "\"@path\";req"),
        &input.replace("\"@path\"", "\"@path\" \"@path\""),
        &input.replace("\"@path\"", "\"@PATH\""),
        &input.replace("ed25519", "rsa-v1_5-sha256"),
        &input.replace("ed25519", "none"),
        &input.replace("created=", "created=0"),
        &input.replace("created=", "created=-"),
        &input.replace(";created", ";created=1;created"),
        &input.replace(");", ")x;"),
        &input.replace("nonce-0001", "short"),
        &input.replace("nonce-0001", &"n".repeat(129)),
        &format!("{input};unknown=1"),
        &format!("{input}, {input}"),
        &format!("sig=({});created=1", vec!["\"a\""; 17].join(" ")),
        &"s".repeat(INPUT_MAX + 1),
    ] {
        let mut signed = Signed::with(&terms("nonce-0001"));
        signed.put("signature-input", bad);
        let error = check(&signed).await.expect_err("refused");
        assert!(matches!(error, SignatureError::Malformed(_)), "{bad}: {error}");
    }
    for bad in ["", "sig=", "sig=::", "sig=:!:", "sig=:AAAA:", &signature[..signature.len() - 1]] {
        let mut signed = Signed::with(&terms("nonce-0001"));
        signed.put("signature", bad);
        assert!(matches!(check(&signed).await, Err(SignatureError::Malformed(_))), "{bad}");
    }
    for missing in COVERED {
        let mut signed = Signed::with(&terms("nonce-0001"));
        signed.put("signature-input", &input.replace(&format!("\"{missing}\""), "\"@authority\""));
        assert_eq!(check(&signed).await, Err(SignatureError::Uncovered(missing)));
    }
    let mut derived = Signed::with(&terms("nonce-0001"));
    derived.put("signature-input", &input.replace("\"@path\"", "\"@path\" \"@status\""));
    assert_eq!(check(&derived).await, Err(SignatureError::Malformed("a derived component")));
}
