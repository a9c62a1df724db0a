//! Doubt: the failure of most sites at once is looked at for a moment longer before it is believed (RELIABILITY I6).

use super::bounds::MASS_CONFIRM;
use super::groups::{Groups, bit};
use crate::model::{Mono, Plan, Service, ServicePlan, SitePlan, Standing, State, Topology};

/// Sites that were taken away from a service.
#[derive(Clone, Copy, Debug)]
struct Lost {
    /// The service's position.
    service: usize,
    sites: u64,
    at: Mono,
}

/// What is in doubt, for each service by itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubts {
    /// Since when the failure of most sites of a service is in doubt.
    since: Vec<Option<Mono>>,
    /// What failed lately.
    lost: Vec<Lost>,
    /// The sites that orders keep out of each service: those that are left carry it.
    aside: Vec<u64>,
}

impl Doubts {
    /// Whether anything is in doubt.
    pub(super) fn any(&self) -> bool {
        self.since.iter().any(Option::is_some)
    }

    /// When the first of it is believed if it lasts.
    pub(super) fn end_at(&self) -> Option<Mono> {
        self.since.iter().flatten().map(|since| since.after(MASS_CONFIRM)).min()
    }

    /// Nothing is in doubt any more.
    pub(super) fn clear(&mut self) {
        self.since.clear();
    }

    /// Tells which sites `plan` keeps out of service by order: of those that are left, a smaller number is most.
    pub(super) fn heed(&mut self, topology: &Topology, plan: &Plan) {
        let kept_out = |outcome: &SitePlan| matches!(outcome.standing, Standing::Drained | Standing::Isolated);
        let of_service = |(service, plan): (&Service, &ServicePlan)| {
            let out = service.sites.iter().zip(&plan.sites).filter(|(_, outcome)| kept_out(outcome));
            out.fold(0, |sites, (site, _)| sites | bit(*site))
        };
        self.aside = topology.services.iter().zip(&plan.services).map(of_service).collect();
    }

    /// Keeps up what would take more than half of the sites of a service away that work, or did a moment ago, until it
    /// has been `wanted` for long enough to be believed. What fails a little later than the rest belongs to it.
    pub(super) fn hold_back(&mut self, groups: &Groups, agreed: &[State], wanted: &mut [State], now: Mono) {
        self.lost.retain(|lost| now.since(lost.at) < MASS_CONFIRM);
        let (declared, fails, would_fail) = (groups.declared(), groups.failing(agreed), groups.failing(wanted));
        self.since.resize(declared.len(), None);
        for (service, declared) in declared.into_iter().enumerate() {
            let of = |sites: &[u64]| sites.get(service).copied().unwrap_or_default();
            let (fails, would_fail) = (of(&fails), of(&would_fail));
            let goes = would_fail & !fails;
            let lost = self.lost.iter().filter(|lost| lost.service == service);
            let lately = lost.fold(declared & !fails, |sites, lost| sites | lost.sites) & !of(&self.aside);
            let failing = (lately & would_fail).count_ones();
            let is_mass = goes != 0 && failing > 1 && 2 * failing > lately.count_ones();
            let Some(doubt) = self.since.get_mut(service) else { continue };
            let since = doubt.unwrap_or(now);
            *doubt = (is_mass && now.since(since) < MASS_CONFIRM).then_some(since);
            if doubt.is_some() {
                keep_up(groups, service, agreed, wanted);
            } else if goes != 0 {
                self.lost.push(Lost { service, sites: goes, at: now });
            }
        }
    }
}

/// No endpoint of a service goes down.
fn keep_up(groups: &Groups, service: usize, agreed: &[State], wanted: &mut [State]) {
    for ((wanted, agreed), (of, _)) in wanted.iter_mut().zip(agreed).zip(groups.places()) {
        if of.get() == service && *wanted == State::Down {
            *wanted = *agreed;
        }
    }
}
