//! A node with every kind of zone: steered, signed with NSEC and with NSEC3, plain with wildcards and cuts, and a hundred
//! of one template, of which some lie in each other and in the zones that the template names.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use waypost::answer::Tables;
use waypost::dnssec::{DnssecKey, KeyPhase, KeyRole};
use waypost::model::{Denial, Endpoint, EndpointHealth, Generation, Name, Plan, RateLimitSettings, State, Topology};
use waypost::serve::{Responder, Setup, Usage};
use waypost::steer::{Atlas, Steering};
use waypost::zone::{self, Attribution, Include, Template, Zone, Zones};
use waypost::{config, plan};

const CONFIG: &str = r#"
[node]
name = "paths-ns1"
listen = ["127.0.0.1:5300"]
[state]
path = "state"
[[site]]
name = "fra"
location = { country = "DE", lat = 50.1, lon = 8.7 }
networks = ["192.0.2.0/26", "2001:db8:f::/48"]
[[site]]
name = "iad"
location = { country = "US", lat = 38.9, lon = -77.5 }
networks = ["198.51.100.0/26"]
[[site]]
name = "nrt"
location = { country = "JP", lat = 35.7, lon = 139.7 }
networks = ["203.0.113.0/26"]
[[service]]
name = "mx"
names = ["example.org", "*.example.org", "*.plain.test", "*.hosted.test", "*.host.test", "*.other.test", "*.nsec3.test"]
types = ["MX", "A", "AAAA"]
policy = "nearest"
monitors = []
[[service]]
name = "drawn"
names = ["drawn.weights.test"]
types = ["A"]
policy = "weighted"
weights = { fra = 3, iad = 1 }
sites = ["fra", "iad"]
monitors = []
[[zone]]
origin = "example.org"
file = "example.org.zone"
"#;

const STEERED: &str = "$TTL 3600
@         SOA ns1 hostmaster 1 7200 900 1209600 300
          NS  ns1
          NS  ns.host.test.
          MX  10 mx-fra
          MX  20 mx-iad
          MX  30 mx-nrt
          MX  40 backup.elsewhere.test.
          TXT v=spf1
ns1       A   192.0.2.53
mx-fra    A   192.0.2.10
          A   192.0.2.11
          AAAA 2001:db8:f::10
mx-iad    A   198.51.100.10
mx-nrt    A   203.0.113.10
mail      A   192.0.2.20
          A   198.51.100.20
          A   203.0.113.20
          AAAA 2001:db8:f::20
www       A   203.0.113.80
alias     CNAME www
to-mail   CNAME mail
to-host   CNAME www.host.test.
to-wild   CNAME x.y.wild
outside   CNAME www.example.net.
loop-a    CNAME loop-b
loop-b    CNAME loop-a
*.wild    TXT wildcard
          MX  10 mx-fra
          MX  20 a.wild
          MX  30 mx-iad
*.alias   CNAME www
*.self    CNAME target.self
a.b.wild  A   203.0.113.81
old       DNAME new
host.new  A   203.0.113.82
www.mail  A   203.0.113.83
_imap._tcp SRV 0 0 143 mail
sub       NS  ns.sub
          NS  ns.other
          NS  ns.example.net.
ns.sub    A   203.0.113.83
ns.other  A   203.0.113.84
$GENERATE 1-40 big TXT \"\\\"a string of some length that fills packets, number $\\\"\"
$GENERATE 1-70 many A 10.9.8.$
$GENERATE 1-31 fat NS ns$.fat
$GENERATE 1-31 ns$.fat A 10.8.0.$
";

const TEMPLATE: &str = "$TTL 1h
@ SOA ns.host.test. hostmaster 7 1h 1h 1w 1h
@ NS ns.host.test.
@ NS ns2.host.test.
@ MX 10 mx-fra.host.test.
@ MX 20 mx-iad
@ TXT \"v=spf1 mx -all\"
mx-iad A 198.51.100.10
mail A 192.0.2.20
mail A 198.51.100.20
www CNAME mail
web CNAME www.host.test.
deep.down.here A 192.0.2.30
* TXT wild
* MX 10 mx-fra.host.test.
* MX 20 mx-iad
old DNAME new
sub NS ns.sub
sub NS ns.host.test.
ns.sub A 203.0.113.1
_imap._tcp SRV 0 0 143 mail
_pop._tcp SRV 0 0 143 pop.host.test.
mx-fra.host.test.example TXT x
";

/// Names that something hangs on.
pub const NAMES: [&str; 26] = [
    "fat.example.org",
    "fat.plain.test",
    "example.org",
    "mail.example.org",
    "mx-fra.example.org",
    "alias.example.org",
    "to-mail.example.org",
    "to-host.example.org",
    "to-wild.example.org",
    "outside.example.org",
    "wild.example.org",
    "a.wild.example.org",
    "self.example.org",
    "target.self.example.org",
    "old.example.org",
    "sub.example.org",
    "big.example.org",
    "many.example.org",
    "plain.test",
    "nsec3.test",
    "nsec.test",
    "host.test",
    "www.host.test",
    "mx-fra.host.test",
    "test",
    "org",
];

/// Apexes of hosted zones. One is not in lower case, some lie in others, some are names that the template speaks of.
pub const ORIGINS: [&str; 11] = [
    "Mixed.Hosted.test",
    "a.hosted.test",
    "b.hosted.test",
    "long-name-of-a-customer.hosted.test",
    "c.other.test",
    "mail.c.other.test",
    "www.b.hosted.test",
    "d.e.f.hosted.test",
    "mx-fra.host.test",
    "x.test",
    "last.example",
];

pub const LABELS: [&str; 22] = [
    "www", "mail", "mx-fra", "mx-iad", "mx-nrt", "ns1", "ns", "sub", "old", "host", "web", "alias", "a", "b", "x", "*",
    "target", "here", "down", "deep", "_tcp", "_imap",
];

struct NoIncludes;

impl Include for NoIncludes {
    fn read(&self, _: &Path) -> Result<String, String> {
        Err("not here".to_owned())
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn load(origin: &str, text: &str) -> Zone {
    let (zone, report) = zone::load(&name(origin), Path::new("world.zone"), text, &NoIncludes);
    zone.unwrap_or_else(|| panic!("{report}"))
}

fn keys() -> KeyPhase {
    let document = DnssecKey::generate(&SystemRandom::new()).unwrap();
    let key = Arc::new(DnssecKey::from_pkcs8(KeyRole::Csk, &document).unwrap());
    KeyPhase {
        published: vec![Arc::clone(&key)],
        sign_keys: vec![Arc::clone(&key)],
        sign_zone: vec![Arc::clone(&key)],
        offered: vec![key],
    }
}

fn zones() -> Zones {
    let (template, report) = Template::load(&name(ORIGINS[1]), Path::new("hosted.zone"), TEMPLATE, &NoIncludes);
    let template = template.unwrap_or_else(|| panic!("{report}"));
    let hosted = ORIGINS.iter().map(|origin| template.zone(name(origin)).unwrap());
    let more = (0..90).map(|number| template.zone(name(&format!("{number}.many.hosted.test"))).unwrap());
    let host = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nns2 A 192.0.2.54\nmx-fra A 192.0.2.10\nwww A 192.0.2.9\nwww A 198.51.100.9\n";
    let weights = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\ndrawn A 192.0.2.9\ndrawn A 198.51.100.9\n";
    let own = [
        load("example.org", STEERED),
        load("plain.test", STEERED),
        load("nsec.test", STEERED).secured(keys(), Denial::Nsec, 1),
        load("nsec3.test", STEERED).secured(keys(), Denial::Nsec3, 1),
        load("host.test", host),
        load("weights.test", weights),
    ];
    let mut zones: Zones = hosted.chain(more).chain(own).collect();
    zones.insert_unavailable(&name("broken.example.org"));
    zones
}

struct Loaded {
    attribution: Arc<Attribution>,
    steering: Arc<Steering>,
}

/// Built once: all zones, and the same without some, so that names are others' and all numbers are different.
static LOADED: LazyLock<[Loaded; 2]> = LazyLock::new(|| {
    let (settings, report) = config::read(Path::new("waypost.toml"), CONFIG);
    let settings = settings.unwrap_or_else(|| panic!("{report}"));
    let mut fewer = zones();
    for gone in ["a.hosted.test", "example.org", "host.test", "www.b.hosted.test"] {
        assert!(fewer.remove(&name(gone)).is_some(), "{gone}");
    }
    [zones(), fewer].map(|zones| {
        let attribution = Arc::new(zone::attribute(zones, &settings));
        let steering = Arc::new(Steering::build(&attribution.topology, &settings.geo, &Atlas::embedded()));
        Loaded { attribution, steering }
    })
});

fn planned(topology: &Topology, sequence: u64, down: &[&str]) -> Arc<Plan> {
    let of = |endpoint: &Endpoint| EndpointHealth {
        state: if down.contains(&topology.site_name(endpoint.site)) { State::Down } else { State::Up },
        suspect: false,
        reason: "connection refused".to_owned(),
        since: Timestamp::UNIX_EPOCH,
    };
    let health: Vec<_> = topology.endpoints.iter().map(of).collect();
    let generation = Generation { epoch: 1, sequence };
    Arc::new(plan::make(plan::Inputs { topology, health: &health, intents: &[], generation }))
}

/// A node whose sites go and come.
pub struct World {
    pub responder: Responder,
    tables: Arc<ArcSwap<Tables>>,
}

impl World {
    pub fn new(responses_per_second: Option<u32>) -> Self {
        let [loaded, _] = &*LOADED;
        let plan = planned(&loaded.attribution.topology, 1, &[]);
        let tables = Tables::new(Arc::clone(&loaded.attribution), Arc::clone(&loaded.steering), plan);
        let tables = Arc::new(ArcSwap::from_pointee(tables));
        let setup = Setup {
            rate_limit: RateLimitSettings { responses_per_second, ..RateLimitSettings::default() },
            ..Setup::plain("paths-ns1", &[], Arc::clone(&tables), Arc::new(Usage::new(Instant::now())))
        };
        Self { responder: Responder::new(setup), tables }
    }

    /// Takes sites down, and all others up.
    pub fn down(&self, sequence: u64, sites: &[&str]) {
        let tables = self.tables.load();
        self.tables.store(Arc::new(tables.with_plan(planned(tables.topology(), sequence, sites))));
    }

    /// Loads the other zones, under a plan without failures.
    pub fn reload(&self, sequence: u64) {
        let [all, fewer] = &*LOADED;
        let served = self.tables.load();
        let loaded = if served.zones().len() == all.attribution.zones.len() { fewer } else { all };
        let attribution = Arc::new(Attribution::clone(&loaded.attribution));
        let plan = planned(&attribution.topology, sequence, &[]);
        self.tables.store(Arc::new(Tables::new(attribution, Arc::clone(&loaded.steering), plan)));
    }
}
