//! Name servers in all their moods.

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};

use super::servers::{Act, datagrams, speaking};
use super::*;
use crate::model::{DnsCheck, Transport};

fn dns(transport: Transport) -> MonitorKind {
    MonitorKind::Dns(DnsCheck {
        name: "example.org.".parse().unwrap(),
        rtype: RecordType::A,
        transport,
        recursion: false,
        rcodes: vec![ResponseCode::NoError],
        expect: vec!["192.0.2.1".to_owned()],
        authoritative: true,
    })
}

/// The reply to `query`, changed.
fn reply(query: &[u8], change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::from_vec(query).unwrap().into_response();
    message.metadata.message_type = MessageType::Response;
    message.metadata.authoritative = true;
    let name = message.queries[0].name.clone();
    message.add_answer(Record::from_rdata(name, 60, RData::A(A::new(192, 0, 2, 1))));
    change(&mut message);
    message.to_vec().unwrap()
}

#[tokio::test]
async fn a_good_reply_is_ok() {
    let address = datagrams(|query| vec![reply(query, |_| ())]).await;
    assert_ok(&probe(dns(Transport::Udp), address).await);
}

#[tokio::test]
async fn datagrams_of_others_are_passed_over() {
    let address = datagrams(|query| {
        let wrong_id = reply(query, |message| message.metadata.id = message.metadata.id.wrapping_add(1));
        let other = reply(query, |message| message.queries[0].name = "example.net.".parse().unwrap());
        vec![b"garbage".to_vec(), Vec::new(), query.to_vec(), wrong_id, other, reply(query, |_| ())]
    })
    .await;
    assert_ok(&probe(dns(Transport::Udp), address).await);
}

#[tokio::test]
async fn nothing_but_strangers_is_silence_that_says_so() {
    let address = datagrams(|query| vec![reply(query, |message| message.metadata.id ^= 1)]).await;
    let report = probe_within(dns(Transport::Udp), address, Duration::from_millis(300)).await;
    assert_failed(&report, FailureKind::Timeout, "what came was a reply with another ID");
    let address = datagrams(|_| Vec::new()).await;
    let report = probe_within(dns(Transport::Udp), address, Duration::from_millis(300)).await;
    assert_failed(&report, FailureKind::Timeout, "timed out waiting for the reply");
}

#[tokio::test]
async fn a_flood_of_strangers_fills_neither_time_nor_transcript() {
    let address = datagrams(|query| {
        let id = |bit: u16| move |message: &mut Message| message.metadata.id ^= bit;
        (0..200).flat_map(|_| [b"garbage".to_vec(), reply(query, id(1))]).collect()
    })
    .await;
    let report = probe_within(dns(Transport::Udp), address, Duration::from_millis(400)).await;
    assert_failed(&report, FailureKind::Timeout, "what came was");
}

#[tokio::test]
async fn nobody_there_is_refused() {
    let address = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_failed(&probe(dns(Transport::Udp), address).await, FailureKind::Refused, "refused");
    assert_failed(&probe(dns(Transport::Tcp), nobody().await).await, FailureKind::Refused, "refused");
}

#[tokio::test]
async fn replies_are_judged_by_code_authority_and_data() {
    type Change = fn(&mut Message);
    let cases: [(Change, &str); 5] = [
        (|message| message.metadata.response_code = ResponseCode::ServFail, "SERVFAIL, expected NOERROR"),
        (|message| message.metadata.response_code = ResponseCode::Refused, "REFUSED, expected NOERROR"),
        (|message| message.metadata.authoritative = false, "not authoritative"),
        (|message| message.answers.clear(), "no A record"),
        (|message| message.answers[0].data = RData::A(A::new(192, 0, 2, 9)), "192.0.2.9, expected 192.0.2.1"),
    ];
    for (change, words) in cases {
        let address = datagrams(move |query| vec![reply(query, change)]).await;
        assert_failed(&probe(dns(Transport::Udp), address).await, FailureKind::Protocol, words);
    }
}

/// A server at one port that answers truncated over UDP, and over TCP with what `answer` makes of the query.
async fn truncating(answer: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    loop {
        let address = datagrams(|query| vec![reply(query, |message| message.metadata.truncation = true)]).await;
        // The port may be taken for TCP.
        let Ok(listener) = TcpListener::bind(address).await else { continue };
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut query = vec![0; usize::from(tokio::io::AsyncReadExt::read_u16(&mut stream).await.unwrap())];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut query).await.unwrap();
                let octets = answer(&query);
                let length = u16::try_from(octets.len()).unwrap();
                stream.write_all(&[&length.to_be_bytes()[..], &octets].concat()).await.unwrap();
            }
        });
        return address;
    }
}

#[tokio::test]
async fn a_truncated_reply_is_asked_for_again_over_tcp() {
    assert_ok(&probe(dns(Transport::Udp), truncating(|query| reply(query, |_| ())).await).await);
    let wrong = truncating(|query| reply(query, |message| message.metadata.id ^= 1)).await;
    let report = probe(dns(Transport::Udp), wrong).await;
    assert_failed(&report, FailureKind::Protocol, "over TCP is a reply with another ID");
    assert!(report.transcript.unwrap().contains("truncated, asking again over TCP"));
    let only_udp = datagrams(|query| vec![reply(query, |message| message.metadata.truncation = true)]).await;
    assert_failed(&probe(dns(Transport::Udp), only_udp).await, FailureKind::Refused, "refused");
}

#[tokio::test]
async fn over_tcp_each_step_may_fail() {
    let wait = Duration::from_millis(300);
    for beginning in
        [vec![], vec![Act::Read], vec![Act::Read, Act::Send(vec![0])], vec![Act::Read, Act::Send(vec![0, 40, 1])]]
    {
        let silent = speaking([beginning.clone(), vec![Act::Hang]].concat()).await;
        assert_failed(&probe_within(dns(Transport::Tcp), silent, wait).await, FailureKind::Timeout, "over TCP");
        let closing = speaking(beginning).await;
        assert_failed(&probe(dns(Transport::Tcp), closing).await, FailureKind::Reset, "over TCP");
    }
    let drip = speaking(vec![Act::Read, Act::Send(vec![0xff, 0xff]), Act::Drip(vec![1])]).await;
    assert_failed(&probe_within(dns(Transport::Tcp), drip, wait).await, FailureKind::Timeout, "over TCP");
    let garbage = speaking(vec![Act::Read, Act::Send(b"\x00\x07garbage".to_vec())]).await;
    assert_failed(&probe(dns(Transport::Tcp), garbage).await, FailureKind::Protocol, "no DNS message");
}
