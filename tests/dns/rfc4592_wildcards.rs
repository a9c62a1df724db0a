//! Broken here, and hosted domains lose their catch-all, or names get answers that nobody declared.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::support::{all_up, answers, ask};

#[test]
fn a_wildcard_stands_for_names_that_do_not_exist() {
    let tables = all_up();
    for owner in ["x.wild.example.org", "x.y.wild.example.org", "X.Wild.Example.ORG"] {
        let reply = ask(&tables, owner, RecordType::TXT);
        let asked = owner.to_lowercase();
        assert_eq!(answers(&reply), [format!("{asked}. TXT wildcard")], "the owner is the name that was asked");
        let reply = ask(&tables, owner, RecordType::A);
        assert_eq!((reply.rcode, reply.answer.len()), (ResponseCode::NoError, 0));
    }
}

#[test]
fn a_wildcard_stands_neither_for_itself_nor_below_what_exists() {
    let tables = all_up();
    // b.wild is an empty non-terminal: it exists, and is the closest encloser of what is below.
    for (owner, rcode) in [
        ("wild.example.org", ResponseCode::NoError),
        ("b.wild.example.org", ResponseCode::NoError),
        ("x.b.wild.example.org", ResponseCode::NXDomain),
        ("x.a.b.wild.example.org", ResponseCode::NXDomain),
    ] {
        let reply = ask(&tables, owner, RecordType::TXT);
        assert_eq!((reply.rcode, reply.answer.len()), (rcode, 0), "{owner}");
    }
    assert_eq!(ask(&tables, "*.wild.example.org", RecordType::TXT).answer.len(), 1, "asked for by its own name");
}
