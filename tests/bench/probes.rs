//! What probing costs: 5,000 endpoints at the default interval of 1 s, on one core that also answers queries.
//!
//! A node on a core of its own asks agents on loopback (a connection and a line each), and is asked questions at a constant rate
//! meanwhile; then the same without monitors. The agents and whoever asks are on the other cores, where there are any.
//!
//!     cargo bench --bench probes
//!     WAYPOST_ENDPOINTS=500 WAYPOST_QUERIES=50000 cargo bench --bench probes
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../failover/dns.rs"]
#[allow(dead_code)]
mod dns;
#[path = "../failover/node.rs"]
#[allow(dead_code)]
mod node;
#[path = "../failover/patience.rs"]
#[allow(dead_code)]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::node::Node;
use crate::patience::wait_until;
use crate::ports::free_port;

/// Endpoints, unless `WAYPOST_ENDPOINTS` says otherwise.
const ENDPOINTS: u64 = 5_000;
/// Questions a second, unless `WAYPOST_QUERIES` says otherwise.
const QUERIES: u64 = 10_000;
/// Until all endpoints are judged and bounds are learnt.
const WARM_UP: Duration = Duration::from_secs(15);
const MEASURED: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(60);
/// Clock ticks a second of `/proc/PID/stat` (Linux, all architectures that matter).
const TICKS: f64 = 100.0;
const AGENTS: usize = 2;

fn main() {
    // `cargo test --benches` asks every benchmark only whether it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let said = |name: &str, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let load = Load { endpoints: said("WAYPOST_ENDPOINTS", ENDPOINTS), queries: said("WAYPOST_QUERIES", QUERIES) };
    let cores = thread::available_parallelism().unwrap().get();
    if cores > 1 {
        pin(std::process::id(), &format!("1-{}", cores - 1));
    }
    let agents = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = agents.local_addr().unwrap().port();
    for _ in 0..AGENTS {
        let agents = agents.try_clone().unwrap();
        thread::spawn(move || {
            for stream in agents.incoming() {
                // Whoever went away is not interested.
                let _told = stream.and_then(|mut stream| stream.write_all(b"up\n"));
            }
        });
    }
    println!("{} endpoints at 1 s, {} queries/s, the node on one of {cores} cores\n", load.endpoints, load.queries);
    let with = measure(port, load, "monitors = [\"agent\"]");
    let without = measure(port, load, "monitors = []");
    println!("probes started          {:>9.0} /s", with.started / MEASURED.as_secs_f64());
    for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        match with.lateness(part) {
            Some(seconds) => println!("late at start, {name:<8} {:>9.2} ms at most", seconds * 1000.0),
            None => println!("late at start, {name:<8} beyond all bounds"),
        }
    }
    println!("CPU with probing        {:>9.3} s/s", with.cpu);
    println!("CPU without             {:>9.3} s/s", without.cpu);
    println!("answered with probing   {:>9.3} %", with.answered * 100.0);
    println!("answered without        {:>9.3} %", without.answered * 100.0);
}

/// What a node is given to do.
#[derive(Clone, Copy)]
struct Load {
    endpoints: u64,
    /// A second.
    queries: u64,
}

/// What was seen of a node while it was measured.
struct Figures {
    /// Probes that started.
    started: f64,
    /// Of these, how many were at most so late, by bounds in seconds.
    buckets: Vec<(f64, f64)>,
    /// Seconds of processor time a second.
    cpu: f64,
    /// The part of the questions that were answered.
    answered: f64,
}

impl Figures {
    /// The bound within which this part of the probes started; `None` beyond the last.
    fn lateness(&self, part: f64) -> Option<f64> {
        let (bound, _) = self.buckets.iter().find(|(_, count)| *count >= part * self.started)?;
        bound.is_finite().then_some(*bound)
    }
}

fn measure(port: u16, load: Load, monitors: &str) -> Figures {
    let directory = tempfile::tempdir().unwrap();
    let mut zone = String::from(
        "$ORIGIN example.org.\n$TTL 1h\n@ SOA ns1 hostmaster 7 2h 15m 2w 5m\n@ NS ns1\nns1 A 192.0.2.53\n",
    );
    for endpoint in 0..load.endpoints {
        let site = 1 + endpoint % 2;
        writeln!(zone, "h{endpoint} A 127.{site}.{}.{}", endpoint / 500, 1 + endpoint % 500 / 2).unwrap();
    }
    fs::write(directory.path().join("example.org.zone"), zone).unwrap();
    let dns = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let text = format!(
        r#"[node]
name = "bench"
listen = ["{dns}"]
[admin]
listen = "{admin}"
socket = "admin.sock"
[state]
path = "state"
[rate_limit]
exempt = ["127.0.0.0/8"]
[[site]]
name = "one"
networks = ["127.1.0.0/16"]
[[site]]
name = "two"
networks = ["127.2.0.0/16"]
[[service]]
name = "pool"
names = ["*.example.org"]
types = ["A"]
{monitors}
[monitor.agent]
kind = "agent"
port = {port}
[[zone]]
origin = "example.org"
file = "example.org.zone"
"#
    );
    let node = Node::start(directory.path(), dns, &text);
    pin(node.pid(), "0");
    wait_until("the admin API answers", PATIENCE, || TcpStream::connect(admin).is_ok());
    thread::sleep(WARM_UP);
    let (metrics, ticks) = (lateness_of(admin), ticks_of(node.pid()));
    let start = Instant::now();
    let answered = ask(dns, load);
    let (later, cpu) = (lateness_of(admin), ticks_of(node.pid()) - ticks);
    let buckets: Vec<(f64, f64)> =
        later.iter().zip(&metrics).map(|((bound, after), (_, before))| (*bound, after - before)).collect();
    Figures {
        started: buckets.last().map_or(0.0, |(_, count)| *count),
        buckets,
        cpu: cpu / TICKS / start.elapsed().as_secs_f64(),
        answered,
    }
}

/// Binds all threads of a process to cores.
fn pin(process: u32, cores: &str) {
    let bound = Command::new("taskset").args(["-a", "-cp", cores, &process.to_string()]).output().unwrap();
    assert!(bound.status.success(), "{bound:?}");
}

/// Asks at a constant rate for [`MEASURED`]; gives the part that was answered.
fn ask(server: SocketAddr, load: Load) -> f64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (answers, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let listener = {
        let (socket, answers, over) = (socket.try_clone().unwrap(), Arc::clone(&answers), Arc::clone(&over));
        thread::spawn(move || {
            let mut reply = [0; 1232];
            while !over.load(Ordering::Acquire) {
                if socket.recv(&mut reply).is_ok() {
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    let start = Instant::now();
    let mut sent: u64 = 0;
    while start.elapsed() < MEASURED {
        let due = u64::try_from(start.elapsed().as_millis()).unwrap() * load.queries / 1000;
        while sent < due {
            // What the system does not take is not answered either.
            let _sent = socket.send(&query(sent, load.endpoints));
            sent += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    // The last answers.
    thread::sleep(Duration::from_millis(500));
    over.store(true, Ordering::Release);
    listener.join().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let part = answers.load(Ordering::Relaxed) as f64 / sent.max(1) as f64;
    part
}

/// The A question for one of the endpoints' names.
fn query(number: u64, endpoints: u64) -> Vec<u8> {
    let id = u16::try_from(number % 65_536).unwrap();
    let host = format!("h{}", number % endpoints);
    let mut message = id.to_be_bytes().to_vec();
    message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in [host.as_str(), "example", "org", ""] {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.extend([0, 1, 0, 1]);
    message
}

/// The histogram of how late probes started: bounds in seconds with how many were at most so late.
fn lateness_of(admin: SocketAddr) -> Vec<(f64, f64)> {
    let mut stream = TcpStream::connect(admin).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let buckets = page.lines().filter_map(|line| line.strip_prefix("waypost_probe_lateness_seconds_bucket{le=\""));
    let read = |line: &str| {
        let (bound, count) = line.split_once("\"} ").unwrap();
        (bound.parse().unwrap_or(f64::INFINITY), count.parse().unwrap())
    };
    let buckets: Vec<_> = buckets.map(read).collect();
    assert!(!buckets.is_empty(), "{page}");
    buckets
}

/// Processor time of a process in clock ticks.
fn ticks_of(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // The 14th and 15th of all fields.
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum()
}
