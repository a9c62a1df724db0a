//! The run: virtual time, and what happens in it in order.
//!
//! Quiet is leapt over: where no fault is at work and every node is at rest, every probe would go well and every ballot
//! would say the same, so that the clock may go on to the next episode (a test holds a leap against a run without).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use waypost::health::bounds::BALLOT_INTERVAL;
use waypost::health::{Ballot, Finding, ProbeNumber, Voter};
use waypost::model::{Mono, Plan, SiteIx, State, Topology};

use crate::chance::Chance;
use crate::core::Core;
use crate::node::Node;
use crate::oracle::{Oracle, Violation};
use crate::scenario::{Act, Deed, Fault, Scenario, Shape};
use crate::store::{Orders, Store, Write};
use crate::world::{World, topology};

/// How often deadlines and rules are looked at.
const TICK: Duration = Duration::from_millis(250);
/// The least between two ballots: 5 a second.
const BALLOT_GAP: Duration = Duration::from_millis(200);
/// Within this time after the last fault everything must be back: the longest damping, the slowest return of a probe,
/// and the longest that loss is remembered.
pub const REST_WITHIN: Duration = Duration::from_secs(345);

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub faults: u64,
    pub orders: u64,
    pub refused: u64,
    /// Orders for one node alone.
    pub local: u64,
    /// Those of them that all followed in the end.
    pub offered: u64,
    /// Stores that had gone back and were accepted.
    pub accepted: u64,
    pub probes: u64,
    pub swaps: u64,
    pub checks: u64,
    /// Time that was run through, without what was leapt over.
    pub stepped: Duration,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.faults += other.faults;
        self.orders += other.orders;
        self.refused += other.refused;
        self.local += other.local;
        self.offered += other.offered;
        self.accepted += other.accepted;
        self.probes += other.probes;
        self.swaps += other.swaps;
        self.checks += other.checks;
        self.stepped += other.stepped;
    }
}

pub(crate) enum Event {
    Wake { node: usize, endpoint: usize },
    Done { node: usize, incarnation: u32, endpoint: usize, number: ProbeNumber, finding: Box<Finding> },
    Publish { node: usize, incarnation: u32 },
    Deliver { to: usize, incarnation: u32, from: usize, ballot: Rc<Ballot> },
    Told { to: usize, incarnation: u32, orders: Rc<Orders> },
    Commit { node: usize, incarnation: u32, expected: Rc<Orders>, write: Box<Write>, agreed: Vec<State>, forced: bool },
    Swap { node: usize, incarnation: u32, plan: Rc<Plan> },
    Begin(usize),
    End(usize),
    Tick,
}

struct Entry(Mono, u64, Event);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// Whether quiet time is leapt over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    Leapt,
    /// Run through, but for no longer than this at a time.
    Stepped(Duration),
}

/// See the module.
pub struct Run<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) core: Core,
    quiet: Quiet,
    pub(crate) topology: Topology,
    /// The topology that orders are reviewed against.
    pub(crate) reviewed: Topology,
    names: Vec<String>,
    pub(crate) now: Mono,
    numbers: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    pub(crate) world: World,
    pub(crate) nodes: Vec<Node>,
    kept: Vec<Option<crate::node::Kept>>,
    pub(crate) store: Store,
    pub(crate) chance: Chance,
    pub(crate) oracle: Oracle,
    pub(crate) tally: Tally,
}

/// Runs a scenario to its end or to the first rule that is broken.
pub fn run(scenario: &Scenario, core: Core, quiet: Quiet) -> (Tally, Result<(), Violation>) {
    let mut run = Run::new(scenario, core, quiet);
    let outcome = run.all();
    run.tally.checks = run.oracle.checks;
    (run.tally, outcome)
}

impl<'a> Run<'a> {
    pub fn new(scenario: &'a Scenario, core: Core, quiet: Quiet) -> Self {
        let topology = topology(&scenario.shape);
        let names: Vec<String> = (0..scenario.shape.nodes.len()).map(|ix| format!("n{ix}")).collect();
        let start = |ix: usize| Node::start(core, voter(&scenario.shape, ix), &topology, &names, Mono::START, None);
        let nodes: Vec<Node> = (0..names.len()).map(start).collect();
        let mut run = Self {
            scenario,
            core,
            quiet,
            reviewed: core.reviewed(&topology),
            world: World::new(&scenario.shape, &topology),
            oracle: Oracle::new(&topology, names.len()),
            topology,
            kept: vec![None; names.len()],
            names,
            now: Mono::START,
            numbers: 0,
            queue: BinaryHeap::new(),
            nodes,
            store: Store::default(),
            chance: Chance::new(scenario.seed ^ 0x5157),
            tally: Tally::default(),
        };
        (0..run.nodes.len()).for_each(|node| run.set_going(node));
        run.after(TICK, Event::Tick);
        run
    }

    /// Schedules what a node that has just started does by itself.
    fn set_going(&mut self, node: usize) {
        for endpoint in 0..self.nodes[node].detectors.len() {
            let at = self.nodes[node].wakes[endpoint];
            self.at(at, Event::Wake { node, endpoint });
        }
        let incarnation = self.nodes[node].incarnation;
        self.after(Duration::ZERO, Event::Publish { node, incarnation });
    }

    fn at(&mut self, at: Mono, event: Event) {
        self.numbers += 1;
        self.queue.push(Reverse(Entry(at, self.numbers, event)));
    }

    pub(crate) fn after(&mut self, span: Duration, event: Event) {
        self.at(self.now.after(span), event);
    }

    pub(crate) fn some_millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.chance.within(range))
    }

    fn all(&mut self) -> Result<(), Violation> {
        // The first verdicts.
        self.until(Mono(Duration::from_secs(30)))?;
        for episode in 0..self.scenario.episodes.len() {
            self.leap_to(Mono(self.scenario.episodes[episode]))?;
            let begins = self.now;
            let ends = self.set_out(episode);
            self.until(ends.after(Duration::from_millis(1)))?;
            self.come_to_rest(ends)?;
            self.tally.stepped += self.now.since(begins);
        }
        Ok(())
    }

    /// Schedules what happens in an episode that begins now; gives when the last of it is over.
    pub fn set_out(&mut self, episode: usize) -> Mono {
        let begins = self.now;
        let acts = self.scenario.acts.iter().enumerate().filter(|(_, act)| act.episode == episode);
        let acts: Vec<(usize, Act)> = acts.map(|(number, act)| (number, *act)).collect();
        let mut ends = begins;
        for (number, act) in acts {
            self.at(begins.after(act.after), Event::Begin(number));
            let lasts = if let Deed::Fault { lasts, .. } = act.deed { lasts } else { Duration::ZERO };
            ends = ends.max(begins.after(act.after).after(lasts));
        }
        ends
    }

    /// Goes on until nothing is in motion; that must not take long. Then all nodes follow the same and come to the same.
    pub fn come_to_rest(&mut self, since: Mono) -> Result<(), Violation> {
        while !self.is_at_rest() {
            if self.now.since(since) > REST_WITHIN {
                return Err(self.violation(format!(
                    "not everything is back {} s after the last fault: {}",
                    self.now.since(since).as_secs(),
                    self.oracle.unrest(&self.nodes)
                )));
            }
            self.until(self.now.after(TICK))?;
        }
        self.oracle.check_unison(&self.nodes).map_err(|why| self.violation(why))
    }

    fn is_at_rest(&self) -> bool {
        let settled = |node: &Node| {
            node.alive
                && node.is_at_rest()
                && node.has_said_all()
                && node.served.same_outcome(&node.made)
                && node.orders.id == self.store.orders().id
                && node.over().is_empty()
                && node.local.is_empty()
        };
        self.world.is_calm() && self.nodes.iter().all(settled) && self.everyone_is_heard()
    }

    fn everyone_is_heard(&self) -> bool {
        self.nodes.iter().all(|node| {
            let others = self.nodes.iter().filter(|other| other.name != node.name);
            others.map(|other| other.published.as_ref().map(|ballot| ballot.sequence)).all(|last| last.is_some())
                && self
                    .names
                    .iter()
                    .filter(|name| **name != node.name)
                    .all(|name| node.council.hears(name, self.now).is_some())
        })
    }

    /// Goes to `at`; over quiet in one step, but never over the end of an order.
    fn leap_to(&mut self, at: Mono) -> Result<(), Violation> {
        while self.now < at {
            let ends = self.nodes.iter().flat_map(|node| &node.standing).filter_map(|(_, end)| *end);
            let target = ends.filter(|end| *end > self.now).min().map_or(at, |end| end.min(at));
            let ahead = target.since(self.now);
            match self.quiet {
                Quiet::Stepped(most) if ahead <= most => {}
                _ if ahead < Duration::from_secs(10) => {}
                _ => self.leap(ahead - Duration::from_secs(5)),
            }
            self.until(target.after(Duration::from_millis(1)))?;
            self.come_to_rest(self.now)?;
        }
        Ok(())
    }

    /// Moves the clock on: what was under way has ended well, and every ballot was given again just now.
    fn leap(&mut self, span: Duration) {
        self.now = self.now.after(span);
        let late: Vec<Entry> = std::mem::take(&mut self.queue).into_iter().map(|Reverse(entry)| entry).collect();
        for Entry(at, number, event) in late {
            // In the same order, and after what was due before.
            self.queue.push(Reverse(Entry(at.max(self.now), number, event)));
        }
        for node in &mut self.nodes {
            node.last_contact = self.now;
            for detector in &mut node.detectors {
                detector.forgive(span);
            }
        }
        let (count, now) = (self.nodes.len(), self.now);
        let published = |node: &mut Node| node.published.is_some().then(|| node.ballot(now));
        let ballots: Vec<Option<Rc<Ballot>>> = self.nodes.iter_mut().map(published).collect();
        for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
            if let (true, Some(ballot)) = (from != to, ballots[from].clone()) {
                let name = self.names[from].clone();
                let heard = self.core.heard(&ballot);
                self.nodes[to].council.hear(&name, heard, self.now);
            }
        }
    }

    pub fn until(&mut self, end: Mono) -> Result<(), Violation> {
        while let Some(Reverse(Entry(at, ..))) = self.queue.peek() {
            if *at > end {
                break;
            }
            let Some(Reverse(Entry(at, _, event))) = self.queue.pop() else { break };
            self.now = self.now.max(at);
            self.happens(event)?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    fn is_current(&self, node: usize, incarnation: u32) -> bool {
        self.nodes[node].alive && self.nodes[node].incarnation == incarnation
    }

    fn happens(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Wake { node, endpoint } => self.wake(node, endpoint),
            Event::Done { node, incarnation, endpoint, number, finding } if self.is_current(node, incarnation) => {
                let wall = self.nodes[node].wall(self.now);
                let change = self.nodes[node].detectors[endpoint].finished(number, *finding, self.now, wall);
                self.drive(node, endpoint, change.is_some());
            }
            Event::Publish { node, incarnation } if self.is_current(node, incarnation) => {
                let place = &self.nodes[node];
                if place.published.is_none() || self.now.since(place.published_at) >= BALLOT_GAP {
                    self.publish(node);
                }
            }
            Event::Deliver { to, incarnation, from, ballot } if self.is_current(to, incarnation) => {
                let name = self.names[from].clone();
                let hints = self.nodes[to].council.hear(&name, self.core.heard(&ballot), self.now);
                for endpoint in hints.iter().filter_map(|hint| usize::try_from(*hint).ok()) {
                    self.nodes[to].detectors[endpoint].hint(self.now);
                    self.drive(to, endpoint, false);
                }
                self.decide(to);
            }
            Event::Told { to, incarnation, orders } if self.is_current(to, incarnation) => {
                self.nodes[to].hear(self.core, orders, self.now);
                return self.followed(to);
            }
            Event::Commit { node, incarnation, expected, write, agreed, forced }
                if self.is_current(node, incarnation) =>
            {
                return self.commit(node, &expected, &write, &agreed, forced);
            }
            Event::Swap { node, incarnation, plan } if self.is_current(node, incarnation) => {
                return self.swap(node, plan);
            }
            Event::Begin(number) => return self.begin(number),
            Event::End(number) => return self.end(number),
            Event::Tick => return self.tick(),
            _ => {}
        }
        Ok(())
    }

    fn wake(&mut self, node: usize, endpoint: usize) {
        if self.nodes[node].alive && self.nodes[node].wakes[endpoint] <= self.now {
            self.drive(node, endpoint, false);
        }
    }

    /// Does what a detector is waiting for.
    fn drive(&mut self, node: usize, endpoint: usize, mut changed: bool) {
        let wall = self.nodes[node].wall(self.now);
        changed |= self.nodes[node].detectors[endpoint].overdue(self.now, wall).is_some();
        while self.nodes[node].detectors[endpoint].is_due(self.now) {
            let order = self.nodes[node].detectors[endpoint].begin(self.now);
            self.tally.probes += 1;
            let (latency, outcome) = self.world.probe(node, endpoint, order.depth, self.now, &mut self.chance);
            let connected = outcome.reason().is_none().then_some(latency);
            let finding = Box::new(Finding { outcome, latency, connected });
            let incarnation = self.nodes[node].incarnation;
            self.after(latency, Event::Done { node, incarnation, endpoint, number: order.number, finding });
        }
        let next = self.nodes[node].detectors[endpoint].wake_at();
        // One entry in the queue is enough, as long as it is no later than what is waited for.
        if next < self.nodes[node].wakes[endpoint] || self.nodes[node].wakes[endpoint] <= self.now {
            self.nodes[node].wakes[endpoint] = next;
            if next < Mono(Duration::MAX) {
                self.at(next, Event::Wake { node, endpoint });
            }
        }
        if changed {
            self.decide(node);
            self.publish_soon(node);
        }
    }

    fn publish_soon(&mut self, node: usize) {
        let (at, incarnation) =
            (self.nodes[node].published_at.after(BALLOT_GAP).max(self.now), self.nodes[node].incarnation);
        self.at(at, Event::Publish { node, incarnation });
    }

    /// Writes a ballot, where the store answers; the others hear of it a little later, now and then much later.
    fn publish(&mut self, node: usize) {
        if !self.world.reaches_store(node) {
            return;
        }
        self.nodes[node].last_contact = self.now;
        let ballot = self.nodes[node].ballot(self.now);
        for to in (0..self.nodes.len()).filter(|to| *to != node) {
            if !self.world.reaches_store(to) || self.chance.is(5) {
                continue;
            }
            let delay = if self.chance.is(20) { self.some_millis(500..9000) } else { self.some_millis(3..150) };
            let incarnation = self.nodes[to].incarnation;
            self.after(delay, Event::Deliver { to, incarnation, from: node, ballot: Rc::clone(&ballot) });
        }
    }

    /// Plans anew; the tables take a moment to compile, and the next ones may be ready sooner.
    pub(crate) fn decide(&mut self, node: usize) {
        if let Some(plan) = self.nodes[node].decide(self.core, &self.topology, self.now) {
            let (delay, incarnation) = (self.some_millis(0..40), self.nodes[node].incarnation);
            self.after(delay, Event::Swap { node, incarnation, plan });
        }
    }

    fn swap(&mut self, node: usize, plan: Rc<Plan>) -> Result<(), Violation> {
        let (candidate, present) = (plan.generation, self.nodes[node].served.generation);
        if !self.core.replaces(candidate, present) {
            return Ok(());
        }
        self.tally.swaps += 1;
        self.oracle.check_order_of_plans(present, candidate).map_err(|why| self.violation(why))?;
        self.nodes[node].served = plan;
        self.oracle.check_answers(&self.topology, &self.nodes[node]).map_err(|why| self.violation(why))
    }

    fn tick(&mut self) -> Result<(), Violation> {
        for node in 0..self.nodes.len() {
            if !self.nodes[node].alive {
                continue;
            }
            self.nodes[node].expire(self.now);
            self.look_after_orders(node)?;
            self.decide(node);
            let silent_for = self.now.since(self.nodes[node].published_at);
            if silent_for >= BALLOT_INTERVAL || !self.nodes[node].has_said_all() {
                self.publish_soon(node);
            }
        }
        self.oracle
            .check_cluster(&self.topology, &self.nodes, &self.world, self.now)
            .map_err(|why| self.violation(why))?;
        self.after(TICK, Event::Tick);
        Ok(())
    }

    fn begin(&mut self, number: usize) -> Result<(), Violation> {
        match self.scenario.acts[number].deed {
            Deed::Fault { fault, lasts } => {
                self.tally.faults += 1;
                if let Fault::ClockStep { node, seconds } = fault {
                    self.nodes[node].clock_error += seconds;
                    return Ok(());
                }
                if let Fault::StoreBack { changes } = fault {
                    self.store.go_back(changes);
                }
                self.oracle.fault_begins(fault, &self.nodes, self.now);
                self.world.begin(number, fault, self.now);
                self.after(lasts, Event::End(number));
                self.bury()
            }
            Deed::Command(command) => self.command(command),
        }
    }

    fn end(&mut self, number: usize) -> Result<(), Violation> {
        self.world.end(number, self.now);
        self.bury()
    }

    /// Nodes that a fault takes die; those that it gives back start anew.
    fn bury(&mut self) -> Result<(), Violation> {
        for node in 0..self.nodes.len() {
            match (self.nodes[node].alive, self.world.is_alive(node)) {
                (true, false) => {
                    self.kept[node] = Some(self.nodes[node].kept());
                    self.nodes[node].alive = false;
                }
                (false, true) => {
                    let (kept, error) = (self.kept[node].take(), self.nodes[node].clock_error);
                    let voter = self.nodes[node].voter.clone();
                    self.nodes[node] = Node::start(self.core, voter, &self.topology, &self.names, self.now, kept);
                    self.nodes[node].clock_error = error;
                    self.nodes[node].restore_ends(self.now);
                    self.set_going(node);
                    // Restored verdicts and orders are served before the first query is taken.
                    if let Some(plan) = self.nodes[node].decide(self.core, &self.topology, self.now) {
                        self.nodes[node].served = plan;
                    }
                    let checked = self.oracle.check_answers(&self.topology, &self.nodes[node]);
                    checked.map_err(|why| self.violation(why))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn violation(&self, why: String) -> Violation {
        Violation { at: self.now, why }
    }
}

/// Who a node is.
fn voter(shape: &Shape, node: usize) -> Voter {
    Voter {
        name: format!("n{node}"),
        standing_in: shape.nodes[node].map(SiteIx),
        failure_domain: shape.domains[node].map(|domain| format!("d{domain}")),
    }
}
