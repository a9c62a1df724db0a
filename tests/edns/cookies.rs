//! Cookies made by one server are taken by another with the same secret (RFC 9018). Broken here, and a client of an
//! anycast address is a stranger whenever its route changes.

use crate::servers;
use crate::wire::{Query, option, udp};

const SOA: u16 = 6;

fn asked_with(cookie: &[u8]) -> Vec<u8> {
    Query::new("example.org", SOA).edns(&option(10, cookie)).build()
}

#[test]
fn a_cookie_of_one_server_is_good_at_the_others() {
    let Some([nsd, knot]) = servers::peers("a_cookie_of_one_server_is_good_at_the_others") else { return };
    let waypost = servers::unlimited();
    let client = [1, 2, 3, 4, 5, 6, 7, 8];
    for maker in [&waypost, &nsd, &knot] {
        let cookie = udp(maker.address, &asked_with(&client)).unwrap().cookie.unwrap();
        assert_eq!((cookie.len(), &cookie[..8], cookie[8]), (24, &client[..], 1), "{}", maker.name);
        for other in [&waypost, &nsd, &knot] {
            let reply = udp(other.address, &asked_with(&cookie)).unwrap();
            assert_eq!((reply.rcode, reply.answers.len()), (0, 1), "{} at {}", maker.name, other.name);
            // A cookie that is good and young comes back as it is; NSD and Knot answer one that is not with another.
            assert_eq!(reply.cookie.as_ref(), Some(&cookie), "a cookie of {} at {}", maker.name, other.name);
        }
        let mut forged = cookie.clone();
        forged[23] ^= 1;
        let reply = udp(waypost.address, &asked_with(&forged)).unwrap();
        let given = reply.cookie.unwrap();
        assert_ne!(given, forged, "a forged cookie of {}", maker.name);
        assert_eq!(given[..8], client);
    }
}
