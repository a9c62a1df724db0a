//! Making a plan.

use super::standing::{is_usable, site_health, standing, tiers};
use crate::model::{
    EndpointHealth, EndpointPlan, Generation, Intent, IntentKind, Lifetime, Plan, Scope, Service, ServiceIx,
    ServicePlan, Share, SiteIx, SitePlan, SiteSet, Standing, State, Tier, Topology,
};

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Sites, services and endpoints.
    pub topology: &'a Topology,
    /// Agreed health, parallel to the endpoints; missing entries count as not judged.
    pub health: &'a [EndpointHealth],
    /// The orders that stand now. Those for unknown sites or services have no effect.
    pub intents: &'a [Intent],
    /// The plan's place in the order of plans.
    pub generation: Generation,
}

/// Makes the plan that follows from `inputs`.
#[must_use]
pub fn make(inputs: &Inputs<'_>) -> Plan {
    let topology = inputs.topology;
    let mut endpoints: Vec<EndpointPlan> = topology
        .endpoints()
        .map(|_| EndpointPlan { tier: Tier::Declared, moved_tier: Tier::Declared, unsettled: false })
        .collect();
    let services = topology.services().map(|(ix, service)| service_plan(inputs, ix, service, &mut endpoints)).collect();
    Plan { generation: inputs.generation, services, endpoints }
}

fn service_plan(inputs: &Inputs<'_>, ix: ServiceIx, service: &Service, endpoints: &mut [EndpointPlan]) -> ServicePlan {
    let mut in_service = SiteSet::EMPTY;
    let mut best = Tier::Isolated;
    let mut sites = Vec::with_capacity(service.sites.len());
    for site in &service.sites {
        let order = order_for(inputs, *site, service);
        let own: Vec<(usize, State, bool)> = inputs
            .topology
            .endpoints()
            .filter(|(_, endpoint)| endpoint.service == ix && endpoint.site == *site)
            .map(|(endpoint, _)| {
                let health = inputs.health.get(endpoint.get());
                let state = health.map_or(State::Unknown, |health| health.state);
                (endpoint.get(), state, health.is_some_and(|health| health.suspect))
            })
            .collect();
        let states: Vec<State> = own.iter().map(|(_, state, _)| *state).collect();
        let health = site_health(&states, service.site_floor);
        let kind = order.map(|intent| intent.kind);
        let standing = standing(health, kind);
        for (endpoint, state, suspect) in &own {
            let (tier, moved_tier) = tiers(*state, standing, kind);
            best = best.min(tier);
            if let Some(plan) = endpoints.get_mut(*endpoint) {
                *plan = EndpointPlan { tier, moved_tier, unsettled: *suspect || *state == State::Deferring };
            }
        }
        if matches!(standing, Standing::Serving | Standing::Deferring) && !own.is_empty() {
            in_service.insert(*site);
        }
        let drained = match kind {
            Some(IntentKind::Drain { share }) => share,
            Some(IntentKind::Isolate) => Share::ALL,
            Some(IntentKind::Pin) | None => Share::NONE,
        };
        let reason = reason(inputs, standing, health, order, &own);
        sites.push(SitePlan { standing, health, drained, reason });
    }
    ServicePlan { sites, in_service, tier: best }
}

/// The order that stands for a site of a service: the one for the service before the one for the whole site.
pub(super) fn order_for<'a>(inputs: &Inputs<'a>, site: SiteIx, service: &Service) -> Option<&'a Intent> {
    let name = inputs.topology.site_name(site);
    let standing = |scope: &Scope, of: Option<&str>| scope.site == name && scope.service.as_deref() == of;
    inputs
        .intents
        .iter()
        .find(|intent| standing(&intent.scope, Some(&service.name)))
        .or_else(|| inputs.intents.iter().find(|intent| standing(&intent.scope, None)))
}

/// Why a site stands as it does, in an operator's words.
fn reason(
    inputs: &Inputs<'_>,
    standing: Standing,
    health: State,
    order: Option<&Intent>,
    own: &[(usize, State, bool)],
) -> String {
    let mut parts = Vec::new();
    if let Some(order) = order {
        parts.push(ordered(order));
    }
    let said = |state: State| {
        own.iter()
            .filter(move |(_, own, _)| *own == state)
            .filter_map(|(endpoint, _, _)| inputs.health.get(*endpoint))
            .map(|health| health.reason.as_str())
            .find(|reason| !reason.is_empty())
    };
    let broken = own.iter().filter(|(_, state, _)| !is_usable(*state)).count();
    match health {
        State::Down if own.is_empty() => parts.push("no endpoint is declared here".to_owned()),
        State::Down if broken < own.len() => {
            let why = said(State::Down).unwrap_or("no reason given");
            parts.push(format!("{broken} of {} endpoints are down, under the site floor: {why}", own.len()));
        }
        State::Down => parts.push(said(State::Down).unwrap_or("down").to_owned()),
        State::Deferring => parts.push(said(State::Deferring).unwrap_or("deferring").to_owned()),
        State::Up | State::Unknown if broken > 0 => {
            let why = said(State::Down).unwrap_or("no reason given");
            parts.push(format!("{broken} of {} endpoints are down: {why}", own.len()));
        }
        State::Unknown => parts.push("not probed yet; counts as up".to_owned()),
        State::Up if standing == Standing::Serving && parts.is_empty() => parts.push("up".to_owned()),
        State::Up => {}
    }
    parts.join("; ")
}

fn ordered(order: &Intent) -> String {
    let what = match order.kind {
        IntentKind::Drain { share: Share::ALL } => "drained".to_owned(),
        IntentKind::Drain { share } => format!("drained of {share}"),
        IntentKind::Isolate => "isolated".to_owned(),
        IntentKind::Pin => "pinned".to_owned(),
    };
    let until = match order.lifetime {
        Lifetime::Until(until) => format!("until {until:.0}"),
        Lifetime::UntilCleared => "until cleared".to_owned(),
    };
    format!("{what} by {} {until}: {}", order.by, order.reason)
}
