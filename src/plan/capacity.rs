//! Capacity: demand assigned nearest-first, and what exceeds a site spilled to the next (DESIGN section 7).
//!
//! **The rule where several views compete for a full site**: it takes the same part of everyone who is sent to it, however
//! far they came, and the rest of each goes to the next site in its own order. That is what a server at its limit does to
//! connections, and it makes the outcome independent of the order of the input: it is the one fixed point that refuses least.
//! Taking out a site can then only send more to every other one.

use std::collections::BTreeMap;

use crate::model::{Plan, Service, ServiceIx, ServicePlan, SiteIx, SiteSet, Topology};

use super::bounds::{FITS_WITHIN, ROUNDS, SETTLED_WITHIN};
use super::demand::Demand;
use super::flows::{Flow, flows};

/// What demand comes to under a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Parallel to [`Topology::sites`].
    pub sites: Vec<SiteLoad>,
    /// Parallel to the demands that were given.
    pub views: Vec<ViewLoad>,
    /// The services of which no site is left in service, whatever is asked of them.
    pub stranded: Vec<ServiceIx>,
}

/// What one site is asked to carry, and carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteLoad {
    /// What it can carry; `None` is without bound.
    pub capacity: Option<u64>,
    /// What it is sent, what it cannot take included.
    pub sent: f64,
    /// What it carries, at most its capacity.
    pub load: f64,
    /// The same by service, parallel to [`Topology::services`].
    pub by_service: Vec<f64>,
}

impl SiteLoad {
    /// The part of its capacity that is free, 0 to 1; `None` without bound.
    #[must_use]
    pub fn headroom(&self) -> Option<f64> {
        let capacity = float(self.capacity?);
        Some(((capacity - self.load) / capacity).clamp(0.0, 1.0))
    }
}

/// Where the demand of one view ends up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewLoad {
    /// All of it.
    pub demand: f64,
    /// What is carried by another site than the first it is sent to.
    pub spilled: f64,
    /// What no site takes.
    pub unplaced: f64,
}

impl Forecast {
    /// What fits nowhere.
    #[must_use]
    pub fn unplaced(&self) -> f64 {
        self.views.iter().map(|view| view.unplaced).sum()
    }

    /// All that is to be carried.
    #[must_use]
    pub fn demand(&self) -> f64 {
        self.views.iter().map(|view| view.demand).sum()
    }

    /// Whether everything is carried; nothing that is known to be asked still needs a site to be asked at.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.stranded.is_empty() && self.unplaced() <= self.demand() * FITS_WITHIN
    }

    /// Whether more finds no place than in `before`.
    #[must_use]
    pub fn is_worse_than(&self, before: &Self) -> bool {
        self.unplaced() - before.unplaced() > self.demand() * FITS_WITHIN
    }
}

/// What `demands` come to under `plan` if `failed` sites carried nothing.
#[must_use]
pub fn forecast(topology: &Topology, plan: &Plan, demands: &[Demand], failed: SiteSet) -> Forecast {
    let capacity: Vec<Option<u64>> = topology.sites.iter().map(|site| site.capacity).collect();
    let assigned = assign(&flows(topology, plan, demands, failed), &capacity, topology.services.len(), demands);
    Forecast { stranded: stranded(topology, plan, failed), ..assigned }
}

/// The services without a site that they can count on; a service that no record belongs to is nobody's loss.
fn stranded(topology: &Topology, plan: &Plan, failed: SiteSet) -> Vec<ServiceIx> {
    let is_left = |service: &Service, plan: &ServicePlan| {
        let mut sites = service.sites.iter().zip(&plan.sites);
        sites.any(|(site, outcome)| outcome.helps() && !failed.contains(*site))
    };
    let has_records = |ix: ServiceIx| topology.endpoints.iter().any(|endpoint| endpoint.service == ix);
    let services = topology.services().zip(&plan.services);
    let lost = services.filter(|((ix, service), plan)| has_records(*ix) && !is_left(service, plan));
    lost.map(|((ix, _), _)| ix).collect()
}

/// Assigns `flows`, each of which belongs to one of `demands`.
pub(super) fn assign(flows: &[Flow], capacity: &[Option<u64>], services: usize, demands: &[Demand]) -> Forecast {
    let taken = taken_parts(flows, capacity);
    let mut sites: Vec<SiteLoad> = capacity
        .iter()
        .map(|bound| SiteLoad { capacity: *bound, by_service: vec![0.0; services], ..SiteLoad::default() })
        .collect();
    let mut views: Vec<ViewLoad> =
        demands.iter().map(|demand| ViewLoad { demand: demand.amount, ..ViewLoad::default() }).collect();
    // What is taken above the bound for want of a last round.
    let surplus = surplus(flows, &taken, capacity);
    for flow in flows {
        let Some(view) = views.get_mut(flow.demand) else { continue };
        let service = demands.get(flow.demand).map_or(usize::MAX, |demand| demand.service.get());
        let mut carried = 0.0;
        walk(flow, &taken, |step| {
            let kept = step.taken * surplus.get(step.site.get()).copied().unwrap_or(1.0);
            if let Some(site) = sites.get_mut(step.site.get()) {
                site.sent += step.sent;
                site.load += kept;
                if let Some(part) = site.by_service.get_mut(service) {
                    *part += kept;
                }
            }
            if !step.is_first {
                view.spilled += kept;
            }
            carried += kept;
        });
        view.unplaced += (flow.amount - carried).max(0.0);
    }
    Forecast { sites, views, stranded: Vec::new() }
}

/// One stop of a flow.
struct Step {
    site: SiteIx,
    is_first: bool,
    sent: f64,
    taken: f64,
}

/// Follows a flow from site to site until nothing of it is left.
fn walk(flow: &Flow, taken: &[f64], mut visit: impl FnMut(Step)) {
    let mut sent = flow.amount;
    for (position, &site) in flow.order.iter().enumerate() {
        if sent <= 0.0 {
            return;
        }
        let part = taken.get(site.get()).copied().unwrap_or_default();
        visit(Step { site, is_first: position == 0, sent, taken: sent * part });
        // Exactly nothing where a site takes all.
        sent *= 1.0 - part;
    }
}

/// The part of what it is sent that each site takes: 1 below its capacity. Begins with all sites taking everything and
/// lets those that are sent too much take less, which sends more to others, until nothing changes: each round can only
/// lower the parts, so they settle at the highest that hold.
fn taken_parts(flows: &[Flow], capacity: &[Option<u64>]) -> Vec<f64> {
    let flows = merged(flows);
    let mut taken = vec![1.0; capacity.len()];
    for _ in 0..ROUNDS {
        let sent = sent(&flows, &taken);
        let mut change = 0.0_f64;
        for ((part, bound), sent) in taken.iter_mut().zip(capacity).zip(&sent) {
            let next = match bound.map(float) {
                Some(bound) if *sent > bound => (bound / sent).min(*part),
                _ => *part,
            };
            change = change.max(*part - next);
            *part = next;
        }
        if change <= SETTLED_WITHIN {
            break;
        }
    }
    taken
}

/// What each site is sent.
fn sent(flows: &[Flow], taken: &[f64]) -> Vec<f64> {
    let mut all = vec![0.0; taken.len()];
    for flow in flows {
        walk(flow, taken, |step| {
            if let Some(sum) = all.get_mut(step.site.get()) {
                *sum += step.sent;
            }
        });
    }
    all
}

/// By what to multiply what each site takes so that it is not above its capacity: 1, or a little less where the rounds
/// ended before the parts had settled.
fn surplus(flows: &[Flow], taken: &[f64], capacity: &[Option<u64>]) -> Vec<f64> {
    let loads = sent(flows, taken).into_iter().zip(taken).map(|(sent, part)| sent * part);
    let within = |(load, bound): (f64, &Option<u64>)| match bound.map(float) {
        Some(bound) if load > bound => bound / load,
        _ => 1.0,
    };
    loads.zip(capacity).map(within).collect()
}

/// One flow for each order of sites, in order, so that neither number nor order of the input matters.
fn merged(flows: &[Flow]) -> Vec<Flow> {
    let mut amounts: BTreeMap<&[SiteIx], Vec<f64>> = BTreeMap::new();
    for flow in flows {
        amounts.entry(&flow.order).or_default().push(flow.amount);
    }
    let flow = |(order, mut amounts): (&[SiteIx], Vec<f64>)| {
        amounts.sort_by(f64::total_cmp);
        Flow { demand: 0, order: order.to_vec(), amount: amounts.iter().sum() }
    };
    amounts.into_iter().map(flow).collect()
}

/// A capacity as a number to reckon with; exact below 2^53.
#[allow(clippy::cast_precision_loss)]
pub(super) const fn float(capacity: u64) -> f64 {
    capacity as f64
}
