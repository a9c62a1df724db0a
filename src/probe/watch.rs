//! The watch over one target: drives its detector with time and with probes.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::bounds::LATE_WAKE;
use super::check::{Check, Report};
use super::history::History;
use super::prober::Common;
use super::runs::Runs;
use super::stats::MonitorCounters;
use super::{Opinion, Target, TargetStatus};
use crate::health::{Change, Depth, Detector, FailureKind, Finding, Outcome, Phase, ProbeNumber, Thresholds, spread};
use crate::model::{EndpointKey, Mono, State, Verdict};

/// A place in one of the pools that bound the probes under way.
type Slot = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// What wakes a watch.
enum Event {
    Ended(Result<(Id, Report), JoinError>),
    Slot(Option<OwnedSemaphorePermit>),
    Room,
    Hint,
    Time,
    /// Nobody listens to opinions any more.
    Closed,
}

/// The watch over one target.
struct Watch {
    common: Arc<Common>,
    counters: Arc<MonitorCounters>,
    key: EndpointKey,
    monitor: String,
    check: Arc<Check>,
    detector: Detector,
    probes: JoinSet<Report>,
    /// Which task is which probe.
    numbers: HashMap<Id, (ProbeNumber, Depth, AbortHandle)>,
    latency: Option<Duration>,
    /// The last conversation that went wrong.
    transcript: Option<String>,
    /// When the first of the probes failed that cast the present doubt or led to the present trouble.
    failing_since: Option<Timestamp>,
    /// An opinion that waits for room.
    unsent: Option<Opinion>,
    window: Window,
}

/// What a watch shares with the prober.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) status: Arc<Mutex<TargetStatus>>,
    /// Wakes the watch to probe at once.
    pub(super) hint: Arc<Notify>,
    /// What probes found, to be recorded.
    pub(super) runs: Arc<Runs>,
    /// What the last probes found one by one.
    pub(super) history: History,
}

impl Window {
    pub(super) fn new(target: &Target) -> Self {
        let unknown = Verdict { state: State::Unknown, reason: "not probed yet".to_owned(), since: Timestamp::now() };
        let status = TargetStatus {
            key: target.key.clone(),
            monitor: target.monitor.name.clone(),
            address: target.address,
            verdict: target.restored.clone().unwrap_or(unknown),
            suspect: false,
            phase: Phase::Unknown,
            evidence: 0.0,
            held_for: None,
            latency: None,
            overdue_bound: target.monitor.timeout,
            last_probe: None,
            last_trouble: None,
            reading: None,
        };
        let runs = Arc::new(Runs::new(target.key.clone(), target.monitor.name.clone()));
        Self { status: Arc::new(Mutex::new(status)), hint: Arc::default(), runs, history: History::default() }
    }

    /// How things stand.
    pub(super) fn status(&self) -> TargetStatus {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, TargetStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches over `target` until aborted or until nobody listens. A watch that panics is counted and starts over with its last verdict.
pub(super) async fn keep_watch(common: Arc<Common>, mut target: Target, window: Window) {
    loop {
        let watch = Watch::new(Arc::clone(&common), &target, window.clone());
        if AssertUnwindSafe(watch.run()).catch_unwind().await.is_ok() {
            return;
        }
        common.counters.panics.fetch_add(1, Ordering::Relaxed);
        target.restored = Some(window.status().verdict);
        sleep(target.monitor.interval).await;
    }
}

impl Watch {
    fn new(common: Arc<Common>, target: &Target, window: Window) -> Self {
        let monitor = target.monitor.name.clone();
        let now = Mono(common.epoch.elapsed());
        let spread = spread(&common.node, &target.key, &monitor);
        let restored = target.restored.clone();
        let watch = Self {
            counters: common.counters.monitor(&monitor),
            check: Arc::new(Check::new(target)),
            key: target.key.clone(),
            monitor,
            detector: Detector::new(Thresholds::from(&target.monitor), restored, spread, now, Timestamp::now()),
            probes: JoinSet::new(),
            numbers: HashMap::new(),
            latency: None,
            transcript: None,
            failing_since: None,
            unsent: None,
            window,
            common,
        };
        watch.publish();
        watch
    }

    /// Watches until aborted or until nobody listens.
    async fn run(mut self) {
        let mut slot: Option<Slot> = None;
        // The moment of the last event, or that for which it was to come: a probe that is due could start then.
        let mut ready = self.now();
        let mut due_since = ready;
        loop {
            let due = self.detector.is_due(self.now());
            if due && slot.is_none() {
                due_since = ready.max(self.detector.due_at());
                slot = Some(self.slot());
            } else if !due {
                slot = None;
            }
            // A probe that waits for its slot is due already: then only the bounds of those under way can come up.
            let wake_at = if due { self.detector.next_overdue() } else { self.detector.wake_at() };
            let wake = self.instant(wake_at);
            let event = tokio::select! {
                biased;
                ended = self.probes.join_next_with_id(), if !self.probes.is_empty() => match ended {
                    Some(ended) => Event::Ended(ended),
                    None => continue,
                },
                room = self.common.opinions.reserve(), if self.unsent.is_some() => match room {
                    Ok(room) => {
                        if let Some(opinion) = self.unsent.take() {
                            room.send(opinion);
                        }
                        Event::Room
                    }
                    Err(_) => Event::Closed,
                },
                permit = poll_slot(&mut slot), if slot.is_some() => Event::Slot(permit),
                () = self.window.hint.notified() => Event::Hint,
                () = sleep_until(wake) => Event::Time,
            };
            ready = if let Event::Time = event { wake_at.min(self.now()) } else { self.now() };
            match event {
                Event::Ended(ended) => self.ended(ended),
                Event::Slot(permit) => {
                    slot = None;
                    self.begin(permit, due_since);
                }
                Event::Hint => self.detector.hint(self.now()),
                Event::Time => self.time_came(wake_at),
                Event::Room => {}
                Event::Closed => return,
            }
        }
    }

    fn time_came(&mut self, wake_at: Mono) {
        let now = self.now();
        let lateness = now.since(wake_at);
        if lateness > LATE_WAKE {
            // This process was held up, and with it the news of probes that have long been answered.
            self.detector.forgive(lateness + LATE_WAKE);
        }
        let late = self.detector.late_probes();
        let change = self.detector.overdue(now, Timestamp::now());
        for _ in late..self.detector.late_probes() {
            self.counters.count(&Outcome::failed(FailureKind::Overdue, ""));
        }
        self.note(change);
    }

    fn begin(&mut self, permit: Option<OwnedSemaphorePermit>, due_since: Mono) {
        let now = self.now();
        if !self.detector.is_due(now) {
            return;
        }
        self.common.counters.started(now.since(due_since));
        let order = self.detector.begin(now);
        let (check, common) = (Arc::clone(&self.check), Arc::clone(&self.common));
        let task = self.probes.spawn(async move {
            let _under_way = UnderWay::new(Arc::clone(&common), permit);
            check.run(order.depth, &common.trust).await
        });
        self.numbers.insert(task.id(), (order.number, order.depth, task));
        self.give_up_what_is_not_awaited();
    }

    fn ended(&mut self, ended: Result<(Id, Report), JoinError>) {
        let (id, report) = match ended {
            Ok((id, report)) => (id, report),
            Err(error) if error.is_panic() => {
                self.common.counters.panics.fetch_add(1, Ordering::Relaxed);
                let outcome = Outcome::Inconclusive("the probe failed by a fault of its own".to_owned());
                let finding = Finding { outcome, latency: Duration::ZERO, connected: None };
                (error.id(), Report { finding, transcript: None, reading: None })
            }
            Err(error) => {
                self.numbers.remove(&error.id());
                return;
            }
        };
        let Some((number, depth, _)) = self.numbers.remove(&id) else { return };
        let Report { finding, transcript, reading } = report;
        self.counters.count(&finding.outcome);
        if depth == Depth::Full
            && matches!(finding.outcome, Outcome::Ok | Outcome::Deferring(_) | Outcome::Unchecked(_))
        {
            self.latency = Some(finding.latency);
            self.counters.observe(finding.latency);
        }
        if transcript.is_some() || finding.outcome == Outcome::Ok {
            self.transcript = transcript;
        }
        let trouble = finding.outcome.reason().map(str::to_owned);
        let (now, wall) = (self.now(), Timestamp::now());
        if depth == Depth::Full {
            self.window.history.take(&finding.outcome, finding.latency, wall);
            self.common.observed(self.window.runs.take(&finding.outcome, finding.latency, wall));
        }
        let change = self.detector.finished(number, finding, now, wall);
        {
            let mut status = self.window.lock();
            status.last_probe = Some(now);
            status.last_trouble = trouble;
            if depth == Depth::Full {
                status.reading = reading;
            }
        }
        self.note(change);
    }

    /// Shows what the detector thinks now.
    fn publish(&self) {
        let mut status = self.window.lock();
        status.verdict.clone_from(self.detector.verdict());
        status.suspect = self.detector.is_suspect();
        status.phase = self.detector.phase();
        status.evidence = self.detector.evidence_level();
        status.held_for = self.detector.held_for(self.now());
        status.latency = self.latency;
        status.overdue_bound = self.detector.overdue_bound();
    }

    /// Publishes what the detector thinks now, and has it sent where it is news.
    fn note(&mut self, change: Option<Change>) {
        self.give_up_what_is_not_awaited();
        self.publish();
        let failing_since = self.failing_since(change);
        let Some(change) = change else { return };
        if matches!(change, Change::Verdict { .. }) {
            // What led to it is recorded with it.
            self.common.observed(self.window.runs.close());
        }
        // What is newer replaces what nobody has seen, but a change of verdict stays one.
        let change = match (self.unsent.as_ref().map(|unsent| unsent.change), change) {
            (Some(Change::Verdict { from }), _) => Change::Verdict { from },
            (_, change) => change,
        };
        self.unsent = Some(Opinion {
            key: self.key.clone(),
            monitor: self.monitor.clone(),
            verdict: self.detector.verdict().clone(),
            vote: self.detector.vote(),
            suspect: self.detector.is_suspect(),
            latency: self.latency,
            transcript: self.transcript.clone(),
            failing_since,
            change,
        });
    }

    /// Since when probes fail, of what is about to be told. A trouble that was judged is over with it: what comes after is
    /// another.
    fn failing_since(&mut self, change: Option<Change>) -> Option<Timestamp> {
        let is_ill = matches!(self.detector.verdict().state, State::Deferring | State::Down);
        let is_judged = matches!(change, Some(Change::Verdict { .. }));
        if self.detector.is_suspect() || (is_ill && is_judged) {
            self.failing_since.get_or_insert_with(Timestamp::now);
        } else {
            self.failing_since = None;
        }
        if is_judged { self.failing_since.take() } else { self.failing_since }
    }

    fn give_up_what_is_not_awaited(&mut self) {
        let detector = &self.detector;
        self.numbers.retain(|_, (number, _, task)| {
            let awaited = detector.awaits(*number);
            if !awaited {
                task.abort();
            }
            awaited
        });
    }

    /// A place among the probes under way.
    fn slot(&self) -> Slot {
        let pool: &Arc<Semaphore> = match self.detector.phase() {
            Phase::Out => &self.common.slots_down,
            Phase::Unknown | Phase::Serving | Phase::Held => &self.common.slots,
        };
        let pool = Arc::clone(pool);
        Box::pin(async move { pool.acquire_owned().await.ok() })
    }

    fn now(&self) -> Mono {
        Mono(self.common.epoch.elapsed())
    }

    fn instant(&self, at: Mono) -> Instant {
        // A moment that no clock reaches is as good as a day: the loop asks again.
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let ahead = at.since(self.now()).min(DAY);
        Instant::now() + ahead
    }
}

async fn poll_slot(slot: &mut Option<Slot>) -> Option<OwnedSemaphorePermit> {
    match slot {
        Some(slot) => slot.await,
        None => None,
    }
}

/// Counts a probe as under way for as long as it is, however it ends.
struct UnderWay {
    common: Arc<Common>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl UnderWay {
    fn new(common: Arc<Common>, permit: Option<OwnedSemaphorePermit>) -> Self {
        common.counters.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { common, _permit: permit }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.common.counters.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::health::Outcome;
    use crate::model::MonitorKind;
    use crate::probe::check::{Conversation, Notes, Place};
    use crate::probe::tests;

    /// A fault of ours.
    #[derive(Debug)]
    struct Panics;

    #[async_trait::async_trait]
    impl Conversation for Panics {
        async fn hold(&self, _: Place<'_>, _: &mut Notes) -> Outcome {
            panic!("as the test wants it")
        }
    }

    #[tokio::test]
    async fn a_probe_that_panics_is_counted_and_says_nothing() {
        let (sender, mut opinions) = mpsc::channel(8);
        let common = Arc::new(Common::new("fra-ns1", std::time::Instant::now(), sender));
        let address = tests::nobody().await;
        let target = tests::target(MonitorKind::Tcp, address, Duration::from_secs(30));
        let mut watch = Watch::new(Arc::clone(&common), &target, Window::new(&target));
        watch.check = Arc::new(Check::holding(&target, Panics));
        let watching = tokio::spawn(watch.run());
        while common.counters.panics.load(Ordering::Relaxed) < 3 {
            sleep(Duration::from_millis(5)).await;
        }
        assert!(!watching.is_finished() && opinions.try_recv().is_err());
        watching.abort();
        assert!(watching.await.is_err_and(|error| error.is_cancelled()));
    }
}
