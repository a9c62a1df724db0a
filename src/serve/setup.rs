//! What a server is started with.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Backstage, Nobody, Usage};
use crate::answer::Tables;
use crate::model::{EncryptedSettings, Limits, RateLimitSettings, Settings, XdpSettings};
use crate::tsig::Keyring;

/// Everything that a server needs.
pub struct Setup {
    /// Name of the node: NSID (RFC 5001).
    pub node: String,
    /// Addresses of DNS over UDP and TCP. Port 0 gets a free one, the same for both.
    pub listen: Vec<SocketAddr>,
    /// Interfaces whose UDP queries are answered past the kernel. Builds without the feature `xdp` have none.
    pub xdp: XdpSettings,
    /// DNS over TLS, QUIC and HTTPS.
    pub encrypted: EncryptedSettings,
    /// Response rate limiting.
    pub rate_limit: RateLimitSettings,
    /// Bounds.
    pub limits: Limits,
    /// What is answered from, whichever is current at each query.
    pub tables: Arc<ArcSwap<Tables>>,
    /// What clients and servers must not see, whichever is current.
    pub secrets: Arc<ArcSwap<Secrets>>,
    /// Counters.
    pub usage: Arc<Usage>,
    /// Who takes notifications and updates.
    pub backstage: Arc<dyn Backstage>,
}

/// Secrets shared with other servers. They change while the server runs.
#[derive(Default)]
pub struct Secrets {
    /// Keys of transaction signatures.
    pub keyring: Keyring,
    /// Secrets of server cookies (RFC 9018): the first makes them, all are accepted. None: one of this process.
    pub cookies: Vec<[u8; 16]>,
}

impl Secrets {
    /// Whether the secrets are those of `other`. For news about a reload: how long it takes tells about them, and nobody
    /// outside sees that.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.cookies == other.cookies && self.keyring.is_same_as(&other.keyring)
    }
}

impl Setup {
    /// DNS over UDP and TCP at `listen` with default bounds, without keys, notifications and updates.
    #[must_use]
    pub fn plain(node: &str, listen: &[SocketAddr], tables: Arc<ArcSwap<Tables>>, usage: Arc<Usage>) -> Self {
        Self {
            node: node.to_owned(),
            listen: listen.to_vec(),
            xdp: XdpSettings::default(),
            encrypted: EncryptedSettings::default(),
            rate_limit: RateLimitSettings::default(),
            limits: Limits::default(),
            tables,
            secrets: Arc::default(),
            usage,
            backstage: Arc::new(Nobody),
        }
    }

    /// As `settings` say.
    #[must_use]
    pub fn of(settings: &Settings, tables: Arc<ArcSwap<Tables>>, usage: Arc<Usage>) -> Self {
        Self {
            xdp: settings.node.xdp.clone(),
            encrypted: settings.encrypted.clone(),
            rate_limit: settings.rate_limit.clone(),
            limits: settings.limits.clone(),
            ..Self::plain(&settings.node.name, &settings.node.listen, tables, usage)
        }
    }
}
