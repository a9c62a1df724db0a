//! Broken here, and the server amplifies what forged queries ask for.

use hickory_proto::rr::RecordType;
use waypost::answer::{Client, Question, Transport};

use super::support::{all_up, ask, client, name};

#[test]
fn one_rrset_over_udp_and_everything_over_tcp() {
    let tables = all_up();
    assert_eq!(ask(&tables, "example.org", RecordType::ANY).answer.len(), 1);
    let tcp = Client { transport: Transport::Tcp, ..client("192.0.2.200") };
    let question = Question::new(name("example.org"), RecordType::ANY);
    let types: Vec<_> = tables.decide(&question, &tcp, 0).answer.iter().map(|part| part.rtype).collect();
    assert_eq!(types, [RecordType::SOA, RecordType::NS, RecordType::MX, RecordType::TXT]);
    let alias = ask(&tables, "alias.example.org", RecordType::ANY);
    assert_eq!(alias.answer.iter().map(|part| part.rtype).collect::<Vec<_>>(), [RecordType::CNAME], "not followed");
}
