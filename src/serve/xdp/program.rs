//! The program that runs in the driver for every frame: queries to us go to the worker of their queue, all else to the
//! kernel.
//!
//! Taken from the kernel is only what is surely a query and can be answered in place: unfragmented UDP without IP options
//! or extension headers, without a VLAN tag, addressed to this interface and to an address and port that we serve. The
//! addresses are in a map, so that they can come and go while the program runs. When nobody reads a queue, its
//! frames go to the kernel as well.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;

use super::bounds::FRAME_MOST;
use super::frame::{ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, FRAGMENT, IPV4, IPV6, PROTOCOL_UDP, UDP};
use super::instruction::Register::{R0, R1, R2, R3, R6, R7, R8, R10};
use super::instruction::Size::{Byte, Half, Word};
use super::instruction::{Helper, Instruction, Step, assemble};

/// An address of a network interface.
pub(super) type Mac = [u8; 6];

/// What the kernel does with a frame when the program says no more (`enum xdp_action`).
pub(super) const PASS: i32 = 2;

/// Fields of the program's context (`struct xdp_md`).
const DATA: i16 = 0;
const DATA_END: i16 = 4;
const QUEUE: i16 = 16;

/// An address and a port that are answered past the kernel, as a key of the map: an IPv6 address (IPv4 ones mapped, RFC
/// 4291 section 2.5.5.2), the port, two octets to fill up, all in the order of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target(pub(super) [u8; Target::OCTETS]);

impl Target {
    /// Octets of a key.
    pub(super) const OCTETS: usize = 20;
    /// Where on the stack the program builds the key.
    const STACK: i16 = -20;
    const PORT: i16 = Self::STACK + 16;

    /// The key of `socket`.
    pub(super) fn new(socket: SocketAddr) -> Self {
        let address = match socket.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mut octets = [0; Self::OCTETS];
        let (host, rest) = octets.split_at_mut(16);
        host.copy_from_slice(&address.octets());
        if let Some(port) = rest.first_chunk_mut::<2>() {
            *port = socket.port().to_be_bytes();
        }
        Self(octets)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Ipv6,
    Look,
    Pass,
}

/// The program for the interface `mac`, with the maps of targets and of sockets behind the two descriptors.
pub(super) fn program(mac: Mac, targets: RawFd, sockets: RawFd) -> Option<Vec<Instruction>> {
    let [m0, m1, m2, m3, m4, m5] = mac;
    let steps = [
        Step::Copy(R6, R1),
        Step::Load(Word, R7, R6, DATA),
        Step::Load(Word, R8, R6, DATA_END),
        // Nothing longer than a frame of a queue holds.
        Step::Copy(R1, R7),
        Step::Add(R1, i32::from(FRAME_MOST) + 1),
        Step::IfAtMost(R1, R8, Label::Pass),
        // The headers of IPv4 and UDP. The verifier of the kernel wants to see what is loaded to be there.
        Step::Copy(R1, R7),
        Step::Add(R1, octets(ETHERNET + IPV4 + UDP)),
        Step::IfGreater(R1, R8, Label::Pass),
        // For this interface, not for one on top of it or beside it, nor for all.
        Step::Load(Word, R1, R7, 0),
        Step::UnlessIs(R1, u32::from_ne_bytes([m0, m1, m2, m3]), Label::Pass),
        Step::Load(Half, R1, R7, 4),
        Step::UnlessIs(R1, half([m4, m5]), Label::Pass),
        Step::Load(Half, R1, R7, 12),
        Step::UnlessIs(R1, half(ETHERTYPE_IPV4), Label::Ipv6),
        // IPv4 without options, no fragment, UDP.
        Step::Load(Byte, R1, R7, at(0)),
        Step::UnlessIs(R1, 0x45, Label::Pass),
        Step::Load(Half, R1, R7, at(6)),
        Step::IfAny(R1, half(FRAGMENT.to_be_bytes()), Label::Pass),
        Step::Load(Byte, R1, R7, at(9)),
        Step::UnlessIs(R1, PROTOCOL_UDP as u32, Label::Pass),
        // The key: ::ffff: and the destination; the port.
        Step::StoreNumber(Word, R10, Target::STACK, 0),
        Step::StoreNumber(Word, R10, Target::STACK + 4, 0),
        Step::StoreNumber(Word, R10, Target::STACK + 8, i32::from_ne_bytes([0, 0, 0xff, 0xff])),
        Step::Load(Word, R1, R7, at(16)),
        Step::Store(Word, R10, Target::STACK + 12, R1),
        Step::Load(Half, R1, R7, at(IPV4 as i16 + 2)),
        Step::Store(Half, R10, Target::PORT, R1),
        Step::Go(Label::Look),
        // IPv6 with UDP right behind its header.
        Step::At(Label::Ipv6),
        Step::UnlessIs(R1, half(ETHERTYPE_IPV6), Label::Pass),
        Step::Copy(R1, R7),
        Step::Add(R1, octets(ETHERNET + IPV6 + UDP)),
        Step::IfGreater(R1, R8, Label::Pass),
        Step::Load(Byte, R1, R7, at(0)),
        Step::And(R1, 0xf0),
        Step::UnlessIs(R1, 0x60, Label::Pass),
        Step::Load(Byte, R1, R7, at(6)),
        Step::UnlessIs(R1, PROTOCOL_UDP as u32, Label::Pass),
        // The key: the destination; the port.
        Step::Load(Word, R1, R7, at(24)),
        Step::Store(Word, R10, Target::STACK, R1),
        Step::Load(Word, R1, R7, at(28)),
        Step::Store(Word, R10, Target::STACK + 4, R1),
        Step::Load(Word, R1, R7, at(32)),
        Step::Store(Word, R10, Target::STACK + 8, R1),
        Step::Load(Word, R1, R7, at(36)),
        Step::Store(Word, R10, Target::STACK + 12, R1),
        Step::Load(Half, R1, R7, at(IPV6 as i16 + 2)),
        Step::Store(Half, R10, Target::PORT, R1),
        // Is it ours?
        Step::At(Label::Look),
        Step::StoreNumber(Half, R10, Target::PORT + 2, 0),
        Step::Map(R1, targets),
        Step::Copy(R2, R10),
        Step::Add(R2, Target::STACK as i32),
        Step::Call(Helper::MapLookup),
        Step::IfNull(R0, Label::Pass),
        // To the worker of this queue; without one, to the kernel.
        Step::Map(R1, sockets),
        Step::Load(Word, R2, R6, QUEUE),
        Step::Set(R3, PASS),
        Step::Call(Helper::RedirectMap),
        Step::Exit,
        Step::At(Label::Pass),
        Step::Set(R0, PASS),
        Step::Exit,
    ];
    assemble(&steps)
}

/// Two octets of the network as a load finds them.
fn half(octets: [u8; 2]) -> u32 {
    u32::from(u16::from_ne_bytes(octets))
}

/// An offset in the IP packet as one in the frame.
const fn at(offset: i16) -> i16 {
    ETHERNET as i16 + offset
}

const fn octets(count: usize) -> i32 {
    count as i32
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
