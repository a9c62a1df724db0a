//! Queries by the octet, and what matters of replies.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::Message;

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long something that may come late is waited for.
const LATE: Duration = Duration::from_millis(150);

/// A query in the making.
#[derive(Clone)]
pub struct Query {
    /// From the first octet of the header to the last of the question.
    head: Vec<u8>,
    records: Vec<Vec<u8>>,
    trailing: Vec<u8>,
}

/// A name in wire format.
pub fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// An option of an OPT record.
pub fn option(code: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&code.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
}

impl Query {
    /// A question of class IN, without EDNS.
    pub fn new(owner: &str, rtype: u16) -> Self {
        Self::classed(owner, rtype, 1)
    }

    /// A question of any class.
    pub fn classed(owner: &str, rtype: u16, class: u16) -> Self {
        let mut head = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        head.extend(name(owner));
        head.extend(rtype.to_be_bytes());
        head.extend(class.to_be_bytes());
        Self { head, records: Vec::new(), trailing: Vec::new() }
    }

    /// A message without a question.
    pub fn without_question() -> Self {
        Self { head: vec![0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], records: Vec::new(), trailing: Vec::new() }
    }

    /// Sets an octet of the header.
    pub fn octet(mut self, at: usize, value: u8) -> Self {
        self.head[at] = value;
        self
    }

    /// Adds an OPT record.
    pub fn opt(self, payload: u16, version: u8, flags: u16, options: &[u8]) -> Self {
        self.opt_of(&[0], payload, version, flags, options)
    }

    /// Adds an OPT record that `owner` owns.
    pub fn opt_of(mut self, owner: &[u8], payload: u16, version: u8, flags: u16, options: &[u8]) -> Self {
        let mut record = owner.to_vec();
        record.extend([0, 41]);
        record.extend(payload.to_be_bytes());
        record.extend([0, version]);
        record.extend(flags.to_be_bytes());
        record.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        record.extend(options);
        self.records.push(record);
        self
    }

    /// Adds an OPT with common values and `options`.
    pub fn edns(self, options: &[u8]) -> Self {
        self.opt(1232, 0, 0, options)
    }

    /// Adds octets behind the message.
    pub fn trailing(mut self, octets: &[u8]) -> Self {
        self.trailing.extend(octets);
        self
    }

    /// The message.
    pub fn build(&self) -> Vec<u8> {
        let mut packet = self.head.clone();
        packet[11] = packet[11].max(u8::try_from(self.records.len()).unwrap());
        packet.extend(self.records.concat());
        packet.extend(&self.trailing);
        packet
    }
}

/// What matters of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// With the upper bits of the OPT.
    pub rcode: u16,
    pub opcode: u8,
    pub authoritative: bool,
    pub truncated: bool,
    /// RD, RA, Z, AD, CD.
    pub flags: u16,
    /// Questions, answers, authorities, additional records without OPT.
    pub counts: [usize; 4],
    /// Answer records as text, in no order.
    pub answers: BTreeSet<String>,
    /// The OPT: version, flags, codes of the options in order of number.
    pub edns: Option<(u8, u16, Vec<u16>)>,
    /// Data of the COOKIE option.
    pub cookie: Option<Vec<u8>>,
    /// Octets.
    pub length: usize,
}

impl Reply {
    /// Reads a reply.
    ///
    /// # Panics
    /// If it is none: no server may send that.
    pub fn read(packet: &[u8]) -> Self {
        let number = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        let flags = number(2);
        let hex = || data_encoding::HEXLOWER.encode(packet);
        assert!(flags & 0x8000 != 0, "no response: {}", hex());
        let mut counts = [4, 6, 8, 10].map(|at| usize::from(number(at)));
        let message = Message::from_vec(packet).ok();
        let mut reply = Self {
            rcode: flags & 0xf,
            opcode: u8::try_from(flags >> 11 & 0xf).unwrap(),
            authoritative: flags & 0x0400 != 0,
            truncated: flags & 0x0200 != 0,
            flags: flags & 0x01f0,
            counts,
            answers: BTreeSet::new(),
            edns: None,
            cookie: None,
            length: packet.len(),
        };
        let Some(message) = message else { return reply };
        reply.answers = message.answers.iter().map(|record| record.to_string().to_lowercase()).collect();
        if let Some(edns) = &message.edns {
            counts[3] -= 1;
            reply.counts = counts;
            reply.rcode = u16::from(message.metadata.response_code);
            let mut codes: Vec<u16> = edns.options().options.iter().map(|(code, _)| u16::from(*code)).collect();
            codes.sort_unstable();
            reply.edns = Some((edns.version(), u16::from(*edns.flags()), codes));
            reply.cookie = edns.option(hickory_proto::rr::rdata::opt::EdnsCode::Cookie).map(|option| match option {
                hickory_proto::rr::rdata::opt::EdnsOption::Unknown(_, data) => data.clone(),
                other => panic!("{other:?}"),
            });
        }
        reply
    }
}

/// Sends a datagram; the reply, or `None` if a query behind it was answered and this one not.
pub fn udp(server: SocketAddr, packet: &[u8]) -> Option<Reply> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    let _ = socket.send(packet);
    let mut sentinel = Query::new("example.org", 6).build();
    sentinel[..2].copy_from_slice(&[0xff, 0xfe]);
    let mut buffer = vec![0; 65_535];
    // A server that does not listen yet refuses: both sends and receptions may fail.
    let mut receive = |timeout| {
        socket.set_read_timeout(Some(timeout)).unwrap();
        let length = socket.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    };
    let is_sentinel = |reply: &[u8]| reply[..2] == [0xff, 0xfe];
    if let Some(reply) = receive(LATE) {
        return Some(Reply::read(&reply));
    }
    let _ = socket.send(&sentinel);
    match receive(PATIENCE)? {
        reply if is_sentinel(&reply) => receive(LATE).map(|reply| Reply::read(&reply)),
        reply => Some(Reply::read(&reply)),
    }
}

/// Sends a message over TCP; the reply, or `None` if the server closed the connection.
pub fn tcp(server: SocketAddr, packet: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = u16::try_from(packet.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], packet].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).ok()?;
    Some(Reply::read(&reply))
}
