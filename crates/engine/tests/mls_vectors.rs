//! MLS, X-Wing and Ed25519 vectors through the code that the product uses: our framing, our verification, and
//! OpenMLS with the provider that the engine uses.
//!
//! The big files lie beside the workspace, in `../shared/vectors`; a test whose file is absent says so.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::fs;
use std::path::PathBuf;

use lacre_engine::identity::verify;
use lacre_proto::mls_framing::{self, ContentType};
use openmls::prelude::tls_codec::{Deserialize as _, VLBytes};
use openmls::prelude::*;
use openmls::schedule::{ExternalPsk, PreSharedKeyId, Psk};
use openmls::treesync::RatchetTreeIn;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::storage::{CURRENT_VERSION, Entity, StorageProvider, traits};
use openmls_traits::types::{HpkeAeadType, HpkeCiphertext, HpkeConfig, HpkeKdfType, HpkeKemType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The cases of a vector file, or none when it is not on this machine.
fn vectors(name: &str) -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors").join(name);
    let Ok(bytes) = fs::read(path) else {
        println!("SKIPPED: {name} is not beside this workspace");
        return None;
    };
    Some(serde_json::from_slice(&bytes).unwrap())
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn cases(file: &Value) -> &[Value] {
    file.as_array().unwrap()
}

/// An MLS group id that is a conversation's: the vectors' groups have ids of other lengths.
fn with_our_group_id(message: &[u8]) -> Vec<u8> {
    let group_id = VLBytes::tls_deserialize(&mut &message[4..]).unwrap();
    let id = VLBytes::new(vec![0xaa; 16]);
    let old = tls_codec::Serialize::tls_serialize_detached(&group_id).unwrap();
    let new = tls_codec::Serialize::tls_serialize_detached(&id).unwrap();
    [&message[..4], &new, &message[4 + old.len()..]].concat()
}

#[test]
fn the_framing_takes_private_messages_and_welcomes_and_nothing_else() {
    let Some(file) = vectors("mls/messages.json") else { return };
    for case in cases(&file) {
        let private = bytes(&case["private_message"]);
        let framed = mls_framing::private_message(&with_our_group_id(&private)).unwrap();
        let opened =
            MlsMessageIn::tls_deserialize_exact(&private).unwrap().try_into_protocol_message().unwrap();
        assert_eq!(framed.epoch, opened.epoch().as_u64());
        let content = match opened.content_type() {
            openmls::prelude::ContentType::Application => ContentType::Application,
            openmls::prelude::ContentType::Proposal => ContentType::Proposal,
            openmls::prelude::ContentType::Commit => ContentType::Commit,
        };
        assert_eq!(framed.content, content);
        let welcome = bytes(&case["mls_welcome"]);
        assert!(mls_framing::welcome(&welcome).is_err(), "its group info is in it");
        let secrets = tls_codec::VLBytes::tls_deserialize(&mut &welcome[6..]).unwrap();
        let MlsMessageBodyIn::Welcome(all) = MlsMessageIn::tls_deserialize_exact(&welcome).unwrap().extract()
        else {
            panic!("a Welcome")
        };
        let cut = [&welcome[..6 + Size::tls_serialized_len(&secrets)], &[0]].concat();
        assert_eq!(mls_framing::welcome(&cut).is_ok(), all.secrets().len() == 1);
        assert_eq!(mls_framing::key_package(&bytes(&case["mls_key_package"])), Ok(()));
        assert!(mls_framing::welcome(&private).is_err());
        assert!(mls_framing::private_message(&welcome).is_err());
        for other in [
            "mls_group_info",
            "mls_key_package",
            "public_message_application",
            "public_message_proposal",
            "public_message_commit",
        ] {
            let other = bytes(&case[other]);
            assert!(mls_framing::private_message(&other).is_err());
            assert!(mls_framing::welcome(&other).is_err());
        }
    }
    println!("{} cases", cases(&file).len());
}

#[test]
fn lengths_are_read_as_the_vectors_say() {
    let Some(file) = vectors("mls/deserialization.json") else { return };
    let mut sized = 0;
    for case in cases(&file) {
        let header = bytes(&case["vlbytes_header"]);
        let length = case["length"].as_u64().unwrap() as usize;
        // a private message whose authenticated data has this length
        let mut message = vec![0, 1, 0, 2, 16];
        message.extend_from_slice(&[0xaa; 16 + 8]);
        message.push(1);
        message.extend_from_slice(&header);
        let short = message.clone();
        if length > 1 << 20 {
            assert!(mls_framing::private_message(&short).is_err(), "1 GiB that is not there");
            continue;
        }
        message.resize(message.len() + length, 0xdd);
        message.extend_from_slice(&[&[28][..], &[0xbb; 28], &[16], &[0xcc; 16]].concat());
        assert!(mls_framing::private_message(&message).is_ok(), "{length}");
        message.pop();
        assert!(mls_framing::private_message(&message).is_err(), "{length}, one byte less");
        sized += 1;
    }
    assert_eq!(sized, 13);
}

#[test]
fn every_message_of_the_vectors_comes_back_through_openmls() {
    use tls_codec::Serialize as _;
    let Some(file) = vectors("mls/messages.json") else { return };
    for case in cases(&file) {
        for kind in
            ["mls_welcome", "mls_group_info", "mls_key_package", "private_message", "public_message_commit"]
        {
            let message = bytes(&case[kind]);
            let read = MlsMessageIn::tls_deserialize_exact(&message).unwrap();
            if kind == "private_message" || kind.starts_with("public") {
                read.try_into_protocol_message().unwrap();
                continue;
            }
            assert_eq!(read.tls_serialize_detached().unwrap(), message, "{kind}");
        }
    }
}

/// What OpenMLS stores for a key package, made from its parts as OpenMLS itself gives no way to.
#[derive(Serialize, Deserialize)]
struct StoredKeyPackage {
    key_package: KeyPackage,
    private_init_key: HpkePrivateKey,
    private_encryption_key: StoredPrivateKey,
}

#[derive(Serialize, Deserialize)]
struct StoredPrivateKey {
    key: HpkePrivateKey,
}

#[derive(Serialize, Deserialize)]
struct StoredKeyPair {
    public_key: openmls::treesync::EncryptionKey,
    private_key: StoredPrivateKey,
}

impl Entity<CURRENT_VERSION> for StoredKeyPackage {}
impl traits::KeyPackage<CURRENT_VERSION> for StoredKeyPackage {}
impl Entity<CURRENT_VERSION> for StoredKeyPair {}
impl traits::HpkeKeyPair<CURRENT_VERSION> for StoredKeyPair {}

/// A client that only follows: it joins by the Welcome and processes every commit of the case.
fn follow(case: &Value) -> Result<usize, String> {
    let provider = OpenMlsRustCrypto::default();
    for psk in case["external_psks"].as_array().unwrap() {
        let psk_id = Psk::External(ExternalPsk::new(bytes(&psk["psk_id"])));
        let id = PreSharedKeyId::new(Ciphersuite::try_from(suite(case)).unwrap(), provider.rand(), psk_id);
        let id = id.map_err(|error| error.to_string())?;
        id.store(&provider, &bytes(&psk["psk"])).map_err(|error| error.to_string())?;
    }
    store_key_package(&provider, case);
    let config = MlsGroupJoinConfig::builder()
        .use_ratchet_tree_extension(true)
        .wire_format_policy(MIXED_PLAINTEXT_WIRE_FORMAT_POLICY)
        .number_of_resumption_psks(16)
        .build();
    let welcome = MlsMessageIn::tls_deserialize_exact(bytes(&case["welcome"])).unwrap();
    let MlsMessageBodyIn::Welcome(welcome) = welcome.extract() else { panic!("a Welcome") };
    let mut join = StagedWelcome::build_from_welcome(&provider, &config, welcome)
        .map_err(|error| error.to_string())?
        .skip_lifetime_validation();
    if let Some(tree) = case["ratchet_tree"].as_str() {
        join =
            join.with_ratchet_tree(RatchetTreeIn::tls_deserialize_exact(hex::decode(tree).unwrap()).unwrap());
    }
    let staged = join.build().map_err(|error| error.to_string())?;
    let mut group = staged.into_group(&provider).map_err(|error| error.to_string())?;
    assert_eq!(group.epoch_authenticator().as_slice(), bytes(&case["initial_epoch_authenticator"]));
    let epochs = case["epochs"].as_array().unwrap();
    for epoch in epochs {
        for proposal in epoch["proposals"].as_array().unwrap() {
            process(&mut group, &provider, &bytes(proposal))?;
        }
        process(&mut group, &provider, &bytes(&epoch["commit"]))?;
        assert_eq!(group.epoch_authenticator().as_slice(), bytes(&epoch["epoch_authenticator"]));
    }
    Ok(epochs.len())
}

fn suite(case: &Value) -> u16 {
    case["cipher_suite"].as_u64().unwrap() as u16
}

fn store_key_package(provider: &OpenMlsRustCrypto, case: &Value) {
    let message = MlsMessageIn::tls_deserialize_exact(bytes(&case["key_package"])).unwrap();
    let MlsMessageBodyIn::KeyPackage(key_package) = message.extract() else { panic!("a key package") };
    // Its own checks would find it expired years ago; its fields are the same either way.
    let key_package: KeyPackage =
        serde_json::from_value(serde_json::to_value(&key_package).unwrap()).unwrap();
    let private = || StoredPrivateKey { key: bytes(&case["encryption_priv"]).into() };
    let public_key = key_package.leaf_node().encryption_key().clone();
    let pair = StoredKeyPair { public_key: public_key.clone(), private_key: private() };
    provider.storage().write_encryption_key_pair(&public_key, &pair).unwrap();
    let reference = key_package.hash_ref(provider.crypto()).unwrap();
    let stored = StoredKeyPackage {
        key_package,
        private_init_key: bytes(&case["init_priv"]).into(),
        private_encryption_key: private(),
    };
    provider.storage().write_key_package(&reference, &stored).unwrap();
}

fn process(group: &mut MlsGroup, provider: &OpenMlsRustCrypto, message: &[u8]) -> Result<(), String> {
    let message = MlsMessageIn::tls_deserialize_exact(message).unwrap().try_into_protocol_message().unwrap();
    let processed = group.process_message(provider, message).map_err(|error| format!("{error:?}"))?;
    match processed.into_content() {
        ProcessedMessageContent::ProposalMessage(proposal) => {
            group.store_pending_proposal(provider.storage(), *proposal).map_err(|error| error.to_string())
        }
        ProcessedMessageContent::StagedCommitMessage(commit) => {
            group.merge_staged_commit(provider, *commit).map_err(|error| error.to_string())
        }
        _ => Err("neither a proposal nor a commit".to_owned()),
    }
}

fn follow_all(name: &str) {
    let Some(file) = vectors(name) else { return };
    let (mut joined, mut epochs, mut unsupported) = (0, 0, 0);
    for (at, case) in cases(&file).iter().enumerate() {
        let suite = Ciphersuite::try_from(suite(case));
        let provider = OpenMlsRustCrypto::default();
        if suite.is_err() || provider.crypto().supports(suite.unwrap()).is_err() {
            unsupported += 1;
            continue;
        }
        epochs += follow(case).unwrap_or_else(|error| panic!("{name}, case {at}: {error}"));
        joined += 1;
    }
    println!("{name}: {joined} joined, {epochs} commits followed, {unsupported} of suites that are not here");
    assert!(joined > 0);
}

#[test]
fn a_passive_client_joins_by_every_welcome() {
    follow_all("mls/passive-client-welcome.json");
}

#[test]
fn a_passive_client_follows_every_commit() {
    follow_all("mls/passive-client-handling-commit.json");
}

#[test]
fn our_verification_takes_every_good_ed25519_signature_and_refuses_every_bad_one() {
    let Some(file) = vectors("wycheproof/ed25519_test.json") else { return };
    let (mut good, mut bad) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let key: [u8; 32] = bytes(&group["publicKey"]["pk"]).try_into().unwrap();
        for case in group["tests"].as_array().unwrap() {
            let verified = verify(&key, &bytes(&case["msg"]), &bytes(&case["sig"]));
            match case["result"].as_str().unwrap() {
                "valid" => {
                    assert_eq!(verified, Ok(()), "{case}");
                    good += 1;
                }
                "invalid" => {
                    assert!(verified.is_err(), "{case}");
                    bad += 1;
                }
                other => panic!("{other} wants a decision"),
            }
        }
    }
    println!("{good} good, {bad} bad");
    assert_eq!(good + bad, file["numberOfTests"].as_u64().unwrap());
}

#[test]
fn the_provider_opens_what_the_hpke_vectors_sealed_to_an_x_wing_key() {
    const X_WING: u64 = 0x647a;
    const HKDF_SHA256: u64 = 1;
    let Some(file) = vectors("hpke-pq/test-vectors.json") else { return };
    let provider = OpenMlsRustCrypto::default();
    let case = cases(&file)
        .iter()
        .find(|case| case["kem_id"] == X_WING && case["kdf_id"] == HKDF_SHA256)
        .expect("an X-Wing case");
    let sealed = &case["encryptions"][0];
    let input =
        HpkeCiphertext { kem_output: bytes(&case["enc"]).into(), ciphertext: bytes(&sealed["ct"]).into() };
    let config =
        || HpkeConfig(HpkeKemType::XWingKemDraft6, HpkeKdfType::HkdfSha256, HpkeAeadType::ChaCha20Poly1305);
    let (secret, info, aad) = (bytes(&case["skRm"]), bytes(&case["info"]), bytes(&sealed["aad"]));
    let opened = provider.crypto().hpke_open(config(), &input, &secret, &info, &aad);
    assert_eq!(opened, Ok(bytes(&sealed["pt"])));
}

#[test]
fn x_wing_keys_of_the_vectors_fit_together_in_both_providers() {
    let Some(file) = vectors("xwing/test-vectors.json") else { return };
    let ours = OpenMlsRustCrypto::default();
    let other = openmls_libcrux_crypto::Provider::new().unwrap();
    let config = || HpkeConfig(HpkeKemType::XWingKemDraft6, HpkeKdfType::HkdfSha256, HpkeAeadType::AesGcm128);
    for case in cases(&file) {
        let (public, secret) = (bytes(&case["pk"]), bytes(&case["sk"]));
        let sealed = ours.crypto().hpke_seal(config(), &public, b"info", b"aad", b"ana").unwrap();
        assert_eq!(other.crypto().hpke_open(config(), &sealed, &secret, b"info", b"aad").unwrap(), b"ana");
        let sealed = other.crypto().hpke_seal(config(), &public, b"info", b"aad", b"bruno").unwrap();
        assert_eq!(ours.crypto().hpke_open(config(), &sealed, &secret, b"info", b"aad").unwrap(), b"bruno");
    }
}
