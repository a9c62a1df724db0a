//! Ethernet frames with UDP over IPv4 or IPv6: queries read, replies made of them in place. Pure.
//!
//! The program in the driver lets only plain frames through (see [`super::program`]); this file believes none of it and
//! reads every frame as it would read any octets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::bounds::FRAME_MOST;

/// Octets of the link header.
pub(super) const ETHERNET: usize = 14;
/// Octets of an IPv4 header without options.
pub(super) const IPV4: usize = 20;
/// Octets of an IPv6 header.
pub(super) const IPV6: usize = 40;
/// Octets of a UDP header.
pub(super) const UDP: usize = 8;

/// Ethertypes (RFC 894, RFC 2464) and the number of UDP among the protocols of IP.
pub(super) const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
pub(super) const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
pub(super) const PROTOCOL_UDP: u8 = 17;

/// Version 4, five words of header.
const PLAIN_IPV4: u8 = 0x45;
/// Version 6 in the first half of the first octet.
const VERSION_6: u8 = 0x60;
/// More fragments follow, or others went before (RFC 791).
pub(super) const FRAGMENT: u16 = 0x3fff;
/// "Don't fragment": a reply is never longer than what fits every path, and without fragments its identification may
/// be anything (RFC 6864 section 4.1).
const DONT_FRAGMENT: [u8; 2] = [0x40, 0x00];
/// How many routers a reply may pass (RFC 1122 section 3.2.1.7 wants it configurable or as the system's, which is 64).
const HOPS: u8 = 64;

/// A UDP datagram in a frame: whose, and where in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    /// Who sent it.
    pub(super) source: SocketAddr,
    /// Who was asked.
    pub(super) destination: SocketAddr,
    /// Where its payload starts in the frame.
    pub(super) start: usize,
    /// Where its payload ends.
    pub(super) end: usize,
}

/// Why a frame is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Shorter than its headers say, or not UDP in a plain IP packet at all.
    Form,
    /// Damaged on its way.
    Checksum,
    /// Nobody can have sent it from there.
    Source,
}

impl Datagram {
    /// Reads a frame.
    ///
    /// # Errors
    /// If the frame is not to be answered.
    #[inline]
    pub(super) fn read(frame: &[u8]) -> Result<Self, Unfit> {
        if frame.len() > usize::from(FRAME_MOST) {
            return Err(Unfit::Form);
        }
        let (link, packet) = frame.split_first_chunk::<ETHERNET>().ok_or(Unfit::Form)?;
        match link.last_chunk::<2>() {
            Some(&ETHERTYPE_IPV4) => Self::read_ipv4(packet),
            Some(&ETHERTYPE_IPV6) => Self::read_ipv6(packet),
            _ => Err(Unfit::Form),
        }
    }

    fn read_ipv4(packet: &[u8]) -> Result<Self, Unfit> {
        let (header, rest) = packet.split_first_chunk::<IPV4>().ok_or(Unfit::Form)?;
        let [form, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
        let fragment = u16::from_be_bytes([f0, f1]) & FRAGMENT != 0;
        if form != PLAIN_IPV4 || protocol != PROTOCOL_UDP || fragment {
            return Err(Unfit::Form);
        }
        // What stands behind the packet is padding of a short frame.
        let length = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(IPV4).ok_or(Unfit::Form)?;
        let segment = rest.get(..length).ok_or(Unfit::Form)?;
        if Sum::default().over(header).folded() != ALL_ONES {
            return Err(Unfit::Checksum);
        }
        let source = Ipv4Addr::new(s0, s1, s2, s3);
        if source.is_unspecified() || source.is_loopback() || source.is_multicast() || source.is_broadcast() {
            return Err(Unfit::Source);
        }
        let destination = Ipv4Addr::new(d0, d1, d2, d3);
        Self::read_udp(segment, ETHERNET + IPV4, source.into(), destination.into(), Unsummed::Allowed)
    }

    fn read_ipv6(packet: &[u8]) -> Result<Self, Unfit> {
        let (header, rest) = packet.split_first_chunk::<IPV6>().ok_or(Unfit::Form)?;
        let [form, _, _, _, l0, l1, next, _, addresses @ ..] = header;
        let (source, addresses) = addresses.split_first_chunk::<16>().ok_or(Unfit::Form)?;
        let destination = addresses.first_chunk::<16>().ok_or(Unfit::Form)?;
        if form & 0xf0 != VERSION_6 || *next != PROTOCOL_UDP {
            return Err(Unfit::Form);
        }
        let segment = rest.get(..usize::from(u16::from_be_bytes([*l0, *l1]))).ok_or(Unfit::Form)?;
        let source = Ipv6Addr::from(*source);
        if source.is_unspecified() || source.is_loopback() || source.is_multicast() {
            return Err(Unfit::Source);
        }
        let destination = Ipv6Addr::from(*destination);
        Self::read_udp(segment, ETHERNET + IPV6, source.into(), destination.into(), Unsummed::Refused)
    }

    fn read_udp(
        segment: &[u8],
        start: usize,
        source: IpAddr,
        destination: IpAddr,
        unsummed: Unsummed,
    ) -> Result<Self, Unfit> {
        let [s0, s1, d0, d1, l0, l1, c0, c1] = *segment.first_chunk::<UDP>().ok_or(Unfit::Form)?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let datagram = segment.get(..length).filter(|_| length >= UDP).ok_or(Unfit::Form)?;
        let source_port = u16::from_be_bytes([s0, s1]);
        if source_port == 0 {
            return Err(Unfit::Source);
        }
        let good = match u16::from_be_bytes([c0, c1]) {
            0 => unsummed == Unsummed::Allowed,
            sum => {
                let pseudo = Sum::default().pseudo(source, destination, l0, l1);
                // A frame that never left this machine bears the sum of its pseudo-header alone: the kernel leaves the
                // rest to a network card that it never meets.
                pseudo.over(datagram).folded() == ALL_ONES || pseudo.folded() == sum
            }
        };
        if !good {
            return Err(Unfit::Checksum);
        }
        Ok(Self {
            source: SocketAddr::new(source, source_port),
            destination: SocketAddr::new(destination, u16::from_be_bytes([d0, d1])),
            start: start + UDP,
            end: start + length,
        })
    }

    /// Makes the frame of this datagram, cut or extended to end with a reply at [`Self::start`], the frame that answers
    /// it: back where it came from, with the lengths and checksums of the reply.
    ///
    /// Gives `None`, and a frame that must not be sent, if that frame cannot be: it is shorter than its headers or longer
    /// than the lengths in them can say.
    #[inline]
    #[must_use]
    pub(super) fn answer(&self, frame: &mut [u8]) -> Option<()> {
        let (link, packet) = frame.split_first_chunk_mut::<ETHERNET>()?;
        let (destination, source) = link.split_at_mut(6);
        destination.swap_with_slice(source.get_mut(..6)?);
        let udp = match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(client), IpAddr::V4(server)) => {
                let length = u16::try_from(packet.len()).ok()?.to_be_bytes();
                let (header, udp) = packet.split_first_chunk_mut::<IPV4>()?;
                *header = ipv4_header(length, server, client);
                udp
            }
            (IpAddr::V6(client), IpAddr::V6(server)) => {
                let (header, udp) = packet.split_first_chunk_mut::<IPV6>()?;
                let length = u16::try_from(udp.len()).ok()?.to_be_bytes();
                *header = ipv6_header(length, server, client);
                udp
            }
            _ => return None,
        };
        let [l0, l1] = u16::try_from(udp.len()).ok()?.to_be_bytes();
        let [s0, s1] = self.destination.port().to_be_bytes();
        let [d0, d1] = self.source.port().to_be_bytes();
        *udp.first_chunk_mut::<UDP>()? = [s0, s1, d0, d1, l0, l1, 0, 0];
        let sum = Sum::default().pseudo(self.destination.ip(), self.source.ip(), l0, l1).over(udp).folded();
        // Zero would mean that there is no checksum (RFC 768).
        let sum = if sum == ALL_ONES { ALL_ONES } else { !sum };
        let [.., c0, c1] = udp.first_chunk_mut::<UDP>()?;
        [*c0, *c1] = sum.to_be_bytes();
        Some(())
    }
}

/// Whether a datagram may do without a checksum.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsummed {
    /// RFC 768.
    Allowed,
    /// RFC 8200 section 8.1.
    Refused,
}

fn ipv4_header([l0, l1]: [u8; 2], source: Ipv4Addr, destination: Ipv4Addr) -> [u8; IPV4] {
    let [f0, f1] = DONT_FRAGMENT;
    let [s0, s1, s2, s3] = source.octets();
    let [d0, d1, d2, d3] = destination.octets();
    let mut header = [PLAIN_IPV4, 0, l0, l1, 0, 0, f0, f1, HOPS, PROTOCOL_UDP, 0, 0, s0, s1, s2, s3, d0, d1, d2, d3];
    let sum = !Sum::default().over(&header).folded();
    let [.., c0, c1, _, _, _, _, _, _, _, _] = &mut header;
    [*c0, *c1] = sum.to_be_bytes();
    header
}

fn ipv6_header([l0, l1]: [u8; 2], source: Ipv6Addr, destination: Ipv6Addr) -> [u8; IPV6] {
    let mut header = [0; IPV6];
    let (form, addresses) = header.split_at_mut(8);
    form.copy_from_slice(&[VERSION_6, 0, 0, 0, l0, l1, PROTOCOL_UDP, HOPS]);
    let (from, to) = addresses.split_at_mut(16);
    from.copy_from_slice(&source.octets());
    to.copy_from_slice(&destination.octets());
    header
}

/// A sum that is complete and right.
const ALL_ONES: u16 = 0xffff;

/// The sum of the Internet checksum (RFC 1071), carries kept.
///
/// Carries of a frame's few hundred words of 32 bits cannot overflow 64.
#[derive(Clone, Copy, Default)]
struct Sum(u64);

impl Sum {
    /// Adds octets, as words in the order of the network. Only the last run of a sum may be odd.
    #[inline]
    fn over(mut self, octets: &[u8]) -> Self {
        let (words, rest) = octets.as_chunks::<4>();
        for word in words {
            self.0 += u64::from(u32::from_be_bytes(*word));
        }
        let mut last = [0; 4];
        if let Some(start) = last.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        self.0 += u64::from(u32::from_be_bytes(last));
        self
    }

    /// Adds the header that UDP imagines before its own (RFC 768, RFC 8200 section 8.1); they differ in nothing that
    /// matters to a sum.
    fn pseudo(self, one: IpAddr, other: IpAddr, l0: u8, l1: u8) -> Self {
        let with = |sum: Self, address: IpAddr| match address {
            IpAddr::V4(address) => sum.over(&address.octets()),
            IpAddr::V6(address) => sum.over(&address.octets()),
        };
        with(with(self, one), other).over(&[0, PROTOCOL_UDP, l0, l1])
    }

    /// The sum in 16 bits, its carries added to its end.
    #[inline]
    fn folded(self) -> u16 {
        let mut sum = self.0;
        while let carry @ 1.. = sum >> 16 {
            sum = (sum & 0xffff) + carry;
        }
        // Nothing is left above 16 bits.
        u16::try_from(sum).unwrap_or(ALL_ONES)
    }
}

/// Frames for the tests of this room.
#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A query in a frame, as a client's kernel makes it.
    pub(in super::super) fn query_ipv4(client: SocketAddr, server: SocketAddr, payload: &[u8]) -> Vec<u8> {
        frame(ETHERTYPE_IPV4, ETHERNET + IPV4, client, server, payload)
    }

    /// A query in a frame, as a client's kernel makes it.
    pub(in super::super) fn query_ipv6(client: SocketAddr, server: SocketAddr, payload: &[u8]) -> Vec<u8> {
        frame(ETHERTYPE_IPV6, ETHERNET + IPV6, client, server, payload)
    }

    /// A query is the reply to one that the server might have sent.
    fn frame(kind: [u8; 2], udp: usize, client: SocketAddr, server: SocketAddr, payload: &[u8]) -> Vec<u8> {
        let imagined = Datagram { source: server, destination: client, start: udp + UDP, end: udp + UDP };
        let mut frame = vec![0; udp + UDP];
        frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
        frame[12..14].copy_from_slice(&kind);
        frame.extend(payload);
        imagined.answer(&mut frame).unwrap();
        frame
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
