//! How BIND, Knot, NSD, PowerDNS and unbound are made secondaries of the primary.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::primary::SECRET;
use crate::programs::{Daemon, succeed};

const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

fn secret() -> String {
    data_encoding::BASE64.encode(SECRET)
}

fn write(directory: &Path, file: &str, text: &str) -> String {
    let path = directory.join(file);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// BIND with the key `xfer`.
pub fn bind(primary: SocketAddr) -> Daemon {
    Daemon::start("named", |address, directory| {
        let text = format!(
            r#"options {{
    directory "{directory}"; pid-file "{directory}/named.pid"; session-keyfile "{directory}/session.key";
    lock-file none; managed-keys-directory "{directory}";
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; dnssec-validation no; notify no; minimal-responses no;
    allow-notify {{ 127.0.0.1; }}; allow-transfer {{ 127.0.0.1; }};
}};
controls {{ }};
key "xfer." {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "example.org" {{
    type secondary; primaries {{ 127.0.0.1 port {upstream} key "xfer."; }};
    file "{directory}/zone"; masterfile-format text;
}};
"#,
            directory = directory.display(),
            port = address.port(),
            upstream = primary.port(),
            secret = secret(),
        );
        ["-g", "-n", "1", "-c"].map(str::to_owned).into_iter().chain([write(directory, "named.conf", &text)]).collect()
    })
}

/// Knot with the key `xfer-384`.
pub fn knot(primary: SocketAddr) -> Daemon {
    Daemon::start("knotd", |address, directory| {
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
  - id: xfer-384
    algorithm: hmac-sha384
    secret: {secret}
remote:
  - id: primary
    address: 127.0.0.1@{upstream}
    key: xfer-384
acl:
  - id: notify
    address: 127.0.0.1
    action: [notify, transfer]
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
            secret = secret(),
        );
        vec!["-c".to_owned(), write(directory, "knot.conf", &text)]
    })
}

/// NSD with the key `xfer-512`.
pub fn nsd(primary: SocketAddr) -> Daemon {
    Daemon::start("nsd", |address, directory| {
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
    name: "xfer-512"
    algorithm: hmac-sha512
    secret: "{secret}"
zone:
    name: example.org
    zonefile: zone
    request-xfr: 127.0.0.1@{upstream} xfer-512
    allow-notify: 127.0.0.1 NOKEY
    provide-xfr: 127.0.0.1 NOKEY
"#,
            directory = directory.display(),
            port = address.port(),
            upstream = primary.port(),
            secret = secret(),
        );
        vec!["-d".to_owned(), "-c".to_owned(), write(directory, "nsd.conf", &text)]
    })
}

/// PowerDNS with SQLite and the key `xfer`.
pub fn powerdns(primary: SocketAddr) -> Daemon {
    Daemon::start("pdns_server", |address, directory| {
        let folder = directory.display().to_string();
        let text = format!(
            "launch=gsqlite3\ngsqlite3-database={folder}/pdns.sqlite3\nsecondary=yes\nlocal-address=127.0.0.1\n\
             local-port={}\nsocket-dir={folder}\ndaemon=no\nguardian=no\nloglevel=6\nxfr-cycle-interval=1\n\
             allow-notify-from=127.0.0.1\nallow-axfr-ips=127.0.0.1\nconsistent-backends=yes\nsecurity-poll-suffix=\n",
            address.port(),
        );
        write(directory, "pdns.conf", &text);
        succeed("sqlite3", &[format!("{folder}/pdns.sqlite3"), format!(".read {SCHEMA}")]);
        let config = format!("--config-dir={folder}");
        let tool = |arguments: &[&str]| succeed("pdnsutil", &[&[&*config], arguments].concat());
        tool(&["create-secondary-zone", "example.org", &primary.to_string()]);
        tool(&["import-tsig-key", "xfer", "hmac-sha256", &secret()]);
        tool(&["activate-tsig-key", "example.org", "xfer", "secondary"]);
        vec![config]
    })
}

/// unbound, which cannot sign.
pub fn unbound(primary: SocketAddr) -> Daemon {
    Daemon::start("unbound", |address, directory| {
        let text = format!(
            r#"server:
    interface: 127.0.0.1
    port: {port}
    num-threads: 1
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
    verbosity: 2
remote-control:
    control-enable: no
auth-zone:
    name: "example.org"
    primary: 127.0.0.1@{upstream}
    allow-notify: 127.0.0.1
    for-downstream: yes
    for-upstream: no
    zonefile: "{directory}/zone"
"#,
            directory = directory.display(),
            port = address.port(),
            upstream = primary.port(),
        );
        vec!["-d".to_owned(), "-c".to_owned(), write(directory, "unbound.conf", &text)]
    })
}
