//! The rules between nodes, and between them and the world: those that know the same decide the same, what is dead is
//! withdrawn, what is well is served, and who is cut off withdraws nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use waypost::health::Seclusion;
use waypost::model::{IntentKind, Mono, Share, SiteIx, SiteSet, Standing, State, Topology};

use crate::node::Node;
use crate::oracle::{Oracle, followed, orders_at, state_of};
use crate::quiet::REST_WITHIN;
use crate::scenario::Fault;
use crate::world::World;

/// Within this time everyone has withdrawn a site that is dead: silence on a path that was slow and lossy before, votes
/// that were lost on their way, and the moment for which the failure of most sites is doubted.
const DEAD_WITHIN: Duration = Duration::from_secs(25);

/// Within this time a node that was cut off acts on what it sees: doubt, and tables to compile.
const FREED_WITHIN: Duration = Duration::from_secs(8);

/// A node that was cut off, and what it served when that began.
#[derive(Debug)]
pub(crate) struct Cut {
    node: usize,
    since: Mono,
    incarnation: u32,
    in_service: Vec<SiteSet>,
}

impl Oracle {
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
        self.check_followed_alone(nodes)?;
        self.check_same_inputs(nodes, now)?;
        self.check_voices(topology, nodes, now)?;
        self.check_dead_sites(topology, nodes, world, now)?;
        self.check_well_sites(topology, nodes, world, now)?;
        self.check_cut_off(topology, nodes, world)
    }

    /// Nodes that know the same plan the same: those that have heard the same of everyone and obey the same orders.
    fn check_same_inputs(&mut self, nodes: &[Node], now: Mono) -> Result<(), String> {
        let heard = |by: &Node| nodes.iter().map(|of| last_heard(by, of, now)).collect::<Vec<_>>();
        let ready = nodes.iter().enumerate().filter(|(_, node)| is_ready(node));
        let ready: Vec<(usize, &Node, _)> = ready.map(|(position, node)| (position, node, heard(node))).collect();
        for (ix, (_, a, of_a)) in ready.iter().enumerate() {
            for (position, b, of_b) in ready.iter().skip(ix + 1) {
                if of_a != of_b || of_a[*position].is_none() || followed(a) != followed(b) {
                    continue;
                }
                self.expect(a.agreed == b.agreed, || {
                    format!("{} agrees on {:?}, {} on {:?}", a.name, a.agreed, b.name, b.agreed)
                })?;
                self.expect(outcome(a) == outcome(b) && a.digest == b.digest, || {
                    let told = |node: &Node| format!("{} plans {:?} ({})", node.name, outcome(node), node.digest);
                    format!("{}, {}", told(a), told(b))
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

    /// A site that has been well for long is in service, whether the store answers or not.
    fn check_well_sites(
        &mut self,
        topology: &Topology,
        nodes: &[Node],
        world: &World,
        now: Mono,
    ) -> Result<(), String> {
        let long = |since: Mono| now.since(since) > REST_WITHIN;
        if world.is_calm() || !world.ways_clear_since().is_some_and(long) {
            return Ok(());
        }
        for (ix, service) in topology.services() {
            for site in self.placed[ix.get()].iter() {
                let mut here =
                    topology.endpoints().filter(|(_, endpoint)| (endpoint.service, endpoint.site) == (ix, site));
                if !here.all(|(endpoint, _)| world.well_since(endpoint.get()).is_some_and(long)) {
                    continue;
                }
                for node in nodes.iter().filter(|node| node.alive && long(node.started)) {
                    let is_newest = node.served.generation == node.made.generation;
                    if !is_newest || orders_at(topology, node, ix, |_| true).contains(site) {
                        continue;
                    }
                    self.expect(node.served.services[ix.get()].in_service.contains(site), || {
                        let (who, what) = (&node.name, &service.name);
                        format!("{who} does not serve {what} at {site:?}, well for {REST_WITHIN:?}: {}", state_of(node))
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Those of one failure domain have one voice: whatever each of them says, most voices decide what is down.
    fn check_voices(&mut self, topology: &Topology, nodes: &[Node], now: Mono) -> Result<(), String> {
        if nodes.iter().all(|node| node.voter.failure_domain.is_none()) {
            return Ok(());
        }
        for node in nodes.iter().filter(|node| is_ready(node)) {
            let Some(voters) = fresh_voters(node, nodes, now) else { continue };
            for (ix, endpoint) in topology.endpoints() {
                let vote = |voter: &Node| voter.published.as_ref().map(|ballot| ballot.verdicts[ix.get()]);
                let is_local = |voter: &&&Node| voter.voter.standing_in == Some(endpoint.site);
                let local_down = voters.iter().filter(is_local).any(|voter| vote(voter) == Some(State::Down));
                // Whether any of a voice says down, and whether all do.
                let mut voices: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
                for voter in voters.iter().filter(|voter| !is_local(voter)) {
                    let Some(state) = vote(voter).filter(|state| *state != State::Unknown) else { continue };
                    let name = voter.voter.failure_domain.as_deref().unwrap_or(&voter.name);
                    let (any, all) = voices.entry(name).or_insert((false, true));
                    (*any, *all) = (*any || state == State::Down, *all && state == State::Down);
                }
                let some = voices.values().filter(|(any, _)| *any).count();
                let whole = voices.values().filter(|(_, all)| *all).count();
                let is_down = node.agreed[ix.get()] == State::Down;
                let fits = voices.is_empty()
                    || (is_down && (local_down || 2 * some >= voices.len()))
                    || (!is_down && 2 * whole <= voices.len());
                self.expect(fits, || {
                    let (who, state) = (&node.name, node.agreed[ix.get()]);
                    format!(
                        "{who} holds {} for {state}, but the voices (any, all down) are {voices:?}",
                        endpoint.address
                    )
                })?;
            }
        }
        Ok(())
    }

    /// When nothing is in motion, all follow the same orders, none alone, and come to the same.
    pub fn check_unison(&mut self, nodes: &[Node]) -> Result<(), String> {
        let Some(first) = nodes.first() else { return Ok(()) };
        for node in nodes {
            let same = followed(node) == followed(first) && node.local.is_empty();
            self.expect(same, || {
                format!("{} follows {:?}, {} {:?}", first.name, followed(first), node.name, followed(node))
            })?;
            self.expect(node.digest == first.digest && outcome(node) == outcome(first), || {
                format!("{} comes to {}, {} to {}", first.name, first.digest, node.name, node.digest)
            })?;
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
}

/// Whether a node has looked at everything, said it, and decides by votes.
fn is_ready(node: &Node) -> bool {
    // Where nobody has seen anything yet, what was agreed before the start stands, at each node its own.
    let has_seen_all = node.detectors.iter().all(|detector| detector.vote() != State::Unknown);
    node.alive
        && has_seen_all
        && node.has_said_all()
        && node.council.seclusion() == Seclusion::None
        && !node.council.is_in_doubt()
}

/// The last that `by` has heard of `of`, if it still counts.
fn last_heard(by: &Node, of: &Node, now: Mono) -> Option<(u64, u64)> {
    if by.name == of.name {
        by.published.as_ref().map(|ballot| ballot.sequence)
    } else {
        by.council.hears(&of.name, now)
    }
}

/// The nodes whose votes count at `node`, itself included; `None` where it has not heard the last of each.
fn fresh_voters<'a>(node: &'a Node, nodes: &'a [Node], now: Mono) -> Option<Vec<&'a Node>> {
    let mut voters = vec![node];
    for other in nodes.iter().filter(|other| other.name != node.name) {
        let Some(heard) = node.council.hears(&other.name, now) else { continue };
        if other.published.as_ref().map(|ballot| ballot.sequence) != Some(heard) {
            return None;
        }
        voters.push(other);
    }
    Some(voters)
}

/// Who serves in which tier, without the words.
fn outcome(node: &Node) -> Vec<(Vec<(Standing, Share)>, SiteSet)> {
    let sites = |service: &waypost::model::ServicePlan| {
        service.sites.iter().map(|site| (site.standing, site.drained)).collect::<Vec<_>>()
    };
    node.made.services.iter().map(|service| (sites(service), service.in_service)).collect()
}
