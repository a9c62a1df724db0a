//! Tokens in the admin API.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Remit, Role, Token};

/// `POST /api/v1/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenRequest {
    /// Unique name: letters, digits, `-`, `_`, `.`, `@`; at most 64.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The sites that its holder may order about; default all.
    #[serde(default, rename = "sites", skip_serializing_if = "Remit::is_everywhere")]
    #[schema(value_type = Vec<String>, required = false)]
    pub remit: Remit,
    /// After which it no longer works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// A new token with its secret, which is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    /// [`TokenCreated::SCHEMA`]
    pub schema: String,
    /// The token.
    #[serde(flatten)]
    pub token: Token,
    /// What its holder presents.
    pub secret: String,
}

impl TokenCreated {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.token/1";
}

/// `GET /api/v1/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// [`Tokens::SCHEMA`]
    pub schema: String,
    /// By name.
    pub tokens: Vec<Token>,
}

impl Tokens {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.tokens/1";
}
