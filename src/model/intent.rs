//! Intents: an operator's standing orders.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DrillMark, Schedule, Share};

/// What an intent is about; at most one intent stands for a scope at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Scope {
    /// Site name.
    pub site: String,
    /// Service name; `None` is every service of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{}/{service}", self.site),
            None => f.write_str(&self.site),
        }
    }
}

/// What is ordered (DESIGN section 7). `serve` is the absence of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum IntentKind {
    /// Soft: the site is used only when nothing else works.
    Drain {
        /// The part of its clients that is moved away, at the last of its steps.
        share: Share,
    },
    /// Hard: the site is not used, not even as a last resort.
    Isolate,
    /// The site counts as up whatever its health.
    Pin,
}

impl IntentKind {
    /// The word that operators type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drain { .. } => "drain",
            Self::Isolate => "isolate",
            Self::Pin => "pin",
        }
    }
}

/// Who follows an intent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Every node.
    #[default]
    Everywhere,
    /// The node that it was given to, because the store that the nodes share was out of reach. Offered to all when that is back.
    ThisNode,
}

impl Reach {
    /// Whether every node follows.
    #[must_use]
    pub const fn is_everywhere(&self) -> bool {
        matches!(self, Self::Everywhere)
    }
}

/// How long an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "lifetime", content = "until")]
pub enum Lifetime {
    /// Until this wall-clock time.
    Until(Timestamp),
    /// Until an operator lifts it.
    UntilCleared,
}

/// An operator's standing order: what, where, who, why, since, until.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Intent {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    #[serde(flatten)]
    pub kind: IntentKind,
    /// Who ordered it: token name or system user.
    pub by: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// When it was ordered.
    pub since: Timestamp,
    /// How long it stands.
    #[serde(flatten)]
    pub lifetime: Lifetime,
    /// The store revision that holds it; rises with every change of any intent.
    pub revision: u64,
    /// Whether a safety rule was overridden, or is to be when the order takes effect.
    #[serde(default)]
    pub forced: bool,
    /// Who follows it.
    #[serde(default, skip_serializing_if = "Reach::is_everywhere")]
    pub reach: Reach,
    /// When its parts take effect, where that is not all at once when it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The drill that gave it: it ends with the node that runs the drill, and no restart brings it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillMark>,
}
