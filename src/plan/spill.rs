//! Spill made real: a part of the clients of a full site sees it after the others (DESIGN section 7), for services that say
//! `spill = true`.
//!
//! It works as a partial drain does, by the draw that every query rolls: below the site's spilled share it comes after
//! serving sites. Unlike a drain it never sends anybody to a site that an operator took out: who finds no room anywhere is
//! answered with the nearest site all the same.
//!
//! What is asked for does not hang on what is answered, for demand is measured by where clients are. So nothing oscillates.

use crate::model::{Plan, Policy, Service, ServiceIx, ServicePlan, Share, SiteIx, Standing, Topology};

use super::bounds::{SPILL_LEAST, SPILL_STEP};
use super::demand::Demand;
use super::flows::flows;

/// The share of its clients that each site of each service sends on: parallel to [`Topology::services`] and
/// [`Service::sites`]. Empty before anything was reckoned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spill(Vec<Vec<Share>>);

impl Spill {
    /// What full sites send on under `plan`, whose own spill does not count; `demands` are as of late.
    ///
    /// Full sites send on ever more, which fills others, until every one is full at the most or sends everyone on. Shares only
    /// rise meanwhile, so that they end at the least that are enough. A site that several such services use sends on the same
    /// share of each; what other services have there stays.
    #[must_use]
    pub fn of(topology: &Topology, plan: &Plan, demands: &[Demand]) -> Self {
        let (streams, mut room) = (streams(topology, plan, demands), room(topology));
        for flow in flows(topology, plan, demands, crate::model::SiteSet::EMPTY) {
            let stays = demands.get(flow.demand).and_then(|demand| topology.service(demand.service));
            if stays.is_some_and(|service| !spills(service))
                && let Some(room) = flow.order.first().and_then(|site| room.get_mut(site.get()))
            {
                *room -= flow.amount;
            }
        }
        let shares = shares(&streams, &room);
        let of_service = |service: &Service| {
            let share = |site: &SiteIx| shares.get(site.get()).copied().filter(|_| spills(service));
            service.sites.iter().map(|site| share(site).unwrap_or(Share::NONE)).collect()
        };
        Self(topology.services.iter().map(of_service).collect())
    }

    /// Whether `self` is worth a new plan where `present` is in force: small changes are none, so that plans do not follow
    /// every ripple of demand.
    #[must_use]
    pub fn is_news_to(&self, present: &Self) -> bool {
        let count = self.0.len().max(present.0.len());
        (0..count).any(|service| {
            let of = |spill: &Self| spill.0.get(service).cloned().unwrap_or_default();
            let (new, old) = (of(self), of(present));
            (0..new.len().max(old.len())).any(|site| {
                let at = |shares: &[Share]| shares.get(site).map_or(0, |share| share.permille());
                let (new, old) = (at(&new), at(&old));
                new.abs_diff(old) >= SPILL_LEAST || (new == 0 && old > 0)
            })
        })
    }

    /// Puts the shares into `plan`: those of serving sites, and says so in their reasons.
    pub fn apply(&self, topology: &Topology, plan: &mut Plan) {
        for ((ix, service), outcome) in topology.services().zip(&mut plan.services) {
            for ((position, site), name) in outcome.sites.iter_mut().enumerate().zip(&service.sites) {
                let share = self.share(ix, position);
                if site.standing == Standing::Serving && share != Share::NONE {
                    site.spilled = share;
                    let name = topology.site_name(*name);
                    site.reason.push_str(&format!("; {name} is full: {share} of its clients see it after the others"));
                }
            }
        }
    }

    fn share(&self, service: ServiceIx, position: usize) -> Share {
        self.0.get(service.get()).and_then(|shares| shares.get(position)).copied().unwrap_or(Share::NONE)
    }
}

/// Whether any service wants it, and any site has a bound that could make it happen.
#[must_use]
pub fn may_spill(topology: &Topology) -> bool {
    topology.services.iter().any(spills) && topology.sites.iter().any(|site| site.capacity.is_some())
}

/// Whether answers of the service follow what is spilled. Weights are chosen by the operator, and `spread` names all sites
/// already: there is no next one.
#[must_use]
pub const fn spills(service: &Service) -> bool {
    service.spill && matches!(service.policy, Policy::Nearest | Policy::Geo(_) | Policy::Failover)
}

/// The demand of a view and the serving sites that it may be sent to, in its order.
struct Stream {
    amount: f64,
    stops: Vec<Stop>,
}

/// A serving site with the part of its clients that an order moves away already.
struct Stop {
    site: SiteIx,
    drained: f64,
}

fn streams(topology: &Topology, plan: &Plan, demands: &[Demand]) -> Vec<Stream> {
    let stream = |demand: &Demand| {
        let service = topology.service(demand.service).filter(|service| spills(service))?;
        let outcome = plan.services.get(demand.service.get())?;
        let stops = demand.order.iter().filter_map(|site| stop(service, outcome, *site)).collect();
        Some(Stream { amount: demand.amount, stops })
    };
    demands.iter().filter_map(stream).collect()
}

fn stop(service: &Service, outcome: &ServicePlan, site: SiteIx) -> Option<Stop> {
    let position = service.sites.iter().position(|other| *other == site)?;
    let plan = outcome.sites.get(position).filter(|plan| plan.standing == Standing::Serving)?;
    Some(Stop { site, drained: part(plan.drained.permille()) })
}

/// What each site can carry.
#[allow(clippy::cast_precision_loss)] // Exact below 2^53.
fn room(topology: &Topology) -> Vec<f64> {
    topology.sites.iter().map(|site| site.capacity.map_or(f64::INFINITY, |capacity| capacity as f64)).collect()
}

/// A part of a stream that arrives at a site: the draws from what the site itself moves up to what those before it moved.
struct Arrival {
    amount: f64,
    until: f64,
    drained: f64,
}

/// The least shares with which no site carries more than its `room`, in steps; all where even that is too much.
fn shares(streams: &[Stream], room: &[f64]) -> Vec<Share> {
    let mut steps = vec![0_u16; room.len()];
    // Every round but the last raises at least one share by a step.
    let most = room.len().saturating_mul(usize::from(Share::ALL.permille() / SPILL_STEP)).saturating_add(1);
    for _ in 0..most {
        let mut is_settled = true;
        for ((arrivals, room), step) in arrivals(streams, &steps).iter().zip(room).zip(&mut steps) {
            while *step < Share::ALL.permille() && load(arrivals, *step) > *room {
                *step = step.saturating_add(SPILL_STEP).min(Share::ALL.permille());
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    steps.into_iter().map(|step| Share::from_permille(step).unwrap_or(Share::ALL)).collect()
}

/// What arrives at each site if the sites move the shares in `steps`.
fn arrivals(streams: &[Stream], steps: &[u16]) -> Vec<Vec<Arrival>> {
    let mut all: Vec<Vec<Arrival>> = steps.iter().map(|_| Vec::new()).collect();
    for stream in streams {
        let mut until = 1.0_f64;
        for stop in &stream.stops {
            if let Some(arrivals) = all.get_mut(stop.site.get()).filter(|_| until > 0.0) {
                arrivals.push(Arrival { amount: stream.amount, until, drained: stop.drained });
            }
            let moved = steps.get(stop.site.get()).map_or(0.0, |step| part(*step));
            until = until.min(moved.max(stop.drained));
        }
    }
    all
}

/// What of the arrivals stays at a site that moves `step` thousandths.
fn load(arrivals: &[Arrival], step: u16) -> f64 {
    arrivals.iter().map(|one| one.amount * (one.until - part(step).max(one.drained)).max(0.0)).sum()
}

fn part(permille: u16) -> f64 {
    f64::from(permille) / f64::from(Share::ALL.permille())
}
