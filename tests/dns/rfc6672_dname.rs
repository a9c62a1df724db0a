//! Broken here, and a renamed tree of names no longer leads to the new one.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::support::{all_up, ask, name};

#[test]
fn names_below_are_renamed_with_an_alias_of_the_same_ttl() {
    let tables = all_up();
    let reply = ask(&tables, "host.old.example.org", RecordType::A);
    let parts: Vec<_> = reply.answer.iter().map(|part| (part.owner.to_string(), part.rtype, part.ttl)).collect();
    let expected = [
        ("old.example.org.".to_owned(), RecordType::DNAME, 3600),
        ("host.old.example.org.".to_owned(), RecordType::CNAME, 3600),
        ("host.new.example.org.".to_owned(), RecordType::A, 3600),
    ];
    assert_eq!(parts, expected);
    assert_eq!(ask(&tables, "x.old.example.org", RecordType::A).rcode, ResponseCode::NXDomain, "of the new name");
    assert_eq!(ask(&tables, "host.old.example.org", RecordType::CNAME).answer.len(), 2, "the alias is the answer");
}

#[test]
fn the_owner_itself_is_not_renamed() {
    let tables = all_up();
    let reply = ask(&tables, "old.example.org", RecordType::A);
    assert_eq!(
        (reply.rcode, reply.answer.len(), &reply.authority[0].owner),
        (ResponseCode::NoError, 0, &name("example.org"))
    );
    assert_eq!(ask(&tables, "old.example.org", RecordType::DNAME).answer.len(), 1);
}

#[test]
fn a_name_that_gets_too_long_is_an_error() {
    let zone = format!(
        "$TTL 60\n@ SOA ns1 h 1 1 1 1 60\n@ NS ns1\nns1 A 192.0.2.1\no DNAME {}.example.org.\n",
        ["n"; 62].join(".")
    );
    let tables = super::support::tables_of(&[("example.org", &zone)], |_| waypost::model::State::Up, &[]);
    let long = format!("{}.o.example.org", ["x"; 62].join("."));
    let reply = ask(&tables, &long, RecordType::A);
    assert_eq!((reply.rcode, reply.answer.len()), (ResponseCode::YXDomain, 1));
}
