//! How DNS is served beyond plain UDP and TCP, and within which bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// `[encrypted]`: DNS over TLS, QUIC and HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptedSettings {
    /// Certificate chain and private key as PEM files; `None` without any encrypted listener.
    pub certificate: Option<CertificateFiles>,
    /// DNS over TLS (RFC 7858), port 853.
    pub tls: Vec<SocketAddr>,
    /// DNS over dedicated QUIC connections (RFC 9250), port 853.
    pub quic: Vec<SocketAddr>,
    /// DNS over HTTPS at `/dns-query` (RFC 8484), port 443.
    pub https: Vec<SocketAddr>,
}

/// A certificate on disk. Both files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// `[rate_limit]`: response rate limiting over UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitSettings {
    /// Identical responses a second that one client network gets; `None` turns rate limiting off.
    pub responses_per_second: Option<u32>,
    /// Every how many limited responses one is sent truncated instead of dropped, so that a real client can come
    /// back over TCP; 0 is never, 1 always.
    pub slip: u32,
    /// Prefix length that counts as one client, IPv4.
    pub prefix_v4: u8,
    /// Prefix length that counts as one client, IPv6.
    pub prefix_v6: u8,
    /// Networks that are never limited.
    pub exempt: Vec<IpNet>,
}

impl Default for RateLimitSettings {
    fn default() -> Self {
        Self { responses_per_second: Some(200), slip: 2, prefix_v4: 24, prefix_v6: 56, exempt: Vec::new() }
    }
}

/// `[cookies]`: DNS Cookies (RFC 7873, RFC 9018).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CookieSettings {
    /// File of one to three secrets of 32 hexadecimal digits, one a line, shared by all nodes: the first makes
    /// cookies, all are accepted. `None` is a secret of this process alone.
    pub secrets: Option<PathBuf>,
}

/// `[secrets]`: how files of secrets come to the other nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretsSettings {
    /// File of the key under which cookie secrets and keysets travel through the store that the nodes share, the same on
    /// all nodes. `None` where nothing travels: operators bring the files to each node.
    pub shared_under: Option<PathBuf>,
}

/// `[limits]`: bounds on what clients may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open TCP, TLS, QUIC and HTTPS connections.
    pub connections: usize,
    /// Of these, by one client: an IPv4 address or an IPv6 /56.
    pub connections_per_client: usize,
    /// How long a connection may rest between queries.
    pub idle: Duration,
    /// Queries of one connection that are answered at the same time.
    pub queries_per_connection: usize,
    /// Handshakes of TLS and QUIC at the same time.
    pub handshakes: usize,
    /// Transfers out at the same time.
    pub transfers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_client: 64,
            idle: Duration::from_secs(10),
            queries_per_connection: 16,
            handshakes: 64,
            transfers: 10,
        }
    }
}
