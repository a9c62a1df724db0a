//! The course of a drill: from its order to its outcome.
//!
//! Whatever is seen and whenever, it ends: [`next`] leaves each state by a deadline, and none leads back to one in which the
//! drill's order stands.

use super::drill::Cause;
use crate::model::{DrillOutcome, DrillState, Mono};

/// What is seen of a drill at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The moment.
    pub now: Mono,
    /// What must end it.
    pub cause: Option<&'a Cause>,
    /// What this node's answers do with the site.
    pub answers: Answers,
    /// What caches do with it.
    pub caches: Caches,
    /// Whether the other nodes follow the latest change of its order.
    pub nodes: Nodes,
}

/// What answers do with a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// They name it for every service that the drill is about.
    Name,
    /// They name it for some of them.
    NameInPart,
    /// They do not name it.
    Withhold,
}

/// What well-behaved caches do with a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caches {
    /// Some may still name it.
    Hold,
    /// None does.
    LetGo,
}

/// Whether the nodes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// All of them do.
    Follow,
    /// Some have not said so.
    Lag,
}

/// The deadlines of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// When its order ends.
    pub until: Mono,
    /// How long after that its nodes may take to name the site again.
    pub back_by: Mono,
}

/// The state that follows `state` by what is seen; `None` where it stays.
#[must_use]
pub fn next(state: &DrillState, deadlines: Deadlines, seen: Seen<'_>) -> Option<DrillState> {
    let restoring = |outcome, why: &str| Some(DrillState::Restoring { outcome, why: why.to_owned() });
    match (state, seen.cause) {
        (DrillState::Ended { .. }, _) => None,
        (DrillState::Restoring { outcome, why }, _) => back(*outcome, why, deadlines, seen),
        (DrillState::Ordering, _) if seen.now >= deadlines.until => {
            restoring(DrillOutcome::Failed, "the order did not come to stand in its time")
        }
        // There is nothing to take back yet; what must end it is looked at when the order stands.
        (DrillState::Ordering, _) => None,
        (DrillState::Withdrawing | DrillState::Drained, Some(cause)) => {
            restoring(DrillOutcome::Interrupted, &cause.to_string())
        }
        (DrillState::Withdrawing, None) if seen.now >= deadlines.until => {
            restoring(DrillOutcome::Failed, not_drained(seen))
        }
        (DrillState::Withdrawing, None) => {
            let is_out =
                seen.answers == Answers::Withhold && seen.caches == Caches::LetGo && seen.nodes == Nodes::Follow;
            is_out.then_some(DrillState::Drained)
        }
        (DrillState::Drained, None) if seen.now >= deadlines.until => {
            restoring(DrillOutcome::Succeeded, "the other sites carried everything for as long as was asked")
        }
        (DrillState::Drained, None) => None,
    }
}

const fn not_drained(seen: Seen<'_>) -> &'static str {
    match (seen.answers, seen.nodes) {
        (Answers::Name | Answers::NameInPart, _) => "answers went on naming the site",
        (Answers::Withhold, Nodes::Lag) => "not every node said in time that it follows",
        (Answers::Withhold, Nodes::Follow) => "caches had not let go of the site in time; make the drill longer",
    }
}

/// The end of a drill whose order is over. One that was a success so far is none if the site does not come back.
fn back(outcome: DrillOutcome, why: &str, deadlines: Deadlines, seen: Seen<'_>) -> Option<DrillState> {
    let is_named = seen.answers == Answers::Name;
    let ended = |outcome, why: &str| Some(DrillState::Ended { outcome, why: why.to_owned() });
    if is_named && seen.nodes == Nodes::Follow {
        return ended(outcome, why);
    }
    if seen.now < deadlines.back_by {
        return None;
    }
    match outcome {
        DrillOutcome::Succeeded if !is_named => {
            ended(DrillOutcome::Failed, "the site did not come back into the answers when the drill was over")
        }
        DrillOutcome::Succeeded => {
            ended(DrillOutcome::Failed, "not every node said in time that it names the site again")
        }
        _ => ended(outcome, why),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::START.after(Duration::from_secs(seconds))
    }

    const DEADLINES: fn() -> Deadlines = || Deadlines { until: at(100), back_by: at(110) };

    fn seen<'a>(seconds: u64, cause: Option<&'a Cause>, answers: Answers, caches: Caches) -> Seen<'a> {
        Seen { now: at(seconds), cause, answers, caches, nodes: Nodes::Follow }
    }

    #[test]
    fn a_drill_that_goes_well_is_out_until_its_end_and_then_back() {
        let mut state = DrillState::Withdrawing;
        let mut course = Vec::new();
        for (second, answers, caches) in [
            (1, Answers::Name, Caches::Hold),
            (2, Answers::Withhold, Caches::Hold),
            (40, Answers::Withhold, Caches::LetGo),
            (99, Answers::Withhold, Caches::LetGo),
            (100, Answers::Withhold, Caches::LetGo),
            (101, Answers::Name, Caches::Hold),
        ] {
            if let Some(new) = next(&state, DEADLINES(), seen(second, None, answers, caches)) {
                course.push((second, new.as_str()));
                state = new;
            }
        }
        assert_eq!(course, [(40, "drained"), (100, "restoring"), (101, "ended")]);
        assert_eq!(state.outcome().unwrap().0, DrillOutcome::Succeeded);
    }

    #[test]
    fn a_site_that_does_not_come_back_makes_a_failure_of_a_success() {
        let state = DrillState::Restoring { outcome: DrillOutcome::Succeeded, why: "well".into() };
        assert_eq!(next(&state, DEADLINES(), seen(105, None, Answers::NameInPart, Caches::Hold)), None);
        let ended = next(&state, DEADLINES(), seen(110, None, Answers::NameInPart, Caches::Hold)).unwrap();
        assert_eq!(ended.outcome().unwrap().0, DrillOutcome::Failed);
        let state = DrillState::Restoring { outcome: DrillOutcome::Interrupted, why: "fra is down".into() };
        let ended = next(&state, DEADLINES(), seen(110, None, Answers::Withhold, Caches::LetGo)).unwrap();
        assert_eq!(ended.outcome(), Some((DrillOutcome::Interrupted, "fra is down")));
    }

    fn arbitrary_state() -> impl Strategy<Value = DrillState> {
        let outcome =
            prop_oneof![Just(DrillOutcome::Succeeded), Just(DrillOutcome::Interrupted), Just(DrillOutcome::Failed)];
        prop_oneof![
            Just(DrillState::Ordering),
            Just(DrillState::Withdrawing),
            Just(DrillState::Drained),
            outcome.prop_map(|outcome| DrillState::Restoring { outcome, why: "x".into() }),
        ]
    }

    prop_compose! {
        fn arbitrary_sight()(
            step in 0_u64..40,
            ends in prop::bool::weighted(0.1),
            answers in prop_oneof![Just(Answers::Name), Just(Answers::NameInPart), Just(Answers::Withhold)],
            caches in prop_oneof![Just(Caches::Hold), Just(Caches::LetGo)],
            nodes in prop_oneof![Just(Nodes::Follow), Just(Nodes::Lag)],
        ) -> (u64, bool, Answers, Caches, Nodes) {
            (step, ends, answers, caches, nodes)
        }
    }

    proptest! {
        /// Whatever is seen: no drill outlives its deadlines, none takes its site out again once it is being put back, what must
        /// end it does so at that very look, and a success had a drained site and nothing against it.
        #[test]
        fn every_drill_ends_and_never_withdraws_again(
            first in arbitrary_state(),
            sights in prop::collection::vec(arbitrary_sight(), 1..60),
        ) {
            let mut state = first.clone();
            let (mut now, mut was_drained) = (0, first == DrillState::Drained);
            let mut put_back = !first.is_under_way();
            for (step, ends, answers, caches, nodes) in sights.into_iter().chain([(200, false, Answers::Withhold, Caches::Hold, Nodes::Lag); 3]) {
                now += step;
                let cause = ends.then_some(Cause::Lifted);
                let seen = Seen { now: at(now), cause: cause.as_ref(), answers, caches, nodes };
                let before = state.clone();
                state = next(&state, DEADLINES(), seen).unwrap_or(state);
                prop_assert!(!(put_back && state.is_under_way()), "{before:?} -> {state:?}");
                if ends && matches!(before, DrillState::Withdrawing | DrillState::Drained) {
                    prop_assert_eq!(state.outcome().map(|(outcome, _)| outcome), Some(DrillOutcome::Interrupted));
                }
                prop_assert!(now < 100 || !state.is_under_way(), "out after its end: {:?}", state);
                was_drained |= state == DrillState::Drained;
                put_back |= !state.is_under_way();
                if first.is_under_way() && matches!(state.outcome(), Some((DrillOutcome::Succeeded, _))) {
                    prop_assert!(was_drained);
                }
            }
            prop_assert!(state.is_over(), "{state:?} at {now}");
        }
    }
}
