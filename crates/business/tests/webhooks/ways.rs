//! The ways out that the operator set: which hosts webhooks may have and which links may, and as whom the node calls.

use lacre_business::customers::Country;
use lacre_business::ground::{Face, Ground, WayOut};
use lacre_business::outward::OutwardError;
use lacre_business::serve::ServeError;
use lacre_store::memory::MemoryData;

use crate::cast::{NOW, Watch};
use crate::outward::{Authority, post};

async fn ground(out: WayOut) -> Result<Ground<MemoryData, Watch>, ServeError> {
    let face = Face { handle: "bakery".to_owned(), out };
    Ground::of(MemoryData::default(), Watch::at(NOW), "media".into(), Country::default(), face).await
}

#[tokio::test]
async fn b04_a_host_that_is_allowed_for_webhooks_is_not_one_for_links_and_only_at_its_port() {
    let hosts = |text: &str| vec![text.to_owned()];
    let out = WayOut {
        hooks: hosts("hook.internal:8443"),
        links: hosts("files.internal:9000"),
        ..WayOut::default()
    };
    let ground = ground(out).await.expect("a ground");
    let only_https = Some(OutwardError::Url("only https is spoken"));
    for (url, hooks, links) in [
        ("http://hook.internal:8443/", None, only_https.clone()),
        ("http://hook.internal:8444/", only_https.clone(), only_https.clone()),
        ("http://hook.internal/", only_https.clone(), only_https.clone()),
        ("http://files.internal:9000/", only_https.clone(), None),
    ] {
        assert_eq!(ground.out.destination(url).err(), hooks, "{url} as a webhook");
        assert_eq!(ground.links.destination(url).err(), links, "{url} as a link");
    }
}

#[tokio::test]
async fn receivers_are_shown_the_nodes_certificate_by_commands_too_and_links_are_not() {
    let padaria = Authority::new();
    let shop = padaria.receiver("127.0.0.1").await;
    let url = format!("https://127.0.0.1:{}/", shop.port);
    let folder = tempfile::tempdir().expect("a folder");
    let (root, [certificate, key]) = padaria.pem("node");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let roots = Some(write("ca.pem", &root));
    let identity = Some((write("node.pem", &certificate), write("node.key", &key)));
    let here = vec![format!("127.0.0.1:{}", shop.port)];
    let out = WayOut { hooks: here.clone(), links: here, roots: roots.clone(), identity };
    let data = MemoryData::default();
    let face = Face { handle: "bakery".to_owned(), out: out.clone() };
    let store = lacre_business::store::Store(data.clone());
    face.keep(&store).await.expect("kept");
    // A command at the machine, while the node does not serve.
    let ground = Ground::alone(data, Watch::at(NOW)).await.expect("a ground");
    assert_eq!(post(&ground.out, &url).await, Ok(200));
    assert!(post(&ground.links, &url).await.is_err(), "it asks who calls, and is told nothing");
    assert_eq!(shop.seen().len(), 1);

    let nobody = self::ground(WayOut { identity: None, ..out.clone() }).await.expect("a ground");
    assert!(post(&nobody.out, &url).await.is_err());
    let stranger = self::ground(WayOut { roots: None, ..out.clone() }).await.expect("a ground");
    assert!(matches!(post(&stranger.out, &url).await, Err(OutwardError::Tls(_))));
    for wrong in [folder.path().join("gone.pem"), write("empty.pem", "")] {
        let failed = self::ground(WayOut { roots: Some(wrong), ..out.clone() }).await;
        assert!(matches!(failed, Err(ServeError::Outward(OutwardError::Settings(_)))));
    }
}
