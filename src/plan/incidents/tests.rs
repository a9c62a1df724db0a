//! Incidents as operators see them, from journals as a node writes them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::model::{
    Event, EventKind, Generation, Impact, Intent, IntentKind, Lifetime, Naming, Objective, ObjectiveKind, Objectives,
    Reach, Scope, Share, SiteOutcome, Standing, State, Trouble,
};

/// A journal that is being written, in milliseconds from its beginning.
#[derive(Default)]
struct Journal {
    events: Vec<Event>,
    /// Starts of the node beyond the first.
    restarts: u64,
    sequence: u64,
}

fn at(ms: i64) -> Timestamp {
    let begin: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
    begin + SignedDuration::from_millis(ms)
}

fn outcome(site: &str, standing: Standing, usable: usize) -> SiteOutcome {
    let named = if standing == Standing::Down || usable == 0 { Naming::LeftOut } else { Naming::Named };
    let (service, site) = ("mx".to_owned(), site.to_owned());
    SiteOutcome { service, site, standing, usable, addresses: 2, named, drained_by: None }
}

impl Journal {
    fn begun() -> Self {
        let mut journal = Self::default();
        journal.survey(-1000, &[]);
        journal
    }

    fn push(&mut self, ms: i64, kind: EventKind) -> u64 {
        let id = self.events.len() as u64 + 1;
        self.events.push(Event { id, time: at(ms), node: "ns1".into(), kind });
        id
    }

    fn generation(&mut self) -> Generation {
        self.sequence += 1;
        Generation { epoch: 1 + self.restarts, sequence: self.sequence }
    }

    fn survey(&mut self, ms: i64, ill: &[(&str, u8)]) -> u64 {
        let sites = ["fra", "iad"].map(|site| outcome(site, Standing::Serving, 2)).to_vec();
        let trouble = |(site, host): &(&str, u8)| Trouble {
            service: "mx".into(),
            site: (*site).into(),
            address: [192, 0, 2, *host].into(),
            state: State::Down,
        };
        let (generation, troubles) = (self.generation(), ill.iter().map(trouble).collect());
        self.push(ms, EventKind::Surveyed { generation, sites, troubles })
    }

    fn verdict(&mut self, ms: i64, site: &str, host: u8, to: State, first_failed: Option<i64>) -> u64 {
        let from = if to == State::Up { State::Down } else { State::Up };
        let (service, site, reason) = ("mx".into(), site.into(), "connection refused".into());
        let (address, first_failed) = ([192, 0, 2, host].into(), first_failed.map(at));
        self.push(ms, EventKind::Verdict { service, site, address, from, to, reason, transcript: None, first_failed })
    }

    fn plan(&mut self, ms: i64, site: SiteOutcome) -> u64 {
        let generation = self.generation();
        self.push(ms, EventKind::Plan { generation, changes: vec!["mx".into()], sites: vec![site] })
    }

    fn order(&mut self, ms: i64) -> u64 {
        let intent = Intent {
            scope: Scope { site: "fra".into(), service: None },
            kind: IntentKind::Drain { share: Share::ALL },
            by: "alice".into(),
            reason: "look at it".into(),
            since: at(ms),
            lifetime: Lifetime::UntilCleared,
            revision: 1,
            forced: false,
            reach: Reach::Everywhere,
            schedule: None,
            drill: None,
        };
        self.push(ms, EventKind::Ordered { intent })
    }

    fn log(&self) -> IncidentLog {
        let mut log = IncidentLog::default();
        self.events.iter().for_each(|event| log.take(event));
        log
    }
}

/// The site `fra` dies at 0 s, is out at 1 s, and comes back at 100 s.
fn a_site_dies() -> Journal {
    let mut journal = Journal::begun();
    journal.verdict(1000, "fra", 1, State::Down, Some(200));
    journal.verdict(1000, "fra", 2, State::Down, Some(300));
    journal.plan(1010, SiteOutcome { drained_by: Some(at(31_000)), ..outcome("fra", Standing::Down, 0) });
    journal.order(20_000);
    journal.verdict(100_000, "fra", 1, State::Up, None);
    journal.verdict(100_500, "fra", 2, State::Up, None);
    journal.plan(100_510, outcome("fra", Standing::Serving, 2));
    journal
}

#[test]
fn a_site_that_dies_and_returns_is_one_incident_with_all_its_times() {
    let mut log = a_site_dies().log();
    let incident = log.current().unwrap().clone();
    assert_eq!((incident.id, incident.phase, incident.began), (2, IncidentPhase::Recovering, at(200)));
    assert_eq!((incident.ended, incident.last_event), (Some(at(100_510)), 8));
    assert_eq!(incident.title(), "mx: fra down (connection refused)");
    let place = &incident.affected[0];
    assert_eq!((place.first_failed, place.verdict), (Some(at(200)), at(1000)));
    assert_eq!((place.withdrawn, place.drained_by), (Some(at(1010)), Some(at(31_000))));
    assert_eq!((place.recovered, place.back), (Some(at(100_500)), Some(at(100_510))));
    let expected = Measured { detection_ms: Some(800), withdrawal_ms: Some(810), recovery_ms: Some(30_800) };
    assert_eq!(place.measured, expected);
    assert_eq!((incident.orders.len(), incident.orders[0].what.as_str()), (1, "drain fra"));
    log.pass(at(100_510 + 59_999));
    assert!(log.current().is_some(), "it may fail again");
    log.pass(at(100_510 + 60_000));
    assert!(log.current().is_none());
    assert_eq!(log.incident(2).unwrap().phase, IncidentPhase::Closed);
}

#[test]
fn what_fails_again_before_it_was_quiet_is_the_same_incident_and_the_longest_recovery_counts() {
    let mut journal = a_site_dies();
    journal.verdict(120_000, "fra", 1, State::Down, Some(119_000));
    journal.verdict(125_000, "fra", 1, State::Up, None);
    let log = journal.log();
    let incident = log.current().unwrap();
    assert_eq!((incident.id, incident.ended, incident.affected[0].relapses), (2, Some(at(125_000)), 1));
    assert_eq!(incident.affected[0].measured.recovery_ms, Some(30_800));
    assert_eq!(incident.affected[0].endpoints[0].first_failed, Some(at(119_000)));
}

#[test]
fn troubles_that_overlap_are_one_incident_and_those_apart_are_two() {
    let mut journal = Journal::begun();
    journal.verdict(0, "fra", 1, State::Down, None);
    journal.verdict(5_000, "iad", 3, State::Deferring, None);
    journal.verdict(10_000, "fra", 1, State::Up, None);
    assert_eq!(journal.log().current().unwrap().phase, IncidentPhase::Open, "iad is not well");
    journal.verdict(20_000, "iad", 3, State::Up, None);
    journal.verdict(90_000, "iad", 3, State::Down, None);
    let log = journal.log();
    let told: Vec<_> = log.incidents().map(|incident| (incident.id, incident.affected.len())).collect();
    assert_eq!(told, [(6, 1), (2, 2)]);
    assert_eq!(
        log.incident(2).unwrap().affected[1].measured.recovery_ms,
        None,
        "clients met no failure of what defers"
    );
}

#[test]
fn an_operators_drain_is_no_incident_but_a_failure_of_what_is_drained_is_one_that_clients_do_not_meet() {
    let mut journal = Journal::begun();
    journal.order(0);
    journal.plan(10, SiteOutcome { named: Naming::LeftOut, ..outcome("fra", Standing::Drained, 2) });
    assert!(journal.log().current().is_none());
    journal.verdict(1000, "fra", 1, State::Down, Some(500));
    journal.verdict(9000, "fra", 1, State::Up, None);
    let log = journal.log();
    let incident = log.current().unwrap();
    assert_eq!((incident.ended, incident.recovery_ms(None)), (Some(at(9000)), None));
}

#[test]
fn a_failure_of_what_is_drained_is_told_as_one_until_it_reaches_more() {
    let mut journal = Journal::begun();
    let drained = |usable| SiteOutcome { named: Naming::LeftOut, ..outcome("fra", Standing::Drained, usable) };
    journal.plan(10, drained(2));
    journal.verdict(1000, "fra", 1, State::Down, Some(500));
    journal.plan(1001, drained(1));
    journal.verdict(1100, "fra", 2, State::Down, Some(600));
    journal.plan(1101, drained(0));
    let mut log = journal.log();
    let opened = |notices: &[Notice]| match notices {
        [Notice::Opened(3, title, impact)] => Some((title.clone(), *impact)),
        _ => None,
    };
    let (title, impact) = opened(&log.notices(&Objectives::default(), at(2000))).unwrap();
    assert_eq!((title.as_str(), impact), ("mx: fra (out of service) down (connection refused)", Impact::OutOfService));
    assert!(log.notices(&Objectives::default(), at(3000)).is_empty(), "told once");

    // The drain is lifted, and the site cannot serve.
    journal.plan(4000, SiteOutcome { named: Naming::LeftOut, ..outcome("fra", Standing::Down, 0) });
    log.take(journal.events.last().unwrap());
    assert_eq!(opened(&log.notices(&Objectives::default(), at(4100))).unwrap().1, Impact::Spare);
    // The other site fails too, which answers name.
    journal.verdict(5000, "iad", 3, State::Down, Some(4900));
    log.take(journal.events.last().unwrap());
    let (title, impact) = opened(&log.notices(&Objectives::default(), at(5100))).unwrap();
    assert!(impact == Impact::Clients && title.starts_with("mx: iad without 1 of its addresses"), "{title}");
    assert!(log.notices(&Objectives::default(), at(5200)).is_empty());
    let mut earlier = Journal::begun();
    earlier.verdict(1000, "fra", 1, State::Down, None);
    assert_eq!(earlier.log().current().unwrap().impact(), Impact::Clients);
}

#[test]
fn a_restart_in_the_middle_keeps_the_incident_open_and_ends_what_healed_meanwhile() {
    let mut journal = Journal::begun();
    journal.verdict(0, "fra", 1, State::Down, None);
    journal.verdict(0, "iad", 3, State::Down, None);
    journal.push(1000, EventKind::Stopped);
    journal.survey(60_000, &[("fra", 1)]);
    let log = journal.log();
    let incident = log.current().unwrap();
    assert_eq!((incident.id, incident.phase), (2, IncidentPhase::Open));
    assert_eq!(incident.affected[0].recovered, None);
    assert_eq!(incident.affected[1].recovered, Some(at(60_000)));
    journal.survey(61_000, &[]);
    assert_eq!(journal.log().current().unwrap().ended, Some(at(61_000)));
    journal.survey(200_000, &[("iad", 3)]);
    assert_eq!(journal.log().current().unwrap().id, 7, "what a survey finds begins one as well");
}

fn objectives(rto: u64, availability: &str) -> Objectives {
    let default = Objective { rto: Some(Duration::from_secs(rto)), availability: availability.parse().ok() };
    Objectives { default, ..Objectives::default() }
}

#[test]
fn a_missed_recovery_is_told_once_and_while_it_lasts() {
    let mut journal = Journal::begun();
    journal.verdict(1000, "fra", 1, State::Down, Some(0));
    let mut log = journal.log();
    let promised = objectives(30, "99.99%");
    let first = log.notices(&promised, at(2000));
    assert!(
        matches!(&first[..], [Notice::Opened(2, title, Impact::Clients)] if title.contains("fra without 1 of its addresses")),
        "{first:?}"
    );
    assert!(log.notices(&promised, at(30_000)).is_empty());
    let late = log.notices(&promised, at(30_001));
    assert!(
        matches!(&late[..], [Notice::Missed(Missed { objective: ObjectiveKind::Rto, incident: Some(2), .. })]),
        "{late:?}"
    );
    assert!(log.notices(&promised, at(90_000)).is_empty());
    // After a restart that lost what was known, the journal itself says what was told.
    let (incident, detail) = (2, String::new());
    let impact = Impact::Clients;
    journal.push(2000, EventKind::IncidentOpened { incident, detail: detail.clone(), impact });
    let (objective, service) = (ObjectiveKind::Rto, "mx".to_owned());
    journal.push(30_001, EventKind::ObjectiveMissed { objective, service, incident: Some(incident), detail });
    assert!(journal.log().notices(&promised, at(90_000)).is_empty());
    journal.verdict(91_000, "fra", 1, State::Up, None);
    let over = journal.log().notices(&promised, at(200_000));
    assert!(matches!(&over[..], [Notice::Closed(2, _)]), "{over:?}");
}

#[test]
fn a_service_is_out_from_the_first_failed_probe_of_its_last_site_until_one_returns() {
    let mut journal = Journal::begun();
    journal.verdict(1000, "fra", 1, State::Down, Some(0));
    journal.plan(1010, outcome("fra", Standing::Down, 0));
    journal.verdict(11_000, "iad", 3, State::Down, Some(10_000));
    journal.plan(11_010, SiteOutcome { named: Naming::Named, ..outcome("iad", Standing::Down, 0) });
    let month = Month::of(at(0));
    assert_eq!(journal.log().out_since("mx"), Some(at(10_000)));
    assert_eq!(journal.log().spent("mx", month, at(40_000)), Duration::from_secs(30));
    journal.verdict(310_000, "fra", 1, State::Up, None);
    journal.plan(310_000, outcome("fra", Standing::Serving, 2));
    let mut log = journal.log();
    assert_eq!((log.out_since("mx"), log.spent("mx", month, at(400_000))), (None, Duration::from_secs(300)));
    let missed = |notices: &[Notice]| {
        notices.iter().filter(|notice| matches!(notice, Notice::Missed(missed) if missed.incident.is_none())).count()
    };
    assert_eq!(missed(&log.notices(&objectives(86_400, "99.9%"), at(400_000))), 0, "44 minutes are left");
    assert_eq!(missed(&log.notices(&objectives(86_400, "99.99%"), at(400_000))), 1, "4 min 28 s are used up");
    assert_eq!(missed(&log.notices(&objectives(86_400, "99.99%"), at(500_000))), 0, "told once");
}

/// All of `mx` is out from 10 s on.
fn all_out() -> Journal {
    let mut journal = Journal::begun();
    for (site, host) in [("fra", 1), ("iad", 3)] {
        journal.verdict(11_000, site, host, State::Down, Some(10_000));
        journal.plan(11_010, SiteOutcome { named: Naming::Named, ..outcome(site, Standing::Down, 0) });
    }
    journal
}

/// What a start finds while all of `mx` is out.
fn start_without_mx(journal: &mut Journal, ms: i64) {
    journal.restarts += 1;
    let generation = journal.generation();
    let down = |site| SiteOutcome { named: Naming::Named, ..outcome(site, Standing::Down, 0) };
    let trouble = |site: &str, host| Trouble {
        service: "mx".into(),
        site: site.into(),
        address: [192, 0, 2, host].into(),
        state: State::Down,
    };
    let (sites, troubles) = (["fra", "iad"].map(down).to_vec(), vec![trouble("fra", 1), trouble("iad", 3)]);
    journal.push(ms, EventKind::Surveyed { generation, sites, troubles });
}

#[test]
fn the_time_in_which_a_node_that_was_killed_did_not_run_is_not_counted() {
    let month = Month::of(at(0));
    let mut journal = all_out();
    let mut log = journal.log();
    log.runs(1, at(20_000));
    assert_eq!(log.progress().1, Some(at(20_000)), "it is kept while something is out");
    let mut log: IncidentLog = serde_json::from_str(&serde_json::to_string(&log).unwrap()).unwrap();
    log.runs(2, at(59_000));
    start_without_mx(&mut journal, 60_000);
    log.take(journal.events.last().unwrap());
    assert_eq!(log.spent("mx", month, at(65_000)), Duration::from_secs(10 + 5), "it was last known to run at 20 s");
    // Of the journal alone the last plan is known.
    assert_eq!(journal.log().spent("mx", month, at(65_000)), Duration::from_millis(1010 + 5000));
}

#[test]
fn an_outage_is_counted_once_where_the_node_restarts_soon_after_it_began() {
    let mut journal = all_out();
    journal.push(30_000, EventKind::Stopped);
    start_without_mx(&mut journal, 35_000);
    let month = Month::of(at(0));
    assert_eq!(journal.log().spent("mx", month, at(45_000)), Duration::from_secs(20 + 10));
}

#[test]
fn a_log_goes_on_after_it_was_kept_as_if_it_had_read_all() {
    let journal = a_site_dies();
    for cut in 0..journal.events.len() {
        let mut first = IncidentLog::default();
        journal.events[..cut].iter().for_each(|event| first.take(event));
        let kept = serde_json::to_string(&first).unwrap();
        let mut again: IncidentLog = serde_json::from_str(&kept).unwrap();
        // What was taken already changes nothing.
        journal.events.iter().for_each(|event| again.take(event));
        assert_eq!(again, journal.log(), "cut after {cut}");
    }
}

proptest! {
    /// Whatever happens in whichever order: memory is bounded, times are in order, and what is closed serves.
    #[test]
    fn any_journal_gives_incidents_that_hold_together(steps in proptest::collection::vec((0_u8..7, 0_u8..4, 0_i64..90_000), 1..200)) {
        let mut journal = Journal::begun();
        let mut now = 0;
        for (what, host, later) in steps {
            now += later;
            let site = if host < 2 { "fra" } else { "iad" };
            match what {
                0 | 1 => journal.verdict(now, site, host, State::Down, Some(now - 500)),
                2 => journal.verdict(now, site, host, State::Deferring, None),
                3 | 4 => journal.verdict(now, site, host, State::Up, None),
                5 => journal.plan(now, outcome(site, if host % 2 == 0 { Standing::Down } else { Standing::Serving }, usize::from(host % 2) * 2)),
                _ => journal.survey(now, &[]),
            };
        }
        let log = journal.log();
        prop_assert_eq!(&log, &journal.log(), "the same journal, the same incidents");
        for incident in log.incidents() {
            prop_assert!(!incident.affected.is_empty() && incident.id <= incident.last_event);
            prop_assert!(incident.ended.is_none_or(|ended| ended >= incident.began));
            prop_assert_eq!(incident.ended.is_none(), incident.phase == IncidentPhase::Open);
            for place in &incident.affected {
                prop_assert!(incident.phase != IncidentPhase::Closed || place.recovered.is_some());
            }
        }
    }
}
