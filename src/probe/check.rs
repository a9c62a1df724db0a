//! Checks: what a monitor does to a target, made ready once and run for every probe.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::agent::AgentProbe;
use super::dns::DnsProbe;
use super::exchange::ExchangeProbe;
use super::exec::ExecProbe;
use super::handshake::HandshakeProbe;
use super::http::HttpProbe;
use super::icmp::IcmpProbe;
use super::json::JsonProbe;
use super::mysql::MysqlProbe;
use super::postgres::PostgresProbe;
use super::prometheus::PrometheusProbe;
use super::tls::TrustStore;
use super::transcript::{Speaker, Transcript};
use super::{Target, mail, tcp};
use crate::health::{Depth, Finding, Outcome};
use crate::model::MonitorKind;

/// What a probe came to.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) finding: Finding,
    /// What was said, where it did not go well.
    pub(super) transcript: Option<String>,
    /// What number was read, in words, where the monitor reads one.
    pub(super) reading: Option<String>,
}

/// A monitor applied to a target.
#[derive(Debug)]
pub(super) struct Check {
    address: SocketAddr,
    timeout: Duration,
    /// Everything the monitor asks; `None` where a bare connect is all.
    conversation: Option<Box<dyn Conversation>>,
    /// Whether a probe asks everything at once, so that there is nothing less to ask.
    one_step: bool,
}

/// What a kind of monitor asks of an endpoint.
#[async_trait]
pub(super) trait Conversation: Debug + Send + Sync {
    /// Holds the conversation; ends by `place.deadline`, whatever the other side does.
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome;
}

/// Where and within which time a conversation is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) address: SocketAddr,
    pub(super) start: Instant,
    pub(super) deadline: Instant,
    pub(super) trust: &'a TrustStore,
}

/// What a conversation notes about itself while it runs.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// From the start to the established connection.
    pub(super) connected: Option<Duration>,
    pub(super) transcript: Transcript,
}

impl Check {
    pub(super) fn new(target: &Target) -> Self {
        let conversation: Option<Box<dyn Conversation>> = match &target.monitor.kind {
            MonitorKind::Tcp => None,
            MonitorKind::Smtp(check) => Some(mail::smtp(check, target)),
            MonitorKind::Http(check) => Some(Box::new(HttpProbe::new(check, target))),
            MonitorKind::Exchange(check) => Some(Box::new(ExchangeProbe::new(check, target))),
            MonitorKind::Handshake(check) => Some(Box::new(HandshakeProbe::new(check, target))),
            MonitorKind::Dns(check) => Some(Box::new(DnsProbe::new(check))),
            MonitorKind::Icmp => Some(Box::new(IcmpProbe)),
            MonitorKind::Postgres(check) => Some(Box::new(PostgresProbe::new(check, target))),
            MonitorKind::Mysql(check) => Some(Box::new(MysqlProbe::new(check, target))),
            MonitorKind::Prometheus(check) => Some(Box::new(PrometheusProbe::new(check, target))),
            MonitorKind::Json(check) => Some(Box::new(JsonProbe::new(check, target))),
            MonitorKind::Agent(check) => Some(Box::new(AgentProbe::new(check))),
            MonitorKind::Exec(check) => Some(Box::new(ExecProbe::new(check, target))),
            MonitorKind::Submission(check) => Some(mail::submission(check, target)),
            MonitorKind::Lmtp(check) => Some(mail::lmtp(check, target)),
            MonitorKind::Imap(check) => Some(mail::imap(check, target)),
            MonitorKind::Pop3(check) => Some(mail::pop3(check, target)),
        };
        let one_step = target.monitor.kind.is_one_step();
        Self { address: target.address, timeout: target.monitor.timeout, conversation, one_step }
    }

    /// A check that holds `conversation`.
    #[cfg(test)]
    pub(super) fn holding(target: &Target, conversation: impl Conversation + 'static) -> Self {
        Self { conversation: Some(Box::new(conversation)), ..Self::new(target) }
    }

    /// Probes once; ends within the monitor's timeout.
    pub(super) async fn run(&self, depth: Depth, trust: &TrustStore) -> Report {
        let (finding, transcript) = self.perform(depth, trust).await;
        let reading = transcript.reading().map(ToOwned::to_owned);
        let transcript = finding.outcome.reason().is_some().then(|| transcript.into_text());
        Report { finding, transcript, reading }
    }

    /// Probes once and tells all that was said.
    pub(super) async fn perform(&self, depth: Depth, trust: &TrustStore) -> (Finding, Transcript) {
        let start = Instant::now();
        let place = Place { address: self.address, start, deadline: start + self.timeout, trust };
        let mut notes = Notes::default();
        let outcome = match &self.conversation {
            Some(conversation) if depth == Depth::Full || self.one_step => conversation.hold(place, &mut notes).await,
            _ => {
                let connection = tcp::connect(self.address, place.deadline).await;
                notes.connected = connection.is_ok().then(|| start.elapsed());
                connection.err().unwrap_or(Outcome::Ok)
            }
        };
        let latency = start.elapsed();
        if self.one_step && outcome.reason().is_none() {
            notes.connected = Some(latency);
        }
        if let Some(reason) = outcome.reason() {
            notes.transcript.push(Speaker::Note, reason.as_bytes());
        }
        (Finding { outcome, latency, connected: notes.connected }, notes.transcript)
    }
}
