//! Broken here, and queries are lost or answered wrongly, or a host with XDP loses what is not DNS.

use crate::echo::Echo;
use crate::patience::wait_until;
use crate::wire::{PATIENCE, SERVER_V4, SERVER_V6, Wire, has_program};
use crate::world::{in_a_world, run};

/// What a reply that is but the query looks like.
const SENT_BACK: &str = "flags: qr rd ad; QUERY: 1";

fn ask(wire: &Wire) {
    assert!(wire.dig(SERVER_V4, &["example.org"]).contains(SENT_BACK));
    assert!(wire.dig(SERVER_V6, &["example.org", "AAAA"]).contains(SENT_BACK));
}

#[test]
fn queries_are_answered_in_place_and_all_else_by_the_kernel() {
    in_a_world("in_place::queries_are_answered_in_place_and_all_else_by_the_kernel", |_| {
        let wire = Wire::new(&[]);
        let echo = Echo::start(&[]);
        ask(&wire);
        echo.counts("answered", 2);
        // The longest and the shortest.
        let long = format!("+ednsopt=65001:{}", "5a".repeat(1150));
        for server in [SERVER_V4, SERVER_V6] {
            // `dig` would take TCP for it.
            wire.there("kdig", &[&format!("@{server}"), "+time=2", "+retry=0", &long, "example.org"]);
        }
        wire.dig(SERVER_V4, &["+noedns", "."]);
        echo.counts("answered", 5);
        wire.ping();
        echo.counts("answered: 5, silent: 0, passed", 0);
    });
}

#[test]
fn what_is_handed_over_is_answered_from_the_address_asked() {
    in_a_world("in_place::what_is_handed_over_is_answered_from_the_address_asked", |_| {
        let wire = Wire::new(&[]);
        let echo = Echo::start(&["--pass"]);
        ask(&wire);
        echo.counts("answered: 0, silent: 0, passed", 2);
    });
}

#[test]
fn a_killed_server_leaves_no_program_behind() {
    in_a_world("in_place::a_killed_server_leaves_no_program_behind", |_| {
        let wire = Wire::new(&[]);
        Echo::start(&[]).kill();
        wait_until("the program is gone", PATIENCE, || !has_program());
        wire.ping();
        // And nothing keeps the next one from starting.
        let _echo = Echo::start(&[]);
        ask(&wire);
    });
}

#[test]
fn every_queue_is_read() {
    in_a_world("in_place::every_queue_is_read", |_| {
        let wire = Wire::new(&["numtxqueues", "2", "numrxqueues", "2"]);
        let echo = Echo::start(&[]);
        // From another port each time, and so through either queue.
        (0..20).for_each(|_| ask(&wire));
        echo.counts("answered", 40);
    });
}

#[test]
fn behind_a_driver_without_a_place_it_works_as_well() {
    in_a_world("in_place::behind_a_driver_without_a_place_it_works_as_well", |_| {
        let wire = Wire::new(&[]);
        let echo = Echo::start(&["--generic"]);
        let shown = run("ip", &["link", "show", crate::wire::INTERFACE]);
        assert!(String::from_utf8_lossy(&shown.stdout).contains("xdpgeneric"));
        ask(&wire);
        echo.counts("answered", 2);
        wire.ping();
    });
}
