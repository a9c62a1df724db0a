//! Thresholds on what real servers say of themselves.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use waypost::health::FailureKind;

use crate::ports::free_port;
use crate::targets::{Running, assert_deferring, assert_failed, assert_ok, have, probe};

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

#[test]
fn metrics_of_a_node_exporter_are_held_against_thresholds() {
    if !have("prometheus-node-exporter") {
        return;
    }
    let address = loopback();
    let _exporter = Running::start(
        Command::new("prometheus-node-exporter")
            .arg(format!("--web.listen-address={address}"))
            .args(["--collector.disable-defaults", "--collector.loadavg", "--collector.filesystem"])
            // In a container the root is an overlay, which is left out by default.
            .arg("--collector.filesystem.fs-types-exclude=^(proc|sysfs|cgroup2?)$"),
        address,
    );
    let probe =
        |lines: &str| probe(&format!("kind = \"prometheus\"\nport = 9100\ntimeout = \"30s\"\n{lines}"), address);
    // A load cannot be negative, and is never a million.
    assert_ok(&probe("series = 'node_load1'\nwarn = \"< 0\"\nfail = \"> 1e6\""));
    assert_deferring(&probe("series = 'node_load1'\nwarn = \">= 0\""), ", warn is >= 0");
    assert_failed(&probe("series = 'node_load1'\nfail = \"< 1e6\""), FailureKind::Protocol, ", fail is < 1000000");
    // The free part of a file system is between nothing and all.
    let disk = "series = 'node_filesystem_avail_bytes{mountpoint=\"/\"}'\n\
                divide_by = 'node_filesystem_size_bytes{mountpoint=\"/\"}'\ncombine = \"min\"\n";
    assert_ok(&probe(&format!("{disk}warn = \"< 0\"\nfail = \"> 1\"")));
    let full = probe(&format!("{disk}warn = \"<= 1\""));
    assert_deferring(&full, "node_filesystem_size_bytes{mountpoint=\"/\"} is 0");
    assert!(full.transcript.contains("> GET /metrics HTTP/1.1"), "{}", full.transcript);
    // Labels tell series apart.
    let collector =
        |name: &str| format!("series = 'node_scrape_collector_success{{collector=\"{name}\"}}'\nfail = \"< 1\"\n");
    assert_ok(&probe(&collector("loadavg")));
    assert_deferring(
        &probe(&collector("zfs")),
        "there is no node_scrape_collector_success{collector=\"zfs\"} on the page",
    );
    assert_failed(&probe(&format!("{}missing = \"fail\"", collector("zfs"))), FailureKind::Protocol, "there is no");
    // Any other path is a page without metrics.
    assert_deferring(&probe(&format!("{}path = \"/nothing\"", collector("loadavg"))), "there is no");
}

#[test]
fn a_document_of_a_web_server_is_held_against_thresholds() {
    if !have("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let document = r#"{ "status": "ok", "queues": [ { "name": "deferred", "messages": 812 } ], "readonly": false }"#;
    std::fs::write(directory.path().join("status.json"), document).unwrap();
    let address = loopback();
    let port = address.port().to_string();
    let _server = Running::start(
        Command::new("python3")
            .args(["-m", "http.server", &port, "--bind", "127.0.0.1", "--directory"])
            .arg(directory.path()),
        address,
    );
    let probe =
        |lines: &str| probe(&format!("kind = \"json\"\npath = \"/status.json\"\ntimeout = \"30s\"\n{lines}"), address);
    assert_ok(&probe("pointer = \"/status\"\nequals = \"ok\""));
    assert_ok(&probe("pointer = \"/readonly\"\nequals = false"));
    assert_failed(&probe("pointer = \"/readonly\"\nequals = true"), FailureKind::Protocol, "/readonly is false");
    let queue = "pointer = \"/queues/0/messages\"\n";
    assert_ok(&probe(&format!("{queue}warn = \"> 1000\"\nfail = \"> 5000\"")));
    assert_deferring(&probe(&format!("{queue}warn = \"> 500\"\nfail = \"> 5000\"")), "is 812, warn is > 500");
    assert_failed(&probe(&format!("{queue}fail = \"> 800\"")), FailureKind::Protocol, "is 812, fail is > 800");
}
