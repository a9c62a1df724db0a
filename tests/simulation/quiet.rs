//! Quiet: when nothing is in motion, and how it is leapt over.
//!
//! Where no fault is at work and every node is at rest, every probe would go well and every ballot would say the same, so
//! that the clock may go on to the next episode (a test holds a leap against a run without).

use std::cmp::Reverse;
use std::rc::Rc;
use std::time::Duration;

use waypost::health::Ballot;
use waypost::model::Mono;

use crate::node::Node;
use crate::oracle::Violation;
use crate::run::{Entry, Run, TICK};

/// Within this time after the last fault everything must be back: the longest damping, the slowest return of a probe,
/// and the longest that loss is remembered.
pub const REST_WITHIN: Duration = Duration::from_secs(345);

/// Whether quiet time is leapt over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    Leapt,
    /// Run through, but for no longer than this at a time.
    Stepped(Duration),
}

impl Run<'_> {
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
    pub(crate) fn leap_to(&mut self, at: Mono) -> Result<(), Violation> {
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
}
