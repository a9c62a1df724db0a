//! SMTP: the whole conversation a sender would have, without a message (RFC 5321, STARTTLS: RFC 3207).
//!
//! Servers that accept a connection and then do not work are what port checks miss. The outcome is that of the gravest step:
//! 4xx anywhere is `deferring` with the server's words, 5xx and silence are failures, and a certificate that other servers
//! would refuse is `deferring`, because most senders deliver all the same.

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use super::check::{Conversation, Notes, Place};
use super::tls::{TlsClient, TrustStore};
use super::transcript::{Speaker, Transcript};
use super::wire::{Reply, Stream, Wire};
use super::{Target, tcp};
use crate::health::{FailureKind, Outcome};
use crate::model::{SmtpCheck, TlsMode};

/// An SMTP monitor applied to a target.
#[derive(Debug)]
pub(super) struct SmtpProbe {
    helo: String,
    recipient: Option<String>,
    mode: TlsMode,
    tls: TlsClient,
}

/// What ends a conversation before its end.
type Ended = Outcome;

impl SmtpProbe {
    pub(super) fn new(check: &SmtpCheck, target: &Target) -> Self {
        Self {
            helo: check.helo.clone(),
            recipient: check.recipient.clone(),
            mode: check.tls.mode,
            tls: TlsClient::new(&check.tls, &target.host, target.key.address),
        }
    }
}

#[async_trait]
impl Conversation for SmtpProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        let stream = match tcp::connect(place.address, place.deadline).await {
            Ok(stream) => stream,
            Err(outcome) => return outcome,
        };
        notes.connected = Some(place.start.elapsed());
        let Place { deadline, trust, .. } = place;
        let session = Session { probe: self, deadline, trust, transcript: &mut notes.transcript };
        session.hold(stream).await.unwrap_or_else(|ended| ended)
    }
}

struct Session<'a> {
    probe: &'a SmtpProbe,
    deadline: Instant,
    trust: &'a TrustStore,
    transcript: &'a mut Transcript,
}

impl Session<'_> {
    async fn hold(mut self, stream: impl Stream + 'static) -> Result<Outcome, Ended> {
        let (stream, mut problem): (Box<dyn Stream>, _) = match self.probe.mode {
            TlsMode::Implicit => self.handshake(stream).await?,
            TlsMode::Off | TlsMode::Starttls => (Box::new(stream), None),
        };
        let mut wire = Wire::new(stream, self.deadline, self.transcript);
        let mut outcome = greet(&mut wire, &self.probe.helo).await;
        if self.probe.mode == TlsMode::Starttls
            && let Ok(ehlo) = &outcome
        {
            match start_tls(&mut wire, ehlo).await {
                Ok(()) => {
                    let plain = wire.into_stream().ok_or_else(|| {
                        Outcome::failed(FailureKind::Protocol, "the server speaks before the TLS handshake")
                    })?;
                    let (secured, found) = self.handshake(plain).await?;
                    problem = found;
                    wire = Wire::new(secured, self.deadline, self.transcript);
                    outcome = hello(&mut wire, &self.probe.helo).await;
                }
                Err(ended) => outcome = Err(ended),
            }
        }
        let mut result = outcome.map(|_| ());
        if let (Ok(()), Some(recipient)) = (&result, &self.probe.recipient) {
            result = address_mail(&mut wire, recipient).await;
        }
        // Where the connection is broken there is nobody left to say goodbye to.
        if !matches!(&result, Err(Outcome::Failed { kind: FailureKind::Reset | FailureKind::Timeout, .. })) {
            wire.farewell();
        }
        result?;
        Ok(problem.map_or(Outcome::Ok, Outcome::Deferring))
    }

    /// Secures `stream`; with what is wrong with the certificate.
    async fn handshake(&mut self, stream: impl Stream + 'static) -> Result<(Box<dyn Stream>, Option<String>), Ended> {
        let session = self.probe.tls.prepare(self.trust).await?;
        let connecting = tokio_rustls::TlsConnector::from(session.config.clone()).connect(session.name.clone(), stream);
        let secured = match timeout_at(self.deadline, connecting).await {
            Err(_) => return Err(Outcome::failed(FailureKind::Timeout, "timed out in the TLS handshake")),
            Ok(Err(error)) => {
                return Err(Outcome::failed(FailureKind::Tls, format!("TLS handshake failed: {error}")));
            }
            Ok(Ok(secured)) => secured,
        };
        let version = secured.get_ref().1.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
        self.transcript.push(Speaker::Note, format!("{version} established").as_bytes());
        Ok((Box::new(secured), session.problem()))
    }
}

/// Banner and EHLO.
async fn greet(wire: &mut Wire<'_>, helo: &str) -> Result<Reply, Ended> {
    let banner = wire.reply("the banner").await?;
    expect(&banner, &[220], "the banner")?;
    hello(wire, helo).await
}

async fn hello(wire: &mut Wire<'_>, helo: &str) -> Result<Reply, Ended> {
    let ehlo = wire.ask(&format!("EHLO {helo}"), "the reply to EHLO").await?;
    expect(&ehlo, &[250], "EHLO")?;
    Ok(ehlo)
}

/// Asks for TLS; a server that does not offer it defers mail from senders that insist, and takes it from the others.
async fn start_tls(wire: &mut Wire<'_>, ehlo: &Reply) -> Result<(), Ended> {
    if !ehlo.offers("STARTTLS") {
        return Err(Outcome::Deferring("STARTTLS is not offered".to_owned()));
    }
    let reply = wire.ask("STARTTLS", "the reply to STARTTLS").await?;
    expect(&reply, &[220], "STARTTLS")
}

/// Sender and recipient as for a bounce, and back: no message is sent.
async fn address_mail(wire: &mut Wire<'_>, recipient: &str) -> Result<(), Ended> {
    let sender = wire.ask("MAIL FROM:<>", "the reply to MAIL").await?;
    expect(&sender, &[250], "MAIL FROM:<>")?;
    let accepted = wire.ask(&format!("RCPT TO:<{recipient}>"), "the reply to RCPT").await?;
    expect(&accepted, &[250, 251, 252], &format!("RCPT TO:<{recipient}>"))?;
    let reset = wire.ask("RSET", "the reply to RSET").await?;
    expect(&reset, &[250], "RSET")
}

/// What a reply means where one of `wanted` was expected.
fn expect(reply: &Reply, wanted: &[u16], to: &str) -> Result<(), Ended> {
    if wanted.contains(&reply.code) {
        return Ok(());
    }
    let text = reply.text();
    Err(if (400..500).contains(&reply.code) {
        Outcome::Deferring(format!("{text} (to {to})"))
    } else {
        Outcome::failed(FailureKind::Protocol, format!("{text} (to {to})"))
    })
}
