//! The documents about load and capacity. Amounts are in the operator's own unit, that of a site's `capacity`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Problem, ProblemKind};
use crate::model::{Generation, SiteSet, Standing, State};

/// `GET /api/v1/whatif?fail=fra&fail=iad&peak=true`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhatIfQuery {
    /// The sites that fail.
    pub fail: Vec<String>,
    /// At the peak of the last day, and not as of late.
    pub peak: bool,
}

impl WhatIfQuery {
    /// Reads the pairs of a query string; `fail` may come several times.
    pub(super) fn read(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let invalid = |what: String| Problem::new(ProblemKind::Invalid, what);
        let mut query = Self::default();
        for (key, value) in pairs {
            match (key.as_str(), value.as_str()) {
                ("fail", _) if query.fail.len() >= SiteSet::CAPACITY => {
                    return Err(invalid(format!("more than {} sites cannot fail", SiteSet::CAPACITY)));
                }
                ("fail", _) => query.fail.push(value),
                ("peak", "true") => query.peak = true,
                ("peak", "false") => query.peak = false,
                ("peak", _) => return Err(invalid(format!("peak is true or false, not '{value}'"))),
                _ => return Err(invalid(format!("'{key}' is not known here")).with_remedy("ask with fail and peak")),
            }
        }
        Ok(query)
    }
}

/// What the sites would have to carry if some failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// [`WhatIf::SCHEMA`]
    pub schema: String,
    /// The node that measured it.
    pub node: String,
    /// When this was said.
    pub time: Timestamp,
    /// The plan that it starts from.
    pub generation: Generation,
    /// The sites that fail.
    pub fail: Vec<String>,
    /// At the peak of the last day, and not as of late.
    pub peak: bool,
    /// `false` where the sites left do not carry everything. Where that cannot be said it is `true`, for nothing speaks against
    /// it: `finding` tells the two apart.
    pub fits: bool,
    /// What was found. A node that knows no such word leaves it out.
    #[serde(default)]
    pub finding: Option<Finding>,
    /// All of it in one sentence.
    pub verdict: String,
    /// In the order of the configuration.
    pub sites: Vec<SiteForecast>,
    /// In the order of the configuration.
    pub services: Vec<ServiceForecast>,
}

impl WhatIf {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.whatif/1";
}

/// Whether the sites left carry everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// They do.
    Fits,
    /// They do not, or no site is left in service.
    DoesNotFit,
    /// It cannot be said: no demand is known, or no site declares a capacity to measure it by.
    Unknown,
}

/// What a site carries, and would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SiteForecast {
    /// The site.
    pub site: String,
    /// Whether it is one of those that fail.
    #[serde(default)]
    pub fails: bool,
    /// What it can carry; `None` is without bound.
    pub capacity: Option<u64>,
    /// What it carries under the plan in force.
    pub load: f64,
    /// What it would carry.
    pub predicted: f64,
    /// What it would be sent; what is above its capacity goes on to the next site in each view's order.
    pub sent: f64,
    /// The part of its capacity that would be free, in percent; `None` without bound and where it fails.
    pub headroom_percent: Option<f64>,
    /// The same by service; those that it has no part in are left out.
    #[serde(default)]
    pub services: Vec<ServicePart>,
    /// Where it does not serve now; empty where it serves all that it is there for.
    #[serde(default)]
    pub now: Vec<SiteNow>,
}

/// What a site does now in place of serving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SiteNow {
    /// What it does; `serving` where it is pinned although it is down.
    pub standing: Standing,
    /// Its health by itself.
    pub health: State,
    /// The services for which that is so; none where it is so of all.
    pub services: Vec<String>,
}

impl SiteNow {
    /// `down`, `drained for imap`, `pinned although down`.
    #[must_use]
    pub fn said(&self) -> String {
        let word = match (self.standing, self.health) {
            (Standing::Serving, State::Down) => "pinned although down",
            (standing, _) => standing.as_str(),
        };
        if self.services.is_empty() { word.to_owned() } else { format!("{word} for {}", self.services.join(", ")) }
    }
}

/// What a service has of a site's load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServicePart {
    /// The service.
    pub service: String,
    /// Under the plan in force.
    pub load: f64,
    /// What it would be.
    pub predicted: f64,
}

/// What is asked of a service, and what of it does not stay where it belongs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceForecast {
    /// The service.
    pub service: String,
    /// Where its demand comes from: `queries` (a second, as measured), `configured` (divided as queries were measured),
    /// `assumed` (configured, divided evenly: nothing measured yet).
    pub basis: String,
    /// All of its demand.
    pub demand: f64,
    /// What would be carried by another site than the first it is sent to.
    pub spilled: f64,
    /// What would find no place.
    pub unplaced: f64,
    /// Whether answers follow what is spilled (`spill = true`). Where not, senders go on to the next MX by themselves when a
    /// full site refuses them; other clients do not.
    #[serde(default)]
    pub steered: bool,
    /// The views of which something would be spilled or find no place, the most first; at most a hundred.
    #[serde(default)]
    pub views: Vec<ViewForecast>,
}

/// The clients of a service that see the sites in one order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ViewForecast {
    /// The sites in their order.
    pub order: Vec<String>,
    /// All of their demand.
    pub demand: f64,
    /// What would be carried by another site than the first it is sent to.
    pub spilled: f64,
    /// What would find no place.
    pub unplaced: f64,
}

/// What a site carries as of late and at the peak of the day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SiteLoadStatus {
    /// The site.
    pub site: String,
    /// What it can carry; `None` is without bound.
    pub capacity: Option<u64>,
    /// As of late.
    pub load: f64,
    /// At the peak of the last day, under the plan in force.
    pub peak: f64,
}
