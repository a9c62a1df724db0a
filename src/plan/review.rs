//! Review of an operator's order against the safety rules (DESIGN section 7).
//!
//! The caller reviews and stores the intent in one compare-and-swap, so that two orders cannot pass against the same past.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{
    EndpointHealth, Generation, Intent, IntentKind, Lifetime, Plan, Reach, Schedule, Scope, Service, Share, SiteIx,
    Standing, Topology,
};

use super::assertions::assertions;
use super::bounds::REPEAT_TOLERANCE;
use super::demand::Demand;
use super::dependencies::touched;
use super::headroom;
use super::make::{Inputs, make};
use super::refusal::{Refusal, order_in_words};
use super::schedule::{Moment, continued, moments, one_order, same_schedule};
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
    /// When its parts take effect, where that is not all at once now.
    pub schedule: Option<Schedule>,
    /// Who is to follow it.
    pub reach: Reach,
}

impl Order {
    /// The intent that the order becomes.
    #[must_use]
    pub fn into_intent(self, since: Timestamp, revision: u64, forced: bool) -> Intent {
        let Self { scope, kind, by, reason, lifetime, force: _, schedule, reach } = self;
        Intent { scope, kind, by, reason, since, lifetime, revision, forced, reach, schedule, drill: None }
    }

    /// When the order begins, where that is not now.
    #[must_use]
    pub fn begins_later(&self) -> Option<Timestamp> {
        self.schedule.as_ref().filter(|schedule| schedule.is_waiting()).map(|schedule| schedule.from)
    }

    /// The order as it goes on where it is the same drain by the same steps as one of `intents`, with another end.
    #[must_use]
    pub fn continuing(self, intents: &[Intent]) -> Self {
        let standing = intents.iter().find(|standing| standing.scope == self.scope);
        continued(self, standing)
    }

    /// Whether `standing` says the same already.
    fn repeats(&self, standing: &Intent) -> bool {
        // What only one node follows is not what is ordered of all.
        let reaches = standing.reach.is_everywhere() || !self.reach.is_everywhere();
        // A drill's order ends with the drill, whatever its end says.
        standing.scope == self.scope
            && standing.drill.is_none()
            && reaches
            && standing.kind == self.kind
            && same_schedule(self, standing)
            && match (standing.lifetime, self.lifetime) {
                (Lifetime::UntilCleared, Lifetime::UntilCleared) => true,
                (Lifetime::Until(old), Lifetime::Until(new)) => {
                    new.duration_since(old).unsigned_abs() <= REPEAT_TOLERANCE
                }
                _ => false,
            }
    }
}

/// How far operators' changes lie apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// How far they must: [`crate::model::SafetySettings::settle`].
    pub settle: Duration,
    /// How long ago the last one was, of any order by anybody; `None` if that is not known or of no matter.
    pub since_last_change: Option<Duration>,
}

/// What becomes of an order that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reviewed {
    /// The same order stands already: nothing is to be done.
    Unchanged,
    /// It may be carried out.
    Accept {
        /// The plan that follows, one generation after the current one; of an order that takes effect later or by steps,
        /// that of its last step, if it were taken now: whoever orders it must see where it leads.
        preview: Plan,
        /// The rules that `force` overrode: the intent is marked as forced where there are any.
        overridden: Vec<Refusal>,
    },
}

/// Reviews `order` against the safety rules.
///
/// `intents` are the orders that stand, expired ones left out; `current` is the plan that follows from them and `health`;
/// `pace` is how far changes lie apart; `demands` are those of the peak. An order for every node is reviewed against those
/// that every node follows, one for this node alone against all that it follows itself ([`super::effective`]).
///
/// # Errors
/// The first rule that the order breaks. [`Order::force`] with a reason overrides `settle`, `one_order`, `min_sites`,
/// assertions and `capacity`.
pub fn review(
    topology: &Topology,
    current: &Plan,
    health: &[EndpointHealth],
    intents: &[Intent],
    order: &Order,
    pace: Pace,
    demands: &[Demand],
) -> Result<Reviewed, Refusal> {
    let site = known_names(topology, order)?;
    if intents.iter().any(|standing| order.repeats(standing)) {
        return Ok(Reviewed::Unchanged);
    }
    let preview = preview(topology, current.generation, health, intents, order);
    let lasting = match moments(intents, order).as_slice() {
        [] => {
            last_site(topology, current.generation, health, intents, order, site)?;
            lasting_rules(topology, current, &preview, order, site, demands)
        }
        moments => at_moments(topology, current.generation, health, moments, site, demands)?,
    };
    // What begins later changes nothing that would have to be seen first.
    let settle = settle(pace).filter(|_| order.begins_later().is_none());
    let broken: Vec<Refusal> = settle.into_iter().chain(one_order(intents, order)).chain(lasting).collect();
    match broken.first() {
        Some(first) if !order.force => Err(first.clone()),
        Some(first) if order.reason.trim().is_empty() => Err(Refusal::ForceWithoutReason { overrides: first.rule() }),
        _ => Ok(Reviewed::Accept { preview, overridden: broken }),
    }
}

/// Reviews what takes effect now of an order that was accepted earlier. That changes lie apart is a rule for people.
///
/// # Errors
/// The first rule that is broken; [`Order::force`] overrides all but `last_site`.
pub(super) fn review_step(
    topology: &Topology,
    current: &Plan,
    health: &[EndpointHealth],
    intents: &[Intent],
    order: &Order,
    demands: &[Demand],
) -> Result<(), Refusal> {
    let site = known_names(topology, order)?;
    last_site(topology, current.generation, health, intents, order, site)?;
    let preview = preview(topology, current.generation, health, intents, order);
    match lasting_rules(topology, current, &preview, order, site, demands).into_iter().next() {
        Some(refusal) if !order.force => Err(refusal),
        _ => Ok(()),
    }
}

/// The lasting rules that an order breaks at the first of `moments` where it breaks any.
fn at_moments(
    topology: &Topology,
    generation: Generation,
    health: &[EndpointHealth],
    moments: &[Moment],
    site: SiteIx,
    demands: &[Demand],
) -> Result<Vec<Refusal>, Refusal> {
    for Moment { order, others } in moments {
        last_site(topology, generation, health, others, order, site)?;
    }
    let broken = moments.iter().map(|Moment { order, others }| {
        let before = make(Inputs { topology, health, intents: others, generation });
        let after = preview(topology, generation, health, others, order);
        lasting_rules(topology, &before, &after, order, site, demands)
    });
    Ok(broken.into_iter().find(|broken| !broken.is_empty()).unwrap_or_default())
}

/// The rules that hold for as long as an order stands, and that it breaks: it makes `preview` of the plan `current`.
fn lasting_rules(
    topology: &Topology,
    current: &Plan,
    preview: &Plan,
    order: &Order,
    site: SiteIx,
    demands: &[Demand],
) -> Vec<Refusal> {
    let min_sites = min_sites(topology, current, preview, order, site);
    let assertions = assertions(topology, current, preview, order);
    let capacity = headroom::capacity(topology, current, preview, order, demands);
    min_sites.into_iter().chain(assertions).chain(capacity).collect()
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
    let as_a_whole = Order { schedule: None, ..order.clone() };
    let intent = as_a_whole.into_intent(Timestamp::UNIX_EPOCH, 0, order.force);
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
fn last_site(
    topology: &Topology,
    generation: Generation,
    health: &[EndpointHealth],
    intents: &[Intent],
    order: &Order,
    site: SiteIx,
) -> Result<(), Refusal> {
    if order.kind != IntentKind::Isolate {
        return Ok(());
    }
    // An order for one service that hides this one for a while changes nothing for good.
    let narrower = |standing: &&Intent| order.scope.service.is_none() && standing.scope.site == order.scope.site;
    let lasting: Vec<Intent> = intents.iter().filter(|standing| !narrower(standing)).cloned().collect();
    let preview = preview(topology, generation, health, &lasting, order);
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
fn settle(Pace { settle, since_last_change }: Pace) -> Option<Refusal> {
    let since = since_last_change.filter(|since| *since < settle)?;
    Some(Refusal::Settle { since, settle, wait: settle.saturating_sub(since) })
}

/// Rule: at least `min_sites` stay in service. Orders that take nothing out of service are not held back by sites that
/// are down already.
fn min_sites(topology: &Topology, current: &Plan, preview: &Plan, order: &Order, site: SiteIx) -> Option<Refusal> {
    let takes_out = matches!(order.kind, IntentKind::Isolate | IntentKind::Drain { share: Share::ALL });
    touched(topology, &order.scope, site).into_iter().filter(|_| takes_out).find_map(|ix| {
        let service = topology.service(ix)?;
        let before = current.services.get(ix.get())?.in_service;
        let after = preview.services.get(ix.get())?.in_service;
        let broken = after.len() < service.min_sites && after.len() < before.len();
        broken.then(|| Refusal::MinSites {
            order: order_in_words(order.kind, &order.scope),
            service: service.name.clone(),
            left: after.len(),
            min_sites: service.min_sites,
            names: site_names(topology, after.iter()),
        })
    })
}
