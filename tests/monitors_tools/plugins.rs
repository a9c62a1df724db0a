//! Real Nagios plugins.

use std::net::{SocketAddr, TcpListener};

use waypost::health::{FailureKind, Outcome};

use crate::targets::{assert_deferring, assert_failed, assert_ok, have, probe};

/// A port where somebody listens; the system completes connections without him.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

const CHECK_TCP: &str = "/usr/lib/nagios/plugins/check_tcp";
const CHECK_DUMMY: &str = "/usr/lib/nagios/plugins/check_dummy";

fn plugin(path: &str, arguments: &str) -> String {
    format!("kind = \"exec\"\nport = 25\ntimeout = \"30s\"\ncommand = [\"{path}\", {arguments}]\n")
}

#[test]
fn plugins_say_how_an_endpoint_is() {
    if !have(CHECK_TCP) {
        return;
    }
    let (listening, address) = listener();
    let check = plugin(CHECK_TCP, "\"-H\", \"{address}\", \"-p\", \"{port}\", \"-t\", \"20\"");
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
    if !have(CHECK_DUMMY) {
        return;
    }
    let (_listening, address) = listener();
    let dummy = |state: u8| probe(&plugin(CHECK_DUMMY, &format!("\"{state}\", \"said for {{host}}\"")), address);
    assert_ok(&dummy(0));
    assert_deferring(&dummy(1), "WARNING: said for mx.example.org");
    assert_failed(&dummy(2), FailureKind::Protocol, "CRITICAL: said for mx.example.org");
    assert_eq!(dummy(3).outcome, Outcome::Inconclusive("UNKNOWN: said for mx.example.org".into()));
    assert!(dummy(1).transcript.ends_with("* exit code 1\n* WARNING: said for mx.example.org\n"));
}
