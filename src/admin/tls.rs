//! TLS of the admin API: made of files, and made again when they change. A pair that cannot be used never replaces a good one.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::bounds::{CERTIFICATE_LOOK, CERTIFICATE_NAMES, CERTIFICATE_OCTETS, EXPIRY_WARNING};
use super::entrance_control::Entrance;
use crate::model::AdminTls;

/// Why the admin API cannot speak TLS. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {source}; mend [admin] {key}, or the permissions of the file", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: no {expected} in PEM form; put it there, or mend [admin] {key}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// The key is another certificate's, or the authorities cannot be trusted.
    #[error("{path}: {reason}; name certificate and key of [admin] that were issued together, and authorities as client_ca", path = .path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What the TLS library says.
        reason: String,
    },
}

/// What makes the admin API speak TLS; connections that are open keep what they began with.
pub(super) struct Armour {
    files: AdminTls,
    used: ArcSwap<Made>,
}

struct Made {
    config: Arc<ServerConfig>,
    /// NOTAFTER of the certificate.
    ends: Timestamp,
    marks: Vec<Mark>,
}

/// What tells that a file changed.
type Mark = Option<(SystemTime, u64, u64)>;

impl Armour {
    /// What the files make.
    pub(super) fn read(files: AdminTls) -> Result<Self, TlsError> {
        let used = ArcSwap::from_pointee(Made::of(&files)?);
        Ok(Self { files, used })
    }

    /// What new connections begin with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.used.load().config)
    }

    /// Reads the files again if they changed. `None` where they did not, or not since they were last found to be of no use.
    fn refresh(&self, tried: &mut Vec<Mark>) -> Option<Result<(), TlsError>> {
        let marks = marks(&self.files);
        if marks == self.used.load().marks || marks == *tried {
            return None;
        }
        tried.clone_from(&marks);
        Some(Made::of(&self.files).map(|made| self.used.store(Arc::new(made))))
    }

    /// What is worth knowing of the certificate's end.
    fn trouble(&self, now: Timestamp) -> Option<String> {
        let (chain, ends) = (self.files.certificate.chain.display(), self.used.load().ends);
        if ends <= now {
            return Some(format!("{chain} of [admin] has expired: browsers and commands refuse it; renew it"));
        }
        let left = ends.duration_since(now).as_hours();
        (left < EXPIRY_WARNING).then(|| format!("{chain} of [admin] expires in {left} hours; renew it"))
    }
}

/// Reads the files again when they change and tells the node what becomes of it, until the node stops.
pub(super) async fn watch(
    armour: Arc<Armour>,
    control: Arc<impl Entrance + ?Sized>,
    mut stopping: watch::Receiver<()>,
) {
    let (mut tried, mut failing, mut told) = (Vec::new(), None, None);
    loop {
        let looked = {
            let armour = Arc::clone(&armour);
            let mut before = std::mem::take(&mut tried);
            tokio::task::spawn_blocking(move || {
                let outcome = armour.refresh(&mut before);
                (outcome, before)
            })
        };
        if let Ok((outcome, after)) = looked.await {
            tried = after;
            match outcome {
                Some(Ok(())) => {
                    tracing::info!("the certificate of the admin API was read again");
                    failing = None;
                }
                Some(Err(error)) => failing = Some(format!("{error}; the one before is used on")),
                None => {}
            }
        }
        let trouble = failing.clone().or_else(|| armour.trouble(Timestamp::now()));
        if told.as_ref() != Some(&trouble) {
            let state = trouble.clone().map_or_else(|| Ok("the certificate of the admin API is good".to_owned()), Err);
            control.certificate(state);
            told = Some(trouble);
        }
        tokio::select! {
            _ = stopping.changed() => return,
            () = tokio::time::sleep(CERTIFICATE_LOOK) => {}
        }
    }
}

impl Made {
    fn of(files: &AdminTls) -> Result<Self, TlsError> {
        let marks = marks(files);
        let chain = certificates(&files.certificate.chain, "certificate")?;
        let key_file = &files.certificate.key;
        let key = PrivateKeyDer::from_pem_slice(&octets(key_file, "key")?).map_err(|_| TlsError::Malformed {
            path: key_file.clone(),
            key: "key",
            expected: "private key",
        })?;
        let malformed = || TlsError::Malformed {
            path: files.certificate.chain.clone(),
            key: "certificate",
            expected: "certificate",
        };
        let leaf = chain.first().ok_or_else(malformed)?;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| malformed())?;
        let ends = Timestamp::from_second(leaf.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
        let unfit =
            |path: &Path, reason: &dyn ToString| TlsError::Unfit { path: path.into(), reason: reason.to_string() };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unfit(&files.certificate.chain, &error))?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(file, "client_ca")? {
                    roots.add(authority).map_err(|error| unfit(file, &error))?;
                }
                // Who shows none signs in, or brings a token.
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| unfit(file, &error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| unfit(key_file, &error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), ends, marks })
    }
}

fn marks(files: &AdminTls) -> Vec<Mark> {
    let named = [&files.certificate.chain, &files.certificate.key].into_iter().chain(&files.client_ca);
    let mark = |file: &PathBuf| {
        let found = fs::metadata(file).ok()?;
        Some((found.modified().ok()?, found.len(), found.ino()))
    };
    named.map(mark).collect()
}

fn certificates(path: &Path, key: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets(path, key)?).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsError::Malformed { path: path.into(), key, expected: "certificate" }),
    }
}

fn octets(path: &Path, key: &'static str) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.into(), key, source };
    if fs::metadata(path).map_err(unreadable)?.len() > CERTIFICATE_OCTETS {
        let reason = format!("more than {CERTIFICATE_OCTETS} octets");
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    fs::read(path).map_err(unreadable)
}

/// A certificate that a client showed and that one of our authorities issued.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// What it is for: its alternative names, or its common name where it has none.
    pub(super) names: Vec<String>,
    ends: Timestamp,
}

impl Shown {
    /// What `certificate` says.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let ends = Timestamp::from_second(parsed.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
        let alternative = parsed.subject_alternative_name().ok().flatten();
        let mut names: Vec<String> = alternative
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                    Some((*name).to_owned())
                }
                GeneralName::IPAddress(octets) => address(octets),
                _ => None,
            })
            .take(CERTIFICATE_NAMES)
            .collect();
        if names.is_empty() {
            names.extend(
                parsed.subject().iter_common_name().filter_map(|name| Some(name.as_str().ok()?.to_owned())).take(1),
            );
        }
        Some(Self { names, ends })
    }

    /// Whether its time is over; it was not when the connection began.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends <= now
    }
}

fn address(octets: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::model::CertificateFiles;

    fn pair(directory: &Path, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(directory.join("chain.pem"), certificate.pem()).unwrap();
        fs::write(directory.join("key.pem"), key.serialize_pem()).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_broken_pair_never_replaces_a_good_one() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name| directory.path().join(name);
        let files = AdminTls {
            certificate: CertificateFiles { chain: file("chain.pem"), key: file("key.pem") },
            client_ca: None,
        };
        assert!(matches!(Armour::read(files.clone()), Err(TlsError::Unreadable { key: "certificate", .. })));
        pair(directory.path(), "localhost");
        let armour = Armour::read(files).unwrap();
        let (first, mut tried) = (armour.config(), Vec::new());
        assert!(armour.refresh(&mut tried).is_none());
        fs::write(file("key.pem"), "half a fi").unwrap();
        assert!(matches!(armour.refresh(&mut tried), Some(Err(TlsError::Malformed { key: "key", .. }))));
        assert!(armour.refresh(&mut tried).is_none(), "it is told once");
        assert!(Arc::ptr_eq(&first, &armour.config()));
        // The key of another certificate.
        fs::write(file("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(matches!(armour.refresh(&mut tried), Some(Err(TlsError::Unfit { .. }))));
        assert!(Arc::ptr_eq(&first, &armour.config()));
        pair(directory.path(), "ns1.example.org");
        assert!(matches!(armour.refresh(&mut tried), Some(Ok(()))));
        assert!(!Arc::ptr_eq(&first, &armour.config()));
    }

    #[test]
    fn the_end_of_a_certificate_is_told_in_time() {
        let directory = tempfile::tempdir().unwrap();
        pair(directory.path(), "localhost");
        let file = |name| directory.path().join(name);
        let certificate = CertificateFiles { chain: file("chain.pem"), key: file("key.pem") };
        let armour = Armour::read(AdminTls { certificate, client_ca: None }).unwrap();
        let ends = armour.used.load().ends;
        assert_eq!(armour.trouble(ends - Duration::from_secs(8 * 86_400)), None);
        assert!(armour.trouble(ends - Duration::from_secs(86_400)).unwrap().contains("expires in 24 hours"));
        assert!(armour.trouble(ends).unwrap().contains("has expired"));
    }

    #[test]
    fn a_client_is_called_by_the_names_of_its_certificate() {
        let key = KeyPair::generate().unwrap();
        let names = ["deploy.example.org", "192.0.2.7", "2001:db8::7"].map(ToOwned::to_owned);
        let certificate = CertificateParams::new(names.to_vec()).unwrap().self_signed(&key).unwrap();
        let shown = Shown::of(certificate.der()).unwrap();
        assert_eq!(shown.names, names);
        assert!(shown.is_over(shown.ends) && !shown.is_over(shown.ends - Duration::from_secs(1)));
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "deploy");
        assert_eq!(Shown::of(params.self_signed(&key).unwrap().der()).unwrap().names, ["deploy"]);
    }
}
