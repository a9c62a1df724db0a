//! Recordings: what a node saw and decided, line by line, for a replay.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::Observation;
use crate::model::{Intent, Plan, Standing, Topology};

/// One line of a recording. Lines are in the order in which they were written; an observation is written when its run
/// ends, and so after lines of later moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "record")]
pub enum Record {
    /// The node began to record, after a start or because the file was full.
    Begun {
        /// When.
        time: Timestamp,
        /// Which node.
        node: String,
        /// The site that it stands in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site: Option<String>,
    },
    /// The node stopped in order.
    Ended {
        /// When.
        time: Timestamp,
    },
    /// What probes found.
    Observed(Observation),
    /// What stands, whenever it changed.
    Orders {
        /// When.
        time: Timestamp,
        /// All orders that stand from then on.
        intents: Vec<Intent>,
    },
    /// What was decided, whenever it changed.
    Served {
        /// When.
        time: Timestamp,
        /// Every site of every service.
        standings: Vec<Served>,
    },
}

/// What a site does for a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Service name.
    pub service: String,
    /// Site name.
    pub site: String,
    /// What it does.
    pub standing: Standing,
}

/// What every site of every service does by `plan`.
#[must_use]
pub fn standings(topology: &Topology, plan: &Plan) -> Vec<Served> {
    let mut all = Vec::new();
    for (service, outcome) in topology.services.iter().zip(&plan.services) {
        for (site, planned) in service.sites.iter().zip(&outcome.sites) {
            all.push(Served {
                service: service.name.clone(),
                site: topology.site_name(*site).to_owned(),
                standing: planned.standing,
            });
        }
    }
    all
}

impl Served {
    /// Whether the site is in service.
    #[must_use]
    pub const fn is_in_service(&self) -> bool {
        self.standing.is_in_service()
    }
}
