//! Broken here, and names resolve to the wrong place or not at all.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, RecordType};
use waypost::answer::Question;
use waypost::model::State;

use super::support::{ZONE, all_up, answers, ask, client, name, tables_of, texts};

#[test]
fn an_alias_is_followed_within_the_zone_and_ends_outside_ours() {
    let tables = all_up();
    let reply = ask(&tables, "alias.example.org", RecordType::A);
    assert!(reply.authoritative);
    assert_eq!(answers(&reply), ["alias.example.org. CNAME www.example.org.", "www.example.org. A 203.0.113.80"]);
    let reply = ask(&tables, "outside.example.org", RecordType::A);
    assert_eq!((reply.rcode, reply.answer.len(), reply.authority.len()), (ResponseCode::NoError, 1, 0));
}

#[test]
fn an_alias_is_followed_across_our_zones() {
    let net = "$TTL 60\n@ SOA ns1 h 1 1 1 1 60\n@ NS ns1\nns1 A 192.0.2.1\nwww A 203.0.113.90\n";
    let tables = tables_of(&[("example.org", ZONE), ("example.net", net)], |_| State::Up, &[]);
    let reply = ask(&tables, "outside.example.org", RecordType::A);
    assert_eq!(answers(&reply), ["outside.example.org. CNAME www.example.net.", "www.example.net. A 203.0.113.90"]);
    let reply = ask(&tables, "outside.example.org", RecordType::MX);
    assert_eq!(reply.authority[0].owner, name("example.net"), "the denial is the last zone's");
}

#[test]
fn a_loop_ends_with_each_link_once() {
    let tables = all_up();
    let reply = ask(&tables, "loop-a.example.org", RecordType::A);
    assert_eq!((reply.rcode, reply.answer.len()), (ResponseCode::NoError, 2));
}

#[test]
fn a_chain_is_followed_for_eighteen_links_and_no_more() {
    let chain: String = (0..40).map(|n| format!("c{n} CNAME c{}\n", n + 1)).collect();
    let zone = format!("$TTL 60\n@ SOA ns1 h 1 1 1 1 60\n@ NS ns1\nns1 A 192.0.2.1\n{chain}");
    let tables = tables_of(&[("example.org", &zone)], |_| State::Up, &[]);
    let reply = ask(&tables, "c0.example.org", RecordType::A);
    assert_eq!((reply.rcode, reply.answer.len()), (ResponseCode::NoError, 1 + waypost::answer::MAX_LINKS));
}

#[test]
fn a_delegated_name_is_referred_with_the_glue_it_needs_first() {
    let tables = all_up();
    for owner in ["sub.example.org", "x.y.sub.example.org", "ns.sub.example.org"] {
        let reply = ask(&tables, owner, RecordType::A);
        assert!(!reply.authoritative && reply.answer.is_empty());
        assert_eq!((reply.authority.len(), reply.authority[0].rdata.len()), (1, 3));
        let glue: Vec<_> = reply.additional.iter().map(|glue| (glue.part.owner.to_string(), glue.required)).collect();
        let expected = [("ns.sub.example.org.".to_owned(), true), ("ns.other.example.org.".to_owned(), false)];
        assert_eq!(glue, expected);
        assert_eq!(texts(reply.additional.iter().map(|glue| &glue.part)).len(), 2);
    }
}

#[test]
fn ds_at_a_cut_is_the_parents_to_answer() {
    let child = "$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns\nns A 203.0.113.83\n";
    for zones in [&[("example.org", ZONE)][..], &[("example.org", ZONE), ("sub.example.org", child)]] {
        let tables = tables_of(zones, |_| State::Up, &[]);
        let reply = ask(&tables, "sub.example.org", RecordType::DS);
        assert!(reply.authoritative && reply.answer.is_empty());
        assert_eq!((reply.rcode, &reply.authority[0].owner), (ResponseCode::NoError, &name("example.org")));
    }
    let tables = tables_of(&[("example.org", ZONE), ("sub.example.org", child)], |_| State::Up, &[]);
    let reply = ask(&tables, "sub.example.org", RecordType::SOA);
    assert_eq!(reply.answer[0].owner, name("sub.example.org"), "the child's own data is the child's");
}

#[test]
fn names_and_classes_that_are_not_ours_are_refused() {
    let tables = all_up();
    for owner in ["example.net", "org", ".", "xexample.org"] {
        let reply = ask(&tables, owner, RecordType::A);
        assert_eq!(reply.rcode, ResponseCode::Refused, "{owner}");
        assert_eq!(reply.notes[0].code, 20, "not authoritative (RFC 8914)");
    }
    for (owner, class) in [("version.bind", DNSClass::CH), ("id.server", DNSClass::CH), ("example.org", DNSClass::HS)] {
        let question = Question { name: name(owner), rtype: RecordType::TXT, class };
        assert_eq!(tables.decide(&question, &client("192.0.2.200"), 0).rcode, ResponseCode::Refused);
    }
}

#[test]
fn types_that_no_zone_can_hold_are_not_looked_for() {
    let tables = all_up();
    for (rtype, rcode) in [
        (RecordType::OPT, ResponseCode::FormErr),
        (RecordType::TSIG, ResponseCode::FormErr),
        (RecordType::Unknown(249), ResponseCode::FormErr),
        (RecordType::AXFR, ResponseCode::Refused),
        (RecordType::IXFR, ResponseCode::Refused),
        (RecordType::Unknown(253), ResponseCode::NotImp),
        (RecordType::Unknown(254), ResponseCode::NotImp),
        (RecordType::Unknown(65_280), ResponseCode::NoError),
    ] {
        assert_eq!(ask(&tables, "example.org", rtype).rcode, rcode, "{rtype}");
    }
}
