//! Demand as this node measures it: the answers of each view, summed every second.
//!
//! The peaks of the day outlive a restart in a file of their own. What is asked for as of late is learnt within seconds.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::clock::Clock;
use super::demand_file;
use super::engine::Message;
use super::picture::Picture;
use crate::answer::Tables;
use crate::model::{Service, Topology};
use crate::plan::{self, Basis, Demand, Meters, Moment, Spill, ViewRate};
use crate::serve::Usage;

/// Between two readings of the counters.
const READING: Duration = Duration::from_secs(1);
/// Readings after which peaks are saved.
const SAVING: u64 = 300;
/// Readings after which silent views are forgotten.
const TIDYING: u64 = 3_600;

/// What was measured; read by whoever plans. Whoever holds the lock holds it for no longer than a reading.
pub struct Gauge {
    clock: Clock,
    usage: Arc<Usage>,
    /// The state directory.
    directory: PathBuf,
    meters: Mutex<Meters>,
    /// Held while the peaks are written: a save that is under way when the node stops is not mixed with its last.
    saving: Mutex<()>,
}

impl Gauge {
    /// A gauge with the peaks that were saved in `directory`, as far as they can be read.
    #[must_use]
    pub fn start(clock: Clock, usage: Arc<Usage>, directory: PathBuf) -> Self {
        let mut meters = Meters::new(clock.mono());
        match demand_file::read(&directory, clock.wall()) {
            Ok((views, hours)) => meters.restore(views, hours, clock.mono()),
            Err(error) => tracing::warn!(%error, "the peaks of demand cannot be read and are learnt anew"),
        }
        Self { clock, usage, directory, meters: Mutex::new(meters), saving: Mutex::default() }
    }

    /// Reads the counters every second, saves the peaks, and tells the engine what full sites have to send on. Ends only
    /// with its task.
    pub async fn keep(
        self: Arc<Self>,
        picture: Arc<ArcSwap<Picture>>,
        tables: Arc<ArcSwap<Tables>>,
        engine: mpsc::Sender<Message>,
    ) {
        let mut ticks = interval(READING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for reading in 1_u64.. {
            ticks.tick().await;
            self.read();
            if let Some(spill) = self.spill(&picture.load(), &tables.load()) {
                let _ = engine.send(spill).await;
            }
            if reading.is_multiple_of(SAVING) {
                let gauge = Arc::clone(&self);
                let saved = tokio::task::spawn_blocking(move || gauge.save()).await.map_err(io::Error::other);
                let news = match saved.flatten() {
                    Ok(()) => Ok("peaks are saved again".to_owned()),
                    Err(error) => Err(format!(
                        "the peaks of demand cannot be saved, a restart forgets them: {error}; check the state directory"
                    )),
                };
                let _ = engine.send(Message::Part("demand", news)).await;
            }
            if reading.is_multiple_of(TIDYING) {
                self.meters().tidy(self.clock.mono());
            }
        }
    }

    /// Saves the peaks. Blocks.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn save(&self) -> io::Result<()> {
        let _alone = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let peaks = self.meters().peaks(self.clock.mono());
        demand_file::write(&self.directory, peaks, self.clock.wall())
    }

    fn read(&self) {
        let (counted, now) = (self.usage.take_demand(), self.clock.mono());
        let mut meters = self.meters();
        for (view, queries) in counted {
            meters.count(&view, queries, now);
        }
    }

    /// The rates of all views.
    #[must_use]
    pub fn rates(&self) -> Vec<ViewRate> {
        // What was answered a moment ago counts.
        self.read();
        self.meters().rates(self.clock.mono())
    }

    /// The demand of all views at `moment`, in the operator's unit.
    #[must_use]
    pub fn demands(&self, topology: &Topology, tables: &Tables, moment: Moment) -> Vec<Demand> {
        demands(topology, tables, &self.rates(), moment)
    }

    /// What full sites have to send on; `None` where no service wants it.
    fn spill(&self, picture: &Picture, tables: &Tables) -> Option<Message> {
        let topology = &picture.topology;
        if !plan::may_spill(topology) {
            return None;
        }
        let rates = plan::known_well(&self.rates());
        let mut demands = demands(topology, tables, &rates, Moment::Now);
        // Nobody is moved by an assumption.
        let is_known = |service: &Service| plan::basis(service, &rates) != Basis::Even;
        demands.retain(|demand| topology.service(demand.service).is_some_and(is_known));
        let spill = Spill::of(topology, &picture.plan, &demands);
        Some(Message::Spill(Arc::clone(topology), spill))
    }

    fn meters(&self) -> MutexGuard<'_, Meters> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `rates` come to in the operator's unit.
#[must_use]
pub fn demands(topology: &Topology, tables: &Tables, rates: &[ViewRate], moment: Moment) -> Vec<Demand> {
    plan::demands(topology, rates, moment, |service| tables.steering().views(service).map(|(_, order)| order).collect())
}
