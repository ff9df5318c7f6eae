//! TLS: 1.3 only, hybrid post-quantum key exchange first; certificates from files, or one made here.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};

use crate::config::Tls;

/// What sockets are protected with.
pub struct Protection {
    /// For an acceptor.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the certificate, as DER.
    pub fingerprint: [u8; 32],
}

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("the certificate's files: {0}")]
    File(#[from] io::Error),
    /// A file does not hold what it should.
    #[error("the certificate file holds no certificate, or the key file no key")]
    Pem,
    /// Key and certificate do not go together, or are of a kind that cannot serve.
    #[error("the certificate cannot serve: {0}")]
    Unfit(#[from] rustls::Error),
    /// None could be made.
    #[error("no certificate could be made: {0}")]
    NotMade(#[from] rcgen::Error),
    /// The authority of clients does not fit.
    #[error("clients cannot be asked for certificates of this authority: {0}")]
    Clients(#[from] rustls::server::VerifierBuilderError),
}

/// Loads, or makes, what the configuration says. A certificate made here is kept in the folder, if there is one. With
/// `clients`, a PEM file of authorities, who connects has to show a certificate of one of them.
pub fn protection(
    tls: &Tls,
    folder: Option<&Path>,
    clients: Option<&Path>,
) -> Result<Option<Protection>, CertificateError> {
    let (chain, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { certificate, key } => read(certificate, key)?,
        Tls::SelfSigned => self_signed(folder)?,
    };
    let fingerprint = Sha256::digest(chain.first().ok_or(CertificateError::Pem)?).into();
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1];
    let provider = Arc::new(provider);
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = match clients {
        None => config.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(authorities(path)?);
            config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots, provider).build()?,
            )
        }
    }
    .with_single_cert(chain, key)?;
    // A login costs a signature anyway, and a ticket would tie a device's sockets together.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Protection { config: Arc::new(config), fingerprint }))
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(certificate: &Path, key: &Path) -> Result<Pair, CertificateError> {
    parse(&fs::read(certificate)?, &fs::read(key)?)
}

fn parse(certificate: &[u8], key: &[u8]) -> Result<Pair, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|_| CertificateError::Pem)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::Pem)?;
    if chain.is_empty() { Err(CertificateError::Pem) } else { Ok((chain, key)) }
}

fn authorities(path: &Path) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&fs::read(path)?) {
        roots.add(certificate.map_err(|_| CertificateError::Pem)?)?;
    }
    if roots.is_empty() { Err(CertificateError::Pem) } else { Ok(roots) }
}

fn self_signed(folder: Option<&Path>) -> Result<Pair, CertificateError> {
    let Some(folder) = folder else {
        let (certificate, key) = make()?;
        return parse(certificate.as_bytes(), key.as_bytes());
    };
    let folder = folder.join("tls");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    // The certificate is written last: where it is, the key is.
    if !certificate.exists() {
        let made = make()?;
        private_folder(&folder)?;
        write_private(&key, made.1.as_bytes())?;
        write_private(&certificate, made.0.as_bytes())?;
    }
    read(&certificate, &key)
}

/// A certificate for this machine and its key, as PEM.
fn make() -> Result<(String, String), CertificateError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names)?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// Makes a folder that only its owner reads.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that only its owner reads, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)
}
