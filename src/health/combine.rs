//! Combining: the monitors of one endpoint give one opinion of it, by the rule of its service.

use jiff::Timestamp;

use super::consensus::severity;
use crate::model::{EndpointHealth, HealthMode, MonitorPart, State, Verdict};

/// What one monitor thinks of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// The monitor's name.
    pub monitor: &'a str,
    /// Its part in the rule of the service.
    pub part: MonitorPart,
    /// Its verdict.
    pub verdict: &'a Verdict,
    /// Whether it is gathering evidence.
    pub suspect: bool,
}

/// The monitors of one endpoint together. `None` without any that counts: such an endpoint always counts as up.
///
/// - Monitors that are only shown have no part in it.
/// - The required ones must each be well: their worst wins.
/// - The others are combined by `mode`: they are what at least so many of them are, or better. All is as many as there are
///   (any down is down, any deferring is deferring, up only once all have judged), any is one, a quorum is in between: down
///   if fewer than that are not down, deferring if fewer are up.
/// - The worse of the two counts. Not judged yet lies between up and deferring, so it never withdraws and never passes for
///   up: a start is `unknown` until enough monitors have judged.
///
/// The reason names the deciding monitors where there are several. An endpoint is down since the monitor went down that was
/// one too many, and up since the last one came back that it takes.
#[must_use]
pub fn combine(judgements: &[Judgement<'_>], mode: HealthMode) -> Option<EndpointHealth> {
    let counted: Vec<Judgement<'_>> =
        judgements.iter().copied().filter(|judgement| judgement.part != MonitorPart::MonitorOnly).collect();
    let of_part = |part| counted.iter().copied().filter(|judgement| judgement.part == part).collect::<Vec<_>>();
    let parts = match mode {
        // All must be well: then nothing tells the required ones from the others.
        HealthMode::All => [Poll::of(counted.clone(), HealthMode::All), None],
        HealthMode::Any | HealthMode::Quorum(_) => {
            [Poll::of(of_part(MonitorPart::Required), HealthMode::All), Poll::of(of_part(MonitorPart::Counted), mode)]
        }
    };
    let state = parts.iter().flatten().map(|poll| poll.state).max_by_key(|state| severity(*state))?;
    let deciding = || parts.iter().flatten().filter(move |poll| poll.state == state);
    let reasons: Vec<String> = deciding().filter_map(|poll| poll.reason(counted.len())).collect();
    let sinces = deciding().filter_map(Poll::since);
    let since = if state == State::Up { sinces.max() } else { sinces.min() }?;
    let suspect = counted.iter().any(|judgement| judgement.suspect);
    Some(EndpointHealth { state, suspect, reason: reasons.join("; "), since })
}

/// As [`combine`], of an endpoint that was `previous` before. Where that was down or deferring, monitors that have never judged
/// keep nobody there: one that cannot probe from this host would else do so for ever.
#[must_use]
pub fn combine_after(previous: State, judgements: &[Judgement<'_>], mode: HealthMode) -> Option<EndpointHealth> {
    let all = combine(judgements, mode)?;
    if all.state != State::Unknown || !matches!(previous, State::Down | State::Deferring) {
        return Some(all);
    }
    let judged: Vec<Judgement<'_>> =
        judgements.iter().copied().filter(|judgement| judgement.verdict.state != State::Unknown).collect();
    combine(&judged, mode).or(Some(all))
}

/// How many of `count` monitors must reach a state that all of them together are to have.
pub(super) fn needed(mode: HealthMode, count: usize) -> usize {
    match mode {
        HealthMode::All => count,
        HealthMode::Any => 1,
        HealthMode::Quorum(quorum) => quorum.clamp(1, count.max(1)),
    }
}

/// Monitors that are combined with one another.
struct Poll<'a> {
    judgements: Vec<Judgement<'a>>,
    /// How many of them must reach a state, from 1 to their number.
    needed: usize,
    /// The best state that so many reach.
    state: State,
}

impl<'a> Poll<'a> {
    /// `None` without any monitor.
    fn of(judgements: Vec<Judgement<'a>>, mode: HealthMode) -> Option<Self> {
        let needed = needed(mode, judgements.len());
        let mut states: Vec<State> = judgements.iter().map(|judgement| judgement.verdict.state).collect();
        states.sort_by_key(|state| severity(*state));
        let state = *states.get(needed.checked_sub(1)?)?;
        Some(Self { judgements, needed, state })
    }

    /// Whether `judgement` has a part in the state: the good ones in a good state, the troubled ones in trouble.
    fn decides(&self, judgement: &Judgement<'_>) -> bool {
        let state = judgement.verdict.state;
        if self.state == State::Up { state == State::Up } else { severity(state) >= severity(self.state) }
    }

    /// When the state was entered.
    fn since(&self) -> Option<Timestamp> {
        let mut sinces: Vec<Timestamp> = self
            .judgements
            .iter()
            .filter(|judgement| self.decides(judgement))
            .map(|judgement| judgement.verdict.since)
            .collect();
        sinces.sort_unstable();
        let last = if self.state == State::Up { self.needed - 1 } else { self.judgements.len() - self.needed };
        sinces.get(last).copied()
    }

    /// Why, of `all` monitors that count; `None` where none of them says anything.
    fn reason(&self, all: usize) -> Option<String> {
        let is_split = self.needed < self.judgements.len();
        // Of a good state that not all share, what keeps it from being shared is worth telling.
        let told = |judgement: &&Judgement<'_>| match (is_split, self.state) {
            (true, State::Up) => judgement.verdict.state != State::Up,
            _ => self.decides(judgement),
        };
        let reasons = self.judgements.iter().filter(told).filter(|judgement| !judgement.verdict.reason.is_empty());
        let reasons: Vec<String> = reasons
            .map(|judgement| {
                if all == 1 {
                    judgement.verdict.reason.clone()
                } else {
                    format!("{}: {}", judgement.monitor, judgement.verdict.reason)
                }
            })
            .collect();
        let said = reasons.join("; ");
        let up = self.judgements.iter().filter(|judgement| judgement.verdict.state == State::Up).count();
        match (is_split && up < self.judgements.len(), said.is_empty()) {
            (true, true) => Some(self.tally(up)),
            (true, false) => Some(format!("{}: {said}", self.tally(up))),
            (false, true) => None,
            (false, false) => Some(said),
        }
    }

    /// `1 of 3 monitors up, 2 needed`.
    fn tally(&self, up: usize) -> String {
        format!("{up} of {} monitors up, {} needed", self.judgements.len(), self.needed)
    }
}
