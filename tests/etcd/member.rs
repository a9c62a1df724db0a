//! Members of etcd on loopback addresses, each with its data in a directory that goes away. The crate that includes this
//! file has `patience` and `ports` of `tests/failover` at its top.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use waypost::model::EtcdSettings;

use crate::patience::{wait_for, wait_until};
use crate::ports::free_port;

const START: Duration = Duration::from_secs(60);

/// Files for TLS between clients and members.
pub struct Certificates {
    pub ca: PathBuf,
    /// For members, who also show it to themselves: the gateway is a client of its own member.
    pub member: (PathBuf, PathBuf),
    /// For clients.
    pub client: (PathBuf, PathBuf),
}

/// A cluster of etcd.
pub struct Cluster {
    directory: TempDir,
    members: Vec<Member>,
    certificates: Option<Certificates>,
}

struct Member {
    /// Where clients find it: `127.0.x.y:port`.
    client: String,
    arguments: Vec<String>,
    data: PathBuf,
    log: PathBuf,
    process: Option<Child>,
}

impl Cluster {
    /// As many members as asked for; they have a leader when this returns.
    pub fn start(members: usize) -> Self {
        Self::start_with(members, &[], None)
    }

    /// The same, with more arguments for each, and TLS with client certificates if there are `certificates`.
    pub fn start_with(members: usize, arguments: &[&str], certificates: Option<Certificates>) -> Self {
        static CLUSTERS: AtomicU8 = AtomicU8::new(0);
        let third = 64 + CLUSTERS.fetch_add(1, Ordering::Relaxed) % 128;
        // In memory, where there is room for it: a disk that others write to stalls for seconds.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let addresses: Vec<_> = (1..=members)
            .map(|number| {
                let host = format!("127.0.{third}.{number}");
                (format!("{host}:{}", free_port()), format!("http://{host}:{}", free_port()))
            })
            .collect();
        let peers: Vec<_> = addresses.iter().enumerate().map(|(at, (_, peer))| format!("m{at}={peer}")).collect();
        let mut cluster = Self { members: Vec::new(), certificates, directory };
        for (at, (client, peer)) in addresses.into_iter().enumerate() {
            let url = format!("{}://{client}", cluster.scheme());
            let data = cluster.directory.path().join(format!("m{at}"));
            let data_text = data.to_str().unwrap();
            let mut all: Vec<String> = [
                ["--name", &format!("m{at}")],
                ["--data-dir", data_text],
                ["--listen-client-urls", &url],
                ["--advertise-client-urls", &url],
                ["--listen-peer-urls", &peer],
                ["--initial-advertise-peer-urls", &peer],
                ["--initial-cluster", &peers.join(",")],
                ["--heartbeat-interval", "50"],
                ["--election-timeout", "500"],
            ]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect();
            all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
            if let Some(Certificates { ca, member: (cert, key), .. }) = &cluster.certificates {
                all.push("--client-cert-auth".to_owned());
                for (name, file) in [("--trusted-ca-file", ca), ("--cert-file", cert), ("--key-file", key)] {
                    all.extend([name.to_owned(), file.to_str().unwrap().to_owned()]);
                }
            }
            let log = cluster.directory.path().join(format!("m{at}.log"));
            cluster.members.push(Member { client, arguments: all, data, log, process: None });
        }
        for at in 0..members {
            cluster.spawn(at);
        }
        cluster.await_health();
        cluster
    }

    /// Settings for a client under the prefix `/waypost/test`.
    pub fn settings(&self) -> EtcdSettings {
        EtcdSettings {
            endpoints: (0..self.members.len()).map(|at| self.url(at)).collect(),
            prefix: "/waypost/test".to_owned(),
            ca: self.certificates.as_ref().map(|files| files.ca.clone()),
            identity: None,
            login: None,
        }
    }

    /// Where clients find the member at `at`.
    pub fn url(&self, at: usize) -> String {
        format!("{}://{}", self.scheme(), self.members[at].client)
    }

    fn scheme(&self) -> &'static str {
        if self.certificates.is_some() { "https" } else { "http" }
    }

    /// SIGKILL, as if the power failed.
    pub fn kill(&mut self, at: usize) {
        if let Some(mut process) = self.members[at].process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts a killed member again, with the data that it had.
    pub fn restart(&mut self, at: usize) {
        assert!(self.members[at].process.is_none(), "it runs");
        self.spawn(at);
    }

    /// Takes a killed member's data away.
    pub fn forget(&self, at: usize) {
        fs::remove_dir_all(&self.members[at].data).unwrap();
    }

    /// SIGSTOP: connections are accepted by the system, and nothing is answered.
    pub fn stop(&self, at: usize) {
        self.signal(at, Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self, at: usize) {
        self.signal(at, Signal::CONT);
    }

    fn signal(&self, at: usize, signal: Signal) {
        let process = self.members[at].process.as_ref().expect("it does not run");
        kill_process(Pid::from_child(process), signal).unwrap();
    }

    fn spawn(&mut self, at: usize) {
        let member = &mut self.members[at];
        let log = File::options().create(true).append(true).open(&member.log).unwrap();
        let process = Command::new("etcd")
            .args(&member.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("etcd of Debian's package etcd-server");
        member.process = Some(process);
    }

    /// Waits until every member that runs has a leader.
    pub fn await_health(&self) {
        let running = (0..self.members.len()).filter(|at| self.members[*at].process.is_some());
        for at in running {
            wait_until("etcd is healthy", START, || self.control(&[at], &["endpoint", "health"]).is_ok());
        }
    }

    /// Which member leads.
    pub fn leader(&self) -> usize {
        let running: Vec<_> = (0..self.members.len()).filter(|at| self.members[*at].process.is_some()).collect();
        let leader = || {
            running.iter().copied().find(|at| {
                // endpoint, id, version, size, leads, …
                let status = self.control(&[*at], &["endpoint", "status"]).unwrap_or_default();
                status.split(", ").nth(4) == Some("true")
            })
        };
        wait_for("etcd has a leader", START, leader).0
    }

    /// What `etcdctl` says, asking whichever member answers.
    ///
    /// # Panics
    /// If it fails.
    pub fn etcdctl(&self, arguments: &[&str]) -> String {
        let running: Vec<_> = (0..self.members.len()).filter(|at| self.members[*at].process.is_some()).collect();
        // A busy member takes longer than a call to a healthy one may.
        let patient = [&["--command-timeout=30s", "--dial-timeout=10s"], arguments].concat();
        self.control(&running, &patient).unwrap_or_else(|error| panic!("etcdctl {arguments:?}: {error}"))
    }

    fn control(&self, members: &[usize], arguments: &[&str]) -> Result<String, String> {
        let urls: Vec<_> = members.iter().map(|at| self.url(*at)).collect();
        let mut command = Command::new("etcdctl");
        command.args(["--endpoints", &urls.join(",")]);
        if let Some(Certificates { ca, client: (cert, key), .. }) = &self.certificates {
            command.args([Path::new("--cacert"), ca, Path::new("--cert"), cert, Path::new("--key"), key]);
        }
        let output = command.args(arguments).output().expect("etcdctl of Debian's package etcd-client");
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for at in 0..self.members.len() {
            // One that is stopped is killed all the same.
            self.kill(at);
        }
        if std::thread::panicking() {
            for member in &self.members {
                let log = fs::read_to_string(&member.log).unwrap_or_default();
                let last: Vec<_> = log.lines().rev().take(15).collect();
                eprintln!("--- {}\n{}", member.client, last.into_iter().rev().collect::<Vec<_>>().join("\n"));
            }
        }
    }
}
