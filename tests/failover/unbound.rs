//! A real resolver in front of the node.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::dns::Client;
use crate::patience::wait_until;

const START: Duration = Duration::from_secs(10);

/// A running unbound; dropping it ends it.
pub struct Unbound {
    child: Child,
}

impl Unbound {
    /// Resolves `zone` through the name server at `authority` for whoever asks at `address`, port 53; everything else
    /// does not exist, because the world has no way out.
    ///
    /// # Panics
    /// If it does not answer soon.
    pub fn start(directory: &Path, address: IpAddr, zone: &str, authority: SocketAddr) -> Self {
        let configuration = directory.join("unbound.conf");
        let text = format!(
            r#"server:
    interface: {address}
    port: 53
    access-control: 127.0.0.0/8 allow
    do-daemonize: no
    do-not-query-localhost: no
    module-config: "iterator"
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: "{directory}/unbound.pid"
    use-syslog: no
    logfile: "{directory}/unbound.log"
    local-zone: "." static
    local-zone: "{zone}" transparent
stub-zone:
    name: "{zone}"
    stub-addr: {ip}@{port}
"#,
            directory = directory.display(),
            ip = authority.ip(),
            port = authority.port(),
        );
        fs::write(&configuration, text).unwrap();
        let mut command = Command::new("unbound");
        let child = command.arg("-d").arg("-c").arg(&configuration).stdin(Stdio::null()).spawn().unwrap();
        let unbound = Self { child };
        let client = Client::new(SocketAddr::new(address, 53));
        wait_until("unbound answers", START, || client.answers());
        unbound
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
