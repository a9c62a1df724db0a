//! DNS messages of a monitor: the query, which datagram is its reply, and what a reply means (RFC 1035, EDNS: RFC 6891).

use std::net::Ipv6Addr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{RData, Record, RecordType};

use super::bounds::{DNS_PAYLOAD, DNS_SHOWN};
use super::transcript::{Speaker, Transcript, printable};
use crate::health::{FailureKind, Outcome};
use crate::model::DnsCheck;

/// The query of `check` under `id`, and what its reply must repeat.
pub(super) fn query(check: &DnsCheck, id: u16) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = check.recursion;
    message.add_query(Query::query(check.name.to_rr(), check.rtype));
    let mut edns = Edns::new();
    edns.set_max_payload(DNS_PAYLOAD);
    message.set_edns(edns);
    message
}

/// The reply to `query` that `octets` are, or why they are none.
pub(super) fn reply(octets: &[u8], query: &Message) -> Result<Message, &'static str> {
    let message = Message::from_vec(octets).map_err(|_| "no DNS message")?;
    if message.metadata.message_type != MessageType::Response {
        return Err("a query");
    }
    if message.metadata.id != query.metadata.id {
        return Err("a reply with another ID");
    }
    // Servers that cannot read EDNS may answer with a bare header.
    let headless = matches!(message.metadata.response_code, ResponseCode::FormErr | ResponseCode::NotImp);
    if message.queries.is_empty() && headless {
        return Ok(message);
    }
    let same = message.queries.len() == query.queries.len()
        && message.queries.iter().zip(&query.queries).all(|(ours, theirs)| {
            // Names compare without regard to case.
            (&ours.name, ours.query_type, ours.query_class) == (&theirs.name, theirs.query_type, theirs.query_class)
        });
    if same { Ok(message) } else { Err("a reply to another question") }
}

/// What `reply` means to `check`.
pub(super) fn judge(check: &DnsCheck, reply: &Message) -> Outcome {
    let failed = |reason: String| Outcome::failed(FailureKind::Protocol, reason);
    let code = reply.metadata.response_code;
    if !check.rcodes.contains(&code) {
        let wanted = check.rcodes.iter().map(|code| word(*code)).collect::<Vec<_>>().join(", ");
        let why = extended_error(reply).map(|text| format!(" ({text})")).unwrap_or_default();
        return failed(format!("{}{why}, expected {wanted}", word(code)));
    }
    if check.authoritative && !reply.metadata.authoritative {
        return failed("the reply is not authoritative".to_owned());
    }
    let answers: Vec<&Record> = reply.answers.iter().filter(|record| record.record_type() == check.rtype).collect();
    let any_type = check.rtype == RecordType::ANY && !reply.answers.is_empty();
    if code == ResponseCode::NoError && answers.is_empty() && !any_type {
        return failed(format!("no {} record in the reply", check.rtype));
    }
    let expected = |record: &&&Record| check.expect.iter().any(|text| says(&record.data, text));
    if !check.expect.is_empty() && code == ResponseCode::NoError && answers.iter().find(expected).is_none() {
        let found = answers.iter().take(DNS_SHOWN).map(|record| printable(record.data.to_string().as_bytes()));
        let (found, wanted) = (found.collect::<Vec<_>>().join(", "), check.expect.join(", "));
        return failed(format!("{} {found}, expected {wanted}", check.rtype));
    }
    Outcome::Ok
}

/// Notes what `reply` says, in the form of zone files.
pub(super) fn note(reply: &Message, transcript: &mut Transcript) {
    let flags = [
        (reply.metadata.authoritative, "aa"),
        (reply.metadata.truncation, "tc"),
        (reply.metadata.recursion_desired, "rd"),
        (reply.metadata.recursion_available, "ra"),
        (reply.metadata.authentic_data, "ad"),
    ];
    let flags = flags.iter().filter_map(|(set, word)| set.then_some(*word)).collect::<Vec<_>>().join(" ");
    let counts = format!("{} answers, {} authorities", reply.answers.len(), reply.authorities.len());
    let head = format!("{}, flags {flags}, {counts}", word(reply.metadata.response_code));
    transcript.push(Speaker::Them, head.as_bytes());
    if let Some(text) = extended_error(reply) {
        transcript.push(Speaker::Them, text.as_bytes());
    }
    for record in reply.answers.iter().take(DNS_SHOWN) {
        transcript.push(Speaker::Them, record.to_string().as_bytes());
    }
}

/// What the server says of its trouble (RFC 8914): the code, and its own words where it has any.
fn extended_error(reply: &Message) -> Option<String> {
    const CODE: u16 = 15;
    let EdnsOption::Unknown(CODE, data) = reply.edns.as_ref()?.option(EdnsCode::from(CODE))? else { return None };
    let (code, text) = data.split_at_checked(2)?;
    let code = u16::from_be_bytes([*code.first()?, *code.last()?]);
    // Some servers end the text with a NUL.
    let text = printable(text.strip_suffix(b"\0").unwrap_or(text));
    Some(if text.is_empty() { format!("extended error {code}") } else { format!("extended error {code}: {text}") })
}

/// A response code as tools print it.
fn word(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        other => format!("response code {}", u16::from(other)),
    }
}

/// Whether `data` is what people write as `text`: names with or without their last dot, texts with or without quotes.
fn says(data: &RData, text: &str) -> bool {
    match data {
        RData::TXT(strings) => {
            let joined: Vec<u8> = strings.txt_data.iter().flat_map(|string| string.iter().copied()).collect();
            joined == unquoted(text).as_bytes()
        }
        RData::AAAA(address) => text.parse::<Ipv6Addr>().is_ok_and(|wanted| wanted == address.0),
        data => plain(&data.to_string()) == plain(text),
    }
}

/// Fields in lower case, single spaces between them, no dot at the end of any.
fn plain(text: &str) -> String {
    let field = |field: &str| match field.trim_end_matches('.') {
        "" => ".".to_owned(),
        field => field.to_ascii_lowercase(),
    };
    text.split_whitespace().map(field).collect::<Vec<_>>().join(" ")
}

/// `"v=DKIM1; " "p=…"` as one text, as the strings of a TXT record are read together.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return text.to_owned() };
    inner.split('"').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::{A, MX, TXT};
    use proptest::prelude::*;

    use super::*;
    use crate::model::Transport;

    fn check() -> DnsCheck {
        DnsCheck {
            name: "example.org.".parse().unwrap(),
            rtype: RecordType::A,
            transport: Transport::Udp,
            recursion: false,
            rcodes: vec![ResponseCode::NoError],
            expect: Vec::new(),
            authoritative: false,
        }
    }

    fn answer(check: &DnsCheck, data: RData) -> Message {
        let mut message = query(check, 7).into_response();
        message.add_answer(Record::from_rdata(check.name.to_rr(), 60, data));
        message
    }

    #[test]
    fn a_reply_repeats_id_and_question() {
        let asked = query(&check(), 7);
        let good = answer(&check(), RData::A(A::new(192, 0, 2, 1)));
        assert!(reply(&good.to_vec().unwrap(), &asked).is_ok());
        let mut shouted = good.clone();
        shouted.queries[0].name = "EXAMPLE.org.".parse().unwrap();
        assert!(reply(&shouted.to_vec().unwrap(), &asked).is_ok());
        let refused = |change: fn(&mut Message)| {
            let mut message = good.clone();
            change(&mut message);
            reply(&message.to_vec().unwrap(), &asked).unwrap_err()
        };
        assert_eq!(refused(|message| message.metadata.id = 8), "a reply with another ID");
        assert_eq!(refused(|message| message.metadata.message_type = MessageType::Query), "a query");
        let other = "a reply to another question";
        assert_eq!(refused(|message| message.queries[0].name = "example.net.".parse().unwrap()), other);
        assert_eq!(refused(|message| message.queries[0].query_type = RecordType::MX), other);
        assert_eq!(refused(|message| message.queries.clear()), other);
    }

    #[test]
    fn record_data_is_compared_as_people_write_it() {
        let mx = RData::MX(MX::new(10, "MX.example.org.".parse().unwrap()));
        assert!(says(&mx, "10  mx.example.org") && says(&mx, "10 mx.example.org.") && !says(&mx, "20 mx.example.org"));
        let txt = RData::TXT(TXT::new(vec!["v=DKIM1; ".to_owned(), "p=AbC".to_owned()]));
        assert!(says(&txt, "v=DKIM1; p=AbC") && says(&txt, "\"v=DKIM1; \" \"p=AbC\""));
        assert!(!says(&txt, "v=dkim1; p=abc"));
        let aaaa = RData::AAAA("2001:db8::1".parse().unwrap());
        assert!(says(&aaaa, "2001:DB8:0::1") && !says(&aaaa, "2001:db8::2"));
    }

    #[test]
    fn what_is_expected_must_be_among_the_answers() {
        let wanting =
            |expect: &[&str]| DnsCheck { expect: expect.iter().map(|text| (*text).to_owned()).collect(), ..check() };
        let found = answer(&check(), RData::A(A::new(192, 0, 2, 1)));
        assert_eq!(judge(&wanting(&["192.0.2.9", "192.0.2.1"]), &found), Outcome::Ok);
        let words = "A 192.0.2.1, expected 192.0.2.9";
        assert_eq!(judge(&wanting(&["192.0.2.9"]), &found).reason(), Some(words));
    }

    #[test]
    fn a_noerror_without_the_record_is_a_failure() {
        let empty = query(&check(), 7).into_response();
        assert_eq!(judge(&check(), &empty).reason(), Some("no A record in the reply"));
        let mut absent = empty;
        absent.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(judge(&check(), &absent).reason(), Some("NXDOMAIN, expected NOERROR"));
        assert_eq!(judge(&DnsCheck { rcodes: vec![ResponseCode::NXDomain], ..check() }, &absent), Outcome::Ok);
    }

    #[test]
    fn what_the_server_says_of_its_trouble_is_passed_on() {
        let mut message = query(&check(), 7).into_response();
        message.metadata.response_code = ResponseCode::ServFail;
        let mut edns = Edns::new();
        edns.options_mut().insert(EdnsOption::Unknown(15, b"\0\x16no \x1b[reachable authority".to_vec()));
        message.set_edns(edns);
        let read = Message::from_vec(&message.to_vec().unwrap()).unwrap();
        let words = "SERVFAIL (extended error 22: no \\u{1b}[reachable authority), expected NOERROR";
        assert_eq!(judge(&check(), &read).reason(), Some(words));
        let mut transcript = Transcript::default();
        note(&read, &mut transcript);
        assert!(transcript.into_text().contains("< extended error 22: no"), "EDE text is missing");
    }

    proptest! {
        #[test]
        fn any_datagram_is_a_reply_or_none(mut octets in prop::collection::vec(any::<u8>(), 0..600), ours: bool) {
            let asked = query(&check(), 7);
            if ours && octets.len() > 12 {
                let head = asked.to_vec().unwrap();
                octets.splice(..12, head[..12].iter().copied());
                octets[2] |= 0x80;
            }
            if let Ok(message) = reply(&octets, &asked) {
                let _ = judge(&check(), &message);
                note(&message, &mut Transcript::default());
            }
        }

        #[test]
        fn a_damaged_reply_is_read_or_refused(at in any::<prop::sample::Index>(), octet: u8, cut in any::<prop::sample::Index>()) {
            let mut octets = answer(&check(), RData::MX(MX::new(1, "a.b.example.org.".parse().unwrap()))).to_vec().unwrap();
            let (at, cut) = (at.index(octets.len()), cut.index(octets.len()));
            octets[at] = octet;
            for octets in [&octets[..], &octets[..cut]] {
                if let Ok(message) = reply(octets, &query(&check(), 7)) {
                    let _ = judge(&check(), &message);
                }
            }
        }

        #[test]
        fn any_text_can_be_expected(text in "\\PC{0,40}") {
            let _ = (plain(&text), unquoted(&text));
        }
    }
}
