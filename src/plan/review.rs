//! Safety rules: what an order must leave standing before it is accepted (DESIGN section 7).

use std::fmt;
use std::time::Duration;

use super::bounds::SETTLE;
use super::making::{Inputs, make};
use crate::model::{
    EndpointHealth, Generation, Intent, IntentKind, Lifetime, Plan, Scope, Service, ServicePlan, SiteSet, Standing,
    Tier, Topology,
};

/// An order as given: what, where, who, why, until.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    pub kind: IntentKind,
    /// Who orders it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How long it is to stand.
    pub lifetime: Lifetime,
    /// Whether the rules that can be overridden are.
    pub force: bool,
}

/// What the rules say of an order that they do not refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reviewed {
    /// The same order stands already.
    Unchanged,
    /// It may be given.
    Accept {
        /// The plan that would follow.
        preview: Plan,
    },
}

/// The safety rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// No two changes by operators within the settle time.
    Settle,
    /// At least `min_sites` stay in service.
    MinSites,
    /// A service's last site is never isolated.
    LastSite,
}

impl Rule {
    /// The name that operators see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::MinSites => "min_sites",
            Self::LastSite => "last_site",
        }
    }
}

/// Why an order is refused: the rule, its numbers and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// What it found, with numbers.
    pub finding: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused by {}: {}; {}", self.rule.name(), self.finding, self.remedy)
    }
}

impl std::error::Error for Refusal {}

/// Holds `order` against the safety rules.
///
/// # Errors
/// The first rule that refuses it.
pub fn review(
    topology: &Topology,
    current: &Plan,
    health: &[EndpointHealth],
    intents: &[Intent],
    order: &Order,
    since_last_change: Option<Duration>,
) -> Result<Reviewed, Refusal> {
    if intents.iter().any(|intent| repeats(intent, order)) {
        return Ok(Reviewed::Unchanged);
    }
    let preview = preview(topology, current, health, intents, order);
    last_site(topology, &preview, order)?;
    if !order.force {
        settle(since_last_change)?;
        min_sites(topology, current, &preview)?;
    }
    Ok(Reviewed::Accept { preview })
}

/// Whether `order` asks for what `intent` already says. Ends closer than a minute are the same: `--for 1h` typed twice.
fn repeats(intent: &Intent, order: &Order) -> bool {
    const SAME_END: i64 = 60;
    intent.scope == order.scope
        && intent.kind == order.kind
        && match (intent.lifetime, order.lifetime) {
            (Lifetime::UntilCleared, Lifetime::UntilCleared) => true,
            (Lifetime::Until(one), Lifetime::Until(other)) => one.duration_since(other).as_secs().abs() < SAME_END,
            _ => false,
        }
}

/// The plan that would follow from `order`.
fn preview(topology: &Topology, current: &Plan, health: &[EndpointHealth], intents: &[Intent], order: &Order) -> Plan {
    let intent = Intent {
        scope: order.scope.clone(),
        kind: order.kind,
        by: order.by.clone(),
        reason: order.reason.clone(),
        since: jiff::Timestamp::UNIX_EPOCH,
        lifetime: order.lifetime,
        revision: 0,
        forced: order.force,
    };
    let others = intents.iter().filter(|intent| intent.scope != order.scope).cloned();
    let intents: Vec<Intent> = others.chain([intent]).collect();
    let generation = Generation { sequence: current.generation.sequence + 1, ..current.generation };
    make(&Inputs { topology, health, intents: &intents, generation })
}

/// `settle`: the effect of one change is seen before the next is made.
fn settle(since_last_change: Option<Duration>) -> Result<(), Refusal> {
    match since_last_change {
        Some(passed) if passed < SETTLE => Err(Refusal {
            rule: Rule::Settle,
            finding: format!(
                "the last change was {:.1} s ago, changes are {} s apart",
                passed.as_secs_f64(),
                SETTLE.as_secs()
            ),
            remedy: "look at the status, then order again, or use --force with a reason".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// `min_sites`: an order that takes sites out leaves enough of them in service.
fn min_sites(topology: &Topology, current: &Plan, preview: &Plan) -> Result<(), Refusal> {
    for ((service, now), then) in topology.services.iter().zip(&current.services).zip(&preview.services) {
        let left = then.in_service.len();
        if left < now.in_service.len() && left < service.min_sites {
            return Err(Refusal {
                rule: Rule::MinSites,
                finding: format!(
                    "{left} of {} sites of service {} would stay in service{}, at least {} must",
                    service.sites.len(),
                    service.name,
                    named(topology, then.in_service),
                    service.min_sites
                ),
                remedy: "bring another site back first, or use --force with a reason".to_owned(),
            });
        }
    }
    Ok(())
}

/// `last_site`: a service keeps a site that may be used as a last resort. Not to be overridden: with every site isolated
/// nothing but the whole declared RRset is left to answer, the isolated sites included.
fn last_site(topology: &Topology, preview: &Plan, order: &Order) -> Result<(), Refusal> {
    if order.kind != IntentKind::Isolate {
        return Ok(());
    }
    for (service, then) in topology.services.iter().zip(&preview.services) {
        if is_concerned(topology, service, order) && all_isolated(topology, service, then) {
            return Err(Refusal {
                rule: Rule::LastSite,
                finding: format!(
                    "{} is the last site of service {} that is not isolated",
                    order.scope.site, service.name
                ),
                remedy: "lift the isolation of another site first, or drain this one instead".to_owned(),
            });
        }
    }
    Ok(())
}

fn is_concerned(topology: &Topology, service: &Service, order: &Order) -> bool {
    let of_service = order.scope.service.as_ref().is_none_or(|name| *name == service.name);
    of_service && service.sites.iter().any(|site| topology.site_name(*site) == order.scope.site)
}

/// Whether every site of the service that has endpoints is isolated.
fn all_isolated(topology: &Topology, service: &Service, plan: &ServicePlan) -> bool {
    let with_endpoints: SiteSet = topology
        .endpoints
        .iter()
        .filter(|endpoint| topology.service(endpoint.service).is_some_and(|of| of.name == service.name))
        .map(|endpoint| endpoint.site)
        .collect();
    let mut members =
        service.sites.iter().zip(&plan.sites).filter(|(site, _)| with_endpoints.contains(**site)).peekable();
    members.peek().is_some()
        && plan.tier == Tier::Isolated
        && members.all(|(_, outcome)| outcome.standing == Standing::Isolated)
}

fn named(topology: &Topology, sites: SiteSet) -> String {
    if sites.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = sites.iter().map(|site| topology.site_name(site)).collect();
    format!(" ({})", names.join(", "))
}
