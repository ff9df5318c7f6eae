//! Signing up, logging in, finding and reaching people.

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_proto::wire::{self, lookup, request::Op, response::Result as R};
use lacre_proto::{ErrorCode, frame, label, limits};
use lacre_relay::Registration;
use lacre_relay::limits::{Rate, RateLimits};
use lacre_relay::services::Settings;

use crate::world::{NOW, Person, Socket, World, farewell, key_package, public};

type Memory = lacre_store::memory::MemoryData;

fn sign_up(socket: &mut Socket<Memory>, person: &Person) -> Result<R, ErrorCode> {
    let op = person.sign_up(socket.relay, &socket.nonce);
    socket.ask(Op::SignUp(op))
}

fn login(socket: &mut Socket<Memory>, person: &Person) -> Result<R, ErrorCode> {
    let op = person.login(socket.relay, &socket.nonce);
    socket.ask(Op::Login(op))
}

fn find(socket: &mut Socket<Memory>, handle: &str) -> Result<R, ErrorCode> {
    socket.ask(Op::Lookup(wire::Lookup { by: Some(lookup::By::Handle(handle.to_owned())) }))
}

fn publish(socket: &mut Socket<Memory>, packages: &[&str], last_resort: &str) -> Result<R, ErrorCode> {
    let last_resort = if last_resort.is_empty() { Bytes::new() } else { key_package(last_resort) };
    let key_packages = packages.iter().map(|of| key_package(of)).collect();
    socket.ask(Op::PublishKeyPackages(wire::PublishKeyPackages { key_packages, last_resort, replace: false }))
}

fn claim(socket: &mut Socket<Memory>, of: &Person) -> Result<Vec<wire::Claim>, ErrorCode> {
    let claim = wire::ClaimKeyPackages { account: of.account.to_wire(), ..Default::default() };
    match socket.ask(Op::ClaimKeyPackages(claim))? {
        R::Claimed(claimed) => Ok(claimed.claims),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ana_signs_up_and_bruno_finds_her() {
    let world = World::new();
    let (ana, _) = world.sign_up("ana");
    let (_, mut bruno) = world.sign_up("bruno");
    let found = wire::Account {
        account: ana.account.to_wire(),
        handle: "ana".into(),
        identity_key: public(&ana.identity),
        device_list: Some(ana.sign(label::DEVICE_LIST, &ana.device_list())),
        ..Default::default()
    };
    assert_eq!(find(&mut bruno, "@Ana"), Ok(R::Account(found.clone())));
    let by = Some(lookup::By::Account(ana.account.to_wire()));
    assert_eq!(bruno.ask(Op::Lookup(wire::Lookup { by })), Ok(R::Account(found)));
}

#[test]
fn nobody_is_found_who_is_not_there_or_cannot_be() {
    let world = World::new();
    let (_, mut bruno) = world.sign_up("bruno");
    for handle in ["carla", "", "not a handle", "БОРИС"] {
        assert_eq!(find(&mut bruno, handle), Err(ErrorCode::NoSuchAccount), "{handle}");
    }
    assert_eq!(bruno.ask(Op::Lookup(wire::Lookup { by: None })), Err(ErrorCode::BadRequest));
}

#[test]
fn signing_up_again_is_answered_as_the_first_time_and_makes_nothing_new() {
    let world = World::new();
    let (ana, _) = world.sign_up("ana");
    let mut again = world.connect();
    assert!(matches!(sign_up(&mut again, &ana), Ok(R::LoggedIn(_))), "her first answer was lost");
    let mut closed = World::with(Settings {
        registration: Registration::Closed,
        rates: RateLimits::lifted(),
        ..Settings::default()
    });
    closed.now += 1;
    assert_eq!(sign_up(&mut closed.connect(), &ana), Err(ErrorCode::RegistrationClosed));
}

#[test]
fn a_handle_belongs_to_one_account() {
    let world = World::new();
    let (ana, _) = world.sign_up("ana");
    let mut mallory = Person::new("mallory");
    mallory.handle = "ana".into();
    assert_eq!(sign_up(&mut world.connect(), &mallory), Err(ErrorCode::HandleTaken));
    // Nor can she take Ana's account or device under another handle.
    let mut hers = Person { account: ana.account, ..Person::new("mallory") };
    assert_eq!(sign_up(&mut world.connect(), &hers), Err(ErrorCode::BadRequest));
    hers = Person { device: ana.device, ..Person::new("mallory") };
    assert_eq!(sign_up(&mut world.connect(), &hers), Err(ErrorCode::BadRequest));
    assert!(matches!(login(&mut world.connect(), &ana), Ok(R::LoggedIn(_))));
}

#[test]
fn an_invite_lets_in_one_account_once() {
    let world = World::with(Settings {
        registration: Registration::Invite,
        rates: RateLimits::lifted(),
        ..Settings::default()
    });
    let code = world.services.create_invite(NOW).now_or_never().unwrap().unwrap();
    let with = |person: &Person, invite: &str| {
        let mut socket = world.connect();
        let op = wire::SignUp { invite: invite.into(), ..person.sign_up(socket.relay, &socket.nonce) };
        socket.ask(Op::SignUp(op)).map(drop)
    };
    let (ana, bruno) = (Person::new("ana"), Person::new("bruno"));
    assert_eq!(with(&ana, ""), Err(ErrorCode::InviteNeeded));
    assert_eq!(with(&ana, "aaaaa-aaaaa-aaaaa-aaaaa"), Err(ErrorCode::InviteNeeded));
    assert_eq!(with(&ana, &code.as_str().to_uppercase().replace('-', " ")), Ok(()), "as people type");
    assert_eq!(with(&bruno, code.as_str()), Err(ErrorCode::InviteNeeded), "used");
    assert_eq!(with(&ana, ""), Ok(()), "she is in already");
}

#[test]
fn every_part_of_a_sign_up_is_checked() {
    let world = World::new();
    let ana = Person::new("ana");
    let other = Person::new("mallory");
    type Twist = Box<dyn Fn(&mut wire::SignUp)>;
    let signed_list = |list: wire::DeviceList| ana.sign(label::DEVICE_LIST, &list);
    let signed_certificate = |body: wire::DeviceCertificate| ana.sign(label::DEVICE_CERTIFICATE, &body);
    let list = |list: wire::DeviceList| -> Twist {
        let signed = signed_list(list);
        Box::new(move |op| op.device_list = Some(signed.clone()))
    };
    let certificate = |body: wire::DeviceCertificate| -> Twist {
        let signed = signed_certificate(body);
        Box::new(move |op| op.certificate = Some(signed.clone()))
    };
    let foreign = other.device_list().devices;
    let both = [ana.device_list().devices, foreign.clone()].concat();
    let bad: Vec<Twist> = vec![
        Box::new(|op| op.handle = "not a handle".into()),
        Box::new(|op| op.account = Bytes::from_static(b"short")),
        Box::new(|op| op.device = Bytes::new()),
        Box::new(|op| op.identity_key = Bytes::from_static(&[1; 31])),
        Box::new(|op| op.device_list = None),
        Box::new(|op| op.certificate = None),
        Box::new(|op| op.device_list.as_mut().unwrap().body = Bytes::from_static(&[0xff; 9])),
        list(wire::DeviceList { version: 2, ..ana.device_list() }),
        list(wire::DeviceList { previous: Bytes::from_static(&[1; 32]), ..ana.device_list() }),
        list(wire::DeviceList { devices: foreign, ..ana.device_list() }),
        list(wire::DeviceList { devices: both, ..ana.device_list() }),
        list(wire::DeviceList { devices: vec![], ..ana.device_list() }),
        list(wire::DeviceList { account: other.account.to_wire(), ..ana.device_list() }),
        certificate(wire::DeviceCertificate { handle: "mallory".into(), ..ana.certificate() }),
        certificate(wire::DeviceCertificate { account: other.account.to_wire(), ..ana.certificate() }),
        certificate(wire::DeviceCertificate { device: other.device.to_wire(), ..ana.certificate() }),
        certificate(wire::DeviceCertificate { identity_key: public(&other.identity), ..ana.certificate() }),
        certificate(wire::DeviceCertificate { signature_key: public(&other.signing), ..ana.certificate() }),
    ];
    let refused: Vec<Twist> = vec![
        Box::new(|op| op.signature = Bytes::from_static(&[0; 64])),
        Box::new(|op| op.signature = Bytes::from_static(&[0; 63])),
        Box::new(|op| op.device_list.as_mut().unwrap().signature = Bytes::from_static(&[0; 64])),
        Box::new(|op| op.certificate.as_mut().unwrap().signature = Bytes::from_static(&[0; 64])),
        // The list's signature under the certificate: the labels keep them apart.
        Box::new(|op| op.certificate.as_mut().unwrap().signature = op.device_list.clone().unwrap().signature),
    ];
    let cases = bad.iter().map(|twist| (twist, ErrorCode::BadRequest));
    for (index, (twist, code)) in
        cases.chain(refused.iter().map(|twist| (twist, ErrorCode::LoginRefused))).enumerate()
    {
        let mut socket = world.connect();
        let mut op = ana.sign_up(socket.relay, &socket.nonce);
        twist(&mut op);
        assert_eq!(socket.ask(Op::SignUp(op)).map(drop), Err(code), "case {index}");
    }
    let mut huge = ana.sign_up(world.connect().relay, &[0; 32]);
    huge.device_list.as_mut().unwrap().body = Bytes::from(vec![0; limits::SIGNED + 1]);
    assert_eq!(world.connect().ask(Op::SignUp(huge)).map(drop), Err(ErrorCode::TooLarge));
    assert!(matches!(sign_up(&mut world.connect(), &ana), Ok(R::LoggedIn(_))), "nothing was left behind");
}

#[test]
fn a_proof_is_good_for_one_nonce_one_relay_and_one_device() {
    let world = World::new();
    let (ana, first) = world.sign_up("ana");
    let (bruno, _) = world.sign_up("bruno");
    let mut socket = world.connect();
    assert_ne!(socket.nonce, first.nonce, "fresh for each socket");
    let replayed = ana.login(first.relay, &first.nonce);
    let elsewhere = ana.login(lacre_proto::RelayId([9; 16]), &socket.nonce);
    let as_bruno = wire::Login { device: bruno.device.to_wire(), ..ana.login(socket.relay, &socket.nonce) };
    let nobody = Person::new("nobody").login(socket.relay, &socket.nonce);
    for op in [replayed, elsewhere, as_bruno, nobody] {
        assert_eq!(socket.ask(Op::Login(op)), Err(ErrorCode::LoginRefused));
    }
    let short = wire::Login { device: Bytes::from_static(b"ana"), signature: Bytes::new() };
    assert_eq!(socket.ask(Op::Login(short)), Err(ErrorCode::BadRequest));
    assert!(matches!(login(&mut socket, &ana), Ok(R::LoggedIn(_))));
    assert_eq!(login(&mut socket, &ana), Err(ErrorCode::BadRequest), "once is enough");
}

#[test]
fn a_device_that_logs_in_elsewhere_takes_its_old_socket_down() {
    let world = World::new();
    let (ana, mut old) = world.sign_up("ana");
    assert_eq!(old.pushes(), (vec![], true));
    let mut new = world.login(&ana);
    let last = old.session.next_push().now_or_never().unwrap();
    assert_eq!(farewell(last), ErrorCode::Replaced);
    assert_eq!(new.pushes(), (vec![], true));
    assert!(new.session.next_push().now_or_never().is_none(), "the new one stays");
    drop(old);
    let mut third = world.login(&ana);
    assert_eq!(farewell(new.session.next_push().now_or_never().unwrap()), ErrorCode::Replaced);
    assert_eq!(third.pushes(), (vec![], true));
}

#[test]
fn requests_belong_on_their_sockets() {
    let world = World::new();
    let (ana, mut authenticated) = world.sign_up("ana");
    let needs_login: Vec<Op> = vec![
        Op::Lookup(wire::Lookup::default()),
        Op::PublishKeyPackages(wire::PublishKeyPackages::default()),
        Op::ClaimKeyPackages(wire::ClaimKeyPackages::default()),
        Op::MintTicket(wire::MintTicket {}),
        Op::LeaveConversation(wire::LeaveConversation::default()),
        Op::RequestResync(wire::RequestResync::default()),
        Op::Block(wire::Block::default()),
        Op::Unblock(wire::Unblock::default()),
    ];
    let anonymous_ops: Vec<Op> = vec![
        Op::CreateConversation(wire::CreateConversation::default()),
        Op::Commit(wire::Commit::default()),
        Op::Send(wire::Send::default()),
        Op::ReadRoster(wire::ReadRoster::default()),
    ];
    for op in needs_login {
        let mut greeted = world.connect();
        assert_eq!(greeted.ask(op.clone()), Err(ErrorCode::LoginNeeded));
        let _ = greeted.ask(anonymous_ops[3].clone());
        assert_eq!(greeted.ask(op), Err(ErrorCode::LoginNeeded), "anonymous");
    }
    for op in anonymous_ops {
        assert_eq!(authenticated.ask(op.clone()), Err(ErrorCode::AnonymousOnly));
        let mut anonymous = world.connect();
        assert_ne!(anonymous.ask(op), Err(ErrorCode::AnonymousOnly));
        assert_eq!(login(&mut anonymous, &ana), Err(ErrorCode::AnonymousOnly), "never tied together");
        assert_eq!(sign_up(&mut anonymous, &ana), Err(ErrorCode::AnonymousOnly));
    }
}

#[test]
fn each_key_package_goes_to_one_claimer_and_the_last_resort_says_what_it_is() {
    let world = World::new();
    let (ana, mut hers) = world.sign_up("ana");
    let (_, mut bruno) = world.sign_up("bruno");
    let (_, mut carla) = world.sign_up("carla");
    assert_eq!(claim(&mut bruno, &ana), Err(ErrorCode::NoKeyPackages));
    assert!(matches!(
        publish(&mut hers, &["one", "two", "three"], "last"),
        Ok(R::KeyPackagesLeft(wire::KeyPackagesLeft { left: 3 }))
    ));
    let mut got = Vec::new();
    for turn in 0..3 {
        let claims = claim(if turn == 1 { &mut carla } else { &mut bruno }, &ana).unwrap();
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].device, ana.device.to_wire());
        assert!(!claims[0].last_resort);
        assert_eq!(claims[0].ticket.len(), 32);
        got.push(claims[0].key_package.clone());
    }
    assert_eq!(got, ["one", "two", "three"].map(key_package));
    for claimer in [&mut carla, &mut bruno] {
        let claims = claim(claimer, &ana).unwrap();
        assert!(claims[0].last_resort);
        assert_eq!(claims[0].key_package, key_package("last"));
    }
    assert!(matches!(
        publish(&mut hers, &["four"], ""),
        Ok(R::KeyPackagesLeft(wire::KeyPackagesLeft { left: 1 }))
    ));
    assert_eq!(claim(&mut bruno, &ana).unwrap()[0].key_package, key_package("four"));
    assert_eq!(claim(&mut hers, &ana).unwrap(), [], "her own account has no other device");
}

#[test]
fn old_key_packages_are_not_given_out() {
    let mut world = World::new();
    let (ana, mut hers) = world.sign_up("ana");
    publish(&mut hers, &["old one", "old two"], "old last").unwrap();
    hers.now += limits::KEY_PACKAGE_LIFETIME.as_millis() as u64;
    publish(&mut hers, &["new"], "").unwrap();
    world.now = hers.now;
    let (_, mut bruno) = world.sign_up("bruno");
    assert_eq!(claim(&mut bruno, &ana).unwrap()[0].key_package, key_package("new"));
    assert_eq!(claim(&mut bruno, &ana), Err(ErrorCode::NoKeyPackages));
}

#[test]
fn what_is_no_key_package_is_not_taken_nor_more_than_there_is_room_for() {
    let world = World::new();
    let (_, mut hers) = world.sign_up("ana");
    let mut with = |key_packages: Vec<Bytes>, last_resort: Bytes| {
        let op = wire::PublishKeyPackages { key_packages, last_resort, replace: false };
        hers.ask(Op::PublishKeyPackages(op)).map(|left| match left {
            R::KeyPackagesLeft(left) => left.left,
            other => panic!("{other:?}"),
        })
    };
    let good = key_package("good");
    assert_eq!(with(vec![good.clone(), Bytes::from_static(b"hello")], Bytes::new()), Err(ErrorCode::NotMls));
    assert_eq!(with(vec![], Bytes::from_static(b"hello")), Err(ErrorCode::NotMls));
    let huge = key_package(&"x".repeat(limits::KEY_PACKAGE));
    assert_eq!(with(vec![huge], Bytes::new()), Err(ErrorCode::TooLarge));
    assert_eq!(with(vec![], Bytes::new()), Ok(0), "nothing of the refused ones was kept");
    assert_eq!(with(vec![good.clone(); limits::KEY_PACKAGES], Bytes::new()), Ok(100));
    assert_eq!(with(vec![good], Bytes::new()), Err(ErrorCode::LimitReached));
}

#[test]
fn a_frame_that_is_none_ends_the_session_and_an_unknown_request_does_not() {
    let world = World::new();
    for (bytes, code) in [
        (&b""[..], ErrorCode::BadFrame),
        (b"\x01\xff\xff", ErrorCode::BadFrame),
        (b"\x09\x0a\x00", ErrorCode::VersionUnsupported),
        (b"hello, this is not sealed", ErrorCode::VersionUnsupported),
    ] {
        let mut socket = world.connect();
        let answer = socket.session.handle(Bytes::copy_from_slice(bytes), NOW).now_or_never().unwrap();
        assert_eq!(farewell(answer.now_or_never().unwrap()), code);
        let after = socket.session.handle(Bytes::from_static(b"\x01\x0a\x00"), NOW).now_or_never().unwrap();
        assert_eq!(after.now_or_never().unwrap(), lacre_relay::session::Outgoing::Nothing, "it is over");
    }
    let huge = Bytes::from(vec![1; limits::LARGE_FRAME + 1]);
    let answer = world.connect().session.handle(huge, NOW).now_or_never().unwrap();
    assert_eq!(farewell(answer.now_or_never().unwrap()), ErrorCode::TooLarge);

    let (_, mut ana) = world.sign_up("ana");
    ana.requests += 1;
    let newer = wire::ClientFrame {
        body: Some(wire::client_frame::Body::Request(wire::Request { id: ana.requests, op: None })),
    };
    let answer = ana.session.handle(frame::encode_client(1, &newer), NOW).now_or_never().unwrap();
    let Some(wire::server_frame::Body::Response(response)) = ana.frame(answer) else { panic!() };
    let code = ErrorCode::UnknownRequest.number();
    assert_eq!(response.result, Some(R::Error(wire::Error { code, ..Default::default() })));
    // A kind of frame that only a newer relay knows is passed over.
    let answer = ana.session.handle(Bytes::from_static(&[1, 0x9a, 0x06, 0x00]), NOW).now_or_never().unwrap();
    assert_eq!(ana.frame(answer), None);
    assert!(ana.ask(Op::MintTicket(wire::MintTicket {})).is_ok(), "and the session lives");

    let mut greeted = world.connect();
    let answer = greeted.raw(wire::client_frame::Body::Ack(wire::Ack { position: 1 }));
    assert_eq!(farewell(answer.now_or_never().unwrap()), ErrorCode::LoginNeeded);
}

#[test]
fn mallory_may_look_up_only_so_many() {
    let rate = Rate { burst: 2, refill_ms: 1000 };
    let rates = RateLimits { lookup: rate, claim: rate, ..RateLimits::lifted() };
    let world = World::with(Settings { rates, ..Settings::default() });
    let (ana, _) = world.sign_up("ana");
    let (_, mut mallory) = world.sign_up("mallory");
    assert!(find(&mut mallory, "ana").is_ok());
    assert_eq!(find(&mut mallory, "nobody"), Err(ErrorCode::NoSuchAccount));
    let op = wire::Lookup { by: Some(lookup::By::Handle("ana".into())) };
    let error = mallory.ask_whole(Op::Lookup(op)).unwrap_err();
    assert_eq!((ErrorCode::from_number(error.code), error.retry_after_ms), (ErrorCode::SlowDown, 1000));
    mallory.now += 1000;
    assert!(find(&mut mallory, "ana").is_ok());
    assert_eq!(claim(&mut mallory, &ana), Err(ErrorCode::NoKeyPackages));
    assert_eq!(claim(&mut mallory, &ana), Err(ErrorCode::NoKeyPackages));
    assert_eq!(claim(&mut mallory, &ana), Err(ErrorCode::SlowDown));
    let (_, mut bruno) = world.sign_up("bruno");
    assert!(find(&mut bruno, "ana").is_ok(), "others are not held back by her");
}

#[test]
fn whom_one_has_met_is_looked_up_at_a_rate_of_its_own() {
    let rate = Rate { burst: 2, refill_ms: 1000 };
    let rates = RateLimits { lookup: rate, lookup_by_id: rate, ..RateLimits::lifted() };
    let world = World::with(Settings { rates, ..Settings::default() });
    let (ana, _) = world.sign_up("ana");
    let (_, mut carla) = world.sign_up("carla");
    let by_id = |socket: &mut Socket<Memory>, id: Bytes| {
        socket.ask(Op::Lookup(wire::Lookup { by: Some(lookup::By::Account(id)) }))
    };
    assert!(find(&mut carla, "ana").is_ok() && find(&mut carla, "ana").is_ok());
    assert_eq!(find(&mut carla, "ana"), Err(ErrorCode::SlowDown));
    let id = ana.account.to_wire();
    assert!(by_id(&mut carla, id.clone()).is_ok(), "handles are counted apart");
    // A guess takes from the same bucket as what is right.
    assert_eq!(by_id(&mut carla, vec![7; 16].into()), Err(ErrorCode::NoSuchAccount));
    assert_eq!(by_id(&mut carla, id), Err(ErrorCode::SlowDown));
    carla.now += 1000;
    assert!(by_id(&mut carla, ana.account.to_wire()).is_ok());
}

#[test]
fn when_too_many_claim_the_one_time_packages_are_spared() {
    let rates = RateLimits { claim_target: Rate { burst: 2, refill_ms: 1000 }, ..RateLimits::lifted() };
    let world = World::with(Settings { rates, ..Settings::default() });
    let (ana, mut hers) = world.sign_up("ana");
    publish(&mut hers, &["one", "two", "three"], "last").unwrap();
    let (_, mut mallory) = world.sign_up("mallory");
    let mut claimed = || claim(&mut mallory, &ana).unwrap()[0].key_package.clone();
    let got: Vec<Bytes> = (0..5).map(|_| claimed()).collect();
    assert_eq!(got, ["one", "two", "last", "last", "last"].map(key_package));
}

#[test]
fn ana_puts_new_key_packages_in_the_place_of_all_that_she_had() {
    let world = World::new();
    let (ana, mut hers) = world.sign_up("ana");
    publish(&mut hers, &["old", "older"], "old last").unwrap();
    let op = wire::PublishKeyPackages {
        key_packages: vec![key_package("new")],
        last_resort: key_package("new last"),
        replace: true,
    };
    let left = hers.ask(Op::PublishKeyPackages(op));
    assert_eq!(left, Ok(R::KeyPackagesLeft(wire::KeyPackagesLeft { left: 1 })));
    let (_, mut bruno) = world.sign_up("bruno");
    let got: Vec<Bytes> = (0..3).map(|_| claim(&mut bruno, &ana).unwrap()[0].key_package.clone()).collect();
    assert_eq!(got, ["new", "new last", "new last"].map(key_package), "nobody gets an old one");
}
