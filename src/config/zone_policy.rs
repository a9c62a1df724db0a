//! What others may do with a zone: `transfer`, `notify`, `update`, `serial` and `dnssec` of `[[zone]]`.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::RecordType;
use ipnet::IpNet;

use super::defaults::DNS_PORT;
use super::key;
use super::reader::Reader;
use super::value::{Table, Value};
use super::words::quoted;
use super::zone::report_second_peer;
use crate::model::{
    Denial, KeySource, Name, Peer, SerialPolicy, TransferRule, UpdateRule, ZoneContent, ZoneOrigins, ZonePolicy,
    ZoneSigning,
};

const PEER: &str = "address = \"192.0.2.53\", key = \"xfer\"";
const TRANSFER: &str = "from = [\"192.0.2.53\"], key = \"xfer\"";
const UPDATE: &str = "key = \"acme\", names = [\"_acme-challenge.mx.example.org\"], types = [\"TXT\"]";

/// The policy of a section. Nothing is allowed that it does not allow.
pub(super) fn read(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    keys: &[KeySource],
    origins: Option<&ZoneOrigins>,
    content: Option<&ZoneContent>,
) -> ZonePolicy {
    let transfer = table.get("transfer").map(|value| transfer(reader, &value, keys)).unwrap_or_default();
    let notify = table.get("notify").map(|value| peers(reader, &value, keys)).unwrap_or_default();
    let update = table.get("update").map(|value| updates(reader, &value, keys, origins, content)).unwrap_or_default();
    let serial = table.get("serial").map(|value| serial(reader, &value, content)).unwrap_or_default();
    let dnssec = table.get("dnssec").and_then(|value| dnssec(reader, &value, origins, content));
    ZonePolicy { transfer, notify, update, serial, dnssec }
}

/// A list of servers.
pub(super) fn peers(reader: &mut Reader<'_>, value: &Value<'_>, keys: &[KeySource]) -> Vec<Peer> {
    let members = reader.some_list(value, "at least one server", &format!("{{ {PEER} }}")).unwrap_or_default();
    let mut peers = Vec::with_capacity(members.len());
    for member in members {
        let Some(table) = reader.table(&member, PEER) else { continue };
        reader.allow(&table, &["address", "key"]);
        let address = reader.required(&table, "address", "the server's", "\"192.0.2.53\"");
        let address = address.and_then(|value| server(reader, &value));
        let key = table.get("key").and_then(|value| key::resolve_or_none(reader, &value, keys)).flatten();
        if let Some(address) = address {
            let peer = Peer { address, key };
            report_second_peer(reader, &member, &peers, &peer);
            peers.push(peer);
        }
    }
    peers
}

/// An address, with a port where it is not 53.
fn server(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<SocketAddr> {
    let text = reader.string(value)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, DNS_PORT));
    }
    let parsed = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
    if parsed.is_none() {
        let remedy = "write it as in \"192.0.2.53\", \"2001:db8::53\" or \"192.0.2.53:5353\"; names are not looked up";
        reader.refuse(value, "an IP address, with a port or without", remedy);
    }
    parsed
}

fn transfer(reader: &mut Reader<'_>, value: &Value<'_>, keys: &[KeySource]) -> Vec<TransferRule> {
    let members = reader.some_list(value, "at least one rule", &format!("{{ {TRANSFER} }}")).unwrap_or_default();
    let mut rules = Vec::with_capacity(members.len());
    for member in members {
        let Some(table) = reader.table(&member, TRANSFER) else { continue };
        reader.allow(&table, &["from", "key"]);
        let from = reader.required(&table, "from", "the addresses of secondaries", "[\"192.0.2.53\"]");
        let from = from.map(|value| sources(reader, &value)).unwrap_or_default();
        let key = reader.required(&table, "key", "which signs the requests", "\"xfer\"");
        let Some(value) = key else { continue };
        let key = key::resolve_or_none(reader, &value, keys);
        if key == Some(None) {
            let what = format!("no key as {value}");
            let expected = "a key; without one, whoever can send from these addresses gets the zone";
            reader.warning(&value.span, what, expected, "declare a [[key]], unless the secondary cannot sign");
        }
        if let Some(key) = key {
            rules.push(TransferRule { from, key });
        }
    }
    rules
}

/// Networks, or addresses that stand for themselves.
fn sources(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<IpNet> {
    let members = reader.some_list(value, "at least one address", "\"192.0.2.53\"").unwrap_or_default();
    let mut sources = Vec::with_capacity(members.len());
    for member in members {
        let Some(text) = reader.string(&member) else { continue };
        match text.parse::<IpAddr>() {
            Ok(address) => sources.push(address.into()),
            Err(_) => sources.extend(reader.network(&member)),
        }
    }
    sources
}

fn updates(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    keys: &[KeySource],
    origins: Option<&ZoneOrigins>,
    content: Option<&ZoneContent>,
) -> Vec<UpdateRule> {
    if matches!(content, Some(ZoneContent::Primaries(_))) {
        let remedy = "send updates to the primary, or serve the zone from a file";
        reader.error(&value.key_span, "update beside primaries in [[zone]]", "update beside file", remedy);
    }
    if matches!(origins, Some(ZoneOrigins::Listed(_))) {
        let remedy = "give the zone that takes updates a [[zone]] of its own";
        reader.error(&value.key_span, "update beside origins in [[zone]]", "update beside origin", remedy);
    }
    let members = reader.some_list(value, "at least one rule", &format!("{{ {UPDATE} }}")).unwrap_or_default();
    let mut rules = Vec::with_capacity(members.len());
    for member in members {
        let Some(table) = reader.table(&member, UPDATE) else { continue };
        reader.allow(&table, &["key", "names", "types"]);
        let key = reader.required(&table, "key", "which signs the updates", "\"acme\"");
        let key = key.and_then(|value| key::resolve(reader, &value, keys));
        let example = "[\"_acme-challenge.mx.example.org\"]";
        let names = reader.required(&table, "names", "which may be changed", example);
        let names = names.map(|value| update_names(reader, &value, origins)).unwrap_or_default();
        let types = reader.required(&table, "types", "which may be changed", "[\"TXT\"]");
        let types = types.map(|value| update_types(reader, &value)).unwrap_or_default();
        if let Some(key) = key {
            rules.push(UpdateRule { key, names, types });
        }
    }
    rules
}

fn update_names(reader: &mut Reader<'_>, value: &Value<'_>, origins: Option<&ZoneOrigins>) -> Vec<Name> {
    let example = "\"_acme-challenge.mx.example.org\"";
    let members = reader.some_list(value, "at least one name", example).unwrap_or_default();
    let mut names = Vec::with_capacity(members.len());
    for member in members {
        let Some(name) = reader.domain(&member) else { continue };
        if let Some(ZoneOrigins::One(origin)) = origins
            && !name.is_at_or_below(origin)
        {
            let remedy = format!("write the whole name, as in \"_acme-challenge.{}\"", shown(origin));
            reader.refuse(&member, format!("a name in the zone {origin}"), remedy);
        }
        names.push(name);
    }
    names
}

/// Types that a zone holds and neither its frame nor its signer makes.
fn update_types(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<RecordType> {
    let expected = "types of data, as in TXT, A, AAAA, MX, CNAME, TLSA or CAA";
    let members = reader.some_list(value, expected, "\"TXT\"").unwrap_or_default();
    let mut types = Vec::with_capacity(members.len());
    for member in members {
        let Some(text) = reader.string(&member) else { continue };
        let rtype = text.to_ascii_uppercase().parse::<RecordType>().ok();
        match rtype.filter(|rtype| is_data(*rtype)) {
            Some(rtype) => types.push(rtype),
            None => {
                let remedy = match rtype {
                    Some(RecordType::SOA | RecordType::NS) => "change it in the zone file".to_owned(),
                    Some(rtype) => format!("leave {rtype} out"),
                    None => format!("write {} as zone files do", quoted(text)),
                };
                reader.refuse(&member, expected, remedy);
            }
        }
    }
    types
}

fn is_data(rtype: RecordType) -> bool {
    // OPT; SOA, NS; DS, RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, CDS, CDNSKEY; DNAME, which hides names.
    !matches!(u16::from(rtype), 0 | 41 | 6 | 2 | 43 | 46 | 47 | 48 | 50 | 51 | 59 | 60 | 39 | 128..=255)
}

fn serial(reader: &mut Reader<'_>, value: &Value<'_>, content: Option<&ZoneContent>) -> SerialPolicy {
    let policy = reader.word(value, &[("keep", SerialPolicy::Keep), ("unixtime", SerialPolicy::UnixTime)]);
    if policy == Some(SerialPolicy::UnixTime) && matches!(content, Some(ZoneContent::Primaries(_))) {
        let remedy = "delete it: a secondary keeps the serial of its primary";
        reader.error(&value.span, "serial = \"unixtime\" beside primaries in [[zone]]", "keep", remedy);
    }
    policy.unwrap_or_default()
}

/// `true`, or a table with `keyset` and `denial`.
fn dnssec(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    origins: Option<&ZoneOrigins>,
    content: Option<&ZoneContent>,
) -> Option<ZoneSigning> {
    const EXAMPLE: &str = "keyset = \"hosted\", denial = \"nsec3\"";
    let signing = if value.is_table() {
        let table = reader.table(value, EXAMPLE)?;
        reader.allow(&table, &["keyset", "denial"]);
        let keyset = table.get("keyset").and_then(|value| keyset(reader, &value));
        let words = [("nsec", Denial::Nsec), ("nsec3", Denial::Nsec3)];
        let denial = table.get("denial").and_then(|value| reader.word(&value, &words)).unwrap_or_default();
        ZoneSigning { keyset, denial }
    } else if value.as_text().is_some() || value.is_array() {
        reader.refuse(value, "true, false or a table", format!("write dnssec = true, or dnssec = {{ {EXAMPLE} }}"));
        return None;
    } else if reader.boolean(value)? {
        ZoneSigning { keyset: None, denial: Denial::Nsec }
    } else {
        return None;
    };
    if matches!(content, Some(ZoneContent::Primaries(_))) {
        let expected = "dnssec beside file; what a primary signed is served as it comes";
        let remedy = "delete it, or let the primary be unsigned and serve the zone from a file";
        reader.error(&value.key_span, "dnssec beside primaries in [[zone]]", expected, remedy);
    }
    if matches!(origins, Some(ZoneOrigins::Listed(_))) && signing.keyset.is_none() {
        let remedy = "write dnssec = { keyset = \"hosted\" }; 'waypost key generate --keyset hosted' makes it";
        reader.error(&value.span, "dnssec without keyset beside origins", "one keyset for all of them", remedy);
    }
    Some(signing)
}

/// Keysets become file names.
fn keyset(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let name = reader.string(value)?;
    let letter =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'_' | b'.');
    if (1..=100).contains(&name.len()) && name.bytes().all(letter) && !name.starts_with('.') {
        return Some(name.to_owned());
    }
    let expected = "1 to 100 lower-case letters, digits, hyphens, underscores and dots";
    reader.refuse(value, expected, "write a name as in \"hosted\"");
    None
}

fn shown(name: &Name) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}
