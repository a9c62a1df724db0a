//! How long a dead site stays in the answers, at default settings.
//!
//! A node watches one site for each strike and one that survives. Every site is struck once, so that no strike meets a
//! site that is damped by the one before; they are struck in the order of the service's `failover` policy, so that each
//! is the one that the A answer names. Strikes are spread evenly over the probe interval.
//!
//!     cargo bench --bench failover
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
#[path = "../failover/world.rs"]
#[allow(dead_code)]
mod world;

use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use waypost::cli::demo::{Authority, SiteArgs, SiteProcess};

use crate::dns::Client;
use crate::node::{Node, executable};
use crate::patience::wait_until;
use crate::ports::free_port;
use crate::world::{World, in_a_world, is_root};

/// Strikes of each kind.
const STRIKES: u8 = 10;
/// The default probe interval, over which strikes are spread.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time in which the detector learns how its endpoints usually behave.
const WARM_UP: Duration = Duration::from_secs(20);
/// Before each strike: what fails within 5 s of others is doubted for a while, and that is not what is measured here.
const REST: Duration = Duration::from_secs(6);
const LOOK: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);
const SMTP_PORT: u16 = 2525;

/// How a site is struck, and the goal of DESIGN section 5.
#[derive(Clone, Copy)]
enum Fault {
    /// Its SMTP process is killed: connections are refused.
    Crash,
    /// Packets to it are dropped.
    BlackHole,
    /// It accepts connections and says nothing: what comes closest to a black hole without root.
    Silence,
}

impl Fault {
    const fn describe(self) -> (&'static str, Duration) {
        match self {
            Self::Crash => ("crash (connection refused)", Duration::from_secs(1)),
            Self::BlackHole => ("black hole (packets dropped)", Duration::from_secs(2)),
            Self::Silence => ("silence (connected, no banner; as root: a real black hole)", Duration::from_secs(2)),
        }
    }
}

fn main() {
    // `cargo test --benches` asks every benchmark only whether it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if is_root() {
        in_a_world("benchmark", |world| measure(&world.directory("node"), Some(world)));
    } else {
        let directory = tempfile::tempdir().unwrap();
        measure(directory.path(), None);
    }
}

fn measure(directory: &Path, world: Option<&World>) {
    let authority = Authority::new(Timestamp::now()).unwrap();
    fs::write(directory.join("ca.pem"), authority.certificate()).unwrap();
    let mut sites: Vec<_> = (0..=2 * STRIKES).map(|number| start_site(directory, number, &authority)).collect();
    let (dns, admin) = (free_address(), free_address());
    fs::write(directory.join("bench.zone"), zone(sites.len())).unwrap();
    let node = Node::start(directory, dns, &configuration(sites.len(), dns, admin));
    let client = node.client();
    println!("{} sites, default settings; {} s to learn their ways", sites.len(), WARM_UP.as_secs());
    thread::sleep(WARM_UP);

    let second = if world.is_some() { Fault::BlackHole } else { Fault::Silence };
    let mut number = 0;
    for fault in [Fault::Crash, second] {
        let (name, goal) = fault.describe();
        println!("\n{name}: from the fault until neither MX nor A name the site");
        let mut times = Vec::new();
        for strike in 0..STRIKES {
            let phase = INTERVAL * u32::from(strike) / u32::from(STRIKES);
            let time = strike_site(&client, number, &mut sites[usize::from(number)], fault, world, phase);
            println!("  site {number:>2}, {:.1} s into the interval: {:.2} s", phase.as_secs_f64(), time.as_secs_f64());
            times.push(time);
            number += 1;
        }
        times.sort_unstable();
        let middle = times.len() / 2;
        let median = (times[middle - 1] + times[middle]) / 2;
        let verdict = if median <= goal { "met" } else { "MISSED" };
        println!(
            "  median {:.2} s, worst {:.2} s; goal: median <= {:.1} s, {verdict}",
            median.as_secs_f64(),
            times[times.len() - 1].as_secs_f64(),
            goal.as_secs_f64()
        );
    }
}

fn strike_site(
    client: &Client,
    number: u8,
    site: &mut SiteProcess,
    fault: Fault,
    world: Option<&World>,
    phase: Duration,
) -> Duration {
    wait_until("the site is the first choice", PATIENCE, || named(client, number) == (true, true));
    thread::sleep(REST);
    // Phases are counted on the wall clock: each endpoint's own schedule is shifted against it by its jitter.
    let now = Timestamp::now().as_millisecond().rem_euclid(1_000).unsigned_abs();
    let wait = (phase.as_millis() as u64 + 1_000 - now) % 1_000;
    thread::sleep(Duration::from_millis(wait));
    let struck = Instant::now();
    match (fault, world) {
        (Fault::Crash, _) => site.kill().unwrap(),
        (Fault::BlackHole, Some(world)) => world.black_hole(loopback(number)),
        (Fault::BlackHole | Fault::Silence, _) => site.hang().unwrap(),
    }
    while named(client, number) != (false, false) {
        assert!(struck.elapsed() < PATIENCE, "site {number} stays in the answers");
        thread::sleep(LOOK);
    }
    struck.elapsed()
}

/// Whether the MX answer and the A answer name the site.
fn named(client: &Client, number: u8) -> (bool, bool) {
    let host = format!("mx-{number}.bench.test.");
    let mx = client.mx("bench.test.", None).contains(&host);
    (mx, client.addresses("mail.bench.test.", None).contains(&answered(number)))
}

fn start_site(directory: &Path, number: u8, authority: &Authority) -> SiteProcess {
    let host = format!("mx-{number}.bench.test");
    let identity = authority.issue(&host).unwrap();
    let (certificate, key) = (directory.join(format!("{number}.pem")), directory.join(format!("{number}.key")));
    fs::write(&certificate, identity.certificate).unwrap();
    fs::write(&key, identity.key).unwrap();
    let listen = SocketAddr::new(loopback(number), SMTP_PORT);
    SiteProcess::start(&executable(), SiteArgs { host, listen, certificate: Some(certificate), key: Some(key) })
        .unwrap()
}

/// The address in the zone: of the range for benchmarks (RFC 2544).
fn answered(number: u8) -> IpAddr {
    Ipv4Addr::new(198, 18, number, 25).into()
}

/// Where the site's SMTP process listens.
fn loopback(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 18, number, 25).into()
}

fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

fn zone(sites: usize) -> String {
    let mut zone =
        "$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 1209600 300\n@ IN NS ns\nns IN A 127.0.0.1\n".to_owned();
    for number in 0..sites {
        let address = answered(u8::try_from(number).unwrap());
        writeln!(zone, "@ IN MX 10 mx-{number}\nmx-{number} IN A {address}\nmail IN A {address}").unwrap();
    }
    zone
}

fn configuration(sites: usize, dns: SocketAddr, admin: SocketAddr) -> String {
    let mut text = format!(
        r#"[node]
name = "bench"
listen = ["{dns}"]

[admin]
listen = "{admin}"
socket = "admin.sock"

[rate_limit]
exempt = ["127.0.0.0/8"]

[state]
path = "state"

[[service]]
name = "mx"
names = ["bench.test", "mail.bench.test"]
types = ["MX", "A"]
policy = "failover"
monitors = ["smtp"]

[[zone]]
origin = "bench.test"
file = "bench.zone"

[monitor.smtp]
kind = "smtp"
ca = "ca.pem"

[monitor.smtp.addresses]
"#
    );
    let numbers = || (0..sites).map(|number| u8::try_from(number).unwrap());
    for number in numbers() {
        writeln!(text, "\"{}\" = \"{}:{SMTP_PORT}\"", answered(number), loopback(number)).unwrap();
    }
    for number in numbers() {
        writeln!(text, "\n[[site]]\nname = \"s{number}\"\nnetworks = [\"198.18.{number}.0/24\"]").unwrap();
    }
    text
}
