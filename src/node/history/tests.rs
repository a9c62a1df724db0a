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
use super::{Bounds, Entry, Gap, Handed, History, InForce, Past, PastFault};
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
    all_written(directory, bounds, entries.into_iter().map(|entry| Handed { entry, missed: None }));
}

fn all_written(directory: &Path, bounds: Bounds, entries: impl IntoIterator<Item = Handed>) {
    let (queue, received) = mpsc::channel(10_000);
    entries.into_iter().for_each(|entry| queue.try_send(entry).map_err(|_| "full").unwrap());
    drop(queue);
    Writer::new(directory.to_owned(), bounds, Clock::start(), Arc::default(), Gap::default()).run(received);
}

fn past_at(directory: &Path, second: i64) -> Result<Past, PastFault> {
    Past::at(directory, at(second), &"a.example".parse().unwrap())
}

fn serial(past: Result<Past, PastFault>) -> u32 {
    let past = past.unwrap_or_else(|fault| panic!("{fault}"));
    past.tables.zones().get(&"a.example".parse().unwrap()).unwrap().serial()
}

/// The zones in another version.
fn changed_zones() -> Zones {
    let changed = ZONE.replace("SOA ns hostmaster 1", "SOA ns hostmaster 2").replace("192.0.2.53", "192.0.2.54");
    let (zone, _) = zone::load(&"a.example".parse().unwrap(), Path::new("a"), &changed, &Nothing);
    let mut zones = Zones::default();
    zones.insert(zone.unwrap());
    zones
}

fn changed(directory: &Path, second: i64) -> InForce {
    let (time, generation) = (at(second), Generation { epoch: 1, sequence: 2 });
    InForce { time, generation, settings: Arc::new(settings(directory)), zones: changed_zones() }
}

const WIDE: Bounds = Bounds { octets: 1 << 30, age: Duration::from_secs(u32::MAX as u64) };

fn loaded(directory: &Path, second: i64) -> Entry {
    let generation = Generation { epoch: 1, sequence: 1 };
    let (settings, zones) = (Arc::new(settings(directory)), zones());
    Entry::Loaded(InForce { time: at(second), generation, settings, zones })
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
    assert!(matches!(past_at(&directory, 5), Err(PastFault::NotKept(_))));
    let entries = vec![
        loaded(state.path(), 0),
        planned(state.path(), 0, 1, State::Up),
        planned(state.path(), 10, 2, State::Down),
        planned(state.path(), 20, 5, State::Up),
    ];
    written(&directory, WIDE, entries);
    let past = |second| past_at(&directory, second);
    assert!(matches!(past(-1), Err(PastFault::NotKept(_))));
    let sequence = |second| past(second).unwrap().generation.sequence;
    assert_eq!([5, 15, 25].map(sequence), [1, 2, 5]);
    assert_eq!(past(5).unwrap().caveats, Vec::<String>::new());
    assert!(past(25).unwrap().caveats[0].contains("not kept"), "plans 3 and 4 are missing");
    assert!(past(10).unwrap().caveats.iter().any(|caveat| caveat.contains("within 50 ms")));
    let tables = past(15).unwrap().tables;
    assert_eq!(tables.plan().services[0].sites[0].health, State::Down);
    assert!(past(15).unwrap().caveats[0].contains("just after"), "one of them may have been in force by then");
    let now = Past::at(&directory, Timestamp::now(), &"a.example".parse().unwrap());
    assert!(matches!(now, Err(PastFault::NotKept(_))), "it stopped");
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
    assert!(matches!(past_at(&directory, 650), Err(PastFault::NotKept(_))));
}

#[test]
fn zones_that_change_one_by_one_are_kept_one_by_one() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("history");
    let entries = vec![
        loaded(state.path(), 0),
        planned(state.path(), 0, 1, State::Up),
        Entry::Loaded(changed(state.path(), 10)),
        planned(state.path(), 10, 2, State::Up),
        loaded(state.path(), 20),
        planned(state.path(), 20, 3, State::Up),
    ];
    written(&directory, WIDE, entries);
    let text = std::fs::read_to_string(segments(&directory).unwrap().into_values().next().unwrap()).unwrap();
    assert_eq!(text.matches("\"record\":\"loaded\"").count(), 1, "{text}");
    assert_eq!(text.matches("\"record\":\"rezoned\"").count(), 2, "{text}");
    assert_eq!([5, 15, 25].map(|second| serial(past_at(&directory, second))), [1, 2, 1]);
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_configuration_that_the_disk_does_not_take_is_not_answered_for_with_the_one_before() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("history");
    let (queue, received) = mpsc::channel(100);
    let (lost, gap) = (Arc::<std::sync::atomic::AtomicU64>::default(), Gap::default());
    let writer = Writer::new(directory.clone(), WIDE, Clock::start(), Arc::clone(&lost), gap.clone());
    let thread = std::thread::spawn(move || writer.run(received));
    let send = |entry| queue.try_send(Handed { entry, missed: None }).map_err(|_| "full").unwrap();
    send(loaded(state.path(), 0));
    send(planned(state.path(), 0, 1, State::Up));
    wait_until("the first plan", || past_at(&directory, 5).is_ok());

    let objects = directory.join("objects");
    std::fs::rename(&objects, directory.join("away")).unwrap();
    std::fs::write(&objects, "no directory").unwrap();
    send(Entry::Loaded(changed(state.path(), 10)));
    send(planned(state.path(), 10, 2, State::Down));
    wait_until("both are lost", || lost.load(std::sync::atomic::Ordering::Relaxed) == 2);
    assert_eq!(gap.since(), Some(at(10)), "who asks for what came after hears that it is not kept");

    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(directory.join("away"), &objects).unwrap();
    send(planned(state.path(), 20, 3, State::Down));
    wait_until("what is in force is written", || gap.since().is_none());
    drop(queue);
    thread.join().unwrap();
    assert_eq!(serial(past_at(&directory, 5)), 1);
    assert!(
        matches!(past_at(&directory, 15), Err(PastFault::NotKept(why)) if why.contains("from 2026-05-01T12:00:10Z on"))
    );
    assert_eq!(serial(past_at(&directory, 25)), 2, "it waited until it could be kept");
    assert_eq!(past_at(&directory, 25).unwrap().generation.sequence, 3);
}

#[test]
fn a_configuration_that_finds_no_room_in_the_queue_is_handed_in_later_and_the_time_between_is_not_known() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("history");
    let (queue, mut received) = mpsc::channel(2);
    let history = History { queue: Some(queue), ..History::none() };
    let put = |entry| history.put(entry);
    put(loaded(state.path(), 0));
    put(planned(state.path(), 0, 1, State::Up));
    put(Entry::Loaded(changed(state.path(), 10)));
    put(planned(state.path(), 11, 2, State::Up));
    assert_eq!((history.lost(), history.unwritten_since()), (2, Some(at(10))));
    let mut handed: Vec<Handed> = (0..2).map(|_| received.try_recv().unwrap()).collect();
    put(planned(state.path(), 20, 3, State::Up));
    assert_eq!(history.unwritten_since(), None);
    handed.push(received.try_recv().unwrap());
    all_written(&directory, WIDE, handed);
    assert_eq!(serial(past_at(&directory, 5)), 1);
    assert!(matches!(past_at(&directory, 15), Err(PastFault::NotKept(_))));
    assert_eq!(serial(past_at(&directory, 25)), 2);
}

const TEMPLATE: &str =
    "@ 300 SOA ns.a.example. hostmaster 7 3600 900 1209600 300\n@ 300 NS ns.a.example.\n@ 300 TXT first\n";

/// A configuration with zones of a template too: `h1.example` and `h2.example` of `text`, and with `later` another one, which was
/// read when the template had been edited.
fn with_template(directory: &Path, second: i64, text: &str, later: Option<&str>) -> Entry {
    let own = settings(directory);
    let more = "[[zone]]\norigins = \"hosted.list\"\nfile = \"hosted.zone\"\n";
    let (settings, report) = crate::config::read(Path::new("waypost.toml"), &format!("{}{more}", own.text));
    let settings = settings.unwrap_or_else(|| panic!("{report}"));
    let mut zones = zones();
    let mut add = |text: &str, names: &[&str]| {
        let example = names[0].parse().unwrap();
        let (template, report) = zone::Template::load(&example, Path::new("hosted.zone"), text, &Nothing);
        let policy = Arc::new(settings.zones.last().unwrap().policy.clone());
        let template = template.unwrap_or_else(|| panic!("{report}")).with_policy(policy);
        names.iter().for_each(|name| zones.insert(template.zone(name.parse().unwrap()).unwrap()));
    };
    add(text, &["h1.example", "h2.example"]);
    if let Some(later) = later {
        add(later, &["h3.example"]);
    }
    let generation = Generation { epoch: 1, sequence: 1 };
    Entry::Loaded(InForce { time: at(second), generation, settings: Arc::new(settings), zones })
}

#[test]
fn zones_of_a_template_are_as_they_were_read_and_not_as_the_file_is_by_now() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("history");
    let edited = TEMPLATE.replace("first", "second");
    // Neither the list nor the template lies there: what was read is all there is.
    let entries = vec![with_template(state.path(), 0, TEMPLATE, Some(&edited)), planned(state.path(), 0, 1, State::Up)];
    written(&directory, WIDE, entries);
    let past = past_at(&directory, 5).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(past.caveats, Vec::<String>::new());
    let text = |origin: &str| {
        let zone = past.tables.zones().get(&origin.parse().unwrap()).unwrap().standalone().into_owned();
        zone::write(&zone)
    };
    assert!(text("h1.example").contains("first") && text("h2.example").contains("first"));
    assert!(text("h3.example").contains("second"), "a name that came to the list reads the template anew");
}

#[test]
fn what_cannot_be_read_of_one_template_is_a_caveat_for_all_other_zones() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("history");
    written(
        &directory,
        WIDE,
        vec![with_template(state.path(), 0, TEMPLATE, None), planned(state.path(), 0, 1, State::Up)],
    );
    let object = Objects::in_directory(&directory).keep(TEMPLATE).unwrap();
    let file = directory.join("objects").join(serde_json::to_value(&object).unwrap().as_str().unwrap());
    std::fs::write(file, "damaged").unwrap();
    let past = past_at(&directory, 5).unwrap_or_else(|fault| panic!("{fault}"));
    assert!(past.caveats.iter().any(|caveat| caveat.contains("hosted.zone")), "{:?}", past.caveats);
    let asked = Past::at(&directory, at(5), &"www.h2.example".parse().unwrap());
    assert!(matches!(asked, Err(PastFault::Unreadable(why)) if why.contains("hosted.zone")));
}
