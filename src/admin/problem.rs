//! Problems: errors of the admin API as RFC 9457 documents.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::bounds::FAILURE_WINDOW;
use super::words::plain;
use crate::model::OrdersTag;

/// Why a request was not done, as an RFC 9457 problem document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// Which kind.
    pub kind: ProblemKind,
    /// What is wrong, in one sentence.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Configuration and zone diagnostics, a line each.
    pub diagnostics: Vec<String>,
    /// The orders as they are now; of a conflict.
    pub orders: Option<OrdersTag>,
}

/// The kinds of problem; each has a stable `type` URN, a status and a command-line exit code (DESIGN section 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The request cannot be read or breaks a bound.
    Invalid,
    /// There is no such site, service, token or page.
    NotFound,
    /// The page does not know the method.
    Method,
    /// A safety rule refuses the order.
    Refused,
    /// The orders changed meanwhile.
    Conflict,
    /// Configuration or zones have errors; what ran before runs on.
    Diagnostics,
    /// No token, or one that is not good.
    Unauthenticated,
    /// A good token whose role is too small, or a request from a foreign page.
    Forbidden,
    /// Too many failed authentications.
    TooMany,
    /// The body is too long.
    TooLarge,
    /// The body is not JSON.
    MediaType,
    /// The request is for another host.
    Misdirected,
    /// The store has no space.
    StoreFull,
    /// The store, or another part that the request needs, does not work.
    Unavailable,
    /// It took too long.
    Timeout,
    /// A fault of the program.
    Internal,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::Invalid,
        Self::NotFound,
        Self::Method,
        Self::Refused,
        Self::Conflict,
        Self::Diagnostics,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::TooMany,
        Self::TooLarge,
        Self::MediaType,
        Self::Misdirected,
        Self::StoreFull,
        Self::Unavailable,
        Self::Timeout,
        Self::Internal,
    ];

    /// The last part of the `type` URN.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not-found",
            Self::Method => "method",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Diagnostics => "diagnostics",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::TooMany => "too-many",
            Self::TooLarge => "too-large",
            Self::MediaType => "media-type",
            Self::Misdirected => "misdirected",
            Self::StoreFull => "store-full",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }

    /// What the kind is called.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Invalid => "The request is not valid",
            Self::NotFound => "There is no such thing",
            Self::Method => "The method is not known here",
            Self::Refused => "A safety rule refuses the order",
            Self::Conflict => "The orders changed meanwhile",
            Self::Diagnostics => "Configuration or zones have errors",
            Self::Unauthenticated => "Not authenticated",
            Self::Forbidden => "Not authorised",
            Self::TooMany => "Too many failed authentications",
            Self::TooLarge => "The request is too large",
            Self::MediaType => "The body must be JSON",
            Self::Misdirected => "The request is for another host",
            Self::StoreFull => "The store has no space",
            Self::Unavailable => "Not available now",
            Self::Timeout => "It took too long",
            Self::Internal => "A fault of the program",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::Misdirected => 421,
            Self::Refused | Self::Diagnostics => 422,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::StoreFull => 507,
        }
    }

    /// The exit code of the command line (DESIGN section 12).
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Refused => 3,
            Self::Unauthenticated | Self::Forbidden | Self::TooMany => 6,
            Self::Invalid | Self::NotFound | Self::Method | Self::TooLarge | Self::MediaType | Self::Misdirected => 2,
            Self::Unavailable | Self::Timeout => 5,
            Self::Conflict | Self::Diagnostics | Self::StoreFull | Self::Internal => 1,
        }
    }
}

impl Problem {
    /// A problem without remedy or diagnostics.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), remedy: None, diagnostics: Vec::new(), orders: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with diagnostics, a line each.
    #[must_use]
    pub fn with_diagnostics(mut self, diagnostics: Vec<String>) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: format!("{URN}{}", self.kind.word()),
            title: self.kind.title().to_owned(),
            status: self.kind.status(),
            detail: self.detail.clone(),
            code: self.kind.code(),
            remedy: self.remedy.clone(),
            diagnostics: self.diagnostics.clone(),
            orders: self.orders,
        }
    }
}

/// What every `type` starts with.
const URN: &str = "urn:waypost:problem:";

/// A problem as it is sent: RFC 9457 with the members `code`, `remedy`, `diagnostics` and `orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDocument {
    /// `urn:waypost:problem:` and the kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the kind is called.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in one sentence.
    pub detail: String,
    /// The exit code of the command line.
    pub code: u8,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Configuration and zone diagnostics, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<String>,
    /// The orders as they are now, as in the ETag of `GET /api/v1/orders`; of a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<OrdersTag>,
}

impl ProblemDocument {
    /// The kind, where this version knows it.
    #[must_use]
    pub fn known_kind(&self) -> Option<ProblemKind> {
        let word = self.kind.strip_prefix(URN)?;
        ProblemKind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let kind = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ProblemKind::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemKind::MediaType,
            _ => ProblemKind::Invalid,
        };
        Self::new(kind, plain(&rejection.body_text()))
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(ProblemKind::Invalid, plain(&rejection.body_text()))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self.document())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(tag) = self.orders.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok()) {
            headers.insert(header::ETAG, tag);
        }
        match self.kind {
            ProblemKind::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"waypost\""));
            }
            ProblemKind::TooMany => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(FAILURE_WINDOW.as_secs()));
            }
            _ => {}
        }
        // Whoever asked for a page gets it as one.
        response.extensions_mut().insert(self);
        response
    }
}
