//! Observations: what probes of an endpoint found, as it is recorded to be replayed.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::model::EndpointKey;

/// Probes in a row of one endpoint under one monitor that came to the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The endpoint.
    #[serde(flatten)]
    pub key: EndpointKey,
    /// The monitor's name.
    pub monitor: String,
    /// When the first of them ended.
    pub from: Timestamp,
    /// When the last of them ended.
    pub until: Timestamp,
    /// How many there were, at least 1.
    pub probes: u64,
    /// How long they took in the mean, in microseconds.
    pub micros: u64,
    /// What they came to.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Observation {
    /// One probe that ended at `at`.
    #[must_use]
    pub fn new(key: EndpointKey, monitor: String, outcome: Outcome, latency: Duration, at: Timestamp) -> Self {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        Self { key, monitor, from: at, until: at, probes: 1, micros, outcome }
    }

    /// Takes one more probe in, if it came to the same; else gives it back as the beginning of another run.
    pub fn extend(&mut self, outcome: &Outcome, latency: Duration, at: Timestamp) -> bool {
        if *outcome != self.outcome {
            return false;
        }
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let total = u128::from(self.micros) * u128::from(self.probes) + u128::from(micros);
        self.probes = self.probes.saturating_add(1);
        self.micros = u64::try_from(total / u128::from(self.probes)).unwrap_or(u64::MAX);
        self.until = self.until.max(at);
        true
    }

    /// How long the probes took in the mean.
    #[must_use]
    pub const fn latency(&self) -> Duration {
        Duration::from_micros(self.micros)
    }
}

#[cfg(test)]
mod tests {
    use super::super::FailureKind;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key() -> EndpointKey {
        EndpointKey { service: "mx".to_owned(), address: [192, 0, 2, 1].into() }
    }

    #[test]
    fn probes_that_come_to_the_same_are_one_observation() {
        let latency = Duration::from_millis;
        let mut run = Observation::new(key(), "smtp".to_owned(), Outcome::Ok, latency(10), at(1));
        assert!(run.extend(&Outcome::Ok, latency(30), at(2)));
        assert!(!run.extend(&Outcome::Deferring("451 later".to_owned()), latency(10), at(3)));
        assert_eq!((run.probes, run.latency(), run.from, run.until), (2, latency(20), at(1), at(2)));
    }

    #[test]
    fn what_is_written_is_read() {
        let refused = Outcome::failed(FailureKind::Refused, "connection refused");
        for outcome in [Outcome::Ok, Outcome::Deferring("451".to_owned()), refused] {
            let run = Observation::new(key(), "smtp".to_owned(), outcome, Duration::from_millis(1), at(1));
            let text = serde_json::to_string(&run).unwrap();
            assert_eq!(serde_json::from_str::<Observation>(&text).unwrap(), run, "{text}");
        }
    }
}
