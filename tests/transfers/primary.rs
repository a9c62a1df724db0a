//! Waypost as primary, in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use hickory_proto::op::ResponseCode;
use waypost::answer::Tables;
use waypost::model::{Generation, State, TransferRule, TsigAlgorithm, UpdateRule, ZonePolicy};
use waypost::plan;
use waypost::serve::{Backstage, Notification, Secrets, Server, Setup, UpdateRequest, Usage};
use waypost::tsig::{Key, Keyring};
use waypost::zone::{self, Zone, Zones};

use crate::support::{self, name};

/// The secret of the key `xfer`.
pub const SECRET: &[u8] = b"a secret of thirty-two octets...";

/// `xfer` with hmac-sha256, `xfer-384` and `xfer-512` with their algorithms, and `stranger`, which no rule names.
pub fn key(name: &str) -> Key {
    let algorithm = match name {
        "xfer-384" => TsigAlgorithm::HmacSha384,
        "xfer-512" => TsigAlgorithm::HmacSha512,
        _ => TsigAlgorithm::HmacSha256,
    };
    Key::new(name.parse().unwrap(), algorithm, SECRET)
}

/// As dig, kdig and nsupdate want a key on the command line.
pub fn key_argument(algorithm: &str, name: &str, secret: &[u8]) -> String {
    format!("{algorithm}:{name}:{}", data_encoding::BASE64.encode(secret))
}

/// `xfer` on the command line.
pub fn xfer() -> String {
    key_argument("hmac-sha256", "xfer", SECRET)
}

/// Remembers what came in. A zone whose updates are `faulty` makes it panic.
#[derive(Default)]
pub struct Recorder {
    pub notifications: Mutex<Vec<Notification>>,
    pub updates: Mutex<Vec<UpdateRequest>>,
}

#[async_trait]
impl Backstage for Recorder {
    async fn notified(&self, notification: Notification) -> ResponseCode {
        let ours = notification.zone == name("example.org");
        self.notifications.lock().unwrap().push(notification);
        if ours { ResponseCode::NoError } else { ResponseCode::NotAuth }
    }

    async fn update(&self, request: UpdateRequest) -> ResponseCode {
        assert!(request.zone != name("faulty.example"), "a fault");
        self.updates.lock().unwrap().push(request);
        ResponseCode::NoError
    }

    async fn part(&self, _: &'static str, _: Result<String, String>) {}
}

/// A rule for everyone on this host.
pub fn local_rule(key: Option<&str>) -> TransferRule {
    TransferRule { from: vec!["127.0.0.0/8".parse().unwrap()], key: key.map(name) }
}

/// Transfers from 127.0.0.1 with any of the `xfer` keys, updates with `xfer`.
pub fn policy() -> ZonePolicy {
    let from = vec!["127.0.0.1/32".parse().unwrap()];
    let rule = |key: &str| TransferRule { from: from.clone(), key: Some(name(key)) };
    let update = UpdateRule {
        key: name("xfer"),
        names: vec![name("_acme-challenge.example.org")],
        types: vec![hickory_proto::rr::RecordType::TXT],
    };
    ZonePolicy {
        transfer: vec![rule("xfer"), rule("xfer-384"), rule("xfer-512")],
        update: vec![update],
        ..ZonePolicy::default()
    }
}

pub fn zone(origin: &str, text: &str, policy: &ZonePolicy) -> Zone {
    let (zone, report) = zone::load(&name(origin), Path::new("test.zone"), text, &support::NoIncludes);
    zone.unwrap_or_else(|| panic!("{report}")).with_policy(Arc::new(policy.clone()))
}

fn tables(zones: Vec<Zone>) -> Tables {
    let attribution = zone::attribute(zones.into_iter().collect::<Zones>(), &support::settings());
    // One site is down, so that what is steered differs from what is declared.
    let state = |site: &str| if site == "fra" { State::Down } else { State::Up };
    let health = support::health(&attribution.topology, state);
    let generation = Generation { epoch: 1, sequence: 1 };
    let plan = plan::make(plan::Inputs { topology: &attribution.topology, health: &health, intents: &[], generation });
    Tables::new(Arc::new(attribution), support::steering(), Arc::new(plan))
}

/// The server.
pub struct Primary {
    pub address: SocketAddr,
    pub usage: Arc<Usage>,
    pub recorder: Arc<Recorder>,
    tables: Arc<ArcSwap<Tables>>,
    _runtime: tokio::runtime::Runtime,
    _server: Server,
}

impl Primary {
    /// Serves `zones` on a free port of every loopback address, and knows the keys of [`key`].
    pub fn start(zones: Vec<Zone>) -> Self {
        Self::with(zones, |_| {})
    }

    /// The same with a setup that `change` changes.
    pub fn with(zones: Vec<Zone>, change: impl FnOnce(&mut Setup)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let tables = Arc::new(ArcSwap::from_pointee(tables(zones)));
        let usage = Arc::new(Usage::new(Instant::now()));
        let recorder = Arc::new(Recorder::default());
        let keyring: Keyring = ["xfer", "xfer-384", "xfer-512", "stranger"].map(key).into_iter().collect();
        let listen = ["0.0.0.0:0".parse().unwrap()];
        let mut setup = Setup::plain("primary", &listen, Arc::clone(&tables), Arc::clone(&usage));
        setup.secrets = Arc::new(ArcSwap::from_pointee(Secrets { keyring, ..Secrets::default() }));
        setup.backstage = Arc::clone(&recorder) as Arc<dyn Backstage>;
        change(&mut setup);
        let server = runtime.block_on(async { Server::start(setup) }).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], server.local_addrs()[0].port()));
        Self { address, usage, recorder, tables, _runtime: runtime, _server: server }
    }

    /// Serves other zones from now on.
    pub fn replace(&self, zones: Vec<Zone>) {
        self.tables.store(Arc::new(tables(zones)));
    }

    /// Requests for transfers that ended so.
    pub fn transfers(&self, end: &str) -> u64 {
        self.usage.counts().transfers.iter().find(|(word, _)| *word == end).unwrap().1
    }

    /// `@address -p port` of dig and kdig.
    pub fn at(&self) -> [String; 3] {
        [format!("@{}", self.address.ip()), "-p".to_owned(), self.address.port().to_string()]
    }
}
