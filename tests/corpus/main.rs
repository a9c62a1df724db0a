//! Every seed of the fuzz corpus, through the entry points of the fuzz targets. Broken, input that once was trouble, or
//! that stands for a kind of input, would be trouble again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../fuzz/src/entries/mod.rs"]
mod entries;

use std::fs;
use std::path::Path;

use entries::Watch;

/// Times nothing: a test says nothing of speed.
struct Unwatched;

impl Watch for Unwatched {
    fn timed<T>(&self, _: &str, work: impl Fn() -> T) -> T {
        work()
    }
}

/// Runs every seed of `target`, of which there are at least `least`.
fn replay(target: &str, least: usize, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= least, "only {} seeds in {}", paths.len(), folder.display());
    for path in paths {
        let input = fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&input)));
        assert!(outcome.is_ok(), "{}", path.display());
    }
}

#[test]
fn messages() {
    replay("message", 40, |input| entries::message::run(input, &Unwatched));
}

#[test]
fn zones() {
    replay("zone", 40, |input| entries::zone::run(input, &Unwatched));
}

#[test]
fn configurations() {
    replay("config", 8, |input| entries::config::run(input, &Unwatched));
}

#[test]
fn databases() {
    replay("mmdb", 8, |input| entries::mmdb::run(input, &Unwatched));
}

#[test]
fn signatures() {
    replay("tsig", 8, |input| entries::tsig::run(input, &Unwatched));
}

#[test]
fn client_subnets() {
    replay("ecs", 10, |input| entries::ecs::run(input, &Unwatched));
}
