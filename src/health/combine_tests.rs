//! The rules of composite health, each stated by a test.

use jiff::Timestamp;
use proptest::prelude::*;

use super::combine::{Judgement, combine, combine_after};
use super::consensus::severity;
use crate::model::{EndpointHealth, HealthMode, MonitorPart, State, Verdict};

use HealthMode::{All, Any, Quorum};
use MonitorPart::{Counted, MonitorOnly, Required};
use State::{Deferring, Down, Unknown, Up};

const STATES: [State; 4] = [Up, Unknown, Deferring, Down];
const NAMES: [&str; 6] = ["smtp", "http", "imap", "tcp", "disk", "queue"];

fn verdict(state: State, reason: &str, second: i64) -> Verdict {
    Verdict { state, reason: reason.into(), since: Timestamp::from_second(second).unwrap() }
}

fn combined(verdicts: &[(&str, &Verdict)]) -> Option<EndpointHealth> {
    let judgements: Vec<_> = verdicts
        .iter()
        .map(|(monitor, verdict)| Judgement { monitor, part: Counted, verdict, suspect: false })
        .collect();
    combine(&judgements, All)
}

#[test]
fn a_monitor_that_never_judges_keeps_nobody_down() {
    let (up, blind) = (verdict(Up, "", 1), verdict(Unknown, "", 0));
    let judgements = [("smtp", &up), ("icmp", &blind)].map(|(monitor, verdict)| Judgement {
        monitor,
        part: Counted,
        verdict,
        suspect: false,
    });
    let after = |previous| combine_after(previous, &judgements, All).unwrap().state;
    assert_eq!([Down, Deferring, Unknown, Up].map(after), [Up, Up, Unknown, Unknown]);
    let nobody = [Judgement { monitor: "icmp", part: Counted, verdict: &blind, suspect: false }];
    assert_eq!(combine_after(Down, &nobody, All).unwrap().state, Unknown);
}

/// Monitors by part and state, called as in [`NAMES`]; each is suspect if `suspects` has its position.
fn health_of(monitors: &[(MonitorPart, State)], suspects: &[usize], mode: HealthMode) -> Option<EndpointHealth> {
    let seconds = 1_i64..;
    let verdicts: Vec<Verdict> =
        monitors.iter().zip(seconds).map(|((_, state), second)| verdict(*state, state.as_str(), second)).collect();
    let judgements: Vec<_> = monitors
        .iter()
        .zip(&verdicts)
        .enumerate()
        .map(|(position, ((part, _), verdict))| Judgement {
            monitor: NAMES[position % NAMES.len()],
            part: *part,
            verdict,
            suspect: suspects.contains(&position),
        })
        .collect();
    combine(&judgements, mode)
}

fn state_of(monitors: &[(MonitorPart, State)], mode: HealthMode) -> Option<State> {
    health_of(monitors, &[], mode).map(|health| health.state)
}

fn counted(states: &[State], mode: HealthMode) -> State {
    let monitors: Vec<_> = states.iter().map(|state| (Counted, *state)).collect();
    state_of(&monitors, mode).unwrap()
}

#[test]
fn any_down_is_down_and_any_deferring_is_deferring() {
    let (up, deferring, down) = (verdict(Up, "", 1), verdict(Deferring, "451 later", 2), verdict(Down, "refused", 3));
    assert!(combined(&[]).is_none());
    assert_eq!(combined(&[("smtp", &up)]).unwrap().state, Up);
    assert_eq!(combined(&[("smtp", &up), ("http", &deferring)]).unwrap().reason, "http: 451 later");
    let health = combined(&[("smtp", &down), ("http", &deferring)]).unwrap();
    assert_eq!((health.state, health.reason.as_str()), (Down, "smtp: refused"));
}

#[test]
fn an_endpoint_is_not_up_before_all_monitors_have_judged() {
    let (up, unknown) = (verdict(Up, "", 1), verdict(Unknown, "", 0));
    assert_eq!(combined(&[("smtp", &up), ("http", &unknown)]).unwrap().state, Unknown);
}

#[test]
fn down_since_the_first_and_up_since_the_last() {
    let (early, late) = (verdict(Down, "a", 1), verdict(Down, "b", 9));
    assert_eq!(combined(&[("x", &late), ("y", &early)]).unwrap().since.as_second(), 1);
    let (early, late) = (verdict(Up, "", 1), verdict(Up, "", 9));
    assert_eq!(combined(&[("x", &late), ("y", &early)]).unwrap().since.as_second(), 9);
}

#[test]
fn the_mode_says_how_many_must_reach_a_state() {
    for (states, all, any, two) in [
        ([Up, Up, Up], Up, Up, Up),
        ([Up, Up, Down], Down, Up, Up),
        ([Up, Down, Down], Down, Up, Down),
        ([Down, Down, Down], Down, Down, Down),
        ([Up, Deferring, Down], Down, Up, Deferring),
        ([Up, Up, Deferring], Deferring, Up, Up),
        ([Deferring, Deferring, Down], Down, Deferring, Deferring),
        ([Unknown, Unknown, Unknown], Unknown, Unknown, Unknown),
        ([Up, Unknown, Unknown], Unknown, Up, Unknown),
        ([Up, Unknown, Down], Down, Up, Unknown),
        ([Unknown, Down, Down], Down, Unknown, Down),
        ([Unknown, Deferring, Down], Down, Unknown, Deferring),
    ] {
        let outcome = [All, Any, Quorum(2)].map(|mode| counted(&states, mode));
        assert_eq!(outcome, [all, any, two], "{states:?}");
    }
}

#[test]
fn required_monitors_must_be_well_whatever_the_mode() {
    for (required, others, expected) in [
        (Up, [Up, Down], Up),
        (Down, [Up, Up], Down),
        (Deferring, [Up, Up], Deferring),
        (Unknown, [Up, Up], Unknown),
        (Up, [Down, Down], Down),
        (Deferring, [Down, Down], Down),
        (Up, [Unknown, Down], Unknown),
    ] {
        let monitors = [(Required, required), (Counted, others[0]), (Counted, others[1])];
        assert_eq!(state_of(&monitors, Any), Some(expected), "{monitors:?}");
    }
    assert_eq!(state_of(&[(Required, Up), (Required, Down)], Any), Some(Down));
}

#[test]
fn monitors_that_are_only_shown_do_not_count() {
    assert_eq!(state_of(&[(Counted, Up), (MonitorOnly, Down)], All), Some(Up));
    assert_eq!(state_of(&[(MonitorOnly, Down)], All), None);
    // With one that counts, its reason needs no name.
    let health = health_of(&[(Counted, Down), (MonitorOnly, Down)], &[1], All).unwrap();
    assert_eq!((health.reason.as_str(), health.suspect), ("down", false));
}

#[test]
fn reasons_name_the_deciding_monitors() {
    for (monitors, mode, reason) in [
        (
            vec![(Counted, Up), (Counted, Down), (Counted, Down)],
            Quorum(2),
            "1 of 3 monitors up, 2 needed: http: down; imap: down",
        ),
        (vec![(Counted, Up), (Counted, Up), (Counted, Down)], Quorum(2), "2 of 3 monitors up, 2 needed: imap: down"),
        (
            vec![(Counted, Up), (Counted, Deferring), (Counted, Down)],
            Quorum(2),
            "1 of 3 monitors up, 2 needed: http: deferring; imap: down",
        ),
        (vec![(Counted, Down), (Counted, Down)], Any, "0 of 2 monitors up, 1 needed: smtp: down; http: down"),
        (vec![(Required, Down), (Counted, Up), (Counted, Up)], Any, "smtp: down"),
        (
            vec![(Required, Up), (Counted, Down), (Counted, Down)],
            Any,
            "0 of 2 monitors up, 1 needed: http: down; imap: down",
        ),
        (
            vec![(Required, Down), (Counted, Down), (Counted, Down)],
            Any,
            "smtp: down; 0 of 2 monitors up, 1 needed: http: down; imap: down",
        ),
        (vec![(Required, Down), (Counted, Up)], All, "smtp: down"),
    ] {
        assert_eq!(health_of(&monitors, &[], mode).unwrap().reason, reason, "{monitors:?}");
    }
}

#[test]
fn a_quorum_is_lost_with_the_monitor_that_was_one_too_many_and_back_with_the_last_that_it_takes() {
    // Verdicts are a second apart, in the order listed.
    let since = |states: &[State], mode| {
        let monitors: Vec<_> = states.iter().map(|state| (Counted, *state)).collect();
        health_of(&monitors, &[], mode).unwrap().since.as_second()
    };
    assert_eq!(since(&[Down, Down, Down], Quorum(2)), 2);
    assert_eq!(since(&[Down, Up, Down], Any), 2);
    assert_eq!(since(&[Down, Down, Down], Any), 3);
    assert_eq!(since(&[Up, Up, Up], Quorum(2)), 2);
}

fn any_state() -> impl Strategy<Value = State> {
    prop::sample::select(STATES.to_vec())
}

fn any_part() -> impl Strategy<Value = MonitorPart> {
    prop::sample::select(vec![Counted, Required, MonitorOnly])
}

fn any_mode() -> impl Strategy<Value = HealthMode> {
    prop_oneof![Just(All), Just(Any), (0_usize..8).prop_map(Quorum)]
}

fn any_monitors() -> impl Strategy<Value = Vec<(MonitorPart, State)>> {
    prop::collection::vec((any_part(), any_state()), 1..7)
}

proptest! {
    #[test]
    fn a_monitor_that_gets_worse_never_makes_the_endpoint_better(
        monitors in any_monitors(), mode in any_mode(), which in any::<prop::sample::Index>(), to in any_state(),
    ) {
        let which = which.index(monitors.len());
        prop_assume!(severity(to) >= severity(monitors[which].1));
        let mut worse = monitors.clone();
        worse[which].1 = to;
        let grave = |monitors: &[_]| state_of(monitors, mode).map(severity);
        prop_assert!(grave(&worse) >= grave(&monitors));
    }

    #[test]
    fn with_all_the_worst_wins(monitors in any_monitors()) {
        let counting = monitors.iter().filter(|(part, _)| *part != MonitorOnly);
        let worst = counting.map(|(_, state)| *state).max_by_key(|state| severity(*state));
        prop_assert_eq!(state_of(&monitors, All), worst);
    }

    #[test]
    fn order_does_not_matter(
        (monitors, shuffled) in any_monitors().prop_flat_map(|monitors| (Just(monitors.clone()), Just(monitors).prop_shuffle())),
        mode in any_mode(),
    ) {
        prop_assert_eq!(state_of(&monitors, mode), state_of(&shuffled, mode));
    }

    #[test]
    fn what_is_only_shown_never_matters(
        monitors in any_monitors(), mode in any_mode(), states in prop::collection::vec(any_state(), 6), suspects in prop::collection::vec(0_usize..6, 0..3),
    ) {
        let mut others = monitors.clone();
        for ((part, state), other) in others.iter_mut().zip(states) {
            if *part == MonitorOnly {
                *state = other;
            }
        }
        let shown = |position: &usize| monitors.get(*position).is_some_and(|(part, _)| *part == MonitorOnly);
        let counting: Vec<usize> = suspects.iter().copied().filter(|position| !shown(position)).collect();
        prop_assert_eq!(health_of(&monitors, &suspects, mode), health_of(&others, &counting, mode));
    }

    #[test]
    fn down_takes_more_than_silence(monitors in any_monitors(), mode in any_mode()) {
        let fresh: Vec<_> = monitors.iter().map(|(part, _)| (*part, Unknown)).collect();
        prop_assert!(matches!(state_of(&fresh, mode), None | Some(Unknown)));
        // Whoever has not judged yet holds presence up: without their votes the outcome is never better.
        let silent_are_up: Vec<_> =
            monitors.iter().map(|(part, state)| (*part, if *state == Unknown { Up } else { *state })).collect();
        let outcome = state_of(&monitors, mode);
        if matches!(outcome, Some(Down | Deferring)) {
            prop_assert_eq!(outcome, state_of(&silent_are_up, mode));
        }
    }
}
