//! What a browser is shown that follows a link to a business.

use std::net::SocketAddr;

use lacre_relay::limits::{Rate, RateLimits};
use lacre_relay::{Config, Place, Relay, RunningRelay};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::sockets::{Client, tcp, tls};
use crate::world::Person;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

struct Town {
    relay: RunningRelay,
    folder: tempfile::TempDir,
}

async fn asked(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str, body: &str) -> String {
    let request = format!("{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The other side may close without a farewell of TLS.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

impl Town {
    async fn new(page: Rate) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(Place::Folder(folder.path().to_owned()), ANY_PORT);
        config.admin = Some(ANY_PORT);
        config.rates = RateLimits { page, ..RateLimits::lifted() };
        let relay = Relay::start(config).await.unwrap();
        for name in ["ana", "bakery"] {
            Client::sign_up(&relay, &Person::new(name)).await;
        }
        Self { relay, folder }
    }

    /// What the operator says to the relay.
    async fn operator(&self, line: &str, body: &str) -> String {
        let token = std::fs::read_to_string(self.folder.path().join("admin.token")).unwrap();
        let head = format!("{line} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {}", token.trim());
        asked(tcp(self.relay.admin_address.unwrap()).await, &head, body).await
    }

    async fn add(&self, display_name: &str) -> Value {
        let new = json!({
            "handle": "bakery", "legal_name": "Padaria <Sol> & Filhos", "display_name": display_name,
            "domain": "padaria.example", "trade": "bakery",
        });
        let added = self.operator("POST /businesses", &new.to_string()).await;
        serde_json::from_str(added.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    async fn get(&self, path: &str) -> String {
        asked(tls(&self.relay).await, &format!("GET {path} HTTP/1.1\r\nhost: relay.example"), "").await
    }
}

#[tokio::test]
async fn the_page_says_who_a_business_is_and_how_a_chat_begins() {
    let town = Town::new(Rate::LIFTED).await;
    let token = town.add("Padaria Sol").await["token"].as_str().unwrap().to_owned();
    let page = town.get("/b/bakery").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    for part in [
        "<h1>Padaria Sol</h1>",
        "Not verified",
        "lacre send bakery",
        "lacre consent grant bakery --for service",
        "<svg ",
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains(&token), "{page}");

    // It shows its token, and is verified by that; then by hand; then suspended.
    assert!(town.operator("POST /businesses/bakery/verify", "").await.starts_with("HTTP/1.1 409"));
    assert!(town.operator("POST /businesses/bakery/found", "another").await.starts_with("HTTP/1.1 409"));
    assert!(town.operator("POST /businesses/bakery/verify", "").await.starts_with("HTTP/1.1 409"));
    assert!(town.operator("POST /businesses/bakery/found", &token).await.starts_with("HTTP/1.1 200"));
    assert!(town.operator("POST /businesses/bakery/verify", "").await.starts_with("HTTP/1.1 200"));
    let page = town.get("/b/bakery").await;
    assert!(
        page.contains("Padaria &lt;Sol&gt; &amp; Filhos, which has shown that padaria.example"),
        "{page}"
    );
    town.operator("POST /businesses/bakery/verify", "its owner is known").await;
    assert!(town.get("/b/bakery").await.contains("by hand"));
    town.operator("POST /businesses/bakery/suspend", "").await;
    assert!(town.get("/b/bakery").await.contains("<b>Suspended</b>"));
    town.relay.stop().await;
}

#[tokio::test]
async fn words_that_a_link_brings_are_shown_as_its_own_and_write_neither_page_nor_command() {
    let town = Town::new(Rate::LIFTED).await;
    town.add("Padaria Sol").await;
    let page = town.get("/b/bakery?text=Have+you%20rye%3F").await;
    for part in [
        "<pre>lacre chat \"https://relay.example/b/bakery?text=Have+you+rye%3F\"</pre>",
        "This link brings words",
        "<blockquote>Have you rye?</blockquote>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let evil = town.get("/b/bakery?text=%22%3Brm%20-rf%20~%3B%24(x)%60y%60%3Cscript%3E%27").await;
    assert!(evil.contains("&lt;script&gt;") && !evil.contains("<script"), "{evil}");
    let command = evil.lines().find(|line| line.contains("lacre chat")).unwrap();
    assert!(
        command.ends_with("?text=%22%3Brm+-rf+%7E%3B%24%28x%29%60y%60%3Cscript%3E%27\"</pre>"),
        "{command}"
    );
    let plain = |page: String| page.split_once("\r\n\r\n").unwrap().1.to_owned();
    let without = plain(town.get("/b/bakery").await);
    let long = format!("/b/bakery?text={}", "a".repeat(141));
    for link in
        [long.as_str(), "/b/bakery?text=a%0Ab", "/b/bakery?text=", "/b/bakery?code=x", "/b/bakery?text=%20"]
    {
        assert_eq!(plain(town.get(link).await), without, "{link}");
    }
    town.relay.stop().await;
}

#[tokio::test]
async fn people_and_nobody_have_the_same_page_and_a_name_writes_no_page() {
    let town = Town::new(Rate::LIFTED).await;
    town.add("<img src=x onerror=alert(1)>").await;
    let undated =
        |page: String| page.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n");
    let ana = undated(town.get("/b/ana").await);
    assert!(ana.starts_with("HTTP/1.1 404"), "{ana}");
    for nobody in ["/b/nobody", "/b/%3Cscript%3E", "/b/A%20B"] {
        assert_eq!(undated(town.get(nobody).await), ana, "{nobody}");
    }
    let page = town.get("/b/bakery").await;
    assert!(page.contains("&lt;img src=x") && !page.contains("<img"), "{page}");
    town.relay.stop().await;
}

#[tokio::test]
async fn who_looks_at_all_names_is_held_back() {
    let town = Town::new(Rate { burst: 3, refill_ms: 60_000 }).await;
    for name in ["a", "b", "c"] {
        assert!(town.get(&format!("/b/{name}")).await.starts_with("HTTP/1.1 404"));
    }
    let held = town.get("/b/d").await;
    assert!(held.starts_with("HTTP/1.1 429") && held.contains("retry-after: "), "{held}");
    town.relay.stop().await;
}
