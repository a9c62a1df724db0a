//! Making a plan.

use crate::model::{
    Endpoint, EndpointHealth, EndpointPlan, Generation, Intent, Plan, Service, ServiceIx, ServicePlan, SiteIx,
    SitePlan, SiteSet, Standing, Tier, Topology,
};

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
    let services =
        topology.services().map(|(ix, service)| service_plan(&inputs, ix, service, &mut endpoints)).collect();
    Plan { generation: inputs.generation, services, endpoints }
}

/// Plans one service and writes the outcome of its endpoints into `endpoints`.
fn service_plan(inputs: &Inputs<'_>, ix: ServiceIx, service: &Service, endpoints: &mut [EndpointPlan]) -> ServicePlan {
    let mut sites = Vec::with_capacity(service.sites.len());
    let mut in_service = SiteSet::EMPTY;
    let mut best = Tier::Isolated;
    for &site in &service.sites {
        let plan = plan_site(inputs, ix, service, site, |position, plan| {
            best = best.min(plan.tier);
            if let Some(slot) = endpoints.get_mut(position) {
                *slot = plan;
            }
        });
        if matches!(plan.standing, Standing::Serving | Standing::Deferring) {
            in_service.insert(site);
        }
        sites.push(plan);
    }
    // Nothing declared is answered as declared.
    let tier =
        if inputs.topology.endpoints.iter().any(|endpoint| endpoint.service == ix) { best } else { Tier::Declared };
    ServicePlan { sites, in_service, tier }
}

/// Plans one site of one service; `outcome` takes each of its endpoints by position.
fn plan_site(
    inputs: &Inputs<'_>,
    ix: ServiceIx,
    service: &Service,
    site: SiteIx,
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
        outcome(position, endpoint_plan(&health, order, own, MovedBy::of(service)));
    }
    site_plan(&health, order)
}
