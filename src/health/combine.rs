//! Combining: the monitors of one endpoint give one opinion of it.

use super::consensus::severity;
use crate::model::{EndpointHealth, State, Verdict};

/// What one monitor thinks of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// The monitor's name.
    pub monitor: &'a str,
    /// Its verdict.
    pub verdict: &'a Verdict,
    /// Whether it is gathering evidence.
    pub suspect: bool,
}

/// The monitors of one endpoint together: any down is down, any deferring is deferring; up only once all have judged. `None`
/// without monitors: such an endpoint always counts as up.
///
/// The reason names the monitor where there are several. An endpoint is down since its first monitor went down, and up
/// since its last one came back.
#[must_use]
pub fn combine(judgements: &[Judgement<'_>]) -> Option<EndpointHealth> {
    let state = judgements.iter().map(|judgement| judgement.verdict.state).max_by_key(|state| severity(*state))?;
    let deciding = || judgements.iter().filter(move |judgement| judgement.verdict.state == state);
    let reasons = deciding().filter(|judgement| !judgement.verdict.reason.is_empty()).map(|judgement| {
        if judgements.len() == 1 {
            judgement.verdict.reason.clone()
        } else {
            format!("{}: {}", judgement.monitor, judgement.verdict.reason)
        }
    });
    let reason = reasons.collect::<Vec<_>>().join("; ");
    let sinces = deciding().map(|judgement| judgement.verdict.since);
    let since = if state == State::Up { sinces.max() } else { sinces.min() }?;
    Some(EndpointHealth { state, suspect: judgements.iter().any(|judgement| judgement.suspect), reason, since })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn verdict(state: State, reason: &str, second: i64) -> Verdict {
        Verdict { state, reason: reason.into(), since: Timestamp::from_second(second).unwrap() }
    }

    fn combined(verdicts: &[(&str, &Verdict)]) -> Option<EndpointHealth> {
        let judgements: Vec<_> =
            verdicts.iter().map(|(monitor, verdict)| Judgement { monitor, verdict, suspect: false }).collect();
        combine(&judgements)
    }

    #[test]
    fn any_down_is_down_and_any_deferring_is_deferring() {
        let (up, deferring, down) =
            (verdict(State::Up, "", 1), verdict(State::Deferring, "451 later", 2), verdict(State::Down, "refused", 3));
        assert!(combined(&[]).is_none());
        assert_eq!(combined(&[("smtp", &up)]).unwrap().state, State::Up);
        assert_eq!(combined(&[("smtp", &up), ("http", &deferring)]).unwrap().reason, "http: 451 later");
        let health = combined(&[("smtp", &down), ("http", &deferring)]).unwrap();
        assert_eq!((health.state, health.reason.as_str()), (State::Down, "smtp: refused"));
    }

    #[test]
    fn an_endpoint_is_not_up_before_all_monitors_have_judged() {
        let (up, unknown) = (verdict(State::Up, "", 1), verdict(State::Unknown, "", 0));
        assert_eq!(combined(&[("smtp", &up), ("http", &unknown)]).unwrap().state, State::Unknown);
    }

    #[test]
    fn down_since_the_first_and_up_since_the_last() {
        let (early, late) = (verdict(State::Down, "a", 1), verdict(State::Down, "b", 9));
        assert_eq!(combined(&[("x", &late), ("y", &early)]).unwrap().since.as_second(), 1);
        let (early, late) = (verdict(State::Up, "", 1), verdict(State::Up, "", 9));
        assert_eq!(combined(&[("x", &late), ("y", &early)]).unwrap().since.as_second(), 9);
    }
}
