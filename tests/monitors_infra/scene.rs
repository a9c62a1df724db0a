//! A directory, servers as users without privileges, and probes as a configuration text says.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use waypost::config;
use waypost::health::{FailureKind, Outcome};
use waypost::model::EndpointKey;
use waypost::probe::{Probed, Target, once};

use crate::patience::wait_for;
use crate::world::is_root;

/// How long anything that must come true may take; a machine under load is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long a server that is dropped may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(10);
/// The name that endpoints are found under.
pub const HOST: &str = "host.example.org";

/// Set where a skipped test must count as failed.
const REQUIRED: &str = "WAYPOST_REQUIRE_REAL";

/// Where the programs of servers lie.
pub fn program(name: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    folders.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    // Debian keeps PostgreSQL's programs by version.
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .collect();
    versions.sort();
    // What is in the path may be a wrapper that wants to be somebody.
    let ordered = versions.into_iter().rev().chain(folders);
    ordered.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Whether all of `programs` are here; says so if not.
///
/// # Panics
/// If they are not and must be.
pub fn have(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|name| program(name).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os(REQUIRED).is_none(), "{missing:?} must be here; `.ci/run` installs what the tests need");
    eprintln!("\n==== SKIPPED: {missing:?} are not installed; nothing was proven ====\n");
    false
}

/// A directory for the servers of one test, which run as `user` where the test is root.
pub struct Scene {
    directory: tempfile::TempDir,
    user: Option<(u32, u32)>,
}

impl Scene {
    pub fn new(user: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("waypost-infra-").tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let scene = Self { directory, user: is_root().then(|| ids(user)) };
        scene.give_away(scene.directory.path());
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file that the servers may read, and nobody else.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self.give_away(&path);
        path
    }

    /// A directory of the servers.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        self.give_away(&path);
        path
    }

    fn give_away(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    /// `program` as the servers' user, in the scene's directory.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name).unwrap_or_else(|| panic!("{name} is not installed")));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.current_dir(self.directory.path()).env("HOME", self.directory.path()).stdin(Stdio::null());
        command
    }

    /// Runs `name` to its end, which must be good; gives what it printed.
    pub fn run(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.command(name).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} {arguments:?}: {said}{complaint}");
        said
    }

    /// Starts `command`; what it prints goes to `name.log`.
    pub fn start(&self, name: &str, mut command: Command) -> Server {
        let log = self.path(&format!("{name}.log"));
        let file = fs::File::create(&log).unwrap();
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Server { child, log }
    }
}

/// User and group of `name`, or of nobody where there is no such user.
fn ids(name: &str) -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let fields: Vec<&str> =
            users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|line| line[0] == name)?;
        Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
    };
    of(name).unwrap_or((65_534, 65_534))
}

/// A running server; dropping it ends it.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Sends it a signal, as in `STOP`.
    pub fn signal(&self, signal: &str) {
        crate::world::run("kill", &[&format!("-{signal}"), &self.child.id().to_string()]);
    }

    /// Ends it as its operator would, and waits for its end.
    pub fn stop(&mut self, signal: &str) {
        self.signal(signal);
        wait_for("the server ends", PATIENCE, || self.child.try_wait().unwrap());
    }

    /// Fails with what it printed if it has ended.
    pub fn must_run(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("it ended with {status}: {}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        if matches!(self.child.try_wait(), Ok(None)) {
            // A stopped process takes no other signal. PostgreSQL waits for its clients at TERM but not at INT, which
            // MariaDB does not know; killed, they would leave shared memory behind.
            for signal in ["-CONT", "-INT", "-TERM"] {
                let _ = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
            }
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a monitor with these keys finds at `address`, by way of a configuration as an operator writes it.
///
/// # Panics
/// If the configuration is not accepted without a remark, but for the warning that a password goes without TLS.
pub fn probe(keys: &str, address: SocketAddr) -> Probed {
    let port = if keys.contains("\"icmp\"") { String::new() } else { format!("port = {}\n", address.port()) };
    let text = format!(
        "[node]\nname = \"ns1\"\n[[site]]\nname = \"here\"\nnetworks = [\"127.0.0.0/8\", \"::1/128\", \"192.0.2.0/24\"]\n\
         [[service]]\nname = \"web\"\nnames = [\"example.org\"]\nmonitors = [\"it\"]\n\
         [[zone]]\norigin = \"example.org\"\nfile = \"zone\"\n[monitor.it]\n{port}{keys}\n"
    );
    let (settings, report) = config::read(Path::new("/etc/waypost/waypost.toml"), &text);
    let expected = "password_file of [monitor.it] with tls = \"none\"";
    assert!(report.iter().all(|remark| remark.what == expected), "{report}");
    let monitor = settings.unwrap().monitors.remove(0);
    let target = Target {
        key: EndpointKey { service: "web".into(), address: address.ip() },
        address: monitor.target(address.ip()),
        host: format!("{HOST}.").parse().unwrap(),
        monitor,
        restored: None,
    };
    assert_eq!(target.address.ip(), address.ip());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let probed = runtime.block_on(once(&target));
    assert!(!probed.transcript.contains(SECRET), "the password is in the transcript: {}", probed.transcript);
    assert!(!format!("{probed:?}").contains(SECRET), "the password is in the outcome");
    probed
}

/// The password of every login of these tests.
pub const SECRET: &str = "tr0ub4dor-and-3";

/// What a probe must come to.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    Ok,
    Deferring(&'static str),
    Failed(FailureKind, &'static str),
    Inconclusive(&'static str),
    Unchecked(&'static str),
}

impl Wanted {
    fn is(self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Ok, Outcome::Ok) => true,
            (Self::Deferring(words), Outcome::Deferring(reason))
            | (Self::Inconclusive(words), Outcome::Inconclusive(reason))
            | (Self::Unchecked(words), Outcome::Unchecked(reason)) => reason.contains(words),
            (Self::Failed(wanted, words), Outcome::Failed { kind, reason }) => {
                wanted == *kind && reason.contains(words)
            }
            _ => false,
        }
    }
}

/// Probes once; the outcome must be as `wanted`. Gives the transcript.
#[track_caller]
pub fn expect(keys: &str, address: SocketAddr, wanted: Wanted) -> String {
    let probed = probe(keys, address);
    assert!(wanted.is(&probed.outcome), "{keys}\nwanted {wanted:?}, found {:?}\n{}", probed.outcome, probed.transcript);
    probed.transcript
}

/// Probes until the outcome is as `wanted`.
#[track_caller]
pub fn await_outcome(keys: &str, address: SocketAddr, wanted: Wanted) {
    let mut last = None;
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for(&format!("{wanted:?}"), PATIENCE, || {
            let probed = probe(keys, address);
            let good = wanted.is(&probed.outcome);
            last = Some(probed);
            good.then_some(())
        });
    }));
    assert!(found.is_ok(), "{keys}\nwanted {wanted:?}, last found {last:?}");
}

#[test]
fn a_dropped_server_is_let_end_by_itself() {
    let scene = Scene::new("nobody");
    let mut command = scene.command("sh");
    let script = "trap 'echo > ended; exit' INT TERM; echo > ready; while :; do sleep 0.05; done";
    command.args(["-c", script]);
    let server = scene.start("script", command);
    wait_for("the script runs", PATIENCE, || scene.path("ready").exists().then_some(()));
    server.signal("STOP");
    drop(server);
    assert!(scene.path("ended").exists(), "it was killed");
}

/// Waits until `server` accepts connections at `address`.
pub fn await_port(server: &mut Server, address: SocketAddr) {
    wait_for(&format!("{address} accepts connections"), PATIENCE, || {
        server.must_run();
        std::net::TcpStream::connect(address).ok()
    });
}
