//! Which certificate a relay must show: signed by a root that is trusted, or the one pinned at sign-up.

use std::fmt;
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use super::ConnectError;

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Whose word a relay's certificate is taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The roots that this machine trusts.
    System,
    /// These roots alone, in DER.
    Roots(Vec<Vec<u8>>),
    /// Only this certificate: the one that was shown at sign-up.
    Pinned(Fingerprint),
    /// Whatever is shown, to be pinned. Only at sign-up, and only on loopback.
    FirstUse,
}

/// The verifier for a way to trust.
pub(super) fn verifier(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Pinned(known) => return Ok(Arc::new(Pin::new(Some(*known), provider))),
        Trust::FirstUse => return Ok(Arc::new(Pin::new(None, provider))),
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
                return Err(ConnectError::Roots(why));
            }
        }
        Trust::Roots(given) => {
            for root in given {
                roots
                    .add(CertificateDer::from(root.clone()))
                    .map_err(|error| ConnectError::Roots(error.to_string()))?;
            }
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
        .map_err(|error| ConnectError::Roots(error.to_string()))
}

/// Accepts one certificate, whoever signed it: its holder still proves that the key is its own.
#[derive(Debug)]
struct Pin {
    known: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
    /// The first certificate seen, when none was known: the next must be the same.
    first: Mutex<Option<Fingerprint>>,
}

/// The certificate differs from the pinned one.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is not the pinned one")]
pub(super) struct OtherCertificate {
    pub(super) known: Fingerprint,
    pub(super) found: Fingerprint,
}

impl Pin {
    fn new(known: Option<Fingerprint>, provider: &Arc<CryptoProvider>) -> Self {
        Self { known, provider: provider.clone(), first: Mutex::new(known) }
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Fingerprint::of(end_entity);
        let mut first = self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = self.known.unwrap_or(*first.get_or_insert(found));
        if known == found {
            return Ok(ServerCertVerified::assertion());
        }
        let other = rustls::OtherError(Arc::new(OtherCertificate { known, found }));
        Err(Error::InvalidCertificate(CertificateError::Other(other)))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
