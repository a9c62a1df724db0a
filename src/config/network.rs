//! Networks, addresses and sockets in the configuration.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use ipnet::IpNet;

use super::reader::Reader;
use super::value::Value;
use super::words::quoted;

impl Reader<'_> {
    /// A network in prefix notation, as a value.
    pub(super) fn network(&mut self, value: &Value<'_>) -> Option<IpNet> {
        let text = self.string(value)?;
        self.network_text(&value.span, text, &value.to_string())
    }

    /// A network in prefix notation that stands at `span` as `place`.
    pub(super) fn network_text(&mut self, span: &Range<usize>, text: &str, place: &str) -> Option<IpNet> {
        let parsed: Option<IpNet> = text.parse().ok();
        let (expected, remedy) = match (parsed, text.parse::<IpAddr>()) {
            (Some(network), _) if network == network.trunc() => return Some(network),
            (Some(network), _) => (
                "a network whose address has no bits behind the prefix".to_owned(),
                format!("write \"{}\"", network.trunc()),
            ),
            (None, Ok(address)) => {
                ("a network with its prefix length".to_owned(), format!("write \"{}\"", IpNet::from(address)))
            }
            (None, Err(_)) => (
                "a network in prefix notation".to_owned(),
                "write it as in \"192.0.2.0/24\" or \"2001:db8::/32\"".to_owned(),
            ),
        };
        self.error(span, format!("{} as {place}", quoted(text)), expected, remedy);
        None
    }

    /// An address with its port, to listen on. Port 0 asks the system for a free one.
    pub(super) fn socket(&mut self, value: &Value<'_>, port: u16) -> Option<SocketAddr> {
        let text = self.string(value)?;
        if let Ok(socket) = text.parse() {
            return Some(socket);
        }
        let remedy = match (text.parse::<IpAddr>(), text.strip_prefix(':'), text.strip_prefix("*:")) {
            (Ok(address), _, _) => format!("write \"{}\"", SocketAddr::new(address, port)),
            (_, Some(port), _) | (_, _, Some(port)) if port.parse::<u16>().is_ok() => {
                format!("write \"0.0.0.0:{port}\" and \"[::]:{port}\"")
            }
            _ if text.starts_with("localhost") => format!("write \"127.0.0.1:{port}\""),
            _ => format!("write it as in \"127.0.0.1:{port}\" or \"[::1]:{port}\""),
        };
        self.refuse(value, "an address with a port", remedy);
        None
    }
}

/// Whether two networks share an address.
pub(super) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
