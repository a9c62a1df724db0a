//! A member of etcd at a site: Debian's program, with the timings of a local network and its data in memory.

use std::fs::OpenOptions;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::exchange::exchange;
use crate::network::{COUNT, NAMES, Network, machine};
use crate::node::launched;
use crate::world::{World, run};

const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;
const PATIENCE: Duration = Duration::from_secs(2);

/// A member that runs, or did; dropping it ends it.
pub struct Member {
    site: usize,
    launcher: Vec<String>,
    data: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Member {
    /// Starts the member of a site. It waits for the others.
    pub fn start(world: &World, network: &Network, site: usize) -> Self {
        let data = world.memory(&format!("etcd-{}", NAMES[site]));
        let log = world.directory("etcd-logs").join(NAMES[site]);
        let mut member = Self { site, launcher: network.launcher(site), data, log, child: None };
        member.serve();
        member
    }

    /// Where clients reach the member of a site.
    pub fn client_url(site: usize) -> String {
        format!("http://{}:{CLIENT_PORT}", machine(site))
    }

    fn peer_url(site: usize) -> String {
        format!("http://{}:{PEER_PORT}", machine(site))
    }

    /// Starts it again after [`Member::kill`], with the data that it had.
    ///
    /// # Panics
    /// If it runs.
    pub fn serve(&mut self) {
        assert!(self.child.is_none(), "etcd at {} runs", NAMES[self.site]);
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let all: Vec<_> = (0..COUNT).map(|site| format!("{}={}", NAMES[site], Self::peer_url(site))).collect();
        let (client, peer) = (Self::client_url(self.site), Self::peer_url(self.site));
        let mut command = launched(&self.launcher, "etcd");
        command.args(["--name", NAMES[self.site], "--data-dir"]).arg(self.data.join("data"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &all.join(","), "--initial-cluster-state", "new"]);
        command.args(["--heartbeat-interval", "50", "--election-timeout", "500"]);
        command.args(["--logger", "zap", "--log-level", "warn"]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; the wait below tells apart nothing that matters here.
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// SIGSTOP: it is there and says nothing.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(child) = &self.child {
            run("kill", &[signal, &child.id().to_string()]);
        }
    }

    /// Whether it has a majority behind it.
    pub fn is_healthy(&self) -> bool {
        let address: SocketAddr = (machine(self.site), CLIENT_PORT).into();
        let reply = TcpStream::connect_timeout(&address, PATIENCE).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            exchange(stream, "GET", "/health", None)
        });
        reply.is_ok_and(|(status, _)| status == 200)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}
