//! Infrastructure: what monitors ask of bare ports, certificates, name servers and databases.

use std::path::PathBuf;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::{Name, TlsPolicy};

/// What a TCP monitor says to a port and expects of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeCheck {
    /// Sent first; `None` listens only.
    pub send: Option<String>,
    /// A regular expression that the first 5,120 octets must match; `None` takes whatever comes, and silence.
    pub expect: Option<String>,
    /// `Off` or `Implicit`; `Starttls` does not occur.
    pub tls: TlsPolicy,
}

/// What a TLS monitor asks of a certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct HandshakeCheck {
    /// Always `Implicit`.
    pub tls: TlsPolicy,
    /// A certificate that ends sooner than this is a failure; `None` leaves it at the warning.
    pub expiry_critical: Option<Duration>,
    /// What a certificate is that a strict client turns away.
    pub refused: Refused,
}

/// What a certificate is that a strict client turns away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Trouble that defers, for many clients do not look.
    Defers,
    /// A failure.
    Fails,
}

/// What a DNS monitor asks of a name server.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsCheck {
    /// The name asked for.
    pub name: Name,
    /// The type asked for.
    pub rtype: RecordType,
    /// How the query goes; a truncated reply over UDP is asked for again over TCP.
    pub transport: Transport,
    /// Whether recursion is desired (RD).
    pub recursion: bool,
    /// Response codes that are well. NOERROR must come with a record of the type.
    pub rcodes: Vec<ResponseCode>,
    /// Record data of which at least one must be among the answers; empty takes any.
    pub expect: Vec<String>,
    /// Whether the reply must be authoritative (AA).
    pub authoritative: bool,
}

/// How a DNS query goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over UDP, and over TCP where the reply was truncated.
    Udp,
    /// Over TCP at once (RFC 7766).
    Tcp,
}

/// What a monitor asks of a database server.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseCheck {
    /// Whom the probe logs in as.
    pub user: String,
    /// The file with the password, read for every probe; `None` logs in without one.
    pub password_file: Option<PathBuf>,
    /// `Off` or `Starttls`; `Implicit` does not occur.
    pub tls: TlsPolicy,
    /// Which part the server must play in its replication.
    pub role: DatabaseRole,
    /// A replica that is further behind is `deferring`; `None` is never.
    pub lag_warning: Option<Duration>,
    /// A replica that is further behind has failed; `None` is never.
    pub lag_critical: Option<Duration>,
}

/// What a monitor asks of a PostgreSQL server.
#[derive(Clone, Debug, PartialEq)]
pub struct PostgresCheck {
    /// What it asks of any database server.
    pub server: DatabaseCheck,
    /// The database it connects to.
    pub database: String,
    /// A primary with fewer streaming replicas is `deferring`.
    pub replicas: u32,
}

/// Which part a database server plays in its replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseRole {
    /// It takes writes.
    Primary,
    /// It follows a primary.
    Replica,
    /// Either will do.
    Any,
}
