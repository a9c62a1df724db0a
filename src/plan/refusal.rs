//! Why an order is refused: the rule, its numbers and the remedy in one sentence.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::assertions::Shortfall;
use crate::model::{IntentKind, Scope};

/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The site is not declared.
    #[error("no site is called '{name}' (rule known_names); name one of the sites: {known}")]
    UnknownSite {
        /// As ordered.
        name: String,
        /// What there is, separated by commas.
        known: String,
    },
    /// The service is not declared.
    #[error("no service is called '{name}' (rule known_names); name one of the services: {known}")]
    UnknownService {
        /// As ordered.
        name: String,
        /// What there is, separated by commas.
        known: String,
    },
    /// The service does not use the site.
    #[error("service '{service}' does not use site '{site}' (rule known_names); name one of its sites: {sites}")]
    NotOfService {
        /// The site ordered.
        site: String,
        /// The service ordered.
        service: String,
        /// The service's sites, separated by commas.
        sites: String,
    },
    /// All sites of the service would be isolated.
    #[error(
        "{site} is the last site of service '{service}' that is not isolated, 0 would be left (rule last_site), and force \
         does not change that: with all sites isolated every declared address would be answered; lift the isolation of \
         another site first, or drain {site}"
    )]
    LastSite {
        /// The site ordered.
        site: String,
        /// The service that would be left without a site.
        service: String,
    },
    /// The last operator change is too recent.
    #[error(
        "the last change was {} s ago and changes lie at least {} s apart (rule settle); repeat the order in {} s, or force it \
         with a reason",
        Seconds(*since), settle.as_secs_f64(), Seconds(*wait)
    )]
    Settle {
        /// How long ago the last change was.
        since: Duration,
        /// How far changes lie apart.
        settle: Duration,
        /// How long to wait.
        wait: Duration,
    },
    /// Too few sites would stay in service.
    #[error(
        "{order} would leave service '{service}' with {left} of at least {min_sites} sites in service{} (rule min_sites); \
         undrain or repair another site first, lower min_sites, or force it with a reason",
        Named(names)
    )]
    MinSites {
        /// What was ordered: `drain fra`.
        order: String,
        /// The service that would be left short.
        service: String,
        /// How many sites would be left.
        left: usize,
        /// How many there must be.
        min_sites: usize,
        /// Which would be left, separated by commas.
        names: String,
    },
    /// Too few of the sites that an assertion names would stay in service.
    #[error(transparent)]
    Assertion(Box<Shortfall>),
    /// An order that begins later would lift the one that is in effect.
    #[error(
        "{order} would lift {standing}, which is in effect, until it begins: at most one order stands for a scope (rule \
         one_order); lift that one first, let it stand longer instead, or force it with a reason"
    )]
    StandsAlready {
        /// What was ordered: `drain fra`.
        order: String,
        /// What is in effect.
        standing: String,
    },
    /// An order for now would give up the one that was scheduled.
    #[error(
        "{order} would give up {standing}, which is scheduled for {from:.0}: at most one order stands for a scope (rule \
         one_order); lift that one first, or force it with a reason"
    )]
    ScheduledAlready {
        /// What was ordered: `drain fra`.
        order: String,
        /// What is scheduled.
        standing: String,
        /// When that begins.
        from: Timestamp,
    },
    /// The other sites could not carry what they would be sent.
    #[error(
        "{order} would send more to the other sites than they can carry at peak (rule capacity): {sites}; {missing} of {total} would \
         find no place; undrain or repair another site first, drain a smaller share, raise capacity, or force it with a reason"
    )]
    Capacity {
        /// What was ordered: `drain fra`.
        order: String,
        /// What every other site would carry, separated by commas.
        sites: String,
        /// What would find no place, in the operator's unit.
        missing: String,
        /// All that is to be carried.
        total: String,
    },
    /// A rule was to be overridden without saying why.
    #[error("overriding the rule {overrides} needs a reason (rule force_reason); add --reason")]
    ForceWithoutReason {
        /// The rule's name.
        overrides: &'static str,
    },
}

impl Refusal {
    /// The rule's name, for programs and metrics.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::UnknownSite { .. } | Self::UnknownService { .. } | Self::NotOfService { .. } => "known_names",
            Self::LastSite { .. } => "last_site",
            Self::Settle { .. } => "settle",
            Self::MinSites { .. } => "min_sites",
            Self::Assertion(_) => "assertion",
            Self::StandsAlready { .. } | Self::ScheduledAlready { .. } => "one_order",
            Self::Capacity { .. } => "capacity",
            Self::ForceWithoutReason { .. } => "force_reason",
        }
    }

    /// Whether the order itself is wrong, whatever the state of the sites.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownSite { .. } | Self::UnknownService { .. } | Self::NotOfService { .. })
    }
}

/// `drain fra`
pub(super) fn order_in_words(kind: IntentKind, scope: &Scope) -> String {
    format!("{} {scope}", kind.as_str())
}

/// Seconds with one decimal, rounded up so that waiting as long as said is enough.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis().div_ceil(100);
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

/// ` (fra, iad)`, or nothing.
pub(super) struct Named<'a>(pub(super) &'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}
