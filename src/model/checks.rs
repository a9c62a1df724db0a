//! Checks: what each kind of monitor asks of an endpoint.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an SMTP monitor asks of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct SmtpCheck {
    /// What the probe calls itself in EHLO.
    pub helo: String,
    /// Whether and how TLS is used.
    pub tls: TlsPolicy,
    /// Sends MAIL FROM:<> and RCPT TO this mailbox, then RSET; no message is sent.
    pub recipient: Option<String>,
}

/// What an HTTP monitor asks of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// Host header and TLS server name; `None` is the endpoint's address.
    pub host: Option<String>,
    /// Absolute path and query, as in `/healthz`.
    pub path: String,
    /// Accepted status codes, ascending; empty is 200 to 299.
    pub status: Vec<u16>,
    /// A regular expression that the first 5,120 bytes of the body must match.
    pub body: Option<String>,
    /// `Off` is http, `Implicit` is https; `Starttls` does not occur.
    pub tls: TlsPolicy,
}

/// Whether TLS is used and what of the peer's certificate is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPolicy {
    /// When the handshake happens, if it does.
    pub mode: TlsMode,
    /// Whether chain, name and dates are checked. A bad certificate is `deferring`, not `down`.
    pub verify: bool,
    /// Trust anchors in PEM; `None` is the system's.
    pub ca: Option<PathBuf>,
    /// The name the certificate must carry; `None` is the MX host or owner name the endpoint was found under.
    pub name: Option<String>,
    /// A certificate that ends sooner than this is `deferring`.
    pub expiry_warning: Duration,
}

/// When the TLS handshake happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Never.
    #[serde(rename = "none")]
    Off,
    /// After STARTTLS (RFC 3207).
    Starttls,
    /// At once (RFC 8314).
    Implicit,
}
