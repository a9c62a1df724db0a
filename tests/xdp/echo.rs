//! The server that sends queries back: `tests/tools/xdp_echo.rs`, with its counters.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::patience::wait_until;
use crate::wire::{INTERFACE, PATIENCE, SERVER_V4, SERVER_V6, has_program};

pub struct Echo {
    child: Child,
    lines: Receiver<String>,
}

/// Where Cargo puts examples: beside the directory of tests.
fn executable() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap().join("examples/xdp_echo");
    assert!(built.exists(), "build it first: cargo build --features xdp --example xdp_echo");
    built
}

impl Echo {
    /// Starts it on our end of the wire without waiting for anything.
    pub fn spawn(port: u16, flags: &[&str]) -> Self {
        Self::launch(Command::new(executable()), port, flags)
    }

    /// As [`Echo::spawn`], with these capabilities only and with 5 MiB of memory to lock.
    pub fn spawn_with(capabilities: &str) -> Self {
        let mut command = Command::new("prlimit");
        command.args(["--memlock=5242880", "setpriv", "--inh-caps=-all"]);
        command.arg(format!("--bounding-set=-all,+net_bind_service,{capabilities}")).arg(executable());
        Self::launch(command, 53, &[])
    }

    fn launch(mut command: Command, port: u16, flags: &[&str]) -> Self {
        command.args(flags).arg(INTERFACE).args([format!("{SERVER_V4}:{port}"), format!("[{SERVER_V6}]:{port}")]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        let other = sender.clone();
        // They end with the program.
        std::thread::spawn(move || out.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        std::thread::spawn(move || err.map_while(Result::ok).try_for_each(|line| other.send(line)));
        Self { child, lines }
    }

    /// As [`Echo::spawn`] at port 53, until it is at work.
    pub fn start(flags: &[&str]) -> Self {
        let echo = Self::spawn(53, flags);
        wait_until("a program is attached", PATIENCE, has_program);
        echo
    }

    /// The next line that contains `words`.
    pub fn says(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it never says {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Waits until it has counted `count` frames of this kind.
    pub fn counts(&self, kind: &str, count: u64) {
        self.says(&format!("{kind}: {count}"));
    }

    /// SIGKILL: it ends without a chance to take its program away.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
