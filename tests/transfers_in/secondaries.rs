//! BIND, Knot and NSD as secondaries of a Waypost at an address, all with the key `xfer`; `at` is where they answer.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::scene::{Daemon, SECRET, free_address};

fn write(directory: &Path, file: &str, text: &str) -> String {
    let path = directory.join(file);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

pub fn bind(at: SocketAddr, primary: SocketAddr) -> Daemon {
    bind_with(
        at,
        &format!(
            "zone \"example.org\" {{ type secondary; file \"zone\"; allow-notify {{ key \"xfer.\"; }};\n\
         primaries {{ 127.0.0.1 port {} key \"xfer.\"; }}; }};\n",
            primary.port()
        ),
    )
}

/// One that has nothing.
pub fn bind_without_zone() -> Daemon {
    bind_with(free_address(), "")
}

fn bind_with(at: SocketAddr, zones: &str) -> Daemon {
    Daemon::start_at(at, "named", |address, directory| {
        let text = format!(
            r#"options {{
    directory "{directory}"; pid-file "{directory}/named.pid"; session-keyfile "{directory}/session.key";
    lock-file none; managed-keys-directory "{directory}";
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; dnssec-validation no; notify no;
}};
controls {{ }};
key "xfer." {{ algorithm hmac-sha256; secret "{SECRET}"; }};
{zones}"#,
            directory = directory.display(),
            port = address.port(),
        );
        ["-g", "-n", "1", "-c"].map(str::to_owned).into_iter().chain([write(directory, "named.conf", &text)]).collect()
    })
}

pub fn knot(at: SocketAddr, primary: SocketAddr) -> Daemon {
    Daemon::start_at(at, "knotd", |address, directory| {
        let text = format!(
            r#"server:
    rundir: "{directory}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{directory}"
key:
  - id: xfer
    algorithm: hmac-sha256
    secret: {SECRET}
remote:
  - id: primary
    address: 127.0.0.1@{upstream}
    key: xfer
acl:
  - id: notify
    key: xfer
    action: notify
zone:
  - domain: example.org
    storage: "{directory}"
    file: zone
    master: primary
    acl: notify
"#,
            directory = directory.display(),
            port = address.port(),
            upstream = primary.port(),
        );
        vec!["-c".to_owned(), write(directory, "knot.conf", &text)]
    })
}

pub fn nsd(at: SocketAddr, primary: SocketAddr) -> Daemon {
    Daemon::start_at(at, "nsd", |address, directory| {
        let text = format!(
            r#"server:
    ip-address: 127.0.0.1
    port: {port}
    server-count: 1
    username: ""
    zonesdir: "{directory}"
    database: ""
    pidfile: "{directory}/nsd.pid"
    xfrdfile: "{directory}/xfrd.state"
    zonelistfile: "{directory}/zone.list"
    xfrdir: "{directory}"
    logfile: "{directory}/nsd.log"
    verbosity: 2
remote-control:
    control-enable: no
key:
    name: "xfer"
    algorithm: hmac-sha256
    secret: "{SECRET}"
zone:
    name: example.org
    zonefile: zone
    request-xfr: 127.0.0.1@{upstream} xfer
    allow-notify: 127.0.0.1 xfer
"#,
            directory = directory.display(),
            port = address.port(),
            upstream = primary.port(),
        );
        vec!["-d".to_owned(), "-c".to_owned(), write(directory, "nsd.conf", &text)]
    })
}
