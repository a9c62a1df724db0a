//! Orders that all nodes share: following those of other nodes, giving them where the store is out of reach, and clearing
//! up behind those that are over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::engine::{Engine, Message, standing, standing_live};
use super::orders::Change;
use super::peers::copied;
use super::picture::StandingOrder;
use super::steps::taken;
use crate::health::Contact;
use crate::model::{Connection, EventKind, Intent, Mono, OrdersVersion, Plan, Reach, SharedOrders};
use crate::plan::{self, Moment, Offer};
use crate::store::{Snapshot, Store, StoreError};

/// The name of the copy that holds what operators saw of the shared orders when they gave orders to this node alone.
pub(super) const SEEN: &str = "seen";
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
        match (reach, self.peers.contact(now), self.peers.went_back()) {
            (Reach::ThisNode, ..) => None,
            (_, Contact::Lost, _) => Some(StoreError::Unreachable { detail: self.peers.trouble().to_owned() }),
            (_, Contact::Kept, Some(detail)) => Some(StoreError::WentBack { detail: detail.to_owned() }),
            (_, Contact::Kept, None) => None,
        }
    }

    /// Takes over the orders of other nodes.
    pub(super) fn follow_orders(&mut self, orders: SharedOrders) {
        let first = !std::mem::replace(&mut self.peers.followed, true);
        if orders.version <= self.version {
            return;
        }
        let (mono, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        let is_by_an_operator = |kind: &EventKind| match kind {
            EventKind::Ordered { intent } => intent.drill.is_none(),
            kind => matches!(kind, EventKind::Lifted { .. }),
        };
        let mut news = orders.changes.iter().filter(|(version, _)| *version > self.version);
        if news.any(|(_, event)| is_by_an_operator(&event.kind)) {
            self.last_change = Some(mono);
        }
        // Of orders from before this start, and of those of a store that an operator has accepted, nobody here knows how long
        // they have stood.
        let is_old = first || orders.version.epoch > self.version.epoch;
        // What is in the store and stands here no more has ended here; the store hears of it.
        let has_ended = |intent: &Intent| {
            let before = self.stored.iter().find(|stored| stored.is_same_order(intent));
            before.is_some_and(|before| before.lifetime == intent.lifetime)
        };
        let taken_over = |intent: Intent| match self.orders.same(&intent) {
            Some(order) if order.intent.lifetime == intent.lifetime && taken(&order.intent) >= taken(&intent) => {
                let intent = Intent { revision: intent.revision, ..order.intent.clone() };
                Some(StandingOrder { intent, ..order.clone() })
            }
            None if has_ended(&intent) || !self.may_follow(&intent, mono) => None,
            _ if is_old => Some(standing(intent, wall, mono)),
            _ => Some(standing_live(intent, mono)),
        };
        let shared: Vec<StandingOrder> = orders.intents.iter().cloned().filter_map(taken_over).collect();
        let still = |restored: &Intent| {
            restored.reach == Reach::ThisNode || orders.intents.iter().any(|intent| intent.is_same_order(restored))
        };
        self.restored.retain(still);
        if is_old {
            let unknown = orders.intents.iter().filter(|intent| self.orders.same(intent).is_none());
            let unknown = unknown.filter(|intent| intent.drill.is_none() && !self.is_restored(intent));
            let unknown: Vec<Intent> = unknown.cloned().collect();
            self.restored.extend(unknown);
        }
        self.orders.replace_shared(shared);
        self.lay_orders();
        self.version = orders.version;
        self.stored = orders.intents;
        self.left_to_others.retain(|left| self.stored.iter().any(|stored| stored.is_same_order(left)));
        self.left_drills.retain(|since| self.stored.iter().any(|stored| stored.since == *since));
        self.note_turns();
        self.replan();
        // Nobody waits with an acknowledgement.
        self.publish();
    }

    /// What an order that is given now is held against: the orders that those follow whom it is for, and their plan.
    ///
    /// A drill ends with any order, so none is refused because of one.
    pub(super) fn grounds(&self, reach: Reach) -> (Vec<Intent>, Arc<Plan>) {
        let standing = self.intents();
        let drills = standing.iter().any(|intent| intent.drill.is_some());
        if !drills && (reach == Reach::ThisNode || self.orders.of(Reach::ThisNode).is_empty()) {
            return (standing, Arc::clone(&self.picture.plan));
        }
        let followed = if reach == Reach::ThisNode { standing } else { self.shared_intents() };
        let shared: Vec<Intent> = followed.into_iter().filter(|intent| intent.drill.is_none()).collect();
        let plan = plan::make(plan::Inputs {
            topology: &self.picture.topology,
            health: &self.picture.health,
            intents: &shared,
            generation: self.picture.plan.generation,
        });
        (shared, Arc::new(plan))
    }

    /// The orders that all nodes follow, as far as they have not ended here.
    fn shared_intents(&self) -> Vec<Intent> {
        self.orders.of(Reach::Everywhere).iter().map(|order| order.intent.clone()).collect()
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
        let still = |intent: Intent| match self.orders.same(&intent) {
            // It may have come further than the store has heard.
            Some(order) => {
                let intent = Intent { revision: intent.revision, ..order.intent.clone() };
                StandingOrder { intent, ..order.clone() }
            }
            None => standing(intent, wall, mono),
        };
        let followed = orders.intents.iter().filter(|intent| self.may_follow(intent, mono));
        let standing = followed.cloned().map(still).collect();
        self.orders.replace_shared(standing);
        self.lay_orders();
        self.version = orders.version;
        self.stored = orders.intents;
        self.replan();
    }

    /// The store has acknowledged a change of this node.
    pub(super) fn acknowledged(&mut self, version: OrdersVersion, change: &Change, intent: Option<Intent>) {
        // Where others have changed the orders since, all of it was followed already.
        if version > self.version {
            self.version = version;
            let scope = match change {
                Change::Give { order, .. } => &order.scope,
                Change::Lift { scope, .. } | Change::Drill { scope, .. } => scope,
                Change::End { intent }
                | Change::Step { intent, .. }
                | Change::Offer { intent }
                | Change::Forget { intent, .. } => &intent.scope,
            };
            self.stored.retain(|stored| stored.scope != *scope);
            self.stored.extend(intent.clone());
            self.put_into_effect(Reach::Everywhere, change, intent);
            self.publish();
        } else if let Change::Drill { .. } = change {
            self.drill_ordered(intent.as_ref());
            self.replan();
        } else if let Change::Offer { intent } = change {
            self.orders.take_out(Reach::ThisNode, &intent.scope);
            self.lay_orders();
            self.replan();
        }
        self.tidy_own();
    }

    /// This node's own store has taken a change.
    pub(super) fn own_written(&mut self, revision: u64, change: &Change, intent: Option<Intent>) {
        self.own_revision = revision;
        let changed = match change {
            Change::End { intent } | Change::Forget { intent, .. } | Change::Step { intent, .. } => Some(&intent.scope),
            Change::Lift { scope, .. } | Change::Drill { scope, .. } => Some(scope),
            Change::Give { order, .. } => Some(&order.scope),
            Change::Offer { .. } => None,
        };
        self.own_stored.retain(|stored| Some(&stored.scope) != changed);
        self.own_stored.extend(intent.clone());
        self.put_into_effect(Reach::ThisNode, change, intent);
    }

    /// Reads what this node's own store holds after a write that may or may not have happened.
    pub(super) fn ask_own_store(&self) {
        let (store, mailbox) = (Arc::clone(&self.parts.store), self.parts.mailbox.clone());
        tokio::spawn(async move {
            let read = move || store.load().map(|snapshot| (snapshot.revision, own_orders(&*store, &snapshot)));
            if let Ok(Ok((revision, own))) = tokio::task::spawn_blocking(read).await {
                let _ = mailbox.send(Message::OwnOrders(revision, own)).await;
            }
        });
    }

    /// Follows what this node's own store really holds.
    pub(super) fn resync_own(&mut self, revision: u64, own: Vec<Intent>) {
        if self.writing || revision == self.own_revision {
            return;
        }
        (self.own_revision, self.own_stored) = (revision, own);
        let (mono, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        for intent in self.own_stored.clone() {
            if self.orders.same(&intent).is_none() {
                self.orders.put(standing(intent, wall, mono));
            }
        }
        self.lay_orders();
        self.replan();
    }

    /// The revisions of the shared orders that the operators saw who gave this node its own orders, `intent` now among them:
    /// which of two orders for a scope was given in sight of the other.
    pub(super) fn seen_by(&self, intent: &Intent) -> String {
        let own = self.orders.of(Reach::ThisNode).iter();
        let own = own.map(|order| (order.intent.scope.to_string(), order.intent.revision));
        let mut seen: BTreeMap<String, u64> = own.collect();
        let stands = self.orders.same(intent).map(|order| order.intent.revision);
        seen.insert(intent.scope.to_string(), stands.unwrap_or(self.version.revision));
        serde_json::to_string(&seen).unwrap_or_default()
    }

    /// Takes out of the stores what stands no more: an error, or a store out of reach, may have left it there.
    pub(super) fn tidy(&mut self, now: Mono) {
        let is_busy = self.writing || !self.waiting.is_empty() || now.since(self.cleared) < CLEAR_AGAIN;
        if is_busy || !self.peers.is_shared() {
            return;
        }
        self.cleared = now;
        self.tidy_own();
        if self.peers.contact(now) == Contact::Lost {
            return;
        }
        let is_left = |intent: &Intent| self.left_to_others.iter().any(|left| left.is_same_order(intent));
        let stands =
            |intent: &Intent| self.orders.of(Reach::Everywhere).iter().any(|order| order.intent.scope == intent.scope);
        // A drill's order that is not followed here yet may be followed elsewhere.
        let is_others = |intent: &Intent| intent.drill.is_some() && !self.is_orphaned(intent, now);
        let is_kept = |intent: &Intent| self.is_restored(intent) || is_left(intent) && self.hears_others();
        let is_over = |intent: &&Intent| !(stands(intent) || is_kept(intent) || is_others(intent));
        let over: Vec<Intent> = self.stored.iter().filter(is_over).cloned().collect();
        over.into_iter().for_each(|intent| self.enqueue(Change::End { intent }));
    }

    /// Has this node's own store forget what only this node followed and follows no more.
    fn tidy_own(&mut self) {
        if !self.peers.is_shared() {
            return;
        }
        let is_void = |intent: &&Intent| self.orders.same(intent).is_none() && !self.is_restored(intent);
        let void: Vec<Intent> = self.own_stored.iter().filter(is_void).cloned().collect();
        for intent in void {
            let is_shared = self.stored.iter().any(|stored| stored.is_same_order(&intent));
            let reason = if is_shared { "all nodes follow it now" } else { "it stands no more" };
            self.forget(intent, reason.to_owned());
        }
    }

    /// Offers the orders that only this node follows to all, once the store answers again and was read.
    pub(super) fn offer_own(&mut self, now: Mono) {
        let is_connected = self.peers.contact(now) == Contact::Kept && self.connection() == Connection::Connected;
        // While it doubts that sites are dead, the rules would count them as in service.
        let may_judge = is_connected && self.peers.has_spoken() && !self.council.is_in_doubt();
        let is_tried = self.peers.offered || now.since(self.peers.offered_at) < CLEAR_AGAIN;
        if is_tried || !self.peers.is_shared() || !may_judge {
            return;
        }
        (self.peers.offered, self.peers.offered_at) = (true, now);
        let own = self.orders.of(Reach::ThisNode).iter();
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

    /// Has an order of this node alone followed by all, or by nobody: nodes must not stay apart.
    pub(super) fn offer(&mut self, intent: Intent) {
        let Some(intent) = self.orders.same(&intent).map(|order| order.intent.clone()) else { return };
        // A crash may have come between that and forgetting it.
        let is_it =
            |kind: &EventKind| matches!(kind, EventKind::Ordered { intent: other } if other.is_same_order(&intent));
        if self.parts.commons.known().changes.iter().any(|(_, event)| is_it(&event.kind)) {
            self.give_up(intent, "it was offered to all nodes before".to_owned());
            return;
        }
        let demands = self.parts.demand.demands(&self.picture.topology, &self.parts.tables.load(), Moment::Peak);
        let shared = self.shared_intents();
        match plan::offer(&self.picture.topology, &self.picture.health, &shared, &intent, &demands) {
            Ok(Offer::Everywhere(shared)) => {
                let event = self.parts.journal.event(EventKind::Ordered { intent: Intent::clone(&shared) });
                self.write(Change::Offer { intent }, Some(*shared), None, event);
            }
            Ok(Offer::Known) => self.give_up(intent, "the same order stands for all nodes".to_owned()),
            Ok(Offer::Superseded(newer)) => {
                let reason = format!("{} ordered {} for all nodes meanwhile", newer.by, newer.kind.as_str());
                self.give_up(intent, reason);
            }
            Err(refusal) => {
                self.parts.journal.record(EventKind::Refused {
                    order: format!("{} {}, offered to all nodes", intent.kind.as_str(), intent.scope),
                    by: intent.by.clone(),
                    why: refusal.to_string(),
                });
                // Nobody may look at events, and the site is in the answers again.
                self.degrade(
                    "orders",
                    format!(
                        "{} {} of {} stood on this node alone, was refused for all and is lifted: {refusal}; order it \
                         anew, or say that it is not needed: waypost undrain {}",
                        intent.kind.as_str(),
                        intent.scope,
                        intent.by,
                        intent.scope.site
                    ),
                );
                let reason = format!("the safety rules do not allow it with the orders of the other nodes: {refusal}");
                self.give_up(intent, reason);
            }
        }
    }

    /// This node follows an order alone no more, whatever its store says; the store hears of it when it can.
    fn give_up(&mut self, intent: Intent, reason: String) {
        self.orders.take_out(Reach::ThisNode, &intent.scope);
        self.lay_orders();
        self.replan();
        self.forget(intent, reason);
    }

    /// Has this node's own store forget an order.
    fn forget(&mut self, intent: Intent, reason: String) {
        let kind = EventKind::Lifted {
            scope: intent.scope.clone(),
            by: self.picture.settings.node.name.clone(),
            reason: format!("an order of this node alone: {reason}"),
            revision: self.own_revision + 1,
        };
        let event = Box::new(self.parts.journal.event(kind));
        self.enqueue(Change::Forget { intent, event });
    }
}

/// The orders of this node alone as `snapshot` of its own store has them, each with the revision of the shared orders that its
/// operator saw; 0 for orders from before the node shared any.
pub(super) fn own_orders(store: &dyn Store, snapshot: &Snapshot) -> Vec<Intent> {
    let seen: BTreeMap<String, u64> =
        copied(store, SEEN).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let own = |intent: &Intent| {
        let revision = seen.get(&intent.scope.to_string()).copied().unwrap_or_default();
        Intent { reach: Reach::ThisNode, revision, ..intent.clone() }
    };
    snapshot.intents.iter().map(own).collect()
}
