//! Writes what the fuzz targets begin with into `fuzz/corpus/`: a few good inputs each, made by the code itself.
//! Each is run through its target once, so that a seed which fails is seen here.

use std::fs;
use std::path::Path;

use lacre_engine::content::mimi::MimiId;
use lacre_engine::content::status::{self, Status};
use lacre_engine::content::{self, Address, Content, Manner, MessageId, Place, Room, envelope};
use lacre_engine::identity::{
    Certificate, DeviceEntry, DeviceList, IdentitySecret, Resync, SignatureSecret, login, sign_up,
};
use lacre_proto::wire::{self, client_frame, greeting, item, request, response, server_frame};
use lacre_proto::{AccountId, ConversationId, DeviceId, RelayId, Ticket, frame, label};
use prost::Message;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn main() {
    seed("client_frame", lacre_fuzz::client_frame, client_frames());
    seed("relay_frame", lacre_fuzz::relay_frame, relay_frames());
    seed("item", lacre_fuzz::item, items());
    let outsides = vec![private_message(1), private_message(3), key_package(), welcome()];
    seed("mls_framing", lacre_fuzz::mls_framing, outsides);
    let contents = contents();
    seed("said", lacre_fuzz::said, contents.clone());
    let sealed = |content: &Vec<u8>, signature| {
        envelope::encode(envelope::Envelope { counter: 7, signature, content }).ok()
    };
    let plain = contents.iter().filter_map(|content| sealed(content, None));
    let signed = contents.iter().filter_map(|content| sealed(content, Some(&[5; 64])));
    let envelopes = plain.chain(signed).collect();
    seed("envelope", lacre_fuzz::envelope, envelopes);
    seed("mimi_content", lacre_fuzz::mimi_content, contents);
    let report = [(MimiId([1; 32]), Status::DELIVERED), (MimiId([2; 32]), Status::READ)];
    seed("mimi_status", lacre_fuzz::mimi_status, vec![status::encode(&report).expect("two lines")]);
    let chunk = [&70_000u64.to_be_bytes()[..], &[0; 4], &[7; 65_552]].concat();
    seed("sealed_file", lacre_fuzz::sealed_file, vec![chunk]);
    seed("history_rows", lacre_fuzz::history_rows, vec![vec![1], vec![1, 0, 1, 2, 3]]);
    let ana = Ana::new();
    seed("certificate", lacre_fuzz::certificate, vec![ana.certificate.to_credential()]);
    seed("signed", lacre_fuzz::signed, vec![ana.says("hi")]);
    let link = "LACRE:GROUP/ANA/".to_owned() + &"0123456789ABCDEF".repeat(4);
    seed("group_link", lacre_fuzz::group_link, vec![link.into_bytes(), b"LACRE:LINK/0123".to_vec()]);
    seed("device_list", lacre_fuzz::device_list, vec![ana.list.to_wire().encode_to_vec()]);
    seed("resync", lacre_fuzz::resync, vec![ana.resync().encode_to_vec()]);
    let whole = [vec![0], lacre_fuzz::sealed_store()].concat();
    let edits = [vec![1, 0, 0, 16, 0, 1], vec![1, 0, 0, 0, 9, 255]];
    seed("sealed_open", lacre_fuzz::sealed_open, [whole].into_iter().chain(edits).collect());
    seed("store_import", lacre_fuzz::store_import, vec![lacre_fuzz::exported()]);
    seed("relay_session", lacre_fuzz::relay_session, lacre_fuzz::session_seeds());
    seed("txt_answer", lacre_fuzz::txt_answer, lacre_fuzz::txt_seeds());
    seed("guard_file", lacre_fuzz::guard_file, lacre_fuzz::guard_seeds());
    seed("image_strip", lacre_fuzz::image_strip, lacre_fuzz::media_seeds("image_strip"));
    seed("mp4_strip", lacre_fuzz::mp4_strip, lacre_fuzz::media_seeds("mp4_strip"));
    seed("heif_strip", lacre_fuzz::heif_strip, lacre_fuzz::media_seeds("heif_strip"));
    seed("document_clean", lacre_fuzz::document_clean, lacre_fuzz::media_seeds("document_clean"));
    seed("ogg_opus", lacre_fuzz::ogg_opus, lacre_fuzz::media_seeds("ogg_opus"));
    seed("wav", lacre_fuzz::wav, lacre_fuzz::media_seeds("wav"));
    let deliveries = [vec![0, 0, 1, 2, 3], vec![1, 1, 0, 40, 255], vec![0, 1, 0, 0], vec![2, 4, 1, 8, 1, 10]];
    seed("engine_delivered", lacre_fuzz::engine_delivered, deliveries.to_vec());
}

fn seed(target: &str, run: fn(&[u8]), inputs: Vec<Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("the folder can be made");
    for (number, input) in inputs.iter().enumerate() {
        run(input);
        fs::write(folder.join(format!("seed-{number}")), input).expect("the folder can be written");
    }
    println!("{target}: {} seeds", inputs.len());
}

/// Somebody with keys.
struct Ana {
    certificate: Certificate,
    list: DeviceList,
    secret: SignatureSecret,
}

impl Ana {
    fn new() -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let (identity, secret) = (IdentitySecret::generate(rng), SignatureSecret::generate(rng));
        let (account, device) = (AccountId([1; 16]), DeviceId([2; 16]));
        let signature_key = secret.public();
        let handle = "ana".parse().expect("a handle");
        let certificate = Certificate::issue(&identity, account, device, handle, signature_key, 1);
        let entry = DeviceEntry { device, signature_key, added: 1, quarantine_until: 0, added_by: None };
        Self { certificate, list: DeviceList::first(&identity, account, entry), secret }
    }

    /// Something that she has signed, as the target takes it.
    fn says(&self, text: &str) -> Vec<u8> {
        let group = lacre_fuzz::SAID_IN;
        let address = Address::new(self.certificate.account(), Room::Group(group));
        let content = Content::Text { text: text.to_owned() };
        let encoded = content::encode(MessageId([6; 16]), &address, content, Manner::default());
        let (content, id) = encoded.expect("it is short");
        let signature = self.secret.sign(&label::author(group, self.certificate.device(), &id.0));
        let certificate = self.certificate.to_credential();
        let length = u16::try_from(certificate.len()).expect("it is short").to_be_bytes();
        [&length[..], &certificate, &signature, &content].concat()
    }

    fn resync(&self) -> wire::Signed {
        let resync = Resync {
            conversation: ConversationId([3; 16]),
            device: self.certificate.device(),
            key_package: key_package().into(),
            ticket: Ticket([4; 32]),
            made: 1,
        };
        resync.sign(&self.secret)
    }
}

fn client_frames() -> Vec<Vec<u8>> {
    let ana = Ana::new();
    let relay = RelayId([5; 16]);
    let send = wire::Send {
        conversation: vec![3; 16].into(),
        epoch: 1,
        capability: vec![6; 32].into(),
        message: private_message(1).into(),
        dedupe: 8,
        ..Default::default()
    };
    let ops = [
        request::Op::Login(login(ana.certificate.device(), &ana.secret, relay, &[9; 32])),
        request::Op::SignUp(sign_up(&ana.certificate, &ana.list, &ana.secret, relay, &[9; 32], "")),
        request::Op::Lookup(wire::Lookup { by: Some(wire::lookup::By::Handle("bruno".to_owned())) }),
        request::Op::PublishKeyPackages(wire::PublishKeyPackages {
            key_packages: vec![key_package().into()],
            last_resort: key_package().into(),
            ..Default::default()
        }),
        request::Op::ClaimKeyPackages(wire::ClaimKeyPackages {
            account: vec![1; 16].into(),
            ..Default::default()
        }),
        request::Op::MintTicket(wire::MintTicket {}),
        request::Op::CreateConversation(wire::CreateConversation {
            conversation: vec![3; 16].into(),
            additions: vec![wire::Addition { ticket: vec![4; 32].into(), welcome: welcome().into() }],
            capability_hash: vec![7; 32].into(),
            dedupe: 1,
            ..Default::default()
        }),
        request::Op::Send(send),
        request::Op::RequestResync(wire::RequestResync {
            conversation: vec![3; 16].into(),
            request: Some(ana.resync()),
            ..Default::default()
        }),
        request::Op::PutProfile(wire::PutProfile { profile: Some(profile()) }),
    ];
    let body = |op| client_frame::Body::Request(wire::Request { id: 1, op: Some(op) });
    let ack = client_frame::Body::Ack(wire::Ack { position: 7 });
    ops.map(body).into_iter().chain([ack]).map(client).collect()
}

/// What a business says of itself.
fn profile() -> wire::Signed {
    let said = wire::BusinessProfile {
        business: vec![1; 16].into(),
        device: vec![2; 16].into(),
        about: "Bread".to_owned(),
        websites: vec!["https://bakery.example".to_owned()],
        commands: vec![wire::BusinessCommand { name: "order".to_owned(), description: "bread".to_owned() }],
        picture: vec![0xff, 0xd8, 0xff].into(),
        revision: 1,
        ..Default::default()
    };
    wire::Signed { body: said.encode_to_vec().into(), signature: vec![3; 64].into() }
}

fn client(body: client_frame::Body) -> Vec<u8> {
    frame::encode_client(1, &wire::ClientFrame { body: Some(body) }).to_vec()
}

fn relay_frames() -> Vec<Vec<u8>> {
    let hello =
        wire::Hello { version_min: 1, version_max: 1, nonce: vec![9; 32].into(), ..Default::default() };
    let greeting = wire::Greeting { body: Some(greeting::Body::Hello(hello)) };
    let entries = items().into_iter().zip(1..);
    let entries = entries.map(|(item, position)| wire::Entry { position, item: item.into() }).collect();
    let refused = response::Result::Error(wire::Error { code: 141, epoch: 3, retry_after_ms: 0 });
    let account = wire::Account { profile: Some(Box::new(profile())), ..Default::default() };
    let found = response::Result::Account(account);
    let bodies = [
        server_frame::Body::Push(wire::Push { entries }),
        server_frame::Body::Response(wire::Response { id: 1, result: Some(refused) }),
        server_frame::Body::Response(wire::Response { id: 2, result: Some(found) }),
        server_frame::Body::CaughtUp(wire::CaughtUp { position: 3 }),
    ];
    let frames = bodies.map(|body| frame::encode_server(1, &wire::ServerFrame { body: Some(body) }).to_vec());
    frames.into_iter().chain([frame::encode_greeting(&greeting).to_vec()]).collect()
}

fn items() -> Vec<Vec<u8>> {
    let conversation = || vec![3; 16].into();
    let sealed = wire::Sealed {
        conversation: conversation(),
        sequence: 2,
        epoch: 1,
        message: private_message(1).into(),
        dedupe: 5,
        ..Default::default()
    };
    let committed = wire::Committed {
        conversation: conversation(),
        sequence: 3,
        epoch: 1,
        commit: private_message(3).into(),
        capability_hash: vec![7; 32].into(),
        ..Default::default()
    };
    let welcomed = wire::Welcomed {
        conversation: conversation(),
        sequence: 1,
        welcome: welcome().into(),
        capability_hash: vec![7; 32].into(),
        ..Default::default()
    };
    let request = Some(Ana::new().resync());
    let asked = wire::ResyncAsked { conversation: conversation(), request, ..Default::default() };
    let kinds = [
        item::Kind::Sealed(sealed),
        item::Kind::Committed(committed),
        item::Kind::Welcomed(welcomed),
        item::Kind::ResyncAsked(asked),
    ];
    kinds.map(|kind| frame::encode_item(&wire::Item { time_ms: 1, kind: Some(kind) }).to_vec()).into()
}

fn contents() -> Vec<Vec<u8>> {
    let address = Address::direct(AccountId([1; 16]), [AccountId([1; 16]), AccountId([2; 16])]);
    let reply = Manner { in_reply_to: Some(MimiId([1; 32])), ..Manner::default() };
    let place = Place { latitude_e7: 1, longitude_e7: 2, label: "here".to_owned() };
    let kinds = [
        (Content::Text { text: "Olá, *Bruno*".to_owned() }, Manner::default()),
        (Content::Text { text: "sim".to_owned() }, reply),
        (Content::Place(place), reply),
        (Content::Delivered(vec![MimiId([1; 32])]), Manner::default()),
        (Content::Read(vec![MimiId([1; 32]), MimiId([2; 32])]), Manner::default()),
    ];
    let encoded = |(content, manner)| content::encode(MessageId([8; 16]), &address, content, manner);
    kinds.into_iter().map(|kind| encoded(kind).expect("it can be sent").0).collect()
}

fn private_message(content_type: u8) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 2, 16];
    bytes.extend([3; 16]);
    bytes.extend(1u64.to_be_bytes());
    bytes.extend([content_type, 0, 28]);
    bytes.extend([4; 28]);
    bytes.push(32);
    bytes.extend([5; 32]);
    bytes
}

fn key_package() -> Vec<u8> {
    [&[0, 1, 0, 5, 0, 1, 0, 0x4f, 4][..], &[1; 4], &[4], &[2; 4], &[9; 20]].concat()
}

fn welcome() -> Vec<u8> {
    [&[0, 1, 0, 3, 0, 0x4f, 8][..], &[1; 8], &[16], &[2; 16]].concat()
}
