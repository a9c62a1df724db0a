//! The shelf: the history of drills as everyone in the process sees it, and how many ended since the start.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::History;
use crate::model::{Drill, DrillOutcome};

/// See the module. Its locks are held for no longer than a look, but for [`Shelf::save`], which nobody waits for.
#[derive(Debug, Default)]
pub struct Shelf {
    history: Mutex<History>,
    ended: Mutex<BTreeMap<DrillOutcome, u64>>,
    /// Held while the history is written, so that no older one is written over a newer one.
    saving: Mutex<()>,
}

impl Shelf {
    /// A shelf with what was kept.
    #[must_use]
    pub fn new(history: History) -> Self {
        Self { history: Mutex::new(history), ..Self::default() }
    }

    /// The history as it is.
    #[must_use]
    pub fn history(&self) -> History {
        held(&self.history).clone()
    }

    /// The drill of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Drill> {
        held(&self.history).find(id).cloned()
    }

    /// Puts `drill` in the place of what was known of it, and counts it where it is over.
    pub fn put(&self, drill: Drill) {
        self.count(&drill);
        held(&self.history).put(drill);
    }

    /// Ends the drills that a process took with it and counts them; gives them.
    pub fn cut_short(&self, now: Timestamp) -> Vec<Drill> {
        let cut = held(&self.history).cut_short(now);
        cut.iter().for_each(|drill| self.count(drill));
        cut
    }

    fn count(&self, drill: &Drill) {
        if let Some((outcome, _)) = drill.state.outcome().filter(|_| drill.state.is_over()) {
            *held(&self.ended).entry(outcome).or_default() += 1;
        }
    }

    /// A drill of `schedule` began at `at`, as it is known at `now`; whether that is news.
    pub fn had_turn(&self, schedule: &str, at: Timestamp, now: Timestamp) -> bool {
        held(&self.history).had_turn(schedule, at, now)
    }

    /// When the last drill of `schedule` began.
    #[must_use]
    pub fn last_turn(&self, schedule: &str) -> Option<Timestamp> {
        held(&self.history).last_turn(schedule)
    }

    /// Drills that ended since the start.
    #[must_use]
    pub fn ended(&self) -> BTreeMap<DrillOutcome, u64> {
        held(&self.ended).clone()
    }

    /// Has the history written by `write`, which may block.
    pub fn save<T>(&self, write: impl FnOnce(&str) -> T) -> serde_json::Result<T> {
        let _alone = held(&self.saving);
        let text = serde_json::to_string(&*held(&self.history))?;
        Ok(write(&text))
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::drill;
    use super::*;
    use crate::model::DrillState;

    #[test]
    fn a_drill_that_a_process_took_with_it_counts_as_one_that_ended() {
        let mut history = History::default();
        history.put(drill("fra-1", DrillState::Drained));
        let shelf = Shelf::new(history);
        assert!(shelf.ended().is_empty(), "what ended before the start is not counted");
        assert_eq!(shelf.cut_short(Timestamp::MAX).len(), 1);
        assert_eq!(shelf.ended(), BTreeMap::from([(DrillOutcome::Interrupted, 1)]));
    }
}
