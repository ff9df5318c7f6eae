use lacre_store::memory::MemoryData;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

const DAY: Millis = 86_400_000;

fn padaria() -> (Tokens<MemoryData>, StdRng) {
    (Tokens::new(Store(MemoryData::default())), StdRng::seed_from_u64(7))
}

fn shop() -> New {
    New {
        name: "the shop's bot".to_owned(),
        scopes: [Scope::Messaging].into(),
        numbers: Some([106_540].into()),
        expires: Some(30 * DAY),
        bound: Bound::default(),
        provider: None,
    }
}

#[tokio::test]
async fn a_token_opens_what_it_was_made_for_and_its_secret_is_kept_nowhere() {
    let (tokens, mut rng) = padaria();
    let (secret, token) = tokens.create(shop(), DAY, &mut rng).await.expect("made");
    assert!(secret.expose().starts_with(PREFIX));
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    let access = tokens.check(secret.expose(), 2 * DAY).await.expect("live");
    assert_eq!(access.token, token.id);
    assert!(access.may(Scope::Messaging) && !access.may(Scope::Business));
    assert!(access.covers(106_540) && !access.covers(106_541));
    let listed = tokens.list(0, 10).await.expect("listed");
    assert_eq!(listed[0].last_used, Some(2 * DAY));

    let all = tokens.store.0.scan(&Key::new(0, &[]), &Key::new(255, &[]), 100).await.expect("rows");
    let needle = &secret.expose()[PREFIX.len()..];
    let raw = hex::decode(needle).expect("hex");
    for (key, value) in all {
        for hay in [key.as_bytes(), &value[..]] {
            assert!(!hay.windows(64).any(|it| it == needle.as_bytes()));
            assert!(!hay.windows(32).any(|it| it == raw));
        }
    }
}

#[tokio::test]
async fn what_is_not_a_token_is_unknown() {
    let (tokens, mut rng) = padaria();
    let (secret, _) = tokens.create(shop(), 0, &mut rng).await.expect("made");
    let mut other = secret.expose().to_owned();
    other.pop();
    let long = format!("{}0", secret.expose());
    let upper = secret.expose().to_uppercase();
    for bad in ["", "x", &other, &long, &upper, &format!("{other}g"), "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(tokens.check(bad, 1).await, Err(TokenError::Unknown), "{bad}");
    }
}

#[tokio::test]
async fn a_token_ends_at_its_time_and_at_once_when_it_is_revoked() {
    let (tokens, mut rng) = padaria();
    let (secret, token) = tokens.create(shop(), 0, &mut rng).await.expect("made");
    assert!(tokens.check(secret.expose(), 30 * DAY - 1).await.is_ok());
    assert_eq!(tokens.check(secret.expose(), 30 * DAY).await, Err(TokenError::Expired));
    tokens.revoke(token.id, DAY).await.expect("revoked");
    assert_eq!(tokens.check(secret.expose(), DAY).await, Err(TokenError::Revoked));
    tokens.revoke(token.id, 2 * DAY).await.expect("again is the same");
    assert_eq!(tokens.list(0, 1).await.expect("listed")[0].revoked, Some(DAY));
    assert_eq!(tokens.revoke(99, DAY).await, Err(TokenError::Unknown));
    assert!(matches!(tokens.rotate(token.id, DAY, DAY, &mut rng).await, Err(TokenError::Revoked)));
}

#[tokio::test]
async fn a_rotated_token_works_with_both_secrets_until_the_old_ones_time() {
    let (tokens, mut rng) = padaria();
    let (old, token) = tokens.create(shop(), 0, &mut rng).await.expect("made");
    let (new, same) = tokens.rotate(token.id, 2 * DAY, DAY, &mut rng).await.expect("rotated");
    assert_eq!(same.id, token.id);
    assert!(tokens.check(old.expose(), 2 * DAY - 1).await.is_ok());
    assert!(tokens.check(new.expose(), 2 * DAY - 1).await.is_ok());
    assert_eq!(tokens.check(old.expose(), 2 * DAY).await, Err(TokenError::Expired));
    assert!(tokens.check(new.expose(), 3 * DAY).await.is_ok());

    let (newest, _) = tokens.rotate(token.id, 5 * DAY, 4 * DAY, &mut rng).await.expect("rotated");
    assert_eq!(tokens.check(old.expose(), DAY).await, Err(TokenError::Unknown), "two at most");
    assert!(tokens.check(new.expose(), 4 * DAY).await.is_ok());
    tokens.revoke(token.id, 4 * DAY).await.expect("revoked");
    for secret in [new, newest] {
        assert_eq!(tokens.check(secret.expose(), 4 * DAY).await, Err(TokenError::Revoked));
    }
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_not_made() {
    let (tokens, mut rng) = padaria();
    for bad in [
        New { name: String::new(), ..shop() },
        New { name: "a\nb".to_owned(), ..shop() },
        New { name: "a".repeat(NAME_MAX + 1), ..shop() },
        New { scopes: BTreeSet::new(), ..shop() },
        New { expires: Some(0), ..shop() },
        New { numbers: Some((0..=NUMBERS_MAX as u64).collect()), ..shop() },
    ] {
        assert!(matches!(tokens.create(bad, 0, &mut rng).await, Err(TokenError::Invalid(_))));
    }
    assert_eq!(tokens.list(0, 10).await.expect("listed"), []);
}

#[test]
fn a_proof_is_that_of_one_token_and_one_secret() {
    // RFC 4231, test case 2.
    let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(appsecret_proof("what do ya want for nothing?", "Jefe"), known);
    assert!(proof_holds(known, "what do ya want for nothing?", "Jefe"));
    assert!(!proof_holds(known, "what do ya want for nothing", "Jefe"));
    assert!(!proof_holds(known, "what do ya want for nothing?", "Jeff"));
    assert!(!proof_holds(&known.to_uppercase(), "what do ya want for nothing?", "Jefe"));
    assert!(!proof_holds(&known[2..], "what do ya want for nothing?", "Jefe"));
    assert!(!proof_holds("", "what do ya want for nothing?", "Jefe"));
}

#[test]
fn a_network_holds_its_addresses_and_no_others() {
    let holds = |network: &str, address: &str| {
        network.parse::<Network>().expect("a network").contains(address.parse().expect("an address"))
    };
    assert!(holds("10.1.0.0/16", "10.1.255.3") && !holds("10.1.0.0/16", "10.2.0.0"));
    assert!(holds("10.1.0.0/16", "::ffff:10.1.0.9"));
    assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
    assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
    assert!(holds("2001:db8::/32", "2001:db8:9::1") && !holds("2001:db8::/32", "2001:db9::1"));
    for bad in ["", "10.1.0.0/33", "10.1.0.0/-1", "10.1/16", "::/129", "10.1.0.0/"] {
        assert_eq!(bad.parse::<Network>(), Err(NotANetwork), "{bad}");
    }
}
