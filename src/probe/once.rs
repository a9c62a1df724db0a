//! One probe by hand: what a monitor would find now, with all that was said.

use std::time::Duration;

use super::Target;
use super::check::Check;
use super::tls::TrustStore;
use crate::health::{Depth, Outcome};

/// What one probe found.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// What it came to.
    pub outcome: Outcome,
    /// From its start to its end.
    pub latency: Duration,
    /// What was said, a line each: `> ` by the probe, `< ` by the endpoint, `* ` what happened. Bounded.
    pub transcript: String,
}

/// Probes `target` once, in full; ends within its monitor's timeout. Must be called within a tokio runtime.
pub async fn once(target: &Target) -> Probed {
    let (finding, transcript) = Check::new(target).perform(Depth::Full, &TrustStore::default()).await;
    Probed { outcome: finding.outcome, latency: finding.latency, transcript: transcript.into_text() }
}
