//! A node without sites, and the programs around it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use serde_json::Value;
use tempfile::TempDir;

use crate::node::Node;
use crate::patience::wait_until;
use crate::ports::free_port;

pub const PATIENCE: Duration = Duration::from_secs(60);
/// Set where a skipped test must count as failed.
const REQUIRED: &str = "WAYPOST_REQUIRE_REAL";

/// The secret of the key `xfer`.
pub const SECRET: &str = "d2F5cG9zdCB0ZXN0cyBzaGFyZSB0aGlzIHNlY3JldCE=";

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

/// An address for a server that the test starts.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// What a program says that must succeed.
pub fn succeed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A zone of some names with this serial and expiry, and `more` records.
pub fn zone(serial: u32, expire: u32, more: &str) -> String {
    format!(
        "$TTL 300\n@ SOA ns1 hostmaster {serial} 7200 900 {expire} 300\n@ NS ns1\nns1 A 192.0.2.53\n\
         @ MX 10 mx\nmx A 192.0.2.25\n@ TXT \"version {serial}\"\nalias CNAME www\nwww A 192.0.2.80\n\
         *.wild TXT \"wildcard\"\n_25._tcp.mx TLSA 3 1 1 0D6FCE13243AA70D6FCE13243AA70D6FCE13243AA70D6FCE13243AA70D6FCE13\n{more}"
    )
}

/// A server of others with its directory; dropping it ends it.
pub struct Daemon {
    pub address: SocketAddr,
    pub directory: PathBuf,
    program: &'static str,
    arguments: Vec<String>,
    child: Option<Child>,
    _whole: TempDir,
}

impl Daemon {
    /// Starts `program` with the arguments that `configure` gives for an address and a directory.
    pub fn start(program: &'static str, configure: impl FnOnce(SocketAddr, &Path) -> Vec<String>) -> Self {
        Self::start_at(free_address(), program, configure)
    }

    /// As [`Daemon::start`], at this address.
    pub fn start_at(
        address: SocketAddr,
        program: &'static str,
        configure: impl FnOnce(SocketAddr, &Path) -> Vec<String>,
    ) -> Self {
        let whole = tempfile::Builder::new().prefix("waypost-transfers-").tempdir().unwrap();
        let directory = whole.path().to_owned();
        let arguments = configure(address, &directory);
        let mut daemon = Self { address, directory, program, arguments, child: None, _whole: whole };
        daemon.serve();
        daemon
    }

    /// Starts it again after [`Daemon::end`].
    pub fn serve(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.directory.join("output.log")).unwrap();
        let mut command = Command::new(self.program);
        command.args(&self.arguments).current_dir(&self.directory).stdin(Stdio::null());
        self.child = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let address = self.address;
        wait_until(&format!("{} listens", self.program), PATIENCE, || std::net::TcpStream::connect(address).is_ok());
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        succeed("kill", &["-HUP", &self.child.as_ref().unwrap().id().to_string()]);
    }

    pub fn end(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // NSD's first process ends the others when it is asked to end, not when it is killed.
        let asked = Command::new("kill").arg(child.id().to_string()).status();
        let start = Instant::now();
        while asked.is_ok() && start.elapsed() < Duration::from_secs(10) {
            if let Ok(Some(_)) = child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Asks the server by dig, without recursion.
    pub fn dig(&self, question: &[&str]) -> String {
        let port = self.address.port().to_string();
        let common = ["@127.0.0.1", "-p", &port, "+norec", "+time=2", "+tries=3", "+noall", "+answer"];
        let output = Command::new("dig").args(common).args(question).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Whatever the server logged.
    pub fn logs(&self) -> String {
        let entries = fs::read_dir(&self.directory).unwrap().filter_map(Result::ok);
        let logs = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
        logs.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- {}\n{}", self.program, self.logs());
        }
        self.end();
    }
}

/// A running node and its directory.
pub struct Scene {
    pub node: Node,
    pub address: SocketAddr,
    pub directory: TempDir,
}

impl Scene {
    /// A directory for a node at `address`, with the secret of the key `xfer` in it.
    pub fn directory() -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        write_secret(directory.path(), SECRET);
        directory
    }

    /// A node at `address` with `sections`.
    pub fn start(directory: TempDir, address: SocketAddr, sections: &str) -> Self {
        let text = configuration(address, sections);
        let node = Node::start(directory.path(), address, &text);
        let scene = Self { node, address, directory };
        scene.wait_for_admin();
        scene
    }

    /// Another configuration in the file; it counts from the next reload.
    pub fn configure(&self, sections: &str) {
        fs::write(self.node.configuration(), configuration(self.address, sections)).unwrap();
    }

    pub fn wait_for_admin(&self) {
        wait_until("the admin API answers", PATIENCE, || self.node.command(&["status"]).status.success());
    }

    /// Kills the node and starts it again.
    pub fn restart(&mut self) {
        self.node.kill();
        self.node.serve();
        self.wait_for_admin();
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.node.order(&["status", "-o", "json"])).unwrap()
    }

    /// What the status says of transferred zones that fail.
    pub fn trouble(&self) -> Option<String> {
        let status = self.status();
        let parts = status["degradations"].as_array().unwrap();
        let part = parts.iter().find(|part| part["part"] == "secondary")?;
        Some(part["detail"].as_str().unwrap().to_owned())
    }

    pub fn events(&self) -> String {
        self.node.order(&["events"])
    }

    /// The serial that the node answers with, or the error.
    pub fn serial(&self, zone: &str) -> Result<u32, ResponseCode> {
        let message = self.node.client().ask(zone, RecordType::SOA, None);
        match message.answers.first().map(|record| &record.data) {
            Some(RData::SOA(soa)) if message.metadata.response_code == ResponseCode::NoError => Ok(soa.serial),
            _ => Err(message.metadata.response_code),
        }
    }

    pub fn wait_for_serial(&self, zone: &str, serial: u32) {
        wait_until(&format!("{zone} has serial {serial}"), PATIENCE, || self.serial(zone) == Ok(serial));
    }

    pub fn wait_for_error(&self, zone: &str, error: ResponseCode) {
        wait_until(&format!("{zone} is answered with {error}"), PATIENCE, || self.serial(zone) == Err(error));
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- waypost\n{}", fs::read_to_string(self.node.log()).unwrap_or_default());
        }
    }
}

pub fn write_secret(directory: &Path, secret: &str) {
    use std::io::Write;
    let path = directory.join("xfer.secret");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(secret.as_bytes()).unwrap();
}

fn configuration(address: SocketAddr, sections: &str) -> String {
    format!(
        "[node]\nname = \"test\"\nlisten = [\"{address}\"]\n\n[admin]\nlisten = \"{}\"\nsocket = \"admin.sock\"\n\n\
         [state]\npath = \"state\"\n\n\
         [[key]]\nname = \"xfer\"\nsecret = \"xfer.secret\"\n\n{sections}",
        free_address()
    )
}
