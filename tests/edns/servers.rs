//! Waypost, NSD and Knot with the same zone and the same cookie secret.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use hickory_proto::op::ResponseCode;
use tempfile::TempDir;
use waypost::answer::Tables;
use waypost::model::{Generation, RateLimitSettings};
use waypost::serve::{Backstage, Notification, Secrets, Server, Setup, UpdateRequest, Usage};
use waypost::steer::{Atlas, Steering};
use waypost::zone::{self, Include, Zones};
use waypost::{config, plan};

use crate::ports::free_port;
use crate::wire::{Query, udp};

/// Set where a skipped test must count as failed.
const REQUIRED: &str = "WAYPOST_REQUIRE_REAL";
/// How long a server may take to answer its first query.
const START: Duration = Duration::from_secs(20);

/// The zone that all servers have.
pub const ZONE: &str = r#"$TTL 3600
@         IN SOA ns1 hostmaster 1 7200 900 1209600 300
          IN NS  ns1
          IN MX  10 mail
          IN TXT "v=spf1 -all"
ns1       IN A   192.0.2.53
mail      IN A   192.0.2.25
          IN AAAA 2001:db8::25
www       IN A   192.0.2.80
alias     IN CNAME www
outside   IN CNAME www.example.net.
*.wild    IN TXT "wildcard"
old       IN DNAME new
host.new  IN A   192.0.2.82
sub       IN NS  ns.sub
ns.sub    IN A   192.0.2.83
large     IN TXT "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
          IN TXT "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
          IN TXT "2222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
          IN TXT "3333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333"
          IN TXT "4444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444"
          IN TXT "5555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555"
"#;

/// The secret of everybody's cookies.
pub const COOKIE_SECRET: [u8; 16] = *b"the same for all";
/// What every server calls itself.
pub const NSID: &str = "test-ns1";

/// What Waypost said of its parts, in order.
type Said = Arc<Mutex<Vec<(&'static str, Result<String, String>)>>>;

/// A server under test or beside it; dropping it ends it.
pub struct Running {
    pub name: &'static str,
    pub address: SocketAddr,
    pub usage: Option<Arc<Usage>>,
    /// What Waypost said of its parts.
    pub said: Said,
    child: Option<Child>,
    _server: Option<Server>,
    _runtime: Option<tokio::runtime::Runtime>,
    _directory: Option<TempDir>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // NSD's first process ends the others when it is asked to end, not when it is killed.
            let asked = Command::new("kill").arg(child.id().to_string()).status();
            let patience = Instant::now();
            while asked.is_ok() && patience.elapsed() < Duration::from_secs(5) {
                if let Ok(Some(_)) = child.try_wait() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Both servers to compare with, or `None` where the test is skipped.
pub fn peers(test: &str) -> Option<[Running; 2]> {
    let missing: Vec<&str> = ["nsd", "knotd"].into_iter().filter(|program| !is_installed(program)).collect();
    if missing.is_empty() {
        return Some([nsd(), knot()]);
    }
    assert!(std::env::var_os(REQUIRED).is_none(), "{test} must run here, and needs {missing:?}");
    eprintln!("\n==== SKIPPED: {test} needs {missing:?}; nothing was proven ====\n");
    None
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        || Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Notes what is said of parts; takes nothing else.
struct Listener {
    said: Said,
}

#[async_trait]
impl Backstage for Listener {
    async fn notified(&self, _: Notification) -> ResponseCode {
        ResponseCode::NotAuth
    }

    async fn update(&self, _: UpdateRequest) -> ResponseCode {
        ResponseCode::Refused
    }

    async fn part(&self, part: &'static str, state: Result<String, String>) {
        self.said.lock().unwrap().push((part, state));
    }
}

struct NoIncludes;

impl Include for NoIncludes {
    fn read(&self, path: &Path) -> Result<String, String> {
        Err(format!("{} is not there", path.display()))
    }
}

/// Waypost, answering from the zone at a free port of 127.0.0.1, in this process.
pub fn waypost(rate_limit: RateLimitSettings) -> Running {
    let text = format!("[node]\nname = \"{NSID}\"\n");
    let (settings, report) = config::read(Path::new("waypost.toml"), &text);
    let settings = settings.unwrap_or_else(|| panic!("{report}"));
    let origin = "example.org".parse().unwrap();
    let (zone, report) = zone::load(&origin, Path::new("example.org.zone"), ZONE, &NoIncludes);
    let zone = zone.unwrap_or_else(|| panic!("{report}"));
    let attribution = zone::attribute([zone].into_iter().collect::<Zones>(), &settings);
    let steering = Steering::build(&attribution.topology, &settings.geo, &Atlas::embedded());
    let generation = Generation { epoch: 1, sequence: 1 };
    let plan = plan::make(plan::Inputs { topology: &attribution.topology, health: &[], intents: &[], generation });
    let tables = Tables::new(Arc::new(attribution), Arc::new(steering), Arc::new(plan));

    let usage = Arc::new(Usage::new(Instant::now()));
    let listen = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let secrets = Secrets { cookies: vec![COOKIE_SECRET], ..Secrets::default() };
    let said = Arc::default();
    let setup = Setup {
        rate_limit,
        backstage: Arc::new(Listener { said: Arc::clone(&said) }),
        secrets: Arc::new(ArcSwap::from_pointee(secrets)),
        ..Setup::plain(NSID, &listen, Arc::new(ArcSwap::from_pointee(tables)), Arc::clone(&usage))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = runtime.block_on(async { Server::start(setup) }).unwrap();
    let running = Running {
        name: "Waypost",
        address: server.local_addrs()[0],
        usage: Some(usage),
        said,
        child: None,
        _server: Some(server),
        _runtime: Some(runtime),
        _directory: None,
    };
    running.ready()
}

/// Waypost without rate limits: for tests that send a lot.
pub fn unlimited() -> Running {
    waypost(RateLimitSettings { responses_per_second: None, ..RateLimitSettings::default() })
}

fn secret_in_hex() -> String {
    data_encoding::HEXLOWER.encode(&COOKIE_SECRET)
}

fn nsd() -> Running {
    run("NSD", "nsd", |port, directory| {
        let directory_name = directory.display();
        let text = format!(
            r#"server:
    ip-address: 127.0.0.1
    port: {port}
    server-count: 1
    username: ""
    zonesdir: "{directory_name}"
    database: ""
    pidfile: "{directory_name}/nsd.pid"
    xfrdfile: "{directory_name}/xfrd.state"
    zonelistfile: "{directory_name}/zone.list"
    logfile: "{directory_name}/nsd.log"
    xfrdir: "{directory_name}"
    nsid: "ascii_{NSID}"
    ipv4-edns-size: 1232
    minimal-responses: yes
    refuse-any: yes
    rrl-ratelimit: 0
    answer-cookie: yes
    cookie-secret: "{secret}"
remote-control:
    control-enable: no
zone:
    name: example.org
    zonefile: zone
"#,
            secret = secret_in_hex(),
        );
        fs::write(directory.join("nsd.conf"), text).unwrap();
        vec!["-d".to_owned(), "-c".to_owned(), directory.join("nsd.conf").display().to_string()]
    })
}

fn knot() -> Running {
    run("Knot", "knotd", |port, directory| {
        let directory_name = directory.display();
        let text = format!(
            r#"server:
    listen: 127.0.0.1@{port}
    rundir: "{directory_name}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    nsid: "{NSID}"
    edns-client-subnet: on
    udp-max-payload: 1232
database:
    storage: "{directory_name}"
log:
  - target: "{directory_name}/knot.log"
    any: info
mod-cookies:
  - id: shared
    secret: 0x{secret}
template:
  - id: default
    storage: "{directory_name}"
    global-module: mod-cookies/shared
zone:
  - domain: example.org
    file: zone
"#,
            secret = secret_in_hex(),
        );
        fs::write(directory.join("knot.conf"), text).unwrap();
        vec!["-c".to_owned(), directory.join("knot.conf").display().to_string()]
    })
}

fn run(name: &'static str, program: &str, configure: impl Fn(u16, &Path) -> Vec<String>) -> Running {
    let directory = tempfile::Builder::new().prefix("waypost-edns-").tempdir().unwrap();
    fs::write(directory.path().join("zone"), format!("$ORIGIN example.org.\n{ZONE}")).unwrap();
    let address = free_address();
    let arguments = configure(address.port(), directory.path());
    let output = fs::File::create(directory.path().join("output")).unwrap();
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    let running = Running {
        name,
        address,
        usage: None,
        said: Arc::default(),
        child: Some(child),
        _server: None,
        _runtime: None,
        _directory: Some(directory),
    };
    running.ready()
}

/// An address for a server that the test starts.
fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

impl Running {
    fn ready(self) -> Self {
        let start = Instant::now();
        let query = Query::new("example.org", 6).build();
        loop {
            if udp(self.address, &query).is_some_and(|reply| reply.answers.len() == 1) {
                return self;
            }
            if start.elapsed() > START {
                let directory = self._directory.as_ref().map(TempDir::path);
                let logs: Vec<String> = ["output", "nsd.log", "knot.log"]
                    .iter()
                    .filter_map(|log| fs::read_to_string(directory?.join(log)).ok())
                    .collect();
                panic!("{} does not answer:\n{}", self.name, logs.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
