//! A small DNS client over UDP, with EDNS Client Subnet (RFC 7871).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{Name, RData, RecordType};

const WAIT: Duration = Duration::from_secs(2);
/// For who asks again anyway: a query that comes while a server opens its sockets is lost.
const GLANCE: Duration = Duration::from_millis(300);
/// RFC 6891; the size of DNS flag day 2020.
const PAYLOAD: u16 = 1232;

/// Asks one server.
#[derive(Clone, Copy)]
pub struct Client {
    server: SocketAddr,
}

impl Client {
    pub const fn new(server: SocketAddr) -> Self {
        Self { server }
    }

    /// Whether anybody answers at all.
    pub fn answers(&self) -> bool {
        self.ask_within(GLANCE, "example.org.", RecordType::SOA, None).is_ok()
    }

    /// Asks for `name`; `subnet` as in `80.128.0.0/24`.
    ///
    /// # Panics
    /// If no well-formed answer comes.
    pub fn ask(&self, name: &str, rtype: RecordType, subnet: Option<&str>) -> Message {
        let outcome = self.try_ask(name, rtype, subnet);
        outcome.unwrap_or_else(|error| panic!("{name} {rtype} at {}: {error}", self.server))
    }

    /// The MX hosts of `name`, best first.
    ///
    /// # Panics
    /// If the answer is anything but NOERROR with at least one host: that never may be.
    pub fn mx(&self, name: &str, subnet: Option<&str>) -> Vec<String> {
        let message = self.ask(name, RecordType::MX, subnet);
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        let mut hosts: Vec<_> = message
            .answers
            .iter()
            .filter_map(|record| match &record.data {
                RData::MX(mx) => Some((mx.preference, mx.exchange.to_ascii())),
                _ => None,
            })
            .collect();
        hosts.sort();
        assert!(!hosts.is_empty(), "an empty MX answer for {name}");
        hosts.into_iter().map(|(_, host)| host).collect()
    }

    /// The IPv4 addresses of `name`.
    ///
    /// # Panics
    /// As [`Client::mx`].
    pub fn addresses(&self, name: &str, subnet: Option<&str>) -> Vec<IpAddr> {
        let message = self.ask(name, RecordType::A, subnet);
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        let addresses: Vec<_> = message.answers.iter().filter_map(|record| record.data.ip_addr()).collect();
        assert!(!addresses.is_empty(), "an empty A answer for {name}");
        addresses
    }

    /// As [`Client::ask`], where it may be that nobody answers.
    pub fn try_ask(&self, name: &str, rtype: RecordType, subnet: Option<&str>) -> io::Result<Message> {
        self.ask_within(WAIT, name, rtype, subnet)
    }

    fn ask_within(&self, wait: Duration, name: &str, rtype: RecordType, subnet: Option<&str>) -> io::Result<Message> {
        static ID: AtomicU16 = AtomicU16::new(1);
        let mut query = Message::query();
        query.metadata.id = ID.fetch_add(1, Ordering::Relaxed);
        query.add_query(Query::query(Name::from_str(name).map_err(io::Error::other)?, rtype));
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD);
        if let Some(subnet) = subnet {
            let subnet = ClientSubnet::from_str(subnet).map_err(io::Error::other)?;
            edns.options_mut().insert(EdnsOption::Subnet(subnet));
        }
        query.set_edns(edns);
        let local = if self.server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(local)?;
        socket.set_read_timeout(Some(wait))?;
        socket.connect(self.server)?;
        socket.send(&query.to_vec().map_err(io::Error::other)?)?;
        let mut buffer = [0; PAYLOAD as usize];
        loop {
            let length = socket.recv(&mut buffer)?;
            let message = Message::from_vec(&buffer[..length]).map_err(io::Error::other)?;
            if message.metadata.id == query.metadata.id {
                return Ok(message);
            }
        }
    }
}
