//! `[monitor.*]`: how endpoints are probed (DESIGN section 5).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::defaults::{
    BURST_GAP, BURST_GAP_RANGE, FALL, HTTP_PATH, HTTP_PORT, HTTPS_PORT, INTERVAL, INTERVAL_RANGE, POSITIONS,
    REGEX_COMPILED, REGEX_OCTETS, RISE, RISE_FALL_RANGE, SMTP_PORT, SUBMISSIONS_PORT, TIMEOUT, TIMEOUT_RANGE,
};
use super::duration::written;
use super::reader::Reader;
use super::roster::Roster;
use super::tls;
use super::value::{Table, Value};
use super::words::{quoted, similar};
use crate::model::{
    DetectorKind, HttpCheck, Monitor, MonitorKind, NodeSettings, ProbeAddress, Site, SmtpCheck, TlsMode, TlsPolicy,
};

/// Keys of every kind.
const COMMON: [&str; 9] = ["kind", "port", "interval", "timeout", "rise", "fall", "burst_gap", "detector", "addresses"];
const SMTP: [&str; 3] = ["helo", "tls", "recipient"];
const HTTP: [&str; 4] = ["host", "path", "status", "body"];

/// The words for [`MonitorKind`]; `https` is HTTP with TLS.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Tcp,
    Smtp,
    Http,
    Https,
}

impl Kind {
    const WORDS: [(&'static str, Self); 4] =
        [("tcp", Self::Tcp), ("smtp", Self::Smtp), ("http", Self::Http), ("https", Self::Https)];

    fn keys(self) -> Vec<&'static str> {
        let own: &[&[&str]] = match self {
            Self::Tcp => &[],
            Self::Smtp => &[&SMTP, &tls::KEYS],
            Self::Http => &[&HTTP],
            Self::Https => &[&HTTP, &tls::KEYS],
        };
        COMMON.iter().chain(own.iter().copied().flatten()).copied().collect()
    }
}

/// All monitors, in name order. Defaults: interval 1 s, timeout 2 s, rise 3, fall 3, bursts 200 ms apart, judged by
/// evidence; SMTP on port 25 (465 with implicit TLS) with STARTTLS, HTTP on 80, HTTPS on 443; a TCP port is required.
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
    let kind = reader.required(table, "kind", "one of tcp, smtp, http, https", "\"smtp\"");
    let kind = kind.and_then(|value| reader.word(&value, &Kind::WORDS));
    allow(reader, table, kind);
    let (check, port) = match kind {
        Some(Kind::Smtp) => smtp(reader, table, node),
        Some(Kind::Http) => (http(reader, table, TlsMode::Off), Some(HTTP_PORT)),
        Some(Kind::Https) => (http(reader, table, TlsMode::Implicit), Some(HTTPS_PORT)),
        Some(Kind::Tcp) | None => (MonitorKind::Tcp, None),
    };
    let port = match (table.get("port"), kind) {
        (Some(value), _) => reader.integer(&value, 1..=65535),
        (None, Some(Kind::Tcp)) => {
            reader.missing(table, "port", "port, which a tcp monitor has no default for", "add port = 587");
            None
        }
        (None, _) => port,
    };
    let interval = duration_or(reader, table, "interval", &INTERVAL_RANGE, INTERVAL);
    let timeout = duration_or(reader, table, "timeout", &TIMEOUT_RANGE, TIMEOUT);
    let detectors = [("evidence", DetectorKind::Evidence), ("count", DetectorKind::Count)];
    let detector = table.get("detector").and_then(|value| reader.word(&value, &detectors));
    Monitor {
        name: name.to_owned(),
        kind: check,
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
fn allow(reader: &mut Reader<'_>, table: &Table<'_>, kind: Option<Kind>) {
    let mut every = Kind::WORDS.iter().flat_map(|(_, kind)| kind.keys()).collect::<Vec<_>>();
    every.sort_unstable();
    every.dedup();
    let Some(kind) = kind else { return reader.allow(table, &every) };
    let own = kind.keys();
    let word = Kind::WORDS.iter().find(|(_, other)| *other == kind).map_or("", |(word, _)| *word);
    for value in table.values().filter(|value| !own.contains(&value.key.as_ref())) {
        let foreign = every.contains(&value.key.as_ref());
        let what = if foreign {
            format!("{} in {}, which a monitor of kind {word} does not have", value.key, table.title)
        } else {
            format!("unknown key {} in {}", quoted(&value.key), table.title)
        };
        let remedy = match similar(&value.key, own.iter().copied()) {
            _ if foreign && value.key == "tls" => "write kind = \"https\" for TLS, or delete tls".to_owned(),
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

/// The check of an SMTP monitor and its default port.
///
/// `tls` defaults to `starttls` with verification: most mail between servers is encrypted, and a server that lost
/// its certificate or STARTTLS is in trouble that a bare greeting does not show. Such trouble defers, it does not
/// withdraw. A server without TLS says `tls = "none"`. `helo` defaults to the name of the node.
fn smtp(reader: &mut Reader<'_>, table: &Table<'_>, node: &NodeSettings) -> (MonitorKind, Option<u16>) {
    let modes = [("starttls", TlsMode::Starttls), ("implicit", TlsMode::Implicit), ("none", TlsMode::Off)];
    let mode = table.get("tls").and_then(|value| reader.word(&value, &modes)).unwrap_or(TlsMode::Starttls);
    let helo = table.get("helo").and_then(|value| reader.host(&value)).unwrap_or_else(|| node.name.clone());
    let recipient = table.get("recipient").and_then(|value| reader.mailbox(&value));
    let port = if mode == TlsMode::Implicit { SUBMISSIONS_PORT } else { SMTP_PORT };
    (MonitorKind::Smtp(SmtpCheck { helo, tls: tls::read(reader, table, mode), recipient }), Some(port))
}

/// The check of an HTTP monitor. `host` defaults to the endpoint's address, `path` to `/`, `status` to 200 to 299.
fn http(reader: &mut Reader<'_>, table: &Table<'_>, mode: TlsMode) -> MonitorKind {
    let tls = match mode {
        TlsMode::Off => TlsPolicy { mode, verify: true, ca: None, name: None, expiry_warning: Duration::ZERO },
        _ => tls::read(reader, table, mode),
    };
    MonitorKind::Http(HttpCheck {
        host: table.get("host").and_then(|value| reader.host(&value)),
        path: table.get("path").and_then(|value| http_path(reader, &value)).unwrap_or_else(|| HTTP_PATH.to_owned()),
        status: table.get("status").map(|value| status(reader, &value)).unwrap_or_default(),
        body: table.get("body").and_then(|value| regex(reader, &value)),
        tls,
    })
}

/// An absolute path with query (RFC 9112 section 3.2.1). It is sent as it is, so nothing that ends the line passes.
fn http_path(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if text.starts_with('/') && text.chars().all(|letter| letter.is_ascii_graphic() && letter != '#') {
        return Some(text.to_owned());
    }
    let remedy = match text.split_once("://").and_then(|(_, rest)| rest.split_once('/')) {
        Some((_, path)) => format!("write {}; the host goes into host", quoted(&format!("/{path}"))),
        None => "write it as in \"/healthz\", other characters as %XX".to_owned(),
    };
    reader.refuse(value, "a path that starts with /, in visible ASCII", remedy);
    None
}

/// One status code or several, ascending.
fn status(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<u16> {
    let members = if value.is_array() {
        reader.some_list(value, "at least one status code", "200").unwrap_or_default()
    } else {
        vec![value.clone()]
    };
    let mut codes: Vec<u16> = members.iter().filter_map(|member| reader.integer(member, 100..=599)).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn regex(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    let fault = if text.len() > REGEX_OCTETS {
        format!("it has more than {REGEX_OCTETS} octets")
    } else {
        match regex::RegexBuilder::new(text).size_limit(REGEX_COMPILED).build() {
            Ok(_) => return Some(text.to_owned()),
            // The last line says what is wrong, those above draw it.
            Err(error) => error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        }
    };
    let remedy = "correct it; characters that are meant literally take a backslash, and single quotes keep it";
    reader.refuse(value, format!("a regular expression ({fault})"), remedy);
    None
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
