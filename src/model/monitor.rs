//! Monitors: how an endpoint is probed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AgentCheck, DatabaseCheck, DnsCheck, ExchangeCheck, ExecCheck, HandshakeCheck, HttpCheck, ImapCheck, JsonCheck,
    LmtpCheck, Pop3Check, PostgresCheck, PrometheusCheck, SmtpCheck, SubmissionCheck, Transport,
};

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
    /// The port probed, where [`Monitor::addresses`] names no other; 0 where the protocol has none.
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
    /// Octets sent and octets expected over TCP.
    Exchange(ExchangeCheck),
    /// A TLS handshake and its certificate.
    Handshake(HandshakeCheck),
    /// A DNS query (RFC 1035).
    Dns(DnsCheck),
    /// An ICMP echo (RFC 792, RFC 4443).
    Icmp,
    /// A PostgreSQL session: role and replication.
    Postgres(PostgresCheck),
    /// A MySQL or MariaDB session: role and replication.
    Mysql(DatabaseCheck),
    /// A number from a page of Prometheus metrics.
    Prometheus(PrometheusCheck),
    /// A value from a JSON document.
    Json(JsonCheck),
    /// A line of HAProxy's agent check.
    Agent(AgentCheck),
    /// A command in the convention of Nagios plugins.
    Exec(ExecCheck),
    /// SMTP as mail programs speak it (RFC 6409).
    Submission(SubmissionCheck),
    /// SMTP as mailbox servers speak it (RFC 2033).
    Lmtp(LmtpCheck),
    /// IMAP (RFC 9051).
    Imap(ImapCheck),
    /// POP3 (RFC 1939).
    Pop3(Pop3Check),
}

impl MonitorKind {
    /// Whether a probe asks all it asks at once: there is no conversation that a bare TCP connect could stand in for
    /// when a first failure is to be confirmed.
    #[must_use]
    pub const fn is_one_step(&self) -> bool {
        match self {
            Self::Tcp | Self::Icmp | Self::Exec(_) => true,
            Self::Dns(check) => matches!(check.transport, Transport::Udp),
            Self::Smtp(_) | Self::Http(_) => false,
            Self::Exchange(_) | Self::Handshake(_) | Self::Postgres(_) | Self::Mysql(_) => false,
            Self::Prometheus(_) | Self::Json(_) | Self::Agent(_) => false,
            Self::Submission(_) | Self::Lmtp(_) | Self::Imap(_) | Self::Pop3(_) => false,
        }
    }
}
