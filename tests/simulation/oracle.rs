//! The rules that every state must keep (DESIGN sections 1, 6 and 7; RELIABILITY I1 to I6), judged from outside: none of
//! them asks the code under test whether it did well.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use waypost::health::Seclusion;
use waypost::model::{
    Generation, Intent, IntentKind, Mono, ServiceIx, Share, SiteIx, SiteSet, Standing, State, Topology,
};
use waypost::steer::select;
use waypost::zone::SteeredSet;

use crate::node::Node;
use crate::scenario::Fault;
use crate::world::{World, steered_sets};

/// Within this time everyone has withdrawn a site that is dead: silence on a path that was slow and lossy before, votes
/// that were lost on their way, and the moment for which the failure of most sites is doubted.
const DEAD_WITHIN: Duration = Duration::from_secs(25);

/// Within this time a node that was cut off acts on what it sees: doubt, and tables to compile.
const FREED_WITHIN: Duration = Duration::from_secs(8);

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

/// A node that was cut off, and what it served when that began.
#[derive(Debug)]
struct Cut {
    node: usize,
    since: Mono,
    incarnation: u32,
    in_service: Vec<SiteSet>,
}

/// See the module.
#[derive(Debug)]
pub struct Oracle {
    sets: Vec<SteeredSet>,
    /// The sites of each service that have addresses.
    placed: Vec<SiteSet>,
    cuts: Vec<Cut>,
    /// Rules that were looked at and kept.
    pub checks: u64,
}

impl Oracle {
    pub fn new(topology: &Topology) -> Self {
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
            checks: 0,
        }
    }

    fn expect(&mut self, kept: bool, why: impl FnOnce() -> String) -> Result<(), String> {
        self.checks += 1;
        if kept { Ok(()) } else { Err(why()) }
    }

    /// An older plan never replaces a newer one.
    pub fn check_order_of_plans(&mut self, present: Generation, candidate: Generation) -> Result<(), String> {
        self.expect(candidate >= present, || format!("plan {candidate} replaced plan {present}"))
    }

    /// What a node answers is never empty, always declared, and never at a site that is isolated or down while another works.
    pub fn check_answers(&mut self, topology: &Topology, node: &Node) -> Result<(), String> {
        // What is known may be a moment ahead of the tables that are being compiled.
        let is_newest = node.served.generation == node.made.generation;
        for number in 0..self.sets.len() {
            let service = self.sets[number].service;
            let isolated = orders_at(topology, node, service, |kind| kind == IntentKind::Isolate);
            let works = working(topology, node, service);
            let intents = node.intents();
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

    /// A fault begins: of a node that is cut off it is noted what it served.
    pub fn fault_begins(&mut self, fault: Fault, nodes: &[Node], now: Mono) {
        let Fault::CutOff { node } = fault else { return };
        let in_service = nodes[node].served.services.iter().map(|service| service.in_service).collect();
        self.cuts.push(Cut { node, since: now, incarnation: nodes[node].incarnation, in_service });
    }

    /// What must hold between nodes, and between them and the world.
    pub fn check_cluster(
        &mut self,
        topology: &Topology,
        nodes: &[Node],
        world: &World,
        now: Mono,
    ) -> Result<(), String> {
        self.check_same_inputs(nodes, now)?;
        self.check_dead_sites(topology, nodes, world, now)?;
        self.check_cut_off(topology, nodes, world)
    }

    /// Nodes that know the same plan the same.
    fn check_same_inputs(&mut self, nodes: &[Node], now: Mono) -> Result<(), String> {
        for (position, a) in nodes.iter().enumerate() {
            for b in nodes.iter().skip(position + 1) {
                if !know_the_same(a, b, nodes, now) {
                    continue;
                }
                self.expect(a.agreed == b.agreed, || {
                    format!("{} agrees on {:?}, {} on {:?}", a.name, a.agreed, b.name, b.agreed)
                })?;
                self.expect(outcome(a) == outcome(b), || {
                    format!("{} plans {:?}, {} plans {:?}", a.name, outcome(a), b.name, outcome(b))
                })?;
            }
        }
        Ok(())
    }

    /// A site that is dead is out of service everywhere after a while.
    fn check_dead_sites(
        &mut self,
        topology: &Topology,
        nodes: &[Node],
        world: &World,
        now: Mono,
    ) -> Result<(), String> {
        if world.is_calm() || now.0 < DEAD_WITHIN {
            return Ok(());
        }
        let long_ago = Mono(now.0 - DEAD_WITHIN);
        for (ix, service) in topology.services() {
            for site in self.placed[ix.get()].iter() {
                let here = topology.endpoints().filter(|(_, endpoint)| (endpoint.service, endpoint.site) == (ix, site));
                let mut deaths = here.map(|(endpoint, _)| world.dead_since(endpoint.get()));
                if !deaths.all(|since| since.is_some_and(|since| since <= long_ago)) {
                    continue;
                }
                for node in nodes.iter().filter(|node| node.alive && node.started <= long_ago) {
                    let pinned = orders_at(topology, node, ix, |kind| kind == IntentKind::Pin).contains(site);
                    // Tables that are being compiled come in a moment; who was cut off a moment ago has yet to doubt and
                    // to believe what it sees.
                    let is_newest = node.served.generation == node.made.generation;
                    if pinned || !is_newest || node.cut_off_at.is_some_and(|at| now.since(at) < FREED_WITHIN) {
                        continue;
                    }
                    let out = !node.served.services[ix.get()].in_service.contains(site);
                    self.expect(out, || {
                        let (who, what) = (&node.name, &service.name);
                        format!("{who} still serves {what} at {site:?}, dead for {DEAD_WITHIN:?}: {}", state_of(node))
                    })?;
                }
            }
        }
        Ok(())
    }

    /// A node that is cut off does not withdraw the world.
    fn check_cut_off(&mut self, topology: &Topology, nodes: &[Node], world: &World) -> Result<(), String> {
        self.cuts.retain(|cut| world.cut_off_since(cut.node).is_some());
        for number in 0..self.cuts.len() {
            let cut = &self.cuts[number];
            let node = &nodes[cut.node];
            if nodes.len() < 2 || !node.alive || node.incarnation != cut.incarnation {
                continue;
            }
            for (ix, service) in topology.services() {
                let cut = &self.cuts[number];
                let well = |site: &SiteIx| {
                    let mut here =
                        topology.endpoints().filter(|(_, endpoint)| (endpoint.service, endpoint.site) == (ix, *site));
                    here.all(|(endpoint, _)| world.well_since(endpoint.get()).is_some_and(|since| since < cut.since))
                };
                let ordered = orders_at(topology, node, ix, |_| true);
                let healthy: Vec<SiteIx> =
                    cut.in_service[ix.get()].iter().filter(|site| well(site) && !ordered.contains(*site)).collect();
                let served = node.served.services[ix.get()].in_service;
                let withdrawn = healthy.iter().filter(|site| !served.contains(**site)).count();
                // One of two may go: where all other nodes stand in a site, their votes on it are local. Without its only
                // site a service is answered as declared.
                let all = self.cuts[number].in_service[ix.get()].len();
                self.expect(all < 2 || 2 * withdrawn <= all, || {
                    format!("{}, cut off, withdrew {withdrawn} of {healthy:?} from {}", node.name, service.name)
                })?;
            }
        }
        Ok(())
    }

    /// What is not at rest, in words.
    pub fn unrest(&self, nodes: &[Node]) -> String {
        nodes.iter().map(state_of).collect::<Vec<_>>().join("; ")
    }
}

fn state_of(node: &Node) -> String {
    let verdicts: Vec<State> = node.detectors.iter().map(|detector| detector.verdict().state).collect();
    let (name, alive, agreed, seclusion) = (&node.name, node.alive, &node.agreed, node.council.seclusion());
    let doubt = node.council.is_in_doubt();
    format!("{name}: alive {alive}, verdicts {verdicts:?}, agreed {agreed:?}, seclusion {seclusion:?}, doubt {doubt}")
}

/// Whether two nodes have heard the same of everyone, and obey the same orders.
fn know_the_same(a: &Node, b: &Node, nodes: &[Node], now: Mono) -> bool {
    // Where nobody has seen anything yet, what was agreed before the start stands, at each node its own.
    let has_seen_all = |node: &Node| node.detectors.iter().all(|detector| detector.vote() != State::Unknown);
    let ready = |node: &Node| {
        node.alive
            && has_seen_all(node)
            && node.has_said_all()
            && node.council.seclusion() == Seclusion::None
            && !node.council.is_in_doubt()
    };
    let heard = |by: &Node, of: &Node| {
        if by.name == of.name {
            by.published.as_ref().map(|ballot| ballot.sequence)
        } else {
            by.council.hears(&of.name, now)
        }
    };
    ready(a)
        && ready(b)
        && nodes.iter().all(|of| heard(a, of) == heard(b, of))
        && heard(a, b).is_some()
        && a.standing.iter().map(|(intent, _)| intent).eq(b.standing.iter().map(|(intent, _)| intent))
}

/// Who serves in which tier, without the words.
fn outcome(node: &Node) -> Vec<(Vec<(Standing, Share)>, SiteSet)> {
    let sites = |service: &waypost::model::ServicePlan| {
        service.sites.iter().map(|site| (site.standing, site.drained)).collect::<Vec<_>>()
    };
    node.made.services.iter().map(|service| (sites(service), service.in_service)).collect()
}

/// The sites of a service at which an order of some kind stands at a node.
fn orders_at(topology: &Topology, node: &Node, service: ServiceIx, wanted: impl Fn(IntentKind) -> bool) -> SiteSet {
    let intents: Vec<&Intent> = node.standing.iter().map(|(intent, _)| intent).collect();
    let at = |site: &SiteIx| order_for(topology, &intents, service, *site).is_some_and(|intent| wanted(intent.kind));
    topology.sites().map(|(site, _)| site).filter(at).collect()
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
