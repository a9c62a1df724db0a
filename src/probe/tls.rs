//! TLS: handshakes that complete whatever the certificate, and what is wrong with it.
//!
//! A bad certificate is trouble, not death, and only a handshake that completes shows the rest of the service. So the verifier
//! accepts every certificate, checks that the peer holds its key, and notes the problem that a strict client would have.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::bounds::{TRUST_REREAD, TRUST_RETRY};
use super::transcript::printable;
use crate::health::Outcome;
use crate::model::{Name, TlsMode, TlsPolicy};

/// Trust anchors, ready for use, or why there are none.
pub(super) type Trust = Result<Arc<Anchors>, String>;

/// Trust anchors from one place.
#[derive(Debug)]
pub(super) struct Anchors {
    verifier: Arc<WebPkiServerVerifier>,
    /// The certificates that were read: a server that presents one of them is trusted, though it be no authority.
    pinned: Vec<CertificateDer<'static>>,
}

/// Trust anchors by where they come from. They are read again now and then, behind the backs of the probes that use them:
/// reading takes longer than a probe may.
#[derive(Debug)]
pub(super) struct TrustStore {
    provider: Arc<CryptoProvider>,
    shelves: Mutex<HashMap<Option<PathBuf>, Arc<Shelf>>>,
}

/// The anchors of one place and when they were read.
#[derive(Debug, Default)]
struct Shelf {
    /// Held while somebody reads: on a file system that hangs, one thread waits and no more. Probes that have no anchors yet wait
    /// for it.
    reading: Arc<tokio::sync::Mutex<()>>,
    read: Mutex<Option<(Instant, Trust)>>,
}

impl Default for TrustStore {
    fn default() -> Self {
        Self { provider: Arc::new(aws_lc_rs::default_provider()), shelves: Mutex::default() }
    }
}

impl TrustStore {
    /// The anchors in the PEM file `ca`, or the system's. How long reading them takes says nothing of an endpoint.
    async fn anchors(&self, ca: Option<&Path>, deadline: Instant) -> Result<Trust, Outcome> {
        timeout_at(deadline, self.fetch(ca))
            .await
            .map_err(|_| Outcome::Inconclusive("the trust anchors are still being read".to_owned()))
    }

    async fn fetch(&self, ca: Option<&Path>) -> Trust {
        let place = ca.map(Path::to_path_buf);
        let shelf = {
            let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shelves.entry(place.clone()).or_default())
        };
        if let Some(trust) = shelf.take(&self.provider, &place) {
            return trust;
        }
        let alone = Arc::clone(&shelf.reading).lock_owned().await;
        if let Some(trust) = shelf.take(&self.provider, &place) {
            return trust;
        }
        // A task of its own: this probe may be over before the place is read, and the next one wants what was read.
        let reading = tokio::spawn(Arc::clone(&shelf).refill(alone, Arc::clone(&self.provider), place));
        reading.await.unwrap_or_else(|error| Err(unread(&error)))
    }
}

impl Shelf {
    /// What is on the shelf; has it renewed where it is old.
    fn take(self: &Arc<Self>, provider: &Arc<CryptoProvider>, place: &Option<PathBuf>) -> Option<Trust> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, trust) = read.as_mut()?;
        let keep = if trust.is_ok() { TRUST_REREAD } else { TRUST_RETRY };
        if at.elapsed() >= keep
            && let Ok(alone) = Arc::clone(&self.reading).try_lock_owned()
        {
            *at = Instant::now();
            tokio::spawn(Arc::clone(self).refill(alone, Arc::clone(provider), place.clone()));
        }
        Some(trust.clone())
    }

    async fn refill(
        self: Arc<Self>,
        _alone: OwnedMutexGuard<()>,
        provider: Arc<CryptoProvider>,
        place: Option<PathBuf>,
    ) -> Trust {
        let trust = tokio::task::spawn_blocking(move || read_anchors(provider, place.as_deref()))
            .await
            .unwrap_or_else(|error| Err(unread(&error)));
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever uses the old anchors goes on with them where nothing changed, and so keeps its client.
        let trust = match (read.as_ref(), trust) {
            (Some((_, Ok(old))), Ok(new)) if old.pinned == new.pinned => Ok(Arc::clone(old)),
            (_, trust) => trust,
        };
        *read = Some((Instant::now(), trust.clone()));
        trust
    }
}

fn unread(error: &JoinError) -> String {
    format!("reading the trust anchors failed: {error}")
}

/// Whether the trust anchors in the PEM file `ca` can be used.
///
/// # Errors
/// Why not, in an operator's words.
pub fn readable_anchors(ca: &Path) -> Result<(), String> {
    read_anchors(Arc::new(aws_lc_rs::default_provider()), Some(ca)).map(|_| ())
}

fn read_anchors(provider: Arc<CryptoProvider>, ca: Option<&Path>) -> Trust {
    let (certificates, place) = match ca {
        Some(path) => {
            let place = format!("the CA file {}", path.display());
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            (read.map_err(|error| format!("cannot read {place}: {}", pem_error(&error)))?, place)
        }
        None => (rustls_native_certs::load_native_certs().certs, "the system's trust store".to_owned()),
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(format!("no trust anchors in {place}; name a CA file with `ca` or set `verify = false`"));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| format!("cannot use {place}: {error}"))?;
    Ok(Arc::new(Anchors { verifier, pinned: certificates }))
}

fn pem_error(error: &rustls_pki_types::pem::Error) -> String {
    match error {
        rustls_pki_types::pem::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// The TLS policy of a monitor applied to a target.
#[derive(Debug)]
pub(super) struct TlsClient {
    policy: TlsPolicy,
    /// The name sent and checked, or why there is none.
    name: Result<ServerName<'static>, String>,
}

/// One handshake made ready.
pub(super) struct TlsSession {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
    inspector: Arc<Inspector>,
}

impl TlsSession {
    /// What is wrong with the certificate that the last handshake showed.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.inspector.trouble()
    }

    /// Who the last handshake showed to be at the other end.
    pub(super) fn peer(&self) -> Peer {
        self.inspector.peer()
    }

    pub(super) fn inspector(&self) -> Arc<Inspector> {
        Arc::clone(&self.inspector)
    }
}

impl TlsClient {
    /// `host` is the name that the endpoint was found under, `address` stands in where there is no usable one.
    pub(super) fn new(policy: &TlsPolicy, host: &Name, address: IpAddr) -> Self {
        let name = match &policy.name {
            Some(name) => name.trim_end_matches('.').to_owned(),
            None => certificate_name(host, address),
        };
        let name = ServerName::try_from(name.clone())
            .map_err(|_| format!("'{name}' cannot be the name of a certificate; set `server_name`"));
        Self { policy: policy.clone(), name }
    }

    /// When the handshake happens, if it does.
    pub(super) fn mode(&self) -> TlsMode {
        self.policy.mode
    }

    /// The name sent and checked.
    pub(super) fn name(&self) -> Result<&ServerName<'static>, Outcome> {
        self.name.as_ref().map_err(|reason| Outcome::Deferring(reason.clone()))
    }

    /// A handshake with the trust anchors of now, if they can be had by `deadline`.
    pub(super) async fn prepare(&self, trust: &TrustStore, deadline: Instant) -> Result<TlsSession, Outcome> {
        let name = self.name()?.clone();
        let anchors = match self.policy.verify {
            true => Some(trust.anchors(self.policy.ca.as_deref(), deadline).await?),
            false => None,
        };
        let provider = Arc::clone(&trust.provider);
        let inspector = Arc::new(Inspector {
            anchors,
            expiry_warning: self.policy.expiry_warning,
            provider: Arc::clone(&provider),
            problem: Mutex::default(),
        });
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Outcome::Inconclusive(format!("TLS is not available: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&inspector) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        // A resumed session shows no certificate.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(TlsSession { config: Arc::new(config), name, inspector })
    }

    /// Whether the anchors of now are those that `inspector` checks against.
    pub(super) async fn is_current(
        &self,
        inspector: &Inspector,
        trust: &TrustStore,
        deadline: Instant,
    ) -> Result<bool, Outcome> {
        Ok(match &inspector.anchors {
            None => true,
            Some(Ok(used)) => {
                let current = trust.anchors(self.policy.ca.as_deref(), deadline).await?;
                current.is_ok_and(|current| Arc::ptr_eq(used, &current))
            }
            Some(Err(_)) => false,
        })
    }
}

/// The name that the certificate of an endpoint found under `host` must carry. Under a wildcard owner that is any name it
/// covers; without a host name it is the address.
fn certificate_name(host: &Name, address: IpAddr) -> String {
    if host.is_root() {
        return address.to_string();
    }
    let host = host.to_string();
    let host = host.trim_end_matches('.');
    match host.strip_prefix("*.") {
        Some(parent) => format!("waypost-probe.{parent}"),
        None => host.to_owned(),
    }
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) gravity: Gravity,
    pub(super) words: String,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gravity {
    /// It could not be checked, for a fault on this side.
    Unchecked,
    /// It is good, and ends soon.
    Ending,
    /// A strict client would turn away.
    Refused,
}

impl Trouble {
    /// What a probe came to that found nothing worse.
    pub(super) fn outcome(self) -> Outcome {
        match self.gravity {
            Gravity::Unchecked => Outcome::Unchecked(self.words),
            Gravity::Ending | Gravity::Refused => Outcome::Deferring(self.words),
        }
    }

    /// What a probe came to that for this did not log in: whoever it is would get the password.
    pub(super) fn without_login(self) -> Outcome {
        Self { words: format!("{}; did not log in", self.words), ..self }.outcome()
    }

    fn refused(words: String) -> Self {
        Self { gravity: Gravity::Refused, words }
    }
}

/// A verifier that lets every certificate pass and notes what is wrong with it.
#[derive(Debug)]
pub(super) struct Inspector {
    /// `None` where the monitor does not verify.
    anchors: Option<Trust>,
    expiry_warning: Duration,
    provider: Arc<CryptoProvider>,
    problem: Mutex<Option<Trouble>>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// Whom a strict client would talk to.
    Trusted,
    /// Anybody: the certificate proves nothing.
    Doubtful,
}

impl Inspector {
    /// What was wrong with the certificate seen last.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who the certificate seen last showed to be there. Where certificates are not verified that is whoever answers.
    fn peer(&self) -> Peer {
        match self.trouble().map(|trouble| trouble.gravity) {
            None | Some(Gravity::Ending) => Peer::Trusted,
            Some(Gravity::Unchecked | Gravity::Refused) => Peer::Doubtful,
        }
    }

    fn inspect(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Trouble> {
        let anchors = match &self.anchors {
            None => return Ok(()),
            Some(Err(reason)) => return Err(Trouble { gravity: Gravity::Unchecked, words: reason.clone() }),
            Some(Ok(anchors)) => anchors,
        };
        let end = check_dates(end_entity, now).map_err(Trouble::refused)?;
        if anchors.pinned.iter().any(|pinned| pinned == end_entity) {
            rustls::server::ParsedCertificate::try_from(end_entity)
                .and_then(|certificate| rustls::client::verify_server_name(&certificate, name))
                .map_err(|error| Trouble::refused(describe(&error, name)))?;
        } else {
            anchors
                .verifier
                .verify_server_cert(end_entity, intermediates, name, &[], now)
                .map_err(|error| Trouble::refused(describe(&error, name)))?;
        }
        let left = end.saturating_sub(now.as_secs());
        if left < self.expiry_warning.as_secs() {
            return Err(Trouble { gravity: Gravity::Ending, words: ends_in(left, end) });
        }
        Ok(())
    }
}

/// Why `certificate` ends too soon for whoever wants it to last for `least` from now, if it does.
pub(super) fn too_short(certificate: &CertificateDer<'_>, least: Duration) -> Option<String> {
    let now = UnixTime::now();
    let (_, end) = validity(certificate).ok()?;
    let left = end.saturating_sub(now.as_secs());
    if now.as_secs() > end {
        return check_dates(certificate, now).err();
    }
    (left < least.as_secs()).then(|| ends_in(left, end))
}

/// Begin and end of validity in seconds since 1970.
fn validity(certificate: &CertificateDer<'_>) -> Result<(u64, u64), String> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| "the certificate cannot be decoded".to_owned())?;
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
    Ok((seconds(parsed.validity().not_before), seconds(parsed.validity().not_after)))
}

/// The end of validity in seconds since 1970, if `now` is within validity.
fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<u64, String> {
    let (begin, end) = validity(certificate)?;
    if now.as_secs() > end {
        return Err(format!("certificate expired {} ago ({})", span(now.as_secs() - end), date(end)));
    }
    if now.as_secs() < begin {
        return Err(format!("certificate is not valid before {}", date(begin)));
    }
    Ok(end)
}

fn describe(error: &rustls::Error, name: &ServerName<'_>) -> String {
    let rustls::Error::InvalidCertificate(error) = error else { return format!("certificate: {error}") };
    match error {
        CertificateError::UnknownIssuer => {
            "certificate is not signed by an authority that is trusted; set `ca` if it is your own".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            // The library gives them as `DnsName("mx.example.org")`.
            let names = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name)).collect::<Vec<_>>();
            let presented =
                if names.is_empty() { "no name".to_owned() } else { printable(names.join(", ").as_bytes()) };
            format!("certificate is for {presented}, not for {}", name.to_str())
        }
        CertificateError::NotValidForName => format!("certificate is not for {}", name.to_str()),
        CertificateError::BadSignature => "certificate is not signed by the authority it names".to_owned(),
        error => format!("certificate is not valid: {error}"),
    }
}

fn ends_in(left: u64, end: u64) -> String {
    format!("certificate ends in {} ({})", span(left), date(end))
}

fn span(seconds: u64) -> String {
    match seconds {
        172_800.. => format!("{} days", seconds / 86_400),
        7200.. => format!("{} hours", seconds / 3600),
        _ => format!("{} minutes", seconds / 60),
    }
}

fn date(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| "a date out of range".to_owned(), |moment| moment.to_string())
}

impl ServerCertVerifier for Inspector {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let problem = self.inspect(end_entity, intermediates, server_name, now).err();
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_certificate_follows_from_the_host() {
        let address = IpAddr::from([192, 0, 2, 1]);
        let named = |host: &str| certificate_name(&host.parse().unwrap(), address);
        assert_eq!(named("mx.example.org."), "mx.example.org");
        assert_eq!(named("*.hosted.example."), "waypost-probe.hosted.example");
        assert_eq!(named("."), "192.0.2.1");
    }
}
