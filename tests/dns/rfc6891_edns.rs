//! Broken here, and resolvers fall back to 512 octets or take us for broken.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::support::{all_up, edns_query, query, serve};

#[tokio::test]
async fn an_opt_comes_only_where_one_came() {
    let running = serve(all_up());
    assert!(running.udp(&query("example.org", RecordType::MX)).await.edns.is_none());
    for dnssec_ok in [false, true] {
        let asked = edns_query("example.org", RecordType::MX, |edns| {
            edns.set_dnssec_ok(dnssec_ok);
        });
        let edns = running.udp(&asked).await.edns.unwrap();
        assert_eq!((edns.version(), edns.max_payload(), edns.flags().dnssec_ok), (0, 1232, dnssec_ok));
        assert!(edns.options().options.is_empty());
    }
}

#[tokio::test]
async fn other_versions_are_told_ours() {
    let running = serve(all_up());
    let asked = edns_query("example.org", RecordType::MX, |edns| {
        edns.set_version(1);
    });
    let reply = running.udp(&asked).await;
    assert_eq!(u16::from(reply.metadata.response_code), u16::from(ResponseCode::BADVERS));
    assert_eq!((reply.edns.unwrap().version(), reply.answers.len()), (0, 0));
}

#[tokio::test]
async fn unknown_options_are_passed_over_and_errors_keep_the_opt() {
    let running = serve(all_up());
    let asked = edns_query("nowhere.example.org", RecordType::MX, |edns| {
        edns.options_mut().insert(EdnsOption::Unknown(65_001, vec![1, 2, 3]));
    });
    let reply = running.udp(&asked).await;
    assert_eq!((reply.metadata.response_code, reply.edns.is_some()), (ResponseCode::NXDomain, true));
}

#[tokio::test]
async fn the_node_says_its_name_when_asked() {
    let running = serve(all_up());
    let asked = edns_query("example.org", RecordType::MX, |edns| {
        edns.options_mut().insert(EdnsOption::Unknown(3, Vec::new()));
    });
    let edns = running.udp(&asked).await.edns.unwrap();
    let Some(EdnsOption::NSID(nsid)) = edns.option(EdnsCode::NSID) else { panic!("no NSID (RFC 5001)") };
    assert_eq!(nsid.as_ref(), b"test-ns1");
}
