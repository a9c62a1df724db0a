//! Drills: what must hold before one begins, and what ends it at once (DESIGN section 7: never worse than without it).

use std::time::Duration;

use super::bounds::{DRILL_CACHES, DRILL_FINDINGS, FITS_WITHIN};
use super::capacity::{float, forecast};
use super::demand::Demand;
use super::dependencies::touched;
use super::refusal::{Refusal, order_in_words};
use super::review::{Order, Pace, Reviewed, review};
use crate::model::{
    Drill, EndpointHealth, EndpointKey, Intent, IntentKind, Lifetime, Plan, Reach, Scope, ServiceIx, Share, SiteIx,
    SiteSet, State, Tier, Topology,
};

/// What a drill is looked at against: the world without it, or with it.
#[derive(Clone, Copy)]
pub struct Grounds<'a> {
    /// Sites and services.
    pub topology: &'a Topology,
    /// The plan in force.
    pub plan: &'a Plan,
    /// Agreed health, parallel to the endpoints.
    pub health: &'a [EndpointHealth],
    /// The orders that stand.
    pub intents: &'a [Intent],
}

/// Why a drill may not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// An endpoint is not up, or evidence against it gathers.
    #[error("{endpoint} at {site} is {state} ({reason}); drills begin when every endpoint is up")]
    Unwell {
        /// `mx/192.0.2.1`
        endpoint: String,
        /// Its site.
        site: String,
        /// `down`, `suspect`.
        state: String,
        /// Why.
        reason: String,
    },
    /// More endpoints are not up than are listed.
    #[error("{more} more endpoints are not up")]
    MoreUnwell {
        /// How many.
        more: usize,
    },
    /// An order stands or is scheduled.
    #[error("{order} of {by} stands; drills begin when no order does: lift it, or wait until it ends")]
    OrderStands {
        /// `drain fra`
        order: String,
        /// Who gave it.
        by: String,
    },
    /// A drill runs.
    #[error("drill {id} runs; one runs at a time")]
    DrillRuns {
        /// Its id.
        id: String,
    },
    /// A safety rule forbids the order that the drill would give.
    #[error(transparent)]
    Rule(#[from] Refusal),
    /// Caches would not let go of the site in the time.
    #[error(
        "caches keep answers for up to {needed} s after the order, so a drill of {asked} s would see nothing; make it longer with --for"
    )]
    TooShort {
        /// As asked, in seconds.
        asked: u64,
        /// What it takes at least, in seconds.
        needed: u64,
    },
    /// The node or the cluster is not whole.
    #[error("{why}; drills begin when the nodes stand together")]
    Apart {
        /// What is not.
        why: String,
    },
    /// An incident is open.
    #[error("{why}; drills begin when no incident is open")]
    Incident {
        /// Which.
        why: String,
    },
}

impl Unready {
    /// Whether the survivors' capacity is what forbids it.
    #[must_use]
    pub const fn is_capacity(&self) -> bool {
        matches!(self, Self::Rule(Refusal::Capacity { .. }))
    }

    /// Whether the drill itself is wrong, whatever the state of the sites.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::TooShort { .. }) || matches!(self, Self::Rule(refusal) if refusal.is_usage())
    }
}

/// Why a drill that `order` would begin for a time of `length` may not; empty where it may. `demands` are those of the peak.
#[must_use]
pub fn unready(grounds: Grounds<'_>, order: &Order, length: Duration, demands: &[Demand]) -> Vec<Unready> {
    let Grounds { topology, plan, health, intents } = grounds;
    let rule = match review(topology, plan, health, intents, order, Pace::default(), demands) {
        // An order that stands already is told of below.
        Ok(Reviewed::Unchanged | Reviewed::Accept { .. }) => None,
        Err(refusal) => Some(Unready::Rule(refusal)),
    };
    if let Some(usage @ Unready::Rule(_)) = rule.as_ref().filter(|rule| rule.is_usage()) {
        return vec![usage.clone()];
    }
    let orders = intents.iter().map(|intent| match &intent.drill {
        Some(mark) => Unready::DrillRuns { id: mark.id.clone() },
        None => Unready::OrderStands { order: order_in_words(intent.kind, &intent.scope), by: intent.by.clone() },
    });
    unwell(topology, health)
        .into_iter()
        .chain(orders)
        .chain(too_short(topology, &order.scope, length))
        .chain(rule)
        .collect()
}

/// The endpoints that are not up beyond doubt, the first of them by name.
fn unwell(topology: &Topology, health: &[EndpointHealth]) -> Vec<Unready> {
    let bad = topology.endpoints().zip(health).filter(|(_, health)| health.state != State::Up || health.suspect);
    let mut found: Vec<Unready> = bad
        .map(|((_, endpoint), health)| {
            let key = topology.key(endpoint);
            Unready::Unwell {
                endpoint: endpoint_in_words(&key),
                site: topology.site_name(endpoint.site).to_owned(),
                state: if health.state == State::Up { "suspect".to_owned() } else { health.state.to_string() },
                reason: why(health),
            }
        })
        .collect();
    let more = found.len().saturating_sub(DRILL_FINDINGS);
    found.truncate(DRILL_FINDINGS);
    found.extend((more > 0).then_some(Unready::MoreUnwell { more }));
    found
}

/// Caches must have let go of the site well before the drill ends.
fn too_short(topology: &Topology, scope: &Scope, length: Duration) -> Option<Unready> {
    let site = topology.site_named(&scope.site)?;
    let ttl = concerned(topology, scope, site).into_iter().filter_map(|ix| Some(topology.service(ix)?.ttl)).max()?;
    let needed = ttl.saturating_add(DRILL_CACHES);
    (length < needed).then_some(Unready::TooShort { asked: length.as_secs(), needed: needed.as_secs() })
}

/// What ends a drill before its time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// An endpoint of another site got down or deferring.
    #[error("{endpoint} at {site}, which was to carry the load, is {state} ({reason})")]
    Survivor {
        /// `mx/192.0.2.1`
        endpoint: String,
        /// Its site.
        site: String,
        /// What it is.
        state: State,
        /// Why.
        reason: String,
    },
    /// An endpoint of the site itself got down or deferring.
    #[error("{endpoint} at {site}, the site that was taken out, is {state} ({reason})")]
    Drilled {
        /// `mx/192.0.2.1`
        endpoint: String,
        /// Its site.
        site: String,
        /// What it is.
        state: State,
        /// Why.
        reason: String,
    },
    /// Another site is sent more than it can carry.
    #[error("{site} is sent {sent} and can carry {capacity}")]
    Overloaded {
        /// The site.
        site: String,
        /// What it is sent, whole.
        sent: u64,
        /// What it can carry.
        capacity: u64,
    },
    /// No site in service is left for a service.
    #[error("no site in service is left for {service}")]
    NoSiteLeft {
        /// The service.
        service: String,
    },
    /// The store that the nodes share does not answer, or this node is cut off.
    #[error("{why}")]
    Apart {
        /// What happened.
        why: String,
    },
    /// An operator gave an order.
    #[error("{by} ordered {order}")]
    Ordered {
        /// `drain iad`
        order: String,
        /// Who.
        by: String,
    },
    /// The drill's order was lifted.
    #[error("its order was lifted")]
    Lifted,
    /// An operator ended it.
    #[error("{by} ended it{}", said(.reason))]
    Asked {
        /// Who.
        by: String,
        /// Why, where said.
        reason: String,
    },
    /// The configuration changed what it is about.
    #[error("the configuration does not have {scope} any more")]
    Undeclared {
        /// What it was about.
        scope: String,
    },
}

fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// What must end `drill`, whose order stands among the intents of `grounds`; the plan is that of the moment. `demands` are those
/// of the moment too.
#[must_use]
pub fn cause(grounds: Grounds<'_>, drill: &Drill, demands: &[Demand]) -> Option<Cause> {
    let Grounds { topology, plan, health, intents } = grounds;
    let Some(site) = topology.site_named(&drill.scope.site) else {
        return Some(Cause::Undeclared { scope: drill.scope.to_string() });
    };
    let services = concerned(topology, &drill.scope, site);
    if services.is_empty() {
        return Some(Cause::Undeclared { scope: drill.scope.to_string() });
    }
    standing(intents, drill)
        .or_else(|| got_worse(topology, health, &services, site))
        .or_else(|| no_site_left(topology, plan, &services))
        .or_else(|| overloaded(topology, plan, site, demands))
}

/// Only the drill's own order stands.
fn standing(intents: &[Intent], drill: &Drill) -> Option<Cause> {
    let is_own = |intent: &Intent| intent.drill.as_ref().is_some_and(|mark| mark.id == drill.id);
    let other = intents
        .iter()
        .find(|intent| !is_own(intent))
        .map(|intent| Cause::Ordered { order: order_in_words(intent.kind, &intent.scope), by: intent.by.clone() });
    other.or_else(|| (!intents.iter().any(is_own)).then_some(Cause::Lifted))
}

fn got_worse(topology: &Topology, health: &[EndpointHealth], services: &[ServiceIx], site: SiteIx) -> Option<Cause> {
    let bad = topology.endpoints().zip(health).filter(|((_, endpoint), health)| {
        services.contains(&endpoint.service) && matches!(health.state, State::Down | State::Deferring)
    });
    bad.map(|((_, endpoint), health)| {
        let key = topology.key(endpoint);
        let (endpoint_words, state, reason) = (endpoint_in_words(&key), health.state, why(health));
        let name = topology.site_name(endpoint.site).to_owned();
        if endpoint.site == site {
            Cause::Drilled { endpoint: endpoint_words, site: name, state, reason }
        } else {
            Cause::Survivor { endpoint: endpoint_words, site: name, state, reason }
        }
    })
    // What was to carry the load matters more.
    .max_by_key(|cause| matches!(cause, Cause::Survivor { .. }))
}

fn no_site_left(topology: &Topology, plan: &Plan, services: &[ServiceIx]) -> Option<Cause> {
    let has_endpoints = |ix: &&ServiceIx| topology.endpoints.iter().any(|endpoint| endpoint.service == **ix);
    services.iter().filter(has_endpoints).find_map(|ix| {
        let outcome = plan.services.get(ix.get())?;
        let name = || topology.service(*ix).map_or_else(String::new, |service| service.name.clone());
        (outcome.tier > Tier::Deferring).then(|| Cause::NoSiteLeft { service: name() })
    })
}

fn overloaded(topology: &Topology, plan: &Plan, site: SiteIx, demands: &[Demand]) -> Option<Cause> {
    if topology.sites.iter().all(|site| site.capacity.is_none()) {
        return None;
    }
    let loads = forecast(topology, plan, demands, SiteSet::EMPTY);
    topology.sites().zip(&loads.sites).filter(|((ix, _), _)| *ix != site).find_map(|((_, site), load)| {
        let capacity = load.capacity?;
        let is_over = load.sent > float(capacity) * (1.0 + FITS_WITHIN);
        is_over.then(|| Cause::Overloaded { site: site.name.clone(), sent: whole(load.sent), capacity })
    })
}

/// The services that a drill of this scope takes a site of out of.
#[must_use]
pub fn concerned(topology: &Topology, scope: &Scope, site: SiteIx) -> Vec<ServiceIx> {
    let uses = |ix: &ServiceIx| topology.service(*ix).is_some_and(|service| service.sites.contains(&site));
    touched(topology, scope, site).into_iter().filter(uses).collect()
}

/// The order that `drill` gives, to end at `lifetime` whatever happens.
#[must_use]
pub fn order_of_drill(drill: &Drill, lifetime: Lifetime) -> Order {
    Order {
        scope: drill.scope.clone(),
        kind: IntentKind::Drain { share: Share::ALL },
        by: drill.by.clone(),
        reason: drill.reason.clone(),
        lifetime,
        force: false,
        schedule: None,
        reach: Reach::Everywhere,
    }
}

fn endpoint_in_words(key: &EndpointKey) -> String {
    format!("{}/{}", key.service, key.address)
}

fn why(health: &EndpointHealth) -> String {
    if health.reason.is_empty() { "nothing is known of it yet".to_owned() } else { health.reason.clone() }
}

/// An amount rounded up.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(amount: f64) -> u64 {
    amount.ceil().max(0.0) as u64
}

#[cfg(test)]
#[path = "drill_tests.rs"]
mod tests;
