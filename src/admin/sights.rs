//! What pages show beyond the status: the world, the evidence about endpoints, and what was found in the files.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Coordinates, Country, State};
use crate::steer::Told;

/// What pages need of a node besides the status; the node implements it. Answered from memory.
pub trait Sights: Send + Sync + 'static {
    /// Where the clients of each country are sent first for `service`; `None` if there is no such service.
    fn world(&self, service: &str) -> Option<World>;

    /// What the nodes and the last probes say of the endpoints at `site`, in the order of the status.
    fn evidence(&self, site: &str) -> Vec<Evidence>;

    /// What was found in configuration and zones.
    fn findings(&self) -> Findings;
}

/// Where the clients of each country are sent first for a service.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// How its clients are told apart.
    pub told: Told,
    /// Its sites in the order of the configuration.
    pub sites: Vec<PlacedSite>,
    /// All countries by their letters.
    pub countries: Vec<CountrySteering>,
}

/// A site and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedSite {
    /// Its name.
    pub name: String,
    /// Its coordinates, or the centre of its country; `None` where neither is known.
    pub at: Option<Coordinates>,
}

/// Where the clients of a country are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountrySteering {
    /// Its letters.
    pub country: Country,
    /// The site that answers name first now; `None` where everything is down, or where no place decides.
    pub first: Option<String>,
    /// The order in which its clients see the sites, whatever their health.
    pub order: Vec<String>,
}

/// What the nodes and the last probes say of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its service.
    pub service: String,
    /// Its address.
    pub address: IpAddr,
    /// What each node says, by name.
    pub votes: Vec<NodeVote>,
    /// This node's last probes by monitor.
    pub probes: Vec<ProbeHistory>,
}

/// What a node says of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeVote {
    /// The node.
    pub node: String,
    /// Its verdict; `None` where it does not know the endpoint.
    pub state: Option<State>,
    /// Whether it is fresh enough to count.
    pub counts: bool,
    /// Whether the node stands at the site: its vote takes the site down and never holds it up.
    pub is_local: bool,
}

/// The last probes of an endpoint under a monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeHistory {
    /// The monitor.
    pub monitor: String,
    /// The oldest first: milliseconds, or `None` where the probe failed.
    pub samples: Vec<Option<f64>>,
}

/// What was found in configuration and zones, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// When what is in force was loaded.
    pub loaded: Timestamp,
    /// What was found in it; none of it stands in the way.
    pub warnings: Vec<FoundLine>,
    /// How many more warnings there are than are kept.
    pub warnings_more: usize,
    /// The last load that was refused, where none has succeeded since.
    pub refused: Option<RefusedLoad>,
}

/// A load that was refused: what ran before runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLoad {
    /// When.
    pub time: Timestamp,
    /// Why.
    pub errors: Vec<FoundLine>,
    /// How many more errors there are than are kept.
    pub errors_more: usize,
}

/// Something that was found in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundLine {
    /// The file, with line and column where it is about one: `zones/example.org.zone:12:5`.
    pub place: String,
    /// What was found.
    pub found: String,
    /// What is expected instead; empty where `found` says it all.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}
