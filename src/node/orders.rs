//! Orders on their way: held against the safety rules, made durable, put into effect. One at a time.
//!
//! The rules are checked against the state that the store will hold when the order is written, because the next order
//! is looked at only after the one before it is durable or refused.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::engine::{Engine, Message, Stepped, standing, with_remedy};
use super::picture::StandingOrder;
use crate::model::{Event, EventKind, Generation, Intent, Mono, OrdersVersion, Plan, Reach, Scope};
use crate::plan::{self, Moment, Order, Pace, Refusal, Reviewed};
use crate::store::{Changed, OrderChange, StoreError};

/// Changes that may wait for the store. A store that hangs must not collect orders that nobody remembers.
const WAITING: usize = 32;

/// How long after its start a node waits for the time service before it takes an order for over that was given before.
const CLOCK_TRUST: Duration = Duration::from_secs(600);

/// A change of orders, with where its outcome goes.
pub enum Change {
    /// Give an order.
    Give {
        /// What is ordered.
        order: Order,
        /// Whether it is only tried against the rules.
        rehearsal: Rehearsal,
        /// Who waits for the outcome.
        reply: oneshot::Sender<Result<Done, OrderFailure>>,
    },
    /// Lift an order.
    Lift {
        /// Which.
        scope: Scope,
        /// Who lifts it.
        by: String,
        /// Why, where said.
        reason: String,
        /// Who waits for the outcome.
        reply: oneshot::Sender<Result<Done, OrderFailure>>,
    },
    /// End an order whose time is over.
    End {
        /// Which.
        intent: Intent,
    },
    /// Offer an order of this node alone to all nodes, now that the store answers.
    Offer {
        /// The order.
        intent: Intent,
    },
    /// Take an order of this node alone out of its own store, because all follow it or may not.
    Forget {
        /// The order.
        intent: Intent,
        /// What is journalled of it.
        event: Box<Event>,
    },
    /// Keep how far an order has come, which is in effect already.
    Step {
        /// The order as it was then.
        intent: Intent,
        /// What is journalled of it.
        event: Box<Event>,
    },
}

/// Whether an order is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// It takes effect.
    No,
    /// It is only held against the rules.
    DryRun,
}

/// What became of a change.
#[derive(Clone, Debug)]
pub struct Done {
    /// Whether anything changed.
    pub effect: Effect,
    /// The order as it stands; `None` after a lift.
    pub intent: Option<Intent>,
    /// The plan that holds it, or that would.
    pub plan: Arc<Plan>,
    /// Its generation, as an acknowledgement of this node.
    pub generation: Generation,
    /// The orders that it follows.
    pub version: OrdersVersion,
}

/// Whether anything changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It did.
    Changed,
    /// It was so already.
    Unchanged,
    /// It would.
    Rehearsed,
}

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum OrderFailure {
    /// A safety rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be made durable, so it was not put into effect.
    #[error("the order was not stored, so it is not in effect: {0}")]
    Store(StoreError),
    /// The store that the nodes share is out of reach, so it was not even tried.
    #[error("the order is not in effect and was not tried: {0}")]
    NotTried(StoreError),
    /// Too many changes wait for the store.
    #[error("{WAITING} changes wait for a store that does not answer; check the disk under the state directory")]
    Busy,
}

/// What came back from the store.
pub struct Written {
    change: Change,
    /// The orders that it was decided on; `None` where it was this node's own store that was written.
    seen: Option<OrdersVersion>,
    /// The event that was to be written with it.
    kind: EventKind,
    result: Result<Changed, StoreError>,
}

impl Engine {
    /// Takes in a change; it is dealt with when those before it are.
    pub(super) fn enqueue(&mut self, change: Change) {
        match change {
            Change::Give { reply, .. } | Change::Lift { reply, .. } if self.waiting.len() >= WAITING => {
                let _ = reply.send(Err(OrderFailure::Busy));
            }
            Change::Offer { intent } | Change::Forget { intent, .. } if self.is_under_way(&intent) => {}
            // There are never more ends than orders that stood, nor more steps than they have.
            change => {
                self.waiting.push_back(change);
                self.next_change();
            }
        }
    }

    pub(super) fn next_change(&mut self) {
        while !self.writing
            && let Some(change) = self.waiting.pop_front()
        {
            match change {
                Change::Give { order, rehearsal, reply } => self.give(order, rehearsal, reply),
                Change::Lift { scope, by, reason, reply } => self.lift(scope, by, reason, reply),
                Change::End { intent } => self.end(intent),
                Change::Step { intent, event } => self.keep_step(intent, event),
                Change::Offer { intent } => self.offer(intent),
                Change::Forget { intent, event } => {
                    let (scope, written) = (intent.scope.clone(), Event::clone(&event));
                    self.write_own(Change::Forget { intent, event }, None, Some(scope), written);
                }
            }
        }
    }

    fn give(&mut self, order: Order, rehearsal: Rehearsal, reply: oneshot::Sender<Result<Done, OrderFailure>>) {
        let now = self.parts.clock.mono();
        let order = Order { reach: self.reach_of(order.reach, now), ..order };
        if rehearsal == Rehearsal::No
            && let Some(error) = self.out_of_reach(order.reach, now)
        {
            let _ = reply.send(Err(OrderFailure::NotTried(error)));
            return;
        }
        let pace = Pace {
            settle: self.picture.settings.safety.settle,
            since_last_change: self.last_change.map(|last| now.since(last)),
        };
        let tables = self.parts.tables.load();
        let demands = self.parts.demand.demands(&self.picture.topology, &tables, Moment::Peak);
        drop(tables);
        let reviewed = plan::review(
            &self.picture.topology,
            &self.picture.plan,
            &self.picture.health,
            &self.intents(),
            &order,
            pace,
            &demands,
        );
        match reviewed {
            Err(refusal) => {
                if rehearsal == Rehearsal::No {
                    self.parts.journal.record(EventKind::Refused {
                        order: format!("{} {}", order.kind.as_str(), order.scope),
                        by: order.by.clone(),
                        why: refusal.to_string(),
                    });
                }
                let _ = reply.send(Err(refusal.into()));
            }
            Ok(Reviewed::Unchanged) => {
                let intent = self.standing_at(&order.scope).map(|standing| standing.intent.clone());
                let _ = reply.send(Ok(self.done(Effect::Unchanged, intent)));
            }
            Ok(Reviewed::Accept { mut preview, .. }) if rehearsal == Rehearsal::DryRun => {
                self.spill.apply(&self.picture.topology, &mut preview);
                let generation = self.picture.plan.generation;
                let _ = reply.send(Ok(Done {
                    effect: Effect::Rehearsed,
                    intent: None,
                    plan: Arc::new(preview),
                    generation,
                    version: self.version,
                }));
            }
            Ok(Reviewed::Accept { overridden, .. }) => {
                // What takes effect later is held against the rules again, and may be meant to override them then.
                let forced = !overridden.is_empty() || (order.force && order.schedule.is_some());
                let order = order.continuing(&self.intents());
                let intent = order.clone().into_intent(self.parts.clock.wall(), self.version.revision + 1, forced);
                let kind = if intent.is_waiting() {
                    EventKind::Scheduled { intent: intent.clone() }
                } else {
                    EventKind::Ordered { intent: intent.clone() }
                };
                let event = self.parts.journal.event(kind);
                let reach = order.reach;
                self.write_to(reach, Change::Give { order, rehearsal, reply }, Some(intent), None, event);
            }
        }
    }

    fn lift(&mut self, scope: Scope, by: String, reason: String, reply: oneshot::Sender<Result<Done, OrderFailure>>) {
        let Some(reach) = self.standing_at(&scope).map(|order| order.intent.reach) else {
            let _ = reply.send(Ok(self.done(Effect::Unchanged, None)));
            return;
        };
        if let Some(error) = self.out_of_reach(reach, self.parts.clock.mono()) {
            let _ = reply.send(Err(OrderFailure::NotTried(error)));
            return;
        }
        let revision = self.version.revision + 1;
        let kind = EventKind::Lifted { scope: scope.clone(), by: by.clone(), reason: reason.clone(), revision };
        let event = self.parts.journal.event(kind);
        self.write_to(reach, Change::Lift { scope: scope.clone(), by, reason, reply }, None, Some(scope), event);
    }

    fn end(&mut self, intent: Intent) {
        // A new order for the same scope has taken the place of the old one in the store already.
        if self.standing_at(&intent.scope).is_some() {
            self.parts.journal.record(EventKind::Expired { intent });
            return;
        }
        // Another node has cleared it, and the journal has it from there.
        let is_shared = self.peers.is_shared() && intent.reach == Reach::Everywhere;
        if is_shared && !self.stored.iter().any(|stored| stored.is_same_order(&intent)) {
            return;
        }
        let event = self.parts.journal.event(EventKind::Expired { intent: intent.clone() });
        let scope = intent.scope.clone();
        self.write_to(intent.reach, Change::End { intent }, None, Some(scope), event);
    }

    /// Orders whose time is over leave the plan at once, whatever the store says; the store hears of it when it can.
    pub(super) fn expire(&mut self, now: Mono) {
        let over = |order: &StandingOrder| order.is_over(now);
        let ended: Vec<Intent> =
            self.picture.orders.iter().filter(|order| over(order)).map(|order| order.intent.clone()).collect();
        if ended.is_empty() {
            return;
        }
        self.picture.orders = self.picture.orders.iter().filter(|order| !over(order)).cloned().collect();
        self.replan();
        for intent in ended {
            // Its end may have come early by a clock that is about to be set.
            if self.restored.iter().any(|restored| restored.is_same_order(&intent)) {
                continue;
            }
            self.enqueue(Change::End { intent });
        }
    }

    /// Orders from before the start are read against a wall clock that the time service may not have set yet. For a
    /// while a step of it makes their ends be found anew, and only then are those that are over taken from the store.
    pub(super) fn settle_restored(&mut self, mono: Mono, wall: Timestamp, stepped: Stepped) {
        if self.restored.is_empty() {
            return;
        }
        if stepped == Stepped::Yes {
            let restored =
                |order: &StandingOrder| self.restored.iter().any(|intent| intent.is_same_order(&order.intent));
            let given = self.picture.orders.iter().filter(|order| !restored(order));
            let anew = self.restored.iter().map(|intent| self.found_anew(intent, wall, mono));
            let newer = |intent: &Intent| given.clone().any(|order| order.intent.scope == intent.scope);
            let anew = anew.filter(|order| !order.is_over(mono) && !newer(&order.intent));
            let orders: Vec<StandingOrder> = given.clone().cloned().chain(anew).collect();
            let before = std::mem::replace(&mut self.picture.orders, orders.into());
            self.keep_taken_back(&before);
            self.replan();
        }
        if mono.0 >= CLOCK_TRUST {
            let stands = |intent: &Intent| self.picture.orders.iter().any(|order| order.intent.is_same_order(intent));
            let over: Vec<Intent> = self.restored.drain(..).collect();
            let over: Vec<Intent> = over.into_iter().filter(|intent| !stands(intent)).collect();
            over.into_iter().for_each(|intent| self.enqueue(Change::End { intent }));
        }
    }

    pub(super) fn write_to(
        &mut self,
        reach: Reach,
        change: Change,
        put: Option<Intent>,
        clear: Option<Scope>,
        event: Event,
    ) {
        match reach {
            Reach::Everywhere => self.write(change, put, clear, event),
            Reach::ThisNode => self.write_own(change, put, clear, event),
        }
    }

    /// Has a change made of the orders that all nodes follow.
    pub(super) fn write(&mut self, change: Change, put: Option<Intent>, clear: Option<Scope>, event: Event) {
        self.writing = true;
        let (commons, mailbox, seen) = (Arc::clone(&self.parts.commons), self.parts.mailbox.clone(), self.version);
        let kind = event.kind.clone();
        tokio::spawn(async move {
            let result = commons.change(OrderChange { seen, put, clear, event }).await;
            let _ = mailbox.send(Message::Written(Box::new(Written { change, seen: Some(seen), kind, result }))).await;
        });
    }

    /// Has a change made of the orders that only this node follows.
    pub(super) fn write_own(&mut self, change: Change, put: Option<Intent>, clear: Option<Scope>, event: Event) {
        self.writing = true;
        let (store, mailbox, expected) = (Arc::clone(&self.parts.store), self.parts.mailbox.clone(), self.own_revision);
        let kind = event.kind.clone();
        tokio::spawn(async move {
            let result =
                tokio::task::spawn_blocking(move || store.change_intents(expected, put, clear.as_ref(), event))
                    .await
                    .unwrap_or_else(|error| Err(StoreError::Io { file: "orders".into(), detail: error.to_string() }));
            let _ = mailbox.send(Message::Written(Box::new(Written { change, seen: None, kind, result }))).await;
        });
    }

    /// Puts into effect what the store has acknowledged.
    pub(super) fn written(&mut self, written: Written) {
        self.writing = false;
        let Written { change, seen, kind, result } = written;
        match result {
            Ok(Changed { revision, intent, event }) => {
                if let Some(seen) = seen {
                    self.acknowledged(OrdersVersion { revision, ..seen }, &change, intent);
                } else {
                    self.own_revision = revision;
                    self.put_into_effect(&change, intent.clone());
                }
                // What the disk did not take with the order waits for it.
                if event.id == 0 {
                    self.parts.journal.pass_on(event)
                } else {
                    self.parts.journal.announce(event)
                }
                if !self.peers.is_shared() || seen.is_none() {
                    self.recover("store", "writes go through again");
                }
                if let Change::Give { order: Order { scope, .. }, reply, .. } | Change::Lift { scope, reply, .. } =
                    change
                {
                    let intent = self.standing_at(&scope).map(|order| order.intent.clone());
                    let _ = reply.send(Ok(self.done(Effect::Changed, intent)));
                }
            }
            Err(StoreError::Conflict { .. }) if self.peers.is_shared() && seen.is_some() => {
                // Another node was faster: its change is held against the rules first, then this one again.
                self.waiting.push_front(change);
                self.writing = true;
                self.ask_the_store();
                return;
            }
            Err(error) => {
                if !self.peers.is_shared() || seen.is_none() {
                    self.degrade("store", with_remedy(&error));
                }
                self.ask_the_store();
                match change {
                    Change::Give { reply, .. } | Change::Lift { reply, .. } => {
                        let _ = reply.send(Err(OrderFailure::Store(error)));
                    }
                    // What is shared is cleared again when the store answers.
                    Change::End { intent } if self.peers.is_shared() && intent.reach == Reach::Everywhere => {}
                    // Out of the plan already. The store still holds it, with its end: a restart ends it again.
                    Change::End { .. } => self.parts.journal.record(kind),
                    Change::Step { intent, event } => self.unkept.0.push((intent, event)),
                    Change::Offer { .. } | Change::Forget { .. } => self.peers.offered = false,
                }
            }
        }
        self.next_change();
    }

    /// Reads what the store holds after a write that may or may not have happened.
    fn ask_the_store(&self) {
        let (commons, mailbox) = (Arc::clone(&self.parts.commons), self.parts.mailbox.clone());
        tokio::spawn(async move {
            let orders = commons.read().await;
            let _ = mailbox.send(Message::Resync(orders)).await;
        });
    }

    pub(super) fn put_into_effect(&mut self, change: &Change, intent: Option<Intent>) {
        let scope = match change {
            Change::Give { order, .. } => &order.scope,
            Change::Lift { scope, .. } => scope,
            Change::End { .. } => return,
            Change::Forget { intent, .. } => return self.forgotten(intent),
            Change::Offer { intent } => &intent.scope,
            Change::Step { .. } => return self.step_kept(intent),
        };
        let (mono, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        // Where the order was or is only scheduled, no answer changes.
        let changes_nothing = intent.as_ref().or_else(|| self.standing_at(scope).map(|order| &order.intent));
        let changes_nothing = changes_nothing.is_some_and(Intent::is_waiting);
        let others = self.picture.orders.iter().filter(|order| order.intent.scope != *scope).cloned();
        self.picture.orders = others.chain(intent.map(|intent| standing(intent, wall, mono))).collect();
        self.restored.retain(|intent| intent.scope != *scope);
        if !changes_nothing {
            self.last_change = Some(mono);
        }
        self.replan();
    }

    pub(super) fn standing_at(&self, scope: &Scope) -> Option<&StandingOrder> {
        self.picture.orders.iter().find(|order| order.intent.scope == *scope)
    }

    pub(super) fn done(&self, effect: Effect, intent: Option<Intent>) -> Done {
        Done {
            effect,
            intent,
            plan: Arc::clone(&self.picture.plan),
            generation: self.picture.plan.generation,
            version: self.version,
        }
    }
}
