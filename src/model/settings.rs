//! The checked configuration: what one file said, with every reference resolved.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{
    AdminSettings, Assertion, AuditSettings, CookieSettings, Coordinates, Country, DnssecSettings, DrillSchedule,
    EncryptedSettings, Hook, KeySource, Limits, Monitor, NotifyTarget, Objectives, RateLimitSettings, SecretsSettings,
    Service, Site, SiteIx, ZoneSource,
};

/// A whole checked configuration. Paths are absolute or relative to the working directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The file that it was read from.
    pub path: PathBuf,
    /// Its text.
    pub text: Arc<str>,
    /// The files that monitors read when they probe, with where they are named.
    pub probe_files: Vec<ProbeFile>,
    /// `[node]`
    pub node: NodeSettings,
    /// `[admin]`
    pub admin: AdminSettings,
    /// `[state]`
    pub state: StateSettings,
    /// `[safety]`
    pub safety: SafetySettings,
    /// `[geo]`
    pub geo: GeoSettings,
    /// `[[site]]`, in file order.
    pub sites: Vec<Site>,
    /// `[[service]]`, in file order.
    pub services: Vec<Service>,
    /// `[[assertion]]`, in file order.
    pub assertions: Vec<Assertion>,
    /// `[monitor.*]`, in name order.
    pub monitors: Vec<Monitor>,
    /// `[[zone]]`, in file order.
    pub zones: Vec<ZoneSource>,
    /// `[[key]]`, in file order.
    pub keys: Vec<KeySource>,
    /// `[dnssec]`
    pub dnssec: DnssecSettings,
    /// `[encrypted]`
    pub encrypted: EncryptedSettings,
    /// `[rate_limit]`
    pub rate_limit: RateLimitSettings,
    /// `[cookies]`
    pub cookies: CookieSettings,
    /// `[secrets]`
    pub secrets: SecretsSettings,
    /// `[limits]`
    pub limits: Limits,
    /// `[[drill]]`, in file order.
    pub drills: Vec<DrillSchedule>,
    /// `[objectives]`
    pub objectives: Objectives,
    /// `[audit]`
    pub audit: AuditSettings,
    /// `[[notify]]`, in file order.
    pub notify: Vec<NotifyTarget>,
    /// `[[hook]]`, in file order.
    pub hooks: Vec<Hook>,
}

/// Who this node is and where it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// Unique name; NSID, votes, metrics.
    pub name: String,
    /// Where it stands: its votes on that site are local.
    pub site: Option<SiteIx>,
    /// What it shares with other nodes that would fail with it or be misled alike, as one provider or uplink: of all nodes
    /// that name the same, one vote counts.
    pub failure_domain: Option<String>,
    /// UDP and TCP addresses of the DNS service.
    pub listen: Vec<SocketAddr>,
    /// Interfaces whose UDP queries are answered past the kernel.
    pub xdp: XdpSettings,
}

/// What is answered past the kernel (AF_XDP).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XdpSettings {
    /// Names of interfaces; none by default.
    pub interfaces: Vec<String>,
    /// Where the program that takes queries runs.
    pub mode: XdpMode,
}

/// Where in the kernel the program that takes queries runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver of the interface, which must have a place for it.
    #[default]
    Native,
    /// Behind the driver: works with every one, gains less.
    Generic,
}

/// A file that a monitor reads when it probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFile {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub holds: ProbeFileKind,
    /// The key that names it, with its value: `ca = "mail-ca.pem" in [monitor.smtp]`.
    pub named: String,
    /// The line of the configuration that names it, from 1.
    pub line: usize,
    /// The column of the value, from 1.
    pub column: usize,
    /// How many characters the value has.
    pub length: usize,
}

/// What a file holds that a monitor reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeFileKind {
    /// Trust anchors in PEM.
    Anchors,
    /// A password in its one line.
    Password,
}

/// Where state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSettings {
    /// Directory of the embedded store.
    pub path: PathBuf,
    /// The store that all nodes of a cluster share; `None` for a node that is alone.
    pub etcd: Option<EtcdSettings>,
}

/// How the etcd cluster is reached that all nodes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdSettings {
    /// URLs of its members without a path, one at least; any of them will do.
    pub endpoints: Vec<String>,
    /// What the keys of this cluster of nodes begin with; begins with a slash and ends without one.
    pub prefix: String,
    /// PEM file of the authorities that members' certificates must come from; `None` is the system's roots.
    pub ca: Option<PathBuf>,
    /// PEM files with this node's certificate and its key, where members ask for one.
    pub identity: Option<ClientIdentity>,
    /// User and the file that holds its password, where members ask for one.
    pub login: Option<StoreLogin>,
}

/// A certificate that a client shows, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM file with the certificate and those between it and its authority.
    pub cert: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
}

/// A user of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLogin {
    /// Name of the user.
    pub user: String,
    /// File whose first line is the password.
    pub password_file: PathBuf,
}

/// What operators' orders are held against, whatever they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SafetySettings {
    /// Two changes of orders lie at least this far apart, so that the effect of the first is seen before the second; zero
    /// lets them follow each other at once.
    pub settle: Duration,
}

impl Default for SafetySettings {
    fn default() -> Self {
        Self { settle: Duration::from_secs(5) }
    }
}

/// How clients are located.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeoSettings {
    /// MMDB file; `None` is the embedded country database.
    pub database: Option<PathBuf>,
    /// What the operator knows better; the longest prefix wins.
    pub networks: Vec<(IpNet, NetworkPlace)>,
}

/// Where a network override says that a client is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NetworkPlace {
    /// At this site: it comes first, the others follow by distance from it.
    Site(SiteIx),
    /// In this country.
    Country(Country),
    /// Here.
    Coordinates(Coordinates),
}
