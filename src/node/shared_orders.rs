//! Orders that all nodes share: following those of other nodes, giving them where the store is out of reach, and clearing
//! up behind those that are over.

use std::sync::Arc;
use std::time::Duration;

use super::engine::{Engine, standing, standing_live};
use super::orders::Change;
use super::picture::StandingOrder;
use super::steps::taken;
use crate::health::Contact;
use crate::model::{Connection, EventKind, Intent, Mono, OrdersVersion, Reach, SharedOrders};
use crate::plan::{self, Moment, Order, Pace, Reviewed};
use crate::store::StoreError;

/// Between two tries to clear what is over from the store.
const CLEAR_AGAIN: Duration = Duration::from_secs(2);

impl Engine {
    /// Who follows an order that is given now: everyone, wherever the store answers.
    pub(super) fn reach_of(&self, asked: Reach, now: Mono) -> Reach {
        match (asked, self.peers.contact(now)) {
            (Reach::ThisNode, Contact::Lost) if self.peers.is_shared() => Reach::ThisNode,
            _ => Reach::Everywhere,
        }
    }

    /// Why an order cannot be given to everyone now. It is not even tried: a store without a majority may write it later,
    /// when nobody counts on it any more.
    pub(super) fn out_of_reach(&self, reach: Reach, now: Mono) -> Option<StoreError> {
        let is_lost = reach == Reach::Everywhere && self.peers.contact(now) == Contact::Lost;
        is_lost.then(|| StoreError::Unreachable { detail: self.peers.trouble().to_owned() })
    }

    /// Takes over the orders of other nodes.
    pub(super) fn follow_orders(&mut self, orders: SharedOrders) {
        let first = !std::mem::replace(&mut self.peers.followed, true);
        if orders.version <= self.version {
            return;
        }
        let (mono, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        let is_by_an_operator = |kind: &EventKind| matches!(kind, EventKind::Ordered { .. } | EventKind::Lifted { .. });
        let mut news = orders.changes.iter().filter(|(version, _)| *version > self.version);
        if news.any(|(_, event)| is_by_an_operator(&event.kind)) {
            self.last_change = Some(mono);
        }
        let known = Arc::clone(&self.picture.orders);
        let standing_now = |intent: &Intent| known.iter().find(|order| order.intent.is_same_order(intent));
        // What is in the store and stands here no more has ended here; the store hears of it.
        let has_ended = |intent: &Intent| {
            let before = self.stored.iter().find(|stored| stored.is_same_order(intent));
            before.is_some_and(|before| before.lifetime == intent.lifetime)
        };
        let taken_over = |intent: Intent| match standing_now(&intent) {
            Some(order) if order.intent.lifetime == intent.lifetime && taken(&order.intent) >= taken(&intent) => {
                let intent = Intent { revision: intent.revision, ..order.intent.clone() };
                Some(StandingOrder { intent, ..order.clone() })
            }
            None if has_ended(&intent) => None,
            // Of an order from before this start nobody here knows how long it has stood.
            _ if first => Some(standing(intent, wall, mono)),
            _ => Some(standing_live(intent, mono)),
        };
        let own: Vec<StandingOrder> =
            known.iter().filter(|order| order.intent.reach == Reach::ThisNode).cloned().collect();
        let is_own = |order: &StandingOrder| own.iter().any(|own| own.intent.scope == order.intent.scope);
        let shared = orders.intents.iter().cloned().filter_map(taken_over).filter(|order| !is_own(order));
        let standing: Vec<StandingOrder> = shared.chain(own.iter().cloned()).collect();
        if first {
            let unknown = orders.intents.iter().filter(|intent| standing_now(intent).is_none());
            self.restored.extend(unknown.cloned());
        } else {
            self.restored.retain(|restored| orders.intents.iter().any(|intent| intent.is_same_order(restored)));
        }
        self.picture.orders = standing.into();
        self.version = orders.version;
        self.stored = orders.intents;
        self.replan();
        // Nobody waits with an acknowledgement.
        self.publish();
    }

    /// Goes on after a write that was refused or whose outcome is not certain, with what the store really holds.
    pub(super) fn resync(&mut self, orders: Result<SharedOrders, StoreError>) {
        if !self.peers.is_shared() {
            if let Ok(orders) = orders
                && !self.writing
                && orders.version != self.version
            {
                self.restart_orders(orders);
            }
            return;
        }
        self.writing = false;
        match orders {
            Ok(orders) => self.follow_orders(orders),
            // Whoever waits is told by trying again, which fails for the same reason or goes through.
            Err(error) => tracing::debug!(%error, "the orders could not be read again"),
        }
        self.next_change();
    }

    /// Follows what this node's own store really holds. An error may come after the fact: an order that was said to have
    /// failed can be there all the same, and the next change must be made against it.
    fn restart_orders(&mut self, orders: SharedOrders) {
        let (mono, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        let known = Arc::clone(&self.picture.orders);
        let still = |intent: &Intent| {
            let order = known.iter().find(|order| order.intent.is_same_order(intent))?;
            // It may have come further than the store has heard.
            let intent = Intent { revision: intent.revision, ..order.intent.clone() };
            Some(StandingOrder { intent, ..order.clone() })
        };
        self.version = orders.version;
        self.own_revision = orders.version.revision;
        self.stored.clone_from(&orders.intents);
        let orders = orders.intents.into_iter();
        self.picture.orders =
            orders.map(|intent| still(&intent).unwrap_or_else(|| standing(intent, wall, mono))).collect();
        self.replan();
    }

    /// The store has acknowledged a change of this node.
    pub(super) fn acknowledged(&mut self, version: OrdersVersion, change: &Change, intent: Option<Intent>) {
        // Where others have changed the orders since, all of it was followed already.
        if version <= self.version {
            return;
        }
        self.version = version;
        if !self.peers.is_shared() {
            self.own_revision = version.revision;
        }
        let scope = match change {
            Change::Give { order, .. } => Some(&order.scope),
            Change::Lift { scope, .. } => Some(scope),
            Change::End { intent }
            | Change::Step { intent, .. }
            | Change::Offer { intent }
            | Change::Forget { intent, .. } => Some(&intent.scope),
        };
        self.stored.retain(|stored| Some(&stored.scope) != scope);
        self.stored.extend(intent.clone());
        self.put_into_effect(change, intent);
        self.publish();
        if let Change::Offer { intent } = change {
            self.forget(intent.clone(), "all nodes follow it now".to_owned());
        }
    }

    /// Clears orders from the store whose time is over: an error, or a store out of reach, may have left them there.
    pub(super) fn clear_over(&mut self, now: Mono) {
        let may = self.peers.is_shared()
            && self.peers.contact(now) == Contact::Kept
            && !self.writing
            && self.waiting.is_empty()
            && now.since(self.cleared) >= CLEAR_AGAIN;
        if !may {
            return;
        }
        self.cleared = now;
        let is_known = |intent: &Intent| {
            let stands = self.picture.orders.iter().any(|order| order.intent.scope == intent.scope);
            stands || self.restored.iter().any(|restored| restored.is_same_order(intent))
        };
        let over: Vec<Intent> = self.stored.iter().filter(|intent| !is_known(intent)).cloned().collect();
        over.into_iter().for_each(|intent| self.enqueue(Change::End { intent }));
    }

    /// Offers the orders that only this node follows to all, once the store answers again and was read.
    pub(super) fn offer_own(&mut self, now: Mono) {
        let is_connected = self.peers.contact(now) == Contact::Kept && self.connection() == Connection::Connected;
        if self.peers.offered || !self.peers.is_shared() || !self.peers.has_spoken() || !is_connected {
            return;
        }
        self.peers.offered = true;
        let own = self.picture.orders.iter().filter(|order| order.intent.reach == Reach::ThisNode);
        let own: Vec<Intent> = own.map(|order| order.intent.clone()).collect();
        own.into_iter().for_each(|intent| self.enqueue(Change::Offer { intent }));
    }

    /// Whether `intent` is being offered or forgotten already.
    pub(super) fn is_under_way(&self, intent: &Intent) -> bool {
        self.waiting.iter().any(|change| match change {
            Change::Offer { intent: other } | Change::Forget { intent: other, .. } => other.is_same_order(intent),
            _ => false,
        })
    }

    pub(super) fn offer(&mut self, intent: Intent) {
        let stands = self.standing_at(&intent.scope).filter(|order| order.intent.is_same_order(&intent));
        let Some(intent) = stands.map(|order| order.intent.clone()) else { return };
        let order = Order {
            scope: intent.scope.clone(),
            kind: intent.kind,
            by: intent.by.clone(),
            reason: intent.reason.clone(),
            lifetime: intent.lifetime,
            force: intent.forced,
            schedule: intent.schedule.clone(),
            reach: Reach::Everywhere,
        };
        let demands = self.parts.demand.demands(&self.picture.topology, &self.parts.tables.load(), Moment::Peak);
        // As if it did not stand here yet.
        let others: Vec<Intent> = self.intents().into_iter().filter(|other| other.scope != intent.scope).collect();
        let reviewed = plan::review(
            &self.picture.topology,
            &self.picture.plan,
            &self.picture.health,
            &others,
            &order,
            // It was given when it was given.
            Pace { settle: Duration::ZERO, since_last_change: None },
            &demands,
        );
        match reviewed {
            Err(refusal) => {
                self.parts.journal.record(EventKind::Refused {
                    order: format!("{} {}, offered to all nodes", order.kind.as_str(), order.scope),
                    by: order.by.clone(),
                    why: refusal.to_string(),
                });
                self.forget(
                    intent,
                    format!("the safety rules do not allow it with the orders of the other nodes: {refusal}"),
                );
            }
            Ok(Reviewed::Unchanged) => self.forget(intent, "the same order stands for all nodes".to_owned()),
            Ok(Reviewed::Accept { .. }) => {
                let shared = Intent { reach: Reach::Everywhere, ..intent.clone() };
                let event = self.parts.journal.event(EventKind::Ordered { intent: shared.clone() });
                self.write(Change::Offer { intent }, Some(shared), None, event);
            }
        }
    }

    /// Has this node's own store forget an order that is offered no more.
    pub(super) fn forget(&mut self, intent: Intent, reason: String) {
        let kind = EventKind::Lifted {
            scope: intent.scope.clone(),
            by: self.picture.settings.node.name.clone(),
            reason: format!("an order of this node alone: {reason}"),
            revision: self.own_revision + 1,
        };
        let event = Box::new(self.parts.journal.event(kind));
        self.enqueue(Change::Forget { intent, event });
    }

    /// An order of this node alone is in its own store no more.
    pub(super) fn forgotten(&mut self, intent: &Intent) {
        let mono = self.parts.clock.mono();
        let is_gone =
            |order: &StandingOrder| order.intent.reach == Reach::ThisNode && order.intent.is_same_order(intent);
        if !self.picture.orders.iter().any(is_gone) {
            return;
        }
        // It may have hidden one that all follow.
        let hidden = self.stored.iter().filter(|stored| stored.scope == intent.scope).cloned();
        let hidden: Vec<StandingOrder> = hidden.map(|stored| standing_live(stored, mono)).collect();
        let left = self.picture.orders.iter().filter(|order| !is_gone(order)).cloned();
        self.picture.orders = left.chain(hidden).collect();
        self.replan();
    }
}
