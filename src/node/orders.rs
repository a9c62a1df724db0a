//! Orders on their way: held against the safety rules, made durable, put into effect. One at a time.
//!
//! The rules are checked against the state that the store will hold when the order is written, because the next order
//! is looked at only after the one before it is durable or refused.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::drills::{Begun, DrillFailure, DrillOrder, DrillReply};
use super::engine::{Engine, Message, standing, with_remedy};
use super::picture::StandingOrder;
use super::shared_orders::SEEN;
use crate::model::{Event, EventKind, Generation, Intent, OrdersTag, OrdersVersion, Plan, Reach, Scope};
use crate::plan::{self, Moment, Order, Pace, Refusal, Reviewed};
use crate::store::{Changed, OrderChange, StoreError};

/// Changes that may wait for the store. A store that hangs must not collect orders that nobody remembers.
const WAITING: usize = 32;

/// A change of orders, with where its outcome goes.
pub enum Change {
    /// Give an order.
    Give {
        /// What is ordered.
        order: Order,
        /// Whether it is only tried against the rules.
        rehearsal: Rehearsal,
        /// The orders that it was decided on, where it is to be given on no others.
        seen: Option<OrdersTag>,
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
        /// The orders that it was decided on, where it is to be lifted among no others.
        seen: Option<OrdersTag>,
        /// Who waits for the outcome.
        reply: oneshot::Sender<Result<Done, OrderFailure>>,
    },
    /// Begin a drill.
    Drill {
        /// What is asked for.
        asked: DrillOrder,
        /// Its scope.
        scope: Scope,
        /// Who waits for the outcome.
        reply: DrillReply,
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
    /// Who follows the change.
    pub reach: Reach,
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
    /// The orders are no longer those that it was decided on.
    #[error("the orders changed meanwhile, so nothing was ordered")]
    Changed {
        /// Which they are.
        now: OrdersTag,
    },
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
            Change::Drill { reply, .. } if self.waiting.len() >= WAITING => {
                let _ = reply.send(Err(DrillFailure::Order(OrderFailure::Busy)));
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
                Change::Give { order, rehearsal, seen, reply } => self.give(order, rehearsal, seen, reply),
                Change::Lift { scope, by, reason, seen, reply } => self.lift((scope, by, reason), seen, reply),
                Change::Drill { asked, reply, .. } => self.begin_drill(asked, reply),
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

    /// Which orders stand: what is decided next is decided on these, and written only over these.
    pub(super) fn orders_tag(&self) -> OrdersTag {
        OrdersTag { version: self.version, own: self.peers.is_shared().then_some(self.own_revision) }
    }

    /// Why a change may not be made that was decided on the orders `seen`.
    fn changed_since(&self, seen: Option<OrdersTag>) -> Option<OrderFailure> {
        let now = self.orders_tag();
        seen.filter(|seen| *seen != now).map(|_| OrderFailure::Changed { now })
    }

    fn give(
        &mut self,
        order: Order,
        rehearsal: Rehearsal,
        seen: Option<OrdersTag>,
        reply: oneshot::Sender<Result<Done, OrderFailure>>,
    ) {
        if let Some(changed) = self.changed_since(seen) {
            let _ = reply.send(Err(changed));
            return;
        }
        let now = self.parts.clock.mono();
        let order = Order { reach: self.reach_of(order.reach, now), ..order };
        // Before the rules: advice to repeat or to force an order that nobody can take would only cost time.
        if let Some(error) = self.out_of_reach(order.reach, now) {
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
        let (intents, plan) = self.grounds(order.reach);
        let (topology, health) = (&self.picture.topology, &self.picture.health);
        let reviewed = plan::review(topology, &plan, health, &intents, &order, pace, &demands);
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
                    reach: order.reach,
                }));
            }
            Ok(Reviewed::Accept { overridden, .. }) => {
                // What takes effect later is held against the rules again, and may be meant to override them then.
                let forced = !overridden.is_empty() || (order.force && order.schedule.is_some());
                let order = order.continuing(&intents);
                let intent = order.clone().into_intent(self.parts.clock.wall(), self.version.revision + 1, forced);
                let kind = if intent.is_waiting() {
                    EventKind::Scheduled { intent: intent.clone() }
                } else {
                    EventKind::Ordered { intent: intent.clone() }
                };
                let event = self.parts.journal.event(kind);
                let reach = order.reach;
                self.write_to(reach, Change::Give { order, rehearsal, seen, reply }, Some(intent), None, event);
            }
        }
    }

    fn lift(
        &mut self,
        (scope, by, reason): (Scope, String, String),
        seen: Option<OrdersTag>,
        reply: oneshot::Sender<Result<Done, OrderFailure>>,
    ) {
        if let Some(changed) = self.changed_since(seen) {
            let _ = reply.send(Err(changed));
            return;
        }
        let Some(reach) = self.standing_at(&scope).map(|order| order.intent.reach) else {
            self.recover("orders", "an operator decided");
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
        self.write_to(reach, Change::Lift { scope: scope.clone(), by, reason, seen, reply }, None, Some(scope), event);
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
        let seen = put.as_ref().map(|intent| self.seen_by(intent));
        tokio::spawn(async move {
            let work = move || {
                if let Some(seen) = seen {
                    store.keep_copy(SEEN, &seen, Vec::new())?;
                }
                store.change_intents(expected, put, clear.as_ref(), event)
            };
            let ended =
                |error: tokio::task::JoinError| StoreError::Io { file: "orders".into(), detail: error.to_string() };
            let result = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(ended(error)));
            let _ = mailbox.send(Message::Written(Box::new(Written { change, seen: None, kind, result }))).await;
        });
    }

    /// Puts into effect what the store has acknowledged.
    pub(super) fn written(&mut self, written: Written) {
        self.writing = false;
        let Written { change, seen, kind, result } = written;
        match result {
            Ok(Changed { revision, intent, event }) => {
                match seen {
                    Some(seen) => self.acknowledged(OrdersVersion { revision, ..seen }, &change, intent),
                    None => self.own_written(revision, &change, intent),
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
                if let Change::Drill { reply, .. } = change {
                    // What ended it meanwhile is told too.
                    if let Some(drill) = self.drill.as_ref().map(|drilling| drilling.drill.clone()) {
                        let _ = reply.send(Ok(Begun { drill, plan: Arc::clone(&self.picture.plan) }));
                    }
                } else if let Change::Give { order: Order { scope, .. }, reply, .. }
                | Change::Lift { scope, reply, .. } = change
                {
                    self.recover("orders", "an operator decided");
                    let intent = self.standing_at(&scope).map(|order| order.intent.clone());
                    let reach = if seen.is_some() { Reach::Everywhere } else { Reach::ThisNode };
                    let _ = reply.send(Ok(Done { reach, ..self.done(Effect::Changed, intent) }));
                }
            }
            Err(StoreError::Conflict { .. }) if self.peers.is_shared() && seen.is_some() => {
                // Another node was faster: its change is held against the rules first, then this one again.
                match change {
                    Change::Drill { asked, scope, reply } => match self.drill_again() {
                        Some(drill) => {
                            let _ = reply.send(Ok(Begun { drill, plan: Arc::clone(&self.picture.plan) }));
                        }
                        None => self.waiting.push_front(Change::Drill { asked, scope, reply }),
                    },
                    change => self.waiting.push_front(change),
                }
                self.writing = true;
                self.ask_the_store();
                return;
            }
            Err(error) => {
                if !self.peers.is_shared() || seen.is_none() {
                    self.degrade("store", with_remedy(&error));
                }
                match seen {
                    Some(_) => self.ask_the_store(),
                    None => self.ask_own_store(),
                }
                match change {
                    Change::Give { reply, .. } | Change::Lift { reply, .. } => {
                        let _ = reply.send(Err(OrderFailure::Store(error)));
                    }
                    Change::Drill { reply, .. } => {
                        self.drill_not_ordered(&format!("the order was not stored: {error}"));
                        let _ = reply.send(Err(DrillFailure::Order(OrderFailure::Store(error))));
                    }
                    // What is shared is cleared again when the store answers.
                    Change::End { intent } if self.peers.is_shared() && intent.reach == Reach::Everywhere => {}
                    // Out of the plan already. The store still holds it, with its end: a restart ends it again.
                    Change::End { .. } => self.parts.journal.record(kind),
                    Change::Step { intent, event } => self.unkept.0.push((intent, event)),
                    // Both come again.
                    Change::Offer { .. } => self.peers.offered = false,
                    Change::Forget { .. } => {}
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

    /// Puts into effect what was made of the orders of `reach`.
    pub(super) fn put_into_effect(&mut self, reach: Reach, change: &Change, intent: Option<Intent>) {
        let scope = match change {
            Change::Give { order, .. } => &order.scope,
            Change::Lift { scope, .. } => scope,
            Change::Drill { scope, .. } => {
                self.drill_ordered(intent.as_ref());
                scope
            }
            Change::Offer { intent } => &intent.scope,
            Change::End { .. } | Change::Forget { .. } => return,
            Change::Step { .. } => return self.step_kept(intent),
        };
        let (mono, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        // Where the order was or is only scheduled, no answer changes.
        let changes_nothing = intent.as_ref().or_else(|| self.standing_at(scope).map(|order| &order.intent));
        let changes_nothing = changes_nothing.is_some_and(Intent::is_waiting);
        let before = self.orders.of(Reach::ThisNode).iter().find(|order| order.intent.scope == *scope).cloned();
        match intent {
            // It has stood here for a while already.
            Some(intent) if matches!(change, Change::Offer { .. }) => {
                let stood = before.clone().filter(|order| order.intent.is_same_order(&intent));
                let anew = || standing(intent.clone(), wall, mono);
                self.orders.put(stood.map_or_else(anew, |order| StandingOrder { intent: intent.clone(), ..order }));
            }
            // The orders that its operator saw, not how often this node's own store was written.
            Some(intent) if reach == Reach::ThisNode => {
                self.orders.put(standing(Intent { revision: self.version.revision, ..intent }, wall, mono));
            }
            Some(intent) => self.orders.put(standing(intent, wall, mono)),
            None => self.orders.take_out(reach, scope),
        }
        if reach == Reach::Everywhere {
            // What all follow is not covered by what this node followed alone before.
            self.orders.take_out(Reach::ThisNode, scope);
        }
        self.restored.retain(|intent| intent.scope != *scope || intent.reach != reach);
        // Operators need not wait for drills, which end by their orders.
        if !changes_nothing && !matches!(change, Change::Drill { .. }) {
            self.last_change = Some(mono);
        }
        self.lay_orders();
        self.replan();
    }

    /// Has the picture show the orders that stand.
    pub(super) fn lay_orders(&mut self) {
        self.picture.orders = self.orders.effective();
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
            reach: Reach::Everywhere,
        }
    }
}
