//! Packets, from the octets to the reply.

use std::time::SystemTime;

use hickory_proto::op::{Message, MessageType};
use waypost::answer::Transport;
use waypost::tsig::{Keyring, TsigError, sign_request, verify_request};

use super::Watch;
use super::world::{FRIEND, STRANGER, key, world};

/// The largest reply over UDP, whatever a client takes.
const MAX_DATAGRAM: usize = 1232;
/// The longest datagram that is read.
const MAX_QUERY: usize = 4096;
/// The longest message that a signature still fits behind.
const MAX_UNSIGNED: usize = 65_000;
const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Https];

/// Sends the input as a packet from a stranger and from a server that may transfer, over datagrams and streams.
pub fn run(input: &[u8], watch: &impl Watch) {
    let world = world();
    for transport in TRANSPORTS {
        for source in [STRANGER, FRIEND] {
            let what = format!("a packet over {transport:?}");
            let replies = watch.timed(&what, || world.ask(input, source, transport));
            assert!(transport == Transport::Tcp || replies.len() <= 1, "{} replies over {transport:?}", replies.len());
            for reply in &replies {
                check(input, reply, transport);
            }
            if transport == Transport::Udp && input.len() <= MAX_QUERY {
                let hot = watch.timed("a packet on the hot path", || world.ask_hot(input, source));
                assert!(hot.is_none_or(|hot| replies == [hot]), "another reply on the hot path");
            }
        }
    }
    signed(input, watch);
}

/// Sends the input with a good signature, as another server would.
fn signed(input: &[u8], watch: &impl Watch) {
    let is_whole = matches!(verify_request(input, &Keyring::default(), 0), Ok(None));
    if !is_whole || input.len() > MAX_UNSIGNED {
        return;
    }
    let world = world();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut request = input.to_vec();
    let mut client = sign_request(&mut request, &key(), now);
    let replies = watch.timed("a signed request", || world.ask(&request, STRANGER, Transport::Tcp));
    for reply in &replies {
        check(input, reply, Transport::Tcp);
        match client.verify(reply, now) {
            Err(TsigError::BadSignature) => panic!("a reply with a bad signature"),
            Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// What holds of every reply.
fn check(input: &[u8], reply: &[u8], transport: Transport) {
    assert!(input.len() >= 12, "a reply to less than a header");
    assert!(input[2] & 0x80 == 0, "a reply to a response");
    assert_eq!(reply[..2], input[..2], "another ID");
    let most = if transport == Transport::Udp { MAX_DATAGRAM } else { 65_535 };
    assert!(reply.len() <= most, "{} octets over {transport:?}", reply.len());
    let message = Message::from_vec(reply).expect("a reply that can be read");
    assert_eq!(message.metadata.message_type, MessageType::Response);
    assert_eq!(u8::from(message.metadata.op_code), (input[2] >> 3) & 0x0f, "another OPCODE");
    // Other opcodes do not say what becomes of RD.
    let is_query = input[2] & 0x78 == 0;
    assert!(!is_query || message.metadata.recursion_desired == (input[2] & 1 == 1), "another RD");
    assert!(!message.metadata.recursion_available);
    // Nothing stands behind what the counts say.
    assert!(message.queries.len() <= 1);
}
