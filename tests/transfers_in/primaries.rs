//! BIND, Knot, NSD and PowerDNS as hidden primaries of a Waypost at an address.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::scene::{Daemon, SECRET, has, succeed};

const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/// A primary of example.org and what it was started as.
pub struct Primary {
    pub daemon: Daemon,
    kind: Kind,
}

/// The servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bind,
    Knot,
    Nsd,
    PowerDns,
}

impl Kind {
    pub fn is_installed(self) -> bool {
        has(match self {
            Self::Bind => &["named", "dig"],
            Self::Knot => &["knotd", "dig"],
            Self::Nsd => &["nsd", "dig"],
            Self::PowerDns => &["pdns_server", "pdnsutil", "pdns_control", "sqlite3"],
        })
    }
}

impl Primary {
    /// Starts a server that has `zone`, gives it to whoever signs with the key `xfer`, and tells `secondary` of changes.
    pub fn start(kind: Kind, secondary: SocketAddr, zone: &str) -> Self {
        Self::with_catalog(kind, secondary, zone, None)
    }

    /// As [`Primary::start`], with `catalog` as the zone catalog.example.
    pub fn with_catalog(kind: Kind, secondary: SocketAddr, zone: &str, catalog: Option<&str>) -> Self {
        let zones: Vec<(&str, &str)> =
            [("example.org", zone)].into_iter().chain(catalog.map(|text| ("catalog.example", text))).collect();
        let daemon = match kind {
            Kind::Bind => bind(secondary, &zones),
            Kind::Knot => knot(secondary, &zones),
            Kind::Nsd => nsd(secondary, &zones),
            Kind::PowerDns => powerdns(secondary, zone),
        };
        Self { daemon, kind }
    }

    /// Puts another version in the place of example.org and says so to the server.
    pub fn change(&self, zone: &str) {
        self.change_zone("example.org", zone);
    }

    pub fn change_zone(&self, name: &str, zone: &str) {
        // Servers tell files by their time, some of them to the second.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        write(&self.daemon.directory, name, zone);
        if self.kind == Kind::PowerDns {
            let folder = self.daemon.directory.display().to_string();
            let config = format!("--config-dir={folder}");
            succeed("pdnsutil", &[&config, "load-zone", name, &format!("{folder}/{name}")]);
            let control = |arguments: &[&str]| {
                succeed("pdns_control", &[&[&*format!("--socket-dir={folder}")], arguments].concat());
            };
            control(&["purge", "example.org$"]);
            control(&["notify", name]);
        } else {
            self.daemon.hang_up();
        }
    }
}

fn write(directory: &Path, file: &str, text: &str) -> String {
    let path = directory.join(file);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn bind(secondary: SocketAddr, zones: &[(&str, &str)]) -> Daemon {
    Daemon::start("named", |address, directory| {
        let mut text = format!(
            r#"options {{
    directory "{directory}"; pid-file "{directory}/named.pid"; session-keyfile "{directory}/session.key";
    lock-file none; managed-keys-directory "{directory}";
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; dnssec-validation no; notify explicit; notify-delay 0; ixfr-from-differences {differences};
    allow-transfer {{ key "xfer."; }};
}};
controls {{ }};
key "xfer." {{ algorithm hmac-sha256; secret "{SECRET}"; }};
"#,
            directory = directory.display(),
            port = address.port(),
            // With them BIND takes no serial that is lower.
            differences = if zones.len() == 1 { "yes" } else { "no" },
        );
        for (zone, records) in zones {
            write(directory, zone, records);
            text.push_str(&format!(
                "zone \"{zone}\" {{ type primary; file \"{}/{zone}\"; also-notify {{ 127.0.0.1 port {} key \"xfer.\"; }}; }};\n",
                directory.display(),
                secondary.port()
            ));
        }
        ["-g", "-n", "1", "-c"].map(str::to_owned).into_iter().chain([write(directory, "named.conf", &text)]).collect()
    })
}

fn knot(secondary: SocketAddr, zones: &[(&str, &str)]) -> Daemon {
    Daemon::start("knotd", |address, directory| {
        let mut text = format!(
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
  - id: waypost
    address: 127.0.0.1@{secondary}
    key: xfer
acl:
  - id: out
    key: xfer
    action: transfer
zone:
"#,
            directory = directory.display(),
            port = address.port(),
            secondary = secondary.port(),
        );
        // With differences Knot takes no serial that is lower.
        let load = if zones.len() == 1 {
            "zonefile-load: difference\n    journal-content: changes"
        } else {
            "zonefile-load: whole\n    journal-content: none"
        };
        for (zone, records) in zones {
            write(directory, zone, records);
            text.push_str(&format!(
                "  - domain: {zone}\n    storage: \"{}\"\n    file: {zone}\n    notify: waypost\n    acl: out\n    \
                 zonefile-sync: -1\n    {load}\n",
                directory.display()
            ));
        }
        vec!["-c".to_owned(), write(directory, "knot.conf", &text)]
    })
}

fn nsd(secondary: SocketAddr, zones: &[(&str, &str)]) -> Daemon {
    Daemon::start("nsd", |address, directory| {
        let mut text = format!(
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
"#,
            directory = directory.display(),
            port = address.port(),
        );
        for (zone, records) in zones {
            write(directory, zone, records);
            text.push_str(&format!(
                "zone:\n    name: {zone}\n    zonefile: {zone}\n    notify: 127.0.0.1@{} xfer\n    provide-xfr: 127.0.0.1 xfer\n",
                secondary.port()
            ));
        }
        vec!["-d".to_owned(), "-c".to_owned(), write(directory, "nsd.conf", &text)]
    })
}

/// With SQLite.
fn powerdns(secondary: SocketAddr, zone: &str) -> Daemon {
    Daemon::start("pdns_server", |address, directory| {
        let folder = directory.display().to_string();
        let text = format!(
            "launch=gsqlite3\ngsqlite3-database={folder}/pdns.sqlite3\nprimary=yes\nlocal-address=127.0.0.1\n\
             local-port={}\nsocket-dir={folder}\ndaemon=no\nguardian=no\nloglevel=6\nxfr-cycle-interval=1\n\
             also-notify=127.0.0.1:{}\nallow-axfr-ips=\nsecurity-poll-suffix=\ncache-ttl=0\nquery-cache-ttl=0\n",
            address.port(),
            secondary.port(),
        );
        write(directory, "pdns.conf", &text);
        succeed("sqlite3", &[&format!("{folder}/pdns.sqlite3"), &format!(".read {SCHEMA}")]);
        let config = format!("--config-dir={folder}");
        let tool = |arguments: &[&str]| succeed("pdnsutil", &[&[&*config], arguments].concat());
        tool(&["load-zone", "example.org", &write(directory, "example.org", zone)]);
        tool(&["set-kind", "example.org", "primary"]);
        tool(&["import-tsig-key", "xfer", "hmac-sha256", SECRET]);
        tool(&["activate-tsig-key", "example.org", "xfer", "primary"]);
        vec![config]
    })
}
