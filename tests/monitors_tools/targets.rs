//! Targets from a monitor as an operator writes it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use waypost::health::{FailureKind, Outcome};
use waypost::model::{EndpointKey, Monitor};
use waypost::probe::{Probed, Target, once};

use crate::patience::wait_until;

pub const PATIENCE: Duration = Duration::from_secs(60);

const CONFIGURATION: &str = "\
[node]
name = \"ns1\"
[[site]]
name = \"fra\"
networks = [\"192.0.2.0/26\"]
[[service]]
name = \"mx\"
names = [\"example.org\"]
monitors = [\"x\"]
[[zone]]
origin = \"example.org\"
file = \"example.org.zone\"
[monitor.x]
";

/// The monitor whose section has these lines.
///
/// # Panics
/// If the configuration is refused.
pub fn monitor(lines: &str) -> Monitor {
    let (settings, report) = waypost::config::read(Path::new("waypost.toml"), &format!("{CONFIGURATION}{lines}"));
    settings.unwrap_or_else(|| panic!("{report}")).monitors.remove(0)
}

/// An endpoint of mx.example.org that is probed at `address`.
pub fn target(lines: &str, address: SocketAddr) -> Target {
    Target {
        key: EndpointKey { service: "mx".into(), address: [192, 0, 2, 10].into() },
        monitor: monitor(lines),
        host: "mx.example.org.".parse().unwrap(),
        address,
        restored: None,
    }
}

/// Probes once, in a runtime of its own.
pub fn probe(lines: &str, address: SocketAddr) -> Probed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(once(&target(lines, address)))
}

#[track_caller]
pub fn assert_ok(probed: &Probed) {
    assert_eq!(probed.outcome, Outcome::Ok, "{}", probed.transcript);
}

#[track_caller]
pub fn assert_deferring(probed: &Probed, words: &str) {
    let Outcome::Deferring(reason) = &probed.outcome else { panic!("{probed:?}") };
    assert!(reason.contains(words), "{reason}");
}

#[track_caller]
pub fn assert_failed(probed: &Probed, expected: FailureKind, words: &str) {
    let Outcome::Failed { kind, reason } = &probed.outcome else { panic!("{probed:?}") };
    assert_eq!(*kind, expected, "{reason}");
    assert!(reason.contains(words), "{reason}");
}

/// Whether `program` is here; says so if not.
///
/// # Panics
/// If it is not and must be.
pub fn have(program: &str) -> bool {
    let folders = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    // What begins with `/` stands for itself.
    if std::env::split_paths(&folders).any(|folder| folder.join(program).is_file()) {
        return true;
    }
    let required = std::env::var_os("WAYPOST_REQUIRE_REAL").is_some();
    assert!(!required, "{program} must be here; `.ci/run` installs what the tests need");
    eprintln!("\n==== SKIPPED: {program} is not installed; nothing was proven ====\n");
    false
}

/// A program that serves until dropped.
pub struct Running(Child);

impl Running {
    /// Starts `command` and waits until it listens at `address`.
    ///
    /// # Panics
    /// If it does not.
    pub fn start(command: &mut Command, address: SocketAddr) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Self(quiet.spawn().unwrap_or_else(|error| panic!("{program}: {error}")));
        wait_until(&program, PATIENCE, || {
            assert!(running.0.try_wait().unwrap().is_none(), "{program} has ended");
            std::net::TcpStream::connect(address).is_ok()
        });
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        self.0.wait().unwrap();
    }
}
