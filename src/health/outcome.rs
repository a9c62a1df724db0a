//! Outcomes: what one probe found.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one probe found out about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "detail")]
pub enum Outcome {
    /// The whole conversation went as it must.
    Ok,
    /// The endpoint answers, but is in trouble that is not death: SMTP 4xx, a certificate near its end.
    Deferring(String),
    /// The endpoint did not do its work.
    Failed {
        /// In which way; each is rare to its own degree while an endpoint is up.
        kind: FailureKind,
        /// In an operator's words.
        reason: String,
    },
    /// The endpoint did its work as far as it was asked, and a fault on this side kept the rest from being looked at: a CA or
    /// password file that cannot be read. It lives, and nothing is said against it.
    Unchecked(String),
    /// The prober failed, not the endpoint: no file descriptors left, a fault of ours. Says nothing about the endpoint.
    Inconclusive(String),
}

impl Outcome {
    /// A failure.
    #[must_use]
    pub fn failed(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self::Failed { kind, reason: reason.into() }
    }

    /// The reason, where there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Ok => None,
            Self::Deferring(reason)
            | Self::Failed { reason, .. }
            | Self::Unchecked(reason)
            | Self::Inconclusive(reason) => Some(reason),
        }
    }

    /// The word that counts it: `ok`, `deferring`, `inconclusive` or the kind of failure.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Deferring(_) => "deferring",
            Self::Failed { kind, .. } => kind.as_str(),
            Self::Unchecked(_) | Self::Inconclusive(_) => "inconclusive",
        }
    }
}

/// In which way a probe failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// Nobody listens: the connection was refused.
    Refused,
    /// The connection was cut in the middle.
    Reset,
    /// A router, or this host, knows no way there.
    Unreachable,
    /// No answer within the monitor's timeout.
    Timeout,
    /// No answer within the endpoint's adaptive bound.
    Overdue,
    /// A wrong answer: SMTP 5xx, HTTP 503, a body that does not match.
    Protocol,
    /// The TLS handshake failed.
    Tls,
}

impl FailureKind {
    /// All kinds, in the order of [`FailureKind::index`].
    pub const ALL: [Self; 7] =
        [Self::Refused, Self::Reset, Self::Unreachable, Self::Timeout, Self::Overdue, Self::Protocol, Self::Tls];

    /// The position in [`FailureKind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word that operators and metrics see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Overdue => "overdue",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
        }
    }

    /// Whether the failure itself shows that the host is alive and something listens: then a bare connect tells nothing
    /// more, and slowness is the daemon's.
    #[must_use]
    pub const fn shows_a_live_host(self) -> bool {
        matches!(self, Self::Protocol | Self::Tls | Self::Reset)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A finished probe: what it found and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it found.
    pub outcome: Outcome,
    /// From the first packet to the outcome.
    pub latency: Duration,
    /// From the first packet to the established connection, where one was established and the time is known.
    pub connected: Option<Duration>,
}
