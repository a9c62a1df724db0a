//! What past answers are explained from: every plan, and every configuration with its zones, in the state directory.
//!
//! A thread of its own writes plans as lines into segments, each of which begins with all that was in force, and texts under
//! the hash of what they hold, once each. It never holds anything up: what cannot be written is lost, counted, and told of
//! where an answer would have needed it. The oldest segments go first.

mod objects;
mod past;
mod record;
#[cfg(test)]
mod tests;
mod writer;

pub use past::{Past, PastFault};

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use self::writer::Writer;
use super::clock::Clock;
use crate::model::{Generation, Plan, Settings, Topology};
use crate::zone::Zones;

/// What may wait for the disk.
const BACKLOG: usize = 4_096;
/// Name of the directory in the state directory.
const DIRECTORY: &str = "history";
/// Octets of a segment after which another is begun.
const SEGMENT: u64 = 4 << 20;
/// Zones with texts of their own that are kept of one configuration; answers of the others cannot be reproduced.
const ZONES_MOST: usize = 10_000;

/// What happened.
enum Entry {
    /// A configuration and its zones came into force.
    Loaded { time: Timestamp, generation: Generation, settings: Arc<Settings>, zones: Zones },
    /// A plan came into force.
    Plan { time: Timestamp, topology: Arc<Topology>, plan: Arc<Plan> },
}

/// Where the past is handed in. Never waits.
#[derive(Clone)]
pub struct History {
    queue: Option<mpsc::Sender<Entry>>,
    lost: Arc<AtomicU64>,
}

impl History {
    /// Starts to write into the state directory of `settings`; nothing is kept where they say so.
    pub fn start(settings: &Settings, clock: Clock) -> (Self, Option<tokio::task::JoinHandle<()>>) {
        let lost = Arc::<AtomicU64>::default();
        if settings.audit.history == 0 {
            return (Self { queue: None, lost }, None);
        }
        let (queue, entries) = mpsc::channel(BACKLOG);
        let bounds = Bounds { octets: settings.audit.history.saturating_mul(1 << 20), age: settings.audit.keep };
        let writer = Writer::new(directory(settings), bounds, clock, Arc::clone(&lost));
        let task = tokio::task::spawn_blocking(move || writer.run(entries));
        (Self { queue: Some(queue), lost }, Some(task))
    }

    /// One that keeps nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { queue: None, lost: Arc::default() }
    }

    /// A configuration and its zones are in force from `time` on.
    pub fn loaded(&self, time: Timestamp, generation: Generation, settings: &Arc<Settings>, zones: &Zones) {
        self.put(Entry::Loaded { time, generation, settings: Arc::clone(settings), zones: zones.clone() });
    }

    /// A plan is in force from `time` on.
    pub fn planned(&self, time: Timestamp, topology: &Arc<Topology>, plan: &Arc<Plan>) {
        self.put(Entry::Plan { time, topology: Arc::clone(topology), plan: Arc::clone(plan) });
    }

    /// How much was lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn put(&self, entry: Entry) {
        if let Some(queue) = &self.queue
            && queue.try_send(entry).is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How much is kept.
#[derive(Clone, Copy)]
struct Bounds {
    octets: u64,
    age: Duration,
}

/// Where the past lies.
#[must_use]
pub fn directory(settings: &Settings) -> PathBuf {
    settings.state.path.join(DIRECTORY)
}
