//! Beginnings and steps: what is sent and shown of them, and from what was sent to a schedule that is right in form.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::{ORDER_FARTHEST, STEPS_MOST};
use super::words::{moment, span};
use super::{Problem, ProblemKind};
use crate::model::{IntentKind, Lifetime, Schedule, Share};

/// When an order is to begin, at most 30 days ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Begin {
    /// This many seconds from its acceptance.
    InSeconds(u64),
    /// At this time.
    At(Timestamp),
}

/// The steps of a drain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Steps {
    /// Rising shares in thousandths; the last is that of the drain.
    pub shares: Vec<Share>,
    /// From each to the next.
    pub every_seconds: u64,
}

/// A part of an order that takes effect later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Due {
    /// When; past where it is held.
    pub at: Timestamp,
    /// The part of the site's clients that a drain moves away from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// The safety rule that holds it, with its numbers; it takes effect as soon as the rule allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// When an order received at `now` begins.
pub(super) fn beginning(begin: Option<Begin>, now: Timestamp) -> Result<Timestamp, Problem> {
    let from = match begin {
        None => return Ok(now),
        Some(Begin::At(from)) => Some(from),
        Some(Begin::InSeconds(seconds)) => {
            i64::try_from(seconds).ok().and_then(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok())
        }
    };
    let farthest = now.checked_add(ORDER_FARTHEST).unwrap_or(Timestamp::MAX);
    match from {
        Some(from) if from < now => Err(invalid(
            format!("the order would have begun at {}, which is over", moment(from)),
            "give a time that is still to come, or leave it out to begin now",
        )),
        Some(from) if from <= farthest => Ok(from),
        _ => Err(invalid(
            format!("an order begins at most {} after it is given", span(ORDER_FARTHEST)),
            "order it nearer to its time",
        )),
    }
}

/// The schedule of an order that begins at `from`; `None` where all of it takes effect with the order.
pub(super) fn schedule(
    kind: IntentKind,
    steps: Option<Steps>,
    from: Timestamp,
    now: Timestamp,
) -> Result<Option<Schedule>, Problem> {
    let waits = from > now;
    // The first step of an order that begins now is taken with the order itself.
    let (taken, last) = if waits { (0, None) } else { (1, Some(now)) };
    match steps {
        None if waits => Ok(Some(Schedule { from, steps: Vec::new(), every_seconds: 0, taken, last })),
        None => Ok(None),
        Some(steps) => {
            let Steps { shares, every_seconds } = checked(kind, steps)?;
            Ok(Some(Schedule { from, steps: shares, every_seconds, taken, last }))
        }
    }
}

fn checked(kind: IntentKind, steps: Steps) -> Result<Steps, Problem> {
    let IntentKind::Drain { share } = kind else {
        return Err(invalid(
            format!("an order to {} has no steps: it takes effect as a whole", kind.as_str()),
            "leave the steps out, or drain",
        ));
    };
    let shares = &steps.shares;
    let rising = shares.windows(2).all(|pair| matches!(pair, [lower, higher] if lower < higher));
    if shares.is_empty() || shares.len() > STEPS_MOST || !rising || shares.first() == Some(&Share::NONE) {
        return Err(invalid(
            format!("steps are 1 to {STEPS_MOST} rising shares above 0%, not {}", listed(shares)),
            "give them as in 25%,50%,100%",
        ));
    }
    if shares.last() != Some(&share) {
        return Err(invalid(
            format!("a drain of {share} ends with a step to {share}, not with {}", listed(shares)),
            "let the share be that of the last step",
        ));
    }
    if shares.len() > 1 && steps.every_seconds == 0 {
        return Err(invalid("steps need time between them", "give at least a second: --every 10m"));
    }
    Ok(steps)
}

/// `25%,50%,100%`
pub(super) fn listed(shares: &[Share]) -> String {
    shares.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// An order that ended before its last step would never come to what it orders.
pub(super) fn fits(schedule: Option<&Schedule>, lifetime: Lifetime) -> Result<(), Problem> {
    match (schedule, lifetime) {
        (Some(schedule), Lifetime::Until(end)) if schedule.end_of_steps() >= end => Err(invalid(
            format!("the last step would come at {}, when the order has ended", moment(schedule.end_of_steps())),
            "let the order stand longer (--for counts from its beginning), or its steps follow sooner",
        )),
        _ => Ok(()),
    }
}

fn invalid(detail: impl Into<String>, remedy: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, detail).with_remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn later(seconds: i64) -> Timestamp {
        now().checked_add(SignedDuration::from_secs(seconds)).unwrap()
    }

    fn steps(shares: &[&str], every_seconds: u64) -> Option<Steps> {
        Some(Steps { shares: shares.iter().map(|share| share.parse().unwrap()).collect(), every_seconds })
    }

    const DRAIN: IntentKind = IntentKind::Drain { share: Share::ALL };

    #[test]
    fn an_order_begins_now_or_within_a_month() {
        assert_eq!(beginning(None, now()).unwrap(), now());
        assert_eq!(beginning(Some(Begin::InSeconds(0)), now()).unwrap(), now());
        assert_eq!(beginning(Some(Begin::InSeconds(60)), now()).unwrap(), later(60));
        assert_eq!(beginning(Some(Begin::At(later(60))), now()).unwrap(), later(60));
        let farthest = ORDER_FARTHEST.as_secs();
        assert!(beginning(Some(Begin::InSeconds(farthest)), now()).is_ok());
        for begin in [
            Begin::InSeconds(farthest + 1),
            Begin::InSeconds(u64::MAX),
            Begin::At(later(-1)),
            Begin::At(Timestamp::MAX),
        ] {
            assert_eq!(beginning(Some(begin), now()).unwrap_err().kind, ProblemKind::Invalid, "{begin:?}");
        }
    }

    #[test]
    fn what_takes_effect_at_once_has_no_schedule() {
        assert_eq!(schedule(DRAIN, None, now(), now()).unwrap(), None);
        let waits = schedule(IntentKind::Isolate, None, later(60), now()).unwrap().unwrap();
        assert_eq!((waits.is_waiting(), waits.next()), (true, Some(later(60))));
        let by_steps = schedule(DRAIN, steps(&["25%", "100%"], 600), now(), now()).unwrap().unwrap();
        assert_eq!((by_steps.is_waiting(), by_steps.next()), (false, Some(later(600))));
        assert_eq!(by_steps.end_of_steps(), later(600));
    }

    #[test]
    fn steps_rise_to_the_share_with_time_between_them() {
        for (kind, shares, what) in [
            (DRAIN, steps(&[], 60), "none"),
            (DRAIN, steps(&["50%", "25%", "100%"], 60), "falling"),
            (DRAIN, steps(&["50%", "50%", "100%"], 60), "level"),
            (DRAIN, steps(&["0%", "100%"], 60), "from nothing"),
            (DRAIN, steps(&["25%", "50%"], 60), "another share"),
            (DRAIN, steps(&["25%", "100%"], 0), "no time"),
            (IntentKind::Pin, steps(&["100%"], 60), "a pin"),
        ] {
            assert!(schedule(kind, shares, now(), now()).is_err(), "{what}");
        }
        let many: Vec<String> = (1..=STEPS_MOST).map(|percent| format!("{percent}%")).chain(["100%".into()]).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(schedule(DRAIN, steps(&many, 60), now(), now()).is_err());
        assert!(schedule(DRAIN, steps(&many[1..], 60), now(), now()).is_ok());
    }

    #[test]
    fn the_last_step_comes_before_the_end() {
        let by_steps = schedule(DRAIN, steps(&["25%", "100%"], 600), later(60), now()).unwrap();
        assert!(fits(by_steps.as_ref(), Lifetime::Until(later(661))).is_ok());
        assert!(fits(by_steps.as_ref(), Lifetime::UntilCleared).is_ok());
        assert!(fits(by_steps.as_ref(), Lifetime::Until(later(660))).is_err());
        assert!(fits(None, Lifetime::Until(later(1))).is_ok());
    }
}
