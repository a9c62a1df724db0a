use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::health::simulation::{Chance, DEFAULTS, Simulation, ok, refused, silence};

const fn secs(seconds: u64) -> Mono {
    Mono::from_millis(seconds * 1000)
}

fn restored(state: State) -> Option<Verdict> {
    Some(Verdict { state, reason: "from before".into(), since: Timestamp::UNIX_EPOCH })
}

fn deferring() -> (Duration, Outcome) {
    (Duration::from_millis(5), Outcome::Deferring("451 4.3.2 try later".into()))
}

/// Times from a failure at many phases of the interval to the verdict, ascending.
fn detection_times(failing: impl Fn(Depth) -> (Duration, Outcome) + Copy, thresholds: Thresholds) -> Vec<Duration> {
    let mut times: Vec<_> = (0..200_u64)
        .map(|phase| {
            let dies = secs(60).after(Duration::from_millis(phase * 5));
            let spread = 123_456_789;
            let mut simulation =
                Simulation::new(
                    thresholds,
                    None,
                    spread,
                    move |at, depth| if at < dies { ok(12) } else { failing(depth) },
                );
            simulation.run_until(dies.after(Duration::from_secs(20)));
            assert_eq!(simulation.entries(State::Down), 1);
            simulation.entered(State::Down, dies).unwrap().since(dies)
        })
        .collect();
    times.sort();
    times
}

fn median(times: &[Duration]) -> Duration {
    times[times.len() / 2]
}

#[test]
fn a_crashed_daemon_is_down_within_a_second() {
    let times = detection_times(|_| refused(), DEFAULTS);
    assert!(median(&times) <= Duration::from_millis(900), "{:?}", median(&times));
    assert!(times[199] <= Duration::from_millis(1300), "{:?}", times[199]);
}

#[test]
fn a_black_hole_is_down_within_two_seconds() {
    let times = detection_times(|_| silence(), DEFAULTS);
    assert!(median(&times) <= Duration::from_millis(1600), "{:?}", median(&times));
    assert!(times[199] <= Duration::from_millis(2000), "{:?}", times[199]);
}

#[test]
fn a_tcp_monitor_is_as_quick() {
    let tcp = Thresholds { full: Depth::Connect, ..DEFAULTS };
    assert!(median(&detection_times(|_| refused(), tcp)) <= Duration::from_millis(900));
    assert!(median(&detection_times(|_| silence(), tcp)) <= Duration::from_millis(1600));
}

#[test]
fn a_daemon_that_accepts_and_says_nothing_is_down_after_its_timeout() {
    let hangs = |depth| if depth == Depth::Connect { ok(5) } else { silence() };
    let times = detection_times(hangs, DEFAULTS);
    assert!(median(&times) > DEFAULTS.timeout, "slowness is given its timeout");
    assert!(times[199] <= Duration::from_secs(4), "{:?}", times[199]);
}

#[test]
fn a_daemon_that_became_slow_but_answers_in_time_stays_up() {
    let mut simulation =
        Simulation::new(
            DEFAULTS,
            None,
            0,
            |at, depth| {
                if at < secs(60) || depth == Depth::Connect { ok(10) } else { ok(1500) }
            },
        );
    simulation.run_until(secs(300));
    assert_eq!(simulation.entries(State::Down), 0);
    assert!(simulation.detector.overdue_bound() > Duration::from_millis(1500), "the bound was learnt");
    assert!(!simulation.detector.is_suspect());
}

#[test]
fn the_first_failure_is_confirmed_by_a_connect_at_once_and_conversations_a_gap_apart() {
    let mut simulation = Simulation::new(DEFAULTS, None, 0, |at, _| if at < secs(10) { ok(10) } else { refused() });
    simulation.run_until(secs(11));
    let burst: Vec<_> = simulation.probes.iter().filter(|(at, _)| *at >= secs(10) && *at < secs(11)).collect();
    let expected = [(0, Depth::Full), (1, Depth::Connect), (201, Depth::Full)];
    assert_eq!(
        burst,
        expected.map(|(ms, depth)| (secs(10).after(Duration::from_millis(ms)), depth)).iter().collect::<Vec<_>>()
    );
    assert_eq!(simulation.entered(State::Down, secs(10)), Some(secs(10).after(Duration::from_millis(202))));
}

#[test]
fn a_connect_counts_neither_for_nor_against_a_service_that_fails() {
    // The listener accepts but every conversation is cut: connects that succeed must not end the run.
    let cut = || (Duration::from_millis(5), Outcome::failed(FailureKind::Timeout, "no banner"));
    let mut simulation = Simulation::new(DEFAULTS, restored(State::Up), 0, move |at, depth| {
        if at < secs(10) || depth == Depth::Connect { ok(10) } else { cut() }
    });
    simulation.run_until(secs(12));
    assert_eq!(simulation.state(), State::Down);
    assert!(simulation.probes.iter().any(|(_, depth)| *depth == Depth::Connect));
    simulation.run_until(secs(60));
    assert_eq!(simulation.entries(State::Up), 0, "and they do not bring it back");
}

#[test]
fn one_lost_probe_raises_suspicion_and_lowers_it_again() {
    let mut simulation = Simulation::new(DEFAULTS, None, 0, |at, _| if at == secs(10) { silence() } else { ok(10) });
    simulation.run_until(secs(30));
    let suspicions: Vec<_> = simulation.changes.iter().filter(|(_, change, _)| *change == Change::Suspicion).collect();
    assert_eq!(suspicions.len(), 2);
    assert_eq!(simulation.entries(State::Down), 0);
}

#[test]
fn two_percent_loss_for_a_month_is_no_flapping() {
    let month = Mono(Duration::from_secs(30 * 24 * 3600));
    let mut chance = Chance(2026);
    let mut simulation = Simulation::new(DEFAULTS, None, 0, move |_, _| if chance.is(20) { silence() } else { ok(12) });
    simulation.run_until(month);
    assert!(simulation.probes.len() > 2_592_000);
    assert!(simulation.entries(State::Down) <= 3, "{} false alarms", simulation.entries(State::Down));
    assert_eq!(simulation.state(), State::Up);
}

#[test]
fn two_percent_loss_for_a_week_withdraws_nothing() {
    let week = Mono(Duration::from_secs(7 * 24 * 3600));
    for seed in 1..=4 {
        let mut chance = Chance(seed);
        let mut simulation =
            Simulation::new(DEFAULTS, None, 0, move |_, _| if chance.is(20) { silence() } else { ok(12) });
        simulation.run_until(week);
        let entries = [State::Down, State::Deferring].map(|state| simulation.entries(state));
        assert_eq!(entries, [0, 0], "seed {seed}");
    }
}

#[test]
fn twenty_percent_loss_is_demoted_and_comes_back_when_it_ends() {
    for seed in 0..20 {
        let (mut chance, begins, ends) = (Chance(seed), secs(3600), secs(7200));
        let mut simulation = Simulation::new(DEFAULTS, None, 0, move |at, _| {
            if at >= begins && at < ends && chance.is(200) { silence() } else { ok(12) }
        });
        simulation.run_until(begins.after(Duration::from_secs(600)));
        let mut demoted = 0;
        for second in 600..3600 {
            simulation.run_until(begins.after(Duration::from_secs(second)));
            demoted += u32::from(simulation.state() != State::Up);
        }
        assert!(demoted > 2_900, "seed {seed}: demoted for {demoted} of 3000 s");
        simulation.run_until(ends.after(Duration::from_secs(400)));
        assert_eq!(simulation.state(), State::Up, "seed {seed}");
    }
}

#[test]
fn one_second_of_failure_in_every_six_settles() {
    for phase in 0..12 {
        for failing in [refused, silence] {
            let mut simulation = Simulation::new(DEFAULTS, None, 0, move |at, _| {
                let at = at.0.as_millis() + phase * 500;
                if at > 600_000 && at % 6000 < 1000 { failing() } else { ok(5) }
            });
            simulation.run_until(secs(600));
            let before = simulation.entries(State::Down) + simulation.entries(State::Up);
            simulation.run_until(secs(600 + 3600));
            let states = [State::Down, State::Up, State::Deferring];
            let changes = states.map(|state| simulation.entries(state)).iter().sum::<usize>() - before;
            assert!(changes <= 3, "phase {phase}: {changes} changes: {:?}", simulation.changes);
        }
    }
}

#[test]
fn on_a_lossy_path_death_is_still_found_in_seconds() {
    for seed in 0..50 {
        let (mut chance, dies) = (Chance(seed), secs(7200));
        let mut simulation =
            Simulation::new(
                DEFAULTS,
                None,
                0,
                move |at, _| if at >= dies || chance.is(20) { silence() } else { ok(12) },
            );
        simulation.run_until(dies.after(Duration::from_secs(10)));
        let found = simulation.entered(State::Down, dies).unwrap().since(dies);
        assert!(found <= Duration::from_secs(3), "seed {seed}: {found:?}");
    }
}

#[test]
fn unknown_until_the_first_evidence_and_then_by_counts() {
    let mut simulation = Simulation::new(DEFAULTS, None, 0, |_, _| ok(10));
    assert_eq!(simulation.state(), State::Unknown);
    simulation.run_until(secs(2));
    assert_eq!(simulation.changes, [(Mono::from_millis(1010), Change::Verdict { from: State::Unknown }, State::Up)]);

    let mut dead = Simulation::new(DEFAULTS, None, 0, |_, _| silence());
    dead.run_until(secs(10));
    assert_eq!(dead.entries(State::Down), 1);
}

#[test]
fn a_restored_verdict_stands_until_there_is_evidence() {
    let mut up = Simulation::new(DEFAULTS, restored(State::Up), 0, |_, _| ok(10));
    up.run_until(secs(5));
    assert_eq!(up.changes, [(Mono::from_millis(1010), Change::Confirmed, State::Up)]);

    let mut down = Simulation::new(DEFAULTS, restored(State::Down), 0, |_, _| ok(10));
    down.run_until(secs(30));
    let back = down.entered(State::Up, Mono::START).unwrap();
    assert!(back >= secs(6), "rise and damping apply: {back:?}");
}

#[test]
fn flapping_doubles_the_time_before_it_returns() {
    // Fails for 2 s whenever it has just returned.
    let mut simulation =
        Simulation::new(DEFAULTS, None, 0, |at, _| if at.0.as_secs() % 60 < 3 { refused() } else { ok(5) });
    simulation.run_until(secs(600));
    let downs: Vec<_> = simulation.changes.iter().filter(|(.., to)| *to == State::Down).map(|(at, ..)| *at).collect();
    let ups: Vec<_> =
        downs.iter().filter_map(|at| simulation.entered(State::Up, *at).map(|up| up.since(*at))).collect();
    assert!(ups.windows(2).all(|pair| pair[0] <= pair[1]), "{ups:?}");
    assert!(*ups.last().unwrap() > Duration::from_secs(30), "{ups:?}");
}

#[test]
fn loss_while_held_does_not_hold_for_ever() {
    let mut chance = Chance(7);
    let mut simulation = Simulation::new(DEFAULTS, None, 0, move |at, _| {
        // Twelve short outages drive damping to its ceiling; then only 2 % loss remains.
        let outage = at < secs(1200) && at.0.as_secs() % 100 < 4;
        if outage {
            refused()
        } else if chance.is(20) {
            silence()
        } else {
            ok(5)
        }
    });
    simulation.run_until(secs(1200));
    simulation.run_until(secs(1200 + 600));
    assert_eq!(simulation.state(), State::Up, "{:?}", simulation.phase());
}

#[test]
fn a_single_deferring_answer_does_not_flap_and_several_demote() {
    let mut simulation = Simulation::new(DEFAULTS, None, 0, |at, _| match at.0.as_secs() {
        10 | 20..30 => deferring(),
        _ => ok(5),
    });
    simulation.run_until(secs(19));
    assert_eq!(simulation.entries(State::Deferring), 0);
    simulation.run_until(secs(29));
    assert_eq!(
        (simulation.state(), simulation.detector.verdict().reason.as_str()),
        (State::Deferring, "451 4.3.2 try later")
    );
    simulation.run_until(secs(40));
    assert_eq!(simulation.state(), State::Up);
    assert_eq!(simulation.entries(State::Down), 0);
}

#[test]
fn plain_counts_are_plain() {
    let count = Thresholds { kind: DetectorKind::Count, ..DEFAULTS };
    let mut simulation = Simulation::new(count, None, 0, |at, _| match at.0.as_secs() {
        10..13 | 20..22 => refused(),
        _ => ok(5),
    });
    simulation.run_until(secs(40));
    assert_eq!(simulation.entries(State::Down), 1, "two failures are not `fall`");
    assert_eq!(simulation.entered(State::Down, Mono::START), Some(Mono::from_millis(12_001)));
    assert_eq!(simulation.entered(State::Up, secs(12)), Some(Mono::from_millis(15_005)), "no damping");
    assert!(simulation.probes.iter().all(|(at, depth)| at.0.subsec_nanos() == 0 && *depth == Depth::Full), "no burst");
}

#[test]
fn a_fault_of_the_prober_says_nothing() {
    let mut simulation = Simulation::new(DEFAULTS, None, 0, |at, _| {
        if at < secs(10) { ok(5) } else { (Duration::ZERO, Outcome::Inconclusive("no file descriptors left".into())) }
    });
    simulation.run_until(secs(60));
    assert_eq!(simulation.state(), State::Up);
    assert!(!simulation.detector.is_suspect());
}

/// A server that answers, behind a CA file that cannot be read.
fn unchecked() -> (Duration, Outcome) {
    (Duration::from_millis(5), Outcome::Unchecked("cannot read the CA file nope.pem".into()))
}

#[test]
fn what_this_side_could_not_look_at_is_unknown_with_the_reason_and_never_in_trouble() {
    let mut from_the_start = Simulation::new(DEFAULTS, None, 0, |_, _| unchecked());
    from_the_start.run_until(secs(20));
    assert_eq!((from_the_start.state(), from_the_start.detector.is_suspect()), (State::Unknown, false));
    assert_eq!(from_the_start.detector.verdict().reason, "cannot read the CA file nope.pem");
    let mut later = Simulation::new(DEFAULTS, None, 0, |at, _| if at < secs(10) { ok(5) } else { unchecked() });
    later.run_until(secs(20));
    assert_eq!((later.state(), later.entries(State::Deferring)), (State::Unknown, 0));
    assert_eq!(later.detector.verdict().reason, "cannot read the CA file nope.pem");
}

#[test]
fn a_server_that_dies_unchecked_is_down_and_comes_back_as_up_before_it_is_unknown() {
    // Not judged is no vote: whoever was agreed to be down must first be said to be up.
    let mut simulation = Simulation::new(DEFAULTS, None, 0, |at, _| match at.0.as_secs() {
        20..30 => refused(),
        _ => unchecked(),
    });
    simulation.run_until(secs(120));
    let down = simulation.entered(State::Down, secs(20)).unwrap();
    let up = simulation.entered(State::Up, down).unwrap();
    assert!(simulation.entered(State::Unknown, up).is_some());
    let mut mended =
        Simulation::new(
            DEFAULTS,
            restored(State::Deferring),
            0,
            |at, _| {
                if at < secs(20) { unchecked() } else { ok(5) }
            },
        );
    mended.run_until(secs(19));
    assert!(mended.entered(State::Up, Mono::START).is_some(), "the trouble of before is over");
    mended.run_until(secs(40));
    assert_eq!(mended.state(), State::Up);
}

#[test]
fn a_late_driver_blames_itself() {
    let mut detector = Detector::new(DEFAULTS, restored(State::Up), 0, Mono::START, Timestamp::UNIX_EPOCH);
    let mut now = secs(1);
    for _ in 0..20 {
        let order = detector.begin(now);
        let finding = Finding { outcome: Outcome::Ok, latency: Duration::from_millis(5), connected: None };
        detector.finished(order.number, finding, now, Timestamp::UNIX_EPOCH);
        now = now.after(DEFAULTS.interval);
    }
    let order = detector.begin(now);
    let bound = now.after(detector.overdue_bound());
    let late = bound.after(Duration::from_secs(5));
    detector.forgive(Duration::from_millis(5001));
    assert_eq!(detector.overdue(late, Timestamp::UNIX_EPOCH), None);
    assert!(detector.awaits(order.number));
    assert_eq!(detector.overdue(late.after(Duration::from_millis(1)), Timestamp::UNIX_EPOCH), Some(Change::Suspicion));
}

#[test]
fn a_hint_brings_the_next_probe_forward() {
    let thresholds = Thresholds { interval: Duration::from_secs(60), ..DEFAULTS };
    let mut detector = Detector::new(thresholds, restored(State::Up), 5, Mono::START, Timestamp::UNIX_EPOCH);
    let _ = detector.begin(secs(1));
    assert!(!detector.is_due(secs(2)));
    detector.hint(secs(2));
    assert!(detector.is_due(secs(2)));
}

/// Arbitrary outcomes, one a second.
fn any_network() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0_u8..10, 30..300)
}

fn scripted(script: &[u8], second: u64) -> (Duration, Outcome) {
    let at = usize::try_from(second).unwrap() % script.len();
    match script[at] {
        0 => refused(),
        1 => silence(),
        2 => deferring(),
        3 => (Duration::from_millis(3), Outcome::failed(FailureKind::Protocol, "500 no")),
        4 => ok(700),
        _ => ok(10),
    }
}

proptest! {
    #[test]
    fn never_down_with_fewer_than_fall_failures(script in any_network(), fall in 1_u32..6) {
        let thresholds = Thresholds { fall, ..DEFAULTS };
        let mut detector = Detector::new(thresholds, None, 0, Mono::START, Timestamp::UNIX_EPOCH);
        let (mut now, mut run) = (secs(1), 0);
        for step in &script {
            let order = detector.begin(now);
            let (latency, outcome) = scripted(&[*step], 0);
            let was = detector.verdict().state;
            match outcome {
                Outcome::Failed { .. } => run += 1,
                Outcome::Ok if order.depth == Depth::Connect => {}
                _ => run = 0,
            }
            detector.finished(order.number, Finding { outcome, latency, connected: None }, now, Timestamp::UNIX_EPOCH);
            if was != State::Down && detector.verdict().state == State::Down {
                prop_assert!(run >= fall);
            }
            now = now.after(Duration::from_millis(200));
        }
    }

    #[test]
    fn whatever_came_before_all_failing_is_down_in_bounded_time(script in any_network(), silent in any::<bool>()) {
        let dies = secs(600);
        let mut simulation = Simulation::new(DEFAULTS, None, 9, move |at, _| {
            if at >= dies { if silent { silence() } else { refused() } } else { scripted(&script, at.0.as_secs()) }
        });
        simulation.run_until(dies.after(Duration::from_secs(20)));
        prop_assert_eq!(simulation.state(), State::Down);
    }

    #[test]
    fn whatever_came_before_all_good_is_up_after_damping(script in any_network()) {
        let heals = secs(600);
        let mut simulation = Simulation::new(DEFAULTS, None, 9, move |at, _| {
            if at >= heals { ok(10) } else { scripted(&script, at.0.as_secs()) }
        });
        simulation.run_until(heals.after(Duration::from_secs(310)));
        prop_assert_eq!(simulation.state(), State::Up);
        prop_assert!(!simulation.detector.is_suspect());
    }

    #[test]
    fn the_probe_rate_is_bounded(script in any_network()) {
        let mut simulation = Simulation::new(DEFAULTS, None, 9, move |at, _| scripted(&script, at.0.as_secs()));
        simulation.run_until(secs(300));
        // One regular probe a second and at most one a gap and one at once in bursts.
        prop_assert!(simulation.probes.len() <= 300 * 7);
    }
}
