//! Verdicts and votes: what a node thinks of an endpoint.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Mono, SiteIx};

/// The state of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Works.
    Up,
    /// In trouble that is not death: SMTP 4xx, a certificate near its end. Demotes, does not withdraw.
    Deferring,
    /// Does not work.
    Down,
    /// Not judged yet; counts as up.
    Unknown,
}

impl State {
    /// The word that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Deferring => "deferring",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One node's opinion of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// Why, in an operator's words: `connection refused`, `451 4.3.2 try later`.
    pub reason: String,
    /// When the state was entered, by the wall clock; for people, never for decisions.
    pub since: Timestamp,
}

/// A verdict as shared with other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote<'a> {
    /// The voting node's name; no two votes on an endpoint have the same.
    pub node: &'a str,
    /// The site the voting node stands in; its votes on that site are local.
    pub standing_in: Option<SiteIx>,
    /// What the voting node would fail with, or be misled with: of all nodes that name the same, one vote counts.
    pub failure_domain: Option<&'a str>,
    /// What it thinks.
    pub state: State,
    /// When this node received the vote, by its own monotonic clock; freshness is judged on this.
    pub received: Mono,
}

/// What the fresh votes on an endpoint add up to, with what the answer needs besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointHealth {
    /// Agreed state.
    pub state: State,
    /// Evidence is gathering but not conclusive; shortens TTLs.
    pub suspect: bool,
    /// Why.
    pub reason: String,
    /// When the state was entered.
    pub since: Timestamp,
}
