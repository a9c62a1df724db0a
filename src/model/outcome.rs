//! What a plan means for a site, as the journal keeps it: enough to tell later what was out of service, and for how long.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Standing, State};

/// What a site does for a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        matches!(self.standing, Standing::Serving | Standing::Deferring)
    }

    /// Whether it does all that it can.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.standing, Standing::Serving) && self.usable == self.addresses
    }

    /// Whether `other` says the same, whatever caches hold.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        Self { drained_by: None, ..self.clone() } == Self { drained_by: None, ..other.clone() }
    }
}

/// Whether answers name a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// Some do.
    Named,
    /// None does.
    LeftOut,
}

/// An endpoint that is not well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Service name.
    pub service: String,
    /// Site name.
    pub site: String,
    /// The endpoint's address.
    pub address: IpAddr,
    /// Its state: deferring or down.
    pub state: State,
}
