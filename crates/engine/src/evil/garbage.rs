//! A commit whose path secrets are junk for one member, and right for all others (M-11): everything in it is
//! made as it must be, but what is sealed to the victim's keys is turned over after sealing. By the same means
//! the keys of sealed messages are watched (R3).

use std::collections::HashSet;
use std::sync::Mutex;

use lacre_proto::ConversationId;
use openmls::group::MlsGroup;
use openmls::prelude::{LeafNodeIndex, OpenMlsProvider};
use openmls_rust_crypto::RustCrypto;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair,
    KemOutput, SignatureScheme,
};
use tls_codec::SecretVLBytes;

use crate::EngineError;
use crate::mls::group::{self, Made, Myself, sealing};
use crate::mls::provider::{Provider, Rand};
use crate::mls::storage::Storage;
use crate::mls::welcome::Welcomes;

pub(super) fn commit(
    provider: &Provider<'_>,
    group: &mut MlsGroup,
    me: &Myself<'_>,
    victim: u32,
) -> Result<Made, EngineError> {
    let member = group.member_at(LeafNodeIndex::new(victim)).ok_or(EngineError::Corrupt("no such leaf"))?;
    let crypto = Watched { inner: provider.crypto(), spoiled: member.encryption_key, seen: Mutex::default() };
    let id = ConversationId::try_from(group.group_id().as_slice()).map_err(sealing)?;
    let bundle = group
        .commit_builder()
        .force_self_update(true)
        .load_psks(provider.storage())
        .map_err(sealing)?
        .build(provider.rand(), &crypto, me.secret, |_| true)
        .map_err(sealing)?
        .stage_commit(provider)
        .map_err(sealing)?;
    let commit = bundle.commit().to_bytes().map_err(sealing)?;
    let staged = group.pending_commit().ok_or(EngineError::Corrupt("no pending commit"))?;
    let capability_hash = group::next_capability_hash(provider, staged, id)?;
    Ok(Made { commit, welcomes: Welcomes::default(), capability_hash })
}

/// RustCrypto, but what it seals to one key cannot be opened, and it remembers the keys that it seals with.
pub(super) struct Watched<'a> {
    inner: &'a RustCrypto,
    spoiled: Vec<u8>,
    /// The key of every sealing, and how often one came again.
    seen: Mutex<(HashSet<Vec<u8>>, usize)>,
}

/// A provider with that.
struct Watching<'a> {
    provider: &'a Provider<'a>,
    crypto: Watched<'a>,
}

impl<'a> OpenMlsProvider for Watching<'a> {
    type CryptoProvider = Watched<'a>;
    type RandProvider = Rand<'a>;
    type StorageProvider = Storage<'a>;

    fn storage(&self) -> &Storage<'a> {
        &self.provider.storage
    }
    fn crypto(&self) -> &Watched<'a> {
        &self.crypto
    }
    fn rand(&self) -> &Rand<'a> {
        &self.provider.rand
    }
}

/// Seals so many messages; gives how many keys there were, and how often one came again. With `stuck` the group
/// never learns that a key was used.
pub(super) fn watch<'a>(
    provider: &'a Provider<'a>,
    id: ConversationId,
    me: &Myself<'_>,
    messages: usize,
    stuck: bool,
) -> Result<(usize, usize), EngineError> {
    let load =
        || group::load(provider, id).map_err(sealing)?.ok_or(EngineError::Corrupt("no member of the group"));
    let crypto = Watched { inner: provider.crypto(), spoiled: Vec::new(), seen: Mutex::default() };
    let watching = Watching { provider, crypto };
    let (mut group, mark) = (load()?, provider.storage.0.mark());
    for _ in 0..messages {
        if stuck {
            provider.storage.0.back_to(mark);
            group = load()?;
        }
        group.create_message(&watching, me.secret, b"the same each time").map_err(sealing)?;
    }
    let (seen, again) = watching.crypto.seen.into_inner().map_err(sealing)?;
    Ok((seen.len(), again))
}

impl OpenMlsCrypto for Watched<'_> {
    fn hpke_seal(
        &self,
        config: HpkeConfig,
        pk_r: &[u8],
        info: &[u8],
        aad: &[u8],
        ptxt: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        let mut sealed = self.inner.hpke_seal(config, pk_r, info, aad, ptxt)?;
        if pk_r == self.spoiled {
            let spoiled: Vec<u8> = sealed.ciphertext.as_slice().iter().map(|byte| !byte).collect();
            sealed.ciphertext = spoiled.into();
        }
        Ok(sealed)
    }

    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        self.inner.supports(ciphersuite)
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        self.inner.supported_ciphersuites()
    }

    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hkdf_extract(hash, salt, ikm)
    }

    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hmac(hash, key, message)
    }

    fn hkdf_expand(
        &self,
        hash: HashType,
        prk: &[u8],
        info: &[u8],
        okm_len: usize,
    ) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hkdf_expand(hash, prk, info, okm_len)
    }

    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.hash(hash, data)
    }

    fn aead_encrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        data: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let mut seen = self.seen.lock().map_err(|_| CryptoError::CryptoLibraryError)?;
        if !seen.0.insert(key.to_vec()) {
            seen.1 += 1;
        }
        self.inner.aead_encrypt(alg, key, data, nonce, aad)
    }

    fn aead_decrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        ct_tag: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.aead_decrypt(alg, key, ct_tag, nonce, aad)
    }

    fn signature_key_gen(&self, alg: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        self.inner.signature_key_gen(alg)
    }

    fn verify_signature(
        &self,
        alg: SignatureScheme,
        data: &[u8],
        pk: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.verify_signature(alg, data, pk, signature)
    }

    fn sign(&self, alg: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.sign(alg, data, key)
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        sk_r: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.hpke_open(config, input, sk_r, info, aad)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        pk_r: &[u8],
        info: &[u8],
        exporter_context: &[u8],
        exporter_length: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        self.inner.hpke_setup_sender_and_export(config, pk_r, info, exporter_context, exporter_length)
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        sk_r: &[u8],
        info: &[u8],
        exporter_context: &[u8],
        exporter_length: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        self.inner.hpke_setup_receiver_and_export(config, enc, sk_r, info, exporter_context, exporter_length)
    }

    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        self.inner.derive_hpke_keypair(config, ikm)
    }
}
