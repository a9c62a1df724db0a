//! Where zones come from, and what others may do with them: transfers, updates, signing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hickory_proto::rr::RecordType;
use ipnet::IpNet;

use super::Name;

/// A `[[zone]]` section: one source of records and the zones made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSource {
    /// The zone or zones.
    pub origins: ZoneOrigins,
    /// Where the records come from.
    pub content: ZoneContent,
    /// What holds for every zone of this source.
    pub policy: ZonePolicy,
}

/// Which zones a source makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneOrigins {
    /// One zone.
    One(Name),
    /// Every name listed in this file, one a line; all share one relative template.
    Listed(PathBuf),
    /// The catalog zone of this name and every member zone that it lists (RFC 9432).
    Catalog(Name),
}

impl ZoneOrigins {
    /// The file that lists the zones, where one does.
    #[must_use]
    pub fn list(&self) -> Option<&Path> {
        match self {
            Self::Listed(list) => Some(list),
            Self::One(_) | Self::Catalog(_) => None,
        }
    }
}

/// Where the records of a zone come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneContent {
    /// An RFC 1035 master file.
    File(PathBuf),
    /// Transfer from the first of these servers that answers (RFC 5936); Waypost is a secondary then.
    Primaries(Vec<Peer>),
}

/// Another name server, and the key that messages with it are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Where it answers.
    pub address: SocketAddr,
    /// Name of a `[[key]]`; without one the messages are not signed.
    pub key: Option<Name>,
}

/// What holds for a zone beyond its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZonePolicy {
    /// Who may transfer the zone; nobody by default.
    pub transfer: Vec<TransferRule>,
    /// Who is told of new serials (RFC 1996).
    pub notify: Vec<Peer>,
    /// Who may change what (RFC 2136); nobody by default.
    pub update: Vec<UpdateRule>,
    /// How the served serial follows from the declared one.
    pub serial: SerialPolicy,
    /// Whether and how the zone is signed.
    pub dnssec: Option<ZoneSigning>,
}

/// Leave to transfer a zone: address and key must both fit.
///
/// A rule without a key is for servers that cannot sign; the configuration has to say `key = "none"` for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRule {
    /// Where the request comes from.
    pub from: Vec<IpNet>,
    /// Name of the `[[key]]` that signs it; `None` where unsigned requests are allowed knowingly.
    pub key: Option<Name>,
}

/// Leave to change records: key, owner name and type must all fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateRule {
    /// Name of the `[[key]]` that signs the update.
    pub key: Name,
    /// Owner names that may be changed.
    pub names: Vec<Name>,
    /// Types that may be changed.
    pub types: Vec<RecordType>,
}

/// How the serial of the served SOA follows from the declared one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SerialPolicy {
    /// As declared; higher only where updates changed the zone.
    #[default]
    Keep,
    /// The time of the change in seconds since 1970.
    UnixTime,
}

/// How a zone is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSigning {
    /// Name of the keyset in the key directory; `None` is the one named after the zone.
    pub keyset: Option<String>,
    /// How names are proven not to exist.
    pub denial: Denial,
}

/// How names are proven not to exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Denial {
    /// NSEC (RFC 4034 section 4).
    #[default]
    Nsec,
    /// NSEC3 with no extra iterations and no salt (RFC 5155, RFC 9276).
    Nsec3,
}

/// A `[[key]]`: a secret shared with another server (RFC 8945).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// The name by which messages name the key.
    pub name: Name,
    /// The algorithm that both sides use.
    pub algorithm: TsigAlgorithm,
    /// File that holds the secret in base64; 0600.
    pub secret: PathBuf,
}

/// Algorithms of RFC 8945 section 6 that are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TsigAlgorithm {
    /// hmac-sha256
    #[default]
    HmacSha256,
    /// hmac-sha384
    HmacSha384,
    /// hmac-sha512
    HmacSha512,
}

/// `[dnssec]`: where keys lie and how long signatures hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnssecSettings {
    /// Directory of the keysets.
    pub keys: PathBuf,
}
