//! Signed zones in process, with a validating resolver in front.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use waypost::answer::Tables;
use waypost::dnssec::{DnssecKey, KeyPhase, KeyRole, ds};
use waypost::model::{Denial, Generation, Name, State, TransferRule, ZonePolicy};
use waypost::plan;
use waypost::serve::{Server, Setup, Usage};
use waypost::steer::{Atlas, Steering};
use waypost::zone::{self, Zones};

use crate::support::{self, name};

/// Where the zone `example.org` is served.
pub const PARENT: &str = "127.0.0.1:53";
/// Where another node serves it with the same keys.
pub const PARTNER: &str = "127.0.0.3:53";
/// Where its children are served.
pub const CHILD: &str = "127.0.0.2:53";
/// Where the validating resolver answers.
pub const RESOLVER: &str = "127.0.0.9";

/// As [`support::ZONE`], with delegations that lead somewhere.
fn parent_text(child: &KeyPhase) -> String {
    let digest = data_encoding::HEXUPPER.encode(&ds::rdata(&name("signed.example.org"), &child.published[0]));
    let (tag, rest) = (u16::from_str_radix(&digest[..4], 16).unwrap(), &digest[8..]);
    format!(
        "{}*.alias   IN CNAME www
MiXed     IN MX 5 MX-fra.EXAMPLE.org.
naptr     IN NAPTR 100 10 \"u\" \"E2U+email\" \"!^.*$!mailto:x@example.org!\" Host.EXAMPLE.org.
srv       IN SRV 0 5 443 WWW.example.org.
deep.a.ent IN TXT here
signed    IN NS ns.signed
signed    IN DS {tag} 13 2 {rest}
ns.signed IN A 127.0.0.2
plain     IN NS ns.plain
ns.plain  IN A 127.0.0.2
",
        support::ZONE
    )
}

const CHILD_TEXT: &str = "$TTL 300
@    IN SOA ns hostmaster 7 7200 900 1209600 60
     IN NS ns
ns   IN A 127.0.0.2
host IN A 203.0.113.1
*    IN TXT child
";

/// A combined key for a zone, the same in all tests of a run.
pub fn keys() -> KeyPhase {
    let document = DnssecKey::generate(&SystemRandom::new()).unwrap();
    let key = Arc::new(DnssecKey::from_pkcs8(KeyRole::Csk, &document).unwrap());
    KeyPhase {
        published: vec![key.clone()],
        sign_keys: vec![key.clone()],
        sign_zone: vec![key.clone()],
        offered: vec![key],
    }
}

/// The keys of the parent.
pub static PARENT_KEYS: LazyLock<KeyPhase> = LazyLock::new(keys);
static CHILD_KEYS: LazyLock<KeyPhase> = LazyLock::new(keys);

fn load(origin: &str, text: &str) -> zone::Zone {
    let (zone, report) = zone::load(&name(origin), Path::new("test.zone"), text, &support::NoIncludes);
    zone.unwrap_or_else(|| panic!("{report}"))
}

fn tables_of(zones: Vec<zone::Zone>, state: impl Fn(&str) -> State) -> Tables {
    let attribution = zone::attribute(zones.into_iter().collect::<Zones>(), &support::settings());
    let health = support::health(&attribution.topology, state);
    let generation = Generation { epoch: 1, sequence: 1 };
    let plan = plan::make(plan::Inputs { topology: &attribution.topology, health: &health, intents: &[], generation });
    let steering = Steering::build(&attribution.topology, &support::settings().geo, &Atlas::embedded());
    Tables::new(Arc::new(attribution), Arc::new(steering), Arc::new(plan))
}

/// The signed parent with its sites in the given states.
pub fn parent(denial: Denial, state: impl Fn(&str) -> State) -> Tables {
    let transfer = vec![TransferRule { from: vec!["127.0.0.0/8".parse().unwrap()], key: None }];
    let policy = Arc::new(ZonePolicy { transfer, ..ZonePolicy::default() });
    let zone = load("example.org", &parent_text(&CHILD_KEYS)).with_policy(policy);
    let zone = zone.secured(PARENT_KEYS.clone(), denial, 2_900);
    tables_of(vec![zone], state)
}

fn children() -> Tables {
    let signed = load("signed.example.org", CHILD_TEXT).secured(CHILD_KEYS.clone(), Denial::Nsec, 2_900);
    tables_of(vec![signed, load("plain.example.org", CHILD_TEXT)], |_| State::Up)
}

/// The servers and the resolver.
pub struct Scene {
    runtime: tokio::runtime::Runtime,
    servers: Vec<Server>,
    /// What the parent is served from.
    pub tables: Arc<ArcSwap<Tables>>,
    resolver: Child,
}

impl Scene {
    /// Serves at [`PARENT`], [`PARTNER`] and [`CHILD`]; the resolver asks for `example.org` at any of `upstream`.
    pub fn start(directory: &Path, denial: Denial, upstream: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let tables = Arc::new(ArcSwap::from_pointee(parent(denial, |_| State::Up)));
        let serve = |address: &str, tables| {
            let usage = Arc::new(Usage::new(Instant::now()));
            Server::start(Setup::plain("signer", &[address.parse().unwrap()], tables, usage)).unwrap()
        };
        let servers = {
            let _context = runtime.enter();
            let parents = [PARENT, PARTNER].map(|address| serve(address, Arc::clone(&tables)));
            parents.into_iter().chain([serve(CHILD, Arc::new(ArcSwap::from_pointee(children())))]).collect()
        };
        let resolver = unbound(directory, upstream);
        Self { runtime, servers, tables, resolver }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.resolver.kill();
        let _ = self.resolver.wait();
        for server in self.servers.drain(..) {
            self.runtime.block_on(server.stop());
        }
    }
}

/// The parent's key as a trust anchor of unbound.
pub fn trust_anchor(origin: &Name) -> String {
    let data = ds::rdata(origin, &PARENT_KEYS.published[0]);
    let tag = u16::from_be_bytes([data[0], data[1]]);
    format!("{origin} IN DS {tag} 13 2 {}", data_encoding::HEXUPPER.encode(&data[4..]))
}

/// The parent's key as a trust anchor of delv.
pub fn delv_anchor() -> String {
    let key = data_encoding::BASE64.encode(&PARENT_KEYS.published[0].rdata()[4..]);
    format!("trust-anchors {{ \"example.org.\" static-key 257 3 13 \"{key}\"; }};\n")
}

fn unbound(directory: &Path, upstream: &[&str]) -> Child {
    let stub = |address: &&str| {
        let address: SocketAddr = address.parse().unwrap();
        format!("    stub-addr: {}@{}\n", address.ip(), address.port())
    };
    let text = format!(
        r#"server:
    interface: {RESOLVER}
    port: 53
    access-control: 127.0.0.0/8 allow
    do-daemonize: no
    do-not-query-localhost: no
    module-config: "validator iterator"
    trust-anchor: "{anchor}"
    cache-max-ttl: 0
    cache-max-negative-ttl: 0
    key-cache-size: 4m
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: "{directory}/unbound.pid"
    use-syslog: no
    logfile: "{directory}/unbound.log"
    val-log-level: 2
    local-zone: "." static
    local-zone: "example.org" transparent
stub-zone:
    name: "example.org"
{stubs}"#,
        anchor = trust_anchor(&name("example.org")),
        directory = directory.display(),
        stubs = upstream.iter().map(stub).collect::<String>(),
    );
    let configuration = directory.join("unbound.conf");
    fs::write(&configuration, text).unwrap();
    let child = Command::new("unbound").arg("-d").arg("-c").arg(&configuration).stdin(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !dig(&["signed.example.org", "SOA"]).contains("status:") {
        assert!(began.elapsed() < Duration::from_secs(20), "unbound does not answer");
    }
    child
}

/// What `dig +dnssec` says of a question to the resolver.
pub fn dig(question: &[&str]) -> String {
    let mut command = Command::new("dig");
    command.arg(format!("@{RESOLVER}")).args(["+dnssec", "+tries=4", "+time=5"]).args(question);
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

/// Status and whether the answer was validated.
pub fn verdict(answer: &str) -> (String, bool) {
    let status = answer.split("status: ").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or("none");
    let flags = answer.split("flags: ").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default();
    (status.to_owned(), flags.split(' ').any(|flag| flag == "ad"))
}
