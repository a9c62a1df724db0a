//! A node that takes updates, and the clients that send them.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::node::Node;
use crate::patience::wait_until;
use crate::ports::free_port;

const REQUIRED: &str = "WAYPOST_REQUIRE_REAL";
pub const PATIENCE: Duration = Duration::from_secs(40);

/// The secrets of the keys, in base64.
const KEYS: [(&str, &str, &str); 3] = [
    ("acme", "hmac-sha256", "YWNtZSBhY21lIGFjbWUgYWNtZSBhY21lIGFjbWUhISE="),
    ("hosts", "hmac-sha512", "aG9zdHMgaG9zdHMgaG9zdHMgaG9zdHMgaG9zdHMgaG8="),
    ("other", "hmac-sha256", "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgISE="),
];

pub const ZONE: &str = "$ORIGIN example.org.\n$TTL 1h\n@ SOA ns1 hostmaster 7 2h 15m 2w 5m\n@ NS ns1\nns1 A 192.0.2.53\n\
    mx A 192.0.2.1\nmx TXT \"declared\"\nalias CNAME mx\ntext TXT \"of the file\"\n";

pub const CHALLENGE: &str = "_acme-challenge.mx.example.org";

/// Whether the clients are here.
pub fn has_clients() -> bool {
    let missing: Vec<&str> = ["nsupdate", "knsupdate", "dig"]
        .into_iter()
        .filter(|program| Command::new(program).arg("-V").output().is_err())
        .collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os(REQUIRED).is_none(), "{REQUIRED} is set and {missing:?} are missing");
    println!("skipped: {missing:?} are not installed");
    false
}

/// A running node with one zone.
pub struct Scene {
    pub node: Node,
    pub directory: TempDir,
    pub admin: u16,
}

/// What a client said.
#[derive(Debug)]
pub struct Said {
    pub good: bool,
    pub text: String,
}

impl Scene {
    /// A node whose zone has `more` in its section; `None` without clients.
    pub fn with(more: &str) -> Option<Self> {
        if !has_clients() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let (dns, admin) = (free_port(), free_port());
        let mut text = format!(
            "[node]\nname = \"test\"\nlisten = [\"127.0.0.1:{dns}\"]\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             socket = \"admin.sock\"\n[state]\npath = \"state\"\n[dnssec]\nkeys = \"keys\"\n"
        );
        for (name, algorithm, secret) in KEYS {
            let file = directory.path().join(format!("{name}.secret"));
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).unwrap();
            file.write_all(secret.as_bytes()).unwrap();
            text += &format!("[[key]]\nname = \"{name}\"\nalgorithm = \"{algorithm}\"\nsecret = \"{name}.secret\"\n");
        }
        text += &format!(
            "[[zone]]\norigin = \"example.org\"\nfile = \"example.org.zone\"\n{more}update = [\n\
             {{ key = \"acme\", names = [\"{CHALLENGE}\"], types = [\"TXT\"] }},\n\
             {{ key = \"hosts\", names = [\"mx.example.org\", \"text.example.org\"], types = [\"A\", \"TXT\"] }},\n]\n\
             [[zone]]\norigin = \"plain.example\"\nfile = \"plain.zone\"\n"
        );
        fs::write(directory.path().join("example.org.zone"), ZONE).unwrap();
        fs::write(directory.path().join("plain.zone"), ZONE.replace("example.org", "plain.example")).unwrap();
        if more.contains("dnssec") {
            let generated = Command::new(env!("CARGO_BIN_EXE_waypost"))
                .args(["key", "generate", "example.org", "--dir"])
                .arg(directory.path().join("keys"))
                .output()
                .unwrap();
            assert!(generated.status.success(), "{generated:?}");
        }
        let node = Node::start(directory.path(), (Ipv4Addr::LOCALHOST, dns).into(), &text);
        let scene = Self { node, directory, admin };
        scene.wait_for_admin();
        Some(scene)
    }

    pub fn start() -> Option<Self> {
        Self::with("")
    }

    pub fn wait_for_admin(&self) {
        wait_until("the admin API answers", PATIENCE, || self.node.command(&["status"]).status.success());
    }

    pub fn zone_file(&self) -> PathBuf {
        self.directory.path().join("example.org.zone")
    }

    pub fn port(&self) -> u16 {
        self.node.address().port()
    }

    /// See [`nsupdate`].
    pub fn nsupdate(&self, key: Option<&str>, zone: &str, lines: &str, options: &[&str]) -> Said {
        nsupdate(self.port(), key, zone, lines, options)
    }

    /// As [`Self::nsupdate`], of the zone that takes updates, over UDP.
    pub fn update(&self, key: &str, lines: &str) -> Said {
        self.nsupdate(Some(key), "example.org", lines, &[])
    }

    /// An update that must be made.
    #[track_caller]
    pub fn make(&self, key: &str, lines: &str) {
        let said = self.update(key, lines);
        assert!(said.good, "{lines}: {said:?}");
    }

    /// `knsupdate` with `key`.
    pub fn knsupdate(&self, key: &str, lines: &str) -> Said {
        let (name, algorithm, secret) = known(key);
        let script = format!("server 127.0.0.1 {}\nzone example.org\n{lines}\nsend\n", self.port());
        run("knsupdate", &["-y".to_owned(), format!("{algorithm}:{name}:{secret}")], &script)
    }

    /// What `dig +short` says, line by line, sorted.
    pub fn dig(&self, arguments: &str) -> Vec<String> {
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &self.port().to_string(), "+short", "+tries=3", "+time=5"])
            .args(arguments.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// The TXT records of `name` over UDP; over TCP they are the same.
    #[track_caller]
    pub fn texts(&self, name: &str) -> Vec<String> {
        let texts = self.dig(&format!("{name} TXT"));
        assert_eq!(texts, self.dig(&format!("{name} TXT +tcp")));
        texts.iter().map(|text| text.trim_matches('"').to_owned()).collect()
    }

    pub fn serial(&self) -> u32 {
        let soa = self.dig("example.org SOA").remove(0);
        soa.split_whitespace().nth(2).unwrap().parse().unwrap()
    }

    /// The journal as the program shows it.
    pub fn events(&self) -> String {
        self.node.order(&["events"])
    }

    /// The metrics page.
    pub fn metrics(&self) -> String {
        let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.admin)).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
        std::io::read_to_string(stream).unwrap()
    }

    pub fn restart(&mut self) {
        self.node.kill();
        self.node.serve();
        self.wait_for_admin();
    }
}

/// `nsupdate` with `key` over UDP, or over TCP with `-v` in `options`; `zone` and `lines` are what it is told.
pub fn nsupdate(port: u16, key: Option<&str>, zone: &str, lines: &str, options: &[&str]) -> Said {
    let mut arguments: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    if let Some(key) = key {
        let (name, algorithm, secret) = known(key);
        arguments.extend(["-y".to_owned(), format!("{algorithm}:{name}:{secret}")]);
    }
    let script = format!("server 127.0.0.1 {port}\nzone {zone}\n{lines}\nsend\n");
    run("nsupdate", &arguments, &script)
}

fn known(key: &str) -> (&'static str, &'static str, &'static str) {
    *KEYS.iter().find(|(name, _, _)| *name == key).unwrap()
}

fn run(program: &str, arguments: &[String], script: &str) -> Said {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Said { good: output.status.success() && !text.contains("failed"), text }
}
