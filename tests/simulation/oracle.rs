//! The rules that every state must keep (DESIGN sections 1, 6 and 7; RELIABILITY I1 to I6), judged from outside: none of
//! them asks the code under test whether it did well.

use std::collections::BTreeSet;
use std::fmt;

use waypost::model::{
    Generation, Intent, IntentKind, Mono, Reach, Scope, ServiceIx, Share, SiteIx, SiteSet, State, Topology,
};
use waypost::steer::select;
use waypost::zone::SteeredSet;

use crate::node::Node;
use crate::store::Store;
use crate::unison::Cut;
use crate::world::steered_sets;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub at: Mono,
    pub why: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:.3} s: {}", self.at.0.as_secs_f64(), self.why)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Oracle {
    sets: Vec<SteeredSet>,
    /// The sites of each service that have addresses.
    pub(crate) placed: Vec<SiteSet>,
    pub(crate) cuts: Vec<Cut>,
    /// The orders that each node followed last, by their ids.
    following: Vec<u64>,
    /// What operators said is meant for one node alone.
    alone: Vec<(usize, Scope)>,
    /// Rules that were looked at and kept.
    pub checks: u64,
}

impl Oracle {
    pub fn new(topology: &Topology, nodes: usize) -> Self {
        let services = || topology.services().map(|(ix, _)| ix);
        let sites = |service: ServiceIx| {
            topology
                .endpoints
                .iter()
                .filter(|endpoint| endpoint.service == service)
                .map(|endpoint| endpoint.site)
                .collect()
        };
        Self {
            sets: services().flat_map(|service| steered_sets(topology, service)).collect(),
            placed: services().map(sites).collect(),
            cuts: Vec::new(),
            following: vec![0; nodes],
            alone: Vec::new(),
            checks: 0,
        }
    }

    pub(crate) fn expect(&mut self, kept: bool, why: impl FnOnce() -> String) -> Result<(), String> {
        self.checks += 1;
        if kept { Ok(()) } else { Err(why()) }
    }

    /// An older plan never replaces a newer one.
    pub fn check_order_of_plans(&mut self, present: Generation, candidate: Generation) -> Result<(), String> {
        self.expect(candidate >= present, || format!("plan {candidate} replaced plan {present}"))
    }

    /// What a node follows came from what it followed before, or an operator accepted it (RELIABILITY D2).
    pub fn check_order_of_orders(&mut self, store: &Store, node: usize, place: &Node) -> Result<(), String> {
        let before = std::mem::replace(&mut self.following[node], place.orders.id);
        self.expect(store.came_from(place.orders.id, before), || {
            let Node { name, orders, .. } = place;
            format!("{name} follows {} (number {}), which did not come from number {before}", orders.version, orders.id)
        })
    }

    /// An operator says that something is meant for one node alone.
    pub fn given_alone(&mut self, node: usize, scope: Scope) {
        self.alone.push((node, scope));
    }

    /// Only what was ordered of it alone does a node follow alone.
    pub fn check_followed_alone(&mut self, nodes: &[Node]) -> Result<(), String> {
        for (position, node) in nodes.iter().enumerate() {
            for (intent, _) in &node.local {
                let said = self.alone.iter().any(|(at, scope)| *at == position && *scope == intent.scope);
                self.expect(said && intent.reach == Reach::ThisNode, || {
                    format!("{} alone follows an order for {}, which nobody gave to it alone", node.name, intent.scope)
                })?;
            }
        }
        Ok(())
    }

    /// What a node answers is never empty, always declared, and never at a site that is isolated or down while another works.
    pub fn check_answers(&mut self, topology: &Topology, node: &Node) -> Result<(), String> {
        // What is known may be a moment ahead of the tables that are being compiled.
        let is_newest = node.served.generation == node.made.generation;
        for number in 0..self.sets.len() {
            let service = self.sets[number].service;
            let isolated = orders_at(topology, node, service, |kind| kind == IntentKind::Isolate);
            let works = working(topology, node, service);
            let intents: Vec<Intent> = followed(node).into_iter().cloned().collect();
            for turn in 0..topology.sites.len() {
                let mut order = topology.services[service.get()].sites.clone();
                let turn = turn % order.len();
                order.rotate_left(turn);
                for draw in [0, 250, 999] {
                    let set = &self.sets[number];
                    let selection = select(set, topology, &node.served, &order, draw);
                    let members: BTreeSet<u16> = selection.picks.iter().map(|pick| pick.member).collect();
                    let size = set.members.len();
                    let declared = members.iter().filter(|member| usize::from(**member) < size);
                    let sites: SiteSet = declared
                        .map(|member| topology.endpoints[set.members[usize::from(*member)].endpoints[0].get()].site)
                        .collect();
                    let (rtype, picks) = (set.rtype, selection.picks.len());
                    let who = || format!("{} answers {rtype} of {}", node.name, topology.services[service.get()].name);
                    self.expect(!members.is_empty(), || format!("{} with nothing", who()))?;
                    let declared = members.iter().all(|member| usize::from(*member) < size);
                    self.expect(members.len() == picks && declared, || {
                        format!("{} with {members:?} of {size}", who())
                    })?;
                    let wrongly = sites.iter().filter(|site| isolated.contains(*site)).collect::<Vec<_>>();
                    let all_isolated = self.placed[service.get()].iter().all(|site| isolated.contains(site));
                    self.expect(wrongly.is_empty() || all_isolated || !is_newest, || {
                        format!("{} with isolated {wrongly:?}", who())
                    })?;
                    let dead = sites.iter().filter(|site| !works.contains(*site)).collect::<Vec<_>>();
                    let usable = !in_service(topology, service, &node.agreed, &intents).is_empty();
                    self.expect(dead.is_empty() || !usable || !is_newest, || {
                        format!("{} with {dead:?} though {usable:?} sites work", who())
                    })?;
                }
            }
        }
        Ok(())
    }

    /// An order that was not forced leaves `min_sites` in service, or takes nothing out that was in.
    pub fn check_accepted(
        &mut self,
        topology: &Topology,
        agreed: &[State],
        before: &[Intent],
        after: &[Intent],
        intent: &Intent,
    ) -> Result<(), String> {
        let takes_out = matches!(intent.kind, IntentKind::Isolate | IntentKind::Drain { share: Share::ALL });
        for (ix, service) in topology.services() {
            let left = [before, after].map(|intents| in_service(topology, ix, agreed, intents).len());
            let fine = !takes_out || left[1] >= service.min_sites || left[1] >= left[0];
            self.expect(fine, || {
                let Intent { kind, scope, .. } = intent;
                format!(
                    "{} {scope} was accepted and leaves {} of {} sites of {} in service, under min_sites {}",
                    kind.as_str(),
                    left[1],
                    left[0],
                    service.name,
                    service.min_sites
                )
            })?;
        }
        Ok(())
    }

    /// What is not at rest, in words.
    pub fn unrest(&self, nodes: &[Node]) -> String {
        nodes.iter().map(state_of).collect::<Vec<_>>().join("; ")
    }
}

pub(crate) fn state_of(node: &Node) -> String {
    let verdicts: Vec<State> = node.detectors.iter().map(|detector| detector.verdict().state).collect();
    let (name, alive, agreed, seclusion) = (&node.name, node.alive, &node.agreed, node.council.seclusion());
    let doubt = node.council.is_in_doubt();
    format!("{name}: alive {alive}, verdicts {verdicts:?}, agreed {agreed:?}, seclusion {seclusion:?}, doubt {doubt}")
}

/// The sites of a service at which an order of some kind stands at a node.
pub(crate) fn orders_at(
    topology: &Topology,
    node: &Node,
    service: ServiceIx,
    wanted: impl Fn(IntentKind) -> bool,
) -> SiteSet {
    let intents = followed(node);
    let at = |site: &SiteIx| order_for(topology, &intents, service, *site).is_some_and(|intent| wanted(intent.kind));
    topology.sites().map(|(site, _)| site).filter(at).collect()
}

/// The orders that a node follows: its own before those of all for the same scope.
pub(crate) fn followed(node: &Node) -> Vec<&Intent> {
    let own = || node.local.iter().map(|(intent, _)| intent);
    let shared = node.standing.iter().map(|(intent, _)| intent);
    shared.filter(|intent| own().all(|local| local.scope != intent.scope)).chain(own()).collect()
}

/// The order for exactly this service before the one for the whole site.
fn order_for<'a>(topology: &Topology, intents: &[&'a Intent], service: ServiceIx, site: SiteIx) -> Option<&'a Intent> {
    let (site, service) = (topology.site_name(site), topology.services[service.get()].name.as_str());
    let of_site = || intents.iter().filter(|intent| intent.scope.site == site);
    let exact = of_site().find(|intent| intent.scope.service.as_deref() == Some(service));
    exact.or_else(|| of_site().find(|intent| intent.scope.service.is_none())).copied()
}

/// The sites that a node holds for working, or that an operator has pinned.
fn working(topology: &Topology, node: &Node, service: ServiceIx) -> SiteSet {
    let up = |(endpoint, state): (&waypost::model::Endpoint, &State)| {
        (endpoint.service == service && *state != State::Down).then_some(endpoint.site)
    };
    let healthy: SiteSet = topology.endpoints.iter().zip(&node.agreed).filter_map(up).collect();
    healthy.union(orders_at(topology, node, service, |kind| kind == IntentKind::Pin))
}

/// The sites in service, counted by hand: enough healthy addresses (half of them), and no order that takes it out.
fn in_service(topology: &Topology, service: ServiceIx, agreed: &[State], intents: &[Intent]) -> SiteSet {
    let intents: Vec<&Intent> = intents.iter().collect();
    let is_in = |site: &SiteIx| {
        let here = topology.endpoints.iter().zip(agreed);
        let here = here.filter(|(endpoint, _)| (endpoint.service, endpoint.site) == (service, *site));
        let states: Vec<State> = here.map(|(_, state)| *state).collect();
        let healthy = states.iter().filter(|state| **state != State::Down).count();
        let by_itself = healthy > 0 && 2 * healthy >= states.len();
        match order_for(topology, &intents, service, *site).map(|intent| intent.kind) {
            Some(IntentKind::Isolate | IntentKind::Drain { share: Share::ALL }) => false,
            Some(IntentKind::Pin) => !states.is_empty(),
            Some(IntentKind::Drain { .. }) | None => by_itself,
        }
    };
    topology.services[service.get()].sites.iter().copied().filter(is_in).collect()
}
