//! The drills that ran here, the newest last, within a bound.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bounds::{CLOCKS_APART, DRILLS, SCHEDULES};
use crate::model::{Drill, DrillOutcome, DrillState};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    drills: VecDeque<Drill>,
    /// When the last drill of each schedule began, on whichever node.
    #[serde(default)]
    turns: BTreeMap<String, Timestamp>,
}

impl History {
    /// What `text` holds.
    ///
    /// # Errors
    /// If it was written by something else.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The drills, the oldest first.
    pub fn drills(&self) -> impl DoubleEndedIterator<Item = &Drill> {
        self.drills.iter()
    }

    /// The drill of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Drill> {
        self.drills.iter().rev().find(|drill| drill.id == id)
    }

    /// Puts `drill` in the place of what was known of it.
    pub fn put(&mut self, drill: Drill) {
        match self.drills.iter_mut().find(|known| known.id == drill.id) {
            Some(known) => *known = drill,
            None => self.drills.push_back(drill),
        }
        while self.drills.len() > DRILLS {
            self.drills.pop_front();
        }
    }

    /// When the last drill of `schedule` began.
    #[must_use]
    pub fn last_turn(&self, schedule: &str) -> Option<Timestamp> {
        self.turns.get(schedule).copied()
    }

    /// A drill of `schedule` began at `at`, as it is known at `now`; whether that is news. One that is known to have begun much
    /// later than now began by a clock that was ahead, and is known no more.
    pub fn had_turn(&mut self, schedule: &str, at: Timestamp, now: Timestamp) -> bool {
        if self.turns.len() >= SCHEDULES && !self.turns.contains_key(schedule) {
            // Of a schedule that is no longer configured, most likely.
            let oldest = self.turns.iter().min_by_key(|(_, at)| **at).map(|(name, _)| name.clone());
            oldest.map(|name| self.turns.remove(&name));
        }
        let known = self.turns.entry(schedule.to_owned()).or_insert(Timestamp::MIN);
        let is_ahead = known.duration_since(now) > CLOCKS_APART;
        let before = std::mem::replace(known, if is_ahead { at } else { at.max(*known) });
        before != *known
    }

    /// Ends the drills that a process took with it; gives them.
    pub fn cut_short(&mut self, now: Timestamp) -> Vec<Drill> {
        let open = self.drills.iter_mut().filter(|drill| !drill.state.is_over());
        open.map(|drill| {
            let (outcome, why) = match &drill.state {
                DrillState::Restoring { outcome, why } => (*outcome, why.clone()),
                _ => (DrillOutcome::Interrupted, "the node that ran it ended".to_owned()),
            };
            drill.restored = drill.restored.or(Some(now));
            drill.ended = Some(now);
            drill.state = DrillState::Ended { outcome, why };
            drill.clone()
        })
        .collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Scope;

    pub(in super::super) fn drill(id: &str, state: DrillState) -> Drill {
        Drill {
            id: id.into(),
            scope: Scope { site: "fra".into(), service: None },
            by: "alice".into(),
            reason: "monthly".into(),
            schedule: None,
            node: "ns1".into(),
            started: Timestamp::UNIX_EPOCH,
            for_seconds: 900,
            state,
            ordered: Some(Timestamp::UNIX_EPOCH),
            withdrawn: vec![],
            drained: None,
            restored: None,
            followed: vec![],
            ended: None,
            survivors: vec![],
            probes: vec![],
        }
    }

    #[test]
    fn the_oldest_go_and_the_same_drill_stands_once() {
        let mut history = History::default();
        for number in 0..DRILLS + 5 {
            history.put(drill(&format!("fra-{number}"), DrillState::Withdrawing));
            history.put(drill(&format!("fra-{number}"), DrillState::Drained));
        }
        assert_eq!(history.drills().count(), DRILLS);
        assert!(history.find("fra-4").is_none() && history.find("fra-5").is_some());
        assert!(history.drills().all(|drill| drill.state == DrillState::Drained));
        let again = History::read(&serde_json::to_string(&history).unwrap()).unwrap();
        assert_eq!(again, history);
    }

    #[test]
    fn a_turn_of_a_clock_that_was_ahead_does_not_hide_those_that_follow() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (now, ahead) = (at("2026-05-01T12:00:00Z"), at("2036-05-01T12:00:00Z"));
        let mut history = History::default();
        assert!(history.had_turn("weekly", ahead, ahead));
        assert!(history.had_turn("weekly", now, now));
        assert_eq!(history.last_turn("weekly"), Some(now));
        let before = at("2026-04-30T12:00:00Z");
        assert!(!history.had_turn("weekly", before, now), "of a drill before the last");
        // Of a node whose clock is a little ahead of this one's.
        let soon = at("2026-05-01T12:00:09Z");
        assert!(history.had_turn("weekly", soon, now) && !history.had_turn("weekly", soon, now));
        assert_eq!(history.last_turn("weekly"), Some(soon));
    }

    #[test]
    fn a_drill_that_a_process_took_with_it_was_interrupted() {
        let mut history = History::default();
        let ended = DrillState::Ended { outcome: DrillOutcome::Succeeded, why: "well".into() };
        history.put(drill("fra-1", ended.clone()));
        history.put(drill("fra-2", DrillState::Drained));
        let cut = history.cut_short(Timestamp::MAX);
        assert_eq!(cut.len(), 1);
        assert_eq!(cut[0].state.outcome().unwrap().0, DrillOutcome::Interrupted);
        assert_eq!(history.find("fra-1").unwrap().state, ended);
        assert!(history.cut_short(Timestamp::MAX).is_empty());
    }

    #[test]
    fn turns_are_remembered_within_a_bound_and_do_not_go_back() {
        let mut history = History::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(history.had_turn("weekly", at(100), at(100)));
        assert!(!history.had_turn("weekly", at(50), at(100)));
        assert_eq!(history.last_turn("weekly"), Some(at(100)));
        for number in 0..1000 {
            history.had_turn(&format!("s{number}"), at(1000 + number), at(1000 + number));
        }
        assert_eq!(history.turns.len(), SCHEDULES);
        assert_eq!(history.last_turn("weekly"), None);
    }
}
