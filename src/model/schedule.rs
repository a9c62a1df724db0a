//! Schedules: orders that begin later than they are given, and drains that rise by steps.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Intent, IntentKind, Share};

/// When the parts of an order take effect, and how far it has come. An order without one took effect when it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// When its first step is due.
    pub from: Timestamp,
    /// The shares of a drain one after the other, rising; empty for an order that takes effect at once as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Share>,
    /// Seconds from each step to the next.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub every_seconds: u64,
    /// How many steps have taken effect; 0 is an order that has not begun.
    #[serde(default)]
    pub taken: usize,
    /// When the last of them did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

impl Schedule {
    /// How many steps there are, at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.steps.len().max(1)
    }

    /// From each step to the next.
    #[must_use]
    pub const fn every(&self) -> Duration {
        Duration::from_secs(self.every_seconds)
    }

    /// Whether no step has taken effect.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.taken == 0
    }

    /// Whether all steps have taken effect.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.taken >= self.count()
    }

    /// When the next step is due; `None` after the last. A step that came late puts off those after it.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        if self.is_complete() {
            return None;
        }
        Some(self.last.filter(|_| !self.is_waiting()).map_or(self.from, |last| later(last, self.every())))
    }

    /// When the last step takes effect if nothing holds it or took effect.
    #[must_use]
    pub fn end_of_steps(&self) -> Timestamp {
        let Some(next) = self.next() else { return self.last.unwrap_or(self.from) };
        let left = self.count().saturating_sub(self.taken).saturating_sub(1);
        (0..left).fold(next, |moment, _| later(moment, self.every()))
    }

    /// The schedule with one more step in effect since `now`.
    #[must_use]
    pub fn stepped(&self, now: Timestamp) -> Self {
        Self { taken: self.taken.saturating_add(1).min(self.count()), last: Some(now), ..self.clone() }
    }
}

/// `moment` and `span` later; as late as there is.
fn later(moment: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span).ok().and_then(|span| moment.checked_add(span).ok()).unwrap_or(Timestamp::MAX)
}

impl Intent {
    /// Whether it was given but has not begun.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.schedule.as_ref().is_some_and(Schedule::is_waiting)
    }

    /// What is in effect of it; `None` before it begins.
    #[must_use]
    pub fn in_effect(&self) -> Option<IntentKind> {
        let Some(schedule) = &self.schedule else { return Some(self.kind) };
        schedule.taken.checked_sub(1).map(|step| self.step(schedule, step))
    }

    /// What is in effect of it after its next step; `None` where there is none.
    #[must_use]
    pub fn next_step(&self) -> Option<IntentKind> {
        let schedule = self.schedule.as_ref().filter(|schedule| !schedule.is_complete())?;
        Some(self.step(schedule, schedule.taken))
    }

    /// What is in effect after the step at `step`, from 0.
    fn step(&self, schedule: &Schedule, step: usize) -> IntentKind {
        match (self.kind, schedule.steps.get(step)) {
            (IntentKind::Drain { .. }, Some(share)) => IntentKind::Drain { share: *share },
            (kind, _) => kind,
        }
    }

    /// Whether `other` is the same order, however far either has come.
    #[must_use]
    pub fn is_same_order(&self, other: &Self) -> bool {
        self.scope == other.scope && self.since == other.since && self.by == other.by
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Lifetime, Reach, Scope};
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn stepped_drain() -> Intent {
        let steps: Vec<Share> = ["25%", "50%", "100%"].iter().map(|share| share.parse().unwrap()).collect();
        Intent {
            scope: Scope { site: "fra".into(), service: None },
            kind: IntentKind::Drain { share: Share::ALL },
            by: "alice".into(),
            reason: "x".into(),
            since: at(0),
            lifetime: Lifetime::UntilCleared,
            revision: 1,
            forced: false,
            reach: Reach::Everywhere,
            schedule: Some(Schedule { from: at(60), steps, every_seconds: 600, taken: 0, last: None }),
            drill: None,
        }
    }

    #[test]
    fn a_step_that_came_late_puts_off_those_after_it() {
        let mut intent = stepped_drain();
        let mut seen = Vec::new();
        for moment in [60, 900, 1500] {
            let schedule = intent.schedule.clone().unwrap();
            seen.push((schedule.next().unwrap(), schedule.end_of_steps(), intent.in_effect(), intent.next_step()));
            intent.schedule = Some(schedule.stepped(at(moment)));
        }
        let drain = |share: &str| Some(IntentKind::Drain { share: share.parse().unwrap() });
        assert_eq!(seen[0], (at(60), at(1260), None, drain("25%")));
        assert_eq!(seen[1], (at(660), at(1260), drain("25%"), drain("50%")));
        assert_eq!(seen[2], (at(1500), at(1500), drain("50%"), drain("100%")), "the second step came at 900");
        assert_eq!((intent.in_effect(), intent.next_step()), (drain("100%"), None));
        assert_eq!(intent.schedule.unwrap().next(), None);
    }

    #[test]
    fn an_order_as_stored_before_there_were_schedules_is_in_effect() {
        let text = r#"{"scope":{"site":"fra"},"kind":"drain","share":1000,"by":"a","reason":"x",
            "since":"2026-05-01T12:00:00Z","lifetime":"until_cleared","revision":1}"#;
        let intent: Intent = serde_json::from_str(text).unwrap();
        assert_eq!(intent.in_effect(), Some(IntentKind::Drain { share: Share::ALL }));
        assert!(!serde_json::to_string(&intent).unwrap().contains("schedule"));
        let stepped = stepped_drain();
        let again: Intent = serde_json::from_str(&serde_json::to_string(&stepped).unwrap()).unwrap();
        assert_eq!(again, stepped);
    }
}
