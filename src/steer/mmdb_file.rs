//! A writer of small MMDB files for tests (MaxMind DB format 2.0).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// A value of a record.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(&'static str),
    Double(f64),
    Short(u16),
    Number(u32),
    Long(u64),
    Map(Vec<(&'static str, Value)>),
}

/// A record `{country: {iso_code}, location: {latitude, longitude}}` as in a city database.
pub(super) fn city(code: &'static str, lat: f64, lon: f64) -> Value {
    let location = Value::Map(vec![("latitude", Value::Double(lat)), ("longitude", Value::Double(lon))]);
    Value::Map(vec![("country", Value::Map(vec![("iso_code", Value::Text(code))])), ("location", location)])
}

/// A flat record `{country_code}`.
pub(super) fn flat(code: &'static str) -> Value {
    Value::Map(vec![("country_code", Value::Text(code))])
}

/// The bytes of a database of `ip_version` 4 or 6 with these networks, in which IPv4 is at `::/96`.
pub(super) fn mmdb(kind: &'static str, ip_version: u16, record_size: u16, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut tree = Tree { nodes: vec![[Child::None; 2]] };
    let mut data = Vec::new();
    for (network, value) in networks {
        let offset = data.len();
        encode(value, &mut data);
        tree.insert(&path(network.parse().unwrap(), ip_version), offset);
    }
    let count = u32::try_from(tree.nodes.len()).unwrap();
    let mut bytes = Vec::new();
    for [left, right] in &tree.nodes {
        write_node(record(*left, count), record(*right, count), record_size, &mut bytes);
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = BTreeMap::from([
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(1_700_000_000)),
        ("database_type", Value::Text(kind)),
        ("description", Value::Map(vec![("en", Value::Text("a test"))])),
        ("ip_version", Value::Short(ip_version)),
        ("node_count", Value::Number(count)),
        ("record_size", Value::Short(record_size)),
    ]);
    encode(&Value::Map(metadata.into_iter().collect()), &mut bytes);
    // `languages` is an array, which no record of ours needs: an empty one is two octets, in a map of one more.
    let map = bytes.len() - metadata_length(&bytes);
    bytes[map] += 1;
    bytes.extend(b"\x49languages\x00\x04");
    bytes
}

fn metadata_length(bytes: &[u8]) -> usize {
    let marker = b"\xab\xcd\xefMaxMind.com";
    let start = bytes.windows(marker.len()).rposition(|window| window == marker).unwrap();
    bytes.len() - start - marker.len()
}

#[derive(Clone, Copy)]
enum Child {
    None,
    Node(usize),
    Data(usize),
}

struct Tree {
    nodes: Vec<[Child; 2]>,
}

impl Tree {
    fn insert(&mut self, path: &[usize], data: usize) {
        let (last, upper) = path.split_last().expect("a prefix is not empty");
        let mut node = 0;
        for bit in upper {
            node = match self.nodes[node][*bit] {
                Child::Node(next) => next,
                Child::None | Child::Data(_) => {
                    let inherited = self.nodes[node][*bit];
                    self.nodes.push([inherited; 2]);
                    self.nodes[node][*bit] = Child::Node(self.nodes.len() - 1);
                    self.nodes.len() - 1
                }
            };
        }
        self.nodes[node][*last] = Child::Data(data);
    }
}

/// The bits of a prefix, IPv4 at `::/96` of a tree for IPv6.
fn path(network: IpNet, ip_version: u16) -> Vec<usize> {
    let (bits, width) = match network.network() {
        IpAddr::V4(address) if ip_version == 4 => (u128::from(address.to_bits()) << 96, 0),
        IpAddr::V4(address) => (u128::from(address.to_bits()), 96),
        IpAddr::V6(address) => (address.to_bits(), 0),
    };
    (0..width + usize::from(network.prefix_len())).map(|bit| usize::from((bits >> (127 - bit)) & 1 == 1)).collect()
}

fn record(child: Child, count: u32) -> u32 {
    match child {
        Child::None => count,
        Child::Node(node) => u32::try_from(node).unwrap(),
        Child::Data(offset) => count + 16 + u32::try_from(offset).unwrap(),
    }
}

fn write_node(left: u32, right: u32, record_size: u16, bytes: &mut Vec<u8>) {
    let (l, r) = (left.to_be_bytes(), right.to_be_bytes());
    match record_size {
        24 => bytes.extend([l[1], l[2], l[3], r[1], r[2], r[3]]),
        28 => bytes.extend([l[1], l[2], l[3], (l[0] << 4) | (r[0] & 0x0f), r[1], r[2], r[3]]),
        _ => bytes.extend([l, r].concat()),
    }
}

fn encode(value: &Value, data: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            head(2, text.len(), data);
            data.extend(text.bytes());
        }
        Value::Double(number) => {
            head(3, 8, data);
            data.extend(number.to_be_bytes());
        }
        Value::Short(number) => {
            head(5, 2, data);
            data.extend(number.to_be_bytes());
        }
        Value::Long(number) => {
            // An extended type: 9 is 7 and the 2 that follows.
            data.extend([8, 2]);
            data.extend(number.to_be_bytes());
        }
        Value::Number(number) => {
            head(6, 4, data);
            data.extend(number.to_be_bytes());
        }
        Value::Map(entries) => {
            head(7, entries.len(), data);
            for (key, value) in entries {
                encode(&Value::Text(key), data);
                encode(value, data);
            }
        }
    }
}

fn head(kind: u8, length: usize, data: &mut Vec<u8>) {
    assert!(length < 285, "longer than this writer needs");
    let kind = kind << 5;
    match u8::try_from(length) {
        Ok(short) if short < 29 => data.push(kind | short),
        _ => data.extend([kind | 29, u8::try_from(length - 29).unwrap()]),
    }
}
