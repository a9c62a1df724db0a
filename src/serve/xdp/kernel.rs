//! What the kernel gives only to those who take pointers: the calls of bpf(2), the frames of a queue, the size of an
//! interface's packets.
//!
//! The one file of this room with `unsafe`. Each block says why it holds; nothing unsafe leaves the file.
#![allow(unsafe_code, reason = "memory shared with the kernel; confined to this file")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use xdp::nic::NicIndex;
use xdp::slab::Slab;
use xdp::socket::{PollTimeout, SocketError, XdpSocket, XdpSocketBuilder};
use xdp::umem::{FrameSize, UmemCfgBuilder};
use xdp::{CompletionRing, Packet, RingConfigBuilder, RxRing, Umem, WakableFillRing, WakableTxRing};

use super::bounds::{BATCH, FRAMES, KICKS, NAP};
use super::instruction::Instruction;

// ------------------------------------------------------------------------------------------------------------ bpf(2)

/// Commands of bpf(2), by their number in `linux/bpf.h`.
#[derive(Clone, Copy)]
#[repr(i32)]
enum Command {
    CreateMap = 0,
    PutInMap = 2,
    RemoveFromMap = 3,
    LoadProgram = 5,
    #[cfg(test)]
    TestProgram = 10,
    CreateLink = 28,
}

/// A kind of map, by its number in `linux/bpf.h`.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum MapKind {
    /// Keys of any octets.
    Hash = 1,
    /// AF_XDP sockets by queue.
    Sockets = 17,
}

/// The kind of program and the place to attach it (`BPF_PROG_TYPE_XDP`, `BPF_XDP`).
const PROGRAM_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;

/// How a program is attached, by its flag in `linux/if_link.h`.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Attach {
    Generic = 1 << 1,
    Native = 1 << 2,
}

/// Octets for what the verifier says against a program.
const VERDICT: usize = 1 << 16;

/// The attributes of the commands, as far as they are used; the kernel takes the rest for zero. None has padding.
#[repr(C)]
struct NewMap {
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
}

#[repr(C)]
struct Entry {
    map: u32,
    zero: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct NewProgram {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach: u32,
}

#[repr(C)]
struct NewLink {
    program: u32,
    interface: u32,
    attach: u32,
    flags: u32,
}

#[cfg(test)]
#[repr(C)]
struct Trial {
    program: u32,
    outcome: u32,
    input_size: u32,
    output_size: u32,
    input: u64,
    output: u64,
    repeat: u32,
    duration: u32,
}

/// The attributes above: plain numbers without padding.
trait Attributes {}
impl Attributes for NewMap {}
impl Attributes for Entry {}
impl Attributes for NewProgram {}
impl Attributes for NewLink {}
#[cfg(test)]
impl Attributes for Trial {}

/// Calls the kernel. What `attributes` points to must be as long as the command takes it for; the callers see to it.
fn bpf<A: Attributes>(command: Command, attributes: &mut A) -> io::Result<i32> {
    // SAFETY: the kernel reads and writes no more than the size given of the attributes, which are valid for both. The
    // addresses within are made of live references by the callers.
    let given =
        unsafe { libc::syscall(libc::SYS_bpf, command as i32, std::ptr::from_mut(attributes), size_of::<A>() as u32) };
    // Descriptors and outcomes fit; what does not is negative and means an error.
    if given < 0 { Err(io::Error::last_os_error()) } else { Ok(given as i32) }
}

fn bpf_descriptor<A: Attributes>(command: Command, attributes: &mut A) -> io::Result<OwnedFd> {
    let descriptor = bpf(command, attributes)?;
    // SAFETY: the command gave a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn number(descriptor: &impl AsRawFd) -> u32 {
    descriptor.as_raw_fd().cast_unsigned()
}

fn address<T: ?Sized>(of: &T) -> u64 {
    std::ptr::from_ref(of).cast::<u8>() as u64
}

/// A map of the kernel: from `K` octets to four.
pub(super) struct Map<const K: usize>(OwnedFd);

impl<const K: usize> Map<K> {
    /// A map without entries.
    pub(super) fn new(kind: MapKind, entries: u32) -> io::Result<Self> {
        let mut attributes = NewMap { kind: kind as u32, key: K as u32, value: 4, entries };
        bpf_descriptor(Command::CreateMap, &mut attributes).map(Self)
    }

    /// Sets an entry.
    pub(super) fn put(&self, key: &[u8; K], value: u32) -> io::Result<()> {
        // The kernel reads as many octets as the map was made with: K and four.
        let mut entry = Entry { map: number(&self.0), zero: 0, key: address(key), value: address(&value), flags: 0 };
        bpf(Command::PutInMap, &mut entry).map(drop)
    }

    /// Removes an entry.
    pub(super) fn remove(&self, key: &[u8; K]) -> io::Result<()> {
        let mut entry = Entry { map: number(&self.0), zero: 0, key: address(key), value: 0, flags: 0 };
        bpf(Command::RemoveFromMap, &mut entry).map(drop)
    }
}

impl Map<4> {
    /// Has the frames of `queue` given to the socket.
    pub(super) fn put_socket(&self, queue: u32, socket: &impl AsRawFd) -> io::Result<()> {
        self.put(&queue.to_ne_bytes(), number(socket))
    }
}

impl<const K: usize> AsRawFd for Map<K> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A program that the kernel accepted.
pub(super) struct Program(OwnedFd);

/// A program at an interface. It goes away with this value, and with the process however it ends.
pub(super) struct Link(#[expect(dead_code, reason = "held, not used")] OwnedFd);

impl Program {
    /// Loads a program for frames.
    ///
    /// # Errors
    /// With what the verifier says against it, if it does.
    pub(super) fn load(instructions: &[Instruction]) -> Result<Self, (io::Error, String)> {
        let licence = c"Apache-2.0";
        let mut log = Vec::new();
        let mut attributes = NewProgram {
            kind: PROGRAM_XDP,
            count: instructions.len() as u32,
            instructions: address(instructions),
            licence: address(licence),
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel: 0,
            flags: 0,
            name: *b"waypost\0\0\0\0\0\0\0\0\0",
            interface: 0,
            attach: ATTACH_XDP,
        };
        let source = match bpf_descriptor(Command::LoadProgram, &mut attributes) {
            Ok(program) => return Ok(Self(program)),
            Err(source) => source,
        };
        // Once more, for its reasons.
        log.resize(VERDICT, 0_u8);
        attributes.log_level = 1;
        attributes.log_size = log.len() as u32;
        attributes.log = log.as_mut_ptr() as u64;
        let _ = bpf_descriptor(Command::LoadProgram, &mut attributes);
        let said = log.split(|octet| *octet == 0).next().unwrap_or_default();
        Err((source, String::from_utf8_lossy(said).into_owned()))
    }

    /// Attaches the program to the interface of this index.
    pub(super) fn attach(&self, interface: u32, how: Attach) -> io::Result<Link> {
        let mut attributes = NewLink { program: number(&self.0), interface, attach: ATTACH_XDP, flags: how as u32 };
        bpf_descriptor(Command::CreateLink, &mut attributes).map(Link)
    }

    /// What the program says of a frame.
    #[cfg(test)]
    pub(super) fn judge(&self, frame: &[u8]) -> io::Result<u32> {
        let mut trial = Trial {
            program: number(&self.0),
            outcome: 0,
            input_size: frame.len() as u32,
            output_size: 0,
            input: address(frame),
            output: 0,
            repeat: 1,
            duration: 0,
        };
        bpf(Command::TestProgram, &mut trial)?;
        Ok(trial.outcome)
    }
}

// ------------------------------------------------------------------------------------------------------ queue

/// What becomes of a frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is sent, as it is now.
    Send,
    /// It is done with.
    Drop,
}

/// A frame on loan.
pub(super) struct Frame<'q>(&'q mut Packet);

impl Frame<'_> {
    /// Its octets.
    #[inline]
    pub(super) fn octets(&self) -> &[u8] {
        self.0
    }

    /// Its octets.
    #[inline]
    pub(super) fn octets_mut(&mut self) -> &mut [u8] {
        self.0
    }

    /// Cuts or extends it at its end; whether there is room. What is new holds whatever was there.
    #[inline]
    pub(super) fn resize(&mut self, length: usize) -> bool {
        let by = i32::try_from(length).ok().zip(i32::try_from(self.0.len()).ok()).map(|(new, old)| new - old);
        by.is_some_and(|by| self.0.adjust_tail(by).is_ok())
    }
}

/// A queue of an interface: its socket and the frames shared with the kernel.
///
/// Frames never leave it, so that none outlives the memory it lies in. Nothing in it goes to another thread but with all
/// the rest.
pub(super) struct Queue {
    // Dropped in this order: the kernel stops before the memory goes.
    socket: XdpSocket,
    fill: WakableFillRing,
    receive: RxRing,
    send: WakableTxRing,
    complete: CompletionRing,
    received: Batch,
    replies: Batch,
    /// Frames that the kernel was given to send and has not given back.
    sending: usize,
    umem: Umem,
}

/// Frames between two rings.
struct Batch(VecDeque<Packet>);

impl Batch {
    fn new() -> Self {
        Self(VecDeque::with_capacity(BATCH))
    }

    /// Loads the ends of all frames, whose octets the kernel has mostly written on another processor: asked for
    /// together, they come in the time of a few. One by one they took half of all the time spent here.
    fn touch(&self) {
        let ends = self.0.iter().map(|packet| packet.first().unwrap_or(&0) ^ packet.last().unwrap_or(&0));
        black_box(ends.fold(0, |all, end| all ^ end));
    }
}

/// The names are the crate's; frames leave in the order in which they come.
impl Slab for Batch {
    fn available(&self) -> usize {
        BATCH.saturating_sub(self.0.len())
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push_front(&mut self, packet: Packet) -> Option<Packet> {
        if self.available() == 0 {
            return Some(packet);
        }
        self.0.push_back(packet);
        None
    }

    fn pop_back(&mut self) -> Option<Packet> {
        self.0.pop_front()
    }
}

// SAFETY: the pointers in it lead to mappings of the process that belong to this value alone: frames to `umem`, rings to
// the rings. None of them is bound to a thread.
unsafe impl Send for Queue {}

impl Queue {
    /// Opens a queue of the interface of this index: without copies if its driver can, with copies otherwise.
    pub(super) fn open(interface: u32, queue: u32) -> Result<Self, SocketError> {
        let failed = |error: &dyn ToString| SocketError::SocketCreation(io::Error::other(error.to_string()));
        let mut builder = XdpSocketBuilder::new()?;
        let frames = UmemCfgBuilder { frame_size: FrameSize::TwoK, frame_count: FRAMES, ..UmemCfgBuilder::default() };
        let umem = Umem::map(frames.build().map_err(|error| failed(&error))?).map_err(SocketError::SocketCreation)?;
        // Each ring holds all frames, so that none is ever full.
        let rings =
            RingConfigBuilder { rx_count: FRAMES, tx_count: FRAMES, fill_count: FRAMES, completion_count: FRAMES };
        let rings = rings.build().map_err(|error| failed(&error))?;
        let (rings, flags) = builder.build_wakable_rings(&umem, rings)?;
        let missing = || failed(&"a ring is missing");
        let mut opened = Self {
            receive: rings.rx_ring.ok_or_else(missing)?,
            send: rings.tx_ring.ok_or_else(missing)?,
            fill: rings.fill_ring,
            complete: rings.completion_ring,
            received: Batch::new(),
            replies: Batch::new(),
            sending: 0,
            socket: builder.bind(NicIndex(interface), queue, flags)?,
            umem,
        };
        opened.give_back();
        Ok(opened)
    }

    /// Sleeps until a frame is there, or for a nap. Whether one is.
    pub(super) fn wait(&self) -> io::Result<bool> {
        // This also wakes a driver that had run out of frames to fill (`XDP_USE_NEED_WAKEUP`).
        self.socket.poll_read(const { PollTimeout::new(Some(NAP)) })
    }

    /// Has `respond` see up to a batch of frames that wait, and sends those it says so of. How many there were.
    ///
    /// # Errors
    /// If the interface is gone or down.
    pub(super) fn turn(&mut self, mut respond: impl FnMut(&mut Frame<'_>) -> Fate) -> io::Result<usize> {
        self.give_back();
        // SAFETY: the packets stay in the two slabs of this value, and are forgotten before its memory goes.
        let count = unsafe { self.receive.recv(&self.umem, &mut self.received) };
        self.received.touch();
        while let Some(mut packet) = self.received.pop_back() {
            match respond(&mut Frame(&mut packet)) {
                Fate::Send => {
                    if let Some(packet) = self.replies.push_front(packet) {
                        self.umem.free_packet(packet);
                    }
                }
                Fate::Drop => self.umem.free_packet(packet),
            }
        }
        if !self.replies.is_empty() {
            // SAFETY: the memory outlives the socket, see the order of the fields. Without a wake-up this cannot fail.
            self.sending += unsafe { self.send.send(&mut self.replies, false) }.unwrap_or_default();
            // Never: the ring holds all frames.
            while let Some(packet) = self.replies.pop_back() {
                self.umem.free_packet(packet);
            }
        }
        if self.sending > 0 {
            self.kick()?;
        }
        Ok(count)
    }

    /// Frames that were sent, and those that nobody holds, wait for queries again.
    fn give_back(&mut self) {
        let sent = self.complete.dequeue(&mut self.umem, FRAMES as usize);
        self.sending = self.sending.saturating_sub(sent);
        let idle = self.umem.allocatable();
        // SAFETY: as above. Without a wake-up this cannot fail.
        let _ = unsafe { self.fill.enqueue(&mut self.umem, idle, false) };
    }

    /// Has the kernel send what it was given. Frames that it does not take now go with the next.
    fn kick(&self) -> io::Result<()> {
        for _ in 0..KICKS {
            // SAFETY: nothing is read at the null pointer, the length is zero.
            let sent = unsafe { libc::send(self.socket.raw_fd(), std::ptr::null(), 0, libc::MSG_DONTWAIT) };
            if sent >= 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                // A part was sent, or one was lost to a full queue behind us, and the others wait.
                Some(libc::EAGAIN | libc::EBUSY | libc::EINTR) => {}
                // The kernel is short of memory for them.
                Some(libc::ENOBUFS | libc::ENOMEM) => return Ok(()),
                _ => return Err(error),
            }
        }
        Ok(())
    }
}

impl AsRawFd for Queue {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.raw_fd()
    }
}

// -------------------------------------------------------------------------------------------------- interface

/// The most octets of an IP packet that the interface carries.
pub(super) fn mtu(interface: &str) -> io::Result<u32> {
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    // SAFETY: plain numbers and a union of them; all zero is one of its values.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last octet stays zero.
    let (name, _) = request.ifr_name.split_at_mut(libc::IFNAMSIZ - 1);
    for (to, from) in name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: the request is as this call wants it, and lives.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has written this field of the union.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    Ok(mtu.cast_unsigned())
}
