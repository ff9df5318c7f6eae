//! What is looked at in the files of `lacre relay --tls CERTIFICATE,KEY`.

use std::fs;
use std::path::Path;

use lacre_proto::Millis;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Check, machine};

/// A certificate that is good for less than this is worth saying.
pub(super) const SOON_DAYS: i64 = 21;
const NAME: &str = "certificate";
const RENEW: &str = "have it renewed, and start the relay anew";

/// Looks at a chain of certificates and its key: whose they are, whether they go together, and for how long.
pub(super) fn checks(certificate: &Path, key: &Path, now: Millis) -> Vec<Check> {
    let mut checks = vec![machine::private("key", key)];
    let chain = fs::read(certificate).map_err(|error| error.to_string()).and_then(|pem| {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        chain.map_err(|error| error.to_string())
    });
    let chain = match chain {
        Ok(chain) if !chain.is_empty() => chain,
        Ok(_) => {
            let found = format!("{} holds no certificate", certificate.display());
            checks.push(Check::bad(NAME, found, "give the PEM file with the chain (often fullchain.pem)"));
            return checks;
        }
        Err(error) => {
            let found = format!("{}: {error}", certificate.display());
            checks.push(Check::bad(NAME, found, "look whether the path is right, and the file PEM"));
            return checks;
        }
    };
    checks.push(chain_of(&chain, now));
    checks.push(pair(&chain, key));
    checks
}

/// Whether the chain hangs together, and until when it is good.
fn chain_of(chain: &[CertificateDer<'_>], now: Millis) -> Check {
    let parsed: Result<Vec<_>, _> = chain.iter().map(|der| X509Certificate::from_der(der)).collect();
    let Ok(parsed) = parsed else {
        return Check::bad(NAME, "it does not decode", "get it anew from who has issued it");
    };
    let links = parsed.windows(2).map(|pair| pair[0].1.issuer().as_raw() == pair[1].1.subject().as_raw());
    if let Some(broken) = links.into_iter().position(|holds| !holds) {
        let found = format!("certificate {} of the file was not issued by the one after it", broken + 1);
        return Check::bad(
            NAME,
            found,
            "put them in order: the relay's own first, each one's issuer after it",
        );
    }
    let now = (now / 1000) as i64;
    let until = parsed.iter().map(|(_, it)| it.validity().not_after.timestamp()).min().unwrap_or_default();
    let from = parsed.iter().map(|(_, it)| it.validity().not_before.timestamp()).max().unwrap_or_default();
    let days = (until - now).div_euclid(86_400);
    let found = format!("{} in the chain, {days} days left", chain.len());
    let own = &parsed[0].1;
    let alone = parsed.len() == 1 && own.issuer().as_raw() != own.subject().as_raw();
    match days {
        ..0 => Check::bad(NAME, format!("{found}: it has expired"), RENEW),
        _ if from > now => Check::bad(NAME, "it is not valid yet", "look at this machine's clock"),
        0..SOON_DAYS => Check::notice(NAME, found, RENEW),
        _ if alone => Check::notice(
            NAME,
            format!("{found}, and its issuer is not in the file"),
            "give the whole chain (often fullchain.pem): some devices cannot complete it",
        ),
        _ => Check::ok(NAME, found),
    }
}

/// Whether the key is that of the first certificate.
fn pair(chain: &[CertificateDer<'static>], key: &Path) -> Check {
    const NAME: &str = "key pair";
    let fix = "give the key that the certificate was issued for";
    let Ok(der) = PrivateKeyDer::from_pem_file(key) else {
        return Check::bad(NAME, format!("{} holds no private key", key.display()), fix);
    };
    let Ok(key) = any_supported_type(&der) else {
        return Check::bad(NAME, "the key is of a kind that cannot serve", "use ECDSA P-256, Ed25519 or RSA");
    };
    match CertifiedKey::new(chain.to_vec(), key).keys_match() {
        Ok(()) => Check::ok(NAME, "the key is that of the certificate"),
        Err(_) => Check::bad(NAME, "the key is not that of the certificate", fix),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{CertificateParams, Issuer, KeyPair};
    use tempfile::TempDir;

    use super::*;
    use crate::commands::doctor::Verdict;

    /// A certificate and its issuer's, and the key, as they would be in files.
    struct Files {
        folder: TempDir,
        own: String,
        issuer: String,
    }

    impl Files {
        fn new() -> Self {
            let (issuer_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
            let params = |name: &str| {
                let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
                params.distinguished_name.push(rcgen::DnType::CommonName, name);
                params.not_before = rcgen::date_time_ymd(2026, 1, 1);
                params.not_after = rcgen::date_time_ymd(2027, 1, 1);
                params
            };
            let issuer = params("issuer.example").self_signed(&issuer_key).unwrap();
            let by = Issuer::new(params("issuer.example"), issuer_key);
            let own = params("relay.example").signed_by(&key, &by).unwrap();
            let files = Self { folder: TempDir::new().unwrap(), own: own.pem(), issuer: issuer.pem() };
            files.write("key", &key.serialize_pem());
            files
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            }
            path
        }

        /// Verdicts on key file, certificate and pair.
        fn verdicts(&self, chain: &str, now: Millis) -> Vec<Verdict> {
            let certificate = self.write("certificate", chain);
            let checks = checks(&certificate, &self.folder.path().join("key"), now);
            checks.into_iter().map(|check| check.verdict).collect()
        }
    }

    /// The first of June 2026, the twentieth of December 2026, the first of June 2027.
    const TIMES: [Millis; 3] = [1_780_272_000_000, 1_797_724_800_000, 1_811_808_000_000];

    #[test]
    fn a_chain_is_well_then_due_then_over() {
        let files = Files::new();
        let chain = format!("{}{}", files.own, files.issuer);
        let verdict = |now| files.verdicts(&chain, now)[1];
        assert_eq!(files.verdicts(&chain, TIMES[0]), [Verdict::Ok; 3]);
        assert_eq!(TIMES.map(verdict), [Verdict::Ok, Verdict::Notice, Verdict::Bad]);
        assert_eq!(verdict(TIMES[0] - 300 * 86_400_000), Verdict::Bad, "not valid yet");
    }

    #[test]
    fn a_chain_without_its_issuer_or_in_the_wrong_order_is_told() {
        let files = Files::new();
        assert_eq!(files.verdicts(&files.own, TIMES[0])[1], Verdict::Notice);
        let wrong = format!("{}{}", files.issuer, files.own);
        assert_eq!(files.verdicts(&wrong, TIMES[0])[1..], [Verdict::Bad, Verdict::Bad]);
        assert_eq!(files.verdicts("no PEM", TIMES[0])[1..], [Verdict::Bad]);
    }

    #[test]
    fn another_ones_key_is_told() {
        let files = Files::new();
        let chain = format!("{}{}", files.own, files.issuer);
        files.write("key", &KeyPair::generate().unwrap().serialize_pem());
        assert_eq!(files.verdicts(&chain, TIMES[0]), [Verdict::Ok, Verdict::Ok, Verdict::Bad]);
        files.write("key", "no PEM");
        assert_eq!(files.verdicts(&chain, TIMES[0])[2], Verdict::Bad);
    }
}
