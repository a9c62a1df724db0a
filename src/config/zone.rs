//! `[[zone]]`: where zones come from, and the zones made from it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use super::Severity;
use super::reader::Reader;
use super::value::{Table, Value};
use super::zone_policy;
use crate::model::{KeySource, Name, Peer, ZoneContent, ZoneOrigins, ZoneSource};

const KEYS: [&str; 10] =
    ["origin", "origins", "catalog", "file", "primaries", "transfer", "notify", "update", "serial", "dnssec"];

/// The keys that say which zones a section makes.
const ORIGINS: &str = "origin for one zone, origins for a list of them, or catalog for those that a primary lists";

/// All zones, in file order.
pub(super) fn read(reader: &mut Reader<'_>, tables: &[Table<'_>], keys: &[KeySource]) -> Vec<ZoneSource> {
    if tables.is_empty() {
        let remedy = "add [[zone]] with origin = \"example.org\" and file = \"zones/example.org.zone\"";
        reader.whole_file(Severity::Warning, "no [[zone]]", "a zone; without any, every question is refused", remedy);
    }
    let mut seen = Seen::default();
    let mut zones = Vec::with_capacity(tables.len());
    for table in tables {
        reader.allow(table, &KEYS);
        let origins = origins(reader, table, &mut seen);
        let content = content(reader, table, keys);
        if let (Some(ZoneOrigins::Listed(_)), Some(ZoneContent::Primaries(_)), Some(value)) =
            (&origins, &content, table.get("primaries"))
        {
            let remedy = "let the primary list its zones in a catalog zone, and write catalog instead of origins";
            reader.error(&value.key_span, "primaries beside origins in [[zone]]", "file beside origins", remedy);
        }
        if let (Some(ZoneOrigins::Catalog(_)), Some(ZoneContent::File(_)), Some(value)) =
            (&origins, &content, table.get("file"))
        {
            let what = "file beside catalog in [[zone]]";
            let remedy = "write primaries = [{ address = \"192.0.2.1\" }]; for a list on this machine write origins";
            reader.error(&value.key_span, what, "primaries beside catalog", remedy);
        }
        let policy = zone_policy::read(reader, table, keys, origins.as_ref(), content.as_ref());
        if let (Some(origins), Some(content)) = (origins, content) {
            zones.push(ZoneSource { origins, content, policy });
        }
    }
    zones
}

/// What earlier sections named.
#[derive(Default)]
struct Seen {
    origins: BTreeMap<Name, Range<usize>>,
    lists: BTreeMap<PathBuf, Range<usize>>,
}

fn origins(reader: &mut Reader<'_>, table: &Table<'_>, seen: &mut Seen) -> Option<ZoneOrigins> {
    let found: Vec<Value<'_>> = ["origin", "origins", "catalog"].iter().filter_map(|key| table.get(key)).collect();
    match found.as_slice() {
        [] => {
            let remedy = "add origin = \"example.org\"";
            reader.missing(table, "origin", ORIGINS, remedy);
            None
        }
        [value] if value.key == "origins" => reader.path(value).map(|list| {
            report_second(reader, &mut seen.lists, list.clone(), &value.span, &list.display().to_string());
            ZoneOrigins::Listed(list)
        }),
        [value] => reader.domain(value).map(|name| {
            if name.is_wildcard() {
                reader.refuse(value, "the name of a zone", "write it without the asterisk");
            }
            report_second(reader, &mut seen.origins, name.clone(), &value.span, &name.to_string());
            if value.key == "catalog" { ZoneOrigins::Catalog(name) } else { ZoneOrigins::One(name) }
        }),
        [first, second, ..] => {
            let what = format!("both {} and {} in [[zone]]", first.key, second.key);
            reader.error(&second.key_span, what, ORIGINS, "delete one of the two");
            None
        }
    }
}

fn content(reader: &mut Reader<'_>, table: &Table<'_>, keys: &[KeySource]) -> Option<ZoneContent> {
    match (table.get("file"), table.get("primaries")) {
        (Some(file), None) => reader.path(&file).map(ZoneContent::File),
        (None, Some(value)) => {
            let primaries = zone_policy::peers(reader, &value, keys);
            (!primaries.is_empty()).then_some(ZoneContent::Primaries(primaries))
        }
        (Some(_), Some(value)) => {
            let expected = "file where the zone is written here, or primaries where it is transferred";
            reader.error(&value.key_span, "both file and primaries in [[zone]]", expected, "delete one of the two");
            None
        }
        (None, None) => {
            let expected = "file, the RFC 1035 master file; or primaries, the servers to transfer from";
            reader.missing(table, "file", expected, "add file = \"zones/example.org.zone\"");
            None
        }
    }
}

/// Reports `key`, at `span`, if an earlier section has it too.
fn report_second<K: Ord>(
    reader: &mut Reader<'_>,
    seen: &mut BTreeMap<K, Range<usize>>,
    key: K,
    span: &Range<usize>,
    shown: &str,
) {
    if let Some(earlier) = seen.get(&key) {
        let line = reader.line(earlier);
        let what = format!("a second [[zone]] for {shown}; the first is in line {line}");
        reader.error(span, what, "each zone once", "delete one");
    } else {
        seen.insert(key, span.clone());
    }
}

/// Reports a peer that a list names twice.
pub(super) fn report_second_peer(reader: &mut Reader<'_>, value: &Value<'_>, peers: &[Peer], peer: &Peer) {
    if peers.iter().any(|known| known.address == peer.address) {
        let what = format!("{} a second time as {value}", peer.address);
        reader.error(&value.span, what, "each server once", "delete one");
    }
}
