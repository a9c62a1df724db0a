//! Tiers: what health and orders make of a site and of each endpoint in it (DESIGN section 7).

use crate::health::severity;
use crate::model::{
    EndpointHealth, EndpointPlan, Intent, IntentKind, Policy, Scope, Service, Share, SiteIx, SitePlan, Standing, State,
    Tier, Topology,
};

use super::dependencies::{Hold, Outlook};

/// Whether a service's clients are moved one by one or by weight: what a partial drain does depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MovedBy {
    /// The moved part of the draws sees the site as drained.
    Draw,
    /// The site's weight shrinks by the share; every draw sees the site as it is.
    Weight,
}

impl MovedBy {
    /// How partial drains of `service` work.
    pub(super) const fn of(service: &Service) -> Self {
        match service.policy {
            Policy::Weighted(_) => Self::Weight,
            Policy::Nearest | Policy::Geo(_) | Policy::Failover | Policy::Spread => Self::Draw,
        }
    }
}

/// The health of one site's endpoints of one service, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SiteHealth<'a> {
    up: usize,
    deferring: usize,
    unknown: usize,
    down: usize,
    floor: Floor,
    /// Why the worst endpoint is not up; empty where all are.
    trouble: &'a str,
}

/// Whether enough endpoints of a site are healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    Reached,
    Missed,
}

impl<'a> SiteHealth<'a> {
    /// Adds up `endpoints` against `site_floor`, the least healthy part (0 to 1) of a site that is up.
    pub(super) fn of(endpoints: impl Iterator<Item = Option<&'a EndpointHealth>>, site_floor: f64) -> Self {
        let mut sum = Self { up: 0, deferring: 0, unknown: 0, down: 0, floor: Floor::Reached, trouble: "" };
        let mut worst = State::Up;
        for health in endpoints {
            let state = state_of(health);
            match state {
                State::Up => sum.up += 1,
                State::Deferring => sum.deferring += 1,
                State::Unknown => sum.unknown += 1,
                State::Down => sum.down += 1,
            }
            if severity(state) > severity(worst) {
                worst = state;
                sum.trouble = health.map_or("", |health| health.reason.as_str());
            }
        }
        sum.floor = sum.judge(site_floor);
        sum
    }

    /// `site_floor`: a site whose healthy share is under the floor, or that has nothing healthy at all, is down as a whole.
    #[allow(clippy::cast_precision_loss)] // Counts of addresses are far below 2^52.
    fn judge(&self, site_floor: f64) -> Floor {
        let share = self.healthy() as f64 / self.total().max(1) as f64;
        if self.healthy() == 0 || share < site_floor { Floor::Missed } else { Floor::Reached }
    }

    const fn healthy(&self) -> usize {
        self.up + self.deferring + self.unknown
    }

    const fn total(&self) -> usize {
        self.healthy() + self.down
    }

    /// The state of the site by itself, whatever an operator ordered.
    pub(super) const fn state(&self) -> State {
        match self.floor {
            Floor::Missed if self.total() == 0 => State::Unknown,
            Floor::Missed => State::Down,
            Floor::Reached if self.up > 0 => State::Up,
            Floor::Reached if self.unknown > 0 => State::Unknown,
            Floor::Reached => State::Deferring,
        }
    }

    /// What the site does where no order says otherwise.
    const fn standing(&self) -> Standing {
        match self.floor {
            Floor::Missed => Standing::Down,
            Floor::Reached if self.up + self.unknown > 0 => Standing::Serving,
            Floor::Reached => Standing::Deferring,
        }
    }

    /// The health in words: `2 of 3 addresses healthy (192.0.2.10: connection refused)`.
    fn in_words(&self) -> String {
        let (healthy, total) = (self.healthy(), self.total());
        let mut words = match self.state() {
            _ if total == 0 => return "no address of the service is declared at this site".to_owned(),
            State::Deferring => format!("{} of {total} addresses deferring", self.deferring),
            State::Unknown => format!("{} of {total} addresses not judged yet, counted as up", self.unknown),
            State::Down if healthy > 0 => format!("only {healthy} of {total} addresses healthy, under the site floor"),
            State::Up | State::Down => format!("{healthy} of {total} addresses healthy"),
        };
        if !self.trouble.is_empty() {
            words.push_str(": ");
            words.push_str(self.trouble);
        }
        words
    }
}

/// An endpoint that nobody judged yet counts as unknown.
pub(super) fn state_of(health: Option<&EndpointHealth>) -> State {
    health.map_or(State::Unknown, |health| health.state)
}

/// The order that stands for `service` at `site`: the one for exactly this service wins over the one for the whole site.
pub(super) fn standing_order<'a>(intents: &'a [Intent], site: &str, service: &str) -> Option<&'a Intent> {
    let about = |scope: &Scope, wanted: Option<&str>| scope.site == site && scope.service.as_deref() == wanted;
    intents
        .iter()
        .find(|intent| about(&intent.scope, Some(service)))
        .or_else(|| intents.iter().find(|intent| about(&intent.scope, None)))
        .filter(|intent| intent.kind != IntentKind::Drain { share: Share::NONE })
}

/// What a site does for a service, under what the service requires and under the order that stands for it.
pub(super) fn site_plan(health: &SiteHealth<'_>, hold: &Hold, order: Option<&Intent>) -> SitePlan {
    let standing_by_itself = hold.at_best(health.standing());
    let ordered = |done: &str, intent: &Intent| ordered(done, intent, health, hold);
    let (standing, drained, reason) = match order.map(|intent| (intent, intent.kind)) {
        // An order moves nothing to or from a site that has no address to answer with.
        _ if health.total() == 0 => (Standing::Down, Share::NONE, health.in_words()),
        None => (standing_by_itself, Share::NONE, unordered(health, hold)),
        Some((intent, IntentKind::Drain { share: Share::ALL })) => {
            (Standing::Drained, Share::ALL, ordered("drained", intent))
        }
        Some((intent, IntentKind::Drain { share })) => {
            (standing_by_itself, share, ordered(&format!("drained {share}"), intent))
        }
        Some((intent, IntentKind::Isolate)) => (Standing::Isolated, Share::NONE, ordered("isolated", intent)),
        Some((intent, IntentKind::Pin)) => (Standing::Serving, Share::NONE, ordered("pinned", intent)),
    };
    SitePlan { standing, health: health.state(), drained, spilled: Share::NONE, reason }
}

/// Why a site does what it does without an order: what decides comes first, what it requires or its own health.
fn unordered(health: &SiteHealth<'_>, hold: &Hold) -> String {
    let by_itself = health.in_words();
    if hold.reason.is_empty() {
        by_itself
    } else if hold.at_best(health.standing()) == health.standing() {
        format!("{by_itself}; {}", hold.reason)
    } else if matches!(health.state(), State::Down | State::Deferring) {
        format!("{}; by itself: {by_itself}", hold.reason)
    } else {
        hold.reason.clone()
    }
}

/// Why an order stands: `drained by alice: kernel update`, with the site's own trouble and that of what it requires behind
/// it where there is any.
fn ordered(done: &str, intent: &Intent, health: &SiteHealth<'_>, hold: &Hold) -> String {
    let mut words = format!("{done} by {}", intent.by);
    if !intent.reason.is_empty() {
        words.push_str(": ");
        words.push_str(&intent.reason);
    }
    if matches!(health.state(), State::Down | State::Deferring) {
        words.push_str("; by itself: ");
        words.push_str(&health.in_words());
    }
    if !hold.reason.is_empty() {
        words.push_str("; ");
        words.push_str(&hold.reason);
    }
    words
}

/// The tiers of one endpoint in a site.
pub(super) fn endpoint_plan(
    site: &SiteHealth<'_>,
    hold: &Hold,
    order: Option<&Intent>,
    health: Option<&EndpointHealth>,
    moved_by: MovedBy,
) -> EndpointPlan {
    let by_itself = match (site.floor, state_of(health)) {
        (Floor::Missed, _) | (_, State::Down) => Tier::Declared,
        (Floor::Reached, State::Deferring) => Tier::Deferring,
        (Floor::Reached, State::Up | State::Unknown) => Tier::Serving,
    };
    let by_itself = by_itself.max(hold.tier());
    let drained = by_itself.max(Tier::Drained);
    let (tier, moved_tier) = match order.map(|intent| intent.kind) {
        None => (by_itself, by_itself),
        Some(IntentKind::Drain { share: Share::ALL }) => (drained, drained),
        Some(IntentKind::Drain { .. }) if moved_by == MovedBy::Draw => (by_itself, drained),
        Some(IntentKind::Drain { .. }) => (by_itself, by_itself),
        Some(IntentKind::Isolate) => (Tier::Isolated, Tier::Isolated),
        Some(IntentKind::Pin) => (Tier::Serving, Tier::Serving),
    };
    // Where health cannot change the answer, its doubts need not shorten the answer's life.
    let health_decides = !matches!(order.map(|intent| intent.kind), Some(IntentKind::Isolate | IntentKind::Pin));
    let doubtful = hold.outlook == Outlook::Unsettled
        || health.is_some_and(|health| health.suspect || health.state == State::Deferring);
    EndpointPlan { tier, moved_tier, unsettled: health_decides && doubtful, ttl_cap: None }
}

/// What becomes of an endpoint at a site that takes no part in its service: it only answers with the declared RRset.
pub(super) const fn bystander() -> EndpointPlan {
    EndpointPlan { tier: Tier::Declared, moved_tier: Tier::Declared, unsettled: false, ttl_cap: None }
}

/// Whether the service at `position` has an address at `site`.
pub(super) fn has_endpoints(topology: &Topology, position: usize, site: SiteIx) -> bool {
    topology.endpoints.iter().any(|endpoint| endpoint.service.get() == position && endpoint.site == site)
}
