//! A wire: a veth pair from this namespace to a client's.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::patience::wait_until;
use crate::world::run;

/// Our end of the wire, and its addresses.
pub const INTERFACE: &str = "wire0";
pub const SERVER_V4: &str = "10.77.0.1";
pub const SERVER_V6: &str = "fd77::1";
/// The client's end.
const PEER: &str = "wire1";
const CLIENT_V4: &str = "10.77.0.2/24";
const CLIENT_V6: &str = "fd77::2/64";

pub const PATIENCE: Duration = Duration::from_secs(20);

/// The client's namespace lives as long as this.
pub struct Wire {
    client: Child,
}

impl Wire {
    /// Joins this namespace to a new one. `options` go to the making of the pair, as in `numrxqueues 2`.
    pub fn new(options: &[&str]) -> Self {
        let client = Command::new("unshare").args(["--net", "sleep", "infinity"]).spawn().unwrap();
        let wire = Self { client };
        let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
        wait_until("the client has a namespace of its own", PATIENCE, || namespace(&wire.pid()) != namespace("self"));
        wire.join(options);
        wire
    }

    fn pid(&self) -> String {
        self.client.id().to_string()
    }

    /// Makes the pair, whether for the first time or after [`Wire::cut`].
    pub fn join(&self, options: &[&str]) {
        let pid = self.pid();
        let mut words = vec!["link", "add", INTERFACE];
        words.extend(options);
        words.extend(["type", "veth", "peer", "name", PEER]);
        words.extend(options);
        words.extend(["netns", &pid]);
        run("ip", &words);
        run("ip", &["link", "set", INTERFACE, "up"]);
        run("ip", &["address", "add", &format!("{SERVER_V4}/24"), "dev", INTERFACE]);
        run("ip", &["address", "add", &format!("{SERVER_V6}/64"), "dev", INTERFACE, "nodad"]);
        self.there("ip", &["link", "set", "lo", "up"]);
        self.there("ip", &["link", "set", PEER, "up"]);
        self.there("ip", &["address", "add", CLIENT_V4, "dev", PEER]);
        self.there("ip", &["address", "add", CLIENT_V6, "dev", PEER, "nodad"]);
    }

    /// Takes the pair away.
    pub fn cut(&self) {
        run("ip", &["link", "delete", INTERFACE]);
    }

    /// Runs a program in the client's namespace, whatever comes of it.
    pub fn try_there(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.pid(), "--", program]).args(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a program in the client's namespace that must succeed; what it printed.
    pub fn there(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.try_there(program, arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// What `dig` prints of one query that must be answered.
    pub fn dig(&self, server: &str, words: &[&str]) -> String {
        let server = format!("@{server}");
        let mut arguments = vec![server.as_str(), "+time=2", "+tries=1"];
        arguments.extend(words);
        self.there("dig", &arguments)
    }

    /// The kernel still answers itself, and puts together what comes in pieces.
    pub fn ping(&self) {
        for address in [SERVER_V4, SERVER_V6] {
            self.there("ping", &["-c", "1", "-W", "2", address]);
            self.there("ping", &["-c", "1", "-W", "2", "-s", "4000", address]);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // It ends with the world anyway.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// Whether there is a program at our end.
pub fn has_program() -> bool {
    let shown = run("ip", &["link", "show", INTERFACE]);
    String::from_utf8_lossy(&shown.stdout).contains("prog/xdp")
}
