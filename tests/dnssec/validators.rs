//! Every class of answer validates.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use waypost::model::{Denial, State};

use crate::scene::{PARENT, PARTNER, Scene, delv_anchor, dig, parent, verdict};
use crate::world::{World, in_a_world};

/// Questions by the class of their answer, the status, and whether the answer is secure.
const CLASSES: [(&str, &[&str], &str, bool); 26] = [
    ("apex", &["example.org", "SOA"], "NOERROR", true),
    ("keys", &["example.org", "DNSKEY"], "NOERROR", true),
    ("keys for the parent", &["example.org", "CDS"], "NOERROR", true),
    ("keys for the parent", &["example.org", "CDNSKEY"], "NOERROR", true),
    ("positive", &["www.example.org", "A"], "NOERROR", true),
    ("positive, another case", &["WwW.eXample.Org", "A"], "NOERROR", true),
    ("positive, names in mixed case", &["mixed.example.org", "MX"], "NOERROR", true),
    ("positive, names behind strings", &["naptr.example.org", "NAPTR"], "NOERROR", true),
    ("positive, names behind numbers", &["srv.example.org", "SRV"], "NOERROR", true),
    ("steered", &["example.org", "MX"], "NOERROR", true),
    ("steered", &["mail.example.org", "A"], "NOERROR", true),
    ("alias", &["alias.example.org", "A"], "NOERROR", true),
    ("alias of a wildcard", &["x.alias.example.org", "A"], "NOERROR", true),
    ("alias to a steered name", &["to-mail.example.org", "A"], "NOERROR", true),
    ("wildcard", &["any.thing.wild.example.org", "TXT"], "NOERROR", true),
    ("no data", &["www.example.org", "AAAA"], "NOERROR", true),
    ("no data at an empty non-terminal", &["ent.example.org", "A"], "NOERROR", true),
    ("no data at a wildcard", &["any.wild.example.org", "A"], "NOERROR", true),
    ("no such name", &["nothing.example.org", "A"], "NXDOMAIN", true),
    ("no such name, deep", &["a.b.c.ent.example.org", "A"], "NXDOMAIN", true),
    ("below a DNAME", &["host.old.example.org", "A"], "NOERROR", true),
    ("below a DNAME, no such name", &["nothing.old.example.org", "A"], "NXDOMAIN", true),
    ("signed delegation", &["host.signed.example.org", "A"], "NOERROR", true),
    ("signed delegation, its DS", &["signed.example.org", "DS"], "NOERROR", true),
    ("insecure delegation", &["host.plain.example.org", "A"], "NOERROR", false),
    ("insecure delegation, no DS", &["plain.example.org", "DS"], "NOERROR", true),
];

#[test]
fn every_class_of_answer_validates_with_nsec() {
    in_a_world("validators::every_class_of_answer_validates_with_nsec", |world| classes(world, Denial::Nsec));
}

#[test]
fn every_class_of_answer_validates_with_nsec3() {
    in_a_world("validators::every_class_of_answer_validates_with_nsec3", |world| classes(world, Denial::Nsec3));
}

fn classes(world: &World, denial: Denial) {
    let directory = world.directory("unbound");
    let scene = Scene::start(&directory, denial, &[PARENT, PARTNER]);
    let anchor = directory.join("delv.anchor");
    fs::write(&anchor, delv_anchor()).unwrap();
    for fra in [State::Up, State::Down, State::Up] {
        scene.tables.store(Arc::new(parent(denial, |site| if site == "fra" { fra } else { State::Up })));
        for (class, question, status, secure) in CLASSES {
            let answer = dig(question);
            assert_eq!(verdict(&answer), (status.to_owned(), secure), "{class}, fra {fra:?}\n{answer}");
            if status != "NOERROR" {
                assert!(answer.contains("NSEC"), "{class}\n{answer}");
            }
        }
        for question in CLASSES.iter().filter(|(class, ..)| !class.contains("delegation")).map(|class| class.1) {
            let judged = delv(&anchor, question);
            assert!(
                judged.lines().any(|line| line.ends_with("fully validated")),
                "{question:?}, fra {fra:?}\n{judged}"
            );
        }
    }
    let answer = dig(&["example.org", "MX"]);
    println!("{denial:?}: {} classes x 3 states validate with unbound and delv\n{answer}", CLASSES.len());
}

/// What delv says of the answer that the server itself gives.
fn delv(anchor: &std::path::Path, question: &[&str]) -> String {
    let mut command = Command::new("delv");
    command.args(["@127.0.0.1", "-p", "53", "+root=example.org", "-a"]).arg(anchor).args(question);
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Health flips all the time while a resolver that keeps nothing asks: no answer is ever bogus, none is missing.
#[test]
fn a_failover_leaves_no_gap() {
    in_a_world("validators::a_failover_leaves_no_gap", |world| {
        let scene = Scene::start(&world.directory("unbound"), Denial::Nsec, &[PARENT, PARTNER]);
        let states = [State::Up, State::Down]
            .map(|fra| Arc::new(parent(Denial::Nsec, |site| if site == "fra" { fra } else { State::Up })));
        let (tables, done) = (Arc::clone(&scene.tables), AtomicBool::new(false));
        let mut seen = [0, 0];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for state in states.iter().cycle() {
                    tables.store(Arc::clone(state));
                    std::thread::sleep(std::time::Duration::from_millis(7));
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
            for _ in 0..200 {
                let answer = dig(&["mail.example.org", "A"]);
                assert_eq!(verdict(&answer), ("NOERROR".to_owned(), true), "{answer}");
                seen[usize::from(answer.contains("198.51.100.20"))] += 1;
            }
            done.store(true, Ordering::Relaxed);
        });
        println!("200 answers, all secure: {} of fra, {} of iad", seen[0], seen[1]);
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
}

/// RELIABILITY I10: what a zone says not to exist never hangs on health.
#[test]
fn denial_is_the_same_in_every_state() {
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let chains = [
            (State::Up, State::Up),
            (State::Down, State::Up),
            (State::Deferring, State::Down),
            (State::Down, State::Down),
        ]
        .map(|(fra, iad)| {
            let tables = parent(denial, |site| if site == "fra" { fra } else { iad });
            let zone = tables.zones().iter().next().unwrap().clone();
            zone.secure().unwrap().chain().proofs().collect::<Vec<_>>()
        });
        assert!(chains[0].len() > 20);
        assert!(chains.iter().all(|chain| *chain == chains[0]));
    }
}
