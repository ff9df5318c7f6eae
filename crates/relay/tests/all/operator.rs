//! What an operator sees and does: refusals at the start, the admin listener, invites, a stop that loses nothing.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use lacre_proto::wire::{self, request::Op, response::Result as R, server_frame};
use lacre_proto::{ConversationId, ErrorCode};
use lacre_relay::clock::{Clock, ManualClock, SystemClock};
use lacre_relay::limits::RateLimits;
use lacre_relay::{Config, Place, Registration, Relay, RunningRelay, StartError, Tls, invites};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::sockets::{Client, config, talk, tcp};
use crate::world::{Person, send};

const TALK: ConversationId = ConversationId([0x7a; 16]);
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn in_folder(folder: &Path) -> Config {
    let mut config = Config::new(Place::Folder(folder.to_owned()), ANY_PORT);
    config.rates = RateLimits::lifted();
    config
}

async fn refused(config: Config) -> (&'static str, String) {
    match Relay::start(config).await {
        Err(error) => (error.code(), error.to_string()),
        Ok(relay) => panic!("it started on {}", relay.address),
    }
}

async fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = tcp(address).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(relay: &RunningRelay, path: &str) -> String {
    http(relay.admin_address.unwrap(), &format!("GET {path} HTTP/1.1\r\nhost: relay\r\n\r\n")).await
}

#[tokio::test]
async fn off_loopback_there_is_tls_with_a_certificate_of_ones_own_or_no_relay() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    for (tls, code) in [(Tls::Off, "tls_needed"), (Tls::SelfSigned, "certificate_needed")] {
        let config = Config { tls, ..Config::new(Place::Memory, everywhere) };
        assert_eq!(refused(config).await.0, code);
    }
    let config = Config { admin: Some(everywhere), ..Config::new(Place::Memory, ANY_PORT) };
    assert_eq!(refused(config).await.0, "admin_not_loopback");
}

#[tokio::test]
async fn what_is_in_use_is_said_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(in_folder(folder.path())).await.unwrap();
    assert_eq!(refused(in_folder(folder.path())).await.0, "folder_in_use");
    assert!(invites::create(folder.path(), None).await.is_err_and(|error| error.code() == "folder_in_use"));
    let (code, sentence) = refused(Config::new(Place::Memory, relay.address)).await;
    assert_eq!((code, sentence.contains(&relay.address.to_string())), ("port_in_use", true));
    relay.stop().await;
    Relay::start(in_folder(folder.path())).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_certificate_made_at_the_first_start_is_kept_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(in_folder(folder.path())).await.unwrap();
    let first = relay.fingerprint.unwrap();
    Client::connect(&relay).await; // which checks the fingerprint
    relay.stop().await;
    let relay = Relay::start(in_folder(folder.path())).await.unwrap();
    assert_eq!(relay.fingerprint, Some(first));
    relay.stop().await;
    for (path, mode) in [("tls/key.pem", 0o600), ("tls", 0o700)] {
        let found = folder.path().join(path).metadata().unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path}");
    }
    let pem = |name: &str| folder.path().join("tls").join(name);
    let mut config = in_folder(folder.path());
    config.tls = Tls::Files { certificate: pem("certificate.pem"), key: pem("key.pem") };
    let relay = Relay::start(config.clone()).await.unwrap();
    assert_eq!(relay.fingerprint, Some(first));
    relay.stop().await;
    config.tls = Tls::Files { certificate: pem("key.pem"), key: pem("key.pem") };
    assert_eq!(refused(config.clone()).await.0, "bad_certificate");
    config.tls = Tls::Files { certificate: pem("nowhere.pem"), key: pem("key.pem") };
    assert_eq!(refused(config).await.0, "bad_certificate");
}

#[tokio::test]
async fn a_clock_that_stands_behind_the_data_or_a_wrong_key_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let key = Some([7; 32]);
    let mut config = Config { data_key: key, ..in_folder(folder.path()) };
    Relay::start(config.clone()).await.unwrap().stop().await;
    config.clock = Arc::new(ManualClock::at(SystemClock.now() - 6 * 60 * 1000));
    assert_eq!(refused(config.clone()).await.0, "clock_behind");
    config.clock = Arc::new(SystemClock);
    config.data_key = Some([8; 32]);
    assert_eq!(refused(config.clone()).await.0, "data_key");
    config.data_key = None;
    assert_eq!(refused(config.clone()).await.0, "data_key");
    config.data_key = key;
    Relay::start(config).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_stop_loses_nothing_that_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(in_folder(folder.path())).await.unwrap();
    let (mut ana, bruno, mut anonymous) = talk(&relay).await;
    drop(bruno);
    for index in 0..60 {
        anonymous.begin(Op::Send(send(TALK, 1, "under way", 100 + index))).await;
    }
    // One answer came: the rest is under way, in every state.
    let server_frame::Body::Response(_) = anonymous.frame().await else { panic!() };
    let (accepted, ()) = tokio::join!(
        async {
            let mut accepted = 1;
            while let Some(bytes) = crate::sockets::next(&mut anonymous.ws).await {
                match lacre_proto::frame::decode_relay(&bytes) {
                    Ok(lacre_proto::frame::FromRelay::Frame(_)) => accepted += 1,
                    Ok(lacre_proto::frame::FromRelay::Greeting(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            accepted
        },
        relay.stop(),
    );
    assert_eq!(ana.farewell().await, ErrorCode::Stopping);
    let relay = Relay::start(in_folder(folder.path())).await.unwrap();
    let mut bruno = Client::login(&relay, &Person::new("bruno")).await;
    bruno.entries(accepted + 1).await;
    relay.stop().await;
}

#[tokio::test]
async fn the_operator_sees_counts_and_no_names() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { admin: Some(ANY_PORT), ..in_folder(folder.path()) };
    let relay = Relay::start(config).await.unwrap();
    assert!(get(&relay, "/health").await.starts_with("HTTP/1.1 200"));
    assert!(get(&relay, "/ready").await.starts_with("HTTP/1.1 200"));
    assert!(get(&relay, "/nowhere").await.starts_with("HTTP/1.1 404"));
    let (_ana, _bruno, mut anonymous) = talk(&relay).await;
    anonymous.ask(Op::Send(send(TALK, 1, "canary-text", 5))).await.unwrap();
    assert_eq!(anonymous.ask(Op::Send(send(TALK, 9, "late", 6))).await, Err(ErrorCode::NoSuchConversation));
    let metrics = get(&relay, "/metrics").await;
    for line in [
        "lacre_relay_connections 3",
        "lacre_relay_logins_total 2",
        "lacre_relay_sends_total 1",
        "lacre_relay_commits_total 1",
        "lacre_relay_deliveries_total 4",
        "lacre_relay_refusals_total{code=\"no_such_conversation\"} 1",
        "lacre_relay_start_time_seconds ",
        "lacre_relay_store_commit_seconds_bucket{le=",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    for secret in ["ana", "bruno", "canary", &Person::new("ana").device.to_string(), "127.0.0.1"] {
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
    }
    relay.stop().await;
}

#[tokio::test]
async fn invites_are_made_by_who_can_read_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { admin: Some(ANY_PORT), ..in_folder(folder.path()) };
    config.registration = Registration::Invite;
    let cold = invites::create(folder.path(), None).await.unwrap();
    let relay = Relay::start(config).await.unwrap();
    let path = folder.path().join("admin.token");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(path).unwrap();
    let ask = async |token: &str| {
        let request = format!(
            "POST /invites HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n"
        );
        http(relay.admin_address.unwrap(), &request).await
    };
    assert!(ask("").await.starts_with("HTTP/1.1 401"));
    assert!(ask(&"0".repeat(64)).await.starts_with("HTTP/1.1 401"));
    let answer = ask(token.trim()).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let warm = answer.lines().last().unwrap().trim();
    for (name, invite, admitted) in
        [("ana", cold.as_str(), true), ("bruno", warm, true), ("mallory", warm, false)]
    {
        let person = Person::new(name);
        let mut client = Client::connect(&relay).await;
        let op = wire::SignUp { invite: invite.into(), ..person.sign_up(client.relay, &client.nonce) };
        let answered = client.ask(Op::SignUp(op)).await;
        match admitted {
            true => assert!(matches!(answered, Ok(R::LoggedIn(_))), "{name}"),
            false => assert_eq!(answered, Err(ErrorCode::InviteNeeded)),
        }
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_in_memory_has_no_token_and_makes_no_invites_over_http() {
    let relay = Relay::start(Config { admin: Some(ANY_PORT), ..config() }).await.unwrap();
    let request = "POST /invites HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer \r\n\r\n";
    assert!(http(relay.admin_address.unwrap(), request).await.starts_with("HTTP/1.1 401"));
    relay.stop().await;
}

#[test]
fn every_refusal_has_a_code_and_a_sentence() {
    let errors = [
        StartError::TlsNeeded,
        StartError::CertificateNeeded,
        StartError::AdminNotLoopback,
        StartError::PortInUse(ANY_PORT),
        StartError::FolderInUse,
        StartError::NewerVersion(2),
        StartError::ClockBehind(301),
        StartError::DataKey("wrong".into()),
        StartError::Data("broken".into()),
    ];
    let codes: std::collections::BTreeSet<&str> = errors.iter().map(StartError::code).collect();
    assert_eq!(codes.len(), errors.len());
    assert!(errors.iter().all(|error| error.to_string().contains(' ')));
}
