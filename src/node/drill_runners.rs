//! Whose drills are followed: those of a process that is heard.
//!
//! The order of a drill stands for as long as the process that runs it: a restart does not bring it back, and other nodes end it
//! when the runner is gone, has started again, or cannot be heard because the store is out of reach.

use super::engine::{Engine, standing};
use super::orders::Change;
use crate::health::Contact;
use crate::health::bounds::BALLOT_FRESHNESS;
use crate::model::{DrillMark, EventKind, Intent, Lifetime, Mono};

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
    pub(super) fn adopt_drills(&mut self, now: Mono) {
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
        let wall = self.parts.clock.wall();
        let news = marks.filter(|(schedule, since)| self.parts.drills.had_turn(schedule, *since, wall)).count();
        if news > 0 {
            self.keep_drills(None);
        }
    }
}
