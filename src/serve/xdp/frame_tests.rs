//! Frames: what is read is what was written, what is answered is right down to the last checksum.

use proptest::prelude::*;

use super::testing::{query_ipv4, query_ipv6};
use super::*;

/// The checksum of RFC 1071 as the standard writes it: word by word.
fn checksum(octets: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let mut sum: u32 = octets.chunks(2).map(word).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The octets that the checksum of UDP covers.
fn covered(source: IpAddr, destination: IpAddr, udp: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => octets.extend(address.octets()),
            IpAddr::V6(address) => octets.extend(address.octets()),
        }
    }
    octets.extend(u32::try_from(udp.len()).unwrap().to_be_bytes());
    octets.extend([0, 0, 0, 17]);
    octets.extend(udp);
    octets
}

fn ipv4() -> impl Strategy<Value = SocketAddr> {
    ((1_u8..=223).prop_filter("loopback", |first| *first != 127), any::<[u8; 3]>(), 1_u16..)
        .prop_map(|(a, [b, c, d], port)| SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port))
}

fn ipv6() -> impl Strategy<Value = SocketAddr> {
    (any::<[u8; 15]>(), 1_u16..).prop_map(|(rest, port)| {
        let mut octets = [0x20; 16];
        octets[1..].copy_from_slice(&rest);
        SocketAddr::new(Ipv6Addr::from(octets).into(), port)
    })
}

fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    prop_oneof![(ipv4(), ipv4()), (ipv6(), ipv6())]
}

fn query(client: SocketAddr, server: SocketAddr, payload: &[u8]) -> Vec<u8> {
    if client.is_ipv4() { query_ipv4(client, server, payload) } else { query_ipv6(client, server, payload) }
}

proptest! {
    #[test]
    fn a_reply_reads_as_a_datagram_the_other_way(
        (client, server) in ends(),
        question in prop::collection::vec(any::<u8>(), 0..600),
        reply in prop::collection::vec(any::<u8>(), 0..1232),
        padding in 0_usize..20,
    ) {
        let mut frame = query(client, server, &question);
        frame.resize(frame.len() + padding, 0xaa);
        let datagram = Datagram::read(&frame).unwrap();
        prop_assert_eq!((datagram.source, datagram.destination), (client, server));
        prop_assert_eq!(&frame[datagram.start..datagram.end], &question[..]);

        let mut answered = frame.clone();
        answered.truncate(datagram.start);
        answered.extend(&reply);
        datagram.answer(&mut answered).unwrap();
        let back = Datagram::read(&answered).unwrap();
        prop_assert_eq!((back.source, back.destination), (server, client));
        prop_assert_eq!(&answered[back.start..back.end], &reply[..]);
        prop_assert_eq!(back.end, answered.len());
        prop_assert_eq!(&answered[..6], &frame[6..12]);
        prop_assert_eq!(&answered[6..12], &frame[..6]);
        prop_assert_eq!(&answered[12..14], &frame[12..14]);

        // The checksums, reckoned the long way. That of UDP is there and right; a frame for which it is not is refused.
        let udp = &answered[back.start - UDP..];
        prop_assert_eq!(checksum(&covered(server.ip(), client.ip(), udp)), 0);
        prop_assert!(udp[6..8] != [0, 0]);
        if client.is_ipv4() {
            prop_assert_eq!(checksum(&answered[ETHERNET..ETHERNET + IPV4]), 0);
            prop_assert_eq!(answered[ETHERNET + 8], 64);
        } else {
            prop_assert_eq!(answered[ETHERNET + 7], 64);
        }
    }

    #[test]
    fn one_flipped_bit_is_noticed_or_leaves_the_datagram_as_it_was(
        (client, server) in ends(),
        question in prop::collection::vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let frame = query(client, server, &question);
        let mut broken = frame.clone();
        broken[at.index(frame.len())] ^= 1 << bit;
        if let (Ok(read), Ok(whole)) = (Datagram::read(&broken), Datagram::read(&frame)) {
            // Link addresses, and what IPv6 does not sum: its class, flow and hops.
            let same = read == whole && broken[read.start..] == frame[read.start..];
            // A checksum that became zero is absent, and one in 65,536 happens to be that of a frame that never left.
            let udp = &broken[read.start - UDP..read.end];
            let pseudo = !checksum(&covered(read.source.ip(), read.destination.ip(), &vec![0; udp.len()]));
            prop_assert!(same || udp[6..8] == [0, 0] || udp[6..8] == pseudo.to_be_bytes());
        }
    }

    #[test]
    fn any_octets_are_read_without_harm(frame in prop::collection::vec(any::<u8>(), 0..1600), kind in 0_u8..3) {
        let mut frame = frame;
        let head: &[(usize, u8)] = match kind {
            0 => &[(12, 0x08), (13, 0x00), (14, 0x45), (23, 17)],
            1 => &[(12, 0x86), (13, 0xdd), (14, 0x60), (20, 17)],
            _ => &[],
        };
        for (at, octet) in head {
            if let Some(place) = frame.get_mut(*at) {
                *place = *octet;
            }
        }
        if let Ok(read) = Datagram::read(&frame) {
            prop_assert!(read.start <= read.end && read.end <= frame.len());
        }
    }
}

const CLIENT: &str = "203.0.113.5:40000";
const SERVER: &str = "192.0.2.1:53";

fn plain() -> Vec<u8> {
    query_ipv4(CLIENT.parse().unwrap(), SERVER.parse().unwrap(), b"question")
}

/// The query with octets changed and the checksum of its IPv4 header made right again.
fn changed(changes: &[(usize, u8)]) -> Vec<u8> {
    let mut frame = plain();
    for (at, octet) in changes {
        frame[*at] = *octet;
    }
    frame[24..26].fill(0);
    let sum = checksum(&frame[ETHERNET..ETHERNET + IPV4]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
fn a_known_frame_reads_as_it_should() {
    let frame = plain();
    let read = Datagram::read(&frame).unwrap();
    assert_eq!((read.start, read.end), (42, 50));
    assert_eq!(read.source, CLIENT.parse().unwrap());
}

#[test]
fn what_is_no_plain_datagram_is_refused() {
    for (what, frame) in [
        ("options", changed(&[(14, 0x46)])),
        ("version 6 behind an IPv4 ethertype", changed(&[(14, 0x65)])),
        ("TCP", changed(&[(23, 6)])),
        ("a fragment with more to follow", changed(&[(20, 0x20)])),
        ("a later fragment", changed(&[(21, 1)])),
        ("a packet longer than its frame", changed(&[(17, 200)])),
        ("a packet shorter than its header", changed(&[(17, 19)])),
        ("a packet without a whole UDP header", changed(&[(17, 27)])),
        ("a datagram longer than its packet", changed(&[(39, 17)])),
        ("a datagram shorter than its header", changed(&[(39, 7)])),
        ("an ethertype of VLANs", changed(&[(12, 0x81)])),
        ("a frame that is too long", {
            let mut long = plain();
            long.resize(1515, 0);
            long
        }),
    ] {
        assert_eq!(Datagram::read(&frame), Err(Unfit::Form), "{what}");
    }
    for length in 0..plain().len() {
        assert_eq!(Datagram::read(&plain()[..length]), Err(Unfit::Form), "{length}");
    }
}

#[test]
fn nobody_is_answered_who_cannot_have_asked() {
    let sources = ["0.0.0.0:1000", "127.0.0.1:1000", "224.0.0.1:1000", "255.255.255.255:1000", "192.0.2.9:0"];
    for source in sources {
        let frame = query_ipv4(source.parse().unwrap(), SERVER.parse().unwrap(), b"q");
        assert_eq!(Datagram::read(&frame), Err(Unfit::Source), "{source}");
    }
    for source in ["[::]:1000", "[::1]:1000", "[ff02::1]:1000", "[2001:db8::1]:0"] {
        let frame = query_ipv6(source.parse().unwrap(), "[2001:db8::2]:53".parse().unwrap(), b"q");
        assert_eq!(Datagram::read(&frame), Err(Unfit::Source), "{source}");
    }
}

#[test]
fn checksums_may_be_absent_over_ipv4_only_or_stand_for_a_frame_that_never_left() {
    let mut without = plain();
    without[40..42].fill(0);
    assert!(Datagram::read(&without).is_ok());
    let (client, server) = ("[2001:db8::1]:1000".parse().unwrap(), "[2001:db8::2]:53".parse().unwrap());
    let mut six = query_ipv6(client, server, b"q");
    six[60..62].fill(0);
    assert_eq!(Datagram::read(&six), Err(Unfit::Checksum));

    // What Linux leaves in a datagram whose checksum a network card is to complete.
    let mut partial = plain();
    let pseudo = covered("203.0.113.5".parse().unwrap(), "192.0.2.1".parse().unwrap(), &[0; 16]);
    let sum = !checksum(&pseudo);
    partial[40..42].copy_from_slice(&sum.to_be_bytes());
    assert!(Datagram::read(&partial).is_ok());
    partial[41] ^= 1;
    assert_eq!(Datagram::read(&partial), Err(Unfit::Checksum));

    let mut damaged = plain();
    damaged[25] ^= 1;
    assert_eq!(Datagram::read(&damaged), Err(Unfit::Checksum));
}

#[test]
fn a_checksum_that_comes_out_as_zero_is_sent_as_all_ones() {
    let datagram = Datagram::read(&plain()).unwrap();
    let found = (0..=u16::MAX).any(|word| {
        let mut frame = plain()[..datagram.start].to_vec();
        frame.extend(word.to_be_bytes());
        datagram.answer(&mut frame).unwrap();
        frame[40..42] == [0xff, 0xff] && Datagram::read(&frame).is_ok()
    });
    assert!(found);
}

#[test]
fn a_frame_without_room_for_its_headers_is_not_sent() {
    let datagram = Datagram::read(&plain()).unwrap();
    for length in 0..datagram.start {
        assert_eq!(datagram.answer(&mut plain()[..length]), None, "{length}");
    }
    assert_eq!(datagram.answer(&mut vec![0; 70_000]), None);
}
