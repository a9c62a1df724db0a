//! Orders on their way: an operator types one at a node, the node writes it to the store, the others hear of it; what a node
//! follows alone is offered to all, and a store that went back is looked after.

use std::rc::Rc;
use std::time::Duration;

use jiff::SignedDuration;
use waypost::health::{Contact, Seclusion};
use waypost::model::{Intent, IntentKind, Lifetime, Reach, SafetySettings, Scope, Share, State};
use waypost::plan::{self, Inputs, Order, Pace, Reviewed};

use crate::core::Core;
use crate::oracle::Violation;
use crate::run::{Event, Run};
use crate::scenario::{Command, Verb};
use crate::store::{Orders, Write};

/// After a node has told that the store went back, an operator looks after it.
const LOOKED_AFTER: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// An operator types something at a node.
    pub(crate) fn command(&mut self, command: Command) -> Result<(), Violation> {
        let Command { node, site, service, verb, force, reach, lasts } = command;
        let place = &self.nodes[node];
        if !place.alive {
            return Ok(());
        }
        let reach = match (reach, place.contact(self.now)) {
            (Reach::Everywhere, Contact::Lost) if self.core == Core::SilentlyLocal => Reach::ThisNode,
            // Without the store nothing can be ordered of all, and with it nothing of one.
            (Reach::Everywhere, Contact::Lost) | (Reach::ThisNode, Contact::Kept) => {
                self.tally.refused += 1;
                return Ok(());
            }
            (reach, _) => reach,
        };
        // The orders in the store are not those that this node knows.
        if place.went_back.is_some() {
            self.tally.refused += 1;
            return Ok(());
        }
        let service = service.map(|ix| self.topology.services[ix].name.clone());
        let scope = Scope { site: format!("s{site}"), service };
        if command.reach == Reach::ThisNode {
            self.oracle.given_alone(node, scope.clone());
        }
        let kind = match verb {
            Verb::Undrain => return self.lift(node, scope, reach),
            Verb::Drain { permille } => IntentKind::Drain { share: Share::from_permille(permille).unwrap() },
            Verb::Isolate => IntentKind::Isolate,
            Verb::Pin => IntentKind::Pin,
        };
        let lifetime = Lifetime::Until(place.wall(self.now) + SignedDuration::try_from(lasts).unwrap());
        let (by, reason) = ("operator".to_owned(), "simulated".to_owned());
        self.give(node, Order { scope, kind, by, reason, lifetime, schedule: None, reach, force })
    }

    /// A node holds an order against the rules, and follows it or writes it to the store.
    fn give(&mut self, node: usize, order: Order) -> Result<(), Violation> {
        let place = &self.nodes[node];
        let wall = place.wall(self.now);
        let pace = Pace {
            settle: SafetySettings::default().settle,
            since_last_change: place.last_change.map(|last| self.now.since(last)),
        };
        // What a node follows alone makes nothing safe for all.
        let before = if order.reach.is_everywhere() { place.shared() } else { place.intents() };
        let generation = place.made.generation;
        let inputs = Inputs { topology: &self.topology, health: &place.health, intents: &before, generation };
        let current = plan::make(inputs);
        let reviewed = plan::review(&self.reviewed, &current, &place.health, &before, &order, pace, &[]);
        let (reach, known) = (order.reach, place.orders.version.revision);
        let intent = match reviewed {
            Ok(Reviewed::Accept { overridden, .. }) => order.into_intent(wall, known, !overridden.is_empty()),
            Ok(Reviewed::Unchanged) => return Ok(()),
            Err(_) => {
                self.tally.refused += 1;
                return Ok(());
            }
        };
        let forced = intent.forced;
        if reach.is_everywhere() {
            self.write(node, Write::Put(intent), forced);
            return Ok(());
        }
        self.tally.local += 1;
        let place = &mut self.nodes[node];
        place.last_change = Some(self.now);
        place.follow_alone(intent.clone(), self.now);
        let (agreed, after) = (place.agreed.clone(), place.intents());
        if !forced {
            let checked = self.oracle.check_accepted(&self.topology, &agreed, &before, &after, &intent);
            checked.map_err(|why| self.violation(why))?;
        }
        self.decide(node);
        Ok(())
    }

    /// An order is lifted: that of all, or that of one node.
    fn lift(&mut self, node: usize, scope: Scope, reach: Reach) -> Result<(), Violation> {
        let place = &mut self.nodes[node];
        if reach == Reach::ThisNode {
            place.local.retain(|(local, _)| local.scope != scope);
            self.decide(node);
        } else if place.standing.iter().any(|(intent, _)| intent.scope == scope) {
            self.write(node, Write::Clear(scope), true);
        }
        Ok(())
    }

    fn write(&mut self, node: usize, write: Write, forced: bool) {
        let delay = self.some_millis(1..20);
        let place = &self.nodes[node];
        let (incarnation, expected, agreed) = (place.incarnation, Rc::clone(&place.orders), place.agreed.clone());
        self.after(delay, Event::Commit { node, incarnation, expected, write: Box::new(write), agreed, forced });
    }

    pub(crate) fn commit(
        &mut self,
        node: usize,
        expected: &Orders,
        write: &Write,
        agreed: &[State],
        forced: bool,
    ) -> Result<(), Violation> {
        if !self.world.reaches_store(node) {
            self.tally.refused += 1;
            return Ok(());
        }
        let over = self.nodes[node].over();
        let stands = |orders: &Orders| -> Vec<Intent> {
            orders.intents.iter().filter(|intent| !over.contains(intent)).cloned().collect()
        };
        let before = stands(&self.store.orders());
        let expected = if self.core == Core::BlindWrites { self.store.orders().id } else { expected.id };
        let Some(orders) = self.store.change(expected, write) else {
            self.tally.refused += 1;
            return Ok(());
        };
        self.tally.orders += 1;
        self.nodes[node].last_change = Some(self.now);
        if let (Some(intent), false) = (write.intent(), forced) {
            let (topology, oracle) = (&self.topology, &mut self.oracle);
            let checked = oracle.check_accepted(topology, agreed, &before, &stands(&orders), intent);
            checked.map_err(|why| self.violation(why))?;
        }
        self.nodes[node].read(self.core, Rc::clone(&orders), self.now);
        if let Write::Offer(intent) = write {
            self.tally.offered += 1;
            self.nodes[node].local.retain(|(local, _)| !local.is_same_order(intent));
        }
        self.followed(node)?;
        self.tell(node, &orders);
        Ok(())
    }

    /// The others hear of new orders, most of them.
    fn tell(&mut self, node: usize, orders: &Rc<Orders>) {
        for to in (0..self.nodes.len()).filter(|to| *to != node) {
            if self.world.reaches_store(to) && !self.chance.is(30) {
                let (delay, incarnation) = (self.some_millis(3..400), self.nodes[to].incarnation);
                self.after(delay, Event::Told { to, incarnation, orders: Rc::clone(orders) });
            }
        }
    }

    /// A node may follow other orders now.
    pub(crate) fn followed(&mut self, node: usize) -> Result<(), Violation> {
        self.decide(node);
        let (store, place) = (&self.store, &self.nodes[node]);
        let checked = self.oracle.check_order_of_orders(store, node, place);
        checked.map_err(|why| self.violation(why))
    }

    /// What a node does about orders now and then: reads the store in full, for watches lose events; clears from it what is
    /// over, also what could not be cleared then; and offers what it follows alone.
    pub(crate) fn look_after_orders(&mut self, node: usize) -> Result<(), Violation> {
        let place = &self.nodes[node];
        if !self.world.reaches_store(node) {
            return Ok(());
        }
        let is_connected = place.contact(self.now) == Contact::Kept && place.council.seclusion() == Seclusion::None;
        let offers = !place.local.is_empty() && is_connected && self.core != Core::NeverOffered;
        if offers || (self.store.orders().id != place.orders.id && self.chance.is(100)) {
            let orders = self.store.orders();
            self.nodes[node].read(self.core, orders, self.now);
            self.followed(node)?;
        }
        if let Some(since) = self.nodes[node].went_back {
            if self.now.since(since) < LOOKED_AFTER || self.world.has_old_store() {
                return Ok(());
            }
            // Somebody may have looked after it at another node.
            let orders = self.store.orders();
            self.nodes[node].read(self.core, orders, self.now);
            return if self.nodes[node].went_back.is_some() { self.accept(node) } else { self.followed(node) };
        }
        if let Some(over) = self.nodes[node].over().first().map(|intent| intent.scope.clone()) {
            self.write(node, Write::Clear(over), false);
        } else if offers {
            let offered = self.nodes[node].offer(&self.reviewed);
            self.decide(node);
            if let Some(write) = offered {
                let forced = write.intent().is_some_and(|intent| intent.forced);
                self.write(node, write, forced);
            }
        }
        Ok(())
    }

    /// An operator accepts what a store that went back holds, or has it hold what the node knows. What was over long ago is
    /// given up either way.
    fn accept(&mut self, node: usize) -> Result<(), Violation> {
        let place = &self.nodes[node];
        let intents = if self.chance.is(500) { place.shared() } else { self.store.orders().intents.clone() };
        let wall = place.wall(self.now);
        let stands = |intent: &Intent| !matches!(intent.lifetime, Lifetime::Until(until) if until <= wall);
        let known = place.orders.version;
        let orders = self.store.accept(known, intents.into_iter().filter(stands).collect());
        self.tally.accepted += 1;
        self.nodes[node].read(self.core, Rc::clone(&orders), self.now);
        self.followed(node)?;
        self.tell(node, &orders);
        Ok(())
    }
}
