//! Demand as this node measures it: the answers of each view, summed every second.
//!
//! Kept in memory: after a restart the peak of the day is learnt anew, and until then the busiest moment since is the peak.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::clock::Clock;
use crate::answer::Tables;
use crate::model::Topology;
use crate::plan::{self, Demand, Meters, Moment, ViewRate};
use crate::serve::Usage;

/// Between two readings of the counters.
const READING: Duration = Duration::from_secs(1);
/// Readings after which silent views are forgotten.
const TIDYING: u64 = 3_600;

/// What was measured; read by whoever plans. Whoever holds the lock holds it for no longer than a reading.
pub struct Gauge {
    clock: Clock,
    usage: Arc<Usage>,
    meters: Mutex<Meters>,
}

impl Gauge {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(clock: Clock, usage: Arc<Usage>) -> Self {
        Self { clock, usage, meters: Mutex::new(Meters::new(clock.mono())) }
    }

    /// Reads the counters every second. Ends only with its task.
    pub async fn keep(self: Arc<Self>) {
        let mut ticks = interval(READING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for reading in 1_u64.. {
            ticks.tick().await;
            self.read();
            if reading.is_multiple_of(TIDYING) {
                self.meters.lock().unwrap_or_else(PoisonError::into_inner).tidy(self.clock.mono());
            }
        }
    }

    fn read(&self) {
        let (counted, now) = (self.usage.take_demand(), self.clock.mono());
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        for (view, queries) in counted {
            meters.count(&view, queries, now);
        }
    }

    /// The rates of all views.
    #[must_use]
    pub fn rates(&self) -> Vec<ViewRate> {
        // What was answered a moment ago counts.
        self.read();
        self.meters.lock().unwrap_or_else(PoisonError::into_inner).rates(self.clock.mono())
    }

    /// The demand of all views at `moment`, in the operator's unit.
    #[must_use]
    pub fn demands(&self, topology: &Topology, tables: &Tables, moment: Moment) -> Vec<Demand> {
        demands(topology, tables, &self.rates(), moment)
    }
}

/// What `rates` come to in the operator's unit.
#[must_use]
pub fn demands(topology: &Topology, tables: &Tables, rates: &[ViewRate], moment: Moment) -> Vec<Demand> {
    plan::demands(topology, rates, moment, |service| tables.steering().views(service).map(|(_, order)| order).collect())
}
