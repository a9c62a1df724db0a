//! What a plan means for a site, as the journal keeps it: enough to tell later what was out of service, and for how long.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Standing, State};

/// What a site does for a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteOutcome {
    /// Service name.
    pub service: String,
    /// Site name.
    pub site: String,
    /// What it does.
    pub standing: Standing,
    /// How many of its addresses are used before those that do not work.
    pub usable: usize,
    /// How many it declares.
    pub addresses: usize,
    /// Whether any answer names it.
    pub named: Naming,
    /// When no well-behaved cache names what was taken out of the answers any more, as this node knew when it took it out;
    /// `None` where nothing was, or no answer of this node ever named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained_by: Option<Timestamp>,
}

impl SiteOutcome {
    /// Whether the site is in service.
    #[must_use]
    pub const fn is_in_service(&self) -> bool {
        self.standing.is_in_service()
    }

    /// Whether it does all that it can.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.standing, Standing::Serving) && self.usable == self.addresses
    }

    /// Whom its failure can reach.
    #[must_use]
    pub const fn impact(&self) -> Impact {
        match (self.named, self.standing) {
            (Naming::LeftOut, Standing::Drained | Standing::Isolated) => Impact::OutOfService,
            (Naming::LeftOut, Standing::Serving) => Impact::Spare,
            // Left out because it has failed, or not at all.
            (Naming::LeftOut, Standing::Deferring | Standing::Down) | (Naming::Named, _) => Impact::Clients,
        }
    }

    /// Whether `other` says the same, whatever caches hold.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        Self { drained_by: None, ..self.clone() } == Self { drained_by: None, ..other.clone() }
    }
}

/// Whether answers name a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// Some do.
    Named,
    /// None does.
    LeftOut,
}

/// Whom the failure of something can have reached, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Nobody: an order had taken it out of service.
    OutOfService,
    /// Nobody yet: it was in service, and no answer named it.
    Spare,
    /// Clients: answers named it.
    #[default]
    Clients,
}

impl Impact {
    /// Whether it is what is taken where nothing is said.
    #[must_use]
    pub fn is_clients(&self) -> bool {
        *self == Self::Clients
    }
}

/// An endpoint that is not well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// Service name.
    pub service: String,
    /// Site name.
    pub site: String,
    /// The endpoint's address.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// Its state: deferring or down.
    pub state: State,
}
