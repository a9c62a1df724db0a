//! Broken here, and a typing error takes a name server down, or is swallowed without a word.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde_json::Value;

use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene, ZONE};

/// What is replaced in the configuration, by what, and a word of the diagnostic.
const CONFIGURATION: [(&str, &str, &str); 26] = [
    ("[node]", "[nod]", "node"),
    ("name = \"test\"", "nam = \"test\"", "name"),
    ("name = \"test\"", "name = 5", "name"),
    ("name = \"test\"", "name = \"test", "string"),
    ("listen = [\"127.0.0.1:", "listen = [\"127.0.0.300:", "127.0.0.300"),
    ("socket = \"admin.sock\"", "socket = 7", "socket"),
    ("[admin]\nlisten = \"127.0.0.1:", "[admin]\nlisten = \"0.0.0.0:", "loopback"),
    ("path = \"state\"", "path = \"state\"\nstore = \"etcd\"", "etcd"),
    ("path = \"state\"", "path = \"state\"\nstore = \"sqlite\"", "sqlite"),
    ("name = \"mx\"", "name = \"M X\"", "M X"),
    ("types = [\"MX\", \"A\"]", "types = [\"MX\", \"TXT\"]", "TXT"),
    ("types = [\"MX\", \"A\"]", "types = []", "types"),
    ("names = [\"example.org\"", "names = [\"example..org\"", "example..org"),
    ("ttl = \"2s\"", "ttl = 2", "ttl"),
    ("ttl = \"2s\"", "ttl = \"2 parsecs\"", "parsecs"),
    ("ttl = \"2s\"", "polcy = \"nearest\"", "policy"),
    ("ttl = \"2s\"", "policy = \"closest\"", "closest"),
    ("ttl = \"2s\"", "min_sites = 9", "min_sites"),
    ("ttl = \"2s\"", "sites = [\"fra\", \"lon\"]", "lon"),
    ("monitors = [\"tcp\"]", "monitors = [\"tpc\"]", "tcp"),
    ("kind = \"tcp\"", "kind = \"udp\"", "udp"),
    ("interval = \"250ms\"", "interval = \"1ms\"", "interval"),
    ("port = 25", "port = 70000", "70000"),
    ("\"192.0.2.0/26\"", "\"192.0.2.0/33\"", "192.0.2.0/33"),
    ("\"198.51.100.0/26\"", "\"192.0.2.0/24\"", "192.0.2.0"),
    ("country = \"DE\"", "country = \"Germany\"", "Germany"),
];

/// As above, in the zone file.
const ZONE_FILE: [(&str, &str, &str); 20] = [
    ("mx-fra A 192.0.2.10", "mx-fra A 192.0.2.256", "192.0.2.256"),
    ("mx-fra A 192.0.2.10", "mx-fra AAAA 192.0.2.10", "192.0.2.10"),
    ("mx-fra A 192.0.2.10", "mx-fra Q 192.0.2.10", "Q"),
    ("mx-fra A 192.0.2.10", "mx-fra A", "A"),
    ("mx-fra A 192.0.2.10", "mx-fra A 192.0.2.10 192.0.2.11", "192.0.2.11"),
    ("mx-fra A 192.0.2.10", "mx-fra CH A 192.0.2.10", "CH"),
    ("mx-fra A 192.0.2.10", "mx-fra 9999999999 A 192.0.2.10", "9999999999"),
    ("mx-fra A 192.0.2.10", "mx-fra A 192.0.2.10\nmx-fra CNAME mx-iad", "CNAME"),
    ("@ MX 10 mx-fra", "@ MX mx-fra", "MX"),
    ("@ MX 10 mx-fra", "@ MX 70000 mx-fra", "70000"),
    ("@ MX 10 mx-fra", "@ MX 10 mx..fra", "mx..fra"),
    ("@ NS ns1\n", "", "NS"),
    ("$TTL 1h", "$TTL soon", "soon"),
    ("$TTL 1h", "$TTL 1h\n$INCLUDE missing.zone", "missing.zone"),
    ("$TTL 1h", "$TTL 1h\n$GENERATE 9-1 a$ A 192.0.2.$", "9-1"),
    ("$ORIGIN example.org.", "$ORIGIN example..org.", "example..org"),
    ("@ SOA ns1 hostmaster 7 2h 15m 2w 5m", "", "SOA"),
    ("@ SOA ns1 hostmaster 7 2h 15m 2w 5m", "@ SOA ns1 hostmaster x 2h 15m 2w 5m", "SOA"),
    ("@ SOA ns1 hostmaster 7 2h 15m 2w 5m", "@ SOA ns1 hostmaster ( 7 2h 15m 2w 5m", "parenthesis"),
    ("www TXT \"hello\"", "www TXT \"hello", "quot"),
];

/// Asks all the time and counts; every query must be answered as ever.
struct Traffic {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Traffic {
    fn start(scene: &Scene) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ends, count, client) = (Arc::clone(&stop), Arc::clone(&asked), scene.node.client());
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let mx = client.ask("example.org.", RecordType::MX, None);
                assert_eq!((mx.metadata.response_code, mx.answers.len()), (ResponseCode::NoError, 3));
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { stop, asked, thread }
    }

    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.asked.load(Ordering::Relaxed)
    }
}

#[test]
fn every_mistake_is_refused_with_a_diagnostic_while_queries_are_answered() {
    let scene = Scene::start();
    let configuration = std::fs::read_to_string(scene.node.configuration()).unwrap();
    let traffic = Traffic::start(&scene);
    let (conf, zone) = (scene.node.configuration(), scene.path("example.org.zone"));
    let mistakes = CONFIGURATION.iter().map(|mistake| (&conf, &configuration[..], mistake));
    let mistakes: Vec<_> = mistakes.chain(ZONE_FILE.iter().map(|mistake| (&zone, ZONE, mistake))).collect();
    for (file, good, (from, to, word)) in &mistakes {
        assert!(good.contains(from), "{from}");
        std::fs::write(file, good.replacen(from, to, 1)).unwrap();
        let (code, said) = scene.try_command(&["check"]);
        assert_eq!(code, 1, "{to}: {said}");
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(name) && said.contains(word), "{to}: {said}");
        assert!(said.contains("expected") && said.contains("remedy"), "{to}: {said}");
        // The command finds the admin socket in the broken file, unless that is what the mistake takes away.
        if !to.contains("socket") && !to.ends_with("\"test") {
            let (code, said) = scene.try_command(&["reload"]);
            assert_eq!(code, 1, "{to}: {said}");
            assert!(said.contains(name) && said.contains(word), "{to}: {said}");
        }
        std::fs::write(file, good).unwrap();
    }
    // And by signal.
    std::fs::write(&conf, configuration.replace("interval", "intervall")).unwrap();
    scene.node.hang_up();
    wait_until("the refusal is in the journal", PATIENCE, || {
        let good = scene.path("good.toml");
        std::fs::write(&good, &configuration).unwrap();
        let output = std::process::Command::new(crate::node::executable())
            .args(["events", "--config"])
            .arg(good)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).contains("intervall")
    });
    let asked = traffic.end();
    assert!(asked > 0);
    println!("{} mistakes refused, {asked} queries answered meanwhile", mistakes.len() + 1);
    assert!(mistakes.len() >= 40);
}

#[test]
fn a_zone_with_a_new_serial_is_loaded_by_itself_and_a_broken_one_keeps_the_last_good() {
    let scene = Scene::start();
    let text = || {
        let message = scene.node.client().ask("www.example.org.", RecordType::TXT, None);
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        message.answers[0].data.to_string()
    };
    let serial = || scene.status()["zones"][0]["serial"].as_u64().unwrap();
    let zone = scene.path("example.org.zone");
    std::fs::write(&zone, ZONE.replace(" 7 ", " 8 ").replace("hello", "goodbye")).unwrap();
    wait_until("the new zone is served", PATIENCE, || text().contains("goodbye"));
    std::fs::write(&zone, ZONE.replace(" 7 ", " 9 ").replace("mx-fra A 192.0.2.10", "mx-fra A x")).unwrap();
    wait_until("the broken zone is noticed", PATIENCE, || {
        scene.status()["degradations"].as_array().unwrap().iter().any(|part| part["part"] == "zone")
    });
    assert_eq!((serial(), scene.mx().len()), (8, 3));
    // Who was told that something is broken is not told in the same second that all is well.
    let remaining = || {
        let (_, said) = scene.try_command(&["events", "-n", "1000", "-o", "json"]);
        let page: Value = serde_json::from_str(&said).unwrap();
        let reloaded = page["events"].as_array().unwrap().iter().rfind(|event| event["event"] == "reloaded").cloned();
        reloaded.unwrap()["troubles"].as_array().map_or(0, Vec::len)
    };
    wait_until("the journal says what remains", PATIENCE, || remaining() == 1);
    std::fs::write(&zone, ZONE.replace(" 7 ", " 10 ")).unwrap();
    wait_until("the mended zone is served", PATIENCE, || serial() == 10 && text().contains("hello"));
    wait_until("nothing is amiss", PATIENCE, || scene.status()["degradations"].as_array().unwrap().is_empty());
    wait_until("the journal says so", PATIENCE, || remaining() == 0);
}

#[test]
fn reloads_lose_no_query() {
    let scene = Scene::start();
    let traffic = Traffic::start(&scene);
    for _ in 0..25 {
        scene.node.order(&["reload"]);
    }
    assert!(traffic.end() > 0);
}

#[test]
fn a_zone_that_is_broken_at_the_start_costs_only_itself() {
    let mut scene =
        Scene::with(|text| format!("{text}\n[[zone]]\norigin = \"example.net\"\nfile = \"example.org.zone\"\n"));
    scene.node.kill();
    let configuration = std::fs::read_to_string(scene.node.configuration()).unwrap();
    let configuration = configuration.replace(
        "origin = \"example.net\"\nfile = \"example.org.zone\"",
        "origin = \"sub.example.org\"\nfile = \"broken.zone\"",
    );
    std::fs::write(scene.node.configuration(), configuration).unwrap();
    std::fs::write(scene.path("broken.zone"), "nonsense\n").unwrap();
    scene.node.serve();
    scene.wait_for_admin();
    assert_eq!(scene.mx().len(), 3);
    let below = scene.node.client().ask("www.sub.example.org.", RecordType::A, None);
    assert_eq!(below.metadata.response_code, ResponseCode::ServFail, "the parent must not deny what it does not hold");
    std::fs::write(scene.path("broken.zone"), ZONE.replace("example.org", "sub.example.org")).unwrap();
    wait_until("the mended zone is served", PATIENCE, || {
        scene.node.client().ask("www.sub.example.org.", RecordType::TXT, None).metadata.response_code
            == ResponseCode::NoError
    });
}

#[test]
fn a_reload_goes_on_when_whoever_ordered_it_goes_away() {
    let scene = Scene::start();
    let file = scene.path("example.org.zone");
    std::fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let mut reload = Command::new(executable());
    reload.arg("reload").arg("--config").arg(scene.node.configuration());
    let mut reload = reload.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Opens at the moment when the node reads.
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    reload.kill().unwrap();
    reload.wait().unwrap();
    let text = ZONE.replace("hostmaster 7 ", "hostmaster 8 ");
    let other = scene.path("other");
    std::fs::write(&other, &text).unwrap();
    std::fs::rename(&other, &file).unwrap();
    // The node has long noticed that nobody waits for it.
    std::thread::sleep(Duration::from_millis(500));
    pipe.write_all(text.as_bytes()).unwrap();
    drop(pipe);
    wait_until("the reload is told of", PATIENCE, || {
        let events = scene.node.order(&["events", "-o", "jsonl"]);
        events.lines().any(|event| event.contains("\"reloaded\"") && event.contains("\"by "))
    });
}
