//! The log of incidents of this node, kept up with its journal and across restarts.
//!
//! Follows the journal beside everything else. What is known is kept in the store with the id of the last event that it
//! holds, so that a start reads what has come since and no more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::time::{Instant, interval};
use tracing::{debug, warn};

use super::clock::Clock;
use super::journal::Journal;
use super::picture::Picture;
use crate::model::{Event, EventKind};
use crate::plan::incidents::{IncidentLog, Missed, Notice};
use crate::store::{Store, StoreError};

/// The name of the copy in the store.
const COPY: &str = "incidents";
/// Events that a start reads at most; what lies further back is left to the journal.
const TAIL: u64 = 50_000;
/// Events read at once.
const PAGE: usize = 5_000;
/// Between two looks at what time alone changes.
const TICK: Duration = Duration::from_secs(1);
/// Between two writes of what is known.
const SAVE: Duration = Duration::from_secs(5);

/// What is known of incidents, for everyone who looks.
#[derive(Clone, Default)]
pub struct Casebook(Arc<Mutex<IncidentLog>>);

impl Casebook {
    /// The log.
    pub fn log(&self) -> MutexGuard<'_, IncidentLog> {
        // Nothing panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a [`Casebook`] up with the journal.
pub struct Follower {
    /// What is kept up.
    pub casebook: Casebook,
    /// Clocks.
    pub clock: Clock,
    /// What is followed, and told of what was found.
    pub journal: Journal,
    /// Where events are read and what is known is kept.
    pub store: Arc<dyn Store>,
    /// The objectives in force.
    pub picture: Arc<ArcSwap<Picture>>,
}

impl Follower {
    /// Follows until the journal ends.
    pub async fn follow(self) {
        // Before anything is read, so that nothing falls between the two.
        let mut live = self.journal.subscribe();
        let (casebook, store, last) = (self.casebook.clone(), Arc::clone(&self.store), self.journal.last_id());
        self.beside(move || restore(&casebook, &*store, last)).await;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut saved = (self.casebook.log().progress(), Instant::now());
        loop {
            tokio::select! {
                received = live.recv() => if !self.heard(received, &mut live).await { return },
                _ = ticks.tick() => {}
            }
            let now = self.clock.wall();
            self.casebook.log().runs(self.picture.load().plan.generation.epoch, now);
            self.tell(now);
            let progress = self.casebook.log().progress();
            if progress != saved.0 && saved.1.elapsed() >= SAVE {
                saved = (progress, Instant::now());
                let (casebook, store) = (self.casebook.clone(), Arc::clone(&self.store));
                self.beside(move || save(&casebook, &*store)).await;
            }
        }
    }

    /// Takes what was heard, and all that is there with it; gives whether there will be more.
    async fn heard(
        &self,
        mut received: Result<Arc<Event>, broadcast::error::RecvError>,
        live: &mut broadcast::Receiver<Arc<Event>>,
    ) -> bool {
        loop {
            let is_behind = match &received {
                Ok(event) => !self.is_next(event),
                Err(broadcast::error::RecvError::Lagged(_)) => true,
                Err(broadcast::error::RecvError::Closed) => return false,
            };
            if is_behind {
                let (casebook, store) = (self.casebook.clone(), Arc::clone(&self.store));
                self.beside(move || catch_up(&casebook, &*store)).await;
            }
            match live.try_recv() {
                Ok(event) => received = Ok(event),
                Err(broadcast::error::TryRecvError::Lagged(missed)) => {
                    received = Err(broadcast::error::RecvError::Lagged(missed));
                }
                Err(_) => return true,
            }
        }
    }

    /// Takes `event` unless others come before it. What could not be journalled comes again when it is.
    fn is_next(&self, event: &Event) -> bool {
        let mut log = self.casebook.log();
        if event.id > log.as_of().saturating_add(1) {
            return false;
        }
        log.take(event);
        true
    }

    /// Tells the journal what was found.
    fn tell(&self, now: Timestamp) {
        let settings = Arc::clone(&self.picture.load().settings);
        let notices = self.casebook.log().notices(&settings.objectives, now);
        for notice in notices {
            self.journal.record(match notice {
                Notice::Opened(incident, detail, impact) => EventKind::IncidentOpened { incident, detail, impact },
                Notice::Closed(incident, detail) => EventKind::IncidentClosed { incident, detail },
                Notice::Missed(Missed { objective, service, incident, detail }) => {
                    EventKind::ObjectiveMissed { objective, service, incident, detail }
                }
            });
        }
    }

    async fn beside(&self, work: impl FnOnce() -> Result<(), StoreError> + Send + 'static) {
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(())) => {}
            // The store is told of as a whole; this is tried again.
            Ok(Err(error)) => debug!(%error, "the log of incidents waits for the store"),
            Err(error) => warn!(%error, "the log of incidents fell behind by a fault"),
        }
    }
}

/// What was known before the start, and what the journal tells since, up to event `last`.
fn restore(casebook: &Casebook, store: &dyn Store, last: u64) -> Result<(), StoreError> {
    if let Some(text) = store.copy(COPY)? {
        match serde_json::from_str::<IncidentLog>(&text) {
            Ok(known) if known.as_of() <= last => *casebook.log() = known,
            Ok(_) => warn!("the journal began anew; so does the log of incidents"),
            Err(error) => warn!(%error, "the log of incidents cannot be read and is made anew from the journal"),
        }
    }
    casebook.log().skip_to(last.saturating_sub(TAIL));
    catch_up(casebook, store)
}

/// Takes all events that the journal holds.
fn catch_up(casebook: &Casebook, store: &dyn Store) -> Result<(), StoreError> {
    loop {
        let events = store.events(casebook.log().as_of(), PAGE)?;
        if events.is_empty() {
            return Ok(());
        }
        let mut log = casebook.log();
        events.iter().for_each(|event| log.take(event));
    }
}

fn save(casebook: &Casebook, store: &dyn Store) -> Result<(), StoreError> {
    let text = serde_json::to_string(&*casebook.log());
    let text = text.map_err(|error| StoreError::Io { file: COPY.into(), detail: error.to_string() })?;
    store.keep_copy(COPY, &text, Vec::new()).map(drop)
}
