//! Broken here, and clients behind a distant resolver are sent to the wrong site, or a cache serves one network's
//! answer to another.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::support::{Running, all_up, edns_query, serve};

fn asked(owner: &str, option: &[u8]) -> Message {
    let option = EdnsOption::Unknown(8, option.to_vec());
    edns_query(owner, RecordType::MX, |edns| edns.options_mut().insert(option))
}

/// The first host by preference, and the scope of the reply.
async fn best(running: &Running, owner: &str, option: &[u8]) -> (String, Option<(u8, u8)>) {
    let reply = running.udp(&asked(owner, option)).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    let mut hosts: Vec<String> = reply.answers.iter().map(|record| record.data.to_string()).collect();
    hosts.sort();
    let scope = match reply.edns.unwrap().option(EdnsCode::Subnet) {
        Some(EdnsOption::Subnet(subnet)) => Some((subnet.source_prefix(), subnet.scope_prefix())),
        _ => None,
    };
    (hosts[0].clone(), scope)
}

#[tokio::test]
async fn the_subnet_decides_and_the_scope_says_how_widely() {
    let running = serve(all_up());
    let (host, scope) = best(&running, "example.org", &[0, 1, 32, 0, 203, 0, 113, 7]).await;
    assert_eq!((host.as_str(), scope), ("10 mx-iad.example.org.", Some((32, 24))));
    let (host, scope) = best(&running, "example.org", &[0, 1, 24, 0, 203, 0, 112]).await;
    assert_eq!(host, "10 mx-fra.example.org.");
    assert!(scope.is_some_and(|(source, scope)| source == 24 && scope == 24), "its neighbour differs: {scope:?}");
}

#[tokio::test]
async fn a_subnet_too_short_to_tell_learns_the_scope_it_needs() {
    let running = serve(all_up());
    // 203.0.112.0/22 holds both: located by its base address, and told that 24 bits decide.
    let (host, scope) = best(&running, "example.org", &[0, 1, 22, 0, 203, 0, 112]).await;
    assert_eq!((host.as_str(), scope), ("10 mx-fra.example.org.", Some((22, 24))));
}

#[tokio::test]
async fn a_client_that_withholds_its_subnet_is_located_by_its_resolver() {
    let running = serve(all_up());
    let (host, scope) = best(&running, "example.org", &[0, 1, 0, 0]).await;
    assert_eq!((host.as_str(), scope), ("10 mx-fra.example.org.", Some((0, 0))));
}

#[tokio::test]
async fn what_is_not_steered_has_scope_zero() {
    let running = serve(all_up());
    let reply = running.udp(&asked("www.example.org", &[0, 1, 24, 0, 203, 0, 113])).await;
    let edns = reply.edns.unwrap();
    let Some(EdnsOption::Subnet(subnet)) = edns.option(EdnsCode::Subnet) else { panic!("not echoed") };
    assert_eq!((subnet.source_prefix(), subnet.scope_prefix()), (24, 0));
}

#[tokio::test]
async fn malformed_subnets_are_form_errors() {
    let running = serve(all_up());
    for option in [
        &[0, 1, 24, 0, 203, 0, 113, 7][..],
        &[0, 1, 24, 0, 203, 0],
        &[0, 1, 24, 24, 203, 0, 113],
        &[0, 1, 23, 0, 203, 0, 113],
        &[0, 1, 33, 0, 203, 0, 113, 7, 0],
        &[0, 9, 8, 0, 203],
        &[0, 1],
    ] {
        let reply = running.udp(&asked("example.org", option)).await;
        assert_eq!(reply.metadata.response_code, ResponseCode::FormErr, "{option:?}");
    }
}
