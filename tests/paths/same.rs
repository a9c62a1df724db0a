//! Queries without end, each answered by both paths (a million in the checks). Broken here, and a cached reply is not what the zone says now.
//!
//! The queries follow from a seed (`WAYPOST_SEED`, printed), their number from `WAYPOST_QUERIES`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;

use waypost::answer::Transport;
use waypost::plan::ViewKey;
use waypost::serve::{Hot, Outcome};

use crate::chance::{Chance, query};
use crate::world::World;

const SEED: u64 = 20_261_125;
const QUERIES: u64 = 100_000;
/// Each with queries and a world of its own.
const THREADS: u64 = 2;
/// How often the plan changes: often enough to meet every plan many times.
const PLAN: u64 = 10_000;
const PLANS: [&[&str]; 6] = [&[], &["fra"], &["fra", "iad"], &["fra", "iad", "nrt"], &["nrt"], &["iad"]];

const SOURCES: [&str; 5] =
    ["127.0.0.1:5353", "203.0.113.9:4000", "[2001:db8::7]:53", "133.5.0.1:9999", "80.128.0.9:1024"];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// How many queries ended how.
type Ends = BTreeMap<&'static str, u64>;

fn compare(seed: u64, queries: u64) -> Ends {
    let world = World::new(None);
    let mut hot = world.responder.hot();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut chance, mut ends) = (Chance::new(seed), Ends::new());
    let mut buffer = [0; 1232];
    for number in 0..queries {
        if number % PLAN == 0 {
            let turn = number / PLAN;
            if number % (PLAN * 2) == 0 {
                world.reload(turn + 2);
            }
            world.down(turn + 2, PLANS[usize::try_from(turn).unwrap() % PLANS.len()]);
            hot.tick();
        }
        let packet = query(&mut chance);
        let source: SocketAddr = chance.pick(&SOURCES).parse().unwrap();
        let answered = hot.respond(&packet, source, &mut buffer);
        let asked = world.responder.usage().take_demand();
        let length = match answered {
            Hot::Reply(length) => length,
            Hot::Silence => panic!("silence for {} without a rate limit", hex(&packet)),
            Hot::Pass => {
                assert!(asked.is_empty(), "counted and not answered: {}", hex(&packet));
                *ends.entry("passed").or_default() += 1;
                continue;
            }
        };
        let general = runtime.block_on(world.responder.respond(&packet, source, Transport::Udp));
        let Outcome::Reply(general) = general else { panic!("no reply to {} by the general path", hex(&packet)) };
        assert_eq!(
            hex(&buffer[..length]),
            hex(&general),
            "hot and general reply to {} from {source}, number {number} of seed {seed}",
            hex(&packet)
        );
        let by_general = world.responder.usage().take_demand();
        assert_eq!(
            asked,
            by_general,
            "views counted for {} from {source}, number {number} of seed {seed}",
            hex(&packet)
        );
        if !asked.is_empty() {
            assert_eq!(asked.values().sum::<u64>(), 1);
            *ends.entry("of a view").or_default() += 1;
        }
        let end = match (buffer[2] & 2, buffer[3] & 0x0f, buffer[7]) {
            (2, ..) => "truncated",
            (_, 0, 0) if buffer[2] & 4 == 0 => "referral",
            (_, 0, 0) => "no data",
            (_, 0, _) => "answer",
            (_, 3, _) => "no name",
            (_, 5, _) => "refused",
            _ => "other",
        };
        *ends.entry(end).or_default() += 1;
    }
    assert_eq!(world.responder.usage().counts().panics, 0);
    ends
}

/// What the hot path counts for the queries of a seed, read as often as said, with plans and zones that change.
fn counted(seed: u64, every: u64) -> BTreeMap<ViewKey, u64> {
    let world = World::new(None);
    let mut hot = world.responder.hot();
    let (mut chance, mut all, mut buffer) = (Chance::new(seed), BTreeMap::new(), [0; 1232]);
    let mut read = |world: &World| {
        for (view, count) in world.responder.usage().take_demand() {
            *all.entry(view).or_default() += count;
        }
    };
    for number in 1..=6_000 {
        match number % 1_000 {
            0 => world.reload(number),
            500 => world.down(number, &["fra"]),
            _ => {}
        }
        hot.tick();
        let source = chance.pick(&SOURCES).parse().unwrap();
        let _ = hot.respond(&query(&mut chance), source, &mut buffer);
        if number % every == 0 {
            read(&world);
        }
    }
    drop(hot);
    read(&world);
    assert!(world.responder.usage().take_demand().is_empty(), "each is counted once");
    all
}

#[test]
fn what_was_counted_before_a_reload_is_not_lost() {
    let at_once = counted(SEED, 1);
    assert!(at_once.len() > 2 && at_once.values().sum::<u64>() > 100, "{at_once:?}");
    assert_eq!(at_once, counted(SEED, 700));
    assert_eq!(at_once, counted(SEED, u64::MAX));
}

#[test]
fn both_paths_give_the_same_octets() {
    let (seed, queries) = (number("WAYPOST_SEED", SEED), number("WAYPOST_QUERIES", QUERIES));
    let threads: Vec<_> =
        (0..THREADS).map(|ix| std::thread::spawn(move || compare(seed + ix * 1000, queries / THREADS))).collect();
    let mut ends = Ends::new();
    for thread in threads {
        for (end, count) in thread.join().unwrap() {
            *ends.entry(end).or_default() += count;
        }
    }
    let text: Vec<String> = ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
    println!("seed {seed}: {queries} queries, the same octets by both paths: {}", text.join(", "));
    for (end, least) in [
        ("answer", 5),
        ("no data", 50),
        ("no name", 50),
        ("referral", 200),
        ("refused", 50),
        ("truncated", 500),
        ("of a view", 20),
    ] {
        assert!(ends.get(end).is_some_and(|count| *count > queries / least / 4), "too few: {end}");
    }
    assert!(ends["passed"] < queries / 2, "the hot path takes most of what it is asked");
}
