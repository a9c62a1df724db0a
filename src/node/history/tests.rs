//! What past answers are explained from: kept once, bounded, and honest about what is missing.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::objects::Objects;
use super::record::Says;
use super::writer::{Writer, segments};
use super::{Bounds, Entry, Past, PastFault};
use crate::model::{Generation, Plan, Settings, State};
use crate::node::clock::Clock;
use crate::plan::fixture::Fixture;
use crate::zone::{self, Zones};

const ZONE: &str = "@ 300 SOA ns hostmaster 1 3600 900 1209600 300\n@ 300 NS ns\nns 300 A 192.0.2.53\n@ 300 MX 10 mx\nmx 300 A 192.0.2.1\n";

struct Nothing;

impl zone::Include for Nothing {
    fn read(&self, _: &Path) -> Result<String, String> {
        Err("there is nothing to include".to_owned())
    }
}

fn at(second: i64) -> Timestamp {
    let begin: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
    begin + SignedDuration::from_secs(second)
}

fn settings(directory: &Path) -> Settings {
    let text = format!(
        "[node]\nname = \"n\"\nlisten = [\"127.0.0.1:5353\"]\n[state]\npath = \"{}\"\n[[site]]\nname = \"fra\"\nlocation = {{ country = \"DE\" }}\nnetworks = [\"192.0.2.0/26\"]\n[[service]]\nname = \"mx\"\nnames = [\"a.example\", \"mx.a.example\"]\ntypes = [\"MX\", \"A\"]\nmonitors = [\"tcp\"]\n[monitor.tcp]\nkind = \"tcp\"\nport = 25\n[[zone]]\norigin = \"a.example\"\nfile = \"a\"\n",
        directory.display()
    );
    let (settings, report) = crate::config::read(Path::new("waypost.toml"), &text);
    settings.unwrap_or_else(|| panic!("{report}"))
}

fn zones() -> Zones {
    let (zone, report) = zone::load(&"a.example".parse().unwrap(), Path::new("a"), ZONE, &Nothing);
    let mut zones = Zones::default();
    zones.insert(zone.unwrap_or_else(|| panic!("{report}")));
    zones
}

/// Writes `entries` as a node that ran from the first to the last.
fn written(directory: &Path, bounds: Bounds, entries: Vec<Entry>) {
    let (queue, received) = mpsc::channel(10_000);
    entries.into_iter().for_each(|entry| queue.try_send(entry).map_err(|_| "full").unwrap());
    drop(queue);
    Writer::new(directory.to_owned(), bounds, Clock::start(), Arc::default()).run(received);
}

const WIDE: Bounds = Bounds { octets: 1 << 30, age: Duration::from_secs(u32::MAX as u64) };

fn loaded(directory: &Path, second: i64) -> Entry {
    let generation = Generation { epoch: 1, sequence: 1 };
    Entry::Loaded { time: at(second), generation, settings: Arc::new(settings(directory)), zones: zones() }
}

/// The plan of the only endpoint in `state`.
fn planned(directory: &Path, second: i64, sequence: u64, state: State) -> Entry {
    let attribution = zone::attribute(zones(), &settings(directory));
    let topology = Arc::new(attribution.topology.clone());
    let health = vec![
        crate::model::EndpointHealth { state, suspect: false, reason: "x".into(), since: at(0) };
        topology.endpoints.len()
    ];
    let generation = Generation { epoch: 1, sequence };
    let inputs = crate::plan::Inputs { topology: &topology, health: &health, intents: &[], generation };
    Entry::Plan { time: at(second), plan: Arc::new(crate::plan::make(inputs)), topology }
}

#[test]
fn news_of_a_plan_added_to_the_one_before_are_the_plan() {
    let mut world = Fixture::new(&[2, 1, 3]);
    let first = Says::of(&world.topology, &world.plan());
    let mut kept = first.clone();
    for (endpoint, state) in [(0, State::Down), (1, State::Down), (3, State::Deferring), (0, State::Up)] {
        world.set(endpoint, state, "x");
        let plan = world.plan();
        let now = Says::of(&world.topology, &plan);
        kept.take(now.since(&kept).unwrap());
        assert_eq!(kept, now);
        let again = kept.plan(&world.topology, plan.generation).unwrap();
        assert!(again.same_outcome(&Plan::clone(&plan)));
    }
    let fewer = Fixture::new(&[2, 1]);
    assert!(Says::of(&fewer.topology, &fewer.plan()).since(&kept).is_none(), "a site that is gone needs a whole plan");
    assert!(Says::of(&fewer.topology, &fewer.plan()).plan(&world.topology, Generation::default()).is_none());
}

#[test]
fn a_text_is_kept_once_and_is_not_believed_when_it_is_another() {
    let directory = tempfile::tempdir().unwrap();
    let objects = Objects::in_directory(directory.path());
    std::fs::create_dir_all(objects.directory()).unwrap();
    let (one, other) = (objects.keep("one").unwrap(), objects.keep("other").unwrap());
    assert_eq!((objects.keep("one").unwrap(), objects.read(&one).unwrap().as_str()), (one.clone(), "one"));
    let files: Vec<_> = std::fs::read_dir(objects.directory()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    objects.sweep(&BTreeSet::from([one.clone()])).unwrap();
    assert!(objects.read(&other).is_err() && objects.read(&one).is_ok());
    std::fs::rename(&files[0], &files[1]).ok();
    let kept = std::fs::read_dir(objects.directory()).unwrap().next().unwrap().unwrap().path();
    std::fs::write(kept, "no text").unwrap();
    assert!(objects.read(&one).is_err());
}

#[test]
fn each_moment_has_the_plan_that_was_in_force_and_says_what_is_not_known() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("history");
    assert!(matches!(Past::at(&directory, at(5)), Err(PastFault::NotKept(_))));
    let entries = vec![
        loaded(state.path(), 0),
        planned(state.path(), 0, 1, State::Up),
        planned(state.path(), 10, 2, State::Down),
        planned(state.path(), 20, 5, State::Up),
    ];
    written(&directory, WIDE, entries);
    let past = |second| Past::at(&directory, at(second));
    assert!(matches!(past(-1), Err(PastFault::NotKept(_))));
    let sequence = |second| past(second).unwrap().generation.sequence;
    assert_eq!([5, 15, 25].map(sequence), [1, 2, 5]);
    assert_eq!(past(5).unwrap().caveats, Vec::<String>::new());
    assert!(past(25).unwrap().caveats[0].contains("not kept"), "plans 3 and 4 are missing");
    assert!(past(10).unwrap().caveats[0].contains("within 50 ms"));
    let tables = past(15).unwrap().tables;
    assert_eq!(tables.plan().services[0].sites[0].health, State::Down);
    assert!(matches!(Past::at(&directory, Timestamp::now()), Err(PastFault::NotKept(_))), "it stopped");
}

#[test]
fn the_oldest_goes_first_and_takes_its_texts_along() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("history");
    for start in 0..6 {
        let second = start * 100;
        let entries = vec![loaded(state.path(), second), planned(state.path(), second, 1, State::Up)];
        written(&directory, WIDE, entries);
    }
    assert_eq!(segments(&directory).unwrap().len(), 6);
    let age = Bounds { octets: 1 << 30, age: Duration::from_secs(150) };
    written(&directory, age, vec![loaded(state.path(), 600), planned(state.path(), 600, 1, State::Up)]);
    assert_eq!(segments(&directory).unwrap().len(), 3, "those whose successor began in the last 150 s");
    let small = Bounds { octets: 1, age: WIDE.age };
    written(&directory, small, vec![loaded(state.path(), 700), planned(state.path(), 700, 1, State::Up)]);
    assert_eq!(segments(&directory).unwrap().len(), 1, "the present one is always kept");
    assert!(matches!(Past::at(&directory, at(650)), Err(PastFault::NotKept(_))));
}
