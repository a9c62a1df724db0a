//! Signed messages by the octet.

use std::net::UdpSocket;
use std::time::{Duration, SystemTime};

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::RecordType;
use proptest::test_runner::{Config, TestRunner};
use waypost::tsig::{ClientSession, TsigError, TsigRcode, sign_request};

use crate::primary::{Primary, key, policy, zone};
use crate::support::{ZONE, edns_query, query};

fn primary() -> Primary {
    let large: String = (0..30).map(|number| format!("large IN TXT \"{number:040}\"\n")).collect();
    Primary::start(vec![zone("example.org", &format!("{ZONE}{large}"), &policy())])
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn send(primary: &Primary, message: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    socket.send_to(message, primary.address).unwrap();
    let mut reply = vec![0; 65_535];
    let length = socket.recv(&mut reply).ok()?;
    reply.truncate(length);
    Some(reply)
}

fn signed(message: &Message, key_name: &str, at: u64) -> (Vec<u8>, ClientSession) {
    let mut octets = message.to_vec().unwrap();
    let session = sign_request(&mut octets, &key(key_name), at);
    (octets, session)
}

#[test]
fn every_answer_to_a_signed_query_is_signed() {
    let primary = primary();
    for (owner, rtype, rcode) in [
        ("www.example.org", RecordType::A, ResponseCode::NoError),
        ("alias.example.org", RecordType::A, ResponseCode::NoError),
        ("none.example.org", RecordType::A, ResponseCode::NXDomain),
        ("www.example.org", RecordType::MX, ResponseCode::NoError),
        ("x.sub.example.org", RecordType::A, ResponseCode::NoError),
        ("example.net", RecordType::A, ResponseCode::Refused),
        ("example.org", RecordType::AXFR, ResponseCode::Refused),
    ] {
        let (octets, mut session) = signed(&query(owner, rtype), "xfer", now());
        let stripped = session.verify(&send(&primary, &octets).unwrap(), now()).unwrap();
        let reply = Message::from_vec(&stripped).unwrap();
        assert_eq!((reply.metadata.response_code, reply.metadata.id), (rcode, 0x1234), "{owner} {rtype}");
    }
    let mut badvers = edns_query("www.example.org", RecordType::A, |edns| {
        edns.set_version(1);
    });
    badvers.metadata.id = 7;
    let (octets, mut session) = signed(&badvers, "xfer-512", now());
    let reply = Message::from_vec(&session.verify(&send(&primary, &octets).unwrap(), now()).unwrap()).unwrap();
    // The number that BADSIG has too.
    assert_eq!(u16::from(reply.metadata.response_code), 16);
}

/// The signature has its place in what a datagram may hold.
#[test]
fn a_signed_reply_fits_the_clients_bound() {
    let primary = primary();
    for payload in [None, Some(512), Some(700), Some(1232), Some(4096)] {
        let message = match payload {
            None => query("large.example.org", RecordType::TXT),
            Some(payload) => edns_query("large.example.org", RecordType::TXT, |edns| {
                edns.set_max_payload(payload);
            }),
        };
        let (octets, mut session) = signed(&message, "xfer-512", now());
        let octets = send(&primary, &octets).unwrap();
        let bound = payload.unwrap_or(512).min(1232);
        assert!(octets.len() <= usize::from(bound), "{} of {bound}", octets.len());
        let reply = Message::from_vec(&session.verify(&octets, now()).unwrap()).unwrap();
        assert!(reply.metadata.truncation && reply.answers.is_empty(), "{payload:?}");
    }
    // Without a signature all of an answer fits that with one does not.
    let text = format!("{ZONE}{}", (0..8).map(|n| format!("close IN TXT \"{n:0110}\"\n")).collect::<String>());
    primary.replace(vec![zone("example.org", &text, &policy())]);
    let message = edns_query("close.example.org", RecordType::TXT, |edns| {
        edns.set_max_payload(1100);
    });
    let plain = Message::from_vec(&send(&primary, &message.to_vec().unwrap()).unwrap()).unwrap();
    assert!(!plain.metadata.truncation && plain.answers.len() == 8);
    let (octets, mut session) = signed(&message, "xfer-512", now());
    let octets = send(&primary, &octets).unwrap();
    let reply = Message::from_vec(&session.verify(&octets, now()).unwrap()).unwrap();
    assert!(reply.metadata.truncation && octets.len() <= 1100);
}

#[test]
fn a_wrong_clock_is_told_the_right_time() {
    let primary = primary();
    let (octets, mut session) = signed(&query("www.example.org", RecordType::A), "xfer", now() - 301);
    let told = session.verify(&send(&primary, &octets).unwrap(), now() - 301);
    let Err(TsigError::BadTime { signed, .. }) = told else { panic!("{told:?}") };
    assert!(signed.abs_diff(now()) <= 5, "the time of the server");
}

#[test]
fn errors_of_keys_and_signatures_are_told_unsigned() {
    let primary = primary();
    let (mut octets, mut session) = signed(&query("www.example.org", RecordType::A), "xfer", now());
    let last = octets.len() - 30;
    octets[last] ^= 1;
    let reply = send(&primary, &octets).unwrap();
    assert_eq!(session.verify(&reply, now()), Err(TsigError::Refused(Some(TsigRcode::BadSig))));
    let (octets, mut session) = signed(&query("www.example.org", RecordType::A), "nobody", now());
    let reply = send(&primary, &octets).unwrap();
    assert_eq!(session.verify(&reply, now()), Err(TsigError::Refused(Some(TsigRcode::BadKey))));
    let reply = Message::from_vec(&reply).unwrap();
    assert_eq!((reply.metadata.response_code, reply.answers.len()), (ResponseCode::NotAuth, 0));
    assert_eq!(reply.queries, query("www.example.org", RecordType::A).queries, "the question comes back");
}

#[test]
fn two_signatures_or_one_in_the_wrong_place_are_form_errors() {
    let primary = primary();
    let plain = query("www.example.org", RecordType::A).to_vec().unwrap();
    let (octets, _) = signed(&query("www.example.org", RecordType::A), "xfer", now());
    let tsig = &octets[plain.len()..];
    let opt = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
    for (records, count) in [(vec![tsig, tsig], 2), (vec![tsig, opt], 2)] {
        let mut message = [&plain[..], &records.concat()].concat();
        message[11] = count;
        let reply = Message::from_vec(&send(&primary, &message).unwrap()).unwrap();
        assert_eq!(reply.metadata.response_code, ResponseCode::FormErr);
    }
}

#[test]
fn other_opcodes_are_not_implemented_signed_or_not() {
    let primary = primary();
    for opcode in [OpCode::Status, OpCode::Unknown(6)] {
        let mut message = query("example.org", RecordType::SOA);
        message.metadata.op_code = opcode;
        for octets in [message.to_vec().unwrap(), signed(&message, "xfer", now()).0] {
            let reply = send(&primary, &octets).unwrap();
            assert_eq!((reply[2] >> 3 & 0xf, reply[3] & 0xf), (u8::from(opcode), 4), "{opcode:?}");
        }
    }
    // Notifications and updates about nothing, or about something else than a zone.
    for opcode in [OpCode::Notify, OpCode::Update] {
        let mut message = query("example.org", RecordType::A);
        message.metadata.op_code = opcode;
        let reply = Message::from_vec(&send(&primary, &message.to_vec().unwrap()).unwrap()).unwrap();
        assert_eq!(reply.metadata.response_code, ResponseCode::FormErr);
    }
    assert!(primary.recorder.notifications.lock().unwrap().is_empty());
}

/// Whatever is damaged in a signed update, the server goes on, and the node hears of nothing.
#[test]
fn damaged_signed_messages_change_nothing() {
    let primary = primary();
    let mut update = query("example.org", RecordType::SOA);
    update.metadata.op_code = OpCode::Update;
    let (whole, _) = signed(&update, "xfer", now());
    let mut runner = TestRunner::new(Config { cases: 300, ..Config::default() });
    let case = (2..whole.len(), 1_u8..=255, 12..=whole.len());
    let source = UdpSocket::bind("127.0.0.1:0").unwrap();
    runner
        .run(&case, |(at, mask, end)| {
            let mut octets = whole.clone();
            octets[at] ^= mask;
            octets.truncate(end);
            let is_case = mask == 0x20 && whole[at].is_ascii_alphabetic();
            if !is_case {
                source.send_to(&octets, primary.address).unwrap();
            }
            Ok(())
        })
        .unwrap();
    assert!(send(&primary, &query("www.example.org", RecordType::A).to_vec().unwrap()).is_some());
    assert!(primary.recorder.updates.lock().unwrap().is_empty());
    assert_eq!(primary.usage.counts().panics, 0);
    // What the flood has left waiting may push it out, and like every client's it comes again.
    assert!((0..10).any(|_| send(&primary, &whole).is_some()));
    assert!(!primary.recorder.updates.lock().unwrap().is_empty(), "the whole one does");
}
