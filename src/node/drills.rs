//! Drills in the engine: begun as an order under the safety rules, watched with every plan, ended in the plan that follows what
//! ends them (DESIGN section 7).
//!
//! The order of a drill stands for as long as the process that runs it: a restart does not bring it back, and other nodes end it
//! when the runner is gone, has started again, or cannot be heard because the store is out of reach.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::oneshot;
use tracing::warn;

use super::engine::{Engine, standing};
use super::orders::{Change, OrderFailure, Rehearsal};
use super::peers::copied;
use crate::drill::{History, Shelf};
use crate::health::bounds::BALLOT_FRESHNESS;
use crate::health::{Contact, Seclusion};
use crate::model::{
    Drill, DrillMark, DrillOutcome, DrillState, EventKind, Intent, Lifetime, MonitorProbes, Mono, NodeMoment,
    OrdersVersion, Plan, Reach, Scope, ServiceIx, SiteIx, SiteSet, SurvivorLoad,
};
use crate::plan::{self, Answers, Caches, Cause, Deadlines, Grounds, Moment, Nodes, Seen, Unready};
use crate::store::Store;

/// The name of the copy that holds the history of drills.
pub(super) const DRILLS: &str = "drills";
/// How long the nodes may take to name a site again.
const BACK: Duration = Duration::from_secs(10);
/// How long after a drill's end its order would end by itself, were everything else to fail.
const LEASE: Duration = Duration::from_secs(10);
/// Between two measurements of loads.
const MEASURE: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct DrillOrder {
    /// What is taken out.
    pub scope: Scope,
    /// Who asks.
    pub by: String,
    /// Why.
    pub reason: String,
    /// For how long.
    pub length: Duration,
    /// The schedule that asks.
    pub schedule: Option<String>,
    /// Whether it is only looked at whether it might begin.
    pub rehearsal: Rehearsal,
    /// The incident that is open, in words.
    pub incident: Option<String>,
}

/// A drill that began, or would.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The drill.
    pub drill: Drill,
    /// The plan with its order.
    pub plan: Arc<Plan>,
}

/// Why a drill did not begin.
#[derive(Debug)]
pub enum DrillFailure {
    /// Something stands in the way; a drill that the others' capacity forbids is kept with its outcome.
    Unready(Vec<Unready>, Option<Box<Drill>>),
    /// Its order could not be given.
    Order(OrderFailure),
}

/// Where the answer goes.
pub type DrillReply = oneshot::Sender<Result<Begun, DrillFailure>>;

/// The drill that this node runs.
pub(super) struct Drilling {
    pub(super) drill: Drill,
    deadlines: Deadlines,
    /// The orders that hold its own.
    version: OrdersVersion,
    /// The services whose answers named the site before.
    services: Vec<String>,
    /// Probes that had ended before it began.
    probes: BTreeMap<String, (u64, u64)>,
    measured: Mono,
}

/// What is known of the process that runs a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    /// It runs it.
    Alive,
    /// Nothing is known of it since this node's start.
    Unheard,
    /// It is gone, or not to be heard.
    Gone,
}

/// What `store` has kept of drills.
pub(super) fn kept(store: &dyn Store) -> Shelf {
    let Some(text) = copied(store, DRILLS) else { return Shelf::default() };
    let history = History::read(&text).inspect_err(|error| warn!(%error, "the history of drills cannot be read"));
    Shelf::new(history.unwrap_or_default())
}

impl Engine {
    /// Ends what a process before this one left of its drills: `drills` are the orders of them that the store holds, none of which
    /// is followed.
    pub(super) fn settle_drills(&mut self, drills: Vec<Intent>) {
        for drill in self.parts.drills.cut_short(self.parts.clock.wall()) {
            self.keep_drills(Some(EventKind::DrillEnded { drill: Box::new(drill) }));
        }
        // Where others follow the same orders, they may run it; those that nobody runs are cleared when that is known.
        if !self.peers.is_shared() {
            drills.into_iter().for_each(|intent| self.enqueue(Change::End { intent }));
        }
    }

    /// Begins a drill, if all is as it must be.
    pub(super) fn begin_drill(&mut self, asked: DrillOrder, reply: DrillReply) {
        let (now, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        if let Some(error) = self.out_of_reach(Reach::Everywhere, now) {
            let _ = reply.send(Err(DrillFailure::Order(OrderFailure::NotTried(error))));
            return;
        }
        let mut drill = Drill {
            id: format!("{}-{}", asked.scope.site, wall.strftime("%Y%m%dT%H%M%SZ")),
            scope: asked.scope.clone(),
            by: asked.by.clone(),
            reason: asked.reason.clone(),
            schedule: asked.schedule.clone(),
            node: self.identity.name.clone(),
            started: wall,
            for_seconds: asked.length.as_secs(),
            state: DrillState::Ordering,
            ordered: None,
            withdrawn: Vec::new(),
            drained: None,
            restored: None,
            followed: Vec::new(),
            ended: None,
            survivors: Vec::new(),
            probes: Vec::new(),
        };
        let lasting = asked.length.saturating_add(LEASE);
        let end = SignedDuration::try_from(lasting).ok().and_then(|span| wall.checked_add(span).ok()).unwrap_or(wall);
        let order = plan::order_of_drill(&drill, Lifetime::Until(end));
        let demands = self.parts.demand.demands(&self.picture.topology, &self.parts.tables.load(), Moment::Peak);
        let intents = self.intents();
        let grounds = Grounds {
            topology: &self.picture.topology,
            plan: &self.picture.plan,
            health: &self.picture.health,
            intents: &intents,
        };
        let mut unready = plan::unready(grounds, &order, asked.length, &demands);
        unready.extend(self.not_whole(now));
        unready.extend(asked.incident.clone().map(|why| Unready::Incident { why }));
        if let Some(running) = &self.drill
            && !unready.iter().any(|reason| matches!(reason, Unready::DrillRuns { .. }))
        {
            unready.push(Unready::DrillRuns { id: running.drill.id.clone() });
        }
        if !unready.is_empty() {
            let kept = self.refuse_drill(&asked, drill, &unready);
            let _ = reply.send(Err(DrillFailure::Unready(unready, kept)));
            return;
        }
        if asked.rehearsal == Rehearsal::DryRun {
            let others = intents.iter().cloned().chain([order.into_intent(wall, 0, false)]).collect::<Vec<_>>();
            let plan = Arc::new(plan::make(plan::Inputs {
                topology: &self.picture.topology,
                health: &self.picture.health,
                intents: &others,
                generation: self.picture.plan.generation,
            }));
            let _ = reply.send(Ok(Begun { drill, plan }));
            return;
        }
        let mark = DrillMark {
            id: drill.id.clone(),
            runner: self.identity.name.clone(),
            runner_started: self.parts.started,
            schedule: asked.schedule.clone(),
        };
        let intent = Intent { drill: Some(mark), ..order.into_intent(wall, self.version.revision + 1, false) };
        drill.survivors = self.survivors(&drill);
        self.drill = Some(Drilling {
            deadlines: Deadlines { until: now.after(asked.length), back_by: now.after(lasting) },
            version: self.version,
            services: self.naming(&drill.scope),
            probes: self.probes_so_far(),
            measured: now,
            drill,
        });
        let event = self.parts.journal.event(EventKind::Ordered { intent: intent.clone() });
        let scope = asked.scope.clone();
        self.write(Change::Drill { asked, scope, reply }, Some(intent), None, event);
    }

    /// Tells why a drill does not begin, and keeps it where the others' capacity is the reason.
    fn refuse_drill(&self, asked: &DrillOrder, drill: Drill, unready: &[Unready]) -> Option<Box<Drill>> {
        if asked.rehearsal == Rehearsal::DryRun || unready.iter().any(Unready::is_usage) {
            return None;
        }
        let why: Vec<String> = unready.iter().map(ToString::to_string).collect();
        let Some(capacity) = unready.iter().find(|reason| reason.is_capacity()) else {
            let kind = EventKind::DrillRefused { scope: asked.scope.clone(), by: asked.by.clone(), why };
            self.parts.journal.record(kind);
            return None;
        };
        let outcome = DrillOutcome::CapacityCheckFailed;
        let state = DrillState::Ended { outcome, why: capacity.to_string() };
        let drill = Drill { state, ended: Some(self.parts.clock.wall()), ..drill };
        if let Some(schedule) = &drill.schedule {
            self.parts.drills.had_turn(schedule, drill.started);
        }
        self.parts.drills.put(drill.clone());
        self.keep_drills(Some(EventKind::DrillEnded { drill: Box::new(drill.clone()) }));
        Some(Box::new(drill))
    }

    /// What of node and cluster is not whole.
    fn not_whole(&self, now: Mono) -> Vec<Unready> {
        let mut found: Vec<String> = Vec::new();
        found.extend(self.apart(now).map(|cause| cause.to_string()));
        found.extend(
            self.picture
                .degradations
                .iter()
                .map(|(part, degraded)| format!("{part} is degraded ({})", degraded.detail)),
        );
        found.extend(self.peers.missing(now).map(|(name, why)| format!("{name} {why}")));
        found.into_iter().map(|why| Unready::Apart { why }).collect()
    }

    /// Why this node cannot count on being one of the whole.
    fn apart(&self, now: Mono) -> Option<Cause> {
        let why = match (self.peers.contact(now), self.council.seclusion()) {
            (Contact::Lost, _) => format!("the store that the nodes share does not answer ({})", self.peers.trouble()),
            (Contact::Kept, Seclusion::CutOff) => "this node reaches neither the store nor most other sites".to_owned(),
            _ if self.peers.went_back().is_some() => "the store that the nodes share went back".to_owned(),
            _ if self.council.is_in_doubt() => "most sites seem to fail at once".to_owned(),
            _ => return None,
        };
        Some(Cause::Apart { why })
    }

    /// The order of the drill stands: from here on everything is watched that may end it.
    pub(super) fn drill_ordered(&mut self, intent: Option<&Intent>) {
        let (now, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        let version = self.version;
        // One that was given up meanwhile ends with the order's next look.
        let Some(drilling) = self.drill.as_mut().filter(|drilling| drilling.drill.state == DrillState::Ordering) else {
            return;
        };
        drilling.version = version;
        let length = Duration::from_secs(drilling.drill.for_seconds);
        drilling.deadlines = Deadlines { until: now.after(length), back_by: now.after(length).after(BACK) };
        drilling.drill.ordered = Some(wall);
        drilling.drill.state = DrillState::Withdrawing;
        let drill = drilling.drill.clone();
        if let Some(schedule) = &drill.schedule {
            self.parts.drills.had_turn(schedule, intent.map_or(wall, |intent| intent.since));
        }
        self.parts.drills.put(drill.clone());
        let Drill { id, scope, by, reason, for_seconds, .. } = drill;
        self.keep_drills(Some(EventKind::DrillStarted { drill: id, scope, by, reason, for_seconds }));
    }

    /// The order of the drill came not to stand.
    pub(super) fn drill_not_ordered(&mut self, why: &str) {
        let Some(drilling) = self.drill.take() else { return };
        let state = DrillState::Ended { outcome: DrillOutcome::Failed, why: why.to_owned() };
        let drill = Drill { state, ended: Some(self.parts.clock.wall()), ..drilling.drill };
        self.parts.drills.put(drill.clone());
        self.keep_drills(Some(EventKind::DrillEnded { drill: Box::new(drill) }));
    }

    /// Another order of the cluster came first: the drill is looked at anew.
    pub(super) fn drill_again(&mut self) {
        self.drill = None;
    }

    /// Ends the drill before the next plan is made where something must end it: the plan that follows a survivor's failure is the
    /// one that puts the site back.
    pub(super) fn watch_drill(&mut self) {
        let Some(drilling) = &self.drill else { return };
        if !matches!(drilling.drill.state, DrillState::Withdrawing | DrillState::Drained) {
            return;
        }
        let now = self.parts.clock.mono();
        let intents = self.intents();
        let plan = plan::make(plan::Inputs {
            topology: &self.picture.topology,
            health: &self.picture.health,
            intents: &intents,
            generation: self.picture.plan.generation,
        });
        let grounds =
            Grounds { topology: &self.picture.topology, plan: &plan, health: &self.picture.health, intents: &intents };
        let cause = self.apart(now).or_else(|| plan::cause(grounds, &drilling.drill, &[]));
        if let Some(cause) = cause {
            self.move_drill(now, Some(&cause));
        }
    }

    /// An operator ends the drill; `None` where this node does not run it.
    pub(super) fn abort_drill(&mut self, id: &str, by: String, reason: String) -> Option<Drill> {
        let drilling = self.drill.as_ref().filter(|drilling| drilling.drill.id == id)?;
        if drilling.drill.state.is_under_way() {
            self.move_drill(self.parts.clock.mono(), Some(&Cause::Asked { by, reason }));
            self.replan();
        }
        self.drill.as_ref().map(|drilling| drilling.drill.clone()).or_else(|| self.parts.drills.find(id))
    }

    /// Looks at the drill that runs here, and at those of others.
    pub(super) fn look_at_drills(&mut self, now: Mono) {
        self.adopt_drills(now);
        let Some(drilling) = &mut self.drill else { return };
        let is_due = now.since(drilling.measured) >= MEASURE && drilling.drill.state.is_under_way();
        let cause = if is_due {
            drilling.measured = now;
            self.measure()
        } else {
            None
        };
        if self.move_drill(now, cause.as_ref()) {
            self.replan();
        }
    }

    /// Notes which nodes follow the latest change of the drill's order since now.
    pub(super) fn note_moments(&mut self) {
        let wall = self.parts.clock.wall();
        let Some(drilling) = self.drill.as_ref().filter(|drilling| drilling.drill.ordered.is_some()) else { return };
        let is_back = !drilling.drill.state.is_under_way();
        let own = if is_back { Answers::Name } else { Answers::Withhold };
        let this = (self.answers(drilling) == own).then(|| self.identity.name.clone());
        let others = self.following(drilling).into_iter().filter(|(_, follows)| *follows).map(|(node, _)| node);
        let following: Vec<String> = this.into_iter().chain(others).collect();
        let Some(Drilling { drill, .. }) = &mut self.drill else { return };
        let known = if is_back { &mut drill.followed } else { &mut drill.withdrawn };
        for node in following {
            if !known.iter().any(|moment| moment.node == node) {
                known.push(NodeMoment { node, at: wall });
            }
        }
    }

    /// Moves the drill to the state that follows from what is seen; whether its order ended by that.
    fn move_drill(&mut self, now: Mono, cause: Option<&Cause>) -> bool {
        let wall = self.parts.clock.wall();
        let Some(drilling) = &self.drill else { return false };
        let (answers, following) = (self.answers(drilling), self.following(drilling));
        let caches = self.caches(&drilling.drill.scope, now);
        let nodes = if following.iter().all(|(_, follows)| *follows) { Nodes::Follow } else { Nodes::Lag };
        let seen = Seen { now, cause, answers, caches, nodes };
        let moved = plan::next_of_drill(&drilling.drill.state, drilling.deadlines, seen);
        self.note_moments();
        let Some(drilling) = &mut self.drill else { return false };
        let Some(state) = moved else { return false };
        drilling.drill.state = state.clone();
        match &state {
            DrillState::Drained => drilling.drill.drained = Some(wall),
            DrillState::Restoring { .. } => {
                drilling.drill.restored = Some(wall);
                drilling.deadlines.back_by = now.after(BACK);
            }
            DrillState::Ended { .. } => drilling.drill.ended = Some(wall),
            DrillState::Ordering | DrillState::Withdrawing => {}
        }
        self.count_probes();
        let Some(drilling) = &self.drill else { return false };
        let drill = drilling.drill.clone();
        self.parts.drills.put(drill.clone());
        if state.is_over() {
            self.drill = None;
            self.keep_drills(Some(EventKind::DrillEnded { drill: Box::new(drill) }));
            self.publish();
            return false;
        }
        let is_back = !state.is_under_way();
        self.parts.journal.record(EventKind::DrillMoved { drill: drill.id.clone(), scope: drill.scope.clone(), state });
        if is_back {
            self.take_back(&drill);
        }
        self.publish();
        is_back
    }

    /// Takes the order of `drill` out of the plan at once; the store hears of it when it can.
    fn take_back(&mut self, drill: &Drill) {
        let is_own = |intent: &Intent| intent.drill.as_ref().is_some_and(|mark| mark.id == drill.id);
        let ended = self.orders.take_out_if(|order| is_own(&order.intent));
        self.lay_orders();
        for intent in ended {
            self.enqueue(Change::End { intent });
        }
    }

    /// Whether `order` is a drill's whose runner is gone.
    pub(super) fn is_orphaned(&self, intent: &Intent, now: Mono) -> bool {
        intent.drill.as_ref().is_some_and(|mark| self.runner(mark, now) == Runner::Gone)
    }

    /// Whether `intent` may be followed: if it is a drill's, then while its runner is heard.
    pub(super) fn may_follow(&self, intent: &Intent, now: Mono) -> bool {
        intent.drill.as_ref().is_none_or(|mark| self.runner(mark, now) == Runner::Alive)
    }

    fn runner(&self, mark: &DrillMark, now: Mono) -> Runner {
        if mark.runner == self.identity.name {
            let runs = self.drill.as_ref().filter(|drilling| drilling.drill.state.is_under_way());
            let is_here = mark.runner_started == self.parts.started && runs.is_some_and(|it| it.drill.id == mark.id);
            return if is_here { Runner::Alive } else { Runner::Gone };
        }
        if self.peers.contact(now) == Contact::Lost {
            return Runner::Gone;
        }
        match self.peers.last_of(&mark.runner) {
            Some((started, at)) if started == mark.runner_started && now.since(at) <= BALLOT_FRESHNESS => Runner::Alive,
            Some(_) => Runner::Gone,
            None if now.since(Mono::START) <= BALLOT_FRESHNESS => Runner::Unheard,
            None => Runner::Gone,
        }
    }

    /// Follows the drills of nodes that were not heard yet when their orders were found.
    fn adopt_drills(&mut self, now: Mono) {
        let wall = self.parts.clock.wall();
        let is_new = |intent: &&Intent| {
            intent.drill.is_some()
                && self.orders.same(intent).is_none()
                && matches!(intent.lifetime, Lifetime::Until(until) if until > wall)
                && self.may_follow(intent, now)
                && intent.drill.as_ref().is_none_or(|mark| mark.runner != self.identity.name)
                && !self.left_drills.contains(&intent.since)
        };
        let found: Vec<Intent> = self.stored.iter().filter(is_new).cloned().collect();
        if found.is_empty() {
            return;
        }
        found.into_iter().for_each(|intent| self.orders.put(standing(intent, wall, now)));
        self.lay_orders();
        self.replan();
    }

    /// Notes the turns of schedules that other nodes' drills have taken.
    pub(super) fn note_turns(&self) {
        let marks =
            self.stored.iter().filter_map(|intent| Some((intent.drill.as_ref()?.schedule.as_ref()?, intent.since)));
        let news = marks.filter(|(schedule, since)| self.parts.drills.had_turn(schedule, *since)).count();
        if news > 0 {
            self.keep_drills(None);
        }
    }

    /// Has the store keep the history of drills and journal `kind` with it.
    pub(super) fn keep_drills(&self, kind: Option<EventKind>) {
        let (store, journal, shelf) =
            (Arc::clone(&self.parts.store), self.parts.journal.clone(), Arc::clone(&self.parts.drills));
        let event = kind.map(|kind| journal.event(kind));
        tokio::task::spawn_blocking(move || {
            let events: Vec<_> = event.iter().cloned().collect();
            match shelf.save(|text| store.keep_copy(DRILLS, text, events)) {
                Ok(Ok(written)) => written.into_iter().for_each(|event| journal.announce(event)),
                Ok(Err(error)) => {
                    warn!(%error, "the history of drills was not kept");
                    event.into_iter().for_each(|event| journal.pass_on(event));
                }
                Err(error) => warn!(%error, "the history of drills cannot be written"),
            }
        });
    }

    fn concerned(&self, scope: &Scope) -> Vec<(ServiceIx, SiteIx)> {
        let Some(site) = self.picture.topology.site_named(&scope.site) else { return Vec::new() };
        plan::concerned(&self.picture.topology, scope, site).into_iter().map(|service| (service, site)).collect()
    }

    /// The services of `scope` whose answers name its site.
    fn naming(&self, scope: &Scope) -> Vec<String> {
        let names = |(service, site): &(ServiceIx, SiteIx)| {
            self.picture.named.get(service.get()).is_some_and(|named| named.contains(*site))
        };
        let naming = self.concerned(scope).into_iter().filter(names);
        naming.filter_map(|(service, _)| Some(self.picture.topology.service(service)?.name.clone())).collect()
    }

    fn answers(&self, drilling: &Drilling) -> Answers {
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

    fn caches(&self, scope: &Scope, now: Mono) -> Caches {
        let holds = |(service, _): &(ServiceIx, SiteIx)| {
            let service = self.picture.topology.service(*service);
            let by = service.and_then(|service| self.parts.usage.drained_by(&service.name, &scope.site));
            by.is_some_and(|by| by > now)
        };
        if self.concerned(scope).iter().any(holds) { Caches::Hold } else { Caches::LetGo }
    }

    /// The other nodes that are heard of, and whether each follows the latest change of the drill's order.
    fn following(&self, drilling: &Drilling) -> Vec<(String, bool)> {
        let is_back = matches!(drilling.drill.state, DrillState::Restoring { .. });
        let is_taken_out =
            !self.stored.iter().any(|intent| intent.drill.as_ref().is_some_and(|mark| mark.id == drilling.drill.id));
        let version = if is_back { self.version } else { drilling.version };
        let fresh = self.peers.fresh(self.parts.clock.mono());
        fresh.map(|(name, orders)| (name.to_owned(), orders >= version && (!is_back || is_taken_out))).collect()
    }

    /// What the other sites are sent now; empty where no site has a capacity.
    fn survivors(&self, drill: &Drill) -> Vec<SurvivorLoad> {
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
    fn measure(&mut self) -> Option<Cause> {
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
        let grounds = Grounds {
            topology: &self.picture.topology,
            plan: &self.picture.plan,
            health: &self.picture.health,
            intents: &intents,
        };
        plan::cause(grounds, &drill, &demands)
    }

    /// Probes that ended, and those of them that were not good, by monitor.
    fn probes_so_far(&self) -> BTreeMap<String, (u64, u64)> {
        let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for probes in self.parts.prober.stats().probes {
            let (ended, bad) = counts.entry(probes.monitor).or_default();
            *ended += probes.count;
            *bad += if probes.result == "ok" { 0 } else { probes.count };
        }
        counts
    }

    fn count_probes(&mut self) {
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
