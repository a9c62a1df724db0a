//! Access: who may do what through the admin API.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Remit;

/// What a caller may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Orders: drain, isolate, pin, undrain.
    Operator,
    /// Reloads, and makes and revokes tokens.
    Admin,
}

impl Role {
    /// The word that operators type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(format!("'{text}' is not a role; expected viewer, operator or admin")),
        }
    }
}

/// A bearer token as it may be shown: everything but the secret, which only its holder knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Unique name; stands as `by` in what its holder orders.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The sites that its holder may order about.
    #[serde(default, rename = "sites", skip_serializing_if = "Remit::is_everywhere")]
    pub remit: Remit,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub by: String,
    /// After which it no longer works; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}
