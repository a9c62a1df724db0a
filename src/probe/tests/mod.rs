//! Probes against real listeners on loopback, each scripted to behave as some server does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::Target;
use super::check::{Check, Report};
use super::tls::TrustStore;
use crate::health::{Depth, FailureKind, Outcome};
use crate::model::{DetectorKind, EndpointKey, Monitor, MonitorKind, SmtpCheck, TlsMode, TlsPolicy};

mod databases;
mod dns;
mod exchange;
mod exec;
mod http;
mod mail;
mod prober;
mod readings;
mod servers;
mod trust;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// One step of a scripted server.
#[derive(Clone)]
enum Step {
    /// Sends these octets.
    Say(&'static str),
    /// Reads a line that must begin so.
    Hear(&'static str),
    /// Becomes a TLS server.
    Tls(Arc<ServerConfig>),
    /// Sends these octets one by one, with pauses.
    Drip(&'static str),
    /// Sends these octets again and again.
    Flood(&'static str),
    /// Says nothing more, but stays.
    Hang,
}

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// A server on loopback that plays `script` to every connection and then closes it.
async fn server(script: Vec<Step>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(play(script.clone(), Box::new(stream)));
        }
    });
    address
}

async fn play(script: Vec<Step>, stream: Box<dyn Both>) {
    let mut stream = BufReader::new(stream);
    for step in script {
        match step {
            Step::Say(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Step::Hear(beginning) => {
                let mut line = String::new();
                if stream.read_line(&mut line).await.is_err() || !line.starts_with(beginning) {
                    let _ = stream.write_all(format!("599 heard {line:?}, not {beginning}\r\n").as_bytes()).await;
                    return;
                }
            }
            Step::Tls(config) => {
                let acceptor = tokio_rustls::TlsAcceptor::from(config);
                match acceptor.accept(stream.into_inner()).await {
                    Ok(secured) => stream = BufReader::new(Box::new(secured)),
                    Err(_) => return,
                }
            }
            Step::Drip(text) => {
                for octet in text.as_bytes() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if stream.write_all(&[*octet]).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
            }
            Step::Flood(text) => while stream.write_all(text.as_bytes()).await.is_ok() {},
            Step::Hang => std::future::pending().await,
        }
    }
    let _ = stream.shutdown().await;
}

/// A self-signed certificate for `name`, valid from `begin` to `end` relative to now in days, with its server.
fn certificate(name: &str, begin: i64, end: i64) -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let moment = |days: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(now.saturating_add_signed(days * 86_400));
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.not_before = moment(begin);
    params.not_after = moment(end);
    let certificate = params.self_signed(&key).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (Arc::new(config), certificate.pem())
}

/// A PEM file with `pem`.
fn ca_file(pem: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    (directory, path)
}

fn tls(mode: TlsMode, ca: Option<PathBuf>) -> TlsPolicy {
    TlsPolicy { mode, verify: mode != TlsMode::Off, ca, name: None, expiry_warning: 14 * DAY }
}

fn smtp_check(tls: TlsPolicy, recipient: Option<&str>) -> MonitorKind {
    MonitorKind::Smtp(SmtpCheck { helo: "probe.example.org".into(), tls, recipient: recipient.map(str::to_owned) })
}

/// A target at `address` found under mx.example.org; timeouts generous unless the test is about silence.
pub(super) fn target(kind: MonitorKind, address: SocketAddr, timeout: Duration) -> Target {
    Target {
        key: EndpointKey { service: "mx".into(), address: [192, 0, 2, 10].into() },
        monitor: Monitor {
            name: "monitor".into(),
            kind,
            port: address.port(),
            interval: Duration::from_millis(100),
            timeout,
            rise: 1,
            fall: 3,
            burst_gap: Duration::from_millis(20),
            detector: DetectorKind::Evidence,
            addresses: BTreeMap::new(),
        },
        host: "mx.example.org.".parse().unwrap(),
        address,
        restored: None,
    }
}

async fn probe(kind: MonitorKind, address: SocketAddr) -> Report {
    probe_within(kind, address, Duration::from_secs(30)).await
}

async fn probe_within(kind: MonitorKind, address: SocketAddr, timeout: Duration) -> Report {
    Check::new(&target(kind, address, timeout)).run(Depth::Full, &TrustStore::default()).await
}

/// An address on loopback where nobody listens.
pub(super) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[track_caller]
fn assert_failed(report: &Report, expected: FailureKind, words: &str) {
    match &report.finding.outcome {
        Outcome::Failed { kind, reason } => {
            assert_eq!(*kind, expected, "{reason}");
            assert!(reason.contains(words), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert!(report.transcript.as_ref().is_some_and(|transcript| transcript.len() <= super::bounds::TRANSCRIPT));
}

#[track_caller]
fn assert_deferring(report: &Report, words: &str) {
    match &report.finding.outcome {
        Outcome::Deferring(reason) => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?}"),
    }
}

/// The service answered, and a fault on this side kept something from being looked at.
#[track_caller]
fn assert_unchecked(report: &Report, words: &str) {
    match &report.finding.outcome {
        Outcome::Unchecked(reason) => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_ok(report: &Report) {
    assert_eq!(report.finding.outcome, Outcome::Ok, "{:?}", report.transcript);
    assert_eq!(report.transcript, None);
}
