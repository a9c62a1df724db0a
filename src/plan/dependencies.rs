//! Dependencies: what becomes of a site of a service where a service that it requires does not work.
//!
//! A required service that is down at a site takes the site out of service there, as if it were down itself; one that defers
//! makes it defer; one that an operator drains or isolates is about to go, so that its dependents count as drained. A site
//! without an endpoint of the required service is held back by nothing: there is nothing there that could fail. An order
//! that pins the dependent ignores what it requires, as it ignores health. Partial drains of the required service move
//! clients of that service only.

use crate::model::{EndpointPlan, Scope, Service, ServiceIx, ServicePlan, SiteIx, Standing, Tier, Topology};

use super::tiers::has_endpoints;

/// What the required services leave a site to be at best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// The best that the site can do; never isolated, which only an order for the service itself can say.
    pub(super) standing: Standing,
    /// Why; empty where nothing holds it back.
    pub(super) reason: String,
    /// Whether this may be about to change.
    pub(super) outlook: Outlook,
}

/// Whether what is known of a required service may be about to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// It is not.
    Settled,
    /// An endpoint is suspect or deferring.
    Unsettled,
}

impl Hold {
    /// Nothing holds the site back.
    pub(super) const NONE: Self =
        Self { standing: Standing::Serving, reason: String::new(), outlook: Outlook::Settled };

    /// The best tier that endpoints at the site can be in.
    pub(super) const fn tier(&self) -> Tier {
        tier_of(self.standing)
    }

    /// What a site that stands as `by_itself` does under this.
    pub(super) fn at_best(&self, by_itself: Standing) -> Standing {
        if self.tier() > tier_of(by_itself) { self.standing } else { by_itself }
    }
}

const fn tier_of(standing: Standing) -> Tier {
    match standing {
        Standing::Serving => Tier::Serving,
        Standing::Deferring => Tier::Deferring,
        Standing::Drained => Tier::Drained,
        Standing::Down => Tier::Declared,
        Standing::Isolated => Tier::Isolated,
    }
}

/// What those that `service` requires leave `site` to be. `services` and `endpoints` are planned for the required ones.
pub(super) fn hold(
    topology: &Topology,
    service: &Service,
    site: SiteIx,
    services: &[ServicePlan],
    endpoints: &[EndpointPlan],
) -> Hold {
    let mut hold = Hold::NONE;
    let mut reasons = Vec::new();
    for required in service.requires.iter().copied().filter(|required| has_endpoints(topology, required.get(), site)) {
        let Some(declared) = topology.service(required) else { continue };
        let position = declared.sites.iter().position(|other| *other == site);
        let outcome = position.and_then(|position| services.get(required.get())?.sites.get(position));
        let Some(outcome) = outcome else { continue };
        let standing = match outcome.standing {
            Standing::Isolated => Standing::Drained,
            other => other,
        };
        hold.standing = hold.at_best(standing);
        if standing != Standing::Serving {
            reasons.push(format!("requires {}: {}", declared.name, outcome.reason));
        }
        if is_unsettled(topology, required, site, endpoints) {
            hold.outlook = Outlook::Unsettled;
        }
    }
    hold.reason = reasons.join("; ");
    hold
}

fn is_unsettled(topology: &Topology, service: ServiceIx, site: SiteIx, endpoints: &[EndpointPlan]) -> bool {
    let mut here = topology.endpoints.iter().zip(endpoints);
    here.any(|(endpoint, plan)| endpoint.service == service && endpoint.site == site && plan.unsettled)
}

/// All services, each after those that it requires; otherwise in file order. Services that require themselves, which the
/// configuration refuses, come last.
pub(super) fn in_order(services: &[Service]) -> Vec<ServiceIx> {
    let mut missing: Vec<usize> = services.iter().map(|service| service.requires.len()).collect();
    let mut dependents: Vec<Vec<ServiceIx>> = vec![Vec::new(); services.len()];
    let positions = || (0_u16..).map(ServiceIx).zip(services);
    for (ix, service) in positions() {
        for required in &service.requires {
            if let Some(dependents) = dependents.get_mut(required.get()) {
                dependents.push(ix);
            }
        }
    }
    let mut order: Vec<ServiceIx> =
        positions().filter(|(_, service)| service.requires.is_empty()).map(|(ix, _)| ix).collect();
    let mut next = 0;
    while let Some(planned) = order.get(next).copied() {
        next += 1;
        for dependent in dependents.get(planned.get()).into_iter().flatten() {
            let Some(left) = missing.get_mut(dependent.get()) else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                order.push(*dependent);
            }
        }
    }
    let circular = positions().map(|(ix, _)| ix).filter(|ix| missing.get(ix.get()).is_some_and(|left| *left > 0));
    order.extend(circular.collect::<Vec<_>>());
    order
}

/// The services that an order of this scope at `site` touches: those that it is about, and those that require them there,
/// directly or through others. In file order where it is about all of them.
#[must_use]
pub fn touched(topology: &Topology, scope: &Scope, site: SiteIx) -> Vec<ServiceIx> {
    match &scope.service {
        None => topology.services().map(|(ix, _)| ix).collect(),
        Some(name) => {
            let named = topology.service_named(name);
            named.into_iter().flat_map(|ix| [vec![ix], dependents(topology, ix, site)].concat()).collect()
        }
    }
}

/// The services that are held back at `site` by what becomes of `required` there.
pub(super) fn dependents(topology: &Topology, required: ServiceIx, site: SiteIx) -> Vec<ServiceIx> {
    let mut found = Vec::new();
    // Whether a service is among them, or the required one itself, and has something there to hold others back.
    let mut holds = vec![false; topology.services.len()];
    if let Some(start) = holds.get_mut(required.get()) {
        *start = has_endpoints(topology, required.get(), site);
    }
    for ix in in_order(&topology.services).into_iter().filter(|ix| *ix != required) {
        let Some(service) = topology.service(ix) else { continue };
        if service.requires.iter().any(|required| holds.get(required.get()) == Some(&true)) {
            found.push(ix);
            if let Some(here) = holds.get_mut(ix.get()) {
                *here = has_endpoints(topology, ix.get(), site);
            }
        }
    }
    found
}
