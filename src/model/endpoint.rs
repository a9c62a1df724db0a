//! Endpoints: one address of one service at one site.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Name, ServiceIx, SiteIx};

/// An endpoint's position in [`crate::model::Topology::endpoints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointIx(pub u32);

impl EndpointIx {
    /// The position as an index into a slice of endpoints.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// One address of one service at one site; what a monitor probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The service it belongs to.
    pub service: ServiceIx,
    /// The site whose networks hold the address.
    pub site: SiteIx,
    /// The declared address.
    pub address: IpAddr,
    /// The host the address was found under: an MX or SRV target, or the owner of the A or AAAA RRset.
    pub host: Name,
}

/// What names an endpoint across reloads and restarts, when positions have changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointKey {
    /// Service name.
    pub service: String,
    /// The declared address.
    pub address: IpAddr,
}

impl fmt::Display for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.address)
    }
}
