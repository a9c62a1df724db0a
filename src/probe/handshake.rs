//! TLS: the handshake that other conversations go on from, and the monitor that wants nothing more.

use async_trait::async_trait;
use rustls_pki_types::CertificateDer;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::check::{Conversation, Notes, Place};
use super::tls::{Gravity, TlsClient, Trouble, too_short};
use super::transcript::{Speaker, Transcript};
use super::wire::Stream;
use super::{Target, tcp};
use crate::health::{FailureKind, Outcome};
use crate::model::{HandshakeCheck, Refused};

/// A stream with TLS around it, and what is wrong with the certificate.
pub(super) struct Secured<S> {
    pub(super) stream: TlsStream<S>,
    pub(super) trouble: Option<Trouble>,
}

/// Secures `stream` by a handshake that completes whatever the certificate.
pub(super) async fn secure<S: Stream>(
    tls: &TlsClient,
    stream: S,
    place: Place<'_>,
    transcript: &mut Transcript,
) -> Result<Secured<S>, Outcome> {
    let session = tls.prepare(place.trust, place.deadline).await?;
    let handshake = async {
        let connecting = TlsConnector::from(session.config.clone()).connect(session.name.clone(), stream);
        let stream = connecting
            .await
            .map_err(|error| Outcome::failed(FailureKind::Tls, format!("TLS handshake failed: {error}")))?;
        Ok(Secured { stream, trouble: session.trouble() })
    };
    let secured = timeout_at(place.deadline, handshake)
        .await
        .map_err(|_| Outcome::failed(FailureKind::Timeout, "timed out in the TLS handshake"))??;
    let version = secured.stream.get_ref().1.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    transcript.push(Speaker::Note, format!("{version} established").as_bytes());
    Ok(secured)
}

/// A TLS monitor applied to a target.
#[derive(Debug)]
pub(super) struct HandshakeProbe {
    check: HandshakeCheck,
    tls: TlsClient,
}

impl HandshakeProbe {
    pub(super) fn new(check: &HandshakeCheck, target: &Target) -> Self {
        Self { check: check.clone(), tls: TlsClient::new(&check.tls, &target.host, target.key.address) }
    }

    async fn converse(&self, place: Place<'_>, notes: &mut Notes) -> Result<Outcome, Outcome> {
        let stream = tcp::connect(place.address, place.deadline).await?;
        notes.connected = Some(place.start.elapsed());
        let secured = secure(&self.tls, stream, place, &mut notes.transcript).await?;
        let certificate = secured.stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        Ok(self.judge(certificate, secured.trouble))
    }

    fn judge(&self, certificate: Option<&CertificateDer<'_>>, trouble: Option<Trouble>) -> Outcome {
        let verified = self.check.tls.verify;
        let critical = self.check.expiry_critical.filter(|_| verified);
        if let Some(words) = critical.zip(certificate).and_then(|(least, certificate)| too_short(certificate, least)) {
            return Outcome::failed(FailureKind::Tls, words);
        }
        match trouble {
            None => Outcome::Ok,
            Some(Trouble { gravity: Gravity::Refused, words }) if self.check.refused == Refused::Fails => {
                Outcome::failed(FailureKind::Tls, words)
            }
            Some(trouble) => trouble.outcome(),
        }
    }
}

#[async_trait]
impl Conversation for HandshakeProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        self.converse(place, notes).await.unwrap_or_else(|ended| ended)
    }
}
