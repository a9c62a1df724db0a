//! The states that every server can be in, and that every monitor of it must tell apart.

use std::net::Ipv4Addr;
use std::time::Duration;

use waypost::health::{FailureKind, Outcome};

use crate::patience::wait_until;
use crate::stage::{EXPIRED, GOOD, OTHER, Stage, assert_deferring, assert_failed, assert_ok};

/// For a server that does not answer. Connecting on loopback takes far less, so that it is the server that is slow.
const SHORT: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that was started for a test.
pub trait Server {
    /// Stops all its processes where they are, as a machine does that swaps or waits for its disk.
    fn hang(&self);
    /// Lets them go on.
    fn go_on(&self);
    /// Ends it; its ports are closed afterwards.
    fn stop(&mut self);
}

/// What monitors with the sections `monitors` find where the server shows bad certificates.
pub fn look_at_certificates(stage: &Stage<'_>, monitors: &[String]) {
    for monitor in monitors.iter().filter(|monitor| !monitor.contains("tls = \"none\"")) {
        see_another_name(stage, monitor, OTHER);
        see_an_end(stage, monitor, EXPIRED);
    }
}

pub fn see_another_name(stage: &Stage<'_>, monitor: &str, address: Ipv4Addr) {
    let probed = stage.probe(monitor, address);
    assert_deferring(monitor, &probed, "for mail.example.net, not for mx.example.org");
    // Whoever shows the certificate of another gets no password.
    let (logs_in, left_out) = (monitor.contains("login"), probed.transcript.contains("* no login"));
    assert!(logs_in == left_out && !probed.transcript.contains("***"), "{}", probed.transcript);
}

pub fn see_an_end(stage: &Stage<'_>, monitor: &str, address: Ipv4Addr) {
    assert_deferring(monitor, &stage.probe(monitor, address), "certificate expired 3 days ago");
}

/// Takes `server` through its states, each seen by monitors with the sections `monitors`; it is dead in the end.
pub fn walk_through(stage: &Stage<'_>, mut server: impl Server, monitors: &[String]) {
    for monitor in monitors {
        assert_ok(monitor, &stage.probe(monitor, GOOD));
    }
    server.hang();
    for monitor in monitors {
        let probed = stage.probe_within(monitor, GOOD, SHORT);
        assert_failed(monitor, &probed, FailureKind::Timeout, "timed out");
    }
    server.go_on();
    for monitor in monitors {
        wait_until("the server is well again", PATIENCE, || stage.probe(monitor, GOOD).outcome == Outcome::Ok);
    }
    server.stop();
    for monitor in monitors {
        assert_failed(monitor, &stage.probe(monitor, GOOD), FailureKind::Refused, "connection refused");
    }
}
