//! What the gateway of etcd 3.4.23 sent, and what it never should.

use proptest::prelude::*;

use super::bounds::REPLY_OCTETS;
use super::wire::*;

const OPENED: &str =
    r#"{"result":{"header":{"cluster_id":"4486","member_id":"1241","revision":"7","raft_term":"2"},"created":true}}"#;
const EVENTS: &str = r#"{"result":{"header":{"cluster_id":"4486","member_id":"1241","revision":"8","raft_term":"2"},"events":[{"kv":{"key":"L3cvdjEveA==","create_revision":"2","mod_revision":"6","version":"1","value":"aGVsbG8="}},{"kv":{"key":"L3cvdjEvZW1wdHk=","create_revision":"3","mod_revision":"7","version":"1"}},{"type":"DELETE","kv":{"key":"L3cvdjEveA==","mod_revision":"8"}}]}}"#;
const PROGRESS: &str =
    r#"{"result":{"header":{"cluster_id":"4486","member_id":"1241","revision":"8","raft_term":"2"}}}"#;
const COMPACTED: &str =
    r#"{"result":{"header":{"cluster_id":"4486","raft_term":"2"},"canceled":true,"compact_revision":"4"}}"#;
const EXPIRED: &str = r#"{"result":{"header":{"revision":"9"},"watch_id":"-1","created":true,"canceled":true,"cancel_reason":"rpc error: code = Unauthenticated desc = etcdserver: invalid auth token"}}"#;
const NO_LEADER: &str = r#"{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader","http_status":"Service Unavailable"}}{"error":{"grpc_code":1,"http_code":408,"message":"grpc: the client connection is closing","http_status":"Request Timeout"}}"#;

/// All frames of a stream that comes in `chunks` and ends.
fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Frame>, Damaged> {
    let (mut frames, mut found) = (Frames::default(), Vec::new());
    for chunk in chunks {
        found.extend(frames.push(chunk, REPLY_OCTETS)?);
    }
    found.extend(frames.end()?);
    Ok(found)
}

fn stream() -> String {
    format!("{OPENED}\n{EVENTS}\n{PROGRESS}\n{COMPACTED}\n{EXPIRED}\n{NO_LEADER}")
}

fn ground(frame: &Frame) -> Ground {
    match frame {
        Frame::Ended(fault) => fault.ground(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_watch_is_read_as_it_was_sent() {
    let found = frames([stream().as_bytes()]).unwrap();
    let kv = |key: &str, revision, value: &str| KeyValue {
        key: Octets(key.into()),
        mod_revision: Number(revision),
        value: Octets(value.into()),
    };
    let events = vec![
        Event { kind: EventKind::Put, kv: kv("/w/v1/x", 6, "hello") },
        Event { kind: EventKind::Put, kv: kv("/w/v1/empty", 7, "") },
        Event { kind: EventKind::Delete, kv: kv("/w/v1/x", 8, "") },
    ];
    assert_eq!(found[..3], [Frame::Opened, Frame::Changes(events), Frame::Changes(Vec::new())]);
    assert!(matches!(&found[3], Frame::Ended(fault) if fault.message.contains("before revision 4")));
    assert_eq!(
        [ground(&found[3]), ground(&found[4]), ground(&found[5])],
        [Ground::Unknown, Ground::Login, Ground::NoLeader]
    );
    assert_eq!(found.len(), 7);
}

#[test]
fn what_is_left_out_is_zero_or_false() {
    let read = |text: &str| serde_json::from_str::<RangeReply>(text).unwrap();
    assert!(read(r#"{"header":{"revision":"1"}}"#).kvs.is_empty());
    assert_eq!(read(r#"{"header":{"revision":"3"},"kvs":[{"key":"YQ==","mod_revision":"3"}]}"#).kvs[0].value.0, b"");
    let read = |text: &str| serde_json::from_str::<TxnReply>(text).unwrap().succeeded;
    assert!(!read(r#"{"header":{"revision":"4"}}"#));
    assert!(read(r#"{"header":{"revision":"4"},"succeeded":true,"responses":[]}"#));
}

#[test]
fn a_reply_without_a_header_acknowledges_nothing() {
    for text in ["{}", "null", "", r#"{"header":{}}"#, r#"{"header":{"revision":"-1"}}"#] {
        assert!(serde_json::from_str::<Acknowledged>(text).is_err(), "{text}");
        assert!(serde_json::from_str::<TxnReply>(text).is_err(), "{text}");
    }
}

#[test]
fn requests_are_what_the_gateway_takes() {
    let swap = TxnRequest::swap(Octets(b"k".to_vec()), u64::MAX, Octets(b"v".to_vec()));
    let expected = r#"{"compare":[{"target":"MOD","result":"EQUAL","key":"aw==","mod_revision":"18446744073709551615"}],"success":[{"request_put":{"key":"aw==","value":"dg=="}}]}"#;
    assert_eq!(serde_json::to_string(&swap).unwrap(), expected);
    let one = RangeRequest { key: Octets(b"k".to_vec()), range_end: None };
    assert_eq!(serde_json::to_string(&one).unwrap(), r#"{"key":"aw=="}"#);
    let watch = WatchRequest::from(8, Octets(b"k".to_vec()), Octets(b"l".to_vec()));
    let expected = r#"{"create_request":{"key":"aw==","range_end":"bA==","start_revision":"8","progress_notify":true,"fragment":true}}"#;
    assert_eq!(serde_json::to_string(&watch).unwrap(), expected);
}

#[test]
fn each_fault_has_its_ground() {
    let of = |body: &str| Fault::of("400 Bad Request", body.as_bytes()).ground();
    let coded = |code: u64, text: &str| of(&format!(r#"{{"error":"{text}","message":"{text}","code":{code}}}"#));
    assert_eq!(coded(16, "etcdserver: invalid auth token"), Ground::Login);
    assert_eq!(coded(3, "etcdserver: user name is empty"), Ground::Login);
    assert_eq!(coded(7, "etcdserver: permission denied"), Ground::Denied);
    assert_eq!(coded(3, "etcdserver: authentication failed, invalid user ID or password"), Ground::Denied);
    assert_eq!(coded(14, "etcdserver: no leader"), Ground::NoLeader);
    assert_eq!(coded(3, "etcdserver: request is too large"), Ground::Refused);
    assert_eq!(coded(8, "etcdserver: mvcc: database space exceeded"), Ground::Refused);
    assert_eq!(coded(14, "etcdserver: leader changed"), Ground::Unsettled);
    assert_eq!(coded(14, "etcdserver: request timed out"), Ground::Unknown);
    assert_eq!(coded(2, "context deadline exceeded"), Ground::Unknown);
    assert_eq!(of("Not Found\n"), Ground::Unknown);
    assert_eq!(Fault::of("404 Not Found", b"Not Found\n").message, "HTTP 404 Not Found: Not Found\n");
}

#[test]
fn a_line_is_bounded() {
    let mut frames = Frames::default();
    assert_eq!(frames.push(&[b' '; 60], 100), Ok(Vec::new()));
    assert_eq!(frames.push(&[b' '; 60], 100), Err(Damaged::TooLong(100)));
}

proptest! {
    #[test]
    fn a_watch_is_read_alike_however_it_is_split(cuts in proptest::collection::vec(0..stream().len(), 0..20)) {
        let stream = stream();
        let mut cuts = cuts;
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &stream.as_bytes()[pair[0]..pair[1]]);
        prop_assert_eq!(frames(chunks), frames([stream.as_bytes()]));
    }

    #[test]
    fn damage_is_an_error_or_another_reading_but_never_a_panic(
        flips in proptest::collection::vec((0..stream().len(), any::<u8>()), 1..6), length in 0..stream().len(),
    ) {
        let mut octets = stream().into_bytes();
        for (at, octet) in flips {
            octets[at] = octet;
        }
        octets.truncate(length);
        let _ = frames([octets.as_slice()]);
        let _ = Fault::of("500", &octets).ground();
        let _ = serde_json::from_slice::<RangeReply>(&octets);
    }

    #[test]
    fn octets_and_numbers_come_back(octets in proptest::collection::vec(any::<u8>(), 0..40), number in any::<u64>()) {
        let text = serde_json::to_string(&(Octets(octets.clone()), Number(number))).unwrap();
        let read: (Octets, Number) = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read, (Octets(octets), Number(number)));
    }
}
