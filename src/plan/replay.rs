//! Replay: recorded observations through the same core under another configuration, to see what would have been different.
//!
//! Detectors of the new configuration run on their own schedule in virtual time; what a probe of theirs finds at a moment
//! is what the recorded ones found around it. Where nothing was recorded, the node was not running, and probes find
//! nothing out. Confirm bursts see the outcome of the run that they fall in.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::make::{Inputs, make};
use super::recording::{Record, Served, standings};
use crate::health::{
    Contact, Council, Depth, Detector, FailureKind, Finding, Judgement, Observation, Outcome, ProbeNumber, Thresholds,
    Voter, combine_after, spread,
};
use crate::model::{
    Endpoint, EndpointHealth, EndpointKey, Generation, HealthMode, Intent, Lifetime, Monitor, MonitorIx, MonitorPart,
    Mono, SiteIx, State, Topology, Verdict,
};

/// Observations further apart than this many intervals leave a gap in which nothing is known.
const GAP_INTERVALS: u32 = 5;

/// How a site of a service fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fared {
    /// How often it left service.
    pub failovers: u32,
    /// How often it came back and left again within [`FLAP_WITHIN`].
    pub flaps: u32,
    /// How long it was out of service.
    pub out: Duration,
    /// When it left, and when it was back; the last may still be out.
    pub outages: Vec<(Timestamp, Option<Timestamp>)>,
}

/// A site that leaves again this soon after its return flaps.
pub const FLAP_WITHIN: Duration = Duration::from_secs(600);

/// A site of a service, by names.
pub type Place = (String, String);

/// A history by site of a service, and what it spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The first and the last moment that is known of.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How each site of each service fared.
    pub places: BTreeMap<Place, Fared>,
}

/// What was decided when, as recorded.
#[must_use]
pub fn as_recorded(records: &[Record]) -> History {
    let mut history = Recorder::new(records);
    for record in records {
        if let Record::Served { time, standings } = record {
            history.note(*time, standings);
        }
    }
    history.finish()
}

/// What would have been decided under `topology`, on a node that stands in `standing_in`.
#[must_use]
pub fn as_replayed(records: &[Record], topology: &Topology, standing_in: Option<SiteIx>) -> History {
    let mut recorder = Recorder::new(records);
    let Some((begin, end)) = recorder.span else { return recorder.finish() };
    let mut moments = verdicts(records, topology, begin, end);
    for (time, _) in orders(records) {
        moments.entry(time).or_default();
    }
    let mut bench = Bench::new(topology, standing_in, begin);
    let orders: Vec<_> = orders(records).collect();
    for (time, changes) in moments {
        bench.settle(time, &mut recorder, &orders);
        for (watch, verdict) in changes {
            bench.verdicts.insert(watch, verdict);
        }
        bench.decide(time, &mut recorder, &orders);
    }
    bench.settle(end, &mut recorder, &orders);
    recorder.finish()
}

/// Writes a history down as it goes.
struct Recorder {
    span: Option<(Timestamp, Timestamp)>,
    out_since: BTreeMap<Place, Timestamp>,
    places: BTreeMap<Place, Fared>,
}

impl Recorder {
    fn new(records: &[Record]) -> Self {
        let times = records.iter().flat_map(|record| match record {
            Record::Begun { time, .. } | Record::Ended { time } | Record::Orders { time, .. } => [*time, *time],
            Record::Served { time, .. } => [*time, *time],
            Record::Observed(run) => [run.from, run.until],
        });
        let span = times.fold(None, |span: Option<(Timestamp, Timestamp)>, time| {
            Some(span.map_or((time, time), |(begin, end)| (begin.min(time), end.max(time))))
        });
        Self { span, out_since: BTreeMap::new(), places: BTreeMap::new() }
    }

    fn note(&mut self, time: Timestamp, standings: &[Served]) {
        for served in standings {
            let place = (served.service.clone(), served.site.clone());
            let fared = self.places.entry(place.clone()).or_default();
            match (served.is_in_service(), self.out_since.contains_key(&place)) {
                (false, false) => {
                    let back = fared.outages.last().and_then(|(_, back)| *back);
                    let soon = |back: Timestamp| elapsed(back, time) < FLAP_WITHIN;
                    fared.failovers += 1;
                    fared.flaps += u32::from(back.is_some_and(soon));
                    fared.outages.push((time, None));
                    self.out_since.insert(place, time);
                }
                (true, true) => {
                    let since = self.out_since.remove(&place).unwrap_or(time);
                    fared.out += elapsed(since, time);
                    if let Some((_, back)) = fared.outages.last_mut() {
                        *back = Some(time);
                    }
                }
                _ => {}
            }
        }
    }

    fn finish(mut self) -> History {
        if let Some((_, end)) = self.span {
            for (place, since) in std::mem::take(&mut self.out_since) {
                self.places.entry(place).or_default().out += elapsed(since, end);
            }
        }
        History { span: self.span, places: self.places }
    }
}

/// An endpoint under a monitor, by positions.
type Watch = (usize, usize);

/// The core from verdicts to plan.
struct Bench<'a> {
    topology: &'a Topology,
    council: Council,
    begin: Timestamp,
    verdicts: BTreeMap<Watch, Verdict>,
    served: Vec<Served>,
}

impl<'a> Bench<'a> {
    fn new(topology: &'a Topology, standing_in: Option<SiteIx>, begin: Timestamp) -> Self {
        // A council of one: what others voted is not recorded.
        let this = Voter { standing_in, ..Voter::default() };
        let council = Council::new(topology, this, Vec::new());
        Self { topology, council, begin, verdicts: BTreeMap::new(), served: Vec::new() }
    }

    /// Decides again before `time` where something is in doubt.
    fn settle(&mut self, time: Timestamp, recorder: &mut Recorder, orders: &[(Timestamp, Vec<Intent>)]) {
        let mut before = Timestamp::MIN;
        while let Some(at) = self.council.looks_again_at().map(|at| moment(self.begin, at)) {
            if at <= before || at >= time {
                return;
            }
            self.decide(at, recorder, orders);
            before = at;
        }
    }

    fn decide(&mut self, time: Timestamp, recorder: &mut Recorder, orders: &[(Timestamp, Vec<Intent>)]) {
        let now = Mono(elapsed(self.begin, time));
        let own: Vec<EndpointHealth> =
            self.topology.endpoints().map(|(ix, endpoint)| self.opinion(ix.get(), endpoint)).collect();
        let states: Vec<State> = own.iter().map(|health| health.state).collect();
        self.council.agree(&states, Contact::Kept, now);
        let agreed =
            own.into_iter().zip(self.council.agreed()).map(|(own, state)| EndpointHealth { state: *state, ..own });
        let health: Vec<EndpointHealth> = agreed.collect();
        let standing = orders.iter().rev().find(|(at, _)| *at <= time).map_or(&[][..], |(_, intents)| intents);
        let is_over = |intent: &Intent| matches!(intent.lifetime, Lifetime::Until(until) if until <= time);
        let intents: Vec<Intent> = standing.iter().filter(|intent| !is_over(intent)).cloned().collect();
        let inputs =
            Inputs { topology: self.topology, health: &health, intents: &intents, generation: Generation::default() };
        let served = standings(self.topology, &make(inputs));
        if served != self.served {
            recorder.note(time, &served);
            self.served = served;
        }
    }

    fn opinion(&self, position: usize, endpoint: &Endpoint) -> EndpointHealth {
        let unjudged = Verdict { state: State::Unknown, reason: String::new(), since: self.begin };
        let rule = self.topology.service(endpoint.service).map(|service| &service.health);
        let part_of = |ix: usize| {
            let monitor = u16::try_from(ix).ok().map(MonitorIx);
            rule.zip(monitor).map_or(MonitorPart::Counted, |(rule, monitor)| rule.part_of(monitor))
        };
        let judgements: Vec<Judgement<'_>> = monitors_of(self.topology, endpoint)
            .map(|(ix, monitor)| Judgement {
                monitor: &monitor.name,
                part: part_of(ix),
                verdict: self.verdicts.get(&(position, ix)).unwrap_or(&unjudged),
                suspect: false,
            })
            .collect();
        let previous = self.council.agreed().get(position).copied().unwrap_or(State::Unknown);
        combine_after(previous, &judgements, rule.map_or(HealthMode::All, |rule| rule.mode)).unwrap_or_else(|| {
            EndpointHealth { state: State::Up, suspect: false, reason: String::new(), since: self.begin }
        })
    }
}

fn monitors_of<'a>(topology: &'a Topology, endpoint: &Endpoint) -> impl Iterator<Item = (usize, &'a Monitor)> {
    let monitors = topology.service(endpoint.service).map_or(&[][..], |service| &service.monitors);
    monitors.iter().filter_map(|ix| Some((ix.get(), topology.monitor(*ix)?)))
}

fn orders(records: &[Record]) -> impl Iterator<Item = (Timestamp, Vec<Intent>)> {
    records.iter().filter_map(|record| match record {
        Record::Orders { time, intents } => Some((*time, intents.clone())),
        _ => None,
    })
}

/// What the detectors of `topology` say when, from what was observed.
fn verdicts(
    records: &[Record],
    topology: &Topology,
    begin: Timestamp,
    end: Timestamp,
) -> BTreeMap<Timestamp, Vec<(Watch, Verdict)>> {
    let mut observed: BTreeMap<(&EndpointKey, &str), Vec<&Observation>> = BTreeMap::new();
    for record in records {
        if let Record::Observed(run) = record {
            observed.entry((&run.key, run.monitor.as_str())).or_default().push(run);
        }
    }
    let mut moments: BTreeMap<Timestamp, Vec<(Watch, Verdict)>> = BTreeMap::new();
    for (position, endpoint) in topology.endpoints.iter().enumerate() {
        let key = topology.key(endpoint);
        for (ix, monitor) in monitors_of(topology, endpoint) {
            let Some(runs) = observed.get(&(&key, monitor.name.as_str())) else { continue };
            let mut runs = runs.clone();
            runs.sort_by_key(|run| run.from);
            let spread = spread("replay", &key, &monitor.name);
            for (time, verdict) in detect(monitor, spread, &runs, begin, end) {
                moments.entry(time).or_default().push(((position, ix), verdict));
            }
        }
    }
    moments
}

/// One detector in virtual time over what was observed.
fn detect(
    monitor: &Monitor,
    spread: u64,
    runs: &[&Observation],
    begin: Timestamp,
    end: Timestamp,
) -> Vec<(Timestamp, Verdict)> {
    let thresholds = Thresholds::from(monitor);
    let past = Past { runs, gap: monitor.interval.saturating_mul(GAP_INTERVALS), timeout: monitor.timeout };
    let mut detector = Detector::new(thresholds, None, spread, Mono::START, begin);
    let mut running: Vec<(Mono, ProbeNumber, Finding)> = Vec::new();
    let mut found = Vec::new();
    let last = Mono(elapsed(begin, end));
    let mut now = Mono::START;
    loop {
        let ends = running.iter().map(|(at, ..)| *at).min();
        now = now.max(ends.map_or(detector.wake_at(), |at| at.min(detector.wake_at())));
        // Over a gap, nothing would be found out probe by probe.
        if running.is_empty()
            && let Some(next) = past.begins_again_after(moment(begin, now))
        {
            now = now.max(Mono(elapsed(begin, next)));
        }
        if now > last {
            return found;
        }
        let wall = moment(begin, now);
        let mut changed = false;
        while let Some(done) = running.iter().position(|(at, ..)| *at <= now) {
            let (_, number, finding) = running.swap_remove(done);
            changed |= detector.finished(number, finding, now, wall).is_some();
        }
        changed |= detector.overdue(now, wall).is_some();
        while detector.is_due(now) {
            let order = detector.begin(now);
            let (latency, outcome) = past.probe(wall, order.depth, thresholds.full);
            let connected = matches!(outcome, Outcome::Ok).then_some(latency);
            running.push((now.after(latency), order.number, Finding { outcome, latency, connected }));
        }
        running.retain(|(_, number, _)| detector.awaits(*number));
        let is_news =
            found.last().is_none_or(|(_, before): &(Timestamp, Verdict)| before.state != detector.verdict().state);
        if changed && is_news {
            found.push((wall, detector.verdict().clone()));
        }
    }
}

/// What was observed of one endpoint under one monitor.
struct Past<'a> {
    runs: &'a [&'a Observation],
    gap: Duration,
    timeout: Duration,
}

impl Past<'_> {
    /// When something was recorded again, where nothing was around `at`; `None` where something was.
    fn begins_again_after(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.runs.partition_point(|run| run.from <= at);
        let last = next.checked_sub(1).and_then(|last| self.runs.get(last));
        if last.is_some_and(|run| elapsed(run.until, at) <= self.gap) {
            return None;
        }
        Some(self.runs.get(next).map_or(Timestamp::MAX, |run| run.from))
    }

    /// What a probe would have found that started at `at`.
    fn probe(&self, at: Timestamp, depth: Depth, full: Depth) -> (Duration, Outcome) {
        let next = self.runs.partition_point(|run| run.from <= at);
        let run = next.checked_sub(1).and_then(|last| self.runs.get(last));
        let known = run.filter(|run| elapsed(run.until, at) <= self.gap);
        let Some(run) = known else {
            return (Duration::ZERO, Outcome::Inconclusive("nothing was recorded".to_owned()));
        };
        match &run.outcome {
            // The recorded timeout may have been another one.
            Outcome::Failed { kind: FailureKind::Timeout | FailureKind::Overdue, reason } => {
                (self.timeout, Outcome::failed(FailureKind::Timeout, reason.clone()))
            }
            // What a deeper probe complains of, a bare connect does not see.
            Outcome::Failed { kind, .. } if kind.shows_a_live_host() && depth != full => (run.latency(), Outcome::Ok),
            Outcome::Deferring(_) if depth != full && depth == Depth::Connect => (run.latency(), Outcome::Ok),
            Outcome::Ok if run.latency() >= self.timeout => {
                (self.timeout, Outcome::failed(FailureKind::Timeout, "slower than the timeout"))
            }
            outcome => (run.latency().min(self.timeout), outcome.clone()),
        }
    }
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

fn moment(begin: Timestamp, at: Mono) -> Timestamp {
    SignedDuration::try_from(at.0).ok().and_then(|span| begin.checked_add(span).ok()).unwrap_or(begin)
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
