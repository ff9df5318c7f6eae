//! What is looked at in a relay's data folder.

use std::fs::{self, File};
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use lacre_client::clock::{Clock, SystemClock};
use lacre_client::probe;
use lacre_client::transport::{Endpoint, Fingerprint, TlsConnect, Trust};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::tls::{self, SOON_DAYS};
use super::{Check, files, machine};
use crate::cli::{DoctorArgs, RelayData, TlsArg};
use crate::commands::admin::ask;
use crate::commands::relay::DATABASE;
use crate::safe_text::safe_line;

/// Who has so many days left has them all.
const ALWAYS_DAYS: i64 = 36_500;
const PLAIN: &[u8] = b"redb";
const SEALED: &[u8] = b"lacre\x1asb";

pub(super) async fn checks(args: &DoctorArgs) -> Vec<Check> {
    let Some(folder) = args.data.as_deref() else { return Vec::new() };
    let mut checks = vec![machine::version(), machine::private("folder", folder)];
    if !folder.is_dir() {
        return checks;
    }
    checks.push(machine::disk(folder));
    checks.push(machine::clock(folder));
    checks.extend(database(&folder.join(DATABASE)));
    let relay = RelayData { data: folder.to_owned(), data_key_file: args.data_key_file.clone() };
    checks.extend(files::checks(folder, &files::named(&relay).await));
    let pinned = match &args.tls {
        None | Some(TlsArg::SelfSigned) => certificate(folder, &mut checks),
        Some(TlsArg::Files(certificate, key)) => {
            checks.extend(tls::checks(certificate, key, SystemClock.now()));
            None
        }
        Some(TlsArg::Off) => None,
    };
    if let Some(address) = args.listen {
        checks.push(port(address, pinned).await);
    }
    if let Some(address) = args.admin {
        checks.push(admin(address));
    }
    checks
}

fn database(path: &Path) -> Vec<Check> {
    let mut head = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read(&mut head));
    let bytes = match read {
        Ok(_) => fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let fix = "start the relay once: it makes one";
            return vec![Check::notice("database", "there is none yet", fix)];
        }
        Err(error) => return vec![Check::bad("database", error.to_string(), "look at the permissions")],
    };
    let size = format!("{} of {:.1} MiB", path.display(), bytes as f64 / f64::from(1 << 20));
    let at_rest = if head.starts_with(SEALED) {
        Check::ok("at rest", "sealed: without the data key the disk tells nothing but sizes")
    } else if head.starts_with(PLAIN) {
        Check::notice(
            "at rest",
            "not sealed: messages are, but who the disk is shown to sees accounts and mailboxes",
            "start with --data-key-file on a new folder, and import an export of this one",
        )
    } else {
        Check::bad("at rest", "the database's head is not one", "restore the folder from an export")
    };
    vec![Check::ok("database", size), at_rest]
}

/// Looks at the relay's own-made certificate; gives its fingerprint.
fn certificate(folder: &Path, checks: &mut Vec<Check>) -> Option<Fingerprint> {
    let folder = folder.join("tls");
    let pem = match fs::read(folder.join("certificate.pem")) {
        Ok(pem) => pem,
        Err(_) => {
            let found = "no certificate of its own: it uses files that are kept elsewhere, or no TLS";
            let fix = "name the files, to have them looked at: --tls CERTIFICATE,KEY";
            checks.push(Check::notice("certificate", found, fix));
            return None;
        }
    };
    checks.push(machine::private("key", &folder.join("key.pem")));
    let der = CertificateDer::from_pem_slice(&pem).ok();
    let parsed = der.as_ref().and_then(|der| X509Certificate::from_der(der).ok());
    let (Some(der), Some((_, parsed))) = (&der, parsed) else {
        let fix = "remove the folder tls: the next start makes another, and people must sign up anew";
        checks.push(Check::bad("certificate", "it does not decode", fix));
        return None;
    };
    let fingerprint = Fingerprint::of(der);
    let days = (parsed.validity().not_after.timestamp() - (SystemClock.now() / 1000) as i64) / 86_400;
    let left = if days > ALWAYS_DAYS { "does not expire".to_owned() } else { format!("{days} days left") };
    let found = format!("self-signed, {left}, SHA-256 {fingerprint}");
    checks.push(match days {
        ..0 => Check::notice("certificate", found, "it is pinned, so it still serves; plan another"),
        0..SOON_DAYS => Check::notice("certificate", found, "it is pinned, so it will still serve"),
        _ => Check::ok("certificate", found),
    });
    Some(fingerprint)
}

/// Asks the relay for its greeting; when nothing listens, whether it could.
async fn port(address: SocketAddr, pinned: Option<Fingerprint>) -> Check {
    if let Ok(free) = TcpListener::bind(address) {
        drop(free);
        return Check::notice("port", format!("{address} is free: no relay runs there"), "start the relay");
    }
    let trust = pinned.map_or(Trust::System, Trust::Pinned);
    let mut last = None;
    for scheme in ["https", "http"] {
        let Ok(relay) = format!("{scheme}://{address}").parse() else { continue };
        match probe(&TlsConnect::default(), &Endpoint { address: relay, trust: trust.clone() }).await {
            Ok(_) => return Check::ok("port", format!("a relay answers at {scheme}://{address}")),
            Err(trouble) => last = last.or(Some(trouble)),
        }
    }
    let why = last.map(|trouble| trouble.to_string()).unwrap_or_default();
    Check::bad("port", format!("{address} is taken, and not by this relay: {why}"), "free the port")
}

fn admin(address: SocketAddr) -> Check {
    match ask(address, "GET /ready", None) {
        Ok((200, _)) => Check::ok("admin", format!("the relay at {address} says that it is ready")),
        Ok((_, why)) => Check::bad(
            "admin",
            format!("the relay at {address} says that it is not: {}", safe_line(&why)),
            "see its log",
        ),
        Err(error) => Check::bad("admin", format!("{address}: {error}"), "start the relay with --admin"),
    }
}
