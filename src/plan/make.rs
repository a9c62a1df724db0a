//! Making a plan.

use crate::model::{
    Endpoint, EndpointHealth, EndpointPlan, Generation, Intent, Plan, Service, ServiceIx, ServicePlan, SiteIx,
    SitePlan, SiteSet, Tier, Topology,
};

use super::dependencies::{Hold, hold, in_order};
use super::schedule::in_effect;
use super::tiers::{MovedBy, SiteHealth, bystander, endpoint_plan, site_plan, standing_order};

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What is declared.
    pub topology: &'a Topology,
    /// Parallel to [`Topology::endpoints`]; an endpoint without an entry counts as unknown.
    pub health: &'a [EndpointHealth],
    /// The standing orders, expired ones left out. Orders about sites or services that are not declared (any more) have
    /// no effect, nor have those that have not begun; at most one order may stand for a scope, of several the first counts.
    pub intents: &'a [Intent],
    /// The plan's place in the order of plans.
    pub generation: Generation,
}

/// Makes the plan: the same inputs give the same plan.
#[must_use]
pub fn make(inputs: Inputs<'_>) -> Plan {
    let intents = in_effect(inputs.intents);
    let inputs = Inputs { intents: &intents, ..inputs };
    let topology = inputs.topology;
    let mut endpoints = vec![bystander(); topology.endpoints.len()];
    let unplanned = ServicePlan { sites: Vec::new(), in_service: SiteSet::EMPTY, tier: Tier::Declared };
    let mut services = vec![unplanned; topology.services.len()];
    for ix in in_order(&topology.services) {
        let Some(service) = topology.service(ix) else { continue };
        let plan = service_plan(&inputs, ix, service, &services, &mut endpoints);
        if let Some(slot) = services.get_mut(ix.get()) {
            *slot = plan;
        }
    }
    Plan { generation: inputs.generation, services, endpoints }
}

/// Plans one service and writes the outcome of its endpoints into `endpoints`; `services` has the outcome of those that it
/// requires.
fn service_plan(
    inputs: &Inputs<'_>,
    ix: ServiceIx,
    service: &Service,
    services: &[ServicePlan],
    endpoints: &mut [EndpointPlan],
) -> ServicePlan {
    let mut sites = Vec::with_capacity(service.sites.len());
    let mut in_service = SiteSet::EMPTY;
    let mut best = Tier::Isolated;
    for &site in &service.sites {
        let hold = hold(inputs.topology, service, site, services, endpoints);
        let plan = plan_site(inputs, (ix, service), site, &hold, |position, plan| {
            best = best.min(plan.tier);
            if let Some(slot) = endpoints.get_mut(position) {
                *slot = plan;
            }
        });
        if plan.standing.is_in_service() {
            in_service.insert(site);
        }
        sites.push(plan);
    }
    // Nothing declared is answered as declared.
    let tier =
        if inputs.topology.endpoints.iter().any(|endpoint| endpoint.service == ix) { best } else { Tier::Declared };
    ServicePlan { sites, in_service, tier }
}

/// Plans one site of one service under what it requires; `outcome` takes each of its endpoints by position.
fn plan_site(
    inputs: &Inputs<'_>,
    (ix, service): (ServiceIx, &Service),
    site: SiteIx,
    hold: &Hold,
    mut outcome: impl FnMut(usize, EndpointPlan),
) -> SitePlan {
    let here = |endpoint: &Endpoint| endpoint.service == ix && endpoint.site == site;
    let members = || {
        let declared = inputs.topology.endpoints.iter().enumerate();
        declared
            .filter(move |(_, endpoint)| here(endpoint))
            .map(|(position, _)| (position, inputs.health.get(position)))
    };
    let order = standing_order(inputs.intents, inputs.topology.site_name(site), &service.name);
    let health = SiteHealth::of(members().map(|(_, health)| health), service.site_floor);
    for (position, own) in members() {
        outcome(position, endpoint_plan(&health, hold, order, own, MovedBy::of(service)));
    }
    site_plan(&health, hold, order)
}
