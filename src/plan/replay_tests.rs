//! Replays of made-up recordings.

use std::collections::BTreeMap;

use super::*;
use crate::model::{DetectorKind, IntentKind, MonitorIx, MonitorKind, Reach, Scope, Share, Standing};
use crate::plan::fixture::Fixture;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Two sites of one address each, watched by a monitor that is down after `fall` failures and plainly counts.
fn topology(fall: u32) -> Topology {
    let mut world = Fixture::new(&[1, 1]);
    world.service().monitors = vec![MonitorIx(0)];
    world.topology.monitors.push(Monitor {
        name: "smtp".to_owned(),
        kind: MonitorKind::Tcp,
        port: 25,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        rise: 1,
        fall,
        burst_gap: Duration::from_millis(200),
        detector: DetectorKind::Count,
        addresses: BTreeMap::new(),
    });
    world.topology
}

/// What probes of the site `site` found from one second to another, one a second.
fn run(topology: &Topology, site: usize, from: i64, until: i64, outcome: Outcome) -> Record {
    Record::Observed(Observation {
        key: topology.key(&topology.endpoints[site]),
        monitor: "smtp".to_owned(),
        from: at(from),
        until: at(until),
        probes: u64::try_from(until - from + 1).unwrap(),
        micros: 5_000,
        outcome,
    })
}

fn refused() -> Outcome {
    Outcome::failed(FailureKind::Refused, "connection refused")
}

/// The first site fails for some seconds after a hundred.
fn outage(topology: &Topology, seconds: i64) -> Vec<Record> {
    vec![
        run(topology, 0, 0, 99, Outcome::Ok),
        run(topology, 0, 100, 99 + seconds, refused()),
        run(topology, 0, 100 + seconds, 400, Outcome::Ok),
        run(topology, 1, 0, 400, Outcome::Ok),
    ]
}

fn place(site: &str) -> Place {
    ("mx".to_owned(), site.to_owned())
}

#[test]
fn an_outage_is_found_again_and_lasts_as_long() {
    let topology = topology(3);
    let history = as_replayed(&outage(&topology, 20), &topology, None);
    let fared = &history.places[&place("s0")];
    assert_eq!((fared.failovers, fared.flaps, fared.outages.len()), (1, 0, 1));
    assert!((17..=20).contains(&fared.out.as_secs()), "{fared:?}");
    assert_eq!(history.places[&place("s1")], Fared::default());
}

#[test]
fn a_more_patient_monitor_would_have_kept_the_site() {
    let records = outage(&topology(3), 5);
    let failovers = |fall| as_replayed(&records, &topology(fall), None).places[&place("s0")].failovers;
    assert_eq!((failovers(3), failovers(8)), (1, 0));
}

#[test]
fn what_was_not_recorded_is_no_failure() {
    let topology = topology(3);
    let records = [run(&topology, 0, 0, 50, Outcome::Ok), run(&topology, 0, 900, 990, Outcome::Ok)];
    let history = as_replayed(&records, &topology, None);
    assert!(history.places.values().all(|fared| fared.failovers == 0), "{history:?}");
}

#[test]
fn decades_without_a_record_are_leapt_over() {
    let topology = topology(3);
    let long_ago = i64::try_from(Duration::from_secs(1_700_000_000).as_secs()).unwrap();
    let records = [run(&topology, 0, -long_ago, 50 - long_ago, Outcome::Ok), run(&topology, 0, 0, 90, refused())];
    let fared = &as_replayed(&records, &topology, None).places[&place("s0")];
    assert_eq!(fared.failovers, 1, "{fared:?}");
}

#[test]
fn a_site_that_leaves_again_soon_flaps() {
    let topology = topology(3);
    let served = |second, standing| Record::Served {
        time: at(second),
        standings: vec![Served { service: "mx".to_owned(), site: "s0".to_owned(), standing }],
    };
    let records = [
        served(0, Standing::Serving),
        served(10, Standing::Down),
        served(20, Standing::Serving),
        served(30, Standing::Down),
        served(40, Standing::Deferring),
        served(2000, Standing::Drained),
        run(&topology, 0, 0, 2060, Outcome::Ok),
    ];
    let fared = &as_recorded(&records).places[&place("s0")];
    assert_eq!((fared.failovers, fared.flaps, fared.out.as_secs()), (3, 1, 80));
    assert_eq!(fared.outages.last(), Some(&(at(2000), None)));
}

#[test]
fn orders_are_obeyed_and_end() {
    let topology = topology(3);
    let intent = Intent {
        scope: Scope { site: "s1".to_owned(), service: None },
        kind: IntentKind::Drain { share: Share::ALL },
        by: "alice".to_owned(),
        reason: String::new(),
        since: at(50),
        lifetime: Lifetime::UntilCleared,
        revision: 1,
        forced: false,
        reach: Reach::Everywhere,
        schedule: None,
        drill: None,
    };
    let mut records = outage(&topology, 1);
    records.push(Record::Orders { time: at(50), intents: vec![intent] });
    records.push(Record::Orders { time: at(250), intents: Vec::new() });
    let fared = &as_replayed(&records, &topology, None).places[&place("s1")];
    assert_eq!(fared.outages, [(at(50), Some(at(250)))]);
}

#[test]
fn nothing_recorded_is_no_history() {
    assert_eq!(as_replayed(&[], &topology(3), None), History::default());
    assert_eq!(as_recorded(&[]), History::default());
}

#[test]
fn lines_are_read_as_written() {
    let topology = topology(3);
    let mut records = outage(&topology, 5);
    records.push(Record::Begun { time: at(0), node: "fra-ns1".to_owned(), site: Some("fra".to_owned()) });
    records.push(Record::Orders { time: at(1), intents: Vec::new() });
    for record in records {
        let line = serde_json::to_string(&record).unwrap();
        assert!(line.starts_with("{\"record\":"), "{line}");
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record, "{line}");
    }
}
