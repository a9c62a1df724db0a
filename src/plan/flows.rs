//! Flows: which part of a view's demand sees the sites in which order under a plan.

use crate::model::{Plan, Policy, Service, ServicePlan, Share, SiteIx, SiteSet, Standing, Topology};

use super::demand::Demand;

/// A part of a view's demand and the sites that it tries, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flow {
    /// Position of the demand that it is a part of.
    pub(super) demand: usize,
    /// The sites that can carry it, best first; none where no site works.
    pub(super) order: Vec<SiteIx>,
    /// How much.
    pub(super) amount: f64,
}

/// All of a draw, in thousandths.
const DRAWS: u16 = Share::ALL.permille();

/// The flows of `demands` under `plan`, with `failed` sites down whatever their standing.
pub(super) fn flows(topology: &Topology, plan: &Plan, demands: &[Demand], failed: SiteSet) -> Vec<Flow> {
    let mut flows = Vec::with_capacity(demands.len());
    for (position, demand) in demands.iter().enumerate() {
        let Some(service) = topology.service(demand.service) else { continue };
        let Some(outcome) = plan.services.get(demand.service.get()) else { continue };
        for class in classes(service, outcome) {
            let sites = class.sites(service, outcome, &demand.order, failed);
            let amount = demand.amount * class.part();
            for (part, order) in divided(service, outcome, &sites) {
                flows.push(Flow { demand: position, order, amount: amount * part });
            }
        }
    }
    flows
}

/// Neighbouring draws for which partial drains move the same sites.
#[derive(Clone, Copy, Debug)]
struct Class {
    from: u16,
    to: u16,
}

/// The classes of a service: one where nothing is partly drained. Weights are scaled by a drain and not by draws.
fn classes(service: &Service, outcome: &ServicePlan) -> Vec<Class> {
    let mut cuts = vec![0, DRAWS];
    if !matches!(service.policy, Policy::Weighted(_)) {
        cuts.extend(outcome.sites.iter().map(|site| site.drained.permille()));
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).filter_map(|pair| Some(Class { from: *pair.first()?, to: *pair.last()? })).collect()
}

/// The sites that clients may be sent to: all of one resort, the better standing first.
#[derive(Clone, Debug, Default)]
struct Usable {
    /// Of the best standing.
    best: Vec<SiteIx>,
    /// Tried after them.
    rest: Vec<SiteIx>,
}

impl Class {
    /// The class's part of all draws.
    fn part(self) -> f64 {
        f64::from(self.to.saturating_sub(self.from)) / f64::from(DRAWS)
    }

    /// Who is in service, or who is left where nobody is: drained sites (tier 3). Down and isolated sites carry nothing.
    fn sites(self, service: &Service, outcome: &ServicePlan, order: &[SiteIx], failed: SiteSet) -> Usable {
        let by_draw = !matches!(service.policy, Policy::Weighted(_));
        let standing = |site: SiteIx| {
            let position = service.sites.iter().position(|other| *other == site)?;
            let plan = outcome.sites.get(position).filter(|_| !failed.contains(site))?;
            let is_in = plan.standing.is_in_service();
            let moved = by_draw && is_in && self.from < plan.drained.permille();
            Some(if moved { Standing::Drained } else { plan.standing })
        };
        let of = |wanted: Standing| -> Vec<SiteIx> {
            order.iter().copied().filter(|site| standing(*site) == Some(wanted)).collect()
        };
        let (serving, deferring) = (of(Standing::Serving), of(Standing::Deferring));
        match (serving.is_empty(), deferring.is_empty()) {
            (false, _) => Usable { best: serving, rest: deferring },
            (true, false) => Usable { best: deferring, rest: Vec::new() },
            (true, true) => Usable { best: of(Standing::Drained), rest: Vec::new() },
        }
    }
}

/// How a policy divides a class among the sites: parts that add up to 1, each with the order in which it tries them.
fn divided(service: &Service, outcome: &ServicePlan, sites: &Usable) -> Vec<(f64, Vec<SiteIx>)> {
    let shares = match &service.policy {
        Policy::Nearest | Policy::Geo(_) | Policy::Failover => Vec::new(),
        // All at once: clients take any.
        Policy::Spread => sites.best.iter().map(|site| (*site, 1.0)).collect(),
        Policy::Weighted(weights) => weighted(service, outcome, weights, &sites.best),
    };
    let total: f64 = shares.iter().map(|(_, share)| share).sum();
    if total <= 0.0 {
        return vec![(1.0, [sites.best.as_slice(), &sites.rest].concat())];
    }
    let begun_with = |first: SiteIx| {
        let others = shares.iter().map(|(site, _)| *site).filter(move |site| *site != first);
        [first].into_iter().chain(others).chain(sites.rest.iter().copied()).collect()
    };
    shares.iter().filter(|(_, share)| *share > 0.0).map(|(site, share)| (share / total, begun_with(*site))).collect()
}

/// The sites by falling weight, that of a partly drained one scaled.
fn weighted(service: &Service, outcome: &ServicePlan, weights: &[u32], sites: &[SiteIx]) -> Vec<(SiteIx, f64)> {
    let weight = |site: &SiteIx| {
        let position = service.sites.iter().position(|other| other == site)?;
        let drained = outcome.sites.get(position)?.drained;
        // Where only drained sites are left they carry by their whole weight.
        let stays = if drained == Share::ALL { DRAWS } else { DRAWS.saturating_sub(drained.permille()) };
        Some(f64::from(*weights.get(position)?) * f64::from(stays))
    };
    let mut shares: Vec<(SiteIx, f64)> = sites.iter().map(|site| (*site, weight(site).unwrap_or_default())).collect();
    // Stable: equal weights stay in the service's order.
    shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    shares
}
