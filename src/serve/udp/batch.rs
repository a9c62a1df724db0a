//! Many datagrams in one system call, and the addresses that they came to.
//!
//! The one place with unsafe code: the system calls take pointers to buffers that stay where they are. Every pointer that
//! is handed over leads into memory that the batch owns, and lives as long as the call.
#![allow(unsafe_code)]

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

/// Datagrams of a batch: as many as are worth a system call, and few enough to stay in the cache.
pub(crate) const BATCH: usize = 32;
/// Octets of a query that are read; what is longer is dropped. As on streams.
const QUERY: usize = super::super::bounds::STREAM_QUERY;
/// From one query to the next: at a power of two all of them would compete for the same lines of the cache.
const STRIDE: usize = QUERY + 64;
/// Octets of a reply.
const REPLY: usize = super::super::bounds::UDP_PAYLOAD as usize;
/// Octets of control data: the address that a datagram came to.
const CONTROL: usize = 64;

/// Control data, aligned as the system wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// The buffers of one worker.
pub(crate) struct Batch {
    queries: Box<[[u8; STRIDE]; BATCH]>,
    replies: Box<[[u8; REPLY]; BATCH]>,
    names: Box<[libc::sockaddr_storage; BATCH]>,
    controls: Box<[Control; BATCH]>,
    /// What came: length of the query, of the name and of the control data.
    came: [Came; BATCH],
    count: usize,
    /// Length of each reply, 0 where there is none.
    lengths: [usize; BATCH],
}

#[derive(Clone, Copy, Default)]
struct Came {
    length: usize,
    name: libc::socklen_t,
    control: usize,
}

/// A datagram that came, and room for its reply.
pub(crate) struct Datagram<'b> {
    /// Its octets.
    pub(crate) packet: &'b [u8],
    /// Where it came from.
    pub(crate) source: SocketAddr,
    /// Room for the reply.
    pub(crate) reply: &'b mut [u8],
    length: &'b mut usize,
}

impl Datagram<'_> {
    /// The reply has so many octets.
    pub(crate) const fn answered(&mut self, length: usize) {
        *self.length = length;
    }
}

/// A box of zeros, never on the stack.
fn zeros<T: Copy, const N: usize>(zero: T) -> Box<[T; N]> {
    match vec![zero; N].into_boxed_slice().try_into() {
        Ok(array) => array,
        // The length is N.
        Err(_) => Box::new([zero; N]),
    }
}

impl Batch {
    /// Empty.
    pub(crate) fn new() -> Self {
        // SAFETY: an address of zeros is one of no family, which is a valid value of the type.
        let name: libc::sockaddr_storage = unsafe { zeroed() };
        Self {
            queries: zeros([0; STRIDE]),
            replies: zeros([0; REPLY]),
            names: zeros(name),
            controls: zeros(Control([0; CONTROL])),
            came: [Came::default(); BATCH],
            count: 0,
            lengths: [0; BATCH],
        }
    }

    /// Waits for a datagram, as long as the socket's timeout says, and takes those that are there. Gives how many.
    pub(crate) fn receive(&mut self, socket: &UdpSocket, wait: Wait) -> io::Result<usize> {
        self.count = 0;
        self.lengths = [0; BATCH];
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        let places = self.queries.iter_mut().zip(self.names.iter_mut()).zip(self.controls.iter_mut());
        for ((((query, name), control), vector), header) in places.zip(&mut vectors).zip(&mut headers) {
            let vector = vector.write(libc::iovec { iov_base: query.as_mut_ptr().cast(), iov_len: QUERY });
            header.write(message(
                name,
                size_of::<libc::sockaddr_storage>() as libc::socklen_t,
                vector,
                &mut control.0,
                CONTROL,
            ));
        }
        let flags = match wait {
            Wait::ForOne => libc::MSG_WAITFORONE,
            Wait::Never => libc::MSG_DONTWAIT,
        };
        // SAFETY: all headers were written above; they and what they point to live beyond the call, and nothing else
        // reads or writes them meanwhile.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr().cast(),
                BATCH as libc::c_uint,
                flags,
                ptr::null_mut(),
            )
        };
        self.count = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for (came, header) in self.came.iter_mut().zip(&headers).take(self.count) {
            // SAFETY: written above, and by the system where it received something.
            let header = unsafe { header.assume_init_ref() };
            let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            *came = Came {
                // What was cut short is no message.
                length: if cut { 0 } else { (header.msg_len as usize).min(QUERY) },
                name: header.msg_hdr.msg_namelen,
                control: header.msg_hdr.msg_controllen.min(CONTROL),
            };
        }
        Ok(self.count)
    }

    /// The datagram at `ix`; `None` for one without an address that could be answered.
    pub(crate) fn datagram(&mut self, ix: usize) -> Option<Datagram<'_>> {
        let came = self.came.get(ix).filter(|_| ix < self.count)?;
        let source = address(self.names.get(ix)?)?;
        Some(Datagram {
            packet: self.queries.get(ix)?.get(..came.length)?,
            source,
            reply: self.replies.get_mut(ix)?,
            length: self.lengths.get_mut(ix)?,
        })
    }

    /// The octets of all datagrams.
    pub(crate) fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let came = self.queries.iter().zip(&self.came).take(self.count);
        came.map(|(query, came)| query.get(..came.length).unwrap_or_default())
    }

    /// The way back for the datagram at `ix`.
    pub(crate) fn way_back(&self, ix: usize) -> Option<WayBack> {
        let came = self.came.get(ix)?;
        let mut control = *self.controls.get(ix)?;
        leave_from(control.0.get_mut(..came.control)?);
        Some(WayBack { name: *self.names.get(ix)?, name_length: came.name, control, control_length: came.control })
    }

    /// Sends the replies, each from the address that was asked. Gives how many could not be sent.
    pub(crate) fn send(&mut self, socket: &UdpSocket) -> u64 {
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        let mut count = 0;
        let replies = self.replies.iter_mut().zip(&self.lengths).zip(self.names.iter_mut());
        for (((reply, length), name), (control, came)) in
            replies.zip(self.controls.iter_mut().zip(&self.came)).take(self.count)
        {
            if *length == 0 {
                continue;
            }
            let (Some(vector), Some(header)) = (vectors.get_mut(count), headers.get_mut(count)) else { break };
            let vector =
                vector.write(libc::iovec { iov_base: reply.as_mut_ptr().cast(), iov_len: (*length).min(REPLY) });
            // What says where it came to says, sent back, where the reply leaves from.
            let octets = control.0.get_mut(..came.control).unwrap_or_default();
            leave_from(octets);
            header.write(message(name, came.name, vector, octets, octets.len()));
            count += 1;
        }
        let (mut sent, mut unsent) = (0, 0);
        while sent < count {
            let Some(rest) = headers.get_mut(sent..count) else { break };
            // SAFETY: the first `count` headers were written above; they and what they point to live beyond the call.
            let done =
                unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr().cast(), rest.len() as libc::c_uint, 0) };
            match usize::try_from(done) {
                Ok(done) if done > 0 => sent += done,
                _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                // Nothing leaves any more, and waiting for each of the rest would help none of them.
                _ if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock => {
                    return unsent + rest.len() as u64;
                }
                // The first of the rest is what the system refuses.
                _ => {
                    unsent += 1;
                    sent += 1;
                }
            }
        }
        unsent
    }
}

/// Where a reply goes, and from which address it leaves.
pub(crate) struct WayBack {
    name: libc::sockaddr_storage,
    name_length: libc::socklen_t,
    control: Control,
    control_length: usize,
}

impl WayBack {
    /// Sends a reply without waiting: where there is no room, it is lost, and the client comes again.
    pub(crate) fn send(&mut self, socket: &UdpSocket, reply: &mut [u8]) -> io::Result<()> {
        let mut vector = libc::iovec { iov_base: reply.as_mut_ptr().cast(), iov_len: reply.len() };
        let length = self.control_length;
        let header = message(&mut self.name, self.name_length, &mut vector, &mut self.control.0, length);
        // SAFETY: the header and what it points to live beyond the call.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header.msg_hdr, libc::MSG_DONTWAIT) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Whether a worker waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until there is one datagram.
    ForOne,
    /// Only what is there already is taken.
    Never,
}

/// Has the system tell to which address each datagram of a socket comes.
pub(crate) fn tell_destinations(socket: &UdpSocket) -> io::Result<()> {
    let (level, option) = match socket.local_addr()? {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    let on: libc::c_int = 1;
    // SAFETY: the option takes an int, which lives beyond the call.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn message(
    name: &mut libc::sockaddr_storage,
    name_length: libc::socklen_t,
    vector: &mut libc::iovec,
    control: &mut [u8],
    control_length: usize,
) -> libc::mmsghdr {
    // SAFETY: null pointers and zero lengths are valid values of the type.
    let mut header: libc::mmsghdr = unsafe { zeroed() };
    header.msg_hdr.msg_name = ptr::from_mut(name).cast();
    header.msg_hdr.msg_namelen = name_length;
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    if control_length > 0 {
        header.msg_hdr.msg_control = control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = control_length;
    }
    header
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what the storage holds, and it is large and aligned enough for any.
            let name = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            let address = Ipv4Addr::from_bits(u32::from_be(name.sin_addr.s_addr));
            Some(SocketAddrV4::new(address, u16::from_be(name.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            let (address, port) = (Ipv6Addr::from(name.sin6_addr.s6_addr), u16::from_be(name.sin6_port));
            Some(SocketAddrV6::new(address, port, name.sin6_flowinfo, name.sin6_scope_id).into())
        }
        _ => None,
    }
}

// What follows is written for machines of 64 bits.
const _: () = assert!(size_of::<libc::cmsghdr>() == CONTROL_HEAD);

/// Octets of the head of a control message: length, level and type, all in the order of the machine.
const CONTROL_HEAD: usize = 16;

/// Level, type and data of the first control message: the only one that is asked for.
fn control_message(control: &[u8]) -> Option<(libc::c_int, libc::c_int, &[u8])> {
    let (head, data) = control.split_first_chunk::<CONTROL_HEAD>()?;
    let level = libc::c_int::from_ne_bytes(*head.get(8..)?.first_chunk()?);
    let kind = libc::c_int::from_ne_bytes(*head.get(12..)?.first_chunk()?);
    Some((level, kind, data))
}

/// Makes the control data of a datagram that came those of its reply: the same local address, and whatever interface the
/// routes say. Link-local addresses mean nothing without theirs.
fn leave_from(control: &mut [u8]) {
    let interface = match control_message(control) {
        Some((libc::IPPROTO_IP, libc::IP_PKTINFO, _)) => CONTROL_HEAD..CONTROL_HEAD + 4,
        Some((libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, [0xfe, second, ..])) if second & 0xc0 == 0x80 => return,
        Some((libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, _)) => CONTROL_HEAD + 16..CONTROL_HEAD + 20,
        _ => return,
    };
    if let Some(octets) = control.get_mut(interface) {
        octets.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn socket(address: &str) -> UdpSocket {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    fn echo(server: &UdpSocket, batch: &mut Batch) -> usize {
        let count = batch.receive(server, Wait::ForOne).unwrap();
        for ix in 0..count {
            let mut datagram = batch.datagram(ix).unwrap();
            let length = datagram.packet.len();
            datagram.reply[..length].copy_from_slice(datagram.packet);
            datagram.answered(length);
        }
        assert_eq!(batch.send(server), 0);
        count
    }

    #[test]
    fn every_reply_goes_to_its_client() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (server, mut batch) = (socket(address), Batch::new());
            let clients: Vec<_> = (0..BATCH + 5).map(|_| socket(address)).collect();
            for (number, client) in clients.iter().enumerate() {
                client.send_to(format!("query {number}").as_bytes(), server.local_addr().unwrap()).unwrap();
            }
            let mut echoed = 0;
            while echoed < clients.len() {
                echoed += echo(&server, &mut batch);
            }
            for (number, client) in clients.iter().enumerate() {
                let mut buffer = [0; 100];
                let (length, from) = client.recv_from(&mut buffer).unwrap();
                assert_eq!(
                    (&buffer[..length], from),
                    (format!("query {number}").as_bytes(), server.local_addr().unwrap())
                );
            }
        }
    }

    #[test]
    fn a_reply_leaves_from_the_address_that_was_asked() {
        let server = socket("0.0.0.0:0");
        tell_destinations(&server).unwrap();
        let (client, mut batch) = (socket("127.0.0.1:0"), Batch::new());
        let port = server.local_addr().unwrap().port();
        let asked = SocketAddr::from(([127, 9, 8, 7], port));
        client.send_to(b"query", asked).unwrap();
        assert_eq!(echo(&server, &mut batch), 1);
        batch.way_back(0).unwrap().send(&server, &mut b"later".to_vec()).unwrap();
        for reply in [b"query", b"later"] {
            let mut buffer = [0; 5];
            assert_eq!(client.recv_from(&mut buffer).unwrap(), (5, asked));
            assert_eq!(buffer, *reply);
        }
    }

    #[test]
    fn what_is_too_long_is_no_message_and_harms_no_other() {
        let (server, client, mut batch) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"), Batch::new());
        let to = server.local_addr().unwrap();
        client.send_to(&[7; QUERY + 1], to).unwrap();
        client.send_to(&[7; QUERY], to).unwrap();
        assert_eq!(batch.receive(&server, Wait::ForOne).unwrap(), 2);
        assert_eq!(batch.datagram(0).unwrap().packet, b"");
        assert_eq!(batch.datagram(1).unwrap().packet, [7; QUERY]);
        assert!(batch.datagram(2).is_none());
        // Nothing was answered, so nothing is sent.
        assert_eq!(batch.send(&server), 0);
        let nothing = batch.receive(&server, Wait::Never).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }
}
