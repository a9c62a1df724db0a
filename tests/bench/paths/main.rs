//! What an answer costs, socket and system left out: by class of query on both paths, by number of hosted domains, by
//! number of sites and views, and after a change of plan.
//!
//!     cargo bench --bench paths                  # all; `-- hot` those whose name has it
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod world;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use waypost::answer::Transport;
use waypost::serve::Hot;

use world::{Size, World, classes, client, hosted};

/// Queries between two looks at the clocks, as in full batches.
const BATCH: u64 = 32;
/// Enough hosted domains that hardly one is asked for twice in the processor's cache, whatever their number.
const ASKED: usize = 50_000;

fn by_class(criterion: &mut Criterion) {
    let world = World::new(Size::USUAL);
    let (mut hot, mut reply) = (world.responder.hot(), [0; 1232]);
    let mut group = criterion.benchmark_group("hot");
    group.throughput(Throughput::Elements(1));
    for class in classes() {
        assert!(matches!(hot.respond(&class.packet, client(0), &mut reply), Hot::Reply(_)), "{}", class.name);
        group.bench_function(class.name, |bencher| {
            let mut number = 0;
            bencher.iter(|| {
                number += 1;
                if number % BATCH == 0 {
                    hot.tick();
                }
                hot.respond(black_box(&class.packet), client(number), &mut reply)
            });
        });
    }
    group.finish();
    // One client asks all the time here.
    let world = World::new(Size { limited: false, ..Size::USUAL });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut group = criterion.benchmark_group("general");
    group.throughput(Throughput::Elements(1));
    for class in classes() {
        group.bench_function(class.name, |bencher| {
            bencher.iter(|| {
                runtime.block_on(world.responder.respond(black_box(&class.packet), client(0), Transport::Udp))
            });
        });
    }
    group.finish();
}

fn by_domains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("domains");
    group.throughput(Throughput::Elements(1));
    for domains in [1, 1000, 100_000, 1_000_000] {
        let world = World::new(Size { domains, ..Size::USUAL });
        let (mut hot, mut reply) = (world.responder.hot(), [0; 1232]);
        // In no order: each by a step that has no divisor in common with their number.
        let asked: Vec<_> = (0..ASKED.min(domains)).map(|number| hosted(number * 7919 % domains)).collect();
        let mut next = asked.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(domains), |bencher| {
            let mut number = 0;
            bencher.iter(|| {
                number += 1;
                if number % BATCH == 0 {
                    hot.tick();
                }
                hot.respond(black_box(next.next().unwrap()), client(number), &mut reply)
            });
        });
    }
    group.finish();
}

fn by_sites(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sites");
    group.throughput(Throughput::Elements(1));
    for sites in [2, 4, 10] {
        let world = World::new(Size { sites, limited: false, ..Size::USUAL });
        let views = {
            let tables = world.tables.load();
            let (service, _) = tables.topology().services().next().unwrap();
            tables.steering().views(service).count()
        };
        let (mut hot, mut reply) = (world.responder.hot(), [0; 1232]);
        let class = &classes()[0];
        // From all over the address space.
        let clients: Vec<_> =
            (0..4096_u32).map(|number| (number.wrapping_mul(2_654_435_761).to_be_bytes(), 53).into()).collect();
        let mut next = clients.iter().cycle();
        group.bench_function(format!("{sites} sites, {views} views"), |bencher| {
            bencher.iter(|| hot.respond(black_box(&class.packet), *next.next().unwrap(), &mut reply));
        });
    }
    group.finish();
}

fn by_plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan change to first new answer");
    for domains in [1, 1000, 100_000, 1_000_000] {
        let mut world = World::new(Size { domains, limited: false, ..Size::USUAL });
        let (mut hot, mut reply, packet) = (world.responder.hot(), [0; 1232], hosted(domains / 2));
        let mut down = false;
        group.bench_function(BenchmarkId::from_parameter(domains), |bencher| {
            bencher.iter(|| {
                down = !down;
                world.plan(down.then_some("s0"));
                hot.tick();
                hot.respond(black_box(&packet), client(0), &mut reply)
            });
        });
    }
    group.finish();
}

criterion_group!(paths, by_class, by_domains, by_sites, by_plan);
criterion_main!(paths);
