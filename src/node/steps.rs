//! Orders that take effect later or by steps: what is due is held against the safety rules, put into effect, and kept.
//!
//! A step takes effect whatever the store says, as an end does: who goes to the machines at three in the morning counts on
//! it. One that a rule forbids is held and tried again until the rule allows it or the order ends.

use std::time::Duration;

use jiff::Timestamp;

use super::clock::deadline;
use super::engine::{Engine, TICK, standing};
use super::orders::Change;
use super::picture::{Hold, StandingOrder};
use crate::model::{Event, EventKind, Intent, IntentKind, Mono, Reach};
use crate::plan::{self, Ahead, Demand, Moment, TtlCap};

/// Steps that are held are tried under every new plan, and this often besides: rules may look at more than the plan.
const RETRY: Duration = Duration::from_secs(1);

/// When the next step of `intent` is due on the monotonic clock.
///
/// As with ends, the wall clock is consulted once, here, and no step is further away than it was when it was ordered or
/// when the step before it was taken.
pub(super) fn due(intent: &Intent, wall: Timestamp, mono: Mono) -> Option<Mono> {
    let schedule = intent.schedule.as_ref()?;
    let known_since = schedule.last.filter(|_| !schedule.is_waiting()).unwrap_or(intent.since);
    Some(deadline(known_since, schedule.next()?, wall, mono))
}

/// When the next step of `intent` is due, counted from when it was ordered or stepped: that is now.
pub(super) fn due_since(intent: &Intent, mono: Mono) -> Option<Mono> {
    let schedule = intent.schedule.as_ref()?;
    let known_since = schedule.last.filter(|_| !schedule.is_waiting()).unwrap_or(intent.since);
    Some(deadline(known_since, schedule.next()?, known_since, mono))
}

impl Engine {
    /// Takes the steps that are due, as far as the safety rules allow.
    pub(super) fn take_steps(&mut self, now: Mono) {
        let is_due = |order: &&StandingOrder| order.due.is_some_and(|due| due <= now);
        let generation = self.picture.plan.generation;
        let again = self.tried.0 != generation || now.since(self.tried.1) >= RETRY;
        let due: Vec<Intent> = self
            .picture
            .orders
            .iter()
            .filter(is_due)
            .filter(|order| order.held.is_none() || again)
            .map(|order| order.intent.clone())
            .collect();
        if due.is_empty() {
            return;
        }
        let demands = self.parts.demand.demands(&self.picture.topology, &self.parts.tables.load(), Moment::Peak);
        for intent in due {
            self.take_step(&intent, now, &demands);
        }
        self.tried = (self.picture.plan.generation, now);
        self.publish();
    }

    fn take_step(&mut self, intent: &Intent, now: Mono, demands: &[Demand]) {
        let taken = plan::take_step(
            &self.picture.topology,
            &self.picture.plan,
            &self.picture.health,
            &self.intents(),
            intent,
            self.parts.clock.wall(),
            demands,
        );
        match taken {
            Ok(stepped) => {
                let schedule = stepped.schedule.as_ref().filter(|schedule| !schedule.is_complete());
                let due = schedule.map(|schedule| now.after(schedule.every()));
                self.change_order(intent, |order| StandingOrder { intent: stepped.clone(), due, held: None, ..order });
                self.replan();
                let event = Box::new(self.parts.journal.event(step_event(&stepped, intent.is_waiting())));
                self.enqueue(Change::Step { intent: stepped, event });
            }
            Err(refusal) => {
                let (rule, why) = (refusal.rule(), refusal.to_string());
                let known = self.standing_at(&intent.scope).and_then(|order| order.held.as_ref());
                if known.is_none_or(|known| known.rule != rule) {
                    let (intent, rule, why) = (intent.clone(), rule.to_owned(), why.clone());
                    self.parts.journal.record(EventKind::Held { intent, rule, why });
                }
                self.change_order(intent, |order| StandingOrder {
                    held: Some(Hold { rule, why: why.clone() }),
                    ..order
                });
            }
        }
    }

    fn change_order(&mut self, intent: &Intent, change: impl Fn(StandingOrder) -> StandingOrder) {
        self.orders.change(intent, change);
        self.lay_orders();
    }

    /// Has the store keep a step, unless another order has taken the place of the one that took it.
    pub(super) fn keep_step(&mut self, intent: Intent, event: Box<Event>) {
        let is_this = |other: &&Intent| other.is_same_order(&intent);
        // Another node has had it kept, or the order ended, and the journal has it from there.
        let is_shared = self.peers.is_shared() && intent.reach == Reach::Everywhere;
        if is_shared && self.stored.iter().find(is_this).is_none_or(|kept| taken(kept) >= taken(&intent)) {
            return;
        }
        let present = self.orders.same(&intent);
        let Some(present) = present.map(|order| order.intent.clone()) else {
            self.parts.journal.record(event.kind);
            return;
        };
        let written = Event::clone(&event);
        self.write_to(present.reach, Change::Step { intent, event }, Some(present), None, written);
    }

    /// Asks the store again to keep what it would not: a kill must not take back what has long been in effect.
    pub(super) fn keep_again(&mut self, now: Mono) {
        let (steps, tried) = &mut self.unkept;
        if steps.is_empty() || now.since(*tried) < RETRY {
            return;
        }
        *tried = now;
        for (intent, event) in std::mem::take(steps) {
            self.enqueue(Change::Step { intent, event });
        }
    }

    /// The store has kept `kept`: what has been decided since goes on from its revision.
    pub(super) fn step_kept(&mut self, kept: Option<Intent>) {
        let Some(kept) = kept else { return };
        self.change_order(&kept, |order| {
            let intent = Intent { revision: kept.revision, ..order.intent.clone() };
            StandingOrder { intent, ..order }
        });
        self.publish();
    }

    /// An order from before the start, found anew after a step of the wall clock. What it took by a clock that was ahead
    /// is taken back; what it took rightly stays, whatever the rules say by now.
    pub(super) fn found_anew(&self, restored: &Intent, wall: Timestamp, mono: Mono) -> StandingOrder {
        let anew = standing(restored.clone(), wall, mono);
        match self.orders.same(restored) {
            Some(present) if taken(&present.intent) == taken(restored) => {
                StandingOrder { held: present.held.clone(), ..anew }
            }
            Some(present) if anew.due.is_none_or(|due| due <= mono) => {
                StandingOrder { deadline: anew.deadline, ..present.clone() }
            }
            _ => anew,
        }
    }

    /// Has the store keep orders that have come less far than `before`.
    pub(super) fn keep_taken_back(&mut self, before: &[StandingOrder]) {
        let further = |intent: &Intent| {
            before.iter().any(|order| order.intent.is_same_order(intent) && taken(&order.intent) > taken(intent))
        };
        let orders = self.orders.all().map(|order| &order.intent);
        let back: Vec<Intent> = orders.filter(|intent| further(intent)).cloned().collect();
        for intent in back {
            let event = Box::new(self.parts.journal.event(EventKind::Scheduled { intent: intent.clone() }));
            self.enqueue(Change::Step { intent, event });
        }
    }

    /// The bounds on TTLs that follow from what is ahead at `now`.
    pub(super) fn ttl_caps(&self, now: Mono) -> Vec<TtlCap> {
        let ahead: Vec<Ahead> = self.picture.orders.iter().filter_map(|order| ahead(order, now)).collect();
        if ahead.is_empty() { Vec::new() } else { plan::ttl_caps(&self.picture.topology, &ahead) }
    }

    /// Makes a new plan when a TTL has to step down.
    pub(super) fn step_ttls(&mut self, now: Mono) {
        if self.ttl_caps(now) != self.caps {
            self.replan();
        }
    }
}

/// What `order` is about to do.
fn ahead(order: &StandingOrder, now: Mono) -> Option<Ahead> {
    // Until the next look: a bound must not come late.
    let left = order.due?.since(now).saturating_sub(TICK);
    Some(Ahead { scope: order.intent.scope.clone(), kind: order.intent.next_step()?, left })
}

/// How many steps have taken effect.
pub(super) fn taken(intent: &Intent) -> usize {
    intent.schedule.as_ref().map_or(0, |schedule| schedule.taken)
}

fn step_event(stepped: &Intent, waited: bool) -> EventKind {
    match stepped.in_effect() {
        Some(IntentKind::Drain { share }) if !waited => EventKind::Stepped { intent: stepped.clone(), share },
        _ => EventKind::Began { intent: stepped.clone() },
    }
}
