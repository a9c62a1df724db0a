//! The room against primaries that do what they should not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, NS, SOA};
use hickory_proto::rr::{self, DNSClass, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

use super::{Assignment, Held, Herald, Kind, News, Secondaries, Stats, Surroundings};
use crate::model::{Name, Peer, TsigAlgorithm, ZonePolicy};
use crate::tsig::{Key, verify_request};
use crate::zone::{Include, Zone, load};

const WAIT: Duration = Duration::from_secs(20);

/// Keys and zones by name.
#[derive(Default)]
struct World {
    keys: HashMap<Name, Key>,
    zones: Mutex<HashMap<Name, Zone>>,
}

impl Surroundings for World {
    fn key(&self, name: &Name) -> Option<Key> {
        self.keys.get(name).cloned()
    }

    fn zone(&self, origin: &Name) -> Option<Zone> {
        self.zones.lock().unwrap().get(origin).cloned()
    }
}

struct Nothing;

impl Include for Nothing {
    fn read(&self, _: &Path) -> Result<String, String> {
        Err("nothing is there".to_owned())
    }
}

fn zone(serial: u32) -> Zone {
    let text = format!("$TTL 60\n@ SOA ns h {serial} 3600 900 604800 60\n@ NS ns\nns A 192.0.2.1\n");
    load(&"example".parse().unwrap(), Path::new("zone"), &text, &Nothing).0.unwrap()
}

fn rr_name(text: &str) -> rr::Name {
    rr::Name::from_ascii(text).unwrap()
}

fn soa(serial: u32) -> Record {
    let data = SOA::new(rr_name("ns.example."), rr_name("h.example."), serial, 3600, 900, 604_800, 60);
    Record::from_rdata(rr_name("example."), 60, RData::SOA(data))
}

fn a(owner: &str) -> Record {
    Record::from_rdata(rr_name(owner), 60, RData::A(A::new(192, 0, 2, 1)))
}

fn whole(serial: u32) -> Vec<Record> {
    let ns = Record::from_rdata(rr_name("example."), 60, RData::NS(NS(rr_name("ns.example."))));
    vec![soa(serial), ns, a("ns.example."), soa(serial)]
}

/// The reply to `request` with `answers`.
fn reply(request: &Message, answers: Vec<Record>) -> Message {
    let mut reply = Message::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    reply.metadata.authoritative = true;
    reply.add_queries(request.queries.iter().cloned());
    reply.insert_answers(answers);
    reply
}

fn refused(request: &Message) -> Vec<Message> {
    let mut message = reply(request, Vec::new());
    message.metadata.response_code = ResponseCode::Refused;
    vec![message]
}

fn rtype(request: &Message) -> RecordType {
    request.queries[0].query_type()
}

/// A server whose replies to a request `answers` makes, the same over UDP and TCP.
async fn primary(answers: impl Fn(&Message) -> Vec<Message> + Clone + Send + 'static) -> SocketAddr {
    let raw = move |octets: &[u8]| {
        let messages = answers(&Message::from_vec(octets).unwrap());
        messages.iter().map(|message| message.to_vec().unwrap()).collect()
    };
    raw_primary(raw).await
}

/// As [`primary`], in octets.
async fn raw_primary(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Clone + Send + 'static) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    let over_udp = answers.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            for message in over_udp(&buffer[..length]) {
                udp.send_to(&message, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let answers = answers.clone();
            tokio::spawn(async move {
                let length = stream.read_u16().await.unwrap();
                let mut octets = vec![0; usize::from(length)];
                stream.read_exact(&mut octets).await.unwrap();
                for message in answers(&octets) {
                    let length = u16::try_from(message.len()).unwrap();
                    // Whoever has seen enough may be gone.
                    let _ = stream.write_all(&[&length.to_be_bytes(), message.as_slice()].concat()).await;
                }
            });
        }
    });
    address
}

fn peer(address: SocketAddr) -> Peer {
    Peer { address, key: None }
}

/// A room that holds example from `primaries`, from `held` on.
fn start(world: Arc<World>, primaries: Vec<Peer>, held: Option<u32>) -> (Secondaries, mpsc::UnboundedReceiver<News>) {
    let (sender, news) = mpsc::unbounded_channel();
    let held = held.map(|serial| {
        let zone = zone(serial);
        let what = Held::of(&zone).unwrap();
        world.zones.lock().unwrap().insert(zone.origin().clone(), zone);
        (what, Duration::ZERO)
    });
    let room = Secondaries::start(Instant::now(), world, Arc::default(), sender);
    let assignment =
        Assignment { origin: "example".parse().unwrap(), kind: Kind::Zone, primaries, incarnation: Vec::new(), held };
    let assigned = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| assigned.block_on(room.assign(vec![assignment])));
    (room, news)
}

async fn first(news: &mut mpsc::UnboundedReceiver<News>) -> News {
    tokio::time::timeout(WAIT, news.recv()).await.expect("news in time").unwrap()
}

/// What the first check of a zone that is held with serial `held` comes to.
async fn outcome(primaries: Vec<Peer>, held: Option<u32>) -> Result<u32, String> {
    let (_room, mut news) = start(Arc::default(), primaries, held);
    match first(&mut news).await {
        News::Version { zone, .. } => Ok(zone.serial()),
        News::Failed { detail, .. } => Err(detail),
        News::Current { .. } => Err("current".to_owned()),
        News::Expired { .. } => Err("expired".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_transfer_brings_nothing() {
    let other_class = |request: &Message| {
        let mut records = whole(1);
        records[1].dns_class = DNSClass::CH;
        vec![reply(request, records)]
    };
    let other_question = |request: &Message| {
        let mut message = reply(request, whole(1));
        message.queries[0].set_name(rr_name("other."));
        vec![message]
    };
    let other_id = |request: &Message| {
        let mut message = reply(request, whole(1));
        message.metadata.id = message.metadata.id.wrapping_add(1);
        vec![message]
    };
    let without_end = |request: &Message| vec![reply(request, whole(1)[..3].to_vec())];
    let changed = |request: &Message| {
        let mut records = whole(1);
        records[3] = soa(2);
        vec![reply(request, records)]
    };
    let lacking = |request: &Message| vec![reply(request, vec![soa(1), a("ns.example."), soa(1)])];
    let beyond = |request: &Message| vec![reply(request, [whole(1), vec![a("x.example.")]].concat())];
    for (address, says) in [
        (primary(other_class).await, "another class than IN"),
        (primary(other_question).await, "another question"),
        (primary(other_id).await, "no reply to the request"),
        (primary(without_end).await, "ended after 3 records: it closed the connection before the end"),
        (primary(changed).await, "changed from serial 1 to 2"),
        (primary(lacking).await, "no NS at example."),
        (primary(beyond).await, "follow the last SOA"),
        (primary(refused).await, "REFUSED"),
        (raw_primary(|_| vec![vec![0; 5]]).await, "no reply to the request"),
    ] {
        let said = outcome(vec![peer(address)], None).await.unwrap_err();
        assert!(said.contains(says) && said.contains(&address.to_string()), "{said} instead of {says}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_outside_of_the_zone_is_left_out() {
    let address = primary(|request| {
        let mut records = whole(1);
        records.insert(1, a("www.elsewhere."));
        vec![reply(request, records)]
    })
    .await;
    let (_room, mut news) = start(Arc::default(), vec![peer(address)], None);
    let News::Version { zone, .. } = first(&mut news).await else { panic!("no version") };
    assert_eq!(zone.nodes().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_primary_that_has_the_zone_gives_it() {
    let good = primary(|request| match rtype(request) {
        RecordType::SOA => vec![reply(request, vec![soa(5)])],
        _ => vec![reply(request, whole(5))],
    })
    .await;
    let old = primary(|request| vec![reply(request, vec![soa(4)])]).await;
    let lying = primary(|request| match rtype(request) {
        RecordType::SOA => vec![reply(request, vec![soa(9)])],
        _ => refused(request),
    })
    .await;
    let bad = primary(refused).await;
    assert_eq!(outcome(vec![peer(bad), peer(good)], None).await, Ok(5));
    assert_eq!(outcome(vec![peer(bad), peer(lying), peer(old), peer(good)], Some(4)).await, Ok(5));
    assert_eq!(outcome(vec![peer(bad), peer(old)], Some(4)).await, Err("current".to_owned()));
    let said = outcome(vec![peer(old)], Some(6)).await.unwrap_err();
    assert!(said.contains("its serial 4 is before ours, 6"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_without_differences_gives_the_whole_zone() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp, ResponseCode::Refused] {
        let address = primary(move |request| match rtype(request) {
            RecordType::SOA => vec![reply(request, vec![soa(5)])],
            RecordType::AXFR => vec![reply(request, whole(5))],
            _ => {
                let mut message = reply(request, Vec::new());
                message.metadata.response_code = code;
                vec![message]
            }
        })
        .await;
        assert_eq!(outcome(vec![peer(address)], Some(4)).await, Ok(5));
    }
    // Differences from a version that is not the one that is held.
    let address = primary(|request| match rtype(request) {
        RecordType::SOA => vec![reply(request, vec![soa(5)])],
        RecordType::AXFR => vec![reply(request, whole(5))],
        _ => vec![reply(request, vec![soa(5), soa(4), a("stranger.example."), soa(5), soa(5)])],
    })
    .await;
    assert_eq!(outcome(vec![peer(address)], Some(4)).await, Ok(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_datagrams_do_not_keep_the_true_one_away() {
    let address = primary(|request| {
        let mut forged = reply(request, vec![soa(9)]);
        forged.metadata.id = forged.metadata.id.wrapping_add(1);
        let mut question = forged.clone();
        question.metadata.id = request.metadata.id;
        question.queries[0].set_name(rr_name("other."));
        vec![forged, question, reply(request, vec![soa(4)])]
    })
    .await;
    assert_eq!(outcome(vec![peer(address)], Some(4)).await, Err("current".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_counts_only_if_all_of_it_is_signed() {
    let name: Name = "xfer".parse().unwrap();
    let key = Key::new(name.clone(), TsigAlgorithm::HmacSha256, b"0123456789abcdef0123456789abcdef");
    let world = || Arc::new(World { keys: [(name.clone(), key.clone())].into(), ..World::default() });
    for (signed, is_taken) in [([true, true], true), ([true, false], false), ([false, false], false)] {
        let ring = [key.clone()].into_iter().collect();
        let ring: Arc<crate::tsig::Keyring> = Arc::new(ring);
        let address = raw_primary(move |octets| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let mut verified = verify_request(octets, &ring, now).unwrap().unwrap();
            let request = Message::from_vec(&verified.stripped).unwrap();
            let records = whole(1);
            let halves = [&records[..2], &records[2..]].into_iter().zip(signed);
            let messages = halves.map(|(half, is_signed)| {
                let mut octets = reply(&request, half.to_vec()).to_vec().unwrap();
                if is_signed {
                    verified.session.sign_reply(&mut octets, now);
                }
                octets
            });
            messages.collect()
        })
        .await;
        let peers = vec![Peer { address, key: Some(name.clone()) }];
        let (_room, mut news) = start(world(), peers, None);
        assert_eq!(matches!(first(&mut news).await, News::Version { .. }), is_taken, "{signed:?}");
    }
    // Whoever has lost the key asks nobody without it.
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let address = raw_primary(move |_| {
        *count.lock().unwrap() += 1;
        Vec::new()
    })
    .await;
    let said = outcome(vec![Peer { address, key: Some(name) }], None).await.unwrap_err();
    assert!(said.contains("the key xfer. could not be read"), "{said}");
    assert_eq!(*asked.lock().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_is_none_is_not_taken() {
    let address = primary(|request| vec![reply(request, whole(1))]).await;
    let (sender, mut news) = mpsc::unbounded_channel();
    let room = Secondaries::start(Instant::now(), Arc::new(World::default()), Arc::default(), sender);
    room.assign(vec![Assignment {
        origin: "example".parse().unwrap(),
        kind: Kind::Catalog,
        primaries: vec![peer(address)],
        incarnation: Vec::new(),
        held: None,
    }])
    .await;
    let News::Failed { detail, .. } = first(&mut news).await else { panic!("it was taken") };
    assert!(detail.contains("no catalog zone"), "{detail}");
    // A zone that is assigned no more is not asked for either.
    room.assign(Vec::new()).await;
    room.stop().await;
    assert!(room.standings().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notify_is_sent_until_it_is_answered() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let address = primary(move |request| {
        let mut seen = seen.lock().unwrap();
        let RData::SOA(soa) = &request.answers[0].data else { panic!("no SOA") };
        assert!(request.metadata.op_code == OpCode::Notify && request.metadata.authoritative);
        seen.push(soa.serial);
        if seen.len() < 2 { Vec::new() } else { vec![reply(request, Vec::new())] }
    })
    .await;
    let stats = Arc::new(Stats::default());
    let (sender, mut unanswered) = mpsc::unbounded_channel();
    let herald = Herald::new(Arc::new(World::default()), Arc::clone(&stats), sender);
    let policy = |address| Arc::new(ZonePolicy { notify: vec![peer(address)], ..ZonePolicy::default() });
    herald.announce(&zone(7).with_policy(policy(address)));
    let told = async {
        while stats.counts().notifies_answered == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WAIT, told).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [7, 7]);
    assert!(unanswered.try_recv().is_err());
    let deaf = primary(refused).await;
    herald.announce(&zone(8).with_policy(policy(deaf)));
    let report = tokio::time::timeout(WAIT, unanswered.recv()).await.unwrap().unwrap();
    assert_eq!((report.serial, report.to, stats.counts().notifies_unanswered), (8, deaf, 1));
    assert!(report.detail.contains("REFUSED"), "{}", report.detail);
}
