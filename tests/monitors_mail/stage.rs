//! The stage: certificates, passwords, and monitors that are read from configurations.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use waypost::health::{FailureKind, Outcome};
use waypost::model::EndpointKey;
use waypost::probe::{Probed, Target, once};

use crate::certificates;
use crate::world::{World, in_a_world};

/// A user of all servers, and the password.
pub const USER: &str = "probe@example.org";
pub const PASSWORD: &str = "correct horse";
/// A user whose logins meet a database that is out of order.
pub const BUSY: &str = "busy@example.org";

/// Where servers show a good certificate, one for another name, one that has expired.
pub const GOOD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
pub const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
pub const EXPIRED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
/// Each address with the certificate that is shown there.
pub const CERTIFICATES: [(Ipv4Addr, &str); 3] = [(GOOD, "good"), (OTHER, "other"), (EXPIRED, "expired")];

/// How long a probe may take that is to be answered, on a machine that has much else to do.
const PATIENT: Duration = Duration::from_secs(30);

pub struct Stage<'w> {
    pub world: &'w World,
    directory: PathBuf,
}

/// Runs `body` on a stage in a world of its own, if there are servers to be had.
pub fn on_stage(test: &str, body: impl FnOnce(&Stage<'_>)) {
    const SERVERS: [&str; 2] = ["postfix", "dovecot"];
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let there = |program: &&str| path.split(':').any(|folder| Path::new(folder).join(program).exists());
    if !SERVERS.iter().all(there) {
        assert!(std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "not installed: one of {SERVERS:?}");
        eprintln!("\n==== SKIPPED: {test} needs {SERVERS:?}; nothing was proven ====\n");
        return;
    }
    in_a_world(test, |world| body(&Stage::set(world)));
}

impl<'w> Stage<'w> {
    fn set(world: &'w World) -> Self {
        let directory = world.directory("stage");
        certificates::write(&directory);
        fs::write(directory.join("probe.pw"), format!("{PASSWORD}\n")).unwrap();
        fs::write(directory.join("wrong.pw"), "battery staple\n").unwrap();
        Self { world, directory }
    }

    /// A file of the stage.
    pub fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// What the monitor finds whose section holds `section`, applied to a server at `address`.
    pub fn probe(&self, section: &str, address: Ipv4Addr) -> Probed {
        self.probe_within(section, address, PATIENT)
    }

    pub fn probe_within(&self, section: &str, address: Ipv4Addr, timeout: Duration) -> Probed {
        let text = format!(
            "[node]\nname = \"ns1\"\n[[site]]\nname = \"fra\"\nlocation = {{ country = \"DE\" }}\nnetworks = [\"127.0.0.0/8\"]\n\
             [[service]]\nname = \"mail\"\nnames = [\"mail.example.org\"]\nmonitors = [\"x\"]\n\
             [[zone]]\norigin = \"example.org\"\nfile = \"z\"\n\
             [monitor.x]\n{section}\ntimeout = \"{}ms\"\n",
            timeout.as_millis()
        );
        let (settings, report) = waypost::config::read(&self.directory.join("waypost.toml"), &text);
        assert!(report.is_empty(), "{text}\n{report}");
        let monitor = settings.unwrap().monitors.remove(0);
        let address = IpAddr::from(address);
        let target = Target {
            key: EndpointKey { service: "mail".to_owned(), address },
            host: certificates::HOST.parse().unwrap(),
            address: monitor.target(address),
            monitor,
            restored: None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let probed = runtime.block_on(once(&target));
        let shown = format!("{probed:?}");
        assert!(!shown.contains(PASSWORD) && !shown.contains("battery staple"), "{shown}");
        probed
    }
}

/// `login` of a monitor.
pub fn login(user: &str, file: &str) -> String {
    format!("login = {{ user = \"{user}\", password_file = \"{file}\" }}")
}

#[track_caller]
pub fn assert_ok(what: &str, probed: &Probed) {
    assert_eq!(probed.outcome, Outcome::Ok, "{what}\n{}", probed.transcript);
}

#[track_caller]
pub fn assert_deferring(what: &str, probed: &Probed, words: &str) {
    let Outcome::Deferring(reason) = &probed.outcome else {
        panic!("{what}: {:?}\n{}", probed.outcome, probed.transcript)
    };
    assert!(reason.contains(words), "{what}: {reason}");
}

/// The node itself lacks what it needs to ask: that says nothing about whom it asks.
#[track_caller]
pub fn assert_unchecked(what: &str, probed: &Probed, words: &str) {
    let Outcome::Unchecked(reason) = &probed.outcome else {
        panic!("{what}: {:?}\n{}", probed.outcome, probed.transcript)
    };
    assert!(reason.contains(words), "{what}: {reason}");
}

#[track_caller]
pub fn assert_failed(what: &str, probed: &Probed, expected: FailureKind, words: &str) {
    let Outcome::Failed { kind, reason } = &probed.outcome else {
        panic!("{what}: {:?}\n{}", probed.outcome, probed.transcript)
    };
    assert_eq!(*kind, expected, "{what}: {reason}\n{}", probed.transcript);
    assert!(reason.contains(words), "{what}: {reason}");
}

/// Whether anybody listens.
pub fn listens(address: Ipv4Addr, port: u16) -> bool {
    TcpStream::connect((address, port)).is_ok()
}
