//! The prober: keeps one watch per target.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::bounds::{IN_FLIGHT, IN_FLIGHT_DOWN};
use super::stats::Counters;
use super::tls::TrustStore;
use super::watch::{Window, keep_watch};
use super::{Opinion, Sample, Stats, Target, TargetStatus};
use crate::health::Observation;
use crate::model::EndpointKey;

/// What all watches share.
pub(super) struct Common {
    /// This node's name: spreads probes so that N nodes do not probe together.
    pub(super) node: String,
    /// The start of [`crate::model::Mono`].
    pub(super) epoch: Instant,
    pub(super) opinions: mpsc::Sender<Opinion>,
    /// Bounds the probes of endpoints that are not down.
    pub(super) slots: Arc<Semaphore>,
    /// Bounds the probes of endpoints that are down.
    pub(super) slots_down: Arc<Semaphore>,
    pub(super) counters: Counters,
    pub(super) trust: TrustStore,
    /// Who records what probes find, if anybody does.
    pub(super) observer: OnceLock<Observer>,
}

/// Takes what probes found, run by run. It must not wait.
pub type Observer = Box<dyn Fn(Observation) + Send + Sync>;

impl Common {
    pub(super) fn new(node: &str, epoch: Instant, opinions: mpsc::Sender<Opinion>) -> Self {
        Self {
            node: node.to_owned(),
            epoch,
            opinions,
            slots: Arc::new(Semaphore::new(IN_FLIGHT)),
            slots_down: Arc::new(Semaphore::new(IN_FLIGHT_DOWN)),
            counters: Counters::default(),
            trust: TrustStore::default(),
            observer: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Common {
    /// Tells a run that is over to whoever records.
    pub(super) fn observed(&self, run: Option<Observation>) {
        if let (Some(run), Some(observer)) = (run, self.observer.get()) {
            observer(run);
        }
    }
}

/// One watch as the prober sees it.
#[derive(Debug)]
struct Running {
    target: Target,
    window: Window,
    task: JoinHandle<()>,
}

type Watches = HashMap<(EndpointKey, String), Running>;

/// Probes all targets and sends an [`Opinion`] on every change. Cheap per target: a task, no thread.
#[derive(Debug)]
pub struct Prober {
    common: Arc<Common>,
    watches: Mutex<Watches>,
}

impl Prober {
    /// A prober without targets, for the node called `node`. `epoch` is the moment that [`crate::model::Mono`] counts from.
    ///
    /// Opinions that the receiver is slow to take do not hold up probing: each watch keeps its latest one until there is room.
    #[must_use]
    pub fn start(node: &str, epoch: Instant, opinions: mpsc::Sender<Opinion>) -> Self {
        let common = Common::new(node, epoch, opinions);
        Self { common: Arc::new(common), watches: Mutex::default() }
    }

    /// Has what probes find told to `observer` from now on; the first one stays.
    pub fn observe(&self, observer: Observer) {
        let _ = self.common.observer.set(observer);
    }

    /// Probes exactly `targets` from now on. Watches of unchanged targets run on undisturbed with all they have learnt;
    /// a target that is probed differently starts anew with its last verdict. Must be called within a tokio runtime.
    pub fn replace(&self, targets: Vec<Target>) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *watches);
        for mut target in targets {
            let id = (target.key.clone(), target.monitor.name.clone());
            let running = match old.remove(&id) {
                Some(running) if running.target.is_probed_like(&target) => running,
                Some(running) => {
                    running.task.abort();
                    target.restored = Some(running.window.status().verdict);
                    self.watch(target)
                }
                None => self.watch(target),
            };
            if let Some(twice) = watches.insert(id, running) {
                twice.task.abort();
            }
        }
        for running in old.into_values() {
            running.task.abort();
        }
    }

    /// Probes the endpoint now, under all its monitors: another node suspects it (DESIGN section 6).
    pub fn hint(&self, key: &EndpointKey) {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        for ((endpoint, _), running) in watches.iter() {
            if endpoint == key {
                running.window.hint.notify_one();
            }
        }
    }

    /// How things stand with every target, in the order of endpoints and monitor names.
    #[must_use]
    pub fn snapshot(&self) -> Vec<TargetStatus> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = watches.values().map(|running| running.window.status()).collect();
        drop(watches);
        all.sort_by(|a, b| (&a.key, &a.monitor).cmp(&(&b.key, &b.monitor)));
        all
    }

    /// What the last probes of an endpoint found, by monitor in the order of names, the oldest first.
    #[must_use]
    pub fn history(&self, key: &EndpointKey) -> Vec<(String, Vec<Sample>)> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let of_endpoint = watches.iter().filter(|((endpoint, _), _)| endpoint == key);
        let mut all: Vec<_> =
            of_endpoint.map(|((_, monitor), running)| (monitor.clone(), running.window.history.samples())).collect();
        drop(watches);
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// Counts since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let targets = self.watches.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.common.counters.read(targets)
    }

    /// Stops all watches and waits until they have.
    pub async fn stop(&self) {
        let watches = std::mem::take(&mut *self.watches.lock().unwrap_or_else(PoisonError::into_inner));
        for running in watches.values() {
            running.task.abort();
        }
        for running in watches.into_values() {
            // The error is the abort that was asked for.
            let _ = running.task.await;
            self.common.observed(running.window.runs.close());
        }
    }

    fn watch(&self, target: Target) -> Running {
        let window = Window::new(&target);
        let task = tokio::spawn(keep_watch(Arc::clone(&self.common), target.clone(), window.clone()));
        Running { target, window, task }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        for running in self.watches.get_mut().unwrap_or_else(PoisonError::into_inner).values() {
            running.task.abort();
        }
    }
}
