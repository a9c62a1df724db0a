//! Runs: the ends of probes that came to the same, told as one observation when the run is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::bounds::RUN;
use crate::health::{Observation, Outcome};
use crate::model::EndpointKey;

/// The run of one target that is not over yet.
#[derive(Debug)]
pub(super) struct Runs {
    key: EndpointKey,
    monitor: String,
    open: Mutex<Option<Observation>>,
}

impl Runs {
    pub(super) fn new(key: EndpointKey, monitor: String) -> Self {
        Self { key, monitor, open: Mutex::default() }
    }

    /// Takes in what a probe came to that ended at `at`. Gives the run that it ended, or that has lasted for so long that
    /// what comes next begins another: a node that is killed loses no more than that.
    pub(super) fn take(&self, outcome: &Outcome, latency: Duration, at: Timestamp) -> Option<Observation> {
        let mut open = self.lock();
        let lasts = |run: &Observation| Duration::try_from(at.duration_since(run.from)).is_ok_and(|lasts| lasts < RUN);
        if let Some(run) = open.as_mut()
            && lasts(run)
            && run.extend(outcome, latency, at)
        {
            return None;
        }
        open.replace(Observation::new(self.key.clone(), self.monitor.clone(), outcome.clone(), latency, at))
    }

    /// Ends the run.
    pub(super) fn close(&self) -> Option<Observation> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Observation>> {
        // Nothing panics in between.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_run_is_told_when_something_else_comes_and_now_and_then() {
        let runs = Runs::new(EndpointKey { service: "mx".into(), address: [192, 0, 2, 1].into() }, "smtp".into());
        let take = |outcome: Outcome, second: i64| runs.take(&outcome, Duration::from_millis(2), at(second));
        assert_eq!(take(Outcome::Ok, 0), None);
        assert_eq!(take(Outcome::Ok, 1), None);
        let well = take(Outcome::Deferring("451 later".into()), 2).unwrap();
        assert_eq!((well.probes, well.outcome, well.until), (2, Outcome::Ok, at(1)));
        let long = i64::try_from(RUN.as_secs()).unwrap() + 2;
        assert_eq!(take(Outcome::Deferring("451 later".into()), long).unwrap().probes, 1);
        // A clock that was set back begins another run too.
        assert!(take(Outcome::Deferring("451 later".into()), 1).is_some());
        assert_eq!(runs.close().unwrap().from, at(1));
        assert_eq!(runs.close(), None);
    }
}
