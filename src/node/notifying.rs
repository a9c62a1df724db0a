//! Notifications of this node: who is told what of the journal, across restarts and among nodes.
//!
//! How far the targets are is kept in the store with what is open, so that what waited for a target at a stop is told after
//! the start; something may be told twice, under one id. Of what every node sees, one tells ([`super::tellers`]); the others
//! hold it back for a while, in case that one is gone or does not reach the target.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, interval};
use tracing::{debug, warn};

use super::clock::Clock;
use super::journal::Journal;
use super::picture::Picture;
use super::tellers::Tellers;
use crate::health::bounds::BALLOT_FRESHNESS;
use crate::model::{Event, EventKind, HookOutcome, Mono, NotifyTarget, Subject};
use crate::notify::{News, OPEN, REPEAT, RESTART_EVENTS, Target};
use crate::plan::notification::{
    Notification, Phase, Teller, degraded, ends_soon, expiring, is_news, no_longer, notification,
};
use crate::store::{Store, StoreError};

/// The name of the copy in the store.
const COPY: &str = "notifications";
/// Events read at once.
const PAGE: usize = 1_000;
/// Between two looks at what time alone changes, and two writes of how far the targets are.
const TICK: Duration = Duration::from_secs(1);
const SAVE: Duration = Duration::from_secs(5);
/// How long what another node is to tell is held back: longer than it takes to see that that node is gone.
const HOLD: Duration = Duration::from_secs(BALLOT_FRESHNESS.as_secs() * 3);
/// How long something must be gone from the picture before it is over, where the journal does not say so.
const OVERDUE: Duration = Duration::from_secs(10);

/// The targets and what hooks did, for everyone who looks.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<Notes>>);

/// What is on a [`Board`].
#[derive(Default)]
pub struct Notes {
    /// In file order.
    pub targets: Vec<Arc<Target>>,
    /// How often runs of hooks came to what.
    pub runs: BTreeMap<(String, HookOutcome), u64>,
}

impl Board {
    /// What is on it.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        // Nothing panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The targets that are not reached, by name.
    pub fn failing(&self) -> Vec<String> {
        let notes = self.notes();
        let failing = notes.targets.iter().filter(|target| target.is_failing());
        failing.map(|target| target.declared().name.clone()).collect()
    }
}

/// Tells targets of what the journal says.
pub struct Notifier {
    /// Where the targets are.
    pub board: Board,
    /// Clocks.
    pub clock: Clock,
    /// What is followed, and told of targets that fail.
    pub journal: Journal,
    /// Where events are read, and how far the targets are is kept.
    pub store: Arc<dyn Store>,
    /// The targets that are declared, the orders that stand, the other nodes.
    pub picture: Arc<ArcSwap<Picture>>,
    /// The newest event from before this start.
    pub before: u64,
}

/// How far everything is, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// The last event that nothing waits of at any target.
    position: u64,
    /// The last event that nothing waits of, by target.
    targets: BTreeMap<String, u64>,
    /// What was open then.
    open: BTreeMap<String, Notification>,
}

/// Where the notifier is in the journal.
#[derive(Default)]
struct Course {
    /// The last event that was taken.
    position: u64,
    /// The last event that nothing waited of before the start, by target.
    floors: BTreeMap<String, u64>,
    open: BTreeMap<String, Notification>,
    /// What events closed that may be told again after a restart.
    closed: VecDeque<(u64, Notification)>,
    /// What one node is to tell, until it is told or left to another.
    held: VecDeque<Held>,
    /// Since when the picture does not hold what is open.
    gone: BTreeMap<String, Mono>,
}

/// What one of the nodes is to tell.
struct Held {
    since: Mono,
    told: Notification,
    event: u64,
    /// The targets that this node has told.
    at: BTreeSet<String>,
}

impl Notifier {
    /// Follows until the journal ends.
    pub async fn follow(self) {
        // Before anything is read, so that nothing falls between the two.
        let mut live = self.journal.subscribe();
        self.follow_settings();
        let (store, before) = (Arc::clone(&self.store), self.before);
        let kept = self.beside(move || restore(&*store, before)).await.unwrap_or_default();
        let mut course = Course {
            position: kept.position,
            floors: kept.targets.clone(),
            open: kept.open.clone(),
            ..Course::default()
        };
        // At once for the first time, so that what waits for a new target outlives a kill.
        let mut saved = (kept, None::<Instant>);
        self.catch_up(&mut course).await;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut repeated = Instant::now();
        loop {
            tokio::select! {
                received = live.recv() => {
                    let mut received = Some(received);
                    while let Some(next) = received {
                        match next {
                            Ok(event) if event.id <= course.position.saturating_add(1) => self.take(&mut course, &event),
                            Ok(_) | Err(RecvError::Lagged(_)) => self.catch_up(&mut course).await,
                            Err(RecvError::Closed) => return,
                        }
                        received = match live.try_recv() {
                            Ok(event) => Some(Ok(event)),
                            Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
                            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
                        };
                    }
                }
                _ = ticks.tick() => {}
            }
            self.follow_settings();
            self.look(&mut course);
            if repeated.elapsed() >= REPEAT {
                repeated = Instant::now();
                self.repeat(&course);
            }
            if saved.1.is_none_or(|at| at.elapsed() >= SAVE) {
                let kept = self.kept(&mut course);
                saved.1 = Some(Instant::now());
                if kept != saved.0 {
                    let (store, text) = (Arc::clone(&self.store), serde_json::to_string(&kept).unwrap_or_default());
                    if self.beside(move || store.keep_copy(COPY, &text, Vec::new())).await.is_some() {
                        saved.0 = kept;
                    }
                }
            }
        }
    }

    /// Starts targets that are new and stops those that are declared no more.
    fn follow_settings(&self) {
        let settings = Arc::clone(&self.picture.load().settings);
        let before = self.board.notes().targets.clone();
        if before.len() == settings.notify.len()
            && before.iter().zip(&settings.notify).all(|(target, declared)| target.declared() == declared)
        {
            return;
        }
        // Starting one takes a while, and nobody may wait for the board.
        let start = |declared: &NotifyTarget| {
            let known = before.iter().find(|target| target.declared() == declared).cloned();
            let journal = self.journal.clone();
            known.unwrap_or_else(|| {
                let tell = move |news| {
                    journal.record(match news {
                        News::Failing { target, detail } => EventKind::NotifyFailing { target, detail },
                        News::Recovered { target } => EventKind::NotifyRecovered { target },
                    });
                };
                let mended = before.iter().find(|target| target.declared().name == declared.name);
                Arc::new(match mended {
                    Some(before) => Target::in_place_of(before, declared.clone(), Box::new(tell)),
                    None => Target::start(declared.clone(), Box::new(tell)),
                })
            })
        };
        let targets = settings.notify.iter().map(start).collect();
        self.board.notes().targets = targets;
    }

    /// Takes all events that the journal holds.
    async fn catch_up(&self, course: &mut Course) {
        loop {
            let (store, after) = (Arc::clone(&self.store), course.position);
            let read = self.beside(move || store.events(after, PAGE)).await.unwrap_or_default();
            if read.is_empty() {
                return;
            }
            read.iter().for_each(|event| self.take(course, event));
        }
    }

    /// Takes an event; one without an id could not be journalled.
    fn take(&self, course: &mut Course, event: &Event) {
        if event.id > 0 {
            if event.id <= course.position {
                return;
            }
            course.position = event.id;
        }
        if let Some(told) = notification(event) {
            self.consider(course, told, event.id);
        }
    }

    fn consider(&self, course: &mut Course, told: Notification, event: u64) {
        let was_open = course.open.contains_key(&told.key);
        if !is_news(&told, was_open) {
            return;
        }
        match told.phase {
            Phase::Opens if was_open || course.open.len() < OPEN => {
                drop(course.open.insert(told.key.clone(), told.clone()))
            }
            Phase::Closes => {
                if let Some(open) = course.open.remove(&told.key)
                    && event > 0
                {
                    course.closed.push_back((event, open));
                }
            }
            Phase::Opens | Phase::Updates | Phase::Tells => {}
        }
        if told.teller == Teller::Each {
            for target in &self.board.notes().targets {
                tell(&course.floors, target, &told, event);
            }
        } else {
            if course.held.len() >= OPEN {
                course.held.pop_front();
            }
            course.held.push_back(Held { since: self.clock.mono(), told, event, at: BTreeSet::new() });
            self.tell_held(course);
        }
    }

    /// Tells the targets that are this node's to tell what is held, and forgets what nobody needs to hear from it.
    fn tell_held(&self, course: &mut Course) {
        if course.held.is_empty() {
            return;
        }
        let (now, picture) = (self.clock.mono(), self.picture.load());
        let tellers = Tellers::of(&picture, now);
        let notes = self.board.notes();
        let mut nobody_reaches = Vec::new();
        for target in &notes.targets {
            let name = &target.declared().name;
            if tellers.has_own(name, target.is_failing()) {
                for held in course.held.iter_mut().filter(|held| !held.at.contains(name)) {
                    tell(&course.floors, target, &held.told, held.event);
                    held.at.insert(name.clone());
                }
            } else if target.is_failing() {
                // Whoever reaches it would be the one that tells it.
                nobody_reaches.push(name.clone());
            }
        }
        let has_told = |held: &Held, name: &String| held.at.contains(name);
        course.held.retain(|held| {
            let is_told = notes.targets.iter().all(|target| has_told(held, &target.declared().name));
            let is_wanted = now.since(held.since) <= HOLD || nobody_reaches.iter().any(|name| !has_told(held, name));
            !is_told && is_wanted
        });
    }

    /// What time changes: orders come to their end, nodes fall silent, and what was open is so no more.
    fn look(&self, course: &mut Course) {
        let (now, wall, picture) = (self.clock.mono(), self.clock.wall(), self.picture.load_full());
        let node = &picture.settings.node.name;
        for order in picture.orders.iter() {
            if let Some(told) = ends_soon(&order.intent, node, wall)
                && course.open.get(&told.key).is_none_or(|open| open.id != told.id)
            {
                self.consider(course, told, 0);
            }
        }
        self.tell_held(course);
        let holds = |open: &Notification| match open.subject {
            Subject::Expiring => picture.orders.iter().any(|order| expiring(&order.intent.scope) == open.key),
            Subject::Degraded if open.teller == Teller::Each && open.key.starts_with(&degraded(node, "")) => {
                let part = open.key.strip_prefix(&degraded(node, "")).unwrap_or_default();
                // These two the picture does not hold; the journal tells of their end.
                part == "connection" || part.starts_with("zone ") || picture.degradations.contains_key(part)
            }
            _ => true,
        };
        course.gone.retain(|key, _| course.open.get(key).is_some_and(|open| !holds(open)));
        for open in course.open.values().filter(|open| !holds(open)) {
            course.gone.entry(open.key.clone()).or_insert(now);
        }
        let over: Vec<Notification> = course
            .gone
            .iter()
            .filter(|(_, since)| now.since(**since) >= OVERDUE)
            .filter_map(|(key, _)| course.open.get(key).map(|open| no_longer(open, wall)))
            .collect();
        for told in over {
            self.consider(course, told, 0);
        }
    }

    fn repeat(&self, course: &Course) {
        let picture = self.picture.load();
        let tellers = Tellers::of(&picture, self.clock.mono());
        for target in &self.board.notes().targets {
            let is_ours = tellers.has_own(&target.declared().name, target.is_failing());
            let open = course.open.values().filter(|open| open.teller == Teller::Each || is_ours);
            target.repeat(&open.cloned().collect::<Vec<_>>());
        }
    }

    /// How far everything is.
    fn kept(&self, course: &mut Course) -> Kept {
        let held = course.held.iter().map(|held| held.event).find(|event| *event > 0);
        let settled = |unsettled: Option<u64>| match [unsettled, held].into_iter().flatten().min() {
            Some(event) => event.saturating_sub(1).min(course.position),
            None => course.position,
        };
        let targets: BTreeMap<String, u64> = self
            .board
            .notes()
            .targets
            .iter()
            .map(|target| (target.declared().name.clone(), settled(target.unsettled())))
            .collect();
        let position = targets.values().copied().min().unwrap_or_else(|| settled(None));
        while course.closed.front().is_some_and(|(event, _)| *event <= position) {
            course.closed.pop_front();
        }
        let mut open = course.open.clone();
        for (_, closed) in &course.closed {
            open.entry(closed.key.clone()).or_insert_with(|| closed.clone());
        }
        Kept { position, targets, open }
    }

    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(done)) => Some(done),
            // The store is told of as a whole; this is tried again.
            Ok(Err(error)) => {
                debug!(%error, "notifications wait for the store");
                None
            }
            Err(error) => {
                warn!(%error, "notifications fell behind by a fault");
                None
            }
        }
    }
}

/// Hands `told` to `target`, unless that was settled before the start.
fn tell(floors: &BTreeMap<String, u64>, target: &Target, told: &Notification, event: u64) {
    let floor = floors.get(&target.declared().name).copied().unwrap_or(0);
    if event == 0 || event > floor {
        target.tell(told.clone(), event);
    }
}

/// How far the targets were before the start, of which `before` was the newest event.
fn restore(store: &dyn Store, before: u64) -> Result<Kept, StoreError> {
    let known = store.copy(COPY)?.and_then(|text| match serde_json::from_str::<Kept>(&text) {
        Ok(kept) if kept.position <= before => Some(kept),
        Ok(_) => None,
        Err(error) => {
            warn!(%error, "how far notifications were cannot be read; what comes from now on is told");
            None
        }
    });
    // Who was never told anything is not told of the past.
    let mut kept = known.unwrap_or(Kept { position: before, ..Kept::default() });
    kept.position = kept.position.max(before.saturating_sub(RESTART_EVENTS));
    Ok(kept)
}
