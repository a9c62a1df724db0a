//! What is counted of queries, as it is shown.

use super::durations::DurationCounts;

/// How often a kind of query was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryCount {
    /// See [`Transport::as_str`].
    pub transport: &'static str,
    /// RCODE by name.
    pub rcode: &'static str,
    /// Question type by name, `other` for rare ones.
    pub qtype: &'static str,
    /// How often since the node started.
    pub count: u64,
}

/// What one of the two paths did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathCount {
    /// `hot`, or `general`.
    pub path: &'static str,
    /// Replies since the node started.
    pub answers: u64,
    /// How long they took: of the hot path a sample, of the general path all.
    pub durations: DurationCounts,
}

/// All counters at one moment, since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageCounts {
    /// Answered queries; combinations that never occurred are left out.
    pub queries: Vec<QueryCount>,
    /// The same by the path that they took.
    pub paths: Vec<PathCount>,
    /// Replies with TC set.
    pub truncated: u64,
    /// Queries whose handling panicked; each was answered SERVFAIL.
    pub panics: u64,
    /// Packets that must not be answered: responses and fragments of a header.
    pub discarded: u64,
    /// Replies that the system would not send.
    pub unsent: u64,
    /// Stream connections beyond the bounds, closed at once.
    pub turned_away: u64,
    /// Connections accepted, by transport.
    pub connections: Vec<(&'static str, u64)>,
    /// Connections open now.
    pub open_connections: u64,
    /// Resting connections that made room for others.
    pub evicted: u64,
    /// TLS and QUIC handshakes that failed, took too long or found no place.
    pub failed_handshakes: u64,
    /// When the certificate in use ends, in seconds since 1970; `None` without one.
    pub certificate_expires: Option<i64>,
    /// Signatures made; those that were found in the cache are not counted.
    pub signatures: u64,
    /// Messages answered SERVFAIL without being handled, because one like them panicked lately.
    pub quarantined: u64,
    /// Replies by what rate limiting made of them: `dropped`, `truncated` (one in so many, so that a client that exists
    /// comes back over TCP), `challenged` (the same with BADCOOKIE), `exempt` (sent because the client showed a cookie
    /// of ours).
    pub limited: Vec<(&'static str, u64)>,
    /// Requests for transfers by how they ended: `complete`, `soa` (the client has the zone already, or asked over UDP),
    /// `refused`, `busy` (too many at once), `abandoned` (by the client), `failed` (a fault of ours).
    pub transfers: Vec<(&'static str, u64)>,
    /// Updates by the RCODE of their reply, those left out that were not signed right.
    pub updates: Vec<(&'static str, u64)>,
}

/// What rate limiting made of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Limited {
    /// Not sent.
    Dropped,
    /// Sent without records, with TC.
    Truncated,
    /// Sent as BADCOOKIE.
    Challenged,
    /// Sent, because the client showed a cookie of ours.
    Exempt,
}

impl Limited {
    pub(super) const ALL: [Self; 4] = [Self::Dropped, Self::Truncated, Self::Challenged, Self::Exempt];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Truncated => "truncated",
            Self::Challenged => "challenged",
            Self::Exempt => "exempt",
        }
    }
}

/// How a request for a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransferEnd {
    /// The whole zone was sent.
    Complete,
    /// The client has the zone already, or asked over UDP: it got the SOA.
    SoaOnly,
    /// The client may not have the zone, or there is none.
    Refused,
    /// Too many transfers were under way.
    Busy,
    /// The client went away.
    Abandoned,
    /// A fault of ours.
    Failed,
}

impl TransferEnd {
    pub(super) const ALL: [Self; 6] =
        [Self::Complete, Self::SoaOnly, Self::Refused, Self::Busy, Self::Abandoned, Self::Failed];

    /// The word used in metrics and logs.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::SoaOnly => "soa",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Abandoned => "abandoned",
            Self::Failed => "failed",
        }
    }
}
