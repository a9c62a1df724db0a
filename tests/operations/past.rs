//! Broken here, and nobody can say after a complaint what was answered then and why, how long a failure took, or whether the
//! journal that tells of it is the one that was written.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;
use serde_json::Value;

use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene, ZONE};

/// Between two rounds of questions.
const ROUND: Duration = Duration::from_millis(40);
/// Answers of the past that are asked for again.
const ASKED_AGAIN: usize = 16;

const QUESTIONS: [(&str, RecordType); 6] = [
    ("example.org.", RecordType::MX),
    ("mx.example.org.", RecordType::A),
    ("mx.example.org.", RecordType::AAAA),
    ("www.example.org.", RecordType::TXT),
    ("nobody.example.org.", RecordType::A),
    ("Example.ORG.", RecordType::MX),
];

/// An answer as it was on the wire.
struct Heard {
    at: Timestamp,
    name: &'static str,
    rtype: RecordType,
    edns: bool,
    octets: Vec<u8>,
}

/// Asks all the time, until dropped.
struct Witness {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Heard>>,
}

impl Witness {
    fn of(scene: &Scene) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (flag, server) = (Arc::clone(&over), scene.node.address());
        let thread = std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            socket.connect(server).unwrap();
            let (mut heard, mut id) = (Vec::new(), 0_u16);
            while !flag.load(Ordering::Acquire) {
                for (name, rtype) in QUESTIONS {
                    id = id.wrapping_add(1);
                    let edns = id.is_multiple_of(2);
                    let mut query = Message::query();
                    query.metadata.id = id;
                    // Parsing alone would put it in lower case.
                    query.add_query(Query::query(Name::from_ascii(name).unwrap(), rtype));
                    if edns {
                        let mut options = Edns::new();
                        options.set_max_payload(1232);
                        query.set_edns(options);
                    }
                    let mut octets = [0; 1500];
                    let before = Timestamp::now();
                    socket.send(&query.to_vec().unwrap()).unwrap();
                    let Ok(length) = socket.recv(&mut octets) else { continue };
                    let at = before + Timestamp::now().duration_since(before) / 2;
                    if octets[..2] == id.to_be_bytes() {
                        heard.push(Heard { at, name, rtype, edns, octets: octets[..length].to_vec() });
                    }
                }
                std::thread::sleep(ROUND);
            }
            heard
        });
        Self { over, thread }
    }

    fn end(self) -> Vec<Heard> {
        self.over.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

fn explained(scene: &Scene, heard: &Heard) -> (i32, String) {
    let (at, rtype) = (heard.at.to_string(), heard.rtype.to_string());
    let mut arguments = vec!["explain", heard.name, &rtype, "--client", "127.0.0.1", "--at", &at, "-o", "json"];
    if heard.edns {
        arguments.extend(["--edns", "1232"]);
    }
    scene.try_command(&arguments)
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn past_answers_incidents_and_the_journal_are_what_they_were_after_a_restart_with_another_configuration() {
    let mut scene = Scene::start();
    wait_until("every site is named", PATIENCE, || scene.mx().len() == 3);
    let begun = Timestamp::now();
    let witness = Witness::of(&scene);
    scene.close("fra");
    wait_until("fra leaves", PATIENCE, || !scene.names("fra"));
    scene.node.order(&["drain", "iad", "--reason", "disks", "--for", "10m", "--yes"]);
    wait_until("iad leaves", PATIENCE, || !scene.names("iad"));
    scene.open("fra");
    wait_until("fra is back", PATIENCE, || scene.names("fra"));
    // Two changes of orders lie five seconds apart.
    wait_until("iad is lifted", PATIENCE, || scene.try_command(&["undrain", "iad"]).0 == 0);
    wait_until("iad is back", PATIENCE, || scene.names("iad"));
    let heard = witness.end();
    scene.node.stop();

    let text = std::fs::read_to_string(scene.node.configuration()).unwrap();
    std::fs::write(scene.node.configuration(), text.replace("ttl = \"2s\"", "ttl = \"5s\"\nmx = \"keep\"")).unwrap();
    std::fs::write(scene.path("example.org.zone"), ZONE.replace(" 7 2h", " 8 2h").replace("hello", "other")).unwrap();
    scene.node.serve();
    scene.wait_for_admin();

    let mut different: Vec<&[u8]> = heard.iter().map(|heard| &heard.octets[2..]).collect();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 8, "failures, orders and TTLs made different answers: {}", different.len());
    let (mut same, mut near) = (0, 0);
    // One more than a multiple of the questions, so that each has its turn.
    let step = heard.len() / ASKED_AGAIN / QUESTIONS.len() * QUESTIONS.len() + 1;
    for heard in heard.iter().step_by(step) {
        let (code, said) = explained(&scene, heard);
        assert_eq!(code, 0, "{said}");
        let answer: Value = serde_json::from_str(&said).unwrap();
        if answer["caveats"].as_array().unwrap().iter().any(|caveat| caveat.as_str().unwrap().contains("within 50 ms"))
        {
            near += 1;
            continue;
        }
        assert_eq!(answer["caveats"], Value::Array(vec![]), "{said}");
        let octets = answer["answer"].as_str().unwrap();
        assert_eq!(
            &octets[4..],
            hexadecimal(&heard.octets[2..]),
            "{} {} at {}: {said}",
            heard.name,
            heard.rtype,
            heard.at
        );
        same += 1;
    }
    assert!(same > ASKED_AGAIN / 2, "{same} were the same, {near} too near to a change to tell");
    let long_ago = Heard { at: begun - Duration::from_secs(3_600), ..heard.into_iter().next().unwrap() };
    let (code, said) = explained(&scene, &long_ago);
    assert!(code == 2 && said.contains("kept"), "{code} {said}");

    incident_of(&scene);
    journal_of(&scene);
}

/// The failure of fra as an incident.
fn incident_of(scene: &Scene) {
    let list: Value = serde_json::from_str(&scene.node.order(&["incident", "-o", "json"])).unwrap();
    let incident = &list["incidents"][0];
    let place = incident["affected"].as_array().unwrap().iter().find(|place| place["site"] == "fra").unwrap();
    for time in ["first_failed", "verdict", "withdrawn", "drained_by", "recovered", "back"] {
        assert!(place[time].is_string(), "{time}: {incident}");
    }
    let measured = &place["measured"];
    let took = |what: &str| measured[what].as_u64().unwrap();
    assert!(
        took("detection_ms") <= took("withdrawal_ms") && took("withdrawal_ms") <= took("recovery_ms"),
        "{measured}"
    );
    assert!(incident["orders"].as_array().unwrap().iter().any(|order| order["what"] == "drain iad"), "{incident}");
    let page = scene.node.order(&["incident", &incident["id"].to_string(), "-o", "md"]);
    assert!(page.starts_with(&format!("# Incident {}: mx: fra down", incident["id"])), "{page}");
    let (code, said) = scene.try_command(&["objectives"]);
    assert!(code == 0 && said.contains("nothing promised"), "{said}");
}

/// The journal, checked where it lies and as it was exported.
fn journal_of(scene: &Scene) {
    let (code, said) = scene.try_command(&["audit", "verify"]);
    assert!(code == 0 && said.contains("is whole"), "{code} {said}");
    let export = scene.node.order(&["audit", "export"]);
    let check = |lines: &[&str]| {
        let file = scene.path("export.jsonl");
        std::fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        scene.try_command(&["audit", "verify", file.to_str().unwrap()])
    };
    let good: Vec<&str> = export.lines().collect();
    assert_eq!(check(&good).0, 0, "{}", check(&good).1);
    let acted = good.iter().find(|line| line.contains("\"event\":\"acted\"") && line.contains("drain iad")).unwrap();
    for said in ["socket (uid", "disks", "no order", "accepted"] {
        assert!(acted.contains(said), "{said}: {acted}");
    }
    let edited = acted.replace("disks", "weather");
    let vandalised: [(&str, Vec<&str>); 4] = [
        ("edited", good.iter().map(|line| if line == acted { edited.as_str() } else { line }).collect()),
        ("removed", good.iter().filter(|line| *line != acted).copied().collect()),
        ("moved", [&good[..3], &[good[4], good[3]], &good[5..]].concat()),
        ("end", good[..good.len() - 4].to_vec()),
    ];
    for (word, lines) in vandalised {
        let (code, said) = check(&lines);
        assert!(code == 1 && said.contains(word), "{word}: {code} {said}");
    }
}
