//! The failure detector of one endpoint under one monitor: which probe is due when, and what the outcomes add up to.
//!
//! A state machine without clock and I/O (DESIGN section 5). Its driver asks [`Detector::wake_at`], then either reports that
//! time has come ([`Detector::overdue`], [`Detector::begin`]) or that a probe ended ([`Detector::finished`]).
//!
//! **What a bare connect says.** A failed one says what a failed conversation says. A successful one speaks about the host
//! only, so it counts neither for nor against the service: it ends no run of failures and takes no evidence away, or a mail
//! server that accepts and says nothing would look well in every burst. What it changes is what *lateness* means: the host
//! lives and the daemon is slow, so that conversations are given the monitor's whole timeout for the rest of the burst.

use std::time::Duration;

use jiff::Timestamp;

use super::bounds::{OUTSTANDING, PENDING};
use super::{
    Change, Damping, Depth, Evidence, FailureKind, Finding, Loss, Order, Outcome, OverdueBound, Phase, ProbeNumber,
    Schedule, Thresholds,
};
use crate::model::{DetectorKind, Mono, State, Verdict};

/// A probe under way.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    number: ProbeNumber,
    depth: Depth,
    /// When it becomes overdue; `None` where only its own timeout ends it.
    overdue_at: Option<Mono>,
    /// It was overdue and has been counted as failed.
    counted: bool,
}

/// How a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// As it must.
    Well,
    /// In trouble, and why.
    Deferring(String),
    /// Not everything could be looked at, and why.
    Unchecked(String),
}

/// A series of probes in quick succession after a first failure.
#[derive(Clone, Copy, Debug)]
struct Burst {
    next: Mono,
    depth: Depth,
    /// Whether a connect or an answer showed that lateness is the daemon's.
    host_alive: bool,
}

/// The failure detector of one (endpoint, monitor).
#[derive(Clone, Debug)]
pub struct Detector {
    thresholds: Thresholds,
    verdict: Verdict,
    /// A restored verdict is confirmed by the first probe that agrees.
    confirmed: bool,
    evidence: Evidence,
    loss: Loss,
    damping: Damping,
    full_bound: OverdueBound,
    connect_bound: OverdueBound,
    /// Failed probes in a row.
    failures: u32,
    /// Answered probes in a row, well or deferring.
    good: u32,
    /// Probes in a row that ended well.
    well: u32,
    /// Deferring probes since the last one that ended well.
    deferring: u32,
    /// Probes in a row that a fault on this side kept from looking at everything.
    unchecked: u32,
    /// Since when a down endpoint answers without conclusive evidence to the contrary.
    good_since: Option<Mono>,
    held: bool,
    schedule: Schedule,
    next_regular: Mono,
    burst: Option<Burst>,
    outstanding: Vec<Outstanding>,
    next_number: u64,
    late_probes: u64,
}

impl Detector {
    /// A detector that starts at `now` with a verdict from before, or knowing nothing; `spread` is [`super::spread`].
    #[must_use]
    pub fn new(thresholds: Thresholds, restored: Option<Verdict>, spread: u64, now: Mono, wall: Timestamp) -> Self {
        let schedule = Schedule::new(thresholds.interval, spread);
        let verdict =
            restored.unwrap_or(Verdict { state: State::Unknown, reason: "not probed yet".to_owned(), since: wall });
        Self {
            confirmed: verdict.state == State::Unknown,
            verdict,
            evidence: Evidence::new(thresholds.interval),
            loss: Loss::default(),
            damping: Damping::default(),
            full_bound: OverdueBound::default(),
            connect_bound: OverdueBound::default(),
            failures: 0,
            good: 0,
            well: 0,
            deferring: 0,
            unchecked: 0,
            good_since: None,
            held: false,
            next_regular: schedule.first(now),
            schedule,
            burst: None,
            outstanding: Vec::new(),
            next_number: 0,
            late_probes: 0,
            thresholds,
        }
    }

    /// The opinion so far.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What it tells other nodes: a verdict from before the start says nothing before a probe has confirmed it. A node
    /// that was away would else hold up what died meanwhile.
    #[must_use]
    pub const fn vote(&self) -> State {
        if self.confirmed { self.verdict.state } else { State::Unknown }
    }

    /// Where the endpoint is on its way.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self.verdict.state {
            State::Unknown => Phase::Unknown,
            State::Up | State::Deferring => Phase::Serving,
            State::Down if self.held => Phase::Held,
            State::Down => Phase::Out,
        }
    }

    /// Whether evidence for a worse state is gathering.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.verdict.state != State::Down
            && (self.failures > 0 || (self.deferring > 0 && self.verdict.state != State::Deferring))
    }

    /// How much evidence there is that the endpoint is down; 1 is conclusive.
    #[must_use]
    pub fn evidence_level(&self) -> f64 {
        self.evidence.level()
    }

    /// How long damping still holds a good endpoint down.
    #[must_use]
    pub fn held_for(&self, now: Mono) -> Option<Duration> {
        let since = self.good_since.filter(|_| self.phase() == Phase::Held)?;
        Some(self.hold().saturating_sub(now.since(since)))
    }

    /// The bound past which a full probe is overdue.
    #[must_use]
    pub fn overdue_bound(&self) -> Duration {
        self.full_bound.get(self.thresholds.timeout)
    }

    /// When something is due: a probe, or one becomes overdue.
    #[must_use]
    pub fn wake_at(&self) -> Mono {
        let overdue = self.next_overdue();
        if self.may_begin() { overdue.min(self.next_probe()) } else { overdue }
    }

    /// When the next probe under way becomes overdue; never, if none can.
    #[must_use]
    pub fn next_overdue(&self) -> Mono {
        self.outstanding.iter().filter_map(|probe| probe.overdue_at).min().unwrap_or(Mono(Duration::MAX))
    }

    /// How many probes were overdue so far.
    #[must_use]
    pub const fn late_probes(&self) -> u64 {
        self.late_probes
    }

    /// Whether a probe is due at `now`.
    #[must_use]
    pub fn is_due(&self, now: Mono) -> bool {
        self.may_begin() && self.next_probe() <= now
    }

    /// When the next probe is or was due.
    #[must_use]
    pub fn due_at(&self) -> Mono {
        self.next_probe()
    }

    /// Whether the end of `number` is still of interest; otherwise its driver may give it up.
    #[must_use]
    pub fn awaits(&self, number: ProbeNumber) -> bool {
        self.outstanding.iter().any(|probe| probe.number == number)
    }

    /// Probe now: another node suspects the endpoint (DESIGN section 6, hints).
    pub fn hint(&mut self, now: Mono) {
        self.next_regular = self.next_regular.min(now);
    }

    /// The driver was late by `lateness`, and so may be its news of probes that ended: bounds are extended by as much.
    pub fn forgive(&mut self, lateness: Duration) {
        for at in self.outstanding.iter_mut().filter_map(|probe| probe.overdue_at.as_mut()) {
            *at = at.after(lateness);
        }
    }

    /// Starts the probe that is due at `now`.
    pub fn begin(&mut self, now: Mono) -> Order {
        let depth = match &mut self.burst {
            Some(burst) => {
                let depth = burst.depth;
                burst.next = now.after(self.thresholds.burst_gap.min(self.thresholds.interval));
                burst.depth = Depth::Full;
                depth
            }
            None => Depth::Full,
        };
        if self.next_regular <= now {
            self.next_regular = self.schedule.after(now);
        }
        let order = Order { number: ProbeNumber(self.next_number), depth };
        self.next_number += 1;
        if self.outstanding.len() >= OUTSTANDING {
            // `may_begin` bounds those not counted, so that one of these exists.
            if let Some(oldest) = self.outstanding.iter().position(|probe| probe.counted) {
                self.outstanding.remove(oldest);
            }
        }
        let overdue_at = self.lateness_bound(depth).map(|bound| now.after(bound));
        self.outstanding.push(Outstanding { number: order.number, depth, overdue_at, counted: false });
        order
    }

    /// Counts as failed what is overdue at `now`. Such a probe stays under way: its late success is still one.
    pub fn overdue(&mut self, now: Mono, wall: Timestamp) -> Option<Change> {
        self.noting_change(|detector| {
            while let Some(late) = detector
                .outstanding
                .iter_mut()
                .find(|probe| !probe.counted && probe.overdue_at.is_some_and(|at| at <= now))
            {
                let depth = late.depth;
                late.counted = true;
                late.overdue_at = None;
                detector.late_probes += 1;
                let bound = detector.bound(depth).as_millis();
                detector.failed(FailureKind::Overdue, format!("no answer within {bound} ms"), now, wall);
            }
        })
    }

    /// Takes the end of probe `number` at `now`; those no longer awaited are ignored.
    pub fn finished(&mut self, number: ProbeNumber, finding: Finding, now: Mono, wall: Timestamp) -> Option<Change> {
        let position = self.outstanding.iter().position(|probe| probe.number == number)?;
        let probe = self.outstanding.remove(position);
        self.noting_change(|detector| detector.take(probe, finding, now, wall))
    }

    fn take(&mut self, probe: Outstanding, finding: Finding, now: Mono, wall: Timestamp) {
        if let Some(connected) = finding.connected {
            self.connect_bound.observe(connected);
        }
        match finding.outcome {
            Outcome::Inconclusive(_) => {}
            Outcome::Failed { .. } if probe.counted => {}
            Outcome::Failed { kind, reason } => self.failed(kind, reason, now, wall),
            Outcome::Ok if probe.depth == Depth::Connect && self.thresholds.full == Depth::Full => self.host_is_alive(),
            Outcome::Ok => self.answered(Answer::Well, finding.latency, now, wall),
            Outcome::Deferring(reason) => self.answered(Answer::Deferring(reason), finding.latency, now, wall),
            Outcome::Unchecked(reason) => self.answered(Answer::Unchecked(reason), finding.latency, now, wall),
        }
    }

    /// Evidence about the host and none about the service: from here on, late conversations have their whole timeout.
    fn host_is_alive(&mut self) {
        let Some(burst) = &mut self.burst else { return };
        burst.host_alive = true;
        for probe in self.outstanding.iter_mut().filter(|probe| probe.depth == Depth::Full) {
            probe.overdue_at = None;
        }
    }

    fn failed(&mut self, kind: FailureKind, reason: String, now: Mono, wall: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.good = 0;
        self.well = 0;
        self.unchecked = 0;
        match self.phase() {
            Phase::Out => self.good_since = None,
            Phase::Unknown | Phase::Serving | Phase::Held => {
                self.evidence.failed(kind);
                self.loss.failed();
                if self.is_conclusive() {
                    self.judge_down(reason, now, wall);
                } else {
                    self.confirm_by_burst(kind, now);
                }
            }
        }
    }

    /// At least `fall` failures in a row, and evidence where there is a history to hold it against.
    fn is_conclusive(&self) -> bool {
        let by_count = self.thresholds.kind == DetectorKind::Count || self.phase() == Phase::Unknown;
        self.failures >= self.thresholds.fall && (by_count || self.evidence.is_conclusive())
    }

    fn judge_down(&mut self, reason: String, now: Mono, wall: Timestamp) {
        if self.phase() != Phase::Held {
            self.damping.flap(now);
            self.verdict = Verdict { state: State::Down, reason, since: wall };
        }
        self.held = false;
        self.good_since = None;
        self.deferring = 0;
        self.burst = None;
        self.evidence.judged_down();
        // What is overdue has done its part and would only hold sockets; what is not may still bring good news.
        self.outstanding.retain(|probe| !probe.counted);
        for probe in &mut self.outstanding {
            probe.overdue_at = None;
        }
    }

    /// The first failed or overdue probe starts a burst; its first probe goes out at once, the others `burst_gap` apart.
    fn confirm_by_burst(&mut self, kind: FailureKind, now: Mono) {
        if self.thresholds.kind == DetectorKind::Count || self.burst.is_some() {
            return;
        }
        let host_alive = kind.shows_a_live_host();
        let depth = if host_alive { Depth::Full } else { Depth::Connect };
        self.burst = Some(Burst { next: now, depth, host_alive });
    }

    /// The service answered.
    fn answered(&mut self, answer: Answer, latency: Duration, now: Mono, wall: Timestamp) {
        self.full_bound.observe(latency);
        self.evidence.succeeded();
        if self.phase() != Phase::Out {
            self.loss.answered();
        }
        self.burst = None;
        self.failures = 0;
        self.good = self.good.saturating_add(1);
        self.good_since.get_or_insert(now);
        let one_more = |count: u32, counts: bool| if counts { count.saturating_add(1) } else { 0 };
        self.well = one_more(self.well, matches!(answer, Answer::Well));
        self.deferring = one_more(self.deferring, matches!(answer, Answer::Deferring(_)));
        self.unchecked = one_more(self.unchecked, matches!(answer, Answer::Unchecked(_)));
        let (trouble, doubt) = match answer {
            Answer::Well => (None, None),
            Answer::Deferring(why) => (Some(why), None),
            Answer::Unchecked(why) => (None, Some(why)),
        };
        let trouble = trouble.or_else(|| self.is_lossy().then(|| self.loss.reason()));
        let reason = |state: State| match state {
            State::Deferring => trouble.clone(),
            State::Unknown => doubt.clone(),
            State::Up | State::Down => None,
        };
        if let Some(state) = self.state_after_answer(now) {
            self.held = false;
            self.unchecked = 0;
            self.verdict = Verdict { state, reason: reason(state).unwrap_or_default(), since: wall };
        } else if let Some(why) = reason(self.verdict.state) {
            // The trouble of today, not that of the day it began: "certificate ends in 3 days".
            self.verdict.reason = why;
        }
    }

    /// Whether it loses so many probes that it is demoted; plain counts know no shares.
    fn is_lossy(&self) -> bool {
        self.thresholds.kind == DetectorKind::Evidence && self.loss.is_heavy()
    }

    /// The state that an answer leads to, where it is another one.
    fn state_after_answer(&mut self, now: Mono) -> Option<State> {
        let deferring = self.deferring >= self.thresholds.fall || self.is_lossy();
        match (self.phase(), self.verdict.state) {
            (Phase::Unknown, _) if self.well > 0 => Some(State::Up),
            (Phase::Unknown, _) => deferring.then_some(State::Deferring),
            // Nothing moves: not judged is no vote and counts as up.
            (Phase::Serving, State::Up) if !deferring && self.unchecked >= self.thresholds.fall => Some(State::Unknown),
            (Phase::Serving, State::Up) => deferring.then_some(State::Deferring),
            // Up first where it comes back unchecked: what was agreed of it stands until somebody says better.
            (Phase::Serving, _) => {
                (self.well.max(self.unchecked) >= self.thresholds.rise && !deferring).then_some(State::Up)
            }
            (Phase::Out | Phase::Held, _) => {
                self.held |= self.good >= self.thresholds.rise;
                let good_for = now.since(self.good_since.unwrap_or(now));
                (self.held && good_for >= self.hold()).then_some(if self.deferring > 0 || deferring {
                    State::Deferring
                } else {
                    State::Up
                })
            }
        }
    }

    /// How long the endpoint must stay good; plain counts know no damping.
    fn hold(&self) -> Duration {
        match self.thresholds.kind {
            DetectorKind::Evidence => self.damping.hold(),
            DetectorKind::Count => Duration::ZERO,
        }
    }

    fn next_probe(&self) -> Mono {
        self.burst.map_or(self.next_regular, |burst| burst.next)
    }

    /// Not too many unanswered at once; one at a time where the endpoint is known to be down and there is no hurry.
    fn may_begin(&self) -> bool {
        let most = if self.phase() == Phase::Out { 1 } else { PENDING };
        self.outstanding.iter().filter(|probe| !probe.counted).count() < most
    }

    /// After which a probe that starts now is overdue; `None` where lateness is no news or no longer than the timeout.
    fn lateness_bound(&self, depth: Depth) -> Option<Duration> {
        let host_alive = self.burst.is_some_and(|burst| burst.host_alive);
        let judged_by_lateness = self.thresholds.kind == DetectorKind::Evidence
            && matches!(self.phase(), Phase::Serving | Phase::Held)
            && !(host_alive && depth == Depth::Full);
        let bound = self.bound(depth);
        (judged_by_lateness && bound < self.thresholds.timeout).then_some(bound)
    }

    /// The learnt bound of a probe of `depth`. A connect is never slower than a conversation, whatever was learnt of it.
    fn bound(&self, depth: Depth) -> Duration {
        let full = self.full_bound.get(self.thresholds.timeout);
        match depth {
            Depth::Full => full,
            Depth::Connect => self.connect_bound.get(self.thresholds.timeout).min(full),
        }
    }

    fn noting_change(&mut self, step: impl FnOnce(&mut Self)) -> Option<Change> {
        let (state, suspect) = (self.verdict.state, self.is_suspect());
        step(self);
        if self.verdict.state != state {
            self.confirmed = true;
            return Some(Change::Verdict { from: state });
        }
        if !self.confirmed && self.agrees_with_restored() {
            self.confirmed = true;
            return Some(Change::Confirmed);
        }
        (self.is_suspect() != suspect).then_some(Change::Suspicion)
    }

    /// Whether the probes since the start say what the restored verdict says.
    const fn agrees_with_restored(&self) -> bool {
        match self.verdict.state {
            State::Up => self.well > 0,
            State::Deferring => self.deferring > 0,
            State::Down => self.failures >= self.thresholds.fall,
            State::Unknown => false,
        }
    }
}

#[cfg(test)]
#[path = "detector_tests.rs"]
mod tests;
