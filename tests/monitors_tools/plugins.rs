//! Real Nagios plugins.

use std::net::{SocketAddr, TcpListener};

use waypost::health::{FailureKind, Outcome};

use crate::targets::{assert_deferring, assert_failed, assert_ok, probe};

/// A port where somebody listens; the system completes connections without him.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn plugin(name: &str, arguments: &str) -> String {
    format!(
        "kind = \"exec\"\nport = 25\ntimeout = \"30s\"\ncommand = [\"/usr/lib/nagios/plugins/{name}\", {arguments}]\n"
    )
}

#[test]
fn plugins_say_how_an_endpoint_is() {
    let (listening, address) = listener();
    let check = plugin("check_tcp", "\"-H\", \"{address}\", \"-p\", \"{port}\", \"-t\", \"20\"");
    let probed = probe(&check, address);
    assert_ok(&probed);
    let port = address.port();
    assert!(probed.transcript.contains("< TCP OK - "), "{}", probed.transcript);
    assert!(probed.transcript.contains(&format!("port {port}")), "{}", probed.transcript);
    assert!(probed.transcript.contains("* perfdata time="), "{}", probed.transcript);
    drop(listening);
    assert_failed(&probe(&check, address), FailureKind::Protocol, "Connection refused");
}

#[test]
fn every_state_of_a_plugin_has_its_meaning() {
    let (_listening, address) = listener();
    let dummy = |state: u8| probe(&plugin("check_dummy", &format!("\"{state}\", \"said for {{host}}\"")), address);
    assert_ok(&dummy(0));
    assert_deferring(&dummy(1), "WARNING: said for mx.example.org");
    assert_failed(&dummy(2), FailureKind::Protocol, "CRITICAL: said for mx.example.org");
    assert_eq!(dummy(3).outcome, Outcome::Inconclusive("UNKNOWN: said for mx.example.org".into()));
    assert!(dummy(1).transcript.ends_with("* exit code 1\n* WARNING: said for mx.example.org\n"));
}
