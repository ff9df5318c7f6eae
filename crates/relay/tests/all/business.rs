//! A shop, its customer Ana, and what she has consented to: at the relay nothing passes that she has not.

use bytes::Bytes;
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use futures_util::FutureExt;
use lacre_proto::wire::{self, Category, lookup, request::Op, response::Result as R};
use lacre_proto::{AccountId, ConversationId, ErrorCode, Millis, label};
use lacre_relay::limits::RateLimits;
use lacre_relay::services::{BusinessClaim, BusinessError, Settings, VerifyBy};
use lacre_store::memory::MemoryData;
use prost::Message;

use crate::world::{
    Person, Socket, World, accepted, addition, commit_adding, create, key_package, send, welcome,
};

type Sock = Socket<MemoryData>;

pub(crate) const SHOP: ConversationId = ConversationId([0x5a; 16]);
pub(crate) const HOUR: Millis = 3600 * 1000;
pub(crate) const DAY: Millis = 24 * HOUR;
pub(crate) const DONE: Result<R, ErrorCode> = Ok(R::Done(wire::Done {}));

pub(crate) fn claim_of(name: &str) -> BusinessClaim {
    BusinessClaim {
        legal_name: format!("{name} Ltda."),
        display_name: name.to_owned(),
        domain: format!("{name}.example"),
        trade: "bakery".to_owned(),
    }
}

pub(crate) fn by_hand() -> VerifyBy {
    VerifyBy::Hand("the owner is known".to_owned())
}

/// A grant of Ana's to the shop.
pub(crate) fn grant(
    ana: &Person,
    shop: &Person,
    of: &[Category],
    revision: u64,
    now: Millis,
) -> wire::ConsentGrant {
    wire::ConsentGrant {
        business: shop.account.to_wire(),
        customer: ana.account.to_wire(),
        device: ana.device.to_wire(),
        categories: of.iter().map(|category| i32::from(*category)).collect(),
        granted_ms: now,
        expires_ms: now + 30 * DAY,
        notice_hash: Bytes::new(),
        nonce: Bytes::from_static(&[9; 16]),
        revision,
    }
}

pub(crate) fn put_signed(socket: &mut Sock, by: &Person, grant: &wire::ConsentGrant) -> Result<R, ErrorCode> {
    let body = Bytes::from(grant.encode_to_vec());
    let signature = by.signing.sign(&label::labelled(label::CONSENT, &body));
    let signature = Bytes::copy_from_slice(&signature.to_bytes());
    socket.ask(Op::PutConsent(wire::PutConsent { grant: Some(wire::Signed { body, signature }) }))
}

pub(crate) fn publish(socket: &mut Sock) {
    let key_packages = (0..20).map(|n| key_package(&n.to_string())).collect();
    let op = wire::PublishKeyPackages { key_packages, last_resort: key_package("last"), replace: false };
    assert!(socket.ask(Op::PublishKeyPackages(op)).is_ok());
}

pub(crate) fn claim(socket: &mut Sock, of: &Person) -> Result<Bytes, ErrorCode> {
    let op = wire::ClaimKeyPackages { account: of.account.to_wire(), ..Default::default() };
    match socket.ask(Op::ClaimKeyPackages(op))? {
        R::Claimed(claimed) => Ok(claimed.claims[0].ticket.clone()),
        other => panic!("{other:?}"),
    }
}

struct Shop {
    world: World,
    shop: Person,
    ana: Person,
    its: Sock,
    hers: Sock,
    dedupe: u64,
    revision: u64,
}

impl Shop {
    /// The shop and Ana have signed up; there is no conversation yet.
    fn new() -> Self {
        let world = World::new();
        let (shop, mut its) = world.sign_up("shop");
        let (ana, mut hers) = world.sign_up("ana");
        publish(&mut its);
        publish(&mut hers);
        let handle = "shop".parse().unwrap();
        world.services.add_business(&handle, claim_of("shop"), world.now).now_or_never().unwrap().unwrap();
        Self { world, shop, ana, its, hers, dedupe: 100, revision: 0 }
    }

    /// Ana has written to it: their conversation is there, and the window is open.
    fn open() -> Self {
        let mut all = Self::new();
        let ticket = claim(&mut all.hers, &all.shop).unwrap();
        let own = all.hers.ticket();
        let additions = vec![addition(own, Bytes::new()), addition(ticket, welcome("shop"))];
        accepted(all.world.connect().ask(Op::CreateConversation(create(SHOP, additions, 1))));
        assert_eq!(all.say(true, Category::Service), Ok(()));
        all
    }

    fn at(&mut self, now: Millis) {
        self.world.now = now;
        (self.its.now, self.hers.now) = (now, now);
    }

    /// Somebody says something by name.
    fn say(&mut self, ana: bool, category: Category) -> Result<(), ErrorCode> {
        self.dedupe += 1;
        let send = Some(send(SHOP, 1, "olá", self.dedupe));
        let op = Op::NamedSend(wire::NamedSend { send, category: category.into() });
        let socket = if ana { &mut self.hers } else { &mut self.its };
        socket.ask(op).map(drop)
    }

    fn consent(&mut self, of: &[Category]) {
        self.revision += 1;
        let grant = grant(&self.ana, &self.shop, of, self.revision, self.world.now);
        assert_eq!(put_signed(&mut self.hers, &self.ana, &grant), DONE);
    }

    /// Ana blocks the shop, and her device leaves, as it does then.
    fn block(&mut self) {
        let block = Op::Block(wire::Block { account: self.shop.account.to_wire() });
        assert_eq!(self.hers.ask(block), DONE);
        let leave = wire::LeaveConversation { conversation: SHOP.to_wire() };
        assert!(self.hers.ask(Op::LeaveConversation(leave)).is_ok());
    }

    fn found(&mut self) -> wire::Account {
        let by = Some(lookup::By::Account(self.shop.account.to_wire()));
        match self.hers.ask(Op::Lookup(wire::Lookup { by })) {
            Ok(R::Account(account)) => account,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_shop_reaches_nobody_who_has_not_consented_and_ana_reaches_the_shop() {
    let mut all = Shop::new();
    assert_eq!(claim(&mut all.its, &all.ana), Err(ErrorCode::ConsentNeeded));
    assert!(claim(&mut all.hers, &all.shop).is_ok());
    all.consent(&[Category::Marketing]);
    assert!(claim(&mut all.its, &all.ana).is_ok());
    all.consent(&[]);
    assert_eq!(claim(&mut all.its, &all.ana), Err(ErrorCode::ConsentNeeded));
}

/// What becomes of a message of the shop's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Comes,
    Refused,
    /// It is answered as always, so that the shop does not learn that it is blocked, and comes to nobody.
    IsLost,
}

/// Category by state, each cell; the states are told by what becomes of service, offers and codes in them.
#[test]
fn r20_r21_s01_s02_every_category_in_every_state_of_anas_consent() {
    use Category::{Authentication, Marketing, Service};
    use Sent::{Comes, IsLost, Refused};
    type Change = fn(&mut Shop);
    let lapse: Change = |all| all.at(all.world.now + DAY + 1);
    let grant_all: Change = |all| all.consent(&[Service, Marketing, Authentication]);
    let take_service: Change = |all| all.consent(&[Marketing, Authentication]);
    let write: Change = |all| assert_eq!(all.say(true, Service), Ok(()));
    let block: Change = Shop::block;
    let states: [(&str, Vec<Change>, [Sent; 3]); 14] = [
        ("she has written, and granted nothing", vec![], [Comes, Refused, Refused]),
        ("a day has passed since", vec![lapse], [Refused; 3]),
        ("service was granted", vec![lapse, |all| all.consent(&[Service])], [Comes, Refused, Refused]),
        ("offers were granted", vec![lapse, |all| all.consent(&[Marketing])], [Refused, Comes, Refused]),
        ("codes were granted", vec![lapse, |all| all.consent(&[Authentication])], [Refused, Refused, Comes]),
        ("all were granted", vec![lapse, grant_all], [Comes; 3]),
        (
            "it was narrowed",
            vec![lapse, |all| all.consent(&[Service, Marketing]), |all| all.consent(&[Service])],
            [Comes, Refused, Refused],
        ),
        ("service was taken back within the window", vec![grant_all, take_service], [Refused, Comes, Comes]),
        ("service was taken back, and she writes again", vec![grant_all, take_service, write], [Comes; 3]),
        (
            "offers were granted within the window",
            vec![|all| all.consent(&[Marketing])],
            [Comes, Comes, Refused],
        ),
        ("it has expired", vec![grant_all, |all| all.at(all.world.now + 31 * DAY)], [Refused; 3]),
        ("she has said stop", vec![|all| all.consent(&[])], [Refused; 3]),
        (
            "she has said stop, and writes again",
            vec![|all| all.consent(&[]), write],
            [Comes, Refused, Refused],
        ),
        ("she has blocked it", vec![grant_all, block], [IsLost; 3]),
    ];
    for (name, changes, becomes) in states {
        for (category, becomes) in [Service, Marketing, Authentication].into_iter().zip(becomes) {
            let mut all = Shop::open();
            changes.iter().for_each(|change| change(&mut all));
            all.hers.items();
            let sent = match (all.say(false, category), all.hers.items().len()) {
                (Ok(()), 1) => Comes,
                (Ok(()), 0) => IsLost,
                (Err(ErrorCode::ConsentNeeded), 0) => Refused,
                other => panic!("{name}: {category:?}: {other:?}"),
            };
            assert_eq!(sent, becomes, "{name}: {category:?}");
        }
    }
}

#[test]
fn nothing_is_said_without_a_name_or_a_category_and_by_nobody_else() {
    let mut all = Shop::open();
    let anonymous = all.world.connect().ask(Op::Send(send(SHOP, 1, "psst", 7)));
    assert_eq!(anonymous, Err(ErrorCode::NameNeeded));
    assert_eq!(all.say(false, Category::None), Err(ErrorCode::BadRequest));
    assert_eq!(all.say(true, Category::Marketing), Err(ErrorCode::BadRequest));
    let (_, mut mallory) = all.world.sign_up("mallory");
    let op = |send| Op::NamedSend(wire::NamedSend { send: Some(send), category: Category::Service.into() });
    assert_eq!(mallory.ask(op(send(SHOP, 1, "hers", 8))), Err(ErrorCode::NoSuchConversation));
    let passing = wire::Send { passing: true, ..send(SHOP, 1, "typing", 0) };
    assert!(all.its.ask(op(passing.clone())).is_ok());
    all.consent(&[]);
    assert_eq!(all.its.ask(op(passing)), Err(ErrorCode::ConsentNeeded), "not even that it is writing");
}

#[test]
fn what_ana_does_not_say_opens_no_window() {
    let mut all = Shop::open();
    all.at(all.world.now + DAY + 1);
    assert_eq!(all.say(true, Category::None), Ok(()), "a receipt");
    assert_eq!(all.say(false, Category::Service), Err(ErrorCode::ConsentNeeded));
}

#[test]
fn where_no_business_is_nobody_sends_by_name() {
    let world = World::new();
    let (ana, mut hers) = world.sign_up("ana");
    let (_, mut his) = world.sign_up("bruno");
    publish(&mut hers);
    let ticket = claim(&mut his, &ana).unwrap();
    let additions = vec![addition(his.ticket(), Bytes::new()), addition(ticket, welcome("ana"))];
    accepted(world.connect().ask(Op::CreateConversation(create(SHOP, additions, 1))));
    let send = Some(send(SHOP, 1, "olá", 2));
    let op = Op::NamedSend(wire::NamedSend { send, category: Category::Service.into() });
    assert_eq!(his.ask(op), Err(ErrorCode::AnonymousOnly));
}

/// Two who have talked before one of them became a business.
fn talked_before(data: MemoryData, third: bool) -> Shop {
    let world = World::over(data, Settings { rates: RateLimits::lifted(), ..Settings::default() });
    let (shop, mut its) = world.sign_up("shop");
    let (ana, mut hers) = world.sign_up("ana");
    publish(&mut its);
    let ticket = claim(&mut hers, &shop).unwrap();
    let mut additions = vec![addition(hers.ticket(), Bytes::new()), addition(ticket, welcome("shop"))];
    if third {
        let (bruno, mut his) = world.sign_up("bruno");
        publish(&mut his);
        additions.push(addition(claim(&mut hers, &bruno).unwrap(), welcome("bruno")));
    }
    accepted(world.connect().ask(Op::CreateConversation(create(SHOP, additions, 1))));
    let handle = "shop".parse().unwrap();
    world.services.add_business(&handle, claim_of("shop"), world.now).now_or_never().unwrap().unwrap();
    Shop { world, shop, ana, its, hers, dedupe: 100, revision: 0 }
}

#[test]
fn s01_what_was_begun_before_the_shop_was_one_is_held_to_consent_from_anas_next_message() {
    let data = MemoryData::new();
    let mut all = talked_before(data.clone(), false);
    let anonymous = |all: &mut Shop, n| all.world.connect().ask(Op::Send(send(SHOP, 1, "oi", n))).map(drop);
    assert_eq!(anonymous(&mut all, 7), Ok(()), "as before");
    assert_eq!(
        all.say(false, Category::Service),
        Err(ErrorCode::AnonymousOnly),
        "the shop makes it nothing else"
    );
    let (_, mut mallory) = all.world.sign_up("mallory");
    let named = |n| {
        let send = Some(send(SHOP, 1, "oi", n));
        Op::NamedSend(wire::NamedSend { send, category: Category::Service.into() })
    };
    assert_eq!(mallory.ask(named(8)), Err(ErrorCode::AnonymousOnly), "nor who is not in it");
    assert_eq!(all.say(true, Category::Service), Ok(()));
    assert_eq!(anonymous(&mut all, 9), Err(ErrorCode::NameNeeded));
    assert_eq!(all.say(false, Category::Service), Ok(()), "within the window");
    assert_eq!(all.say(false, Category::Marketing), Err(ErrorCode::ConsentNeeded));
    all.at(all.world.now + DAY + 1);
    assert_eq!(all.say(false, Category::Service), Err(ErrorCode::ConsentNeeded));
    // It is so for good.
    all.world = World::over(data, Settings { rates: RateLimits::lifted(), ..Settings::default() });
    assert_eq!(anonymous(&mut all, 10), Err(ErrorCode::NameNeeded));
}

#[test]
fn where_a_third_is_nothing_becomes_a_conversation_with_a_shop() {
    let mut all = talked_before(MemoryData::new(), true);
    assert_eq!(all.say(true, Category::Service), Err(ErrorCode::AnonymousOnly));
    let anonymous = all.world.connect().ask(Op::Send(send(SHOP, 1, "oi", 7)));
    assert!(anonymous.is_ok());
}

#[test]
fn s01_a_shop_comes_into_no_group_and_brings_nobody_into_its_conversation() {
    let mut all = Shop::open();
    let (bruno, mut his) = all.world.sign_up("bruno");
    publish(&mut his);
    // Bruno's group, into which he would bring the shop.
    let group = ConversationId([0x6a; 16]);
    let own = his.ticket();
    accepted(all.world.connect().ask(Op::CreateConversation(create(
        group,
        vec![addition(own, Bytes::new())],
        1,
    ))));
    let ticket = claim(&mut his, &all.shop).unwrap();
    let op = Op::Commit(commit_adding(group, 1, vec![addition(ticket.clone(), welcome("shop"))], 2));
    assert_eq!(all.world.connect().ask(op), Err(ErrorCode::BusinessAlone));
    // And the shop, which would bring Bruno, who has consented, to Ana.
    let granted = grant(&bruno, &all.shop, &[Category::Marketing], 1, all.world.now);
    assert_eq!(put_signed(&mut his, &bruno, &granted), DONE);
    let ticket = claim(&mut all.its, &bruno).unwrap();
    let op = Op::Commit(commit_adding(SHOP, 1, vec![addition(ticket.clone(), welcome("bruno"))], 3));
    assert_eq!(all.world.connect().ask(op), Err(ErrorCode::BusinessAlone));
    // Nor can both be in one from the start.
    all.consent(&[Category::Marketing]);
    let hers = claim(&mut all.its, &all.ana).unwrap();
    let both = vec![
        addition(all.its.ticket(), Bytes::new()),
        addition(ticket, welcome("bruno")),
        addition(hers, welcome("ana")),
    ];
    let op = Op::CreateConversation(create(ConversationId([0x6b; 16]), both, 4));
    assert_eq!(all.world.connect().ask(op), Err(ErrorCode::BusinessAlone));
}

#[test]
fn s01_a_grant_is_the_customers_own_for_one_business_and_the_newest_counts() {
    let mut all = Shop::open();
    let (ana, shop) = (all.ana.clone(), all.shop.clone());
    let good = grant(&ana, &shop, &[Category::Marketing], 5, all.world.now);
    let refused = Err(ErrorCode::BadRequest);
    assert_eq!(put_signed(&mut all.its, &shop, &good), refused, "the shop grants nothing itself");
    assert_eq!(put_signed(&mut all.hers, &shop, &good), refused, "nor signs for her");
    let forged = [
        wire::ConsentGrant { customer: shop.account.to_wire(), ..good.clone() },
        wire::ConsentGrant { device: shop.device.to_wire(), ..good.clone() },
        wire::ConsentGrant { categories: vec![0], ..good.clone() },
        wire::ConsentGrant { categories: vec![9], ..good.clone() },
        wire::ConsentGrant { expires_ms: u64::MAX / 2, ..good.clone() },
        wire::ConsentGrant { granted_ms: all.world.now - 2 * DAY, ..good.clone() },
        wire::ConsentGrant { nonce: Bytes::new(), ..good.clone() },
    ];
    for forged in forged {
        assert_eq!(put_signed(&mut all.hers, &ana, &forged), refused, "{forged:?}");
    }
    let to_nobody = wire::ConsentGrant { business: AccountId([3; 16]).to_wire(), ..good.clone() };
    assert_eq!(put_signed(&mut all.hers, &ana, &to_nobody), Err(ErrorCode::NoSuchAccount));
    assert_eq!(put_signed(&mut all.hers, &ana, &good), DONE);
    let stop = grant(&ana, &shop, &[], 6, all.world.now);
    assert_eq!(put_signed(&mut all.hers, &ana, &stop), DONE);
    assert_eq!(
        put_signed(&mut all.hers, &ana, &good),
        Err(ErrorCode::StaleConsent),
        "replayed after the stop"
    );
    assert_eq!(all.say(false, Category::Marketing), Err(ErrorCode::ConsentNeeded));
}

#[test]
fn s03_after_a_stop_was_acknowledged_nothing_of_what_was_queued_is_delivered() {
    let mut all = Shop::open();
    all.consent(&[Category::Service]);
    all.hers.items();
    let op = |dedupe| {
        let send = Some(send(SHOP, 1, "queued", dedupe));
        Op::NamedSend(wire::NamedSend { send, category: Category::Service.into() })
    };
    let taken = (1_000..1_500).filter(|n| all.its.ask(op(*n)).is_ok()).count();
    all.hers.items();
    all.consent(&[]);
    for n in 1_500..2_000 {
        assert_eq!(all.its.ask(op(n)), Err(ErrorCode::ConsentNeeded));
    }
    assert_eq!((taken, all.hers.items().len()), (500, 0));
}

/// Terms of the shop's, signed by somebody.
fn put_terms(all: &mut Shop, by: &Person, revision: u64) -> Result<R, ErrorCode> {
    let terms = wire::BusinessTerms {
        business: all.shop.account.to_wire(),
        device: all.shop.device.to_wire(),
        notice: "To bake what you ordered.".to_owned(),
        keeps_days: 30,
        issued_ms: all.world.now,
        revision,
        ..Default::default()
    };
    let body = Bytes::from(terms.encode_to_vec());
    let signature = by.signing.sign(&label::labelled(label::TERMS, &body));
    let signature = Bytes::copy_from_slice(&signature.to_bytes());
    let op = Op::PutTerms(wire::PutTerms { terms: Some(wire::Signed { body, signature }) });
    all.its.ask(op)
}

#[test]
fn what_the_shop_keeps_is_told_with_the_directorys_answer_and_only_the_shop_says_it() {
    let mut all = Shop::open();
    assert_eq!(all.found().terms, None);
    let (shop, ana) = (all.shop.clone(), all.ana.clone());
    assert_eq!(put_terms(&mut all, &ana, 1), Err(ErrorCode::BadRequest), "not its own signature");
    assert_eq!(put_terms(&mut all, &shop, 2), DONE);
    assert_eq!(put_terms(&mut all, &shop, 2), Err(ErrorCode::StaleConsent));
    let told = all.found().terms.expect("they are told");
    assert_eq!(wire::BusinessTerms::decode(told.body).unwrap().keeps_days, 30);
    std::mem::swap(&mut all.its, &mut all.hers);
    std::mem::swap(&mut all.shop, &mut all.ana);
    assert_eq!(put_terms(&mut all, &ana, 3), Err(ErrorCode::BadRequest), "she is no business");
}

/// What the shop says of itself, signed by somebody.
fn put_profile(
    all: &mut Shop,
    by: &Person,
    change: impl FnOnce(&mut wire::BusinessProfile),
) -> Result<R, ErrorCode> {
    let mut profile = wire::BusinessProfile {
        business: all.shop.account.to_wire(),
        device: all.shop.device.to_wire(),
        about: "Bread, and nothing else".to_owned(),
        picture: Bytes::from_static(&[0xff, 0xd8, 0xff, 0xe0]),
        issued_ms: all.world.now,
        revision: 1,
        ..Default::default()
    };
    change(&mut profile);
    let body = Bytes::from(profile.encode_to_vec());
    let signature = by.signing.sign(&label::labelled(label::PROFILE, &body));
    let signature = Bytes::copy_from_slice(&signature.to_bytes());
    let op = Op::PutProfile(wire::PutProfile { profile: Some(wire::Signed { body, signature }) });
    all.its.ask(op)
}

#[test]
fn what_the_shop_says_of_itself_is_told_with_the_directorys_answer_and_only_the_shop_says_it() {
    let mut all = Shop::open();
    assert_eq!(all.found().profile, None);
    let (shop, ana) = (all.shop.clone(), all.ana.clone());
    assert_eq!(put_profile(&mut all, &ana, |_| {}), Err(ErrorCode::BadRequest), "not its own signature");
    let hers = ana.account.to_wire();
    assert_eq!(put_profile(&mut all, &shop, |it| it.business = hers), Err(ErrorCode::BadRequest));
    let long = "a".repeat(lacre_proto::profile::ABOUT + 1);
    assert_eq!(put_profile(&mut all, &shop, |it| it.about = long), Err(ErrorCode::BadRequest));
    let script = Bytes::from_static(b"<svg onload=alert(1)>");
    assert_eq!(put_profile(&mut all, &shop, |it| it.picture = script), Err(ErrorCode::BadRequest));
    let large = Bytes::from(vec![0; lacre_proto::profile::BODY]);
    assert_eq!(put_profile(&mut all, &shop, |it| it.picture = large), Err(ErrorCode::TooLarge));
    let ahead = all.world.now + 3 * 24 * 3600 * 1000;
    assert_eq!(put_profile(&mut all, &shop, |it| it.revision = ahead), Err(ErrorCode::BadRequest));
    assert_eq!(all.found().profile, None, "none of it was kept");
    assert_eq!(put_profile(&mut all, &shop, |it| it.revision = 2), DONE);
    assert_eq!(put_profile(&mut all, &shop, |it| it.revision = 2), Err(ErrorCode::StaleConsent));
    assert_eq!(put_profile(&mut all, &shop, |it| it.revision = 1), Err(ErrorCode::StaleConsent));
    let told = all.found().profile.expect("it is told");
    assert_eq!(wire::BusinessProfile::decode(told.body).unwrap().about, "Bread, and nothing else");
    std::mem::swap(&mut all.its, &mut all.hers);
    std::mem::swap(&mut all.shop, &mut all.ana);
    assert_eq!(put_profile(&mut all, &ana, |_| {}), Err(ErrorCode::BadRequest), "she is no business");
}

#[test]
fn two_offers_a_day_are_the_most() {
    let mut all = Shop::open();
    all.consent(&[Category::Marketing]);
    assert_eq!([all.say(false, Category::Marketing), all.say(false, Category::Marketing)], [Ok(()), Ok(())]);
    assert_eq!(all.say(false, Category::Marketing), Err(ErrorCode::MarketingCap));
    all.at(all.world.now + DAY + 1);
    assert_eq!(all.say(false, Category::Marketing), Ok(()));
}

#[test]
fn a_verified_shop_has_a_certificate_of_the_operators_and_a_suspended_one_has_none_and_says_nothing() {
    let mut all = Shop::open();
    let found = all.found();
    assert_eq!((found.is_business, found.business), (true, None), "it is one, and not verified");
    let handle = "shop".parse().unwrap();
    let verified = all
        .world
        .services
        .verify_business(&handle, by_hand(), all.world.now)
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!((verified.verified_ms, verified.suspended_ms), (Some(all.world.now), None));
    let mut again = all.world.connect();
    let login = all.ana.login(again.relay, &again.nonce);
    let Ok(R::LoggedIn(logged_in)) = again.ask(Op::Login(login)) else { panic!("she logs in") };
    all.hers = again;
    let signed = all.found().business.expect("a certificate");
    let key = VerifyingKey::from_bytes(logged_in.platform_key.as_ref().try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(&signed.signature).unwrap();
    let labelled = label::labelled(label::BUSINESS_CERTIFICATE, &signed.body);
    assert_eq!(key.verify_strict(&labelled, &signature).ok(), Some(()));
    let certificate = wire::BusinessCertificate::decode(signed.body).unwrap();
    assert_eq!(certificate.account, all.shop.account.to_wire());
    assert_eq!((certificate.display_name.as_str(), certificate.domain.as_str()), ("shop", "shop.example"));
    assert_eq!(certificate.valid_until_ms, all.world.now + 7 * DAY);
    let suspended = all.world.services.suspend_business(&handle, true, all.world.now).now_or_never().unwrap();
    assert_eq!(suspended.unwrap().suspended_ms, Some(all.world.now));
    assert_eq!(all.found().business, None);
    assert_eq!(all.say(false, Category::Service), Err(ErrorCode::BusinessSuspended));
    assert_eq!(claim(&mut all.its, &all.ana), Err(ErrorCode::BusinessSuspended));
    assert_eq!(all.say(true, Category::Service), Ok(()), "she may still complain");
}

#[test]
fn the_operator_is_told_what_cannot_be_a_business() {
    let all = Shop::new();
    let services = &all.world.services;
    let add = |handle: &str, claim| {
        services.add_business(&handle.parse().unwrap(), claim, all.world.now).now_or_never().unwrap()
    };
    assert_eq!(add("nobody", claim_of("x")), Err(BusinessError::NoSuchAccount));
    assert_eq!(add("shop", claim_of("x")), Err(BusinessError::BusinessAlready));
    for (field, bad) in [
        ("domain", BusinessClaim { domain: "no domain".to_owned(), ..claim_of("x") }),
        ("domain", BusinessClaim { domain: "localhost".to_owned(), ..claim_of("x") }),
        ("display name", BusinessClaim { display_name: " ".to_owned(), ..claim_of("x") }),
        ("legal name", BusinessClaim { legal_name: "a\u{1b}[2J".to_owned(), ..claim_of("x") }),
    ] {
        assert_eq!(add("ana", bad), Err(BusinessError::BadField(field)));
    }
    let handle = "ana".parse().unwrap();
    let verified = services.verify_business(&handle, by_hand(), all.world.now).now_or_never().unwrap();
    assert_eq!(verified, Err(BusinessError::NoBusiness));
    let known = services.businesses(all.world.now).now_or_never().unwrap().unwrap();
    assert_eq!(known.iter().map(|it| it.handle.as_str()).collect::<Vec<_>>(), ["shop"]);
}
