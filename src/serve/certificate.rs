//! The certificate of the encrypted transports: read from disk, and again when it changes there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::bounds::CERTIFICATE_OCTETS;
use crate::model::CertificateFiles;

/// Why a certificate cannot be used. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{path}: {source}; mend [encrypted] certificate and key, or the permissions of the file", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: no {expected} in PEM form; put it there, or mend [encrypted] certificate and key", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        expected: &'static str,
    },
    /// The key is another certificate's.
    #[error(
        "{key} is not the private key of {chain}, or of a kind that is not known ({reason}); \
         name the two files that were issued together",
        key = .files.key.display(),
        chain = .files.chain.display()
    )]
    Mismatch {
        /// The files.
        files: Box<CertificateFiles>,
        /// What the TLS library says.
        reason: String,
    },
}

/// A certificate that can be used.
#[derive(Debug)]
pub(super) struct Certificate {
    certified: Arc<CertifiedKey>,
    /// NOTAFTER in seconds since 1970.
    pub(super) expires: i64,
    /// What tells that the files changed.
    mark: Mark,
}

type Mark = [Option<(SystemTime, u64)>; 2];

fn mark(files: &CertificateFiles) -> Mark {
    [&files.chain, &files.key].map(|file| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

impl Certificate {
    /// Reads the two files.
    ///
    /// # Errors
    /// If they do not hold a certificate and its key.
    pub(super) fn read(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let mark = mark(files);
        let malformed = |path: &Path, expected| CertificateError::Malformed { path: path.to_path_buf(), expected };
        let chain = text(&files.chain)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
        let chain = chain.map_err(|_| malformed(&files.chain, "certificate"))?;
        let leaf = chain.first().ok_or_else(|| malformed(&files.chain, "certificate"))?;
        let (_, parsed) =
            x509_parser::parse_x509_certificate(leaf).map_err(|_| malformed(&files.chain, "certificate"))?;
        let expires = parsed.validity().not_after.timestamp();
        let key =
            PrivateKeyDer::from_pem_slice(&text(&files.key)?).map_err(|_| malformed(&files.key, "private key"))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain.clone(), key, &provider).map_err(|error| {
            CertificateError::Mismatch { files: Box::new(files.clone()), reason: error.to_string() }
        })?;
        Ok(Self { certified: Arc::new(certified), expires, mark })
    }

    /// What is worth knowing about its end at `now`, in seconds since 1970.
    pub(super) fn trouble(&self, files: &CertificateFiles, now: i64) -> Option<String> {
        let chain = files.chain.display();
        let left = self.expires - now;
        if left <= 0 {
            return Some(format!("{chain} has expired: encrypted clients refuse it; renew it"));
        }
        (left < EXPIRY_WARNING).then(|| format!("{chain} expires in {} hours; renew it", left / 3_600))
    }
}

/// From when on the end of a certificate is trouble, in seconds.
const EXPIRY_WARNING: i64 = 7 * 86_400;

fn text(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable { path: path.to_path_buf(), source };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > CERTIFICATE_OCTETS {
        let reason = format!("more than {CERTIFICATE_OCTETS} octets");
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    fs::read(path).map_err(unreadable)
}

/// The certificate in use; connections that are open keep the one that they began with.
#[derive(Debug)]
pub(super) struct Certificates {
    files: CertificateFiles,
    used: ArcSwap<Certificate>,
}

impl Certificates {
    /// The certificate in `files`.
    ///
    /// # Errors
    /// As [`Certificate::read`].
    pub(super) fn open(files: &CertificateFiles) -> Result<Self, CertificateError> {
        Ok(Self { files: files.clone(), used: ArcSwap::from_pointee(Certificate::read(files)?) })
    }

    /// Reads the files again if they changed. Gives what became of it; `None` where nothing changed.
    pub(super) fn refresh(&self) -> Option<Result<(), CertificateError>> {
        if mark(&self.files) == self.used.load().mark {
            return None;
        }
        Some(Certificate::read(&self.files).map(|certificate| self.used.store(Arc::new(certificate))))
    }

    /// As [`Certificate::trouble`], for the one in use.
    pub(super) fn trouble(&self, now: i64) -> Option<String> {
        self.used.load().trouble(&self.files, now)
    }

    /// When the one in use ends, in seconds since 1970.
    pub(super) fn expires(&self) -> i64 {
        self.used.load().expires
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.used.load().certified))
    }
}

/// How TLS is spoken with `protocols` (ALPN), TLS 1.2 on.
pub(super) fn server_config(certificates: &Arc<Certificates>, protocols: &[&[u8]]) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(certificates) as _;
    // The versions of a provider that has their cipher suites are always accepted.
    let mut config = match rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_no_client_auth().with_cert_resolver(resolver),
        Err(_) => rustls::ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver),
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// How often the files are looked at.
pub(super) const LOOK: Duration = Duration::from_secs(5);
