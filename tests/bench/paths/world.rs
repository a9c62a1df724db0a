//! The node that queries of every class are measured with.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use waypost::answer::Tables;
use waypost::dnssec::{DnssecKey, KeyPhase, KeyRole};
use waypost::model::{Denial, Endpoint, EndpointHealth, Generation, Name, Plan, RateLimitSettings, State};
use waypost::serve::{Responder, Setup, Usage};
use waypost::steer::{Atlas, Steering};
use waypost::zone::{self, Attribution, Include, Template, Zone, Zones};
use waypost::{config, plan};

/// How large the world is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Hosted domains of one template.
    pub domains: usize,
    /// Sites, each in a country of its own: with them grows the number of views.
    pub sites: usize,
    /// Whether responses are limited.
    pub limited: bool,
}

impl Size {
    pub const USUAL: Self = Self { domains: 1, sites: 3, limited: true };
}

const COUNTRIES: [&str; 10] = ["DE", "US", "JP", "BR", "AU", "ZA", "IN", "CA", "SE", "SG"];

const TEMPLATE: &str = "$TTL 1h\n@ SOA ns1.example.org. hostmaster 7 1h 1h 1w 1h\n@ NS ns1.example.org.\n@ NS ns2.example.org.\n\
    @ MX 10 mx-0.example.org.\n@ MX 20 mx-1.example.org.\n@ TXT \"v=spf1 mx -all\"\nmail A 192.0.2.1\nmail A 192.0.2.65\n\
    www CNAME mail\n";

struct NoIncludes;

impl Include for NoIncludes {
    fn read(&self, _: &Path) -> Result<String, String> {
        Err("not here".to_owned())
    }
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The origin of the hosted domain of a number.
pub fn origin(number: usize) -> String {
    format!("domain-{number}.example")
}

fn configuration(sites: usize) -> String {
    let mut text =
        "[node]\nname = \"bench-ns1\"\nlisten = [\"127.0.0.1:5300\"]\n[state]\npath = \"state\"\n".to_owned();
    for (site, country) in COUNTRIES.iter().enumerate().take(sites) {
        let _ = write!(
            text,
            "[[site]]\nname = \"s{site}\"\nlocation = {{ country = \"{country}\" }}\nnetworks = [\"192.0.{}.{}/26\"]\n",
            2 + site / 4,
            site % 4 * 64
        );
    }
    text + "[[service]]\nname = \"mail\"\nnames = [\"example.org\", \"mail.example.org\", \"signed.example\", \"mail.signed.example\", \"*.example\"]\n\
        types = [\"MX\", \"A\", \"AAAA\"]\npolicy = \"nearest\"\nmonitors = []\n[[zone]]\norigin = \"example.org\"\nfile = \"z\"\n"
}

fn steered(sites: usize) -> String {
    let mut text = "$TTL 3600\n@ SOA ns1 hostmaster 1 7200 900 1209600 300\n@ NS ns1\n@ NS ns2\nns1 A 198.51.100.53\n\
        ns2 A 198.51.100.54\n@ TXT \"v=spf1 mx -all\"\n*.wild A 198.51.100.7\nsub NS ns.sub\nns.sub A 198.51.100.8\n\
        alias CNAME mail\n$GENERATE 1-40 big TXT \"\\\"a string of some length that fills packets, number $\\\"\"\n"
        .to_owned();
    for site in 0..sites {
        let address = format!("192.0.{}.{}", 2 + site / 4, site % 4 * 64 + 1);
        let _ = write!(text, "@ MX {} mx-{site}\nmx-{site} A {address}\nmail A {address}\n", 10 + 10 * site);
    }
    text
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

/// A node, and its tables.
pub struct World {
    pub responder: Responder,
    pub tables: Arc<ArcSwap<Tables>>,
    sequence: u64,
}

impl World {
    pub fn new(size: Size) -> Self {
        let (settings, report) = config::read(Path::new("waypost.toml"), &configuration(size.sites));
        let settings = settings.unwrap_or_else(|| panic!("{report}"));
        let (template, report) = Template::load(&name(&origin(0)), Path::new("hosted.zone"), TEMPLATE, &NoIncludes);
        let template = template.unwrap_or_else(|| panic!("{report}"));
        let text = steered(size.sites);
        let own = [load("example.org", &text), load("signed.example", &text).secured(keys(), Denial::Nsec, 1)];
        let hosted = (0..size.domains).map(|number| template.zone(name(&origin(number))).unwrap());
        let zones: Zones = own.into_iter().chain(hosted).collect();
        let attribution = Arc::new(zone::attribute(zones, &settings));
        let steering = Arc::new(Steering::build(&attribution.topology, &settings.geo, &Atlas::embedded()));
        let plan = planned(&attribution, 1, None);
        let tables = Arc::new(ArcSwap::from_pointee(Tables::new(attribution, steering, plan)));
        let rate_limit = RateLimitSettings {
            // On, and never reached.
            responses_per_second: size.limited.then_some(1_000_000),
            ..RateLimitSettings::default()
        };
        let setup = Setup {
            rate_limit,
            ..Setup::plain("bench-ns1", &[], Arc::clone(&tables), Arc::new(Usage::new(Instant::now())))
        };
        Self { responder: Responder::new(setup), tables, sequence: 1 }
    }

    /// Takes a site down, or all up.
    #[allow(dead_code, reason = "not every program that shares this takes sites down")]
    pub fn plan(&mut self, down: Option<&str>) {
        self.sequence += 1;
        let tables = self.tables.load();
        let plan = planned(tables.attribution(), self.sequence, down);
        self.tables.store(Arc::new(tables.with_plan(plan)));
    }
}

fn planned(attribution: &Attribution, sequence: u64, down: Option<&str>) -> Arc<Plan> {
    let topology = &attribution.topology;
    let of = |endpoint: &Endpoint| EndpointHealth {
        state: if down == Some(topology.site_name(endpoint.site)) { State::Down } else { State::Up },
        suspect: false,
        reason: String::new(),
        since: Timestamp::UNIX_EPOCH,
    };
    let health: Vec<_> = topology.endpoints.iter().map(of).collect();
    let generation = Generation { epoch: 1, sequence };
    Arc::new(plan::make(plan::Inputs { topology, health: &health, intents: &[], generation }))
}

/// What an OPT record says.
#[derive(Clone, Copy, Debug)]
enum Edns {
    None,
    Plain,
    Secure,
    Subnet,
    Cookie,
}

/// A class of queries: its name, and one of it.
pub struct Class {
    pub name: &'static str,
    pub packet: Vec<u8>,
}

/// The classes that are told apart.
pub fn classes() -> Vec<Class> {
    let class = |name, owner, rtype, edns| Class { name, packet: query(owner, rtype, edns) };
    vec![
        class("steered A", "mail.example.org", 1, Edns::None),
        class("steered MX", "example.org", 15, Edns::None),
        class("with EDNS", "example.org", 15, Edns::Plain),
        class("with client subnet", "mail.example.org", 1, Edns::Subnet),
        class("with cookie", "mail.example.org", 1, Edns::Cookie),
        class("signed, DO", "mail.signed.example", 1, Edns::Secure),
        class("alias", "alias.example.org", 1, Edns::None),
        class("unsteered TXT", "example.org", 16, Edns::None),
        class("wildcard", "any.wild.example.org", 1, Edns::None),
        class("no data", "mail.example.org", 28, Edns::None),
        class("no name", "nowhere.example.org", 1, Edns::None),
        class("referral", "www.sub.example.org", 1, Edns::None),
        class("truncated", "big.example.org", 16, Edns::None),
        class("refused", "www.elsewhere.net", 1, Edns::None),
        class("hosted MX", "domain-0.example", 15, Edns::None),
    ]
}

/// A query for the MX records of a hosted domain.
pub fn hosted(number: usize) -> Vec<u8> {
    query(&origin(number), 15, Edns::None)
}

fn query(owner: &str, rtype: u16, edns: Edns) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, u8::from(!matches!(edns, Edns::None))];
    packet.extend(name(owner).as_wire());
    packet.extend(rtype.to_be_bytes());
    packet.extend([0, 1]);
    let options: &[u8] = match edns {
        Edns::None => return packet,
        Edns::Plain | Edns::Secure => &[],
        Edns::Subnet => &[0, 8, 0, 7, 0, 1, 24, 0, 133, 5, 0],
        Edns::Cookie => &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
    };
    packet.extend([0, 0, 41, 0x04, 0xd0, 0, 0, if matches!(edns, Edns::Secure) { 0x80 } else { 0 }, 0]);
    packet.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
    packet.extend(options);
    packet
}

/// German clients in many networks, so that rate limiting works and limits nobody.
pub fn client(number: u64) -> SocketAddr {
    let [.., second, third] = number.to_be_bytes();
    ([80, 128 | second, third, 9], 1024).into()
}
