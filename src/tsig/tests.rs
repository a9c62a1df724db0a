use hickory_proto::op::ResponseCode;
use proptest::prelude::*;

use super::record::Tsig;
use super::wire::{append, take_apart};
use super::*;
use crate::model::{Name, TsigAlgorithm};

const NOW: u64 = 1_764_000_000;
const ALGORITHMS: [TsigAlgorithm; 3] =
    [TsigAlgorithm::HmacSha256, TsigAlgorithm::HmacSha384, TsigAlgorithm::HmacSha512];

fn key(name: &str, algorithm: TsigAlgorithm, secret: &[u8]) -> Key {
    Key::new(name.parse().unwrap(), algorithm, secret)
}

fn xfer() -> Key {
    key("xfer.example", TsigAlgorithm::HmacSha256, b"0123456789abcdef0123456789abcdef")
}

fn ring() -> Keyring {
    [xfer(), key("other", TsigAlgorithm::HmacSha512, b"other")].into_iter().collect()
}

/// `example. AXFR`.
fn query() -> Vec<u8> {
    b"\xab\xcd\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\xfc\x00\x01".to_vec()
}

/// A reply to it, different for each `number`.
fn reply(number: u8) -> Vec<u8> {
    let mut message = b"\xab\xcd\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x07example\x00\x00\x10\x00\x01".to_vec();
    message.extend([0, 0, 0, 1, 0, 2, 1, number]);
    message
}

fn signed_query() -> (Vec<u8>, ClientSession) {
    let mut message = query();
    let session = sign_request(&mut message, &xfer(), NOW);
    (message, session)
}

fn verified(message: &[u8]) -> Verified {
    verify_request(message, &ring(), NOW).unwrap().unwrap()
}

fn rejection(message: &[u8], keyring: &Keyring, now: u64) -> Rejection {
    verify_request(message, keyring, now).unwrap_err()
}

#[test]
fn a_request_and_its_reply() {
    for algorithm in ALGORITHMS {
        let key = key("K", algorithm, b"secret");
        let mut message = query();
        let mut client = sign_request(&mut message, &key, NOW);
        assert_eq!(message.len(), query().len() + key.signature_octets());
        let mut server = verify_request(&message, &[key].into_iter().collect(), NOW + 300).unwrap().unwrap();
        assert_eq!(server.stripped, query());
        let mut answer = reply(1);
        server.session.sign_reply(&mut answer, NOW + 300);
        assert_eq!(answer.len(), reply(1).len() + server.session.signature_octets());
        assert_eq!(client.verify(&answer, NOW).unwrap(), reply(1));
        client.finish().unwrap();
    }
}

#[test]
fn an_unsigned_request_is_no_concern_of_ours() {
    assert!(verify_request(&query(), &ring(), NOW).unwrap().is_none());
}

#[test]
fn keys_are_found_whatever_their_case() {
    let upper = key("XFER.Example", TsigAlgorithm::HmacSha256, b"0123456789abcdef0123456789abcdef");
    let mut message = query();
    let mut client = sign_request(&mut message, &upper, NOW);
    let mut server = verified(&message);
    let mut answer = reply(1);
    server.session.sign_reply(&mut answer, NOW);
    client.verify(&answer, NOW).unwrap();
}

#[test]
fn a_forwarded_request_has_another_id() {
    let (mut message, mut client) = signed_query();
    message[..2].copy_from_slice(&[0x11, 0x22]);
    let mut server = verified(&message);
    assert_eq!(server.stripped, query(), "the original ID");
    let mut answer = reply(1);
    server.session.sign_reply(&mut answer, NOW);
    answer[..2].copy_from_slice(&[0x33, 0x44]);
    assert_eq!(client.verify(&answer, NOW).unwrap(), reply(1));
}

#[test]
fn unknown_keys_and_wrong_signatures_are_told_unsigned() {
    let (message, _) = signed_query();
    let cases = [
        (Keyring::default(), TsigRcode::BadKey),
        (
            [key("xfer.example", TsigAlgorithm::HmacSha512, b"0123456789abcdef0123456789abcdef")].into_iter().collect(),
            TsigRcode::BadKey,
        ),
        ([key("xfer.example", TsigAlgorithm::HmacSha256, b"another")].into_iter().collect(), TsigRcode::BadSig),
    ];
    for (keyring, error) in cases {
        let (_, mut client) = signed_query();
        // Whoever has no key is not told about clocks either.
        let rejection = rejection(&message, &keyring, NOW + 1_000_000);
        assert_eq!((rejection.rcode, rejection.error), (ResponseCode::NotAuth, Some(error)));
        let mut answer = reply(1);
        rejection.finish(&mut answer, NOW);
        assert!(answer.len() <= reply(1).len() + rejection.signature_octets());
        let tsig = take_apart(&answer).unwrap().unwrap().tsig;
        assert_eq!((tsig.mac.len(), tsig.error, tsig.owner), (0, error.code(), "xfer.example".parse().unwrap()));
        assert_eq!(client.verify(&answer, NOW), Err(TsigError::Refused(Some(error))));
    }
}

#[test]
fn a_wrong_clock_is_told_signed_with_our_time() {
    for now in [NOW - 301, NOW + 301] {
        let (message, mut client) = signed_query();
        let rejection = rejection(&message, &ring(), now);
        assert_eq!((rejection.rcode, rejection.error), (ResponseCode::NotAuth, Some(TsigRcode::BadTime)));
        let mut answer = reply(1);
        rejection.finish(&mut answer, now);
        assert_eq!(answer.len(), reply(1).len() + rejection.signature_octets());
        let tsig = take_apart(&answer).unwrap().unwrap().tsig;
        assert_eq!((tsig.time, &tsig.other[..]), (NOW, &now.to_be_bytes()[2..]));
        assert_eq!(client.verify(&answer, NOW), Err(TsigError::BadTime { signed: now, now: NOW }));
    }
}

/// The signed query with its MAC replaced.
fn with_mac(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let (message, _) = signed_query();
    let mut signed = take_apart(&message).unwrap().unwrap();
    change(&mut signed.tsig.mac);
    append(&mut signed.stripped, &signed.tsig);
    signed.stripped
}

#[test]
fn truncated_signatures_are_refused() {
    for octets in [16, 31] {
        let rejection = rejection(&with_mac(|mac| mac.truncate(octets)), &ring(), NOW);
        assert_eq!((rejection.rcode, rejection.error), (ResponseCode::NotAuth, Some(TsigRcode::BadTrunc)));
        let mut answer = reply(1);
        rejection.finish(&mut answer, NOW);
        assert_eq!(take_apart(&answer).unwrap().unwrap().tsig.mac.len(), 32, "the refusal is signed");
    }
    for octets in [0, 9, 10, 15, 33] {
        let rejection = rejection(&with_mac(|mac| mac.resize(octets, 0)), &ring(), NOW);
        assert_eq!((rejection.rcode, rejection.error), (ResponseCode::FormErr, None), "{octets} octets");
    }
    let wrong = with_mac(|mac| {
        mac.truncate(16);
        mac[0] ^= 1;
    });
    assert_eq!(rejection(&wrong, &ring(), NOW).error, Some(TsigRcode::BadSig));
}

/// The TSIG record alone.
fn tsig_record() -> Vec<u8> {
    signed_query().0.split_off(query().len())
}

#[test]
fn the_record_stands_once_at_the_end() {
    let message = |records: &[&[u8]], counts: [u8; 3]| {
        let mut message = [&query(), &records.concat()[..]].concat();
        for (at, count) in [7, 9, 11].into_iter().zip(counts) {
            message[at] = count;
        }
        message
    };
    let tsig = &tsig_record()[..];
    let txt = b"\x00\x00\x10\x00\x01\x00\x00\x00\x00\x00\x01\x00";
    let faulty = [
        message(&[tsig, tsig], [0, 0, 2]),
        message(&[tsig, txt], [0, 0, 2]),
        message(&[tsig], [1, 0, 0]),
        message(&[tsig], [0, 1, 0]),
        message(&[tsig, txt], [0, 1, 1]),
        message(&[tsig, b"x"], [0, 0, 1]),
        message(&[&tsig[..tsig.len() - 1]], [0, 0, 1]),
    ];
    for message in faulty {
        let rejection = rejection(&message, &ring(), NOW);
        assert_eq!((rejection.rcode, rejection.error), (ResponseCode::FormErr, None), "{message:02x?}");
        let mut answer = reply(1);
        rejection.finish(&mut answer, NOW);
        assert_eq!(answer, reply(1), "no TSIG record to answer with");
    }
    let good = message(&[tsig], [0, 0, 1]);
    verified(&good);
    for (at, wrong) in [(query().len() + 14 + 3, 1), (query().len() + 14 + 5, 1)] {
        let mut message = good.clone();
        assert_ne!(message[at], wrong, "CLASS, then TTL");
        message[at] = wrong;
        assert_eq!(rejection(&message, &ring(), NOW).rcode, ResponseCode::FormErr);
    }
}

/// The owner name of the record may be compressed.
#[test]
fn a_compressed_key_name_is_read() {
    let inside = key("example", TsigAlgorithm::HmacSha256, b"secret");
    let mut message = query();
    let _ = sign_request(&mut message, &inside, NOW);
    let at = query().len();
    let compressed = [&message[..at], &[0xc0, 12], &message[at + 9..]].concat();
    let ring: Keyring = [inside].into_iter().collect();
    assert!(verify_request(&compressed, &ring, NOW).unwrap().is_some());
    let looped = [&message[..at], &[0xc0, u8::try_from(at).unwrap()], &message[at + 9..]].concat();
    assert_eq!(rejection(&looped, &ring, NOW).rcode, ResponseCode::FormErr);
}

#[test]
fn a_stream_is_one_chain() {
    let (message, mut client) = signed_query();
    let mut server = verified(&message);
    let messages: Vec<Vec<u8>> = (0..5)
        .map(|number| {
            let mut message = reply(number);
            server.session.sign_reply(&mut message, NOW);
            message
        })
        .collect();
    for (number, message) in messages.iter().enumerate() {
        assert_eq!(client.verify(message, NOW).unwrap(), reply(u8::try_from(number).unwrap()));
    }
    client.finish().unwrap();
    for (first, second) in [(1, 0), (0, 2), (0, 0)] {
        let (again, mut client) = signed_query();
        assert_eq!(again, message);
        let believed = client.verify(&messages[first], NOW).and_then(|_| client.verify(&messages[second], NOW));
        assert_eq!(believed, Err(TsigError::BadSignature), "{first}, then {second}");
    }
}

/// A server that signs only some messages of a stream: the MAC covers all since the last (RFC 8945 section 5.3.1).
#[test]
fn unsigned_messages_count_once_a_signed_one_follows() {
    for between in [0, 1, 99, 100] {
        let (message, mut client) = signed_query();
        let mut server = verified(&message);
        let mut first = reply(0);
        server.session.sign_reply(&mut first, NOW);
        client.verify(&first, NOW).unwrap();
        let mut tsig = take_apart(&first).unwrap().unwrap().tsig;
        let mut context = super::digest::after(&xfer(), &tsig.mac);
        for _ in 0..between {
            context.update(&reply(7));
        }
        let chain = super::digest::Chain::Stream(Box::new(context));
        let mut last = reply(9);
        tsig.mac = super::digest::mac(&xfer(), chain, &last, &tsig).as_ref().to_vec();
        append(&mut last, &tsig);
        let unsigned = (0..between).try_for_each(|_| client.verify(&reply(7), NOW).map(|_| ()));
        if between > 99 {
            assert_eq!(unsigned, Err(TsigError::TooManyUnsigned));
            continue;
        }
        unsigned.unwrap();
        assert_eq!(client.verify(&last, NOW).unwrap(), reply(9));
        client.finish().unwrap();
    }
}

#[test]
fn a_reply_must_be_signed_at_its_start_and_end() {
    let (_, mut client) = signed_query();
    assert_eq!(client.verify(&reply(0), NOW), Err(TsigError::Unsigned));
    assert_eq!(signed_query().1.finish(), Err(TsigError::Unsigned));
    let (message, mut client) = signed_query();
    let mut first = reply(0);
    verified(&message).session.sign_reply(&mut first, NOW);
    client.verify(&first, NOW).unwrap();
    client.verify(&reply(1), NOW).unwrap();
    assert_eq!(client.finish(), Err(TsigError::Unsigned));
}

#[test]
fn replies_of_other_keys_and_times_are_not_believed() {
    let (message, mut client) = signed_query();
    let mut late = reply(0);
    verified(&message).session.sign_reply(&mut late, NOW + 301);
    assert_eq!(client.verify(&late, NOW), Err(TsigError::BadTime { signed: NOW + 301, now: NOW }));
    let mut by_other = query();
    let _ = sign_request(&mut by_other, &key("other", TsigAlgorithm::HmacSha512, b"other"), NOW);
    let mut answer = reply(0);
    verified(&by_other).session.sign_reply(&mut answer, NOW);
    assert_eq!(client.verify(&answer, NOW), Err(TsigError::OtherKey));
    assert_eq!(client.verify(&answer[..30], NOW), Err(TsigError::Malformed));
}

/// A signature cannot be lifted from a reply into a request, nor from one request to another.
#[test]
fn a_reply_is_not_that_to_another_request() {
    let (message, _) = signed_query();
    let mut answer = reply(0);
    verified(&message).session.sign_reply(&mut answer, NOW);
    let mut other = query();
    let mut client = sign_request(&mut other, &xfer(), NOW + 1);
    assert_eq!(client.verify(&answer, NOW), Err(TsigError::BadSignature));
    assert_eq!(rejection(&answer, &ring(), NOW).error, Some(TsigRcode::BadSig));
}

#[test]
fn secrets_are_not_shown() {
    let (message, client) = signed_query();
    let shown = format!("{:?} {client:?} {:?}", xfer(), verified(&message));
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("48, 49, 50"), "{shown}");
}

proptest! {
    #[test]
    fn any_octets_are_a_message_or_an_error(message in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = verify_request(&message, &ring(), NOW);
        let _ = signed_query().1.verify(&message, NOW);
    }

    #[test]
    fn any_octet_wrong_or_missing_is_refused_without_a_panic(at in 0_usize..150, value: u8, end in 0_usize..150) {
        let (mut message, _) = signed_query();
        let whole = message.clone();
        if let Some(octet) = message.get_mut(at) { *octet = value; }
        message.truncate(end);
        if let Ok(Some(good)) = verify_request(&message, &ring(), NOW) {
            // The ID of the message is the one thing that is not signed: the original one is.
            prop_assert_eq!(&good.stripped, &query());
            prop_assert_eq!(&message[2..].to_ascii_lowercase(), &whole[2..].to_ascii_lowercase());
        }
    }

    /// Names of key and algorithm are compared and digested without case; nothing else may change.
    #[test]
    fn any_flipped_bit_makes_a_signature_wrong(bit in 0_usize..8 * 100, number: u8) {
        let (message, mut client) = signed_query();
        let mut flipped = message.clone();
        let bit_of = |bit: usize, message: &[u8]| (bit / 8 % message.len(), 1_u8 << (bit % 8));
        let (at, mask) = bit_of(bit, &message);
        flipped[at] ^= mask;
        let names = |before: usize| before..before + "xfer.example".len() + 2 + 10 + "hmac-sha256".len() + 2;
        let is_case = mask == 0x20 && message[at].is_ascii_alphabetic() && names(query().len()).contains(&at);
        if at >= 2 && !is_case {
            prop_assert!(!matches!(verify_request(&flipped, &ring(), NOW), Ok(Some(_))), "octet {}", at);
        }
        let mut answer = reply(number);
        verified(&message).session.sign_reply(&mut answer, NOW);
        let (at, mask) = bit_of(bit, &answer);
        let is_case = mask == 0x20 && answer[at].is_ascii_alphabetic() && names(reply(0).len()).contains(&at);
        let mut flipped = answer.clone();
        flipped[at] ^= mask;
        if at >= 2 && !is_case {
            prop_assert!(client.verify(&flipped, NOW).is_err(), "octet {}", at);
        }
    }

    #[test]
    fn records_round_trip(
        time in 0_u64..1 << 48, fudge: u16, original_id: u16, error: u16,
        mac in prop::collection::vec(any::<u8>(), 0..80), other in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let owner: Name = "a.b".parse().unwrap();
        let tsig = Tsig { owner: owner.clone(), algorithm: owner.clone(), time, fudge, mac, original_id, error, other };
        let rdata = tsig.rdata();
        prop_assert_eq!(Tsig::read(owner.clone(), &rdata), Some(tsig));
        prop_assert_eq!(Tsig::read(owner, &rdata[..rdata.len() - 1]), None);
    }
}
