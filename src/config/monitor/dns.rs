//! `kind = "dns"`: a query to a name server.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::{Asked, Port, Surroundings};
use crate::config::defaults::{DNS_EXPECT, DNS_PORT};
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::model::{DnsCheck, MonitorKind, Name, Transport};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 7] = ["name", "type", "rcode", "expect", "recursion", "authoritative", "transport"];

/// Response codes as tools print them (RFC 1035 section 4.1.1, RFC 2136 section 2.2).
const RCODES: [(&str, ResponseCode); 7] = [
    ("NOERROR", ResponseCode::NoError),
    ("NXDOMAIN", ResponseCode::NXDomain),
    ("REFUSED", ResponseCode::Refused),
    ("SERVFAIL", ResponseCode::ServFail),
    ("NOTIMP", ResponseCode::NotImp),
    ("NOTAUTH", ResponseCode::NotAuth),
    ("FORMERR", ResponseCode::FormErr),
];

/// Types whose record data people write in one way.
const COMPARED: [RecordType; 9] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CNAME,
    RecordType::MX,
    RecordType::NS,
    RecordType::PTR,
    RecordType::SOA,
    RecordType::SRV,
    RecordType::TXT,
];

/// Types that are no question of their own about a name: OPT, signatures of transactions, transfers.
const NOT_ASKED: [RecordType; 5] =
    [RecordType::OPT, RecordType::TSIG, RecordType::AXFR, RecordType::IXFR, RecordType::ZERO];

/// The check of a DNS monitor. Defaults: the SOA over UDP, NOERROR, recursion not desired, any reply authoritative or not.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let name = reader.required(table, "name", "the name that is asked for", "\"example.org\"");
    let rtype = table.get("type").and_then(|value| record_type(reader, &value)).unwrap_or(RecordType::SOA);
    let transports = [("udp", Transport::Udp), ("tcp", Transport::Tcp)];
    let check = DnsCheck {
        name: name.and_then(|value| reader.domain(&value)).unwrap_or_else(Name::root),
        rtype,
        transport: table.get("transport").and_then(|value| reader.word(&value, &transports)).unwrap_or(Transport::Udp),
        recursion: table.get("recursion").and_then(|value| reader.boolean(&value)).unwrap_or(false),
        rcodes: rcodes(reader, table),
        expect: table.get("expect").map(|value| expect(reader, &value, rtype)).unwrap_or_default(),
        authoritative: table.get("authoritative").and_then(|value| reader.boolean(&value)).unwrap_or(false),
    };
    Asked { kind: MonitorKind::Dns(check), port: Port::Usual(DNS_PORT) }
}

fn record_type(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<RecordType> {
    let text = reader.string(value)?;
    let rtype = text.to_ascii_uppercase().parse().ok().filter(|rtype| !NOT_ASKED.contains(rtype));
    if rtype.is_none() {
        reader.refuse(value, "a record type, as in SOA or MX", "write record types as zone files do");
    }
    rtype
}

/// One response code or several.
fn rcodes(reader: &mut Reader<'_>, table: &Table<'_>) -> Vec<ResponseCode> {
    let Some(value) = table.get("rcode") else { return vec![ResponseCode::NoError] };
    let members = match value.is_array() {
        true => reader.some_list(&value, "at least one response code", "\"NOERROR\"").unwrap_or_default(),
        false => vec![value],
    };
    members.iter().filter_map(|member| reader.word(member, &RCODES)).collect()
}

/// Record data of which at least one must be there; what can be no data of `rtype` would never be.
fn expect(reader: &mut Reader<'_>, value: &Value<'_>, rtype: RecordType) -> Vec<String> {
    if !COMPARED.contains(&rtype) {
        let types = COMPARED.map(|rtype| rtype.to_string()).join(", ");
        let what = format!("{value} with type {rtype}");
        reader.error(&value.key_span, what, format!("a type of {types}"), "delete expect");
        return Vec::new();
    }
    let example = "\"192.0.2.10\"";
    let members = reader.some_list(value, "at least one text of record data", example).unwrap_or_default();
    if let Some(surplus) = members.get(DNS_EXPECT) {
        let what = format!("{} texts as {value}", members.len());
        reader.error(&surplus.span, what, format!("at most {DNS_EXPECT}"), "keep those that matter");
    }
    members.iter().filter_map(|member| record_data(reader, member, rtype)).collect()
}

fn record_data(reader: &mut Reader<'_>, value: &Value<'_>, rtype: RecordType) -> Option<String> {
    let text = reader.string(value)?;
    let (fits, expected, example) = match rtype {
        RecordType::A => (text.parse::<Ipv4Addr>().is_ok(), "an IPv4 address", "\"192.0.2.10\""),
        RecordType::AAAA => (text.parse::<Ipv6Addr>().is_ok(), "an IPv6 address", "\"2001:db8::10\""),
        RecordType::MX => (fields(text) == 2, "preference and host", "\"10 mx.example.org.\""),
        RecordType::SRV => (fields(text) == 4, "priority, weight, port and target", "\"0 5 993 imap.example.org.\""),
        RecordType::SOA => (fields(text) == 7, "the seven fields of an SOA record", "\"ns. admin. 1 2 3 4 5\""),
        RecordType::TXT => (!text.is_empty(), "a text", "\"v=spf1 -all\""),
        _ => (fields(text) == 1, "a domain name", "\"mx.example.org.\""),
    };
    if fits {
        return Some(text.to_owned());
    }
    reader.refuse(value, format!("data of type {rtype}: {expected}"), format!("write it as in {example}"));
    None
}

fn fields(text: &str) -> usize {
    text.split_whitespace().count()
}
