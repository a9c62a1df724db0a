//! What past answers are explained from: every plan, and every configuration with its zones, in the state directory.
//!
//! A thread of its own writes plans as lines into segments, each of which begins with all that was in force, and texts under
//! the hash of what they hold, once each. It never holds anything up: what cannot be written is lost, counted, and told of
//! where an answer would have needed it. The oldest segments go first.

mod keeping;
mod objects;
mod past;
mod rebuild;
mod record;
#[cfg(test)]
mod tests;
mod writer;

pub use past::{Past, PastFault, unwritten};

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    Loaded(InForce),
    /// A plan came into force.
    Plan { time: Timestamp, topology: Arc<Topology>, plan: Arc<Plan> },
}

/// A configuration and its zones.
struct InForce {
    /// Since when.
    time: Timestamp,
    /// Of the first plan.
    generation: Generation,
    settings: Arc<Settings>,
    zones: Zones,
}

/// What could not be handed in before an entry.
struct Missed {
    /// Since when it is not known what was in force.
    since: Timestamp,
    /// The last configuration among it.
    loaded: Option<InForce>,
}

/// An entry, with what had to be left out right before it.
struct Handed {
    entry: Entry,
    missed: Option<Missed>,
}

/// Since when what is in force is not in the segments, while that is so.
#[derive(Clone, Default)]
struct Gap(Arc<Mutex<Option<Timestamp>>>);

impl Gap {
    fn since(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is so since `time`, unless it was before.
    fn begin(&self, time: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(time);
    }

    fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Where the past is handed in. Never waits.
#[derive(Clone)]
pub struct History {
    queue: Option<mpsc::Sender<Handed>>,
    lost: Arc<AtomicU64>,
    missed: Arc<Mutex<Option<Missed>>>,
    gap: Gap,
}

impl History {
    /// Starts to write into the state directory of `settings`; nothing is kept where they say so.
    pub fn start(settings: &Settings, clock: Clock) -> (Self, Option<tokio::task::JoinHandle<()>>) {
        if settings.audit.history == 0 {
            return (Self::none(), None);
        }
        let (queue, entries) = mpsc::channel(BACKLOG);
        let history = Self { queue: Some(queue), ..Self::none() };
        let bounds = Bounds { octets: settings.audit.history.saturating_mul(1 << 20), age: settings.audit.keep };
        let (lost, gap) = (Arc::clone(&history.lost), history.gap.clone());
        let writer = Writer::new(directory(settings), bounds, clock, lost, gap);
        let task = tokio::task::spawn_blocking(move || writer.run(entries));
        (history, Some(task))
    }

    /// One that keeps nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { queue: None, lost: Arc::default(), missed: Arc::default(), gap: Gap::default() }
    }

    /// A configuration and its zones are in force from `time` on.
    pub fn loaded(&self, time: Timestamp, generation: Generation, settings: &Arc<Settings>, zones: &Zones) {
        let (settings, zones) = (Arc::clone(settings), zones.clone());
        self.put(Entry::Loaded(InForce { time, generation, settings, zones }));
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

    /// Since when what is in force could not be written, while that is so: the segments tell of what was before.
    #[must_use]
    pub fn unwritten_since(&self) -> Option<Timestamp> {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|missed| missed.since);
        match (self.gap.since(), missed) {
            (Some(gap), Some(missed)) => Some(gap.min(missed)),
            (gap, missed) => gap.or(missed),
        }
    }

    fn put(&self, entry: Entry) {
        let Some(queue) = &self.queue else { return };
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(refused) = queue.try_send(Handed { entry, missed: missed.take() }) else { return };
        self.lost.fetch_add(1, Ordering::Relaxed);
        // Told with the next entry that finds room: what is in force would otherwise be taken for what was before.
        let Handed { entry, missed: before } = refused.into_inner();
        let (time, loaded) = match entry {
            Entry::Loaded(loaded) => (loaded.time, Some(loaded)),
            Entry::Plan { time, .. } => (time, None),
        };
        let (since, known) = before.map_or((time, None), |before| (before.since, before.loaded));
        *missed = Some(Missed { since, loaded: loaded.or(known) });
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
