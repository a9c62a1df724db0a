//! `[monitor.*]`: how endpoints are probed (DESIGN section 5); here what all kinds have in common, one file a kind below.

mod agent;
mod database;
mod dns;
mod exec;
mod handshake;
mod http;
mod imap;
mod json;
mod levels;
mod lmtp;
mod login;
mod pop3;
mod prometheus;
mod smtp;
mod submission;
mod tcp;
mod tls;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::defaults::{
    BURST_GAP, BURST_GAP_RANGE, FALL, INTERVAL, INTERVAL_RANGE, POSITIONS, RISE, RISE_FALL_RANGE, SUBMISSION_PORT,
    TIMEOUT, TIMEOUT_RANGE,
};
use super::duration::written;
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use super::words::{quoted, similar};
use crate::model::{DetectorKind, Monitor, MonitorKind, NodeSettings, ProbeAddress, Site};

/// Keys of every kind.
const COMMON: [&str; 9] = ["kind", "port", "interval", "timeout", "rise", "fall", "burst_gap", "detector", "addresses"];

/// A kind of monitor as configurations write it.
struct Kind {
    /// The word.
    word: &'static str,
    /// The keys that it has besides the common ones.
    keys: &'static [&'static [&'static str]],
    /// What its own keys say.
    read: fn(&mut Reader<'_>, &Table<'_>, &Surroundings<'_>) -> Asked,
}

/// What a monitor asks, and where by default.
struct Asked {
    kind: MonitorKind,
    port: Port,
}

/// The port of a monitor whose section names none.
enum Port {
    /// The one that the protocol has.
    Usual(u16),
    /// There is no usual one: the section must name it.
    Required,
    /// The protocol has no ports.
    Absent,
    /// As before, where this is one that many have.
    RequiredLike(u16),
}

/// What the keys of a monitor may refer to.
struct Surroundings<'a> {
    node: &'a NodeSettings,
}

/// All kinds, in the order in which they are listed to people.
const KINDS: &[Kind] = &[
    Kind { word: "tcp", keys: &[&tcp::KEYS, &tls::KEYS], read: tcp::read },
    Kind { word: "smtp", keys: &[&smtp::KEYS, &tls::KEYS], read: smtp::read },
    Kind { word: "submission", keys: &[&submission::KEYS, &login::KEYS, &tls::KEYS], read: submission::read },
    Kind { word: "lmtp", keys: &[&lmtp::KEYS, &tls::KEYS], read: lmtp::read },
    Kind { word: "imap", keys: &[&imap::KEYS, &login::KEYS, &tls::KEYS], read: imap::read },
    Kind { word: "pop3", keys: &[&pop3::KEYS, &login::KEYS, &tls::KEYS], read: pop3::read },
    Kind { word: "http", keys: &[&http::KEYS], read: http::read },
    Kind { word: "https", keys: &[&http::KEYS, &tls::KEYS], read: http::read_secure },
    Kind { word: "tls", keys: &[&handshake::KEYS, &tls::KEYS], read: handshake::read },
    Kind { word: "dns", keys: &[&dns::KEYS], read: dns::read },
    Kind { word: "icmp", keys: &[], read: |_, _, _| Asked { kind: MonitorKind::Icmp, port: Port::Absent } },
    Kind {
        word: "postgres",
        keys: &[&database::KEYS, &database::POSTGRES_KEYS, &tls::KEYS],
        read: database::read_postgres,
    },
    Kind { word: "mysql", keys: &[&database::KEYS, &tls::KEYS], read: database::read_mysql },
    Kind { word: "prometheus", keys: &[&prometheus::KEYS, &levels::KEYS, &tls::KEYS], read: prometheus::read },
    Kind { word: "json", keys: &[&json::KEYS, &levels::KEYS, &tls::KEYS], read: json::read },
    Kind { word: "agent", keys: &[&agent::KEYS], read: agent::read },
    Kind { word: "exec", keys: &[&exec::KEYS], read: exec::read },
];

impl Kind {
    /// All keys that it has.
    fn keys(&self) -> Vec<&'static str> {
        COMMON.iter().chain(self.keys.iter().copied().flatten()).copied().collect()
    }
}

/// All monitors, in name order. Defaults: interval 1 s, timeout 2 s, rise 3, fall 3, bursts 200 ms apart, judged by
/// evidence. Kinds whose protocol has a port have that one; the others must name theirs.
pub(super) fn read(
    reader: &mut Reader<'_>,
    tables: &[(Value<'_>, Table<'_>)],
    names: &Roster,
    node: &NodeSettings,
    sites: &[Site],
) -> Vec<Monitor> {
    if let Some((_, table)) = tables.get(POSITIONS) {
        let what = format!("{} monitors", tables.len());
        reader.error(&table.span, what, format!("at most {POSITIONS}"), "share monitors between services");
    }
    let mut monitors = Vec::with_capacity(tables.len());
    for (position, (_, table)) in tables.iter().enumerate() {
        monitors.push(monitor(reader, table, names.name(position), node, sites));
    }
    monitors
}

fn monitor(reader: &mut Reader<'_>, table: &Table<'_>, name: &str, node: &NodeSettings, sites: &[Site]) -> Monitor {
    let words: Vec<(&str, usize)> = KINDS.iter().enumerate().map(|(position, kind)| (kind.word, position)).collect();
    let listed = KINDS.iter().map(|kind| kind.word).collect::<Vec<_>>().join(", ");
    let kind = reader.required(table, "kind", &format!("one of {listed}"), "\"smtp\"");
    let kind = kind.and_then(|value| reader.word(&value, &words)).and_then(|position| KINDS.get(position));
    allow(reader, table, kind);
    let asked = kind.map(|kind| (kind.read)(reader, table, &Surroundings { node }));
    let port = match (table.get("port"), &asked) {
        (Some(value), Some(Asked { port: Port::Absent, .. })) => {
            let what = format!("{value}, which a monitor of kind {} does not have", kind.map_or("", |kind| kind.word));
            reader.error(&value.key_span, what, "no port", "delete it");
            None
        }
        (Some(value), _) => reader.integer(&value, 1..=65535),
        (None, Some(Asked { port: Port::Usual(port), .. })) => Some(*port),
        (None, Some(Asked { port: port @ (Port::Required | Port::RequiredLike(_)), .. })) => {
            let example = if let Port::RequiredLike(port) = port { *port } else { SUBMISSION_PORT };
            let word = kind.map_or("", |kind| kind.word);
            let what = format!("port, which a {word} monitor has no default for");
            reader.missing(table, "port", what, format!("add port = {example}"));
            None
        }
        (None, None | Some(Asked { port: Port::Absent, .. })) => None,
    };
    let interval = duration_or(reader, table, "interval", &INTERVAL_RANGE, INTERVAL);
    let timeout = duration_or(reader, table, "timeout", &TIMEOUT_RANGE, TIMEOUT);
    let detectors = [("evidence", DetectorKind::Evidence), ("count", DetectorKind::Count)];
    let detector = table.get("detector").and_then(|value| reader.word(&value, &detectors));
    Monitor {
        name: name.to_owned(),
        kind: asked.map_or(MonitorKind::Tcp, |asked| asked.kind),
        port: port.unwrap_or_default(),
        interval,
        timeout,
        rise: table.get("rise").and_then(|value| reader.integer(&value, RISE_FALL_RANGE)).unwrap_or(RISE),
        fall: table.get("fall").and_then(|value| reader.integer(&value, RISE_FALL_RANGE)).unwrap_or(FALL),
        burst_gap: burst_gap(reader, table, interval),
        detector: detector.unwrap_or(DetectorKind::Evidence),
        addresses: addresses(reader, table, sites),
    }
}

/// Reports unknown keys, and apart from them those that another kind of monitor has.
fn allow(reader: &mut Reader<'_>, table: &Table<'_>, kind: Option<&Kind>) {
    let mut every = KINDS.iter().flat_map(Kind::keys).collect::<Vec<_>>();
    every.sort_unstable();
    every.dedup();
    let Some(kind) = kind else { return reader.allow(table, &every) };
    let (own, word) = (kind.keys(), kind.word);
    for value in table.values().filter(|value| !own.contains(&value.key.as_ref())) {
        let foreign = every.contains(&value.key.as_ref());
        let what = if foreign {
            format!("{} in {}, which a monitor of kind {word} does not have", value.key, table.title)
        } else {
            format!("unknown key {} in {}", quoted(&value.key), table.title)
        };
        let remedy = match similar(&value.key, own.iter().copied()) {
            _ if foreign && value.key == "tls" && word == "http" => {
                "write kind = \"https\" for TLS, or delete tls".to_owned()
            }
            _ if value.key == "password" && own.contains(&"password_file") => {
                "write it into a file that only waypost may read, and add password_file with its path".to_owned()
            }
            Some(meant) if !foreign => format!("did you mean \"{meant}\"?"),
            _ => "delete it".to_owned(),
        };
        reader.error(&value.key_span, what, format!("one of {}", own.join(", ")), remedy);
    }
}

fn duration_or(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    key: &str,
    range: &std::ops::RangeInclusive<Duration>,
    default: Duration,
) -> Duration {
    table.get(key).and_then(|value| reader.duration(&value, range)).unwrap_or(default)
}

/// A confirm burst that is slower than the schedule confirms nothing.
fn burst_gap(reader: &mut Reader<'_>, table: &Table<'_>, interval: Duration) -> Duration {
    let Some(value) = table.get("burst_gap") else { return BURST_GAP.min(interval) };
    let gap = reader.duration(&value, &BURST_GAP_RANGE).unwrap_or(BURST_GAP);
    if gap > interval {
        let expected = format!("at most the interval, {}", written(interval));
        reader.refuse(&value, expected, format!("write burst_gap = \"{}\"", written(BURST_GAP.min(interval))));
    }
    gap
}

/// `addresses = { "192.0.2.10" = "127.0.0.11:2525" }`: what is probed instead of the answered address.
fn addresses(reader: &mut Reader<'_>, table: &Table<'_>, sites: &[Site]) -> BTreeMap<IpAddr, ProbeAddress> {
    let mut addresses = BTreeMap::new();
    let entries = table.get("addresses").and_then(|value| reader.table(&value, "\"192.0.2.10\" = \"10.0.0.10:2525\""));
    for value in entries.iter().flat_map(Table::values) {
        let answered = value.key.parse::<IpAddr>().ok();
        if answered.is_none() {
            let what = format!("{} in addresses of {}", quoted(&value.key), table.title);
            reader.error(&value.key_span, what, "an address that is answered", "write it as in \"192.0.2.10\"");
        }
        let (Some(answered), Some(probe)) = (answered, probe_address(reader, &value)) else { continue };
        if !sites.iter().any(|site| site.contains(answered)) {
            let what = format!("{answered} in addresses of {}, which is at no site", table.title);
            let remedy = "correct the address, or add its network to a site";
            reader.warning(&value.key_span, what, "an address in the networks of a site", remedy);
        }
        if addresses.insert(answered, probe).is_some() {
            let what = format!("{answered} a second time in addresses of {}", table.title);
            reader.error(&value.key_span, what, "each address once", "delete one");
        }
    }
    addresses
}

fn probe_address(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<ProbeAddress> {
    let text = reader.string(value)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(ProbeAddress { address, port: None });
    }
    let probe = text.parse::<SocketAddr>().ok().filter(|probe| probe.port() != 0);
    if probe.is_none() {
        let remedy = "write it as in \"10.0.0.10\", \"10.0.0.10:2525\" or \"[2001:db8::1]:2525\"";
        reader.refuse(value, "the address to probe, with or without a port", remedy);
    }
    probe.map(|probe| ProbeAddress { address: probe.ip(), port: Some(probe.port()) })
}
