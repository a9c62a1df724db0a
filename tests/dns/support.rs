//! A small world: one configuration, its zones, tables for any state of health, and a server to ask.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name as RrName, RecordType};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use waypost::answer::{Client, Part, Question, Reply, Tables};
use waypost::model::{EndpointHealth, Generation, Intent, Name, Settings, State, Topology};
use waypost::serve::{Server, Setup, Usage};
use waypost::steer::{Atlas, Steering};
use waypost::zone::{self, Attribution, Include, Zones};
use waypost::{config, plan};

/// Two sites; clients of 203.0.113.0/24 are sent to iad, all others to fra.
pub const CONFIG: &str = r#"
[node]
name = "test-ns1"
listen = ["127.0.0.1:5300"]

[state]
path = "state"

[[site]]
name = "fra"
location = { country = "DE" }
networks = ["192.0.2.0/26", "2001:db8:f::/48"]

[[site]]
name = "iad"
location = { country = "US" }
networks = ["198.51.100.0/26"]

[[service]]
name = "mx"
names = ["example.org", "mx-fra.example.org", "mx-iad.example.org", "mail.example.org"]
types = ["MX", "A", "AAAA"]
policy = "geo"
geo = [
  { network = "203.0.113.0/24", sites = ["iad", "fra"] },
  { default = true, sites = ["fra", "iad"] },
]
ttl = "30s"
monitors = []

[[zone]]
origin = "example.org"
file = "example.org.zone"
"#;

/// Declared by `CONFIG`.
pub const ZONE: &str = r"$TTL 3600
@         IN SOA ns1 hostmaster 1 7200 900 1209600 300
          IN NS  ns1
          IN MX  10 mx-fra
          IN MX  20 mx-iad
          IN TXT v=spf1
ns1       IN A   192.0.2.53
mx-fra    IN A   192.0.2.10
mx-iad    IN A   198.51.100.10
mail      IN A   192.0.2.20
          IN A   198.51.100.20
          IN AAAA 2001:db8:f::20
www       IN A   203.0.113.80
alias     IN CNAME www
to-mail   IN CNAME mail
outside   IN CNAME www.example.net.
loop-a    IN CNAME loop-b
loop-b    IN CNAME loop-a
*.wild    IN TXT wildcard
a.b.wild  IN A   203.0.113.81
old       IN DNAME new
host.new  IN A   203.0.113.82
sub       IN NS  ns.sub
          IN NS  ns.other
          IN NS  ns.example.net.
ns.sub    IN A   203.0.113.83
ns.other  IN A   203.0.113.84
";

pub struct NoIncludes;

impl Include for NoIncludes {
    fn read(&self, path: &Path) -> Result<String, String> {
        Err(format!("{} is not there", path.display()))
    }
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn settings() -> Settings {
    let (settings, report) = config::read(Path::new("waypost.toml"), CONFIG);
    settings.unwrap_or_else(|| panic!("{report}"))
}

/// The zones named by their origins, attributed under `CONFIG`.
pub fn attribution(zones: &[(&str, &str)]) -> Attribution {
    let load = |(origin, text): &(&str, &str)| {
        let (zone, report) = zone::load(&name(origin), &PathBuf::from("test.zone"), text, &NoIncludes);
        zone.unwrap_or_else(|| panic!("{report}"))
    };
    zone::attribute(zones.iter().map(load).collect::<Zones>(), &settings())
}

/// Everyone's health, by the state of each site.
pub fn health(topology: &Topology, state: impl Fn(&str) -> State) -> Vec<EndpointHealth> {
    let of = |endpoint: &waypost::model::Endpoint| EndpointHealth {
        state: state(topology.site_name(endpoint.site)),
        suspect: false,
        reason: "connection refused".to_owned(),
        since: Timestamp::UNIX_EPOCH,
    };
    topology.endpoints.iter().map(of).collect()
}

/// Tables of `ZONE` with the sites in the given states.
pub fn tables(state: impl Fn(&str) -> State) -> Tables {
    tables_of(&[("example.org", ZONE)], state, &[])
}

pub fn tables_of(zones: &[(&str, &str)], state: impl Fn(&str) -> State, intents: &[Intent]) -> Tables {
    let attribution = attribution(zones);
    let health = health(&attribution.topology, state);
    let inputs = plan::Inputs {
        topology: &attribution.topology,
        health: &health,
        intents,
        generation: Generation { epoch: 1, sequence: 1 },
    };
    let plan = plan::make(inputs);
    Tables::new(Arc::new(attribution), steering(), Arc::new(plan))
}

/// Built once: it follows from sites, services and the country database, which all worlds here share.
pub fn steering() -> Arc<Steering> {
    static STEERING: OnceLock<Arc<Steering>> = OnceLock::new();
    let build = || {
        let topology = attribution(&[("example.org", ZONE)]).topology;
        Arc::new(Steering::build(&topology, &settings().geo, &Atlas::embedded()))
    };
    Arc::clone(STEERING.get_or_init(build))
}

pub fn all_up() -> Tables {
    tables(|_| State::Up)
}

/// Asks the tables as a resolver at an address that no rule names.
pub fn ask<'t>(tables: &'t Tables, owner: &str, rtype: RecordType) -> Reply<'t> {
    tables.decide(&Question::new(name(owner), rtype), &client("192.0.2.200"), 0)
}

pub fn client(address: &str) -> Client {
    Client::new(address.parse::<IpAddr>().unwrap())
}

/// RRsets as `owner type data`, sorted.
pub fn texts<'p>(parts: impl IntoIterator<Item = &'p Part<'p>>) -> Vec<String> {
    let lines = |part: &'p Part<'p>| {
        part.rdata.iter().map(|rdata| format!("{} {} {rdata}", part.owner, part.rtype)).collect::<Vec<_>>()
    };
    let mut texts: Vec<String> = parts.into_iter().flat_map(lines).collect();
    texts.sort();
    texts
}

pub fn answers(reply: &Reply<'_>) -> Vec<String> {
    texts(&reply.answer)
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server on a free loopback port.
pub struct Running {
    pub server: Server,
    pub usage: Arc<Usage>,
    pub address: SocketAddr,
}

pub fn serve(tables: Tables) -> Running {
    let usage = Arc::new(Usage::new(Instant::now()));
    let listen = ["127.0.0.1:0".parse().unwrap()];
    let tables = Arc::new(ArcSwap::from_pointee(tables));
    let server = Server::start(Setup::plain("test-ns1", &listen, tables, Arc::clone(&usage))).unwrap();
    let address = server.local_addrs()[0];
    Running { server, usage, address }
}

impl Running {
    /// Sends octets over UDP; what comes back within the time that a server would need many times over.
    pub async fn udp_octets(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket.send(packet).await.unwrap();
        let mut buffer = vec![0; 65_535];
        let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.ok()?.unwrap();
        buffer.truncate(length);
        Some(buffer)
    }

    pub async fn udp(&self, query: &Message) -> Message {
        Message::from_vec(&self.udp_octets(&query.to_vec().unwrap()).await.expect("a reply")).unwrap()
    }

    pub async fn tcp(&self, query: &Message) -> Message {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        send(&mut stream, query).await;
        receive(&mut stream).await.expect("a reply")
    }
}

pub async fn send(stream: &mut TcpStream, query: &Message) {
    let octets = query.to_vec().unwrap();
    let length = u16::try_from(octets.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], &octets].concat()).await.unwrap();
}

pub async fn receive(stream: &mut TcpStream) -> Option<Message> {
    let read = async {
        let length = stream.read_u16().await.ok()?;
        let mut octets = vec![0; usize::from(length)];
        stream.read_exact(&mut octets).await.ok()?;
        Some(Message::from_vec(&octets).unwrap())
    };
    timeout(PATIENCE, read).await.expect("an answer or an end")
}

pub fn query(owner: &str, rtype: RecordType) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(RrName::from_ascii(format!("{owner}.")).unwrap(), rtype));
    message
}

/// A query with EDNS, further set by `adjust`.
pub fn edns_query(owner: &str, rtype: RecordType, adjust: impl FnOnce(&mut Edns)) -> Message {
    let mut message = query(owner, rtype);
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    adjust(&mut edns);
    message.edns = Some(edns);
    message
}
