//! Broken here, and resolvers remember that a name is missing for longer than the zone says, or not at all.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::support::{all_up, ask, name};

#[test]
fn denials_carry_the_soa_with_the_lower_of_its_ttl_and_minimum() {
    let tables = all_up();
    for (owner, rtype, rcode) in [
        ("nowhere.example.org", RecordType::A, ResponseCode::NXDomain),
        ("www.example.org", RecordType::MX, ResponseCode::NoError),
        ("new.example.org", RecordType::A, ResponseCode::NoError),
        ("alias.example.org", RecordType::MX, ResponseCode::NoError),
    ] {
        let reply = ask(&tables, owner, rtype);
        assert!(reply.authoritative);
        assert_eq!((reply.rcode, reply.authority.len()), (rcode, 1), "{owner} {rtype}");
        let soa = &reply.authority[0];
        assert_eq!((soa.rtype, &soa.owner, soa.ttl), (RecordType::SOA, &name("example.org"), 300));
    }
}

#[test]
fn the_soa_itself_keeps_its_ttl() {
    let tables = all_up();
    assert_eq!(ask(&tables, "example.org", RecordType::SOA).answer[0].ttl, 3600);
}
