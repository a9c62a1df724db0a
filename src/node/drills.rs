//! Drills in the engine: begun as an order under the safety rules, watched with every plan, ended in the plan that follows what
//! ends them (DESIGN section 7).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::oneshot;
use tracing::warn;

use super::engine::Engine;
use super::orders::{Change, OrderFailure, Rehearsal};
use super::peers::copied;
use crate::drill::{History, Shelf};
use crate::health::{Contact, Seclusion};
use crate::model::{
    Drill, DrillMark, DrillOutcome, DrillState, EventKind, Intent, Lifetime, Mono, NodeMoment, OrdersVersion, Plan,
    Reach, Scope,
};
use crate::plan::{self, Answers, Cause, Deadlines, Grounds, Moment, Nodes, Seen, Unready};
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
    pub(super) version: OrdersVersion,
    /// The services whose answers named the site before.
    pub(super) services: Vec<String>,
    /// Probes that had ended before it began.
    pub(super) probes: BTreeMap<String, (u64, u64)>,
    measured: Mono,
    /// What an operator said while the order was on its way to the store.
    asked_to_end: Option<Cause>,
}

/// What `store` has kept of drills.
pub(super) fn kept(store: &dyn Store) -> Shelf {
    let Some(text) = copied(store, DRILLS) else { return Shelf::default() };
    let history = History::read(&text).inspect_err(|error| warn!(%error, "the history of drills cannot be read"));
    Shelf::new(history.unwrap_or_default())
}

impl Engine {
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
        let mut unready = plan::unready(self.drill_grounds(&intents), &order, asked.length, &demands);
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
            asked_to_end: None,
            drill,
        });
        // Whoever wants to end it needs to find it.
        self.publish();
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
            self.parts.drills.had_turn(schedule, drill.started, drill.started);
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
        found.extend(self.others_apart(now));
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

    /// The other nodes that do not stand with this one, in words.
    fn others_apart(&self, now: Mono) -> impl Iterator<Item = String> {
        self.peers.missing(now).map(|(name, why)| format!("{name} {why}"))
    }

    /// What another node answers while it is not heard of, or hears nothing, nobody knows: that is no drill of all any more.
    fn scattered(&self, now: Mono) -> Option<Cause> {
        self.others_apart(now).next().map(|why| Cause::Apart { why })
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
            self.parts.drills.had_turn(schedule, intent.map_or(wall, |intent| intent.since), wall);
        }
        self.parts.drills.put(drill.clone());
        let Drill { id, scope, by, reason, for_seconds, .. } = drill;
        self.keep_drills(Some(EventKind::DrillStarted { drill: id, scope, by, reason, for_seconds }));
    }

    /// The order of the drill came not to stand.
    pub(super) fn drill_not_ordered(&mut self, why: &str) {
        let _ended = self.end_unordered(DrillOutcome::Failed, why);
    }

    fn end_unordered(&mut self, outcome: DrillOutcome, why: &str) -> Option<Drill> {
        let drilling = self.drill.take()?;
        let state = DrillState::Ended { outcome, why: why.to_owned() };
        let drill = Drill { state, ended: Some(self.parts.clock.wall()), ..drilling.drill };
        self.parts.drills.put(drill.clone());
        self.keep_drills(Some(EventKind::DrillEnded { drill: Box::new(drill.clone()) }));
        self.publish();
        Some(drill)
    }

    /// Another order of the cluster came first: the drill is looked at anew, unless it was to end meanwhile; then it is given.
    pub(super) fn drill_again(&mut self) -> Option<Drill> {
        let cause = self.drill.as_ref().and_then(|drilling| drilling.asked_to_end.clone());
        let Some(cause) = cause else {
            self.drill = None;
            self.publish();
            return None;
        };
        self.end_unordered(DrillOutcome::Interrupted, &cause.to_string())
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
        let asked = drilling.asked_to_end.clone();
        let cause = asked
            .or_else(|| self.apart(now))
            .or_else(|| plan::cause(grounds, &drilling.drill, &[]))
            .or_else(|| self.scattered(now));
        if let Some(cause) = cause {
            self.move_drill(now, Some(&cause));
        }
    }

    /// An operator ends the drill; `None` where this node does not run it.
    pub(super) fn abort_drill(&mut self, id: &str, by: String, reason: String) -> Option<Drill> {
        let drilling = self.drill.as_mut().filter(|drilling| drilling.drill.id == id)?;
        let cause = Cause::Asked { by, reason };
        if drilling.drill.state == DrillState::Ordering {
            // There is nothing to take back before the store has answered; the plan that follows its answer takes it back.
            drilling.asked_to_end = Some(cause);
        } else if drilling.drill.state.is_under_way() {
            self.move_drill(self.parts.clock.mono(), Some(&cause));
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
}
