//! What is measured of a drill: answers, caches, the nodes that follow, the load of the others, probes.

use std::collections::BTreeMap;

use super::drills::Drilling;
use super::engine::Engine;
use crate::model::{
    Drill, DrillState, Intent, MonitorProbes, Mono, OrdersVersion, Scope, ServiceIx, SiteIx, SiteSet, SurvivorLoad,
};
use crate::plan::{self, Answers, Caches, Cause, Grounds, Moment};

impl Engine {
    fn concerned(&self, scope: &Scope) -> Vec<(ServiceIx, SiteIx)> {
        let Some(site) = self.picture.topology.site_named(&scope.site) else { return Vec::new() };
        plan::concerned(&self.picture.topology, scope, site).into_iter().map(|service| (service, site)).collect()
    }

    /// The services of `scope` whose answers name its site.
    pub(super) fn naming(&self, scope: &Scope) -> Vec<String> {
        let names = |(service, site): &(ServiceIx, SiteIx)| {
            self.picture.named.get(service.get()).is_some_and(|named| named.contains(*site))
        };
        let naming = self.concerned(scope).into_iter().filter(names);
        naming.filter_map(|(service, _)| Some(self.picture.topology.service(service)?.name.clone())).collect()
    }

    pub(super) fn answers(&self, drilling: &Drilling) -> Answers {
        let naming = self.naming(&drilling.drill.scope);
        match naming.as_slice() {
            _ if drilling.services.iter().all(|service| naming.contains(service)) && !naming.is_empty() => {
                Answers::Name
            }
            [] if drilling.services.is_empty() && !drilling.drill.state.is_under_way() => Answers::Name,
            [] => Answers::Withhold,
            _ => Answers::NameInPart,
        }
    }

    pub(super) fn caches(&self, scope: &Scope, now: Mono) -> Caches {
        let holds = |(service, _): &(ServiceIx, SiteIx)| {
            let service = self.picture.topology.service(*service);
            let by = service.and_then(|service| self.parts.usage.drained_by(&service.name, &scope.site));
            by.is_some_and(|by| by > now)
        };
        if self.concerned(scope).iter().any(holds) { Caches::Hold } else { Caches::LetGo }
    }

    /// The other nodes that are heard of or have withdrawn the site, and whether each follows the latest change of the drill's
    /// order.
    pub(super) fn following(&self, drilling: &Drilling) -> Vec<(String, bool)> {
        let is_back = matches!(drilling.drill.state, DrillState::Restoring { .. });
        let is_taken_out =
            !self.stored.iter().any(|intent| intent.drill.as_ref().is_some_and(|mark| mark.id == drilling.drill.id));
        let version = if is_back { self.version } else { drilling.version };
        let follows = |orders: OrdersVersion| orders >= version && (!is_back || is_taken_out);
        let now = self.parts.clock.mono();
        let mut found: Vec<(String, bool)> =
            self.peers.fresh(now).map(|(name, orders)| (name.to_owned(), follows(orders))).collect();
        // One that has fallen silent since it withdrew the site may not name it again.
        let withdrawn = drilling.drill.withdrawn.iter().map(|moment| &moment.node);
        let silent: Vec<(String, bool)> = withdrawn
            .filter(|node| **node != self.identity.name && !found.iter().any(|(name, _)| name == *node))
            .filter_map(|node| Some((node.clone(), follows(self.peers.follows(node)?))))
            .collect();
        found.extend(silent);
        found
    }

    /// What a drill is held against, with the orders `intents`.
    pub(super) fn drill_grounds<'a>(&'a self, intents: &'a [Intent]) -> Grounds<'a> {
        let picture = &self.picture;
        Grounds { topology: &picture.topology, plan: &picture.plan, health: &picture.health, intents }
    }

    /// What the other sites are sent now; empty where no site has a capacity.
    pub(super) fn survivors(&self, drill: &Drill) -> Vec<SurvivorLoad> {
        let topology = &self.picture.topology;
        if topology.sites.iter().all(|site| site.capacity.is_none()) {
            return Vec::new();
        }
        let demands = self.parts.demand.demands(topology, &self.parts.tables.load(), Moment::Now);
        let loads = plan::forecast(topology, &self.picture.plan, &demands, SiteSet::EMPTY);
        let others = topology.sites.iter().zip(&loads.sites).filter(|(site, _)| site.name != drill.scope.site);
        others
            .map(|(site, carried)| SurvivorLoad {
                site: site.name.clone(),
                capacity: site.capacity,
                before: whole(carried.sent),
                highest: whole(carried.sent),
            })
            .collect()
    }

    /// Measures what the others carry; gives what of that must end the drill.
    pub(super) fn measure(&mut self) -> Option<Cause> {
        let drill = self.drill.as_ref()?.drill.clone();
        let now = self.survivors(&drill);
        let drilling = self.drill.as_mut()?;
        for load in &mut drilling.drill.survivors {
            let sent = now.iter().find(|seen| seen.site == load.site).map_or(0, |seen| seen.highest);
            load.highest = load.highest.max(sent);
        }
        if now.is_empty() || drill.ordered.is_none() {
            return None;
        }
        let demands = self.parts.demand.demands(&self.picture.topology, &self.parts.tables.load(), Moment::Now);
        let intents = self.intents();
        plan::cause(self.drill_grounds(&intents), &drill, &demands)
    }

    /// Probes that ended, and those of them that were not good, by monitor.
    pub(super) fn probes_so_far(&self) -> BTreeMap<String, (u64, u64)> {
        let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for probes in self.parts.prober.stats().probes {
            let (ended, bad) = counts.entry(probes.monitor).or_default();
            *ended += probes.count;
            *bad += if probes.result == "ok" { 0 } else { probes.count };
        }
        counts
    }

    pub(super) fn count_probes(&mut self) {
        let now = self.probes_so_far();
        let Some(drilling) = &mut self.drill else { return };
        let before = |monitor: &String| drilling.probes.get(monitor).copied().unwrap_or_default();
        let since = now.into_iter().map(|(monitor, (ended, bad))| {
            let (ended_before, bad_before) = before(&monitor);
            let (ended, not_good) = (ended.saturating_sub(ended_before), bad.saturating_sub(bad_before));
            MonitorProbes { monitor, ended, not_good }
        });
        drilling.drill.probes = since.filter(|probes| probes.ended > 0).collect();
    }
}

/// An amount rounded up.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(amount: f64) -> u64 {
    amount.ceil().max(0.0) as u64
}
