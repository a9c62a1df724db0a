//! Composition: how the monitors of a service add up to the health of an endpoint, and what must not be undone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MonitorIx, ServiceIx, SiteIx};

/// How the monitors of a service add up. The default is that all of them count and the worst decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthRule {
    /// How the monitors that are neither required nor only shown are combined.
    pub mode: HealthMode,
    /// Monitors that must each be well, whatever the mode.
    pub required: Vec<MonitorIx>,
    /// Monitors that are probed and shown, and never counted.
    pub monitor_only: Vec<MonitorIx>,
}

impl HealthRule {
    /// The part that `monitor` has in the health of an endpoint.
    #[must_use]
    pub fn part_of(&self, monitor: MonitorIx) -> MonitorPart {
        if self.monitor_only.contains(&monitor) {
            MonitorPart::MonitorOnly
        } else if self.required.contains(&monitor) {
            MonitorPart::Required
        } else {
            MonitorPart::Counted
        }
    }
}

/// How several monitors give one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthMode {
    /// The worst wins.
    #[default]
    All,
    /// The best wins.
    Any,
    /// The best state that at least this many reach, from 1 to the number of monitors so combined.
    Quorum(usize),
}

/// The part that a monitor has in the health of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MonitorPart {
    /// It is combined with the others by the mode.
    #[default]
    Counted,
    /// It must be well by itself.
    Required,
    /// It is shown and never counted.
    MonitorOnly,
}

impl MonitorPart {
    /// The word that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Required => "required",
            Self::MonitorOnly => "monitor_only",
        }
    }
}

/// A named rule: an operator's order leaves at least so many of these sites in service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Unique name, as in `two-of-three`.
    pub name: String,
    /// The service that it is about; `None` is every service that uses at least [`Assertion::at_least`] of the sites.
    pub service: Option<ServiceIx>,
    /// How many of the sites stay in service, from 1 to their number.
    pub at_least: usize,
    /// The sites, each once.
    pub of: Vec<SiteIx>,
}
