//! The node that hostile packets meet: a steered zone signed with NSEC, one signed with NSEC3, an unsigned one.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use tokio::runtime::Runtime;
use waypost::answer::{Tables, Transport};
use waypost::dnssec::{DnssecKey, KeyPhase, KeyRole};
use waypost::model::{Denial, EndpointHealth, Generation, Name, RateLimitSettings, State, TransferRule, ZonePolicy};
use waypost::serve::{Hot, HotResponder, Outcome, Responder, Secrets, Setup, Usage};
use waypost::steer::{Atlas, Steering};
use waypost::tsig::{Key, Keyring};
use waypost::zone::{self, Include, Zone, Zones};
use waypost::{config, plan};

const CONFIG: &str = include_str!("world.toml");
const STEERED: &str = include_str!("world.zone");
const PLAIN: &str =
    "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n* TXT any\nsub NS ns.sub\nns.sub A 192.0.2.54\n";
/// Messages of a transfer that are looked at.
const MAX_MESSAGES: usize = 64;

/// The name of the key that the node shares, and its secret.
pub const KEY: (&str, &[u8]) = ("xfer", b"0123456789abcdef0123456789abcdef");
/// A client that may transfer without a key.
pub const FRIEND: &str = "127.0.0.1:5353";
/// Any other client.
pub const STRANGER: &str = "198.51.100.77:5353";

/// A node in this thread.
pub struct World {
    runtime: Runtime,
    responder: Responder,
    hot: RefCell<HotResponder>,
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// The world of this thread, made at the first call.
pub fn world() -> Rc<World> {
    WORLD.with_borrow_mut(|world| Rc::clone(world.get_or_insert_with(|| Rc::new(World::new()))))
}

/// The key that the node shares.
pub fn key() -> Key {
    Key::new(name(KEY.0), waypost::model::TsigAlgorithm::HmacSha256, KEY.1)
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tables = Arc::new(ArcSwap::from_pointee(tables()));
        let secrets = Secrets { keyring: [key()].into_iter().collect::<Keyring>(), ..Secrets::default() };
        let setup = Setup {
            secrets: Arc::new(ArcSwap::from_pointee(secrets)),
            // All inputs come from one address, and each is to be answered.
            rate_limit: RateLimitSettings { responses_per_second: None, ..RateLimitSettings::default() },
            ..Setup::plain("fuzz", &[], tables, Arc::new(Usage::new(Instant::now())))
        };
        let responder = Responder::new(setup);
        Self { runtime, hot: RefCell::new(responder.hot()), responder }
    }

    /// What the hot path answers to `packet`, if it does.
    pub fn ask_hot(&self, packet: &[u8], source: &str) -> Option<Vec<u8>> {
        let mut reply = [0; 1232];
        let mut hot = self.hot.borrow_mut();
        hot.tick();
        match hot.respond(packet, source.parse().unwrap(), &mut reply) {
            Hot::Reply(length) => Some(reply[..length].to_vec()),
            Hot::Silence | Hot::Pass => None,
        }
    }

    /// All messages that go back for `packet`.
    pub fn ask(&self, packet: &[u8], source: &str, transport: Transport) -> Vec<Vec<u8>> {
        let source: SocketAddr = source.parse().unwrap();
        let outcome = self.runtime.block_on(self.responder.respond(packet, source, transport));
        assert_eq!(self.responder.usage().counts().panics, 0, "the handler panicked");
        match outcome {
            Outcome::Silence => Vec::new(),
            Outcome::Reply(reply) => vec![reply],
            Outcome::Transfer(messages) => messages.take(MAX_MESSAGES).collect(),
        }
    }
}

struct NoIncludes;

impl Include for NoIncludes {
    fn read(&self, _: &Path) -> Result<String, String> {
        Err("not here".to_owned())
    }
}

fn load(origin: &str, text: &str) -> Zone {
    let (zone, report) = zone::load(&name(origin), Path::new("world.zone"), text, &NoIncludes);
    let from = vec!["127.0.0.0/8".parse().unwrap()];
    let rules = vec![
        TransferRule { from, key: None },
        TransferRule { from: vec!["0.0.0.0/0".parse().unwrap()], key: Some(name(KEY.0)) },
    ];
    let policy = ZonePolicy { transfer: rules, ..ZonePolicy::default() };
    zone.unwrap_or_else(|| panic!("{report}")).with_policy(Arc::new(policy))
}

fn tables() -> Tables {
    let (settings, report) = config::read(Path::new("waypost.toml"), CONFIG);
    let settings = settings.unwrap_or_else(|| panic!("{report}"));
    let zones = [
        load("example.org", STEERED).secured(keys(), Denial::Nsec, 1),
        load("nsec3.example", PLAIN).secured(keys(), Denial::Nsec3, 1),
        load("plain.example", PLAIN),
    ];
    let attribution = zone::attribute(zones.into_iter().collect::<Zones>(), &settings);
    let of = |_: &waypost::model::Endpoint| EndpointHealth {
        state: State::Up,
        suspect: false,
        reason: String::new(),
        since: Timestamp::UNIX_EPOCH,
    };
    let health: Vec<_> = attribution.topology.endpoints.iter().map(of).collect();
    let generation = Generation { epoch: 1, sequence: 1 };
    let plan = plan::make(plan::Inputs { topology: &attribution.topology, health: &health, intents: &[], generation });
    let steering = Steering::build(&attribution.topology, &settings.geo, &Atlas::embedded());
    Tables::new(Arc::new(attribution), Arc::new(steering), Arc::new(plan))
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
