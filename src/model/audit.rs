//! How long the past is kept.

use std::path::PathBuf;
use std::time::Duration;

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Events older than this are cut off the journal.
    pub keep: Duration,
    /// Events kept at most, whatever their age.
    pub events: u64,
    /// Directory that gets events as JSON lines before they are cut; `None` cuts them for good.
    pub archive: Option<PathBuf>,
    /// How much is kept to explain past answers, in megabytes: plans, configurations and zone files. 0 keeps nothing.
    pub history: u64,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { keep: Duration::from_secs(400 * 86_400), events: 500_000, archive: None, history: 256 }
    }
}
