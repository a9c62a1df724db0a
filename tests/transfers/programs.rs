//! Running programs and servers of others.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports::free_port;
use crate::primary::Primary;

/// Set where a skipped test must count as failed.
const REQUIRED: &str = "WAYPOST_REQUIRE_REAL";
/// How long something that must come true may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether all `programs` are installed; if not, says so or fails.
pub fn has(programs: &[&str]) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let is_there = |program: &&&str| path.split(':').any(|folder| Path::new(folder).join(program).exists());
    let missing: Vec<_> = programs.iter().filter(|program| !is_there(program)).collect();
    assert!(missing.is_empty() || std::env::var_os(REQUIRED).is_none(), "not installed: {missing:?}");
    if !missing.is_empty() {
        eprintln!("\n==== SKIPPED: needs {missing:?}; nothing was proven ====\n");
    }
    missing.is_empty()
}

/// What a program says, whether it succeeds or not.
pub fn output(program: &str, arguments: &[impl AsRef<str>]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let output = Command::new(program).args(&arguments).stdin(Stdio::null()).output().unwrap();
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

/// What a program says that must succeed, on its standard output.
pub fn succeed(program: &str, arguments: &[impl AsRef<str>]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let output = Command::new(program).args(&arguments).stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// dig or kdig, asking the primary.
pub fn ask(program: &str, primary: &Primary, more: &[&str]) -> String {
    let arguments: Vec<String> = primary.at().into_iter().chain(more.iter().map(|&text| text.to_owned())).collect();
    output(program, &arguments)
}

/// Waits until `fact` holds.
///
/// # Panics
/// If it does not for long, with what `why` says.
pub fn wait_until(what: &str, mut fact: impl FnMut() -> bool, why: impl Fn() -> String) {
    let start = Instant::now();
    while !fact() {
        assert!(start.elapsed() < PATIENCE, "not {what}:\n{}", why());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An address for a server that the test starts.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// A server of others; dropping it ends it.
pub struct Daemon {
    pub address: SocketAddr,
    pub directory: TempDir,
    child: Child,
}

impl Daemon {
    /// Starts `program` with the arguments that `configure` gives for an address and a directory.
    pub fn start(program: &str, configure: impl FnOnce(SocketAddr, &Path) -> Vec<String>) -> Self {
        let directory = tempfile::Builder::new().prefix("waypost-transfers-").tempdir().unwrap();
        let address = free_address();
        let arguments = configure(address, directory.path());
        let log = fs::File::create(directory.path().join("output.log")).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { address, directory, child }
    }

    /// Asks the server by dig, without recursion.
    pub fn dig(&self, question: &[&str]) -> String {
        let port = self.address.port().to_string();
        let common = ["@127.0.0.1", "-p", &port, "+norec", "+time=2", "+tries=3", "+noall", "+answer"];
        output("dig", &[&common[..], question].concat())
    }

    /// Whatever the server logged.
    pub fn logs(&self) -> String {
        let entries = fs::read_dir(self.directory.path()).unwrap().filter_map(Result::ok);
        let logs = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
        logs.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // NSD's first process ends the others when it is asked to end, not when it is killed.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let start = Instant::now();
        while asked.is_ok() && start.elapsed() < Duration::from_secs(10) {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
