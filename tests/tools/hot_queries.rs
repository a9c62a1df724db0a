//! Answers every class of queries on the hot path, for counting instructions: `tests/bench/instructions.py` runs it.
//!
//!     hot_queries            # the classes, in their order
//!     hot_queries TIMES      # each class so often, in one call of `answer_all`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../bench/paths/world.rs"]
#[allow(dead_code, reason = "shared with the benchmark")]
mod world;

use std::hint::black_box;
use std::time::Instant;

use waypost::serve::{Hot, HotResponder};
use world::{Class, Size, World, classes, client};

fn main() {
    let Some(times) = std::env::args().nth(1) else {
        for class in classes() {
            println!("{}", class.name);
        }
        return;
    };
    let times = times.parse().expect("a number");
    let world = World::new(Size::USUAL);
    let mut hot = world.responder.hot();
    for class in classes() {
        // The first makes the body.
        answer_all(&mut hot, &class, 1);
        let begin = Instant::now();
        answer_all(&mut hot, &class, times);
        println!("{:<20}{:>8.1} ns each", class.name, begin.elapsed().as_nanos() as f64 / times as f64);
    }
}

/// By its name its instructions are told from all others.
#[inline(never)]
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "a name that stays as it is")]
fn answer_all(hot: &mut HotResponder, class: &Class, times: u64) {
    let mut reply = [0; 1232];
    for number in 0..times {
        // As often as for full batches.
        if number % 32 == 0 {
            hot.tick();
        }
        let answered = hot.respond(black_box(&class.packet), client(number), &mut reply);
        assert!(matches!(answered, Hot::Reply(_)), "{}", class.name);
    }
}
