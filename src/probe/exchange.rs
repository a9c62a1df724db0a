//! TCP: octets sent and octets expected, for services that have no monitor of their own.

use async_trait::async_trait;
use regex::bytes::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout_at;

use super::bounds::{EXCHANGE, EXCHANGE_SHOWN};
use super::check::{Conversation, Notes, Place};
use super::handshake::secure;
use super::tcp::failure;
use super::tls::{TlsClient, Trouble};
use super::transcript::{Speaker, Transcript};
use super::wire::Stream;
use super::{Target, tcp};
use crate::health::{FailureKind, Outcome};
use crate::model::{ExchangeCheck, TlsMode};

/// A TCP monitor with a conversation applied to a target.
#[derive(Debug)]
pub(super) struct ExchangeProbe {
    send: Option<String>,
    /// What must come, or why it cannot be checked.
    expect: Option<Result<Regex, String>>,
    tls: Option<TlsClient>,
}

impl ExchangeProbe {
    pub(super) fn new(check: &ExchangeCheck, target: &Target) -> Self {
        let pattern =
            |text: &str| Regex::new(text).map_err(|error| format!("the pattern in expect cannot be used: {error}"));
        let secure = check.tls.mode == TlsMode::Implicit;
        Self {
            send: check.send.clone(),
            expect: check.expect.as_deref().map(pattern),
            tls: secure.then(|| TlsClient::new(&check.tls, &target.host, target.key.address)),
        }
    }

    async fn converse(&self, place: Place<'_>, notes: &mut Notes) -> Result<Outcome, Outcome> {
        let stream = tcp::connect(place.address, place.deadline).await?;
        notes.connected = Some(place.start.elapsed());
        let transcript = &mut notes.transcript;
        let (mut stream, trouble): (Box<dyn Stream>, _) = match &self.tls {
            None => (Box::new(stream), None),
            Some(tls) => {
                let secured = secure(tls, stream, place, transcript).await?;
                (Box::new(secured.stream), secured.trouble)
            }
        };
        if let Some(text) = &self.send {
            transcript.push(Speaker::Us, text.as_bytes());
            let sending = async {
                stream.write_all(text.as_bytes()).await?;
                stream.flush().await
            };
            timeout_at(place.deadline, sending)
                .await
                .map_err(|_| Outcome::failed(FailureKind::Timeout, "timed out sending"))?
                .map_err(|error| failure(&error, "sending"))?;
        }
        match &self.expect {
            None => {}
            Some(Err(reason)) => return Err(Outcome::Deferring(reason.clone())),
            Some(Ok(pattern)) => hear(&mut stream, pattern, place, transcript).await?,
        }
        Ok(trouble.map_or(Outcome::Ok, Trouble::outcome))
    }
}

/// Reads until what was read matches `pattern`, or cannot any more.
async fn hear(
    stream: &mut Box<dyn Stream>,
    pattern: &Regex,
    place: Place<'_>,
    transcript: &mut Transcript,
) -> Result<(), Outcome> {
    let mut heard = Vec::with_capacity(EXCHANGE);
    let outcome = loop {
        let mut room = stream.take(u64::try_from(EXCHANGE - heard.len()).unwrap_or(0));
        match timeout_at(place.deadline, room.read_buf(&mut heard)).await {
            Err(_) if heard.is_empty() => {
                break Err(Outcome::failed(FailureKind::Timeout, "timed out waiting for the first octet"));
            }
            Err(_) => {
                let reason = format!("timed out waiting for what matches '{}'", pattern.as_str());
                break Err(Outcome::failed(FailureKind::Timeout, reason));
            }
            Ok(Err(error)) => break Err(failure(&error, "waiting for an answer")),
            Ok(Ok(0)) if heard.is_empty() => {
                break Err(Outcome::failed(FailureKind::Reset, "connection closed without a word"));
            }
            Ok(Ok(_)) if pattern.is_match(&heard) => break Ok(()),
            Ok(Ok(octets)) if octets == 0 || heard.len() >= EXCHANGE => {
                let reason = format!("what came does not match '{}'", pattern.as_str());
                break Err(Outcome::failed(FailureKind::Protocol, reason));
            }
            Ok(Ok(_)) => {}
        }
    };
    if !heard.is_empty() {
        transcript.push(Speaker::Them, heard.get(..EXCHANGE_SHOWN).unwrap_or(&heard));
    }
    outcome
}

#[async_trait]
impl Conversation for ExchangeProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        self.converse(place, notes).await.unwrap_or_else(|ended| ended)
    }
}
