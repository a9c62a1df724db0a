//! Broken here, and an operator is left with "Operation not permitted" at three in the morning.

use crate::echo::Echo;
use crate::wire::{INTERFACE, SERVER_V4, Wire};
use crate::world::{in_a_world, run};

#[test]
fn a_second_server_is_refused_and_the_first_goes_on() {
    in_a_world("refusals::a_second_server_is_refused_and_the_first_goes_on", |_| {
        let wire = Wire::new(&[]);
        let first = Echo::start(&[]);
        let second = Echo::spawn(5300, &[]);
        second.says("queue 0 of wire0 is read by another program");
        wire.dig(SERVER_V4, &["example.org"]);
        first.counts("answered", 1);
        // Its queries take the way through the kernel, until the first is gone.
        wire.dig(SERVER_V4, &["-p", "5300", "example.org"]);
        first.kill();
        second.says("answered: 0");
        wire.dig(SERVER_V4, &["-p", "5300", "example.org"]);
        second.counts("answered", 1);
    });
}

#[test]
fn what_the_documents_ask_for_is_enough_and_less_is_refused() {
    in_a_world("refusals::what_the_documents_ask_for_is_enough_and_less_is_refused", |_| {
        let wire = Wire::new(&[]);
        for less in ["+net_raw,+bpf", "+net_admin,+bpf", "+net_admin,+net_raw"] {
            let echo = Echo::spawn_with(less);
            let said = echo.says("permission denied");
            assert!(said.contains("CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF"), "{less}: {said}");
            wire.dig(SERVER_V4, &["example.org"]);
        }
        let echo = Echo::spawn_with("+net_admin,+net_raw,+bpf");
        echo.says("answered: 0");
        wire.dig(SERVER_V4, &["example.org"]);
        echo.counts("answered", 1);
    });
}

#[test]
fn a_limit_on_locked_memory_is_named() {
    in_a_world("refusals::a_limit_on_locked_memory_is_named", |_| {
        let _wire = Wire::new(&["numtxqueues", "2", "numrxqueues", "2"]);
        // Enough for one queue, not for two.
        let echo = Echo::spawn_with("+net_admin,+net_raw,+bpf");
        let said = echo.says("locks 4 MiB");
        assert!(said.contains("LimitMEMLOCK=infinity"), "{said}");
    });
}

#[test]
fn packets_too_large_for_the_driver_are_named() {
    in_a_world("refusals::packets_too_large_for_the_driver_are_named", |_| {
        let wire = Wire::new(&[]);
        run("ip", &["link", "set", INTERFACE, "mtu", "9000"]);
        wire.there("ip", &["link", "set", "wire1", "mtu", "9000"]);
        let echo = Echo::spawn(53, &[]);
        let said = echo.says("takes no XDP program while packets may be 9000 octets long");
        assert!(said.contains("mtu 1500"), "{said}");
        // Through the kernel it answers all the same; and past it as soon as the cause is gone.
        wire.dig(SERVER_V4, &["example.org"]);
        wire.there("ip", &["link", "set", "wire1", "mtu", "1500"]);
        run("ip", &["link", "set", INTERFACE, "mtu", "1500"]);
        echo.says("answered: 0");
        wire.dig(SERVER_V4, &["example.org"]);
        echo.counts("answered", 1);
    });
}
