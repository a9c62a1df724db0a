//! Review of an operator's order against the safety rules (DESIGN section 7).
//!
//! The caller reviews and stores the intent in one compare-and-swap, so that two orders cannot pass against the same past.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{
    EndpointHealth, Generation, Intent, IntentKind, Lifetime, Plan, Scope, Service, Share, SiteIx, Standing, Topology,
};

use super::bounds::{REPEAT_TOLERANCE, SETTLE};
use super::demand::Demand;
use super::headroom;
use super::make::{Inputs, make};
use super::refusal::Refusal;
use super::tiers::has_endpoints;

/// An order as an operator gives it, before it is an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    pub kind: IntentKind,
    /// Who orders it: token name or system user.
    pub by: String,
    /// Why, in the operator's words; required where a safety rule is overridden.
    pub reason: String,
    /// How long it is to stand.
    pub lifetime: Lifetime,
    /// Whether safety rules are to be overridden.
    pub force: bool,
}

impl Order {
    /// The intent that the order becomes.
    #[must_use]
    pub fn into_intent(self, since: Timestamp, revision: u64, forced: bool) -> Intent {
        let Self { scope, kind, by, reason, lifetime, force: _ } = self;
        Intent { scope, kind, by, reason, since, lifetime, revision, forced }
    }

    /// Whether `standing` says the same already.
    fn repeats(&self, standing: &Intent) -> bool {
        standing.scope == self.scope
            && standing.kind == self.kind
            && match (standing.lifetime, self.lifetime) {
                (Lifetime::UntilCleared, Lifetime::UntilCleared) => true,
                (Lifetime::Until(old), Lifetime::Until(new)) => {
                    new.duration_since(old).unsigned_abs() <= REPEAT_TOLERANCE
                }
                _ => false,
            }
    }
}

/// What becomes of an order that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reviewed {
    /// The same order stands already: nothing is to be done.
    Unchanged,
    /// It may be carried out.
    Accept {
        /// The plan that follows, one generation after the current one.
        preview: Plan,
        /// The rules that `force` overrode: the intent is marked as forced where there are any.
        overridden: Vec<Refusal>,
    },
}

/// Reviews `order` against the safety rules.
///
/// `intents` are the orders that stand, expired ones left out; `current` is the plan that follows from them and `health`;
/// `since_last_change` is how long ago an operator last changed any order; `demands` are those of the peak.
///
/// # Errors
/// The first rule that the order breaks. [`Order::force`] with a reason overrides `settle`, `min_sites` and `capacity`.
pub fn review(
    topology: &Topology,
    current: &Plan,
    health: &[EndpointHealth],
    intents: &[Intent],
    order: &Order,
    since_last_change: Option<Duration>,
    demands: &[Demand],
) -> Result<Reviewed, Refusal> {
    let site = known_names(topology, order)?;
    if intents.iter().any(|standing| order.repeats(standing)) {
        return Ok(Reviewed::Unchanged);
    }
    let preview = preview(topology, current.generation, health, intents, order);
    // An order for one service that hides this one for a while changes nothing for good.
    let narrower = |standing: &&Intent| order.scope.service.is_none() && standing.scope.site == order.scope.site;
    let lasting: Vec<Intent> = intents.iter().filter(|standing| !narrower(standing)).cloned().collect();
    last_site(topology, &self::preview(topology, current.generation, health, &lasting, order), order, site)?;

    let broken: Vec<Refusal> = settle(since_last_change)
        .into_iter()
        .chain(min_sites(topology, current, &preview, order))
        .chain(headroom::capacity(topology, current, &preview, order, demands))
        .collect();
    match broken.first() {
        Some(first) if !order.force => Err(first.clone()),
        Some(first) if order.reason.trim().is_empty() => Err(Refusal::ForceWithoutReason { overrides: first.rule() }),
        _ => Ok(Reviewed::Accept { preview, overridden: broken }),
    }
}

/// The plan as if the order stood.
fn preview(
    topology: &Topology,
    current: Generation,
    health: &[EndpointHealth],
    intents: &[Intent],
    order: &Order,
) -> Plan {
    // Neither time nor revision has a part in the plan.
    let intent = order.clone().into_intent(Timestamp::UNIX_EPOCH, 0, order.force);
    let others = intents.iter().filter(|standing| standing.scope != order.scope).cloned();
    let intents: Vec<Intent> = others.chain([intent]).collect();
    let generation = Generation { sequence: current.sequence.saturating_add(1), ..current };
    make(Inputs { topology, health, intents: &intents, generation })
}

/// Rule: an order names a site, and a service that uses it.
fn known_names(topology: &Topology, order: &Order) -> Result<SiteIx, Refusal> {
    let Scope { site: name, service } = &order.scope;
    let site = topology.site_named(name).ok_or_else(|| Refusal::UnknownSite {
        name: name.clone(),
        known: site_names(topology, topology.sites().map(|(ix, _)| ix)),
    })?;
    let Some(service) = service else { return Ok(site) };
    let declared = topology.service_named(service).and_then(|ix| topology.service(ix)).ok_or_else(|| {
        let known: Vec<&str> = topology.services.iter().map(|service| service.name.as_str()).collect();
        Refusal::UnknownService { name: service.clone(), known: known.join(", ") }
    })?;
    if declared.sites.contains(&site) {
        Ok(site)
    } else {
        let sites = site_names(topology, declared.sites.iter().copied());
        Err(Refusal::NotOfService { site: name.clone(), service: service.clone(), sites })
    }
}

fn site_names(topology: &Topology, sites: impl Iterator<Item = SiteIx>) -> String {
    sites.map(|site| topology.site_name(site)).collect::<Vec<_>>().join(", ")
}

/// The services that an order is about.
fn affected<'a>(topology: &'a Topology, order: &'a Order) -> impl Iterator<Item = (usize, &'a Service)> {
    let meant = |service: &Service| order.scope.service.as_ref().is_none_or(|name| *name == service.name);
    topology.services.iter().enumerate().filter(move |(_, service)| meant(service))
}

/// Rule: a service's last site that is not isolated stays so, force or not. With all of them isolated the declared RRset
/// would be answered, isolated sites included: the order could not be kept.
fn last_site(topology: &Topology, preview: &Plan, order: &Order, site: SiteIx) -> Result<(), Refusal> {
    if order.kind != IntentKind::Isolate {
        return Ok(());
    }
    for (position, service) in affected(topology, order) {
        let Some(plan) = preview.services.get(position) else { continue };
        let usable = service.sites.iter().zip(&plan.sites).any(|(other, outcome)| {
            outcome.standing != Standing::Isolated && has_endpoints(topology, position, *other)
        });
        if !usable && has_endpoints(topology, position, site) {
            return Err(Refusal::LastSite { site: order.scope.site.clone(), service: service.name.clone() });
        }
    }
    Ok(())
}

/// Rule: no two operator changes within `settle`, so that the effect of the first is seen before the second.
fn settle(since_last_change: Option<Duration>) -> Option<Refusal> {
    let since = since_last_change.filter(|since| *since < SETTLE)?;
    Some(Refusal::Settle { since, wait: SETTLE.saturating_sub(since) })
}

/// Rule: at least `min_sites` stay in service. Orders that take nothing out of service are not held back by sites that
/// are down already.
fn min_sites(topology: &Topology, current: &Plan, preview: &Plan, order: &Order) -> Option<Refusal> {
    let takes_out = matches!(order.kind, IntentKind::Isolate | IntentKind::Drain { share: Share::ALL });
    affected(topology, order).filter(|_| takes_out).find_map(|(position, service)| {
        let before = current.services.get(position)?.in_service;
        let after = preview.services.get(position)?.in_service;
        let broken = after.len() < service.min_sites && after.len() < before.len();
        broken.then(|| Refusal::MinSites {
            order: format!("{} {}", order.kind.as_str(), order.scope),
            service: service.name.clone(),
            left: after.len(),
            min_sites: service.min_sites,
            names: site_names(topology, after.iter()),
        })
    })
}
