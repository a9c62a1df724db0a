//! Real mail through real faults. Broken, a mail operator loses mail, or gets it twice, when a data center dies.
//!
//! Three Postfix sites, an unbound that resolves through Waypost, and a Postfix somewhere else that sends all the time.
//! The nearest site is killed, black-holed and drained in turn; every letter arrives exactly once.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use waypost::cli::demo::Authority;

use crate::mail::{Account, MailFlow};
use crate::node::Node;
use crate::patience::wait_until;
use crate::postfix::Postfix;
use crate::unbound::Unbound;
use crate::world::{World, in_a_world};

/// Name, MX host and address of each site, as in `zones/example.org.zone`.
const SITES: [(&str, &str, &str); 3] = [
    ("fra", "mx-fra.example.org", "192.0.2.10"),
    ("iad", "mx-iad.example.org", "198.51.100.10"),
    ("nrt", "mx-nrt.example.org", "203.0.113.10"),
];
/// A name with an address at every site.
const SHARED: &str = "mx.example.org.";
const DNS: &str = "127.0.0.1:5300";
const RESOLVER: &str = "127.0.0.1";
const SENDER: &str = "127.0.0.2";
/// Short, so that what a cache may still say is over soon.
const TTL: Duration = Duration::from_secs(2);
/// Between two letters.
const GAP: Duration = Duration::from_millis(200);
/// How many letters each phase must see.
const LETTERS: usize = 15;
/// Far beyond every goal: the times are printed, not judged, because machines differ.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn every_letter_arrives_exactly_once_whatever_happens_to_one_site() {
    in_a_world("real_mail::every_letter_arrives_exactly_once_whatever_happens_to_one_site", |world| {
        let scene = Scene::set(world);
        scene.letters_arrive_first_at("fra");
        scene.killed();
        scene.black_holed(world);
        scene.drained();
        scene.settle_accounts();
    });
}

struct Scene {
    // Dropped in this order: the stream of letters first.
    flow: MailFlow,
    sender: Postfix,
    sites: Vec<Postfix>,
    _resolver: Unbound,
    node: Node,
}

impl Scene {
    fn set(world: &World) -> Self {
        let authority = Authority::new(Timestamp::now()).unwrap();
        let sites: Vec<_> = SITES
            .iter()
            .map(|(name, host, address)| {
                let address: IpAddr = address.parse().unwrap();
                world.add_address(address);
                Postfix::site(world, name, host, address, &authority)
            })
            .collect();
        let resolver: IpAddr = RESOLVER.parse().unwrap();
        world.resolve_through(resolver);
        let dns: SocketAddr = DNS.parse().unwrap();
        sites.iter().for_each(Postfix::start);
        let node = Node::start(&world.directory("node"), dns, &configuration(&world.directory("node"), &authority));
        let resolver = Unbound::start(&world.directory("unbound"), resolver, "example.org", dns);
        // Postfix listens only at addresses that an interface has by name.
        world.add_address(SENDER.parse().unwrap());
        let sender = Postfix::sender(world, SENDER.parse().unwrap());
        sender.start();
        let flow = MailFlow::start(SocketAddr::new(sender.address, 25), GAP);
        Self { flow, sender, sites, _resolver: resolver, node }
    }

    fn killed(&self) {
        let site = self.site("fra");
        let struck = self.strike(|| site.kill());
        let out = self.withdrawn("fra");
        println!("killed: out of the answers after {:.2} s (goal: 1.0 s)", (out - struck).as_secs_f64());
        self.nobody_tries("fra", out);
        site.start();
        self.returned("fra");
    }

    fn black_holed(&self, world: &World) {
        let site = self.site("fra");
        let struck = self.strike(|| world.black_hole(site.address));
        let out = self.withdrawn("fra");
        println!("black-holed: out of the answers after {:.2} s (goal: 2.0 s)", (out - struck).as_secs_f64());
        self.nobody_tries("fra", out);
        world.no_black_hole();
        self.returned("fra");
    }

    fn drained(&self) {
        let ordered = Instant::now();
        self.node.order(&["drain", "fra", "--for", "1h", "--reason", "kernel update", "--yes", "--wait"]);
        println!("drained: safe to power off after {:.2} s (TTL {} s)", ordered.elapsed().as_secs_f64(), TTL.as_secs());
        let site = self.site("fra");
        self.strike(|| site.stop());
        self.nobody_tries("fra", Instant::now() - TTL);
        assert!(!self.names_site("fra"), "a drained site is back in the answers");
    }

    /// Waits until nothing is under way between two servers, then lets `fault` happen.
    ///
    /// A fault between a site's acceptance of a letter and the sender's reading of the reply makes a second copy,
    /// whatever DNS says (RFC 1047). This test is about what DNS does, so faults strike between two letters.
    fn strike(&self, fault: impl FnOnce()) -> Instant {
        let pause = self.flow.pause();
        wait_until("all queues are empty", PATIENCE, || {
            self.sender.queued() == 0 && self.sites.iter().all(|site| site.queued() == 0)
        });
        let now = Instant::now();
        fault();
        drop(pause);
        now
    }

    /// Waits until neither MX nor A answers name the site; says when that was.
    fn withdrawn(&self, name: &str) -> Instant {
        wait_until("the site leaves the answers", PATIENCE, || !self.names_site(name));
        Instant::now()
    }

    /// Waits until the site is named first again and letters arrive there.
    fn returned(&self, name: &str) {
        let waited = wait_until("the site returns", PATIENCE, || self.names_site(name));
        println!("{name} returned by itself {:.1} s after its recovery", waited.as_secs_f64());
        self.letters_arrive_first_at(name);
    }

    /// Whether the MX answer or the A answer of a name that all sites share names the site.
    fn names_site(&self, name: &str) -> bool {
        let (_, host, address) = SITES.iter().find(|site| site.0 == name).unwrap();
        let client = self.node.client();
        client.mx("example.org.", None).contains(&format!("{host}."))
            || client.addresses(SHARED, None).contains(&address.parse().unwrap())
    }

    /// Letters handed in after caches have forgotten the site are tried only at the others.
    fn nobody_tries(&self, name: &str, withdrawn: Instant) {
        let site = self.site(name);
        let forgotten = withdrawn + TTL + Duration::from_secs(1);
        std::thread::sleep(forgotten.saturating_duration_since(Instant::now()));
        // Letters of before may still be on their way.
        wait_until("old letters are through", PATIENCE, || self.sender.queued() == 0);
        let (log, mailbox) = (line_count(&self.sender.log()), site.delivered().len());
        self.more_letters();
        let text = fs::read_to_string(self.sender.log()).unwrap();
        let tried: Vec<_> =
            text.lines().skip(log).filter(|line| line.contains(&format!("[{}]", site.address))).collect();
        assert!(tried.is_empty(), "{name} is out of the answers and yet tried:\n{}", tried.join("\n"));
        assert_eq!(site.delivered().len(), mailbox, "{name} is out of the answers and yet gets letters");
    }

    /// Waits until the next letters have arrived, all of them at `name`.
    fn letters_arrive_first_at(&self, name: &str) {
        wait_until("letters arrive at the nearest site", PATIENCE, || {
            let before = self.deliveries();
            self.more_letters();
            let after = self.deliveries();
            after.iter().all(|(site, count)| (*site == name) == (*count > before[site]))
        });
    }

    /// Waits until some more letters were taken and have left the sender.
    fn more_letters(&self) {
        let enough = self.flow.count() + LETTERS;
        wait_until("letters are taken", PATIENCE, || self.flow.count() >= enough);
        wait_until("letters leave the sender", PATIENCE, || self.sender.queued() == 0);
    }

    fn deliveries(&self) -> BTreeMap<&str, usize> {
        self.sites.iter().map(|site| (site.name(), site.delivered().len())).collect()
    }

    fn site(&self, name: &str) -> &Postfix {
        self.sites.iter().find(|site| site.name() == name).unwrap()
    }

    fn settle_accounts(self) {
        // The stopped site may hold letters that it had accepted and not yet put away.
        self.site("fra").start();
        let sent = self.flow.finish();
        wait_until("all queues are empty", PATIENCE, || {
            self.sender.queued() == 0 && self.sites.iter().all(|site| site.queued() == 0)
        });
        let mailboxes: Vec<_> = self.sites.iter().map(Postfix::delivered).collect();
        let account = Account::of(&sent, &mailboxes);
        for (site, mailbox) in self.sites.iter().zip(&mailboxes) {
            println!("{}: {} letters", site.name(), mailbox.len());
        }
        println!(
            "{} sent, {} delivered, {} lost, {} duplicated",
            account.sent,
            account.delivered,
            account.lost.len(),
            account.duplicated.len()
        );
        assert!(account.lost.is_empty(), "lost: {:?}", account.lost);
        assert!(account.duplicated.is_empty(), "more than once: {:?}", account.duplicated);
    }
}

fn line_count(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

/// Writes zone and trust anchor beside the configuration and gives its text.
fn configuration(directory: &Path, authority: &Authority) -> String {
    fs::write(directory.join("example.org.zone"), include_str!("../../zones/example.org.zone")).unwrap();
    fs::write(directory.join("ca.pem"), authority.certificate()).unwrap();
    format!(
        r#"[node]
name = "test"
listen = ["{DNS}"]

[admin]
listen = "127.0.0.1:8053"
socket = "admin.sock"

[rate_limit]
exempt = ["127.0.0.0/8"]

[state]
path = "state"

[geo]
networks = {{ "127.0.0.0/8" = "fra" }}

[[site]]
name = "fra"
location = {{ country = "DE", lat = 50.1, lon = 8.7 }}
networks = ["192.0.2.0/26"]

[[site]]
name = "iad"
location = {{ country = "US", lat = 38.9, lon = -77.5 }}
networks = ["198.51.100.0/26"]

[[site]]
name = "nrt"
location = {{ country = "JP", lat = 35.8, lon = 140.4 }}
networks = ["203.0.113.0/26"]

[[service]]
name = "mx"
names = ["example.org", "mx.example.org", "mx-fra.example.org", "mx-iad.example.org", "mx-nrt.example.org"]
types = ["MX", "A"]
policy = "nearest"
ttl = "{ttl}s"
monitors = ["smtp"]

[monitor.smtp]
kind = "smtp"
port = 25
tls = "starttls"
ca = "ca.pem"
recipient = "probe@example.org"

[[zone]]
origin = "example.org"
file = "example.org.zone"
"#,
        ttl = TTL.as_secs()
    )
}
