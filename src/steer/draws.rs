//! Draws: what chance decides, for policy `weighted` and for partial drains.
//!
//! A draw is a number from 0 to 999, made anew for every query by the shell. The ranges of draws that lead to the same
//! answers are the classes that tables are compiled for.

use super::bounds::DRAWS;
use crate::model::{Plan, Policy, Service, ServiceIx, ServicePlan, Share, SiteIx, Standing, Topology};

/// The lowest draws of the classes of a service, ascending, the first 0.
#[must_use]
pub fn draw_cuts(topology: &Topology, plan: &Plan, service: ServiceIx) -> Vec<u16> {
    let mut cuts = vec![0];
    if let (Some(service), Some(plan)) = (topology.service(service), plan.services.get(service.get())) {
        match &service.policy {
            Policy::Weighted(weights) => cuts.extend(weight_bounds(service, weights, plan).map(|(_, _, end)| end)),
            _ => cuts.extend(plan.sites.iter().map(|site| site.drained.permille())),
        }
    }
    cuts.retain(|cut| *cut < DRAWS);
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// Whether a partial drain moves the clients of this draw away from a site. Under `weighted` it lowers the site's weight
/// instead.
pub(super) fn is_moved(policy: &Policy, drained: Share, draw: u16) -> bool {
    !matches!(policy, Policy::Weighted(_)) && draw < drained.permille()
}

/// The site order of policy `weighted` for this draw: the drawn site, then the others by weight.
pub(super) fn weighted_order(service: &Service, weights: &[u32], plan: &ServicePlan, draw: u16) -> Vec<SiteIx> {
    let drawn = weight_bounds(service, weights, plan).find(|(_, start, end)| (*start..*end).contains(&draw));
    let mut rest: Vec<(SiteIx, u32)> = service.sites.iter().copied().zip(weights.iter().copied()).collect();
    rest.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    let first = drawn.map(|(site, _, _)| site);
    first.into_iter().chain(rest.into_iter().map(|(site, _)| site).filter(|site| Some(*site) != first)).collect()
}

/// The draws of each site that is in service, as (site, first, end); together all draws where any weight is left.
///
/// Only the best standing takes part: a deferring site is drawn only where no serving one is left.
fn weight_bounds(service: &Service, weights: &[u32], plan: &ServicePlan) -> impl Iterator<Item = (SiteIx, u16, u16)> {
    let best = if plan.sites.iter().any(|site| site.standing == Standing::Serving) {
        Standing::Serving
    } else {
        Standing::Deferring
    };
    let scaled: Vec<(SiteIx, u64)> = service
        .sites
        .iter()
        .zip(weights)
        .zip(&plan.sites)
        .filter(|(_, site)| site.standing == best)
        .map(|((site, weight), outcome)| {
            let kept = Share::ALL.permille().saturating_sub(outcome.drained.permille());
            (*site, u64::from(*weight) * u64::from(kept))
        })
        .collect();
    let total: u64 = scaled.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0_u64;
    scaled.into_iter().filter(move |_| total > 0).map(move |(site, weight)| {
        let at = |sum: u64| u16::try_from(sum.saturating_mul(u64::from(DRAWS)) / total.max(1)).unwrap_or(DRAWS);
        let start = at(sum);
        sum = sum.saturating_add(weight);
        (site, start, at(sum))
    })
}
