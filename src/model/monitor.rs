//! Monitors: how an endpoint is probed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A monitor's position in [`crate::model::Topology::monitors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MonitorIx(pub u16);

impl MonitorIx {
    /// The position as an index into a slice of monitors.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// How endpoints are probed: kind, port, interval, timeout, thresholds (DESIGN section 5).
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// Unique name, as in `smtp`.
    pub name: String,
    /// The protocol spoken and what it must answer.
    pub kind: MonitorKind,
    /// The port probed, where [`Monitor::addresses`] names no other.
    pub port: u16,
    /// Between two probes of one endpoint, 100 ms to 1 h.
    pub interval: Duration,
    /// After which a probe has failed, 50 ms to 60 s.
    pub timeout: Duration,
    /// Good probes in a row before an endpoint returns, at least 1.
    pub rise: u32,
    /// Failed probes in a row before an endpoint is down, at least 1.
    pub fall: u32,
    /// Between the probes of a confirm burst.
    pub burst_gap: Duration,
    /// How failure is judged.
    pub detector: DetectorKind,
    /// Probe this instead of the answered address.
    pub addresses: BTreeMap<IpAddr, ProbeAddress>,
}

impl Monitor {
    /// Where the endpoint answered as `address` is probed.
    #[must_use]
    pub fn target(&self, address: IpAddr) -> SocketAddr {
        match self.addresses.get(&address) {
            Some(probe) => SocketAddr::new(probe.address, probe.port.unwrap_or(self.port)),
            None => SocketAddr::new(address, self.port),
        }
    }
}

/// A probe address that differs from the answered one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeAddress {
    /// The address probed.
    pub address: IpAddr,
    /// The port probed; `None` is the monitor's.
    pub port: Option<u16>,
}

/// How failure is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DetectorKind {
    /// Wald's sequential test over the endpoint's own history, with `fall` and `rise` as floors.
    Evidence,
    /// `fall` failures in a row, `rise` successes in a row, and nothing else.
    Count,
}

/// What a monitor speaks.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorKind {
    /// A TCP connect.
    Tcp,
    /// A whole SMTP conversation (RFC 5321).
    Smtp(SmtpCheck),
    /// An HTTP GET.
    Http(HttpCheck),
}

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
