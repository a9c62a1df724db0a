//! Checks: what a monitor does to a target, made ready once and run for every probe.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::http::HttpProbe;
use super::smtp::SmtpProbe;
use super::tls::TrustStore;
use super::transcript::{Speaker, Transcript};
use super::{Target, tcp};
use crate::health::{Depth, Finding, Outcome};
use crate::model::MonitorKind;

/// What a probe came to.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) finding: Finding,
    /// What was said, where it did not go well.
    pub(super) transcript: Option<String>,
}

/// A monitor applied to a target.
#[derive(Debug)]
pub(super) struct Check {
    address: SocketAddr,
    timeout: Duration,
    conversation: Conversation,
}

#[derive(Debug)]
enum Conversation {
    Tcp,
    Smtp(Box<SmtpProbe>),
    Http(Box<HttpProbe>),
    /// A fault of ours.
    #[cfg(test)]
    Panic,
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
        let conversation = match &target.monitor.kind {
            MonitorKind::Tcp => Conversation::Tcp,
            MonitorKind::Smtp(check) => Conversation::Smtp(Box::new(SmtpProbe::new(check, target))),
            MonitorKind::Http(check) => Conversation::Http(Box::new(HttpProbe::new(check, target))),
        };
        Self { address: target.address, timeout: target.monitor.timeout, conversation }
    }

    /// A check that panics.
    #[cfg(test)]
    pub(super) fn panicking(target: &Target) -> Self {
        Self { conversation: Conversation::Panic, ..Self::new(target) }
    }

    /// Probes once; ends within the monitor's timeout.
    pub(super) async fn run(&self, depth: Depth, trust: &TrustStore) -> Report {
        let start = Instant::now();
        let deadline = start + self.timeout;
        let mut notes = Notes::default();
        let outcome = match (&self.conversation, depth) {
            (Conversation::Smtp(probe), Depth::Full) => {
                probe.run(self.address, start, deadline, trust, &mut notes).await
            }
            (Conversation::Http(probe), Depth::Full) => probe.run(deadline, trust, &mut notes).await,
            #[cfg(test)]
            (Conversation::Panic, _) => panic!("as the test wants it"),
            (Conversation::Tcp, _) | (_, Depth::Connect) => {
                let connection = tcp::connect(self.address, deadline).await;
                notes.connected = connection.is_ok().then(|| start.elapsed());
                connection.err().unwrap_or(Outcome::Ok)
            }
        };
        let latency = start.elapsed();
        let transcript = outcome.reason().map(|reason| {
            notes.transcript.push(Speaker::Note, reason.as_bytes());
            notes.transcript.into_text()
        });
        Report { finding: Finding { outcome, latency, connected: notes.connected }, transcript }
    }
}
