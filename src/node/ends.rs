//! Ends of orders: by their time, and of those from before a start, whose time is read against a wall clock that may not be
//! set yet.

use std::time::Duration;

use jiff::Timestamp;

use super::engine::{Engine, Stepped};
use super::orders::Change;
use super::picture::StandingOrder;
use crate::model::{EventKind, Intent, Mono, Reach};

/// How long after its start a node waits for the time service before it takes an order for over that was given before.
const CLOCK_TRUST: Duration = Duration::from_secs(600);

impl Engine {
    /// Orders whose time is over leave the plan at once, whatever the store says; the store hears of it when it can.
    pub(super) fn expire(&mut self, now: Mono) {
        let gone = |order: &StandingOrder| self.is_orphaned(&order.intent, now);
        let orphaned: Vec<Intent> =
            self.orders.all().filter(|order| gone(order)).map(|order| order.intent.clone()).collect();
        let is_gone = |intent: &Intent| orphaned.iter().any(|orphan| orphan.is_same_order(intent));
        let ended = self.orders.take_out_if(|order| order.is_over(now) || is_gone(&order.intent));
        if ended.is_empty() {
            return;
        }
        self.left_drills.extend(ended.iter().filter(|intent| intent.drill.is_some()).map(|intent| intent.since));
        self.lay_orders();
        self.replan();
        for intent in ended {
            // Its end may have come early by a clock that is about to be set.
            if self.is_restored(&intent) {
                continue;
            }
            self.enqueue(Change::End { intent });
        }
    }

    /// Has an order taken from the store whose time is over.
    pub(super) fn end(&mut self, intent: Intent) {
        // A new order for the same scope has taken the place of the old one in the store already.
        if self.orders.of(intent.reach).iter().any(|order| order.intent.scope == intent.scope) {
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

    /// Orders from before the start are read against a wall clock that the time service may not have set yet. For a
    /// while a step of it makes their ends be found anew, and only then are those that are over taken from the store.
    pub(super) fn settle_restored(&mut self, mono: Mono, wall: Timestamp, stepped: Stepped) {
        if self.restored.is_empty() {
            return;
        }
        if stepped == Stepped::Yes {
            let before: Vec<_> = self.orders.all().cloned().collect();
            for intent in self.restored.clone() {
                let anew = self.found_anew(&intent, wall, mono);
                let others = self.orders.of(intent.reach);
                if others.iter().any(|order| order.intent.scope == intent.scope && !order.intent.is_same_order(&intent))
                {
                    continue;
                }
                if anew.is_over(mono) {
                    self.orders.take_out(intent.reach, &intent.scope);
                } else {
                    self.orders.put(anew);
                }
            }
            self.lay_orders();
            self.keep_taken_back(&before);
            self.replan();
        }
        if mono.0 >= CLOCK_TRUST {
            let over: Vec<Intent> = std::mem::take(&mut self.restored);
            for intent in over {
                if self.orders.same(&intent).is_some() {
                    continue;
                }
                // Nodes that have followed it since it was given know its end without a wall clock.
                if intent.reach == Reach::Everywhere && self.hears_others() {
                    self.left_to_others.push(intent);
                } else {
                    self.enqueue(Change::End { intent });
                }
            }
        }
    }

    /// Whether `intent` is from before the start, and the wall clock is not to be trusted yet.
    pub(super) fn is_restored(&self, intent: &Intent) -> bool {
        self.restored.iter().any(|restored| restored.is_same_order(intent) && restored.reach == intent.reach)
    }
}
