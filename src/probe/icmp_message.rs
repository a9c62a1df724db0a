//! ICMP echo messages (RFC 792, RFC 4443 section 4), as a datagram socket takes and gives them: the system fills in
//! identifier and checksum.

use std::net::IpAddr;

/// Octets that tell our echo from others: eight of chance.
pub(super) const TOKEN: usize = 8;

const HEADER: usize = 8;

/// The echo request to `address` that carries `token`.
pub(super) fn request(address: IpAddr, token: [u8; TOKEN]) -> Vec<u8> {
    let kind = if address.is_ipv4() { 8 } else { 128 };
    // Type, code, checksum, identifier, sequence number 1.
    let mut octets = vec![kind, 0, 0, 0, 0, 0, 0, 1];
    octets.extend(token);
    octets
}

/// Whether `octets` are the reply of `address` to the request with `token`.
pub(super) fn is_reply(octets: &[u8], address: IpAddr, token: [u8; TOKEN]) -> bool {
    let kind = if address.is_ipv4() { 0 } else { 129 };
    matches!(octets.split_at_checked(HEADER), Some(([first, 0, ..], data)) if *first == kind && data == token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKENS: [u8; TOKEN] = *b"waypost!";

    #[test]
    fn only_the_reply_to_our_own_request_counts() {
        for (address, kind) in [("192.0.2.1", 0), ("2001:db8::1", 129)] {
            let address = address.parse().unwrap();
            let mut reply = request(address, TOKENS);
            assert!(!is_reply(&reply, address, TOKENS), "our own request");
            reply[0] = kind;
            assert!(is_reply(&reply, address, TOKENS));
            assert!(!is_reply(&reply, address, *b"another!"));
            assert!(!is_reply(&reply[..15], address, TOKENS), "cut");
            reply[1] = 1;
            assert!(!is_reply(&reply, address, TOKENS), "a code that echoes do not have");
        }
    }

    proptest! {
        #[test]
        fn any_datagram_is_a_reply_or_none(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            let address = IpAddr::from([192, 0, 2, 1]);
            prop_assert_eq!(is_reply(&octets, address, TOKENS), octets.len() == 16 && octets[..2] == [0, 0] && octets[8..] == TOKENS);
        }
    }
}
