//! The client subnet option, by itself and in a query.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsCode;
use waypost::answer::{ClientSubnet, Transport};

use super::Watch;
use super::world::{STRANGER, world};

/// The largest option that a query can carry beside its question.
const MAX_OPTION: usize = 65_000;
/// A query for MX of example.org up to the length of the data of its OPT record.
const QUERY: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x01\x07example\x03org\0\0\x0f\0\x01\0\0\x29\x04\xd0\0\0\0\0";

/// Reads the input as the option's data, and asks with it.
pub fn run(input: &[u8], watch: &impl Watch) {
    let subnet = watch.timed("reading a client subnet", || ClientSubnet::from_option(input));
    if let Ok(subnet) = &subnet {
        assert_eq!(subnet.to_option(0), input);
    }
    let option = &input[..input.len().min(MAX_OPTION)];
    let length = u16::try_from(option.len()).unwrap();
    let packet = [QUERY, &(length + 4).to_be_bytes(), &ClientSubnet::CODE.to_be_bytes(), &length.to_be_bytes(), option];
    let packet = packet.concat();
    let world = world();
    for transport in [Transport::Udp, Transport::Tcp] {
        let replies = watch.timed("a query with a client subnet", || world.ask(&packet, STRANGER, transport));
        let [reply] = replies.as_slice() else { panic!("{} replies", replies.len()) };
        let message = Message::from_vec(reply).expect("a reply that can be read");
        let Ok(subnet) = &subnet else {
            assert_eq!(message.metadata.response_code, ResponseCode::FormErr);
            continue;
        };
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        assert!(!message.answers.is_empty());
        // Echoed with the scope of the answer, which is the fourth octet.
        let edns = message.edns.as_ref().expect("EDNS in reply to EDNS");
        assert!(edns.option(EdnsCode::Subnet).is_some(), "the subnet is not echoed");
        let echoed = subnet.to_option(0);
        let is_echo = |window: &[u8]| window[..3] == echoed[..3] && window[4..] == echoed[4..];
        assert!(reply.windows(echoed.len()).any(is_echo), "another subnet in the reply");
    }
}
