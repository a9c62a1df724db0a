//! Certificates: swapped while in use; a broken one never takes the place of a good one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use waypost::model::Limits;
use waypost::serve::{ServeError, Server, Usage};

use crate::scene::{Scene, Stage, setup, write_certificate};

/// The certificate that a new connection gets.
async fn shown(scene: &Scene) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone)).with_no_client_auth();
    let stream = TcpStream::connect(scene.encrypted("tls")).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect("ns1.example.org".try_into().unwrap(), stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// Looks at certificates and does not judge them.
#[derive(Debug)]
struct Anyone;

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &rustls_pki_types::CertificateDer<'_>,
        _: &[rustls_pki_types::CertificateDer<'_>],
        _: &rustls_pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls_pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls_pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

async fn wait_for(what: &str, holds: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(40), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_swapped_and_broken_ones_are_not() {
    let scene = Scene::start(Limits::default());
    let told = |wanted: &str| {
        let parts = scene.stage.parts.lock().unwrap();
        matches!(parts.iter().rfind(|(part, _)| *part == "certificate"), Some((_, Err(why))) if why.contains(wanted))
    };
    let first = shown(&scene).await;
    std::fs::write(scene.directory.path().join("chain.pem"), "no certificate").unwrap();
    wait_for("the node is told", async || told("chain.pem")).await;
    assert_eq!(shown(&scene).await, first, "the one that was good is used");
    write_certificate(scene.directory.path(), "ns1.example.org");
    wait_for("the new one is used", async || shown(&scene).await != first).await;
    let good = |scene: &Scene| {
        let parts = scene.stage.parts.lock().unwrap();
        matches!(parts.iter().rfind(|(part, _)| *part == "certificate"), Some((_, Ok(_))))
    };
    wait_for("the node is told that it is good again", async || good(&scene)).await;
    assert!(scene.usage.counts().certificate_expires.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_start_with_a_certificate_that_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let (usage, stage) = (Arc::new(Usage::new(Instant::now())), Arc::new(Stage::default()));
    let start = || {
        Server::start(setup(directory.path(), Limits::default(), &usage, &stage)).err().map(|error| {
            assert!(matches!(error, ServeError::Certificate(_)), "{error}");
            error.to_string()
        })
    };
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    assert!(start().unwrap().contains("No such file"));
    write_certificate(directory.path(), "ns1.example.org");
    let key = std::fs::read_to_string(directory.path().join("key.pem")).unwrap();
    write("key.pem", "");
    assert!(start().unwrap().contains("no private key in PEM form"));
    write_certificate(directory.path(), "other.example.org");
    write("key.pem", &key);
    assert!(start().unwrap().contains("is not the private key of"), "{:?}", start());
    write("chain.pem", &key);
    assert!(start().unwrap().contains("no certificate in PEM form"));
    write_certificate(directory.path(), "ns1.example.org");
    assert_eq!(start(), None);
}
