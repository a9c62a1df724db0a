//! Plain TCP (RFC 7766).

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use waypost::model::Limits;

use crate::scene::Scene;
use crate::support::{query, receive};

const PATIENCE: Duration = Duration::from_secs(20);

pub fn framed(id: u16, owner: &str, rtype: RecordType) -> Vec<u8> {
    let mut message = query(owner, rtype);
    message.metadata.id = id;
    frame(&message.to_vec().unwrap())
}

pub fn frame(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).unwrap().to_be_bytes()[..], octets].concat()
}

/// A notification of a zone: the slow kind of message, or the faulty one.
fn notify(id: u16, zone: &str) -> Vec<u8> {
    let mut octets = framed(id, zone, RecordType::SOA);
    // Opcode 4 and AA in the flags behind length and ID.
    octets[4] = (octets[4] & 0x87) | (4 << 3) | 0x04;
    octets
}

async fn connect(scene: &Scene) -> TcpStream {
    TcpStream::connect(scene.plain()).await.unwrap()
}

/// Whether the server has closed the connection, or does within the time that it may take.
async fn ends(stream: &mut TcpStream) -> bool {
    let mut octet = [0];
    matches!(timeout(PATIENCE, stream.read(&mut octet)).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_answered_whole_however_it_is_cut() {
    let scene = Scene::start(Limits::default());
    let queries: Vec<u8> = (1..=60).flat_map(|id| framed(id, "www.example.org", RecordType::A)).collect();
    for piece in [queries.len(), 1, 7] {
        let mut stream = connect(&scene).await;
        let (mut reader, mut writer) = stream.split();
        let send = async {
            for octets in queries.chunks(piece) {
                writer.write_all(octets).await.unwrap();
            }
            // A client that closes its own side is answered all the same (section 6.2.4).
            writer.shutdown().await.unwrap();
        };
        let take = async {
            let mut replies = Vec::new();
            reader.read_to_end(&mut replies).await.unwrap();
            replies
        };
        let ((), replies) = tokio::join!(send, timeout(PATIENCE, take));
        let replies = replies.unwrap();
        let mut ids: Vec<u16> = split(&replies).iter().map(|message| message.metadata.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=60).collect::<Vec<_>>(), "in pieces of {piece}");
    }
}

fn split(mut octets: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk::<2>() {
        let (message, rest) = rest.split_at(u16::from_be_bytes(*length).into());
        messages.push(Message::from_vec(message).unwrap());
        octets = rest;
    }
    messages
}

#[tokio::test(flavor = "multi_thread")]
async fn quick_replies_overtake_slow_ones_and_a_panic_harms_none() {
    let scene = Scene::start(Limits::default());
    let mut stream = connect(&scene).await;
    let queries = [
        notify(1, "slow"),
        notify(2, "panic"),
        framed(3, "www.example.org", RecordType::A),
        framed(4, "mail.example.org", RecordType::A),
    ];
    stream.write_all(&queries.concat()).await.unwrap();
    let mut replies = Vec::new();
    for _ in 0..4 {
        let reply = receive(&mut stream).await.unwrap();
        replies.push((reply.metadata.id, reply.metadata.response_code));
    }
    assert_eq!(replies[3], (1, ResponseCode::NoError), "the slow one comes last");
    replies.sort_unstable_by_key(|reply| reply.0);
    assert_eq!(replies[1], (2, ResponseCode::ServFail));
    assert_eq!(scene.usage.counts().panics, 1);
    // Once more: in quarantine.
    stream.write_all(&notify(9, "panic")).await.unwrap();
    assert_eq!(receive(&mut stream).await.unwrap().metadata.response_code, ResponseCode::ServFail);
    assert_eq!((scene.usage.counts().panics, scene.usage.counts().quarantined), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_what_one_connection_may_ask_nothing_is_read_and_nothing_lost() {
    let limits = Limits { queries_per_connection: 4, ..Limits::default() };
    let scene = Scene::start(limits);
    let mut stream = connect(&scene).await;
    let queries: Vec<u8> = (1..=12).flat_map(|id| notify(id, "slow")).collect();
    stream.write_all(&queries).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(receive(&mut stream).await.unwrap().metadata.id);
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=12).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn rude_clients_are_closed() {
    let scene = Scene::start(Limits { idle: Duration::from_millis(400), ..Limits::default() });
    for octets in [&b""[..], b"\x00", b"\x00\x20\x12", b"\xff\xff", b"\x10\x01\x00"] {
        let mut stream = connect(&scene).await;
        stream.write_all(octets).await.unwrap();
        assert!(ends(&mut stream).await, "{octets:?}");
    }
    // What cannot be answered is passed over in silence, and the connection goes on.
    let mut stream = connect(&scene).await;
    stream.write_all(&[frame(b"\x12\x34\x80\x00"), frame(b"")].concat()).await.unwrap();
    stream.write_all(&framed(7, "www.example.org", RecordType::A)).await.unwrap();
    assert_eq!(receive(&mut stream).await.unwrap().metadata.id, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_no_replies_is_closed() {
    let scene = Scene::start(Limits::default());
    let mut stream = connect(&scene).await;
    let burst: Vec<u8> = (0..2_000).flat_map(|id| framed(id, "example.org", RecordType::ANY)).collect();
    // Ends when the server reads no more and gives up: ten seconds for a reply that nobody takes.
    let write = async { while stream.write_all(&burst).await.is_ok() {} };
    timeout(Duration::from_secs(60), write).await.expect("a server that gives up");
    assert!(scene.usage.counts().unsent >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_rest_makes_room_and_each_client_has_its_share() {
    let limits = Limits { connections: 8, connections_per_client: 3, ..Limits::default() };
    let scene = Scene::start(limits);
    let from = |last: u8| from_address(scene.plain(), [127, 0, 1, last]);
    let mut first = from(1).await;
    let mut rest = Vec::new();
    for last in 2..=8 {
        rest.push(from(last).await);
        asked(rest.last_mut().unwrap()).await;
    }
    // All places are taken; the first has never asked anything.
    let mut ninth = from(9).await;
    asked(&mut ninth).await;
    assert!(ends(&mut first).await);
    for stream in &mut rest {
        asked(stream).await;
    }
    assert_eq!(scene.usage.counts().evicted, 1);
    // A fourth connection of one client is turned away.
    drop(rest);
    let mut same = Vec::new();
    for _ in 0..3 {
        same.push(from(20).await);
        asked(same.last_mut().unwrap()).await;
    }
    let mut fourth = from(20).await;
    assert!(ends(&mut fourth).await);
    asked(&mut same[0]).await;
}

/// A connection from an address of the loopback network.
pub async fn from_address(to: SocketAddr, address: [u8; 4]) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

async fn asked(stream: &mut TcpStream) {
    stream.write_all(&framed(5, "www.example.org", RecordType::A)).await.unwrap();
    assert_eq!(receive(stream).await.unwrap().metadata.id, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_what_was_asked_be_answered() {
    let scene = Scene::start(Limits::default());
    let mut stream = connect(&scene).await;
    stream.write_all(&notify(1, "slow")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopping = tokio::spawn(scene.server.stop());
    assert_eq!(receive(&mut stream).await.unwrap().metadata.id, 1);
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
}
