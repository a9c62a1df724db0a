//! Tipping: which of several failing monitors brought an endpoint down, and since when that one fails.

use jiff::Timestamp;

use super::combine::{Judgement, needed};
use super::consensus::severity;
use crate::model::{HealthMode, MonitorPart, State};

/// What one monitor thinks of an endpoint, and since when its probes fail; `None` where that is not known or none does.
pub type Failing<'a> = (Judgement<'a>, Option<Timestamp>);

/// Since when the probes failed of the monitor that was one too many for anything better than `state`: of `all` the first that
/// failed, of `any` the last, of a quorum of N of n the (n - N + 1)-th. What failed before that did no harm to the endpoint, and
/// what is in a better state has no part in it. Where fewer monitors say so, as on a node that follows the votes of
/// others, those count too whose probes have begun to fail and that have not judged yet.
#[must_use]
pub fn tipped(monitors: &[Failing<'_>], mode: HealthMode, state: State) -> Option<Timestamp> {
    let says_so = |(judgement, _): &Failing<'_>| severity(judgement.verdict.state) >= severity(state);
    let may_say_so = |failing: &Failing<'_>| {
        says_so(failing) || (failing.1.is_some() && severity(failing.0.verdict.state) <= severity(State::Unknown))
    };
    // As in the rule for what was down before, monitors that have never judged do not count against it.
    let judged: Vec<Failing<'_>> =
        monitors.iter().copied().filter(|(judgement, _)| judgement.verdict.state != State::Unknown).collect();
    earliest(monitors, mode, says_so)
        .or_else(|| earliest(&judged, mode, says_so))
        .or_else(|| earliest(monitors, mode, may_say_so))
        .flatten()
}

/// When the first of the polls tipped, of which the monitors that are `ill` are enough; the outer `None` where none did.
fn earliest(
    monitors: &[Failing<'_>],
    mode: HealthMode,
    ill: impl Fn(&Failing<'_>) -> bool,
) -> Option<Option<Timestamp>> {
    let of_part = |part: MonitorPart| monitors.iter().filter(move |(judgement, _)| judgement.part == part);
    let polls: [(Vec<&Failing<'_>>, HealthMode); 2] = match mode {
        HealthMode::All => {
            let counted = monitors.iter().filter(|(judgement, _)| judgement.part != MonitorPart::MonitorOnly);
            [(counted.collect(), mode), (Vec::new(), mode)]
        }
        HealthMode::Any | HealthMode::Quorum(_) => [
            (of_part(MonitorPart::Required).collect(), HealthMode::All),
            (of_part(MonitorPart::Counted).collect(), mode),
        ],
    };
    let tipping = polls.into_iter().filter_map(|(poll, mode)| {
        // Those of which it is not known since when are taken to fail for longest.
        let mut since: Vec<Option<Timestamp>> =
            poll.iter().filter(|failing| ill(failing)).map(|(_, since)| *since).collect();
        since.sort_unstable();
        since.get(poll.len().checked_sub(needed(mode, poll.len()))?).copied()
    });
    tipping.min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Verdict;
    use HealthMode::{All, Any, Quorum};
    use MonitorPart::{Counted, MonitorOnly, Required};
    use State::{Deferring, Down, Unknown, Up};

    /// What `tipped` gives for monitors by part, state, and the second in which their probes began to fail.
    fn seconds(monitors: &[(MonitorPart, State, Option<i64>)], mode: HealthMode, state: State) -> Option<i64> {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let verdicts: Vec<Verdict> = monitors
            .iter()
            .map(|(_, state, _)| Verdict { state: *state, reason: String::new(), since: at(0) })
            .collect();
        let failing: Vec<Failing<'_>> = monitors
            .iter()
            .zip(&verdicts)
            .map(|((part, _, since), verdict)| {
                (Judgement { monitor: "m", part: *part, verdict, suspect: false }, since.map(at))
            })
            .collect();
        tipped(&failing, mode, state).map(Timestamp::as_second)
    }

    #[test]
    fn a_monitor_that_failed_without_harm_is_not_when_the_endpoint_failed() {
        let both = [(Counted, Down, Some(43)), (Counted, Down, Some(113))];
        assert_eq!(seconds(&both, Any, Down), Some(113), "one of two was enough until then");
        assert_eq!(seconds(&both, All, Down), Some(43));
        let three = [(Counted, Down, Some(7)), (Counted, Down, Some(90)), (Counted, Down, Some(8))];
        assert_eq!([1, 2, 3].map(|quorum| seconds(&three, Quorum(quorum), Down)), [Some(90), Some(8), Some(7)]);
        let morning = [(Counted, Deferring, Some(9)), (Counted, Down, Some(12))];
        assert_eq!(seconds(&morning, All, Down), Some(12), "what only defers brought nothing down");
        assert_eq!(seconds(&morning, All, Deferring), Some(9));
    }

    #[test]
    fn required_monitors_tip_by_themselves_and_shown_ones_never() {
        let monitors = [(Required, Down, Some(50)), (Counted, Down, Some(5)), (Counted, Up, None)];
        assert_eq!(seconds(&monitors, Any, Down), Some(50));
        assert_eq!(seconds(&[(MonitorOnly, Down, Some(1)), (Counted, Down, Some(2))], All, Down), Some(2));
        assert_eq!(seconds(&[(MonitorOnly, Down, Some(1))], Any, Down), None);
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let restored = [(Counted, Down, None), (Counted, Down, Some(60))];
        assert_eq!(seconds(&restored, Any, Down), Some(60), "the one from before the start failed earlier");
        assert_eq!(seconds(&restored, All, Down), None);
        assert_eq!(seconds(&[(Counted, Unknown, None), (Counted, Down, Some(3))], Any, Down), Some(3));
    }

    #[test]
    fn where_others_judged_first_the_first_failed_probe_of_this_node_counts() {
        assert_eq!(seconds(&[(Counted, Up, Some(20))], All, Down), Some(20));
        assert_eq!(seconds(&[(Counted, Up, Some(20)), (Counted, Up, None)], Any, Down), None);
        assert_eq!(seconds(&[(Counted, Deferring, Some(9)), (Counted, Up, Some(20))], All, Down), Some(20));
        assert_eq!(seconds(&[(Counted, Up, None)], All, Down), None);
    }
}
