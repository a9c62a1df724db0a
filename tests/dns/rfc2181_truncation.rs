//! Broken here, and clients take half an RRset for the whole, or never learn to ask again over TCP.

use hickory_proto::rr::RecordType;
use waypost::model::State;

use super::support::{Running, edns_query, query, serve, tables_of};

/// 40 addresses need some 690 octets, 200 some 3,250; the many come behind an alias.
fn running() -> Running {
    let addresses =
        |owner: &str, count: usize| -> String { (0..count).map(|n| format!("{owner} A 203.0.{n}.1\n")).collect() };
    let zone = format!(
        "$TTL 60\n@ SOA ns1 h 1 1 1 1 60\n@ NS ns1\nns1 A 192.0.2.1\n{}{}a CNAME many\n",
        addresses("some", 40),
        addresses("many", 200)
    );
    serve(tables_of(&[("example.org", &zone)], |_| State::Up, &[]))
}

#[tokio::test]
async fn what_does_not_fit_is_left_out_whole_and_comes_over_tcp() {
    let running = running();
    let reply = running.udp(&query("a.example.org", RecordType::A)).await;
    assert!(reply.metadata.truncation);
    assert_eq!(reply.answers.len(), 1, "the alias fits, of the addresses none is sent");
    let reply = running.tcp(&query("a.example.org", RecordType::A)).await;
    assert!(!reply.metadata.truncation);
    assert_eq!(reply.answers.len(), 201);
    assert_eq!(running.usage.counts().truncated, 1);
}

#[tokio::test]
async fn a_client_gets_what_it_takes_up_to_our_own_bound() {
    let running = running();
    for (payload, truncated) in [(0, true), (512, true), (670, true), (700, false), (4096, false)] {
        let mut asked = edns_query("some.example.org", RecordType::A, |_| {});
        asked.edns.as_mut().unwrap().set_max_payload(payload);
        assert_eq!(running.udp(&asked).await.metadata.truncation, truncated, "payload {payload}");
    }
    let asked = edns_query("many.example.org", RecordType::A, |edns| {
        edns.set_max_payload(65_535);
    });
    let reply = running.udp_octets(&asked.to_vec().unwrap()).await.unwrap();
    assert!(reply.len() <= 1232 && reply[2] & 0x02 != 0, "never a datagram that would be fragmented (RFC 9715)");
}
