//! A Waypost node, run from the built binary with a configuration in a directory of the test.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::dns::Client;
use crate::patience::wait_until;

/// Machines that test have a lot to do at the same time.
const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(60);

/// A running node; dropping it ends it.
pub struct Node {
    directory: PathBuf,
    dns: SocketAddr,
    /// What is written in front of its commands, as in `nsenter …`.
    launcher: Vec<String>,
    child: Option<Child>,
}

/// The program under test; `WAYPOST_BIN` names an installed one.
pub fn executable() -> PathBuf {
    std::env::var_os("WAYPOST_BIN").map_or_else(|| env!("CARGO_BIN_EXE_waypost").into(), PathBuf::from)
}

/// `program`, with `launcher` in front of it.
pub fn launched(launcher: &[String], program: impl AsRef<OsStr>) -> Command {
    let Some((first, rest)) = launcher.split_first() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}

impl Node {
    /// Starts a node with `configuration`, which says that it answers at `dns` and is in `directory` as `waypost.toml`.
    ///
    /// # Panics
    /// If it does not answer soon.
    pub fn start(directory: &Path, dns: SocketAddr, configuration: &str) -> Self {
        Self::start_by(Vec::new(), directory, dns, configuration)
    }

    /// As [`Node::start`], with `launcher` in front of all commands: a program that runs another one elsewhere, in its own
    /// place.
    ///
    /// # Panics
    /// If it does not answer soon.
    pub fn start_by(launcher: Vec<String>, directory: &Path, dns: SocketAddr, configuration: &str) -> Self {
        fs::write(directory.join("waypost.toml"), configuration).unwrap();
        let mut node = Self { directory: directory.to_owned(), dns, launcher, child: None };
        node.serve();
        node
    }

    /// Starts the node again after [`Node::kill`].
    ///
    /// # Panics
    /// If it does not answer soon.
    pub fn serve(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.program();
        command.arg("serve").arg("--config").arg(self.configuration());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let client = self.client();
        wait_until("the node answers", START, || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the node has ended: {ended:?}\n{}", self.logged());
            client.answers()
        });
    }

    /// SIGKILL: the node ends without a chance to save anything.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; the wait below tells apart nothing that matters here.
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// SIGTERM: the node stops in order.
    pub fn stop(&mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().unwrap().success());
        let child = self.child.as_mut().unwrap();
        wait_until("the node ends", END, || child.try_wait().unwrap().is_some());
        self.child = None;
    }

    /// SIGHUP: the node loads its files again.
    pub fn hang_up(&self) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    /// Runs `waypost COMMAND --config …` against this node.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let is_order = matches!(arguments.first(), Some(&("drain" | "isolate" | "pin")));
        let is_sure = arguments.iter().any(|argument| argument.starts_with("--confirm") || *argument == "--dry-run");
        // Nobody can be asked here, and in a test the site is always meant.
        let sure = arguments.get(1).filter(|_| is_order && !is_sure).map(|site| format!("--confirm={site}"));
        self.program().args(arguments).args(sure).arg("--config").arg(self.configuration()).output().unwrap()
    }

    fn program(&self) -> Command {
        launched(&self.launcher, executable())
    }

    /// As [`Node::command`], for what must be done.
    ///
    /// # Panics
    /// If the exit code is not 0.
    pub fn order(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Its process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Where it answers.
    pub const fn address(&self) -> SocketAddr {
        self.dns
    }

    /// A DNS client for this node.
    pub fn client(&self) -> Client {
        Client::new(self.dns)
    }

    /// The configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("waypost.toml")
    }

    /// What it logged, where that is in a file.
    fn logged(&self) -> String {
        if self.log().is_file() { fs::read_to_string(self.log()).unwrap() } else { String::new() }
    }

    /// Where it logs.
    pub fn log(&self) -> PathBuf {
        self.directory.join("waypost.log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
