//! What the last probes of a target found: for whoever looks at how it came to where it is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::bounds::HISTORY;
use crate::health::Outcome;

/// What one full probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it ended, by the wall clock.
    pub at: Timestamp,
    /// How long it took to be answered; `None` where it failed.
    pub answered: Option<Duration>,
}

/// The last [`HISTORY`] samples of a target, the oldest first. Cheap to clone: clones show the same.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Arc<Mutex<VecDeque<Sample>>>);

impl History {
    /// Takes in what a probe found that ended at `at`.
    pub(super) fn take(&self, outcome: &Outcome, latency: Duration, at: Timestamp) {
        let answered =
            matches!(outcome, Outcome::Ok | Outcome::Deferring(_) | Outcome::Unchecked(_)).then_some(latency);
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= HISTORY {
            samples.pop_front();
        }
        samples.push_back(Sample { at, answered });
    }

    /// All of them.
    pub(super) fn samples(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::FailureKind;

    #[test]
    fn the_last_probes_are_kept_and_no_more() {
        let history = History::default();
        let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        for second in 0..HISTORY + 5 {
            history.take(&Outcome::Ok, Duration::from_millis(2), at(second));
        }
        history.take(&Outcome::failed(FailureKind::Overdue, ""), Duration::from_secs(2), at(HISTORY + 5));
        let samples = history.samples();
        assert_eq!(samples.len(), HISTORY);
        assert_eq!(samples.first().map(|sample| sample.at), Some(at(6)));
        assert_eq!(samples.last(), Some(&Sample { at: at(HISTORY + 5), answered: None }));
        assert_eq!(samples[0].answered, Some(Duration::from_millis(2)));
    }
}
