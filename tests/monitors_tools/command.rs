//! `waypost probe`, and what a probe heard in the journal.

use std::fmt::Write as _;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;

use crate::node::Node;
use crate::patience::{wait_for, wait_until};
use crate::ports::free_port;
use crate::targets::PATIENCE;

const ZONE: &str = "$ORIGIN example.org.
$TTL 1h
@ SOA ns1 hostmaster 7 2h 15m 2w 5m
@ NS ns1
ns1 A 192.0.2.53
mx A 192.0.2.10
mx A 198.51.100.10
";

/// An agent whose line can be changed.
struct Agent {
    address: SocketAddr,
    line: Arc<Mutex<Option<&'static str>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Agent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = Arc::new(Mutex::new(Some("up 75%")));
        let said = Arc::clone(&line);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(line) = *said.lock().unwrap() else { return };
                // Who went away is not interested.
                let _told = stream.unwrap().write_all(format!("{line}\n").as_bytes());
            }
        });
        Self { address, line, thread: Some(thread) }
    }

    fn says(&self, line: &'static str) {
        *self.line.lock().unwrap() = Some(line);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        *self.line.lock().unwrap() = None;
        let _woken = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A node that asks an agent at each of two sites.
struct Scene {
    node: Node,
    fra: Agent,
    _iad: Agent,
    _directory: TempDir,
}

impl Scene {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (fra, iad) = (Agent::start(), Agent::start());
        std::fs::write(directory.path().join("example.org.zone"), ZONE).unwrap();
        let dns = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut text = format!(
            "[node]\nname = \"test\"\nlisten = [\"{dns}\"]\n\n[admin]\nlisten = \"none\"\nsocket = \"admin.sock\"\n\n\
             [state]\npath = \"state\"\n\n[[service]]\nname = \"mx\"\nnames = [\"mx.example.org\"]\nmonitors = [\"agent\"]\n\n\
             [[zone]]\norigin = \"example.org\"\nfile = \"example.org.zone\"\n\n"
        );
        for (site, network) in [("fra", "192.0.2.0/26"), ("iad", "198.51.100.0/26")] {
            write!(text, "[[site]]\nname = \"{site}\"\nnetworks = [\"{network}\"]\n\n").unwrap();
        }
        write!(
            text,
            "[monitor.agent]\nkind = \"agent\"\nport = 9777\ninterval = \"200ms\"\ntimeout = \"10s\"\ndetector = \"count\"\n\
             addresses = {{ \"192.0.2.10\" = \"{}\", \"198.51.100.10\" = \"{}\" }}\n",
            fra.address, iad.address
        )
        .unwrap();
        let node = Node::start(directory.path(), dns, &text);
        wait_until("the admin API answers", PATIENCE, || node.command(&["status"]).status.success());
        Self { node, fra, _iad: iad, _directory: directory }
    }

    /// Exit code, stdout and stderr of `waypost probe`.
    fn probe(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.node.command(&[&["probe"], arguments].concat());
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn an_operator_sees_what_a_probe_hears() {
    let mut scene = Scene::start();
    let (code, said, _) = scene.probe(&["mx/192.0.2.10", "-o", "json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["schema"], &report["node"]), (0, &"waypost.probe/1".into(), &"test".into()), "{said}");
    let [probe] = report["probes"].as_array().unwrap().as_slice() else { panic!("{said}") };
    assert_eq!((&probe["outcome"], &probe["site"], &probe["monitor"]), (&"ok".into(), &"fra".into(), &"agent".into()));
    assert_eq!(probe["transcript"], "< up 75%\n* weight 75%\n");
    assert_eq!(probe["target"], scene.fra.address.to_string());

    scene.fra.says("down # power work\u{7}");
    for arguments in [&["mx/fra"][..], &["192.0.2.10", "--monitor", "agent"], &["fra", "--here"]] {
        let (code, said, _) = scene.probe(arguments);
        let mut lines = said.lines();
        let head = lines.next().unwrap();
        assert!(head.starts_with("mx/192.0.2.10 at fra, agent to 127.0.0.1:"), "{said}");
        assert!(head.ends_with(" ms: the agent says down: power work\\u{7}"), "{said}");
        assert_eq!((code, lines.next()), (1, Some("        < down # power work\\u{7}")), "{said}");
    }
    // A service is all of its sites; one of them is well.
    let (code, said, _) = scene.probe(&["mx"]);
    assert_eq!((code, said.matches(" to 127.0.0.1:").count()), (1, 2), "{said}");

    for (arguments, words) in [
        (&["mx/192.0.2.11"][..], "the endpoints are mx/192.0.2.10 (fra), mx/198.51.100.10 (iad)"),
        (&["127.0.0.1"], "there is no endpoint '127.0.0.1'"),
        (&["mx/fra", "--monitor", "smtp"], "the monitors are agent"),
        (&["mx/fra", "--monitor", "smtp", "--here"], "the monitors are agent"),
    ] {
        let (code, said, complaint) = scene.probe(arguments);
        assert!(code == 2 && said.is_empty() && complaint.contains(words), "{arguments:?} {code} {said}{complaint}");
    }

    // Without a node only this machine can probe.
    scene.node.kill();
    scene.fra.says("ready");
    assert_eq!(scene.probe(&["mx/fra"]).0, 5);
    assert_eq!(scene.probe(&["mx/fra", "--here"]).0, 0);
}

#[test]
fn the_journal_keeps_what_the_deciding_probe_heard() {
    let scene = Scene::start();
    scene.fra.says("drain # kernel update");
    let verdict = |to: &str| {
        let text = scene.node.order(&["events", "-n", "1000", "-o", "jsonl"]);
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.into_iter().find(|event| event["event"] == "verdict" && event["to"] == to)
    };
    let (deferring, _) = wait_for("the endpoint defers", PATIENCE, || verdict("deferring"));
    let heard = "< drain # kernel update\n* the agent says drain: kernel update\n";
    assert_eq!(deferring["transcript"], heard, "{deferring}");
    let shown = scene.node.order(&["events", "-n", "1000", "--transcripts"]);
    assert!(shown.contains("\n        < drain # kernel update\n"), "{shown}");
    assert!(!scene.node.order(&["events", "-n", "1000"]).contains("< drain"));

    // What gets better needs no explanation.
    scene.fra.says("up");
    let (recovered, _) = wait_for("the endpoint is well again", PATIENCE, || verdict("up"));
    assert_eq!(recovered.get("transcript"), None, "{recovered}");
}
