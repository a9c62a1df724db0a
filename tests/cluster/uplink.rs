//! A node's own uplink dies. Broken, it takes the whole world for dead and withdraws it, or holds its site up for the others.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use waypost::model::{Connection, EventKind, State};

use crate::cluster::PATIENCE;
use crate::history::Answer;
use crate::network::{Cut, NAMES};
use crate::patience::wait_until;
use crate::stage::{Fault, Stage};
use crate::world::in_a_world;

/// Until votes of before count no more, and then some.
const LONG: Duration = Duration::from_secs(16);

#[test]
fn a_node_whose_uplink_dies_is_outvoted_and_freezes() {
    in_a_world("uplink::a_node_whose_uplink_dies_is_outvoted_and_freezes", |world| {
        let mut stage = Stage::set(world);
        let cut = Fault::Cut(Cut::Uplink(0));
        stage.begin(cut);
        let struck = Instant::now();
        stage.cluster.wait_until_named(&[1, 2], &[1, 2]);
        println!("the others have withdrawn {} after {:.2} s", NAMES[0], struck.elapsed().as_secs_f64());
        wait_until("the node knows that it is cut off", PATIENCE, || stage.cluster.connection(0) == Connection::CutOff);
        println!("its node says that it is cut off after {:.2} s", struck.elapsed().as_secs_f64());
        let said = stage.cluster.nodes[0].order(&["status"]);
        assert!(said.contains("cut off"), "{said}");
        thread::sleep(LONG.saturating_sub(struck.elapsed()));
        assert_eq!(stage.cluster.connection(0), Connection::CutOff);
        assert_eq!(stage.cluster.connection(1), Connection::Connected);
        stage.cluster.wait_until_named(&[0], &[0, 1, 2]);
        stage.end(cut);
        stage.settle();
        stage.cluster.wait_until_all_serve();
        let history = stage.finish();

        let own = history.stands_in.iter().find(|(_, site)| *site == NAMES[0]).unwrap().0;
        let withdrawn = |event: &&waypost::model::Event| matches!(&event.kind, EventKind::Verdict { to: State::Down, site, .. } if site != NAMES[0]);
        let of_own: Vec<_> = history.journals[own].iter().filter(withdrawn).collect();
        assert!(of_own.is_empty(), "the node that was cut off has withdrawn others: {of_own:?}");
        let all: BTreeSet<String> = NAMES.map(str::to_owned).into();
        for seen in &history.answers[own] {
            let Answer::Names { mx, .. } = &seen.answer else { panic!("{own} answers {:?}", seen.answer) };
            assert!(mx.is_superset(&all) || !mx.contains(NAMES[0]), "{own} names only {mx:?}");
        }
        assert_eq!(crate::checker::check(&history), Vec::<String>::new());
    });
}
